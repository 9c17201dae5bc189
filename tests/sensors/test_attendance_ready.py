"""AttendanceReadySensor: files that grow, queries, and feeds that are complete."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException, TaskDeferred

from airflow_provider_calcom.api.errors import InvalidArgument
from airflow_provider_calcom.attendance.errors import AttendanceError, InvalidInput
from airflow_provider_calcom.hooks.sql import SqlConnectionMissing
from airflow_provider_calcom.no_shows.readiness import FileState, GrowingFiles, look_at
from airflow_provider_calcom.sensors.attendance import AttendanceReadySensor
from airflow_provider_calcom.triggers import attendance as triggers
from tests.operators.planning import memory_storage
from tests.support import ends_the_task

UNTIL = "2026-11-20T00:00:00Z"


def sensor(**options: Any) -> AttendanceReadySensor:
    return AttendanceReadySensor(task_id="ready", **options)


def trigger_of(task: AttendanceReadySensor) -> Any:
    """Return the trigger that a sensor defers to, made anew from what it serialized."""
    with pytest.raises(TaskDeferred) as raised:
        task.execute({})
    path, given = raised.value.trigger.serialize()
    assert json.loads(json.dumps(given)) == given
    module, _, name = path.rpartition(".")
    assert module == triggers.__name__
    return getattr(triggers, name)(**given)


def event_of(trigger: Any) -> Any:
    async def run() -> list[Any]:
        return [event.payload async for event in trigger.run()]

    (payload,) = asyncio.run(run())
    return payload


def sleeping(monkeypatch: pytest.MonkeyPatch, *steps: Any) -> list[float]:
    """Let the sleeps of triggers advance the clock instead, and do the steps one after another; return them."""
    slept: list[float] = []
    now = time.monotonic()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) <= len(steps):
            steps[len(slept) - 1]()

    monkeypatch.setattr(triggers._PollingTrigger, "default_sleep", staticmethod(sleep))
    real = GrowingFiles.__init__

    def init(self: GrowingFiles, *args: Any, **options: Any) -> None:
        real(self, *args, clock=lambda: now + sum(slept), **options)

    monkeypatch.setattr(GrowingFiles, "__init__", init)
    return slept


# Files.


def test_files_that_grow_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trigger fires once the file has been the same for ``stable_for`` seconds, and not while it grows."""
    file = tmp_path / "zoom.csv"
    grow = [lambda size=size: file.write_text("x" * size) for size in (0, 10, 20)]
    slept = sleeping(monkeypatch, *grow)
    task = sensor(path=str(file), stable_for=120, poke_interval=100, deferrable=True)
    result = task.execute_complete({}, event_of(trigger_of(task)))
    assert result == {"files": 1, "bytes": 20}
    assert slept == [5, 100, 100, 100, pytest.approx(20)]


def test_another_file_of_a_pattern_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second file may be the first of many."""
    (tmp_path / "1.csv").write_text("x")
    slept = sleeping(monkeypatch, lambda: None, lambda: (tmp_path / "2.csv").write_text("y"))
    event = event_of(trigger_of(sensor(path=str(tmp_path / "*.csv"), stable_for=60, deferrable=True)))
    assert event["result"] == {"files": 2, "bytes": 2}
    assert slept == [5, 60, 60]


def test_files_of_yesterday_need_no_wait(tmp_path: Path) -> None:
    """Neither deferred nor poking: their time is older than clocks can differ."""
    file = tmp_path / "zoom.csv"
    file.write_text("x")
    state = look_at("path", tmp_path)
    now = time.time()
    for age, is_stable in ((3600, False), (3 * 3600, True)):
        times = iter([now + age])
        later = GrowingFiles(60, clock=lambda: 0, wall_clock=times.__next__)
        assert later.are_stable(state) is is_stable


def test_a_copy_with_an_old_time_is_not_old(tmp_path: Path) -> None:
    """Tools that copy keep the time of the original, also while they write."""
    file = tmp_path / "zoom.csv"
    file.write_text("x")
    os.utime(file, (0, 0))
    assert not sensor(path=str(file)).poke({})


def test_a_sensor_that_is_rescheduled_looks_at_the_files_times(tmp_path: Path) -> None:
    """Each look is of another process there."""
    (tmp_path / "zoom.csv").write_text("x")
    assert not sensor(path=str(tmp_path), stable_for=60, mode="reschedule").poke({})
    assert sensor(path=str(tmp_path), stable_for=0, mode="reschedule").poke({})


def test_files_without_a_time_are_compared(tmp_path: Path) -> None:
    """Some object stores have none."""
    now = [0.0]
    growing = GrowingFiles(60, clock=lambda: now[0])
    file = (FileState("s3://bucket/zoom.csv", 10, None),)
    assert not growing.are_stable(file)
    now[0] = 60
    assert growing.are_stable(file)


@pytest.mark.parametrize("place", ["missing.csv", "folder", "folder/*.csv", "empty.csv"])
def test_what_is_not_there_yet_is_waited_for(tmp_path: Path, place: str) -> None:
    """No file, a folder without files, and a file without content."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.csv").touch()
    assert not sensor(path=str(tmp_path / place), stable_for=0).poke({})


