"""Feeds of Microsoft Teams to which something happened: nobody who was there may be lost without a word."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.attendance.feeds import AttendanceRow, FeedError, read_feed
from tests.attendance.feeds.fuzzing import part_of

NINE, HALF_PAST = "2026-11-18T09:02", "2026-11-18T09:28"
NAMES = ("Ann Archer", "Bob Baker")
PHONE = "+15551230000"


def record(name: str, identity: dict[str, Any], *minutes: tuple[str, str, int]) -> dict[str, Any]:
    """An attendance record with these stays, each in hours and minutes, and seconds."""
    return {
        "id": name,
        "emailAddress": f"{name.split(maxsplit=1)[0].lower()}@example.org" if name else None,
        "totalAttendanceInSeconds": sum(seconds for _, _, seconds in minutes),
        "role": "Attendee",
        "identity": identity,
        "attendanceIntervals": [
            {
                "joinDateTime": f"2026-11-18T{joined}:00Z",
                "leaveDateTime": f"2026-11-18T{left}:00Z",
                "durationInSeconds": seconds,
            }
            for joined, left, seconds in minutes
        ],
    }


RECORDS = [
    record("Ann Archer", {"displayName": "Ann Archer"}, ("08:30", "08:31", 60), ("09:01", "09:30", 1740)),
    record("Bob Baker", {"guest": {"displayName": "Bob Baker (Guest)"}}, ("09:01", "09:30", 1740)),
    record("", {"phone": {"id": PHONE, "displayName": "+1 555 123 0000"}}, ("09:01", "09:30", 1740)),
]
REPORT = {
    "id": "r1",
    "totalParticipantCount": 3,
    "meetingStartDateTime": "2026-11-18T08:29:00Z",
    "meetingEndDateTime": "2026-11-18T09:31:00Z",
    "attendanceRecords": RECORDS,
}
MEETING = {
    "joinWebUrl": "https://teams.microsoft.com/l/meetup-join/19%3ax%40thread.v2/0",
    "attendanceReports": [REPORT],
}
PAGE = {"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#attendanceRecords", "value": RECORDS}
FLAT = [
    {
        "email_address": one["emailAddress"],
        "identity_display_name": one["identity"].get("displayName"),
        "identity_guest_display_name": one["identity"].get("guest", {}).get("displayName"),
        "identity_phone_id": one["identity"].get("phone", {}).get("id"),
        "join_date_time": stay["joinDateTime"],
        "leave_date_time": stay["leaveDateTime"],
        "duration_in_seconds": stay["durationInSeconds"],
    }
    for one in RECORDS
    for stay in one["attendanceIntervals"]
]


def is_lost(source: Any, **options: Any) -> bool:
    """Return whether somebody is not seen at the meeting, without an error and without a row that creates a doubt."""
    options = {"max_unreadable": 0, "conference_key": "19:x@thread.v2", **options}
    try:
        rows = list(read_feed("teams", source, **options))
    except FeedError:
        return False
    there = [row for row in rows if (row["joined_at"] or "~") <= HALF_PAST and (row["left_at"] or "~") >= NINE]
    if any(is_doubt(row) for row in there):
        return False
    seen = {row["name"] for row in there} | {(row["email"] or "").partition("@")[0] for row in there}
    phones = {(row["phone"] or "").replace(" ", "") for row in there}
    return PHONE not in phones or any(not {name, name.split()[0].lower()} & seen for name in NAMES)


def is_doubt(row: AttendanceRow) -> bool:
    """Return whether a row is of somebody who may be any of those that are expected."""
    known = row["name"] in NAMES or bool(row["email"]) or bool(row["phone"])
    return row["kind"] == "lobby" or not known


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything within a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*place, key)
        yield from places(one, (*place, key))


def damaged(document: Any) -> Iterator[tuple[str, Any]]:
    """The document with one thing in it removed, renamed, or replaced."""
    values: dict[str, Any] = {"null": None, "text": "Zoe Zander", "number": 7, "list": [], "object": {}, "blank": ""}
    for place in places(document):
        for what in ("removed", "renamed", *values):
            copied = copy.deepcopy(document)
            inner = copied
            for key in place[:-1]:
                inner = inner[key]
            if what == "removed":
                del inner[place[-1]]
            elif what == "renamed" and isinstance(inner, dict):
                inner[f"x{place[-1]}x"] = inner.pop(place[-1])
            elif what != "renamed":
                inner[place[-1]] = values[what]
            yield f"{what} {place}", copied


@pytest.mark.parametrize(
    ("document", "unseen"),
    [
        (REPORT, ()),
        # A whole report or record that is missing can't be seen in these; without rows of a meeting, nobody is absent.
        (MEETING, ["list ('attendanceReports',)", "removed ('attendanceReports', 0)"]),
        (PAGE, ["list ('value',)", *(f"removed ('value', {at})" for at in range(3))]),
        (FLAT, [f"{what} ({at},)" for what in ("removed", "list") for at in range(1, 4)]),
    ],
    ids=["report", "meeting", "page", "flat"],
)
def test_damaged_graph_response_loses_nobody(document: Any, unseen: Any) -> None:
    """Whatever is removed, renamed or of another type: an error, a doubt, or everybody is there."""
    assert not is_lost(document)
    assert [what for what, one in part_of(damaged(document)) if is_lost(one) and what not in unseen] == []


TAB = "\t"
REPORT_FILE = """\
1. Summary
Meeting title\tConsult
Attended participants\t3
Start time\t11/18/26, 8:30:00 AM
End time\t11/18/26, 10:31:00 AM

