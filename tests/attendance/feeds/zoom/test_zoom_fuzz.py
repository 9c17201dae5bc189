"""Whatever happens to a good feed of Zoom, nobody in it is lost without a word; see :mod:`fuzzing <.fuzzing>`.

What a feed of Zoom reveals of records that are missing: a page of the API says how many there are (``total_records``)
and whether another page follows; joining and leaving each reveal the other; a section's title of a webinar's
report is followed by a header. A table, and an export of the portal, reveals nothing of lines that are missing.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.attendance.feeds.zoom.words import WORDS
from tests.attendance.feeds.fuzzing import Good, Person, check_that_damage_loses_nobody

NUMBER = "81200001111"
KEY = f"zoom:{NUMBER}"
UUID = "4444AAAiAAAAAiAiAiiAii=="
STAY = ("2026-11-18T09:01:10.000Z", "2026-11-18T09:29:00.000Z")
PEOPLE = (
    Person("Olivia Owner", "olivia@clinic.example", None, (("2026-11-18T09:00:00.000Z", "2026-11-18T09:30:00.000Z"),)),
    Person("Ann Archer", "ann@example.org", None, (STAY, ("2026-11-18T09:00:40.000Z", "2026-11-18T09:01:10.000Z"))),
    Person("Bob Baker", None, None, (STAY,)),
    Person(None, None, "+1 555 123 0000", (STAY,)),
)
ENGLISH = (
    *("name", "user_name", "user_email", "email", "join_time", "leave_time", "duration", "status", "id", "uuid"),
    *(
        "meeting_id",
        "registrant_email",
        "phone_number",
        "event",
        "event_ts",
        "participant",
        "object",
        "payload",
        "data",
    ),
    *("Name (Original Name)", "User Email", "Join Time", "Leave Time", "Duration (Minutes)", "Guest", "Topic"),
    *("In Waiting Room", "Attended", "Participants", "Meeting ID", "Host", "Host Email", "Total Duration (Minutes)"),
)


def participant(name: str, email: str, joined: str, left: str, seconds: int, **more: Any) -> dict[str, Any]:
    return {
        "id": "",
        "user_id": str(16778240 + len(name) * 1024 + int(joined.replace(":", ""))),
        "name": name,
        "user_email": email,
        "join_time": f"2026-11-18T{joined}Z",
        "leave_time": f"2026-11-18T{left}Z",
        "duration": seconds,
        "status": "in_meeting",
        **more,
    }


REPORT = [
    participant("Olivia Owner", "olivia@clinic.example", "09:00:00", "09:30:00", 1800, id="u1"),
    participant("Ann Archer", "ann@example.org", "09:00:40", "09:01:10", 30, status="in_waiting_room"),
    participant("Ann Archer", "ann@example.org", "09:01:10", "09:29:00", 1670, registrant_id="r1"),
    participant("Bob Baker", "", "09:01:10", "09:29:00", 1670),
    participant("+1 555 123 0000", "", "09:01:10", "09:29:00", 1670),
]
PAGE = {"page_count": 1, "page_size": 300, "total_records": 5, "next_page_token": ""}
DASHBOARD = [
    {
        "id": one["id"],
        "participant_uuid": f"P{one['user_id']}",
        "user_name": one["name"],
        "email": one["user_email"],
        "device": "Phone" if one["name"][0] == "+" else "Windows",
        **{name: one[name] for name in ("user_id", "join_time", "leave_time", "status")},
        "leave_reason": "left the meeting.",
        "in_room_participants": 1,
        "audio_call": [],
    }
    for one in REPORT
]
TABLE = [
    {
        "_airbyte_raw_id": f"0f2ac1b4-{at}",
        "_airbyte_generation_id": 3,
        "meeting_uuid": UUID,
        "meeting_id": int(NUMBER),
        **one,
    }
    for at, one in enumerate(REPORT)
]
WRAPPED = [{"_airbyte_ab_id": f"x{at}", "_airbyte_data": json.dumps(one)} for at, one in enumerate(TABLE)]


def milliseconds(time: str) -> int:
    return int(datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp() * 1000)


def events(*, is_flat: bool = False) -> list[dict[str, Any]]:
    """The webhooks of the report's stays, as sent or as a table of flat columns."""
    found = []
    for at, one in enumerate(REPORT):
        waited = one["status"] == "in_waiting_room"
        names = (
            ("participant_joined_waiting_room", "participant_left_waiting_room")
            if waited
            else ("participant_joined", "participant_left")
        )
        for name, time in zip(names, ("join_time", "leave_time"), strict=True):
            person = {
                "user_id": str(at),
                "user_name": one["name"],
                "email": one["user_email"],
                "participant_uuid": f"P{at}",
                "date_time" if waited else time: one[time],
            }
            meeting = {"id": NUMBER, "uuid": UUID, "topic": "Consult"}
            event = {"event": f"meeting.{name}", "event_ts": milliseconds(one[time])}
            if is_flat:
                flat = {f"payload_object_{key}": value for key, value in meeting.items()}
                person = {f"payload_object_participant_{key}": value for key, value in person.items()}
                found.append({**event, **flat, **person})
            else:
                found.append({**event, "payload": {"account_id": "A", "object": {**meeting, "participant": person}}})
    return found


