"""A random world of some fifteen bookings, and a plan for ten of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from benchmarks.plans import write_plan_by_hand

KEY = "cal_faults_first"
RENEWED_KEY = "cal_faults_renewed"
OTHERS_KEY = "cal_faults_other"
_OWNER = "olivia@owner.example"
_OTHER = "oscar@owner.example"


class Flag(NamedTuple):
    """The identity of one flag on the server."""

    booking_uid: str
    role: str
    email: str


@dataclass(frozen=True)
class Planned:
    """One change of the plan.

    :param flag: the flag to change.
    :param to: the new value; now it is the opposite.
    :param start: of the booking.
    :param instead: expected outcome of a change that cannot be made, else None.
    """

    flag: Flag
    to: bool
    start: datetime
    instead: str | None = None

    @property
    def on_server(self) -> Flag:
        """The flag as the sandbox shows it: a booking has one host."""
        return self.flag if self.flag.role == "attendee" else self.flag._replace(email="")

    @property
    def line(self) -> dict[str, Any]:
        """The plan's line."""
        return {
            "booking_uid": self.flag.booking_uid,
            "role": self.flag.role,
            "email": self.flag.email,
            "from": not self.to,
            "to": self.to,
            "reason": "not_seen" if self.to else "seen",
            "presence_seconds": 0.0 if self.to else 1800.0,
            "start_at": _iso(self.start),
        }


@dataclass(frozen=True)
class Scene:
    """The world and plan of one case.

    :param world: content of a world file.
    :param changes: the plan, in its order.
    """

    world: dict[str, Any]
    changes: list[Planned]

    @property
    def makeable(self) -> list[Planned]:
        """The changes that can be made."""
        return [change for change in self.changes if change.instead is None]

    def write_plan(self, folder: Path) -> None:
        """Write the plan as the planning task does."""
        write_plan_by_hand(folder, [change.line for change in self.changes])


def make_scene(random: Random) -> Scene:
    """Make a world and a plan of 15 to 19 changes in 10 bookings.

    Two bookings have another organiser, and the key's user is one of the hosts of their event type: they may mark the
    attendees, but their list lacks the bookings, so each takes a GET of its own. One booking is deleted, one starts in
    twelve hours, later than by any clock of :mod:`tests.faults.kinds`.
    """
    return _Maker(random).scene()


class _Maker:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._bookings: list[dict[str, Any]] = []
        self._changes: list[Planned] = []
        self._now = datetime.now(UTC).replace(second=0, microsecond=0)

    def scene(self) -> Scene:
        for _ in range(3):
            self._add(marks=1)
        for _ in range(2):
            self._add(marks=self._random.choice((2, 3)), unmarks=1, others=1)
        self._add(unmarks=1)
        self._add(marks=1, others=1, marks_host=True)
        for _ in range(2):
            self._add(marks=self._random.choice((1, 2)), owner=_OTHER, event_type=2)
        early = self._add(marks=1, hours=-12)
        gone = Flag(f"gone-{self._random.randrange(10**6)}", "attendee", "nobody@gone.example")
        for owner in (_OWNER, _OTHER):
            self._add(others=2, owner=owner)
            self._add(others=1, owner=owner)
        changes = [*self._changes, Planned(gone, True, self._now - timedelta(hours=3), "gone")]
        changes = [
            Planned(one.flag, one.to, one.start, "not_started") if one.flag.booking_uid == early else one
            for one in changes
        ]
        self._random.shuffle(self._bookings)
        return Scene(self._world(), sorted(changes, key=lambda one: one.flag))

    def _add(
        self,
        marks: int = 0,
        unmarks: int = 0,
        others: int = 0,
        *,
        marks_host: bool = False,
        owner: str = _OWNER,
        event_type: int = 1,
        hours: float | None = None,
    ) -> str:
        """Add a booking with numbers of attendees to mark, to un-mark and to leave unchanged, and return its uid."""
        number = len(self._bookings)
        uid = f"booking-{number:02}-{self._random.randrange(10**6)}"
        ago = timedelta(hours=self._random.choice((2, 3, 3, 30)) if hours is None else hours)
        start = self._now - ago
        values = [*[True] * marks, *[False] * unmarks, *[None] * others]
        self._random.shuffle(values)
        emails = [
            f"{self._random.choice(('Ann', 'bo.b', 'cem'))}{number}.{place}@guest.example"
            for place in range(len(values))
        ]
        rows = []
        for email, value in zip(emails, values, strict=True):
            absent = self._random.random() < 0.5 if value is None else not value
            rows.append({"name": "Guest", "email": email, "timeZone": "UTC", "language": "en", "absent": absent})
            if value is not None:
                self._changes.append(Planned(Flag(uid, "attendee", email), value, start))
        if marks_host:
            self._changes.append(Planned(Flag(uid, "host", owner), True, start))
        booker = {"name": "Guest", "email": emails[0], "guests": emails[1:]}
        times = {"start": _iso(start), "end": _iso(start + timedelta(minutes=30))}
        kind = {"eventTypeId": event_type, "responses": booker}
        self._bookings.append({"uid": uid, "title": "Talk", "owner": owner, **times, **kind, "attendees": rows})
        return uid

    def _world(self) -> dict[str, Any]:
        users = [
            {"id": number, "name": name, "username": name.lower(), "email": email, "timeZone": "UTC"}
            for number, name, email in ((1, "Olivia", _OWNER), (2, "Oscar", _OTHER))
        ]
        keys = [
            {"name": key, "key": key, "user": user}
            for key, user in ((KEY, "olivia"), (RENEWED_KEY, "olivia"), (OTHERS_KEY, "oscar"))
        ]
        kinds = [{"id": 1, "slug": "alone"}, {"id": 2, "slug": "team", "teamId": 1, "hosts": [1, 2]}]
        return {"users": users, "eventTypes": kinds, "keys": keys, "bookings": self._bookings}


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
