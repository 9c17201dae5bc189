"""The receiver of webhooks: what it accepts, what it refuses, and what becomes of an accepted delivery."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from airflow_provider_calcom.assets import webhook_uri
from airflow_provider_calcom.plugins import _receiver
from airflow_provider_calcom.plugins._receiver import Receiver
from airflow_provider_calcom.plugins.webhooks import CalcomWebhooksPlugin

SECRET, OLD = "made-up secret", "an older one"
ANN = "ann@example.org"
URL = "/calcom/webhook"


def no_show(uid: str = "uid1", **more: Any) -> bytes:
    payload = {"bookingUid": uid, "bookingId": 7, "attendees": [{"email": ANN, "noShow": True}], **more}
    event = {"triggerEvent": "BOOKING_NO_SHOW_UPDATED", "createdAt": "2026-11-18T11:00:00.000Z", "payload": payload}
    return json.dumps(event).encode()


def headers(body: bytes, secret: str = SECRET, **more: str) -> dict[str, str]:
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Cal-Signature-256": signature, "Content-Type": "application/json", **more}


class World:
    """The secrets and the assets that a receiver finds, and the events that it registers."""

    def __init__(self) -> None:
        self.secrets = [SECRET, OLD]
        self.assets = {webhook_uri("BOOKING_NO_SHOW_UPDATED", "calcom_default")}
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.reads = 0
        self.now = 0.0
        self.failure: Exception | None = None

    def read(self) -> tuple[str, list[str]]:
        self.reads += 1
        return "calcom_default", list(self.secrets)

    def register(self, uri: str, extra: dict[str, Any]) -> bool:
        if self.failure is not None:
            raise self.failure
        if uri not in self.assets:
            return False
        self.events.append((uri, extra))
        return True

    def app(self) -> FastAPI:
        app = FastAPI()
        app.add_route(URL, Receiver(self.read, self.register, lambda: self.now).receive, methods=["POST"])
        return app


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def client(world: World) -> TestClient:
    return TestClient(world.app())


def test_an_event_of_an_asset_for_each_delivery(world: World, client: TestClient, caplog: Any) -> None:
    """The asset is that of the trigger; its event has the booking's uid, and neither it nor the log an address."""
    caplog.set_level(logging.INFO)
    body = no_show()
    response = client.post(URL, content=body, headers=headers(body))
    assert (response.status_code, response.content) == (200, b"")
    (event,) = world.events
    digest = hashlib.sha256(body).hexdigest()[:16]
    extra = {"trigger": "BOOKING_NO_SHOW_UPDATED", "booking_uid": "uid1", "delivery": digest}
    assert event == ("calcom://webhooks/calcom_default/BOOKING_NO_SHOW_UPDATED", extra)
    lines = [record.getMessage() for record in caplog.records if record.name == _receiver.__name__]
    assert lines == ["A delivery of a webhook was accepted: BOOKING_NO_SHOW_UPDATED of booking uid1"]


