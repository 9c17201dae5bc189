"""A booking compared with a request: what changes, who of its attendees is a host, and whose booking it is.

Nothing here calls Cal.com.

Cal.com names only the organiser in ``hosts``; the other hosts of a team's booking are attendees like any other. What
distinguishes them is the booking's form: ``bookingFieldsResponses`` has who booked and the guests, also those that were
added later (``POST /bookings/{uid}/guests`` and ``/attendees`` write into ``guests`` as well).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_calcom.api.errors import AmbiguousAttendee, CoHostRefused, HostUnmarkRefused, UnknownAttendee
from airflow_provider_calcom.api.mark_request import MarkRequest, RequestedMark
from airflow_provider_calcom.api.models import AttendeeMark, Booking, Me, normalize_email

_FEWEST_DIGITS = 7
# What a platform adds to the addresses of its managed users; servers of 2025 send no displayEmail without it.
_CLIENT_SUFFIX = re.compile(r"\+c[a-z0-9]{24}(?=@)", re.IGNORECASE)
_OF_A_PHONE = "sms.cal.com"
"""The domain of the address that Cal.com makes of a telephone number, for a booker without an address."""


# Changes.


@dataclass(frozen=True)
class Changes:
    """What differs between a booking and the requested marks.

    :param marks: addresses as the booking spells them, with the flag that they are to get.
    :param unchanged: addresses as the booking spells them that have their flag already.
    :param unknown: addresses as they were given that are not on the booking.
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

    def remaining(self, booking: Booking) -> Changes:
        """Return the changes that the booking does not show yet."""
        flags = {attendee["email"]: attendee.get("absent") for attendee in booking["attendees"]}
        return Changes(
            marks=tuple(mark for mark in self.marks if flags.get(mark["email"]) is not mark["absent"]),
            mark_host=self.mark_host and booking.get("absentHost") is not True,
        )


@dataclass
class _Sorted:
    """Requested marks sorted by what they change on a booking."""

    marks: list[AttendeeMark] = field(default_factory=list, repr=False)
    unchanged: list[str] = field(default_factory=list, repr=False)
    unknown: list[RequestedMark] = field(default_factory=list, repr=False)


def changes_for(booking: Booking, request: MarkRequest) -> Changes:
    """Compare a booking with the requested marks.

    :raises UnknownAttendee: if an entry is not on the booking and that is to fail.
    :raises AmbiguousAttendee: if an entry fits several rows, or two entries fit one.
    :raises CoHostRefused: if an entry is a host.
    :raises HostUnmarkRefused: if the host is marked and should not be.
    """
    may_be_host = host_test(booking)
    result = _Sorted()
    taken: dict[str, RequestedMark] = {}
    for mark in request.attendees:
        rows = _rows_for(booking, mark)
        if not rows:
            result.unknown.append(mark)
            continue
        email: str = rows[0]["email"]
        earlier = taken.setdefault(email, mark)
        if earlier is not mark:
            raise AmbiguousAttendee(f"attendees[{earlier.index}] and attendees[{mark.index}] are one attendee")
        if all(bool(row.get("absent")) is mark.absent for row in rows):
            result.unchanged.append(email)
            continue
        _check_row(booking, request, mark, rows, may_be_host)
        result.marks.append({"email": email, "absent": mark.absent})
    if result.unknown and request.on_unknown_attendee == "fail":
        places = ", ".join(f"attendees[{mark.index}]" for mark in result.unknown[:10])
        raise UnknownAttendee(
            f"{places} ({len(result.unknown)} of {len(request.attendees)} entries) are none of the"
            f" {len(booking['attendees'])} attendees of booking {booking['uid']}; nothing was sent."
            f' {_fix_of_unknown(booking)}, or set on_unknown_attendee="skip"'
        )
    return Changes(
        marks=tuple(result.marks),
        unchanged=tuple(result.unchanged),
        unknown=tuple(mark.email for mark in result.unknown),
        mark_host=_host_is_to_be_marked(booking, request),
    )


def _fix_of_unknown(booking: Booking) -> str:
    if booking["attendees"]:
        return "Correct them"
    return (
        "Cal.com hides the attendees of a booking with seats from all but its hosts and admins, unless its event type"
        " shows them: use the key of a host"
    )


