"""A list is complete and gives each booking once, although the server's pages disagree; or it says that it is not."""

from __future__ import annotations

import random
import tracemalloc
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis.strategies import integers, sampled_from

from airflow_provider_calcom.api import listing
from airflow_provider_calcom.api.client import CalComClient
from airflow_provider_calcom.api.endpoints import Endpoint
from airflow_provider_calcom.api.errors import InvalidArgument, ListingIncomplete, UnexpectedAnswer
from airflow_provider_calcom.api.query import BookingQuery, start_of
from airflow_provider_calcom.api.responses import Response
from tests.api.fakes import CursorServer, EndlessServer, ListServer, bookings_in_groups, minute
from tests.api.support import IN_BOTH, SETTINGS, Both, success
from tests.profiles import examples

CREATED = BookingQuery(after_created="2025-01-01")


def uids(bookings: list[dict[str, Any]]) -> list[str]:
    return [booking["uid"] for booking in bookings]


def listed(
    server: ListServer, query: BookingQuery | None = None, page_size: int = 100, **options: Any
) -> list[dict[str, Any]]:
    """Drive a walk against the server without HTTP in between, which is much faster; the clients do nothing else."""
    walk = listing.walk(query or BookingQuery(), page_size=page_size, **options)
    found: list[dict[str, Any]] = []
    page = None
    while True:
        try:
            step = walk.send(page)
        except StopIteration:
            return found
        page = None
        if isinstance(step, listing.Found):
            found.extend(step.bookings)
        else:
            page = step.parse(Response(server.body(dict(step.params)), {}))


def assert_each_once(found: list[dict[str, Any]], server: Any) -> None:
    """Nothing is missing, nothing comes twice."""
    assert len(uids(found)) == len(set(uids(found)))
    assert set(uids(found)) == set(uids(server.bookings))


def assert_ordered(found: list[dict[str, Any]]) -> None:
    starts = [booking["start"] for booking in found]
    assert starts == sorted(starts)


def test_a_walk_by_offset_loses_bookings_here():
    """The fake server is as treacherous as the real one: a plain walk by offset gives some twice and loses others."""
    server = ListServer(bookings_in_groups(109, 10))
    found: list[str] = []
    for skip in range(0, 109, 7):
        url = f"https://cal.test/v2/bookings?sortStart=asc&take=7&skip={skip}"
        found.extend(uids(server(httpx.Request("GET", url)).json()["data"]))
    assert len(found) == 109
    assert len(set(found)) < 105


SERVERS: dict[str, dict[str, Any]] = {
    "totals": {},
    "no-pagination": {"total": None},
    "ignores-afterStart": {"ignores": ["afterStart"]},
    "ignores-sortStart": {"ignores": ["sortStart"]},
    "ignores-both": {"ignores": ["afterStart", "sortStart"]},
    "ignores-afterStart-no-pagination": {"ignores": ["afterStart"], "total": None},
}


KINDS = sampled_from(sorted(SERVERS))
ORDERED = sampled_from(["totals", "ignores-afterStart", "ignores-sortStart"])
GROUPS = sampled_from([1, 3, 10, 250, 260, 300])
"""How many bookings start together: one, a few, and as many as a page holds or more."""


@settings(max_examples=examples(25, 1000))
@given(kind=KINDS, page_size=sampled_from([1, 7, 100, 250]), count=integers(0, 600), group=GROUPS)
@example(kind="totals", page_size=250, count=250, group=250)
@example(kind="totals", page_size=250, count=251, group=250)
@example(kind="totals", page_size=250, count=251, group=251)
@example(kind="no-pagination", page_size=250, count=251, group=251)
@example(kind="no-pagination", page_size=250, count=250, group=7)
@example(kind="ignores-both", page_size=7, count=109, group=109)
@example(kind="ignores-afterStart-no-pagination", page_size=100, count=600, group=250)
@example(kind="ignores-both", page_size=60, count=1500, group=1500)
def test_every_booking_exactly_once(kind, page_size, count, group):
    """Each booking is listed exactly once, whatever the sizes, the ties and the age of the server."""
    server = ListServer(bookings_in_groups(count, group), **SERVERS[kind])
    found = listed(server, page_size=page_size)
    assert_each_once(found, server)
    if not kind.startswith("ignores"):
        assert_ordered(found)


