"""Whatever happens to a good feed of Webex, nobody in it is lost without a word; see :mod:`fuzzing <.fuzzing>`.

What a feed of Webex reveals of what is missing: a participant's own first and last time reveal devices that are
missing. That a page of participants, or a report, lacks one of them shows nowhere but in the header ``Link``, which
answers do not hold.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.attendance.feeds.fuzzing import Good, Person, check_that_damage_loses_nobody

NUMBER = "25123456789"
KEY = f"webex:{NUMBER}"
STAY = ("2026-11-18T09:01:10.000Z", "2026-11-18T09:29:00.000Z")
EARLIER = ("2026-11-18T08:30:00.000Z", "2026-11-18T08:31:00.000Z")
PHONE = "+15551230000"
PEOPLE = (
    Person("Olivia Owner", "olivia@clinic.example", None, (STAY,)),
    Person("Ann Archer", "ann@example.org", None, (STAY, EARLIER)),
    Person("Bob Baker", None, None, (STAY,)),
    Person(None, None, PHONE, (STAY,)),
)
ONCE = tuple(Person(who.name, who.email, who.phone, (STAY,)) for who in PEOPLE)


def device(joined: str, left: str, phone: str | None) -> dict[str, Any]:
    return {
        "correlationId": "8ccced6c-b812-4dff-a5dd-4c5c28f8d47d",
        "deviceType": "mac",
        "audioType": "pstn" if phone else "voip",
        "joinedTime": joined,
        "leftTime": left,
        "callType": "callIn",
        "phoneNumber": phone or "",
    }


def participant(at: int, who: Person) -> dict[str, Any]:
    stays = who.stays[::-1]
    return {
        "id": f"560d7b784f5143e3be2fc3064a5c4999_3c2e2338-e950-43bf-b588-573773ee43d{at}",
        "host": at == 0,
        "coHost": False,
        "spaceModerator": False,
        "email": who.email or "",
        "displayName": who.name or "Call-in User_1",
        "invitee": True,
        "muted": False,
        "video": "off",
        "state": "end",
        "joinedTime": stays[0][0],
        "leftTime": stays[-1][1],
        "siteUrl": "acme.webex.com",
        "meetingId": "3a688f62840346e8b87dde2b50703511_I_197977258267247872",
        "hostEmail": "olga@clinic.example",
        "devices": [device(str(joined), str(left), who.phone) for joined, left in stays],
    }


def attendee(who: Person) -> dict[str, Any]:
    return {
        "meetingId": "089b137c3cf34b578896941e2d49dfe8_I_146987372776523573",
        "meetingNumber": NUMBER,
        "meetingTitle": "Consult",
        "displayName": who.name or "Call-in User_1",
        "email": who.email or "",
        "joinedTime": "2026-11-18T17:01:10+08:00",
        "leftTime": "2026-11-18T17:29:00+08:00",
        "duration": 28,
        "participantType": "ATTENDEE",
        "ipAddress": "192.0.2.1",
        "clientAgent": "WINDOWS,IE",
        "company": "Example",
        "phoneNumber": who.phone or "",
        "city": "San Jose",
        "state": "CA",
        "country": "US",
        "registered": False,
        "invited": True,
    }


def report(header: str) -> list[list[str]]:
    """A report of the site, whose times are formulas and whose local zone is UTC."""
    joined, left = '="2026-11-18 09:01:10"', '="2026-11-18 09:29:00"'
    return [
        header.split(","),
        *(
            ["Consult", '="2026-11-18 09:00:00"', who.name or PHONE, *f"{who.name or ''} ".split(" ")[:2], "Attendee",
             who.email or "", joined, left, "28 mins", "Desktop app"]
            for who in PEOPLE
        ),
    ]  # fmt: skip


ENGLISH = report(
    "Meeting Name,Meeting Start Time,Display Name,First Name,Last Name,Role,Attendee Email,Join Time,Leave Time,"
    "Attendance Duration,Connection Type"
)
PORTUGUESE = report(
    "Nome da reunião,Data de início da reunião,Nome de exibição,Nome,Sobrenome,Função,E-mail do convidado,"
    "Hora da entrada,Hora da saída,Duração da participação,Tipo de conexão"
)
WORDS = (
    "email",
    "displayName",
    "joinedTime",
    "leftTime",
    "devices",
    "items",
    "state",
    "phoneNumber",
    "Name",
    "duration",
)
OF_MEETING = {"zone": "UTC", "conference_key": NUMBER}
PARTICIPANTS = [participant(at, who) for at, who in enumerate(PEOPLE)]


def good(source: Any, **more: Any) -> Good:
    return Good("webex", source, **{"people": PEOPLE, "meeting": KEY, "words": WORDS, **more})


def of_report(source: Any, **more: Any) -> Good:
    # A meeting's own times are of the same form as somebody's, so that a swap of the two can't be seen.
    return good(
        source,
        **{"people": ONCE, "ending": "csv", "options": OF_MEETING, "may_mistime": True, "may_mislabel": False, **more},
    )


HOSTS = {"strangers": ("olga@clinic.example",), "may_mislabel": False}
GOOD = {
    "participants": good({"meetingNumber": NUMBER, "items": PARTICIPANTS}, **HOSTS),
    "pages": good(
        [{"items": PARTICIPANTS[:2]}, {"items": PARTICIPANTS[2:]}], options={"conference_key": NUMBER}, **HOSTS
    ),
    "wrapped": good(
        [{"_airbyte_raw_id": str(at), "_airbyte_data": json.dumps(one)} for at, one in enumerate(PARTICIPANTS)],
        options={"conference_keys": {PARTICIPANTS[0]["meetingId"]: NUMBER}},
        **HOSTS,
    ),
    "attendees": good({"items": [attendee(who) for who in PEOPLE]}, people=ONCE, may_mistime=True, may_mislabel=False),
    "report": of_report(ENGLISH, delimiter="\t", encoding="utf-16"),
    "report in Portuguese": of_report(PORTUGUESE, delimiter=";", encoding="utf-8-sig"),
    "workbook": of_report(ENGLISH, ending="xlsx"),
}


@pytest.mark.parametrize("shape", GOOD)
def test_damage_loses_nobody(shape: str, tmp_path: Path) -> None:
    """Of the whole feed everybody is a row; of a damaged one that, a doubt, or an error without anybody's name."""
    check_that_damage_loses_nobody(GOOD[shape], tmp_path, examples=12)
