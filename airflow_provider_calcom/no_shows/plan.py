"""From decisions to a plan: the changes of no-show flags in a file that a person can read, approve or throw away.

A plan is a folder, here or in an object store:

- ``plan.jsonl``: the changes, one a line, sorted by booking, role and address;
- ``decisions.parquet``: all decisions that it was made of;
- ``held-back.jsonl``: people whose flag differs from the decision and stays, each with the reason;
- ``summary.json``: the policy, what was counted, the guard rails with figure and limit, the plan's hash, and the input
  files with their rows.

``summary.json`` goes first and comes last, so a folder that has one holds a whole plan. Where a guard rail trips, the
changes go to ``refused-changes.jsonl`` instead, and there is no ``plan.jsonl`` that could be applied. The same inputs
give the same bytes: nothing in these files depends on the time of the run, on the order of rows or on threads.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Literal, TypedDict, get_args

from airflow_provider_calcom._redact import describe, shown_path
from airflow_provider_calcom._storage import (
    Folder,
    atomic_write,
    folder_path,
    is_whole_text,
    storage_errors,
    write_lines,
)
from airflow_provider_calcom._timestamps import format_microseconds, parse_timestamp
from airflow_provider_calcom.attendance.errors import AttendanceError, PlanRefused
from airflow_provider_calcom.attendance.schema import TABLES
from airflow_provider_calcom.no_shows import diff
from airflow_provider_calcom.no_shows.diff import Correct, LastWrite, LastWritesOf
from airflow_provider_calcom.no_shows.guard_rails import RAILS, GuardRails, RailResult, evaluate
from airflow_provider_calcom.no_shows.text_tables import aligned, counts, shortened

if TYPE_CHECKING:
    from airflow_provider_calcom.attendance.engine import Decided

PLAN = "plan.jsonl"
REFUSED_CHANGES = "refused-changes.jsonl"
HELD_BACK = "held-back.jsonl"
DECISIONS = "decisions.parquet"
SUMMARY = "summary.json"
OUTCOMES_FILE = "outcomes.jsonl"
DRY_RUN_FILE = "outcomes-dry-run.jsonl"
"""Outcomes of the changes, once the plan was applied, or in a dry run."""

_FORMAT = 2
_OLD_FORMAT = 1
"""A format whose hash covers the changes alone. It is read, but a plan of it with ``force`` is rejected."""
_CONTROLS = ("format", "state", "correct", "force", "addresses", "changes", "changes_file", "changes_sha256")
"""What decides on the way a plan is applied. Its hash covers it; figures and the time of the run it does not, so that
planning the same changes again gives the plan that was approved."""

_REPORT_HASH = "report_sha256"
_CHANGES_FILES = {"ready": PLAN, "refused": REFUSED_CHANGES}
_LONGEST_LINE = 16 * 2**20
_LONGEST_PRESENCE = 10_000 * 366 * 86_400


class InvalidPlanOption(AttendanceError):
    """An option of the plan, other than a guard rail, can't be used. Fix it; the text names it."""


class CorruptPlan(AttendanceError):
    """A plan's files are missing, torn, or not those that were written. Make the plan again; never edit it by hand."""


DamagedPlan = CorruptPlan  # until 1.0


class PlanNotRead(AttendanceError):
    """A plan's file can't be opened. Fix its rights, or what lies in its place; the text names it."""


class PlanNotReached(PlanNotRead):
    """The storage of a plan failed: a disk, a network, an object store. Another attempt may succeed."""

    retryable = True


class PlanNotWritten(AttendanceError):
    """A plan's folder can't be written now: the disk is full, or the storage failed. The text names it."""

    retryable = True


class PlanFolderUnusable(PlanNotWritten):
    """A plan's folder can't be written, and a retry would fail, too. Fix its rights, or what is in its place."""

    retryable = False


