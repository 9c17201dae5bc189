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
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict, get_args

from airflow_provider_calcom._redact import describe, shown_path
from airflow_provider_calcom._storage import (
    Folder,
    atomic_write,
    folder_path,
    is_lasting,
    is_of_storage,
    is_whole_text,
    reason_of,
    write_lines,
)
from airflow_provider_calcom._timestamps import format_microseconds, parse_timestamp
from airflow_provider_calcom.attendance.engine import Decided
from airflow_provider_calcom.attendance.errors import AttendanceError, PlanRefused
from airflow_provider_calcom.attendance.policy import WHITE_SPACE
from airflow_provider_calcom.attendance.schema import TABLES
from airflow_provider_calcom.no_shows.guard_rails import GuardRails, RailResult, judge

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Correct = Literal["ledger", "all", "none"]

PLAN = "plan.jsonl"
REFUSED_CHANGES = "refused-changes.jsonl"
HELD_BACK = "held-back.jsonl"
DECISIONS = "decisions.parquet"
SUMMARY = "summary.json"
OUTCOMES_FILE = "outcomes.jsonl"
DRY_RUN_FILE = "outcomes-dry-run.jsonl"
"""What became of the changes, or would, once the plan was applied."""

_FORMAT = 2
_OLD_FORMAT = 1
"""Of plans whose hash is that of their changes alone. They are read unless something that it does not cover matters."""
_CONTROLS = ("format", "state", "correct", "force", "addresses", "changes", "changes_file", "changes_sha256")
"""What decides on the way a plan is applied. Its hash covers it; figures and the time of the run it does not, so that
planning the same changes again gives the plan that was approved."""

_REPORT_HASH = "report_sha256"
_CHANGES_FILES = {"ready": PLAN, "refused": REFUSED_CHANGES}
_LONGEST_LINE = 16 * 2**20
_LONGEST_PRESENCE = 10_000 * 366 * 86_400
_HELD_BACK = ("no_address", "contradictory", "host_present", "human_override", "correction_off", "not_ours")


class InvalidPlanOption(AttendanceError):
    """An option of the plan, which is no guard rail, can't be used. Mend it; the text names it."""


class DamagedPlan(AttendanceError):
    """A plan's files are missing, torn, or not those that were written. Make the plan again; never mend it by hand."""


class PlanNotRead(AttendanceError):
    """A plan's file can't be opened. Fix its rights, or what lies in its place; the text names it."""


class PlanNotReached(PlanNotRead):
    """The storage of a plan failed: a disk, a network, an object store. Another try may find it well."""

    retryable = True


class PlanNotWritten(AttendanceError):
    """A plan's folder can't be written now: the disk is full, or the storage failed. The text names it."""

    retryable = True


class PlanFolderUnusable(PlanNotWritten):
    """A plan's folder can't be written, and no retry heals that. Fix its rights, or what lies in its place."""

    retryable = False


class LastWrite(NamedTuple):
    """A flag that an earlier run wrote, as the ledger has it.

    :param booking_uid: of which booking.
    :param role: ``attendee`` or ``host``.
    :param email: the address, as Cal.com spells it.
    :param absent: the flag that was written.
    :param is_certain: whether it is known that it was: the run that set out to write it may have been killed. Then a
        flag that is another speaks of no person's hand.
    """

    booking_uid: str
    role: str
    email: str
    absent: bool
    is_certain: bool = True

    def __repr__(self) -> str:
        return f"LastWrite(booking_uid={self.booking_uid!r}, role={self.role!r}, absent={self.absent!r})"


