"""Plan a day's no-shows from a Zoom participants report, for a person to read before anything is written.

The plan is a folder: ``plan.jsonl`` (the changes, one on each line), ``decisions.parquet`` (all decisions with their
reasons) and ``summary.json`` (policy, counts, guard rails). Nothing is written to Cal.com. Whenever there is a doubt,
nobody is marked. A guard rail that fails also fails the task; the report is written all the same.

Trigger it with ``{"day": "2026-11-18", "report": "/path/to/report.json", "plans": "s3://bucket/no-shows"}``. By
default it plans the day of the sample report, which is the day of ``calcom-sandbox --world demo``.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, ObjectStoragePath, Param, task

from airflow_provider_calcom.operators.no_shows import PlanNoShowsOperator

SAMPLE_REPORT = str(Path(__file__).parent / "data" / "zoom_participants.json")
SAMPLE_DAY = "2026-11-18"
# Not {{ ds }}: on Airflow 3 a run by hand, the API or an asset has no logical date, and 2.11 has no run_after.
DAY_BEFORE_THE_RUN = "macros.ds_add(logical_date | default(dag_run.run_after) | ds, -1)"
DAY = f"params.day or ('{SAMPLE_DAY}' if params.report == {SAMPLE_REPORT!r} else {DAY_BEFORE_THE_RUN})"

log = logging.getLogger(__name__)


with DAG(
    dag_id="calcom_plan_no_shows",
    doc_md=__doc__,
    schedule=None,
    tags=["calcom", "example"],
    params={
        "day": Param(None, type=["null", "string"], format="date", title="Day (UTC); empty: the sample's or yesterday"),
        "report": Param(SAMPLE_REPORT, type="string", title="Zoom participants report, a JSON file"),
        "plans": Param("/tmp/no-shows", type="string", title="Folder of the plans"),
        "internal_domains": Param(["clinic.example"], type="array", title="Internal mail domains, never no-shows"),
    },
    render_template_as_native_obj=True,
) as dag:
    plan = PlanNoShowsOperator(
        task_id="plan",
        after_start=f"{{{{ {DAY} }}}}",
        before_start=f"{{{{ macros.ds_add({DAY}, 1) }}}}",
        attendance={"feed": "zoom", "path": "{{ params.report }}"},
        policy={
            "internal_domains": "{{ params.internal_domains }}",
            # The report has every meeting up to here. Without this, the last meetings of a day stay in doubt.
            "attendance_until": {"zoom": f"{{{{ macros.ds_add({DAY}, 1) }}}}T00:00:00Z"},
        },
        plan_path=f"{{{{ params.plans }}}}/{{{{ {DAY} }}}}",
        retries=2,
    )

    @task
    def show(plan: dict[str, Any]) -> None:
        """Log the changes by booking, without addresses."""
        from airflow_provider_calcom.no_shows.plan import format_plan, read_plan, read_summary

        folder = ObjectStoragePath(plan["plan_path"])
        log.info("%s", format_plan(read_summary(folder), read_plan(folder)))

    show(plan.output)
