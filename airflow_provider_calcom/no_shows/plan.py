"""From decisions to a plan: the changes of no-show flags in a file that a person can read, approve or throw away.

A plan is a folder, here or in an object store:

- ``plan.jsonl``: the changes, one a line, sorted by booking, role and address;
- ``decisions.parquet``: all decisions that it was made of;
- ``held-back.jsonl``: people whose flag differs from the decision and stays, each with the reason;
- ``bookings.parquet``: the bookings of the decisions;
- ``evidence.parquet``: what the rules found of each of them, from which the report explains the decisions;
- ``suggestions.json``: what would settle the doubts about undetermined people;
- ``summary.json``: the policy, what was counted, the guard rails with figure and limit, the plan's hash, and the input
  files with their rows.

``summary.json`` goes first and comes last, so a folder that has one holds a whole plan. Where a guard rail trips, the
changes go to ``refused-changes.jsonl`` instead, and there is no ``plan.jsonl`` that could be applied. The same inputs
give the same bytes: nothing in these files depends on the time of the run, on the order of rows or on threads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from airflow_provider_calcom._deprecated import former_names
from airflow_provider_calcom._redact import describe
from airflow_provider_calcom._storage import Folder, atomic_write, folder_path, write_lines
from airflow_provider_calcom._timestamps import format_microseconds, microseconds
from airflow_provider_calcom.attendance.errors import AttendanceError, PlanRefused
from airflow_provider_calcom.attendance.schema import TABLES
from airflow_provider_calcom.no_shows import diff
from airflow_provider_calcom.no_shows.diff import Correct, LastWrite, LastWritesOf
from airflow_provider_calcom.no_shows.guard_rails import GuardRails, evaluate
from airflow_provider_calcom.no_shows.plan_files import (
    BOOKINGS,
    CHANGES_FILES,
    DECISIONS,
    EVIDENCE,
    FILES,
    FORMAT,
    HELD_BACK,
    SUGGESTIONS,
    SUMMARY,
    Change,
    CorruptPlan,
    Period,
    PlanFolderUnusable,
    PlanNotReached,
    PlanNotRead,
    PlanNotWritten,
    Summary,
    check_count,
    plan_hash,
    read_plan,
    read_summary,
    rejection,
    report_hash,
    verify_plan,
    writing,
)
from airflow_provider_calcom.no_shows.plan_tables import write_bookings, write_evidence
from airflow_provider_calcom.no_shows.plan_text import format_plan

if TYPE_CHECKING:
    from airflow_provider_calcom.attendance.engine import Decided

if not TYPE_CHECKING:
    __getattr__ = former_names(__name__)

__all__ = [
    "Change",
    "CorruptPlan",
    "InvalidPlanOption",
    "Origin",
    "PlanFolderUnusable",
    "PlanNotReached",
    "PlanNotRead",
    "PlanNotWritten",
    "Summary",
    "check_count",
    "format_plan",
    "plan_hash",
    "read_plan",
    "read_summary",
    "report_hash",
    "verify_plan",
    "write_plan",
]


class InvalidPlanOption(AttendanceError):
    """An option of the plan, other than a guard rail, can't be used. Fix it; the text names it."""


@dataclass(frozen=True)
class Origin:
    """Where a plan's bookings are from.

    :param after_start: beginning of the requested bookings, or None where they have none.
    :param before_start: end of the requested bookings, or None where they have none.
    :param booking_url: address of a booking's page, with ``{uid}`` in it, or None where it is not known.
    :param details: event type and host of each booking as JSON lines, or None where only its people are known.
    """

    after_start: datetime | None = None
    before_start: datetime | None = None
    booking_url: str | None = None
    details: Path | None = None

    @property
    def period(self) -> Period | None:
        """The requested bookings, or None where all were."""
        if self.after_start is None and self.before_start is None:
            return None
        return {"after_start": _formatted(self.after_start), "before_start": _formatted(self.before_start)}


def _formatted(instant: datetime | None) -> str | None:
    return None if instant is None else format_microseconds(microseconds(instant))


