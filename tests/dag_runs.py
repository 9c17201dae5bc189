"""DAG files for tests, and the XCom values of their runs, on every version of Airflow."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any


def dag_of(name: str, text: str) -> Any:
    """Write a DAG file to the DAGs folder, and return its object ``dag``.

    :param name: of the file; a second file of that name replaces the first.
    :param text: Python that sets ``dag``.
    """
    path = Path(os.environ["AIRFLOW_HOME"]) / "dags" / f"{name}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.dag


def xcoms(dag_run: Any, task_id: str, key: str = "return_value") -> dict[int, Any]:
    """Return the XCom values of a task's instances, by map index."""
    from airflow.utils.session import create_session

    try:
        from airflow.models.xcom import XComModel as model
    except ImportError:
        from airflow.models.xcom import BaseXCom as model
    with create_session() as session:
        rows = session.query(model).filter_by(run_id=dag_run.run_id, task_id=task_id, key=key)
        return {row.map_index: decoded(row.value) for row in rows}


def decoded(value: Any) -> Any:
    """Decode an XCom value: Airflow 2 stores JSON as bytes, Airflow 3 as a string in JSON, a link's URL as it is."""
    try:
        return json.loads(value)
    except (ValueError, TypeError):
        return value


def asset_events(dag_run: Any) -> list[tuple[str, int, str, dict[str, Any]]]:
    """Return the asset events that the tasks of a run made: task, map index, URI and extra."""
    from airflow.utils.session import create_session

    try:
        from airflow.models.asset import AssetEvent as event_model
    except ImportError:
        from airflow.models.dataset import DatasetEvent as event_model
    with create_session() as session:
        rows = session.query(event_model).filter_by(source_run_id=dag_run.run_id, source_dag_id=dag_run.dag_id)
        found: list[Any] = list(rows)
        return sorted(
            (row.source_task_id, row.source_map_index, row.asset.uri if hasattr(row, "asset") else row.uri, row.extra)
            for row in found
        )
