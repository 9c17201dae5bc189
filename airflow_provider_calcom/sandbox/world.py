"""The state of the sandbox: users, keys, event types and bookings, and how world files are read.

A world file is JSON of the shape of the recordings' `world.json`: `users`, `eventTypes`, `bookings` and `keys`.
`keys` is a list of `{"key", "name", "user", "expired", "limits": [{"name", "calls", "window", "block"}]}`. The
recordings' own form, a map of descriptions to keys such as `{"rate (owner's second key)": "cal_..."}`, is read too.
"""

import gc
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
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


@dataclass(slots=True)
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
    """Empty where the bookings of the event type have no seats."""


@dataclass(slots=True)
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

    def concerns(self, user: User) -> bool:
        """Whether it is in the user's lists: as organiser or as an attendee."""
        return self.owner == user or any(row.email == user.email for row in self.attendees)


class BookingIndex:
    """Look-ups over all bookings as they stand, so that one page costs no walk through the others.

    The world drops it whole when a booking is added or gets other times or another owner, and it is made anew when
    next asked for. Mending it in place was not worth the code: marks, which come by the thousand, leave it alone.
    """

    def __init__(self, bookings: Iterable[Booking]) -> None:
        self.replaced_by: dict[str, str] = {}
        """The uid of the first booking that was made by rescheduling the one of this uid."""
        self.series: dict[str, list[Booking]] = {}
        """The occurrences of each series, by start."""
        everything = list(bookings)
        for booking in everything:
            if booking.rescheduled_from is not None:
                self.replaced_by.setdefault(booking.rescheduled_from, booking.uid)
        self._by_start = sorted(everything, key=attrgetter("start"))
        for booking in self._by_start:
            if booking.series is not None:
                self.series.setdefault(booking.series, []).append(booking)
        self.shortest = min((booking.end - booking.start for booking in everything), default=timedelta())
        self._of_user: dict[User, list[Booking]] = {}

    def of(self, user: User) -> list[Booking]:
        """The bookings that concern a user, by start. Not to be changed."""
        if user not in self._of_user:
            self._of_user[user] = [booking for booking in self._by_start if booking.concerns(user)]
        return self._of_user[user]


@dataclass
class World:
    """Everything a server knows of people and bookings."""

    users: dict[str, User]
    keys: dict[str, Key]
    event_types: dict[int, EventType]
    bookings: dict[str, Booking]
    marks: int = 0
    """How often a mark-absent wrote a flag, be it with the value that stood."""
    _index: BookingIndex | None = field(default=None, init=False, repr=False)

    @property
    def index(self) -> BookingIndex:
        """Look-ups over the bookings as they are now."""
        if self._index is None:
            self._index = BookingIndex(self.bookings.values())
        return self._index

    def rearranged(self) -> None:
        """To be told after a booking got other times or another owner, or the lists go on as before."""
        self._index = None

    def add(self, booking: Booking) -> None:
        """Take in a new booking."""
        self.bookings[booking.uid] = booking
        self.rearranged()

    def rescheduled_to(self, booking: Booking) -> str | None:
        """The uid of the booking that replaced this one."""
        return self.index.replaced_by.get(booking.uid)

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
                self.rearranged()
        rows = list(booking.attendees)
        for wanted in change.get("attendees", []):
            row = next(row for row in rows if row.email == wanted["email"])
            row.absent = wanted["absent"]
            rows.remove(row)


def load_world(source: Json) -> World:
    """Read a world file's content. Raises KeyError or ValueError where it isn't one."""
    with _uncollected():
        return _read_world(source)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Nothing of a world under construction is garbage, but the collector took half of a large one's time to see it."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _read_world(source: Json) -> World:
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
    kind = event_types.get(row["eventTypeId"]) if row.get("eventTypeId") is not None else None
    seated = kind is not None and kind.seats
    return Booking(
        id=row.get("id", number),
        uid=row["uid"],
        title=row["title"],
        start=parse_instant(row["start"]),
        end=parse_instant(row["end"]),
        status=row.get("status", "accepted"),
        owner=users[row["owner"]],
        event_type=kind,
        attendees=[_attendee(one, row["uid"], 10 * number + i, seated) for i, one in enumerate(row["attendees"])],
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


def _attendee(row: Json, uid: str, number: int, seated: bool) -> Attendee:
    seat: Json = {}
    if seated:
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
