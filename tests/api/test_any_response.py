"""Whatever a server answers, whatever a connection or the environment holds: a right result or an error of ours."""

from __future__ import annotations

import copy
import itertools
import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from unittest import mock

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_calcom.api import endpoints, errors
from airflow_provider_calcom.api.client import CalComClient
from airflow_provider_calcom.api.endpoints import Endpoint
from airflow_provider_calcom.api.listing import all_webhooks
from airflow_provider_calcom.api.mark_request import MarkRequest
from airflow_provider_calcom.api.marking import mark_no_shows, reassign
from airflow_provider_calcom.api.pacing import Pacer
from airflow_provider_calcom.api.query import BookingQuery
from airflow_provider_calcom.api.settings import ClientSettings, RetryLimits, settings_from_connection
from airflow_provider_calcom.api.transport import proxy_secrets, transport_options
from tests.api.support import KEY, SETTINGS, booking, success
from tests.wild import limits

ONCE = ClientSettings(base_url=SETTINGS.base_url, api_key=KEY, retry_limits=RetryLimits(attempts=1))

ANY_TEXT = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "2026-11-20", "2026-11-20T09:00:00",
                     "2026-11-20T09:00:00+99:99", "a@b.test", "ann@example.org", "true", "-1", "\ud800", "\x00"]),
)  # fmt: skip
ANY_NUMBER = st.one_of(
    st.integers(-3, 3), st.sampled_from([10**400, -(10**400), 2**63, 1e308, float("inf"), float("nan")])
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | ANY_NUMBER | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)
HOST = {"id": 7, "name": "Olivia", "email": "olivia@host.example", "username": "olivia"}
ROW = {"name": "Ann", "email": "ann@example.org", "displayEmail": "ann@example.org", "absent": False}
BOOKING = booking(
    hosts=[HOST], attendees=[ROW, {**ROW, "email": "bob@example.org"}], absentHost=False, guests=["bob@example.org"],
    bookingFieldsResponses={"email": "ann@example.org", "guests": ["bob@example.org"]}, rescheduledToUid=None,
    createdAt="2026-11-01T00:00:00.000Z", updatedAt=None,
)  # fmt: skip
PAGES = {"totalItems": 1, "hasNextPage": False, "nextCursor": None, "hasMore": False}
GOOD: dict[str, Any] = {
    "GET /v2/me": success(HOST),
    "GET /v2/bookings": success([BOOKING], pagination=PAGES),
    "GET /v2/bookings/uid1": success(BOOKING),
    "POST /v2/bookings/uid1/mark-absent": success({
        **BOOKING, "absentHost": True,
        "attendees": [{**ROW, "absent": True}, {**ROW, "email": "bob@example.org", "absent": True}],
    }),
    "POST /v2/bookings/uid1/reassign/7": success({"bookingUid": "uid1", "reassignedTo": HOST}),
    "POST /v2/bookings/uid1/reassign": success({"bookingUid": "uid1", "reassignedTo": HOST}),
    "GET /v2/webhooks": success([{"id": "w1", "subscriberUrl": "https://x.test", "triggers": [], "active": True}]),
}  # fmt: skip
ERROR = {
    "status": "error", "timestamp": "2026-11-20T09:00:00Z", "path": "/v2/x", "statusCode": 400, "message": "m",
    "error": {"code": "C", "message": "m", "details": {"message": "m", "errors": [
        {"property": "attendees", "target": {}, "value": [], "children": [
            {"property": "0", "children": [], "constraints": {"isEmail": "email must be an email"}}
        ]}
    ]}},
}  # fmt: skip


def _flow(flow: Callable[[], Any]) -> Callable[[CalComClient], Any]:
    return lambda client: client.run(flow())


def _call(endpoint: endpoints.Endpoint[Any]) -> Callable[[CalComClient], Any]:
    return lambda client: client.call(endpoint)


