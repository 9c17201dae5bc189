"""What a DAG author asks for: the no-show flags that the people of one booking are to have, checked before any call."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from airflow_provider_calcom._redact import describe
from airflow_provider_calcom.api import endpoints
from airflow_provider_calcom.api.errors import InvalidArgument
from airflow_provider_calcom.api.texts import value_in

MOST_ATTENDEES = 2_000
"""Entries above which a list is refused unread: Cal.com's limit of 100 kB a request is reached well before."""

BOOKING_STATUSES = ("accepted", "pending", "cancelled", "rejected", "awaiting_host")
"""Statuses of a booking. Cal.com marks people absent whatever it is."""

_LONGEST_TEXT = 1_000_000
_LONGEST_ADDRESS = 320
_TO_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_ADDRESS = re.compile(r"[^\s@<>(),;:\"\[\]\\]+@[^\s@<>(),;:\"\[\]\\]+")
_ATTENDEE_KEYS = {
    *("email", "absent", "name", "displayEmail", "timeZone", "language", "locale", "phoneNumber"),
    *("id", "bookingId", "seatUid", "bookingFieldsResponses", "metadata"),
}


@dataclass(frozen=True)
class AttendeeWish:
    """One entry of ``attendees``.

    :param index: its place, from 0; errors name it in place of the address.
    :param email: the address as it was given, without white space around it.
    :param absent: the flag that the attendee is to have.
    :param is_booking_row: whether it came as a booking's own row, whose ``absent`` is the flag that it has.
    """

    index: int
    email: str = field(repr=False)
    absent: bool
    is_booking_row: bool = False

    @property
    def key(self) -> str:
        return address_key(self.email)


def address_key(address: str) -> str:
    """Fold an address to find it: Cal.com itself compares byte by byte.

    Only ASCII letters are folded, so that no look-alike becomes somebody else (the Kelvin sign's lower case is a k).
    """
    stripped = address.strip()
    return stripped.lower() if stripped.isascii() else stripped.translate(_TO_LOWER)


def attendee_wishes(value: object, name: str = "attendees") -> list[AttendeeWish]:
    """Read any mixture of addresses, ``{email, absent}`` and Cal.com's attendee objects.

    An entry without ``absent`` means absent. An object that has ``absent`` means what it says, also when it comes
    straight from a booking, where it is the present flag and asks for no change.

    :param value: a list, or a text: JSON of one, the Python form that Airflow's templates make of one, or one address.
    :param name: the parameter's name, for errors.
    :raises InvalidArgument: naming the entry by its index; an address itself is never part of the text.
    """
    entries = _entries(value, name)
    wishes = [_wish(entry, index, f"{name}[{index}]") for index, entry in enumerate(entries)]
    first_with: dict[str, AttendeeWish] = {}
    for wish in wishes:
        earlier = first_with.setdefault(wish.key, wish)
        if earlier is not wish:
            fault = "repeats" if earlier.absent == wish.absent else "contradicts"
            raise InvalidArgument(f"{name}[{wish.index}] {fault} {name}[{earlier.index}]: the address is the same")
    return wishes


def _entries(value: object, name: str) -> list[object]:
    if isinstance(value, str):
        value = _from_text(value, name)
    if isinstance(value, (Mapping, str, bytes)) or not isinstance(value, Iterable):
        raise InvalidArgument(
            f"{name} must be a list of addresses or attendee objects, or a JSON text of one, but is a"
            f" {type(value).__name__}"
        )
    entries = []
    for entry in value:
        entries.append(entry)
        if len(entries) > MOST_ATTENDEES:
            raise InvalidArgument(f"{name} has more than {MOST_ATTENDEES:,} entries; no booking has so many attendees")
    return entries


def _from_text(text: str, name: str) -> object:
    if len(text) > _LONGEST_TEXT:
        raise InvalidArgument(f"{name} is a text of {len(text):,} characters; {_LONGEST_TEXT:,} are allowed")
    stripped = text.strip()
    if _ADDRESS.fullmatch(stripped):
        return [stripped]
    try:
        value = value_in(stripped)
    except ValueError:
        raise InvalidArgument(
            f"{name} is a text of {len(text)} characters that is neither a JSON list nor one address"
        ) from None
    return [value] if isinstance(value, str) else value


def _wish(entry: object, index: int, place: str) -> AttendeeWish:
    if isinstance(entry, str):
        return AttendeeWish(index, _address(entry, place), True)
    if not isinstance(entry, Mapping):
        raise InvalidArgument(f"{place} must be an address or an object with one, but is a {type(entry).__name__}")
    unknown = sorted(str(key) for key in entry if key not in _ATTENDEE_KEYS)
    if unknown:
        raise InvalidArgument(
            f"{place} has the key {describe(unknown[0])}, which says nothing about an attendee of Cal.com."
            " Give email and, to say it, absent: true or false"
        )
    if not isinstance(entry.get("email"), str):
        raise InvalidArgument(f"{place}.email must be an address, but is a {type(entry.get('email')).__name__}")
    absent = entry.get("absent", True)
    if not isinstance(absent, bool):
        raise InvalidArgument(f"{place}.absent must be true or false, but is {describe(absent)}")
    is_booking_row = "absent" in entry and not entry.keys() <= {"email", "absent"}
    return AttendeeWish(index, _address(entry["email"], f"{place}.email"), absent, is_booking_row)


