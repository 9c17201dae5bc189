"""GET of one booking, and pages of the list."""

from typing import Any

import pytest

from tests.sandbox.conftest import OTHER, Client


def _list(client: Client, query: str = "take=250", **options: Any) -> list[str]:
    return [row["uid"] for row in client.get(f"/v2/bookings?{query}", **options).json()["data"]]


def test_one_booking_needs_no_authentication(newest: Client) -> None:
    """But an invalid key is rejected."""
    newest.headers.pop("Authorization")
    assert newest.get("/v2/bookings/sandbox-yesterday-1").status_code == 200
    headers = {"Authorization": "Bearer cal_live_nosuch"}
    assert newest.get("/v2/bookings/sandbox-yesterday-1", headers=headers).status_code == 401


def test_an_unknown_booking_is_404(newest: Client) -> None:
    """The message differs from that of mark-absent."""
    response = newest.get("/v2/bookings/nosuch")
    assert response.json()["error"]["message"] == "Booking with uid=nosuch was not found in the database"
    assert response.status_code == 404


def test_a_series_uid_returns_its_occurrences(newest: Client) -> None:
    """`data` is then a list, by start."""
    data = newest.get("/v2/bookings/sandbox-series").json()["data"]
    assert [row["uid"] for row in data] == [f"sandbox-series-{number}" for number in (1, 2, 3, 4)]
    assert {row["recurringBookingUid"] for row in data} == {"sandbox-series"}


def test_seats_are_shown_to_the_organiser_only(client: Client) -> None:
    """Other users get the booking without its attendees."""
    own = client.get("/v2/bookings/sandbox-seated").json()["data"]
    foreign = client.get("/v2/bookings/sandbox-seated", headers=OTHER).json()["data"]
    assert len({row["seatUid"] for row in own["attendees"]}) == 3
    assert foreign["attendees"] == []
    assert "bookingFieldsResponses" not in own


def test_empty_reasons_are_left_out_in_2025_08_only(client: Client, build: str) -> None:
    """Later builds send "" and null."""
    data = client.get("/v2/bookings/sandbox-yesterday-1").json()["data"]
    assert ("cancellationReason" in data, "displayEmail" in data["attendees"][0]) == (
        build != "2025-08",
        build >= "2026",
    )
    cancelled = client.get("/v2/bookings/sandbox-cancelled").json()["data"]
    assert cancelled["cancelledByEmail"] == "carol@example.org"


def test_attendees_and_seats_have_routes_since_2026(client: Client, build: str) -> None:
    """The other builds do not have the routes."""
    seat = client.get("/v2/bookings/sandbox-seated").json()["data"]["attendees"][0]["seatUid"]
    responses = [client.get(f"/v2/bookings/{path}") for path in ("sandbox-seated/attendees", f"by-seat/{seat}")]
    assert {response.status_code for response in responses} == {200 if build >= "2026" else 404}
    if build >= "2026":
        assert len(responses[0].json()["data"]) == 3
        assert responses[1].json()["data"]["uid"] == "sandbox-seated"


def test_the_list_has_own_bookings_as_organiser_or_attendee(newest: Client) -> None:
    """A co-host has the team's booking in the list as one of its attendees."""
    assert "sandbox-of-other" not in _list(newest)
    assert sorted(_list(newest, headers=OTHER)) == ["sandbox-of-other", "sandbox-team"]


def test_status_words(newest: Client) -> None:
    """`past` includes pending bookings, `upcoming` meetings in progress, `cancelled` rejected bookings."""
    past, upcoming = _list(newest, "status=past&take=250"), _list(newest, "status=upcoming&take=250")
    assert "sandbox-pending" in past
    assert "sandbox-in-progress" in upcoming
    assert "sandbox-cancelled" not in past + upcoming
    assert sorted(_list(newest, "status=cancelled")) == ["sandbox-cancelled", "sandbox-rejected"]
    assert _list(newest, "status=unconfirmed") == []
    assert _list(newest, "status=recurring") == ["sandbox-series-4"]
    assert len(_list(newest, "status=past,upcoming&take=250")) == len(past) + len(upcoming)
    assert len(_list(newest, "status=past&status=upcoming&take=250")) == len(past) + len(upcoming)


def test_orders(newest: Client) -> None:
    """Newest first for `past` alone, else oldest first; sort keys override it, an unknown key does not."""
    starts = {
        query: [row["start"] for row in newest.get(f"/v2/bookings?take=250&{query}").json()["data"]]
        for query in ("status=past", "status=upcoming", "status=past,upcoming", "sortStart=desc", "sortUpdated=desc")
    }
    falling = {query for query, found in starts.items() if found == sorted(found, reverse=True)}
    assert falling == {"status=past", "sortStart=desc"}
    assert all(found == sorted(found) for query, found in starts.items() if query not in falling)


