"""Applying a plan of no-shows: checked before anything is written, carried out beside the task, told afterwards."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import Literal, TypedDict

from airflow_provider_calcom.api import endpoints, errors
from airflow_provider_calcom.api.client import AsyncCalComClient, calls_untold
from airflow_provider_calcom.attendance.errors import AttendanceError
from airflow_provider_calcom.attendance.folders import Folder, folder_path
from airflow_provider_calcom.attendance.ledger import (
    NO_TASK,
    Addresses,
    LastWrites,
    LedgerWriter,
    PastWrite,
    TaskRun,
)
from airflow_provider_calcom.attendance.plan import Change, Summary, check_count, read_plan, read_summary
from airflow_provider_calcom.attendance.worklist import FAILED, NOT_PERMITTED, OUTCOMES, WOULD_APPLY, Worklist
from airflow_provider_calcom.hooks.apply_resumption import TaskState
from airflow_provider_calcom.hooks.apply_run import INTERRUPTED, NOT_TRIED, ApplyRun, FailureEndsRun, RunOptions
from airflow_provider_calcom.hooks.apply_verdicts import Bearings

OUTCOMES_FILE = "outcomes.jsonl"
DRY_RUN_FILE = "outcomes-dry-run.jsonl"

_FIRST_TOLD = 5.0
_TOLD_EACH = 30.0
_LONGEST_END = 10.0
_GLANCE = 0.05


class PlanIsAnother(AttendanceError):
    """The plan is not the one that was approved. Have a person read this one, or make the approved one again."""


class TooManyChanges(AttendanceError):
    """The plan has more changes than ``max_changes``. Look at it; raise the limit if it is right."""


class ApplyStopped(AttendanceError):
    """The run was stopped from outside. Run the task again: it goes on where it was."""

    may_heal = True


class ChangesFailed(AttendanceError):
    """Some changes of the plan were not made. The text names how many of what, and the file that has them all.

    :param text: what happened.
    :param may_heal: whether another try may make them. It reads the bookings first and makes no change twice.
    """

    def __init__(self, text: str, may_heal: bool = False) -> None:
        super().__init__(text)
        self.may_heal = may_heal  # type: ignore[misc]


class ApplyResult(TypedDict):
    """What became of a plan: numbers, and no addresses.

    ``outcomes`` counts the changes by outcome, ``calls`` the mark-absent calls. ``outcomes_path`` is the file with all
    changes.
    """

    plan_path: str
    sha256: str
    dry_run: bool
    changes: int
    bookings: int
    outcomes: dict[str, int]
    calls: int
    outcomes_path: str
    ledger_path: str


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    :param done: changes of which it is known what became.
    :param total: changes of the plan.
    :param seconds: since the beginning.
    :param calls: mark-absent calls.
    :param share: of the rate limit that is used up in its present window, 0 to 1; None where there is none.
    """

    done: int
    total: int
    seconds: float
    calls: int
    share: float | None

    def __str__(self) -> str:
        rate = self.done / self.seconds if self.seconds else 0.0
        left = f"{_duration((self.total - self.done) / rate)} left" if rate else "time left not known"
        used = "" if self.share is None else f", {self.share:.0%} of the rate limit used"
        return f"{self.done} of {self.total} changes, {rate:.1f} a second{used}, {left}"


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


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
    :param path: which list of Cal.com has the bookings.
    :param task: who writes, for the ledger.
    :param rest: seconds since an interrupted run's last write, before a booking is read.
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
    path: str = endpoints.own_bookings()
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
        self._halt: Callable[[], object] | None = None
        self._is_stopped = False
        self._has_ended = False
        self._crash: BaseException | None = None

    def run(self, tell: Callable[[Progress], None] = lambda progress: None) -> ApplyResult:
        """Apply the plan.

        The event loop has a thread of its own: Airflow ends a task by raising an exception wherever its main thread
        happens to be, and on the loop that would cut calls off whose outcome nobody then knows.

        :param tell: is told of the progress after 5 s, and each 30 s from then on, in the calling thread.
        :raises PlanRefused: if a guard rail refused the plan.
        :raises PlanIsAnother: if its hash is not the expected one.
        :raises TooManyChanges: if it has more than allowed.
        :raises DamagedPlan: if it is not as it was written.
        :raises ChangesFailed: if changes were not made. All that could be is done.
        :raises ApplyStopped: if it was stopped.
        :raises CalComError: if the bookings can't be read, the key is not good any more, or Cal.com can't be reached.
        :raises AlreadyApplying: if another run on this machine is applying the same plan with the same ledger.
        :raises LedgerNotWritten: if the ledger can't be written; nothing more was written to Cal.com then.
        """
        summary = read_summary(self._request.plan)
        changes = read_plan(self._request.plan)
        _check(self._request, summary)
        with Worklist(changes) as worklist:
            check_count(self._request.plan, summary, worklist.total)
            error, calls = self._carried_out(summary, worklist, tell) if worklist.total else (None, 0)
            if error is not None:
                worklist.settle_rest(FAILED, NOT_TRIED)
            result = self._result(summary, worklist, calls)
            worklist.write(result["outcomes_path"])
            _raise_for(error, worklist, result)
            return result

    def stop(self) -> None:
        """Begin nothing more, let what is under way end, and wait for that, for some seconds."""
        self._is_stopped = True
        if self._halt is not None:
            with suppress(RuntimeError):  # the loop has just ended
                self._halt()
            deadline = time.monotonic() + _LONGEST_END
            while not self._has_ended and time.monotonic() < deadline:
                time.sleep(_GLANCE)

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
                    self._listen_for_stops(run)
                    await run.run()

            thread = threading.Thread(target=self._run_loop, args=(carry_out,), name="calcom-apply", daemon=True)
            thread.start()
            self._wait(lambda: _progress(runs, worklist), lambda progress: self._tell(summary, progress, tell))
            thread.join()
            self._state.note(summary["sha256"], worklist.done, worklist.total)
            if self._crash is not None:
                raise self._crash
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
            Bearings(past, summary["sha256"], force=summary["force"], allow_cohosts=request.allow_cohosts),
            concurrency=request.concurrency,
            path=request.path,
            dry_run=request.dry_run,
            stops_at_failure=request.on_error == "stop",
            skips_own=self._state.has_begun(summary["sha256"]),
            task=request.task,
            rest=request.rest,
        )

    def _listen_for_stops(self, run: ApplyRun) -> None:
        loop = asyncio.get_running_loop()
        stopped = ApplyStopped(
            "The run was stopped from outside. What was under way ended and is in the ledger. Run the task again: it"
            " goes on where it was"
        )
        self._halt = lambda: loop.call_soon_threadsafe(run.halt, stopped)
        if self._is_stopped:
            run.halt(stopped)

    def _run_loop(self, carry_out: Callable[[], Coroutine[None, None, None]]) -> None:
        try:
            with calls_untold():
                asyncio.run(carry_out())
        except BaseException as error:
            self._crash = error
        finally:
            self._has_ended = True

    def _wait(self, progress: Callable[[], Progress], tell: Callable[[Progress], None]) -> None:
        """Wait for the other thread.

        With glances: a lock could be held by the very thread in which a signal's handler calls :meth:`stop`.
        """
        began = time.monotonic()
        due = began + _FIRST_TOLD
        try:
            while not self._has_ended:
                time.sleep(_GLANCE)
                if time.monotonic() >= due:
                    due = time.monotonic() + _TOLD_EACH
                    tell(replace(progress(), seconds=time.monotonic() - began))
        except BaseException:
            self.stop()
            raise

    def _tell(self, summary: Summary, progress: Progress, tell: Callable[[Progress], None]) -> None:
        tell(progress)
        self._state.note(summary["sha256"], progress.done, progress.total)

    def _result(self, summary: Summary, worklist: Worklist, calls: int) -> ApplyResult:
        request = self._request
        counts = {name: worklist.counts[name] for name in OUTCOMES}
        place = folder_path(request.plan)
        return {
            "plan_path": str(request.plan),
            "sha256": summary["sha256"],
            "dry_run": request.dry_run,
            "changes": worklist.total,
            "bookings": worklist.bookings,
            "outcomes": {**counts, WOULD_APPLY: worklist.counts[WOULD_APPLY]} if request.dry_run else counts,
            "calls": calls,
            "outcomes_path": str(place / (DRY_RUN_FILE if request.dry_run else OUTCOMES_FILE)),
            "ledger_path": str(request.ledger),
        }


