"""The latest writes of ledgers, counted by day, plan and DAG."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_calcom.configuration import ledger_folders
from airflow_provider_calcom.no_shows.ledger.records import TaskRun
from airflow_provider_calcom.no_shows.ledger.writer import LedgerWriter, WriteOutcome
from airflow_provider_calcom.no_shows.plan_files import Change
from airflow_provider_calcom.plugins import _ledger_rows
from airflow_provider_calcom.plugins._ledger_rows import NO_RESULT, WritesRow, latest_writes

NIGHT = 1_763_510_340.0  # 2025-11-18T23:59:00Z


@pytest.fixture
def ledger(tmp_path: Path, configure: Callable[..., None]) -> Path:
    configure(ledger_folders=tmp_path / "ledger")
    return tmp_path / "ledger"


def write(
    ledger: Path, plan: str, outcomes: list[str | None], *, at: float, dag_id: str = "d", wait: float = 0
) -> None:
    """Write the intents of some changes, and the outcomes of those that have one, ``wait`` seconds later."""
    now = at
    changes = [
        Change(f"b{number}", "attendee", "a@example.com", False, True, "not_seen", 0.0, "2025-11-18T08:00:00.000Z")
        for number in range(len(outcomes))
    ]
    with LedgerWriter(ledger, plan=plan, task=TaskRun(dag_id, "r", "t", -1, 1), wall_clock=lambda: now) as writer:
        ids = writer.record_intents(changes)
        now = at + wait
        writer.record_outcomes(
            [
                WriteOutcome(id, change, outcome, None, verified=True)
                for id, change, outcome in zip(ids, changes, outcomes, strict=True)
                if outcome is not None
            ]
        )


def test_writes_are_counted_once_each_by_day_plan_and_dag(ledger: Path) -> None:
    """The latest first. A write has two records, and the second may be of the next day; one may have no second."""
    write(ledger, "p1", ["applied", "applied", "failed", None], at=NIGHT - 3600)
    write(ledger, "p2", ["applied"], at=NIGHT, wait=120, dag_id="e")
    assert latest_writes(ledger_folders()).rows == (
        WritesRow("2025-11-19", "p2", "e", {"applied": 1}),
        WritesRow("2025-11-18", "p1", "d", {"applied": 2, "failed": 1, NO_RESULT: 1}),
    )
    assert [row.plan for row in latest_writes(ledger_folders(), dag_id="e").rows] == ["p2"]


def test_an_outcome_in_a_later_file_than_its_intent_counts(ledger: Path) -> None:
    """In an object store each batch is a file, and the files are read from the last one."""
    write(ledger, "p1", ["applied"], at=NIGHT)
    (segment,) = ledger.glob("*.jsonl")
    intent, outcome = segment.read_text().splitlines()
    segment.write_text(f"{intent}\n")
    (ledger / f"{segment.stem}z.jsonl").write_text(f"{outcome}\n")
    assert [row.outcomes for row in latest_writes(ledger_folders()).rows] == [{"applied": 1}]


def test_a_ledger_is_read_from_its_end_up_to_a_size(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It only gets longer, and what was written last matters most. That there is more is not concealed."""
    for number in range(5):
        write(ledger, f"p{number}", ["applied"] * 20, at=NIGHT + number * 86_400)
    assert latest_writes(ledger_folders()).is_all
    monkeypatch.setattr(_ledger_rows, "MOST_SEGMENTS", 2)
    monkeypatch.setattr(_ledger_rows, "MOST_BYTES_OF_A_SEGMENT", 2_000)
    writes = latest_writes(ledger_folders())
    assert [row.plan for row in writes.rows] == ["p4", "p3"]
    assert all(0 < row.writes < 20 for row in writes.rows)
    assert not writes.is_all
    monkeypatch.setattr(_ledger_rows, "MOST_BYTES", 1_000)
    assert [row.plan for row in latest_writes(ledger_folders()).rows] == ["p4"]


def test_torn_and_foreign_lines_do_not_hide_the_rest(ledger: Path) -> None:
    """A run may be writing, and only the runs themselves reject a damaged ledger."""
    write(ledger, "p1", ["applied"], at=NIGHT)
    (segment,) = ledger.glob("*.jsonl")
    with segment.open("ab") as file:
        file.write(b'not a record\n{"kind": "outcome", "id"')
    (ledger / "a-link.jsonl").symlink_to("/etc/passwd")
    assert [row.plan for row in latest_writes(ledger_folders()).rows] == ["p1"]


def test_a_ledger_that_cannot_be_read_is_named(ledger: Path, tmp_path: Path, configure: Callable[..., None]) -> None:
    """By its short name, and the others are shown; one that does not exist yet has no writes."""
    write(ledger, "p1", ["applied"], at=NIGHT)
    configure(ledger_folders=f"nosuchstore://x/ledger,{ledger},{tmp_path}/none")
    writes = latest_writes(ledger_folders())
    assert [row.plan for row in writes.rows] == ["p1"]
    assert writes.unreadable == (ledger_folders()[0].slug,)
