"""Cancel, reschedule, confirm, decline and reassign: permissions, errors and their order, and writes."""

from typing import Any

import pytest

from airflow_provider_calcom.sandbox.practice import practice_world
from tests.sandbox.conftest import NOW, OTHER, OWNER, Client

NOBODY = {**OWNER, "Authorization": "Bearer cal_sandbox_nobody"}
AHEAD, NEXT = "sandbox-tomorrow-1", "sandbox-tomorrow-2"
FREE = "2026-03-09T09:00:00Z"


def _write(client: Client, path: str, body: Any = None, headers: Any = None) -> Any:
    return client.post(f"/v2/bookings/{path}", json={} if body is None else body, headers=headers or {})


def _error_of(response: Any) -> tuple[int, str]:
    """Return status and message, with or without an envelope."""
    body = response.json()
    return response.status_code, body["error"]["message"] if "error" in body else body["message"]


def _status(client: Client, uid: str) -> str:
    return client.app.sandbox.world.bookings[uid].status


@pytest.mark.parametrize("headers", [NOBODY, {"Authorization": ""}])
def test_anybody_may_cancel_and_reschedule(newest: Client, headers: dict[str, str]) -> None:
    """With the key of a user without access to the booking, and without a key."""
    assert _write(newest, f"{AHEAD}/cancel", {"cancellationReason": "x"}, headers).status_code == 200
    assert _write(newest, f"{NEXT}/reschedule", {"start": FREE}, headers).status_code == 201
    assert (_status(newest, AHEAD), _status(newest, NEXT)) == ("cancelled", "cancelled")


def test_a_cancelled_booking_stays_cancelled(newest: Client) -> None:
    """A second cancellation is 400; the reason stays."""
    body = {"cancellationReason": "rain"}
    first = _write(newest, f"{AHEAD}/cancel", body).json()["data"]
    assert (first["status"], first["cancellationReason"]) == ("cancelled", "rain")
    status, message = _error_of(_write(newest, f"{AHEAD}/cancel", body))
    assert (status, "because it has been cancelled already" in message) == (400, True)


def test_what_has_ended_cannot_be_cancelled_since_late_2025(client: Client, build: str) -> None:
    """It is a 400 without envelope; a meeting in progress may be cancelled."""
    response = _write(client, "sandbox-yesterday-1/cancel", {"cancellationReason": "x"})
    if build == "2025-08":
        assert response.status_code == 200
    else:
        assert response.json() == {"statusCode": 400, "message": "Cannot cancel a booking that has already ended"}
    assert _write(client, "sandbox-in-progress/cancel", {"cancellationReason": "x"}).status_code == 200


def test_the_organiser_needs_a_reason_but_not_on_the_open_edition(client: Client, build: str) -> None:
    """Other users need no reason on any build."""
    assert _write(client, f"{AHEAD}/cancel").status_code == (200 if build == "2026-07" else 400)
    assert _write(client, f"{NEXT}/cancel", headers=NOBODY).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("cancel", {"foo": 1}, "foo property is wrong,property foo should not exist "),
        (
            "cancel",
            {"cancellationReason": 1},
            "cancellationReason property is wrong,cancellationReason must be a string ",
        ),
        ("cancel", {"seatUid": None}, "seatUid property is wrong,seatUid must be a string "),
        ("cancel", {"seatUid": "nope"}, "Invalid seatUid: this seat does not exist or has already been cancelled."),
        ("reschedule", {}, "start property is wrong,start must be a valid ISO 8601 date string "),
        ("reschedule", {"start": FREE, "rescheduledBy": "x"}, "rescheduledBy property is wrong,Invalid rescheduledBy"),
    ],
)
def test_bodies_are_checked_first(newest: Client, path: str, body: Any, message: str) -> None:
    """All errors are one sentence; unknown keys are errors here, though mark-absent ignores them."""
    status, text = _error_of(_write(newest, f"nosuch/{path}", body))
    assert (status, text[: len(message)]) == (400, message)


