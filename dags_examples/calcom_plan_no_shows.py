"""Plan a day's no-shows, and write nothing to Cal.com.

**plan → show**

| task | what it does | writes to Cal.com |
|---|---|---|
| `plan` | reads the day's bookings and the attendance report, decides who was absent, writes plan and report | no |
| `show` | logs the changes, without addresses | no |

Whenever there is a doubt, nobody is marked. A guard rail that fails also fails the task; plan and report are
written all the same. The button *No-show report* on `plan` shows who would be marked, and why.

To apply a plan, see `calcom_reconcile_no_shows`: plan → approve → apply.

**Try it** against `calcom-sandbox --world demo`: trigger it as it is, for the day of the sample report.

**Use it**, for example with

```json
{"day": "2026-11-18", "report": "/srv/zoom/2026-11-18.json", "plans": "s3://bucket/no-shows"}
```
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
        "day": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Day",
            description="Bookings that start on this day in UTC are decided on. Empty: the day before the run; with the"
            " sample report, its day.",
        ),
        "report": Param(
            SAMPLE_REPORT,
            type="string",
            title="Zoom report of participants",
            description="A JSON file with the participants of the day's meetings. The sample is that of the sandbox's"
            " demo world.",
        ),
        "internal_domains": Param(
            ["clinic.example"],
            type="array",
            title="Your own mail domains",
            description="Attendees with such an address are your own people, and never no-shows. One domain a line.",
        ),
        "plans": Param(
            "/tmp/no-shows",
            type="string",
            title="Folder of the plans",
            description="A path or URL, such as s3://bucket/no-shows. The plan is in a folder in it, named by the day.",
            section="Files",
        ),
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
        from airflow_provider_calcom.no_shows.plan import format_plan
        from airflow_provider_calcom.no_shows.plan_files import read_plan, read_summary

        folder = ObjectStoragePath(plan["plan_path"])
        log.info("Plan %s\n%s", folder, format_plan(read_summary(folder), read_plan(folder)))

    show(plan.output)
