"""The worklist: each change of a plan is claimed once, and the outcomes are written in the plan's order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_calcom.no_shows.apply.worklist import APPLIED, FAILED, GONE, Outcome, Worklist
from airflow_provider_calcom.no_shows.plan_files import Change

STARTS = ("2026-11-18T08:00:00.000Z", "2026-11-18T09:00:00.000Z", "2026-11-18T09:00:00.000Z")


def changes() -> Iterator[Change]:
    """Yield changes of three bookings with two attendees each, and of the last one's host."""
    for number, start in enumerate(STARTS):
        for name in ("ann", "bob"):
            yield Change(f"b{number}", "attendee", f"{name}@client.example", False, True, "not_seen", 0.5, start)
    yield Change("b2", "host", "host@acme.example", False, True, "not_seen", 0.0, STARTS[2])


@pytest.fixture
def worklist() -> Iterator[Worklist]:
    with Worklist(changes()) as made:
        yield made


def test_a_booking_is_claimed_once(worklist: Worklist) -> None:
    """With all its changes, in the plan's order; later callers get none."""
    claimed = worklist.claim("b2")
    assert [one.number for one in claimed] == [5, 6, 7]
    assert [one.change for one in claimed] == list(changes())[4:]
    assert worklist.claim("b2") == worklist.claim("b9") == []
    assert (worklist.has_booking("b2"), worklist.has_booking("b9")) == (True, False)
    assert (worklist.total, worklist.bookings) == (7, 3)


def test_the_next_start_is_that_of_unclaimed_bookings(worklist: Worklist) -> None:
    """So that no page is read for bookings that are done."""
    assert worklist.next_start("") == STARTS[0]
    assert worklist.next_start("2026-11-18T08:00:00.001Z") == STARTS[1]
    worklist.claim("b0")
    assert worklist.next_start("") == STARTS[1]
    worklist.claim("b1")
    worklist.claim("b2")
    assert worklist.next_start("") is None


def test_bookings_can_be_claimed_during_the_iteration(worklist: Worklist) -> None:
    """Other workers claim bookings while one iterates over the unclaimed ones."""
    seen = []
    for uid in worklist.unclaimed():
        seen.append(uid)
        worklist.claim("b1")
    assert seen == ["b0", "b2"]


def test_outcomes_are_written_in_the_order_of_the_plan(worklist: Worklist, tmp_path: Path) -> None:
    """Each change has one, in whichever order they were recorded; the remaining ones have failed."""
    worklist.record([Outcome(7, APPLIED, None, "request"), Outcome(2, GONE, "cancelled")])
    worklist.fail_remaining("not attempted")
    worklist.write(tmp_path / "outcomes.jsonl", "a hash", "a time")
    rows = [json.loads(line) for line in (tmp_path / "outcomes.jsonl").read_text().splitlines()]
    assert [(row["booking_uid"], row["role"], row["email"]) for row in rows] == [
        (change.booking_uid, change.role, change.email) for change in changes()
    ]
    assert {(row["plan"], row["time"]) for row in rows} == {("a hash", "a time")}
    assert [row["outcome"] for row in rows] == ["failed", "gone", *["failed"] * 4, "applied"]
    assert (rows[1]["detail"], rows[6]["request_id"], rows[0]["detail"]) == ("cancelled", "request", "not attempted")
    assert (rows[0]["from"], rows[0]["to"], rows[0]["start_at"]) == (False, True, STARTS[0])
    assert dict(worklist.counts) == {"applied": 1, "gone": 1, "failed": 5}
    assert worklist.done == 7
    assert worklist.details(FAILED) == {"not attempted": 5}


def test_many_changes_are_written_in_order(tmp_path: Path) -> None:
    """Also where there are more than one query returns."""
    many = [
        Change(f"b{number:05}", "attendee", "a@client.example", False, True, "not_seen", 0.0, STARTS[0])
        for number in range(1200)
    ]
    with Worklist(many) as worklist:
        worklist.record(Outcome(number, APPLIED) for number in range(1, 1201))
        worklist.write(tmp_path / "outcomes.jsonl", "a hash", "a time")
    rows = [json.loads(line) for line in (tmp_path / "outcomes.jsonl").read_text().splitlines()]
    assert [row["booking_uid"] for row in rows] == [change.booking_uid for change in many]
    assert {row["outcome"] for row in rows} == {"applied"}


def test_only_retryable_failures_are_worth_a_retry(worklist: Worklist) -> None:
    """Those whose error says so; other outcomes are no failures, whatever their error says."""
    worklist.record([Outcome(1, FAILED, "CoHostRefused"), Outcome(2, GONE, retryable=True)])
    assert not worklist.has_retryable_failures
    worklist.record([Outcome(3, FAILED, "NoAnswer", retryable=True)])
    assert worklist.has_retryable_failures