def test_a_seat_is_cancelled_alone(newest: Client) -> None:
    """The other seats stay, a second cancellation is 400, and only a host may cancel the whole booking."""
    world = practice_world(NOW)
    seated = next(one for one in world["bookings"] if one["uid"] == "sandbox-seated")
    seated |= {"start": "2026-03-05T10:00:00Z", "end": "2026-03-05T10:30:00Z"}
    newest.post("/_sandbox/world", json={"world": world})
    rows = newest.get("/v2/bookings/sandbox-seated").json()["data"]["attendees"]
    body = {"seatUid": rows[0]["seatUid"]}
    assert _error_of(_write(newest, f"{AHEAD}/cancel", body))[1].endswith("does not belong to this booking.")
    shown = _write(newest, "sandbox-seated/cancel", body).json()["data"]
    assert [row["email"] for row in shown["attendees"]] == [row["email"] for row in rows[1:]]
    assert _error_of(_write(newest, "sandbox-seated/cancel", body))[0] == 400
    assert _error_of(_write(newest, "sandbox-seated/cancel", headers=NOBODY)) == (401, "User not a host of this event")
    shown = _write(newest, "sandbox-seated/cancel").json()["data"]
    assert (shown["status"], shown["attendees"]) == ("cancelled", [])


def test_subsequent_bookings_of_a_series_are_cancelled(newest: Client) -> None:
    """From the named occurrence on; the response is the whole series. With the series uid the option is an error."""
    body = {"cancellationReason": "x", "cancelSubsequentBookings": True}
    assert _error_of(_write(newest, "sandbox-series/cancel", body))[0] == 400
    shown = _write(newest, "sandbox-series-4/cancel", body).json()["data"]
    assert [one["status"] for one in shown] == ["accepted", "accepted", "accepted", "cancelled"]
    assert _error_of(_write(newest, "sandbox-series/cancel", {}))[0] == 400  # the first that is found is cancelled


def test_subsequent_bookings_without_a_series_are_an_error_after_the_write(newest: Client) -> None:
    """400 for a booking without a series, which is cancelled nevertheless."""
    response = _write(newest, f"{AHEAD}/cancel", {"cancelSubsequentBookings": True})
    assert (response.status_code, _status(newest, AHEAD)) == (400, "cancelled")


def test_rescheduling_makes_another_booking(client: Client, build: str) -> None:
    """It has a new uid and title, no marks, and the same calendar id; the old one is cancelled and names it."""
    client.app.sandbox.world.bookings["sandbox-yesterday-5"].attendees[0].absent = True
    body = {"start": FREE, "reschedulingReason": "later"}
    new = _write(client, "sandbox-yesterday-5/reschedule", body).json()["data"]
    old = client.get("/v2/bookings/sandbox-yesterday-5").json()["data"]
    assert (old["status"], old.get("rescheduledToUid")) == ("cancelled", None if build == "2025-08" else new["uid"])
    assert (new["status"], new["rescheduledFromUid"], new["reschedulingReason"]) == ("accepted", old["uid"], "later")
    assert (new["start"], new["duration"], new["icsUid"]) == ("2026-03-09T09:00:00.000Z", 30, old["icsUid"])
    assert new["title"] == "30min between Olivia Owner and Bob Barker"
    assert {row["email"] for row in new["attendees"]} == {row["email"] for row in old["attendees"]}
    assert not any(row["absent"] for row in new["attendees"])
    status, message = _error_of(_write(client, "sandbox-yesterday-5/reschedule", body))
    assert (status, f"rescheduled already to booking with uid={new['uid']}." in message) == (400, True)


