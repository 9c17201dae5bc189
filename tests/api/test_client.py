"""Both clients: what they send and to whom, and that no answer can lead, hold or crash them."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest

from airflow_provider_calcom import __version__
from airflow_provider_calcom.api import endpoints, errors
from airflow_provider_calcom.api.client import AsyncCalComClient, CalComClient
from airflow_provider_calcom.api.endpoints import Pause
from airflow_provider_calcom.api.models import AttendeeMark
from airflow_provider_calcom.api.query import BookingQuery
from airflow_provider_calcom.api.responses import BOOKINGS_VERSION
from airflow_provider_calcom.api.settings import ClientSettings, RetryLimits
from tests.api.support import IN_BOTH, KEY, SETTINGS, Pieces, all_texts, answering, booking, success

READ, WRITE = endpoints.me(), endpoints.mark_absent("uid1", host=True)
ME = success({"id": 7})


# Headers and addresses.


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        (SETTINGS, {"authorization": f"Bearer {KEY}", "x-cal-client-id": None, "x-cal-secret-key": None}),
        (
            ClientSettings(base_url=SETTINGS.base_url, client_id="the-client", client_secret="the-secret"),
            {"authorization": None, "x-cal-client-id": "the-client", "x-cal-secret-key": "the-secret"},
        ),
    ],
)
@IN_BOTH
def test_headers(both, settings, sent):
    """Each call says who we are in one way, what we are, the version, and that it wants JSON."""
    server = answering(httpx.Response(200, json=ME))
    both.call(server, READ, settings)
    headers = server.requests[0].headers
    assert {name: headers.get(name) for name in sent} == sent
    assert headers["user-agent"] == f"airflow-provider-calcom/{__version__}"
    assert headers["accept"] == "application/json"
    assert headers["cal-api-version"] == BOOKINGS_VERSION


def test_a_body_is_sent_as_it_was_measured(both):
    """The largest list that is let through is sent within 100 kB: letters of other scripts are not escaped."""
    marks: list[AttendeeMark] = [{"email": f"{'ü' * 300}{number}@example.org", "absent": True} for number in range(154)]
    server = answering(httpx.Response(200, json=success(booking())))
    both.call(server, endpoints.mark_absent("uid1", attendees=marks))
    request = server.requests[0]
    assert 98_000 < len(request.content) <= endpoints.LARGEST_BODY
    assert int(request.headers["content-length"]) == len(request.content)
    assert json.loads(request.content) == {"attendees": marks}
    assert request.headers["content-type"] == "application/json"
    with pytest.raises(errors.InvalidArgument):
        endpoints.mark_absent("uid1", attendees=[*marks, {"email": "ü" * 300, "absent": True}])


@pytest.mark.parametrize(
    ("of_connection", "of_call", "sent"),
    [
        (None, None, "2024-08-13"),
        ("2026-02-25", None, "2026-02-25"),
        (None, "2026-02-25", "2026-02-25"),
        ("2024-06-14", "2026-02-25", "2026-02-25"),
    ],
)
def test_api_version(both, of_connection, of_call, sent):
    """The version of the call goes before the connection's, and that before the endpoint's own."""
    server = answering(httpx.Response(200, json=ME))
    both.call(server, READ, replace(SETTINGS, api_version=of_connection), api_version=of_call)
    assert server.requests[0].headers["cal-api-version"] == sent


@IN_BOTH
def test_api_version_of_a_list(both):
    """A list is walked as the version of the connection or of the call wants it."""
    server = answering(httpx.Response(200, json=success([], pagination={"nextCursor": None, "hasMore": False})))
    both.list(server, settings=replace(SETTINGS, api_version="2026-05-01"))
    both.list(server, api_version="2026-05-01")
    assert [dict(request.url.params) for request in server.requests] == [{"limit": "100"}] * 2


@pytest.mark.parametrize("version", ["latest", "2024-8-13"])
@pytest.mark.parametrize("client", [CalComClient, AsyncCalComClient])
def test_a_bad_version_is_refused_before_any_call(both, client, version):
    """A version that is not a date is refused: in settings when the client is made, in a call before it is sent."""
    with pytest.raises(errors.InvalidArgument, match="api_version"):
        client(replace(SETTINGS, api_version=version))
    server = answering(httpx.Response(200, json=ME))
    assert type(both.error(server, READ, api_version=version)) is errors.InvalidArgument
    assert server.requests == []


def test_addresses_in_a_query_are_encoded(both):
    """An address with a plus sign, a name with blanks and other letters arrive as they were given."""
    server = answering(httpx.Response(200, json=success([], pagination={"totalItems": 0})))
    query = BookingQuery(attendee_email="ann+cal@example.org", attendee_name="Ann & Bob Ä=ö")
    both.list(server, query)
    (request,) = server.requests
    assert b"attendeeEmail=ann%2Bcal%40example.org" in request.url.query
    assert b"+cal" not in request.url.query
    assert request.url.params["attendeeEmail"] == "ann+cal@example.org"
    assert request.url.params["attendeeName"] == "Ann & Bob Ä=ö"


@pytest.mark.parametrize("path", ["", "/api"])
def test_base_url(both, path):
    """A call goes below the base URL of the settings, whatever its path."""
    server = answering(httpx.Response(200, json=ME))
    both.call(server, READ, replace(SETTINGS, base_url=f"https://cal.test:8443{path}/v2"))
    assert str(server.requests[0].url) == f"https://cal.test:8443{path}/v2/me"


# Redirects.


@IN_BOTH
@pytest.mark.parametrize("endpoint", [READ, WRITE], ids=["read", "write"])
def test_no_redirect_is_followed(both, endpoint):
    """A redirect is never followed, so that the key never goes to another host; the error says so."""
    for status in (300, 301, 302, 303, 304, 307, 308):
        headers = {"Location": "https://evil.test/v2/me"} if status > 300 else {}
        server = answering(httpx.Response(status, headers=headers), httpx.Response(200, json=ME))
        assert type(both.error(server, endpoint)) is errors.RedirectRefused
        assert [request.url.host for request in server.requests] == ["cal.test"]


# Answers that are not Cal.com's.

HTML = "<!doctype html><html><body>Sign in</body></html>"
UNREADABLE = [
    b"", b" ", HTML.encode(), b'{"status": "success", "data": {"id": 7', b"null", b"[]", b'"text"', b"\xff\xfe\xfa",
    b"NaN", b"1" * 5000, b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    b'{"status": "error"}',
]  # fmt: skip


@pytest.mark.parametrize("content", UNREADABLE, ids=lambda content: repr(content[:20]))
def test_a_response_that_cant_be_read(both, content):
    """HTML, cut or very deep JSON and other shapes: unexpected for a read, an unknown outcome for a write."""
    server = answering(httpx.Response(201, content=content, headers={"X-Request-Id": "id1"}))
    error = both.error(server, READ)
    assert type(error) is errors.UnexpectedAnswer
    assert "GET /me: status 201, request id id1" in str(error)
    assert len(server.requests) == 1
    server = answering(httpx.Response(201, content=content))
    assert type(both.error(server, WRITE)) is errors.OutcomeUnknown
    assert len(server.requests) == 1


@pytest.mark.parametrize("content", UNREADABLE[2:6], ids=lambda content: repr(content[:20]))
@pytest.mark.parametrize("status", [400, 404, 500])
def test_an_error_that_cant_be_read(both, content, status):
    """An error answer whose body can't be read gives the class of its status, a web page that of another server."""
    wanted = {400: errors.RequestRefused, 404: errors.NotFound, 500: errors.ServerFault}
    if content == HTML.encode():
        wanted |= {400: errors.UnexpectedAnswer, 404: errors.UnexpectedAnswer}
    assert type(both.error(answering(httpx.Response(status, content=content)), READ)) is wanted[status]


