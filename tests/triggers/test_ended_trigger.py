"""EndedBookingsTrigger: one event for a poll, nothing lost or twice, over restarts, outages and shared streams."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_calcom.api.errors import InvalidArgument, InvalidEnvironment
from airflow_provider_calcom.triggers import _shared, ended
from airflow_provider_calcom.triggers._polls import Poll, Polls
from airflow_provider_calcom.triggers.ended import CURSOR, EndedBookingsTrigger
from tests.support import KEY, NOW, SandboxDriver

pytestmark = pytest.mark.skipif(not ended._CAN_WATCH, reason="Airflow before 3.0 has no watchers")

NINE = ["sandbox-today-2", "sandbox-today-3", "sandbox-today-4"]
MORNING = ["sandbox-today-1", *NINE, "sandbox-today-5"]


class Store:
    """The state of an asset."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.failing: Exception | None = None

    async def aget(self, key: str, default: Any = None) -> Any:
        """Return a value."""
        if self.failing:
            raise self.failing
        return json.loads(self.values[key]) if key in self.values else default

    async def aset(self, key: str, value: Any) -> None:
        """Write a value."""
        if self.failing:
            raise self.failing
        self.values[key] = json.dumps(value)


class Killed(BaseException):
    """The triggerer was killed."""


class Life:
    """Triggerers, one after another, whose sleeps advance the sandbox's clock.

    :param calcom: the sandbox.
    :param store: the state of the asset, or None before Airflow 3.3.
    """

    def __init__(self, calcom: SandboxDriver, store: Store | None) -> None:
        self.calcom = calcom
        self.store = store
        self.events: list[list[str]] = []
        self.payloads: list[Any] = []
        self.slept: list[float] = []
        self.polls = 0
        self.kills = False
        self.before: dict[int, Callable[[], Any]] = {}

    def run(self, polls: int, *, kill_after_event: bool = False, before: Any = None, **options: Any) -> list[list[str]]:
        """Run a trigger as a triggerer does, from what it serialized, for some polls; return the uids of its events."""
        path, given = EndedBookingsTrigger(**{"settle": 0, "catch_up": 3600, **options}).serialize()
        assert path == "airflow_provider_calcom.triggers.ended.EndedBookingsTrigger"
        trigger = EndedBookingsTrigger(**json.loads(json.dumps(given)))
        trigger.asset_state_store = self.store  # type: ignore[assignment]
        begin, self.polls = len(self.events), polls
        self.kills, self.before = kill_after_event, before or {}

        async def consume() -> None:
            async for event in trigger.run():
                self.payloads.append(event.payload)
                self.events.append([one["uid"] for one in event.payload["bookings"]])

        with pytest.raises(Killed):
            asyncio.run(consume())
        assert _shared._readers == {}
        return self.events[begin:]

    async def sleep_after_event(self, seconds: float) -> None:
        """Wait for the event to be persisted."""
        if self.kills:
            raise Killed

    async def sleep(self, seconds: float) -> None:
        """Wait for the next poll."""
        self.slept.append(seconds)
        self.polls -= 1
        if self.polls == 0:
            raise Killed
        self.calcom.admin("clock", {"advance": seconds})
        self.before.get(self.polls, lambda: None)()


@pytest.fixture
def start(calcom: SandboxDriver, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Life]:
    """Return a function that returns a life at a time of the sandbox's clock; without a state as before Airflow 3.3."""

    def made(now: str = "2026-11-19T08:00:00Z", *, keeps: bool = True) -> Life:
        life = Life(calcom, Store() if keeps else None)
        calcom.admin("clock", {"now": now})
        monkeypatch.setattr(EndedBookingsTrigger, "default_sleep", staticmethod(life.sleep_after_event))
        monkeypatch.setattr(Polls, "default_sleep", staticmethod(life.sleep))
        return life

    return made


def test_one_event_for_each_poll_that_finds_something(start: Callable[..., Life]) -> None:
    """Bookings that end together are in one event, empty polls emit nothing, and an event has uids and times only."""
    life = start()
    assert life.run(9, poll_interval=1800) == [["sandbox-today-1"], NINE, ["sandbox-today-5"]]
    assert life.payloads[0] == {
        "bookings": [
            {"uid": "sandbox-today-1", "start": "2026-11-19T08:00:00.000Z", "end": "2026-11-19T08:30:00.000Z"}
        ],
        "until": life.payloads[0]["until"],
    }
    assert life.payloads[0]["until"] >= "2026-11-19T08:30:00.000Z"
    assert "@" not in str(life.payloads)


