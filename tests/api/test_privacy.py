"""No key, token, password, address or name that was sent is in an error, its causes, its repr or a line of the log.

All that could be somebody's secret here has the word canary in it.
"""

from __future__ import annotations

import base64
import json
import logging
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from airflow_provider_calcom.api import endpoints, errors, marking, responses
from airflow_provider_calcom.api.mark_request import MarkRequest, parse_attendees
from airflow_provider_calcom.api.marking import mark_no_shows
from airflow_provider_calcom.api.query import BookingQuery, list_path
from airflow_provider_calcom.api.settings import RetryLimits, settings_from_connection
from airflow_provider_calcom.api.waiting import BookingWait, WaitOptions
from airflow_provider_calcom.api.webhooks import parse_event
from airflow_provider_calcom.hooks.calcom import CalComHook
from tests.api.fakes import FakeCalCom
from tests.api.support import SETTINGS, Both, answering, booking, success
from tests.raw_server import raw_server

ADDRESS = "canary.person@victim.example"
NAME = "Canary O'Lastname"
KEY = "cal_live_canary4f9a77bb1c2d55aa"
TOKEN = "canaryT0ken-4f9a77bb1c2d"
PROXY = "http://canary-user:canary-pw-77@127.0.0.1"
SECRET = "canary-webhook-secret"

ONCE = RetryLimits(attempts=1)
OURS = replace(SETTINGS, api_key=TOKEN, retry_limits=ONCE)
LIST = endpoints.bookings_page("/bookings", BookingQuery(attendee_email=ADDRESS, attendee_name=NAME).params)
MARK = endpoints.mark_and_read("uid1", attendees=[{"email": ADDRESS, "absent": True}])
CANCEL = endpoints.cancel_booking("uid1", reason=f"{NAME} is ill")
HOOK = endpoints.create_webhook(subscriber_url=f"https://x.test/{SECRET}", triggers=["X"], secret=SECRET)
CALLS = {"list": LIST, "mark": MARK, "cancel": CANCEL, "webhook": HOOK, "me": endpoints.me()}
SENT = {"list": NAME, "mark": ADDRESS, "cancel": f"{NAME} is ill", "webhook": SECRET, "me": TOKEN}

URL = f"/v2/teams/1/bookings?attendeeEmail={quote(ADDRESS)}&attendeeName={quote(NAME)}&take=1"
WORDS = (
    f"Cannot GET {URL}",
    f"{ADDRESS}, {quote(ADDRESS)}, {quote(quote(ADDRESS))} and <{ADDRESS.upper()}> are no good",
    ADDRESS.replace("@", "&#64;") + " or " + ADDRESS.replace("@", "\\u0040") + " or " + ADDRESS.replace("@", "\uff20"),
    f"access token=Bearer {TOKEN}, Bearer {TOKEN}, {TOKEN.upper()}, {KEY}, https://{TOKEN}:{TOKEN}@cal.test/v2",
    f"canary.\u200bperson@victim.example and {TOKEN[:5]}\x00{TOKEN[5:]}",
    " " * 3_968 + f"{TOKEN} {ADDRESS}",
    "x" * 4_000 + f" {TOKEN} {ADDRESS}",
    "y " * 1_990 + f"{ADDRESS} {TOKEN}",
)


def bodies(words: str) -> list[Any]:
    """All places of an error body in which a server can have words."""
    fault = {"property": words, "constraints": {words: words}, "target": {"email": ADDRESS}, "value": ADDRESS}
    nested = {"property": "0", "children": [fault], "constraints": {"x": words}}
    return [
        {"error": {"message": words, "code": words}},
        {"error": {"message": [words, {"value": ADDRESS}], "details": words}},
        {"error": {"details": {"errors": [fault, nested]}}},
        {"message": words},
        {"error": words},
        {"error_description": words},
        words,
        [words],
    ]


def everything_of(error: BaseException) -> str:
    """All that a log, a test report or a callback could show of an error and those behind it."""
    shown = [repr(error), repr(vars(error)), str(error.args)]
    shown += [
        "".join(part.format_exception_only()) for part in _chain(traceback.TracebackException.from_exception(error))
    ]
    return "\n".join(shown)


def _chain(part: traceback.TracebackException | None) -> list[traceback.TracebackException]:
    if part is None:
        return []
    behind = part.__cause__ or (None if part.__suppress_context__ else part.__context__)
    return [part, *_chain(behind)]


