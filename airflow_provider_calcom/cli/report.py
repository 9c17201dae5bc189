"""The command `calcom-no-shows report`: write the report of a plan, or an overview over several plans."""

from __future__ import annotations

import argparse
from typing import Any

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom._storage import folder_path
from airflow_provider_calcom.cli._command import add_command
from airflow_provider_calcom.cli._output import open_report

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
    from airflow_provider_calcom import reports

    folders = [folder_path(folder) for folder in arguments.plan_folders]
    if len(folders) == 1:
        path = reports.write_report(folders[0], target=arguments.out, mask_addresses=arguments.mask_addresses)
    else:
        target = folder_path(arguments.out or _OVERVIEW)
        path = reports.write_overview(folders, target, mask_addresses=arguments.mask_addresses)
    print(shown_path(path))
    if arguments.open:
        open_report(path)
