"""Apply the changes of a plan on one event loop: read bookings in pages, record intents, write, record outcomes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_calcom._redact import redact
from airflow_provider_calcom._timestamps import format_timestamp, parse_timestamp
from airflow_provider_calcom.api import endpoints, listing
from airflow_provider_calcom.api.client import AsyncCalComClient
from airflow_provider_calcom.api.errors import (
    AccessRefused,
    BookingNotFound,
    BookingNotStarted,
    CalComError,
    ListingIncomplete,
    NoShowUpdateFailed,
    PermissionDenied,
    TransportError,
    UnexpectedAnswer,
)
from airflow_provider_calcom.api.marking import Written, write_changes
from airflow_provider_calcom.api.models import Booking, Me
from airflow_provider_calcom.api.query import BookingQuery
from airflow_provider_calcom.no_shows.apply.reconcile import ReconcileContext, Reconciliation, reconcile
from airflow_provider_calcom.no_shows.apply.recorder import Recorder
from airflow_provider_calcom.no_shows.apply.worklist import (
    APPLIED,
    FAILED,
    GONE,
    NOT_PERMITTED,
    NOT_STARTED,
    WOULD_APPLY,
    Outcome,
    PlannedChange,
    Worklist,
)
from airflow_provider_calcom.no_shows.ledger.records import LedgerNotWritten
from airflow_provider_calcom.no_shows.ledger.writer import LedgerWriter, WriteOutcome
from airflow_provider_calcom.no_shows.plan_files import Change

log = logging.getLogger(__name__)

_PAGE_SIZE = 250

_MAX_INTENT_AGE = 3600.0
"""Seconds from an intent to its call at most: other bookings, the pace, and blocks of the key come between them."""

_MAX_WARNINGS = 20
"""Errors that are logged as warnings; further ones are logged at DEBUG, so that they do not bury other lines."""

NOT_ATTEMPTED = "not attempted"
INTERRUPTED = "interrupted"
"""Details of failed changes without an error: the run ended before their call, or during it."""


class FailureEndsRun(Exception):
    """A change failed, and ``on_error`` is ``stop``."""


@dataclass(frozen=True)
class _Job:
    """The call for one booking.

    :param recorder: records the results in the ledger.
    :param reconciliation: has the changes to send.
    :param write_ids: ids of the ledger, one for each change to send.
    """

    recorder: Recorder
    reconciliation: Reconciliation
    write_ids: Sequence[str]

    @property
    def uid(self) -> str:
        """The booking's uid."""
        return self.reconciliation.to_send[0].change.booking_uid


@dataclass(frozen=True)
class _Result:
    """The result of one change.

    :param outcome: such as ``applied``.
    :param detail: the reason, or None.
    :param verified: whether the booking shows the new flag; None if that is not known.
    :param request_id: Cal.com's ``X-Request-Id``, or None.
    :param retryable: whether a retry may apply the change.
    """

    outcome: str
    detail: str | None = None
    verified: bool | None = None
    request_id: str | None = None
    retryable: bool = False


_NOT_ATTEMPTED = _Result(FAILED, NOT_ATTEMPTED, verified=False, retryable=True)
_INTERRUPTED = _Result(FAILED, INTERRUPTED, retryable=True)


