"""Carrying out the changes of a plan on one event loop: read in pages, intend, write, check, record."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from airflow_provider_calcom._redact import redact
from airflow_provider_calcom._timestamps import format_timestamp, parse_timestamp
from airflow_provider_calcom.api import endpoints, listing, query
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
from airflow_provider_calcom.no_shows.apply.reconcile import Bearings, Verdict, verdict_on
from airflow_provider_calcom.no_shows.apply.worklist import (
    APPLIED,
    FAILED,
    GONE,
    NOT_PERMITTED,
    NOT_STARTED,
    WOULD_APPLY,
    Outcome,
    Planned,
    Worklist,
)
from airflow_provider_calcom.no_shows.ledger import LastWrites, LedgerWriter, Settled
from airflow_provider_calcom.no_shows.ledger.records import LedgerNotWritten
from airflow_provider_calcom.no_shows.plan import Change

log = logging.getLogger(__name__)

_PAGE = 250
_FLUSH_EACH = 250
_FLUSH_AFTER = 1.0
"""Seconds. What is lost in a crash is only that we know: the next run reads the booking again."""
_GRACE = 3.0
"""Seconds that calls under way are given when the run is stopped. Airflow kills a task 5 s after it asked it to end."""

_LONGEST_WAY = 3600.0
"""Seconds from an intent to its call at most: before it there are other bookings, the pace, and blocks of the key."""

_CLOCK_TOLERANCE = 60.0
"""Seconds by which clocks may differ without a warning."""

_MOST_TOLD = 20
"""Errors that are told as warnings; more would bury them."""
NOT_TRIED = "not tried"
INTERRUPTED = "interrupted"
"""Words for why a change failed that are no error's: the run had ended before its turn, or ended during its call."""


class FailureEndsRun(Exception):
    """A change failed, and that was to end the run."""


@dataclass(frozen=True)
class RunOptions:
    """How a plan is carried out.

    :param bearings: what verdicts take into account.
    :param concurrency: bookings that are written at once.
    :param path: which list of Cal.com has the bookings.
    :param dry_run: find out, and write nothing.
    :param stops_at_failure: whether nothing more is tried once a change failed.
    :param rest: seconds to wait, where an earlier run's writes of the last hour have no known end, before a booking is
        read: the server may still be at work on them.
    """

    bearings: Bearings
    concurrency: int = 8
    path: str = query.own_bookings()
    dry_run: bool = False
    stops_at_failure: bool = False
    rest: float = 40.0


@dataclass(frozen=True)
class _Job:
    """What is to be sent to one booking.

    :param verdict: what is to be sent.
    :param write_ids: of the ledger, for each change that is to be sent.
    """

    verdict: Verdict
    write_ids: Sequence[str]

    @property
    def uid(self) -> str:
        """The booking's uid."""
        return self.verdict.to_send[0].change.booking_uid


