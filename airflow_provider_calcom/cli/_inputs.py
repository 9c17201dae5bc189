"""What `decide` and `explain` run the rules on: their options, tables, policy and resources."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from airflow_provider_calcom._redact import describe, shown_path
from airflow_provider_calcom._storage import reason_of
from airflow_provider_calcom.attendance.engine import Resources
from airflow_provider_calcom.attendance.errors import AttendanceError, InvalidPolicy


def add_inputs(command: argparse.ArgumentParser) -> None:
    """Add the options of the inputs to a command."""
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


def names_table(arguments: argparse.Namespace) -> bool:
    """Return whether an input is a table of a connection."""
    return any(one.startswith("table:") for one in arguments.bookings + arguments.people + arguments.attendance)


def resources_of(arguments: argparse.Namespace) -> Resources:
    """Return the resources that the rules may use."""
    return Resources(arguments.memory_limit, arguments.threads, arguments.spill_directory)


def input_of(given: list[str]) -> Any:
    """Return the paths, or the one relation that ``table:NAME`` names."""
    if not any(one.startswith("table:") for one in given):
        return given
    from airflow_provider_calcom.attendance.sql.backend import Relation

    if len(given) > 1:
        raise AttendanceError(f"{', '.join(map(shown_path, given))}: one table, or any number of files, but not both")
    return Relation(given[0].removeprefix("table:"))


def policy_text(path: str | None) -> str | None:
    """Return the text of the policy's file, or None without one.

    :raises InvalidPolicy: if it can't be read.
    """
    if path is None:
        return None
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidPolicy(f"--policy: can't read {shown_path(path)}: {reason_of(error)}") from None
