"""The cursor over bookings that have ended: nothing is lost, nothing is reported twice, and it stays small."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_calcom.api import ended
from airflow_provider_calcom.api.ended import Cursor, Ended

BEGIN = datetime(2026, 11, 18, 12, tzinfo=UTC)
OVERLAP = timedelta(minutes=60)


def at(minute: float) -> datetime:
    """Return a time by minutes after the beginning."""
    return BEGIN + timedelta(minutes=minute)


def booking(uid: str, minute: float) -> Ended:
    """Return a booking that ended at a minute."""
    return Ended(at(minute), uid, at(minute - 30))


STEPS = st.lists(
    st.tuples(
        st.integers(0, 40),  # minutes since the look before
        st.lists(st.tuples(st.integers(0, 12), st.integers(-55, 55)), max_size=6),  # bookings made or moved, by number
        st.booleans(),  # whether the triggerer was restarted
    ),
    max_size=12,
)


@given(steps=STEPS, most=st.integers(1, 3))
def test_each_end_of_each_booking_is_reported_once(
    steps: list[tuple[int, list[tuple[int, int]], bool]], most: int
) -> None:
    """Bookings that are made late, moved, end together or are more than an event takes: all are reported in the end."""
    cursor, now = Cursor(at(-60), {}), 0
    listed: dict[str, Ended] = {}
    reported: list[tuple[str, datetime]] = []

    def look() -> int:
        nonlocal cursor
        found = [one for one in listed.values() if one.end > cursor.since]
        batch, cursor = cursor.take(found, until=at(now), overlap=OVERLAP, most=most)
        reported.extend((one.uid, one.end) for one in batch)
        assert len(batch) <= most
        assert [one.end for one in batch] == sorted(one.end for one in batch)
        return len(batch)

    for minutes, changes, is_restarted in steps:
        now += minutes
        for number, offset in changes:
            one = booking(f"b{number}", now + offset)
            if (one.uid, one.end) not in reported:  # moved back, it would be reported again
                listed[one.uid] = one
        look()
        if is_restarted:
            cursor = Cursor.of(cursor.stored())
    now += 60
    while look():
        pass
    assert len(reported) == len(set(reported))
    assert {(one.uid, one.end) for one in listed.values()} <= set(reported)


def test_what_is_left_stays_after_the_cursor_whatever_the_overlap() -> None:
    """Ties at one end are split over events, without an overlap that would cover them."""
    ties = [booking(f"b{number}", 5) for number in range(7)]
    cursor, uids = Cursor(at(0), {}), []
    for _ in range(4):
        batch, cursor = cursor.take(ties, until=at(10), overlap=timedelta(), most=2)
        uids += [one.uid for one in batch]
    assert uids == [f"b{number}" for number in range(7)]


def test_the_cursor_moves_on_and_forgets() -> None:
    """It remembers what ended within the overlap, and never goes back where the clock was set back."""
    cursor = Cursor(at(0), {})
    _, cursor = cursor.take([booking("a", 5), booking("b", 80)], until=at(90), overlap=OVERLAP, most=9)
    assert (cursor.since, set(cursor.reported)) == (at(30), {"b"})
    batch, later = cursor.take([booking("b", 80)], until=at(10), overlap=OVERLAP, most=9)
    assert (batch, later) == ([], cursor)


def test_the_cursor_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """With more bookings than it may remember, the overlap shrinks, and none is reported twice or left out."""
    monkeypatch.setattr(ended, "MOST_REMEMBERED", 3)
    bookings = [booking(f"b{number}", number) for number in range(10)]
    cursor, uids = Cursor(at(-1), {}), []
    while True:
        batch, cursor = cursor.take(bookings, until=at(30), overlap=OVERLAP, most=4)
        uids += [one.uid for one in batch]
        assert len(cursor.reported) <= 3
        if not batch:
            break
    assert uids == [one.uid for one in bookings]


@pytest.mark.parametrize("stored", ["text", {}, {"since": "now", "reported": {}}, {"since": "2026-11-18T12:00:00Z"}, 5])
def test_what_another_version_stored_is_rejected(stored: object) -> None:
    """The trigger begins anew then, instead of failing for ever."""
    with pytest.raises(ValueError, match="is not a cursor"):
        Cursor.of(stored)
