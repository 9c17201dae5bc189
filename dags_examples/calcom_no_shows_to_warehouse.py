"""Keep a table of no-shows for reports and fees.

**plans → load**, once for each plan, into the table that **create_table** makes

| task | what it does | writes to Cal.com |
|---|---|---|
| `create_table` | creates the table `no_shows`, if there is none | no |
| `plans` | returns the plans that were applied since the last run | no |
| `load` | upserts the flags of one plan by booking, role and address | no |

It starts when `ApplyNoShowsOperator` has written flags: it is scheduled on the asset of the connection
`calcom_default`. A second run of the same plan changes nothing, and an older plan never overwrites a newer one.

**Try it**: set up a connection `warehouse` to SQLite or PostgreSQL, apply a plan against `calcom-sandbox --world demo`,
for example with `calcom_reconcile_no_shows`, and trigger this DAG with the plan's folder:

```json
{"plans": ["/tmp/no-shows/reconcile/2026-11-19"]}
```

**Use it**: copy the file, set `CONNECTION` and `TABLE`, and unpause the DAG. Give each run that plans a folder of its
own: the outcomes of a plan that another one replaced are not there any more, and `load` fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowFailException,
    BaseHook,
    ObjectStoragePath,
    Param,
    get_current_context,
    task,
)
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator

from airflow_provider_calcom.assets import no_shows_asset

CONNECTION = "warehouse"
TABLE = "no_shows"

COLUMNS = ("booking_uid", "role", "email", "absent", "outcome", "reason", "start_at", "plan", "written_at")
CREATE = f"""CREATE TABLE IF NOT EXISTS {TABLE} (
    booking_uid VARCHAR(200) NOT NULL,
    role VARCHAR(20) NOT NULL,
    email VARCHAR(320) NOT NULL,
    absent BOOLEAN NOT NULL,
    outcome VARCHAR(40) NOT NULL,
    reason VARCHAR(100) NOT NULL,
    start_at VARCHAR(40) NOT NULL,
    plan VARCHAR(64) NOT NULL,
    written_at VARCHAR(40) NOT NULL,
    PRIMARY KEY (booking_uid, role, email)
)"""
# SQLite and PostgreSQL have it; another database needs its own MERGE. Times are ISO 8601 in UTC, so they sort as text.
UPSERT = f"""INSERT INTO {TABLE} ({", ".join(COLUMNS)}) VALUES ({{values}})
ON CONFLICT (booking_uid, role, email) DO UPDATE
SET {", ".join(f"{name} = excluded.{name}" for name in COLUMNS[3:])}
WHERE excluded.written_at >= {TABLE}.written_at"""

Row = dict[str, Any]


def plans_of(events: list[Row], folders: list[str]) -> list[Row]:
    """Return each plan once: those of all events, and the folders that somebody started the DAG with."""
    found = [{"path": extra["plan_path"], "sha256": extra["sha256"]} for extra in events]
    found += [{"path": folder, "sha256": None} for folder in folders]
    return list({(plan["path"], plan["sha256"]): plan for plan in found}.values())


def outcomes_of(plan: Row) -> Iterator[Row]:
    """Yield the outcomes of the changes of one plan, in the order of the file."""
    folder, expected = plan["path"], plan["sha256"]
    if folder is None:
        raise AirflowFailException("The event has no plan_path: give plans a folder without a password in its URL")
    path = (ObjectStoragePath(folder) if "://" in folder else Path(folder)) / "outcomes.jsonl"
    with path.open("rb") as file:
        for line in file:
            row = json.loads(line)
            if expected not in (None, row["plan"]):
                raise AirflowFailException(
                    f"The folder has the outcomes of plan {row['plan']}, which replaced {expected}: plan each run in"
                    " a folder of its own"
                )
            yield row


def flag_of(row: Row) -> bool | None:
    """Return the flag that the booking has now, or None if that is not known, as after a failure."""
    if row["outcome"] in ("applied", "already"):
        return bool(row["to"])
    # A person changed the flag after us, so it is not what the plan wanted.
    return not row["to"] if row["outcome"] == "human_override" else None


def values_of(row: Row, absent: bool) -> tuple[Any, ...]:
    """Return the values of one row of the table. Cal.com's spelling of an address may change; the key must not."""
    return (
        *(row["booking_uid"], row["role"], row["email"].strip().lower(), absent),
        *(row[name] for name in ("outcome", "reason", "start_at", "plan", "time")),
    )


with DAG(
    dag_id="calcom_no_shows_to_warehouse",
    doc_md=__doc__,
    schedule=[no_shows_asset("calcom_default")],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),  # 2.11 needs one
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    tags=["calcom", "example"],
    params={
        "plans": Param(
            None,
            type=["null", "array"],
            title="Folders of plans",
            description="Also load these plans, one folder a line, such as those of an apply that failed and will not"
            " be run again. Empty: only those of the events that started the run.",
        ),
    },
    default_args={"retries": 2},
) as dag:
    create_table = SQLExecuteQueryOperator(task_id="create_table", conn_id=CONNECTION, sql=CREATE)

    @task
    def plans() -> list[Row]:
        """Return the plans to load. Several events may have started this run, so all of them are read."""
        context: Any = get_current_context()
        events = context.get("triggering_asset_events") or {}
        extras = [event.extra for of_asset in events.values() for event in of_asset]
        return plans_of(extras, context["params"]["plans"] or [])

    @task(max_active_tis_per_dag=1)
    def load(plan: Row) -> None:
        """Upsert the flags of one plan in one transaction."""
        hook: Any = BaseHook.get_hook(CONNECTION)
        rows = ((row, flag_of(row)) for row in outcomes_of(plan))
        values = (values_of(row, absent) for row, absent in rows if absent is not None)
        upsert = UPSERT.format(values=", ".join([hook.placeholder] * len(COLUMNS)))
        with closing(hook.get_conn()) as connection, closing(connection.cursor()) as cursor:
            cursor.executemany(upsert, values)
            connection.commit()

    create_table >> load.expand(plan=plans())
