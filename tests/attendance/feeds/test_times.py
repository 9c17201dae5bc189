"""Times: zones that columns name, halves of the day in many languages, impossible years, and lengths of time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_calcom.attendance.feeds import FeedOptions, FeedUnreadable, InvalidFeedOption, Record, read_feed
from airflow_provider_calcom.attendance.feeds._columns import zone_in_name
from airflow_provider_calcom.attendance.feeds._durations import length_in_seconds
from airflow_provider_calcom.attendance.feeds._times import BadTime, day_in_text


def joined(value: Any, column: str = "joined_at", **options: Any) -> str | None:
    (row,) = read_feed("canonical", [{"email": "amy@example.com", column: value}], **options)
    return row["joined_at"]


@pytest.mark.parametrize(
    "column",
    [
        "Joined At (UTC)",
        "joined_at_utc",
        "joinedAtUtc",
        "JoinedAtUTC",
        "JOINED_AT_UTC",
        "joinedatutc",
        "utc_joined_at",
        "UTC Joined At",
        "Joined at [UTC]",
        "Joined at (GMT)",
        "Joined at (UTC+00:00)",
        "Joined at, UTC",
        "Joined At (Coordinated Universal Time)",
    ],
)
def test_a_column_that_says_utc_needs_no_zone(column: str) -> None:
    """In any spelling; the option ``zone``, which is of the other columns, does not shift it."""
    assert joined("2026-01-15 10:00:03", column) == "2026-01-15T10:00:03.000Z"
    assert joined("2026-01-15 10:00:03", column, zone="Asia/Tokyo") == "2026-01-15T10:00:03.000Z"


@pytest.mark.parametrize("column", ["Joined At (UTC+1)", "Joined At (GMT+01:00)", "joined_at_utc+0100"])
def test_a_column_that_says_an_offset_needs_no_zone(column: str) -> None:
    """Exports name the offset of the account's zone."""
    assert joined("2026-01-15 11:00:03", column) == "2026-01-15T10:00:03.000Z"


def test_of_a_local_column_and_one_in_utc_the_latter_is_read() -> None:
    """They are one instant in two zones, not two values of one column."""
    record = {"email": "amy@example.com", "joined_at": "2026-01-15 11:00", "joined_at_utc": "2026-01-15 10:00"}
    (row,) = read_feed("canonical", [record])
    assert row["joined_at"] == "2026-01-15T10:00:00.000Z"


def test_names_that_only_hold_the_letters_are_of_no_zone() -> None:
    """And names of other zones are ambiguous: CST is of three continents."""
    for name in ("Outcome", "Join Time (CST)", "UTC", "Duration"):
        assert zone_in_name(name) is None


@pytest.mark.parametrize(
    ("value", "utc"),
    [
        ("15 Jan 2026, 11:00:00 CET", "2026-01-15T10:00:00.000Z"),
        ("15 Jul 2026, 12:00:00 CEST", "2026-07-15T10:00:00.000Z"),
        ("01/15/2026 10:00 AM UTC", "2026-01-15T10:00:00.000Z"),
        ("15.01.2026 11:00:00 GMT+1", "2026-01-15T10:00:00.000Z"),
        ("15.01.2026 05:00 (UTC-05:00)", "2026-01-15T10:00:00.000Z"),
        # The name says which of the two hours it is.
        ("25 Oct 2026, 02:30:00 CET", "2026-10-25T01:30:00.000Z"),
    ],
)
def test_a_zone_behind_a_time_is_read(value: str, utc: str) -> None:
    """UTC and offsets as they are; a short name where it is the one that the option ``zone`` has at that time."""
    assert joined(value, zone="Europe/Rome") == utc


@pytest.mark.parametrize(("zone", "reason"), [(None, "set the option zone"), ("Asia/Tokyo", "does not have then")])
def test_a_short_name_of_another_zone_is_unreadable(zone: str | None, reason: str) -> None:
    """Several zones have one name, so it proves nothing alone, and disproves the option."""
    with pytest.raises(FeedUnreadable, match=reason):
        joined("15 Jan 2026, 11:00:00 CET", zone=zone)


@pytest.mark.parametrize("day", ["0026-01-15", "1970-01-01", "0001-01-01", "9999-12-31", "2206-01-15"])
def test_impossible_years_are_unreadable(day: str) -> None:
    """They are of misread dates, or of times that are not known."""
    with pytest.raises(FeedUnreadable, match="impossible year"):
        joined(f"{day}T00:00:00Z")


@pytest.mark.parametrize(
    ("value", "utc"),
    [
        ("2026/1/15 下午3:05:00", "15:05:00"),
        ("2026/01/15 上午 09:05:00", "09:05:00"),
        ("2026年1月15日 15:05:00", "15:05:00"),
        ("2026. 1. 15. 오후 3:05:00", "15:05:00"),
        ("15/1/2026 3:05:00 p. m.", "15:05:00"),
        ("15/1/2026 3:05:00 p.\u00a0m.", "15:05:00"),
        ("15/1/2026, 12:05:00 a.m.", "00:05:00"),
        ("15/1/2026 3:05:00 μ.μ.", "15:05:00"),
        ("2026. 01. 15. du. 3:05:00", "15:05:00"),
        ("15/01/2026 15:05:00 PM", "15:05:00"),
        ("15/01/2026 00:05:00 AM", "00:05:00"),
    ],
)
def test_halves_of_the_day_in_other_languages(value: str, utc: str) -> None:
    """Before or behind the clock, and beside a clock of 24 hours, as some exports print them."""
    assert joined(value, zone="UTC") == f"2026-01-15T{utc}.000Z"


