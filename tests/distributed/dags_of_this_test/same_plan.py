"""Plan once, and apply that plan twice at the same time, on two workers."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_calcom.operators.no_shows import ApplyNoShowsOperator, PlanNoShowsOperator

QUEUES = ("worker-1", "worker-2")

with DAG(
    dag_id="same_plan",
    schedule=None,
    params={"first_day": None, "end": None, "report": None, "plans": None, "ledger": None},
    default_args={"retries": 20, "retry_delay": timedelta(seconds=5)},
    render_template_as_native_obj=True,
):
    plan = PlanNoShowsOperator(
        task_id="plan",
        after_start="{{ params.first_day }}",
        before_start="{{ params.end }}",
        attendance={"feed": "zoom", "path": "{{ params.report }}"},
        policy={
            "internal_domains": ["clinic.example"],
            "attendance_until": {"zoom": "{{ params.end }}T00:00:00Z"},
        },
        plan_path="{{ params.plans }}/same",
        ledger_path="{{ params.ledger }}",
    )
    for number, queue in enumerate(QUEUES, 1):
        ApplyNoShowsOperator(
            task_id=f"apply_{number}", plan=plan.output, ledger_path="{{ params.ledger }}", queue=queue
        )