2. Participants
Name\tFirst Join\tLast Leave\tIn-Meeting Duration\tEmail\tRole
Ann Archer\t11/18/26, 8:30:00 AM\t11/18/26, 10:30:00 AM\t58m 15s\tann@example.org\tAttendee
Bob Baker (Guest)\t11/18/26, 9:01:10 AM\t11/18/26, 9:29:00 AM\t27m 50s\t\tAttendee
+1 555 123 0000\t11/18/26, 9:01:10 AM\t11/18/26, 9:29:00 AM\t27m 50s\t\tAttendee

3. In-Meeting Activities
Name\tJoin Time\tLeave Time\tDuration\tEmail\tRole
Ann Archer\t11/18/26, 8:30:00 AM\t11/18/26, 8:31:00 AM\t1m\tann@example.org\tAttendee
Ann Archer\t11/18/26, 9:01:10 AM\t11/18/26, 9:29:25 AM\t28m 15s\tann@example.org\tAttendee
Ann Archer\t11/18/26, 10:01:00 AM\t11/18/26, 10:30:00 AM\t29m\tann@example.org\tAttendee
Bob Baker (Guest)\t11/18/26, 9:01:10 AM\t11/18/26, 9:29:00 AM\t27m 50s\t\tAttendee
+1 555 123 0000\t11/18/26, 9:01:10 AM\t11/18/26, 9:29:00 AM\t27m 50s\t\tAttendee
"""


def damaged_text(text: str) -> Iterator[tuple[str, str]]:
    """The text with a line or a cell removed, a cell of another kind, or its end cut off."""
    lines = text.splitlines()
    for at, line in enumerate(lines):
        yield f"without line {at}", "\n".join(lines[:at] + lines[at + 1 :])
        yield f"cut at line {at}", "\n".join(lines[:at])
        for cell in range(len(line.split(TAB))):
            for new in (None, "", "Zoe Zander", "7", "1/1/0001, 9:00:00 AM"):
                cells = line.split(TAB)
                cells[cell : cell + 1] = [] if new is None else [new]
                yield f"line {at}, cell {cell}: {new}", "\n".join([*lines[:at], TAB.join(cells), *lines[at + 1 :]])
    for at in range(0, len(text), 11):
        yield f"cut at {at}", text[:at]


def without_columns(text: str) -> Iterator[tuple[str, str]]:
    """The text with a column of one of its tables removed, emptied or renamed."""
    lines = text.splitlines()
    for header, line in enumerate(lines):
        if not line.startswith("Name"):
            continue
        last = next((at for at in range(header, len(lines)) if not lines[at]), len(lines))
        for column in range(len(line.split(TAB))):
            for what in ("removed", "emptied", "renamed"):
                changed = [
                    TAB.join(changed_cells(one.split(TAB), column, what, is_header=at == header))
                    if header <= at < last
                    else one
                    for at, one in enumerate(lines)
                ]
                yield f"{what} column {column} of line {header}", "\n".join(changed)


def changed_cells(cells: list[str], column: int, what: str, *, is_header: bool) -> list[str]:
    if what == "removed":
        return cells[:column] + cells[column + 1 :]
    new = "Zzz" if what == "renamed" else ""
    return [*cells[:column], new, *cells[column + 1 :]] if is_header == (what == "renamed") else cells


def test_damaged_report_file_loses_nobody(tmp_path: Path) -> None:
    """Its summary counts the people, and its two lists check one another."""
    path = tmp_path / "report.csv"

    def loses(text: str) -> bool:
        path.write_text(text, encoding="utf-16")
        return is_lost(path, zone="UTC", date_format="month_first")

    assert not loses(REPORT_FILE)
    everything = part_of(chain(damaged_text(REPORT_FILE), without_columns(REPORT_FILE)))
    empty = {"cut at line 0", "cut at 0"}
    assert [what for what, text in everything if what not in empty and loses(text)] == []