class ApplyRun:
    """One run over a plan. It notes all outcomes in the worklist, and writes in the ledger.

    After :meth:`run`, ``error`` tells why the run ended before its time, or is None; ``calls`` counts the mark-absent
    calls.

    :param client: open; it paces the calls.
    :param worklist: the plan's changes.
    :param last_writes: what the ledger told at the beginning.
    :param ledger: where writes are recorded; None in a dry run.
    :param options: how.
    :param wall_clock: Unix time.
    :param sleep: waits for some seconds.
    """

    def __init__(
        self,
        client: AsyncCalComClient,
        worklist: Worklist,
        last_writes: LastWrites,
        ledger: LedgerWriter | None,
        options: RunOptions,
        *,
        wall_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.calls = 0
        self.error: Exception | None = None
        self._client = client
        self._worklist = worklist
        self._last_writes = last_writes
        self._ledger = ledger
        self._options = options
        self._wall_clock = wall_clock
        self._sleep = sleep
        self._user = Me()
        self._stopped = asyncio.Event()
        # Two batches must not be appended to one part at once.
        self._ledger_turn = asyncio.Lock()
        self._unflushed: list[Settled] = []
        self._flushed_at = time.monotonic()
        self._failures_in_a_row = 0
        self._errors = 0
        self._has_sequence = False

    @property
    def share(self) -> float | None:
        """How much of the rate limit is used up in its present window, 0 to 1; None where there is none."""
        return self._client.pacer.share

    def halt(self, error: Exception) -> None:
        """Begin nothing more; what is under way may end.

        :param error: why. The first one counts.
        """
        self.error = self.error or error
        self._stopped.set()

    async def run(self) -> None:
        """Carry the plan out."""
        queue: asyncio.Queue[_Job | str | None] = asyncio.Queue(maxsize=4 * self._options.concurrency)
        workers = [asyncio.create_task(self._work(queue)) for _ in range(self._options.concurrency)]
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
        _, late = await asyncio.wait(workers, timeout=_GRACE if self._stopped.is_set() else None)
        for task in late:
            task.cancel()
        await everything
        try:
            await self._flush()
            if self._ledger is not None:
                await asyncio.to_thread(self._ledger.check)
        except LedgerNotWritten as error:
            # What was written to Cal.com is told all the same; the next run settles it in the ledger.
            self.halt(error)

    def _dismiss(self, queue: asyncio.Queue[_Job | str | None]) -> None:
        """Take all work back, and let each worker end; the reader may have been stopped before it could tell them."""
        while not queue.empty():
            if isinstance(left := queue.get_nowait(), _Job):
                self._not_tried(left)
        for _ in range(self._options.concurrency):
            queue.put_nowait(None)

    # Reading.

    async def _read(self, queue: asyncio.Queue[_Job | str | None]) -> None:
        """Find what is to be sent, and queue it for the workers."""
        try:
            if not self._options.bearings.allow_foreign_booking:
                self._user = await self._who_we_are()
            await self._let_earlier_calls_end()
            try:
                await self._read_list(queue)
            except ListingIncomplete as error:
                log.warning("The bookings that the list keeps back are read one by one: %s", error)
            for uid in self._worklist.untaken():
                await queue.put(uid)
            for _ in range(self._options.concurrency):
                await queue.put(None)
        except Exception as error:
            # Where the run is stopped, the workers are told by _dismiss: here the queue may be full, and stay so for as
            # long as their calls take.
            self.halt(error)

    async def _let_earlier_calls_end(self) -> None:
        """Wait where a run was killed a moment ago: Cal.com may still be at work on its last calls.

        When it was killed nobody knows, and a call may go long after its intent: so we wait from now on, and not from
        the intent on.
        """
        latest = self._last_writes.latest_open()
        # By the clock that is behind, since the other one may be ahead.
        now = min(self._wall_clock(), self._client.server_time)
        is_recent = latest is not None and now - latest < _LONGEST_WAY
        seconds = self._options.rest if is_recent else 0.0
        if seconds > 0:
            log.info("A run was interrupted a moment ago; waiting %.0f s for its last calls to end", seconds)
            await self._sleep(seconds)

    async def _who_we_are(self) -> Me:
        try:
            return await self._client.call(endpoints.me())
        except PermissionDenied:
            return Me()

    async def _read_list(self, queue: asyncio.Queue[_Job | str | None]) -> None:
        """Read the flags of the plan's bookings as they are now, in pages."""
        first = self._worklist.next_start("")
        if first is None:
            return
        walk = listing.walk(
            BookingQuery(path=self._options.path, after_start=first),
            page_size=_PAGE,
            api_version=self._client.settings.api_version,
            next_start=self._next_start,
        )
        while (bookings := await self._client.run(listing.next_found(walk))) is not None:
            planned = self._worklist.take_all([booking["uid"] for booking in bookings])
            taken = [(booking, of_it) for booking in bookings if (of_it := planned.pop(booking["uid"], None))]
            size = 4 * self._options.concurrency
            for batch in (taken[place : place + size] for place in range(0, len(taken), size)):
                await self._queue(queue, await self._intended([self._verdict(*one, is_listed=True) for one in batch]))

    async def _queue(self, queue: asyncio.Queue[_Job | str | None], jobs: Sequence[_Job]) -> None:
        for place, job in enumerate(jobs):
            try:
                await queue.put(job)
            except asyncio.CancelledError:
                for left in jobs[place:]:
                    self._not_tried(left)
                raise

    def _next_start(self, since: datetime) -> datetime | None:
        start = self._worklist.next_start(format_timestamp(since))
        return None if start is None else parse_timestamp(start)

    def _verdict(self, booking: Booking, planned: Sequence[Planned], *, is_listed: bool) -> Verdict:
        return verdict_on(
            booking,
            planned,
            self._options.bearings,
            now=self._client.server_time,
            user=self._user,
            is_listed=is_listed,
        )

    async def _intended(self, verdicts: Sequence[Verdict]) -> list[_Job]:
        """Note what needs no call, record in the ledger what is about to be sent, and give it."""
        for verdict in verdicts:
            self._worklist.settle(verdict.outcomes)
        recovered = [settled for verdict in verdicts for settled in verdict.recovered]
        to_send = [verdict for verdict in verdicts if verdict.to_send]
        if self._ledger is None:
            for verdict in to_send:
                self._worklist.settle(Outcome(one.number, WOULD_APPLY) for one in verdict.to_send)
            return []
        self._begin_sequence(self._ledger)
        if not to_send:
            self._unflushed += recovered
            return []
        async with self._ledger_turn:
            # First what became of earlier writes. If we were killed between the two, two writes of one flag would be
            # open, and the next run would take both for carried out.
            if recovered:
                await asyncio.to_thread(self._ledger.settle, recovered)
            changes = [one.change for verdict in to_send for one in verdict.to_send]
            write_ids = iter(await asyncio.to_thread(self._ledger.intend, changes))
        return [_Job(verdict, [next(write_ids) for _ in verdict.to_send]) for verdict in to_send]

    def _begin_sequence(self, ledger: LedgerWriter) -> None:
        """Place what this run records after all that the ledger has, and warn of clocks that differ."""
        if self._has_sequence:
            return
        self._has_sequence = True
        latest, server = self._last_writes.latest_sequence, self._client.server_time
        ledger.continue_after(latest, lambda: self._client.server_time)
        ahead = self._wall_clock() - server
        if abs(ahead) > _CLOCK_TOLERANCE:
            word = "ahead of" if ahead > 0 else "behind"
            log.warning("This machine's clock is %.0f s %s Cal.com's. Set it right", abs(ahead), word)
        too_late = latest / 1e6 - min(self._wall_clock(), server)
        if too_late > _CLOCK_TOLERANCE:
            log.warning(
                "The ledger's latest record is %.0f s ahead of now: the clock of the machine that wrote it was ahead,"
                " or this one's was set back. Writes are ordered by their sequence, not by that time",
                too_late,
            )

    # Writing.

    async def _work(self, queue: asyncio.Queue[_Job | str | None]) -> None:
        while (work := await queue.get()) is not None:
            try:
                jobs = await self._read_one(work) if isinstance(work, str) else [work]
                for job in jobs:
                    await self._write(job)
                await self._flush_if_due()
            except Exception as error:
                self.halt(error)

    async def _read_one(self, uid: str) -> list[_Job]:
        """Read a booking that is not on the list, such as one that others hold."""
        if self._stopped.is_set():
            return []
        planned = self._worklist.take(uid)
        try:
            reading = await self._client.call(endpoints.read_booking(uid))
        except CalComError as error:
            self._worklist.settle(_outcome(one.number, _result_of_error(error)) for one in planned)
            self._watch(uid, error)
            return []
        if reading.booking["uid"] != uid:
            failed = _Result(FAILED, UnexpectedAnswer.__name__, retryable=UnexpectedAnswer.retryable)
            self._worklist.settle(_outcome(one.number, failed) for one in planned)
            return []
        verdict = self._verdict(reading.booking, planned, is_listed=False)
        return await self._intended([verdict])

    async def _write(self, job: _Job) -> None:
        """Send one call, and note what became of each of its changes."""
        if self._stopped.is_set():
            self._not_tried(job)
            return
        try:
            written = await self._client.run(write_changes(job.uid, job.verdict.changes))
        except BaseException:
            self._note(job, [_Result(FAILED, INTERRUPTED, retryable=True)] * len(job.write_ids))
            raise
        self.calls += written.calls
        self._note(job, [_result(written, one.change) for one in job.verdict.to_send])
        self._watch(job.uid, written.error)

    def _not_tried(self, job: _Job) -> None:
        self._note(job, [_Result(FAILED, NOT_TRIED, shown=False, retryable=True)] * len(job.write_ids))

    def _note(self, job: _Job, results: Sequence[_Result]) -> None:
        for one, write_id, result in zip(job.verdict.to_send, job.write_ids, results, strict=True):
            self._worklist.settle([_outcome(one.number, result)])
            self._unflushed.append(
                Settled(write_id, one.change, result.outcome, result.detail, result.shown, result.request_id)
            )

    def _watch(self, uid: str, error: CalComError | None) -> None:
        """Tell an error, and stop where going on has no point, or was not asked for."""
        self._failures_in_a_row = self._failures_in_a_row + 1 if isinstance(error, TransportError) else 0
        if error is None:
            return
        self._errors += 1
        log.log(logging.WARNING if self._errors <= _MOST_TOLD else logging.DEBUG, "Booking %s: %s", redact(uid), error)
        if isinstance(error, AccessRefused) or self._failures_in_a_row >= 2 * self._options.concurrency:
            self.halt(error)
        elif self._options.stops_at_failure and _result_of_error(error).outcome in (FAILED, NOT_PERMITTED):
            self.halt(FailureEndsRun())

    async def _flush_if_due(self) -> None:
        is_old = time.monotonic() - self._flushed_at >= _FLUSH_AFTER
        if len(self._unflushed) >= _FLUSH_EACH or (is_old and self._unflushed):
            await self._flush()

    async def _flush(self) -> None:
        """Record outcomes in the ledger."""
        if self._ledger is None:
            return
        async with self._ledger_turn:
            settled, self._unflushed = self._unflushed, []
            self._flushed_at = time.monotonic()
            try:
                await asyncio.to_thread(self._ledger.settle, settled)
            except LedgerNotWritten:
                # There may be room again by the end of the run.
                self._unflushed = settled + self._unflushed
                raise


class _Result(NamedTuple):
    """Result of one change.

    :param shown: whether the booking shows it; None where that is not known.
    :param request_id: Cal.com's, or None.
    :param retryable: where it failed: whether another run may make it.
    """

    outcome: str
    detail: str | None = None
    shown: bool | None = None
    request_id: str | None = None
    retryable: bool = False


def _outcome(number: int, result: _Result) -> Outcome:
    return Outcome(number, result.outcome, result.detail, result.request_id, result.retryable)


def _result(written: Written, change: Change) -> _Result:
    """Return the result of one of the changes that were sent."""
    left = written.left
    is_left = left.mark_host if change.role == "host" else any(mark["email"] == change.email for mark in left.marks)
    if not is_left or written.error is None:
        return _Result(APPLIED, shown=True, request_id=written.request_id)
    return _result_of_error(written.error)._replace(
        shown=False if written.failure_is_definitive else None,
        request_id=written.error.request_id or written.request_id,
    )


def _result_of_error(error: CalComError) -> _Result:
    """Sort an error. Its class is the detail: its text may go on to a log, and an outcome has nobody's address."""
    detail, request_id = type(error).__name__, error.request_id
    if isinstance(error, (NoShowUpdateFailed, PermissionDenied)):
        return _Result(NOT_PERMITTED, detail, request_id=request_id, retryable=error.retryable)
    if isinstance(error, BookingNotFound):
        return _Result(GONE, detail, request_id=request_id)
    if isinstance(error, BookingNotStarted):
        return _Result(NOT_STARTED, detail, request_id=request_id)
    return _Result(FAILED, detail, request_id=request_id, retryable=error.retryable)
