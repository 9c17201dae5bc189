"""What can go wrong with Cal.com: one class for each thing that a user can do about it.

No text here ever holds a token, an attendee's address or the data that was sent: Cal.com echoes all three in its
error bodies, and task logs are read by more people than the account.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from airflow_provider_calcom._redact import hide, redact
from airflow_provider_calcom.errors import ProviderError

redacted = redact
"""The former name of :func:`~airflow_provider_calcom._redact.redact`, for scripts that import it from here."""

_REQUEST_ID = re.compile(r"[\w.:+/=-]{1,300}", re.ASCII)
_ERROR_CODE = re.compile(r"[A-Za-z_]{1,60}")
HTML_PAGE = "an HTML page"
"""What :class:`Failure` has for a message where a web page came, of the edge or of another server."""

_DEEPEST_FAULT = 20
_MOST_FAULTS = 20
_LONGEST_NAME = 100
_LARGEST_NUMBER = 10**30


def request_id_of(headers: Mapping[str, str], secrets: Sequence[str] = ()) -> str | None:
    """Return the id by which Cal.com, or its edge, finds an answer again; None where there is none that can be shown.

    :param headers: the answer's, looked up without regard to case.
    :param secrets: our own, which it must not show.
    """
    value = headers.get("x-request-id") or headers.get("cf-ray")
    return redact(value, secrets)[:100] if value and _REQUEST_ID.fullmatch(value) else None


@dataclass(frozen=True)
class Failure:
    """Where a call failed, in words that are safe to log.

    :param method: HTTP method.
    :param path: the path without its query, which may hold addresses.
    :param status: HTTP status, or None where no answer came.
    :param request_id: Cal.com's ``X-Request-Id``, which its support asks for.
    :param message: the server's own words, redacted.
    :param retry_after: seconds that the server asked to wait, or None.
    :param timed_out: whether we stopped waiting, so that the server may still be at work.
    :param code: the server's name for the error, such as ``TRPCError``; empty where it has none.
    """

    method: str
    path: str
    status: int | None = None
    request_id: str | None = None
    message: str = ""
    retry_after: float | None = None
    timed_out: bool = False
    code: str = ""

    def __str__(self) -> str:
        answer = "no answer" if self.status is None else f"status {self.status}"
        said = f', "{self.message}"' if self.message else ""
        named = f", request id {self.request_id}" if self.request_id else ""
        return f"{self.method} {self.path}: {answer}{said}{named}"


class CalComError(ProviderError):
    """Base of all errors of the client; raised only as one of its subclasses.

    :param explanation: what happened and the fix. An address or a key in it is not shown, whoever wrote it.
    :param failure: the call that failed, where there was one.
    """

    def __init__(self, explanation: str, failure: Failure | None = None) -> None:
        super().__init__(hide(explanation if failure is None else f"{explanation} ({failure})"))
        self.explanation = hide(explanation)
        self.failure = failure

    @property
    def status(self) -> int | None:
        """HTTP status of the answer, or None where none came."""
        return self.failure.status if self.failure else None

    @property
    def request_id(self) -> str | None:
        """Cal.com's ``X-Request-Id`` of the answer."""
        return self.failure.request_id if self.failure else None

    @property
    def method(self) -> str | None:
        """HTTP method of the call."""
        return self.failure.method if self.failure else None

    @property
    def path(self) -> str | None:
        """Path of the call, without its query."""
        return self.failure.path if self.failure else None


# Before any call: the caller's own words are wrong.


class InvalidConnection(CalComError, ValueError):
    """A field of the Airflow connection can't be used. Mend: correct the field that the text names."""


class InvalidArgument(CalComError, ValueError):
    """A parameter can't be used. Mend: correct the parameter, or the entry whose index the text names."""


class InvalidEnvironment(CalComError, ValueError):
    """An environment variable of the worker can't be used: one that names a proxy, or certificates.

    Fix: correct the variable that the text names.
    """


# Who may do what.


class InvalidCredentials(CalComError):
    """Cal.com does not know the key, token or platform client (401, or 403 naming it).

    Fix: another key, or the other region. Cal.com also forgets access tokens that expired.
    """


class ExpiredCredentials(CalComError):
    """The key or token has run out (498, or 401 saying so). Mend: renew it in Cal.com and store the new one."""


