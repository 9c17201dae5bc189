"""Keep the no-shows of the last days correct.

**plan → approve → apply**

| task | what it does | writes to Cal.com |
|---|---|---|
| `plan` | reads the bookings and the attendance report of the last three days, and decides who was absent | no |
| `approve` | shows a person who would be marked and why, and waits (only with *approval*, Airflow 3.1 or newer) | no |
| `apply` | sends each real change once, and records it in the ledger | yes, unless *dry run* |

Run it daily. Rows of attendance come late, so each run decides anew: people who were marked too early are un-marked,
people who were missed are marked, and flags that are correct, or that a person changed in Cal.com, stay as they are.
What is applied is the plan that was approved, or nothing. The button *No-show report* on each task shows the plan.

**Try it** against `calcom-sandbox --world demo`: trigger it as it is. That is a dry run for the days of the sample
report; six people would be marked.

**Use it**: copy the file, set `schedule`, and trigger it with your own report and a ledger on a storage that all
workers can read, for example:

```json
{"day": "2026-11-19", "report": "/srv/zoom/2026-11-18.json", "ledger": "/srv/no-shows/ledger", "dry_run": false}
```
"""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_calcom.operators.no_shows import ApplyNoShowsOperator, PlanNoShowsOperator

try:
    from airflow_provider_calcom.operators.approval import ApproveNoShowsOperator
except ImportError:  # before Airflow 3.1
    ApproveNoShowsOperator = None

SAMPLE_REPORT = str(Path(__file__).parent / "data" / "zoom_participants.json")
# The day after the last one that is decided on. Not {{ ds }}: on Airflow 3 a run by hand, the API or an asset has no
# logical date, and 2.11 has no run_after.
AFTER_SAMPLE_DAY = "2026-11-19"
DAY_OF_THE_RUN = "(logical_date | default(dag_run.run_after) | ds)"
DAY = f"params.day or ('{AFTER_SAMPLE_DAY}' if params.report == {SAMPLE_REPORT!r} else {DAY_OF_THE_RUN})"
CORRECTION_WINDOW = 3
MAIL_TO = os.environ.get("CALCOM_NO_SHOWS_MAIL_TO")

log = logging.getLogger(__name__)


def report_failure(context: dict[str, Any]) -> None:
    """Report that a task failed for good, by e-mail to ``CALCOM_NO_SHOWS_MAIL_TO`` where that is set.

    The message has counts and paths, and no addresses. Any notifier of Airflow can replace this function.
    """
    text = f"{context['task_instance'].task_id} of {context['run_id']} failed: {context.get('exception')}"
    log.error("%s", text)
    if MAIL_TO:
        from airflow.providers.smtp.notifications.smtp import SmtpNotifier

        SmtpNotifier(to=MAIL_TO, subject="Cal.com no-shows were not reconciled", html_content=text).notify(context)


with DAG(
    dag_id="calcom_reconcile_no_shows",
    doc_md=__doc__,
    schedule=None,  # "@daily" when it is yours
    max_active_runs=1,
    tags=["calcom", "example"],
    params={
        "day": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Decide on the days before",
            description="The three days before this date are decided on, as days in UTC: 2026-11-19 means 16, 17 and"
            " 18 November. Empty: the date of the run; with the sample report, the day after it.",
        ),
        "report": Param(
            SAMPLE_REPORT,
            type="string",
            title="Zoom report of participants",
            description="A JSON file with the participants of these days' meetings, or a pattern such as"
            " /srv/zoom/*.json. The sample is that of the sandbox's demo world.",
        ),
        "internal_domains": Param(
            ["clinic.example"],
            type="array",
            title="Your own mail domains",
            description="Attendees with such an address are your own people, and never no-shows. One domain a line.",
        ),
        "approval": Param(
            False,
            type="boolean",
            title="Have a person approve the plan",
            description="The run waits up to a day, and shows who would be marked and why. Needs Airflow 3.1 or newer.",
        ),
        "dry_run": Param(
            True,
            type="boolean",
            title="Dry run: write nothing",
            description="On: apply reports what it would do. Off: it marks people in Cal.com, which notifies them.",
        ),
        "plans": Param(
            "/tmp/no-shows/reconcile",
            type="string",
            title="Folder of the plans",
            description="A path or URL, such as s3://bucket/no-shows. Each run writes its plan to a folder in it,"
            " named by its date.",
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
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5), "on_failure_callback": report_failure},
    render_template_as_native_obj=True,
) as dag:
    plan = PlanNoShowsOperator(
        task_id="plan",
        after_start=f"{{{{ macros.ds_add({DAY}, -{CORRECTION_WINDOW}) }}}}",
        before_start=f"{{{{ {DAY} }}}}",
        attendance={"feed": "zoom", "path": "{{ params.report }}"},
        policy={
            "internal_domains": "{{ params.internal_domains }}",
            # The report has every meeting up to here. Without this, the last meetings of a day stay in doubt.
            "attendance_until": {"zoom": f"{{{{ {DAY} }}}}T00:00:00Z"},
        },
        plan_path=f"{{{{ params.plans }}}}/{{{{ {DAY} }}}}",
        ledger_path="{{ params.ledger }}",
    )

    @task.branch
    def who_decides() -> str:
        """Return the task that follows: the approval, where it is requested and possible."""
        from airflow.providers.common.compat.sdk import get_current_context

        if not get_current_context()["params"]["approval"]:
            return "apply"
        if ApproveNoShowsOperator is None:
            raise ValueError("params.approval needs Airflow 3.1 or newer; set it to false, and read the plan yourself")
        return "approve"

    # With the plan's output comes its hash, so nothing but the plan that was approved is applied.
    apply = ApplyNoShowsOperator(
        task_id="apply",
        plan=plan.output,
        ledger_path="{{ params.ledger }}",
        dry_run="{{ params.dry_run }}",
        trigger_rule="none_failed_min_one_success",
        max_active_tis_per_dag=1,
    )

    decision = who_decides()
    plan >> decision >> apply
    if ApproveNoShowsOperator is not None:
        approve = ApproveNoShowsOperator(
            task_id="approve",
            plan=plan.output,
            response_timeout=timedelta(hours=24),
            retries=0,
        )
        decision >> approve >> apply
