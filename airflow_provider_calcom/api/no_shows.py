"""Setting no-show flags of one booking: what was asked for, what really changes, and whether it happened.

Each mark-absent call that names attendees makes Cal.com send webhooks, mail and SMS, changed or not. So the booking is
read first, only what differs is sent, in one call, and the answer is checked.
"""

from __future__ import annotations

import re
import string
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Literal, TypedDict

from airflow_provider_calcom.api import endpoints, listing
from airflow_provider_calcom.api.errors import (
    AmbiguousAttendee,
    BookingNotMarkable,
    BookingNotStarted,
    CalComError,
    ChangeNotVerified,
    CoHostRefused,
    HostUnmarkRefused,
    InvalidArgument,
    NoShowUpdateFailed,
    OutcomeUnknown,
    PermissionDenied,
    UnexpectedAnswer,
    UnknownAttendee,
    redacted,
)
from airflow_provider_calcom.api.flows import Flow, Pause
from airflow_provider_calcom.api.models import AttendeeMark, Booking
from airflow_provider_calcom.api.query import BookingQuery, start_of
from airflow_provider_calcom.api.texts import value_in

MOST_ATTENDEES = 2_000
"""Entries above which a list is refused unread: Cal.com's limit of 100 kB a request is reached well before."""

BOOKING_STATUSES = ("accepted", "pending", "cancelled", "rejected", "awaiting_host")
"""Statuses of a booking. Cal.com marks people absent whatever it is."""

_LONGEST_TEXT = 1_000_000
_LONGEST_ADDRESS = 320
_TO_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_ADDRESS = re.compile(r"[^\s@<>(),;:\"\[\]\\]+@[^\s@<>(),;:\"\[\]\\]+")
_ATTENDEE_KEYS = frozenset(
    {
        "email",
        "absent",
        "id",
        "bookingId",
        "name",
        "displayEmail",
        "timeZone",
        "language",
        "locale",
        "phoneNumber",
    }
    | {"seatUid", "bookingFieldsResponses", "metadata"}
)
_MOST_CALLS = 3
_PAUSE = 1.0
_PAUSES_WHILE_AT_WORK = (2.0, 5.0, 10.0, 20.0)
"""Seconds to give a server that may still be carrying out a call; sending it again too soon would do it twice."""

_WriteError = OutcomeUnknown | NoShowUpdateFailed | ChangeNotVerified


# What was asked for.


@dataclass(frozen=True)
class AttendeeWish:
    """One entry of ``attendees``.

    :param index: its place, from 0; errors name it in place of the address.
    :param email: the address as it was given, without white space around it.
    :param absent: the flag that the attendee is to have.
    :param is_booking_row: whether it came as a booking's own row, whose ``absent`` is the flag that it has.
    """

    index: int
    email: str
    absent: bool
    is_booking_row: bool = False

    @property
    def key(self) -> str:
        return address_key(self.email)


def address_key(address: str) -> str:
    """Fold an address to find it: Cal.com itself compares byte by byte.

    Only ASCII letters are folded, so that no look-alike becomes somebody else (the Kelvin sign's lower case is a k).
    """
    return address.strip().translate(_TO_LOWER)


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
            f"{place} has the key {redacted(repr(unknown[0][:40]))}, which says nothing about an attendee of Cal.com."
            " Give email and, to say it, absent: true or false"
        )
    if not isinstance(entry.get("email"), str):
        raise InvalidArgument(f"{place}.email must be an address, but is a {type(entry.get('email')).__name__}")
    absent = entry.get("absent", True)
    if not isinstance(absent, bool):
        raise InvalidArgument(f"{place}.absent must be true or false, but is {redacted(repr(str(absent)[:40]))}")
    is_booking_row = "absent" in entry and not entry.keys() <= {"email", "absent"}
    return AttendeeWish(index, _address(entry["email"], f"{place}.email"), absent, is_booking_row)


