"""The command `calcom-no-shows ledger`: look after the ledger of what was written."""

from __future__ import annotations

import argparse
from typing import Any

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom.attendance.errors import AttendanceError
from airflow_provider_calcom.cli._command import add_command


def add_to(commands: Any) -> None:
    """Add the command to the parser's commands."""
    ledger = commands.add_parser("ledger", help="look after the ledger of what was written")
    of_ledger = ledger.add_subparsers(dest="ledger_command", required=True)
    compact = add_command(
        of_ledger,
        "compact",
        _compact,
        help="merge a ledger's files into one",
        about="Merge the files of a ledger into one, and leave out intents whose outcome is known. Nothing that a plan"
        " needs is lost.",
        example="calcom-no-shows ledger compact ~/airflow/calcom-ledger/calcom_default",
    )
    compact.add_argument(
        "folder", metavar="FOLDER", help="the ledger: a folder here, or a URL such as s3://bucket/ledger"
    )


def _compact(arguments: argparse.Namespace) -> None:
    from airflow_provider_calcom.no_shows.ledger.compaction import compact

    done = compact(arguments.folder)
    if not done.segments:
        raise AttendanceError(
            f"FOLDER: {shown_path(arguments.folder)} has no segments of a ledger, or only one that a run is writing"
        )
    print(f"{done.segments} segments merged into one of {done.records} records; {done.left_out} repeated others")
