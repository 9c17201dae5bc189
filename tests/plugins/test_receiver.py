"""The receiver of webhooks: what it accepts, what it refuses, and what becomes of an accepted delivery."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import hmac
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from airflow_provider_calcom.assets import webhook_uri
from airflow_provider_calcom.plugins import _event_writer, _receiver
from airflow_provider_calcom.plugins._asset_events import Delivery, Registered, register_deliveries
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
        self.events: list[tuple[str, list[Delivery]]] = []
        self.reads = 0
        self.now = 0.0
        self.failures: list[Exception] = []
        self.gate = threading.Event()
        self.gate.set()

    def read(self) -> tuple[str, list[str]]:
        self.reads += 1
        self.gate.wait(20)
        if self.failures:
            raise self.failures[0]
        return "calcom_default", list(self.secrets)

    def register(self, uri: str, trigger: str, deliveries: Sequence[Delivery]) -> Registered:
        assert uri.endswith(f"/{trigger}")
        self.gate.wait(20)
        if self.failures:
            raise self.failures.pop(0)
        if uri not in self.assets:
            return Registered(is_used=False)
        self.events.append((uri, list(deliveries)))
        return Registered()

    @property
    def uids(self) -> list[str | None]:
        """The uids of all events, in their order."""
        return [one.booking_uid for _, deliveries in self.events for one in deliveries]

    def receiver(self) -> Receiver:
        return Receiver(self.read, self.register, lambda: self.now)

    def app(self, receiver: Receiver | None = None) -> FastAPI:
        app = FastAPI()
        app.add_route(URL, (receiver or self.receiver()).receive, methods=["POST"])
        return app


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let events of an asset follow each other without a pause, and give a busy machine time to answer."""
    monkeypatch.setattr(_event_writer, "SECONDS_BETWEEN_EVENTS", 0.0)
    monkeypatch.setattr(_receiver, "SECONDS_TO_ANSWER", 20.0)

    async def keep(receiver: Receiver) -> None:
        """Clients of tests would wait for it; test_load.py stops a real server."""

    monkeypatch.setattr(Receiver, "_until_registered", keep)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def client(world: World) -> TestClient:
    return TestClient(world.app())


def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so, at most some seconds."""
    for _ in range(2_000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen")


def test_an_event_of_an_asset_for_each_delivery(world: World, client: TestClient, caplog: Any) -> None:
    """The asset is that of the trigger; its event has the booking's uid, and neither it nor the log an address."""
    caplog.set_level(logging.INFO)
    body = no_show()
    response = client.post(URL, content=body, headers=headers(body))
    assert (response.status_code, response.content) == (200, b"")
    delivery = Delivery(hashlib.sha256(body).hexdigest()[:16], "uid1")
    assert world.events == [("calcom://webhooks/calcom_default/BOOKING_NO_SHOW_UPDATED", [delivery])]
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


