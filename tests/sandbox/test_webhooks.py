"""Webhooks: management in process, delivery to a server."""

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest

from airflow_provider_calcom.sandbox import running_sandbox
from tests.sandbox.conftest import NOW, OTHER, OWNER, Client

HOOK = {"active": True, "subscriberUrl": "https://me.example/hook", "triggers": ["BOOKING_NO_SHOW_UPDATED"]}


def test_a_webhook_lives_from_create_to_delete(client: Client, build: str) -> None:
    """201, then the short form in all calls but GET of one webhook, which has the version since 2025-12."""
    made = client.post("/v2/webhooks", json=HOOK)
    data = made.json()["data"]
    assert (made.status_code, data["secret"], data["payloadTemplate"]) == (201, None, None)
    path = f"/v2/webhooks/{data['id']}"
    assert client.get("/v2/webhooks").json() == {"status": "success", "data": [data]}
    full = client.get(path).json()["data"]
    assert ("version" in full, "time" in full) == (build != "2025-08", True)
    assert client.patch(path, json={"active": False}).json()["data"]["active"] is False
    assert client.get(path, headers=OTHER).status_code == 403
    assert client.delete(path).json()["data"]["id"] == data["id"]
    gone = client.delete(path)
    assert (gone.status_code, gone.json()["error"]["message"]) == (404, f"Webhook ({data['id']}) not found")


def test_a_url_can_be_subscribed_once(newest: Client) -> None:
    """409 for the same user; another user may subscribe it."""
    responses = [newest.post("/v2/webhooks", json=HOOK) for _ in range(2)]
    assert [response.status_code for response in responses] == [201, 409]
    assert newest.post("/v2/webhooks", json=HOOK, headers=OTHER).status_code == 201


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"triggers": ["BOOKING_NO_SHOW"]}, "isEnum"),
        ({"triggers": None}, "isArray"),
        ({"active": "yes"}, "isBoolean"),
        ({"subscriberUrl": 1}, "isString"),
    ],
)
def test_invalid_webhooks_are_rejected(newest: Client, change: Any, rule: str) -> None:
    """400 with class-validator's rule."""
    response = newest.post("/v2/webhooks", json={**HOOK, **change})
    assert response.status_code == 400
    assert rule in response.text


@pytest.mark.parametrize(("query", "status"), [("take=1&skip=1", 200), ("take=251", 400), ("skip=-1", 400)])
def test_lists_are_paged(newest: Client, query: str, status: int) -> None:
    """The response has no `pagination`."""
    for number in range(2):
        newest.post("/v2/webhooks", json={**HOOK, "subscriberUrl": f"https://me.example/{number}"})
    response = newest.get(f"/v2/webhooks?{query}")
    assert response.status_code == status
    assert status == 400 or (len(response.json()["data"]), "pagination" in response.json()) == (1, False)


@contextmanager
def _listener() -> Iterator[tuple[str, list[Any]]]:
    got: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Print nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", got
    finally:
        server.shutdown()
        server.server_close()


def _wait_for(deliveries: list[Any], count: int) -> None:
    """Poll until a number of deliveries have an outcome, at most a thousand times."""
    for _ in range(1000):
        if sum(one["outcome"] != "pending" for one in deliveries) >= count:
            return
        time.sleep(0.005)


@pytest.mark.parametrize("server", ["2025-12", "2026-07"])
def test_each_attendee_call_is_delivered_signed(server: str) -> None:
    """Every call with attendees, unchanged ones too, not one for the host alone; since 2026 unknown addresses too."""
    new = server >= "2026"
    rows = [{"email": "bob@example.org", "absent": True}]
    bodies = [{"attendees": rows}, {"attendees": rows}, {"host": True}, {}]
    bodies.append({"attendees": [{"email": "ghost@example.org", "absent": True}]})
    with (
        _listener() as (url, got),
        running_sandbox(server=server, now=NOW) as sandbox,
        httpx.Client(base_url=sandbox.url, headers=OWNER) as api,
    ):
        api.post("/v2/webhooks", json={**HOOK, "subscriberUrl": url, "secret": "s3cr3t"})
        for body in bodies:
            api.post("/v2/bookings/sandbox-yesterday-1/mark-absent", json=body)
        _wait_for(sandbox.state.webhooks.deliveries, 2 + new)
        logged = api.get("/_sandbox/deliveries").json()["deliveries"]
    assert [one["outcome"] for one in logged] == ["204"] * (2 + new)
    headers, body = got[0]
    assert headers["X-Cal-Signature-256"] == hmac.new(b"s3cr3t", body, hashlib.sha256).hexdigest()
    assert ("X-Cal-Webhook-Version" in headers) is new
    payloads = [json.loads(body)["payload"] for _, body in got]
    assert payloads[0]["message"] == "bob@example.org marked as no-show"
    assert payloads[0]["attendees"] == [{"email": "bob@example.org", "noShow": True}]
    if new:
        assert (payloads[2]["message"], payloads[2]["attendees"]) == ("No-show status updated for attendees", [])


