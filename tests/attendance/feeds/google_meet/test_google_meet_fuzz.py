"""Whatever happens to a good feed of Google Meet, nobody in it is lost without a word; see :mod:`fuzzing <.fuzzing>`.

What a feed of Meet reveals of what is missing: a page of the REST API says how many participants there are
(``totalSize``) and whether another page follows, and a participant's own first and last time reveal sessions that are
missing. The audit log and the reports reveal nothing of records that are missing. A length from which a beginning
follows may be any number, so that of the log's beginnings nothing is required.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.attendance.feeds.fuzzing import Good, Person, check_that_damage_loses_nobody

CODE = "abc-defg-hij"
KEY = "google_meet:abcdefghij"
JOINED, LEFT = "2026-11-18T09:01:10.000Z", "2026-11-18T09:29:00.000Z"
SECONDS = 27 * 60 + 50
EARLIER = ("2026-11-18T08:30:00.000Z", "2026-11-18T08:31:00.000Z")
STAY = (JOINED, LEFT)
PHONE = "+15551230000"
OLIVIA = Person("Olivia Owner", "olivia@clinic.example", None, (STAY,))
ANN = Person("Ann Archer", "ann@example.org", None, (STAY, EARLIER, (EARLIER[0], LEFT)))
BOB = Person("Bob Baker", None, None, (STAY,))
DIALLED = Person(None, None, PHONE, (STAY,))
PEOPLE = (OLIVIA, ANN, BOB, DIALLED)


def call(who: Person) -> dict[str, Any]:
    """What the log says of an endpoint that left."""
    kind = "email_address" if who.email else "phone_number" if who.phone else None
    return {
        "identifier_type": kind,
        "identifier": who.email or who.phone,
        "display_name": who.name,
        "duration_seconds": SECONDS,
        "organizer_email": "olga@clinic.example",
        "meeting_code": CODE.replace("-", "").upper(),
        "product_type": "meet",
        "calendar_event_id": "event1",
    }


def activity(who: Person) -> dict[str, Any]:
    parameters = [
        {"name": name, "intValue": str(value)} if isinstance(value, int) else {"name": name, "value": value}
        for name, value in call(who).items()
        if value is not None
    ]
    return {
        "kind": "admin#reports#activity",
        "id": {"time": LEFT, "applicationName": "meet", "customerId": "C1"},
        "actor": {"email": "olga@clinic.example", "profileId": "1"},
        "events": [{"type": "call", "name": "call_ended", "parameters": parameters}],
    }


def participant(at: int, who: Person, user: dict[str, Any]) -> dict[str, Any]:
    name = f"conferenceRecords/c1/participants/{at}"
    stays = who.stays[1::-1]
    return {
        "name": name,
        **user,
        "earliestStartTime": stays[0][0],
        "latestEndTime": LEFT,
        "participantSessions": [
            {"name": f"{name}/participantSessions/{number}", "startTime": joined, "endTime": left}
            for number, (joined, left) in enumerate(stays)
        ],
    }


PARTICIPANTS = [
    participant(1, OLIVIA, {"signedinUser": {"user": "users/11", "displayName": "Olivia Owner"}}),
    participant(2, ANN, {"signedinUser": {"user": "users/12", "displayName": "Ann Archer"}}),
    participant(3, BOB, {"anonymousUser": {"displayName": "Bob Baker"}}),
    participant(4, DIALLED, {"phoneUser": {"displayName": PHONE}}),
]
ROWS = [
    {
        "conference_record": "conferenceRecords/c1",
        "meeting_code": CODE,
        "signedin_user_user": one.get("signedinUser", {}).get("user"),
        "signedin_user_display_name": one.get("signedinUser", {}).get("displayName"),
        "anonymous_user_display_name": one.get("anonymousUser", {}).get("displayName"),
        "phone_user_display_name": one.get("phoneUser", {}).get("displayName"),
        "start_time": session["startTime"],
        "end_time": session["endTime"],
    }
    for one in PARTICIPANTS
    for session in one["participantSessions"]
]
BIGQUERY = [
    {
        "time_usec": 1_794_994_140_000_000,
        "email": "olga@clinic.example",
        "event_name": "call_ended",
        "record_type": "meet",
        "meet": call(who),
    }
    for who in PEOPLE
]
CONSOLE = [
    ["Date", "Event", "Description", "Meeting code", "Participant identifier", "Client type", "Organizer email",
     "Product type", "Duration (seconds)", "Participant name", "Calendar event ID", "Conference ID"],
    *(
        ["2026-11-18T10:29:00+01:00", "Endpoint left", "The endpoint left the video meeting", "ABCDEFGHIJ",
         who.email or who.phone or "", "Web", "olga@clinic.example", "Meet", str(SECONDS), who.name or "", "e1", "c1"]
        for who in PEOPLE
    ),
]  # fmt: skip


def report(header: str, joined: str, left: str) -> list[list[str]]:
    """A report with a name in one column or in two."""
    lines = []
    for who in PEOPLE:
        name = who.name or who.phone or ""
        names = [name] if header.startswith("Name") else f"{name} ".split(" ")[:2]
        lines.append([*names, who.email or "", "28m", joined, left])
    return [header.split(","), *lines]


DATED = report("Name,Email,Duration,Time joined,Time exited", "2026-11-18 09:01:10", "2026-11-18 09:29:00")
CLOCKS = report("First name,Last name,Email,Duration,Time joined,Time exited", "9:01:10", "9:29:00")
BLOCK = [
    ["Meeting title", "Date", "Start time", "End time"],
    ["Consult", "2026-11-18", "09:00", "09:30"],
    [],
    *report("Name,Email,Duration,Time joined,Time exited", "9:01:10", "9:29:00"),
]
SPANISH = report(
    "Nombre,Apellido,Correo electrónico,Duración,Hora a la que se unió,Hora a la que salió", "9:01:10", "9:29:00"
)
USERS = {"11": "olivia@clinic.example", "12": "ann@example.org"}
OF_MEETING = {"zone": "UTC", "conference_key": CODE}
WORDS = (
    *("display_name", "identifier", "duration_seconds", "email", "name", "events", "parameters", "items", "time"),
    *("signedinUser", "anonymousUser", "phoneUser", "displayName", "user", "startTime", "endTime", "meeting_code"),
    *("Name", "First name", "Email", "Duration", "Time joined", "Time exited", "Date", "Participant name"),
)


def good(source: Any, **more: Any) -> Good:
    return Good("google_meet", source, **{"people": PEOPLE, "meeting": KEY, "words": WORDS, **more})


def of_log(source: Any, **more: Any) -> Good:
    return good(source, may_mistime=True, may_mislabel=False, strangers=("olga@clinic.example",), **more)


def of_report(source: Any, **more: Any) -> Good:
    return good(source, **{"ending": "csv", "options": OF_MEETING, **more})


GOOD = {
    "audit log": of_log({"kind": "admin#reports#activities", "items": [activity(who) for who in PEOPLE]}),
    "wrapped": of_log([{"_airbyte_ab_id": who.name, "_airbyte_data": json.dumps(activity(who))} for who in PEOPLE]),
    "export to BigQuery": of_log(BIGQUERY),
    "console": of_log(CONSOLE, ending="csv"),
    "console by Excel": of_log(CONSOLE, ending="csv", delimiter=";", encoding="utf-8-sig"),
    "participants": good(
        {"participants": PARTICIPANTS, "totalSize": 4},
        is_counted=True,
        options={"addresses": USERS, "conference_keys": {"conferenceRecords/c1": CODE}},
    ),
    "pages": good(
        [{"participants": PARTICIPANTS[:2], "nextPageToken": "a"}, {"participants": PARTICIPANTS[2:]}],
        options={"addresses": USERS, "conference_key": CODE},
    ),
    "rows of sessions": good(ROWS, options={"addresses": USERS}),
    "report": of_report(DATED),
    "report of clocks": of_report(CLOCKS, options={**OF_MEETING, "date": "2026-11-18"}),
    "report with a block": of_report(BLOCK),
    "report in Spanish": of_report(SPANISH, options={**OF_MEETING, "date": "2026-11-18"}, encoding="utf-16"),
    "workbook": of_report(DATED, ending="xlsx", may_mistime=True),
}


@pytest.mark.parametrize("shape", GOOD)
def test_damage_loses_nobody(shape: str, tmp_path: Path) -> None:
    """Of the whole feed everybody is a row; of a damaged one that, a doubt, or an error without anybody's name."""
    check_that_damage_loses_nobody(GOOD[shape], tmp_path, examples=12)
