"""Mark the absent attendees of one booking, with the uid and the addresses from XCom.

Trigger it with a configuration such as ``{"booking_uid": "...", "attendees": ["bob@example.org"], "dry_run": false}``.
By default it is a dry run. What a task returned is data: the operator never renders it as a template.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, get_current_context, task

from airflow_provider_calcom.operators.no_shows import MarkAbsentOperator

with DAG(
    dag_id="calcom_mark_absent",
    doc_md=__doc__,
    schedule=None,
    tags=["calcom", "example"],
    params={
        "booking_uid": Param("", type="string", title="Booking uid"),
        "attendees": Param(None, type=["null", "array"], title="Addresses of the absent, one a line"),
        "host_absent": Param(False, type="boolean", title="The host was absent"),
        "dry_run": Param(True, type="boolean", title="Log what would be done, and write nothing"),
    },
    render_template_as_native_obj=True,
) as dag:

    @task(multiple_outputs=True, show_return_value_in_logs=False)
    def who_was_absent() -> dict[str, Any]:
        """Return the absent attendees: replace this by a query, a file or a model.

        No value is None, because Airflow 3.0 then finds no XCom.
        """
        params = get_current_context()["params"]
        return {"booking_uid": params["booking_uid"], "attendees": params["attendees"] or []}

    absence = who_was_absent()

    MarkAbsentOperator(
        task_id="mark_absent",
        booking_uid=absence["booking_uid"],
        attendees=absence["attendees"],
        host_absent="{{ params.host_absent or none }}",  # False states that the host attended
        on_not_started="skip",
        dry_run="{{ params.dry_run }}",
        retries=2,
    )
