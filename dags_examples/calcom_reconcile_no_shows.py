"""Keep the no-shows of the last days correct: plan, optionally have a person approve, apply.

Run it daily. Each run plans the three days before its day anew, with the rows that came since: people who were marked
too early are un-marked, people who were missed are marked, correct flags are left unchanged, and so are flags that a
person changed in Cal.com. The ledger records which marks are ours; put it on a storage that all workers can read.

By default the example is a dry run for the day of the sample report, which is the day of
``calcom-sandbox --world demo``. Trigger it with ``{"day": "2026-11-19", "report": "/path/to/report.json", "dry_run":
false}``. With ``"approval": true`` the run waits for a person's approval in Airflow's UI (Airflow 3.1 or newer); the
plan that is applied is the one that was approved, or none.
"""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, AirflowException, Param, task

from airflow_provider_calcom.operators.no_shows import ApplyNoShowsOperator, PlanNoShowsOperator

try:
    from airflow.providers.standard.operators.hitl import ApprovalOperator
except (ImportError, AirflowException):  # before Airflow 3.1; the standard provider's module raises the latter
    ApprovalOperator = None

SAMPLE_REPORT = str(Path(__file__).parent / "data" / "zoom_participants.json")
# The day after the last one that is judged. Not {{ ds }}: on Airflow 3 a run by hand, the API or an asset has no
# logical date, and 2.11 has no run_after.
AFTER_SAMPLE_DAY = "2026-11-19"
DAY_OF_THE_RUN = "(logical_date | default(dag_run.run_after) | ds)"
DAY = f"params.day or ('{AFTER_SAMPLE_DAY}' if params.report == {SAMPLE_REPORT!r} else {DAY_OF_THE_RUN})"
CORRECTION_WINDOW = 3
MAIL_TO = os.environ.get("CALCOM_NO_SHOWS_MAIL_TO")

# Markdown, with counts and no addresses: more people see it than the plan.
APPROVAL_TEXT = """{% set plan = ti.xcom_pull(task_ids='plan') %}
In {{ plan.changes.bookings }} bookings,

- **{{ plan.changes.mark_attendees }}** attendees and **{{ plan.changes.mark_hosts }}** hosts would be marked absent,
- **{{ plan.changes.unmark_attendees }}** attendees would be un-marked.

{% for reason, people in plan.held_back.items() if people %}
- held back, `{{ reason }}`: {{ people }}
{% endfor %}

The changes with their reasons are in `{{ plan.plan_path }}/plan.jsonl`."""

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
            None, type=["null", "string"], format="date", title="Day after the last; empty: sample's or today"
        ),
        "report": Param(SAMPLE_REPORT, type="string", title="Zoom participants report, a JSON file"),
        "plans": Param("/tmp/no-shows/reconcile", type="string", title="Folder of the plans"),
        "ledger": Param(None, type=["null", "string"], title="Folder of the ledger; empty: below AIRFLOW_HOME"),
        "internal_domains": Param(["clinic.example"], type="array", title="Internal mail domains, never no-shows"),
        "approval": Param(False, type="boolean", title="Have a person approve the plan first"),
        "dry_run": Param(True, type="boolean", title="Log what would be done, and write nothing"),
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
        if ApprovalOperator is None:
            raise ValueError("params.approval needs Airflow 3.1 or newer; set it to false, and read the plan yourself")
        return "approve"

    # With the plan's output comes its hash, so nothing but the plan that was approved is applied.
    apply = ApplyNoShowsOperator(
        task_id="apply",
        plan=plan.output,
        ledger_path="{{ params.ledger }}",
        dry_run="{{ params.dry_run }}",
        trigger_rule="none_failed_min_one_success",
    )

    decision = who_decides()
    plan >> decision >> apply
    if ApprovalOperator is not None:
        approve = ApprovalOperator(
            task_id="approve",
            subject="Apply {{ ti.xcom_pull(task_ids='plan')['changes']['total'] }} changes of no-show flags?",
            body=APPROVAL_TEXT,
            response_timeout=timedelta(hours=24),
            retries=0,
        )
        decision >> approve >> apply
