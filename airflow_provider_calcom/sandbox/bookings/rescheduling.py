"""POST reschedule: the server's checks, in its order, and the new booking."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_calcom.sandbox.bookings.lifecycle import NOT_FOUND
from airflow_provider_calcom.sandbox.bookings.representation import is_complete_form
from airflow_provider_calcom.sandbox.builds import Build
from airflow_provider_calcom.sandbox.clock import parse_instant
from airflow_provider_calcom.sandbox.responses import ApiError, BareError
from airflow_provider_calcom.sandbox.validation import Json, reschedule_input
from airflow_provider_calcom.sandbox.world import Attendee, Booking, EventType, User, World

NOTICE = timedelta(minutes=120)
"""The default minimum booking notice of an event type."""
_TOO_SOON = (
    "The event type can't be booked at the \"start\" time provided. This could be because it's too soon (violating the "
    "minimum booking notice) or too far in the future (outside the event's scheduling window). Try fetching available "
    'slots first using the GET /v2/slots endpoint and then make a booking with "start" time equal to one of the '
    "available slots: https://cal.com/docs/api-reference/v2/slots"
)
_SEATED = (
    "Booking with uid={uid} is a seated booking which means you have to provide seatUid in the request body to specify "
    "which seat specifically you want to reschedule. First, fetch the booking using "
    "https://cal.com/docs/api-reference/v2/bookings/get-a-booking and then within the attendees array you will find "
    "the seatUid of the booking you want to reschedule. Second, provide the seatUid in the request body to specify "
    "which seat specifically you want to reschedule using the reschedule endpoint "
    "https://cal.com/docs/api-reference/v2/bookings/reschedule-a-booking#option-2"
)


def reschedule(
    world: World, build: Build, uid: str, body: Any, user: User | None, now: datetime, new_uid: str
) -> tuple[Booking, str | None]:
    """Cancel the booking and create one at the new start, with a new uid and without marks. Anybody may.

    With a seat only its attendee moves; the booking stays for the others.

    :return: the new booking, and the uid of the moved seat; None without a seat.
    """
    given = reschedule_input(body)
    old = world.bookings.get(uid)
    if old is None:
        raise ApiError(404, NOT_FOUND.format(uid=uid))
    kind = _kind(old)
    seat = _find_seat(world, old, given["seatUid"]) if "seatUid" in given and kind.seats else None
    if kind.seats and seat is None:
        raise ApiError(400, _SEATED.format(uid=uid))
    booker = seat or _booker(old)
    _check_status(world, old)
    start = parse_instant(given["start"])
    end = start + (timedelta(minutes=kind.length) if kind.length is not None else old.end - old.start)
    _check_time(world, old, start, end, now)
    new = _moved(world, build, old, kind, booker, given, start, end, now, new_uid)
    if kind.requires_confirmation and user != old.owner:
        new.status = "pending"
    if seat is not None:
        old.attendees.remove(seat)
    if seat is None or not old.attendees:
        old.status, old.updated, old.rescheduled = "cancelled", now, True
        old.rescheduled_by = given.get("rescheduledBy") or None
    world.add(new)
    return new, seat.seat["uid"] if seat else None


def _kind(old: Booking) -> EventType:
    if old.event_type is None:
        raise ApiError(404, f"Booking with uid={old.uid} is missing event type")
    return old.event_type


def _find_seat(world: World, old: Booking, seat_uid: str) -> Attendee:
    found = world.seated(seat_uid)
    if found is None:
        raise ApiError(404, f"Seat with uid={seat_uid} does not exist.")
    booking, attendee = found
    if booking is not old:
        raise ApiError(
            404,
            f"Attendee with e-mail {attendee.email} for booking with uid={old.uid} and seatUid={seat_uid} not found",
        )
    return attendee


def _booker(old: Booking) -> Attendee:
    """Return the attendee who booked: the one named by the form's responses, or else the first."""
    responses = old.responses if is_complete_form(old.responses) else {}
    named = (row for row in old.attendees if not responses or row.email == responses["email"])
    booker = next(named, None)
    if booker is None:
        email = responses.get("email", "unknown")
        raise ApiError(404, f"Attendee with e-mail {email} for booking with uid={old.uid} not found")
    return booker


def _check_status(world: World, old: Booking) -> None:
    why = f"Can't reschedule booking with uid={old.uid} because it has been cancelled"
    if old.status == "cancelled" and not old.rescheduled:
        raise ApiError(400, f"{why}. Please provide uid of a booking that is not cancelled.")
    if old.status == "cancelled":
        new = world.rescheduled_to(old) or "undefined"
        raise ApiError(
            400,
            f"{why} and rescheduled already to booking with uid={new}. You probably want to reschedule {new} instead "
            "by passing it within the request URL.",
        )
    if old.status not in ("accepted", "pending"):
        raise BareError(404, "Could not find original booking")


def _check_time(world: World, old: Booking, start: datetime, end: datetime, now: datetime) -> None:
    """Raise an error for a start in the past or within the notice, and for a conflict with an accepted booking.

    Working hours are not part of a world.
    """
    if start < now:
        raise ApiError(400, "Attempting to book a meeting in the past.")
    if start < now + NOTICE:
        raise ApiError(400, _TOO_SOON)
    taken = world.index.between(old.owner, start, end)
    if any(one is not old and one.status == "accepted" for one in taken):
        raise ApiError(400, "User either already has booking at this time or is not available")


def _moved(
    world: World,
    build: Build,
    old: Booking,
    kind: EventType,
    booker: Attendee,
    given: Json,
    start: datetime,
    end: datetime,
    now: datetime,
    new_uid: str,
) -> Booking:
    """Return the new booking, without attendees of the old one who are not in the form's responses."""
    responses: Json = {**old.responses, "name": old.responses.get("name", booker.name), "email": booker.email}
    if given.get("reschedulingReason"):
        responses["rescheduledReason"] = given["reschedulingReason"]
    rows = [booker, *_guests(responses.get("guests") or [], booker), *_co_hosts(world, old, kind, booker)]
    number, ids = world.next_ids(len(rows))
    return replace(
        old,
        id=number,
        uid=new_uid,
        title=f"{kind.title} between {old.owner.name} and {booker.name}",
        start=start,
        end=end,
        status="accepted",
        created=now,
        updated=now,
        absent_host=False,
        attendees=[replace(row, id=each, absent=False) for row, each in zip(rows, ids, strict=True)],
        description=str(responses.get("notes") or ""),
        responses=responses,
        series=None if kind.seats else old.series,
        rescheduled=False,
        rescheduled_from=old.uid,
        rescheduled_by=given.get("rescheduledBy") or None,
        cancellation_reason=None,
        cancelled_by=None,
        rejection_reason=None,
        ics_uid=_ics_uid(build, old, new_uid),
        references=(),
        video={},
    )


def _ics_uid(build: Build, old: Booking, new_uid: str) -> str:
    """Return the id of the calendar entry, which is moved; a booking without an entry gets a new id."""
    inherited = f"{old.uid}@Cal.com" if old.ics_uid is None else old.ics_uid
    return inherited or f"{new_uid}@{build.ics_name}"


def _guests(emails: list[str], booker: Attendee) -> list[Attendee]:
    return [Attendee(0, "", email, booker.time_zone, "en", None, False, {}) for email in emails]


def _co_hosts(world: World, old: Booking, kind: EventType, booker: Attendee) -> list[Attendee]:
    hosts = {user.email for user in world.users.values() if user.id in kind.hosts}
    return [row for row in old.attendees if row.email in hosts and row is not booker]
