"""What a DAG author requests: the no-show flags of one booking's attendees and host, checked before any call."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from airflow_provider_calcom import _rendered
from airflow_provider_calcom._redact import describe
from airflow_provider_calcom.api.arguments import checked_uid, parse_argument
from airflow_provider_calcom.api.errors import InvalidArgument
from airflow_provider_calcom.api.models import normalize_email

MOST_ATTENDEES = 2_000
"""Entries above which a list is refused unread: Cal.com's limit of 100 kB a request is reached well before."""

BOOKING_STATUSES = ("accepted", "pending", "cancelled", "rejected", "awaiting_host")
"""Statuses of a booking. Cal.com marks people absent whatever it is."""

_LONGEST_TEXT = 1_000_000
_LONGEST_ADDRESS = 320
_ADDRESS = re.compile(r"[^\s@<>(),;:\"\[\]\\]+@[^\s@<>(),;:\"\[\]\\]+")
_ATTENDEE_KEYS = {
    *("email", "absent", "name", "displayEmail", "timeZone", "language", "locale", "phoneNumber"),
    *("id", "bookingId", "seatUid", "bookingFieldsResponses", "metadata"),
}


@dataclass(frozen=True)
class RequestedMark:
    """One entry of ``attendees``.

    :param index: its index; errors name it instead of the address.
    :param email: the address as it was given, without white space around it.
    :param absent: the requested flag.
    :param is_booking_row: whether it came as a booking's own row, whose ``absent`` is the flag that it has.
    """

    index: int
    email: str = field(repr=False)
    absent: bool
    is_booking_row: bool = False

    @property
    def key(self) -> str:
        """What the address is compared by."""
        return normalize_email(self.email)


def parse_attendees(value: object, name: str = "attendees") -> tuple[RequestedMark, ...]:
    """Parse any mixture of addresses, ``{email, absent}`` and Cal.com's attendee objects.

    An entry without ``absent`` means absent. The ``absent`` of an object is the requested flag, also when it comes
    straight from a booking, where it is the present flag and requests no change.

    :param value: a list, or a string: JSON of one, the Python form that Airflow's templates make of one, or one
        address.
    :param name: the parameter's name, for errors.
    :raises InvalidArgument: naming the entry by its index; an address itself is never part of the text.
    """
    entries = _entries(value, name)
    marks = [_requested_mark(entry, index, f"{name}[{index}]") for index, entry in enumerate(entries)]
    first_with: dict[str, RequestedMark] = {}
    for mark in marks:
        earlier = first_with.setdefault(mark.key, mark)
        if earlier is not mark:
            fault = "repeats" if earlier.absent == mark.absent else "contradicts"
            raise InvalidArgument(f"{name}[{mark.index}] {fault} {name}[{earlier.index}]: the address is the same")
    return tuple(marks)


def _entries(value: object, name: str) -> list[object]:
    if isinstance(value, str):
        value = _from_text(value, name)
    if isinstance(value, (Mapping, str, bytes)) or not isinstance(value, Iterable):
        raise InvalidArgument(
            f"{name} must be a list of addresses or attendee objects, or a JSON string of one, but is a"
            f" {type(value).__name__}"
        )
    entries = []
    for entry in value:
        entries.append(entry)
        if len(entries) > MOST_ATTENDEES:
            raise InvalidArgument(
                f"{name} has more than {MOST_ATTENDEES:,} entries; no booking has that many attendees"
            )
    return entries


def _from_text(text: str, name: str) -> object:
    if len(text) > _LONGEST_TEXT:
        raise InvalidArgument(f"{name} is a string of {len(text):,} characters; {_LONGEST_TEXT:,} are allowed")
    stripped = text.strip()
    if _ADDRESS.fullmatch(stripped):
        return [stripped]
    try:
        value = _rendered.parse_value(stripped)
    except ValueError:
        raise InvalidArgument(
            f"{name} is a string of {len(text)} characters that is neither a JSON list nor one address"
        ) from None
    return [value] if isinstance(value, str) else value


def _requested_mark(entry: object, index: int, place: str) -> RequestedMark:
    if isinstance(entry, str):
        return RequestedMark(index, _address(entry, place), True)
    if not isinstance(entry, Mapping):
        raise InvalidArgument(f"{place} must be an address or an object with one, but is a {type(entry).__name__}")
    unknown = sorted(str(key) for key in entry if key not in _ATTENDEE_KEYS)
    if unknown:
        raise InvalidArgument(
            f"{place} has the key {describe(unknown[0])}, which no attendee of Cal.com has."
            " Use email and, optionally, absent: true or false"
        )
    if not isinstance(entry.get("email"), str):
        raise InvalidArgument(f"{place}.email must be an address, but is a {type(entry.get('email')).__name__}")
    absent = entry.get("absent", True)
    if not isinstance(absent, bool):
        raise InvalidArgument(f"{place}.absent must be true or false, but is {describe(absent)}")
    is_booking_row = "absent" in entry and not entry.keys() <= {"email", "absent"}
    return RequestedMark(index, _address(entry["email"], f"{place}.email"), absent, is_booking_row)