LastWritesOf = Callable[[Iterable[tuple[str, str, str]]], Iterable[LastWrite]]
"""Gives the last writes of people, each told by booking uid, role and address."""


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

    ``state`` is ``ready`` or ``refused``; ``refused`` tells each tripped rail in words. ``outcomes`` is
    ``{outcome: {reason: people}}``. ``changes`` has the numbers ``total``, ``bookings``, ``mark_attendees``,
    ``mark_hosts`` and ``unmark_attendees``. ``held_back`` is ``{reason: people}``, all reasons named.
    ``changes_sha256`` is that of ``changes_file``'s bytes, and ``sha256`` the plan's own: of all that controls how it
    is applied, see :func:`plan_hash`; ``report_sha256`` is that of all the rest, and plans of older versions have none.
    ``addresses`` is ``plain``, or ``hashed`` where people are named
    by keyed hashes. ``complete_until`` tells up to where the feed is complete. ``attended_bookings`` counts those that
    were left out because the key's user only attends them, or is None where that was not looked at.
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
    """Return the hash of what else a plan's summary says: the policy, figures and guard rails that a person reads.

    It is apart from :func:`plan_hash`, which must be the same where the same changes are planned at another time.

    :param summary: the plan's; its hashes themselves are not looked at.
    """
    return _hash_of({name: one for name, one in summary.items() if name not in (*_CONTROLS, "sha256", _REPORT_HASH)})