def _rows_for(booking: Booking, mark: RequestedMark) -> list[dict[str, Any]]:
    """Find the attendee of an address: as it is spelt, else without regard to case, else by ``displayEmail``.

    Addresses of managed users end in ``+`` and their platform's id; ``displayEmail`` is what people see.
    """
    attendees = booking["attendees"]
    return (
        [row for row in attendees if row["email"] == mark.email]
        or [row for row in attendees if normalize_email(row["email"]) == mark.key]
        or [row for row in attendees if normalize_email(str(row.get("displayEmail") or "")) == mark.key]
    )


def _check_row(
    booking: Booking,
    request: MarkRequest,
    mark: RequestedMark,
    rows: list[dict[str, Any]],
    may_be_host: Callable[[Mapping[str, Any]], bool],
) -> None:
    if len(rows) > 1:
        raise AmbiguousAttendee(
            f"attendees[{mark.index}] matches {len(rows)} attendees of booking {booking['uid']}, and Cal.com would"
            " change only one of them. Mark this one by hand in Cal.com"
        )
    if not request.allow_cohosts and may_be_host(rows[0]):
        raise CoHostRefused(
            f"attendees[{mark.index}] appears to be a co-host of booking {booking['uid']}: Cal.com lists hosts among"
            " the attendees, and it neither booked nor is a guest of the booker, or has the organiser's mail domain."
            " Leave the entry out, or set allow_cohosts=True"
        )


def _host_is_to_be_marked(booking: Booking, request: MarkRequest) -> bool:
    marked = booking.get("absentHost") is True
    if request.host_absent is False and marked:
        raise HostUnmarkRefused(
            f"host_absent=False would un-mark the host of booking {booking['uid']}, which Cal.com's API does on some"
            " servers and ignores on others. Nothing was sent. Un-mark the host in Cal.com, or leave host_absent out"
        )
    return request.host_absent is True and not marked


# Hosts among the attendees.


def host_test(booking: Booking) -> Callable[[Mapping[str, Any]], bool]:
    """Return a function that says whether an attendee of a booking may be one of the hosts.

    That is the organiser; and, where the booking's form shows which attendee booked, everybody who neither booked nor
    is a guest of the booker. If the form is lost, or the booking is seated and the key may not see its seats, Cal.com
    sends ``unknown``; then only an attendee with the organiser's mail domain is one, as the others are most likely
    bookers. An attendee with a seat booked it.

    A function of the booking alone, because who booked is found among all attendees: once, not for each of them.

    :param booking: the booking, as Cal.com sends it.
    """
    hosts = _host_keys(booking)
    form = booking.get("bookingFieldsResponses") or {}
    shows_booker = isinstance(form.get("email"), str) or bool(_booker_phone(form))
    bookers = _bookers(booking, form) if shows_booker else []
    booker_keys = {key for booker in bookers for key in address_keys(booker)}
    guests = _guest_keys(booking, form)

    def may_be_host(attendee: Mapping[str, Any]) -> bool:
        keys = address_keys(attendee)
        if keys & hosts:
            return True
        if attendee.get("seatUid") or not shows_booker or keys & (booker_keys | guests):
            return False
        if any(attendee is booker for booker in bookers):
            return False
        return bool(bookers) or is_of_organisers_domain(booking, attendee)

    return may_be_host


def is_of_organisers_domain(booking: Booking, attendee: Mapping[str, Any]) -> bool:
    """Return whether an attendee's address has the mail domain of the booking's organiser.

    :param booking: the booking, as Cal.com sends it.
    :param attendee: one of its ``attendees``.
    """
    return _domain(normalize_email(attendee["email"])) in {_domain(key) for key in _host_keys(booking)}


