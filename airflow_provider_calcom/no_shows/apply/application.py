"""Apply a plan of no-shows: check it, run it beside the task, and report the result."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom._deprecated import former_names
from airflow_provider_calcom._redact import describe, shown_path
from airflow_provider_calcom._storage import Folder, folder_path
from airflow_provider_calcom.api.client import AsyncCalComClient
from airflow_provider_calcom.attendance.errors import AttendanceError
from airflow_provider_calcom.no_shows.apply.loop_thread import LoopThread
from airflow_provider_calcom.no_shows.apply.reconcile import ReconcileContext
from airflow_provider_calcom.no_shows.apply.request import ApplyRequest
from airflow_provider_calcom.no_shows.apply.result import (
    ApplyResult,
    Progress,
    ProgressStore,
    format_outcomes,
    raise_for_failures,
)
from airflow_provider_calcom.no_shows.apply.runner import INTERRUPTED, NOT_ATTEMPTED, ApplyRun, FailureEndsRun
from airflow_provider_calcom.no_shows.apply.worklist import OUTCOMES, WOULD_APPLY, Worklist
from airflow_provider_calcom.no_shows.ledger.compaction import compact_if_many
from airflow_provider_calcom.no_shows.ledger.reader import LastWriteLookup
from airflow_provider_calcom.no_shows.ledger.records import format_time
from airflow_provider_calcom.no_shows.ledger.writer import LedgerWriter
from airflow_provider_calcom.no_shows.plan_files import (
    DRY_RUN_FILE,
    OUTCOMES_FILE,
    Summary,
    check_count,
    read_plan,
    read_summary,
    writing,
)

if not TYPE_CHECKING:
    __getattr__ = former_names(__name__)

log = logging.getLogger(__name__)

_MANY_SEGMENTS = 200
"""Segments of a ledger in an object store, beyond which a run compacts it at its end."""

_STOPPED = (
    "The run was stopped from outside. Requests in flight ended and are in the ledger. Run the task again: it continues"
    " from there"
)


class PlanHashMismatch(AttendanceError):
    """The plan is not the one that was approved. Have this one approved, or make the approved one again."""


class TooManyChanges(AttendanceError):
    """The plan has more changes than ``max_changes``. Look at it; raise the limit if the plan is right."""


class ApplyStopped(AttendanceError):
    """The run was stopped from outside. Run the task again: it continues from there."""

    retryable = True


class Application:
    """One application of a plan. It may be stopped from another thread, or from a signal handler.

    ``has_outcomes`` is whether the outcomes were written beside the plan. ``result`` is the result, also if changes
    failed; None before the outcome of each is known.

    :param request: what to apply, and how.
    :param open_client: makes the client, within its event loop.
    :param progress_store: keeps the progress for the task's next attempt; None to keep none.
    :param wall_clock: Unix time.
    :param sleep: waits for some seconds on the event loop.
    """

    def __init__(
        self,
        request: ApplyRequest,
        open_client: Callable[[], AsyncCalComClient],
        *,
        progress_store: ProgressStore | None = None,
        wall_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._request = request
        self._open_client = open_client
        self._progress_store = progress_store
        self._wall_clock = wall_clock
        self._sleep = sleep
        self._loop = LoopThread()
        self.has_outcomes = False
        self.result: ApplyResult | None = None

    def run(self, on_progress: Callable[[Progress], None] = lambda progress: None) -> ApplyResult:
        """Apply the plan.

        :param on_progress: is called with the progress after 5 s, and every 30 s from then on, in the calling thread.
        :raises PlanRefused: if a guard rail rejected the plan.
        :raises PlanHashMismatch: if its hash is not the expected one.
        :raises TooManyChanges: if it has more than allowed.
        :raises CorruptPlan: if its files are not as they were written.
        :raises ChangesFailed: if changes failed. All others are applied.
        :raises ApplyStopped: if it was stopped.
        :raises CalComError: if the bookings can't be read, the key is not valid any more, or Cal.com can't be reached.
        :raises AlreadyApplying: if another run applies the same plan, or one of the same bookings, with the same
            ledger, and has not ended within ``claim_timeout``.
        :raises ClaimLost: if the claim on the bookings was not renewed in time; others may write to them then.
        :raises PlanNotRead: if a file of the plan can't be opened.
        :raises PlanNotWritten: if the outcomes can't be written beside the plan.
        :raises LedgerNotWritten: if the ledger can't be written; then nothing more is written to Cal.com.
        """
        request = self._request
        summary = read_summary(request.plan)
        changes = read_plan(request.plan, summary=summary)
        _check_approved(request, summary)
        with Worklist(changes) as worklist:
            check_count(request.plan, summary, worklist.total)
            error, calls = self._execute(summary, worklist, on_progress) if worklist.total else (None, 0)
            if error is not None:
                worklist.fail_remaining(NOT_ATTEMPTED)
            result = self.result = self._result(summary, worklist, calls)
            self._write_outcomes(worklist, summary)
            log.info("Plan %s\n%s", shown_path(result["plan_path"]), format_outcomes(result, worklist))
            if error is not None and not isinstance(error, FailureEndsRun):
                raise error
            raise_for_failures(worklist)
            return result

    def stop(self) -> None:
        """Stop accepting work; requests in flight may finish. Wait for that for 10 s at most."""
        self._loop.stop()

    def _execute(
        self, summary: Summary, worklist: Worklist, on_progress: Callable[[Progress], None]
    ) -> tuple[Exception | None, int]:
        """Run the changes in another thread; return why that ended early, or None, and the number of calls."""
        with ExitStack() as stack:
            ledger = None if self._request.dry_run else stack.enter_context(self._open_ledger(summary))
            if ledger is not None:
                ledger.claim(worklist.booking_uids(), timeout=self._request.claim_timeout)
            last_writes = stack.enter_context(self._read_ledger(worklist))
            context = ReconcileContext(self._request, summary["sha256"], last_writes, force=summary["force"])
            if self._progress_store is not None:
                self._progress_store.log_earlier_attempt(summary["sha256"])
            self._save_progress(summary, worklist)
            runs: list[ApplyRun] = []

            async def main() -> None:
                async with self._open_client() as client:
                    run = ApplyRun(client, worklist, context, ledger, wall_clock=self._wall_clock, sleep=self._sleep)
                    runs.append(run)
                    self._loop.on_stop(lambda: run.halt(ApplyStopped(_STOPPED)))
                    await run.run()

            def report(seconds: float) -> None:
                calls, share = (runs[0].calls, runs[0].share) if runs else (0, None)
                on_progress(Progress(worklist.done, worklist.total, seconds, calls, share))
                self._save_progress(summary, worklist)

            try:
                self._loop.run(main, report)
            except BaseException:
                # Airflow ends the task, or the loop failed: the outcomes so far are written all the same.
                worklist.fail_remaining(INTERRUPTED)
                self._write_outcomes(worklist, summary)
                raise
            self._save_progress(summary, worklist)
            if ledger is not None and runs[0].error is None:
                compact_if_many(self._request.ledger, more_than=_MANY_SEGMENTS, ended=ledger.name)
            return runs[0].error, runs[0].calls

    def _open_ledger(self, summary: Summary) -> LedgerWriter:
        return LedgerWriter(
            self._request.ledger,
            plan=summary["sha256"],
            task=self._request.task,
            identities=self._request.identities,
            wall_clock=self._wall_clock,
            lease=self._request.lease,
        )

    def _read_ledger(self, worklist: Worklist) -> LastWriteLookup:
        return LastWriteLookup(
            self._request.ledger,
            identities=self._request.identities,
            only_bookings=worklist.has_booking,
            repair=not self._request.dry_run,
        )

    def _save_progress(self, summary: Summary, worklist: Worklist) -> None:
        if self._progress_store is not None:
            self._progress_store.save(summary["sha256"], worklist.done, worklist.total)

    def _write_outcomes(self, worklist: Worklist, summary: Summary) -> None:
        with writing(self._outcomes_path, "plan"):
            worklist.write(self._outcomes_path, summary["sha256"], format_time(self._wall_clock()))
        self.has_outcomes = True

    @property
    def _outcomes_path(self) -> Any:
        return folder_path(self._request.plan) / (DRY_RUN_FILE if self._request.dry_run else OUTCOMES_FILE)

    def _result(self, summary: Summary, worklist: Worklist, calls: int) -> ApplyResult:
        request = self._request
        counts = {name: worklist.counts[name] for name in OUTCOMES}
        return {
            "plan_path": str(request.plan),
            "sha256": summary["sha256"],
            "dry_run": request.dry_run,
            "changes": worklist.total,
            "bookings": worklist.bookings,
            "outcomes": {**counts, WOULD_APPLY: worklist.counts[WOULD_APPLY]} if request.dry_run else counts,
            "marked": worklist.written(absent=True),
            "unmarked": worklist.written(absent=False),
            "calls": calls,
            "outcomes_path": str(self._outcomes_path),
            "ledger_path": str(request.ledger),
        }


def _check_approved(request: ApplyRequest, summary: Summary) -> None:
    """Check that a plan is the expected one, and not too large."""
    check_hash(request.plan, summary, request.expected_hash)
    changes, limit = summary["changes"]["total"], request.max_changes
    if limit is not None and changes > limit:
        raise TooManyChanges(
            f"The plan {shown_path(folder_path(request.plan))} has {changes} changes, and max_changes is {limit}."
            " Nothing was written. Look at the plan, and raise max_changes if it is right"
        )


def check_hash(folder: Folder, summary: Summary, expected: str | None) -> None:
    """Check that a plan is the expected one.

    :param folder: the plan's folder, for the error.
    :param summary: the plan's.
    :param expected: the hash that it must have, or None for any.
    :raises PlanHashMismatch: if it has another.
    """
    if expected is not None and summary["sha256"] != expected:
        raise PlanHashMismatch(
            f"The plan {shown_path(folder_path(folder))} has the hash {summary['sha256']}, but expected_hash is"
            f" {describe(expected)}: it is not the plan that was approved. Nothing was written. Approve this plan, or"
            " make the approved one again"
        )
