"""Join a day's bookings with attendance in your own code, and mark the absent.

**bookings → absent_of_each_booking → mark_absent**, once for each booking with an absent attendee

| task | what it does | writes to Cal.com |
|---|---|---|
| `bookings` | lists the day's bookings | no |
| `absent_of_each_booking` | joins them with a Zoom report in plain Python; in doubt, nobody is marked | no |
| `mark_absent` | marks the absent of one booking, which notifies them | yes, unless *dry run* |

This example shows the operators alone. With `PlanNoShowsOperator` there is no need for code of your own: see
`calcom_reconcile_no_shows`, plan → approve → apply.

The report is a JSON file of rows of Zoom's report API (`GET /report/meetings/{id}/participants`), each with its
`meeting_id`; loaders land them like this in a warehouse. Names and addresses, which guests type themselves, reach
`MarkAbsentOperator` as data and are never rendered as templates.

**Try it** against `calcom-sandbox --world demo`: trigger it as it is, for a dry run for the day of the sample report.

**Use it**, for example with

```json
{"day": "2026-11-18", "report": "/srv/zoom/2026-11-18.json", "dry_run": false}
```
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_calcom.operators.bookings import ListBookingsOperator
from airflow_provider_calcom.operators.no_shows import MarkAbsentOperator

SAMPLE_REPORT = str(Path(__file__).parent / "data" / "zoom_participants.json")
SAMPLE_DAY = "2026-11-18"
# Not {{ ds }}: on Airflow 3 a run by hand, the API or an asset has no logical date, and 2.11 has no run_after.
DAY_BEFORE_THE_RUN = "macros.ds_add(logical_date | default(dag_run.run_after) | ds, -1)"
DAY = f"params.day or ('{SAMPLE_DAY}' if params.report == {SAMPLE_REPORT!r} else {DAY_BEFORE_THE_RUN})"
BOTS = ("otter", "fireflies", "read.ai", "fathom", "notetaker", "tl;dv")
KEYS = ("email", "displayEmail")
EARLY_OR_LATE = timedelta(minutes=15)

Row = dict[str, Any]
log = logging.getLogger(__name__)


def timestamp(text: str) -> datetime:
    """Parse a timestamp of Cal.com or Zoom."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def same(*values: str | None) -> set[str]:
    """Normalise strings so that they can be compared."""
    return {" ".join(value.lower().split()) for value in values if value and value.strip()}


def rows_of(booking: Row, report: list[Row]) -> list[Row]:
    """Return the rows of the booking's Zoom meeting that overlap its time."""
    meeting = re.search(r"zoom\.us/(?:j|w|my)/(\d+)", booking.get("location") or "")
    begin, end = timestamp(booking["start"]) - EARLY_OR_LATE, timestamp(booking["end"]) + EARLY_OR_LATE
    return [
        row
        for row in report
        if meeting
        and str(row["meeting_id"]) == meeting.group(1)
        and timestamp(row["join_time"]) <= end
        and timestamp(row["leave_time"]) >= begin
    ]


def is_bot(row: Row) -> bool:
    """Return whether a row has a note taker's name. Without a known address it proves nothing."""
    return any(bot in row["name"].lower() for bot in BOTS)


def judge(booking: Row, report: list[Row]) -> dict[str, str]:
    """Return ``came``, ``absent``, or the reason for a doubt, for each attendee's address."""
    hosts = booking["hosts"]
    addresses = same(*(person[key] for person in hosts + booking["attendees"] for key in KEYS if key in person))
    rows = [row for row in rows_of(booking, report) if same(row["user_email"]) & addresses or not is_bot(row)]
    host_addresses = same(*(host["email"] for host in hosts))
    host_domains = {address.partition("@")[2] for address in host_addresses}
    known = host_addresses | same(*(host["name"] for host in hosts))
    outcomes = {}
    for attendee in booking["attendees"]:
        mine = same(attendee["email"], attendee.get("displayEmail"), attendee["name"])
        known |= mine
        mine_rows = [row for row in rows if mine & same(row["user_email"], row["name"])]
        if attendee["email"].lower().partition("@")[2] in host_domains:
            outcomes[attendee["email"]] = "internal"
        elif any(same(row["user_email"]) & mine and row["status"] == "in_meeting" for row in mine_rows):
            outcomes[attendee["email"]] = "came"
        else:
            outcomes[attendee["email"]] = "only a trace" if mine_rows else "absent"
    doubt = None
    if booking["status"] != "accepted":
        doubt = f"booking {booking['status']}"
    elif not rows:
        doubt = "no rows of this meeting"
    elif not any(same(row["user_email"]) & host_addresses for row in rows):
        doubt = "host not seen"
    elif any(not same(row["user_email"], row["name"]) & known for row in rows):
        doubt = "unknown participant"
    return {address: doubt if doubt and outcome == "absent" else outcome for address, outcome in outcomes.items()}


def warn_of_another_day(bookings: list[Row], report: list[Row]) -> None:
    """Log a warning if the report ends before the first booking starts."""
    begin = min((booking["start"] for booking in bookings), default="")
    end = max((row["leave_time"] for row in report), default="")
    if end < begin:
        log.warning("The report ends at %s, before the first booking at %s. Is it that day's?", end or "no time", begin)


with DAG(
    dag_id="calcom_attendance_join",
    doc_md=__doc__,
    schedule=None,
    tags=["calcom", "example"],
    params={
        "day": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Day",
            description="Bookings that start on this day in UTC. Empty: the day before the run; with the sample report,"
            " its day.",
        ),
        "report": Param(
            SAMPLE_REPORT,
            type="string",
            title="Zoom report of participants",
            description="A JSON file with the participants of the day's meetings. The sample is that of the sandbox's"
            " demo world.",
        ),
        "dry_run": Param(
            True,
            type="boolean",
            title="Dry run: write nothing",
            description="On: report what would be done. Off: mark people in Cal.com, which notifies them.",
        ),
    },
) as dag:
    bookings = ListBookingsOperator(
        task_id="bookings",
        after_start=f"{{{{ {DAY} }}}}",
        before_start=f"{{{{ macros.ds_add({DAY}, 1) }}}}",
        retries=2,
    )

    @task(show_return_value_in_logs=False)
    def absent_of_each_booking(bookings: list[Row], report_path: str) -> list[Row]:
        """Return the arguments of one MarkAbsentOperator for each booking with an absent attendee."""
        report = json.loads(Path(report_path).read_text(encoding="utf-8"))
        warn_of_another_day(bookings, report)
        outcomes = {booking["uid"]: judge(booking, report) for booking in bookings}
        log.info("Attendees: %s", dict(Counter(what for of in outcomes.values() for what in of.values())))
        absent = {uid: [who for who, what in of.items() if what == "absent"] for uid, of in outcomes.items()}
        return [{"booking_uid": uid, "attendees": addresses} for uid, addresses in absent.items() if addresses]

    MarkAbsentOperator.partial(
        task_id="mark_absent",
        on_not_started="skip",
        dry_run="{{ params.dry_run }}",
        map_index_template="{{ task.booking_uid }}",
        retries=2,
    ).expand_kwargs(absent_of_each_booking(bookings.output, "{{ params.report }}"))
