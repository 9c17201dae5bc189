"""What the operators report to Airflow's hook lineage and to OpenLineage: inputs and outputs, and no secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.hooks.calcom import CalComHook
from airflow_provider_calcom.no_shows.plan_request import FeedEntry, Paths, PlanRequest, TableName
from airflow_provider_calcom.operators._lineage import DataSet, plan_lineage
from airflow_provider_calcom.operators.no_shows import ApplyNoShowsOperator, PlanNoShowsOperator
from tests.operators.planning import DAY, WHOLE
from tests.support import NOW, SandboxDriver


class Collector:
    """Records what Airflow's collector of hook lineage is called with."""

    def __init__(self) -> None:
        self.inputs: list[str] = []
        self.outputs: list[str] = []

    def add_input_asset(self, *, context: CalComHook, uri: str) -> None:
        self.inputs.append(uri)

    def add_output_asset(self, *, context: CalComHook, uri: str) -> None:
        self.outputs.append(uri)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Collector:
    found = Collector()
    name = "airflow.providers.common.compat.lineage.hook.get_hook_lineage_collector"
    monkeypatch.setattr(name, lambda: found)
    return found


def planned(folder: Path) -> tuple[PlanNoShowsOperator, ApplyNoShowsOperator, str]:
    """Return the two operators after they ran, and the feed's file."""
    file = folder / "zoom.json"
    file.write_text("[]")
    path = str(folder / "plan")
    options: dict[str, Any] = {"policy": WHOLE, "guard_rails": {"allow_empty_feed": True}, **DAY}
    plan = PlanNoShowsOperator(
        task_id="plan", attendance={"feed": "zoom", "path": str(file)}, plan_path=path, **options
    )
    plan.execute({})
    apply = ApplyNoShowsOperator(task_id="apply", plan=path, ledger_path=str(folder / "ledger"))
    apply.execute({})
    return plan, apply, str(file)


def test_hook_lineage(calcom: SandboxDriver, tmp_path: Path, collector: Collector) -> None:
    """The plan comes from the feed's file and Cal.com; applying it writes the ledger and Cal.com, but in a dry run."""
    _, _, file = planned(tmp_path)
    plan, bookings = f"file://{tmp_path}/plan", f"{calcom.url}/v2/bookings"
    assert collector.inputs == [f"file://{file}", bookings, plan]
    assert collector.outputs == [plan, f"file://{tmp_path}/ledger", bookings]
    ApplyNoShowsOperator(task_id="dry", plan=str(tmp_path / "plan"), dry_run=True).execute({})
    assert (len(collector.inputs), len(collector.outputs)) == (4, 3)


def test_lineage_fails_no_task(calcom: SandboxDriver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector that raises an error must not make Airflow retry a task that wrote to Cal.com."""

    def broken() -> Any:
        raise RuntimeError("no collector")

    monkeypatch.setattr("airflow.providers.common.compat.lineage.hook.get_hook_lineage_collector", broken)
    planned(tmp_path)


def test_names_without_secrets(calcom: SandboxDriver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Users, passwords and queries of URLs are left out, and paths with an address altogether."""
    warehouse = {"conn_type": "postgres", "host": "db", "port": 5432, "schema": "crm", "login": "u", "password": "p"}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(warehouse))
    paths = ("s3://key:secret@bucket/zoom/*.json?sig=1", "/srv/ann@example.org/zoom.json", "/srv/zoom.json")
    feeds = [
        FeedEntry("attendance[0]", "zoom", paths=paths),
        FeedEntry("attendance[1]", "teams", query_conn_id="warehouse", rows=[]),
    ]
    request = PlanRequest(
        plan=tmp_path,
        attendance=feeds,
        last_writes=lambda people: iter(()),
        requested_at=NOW,
        policy=AttendancePolicy(),
        bookings=TableName("public.bookings"),
        people=Paths(("/p",)),
    )
    found = plan_lineage(request, CalComHook(), "warehouse")
    assert found.inputs == (
        DataSet("s3://bucket", "zoom/*.json", "s3://bucket/zoom/*.json"),
        DataSet("file", "/srv/zoom.json", "file:///srv/zoom.json"),
        DataSet("file", "/p", "file:///p"),
        DataSet("postgres://db:5432", "crm.public.bookings", "postgres://db:5432/crm/public/bookings"),
        DataSet("postgres://db:5432", "crm", "postgres://db:5432/crm"),
    )
    assert found.outputs == (DataSet("file", str(tmp_path), f"file://{tmp_path}"),)


def test_openlineage(calcom: SandboxDriver, tmp_path: Path) -> None:
    """OpenLineage's provider gets the same from the operators that ran, and nothing from one that did not."""
    pytest.importorskip("airflow.providers.openlineage.extractors", reason="OpenLineage's provider is not installed")
    plan, apply, file = planned(tmp_path)
    found = [operator.get_openlineage_facets_on_complete(None) for operator in (plan, apply)]
    named = [[[(one.namespace, one.name) for one in side] for side in (one.inputs, one.outputs)] for one in found]
    folder, ledger, bookings = ("file", f"{tmp_path}/plan"), ("file", f"{tmp_path}/ledger"), (calcom.url, "bookings")
    assert named == [[[("file", file), bookings], [folder]], [[folder], [ledger, bookings]]]
    unused = ApplyNoShowsOperator(task_id="unused", plan="/plan").get_openlineage_facets_on_complete(None)
    assert (unused.inputs, unused.outputs) == ([], [])
