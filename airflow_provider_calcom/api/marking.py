"""Setting no-show flags of one booking: read it, send what differs in one call, and check that it happened.

Each mark-absent call that names attendees makes Cal.com send webhooks, mail and SMS, changed or not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from airflow_provider_calcom._redact import describe, redact
from airflow_provider_calcom.api import endpoints, listing
from airflow_provider_calcom.api.arguments import checked_id, checked_uid
from airflow_provider_calcom.api.changes import Changes, changes_for, is_ours
from airflow_provider_calcom.api.endpoints import Endpoint, Flow, Pause
from airflow_provider_calcom.api.errors import (
    BookingNotMarkable,
    BookingNotStarted,
    CalComError,
    ChangeNotVerified,
    NoShowUpdateFailed,
    NotReassigned,
    OutcomeUnknown,
    PermissionDenied,
    UnexpectedAnswer,
)
from airflow_provider_calcom.api.mark_request import MarkRequest
from airflow_provider_calcom.api.models import Booking, BookingReading
from airflow_provider_calcom.api.query import BookingQuery, start_of

_MOST_CALLS = 3
_PAUSE = 1.0
_PAUSES_WHILE_AT_WORK = (2.0, 5.0, 10.0, 20.0)
"""Seconds to leave a server that may still execute a call; sending it again too soon would do it twice."""

_WriteError = OutcomeUnknown | ChangeNotVerified


@dataclass(frozen=True)
class MarkOutcome:
    """Result of a request; its fields as JSON are what a task returns.

    :param booking_uid: the booking's uid.
    :param marked: addresses that were set absent (or would be, in a dry run).
    :param unmarked: addresses that were set present.
    :param unchanged: addresses that had their flag already.
    :param unknown: addresses, as given, that are not on the booking.
    :param absent_host: the host's flag now; None where the booking was not read.
    :param calls: mark-absent calls that were sent.
    """

    booking_uid: str
    marked: list[str] = field(repr=False)
    unmarked: list[str] = field(repr=False)
    unchanged: list[str] = field(repr=False)
    unknown: list[str] = field(repr=False)
    absent_host: bool | None
    calls: int


@dataclass(frozen=True)
class Written:
    """Result of changes that were sent.

    :param booking: the booking as it was read last, or None where it was not read after a failure.
    :param calls: mark-absent calls that were sent.
    :param left: changes that the booking did not show.
    :param request_id: Cal.com's ``X-Request-Id`` of the last write that got a response.
    :param error: why changes are left, or None.
    """

    booking: Booking | None = field(repr=False)
    calls: int
    left: Changes
    request_id: str | None
    error: CalComError | None

    @property
    def failure_is_definitive(self) -> bool:
        """True if the changes that are left were not written; a call without a response may still be executed."""
        return not isinstance(self.error, (OutcomeUnknown, ChangeNotVerified))


def mark_no_shows(request: MarkRequest, wall_clock: Callable[[], float] = time.time) -> Flow[MarkOutcome]:
    """Read the booking, send what differs in one call, and check the response. An empty request sends nothing.

    Where the outcome of a call is unknown, the booking is read again after a pause and only what still differs is sent,
    at most three calls in all.

    :param request: what is requested.
    :param wall_clock: Unix time, used where the server does not send its own.
    :raises BookingNotStarted: by the server's clock; nothing was written.
    :raises BookingNotMarkable: if the status, the kind or the owner of the booking does not allow it.
    :raises NoShowUpdateFailed: if Cal.com responded 500 and the booking, read after it, does not show all changes.
    :raises ChangeNotVerified: if Cal.com responded 200 and the booking does not show it.
    :raises OutcomeUnknown: if it stayed unknown.
    """
    if request.is_empty:
        return MarkOutcome(request.booking_uid, [], [], [], [], absent_host=None, calls=0)
    reading = yield endpoints.read_booking(request.booking_uid)
    booking: Booking = reading.booking
    _check_uid(booking, request)
    changes = changes_for(booking, request)
    calls = 0
    if changes:
        _check_status(booking, request)
        _check_started(booking, wall_clock() if reading.server_time is None else reading.server_time)
        if not request.allow_foreign_booking:
            yield from _check_owner([booking], is_for_host=changes.mark_host)
        if not request.dry_run:
            written = yield from write_changes(booking["uid"], changes)
            if written.error is not None:
                raise written.error
            booking, calls = written.booking or booking, written.calls
    return MarkOutcome(
        booking_uid=booking["uid"],
        marked=[mark["email"] for mark in changes.marks if mark["absent"]],
        unmarked=[mark["email"] for mark in changes.marks if not mark["absent"]],
        unchanged=list(changes.unchanged),
        unknown=list(changes.unknown),
        absent_host=changes.mark_host or booking.get("absentHost") is True,
        calls=calls,
    )


@dataclass
class _Progress:
    """How far the writing of changes has come."""

    left: Changes
    booking: Booking | None = field(default=None, repr=False)
    calls: int = 0
    request_id: str | None = None


def write_changes(uid: str, changes: Changes) -> Flow[Written]:
    """Send changes of one booking in one call, and check that it shows them. An error is part of the result.

    Where the outcome of a call is unknown, the booking is read again after a pause and only what still differs is sent,
    at most three calls in all.

    :param uid: the booking's uid.
    :param changes: what differs between the booking, as it was just read, and what is to be.
    """
    progress = _Progress(changes)
    error: CalComError | None = None
    try:
        progress.booking = yield from _write(uid, changes, progress)
        progress.left = Changes()
    except CalComError as failed:
        error = failed
    return Written(progress.booking, progress.calls, progress.left, progress.request_id, error)


def _write(uid: str, changes: Changes, progress: _Progress) -> Flow[Booking]:
    """Send the changes, and return the booking that shows them."""
    unknown: OutcomeUnknown | None = None
    while progress.calls < _MOST_CALLS:
        progress.calls += 1
        try:
            reading = yield _mark_endpoint(uid, progress.left)
            progress.request_id = reading.request_id
            booking = _of(uid, reading.booking)
        except OutcomeUnknown as error:
            unknown = error
            pauses = _PAUSES_WHILE_AT_WORK if error.may_still_be_running else (_PAUSE * 2 ** (progress.calls - 1),)
            booking = yield from _read_until_shown(progress, uid, error, pauses)
            if not progress.left:
                return booking
        except NoShowUpdateFailed as error:
            progress.request_id = error.request_id
            return (yield from _after_failed_update(changes, uid, error, progress))
        except CalComError as error:
            if unknown is None:
                raise
            raise OutcomeUnknown(
                f"A call's outcome is unknown ({unknown.explanation}), and the next one failed: {error.explanation}."
                " Run the task again: it reads the booking first",
                error.failure,
            ) from error
        else:
            return (yield from _verified(changes, uid, booking, progress))
    raise OutcomeUnknown(
        f"After {_MOST_CALLS} calls {len(progress.left)} of {len(changes)} changes don't show on booking {uid}. Run the"
        f" task again: it reads the booking first. The last call: {unknown.explanation if unknown else ''}",
        unknown.failure if unknown else None,
    )


def _mark_endpoint(booking_uid: str, changes: Changes) -> Endpoint[BookingReading]:
    """Return the one call that makes the changes."""
    return endpoints.mark_and_read(
        booking_uid, host=True if changes.mark_host else None, attendees=changes.marks if changes.marks else None
    )


def _after_failed_update(changes: Changes, uid: str, error: NoShowUpdateFailed, progress: _Progress) -> Flow[Booking]:
    """Return the booking if it shows the changes all the same; only reading it shows what that 500 means."""
    unsure = OutcomeUnknown(
        'Cal.com responded "Failed to update no-show status", which it does when it refuses the change and also when it'
        " fails after having written it",
        error.failure,
    )
    booking = yield from _read_after(unsure, uid, progress)
    left = len(progress.left)
    if not left:
        return booking
    raise NoShowUpdateFailed(
        f"Cal.com refused to mark attendees of this booking: of {len(changes)} changes it shows"
        f" {len(changes) - left} as written and {left} not. Either the key's user may not (it takes the organiser, a"
        " host of the booking or an admin of its team), or, on servers of 2025, an address is not on the booking. Use"
        " another user's key, or correct the addresses; the same request again can't help",
        error.failure,
    ) from error


def _of(uid: str, booking: Booking) -> Booking:
    """Return the booking of a write's response if it is the one that was written to."""
    if booking["uid"] != uid:
        raise OutcomeUnknown("A write was sent, and the response shows another booking")
    return booking


