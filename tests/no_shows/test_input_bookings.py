"""Bookings as Cal.com sends them, made into rows of the rules' tables."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from airflow_provider_calcom.attendance.errors import InvalidInput
from airflow_provider_calcom.attendance.feeds import InvalidFeedOption
from airflow_provider_calcom.no_shows.inputs import booking_row, check_booking, people_rows, shown_address
from airflow_provider_calcom.sandbox.bookings.representation import show_booking
from airflow_provider_calcom.sandbox.builds import BUILDS
from airflow_provider_calcom.sandbox.practice import practice_world
from airflow_provider_calcom.sandbox.world import load_world
from tests.support import NOW

Row = dict[str, Any]
CLIENT = "cm0practice0client0id0000"
MONA = f"mona+{CLIENT}@example.org"


def shown(uid: str, build: str = "2026-07", **changed: Any) -> Row:
    """A booking of the practice world as a list of that build has it."""
    world = load_world(practice_world(NOW))
    return show_booking(world.bookings[uid], world, BUILDS[build], seated=True) | changed


def people(booking: Row) -> list[Row]:
    return list(people_rows(check_booking(booking)))


@pytest.mark.parametrize("build", list(BUILDS))
def test_every_booking_of_every_build_has_rows(build: str) -> None:
    """Each shape that a server sends is taken: seats, series, teams, cancelled ones."""
    world = load_world(practice_world(NOW))
    for booking in world.bookings.values():
        sent = show_booking(booking, world, BUILDS[build], seated=True)
        row = booking_row(check_booking(sent))
        assert (row["booking_uid"], row["status"]) == (booking.uid, booking.status)
        assert (row["start_at"], row["end_at"]) == (sent["start"], sent["end"])
        assert [(one["role"], one["email"]) for one in people(sent)] == [
            *(("attendee", attendee.email) for attendee in booking.attendees),
            ("host", booking.owner.email),
        ]


def test_a_row_of_a_person() -> None:
    """What the rules know of an attendee and of a host, whose flag is the booking's."""
    booking = shown("sandbox-yesterday-1", absentHost=True)
    booking["attendees"][0] |= {"phoneNumber": "+491701234567", "absent": True}
    attendee, host = people(booking)
    assert attendee == {
        "booking_uid": "sandbox-yesterday-1",
        "role": "attendee",
        "email": "bob@example.org",
        "match_email": "bob@example.org",
        "name": "Bob Barker",
        "phone": "+491701234567",
        "absent": True,
    }
    assert (host["role"], host["email"], host["absent"], host["phone"]) == ("host", "owner@example.com", True, None)


@pytest.mark.parametrize("flag", [None, False])
def test_a_flag_that_is_null_is_not_set(flag: Any) -> None:
    """Servers of 2026 write null for a host whom a call names with ``host: null``."""
    booking = shown("sandbox-yesterday-1", absentHost=flag)
    del booking["attendees"][0]["absent"]
    assert [one["absent"] for one in people(booking)] == [False, False]


@pytest.mark.parametrize("build", list(BUILDS))
def test_a_managed_user_is_known_by_the_address_that_people_see(build: str) -> None:
    """Servers of 2025 don't send displayEmail; the platform's part is left out as they leave it out since."""
    (mona, _) = people(shown("sandbox-yesterday-8", build))
    assert (mona["email"], mona["match_email"]) == (MONA, "mona@example.org")


@pytest.mark.parametrize(
    ("person", "address"),
    [
        ({"email": "dave+cal@example.org"}, "dave+cal@example.org"),
        ({"email": f"dave+cal+{CLIENT}@example.org"}, "dave+cal@example.org"),
        ({"email": f"{CLIENT}@example.org"}, f"{CLIENT}@example.org"),
        ({"email": f"dave+{CLIENT}x@example.org"}, f"dave+{CLIENT}x@example.org"),
        ({"email": f"dave+{CLIENT.upper()}@example.org"}, f"dave+{CLIENT.upper()}@example.org"),
        ({"email": "x@example.org", "displayEmail": "y@example.org"}, "y@example.org"),
        ({"email": "x@example.org", "displayEmail": ""}, "x@example.org"),
        ({"email": None}, None),
        ({}, None),
    ],
)
def test_shown_address(person: Row, address: str | None) -> None:
    """Only what a platform puts there is left out, not a tag that somebody chose."""
    assert shown_address(person) == address


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"location": "https://zoom.us/j/81200001111"}, "zoom:81200001111"),
        ({"location": "integrations:zoom", "meetingUrl": "https://zoom.us/j/81200001111"}, "zoom:81200001111"),
        ({"location": None, "meetingUrl": "https://meet.google.com/abc-defg-hij"}, "google_meet:abcdefghij"),
        ({"location": "https://zoom.us/j/81200001111", "meetingUrl": "https://zoom.us/j/9"}, "zoom:81200001111"),
        ({"location": "integrations:daily"}, "cal_video:sandbox-yesterday-1"),
        ({"location": "https://app.cal.com/video/abcdefg"}, "cal_video:abcdefg"),
        ({"location": "Room 5, clinic", "meetingUrl": None}, None),
        ({"location": {"type": "link"}, "meetingUrl": 7}, None),
    ],
)
def test_the_key_of_a_meeting(fields: Row, key: str | None) -> None:
    """It is made of the location, or else of the older meetingUrl; in Cal Video the booking is the meeting."""
    booking = shown("sandbox-yesterday-1", meetingUrl=None) | fields
    assert booking_row(check_booking(booking))["conference_key"] == key


def test_patterns_of_ones_own() -> None:
    """They come before the vendors' links, and a wrong one is named."""
    booking = check_booking(shown("sandbox-yesterday-1"))
    assert booking_row(booking, patterns=[r"meet\.example\.com/(\w+)"])["conference_key"] == "room"
    with pytest.raises(InvalidFeedOption, match="conference pattern"):
        booking_row(booking, patterns=["("])


def test_where_a_booking_was_moved_to() -> None:
    """Return it where the server has it."""
    assert booking_row(shown("sandbox-yesterday-1"))["rescheduled_to_uid"] is None
    assert booking_row(shown("sandbox-yesterday-1", rescheduledToUid="new"))["rescheduled_to_uid"] == "new"


NO_TEXTS: list[Any] = [7, None, {"email": "bob@example.org"}, ["bob@example.org"]]
NO_PEOPLE: list[Any] = [7, "bob@example.org", {"email": "bob@example.org"}, ["bob@example.org"]]


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name in ("uid", "status", "start", "end") for value in NO_TEXTS]
    + [(name, value) for name in ("attendees", "hosts") for value in NO_PEOPLE],
)
def test_rows_that_are_not_bookings(name: str, value: Any) -> None:
    """A field of another kind is named, and its value is not shown."""
    with pytest.raises(InvalidInput, match=name) as raised:
        check_booking(shown("sandbox-yesterday-1") | {name: value})
    assert "bob" not in str(raised.value)


def test_a_booking_is_not_changed() -> None:
    """The booking that was given is as it was."""
    booking = shown("sandbox-team")
    before = copy.deepcopy(booking)
    booking_row(check_booking(booking))
    people(booking)
    assert booking == before


def test_a_booking_without_people() -> None:
    """Lists that are null or missing, as a seated booking hides its people, are empty."""
    booking = shown("sandbox-seated", attendees=None)
    del booking["hosts"]
    assert people(booking) == []
