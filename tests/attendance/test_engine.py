"""The rules in the embedded engine: the same decisions as the oracle's, in any order, form and room."""

from __future__ import annotations

import csv
import gzip
import json
import random
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from airflow_provider_calcom.attendance import rules
from airflow_provider_calcom.attendance.engine import Resources, decide, deciding
from airflow_provider_calcom.attendance.errors import InvalidInput, OutOfMemory
from tests.attendance import reference, worlds
from tests.profiles import examples

SEEDS = range(examples(4, 200))


@pytest.mark.parametrize("seed", SEEDS)
def test_decides_random_worlds_as_the_oracle_does(seed: int) -> None:
    """Every decision and figure of a random world, under a random policy, is that of the plain-Python rules."""
    world = worlds.random_world(seed)
    with deciding(*world) as decided:
        assert list(decided.rows()) == reference.decide(*world)
        figures = decided.figures
    wanted = reference.figures(*world)
    assert figures.judged_bookings == wanted["judged_bookings"]
    assert (figures.matched_rows, figures.rows_of_people) == (wanted["matched_rows"], wanted["known_rows"])


def test_counts_every_decision_once() -> None:
    """The counts by outcome and reason are those of the rows."""
    world = worlds.random_world(7)
    with deciding(*world) as decided:
        rows = list(decided.rows())
        counted = decided.figures.outcomes
    assert sum(count for reasons in counted.values() for count in reasons.values()) == len(rows)
    for row in rows:
        counted[row["outcome"]][row["reason"]] -= 1
    assert {count for reasons in counted.values() for count in reasons.values()} == {0}


def test_the_same_rows_in_any_order_give_the_same_bytes(tmp_path: Path) -> None:
    """Neither the order of the input nor the number of threads shows in a file of any format."""
    bookings, people, attendance, policy = worlds.random_world(3)
    paths = [tmp_path / f"out.{suffix}" for suffix in ("jsonl", "csv", "parquet", "jsonl.gz", "csv.gz")]
    written = []
    for threads in (1, 3):
        with deciding(bookings, people, attendance, policy, resources=Resources(threads=threads)) as decided:
            for path in paths:
                decided.write(path)
        written.append([path.read_bytes() for path in paths])
        for rows in (bookings, people, attendance):
            random.Random(threads).shuffle(rows)
    assert written[0] == written[1]


def test_writes_the_same_decisions_in_every_format(tmp_path: Path) -> None:
    """JSON lines, CSV and Parquet hold the same rows, instants in text with Z and milliseconds."""
    world = worlds.random_world(5)
    with deciding(*world) as decided:
        wanted = list(decided.rows())
        for suffix in ("jsonl", "csv", "parquet", "jsonl.gz"):
            decided.write(tmp_path / f"out.{suffix}")
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").split("\n")[:-1]  # a name may hold other line ends
    assert [json.loads(line) for line in lines] == wanted
    assert gzip.decompress((tmp_path / "out.jsonl.gz").read_bytes()).decode().split("\n")[:-1] == lines
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        assert [_as_csv_has_it(row) for row in wanted] == list(csv.DictReader(file))
    columns = "booking_uid, role, email, outcome, reason, presence_seconds, epoch_ms(first_joined_at)"
    found = duckdb.execute(f"SELECT {columns} FROM read_parquet(?)", [str(tmp_path / "out.parquet")]).fetchall()
    assert [row[:6] for row in found] == [tuple(row.values())[:6] for row in wanted]
    assert [row[6] is None for row in found] == [row["first_joined_at"] is None for row in wanted]


def _as_csv_has_it(row: Any) -> dict[str, str]:
    texts = {name: "" if value is None else str(value) for name, value in row.items()}
    return texts | {"currently_absent": texts["currently_absent"].lower()}


def test_an_older_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    """A run that fails while it writes leaves what was there, and no part of its own."""
    path = tmp_path / "out.jsonl"
    path.write_text("older")
    with deciding([], [], []) as decided:
        decided.connection.execute("CREATE OR REPLACE TEMP VIEW decided AS SELECT error('lost') AS booking_uid")
        with pytest.raises(duckdb.Error):
            decided.write(path)
    assert path.read_text() == "older"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.jsonl"]


