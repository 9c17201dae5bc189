"""Check-ins at a reception, in whichever columns they lie."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.attendance.feeds import FeedUnreadable, InvalidFeedOption, read_feed

RECORD = {"booking_uid": "uid1", "checked_in_at": "2026-01-15T10:00:03Z"}


def rows_of(source: Any, **options: Any) -> list[Any]:
    return list(read_feed("check_in", source, **options))


def test_a_check_in_is_an_instant() -> None:
    """It has a beginning and no end."""
    assert rows_of([{**RECORD, "email": "amy@example.com", "desk": 4}]) == [
        {
            "source": "check_in",
            "participant": None,
            "kind": "check_in",
            "booking_uid": "uid1",
            "conference_key": None,
            "email": "amy@example.com",
            "name": None,
            "phone": None,
            "joined_at": "2026-01-15T10:00:03.000Z",
            "left_at": None,
        }
    ]


def test_columns_are_named_by_the_user() -> None:
    """A warehouse has its own words; what is not named is looked for by its own name."""
    record = {
        "RESERVATION": "uid1",
        "guest": {"mail": "amy@example.com"},
        "TEL": 6505550100,
        "at": RECORD["checked_in_at"],
        "name": "Amy",
    }
    columns = {"booking_uid": "reservation", "email": "guest.mail", "phone": "tel", "checked_in_at": "at"}
    (row,) = rows_of([record], columns=columns)
    assert (row["booking_uid"], row["email"], row["phone"], row["name"]) == (
        "uid1",
        "amy@example.com",
        "6505550100",
        "Amy",
    )


def test_columns_name_only_what_there_is() -> None:
    """A misspelt field is an error that lists the fields."""
    with pytest.raises(InvalidFeedOption, match=r"columns names 'uid', but may name only booking_uid, .*checked_in_at"):
        rows_of([RECORD], columns={"uid": "booking_uid"})


@pytest.mark.parametrize(
    ("value", "options"),
    [
        ("2026-01-15T11:00:03+01:00", {}),
        (datetime(2026, 1, 15, 11, 0, 3, tzinfo=timezone(timedelta(hours=1))), {}),
        (datetime(2026, 1, 15, 11, 0, 3), {"zone": "Europe/Berlin"}),
        ("2026-01-15 11:00:03", {"zone": "Europe/Berlin"}),
        ("15.01.2026 11:00:03", {"zone": "Europe/Berlin"}),
        (1768471203, {"epoch": "s"}),
        ("1768471203", {"epoch": "s"}),
        (Decimal("1768471203"), {"epoch": "s"}),
        (1768471203000, {"epoch": "ms"}),
    ],
)
def test_times_in_every_dress(value: Any, options: dict[str, Any]) -> None:
    """Instants as they are, local times with a zone, and numbers where it is said of what."""
    assert rows_of([{**RECORD, "checked_in_at": value}], **options)[0]["joined_at"] == "2026-01-15T10:00:03.000Z"


@pytest.mark.parametrize(
    ("value", "options", "reason"),
    [
        (1768471203, {}, "option epoch"),
        ("1768471203", {}, "option epoch"),
        (1768471203000, {"epoch": "s"}, "not a number of seconds"),
        (1768471203, {"epoch": "ms"}, "not a number of milliseconds"),
        ("2026-01-15T10:00:03Z", {"epoch": "s"}, "not a number of seconds"),
        (True, {"epoch": "s"}, "not a number of seconds"),
        (datetime(2026, 1, 15, 11), {}, "zone"),
    ],
)
def test_a_time_that_would_have_to_be_guessed_is_unreadable(value: Any, options: dict[str, Any], reason: str) -> None:
    """The size of a number does not decide if it is seconds or milliseconds."""
    with pytest.raises(FeedUnreadable, match=reason):
        rows_of([{**RECORD, "checked_in_at": value}], **options)


def test_bookings_without_a_check_in_are_left_out() -> None:
    """An outer join of bookings and check-ins has a null there."""
    reading = read_feed("check_in", [RECORD, {**RECORD, "checked_in_at": None}, {**RECORD, "checked_in_at": ""}])
    assert len(list(reading)) == 1
    assert reading.report.skipped == {"not checked in": 2}


@pytest.mark.parametrize(
    ("record", "named"),
    [
        ({"booking_uid": "uid1"}, "lacks checked_in_at"),
        ({"checked_in_at": "2026-01-15T10:00:03Z", "name": "Amy Adams"}, "no booking_uid, email or phone"),
    ],
)
def test_a_check_in_of_nobody_is_unreadable(record: dict[str, Any], named: str) -> None:
    """Wrong column names must not look as if nobody came."""
    with pytest.raises(FeedUnreadable, match=named):
        rows_of([record])


def test_a_kiosks_file(tmp_path: Path) -> None:
    """Check-ins come as files, too, and for a single booking the caller names it."""
    path = tmp_path / "kiosk.csv"
    path.write_text("mail;time\namy@example.com;15.01.2026 11:00\n")
    columns = {"email": "mail", "checked_in_at": "time"}
    (row,) = rows_of(path, columns=columns, zone="Europe/Berlin", booking_uid="uid1")
    assert (row["booking_uid"], row["email"], row["joined_at"]) == (
        "uid1",
        "amy@example.com",
        "2026-01-15T10:00:00.000Z",
    )


def test_the_vendors_id_of_a_person_is_passed_on() -> None:
    """An id that the option ``columns`` names reaches the rules, which link a person's rows by it."""
    (row,) = rows_of([{**RECORD, "member": 17}], columns={"participant": "member"})
    assert row["participant"] == "17"


