"""Read a plan's folder for its report: who is changed, held back or undetermined, and what the charts count.

Older plans lack ``bookings.parquet``, ``evidence.parquet`` and ``suggestions.json``. Their reports have what there is.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom._storage import Folder, folder_path, local_copy
from airflow_provider_calcom._timestamps import microseconds, parse_timestamp
from airflow_provider_calcom.attendance.errors import MissingExtra
from airflow_provider_calcom.no_shows.plan_files import (
    BOOKINGS,
    DECISIONS,
    DRY_RUN_FILE,
    HELD_BACK,
    OUTCOMES_FILE,
    SUGGESTIONS,
    Change,
    CorruptPlan,
    Summary,
    read_plan,
    read_summary,
    reading,
)
from airflow_provider_calcom.reports.statistics import Rate, wilson

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

State = Literal["awaiting", "rejected", "dry_run", "applied", "partly", "nothing"]

MOST_ROWS = 20_000
"""Rows of one table in a report. What is left out is counted."""
_MOST_CATEGORIES = 15
_MOST_DAYS = 120
_FAILURES = ("failed", "not_permitted")


@dataclass(frozen=True)
class Row:
    """One person of a booking in one of the report's tables.

    :param booking_uid: the booking.
    :param role: ``attendee`` or ``host``.
    :param email: the address, or its hash; None where there is none.
    :param start_at: the booking's start in microseconds, or None where it is not known.
    :param host: name or address of the booking's host, or None.
    :param reason: of the decision.
    :param was_absent: the flag when the bookings were read.
    :param will_be_absent: the planned flag, or the one that the decision would need; None for the undetermined.
    :param held_back: why the flag stays, or None.
    :param outcome: of the change, or None before the plan was applied.
    :param detail: of the outcome.
    """

    booking_uid: str
    role: str
    email: str | None = field(repr=False)
    start_at: int | None
    host: str | None = field(repr=False)
    reason: str
    was_absent: bool
    will_be_absent: bool | None = None
    held_back: str | None = None
    outcome: str | None = None
    detail: str | None = None


@dataclass(frozen=True)
class Table:
    """Rows of one of the report's tables.

    :param rows: by start, at most :data:`MOST_ROWS`.
    :param total: how many there are.
    """

    rows: list[Row]
    total: int


@dataclass(frozen=True)
class Category:
    """A day, event type or host in a chart.

    :param name: what the chart shows.
    :param no_shows: absent / (absent + present).
    :param undetermined: undetermined / (absent + present + undetermined).
    """

    name: str = field(repr=False)
    no_shows: Rate
    undetermined: Rate


@dataclass(frozen=True)
class Charts:
    """What the charts count, of attendees.

    :param days: by UTC day of the booking's start, or by Monday where there are very many days.
    :param event_types: empty where they are not known.
    :param hosts: empty where they are not known.
    :param lateness: ``{whole minutes from the booking's start to the first join: attendees}``.
    """

    days: list[Category]
    event_types: list[Category]
    hosts: list[Category]
    lateness: dict[int, int]


@dataclass(frozen=True)
class PlanData:
    """All that the report of a plan is made of.

    :param summary: the plan's.
    :param state: the plan's, in one word.
    :param outcomes: ``{outcome: changes}`` of the latest run that applied it, or empty.
    :param written: what that run wrote: the numbers of ``summary["changes"]``, but ``total``.
    :param changes: the plan's.
    :param held_back: people whose flag stays.
    :param undetermined: people on whom the rules could not decide.
    :param marked_before: absent people who were marked when the bookings were read.
    :param bookings: how many the plan decided on.
    :param attendees: how many people with the role attendee these have.
    :param first_start: the earliest start of the bookings in microseconds, or None where it is not known.
    :param last_start: the latest.
    :param charts: what they count.
    :param suggestions: the content of ``suggestions.json``, or None.
    """

    summary: Summary
    state: State
    outcomes: dict[str, int]
    written: dict[str, int]
    changes: Table
    held_back: Table
    undetermined: Table
    marked_before: int
    bookings: int
    attendees: int
    first_start: int | None
    last_start: int | None
    charts: Charts
    suggestions: dict[str, Any] | None


def load_plan(folder: Folder) -> PlanData:
    """Read a plan's folder.

    :param folder: where the plan is, local or in an object store.
    :raises CorruptPlan: if a file is missing or not the one that was written.
    :raises PlanNotRead: if a file can't be opened.
    """
    place = folder_path(folder)
    summary = read_summary(place)
    with plan_tables(place) as connection:
        lookup = _Lookup(connection)
        outcomes, is_dry_run = read_outcomes(place, summary)
        changes, counts, written = read_changes(place, summary, outcomes)
        return PlanData(
            summary=summary,
            state=state_of(summary, counts, is_dry_run=is_dry_run),
            outcomes=dict(counts),
            written=written,
            changes=replace(changes, rows=lookup.with_hosts(changes.rows)),
            held_back=_held_back(place, lookup),
            undetermined=_undetermined(connection),
            **_totals(connection),
            charts=count_charts(connection),
            suggestions=_suggestions(place),
        )


@contextmanager
def plan_tables(*places: Any) -> Iterator[DuckDBPyConnection]:
    """Open a database with the decisions and bookings of plans, as ``decisions`` and ``plan_bookings``.

    :param places: the plans' folders. The column ``plan`` has the place of each, from 0.
    """
    try:
        import duckdb
    except ImportError:
        raise MissingExtra(
            "A report needs DuckDB. Install it with: pip install 'airflow-provider-calcom[attendance]'"
        ) from None
    with tempfile.TemporaryDirectory() as copies, duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(_NO_DECISIONS)
        connection.execute(_NO_BOOKINGS)
        for number, place in enumerate(places):
            _load(connection, place, number, Path(copies))
        yield connection


# The rules' seconds are microseconds in files; a chart needs no more than the day and the minute.
_NO_DECISIONS = """CREATE TABLE decisions (
    plan INTEGER, booking_uid VARCHAR, role VARCHAR, email VARCHAR, outcome VARCHAR, reason VARCHAR,
    first_joined_at TIMESTAMPTZ, currently_absent BOOLEAN
)"""
_NO_BOOKINGS = """CREATE TABLE plan_bookings (
    plan INTEGER, booking_uid VARCHAR, start_at TIMESTAMPTZ, event_type VARCHAR, host_key VARCHAR, host VARCHAR
)"""
_DECISIONS = """INSERT INTO decisions
SELECT
    ?, booking_uid, CAST(role AS VARCHAR), email, CAST(outcome AS VARCHAR), CAST(reason AS VARCHAR), first_joined_at,
    currently_absent
FROM read_parquet(?)"""
_BOOKINGS = """INSERT INTO plan_bookings
SELECT ?, booking_uid, start_at, event_type, host_email, coalesce(nullif(trim(host_name), ''), host_email)
FROM read_parquet(?)"""


def _load(connection: DuckDBPyConnection, place: Any, number: int, copies: Path) -> None:
    import duckdb

    for name, query in ((DECISIONS, _DECISIONS), (BOOKINGS, _BOOKINGS)):
        path = place / name
        try:
            with reading(path):
                local = local_copy(path, copies)
        except FileNotFoundError:
            if name == BOOKINGS:
                continue  # a plan of an older version
            raise CorruptPlan(f"plan: {shown_path(path)} is missing. Make the plan again") from None
        try:
            connection.execute(query, [number, str(local)])
        except duckdb.Error:
            raise CorruptPlan(
                f"plan: {shown_path(path)} is not the file that was written. Make the plan again"
            ) from None


# ----------------------------------------------------------------------------------------------------------------------
# Rows
# ----------------------------------------------------------------------------------------------------------------------


class _Lookup:
    """Start and host of bookings, where ``bookings.parquet`` has them."""

    def __init__(self, connection: DuckDBPyConnection) -> None:
        self._connection = connection

    def with_hosts(self, rows: list[Row]) -> list[Row]:
        """Return the rows with their bookings' hosts."""
        if not rows:
            return rows
        wanted = sorted({row.booking_uid for row in rows})
        found = dict(
            self._connection.execute(
                "SELECT booking_uid, any_value(host) FROM plan_bookings"
                " SEMI JOIN (SELECT unnest(?::VARCHAR[]) AS booking_uid) AS wanted USING (booking_uid)"
                " GROUP BY booking_uid",
                [wanted],
            ).fetchall()
        )
        return [replace(row, host=found.get(row.booking_uid)) for row in rows]


def _by_start(row: Row) -> tuple[Any, ...]:
    start = row.start_at
    return (start is None, start or 0, row.booking_uid, row.role, row.email or "")


def read_changes(
    place: Any, summary: Summary, outcomes: Iterator[Mapping[str, Any]]
) -> tuple[Table, Counter[str], dict[str, int]]:
    """Return a plan's changes with their outcomes, how many have which outcome, and what was written.

    Of more changes than a report holds, those that failed come first.

    :param place: the plan's folder.
    :param outcomes: those of :func:`read_outcomes`.
    """
    counts: Counter[str] = Counter()
    written: Counter[str] = Counter(mark_attendees=0, mark_hosts=0, unmark_attendees=0)
    bookings: set[str] = set()
    failures: list[Row] = []
    others: list[Row] = []
    total = 0
    for change in read_plan(place, even_refused=True, summary=summary):
        total += 1
        outcome, detail = _outcome_of(change, next(outcomes, {}))
        if outcome is not None:
            counts[outcome] += 1
        if outcome == "applied":
            written[f"{'mark' if change.will_be_absent else 'unmark'}_{change.role}s"] += 1
            bookings.add(change.booking_uid)
        rows = failures if outcome in _FAILURES else others
        if len(rows) < MOST_ROWS:
            rows.append(_row(change, outcome, detail))
    kept = sorted([*failures, *others][:MOST_ROWS], key=_by_start)
    return Table(kept, total), counts, {**written, "bookings": len(bookings)}


def _outcome_of(change: Change, line: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return outcome and detail of a change, of the line at its place in the file of outcomes."""
    is_of_change = (line.get("booking_uid"), line.get("role")) == (change.booking_uid, change.role)
    return (line.get("outcome"), line.get("detail")) if is_of_change else (None, None)


def _row(change: Change, outcome: str | None, detail: str | None) -> Row:
    return Row(
        booking_uid=change.booking_uid,
        role=change.role,
        email=change.email,
        start_at=microseconds(parse_timestamp(change.start_at)),
        host=None,
        reason=change.reason,
        was_absent=change.is_absent,
        will_be_absent=change.will_be_absent,
        outcome=outcome,
        detail=detail,
    )


def _held_back(place: Any, lookup: _Lookup) -> Table:
    rows: list[Row] = []
    total = 0
    for line in _lines(place / HELD_BACK):
        total += 1
        if len(rows) < MOST_ROWS:
            rows.append(
                Row(
                    booking_uid=str(line["booking_uid"]),
                    role=str(line["role"]),
                    email=line["email"],
                    start_at=microseconds(parse_timestamp(line["start_at"])),
                    host=None,
                    reason=str(line["reason"]),
                    was_absent=bool(line["from"]),
                    will_be_absent=bool(line["to"]),
                    held_back=str(line["held_back"]),
                )
            )
    return Table(lookup.with_hosts(sorted(rows, key=_by_start)), total)


_UNDETERMINED = f"""
SELECT
    decisions.booking_uid, decisions.role, decisions.email, epoch_us(bookings.start_at) AS start_at, bookings.host,
    decisions.reason, decisions.currently_absent, count(*) OVER () AS total
FROM decisions
LEFT JOIN plan_bookings AS bookings ON bookings.booking_uid = decisions.booking_uid
WHERE decisions.outcome = 'undetermined'
ORDER BY bookings.start_at NULLS LAST, decisions.booking_uid, decisions.role, decisions.email NULLS FIRST
LIMIT {MOST_ROWS}"""


def _undetermined(connection: DuckDBPyConnection) -> Table:
    found = connection.execute(_UNDETERMINED).fetchall()
    return Table([Row(*row[:7]) for row in found], found[0][7] if found else 0)


def read_outcomes(place: Any, summary: Summary) -> tuple[Iterator[Mapping[str, Any]], bool]:
    """Return the outcomes in the order of the plan, and whether they are those of a dry run.

    Outcomes of another plan, which this one replaced, are left out.
    """
    for name in (OUTCOMES_FILE, DRY_RUN_FILE):
        lines = _lines(place / name)
        first = next(lines, None)
        if first is not None and first.get("plan") == summary["sha256"]:
            return _chained(first, lines), name == DRY_RUN_FILE
    return iter(()), False


def _chained(first: Mapping[str, Any], rest: Iterator[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    yield first
    yield from rest


def _lines(path: Any) -> Iterator[dict[str, Any]]:
    """Yield the JSON lines of a file; none if it is missing."""
    try:
        with reading(path):
            file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        for number, line in enumerate(file, start=1):
            try:
                found = json.loads(line)
                is_object = isinstance(found, dict)
            except (ValueError, RecursionError):
                is_object = False
            if not is_object:
                raise CorruptPlan(f"plan: {shown_path(path)}, line {number}, is not JSON. Make the plan again")
            yield found


def state_of(summary: Summary, counts: Counter[str], *, is_dry_run: bool) -> State:
    """Return a plan's state.

    :param counts: changes by outcome.
    :param is_dry_run: whether these are the outcomes of a dry run.
    """
    if summary["state"] == "refused":
        return "rejected"
    if counts:
        if is_dry_run:
            return "dry_run"
        return "partly" if any(counts[name] for name in _FAILURES) else "applied"
    return "awaiting" if summary["changes"]["total"] else "nothing"


def _suggestions(place: Any) -> dict[str, Any] | None:
    path = place / SUGGESTIONS
    try:
        with reading(path):
            content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise CorruptPlan(f"plan: {shown_path(path)} is not the JSON that was written. Make the plan again")
    return found


# ----------------------------------------------------------------------------------------------------------------------
# Figures
# ----------------------------------------------------------------------------------------------------------------------


def _totals(connection: DuckDBPyConnection) -> dict[str, Any]:
    bookings, attendees, marked_before = connection.execute(
        "SELECT count(DISTINCT booking_uid), count(*) FILTER (role = 'attendee'),"
        " count(*) FILTER (outcome = 'absent' AND currently_absent) FROM decisions"
    ).fetchall()[0]
    first, last = connection.execute(
        "SELECT epoch_us(min(start_at)), epoch_us(max(start_at)) FROM plan_bookings"
    ).fetchall()[0]
    return {
        "bookings": bookings,
        "attendees": attendees,
        "marked_before": marked_before,
        "first_start": first,
        "last_start": last,
    }


_COUNTED = """
SELECT
    {key} AS name,
    any_value({shown}) AS shown,
    count(*) FILTER (outcome = 'absent') AS absent,
    count(*) FILTER (outcome = 'present') AS present,
    count(*) FILTER (outcome = 'undetermined') AS undetermined
FROM decisions
INNER JOIN plan_bookings AS bookings USING (plan, booking_uid)
WHERE role = 'attendee' AND outcome <> 'excluded' AND {key} IS NOT NULL
GROUP BY 1
ORDER BY {order}"""

_LATENESS = """
SELECT CAST(floor((epoch_us(first_joined_at) - epoch_us(start_at)) / 60e6) AS BIGINT) AS minutes, count(*) AS attendees
FROM decisions
INNER JOIN plan_bookings USING (plan, booking_uid)
WHERE role = 'attendee' AND outcome = 'present' AND first_joined_at IS NOT NULL
GROUP BY 1
ORDER BY 1"""


def count_charts(connection: DuckDBPyConnection, *, by_week: bool = False) -> Charts:
    """Count what the charts show.

    :param connection: has the tables of :func:`plan_tables`; each person of a booking once.
    :param by_week: whether days are counted by their weeks, which are named by their Mondays.
    """
    day = "strftime(date_trunc('{}', start_at), '%Y-%m-%d')"
    days = _categories(connection, day.format("week" if by_week else "day"), order="1")
    if len(days) > _MOST_DAYS:
        days = _categories(connection, day.format("week"), order="1")
    most_people = "count(*) DESC, 1"
    return Charts(
        days=days,
        event_types=_with_others(_categories(connection, "event_type", order=most_people)),
        hosts=_with_others(_categories(connection, "coalesce(host_key, host)", shown="host", order=most_people)),
        lateness=dict(connection.execute(_LATENESS).fetchall()),
    )


def _categories(connection: DuckDBPyConnection, key: str, *, order: str, shown: str | None = None) -> list[Category]:
    query = _COUNTED.format(key=key, shown=shown or key, order=order)
    return [
        _category(str(label), absent, present, undetermined)
        for _, label, absent, present, undetermined in connection.execute(query).fetchall()
    ]


def _category(name: str, absent: int, present: int, undetermined: int) -> Category:
    decided = absent + present
    return Category(name, wilson(absent, decided), wilson(undetermined, decided + undetermined))


def _with_others(categories: list[Category]) -> list[Category]:
    """Return the categories with the most people, and all others as one."""
    if len(categories) <= _MOST_CATEGORIES:
        return categories
    kept, rest = categories[: _MOST_CATEGORIES - 1], categories[_MOST_CATEGORIES - 1 :]
    absent = sum(one.no_shows.part for one in rest)
    decided = sum(one.no_shows.whole for one in rest)
    undetermined = sum(one.undetermined.part for one in rest)
    return [*kept, _category(f"{len(rest)} others", absent, decided - absent, undetermined)]
