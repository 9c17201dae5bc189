"""What a run records in which order, and how it ends early; tests/faults has the failures and the kills."""

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

import httpx
import pytest

from airflow_provider_calcom.api.client import AsyncCalComClient
from airflow_provider_calcom.api.errors import ExpiredCredentials
from airflow_provider_calcom.api.settings import ClientSettings
from airflow_provider_calcom.no_shows.apply import runner as apply_run
from airflow_provider_calcom.no_shows.apply.application import Application, ApplyRequest, ApplyStopped
from airflow_provider_calcom.no_shows.apply.result import ChangesFailed
from airflow_provider_calcom.no_shows.ledger import LedgerWriter
from airflow_provider_calcom.no_shows.ledger.records import LedgerNotWritten
from airflow_provider_calcom.no_shows.plan import read_plan, read_summary
from airflow_provider_calcom.sandbox import RunningSandbox, running_sandbox
from tests.faults.applying import Attempt, outcomes_of, records_of
from tests.faults.scene import KEY, Scene, make_scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A plan of ten bookings and its world; the folder holds the plan."""
    made = make_scene(Random(1))
    made.write_plan(tmp_path / "plan")
    return made


@pytest.fixture
def calcom(scene: Scene) -> Iterator[RunningSandbox]:
    with running_sandbox(world=scene.world, rate_limit=(10**6, 60)) as running:
        yield running


@pytest.mark.usefixtures("scene")
def test_what_became_of_a_killed_write_is_recorded_before_the_next_one_is_intended(
    calcom: RunningSandbox, tmp_path: Path
) -> None:
    """A kill between the two would leave two open writes of one flag, and both would be told as applied later."""
    changes = list(read_plan(tmp_path / "plan"))
    with LedgerWriter(tmp_path / "ledger", plan=read_summary(tmp_path / "plan")["sha256"]) as killed:
        open_ids = killed.intend(changes)
    Attempt(tmp_path, calcom.url, KEY, rest=0, timeout=5).run()
    seen: set[tuple[str, str, str]] = set()
    for record in records_of(tmp_path):
        person = (record["booking_uid"], record["role"], record["email"])
        if record["id"] in open_ids and record["kind"] == "outcome":
            assert (record["outcome"], record["shown"]) == ("failed", False)
            seen.add(person)
        elif record["kind"] == "intent" and record["id"] not in open_ids:
            assert person in seen, "the new write was intended while the old one was open"
    assert len(seen) == len([one for one in outcomes_of(tmp_path) or () if one["outcome"] == "applied"]) > 10


@pytest.mark.usefixtures("scene")
@pytest.mark.parametrize(("minutes", "is_waited"), [(0, True), (30, True), (90, False)])
def test_a_killed_run_is_given_time_from_now_on(
    calcom: RunningSandbox, tmp_path: Path, minutes: float, is_waited: bool
) -> None:
    """A call may go long after its intent, when the pace or a block let it: the intent's age alone proves no end."""
    changes = list(read_plan(tmp_path / "plan"))
    with LedgerWriter(tmp_path / "ledger", plan="other", wall_clock=lambda: time.time() - 60 * minutes) as killed:
        killed.intend(changes[:1])
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    Attempt(tmp_path, calcom.url, KEY, rest=1234, timeout=5, sleep=sleep).run()
    assert (1234 in slept) is is_waited


def error_of(run: Callable[[], object]) -> BaseException | None:
    """Return the error that a run raises; fail after a minute, where it waits for something that never comes."""
    raised: list[BaseException] = []

    def catch() -> None:
        try:
            run()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=catch, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive(), "the run does not end"
    return raised[0] if raised else None