class PermissionDenied(CalComError):
    """The key is good but may not do this (403; 401 of confirm and decline). Fix: another user's key, or more scopes.

    For some routes Cal.com answers so where the booking does not exist.
    """


class NoShowUpdateFailed(CalComError):
    """Cal.com answered a mark-absent with its 500 ``Failed to update no-show status``, and the flags are not set.

    Alone, that answer is no refusal: Cal.com also gives it where it failed after the write. Only once the booking was
    read, and does not show the change, is it one, and then it is not retryable. The key's user may not mark attendees
    of this booking, or (on servers of 2025) an address is not on the booking, and then the other addresses of the same
    call *are* written.
    """


# What was asked for.


class BookingNotFound(CalComError):
    """There is no booking with this uid (404). Mend: the uid of the occurrence, spelt as Cal.com spells it."""


class NotFound(CalComError):
    """There is no such webhook, recording or the like (404)."""


class ApiVersionNotServed(CalComError):
    """The server has no such route at this ``cal-api-version`` (404 ``Cannot ...``), or none at all.

    Fix: another version, the path in the connection's host, or what the text names.
    """


class BookingNotStarted(CalComError):
    """Cal.com marks nobody before a booking's start (400). Mend: run later, or ``on_not_started="skip"``."""

    retryable = True


class RequestRefused(CalComError):
    """Cal.com found the request invalid (400, 413, 422). Mend: the field that the text names."""


class Conflict(CalComError):
    """What was to be created exists (409), for instance a webhook with the same address."""


# The server or the way to it.


class RateLimited(CalComError):
    """Still over the rate limit after the allowed waiting (429). Mend: fewer parallel tasks on this key."""

    retryable = True


class ServerFault(CalComError):
    """Cal.com or its edge failed (5xx) and went on failing. Mend: later; the request id helps their support."""

    retryable = True


class NotConnected(CalComError):
    """No connection was made, so nothing was sent. Mend: the network, a proxy, or the connection's host."""

    retryable = True


class NoAnswer(CalComError):
    """A reading call was sent and no answer came. Nothing was changed by it."""

    retryable = True


class OutcomeUnknown(CalComError):
    """A writing call was sent and its outcome is not known: no answer, a gateway's error, an unreadable 200.

    It may have been carried out. Mend: read the booking before anything is sent again.
    """

    retryable = True

    @property
    def is_perhaps_at_work(self) -> bool:
        """Whether the server may be carrying it out now: nobody told it that we, or its gateway, stopped waiting."""
        return self.failure is not None and (self.failure.timed_out or self.failure.status in (504, 524))


class UnexpectedAnswer(CalComError):
    """The answer is not Cal.com's: HTML, cut JSON, another shape, too large. Mend: the connection's host."""

    retryable = True


class RedirectRefused(CalComError):
    """The server answered with a redirect (3xx), which is never followed: the key would go along.

    Mend: write the address that the server wants into the connection's host, if you trust it.
    """


class ListingIncomplete(CalComError):
    """Pages disagreed, also when read again, so bookings may be missing from what was given so far."""

    retryable = True


# What a booking allows.


class BookingNotMarkable(CalComError):
    """The booking's status, kind or owner speaks against marking anyone. The text names what allows it."""


class UnknownAttendee(CalComError):
    """An entry of ``attendees`` fits nobody on the booking. Mend: the entry, or ``on_unknown_attendee="skip"``."""


class AmbiguousAttendee(CalComError):
    """An entry of ``attendees`` fits several people on the booking; Cal.com would mark only one of them."""


class CoHostRefused(CalComError):
    """An entry of ``attendees`` may be one of the booking's hosts. Fix: leave it out, or set ``allow_cohosts=True``."""


class HostUnmarkRefused(CalComError):
    """The host is marked absent and can't be un-marked by the API on all servers. Mend: do it in Cal.com."""


class NotReassigned(CalComError):
    """Cal.com said 200 to a reassign, and the booking does not have the new host. Fix: reassign it in Cal.com.

    The open edition answers so whatever was asked for.
    """


class ChangeNotVerified(CalComError):
    """Cal.com said 200 but the booking does not show what was asked for. Mend: look at the booking in Cal.com."""

    retryable = True


