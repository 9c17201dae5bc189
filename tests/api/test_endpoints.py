"""Each endpoint sends what Cal.com takes, and reads only what is Cal.com's."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from airflow_provider_calcom.api import endpoints, errors, query, responses
from airflow_provider_calcom.api.arguments import checked_id, checked_uid
from airflow_provider_calcom.api.endpoints import Endpoint
from airflow_provider_calcom.api.models import AttendeeMark, Page
from airflow_provider_calcom.api.responses import Response
from tests.api.support import (
    BUILDS,
    RECORDINGS,
    answering,
    booking,
    recorded,
    recorded_answer,
    recordings,
    success,
)

MARKS: tuple[AttendeeMark, AttendeeMark] = (
    {"email": "Ann@Example.org", "absent": True},
    {"email": "bob@example.org", "absent": False},
)
NAMED: Any = {**MARKS[0], "name": "Ann"}

TABLE: list[tuple[Endpoint[Any], str, str, dict[str, str], Any]] = [
    (endpoints.me(), "GET", "/me", {}, None),
    (endpoints.bookings_page("/bookings", (("take", "7"),)), "GET", "/bookings", {"take": "7"}, None),
    (endpoints.get_booking("uid1"), "GET", "/bookings/uid1", {}, None),
    (endpoints.read_booking("uid1"), "GET", "/bookings/uid1", {}, None),
    (endpoints.get_booking_series("uid1"), "GET", "/bookings/uid1", {}, None),
    (endpoints.get_booking_by_seat("seat-1"), "GET", "/bookings/by-seat/seat-1", {}, None),
    (endpoints.get_attendees("uid1"), "GET", "/bookings/uid1/attendees", {}, None),
    (endpoints.get_references("uid1"), "GET", "/bookings/uid1/references", {}, None),
    (endpoints.get_references("uid1", "zoom_video"), "GET", "/bookings/uid1/references", {"type": "zoom_video"}, None),
    (endpoints.get_recordings("uid1"), "GET", "/bookings/uid1/recordings", {}, None),
    (endpoints.get_transcripts("uid1"), "GET", "/bookings/uid1/transcripts", {}, None),
    (endpoints.get_conferencing_sessions("uid1"), "GET", "/bookings/uid1/conferencing-sessions", {}, None),
    (endpoints.mark_absent("uid1", host=True), "POST", "/bookings/uid1/mark-absent", {}, {"host": True}),
    (endpoints.mark_absent("uid1", host=False), "POST", "/bookings/uid1/mark-absent", {}, {"host": False}),
    (
        endpoints.mark_absent("uid1", attendees=MARKS),
        "POST", "/bookings/uid1/mark-absent", {}, {"attendees": list(MARKS)},
    ),
    (
        endpoints.mark_absent("uid1", host=True, attendees=[NAMED]),
        "POST", "/bookings/uid1/mark-absent", {}, {"host": True, "attendees": [MARKS[0]]},
    ),
    (endpoints.confirm_booking("uid1"), "POST", "/bookings/uid1/confirm", {}, None),
    (endpoints.decline_booking("uid1"), "POST", "/bookings/uid1/decline", {}, {}),
    (endpoints.decline_booking("uid1", "full"), "POST", "/bookings/uid1/decline", {}, {"reason": "full"}),
    (
        endpoints.cancel_booking("uid1", reason="ill", cancel_subsequent=False, seat_uid="s1"),
        "POST", "/bookings/uid1/cancel", {},
        {"cancellationReason": "ill", "cancelSubsequentBookings": False, "seatUid": "s1"},
    ),
    (
        endpoints.reschedule_booking("uid1", start="2026-12-01T09:00Z", reason="r", rescheduled_by="b", seat_uid="s1"),
        "POST", "/bookings/uid1/reschedule", {},
        {"start": "2026-12-01T09:00Z", "reschedulingReason": "r", "rescheduledBy": "b", "seatUid": "s1"},
    ),
    (endpoints.reassign_booking("uid1"), "POST", "/bookings/uid1/reassign", {}, None),
    (endpoints.reassign_booking_to_user("uid1", "7"), "POST", "/bookings/uid1/reassign/7", {}, {}),
    (endpoints.reassign_booking_to_user("uid1", 7, "ill"), "POST", "/bookings/uid1/reassign/7", {}, {"reason": "ill"}),
    (
        endpoints.create_webhook(subscriber_url="https://x.test", triggers=("A",), secret="s", payload_template="{}"),
        "POST", "/webhooks", {},
        {"subscriberUrl": "https://x.test", "triggers": ["A"], "active": True, "secret": "s", "payloadTemplate": "{}"},
    ),
    (
        endpoints.create_webhook(subscriber_url="https://x.test", triggers=["A"], active=False),
        "POST", "/webhooks", {}, {"subscriberUrl": "https://x.test", "triggers": ["A"], "active": False},
    ),
    (endpoints.list_webhooks(), "GET", "/webhooks", {"take": "250", "skip": "0"}, None),
    (endpoints.list_webhooks(take=5, skip=10), "GET", "/webhooks", {"take": "5", "skip": "10"}, None),
    (endpoints.get_webhook("w-1"), "GET", "/webhooks/w-1", {}, None),
    (endpoints.update_webhook("w-1", active=False), "PATCH", "/webhooks/w-1", {}, {"active": False}),
    (endpoints.delete_webhook("w-1"), "DELETE", "/webhooks/w-1", {}, None),
]  # fmt: skip

ANYTHING = {**booking(), "id": 1}


@pytest.mark.parametrize(("endpoint", "method", "path", "params", "body"), TABLE)
def test_what_is_sent(both, endpoint, method, path, params, body):
    """Each endpoint is one method and path below /v2, at the bookings' version, with these parameters and body."""
    listing = path in ("/bookings", "/webhooks") and method == "GET"
    listing = listing or path.rpartition("/")[2] in ("attendees", "references", "recordings", "transcripts")
    listing = listing or path.endswith("sessions")
    server = answering(httpx.Response(200, json=success([] if listing else ANYTHING)))
    both.call(server, endpoint)
    (request,) = server.requests
    assert (request.method, request.url.path) == (method, "/v2" + path)
    assert dict(request.url.params) == params
    assert request.headers["cal-api-version"] == "2024-08-13"
    assert (json.loads(request.content) if request.content else None) == body
    assert endpoint.writes is (method != "GET")


