"""Plan folders for the tests of reports: the day of a clinic on which everything happens, and large days."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow_provider_calcom.attendance.engine import Resources, deciding
from airflow_provider_calcom.attendance.errors import PlanRefused
from airflow_provider_calcom.no_shows.plan import Origin, write_plan
from airflow_provider_calcom.no_shows.plan_files import read_plan, read_summary, report_hash

Row = dict[str, Any]
Tables = tuple[list[Row], list[Row], list[Row]]

DAY = "2026-11-18"
POLICY: Row = {
    "as_of": "2026-11-19T06:00:00Z",
    "attendance_until": "2026-11-19T00:00:00Z",
    "internal_domains": ["clinic.example"],
}
PASSING: Row = {"max_absent_share": 1, "allow_nobody_present": True}
EVENT_TYPES = ("intro", "30min", "group-class")
HOSTS = {"olivia": "Olivia Owner", "otto": "Otto Other"}


def at(clock: str, day: str = DAY) -> str:
    return f"{day}T{clock}{':00' if len(clock) == 5 else ''}Z"


class Day:
    """Bookings, people and attendance of one day, added one by one."""

    def __init__(self, day: str = DAY) -> None:
        self.day = day
        self.bookings: list[Row] = []
        self.people: list[Row] = []
        self.attendance: list[Row] = []

    def booking(self, uid: str, start: str, end: str, host: str, *attendees: Row, **others: Any) -> None:
        """Add a booking with its host (a key of HOSTS) and attendees."""
        row = {"booking_uid": uid, "status": "accepted", "rescheduled_to_uid": None, "conference_key": f"zoom:{uid}"}
        self.bookings.append(row | {"start_at": at(start, self.day), "end_at": at(end, self.day)} | others)
        organizer = person(f"{host}@clinic.example", HOSTS.get(host, host.title()))
        for role, who in [("host", organizer), *(("attendee", one) for one in attendees)]:
            self.people.append({"booking_uid": uid, "role": role} | who)

    def seen(
        self, uid: str | None, name: str | None, email: str | None, joined: str, left: str | None, **others: Any
    ) -> None:
        """Add a row of attendance."""
        row = {"source": "zoom", "participant": None, "kind": "person", "booking_uid": None, "phone": None}
        row |= {"conference_key": f"zoom:{uid}" if uid else None, "name": name, "email": email}
        row |= {"joined_at": at(joined, self.day), "left_at": None if left is None else at(left, self.day)}
        self.attendance.append(row | others)

    def tables(self) -> Tables:
        return self.bookings, self.people, self.attendance


def person(email: str | None, name: str | None = None, **others: Any) -> Row:
    return {"email": email, "match_email": None, "name": name, "phone": None, "absent": False} | others


OLIVIA = ("Olivia Owner", "olivia@clinic.example")
OTTO = ("Otto Other", "otto@clinic.example")


def clinic_day(day: str = DAY) -> Day:
    """Return a day on which every kind of decision is made."""
    made = Day(day)
    made.booking("bk-bob", "08:00", "08:30", "olivia", person("bob@example.org", "Bob Barker"))
    made.seen("bk-bob", *OLIVIA, "07:58", "08:24")
    made.booking("bk-carol", "09:00", "09:30", "olivia", person("carol@example.org", "Carol Chen"))
    made.seen("bk-carol", *OLIVIA, "08:57", "09:31")
    made.seen("bk-carol", "Carol Chen", "carol@example.org", "09:03", "09:29")
    group = [
        person("dave@example.org", "Dave Diaz"),
        person("erin@example.org", "Erin Egan"),
        person("finn@example.org", "Finn Fox"),
    ]
    made.booking("bk-group", "10:00", "11:00", "otto", *group)
    made.seen("bk-group", *OTTO, "09:55", "11:02")
    made.seen("bk-group", "Dave Diaz", "dave@example.org", "10:01", "10:40")
    made.seen("bk-group", "Dave Diaz", "dave@example.org", "10:43", "11:00")
    made.seen("bk-group", "Otto's Notetaker (Otter.ai)", None, "10:00", "11:00")
    made.seen("bk-group", "Finn Fox", None, "10:12", "10:58")
    made.booking("bk-unknown", "11:00", "11:30", "olivia", person("gus@example.org", "Gus Gold"))
    made.seen("bk-unknown", *OLIVIA, "10:59", "11:30")
    made.seen("bk-unknown", "iPhone", None, "11:04", "11:28")
    made.booking("bk-lobby", "11:30", "12:00", "otto", person("hana@example.org", "Hana Hill"))
    made.seen("bk-lobby", *OTTO, "11:41", "12:00")
    made.seen("bk-lobby", "Hana Hill", "hana@example.org", "11:28", "11:36", kind="lobby")
    made.booking(
        "bk-shared",
        "13:00",
        "13:45",
        "olivia",
        person("ian@example.org", "Ian Ives"),
        person("jo@example.org", "Jo Jansen"),
    )
    made.seen("bk-shared", *OLIVIA, "12:58", "13:46")
    made.seen("bk-shared", "Ian Ives, Jo", "ian@example.org", "13:02", "13:44")
    made.booking("bk-phone", "14:00", "14:30", "otto", person("kim@example.org", "Kim Kerr", phone="+49 151 2345 6789"))
    made.seen("bk-phone", *OTTO, "13:59", "14:30")
    made.seen("bk-phone", None, None, "14:02", "14:29", phone="+49 (151) 2345-6789")
    made.booking("bk-empty", "14:30", "15:00", "otto", person("lea@example.org", "Lea Long"))
    made.booking(
        "bk-hostless",
        "15:00",
        "15:30",
        "otto",
        person("max@example.org", "Max Mint"),
        person("nia@example.org", "Nia North"),
    )
    made.seen("bk-hostless", "Max Mint", "max@example.org", "15:00", "15:18")
    made.booking(
        "bk-desk",
        "15:30",
        "16:00",
        "olivia",
        person("oda@example.org", "Oda Orr"),
        person("pia@example.org", "Pia Pohl"),
    )
    made.seen("bk-desk", *OLIVIA, "15:28", "16:00")
    made.seen(None, "Oda Orr", "oda@example.org", "15:31", None, kind="check_in", booking_uid="bk-desk", source="desk")
    made.booking("bk-late", "16:00", "16:30", "olivia", person("quin@example.org", "Quin Quay"))
    made.seen("bk-late", *OLIVIA, "15:58", "16:33")
    made.seen("bk-late", "Quin", "quin@example.org", "18:05", "18:25")
    made.booking("bk-was-marked", "16:30", "17:00", "otto", person("rosa@example.org", "Rosa Ruiz", absent=True))
    made.seen("bk-was-marked", *OTTO, "16:30", "17:00")
    made.seen("bk-was-marked", "Rosa Ruiz", "rosa@example.org", "16:37", None)
    made.booking("bk-cancelled", "17:00", "17:30", "otto", person("sam@example.org", "Sam Sun"), status="cancelled")
    made.booking("bk-tom", "17:30", "18:00", "olivia", person("tom@example.org", "Tom Tate"))
    made.seen("bk-tom", *OLIVIA, "17:29", "17:52")
    return made


def large_day(bookings: int) -> Tables:
    """Return many bookings: of ten attendees seven come, one does not, and two are in doubt."""
    made = Day()
    for number in range(bookings):
        uid, host = f"booking-{number:06d}", f"host{number % 40:02d}"
        name, email = f"Guest Number {number}", f"guest{number}@client.example"
        start, end = f"{8 + number % 10:02d}:00", f"{8 + number % 10:02d}:30"
        made.booking(uid, start, end, host, person(email, name))
        late = f"{start[:3]}{number % 17:02d}"
        made.seen(uid, host.title(), f"{host}@clinic.example", start, end)
        kind = number % 10
        if kind < 7:
            made.seen(uid, name, email, late, end)
        elif kind < 9:
            made.seen(uid, ("iPhone", "Galaxy")[kind - 7], None, late, end)
    return made.tables()


def plan_of(
    tables: Tables, folder: Path, *, policy: Row | None = None, rails: Row | None = PASSING, **options: Any
) -> Path:
    """Write the plan that the rules make of tables, even one that a guard rail rejects.

    :param policy: fields besides POLICY.
    :param options: of ``write_plan``.
    """
    bookings, people, _ = tables
    hosts = {row["booking_uid"]: row for row in people if row["role"] == "host"}
    folder.mkdir(parents=True, exist_ok=True)
    details = folder.parent / f"{folder.name}-details.jsonl"
    with details.open("w", encoding="utf-8") as file:
        for number, row in enumerate(bookings):
            host = hosts[row["booking_uid"]]
            line = {"booking_uid": row["booking_uid"], "event_type": EVENT_TYPES[number % len(EVENT_TYPES)]}
            file.write(json.dumps(line | {"host_email": host["email"], "host_name": host["name"]}) + "\n")
    starts = sorted(datetime.fromisoformat(row["start_at"]) for row in bookings)
    day = starts[0].replace(hour=0, minute=0)
    origin = Origin(day, day + timedelta(days=1), "https://app.cal.com/booking/{uid}", details)
    with deciding(*tables, POLICY | (policy or {}), resources=Resources(threads=2)) as decided, suppress(PlanRefused):
        write_plan(decided, folder, **{"rails": rails, "origin": origin, **options})
    details.unlink()
    return folder


def apply_outcomes(folder: Path, outcome: Callable[[int], tuple[str, str | None]], *, dry_run: bool = False) -> None:
    """Write the outcomes of a plan as ApplyNoShowsOperator does."""
    summary = read_summary(folder)
    name = "outcomes-dry-run.jsonl" if dry_run else "outcomes.jsonl"
    with (folder / name).open("w", encoding="utf-8") as file:
        for number, change in enumerate(read_plan(folder)):
            found, detail = outcome(number)
            line: Row = {"booking_uid": change.booking_uid, "role": change.role, "email": change.email}
            line |= {"from": change.is_absent, "to": change.will_be_absent, "reason": change.reason}
            line |= {"start_at": change.start_at, "outcome": found, "detail": detail, "request_id": None}
            file.write(json.dumps(line | {"plan": summary["sha256"]}, ensure_ascii=False) + "\n")


def edit_summary(folder: Path, *, remove: Iterable[str] = (), **fields: Any) -> None:
    """Change or remove fields of a summary, and make its hash of what a report shows fit."""
    summary: Any = {**read_summary(folder), **fields}
    for name in remove:
        del summary[name]
    summary["report_sha256"] = report_hash(summary)
    (folder / "summary.json").write_text(json.dumps(summary, ensure_ascii=False), encoding="utf-8")
