"""The command `calcom-no-shows forget`: take a person out of plans and ledger."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom._redact import hide, shown_path
from airflow_provider_calcom.attendance.errors import AttendanceError
from airflow_provider_calcom.cli._command import add_command
from airflow_provider_calcom.errors import ProviderError

if TYPE_CHECKING:
    from airflow_provider_calcom.no_shows.ledger.identities import Identities

_SECRET = "CALCOM_LEDGER_SECRET"  # noqa: S105 (the name of the variable)


def add_to(commands: Any) -> None:
    """Add the command to the parser's commands."""
    forget = add_command(
        commands,
        "forget",
        _forget,
        help="remove a person's address from plans and ledger",
        about="Remove a person's address from plans and ledger. A keyed hash stays, which identifies our own marks. Its"
        f" key is the Airflow connection's ledger_secret, or is in the environment variable {_SECRET}. No run may write"
        " the plans or the ledger meanwhile. If it is interrupted, run it again.",
        example="calcom-no-shows forget ann@example.org --plans plans --ledger ~/airflow/calcom-ledger/calcom_default",
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
