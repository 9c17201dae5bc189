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
    """A slip in the option is told, with the fields that it may name."""
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
        (1768471203000, {"epoch": "s"}, "no number of seconds"),
        (1768471203, {"epoch": "ms"}, "no number of milliseconds"),
        ("2026-01-15T10:00:03Z", {"epoch": "s"}, "no number of seconds"),
        (True, {"epoch": "s"}, "no number of seconds"),
        (datetime(2026, 1, 15, 11), {}, "zone"),
    ],
)
def test_a_time_that_would_have_to_be_guessed_is_unreadable(value: Any, options: dict[str, Any], reason: str) -> None:
    """Seconds are not told from milliseconds by their size."""
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