def local(time: str) -> str:
    return f"11/18/2026 {time[11:19]} AM"


def lines(header: str, *, before: tuple[str, ...] = (), waiting: tuple[str, str] = ("Yes", "No")) -> list[list[str]]:
    """The lines of an export, whose account is in UTC."""
    return [
        header.split(","),
        *(
            [
                *before,
                one["name"],
                one["user_email"],
                local(one["join_time"]),
                local(one["leave_time"]),
                str(-(-one["duration"] // 60)),
                waiting[0],
                waiting[one["status"] == "in_meeting"],
            ]
            for one in REPORT
        ),
    ]


EXPORT = lines(
    "Name (Original Name),User Email,Join Time,Leave Time,Duration (Minutes),Guest,In Waiting Room",
)
BLOCK = [
    ["Meeting ID", "Topic", "Start Time", "End Time", "User Email", "Duration (Minutes)", "Participants"],
    ["812 0000 1111", "Consult", "11/18/2026 09:00:00 AM", "11/18/2026 09:30:00 AM", "olga@clinic.example", "30", "5"],
    [],
]
MEETINGS = lines(
    "Topic,Meeting ID,User Name,User Email,Department,Start Time,End Time,Duration (Minutes),Participants,"
    "Name (Original Name),User Email,Join Time,Leave Time,Duration (Minutes),Guest,In Waiting Room",
    before=(
        *("Consult", "812 0000 1111", "Olga Other", "olga@clinic.example", ""),
        *("11/18/2026 09:00:00 AM", "11/18/2026 09:30:00 AM", "30", "5"),
    ),
)
KOREAN = lines("이름(원래 이름),사용자 이메일,참가 시간,나간 시간,기간(분),게스트,대기실에서", waiting=("예", "아니요"))
WEBINAR = [
    ["Attendee Report", ""],
    ["Report Generated:", "11/18/2026 08:00 PM"],
    ["Topic", "Webinar ID", "Actual Start Time"],
    ["Consult", "812 0000 1111", "11/18/2026 09:00 AM"],
    ["Host Details", ""],
    ["Attended", "User Name (Original Name)", "Email", "Join Time", "Leave Time", "Time in Session (minutes)"],
    ["Yes", *EXPORT[1][:5]],
    ["Attendee Details", ""],
    ["Attended", "User Name (Original Name)", "Email", "Join Time", "Leave Time", "Time in Session (minutes)"],
    *(["Yes", *line[:5]] for line in EXPORT[3:5]),
    ["No", "Carl Clark", "carl@example.net", "--", "--", "--"],
]
LOCAL = {"zone": "UTC", "date_format": "month_first"}
OF_MEETING = {**LOCAL, "conference_key": NUMBER}
LANGUAGES = tuple(words[-1] for words in WORDS.values())
NOT_BY_PHONE = PEOPLE[:3]


def good(source: Any, **more: Any) -> Good:
    return Good("zoom", source, **{"people": PEOPLE, "meeting": KEY, "words": ENGLISH, **more})


def export(source: Any, **more: Any) -> Good:
    return good(source, **{"ending": "csv", "options": OF_MEETING, "words": (*ENGLISH, *LANGUAGES), **more})


IN_TOKYO = [[cell.replace(" 09:", " 06:").replace(" AM", " PM") for cell in line] for line in EXPORT]

GOOD = {
    "report": good({**PAGE, "meeting_id": NUMBER, "participants": REPORT}, is_counted=True),
    "pages": good(
        [
            {**PAGE, "page_count": 2, "page_size": 3, "next_page_token": "abc", "participants": REPORT[:3]},
            {**PAGE, "page_count": 2, "page_size": 3, "participants": REPORT[3:]},
        ],
        is_counted=True,
        options={"conference_key": NUMBER},
    ),
    "dashboard": good({**PAGE, "id": NUMBER, "uuid": UUID, "participants": DASHBOARD}, is_counted=True),
    "table": good(TABLE),
    "wrapped": good(WRAPPED),
    "webhooks": good(events()),
    "table of webhooks": good(events(is_flat=True)),
    "export": export(EXPORT),
    "export in the afternoon": export(IN_TOKYO, options={**OF_MEETING, "zone": "Asia/Tokyo"}),
    "export with its meeting": export([*BLOCK, *EXPORT], options=LOCAL, strangers=("olga@clinic.example",)),
    "export by Excel": export(EXPORT, delimiter=";", encoding="utf-8-sig"),
    "export in Korean": export(KOREAN),
    "export of all meetings": export(
        MEETINGS, options=LOCAL, strangers=("olga@clinic.example", "Olga Other"), may_mislabel=False
    ),
    "workbook": export(EXPORT, ending="xlsx"),
    "webinar": export(
        WEBINAR, options=LOCAL, people=NOT_BY_PHONE, strangers=("carl@example.net", "Carl Clark"), may_mislabel=False
    ),
}


@pytest.mark.parametrize("shape", GOOD)
def test_damage_loses_nobody(shape: str, tmp_path: Path) -> None:
    """Of the whole feed everybody is a row; of a damaged one that, a doubt, or an error without anybody's name."""
    check_that_damage_loses_nobody(GOOD[shape], tmp_path, examples=15)