def _address(text: str, place: str) -> str:
    address = text.strip()
    if address == "[email\u00a0protected]" or address == "[email protected]":
        raise InvalidArgument(f"{place} is the mark that a web page puts in place of an address. Give the real one")
    if len(address) > _LONGEST_ADDRESS or not _ADDRESS.fullmatch(address):
        raise InvalidArgument(f"{place} is no mail address (a text of {len(text)} characters)")
    return address


def host_wish(value: object, name: str = "host_absent") -> bool | None:
    """Read the wish for the host: True, False or None, also as the text that a template makes of them.

    :raises InvalidArgument: for anything else.
    """
    text = value.strip().lower() if isinstance(value, str) else value
    if text is None or isinstance(text, bool):
        return text
    if text in ("none", "null", ""):
        return None
    if text in ("true", "false"):
        return text == "true"
    raise InvalidArgument(f"{name} must be True or False, but is {redacted(repr(str(value)[:40]))}")


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
    :param allow_foreign_booking: also mark the host of a booking that the key's user can't list.
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
        allow_cohosts=_is_true(allow_cohosts, "allow_cohosts"),
        allow_foreign_booking=_is_true(allow_foreign_booking, "allow_foreign_booking"),
        dry_run=_is_true(dry_run, "dry_run"),
    )


def fail_or_skip(value: object, name: str) -> Literal["fail", "skip"]:
    """Give the choice back.

    :raises InvalidArgument: naming ``name``, if it is another.
    """
    if value == "fail":
        return "fail"
    if value == "skip":
        return "skip"
    raise InvalidArgument(f"{name} must be 'fail' or 'skip', but is {redacted(repr(str(value)[:40]))}")


def _is_true(value: object, name: str) -> bool:
    return host_wish(value, name) is True


def _statuses(value: object) -> tuple[str, ...]:
    statuses = ("accepted",) if value is None else value
    if isinstance(statuses, str) or not isinstance(statuses, Iterable):
        raise InvalidArgument(f"allowed_statuses must be a list of {', '.join(BOOKING_STATUSES)}")
    chosen = tuple(statuses)
    unknown = [status for status in chosen if status not in BOOKING_STATUSES]
    if unknown:
        raise InvalidArgument(
            f"allowed_statuses may hold {', '.join(BOOKING_STATUSES)}, but holds {redacted(repr(str(unknown[0])[:40]))}"
        )
    return chosen


# What really changes.


@dataclass(frozen=True)
class Changes:
    """What differs between a booking and the wishes.

    :param marks: addresses as the booking spells them, with the flag that they are to get.
    :param unchanged: addresses as the booking spells them that have their flag already.
    :param unknown: addresses as they were given that fit nobody.
    :param mark_host: whether the organiser is to be marked.
    """

    marks: tuple[AttendeeMark, ...] = ()
    unchanged: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
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

    def endpoint(self, booking_uid: str) -> endpoints.Endpoint[Booking]:
        """The one call that makes them."""
        return endpoints.mark_absent(
            booking_uid, host=True if self.mark_host else None, attendees=self.marks if self.marks else None
        )


@dataclass
class _Sorted:
    """Wishes sorted by what they mean for a booking."""

    marks: list[AttendeeMark] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    unknown: list[AttendeeWish] = field(default_factory=list)


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
            f" {len(booking['attendees'])} attendees of booking {booking['uid']}; nothing was sent. Correct them, or"
            ' set on_unknown_attendee="skip"'
        )
    return Changes(
        marks=tuple(result.marks),
        unchanged=tuple(result.unchanged),
        unknown=tuple(wish.email for wish in result.unknown),
        mark_host=_host_is_to_be_marked(booking, request),
    )