# Joining and leaving.


def read_text(folder: Path, text: str, **options: Any) -> list[tuple[Any, ...]]:
    path = folder / "list.csv"
    path.write_text(text, encoding="utf-8")
    rows = rows_of(path, zone="UTC", conference_key="room", max_unreadable=0, **options)
    return [(row["kind"], row["email"], row["name"], row["joined_at"], row["left_at"]) for row in rows]


def at(clock: str) -> str:
    return f"2026-11-18T{clock}:00.000Z"


def test_the_export_of_moodles_mod_zoom(tmp_path: Path) -> None:
    """Its times have a year of two digits, and its length is in whole minutes, though its name does not say so."""
    text = (
        "ID number,Name,Email,Join time,Leave time,Duration\n"
        '17,Amy Adams,amy@example.com,"18/11/26, 09:00","18/11/26, 09:30",30\n'
        ',Ben Best,,"18/11/26, 09:00",,20\n'
    )
    assert read_text(tmp_path, text, date_format="day_first", columns={"participant": "ID number"}) == [
        ("person", "amy@example.com", "Amy Adams", at("09:00"), at("09:30")),
        ("person", None, "Ben Best", at("09:00"), at("09:20")),
    ]


def test_moodles_log_of_joining_and_leaving(tmp_path: Path) -> None:
    """Two lines are a presence; what stays alone has one time, and a word of another language is an option."""
    text = (
        "Time,User full name,Affected user,Event context,Component,Event name,Description,Origin,IP address\n"
        '"18/11/26, 09:30:00",Amy Adams,-,c,BBB,{left},d,web,192.0.2.1\n'
        '"18/11/26, 09:00:00",Amy Adams,-,c,BBB,Meeting joined,d,web,192.0.2.1\n'
        '"18/11/26, 09:10:00",Ben Best,-,c,BBB,Meeting joined,d,web,192.0.2.2\n'
    )
    wanted = [
        ("person", None, "Amy Adams", at("09:00"), at("09:30")),
        ("person", None, "Ben Best", at("09:10"), None),
    ]
    assert read_text(tmp_path, text.format(left="Meeting left"), date_format="day_first") == wanted
    german = text.format(left="Meeting verlassen")
    assert read_text(tmp_path, german, date_format="day_first", left_words=["meeting verlassen"]) == wanted
    with pytest.raises(FeedUnreadable, match=r"column Event name: is neither a word for joining .*left_words"):
        read_text(tmp_path, german, date_format="day_first")


def test_pages_that_were_looked_at_are_left_out(tmp_path: Path) -> None:
    """Of Moodle's core; an event of another module may be somebody's presence."""
    text = "Time,User full name,Event name\n2026-11-18 09:00,Amy Adams,{}\n2026-11-18 09:01,Amy Adams,Meeting joined\n"
    assert read_text(tmp_path, text.format("Course module viewed"))[0][2:] == ("Amy Adams", at("09:01"), None)
    with pytest.raises(FeedUnreadable, match="neither a word for joining"):
        read_text(tmp_path, text.format("Clicked join meeting button"))


