"""The order in which a run records, and how it ends early; tests/faults has the failures and the kills."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from airflow_provider_calcom.api.client import AsyncCalComClient
from airflow_provider_calcom.api.errors import ExpiredCredentials
from airflow_provider_calcom.api.settings import ClientSettings
from airflow_provider_calcom.no_shows.apply.application import Application, ApplyStopped
from airflow_provider_calcom.no_shows.apply.request import ApplyRequest
from airflow_provider_calcom.no_shows.apply.result import ChangesFailed
from airflow_provider_calcom.no_shows.ledger.records import ClaimLost, LedgerNotWritten
from airflow_provider_calcom.no_shows.ledger.writer import LedgerWriter
from airflow_provider_calcom.no_shows.plan_files import read_plan, read_summary
from airflow_provider_calcom.sandbox import RunningSandbox, running_sandbox
from tests.faults.applying import Attempt, outcomes_of, records_of
from tests.faults.scene import KEY, Scene, make_scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A plan of ten bookings and its world; the folder has the plan."""
    made = make_scene(Random(1))
    made.write_plan(tmp_path / "plan")
    return made


@pytest.fixture
def calcom(scene: Scene) -> Iterator[RunningSandbox]:
    with running_sandbox(world=scene.world, rate_limit=(10**6, 60)) as running:
        yield running


@pytest.mark.usefixtures("scene")
def test_the_result_of_a_killed_write_is_recorded_before_the_next_intent(
    calcom: RunningSandbox, tmp_path: Path
) -> None:
    """A kill between the two would leave two open writes of one flag, and both would be recorded as applied later."""
    changes = list(read_plan(tmp_path / "plan"))
    with LedgerWriter(tmp_path / "ledger", plan=read_summary(tmp_path / "plan")["sha256"]) as killed:
        open_ids = killed.record_intents(changes)
    Attempt(tmp_path, calcom.url, KEY, rest=0, timeout=5).run()
    seen: set[tuple[str, str, str]] = set()
    for record in records_of(tmp_path):
        person = (record["booking_uid"], record["role"], record["email"])
        if record["id"] in open_ids and record["kind"] == "outcome":
            assert (record["outcome"], record["shown"]) == ("failed", False)
            seen.add(person)
        elif record["kind"] == "intent" and record["id"] not in open_ids:
            assert person in seen, "the new intent was recorded while the old write was open"
    assert len(seen) == len([one for one in outcomes_of(tmp_path) or () if one["outcome"] == "applied"]) > 10


@pytest.mark.usefixtures("scene")
@pytest.mark.parametrize(("minutes", "waits"), [(0, True), (30, True), (90, False)])
def test_a_run_waits_after_a_killed_one(calcom: RunningSandbox, tmp_path: Path, minutes: float, waits: bool) -> None:
    """A call may be sent long after its intent, because of the pace or a block, so also after half an hour."""
    changes = list(read_plan(tmp_path / "plan"))
    with LedgerWriter(tmp_path / "ledger", plan="other", wall_clock=lambda: time.time() - 60 * minutes) as killed:
        killed.record_intents(changes[:1])
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    Attempt(tmp_path, calcom.url, KEY, rest=1234, timeout=5, sleep=sleep).run()
    assert (1234 in slept) is waits


def error_of(run: Application) -> BaseException | None:
    """Return the error that a run raises. Fail if it waits for ever."""
    raised: list[BaseException] = []

    def catch() -> None:
        try:
            run.run()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=catch, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive(), "the run does not end"
    return raised[0] if raised else None


class _KeyExpires(httpx.AsyncBaseTransport):
    """Forwards requests, and answers each mark-absent from one on as Cal.com does when the key has expired.

    :param first: which mark-absent call, from 1.
    """

    def __init__(self, first: int) -> None:
        self._left = first - 1
        self._network = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            self._left -= 1
        if self._left >= 0:
            return await self._network.handle_async_request(request)
        return httpx.Response(401, json={"status": "error", "error": {"message": "Your api key is expired"}})

    async def aclose(self) -> None:
        await self._network.aclose()


@pytest.mark.usefixtures("scene")
@pytest.mark.parametrize("first", range(1, 5))
def test_a_fatal_error_ends_the_run(calcom: RunningSandbox, tmp_path: Path, first: int) -> None:
    """Wherever the reader is then, no worker goes on waiting for work until the time of grace is over."""
    options = {"concurrency": 3, "allow_foreign_booking": True, "grace": 3600}
    assert isinstance(error_of(application(tmp_path, calcom.url, _KeyExpires(first), **options)), ExpiredCredentials)
    outcomes = {one["booking_uid"]: (one["outcome"], one["detail"]) for one in outcomes_of(tmp_path) or ()}
    counts = Counter(outcomes.values())
    assert counts["applied", None] == first - 1
    assert 1 <= counts["failed", "ExpiredCredentials"] <= 3
    counts.pop(("not_started", "starts later"))
    assert (
        counts.total()
        == counts["applied", None] + counts["failed", "ExpiredCredentials"] + counts["failed", "not attempted"]
    )


