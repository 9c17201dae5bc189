"""The rows of the list of plans: of each plan what its summary and its outcomes say, in a few words."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from airflow_provider_calcom._storage import is_here, open_to_read
from airflow_provider_calcom.no_shows.plan_files import DRY_RUN_FILE, OUTCOMES_FILE, Summary
from airflow_provider_calcom.plugins._plan_folders import StoredPlan
from airflow_provider_calcom.reports.load import state_of
from airflow_provider_calcom.reports.words import STATES

_MOST_OUTCOMES_READ = 8 * 2**20
"""Bytes of the outcomes of one plan; about 30,000 changes."""
_LONGEST_LINE = 2**16

UNREADABLE = "unreadable"
_STATES = {**STATES, UNREADABLE: ("Unreadable", "bad")}


@dataclass(frozen=True)
class PlanRow:
    """One plan of the list.

    :param plan: where it is.
    :param state: as the report has it, or ``unreadable``.
    :param sha256: its hash, or None if it can't be read; the fields below are empty then.
    :param as_of: the time that its decisions are of, ISO 8601.
    :param bookings: bookings of the period, as the report counts them; of older plans those that were decided.
    :param changes: people by kind of change: ``mark_attendees``, ``mark_hosts``, ``unmark_attendees``.
    :param outcomes: changes by outcome, if it was applied or in a dry run.
    :param are_all_outcomes: False if there are more outcomes than were read.
    """

    plan: StoredPlan
    state: str
    sha256: str | None = None
    as_of: str | None = None
    bookings: int = 0
    changes: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    are_all_outcomes: bool = True

    @property
    def badge(self) -> tuple[str, str]:
        """The state in words, and its tone."""
        return _STATES[self.state]

    @property
    def written(self) -> str | None:
        """When the plan was written, ISO 8601 in UTC, or None where the storage does not have it."""
        if not self.plan.written_at:
            return None
        return datetime.fromtimestamp(self.plan.written_at, UTC).isoformat(timespec="seconds")


def row_of(plan: StoredPlan) -> PlanRow:
    """Read the row of a plan. One that can't be read has a row too: it must not hide the others."""
    try:
        summary = plan.summary()
        outcomes, is_dry_run, are_all = _outcomes(plan, summary)
    except Exception:  # libraries of object stores have their own errors
        return PlanRow(plan, UNREADABLE)
    changes = summary["changes"]
    return PlanRow(
        plan,
        state_of(summary, outcomes, is_dry_run=is_dry_run),
        summary["sha256"],
        _text(summary["policy"].get("as_of")),
        summary.get("bookings", summary["judged_bookings"]),
        {kind: changes.get(kind, 0) for kind in ("mark_attendees", "mark_hosts", "unmark_attendees")},
        dict(outcomes.most_common()),
        are_all,
    )


def _outcomes(plan: StoredPlan, summary: Summary) -> tuple[Counter[str], bool, bool]:
    """Return the changes by outcome, whether they are of a dry run, and whether all were read."""
    for name, is_dry_run in ((OUTCOMES_FILE, False), (DRY_RUN_FILE, True)):
        counts: Counter[str] = Counter()
        size = 0
        for line in _lines(plan.place / name):
            size += len(line)
            if size > _MOST_OUTCOMES_READ:
                return counts, is_dry_run, False
            outcome = _outcome(line, summary["sha256"])
            if outcome is not None:
                counts[outcome] += 1
        if counts:
            return counts, is_dry_run, True
    return Counter(), False, True


def _lines(path: Any) -> Iterator[bytes]:
    if is_here(path) and (path.is_symlink() or not path.is_file()):
        return
    try:
        with open_to_read(path) as file:
            while line := file.readline(_LONGEST_LINE):
                yield line
    except FileNotFoundError:
        return


def _outcome(line: bytes, sha256: str) -> str | None:
    """Return the outcome in a line of this plan; one of another plan, which this one replaced, has none."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("plan") != sha256:
        return None
    return _text(found.get("outcome"))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
