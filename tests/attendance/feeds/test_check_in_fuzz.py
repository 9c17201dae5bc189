"""However good check-ins, joins and leaves, canonical rows and sessions are damaged, no loss of a person is silent.

See :mod:`fuzzing <.fuzzing>`.

What these reveal of what is missing: Cal Video counts the people who were there at one time (``maxParticipants``), and
joining and leaving each reveal the other. Other tables, and check-ins, reveal nothing of lines that are missing;
nor that a booking's uid or a meeting's key is another, because it may be any text; and a check-in whose time is null
says by it that nobody came.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.attendance.feeds.fuzzing import Good, Person, check_that_damage_loses_nobody

MEETING = "bk1"
BEGAN = 1_794_992_400
STAY = ("2026-11-18T09:01:00.000Z", "2026-11-18T09:29:00.000Z")
PHONE = "+15551230000"
NAMED = (
    Person("Olivia Owner", "olivia@clinic.example", None, (STAY,)),
    Person("Ann Archer", "ann@example.org", None, (STAY,)),
    Person("Bob Baker", None, None, (STAY,)),
)
PEOPLE = (*NAMED, Person(None, None, PHONE, (STAY,)))
NAMES = tuple(Person(who.name, None, None, (STAY,)) for who in NAMED)
DAY_FIRST = {"booking_uid": MEETING, "zone": "UTC", "date_format": "day_first"}


def table(header: str, *lines: str, people: tuple[Person, ...] = NAMED) -> list[list[str]]:
    """The lines of a table, with these for each of the people, in whose places are {name}, {email} and {phone}."""
    cells = [
        [cell.format(name=who.name or "", email=who.email or "", phone=who.phone or "") for cell in line.split("|")]
        for who in people
        for line in lines
    ]
    return [header.split("|"), *cells]


MOD_ZOOM = table(
    "ID number|Name|Email|Join time|Leave time|Duration", "17|{name}|{email}|18/11/26, 09:01|18/11/26, 09:29|28"
)
LOG = table(
    "Time|User full name|Affected user|Event context|Component|Event name|Origin",
    "18/11/26, 09:29:00|{name}|-|Consult|BigBlueButton|Meeting left|web",
    "18/11/26, 09:01:00|{name}|-|Consult|BigBlueButton|Meeting joined|web",
)
EXTENSION = table(
    "Participant Name|Email|Joined At|Left At|Duration|Rejoins|Status",
    "{name}|{email}|11/18/2026 09:01:00 AM|11/18/2026 09:29:00 AM|28m 0s|0|Left",
)
CLOCKS = table("First name|Last name|Email|Time joined|Time left", "{name}||{email}|09:01|09:29")
EVENTS = table("Name|Email|Time|Type", "{name}|{email}|2026-11-18 09:01|Join", "{name}|{email}|2026-11-18 09:29|Leave")
CANONICAL = table("email|name|phone|joined_at|left_at", "{email}|{name}|{phone}|" + "|".join(STAY), people=PEOPLE)
ROWS = [
    {
        "source": "desk",
        "kind": "person",
        "email": who.email,
        "name": who.name,
        "phone": who.phone,
        "joined_at": STAY[0],
        "left_at": STAY[1],
    }
    for who in PEOPLE
]
KIOSK = [{"mail": who.email, "who": who.name, "tel": who.phone, "scanned_at": "2026-11-18T09:01:00Z"} for who in PEOPLE]
COLUMNS = {"email": "mail", "name": "who", "phone": "tel", "time": "scanned_at"}


def session(people: tuple[Person, ...], **names: str) -> dict[str, Any]:
    """A session as Cal.com has it, or Daily, which has other names."""
    users = ("42", "2f1c7f1e-6f0a-4f4e-9d0b-0c9a7b1f6d2e", None)
    return {
        "id": "82b92a0b-52cf-4495-f1bf-4d58a98a99b7",
        "room": "room-3",
        names.get("startTime", "startTime"): BEGAN,
        "duration": 1800,
        "ongoing": False,
        names.get("maxParticipants", "maxParticipants"): len(people),
        "participants": [
            {
                names.get("userId", "userId"): user,
                names.get("userName", "userName"): who.name,
                names.get("joinTime", "joinTime"): BEGAN + 60,
                "duration": 1680,
            }
            for user, who in zip(users, people, strict=True)
        ],
    }


DAILY = {
    name: "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    for name in ("startTime", "maxParticipants", "userId", "userName", "joinTime")
}
WORDS = ("name", "email", "time", "date", "type", "action", "joined_at", "left_at", "duration", "phone", "first name")


def good(feed: str, source: Any, **more: Any) -> Good:
    return Good(feed, source, **{"people": NAMED, "meeting": MEETING, "words": WORDS, **more})


def of_table(feed: str, source: Any, **more: Any) -> Good:
    return good(feed, source, **{"ending": "csv", "options": {"booking_uid": MEETING, "zone": "UTC"}, **more})


def cal_video(source: Any, **more: Any) -> Good:
    return good("cal_video", source, people=NAMES, is_counted=True, may_mistime=True, may_mislabel=False, **more)


GOOD = {
    "kiosk": good("check_in", KIOSK, people=PEOPLE, options={"booking_uid": MEETING, "columns": COLUMNS}),
    "mod_zoom": of_table("check_in", MOD_ZOOM, options=DAY_FIRST, may_mistime=True),
    "log of Moodle": of_table("check_in", LOG, people=NAMES, options=DAY_FIRST),
    "extension": of_table("check_in", EXTENSION, options={**DAY_FIRST, "date_format": "month_first"}),
    "clocks": of_table("check_in", CLOCKS, options={**DAY_FIRST, "date": "2026-11-18"}, delimiter=";"),
    "events": of_table("check_in", EVENTS, encoding="utf-16"),
    "events in a workbook": of_table("check_in", EVENTS, ending="xlsx"),
    "canonical": of_table("canonical", CANONICAL, people=PEOPLE),
    "canonical rows": good("canonical", ROWS, people=PEOPLE, options={"booking_uid": MEETING}),
    "cal video": cal_video([{"booking_uid": MEETING, "sessions": [session(NAMED)]}], options={"booking_uid": MEETING}),
    "daily": cal_video(
        {"total_count": 1, "data": [session(NAMED, **DAILY)]}, options={"booking_uids": {"room-3": MEETING}}
    ),
}


@pytest.mark.parametrize("shape", GOOD)
def test_damage_loses_nobody(shape: str, tmp_path: Path) -> None:
    """Of the whole feed everybody is a row; of a damaged one that, a doubt, or an error without anybody's name."""
    check_that_damage_loses_nobody(GOOD[shape], tmp_path, examples=12)
