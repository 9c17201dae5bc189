"""Applying a plan of no-shows: checked before anything is written, carried out beside the task, told afterwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Literal

from airflow_provider_calcom._redact import describe, shown_path
from airflow_provider_calcom._storage import Folder, folder_path
from airflow_provider_calcom.api import query
from airflow_provider_calcom.api.client import AsyncCalComClient
from airflow_provider_calcom.attendance.errors import AttendanceError
from airflow_provider_calcom.no_shows.apply.loop_thread import LoopThread
from airflow_provider_calcom.no_shows.apply.reconcile import Bearings
from airflow_provider_calcom.no_shows.apply.result import (
    ApplyResult,
    Progress,
    raise_for_failures,
)
from airflow_provider_calcom.no_shows.apply.runner import INTERRUPTED, NOT_TRIED, ApplyRun, FailureEndsRun, RunOptions
from airflow_provider_calcom.no_shows.apply.worklist import FAILED, OUTCOMES, WOULD_APPLY, Worklist
from airflow_provider_calcom.no_shows.ledger import (
    NO_TASK,
    Addresses,
    LastWrites,
    LedgerWriter,
    PastWrite,
    TaskRun,
)
from airflow_provider_calcom.no_shows.plan import (
    DRY_RUN_FILE,
    OUTCOMES_FILE,
    Change,
    Summary,
    check_count,
    read_plan,
    read_summary,
    writing,
)
from airflow_provider_calcom.operators._task import TaskState

_STOPPED = (
    "The run was stopped from outside. What was under way ended and is in the ledger. Run the task again: it goes on"
    " where it was"
)


class PlanIsAnother(AttendanceError):
    """The plan is not the one that was approved. Have a person read this one, or make the approved one again."""


class TooManyChanges(AttendanceError):
    """The plan has more changes than ``max_changes``. Look at it; raise the limit if it is right."""


class ApplyStopped(AttendanceError):
    """The run was stopped from outside. Run the task again: it goes on where it was."""

    retryable = True


@dataclass(frozen=True)
class ApplyRequest:
    """What is to be applied, and how.

    :param plan: the plan's folder, here or in an object store.
    :param ledger: the ledger's folder, likewise.
    :param addresses: how the ledger names people.
    :param expected_hash: hash of the plan that was approved, or None.
    :param max_changes: refuse a plan that has more; None for no limit.
    :param concurrency: bookings that are written at once.
    :param dry_run: find out what would be done, and write nothing.
    :param on_error: ``continue`` with the other changes where one failed, or ``stop``.
    :param allow_cohosts: also touch hosts whom Cal.com lists among the attendees.
    :param allow_foreign_booking: also touch bookings that the key's user neither hosts nor administers.
    :param path: which list of Cal.com has the bookings.
    :param task: who writes, for the ledger.
    :param rest: seconds to wait before a booking is read, where the ledger has recent writes whose end is not known.
    """

    plan: Folder
    ledger: Folder
    addresses: Addresses = field(default_factory=Addresses)
    expected_hash: str | None = None
    max_changes: int | None = None
    concurrency: int = 8
    dry_run: bool = False
    on_error: Literal["continue", "stop"] = "continue"
    allow_cohosts: bool = False
    allow_foreign_booking: bool = False
    path: str = query.own_bookings()
    task: TaskRun = NO_TASK
    rest: float = 40.0


class Application:
    """One application of a plan. It may be stopped from another thread, or from a signal's handler.

    :param request: what is asked for.
    :param open_client: makes the client, within its event loop.
    :param state: tells of earlier tries of the task, and is told of this one.
    :param wall_clock: Unix time.
    :param sleep: waits for some seconds on the event loop.
    """

    def __init__(
        self,
        request: ApplyRequest,
        open_client: Callable[[], AsyncCalComClient],
        *,
        state: TaskState | None = None,
        wall_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._request = request
        self._open_client = open_client
        self._state = state or TaskState({})
        self._wall_clock = wall_clock
        self._sleep = sleep
        self._loop = LoopThread()

    def run(self, tell: Callable[[Progress], None] = lambda progress: None) -> ApplyResult:
        """Apply the plan.

        :param tell: is told of the progress after 5 s, and each 30 s from then on, in the calling thread.
        :raises PlanRefused: if a guard rail refused the plan.
        :raises PlanIsAnother: if its hash is not the expected one.
        :raises TooManyChanges: if it has more than allowed.
        :raises DamagedPlan: if it is not as it was written.
        :raises ChangesFailed: if changes were not made. All that could be is done.
        :raises ApplyStopped: if it was stopped.
        :raises CalComError: if the bookings can't be read, the key is not good any more, or Cal.com can't be reached.
        :raises AlreadyApplying: if another run on this machine is applying the same plan with the same ledger.
        :raises PlanNotRead: if a file of the plan can't be opened.
        :raises PlanNotWritten: if the outcomes can't be written beside the plan.
        :raises LedgerNotWritten: if the ledger can't be written; nothing more was written to Cal.com then.
        """
        summary = read_summary(self._request.plan)
        changes = read_plan(self._request.plan, summary=summary)
        _check(self._request, summary)
        with Worklist(changes) as worklist:
            check_count(self._request.plan, summary, worklist.total)
            error, calls = self._carried_out(summary, worklist, tell) if worklist.total else (None, 0)
            if error is not None:
                worklist.settle_rest(FAILED, NOT_TRIED, retryable=True)
            result = self._result(summary, worklist, calls)
            self._write_outcomes(worklist, summary)
            if error is not None and not isinstance(error, FailureEndsRun):
                raise error
            raise_for_failures(worklist, result)
            return result

    def stop(self) -> None:
        """Begin nothing more, let what is under way end, and wait for that, for some seconds."""
        self._loop.stop()

    def _carried_out(
        self, summary: Summary, worklist: Worklist, tell: Callable[[Progress], None]
    ) -> tuple[Exception | None, int]:
        """Carry the changes out in another thread; give why that ended too early, or None, and the number of calls."""
        with ExitStack() as stack:
            request = self._request
            ledger = None if request.dry_run else stack.enter_context(self._ledger(summary))
            if ledger is not None:
                ledger.claim()
            last_writes = stack.enter_context(
                LastWrites(
                    request.ledger,
                    addresses=request.addresses,
                    concerns=worklist.has_booking,
                    mends=not request.dry_run,
                )
            )
            options = self._options(summary, last_writes)
            self._state.log_earlier_try(summary["sha256"])
            self._state.note(summary["sha256"], 0, worklist.total)
            runs: list[ApplyRun] = []

            async def carry_out() -> None:
                async with self._open_client() as client:
                    run = ApplyRun(
                        client,
                        worklist,
                        last_writes,
                        ledger,
                        options,
                        wall_clock=self._wall_clock,
                        sleep=self._sleep,
                    )
                    runs.append(run)
                    self._loop.on_stop(lambda: run.halt(ApplyStopped(_STOPPED)))
                    await run.run()

            def told(seconds: float) -> None:
                calls, share = (runs[0].calls, runs[0].share) if runs else (0, None)
                tell(Progress(worklist.done, worklist.total, seconds, calls, share))
                self._state.note(summary["sha256"], worklist.done, worklist.total)

            try:
                self._loop.run(carry_out, told)
            except BaseException:
                # Airflow ends the task, or the loop broke: what became of the changes is told all the same.
                worklist.settle_rest(FAILED, INTERRUPTED, retryable=True)
                self._write_outcomes(worklist, summary)
                raise
            self._state.note(summary["sha256"], worklist.done, worklist.total)
            return runs[0].error, runs[0].calls

    def _ledger(self, summary: Summary) -> LedgerWriter:
        return LedgerWriter(
            self._request.ledger,
            plan=summary["sha256"],
            task=self._request.task,
            addresses=self._request.addresses,
            wall_clock=self._wall_clock,
        )

    def _options(self, summary: Summary, last_writes: LastWrites) -> RunOptions:
        def past(change: Change) -> PastWrite | None:
            return last_writes.of(change.booking_uid, change.role, change.email)

        request = self._request
        return RunOptions(
            Bearings(
                past,
                summary["sha256"],
                force=summary["force"],
                allow_cohosts=request.allow_cohosts,
                allow_foreign_booking=request.allow_foreign_booking,
                addresses=request.addresses,
            ),
            concurrency=request.concurrency,
            path=request.path,
            dry_run=request.dry_run,
            stops_at_failure=request.on_error == "stop",
            rest=request.rest,
        )

    def _write_outcomes(self, worklist: Worklist, summary: Summary) -> None:
        with writing(self._outcomes_path, "plan"):
            worklist.write(self._outcomes_path, summary["sha256"])

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
            "calls": calls,
            "outcomes_path": str(self._outcomes_path),
            "ledger_path": str(request.ledger),
        }


def _check(request: ApplyRequest, summary: Summary) -> None:
    if request.expected_hash is not None and summary["sha256"] != request.expected_hash:
        raise PlanIsAnother(
            f"The plan {shown_path(folder_path(request.plan))} has the hash {summary['sha256']}, but expected_hash is"
            f" {describe(request.expected_hash)}: it is not the plan that was approved. Nothing was written. Approve"
            f" this"
            " one, or make the other one again"
        )
    changes = summary["changes"]["total"]
    if request.max_changes is not None and changes > request.max_changes:
        raise TooManyChanges(
            f"The plan {shown_path(folder_path(request.plan))} has {changes} changes, and max_changes is"
            f" {request.max_changes}."
            " Nothing was written. Look at the plan, and raise max_changes if it is right"
        )