@pytest.mark.parametrize("kind", ["totals", "ignores-both"])
@IN_BOTH
def test_both_clients_list_alike(both, kind):
    """The async client lists as the sync one does."""
    server = ListServer(bookings_in_groups(109, 10), **SERVERS[kind])
    assert_each_once(both.list(server, page_size=25), server)


@pytest.mark.parametrize("page_size", [7, 100])
@pytest.mark.parametrize(("count", "group"), [(0, 1), (500, 40), (600, 260)])
def test_with_a_filter_on_created_the_totals_are_not_believed(count, group, page_size):
    """With a filter that Cal.com's totals leave out, the list is complete although the totals count others too."""
    server = ListServer(bookings_in_groups(count, group), total=lambda params, count: count + 37)
    found = listed(server, CREATED, page_size=page_size)
    assert_each_once(found, server)
    assert_ordered(found)


@pytest.mark.parametrize(
    ("count", "group", "page_size"), [(1500, 1, 100), (1500, 10, 50), (1500, 3, 250), (109, 3, 250)]
)
def test_few_calls(count, group, page_size):
    """A well-behaved list takes little more calls than it has pages."""
    server = ListServer(bookings_in_groups(count, group))
    listed(server, page_size=page_size)
    assert len(server.calls) <= 1.3 * count / page_size + 3


@pytest.mark.parametrize("page_size", [7, 250])
def test_few_calls_for_large_groups(page_size):
    """Groups of equal starts that are more than a page can hold take a bounded number of calls."""
    server = ListServer(bookings_in_groups(1500, 500))
    listed(server, page_size=page_size)
    assert len(server.calls) <= 3 * 8 * 6


def next_of(starts: list[str]) -> listing.NextStart:
    """Return the next start that is of interest, for a walk."""
    instants = sorted(start_of({"start": start}) for start in set(starts))
    return lambda since: next((one for one in instants if one >= since), None)


@settings(max_examples=examples(12, 500))
@given(
    kind=KINDS,
    group=sampled_from([1, 3, 10, 300]),
    page_size=sampled_from([7, 100, 250]),
    wanted=sampled_from([1, 5, 40, 200]),
)
@example(kind="totals", group=1, page_size=7, wanted=5)
@example(kind="totals", group=3, page_size=250, wanted=200)
@example(kind="no-pagination", group=300, page_size=250, wanted=5)
def test_only_what_is_of_interest_is_read(kind, group, page_size, wanted):
    """All bookings of the wanted starts come, each once, and a well-behaved list takes no call for a page of others.

    A server that ignores the order, and has more bookings at one instant than a page holds, may keep some back.
    """
    server = ListServer(bookings_in_groups(800, group), **SERVERS[kind])
    starts = random.Random(wanted).sample([booking["start"] for booking in server.bookings], wanted)
    query = BookingQuery(after_start=min(starts))
    found = uids(listed(server, query, page_size, next_start=next_of(starts)))
    assert len(found) == len(set(found))
    if group <= page_size or "sortStart" not in SERVERS[kind].get("ignores", []):
        assert {booking["uid"] for booking in server.bookings if booking["start"] in starts} <= set(found)
    if kind == "totals" and group < page_size / 2:
        assert len(server.calls) <= min(len(set(starts)), 800 / (page_size - group) + 1)


def test_filters_are_applied_again():
    """What a server that ignores a filter sends too much is left out."""
    server = ListServer(bookings_in_groups(300, 1), ignores=["afterStart", "beforeEnd", "afterCreatedAt"])
    query = BookingQuery(after_start=minute(100), before_end=minute(199))
    assert uids(listed(server, query)) == [f"uid{number}" for number in range(100, 170)]


@pytest.mark.parametrize(("value", "first"), [(minute(90), "uid270"), (minute(90)[:-1] + "9Z", "uid273")])
def test_after_start_keeps_its_bound(value, first):
    """A bound finer than Cal.com's milliseconds is sent as Cal.com reads it, and applied to the full."""
    server = ListServer(bookings_in_groups(300, 3))
    found = listed(server, BookingQuery(after_start=value), page_size=10)
    assert len(found) == 300 - int(first.removeprefix("uid"))
    assert min(uids(found)) == first


def test_other_filters_go_along_with_every_page():
    """Each page is requested with the query's own filters."""
    server = ListServer(bookings_in_groups(50, 1))
    listed(server, BookingQuery(status=["past"], attendee_email="a+b@example.org"), page_size=10)
    assert len(server.calls) >= 5
    assert {(call["status"], call["attendeeEmail"]) for call in server.calls} == {("past", "a+b@example.org")}


