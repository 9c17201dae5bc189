"""The rules in plain Python, as the tests have them, on a set small enough for that.

``python -m benchmarks.decide.plain_python SET_FOLDER OUT.jsonl``
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ISO = "%Y-%m-%dT%H:%M:%S.%fZ"
INSTANTS = {
    "bookings": ("start_at", "end_at"),
    "people": (),
    "attendance": ("joined_at", "left_at"),
}


def records(folder: Path, table: str) -> list[dict[str, Any]]:
    """Read a table as dictionaries, with instants as ISO 8601."""
    import duckdb

    texts = ", ".join(f"strftime({column}, '{ISO}') AS {column}" for column in INSTANTS[table])
    replaced = f"REPLACE ({texts})" if texts else ""
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(f"SELECT * {replaced} FROM '{folder}/{table}.parquet'")
        columns = [column[0] for column in found.description]
        return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]


def main(folder: Path, out: Path) -> None:
    """Decide and write the decisions, one JSON object a line."""
    from tests.attendance.reference import decide

    policy = json.loads((folder / "policy.json").read_text(encoding="utf-8"))
    bookings, people, attendance = (records(folder, table) for table in INSTANTS)
    decisions = decide(bookings, people, attendance, policy)
    out.write_text("".join(json.dumps(decision) + "\n" for decision in decisions), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
