"""Injected faults, as a client sees them over a socket."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from airflow_provider_calcom.sandbox import RunningSandbox, running_sandbox
from airflow_provider_calcom.sandbox.builds import BUILDS
from airflow_provider_calcom.sandbox.server.fault_injection import KINDS
from tests.sandbox.conftest import NOW, OWNER, Client

MARK = "/v2/bookings/sandbox-yesterday-1/mark-absent"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(now=NOW) as running:
        yield running


@pytest.fixture
def api(sandbox: RunningSandbox) -> Iterator[httpx.Client]:
    sandbox.state.reset()
    with httpx.Client(base_url=sandbox.url, headers=OWNER, timeout=5) as client:
        yield client


def _inject(api: httpx.Client, fault: str, **options: Any) -> None:
    given = {"method": "POST", "path": "/v2/bookings/*/mark-absent", "fault": fault, **options}
    assert api.post("/_sandbox/faults", json=given).status_code == 200


def _marked(sandbox: RunningSandbox) -> bool | None:
    return sandbox.state.world.bookings["sandbox-yesterday-1"].absent_host


@pytest.mark.parametrize(("fault", "written"), [("drop_before", False), ("drop_after", True)])
def test_a_dropped_connection_is_really_dropped(
    api: httpx.Client, sandbox: RunningSandbox, fault: str, written: bool
) -> None:
    """The client's connection breaks, without a 500; the write is or is not done; the next call succeeds."""
    _inject(api, fault)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        api.post(MARK, json={"host": True})
    assert _marked(sandbox) is written
    assert api.post(MARK, json={"host": True}).status_code == 200
    first = sandbox.state.calls[0]
    assert (first["status"], first["wrote"], first["fault"], first["key"]) == (None, written, fault, "owner")


@pytest.mark.parametrize(("when", "written"), [("before", False), ("after", True)])
def test_any_status(api: httpx.Client, sandbox: RunningSandbox, when: str, written: bool) -> None:
    """With body and headers, before the write or after it."""
    body = {"status": "error", "error": {"code": "X", "message": "busy"}}
    _inject(api, "status", when=when, status=503, body=body, headers={"Retry-After": "7"})
    response = api.post(MARK, json={"host": True})
    assert (response.status_code, response.json(), response.headers["retry-after"]) == (503, body, "7")
    assert _marked(sandbox) is written


def test_a_truncated_body_breaks_off(api: httpx.Client, sandbox: RunningSandbox) -> None:
    """The write is done; Content-Length is that of the whole body, of which half is sent."""
    _inject(api, "truncated")
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        api.post(MARK, json={"host": True})
    assert _marked(sandbox) is True


def test_half_a_json_with_the_right_length(api: httpx.Client) -> None:
    """The response is valid HTTP but not valid JSON."""
    _inject(api, "truncated", valid_length=True)
    response = api.post(MARK, json={"host": True})
    assert response.status_code == 200
    with pytest.raises(ValueError, match=r"."):
        response.json()


def test_html_of_the_edge(api: httpx.Client) -> None:
    """It is Cloudflare's 524 by default."""
    _inject(api, "html")
    response = api.post(MARK, json={"host": True})
    assert (response.status_code, response.headers["content-type"]) == (524, "text/html; charset=UTF-8")
    assert "<html>" in response.text


def test_a_redirect(api: httpx.Client) -> None:
    """It leads to the requested location."""
    _inject(api, "redirect", status=308, location="https://evil.example/")
    response = api.post(MARK, json={"host": True})
    assert (response.status_code, response.headers["location"]) == (308, "https://evil.example/")


def test_a_delay_longer_than_the_clients_timeout(api: httpx.Client, sandbox: RunningSandbox) -> None:
    """The client times out, and the write is done."""
    _inject(api, "delay", seconds=0.3)
    with pytest.raises(httpx.ReadTimeout):
        api.post(MARK, json={"host": True}, timeout=0.1)
    assert _marked(sandbox) is True