def test_bodies_take_bounded_memory(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many senders at once, those are refused whose bodies are too much together; others come through again."""
    monkeypatch.setattr(_receiver, "MOST_BYTES", 3 * len(BODY))
    receiver = world.receiver()
    bodies = [no_show(f"uid{number}") for number in range(6)]

    async def post_all() -> list[int]:
        transport = httpx.ASGITransport(world.app(receiver))
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as sender:
            are_sent = asyncio.Event()

            async def pieces(body: bytes) -> Any:
                yield body
                await are_sent.wait()

            async def post(body: bytes) -> int:
                return (await sender.post(URL, content=pieces(body), headers=headers(body))).status_code

            posts = [asyncio.create_task(post(body)) for body in bodies]
            while sum(one.done() for one in posts) < 3:
                await asyncio.sleep(0.01)
            are_sent.set()
            return [await one for one in posts]

    assert sorted(asyncio.run(post_all())) == [200, 200, 200, 503, 503, 503]
    assert receiver._bytes == 0
    assert len(world.uids) == 3


def test_a_replay_is_registered_once(world: World, client: TestClient, caplog: Any) -> None:
    """The same body again is accepted without an event; so is not one whose first attempt failed."""
    for _ in range(3):
        assert client.post(URL, content=BODY, headers=headers(BODY)).status_code == 200
    assert world.uids == ["uid1"]
    world.failures = [RuntimeError(ANN)]
    late = no_show("uid9")
    assert client.post(URL, content=late, headers=headers(late)).status_code == 503
    gc.collect()  # asyncio logs errors that nobody read
    assert ANN not in caplog.text
    assert client.post(URL, content=late, headers=headers(late)).status_code == 200
    assert world.uids == ["uid1", "uid9"]


def test_a_replay_that_the_database_knows(world: World, caplog: Any) -> None:
    """What another process registered, or this one before a restart, is accepted without an event."""
    caplog.set_level(logging.INFO)
    digest = hashlib.sha256(BODY).hexdigest()[:16]

    def knows(uri: str, trigger: str, deliveries: Sequence[Delivery]) -> Registered:
        return Registered(repeated=frozenset({digest}))

    client = TestClient(world.app(Receiver(world.read, knows)))
    assert client.post(URL, content=BODY, headers=headers(BODY)).status_code == 200
    assert "came before" in caplog.text


def test_a_database_that_is_slow(world: World, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    """The response does not wait for it: 202, and the event is registered later, once, also after a failure."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(_receiver, "SECONDS_TO_ANSWER", 0.05)
    client = TestClient(world.app())
    other = b'{"triggerEvent":"PING"}'
    assert client.post(URL, content=other, headers=headers(other)).status_code in (202, 404)  # reads the secrets
    world.gate.clear()
    for body, status in ((BODY, 202), (BODY, 200)):
        assert client.post(URL, content=body, headers=headers(body)).status_code == status
    assert world.uids == []
    world.failures = [RuntimeError(ANN)]
    world.gate.set()
    until(lambda: not world.failures)
    world.now = 2.0
    until(lambda: world.uids == ["uid1"])
    assert ANN not in caplog.text


def test_an_accepted_delivery_that_is_lost(world: World, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    """After the last attempt one line says how many were lost, and why; the same delivery may come once more."""
    monkeypatch.setattr(_receiver, "SECONDS_TO_ANSWER", 0.05)
    monkeypatch.setattr(_event_writer, "MOST_ATTEMPTS", 3)
    receiver = world.receiver()
    client = TestClient(world.app(receiver))
    receiver._secrets._kept = _receiver._Secrets("calcom_default", world.secrets, 0.0)
    world.gate.clear()
    for uid in ("a", "b"):
        body = no_show(uid)
        assert client.post(URL, content=body, headers=headers(body)).status_code == 202
    world.failures = [RuntimeError(ANN)] * 100
    world.gate.set()

    def is_lost() -> bool:
        world.now += 1.0
        return caplog.text.count("could not be registered") >= 1 and not receiver._received

    until(is_lost)
    assert world.events == []
    assert ANN not in caplog.text
    assert "RuntimeError" in caplog.text


def test_an_unused_asset_that_is_found_out_late(world: World, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    """The log says in one line that accepted deliveries came to nothing."""
    monkeypatch.setattr(_receiver, "SECONDS_TO_ANSWER", 0.05)
    receiver = world.receiver()
    receiver._secrets._kept = _receiver._Secrets("calcom_default", world.secrets, 0.0)
    world.assets = set()
    world.gate.clear()
    assert TestClient(world.app(receiver)).post(URL, content=BODY, headers=headers(BODY)).status_code == 202
    world.gate.set()
    until(lambda: not receiver._received)
    assert "1 accepted deliveries were not registered: no DAG uses the asset" in caplog.text


def test_deliveries_within_a_second_become_one_event(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow up to 3.3.2 leaves events that follow each other faster, until one more comes."""
    monkeypatch.setattr(_event_writer, "SECONDS_BETWEEN_EVENTS", 1.0)
    client = TestClient(world.app())

    def post(uid: str) -> int:
        return int(client.post(URL, content=no_show(uid), headers=headers(no_show(uid))).status_code)

    monkeypatch.setattr(_receiver, "SECONDS_TO_ANSWER", 0.05)
    assert post("first") in (200, 202)
    until(lambda: len(world.events) == 1)
    assert [post(f"uid{number}") for number in range(20)] == [202] * 20
    assert len(world.events) == 1
    world.now = 1.0
    until(lambda: len(world.events) == 2)
    assert world.uids == ["first", *(f"uid{number}" for number in range(20))]


def test_another_process_has_just_registered_an_event(world: World) -> None:
    """Then the delivery waits for its turn, and is not lost."""
    waits = [0.3, 0.0]

    def busy(uri: str, trigger: str, deliveries: Sequence[Delivery]) -> Registered:
        wait = waits.pop(0)
        return Registered(wait=wait) if wait else world.register(uri, trigger, deliveries)

    client = TestClient(world.app(Receiver(world.read, busy)))
    assert client.post(URL, content=BODY, headers=headers(BODY)).status_code == 200
    assert (world.uids, waits) == (["uid1"], [])


def test_what_waits_is_registered_before_the_process_ends() -> None:
    """A server that stops does not lose what it accepted, and does not wait for a second of its own."""
    code = (
        "import sys\n"
        "from airflow_provider_calcom.plugins._asset_events import Delivery, Registered, register_deliveries\n"
        "from airflow_provider_calcom.plugins._event_writer import EventWriter\n"
        "def register(uri, trigger, deliveries):\n"
        "    print(*(one.digest for one in deliveries), flush=True)\n"
        "    return Registered()\n"
        "writer = EventWriter(register, print, lambda: 0.0)\n"
        "writer.add('uri', 'PING', Delivery('first', None))[0].result(20)\n"
        "writer.add('uri', 'PING', Delivery('second', None))\n"
        "writer.add('uri', 'PING', Delivery('third', None))\n"
        "sys.exit(0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-2:] == ["first", "second third"]


def test_secrets_that_change_while_it_runs(world: World, client: TestClient) -> None:
    """During a rotation both are accepted; a removed secret ends receiving within seconds, without a restart."""
    for uid, secret in (("a", SECRET), ("b", OLD)):
        assert client.post(URL, content=no_show(uid), headers=headers(no_show(uid), secret)).status_code == 200
    assert world.reads == 1
    world.secrets, world.now = [SECRET], 100.0
    assert client.post(URL, content=no_show("c"), headers=headers(no_show("c"), OLD)).status_code == 401
    world.secrets, world.now = [], 200.0
    assert client.post(URL, content=no_show("d"), headers=headers(no_show("d"))).status_code == 404
    assert world.uids == ["a", "b"]


def test_a_connection_that_is_read_slowly(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets of the last minute are used meanwhile, older ones never; whatever comes in, one thread reads."""
    monkeypatch.setattr(_receiver, "LONGEST_READ", 0.2)
    client = TestClient(world.app())
    assert client.post(URL, content=BODY, headers=headers(BODY)).status_code == 200
    world.secrets, world.now = [SECRET], 10.0
    world.gate.clear()
    for uid in ("a", "b", "c"):
        # Signed with the secret that was removed: what was read last still holds.
        assert (
            client.post(URL, content=b"{" + uid.encode(), headers=headers(b"{" + uid.encode(), OLD)).status_code == 400
        )
    world.now = 70.0
    assert client.post(URL, content=BODY, headers=headers(BODY)).status_code == 503
    assert world.reads == 2
    world.gate.set()
    until(lambda: client.post(URL, content=BODY, headers=headers(BODY, OLD)).status_code == 401)
    assert client.post(URL, content=BODY, headers=headers(BODY)).status_code == 200


def test_a_connection_that_can_not_be_read(world: World, client: TestClient, caplog: Any) -> None:
    """The response is 503, and the log has the kind of error alone; known secrets do not outlive the failure."""
    assert client.post(URL, content=BODY, headers=headers(BODY)).status_code == 200
    world.failures, world.now = [RuntimeError(SECRET)], 100.0
    for _ in range(5):
        assert client.post(URL, content=BODY, headers=headers(BODY)).status_code == 503
    assert world.reads == 2
    gc.collect()
    assert SECRET not in caplog.text
    world.failures, world.now = [], 102.0
    assert client.post(URL, content=BODY, headers=headers(BODY)).status_code == 200


def test_many_deliveries_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than can wait for the database are refused with 503; each of the others is registered once."""
    monkeypatch.setattr(_event_writer, "MOST_WAITING", 5)
    monkeypatch.setattr(_event_writer, "MOST_OF_AN_EVENT", 3)
    monkeypatch.setattr(_receiver, "REMEMBERED", 50)
    receiver = world.receiver()
    receiver._secrets._kept = _receiver._Secrets("calcom_default", world.secrets, 0.0)
    world.gate.clear()

    async def post_all() -> list[int]:
        transport = httpx.ASGITransport(world.app(receiver))
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as sender:

            async def post(number: int) -> int:
                body = no_show(f"uid{number}")
                return (await sender.post(URL, content=body, headers=headers(body))).status_code

            first = asyncio.create_task(post(0))
            while receiver._writer._number or not receiver._writer._is_running:
                await asyncio.sleep(0.01)  # until the thread has taken it
            others = [asyncio.create_task(post(number)) for number in range(1, 20)]
            while sum(task.done() for task in others) < 14:
                await asyncio.sleep(0.01)
            world.gate.set()
            statuses = [await task for task in (first, *others)]
            return statuses + [await post(number) for number in range(100, 200)]

    statuses = asyncio.run(post_all())
    assert (statuses.count(200), statuses.count(503)) == (106, 14)
    assert len(set(world.uids)) == len(world.uids) == 106
    assert max(len(deliveries) for _, deliveries in world.events) == 3
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
    """With Airflow's own connection and database: an asset that a DAG uses gets the event, any other 404.

    Another process knows what this one registered, and waits a second, unless a clock is an hour off.
    """
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
    restarted = TestClient(_receiver.make_app())
    assert restarted.post("/webhook", content=BODY, headers=headers(BODY)).status_code == 200
    with create_session() as session:
        (event,) = session.query(AssetEvent).all()
        digest = hashlib.sha256(BODY).hexdigest()[:16]
        assert event.extra == {"trigger": "BOOKING_NO_SHOW_UPDATED", "bookings": ["uid1"], "deliveries": [digest]}

    def register(*digests: str, clock_is_off: float) -> Registered:
        with create_session() as session:
            for event in session.query(AssetEvent):
                event.timestamp = datetime.now(UTC) + timedelta(seconds=clock_is_off)
        return register_deliveries(uri, "BOOKING_NO_SHOW_UPDATED", [Delivery(one, "uid2") for one in digests])

    assert register(digest, clock_is_off=-0.1) == Registered(repeated=frozenset({digest}))
    assert 0 < register(digest, "second", clock_is_off=-0.1).wait <= 1
    assert register(digest, "second", clock_is_off=3600) == Registered(repeated=frozenset({digest}))
    assert register("second", "third", clock_is_off=-3600) == Registered(repeated=frozenset({"second"}))
    with create_session() as session:
        found = sorted(event.extra["deliveries"] for event in session.query(AssetEvent))
        assert found == sorted([[digest], ["second"], ["third"]])
        for row in (*session.query(AssetEvent), *session.query(AssetActive), *session.query(AssetModel)):
            session.delete(row)
