"""References, Cal Video rooms, calendar links, attendees and seats, and the access to them."""

from typing import Any

import pytest

from airflow_provider_calcom.sandbox.practice import practice_world
from tests.sandbox.conftest import NOW, OTHER, OWNER, Client

VIDEO = "sandbox-yesterday-1"
SESSION = {"id": "s1", "room": "r1", "startTime": 1772438400, "duration": 1800, "ongoing": False, "participants": []}


def _with_room(**options: Any) -> Client:
    world = practice_world(NOW)
    reference = {"id": 5, "type": "daily_video", "uid": "r1", "meetingId": "r1"}
    world["bookings"][0] |= {"references": [reference], "video": {"sessions": [SESSION]}}
    return Client(world=world, **options)


def _message(response: Any) -> str:
    return str(response.json()["error"]["message"])


def test_a_room_has_sessions_and_may_have_no_recordings() -> None:
    """They are those of the world file, or an empty list."""
    client = _with_room()
    assert client.get(f"/v2/bookings/{VIDEO}/conferencing-sessions").json()["data"] == [SESSION]
    assert client.get(f"/v2/bookings/{VIDEO}/recordings").json() == {"status": "success", "data": []}
    shown = client.get(f"/v2/bookings/{VIDEO}/references?type=daily_video").json()["data"]
    assert shown == [{"type": "daily_video", "eventUid": "r1", "destinationCalendarId": None, "id": 5}]
    assert client.get(f"/v2/bookings/{VIDEO}/references?type=zoom_video").json()["data"] == []


@pytest.mark.parametrize("route", ["recordings", "transcripts", "conferencing-sessions", "attendees", "attendees/1"])
@pytest.mark.parametrize("uid", ["sandbox-of-other", "nosuch"])
def test_guarded_routes_do_not_reveal_bookings(newest: Client, uid: str, route: str) -> None:
    """The same 403 for another user's booking and for an unknown uid."""
    response = newest.get(f"/v2/bookings/{uid}/{route}")
    text = f"BookingPbacGuard - user with id=1 does not have access to booking with uid={uid}"
    assert (response.status_code, _message(response)) == (403, text)


def test_without_a_room_it_is_404(client: Client, build: str) -> None:
    """The build without sessions does not have the route."""
    responses = [
        client.get(f"/v2/bookings/sandbox-yesterday-2/{one}") for one in ("recordings", "conferencing-sessions")
    ]
    assert [response.status_code for response in responses] == [404, 404]
    assert _message(responses[0]) == "No Cal Video reference found with booking uid sandbox-yesterday-2"
    assert ("Cannot GET" in _message(responses[1])) is (build == "2025-08")


def test_references_are_the_organisers(newest: Client) -> None:
    """400 for another user's booking, 404 for an unknown uid; the type is checked first."""
    path = "/v2/bookings/sandbox-of-other/references"
    assert _message(newest.get(path)) == "Booking with uid sandbox-of-other does not belong to user"
    assert newest.get(f"{path}?type=zzz").json()["error"]["details"]["errors"][0]["property"] == "type"
    assert newest.get("/v2/bookings/nosuch/references").status_code == 404


def test_links_for_calendars(newest: Client) -> None:
    """Four links for any user's booking with an event type, with a title built from the event type."""
    links = newest.get("/v2/bookings/sandbox-of-other/calendar-links").json()["data"]
    assert [one["id"] for one in links] == ["googleCalendar", "microsoftOffice", "microsoftOutlook", "ics"]
    assert "dates=20260302T090000Z/20260302T093000Z&text=intro between Otto Other and Carol Chen" in links[0]["link"]
    assert "%0D%0ADURATION%3APT30M%0D%0A" in links[3]["link"]
    assert newest.get("/v2/bookings/nosuch/calendar-links").status_code == 404


def test_a_seat_shows_all_attendees_only_to_hosts(newest: Client) -> None:
    """Others get only the seat's own attendee; no response has the organiser's time zone."""
    rows = newest.get("/v2/bookings/sandbox-seated").json()["data"]["attendees"]
    path = f"/v2/bookings/by-seat/{rows[1]['seatUid']}"
    assert len(newest.get(path).json()["data"]["attendees"]) == len(rows)
    other = newest.get(path, headers=OTHER).json()["data"]
    assert [row["seatUid"] for row in other["attendees"]] == [rows[1]["seatUid"]]
    assert "timeZone" not in other["hosts"][0]


def test_one_attendee(newest: Client) -> None:
    """By id; 404 for an unknown id, 400 for an id that is not a number."""
    rows = newest.get(f"/v2/bookings/{VIDEO}/attendees").json()["data"]
    assert newest.get(f"/v2/bookings/{VIDEO}/attendees/{rows[0]['id']}").json()["data"] == rows[0]
    assert (
        _message(newest.get(f"/v2/bookings/{VIDEO}/attendees/7")) == f"Attendee with id 7 not found in booking {VIDEO}"
    )
    assert newest.get(f"/v2/bookings/{VIDEO}/attendees/x").status_code == 400


def test_head_responds_like_get_without_a_body(newest: Client) -> None:
    """Content-Length is that of GET."""
    head, get = (newest.request(method, f"/v2/bookings/{VIDEO}") for method in ("HEAD", "GET"))
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(get.content)))


def _in_a_team(server: str) -> Client:
    world = practice_world(NOW)
    members = [{"user": "owner", "role": "ADMIN"}, {"user": "other"}]
    world["teams"] = [{"id": 1, "parentId": 9, "members": members}]
    world["teams"].append({"id": 9, "organization": True, "members": [{"user": "nobody", "role": "OWNER"}, *members]})
    return Client(world=world, server=server)


def test_team_admins_list_their_members_bookings() -> None:
    """Not on the open edition; a plain member lists only bookings as organiser or attendee."""
    found = {}
    for server in ("2025-12", "2026-07"):
        client = _in_a_team(server)
        found[server] = {one["uid"] for one in client.get("/v2/bookings?take=250").json()["data"]}
        mine = client.get("/v2/bookings?take=250", headers=OTHER).json()["data"]
        assert {one["uid"] for one in mine} == {"sandbox-of-other", "sandbox-team"}
    assert found["2025-12"] - found["2026-07"] == {"sandbox-of-other"}


@pytest.mark.parametrize(
    ("path", "key", "count"),
    [
        ("teams/1/bookings", "owner", 1),
        ("teams/1/bookings", "other", None),
        ("organizations/9/bookings", "nobody", 38),
        ("organizations/9/bookings?userIds=2", "nobody", 1),
        ("organizations/9/bookings", "other", None),
        ("organizations/9/teams/1/bookings", "nobody", 1),
        ("organizations/9/users/2/bookings", "nobody", 2),
        ("organizations/9/users/77/bookings", "nobody", None),
    ],
)
def test_lists_of_teams_and_organisations(path: str, key: str, count: int | None) -> None:
    """For owners and admins, with any version or none; not on the open edition."""
    headers = {**OWNER, "Authorization": f"Bearer cal_sandbox_{key}", "cal-api-version": ""}
    response = _in_a_team("2026-03").get(f"/v2/{path}", headers=headers)
    assert response.status_code == (200 if count is not None else 403)
    assert count is None or response.json()["pagination"]["totalItems"] == count
    gone = _in_a_team("2026-07").get(f"/v2/{path}", headers=headers)
    assert (gone.status_code, _message(gone)) == (404, f"Cannot GET /v2/{path}")
