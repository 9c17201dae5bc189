"""Backfill the no-shows of months, window by window.

**windows → plan → apply**, once for each window of days, which is named by its dates

| task | what it does | writes to Cal.com |
|---|---|---|
| `windows` | splits the days into windows | no |
| `plan` | decides who was absent in a window, and writes its plan and report | no |
| `apply` | sends each real change once, one window at a time: all share a rate limit | yes, unless *dry run* |

All windows share one ledger. A window that failed can be cleared by itself: it sends only what still differs. The
button *No-show report* on each task shows its plan.

**Try it** against `calcom-sandbox --world demo`: trigger it as it is, for a dry run.

**Use it**, for example with

```json
{"first_day": "2026-09-01", "last_day": "2026-11-18", "report": "s3://landing/zoom/*.json", "dry_run": false}
```
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
        "first_day": Param(
            "2026-11-15",
            type="string",
            format="date",
            title="First day",
            description="In UTC.",
        ),
        "last_day": Param(
            "2026-11-18",
            type="string",
            format="date",
            title="Last day",
            description="In UTC; it is decided on, too.",
        ),
        "days": Param(
            7,
            type="integer",
            minimum=1,
            title="Days in a window",
            description="Each window has a plan of its own, which can be read, and run again, by itself.",
        ),
        "report": Param(
            SAMPLE_REPORT,
            type="string",
            title="Zoom report of participants",
            description="A JSON file with the participants of these days' meetings, or a pattern such as"
            " s3://landing/zoom/*.json. The sample is that of the sandbox's demo world.",
        ),
        "internal_domains": Param(
            ["clinic.example"],
            type="array",
            title="Your own mail domains",
            description="Attendees with such an address are your own people, and never no-shows. One domain a line.",
        ),
        "dry_run": Param(
            True,
            type="boolean",
            title="Dry run: write nothing",
            description="On: apply reports what it would do. Off: it marks people in Cal.com, which notifies them.",
        ),
        "plans": Param(
            "/tmp/no-shows/backfill",
            type="string",
            title="Folder of the plans",
            description="A path or URL. Each window's plan is in a folder in it, named by its dates.",
            section="Files",
        ),
        "ledger": Param(
            None,
            type=["null", "string"],
            title="Folder of the ledger",
            description="The record of what was written, which all runs share. Empty: below AIRFLOW_HOME,"
            " which is right for one machine only.",
            section="Files",
        ),
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
            last = following - timedelta(days=1)
            name = f"{day}" if day == last else f"{day}_to_{last}"
            parts.append({**bounds, "policy": policy, "plan_path": f"{params['plans']}/{name}"})
            day = following
        return parts

    plan = PlanNoShowsOperator.partial(
        task_id="plan",
        attendance={"feed": "zoom", "path": "{{ params.report }}"},
        ledger_path="{{ params.ledger }}",
        map_index_template="{{ task.plan_path.rpartition('/')[2] }}",
        max_active_tis_per_dag=2,
    ).expand_kwargs(windows())

    ApplyNoShowsOperator.partial(
        task_id="apply",
        ledger_path="{{ params.ledger }}",
        dry_run="{{ params.dry_run }}",
        map_index_template="{{ task.plan['plan_path'].rpartition('/')[2] }}",
        max_active_tis_per_dag=1,
    ).expand(plan=plan.output)
