"""The parts of a labelled world: who was expected, who really came, and what each device showed of its user.

Times are seconds since 1970, in UTC; what the vendors make of them is in :mod:`vendors <.vendors>`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from airflow_provider_calcom.attendance.feeds.conference_keys import conference_key

Row = dict[str, Any]
COMPANY, TENANT = "acme.example", "acmeexample.onmicrosoft.com"


def seconds_of(text: str) -> float:
    """Return the seconds since 1970 of a text such as 2026-03-09T10:00."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def iso(seconds: float, timespec: str = "milliseconds") -> str:
    """Return seconds since 1970 as ISO 8601 with Z."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat(timespec=timespec) + "Z"


FIRST_DAY = seconds_of("2026-03-09T00:00")
LOADED_UNTIL = seconds_of("2026-04-03T12:30")
"""All feeds were last loaded then: what came later is missing at ``AS_OF``."""

LAGGING_UNTIL = seconds_of("2026-04-02T12:00")
LAGGING = ("meet_audit", "meet_rest")
"""The feeds that were loaded only up to ``LAGGING_UNTIL``, while others went on."""

AS_OF = seconds_of("2026-04-03T18:00")
POLICY = {"as_of": iso(AS_OF, "seconds"), "internal_domains": [COMPANY, TENANT]}
"""The default policy, with the domains of the hosts' company, as a user has to say them."""


@dataclass(frozen=True)
class Someone:
    """A person and their identifiers.

    :param number: also the vendor's id of their account.
    :param other_email: an address of theirs that Cal.com does not know.
    """

    number: int
    first: str
    last: str
    email: str
    other_email: str
    phone: str

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}"

    @property
    def is_internal(self) -> bool:
        return self.email.endswith(COMPANY)


@dataclass(frozen=True)
class Shown:
    """The identity that one device shows of its user.

    :param email: the address of the account, or the one typed in; None without either.
    :param user: the vendor's id of the account.
    :param invited: whether the address is on the invitation; Zoom blanks a guest's address that is not.
    """

    name: str | None
    email: str | None = None
    phone: str | None = None
    user: str | None = None
    invited: bool = False

    @property
    def is_internal(self) -> bool:
        return self.email is not None and self.email.endswith((COMPANY, TENANT))


@dataclass(frozen=True)
class Room:
    """The place of a meeting.

    :param feed: which feed reports it; one of :data:`vendors.FEEDS <.vendors.FEEDS>`, or ``nowhere``.
    :param meeting: the vendor's id.
    :param location: what Cal.com has as the booking's location.
    :param booking_uid: for feeds that know the booking itself.
    """

    feed: str
    meeting: str
    location: str
    booking_uid: str | None = None


@dataclass
class Stay:
    """One device in one room, from joining to leaving, and what the feed makes of it.

    :param kind: person, bot or lobby.
    :param breakout: the number of the breakout room, or 0.
    :param skew: seconds by which the vendor's clock was off at joining and at leaving.
    :param has_end: whether the feed has the leaving.
    :param copies: how often the feed has it; 0 where it lost it.
    """

    room: Room
    shown: Shown
    joined: float
    left: float
    kind: str = "person"
    breakout: int = 0
    skew: tuple[float, float] = (0.0, 0.0)
    has_end: bool = True
    copies: int = 1

    @property
    def seen_joined(self) -> float:
        return round(self.joined + self.skew[0], 3)

    @property
    def seen_left(self) -> float:
        return round(max(self.left + self.skew[1], self.joined + self.skew[0]), 3)


@dataclass
class Expected:
    """A person whom Cal.com expects, and the label.

    :param person: who it is; their behaviour is theirs, whatever Cal.com has of them.
    :param came: whether they turned up for the meeting: in its room or its lobby, or wherever it was held instead.
    """

    person: Someone
    email: str
    match_email: str
    name: str | None
    phone: str | None = None
    came: bool = False

    def row(self, uid: str, role: str) -> Row:
        """Return the row of the table ``people``."""
        return {
            "booking_uid": uid,
            "role": role,
            "email": self.email,
            "match_email": self.match_email,
            "name": self.name,
            "phone": self.phone,
            "absent": False,
        }


@dataclass
class Booking:
    """A booking, who was expected, and what really happened.

    :param quirks: names of what is out of the ordinary; see :mod:`quirks <.quirks>`.
    """

    uid: str
    start: float
    end: float
    room: Room
    hosts: list[Expected]
    attendees: list[Expected]
    status: str = "accepted"
    rescheduled_to_uid: str | None = None
    quirks: list[str] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)

    def row(self) -> Row:
        """Return the row of the table ``bookings``."""
        return {
            "booking_uid": self.uid,
            "status": self.status,
            "start_at": iso(self.start),
            "end_at": iso(self.end),
            "rescheduled_to_uid": self.rescheduled_to_uid,
            "conference_key": conference_key(self.room.location),
        }


@dataclass
class World:
    """All of it."""

    seed: int
    bookings: list[Booking]

    @property
    def stays(self) -> list[Stay]:
        return [stay for booking in self.bookings for stay in booking.stays]

    def tables(self) -> tuple[list[Row], list[Row]]:
        """Return the rules' tables ``bookings`` and ``people``."""
        people = [
            one.row(booking.uid, role)
            for booking in self.bookings
            for role, expected in (("attendee", booking.attendees), ("host", booking.hosts))
            for one in expected
        ]
        return [booking.row() for booking in self.bookings], people