def test_offset_pages_lose_and_repeat_bookings_of_one_start(newest: Client) -> None:
    """The order of ties differs between pages, but a page is always the same; totals are right."""
    pages = [newest.get(f"/v2/bookings?status=past&take=2&skip={skip}").json() for skip in range(0, 30, 2)]
    walked = [row["uid"] for page in pages for row in page["data"]]
    whole = _list(newest, "status=past&take=250")
    assert {page["pagination"]["totalItems"] for page in pages} == {len(whole)}
    assert set(walked) < set(whole)
    assert len(walked) > len(set(walked))
    assert pages[3]["data"] == newest.get("/v2/bookings?status=past&take=2&skip=6").json()["data"]


def test_totals_ignore_the_created_and_updated_filters(newest: Client) -> None:
    """An empty page can have a next page."""
    body = newest.get("/v2/bookings?take=10&skip=10&beforeCreatedAt=2020-01-01T00:00:00Z").json()
    assert (body["data"], body["pagination"]["hasNextPage"], body["pagination"]["returnedItems"]) == ([], True, 10)
    assert body["pagination"]["totalItems"] == len(_list(newest))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("take=5", (5, 1, 8, True, False)),
        ("take=5&skip=35", (2, 8, 8, False, True)),
        ("skip=1000", (0, 1, 1, False, False)),
        ("attendeeEmail=nosuch", (0, 0, 0, False, False)),
    ],
)
def test_pagination(newest: Client, query: str, expected: Any) -> None:
    """The page number is at most that of the last page, and 0 for no result."""
    body = newest.get(f"/v2/bookings?{query}").json()["pagination"]
    names = ("returnedItems", "currentPage", "totalPages", "hasNextPage", "hasPreviousPage")
    assert tuple(body[name] for name in names) == expected


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("take=0", "take must not be less than 1"),
        ("take=251", "take must not be greater than 250"),
        ("take=abc", "take must be a number conforming to the specified constraints"),
        ("take=", "take must be a number"),
        ("skip=-1", "skip must not be less than 0"),
        ("status=PAST", "Invalid status. Allowed are upcoming, recurring, past, cancelled, unconfirmed"),
        ("status=", "Invalid status."),
        ("eventTypeId=abc", "eventTypeId must be an integer number"),
        ("eventTypeIds=1,x", "each value in eventTypeIds must be a number"),
        ("sortEnd=up", 'SortEnd must be either \\"asc\\" or \\"desc\\".'),
        ("afterStart=yesterday", "fromDate must be a valid ISO 8601 date."),
        ("beforeEnd=2026-02-30", "toDate must be a valid ISO 8601 date."),
        ("afterStart=2026-03-02T00:00:00+02:00", "fromDate must be"),
    ],
)
def test_bad_parameters(newest: Client, query: str, message: str) -> None:
    """400; a raw plus in a timestamp is an error too, since it is decoded to a space."""
    response = newest.get(f"/v2/bookings?{query}")
    assert (response.status_code, response.json()["error"]["message"]) == (400, "Bad Request Exception")
    assert message in response.text


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("attendeeEmail=Erin.Egan@Example.org", 7),
        ("attendeeEmail=erin.egan@example.org", 0),
        ("attendeeEmail=erin", 0),
        ("attendeeEmail=", 37),
        ("attendeeEmail=not-an-address", 0),
        ("attendeeEmail=dave+cal@example.org", 8),
        ("attendeeName=Erin%20Egan", 7),
        ("eventTypeId=2", 1),
        ("eventTypeIds=2,3", 5),
        ("teamsIds=1", 1),
        ("teamIds=1&foo=bar", 37),
        ("take=2.7", 2),
        ("afterStart=2026-03-04&beforeEnd=2026-03-05T00:00:00%2B00:00", 9),
        ("afterStart=2026-03-04T09:00:00.000Z&beforeEnd=2026-03-04T09:30:00", 3),
    ],
)
def test_filters(newest: Client, query: str, count: int) -> None:
    """Addresses match exactly, an empty value does not filter, unknown parameters are ignored, bounds are inclusive."""
    assert len(_list(newest, query)) == count


def test_the_uid_filter_is_ignored_in_2025_08(client: Client, build: str) -> None:
    """Dangerous: the response has all bookings."""
    assert len(_list(client, "bookingUid=sandbox-team")) == (37 if build == "2025-08" else 1)