LIES = {
    "grows": lambda params, count: count + 1,
    "shrinks": lambda params, count: max(0, count - 1),
    "zero": lambda params, count: 0,
    "a-million": lambda params, count: 1_000_000,
    "negative": lambda params, count: -1,
    "first-page-grows": lambda params, count: count + ("afterStart" not in params),
    "later-pages-grow": lambda params, count: count + ("afterStart" in params),
    "by-parity": lambda params, count: count + count % 2,
}


@pytest.mark.parametrize(
    ("page_size", "group", "lie"),
    [(7, 10, lie) for lie in LIES] + [(100, 260, lie) for lie in ("grows", "shrinks", "by-parity")],
)
def test_totals_that_lie_for_ever(lie, page_size, group):
    """Totals that never fit the pages end in ListingIncomplete or in the whole list, never in less nor in a circle."""
    server = ListServer(bookings_in_groups(330, group), total=LIES[lie], most_calls=200)
    try:
        found = listed(server, page_size=page_size)
    except ListingIncomplete:
        return
    assert_each_once(found, server)


def test_totals_that_lie_for_ever_are_reported(both):
    """Totals that never fit end in ListingIncomplete, which is retryable and names the fix."""
    server = ListServer(bookings_in_groups(50, 1), total=lambda params, count: count + 1, most_calls=200)
    with pytest.raises(ListingIncomplete, match="shorter span with after_start and before_end") as caught:
        both.list(server)
    assert caught.value.retryable


def missing_once(*which: str, calls: int = 1):
    """Leave these rows out of the first pages that would hold them."""
    left_out: dict[str, int] = {}

    def missing(call: int, uid: str) -> bool:
        if uid in which and left_out.get(uid, 0) < calls:
            left_out[uid] = left_out.get(uid, 0) + 1
            return True
        return False

    return missing


ROWS = sampled_from([0, 6, 7, 99, 100, 249, 250, 299])


@settings(max_examples=examples(25, 500))
@given(kind=ORDERED, group=GROUPS, page_size=sampled_from([7, 100]), row=ROWS)
@example(kind="totals", group=1, page_size=100, row=99)
@example(kind="totals", group=300, page_size=7, row=6)
@example(kind="ignores-sortStart", group=10, page_size=7, row=299)
def test_a_row_missing_once_is_found(kind, group, page_size, row):
    """A row that one page leaves out is found when the page is read again."""
    missing = missing_once(f"uid{row}")
    server = ListServer(bookings_in_groups(300, group), missing=missing, most_calls=400, **SERVERS[kind])
    assert_each_once(listed(server, page_size=page_size), server)


@settings(max_examples=examples(8, 300))
@given(kind=ORDERED, group=GROUPS, page_size=sampled_from([7, 100]), row=ROWS)
@example(kind="totals", group=1, page_size=100, row=0)
@example(kind="totals", group=300, page_size=100, row=299)
@example(kind="ignores-afterStart", group=10, page_size=100, row=99)
def test_a_row_missing_for_ever_is_reported(kind, group, page_size, row):
    """A row that the count has and no page shows ends in ListingIncomplete, soon."""
    server = ListServer(
        bookings_in_groups(300, group), missing=lambda call, uid: uid == f"uid{row}", most_calls=200, **SERVERS[kind]
    )
    with pytest.raises(ListingIncomplete):
        listed(server, page_size=page_size)


@pytest.mark.parametrize("page_size", [7, 100])
@pytest.mark.parametrize("uid", ["uid6", "uid65", "uid100"])
@pytest.mark.parametrize(("query", "kind"), [(CREATED, "totals"), (BookingQuery(), "no-pagination")])
def test_without_a_total_a_short_page_costs_no_more_than_its_missing_row(page_size, uid, query, kind):
    """Where no total proves a page, one that leaves out a row loses at most that row, never those behind it."""
    server = ListServer(bookings_in_groups(300, 11), missing=missing_once(uid), **SERVERS[kind])
    found = listed(server, query, page_size=page_size)
    assert len(uids(found)) == len(set(uids(found)))
    assert set(uids(server.bookings)) - set(uids(found)) <= {uid}


def changed_at(call_number: int, change):
    def before_call(server: ListServer, call: int) -> None:
        if call == call_number:
            change(server)

    return before_call


NEW = bookings_in_groups(1, 1)[0] | {"uid": "new"}


