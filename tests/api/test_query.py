"""Filters of a list are typed, named when wrong, and applied again to what comes back."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pendulum
import pytest

from airflow_provider_calcom._timestamps import format_timestamp, parse_timestamp_or_date
from airflow_provider_calcom.api.errors import InvalidArgument, UnexpectedAnswer
from airflow_provider_calcom.api.query import (
    STATUSES,
    BookingQuery,
    just_after,
    start_of,
    team_bookings,
)
from tests.api.fakes import ListServer, bookings_in_groups, minute
from tests.api.support import Both, booking

NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
INSTANT_FILTERS = {
    "after_start": "afterStart",
    "before_end": "beforeEnd",
    "after_created": "afterCreatedAt",
    "before_created": "beforeCreatedAt",
    "after_updated": "afterUpdatedAt",
    "before_updated": "beforeUpdatedAt",
}


def query_with(name: str, value: Any) -> BookingQuery:
    """A query with one filter, of any kind: the wrong ones are what is tested."""
    return BookingQuery(**{name: value})


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-11-20T09:00:00Z", NINE),
        (" 2026-11-20T09:00:00Z ", NINE),
        ("2026-11-20T09:00:00.000Z", NINE),
        ("2026-11-20T10:00:00+01:00", NINE),
        ("2026-11-20T04:00:00-05:00", NINE),
        ("2026-11-20 09:00:00+00:00", NINE),
        ("2026-11-20T09:00Z", NINE),
        ("20261120T090000Z", NINE),
        ("20261120T090000+0000", NINE),
        ("2026-11-20T09:00:00.1234567Z", NINE + timedelta(microseconds=123456)),
        ("2026-11-20T09:00:00.5Z", NINE + timedelta(milliseconds=500)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        (" 2026-11-20 ", datetime(2026, 11, 20, tzinfo=UTC)),
        (NINE, NINE),
        (datetime(2026, 11, 20, 10, tzinfo=timezone(timedelta(hours=1))), NINE),
        (pendulum.datetime(2026, 11, 20, 10, tz="Europe/Berlin"), NINE),
        (str(pendulum.datetime(2026, 11, 20, 10, tz="Europe/Berlin")), NINE),
    ],
)  # fmt: skip
def test_timestamps(value, moment):
    """Instants are aware datetimes, or ISO 8601 texts with an offset or Z, or dates, which are midnight UTC."""
    result = parse_timestamp_or_date(value)
    assert result == moment
    assert result.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("day", "zone", "beginning"),
    [
        ("2026-11-20", "Europe/Berlin", datetime(2026, 11, 19, 23, tzinfo=UTC)),
        ("2026-03-29", "Europe/Berlin", datetime(2026, 3, 28, 23, tzinfo=UTC)),  # the clocks change at 01:00Z
        ("2026-03-30", "Europe/Berlin", datetime(2026, 3, 29, 22, tzinfo=UTC)),
        ("2026-04-24", "Africa/Cairo", datetime(2026, 4, 23, 22, tzinfo=UTC)),  # midnight is skipped
        ("2026-11-01", "America/Havana", datetime(2026, 11, 1, 4, tzinfo=UTC)),  # midnight comes twice
    ],
)
def test_a_date_is_the_beginning_of_that_day_in_the_zone(day, zone, beginning):
    """Local days begin where the clocks say so, also on the days on which they change; instants stay as they are."""
    query = BookingQuery(after_start=day, before_end="2026-11-20T09:00:00Z", zone=zone)
    assert (query.after_start, query.before_end) == (beginning, NINE)


def test_days_at_the_ends_of_the_calendar():
    """The first day of the year 1 began before it, by UTC: it is refused, and nothing breaks."""
    with pytest.raises(InvalidArgument, match=r"^after_start must lie in the years"):
        BookingQuery(after_start="0001-01-01", zone="Asia/Tokyo")


@pytest.mark.parametrize("name", INSTANT_FILTERS)
def test_a_timestamp_without_offset_is_refused_by_name(name):
    """An instant that does not say its offset is refused, and the text names the filter."""
    naive = ("2026-11-20T09:00:00", "2026-11-20 09:00", datetime(2026, 11, 20, 9), pendulum.naive(2026, 11, 20))
    for value in naive:
        with pytest.raises(InvalidArgument, match=f"^{name} must have an offset"):
            query_with(name, value)


@pytest.mark.parametrize("name", ["after_start", "before_updated"])
def test_what_is_not_a_timestamp_is_refused_by_name(name):
    """What is not an ISO 8601 instant is refused, and the text names the filter."""
    value: Any
    for value in (
        "yesterday",
        "",
        " ",
        "2026-13-01",
        "2026-02-30",
        "P1D",
        "2026-11-20/2026-11-21",
        5,
        [],
        "2026-11-20T25:00Z",
        True,
        "12:30:45.1",
        "now",
    ):
        with pytest.raises(InvalidArgument, match=f"^{name} must"):
            query_with(name, value)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NINE, "2026-11-20T09:00:00.000Z"),
        (NINE + timedelta(microseconds=123999), "2026-11-20T09:00:00.123Z"),
        ("2026-11-20T10:00:00+01:00", "2026-11-20T09:00:00.000Z"),
    ],
)
def test_as_cal_com_writes(moment, text):
    """Instants are sent with milliseconds and Z, which needs no quoting of a plus sign."""
    assert format_timestamp(moment) == text


@pytest.mark.parametrize("status", ["accepted", "PAST", "", "past,upcoming", None, 3])
def test_a_bad_status_is_refused(status):
    """A status that Cal.com does not list by is refused, and the text gives those that it does."""
    with pytest.raises(InvalidArgument, match="status may hold upcoming, recurring, past, cancelled, unconfirmed"):
        BookingQuery(status=[status])


@pytest.mark.parametrize("name", ["status", "event_type_ids", "team_ids", "user_ids"])
def test_a_list_with_nothing_in_it_is_not_a_filter(name):
    """An empty list from a template or an upstream task is refused by name: it must not list everything."""
    value: Any
    for value in ([], (), "", " ", "[]", " [ ] ", "()", ",", iter(())):
        with pytest.raises(InvalidArgument, match=f"^{name} is .*empty.*leave {name} out"):
            query_with(name, value)


@pytest.mark.parametrize("name", ["status", "event_type_ids", "team_ids", "user_ids", "booking_uid"])
def test_a_list_of_nothing_is_not_a_filter_either(name):
    """Nor does a list of nothing list everything."""
    value: Any
    for value in ([None], [""], "[None]", "['']", "None", {}, [[]]):
        with pytest.raises(InvalidArgument, match=f"^{name} "):
            query_with(name, value)


@pytest.mark.parametrize("name", ["attendee_email", "attendee_name"])
def test_a_string_that_is_none_is_not_a_filter(name):
    """One address or name is one text; an empty one, or a list that a template made a text of, is refused by name."""
    for value in ("", " \t", "[]", "[None]", "['ann@example.org']", "{}", "None", [], ["ann@example.org"]):
        with pytest.raises(InvalidArgument, match=f"^{name} ") as caught:
            query_with(name, value)
        assert "@" not in str(caught.value)


def test_names_that_look_like_lists_are_names():
    """A name in brackets is what it is."""
    assert BookingQuery(attendee_name="[VIP] Ann").attendee_name == "[VIP] Ann"
    assert BookingQuery(attendee_name="(Ann)").attendee_name == "(Ann)"


def test_no_filter_no_parameter():
    """An empty query has no parameters and lists the user's own bookings."""
    assert BookingQuery().params == ()
    assert BookingQuery().path == "/bookings"
    assert BookingQuery().totals_are_dependable


