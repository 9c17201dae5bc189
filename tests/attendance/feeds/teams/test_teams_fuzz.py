"""Whatever happens to a good feed of Teams, nobody in it is lost without a word; see :mod:`fuzzing <.fuzzing>`.

What a feed of Teams reveals of records that are missing: a report of Graph and the summary of a file count the people
(``totalParticipantCount``, ``Attended participants``), a record's total counts the seconds of its intervals, and the
two lists of a file check one another. A page of records, a table of intervals, and the lists of joinings and leavings
of 2020 and of live events reveal nothing of somebody who is missing as a whole; a leaving is revealed by its joining.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.attendance.feeds.teams.words import FIELDS
from tests.attendance.feeds.fuzzing import Good, Person, check_that_damage_loses_nobody
from tests.attendance.feeds.teams.test_teams_damage import FLAT, MEETING, PAGE, RECORDS, REPORT, REPORT_FILE

THREAD = "19:x@thread.v2"
KEY = f"teams:{THREAD}"
DAY = "2026-11-18T"


def person(name: str | None, email: str | None, phone: str | None, *stays: tuple[str, str], mark: str = "") -> Person:
    times = tuple((f"{DAY}{joined}.000Z", f"{DAY}{left}.000Z") for joined, left in stays)
    return Person(name, email, phone, times, (mark,) if mark else ())


BY_GRAPH = (
    person("Ann Archer", "ann@example.org", None, ("09:01:00", "09:30:00"), ("08:30:00", "08:31:00")),
    person("Bob Baker", "bob@example.org", None, ("09:01:00", "09:30:00")),
    person(None, None, "+15551230000", ("09:01:00", "09:30:00"), mark="+1 555 123 0000"),
)
BY_FILE = (
    person(
        *("Ann Archer", "ann@example.org", None),
        *(("09:01:10", "09:29:25"), ("08:30:00", "08:31:00"), ("10:01:00", "10:30:00")),
    ),
    person("Bob Baker", None, None, ("09:01:10", "09:29:00")),
    person(None, None, "+1 555 123 0000", ("09:01:10", "09:29:00")),
)
GRAPH_WORDS = (
    *("attendanceIntervals", "joinDateTime", "leaveDateTime", "durationInSeconds", "emailAddress", "identity", "value"),
    *("displayName", "guest", "user", "phone", "attendanceRecords", "totalAttendanceInSeconds", "email_address"),
    *("totalParticipantCount", "meetingStartDateTime", "meetingEndDateTime", "id", "@odata.nextLink", "application"),
)
FILE_WORDS = tuple(dict.fromkeys(word for names in FIELDS.values() for word in (names[0], names[-1])))


def table(text: str) -> list[list[str]]:
    return [line.split("\t") if line else [] for line in text.splitlines()]


def of_graph(name: str, identity: dict[str, Any], email: str | None = None) -> dict[str, Any]:
    """A record in the shape of Microsoft's examples, with one stay."""
    stay = {"joinDateTime": f"{DAY}09:01:00.1234567Z", "leaveDateTime": f"{DAY}09:30:00Z", "durationInSeconds": 1739}
    return {
        "id": f"id of {name}",
        "emailAddress": email,
        "totalAttendanceInSeconds": 1739,
        "role": "Presenter",
        "registrationId": None,
        "identity": {"displayName": name, **identity},
        "attendanceIntervals": [stay],
    }


