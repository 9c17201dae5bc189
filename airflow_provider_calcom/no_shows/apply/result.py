"""The progress and the result of applying a plan, and the error for changes that failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypedDict

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom.attendance.errors import AttendanceError
from airflow_provider_calcom.no_shows.apply.worklist import FAILED, NOT_PERMITTED, Worklist


class ChangesFailed(AttendanceError):
    """Some changes of the plan failed. The text counts them by reason, and names the file that lists them.

    :param text: what happened.
    :param retryable: whether a retry may make them. It reads the bookings first and makes no change twice.
    """

    def __init__(self, text: str, retryable: bool = False) -> None:
        super().__init__(text)
        self.retryable = retryable  # type: ignore[misc]


class ApplyResult(TypedDict):
    """The result of applying a plan: numbers, and no addresses.

    ``outcomes`` counts the changes by outcome, ``calls`` the mark-absent calls. ``outcomes_path`` is the file that
    lists all changes.
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
    """The progress of a run.

    :param done: changes whose outcome is known.
    :param total: changes of the plan.
    :param seconds: time since the run began.
    :param calls: mark-absent calls.
    :param share: used part of the rate limit in its present window, 0 to 1; None if there is no limit.
    """

    done: int
    total: int
    seconds: float
    calls: int
    share: float | None

    def __str__(self) -> str:
        rate = self.done / self.seconds if self.seconds else 0.0
        left = f"{_duration((self.total - self.done) / rate)} left" if rate else "time left unknown"
        used = "" if self.share is None else f", {self.share:.0%} of the rate limit used"
        return f"{self.done} of {self.total} changes, {rate:.1f} per second{used}, {left}"


class ProgressStore(Protocol):
    """Keeps the progress of a task for its next attempt, which logs it."""

    def log_earlier_attempt(self, plan: str) -> None:
        """Log the progress of an earlier attempt, if there was one.

        :param plan: the plan's hash.
        """

    def save(self, plan: str, done: int, total: int) -> None:
        """Save the progress of this attempt.

        :param plan: the plan's hash.
        :param done: changes whose outcome is known.
        :param total: changes of the plan.
        """


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def raise_for_failures(worklist: Worklist, outcomes_path: str) -> None:
    """Raise an error if changes failed or were not permitted.

    :param worklist: the plan's changes with their outcomes.
    :param outcomes_path: the file that lists them.
    :raises ChangesFailed: with the number of changes by reason.
    """
    failed = worklist.counts[FAILED] + worklist.counts[NOT_PERMITTED]
    if not failed:
        return
    reasons = [f"{why}: {count}" for why, count in worklist.details(FAILED).items()]
    reasons += [f"not permitted, {why}: {count}" for why, count in worklist.details(NOT_PERMITTED).items()]
    advice = (
        "Retrying is safe: applied changes are skipped"
        if worklist.has_retryable_failures
        else "A retry would fail again until the cause is fixed; it skips applied changes"
    )
    raise ChangesFailed(
        f"{failed} of {worklist.total} changes failed ({', '.join(reasons)}). Details: {shown_path(outcomes_path)}."
        f" {advice}",
        retryable=worklist.has_retryable_failures,
    )
