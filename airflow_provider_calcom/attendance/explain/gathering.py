"""Running the rules on one booking, and reading from their steps what they found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom.attendance.columns import ATTENDANCE
from airflow_provider_calcom.attendance.errors import InvalidInput
from airflow_provider_calcom.attendance.explain import facts
from airflow_provider_calcom.attendance.loading import LoadedFile
from airflow_provider_calcom.attendance.policy import WHITE_SPACE, AttendancePolicy
from airflow_provider_calcom.attendance.rules import Rules, Step, the_rules

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_MOST_ROWS = 200
NUMBERED_ATTENDANCE = replace(ATTENDANCE, number="feed_row")
# What each SELECT of a step gives besides its own columns, so that the steps pass along the number of the row of
# attendance or of people that a row of theirs stands for. It changes nothing in what they find.
_PASSED_ALONG = {
    "presences": ("timed.feed_row", "feed_row"),
    "rows_by_conference": ("rows.feed_row",),
    "rows_by_booking_uid": ("rows.feed_row",),
    "meeting_rows": ("known.feed_row",),
    "person_rows": ("rows.feed_row",),
    "stints": ("feed_row", "rows.feed_row", "rows.feed_row"),
    "host_stints": ("rows.feed_row",),
    "booked_handles": ("feed_row", "feed_row", "feed_row"),
    "outcomes": ("persons.person",),
}


def choose(connection: DuckDBPyConnection, booking_uid: str) -> None:
    """Leave only the one booking and its people.

    :raises InvalidInput: where no booking has the uid.
    """
    (count,) = _records(connection, "SELECT count(*) AS bookings FROM bookings")
    uid = booking_uid.strip(WHITE_SPACE)
    for name in ("bookings", "people"):
        connection.execute(f"CREATE TEMP TABLE chosen_{name} AS SELECT * FROM {name} WHERE booking_uid = ?", [uid])
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM chosen_{name}")
    if not _records(connection, "SELECT booking FROM bookings"):
        there_are = "There is 1 booking" if count["bookings"] == 1 else f"There are {count['bookings']} bookings"
        raise InvalidInput(f"--booking: no booking has the uid {booking_uid!r:.100}. {there_are}")


def run_rules(connection: DuckDBPyConnection) -> None:
    """Make the tables of all steps, and leave them."""
    rules = _rules_by_row()
    for step in rules.steps:
        if step.is_kept:
            connection.execute(f"CREATE TEMP TABLE {step.name} AS {rules.with_parts(step.body)}")


@cache
def _rules_by_row() -> Rules:
    """Give the rules with the rows' numbers passed along, and two steps to ask for traces and facts by row.

    ``judged`` and ``untraced`` spare the search for what no decision needs, such as whether the host of a meeting came
    to which all attendees came. Who wants to know why wants to know that too.
    """
    bodies = {step.name: step.body for step in the_rules().steps}
    traces = _passing(bodies["traces"], ("rows.feed_row", "rows.feed_row", "booked_handles.feed_row"))
    row_facts = _passing(bodies["meeting_facts"], ("feed_row",)).replace("GROUP BY booking", "GROUP BY ALL")
    changed = {name: _passing(bodies[name], columns) for name, columns in _PASSED_ALONG.items()}
    changed |= {"judged": "SELECT * FROM expected", "untraced": "SELECT booking, person, name FROM expected"}
    steps = [replace(step, body=changed.get(step.name, step.body)) for step in the_rules().steps]
    steps += [Step("trace_rows", traces, False), Step("row_facts", row_facts, False)]
    return Rules(tuple(steps), the_rules().decisions)


def _passing(body: str, columns: Sequence[str]) -> str:
    before, *selects = re.split(r"\bSELECT\b", body)
    return before + "".join(f"SELECT {column}, {rest}" for column, rest in zip(columns, selects, strict=True))


_BOOKING = """
SELECT
    bookings.* EXCLUDE (booking), sifted_bookings.window_start, sifted_bookings.window_end,
    bookings.end_at + policy.settle AS settled_at, sifted_bookings.excluded_as
