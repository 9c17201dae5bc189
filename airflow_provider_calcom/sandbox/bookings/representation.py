"""The JSON form of bookings, and GET of one booking, a series or a seat."""

import re
from functools import lru_cache
from typing import Any

from airflow_provider_calcom.sandbox.bookings.access import is_event_admin
from airflow_provider_calcom.sandbox.builds import Build
from airflow_provider_calcom.sandbox.clock import iso
from airflow_provider_calcom.sandbox.responses import ApiError
from airflow_provider_calcom.sandbox.world import Attendee, Booking, User, World

Json = dict[str, Any]
_REMEMBERED = 65_536
_CLIENT_SUFFIX = re.compile(r"\+[a-zA-Z0-9]{25}")


@lru_cache(_REMEMBERED)
def display_email(email: str) -> str:
    """Return a managed user's address without the `+<clientId>` that the platform inserts."""
    return _CLIENT_SUFFIX.sub("", email, count=1)


def show_booking(booking: Booking, world: World, build: Build, seated: bool = False, people: bool = True) -> Json:
    """Return one booking as a JSON object.

    :param seated: use the form with a seat in each attendee, as lists and GET do; mark-absent does not.
    :param people: include the attendees; only some callers may see those of a seated booking.
    """
    seated = seated and booking.event_type is not None and booking.event_type.seats
    kind = booking.event_type
    fields = {} if seated else _responses(booking, build)
    location = booking.metadata.get("videoCallUrl") or booking.location
    shown: Json = {
        "id": booking.id,
        "uid": booking.uid,
        "title": booking.title,
        "description": booking.description,
        "hosts": [_show_host(booking.owner, build)],
        "status": booking.status,
        **_reasons(booking, world, build, fields, seated),
        "start": iso(booking.start),
        "end": iso(booking.end),
        "duration": booking.minutes,
        "eventTypeId": kind.id if kind else None,
        "eventType": {"id": kind.id, "slug": kind.slug} if kind else None,
        "meetingUrl": location,
        "location": location,
        "absentHost": bool(booking.absent_host),
        "createdAt": iso(booking.created),
        "updatedAt": iso(booking.updated),
        "rating": None,
        "icsUid": f"{booking.uid}@Cal.com" if booking.ics_uid is None else booking.ics_uid,
        "attendees": [show_attendee(row, build, seated) for row in booking.attendees] if people else [],
    }
    if not seated:
        metadata = {name: value for name, value in booking.metadata.items() if name != "videoCallUrl"}
        shown |= {"metadata": metadata, "bookingFieldsResponses": fields}
        shown |= {"guests": fields["guests"]} if "guests" in fields else {}
    if booking.series:
        shown["recurringBookingUid"] = booking.series
        for row in shown["attendees"]:
            row.pop("phoneNumber", None)
    return shown


def _show_host(user: User, build: Build) -> Json:
    host: Json = {"id": user.id, "name": user.name, "email": user.email, "username": user.username}
    if build.display_email:
        host["displayEmail"] = display_email(user.email)
    return host | {"timeZone": user.time_zone}


def show_attendee(row: Attendee, build: Build, seated: bool = False) -> Json:
    """Return one attendee as a JSON object; the seated form has a seat instead of the phone number."""
    shown: Json = {"name": row.name, "email": row.email, "timeZone": row.time_zone, "language": row.language}
    shown["absent"] = row.absent
    if build.display_email:
        shown["displayEmail"] = display_email(row.email)
    if seated:
        responses = {name: value for name, value in row.seat["responses"].items() if name != "email"}
        shown |= {"seatUid": row.seat["uid"], "bookingFieldsResponses": responses, "metadata": row.seat["metadata"]}
    elif row.phone_number is not None:
        shown["phoneNumber"] = row.phone_number
    return shown


def _reasons(booking: Booking, world: World, build: Build, fields: Json, seated: bool) -> Json:
    """Return why and by whom the booking was cancelled or moved; builds and forms omit different empty fields."""
    found = {
        "cancellationReason": booking.cancellation_reason,
        "cancelledByEmail": booking.cancelled_by,
        "reschedulingReason": fields.get("rescheduledReason"),
        "rescheduledByEmail": booking.rescheduled_by,
        "rescheduledFromUid": booking.rescheduled_from,
        "rescheduledToUid": world.rescheduled_to(booking) if build.rescheduled_to else None,
    }
    reasons: Json = {name: value for name, value in found.items() if value is not None}
    if build.explicit_empty:
        reasons.setdefault("cancellationReason", "")
        if not seated:
            reasons.setdefault("cancelledByEmail", "")
        if not booking.series:
            reasons.setdefault("rescheduledByEmail", None)
    return reasons


_UNKNOWN = {"name": "unknown", "email": "unknown", "guests": [], "rescheduledReason": "unknown"}


def is_complete_form(given: Json) -> bool:
    """Return whether the server accepts these responses of a booking form: a name, an address, and any guests."""
    name, guests = given.get("name"), given.get("guests", [])
    names = [name] if isinstance(name, str) else [(name or {}).get(part) for part in ("firstName", "lastName")]
    texts = [given.get("email"), *names, *(guests if isinstance(guests, list) else [None])]
    return all(isinstance(text, str) for text in texts)


def _responses(booking: Booking, build: Build) -> Json:
    """Return the booking form's responses; without a name and an address the server shows "unknown"."""
    responses: Json = dict(booking.responses) if is_complete_form(booking.responses) else dict(_UNKNOWN)
    if build.display_email:
        responses["displayEmail"] = display_email(responses["email"])
        if "guests" in responses:
            responses["displayGuests"] = [display_email(guest) for guest in responses["guests"]]
    return responses


def get_booking(world: World, build: Build, uid: str, user: User | None) -> Any:
    """Return one booking, or the list of the occurrences for a series uid; raise 404 for an unknown uid."""
    found = [world.bookings[uid]] if uid in world.bookings else []
    series = [] if found else world.index.series.get(uid, [])
    if not found and not series:
        raise ApiError(404, f"Booking with uid={uid} was not found in the database")
    people = _sees_attendees(world, (found or series)[0], user)  # the server checks once for a whole series
    shown = [show_booking(one, world, build, seated=True, people=people) for one in found or series]
    return shown[0] if found else shown


def get_seat(world: World, build: Build, seat_uid: str, user: User | None) -> Json:
    """Return the booking of a seat, with only that seat's attendee for callers who may not see the others."""
    found = world.seated(seat_uid)
    if found is None:
        raise ApiError(404, f"Booking with seatUid={seat_uid} was not found in the database")
    booking, attendee = found
    shown = show_booking(booking, world, build, seated=True)
    if not _sees_attendees(world, booking, user):
        shown["attendees"] = [show_attendee(attendee, build, seated=True)]
    for host in shown["hosts"]:
        del host["timeZone"]  # this route selects fewer columns of the organiser
    return shown


def _sees_attendees(world: World, booking: Booking, user: User | None) -> bool:
    kind = booking.event_type
    return kind is None or not kind.seats or kind.shows_attendees or is_event_admin(world, user, booking)
