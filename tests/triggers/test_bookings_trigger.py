"""BookingsTrigger: one client and one pace in a process, errors as events, and nothing left open."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import Any

import pytest

from airflow_provider_calcom.api import errors
from airflow_provider_calcom.api.client import AsyncCalComClient
from airflow_provider_calcom.hooks.calcom import CalComHook
from airflow_provider_calcom.triggers import _shared
from airflow_provider_calcom.triggers.bookings import BookingsTrigger
from tests.sensors.waiting import PAST, TOMORROW, UNDER_WAY, event_of, sensor, sleeping
from tests.support import KEY, SandboxDriver


def trigger(*uids: str, **options: Any) -> BookingsTrigger:
    """Return a trigger to which nothing is known of the bookings."""
    return BookingsTrigger(bookings=dict.fromkeys(uids), **options)


async def payload_of(one: BookingsTrigger) -> Any:
    """Return the payload of a trigger's event."""
    (payload,) = [event.payload async for event in one.run()]
    return payload


def test_triggers_of_one_connection_share_client_and_calls(
    calcom: SandboxDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eighteen triggers make one client, and half as many calls at most."""
    sleeping(calcom, monkeypatch)
    made: list[AsyncCalComClient] = []
    init = AsyncCalComClient.__init__

    def counting(self: AsyncCalComClient, *args: Any, **options: Any) -> None:
        made.append(self)
        init(self, *args, **options)

    monkeypatch.setattr(AsyncCalComClient, "__init__", counting)
    uids = [f"sandbox-{day}-{slot}" for day in ("yesterday", "today") for slot in range(1, 10)]
    calcom.admin("clock", {"now": "2026-11-19T18:00:00Z"})

    async def run() -> list[Any]:
        return await asyncio.gather(*(payload_of(trigger(uid)) for uid in uids))

    payloads = asyncio.run(run())
    assert [list(one["bookings"]) for one in payloads] == [[uid] for uid in uids]
    assert len(made) == 1
    assert len(calcom.calls()) <= 9
    assert _shared._readers == {}


def test_airflows_connection_is_read_once_for_many_triggers(
    calcom: SandboxDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after a refused key, and where a trigger is killed meanwhile. What failed is read again."""
    reads: list[str] = []
    failures: list[Exception] = []
    get_connection = CalComHook.get_connection

    def reading(conn_id: str) -> Any:
        reads.append(conn_id)
        time.sleep(0.05)
        if failures:
            raise failures.pop()
        return get_connection(conn_id)

    monkeypatch.setattr(CalComHook, "get_connection", staticmethod(reading))

    async def read(*renewed: bool, killed: int | None = None) -> list[Any]:
        tasks = [asyncio.create_task(_shared.shared_settings(CalComHook(), renewed=one)) for one in renewed]
        await asyncio.sleep(0)
        if killed is not None:
            tasks[killed].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    async def run() -> None:
        first, *others = await read(*[False] * 50, killed=0)
        assert isinstance(first, asyncio.CancelledError)
        assert len(set(others)) == len(reads) == 1
        assert await read(False) == others[:1]
        assert len(reads) == 1
        assert await read(*[True] * 50) == [others[0]] * 50
        assert len(reads) == 2

    asyncio.run(run())

    async def fail() -> None:
        failures.append(errors.InvalidConnection("broken"))
        assert {type(one) for one in await read(False, False)} == {errors.InvalidConnection}
        assert not isinstance((await read(False))[0], Exception)

    asyncio.run(fail())


def test_lists_of_one_connection_share_the_client(calcom: SandboxDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two lists are two readers with one pace; a trigger that ends closes only what no other uses."""

    async def run() -> None:
        settings = await _shared.shared_settings(CalComHook())
        async with _shared.shared_reader("calcom_default", settings, "/bookings") as one:
            async with _shared.shared_reader("calcom_default", settings, "/organizations/1/bookings") as other:
                assert one is not other
                assert one._client is other._client
            assert not one._client._is_closed
            assert len(_shared._readers) == len(_shared._clients) == 1
        assert one._client._is_closed
        assert _shared._readers == _shared._clients == {}

    asyncio.run(run())


def test_a_killed_trigger_leaves_nothing_open(calcom: SandboxDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client is closed with the last trigger, also where that is cancelled in its sleep or while it reads."""
    closed: list[AsyncCalComClient] = []
    close = AsyncCalComClient.close

    async def closing(self: AsyncCalComClient) -> None:
        closed.append(self)
        await close(self)

    monkeypatch.setattr(AsyncCalComClient, "close", closing)

    async def run(seconds: float) -> None:
        sleeping(calcom, monkeypatch)

        async def sleep(_: float) -> None:
            await asyncio.sleep(seconds)

        monkeypatch.setattr(BookingsTrigger, "default_sleep", staticmethod(sleep))
        monkeypatch.setattr(_shared.SharedReader, "default_sleep", staticmethod(lambda _: asyncio.sleep(60)))
        tasks = [asyncio.create_task(payload_of(trigger(TOMORROW))) for _ in range(2)]
        await asyncio.sleep(0.5)
        assert len(_shared._readers) == 1
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(one, asyncio.CancelledError) for one in ended)
        assert _shared._readers == {}

    for seconds in (60.0, 0.0):
        asyncio.run(run(seconds))
    assert len(closed) == 2


def test_one_cancelled_trigger_does_not_disturb_the_others(
    calcom: SandboxDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are read together, and one of them is killed meanwhile."""
    sleeping(calcom, monkeypatch)
    monkeypatch.setattr(_shared.SharedReader, "default_sleep", staticmethod(lambda _: asyncio.sleep(0.5)))

    async def run() -> Any:
        killed, lives = (asyncio.create_task(payload_of(trigger(PAST))) for _ in range(2))
        await asyncio.sleep(0.2)
        killed.cancel()
        return await lives

    assert list(asyncio.run(run())["bookings"]) == [PAST]


@pytest.mark.parametrize(
    ("uid", "options", "error"),
    [
        ("no-such-booking", {}, errors.BookingNotFound),
        ("sandbox-cancelled", {}, errors.BookingCancelled),
        (PAST, {"calcom_conn_id": "calcom_elsewhere"}, errors.InvalidConnection),
    ],
)
def test_an_error_is_an_event_that_the_sensor_raises(
    calcom: SandboxDriver, monkeypatch: pytest.MonkeyPatch, uid: str, options: Any, error: type[errors.CalComError]
) -> None:
    """The sensor raises it as the class that it was in the triggerer, and Airflow does not retry it."""
    sleeping(calcom, monkeypatch)
    event = event_of(trigger(uid, **options))
    with pytest.raises(error) as raised:
        sensor(PAST, deferrable=True).execute_complete({}, event)
    assert raised.value.retryable is False


def test_an_outage_is_an_error_that_airflow_retries(calcom: SandboxDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 503 that goes on after the client's own attempts ends the trigger in a retryable error."""
    sleeping(calcom, monkeypatch)
    calcom.fault("GET", "*", "status", status=503, times=None)
    event = event_of(trigger(PAST))
    with pytest.raises(errors.ServerFault) as raised:
        sensor(PAST, deferrable=True).execute_complete({}, event)
    assert type(raised.value) is errors.ServerFault
    calcom.admin("faults", {"clear": True})
    assert _shared._readers == {}


def test_a_key_that_was_replaced_while_the_trigger_slept(
    calcom: SandboxDriver, monkeypatch: pytest.MonkeyPatch, connect: Any
) -> None:
    """The connection is read again once its key is refused. Without another key the event is the refusal."""
    removed = {"key": KEY, "removed": True}

    def replace() -> None:
        calcom.admin("keys", removed)
        connect(host=calcom.url, password="cal_sandbox_tiered")

    sleeping(calcom, monkeypatch, after_1=replace)
    assert list(event_of(trigger(UNDER_WAY))["bookings"]) == [UNDER_WAY]
    calcom.start_over()
    connect(host=calcom.url, password=KEY)
    sleeping(calcom, monkeypatch, after_1=lambda: calcom.admin("keys", removed))
    assert event_of(trigger(UNDER_WAY))["error"].endswith(":InvalidCredentials")


def test_no_event_has_an_address(calcom: SandboxDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow's database keeps events."""
    sleeping(calcom, monkeypatch)
    for uid in (PAST, "sandbox-cancelled"):
        assert "@" not in str(event_of(trigger(uid)))


def test_importing_triggers_makes_no_client() -> None:
    """The triggerer imports a trigger's module before it has an event loop."""
    code = (
        "import airflow_provider_calcom.triggers.bookings, airflow_provider_calcom.triggers._shared as shared;"
        "print(shared._readers)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip().splitlines()[-1] == "{}"