def _verified(changes: Changes, uid: str, booking: Booking, progress: _Progress) -> Flow[Booking]:
    """Return the booking if it shows the changes, read once more where the response does not."""
    progress.booking, progress.left = booking, changes.remaining(booking)
    if progress.left:
        unsure = ChangeNotVerified("Cal.com accepted the call, but its response does not show the changes")
        booking = yield from _read_until_shown(progress, uid, unsure, (_PAUSE,))
    if progress.left:
        raise ChangeNotVerified(
            f"Cal.com accepted the call, but {len(progress.left)} of {len(changes)} changes don't show on booking"
            f" {uid}. Look at the booking in Cal.com"
        )
    return booking


def _read_until_shown(progress: _Progress, uid: str, error: _WriteError, pauses: tuple[float, ...]) -> Flow[Booking]:
    """Read the booking after each pause until it shows the changes, and return it as it was read last."""
    for seconds in pauses:
        yield Pause(seconds)
        booking = yield from _read_after(error, uid, progress)
        if not progress.left:
            break
    return booking


def _read_after(write_error: _WriteError, uid: str, progress: _Progress) -> Flow[Booking]:
    """Read the booking after a write that failed; where that fails too, the write's error is raised."""
    progress.booking = None
    try:
        reading = yield endpoints.read_booking(uid)
        if reading.booking["uid"] != uid:
            raise UnexpectedAnswer("The server responded with another booking")
    except CalComError as read_error:
        raise type(write_error)(
            f"{write_error.explanation}. The booking could not be read afterwards ({type(read_error).__name__}), so it"
            " is not known which changes were written. Run the task again later: it reads the booking first, and sends"
            " only what is missing",
            write_error.failure,
        ) from read_error
    booking: Booking = reading.booking
    progress.booking, progress.left = booking, progress.left.remaining(booking)
    return booking