@dataclass(frozen=True)
class Change:
    """One change of a flag.

    :param booking_uid: the booking.
    :param role: ``attendee`` or ``host``.
    :param email: the address, as Cal.com spells it.
    :param is_absent: the flag when the bookings were read (``from`` in the file).
    :param will_be_absent: the flag that is to be (``to``).
    :param reason: of the decision, as in the rules.
    :param presence_seconds: how long the person was there.
    :param start_at: the booking's start: ISO 8601, UTC with ``Z``.
    """

    booking_uid: str
    role: str
    email: str = field(repr=False)
    is_absent: bool
    will_be_absent: bool
    reason: str
    presence_seconds: float
    start_at: str


class _Report(TypedDict, total=False):
    """What plans of older versions lack."""

    report_sha256: str


class Summary(_Report):
    """What ``summary.json`` holds.

    ``state`` is ``ready`` or ``refused``; ``refused`` describes each failed guard rail. ``outcomes`` is
    ``{outcome: {reason: people}}``. ``changes`` has the numbers ``total``, ``bookings``, ``mark_attendees``,
    ``mark_hosts`` and ``unmark_attendees``. ``held_back`` is ``{reason: people}``, all reasons named.
    ``changes_sha256`` is that of ``changes_file``'s bytes, and ``sha256`` the plan's own: of all that controls how it
    is applied, see :func:`plan_hash`; ``report_sha256`` is that of all the rest, and plans of older versions have none.
    ``addresses`` is ``plain``, or ``hashed`` where people are named by keyed hashes. ``complete_until`` is the
    timestamp up to which the feed is complete. ``attended_bookings`` counts those that were left out because the key's
    user only attends them, or is None where that is not known.
    """

    format: int
    state: Literal["ready", "refused"]
    refused: list[str]
    policy: dict[str, Any]
    correct: Correct
    force: bool
    addresses: Literal["plain", "hashed"]
    attended_bookings: int | None
    judged_bookings: int
    attendance_rows: int
    rows_of_people: int
    matched_rows: int
    complete_until: str | None
    outcomes: dict[str, dict[str, int]]
    inputs: list[dict[str, Any]]
    changes: dict[str, int]
    held_back: dict[str, int]
    guard_rails: list[dict[str, Any]]
    changes_file: str
    changes_sha256: str
    sha256: str


def plan_hash(summary: Mapping[str, Any]) -> str:
    """Return the hash by which a plan is approved: of its changes, and of all that controls how they are applied.

    :param summary: the plan's; ``sha256`` itself is not looked at.
    """
    controls = {name: summary[name] for name in _CONTROLS}
    return _hash_of(controls)


def report_hash(summary: Mapping[str, Any]) -> str:
    """Return the hash of the fields that :func:`plan_hash` leaves out: policy, figures and guard rails.

    It is a hash of its own, because planning the same changes at another time must give the same plan hash.

    :param summary: the plan's; its hashes themselves are not looked at.
    """
    return _hash_of({name: one for name, one in summary.items() if name not in (*_CONTROLS, "sha256", _REPORT_HASH)})