BY_UID = [
    endpoints.get_booking, endpoints.read_booking, endpoints.get_booking_series, endpoints.get_booking_by_seat,
    endpoints.get_attendees, endpoints.get_references, endpoints.get_recordings, endpoints.get_transcripts,
    endpoints.get_conferencing_sessions, endpoints.confirm_booking, endpoints.decline_booking,
    endpoints.cancel_booking, endpoints.reassign_booking, endpoints.get_webhook, endpoints.delete_webhook,
    endpoints.update_webhook,
    lambda uid: endpoints.mark_absent(uid, host=True),
    lambda uid: endpoints.reschedule_booking(uid, start="x"),
    lambda uid: endpoints.reassign_booking_to_user(uid, 1),
    lambda uid: endpoints.cancel_booking("uid1", seat_uid=uid),
    lambda uid: endpoints.reschedule_booking("uid1", start="x", seat_uid=uid),
]  # fmt: skip


NO_UIDS = ["a/b", "..", ".", "a?b", "a%2Fb", "ü", "", " ", "a b", "a\nb", "a#b", 5, b"uid", "x" * 200]


@pytest.mark.parametrize("make", BY_UID)
def test_a_uid_can_never_lead_to_another_route(make):
    """Each call checks its uid, before anything is sent."""
    with pytest.raises(errors.InvalidArgument, match=r"uid|webhook_id"):
        make("a/b")


@pytest.mark.parametrize("uid", NO_UIDS)
def test_what_cant_be_a_uid(uid):
    """A uid with anything but ASCII letters, digits, - and _ is refused."""
    with pytest.raises(errors.InvalidArgument, match=r"^booking_uid must be a uid"):
        checked_uid(uid)


