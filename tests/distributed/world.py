"""Twenty days of bookings, the Zoom reports of each, and who was absent: known here, and to nothing that is tested."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

Row = dict[str, Any]

DAYS = 20
FIRST_DAY = datetime.now(UTC).date() - timedelta(days=30)
"""The clocks of the sandbox and of the workers agree, and all bookings are over."""

KEY = "cal_distributed_owner"
HOST = "olivia@clinic.example"

_ABSENT_EACH = 10
"""One booking of this number has an absentee; a few more do, so that pairs are among them."""

_PAIR_EACH = 5
_MARKED_EACH = 20
"""One absentee of this number was marked in Cal.com before: that flag needs no call."""


@dataclass(frozen=True)
class World:
    """The bookings and what is true of them.

    :param source: content of a world file of the sandbox.
    :param reports: for each day, the rows of Zoom's report of participants.
    :param changes: booking uid and address of each flag that must be set, and no other.
    """

    source: Row
    reports: dict[date, list[Row]]
    changes: frozenset[tuple[str, str]]

    @property
    def bookings_to_mark(self) -> frozenset[str]:
        """Uids of the bookings with a flag to set: each needs exactly one call that writes."""
        return frozenset(uid for uid, _ in self.changes)


@dataclass
class _Drafts:
    bookings: list[Row] = field(default_factory=list)
    reports: dict[date, list[Row]] = field(default_factory=dict)
    changes: set[tuple[str, str]] = field(default_factory=set)
    absentees: int = 0


def make_world(number: int) -> World:
    """Make a world, but for its dates always the same one for a number of bookings.

    :param number: of bookings, a multiple of ``DAYS``.
    """
    drafts, in_a_day = _Drafts(), number // DAYS
    for index in range(DAYS):
        day = FIRST_DAY + timedelta(days=index)
        drafts.reports[day] = []
        for place in range(in_a_day):
            _add_booking(drafts, day, index * in_a_day + place, place / in_a_day)
    source = {
        "users": [{"id": 7, "name": "Olivia Owner", "email": HOST, "username": "olivia", "timeZone": "UTC"}],
        "eventTypes": [{"id": 15, "slug": "30min", "userId": 7}],
        "keys": [{"name": "owner", "key": KEY, "user": "olivia"}],
        "bookings": drafts.bookings,
    }
    return World(source, drafts.reports, frozenset(drafts.changes))


def _add_booking(drafts: _Drafts, day: date, number: int, part: float) -> None:
    """Add a booking between 6:00 and 18:00, and the rows of its meeting.

    :param part: of the day that is over when it starts, from 0 to 1.
    """
    start = datetime(day.year, day.month, day.day, 6, tzinfo=UTC) + timedelta(minutes=int(part * 12 * 60))
    uid, meeting = f"distributed{number:06}", f"8{number:010}"
    people = [f"guest{number}@example.org"] + [f"second{number}@example.org"] * (number % _PAIR_EACH == 0)
    # Now the first of a pair, now the second: with both, a plan would doubt that the host's meeting was the right one.
    absent = people[number // _ABSENT_EACH % len(people)] if number % _ABSENT_EACH == 3 or number % 50 == 0 else None
    is_marked = False
    if absent is not None:
        drafts.absentees += 1
        is_marked = drafts.absentees % _MARKED_EACH == 0
        if not is_marked:
            drafts.changes.add((uid, absent))
    drafts.bookings.append(_booking(uid, meeting, start, people, absent if is_marked else None))
    present = [HOST, *(one for one in people if one != absent)]
    drafts.reports[day] += [_participant(meeting, one, start) for one in present]


def _booking(uid: str, meeting: str, start: datetime, people: list[str], marked: str | None) -> Row:
    return {
        "uid": uid,
        "title": "30 min",
        "status": "accepted",
        "start": _timestamp(start),
        "end": _timestamp(start + timedelta(minutes=30)),
        "location": f"https://zoom.us/j/{meeting}",
        "eventTypeId": 15,
        "owner": HOST,
        "responses": {"name": people[0].split("@")[0], "email": people[0], "guests": people[1:]},
        "attendees": [
            {"name": one.split("@")[0], "email": one, "timeZone": "UTC", "language": "en", "absent": one == marked}
            for one in people
        ],
    }


def _participant(meeting: str, email: str, start: datetime) -> Row:
    return {
        "meeting_id": meeting,
        "meeting_uuid": f"uuid-{meeting}",
        "name": email.split("@", maxsplit=1)[0],
        "user_email": email,
        "join_time": _timestamp(start + timedelta(minutes=1)),
        "leave_time": _timestamp(start + timedelta(minutes=29)),
        "duration": 28 * 60,
        "status": "in_meeting",
    }


def _timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def report_files(world: World) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the file of each day's report."""
    for day, rows in world.reports.items():
        yield f"{day}.json", json.dumps(rows).encode()