def validation_faults(errors: object, secrets: Sequence[str] = ()) -> list[str]:
    """Return ``attendees[0].absent: must be a boolean value`` for each fault in a class-validator tree, 20 at most.

    :param errors: ``error.details.errors`` of a 400. Its ``target`` and ``value`` repeat what was sent and are not
        looked at.
    :param secrets: our own, which the text must not show.
    """
    faults = islice(_faults_below(errors, "", _DEEPEST_FAULT), _MOST_FAULTS)
    return [redact(f"{path}: {rule}", secrets) for path, rule in faults]


def _faults_below(errors: object, parent: str, depth: int) -> Iterator[tuple[str, str]]:
    for error in errors if isinstance(errors, list) and depth else ():
        if not isinstance(error, Mapping):
            continue
        name = _plain_text(error.get("property"))
        name = name if 0 < len(name) <= _LONGEST_NAME else "?"
        path = f"{parent}[{name}]" if name.isdigit() and parent else f"{parent}.{name}".lstrip(".")
        constraints = error.get("constraints")
        for rule in constraints.values() if isinstance(constraints, Mapping) else ():
            yield path, _plain_text(rule).removeprefix(f"{name} ")
        yield from _faults_below(error.get("children"), path, depth - 1)


def server_message(body: Any, secrets: Sequence[str] = ()) -> str:
    """Find the server's own words in any of its error bodies, redacted; empty where there are none.

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
    """Return ``error.code`` of an error body, such as ``NotFoundException``; empty where it is no plain word."""
    inner = body.get("error") if isinstance(body, Mapping) else None
    code = inner.get("code") if isinstance(inner, Mapping) else None
    return code if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else ""


def _as_text(value: object) -> str:
    """Return a text, a number as one, or a list of these joined; nothing of objects, which repeat what was sent."""
    if isinstance(value, list):
        return "; ".join(filter(None, map(_plain_text, value[:_MOST_FAULTS])))
    return _plain_text(value)


def _plain_text(value: object) -> str:
    if isinstance(value, int | float) and abs(value) < _LARGEST_NUMBER:
        return str(value)
    return value if isinstance(value, str) else ""


def error_from_answer(
    failure: Failure, *, writes: bool, region: str = "self-hosted", is_platform_client: bool = False
) -> CalComError:
    """Choose the class for an answer with an error status.

    :param failure: the answer; its ``message`` decides where one status has several meanings.
    :param writes: whether the call may have changed something, so that a gateway's 5xx leaves the outcome unknown.
    :param region: ``us``, ``eu`` or ``self-hosted``: a key is unknown in any region but its own.
    :param is_platform_client: whether ``client_id`` and ``client_secret`` were sent instead of a key.
    """
    status, message = failure.status or 0, failure.message
    if 300 <= status < 400:
        return RedirectRefused(
            "The server wants to redirect the call, which is not followed because the key would go along."
            " Put the final address into the connection's host",
            failure,
        )
    if message == HTML_PAGE and 400 <= status < 500 and status not in (408, 429):
        return UnexpectedAnswer(
            "A web page came instead of an answer of Cal.com's API, from a firewall or another server. Check the"
            " connection's host",
            failure,
        )
    if status in (401, 403, 498):
        return _error_of_authorisation(failure, region, is_platform_client)
    if status == 404:
        return _error_of_absence(failure)
    if status == 429:
        return RateLimited(
            "Cal.com's rate limit is used up. All that uses this key shares it: run fewer tasks at once",
            failure,
        )
    if status == 409:
        return Conflict("What was to be created exists already", failure)
    if message == "Failed to update no-show status":
        return NoShowUpdateFailed("Cal.com failed to mark people of this booking", failure)
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
            "The key's user may not see this booking, or there is none with this uid: Cal.com answers the same to"
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
    here: f". This connection asks the region {here}; if the account is in {there}, set its region to {there}"
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
    return NotFound("What was named does not exist on the server; its words say what that is", failure)


_PATH_OF_HOST = "Check the path in the connection's host: it must lead to Cal.com's API v2"


def _why_no_route(path: str) -> str:
    """Say why a server has no route for a path: some routes exist at one version only, some not on all servers."""
    if path == "/me" or path.startswith("/webhooks"):
        return f"The server has no such route, which every server of Cal.com's has at every version. {_PATH_OF_HOST}"
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
            "The server failed while it handled a writing call, which may have been carried out all the same",
            failure,
        )
    return ServerFault("Cal.com or its edge failed", failure)