def test_files_of_an_object_store() -> None:
    """By a URL, and by a pattern in its last part."""
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    with memory_storage() as url:
        folder = ObjectStoragePath(f"{url}/day")
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "zoom.csv").open("wb") as file:
            file.write(b"12345")
        for path in (f"{url}/day/zoom.csv", f"{url}/day/*.csv"):
            done = sensor(path=path, stable_for=0).poke({})
            assert done.xcom_value == {"files": 1, "bytes": 5}


# Queries.


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a database file to which the connection ``warehouse`` leads."""
    place = tmp_path / "warehouse.db"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(place)}))
    return place


def store(place: Path, *values: str) -> None:
    with sqlite3.connect(place) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS attendance (left_at TEXT)")
        connection.executemany("INSERT INTO attendance VALUES (?)", [(value,) for value in values])
    connection.close()


QUERY = "SELECT max(left_at) FROM attendance"


def test_a_query_is_waited_for(warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No row, then rows that end too early, and then one that reaches the end of the window."""
    store(warehouse)
    slept = sleeping(
        monkeypatch,
        lambda: store(warehouse, "2026-11-19T18:00:00Z"),
        lambda: store(warehouse, "2026-11-20T00:00:00Z"),
    )
    task = sensor(sql=QUERY, conn_id="warehouse", until=UNTIL, deferrable=True)
    result = task.execute_complete({}, event_of(trigger_of(task)))
    assert result == {"complete_until": "2026-11-20T00:00:00.000Z"}
    assert len(slept) == 2
    assert min(slept) >= 5
    assert sensor(sql=QUERY, conn_id="warehouse", until=UNTIL).execute({}) == result


def test_a_query_before_its_time_is_rare(warehouse: Path) -> None:
    """Before ``until``, the trigger queries each quarter of an hour only; a wrong clock costs no more than that."""
    trigger = triggers.QueryReachedTrigger(sql=QUERY, conn_id="warehouse", until="2999-01-01T00:00:00Z")
    assert trigger._seconds() == 900
    assert triggers.QueryReachedTrigger(sql=QUERY, conn_id="warehouse", until="2000-01-01T00:00:00Z")._seconds() == 60


def test_local_times_need_a_zone(warehouse: Path) -> None:
    """Nothing is guessed: a time without an offset is an error unless ``zone`` says where it is."""
    store(warehouse, "2026-11-20 00:30:00")
    with pytest.raises(InvalidInput, match="without an offset") as raised:
        sensor(sql=QUERY, conn_id="warehouse", until=UNTIL).execute({})
    assert ends_the_task(raised.value)
    # Half past midnight in Berlin is before midnight in UTC.
    assert not sensor(sql=QUERY, conn_id="warehouse", until=UNTIL, zone="Europe/Berlin").poke({})
    assert sensor(sql=QUERY, conn_id="warehouse", until="2026-11-20", zone="Europe/Berlin").poke({})


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("SELECT left_at, 1 FROM attendance", InvalidInput),
        ("SELECT 5", InvalidInput),
        ("SELECT 'soon'", InvalidInput),
        ("SELECT 'ann@example.org'", InvalidInput),
        ("SELECT left_at FROM missing", AttendanceError),
    ],
)
def test_a_query_that_returns_another_type(warehouse: Path, sql: str, error: type[Exception]) -> None:
    """The error says what came, without an address."""
    store(warehouse, UNTIL)
    with pytest.raises(error) as raised:
        sensor(sql=sql, conn_id="warehouse", until=UNTIL).execute({})
    assert "ann@" not in str(raised.value)


def test_a_connection_that_does_not_exist() -> None:
    """In the worker, and in the triggerer as the same class."""
    with pytest.raises(SqlConnectionMissing, match="elsewhere") as raised:
        sensor(sql=QUERY, conn_id="elsewhere", until=UNTIL).execute({})
    assert ends_the_task(raised.value)
    with pytest.raises(AirflowSkipException):
        sensor(sql=QUERY, conn_id="elsewhere", until=UNTIL, deferrable=True, soft_fail=True).execute({})