def test_all_filters_as_parameters():
    """Each filter is sent under Cal.com's own name (teamsIds, not the documented teamIds), lists with commas."""
    event_type_ids: list[Any] = [1, "2"]
    query = BookingQuery(
        path=team_bookings(7),
        status=STATUSES[2:4],
        attendee_email="ann+x@example.org",
        attendee_name="Ann Ä",
        booking_uid=" uid1 ",
        event_type_ids=event_type_ids,
        team_ids=(3,),
        user_ids=[4, 5],
        after_start=NINE,
        before_end="2026-11-21",
        after_created=NINE,
        before_created=NINE,
        after_updated=NINE,
        before_updated=NINE,
    )
    nine = "2026-11-20T09:00:00.000Z"
    assert query.path == "/teams/7/bookings"
    assert dict(query.params) == {
        "status": "past,cancelled",
        "attendeeEmail": "ann+x@example.org",
        "attendeeName": "Ann Ä",
        "bookingUid": "uid1",
        "eventTypeIds": "1,2",
        "teamsIds": "3",
        "userIds": "4,5",
        "afterStart": nine,
        "beforeEnd": "2026-11-21T00:00:00.000Z",
        "afterCreatedAt": nine,
        "beforeCreatedAt": nine,
        "afterUpdatedAt": nine,
        "beforeUpdatedAt": nine,
    }