MARK_BOTH = MarkRequest.parse(booking_uid="uid1", attendees=["ann@example.org", "bob@example.org"], host_absent=True)
QUERY = BookingQuery(after_start="2026-01-01", before_start="2027-01-01", after_created="2020-01-01")
USES: dict[str, Callable[[CalComClient], Any]] = {
    "mark": _flow(lambda: mark_no_shows(MARK_BOTH)),
    "list": lambda client: list(itertools.islice(client.list_bookings(BookingQuery(after_start="2026-01-01")), 99)),
    "list with filters": lambda client: list(itertools.islice(client.list_bookings(QUERY), 99)),
    "list by cursor": lambda client: list(itertools.islice(client.list_bookings(api_version="2026-05-01"), 99)),
    "webhooks": _flow(all_webhooks),
    "reassign": _flow(lambda: reassign("uid1")),
    "reassign to": _flow(lambda: reassign("uid1", 7)),
    "me": _call(endpoints.me()),
    "one": _call(endpoints.read_booking("uid1")),
    "a series": _call(endpoints.get_booking_series("uid1")),
}


def places_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """All places of a JSON value, its own first."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places_in(inner, (*path, key))


def put(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    """A copy of a JSON value with another one in a place."""
    if not path:
        return other
    changed = copy.deepcopy(value)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = other
    return changed


@st.composite
def changed_answers(draw: st.DrawFn, routes: list[str]) -> dict[str, tuple[int, bytes]]:
    """The answers of a server, of which one is another in one or two places, or an error.

    :param routes: those that are changed.
    """
    answers = dict(GOOD_ANSWERS)
    route = draw(st.sampled_from(routes))
    status = draw(st.sampled_from([200, 200, 200, 201, 204, 299, 300, 400, 401, 404, 408, 429, 498, 500, 599]))
    body = GOOD[route] if status < 300 else ERROR
    for _ in range(draw(st.integers(1, 2))):
        body = put(body, draw(st.sampled_from(list(places_in(body)))), draw(ANY_JSON))
    answers[route] = status, json.dumps(body).encode()
    return answers


GOOD_ANSWERS = {route: (200, json.dumps(body).encode()) for route, body in GOOD.items()}


class Endless(Exception):
    """More was called than any list here needs."""


def use_it(use: str, answers: dict[str, tuple[int, bytes]]) -> list[str]:
    """Make the calls of a use to a server with these answers, and give the routes that were called.

    It may end in an error of ours, and in no other.
    """
    called: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        called.append(f"{request.method} {request.url.path}")
        if len(called) > 500:
            raise Endless
        status, content = answers[called[-1]]
        return httpx.Response(status, content=content)

    transport = httpx.MockTransport(handler)
    with (
        suppress(errors.CalComError),
        CalComClient(ONCE, transport=transport, sleep=lambda _: None, clock=lambda: 0.0) as client,
    ):
        USES[use](client)
    return sorted(set(called))


@pytest.mark.parametrize("use", USES)
def test_any_json_in_any_place_of_a_response(use: str) -> None:
    """Each call and flow, with any JSON value in any place of any answer that it gets."""
    routes = use_it(use, GOOD_ANSWERS)

    @limits(15 * len(routes))
    @given(changed_answers(routes))
    def holds(answers: dict[str, tuple[int, bytes]]) -> None:
        use_it(use, answers)

    holds()


@limits(30)
@given(st.binary(max_size=40), st.integers(100, 999))
@example(b"\xef\xbb\xbf{}", 200)
def test_any_bytes_and_any_status(content: bytes, status: int) -> None:
    """An answer that is not JSON, with any status that HTTP has or not."""
    uses: list[Endpoint[Any]] = [endpoints.me(), endpoints.mark_absent("uid1", host=True)]
    for use in uses:
        transport = httpx.MockTransport(lambda _: httpx.Response(status, content=content))
        with pytest.raises(errors.CalComError), CalComClient(ONCE, transport=transport) as client:
            client.call(use)


HEADERS = st.fixed_dictionaries(
    {},
    optional={
        name: st.one_of(
            st.integers(-2, 200).map(str),
            st.text(st.characters(codec="latin-1", exclude_characters="\r\n\x00"), max_size=12),
            st.sampled_from(["nan", "inf", "1e400", "-1", "9" * 30, "1795165200", "1795165200000", "\u00b2", "0"]),
            st.sampled_from(["Mon, 01 Jan 0001 00:00:00 -0000", "Fri, 31 Dec 9999 23:59:59 -9999", "1 Jan 1 +9999"]),
        )
        for name in ("Date", "Retry-After", "X-Request-Id", "X-RateLimit-Limit", "X-RateLimit-Remaining",
                     "X-RateLimit-Reset", "X-RateLimit-Limit-A", "X-RateLimit-Remaining-A", "X-RateLimit-Reset-A")
    },
)  # fmt: skip


@limits(30)
@given(st.lists(st.tuples(HEADERS, st.sampled_from([200, 429, 500])), min_size=1, max_size=6))
def test_any_headers(answers: list[tuple[dict[str, str], int]]) -> None:
    """Dates, limits and waits of any content: no call fails for them, and none waits for ever."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        assert 0 <= seconds < 3600
        now[0] += seconds

    turns = iter(answers)

    def handler(_: httpx.Request) -> httpx.Response:
        headers, status = next(turns)
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        return httpx.Response(status, headers=raw, json=success(HOST))

    transport = httpx.MockTransport(handler)
    with CalComClient(ONCE, transport=transport, sleep=sleep, clock=lambda: now[0]) as client:
        for _ in answers:
            with suppress(errors.RateLimited, errors.ServerFault):
                client.call(endpoints.me())
        assert client.pacer.share is None or 0 <= client.pacer.share <= 1