def _progress(runs: list[ApplyRun], worklist: Worklist) -> Progress:
    run = runs[0] if runs else None
    return Progress(
        done=worklist.done,
        total=worklist.total,
        seconds=0.0,
        calls=run.calls if run else 0,
        share=run.share if run else None,
    )


def _check(request: ApplyRequest, summary: Summary) -> None:
    if request.expected_hash is not None and summary["sha256"] != request.expected_hash:
        raise PlanIsAnother(
            f"The plan {folder_path(request.plan)} has the hash {summary['sha256']}, but expected_hash is"
            f" {request.expected_hash[:80]!r}: it is not the plan that was approved. Nothing was written. Approve this"
            " one, or make the other one again"
        )
    changes = summary["changes"]["total"]
    if request.max_changes is not None and changes > request.max_changes:
        raise TooManyChanges(
            f"The plan {folder_path(request.plan)} has {changes} changes, and max_changes is {request.max_changes}."
            " Nothing was written. Look at the plan, and raise max_changes if it is right"
        )


def _raise_for(error: Exception | None, worklist: Worklist, result: ApplyResult) -> None:
    if error is not None and not isinstance(error, FailureEndsRun):
        raise error
    failures = {name: worklist.details(name) for name in (NOT_PERMITTED, FAILED) if worklist.counts[name]}
    if not failures:
        return
    number = sum(worklist.counts[name] for name in failures)
    told = ", ".join(f"{name}: {why} {count}" for name, whys in failures.items() for why, count in whys.items())
    raise ChangesFailed(
        f"{number} of {worklist.total} changes were not made ({told}). All outcomes are in {result['outcomes_path']}."
        " Running the task again makes no change twice",
        may_heal=any(_may_heal(why) for whys in failures.values() for why in whys),
    )


def _may_heal(why: str) -> bool:
    """Tell by the name of an error, or a word for one, whether another try has a point."""
    kind = getattr(errors, why, None)
    return bool(getattr(kind, "may_heal", why in (NOT_TRIED, INTERRUPTED)))
