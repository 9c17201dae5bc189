"""Up to when the feeds of a plan are complete: the ends of fetched feeds, and what the log warns of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom._timestamps import microseconds
from airflow_provider_calcom.attendance.engine import Decided
from airflow_provider_calcom.attendance.feeds import FeedReport
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.no_shows.completeness import warn_of_early_ends, warn_of_other_days, with_fetched_ends
from airflow_provider_calcom.no_shows.inputs import FeedInput
from tests.no_shows.decisions import decided

NOON, EVENING = (datetime(2026, 11, 19, hour, tzinfo=UTC) for hour in (12, 20))
FETCHED = FeedInput("cal_video", Path("x"), (), is_fetched=True)
DAY = datetime(2026, 11, 18, tzinfo=UTC)
NEXT_DAY = datetime(2026, 11, 19, tzinfo=UTC)


def feed(rows: int, latest: str = "") -> FeedInput:
    return FeedInput("zoom", Path("x"), (FeedReport(feed="zoom", rows=rows),), is_fetched=False, latest=latest)


@pytest.mark.parametrize(
    ("until", "merged"),
    [
        (None, {"cal_video": NOON}),
        ({"zoom": EVENING}, {"cal_video": NOON, "zoom": EVENING}),
        ({"cal_video": EVENING}, {"cal_video": EVENING}),
        (EVENING, EVENING),
    ],
)
def test_the_end_of_a_fetched_feed(until: Any, merged: Any) -> None:
    """The time of fetching is added to the policy's ends, and replaces none of them."""
    policy = AttendancePolicy(attendance_until=until, as_of=EVENING)
    assert with_fetched_ends(policy, [FETCHED, feed(1)], NOON).attendance_until == merged
    assert with_fetched_ends(policy, [feed(1)], NOON) == policy


@pytest.mark.parametrize("as_of", [datetime(2026, 11, 19, 11, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)])
def test_the_end_is_not_later_than_the_clock_and_the_policy(as_of: datetime) -> None:
    """A plan as of a past day is the same whenever it is made, and one as of a day to come is complete until now."""
    policy = AttendancePolicy(as_of=as_of)
    assert with_fetched_ends(policy, [FETCHED], NOON).attendance_until == {"cal_video": min(as_of, NOON)}


def with_ends(*ends: datetime | None, until: Any = None) -> Decided:
    """Return decisions made as of noon by sources with these ends."""
    sources = {f"secret{number}": None if end is None else microseconds(end) for number, end in enumerate(ends)}
    made = decided([], source_ends=sources)
    return replace(made, policy=AttendancePolicy(as_of=NOON, attendance_until=until))


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (with_ends(DAY, DAY.replace(hour=18), NEXT_DAY), ("2 of 3", "2026-11-18T00:00:00.000Z")),
        (with_ends(DAY.replace(hour=18), NEXT_DAY), ("1 of 2", "2026-11-18T18:00:00.000Z")),
        (with_ends(None, NEXT_DAY), ("1 of 2", "no time at all")),
        (with_ends(NEXT_DAY, until=DAY.replace(hour=20)), ("1 of 1", "2026-11-18T20:00:00.000Z")),
        (with_ends(NEXT_DAY, NOON), None),
        (with_ends(DAY, until=NEXT_DAY), None),
    ],
)
def test_sources_that_end_early(made: Decided, words: tuple[str, str] | None, caplog: pytest.LogCaptureFixture) -> None:
    """Where a source ends before the requested day does, the log has counts and dates, and no names."""
    caplog.set_level("WARNING")
    warn_of_early_ends(made, [feed(1)], NEXT_DAY)
    warn_of_early_ends(made, [feed(1)], None)
    assert [text[: text.index(". Of a booking")] for text in caplog.messages] == (
        []
        if words is None
        else [
            f"{words[0]} sources of attendance end before 2026-11-19T00:00:00.000Z, the end of the requested bookings;"
            f" the earliest at {words[1]}"
        ]
    )
    assert "secret" not in caplog.text


def test_feeds_without_rows(caplog: pytest.LogCaptureFixture) -> None:
    """An empty feed is logged, unless it was fetched from Cal.com."""
    caplog.set_level("WARNING")
    warn_of_early_ends(with_ends(NEXT_DAY), [feed(1), feed(0), FETCHED], NEXT_DAY)
    assert caplog.messages == ["1 of 3 feeds of attendance have no rows. Were they loaded?"]


def test_feeds_of_other_days(caplog: pytest.LogCaptureFixture) -> None:
    """A feed that ends before the requested day begins is logged with both times."""
    caplog.set_level("WARNING")
    feeds = [feed(1, "2026-11-17T23:59:59.000Z"), feed(1, "2026-11-18T00:00:00.000Z"), feed(0)]
    warn_of_other_days(feeds[1:], DAY)
    warn_of_other_days(feeds, None)
    assert caplog.messages == []
    warn_of_other_days(feeds, DAY)
    assert caplog.messages == [
        "1 of 3 feeds of attendance end before the requested bookings begin, at 2026-11-18T00:00:00.000Z: the latest of"
        " their rows is of 2026-11-17T23:59:59.000Z. Are they the reports of these days?"
    ]
