"""Time for each mark in Airflow: HttpOperator mapped over the bookings, and ours, both by ``dag.test``."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.apply.measures import Measure
from benchmarks.apply.running import ROOT, Bench, progress
from benchmarks.apply.worlds import KEY, mark_body

MARKS_OF_HTTP, MARKS_OF_OURS, ROUNDS = 60, 1200, 3
WARM_UP, ROUNDS_QUICK = 5, 1
LEAST_RATIO = 50


def measure_operators(bench: Bench) -> tuple[list[Measure], str]:
    """Run both in one process; return the measure, and in words what each took."""
    sizes = [(WARM_UP, WARM_UP)] + [(MARKS_OF_HTTP, MARKS_OF_OURS)] * (ROUNDS_QUICK if bench.is_quick else ROUNDS)
    rounds = _rounds(bench, sizes)[1:]
    http = [one["http"] / MARKS_OF_HTTP for one in rounds]
    ours = [one["ours"] / MARKS_OF_OURS for one in rounds]
    for a, b in zip(http, ours, strict=True):
        progress(f"in Airflow: HttpOperator {a * 1000:.1f} ms a mark, ours {b * 1000:.2f}")
    ratio = statistics.median(a / b for a, b in zip(http, ours, strict=True))
    words = (
        f"In Airflow a mark takes {statistics.median(http) * 1000:.0f} ms with `HttpOperator`, mapped over"
        f" {MARKS_OF_HTTP} bookings, and {statistics.median(ours) * 1000:.1f} ms with `ApplyNoShowsOperator` on a plan"
        f" of {MARKS_OF_OURS}."
    )
    return [Measure("seconds a mark in Airflow, HttpOperator / ours", ratio, ">=", LEAST_RATIO)], words


def _rounds(bench: Bench, sizes: list[tuple[int, int]]) -> list[dict[str, float]]:
    rounds = [
        {
            "http": [
                {"endpoint": f"v2/bookings/{booking['uid']}/mark-absent", "data": json.dumps(mark_body(booking))}
                for booking in bench.supply.take(http)
            ],
            "plan": str(bench.plan(bench.supply.take(ours))),
        }
        for http, ours in sizes
    ]
    home = bench.folder / "airflow"
    home.mkdir()
    given, results = home / "rounds.json", home / "results.json"
    given.write_text(json.dumps(rounds), encoding="utf-8")
    marks = bench.server.calls("mark")
    environment = _environment(bench.server.url, home) | {"CALCOM_BENCH_ROUNDS": str(given)}
    command = [sys.executable, "-m", "benchmarks.apply.airflow_rounds", str(results)]
    with (home / "log.txt").open("wb") as log:
        subprocess.run(command, cwd=ROOT, env=environment, stdout=log, stderr=log, check=True)
    assert bench.server.calls("mark") - marks == sum(map(sum, sizes)), "each side makes each mark once"
    measured: list[dict[str, float]] = json.loads(results.read_text(encoding="utf-8"))
    return measured


def _environment(url: str, home: Path) -> dict[str, str]:
    """Return the environment of an Airflow in a directory of its own that has the DAGs of this benchmark alone."""
    dags = Path(__file__).with_name("dags")
    authorization = {"Authorization": f"Bearer {KEY}"}
    bundle: dict[str, Any] = {
        "name": "bench",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(dags)},
    }
    return {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")} | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        "AIRFLOW_CONN_CALCOM_DEFAULT": json.dumps({"conn_type": "calcom", "host": url, "password": KEY}),
        "AIRFLOW_CONN_CALCOM_HTTP": json.dumps({"conn_type": "http", "host": url, "extra": authorization}),
    }