@pytest.mark.parametrize(
    ("uid", "start", "status", "message"),
    [
        ("nosuch", FREE, 404, "Booking with uid=nosuch was not found in the database"),
        ("sandbox-seated", FREE, 400, "Booking with uid=sandbox-seated is a seated booking"),
        ("sandbox-cancelled", FREE, 400, "Can't reschedule booking with uid=sandbox-cancelled because it has been"),
        ("sandbox-rejected", FREE, 404, "Could not find original booking"),
        (AHEAD, "2026-03-03T11:00:00Z", 400, "Attempting to book a meeting in the past."),
        (AHEAD, "2026-03-03T13:00:00Z", 400, 'The event type can\'t be booked at the "start" time provided.'),
        (AHEAD, "2026-03-04T09:15:00Z", 400, "User either already has booking at this time or is not available"),
    ],
)
def test_rejected_reschedulings(newest: Client, uid: str, start: str, status: int, message: str) -> None:
    """The errors, in the server's order; nothing is written."""
    before = {one: _status(newest, one) for one in newest.app.sandbox.world.bookings}
    came = _error_of(_write(newest, f"{uid}/reschedule", {"start": start}))
    assert (came[0], came[1][: len(message)]) == (status, message)
    assert {one: _status(newest, one) for one in newest.app.sandbox.world.bookings} == before


def test_a_booking_may_move_within_its_own_time(newest: Client) -> None:
    """It does not conflict with itself."""
    assert _write(newest, "sandbox-tomorrow-1/reschedule", {"start": "2026-03-04T08:15:00Z"}).status_code == 201


def test_only_a_pending_booking_can_be_confirmed(newest: Client) -> None:
    """An accepted booking is 400 without details; declining may be repeated; other users get 401 with a valid key."""
    assert _error_of(_write(newest, "sandbox-yesterday-1/confirm")) == (400, "Booking already confirmed")
    refused = _write(newest, "sandbox-of-other/decline", headers=NOBODY).json()["error"]
    assert refused == {"code": "TRPCError", "message": "User is not authorized to confirm this booking"}
    for _ in range(2):
        assert _write(newest, "sandbox-pending/decline", {"reason": "no"}).json()["data"]["status"] == "rejected"
    assert _write(newest, "sandbox-pending/confirm").json()["data"]["status"] == "accepted"
    assert _error_of(_write(newest, "nosuch/confirm"))[0] == 404


def test_reassigning_does_nothing_on_the_open_edition(client: Client, build: str) -> None:
    """There it responds 200 with the current host; on the other builds another host of the team takes over."""
    email = "owner@example.com" if build == "2026-07" else "other@example.com"
    given = _write(client, "sandbox-team/reassign").json()["data"]["reassignedTo"]
    assert (given["email"], client.app.sandbox.world.bookings["sandbox-team"].owner.email) == (email, email)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("nosuch/reassign", OWNER, 404),
        ("sandbox-team/reassign", NOBODY, 403),
        ("sandbox-of-other/reassign/1", OWNER, 403),
        ("sandbox-of-other/reassign/99", OTHER, 404),
        ("sandbox-team/reassign/x", OWNER, 400),
    ],
)
def test_rejected_reassignments(newest: Client, path: str, headers: Any, status: int) -> None:
    """Only owners and hosts of the event may reassign; that is checked before the new host is looked up."""
    assert _write(newest, path, headers=headers).status_code == status


def test_each_write_has_its_webhook(newest: Client) -> None:
    """The organiser's webhook gets it, with the booking's uid."""
    triggers = ["BOOKING_CREATED", "BOOKING_REJECTED", "BOOKING_CANCELLED", "BOOKING_RESCHEDULED"]
    hook = {"active": True, "subscriberUrl": "http://127.0.0.1:9/", "triggers": triggers}
    newest.post("/v2/webhooks", json=hook)
    _write(newest, "sandbox-pending/decline")
    _write(newest, "sandbox-pending/confirm")
    _write(newest, f"{AHEAD}/cancel")
    _write(newest, f"{NEXT}/reschedule", {"start": FREE})
    sent = [one["body"] for one in newest.get("/_sandbox/deliveries").json()["deliveries"]]
    assert [next(one for one in triggers if one in body) for body in sent] == [triggers[at] for at in (1, 0, 2, 3)]
    assert '"uid":"sandbox-pending"' in sent[0]