def test_spills_to_a_folder_of_its_own_that_goes_away(tmp_path: Path) -> None:
    """With little memory the decisions are the same, and nothing is left on the disk."""
    world = worlds.random_world(11, bookings=3_000)
    resources = Resources(memory_limit="120MB", threads=1, spill_directory=tmp_path)
    assert decide(*world, resources=resources) == reference.decide(*world)
    assert list(tmp_path.iterdir()) == []


def test_a_lack_of_room_is_reported_with_what_to_do(tmp_path: Path) -> None:
    """Where memory and disk do not suffice, the error names the limit and the fix."""
    world = worlds.random_world(11, bookings=1_000)
    with pytest.raises(OutOfMemory, match=r"memory_limit: 3MB .*Raise the limit"):
        decide(*world, resources=Resources(memory_limit="3MB", threads=1, spill_directory=tmp_path))


def test_a_feed_of_another_week_blames_nobody() -> None:
    """A whole feed of other days does not show that anybody was absent."""
    bookings = [_booking("b1", "2026-01-05T10:00:00Z", "2026-01-05T10:30:00Z")]
    people = [_person("b1", "attendee", "ann@example.org"), _person("b1", "host", "bob@example.org")]
    attendance = [
        {
            **dict.fromkeys(("booking_uid", "name", "phone")),
            "source": "zoom",
            "kind": "person",
            "conference_key": "zoom:1",
            "email": "bob@example.org",
            "joined_at": "2026-01-12T10:00:00Z",
            "left_at": "2026-01-12T11:00:00Z",
        }
    ]
    decisions = decide(bookings, people, attendance, {"as_of": "2026-01-20T00:00:00Z"})
    assert [decision["reason"] for decision in decisions] == ["no_evidence"]


def test_an_empty_feed_blames_nobody() -> None:
    """Without any rows nothing is complete."""
    bookings = [_booking("b1", "2026-01-05T10:00:00Z", "2026-01-05T10:30:00Z")]
    people = [_person("b1", "attendee", "ann@example.org")]
    assert [row["reason"] for row in decide(bookings, people, [])] == ["feed_incomplete"]


def test_an_unknown_zone_is_named() -> None:
    """A zone that the system does not know is refused by name."""
    with pytest.raises(InvalidInput, match="Europe/Berlin, but is 'Mars/Base'"):
        decide([], [], [], zone="Mars/Base")


def test_the_rules_are_taken_apart_whole() -> None:
    """Each part of the text is a step, each is needed by the decisions or the counts, and no table is dropped early."""
    the_rules = rules.the_rules()
    text = Path(rules.__file__).with_name("rules.sql").read_text(encoding="utf-8")
    assert [step.name for step in the_rules.steps] == re.findall(r"^(\w+) AS (?:MATERIALIZED )?\($", text, re.MULTILINE)
    counts = "SELECT * FROM matching CROSS JOIN feed CROSS JOIN outcome_counts"
    needed = the_rules.needed_by(f"{the_rules.decisions} {counts}", inline=False)
    assert needed == list(the_rules.steps)


def test_the_rules_run_as_one_statement() -> None:
    """The steps are only an economy: the whole text as one SELECT decides the same."""
    world = worlds.random_world(2, bookings=60)
    the_rules = rules.the_rules()
    with deciding(*world) as decided:
        whole = the_rules.with_parts(the_rules.decisions, inline=False)
        columns = "booking_uid, role, email, outcome, reason, presence"
        found = decided.connection.execute(f"SELECT {columns} FROM ({whole}) ORDER BY ALL").fetchall()
        assert found == decided.connection.execute(f"SELECT {columns} FROM decided ORDER BY ALL").fetchall()


def _booking(uid: str, start: str, end: str) -> dict[str, Any]:
    return {
        "booking_uid": uid,
        "status": "accepted",
        "start_at": start,
        "end_at": end,
        "rescheduled_to_uid": None,
        "conference_key": "zoom:1",
    }


def _person(uid: str, role: str, email: str) -> dict[str, Any]:
    return {
        "booking_uid": uid,
        "role": role,
        "email": email,
        "match_email": email,
        "name": email.partition("@")[0],
        "phone": None,
        "absent": False,
    }
