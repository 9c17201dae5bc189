"""The rules agree, row by row, with worlds that an independent implementation decided."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.attendance.engine import decide

EXAMPLES = Path(__file__).resolve().parents[3] / "shared" / "attendance" / "examples"
WORLDS = sorted(path.name for path in EXAMPLES.glob("*/")) if EXAMPLES.exists() else []


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.skipif(not WORLDS, reason="../shared/attendance/examples is not here")
@pytest.mark.parametrize("world", WORLDS)
def test_decides_the_example_worlds(world: str) -> None:
    """Every decision of a decided world is made again, from the same files, with the same figures."""
    folder = EXAMPLES / world
    inputs = [folder / f"{table}.jsonl" for table in ("bookings", "people", "attendance")]
    assert decide(*inputs, (folder / "policy.json").read_text(encoding="utf-8")) == rows(folder / "decisions.jsonl")
