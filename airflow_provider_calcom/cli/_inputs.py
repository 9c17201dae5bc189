"""What the rules run on: the options for bookings, people, attendance and policy, and the tables that they name."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom._redact import describe, shown_path
from airflow_provider_calcom._storage import folder_path, reason_of
from airflow_provider_calcom.attendance.engine import Resources
from airflow_provider_calcom.attendance.errors import AttendanceError, InvalidPolicy
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.cli._feeds import add_feed_options, add_feeds, feed_entries

if TYPE_CHECKING:
    from airflow_provider_calcom.no_shows.plan_request import Paths, PlanRequest, Table
    from airflow_provider_calcom.no_shows.planner import PlanInputs

_TABLE = "table:"
_FILE = ".jsonl, .csv or .parquet, .gz may follow; may be given several times, or hold *"


def add_inputs(command: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add the options of the inputs to a command.

    :param required: whether bookings and attendance must be given.
    """
    add_bookings(command, required=required, also=". With --people: the table bookings")
    command.add_argument("--people", action="append", metavar="FILE", help=f"the table people: {_FILE}")
    attendance = command.add_mutually_exclusive_group(required=required)
    attendance.add_argument("--attendance", action="append", metavar="FILE", help=f"the table attendance: {_FILE}")
    add_feeds(attendance)
    add_feed_options(command)
    add_rules(command)


def add_bookings(command: argparse.ArgumentParser, *, required: bool = True, also: str = "") -> None:
    """Add the option of the bookings to a command.

    :param also: what its help continues with.
    """
    command.add_argument(
        "--bookings",
        required=required,
        action="append",
        metavar="FILE",
        help="bookings as Cal.com sends them: JSON lines, a JSON list, or a response of the API; may be given several"
        f" times, or hold *{also}",
    )


def add_rules(command: argparse.ArgumentParser) -> None:
    """Add the options of the policy, the zone and the resources to a command."""
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


def names_table(arguments: argparse.Namespace) -> bool:
    """Return whether an input is a table of a connection."""
    given = (*arguments.bookings, *(arguments.people or ()), *(arguments.attendance or ()))
    return any(one.startswith(_TABLE) for one in given)


def resources_of(arguments: argparse.Namespace) -> Resources:
    """Return the resources that the rules may use."""
    return Resources(arguments.memory_limit, arguments.threads, arguments.spill_directory)


@contextmanager
def rule_inputs(arguments: argparse.Namespace) -> Iterator[PlanInputs]:
    """Yield the tables of the rules, and the policy that is to be applied to them.

    Where bookings are Cal.com's, or attendance is a vendor's, the tables are made as a plan makes them.
    """
    from airflow_provider_calcom.cli._calcom import CalComAccess
    from airflow_provider_calcom.no_shows.planner import PlanInputs, plan_inputs

    policy = AttendancePolicy.of(policy_text(arguments.policy))
    if arguments.people and arguments.attendance:
        bookings, people = _input(arguments.bookings), _input(arguments.people)
        yield PlanInputs(bookings, people, _input(arguments.attendance), policy, feeds=(), attended=None)
        return
    request = plan_request(arguments, policy)
    if arguments.people:
        request = replace(request, bookings=_table(arguments.bookings), people=_table(arguments.people))
    if arguments.attendance:
        request = replace(request, attendance=_table(arguments.attendance))
    with plan_inputs(request, CalComAccess(arguments)) as inputs:
        yield inputs


def plan_request(
    arguments: argparse.Namespace, policy: AttendancePolicy, *, may_fetch: bool = False, **others: Any
) -> PlanRequest:
    """Return what Cal.com's bookings and feeds of the command line request of a plan; no ledger is looked into.

    :param may_fetch: whether the feed ``cal_video`` may be fetched from Cal.com.
    :param others: further fields of the request.
    """
    from airflow_provider_calcom.no_shows.plan_request import PlanRequest

    requested_at = datetime.now(UTC)
    fields: dict[str, Any] = {
        "plan": None,  # only `try` writes one
        "bookings": bookings_of(arguments),
        "attendance": feed_entries(arguments, may_fetch=may_fetch),
        "policy": policy.at(requested_at),
        "requested_at": requested_at,
        "last_writes": lambda people: (),
        "correct": "none",
        # Which of the bookings the key's user only attends is not known without a key.
        "include_attended": True,
        "zone": arguments.zone,
        "resources": resources_of(arguments),
    }
    return PlanRequest(**fields | others)


def bookings_of(arguments: argparse.Namespace) -> Paths:
    """Return the files of Cal.com's bookings.

    :raises InputMissing: if one is not there.
    """
    from airflow_provider_calcom.no_shows.input_files import files_of
    from airflow_provider_calcom.no_shows.plan_request import Paths

    return Paths(tuple(path for one in arguments.bookings for path in files_of("--bookings", folder_path(one))))


def _table(given: list[str]) -> Table:
    from airflow_provider_calcom.no_shows.plan_request import Paths, TableName

    name = _table_name(given)
    return Paths(tuple(map(folder_path, given))) if name is None else TableName(name)


def _input(given: list[str]) -> Any:
    """Return the paths, or the one relation that ``table:NAME`` names."""
    name = _table_name(given)
    if name is None:
        return given
    from airflow_provider_calcom.attendance.sql.backend import Relation

    return Relation(name)


def _table_name(given: list[str]) -> str | None:
    if not any(one.startswith(_TABLE) for one in given):
        return None
    if len(given) > 1:
        raise AttendanceError(f"{', '.join(map(shown_path, given))}: one table, or any number of files, but not both")
    return given[0].removeprefix(_TABLE)


def policy_text(path: str | None, option: str = "--policy", error: type[AttendanceError] = InvalidPolicy) -> str | None:
    """Return the text of the policy's file, or of another with fields, or None without one.

    :param option: names the file in errors.
    :param error: the class to raise.
    """
    if path is None:
        return None
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise error(f"{option}: can't read {shown_path(path)}: {reason_of(fault)}") from None
