"""Instants of a policy: which texts are instants, and what is said of others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest

from airflow_provider_calcom._timestamps import (
    EARLIEST,
    LATEST,
    format_microseconds,
    is_naive,
    microseconds,
    parse_timestamp,
)
from tests.attendance.tables.test_loader import INSTANTS, NO_INSTANTS


class Nowhere(tzinfo):
    """A zone that does not know its offset, which makes a datetime naive all the same."""

    def utcoffset(self, moment: datetime | None) -> None:
        return None

    dst = tzname = utcoffset


@pytest.mark.parametrize(("spelling", "usual"), INSTANTS.items())
def test_reads_what_tables_are_read_with(spelling: str, usual: str) -> None:
    """A policy and a table take the same spellings, to the microsecond, which finer digits are cut to."""
    expected = datetime.fromisoformat(usual.replace("Z", "+00:00").replace(".5+", ".500000+"))
    assert parse_timestamp(spelling) == expected
    assert parse_timestamp(spelling).utcoffset() == timedelta(0)


@pytest.mark.parametrize("text", ["", " ", *NO_INSTANTS])
def test_refuses_what_tables_refuse(text: str) -> None:
    """In words that follow the name of a field, and are short whatever the text."""
    with pytest.raises(
        ValueError, match=r"^must (be a timestamp such as 2026-11-22T05:30:00Z|lie in the years 1 to 9999)"
    ):
        parse_timestamp(text)
    with pytest.raises(ValueError, match=r"^must be a timestamp such as .{1,150}$"):
        parse_timestamp(text + "x" * 10_000)


@pytest.mark.parametrize(
    "moment",
    ["2026-01-05T10:00:00", "2026-01-05 10:00", datetime(2026, 1, 5), datetime(2026, 1, 5, tzinfo=Nowhere())],
)
def test_refuses_naive_times(moment: str | datetime) -> None:
    """A time without an offset is not a timestamp."""
    with pytest.raises(ValueError, match=r"^is the naive time '2026-01-05.*': add Z or an offset"):
        parse_timestamp(moment)


def test_naive_times_are_refused() -> None:
    """Only what lacks nothing but its zone is naive."""
    assert is_naive(" 2026-01-05T10:00:00.5 ")
    assert not any(map(is_naive, [*INSTANTS, *NO_INSTANTS, "", "2026-01-05T10:00:00Z"]))


def test_takes_datetimes_of_any_zone() -> None:
    """They come out in UTC."""
    moment = datetime(2026, 1, 5, 15, 30, tzinfo=timezone(timedelta(hours=5.5)))
    assert parse_timestamp(moment) == datetime(2026, 1, 5, 10, tzinfo=UTC)
    with pytest.raises(ValueError, match="must lie in the years 1 to 9999"):
        parse_timestamp(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))))


@pytest.mark.parametrize(
    ("moment", "count", "text"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0, "1970-01-01T00:00:00.000Z"),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC), -1, "1969-12-31T23:59:59.999Z"),
        (datetime(2026, 1, 5, 10, 0, 0, 123_999, UTC), 1_767_607_200_123_999, "2026-01-05T10:00:00.123Z"),
        (EARLIEST, -62_135_596_800_000_000, "0001-01-01T00:00:00.000Z"),
        (LATEST, 253_402_300_799_999_999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_counts_microseconds_and_writes_milliseconds(moment: datetime, count: int, text: str) -> None:
    """Whole counts, cut and never rounded, in the years 1 to 9999."""
    assert microseconds(moment) == count
    assert format_microseconds(count) == text
