"""The asset event of an applied plan: one for each apply that wrote flags, and what it has."""

from __future__ import annotations

import json
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_calcom.assets import no_shows_alias, no_shows_asset, webhook_asset
from airflow_provider_calcom.no_shows.apply.result import ChangesFailed
from airflow_provider_calcom.no_shows.ledger.records import TaskRun
from airflow_provider_calcom.no_shows.ledger.writer import LedgerWriter
from airflow_provider_calcom.no_shows.plan_files import Change
from airflow_provider_calcom.operators._asset_events import add_no_shows_event
from airflow_provider_calcom.operators.no_shows import ApplyNoShowsOperator
from benchmarks.plans import write_plan_by_hand
from tests.dag_runs import asset_events, dag_of
from tests.operators.applying import apply, change, outcomes
from tests.operators.marking import BOB, CAROL, MONA, OF_BOB, OF_MONA, OF_THREE
from tests.support import SandboxDriver

THREE_STARTS = "2026-11-18T11:00:00.000Z"
MONA_STARTS = "2026-11-18T15:00:00.000Z"
AIRFLOW_3 = version("apache-airflow").startswith("3")
on_airflow_3 = pytest.mark.skipif(not AIRFLOW_3, reason="Airflow 2.11 has no event of an applied plan")
REFUSED = {"statusCode": 500, "message": "Failed to update no-show status"}


class Accessor:
    """Records what Airflow's accessor of an alias is called with."""

    def __init__(self) -> None:
        self.added: list[tuple[Any, dict[str, Any]]] = []

    def add(self, asset: Any, extra: dict[str, Any]) -> None:
        self.added.append((asset, extra))


class Task:
    """The parts of a task instance that the ledger names."""

    dag_id, run_id, task_id, map_index = "d", "r", "t", -1

    def __init__(self, try_number: int = 1) -> None:
        self.try_number = try_number
        self.events: dict[str, Accessor] = defaultdict(Accessor)

    def __getitem__(self, alias: Any) -> Accessor:
        return self.events[alias.name]

    @property
    def context(self) -> dict[str, Any]:
        return {"ti": self, "outlet_events": self}

    @property
    def extras(self) -> list[dict[str, Any]]:
        added = [one for accessor in self.events.values() for one in accessor.added]
        assert all(asset.uri == "calcom://no-shows/calcom_default" for asset, _ in added)
        assert set(self.events) <= {"calcom://no-shows"}
        return [extra for _, extra in added]

    def xcom_push(self, **_: Any) -> None:
        """Accept the link to a report."""


@pytest.fixture
def folder(calcom: SandboxDriver, tmp_path: Path) -> Path:
    """A plan of three marks, and of one to remove."""
    calcom.change(OF_THREE, attendees=[{"email": CAROL, "absent": True}])
    return write_plan_by_hand(
        tmp_path / "plan",
        [
            change(OF_BOB, BOB),
            change(OF_THREE, BOB, start_at=THREE_STARTS),
            change(OF_THREE, CAROL, to=False, start_at=THREE_STARTS),
            change(OF_MONA, MONA, start_at=MONA_STARTS),
        ],
    )


@on_airflow_3
def test_what_the_event_has(calcom: SandboxDriver, folder: Path) -> None:
    """Counts, the plan's hash and its path, in flat values, and no address: those are in the plan's folder."""
    calcom.change(OF_MONA, status="cancelled")
    task = Task()
    apply(folder, context=task.context)
    (extra,) = task.extras
    counts = {name: value for name, value in extra.items() if value and not isinstance(value, str)}
    assert counts == {"marked": 2, "unmarked": 1, "changes": 4, "bookings": 3, "applied": 3, "gone": 1}
    sha256 = json.loads((folder / "summary.json").read_text())["sha256"]
    assert (extra["plan_path"], extra["sha256"]) == (str(folder), sha256)
    assert all(isinstance(value, str | int) for value in extra.values())
    assert "@" not in json.dumps(extra)


def test_no_event_of_a_run_that_changed_nothing(folder: Path) -> None:
    """Neither a dry run nor another run of an applied plan may start a DAG that charges fees."""
    task = Task()
    apply(folder, context=task.context, dry_run=True)
    assert task.extras == []
    apply(folder, context=Task().context)
    task.run_id = "another"
    apply(folder, context=task.context)
    assert task.extras == []


@on_airflow_3
def test_the_event_of_a_retry_counts_what_the_attempts_before_wrote(calcom: SandboxDriver, folder: Path) -> None:
    """A failed attempt makes no event; the one of its retry has all flags, also if it finds nothing left to write."""
    calcom.fault("POST", f"*/{OF_MONA}/mark-absent", "status", status=500, body=REFUSED, when="before", times=None)
    failed = Task()
    with pytest.raises(ChangesFailed):
        apply(folder, context=failed.context)
    assert failed.extras == []
    calcom.admin("faults", {"clear": True})
    second, third = Task(2), Task(3)
    apply(folder, context=second.context)
    apply(folder, context=third.context, skip_if_nothing_to_do=True)
    counted = [{name: extra[name] for name in ("marked", "unmarked", "applied")} for extra in second.extras]
    assert counted == [{"marked": 3, "unmarked": 1, "applied": 1}]
    assert [(one["marked"], one["unmarked"], one["already"]) for one in third.extras] == [(3, 1, 4)]
    assert set(outcomes(folder).values()) == {("already", "by an earlier attempt of this task")}


