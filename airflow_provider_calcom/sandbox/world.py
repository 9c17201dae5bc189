"""Users, API keys, event types and bookings of a sandbox, and the format of world files.

A world file is JSON of the shape of the recordings' `world.json`: `users`, `eventTypes`, `bookings` and `keys`.
`keys` is a list of `{"key", "name", "user", "expired", "limits": [{"name", "calls", "window", "block"}]}`. The
recordings' own form, a map of descriptions to keys such as `{"rate (owner's second key)": "cal_..."}`, is read too.

Optional are `now`, the instant to start at; `teams`, a list of
`{"id", "name", "parentId", "organization", "members": [{"user", "role"}]}`; `accessTokens`, a list of
`{"token", "user", "client", "expired"}`; `oauthClients`, a list of `{"id", "secret", "owner", "permissions"}`; in an
event type `userId`, `title`, `length`, `requiresConfirmation`, `recurringEvent` and `disableCancelling`; in a booking
`references`, a list of `{"id", "type", "uid", "meetingId", "externalCalendarId"}`, and `video`, which holds the lists
`recordings`, `transcripts` and `sessions` of a Cal Video room as the API shows them.
"""

import gc
import re
import uuid
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from airflow_provider_calcom.sandbox.clock import parse_instant
from airflow_provider_calcom.sandbox.throttle import Limit

Json = dict[str, Any]
_NO_VIDEO: Mapping[str, Any] = {}


@dataclass(frozen=True)
class User:
    """A person with an account; `id` may be any JSON number."""

    id: int
    name: str
    email: str
    username: str
    time_zone: str


@dataclass(frozen=True)
class Key:
    """An API key; without `limits` the server's default limit applies."""

    name: str
    value: str
    user: User
    limits: tuple[Limit, ...] | None = None
    expired: bool = False


@dataclass(frozen=True)
class Token:
    """An OAuth access token of a user, issued to a client."""

    value: str
    user: User
    client: str
    expired: bool = False


@dataclass(frozen=True)
class Client:
    """An OAuth client; requests with its id and secret act as `owner`, or fail where that is None."""

    id: str
    secret: str
    owner: User | None
    permissions: frozenset[str]


@dataclass(frozen=True)
class Team:
    """A team or an organisation; `roles` are OWNER, ADMIN or MEMBER by user id."""

    id: int
    name: str | None
    parent_id: int | None
    is_organization: bool
    roles: Mapping[int, str]

    def is_run_by(self, user: User) -> bool:
        """Return whether the user is an owner or admin of the team."""
        return self.roles.get(user.id) in ("OWNER", "ADMIN")


@dataclass(frozen=True)
class EventType:
    """An event type. With `seats` its bookings are seated; `hosts` are the user ids of a team's hosts.

    :param owner_id: user id of a personal event type; None for a team's, and where the world file has none.
    :param length: minutes; None where the world file has none.
    """

    id: int
    slug: str
    title: str = ""
    seats: bool = False
    shows_attendees: bool = False
    team_id: int | None = None
    owner_id: int | None = None
    hosts: tuple[int, ...] = ()
    length: int | None = None
    requires_confirmation: bool = False
    disables_cancelling: bool = False
    recurring: Json | None = None


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
    """Empty where the event type has no seats."""


@dataclass(slots=True)
class Booking:
    """One booking; optional strings are None where the server's database has null."""

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
    rescheduled: bool = False
    rescheduled_from: str | None = None
    rescheduled_by: str | None = None
    cancellation_reason: str | None = None
    cancelled_by: str | None = None
    rejection_reason: str | None = None
    ics_uid: str | None = None
    references: Sequence[Json] = ()
    video: Mapping[str, Any] = field(default_factory=dict)

    def concerns(self, user: User) -> bool:
        """Return whether the booking is in the user's lists: as organiser or as attendee."""
        return self.owner == user or any(row.email == user.email for row in self.attendees)

    @property
    def minutes(self) -> int:
        """Return the duration in minutes."""
        return round((self.end - self.start).total_seconds() / 60)