def _address(text: str, place: str) -> str:
    address = text.strip()
    if address in {"[email\xa0protected]", "[email protected]"}:
        raise InvalidArgument(f"{place} is the mark that a web page puts in place of an address. Give the real one")
    if len(address) > _LONGEST_ADDRESS or not _ADDRESS.fullmatch(address):
        raise InvalidArgument(f"{place} is no mail address (a text of {len(text)} characters)")
    return address


def host_wish(value: object, name: str = "host_absent") -> bool | None:
    """Read the wish for the host: True, False or None, also as the text that a template makes of them.

    :raises InvalidArgument: for anything else.
    """
    if value is None or isinstance(value, bool):
        return value
    text = value.strip().lower() if isinstance(value, str) else "no text"
    if text in ("none", "null", ""):
        return None
    if text in ("true", "false"):
        return text == "true"
    raise InvalidArgument(f"{name} must be True or False, but is {describe(value)}")


@dataclass(frozen=True)
class MarkRequest:
    """What is to become of a booking's flags, and what is allowed on the way.

    :param booking_uid: uid of one booking or occurrence.
    :param attendees: wishes, at most one for an address.
    :param host_absent: True marks the organiser; False means that the organiser came, and is refused where the flag
        is set; None leaves it alone.
    :param on_unknown_attendee: ``fail``, or ``skip`` an entry that fits nobody on the booking.
    :param allowed_statuses: statuses of bookings that may be touched.
    :param allow_cohosts: also touch hosts who are listed as attendees.
    :param allow_foreign_booking: also mark people of a booking that the key's user neither hosts nor administers.
    :param dry_run: find out, but send no writing call.
    """

    booking_uid: str
    attendees: tuple[AttendeeWish, ...] = ()
    host_absent: bool | None = None
    on_unknown_attendee: Literal["fail", "skip"] = "fail"
    allowed_statuses: tuple[str, ...] = ("accepted",)
    allow_cohosts: bool = False
    allow_foreign_booking: bool = False
    dry_run: bool = False

    @property
    def asks_for_anything(self) -> bool:
        """Whether there is a reason to read the booking: an empty list of attendees asks for nothing."""
        return bool(self.attendees) or self.host_absent is not None

    @property
    def rows_not_absent(self) -> int:
        """How many entries are a booking's own rows with ``absent: false``: perhaps meant as a list of the absent."""
        return sum(wish.is_booking_row and not wish.absent for wish in self.attendees)


def mark_request(
    *,
    booking_uid: object,
    attendees: object = None,
    host_absent: object = None,
    on_unknown_attendee: object = "fail",
    allowed_statuses: object = None,
    allow_cohosts: object = False,
    allow_foreign_booking: object = False,
    dry_run: object = False,
) -> MarkRequest:
    """Check what a DAG author gave, before any call. The parameters are those of :class:`MarkRequest`, unchecked.

    :raises InvalidArgument: naming the parameter, and the entry of ``attendees`` by its index.
    """
    uid = endpoints.checked_uid(booking_uid)
    host = host_wish(host_absent)
    if isinstance(attendees, str) and attendees.strip().lower() in ("none", "null"):
        attendees = None
    if attendees is None and host is None:
        raise InvalidArgument(
            "Neither attendees nor host_absent is given, so there is nothing to mark. If attendees comes from XCom, the"
            " task that should have returned it returned nothing"
        )
    return MarkRequest(
        booking_uid=uid,
        attendees=() if attendees is None else tuple(attendee_wishes(attendees)),
        host_absent=host,
        on_unknown_attendee=fail_or_skip(on_unknown_attendee, "on_unknown_attendee"),
        allowed_statuses=_statuses(allowed_statuses),
        allow_cohosts=flag(allow_cohosts, "allow_cohosts"),
        allow_foreign_booking=flag(allow_foreign_booking, "allow_foreign_booking"),
        dry_run=flag(dry_run, "dry_run"),
    )


def fail_or_skip(value: object, name: str) -> Literal["fail", "skip"]:
    """Give the choice back.

    :raises InvalidArgument: naming ``name``, if it is another.
    """
    # By its kind first: a value that is compared may answer with an array, as those of pandas do.
    if isinstance(value, str) and value == "fail":
        return "fail"
    if isinstance(value, str) and value == "skip":
        return "skip"
    raise InvalidArgument(f"{name} must be 'fail' or 'skip', but is {describe(value)}")


def flag(value: object, name: str) -> bool:
    """Read a flag, also from a text. A template that found nothing is refused: ``dry_run`` must not become False by it.

    :raises InvalidArgument: naming ``name``.
    """
    is_set = host_wish(value, name)
    if is_set is None:
        raise InvalidArgument(
            f"{name} must be True or False, but is {describe(value)}. If it comes from a template or another task, that"
            " found nothing"
        )
    return is_set


def _statuses(value: object) -> tuple[str, ...]:
    statuses = ("accepted",) if value is None else value
    if isinstance(statuses, str) or not isinstance(statuses, Iterable):
        raise InvalidArgument(f"allowed_statuses must be a list of {', '.join(BOOKING_STATUSES)}")
    chosen = tuple(statuses)
    unknown = [status for status in chosen if not isinstance(status, str) or status not in BOOKING_STATUSES]
    if unknown:
        raise InvalidArgument(
            f"allowed_statuses may hold {', '.join(BOOKING_STATUSES)}, but holds {describe(unknown[0])}"
        )
    return chosen