BODY = no_show()
REFUSED: dict[str, tuple[bytes, dict[str, str], int]] = {
    "unsigned": (BODY, {"Content-Type": "application/json"}, 401),
    "literal": (BODY, headers(BODY) | {"X-Cal-Signature-256": "no-secret-provided"}, 401),
    "forged": (BODY, headers(BODY, "guessed"), 401),
    "altered": (BODY.replace(b"uid1", b"uid2"), headers(BODY), 401),
    "form": (BODY, headers(BODY) | {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    "no type": (BODY, headers(BODY) | {"Content-Type": ""}, 415),
    "charset": (BODY, headers(BODY) | {"Content-Type": "application/json; charset=latin1"}, 415),
    "compressed": (BODY, headers(BODY) | {"Content-Encoding": "gzip"}, 415),
    "not JSON": (b"{", headers(b"{"), 400),
    "another shape": (b'{"content": 1}', headers(b'{"content": 1}'), 400),
    "another trigger": (
        (other := json.dumps({"triggerEvent": "PING", "from": ANN}).encode()),
        headers(other),
        404,
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_other_deliveries_are_refused(what: str, world: World, client: TestClient, caplog: Any) -> None:
    """Each has its status, one line in the log without anything of the body, and no event."""
    body, sent, status = REFUSED[what]
    response = client.post(URL, content=body, headers=sent)
    assert (response.status_code, response.content) == (status, b"")
    assert world.events == []
    (line,) = [record.getMessage() for record in caplog.records if record.name == _receiver.__name__]
    assert f"status {status}" in line
    assert "example" not in line
    assert SECRET not in line


def test_two_signatures_are_none(world: World, client: TestClient) -> None:
    """With the right one among them too: a proxy before the receiver may have looked at the other."""
    wrong = [("X-Cal-Signature-256", "0" * 64), *headers(BODY).items()]
    assert client.post(URL, content=BODY, headers=wrong).status_code == 401


def test_a_body_that_is_too_large_is_not_read_to_its_end(world: World) -> None:
    """After a mebibyte the receiver stops, with or without a Content-Length."""
    sent = 0

    def pieces() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(64):
            sent += 1
            yield b"x" * 65536

    async def post() -> int:
        scope = {
            "type": "http", "method": "POST", "path": URL, "raw_path": URL.encode(), "query_string": b"",
            "headers": [(b"content-type", b"application/json")],
        }  # fmt: skip
        source, answers = pieces(), []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": next(source), "more_body": True}

        async def send(message: Any) -> None:
            answers.append(message)

        await world.app()(scope, receive, send)
        return int(answers[0]["status"])

    assert asyncio.run(post()) == 413
    assert sent == 17


def test_a_replay_is_registered_once(world: World, client: TestClient) -> None:
    """The same body again is accepted without an event; so is not one whose first attempt failed."""
    for _ in range(3):
        assert client.post(URL, content=BODY, headers=headers(BODY)).status_code == 200
    assert len(world.events) == 1
    world.failure = RuntimeError(ANN)
    late = no_show("uid9")
    assert client.post(URL, content=late, headers=headers(late)).status_code == 503
    world.failure = None
    assert client.post(URL, content=late, headers=headers(late)).status_code == 200
    assert [extra["booking_uid"] for _, extra in world.events] == ["uid1", "uid9"]


def test_secrets_that_change_while_it_runs(world: World, client: TestClient) -> None:
    """During a rotation both are accepted; a removed secret ends receiving within seconds, without a restart."""
    for uid, secret in (("a", SECRET), ("b", OLD)):
        assert client.post(URL, content=no_show(uid), headers=headers(no_show(uid), secret)).status_code == 200
    assert world.reads == 1
    world.secrets, world.now = [SECRET], 6.0
    assert client.post(URL, content=no_show("c"), headers=headers(no_show("c"), OLD)).status_code == 401
    world.secrets, world.now = [], 12.0
    assert client.post(URL, content=no_show("d"), headers=headers(no_show("d"))).status_code == 404
    assert len(world.events) == 2


def test_a_connection_that_can_not_be_read(world: World, caplog: Any) -> None:
    """The response is 503, and the log has the kind of error alone."""

    def fail() -> Any:
        raise RuntimeError(SECRET)

    app = FastAPI()
    app.add_route(URL, Receiver(fail, world.register).receive, methods=["POST"])
    assert TestClient(app).post(URL, content=BODY, headers=headers(BODY)).status_code == 503
    assert SECRET not in caplog.text


def test_many_deliveries_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than can wait for the database are refused with 503; each of the others is registered once."""
    monkeypatch.setattr(_receiver, "MOST_AT_ONCE", 5)
    monkeypatch.setattr(_receiver, "REMEMBERED", 50)
    gate = threading.Event()
    registered = world.register

    def slow(uri: str, extra: dict[str, Any]) -> bool:
        gate.wait(20)
        return registered(uri, extra)

    receiver = Receiver(world.read, slow)
    app = FastAPI()
    app.add_route(URL, receiver.receive, methods=["POST"])

    async def post_all() -> list[int]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as sender:

            async def post(number: int) -> int:
                body = no_show(f"uid{number}")
                return (await sender.post(URL, content=body, headers=headers(body))).status_code

            first = [asyncio.create_task(post(number)) for number in range(20)]
            while sum(task.done() for task in first) < 15:
                await asyncio.sleep(0)
            gate.set()
            statuses = [await task for task in first]
            return statuses + [await post(number) for number in range(100, 200)]

    statuses = asyncio.run(post_all())
    assert (statuses.count(200), statuses.count(503)) == (105, 15)
    assert len({extra["booking_uid"] for _, extra in world.events}) == len(world.events) == 105
    assert len(receiver._received) == 50


def test_the_plugin_has_no_other_route() -> None:
    """No page of documentation or schema, and nothing but POST; without a connection receiving is off."""
    (mounted,) = CalcomWebhooksPlugin().fastapi_apps
    assert mounted["url_prefix"] == "/calcom"
    client = TestClient(mounted["app"])
    for path in ("/", "/docs", "/redoc", "/openapi.json", "/webhook/"):
        assert client.get(path).status_code == 404
    assert client.get("/webhook").status_code == 405
    assert client.post("/webhook", content=BODY, headers=headers(BODY)).status_code == 404


def test_in_airflow(airflow_db: None, connect: Callable[..., None]) -> None:
    """With Airflow's own connection and database: an asset that a DAG uses gets the event, any other 404."""
    from airflow.models.asset import AssetActive, AssetEvent, AssetModel
    from airflow.sdk import Asset
    from airflow.utils.session import create_session

    uri = webhook_uri("BOOKING_NO_SHOW_UPDATED", "calcom_default")
    assert Asset(name="no-shows", uri=uri).uri == uri
    with create_session() as session:
        used, unused = (
            AssetModel(name=f"receiver-{uri}", uri=uri, group="asset")
            for uri in (uri, webhook_uri("MEETING_ENDED", "calcom_default"))
        )
        session.add_all([used, unused])
        session.flush()
        session.add(AssetActive.for_asset(used))
    connect(password="cal_x", extra=json.dumps({"webhook_secret": SECRET, "previous_webhook_secret": OLD}))
    times = {"startTime": "2026-11-18T10:00:00Z", "endTime": "2026-11-18T10:30:00Z"}
    ended = json.dumps({"triggerEvent": "MEETING_ENDED", "uid": "uid1", **times}).encode()
    client = TestClient(_receiver.make_app())
    assert client.post("/webhook", content=BODY, headers=headers(BODY, OLD)).status_code == 200
    assert client.post("/webhook", content=BODY, headers=headers(BODY)).status_code == 200
    assert client.post("/webhook", content=ended, headers=headers(ended)).status_code == 404
    with create_session() as session:
        (event,) = session.query(AssetEvent).all()
        assert event.extra["booking_uid"] == "uid1"
        for row in (event, *session.query(AssetActive), *session.query(AssetModel)):
            session.delete(row)
