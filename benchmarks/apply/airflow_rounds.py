"""The DAGs of dags/marking.py, run in turns by ``dag.test``: ``python -m benchmarks.apply.airflow_rounds RESULTS``.

Writes ``[{"http": seconds, "ours": seconds}]``, one entry for each round. The environment has what Airflow needs, see
``operators.py``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any


def timed(dag: Any) -> float:
    """Run a DAG and give the seconds."""
    begin = time.perf_counter()
    dag_run = dag.test()
    seconds = time.perf_counter() - begin
    assert str(getattr(dag_run.state, "value", dag_run.state)) == "success", dag.dag_id
    return seconds


def main(results: str) -> None:
    """Make Airflow's database, and run each round."""
    from airflow.utils.db import initdb

    initdb()
    from benchmarks.apply.dags import marking

    rounds: list[dict[str, float]] = []
    while hasattr(marking, f"http_{len(rounds)}"):
        number = len(rounds)
        sides = ("http", "ours") if number % 2 == 0 else ("ours", "http")
        rounds.append({side: timed(getattr(marking, f"{side}_{number}")) for side in sides})
    Path(results).write_text(json.dumps(rounds), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
