"""Mark no-shows as soon as meetings have ended and their attendance can have arrived.

**bookings → ended → plan → apply**

| task | what it does | writes to Cal.com |
|---|---|---|
| `bookings` | collects the uids of all events that started the run | no |
| `ended` | waits until these bookings have settled, without a worker slot; follows rescheduled ones | no |
| `plan` | reads exactly these bookings, joins them to the attendance report, and decides who was absent | no |
| `apply` | sends each real change once, and records it in the ledger | yes, unless *dry run* |

The asset's watcher reports each booking once, some time after its end; a webhook of Cal.com, `MEETING_ENDED`, can start
the run as well. An event that comes twice changes nothing: flags that are set are skipped. Nobody has to approve, but a
plan beyond the guard rails fails, and nothing of it is applied.

What the report does not show yet stays undecided here, and is not looked at again. So keep `calcom_reconcile_no_shows`,
which finds it the next day, along with everything that a lost webhook would have reported.

**Try it** against `calcom-sandbox --world demo`: trigger it as it is. That is a dry run for four bookings of the sample
report; two people would be marked.

**Use it**: copy the file, set `schedule=[ENDED]`, the defaults of `report`, `ledger` and `dry_run`, and `SETTLE`. A run
that an event starts has the defaults. A DAG that is paused has no watcher.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowSkipException,
    Param,
    get_current_context,
    task,
)

from airflow_provider_calcom.operators.no_shows import ApplyNoShowsOperator, PlanNoShowsOperator
from airflow_provider_calcom.sensors.bookings import BookingEndedSensor

SETTLE = timedelta(hours=2)
"""How long after a meeting the report of its attendance arrives, at the latest."""

try:
    from airflow.sdk import Asset, AssetWatcher
except ImportError:  # before Airflow 3.0, which has no watchers: start runs by hand or by the API
    ENDED = MEETING_ENDED = None
else:
    from airflow_provider_calcom.triggers.ended import EndedBookingsTrigger

    ENDED = Asset(
        "calcom://bookings/calcom_default/ended",
        watchers=[AssetWatcher(name="ended", trigger=EndedBookingsTrigger(settle=SETTLE.total_seconds()))],
    )
    MEETING_ENDED = Asset("calcom://webhooks/calcom_default/MEETING_ENDED")

SAMPLE_REPORT = str(Path(__file__).parent / "data" / "zoom_participants.json")
SAMPLE_BOOKINGS = [
    "dm1CameInOtherCase00001",
    "dm2NobodyButTheHost0002",
    "dm3GuestStayedAway00003",
    "dm5HostNeverCame0000005",
]
SAMPLE_IS_COMPLETE_UNTIL = "2026-11-19T00:00:00Z"


def uids_of(extra: dict[str, Any]) -> list[str]:
    """Return the uids of an event: of the watcher, or of webhooks that came within a second."""
    if "payload" in extra:
        return [one["uid"] for one in extra["payload"]["bookings"]]
    return list(extra["bookings"])


with DAG(
    dag_id="calcom_no_shows_on_ended",
    doc_md=__doc__,
    schedule=None,  # [ENDED] when it is yours, or with the webhook receiver (ENDED | MEETING_ENDED)
    tags=["calcom", "example"],
    params={
        "bookings": Param(
            SAMPLE_BOOKINGS,
            type="array",
            title="Uids of the bookings",
            description="Only for runs that no event started. One uid a line.",
        ),
        "report": Param(
            SAMPLE_REPORT,
            type="string",
            title="Zoom report of participants",
            description="A JSON file with the participants of the meetings, or a pattern such as /srv/zoom/*.json."
            " The sample is that of the sandbox's demo world.",
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
            "/tmp/no-shows/on-ended",
            type="string",
            title="Folder of the plans",
            description="A path or URL, such as s3://bucket/no-shows. Each run has a folder in it.",
            section="Files",
        ),
        "ledger": Param(
            None,
            type=["null", "string"],
            title="Folder of the ledger",
            description="The record of what was written, which all runs share, also those of calcom_reconcile_no_shows."
            " Empty: below AIRFLOW_HOME, which is right for one machine only.",
            section="Files",
        ),
    },
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    render_template_as_native_obj=True,
) as dag:

    @task
    def bookings() -> list[str]:
        """Return the uids of all events that started the run, each once: there may be several events."""
        context = get_current_context()
        events = [event for found in (context.get("triggering_asset_events") or {}).values() for event in found]
        uids = [uid for event in events for uid in uids_of(event.extra)] if events else context["params"]["bookings"]
        if not uids:
            raise AirflowSkipException("There is no booking to decide on")
        return list(dict.fromkeys(uids))

    ended = BookingEndedSensor(
        task_id="ended",
        booking_uid=bookings(),
        grace=SETTLE,
        on_cancelled="skip",
        deferrable=True,
    )

    plan = PlanNoShowsOperator(
        task_id="plan",
        booking_uids=ended.output,
        attendance={"feed": "zoom", "path": "{{ params.report }}"},
        policy={
            "internal_domains": "{{ params.internal_domains }}",
            "settle": SETTLE.total_seconds(),
            # Your own report is taken to be complete up to its last row: later meetings stay undecided.
            "attendance_until": f"{{{{ {{'zoom': '{SAMPLE_IS_COMPLETE_UNTIL}'}}"
            f" if params.report == {SAMPLE_REPORT!r} else {{}} }}}}",
        },
        plan_path="{{ params.plans }}/{{ run_id | replace(':', '-') | replace('+', '-') }}",
        ledger_path="{{ params.ledger }}",
    )

    # One at a time, also of different runs. With the plan's output comes its hash, so nothing else is applied.
    apply = ApplyNoShowsOperator(
        task_id="apply",
        plan=plan.output,
        ledger_path="{{ params.ledger }}",
        dry_run="{{ params.dry_run }}",
        max_active_tis_per_dag=1,
    )
