"""Who among a booking's attendees is really one of its hosts.

Cal.com names only the organiser in ``hosts``; the other hosts of a team's booking are attendees like any other. What
tells them apart is the booking's form: ``bookingFieldsResponses`` holds who booked and the guests, also those that were
added later (``POST /bookings/{uid}/guests`` and ``/attendees`` write into ``guests`` as well).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_calcom.api.mark_request import address_key
from airflow_provider_calcom.api.models import Booking

_FEWEST_DIGITS = 7
# What a platform adds to the addresses of its managed users; servers of 2025 send no displayEmail without it.
_CLIENT_SUFFIX = re.compile(r"\+c[a-z0-9]{24}(?=@)", re.IGNORECASE)
_OF_A_PHONE = "sms.cal.com"
"""The domain of the address that Cal.com makes of a telephone number, for a booker without an address."""


def is_cohost(booking: Booking, attendee: Mapping[str, Any]) -> bool:
    """Return whether an attendee may be one of the hosts.

    That is the organiser; and, where the booking's form tells which attendee booked, everybody who neither booked nor
    is a guest of the booker. Where it does not tell (a seated booking seen without its seats says ``unknown``, as does
    one whose form is lost), only an attendee with the organiser's mail domain is: the others are then most likely
    bookers. Whoever has a seat booked it.

    :param booking: the booking, as Cal.com sends it.
    :param attendee: one of its ``attendees``.
    """
    if address_keys(attendee) & _host_keys(booking):
        return True
    answers = booking.get("bookingFieldsResponses") or {}
    if attendee.get("seatUid") or not (isinstance(answers.get("email"), str) or _booker_phone(answers)):
        return False
    bookers = _bookers(booking, answers)
    if any(attendee is booker or address_keys(attendee) & address_keys(booker) for booker in bookers):
        return False
    if address_keys(attendee) & _guest_keys(booking, answers):
        return False
    return bool(bookers) or is_of_organisers_domain(booking, attendee)


def is_of_organisers_domain(booking: Booking, attendee: Mapping[str, Any]) -> bool:
    """Return whether an attendee's address has the mail domain of the booking's organiser.

    :param booking: the booking, as Cal.com sends it.
    :param attendee: one of its ``attendees``.
    """
    return _domain(address_key(attendee["email"])) in {_domain(key) for key in _host_keys(booking)}


def _bookers(booking: Booking, answers: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return who booked among the attendees: by address or number, or, if that is nobody's there, by name.

    Nobody, where the form does not tell. Cal.com never removes the booker from the attendees, so then one of them is.
    """
    found = [attendee for attendee in booking["attendees"] if _has_bookers_contact(answers, attendee)]
    name = _name(answers.get("name"))
    return found or [attendee for attendee in booking["attendees"] if name and name == _name(attendee.get("name"))]


def _has_bookers_contact(answers: Mapping[str, Any], attendee: Mapping[str, Any]) -> bool:
    if address_keys(attendee) & _folded((answers.get("email"), answers.get("displayEmail"))):
        return True
    if _domain(address_key(attendee["email"])) == _OF_A_PHONE:
        return True
    phone = _booker_phone(answers)
    return bool(phone) and phone == _digits(attendee.get("phoneNumber"))


def _booker_phone(answers: Mapping[str, Any]) -> str:
    digits = _digits(answers.get("attendeePhoneNumber"))
    return digits if len(digits) >= _FEWEST_DIGITS else ""


def _guest_keys(booking: Booking, answers: Mapping[str, Any]) -> set[str]:
    lists = (booking.get("guests"), answers.get("guests"), answers.get("displayGuests"))
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
    return {address_key(_CLIENT_SUFFIX.sub("", address)) for address in addresses if isinstance(address, str)} - {""}


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


def _digits(text: object) -> str:
    return re.sub(r"[^0-9]", "", text) if isinstance(text, str) else ""


def _name(given: object) -> str:
    """Return a name as the form holds it, in one piece or two, without regard to case and white space."""
    parts = (given.get("firstName"), given.get("lastName")) if isinstance(given, Mapping) else (given,)
    return " ".join(" ".join(part for part in parts if isinstance(part, str)).casefold().split())