def _rows_for(booking: Booking, wish: AttendeeWish) -> list[dict[str, Any]]:
    """Find the attendee of an address: as it is spelt, else without regard to case, else by ``displayEmail``.

    Addresses of managed users end in ``+`` and their platform's id; ``displayEmail`` is what people see.
    """
    attendees = booking["attendees"]
    spelt_so = [row for row in attendees if row["email"] == wish.email]
    folded = [row for row in attendees if address_key(row["email"]) == wish.key]
    shown_so = [row for row in attendees if address_key(str(row.get("displayEmail") or "")) == wish.key]
    return spelt_so or folded or shown_so


def _check_row(booking: Booking, request: MarkRequest, wish: AttendeeWish, rows: list[dict[str, Any]]) -> None:
    if len(rows) > 1:
        raise AmbiguousAttendee(
            f"attendees[{wish.index}] fits {len(rows)} attendees of booking {booking['uid']}, and Cal.com would change"
            " only one of them. Mark this one by hand in Cal.com"
        )
    if not request.allow_cohosts and is_cohost(booking, rows[0]):
        raise CoHostRefused(
            f"attendees[{wish.index}] is on the side of booking {booking['uid']}'s hosts, whom Cal.com lists among the"
            " attendees. Leave the entry out, or set allow_cohosts=True"
        )


def is_cohost(booking: Booking, attendee: Mapping[str, Any]) -> bool:
    """Tell whether an attendee is really a host.

    Cal.com names only the organiser in ``hosts``; the other hosts of a team's booking are attendees like any other.
    Such a row is known by three signs together: it has the organiser's mail domain, it is not who booked, and it
    is not one of the guests that the booker named.
    """
    email = address_key(attendee["email"])
    hosts = {
        address_key(str(host.get(key) or ""))
        for host in booking.get("hosts") or ()
        for key in ("email", "displayEmail")
    }
    if email in hosts:
        return True
    responses = booking.get("bookingFieldsResponses") or {}
    if not isinstance(responses.get("email"), str) or attendee.get("seatUid"):
        return False
    guests = [*(booking.get("guests") or ()), *(responses.get("guests") or ())]
    invited = {address_key(str(address)) for address in (responses["email"], *guests)}
    shown_as = {email, address_key(str(attendee.get("displayEmail") or ""))}
    return not shown_as & invited and _domain(email) in {_domain(host) for host in hosts}


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


def _host_is_to_be_marked(booking: Booking, request: MarkRequest) -> bool:
    marked = booking.get("absentHost") is True
    if request.host_absent is False and marked:
        raise HostUnmarkRefused(
            f"host_absent=False would un-mark the host of booking {booking['uid']}, which Cal.com's API does on some"
            " servers and ignores on others. Nothing was sent. Un-mark the host in Cal.com, or leave host_absent out"
        )
    return request.host_absent is True and not marked


# Making it so.


@dataclass(frozen=True)
class MarkOutcome:
    """What became of a request.

    :param booking_uid: the booking's uid.
    :param marked: addresses that were set absent (or would be, in a dry run).
    :param unmarked: addresses that were set present.
    :param unchanged: addresses that had their flag already.
    :param unknown: addresses, as given, that fit nobody.
    :param absent_host: the host's flag now.
    :param calls: mark-absent calls that were sent.
    """

    booking_uid: str
    marked: list[str]
    unmarked: list[str]
    unchanged: list[str]
    unknown: list[str]
    absent_host: bool
    calls: int


class MarkResult(TypedDict):
    """A :class:`MarkOutcome` as JSON; ``absent_host`` is None where the booking was not read."""

    booking_uid: str
    marked: list[str]
    unmarked: list[str]
    unchanged: list[str]
    unknown: list[str]
    absent_host: bool | None
    calls: int


def result_of(request: MarkRequest, outcome: MarkOutcome | None) -> MarkResult:
    """Give what a task returns.

    :param outcome: None where nothing was asked for, and so nothing was called.
    """
    return {
        "booking_uid": request.booking_uid,
        "marked": outcome.marked if outcome else [],
        "unmarked": outcome.unmarked if outcome else [],
        "unchanged": outcome.unchanged if outcome else [],
        "unknown": outcome.unknown if outcome else [],
        "absent_host": outcome.absent_host if outcome else None,
        "calls": outcome.calls if outcome else 0,
    }