def test_an_error_of_the_trigger_is_raised_as_its_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection was removed while the trigger slept."""
    sleeping(monkeypatch)
    event = event_of(triggers.QueryReachedTrigger(sql=QUERY, conn_id="elsewhere", until=UNTIL))
    with pytest.raises(SqlConnectionMissing) as raised:
        sensor(sql=QUERY, conn_id="elsewhere", until=UNTIL, deferrable=True).execute_complete({}, event)
    assert ends_the_task(raised.value)


# Feeds.


def feed(path: Path, *ends: str) -> dict[str, Any]:
    rows = [{"email": "ann@example.org", "joined_at": "2026-11-18T09:00:00Z", "left_at": end} for end in ends]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"feed": "canonical", "path": str(path)}


def test_feeds_are_complete_as_a_plan_would_find(tmp_path: Path) -> None:
    """The earliest end of the feeds counts; the policy may state another; Cal Video is complete up to now."""
    early, late = feed(tmp_path / "1.jsonl", "2026-11-19T12:00:00Z"), feed(tmp_path / "2.jsonl", "2026-11-20T12:00:00Z")
    assert sensor(attendance=late, until=UNTIL).poke({}).xcom_value == {"complete_until": "2026-11-20T12:00:00.000Z"}
    assert not sensor(attendance=early, until=UNTIL).poke({})
    assert sensor(attendance=[late, {"feed": "cal_video"}], until=UNTIL).poke({})
    policy = {"attendance_until": UNTIL, "as_of": "2026-11-21T00:00:00Z"}
    assert sensor(attendance=early, until=UNTIL, policy=policy).poke({})
    assert not sensor(attendance={"feed": "cal_video"}, until="2999-01-01T00:00:00Z").poke({})


def test_a_feed_that_is_missing_or_half_written_is_waited_for(tmp_path: Path) -> None:
    """Its file comes late, or is being written; the task does not fail."""
    entry = feed(tmp_path / "1.jsonl", "2026-11-20T12:00:00Z")
    assert not sensor(attendance={**entry, "path": str(tmp_path / "missing.jsonl")}, until=UNTIL).poke({})
    text = (tmp_path / "1.jsonl").read_text()
    (tmp_path / "1.jsonl").write_text(text + text[:30])
    assert not sensor(attendance=entry, until=UNTIL).poke({})


def test_feeds_are_read_on_a_worker(tmp_path: Path) -> None:
    """Reading them takes CPU and DuckDB, which a triggerer has no room for: the sensor is rescheduled instead."""
    task = sensor(attendance=feed(tmp_path / "1.jsonl", "2026-11-20T12:00:00Z"), until=UNTIL, deferrable=True)
    assert (task.mode, task.poke_interval) == ("reschedule", 300)
    assert task._defers is False


# Parameters.


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "Set one of"),
        ({"path": "/a", "sql": "SELECT 1", "conn_id": "b"}, "Set one of"),
        ({"sql": "SELECT 1", "until": UNTIL}, "conn_id"),
        ({"path": "/a", "conn_id": "b"}, "conn_id"),
        ({"path": "None"}, "path"),
        ({"path": "/a", "until": UNTIL}, "until"),
        ({"path": "/a", "stable_for": -1}, "stable_for"),
        ({"sql": "SELECT 1", "conn_id": "b"}, "until"),
        ({"sql": "SELECT 1", "conn_id": "b", "until": "tomorrow"}, "until"),
        ({"sql": "SELECT 1", "conn_id": "b", "until": UNTIL, "zone": "Mars"}, "zone"),
        ({"attendance": [{"email": "x"}], "until": UNTIL}, "attendance"),
    ],
)
def test_an_invalid_parameter_is_named(options: dict[str, Any], name: str) -> None:
    """And Airflow does not retry."""
    with pytest.raises(InvalidArgument, match=name) as raised:
        sensor(**options).poke({})
    assert ends_the_task(raised.value)


def test_the_end_of_the_data_interval_is_the_default(warehouse: Path) -> None:
    """A scheduled run needs no ``until``."""
    store(warehouse, "2026-11-20T00:00:00Z")
    end = datetime(2026, 11, 20, tzinfo=UTC)
    task = sensor(sql=QUERY, conn_id="warehouse")
    assert task.poke({"data_interval_end": end})  # type: ignore[typeddict-item]
