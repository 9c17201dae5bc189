"""The command `calcom-no-shows`: try a policy on files without a DAG, compact a ledger, and forget a person."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom._redact import describe, hide, shown_path
from airflow_provider_calcom._storage import UnusablePath, fault_of_path, folder_path, reason_of
from airflow_provider_calcom.attendance.engine import Decided, Resources, deciding
from airflow_provider_calcom.attendance.errors import AttendanceError, InvalidPolicy
from airflow_provider_calcom.attendance.tables.sources import format_of
from airflow_provider_calcom.errors import ProviderError

if TYPE_CHECKING:
    from airflow_provider_calcom.attendance.sql.backend import SqlBackend
    from airflow_provider_calcom.no_shows.ledger.identities import Identities


_SECRET = "CALCOM_LEDGER_SECRET"  # noqa: S105 (the name of the variable)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser("calcom-no-shows", description=__doc__)
    commands = made.add_subparsers(dest="command", required=True)
    decide = commands.add_parser("decide", help="decide on every person and write the decisions")
    _add_inputs(decide)
    decide.add_argument(
        "--connection",
        metavar="ID",
        help="run on the SQL server of this Airflow connection; a table there is given as table:NAME",
    )
    decide.add_argument("--scratch-schema", metavar="NAME", help="with --connection: where scratch tables are made")
    decide.add_argument(
        "--out", required=True, metavar="FILE", help="decisions: .jsonl, .csv or .parquet, .gz may follow"
    )
    decide.set_defaults(run=_decide)
    explain = commands.add_parser("explain", help="explain why the policy decides on one booking as it does")
    _add_inputs(explain)
    explain.add_argument("--connection", help=argparse.SUPPRESS)  # refused with a message of its own
    explain.add_argument("--booking", required=True, metavar="UID", help="the booking's uid")
    explain.add_argument("--json", action="store_true", help="print the same facts as JSON")
    explain.set_defaults(run=_explain)
    ledger = commands.add_parser("ledger", help="look after the ledger of what was written")
    of_ledger = ledger.add_subparsers(dest="ledger_command", required=True)
    compact = of_ledger.add_parser(
        "compact", help="put a ledger's parts together into one, and leave out intents whose outcome is known"
    )
    compact.add_argument(
        "folder", metavar="FOLDER", help="the ledger: a folder here, or a URL such as s3://bucket/ledger"
    )
    compact.set_defaults(run=_compact)
    _add_forget(commands)
    return made


def _add_forget(commands: Any) -> None:
    forget = commands.add_parser(
        "forget",
        help="take a person's address out of plans and ledger; a keyed hash stays, which identifies our own marks",
        description="The hash's key is the Airflow connection's ledger_secret, or is in the environment variable"
        f" {_SECRET}. No run may write the plans or the ledger meanwhile. If it is interrupted, run it again.",
    )
    forget.add_argument("address", metavar="ADDRESS", help="whom to forget; - reads it from standard input")
    forget.add_argument(
        "--plans", action="append", default=[], metavar="FOLDER", help="a plan, or a folder of plans; may be repeated"
    )
    forget.add_argument(
        "--ledger", metavar="FOLDER", help="the ledger: a folder here, or a URL such as s3://bucket/ledger"
    )
    forget.add_argument("--connection", metavar="ID", help="the Airflow connection that has the ledger_secret")
    forget.add_argument("--check", action="store_true", help="change nothing; end with 1 if the address is found")
    forget.set_defaults(run=_forget)


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
    command.add_argument("--zone", help="zone of times that have none, such as Europe/Berlin; else they are rejected")
    command.add_argument(
        "--memory-limit",
        default="2GB",
        type=_memory,
        metavar="SIZE",
        help="default %(default)s; beyond it data is spilled to disk",
    )
    command.add_argument("--threads", type=_threads, metavar="NUMBER", help="default: one on each core")
    command.add_argument("--spill-directory", metavar="FOLDER", help="default: the system's temporary folder")


def _memory(text: str) -> str:
    if re.fullmatch(r"\d+(\.\d+)? ?[KMGT]i?B", text, re.ASCII | re.IGNORECASE) is None:
        raise argparse.ArgumentTypeError(f"{describe(text)} is not a size such as 2GB or 512MB")
    return text


def _threads(text: str) -> int:
    if re.fullmatch(r"[1-9]\d{0,3}", text, re.ASCII) is None:
        raise argparse.ArgumentTypeError(f"{describe(text)} is not a number of threads such as 4")
    return int(text)


def _decide(arguments: argparse.Namespace) -> None:
    format_of(arguments.out, "--out")  # a wrong suffix is reported before the work
    if arguments.connection is None and _names_table(arguments):
        raise AttendanceError("table:NAME is a table of a connection. Name the connection with --connection")
    with deciding(
        _input(arguments.bookings),
        _input(arguments.people),
        _input(arguments.attendance),
        _policy(arguments.policy),
        zone=arguments.zone,
        resources=_resources(arguments),
        backend=_place(arguments),
    ) as decided:
        _write(decided, arguments.out)
        _print_figures(decided)


def _write(decided: Decided, path: str) -> None:
    import duckdb

    try:
        decided.write(path)
    except (OSError, duckdb.IOException) as error:
        raise AttendanceError(f"--out: can't write {shown_path(path)}: {reason_of(error)}") from None


def _explain(arguments: argparse.Namespace) -> None:
    if arguments.connection is not None or _names_table(arguments):
        raise AttendanceError(
            "explain reads files, no tables of a connection. Export the rows of the booking's day, give the files, and"
            " leave out --connection"
        )
    from airflow_provider_calcom.attendance.explain import explain, page

    explanation = explain(
        arguments.bookings,
        arguments.people,
        arguments.attendance,
        _policy(arguments.policy),
        booking_uid=arguments.booking,
        zone=arguments.zone,
        resources=_resources(arguments),
    )
    _print(
        json.dumps(explanation.as_dict(), ensure_ascii=False, indent=2) + "\n" if arguments.json else page(explanation)
    )


def _compact(arguments: argparse.Namespace) -> None:
    from airflow_provider_calcom.no_shows.ledger.compaction import compact

    done = compact(arguments.folder)
    if not done.segments:
        raise AttendanceError(
            f"FOLDER: {shown_path(arguments.folder)} has no segments of a ledger, or only one that a run is writing"
        )
    print(f"{done.segments} segments merged into one of {done.records} records; {done.left_out} repeated others")


def _forget(arguments: argparse.Namespace) -> None:
    from airflow_provider_calcom.no_shows.forgetting import NotForgotten, forget

    if not arguments.plans and arguments.ledger is None:
        raise AttendanceError("forget needs --plans, --ledger or both")
    address = sys.stdin.readline().strip() if arguments.address == "-" else arguments.address
    found = forget(
        address,
        plans=arguments.plans,
        ledger=arguments.ledger,
        identities=_addresses(arguments.connection),
        check_only=arguments.check,
    ).places
    for path, times in found.items():
        print(f"{shown_path(path)}: {times}")
    if arguments.check and found:
        raise NotForgotten(f"The address is in {len(found)} files")
    print("The address is in none of the files" if arguments.check or not found else "Forgotten, and searched again")


def _addresses(connection: str | None) -> Identities:
    from airflow_provider_calcom.no_shows.ledger.identities import Identities

    if connection is None:
        return Identities(os.environ.get(_SECRET))
    # Airflow takes seconds to import, so only this option does it.
    from airflow_provider_calcom.hooks.calcom import CalComHook

    try:
        return Identities(CalComHook(connection).ledger_secret)
    except (ProviderError, ValueError) as error:
        raise AttendanceError(f"--connection: {hide(str(error))}") from None


def _print(text: str) -> None:
    """Print any text, and ignore that a reader such as `head` closed the pipe."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would flush again at its end, and print an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _names_table(arguments: argparse.Namespace) -> bool:
    return any(one.startswith("table:") for one in arguments.bookings + arguments.people + arguments.attendance)