FROM bookings
CROSS JOIN policy
INNER JOIN sifted_bookings ON sifted_bookings.booking = bookings.booking"""

_FEED = "SELECT feed_rows AS rows, complete_until, attendance_until, as_of FROM feed CROSS JOIN policy"

# What is needed is shown beside what the rules compared with it: half of the core at most, to the microsecond.
_HOST_SIDE = """
SELECT
    CASE WHEN bookings.excluded_as IS NULL THEN hosts_that_came.booking IS NOT NULL END AS came,
    coalesce(host_sides.covered, 0) / 1e6 AS seconds_of_core,
    greatest(least(policy.host_min_presence, (bookings.end_at - bookings.start_at + 1) // 2), policy.min_presence) / 1e6
        AS needed_seconds,
    coalesce(host_sides.has_check_in, 0) = 1 AS checked_in
FROM sifted_bookings AS bookings
CROSS JOIN policy
LEFT JOIN host_sides ON host_sides.booking = bookings.booking
LEFT JOIN hosts_that_came ON hosts_that_came.booking = bookings.booking"""

_VERDICTS = """
SELECT
    people.person, people.role, people.email, people.name, people.absent AS currently_absent,
    persons.is_internal AS is_colleague, outcomes.outcome, outcomes.reason,
    coalesce(outcomes.presence, 0) / 1e6 AS presence_seconds,
    outcomes.first_joined AS first_joined_at, outcomes.last_left AS last_left_at
FROM people
INNER JOIN persons ON persons.person = people.person
LEFT JOIN outcomes ON outcomes.person = people.person
ORDER BY people.role DESC, people.email NULLS FIRST, people.person"""

_FOUND_ROWS = """
SELECT
    rows.feed_row, rows.starts, rows.ends,
    CASE WHEN meeting_rows.feed_row IS NOT NULL THEN 1 WHEN borne.feed_row IS NOT NULL THEN 2 ELSE 3 END AS nearness,
    ['meeting', 'elsewhere', 'outside_window'][nearness] AS place,
    ['email', 'phone', 'name', 'colleague', 'machine', 'unknown_participant'][meeting_rows.whose] AS whose,
    row_number() OVER (ORDER BY nearness, rows.starts, rows.ends, rows.feed_row) AS rank
FROM presences AS rows
CROSS JOIN meetings
LEFT JOIN meeting_rows ON meeting_rows.feed_row = rows.feed_row
LEFT JOIN (SELECT DISTINCT feed_row FROM person_rows) AS borne ON borne.feed_row = rows.feed_row
WHERE meeting_rows.feed_row IS NOT NULL
    OR borne.feed_row IS NOT NULL
    OR rows.booking = meetings.booking
    OR (
        rows.booking IS NULL
        AND rows.conference = meetings.conference
        AND rows.starts <= meetings.window_end + 86400000000
        AND rows.ends >= meetings.window_start - 86400000000
    )"""

_LINKS = """
SELECT stints.feed_row, 'counts_for' AS link, stints.person
FROM stints
INNER JOIN outcomes ON outcomes.person = stints.person
UNION SELECT feed_row, 'trace_of', person FROM trace_rows
UNION SELECT feed_row, 'is_evidence', NULL FROM row_facts WHERE has_evidence = 1
UNION SELECT feed_row, 'is_colleague', NULL FROM row_facts WHERE has_internal = 1
UNION SELECT feed_row, 'is_unknown', NULL FROM row_facts WHERE has_unknown = 1
UNION SELECT feed_row, 'is_host_side', NULL FROM host_stints"""

_ROWS_IN_ALL = "SELECT place, count(*) AS rows FROM found_rows GROUP BY place"
_PEOPLE = "coalesce(list(links.person ORDER BY links.person) FILTER (links.link = '{0}'), []) AS {0}"
_MARK = "coalesce(bool_or(links.link = '{0}'), FALSE) AS {0}"
# Where not all can be given, the first row of each link comes before all others: a reason may be read from it.
_ROWS = f"""
WITH first_rows AS (SELECT min(rank) AS rank FROM links INNER JOIN found_rows USING (feed_row) GROUP BY link, person),

shown_rows AS (
    SELECT * FROM found_rows ORDER BY rank NOT IN (SELECT rank FROM first_rows), rank LIMIT {_MOST_ROWS}
)

SELECT
    rows.feed_row AS number, attendance.* EXCLUDE (feed_row), rows.starts AS begins, rows.ends, rows.place, rows.whose,
    {", ".join(_PEOPLE.format(link) for link in ("counts_for", "trace_of"))},
    {", ".join(_MARK.format(link) for link in ("is_evidence", "is_host_side", "is_colleague"))}
FROM shown_rows AS rows
INNER JOIN attendance ON attendance.feed_row = rows.feed_row
LEFT JOIN links ON links.feed_row = rows.feed_row
GROUP BY ALL
ORDER BY any_value(rows.rank)"""


def gather(connection: DuckDBPyConnection, policy: AttendancePolicy, files: Sequence[LoadedFile]) -> facts.Explanation:
    """Read what the steps found, but for the reasons' words."""

    def found(query: str) -> list[dict[str, Any]]:
        return _records(connection, _rules_by_row().with_parts(query))

    connection.execute(f"CREATE TEMP TABLE found_rows AS {_FOUND_ROWS}")
    connection.execute(f"CREATE TEMP TABLE links AS {_rules_by_row().with_parts(_LINKS)}")
    return facts.Explanation(
        booking=facts.ExplainedBooking(**found(_BOOKING)[0]),
        policy=policy,
        feed=facts.Feed(**found(_FEED)[0]),
        host_side=facts.HostSide(**found(_HOST_SIDE)[0]),
        people=[facts.Verdict(**record) for record in found(_VERDICTS)],
        rows=[facts.ExplainedRow(**record) for record in found(_ROWS)],
        rows_in_all={record["place"]: record["rows"] for record in found(_ROWS_IN_ALL)},
        files=[file for file in files if file.table == ATTENDANCE.name],
    )


def _records(connection: DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    found = connection.execute(query)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
