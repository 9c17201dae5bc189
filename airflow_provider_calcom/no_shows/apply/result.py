"""The progress and the result of applying a plan, and the error for changes that failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypedDict

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom.attendance.errors import AttendanceError
from airflow_provider_calcom.no_shows.apply.worklist import FAILED, NOT_PERMITTED, Worklist
from airflow_provider_calcom.no_shows.plan_files import OUTCOMES_FILE
from airflow_provider_calcom.no_shows.text_tables import aligned

_SHOWN_REASONS = 2
"""Reasons in the text of an error, which a log shows in one line; the table above it has all."""


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

    ``outcomes`` counts the changes by outcome, ``calls`` the mark-absent calls. ``marked`` and ``unmarked`` count the
    flags that were set and removed, also by earlier attempts of the same task. ``outcomes_path`` is the file that lists
    all changes.
    """

    plan_path: str
    sha256: str
    dry_run: bool
    changes: int
    bookings: int
    outcomes: dict[str, int]
    marked: int
    unmarked: int
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
        used = "" if self.share is None else f", {self.share:.0%} of the rate limit"
        part = self.done / self.total if self.total else 1.0
        return f"{self.done:,} of {self.total:,} changes ({part:.0%}), {rate:.1f} a second{used}, {left}"


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


def format_outcomes(result: ApplyResult, worklist: Worklist) -> str:
    """Return the outcomes as a table for a log, without addresses.

    :param result: the result of applying the plan.
    :param worklist: the plan's changes with their outcomes.
    """
    rows = [("changes", f"{result['changes']:,} in {result['bookings']:,} bookings")]
    for outcome, changes in result["outcomes"].items():
        if changes:
            details = [f"{why} {count:,}" for why, count in worklist.details(outcome).items() if why]
            rows.append((outcome, f"{changes:,}{': ' if details else ''}{', '.join(details)}"))
    rows.append(("calls", f"{result['calls']:,} mark-absent calls"))
    rows.append(("outcomes", shown_path(result["outcomes_path"])))
    return "\n".join(aligned(rows))


def raise_for_failures(worklist: Worklist) -> None:
    """Raise an error if changes failed or were not permitted.

    :param worklist: the plan's changes with their outcomes.
    :raises ChangesFailed: with the number of changes by reason.
    """
    failed = worklist.counts[FAILED] + worklist.counts[NOT_PERMITTED]
    if not failed:
        return
    reasons = [f"{why}: {count}" for why, count in worklist.details(FAILED).items()]
    reasons += [f"not permitted, {why}: {count}" for why, count in worklist.details(NOT_PERMITTED).items()]
    others = f"; and {len(reasons) - _SHOWN_REASONS} more reasons" if len(reasons) > _SHOWN_REASONS else ""
    advice = (
        "Retrying is safe: applied changes are skipped"
        if worklist.has_retryable_failures
        else "Fix the cause before a retry, which skips applied changes"
    )
    raise ChangesFailed(
        f"{failed} of {worklist.total} changes failed ({'; '.join(reasons[:_SHOWN_REASONS])}{others})."
        f" {OUTCOMES_FILE} beside the plan lists them. {advice}",
        retryable=worklist.has_retryable_failures,
    )
