"""Responses that are delayed by the latency, with a `sleep` that does not wait."""

from __future__ import annotations

import asyncio

import httpx

from airflow_provider_calcom.sandbox import create_app
from tests.sandbox.conftest import NOW, OWNER, Client

UID = "sandbox-yesterday-1"


def test_only_calls_of_the_api_are_delayed_until_it_is_changed() -> None:
    """A change applies from the next call on and outlasts a reset; injected faults are delayed, admin routes never."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    client = Client(latency=0.25, sleep=sleep)
    client.get("/v2/me")
    client.get("/_sandbox/counts")
    assert slept == [0.25]
    client.post("/_sandbox/latency", json={"seconds": 0})
    client.get("/v2/me")
    assert slept == [0.25]
    client.post("/_sandbox/latency", json={"seconds": 0.5})
    client.post("/_sandbox/reset")
    client.post("/_sandbox/faults", json={"method": "GET", "path": "/v2/me", "fault": "status", "status": 200})
    assert [client.get("/v2/me").status_code for _ in range(2)] == [200, 200]
    assert slept == [0.25, 0.5, 0.5]


def test_the_call_is_handled_before_the_delay() -> None:
    """A client that gives up during the delay has written."""
    flags: list[bool | None] = []

    async def sleep(seconds: float) -> None:
        flags.append(client.flags(UID)[0])

    client = Client(latency=0.25, sleep=sleep)
    client.mark(UID, {"host": True})
    assert flags == [True]


def test_delays_overlap() -> None:
    """Eight calls wait at the same time: none would get past a barrier for eight if they waited in turn."""
    barrier = asyncio.Barrier(8)

    async def sleep(seconds: float) -> None:
        await asyncio.wait_for(barrier.wait(), 60)

    async def call_eight_times() -> list[httpx.Response]:
        app = create_app(now=NOW, latency=0.25, hosts=("sandbox",), sleep=sleep)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sandbox") as client:
            return await asyncio.gather(*(client.get("/v2/me", headers=OWNER) for _ in range(8)))

    assert [response.status_code for response in asyncio.run(call_eight_times())] == [200] * 8
