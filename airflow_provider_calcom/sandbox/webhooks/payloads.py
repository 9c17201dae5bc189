"""Payloads of webhooks about a booking, with the fields that receivers use; real ones have some forty more."""

from typing import Any

from airflow_provider_calcom.sandbox.builds import Build
from airflow_provider_calcom.sandbox.clock import iso
from airflow_provider_calcom.sandbox.world import Booking

Json = dict[str, Any]


def subscriber_id(build: Build, booking: Booking) -> int | None:
    """Return the id of the organiser, whose webhooks are triggered; None for most builds' team events."""
    kind = booking.event_type
    of_team = kind is not None and kind.team_id is not None
    return None if of_team and not build.permits_everybody else booking.owner.id


def booking_payload(booking: Booking, **more: Any) -> Json:
    """Return the booking under the field names of webhooks.

    :param more: further fields of the event.
    """
    kind, owner = booking.event_type, booking.owner
    return {
        "type": kind.slug if kind else None,
        "title": booking.title,
        "additionalNotes": booking.description,
        "startTime": iso(booking.start),
        "endTime": iso(booking.end),
        "organizer": {
            "id": owner.id,
            "name": owner.name,
            "email": owner.email,
            "username": owner.username,
            "timeZone": owner.time_zone,
            "language": {"locale": "en"},
        },
        "attendees": [
            {"name": row.name, "email": row.email, "timeZone": row.time_zone, "language": {"locale": row.language}}
            for row in booking.attendees
        ],
        "responses": booking.responses,
        "location": booking.location,
        "uid": booking.uid,
        "bookingId": booking.id,
        "eventTypeId": kind.id if kind else None,
        "eventTitle": kind.title if kind else None,
        "length": (kind.length if kind else None) or booking.minutes,
        "metadata": booking.metadata,
        "status": booking.status.upper(),
        **more,
    }


def meeting_columns(booking: Booking) -> Json:
    """Return what deliveries of MEETING_STARTED and MEETING_ENDED have beside the trigger: columns of the database."""
    return {
        "id": booking.id,
        "uid": booking.uid,
        "userId": booking.owner.id,
        "eventTypeId": booking.event_type.id if booking.event_type else None,
        "title": booking.title,
        "startTime": iso(booking.start),
        "endTime": iso(booking.end),
        "location": booking.location,
        "status": booking.status.upper(),
        "attendees": [
            {"name": row.name, "email": row.email, "timeZone": row.time_zone, "noShow": row.absent}
            for row in booking.attendees
        ],
    }
