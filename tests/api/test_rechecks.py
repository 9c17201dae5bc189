"""Bookings that do not fit a filter which the server ignored are left out, counted and warned about."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from airflow_provider_calcom.api.query import BookingQuery, unmet_filter
from tests.api.fakes import CursorServer, ListServer
from tests.api.support import BUILDS, Both, booking, recordings

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()
NAMES = {"status": "status", "attendeeEmail": "attendee_email", "attendeeName": "attendee_name",
         "bookingUid": "booking_uid", "eventTypeIds": "event_type_ids"}  # fmt: skip
RECORDED_AT = {"2025-08": "2026-11-22T05:14:51Z", "2025-12": "2026-11-22T05:26:20Z", "2026-07": "2026-11-22T05:33:31Z"}


def filters_of(path: str) -> dict[str, Any]:
    """The filters of a recorded list's path, by our names."""
    filters: dict[str, Any] = {}
    for name, value in parse_qsl(urlsplit(path).query):
        if name in ("status", "eventTypeIds"):
            filters[NAMES[name]] = [*filters.get(NAMES[name], ()), *value.split(",")]
        elif name in NAMES:
            filters[NAMES[name]] = value
    return filters


@pytest.mark.parametrize("build", BUILDS)
def test_what_real_servers_list_fits(build: str) -> None:
    """What a real server listed by a filter fits it, but for the one filter that servers of 2025 ignore."""
    recorded_at = datetime.fromisoformat(RECORDED_AT[build].replace("Z", "+00:00")).timestamp()
    checked: set[str] = set()
    unmet = []
    for recording in recordings(build):
        path, answer = recording["request"].get("path", ""), recording["response"].get("json") or {}
        filters = filters_of(path) if path.startswith("/v2/bookings?") else {}
        if not filters or recording["response"]["status"] != 200:
            continue
        checked |= filters.keys()
        query = BookingQuery(**filters)
        unmet += [unmet_filter(query, item, recorded_at) for item in answer["data"]]
    assert checked == set(NAMES.values())
    assert len(unmet) > 200
    assert set(unmet) - {None} == ({"booking_uid"} if build == "2025-08" else set())


ANN = {"name": "Ann  Ames", "email": "Ann@Example.org", "absent": False}
MONA = {"name": "Mona", "email": "mona+cm0practice0client0id0000@acme.example", "displayEmail": "mona@acme.example"}


@pytest.mark.parametrize(
    ("filters", "fitting", "unfitting"),
    [
        ({"event_type_ids": [1, 2]}, [{"eventTypeId": 2}, {"eventTypeId": None, "eventType": {"id": 1}}],
         [{"eventTypeId": 3}, {"eventTypeId": None, "eventType": None}, {}]),
        ({"attendee_email": " ann@example.org"}, [{"attendees": [MONA, ANN]}], [{"attendees": [MONA]}, {}]),
        ({"attendee_email": "Mona@Acme.example"}, [{"attendees": [MONA]}], [{"attendees": [ANN]}]),
        ({"attendee_name": "ann ames"}, [{"attendees": [ANN]}], [{"attendees": [MONA]}, {"attendees": []}]),
        ({"booking_uid": "uid1"}, [{"uid": "uid1"}], [{"uid": "UID1"}]),
        ({"status": "cancelled"}, [{"status": "cancelled"}, {"status": "rejected"}], [{"status": "accepted"}]),
        ({"status": "unconfirmed"}, [{"status": "pending"}], [{"status": "accepted"}, {"status": "cancelled"}]),
        ({"status": "past"}, [{"end": "2026-11-20T12:04:00Z"}, {"status": "pending", "end": "2026-11-20T09:00:00Z"}],
         [{"end": "2026-11-20T12:06:00Z"}, {"status": "rejected", "end": "2026-11-20T09:00:00Z"}]),
        ({"status": "upcoming"}, [{"end": "2026-11-20T11:56:00Z"}, {"status": "pending", "end": "2026-12-01T00:00Z"}],
         [{"end": "2026-11-20T11:54:00Z"}, {"status": "cancelled", "end": "2026-12-01T00:00:00Z"}]),
        ({"status": "recurring"}, [{"recurringBookingUid": "r", "end": "2026-12-01T00:00:00Z"}],
         [{"end": "2026-12-01T00:00:00Z"}, {"recurringBookingUid": "r", "end": "2026-11-01T00:00:00Z"}]),
        ({"status": ["past", "cancelled"]}, [{"status": "rejected"}, {"end": "2026-11-20T09:00:00Z"}],
         [{"end": "2026-12-01T00:00:00Z"}]),
    ],
)  # fmt: skip
def test_which_bookings_fit(filters: dict[str, Any], fitting: list[Any], unfitting: list[Any]) -> None:
    """What Cal.com's words mean, addresses and names without regard to case; its clock may be minutes off."""
    query = BookingQuery(**filters)
    assert [fields for fields in fitting if unmet_filter(query, booking(**fields), NOW) is not None] == []
    assert [fields for fields in unfitting if unmet_filter(query, booking(**fields), NOW) not in filters] == []


def test_without_the_servers_clock_a_status_says_nothing_of_time() -> None:
    """Our own clock may be wrong, and would leave bookings out."""
    assert unmet_filter(BookingQuery(status="past"), booking(end="2999-01-01T00:00:00Z")) is None
    assert unmet_filter(BookingQuery(status="past"), booking(status="cancelled")) == "status"


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("version", [None, "2026-05-01"])
def test_a_server_that_ignores_a_filter(kind: str, version: str | None, caplog: pytest.LogCaptureFixture) -> None:
    """Only what fits is listed, and one warning for each filter has the number of the others, and no address."""
    rows = [booking(uid=f"uid{number}", start=f"2026-11-20T09:{number:02}:00.000Z", eventTypeId=number % 3,
                    attendees=[ANN] if number < 20 else [MONA]) for number in range(30)]  # fmt: skip
    server = ListServer(rows) if version is None else CursorServer(rows)
    query = BookingQuery(event_type_ids=[1], attendee_email="ann@example.org")
    with caplog.at_level(logging.WARNING):
        found = Both(kind).list(server, query, api_version=version)
    assert [one["uid"] for one in found] == [f"uid{number}" for number in range(1, 20, 3)]
    warnings = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    assert [text.split(",")[0] for text in warnings] == [
        "event_type_ids: Cal.com listed 20 bookings that do not fit it",
        "attendee_email: Cal.com listed 3 bookings that do not fit it",
    ]
    assert "@" not in caplog.text


def test_nothing_is_said_of_a_server_that_filters(caplog: pytest.LogCaptureFixture) -> None:
    """Bookings that only a date leaves out are no sign of an ignored filter: Cal.com has no ``beforeStart``."""
    rows = [booking(uid=f"uid{number}", start=f"2026-11-20T0{number}:00:00.000Z", eventTypeId=1) for number in range(9)]
    found = Both("sync").list(ListServer(rows), BookingQuery(event_type_ids=[1], before_start="2026-11-20T05:00:00Z"))
    assert len(found) == 5
    assert [one for one in caplog.records if one.levelno >= logging.WARNING] == []
