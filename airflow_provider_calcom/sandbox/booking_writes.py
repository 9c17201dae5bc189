"""The other writes of a booking, in a simple form: confirm, decline, cancel, reschedule, reassign."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from airflow_provider_calcom.sandbox.clock import parse_instant
from airflow_provider_calcom.sandbox.errors import ApiError, invalid
from airflow_provider_calcom.sandbox.validation import Json, problem
from airflow_provider_calcom.sandbox.world import Booking, User, World


def _find(world: World, uid: str, user: User) -> Booking:
    booking = world.bookings.get(uid)
    if booking is None:
        raise ApiError(404, f"Booking with uid={uid} was not found in the database")
    if user != booking.owner:
        raise ApiError(403, f"User with id={user.id} is not the organizer of booking with uid={uid}")
    return booking


def answer_request(world: World, uid: str, user: User, now: datetime, status: str) -> Booking:
    """Confirm (`accepted`) or decline (`rejected`) a pending booking; 400 for any other."""
    booking = _find(world, uid, user)
    if booking.status != "pending":
        raise ApiError(400, f"Booking with uid={uid} is not pending")
    booking.status, booking.updated = status, now
    return booking


def cancel(world: World, uid: str, body: Json, user: User, now: datetime) -> Booking:
    """Cancel once; a second time is 400."""
    booking = _find(world, uid, user)
    if booking.status == "cancelled":
        raise ApiError(
            400,
            f"Can't cancel booking with uid={uid} because it has been cancelled already. "
            "Please provide uid of a booking that is not cancelled.",
        )
    booking.status, booking.updated = "cancelled", now
    booking.cancellation_reason = body.get("cancellationReason")
    return booking


def reschedule(world: World, uid: str, body: Json, user: User, now: datetime, new_uid: str) -> Booking:
    """Cancel the booking and make one at the new start, with a new uid and no marks."""
    old = _find(world, uid, user)
    if old.status == "cancelled":
        raise ApiError(400, f"Can't reschedule booking with uid={uid} because it has been cancelled.")
    try:
        start = parse_instant(str(body.get("start")))
    except ValueError:
        rules: dict[str, Any] = {"isDateString": "start must be a valid ISO 8601 date string"}
        raise invalid([problem(body, "start", rules)]) from None
    reason = {"rescheduledReason": body["reschedulingReason"]} if body.get("reschedulingReason") else {}
    new = replace(
        old,
        id=max(booking.id for booking in world.bookings.values()) + 1,
        uid=new_uid,
        start=start,
        end=start + (old.end - old.start),
        created=now,
        updated=now,
        absent_host=False,
        attendees=[replace(row, absent=False) for row in old.attendees],
        responses={**old.responses, **reason},
        rescheduled_from=uid,
        rescheduled_by=body.get("rescheduledBy"),
    )
    old.status, old.updated = "cancelled", now
    world.add(new)
    return new


def reassign(world: World, uid: str, user: User, user_id: int | None, now: datetime) -> Json:
    """Hand a team booking to another of its hosts; 400 where there is none."""
    booking = _find(world, uid, user)
    hosts = booking.event_type.hosts if booking.event_type else ()
    others = [
        one for one in world.users.values() if one.id in hosts and one != booking.owner and user_id in (None, one.id)
    ]
    if not others:
        raise ApiError(400, "Can't reassign the booking because no other host is available at that time.")
    booking.owner, booking.updated = others[0], now
    world.rearranged()
    person = {"id": others[0].id, "name": others[0].name, "email": others[0].email}
    return {"bookingUid": uid, "reassignedTo": person}