def test_without_a_secret_deliveries_are_unsigned() -> None:
    """An inactive webhook gets no delivery; a failed delivery is logged."""
    with running_sandbox(now=NOW) as sandbox, httpx.Client(base_url=sandbox.url, headers=OWNER) as api:
        for number, active in enumerate((True, False)):
            api.post("/v2/webhooks", json={**HOOK, "active": active, "subscriberUrl": f"http://127.0.0.1:9/{number}"})
        rows = [{"email": "bob@example.org", "absent": False}]
        api.post("/v2/bookings/sandbox-yesterday-1/mark-absent", json={"attendees": rows})
        _wait_for(sandbox.state.webhooks.deliveries, 1)
        (delivery,) = sandbox.state.webhooks.deliveries
    assert delivery["headers"]["X-Cal-Signature-256"] == "no-secret-provided"
    assert delivery["outcome"].startswith("ConnectError")
    assert json.loads(delivery["body"])["payload"]["message"] == "bob@example.org unmarked as no-show"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1:9/x", ""),
        ("https://10.0.0.1/x", ""),
        ("HTTPS://Me.Example", ""),
        ("ftp://me.example/", "Only HTTP and HTTPS protocols are allowed"),
        ("mailto:me@me.example", "Only HTTP and HTTPS protocols are allowed"),
        ("nope", "Invalid URL format"),
        ("http://", "Invalid URL format"),
        ("https://a b/", "Invalid URL format"),
        ("https://me.example:99999/", "Invalid URL format"),
        ("http://169.254.169.254/latest", "Blocked hostname"),
        ("http://2852039166/", "Blocked hostname"),
        ("http://0xA9.0xFE.169.254/", "Blocked hostname"),
        ("http://metadata.google.internal./", "Blocked hostname"),
        ("data:text/plain,x", "Non-image data URL"),
    ],
)
def test_urls_are_checked_since_2026(newest: Client, url: str, why: str) -> None:
    """Private addresses are accepted; other schemes than http and metadata services of clouds are not."""
    response = newest.post("/v2/webhooks", json={**HOOK, "subscriberUrl": url})
    message = response.json().get("error", {}).get("message", "")
    assert (response.status_code, message) == ((400, f"Webhook URL is not allowed: {why}") if why else (201, ""))
    assert Client(server="2025-12").post("/v2/webhooks", json={**HOOK, "subscriberUrl": url}).status_code == 201


@pytest.mark.parametrize("uid", ["sandbox-team", "sandbox-yesterday-1"])
def test_marks_are_delivered_to_the_event_types_owner(newest: Client, uid: str) -> None:
    """Not for a team's event, nor for a booking without an event type: these have no owner."""
    newest.post("/v2/webhooks", json=HOOK)
    body = {"attendees": [{"email": "bob@example.org", "absent": True}]}
    newest.mark(uid, body)
    booking = newest.app.sandbox.world.bookings[uid]
    booking.event_type = None
    newest.mark(uid, body)
    assert len(newest.app.sandbox.webhooks.deliveries) == (0 if uid == "sandbox-team" else 1)


def test_meetings_that_end_are_delivered_when_the_clock_moves(newest: Client) -> None:
    """Flat, each once, accepted ones only, and none that ended more than a day before."""
    hook = {**HOOK, "triggers": ["MEETING_ENDED"]}
    assert newest.post("/v2/webhooks", json=hook).status_code == 201
    bookings = newest.get("/_sandbox/state").json()["bookings"]
    now = newest.post("/_sandbox/clock", json={"advance": 86_400}).json()["now"]
    newest.post("/_sandbox/clock", json={"advance": 86_400 * 2.5})
    events = [json.loads(one["body"]) for one in newest.get("/_sandbox/deliveries").json()["deliveries"]]
    assert events
    accepted = {one["uid"]: one["end"] for one in bookings if one["status"] == "accepted"}
    assert len({event["uid"] for event in events}) == len(events)
    for event in events:
        assert event["triggerEvent"] == "MEETING_ENDED"
        assert event["endTime"] == accepted[event["uid"]] <= now
        assert "payload" not in event