USER = {
    "@odata.type": "#microsoft.graph.communicationsUserIdentity",
    "id": "dc17674c-81d9-4adb-bfb2-8f6a442e4623",
    "tenantId": "909c6581-5130-43e9-88f3-fcb3582cde38",
}
WHOLE_STAY = ("09:01:00", "09:30:00")
AS_DOCUMENTED = [
    of_graph("Ann Archer", USER, "ann@example.org"),
    of_graph("Bob Baker", {"id": None, "tenantId": None}),
    of_graph("Cleo Cook", {"user": {"id": "b1", "email": "cleo@example.net"}}),
]
REPORTS = {
    "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#attendanceReports",
    "value": [{**REPORT, "attendanceRecords": AS_DOCUMENTED}],
}
DOCUMENTED = (
    person("Ann Archer", "ann@example.org", None, WHOLE_STAY),
    person("Bob Baker", None, None, WHOLE_STAY),
    person("Cleo Cook", "cleo@example.net", None, WHOLE_STAY),
)
REPORT_LINES = table(REPORT_FILE)
IN_TOKYO = table(REPORT_FILE.replace(" 8:", " 5:").replace(" 9:", " 6:").replace(" 10:", " 7:").replace(" AM", " PM"))
PARTICIPANTS_ALONE = REPORT_LINES[:11]
IN_GERMAN = table(
    REPORT_FILE.replace("1. Summary", "1. Zusammenfassung")
    .replace("Attended participants", "Teilnehmende")
    .replace("2. Participants", "2. Teilnehmer")
    .replace("3. In-Meeting Activities", "3. Aktivitäten in der Besprechung")
    .replace("Name\tFirst Join\tLast Leave\tIn-Meeting Duration\tEmail\tRole",
             "Name\tErster Beitritt\tLetztes Verlassen\tDauer der Besprechung\tE-Mail-Adresse\tRolle")
    .replace("Name\tJoin Time\tLeave Time\tDuration\tEmail\tRole",
             "Name\tBeitrittszeit\tAustrittszeit\tDauer\tE-Mail-Adresse\tRolle")
)  # fmt: skip
OF_2021 = [
    ["Meeting Summary"],
    ["Total Number of Participants", "3"],
    ["Meeting Title", "Consult"],
    ["Meeting Start Time", "11/18/2026, 8:30:00 AM"],
    ["Meeting End Time", "11/18/2026, 10:31:00 AM"],
    [],
    ["Full Name", "Join Time", "Leave Time", "Duration", "Email", "Role", "Participant ID (UPN)"],
    *([*line, line[4]] for line in REPORT_LINES[14:]),
]
OF_2020 = [
    ["Full Name", "User Action", "Timestamp"],
    *(
        [line[0], action, line[at]]
        for line in REPORT_LINES[14:]
        for action, at in (("Joined before" if line[0][0] == "A" else "Joined", 1), ("Left", 2))
    ),
]
LIVE_EVENT = [
    ["Session Id", "Participant Id", "Full Name", "UserAgent", "UTC Event Timestamp", "Action", "Role"],
    *(
        [f"s{number}", f"p{line[0][:1]}", line[0], "Mozilla", line[at], action, "Attendee"]
        for number, line in enumerate(REPORT_LINES[14:])
        for action, at in (("Joined", 1), ("Left", 2))
    ),
]


def graph(source: Any, people: tuple[Person, ...] = BY_GRAPH, **more: Any) -> Good:
    options = {"conference_key": THREAD}
    return Good("teams", source, people, KEY, options, words=GRAPH_WORDS, **more)


def file(source: Any, *, zone: str = "UTC", **more: Any) -> Good:
    options = {"conference_key": THREAD, "zone": zone, "date_format": "month_first"}
    as_written = {"ending": "csv", "delimiter": "\t", "encoding": "utf-16", "words": FILE_WORDS, **more}
    return Good("teams", source, BY_FILE, KEY, options, **as_written)


GOOD = {
    "report": graph(REPORT, is_counted=True),
    "meeting": graph(MEETING),
    "reports as documented": graph(REPORTS, DOCUMENTED, is_counted=False),
    "page": graph(PAGE),
    "counted page": graph({**PAGE, "@odata.count": len(RECORDS)}, is_counted=True),
    "table of intervals": graph(FLAT),
    "file": file(REPORT_LINES, is_counted=True),
    "file of the afternoon": file(IN_TOKYO, is_counted=True, zone="Asia/Tokyo"),
    "file without activities": file(PARTICIPANTS_ALONE, is_counted=True),
    "file in German": file(IN_GERMAN, is_counted=True),
    "file by Excel": file(REPORT_LINES, delimiter=";", encoding="utf-8-sig", is_counted=True),
    "workbook": file(REPORT_LINES, ending="xlsx", is_counted=True),
    "file of 2021": file(OF_2021),
    "list of 2020": file(OF_2020),
    "live event": file(LIVE_EVENT, delimiter=",", encoding="utf-8"),
}


@pytest.mark.parametrize("shape", GOOD)
def test_damage_loses_nobody(shape: str, tmp_path: Path) -> None:
    """Of the whole feed everybody is a row; of a damaged one that, a doubt, or an error without anybody's name."""
    check_that_damage_loses_nobody(GOOD[shape], tmp_path, examples=15)
