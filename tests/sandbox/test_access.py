"""Authentication, API versions, routes and methods."""

from typing import Any

import pytest

from airflow_provider_calcom.sandbox.practice import practice_world
from tests.sandbox.conftest import NOW, OWNER, Client

MARK = "/v2/bookings/sandbox-yesterday-1/mark-absent"
KEY = "cal_sandbox_owner"


def _post(client: Client, authorization: str | None, path: str = MARK) -> Any:
    headers = {"Authorization": authorization} if authorization is not None else {}
    if authorization is None:
        client.headers.pop("Authorization")
    return client.post(path, json={"host": True}, headers=headers)


@pytest.mark.parametrize(
    ("authorization", "status", "message"),
    [
        (KEY, 200, ""),
        (f"Bearer {KEY}", 200, ""),
        (f"bearer {KEY}", 403, f"PermissionsGuard - no oAuth client found for access token=bearer {KEY}"),
        (f"Bearer  {KEY}", 403, f"PermissionsGuard - no oAuth client found for access token= {KEY}"),
        ("Bearer ", 403, "PermissionsGuard - no oAuth client found for access token=Bearer"),
        ("Basic dTpw", 403, "PermissionsGuard - no oAuth client found for access token=Basic dTpw"),
        ("Bearer sandbox_owner", 403, "PermissionsGuard - no oAuth client found for access token=sandbox_owner"),
        ("Bearer cal_live_nosuch", 401, "CustomThrottlerGuard - Invalid API Key"),
        ("Bearer cal_sandbox_expired", 401, "ApiAuthStrategy - api key - Your api key is expired"),
        (None, 403, "PermissionsGuard - no authentication provided."),
    ],
)
def test_authorization(newest: Client, authorization: str | None, status: int, message: str) -> None:
    """Each spelling of the header has its own response, in the order of the server's guards."""
    response = _post(newest, authorization)
    assert response.status_code == status
    assert message in response.json().get("error", {}).get("message", "")
    assert ("x-ratelimit-limit-default" in response.headers) is ("Invalid API Key" not in message)


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        ("Bearer garbage", "Invalid Access Token."),
        ("Bearer cal_live_nosuch", "CustomThrottlerGuard - Invalid API Key"),
        (None, "ApiAuthStrategy - No authentication method provided."),
    ],
)
def test_me_responds_401_where_bookings_respond_403(newest: Client, authorization: str | None, message: str) -> None:
    """Only the booking routes have the permissions guard."""
    if authorization is None:
        newest.headers.pop("Authorization")
    response = newest.get("/v2/me", headers={"Authorization": authorization} if authorization else {})
    assert (response.status_code, response.json()["error"]["code"]) == (401, "UnauthorizedException")
    assert response.json()["error"]["message"].startswith(message)


def test_me_has_more_fields_since_2025_12(client: Client, build: str) -> None:
    """The user of the key; the version header does not matter."""
    data = client.get("/v2/me", headers={"cal-api-version": "nonsense"}).json()["data"]
    assert (data["email"], "name" in data) == ("owner@example.com", build != "2025-08")


def test_any_other_version_has_no_such_route(client: Client, build: str) -> None:
    """404 before the call is counted; the message does not name the version. One build serves a second version."""
    for version in ("2024-04-15", "2024-09-04", "2026-02-25", "2026-05-01", "2024-8-13", '"2024-08-13"'):
        response = client.post(MARK, json={}, headers={"cal-api-version": version})
        if (build, version) == ("2026-03", "2026-02-25"):
            assert response.status_code == 200
            continue
        assert (response.status_code, response.json()["error"]["message"]) == (404, f"Cannot POST {MARK}"), version
        assert "x-ratelimit-limit-default" not in response.headers


def test_without_a_version_bookings_have_the_legacy_form(client: Client) -> None:
    """They succeed with other field names: `startTime`, and a status in upper case."""
    client.headers.pop("cal-api-version")
    data = client.get("/v2/bookings/sandbox-yesterday-1").json()["data"]
    assert (data["status"], "start" in data) == ("ACCEPTED", False)
    assert "bookings" in client.get("/v2/bookings").json()["data"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (MARK + "/", 200),
        ("/api" + MARK, 200),
        (MARK.replace("/v2/bookings", "/V2/Bookings"), 200),
        (MARK.replace("sandbox", "%73andbox"), 200),
        (MARK + "//", 404),
        ("/v2/bookings//mark-absent", 404),
        ("/v2/bookings/a/b/mark-absent", 404),
        ("/v2/bookings/a%2Fb/mark-absent", 404),
        ("/v2/nope", 404),
    ],
)
def test_paths_are_matched_as_express_does(newest: Client, path: str, status: int) -> None:
    """One slash at the end, the /api prefix and case are ignored; an empty uid is not."""
    assert newest.post(f"http://sandbox{path}", json={}).status_code == status


def test_other_methods_are_404(newest: Client) -> None:
    """404, not 405."""
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        response = newest.request(method, MARK)
        assert (response.status_code, response.json()["error"]["message"]) == (404, f"Cannot {method} {MARK}")


def test_each_response_has_a_request_id_and_the_date(newest: Client) -> None:
    """The Date header is the sandbox's clock, so that clients can learn the server's time."""
    first, second = (newest.get("/v2/me") for _ in range(2))
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert first.headers["date"].startswith("Tue, 03 Mar 2026 12:00:0")


def test_health_needs_no_key(newest: Client) -> None:
    """It responds with plain OK."""
    newest.headers.pop("Authorization")
    assert newest.get("/health").text == "OK"
    assert OWNER["Authorization"].endswith(KEY)


def _with_tokens(server: str) -> Client:
    world = practice_world(NOW)
    world["oauthClients"] = [
        {"id": "full", "secret": "s", "owner": "owner", "permissions": ["BOOKING_READ", "BOOKING_WRITE"]},
        {"id": "reads", "secret": "s", "permissions": ["BOOKING_READ"]},
    ]
    world["accessTokens"] = [
        {"token": "good", "user": "owner", "client": "full"},
        {"token": "old", "user": "owner", "client": "full", "expired": True},
        {"token": "reading", "user": "owner", "client": "reads"},
    ]
    return Client(world=world, server=server)


@pytest.mark.parametrize(
    ("headers", "reading", "writing"),
    [
        ({"Authorization": "Bearer good"}, 200, 200),
        ({"Authorization": "Bearer reading"}, 200, 403),
        ({"Authorization": "Bearer old"}, 498, 498),
        ({"x-cal-client-id": "full", "x-cal-secret-key": "s"}, 200, 200),
        ({"x-cal-client-id": "full", "x-cal-secret-key": "nope"}, 401, 401),
        ({"x-cal-client-id": "reads", "x-cal-secret-key": "s"}, 401, 403),
        ({"x-cal-client-id": "nobody", "x-cal-secret-key": "s"}, 403, 403),
    ],
)
def test_tokens_and_clients(headers: dict[str, str], reading: int, writing: int) -> None:
    """A token acts for its user, a client for its owner, each with the client's permissions; expired is 498."""
    client = _with_tokens("2026-07")
    client.headers.pop("Authorization")
    assert client.get("/v2/bookings?take=1", headers=headers).status_code == reading
    assert client.post(MARK, json={"host": True}, headers=headers).status_code == writing
