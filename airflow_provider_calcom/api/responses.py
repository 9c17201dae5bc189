"""How a response is read: its body becomes the call's result, or the error of what a user can do about it.

Nothing here knows httpx. What becomes of a call without a response is in
:mod:`airflow_provider_calcom.api.transport`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, NamedTuple, Protocol, TypeVar

from airflow_provider_calcom._redact import redact
from airflow_provider_calcom.api.errors import (
    ApiVersionNotServed,
    BookingNotFound,
    BookingNotMarkable,
    BookingNotStarted,
    CalComError,
    Conflict,
    ExpiredCredentials,
    Failure,
    InvalidCredentials,
    InvalidEnvironment,
    LastingServerFault,
    NoShowUpdateFailed,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    RedirectRefused,
    RequestRefused,
    ServerFault,
    UnexpectedAnswer,
)
from airflow_provider_calcom.api.headers import request_id_of, seconds_to_wait, server_time_of
from airflow_provider_calcom.api.models import Booking, BookingReading, Me, Page

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

BOOKINGS_VERSION = "2024-08-13"
"""The version at which all servers since 2024 serve bookings and mark-absent. An unknown one means their oldest."""

PROXY_WANTS_CREDENTIALS = 407

_HTML_PAGE = "an HTML page"
"""What :class:`Failure` has for a message where a web page came, of the edge or of another server."""

_TRANSIENT_STATUSES = frozenset({500, 502, 503, 504, *range(520, 525)})
"""Statuses of a :class:`ServerFault` that may be over within seconds."""

_ERROR_CODE = re.compile(r"[A-Za-z_]{1,60}")
_MAX_FAULT_DEPTH = 20
_MAX_FAULTS = 20
_MAX_NAME_LENGTH = 100
_MAX_NUMBER = 10**30

_CURSOR_BELOW = 10**30
_CURSOR = re.compile(r"[!-~]{1,2000}")
_FLAGS = (bool, type(None))
"""Types of a no-show flag: the string ``"false"`` is true in Python, and a flag that is misread is set once more."""


class Head(NamedTuple):
    """What comes before a response's body.

    :param status: HTTP status.
    :param headers: by their names in lower case. httpx looks them up in a list, and decodes them anew each time.
    """

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Response:
    """A response with a 2xx status.

    :param body: the decoded JSON; not shown in the repr, as it is about people.
    :param headers: the headers, looked up without regard to case.
    """

    body: Any = field(repr=False)
    headers: Mapping[str, str]


class Call(Protocol[T_co]):
    """What a response belongs to; an :class:`~airflow_provider_calcom.api.endpoints.Endpoint` is one."""

    @property
    def method(self) -> str:
        """The HTTP method."""

    @property
    def path(self) -> str:
        """The path after the base URL, with its query."""

    @property
    def writes(self) -> bool:
        """True if the call changes something at Cal.com."""

    @property
    def private_values(self) -> tuple[str, ...]:
        """What no error may show of the call, such as addresses."""

    @property
    def parse(self) -> Callable[[Response], T_co]:
        """Makes the result of a response."""


@dataclass(frozen=True)
class ResponseReader:
    """Makes the result, or the error, of each response.

    :param region: ``us``, ``eu`` or ``self-hosted``: a key is unknown in any region but its own.
    :param is_platform_client: whether ``client_id`` and ``client_secret`` are sent instead of a key.
    :param secrets: our own, which no error may show.
    :param wall_clock: Unix time; for a ``Retry-After`` that is given as a time.
    """

    region: str
    is_platform_client: bool
    secrets: tuple[str, ...] = field(repr=False)
    wall_clock: Callable[[], float]

    def result(self, call: Call[T], head: Head, content: bytes) -> T:
        """Return the result of a call.

        :raises CalComError: if the status is an error's, or the body is not Cal.com's.
        """
        body = _decoded(content)
        if head.status >= 300:
            raise self._refused(call, head, body, content)
        if head.status < 200 or (body is None and content.strip()):
            explanation = "The response is not JSON (cut off, or a page of another server). Check the connection's host"
            raise self.unreadable(call, head, UnexpectedAnswer(explanation))
        try:
            return call.parse(Response(body, head.headers))
        except CalComError as error:
            raise self.unreadable(call, head, error) from error

    def unreadable(self, call: Call[Any], head: Head, error: CalComError) -> CalComError:
        """Return what to raise where a response came that can't be read: a write may have been executed."""
        failure = self._failure(call, head)
        if call.writes:
            return OutcomeUnknown(f"A write was sent, and its response can't be read: {error.explanation}", failure)
        return type(error)(error.explanation, failure)

    def _refused(self, call: Call[Any], head: Head, body: object, content: bytes) -> CalComError:
        failure = self._failure(call, head, body)
        if head.status == PROXY_WANTS_CREDENTIALS:
            return proxy_refused(failure)
        if body is None and b"<html" in content[:2000].lower():
            failure = replace(failure, message=_HTML_PAGE)
        return error_from_response(
            failure, writes=call.writes, region=self.region, is_platform_client=self.is_platform_client
        )

    def _failure(self, call: Call[Any], head: Head, body: object = None) -> Failure:
        """Return where a call failed.

        :param body: the JSON of a response with an error status.
        """
        hidden = (*self.secrets, *call.private_values)
        return Failure(
            call.method,
            call.path,
            status=head.status,
            request_id=request_id_of(head.headers, hidden),
            message=server_message(body, hidden),
            retry_after=seconds_to_wait(head.headers, self.wall_clock()),
            code=server_code(body),
        )


