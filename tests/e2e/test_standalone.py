"""Plans applied by a whole Airflow whose tasks are killed, stopped or wait for a person: no lost or doubled writes."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from airflow_provider_calcom.sandbox.running import RunningSandbox, running_sandbox
from benchmarks.plans import write_plan_by_hand
from tests.conftest import EXAMPLE_DAGS, ROOT
from tests.e2e.standalone import Standalone, running_standalone, wait_until
from tests.operators.applying import change, ledger, outcomes
from tests.support import NOW

BOOKINGS = 60
DEMO = ROOT / "demo"
DAG = """
from airflow.sdk import DAG
from airflow_provider_calcom.operators.no_shows import ApplyNoShowsOperator

with DAG({name!r}, schedule=None):
    ApplyNoShowsOperator(
        task_id="apply",
        plan={plan!r},
        ledger_path={ledger!r},
        concurrency=4,
        retries=3,
        retry_delay=1,
    )
"""
pytestmark = [
    pytest.mark.standalone,
    pytest.mark.skipif(version("apache-airflow") < "3.3", reason="standalone is set up for Airflow 3.3 here"),
]


def world() -> dict[str, object]:
    """Return a world of bookings with one attendee each, ten to an hour."""
    rows = []
    for number in range(BOOKINGS):
        hour = number // 10
        person = {"name": "P", "email": f"p{number}@client.example"}
        rows.append(
            {
                "uid": f"b{number:03}",
                "title": "t",
                "start": f"2026-11-18T{hour:02}:00:00.000Z",
                "end": f"2026-11-18T{hour:02}:30:00.000Z",
                "owner": "owner@example.com",
                "eventTypeId": 1,
                "responses": {**person, "guests": []},
                "attendees": [person],
            }
        )
    user = {"id": 1, "name": "O", "username": "owner", "email": "owner@example.com", "timeZone": "UTC"}
    key = {"name": "owner", "key": "cal_kill", "user": "owner"}
    return {"users": [user], "eventTypes": [{"id": 1, "slug": "s"}], "keys": [key], "bookings": rows}


def marks(sandbox: RunningSandbox) -> Counter[str]:
    """Return the number of mark-absent calls of each booking."""
    calls = list(sandbox.state.calls)
    return Counter(call["path"].split("/")[-2] for call in calls if call["path"].endswith("/mark-absent"))


def kill_the_task(airflow: Standalone, sandbox: RunningSandbox, after: int) -> int:
    """Kill -9 the process that calls Cal.com after a number of calls; return how many there were."""
    port = urlsplit(sandbox.url).port
    assert port is not None
    wait_until(lambda: marks(sandbox).total() >= after, 180, "the first calls")
    victims = wait_until(lambda: airflow.processes_calling(port), 20, "a process that calls")
    for victim in victims:
        victim.kill()
    psutil.wait_procs(victims, timeout=10)
    return marks(sandbox).total()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    """A sandbox with a latency, so that there are always calls in flight."""
    with running_sandbox(world=world(), now=NOW, rate_limit=(100_000, 60), latency=0.2) as made:
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of plans, ledgers and DAGs."""
    return tmp_path_factory.mktemp("applied")


@pytest.fixture(scope="module")
def airflow(folder: Path, sandbox: RunningSandbox) -> Iterator[Standalone]:
    """Run Airflow with a DAG for each test here, and the examples."""
    dags = folder / "dags"
    shutil.copytree(EXAMPLE_DAGS, dags)
    for name in ("killed", "stopped"):
        text = DAG.format(name=name, plan=str(folder / name / "plan"), ledger=str(folder / name / "ledger"))
        (dags / f"{name}.py").write_text(text)
    connection = json.dumps({"conn_type": "calcom", "host": sandbox.url, "password": "cal_kill"})
    with running_standalone(folder, dags, {"AIRFLOW_CONN_CALCOM_DEFAULT": connection}) as made:
        wait_until(lambda: made.get("/dags")["total_entries"] >= 7, 120, "the DAGs", 1.0)
        yield made


def plan_for(folder: Path, sandbox: RunningSandbox) -> Path:
    """Reset the sandbox, and write a plan that marks everybody."""
    sandbox.state.reset()
    changes = [
        change(f"b{number:03}", f"p{number}@client.example", start_at=f"2026-11-18T{number // 10:02}:00:00.000Z")
        for number in range(BOOKINGS)
    ]
    return write_plan_by_hand(folder / "plan", changes)


def end_of(airflow: Standalone, dag_id: str, task_id: str, run_id: str = "r") -> dict[str, object]:
    """Wait for the end of a task, and return its instance."""

    def ended() -> dict[str, object] | None:
        found = airflow.task(dag_id, run_id, task_id)
        return found if found["state"] in ("success", "failed", "skipped", "upstream_failed") else None

    found: dict[str, object] = wait_until(ended, 240, f"the end of {dag_id}.{task_id}", 1.0)
    return found


