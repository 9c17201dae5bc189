"""No web page can call the sandbox: neither from another origin, nor by DNS rebinding."""

from itertools import product

import pytest

from tests.sandbox.conftest import OWNER, Client

EVIL = {"Origin": "https://evil.example"}
ROUTES = ("/_sandbox/keys", "/_sandbox/reset", "/v2/webhooks")
EXPIRE = {"key": "cal_sandbox_owner", "expired": True}


def _key_works(client: Client) -> bool:
    return client.get("/v2/me").status_code == 200


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://localhost:3000", "file://sandbox", "https://sandbox.evil.example"],
)
def test_a_page_is_rejected(newest: Client, origin: str) -> None:
    """On every route and with every content type, though it has a valid key."""
    for path, kind in product(ROUTES, ("text/plain", "application/json")):
        headers = {"Origin": origin, "Content-Type": kind}
        assert newest.post(path, json=EXPIRE, headers=headers).status_code == 403
    assert newest.get("/_sandbox/state", headers={"Origin": origin}).status_code == 403
    assert _key_works(newest)
    assert newest.app.sandbox.webhooks.rows == {}


@pytest.mark.parametrize("path", ["/_sandbox/reset", "/_sandbox/state", "/v2/bookings/sandbox-yesterday-1/mark-absent"])
def test_a_preflight_allows_nothing(newest: Client, path: str) -> None:
    """204 like the real server's, but without the headers that allow the page's request; no fault is used up."""
    newest.mark("sandbox-yesterday-1", {"host": True})
    newest.post("/_sandbox/faults", json={"method": "*", "path": "*", "fault": "status"})
    headers = {**EVIL, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    response = newest.options(path, headers=headers)
    assert (response.status_code, response.content) == (204, b"")
    assert not any(name.startswith("access-control-") for name in response.headers)
    assert newest.flags("sandbox-yesterday-1")[0] is True
    assert len(newest.get("/_sandbox/faults").json()["faults"]) == 1


def test_a_page_without_an_origin(newest: Client) -> None:
    """A browser sends no Origin with a plain GET, but Sec-Fetch-Site names the request as another site's."""
    for site, status in {"cross-site": 403, "same-site": 403, "same-origin": 200, "none": 200}.items():
        for path in ("/_sandbox/state", "/v2/me"):
            assert newest.get(path, headers={"Sec-Fetch-Site": site}).status_code == status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:5555", 200),
        ("localhost", 200),
        ("LOCALHOST:5555", 200),
        ("[::1]:5555", 200),
        ("192.168.1.7:5555", 200),
        ("box.localhost:5555", 200),
        ("calcom", 200),
        ("rebind.evil.example", 403),
        ("rebind.evil.example:5555", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("", 403),
        ("localhost:1@evil.example", 403),
        ("localhost:evil", 403),
    ],
)
def test_other_host_names_are_rejected(host: str, status: int) -> None:
    """A page's own name may resolve to localhost. IP addresses, localhost and the allowed names pass."""
    client = Client(hosts=("sandbox", "CalCom"))
    for path in ("/_sandbox/state", "/v2/me"):
        assert client.get(path, headers={"Host": host}).status_code == status


def test_admin_bodies_are_json(newest: Client) -> None:
    """A page may send the other types without a preflight request."""
    body = b'{"key": "cal_sandbox_owner", "expired": true}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        assert newest.post("/_sandbox/keys", content=body, headers={"Content-Type": kind}).status_code == 415
    assert _key_works(newest)


def test_only_get_and_post_reach_the_admin_routes(newest: Client) -> None:
    """Other methods get 405."""
    for method in ("PUT", "PATCH", "DELETE", "HEAD"):
        assert newest.request(method, "/_sandbox/reset").status_code == 405


@pytest.mark.parametrize(
    ("route", "body"),
    [("clock", b"[]"), ("clock", b'{"advance": 1e308}'), ("clock", b'{"now": 5}'), ("faults", b"[" * 200_000)],
)
def test_invalid_admin_bodies_are_400(newest: Client, route: str, body: bytes) -> None:
    """The server does not fail."""
    headers = {**OWNER, "Content-Type": "application/json"}
    assert newest.post(f"/_sandbox/{route}", content=body, headers=headers).status_code == 400