class BookingIndex:
    """Look-ups over all bookings, so that a page does not cost a walk through all of them.

    The world drops the index when a booking is added or its times or owner change, and builds it again at the next
    use. Updating it instead was not worth the code: marks, which come by the thousand, do not change it.
    """

    def __init__(self, bookings: Iterable[Booking]) -> None:
        self.replaced_by: dict[str, str] = {}
        """The uid of the first booking that was made by rescheduling the one of this uid."""
        self.series: dict[str, list[Booking]] = {}
        """The occurrences of each series, by start."""
        everything = list(bookings)
        self.longest = max((booking.end - booking.start for booking in everything), default=timedelta())
        for booking in everything:
            if booking.rescheduled_from is not None:
                self.replaced_by.setdefault(booking.rescheduled_from, booking.uid)
        self._by_start = sorted(everything, key=attrgetter("start"))
        for booking in self._by_start:
            if booking.series is not None:
                self.series.setdefault(booking.series, []).append(booking)
        self.shortest = min((booking.end - booking.start for booking in everything), default=timedelta())
        self._kept: dict[Any, list[Booking]] = {}

    def of(self, user: User) -> list[Booking]:
        """Return the bookings in a user's lists, by start. The list is shared: don't change it."""
        return self.select(user, lambda booking: booking.concerns(user))

    def select(self, name: Any, keep: Callable[[Booking], bool]) -> list[Booking]:
        """Return the bookings for which `keep` is true, by start. The list is shared: don't change it.

        :param name: key of the cache; the same name must always come with the same condition.
        """
        if name not in self._kept:
            self._kept[name] = [booking for booking in self._by_start if keep(booking)]
        return self._kept[name]

    def between(self, user: User, start: datetime, end: datetime) -> Iterator[Booking]:
        """Return the user's bookings that overlap a period, by start."""
        rows = self.of(user)
        low = bisect_left(rows, start - self.longest, key=attrgetter("start"))
        high = bisect_left(rows, end, key=attrgetter("start"))
        return (booking for booking in rows[low:high] if booking.end > start)


@dataclass
class World:
    """Everything that a server stores about people and bookings."""

    users: dict[str, User]
    keys: dict[str, Key]
    event_types: dict[int, EventType]
    bookings: dict[str, Booking]
    teams: dict[int, Team] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)
    marks: int = 0
    """How often a mark-absent wrote a flag, unchanged values included."""
    _index: BookingIndex | None = field(default=None, init=False, repr=False)
    _seats: dict[str, str] | None = field(default=None, init=False, repr=False)
    _next_ids: tuple[int, int] | None = field(default=None, init=False, repr=False)

    @property
    def index(self) -> BookingIndex:
        """Return the look-ups over the current bookings."""
        if self._index is None:
            self._index = BookingIndex(self.bookings.values())
        return self._index

    def drop_index(self) -> None:
        """Drop the index, after a change to the times or the owner of a booking."""
        self._index = None

    def add(self, booking: Booking) -> None:
        """Add a new booking."""
        self.bookings[booking.uid] = booking
        self._seats = None
        self.drop_index()

    def rescheduled_to(self, booking: Booking) -> str | None:
        """Return the uid of the booking that replaced this one."""
        return self.index.replaced_by.get(booking.uid) if booking.rescheduled else None

    def user_of_id(self, number: int | None) -> User | None:
        """Return the user with an id; None for an unknown id."""
        return next((user for user in self.users.values() if user.id == number), None)

    def teams_of(self, user: User) -> list[Team]:
        """Return the teams and organisations that the user is a member of."""
        return [team for team in self.teams.values() if user.id in team.roles]

    def seated(self, seat_uid: str) -> tuple[Booking, Attendee] | None:
        """Return the booking that a seat belongs to, and its attendee; None for an unknown or cancelled seat."""
        if self._seats is None:
            everything = ((row, one.uid) for one in self.bookings.values() for row in one.attendees)
            self._seats = {row.seat["uid"]: uid for row, uid in everything if row.seat}
        booking = self.bookings.get(self._seats.get(seat_uid, ""))
        rows = booking.attendees if booking else []
        found = next((row for row in rows if row.seat and row.seat["uid"] == seat_uid), None)
        return (booking, found) if booking and found else None

    def next_ids(self, attendees: int) -> tuple[int, range]:
        """Return the id of a new booking, and the ids of its attendees."""
        if self._next_ids is None:
            rows = (row.id for booking in self.bookings.values() for row in booking.attendees)
            self._next_ids = (max((one.id for one in self.bookings.values()), default=0) + 1, max(rows, default=0) + 1)
        booking, first = self._next_ids
        self._next_ids = (booking + 1, first + attendees)
        return booking, range(first, first + attendees)

    def patch(self, change: Json) -> None:
        """Set flags, status or times of one booking.

        :param change: `uid`, and any of `status`, `absentHost`, `start`, `end` and
            `attendees: [{"email", "absent"}]`. Attendee rows with the same address are set in their order.
        """
        booking = self.bookings[change["uid"]]
        booking.status = change.get("status", booking.status)
        if "absentHost" in change:
            booking.absent_host = change["absentHost"]
        for name in ("start", "end"):
            if name in change:
                setattr(booking, name, parse_instant(change[name]))
                self.drop_index()
        rows = list(booking.attendees)
        for wanted in change.get("attendees", []):
            row = next(row for row in rows if row.email == wanted["email"])
            row.absent = wanted["absent"]
            rows.remove(row)


