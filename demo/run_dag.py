"""Run an example DAG once with Airflow itself, and write down what it concluded. ``demo/run.py`` calls this."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path


def run_plan(evidence_path: str) -> int:
    """Run the DAG that plans; return 0 if it succeeded.

    :param evidence_path: the folder of the plan.
    """
    import calcom_plan_no_shows as example

    folder = Path(evidence_path)
    run = example.dag.test(run_conf={"day": os.environ["DEMO_DAY"], "plans": str(folder.parent)})
    (folder.parent / os.environ["DEMO_DAY"]).rename(folder)
    return 0 if str(run.state).endswith("success") else 1


def run_join(evidence_path: str) -> int:
    """Run the DAG that marks; return 0 if it succeeded.

    :param evidence_path: where to write ``{booking uid: {address: what the DAG concluded}}``.
    """
    import calcom_attendance_join as example

    run = example.dag.test(run_conf={"day": os.environ["DEMO_DAY"], "dry_run": False})

    from airflow_provider_calcom.hooks.calcom import CalComHook

    report = json.loads(Path(example.SAMPLE_REPORT).read_text(encoding="utf-8"))
    with CalComHook() as hook:
        evidence = {booking["uid"]: example.judge(booking, report) for booking in hook.list_bookings()}
    Path(evidence_path).write_text(json.dumps(evidence), encoding="utf-8")
    return 0 if str(run.state).endswith("success") else 1


RUNS: dict[str, Callable[[str], int]] = {"plan": run_plan, "join": run_join}


def main(name: str, evidence_path: str) -> int:
    """Run a DAG by its name here."""
    from airflow.utils.db import initdb

    initdb()
    sys.path.insert(0, os.environ["DEMO_DAGS"])
    return RUNS[name](evidence_path)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