def mark_no_shows(request: MarkRequest, wall_clock: Callable[[], float] = time.time) -> Flow[MarkOutcome]:
    """Read the booking, send what differs in one call, and check the answer.

    Where the outcome of a call is unknown, the booking is read again after a pause and only what still differs is sent,
    at most three calls in all.

    :param request: what is asked for.
    :param wall_clock: Unix time, used where the server does not send its own.
    :raises BookingNotStarted: by the server's clock; nothing was written.
    :raises BookingNotMarkable: if the status, the kind or the owner of the booking speaks against it.
    :raises NoShowUpdateFailed: with how many of the changes the booking shows all the same.
    :raises ChangeNotVerified: if Cal.com said yes and the booking does not show it.
    :raises OutcomeUnknown: if it stayed unknown.
    """
    reading = yield endpoints.read_booking(request.booking_uid)
    booking: Booking = reading.booking
    _check_uid(booking, request)
    changes = changes_for(booking, request)
    calls = 0
    if changes:
        _check_status(booking, request)
        _check_started(booking, wall_clock() if reading.server_time is None else reading.server_time)
        if changes.mark_host and not request.allow_foreign_booking:
            yield from _check_owner(booking)
        if not request.dry_run:
            booking, calls = yield from _write(booking["uid"], changes)
    return MarkOutcome(
        booking_uid=booking["uid"],
        marked=[mark["email"] for mark in changes.marks if mark["absent"]],
        unmarked=[mark["email"] for mark in changes.marks if not mark["absent"]],
        unchanged=list(changes.unchanged),
        unknown=list(changes.unknown),
        absent_host=changes.mark_host or booking.get("absentHost") is True,
        calls=calls,
    )


def _write(uid: str, changes: Changes) -> Flow[tuple[Booking, int]]:
    """Send the changes, and give the booking that shows them and the number of calls that it took."""
    left = changes
    unknown: OutcomeUnknown | None = None
    for call_number in range(1, _MOST_CALLS + 1):
        try:
            booking = _of(uid, (yield left.endpoint(uid)))
        except OutcomeUnknown as error:
            unknown = error
            pauses = _PAUSES_WHILE_AT_WORK if error.is_perhaps_at_work else (_PAUSE * 2 ** (call_number - 1),)
            booking = yield from _read_until_shown(left, uid, error, pauses)
            left = left.left_on(booking)
            if not left:
                return booking, call_number
        except NoShowUpdateFailed as error:
            left = changes.left_on((yield from _read_after(error, uid)))
            raise NoShowUpdateFailed(
                f"{error.explanation}. Of {len(changes)} changes the booking shows {len(changes) - len(left)} as"
                f" written and {len(left)} not",
                error.failure,
            ) from error
        except CalComError as error:
            if unknown is None:
                raise
            raise OutcomeUnknown(
                f"A call's outcome is unknown ({unknown.explanation}), and the next one failed: {error.explanation}."
                " Run the task again: it reads the booking first",
                error.failure,
            ) from error
        else:
            return (yield from _verified(changes, uid, booking)), call_number
    raise OutcomeUnknown(
        f"After {_MOST_CALLS} calls {len(left)} of {len(changes)} changes don't show on booking {uid}. Run the task"
        f" again: it reads the booking first. The last call: {unknown.explanation if unknown else ''}",
        unknown.failure if unknown else None,
    )


def _of(uid: str, booking: Booking) -> Booking:
    """Give the answer of a write back if it is of the booking that was written to."""
    if booking["uid"] != uid:
        raise OutcomeUnknown("A writing call was sent, and the answer shows another booking")
    return booking


