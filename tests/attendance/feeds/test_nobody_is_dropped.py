"""Whatever happens to one field of a good feed, nobody in it is lost without a word.

Each field of each record of a Meet, Webex or Cal Video feed is left out, renamed, and made something else. Then the
feed is refused, or there are at least as many rows of the meeting as before, or a doubt: a row of kind lobby, or no row
of the meeting at all, which by the rules is not evidence. A list of records without one of them looks like one
in which there were no more.
"""

from __future__ import annotations

import copy
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.attendance.feeds import FeedError, read_feed
from tests.attendance.feeds.fuzzing import part_of
from tests.attendance.feeds.google_meet.test_google_meet import ADA, WHOLE, call_ended, participant
from tests.attendance.feeds.google_meet.test_google_meet_report import DATED, TIMES_OF_DAY, WITH_BLOCK
from tests.attendance.feeds.test_cal_video import GUEST, of_booking, person, session
from tests.attendance.feeds.test_webex import ATTENDEE, DEVICE, PARTICIPANT, REPORT

RECORDS = ("items", "participants", "sessions")
OTHERS: tuple[Any, ...] = (None, "", [], {}, "zz", -1, True, ["x"], "1970-01-01T00:00:00.000Z", "0001-01-01T00:00:00Z")
CELLS = ("", "zz", "-1", "1970-01-01 00:00:00", "0001-01-01T00:00:00Z")
ON_ONE_DEVICE = {**PARTICIPANT, "leftTime": DEVICE["leftTime"], "devices": [DEVICE]}
HOST = {"signedinUser": {"user": "users/7", "displayName": "Hanna Host"}}
ROW_OF_BIGQUERY = {
    "time_usec": 1768473041830000,
    "event_name": "call_ended",
    "record_type": "meet",
    "meet": {
        "display_name": "Ada Lovelace",
        "duration_seconds": 1800,
        "identifier": "ada@example.com",
        "identifier_type": "email_address",
        "meeting_code": "WKTIMXIVUK",
    },
}
GOOD: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "audit log": (
        "google_meet",
        {"kind": "admin#reports#activities", "items": [call_ended(identifier="host@acme.example"), call_ended()]},
        {},
    ),
    "export to BigQuery": ("google_meet", [{**ROW_OF_BIGQUERY, "time_usec": 1768473000000000}, ROW_OF_BIGQUERY], {}),
    "participants": (
        "google_meet",
        {"participants": [participant(HOST, WHOLE), participant(ADA, WHOLE)], "totalSize": 2},
        {"conference_keys": {"conferenceRecords/0aaa-1bbb": "wkt-imxi-vuk"}},
    ),
    "webex participants": (
        "webex",
        {"meetingNumber": "2512 345 6789", "items": [{**ON_ONE_DEVICE, "email": "host@acme.example"}, ON_ONE_DEVICE]},
        {},
    ),
    "webex attendees": ("webex", {"items": [{**ATTENDEE, "email": "host@acme.example"}, ATTENDEE]}, {}),
    "cal video": ("cal_video", [of_booking(session(person(), person(GUEST, "Ada")))], {}),
}


def rows_of_meetings(feed: str, source: Any, options: dict[str, Any]) -> int | None:
    """How many rows there are of meetings; None where the feed is refused or doubted."""
    try:
        rows = list(read_feed(feed, source, max_unreadable=0, **options))
    except FeedError:
        return None
    if any(row["kind"] == "lobby" for row in rows):
        return None
    return sum((row["conference_key"] or row["booking_uid"]) is not None for row in rows)


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all fields and entries of a document."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield (*path, key)
        yield from paths(value[key], (*path, key))


def changed(source: Any) -> Iterator[tuple[str, Any]]:
    """The documents with one field of a record changed, each with what was done."""
    for path in paths(source):
        *outer, key = path
        for other in (*OTHERS, ...):
            document = copy.deepcopy(source)
            place = document
            for one in outer:
                place = place[one]
            is_list = len(path) < 3 and (isinstance(key, int) or key in RECORDS)
            if other is not ... and not (other == [] and is_list):
                place[key] = other
            elif isinstance(key, str):
                place[f"x_{key}"] = place.pop(key)
            yield f"{path} is {other!r}", document


@pytest.mark.parametrize("shape", GOOD)
def test_a_changed_field_loses_nobody(shape: str) -> None:
    """Of a whole document in the vendor's shape."""
    feed, source, options = GOOD[shape]
    whole = rows_of_meetings(feed, source, options)
    assert whole is not None
    assert whole > 1
    for what, document in part_of(changed(source)):
        left = rows_of_meetings(feed, document, options)
        assert not left or left >= whole, what


def changed_tables(lines: list[list[str]]) -> Iterator[tuple[str, list[list[str]]]]:
    """Yield tables with a cell changed or removed, or a column removed, each with what was done."""
    for row, cells in enumerate(lines):
        for column in range(len(cells)):
            for cell in CELLS:
                changed_row = [*cells[:column], cell, *cells[column + 1 :]]
                yield f"row {row}, column {column} is {cell!r}", [*lines[:row], changed_row, *lines[row + 1 :]]
            shifted = [*cells[:column], *cells[column + 1 :]]
            yield f"row {row} lacks column {column}", [*lines[:row], shifted, *lines[row + 1 :]]
            yield (
                f"no row as wide as {row} has column {column}",
                [line[:column] + line[column + 1 :] if len(line) == len(cells) else line for line in lines],
            )


@pytest.mark.parametrize(
    ("feed", "text", "options"),
    [
        ("google_meet", DATED, {"zone": "UTC"}),
        ("google_meet", TIMES_OF_DAY, {"zone": "UTC", "date": "2026-01-15"}),
        ("google_meet", WITH_BLOCK, {"zone": "UTC"}),
        ("webex", REPORT, {"zone": "UTC"}),
    ],
)
def test_a_changed_cell_or_column_loses_nobody(tmp_path: Path, feed: str, text: str, options: dict[str, Any]) -> None:
    """Of a table; a cell may also be missing, so that those behind it are under another's header."""
    delimiter = "\t" if "\t" in text else ","
    lines = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    options = {**options, "conference_key": "2512 345 6789" if feed == "webex" else "abc-defg-hij"}

    def left_of(changed: list[list[str]]) -> int | None:
        path = tmp_path / "report.csv"
        with path.open("w", newline="") as file:
            csv.writer(file, delimiter=delimiter).writerows(changed)
        return rows_of_meetings(feed, path, options)

    whole = left_of(lines)
    assert whole
    for what, changed_lines in part_of(changed_tables(lines)):
        left = left_of(changed_lines)
        assert left is None or left >= whole, what
