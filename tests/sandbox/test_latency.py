"""Answers that come late, over a real socket."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from airflow_provider_calcom.sandbox import RunningSandbox, running_sandbox
from tests.sandbox.conftest import NOW, OWNER

LATENCY = 0.25
MARK = "/v2/bookings/sandbox-yesterday-1/mark-absent"


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(now=NOW, latency=LATENCY) as running:
        yield running


@pytest.fixture
def api(sandbox: RunningSandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.url, headers=OWNER, timeout=5) as client:
        yield client


def _seconds(api: httpx.Client, path: str) -> float:
    before = time.perf_counter()
    assert api.get(path).status_code == 200
    return time.perf_counter() - before


def test_calls_wait_beside_one_another(api: httpx.Client) -> None:
    """Eight at a time take hardly longer than one, and admin routes don't wait at all."""
    before = time.perf_counter()
    with ThreadPoolExecutor(8) as pool:
        each = list(pool.map(lambda _: _seconds(api, "/v2/me"), range(8)))
    assert min(each) >= LATENCY
    assert time.perf_counter() - before < 4 * LATENCY
    assert _seconds(api, "/_sandbox/counts") < LATENCY


def test_the_call_is_carried_out_before_the_wait(api: httpx.Client, sandbox: RunningSandbox) -> None:
    """A client that gives up meanwhile has written."""
    with pytest.raises(httpx.ReadTimeout):
        api.post(MARK, json={"host": True}, timeout=LATENCY / 3)
    assert sandbox.state.world.bookings["sandbox-yesterday-1"].absent_host is True


def test_it_can_be_changed_at_run_time_and_outlasts_a_reset(api: httpx.Client) -> None:
    """As the clock does; answers of a fault come late, too."""
    assert api.post("/_sandbox/latency", json={"seconds": 0}).status_code == 200
    assert _seconds(api, "/v2/me") < LATENCY
    api.post("/_sandbox/latency", json={"seconds": LATENCY})
    api.post("/_sandbox/reset")
    api.post("/_sandbox/faults", json={"method": "GET", "path": "/v2/me", "fault": "status", "status": 200})
    assert _seconds(api, "/v2/me") >= LATENCY
    assert _seconds(api, "/v2/me") >= LATENCY