def test_what_did_not_take_place_is_not_reported(start: Callable[..., Life]) -> None:
    """Bookings that are cancelled, rejected or pending, and those of somebody else."""
    life = start("2026-11-18T18:00:00Z")
    (uids,) = life.run(1, catch_up=86_400)
    assert {"sandbox-yesterday-1", "sandbox-team", "sandbox-series-3"} & set(uids) == {
        "sandbox-yesterday-1",
        "sandbox-series-3",
    }
    assert not {"sandbox-cancelled", "sandbox-rejected", "sandbox-pending", "sandbox-of-other"} & set(uids)


def test_a_booking_settles_before_it_is_reported(start: Callable[..., Life]) -> None:
    """Its attendance can have arrived only some time after its end."""
    life = start("2026-11-19T10:00:00Z")
    assert life.run(5, settle=7200, poll_interval=1800) == [["sandbox-today-1"], NINE]


def test_a_restart_loses_nothing_and_repeats_nothing(start: Callable[..., Life]) -> None:
    """On Airflow 3.3 a new triggerer goes on where the killed one was, also after hours, with ends of both times."""
    life = start("2026-11-19T08:35:00Z")
    assert life.run(1) == [["sandbox-today-1"]]
    life.calcom.admin("clock", {"now": "2026-11-19T12:00:00Z"})
    assert life.run(2, catch_up=0) == [[*NINE, "sandbox-today-5"]]
    assert life.run(2, catch_up=86_400) == []


def test_a_kill_right_after_an_event_repeats_it(start: Callable[..., Life]) -> None:
    """Airflow may not have it in its database yet, so the cursor is not stored: better twice than never."""
    life = start("2026-11-19T08:35:00Z")
    assert life.run(1, kill_after_event=True) == [["sandbox-today-1"]]
    assert life.store is not None
    assert life.store.values == {}
    assert life.run(2) == [["sandbox-today-1"]]
    assert life.run(2) == []


def test_before_airflow_3_3_a_restart_catches_up(start: Callable[..., Life]) -> None:
    """Nothing is kept there: bookings of the time to catch up with come again, once for each restart."""
    life = start("2026-11-19T09:35:00Z", keeps=False)
    assert life.run(3, catch_up=1800) == [NINE]
    assert life.run(3, catch_up=1800) == [NINE]


def test_a_booking_that_is_made_or_moved_late(start: Callable[..., Life], calcom: SandboxDriver) -> None:
    """It is reported as long as its end is within the overlap, and again with another end; cancelled ones are not."""
    life = start("2026-11-19T10:00:00Z")
    late = {"start": "2026-11-19T09:10:00.000Z", "end": "2026-11-19T09:40:00.000Z"}
    moved = {"start": "2026-11-19T08:00:00.000Z", "end": "2026-11-19T09:59:00.000Z"}
    before = {
        3: lambda: calcom.change("sandbox-tomorrow-1", **late),
        2: lambda: calcom.change("sandbox-today-2", **moved),
        1: lambda: calcom.change("sandbox-today-5", status="cancelled"),
    }
    events = life.run(4, before=before)
    assert events == [NINE, ["sandbox-tomorrow-1"], ["sandbox-today-2"]]


def test_more_bookings_than_an_event_takes(start: Callable[..., Life]) -> None:
    """The rest comes with the next polls, with ties at one end, and over a restart."""
    life = start("2026-11-19T12:00:00Z")
    assert life.run(2, max_bookings=2, catch_up=86_400, overlap=60) != []
    life.run(20, max_bookings=2, catch_up=86_400, overlap=60)
    uids = [uid for event in life.events for uid in event]
    assert all(len(event) <= 2 for event in life.events)
    assert len(uids) == len(set(uids))
    assert set(uids) >= set(MORNING) | {"sandbox-yesterday-8", "sandbox-series-3"}
    assert [one["end"] for payload in life.payloads for one in payload["bookings"]] == sorted(
        one["end"] for payload in life.payloads for one in payload["bookings"]
    )