def _hash_of(fields: Mapping[str, Any]) -> str:
    text = json.dumps(fields, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


@contextmanager
def writing(place: Any, parameter: str = "plan_path") -> Iterator[None]:
    """Raise what hinders writing a plan's folder as an error of ours.

    :param place: the folder, for the error.
    :param parameter: the parameter that names it, for the error.
    :raises PlanNotWritten: with the operating system's words; :class:`PlanFolderUnusable` where no retry heals it.
    """
    try:
        yield
    except Exception as error:
        # DuckDB, which writes the decisions, has a class of its own where a disk is full.
        if not is_of_storage(error, place) and type(error).__name__ != "IOException":
            raise
        kind = PlanFolderUnusable if is_lasting(error) else PlanNotWritten
        raise kind(
            f"{parameter}: {shown_path(place)} can't be written ({reason_of(error)}). Let the worker's user write"
            " there, or free some space"
        ) from None


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
    :raises InvalidRails: naming the field.
    :raises InvalidPlanOption: naming the option.
    """
    limits = GuardRails.of(rails)
    _check_options(correct, force)
    place = folder_path(folder)
    with writing(place):
        for name in (SUMMARY, PLAN, REFUSED_CHANGES, HELD_BACK, DECISIONS, OUTCOMES_FILE, DRY_RUN_FILE):
            (place / name).unlink(missing_ok=True)
    decided.connection.execute(_WANTED)
    _load_last_writes(decided.connection, last_writes)
    _propose(decided.connection, correct, force)
    if hashed is not None:
        _name_by_hash(decided.connection, hashed)
    changes = _counted_changes(decided.connection)
    results = judge(limits, decided.figures, changes["total"])
    refused = [result.told() for result in results if result.is_tripped]
    state: Literal["ready", "refused"] = "refused" if refused else "ready"
    with writing(place):
        digest = write_lines(place / _CHANGES_FILES[state], _lines(decided.connection, _CHANGES))
        write_lines(place / HELD_BACK, _lines(decided.connection, _HELD_BACK_LINES))
        decided.write(place / DECISIONS, relation="decided" if hashed is None else _NAMED_DECISIONS)
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
        "changes": changes,
        "held_back": _counted_held_back(decided.connection),
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
        raise PlanRefused(_refusal(place, refused))
    return summary


def read_summary(folder: Folder) -> Summary:
    """Read a plan's summary.

    :param folder: where :func:`write_plan` wrote it.
    :raises DamagedPlan: if there is none, or it is not one.
    """
    path = folder_path(folder) / SUMMARY
    name = shown_path(path)
    try:
        with _reading(path):
            content = path.read_bytes()
    except FileNotFoundError:
        raise DamagedPlan(
            f"plan: {name} is missing: no plan was made here, or it was not finished. Make it again"
        ) from None
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise DamagedPlan(f"plan: {name} is not the JSON that was written. Make the plan again") from None
    if not isinstance(found, dict) or found.get("format") not in (_OLD_FORMAT, _FORMAT):
        raise DamagedPlan(f"plan: {name} is no plan's summary, or that of another version. Make the plan again")
    if found["format"] == _OLD_FORMAT:
        found = {"changes_sha256": found.get("sha256"), "attended_bookings": None, "addresses": "plain", **found}
    if fault := _summary_fault(found):
        raise DamagedPlan(f"plan: {name} is not as it was written: {fault}. Make the plan again")
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
    names = RailResult.__dataclass_fields__.keys()
    return isinstance(given, list) and all(isinstance(one, dict) and one.keys() == names for one in given)


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


@contextmanager
def _reading(path: Any) -> Iterator[None]:
    """Raise what hinders reading a file of a plan as an error of ours; a file that is not there stays what it is.

    :raises PlanNotRead: with the operating system's words; :class:`PlanNotReached` where a retry may heal it.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:
        if not is_of_storage(error, path):
            raise
        kind = PlanNotRead if is_lasting(error) else PlanNotReached
        raise kind(
            f"plan: {shown_path(path)} can't be read ({reason_of(error)}). Let the worker's user read the plan's folder"
        ) from None


def read_plan(folder: Folder, *, even_refused: bool = False, summary: Summary | None = None) -> Iterator[Change]:
    """Give a plan's changes one by one, in the order of the file.

    That the file is the one that was written is known at its end only: call :func:`verify_plan` before acting on it.

    :param folder: where :func:`write_plan` wrote it.
    :param even_refused: also give the changes of a plan that was refused, to look at.
    :param summary: the plan's, if it was read before: a plan that another one replaced meanwhile is not given as it.
    :raises PlanRefused: if it was refused, at once.
    :raises DamagedPlan: if a file is missing, torn or changed; for the changes when they are read that far.
    """
    place = folder_path(folder)
    summary = summary or read_summary(place)
    if summary["state"] == "refused" and not even_refused:
        raise PlanRefused(_refusal(place, summary["refused"]))
    return _changes(place / summary["changes_file"], summary["changes_sha256"])


def verify_plan(folder: Folder, *, even_refused: bool = False) -> Summary:
    """Read a plan to its end, so that whoever applies it knows beforehand that it is whole and as it was written.

    :param folder: where :func:`write_plan` wrote it.
    :param even_refused: also a plan that was refused.

    Errors are those of :func:`read_plan`.
    """
    summary = read_summary(folder)
    check_count(folder, summary, sum(1 for _ in read_plan(folder, even_refused=even_refused, summary=summary)))
    return summary


def check_count(folder: Folder, summary: Summary, changes: int) -> None:
    """See that a plan had as many changes as its summary tells.

    :param changes: how many :func:`read_plan` gave.
    :raises DamagedPlan: if not.
    """
    if changes != summary["changes"]["total"]:
        raise DamagedPlan(
            f"plan: {shown_path(folder_path(folder))} has {changes} changes, but its summary says"
            f" {describe(summary['changes']['total'])}. Make the plan again"
        )


def rendered(summary: Summary, changes: Iterable[Change] = (), *, limit: int = 20, with_addresses: bool = False) -> str:
    """Tell a plan as text for a person.

    :param summary: the plan's.
    :param changes: the plan's; no more than ``limit`` are taken.
    :param limit: how many changes are told.
    :param with_addresses: whether the text has people's addresses, which a log should not.
    """
    counts = summary["changes"]
    lines = [
        f"{'REFUSED, nothing will be written: ' if summary['state'] == 'refused' else ''}"
        f"{counts['total']} changes in {counts['bookings']} bookings: {counts['mark_attendees']} attendees and"
        f" {counts['mark_hosts']} hosts to mark absent, {counts['unmark_attendees']} attendees to un-mark",
        f"{summary['judged_bookings']} bookings judged as of {summary['policy']['as_of']}, with"
        f" {summary['attendance_rows']} rows of attendance, complete until {summary['complete_until'] or 'never'}",
    ]
    if summary["attended_bookings"]:
        lines.append(f"{summary['attended_bookings']} bookings that the key's user only attends are left out")
    lines += [
        f"{outcome} {sum(reasons.values())}: {', '.join(f'{reason} {people}' for reason, people in reasons.items())}"
        for outcome, reasons in summary["outcomes"].items()
    ]
    held_back = [f"{reason} {people}" for reason, people in summary["held_back"].items() if people]
    lines += [f"held back {sum(summary['held_back'].values())}: {', '.join(held_back)}"] if held_back else []
    lines += [f"{_mark(result):12}{result.told()}" for result in _results(summary)]
    told = [_told(change, with_addresses) for change in islice(changes, limit)]
    more = counts["total"] - len(told)
    return "\n".join([*lines, *told, *([f"and {more} more"] if told and more else [])]) + "\n"


def _results(summary: Summary) -> Iterator[RailResult]:
    return (RailResult(**result) for result in summary["guard_rails"])


def _mark(result: RailResult) -> str:
    if not result.is_judged:
        return "not judged"
    return "TRIPPED" if result.is_tripped else "passed"


def _told(change: Change, with_addresses: bool) -> str:
    kind = "mark absent" if change.will_be_absent else "un-mark"
    start = f"{change.start_at[:10]} {change.start_at[11:16]}Z"
    who = f"{change.role} {_printable(change.email)}" if with_addresses else change.role
    return f"{kind:11}  {start}  booking {_printable(change.booking_uid)}  {who}  reason {change.reason}"


def _printable(text: str) -> str:
    """Show what might steer a terminal by its number: anyone who books can choose their address."""
    return "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in text)


def _refusal(place: Any, tripped: list[str]) -> str:
    return (
        f"The plan is refused, and nothing is to be written. {'. '.join(tripped)}. The report is"
        f" {shown_path(place / SUMMARY)}, the"
        f" changes that were refused are in {REFUSED_CHANGES} beside it. Is the feed whole? If so, move the rail"
    )


# ----------------------------------------------------------------------------------------------------------------------
# What is to be changed
# ----------------------------------------------------------------------------------------------------------------------

_LAST_WRITES = """CREATE OR REPLACE TEMP TABLE last_writes AS
SELECT booking_uid, role, email, arg_max(absent, place) AS absent, arg_max(is_certain, place) AS is_certain
FROM read_json(
    ?,
    format = 'newline_delimited',
    columns = {
        place: 'BIGINT',
        booking_uid: 'VARCHAR',
        role: 'VARCHAR',
        email: 'VARCHAR',
        absent: 'BOOLEAN',
        is_certain: 'BOOLEAN'
    }
)
GROUP BY booking_uid, role, email"""

_NO_LAST_WRITES = """CREATE OR REPLACE TEMP TABLE last_writes (
    booking_uid VARCHAR, role VARCHAR, email VARCHAR, absent BOOLEAN, is_certain BOOLEAN
)"""

_WANTED = """CREATE OR REPLACE TEMP TABLE wanted AS
SELECT booking_uid, role, email, start_at, outcome, reason, presence, currently_absent
FROM decided
WHERE (outcome = 'absent' AND NOT currently_absent) OR (outcome = 'present' AND currently_absent)"""

# Somebody who stands in a booking twice, with different decisions or flags, can't be told apart by whoever writes.
# The call for an attendee is refused as a whole if it has something without an @; a host is not called by an address.
_PROPOSED = """CREATE OR REPLACE TEMP TABLE proposed AS
WITH contradictory AS (
    SELECT booking_uid, role, email
    FROM decided
    SEMI JOIN wanted USING (booking_uid, role, email)
    GROUP BY booking_uid, role, email
    HAVING min(outcome) <> max(outcome) OR bool_or(currently_absent) <> bool_and(currently_absent)
)
SELECT
    wanted.*,
    CASE
        WHEN trim(coalesce(wanted.email, ''), $white_space) = '' THEN 'no_address'
        WHEN wanted.role = 'attendee' AND strpos(wanted.email, '@') = 0 THEN 'no_address'
        WHEN contradictory.booking_uid IS NOT NULL THEN 'contradictory'
        WHEN wanted.role = 'host' AND wanted.currently_absent THEN 'host_present'
        WHEN last_writes.absent <> wanted.currently_absent AND last_writes.is_certain AND NOT $force
            THEN 'human_override'
        WHEN wanted.currently_absent AND $correct = 'none' THEN 'correction_off'
        WHEN wanted.currently_absent AND $correct = 'ledger' AND NOT coalesce(last_writes.absent, FALSE) THEN 'not_ours'
    END AS held_back
FROM wanted
LEFT JOIN contradictory
    ON contradictory.booking_uid = wanted.booking_uid
    AND contradictory.role = wanted.role
    AND contradictory.email = wanted.email
LEFT JOIN last_writes
    ON last_writes.booking_uid = wanted.booking_uid
    AND last_writes.role = wanted.role
    AND last_writes.email = wanted.email"""

# The same person may stand in a booking several times, word for word.
_CHANGED = """CREATE OR REPLACE TEMP TABLE changed AS
SELECT
    booking_uid,
    role,
    email,
    currently_absent,
    min(reason) AS reason,
    max(presence) AS presence,
    min(start_at) AS start_at
FROM proposed
WHERE held_back IS NULL
GROUP BY booking_uid, role, email, currently_absent"""

_START = "strftime(make_timestamp(start_at), '%Y-%m-%dT%H:%M:%S.%gZ') AS start_at"
_LINE = (
    'booking_uid, role, email, currently_absent AS "from", NOT currently_absent AS "to", reason,'
    f" presence / 1e6 AS presence_seconds, {_START}"
)
_CHANGES = f"SELECT {_LINE} FROM changed ORDER BY changed.booking_uid, changed.role, changed.email"
_HELD_BACK_LINES = (
    f"SELECT {_LINE}, held_back FROM proposed WHERE held_back IS NOT NULL"
    " ORDER BY booking_uid, role, email NULLS FIRST, currently_absent, reason, presence"
)


def _load_last_writes(connection: DuckDBPyConnection, last_writes: LastWritesOf | Iterable[LastWrite]) -> None:
    """Make the table of the last writes, by way of a file: values bound one by one take ten times as long."""
    if callable(last_writes):
        last_writes = last_writes(_wanted_people(connection))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "last-writes.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for place, write in enumerate(last_writes):
                file.write(json.dumps({"place": place, **write._asdict()}, ensure_ascii=False) + "\n")
            is_empty = not file.tell()
        connection.execute(_NO_LAST_WRITES) if is_empty else connection.execute(_LAST_WRITES, [str(path)])


def _wanted_people(connection: DuckDBPyConnection) -> Iterator[tuple[str, str, str]]:
    people = "SELECT DISTINCT booking_uid, role, email FROM wanted WHERE email IS NOT NULL"
    return ((row["booking_uid"], row["role"], row["email"]) for row in _lines(connection, people))


def _propose(connection: DuckDBPyConnection, correct: Correct, force: bool) -> None:
    connection.execute(_PROPOSED, {"white_space": WHITE_SPACE, "correct": correct, "force": force})
    connection.execute(_CHANGED)


_NAMED_DECISIONS = "decided_by_hash"


def _name_by_hash(connection: DuckDBPyConnection, hashed: Callable[[str], str]) -> None:
    """Put hashes in the place of all addresses, once everything is decided."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "names.jsonl"
        rows = _lines(connection, "SELECT DISTINCT email FROM decided WHERE email IS NOT NULL")
        with path.open("w", encoding="utf-8", errors="replace") as file:
            for row in rows:
                file.write(json.dumps({"email": row["email"], "name": hashed(row["email"])}, ensure_ascii=False) + "\n")
            is_empty = not file.tell()
        source = "(SELECT NULL::VARCHAR AS email, NULL::VARCHAR AS name)" if is_empty else _NAMES
        connection.execute(f"CREATE OR REPLACE TEMP TABLE names AS FROM {source}", [] if is_empty else [str(path)])
    for table, target in (("decided", _NAMED_DECISIONS), ("changed", "changed"), ("proposed", "proposed")):
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {target} AS SELECT named.* REPLACE (names.name AS email)"
            f" FROM {table} AS named LEFT JOIN names ON names.email = named.email"
        )


_NAMES = "read_json(?, format = 'newline_delimited', columns = {email: 'VARCHAR', name: 'VARCHAR'})"


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


def _counted_changes(connection: DuckDBPyConnection) -> dict[str, int]:
    found = connection.execute(
        """SELECT
            count(*) AS total,
            count(DISTINCT booking_uid) AS bookings,
            count(*) FILTER (role = 'attendee' AND NOT currently_absent) AS mark_attendees,
            count(*) FILTER (role = 'host' AND NOT currently_absent) AS mark_hosts,
            count(*) FILTER (role = 'attendee' AND currently_absent) AS unmark_attendees
        FROM changed"""
    )
    names = [column[0] for column in found.description or ()]
    return dict(zip(names, map(int, found.fetchone() or ()), strict=True))


def _counted_held_back(connection: DuckDBPyConnection) -> dict[str, int]:
    held_back = dict.fromkeys(_HELD_BACK, 0)
    held_back.update(
        connection.execute(
            "SELECT held_back, count(*) FROM proposed WHERE held_back IS NOT NULL GROUP BY held_back"
        ).fetchall()
    )
    return held_back


def _lines(connection: DuckDBPyConnection, query: str) -> Iterator[dict[str, Any]]:
    found = connection.execute(query)
    names = [column[0] for column in found.description or ()]
    while batch := found.fetchmany(10_000):
        for row in batch:
            yield dict(zip(names, row, strict=True))


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
        raise DamagedPlan(f"{name} is missing. Make the plan again") from None
    with file:
        number = 0
        while line := _line_of(file, path):
            number += 1
            digest.update(line)
            yield _change(line, f"{name}, line {number}")
    if digest.hexdigest() != sha256:
        raise DamagedPlan(f"{name} is not the file that was written: its hash is another. Make the plan again")


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
        raise DamagedPlan(f"{shown}, is torn: it has no end. Make the plan again")
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        raise DamagedPlan(f"{shown}, is not JSON. Make the plan again") from None
    if not isinstance(found, dict) or list(found) != list(_KEYS):
        raise DamagedPlan(f"{shown}, has other keys than {', '.join(_KEYS)}. Make the plan again")
    for name, kind in _KEYS.items():
        if not isinstance(found[name], kind) or (kind is not bool and isinstance(found[name], bool)):
            raise DamagedPlan(
                f"{shown}, key {name}: a {type(found[name]).__name__} does not belong there. Make the plan again"
            )
        if isinstance(found[name], str) and not is_whole_text(found[name]):
            raise DamagedPlan(f"{shown}, key {name}: holds half a character. Make the plan again")
    if not 0 <= found["presence_seconds"] < _LONGEST_PRESENCE:
        raise DamagedPlan(f"{shown}, key presence_seconds: is no length of time. Make the plan again")
    if found["from"] == found["to"] or (found["role"], found["to"]) not in _ALLOWED:
        raise DamagedPlan(f"{shown}, is a change that no plan has. Make the plan again")
    try:
        parse_timestamp(found["start_at"])
    except ValueError as error:
        raise DamagedPlan(f"{shown}, key start_at {error}. Make the plan again") from None
    return Change(*found.values())


_ALLOWED = {("attendee", True), ("attendee", False), ("host", True)}
