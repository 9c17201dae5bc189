"""The worklist: each change of a plan is given out once, and what became of it is told in the plan's order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_calcom.no_shows.apply.worklist import APPLIED, FAILED, GONE, Outcome, Worklist
from airflow_provider_calcom.no_shows.plan import Change

STARTS = ("2026-11-18T08:00:00.000Z", "2026-11-18T09:00:00.000Z", "2026-11-18T09:00:00.000Z")


def changes() -> Iterator[Change]:
    """Three bookings of two attendees each, the first one of a host, too."""
    for number, start in enumerate(STARTS):
        for name in ("ann", "bob"):
            yield Change(f"b{number}", "attendee", f"{name}@client.example", False, True, "not_seen", 0.5, start)
    yield Change("b2", "host", "host@acme.example", False, True, "not_seen", 0.0, STARTS[2])


@pytest.fixture
def worklist() -> Iterator[Worklist]:
    with Worklist(changes()) as made:
        yield made


def test_a_booking_is_given_out_once(worklist: Worklist) -> None:
    """With all its changes, as they are in the plan; whoever comes later gets none."""
    taken = worklist.take("b2")
    assert [one.number for one in taken] == [5, 6, 7]
    assert [one.change for one in taken] == list(changes())[4:]
    assert worklist.take("b2") == worklist.take("b9") == []
    assert (worklist.has_booking("b2"), worklist.has_booking("b9")) == (True, False)
    assert (worklist.total, worklist.bookings, worklist.hosts) == (7, 3, 1)


def test_the_next_start_is_of_bookings_that_are_left(worklist: Worklist) -> None:
    """So that no page is read for what is done."""
    assert worklist.next_start("") == STARTS[0]
    assert worklist.next_start("2026-11-18T08:00:00.001Z") == STARTS[1]
    worklist.take("b0")
    assert worklist.next_start("") == STARTS[1]
    worklist.take("b1")
    worklist.take("b2")
    assert worklist.next_start("") is None


def test_what_is_left_can_be_taken_on_the_way(worklist: Worklist) -> None:
    """Others take bookings while one walks through those that are left."""
    seen = []
    for uid in worklist.untaken():
        seen.append(uid)
        worklist.take("b1")
    assert seen == ["b0", "b2"]


def test_outcomes_are_written_in_the_order_of_the_plan(worklist: Worklist, tmp_path: Path) -> None:
    """Each change has one, whenever it was noted; the rest is told as what it is."""
    worklist.settle([Outcome(7, APPLIED, None, "request"), Outcome(2, GONE, "cancelled")])
    worklist.settle_rest(FAILED, "not tried", retryable=True)
    worklist.write(tmp_path / "outcomes.jsonl", "a hash")
    rows = [json.loads(line) for line in (tmp_path / "outcomes.jsonl").read_text().splitlines()]
    assert [(row["booking_uid"], row["role"], row["email"]) for row in rows] == [
        (change.booking_uid, change.role, change.email) for change in changes()
    ]
    assert {row["plan"] for row in rows} == {"a hash"}
    assert [row["outcome"] for row in rows] == ["failed", "gone", *["failed"] * 4, "applied"]
    assert (rows[1]["detail"], rows[6]["request_id"], rows[0]["detail"]) == ("cancelled", "request", "not tried")
    assert (rows[0]["from"], rows[0]["to"], rows[0]["start_at"]) == (False, True, STARTS[0])
    assert dict(worklist.counts) == {"applied": 1, "gone": 1, "failed": 5}
    assert worklist.done == 7
    assert worklist.details(FAILED) == {"not tried": 5}
    assert worklist.retryable


def test_many_changes_come_in_order_and_by_booking(tmp_path: Path) -> None:
    """Also where they are more than are read at a time."""
    many = [
        Change(
            f"b{number // 3:05}", "attendee", f"p{number:05}@client.example", False, True, "not_seen", 0.0, STARTS[0]
        )
        for number in range(3000)
    ]
    with Worklist(many) as worklist:
        groups = list(worklist.everything())
        assert [one.change for group in groups for one in group] == many
        assert {len(group) for group in groups} == {3}
        worklist.settle(Outcome(number, APPLIED) for number in range(1, 3001))
        worklist.write(tmp_path / "outcomes.jsonl", "a hash")
    assert len((tmp_path / "outcomes.jsonl").read_text().splitlines()) == 3000