def proxy_refused(failure: Failure) -> InvalidEnvironment:
    """Return the error of a proxy's 407."""
    return InvalidEnvironment(
        "The proxy wants a user and password, or other ones (407). Put them into the environment variable that names"
        " it (HTTPS_PROXY, HTTP_PROXY or ALL_PROXY), as http://user:password@host:port",
        failure,
    )


def _decoded(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


# Errors.


def validation_faults(errors: object, secrets: Sequence[str] = ()) -> list[str]:
    """Return ``attendees[0].absent: must be a boolean value`` for each fault in a class-validator tree, 20 at most.

    :param errors: ``error.details.errors`` of a 400. Its ``target`` and ``value`` repeat what was sent and are not
        looked at.
    :param secrets: our own, which the text must not show.
    """
    faults = islice(_faults_below(errors, "", _MAX_FAULT_DEPTH), _MAX_FAULTS)
    return [redact(f"{path}: {rule}", secrets) for path, rule in faults]


def _faults_below(errors: object, parent: str, depth: int) -> Iterator[tuple[str, str]]:
    for error in errors if isinstance(errors, list) and depth else ():
        if not isinstance(error, Mapping):
            continue
        name = _plain_text(error.get("property"))
        name = name if 0 < len(name) <= _MAX_NAME_LENGTH else "?"
        path = f"{parent}[{name}]" if name.isdigit() and parent else f"{parent}.{name}".lstrip(".")
        constraints = error.get("constraints")
        for rule in constraints.values() if isinstance(constraints, Mapping) else ():
            yield path, _plain_text(rule).removeprefix(f"{name} ")
        yield from _faults_below(error.get("children"), path, depth - 1)


def server_message(body: Any, secrets: Sequence[str] = ()) -> str:
    """Return the server's own words in any of its error bodies, redacted; empty where there are none.

    The order covers the envelope ``{error: {message}}``, the bare ``{statusCode, message}`` and OAuth's
    ``{error, error_description}``.

    :param secrets: our own, which the text must not show.
    """
    if not isinstance(body, Mapping):
        return ""
    inner = body.get("error")
    envelope = inner if isinstance(inner, Mapping) else {}
    details = envelope.get("details")
    faults = validation_faults(details.get("errors"), secrets) if isinstance(details, Mapping) else []
    if faults:
        return redact("; ".join(faults), secrets)
    candidates = (envelope.get("message"), body.get("message"), body.get("error_description"), inner)
    return next((redact(text, secrets) for text in map(_as_text, candidates) if text), "")


def server_code(body: Any) -> str:
    """Return ``error.code`` of an error body, such as ``NotFoundException``; empty where it is not a plain word."""
    inner = body.get("error") if isinstance(body, Mapping) else None
    code = inner.get("code") if isinstance(inner, Mapping) else None
    return code if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else ""


def _as_text(value: object) -> str:
    """Return a string, a number as one, or a list of these joined; nothing of objects, which repeat what was sent."""
    if isinstance(value, list):
        return "; ".join(filter(None, map(_plain_text, value[:_MAX_FAULTS])))
    return _plain_text(value)


def _plain_text(value: object) -> str:
    if isinstance(value, int | float) and abs(value) < _MAX_NUMBER:
        return str(value)
    return value if isinstance(value, str) else ""


def error_from_response(
    failure: Failure, *, writes: bool, region: str = "self-hosted", is_platform_client: bool = False
) -> CalComError:
    """Return the error of a response with an error status.

    :param failure: the response; its ``message`` decides where one status has several meanings.
    :param writes: whether the call may have changed something, so that a gateway's 5xx leaves the outcome unknown.
    :param region: ``us``, ``eu`` or ``self-hosted``: a key is unknown in any region but its own.
    :param is_platform_client: whether ``client_id`` and ``client_secret`` were sent instead of a key.
    """
    status, message = failure.status or 0, failure.message
    if 300 <= status < 400:
        return RedirectRefused(
            "The server wants to redirect the call, which is not followed because the key would be sent along."
            " Put the final address into the connection's host",
            failure,
        )
    if message == _HTML_PAGE and 400 <= status < 500 and status not in (408, 429):
        return UnexpectedAnswer(
            "A web page came instead of a response of Cal.com's API, from a firewall or another server. Check the"
            " connection's host",
            failure,
        )
    if status in (401, 403, 498):
        return _error_of_authorisation(failure, region, is_platform_client)
    if status == 404:
        return _error_of_absence(failure)
    if status == 429:
        return RateLimited(
            "Cal.com's rate limit is used up. Everything that uses this key shares it: run fewer tasks at once",
            failure,
        )
    if status == 409:
        return Conflict("The object that was to be created exists already", failure)
    if message == "Failed to update no-show status":
        return NoShowUpdateFailed("Cal.com failed to mark attendees of this booking", failure)
    if status == 400 and "after their scheduled start time" in message:
        return BookingNotStarted("The booking has not started by the server's clock", failure)
    if status >= 500 or status == 408:
        return _error_of_server(failure, writes)
    return RequestRefused("Cal.com refused the request", failure)


def _error_of_authorisation(failure: Failure, region: str, is_platform_client: bool) -> CalComError:
    message = failure.message.lower()
    if failure.status == 498 or "expired" in message:
        return ExpiredCredentials(
            "The API key or access token has expired. Make a new one in Cal.com and put it into the connection's"
            " password",
            failure,
        )
    # What Cal.com's own handlers refuse, they refuse to somebody whom they know.
    is_known = failure.code == "TRPCError" or "not authorized" in message
    if failure.status == 401 and not is_known:
        return InvalidCredentials(_why_unknown(message, region, is_platform_client), failure)
    if "no oauth client found" in message or "no authentication" in message:
        return InvalidCredentials(_why_unknown(message, region, is_platform_client), failure)
    if message.startswith("bookingpbacguard"):
        return PermissionDenied(
            "The key's user may not see this booking, or there is none with this uid: Cal.com responds the same to"
            " both. Check booking_uid, or use the key of a host of the booking or of an admin of its team",
            failure,
        )
    return PermissionDenied("The key is good, but its user or its scopes do not allow this", failure)


def _why_unknown(message: str, region: str, is_platform_client: bool) -> str:
    hint = _HINTS_AT_OTHER_REGION.get(region, "")
    if is_platform_client:
        return (
            "Cal.com does not know this platform client, or its secret is another. Check client_id and client_secret in"
            f" the connection's extra fields{hint}"
        )
    if "no authentication" in message:
        return (
            "Cal.com saw no API key or token in the call. A proxy or gateway on the way may have taken the"
            " Authorization header out: check the connection's host"
        )
    if "access token" in message:
        return (
            "Cal.com does not know this access token. It may have expired, as OAuth tokens do after 30 to 60 minutes;"
            " or it is an API key without the prefix that this server expects (cal_). Check the connection's password;"
            f" tasks that run unattended need an API key{hint}"
        )
    return f"Cal.com does not know this API key. Check the connection's password (a key begins with cal_){hint}"


_HINTS_AT_OTHER_REGION = {
    here: f". This connection uses the region {here}; if the account is in {there}, set its region to {there}"
    for here, there in (("us", "eu"), ("eu", "us"))
}


def _error_of_absence(failure: Failure) -> CalComError:
    message = failure.message.lower()
    if message.startswith("cannot "):
        return ApiVersionNotServed(_why_no_route(failure.path), failure)
    if message.startswith("booking with seatuid"):
        return BookingNotFound("There is no booking with this seat. seat_uid is the seatUid of an attendee", failure)
    if message.startswith("booking with "):
        return BookingNotFound(
            "There is no booking with this uid. It is case-sensitive, and neither the number of a booking nor the uid"
            " of a recurring series",
            failure,
        )
    return NotFound("The requested object does not exist on the server, which names it", failure)


_PATH_OF_HOST = "Check the path in the connection's host: it must lead to Cal.com's API v2"


def _why_no_route(path: str) -> str:
    """Return why a server has no route for a path: some routes exist at one version only, some not on all servers."""
    if path == "/me" or path.startswith("/webhooks"):
        return f"The server has no such route, which every server of Cal.com's has at every version. {_PATH_OF_HOST}"
    if "/webhooks" in path:
        return (
            "The server has no such route. Cal.com's open edition has no webhooks of organisations, and servers before"
            " 2026 have none of a team's event types. Leave organization_id and team_id out to subscribe the key's"
            f" user. {_PATH_OF_HOST}"
        )
    if path.startswith(("/teams/", "/organizations/")):
        return (
            "The server has no such list. Cal.com's open edition has none of teams and organisations, and older servers"
            " have none of teams. Leave team_id, organization_id and user_id out to list the bookings that the key's"
            f" user may see. {_PATH_OF_HOST}"
        )
    if path.startswith("/bookings/by-seat/") or path.endswith(("/attendees", "/conferencing-sessions")):
        return (
            "The server has no such route. Servers of 2025 lack it, and newer ones serve it at api_version 2024-08-13."
            f" {_PATH_OF_HOST}"
        )
    return (
        "The server has no such route at the cal-api-version that was sent. Check api_version (bookings are served"
        f" at 2024-08-13). {_PATH_OF_HOST}. An older server may lack the route altogether"
    )


def _error_of_server(failure: Failure, writes: bool) -> CalComError:
    if writes:
        return OutcomeUnknown(
            "The server failed while it handled a write, which may have been executed all the same",
            failure,
        )
    kind = ServerFault if failure.status in _TRANSIENT_STATUSES else LastingServerFault
    return kind("Cal.com or its edge failed", failure)


# Results.


def data_of(response: Response) -> Any:
    """Return the ``data`` of a successful response.

    :raises UnexpectedAnswer: if it is not Cal.com's envelope.
    """
    body = response.body
    if not isinstance(body, Mapping) or body.get("status") != "success" or "data" not in body:
        raise UnexpectedAnswer(
            'The response is JSON but not Cal.com\'s {"status": "success", "data": ...}. Check the connection\'s host'
        )
    return body["data"]


def object_of(response: Response) -> dict[str, Any]:
    """Return ``data`` that is one object."""
    data = data_of(response)
    if not isinstance(data, dict):
        raise UnexpectedAnswer(f"The response's data should be one object but is a {type(data).__name__}")
    return data


def objects_of(response: Response) -> list[dict[str, Any]]:
    """Return ``data`` that is a list of objects."""
    data = data_of(response)
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        raise UnexpectedAnswer("The response's data should be a list of objects")
    return data


def links_of(response: Response) -> list[str]:
    """Return ``data`` that is a list of links."""
    data = data_of(response)
    if not isinstance(data, list):
        raise UnexpectedAnswer("The response's data should be a list of links")
    return data


def optional_data_of(response: Response) -> Any:
    """Return ``data``, or the body where it has none."""
    body = response.body
    return body.get("data") if isinstance(body, Mapping) else body


def user_of(response: Response) -> Me:
    """Return the user that the key belongs to."""
    data = object_of(response)
    if "id" not in data:
        raise UnexpectedAnswer("The response to /me names no user")
    return data  # type: ignore[return-value]


def checked_booking(item: object) -> Booking:
    """Return a booking of a response if it has what everything else relies on.

    :raises ApiVersionNotServed: if it has the shape of the oldest API version, which a server falls back to
        without an error when it does not know the version that was sent.
    :raises UnexpectedAnswer: if it is not a booking.
    """
    if isinstance(item, dict) and "startTime" in item and "start" not in item:
        raise ApiVersionNotServed(
            "The response has the shape of the server's oldest API version: it does not know the cal-api-version that"
            f" was sent, or serves no bookings at it. Use api_version {BOOKINGS_VERSION}"
        )
    if not isinstance(item, dict) or not all(isinstance(item.get(key), str) for key in ("uid", "start", "status")):
        raise UnexpectedAnswer("The response has something that is not a booking (no uid, start or status)")
    attendees = item.get("attendees")
    if not isinstance(attendees, list) or not all(
        isinstance(attendee, dict) and isinstance(attendee.get("email"), str) for attendee in attendees
    ):
        raise UnexpectedAnswer("The response has a booking without a list of attendees with addresses")
    if type(item.get("absentHost")) not in _FLAGS or any(type(row.get("absent")) not in _FLAGS for row in attendees):
        raise UnexpectedAnswer("The response has a booking with a no-show flag that is neither true nor false")
    hosts, responses, guests = (item.get(key) for key in ("hosts", "bookingFieldsResponses", "guests"))
    if not (
        isinstance(hosts or [], list)
        and all(isinstance(host, dict) for host in hosts or [])
        and isinstance(responses or {}, dict)
        and isinstance(guests or [], list)
        and isinstance((responses or {}).get("guests") or [], list)
    ):
        raise UnexpectedAnswer("The response has a booking with hosts, guests or responses of another shape")
    return item


def booking_of(response: Response) -> Booking:
    """Return the booking in a response; raise BookingNotMarkable for a recurring series."""
    data = data_of(response)
    if isinstance(data, list):
        raise BookingNotMarkable(
            f"booking_uid names a recurring series of {len(data)} bookings. Use the uid of one occurrence"
        )
    return checked_booking(data)


def series_of(response: Response) -> list[Booking]:
    """Return the bookings in a response: all of a recurring series, or the only one."""
    data = data_of(response)
    return [checked_booking(item) for item in (data if isinstance(data, list) else [data])]


def reading_of(response: Response) -> BookingReading:
    """Return the booking in a response with the server's time and the id of the request."""
    return BookingReading(booking_of(response), server_time_of(response.headers), request_id_of(response.headers))


def page_of(response: Response) -> Page:
    """Return a page of a listing with the cursor of the next page."""
    data = data_of(response)
    if isinstance(data, dict) and isinstance(data.get("bookings"), list):
        checked_booking({"startTime": None})
    bookings = [checked_booking(item) for item in objects_of(response)]
    pagination = response.body.get("pagination")
    if not isinstance(pagination, Mapping):
        return Page(bookings, server_time=server_time_of(response.headers))
    total, cursor = pagination.get("totalItems"), pagination.get("nextCursor")
    cursor = str(cursor) if isinstance(cursor, int) and 0 <= cursor < _CURSOR_BELOW else cursor
    if cursor is not None and not (isinstance(cursor, str) and _CURSOR.fullmatch(cursor)):
        raise UnexpectedAnswer("The response's pagination.nextCursor must be a string of at most 2,000 characters")
    return Page(
        bookings,
        total=total if isinstance(total, int) and not isinstance(total, bool) else None,
        next_cursor=cursor if pagination.get("hasMore", True) else None,
    )
