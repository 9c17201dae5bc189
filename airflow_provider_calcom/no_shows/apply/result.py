"""What a run over a plan tells: how far it is, what became of the changes, and whether that is a failure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom.attendance.errors import AttendanceError
from airflow_provider_calcom.no_shows.apply.worklist import FAILED, NOT_PERMITTED, Worklist


class ChangesFailed(AttendanceError):
    """Some changes of the plan were not made. The text names how many of what, and the file that has them all.

    :param text: what happened.
    :param retryable: whether another try may make them. It reads the bookings first and makes no change twice.
    """

    def __init__(self, text: str, retryable: bool = False) -> None:
        super().__init__(text)
        self.retryable = retryable  # type: ignore[misc]


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


def raise_for_failures(worklist: Worklist, result: ApplyResult) -> None:
    """Fail where changes failed.

    :param worklist: the plan's changes with their outcomes.
    :param result: what is told of them.
    :raises ChangesFailed: with how many of what.
    """
    failures = {name: worklist.details(name) for name in (NOT_PERMITTED, FAILED) if worklist.counts[name]}
    if not failures:
        return
    number = sum(worklist.counts[name] for name in failures)
    told = ", ".join(f"{name}: {why} {count}" for name, whys in failures.items() for why, count in whys.items())
    raise ChangesFailed(
        f"{number} of {worklist.total} changes were not made ({told}). All outcomes are in"
        f" {shown_path(result['outcomes_path'])}."
        " Running the task again makes no change twice",
        retryable=worklist.retryable,
    )