def flags(sandbox: RunningSandbox) -> dict[str, bool]:
    """Return the attendees' flags, by booking."""
    return {uid: booking.attendees[0].absent for uid, booking in sandbox.state.world.bookings.items()}


def applied(records: list[dict[str, object]]) -> Counter[object]:
    """Return how often each booking is reported as applied."""
    return Counter(row["booking_uid"] for row in records if row["outcome"] == "applied")


def test_a_killed_worker_neither_loses_nor_doubles_a_write(
    airflow: Standalone, sandbox: RunningSandbox, folder: Path
) -> None:
    """It is killed twice during its calls; the third attempt ends with each change applied once."""
    plan = plan_for(folder / "killed", sandbox)
    airflow.trigger("killed", "r")
    first = kill_the_task(airflow, sandbox, after=8)
    second = kill_the_task(airflow, sandbox, after=first + 12)
    instance = end_of(airflow, "killed", "apply")
    log = airflow.log()
    assert (instance["state"], instance["try_number"]) == ("success", 3), log[-8000:]
    assert 8 <= first < second < BOOKINGS
    assert all(flags(sandbox).values())
    calls = marks(sandbox)
    assert len(calls) == BOOKINGS
    assert calls.total() - BOOKINGS <= 2 * 4, "at most the calls that were under way at the kills came again"
    records = ledger(folder / "killed" / "ledger")
    assert applied(records) == dict.fromkeys(flags(sandbox), 1)
    assert {row["id"] for row in records if row["kind"] == "intent"} == {
        row["id"] for row in records if row["kind"] == "outcome"
    }
    assert {row["try_number"] for row in records} == {1, 2, 3}
    assert {outcome for outcome, _ in outcomes(plan).values()} <= {"applied", "already"}
    assert "An earlier attempt of this task applied this plan" in log
    assert "@client.example" not in log


def test_a_task_that_is_stopped_ends_cleanly(airflow: Standalone, sandbox: RunningSandbox, folder: Path) -> None:
    """No further call is sent, calls in flight are in the ledger with their outcome."""
    plan_for(folder / "stopped", sandbox)
    sandbox.state.latency = 1.0  # Airflow checks only every few seconds whether a task was stopped
    airflow.trigger("stopped", "r")
    wait_until(lambda: marks(sandbox).total() >= 8, 120, "the first calls")
    airflow.fail("stopped", "r", "apply")
    port = urlsplit(sandbox.url).port
    assert port is not None
    wait_until(lambda: not airflow.processes_calling(port), 30, "the end of the process")
    calls = marks(sandbox)
    assert 8 <= calls.total() < BOOKINGS
    assert set(calls.values()) == {1}
    records = ledger(folder / "stopped" / "ledger")
    assert {uid for uid, is_absent in flags(sandbox).items() if is_absent} == set(applied(records)) == set(calls)
    assert {row["id"] for row in records if row["kind"] == "intent"} == {
        row["id"] for row in records if row["kind"] == "outcome"
    }
    assert airflow.task("stopped", "r", "apply")["state"] == "failed"
    assert marks(sandbox) == calls


@pytest.mark.parametrize(("choice", "state"), [("Reject", "skipped"), ("Approve", "success")])
def test_a_plan_waits_for_a_person(
    airflow: Standalone, sandbox: RunningSandbox, folder: Path, choice: str, state: str
) -> None:
    """The reconciling example waits for approval in Airflow, applies an approved plan, and skips a rejected one."""
    world = json.loads((DEMO / "world.json").read_text(encoding="utf-8"))
    sandbox.state.reset(
        {**world, "keys": [{"name": "owner", "key": "cal_kill", "user": world["users"][0]["username"]}]}
    )
    sandbox.state.latency = 0.0
    dag_id = "calcom_reconcile_no_shows"
    folders = {"plans": str(folder / choice / "plans"), "ledger": str(folder / choice / "ledger")}
    airflow.trigger(dag_id, choice, day="2026-11-19", approval=True, dry_run=False, **folders)
    wait_until(lambda: airflow.waits_for_person(dag_id, choice, "approve"), 240, "the approval task", 1.0)
    assert marks(sandbox).total() == 0
    airflow.answer(dag_id, choice, "approve", choice)
    assert end_of(airflow, dag_id, "apply", choice)["state"] == state, airflow.log()[-8000:]
    applied_changes = len(outcomes(folder / choice / "plans" / "2026-11-19")) if state == "success" else 0
    assert applied_changes == {"success": 6, "skipped": 0}[state]
    assert marks(sandbox).total() == {"success": 5, "skipped": 0}[state]
