"""The command `calcom-no-shows explain`: explain the decisions of one booking, of a plan or of files."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom._redact import describe, shown_path
from airflow_provider_calcom._storage import folder_path
from airflow_provider_calcom.attendance.errors import AttendanceError
from airflow_provider_calcom.cli._command import add_command
from airflow_provider_calcom.cli._inputs import add_inputs, names_table, resources_of, rule_inputs
from airflow_provider_calcom.cli._output import print_text

if TYPE_CHECKING:
    from airflow_provider_calcom.attendance.explain import Explanation
    from airflow_provider_calcom.no_shows.plan_files import Summary


def add_to(commands: Any) -> None:
    """Add the command to the parser's commands."""
    explain = add_command(
        commands,
        "explain",
        _explain,
        help="explain why the policy decides on one booking as it does",
        about="Print what is known of one booking: its window, everybody's presence, and for each person the rule that"
        " decided. It is read from a plan's folder, or made anew from files as decide takes them.",
        example="calcom-no-shows explain --plan no-shows-2026-11-19 --booking dm2NobodyButTheHost0002\n"
        "calcom-no-shows explain --bookings bookings.jsonl --feed zoom export.csv --booking dm2NobodyButTheHost0002",
    )
    explain.add_argument("--booking", required=True, metavar="UID", help="the booking's uid")
    explain.add_argument("--json", action="store_true", help="print the same facts as JSON")
    explain.add_argument("--plan", metavar="FOLDER", help="the folder of a plan; then no other input is needed")
    add_inputs(explain, required=False)
    explain.add_argument("--connection", help=argparse.SUPPRESS)  # refused with a message of its own


def _explain(arguments: argparse.Namespace) -> None:
    _check_inputs(arguments)
    found = _of_files(arguments) if arguments.plan is None else _of_plan(arguments.plan, arguments.booking)
    if arguments.json:
        print_text(json.dumps(found.as_dict(), indent=2) + "\n")
        return
    from airflow_provider_calcom.attendance.explain import page

    print_text(page(found))


def _check_inputs(arguments: argparse.Namespace) -> None:
    """Check that there is a plan, or else all inputs; argparse can't express it."""
    inputs = [name for name in ("bookings", "people", "attendance", "feed") if getattr(arguments, name)]
    if arguments.plan is not None:
        if inputs:
            arguments.usage_error(f"argument --{inputs[0]}: not allowed with argument --plan")
        return
    if "bookings" not in inputs:
        arguments.usage_error("one of the arguments --plan --bookings is required")
    if not {"attendance", "feed"} & set(inputs):
        arguments.usage_error("one of the arguments --attendance --feed is required with --bookings")


def _of_files(arguments: argparse.Namespace) -> Explanation:
    if arguments.connection is not None or names_table(arguments):
        raise AttendanceError(
            "explain reads files, no tables of a connection. Export the rows of the booking's day, give the files, and"
            " leave out --connection"
        )
    from airflow_provider_calcom.attendance.explain import explain

    with rule_inputs(arguments) as inputs:
        return explain(
            inputs.bookings,
            inputs.people,
            inputs.attendance,
            inputs.policy,
            booking_uid=arguments.booking,
            zone=arguments.zone,
            resources=resources_of(arguments),
        )


def _of_plan(folder: str, booking_uid: str) -> Explanation:
    from airflow_provider_calcom.attendance.explain.reasons import with_reasons
    from airflow_provider_calcom.no_shows.evidence import read_evidence
    from airflow_provider_calcom.no_shows.plan_files import read_summary

    place = folder_path(folder)
    summary = read_summary(place)
    found = next(iter(read_evidence(place, summary, booking_uids=[booking_uid])), None)
    if found is None:
        raise AttendanceError(_why_not_there(folder, summary, booking_uid))
    return with_reasons(found)


def _why_not_there(folder: str, summary: Summary, booking_uid: str) -> str:
    kept = summary.get("evidence")
    if not isinstance(kept, dict) or not kept.get("bookings"):
        why = "has no evidence: an older version or a SQL server made it"
    elif kept.get("left_out"):
        why = f"has evidence of {kept['bookings']} bookings, but not of {describe(booking_uid)}"
    else:
        why = f"has no booking {describe(booking_uid)}"
        return f"--plan: {shown_path(folder)} {why}. Check --booking"
    return f"--plan: {shown_path(folder)} {why}. Explain it from files: --bookings, --feed and --policy"
