"""Plans of any number of bookings with evidence, made by the rules, for the report's benchmark and tests.

``python -m benchmarks.report_plans 10000 FOLDER`` writes a plan of 10,000 bookings.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow_provider_calcom.attendance.engine import deciding
from airflow_provider_calcom.no_shows.plan import Origin, write_plan
from airflow_provider_calcom.no_shows.plan_files import Summary

Row = dict[str, Any]

_FIRST_DAY = datetime(2026, 3, 2, tzinfo=UTC)
_FIRST_NAMES = ("Ada", "Ben", "Chloé", "Dmitri", "Elena", "Felix", "Greta", "Hassan", "Ines", "Jonas", "Katya", "Liam")
_LAST_NAMES = (
    "Almeida",
    "Berg",
    "Castillo",
    "Dombrowski",
    "Eriksen",
    "Fontaine",
    "Garber",
    "Holm",
    "Ivanova",
    "Jansen",
)
_HOSTS = (
    *("Maria Keller", "Noor Haddad", "Oskar Lind", "Priya Raman", "Quinn Doyle", "Rosa Vidal", "Sören Wolf"),
    *("Tomás Zimmer", "Uma Nair", "Viktor Orlov"),
)
_EVENT_TYPES = ("intro-30min", "demo", "onboarding", "support-call", "interview")
# What happens at a meeting, with weights: most of them are as they should be.
_STORIES = {
    "all_came": 60,
    "one_missed": 14,
    "all_missed": 6,
    "unknown_participant": 5,
    "waiting_room": 3,
    "host_missed": 3,
    "nobody": 2,
    "shared_device": 2,
    "elsewhere": 2,
    "other_time": 2,
    "cancelled": 2,
    "rescheduled": 2,
    "twice_booked": 1,
    "internal_guest": 1,
}
_POLICY = {"internal_domains": ["acme.example"]}


def write_report_plan(
    folder: Path, bookings: int, *, seed: int = 1, per_day: int = 200, policy: Row | None = None, **options: Any
) -> Summary:
    """Write a plan of as many bookings, with about three people and six rows of attendance each.

    :param folder: of the plan.
    :param per_day: bookings of a day; the plan's period is as many days as they need.
    :param policy: fields of the policy besides ``as_of``, ``attendance_until`` and ``internal_domains``.
    :param options: of ``write_plan``.
    """
    calendar = _Calendar(random.Random(seed), per_day)
    for number in range(bookings):
        calendar.add(number)
    last_day = _FIRST_DAY + timedelta(days=-(-bookings // per_day))
    # The feed ends before the last bookings could be decided.
    ends = {"as_of": _text(last_day + timedelta(days=1)), "attendance_until": _text(last_day - timedelta(hours=6.5))}
    with tempfile.TemporaryDirectory() as temporary:
        details = Path(temporary) / "details.jsonl"
        details.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in calendar.details))
        origin = Origin(_FIRST_DAY, last_day, "https://app.cal.com/booking/{uid}", details)
        tables = (calendar.bookings, calendar.people, calendar.attendance)
        with deciding(*tables, {**_POLICY, **ends, **(policy or {})}) as decided:
            return write_plan(decided, folder, origin=origin, **options)


class _Calendar:
    """Bookings of one company, and who came to them."""

    def __init__(self, rng: random.Random, per_day: int) -> None:
        self._rng = rng
        self._per_day = per_day
        self.bookings: list[Row] = []
        self.people: list[Row] = []
        self.attendance: list[Row] = []
        self.details: list[Row] = []

    def add(self, number: int) -> None:
        """Add a booking, its people, and their rows of attendance."""
        rng = self._rng
        day, of_day = divmod(number, self._per_day)
        start = _FIRST_DAY + timedelta(days=day, hours=8, minutes=30 * (of_day % 20))
        end = start + timedelta(minutes=30)
        host = _HOSTS[of_day // 20 % len(_HOSTS)]
        story = rng.choices(list(_STORIES), list(_STORIES.values()))[0]
        uid = f"bk{number:06d}{rng.randrange(16**6):06x}"
        booking: Row = {"booking_uid": uid, "status": "accepted", "start_at": _text(start), "end_at": _text(end)}
        booking |= {"rescheduled_to_uid": None, "conference_key": str(80_000_000_000 + number)}
        booking |= {"status": "cancelled"} if story == "cancelled" else {}
        booking |= {"rescheduled_to_uid": f"{uid}-later"} if story == "rescheduled" else {}
        self.bookings.append(booking)
        host_email = f"{_ascii(host.split()[0])}@acme.example"
        event_type = rng.choice(_EVENT_TYPES)
        self.details.append({"booking_uid": uid, "event_type": event_type, "host_email": host_email, "host_name": host})
        self._person(uid, "host", host_email, host, absent=False)
        guests = list(self._guests(uid, number, story))
        if story not in ("cancelled", "rescheduled"):
            self._fill(_Room(booking["conference_key"], start), story, (host_email, host), guests)

    def _guests(self, uid: str, number: int, story: str) -> Iterator[tuple[str, str]]:
        rng = self._rng
        for place in range(rng.choice((1, 2, 2, 3))):
            name = f"{rng.choice(_FIRST_NAMES)} {rng.choice(_LAST_NAMES)}"
            email = f"{_ascii(name).replace(' ', '.')}{number}{'abc'[place]}@client.example"
            if story == "internal_guest" and place == 0:
                email = f"guest{number}@acme.example"
            is_marked = rng.random() < 0.02
            self._person(uid, "attendee", email, name, absent=is_marked, phone=_phone(number, place))
            if story == "twice_booked" and place == 0:
                self._person(uid, "attendee", email, name, absent=is_marked)
            yield email, name

    def _person(self, uid: str, role: str, email: str, name: str, *, absent: bool, phone: str | None = None) -> None:
        person = {"booking_uid": uid, "role": role, "email": email, "match_email": email, "name": name}
        self.people.append(person | {"phone": phone, "absent": absent})

    def _fill(self, room: _Room, story: str, host: tuple[str, str], guests: list[tuple[str, str]]) -> None:
        rng = self._rng
        if story == "nobody":
            return
        if story != "host_missed":
            name = f"{host[1]} / {guests[0][1].split()[0]}" if story == "shared_device" else host[1]
            self._stay(room, host[0], name, stays=2)
        missing = {"all_came": 0, "internal_guest": 0, "twice_booked": 0, "all_missed": len(guests)}.get(story, 1)
        for place, (email, name) in enumerate(guests):
            if place >= missing and rng.random() < 0.05:
                self._dial_in(room, _phone(int(room.key) % 10_000_000, place))
            elif place >= missing:
                self._stay(room, email if rng.random() < 0.6 else None, name, stays=rng.choice((1, 2, 3)))
        if rng.random() < 0.1:
            self.attendance.append(room.row(0, 29, None, "Otter.ai Notetaker", kind="bot"))
        self._doubt(room, story, *guests[0])

    def _doubt(self, room: _Room, story: str, email: str, name: str) -> None:
        if story == "unknown_participant":
            self._stay(room, None, "iPhone", stays=1)
        elif story == "waiting_room":
            self.attendance.append(room.row(2, 9, email, name, kind="lobby"))
        elif story == "elsewhere":
            self.attendance.append(room.row(1, 25, None, name) | {"conference_key": "91000000000"})
        elif story == "other_time":
            self.attendance.append(room.row(120, 140, email, name))

    def _stay(self, room: _Room, email: str | None, name: str, *, stays: int) -> None:
        """Add somebody's rows: they come a little early or late, and lose the connection between two stays."""
        rng = self._rng
        begin = rng.uniform(-3, 6)
        for place in range(stays):
            end = 30 * (place + 1) / stays - rng.uniform(0, 1)
            self.attendance.append(room.row(begin, max(end, begin + 1), email, name))
            begin = max(end, begin + 1) + rng.uniform(0.2, 1)

    def _dial_in(self, room: _Room, phone: str) -> None:
        self.attendance.append(room.row(1, 28, None, phone) | {"phone": phone})


def _phone(number: int, place: int) -> str:
    return f"+49 30 {number:07d}{place}"


class _Room:
    """The meeting of a booking."""

    def __init__(self, key: str, start: datetime) -> None:
        self.key = key
        self._start = start

    def row(self, begin: float, end: float, email: str | None, name: str, kind: str = "person") -> Row:
        """Return a row of attendance, from one minute of the booking to another."""
        times = {"joined_at": _text(self._minute(begin)), "left_at": _text(self._minute(end))}
        row = {"source": "zoom", "participant": None, "kind": kind, "booking_uid": None, "conference_key": self.key}
        return row | {"email": email, "name": name, "phone": None} | times

    def _minute(self, minute: float) -> datetime:
        return self._start + timedelta(seconds=round(60 * minute))


def _ascii(name: str) -> str:
    return name.lower().translate(str.maketrans("éöá", "eoa"))


def _text(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    write_report_plan(Path(sys.argv[2]), int(sys.argv[1]))