def test_json_with_a_byte_order_mark_is_read(both):
    """JSON in UTF-8 with a byte order mark is read."""
    content = b"\xef\xbb\xbf" + json.dumps(ME).encode()
    assert both.call(answering(httpx.Response(200, content=content)), READ) == {"id": 7}


@pytest.mark.parametrize("coding", ["gzip", None])
@IN_BOTH
def test_packed_responses_are_unpacked(both, coding):
    """An answer may come packed with gzip."""
    content = json.dumps(ME).encode()
    if coding:
        content = gzip.compress(content)
    headers = {"Content-Encoding": coding} if coding else {}

    def server(request):
        assert "gzip" in request.headers["accept-encoding"]
        return httpx.Response(200, headers=headers, stream=Pieces(content[:5], content[5:]))

    assert both.call(server, READ) == {"id": 7}


@pytest.mark.parametrize(("endpoint", "error"), [(READ, errors.UnexpectedAnswer), (WRITE, errors.OutcomeUnknown)])
@IN_BOTH
def test_a_response_that_cant_be_unpacked(both, endpoint, error):
    """An answer that says gzip and is none is not Cal.com's."""

    def server(request):
        return httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=Pieces(b"no gzip at all"))

    assert type(both.error(server, endpoint)) is error


@pytest.mark.parametrize(("endpoint", "error"), [(READ, errors.UnexpectedAnswer), (WRITE, errors.OutcomeUnknown)])
@pytest.mark.parametrize("status", [200, 500])
@IN_BOTH
def test_a_huge_response_is_not_read_to_its_end(both, endpoint, error, status):
    """Reading stops where an answer is larger than allowed, however much more there is."""
    bodies: list[Pieces] = []

    def server(request):
        bodies.append(Pieces(endless=b"x" * 10_000))
        return httpx.Response(status, stream=bodies[-1])

    caught = both.error(server, endpoint, replace(SETTINGS, largest_answer=100_000))
    assert type(caught) is error
    assert "larger than 100,000 bytes" in str(caught)
    assert [body.read_bytes for body in bodies] == [110_000]


