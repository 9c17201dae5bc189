"""The files of a plan: their names, what they hold, and how they are read."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypedDict, get_args

from airflow_provider_calcom._deprecated import former_names
from airflow_provider_calcom._redact import describe, shown_path
from airflow_provider_calcom._storage import Folder, folder_path, is_whole_text, open_to_read, storage_errors
from airflow_provider_calcom._timestamps import parse_timestamp
from airflow_provider_calcom.attendance.errors import AttendanceError, PlanRefused
from airflow_provider_calcom.no_shows.diff import Correct
from airflow_provider_calcom.no_shows.guard_rails import RAILS, RailResult

if not TYPE_CHECKING:
    __getattr__ = former_names(__name__)

PLAN = "plan.jsonl"
REFUSED_CHANGES = "refused-changes.jsonl"
HELD_BACK = "held-back.jsonl"
DECISIONS = "decisions.parquet"
SUMMARY = "summary.json"
BOOKINGS = "bookings.parquet"
EVIDENCE = "evidence.parquet"
SUGGESTIONS = "suggestions.json"
REPORT = "report.html"
OUTCOMES_FILE = "outcomes.jsonl"
DRY_RUN_FILE = "outcomes-dry-run.jsonl"
"""Outcomes of the changes, once the plan was applied, or in a dry run."""

FILES = (
    *(SUMMARY, PLAN, REFUSED_CHANGES, HELD_BACK, DECISIONS, BOOKINGS, EVIDENCE, SUGGESTIONS, REPORT),
    *(OUTCOMES_FILE, DRY_RUN_FILE),
)
FORMAT = 2
_OLD_FORMAT = 1
"""A format whose hash covers the changes alone. It is read, but a plan of it with ``force`` is rejected."""
_CONTROLS = ("format", "state", "correct", "force", "addresses", "changes", "changes_file", "changes_sha256")
"""What decides on the way a plan is applied. Its hash covers it; figures and the time of the run it does not, so that
planning the same changes again gives the plan that was approved."""

_REPORT_HASH = "report_sha256"
CHANGES_FILES = {"ready": PLAN, "refused": REFUSED_CHANGES}
_LONGEST_LINE = 16 * 2**20
_LONGEST_PRESENCE = 10_000 * 366 * 86_400


class CorruptPlan(AttendanceError):
    """A plan's files are missing, torn, or not those that were written. Make the plan again; never edit it by hand."""


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


class Period(TypedDict):
    """The bookings that were requested: from one start to another, ISO 8601 with ``Z``, or None where it is open."""

    after_start: str | None
    before_start: str | None


class EvidenceCount(TypedDict):
    """Of how many bookings the plan has evidence, and how many others it has."""

    bookings: int
    left_out: int


class _Report(TypedDict, total=False):
    """What plans of older versions lack."""

    report_sha256: str
    period: Period | None
    bookings: int
    attendees: int
    booking_url: str | None
    evidence: EvidenceCount


class Summary(_Report):
    """What ``summary.json`` holds.

    ``state`` is ``ready`` or ``refused``; ``refused`` describes each failed guard rail. ``outcomes`` is
    ``{outcome: {reason: people}}``. ``changes`` has the numbers ``total``, ``bookings``, ``mark_attendees``,
    ``mark_hosts`` and ``unmark_attendees``. ``held_back`` is ``{reason: people}``, all reasons named.
    ``changes_sha256`` is that of ``changes_file``'s bytes, and ``sha256`` the plan's own: of all that controls how it
    is applied, see :func:`plan_hash`; ``report_sha256`` is that of all the rest, and plans of older versions have none.
    ``addresses`` is ``plain``, or ``hashed`` where people are named by keyed hashes. ``complete_until`` is the
    timestamp up to which the feed is complete. ``attended_bookings`` counts those that were left out because the key's
    user only attends them, or is None where that is not known. ``bookings`` and ``attendees`` count those with a
    decision. ``booking_url`` is the address of a booking's page, with ``{uid}`` in it.
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


def read_summary(folder: Folder) -> Summary:
    """Read a plan's summary.

    :param folder: where :func:`write_plan` wrote it.
    :raises CorruptPlan: if there is none, or it is not one.
    """
    path = folder_path(folder) / SUMMARY
    name = shown_path(path)
    try:
        with reading(path):
            content = path.read_bytes()
    except FileNotFoundError:
        raise CorruptPlan(
            f"plan: {name} is missing: no plan was made here, or it was not finished. Make it again"
        ) from None
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise CorruptPlan(f"plan: {name} is not the JSON that was written. Make the plan again") from None
    if not isinstance(found, dict) or found.get("format") not in (_OLD_FORMAT, FORMAT):
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
    if CHANGES_FILES[found["state"]] != found["changes_file"]:
        return "its state does not fit its file"
    for name, is_right in _IS_RIGHT_IF_THERE.items():
        if name in found and not is_right(found[name]):
            return f"{name} is {describe(found[name])}, which does not belong there"
    if found.get(_REPORT_HASH, report_hash(found)) != report_hash(found):
        return f"{_REPORT_HASH} is not the hash of its policy, figures and guard rails"
    if found["format"] == FORMAT:
        return None if found["sha256"] == plan_hash(found) else "its hash is not that of what it says"
    if found["changes_sha256"] != found["sha256"] or found["force"]:
        return "it is of an older version, whose hash does not cover force"
    return None


def _is_counts(given: Any) -> bool:
    return isinstance(given, dict) and all(_is_count(value) for value in given.values())


def _is_count(given: Any) -> bool:
    return type(given) is int and given >= 0


def _is_period(given: Any) -> bool:
    is_period = isinstance(given, dict) and given.keys() == Period.__required_keys__
    return is_period and all(value is None or isinstance(value, str) for value in given.values())


def _is_hash(given: Any) -> bool:
    return isinstance(given, str) and re.fullmatch("[0-9a-f]{64}", given) is not None


def _are_rails(given: Any) -> bool:
    return isinstance(given, list) and all(isinstance(one, dict) and _is_rail(one) for one in given)


def _is_rail(given: dict[str, Any]) -> bool:
    return given.keys() == RailResult.__dataclass_fields__.keys() and str(given["name"]) in RAILS


_IS_RIGHT: dict[str, Callable[[Any], bool]] = {
    "state": lambda given: isinstance(given, str) and given in CHANGES_FILES,
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

_IS_RIGHT_IF_THERE: dict[str, Callable[[Any], bool]] = {
    "period": lambda given: given is None or _is_period(given),
    "bookings": _is_count,
    "attendees": _is_count,
    "booking_url": lambda given: given is None or isinstance(given, str),
    "evidence": lambda given: _is_counts(given) and given.keys() == EvidenceCount.__required_keys__,
}
"""The same of fields that plans of older versions lack."""


def reading(path: Any) -> AbstractContextManager[None]:
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
        raise PlanRefused(rejection(summary["refused"]))
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


def rejection(failed: list[str]) -> str:
    """Return the text of the error where guard rails reject a plan, short enough for one line of a log."""
    others = [one.partition(":")[0] for one in failed[1:]]
    also = f"; also {', '.join(others)}" if others else ""
    return (
        f"Guard rail failed: {failed[0]}{also}. Nothing was written. If the feed is complete, change"
        f" {'these limits' if others else 'the limit'} in guard_rails"
    )


def _changes(path: Any, sha256: str) -> Iterator[Change]:
    digest = hashlib.sha256()
    name = f"plan: {shown_path(path)}"
    try:
        with reading(path):
            file = open_to_read(path)
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


def _line_of(file: io.BufferedIOBase, path: Any) -> bytes:
    with reading(path):
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