def _hash_of(fields: Mapping[str, Any]) -> str:
    text = json.dumps(fields, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def writing(place: Any, parameter: str = "plan_path") -> AbstractContextManager[None]:
    """Return a context that raises what prevents writing a plan's folder as an error of this package.

    :param place: the folder, for the error.
    :param parameter: the parameter that names it, for the error.
    :raises PlanNotWritten: with the operating system's reason; :class:`PlanFolderUnusable` where a retry would fail.
    """
    return storage_errors(
        parameter,
        place,
        lasting=PlanFolderUnusable,
        passing=PlanNotWritten,
        action="written",
        fix="Let the worker's user write there, or free some space",
    )


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
    :returns: what ``summary.json`` holds.
    :raises PlanRefused: where a guard rail trips, with its figure and limit. All files but ``plan.jsonl`` are written.
    :raises InvalidGuardRails: naming the field.
    :raises InvalidPlanOption: naming the option.
    """
    limits = GuardRails.of(rails)
    _check_options(correct, force)
    place = folder_path(folder)
    with writing(place):
        for name in (SUMMARY, PLAN, REFUSED_CHANGES, HELD_BACK, DECISIONS, OUTCOMES_FILE, DRY_RUN_FILE):
            (place / name).unlink(missing_ok=True)
    diff.compute(decided.connection, last_writes, correct=correct, force=force)
    if hashed is not None:
        diff.name_by_hash(decided.connection, hashed)
    found = diff.count_changes(decided.connection)
    results = evaluate(limits, decided.figures, found["total"])
    refused = [result.describe() for result in results if result.is_tripped]
    state: Literal["ready", "refused"] = "refused" if refused else "ready"
    with writing(place):
        digest = write_lines(place / _CHANGES_FILES[state], diff.changes(decided.connection))
        write_lines(place / HELD_BACK, diff.held_back(decided.connection))
        decided.write(place / DECISIONS, relation=diff.DECIDED if hashed is None else diff.DECIDED_BY_HASH)
    summary: Summary = {
        "format": _FORMAT,
        "state": state,
        "refused": refused,
        "policy": _named(decided.policy.as_dict(), hashed),
        "correct": correct,
        "force": force,
        "addresses": "plain" if hashed is None else "hashed",
        "attended_bookings": attended_bookings,
        **_figures(decided),  # type: ignore[typeddict-item]
        "changes": found,
        "held_back": diff.count_held_back(decided.connection),
        "guard_rails": [asdict(result) for result in results],
        "changes_file": _CHANGES_FILES[state],
        "changes_sha256": digest,
        "sha256": "",
    }
    summary["sha256"] = plan_hash(summary)
    summary["report_sha256"] = report_hash(summary)
    with writing(place):
        _write_summary(place / SUMMARY, summary)
    if refused:
        raise PlanRefused(_rejection(refused))
    return summary


def read_summary(folder: Folder) -> Summary:
    """Read a plan's summary.

    :param folder: where :func:`write_plan` wrote it.
    :raises CorruptPlan: if there is none, or it is not one.
    """
    path = folder_path(folder) / SUMMARY
    name = shown_path(path)
    try:
        with _reading(path):
            content = path.read_bytes()
    except FileNotFoundError:
        raise CorruptPlan(
            f"plan: {name} is missing: no plan was made here, or it was not finished. Make it again"
        ) from None
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise CorruptPlan(f"plan: {name} is not the JSON that was written. Make the plan again") from None
    if not isinstance(found, dict) or found.get("format") not in (_OLD_FORMAT, _FORMAT):
        raise CorruptPlan(f"plan: {name} is not a plan's summary, or one of another version. Make the plan again")
    if found["format"] == _OLD_FORMAT:
        found = {"changes_sha256": found.get("sha256"), "attended_bookings": None, "addresses": "plain", **found}
    if fault := _summary_fault(found):
        raise CorruptPlan(f"plan: {name} is not as it was written: {fault}. Make the plan again")
    return found  # type: ignore[return-value]


def _summary_fault(found: dict[str, Any]) -> str | None:
    """Return what is wrong with a summary, in words that go on after its path, or None."""
    if missing := sorted(Summary.__required_keys__ - found.keys()):
        return f"it lacks {', '.join(missing)}"
    for name, is_right in _IS_RIGHT.items():
        if not is_right(found[name]):
            return f"{name} is {describe(found[name])}, which does not belong there"
    if _CHANGES_FILES[found["state"]] != found["changes_file"]:
        return "its state does not fit its file"
    if found.get(_REPORT_HASH, report_hash(found)) != report_hash(found):
        return f"{_REPORT_HASH} is not the hash of its policy, figures and guard rails"
    if found["format"] == _FORMAT:
        return None if found["sha256"] == plan_hash(found) else "its hash is not that of what it says"
    if found["changes_sha256"] != found["sha256"] or found["force"]:
        return "it is of an older version, whose hash does not cover force"
    return None


def _is_counts(given: Any) -> bool:
    return isinstance(given, dict) and all(_is_count(value) for value in given.values())


def _is_count(given: Any) -> bool:
    return type(given) is int and given >= 0


def _is_hash(given: Any) -> bool:
    return isinstance(given, str) and re.fullmatch("[0-9a-f]{64}", given) is not None


def _are_rails(given: Any) -> bool:
    return isinstance(given, list) and all(isinstance(one, dict) and _is_rail(one) for one in given)


def _is_rail(given: dict[str, Any]) -> bool:
    return given.keys() == RailResult.__dataclass_fields__.keys() and str(given["name"]) in RAILS


_IS_RIGHT: dict[str, Callable[[Any], bool]] = {
    "state": lambda given: isinstance(given, str) and given in _CHANGES_FILES,
    "refused": lambda given: isinstance(given, list) and all(isinstance(one, str) for one in given),
    "policy": lambda given: isinstance(given, dict),
    "correct": lambda given: isinstance(given, str) and given in get_args(Correct),
    "force": lambda given: isinstance(given, bool),
    **dict.fromkeys(("judged_bookings", "attendance_rows", "rows_of_people", "matched_rows"), _is_count),
    "addresses": lambda given: isinstance(given, str) and given in ("plain", "hashed"),
    "attended_bookings": lambda given: given is None or _is_count(given),
    "complete_until": lambda given: given is None or isinstance(given, str),
    "outcomes": lambda given: isinstance(given, dict) and all(_is_counts(one) for one in given.values()),
    "inputs": lambda given: isinstance(given, list) and all(isinstance(one, dict) for one in given),
    "changes": lambda given: _is_counts(given) and "total" in given,
    "held_back": _is_counts,
    "guard_rails": _are_rails,
    "changes_file": lambda given: isinstance(given, str),
    "changes_sha256": _is_hash,
    "sha256": _is_hash,
}
"""What a summary's fields may hold: a text ``"false"`` is true in Python."""


def _reading(path: Any) -> AbstractContextManager[None]:
    """Return a context that raises what prevents reading a file as an error of this package, unless it is missing.

    :raises PlanNotRead: with the operating system's reason; :class:`PlanNotReached` where a retry may succeed.
    """
    return storage_errors(
        "plan",
        path,
        lasting=PlanNotRead,
        passing=PlanNotReached,
        action="read",
        fix="Let the worker's user read it",
        unchanged=(FileNotFoundError,),
    )


def read_plan(folder: Folder, *, even_refused: bool = False, summary: Summary | None = None) -> Iterator[Change]:
    """Yield a plan's changes one by one, in the order of the file.

    That the file is the one that was written is known at its end only: call :func:`verify_plan` before acting on it.

    :param folder: where :func:`write_plan` wrote it.
    :param even_refused: also give the changes of a plan that was refused, to look at.
    :param summary: the plan's, if it was read before: a plan that another one replaced meanwhile is not given as it.
    :raises PlanRefused: if it was refused, at once.
    :raises CorruptPlan: if a file is missing, torn or changed; for the changes when they are read that far.
    """
    place = folder_path(folder)
    summary = summary or read_summary(place)
    if summary["state"] == "refused" and not even_refused:
        raise PlanRefused(_rejection(summary["refused"]))
    return _changes(place / summary["changes_file"], summary["changes_sha256"])


def verify_plan(folder: Folder, *, even_refused: bool = False) -> Summary:
    """Read a plan to its end, so that before it is applied it is known to be complete and as it was written.

    :param folder: where :func:`write_plan` wrote it.
    :param even_refused: also a plan that was refused.

    Errors are those of :func:`read_plan`.
    """
    summary = read_summary(folder)
    check_count(folder, summary, sum(1 for _ in read_plan(folder, even_refused=even_refused, summary=summary)))
    return summary


def check_count(folder: Folder, summary: Summary, changes: int) -> None:
    """Check that a plan had as many changes as its summary says.

    :param changes: how many :func:`read_plan` gave.
    :raises CorruptPlan: if not.
    """
    if changes != summary["changes"]["total"]:
        raise CorruptPlan(
            f"plan: {shown_path(folder_path(folder))} has {changes} changes, but its summary says"
            f" {describe(summary['changes']['total'])}. Make the plan again"
        )


def format_plan(
    summary: Summary, changes: Iterable[Change] = (), *, limit: int = 20, with_addresses: bool = False
) -> str:
    """Return a plan as a table for a person.

    :param summary: the plan's.
    :param changes: the plan's; no more than ``limit`` are read.
    :param limit: how many changes the text has at most.
    :param with_addresses: whether the text has addresses, which a log must not have.
    """
    lines = [*aligned(_rows_of_figures(summary)), "", *aligned(_rows_of_rails(summary))]
    shown = [_row_of_change(change, with_addresses) for change in islice(changes, limit)]
    if shown:
        lines += ["", *aligned([_CHANGE_COLUMNS, *shown])]
        more = summary["changes"]["total"] - len(shown)
        lines += [f"and {more} more"] if more else []
    return "\n".join(lines) + "\n"


def _rows_of_figures(summary: Summary) -> Iterator[tuple[str, str]]:
    found = summary["changes"]
    if summary["state"] == "refused":
        yield "state", "REJECTED by a guard rail, nothing will be written"
    yield (
        "changes",
        f"{found['total']} in {found['bookings']} bookings: {found['mark_attendees']} attendees and"
        f" {found['mark_hosts']} hosts to mark absent, {found['unmark_attendees']} attendees to un-mark",
    )
    yield "bookings", f"{summary['judged_bookings']} decided as of {summary['policy']['as_of']}"
    if summary["attended_bookings"]:
        yield "left out", f"{summary['attended_bookings']} bookings that the key's user only attends"
    yield (
        "attendance",
        f"{summary['attendance_rows']} rows, complete until {summary['complete_until'] or 'never'}",
    )
    for outcome, reasons in summary["outcomes"].items():
        yield outcome, counts(reasons.items())
    if any(summary["held_back"].values()):
        yield "held back", counts(summary["held_back"].items())


def _rows_of_rails(summary: Summary) -> Iterator[tuple[str, str, str, str]]:
    yield "guard rail", "result", "limit", "figure"
    for fields in summary["guard_rails"]:
        result = RailResult(**fields)
        yield result.name, _mark(result), result.describe_limit(), result.describe_figure()


def _mark(result: RailResult) -> str:
    if not result.is_judged:
        return "off" if result.limit is None else f"fewer than {result.judged_from}"
    return "FAILED" if result.is_tripped else "passed"


_CHANGE_COLUMNS = ("change", "start", "booking", "who", "reason")
_LONGEST_CELL = 40


def _row_of_change(change: Change, with_addresses: bool) -> tuple[str, str, str, str, str]:
    return (
        "absent" if change.will_be_absent else "un-mark",
        f"{change.start_at[:10]} {change.start_at[11:16]}Z",
        shortened(_printable(change.booking_uid), _LONGEST_CELL),
        shortened(_printable(change.email), _LONGEST_CELL) if with_addresses else change.role,
        change.reason,
    )


def _printable(text: str) -> str:
    """Escape what could control a terminal: anyone who books can choose their address."""
    return "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in text)


def _rejection(failed: list[str]) -> str:
    """Return why a plan is rejected, short enough for one line of a log, which has the table above it."""
    others = [one.partition(":")[0] for one in failed[1:]]
    also = f"; also {', '.join(others)}" if others else ""
    return (
        f"Guard rail failed: {failed[0]}{also}. Nothing was written. If the feed is complete, change"
        f" {'these limits' if others else 'the limit'} in guard_rails"
    )


def _named(value: Any, hashed: Callable[[str], str] | None) -> Any:
    """Return a policy's fields with hashes in the place of addresses."""
    if hashed is None:
        return value
    if isinstance(value, dict):
        return {key: _named(one, hashed) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_named(one, hashed) for one in value]
    return hashed(value) if isinstance(value, str) and re.fullmatch(r"[^@\s]+@[^@\s]+", value) else value


def _check_options(correct: Any, force: Any) -> None:
    if not isinstance(correct, str) or correct not in get_args(Correct):
        raise InvalidPlanOption(f"correct must be one of {', '.join(get_args(Correct))}, but is {describe(correct)}")
    if not isinstance(force, bool):
        raise InvalidPlanOption(f"force must be true or false, but is {describe(force)}")


# ----------------------------------------------------------------------------------------------------------------------
# The files
# ----------------------------------------------------------------------------------------------------------------------


def _write_summary(path: Any, summary: Summary) -> None:
    with atomic_write(path) as part:
        part.write_bytes(json.dumps(summary, ensure_ascii=False, indent=2).encode() + b"\n")


def _figures(decided: Decided) -> dict[str, Any]:
    figures = decided.figures
    tables = [table.name for table in TABLES]
    until = figures.complete_until
    return {
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


def _changes(path: Any, sha256: str) -> Iterator[Change]:
    digest = hashlib.sha256()
    name = f"plan: {shown_path(path)}"
    try:
        with _reading(path):
            file = path.open("rb")
    except FileNotFoundError:
        raise CorruptPlan(f"{name} is missing. Make the plan again") from None
    with file:
        number = 0
        while line := _line_of(file, path):
            number += 1
            digest.update(line)
            yield _change(line, f"{name}, line {number}")
    if digest.hexdigest() != sha256:
        raise CorruptPlan(f"{name} is not the file that was written: its hash is another. Make the plan again")


def _line_of(file: IO[bytes], path: Any) -> bytes:
    with _reading(path):
        return file.readline(_LONGEST_LINE)


_KEYS: dict[str, type | tuple[type, ...]] = {
    "booking_uid": str,
    "role": str,
    "email": str,
    "from": bool,
    "to": bool,
    "reason": str,
    "presence_seconds": (int, float),
    "start_at": str,
}


def _change(line: bytes, shown: str) -> Change:
    if not line.endswith(b"\n"):
        raise CorruptPlan(f"{shown}, is torn: it has no end. Make the plan again")
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        raise CorruptPlan(f"{shown}, is not JSON. Make the plan again") from None
    if not isinstance(found, dict) or list(found) != list(_KEYS):
        raise CorruptPlan(f"{shown}, has other keys than {', '.join(_KEYS)}. Make the plan again")
    for name, kind in _KEYS.items():
        if not isinstance(found[name], kind) or (kind is not bool and isinstance(found[name], bool)):
            raise CorruptPlan(
                f"{shown}, key {name}: a {type(found[name]).__name__} does not belong there. Make the plan again"
            )
        if isinstance(found[name], str) and not is_whole_text(found[name]):
            raise CorruptPlan(f"{shown}, key {name}: has an unpaired surrogate (invalid Unicode). Make the plan again")
    if not 0 <= found["presence_seconds"] < _LONGEST_PRESENCE:
        raise CorruptPlan(f"{shown}, key presence_seconds: is not a duration. Make the plan again")
    if found["from"] == found["to"] or (found["role"], found["to"]) not in _ALLOWED:
        raise CorruptPlan(f"{shown}, is a change that no plan has. Make the plan again")
    try:
        parse_timestamp(found["start_at"])
    except ValueError as error:
        raise CorruptPlan(f"{shown}, key start_at {error}. Make the plan again") from None
    return Change(*found.values())


_ALLOWED = {("attendee", True), ("attendee", False), ("host", True)}
