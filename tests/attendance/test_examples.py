"""The rules agree, row by row, with worlds that an independent implementation decided."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.attendance.engine import decide
from tests.attendance import reference

TABLES = ("bookings", "people", "attendance")
EXAMPLES = Path(__file__).resolve().parents[3] / "shared" / "attendance" / "examples-4"
WORLDS = sorted(path.name for path in EXAMPLES.glob("*/")) if EXAMPLES.exists() else []
for_each_world = pytest.mark.parametrize("world", WORLDS)
pytestmark = pytest.mark.skipif(not WORLDS, reason="../shared/attendance/examples-4 is not here")


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def policy_of(world: str) -> dict[str, Any]:
    """The world's policy; of a source that it names twice, which the rules refuse, only the earlier end."""
    policy: dict[str, Any] = json.loads((EXAMPLES / world / "policy.json").read_text(encoding="utf-8"))
    until = policy.get("attendance_until")
    if isinstance(until, dict):
        named: dict[str, str] = {}
        for source, end in until.items():
            key = source.strip()
            named[key] = min(end, named.get(key, end))
        policy["attendance_until"] = named
    return policy


@for_each_world
def test_decides_the_example_worlds(world: str) -> None:
    """Every decision of a decided world is made again, from the same files, with the same figures."""
    folder = EXAMPLES / world
    inputs: dict[str, Any] = {table: folder / f"{table}.jsonl" for table in TABLES}
    assert decide(**inputs, policy=policy_of(world)) == rows(folder / "decisions.jsonl")


@for_each_world
def test_the_reference_decides_the_example_worlds(world: str) -> None:
    """The plain Python form of the rules makes the same file of each world, byte for byte."""
    folder = EXAMPLES / world
    inputs = {table: rows(folder / f"{table}.jsonl") for table in TABLES}
    decisions = reference.decide(**inputs, policy=policy_of(world))
    lines = "".join(json.dumps(decision, ensure_ascii=False) + "\n" for decision in decisions)
    assert lines == (folder / "decisions.jsonl").read_text(encoding="utf-8")