def test_a_huge_response_is_measured_unpacked(both):
    """A small packed answer that unpacks to too much is refused as well."""
    content = gzip.compress(b"x" * 1_000_000)

    def server(request):
        return httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=Pieces(content))

    assert type(both.error(server, READ, replace(SETTINGS, largest_answer=100_000))) is errors.UnexpectedAnswer


@pytest.mark.parametrize(("endpoint", "error"), [(READ, errors.NoAnswer), (WRITE, errors.OutcomeUnknown)])
@IN_BOTH
def test_a_response_that_drips_for_ever_ends(both, endpoint, error):
    """An answer that comes byte by byte ends with total_timeout, although no single pause is long."""
    now = [0.0]
    bodies: list[Pieces] = []

    def wait():
        now[0] += 20.0

    def server(request):
        bodies.append(Pieces(endless=b" ", before_piece=wait))
        return httpx.Response(200, stream=bodies[-1])

    settings = replace(SETTINGS, total_timeout=120.0, retry_limits=RetryLimits(attempts=1))
    assert type(both.error(server, endpoint, settings, clock=lambda: now[0])) is error
    assert [body.read_bytes for body in bodies] == [7]


# No answer at all.


@pytest.mark.parametrize(
    ("trouble", "of_read", "of_write"),
    [
        (httpx.ConnectError, errors.NotConnected, errors.NotConnected),
        (httpx.ConnectTimeout, errors.NotConnected, errors.NotConnected),
        (httpx.PoolTimeout, errors.NotConnected, errors.NotConnected),
        (httpx.ProxyError, errors.NotConnected, errors.NotConnected),
        (httpx.ReadTimeout, errors.NoAnswer, errors.OutcomeUnknown),
        (httpx.WriteTimeout, errors.NoAnswer, errors.OutcomeUnknown),
        (httpx.ReadError, errors.NoAnswer, errors.OutcomeUnknown),
        (httpx.WriteError, errors.NoAnswer, errors.OutcomeUnknown),
        (httpx.CloseError, errors.NoAnswer, errors.OutcomeUnknown),
        (httpx.RemoteProtocolError, errors.NoAnswer, errors.OutcomeUnknown),
        (httpx.LocalProtocolError, errors.NoAnswer, errors.OutcomeUnknown),
    ],
)
def test_connection_errors(both, trouble, of_read, of_write):
    """Where nothing was sent that is certain; else nothing was changed by a reading call, and a write is unknown."""
    error = both.error(answering(trouble("gone")), READ, replace(SETTINGS, retry_limits=RetryLimits(1)))
    assert type(error) is of_read
    assert trouble.__name__ in str(error)
    assert str(error).endswith("(GET /me: no response)")
    server = answering(trouble("gone"))
    assert type(both.error(server, WRITE, replace(SETTINGS, retry_limits=RetryLimits(3)))) is of_write
    assert len(server.requests) == (3 if of_write is errors.NotConnected else 1)


@pytest.mark.parametrize("trouble", [httpx.ReadError, httpx.ReadTimeout, httpx.RemoteProtocolError])
@pytest.mark.parametrize(("endpoint", "error"), [(READ, errors.NoAnswer), (WRITE, errors.OutcomeUnknown)])
@IN_BOTH
def test_a_connection_that_breaks_within_the_response(both, trouble, endpoint, error):
    """A connection that breaks within the answer is as one without answer."""

    def fail():
        raise trouble("gone")

    def server(request):
        return httpx.Response(200, stream=Pieces(b'{"sta', b'tus"', before_piece=fail))

    assert type(both.error(server, endpoint, replace(SETTINGS, retry_limits=RetryLimits(2)))) is error


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 524])
def test_a_write_with_a_gateways_error_is_sent_once(both, status):
    """A write that ends in a gateway's error is never sent again blindly."""
    server = answering(httpx.Response(status, text="Bad gateway"))
    assert type(both.error(server, WRITE)) is errors.OutcomeUnknown
    assert len(server.requests) == 1


# Logs.


@IN_BOTH
def test_the_log_has_each_call_and_no_address(both, caplog):
    """Each call has its line, without its query: a filter for an attendee's address may be in it."""
    caplog.set_level(logging.DEBUG)
    server = answering(httpx.Response(200, json=success([], pagination={"totalItems": 0})))
    both.list(server, BookingQuery(attendee_email="ann+cal@example.org"))
    assert "attendeeEmail=ann" in str(server.requests[0].url)
    assert "GET /bookings: 200" in caplog.messages
    assert "example.org" not in caplog.text
    assert "ann" not in caplog.text


