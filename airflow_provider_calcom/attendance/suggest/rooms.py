"""Candidates for bookings without a row of their meeting: another meeting of the feed with these people in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from airflow_provider_calcom.attendance.suggest.model import Candidate

if TYPE_CHECKING:
    from airflow_provider_calcom.attendance.suggest.simulate import Simulation

_MOST_ROOMS = 3
_MOST_BOOKINGS = 1_000
_MOST_KEYS = 3

_DAY = 86_400_000_000

# All of them count, not only those with a doubt: who came to a meeting that is not linked is often found by address.
_EMPTY_MEETINGS = f"""
SELECT
    meetings.booking, meetings.start_at, meetings.end_at, meetings.start_at // {_DAY} AS day,
    coalesce(doubts.persons, 0) AS doubts
FROM meetings
LEFT JOIN (
    SELECT persons.booking, count(*) AS persons
    FROM reasons
    INNER JOIN persons ON persons.person = reasons.person
    WHERE reasons.outcome = 'undetermined'
    GROUP BY persons.booking
) AS doubts ON doubts.booking = meetings.booking
WHERE meetings.booking NOT IN (SELECT booking FROM meeting_rows)"""

# The one meeting in which most of a booking's people were during its core, but not another booking's own. A name of one
# word may be anybody's, so it finds nobody.
_ROOMS = f"""
WITH handles AS (
    SELECT persons.booking, persons.person, persons.is_host, known.handle
    FROM persons
    INNER JOIN empty_meetings ON empty_meetings.booking = persons.booking
    INNER JOIN (
        SELECT person, address AS handle FROM persons
        UNION SELECT person, match_address FROM persons
        UNION SELECT person, tail FROM persons
        UNION SELECT person, name FROM persons WHERE words > 1
    ) AS known ON known.person = persons.person
    WHERE known.handle IS NOT NULL
),

keyed_rows AS (
    SELECT
        attendance.conference_key,
        addresses.address,
        phones.tail,
        CASE WHEN names.name_kind < 2 THEN names.name END AS name,
        coalesce(attendance.joined_at, attendance.left_at) AS starts,
        CASE
            WHEN attendance.kind = 'check_in' THEN coalesce(attendance.joined_at, attendance.left_at)
            WHEN attendance.left_at IS NULL THEN least(policy.as_of, attendance.joined_at + policy.open_limit)
            ELSE attendance.left_at
        END AS ends
    FROM attendance
    CROSS JOIN policy
    LEFT JOIN addresses ON addresses.spelling = attendance.email
    LEFT JOIN phones ON phones.spelling = attendance.phone
    LEFT JOIN names ON names.spelling = attendance.name
    WHERE attendance.booking_uid IS NULL
        AND attendance.conference_key IS NOT NULL
        AND attendance.kind IN ('person', 'check_in')
        AND (attendance.joined_at IS NOT NULL OR attendance.left_at IS NOT NULL)
),

row_handles AS (
    SELECT conference_key, starts, ends, address AS handle FROM keyed_rows
    UNION ALL SELECT conference_key, starts, ends, tail FROM keyed_rows
    UNION ALL SELECT conference_key, starts, ends, name FROM keyed_rows
),

found AS (
    SELECT
        handles.booking,
        rows.conference_key,
        count(DISTINCT handles.person) FILTER (NOT handles.is_host) AS attendees,
        count(DISTINCT handles.person) AS persons,
        sum(least(rows.ends, meetings.end_at) - greatest(rows.starts, meetings.start_at)) AS overlap
    FROM handles
    INNER JOIN empty_meetings AS meetings ON meetings.booking = handles.booking
    INNER JOIN row_handles AS rows ON rows.handle = handles.handle AND rows.starts // {_DAY} = meetings.day
    WHERE rows.starts < meetings.end_at AND rows.ends > meetings.start_at
    GROUP BY handles.booking, rows.conference_key
)

SELECT found.booking, found.conference_key, found.attendees > 0 AS has_attendee, meetings.doubts
FROM found
INNER JOIN empty_meetings AS meetings ON meetings.booking = found.booking
WHERE NOT EXISTS (
    SELECT 1
    FROM bookings
    INNER JOIN sifted_bookings AS others ON others.booking = bookings.booking
    WHERE bookings.conference_key = found.conference_key
        AND others.booking <> found.booking
        AND (others.excluded_as IS NULL OR others.excluded_as = 'not_settled')
        AND others.window_start <= meetings.end_at
        AND others.window_end >= meetings.start_at
)
QUALIFY row_number() OVER (
    PARTITION BY found.booking
    ORDER BY found.attendees DESC, found.persons DESC, found.overlap DESC, found.conference_key
) = 1
ORDER BY found.booking"""


def room_candidates(simulation: Simulation) -> Iterator[Candidate]:
    """Yield the rooms with most undetermined people, and all of them together first."""
    simulation.keep("empty_meetings", _EMPTY_MEETINGS)
    rooms: dict[str, list[int]] = defaultdict(list)
    doubts: dict[str, int] = defaultdict(int)
    attended = set()
    for booking, key, has_attendee, persons in simulation.query(_ROOMS):
        rooms[key].append(booking)
        doubts[key] += persons
        attended |= {key} if has_attendee else set()
    # Where only hosts were, it may as well have been a meeting among themselves.
    found = sorted((key for key in attended if doubts[key]), key=lambda key: (-doubts[key], key))
    if len(found) > 1:
        yield _candidate({key: rooms[key] for key in found})
    for key in found[:_MOST_ROOMS]:
        yield _candidate({key: rooms[key]})


def _candidate(rooms: Mapping[str, list[int]]) -> Candidate:
    bookings = [(booking, key) for key, numbers in rooms.items() for booking in numbers][:_MOST_BOOKINGS]
    have, their = ("bookings have", "their") if len(bookings) > 1 else ("booking has", "its")
    keys = "another conference key" if len(rooms) == 1 else f"{len(rooms)} other conference keys"
    return Candidate(
        "conference_key",
        f"{len(bookings)} {have} no row of {their} meeting in the feed, while attendees or hosts were in a meeting"
        f" under {keys} at that time; set it as {their} conference_key, in the table of bookings or with"
        " conference_patterns",
        "Check that it was the same meeting, such as in the host's personal room.",
        f"The key in the feed: {', '.join(list(rooms)[:_MOST_KEYS])}{', ...' if len(rooms) > _MOST_KEYS else ''}.",
        keys=dict(bookings),
        parts=len(rooms),
    )
