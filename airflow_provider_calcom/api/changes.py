"""What really changes: a booking compared with what is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airflow_provider_calcom.api import endpoints
from airflow_provider_calcom.api.cohosts import is_cohost
from airflow_provider_calcom.api.errors import AmbiguousAttendee, CoHostRefused, HostUnmarkRefused, UnknownAttendee
from airflow_provider_calcom.api.mark_request import AttendeeWish, MarkRequest, address_key
from airflow_provider_calcom.api.models import AttendeeMark, Booking, BookingReading


@dataclass(frozen=True)
class Changes:
    """What differs between a booking and the wishes.

    :param marks: addresses as the booking spells them, with the flag that they are to get.
    :param unchanged: addresses as the booking spells them that have their flag already.
    :param unknown: addresses as they were given that fit nobody.
    :param mark_host: whether the organiser is to be marked.
    """

    marks: tuple[AttendeeMark, ...] = field(default=(), repr=False)
    unchanged: tuple[str, ...] = field(default=(), repr=False)
    unknown: tuple[str, ...] = field(default=(), repr=False)
    mark_host: bool = False

    def __bool__(self) -> bool:
        return bool(self.marks) or self.mark_host

    def __len__(self) -> int:
        return len(self.marks) + self.mark_host

    def left_on(self, booking: Booking) -> Changes:
        """Leave what the booking does not show yet."""
        flags = {attendee["email"]: attendee.get("absent") for attendee in booking["attendees"]}
        return Changes(
            marks=tuple(mark for mark in self.marks if flags.get(mark["email"]) is not mark["absent"]),
            mark_host=self.mark_host and booking.get("absentHost") is not True,
        )

    def endpoint(self, booking_uid: str) -> endpoints.Endpoint[BookingReading]:
        """The one call that makes them."""
        return endpoints.mark_and_read(
            booking_uid, host=True if self.mark_host else None, attendees=self.marks if self.marks else None
        )


@dataclass
class _Sorted:
    """Wishes sorted by what they mean for a booking."""

    marks: list[AttendeeMark] = field(default_factory=list, repr=False)
    unchanged: list[str] = field(default_factory=list, repr=False)
    unknown: list[AttendeeWish] = field(default_factory=list, repr=False)


def changes_for(booking: Booking, request: MarkRequest) -> Changes:
    """Compare a booking with the wishes.

    :raises UnknownAttendee: if an entry fits nobody and that is to fail.
    :raises AmbiguousAttendee: if an entry fits several rows, or two entries fit one.
    :raises CoHostRefused: if an entry is a host.
    :raises HostUnmarkRefused: if the host is marked and is not to be.
    """
    result = _Sorted()
    taken: dict[str, AttendeeWish] = {}
    for wish in request.attendees:
        rows = _rows_for(booking, wish)
        if not rows:
            result.unknown.append(wish)
            continue
        email: str = rows[0]["email"]
        earlier = taken.setdefault(email, wish)
        if earlier is not wish:
            raise AmbiguousAttendee(f"attendees[{earlier.index}] and attendees[{wish.index}] are one attendee")
        if all(bool(row.get("absent")) is wish.absent for row in rows):
            result.unchanged.append(email)
            continue
        _check_row(booking, request, wish, rows)
        result.marks.append({"email": email, "absent": wish.absent})
    if result.unknown and request.on_unknown_attendee == "fail":
        places = ", ".join(f"attendees[{wish.index}]" for wish in result.unknown[:10])
        raise UnknownAttendee(
            f"{places} ({len(result.unknown)} of {len(request.attendees)} entries) fit none of the"
            f" {len(booking['attendees'])} attendees of booking {booking['uid']}; nothing was sent."
            f' {_fix_of_unknown(booking)}, or set on_unknown_attendee="skip"'
        )
    return Changes(
        marks=tuple(result.marks),
        unchanged=tuple(result.unchanged),
        unknown=tuple(wish.email for wish in result.unknown),
        mark_host=_host_is_to_be_marked(booking, request),
    )


def _fix_of_unknown(booking: Booking) -> str:
    if booking["attendees"]:
        return "Correct them"
    return (
        "Cal.com hides the attendees of a booking with seats from all but its hosts and admins, unless its event type"
        " shows them: use the key of a host"
    )


def _rows_for(booking: Booking, wish: AttendeeWish) -> list[dict[str, Any]]:
    """Find the attendee of an address: as it is spelt, else without regard to case, else by ``displayEmail``.

    Addresses of managed users end in ``+`` and their platform's id; ``displayEmail`` is what people see.
    """
    attendees = booking["attendees"]
    return (
        [row for row in attendees if row["email"] == wish.email]
        or [row for row in attendees if address_key(row["email"]) == wish.key]
        or [row for row in attendees if address_key(str(row.get("displayEmail") or "")) == wish.key]
    )


def _check_row(booking: Booking, request: MarkRequest, wish: AttendeeWish, rows: list[dict[str, Any]]) -> None:
    if len(rows) > 1:
        raise AmbiguousAttendee(
            f"attendees[{wish.index}] fits {len(rows)} attendees of booking {booking['uid']}, and Cal.com would change"
            " only one of them. Mark this one by hand in Cal.com"
        )
    if not request.allow_cohosts and is_cohost(booking, rows[0]):
        raise CoHostRefused(
            f"attendees[{wish.index}] may be one of the hosts of booking {booking['uid']}, whom Cal.com lists among the"
            " attendees: it neither booked nor is a guest of the booker, or has the organiser's mail domain. Leave the"
            " entry out, or set allow_cohosts=True"
        )


def _host_is_to_be_marked(booking: Booking, request: MarkRequest) -> bool:
    marked = booking.get("absentHost") is True
    if request.host_absent is False and marked:
        raise HostUnmarkRefused(
            f"host_absent=False would un-mark the host of booking {booking['uid']}, which Cal.com's API does on some"
            " servers and ignores on others. Nothing was sent. Un-mark the host in Cal.com, or leave host_absent out"
        )
    return request.host_absent is True and not marked
