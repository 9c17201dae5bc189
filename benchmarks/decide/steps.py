"""Time the steps of the rules one by one, in one process: what each rule costs.

``python -m benchmarks.decide.steps SET_FOLDER MEMORY_LIMIT THREADS SPILL_FOLDER`` prints a table in Markdown.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from airflow_provider_calcom.attendance.engine import (
    COUNTS,
    Decided,
    Figures,
    Resources,
    duckdb_session,
    load_policy,
    loaded,
)
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.attendance.policy_tables import policy_tables
from airflow_provider_calcom.attendance.rules import the_rules
from airflow_provider_calcom.attendance.schema import ATTENDANCE, BOOKINGS, PEOPLE

TABLES = {BOOKINGS: "bookings", PEOPLE: "people", ATTENDANCE: "attendance"}
READING, COUNTING, WRITING = "reading and checking the files", "counting for the guard rails", "sorting and writing"
FIRST_STEPS = {
    "conferences": "addresses, telephones and names, each spelling once",
    "sifted_bookings": "rules 1 to 3; the people of the bookings",
    "sources": "where each source ends; participants and what they lend",
    "presences": "the rows of the feed: whose address and name, which day",
    "meeting_rows": "the rows of each meeting, and whose each is",
    "daily_persons": "presence",
    "untraced": "traces, the host side, evidence",
    "early_reasons": "rules 4 to 10",
    "suspects": "rule 11",
    "blamed": "who is left for rules 12 to 14",
    "owned_rows": "rule 12",
    "standing_bookings": "rule 13",
    "blamed_meetings": "rule 14",
    "reasons": "the decisions",
}
"""The step with which each part begins."""


def costs(folder: Path, resources: Resources, out: Path) -> dict[str, float]:
    """Run the rules on a set as the command does, and return the CPU seconds of each part.

    :param out: a file for the decisions.
    """
    spent: dict[str, float] = {}

    def timed(part: str, work: Callable[[], object]) -> None:
        begin = time.process_time()
        work()
        spent[part] = spent.get(part, 0.0) + time.process_time() - begin

    policy = AttendancePolicy.of((folder / "policy.json").read_text()).at(datetime.now(UTC))
    inputs = {table: str(folder / f"{name}.parquet") for table, name in TABLES.items()}
    rules = the_rules()
    freed = rules.last_uses([rules.decisions, *COUNTS.values()])
    with duckdb_session(resources) as (connection, scratch), ExitStack() as tables:
        reading = loaded(connection, scratch, inputs, takes_naive_times=False)
        timed(READING, lambda: tables.enter_context(reading))
        load_policy(connection, policy_tables(policy))
        part = ""
        for step in rules.steps:
            if step.is_kept:
                part = FIRST_STEPS.get(step.name, part)
                statement = f"CREATE TEMP TABLE {step.name} AS {rules.with_parts(step.body)}"
                timed(part, lambda statement=statement: connection.execute(statement))  # type: ignore[misc]
                for name in freed.get(step.name, ()):
                    connection.execute(f"DROP TABLE {name}")
        connection.execute(f"CREATE TEMP VIEW decided AS {rules.with_parts(rules.decisions)}")
        for body in COUNTS.values():
            timed(COUNTING, lambda body=body: connection.execute(rules.with_parts(body)).fetchall())  # type: ignore[misc]
        decided = Decided(connection, policy, Figures({}, 0, 0, 0, 0, None))
        timed(WRITING, lambda: decided.write(out))
    return spent


def table(spent: dict[str, float]) -> Iterator[str]:
    """List the parts in their order, with their shares."""
    total = sum(spent.values())
    yield "| part of the rules | CPU s | share |"
    yield "|---|---:|---:|"
    for part, seconds in spent.items():
        yield f"| {part} | {seconds:.2f} | {seconds / total:.1%} |"
    yield f"| all | {total:.2f} | 100% |"


def main(folder: str, memory_limit: str, threads: str, spill: str) -> None:
    """Print the table of a set."""
    resources = Resources(memory_limit, int(threads), spill)
    print("\n".join(table(costs(Path(folder), resources, Path(spill) / "decisions.parquet"))))


if __name__ == "__main__":
    main(*sys.argv[1:])