class _Forwarding(httpx.AsyncBaseTransport):
    """Forwards requests.

    :param on_mark: is awaited before a mark-absent is forwarded.
    :param swap: path of a booking that is requested, and of the one that is returned.
    """

    def __init__(self, on_mark: Callable[[], Awaitable[None]] | None = None, swap: tuple[str, str] = ("", "")) -> None:
        self._on_mark = on_mark
        self._requested, self._returned = swap
        self._network = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and self._on_mark is not None:
            await self._on_mark()
        if request.method == "GET" and request.url.path == self._requested:
            request.url = request.url.copy_with(path=self._returned)
        return await self._network.handle_async_request(request)

    async def aclose(self) -> None:
        await self._network.aclose()


def application(
    folder: Path, url: str, transport: httpx.AsyncBaseTransport | None = None, **options: Any
) -> Application:
    """Make an application that writes one booking at a time, unless the options say otherwise."""
    settings = ClientSettings(base_url=f"{url}/v2", api_key=KEY)
    request = ApplyRequest(folder / "plan", folder / "ledger", **{"concurrency": 1, **options})
    return Application(request, lambda: AsyncCalComClient(settings, transport=transport))


@pytest.mark.usefixtures("scene")
def test_a_stopped_run_interrupts_slow_calls(calcom: RunningSandbox, tmp_path: Path) -> None:
    """Also while the reader waits because the queue is full: it ends too, and its work is reported as not attempted."""
    finished: list[str] = []

    async def stop() -> None:
        await asyncio.sleep(0.3)  # until the queue is full
        threading.Thread(target=run.stop).start()
        await asyncio.sleep(30)
        finished.append("a call that should have been interrupted")

    run = application(tmp_path, calcom.url, _Forwarding(stop), grace=0.1)
    with pytest.raises(ApplyStopped):
        run.run()
    assert finished == []
    counts = Counter(one["detail"] for one in outcomes_of(tmp_path) or ())
    assert counts["interrupted"] >= 1
    assert counts["not attempted"] > 5


@pytest.mark.usefixtures("scene")
def test_outcomes_are_written_when_the_ledger_is_full(
    calcom: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outcomes are beside the plan, and the next run records in the ledger what this one could not."""
    times: list[int] = []

    def sync(file: int) -> None:
        if not os.readlink(f"/proc/self/fd/{file}").endswith(".jsonl"):
            return  # of the claim
        times.append(file)
        if len(times) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "fsync", sync)
        with pytest.raises(LedgerNotWritten):
            application(tmp_path, calcom.url).run()
    outcomes = [one["outcome"] for one in outcomes_of(tmp_path) or ()]
    assert "applied" in outcomes
    result = Attempt(tmp_path, calcom.url, KEY, number=2).run()
    assert result["outcomes"]["failed"] == 0


@pytest.mark.usefixtures("scene")
def test_a_run_that_lost_its_claim_sends_nothing(calcom: RunningSandbox, tmp_path: Path) -> None:
    """Another run may write the same bookings then. What is left to do, the next run does."""
    sent: list[str] = []

    async def note() -> None:
        sent.append("a call")

    with pytest.raises(ClaimLost):
        application(tmp_path, calcom.url, _Forwarding(note), lease=0.0, allow_foreign_booking=True).run()
    assert sent == []
    result = Attempt(tmp_path, calcom.url, KEY, rest=0, number=2).run()
    assert result["outcomes"]["applied"] > 10


def test_the_response_for_another_booking_is_rejected(scene: Scene, calcom: RunningSandbox, tmp_path: Path) -> None:
    """A booking that is read by itself is the one that was requested, or nothing is written for it."""
    planned = {change.flag.booking_uid for change in scene.makeable}
    held = [one["uid"] for one in scene.world["bookings"] if one["owner"] == "oscar@owner.example"]
    requested = next(uid for uid in held if uid in planned)
    returned = next(uid for uid in held if uid not in planned)
    transport = _Forwarding(swap=(f"/v2/bookings/{requested}", f"/v2/bookings/{returned}"))
    with pytest.raises(ChangesFailed, match="UnexpectedAnswer"):
        application(tmp_path, calcom.url, transport).run()
    outcomes = {one["booking_uid"]: one["detail"] for one in outcomes_of(tmp_path) or ()}
    assert outcomes[requested] == "UnexpectedAnswer"


@pytest.mark.usefixtures("scene")
def test_clocks_that_differ_are_reported(
    calcom: RunningSandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The order of the ledger does not depend on them, but somebody should set them."""
    changes = list(read_plan(tmp_path / "plan"))
    with LedgerWriter(tmp_path / "ledger", plan="other", wall_clock=lambda: time.time() + 7200) as ahead:
        ahead.record_intents(changes[:1])
    Attempt(tmp_path, calcom.url, KEY, rest=0, timeout=5, clock_is_ahead=900).run()
    assert re.search(r"The worker's clock is (900|901|899) s ahead of Cal.com's", caplog.text)
    assert re.search(r"The ledger's latest record is 7\d\d\d s ahead of now", caplog.text)
    records = records_of(tmp_path)
    (poisoned,) = (one["sequence"] for one in records if one["plan"] == "other")
    assert all(poisoned < one["sequence"] < poisoned + 1000 for one in records if one["plan"] != "other")