def test_the_key_is_never_logged(both, caplog):
    """The key is in no line of the log, not even at DEBUG, nor in the repr of a client."""
    caplog.set_level(logging.DEBUG)
    both.call(answering(httpx.Response(200, json=ME)), READ)
    error = both.error(answering(httpx.Response(500)), READ)
    assert KEY not in caplog.text + all_texts(error) + repr(CalComClient(SETTINGS))


# Flows and closing.


@IN_BOTH
def test_a_flow_is_driven_with_results_errors_and_pauses(both):
    """A flow is sent each result, gets each error thrown in, and is paused by the client's own sleep."""

    def flow():
        user = yield READ
        yield Pause(2.5)
        try:
            yield endpoints.get_booking("nosuch")
        except errors.BookingNotFound as error:
            return user["id"], error.status
        return None

    not_found = httpx.Response(404, json={"error": {"message": "Booking with uid=nosuch not found."}})
    pauses: list[float] = []
    assert both.run(answering(httpx.Response(200, json=ME), not_found), flow(), pauses=pauses) == (7, 404)
    assert pauses == [2.5]


@IN_BOTH
def test_an_error_that_a_flow_does_not_catch_is_raised(both):
    """An error that a flow does not catch reaches the caller as it is."""

    def flow():
        return (yield READ)

    with pytest.raises(errors.InvalidCredentials):
        both.run(answering(httpx.Response(401)), flow())


@IN_BOTH
def test_a_closed_client_is_closed(both):
    """A client is a context manager that closes its connections."""
    with CalComClient(SETTINGS, transport=httpx.MockTransport(answering(httpx.Response(200, json=ME)))) as client:
        client.call(READ)
    with pytest.raises(RuntimeError, match="closed"):
        client.call(READ)


def test_a_closed_async_client_is_closed():
    """And so does the async one: it would open connections that nobody closes."""

    async def use() -> None:
        async with AsyncCalComClient(SETTINGS, transport=httpx.MockTransport(answering(answer))) as client:
            await client.call(READ)
        with pytest.raises(RuntimeError, match="closed"):
            await client.call(READ)

    answer = httpx.Response(200, json=ME)
    asyncio.run(use())


def test_responses_come_whole(both):
    """A booking is given as Cal.com sent it, with fields that nobody here knows."""
    item = booking("uid1", newField={"deep": [1, None, "ä"]})
    assert both.call(answering(httpx.Response(200, json=success(item))), endpoints.get_booking("uid1")) == item


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "ZSTD", "gzip;x"])
@pytest.mark.parametrize(("endpoint", "error"), [(READ, errors.UnexpectedAnswer), (WRITE, errors.OutcomeUnknown)])
def test_a_response_packed_as_nobody_requested_is_refused_unread(both, encoding, endpoint, error):
    """2 kB of brotli, or of gzip twice, can be gigabytes, which no limit on pieces holds back."""
    body = Pieces(endless=b"x" * 1000)
    caught = both.error(lambda _: httpx.Response(200, headers={"Content-Encoding": encoding}, stream=body), endpoint)
    assert type(caught) is error
    assert "Content-Encoding" in str(caught)
    assert body.read_bytes == 0


def test_the_servers_clock_is_known_from_its_responses():
    """So that a worker's wrong clock decides nothing: ours counts only until the first answer."""
    answer = httpx.Response(200, json=success({"id": 1}), headers={"Date": "Thu, 19 Nov 2026 12:00:00 GMT"})
    ours = 1_000_000_000.0
    with CalComClient(SETTINGS, transport=httpx.MockTransport(answering(answer)), wall_clock=lambda: ours) as client:
        assert client.server_time == ours
        client.call(endpoints.me())
        assert client.server_time == datetime(2026, 11, 19, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(("level", "logged"), [(logging.INFO, ["GET /me: 200"]), (logging.DEBUG, ["GET /me: 200"] * 2)])
def test_a_large_run_is_not_logged_call_by_call(caplog, level, logged):
    """The async client, which makes many calls, logs them at DEBUG only; the sync one at INFO."""
    caplog.set_level(level, logger="airflow_provider_calcom")

    async def request() -> None:
        async with AsyncCalComClient(SETTINGS, transport=httpx.MockTransport(answering(answer))) as client:
            await client.call(READ)

    answer = httpx.Response(200, json=ME)
    with CalComClient(SETTINGS, transport=httpx.MockTransport(answering(answer))) as client:
        client.call(READ)
    asyncio.run(request())
    assert [one.getMessage() for one in caplog.records if one.name.startswith("airflow_provider_calcom")] == logged