@pytest.mark.parametrize("value", [None, 3, [], True, "x" * 5000, "²"])
def test_a_bad_uid_is_shown_shortened(value):
    """The text names the parameter and shows what came, but never thousands of characters of it."""
    with pytest.raises(errors.InvalidArgument, match=r"^my_uid must be a uid") as caught:
        checked_uid(value, "my_uid")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "uid", ["eSZBvfTVfFoencfbL3uv9k", " eSZBvfTVfFoencfbL3uv9k\n", "57247c93-d227-450b-a133-ef3a02e0889a", "a_b"]
)
def test_a_uid_keeps_its_spelling(uid):
    """A uid is case-sensitive and goes out as it came, without white space around it."""
    assert checked_uid(uid) == uid.strip()
    assert endpoints.get_booking(uid).path == f"/bookings/{uid.strip()}"


@pytest.mark.parametrize(("value", "number"), [(1, 1), ("7", 7), (" 7 ", 7), ("007", 7), (10**17, 10**17)])
def test_ids(value, number):
    """An id is a positive number, also as a text of digits."""
    assert checked_id(value, "team_id") == number


@pytest.mark.parametrize("value", [0, -1, "0", "-1", "", "7.0", 7.0, "1e3", True, None, "²", "٣", "1/2", "9" * 30, [7]])
def test_what_cant_be_an_id(value):
    """An id that is not a positive number is refused, and the text names the parameter."""
    with pytest.raises(errors.InvalidArgument, match=r"^team_id must be the positive number"):
        checked_id(value, "team_id")


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (query.team_bookings, "team_id"),
        (query.organization_bookings, "organization_id"),
        (lambda value: query.organization_team_bookings(1, value), "team_id"),
        (lambda value: query.organization_team_bookings(value, 1), "organization_id"),
        (lambda value: query.organization_user_bookings(1, value), "user_id"),
        (lambda value: endpoints.reassign_booking_to_user("uid1", value), "user_id"),
    ],
)
def test_each_path_checks_its_id(make, name):
    """No id can lead to another route, and the text names the parameter."""
    with pytest.raises(errors.InvalidArgument, match=f"^{name} must be the positive number"):
        make("1/2")


def test_paths_of_lists():
    """Each list of bookings has its path."""
    assert query.own_bookings() == "/bookings"
    assert query.team_bookings(3) == "/teams/3/bookings"
    assert query.organization_bookings("4") == "/organizations/4/bookings"
    assert query.organization_team_bookings(4, 3) == "/organizations/4/teams/3/bookings"
    assert query.organization_user_bookings(4, 5) == "/organizations/4/users/5/bookings"


@pytest.mark.parametrize(
    "options",
    [{}, {"attendees": []}, {"attendees": ()}, {"attendees": None}, {"host": True, "attendees": []}, {"host": None}],
)
def test_an_empty_mark_absent_is_refused(options):
    """A mark-absent that says nothing, or names an empty list, is refused before any call."""
    with pytest.raises(errors.InvalidArgument, match="attendees must name someone"):
        endpoints.mark_absent("uid1", **options)


def test_a_body_above_100_kb_is_refused():
    """A body that Cal.com answers with 413 is refused before any call, counted in bytes and not in characters."""
    some: list[AttendeeMark] = [{"email": f"{'ä' * 60}{number}@example.org", "absent": True} for number in range(500)]
    assert endpoints.mark_absent("uid1", attendees=some).body
    with pytest.raises(errors.InvalidArgument, match=r"attendees make a request of .* bytes; Cal.com takes 100,000"):
        endpoints.mark_absent("uid1", attendees=some * 2)


@pytest.mark.parametrize(
    ("version", "sent"), [(None, "2024-08-13"), ("2026-02-25", "2026-02-25"), ("2024-08-13", "2024-08-13")]
)
def test_at_version(version, sent):
    """A call may be sent at another version, and at its own where none is given."""
    assert endpoints.me().at_version(version).api_version == sent


def test_at_a_version_that_is_none():
    """A version that is not a date is refused."""
    with pytest.raises(errors.InvalidArgument, match="api_version"):
        endpoints.me().at_version("latest")


NO_ENVELOPES: list[Any] = [
    None, [], "text", 5, {}, {"status": "success"}, {"data": {}}, {"status": "error", "data": {}},
    {"status": "ok", "data": {}},
    {"status": "success", "data": None}, {"status": "success", "data": 5}, {"status": "success", "data": "text"},
]  # fmt: skip


