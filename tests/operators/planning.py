"""How the tests of PlanNoShowsOperator run it: a day of the sandbox, and rows of the people who came."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow_provider_calcom.no_shows.input_files import files_of, read_lines
from airflow_provider_calcom.no_shows.inputs import FeedReader
from airflow_provider_calcom.no_shows.plan_request import Paths, PlanRequest, Rows, Table
from airflow_provider_calcom.operators._plan_parameters import plan_request
from airflow_provider_calcom.operators.no_shows import PlanNoShowsOperator
from airflow_provider_calcom.sandbox.practice import practice_world
from tests.operators.marking import FOREIGN
from tests.support import NOW, SandboxDriver

Row = dict[str, Any]
DAY: Row = {"after_start": "2026-11-18", "before_start": "2026-11-19"}
NOON = "2026-11-19T12:00:00Z"
WHOLE: Row = {"as_of": NOON, "attendance_until": NOON}
OWNER = "owner@example.com"
ANN = "ann@client.example"
HANNA = "hanna@acme.example"
BOOKING: Row = {
    "uid": "b1",
    "status": "accepted",
    "start": "2026-11-18T08:00:00.000Z",
    "end": "2026-11-18T08:30:00.000Z",
    "location": "https://zoom.us/j/81200001111",
    "hosts": [{"id": 7, "name": "Hanna Host", "email": HANNA}],
    "attendees": [{"name": "Ann Ames", "email": ANN, "absent": False}],
    "absentHost": False,
}
_SUFFIX = re.compile(r"\+cm0practice0client0id0000")


def plan(folder: Path | str, *, context: Any = None, **given: Any) -> Row:
    """Run the operator as a task would: yesterday's bookings, by a feed that is complete until now."""
    operator = PlanNoShowsOperator(task_id="plan", **{"plan_path": str(folder), "policy": WHOLE, **DAY, **given})
    result: Row = operator.execute({} if context is None else context)
    return result


def parsed(**given: Any) -> PlanRequest:
    """Return what the operator's parameters are parsed to, without running it."""
    operator = PlanNoShowsOperator(task_id="plan", **{"plan_path": "p", "policy": WHOLE, **given})
    return plan_request(vars(operator), {}, operator.hook)


def rows_of(name: str, table: Table | None) -> list[Row]:
    """Return the rows of a parsed table of JSON lines, or of rows."""
    if isinstance(table, Paths):
        return [row for path in table.paths for file in files_of(name, path) for row in read_lines(file)]
    assert isinstance(table, Rows)
    return list(table.rows)


def attendance_rows(folder: Path, request: PlanRequest) -> list[Row]:
    """Return the rows that the rules get of parsed attendance: of its feeds, or of the table."""
    if not isinstance(request.attendance, list):
        return rows_of("attendance", request.attendance)
    reader = FeedReader(folder)
    return [row for place, feed in enumerate(request.attendance) for row in lines(reader.read(place, feed).path)]


def seen(uid: str | None, email: str | None, start: str, end: str | None, **others: Any) -> Row:
    """Return the row of a person who came, in the columns of the rules."""
    row = {"kind": "person", "booking_uid": uid, "conference_key": None, "email": email, "name": None, "phone": None}
    return row | {"joined_at": start, "left_at": end} | others


def table_rows() -> tuple[list[Row], list[Row], list[Row]]:
    """Return a meeting as rows of the rules' tables: its host came, and Ann did not."""
    times = {"start_at": "2026-11-18T08:00:00Z", "end_at": "2026-11-18T08:30:00Z"}
    booking = {"booking_uid": "b1", "status": "accepted", **times, "rescheduled_to_uid": None, "conference_key": None}
    person = {"booking_uid": "b1", "match_email": None, "name": None, "phone": None, "absent": False}
    people = [person | {"role": "host", "email": "host@acme.example"}, person | {"role": "attendee", "email": ANN}]
    return [booking], people, [seen("b1", "host@acme.example", times["start_at"], times["end_at"])]


def day(calcom: SandboxDriver) -> list[Row]:
    """Return yesterday's bookings of the key's user, as the sandbox's state has them."""
    bookings = calcom.admin("state")["bookings"]
    return [one for one in bookings if one["start"][:10] == "2026-11-18" and one["uid"] != FOREIGN]


def report(calcom: SandboxDriver, *absent: tuple[str, str]) -> list[Row]:
    """Return rows in which everybody came to yesterday's bookings, but for those who are named."""
    return [
        seen(booking["uid"], _SUFFIX.sub("", email), booking["start"], booking["end"])
        for booking in day(calcom)
        for email in [OWNER, *(one["email"] for one in booking["attendees"])]
        if (booking["uid"], email) not in absent
    ]


def fed(rows: Iterable[Row]) -> Row:
    """Return rows as a feed."""
    return {"feed": "canonical", "rows": list(rows)}


def world(change: Callable[[dict[str, Row]], Any]) -> Row:
    """Return the practice world after a change of its bookings (by uid)."""
    made = practice_world(NOW)
    change({booking["uid"]: booking for booking in made["bookings"]})
    return made


def lines(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def write_lines(path: Path, rows: Iterable[Row]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def changes(folder: Path) -> set[tuple[str, str]]:
    """Return the bookings and addresses whose flags are to change."""
    return {(line["booking_uid"], line["email"]) for line in lines(folder / "plan.jsonl")}


def reasons(folder: Path) -> dict[tuple[str, str], str]:
    """Return the reason of each decision, by booking and address."""
    import duckdb

    with duckdb.connect() as connection:
        path = str(folder / "decisions.parquet")
        found = connection.execute("SELECT booking_uid, email, reason FROM read_parquet(?)", [path]).fetchall()
    return {(uid, email): reason for uid, email, reason in found}


def judged(folder: Path) -> set[str]:
    """Return the uids of all bookings that a plan was made of."""
    return {uid for uid, _ in reasons(folder)}


def summary(folder: Path) -> Row:
    read: Row = json.loads((folder / "summary.json").read_bytes())
    return read


def files(folder: Path) -> dict[str, bytes]:
    """Return the content of each file of a plan."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@contextmanager
def memory_storage() -> Iterator[str]:
    """Yield the URL of a storage that, like S3, is not a file system."""
    import fsspec

    try:
        from airflow.sdk.io import attach
    except ImportError:
        from airflow.io.store import attach

    storage = fsspec.filesystem("memory")
    attach("memory", fs=storage)
    try:
        yield "memory://bucket"
    finally:
        storage.store.clear()
        storage.pseudo_dirs[:] = [""]  # one list for all storages of the process