def write_plan(
    decided: Decided,
    folder: Folder,
    *,
    rails: GuardRails | Mapping[str, Any] | str | None = None,
    correct: Correct = "ledger",
    last_writes: LastWritesOf | Iterable[LastWrite] = (),
    force: bool = False,
    attended_bookings: int | None = None,
    hashed: Callable[[str], str] | None = None,
    origin: Origin = Origin(),
    suggestions: Mapping[str, Any] | None = None,
) -> Summary:
    """Write the plan that follows from decisions; an older plan in the folder is replaced.

    :param decided: the decisions, as :func:`~airflow_provider_calcom.attendance.engine.deciding` gives them.
    :param folder: a folder here, or a UPath or URL of one in an object store.
    :param rails: limits; see :class:`GuardRails`. None for the defaults.
    :param correct: whose marks are taken away from attendees who came: ``ledger``, those that ``last_writes`` has as
        ours; ``all``; or ``none``.
    :param last_writes: gives the ledger's last writes of people, see :data:`LastWritesOf`; or all its writes in the
        order in which they were made. Of several for the same person of a booking the last one counts. They are read
        once, as a stream.
    :param force: also write over a flag that a person changed by hand after our last write.
    :param attended_bookings: bookings that were left out because the key's user only attends them, if that is known.
    :param hashed: gives the keyed hash by which an address is named in all files of the plan; None for plain addresses.
    :param origin: where the bookings are from.
    :param suggestions: what would settle the doubts, as ``Suggestions.as_dict`` returns it.
    :returns: what ``summary.json`` holds.
    :raises PlanRefused: where a guard rail trips, with its figure and limit. All files but ``plan.jsonl`` are written.
    :raises InvalidGuardRails: naming the field.
    :raises InvalidPlanOption: naming the option.
    """
    limits = GuardRails.of(rails)
    _check_options(correct, force)
    place = folder_path(folder)
    with writing(place):
        for name in FILES:
            (place / name).unlink(missing_ok=True)
    diff.compute(decided.connection, last_writes, correct=correct, force=force)
    if hashed is not None:
        diff.name_by_hash(decided.connection, hashed)
    counts = diff.count_changes(decided.connection)
    results = evaluate(limits, decided.figures, counts["total"])
    refused = [result.describe() for result in results if result.is_tripped]
    state: Literal["ready", "refused"] = "refused" if refused else "ready"
    with writing(place):
        digest = write_lines(place / CHANGES_FILES[state], diff.changes(decided.connection))
        write_lines(place / HELD_BACK, diff.held_back(decided.connection))
        decided.write(place / DECISIONS, relation=diff.DECIDED if hashed is None else diff.DECIDED_BY_HASH)
        write_bookings(decided, place / BOOKINGS, details=origin.details, hashed=hashed)
        explained = write_evidence(decided, place / EVIDENCE, hashed=hashed)
        if suggestions is not None:
            _write_json(place / SUGGESTIONS, suggestions)
    summary: Summary = {
        "format": FORMAT,
        "state": state,
        "refused": refused,
        "policy": _named(decided.policy.as_dict(), hashed),
        "correct": correct,
        "force": force,
        "addresses": "plain" if hashed is None else "hashed",
        "attended_bookings": attended_bookings,
        **_figures(decided),  # type: ignore[typeddict-item]
        "period": origin.period,
        "booking_url": origin.booking_url,
        "evidence": {"bookings": explained, "left_out": decided.figures.bookings - explained},
        "changes": counts,
        "held_back": diff.count_held_back(decided.connection),
        "guard_rails": [asdict(result) for result in results],
        "changes_file": CHANGES_FILES[state],
        "changes_sha256": digest,
        "sha256": "",
    }
    summary["sha256"] = plan_hash(summary)
    summary["report_sha256"] = report_hash(summary)
    with writing(place):
        _write_json(place / SUMMARY, summary)
    if refused:
        raise PlanRefused(rejection(refused))
    return summary


def _named(value: Any, hashed: Callable[[str], str] | None) -> Any:
    """Return a policy's fields with hashes in the place of addresses."""
    if hashed is None:
        return value
    if isinstance(value, dict):
        # Aliases have addresses as keys.
        return {_named(key, hashed): _named(one, hashed) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_named(one, hashed) for one in value]
    return hashed(value) if isinstance(value, str) and re.fullmatch(r"[^@\s]+@[^@\s]+", value) else value


def _check_options(correct: Any, force: Any) -> None:
    if not isinstance(correct, str) or correct not in get_args(Correct):
        raise InvalidPlanOption(f"correct must be one of {', '.join(get_args(Correct))}, but is {describe(correct)}")
    if not isinstance(force, bool):
        raise InvalidPlanOption(f"force must be true or false, but is {describe(force)}")


def _write_json(path: Any, content: Mapping[str, Any]) -> None:
    with atomic_write(path) as part:
        part.write_bytes(json.dumps(content, ensure_ascii=False, indent=2).encode() + b"\n")


def _figures(decided: Decided) -> dict[str, Any]:
    figures = decided.figures
    tables = [table.name for table in TABLES]
    until = figures.complete_until
    return {
        "bookings": figures.bookings,
        "attendees": figures.attendees,
        "judged_bookings": figures.judged_bookings,
        "attendance_rows": figures.attendance_rows,
        "rows_of_people": figures.rows_of_people,
        "matched_rows": figures.matched_rows,
        "complete_until": None if until is None else format_microseconds(until),
        "outcomes": figures.outcomes,
        # In which order files were given makes no difference.
        "inputs": [
            {"table": file.table, "file": file.name, "rows": file.rows}
            for file in sorted(figures.files, key=lambda file: (tables.index(file.table), file.name, file.rows))
        ],
    }
