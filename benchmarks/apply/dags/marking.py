"""The same marks by Airflow's own HttpOperator, one mapped task each, and by ours, one task for all of them.

``CALCOM_BENCH_ROUNDS`` names a JSON file with ``[{"http": [{"endpoint", "data"}], "plan": folder}]``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.http.operators.http import HttpOperator

from airflow_provider_calcom.operators.no_shows import ApplyNoShowsOperator

for number, given in enumerate(json.loads(Path(os.environ["CALCOM_BENCH_ROUNDS"]).read_text(encoding="utf-8"))):
    with DAG(dag_id=f"http_{number}", schedule=None) as dag:
        HttpOperator.partial(
            task_id="mark",
            http_conn_id="calcom_http",
            method="POST",
            headers={"Content-Type": "application/json", "cal-api-version": "2024-08-13"},
        ).expand_kwargs(given["http"])
    globals()[dag.dag_id] = dag

    with DAG(dag_id=f"ours_{number}", schedule=None) as dag:
        ApplyNoShowsOperator(task_id="apply", plan=given["plan"], ledger_path=f"{given['plan']}/ledger", concurrency=16)
    globals()[dag.dag_id] = dag