@pytest.mark.parametrize(
    "text",
    [
        "Email,Name,First Seen,Time in Call\namy@example.com,Amy Adams,2026-11-18 09:00,00:30:00\n",
        "email;name;joined;left\namy@example.com;Amy Adams;2026-11-18 09:00:00;2026-11-18 09:30:00\n",
        "Participant Name,Email,Joined At,Left At,Duration,Rejoins,Status\n"
        "Amy Adams,amy@example.com,11/18/2026 09:00:00 AM,11/18/2026 09:30:00 AM,30m 0s,0,Left\n",
        "Participant Name,Email,Joined At,Left At,Duration\n"
        "Amy Adams,amy@example.com,11/18/2026 9:00 AM,Still in meeting,30m 0s\n",
        "Attendance\n\nFirst name,Last name,Email,Time joined,Time left\nAmy,Adams,amy@example.com,09:00,09:30\n",
        "Name,Email,Time,Type\nAmy Adams,amy@example.com,2026-11-18 09:00,Join\n"
        "Amy Adams,amy@example.com,2026-11-18 09:30,Leave\n",
        "Name,Email,Date,Time left,Duration\nAmy Adams,amy@example.com,2026-11-18,09:30,30 min\n",
    ],
)
def test_the_exports_of_extensions(tmp_path: Path, text: str) -> None:
    """They write two times, a clock without a date, two lines, or a time and a length."""
    rows = read_text(tmp_path, text, date_format="month_first", date="2026-11-18")
    assert rows == [("person", "amy@example.com", "Amy Adams", at("09:00"), at("09:30"))]


def test_a_meeting_past_midnight(tmp_path: Path) -> None:
    """A clock that is before the beginning is of the next day."""
    text = "Name,Time joined,Time left\nAmy Adams,23:50,00:10\n"
    assert read_text(tmp_path, text, date="2026-11-18") == [
        ("person", None, "Amy Adams", at("23:50"), "2026-11-19T00:10:00.000Z")
    ]


def test_a_leaving_far_before_the_joining_is_of_no_next_day(tmp_path: Path) -> None:
    """With the two columns the wrong way round it would be a presence of 23 hours; here it ends too early."""
    text = "Name,Time joined,Time left\nAmy Adams,09:30,09:00\n"
    assert read_text(tmp_path, text, date="2026-11-18")[0][3:] == (at("09:30"), at("09:00"))


def test_events_that_name_nobody_are_no_pair(tmp_path: Path) -> None:
    """Of several people without a name each event is a trace of its own, and none repeats another."""
    text = "Name,Time,Type\n,09:00,Join\n,09:00,Join\n,09:30,Leave\n"
    rows = read_text(tmp_path, text, date="2026-11-18")
    assert [row[3:] for row in rows] == [(at("09:00"), None), (at("09:00"), None), (None, at("09:30"))]


def test_moodles_minutes_need_only_one_of_the_times(tmp_path: Path) -> None:
    """Its number of minutes is not read as seconds where the column of the beginning is missing."""
    text = "ID number,Name,Leave time,Duration\n17,Amy Adams,2026-11-18 09:30,30\n"
    assert read_text(tmp_path, text)[0][3:] == (at("09:00"), at("09:30"))


def test_a_listed_person_without_any_time_is_unreadable(tmp_path: Path) -> None:
    """Only a check-in that is null says that nobody came."""
    for text in ("Name,Joined At,Left At\nAmy Adams,,\n", "Name,Time\nAmy Adams,\n"):
        with pytest.raises(FeedUnreadable, match="no time at all"):
            read_text(tmp_path, text)


def test_of_two_columns_that_may_be_a_field_neither_is_taken() -> None:
    """One of them may be another person's; the option ``columns`` says which is the participant's."""
    record = {**RECORD, "email": "host@example.com", "Participant Email": "amy@example.com"}
    with pytest.raises(FeedUnreadable, match="email and Participant Email differ"):
        rows_of([record])
    (row,) = rows_of([record], columns={"email": "Participant Email"})
    assert row["email"] == "amy@example.com"
