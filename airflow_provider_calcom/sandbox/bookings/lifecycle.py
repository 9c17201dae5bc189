"""POST confirm, decline, cancel and reassign."""

from datetime import datetime
from typing import Any

from airflow_provider_calcom.sandbox.bookings.access import is_event_admin, may_handle
from airflow_provider_calcom.sandbox.bookings.representation import display_email
from airflow_provider_calcom.sandbox.builds import Build
from airflow_provider_calcom.sandbox.responses import ApiError, BareError
from airflow_provider_calcom.sandbox.validation import Json, cancel_input, path_integer, reason_input
from airflow_provider_calcom.sandbox.world import Attendee, Booking, User, World

NOT_FOUND = "Booking with uid={uid} was not found in the database"


def find(world: World, uid: str) -> Booking:
    """Return the booking with a uid; raise 404 for an unknown one."""
    booking = world.bookings.get(uid)
    if booking is None:
        raise ApiError(404, NOT_FOUND.format(uid=uid))
    return booking


def confirm(world: World, build: Build, uid: str, user: User, now: datetime) -> Booking:
    """Accept a booking of any status but accepted; of a series, every pending occurrence."""
    booking = _find_pending(world, build, uid, user)
    for one in _occurrences_to_decide(world, booking):
        one.status, one.updated = "accepted", now
    return booking


def decline(world: World, build: Build, uid: str, body: Any, user: User, now: datetime) -> Booking:
    """Reject a booking of any status but accepted, also a rejected one; of a series, every pending occurrence."""
    reason = reason_input(body)
    booking = _find_pending(world, build, uid, user)
    for one in _occurrences_to_decide(world, booking):
        one.status, one.rejection_reason, one.updated = "rejected", reason, now
    return booking


def _find_pending(world: World, build: Build, uid: str, user: User) -> Booking:
    booking = find(world, uid)
    if not may_handle(world, build, user, booking):
        raise ApiError(401, "User is not authorized to confirm this booking", "TRPCError")
    if booking.status == "accepted":
        raise ApiError(400, "Booking already confirmed", "TRPCError")
    return booking


def _occurrences_to_decide(world: World, booking: Booking) -> list[Booking]:
    if booking.series is None:
        return [booking]
    return [one for one in world.index.series[booking.series] if one.status == "pending"]


def cancel(world: World, build: Build, uid: str, body: Any, user: User | None, now: datetime) -> tuple[Booking, str]:
    """Cancel a booking, one of its seats, or with the uid of a series its remaining occurrences. Anybody may.

    :return: the booking, and the uid to respond with: the series uid where subsequent bookings were cancelled.
    """
    given = cancel_input(body)
    seat = _find_seat(world, uid, given["seatUid"]) if "seatUid" in given else None
    booking, whole = _to_cancel(world, uid, given)
    _check_cancelling(build, booking, uid, given, seat, user, now)
    if seat is not None and len(booking.attendees) > 1:
        booking.attendees.remove(seat)
        return booking, uid
    later = bool(given.get("cancelSubsequentBookings"))
    for one in _occurrences_from(world, booking, booking.start if later else now) if whole or later else [booking]:
        one.status, one.updated, one.cancellation_reason = "cancelled", now, given.get("cancellationReason")
    if booking.event_type and booking.event_type.seats:
        booking.attendees.clear()
        world.drop_index()
    if later and booking.series is None:  # the server checks only now, after cancelling it
        raise ApiError(400, f"Booking with bookingUid={uid} is not part of a recurring booking.")
    return booking, booking.series if later and booking.series else uid


def _to_cancel(world: World, uid: str, given: Json) -> tuple[Booking, bool]:
    """Return the booking to cancel, and whether the uid is that of its series."""
    series = world.index.series.get(uid, []) if "seatUid" not in given else []
    if series and given.get("cancelSubsequentBookings"):
        raise ApiError(
            400,
            "Cannot cancel subsequent bookings for recurring event - you have to provide uid of one of the individual "
            "bookings of a recurring booking.",
        )
    # The server selects a series without an order, and in the recordings the row written last came first.
    booking = max(series, key=lambda one: one.updated) if series else world.bookings.get(uid)
    if booking is None:
        raise ApiError(404, f"Booking with uid={uid} not found")
    return booking, bool(series)