class _KeyExpires(httpx.AsyncBaseTransport):
    """Sends calls on, and answers each mark-absent from one on as Cal.com does where the key has expired.

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
def test_a_run_that_can_not_go_on_ends_at_once(calcom: RunningSandbox, tmp_path: Path, first: int) -> None:
    """Airflow kills a task 5 s after it asked it to end: wherever reading is just then, nobody waits for its work."""
    attempt = Attempt(tmp_path, calcom.url, KEY, concurrency=3, timeout=5)
    assert isinstance(error_of(lambda: attempt.run(_KeyExpires(first))), ExpiredCredentials)
    told = {one["booking_uid"]: (one["outcome"], one["detail"]) for one in outcomes_of(tmp_path) or ()}
    counts = Counter(told.values())
    assert counts["applied", None] == first - 1
    assert 1 <= counts["failed", "ExpiredCredentials"] <= 3
    counts.pop(("not_started", "starts later"))
    assert (
        counts.total()
        == counts["applied", None] + counts["failed", "ExpiredCredentials"] + counts["failed", "not tried"]
    )


class _Meddled(httpx.AsyncBaseTransport):
    """Sends calls on.

    :param on_mark: is awaited before a mark-absent is sent on.
    :param answers_with: path of a booking that is asked for, and of the one that is answered with.
    """

    def __init__(
        self, on_mark: Callable[[], Awaitable[None]] | None = None, answers_with: tuple[str, str] = ("", "")
    ) -> None:
        self._on_mark = on_mark
        self._asked, self._answered = answers_with
        self._network = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and self._on_mark is not None:
            await self._on_mark()
        if request.method == "GET" and request.url.path == self._asked:
            request.url = request.url.copy_with(path=self._answered)
        return await self._network.handle_async_request(request)

    async def aclose(self) -> None:
        await self._network.aclose()


def application(folder: Path, url: str, transport: httpx.AsyncBaseTransport | None = None) -> Application:
    """One booking at a time."""
    settings = ClientSettings(base_url=f"{url}/v2", api_key=KEY)
    request = ApplyRequest(folder / "plan", folder / "ledger", concurrency=1)
    return Application(request, lambda: AsyncCalComClient(settings, transport=transport))


@pytest.mark.usefixtures("scene")
def test_a_stopped_run_waits_no_longer_for_calls_because_much_is_queued(
    calcom: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no more work fits into the queue, and the calls take their time, reading ends all the same."""
    monkeypatch.setattr(apply_run, "_GRACE", 0.2)

    async def stop() -> None:
        await asyncio.sleep(0.3)  # until the queue is full
        threading.Thread(target=run.stop).start()
        await asyncio.Event().wait()  # for ever

    run = application(tmp_path, calcom.url, _Meddled(stop))
    assert isinstance(error_of(run.run), ApplyStopped)
    counts = Counter(one["detail"] for one in outcomes_of(tmp_path) or ())
    assert counts["interrupted"] >= 1
    assert counts["not tried"] > 5


@pytest.mark.usefixtures("scene")
def test_what_was_written_is_told_where_the_ledger_is_full(
    calcom: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outcomes stand beside the plan, and the next run settles in the ledger what it could not take."""
    times: list[int] = []

    def sync(file: int) -> None:
        times.append(file)
        if len(times) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "fsync", sync)
        with pytest.raises(LedgerNotWritten):
            application(tmp_path, calcom.url).run()
    told = [one["outcome"] for one in outcomes_of(tmp_path) or ()]
    assert "applied" in told
    result = Attempt(tmp_path, calcom.url, KEY, number=2).run()
    assert result["outcomes"]["failed"] == 0


def test_another_booking_s_answer_is_not_judged(scene: Scene, calcom: RunningSandbox, tmp_path: Path) -> None:
    """A booking that is read by itself is the one that was asked for, or nothing is written for it."""
    planned = {change.flag.booking_uid for change in scene.makeable}
    held = [one["uid"] for one in scene.world["bookings"] if one["owner"] == "oscar@owner.example"]
    asked = next(uid for uid in held if uid in planned)
    answered = next(uid for uid in held if uid not in planned)
    meddled = _Meddled(answers_with=(f"/v2/bookings/{asked}", f"/v2/bookings/{answered}"))
    with pytest.raises(ChangesFailed, match="UnexpectedAnswer"):
        application(tmp_path, calcom.url, meddled).run()
    told = {one["booking_uid"]: one["detail"] for one in outcomes_of(tmp_path) or ()}
    assert told[asked] == "UnexpectedAnswer"


@pytest.mark.usefixtures("scene")
def test_clocks_that_differ_are_reported(
    calcom: RunningSandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The ledger's order does not depend on them, but a person is to set them right."""
    changes = list(read_plan(tmp_path / "plan"))
    with LedgerWriter(tmp_path / "ledger", plan="other", wall_clock=lambda: time.time() + 7200) as ahead:
        ahead.intend(changes[:1])
    Attempt(tmp_path, calcom.url, KEY, rest=0, timeout=5, clock_is_ahead=900).run()
    assert re.search(r"This machine's clock is (900|901|899) s ahead of Cal.com's", caplog.text)
    assert re.search(r"The ledger's latest record is 7\d\d\d s ahead of now", caplog.text)
    records = records_of(tmp_path)
    (poisoned,) = (one["sequence"] for one in records if one["plan"] == "other")
    assert all(poisoned < one["sequence"] < poisoned + 1000 for one in records if one["plan"] != "other")
