"""Mark the absent people of one booking.

**who_was_absent → mark_absent**

| task | what it does | writes to Cal.com |
|---|---|---|
| `who_was_absent` | returns who was absent: replace it by a query, a file or a model | no |
| `mark_absent` | marks them in one call, which notifies them; it links to the booking | yes, unless *dry run* |

What a task returned is data: the operator never renders it as a template. A second run sends nothing.

To have somebody look at the changes of a whole day first, see `calcom_reconcile_no_shows`: plan → approve → apply.

**Try it** with a booking's uid and the addresses of those who were absent, one a line:

```json
{"booking_uid": "dm16BothStayedAway00016", "attendees": ["sam@example.org"], "dry_run": true}
```
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
        "booking_uid": Param(
            "",
            type="string",
            title="Booking uid",
            description="It is in the booking's URL: app.cal.com/booking/<uid>.",
        ),
        "attendees": Param(
            None,
            type=["null", "array"],
            title="Attendees",
            description="Addresses of the attendees who were absent, as the booking has them. One a line.",
        ),
        "host_absent": Param(
            False,
            type="boolean",
            title="The host was absent",
            description="Off leaves the host's mark unchanged.",
        ),
        "dry_run": Param(
            True,
            type="boolean",
            title="Dry run: write nothing",
            description="On: report what would be done. Off: mark people in Cal.com, which notifies them.",
        ),
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