def _bookers(booking: Booking, form: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return who booked among the attendees: by address or number, or, if no attendee has that, by name.

    Empty where the form does not show it. Cal.com never removes the booker from the attendees, so then one of them is.
    """
    attendees = booking.get("attendees") or ()
    found = [attendee for attendee in attendees if _has_bookers_contact(form, attendee)]
    name = _name(form.get("name"))
    return found or [attendee for attendee in attendees if name and name == _name(attendee.get("name"))]


def _has_bookers_contact(form: Mapping[str, Any], attendee: Mapping[str, Any]) -> bool:
    if address_keys(attendee) & _folded((form.get("email"), form.get("displayEmail"))):
        return True
    if _domain(normalize_email(str(attendee.get("email") or ""))) == _OF_A_PHONE:
        return True
    phone = _booker_phone(form)
    return bool(phone) and phone == _digits(attendee.get("phoneNumber"))


def _booker_phone(form: Mapping[str, Any]) -> str:
    digits = _digits(form.get("attendeePhoneNumber"))
    return digits if len(digits) >= _FEWEST_DIGITS else ""


def _guest_keys(booking: Booking, form: Mapping[str, Any]) -> set[str]:
    lists = (booking.get("guests"), form.get("guests"), form.get("displayGuests"))
    return _folded(guest for guests in lists if isinstance(guests, list) for guest in guests)


def _host_keys(booking: Booking) -> set[str]:
    return {key for host in booking.get("hosts") or () for key in address_keys(host)}


def address_keys(person: Mapping[str, Any]) -> set[str]:
    """Return what the addresses of an attendee, host or user are compared by.

    :param person: with ``email``, perhaps ``displayEmail``.
    """
    return _folded((person.get("email"), person.get("displayEmail")))


def _folded(addresses: Iterable[object]) -> set[str]:
    """Return what addresses are compared by: without regard to case, and to what a platform adds."""
    return {normalize_email(_CLIENT_SUFFIX.sub("", address)) for address in addresses if isinstance(address, str)} - {
        ""
    }


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


def _digits(text: object) -> str:
    return re.sub(r"[^0-9]", "", text) if isinstance(text, str) else ""


def _name(given: object) -> str:
    """Return a name as the form holds it, in one piece or two, without regard to case and white space."""
    parts = (given.get("firstName"), given.get("lastName")) if isinstance(given, Mapping) else (given,)
    return " ".join(" ".join(part for part in parts if isinstance(part, str)).casefold().split())


# Ownership.


def is_ours(booking: Booking, user: Me, *, is_listed: bool, is_for_host: bool = True) -> bool:
    """Return whether a booking is one of the key's user, or of somebody whose bookings it administers.

    :param booking: the booking.
    :param user: the key's user; empty where it is not known.
    :param is_listed: whether the booking is on the list of the key's user, which also has those that it attends.
    :param is_for_host: whether the organiser's flag, or the booking itself, is to be changed, which a co-host among the
        attendees may not.
    """
    if is_hosted_by(booking, user):
        return True
    if not isinstance(user.get("email"), str):
        return False  # it is not known whether the user attends it
    return is_listed and not (_own_rows(booking, user) if is_for_host else only_attends(booking, user))


def is_hosted_by(booking: Booking, user: Me) -> bool:
    """Return whether a user is the booking's organiser, by id.

    :param booking: the booking.
    :param user: the key's user; empty where it is not known.
    """
    own = user.get("id")
    # Compare the type as well: the id of an organiser whose account is gone is a string, the same for all of them.
    return type(own) is int and any(
        type(host.get("id")) is int and host["id"] == own for host in booking.get("hosts") or ()
    )


def only_attends(booking: Booking, user: Me) -> bool:
    """Return whether a user merely booked, or is a guest of a booking that somebody else hosts.

    A co-host of a team's booking, whom Cal.com lists among the attendees, does not merely attend. One of another
    mail domain than the organiser's is not certain enough for that: here the doubt is whether the user may change it.

    :param booking: the booking.
    :param user: the key's user; empty where it is not known.
    """
    if "id" not in user or is_hosted_by(booking, user):
        return False
    may_be_host = host_test(booking)
    return any(not (may_be_host(row) and is_of_organisers_domain(booking, row)) for row in _own_rows(booking, user))


def _own_rows(booking: Booking, user: Me) -> list[dict[str, Any]]:
    keys = address_keys({"email": user.get("email")})
    return [row for row in booking.get("attendees") or () if keys & address_keys(row)]
