"""The command `calcom-no-shows bookings`: write Cal.com's bookings of some days to a file."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom._storage import folder_path
from airflow_provider_calcom.attendance.errors import AttendanceError
from airflow_provider_calcom.cli._calcom import KEY, CalComAccess, add_server
from airflow_provider_calcom.cli._command import add_command
from airflow_provider_calcom.cli._output import print_lines, print_progress, written_file

_STEP = 1_000


def add_to(commands: Any) -> None:
    """Add the command to the parser's commands."""
    bookings = add_command(
        commands,
        "bookings",
        _bookings,
        help="write Cal.com's bookings of some days to a file",
        about="Read all bookings that start within a span, and write them as JSON lines. The API key is read from the"
        f" environment variable {KEY}. Nothing is written to Cal.com.",
        example=f"read -rs {KEY} && export {KEY}\n"
        "calcom-no-shows bookings --after 2026-11-18 --before 2026-11-19 --zone Europe/Berlin --out bookings.jsonl",
    )
    bookings.add_argument("--after", required=True, metavar="TIME", help="bookings that start then or later")
    bookings.add_argument(
        "--before",
        required=True,
        metavar="TIME",
        help="bookings that start before then; both are days, such as 2026-11-18, or times, such as"
        " 2026-11-18T12:00:00Z",
    )
    bookings.add_argument("--zone", help="zone of days, such as Europe/Berlin (default UTC)")
    bookings.add_argument("--organization-id", type=_id, metavar="ID", help="list the bookings of this organisation")
    bookings.add_argument("--team-id", type=_id, metavar="ID", help="list the bookings of this team")
    bookings.add_argument("--out", metavar="FILE", help="the file; without it, standard output")
    add_server(bookings)


def _id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 12 and int(text)):
        raise argparse.ArgumentTypeError(f"{text[:20]!a} is not an id such as 7")
    return int(text)


def _bookings(arguments: argparse.Namespace) -> None:
    from airflow_provider_calcom.api.query import list_path

    path = list_path(arguments.organization_id, arguments.team_id)
    after, before = (_bound(f"--{name}", getattr(arguments, name), arguments.zone) for name in ("after", "before"))
    if after >= before:
        raise AttendanceError("--before must be later than --after: bookings are listed from the one to the other")
    with CalComAccess(arguments) as calcom:
        found = _with_progress(calcom.iterate_bookings(path=path, after_start=after, before_start=before))
        if arguments.out is None:
            # Escaped, because names could control the terminal.
            print_lines(json.dumps(booking) + "\n" for booking in found)
            return
        written = _write(arguments.out, found)
    print(f"{written} bookings written to {shown_path(arguments.out)}", file=sys.stderr)


def _bound(option: str, text: str, zone: str | None) -> datetime:
    from airflow_provider_calcom._timestamps import parse_timestamp_or_date
    from airflow_provider_calcom.api.arguments import parse_argument
    from airflow_provider_calcom.api.query import time_zone

    return parse_argument(option, parse_timestamp_or_date, text, time_zone(zone))


def _with_progress(bookings: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for number, booking in enumerate(bookings, start=1):
        if number % _STEP == 0:
            print_progress(f"{number} bookings")
        yield booking


def _write(target: str, bookings: Iterable[dict[str, Any]]) -> int:
    from airflow_provider_calcom.no_shows.booking_files import write_bookings

    with written_file(folder_path(target)) as part:
        return write_bookings(part, bookings)