def _check_uid(booking: Booking, request: MarkRequest) -> None:
    if booking["uid"] != checked_uid(request.booking_uid):
        raise BookingNotMarkable(
            f"booking_uid is {request.booking_uid}, but the server responded with booking"
            f" {redact(booking['uid'][:100])}; nothing was sent"
        )


def _check_status(booking: Booking, request: MarkRequest) -> None:
    status = describe(booking["status"])
    if booking["status"] not in request.allowed_statuses:
        raise BookingNotMarkable(
            f"The status of booking {booking['uid']} is {status}, and Cal.com would mark attendees absent all the same."
            f" Nothing was sent. To allow it, add {status} to allowed_statuses"
        )


def _check_started(booking: Booking, now: float) -> None:
    start = start_of(booking)
    if start.timestamp() > now + 1:
        raise BookingNotStarted(
            f"Booking {booking['uid']} starts at {booking['start']}, and by the server's clock it is"
            f" {datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M:%SZ}. Nothing was sent"
        )


def check_ownership(booking_uid: str) -> Flow[None]:
    """Read a booking, or a whole series, and check that it is ours, see :func:`is_ours`.

    :param booking_uid: uid of a booking or of a series.
    :raises BookingNotMarkable: if the key's user neither hosts nor administers it.
    """
    yield from _check_owner((yield endpoints.get_booking_series(booking_uid)))


