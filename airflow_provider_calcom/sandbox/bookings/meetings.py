"""References of a booking, the recordings and sessions of its Cal Video room, and its calendar links."""

from datetime import datetime
from typing import Any
from urllib.parse import quote

from airflow_provider_calcom.sandbox.responses import ApiError
from airflow_provider_calcom.sandbox.world import Booking, EventType, World

Json = dict[str, Any]
CAL_VIDEO = "daily_video"
_FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY")


def show_references(booking: Booking, kind: str | None) -> list[Json]:
    """Return the booking's entries in calendars and meeting services, of one type or of all."""
    return [
        {
            "type": one["type"],
            "eventUid": one["uid"],
            "destinationCalendarId": one.get("externalCalendarId"),
            "id": one["id"],
        }
        for one in booking.references
        if kind in (None, one["type"])
    ]


def room_data(booking: Booking, what: str) -> list[Any]:
    """Return `recordings`, `transcripts` or `sessions` of the booking's Cal Video room; raise 404 without a room."""
    if not any(one["type"] == CAL_VIDEO and one.get("meetingId") for one in booking.references):
        raise ApiError(404, f"No Cal Video reference found with booking uid {booking.uid}")
    return list(booking.video.get(what, ()))


def calendar_links(world: World, uid: str, now: datetime, entry_id: str) -> list[Json]:
    """Return links that add the booking to a calendar.

    :param entry_id: id of the entry in the ICS file, which differs at every call.
    """
    booking = world.bookings.get(uid)
    if booking is None:
        raise ApiError(404, f"Booking with uid {uid} not found")
    if booking.event_type is None:
        raise ApiError(400, f"Booking with uid {uid} has no event type")
    title = _title(world, booking, booking.event_type)
    start, end = (f"{instant:%Y-%m-%dT%H:%M:%SZ}" for instant in (booking.start, booking.end))
    place = booking.metadata.get("videoCallUrl")
    where = f"&location={_component(place)}" if place else ""
    office = f"compose?body=&enddt={end}&path=%2Fcalendar%2Faction%2Fcompose&rru=addevent&startdt={start}"
    outlook = f"https://outlook.live.com/calendar/0/deeplink/{office}&subject={title}"
    google = f"https://calendar.google.com/calendar/r/eventedit?dates={_compact(booking.start)}/{_compact(booking.end)}"
    again = f"&recur={_component(_rule(booking.event_type.recurring))}" if booking.event_type.recurring else ""
    links = {
        ("Google Calendar", "googleCalendar"): f"{google}&text={title}&details={where}{again}",
        ("Microsoft Office", "microsoftOffice"): (
            f"https://outlook.office.com/calendar/0/deeplink/{office}&subject={title}{where}"
        ),
        ("Microsoft Outlook", "microsoftOutlook"): quote(outlook, safe="!#$&'()*+,/:;=?@-._~") + where,
        ("ICS", "ics"): f"data:text/calendar,{_component(_ics(booking, title, place, now, entry_id))}",
    }
    return [{"label": label, "id": name, "link": link} for (label, name), link in links.items()]


def _title(world: World, booking: Booking, kind: EventType) -> str:
    """Return a title built from the event type; the server ignores the booking's own."""
    name = booking.responses.get("name") or "Nameless"
    if isinstance(name, dict):
        name = f"{name.get('firstName', '')} {name.get('lastName', '')}".strip()
    if kind.team_id is not None:
        team = world.teams.get(kind.team_id)
        host = team.name if team else None
    else:
        owner = booking.owner if kind.owner_id is None else world.user_of_id(kind.owner_id)
        host = owner.name if owner else None
    return f"{kind.title} between {host or 'Nameless'} and {name}"


def _component(text: str) -> str:
    return quote(text, safe="!'()*-._~")


def _compact(instant: datetime) -> str:
    return f"{instant:%Y%m%dT%H%M%SZ}"


def _rule(recurring: Json) -> str:
    parts = [
        f"{name.upper()}={_FREQUENCIES[value] if name == 'freq' else value}"
        for name, value in recurring.items()
        if name in ("freq", "count", "interval")
    ]
    return f"RRULE:{';'.join(parts)}"


def _ics(booking: Booking, title: str, place: str | None, now: datetime, entry_id: str) -> str:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "CALSCALE:GREGORIAN", "PRODID:adamgibbons/ics", "METHOD:PUBLISH"]
    lines += ["X-PUBLISHED-TTL:PT1H", "BEGIN:VEVENT", f"UID:{entry_id}", f"SUMMARY:{_escaped(title)}"]
    lines += [f"DTSTAMP:{_compact(now)}", f"DTSTART:{_compact(booking.start)}"]
    lines += [f"LOCATION:{_escaped(place)}"] if place else []
    lines += [f"DURATION:PT{booking.minutes}M", "END:VEVENT", "END:VCALENDAR"]
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def _escaped(text: str) -> str:
    for mark in "\\;,":
        text = text.replace(mark, f"\\{mark}")
    return text.replace("\n", "\\n")


def _folded(line: str) -> str:
    """Fold a line at 75 characters, as iCalendar requires; continuation lines begin with a tab."""
    parts = [line[:75], *(line[at : at + 74] for at in range(75, len(line), 74))]
    return "\r\n\t".join(parts)
