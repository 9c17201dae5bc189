"""Backfill months of bookings window by window, with one ledger.

Each window is planned and applied by tasks of its own, so that it can be read and run again apart from the others. One
window at a time is applied, because all share the key's rate limit. A window that is run again sends only what still
differs.

By default the example is a dry run. Trigger it with ``{"first_day": "2026-09-01", "last_day":
"2026-11-18", "report": "s3://landing/zoom/*.json", "dry_run": false}``.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, get_current_context, task

from airflow_provider_calcom.operators.no_shows import ApplyNoShowsOperator, PlanNoShowsOperator

SAMPLE_REPORT = str(Path(__file__).parent / "data" / "zoom_participants.json")

with DAG(
    dag_id="calcom_backfill_no_shows",
    doc_md=__doc__,
    schedule=None,
    max_active_runs=1,
    tags=["calcom", "example"],
    params={
        "first_day": Param("2026-11-15", type="string", format="date", title="First day (UTC)"),
        "last_day": Param("2026-11-18", type="string", format="date", title="Last day"),
        "days": Param(7, type="integer", minimum=1, title="Days of a window"),
        "report": Param(SAMPLE_REPORT, type="string", title="Zoom participants report, a JSON file or several"),
        "plans": Param("/tmp/no-shows/backfill", type="string", title="Folder of the plans"),
        "ledger": Param(None, type=["null", "string"], title="Folder of the ledger; empty: below AIRFLOW_HOME"),
        "internal_domains": Param(["clinic.example"], type="array", title="Internal mail domains, never no-shows"),
        "dry_run": Param(True, type="boolean", title="Log what would be done, and write nothing"),
    },
    default_args={"retries": 2},
    render_template_as_native_obj=True,
) as dag:

    @task
    def windows() -> list[dict[str, Any]]:
        """Split the days into windows, each with its policy and the folder of its plan."""
        params = get_current_context()["params"]
        day, end = date.fromisoformat(params["first_day"]), date.fromisoformat(params["last_day"]) + timedelta(days=1)
        parts = []
        while day < end:
            following = min(day + timedelta(days=params["days"]), end)
            bounds = {"after_start": day.isoformat(), "before_start": following.isoformat()}
            # The report has every meeting up to the window's end.
            complete = {"attendance_until": {"zoom": f"{following}T00:00:00Z"}}
            policy = {"internal_domains": params["internal_domains"], **complete}
            parts.append({**bounds, "policy": policy, "plan_path": f"{params['plans']}/{day.isoformat()}"})
            day = following
        return parts

    plan = PlanNoShowsOperator.partial(
        task_id="plan",
        attendance={"feed": "zoom", "path": "{{ params.report }}"},
        ledger_path="{{ params.ledger }}",
        max_active_tis_per_dag=2,
    ).expand_kwargs(windows())

    ApplyNoShowsOperator.partial(
        task_id="apply",
        ledger_path="{{ params.ledger }}",
        dry_run="{{ params.dry_run }}",
        max_active_tis_per_dag=1,
    ).expand(plan=plan.output)