@settings(max_examples=examples(15, 300))
@given(
    kind=sampled_from(["totals", "no-pagination"]),
    page_size=sampled_from([7, 100]),
    call=sampled_from([2, 4]),
    at=integers(0, 29),
    group=sampled_from([1, 10, 280]),
)
@example(kind="totals", page_size=7, call=2, at=0, group=10)
@example(kind="no-pagination", page_size=100, call=2, at=29, group=1)
def test_a_booking_made_during_the_walk(kind, page_size, call, at, group):
    """A booking that is made meanwhile may be listed or not; all others are, each once."""

    def add(server: ListServer) -> None:
        server.bookings.append(NEW | {"start": minute(at), "end": minute(at + 30)})

    server = ListServer(bookings_in_groups(300, group), before_call=changed_at(call, add), **SERVERS[kind])
    before = set(uids(server.bookings))
    found = uids(listed(server, page_size=page_size))
    assert len(found) == len(set(found))
    assert before <= set(found) <= before | {"new"}


@settings(max_examples=examples(20, 300))
@given(
    kind=sampled_from(["totals", "no-pagination"]),
    page_size=sampled_from([7, 100]),
    call=sampled_from([2, 4]),
    row=ROWS,
    group=sampled_from([1, 10, 280]),
)
@example(kind="totals", page_size=7, call=2, row=0, group=10)
@example(kind="totals", page_size=100, call=2, row=299, group=1)
@example(kind="no-pagination", page_size=7, call=4, row=6, group=1)
def test_a_booking_cancelled_during_the_walk(kind, page_size, call, row, group):
    """A booking that leaves the list meanwhile may be listed or not; all others are, each once."""
    gone = f"uid{row}"

    def cancel(server: ListServer) -> None:
        server.bookings = [booking for booking in server.bookings if booking["uid"] != gone]

    server = ListServer(bookings_in_groups(300, group), before_call=changed_at(call, cancel), **SERVERS[kind])
    before = set(uids(server.bookings))
    found = uids(listed(server, page_size=page_size))
    assert len(found) == len(set(found))
    assert before - {gone} <= set(found) <= before


def test_a_list_that_changes_for_ever_ends():
    """A list to which something is added before each call ends, in the list or in ListingIncomplete."""

    def add(server: ListServer, call: int) -> None:
        server.bookings.append(NEW | {"uid": f"new{call}", "start": minute(call % 30)})

    server = ListServer(bookings_in_groups(300, 1), before_call=add, most_calls=900)
    try:
        found = uids(listed(server, page_size=10))
    except ListingIncomplete:
        return
    assert {f"uid{number}" for number in range(300)} <= set(found)


