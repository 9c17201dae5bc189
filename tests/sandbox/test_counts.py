"""The counters that a benchmark polls."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.conftest import Client

UID = "sandbox-yesterday-1"
BOB = {"attendees": [{"email": "bob@example.org", "absent": True}]}


def _counts(client: Client) -> Any:
    return client.get("/_sandbox/counts").json()


def test_calls_are_counted_by_kind(newest: Client) -> None:
    """Lists, single bookings, marks and other calls, failed ones and other spellings included; admin routes never."""
    for path in (
        "/v2/bookings?take=1",
        "/api/v2/bookings/",
        f"/v2/bookings/{UID}",
        "/v2/me",
        f"/v2/bookings/{UID}/attendees",
    ):
        newest.get(path)
    newest.get(f"/v2/bookings/{UID}/mark-absent")
    newest.mark(UID, {"host": True}, headers={"Authorization": "Bearer cal_nosuch"})
    newest.get("/_sandbox/state")
    assert _counts(newest)["calls"] == {"list": 2, "get": 1, "mark": 1, "other": 3}


def test_marks_that_wrote_are_counted(newest: Client) -> None:
    """A booking marked twice counts twice; calls that wrote nothing or failed do not count."""
    for uid, body in ((UID, BOB), (UID, BOB), (UID, {}), ("sandbox-yesterday-2", {"host": True}), ("nosuch", BOB)):
        newest.mark(uid, body)
    newest.mark("sandbox%2Dyesterday-2", {"host": True})
    newest.mark(UID, {"host": True})
    found = _counts(newest)
    assert (found["calls"]["mark"], found["marks_that_wrote"]) == (7, 5)
    assert (found["bookings_marked"], found["most_marks_of_one_booking"]) == (2, 3)


def test_deliveries_and_429s_are_counted() -> None:
    """Every 429 that a client gets counts: from the rate limit and from an injected fault."""

    async def arrives(url: str, headers: dict[str, str], body: bytes) -> str:
        return "200"

    client = Client(rate_limit=(3, 60), send_webhook=arrives)
    hook = {"active": True, "subscriberUrl": "https://ears.example", "triggers": ["BOOKING_NO_SHOW_UPDATED"]}
    client.post("/v2/webhooks", json=hook)
    client.mark(UID, BOB)
    client.post("/_sandbox/faults", json={"method": "GET", "path": "/v2/me", "fault": "status", "status": 429})
    assert [client.get("/v2/me").status_code for _ in range(3)] == [429, 429, 429]
    found = _counts(client)
    assert (found["deliveries"], found["too_many"]) == (1, 3)


@pytest.mark.parametrize("route", ["reset", "world"])
def test_starting_over_clears_the_counts(newest: Client, route: str) -> None:
    """With the same world or with another."""
    nothing = _counts(newest)
    newest.mark(UID, {"host": True})
    assert _counts(newest) != nothing
    newest.post(f"/_sandbox/{route}", json={"world": newest.app.sandbox.source} if route == "world" else {})
    assert _counts(newest) == nothing
