"""Airflow imports the example DAGs, and none of them runs or writes on its own."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from airflow.exceptions import AirflowOptionalProviderFeatureException

from tests.conftest import EXAMPLE_DAGS
from tests.support import SandboxDriver

STARTED_BY_ASSETS = ("calcom_no_shows_to_warehouse",)


def test_the_examples_are_imported_beside_an_old_standard_provider(
    example: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its module of approvals raises an error other than ImportError: ours has the fix, and the example no approval."""

    class Refusing(ModuleType):
        def __getattr__(self, name: str) -> Any:
            raise AirflowOptionalProviderFeatureException("Human in the loop functionality needs Airflow 3.1+.")

    module = example("calcom_reconcile_no_shows")
    for name in ("standard", "standard.operators", "standard.operators.hitl"):
        monkeypatch.setitem(sys.modules, f"airflow.providers.{name}", Refusing(name))
    monkeypatch.delitem(sys.modules, "airflow_provider_calcom.operators.approval", raising=False)
    try:
        with pytest.raises(ImportError, match=r"needs Airflow 3\.1 or newer .* Upgrade"):
            importlib.import_module("airflow_provider_calcom.operators.approval")
        assert "approve" not in importlib.reload(module).dag.task_ids
    finally:
        monkeypatch.undo()
        importlib.reload(module)


@pytest.fixture
def bag() -> Any:
    """Return the examples, parsed as Airflow parses a DAGs folder."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:
        from airflow.models.dagbag import DagBag

    takes_examples = "include_examples" in inspect.signature(DagBag).parameters
    options: dict[str, Any] = {"include_examples": False} if takes_examples else {}
    return DagBag(dag_folder=str(EXAMPLE_DAGS), **options)


def test_the_examples_are_imported_without_errors_or_calls(demo: SandboxDriver, bag: Any) -> None:
    """A DagBag finds all DAGs of the folder; parsing them sends no request."""
    assert bag.import_errors == {}
    names = ["attendance_join", "backfill_no_shows", "mark_absent", "no_shows_on_ended", "no_shows_to_warehouse"]
    names += ["plan_no_shows", "reconcile_no_shows"]
    assert set(bag.dags) == {f"calcom_{name}" for name in names}
    assert all({"calcom", "example"} <= set(dag.tags) for dag in bag.dags.values())
    assert demo.calls() == []


def test_the_examples_have_no_schedule_and_are_dry_runs(bag: Any, example: Callable[[str], ModuleType]) -> None:
    """Airflow may run the examples of installed providers: by default they write nothing to Cal.com.

    None has a schedule, but those that an asset starts, which stay paused until a person wants them.
    """
    for dag in bag.dags.values():
        if dag.dag_id in STARTED_BY_ASSETS:
            assert dag.is_paused_upon_creation
        else:
            assert type(dag.timetable).__name__ == "NullTimetable"
        writes = any(task.task_type in ("MarkAbsentOperator", "ApplyNoShowsOperator") for task in dag.tasks)
        assert writes == ("dry_run" in dag.params)
        assert dag.params.get("dry_run", True) is True
    assert Path(example("calcom_attendance_join").SAMPLE_REPORT).is_file()
