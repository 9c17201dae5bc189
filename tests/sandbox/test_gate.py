"""No web page controls the sandbox: not one of another origin, and not one whose name leads to this machine."""

import pytest

from tests.sandbox.conftest import OWNER, Client

EVIL = {"Origin": "https://evil.example"}
RESET = "/_sandbox/keys"
EXPIRE = {"key": "cal_sandbox_owner", "expired": True}


def _still_good(client: Client) -> bool:
    return client.get("/v2/me").status_code == 200


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://localhost:3000", "file://sandbox", "https://sandbox.evil.example"],
)
@pytest.mark.parametrize("path", ["/_sandbox/keys", "/_sandbox/reset", "/v2/webhooks"])
def test_a_page_is_refused(client: Client, path: str, origin: str) -> None:
    """Whatever it sends, and though it has a good key."""
    for kind in ("text/plain", "application/json"):
        headers = {"Origin": origin, "Content-Type": kind}
        assert client.post(path, json=EXPIRE, headers=headers).status_code == 403
    assert client.get("/_sandbox/state", headers={"Origin": origin}).status_code == 403
    assert _still_good(client)
    assert client.app.sandbox.webhooks.rows == {}


@pytest.mark.parametrize("path", ["/_sandbox/reset", "/_sandbox/state", "/v2/bookings/sandbox-yesterday-1/mark-absent"])
def test_a_preflight_changes_nothing_and_allows_nothing(client: Client, path: str) -> None:
    """204 as the real server's, but without the headers that let a page go on; it uses up no fault."""
    client.mark("sandbox-yesterday-1", {"host": True})
    client.post("/_sandbox/faults", json={"method": "*", "path": "*", "fault": "status"})
    asked = {**EVIL, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    answer = client.options(path, headers=asked)
    assert (answer.status_code, answer.content) == (204, b"")
    assert not any(name.startswith("access-control-") for name in answer.headers)
    assert client.flags("sandbox-yesterday-1")[0] is True
    assert len(client.get("/_sandbox/faults").json()["faults"]) == 1


@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)]
)
def test_a_page_that_hides_its_origin(client: Client, site: str, status: int) -> None:
    """A browser sends no Origin with a plain GET, but says that another site asked."""
    for path in ("/_sandbox/state", "/v2/me"):
        assert client.get(path, headers={"Sec-Fetch-Site": site}).status_code == status


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
def test_other_names_are_not_answered(host: str, status: int) -> None:
    """A page's own name may be made to lead here. Addresses, localhost and the names it was given are answered."""
    client = Client(hosts=("sandbox", "CalCom"))
    for path in ("/_sandbox/state", "/v2/me"):
        assert client.get(path, headers={"Host": host}).status_code == status


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_admin_bodies_are_json(client: Client, kind: str) -> None:
    """Those are the types that a page may send without asking."""
    body = b'{"key": "cal_sandbox_owner", "expired": true}'
    assert client.post("/_sandbox/keys", content=body, headers={"Content-Type": kind}).status_code == 415
    assert _still_good(client)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD"])
def test_only_get_and_post_reach_the_admin_routes(client: Client, method: str) -> None:
    """Nothing but POST changes anything."""
    assert client.request(method, "/_sandbox/reset").status_code == 405


@pytest.mark.parametrize(
    ("route", "body"),
    [("clock", b"[]"), ("clock", b'{"advance": 1e308}'), ("clock", b'{"now": 5}'), ("faults", b"[" * 200_000)],
)
def test_nonsense_is_400(client: Client, route: str, body: bytes) -> None:
    """Not a crash of the server."""
    headers = {**OWNER, "Content-Type": "application/json"}
    assert client.post(f"/_sandbox/{route}", content=body, headers=headers).status_code == 400