def _find_seat(world: World, uid: str, seat_uid: str) -> Attendee:
    found = world.seated(seat_uid)
    if found is None:
        raise ApiError(400, "Invalid seatUid: this seat does not exist or has already been cancelled.")
    if found[0].uid != uid:
        raise ApiError(400, "Invalid seatUid: this seat does not belong to this booking.")
    return found[1]


def _check_cancelling(
    build: Build, booking: Booking, uid: str, given: Json, seat: Attendee | None, user: User | None, now: datetime
) -> None:
    """Raise the server's errors in its order: first those of the API, then those of the web application."""
    kind = booking.event_type
    if booking.status == "cancelled":
        raise ApiError(
            400,
            f"Can't cancel booking with uid={uid} because it has been cancelled already. "
            "Please provide uid of a booking that is not cancelled.",
        )
    if kind and kind.disables_cancelling:
        raise BareError(400, "This event type does not allow cancellations")
    reason = (given.get("cancellationReason") or "").strip()
    if build.host_needs_reason and not reason and user == booking.owner:
        raise BareError(400, build.host_needs_reason)
    if build.keeps_past and now > booking.end:
        raise BareError(400, "Cannot cancel a booking that has already ended")
    if kind and kind.seats and seat is None:
        owner = booking.owner.id if kind.owner_id is None else kind.owner_id
        if user is None or user.id not in (owner, *kind.hosts):
            raise BareError(401, "User not a host of this event")


def _occurrences_from(world: World, booking: Booking, since: datetime) -> list[Booking]:
    """Return the occurrences from `since` on; only the booking where its event type does not recur."""
    if booking.series is None or booking.event_type is None or booking.event_type.recurring is None:
        return [booking]
    return [one for one in world.index.series[booking.series] if one.start >= since]


def reassign(world: World, build: Build, uid: str, user: User, host: str | None, body: Any, now: datetime) -> Json:
    """Reassign a team's booking to another of its hosts; the open-source edition returns 200 and changes nothing.

    :param host: user id of the new host, as in the path; None for any host.
    """
    wanted = path_integer(host) if host is not None else None
    reason_input(body)
    booking = find(world, uid)
    if booking.event_type is None:
        raise ApiError(400, "Event type with id=null was not found in the database")
    if not is_event_admin(world, user, booking):
        raise ApiError(403, "You do not have permission to reassign this booking")
    if wanted is not None and world.user_of_id(wanted) is None:
        raise ApiError(404, f"User with id={wanted} was not found in the database")
    if not build.permits_everybody:
        booking.owner, booking.updated = _other_host(world, booking, wanted), now
        world.drop_index()
    person = {"id": booking.owner.id, "name": booking.owner.name, "email": booking.owner.email}
    if build.display_email:
        person["displayEmail"] = display_email(booking.owner.email)
    return {"bookingUid": uid, "reassignedTo": person}


def _other_host(world: World, booking: Booking, wanted: int | None) -> User:
    hosts = booking.event_type.hosts if booking.event_type else ()
    others = [one for one in world.users.values() if one.id in hosts and one != booking.owner]
    if wanted is None and others:
        return others[0]
    found = next((one for one in others if one.id == wanted), None)
    if found is not None:
        return found
    if wanted is not None:
        raise ApiError(
            400,
            f"User with id={wanted} is not a valid Round Robin host - the user to which you reassign this booking must "
            "be one of the booking hosts. Fetch the booking using following endpoint and select id of one of the "
            "hosts: https://cal.com/docs/api-reference/v2/bookings/get-a-booking",
        )
    raise ApiError(400, "Can't reassign the booking because no other host is available at that time.")