@pytest.mark.parametrize(
    "endpoint",
    [
        endpoints.me(), endpoints.get_booking("u"), endpoints.read_booking("u"), endpoints.get_booking_series("u"),
        endpoints.bookings_page("/bookings", ()), endpoints.get_attendees("u"), endpoints.get_transcripts("u"),
        endpoints.mark_absent("u", host=True), endpoints.list_webhooks(), endpoints.get_webhook("w"),
        endpoints.reassign_booking("u"),
    ],
    ids=lambda endpoint: f"{endpoint.method}{endpoint.path}",
)  # fmt: skip
def test_a_response_that_is_not_cal_coms(endpoint):
    """JSON that is not a success envelope with the right data is an unexpected response, not a crash."""
    for body in NO_ENVELOPES:
        with pytest.raises(errors.UnexpectedAnswer):
            endpoint.parse(Response(body, {}))


@pytest.mark.parametrize(
    "item",
    [
        {}, {"uid": "u"}, {"uid": 5, "start": "s", "status": "accepted", "attendees": []},
        {"uid": "u", "start": None, "status": "accepted", "attendees": []},
        {"uid": "u", "start": "s", "status": "accepted"},
        {"uid": "u", "start": "s", "status": "accepted", "attendees": {}},
        {"uid": "u", "start": "s", "status": "accepted", "attendees": ["ann@example.org"]},
        {"uid": "u", "start": "s", "status": "accepted", "attendees": [{"name": "Ann"}]},
        {"uid": "u", "start": "s", "status": "accepted", "attendees": [{"email": None}]},
        {"uid": "u", "start": "s", "status": "accepted", "attendees": [{"email": "a@example.org", "absent": "false"}]},
        {"uid": "u", "start": "s", "status": "accepted", "attendees": [{"email": "a@example.org", "absent": 1}]},
        {"uid": "u", "start": "s", "status": "accepted", "attendees": [], "absentHost": "true"},
        None, "u", 5, [],
    ],
)  # fmt: skip
def test_what_is_not_a_booking(item):
    """A booking without uid, start, status, flags or attendees with addresses is an unexpected answer."""
    with pytest.raises(errors.UnexpectedAnswer) as caught:
        responses.checked_booking(item)
    assert "@" not in str(caught.value)


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize(
    ("name", "endpoint"),
    [
        ("get-one-version-missing", endpoints.get_booking("uid1")),
        ("get-one-version-missing", endpoints.read_booking("uid1")),
        ("list-version-2024-06-14", endpoints.bookings_page("/bookings", ())),
    ],
)
def test_the_shape_of_the_oldest_version_is_distinguished(both, build, name, endpoint):
    """A server that does not know the version falls back to its oldest in silence; the error names the version."""
    error = both.error(answering(recorded_answer(recorded(build, name))), endpoint)
    assert type(error) is errors.ApiVersionNotServed
    assert "2024-08-13" in str(error)


def test_a_series_is_not_one_booking(both):
    """The uid of a recurring series answers with a list: refused for one booking, given for the series."""
    server = answering(httpx.Response(200, json=success([booking("u1"), booking("u2")])))
    error = both.error(server, endpoints.get_booking("series"))
    assert type(error) is errors.BookingNotMarkable
    assert "recurring series of 2 bookings" in str(error)
    assert [item["uid"] for item in both.call(server, endpoints.get_booking_series("series"))] == ["u1", "u2"]


def test_a_series_of_one_booking(both):
    """The uid of a single booking gives a series of one."""
    server = answering(httpx.Response(200, json=success(booking("u1"))))
    assert [item["uid"] for item in both.call(server, endpoints.get_booking_series("u1"))] == ["u1"]


@pytest.mark.parametrize("endpoint", [endpoints.get_booking("u"), endpoints.mark_absent("u", host=True)])
def test_the_public_pages_example_is_read(both, endpoint):
    """The example answer of Cal.com's public page, whose attendees have no absent flag, is read as a booking."""
    example = json.loads((RECORDINGS / "public-example.json").read_text(encoding="utf-8"))
    result = both.call(answering(httpx.Response(200, json=example)), endpoint)
    assert result == example["data"]
    assert "absent" not in result["attendees"][0]


