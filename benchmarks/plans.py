"""Plans made by hand, without a feed and the rules, for benchmarks and tests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from airflow_provider_calcom.no_shows.plan_files import plan_hash


def write_plan_by_hand(folder: Path, changes: Iterable[Mapping[str, Any]], **summary: Any) -> Path:
    """Write a plan's folder as ``write_plan`` does, with these changes."""
    folder.mkdir(parents=True, exist_ok=True)
    ordered = sorted(changes, key=lambda row: (row["booking_uid"], row["role"], row["email"]))
    text = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in ordered)
    (folder / "plan.jsonl").write_bytes(text)
    figures = dict.fromkeys(("judged_bookings", "attendance_rows", "rows_of_people", "matched_rows"), 0)
    content: dict[str, Any] = {
        "format": 2,
        "state": "ready",
        "refused": [],
        "policy": {},
        "correct": "ledger",
        "force": False,
        "addresses": "plain",
        "attended_bookings": None,
        **figures,
        "complete_until": None,
        "outcomes": {},
        "inputs": [],
        "changes": {"total": len(ordered)},
        "held_back": {},
        "guard_rails": [],
        "changes_file": "plan.jsonl",
        "changes_sha256": hashlib.sha256(text).hexdigest(),
        **summary,
    }
    content["sha256"] = plan_hash(content)
    (folder / "summary.json").write_text(json.dumps(content), encoding="utf-8")
    return folder
