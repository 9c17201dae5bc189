"""The difference between decisions and Cal.com's flags: what is to be changed, and who is held back and why.

It is computed in DuckDB, in tables beside ``decided``: ``wanted`` (everyone whose flag differs from the decision),
``proposed`` (the same with the reason to hold them back, or NULL) and ``changed`` (the changes of the plan).
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from airflow_provider_calcom.attendance.schema import WHITE_SPACE

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Correct = Literal["ledger", "all", "none"]

DECIDED = "decided"
DECIDED_BY_HASH = "decided_by_hash"
"""Tables of the decisions, and of the decisions with a hash for each address."""

HELD_BACK = ("no_address", "contradictory", "host_present", "human_override", "correction_off", "not_ours")
"""Reasons for which a flag stays although it differs from the decision."""


class LastWrite(NamedTuple):
    """A flag that an earlier run wrote, as the ledger has it.

    :param booking_uid: of which booking.
    :param role: ``attendee`` or ``host``.
    :param email: the address, as Cal.com spells it.
    :param absent: the flag that was written.
    :param is_certain: False if the run may have been killed before it wrote. Then another flag on the booking does not
        mean that a person changed it.
    """

    booking_uid: str
    role: str
    email: str
    absent: bool
    is_certain: bool = True

    def __repr__(self) -> str:
        return f"LastWrite(booking_uid={self.booking_uid!r}, role={self.role!r}, absent={self.absent!r})"


LastWritesOf = Callable[[Iterable[tuple[str, str, str]]], Iterable[LastWrite]]
"""Looks up the last writes of people; each person is a booking uid, a role and an address."""


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

# A person who is on a booking twice, with different decisions or flags, has one address, so a write would mean both.
# Cal.com refuses the whole call for an attendee if a value has no @; a host is not written by address.
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

# The same person may be on a booking several times, with equal values.
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
# A line of plan.jsonl.
_LINE = (
    'booking_uid, role, email, currently_absent AS "from", NOT currently_absent AS "to", reason,'
    f" presence / 1e6 AS presence_seconds, {_START}"
)
_CHANGES = f"SELECT {_LINE} FROM changed ORDER BY changed.booking_uid, changed.role, changed.email"
_HELD_BACK_LINES = (
    f"SELECT {_LINE}, held_back FROM proposed WHERE held_back IS NOT NULL"
    " ORDER BY booking_uid, role, email NULLS FIRST, currently_absent, reason, presence"
)


def compute(
    connection: DuckDBPyConnection,
    last_writes: LastWritesOf | Iterable[LastWrite],
    *,
    correct: Correct,
    force: bool,
) -> None:
    """Compute what is to be changed and who is held back. The parameters are those of ``write_plan``.

    :param connection: has the table ``decided``.
    """
    connection.execute(_WANTED)
    _load_last_writes(connection, last_writes)
    connection.execute(_PROPOSED, {"white_space": WHITE_SPACE, "correct": correct, "force": force})
    connection.execute(_CHANGED)


def changes(connection: DuckDBPyConnection) -> Iterator[dict[str, Any]]:
    """Yield the changes as lines of the plan, by booking, role and address."""
    return _lines(connection, _CHANGES)


def held_back(connection: DuckDBPyConnection) -> Iterator[dict[str, Any]]:
    """Yield the people who are held back as lines of ``held-back.jsonl``."""
    return _lines(connection, _HELD_BACK_LINES)


def count_changes(connection: DuckDBPyConnection) -> dict[str, int]:
    """Return how many changes there are, in how many bookings, and how many of each kind."""
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


def count_held_back(connection: DuckDBPyConnection) -> dict[str, int]:
    """Return how many people are held back, by reason; each reason is in it."""
    held_back = dict.fromkeys(HELD_BACK, 0)
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


def _load_last_writes(connection: DuckDBPyConnection, last_writes: LastWritesOf | Iterable[LastWrite]) -> None:
    """Make the table of the last writes through a file: binding values one by one takes ten times as long."""
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


def name_by_hash(connection: DuckDBPyConnection, hashed: Callable[[str], str]) -> None:
    """Replace all addresses by hashes, once everything is decided.

    :param hashed: returns the keyed hash of an address.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "names.jsonl"
        rows = _lines(connection, "SELECT DISTINCT email FROM decided WHERE email IS NOT NULL")
        with path.open("w", encoding="utf-8", errors="replace") as file:
            for row in rows:
                file.write(json.dumps({"email": row["email"], "name": hashed(row["email"])}, ensure_ascii=False) + "\n")
            is_empty = not file.tell()
        source = "(SELECT NULL::VARCHAR AS email, NULL::VARCHAR AS name)" if is_empty else _NAMES
        connection.execute(f"CREATE OR REPLACE TEMP TABLE names AS FROM {source}", [] if is_empty else [str(path)])
    for table, target in ((DECIDED, DECIDED_BY_HASH), ("changed", "changed"), ("proposed", "proposed")):
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {target} AS SELECT named.* REPLACE (names.name AS email)"
            f" FROM {table} AS named LEFT JOIN names ON names.email = named.email"
        )


_NAMES = "read_json(?, format = 'newline_delimited', columns = {email: 'VARCHAR', name: 'VARCHAR'})"
