"""The suggestions that are written beside a plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.attendance.test_suggest import Diary, absent_guests, private_address
from tests.operators.planning import plan


def planned(folder: Path, diary: Diary, **given: Any) -> dict[str, Any]:
    """Plan on the tables of a diary, and return what is suggested."""
    bookings, people, attendance, policy = diary.tables
    tables = {"bookings": bookings, "people": people, "attendance": attendance}
    plan(
        folder,
        **tables,
        policy=policy,
        guard_rails={"min_matched_share": 0, "allow_nobody_present": True, "max_absent_share": 1},
        **given,
    )
    found: dict[str, Any] = json.loads((folder / "suggestions.json").read_text(encoding="utf-8"))
    return found


def test_a_plan_has_the_suggestions_beside_it(tmp_path: Path) -> None:
    """They are JSON that the report reads, and those of an older plan in the folder are replaced."""
    found = planned(tmp_path, private_address())
    assert (found["undetermined"], found["skipped"]) == ({"unknown_participant": 4}, None)
    (alias,) = found["suggestions"]
    assert alias.pop("text").startswith("One unknown address was in 3 meetings")
    assert alias == {
        "reason": "unknown_participant",
        "kind": "alias",
        "settles": 4,
        "of": 4,
        "becomes": {"absent": 1, "present": 3},
        "policy": {"aliases": {"annie77@gmail.test": "ann@client.test"}},
        "bookings": ["booking-01", "booking-02", "booking-03"],
    }
    assert [one["kind"] for one in planned(tmp_path, absent_guests(email="x@y.test"))["suggestions"]] == [
        "internal_email"
    ]