def test_a_long_absence_is_caught_up_with_in_parts(start: Callable[..., Life], calcom: SandboxDriver) -> None:
    """Each poll lists a few days, and nothing of the weeks is lost."""
    life = start("2026-11-04T15:35:00Z")
    assert life.run(1) == [["sandbox-series-1"]]
    calcom.admin("clock", {"now": "2026-11-19T12:00:00Z"})
    before = len(calcom.calls())
    uids = [uid for event in life.run(16) for uid in event]
    assert {"sandbox-series-2", "sandbox-yesterday-1", *MORNING} <= set(uids)
    assert len(uids) == len(set(uids))
    spans = [
        re.findall(r"(?:afterStart|beforeEnd)=(\d{4}-\d\d-\d\d)", call["path"]) for call in calcom.calls()[before:]
    ]
    days = [(datetime.fromisoformat(end) - datetime.fromisoformat(begin)).days for begin, end in filter(None, spans)]
    assert max(days) <= 3


def test_many_bookings_take_few_calls(start: Callable[..., Life], calcom: SandboxDriver) -> None:
    """A poll of a day's bookings is one page, and the client lives as long as the trigger."""
    life = start("2026-11-19T08:00:00Z")
    begin = len(calcom.calls())
    life.run(10)
    assert len(calcom.calls()) - begin == 11  # the first finds out the server's clock


def test_an_outage_is_logged_once_and_loses_nothing(
    start: Callable[..., Life], calcom: SandboxDriver, caplog: pytest.LogCaptureFixture
) -> None:
    """Polls come at longer and longer intervals, up to a quarter of an hour, and go on with what ended meanwhile."""
    caplog.set_level(logging.INFO)
    life = start("2026-11-19T08:20:00Z")
    calcom.fault("GET", "*", "status", status=503, times=None)
    assert life.run(12, poll_interval=60, before={1: lambda: calcom.admin("faults", {"clear": True})}) == []
    assert life.slept == [60, 60, 60, 180, 60, 420, 60, 840, 60, 840, 60, 840]
    life.run(3, poll_interval=60)
    assert [uid for event in life.events for uid in event] == ["sandbox-today-1"]
    faults = [record for record in caplog.records if "can't be read" in record.message]
    assert [record.levelname for record in faults] == ["WARNING"]


def test_a_key_that_is_refused_and_replaced(
    start: Callable[..., Life], calcom: SandboxDriver, caplog: pytest.LogCaptureFixture, connect: Any
) -> None:
    """A refusal is an error in the log, without the key; the connection is read again before each further poll."""
    life = start("2026-11-19T08:35:00Z")
    calcom.admin("keys", {"key": KEY, "removed": True})

    def replace() -> None:
        connect(host=calcom.url, password="cal_sandbox_tiered")
        calcom.admin("world", {"bookings": []})

    caplog.set_level(logging.INFO)
    life.run(4, before={2: replace})
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 1
    assert "Nothing is lost" in errors[0].message
    assert any("are read again" in record.message for record in caplog.records)
    assert KEY not in caplog.text
    assert "cal_sandbox" not in caplog.text


def test_a_connection_that_is_missing_does_not_end_the_trigger(
    start: Callable[..., Life], caplog: pytest.LogCaptureFixture
) -> None:
    """A trigger that raises would be started again every second."""
    life = start()
    assert life.run(3, calcom_conn_id="calcom_elsewhere") == []
    assert caplog.text.count("Nothing is lost") == 1


