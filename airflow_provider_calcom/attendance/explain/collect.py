"""Run the rules on one booking, and read the results of their steps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom._redact import describe
from airflow_provider_calcom.attendance.errors import InvalidInput
from airflow_provider_calcom.attendance.explain import model as facts
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.attendance.rules import Rules, Step, the_rules
from airflow_provider_calcom.attendance.schema import ATTENDANCE, WHITE_SPACE
from airflow_provider_calcom.attendance.tables.loader import LoadedFile

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_MOST_ROWS = 200
NUMBERED_ATTENDANCE = replace(ATTENDANCE, number="feed_row")
# A column for each SELECT of a step, which the explanation adds to it ("" adds none): the number of the attendance row
# of which the step's row was made. So each step passes the number on to the next. The steps' results do not change.
_PASSED_ALONG = {
    "presences": ("timed.feed_row", "raw.feed_row", "feed_row"),
    "rows_by_conference": ("rows.feed_row",),
    "rows_by_booking_uid": ("rows.feed_row",),
    "meeting_rows": ("feed_row", ""),
    "person_rows": ("rows.feed_row",),
    "named_rows": ("rows.feed_row", "rows.feed_row", "rows.feed_row", ""),
    "stints": ("feed_row", "rows.feed_row", "rows.feed_row"),
    "open_rows": ("rows.feed_row", "", "", ""),
    "host_stints": ("rows.feed_row",),
    "booked_handles": ("feed_row", "feed_row", "feed_row"),
    "rows_by_name": ("feed_row",),
    "names_used_twice": ("rows.feed_row",),
    "owned_rows": ("rows.feed_row", ""),
    "words_in_rows": ("rows.feed_row",),
    "rows_elsewhere": ("rows.feed_row",),
    "stray_rows": ("rows.feed_row",),
    "stray_handles": ("feed_row", "feed_row", "feed_row"),
    "own_stray_rows": ("rows.feed_row",),
    "orphan_rows": ("rows.feed_row", "", "", "", ""),
    "outcomes": ("persons.person",),
}
# Steps whose results are also needed by attendance row: {name: (the step, the columns to add to its SELECTs)}.
_BY_ROW = {
    "trace_rows": ("traces", ("rows.feed_row", "rows.feed_row", "rows.feed_row", "booked_handles.feed_row")),
    "row_facts": ("meeting_facts", ("rows.feed_row",)),
    "company_rows": ("unknown_company", ("rows.feed_row", "feed_row")),
    "shared_name_rows": ("named_with_others", ("rows.feed_row", "rows.feed_row")),
    "rows_of_name_elsewhere": ("named_elsewhere", ("rows.feed_row",)),
    "rows_at_other_times": ("seen_at_other_times", ("rows.feed_row", "rows.feed_row")),
}


def choose(connection: DuckDBPyConnection, booking_uid: str) -> None:
    """Select the booking to explain. The others stay, because a decision may depend on them.

    :raises InvalidInput: if no booking has the uid.
    """
    (count,) = _records(connection, "SELECT count(*) AS bookings FROM bookings")
    uid = booking_uid.strip(WHITE_SPACE)
    connection.execute("CREATE TEMP TABLE chosen AS SELECT booking FROM bookings WHERE booking_uid = ?", [uid])
    if not _records(connection, "SELECT booking FROM chosen"):
        there_are = "There is 1 booking" if count["bookings"] == 1 else f"There are {count['bookings']} bookings"
        raise InvalidInput(f"--booking: no booking has the uid {describe(booking_uid)}. {there_are}")


def run_rules(connection: DuckDBPyConnection) -> None:
    """Create the tables of all steps, and keep them."""
    rules = _rules_by_row()
    for step in rules.steps:
        if step.is_kept:
            connection.execute(f"CREATE TEMP TABLE {step.name} AS {rules.with_parts(step.body)}")


@cache
def _rules_by_row() -> Rules:
    """Return the rules for the chosen booking, with the rows' numbers passed along.

    ``judged`` and ``untraced`` leave out what no decision needs, such as whether the host came to a meeting to which
    all attendees came. An explanation shows that, too.
    """
    bodies = {step.name: step.body for step in the_rules().steps}
    changed = {name: _passing(bodies[name], columns) for name, columns in _PASSED_ALONG.items()}
    for name in ("meetings", "expected", "persons_to_judge"):
        changed[name] = (
            f"SELECT found.* FROM ({bodies[name]}) AS found INNER JOIN chosen ON chosen.booking = found.booking"
        )
    changed |= {
        "judged": "SELECT * FROM expected",
        "untraced": "SELECT booking, person, is_host, name FROM expected",
    }
    # The rows of a booking without expected people are shown, too.
    open_bookings = "SELECT DISTINCT booking FROM untraced"
    changed["open_rows"] = changed["open_rows"].replace(open_bookings, "SELECT booking FROM meetings")
    steps = [replace(step, body=changed.get(step.name, step.body)) for step in the_rules().steps]
    for name, (step, columns) in _BY_ROW.items():
        body = _passing(bodies[step], columns).replace("GROUP BY rows.booking", "GROUP BY ALL")
        steps.append(Step(name, body, False))
    return Rules(tuple(steps), the_rules().decisions)


def _passing(body: str, columns: Sequence[str]) -> str:
    before, *selects = re.split(r"\bSELECT\b", body)
    parts = (
        re.sub(r"^( DISTINCT)?", rf"\1 {column}," if column else r"\1", rest, count=1)
        for column, rest in zip(columns, selects, strict=True)
    )
    return before + "".join(f"SELECT{part}" for part in parts)


_BOOKING = """
SELECT
    bookings.* EXCLUDE (booking), sifted_bookings.window_start, sifted_bookings.window_end,
    bookings.end_at + policy.settle AS settled_at, sifted_bookings.excluded_as
