"""The command `calcom-no-shows try`: what a policy would do with a vendor's files, without Airflow and any writing."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom._storage import folder_path
from airflow_provider_calcom.attendance.errors import AttendanceError, InvalidInput, PlanRefused
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.cli._calcom import CalComAccess, add_server
from airflow_provider_calcom.cli._command import add_command
from airflow_provider_calcom.cli._feeds import add_feed_options, add_feeds
from airflow_provider_calcom.cli._inputs import add_bookings, add_rules, plan_request, policy_text
from airflow_provider_calcom.cli._output import (
    open_report,
    print_lines,
    print_progress,
    print_text,
    terminal_width,
    wrapped_note,
)
from airflow_provider_calcom.cli.report import add_report_options

if TYPE_CHECKING:
    from airflow_provider_calcom.no_shows.plan_files import Summary
    from airflow_provider_calcom.no_shows.plan_request import FeedEntry, Paths, PlanRequest


def add_to(commands: Any) -> None:
    """Add the command to the parser's commands."""
    trial = add_command(
        commands,
        "try",
        _try,
        help="try a policy on a vendor's files, and open the report of who would be marked",
        about="Decide who was absent by bookings of Cal.com and the files of a vendor as they are, and write a plan and"
        " its report to a folder. Nothing is written to Cal.com, and nothing is read from it, but for the feed"
        " cal_video without a file.",
        example="calcom-no-shows try --bookings bookings.jsonl --feed zoom export.csv --policy policy.json --open\n"
        "calcom-no-shows try --bookings bookings.jsonl --feed zoom *.csv --feed teams report.csv \\\n"
        "    date_format=day_first --zone Europe/Berlin",
    )
    add_bookings(trial)
    add_feeds(trial, required=True)
    add_feed_options(trial)
    add_rules(trial)
    trial.add_argument("--guard-rails", metavar="FILE", help='limits as JSON, such as {"max_absent_share": 0.3}')
    trial.add_argument("--out", metavar="FOLDER", help="the plan's folder (default: a new one here, named by the date)")
    add_report_options(trial)
    add_server(trial)


def _try(arguments: argparse.Namespace) -> None:
    from airflow_provider_calcom.no_shows.plan_files import read_summary
    from airflow_provider_calcom.no_shows.planner import plan_no_shows

    request = _request(arguments)
    print_progress("Deciding")
    with CalComAccess(arguments) as calcom:
        try:
            summary = plan_no_shows(request, calcom)
        except PlanRefused:
            summary = read_summary(request.plan)
    print_lines(_lines(arguments, request, summary))
    _write_report(arguments, request.plan)
    if summary["state"] == "refused":
        raise PlanRefused(f"The plan is rejected by a guard rail: {'; '.join(summary['refused'])}")


def _request(arguments: argparse.Namespace) -> PlanRequest:
    from airflow_provider_calcom.no_shows.guard_rails import GuardRails, InvalidGuardRails

    rails = GuardRails.of(policy_text(arguments.guard_rails, "--guard-rails", InvalidGuardRails))
    policy = AttendancePolicy.of(policy_text(arguments.policy))
    _zone(arguments.zone)
    return plan_request(arguments, policy, may_fetch=True, plan=_plan_folder(arguments.out), guard_rails=rails)


def _zone(name: str | None) -> tzinfo:
    """Return the zone of times in the summary.

    :raises InvalidInput: if there is no such zone.
    """
    if name is None:
        return UTC
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise InvalidInput(f"--zone must be a time zone such as Europe/Berlin, but is {name[:40]!a}") from None


def _plan_folder(given: str | None) -> Any:
    """Return the folder of the plan: what was given, or a new one here.

    :raises AttendanceError: if it has a plan that was applied.
    """
    from airflow_provider_calcom.no_shows.plan_files import OUTCOMES_FILE

    if given is None:
        today = f"no-shows-{datetime.now().astimezone():%Y-%m-%d}"
        names = (Path(today if number == 1 else f"{today}-{number}") for number in range(1, 10_000))
        return next(path for path in names if not path.exists())
    folder = folder_path(given)
    if (folder / OUTCOMES_FILE).exists():
        raise AttendanceError(f"--out: {shown_path(folder)} has a plan that was applied. Name another folder")
    return folder


def _lines(arguments: argparse.Namespace, request: PlanRequest, summary: Summary) -> Iterator[str]:
    from airflow_provider_calcom.cli._matches import notes_on_matches
    from airflow_provider_calcom.cli._summary import summary_lines
    from airflow_provider_calcom.no_shows.plan_files import read_plan
    from airflow_provider_calcom.reports.masking import masked

    width = terminal_width()
    yield from summary_lines(
        summary,
        read_plan(request.plan, even_refused=True, summary=summary),
        width=width,
        zone=_zone(arguments.zone),
        shown_address=masked if arguments.mask_addresses else str,
    )
    bookings, feeds = cast("Paths", request.bookings), cast("list[FeedEntry]", request.attendance)
    notes = [*notes_on_matches(bookings, feeds, summary), *_advice(summary)]
    for note in notes:
        yield "\n" + wrapped_note(note, width)


def _advice(summary: Summary) -> Iterator[str]:
    """Yield what to do about the reasons that a first trial ends in."""
    undetermined = summary["outcomes"].get("undetermined", {})
    if undetermined.get("feed_incomplete"):
        yield (
            "Nobody is called absent until the attendance data is known to be complete, and by its rows it ends at"
            f" {summary['complete_until'] or 'no time at all'}. If the files are complete, state until when in the"
            ' policy: {"attendance_until": "2026-11-19T00:00:00Z"}.'
        )


def _write_report(arguments: argparse.Namespace, folder: Any) -> None:
    from airflow_provider_calcom.reports import write_report

    print_progress("Writing the report")
    path = write_report(folder, mask_addresses=arguments.mask_addresses)
    why = f"calcom-no-shows explain --plan {shown_path(folder)} --booking UID"
    print_text(f"\nPlan    {shown_path(folder)}\nReport  {shown_path(path)}\nWhy     {why}\n")
    if arguments.open:
        open_report(path)
