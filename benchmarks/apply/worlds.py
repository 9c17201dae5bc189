"""The sandbox's world, and plans by hand over parts of it.

Ten bookings start together every five minutes. Those of one region have one attendee each; the mixed ones at the end
have three, some of whom are marked absent already.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.plans import write_plan_by_hand

Row = dict[str, Any]

TOGETHER = 10
"""Bookings of one start: the list has no order among them."""

KEY = "cal_bench"
KEY_OF_ONE, KEY_OF_FOUR = "cal_bench_one", "cal_bench_four"
LIMIT, WINDOW = 120, 6
"""Calls and seconds of the keys that have a limit: a tenth of Cal.com's minute, with the same calls."""

MIXED_PEOPLE = 3
_BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
_OWNER = "owner@example.com"


def make_world(plain: int, mixed: int) -> Row:
    """Return a world: a number of bookings with one attendee each, and after them a number of mixed ones."""
    limits = [{"name": "default", "calls": LIMIT, "window": WINDOW, "block": WINDOW}]
    bookings = [_booking(number, 1) for number in range(plain)]
    bookings += [_booking(number, MIXED_PEOPLE, already=number % 4) for number in range(plain, plain + mixed)]
    return {
        "users": [{"id": 1, "name": "Olivia", "username": "owner", "email": _OWNER, "timeZone": "UTC"}],
        "eventTypes": [{"id": 1, "slug": "call"}],
        "keys": [
            {"name": "unlimited", "key": KEY, "user": "owner"},
            {"name": "one", "key": KEY_OF_ONE, "user": "owner", "limits": limits},
            {"name": "four", "key": KEY_OF_FOUR, "user": "owner", "limits": limits},
        ],
        "bookings": bookings,
    }


def _booking(number: int, people: int, already: int = 0) -> Row:
    """Make a booking.

    :param already: how many of its people are marked absent.
    """
    start = _BEGIN + timedelta(minutes=5 * (number // TOGETHER))
    return {
        "uid": f"b{number:07}",
        "title": "Call",
        "start": _instant(start),
        "end": _instant(start + timedelta(minutes=30)),
        "status": "accepted",
        "owner": _OWNER,
        "eventTypeId": 1,
        "attendees": [
            {"name": f"Person {number}", "email": f"p{number}.{one}@example.org", "absent": one < already}
            for one in range(people)
        ],
    }


def _instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def write_plan(folder: Path, bookings: Iterable[Row]) -> Path:
    """Write a plan that marks all attendees of some bookings absent."""
    changes = [
        {
            "booking_uid": booking["uid"],
            "role": "attendee",
            "email": person["email"],
            "from": False,
            "to": True,
            "reason": "not_seen",
            "presence_seconds": 0.0,
            "start_at": booking["start"],
        }
        for booking in bookings
        for person in booking["attendees"]
    ]
    return write_plan_by_hand(folder, changes)


def mark_body(booking: Row) -> Row:
    """Return the body of the call that marks all attendees of a booking absent."""
    return {"attendees": [{"email": person["email"], "absent": True} for person in booking["attendees"]]}


class Supply:
    """Hands out bookings, each once, so that every mark is a real write."""

    def __init__(self, bookings: Sequence[Row]) -> None:
        self._bookings = bookings
        self._given = 0

    def take(self, number: int) -> list[Row]:
        """Return the next bookings."""
        taken = list(self._bookings[self._given : self._given + number])
        assert len(taken) == number, "the world is too small"
        self._given += number
        return taken