def _resources(arguments: argparse.Namespace) -> Resources:
    return Resources(arguments.memory_limit, arguments.threads, arguments.spill_directory)


def _input(given: list[str]) -> Any:
    """Return the paths, or the one relation that ``table:NAME`` names."""
    if not any(one.startswith("table:") for one in given):
        return given
    from airflow_provider_calcom.attendance.sql.backend import Relation

    if len(given) > 1:
        raise AttendanceError(f"{', '.join(map(shown_path, given))}: one table, or any number of files, but not both")
    return Relation(given[0].removeprefix("table:"))


def _policy(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidPolicy(f"--policy: can't read {shown_path(path)}: {reason_of(error)}") from None


def _place(arguments: argparse.Namespace) -> SqlBackend | None:
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    :param arguments: those of the command line, or None for the process's own.
    :return: 0, or 1 with the error on standard error.
    """
    given = parser().parse_args(arguments)
    try:
        _check_paths(given)
        given.run(given)
    except (ProviderError, OSError) as error:
        print(f"calcom-no-shows: {hide(' '.join(str(error).split()))}", file=sys.stderr)
        return 1
    return 0


_PATHS = {
    **{name: f"--{name.replace('_', '-')}" for name in ("bookings", "people", "attendance", "policy", "out", "plans")},
    "spill_directory": "--spill-directory",
    "ledger": "--ledger",
    "folder": "FOLDER",
}


def _check_paths(arguments: argparse.Namespace) -> None:
    for name, option in _PATHS.items():
        value = getattr(arguments, name, None)
        for path in value if isinstance(value, list) else [value]:
            if path is None:
                continue
            if (fault := fault_of_path(path)) is not None:
                raise AttendanceError(f"{option} must be a path, but is {fault}. Correct it")
            try:
                folder_path(path)
            except UnusablePath as error:
                raise AttendanceError(f"{option}: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
