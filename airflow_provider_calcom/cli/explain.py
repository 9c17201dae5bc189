"""The command `calcom-no-shows explain`: explain the decisions of one booking."""

from __future__ import annotations

import argparse
import json
from typing import Any

from airflow_provider_calcom.attendance.errors import AttendanceError
from airflow_provider_calcom.cli._inputs import add_inputs, names_table, policy_text, resources_of
from airflow_provider_calcom.cli._output import print_text


def add_to(commands: Any) -> None:
    """Add the command to the parser's commands."""
    explain = commands.add_parser("explain", help="explain why the policy decides on one booking as it does")
    add_inputs(explain)
    explain.add_argument("--connection", help=argparse.SUPPRESS)  # refused with a message of its own
    explain.add_argument("--booking", required=True, metavar="UID", help="the booking's uid")
    explain.add_argument("--json", action="store_true", help="print the same facts as JSON")
    explain.set_defaults(run=_explain)


def _explain(arguments: argparse.Namespace) -> None:
    if arguments.connection is not None or names_table(arguments):
        raise AttendanceError(
            "explain reads files, no tables of a connection. Export the rows of the booking's day, give the files, and"
            " leave out --connection"
        )
    from airflow_provider_calcom.attendance.explain import explain, page

    explanation = explain(
        arguments.bookings,
        arguments.people,
        arguments.attendance,
        policy_text(arguments.policy),
        booking_uid=arguments.booking,
        zone=arguments.zone,
        resources=resources_of(arguments),
    )
    print_text(
        json.dumps(explanation.as_dict(), ensure_ascii=False, indent=2) + "\n" if arguments.json else page(explanation)
    )
