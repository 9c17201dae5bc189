"""The command `calcom-no-shows`: try an attendance policy on files, without a DAG."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom.attendance.engine import Decided, Resources, deciding
from airflow_provider_calcom.attendance.errors import AttendanceError, InvalidPolicy

if TYPE_CHECKING:
    from airflow_provider_calcom.attendance.pushdown import SqlPlace


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser("calcom-no-shows", description=__doc__)
    commands = made.add_subparsers(dest="command", required=True)
    decide = commands.add_parser("decide", help="decide on every person and write the decisions")
    _add_inputs(decide)
    decide.add_argument(
        "--out", required=True, metavar="FILE", help="decisions: .jsonl, .csv or .parquet, .gz may follow"
    )
    decide.set_defaults(run=_decide)
    return made


def _add_inputs(command: argparse.ArgumentParser) -> None:
    for table in ("bookings", "people", "attendance"):
        command.add_argument(
            f"--{table}",
            required=True,
            action="append",
            metavar="FILE",
            help=f"{table}: .jsonl, .csv or .parquet, .gz may follow; may be given several times, or hold *",
        )
    command.add_argument("--policy", metavar="FILE", help="the policy's fields as JSON; without it the defaults")
    command.add_argument("--zone", help="zone of times that are told without one, such as Europe/Berlin; else refused")
    command.add_argument(
        "--connection",
        metavar="ID",
        help="run on the SQL server of this Airflow connection; a table there is given as table:NAME",
    )
    command.add_argument("--scratch-schema", metavar="NAME", help="with --connection: where scratch tables are made")
    command.add_argument("--memory-limit", default="2GB", help="default %(default)s; what is more goes to disk")
    command.add_argument("--threads", type=int, help="default: one on each core")
    command.add_argument("--spill-directory", metavar="FOLDER", help="default: the system's temporary folder")


def _decide(arguments: argparse.Namespace) -> None:
    with _deciding(arguments) as decided:
        decided.write(arguments.out)
        _print_figures(decided)


def _deciding(arguments: argparse.Namespace) -> Any:
    return deciding(
        _input(arguments.bookings),
        _input(arguments.people),
        _input(arguments.attendance),
        _policy(arguments.policy),
        zone=arguments.zone,
        resources=Resources(arguments.memory_limit, arguments.threads, arguments.spill_directory),
        place=_place(arguments),
    )


def _input(given: list[str]) -> Any:
    """Give the paths, or the one relation that ``table:NAME`` names."""
    if not any(one.startswith("table:") for one in given):
        return given
    from airflow_provider_calcom.attendance.pushdown import Relation

    if len(given) > 1:
        raise AttendanceError(f"{', '.join(given)}: one table, or any number of files, but not both")
    return Relation(given[0].removeprefix("table:"))


def _policy(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidPolicy(f"can't read {path}: {error}") from None


def _place(arguments: argparse.Namespace) -> SqlPlace | None:
    if arguments.connection is None:
        return None
    # Airflow takes seconds to import, so only this option does it.
    from airflow_provider_calcom.hooks.sql import sql_place

    return sql_place(arguments.connection, scratch_schema=arguments.scratch_schema)


def _print_figures(decided: Decided) -> None:
    for outcome, reasons in decided.figures.outcomes.items():
        told = ", ".join(f"{reason} {persons}" for reason, persons in reasons.items())
        print(f"{outcome} {sum(reasons.values())}: {told}", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    :param arguments: those of the command line, or None for the process's own.
    :returns: 0, or 1 with the error on standard error.
    """
    given = parser().parse_args(arguments)
    try:
        given.run(given)
    except AttendanceError as error:
        print(f"calcom-no-shows: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