def _check_owner(bookings: Sequence[Booking], *, is_for_host: bool = True) -> Flow[None]:
    """Check that bookings are ours: Cal.com lets any key mark attendees of foreign bookings, cancel and move them.

    It lets it mark the host of every booking, and the attendees of every booking of anybody who is in a team, as
    measured on the open edition of July 2026.
    """
    try:
        user = yield endpoints.me()
    except PermissionDenied as error:
        # The list does not show it either: it also has bookings that the user only attends.
        raise BookingNotMarkable(
            "The key may not read whose it is (/me), so it is not known whether the booking is its user's."
            " Nothing was sent. Give the key the right to read its profile, or set allow_foreign_booking=True",
            error.failure,
        ) from error
    for booking in bookings:
        if is_ours(booking, user, is_listed=False):
            continue
        if not is_ours(booking, user, is_listed=True, is_for_host=is_for_host) or not (yield from _is_listed(booking)):
            raise BookingNotMarkable(
                f"Booking {redact(booking['uid'][:100])} is not organised by the key's user nor by anyone whose"
                " bookings it administers, and Cal.com would change it all the same. Nothing was sent. Check"
                " booking_uid, or set allow_foreign_booking=True"
            )


def _is_listed(booking: Booking) -> Flow[bool]:
    walk = listing.walk(BookingQuery(after_start=booking["start"], before_end=booking.get("end")))
    while (bookings := (yield from listing.next_found(walk))) is not None:
        if any(listed["uid"] == booking["uid"] for listed in bookings):
            return True
    return False


# Reassigning.


def reassign(booking_uid: str, user_id: int | str | None = None, reason: str | None = None) -> Flow[dict[str, Any]]:
    """Reassign a round-robin booking to another host, and return Cal.com's ``{bookingUid, reassignedTo}``.

    :param booking_uid: uid of a booking.
    :param user_id: the new host; None for the next one.
    :param reason: with ``user_id``: why.
    :raises NotReassigned: if the response or the booking, read afterwards, does not have the new host.
    :raises OutcomeUnknown: if the booking can't be read afterwards.
    """
    if user_id is None:
        endpoint = endpoints.reassign_booking(booking_uid)
        before = _people_of((yield endpoints.get_booking(booking_uid)))
    else:
        endpoint = endpoints.reassign_booking_to_user(booking_uid, user_id, reason)
        before = None
    result: dict[str, Any] = yield endpoint
    host = result.get("reassignedTo")
    host = host if isinstance(host, Mapping) else {}
    if user_id is not None and str(host.get("id")) != str(checked_id(user_id, "user_id")):
        raise _not_reassigned(booking_uid)
    after = _people_of((yield from _read_reassigned(booking_uid)))
    # A host of a team's booking who is not its organiser is listed among the attendees.
    has_host = bool({str(host.get("id")), str(host.get("email"))} & after)
    if not has_host or after == before:
        raise _not_reassigned(booking_uid)
    return result


def _people_of(booking: Booking) -> set[str]:
    hosts, attendees = booking.get("hosts") or (), booking["attendees"]
    return {str(host.get(key)) for host in hosts for key in ("id", "email")} | {row["email"] for row in attendees}


def _read_reassigned(booking_uid: str) -> Flow[Booking]:
    try:
        booking: Booking = yield endpoints.get_booking(booking_uid)
    except CalComError as error:
        raise OutcomeUnknown(
            f"Cal.com accepted the reassignment of booking {booking_uid}, which could not be read afterwards"
            f" ({type(error).__name__}), so it is not known who its host is. Look at the booking in Cal.com",
            error.failure,
        ) from error
    return booking


def _not_reassigned(booking_uid: str) -> NotReassigned:
    return NotReassigned(
        f"Cal.com accepted the reassignment of booking {booking_uid}, but the booking has not got the new host. The"
        " open edition of Cal.com does not reassign bookings by its API: do it in Cal.com"
    )
