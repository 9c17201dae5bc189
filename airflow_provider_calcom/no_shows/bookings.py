"""Bookings as Cal.com sends them, made into the rules' tables of bookings and of people."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_calcom.attendance.errors import InvalidInput
from airflow_provider_calcom.attendance.feeds.cal_video import cal_video_key, is_cal_video
from airflow_provider_calcom.attendance.feeds.conference_keys import conference_key

# What a platform puts into the addresses of its managed users. Cal.com's displayEmail is the address without it.
_CLIENT_SUFFIX = re.compile(r"\+c[a-z0-9]{24}(?=@)")
_TEXTS = ("uid", "status", "start", "end")
_LISTS = ("attendees", "hosts")


def check_booking(booking: object) -> Mapping[str, Any]:
    """Give a booking back if it has the shape that Cal.com sends: a user's file may hold anything.

    :param booking: a booking of Cal.com's API.
    :raises InvalidInput: in words that go on after the booking's place, and hold nothing of its people.
    """
    if not isinstance(booking, Mapping):
        raise InvalidInput(f"is a {type(booking).__name__}, and no booking")
    for name in _TEXTS:
        if not isinstance(booking.get(name), str):
            raise InvalidInput(f"is no booking as Cal.com sends it: {name} is missing or no text{_hint(booking)}")
    for name in _LISTS:
        people = booking.get(name) or []
        if not isinstance(people, list) or not all(isinstance(person, Mapping) for person in people):
            raise InvalidInput(f"is no booking as Cal.com sends it: {name} is no list of objects")
        for place, person in enumerate(people):
            _check_person(person, f"{name}[{place}]")
    _check_flag(booking.get("absentHost"), "absentHost")
    if not isinstance(booking.get("bookingFieldsResponses") or {}, Mapping):
        raise InvalidInput("is no booking as Cal.com sends it: bookingFieldsResponses is no object")
    return booking


def _check_person(person: Mapping[str, Any], place: str) -> None:
    for name in ("email", "displayEmail"):
        if not isinstance(person.get(name), (str, type(None))):
            raise InvalidInput(f"is no booking as Cal.com sends it: {place}.{name} is no text")
    _check_flag(person.get("absent"), f"{place}.absent")


def _check_flag(flag: object, place: str) -> None:
    """Take null, as hosts of 2026 can have it, for "not absent", but no text: ``"true"`` must not become false."""
    if not isinstance(flag, (bool, type(None))):
        raise InvalidInput(f"is no booking as Cal.com sends it: {place} is neither true nor false")


def _hint(booking: Mapping[str, Any]) -> str:
    return ". It looks like a row of the table bookings, which needs people beside it" * ("booking_uid" in booking)


def booking_row(booking: Mapping[str, Any], *, patterns: Sequence[str] = ()) -> dict[str, Any]:
    """Give the row of a booking.

    The meeting's key comes from ``location``, or from ``meetingUrl`` on servers whose ``location`` names only the
    kind of meeting. Servers of August 2025 don't say where a booking was moved to; the one that was moved is
    ``cancelled`` there, as on all recorded servers, which excludes it just as well.

    :param booking: a booking that passed :func:`check_booking`.
    :param patterns: see :func:`~airflow_provider_calcom.attendance.feeds.conference_keys.conference_key`.
    """
    return {
        "booking_uid": booking["uid"],
        "status": booking["status"],
        "start_at": booking["start"],
        "end_at": booking["end"],
        "rescheduled_to_uid": booking.get("rescheduledToUid"),
        "conference_key": _conference(booking, patterns),
    }


def _conference(booking: Mapping[str, Any], patterns: Sequence[str]) -> str | None:
    for name in ("location", "meetingUrl"):
        key = conference_key(booking.get(name), patterns=patterns)
        if key is not None:
            return key
    return cal_video_key(booking["uid"]) if is_cal_video(booking) else None


def people_rows(booking: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the rows of a booking's people: its attendees, guests and co-hosts among them, and its organiser.

    :param booking: a booking that passed :func:`check_booking`.
    """
    for attendee in booking.get("attendees") or ():
        yield _person(booking, "attendee", attendee, attendee.get("absent") is True)
    for host in booking.get("hosts") or ():
        yield _person(booking, "host", host, booking.get("absentHost") is True)


def _person(booking: Mapping[str, Any], role: str, person: Mapping[str, Any], absent: bool) -> dict[str, Any]:
    return {
        "booking_uid": booking["uid"],
        "role": role,
        "email": person.get("email"),
        "match_email": shown_address(person),
        "name": person.get("name"),
        "phone": person.get("phoneNumber"),
        "absent": absent,
    }


def shown_address(person: Mapping[str, Any]) -> str | None:
    """Give the address by which other programs know a person: ``displayEmail``, or what servers before it would say.

    :param person: an attendee or a host of a booking.
    """
    shown: str | None = person.get("displayEmail") or person.get("email")
    return None if shown is None else _CLIENT_SUFFIX.sub("", shown)