class ApplyRun:
    """One run over a plan. It records all outcomes in the worklist, and the writes in the ledger.

    After :meth:`run`, ``error`` is why the run ended early, or None; ``calls`` counts the mark-absent calls.

    :param client: open; it paces the calls.
    :param worklist: the plan's changes.
    :param context: the options, and the ledger as it was at the beginning.
    :param ledger: where writes are recorded; None in a dry run.
    :param wall_clock: Unix time.
    :param sleep: waits for some seconds.
    """

    def __init__(
        self,
        client: AsyncCalComClient,
        worklist: Worklist,
        context: ReconcileContext,
        ledger: LedgerWriter | None,
        *,
        wall_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.calls = 0
        self.error: Exception | None = None
        self._client = client
        self._worklist = worklist
        self._context = context
        self._request = context.request
        self._recorder = None if ledger is None else self._new_recorder(ledger, wall_clock)
        self._wall_clock = wall_clock
        self._sleep = sleep
        self._user = Me()
        self._stopped = asyncio.Event()
        self._failures_in_a_row = 0
        self._errors = 0

    def _new_recorder(self, ledger: LedgerWriter, wall_clock: Callable[[], float]) -> Recorder:
        self._client.before_write = ledger.check_claim
        return Recorder(
            ledger,
            self._context.last_writes.latest_sequence,
            wall_clock=wall_clock,
            server_clock=lambda: self._client.server_time,
        )

    @property
    def share(self) -> float | None:
        """Used part of the rate limit in its present window, 0 to 1; None if there is no limit."""
        return self._client.pacer.share

    def halt(self, error: Exception) -> None:
        """Stop accepting work; requests in flight may finish.

        :param error: the reason. The first one counts.
        """
        self.error = self.error or error
        self._stopped.set()

    async def run(self) -> None:
        """Apply the plan."""
        queue: asyncio.Queue[_Job | str | None] = asyncio.Queue(maxsize=4 * self._request.concurrency)
        workers = [asyncio.create_task(self._work(queue)) for _ in range(self._request.concurrency)]
        reader = asyncio.create_task(self._read(queue))
        stopped = asyncio.create_task(self._stopped.wait())
        everything: asyncio.Future[Any] = asyncio.gather(reader, *workers, return_exceptions=True)
        first: list[asyncio.Future[Any]] = [everything, stopped]
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        reader.cancel()
        stopped.cancel()
        await asyncio.wait([reader])
        if self._stopped.is_set():
            self._dismiss(queue)
        _, late = await asyncio.wait(workers, timeout=self._request.grace if self._stopped.is_set() else None)
        for task in late:
            task.cancel()
        await everything
        if self._recorder is not None:
            try:
                await self._recorder.finish()
            except LedgerNotWritten as error:
                # The changes were written to Cal.com and are reported; the next run records them in the ledger.
                self.halt(error)

    def _dismiss(self, queue: asyncio.Queue[_Job | str | None]) -> None:
        """Empty the queue, and end the workers: the reader may have been stopped before it could end them."""
        while not queue.empty():
            if isinstance(job := queue.get_nowait(), _Job):
                self._record(job, [_NOT_ATTEMPTED] * len(job.write_ids))
        for _ in range(self._request.concurrency):
            queue.put_nowait(None)

    # Reading.

    async def _read(self, queue: asyncio.Queue[_Job | str | None]) -> None:
        """Find the changes to send, and queue them for the workers."""
        try:
            if not self._request.allow_foreign_booking:
                self._user = await self._read_user()
            await self._wait_for_earlier_calls()
            try:
                await self._read_list(queue)
            except ListingIncomplete as error:
                log.warning("Bookings that the list leaves out are read one by one: %s", error)
            for uid in self._worklist.unclaimed():
                await queue.put(uid)
            for _ in range(self._request.concurrency):
                await queue.put(None)
        except Exception as error:
            # _dismiss ends the workers then. Not here: the queue may be full for as long as their calls take.
            self.halt(error)

    async def _wait_for_earlier_calls(self) -> None:
        """Wait if a run was killed a moment ago: Cal.com may still be processing its last calls.

        It is not known when that run was killed, and a call may be sent long after its intent. So the wait begins now,
        and not at the time of the intent.
        """
        latest = self._context.last_writes.latest_open()
        # By the clock that is behind, since the other one may be ahead.
        now = min(self._wall_clock(), self._client.server_time)
        is_recent = latest is not None and now - latest < _MAX_INTENT_AGE
        seconds = self._request.rest if is_recent else 0.0
        if seconds > 0:
            log.info("A run was interrupted a moment ago; waiting %.0f s for its last calls to end", seconds)
            await self._sleep(seconds)

    async def _read_user(self) -> Me:
        try:
            return await self._client.call(endpoints.me())
        except PermissionDenied:
            return Me()

    async def _read_list(self, queue: asyncio.Queue[_Job | str | None]) -> None:
        """Read the plan's bookings as they are now, in pages."""
        first = self._worklist.next_start("")
        if first is None:
            return
        walk = listing.walk(
            BookingQuery(path=self._request.list_path, after_start=first),
            page_size=_PAGE_SIZE,
            api_version=self._client.settings.api_version,
            next_start=self._next_start,
        )
        while (bookings := await self._client.run(listing.next_found(walk))) is not None:
            planned = self._worklist.claim_all([booking["uid"] for booking in bookings])
            claimed = [(booking, of_it) for booking in bookings if (of_it := planned.pop(booking["uid"], None))]
            size = 4 * self._request.concurrency
            for batch in (claimed[place : place + size] for place in range(0, len(claimed), size)):
                await self._queue(queue, await self._prepare([self._reconcile(*one, is_listed=True) for one in batch]))

    async def _queue(self, queue: asyncio.Queue[_Job | str | None], jobs: Sequence[_Job]) -> None:
        for place, job in enumerate(jobs):
            try:
                await queue.put(job)
            except asyncio.CancelledError:
                for left in jobs[place:]:
                    self._record(left, [_NOT_ATTEMPTED] * len(left.write_ids))
                raise

    def _next_start(self, since: datetime) -> datetime | None:
        start = self._worklist.next_start(format_timestamp(since))
        return None if start is None else parse_timestamp(start)

    def _reconcile(self, booking: Booking, planned: Sequence[PlannedChange], *, is_listed: bool) -> Reconciliation:
        return reconcile(
            booking, planned, self._context, now=self._client.server_time, user=self._user, is_listed=is_listed
        )

    async def _prepare(self, reconciliations: Sequence[Reconciliation]) -> list[_Job]:
        """Record the outcomes of changes that need no call, and the intents of the others; return the calls to make."""
        for one in reconciliations:
            self._worklist.record(one.outcomes)
        to_send = [one for one in reconciliations if one.to_send]
        if self._recorder is None:
            for one in to_send:
                self._worklist.record(Outcome(planned.number, WOULD_APPLY) for planned in one.to_send)
            return []
        changes = [planned.change for one in to_send for planned in one.to_send]
        recovered = [write for one in reconciliations for write in one.recovered]
        write_ids = iter(await self._recorder.record_intents(changes, recovered))
        return [_Job(self._recorder, one, [next(write_ids) for _ in one.to_send]) for one in to_send]

    # Writing.

    async def _work(self, queue: asyncio.Queue[_Job | str | None]) -> None:
        while (work := await queue.get()) is not None:
            try:
                jobs = await self._read_one(work) if isinstance(work, str) else [work]
                for job in jobs:
                    await self._write(job)
                if self._recorder is not None:
                    await self._recorder.flush_if_due()
            except Exception as error:
                self.halt(error)

    async def _read_one(self, uid: str) -> list[_Job]:
        """Read a booking that is not on the list, such as one that other users host."""
        if self._stopped.is_set():
            return []
        planned = self._worklist.claim(uid)
        try:
            reading = await self._client.call(endpoints.read_booking(uid))
        except CalComError as error:
            outcome = _outcome_of(error)
            self._worklist.record(
                Outcome(one.number, outcome, type(error).__name__, error.request_id, error.retryable) for one in planned
            )
            self._watch(uid, error)
            return []
        if reading.booking["uid"] != uid:
            another = UnexpectedAnswer
            self._worklist.record(
                Outcome(one.number, FAILED, another.__name__, retryable=another.retryable) for one in planned
            )
            return []
        return await self._prepare([self._reconcile(reading.booking, planned, is_listed=False)])

    async def _write(self, job: _Job) -> None:
        """Send one call, and record the result of each of its changes."""
        if self._stopped.is_set():
            self._record(job, [_NOT_ATTEMPTED] * len(job.write_ids))
            return
        try:
            written = await self._client.run(write_changes(job.uid, job.reconciliation.changes))
        except BaseException:
            self._record(job, [_INTERRUPTED] * len(job.write_ids))
            raise
        self.calls += written.calls
        self._record(job, [_result(written, one.change) for one in job.reconciliation.to_send])
        self._watch(job.uid, written.error)

    def _record(self, job: _Job, results: Sequence[_Result]) -> None:
        for one, write_id, result in zip(job.reconciliation.to_send, job.write_ids, results, strict=True):
            self._worklist.record(
                [Outcome(one.number, result.outcome, result.detail, result.request_id, result.retryable)]
            )
            job.recorder.add(
                WriteOutcome(write_id, one.change, result.outcome, result.detail, result.verified, result.request_id)
            )

    def _watch(self, uid: str, error: CalComError | None) -> None:
        """Log an error, and stop the run if the next calls would fail too, or ``on_error`` is ``stop``."""
        self._failures_in_a_row = self._failures_in_a_row + 1 if isinstance(error, TransportError) else 0
        if error is None:
            return
        self._errors += 1
        level = logging.WARNING if self._errors <= _MAX_WARNINGS else logging.DEBUG
        log.log(level, "Booking %s: %s", redact(uid), error)
        # Every further call would be refused as well, or probably fail.
        if isinstance(error, AccessRefused) or self._failures_in_a_row >= 2 * self._request.concurrency:
            self.halt(error)
        elif self._request.on_error == "stop" and _outcome_of(error) in (FAILED, NOT_PERMITTED):
            self.halt(FailureEndsRun())


def _result(written: Written, change: Change) -> _Result:
    """Return the result of one of the changes that were sent."""
    left, error = written.left, written.error
    is_left = left.mark_host if change.role == "host" else any(mark["email"] == change.email for mark in left.marks)
    if not is_left or error is None:
        return _Result(APPLIED, verified=True, request_id=written.request_id)
    return _Result(
        _outcome_of(error),
        type(error).__name__,
        verified=False if written.failure_is_definitive else None,
        request_id=error.request_id or written.request_id,
        retryable=error.retryable,
    )


def _outcome_of(error: CalComError) -> str:
    """Return the outcome for an error. Its text goes to the log only, where no address is shown."""
    if isinstance(error, (NoShowUpdateFailed, PermissionDenied)):
        return NOT_PERMITTED
    if isinstance(error, BookingNotFound):
        return GONE
    return NOT_STARTED if isinstance(error, BookingNotStarted) else FAILED