def test_slow_and_huge_bodies_arrive(api: httpx.Client) -> None:
    """One in pieces, one of the requested size."""
    _inject(api, "slow_body", size=4, seconds=0.01)
    assert api.post(MARK, json={"host": True}).json()["data"]["absentHost"] is True
    _inject(api, "huge_body", size=300_000)
    assert len(api.post(MARK, json={}).content) > 300_000


def test_other_headers(api: httpx.Client, sandbox: RunningSandbox) -> None:
    """Only the named headers differ from the normal response."""
    _inject(api, "headers", headers={"Content-Type": "text/plain", "Date": "Thu, 01 Jan 1970 00:00:00 GMT"})
    response = api.post(MARK, json={"host": True})
    assert (response.headers["content-type"], response.headers["date"][5:16]) == ("text/plain", "01 Jan 1970")
    assert (response.status_code, response.json()["data"]["absentHost"], _marked(sandbox)) == (200, True, True)


@pytest.mark.parametrize("build", BUILDS)
def test_a_partial_write(build: str) -> None:
    """The first half of the attendees is written, the host is not, and the response is the 500 of a failed update."""
    api = Client(server=build)
    booking = next(one for one in api.app.sandbox.world.bookings.values() if len(one.attendees) >= 2)
    rows: list[dict[str, Any]] = [{"email": row.email, "absent": True} for row in booking.attendees[:2]]
    _inject(api, "partial")
    response = api.mark(booking.uid, {"host": True, "attendees": rows})
    assert (response.status_code, response.json()["message"]) == (500, "Failed to update no-show status")
    host, flags = api.flags(booking.uid)
    assert (host, [flags[row["email"]] for row in rows]) == (False, [True, False])
    assert api.app.sandbox.calls[-1]["wrote"]


def test_a_fault_hits_its_route_a_number_of_times(newest: Client) -> None:
    """It hits `times` calls of its method and pattern, all with null, and no others."""
    fault = {"method": "GET", "path": "/v2/me", "fault": "status", "status": 502}
    newest.post("/_sandbox/faults", json={**fault, "times": 2})
    assert [newest.get(path).status_code for path in ("/v2/me", "/v2/bookings", "/v2/me", "/v2/me")] == [
        *(502, 200, 502, 200),
    ]
    newest.post("/_sandbox/faults", json={**fault, "times": None})
    assert {newest.get("/v2/me").status_code for _ in range(5)} == {502}


def test_the_documentation_has_every_fault() -> None:
    """The page on the sandbox names each kind of fault and each admin route."""
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "test-against-the-sandbox.md").read_text(encoding="utf-8")
    routes = ("state", "calls", "deliveries", "counts", "faults", "keys", "clock", "latency", "world", "reset")
    assert [name for name in (*KINDS, *(f"_sandbox/{route}" for route in routes)) if f"{name}`" not in page] == []


def test_faults_can_be_cleared(newest: Client) -> None:
    """Also faults without a number of times."""
    for times in (None, 3):
        fault = {"method": "*", "path": "*", "fault": "status", "status": 502, "times": times}
        newest.post("/_sandbox/faults", json=fault)
    assert newest.get("/v2/me").status_code == 502
    assert newest.post("/_sandbox/faults", json={"clear": True}).status_code == 200
    assert newest.get("/_sandbox/faults").json() == {"faults": []}
    assert newest.get("/v2/me").status_code == 200


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"fault": "status"}, "a fault needs method, path and fault"),
        ({"method": "GET", "path": "*", "fault": "melt"}, "fault must be one of"),
        ({"method": "GET", "path": "*", "fault": "html", "tines": 2}, "unknown: tines"),
    ],
)
def test_an_invalid_fault_is_rejected(newest: Client, given: Any, message: str) -> None:
    """400 with the reason."""
    response = newest.post("/_sandbox/faults", json=given)
    assert response.status_code == 400
    assert message in response.json()["message"]