@limits(30)
@given(st.lists(st.tuples(HEADERS, st.sampled_from([200, 429]), st.floats(0, 100)), max_size=8))
def test_the_pacer_never_stands_still(answers: list[tuple[dict[str, str], int, float]]) -> None:
    """After any headers a request may go within an hour."""
    now = [1000.0]
    pacer = Pacer(lambda: now[0], lambda: now[0] + 1.79e9)
    for headers, status, passed in answers:
        for _ in range(100_000):
            if (seconds := pacer.next_delay()) == 0:
                break
            now[0] += seconds
        assert now[0] < 1000 + 3600 * (1 + len(answers))
        ticket = pacer.on_sent()
        pacer.on_response(ticket, headers, status)
        now[0] += passed


FIELD = st.one_of(
    ANY_JSON,
    st.text(st.sampled_from("abc.:/@[]?#%\\ \n\t-_0189é"), max_size=20),
    st.sampled_from(["cal.example.com", "https://cal.example.com/api", "http://127.0.0.1:3000", "[::1]:80", "us", "eu",
                     "api/v2", "https", 443, "8443", "cal_live_0123456789", "2024-08-13", "12"]),
)  # fmt: skip
EXTRA_FIELDS = (
    *("region", "api_version", "timeout", "client_id", "client_secret", "allow_http", "web_url"),
    *("max_attempts", "max_retry_seconds", "else"),
)
EXTRA = st.fixed_dictionaries({}, optional=dict.fromkeys(EXTRA_FIELDS, FIELD))


@limits(60)
@given(FIELD, FIELD, FIELD, st.one_of(st.just("cal_live_0123456789"), FIELD), EXTRA)
def test_any_fields_of_a_connection(host: Any, scheme: Any, port: Any, password: Any, extra: dict[str, Any]) -> None:
    """A connection of any content can be used, or an error names its field; what can be used makes good requests."""
    refused: errors.InvalidConnection | None = None
    try:
        found = settings_from_connection(host=host, scheme=scheme, port=port, password=password, extra=extra)
    except errors.InvalidConnection as error:
        refused = error
    if refused is not None:
        assert "connection" in str(refused)
        return
    assert found.base_url.endswith("/v2")
    assert found.base_url.isascii()
    assert found.base_url.isprintable()
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=success(HOST))

    with CalComClient(found, transport=httpx.MockTransport(handler)) as client:
        client.call(endpoints.me())
    assert str(seen[0].url) == f"{found.base_url}/me"


VARIABLES = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
PROXY_LIKE = st.text(st.sampled_from("htps:/@.[]%a1-_ \n\t#?é5"), max_size=24)


@limits(50)
@given(st.dictionaries(
    st.sampled_from(["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "https_proxy", "all_proxy", "no_proxy"]),
    VARIABLES | PROXY_LIKE | PROXY_LIKE.map("http://".__add__) | PROXY_LIKE.map("socks5://".__add__),
    max_size=3,
))  # fmt: skip
def test_any_variables_of_a_proxy(variables: dict[str, str]) -> None:
    """Proxies of any content can be used, or end in the error of ours that is for them."""
    with mock.patch.dict(os.environ, variables):
        for url in ("http://cal.example.com/v2", "https://cal.example.com:8443/v2"):
            given_settings = ClientSettings(base_url=url, api_key=KEY)
            proxy_secrets(given_settings)
            # Certificates take long to read, and are not what is tried here.
            with suppress(errors.InvalidEnvironment), mock.patch("httpx.create_ssl_context"):
                transport_options(given_settings)