@pytest.fixture
def leaks(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Return a function that fails where a canary is in an error, or in anything that was logged or printed."""
    caplog.set_level(logging.DEBUG, logger="airflow_provider_calcom")
    caplog.set_level(logging.DEBUG, logger="stamina")

    def check(error: BaseException | None) -> None:
        printed = capfd.readouterr()
        logged = [f"{record.getMessage()} {record.args}" for record in caplog.records]
        shown = "\n".join([*logged, printed.out, printed.err, everything_of(error) if error else ""])
        assert "canary" not in shown.lower()

    return check


def error_of_call(both: Both, call: str, answer: httpx.Response | Exception, **options: Any) -> BaseException | None:
    try:
        both.call(answering(answer), CALLS[call], replace(OURS, **options))
    except errors.CalComError as error:
        return error
    return None


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [200, 302, 404, 422, 500])
def test_a_servers_words(call: str, status: int, leaks: Callable[..., None]) -> None:
    """Whatever a server repeats, in whatever place of its answer and however it is spelt."""
    sent = f"You sent {SENT[call]}, {quote(SENT[call])}"
    repeated = [{"message": words} for words in (*WORDS, sent, SENT[call].replace(" ", "\n"))]
    everywhere = [body for words in (WORDS[0], sent) for body in bodies(words)]
    answers = [httpx.Response(status, json=body) for body in (*repeated, *everywhere)]
    page = httpx.Response(status, text=f"<html><title>{sent} {WORDS[0]}</title></html>")
    for answer in (*answers, page):
        leaks(error_of_call(Both("sync"), call, answer))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", ["X-Request-Id", "CF-Ray", "Location", "Retry-After", "Date", "Content-Encoding"])
def test_a_servers_headers(call: str, name: str, leaks: Callable[..., None]) -> None:
    """A header may be an echo, too."""
    for value in (ADDRESS, KEY, f"Bearer {TOKEN}", SENT[call]):
        for status in (200, 500):
            leaks(error_of_call(Both("sync"), call, httpx.Response(status, json={}, headers={name: value})))


NETWORK = [
    *(httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.ReadTimeout, httpx.ReadError),
    *(httpx.RemoteProtocolError, httpx.LocalProtocolError, httpx.DecodingError, httpx.UnsupportedProtocol),
]


@pytest.mark.parametrize("kind", NETWORK)
@pytest.mark.parametrize("call", ["list", "mark"])
def test_errors_of_the_network(
    both: Both, call: str, kind: type[httpx.HTTPError], monkeypatch: pytest.MonkeyPatch, leaks: Callable[..., None]
) -> None:
    """Those of httpx and h11 quote what came, and a proxy's what was sent to it."""
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    basic = base64.b64encode(b"canary-user:canary-pw-77").decode()
    for words in (f"illegal header line: bytearray(b'X {ADDRESS} {TOKEN}')", f"407 canary-pw-77 {basic} {URL}"):
        error = error_of_call(both, call, kind(words))
        assert error is not None
        assert basic not in everything_of(error)
        leaks(error)


@pytest.mark.parametrize(
    ("pieces", "echoes"),
    [
        ((), True),
        ((f"HTTP/1.1 200 OK\r\nX Echo {ADDRESS} {TOKEN}\r\n\r\n{{}}".encode(),), False),
        ((f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{ADDRESS} {TOKEN}\r\nxx".encode(),), False),
        ((f"HTTP/9.9 {ADDRESS} {TOKEN}\r\n\r\n".encode(),), False),
        ((b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + ADDRESS.encode(),), False),
        ((f"HTTP/1.1 200 OK\r\nContent-Length: {TOKEN}\r\n\r\n{{}}".encode(),), False),
    ],
    ids=["an echo", "a header", "a chunk", "a status line", "gzip that is none", "a length"],
)
@pytest.mark.parametrize("call", ["list", "mark"])
def test_what_is_not_http(
    both: Both, call: str, pieces: tuple[bytes, ...], echoes: bool, leaks: Callable[..., None]
) -> None:
    """Over a real socket, where h11 quotes the bytes that it can't read."""
    with raw_server(*pieces, echoes=echoes) as url, pytest.raises(errors.CalComError) as raised:
        both.call(None, CALLS[call], replace(OURS, base_url=f"{url}/v2", timeout=5.0))
    leaks(raised.value)


# What a DAG author, or the connection's form, gives in the wrong place. Each raises an error of ours.

PRIVATE = (ADDRESS, KEY, TOKEN, NAME, {ADDRESS: NAME}, [ADDRESS], [{ADDRESS: True}], ADDRESS.encode(), {NAME})


def _connect(**fields: Any) -> None:
    settings_from_connection(**{"password": "cal_live_other", "host": "cal.example.com", **fields})


def _mark(**options: Any) -> None:
    MarkRequest.parse(**{"booking_uid": "uid1", "attendees": ["a@b.test"], **options})


GIVEN: dict[str, Callable[[Any], object]] = {
    **{
        name: lambda value, name=name: _mark(**{name: value})  # type: ignore[misc]
        for name in ("booking_uid", "host_absent", "on_unknown_attendee", "allow_cohosts", "dry_run")
    },
    "allowed_statuses": lambda value: _mark(allowed_statuses=[value]),
    "attendees": lambda value: _mark(attendees=[{"email": "a@b.test", "absent": value}]),
    "a key of attendees": lambda value: _mark(attendees=[{"email": "a@b.test", str(value): True}]),
    **{
        name: lambda value, name=name: BookingQuery(**{name: value})  # type: ignore[misc]
        for name in (
            "status",
            "event_type_ids",
            "team_ids",
            "booking_uid",
            "after_start",
            "before_start",
            "after_created",
        )
    },
    "page_size": lambda value: CalComHook().iterate_bookings(page_size=value).__next__(),
    "api_version": lambda value: endpoints.me().at_version(value),
    "user_id": lambda value: marking.reassign("uid1", value).send(None),
    "team_id": lambda value: list_path(None, value),
    "webhook_id": lambda value: endpoints.get_webhook(value),
    **{name: lambda value, name=name: _connect(**{name: value}) for name in ("host", "scheme", "port")},  # type: ignore[misc]
    **{
        f"extra.{name}": lambda value, name=name: _connect(extra={name: value})  # type: ignore[misc]
        for name in ("region", "api_version", "timeout", "client_id", "client_secret", "max_attempts", "web_url")
    },
}


@pytest.mark.parametrize("name", GIVEN)
def test_parameters(name: str, connect: Callable[..., None], leaks: Callable[..., None]) -> None:
    """A value that ended up in the wrong parameter is described and not shown."""
    connect(host="127.0.0.1:9", password="cal_live_other")
    for value in PRIVATE:
        try:
            GIVEN[name](value)
        except errors.CalComError as error:
            leaks(error)


# The errors of a booking.

NOW = 1_795_165_200.0 + 86_400 * 30
ROW = {"name": NAME, "email": ADDRESS, "absent": False}
HOST = {"id": 7, "name": NAME, "email": "canary.host@victim.example"}


def _booking(**fields: Any) -> dict[str, Any]:
    return booking(attendees=[ROW], hosts=[HOST], absentHost=False, **fields)


def _marked(shown: dict[str, Any], *attendees: Any, host_absent: bool | None = None, **server: Any) -> Any:
    request = MarkRequest.parse(booking_uid="uid1", attendees=list(attendees or [ADDRESS]), host_absent=host_absent)
    calcom = FakeCalCom(shown, **{"now": NOW, **server})
    return Both("sync").run(calcom, mark_no_shows(request), replace(OURS, retry_limits=ONCE))


MARKED: dict[type[errors.CalComError], Callable[[], object]] = {
    errors.BookingNotMarkable: lambda: _marked(_booking(status=NAME)),
    errors.UnknownAttendee: lambda: _marked(_booking(), "canary.other@victim.example"),
    errors.AmbiguousAttendee: lambda: _marked({**_booking(), "attendees": [ROW, ROW]}),
    errors.CoHostRefused: lambda: _marked(
        {**_booking(), "attendees": [{**ROW, "email": HOST["email"]}]}, HOST["email"]
    ),
    errors.HostUnmarkRefused: lambda: _marked({**_booking(), "absentHost": True}, host_absent=False),
    errors.BookingNotStarted: lambda: _marked(_booking(), now=0.0),
    errors.NoShowUpdateFailed: lambda: _marked(_booking(), may_mark=False),
    errors.ChangeNotVerified: lambda: _marked(_booking(), faults=["ignored"]),
    errors.OutcomeUnknown: lambda: _marked(_booking(), faults=["lost"] * 3),
}


def _waited(**fields: Any) -> None:
    wait = BookingWait(["uid1"], WaitOptions(on_rescheduled="fail"))
    wait.begin()
    wait.note({"uid1": _booking(**fields)})


def _answered(call: str, status: int, words: str) -> Callable[[], object]:
    answer = httpx.Response(status, json={"error": {"code": "X", "message": words}})
    return lambda: Both("sync").call(answering(answer), CALLS[call], OURS)


def _failed(trouble: Exception, call: str = "list") -> Callable[[], object]:
    return lambda: Both("sync").call(answering(trouble), CALLS[call], OURS)


def _without_end() -> object:
    pages = ({"hasMore": True, "nextCursor": f"c{number}"} for number in range(9))
    handler = answering(lambda _: httpx.Response(200, json=success([_booking()], pagination=next(pages))))
    return Both("sync").list(handler, settings=replace(OURS, api_version="2026-05-01"))


def _reassigned() -> object:
    answers = (success({"reassignedTo": HOST}), success({**_booking(), "hosts": []}))
    handler = answering(*(httpx.Response(200, json=answer) for answer in answers))
    return Both("sync").run(handler, marking.reassign("uid1", 7), OURS)


EVERY_CLASS: dict[type[errors.CalComError], Callable[[], object]] = {
    **MARKED,
    errors.InvalidConnection: lambda: _connect(host=ADDRESS),
    errors.InvalidArgument: lambda: _mark(booking_uid=ADDRESS),
    errors.InvalidEnvironment: _answered("list", 407, WORDS[3]),
    errors.InvalidDelivery: lambda: parse_event(json.dumps({"triggerEvent": ADDRESS, "secret": SECRET}).encode()),
    errors.InvalidCredentials: _answered("list", 401, WORDS[3]),
    errors.ExpiredCredentials: _answered("list", 498, WORDS[3]),
    errors.PermissionDenied: _answered("list", 403, f"BookingPbacGuard - {ADDRESS}"),
    errors.BookingNotFound: _answered("list", 404, f"Booking with uid={ADDRESS} not found"),
    errors.NotFound: _answered("list", 404, WORDS[1]),
    errors.ApiVersionNotServed: _answered("list", 404, WORDS[0]),
    errors.RequestRefused: _answered("list", 400, WORDS[1]),
    errors.Conflict: _answered("webhook", 409, SECRET),
    errors.RateLimited: _answered("list", 429, WORDS[3]),
    errors.ServerFault: _answered("list", 500, WORDS[1]),
    errors.LastingServerFault: _answered("list", 501, WORDS[1]),
    errors.RedirectRefused: _answered("list", 302, WORDS[0]),
    errors.UnexpectedAnswer: _answered("list", 200, WORDS[0]),
    errors.NotConnected: _failed(httpx.ConnectError(WORDS[0])),
    errors.NoAnswer: _failed(httpx.ReadError(WORDS[0])),
    errors.ListingIncomplete: _without_end,
    errors.NotReassigned: _reassigned,
    errors.BookingCancelled: lambda: _waited(status="cancelled"),
    errors.BookingRescheduled: lambda: _waited(status="cancelled", rescheduledToUid="uid2"),
}


@pytest.mark.parametrize("kind", EVERY_CLASS, ids=lambda kind: kind.__name__)
def test_every_class_of_error(kind: type[errors.CalComError], leaks: Callable[..., None]) -> None:
    """Each is raised once with canaries around it."""
    with pytest.raises(kind) as raised:
        EVERY_CLASS[kind]()
    assert type(raised.value) is kind
    leaks(raised.value)


def test_no_class_of_error_is_forgotten() -> None:
    """The table above has each."""
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.CalComError)}
    assert set(EVERY_CLASS) == kinds - {
        errors.CalComError,
        errors.InvalidValue,
        errors.TransportError,
        errors.Refused,
        errors.AccessRefused,
        errors.ChangeRejected,
    }


def test_reprs() -> None:
    """A repr ends up in logs and in reports of tests, too."""
    values = (*CALLS.values(), BookingQuery(attendee_email=ADDRESS, attendee_name=NAME), OURS)
    marks = parse_attendees([ADDRESS])
    answer = responses.Response(success(_booking()), {})
    assert "canary" not in repr((*values, *marks, answer)).lower()