def test_digits_and_commas_of_arabic() -> None:
    """They are those of the locale, as in a Teams file of an Arabic organiser."""
    assert joined("٢٠٢٦/٠١/١٥، ١٠:٠٠:٠٣ م", zone="UTC") == "2026-01-15T22:00:03.000Z"  # noqa: RUF001


def test_words_for_the_halves_of_the_day_are_an_option() -> None:
    """For a language that is not known; without them the time is unreadable, never a wrong one."""
    with pytest.raises(FeedUnreadable, match="not a time in a known form"):
        joined("15.01.2026 3:05 popo", zone="UTC")
    assert joined("15.01.2026 3:05 popo", zone="UTC", pm_words=["popo"]) == "2026-01-15T15:05:00.000Z"
    assert joined("15.01.2026 dopo 3:05", zone="UTC", am_words=["dopo"]) == "2026-01-15T03:05:00.000Z"


def test_a_clock_alone_needs_a_date() -> None:
    """Extensions write no date; it is never guessed."""
    with pytest.raises(FeedUnreadable, match="not a time in a known form"):
        joined("9:05 PM", zone="UTC")
    assert joined("9:05 PM", zone="UTC", date="2026-01-15") == "2026-01-15T21:05:00.000Z"
    assert joined("2026-01-14 9:05 PM", zone="UTC", date="2026-01-15") == "2026-01-14T21:05:00.000Z"
    for date in ("15.01.2026", "2026-02-30", 20260115):
        with pytest.raises(InvalidFeedOption, match="date must be a date as 2026-11-18"):
            read_feed("canonical", [], date=date)


def test_the_date_in_a_files_name() -> None:
    """Only one that begins with the year, because others can be read in two ways; and only if it is the only one."""
    assert day_in_text("2026-11-18 Consult.csv") == day_in_text("abc_20261118.csv") == "2026-11-18"
    assert day_in_text("18-11-2026.csv") is None
    assert day_in_text("2026-11-18 to 2026-11-19.csv") is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1780, 1780),
        ("1780", 1780),
        ("0:29:40", 1780),
        ("29m 40s", 1780),
        ("1h 2m 3s", 3723),
        ("29 min", 1740),
        ("1 Std. 2 Min. 3 Sek.", 3723),
        ("1小时2分3秒", 3723),
        ("1시간 2분 3초", 3723),
        ("1 sa 2 dk 3 sn", 3723),
        ("1 ч 2 мин 3 сек", 3723),
        (timedelta(minutes=29), 1740),
    ],
)
def test_lengths_of_time(value: Any, seconds: float) -> None:
    """Numbers, clocks, and units of many languages."""
    assert length_in_seconds(value) == seconds


@pytest.mark.parametrize("value", ["soon", "1 fortnight", -5, True, "", "9" * 30, float("nan")])
def test_another_value_than_a_duration(value: Any) -> None:
    """It is unreadable, never zero."""
    with pytest.raises(BadTime):
        length_in_seconds(value)


def test_minutes_are_recognised_by_the_columns_name() -> None:
    """Exports print whole minutes, APIs seconds."""
    for column, seconds in (("Duration (Minutes)", 1800), ("durationMinutes", 1800), ("Duration (minuten)", 1800)):
        assert Record({column: "30"}, FeedOptions()).seconds(column) == seconds
    assert Record({"duration": 30}, FeedOptions()).seconds("duration") == 30
    assert Record({"duration": 30}, FeedOptions()).seconds("duration", in_minutes=True) == 1800
    assert Record({"Admin duration": 30}, FeedOptions()).seconds("Admin duration") == 30


def test_missing_time_follows_from_the_length() -> None:
    """A presence with both is whole; without a length it has one time."""
    options = FeedOptions(zone="UTC", date="2026-01-15")

    def stay(seconds: float | None = None, **columns: str) -> tuple[str | None, ...]:
        times = Record(columns, options).stay(("join_time",), ("leave_time",), seconds)
        return tuple(time.strftime("%d %H:%M") if time else None for time in times)

    assert stay(1800, leave_time="10:30") == ("15 10:00", "15 10:30")
    assert stay(1800, join_time="10:00") == ("15 10:00", "15 10:30")
    assert stay(60, join_time="10:00", leave_time="10:30") == ("15 10:00", "15 10:30")
    assert stay(leave_time="10:30") == (None, "15 10:30")
    assert stay(join_time="23:50", leave_time="0:10") == ("15 23:50", "16 00:10")


@pytest.mark.parametrize("left", ["01/15/2026 3:30:00", "01/15/2026 3:30"])
@pytest.mark.parametrize(("feed", "name"), [("zoom", "Name"), ("teams", "Full Name")])
def test_a_time_that_lost_its_half_of_the_day_is_unreadable(feed: str, name: str, left: str) -> None:
    """The time beside it has one, so the other was cut, and would be twelve hours off."""
    record = {name: "Amy Adams", "Join Time": "01/15/2026 3:00:00 PM", "Leave Time": "01/15/2026 3:30:00 PM"}
    (row,) = read_feed(feed, [record], zone="UTC")
    assert (row["joined_at"], row["left_at"]) == ("2026-01-15T15:00:00.000Z", "2026-01-15T15:30:00.000Z")
    with pytest.raises(FeedUnreadable, match="of another form than the time of joining"):
        list(read_feed(feed, [{**record, "Leave Time": left}], zone="UTC"))
