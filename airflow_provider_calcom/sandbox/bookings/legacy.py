"""Bookings in the form of the API before 2024-08-13, which a client without a version header gets."""

from datetime import datetime
from typing import Any

from airflow_provider_calcom.sandbox.builds import Build
from airflow_provider_calcom.sandbox.clock import iso
from airflow_provider_calcom.sandbox.responses import ApiError
from airflow_provider_calcom.sandbox.world import Attendee, Booking, EventType, User, World

Json = dict[str, Any]
_PAGE = 10
_DEAD = ("cancelled", "rejected")
_STATUSES = ("ACCEPTED", "CANCELLED", "REJECTED", "PENDING", "AWAITING_HOST")


def list_legacy_bookings(world: World, build: Build, user: User, now: datetime, cursor: int = 0) -> Json:
    """Return a page of the user's bookings that have not ended, by start and id.

    :param cursor: number of bookings before the page: `nextCursor` of the page before.
    """
    everything = world.index.of(user)
    mine = [one for one in everything if one.end >= now and one.status not in _DEAD]
    page = sorted(mine, key=lambda one: (one.start, one.id))[cursor : cursor + _PAGE]
    series = [world.index.series[uid] for uid in dict.fromkeys(one.series for one in everything) if uid]
    return {
        "bookings": [_show_row(one, build) for one in page],
        "recurringInfo": [_show_series(rows) for rows in series],
        "totalCount": len(mine),
        "nextCursor": cursor + _PAGE if len(mine) > cursor + _PAGE else None,
    }


def _show_series(rows: list[Booking]) -> Json:
    starts: dict[str, list[str]] = {status: [] for status in _STATUSES}
    for one in rows:
        starts[one.status.upper()].append(iso(one.start))
    first = {"recurringEventId": rows[0].series, "count": len(rows), "firstDate": iso(rows[0].start)}
    return {**first, "bookings": starts}


def _show_row(booking: Booking, build: Build) -> Json:
    """Return a booking of the list, whose fields differ from those of GET."""
    user = booking.owner
    shown: Json = {
        "id": booking.id,
        "title": booking.title,
        "userPrimaryEmail": user.email,
        "description": booking.description,
        "customInputs": None,
        "startTime": iso(booking.start),
        "createdAt": iso(booking.created),
        "updatedAt": iso(booking.updated),
        "endTime": iso(booking.end),
        "metadata": booking.metadata,
        "uid": booking.uid,
        "responses": booking.responses,
        "recurringEventId": booking.series,
        "location": booking.location,
        "status": booking.status.upper(),
        "paid": False,
        "fromReschedule": booking.rescheduled_from,
        "rescheduled": booking.rescheduled or None,
        "isRecorded": False,
        "eventType": _show_kind(booking.event_type, build),
        "references": list(booking.references),
        "payment": [],
        "user": {"id": user.id, "name": user.name, "email": user.email},
        "attendees": [_show_attendee(row, booking, build) for row in booking.attendees],
        "seatsReferences": [{"referenceUid": row.seat["uid"]} for row in booking.attendees if row.seat],
        "rescheduler": None,
    }
    shown["assignmentReasonSortedByCreatedAt" if build.display_email else "assignmentReason"] = []
    if not build.display_email:
        shown["routedFromRoutingFormReponse"] = None
    if build.explicit_empty:
        shown |= {"rescheduledBy": booking.rescheduled_by, "cancelledBy": booking.cancelled_by, "report": None}
        shown |= {"cancellationReason": booking.cancellation_reason, "rejectionReason": booking.rejection_reason}
        shown["user"] |= {"avatarUrl": None, "username": user.username, "timeZone": user.time_zone}
    return shown


def _show_kind(kind: EventType | None, build: Build) -> Json:
    """Return the event type, with default values for its settings."""
    if kind is None:
        return {"recurringEvent": None, "eventTypeColor": None, "price": 0, "currency": "usd", "metadata": {}}
    never = ("disableGuests", "seatsShowAttendees", "allowReschedulingPastBookings", "hideOrganizerEmail")
    shown: Json = dict.fromkeys((*never, "disableCancelling", "disableRescheduling"), False)
    shown |= dict.fromkeys(("eventName", "eventTypeColor", "customReplyToEmail", "schedulingType", "team"))
    shown |= {"slug": kind.slug, "id": kind.id, "title": kind.title, "length": kind.length or 30, "metadata": {}}
    shown |= {"price": 0, "currency": "usd", "seatsShowAvailabilityCount": True, "recurringEvent": kind.recurring}
    if build.explicit_empty:
        shown |= dict.fromkeys(("bookingFields", "seatsPerTimeSlot", "minimumRescheduleNotice", "parentId"))
        shown |= {"teamId": kind.team_id, "hosts": [], "hostGroups": []}
    return shown


def _show_attendee(row: Attendee, booking: Booking, build: Build) -> Json:
    shown: Json = {"id": row.id, "email": row.email, "name": row.name, "timeZone": row.time_zone}
    shown |= {"bookingId": booking.id, "locale": row.language, "phoneNumber": row.phone_number, "noShow": row.absent}
    if build.explicit_empty:
        shown["user"] = {"name": None, "email": row.email, "avatarUrl": None, "username": None}
    return shown


def get_legacy_booking(world: World, build: Build, uid: str) -> Json:
    """Return one booking in the form of GET without a known `cal-api-version`."""
    booking = world.bookings.get(uid)
    if booking is None:
        raise ApiError(404, f"Booking with UID={uid} does not exist.")
    user, kind = booking.owner, booking.event_type
    empty = ("customInputs", "smsReminderNumber", "rejectionReason", "rescheduled", "tracking")
    shown: Json = dict.fromkeys(empty) | {
        "title": booking.title,
        "id": booking.id,
        "uid": booking.uid,
        "description": booking.description,
        "recurringEventId": booking.series,
        "startTime": iso(booking.start),
        "endTime": iso(booking.end),
        "location": booking.location,
        "status": booking.status.upper(),
        "metadata": booking.metadata,
        "cancellationReason": booking.cancellation_reason,
        "responses": booking.responses,
        "userPrimaryEmail": user.email,
        "fromReschedule": booking.rescheduled_from,
        "rescheduledBy": booking.rescheduled_by,
        "user": {
            "id": user.id,
            "name": user.name,
            "email": user.email,
            "username": user.username,
            "timeZone": user.time_zone,
            "avatarUrl": None,
        },
        "attendees": [
            {"name": row.name, "email": row.email, "timeZone": row.time_zone, "phoneNumber": row.phone_number}
            for row in booking.attendees
        ],
        "eventTypeId": kind.id if kind else None,
        "eventType": {
            "eventName": None,
            "slug": kind.slug if kind else None,
            "timeZone": None,
            "schedulingType": None,
            "hideOrganizerEmail": False,
        },
        "seatsReferences": [],
    }
    if build.explicit_empty:
        shown["cancelledBy"] = booking.cancelled_by
    return shown | ({"assignmentReason": []} if build.display_email else {})