def test_one_status_may_be_a_string():
    """One status may be given without a list around it."""
    assert BookingQuery(status="past").params == (("status", "past"),)


@pytest.mark.parametrize("name", ["event_type_ids", "team_ids", "user_ids"])
def test_bad_ids_are_refused_by_name(name):
    """An id that is not a positive number is refused, and the text names the filter."""
    for value in ([0], [-1], ["x"], [None], [True], [1.5], [1, ""]):
        with pytest.raises(InvalidArgument, match=f"^{name} must be the positive number"):
            query_with(name, value)


@pytest.mark.parametrize("name", ["event_type_ids", "team_ids", "user_ids"])
def test_one_id_without_a_list_is_never_another_list(name):
    """One id without a list around it is that id or is refused by name; it is never read digit by digit."""
    for value in ("123", 123):
        with contextlib.suppress(InvalidArgument):
            assert getattr(query_with(name, value), name) == (123,)


@pytest.mark.parametrize("name", ["after_created", "before_created", "after_updated", "before_updated"])
def test_totals_are_not_dependable_with_a_filter_on_created_or_updated(name):
    """Cal.com's total leaves out the filters on created and updated."""
    assert not query_with(name, NINE).totals_are_dependable


BEFORE, AT, AFTER = "2026-11-20T08:59:59.999Z", "2026-11-20T09:00:00.000Z", "2026-11-20T09:00:00.001Z"


@pytest.mark.parametrize(
    ("name", "key", "admitted", "refused"),
    [
        ("after_start", "start", [AT, AFTER], [BEFORE]),
        ("before_end", "end", [BEFORE, AT], [AFTER, None]),
        ("after_created", "createdAt", [AT, AFTER], [BEFORE, None]),
        ("before_created", "createdAt", [BEFORE, AT], [AFTER, None]),
        ("after_updated", "updatedAt", [AT, AFTER], [BEFORE, None]),
        ("before_updated", "updatedAt", [BEFORE, AT], [AFTER, None]),
    ],
)
def test_admits(name, key, admitted, refused):
    """Each date filter is applied again to what comes back, bounds included."""
    query = query_with(name, NINE)
    assert [value for value in admitted if not query.admits(booking() | {key: value})] == []
    assert [value for value in refused if query.admits(booking() | {key: value})] == []
    assert BookingQuery().admits(booking() | {key: None})


@pytest.mark.parametrize("text", ["soon", "", "2026-11-20T09:00:00", "2026-11-20", "None"])
def test_a_start_that_is_not_a_timestamp_is_an_unexpected_response(text):
    """A booking whose start is not an instant, or has no offset to compare it by, is not an answer of Cal.com's."""
    with pytest.raises(UnexpectedAnswer):
        assert start_of(booking(start=text)) >= NINE


@pytest.mark.parametrize("text", ["2026-11-20T09:00:00Z", "2026-11-20T09:00:00.000Z", "2026-11-20T10:00:00+01:00"])
def test_start_of(text):
    """A booking's start is read in every form that servers write."""
    assert start_of(booking(start=text)) == NINE


def test_just_after():
    """The next instant that Cal.com distinguishes is a millisecond later."""
    assert format_timestamp(just_after(NINE)) == AFTER


def test_before_start_is_half_open_and_ends_the_walk():
    """``before_start`` leaves out its own instant, is never sent, and spares the pages behind it."""
    server = ListServer(bookings_in_groups(1000, 10))
    query = BookingQuery(after_start=minute(10), before_start=minute(20))
    found = Both("sync").list(server, query)
    assert {booking["start"] for booking in found} == {minute(number) for number in range(10, 20)}
    assert len(found) == 100
    assert len(server.calls) <= 3
    assert not any("beforeStart" in call for call in server.calls)
