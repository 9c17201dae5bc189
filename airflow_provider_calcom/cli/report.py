"""The command `calcom-no-shows report`: write the report of a plan, or an overview over several plans."""

from __future__ import annotations

import argparse
from typing import Any

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom._storage import folder_path
from airflow_provider_calcom.cli._command import add_command
from airflow_provider_calcom.cli._output import open_report, written_file

_OVERVIEW = "no-shows-overview.html"


def add_to(commands: Any) -> None:
    """Add the command to the parser's commands."""
    report = add_command(
        commands,
        "report",
        _report,
        help="write a plan's report, or an overview over several plans",
        about="Write who would be marked, or was, and why, as a page for a browser. Of one plan it is report.html"
        f" beside the plan; of several it is an overview over time, {_OVERVIEW} in this folder.",
        example="calcom-no-shows report no-shows-2026-11-19 --open\ncalcom-no-shows report plans/2026-11-*",
    )
    report.add_argument("plan_folders", nargs="+", metavar="PLAN_FOLDER", help="the folder of a plan")
    add_report_options(report)
    report.add_argument("--out", metavar="FILE", help="write the page here instead")


def add_report_options(command: argparse.ArgumentParser) -> None:
    """Add the options of a report to a command."""
    command.add_argument("--mask-addresses", action="store_true", help="hide addresses and names, to show it to others")
    command.add_argument("--open", action="store_true", help="open the page in a browser")


def _report(arguments: argparse.Namespace) -> None:
    path = _write(arguments)
    print(shown_path(path))
    if arguments.open:
        open_report(path)


def _write(arguments: argparse.Namespace) -> Any:
    """Write the page, and return its path."""
    from airflow_provider_calcom.reports import write_overview, write_report
    from airflow_provider_calcom.reports.page import report_page

    folders, mask_addresses = arguments.plan_folders, arguments.mask_addresses
    if len(folders) > 1:
        return write_overview(folders, folder_path(arguments.out or _OVERVIEW), mask_addresses=mask_addresses)
    if arguments.out is None:
        return write_report(folders[0], mask_addresses=mask_addresses)
    page, path = report_page(folders[0], mask_addresses=mask_addresses), folder_path(arguments.out)
    with written_file(path) as part:
        part.write_text(page, encoding="utf-8", newline="\n")
    return path