@on_airflow_3
def test_a_flag_that_a_killed_attempt_wrote_is_counted(calcom: SandboxDriver, folder: Path) -> None:
    """A kill between the call and its record in the ledger leaves an open write, which the next attempt recovers."""
    sha256 = json.loads((folder / "summary.json").read_text())["sha256"]
    task, ledger_path = Task(2), folder.parent / "ledger"
    run = TaskRun(task.dag_id, task.run_id, task.task_id, task.map_index, 1)
    with LedgerWriter(ledger_path, plan=sha256, task=run, wall_clock=lambda: 1e9) as killed:
        killed.record_intents(
            [Change(OF_BOB, "attendee", BOB, False, True, "not_seen", 0.0, "2026-11-18T08:00:00.000Z")]
        )
    calcom.change(OF_BOB, attendees=[{"email": BOB, "absent": True}])
    calcom.change(OF_MONA, attendees=[{"email": MONA, "absent": True}])
    apply(folder, context=task.context)
    (extra,) = task.extras
    assert (extra["marked"], extra["unmarked"], extra["already"]) == (2, 1, 1), "not the mark that a person set"


@pytest.mark.usefixtures("calcom")
def test_skip_if_nothing_to_do(folder: Path) -> None:
    """A run that changed nothing is skipped, and makes no event."""
    apply(folder, context=Task().context)
    other = Task()
    other.run_id = "another"
    with pytest.raises(AirflowSkipException):
        apply(folder, context=other.context, skip_if_nothing_to_do=True)
    assert other.extras == []


@on_airflow_3
@pytest.mark.parametrize(
    ("path", "is_shown"),
    [
        ("/srv/no-shows/plans/2026-11-18", True),
        ("/srv/No Shows/plans", True),
        ("s3://aws_default@bucket/plans/2026-11-18", True),
        ("s3://bucket/plans", True),
        ("s3://key:secret@bucket/plans", False),
        ("https://plans.example.com/2026?sig=abc", False),
        ("s3://ann@example.org@bucket/plans", False),
        ("/srv/plans/ann@example.org", False),
    ],
)
def test_a_path_with_a_secret_or_an_address_is_left_out(path: str, is_shown: bool) -> None:
    """Everybody who may read assets sees the extra of an event."""
    task = Task()
    counts = {"changes": 1, "bookings": 1, "outcomes": {"applied": 1}, "marked": 1, "unmarked": 0}
    result: Any = {"plan_path": path, "sha256": "0", "dry_run": False, **counts}
    add_no_shows_event(task.context, "calcom_default", result)
    assert [extra["plan_path"] for extra in task.extras] == [path if is_shown else None]


def test_the_uris_of_assets() -> None:
    """An id of a connection may have any sign that Airflow permits, and Airflow keeps the URI as it is."""
    assert no_shows_asset("cal/1#a").uri == "calcom://no-shows/cal%2F1%23a"
    assert webhook_asset("MEETING_ENDED").uri == "calcom://webhooks/calcom_default/MEETING_ENDED"


def test_outlets_of_the_dag_author_are_kept() -> None:
    """The list that the DAG file passed, which several tasks may share, is not changed."""
    outlets = [no_shows_asset("another")]
    operator = ApplyNoShowsOperator(task_id="apply", plan="/plan", outlets=outlets)
    assert operator.outlets == [no_shows_asset("another"), *([no_shows_alias()] if AIRFLOW_3 else [])]
    assert len(outlets) == 1


DAG = """
from airflow.providers.common.compat.sdk import dag
from airflow_provider_calcom.operators.no_shows import ApplyNoShowsOperator


@dag(schedule=None, dag_id="asset_events", params={{"connection": "calcom_default", "dry_run": True}})
def made():
    shared = {{"ledger_path": {ledger!r}, "calcom_conn_id": "{{{{ params.connection }}}}"}}
    dry = ApplyNoShowsOperator(task_id="dry", plan={plan!r}, dry_run="{{{{ params.dry_run }}}}", **shared)
    one = ApplyNoShowsOperator(task_id="one", plan={plan!r}, **shared)
    each = ApplyNoShowsOperator.partial(task_id="each", **shared).expand(plan={plans!r})
    again = ApplyNoShowsOperator(task_id="again", plan={plan!r}, **shared)
    dry >> one >> each >> again


dag = made()
"""


@pytest.mark.e2e
@pytest.mark.usefixtures("airflow_db", "calcom")
def test_airflow_makes_the_events(tmp_path: Path) -> None:
    """A plain task and each instance of a mapped one make an event of the connection's asset, also from a template.

    On Airflow 2.11 there is none, and no task fails.
    """
    plans = [
        str(write_plan_by_hand(tmp_path / uid, [change(uid, who, start_at=start)]))
        for uid, who, start in ((OF_BOB, BOB, "2026-11-18T08:00:00.000Z"), (OF_MONA, MONA, MONA_STARTS))
    ]
    three = str(write_plan_by_hand(tmp_path / "three", [change(OF_THREE, BOB, start_at=THREE_STARTS)]))
    ledger = str(tmp_path / "ledger")
    run = dag_of("asset_events", DAG.format(plan=three, plans=plans, ledger=ledger)).test()
    found = [(task, index, uri, extra["plan_path"], extra["marked"]) for task, index, uri, extra in asset_events(run)]
    uri = "calcom://no-shows/calcom_default"
    each = [("each", index, uri, path, 1) for index, path in enumerate(plans)]
    assert found == ([*each, ("one", -1, uri, three, 1)] if AIRFLOW_3 else [])