@pytest.mark.parametrize(("count", "page_size"), [(0, 50), (1, 1), (100, 250), (101, 100), (450, 250)])
def test_by_cursor(both, count, page_size):
    """From 2026-05-01 on, pages follow their cursor, at most 100 bookings each."""
    server = CursorServer(bookings_in_groups(count, 4))
    found = both.list(server, page_size=page_size, api_version="2026-05-01")
    assert uids(found) == uids(server.bookings)
    assert len(server.calls) == max(1, -(-count // min(page_size, 100)))


def test_by_cursor_with_filters():
    """The query's filters go along with each cursor, and are applied again to what comes back."""
    server = CursorServer(bookings_in_groups(300, 1))
    query = BookingQuery(status="past", after_start=minute(200))
    found = Both("sync").list(server, query, api_version="2026-05-01")
    assert uids(found) == [f"uid{number}" for number in range(200, 300)]
    assert {(call["status"], call["afterStart"]) for call in server.calls} == {("past", minute(200))}


@pytest.mark.parametrize(
    "next_cursor",
    [lambda place: "0", lambda place: "100", lambda place: str((place + 100) % 300), lambda place: str(place % 200)],
)
def test_a_cursor_that_goes_in_circles_is_reported(next_cursor):
    """A cursor that comes a second time, at once or after others, ends in ListingIncomplete and not in a circle."""
    server = CursorServer(bookings_in_groups(1000, 1), next_cursor, most_calls=60)
    with pytest.raises(ListingIncomplete):
        Both("sync").list(server, page_size=100, api_version="2026-05-01")


@pytest.mark.parametrize("page_size", [0, -1, 251, 1.0, "100", None, True])
def test_page_size_is_checked(page_size):
    """A page size out of range is refused before any call, and the text names it."""
    with pytest.raises(InvalidArgument, match="page_size must be from 1 to 250"):
        listing.walk(BookingQuery(), page_size=page_size)


def test_a_walk_sends_nothing_itself():
    """A walk is a generator of endpoints that anyone may drive."""
    walk = listing.walk(BookingQuery())
    step = walk.send(None)
    assert isinstance(step, Endpoint)
    assert not step.writes
    with pytest.raises(RuntimeError, match="must be sent the page"):
        walk.send(None)


@pytest.mark.parametrize("start", ["soon", "2026-11-20T09:00:00", "", "2026-13-01T00:00:00Z"])
def test_a_start_that_cant_be_parsed(start):
    """A booking whose start can't be read or compared ends in an error of ours."""
    server = ListServer([NEW | {"start": start}, NEW | {"uid": "other"}], ignores=["afterStart"])
    with pytest.raises(UnexpectedAnswer):
        Both("sync").list(server, BookingQuery(after_start="2020-01-01"), page_size=1)


def peak_of_walk(count: int) -> tuple[int, int, int]:
    """Walk lazily, and give how many came, the calls and the peak of memory in bytes."""
    server = EndlessServer(count)
    walk = listing.walk(BookingQuery(), page_size=250)
    number, page = 0, None
    tracemalloc.start()
    try:
        while True:
            step = walk.send(page)
            page = None
            if isinstance(step, listing.Found):
                number += len(step.bookings)
            else:
                page = server.page(dict(step.params))
    except StopIteration:
        return number, server.calls, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_list():
    """Little more than a page is ever held, however long the list."""
    small, _, small_peak = peak_of_walk(5_000)
    large, calls, large_peak = peak_of_walk(20_000)
    assert (small, large) == (5_000, 20_000)
    assert calls <= 1.3 * 20_000 / 250 + 3
    assert large_peak < 3_000_000
    assert large_peak < 1.5 * small_peak


def test_bookings_come_while_the_walk_goes_on():
    """The first bookings are given before the last page is requested."""
    server = ListServer(bookings_in_groups(1000, 1))
    with CalComClient(SETTINGS, transport=httpx.MockTransport(server)) as client:
        assert next(client.list_bookings(page_size=100))["uid"] == "uid0"
    assert len(server.calls) == 1


@pytest.mark.parametrize("group", [1, 300])
def test_a_server_that_ignores_offsets_is_reported(group):
    """Pages that repeat for ever, from a server without a count, end in ListingIncomplete and not in a circle."""
    server = ListServer(bookings_in_groups(300, group), total=None, most_calls=200)

    def handler(request: httpx.Request) -> httpx.Response:
        params = request.url.params.set("skip", "0").remove("afterStart")
        return server(httpx.Request("GET", request.url.copy_with(params=params)))

    with pytest.raises(ListingIncomplete):
        Both("sync").list(handler, page_size=100)


@pytest.mark.parametrize("page_size", [1, 2, 3, 7, 100])
def test_a_count_that_is_too_low_loses_nothing(page_size):
    """A count that is one too low ends in the whole list or in ListingIncomplete."""
    server = ListServer(bookings_in_groups(28, 1), total=lambda params, count: count - 1, most_calls=400)
    try:
        found = Both("sync").list(server, page_size=page_size)
    except ListingIncomplete:
        return
    assert_each_once(found, server)


@pytest.mark.parametrize(
    "page",
    [lambda call: [], lambda call: bookings_in_groups(3, 1), lambda call: bookings_in_groups(9, 1)[call % 3 * 3 :][:3]],
    ids=["empty", "the same", "a circle of three"],
)
def test_by_cursor_a_list_without_end_ends(page):
    """Where each page has another cursor and nothing new, the walk ends in an error, and no booking comes twice."""
    calls: list[httpx.Request] = []
    given: list[str] = []

    def server(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        assert len(calls) < 50, "the walk has no end"
        pagination = {"hasMore": True, "nextCursor": f"c{len(calls)}"}
        return httpx.Response(200, json=success(page(len(calls)), pagination=pagination))

    with (
        CalComClient(replace(SETTINGS, api_version="2026-05-01"), transport=httpx.MockTransport(server)) as client,
        pytest.raises(ListingIncomplete, match="brings no booking"),
    ):
        given.extend(found["uid"] for found in client.list_bookings())
    assert len(given) == len(set(given))


def test_by_cursor_one_status_only():
    """By cursor Cal.com takes one status; several are refused before any call."""
    with pytest.raises(InvalidArgument, match="status"):
        list(listing.walk(BookingQuery(status=["past", "upcoming"]), api_version="2026-05-01"))
