"""How the tests of ApplyNoShowsOperator run it: plans made by hand, and their outcomes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow_provider_calcom.operators.no_shows import ApplyNoShowsOperator
from tests.operators.planning import Row, lines

START = "2026-11-18T08:00:00.000Z"


def change(uid: str, email: str, to: bool = True, *, role: str = "attendee", start_at: str = START) -> Row:
    """Return one line of a plan."""
    return {
        "booking_uid": uid,
        "role": role,
        "email": email,
        "from": not to,
        "to": to,
        "reason": "not_seen" if to else "email",
        "presence_seconds": 0.0,
        "start_at": start_at,
    }


def operator(plan: Any, **options: Any) -> ApplyNoShowsOperator:
    """Make the operator; its ledger is beside the plan's folder by default."""
    if "ledger_path" not in options and isinstance(plan, Path):
        options["ledger_path"] = str(plan.parent / "ledger")
    return ApplyNoShowsOperator(task_id="apply", plan=str(plan) if isinstance(plan, Path) else plan, **options)


def apply(plan: Any, *, context: Any = None, **options: Any) -> Row:
    """Run the operator as a task would."""
    result: Row = operator(plan, **options).execute({} if context is None else context)
    return result


def counted(result: Row) -> dict[str, int]:
    """Return the outcomes that a change has."""
    return {outcome: changes for outcome, changes in result["outcomes"].items() if changes}


def outcomes(plan: Path, name: str = "outcomes.jsonl") -> dict[tuple[str, str], tuple[str, str | None]]:
    """Return the outcome of each change, by booking and address (``host`` for a host)."""
    return {
        (row["booking_uid"], "host" if row["role"] == "host" else row["email"]): (row["outcome"], row["detail"])
        for row in lines(plan / name)
    }


def ledger(folder: Path) -> list[Row]:
    """Return all records of a ledger, as DuckDB reads them in one glob."""
    import duckdb

    with duckdb.connect() as connection:
        found = connection.execute("SELECT * FROM read_json(?) ORDER BY time", [str(folder / "*.jsonl")])
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
