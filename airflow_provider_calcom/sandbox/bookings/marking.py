"""POST mark-absent, with its partial writes, missing checks and silent no-ops."""

from datetime import datetime
from typing import Any

from airflow_provider_calcom.sandbox.bookings.access import may_handle
from airflow_provider_calcom.sandbox.builds import Build
from airflow_provider_calcom.sandbox.clock import iso
from airflow_provider_calcom.sandbox.responses import ApiError, BareError
from airflow_provider_calcom.sandbox.validation import mark_absent_input
from airflow_provider_calcom.sandbox.world import Booking, User, World

Json = dict[str, Any]
FAILED = "Failed to update no-show status"
_EARLY = (
    "Bookings can only be marked as absent after their scheduled start time. "
    "Current time in UTC+0: {now}, Booking start time in UTC+0: {start}"
)


def mark_absent(
    world: World, build: Build, uid: str, body: Any, user: User, now: datetime
) -> tuple[Booking, Json | None]:
    """Write the flags; return the booking and the webhook's payload, None where no webhook is sent."""
    wanted = mark_absent_input(body)
    booking = world.bookings.get(uid)
    if booking is None:
        raise ApiError(404, f"Booking with uid={uid} not found.")
    if now < booking.start:
        raise ApiError(400, _EARLY.format(now=iso(now), start=iso(booking.start)))
    rows = wanted.get("attendees")
    payload = None
    if rows:
        payload = _mark_attendees(world, booking, build, rows, user)
    _mark_host(world, booking, build, wanted, now)  # after the attendees, and without a check of the caller
    return booking, payload


def _mark_attendees(world: World, booking: Booking, build: Build, rows: list[Json], user: User) -> Json:
    if not may_handle(world, build, user, booking):
        raise BareError(500, FAILED)
    by_email = {row.email: row for row in booking.attendees}  # of seats with one address only the last
    written = []
    for row in rows:
        attendee = by_email.get(row["email"])
        if attendee is not None:
            attendee.absent = row["absent"]  # the booking's updatedAt stays
            world.marks += 1
            written.append({"email": attendee.email, "noShow": attendee.absent})
    if build.unknown_email_fails and len(written) < len(rows):
        raise BareError(500, FAILED)
    message = "No-show status updated for attendees"
    if len(written) == 1:
        message = f"{written[0]['email']} {'' if written[0]['noShow'] else 'un'}marked as no-show"
    return {"message": message, "attendees": written, "bookingUid": booking.uid, "bookingId": booking.id}


def _mark_host(world: World, booking: Booking, build: Build, wanted: Json, now: datetime) -> None:
    if wanted.get("host") or (build.host_false_writes and "host" in wanted):
        booking.absent_host, booking.updated = wanted["host"], now
        world.marks += 1