FROM bookings
CROSS JOIN policy
INNER JOIN chosen ON chosen.booking = bookings.booking
INNER JOIN sifted_bookings ON sifted_bookings.booking = bookings.booking"""

# The rules know up to where the feed is complete only for a booking that they judge.
_FEED = """
SELECT
    feed.feed_rows AS rows,
    CASE WHEN facts.persons > 0 THEN facts.complete_until ELSE feed.complete_until END AS complete_until,
    bookings.end_at + greatest(policy.overrun, policy.settle) AS needed_until,
    policy.attendance_until,
    policy.as_of
FROM feed
CROSS JOIN policy
CROSS JOIN bookings
INNER JOIN chosen ON chosen.booking = bookings.booking
CROSS JOIN (SELECT count(*) AS persons, any_value(complete_until) AS complete_until FROM known_facts) AS facts"""

_SOURCES = """
SELECT
    nullif(sources.source, '') AS source,
    sources.source_end AS complete_until,
    sources.is_named,
    sources.source_number IN (SELECT source_number FROM open_rows) AS has_rows
FROM sources
ORDER BY sources.source"""

# The required presence, as the rules compute it: half of the core at most, to the microsecond.
_HOST_SIDE = """
SELECT
    CASE WHEN bookings.excluded_as IS NULL THEN hosts_that_came.booking IS NOT NULL END AS came,
    coalesce(host_sides.covered, 0) / 1e6 AS seconds_of_core,
    greatest(least(policy.host_min_presence, (bookings.end_at - bookings.start_at + 1) // 2), policy.min_presence) / 1e6
        AS needed_seconds,
    coalesce(host_sides.has_check_in, 0) = 1 AS checked_in
FROM sifted_bookings AS bookings
CROSS JOIN policy
INNER JOIN chosen ON chosen.booking = bookings.booking
LEFT JOIN host_sides ON host_sides.booking = bookings.booking
LEFT JOIN hosts_that_came ON hosts_that_came.booking = bookings.booking"""

_PEOPLE_OF_BOOKING = """
SELECT
    people.person, people.role, people.email, people.name, people.absent AS currently_absent,
    persons.is_internal, outcomes.outcome, outcomes.reason,
    coalesce(outcomes.presence, 0) / 1e6 AS presence_seconds,
    outcomes.first_joined AS first_joined_at, outcomes.last_left AS last_left_at
FROM people
INNER JOIN persons ON persons.person = people.person
INNER JOIN chosen ON chosen.booking = persons.booking
LEFT JOIN outcomes ON outcomes.person = people.person
ORDER BY people.role DESC, people.email NULLS FIRST, people.person"""

_FOUND_ROWS = """
SELECT
    rows.feed_row, rows.starts, rows.ends,
    CASE WHEN of_meeting.feed_row IS NOT NULL THEN 1 WHEN borne.feed_row IS NOT NULL THEN 2 ELSE 3 END AS nearness,
    ['meeting', 'elsewhere', 'outside_window'][nearness] AS place,
    ['email', 'phone', 'name', 'internal', 'bot', 'unknown_participant'][of_meeting.whose] AS whose,
    coalesce(of_meeting.is_lent, FALSE) AS is_by_participant,
    row_number() OVER (ORDER BY nearness, rows.starts, rows.ends, rows.feed_row) AS rank
FROM presences AS rows
CROSS JOIN meetings
CROSS JOIN policy
LEFT JOIN (
    SELECT feed_row, min(whose) AS whose, bool_or(is_lent) AS is_lent FROM open_rows GROUP BY feed_row
) AS of_meeting ON of_meeting.feed_row = rows.feed_row
LEFT JOIN (
    SELECT feed_row FROM person_rows UNION SELECT feed_row FROM rows_of_name_elsewhere
) AS borne ON borne.feed_row = rows.feed_row
WHERE of_meeting.feed_row IS NOT NULL
    OR borne.feed_row IS NOT NULL
    OR rows.booking = meetings.booking
    OR (
        rows.booking IS NULL
        AND rows.conference = meetings.conference
        AND rows.starts <= meetings.window_end + greatest(policy.moved_within, 86400000000)
        AND rows.ends >= meetings.window_start - greatest(policy.moved_within, 86400000000)
    )"""

_LINKS = """
SELECT stints.feed_row, 'counts_for' AS link, stints.person
FROM stints
INNER JOIN outcomes ON outcomes.person = stints.person
UNION SELECT feed_row, 'trace_of', person FROM trace_rows
UNION SELECT feed_row, 'is_evidence', NULL FROM row_facts WHERE has_evidence = 1
UNION SELECT feed_row, 'is_internal', NULL FROM row_facts WHERE has_internal = 1
UNION SELECT feed_row, 'is_company', NULL FROM company_rows
UNION SELECT feed_row, 'named_with', person FROM shared_name_rows
UNION SELECT feed_row, 'named_elsewhere', person FROM rows_of_name_elsewhere
UNION SELECT feed_row, 'at_another_time', person FROM rows_at_other_times
UNION SELECT feed_row, 'is_host_side', NULL FROM host_stints"""

_ROWS_IN_ALL = "SELECT place, count(*) AS rows FROM found_rows GROUP BY place"
_PEOPLE = "coalesce(list(links.person ORDER BY links.person) FILTER (links.link = '{0}'), []) AS {0}"
_MARK = "coalesce(bool_or(links.link = '{0}'), FALSE) AS {0}"
_PEOPLE_LINKS = ("counts_for", "trace_of", "named_with", "named_elsewhere", "at_another_time")
_MARKS = ("is_evidence", "is_host_side", "is_internal", "is_company")
# If there are too many rows, the first one of each link comes before all others: a reason may cite it.
_ROWS = f"""
WITH first_rows AS (SELECT min(rank) AS rank FROM links INNER JOIN found_rows USING (feed_row) GROUP BY link, person),

shown_rows AS (
    SELECT * FROM found_rows ORDER BY rank NOT IN (SELECT rank FROM first_rows), rank LIMIT {_MOST_ROWS}
)

SELECT
    rows.feed_row AS number, attendance.* EXCLUDE (feed_row), rows.starts AS begins, rows.ends, rows.place, rows.whose,
    rows.is_by_participant,
    {", ".join(_PEOPLE.format(link) for link in _PEOPLE_LINKS)},
    {", ".join(_MARK.format(link) for link in _MARKS)}
FROM shown_rows AS rows
INNER JOIN attendance ON attendance.feed_row = rows.feed_row
LEFT JOIN links ON links.feed_row = rows.feed_row
GROUP BY ALL
ORDER BY any_value(rows.rank)"""


def gather(connection: DuckDBPyConnection, policy: AttendancePolicy, files: Sequence[LoadedFile]) -> facts.Explanation:
    """Read the results of the steps, without the reasons' sentences."""

    def found(query: str) -> list[dict[str, Any]]:
        return _records(connection, _rules_by_row().with_parts(query))

    connection.execute(f"CREATE TEMP TABLE found_rows AS {_rules_by_row().with_parts(_FOUND_ROWS)}")
    connection.execute(f"CREATE TEMP TABLE links AS {_rules_by_row().with_parts(_LINKS)}")
    return facts.Explanation(
        booking=facts.ExplainedBooking(**found(_BOOKING)[0]),
        policy=policy,
        feed=facts.Feed(**found(_FEED)[0], sources=[facts.FeedSource(**record) for record in found(_SOURCES)]),
        host_side=facts.HostSide(**found(_HOST_SIDE)[0]),
        people=[facts.PersonExplanation(**record) for record in found(_PEOPLE_OF_BOOKING)],
        rows=[facts.ExplainedRow(**record) for record in found(_ROWS)],
        rows_in_all={record["place"]: record["rows"] for record in found(_ROWS_IN_ALL)},
        files=[file for file in files if file.table == ATTENDANCE.name],
    )


def _records(connection: DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    found = connection.execute(query)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