@pytest.mark.parametrize("build", BUILDS)
def test_every_recorded_booking_is_read(build):
    """Every booking and every page that the real server sent at the bookings' version is read, nothing lost."""
    rows = [
        row
        for row in recordings(build)
        if row["response"]["status"] in (200, 201)
        and row["request"]["path"].startswith("/v2/bookings")
        and row["request"]["headers"].get("cal-api-version") == "2024-08-13"
    ]
    assert len(rows) > 50
    for row in rows:
        body = row["response"]["json"]
        response = Response(body, httpx.Headers(row["response"]["headers"]))
        if row["request"]["path"].partition("?")[0] == "/v2/bookings" and row["request"]["method"] == "GET":
            page = endpoints.bookings_page("/bookings", ()).parse(response)
            assert page == Page(body["data"], total=body["pagination"]["totalItems"]), row["name"]
        else:
            assert endpoints.get_booking_series("u").parse(response) in ([body["data"]], body["data"]), row["name"]


@pytest.mark.parametrize(
    ("envelope", "total", "cursor"),
    [
        ({}, None, None),
        ({"pagination": None}, None, None),
        ({"pagination": []}, None, None),
        ({"pagination": {}}, None, None),
        ({"pagination": {"totalItems": 0, "currentPage": 0}}, 0, None),
        ({"pagination": {"totalItems": 123, "itemsReturned": 1}}, 123, None),
        ({"pagination": {"totalItems": "123"}}, None, None),
        ({"pagination": {"totalItems": True}}, None, None),
        ({"pagination": {"nextCursor": None, "hasMore": False}}, None, None),
        ({"pagination": {"nextCursor": "c1", "hasMore": True}}, None, "c1"),
        ({"pagination": {"nextCursor": "c1"}}, None, "c1"),
        ({"pagination": {"nextCursor": 17, "hasMore": True}}, None, "17"),
        ({"pagination": {"nextCursor": "c1", "hasMore": False}}, None, None),
    ],
)
def test_envelopes_of_pages(envelope, total, cursor):
    """Servers without pagination, with totals and with cursors are distinguished."""
    page = endpoints.bookings_page("/bookings", ()).parse(Response(success([booking()], **envelope), {}))
    assert (len(page.bookings), page.total, page.next_cursor) == (1, total, cursor)


@pytest.mark.parametrize(
    ("header", "server_time"),
    [
        ("Fri, 20 Nov 2026 09:00:00 GMT", 1795165200.0),
        (None, None),
        ("", None),
        ("yesterday", None),
        ("Fri, 99 Nov 2026 09:00:00 GMT", None),
        ("Fri, 20 Nov 99999999999999999999 09:00:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
    ],
)
def test_the_servers_clock(both, header, server_time):
    """A booking is read together with the server's Date; None where there is none, or none that can be a clock's."""
    headers = {} if header is None else {"Date": header}
    server = answering(httpx.Response(200, json=success(booking()), headers=headers))
    assert both.call(server, endpoints.read_booking("uid1")).server_time == server_time


@pytest.mark.parametrize("content", [b"", b'{"status":"success","data":{"id":"w-1"}}', b'{"status":"success"}'])
def test_a_deleted_webhook_needs_no_response(both, content):
    """A webhook that was removed may answer with nothing."""
    result = both.call(answering(httpx.Response(200, content=content)), endpoints.delete_webhook("w-1"))
    assert result in (None, {"id": "w-1"})


def test_a_cancelled_series_is_a_list(both):
    """Cancelling a series answers with a list, which is given as it is."""
    server = answering(httpx.Response(200, json=success([booking("u1"), booking("u2")])))
    assert len(both.call(server, endpoints.cancel_booking("u1", cancel_subsequent=True))) == 2


@pytest.mark.parametrize("data", [{}, {"name": "x"}])
def test_me_without_id(data):
    """An answer to /me without an id names no user."""
    with pytest.raises(errors.UnexpectedAnswer, match="names no user"):
        endpoints.me().parse(Response(success(data), {}))