def _address(text: str, place: str) -> str:
    address = text.strip()
    if address in {"[email\xa0protected]", "[email protected]"}:
        raise InvalidArgument(f"{place} is what a web page shows instead of an address. Use the real one")
    if len(address) > _LONGEST_ADDRESS or not _ADDRESS.fullmatch(address):
        raise InvalidArgument(f"{place} is not a mail address (a string of {len(text)} characters)")
    return address


def _option(parse: Callable[[Any, str], Any], default: Any) -> Any:
    """Return a field with the function that parses what a caller gave for it; it gets the value and its name."""
    return field(default=default, metadata={"parse": parse})


def _flag(value: object, name: str) -> bool:
    return parse_argument(name, _rendered.flag, value)


def _optional_flag(value: object, name: str) -> bool | None:
    return parse_argument(name, _rendered.optional_flag, value)


def _fail_or_skip(value: object, name: str) -> str:
    word: str = parse_argument(name, _rendered.choice, value, "fail", "skip")
    return word


def _attendees(value: object, name: str) -> tuple[RequestedMark, ...]:
    return () if value is None or _is_rendered_nothing(value) else parse_attendees(value, name)


def _is_rendered_nothing(value: object) -> bool:
    return isinstance(value, str) and value.strip().lower() in ("none", "null")


def _statuses(value: object, name: str) -> tuple[str, ...]:
    statuses = ("accepted",) if value is None else value
    if isinstance(statuses, str) or not isinstance(statuses, Iterable):
        raise InvalidArgument(f"{name} must be a list of {', '.join(BOOKING_STATUSES)}")
    chosen = tuple(statuses)
    unknown = [status for status in chosen if not isinstance(status, str) or status not in BOOKING_STATUSES]
    if unknown:
        raise InvalidArgument(f"{name} may hold {', '.join(BOOKING_STATUSES)}, but holds {describe(unknown[0])}")
    return chosen


@dataclass(frozen=True)
class MarkRequest:
    """The no-show flags that are requested for one booking, and what is allowed on the way.

    Its fields are the options of ``CalComHook.mark_absent`` and ``MarkAbsentOperator``; :meth:`parse` checks them.
    """

    booking_uid: str
    """Uid of one booking or occurrence."""
    attendees: tuple[RequestedMark, ...] = _option(_attendees, ())
    """Requested flags, at most one for an address."""
    host_absent: bool | None = _option(_optional_flag, None)
    """True marks the organiser. False says that the organiser came, and is refused where the flag is set."""
    on_unknown_attendee: Literal["fail", "skip"] = _option(_fail_or_skip, "fail")
    """``skip`` leaves out an entry that is not on the booking."""
    allowed_statuses: tuple[str, ...] = _option(_statuses, ("accepted",))
    """Statuses of bookings that may be changed."""
    allow_cohosts: bool = _option(_flag, False)
    """Also mark hosts who are listed as attendees."""
    allow_foreign_booking: bool = _option(_flag, False)
    """Also mark attendees and hosts of a booking that the key's user neither hosts nor administers."""
    dry_run: bool = _option(_flag, False)
    """Find out what would change, but send no write."""

    @classmethod
    def parse(cls, *, booking_uid: object, **options: Any) -> MarkRequest:
        """Check what a caller gave, before any call.

        :param options: any of the fields, as a caller or a template gives them; ``attendees`` as for
            :func:`parse_attendees`.
        :raises InvalidArgument: naming the parameter, and the entry of ``attendees`` by its index.
        :raises TypeError: for an option that there is not.
        """
        uid = checked_uid(booking_uid)
        parsers = {one.name: one.metadata["parse"] for one in fields(cls) if one.metadata}
        if unknown := options.keys() - parsers.keys():
            raise TypeError(f"mark_absent has no option {min(unknown)}")
        parsed = {name: parsers[name](options[name], name) for name in parsers if name in options}
        is_given = options.get("attendees") is not None and not _is_rendered_nothing(options["attendees"])
        if not is_given and parsed.get("host_absent") is None:
            raise InvalidArgument(
                "Neither attendees nor host_absent is given, so there is nothing to mark. If attendees comes from XCom,"
                " the task that should have returned it returned nothing"
            )
        return cls(booking_uid=uid, **parsed)

    @property
    def is_empty(self) -> bool:
        """True if there is no reason to read the booking: an empty list of attendees requests nothing."""
        return not self.attendees and self.host_absent is None

    @property
    def ambiguous_rows(self) -> int:
        """How many entries are a booking's own rows with ``absent: false``: perhaps meant as a list of the absent."""
        return sum(mark.is_booking_row and not mark.absent for mark in self.attendees)
