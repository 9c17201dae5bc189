"""Plans for these tests, made as a task makes them, and what applying them leaves beside them."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

from airflow_provider_calcom.attendance.engine import deciding
from airflow_provider_calcom.attendance.errors import PlanRefused
from airflow_provider_calcom.no_shows.plan import write_plan
from airflow_provider_calcom.no_shows.plan_files import Summary, read_plan, read_summary

BOB = "bob@example.org"
_NOON = "2026-11-19T12:00:00Z"
_BOOKING = {
    "booking_uid": "b1",
    "status": "accepted",
    "start_at": "2026-11-18T08:00:00Z",
    "end_at": "2026-11-18T08:30:00Z",
    "rescheduled_to_uid": None,
    "conference_key": None,
}
_PERSON = {"booking_uid": "b1", "match_email": None, "name": None, "phone": None, "absent": False}
_PEOPLE = [
    {**_PERSON, "role": "host", "email": "hanna@acme.example"},
    {**_PERSON, "role": "attendee", "email": BOB},
]
_CAME = {
    "kind": "person",
    "booking_uid": "b1",
    "conference_key": None,
    "email": "hanna@acme.example",
    "name": None,
    "phone": None,
    "joined_at": "2026-11-18T08:00:00Z",
    "left_at": "2026-11-18T08:30:00Z",
}


def make_plan(folder: Path, *, everybody_came: bool = False, is_rejected: bool = False) -> Summary:
    """Write the plan of a booking whose host came, and whose one attendee did not.

    :param everybody_came: then nothing is to be changed.
    :param is_rejected: whether a guard rail rejects it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files_of_a_plan(everybody_came, is_rejected).items():
        (folder / name).write_bytes(content)
    return read_summary(folder)


@cache
def files_of_a_plan(everybody_came: bool = False, is_rejected: bool = False) -> dict[str, bytes]:
    """Return the files of a plan, which is made once."""
    rows = [_CAME, {**_CAME, "email": BOB}] if everybody_came else [_CAME]
    policy = {"as_of": _NOON, "attendance_until": _NOON}
    rails = {"max_changes": 0} if is_rejected else None
    with tempfile.TemporaryDirectory() as folder, deciding([_BOOKING], _PEOPLE, rows, policy) as decided:
        with suppress(PlanRefused):
            write_plan(decided, folder, rails=rails)
        return {file.name: file.read_bytes() for file in Path(folder).iterdir()}


def apply_plan(folder: Path, outcome: str, *, dry_run: bool = False, plan: str | None = None, times: int = 1) -> None:
    """Write the outcomes of a plan as applying it would.

    :param outcome: of all its changes.
    :param plan: the hash that they have; None for the plan's.
    :param times: how often each is written, to make a large file.
    """
    sha256 = plan or read_summary(folder)["sha256"]
    lines = [{"booking_uid": one.booking_uid, "outcome": outcome, "plan": sha256} for one in read_plan(folder)]
    file = folder / ("outcomes-dry-run.jsonl" if dry_run else "outcomes.jsonl")
    file.write_text("".join(json.dumps(line) + "\n" for line in lines) * times, encoding="utf-8")
