"""The state of the sandbox: users, keys, event types and bookings, and how world files are read.

A world file is JSON of the shape of the recordings' `world.json`: `users`, `eventTypes`, `bookings` and `keys`.
`keys` is a list of `{"key", "name", "user", "expired", "limits": [{"name", "calls", "window", "block"}]}`. The
recordings' own form, a map of descriptions to keys such as `{"rate (owner's second key)": "cal_..."}`, is read too.
"""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_provider_calcom.sandbox.clock import parse_instant
from airflow_provider_calcom.sandbox.throttle import Limit

Json = dict[str, Any]


@dataclass(frozen=True)
class User:
    """Somebody with an account; `id` may be any JSON number."""

    id: int
    name: str
    email: str
    username: str
    time_zone: str


@dataclass(frozen=True)
class Key:
    """An API key. `limits` None means the server's default limit."""

    name: str
    value: str
    user: User
    limits: tuple[Limit, ...] | None = None
    expired: bool = False


@dataclass(frozen=True)
class EventType:
    """What is booked. With `seats` the bookings are seated; `hosts` are the ids of a team's hosts."""

    id: int
    slug: str
    seats: bool = False
    shows_attendees: bool = False
    team_id: int | None = None
    hosts: tuple[int, ...] = ()


@dataclass
class Attendee:
    """One attendee row: a booker, a guest or a co-host."""

    id: int
    name: str
    email: str
    time_zone: str
    language: str
    phone_number: str | None
    absent: bool
    seat: Json


@dataclass
class Booking:
    """One booking. Optional texts are None where the server's database has null."""

    id: int
    uid: str
    title: str
    start: datetime
    end: datetime
    status: str
    owner: User
    event_type: EventType | None
    attendees: list[Attendee]
    created: datetime
    updated: datetime
    absent_host: bool | None = False
    description: str | None = ""
    location: str | None = None
    metadata: Json = field(default_factory=dict)
    responses: Json = field(default_factory=dict)
    series: str | None = None
    rescheduled_from: str | None = None
    rescheduled_by: str | None = None
    cancellation_reason: str | None = None
    cancelled_by: str | None = None


@dataclass
class World:
    """Everything a server knows of people and bookings."""

    users: dict[str, User]
    keys: dict[str, Key]
    event_types: dict[int, EventType]
    bookings: dict[str, Booking]
    marks: int = 0
    """How often a mark-absent wrote a flag, be it with the value that stood."""

    def rescheduled_to(self, booking: Booking) -> str | None:
        """The uid of the booking that replaced this one."""
        return next((b.uid for b in self.bookings.values() if b.rescheduled_from == booking.uid), None)

    def patch(self, change: Json) -> None:
        """Set flags, status or times of one booking: `uid` and any of `status`, `absentHost`, `start`, `end`,
        `attendees: [{"email", "absent"}]`. Attendee rows of one address are set in their order."""
        booking = self.bookings[change["uid"]]
        booking.status = change.get("status", booking.status)
        if "absentHost" in change:
            booking.absent_host = change["absentHost"]
        for name in ("start", "end"):
            if name in change:
                setattr(booking, name, parse_instant(change[name]))
        rows = list(booking.attendees)
        for wanted in change.get("attendees", []):
            row = next(row for row in rows if row.email == wanted["email"])
            row.absent = wanted["absent"]
            rows.remove(row)


def load_world(source: Json) -> World:
    """Read a world file's content. Raises KeyError or ValueError where it isn't one."""
    users = {row["email"]: _user(row) for row in source["users"]}
    event_types = {row["id"]: _event_type(row) for row in source["eventTypes"]}
    bookings = {
        row["uid"]: _booking(row, number, users, event_types) for number, row in enumerate(source["bookings"], start=1)
    }
    return World(users, _keys(source["keys"], users), event_types, bookings)


def _user(row: Json) -> User:
    return User(row["id"], row["name"], row["email"], row["username"], row["timeZone"])


def _event_type(row: Json) -> EventType:
    return EventType(
        row["id"],
        row["slug"],
        seats=bool(row.get("seatsPerTimeSlot")),
        shows_attendees=bool(row.get("seatsShowAttendees")),
        team_id=row.get("teamId"),
        hosts=tuple(row.get("hosts", ())),
    )


def _booking(row: Json, number: int, users: dict[str, User], event_types: dict[int, EventType]) -> Booking:
    kind = row.get("eventTypeId")
    return Booking(
        id=row.get("id", number),
        uid=row["uid"],
        title=row["title"],
        start=parse_instant(row["start"]),
        end=parse_instant(row["end"]),
        status=row.get("status", "accepted"),
        owner=users[row["owner"]],
        event_type=None if kind is None else event_types.get(kind),
        attendees=[_attendee(one, row["uid"], 10 * number + i) for i, one in enumerate(row["attendees"])],
        created=parse_instant(row.get("createdAt") or row["start"]),
        updated=parse_instant(row.get("updatedAt") or row["start"]),
        absent_host=row.get("absentHost", False),
        description=row.get("description", ""),
        location=row.get("location"),
        metadata=row.get("metadata") or {},
        responses=row.get("responses") or {},
        series=row.get("recurring_booking_uid"),
        rescheduled_from=row.get("fromReschedule"),
        rescheduled_by=row.get("rescheduledBy"),
        cancellation_reason=row.get("cancellationReason"),
        cancelled_by=row.get("cancelledBy"),
    )


def _attendee(row: Json, uid: str, number: int) -> Attendee:
    seat = {
        "uid": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{uid}/{number}")),
        "responses": {"name": row["name"]},
        "metadata": {},
        **row.get("seat", {}),
    }
    return Attendee(
        row.get("id", number),
        row["name"],
        row["email"],
        row.get("timeZone", "UTC"),
        row.get("language", "en"),
        row.get("phoneNumber"),
        row.get("absent", False),
        seat,
    )


def _keys(source: Any, users: dict[str, User]) -> dict[str, Key]:
    if isinstance(source, Mapping):
        keys = [_described_key(text, value, users) for text, value in source.items()]
    else:
        keys = [_key(row, {user.username: user for user in users.values()}) for row in source]
    return {key.value: key for key in keys}


def _key(row: Json, users: dict[str, User]) -> Key:
    limits = tuple(Limit(**limit) for limit in row["limits"]) if row.get("limits") else None
    return Key(row["name"], row["key"], users[row["user"]], limits, row.get("expired", False))


def _described_key(text: str, value: str, users: dict[str, User]) -> Key:
    """The recordings describe a key in words: its name first, `X's` for its user, `short 3 in 10 s` for a limit.

    A limit without a block of its own blocks for its window, as the recorded headers show.
    """
    name, by_name = text.split()[0], {user.username: user for user in users.values()}
    owner = re.search(r"(\w+)'s", text)
    user = by_name.get(owner[1] if owner else name, next(iter(users.values())))
    pattern = r"(\w+) (\d+) in (\d+) s(?: with a block of (\d+) s)?"
    limits = tuple(
        Limit(int(calls), int(window), int(block or window), label)
        for label, calls, window, block in re.findall(pattern, text)
    )
    return Key(name, value, user, limits or None, expired=name == "expired")