def test_a_clock_an_hour_ahead_reports_nothing_early(
    start: Callable[..., Life], calcom: SandboxDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The earlier of both clocks counts, and after it was corrected nothing is lost."""
    life = start("2026-11-19T09:35:00Z")
    true_time = datetime(2026, 11, 19, 8, 35, tzinfo=UTC).timestamp()
    monkeypatch.setattr(Polls, "default_clock", staticmethod(lambda: true_time))
    assert life.run(2) == [["sandbox-today-1"]]
    monkeypatch.setattr(Polls, "default_clock", staticmethod(lambda: true_time + 3600))
    assert life.run(2) == [NINE]


def test_a_state_that_cannot_be_read_or_written(start: Callable[..., Life], caplog: pytest.LogCaptureFixture) -> None:
    """Without knowing the cursor nothing is reported; what can't be stored is logged once and tried again."""
    life = start("2026-11-19T08:35:00Z")
    assert life.store is not None
    life.store.failing = RuntimeError("the secret text of a server")
    assert life.run(3) == []
    life.store.failing = None
    failing = {1: lambda: setattr(life.store, "failing", RuntimeError("no"))}
    assert life.run(3, before=failing, overlap=60) == [["sandbox-today-1"]]
    life.store.failing = None
    assert life.run(2) == []
    assert "secret text" not in caplog.text
    assert caplog.text.count("state of the asset") == 2


def test_a_state_of_several_assets_is_not_used(start: Callable[..., Life], caplog: pytest.LogCaptureFixture) -> None:
    """Airflow makes one trigger of watchers with the same parameters, and then can't say whose state is meant."""
    life = start("2026-11-19T08:35:00Z")
    assert life.store is not None
    life.store.failing = ValueError("Task has 2 concrete inlets")
    assert life.run(3) == [["sandbox-today-1"]]
    assert "Several assets" in caplog.text


def test_a_state_of_another_version_is_not_used(start: Callable[..., Life]) -> None:
    """It begins as if nothing had been stored."""
    life = start("2026-11-19T08:35:00Z")
    assert life.store is not None
    life.store.values[CURSOR] = json.dumps({"cursor": 12})
    assert life.run(1) == [["sandbox-today-1"]]


def test_triggers_of_one_stream_share_what_is_read(start: Callable[..., Life], calcom: SandboxDriver) -> None:
    """Two triggers with their own settling time and cursor cost the calls of one."""
    start("2026-11-19T11:35:00Z")
    soon = EndedBookingsTrigger(settle=0, catch_up=3600)
    late = EndedBookingsTrigger(settle=7200, catch_up=3600)
    assert soon.shared_stream_key() == late.shared_stream_key()
    assert soon.shared_stream_key() != EndedBookingsTrigger(calcom_conn_id="other").shared_stream_key()
    assert isinstance(hash(soon.shared_stream_key()), int)

    async def events_of(trigger: EndedBookingsTrigger, poll: Poll) -> list[list[str]]:
        async def stream() -> AsyncIterator[Poll]:
            yield poll

        events = [event async for event in trigger.filter_shared_stream(stream())]
        return [[one["uid"] for one in event.payload["bookings"]] for event in events]

    async def run() -> Any:
        polls = EndedBookingsTrigger.open_shared_stream(soon.serialize()[1])
        poll = await anext(polls)
        before = len(calcom.calls())
        found = await asyncio.gather(events_of(late, poll), events_of(soon, poll))
        await polls.aclose()
        return found, len(calcom.calls()) - before

    assert asyncio.run(run()) == ([[NINE], [["sandbox-today-5"]]], 1)


@pytest.mark.parametrize(
    "options",
    [
        {"settle": -1},
        {"poll_interval": 1},
        {"overlap": 0},
        {"catch_up": "a day"},
        {"max_bookings": 0},
        {"max_bookings": 10_000},
        {"max_bookings": True},
        {"user_id": 5},
    ],
)
def test_invalid_parameters_fail_when_the_dag_is_parsed(options: Any) -> None:
    """The text names the parameter; in the triggerer nobody would see it."""
    with pytest.raises(InvalidArgument, match=next(iter(options))):
        EndedBookingsTrigger(**options)


def test_airflow_without_watchers_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The module is imported there all the same."""
    monkeypatch.setattr(ended, "_CAN_WATCH", False)
    with pytest.raises(InvalidEnvironment, match=r"needs Airflow 3\.0 .* BookingEndedSensor"):
        EndedBookingsTrigger()


def test_a_dag_file_that_watches_imports_no_client() -> None:
    """Every parse of the file imports the trigger."""
    code = (
        "import airflow.triggers.base, sys; before = set(sys.modules);"
        "import airflow_provider_calcom.triggers.ended;"
        "print([name for name in ('httpx', 'duckdb', 'airflow_provider_calcom.api.client')"
        " if name in set(sys.modules) - before])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip().splitlines()[-1] == "[]"


def test_the_sandbox_clock_is_behind(calcom: SandboxDriver) -> None:
    """The tests here rely on it: the earlier clock counts."""
    assert datetime.now(UTC) > NOW