def load_world(source: Json) -> World:
    """Parse a world file's content. Raise KeyError or ValueError where it is not one."""
    with _uncollected():
        return _read_world(source)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Pause the garbage collector: it took half the time of loading a large world, and found nothing."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _read_world(source: Json) -> World:
    users = {row["email"]: _user(row) for row in source["users"]}
    replaced = {row.get("fromReschedule") for row in source["bookings"]}
    event_types = {row["id"]: _event_type(row) for row in _with_recurrence(source)}
    bookings = {
        row["uid"]: _booking(row, number, users, event_types, row["uid"] in replaced)
        for number, row in enumerate(source["bookings"], start=1)
    }
    by_name = {user.username: user for user in users.values()}
    tokens = [_token(row, by_name) for row in source.get("accessTokens", ())]
    clients = [_client(row, by_name) for row in source.get("oauthClients", ())]
    return World(
        users,
        _keys(source["keys"], users),
        event_types,
        bookings,
        {team.id: team for team in _teams(source, by_name)},
        {token.value: token for token in tokens},
        {client.id: client for client in clients},
    )


def _with_recurrence(source: Json) -> Iterator[Json]:
    """Yield the event types; one with a series of bookings recurs, weekly where the file has no rule."""
    series: dict[Any, Counter[str]] = {}
    for row in source["bookings"]:
        if row.get("recurring_booking_uid"):
            series.setdefault(row.get("eventTypeId"), Counter())[row["recurring_booking_uid"]] += 1
    for row in source["eventTypes"]:
        if row["id"] in series:
            yield {"recurringEvent": {"freq": 2, "count": max(series[row["id"]].values()), "interval": 1}, **row}
        else:
            yield row


def _teams(source: Json, users: dict[str, User]) -> list[Team]:
    """Return the teams of the file; the members of a team that only event types name are the hosts of its events."""
    roles: dict[int, dict[int, str]] = {}
    for kind in source["eventTypes"]:
        if kind.get("teamId") is not None:
            roles.setdefault(kind["teamId"], {}).update(dict.fromkeys(kind.get("hosts", ()), "MEMBER"))
    given = {row["id"]: row for row in source.get("teams", ())}
    for number, row in given.items():
        roles[number] = {users[one["user"]].id: one.get("role", "MEMBER") for one in row.get("members", ())}
    return [_team(number, given.get(number, {}), members) for number, members in roles.items()]


def _team(number: int, row: Json, roles: dict[int, str]) -> Team:
    return Team(number, row.get("name"), row.get("parentId"), bool(row.get("organization")), roles)


def _token(row: Json, users: dict[str, User]) -> Token:
    return Token(row["token"], users[row["user"]], row["client"], row.get("expired", False))


def _client(row: Json, users: dict[str, User]) -> Client:
    owner = users[row["owner"]] if row.get("owner") else None
    return Client(row["id"], row["secret"], owner, frozenset(row.get("permissions", ())))


def _user(row: Json) -> User:
    return User(row["id"], row["name"], row["email"], row["username"], row["timeZone"])


def _event_type(row: Json) -> EventType:
    return EventType(
        row["id"],
        row["slug"],
        row.get("title") or row["slug"],
        seats=bool(row.get("seatsPerTimeSlot")),
        shows_attendees=bool(row.get("seatsShowAttendees")),
        team_id=row.get("teamId"),
        owner_id=row.get("userId"),
        hosts=tuple(row.get("hosts", ())),
        length=row.get("length"),
        requires_confirmation=bool(row.get("requiresConfirmation")),
        disables_cancelling=bool(row.get("disableCancelling")),
        recurring=row.get("recurringEvent"),
    )


def _booking(
    row: Json, number: int, users: dict[str, User], event_types: dict[int, EventType], replaced: bool
) -> Booking:
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
        attendees=[_attendee(one, row["uid"], 10 * number + i, seated) for i, one in enumerate(row["attendees"] or ())],
        created=parse_instant(row.get("createdAt") or row["start"]),
        updated=parse_instant(row.get("updatedAt") or row["start"]),
        absent_host=row.get("absentHost", False),
        description=row.get("description", ""),
        location=row.get("location"),
        metadata=row.get("metadata") or {},
        responses=row.get("responses") or {},
        series=row.get("recurring_booking_uid"),
        rescheduled=bool(row.get("rescheduled", replaced)),
        rescheduled_from=row.get("fromReschedule"),
        rescheduled_by=row.get("rescheduledBy"),
        cancellation_reason=row.get("cancellationReason"),
        cancelled_by=row.get("cancelledBy"),
        rejection_reason=row.get("rejectionReason"),
        ics_uid=row.get("icsUid"),
        references=row.get("references") or (),
        video=row.get("video") or _NO_VIDEO,
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
    """Parse a key that the recordings describe in words: its name, `X's` for its user, `short 3 in 10 s` for a limit.

    A limit without its own block blocks for its window, as the recorded headers show.
    """
    name, by_name = text.split(maxsplit=1)[0], {user.username: user for user in users.values()}
    owner = re.search(r"(\w+)'s", text)
    user = by_name.get(owner[1] if owner else name, next(iter(users.values())))
    pattern = r"(\w+) (\d+) in (\d+) s(?: with a block of (\d+) s)?"
    limits = tuple(
        Limit(int(calls), int(window), int(block or window), label)
        for label, calls, window, block in re.findall(pattern, text)
    )
    return Key(name, value, user, limits or None, expired=name == "expired")