def _verified(changes: Changes, uid: str, booking: Booking) -> Flow[Booking]:
    """Give the booking if it shows the changes, read once more where the answer does not."""
    if changes.left_on(booking):
        unsure = ChangeNotVerified("Cal.com accepted the call, but its answer does not show the changes")
        booking = yield from _read_until_shown(changes, uid, unsure, (_PAUSE,))
    left = changes.left_on(booking)
    if left:
        raise ChangeNotVerified(
            f"Cal.com accepted the call, but {len(left)} of {len(changes)} changes don't show on booking {uid}."
            " Look at the booking in Cal.com"
        )
    return booking


def _read_until_shown(changes: Changes, uid: str, error: _WriteError, pauses: tuple[float, ...]) -> Flow[Booking]:
    """Read the booking after each pause until it shows the changes, and give it as it was read last."""
    for seconds in pauses:
        yield Pause(seconds)
        booking = yield from _read_after(error, uid)
        if not changes.left_on(booking):
            break
    return booking


def _read_after(write_error: _WriteError, uid: str) -> Flow[Booking]:
    """Read the booking after a write that failed; where that fails too, the write's error is what matters."""
    try:
        reading = yield endpoints.read_booking(uid)
        if reading.booking["uid"] != uid:
            raise UnexpectedAnswer("The server answered with another booking")
    except CalComError as read_error:
        raise type(write_error)(
            f"{write_error.explanation}. The booking can't be read either ({type(read_error).__name__}), so that it is"
            " not known which changes were written. Run the task again later: it reads first",
            write_error.failure,
        ) from read_error
    booking: Booking = reading.booking
    return booking


def _check_uid(booking: Booking, request: MarkRequest) -> None:
    if booking["uid"] != endpoints.checked_uid(request.booking_uid):
        raise BookingNotMarkable(
            f"The server answered with booking {redacted(booking['uid'][:100])} when asked for {request.booking_uid};"
            " nothing was sent"
        )


def _check_status(booking: Booking, request: MarkRequest) -> None:
    status = redacted(repr(booking["status"][:40]))
    if booking["status"] not in request.allowed_statuses:
        raise BookingNotMarkable(
            f"The status of booking {booking['uid']} is {status}, and Cal.com would mark people absent all the same."
            f" Nothing was sent. To allow it, add {status} to allowed_statuses"
        )


def _check_started(booking: Booking, now: float) -> None:
    start = start_of(booking)
    if start.timestamp() > now + 1:
        raise BookingNotStarted(
            f"Booking {booking['uid']} starts at {booking['start']}, and by the server's clock it is"
            f" {datetime.fromtimestamp(now, timezone.utc):%Y-%m-%dT%H:%M:%SZ}. Nothing was sent"
        )


def _check_owner(booking: Booking) -> Flow[None]:
    """Make sure that the booking is ours: Cal.com lets every key mark the host of every booking."""
    try:
        user = yield endpoints.me()
    except PermissionDenied:
        user = {}
    if "id" in user and any(host.get("id") == user["id"] for host in booking.get("hosts") or ()):
        return
    attends = address_key(str(user.get("email"))) in {address_key(row["email"]) for row in booking["attendees"]}
    if attends or not (yield from _is_listed(booking)):
        raise BookingNotMarkable(
            f"Booking {booking['uid']} is not organised by the key's user nor by anyone whose bookings it administers,"
            " and Cal.com would mark its host all the same. Nothing was sent. Check booking_uid, or set"
            " allow_foreign_booking=True"
        )


def _is_listed(booking: Booking) -> Flow[bool]:
    walk = listing.walk(BookingQuery(after_start=booking["start"], before_end=booking.get("end")))
    page = None
    while True:
        try:
            step = walk.send(page)
        except StopIteration:
            return False
        page = None
        if isinstance(step, listing.Found):
            if any(listed["uid"] == booking["uid"] for listed in step.bookings):
                return True
        else:
            page = yield step
