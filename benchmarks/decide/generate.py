"""Make one set of bookings, people and attendance in Parquet, or keep the one that lies there already.

``python benchmarks/decide/generate.py scheduled 1000000 FOLDER`` makes a set of a million bookings;
``python benchmarks/decide/generate.py day SET_FOLDER FOLDER`` cuts one day out of a set.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import duckdb

SCRIPT = Path(__file__).with_name("generate.sql")
MONTH, AS_OF = "2026-01-01 00:00:00+00", "2026-02-01T00:00:00Z"
DAY, DAY_AS_OF = "2026-01-15", "2026-01-16T06:00:00Z"
DAYS = 30
SEED = 11
NEVER = 1_000_000_000
# What sets a set apart: bookings a host has in the month, every how many hosts one receives all guests in a room of his
# own, the slot of the day that is the same meeting every day, and the share of bookings without a conference key.
SETS = {
    "scheduled": {"per_host": 500, "room_every": NEVER, "recurring_slot": -1, "without_key": 0.0},
    "shared-rooms": {"per_host": 500, "room_every": 25, "recurring_slot": 3, "without_key": 0.0},
    "busy-hosts": {"per_host": 5000, "room_every": NEVER, "recurring_slot": -1, "without_key": 0.05},
}
CUT = """
    COPY (FROM '{source}/bookings.parquet' WHERE start_at::DATE = '{day}') TO '{folder}/bookings.parquet';
    COPY (FROM '{source}/people.parquet' SEMI JOIN '{folder}/bookings.parquet' USING (booking_uid))
        TO '{folder}/people.parquet';
    COPY (FROM '{source}/attendance.parquet' WHERE joined_at::DATE = '{day}') TO '{folder}/attendance.parquet';
"""


def run_script(script: str, variables: dict[str, object]) -> None:
    """Run a script of SQL with variables."""
    with duckdb.connect(config={"threads": 2, "memory_limit": "6GB"}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, value in variables.items():
            connection.execute(f"SET VARIABLE {name} = $value", {"value": value})
        connection.execute(script)


def variables_of(kind: str, bookings: int, folder: Path) -> dict[str, object]:
    """Return what the script is to know."""
    shape = dict(SETS[kind])
    return {
        "seed": SEED,
        "bookings": bookings,
        "per_day": -(-bookings // DAYS),
        "hosts": max(1, bookings // int(shape.pop("per_host"))),
        **shape,
        "month": MONTH,
        "folder": str(folder),
    }


def make_set(kind: str, bookings: int, folder: Path) -> None:
    """Make one set of a month."""
    run_script(SCRIPT.read_text(encoding="utf-8"), variables_of(kind, bookings, folder))
    write_policy(folder, AS_OF)


def cut_day(source: Path, folder: Path) -> None:
    """Cut the bookings of one day, their people and that day's attendance out of a set."""
    run_script(CUT.format(source=source, folder=folder, day=DAY), {})
    write_policy(folder, DAY_AS_OF)


def write_policy(folder: Path, as_of: str) -> None:
    """Write the policy that the decisions are made with."""
    policy = {"as_of": as_of, "internal_domains": ["acme.example"]}
    (folder / "policy.json").write_text(json.dumps(policy, indent=1) + "\n", encoding="utf-8")


def main(kind: str, origin: str, target: str) -> None:
    """Make the set unless its folder says that it was made with the same script and parameters."""
    folder = Path(target)
    folder.mkdir(parents=True, exist_ok=True)
    stamp = folder / "made-with.json"
    sources = b"".join(path.read_bytes() for path in (SCRIPT, Path(__file__)))
    made_with = json.dumps([kind, origin, duckdb.__version__, hashlib.sha256(sources).hexdigest()])
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == made_with:
        return
    stamp.unlink(missing_ok=True)
    if kind == "day":
        cut_day(Path(origin), folder)
    else:
        make_set(kind, int(origin), folder)
    stamp.write_text(made_with, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
