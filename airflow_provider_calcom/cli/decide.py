"""The command `calcom-no-shows decide`: decide on every person and write the decisions."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom._redact import hide, shown_path
from airflow_provider_calcom._storage import reason_of
from airflow_provider_calcom.attendance.engine import Decided, deciding
from airflow_provider_calcom.attendance.errors import AttendanceError
from airflow_provider_calcom.attendance.tables.sources import format_of
from airflow_provider_calcom.cli._command import add_command
from airflow_provider_calcom.cli._inputs import add_inputs, names_table, resources_of, rule_inputs

if TYPE_CHECKING:
    from airflow_provider_calcom.attendance.sql.backend import SqlBackend


def add_to(commands: Any) -> None:
    """Add the command to the parser's commands."""
    decide = add_command(
        commands,
        "decide",
        _decide,
        help="decide on every person and write the decisions",
        about="Run the rules on files, and write a decision on every person. Bookings are Cal.com's own JSON, or the"
        " tables bookings and people; attendance is a vendor's files, or the table attendance.",
        example="calcom-no-shows decide --bookings bookings.jsonl --feed zoom export.csv --out decisions.csv\n"
        "calcom-no-shows decide --bookings bookings.csv --people people.csv --attendance attendance.csv \\\n"
        "    --policy policy.json --out decisions.parquet",
    )
    add_inputs(decide)
    decide.add_argument(
        "--connection",
        metavar="ID",
        help="run on the SQL server of this Airflow connection; a table there is given as table:NAME",
    )
    decide.add_argument("--scratch-schema", metavar="NAME", help="with --connection: where scratch tables are made")
    decide.add_argument(
        "--out", required=True, metavar="FILE", help="decisions: .jsonl, .csv or .parquet, .gz may follow"
    )


def _decide(arguments: argparse.Namespace) -> None:
    format_of(arguments.out, "--out")  # a wrong suffix is reported before the work
    if arguments.connection is None and names_table(arguments):
        raise AttendanceError("table:NAME is a table of a connection. Name the connection with --connection")
    with (
        rule_inputs(arguments) as inputs,
        deciding(
            inputs.bookings,
            inputs.people,
            inputs.attendance,
            inputs.policy,
            zone=arguments.zone,
            resources=resources_of(arguments),
            backend=_backend(arguments),
        ) as decided,
    ):
        _write(decided, arguments.out)
        _print_figures(decided)


def _write(decided: Decided, path: str) -> None:
    import duckdb

    try:
        decided.write(path)
    except (OSError, duckdb.IOException) as error:
        raise AttendanceError(f"--out: can't write {shown_path(path)}: {reason_of(error)}") from None


def _backend(arguments: argparse.Namespace) -> SqlBackend | None:
    if arguments.connection is None:
        return None
    # Airflow takes seconds to import, so only this option does it.
    from airflow_provider_calcom.hooks.sql import sql_backend

    try:
        return sql_backend(arguments.connection, scratch_schema=arguments.scratch_schema, parameter="--connection")
    except ValueError as error:
        raise AttendanceError(hide(str(error))) from None


def _print_figures(decided: Decided) -> None:
    for outcome, reasons in decided.figures.outcomes.items():
        counts = ", ".join(f"{reason} {persons}" for reason, persons in reasons.items())
        print(f"{outcome} {sum(reasons.values())}: {counts}", file=sys.stderr)
