"""What can go wrong with Cal.com: one class for each thing that a user can do about it.

No text here ever holds a token, an attendee's address or the data that was sent: Cal.com echoes all three in its
error bodies, and task logs are read by more people than the account.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_SECRETS = re.compile(
    r"(access token=\s*)(?:bearer\s+|basic\s+)?\S+|\bbearer\s+\S+|\bcal_\w+|\beyJ[\w-]+\.[\w.-]*",
    re.IGNORECASE,
)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ADDRESSES = re.compile(r"[^\s\"'<>(),;:=@]+@[^\s\"'<>(),;:=@]+")
HTML_PAGE = "an HTML page"
"""What :class:`Failure` has for a message where a web page came, of the edge or of another server."""

_LONGEST_MESSAGE = 500
_DEEPEST_FAULT = 20


def redacted(text: str, secrets: Sequence[str] = ()) -> str:
    """Make a server's words fit for a log: tokens and addresses out, one line, at most 500 characters.

    :param secrets: our own, which need not look like a token.
    """
    for secret in secrets:
        text = text.replace(secret, "***")
    line = " ".join(text.split())
    line = _SECRETS.sub(lambda found: (found.group(1) or "") + "***", line)
    line = _ADDRESSES.sub("<address>", line)
    return line if len(line) <= _LONGEST_MESSAGE else line[:_LONGEST_MESSAGE] + "..."


def shown(value: object) -> str:
    """Show in an error what came, short and without the key or address that ends up in a wrong field now and then."""
    return redacted(repr(value)[:_LONGEST_MESSAGE])[:80]


def request_id_of(headers: Mapping[str, str], secrets: Sequence[str] = ()) -> str | None:
    """Give the id by which Cal.com, or its edge, finds an answer again; None where there is none that can be shown.

    :param headers: the answer's, looked up without regard to case.
    :param secrets: our own, which it must not show.
    """
    value = headers.get("x-request-id") or headers.get("cf-ray")
    if value and not secrets and _UUID.fullmatch(value):
        return value  # the id of every answer of Cal.com's: there is nothing to take out of it
    usable = value and value.isascii() and value.isprintable()
    return redacted(value, secrets)[:100] if value and usable else None


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
    """

    method: str
    path: str
    status: int | None = None
    request_id: str | None = None
    message: str = ""
    retry_after: float | None = None
    timed_out: bool = False

    def __str__(self) -> str:
        answer = "no answer" if self.status is None else f"status {self.status}"
        said = f', "{self.message}"' if self.message else ""
        named = f", request id {self.request_id}" if self.request_id else ""
        return f"{self.method} {self.path}: {answer}{said}{named}"


class CalComError(Exception):
    """Base of all errors of this package; raised only as one of its subclasses.

    :param explanation: what happened and the mend.
    :param failure: the call that failed, where there was one.
    """

    may_heal = False
    """True where the same call may succeed later although nobody changed anything."""

    def __init__(self, explanation: str, failure: Failure | None = None) -> None:
        super().__init__(explanation if failure is None else f"{explanation} ({failure})")
        self.explanation = explanation
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


# Who may do what.


class InvalidCredentials(CalComError):
    """Cal.com does not know the key or token (401, or 403 naming it). Mend: another key, or the other region."""


class ExpiredCredentials(CalComError):
    """The key or token has run out (498, or 401 saying so). Mend: renew it in Cal.com and store the new one."""


class PermissionDenied(CalComError):
    """The key is good but may not do this (403). Mend: another user's key, or more scopes."""


class NoShowUpdateFailed(CalComError):
    """Cal.com answered a mark-absent with its 500 ``Failed to update no-show status``.

    It never heals by itself: the key's user may not mark attendees of this booking, or (on servers of 2025) an
    address is not on the booking, and then the other addresses of the same call *are* written.
    """


# What was asked for.


class BookingNotFound(CalComError):
    """There is no booking with this uid (404). Mend: the uid of the occurrence, spelt as Cal.com spells it."""


class NotFound(CalComError):
    """There is no such webhook, recording or the like (404)."""


class ApiVersionNotServed(CalComError):
    """The server has no such route at this ``cal-api-version`` (404 ``Cannot ...``). Mend: another version."""


class BookingNotStarted(CalComError):
    """Cal.com marks nobody before a booking's start (400). Mend: run later, or ``on_not_started="skip"``."""

    may_heal = True


class RequestRefused(CalComError):
    """Cal.com found the request invalid (400, 413, 422). Mend: the field that the text names."""


class Conflict(CalComError):
    """What was to be created exists (409), for instance a webhook with the same address."""


# The server or the way to it.


class RateLimited(CalComError):
    """Still over the rate limit after the allowed waiting (429). Mend: fewer parallel tasks on this key."""

    may_heal = True


class ServerFault(CalComError):
    """Cal.com or its edge failed (5xx) and went on failing. Mend: later; the request id helps their support."""

    may_heal = True


class NotConnected(CalComError):
    """No connection was made, so nothing was sent. Mend: the network, a proxy, or the connection's host."""

    may_heal = True


class NoAnswer(CalComError):
    """A reading call was sent and no answer came. Nothing was changed by it."""

    may_heal = True


class OutcomeUnknown(CalComError):
    """A writing call was sent and its outcome is not known: no answer, a gateway's error, an unreadable 200.

    It may have been carried out. Mend: read the booking before anything is sent again.
    """

    may_heal = True

    @property
    def is_perhaps_at_work(self) -> bool:
        """Whether the server may be carrying it out now: nobody told it that we, or its gateway, stopped waiting."""
        return self.failure is not None and (self.failure.timed_out or self.failure.status in (504, 524))


class UnexpectedAnswer(CalComError):
    """The answer is not Cal.com's: HTML, cut JSON, another shape, too large. Mend: the connection's host."""

    may_heal = True


class RedirectRefused(CalComError):
    """The server answered with a redirect (3xx), which is never followed: the key would go along.

    Mend: write the address that the server wants into the connection's host, if you trust it.
    """


class ListingIncomplete(CalComError):
    """Pages disagreed, also when read again, so bookings may be missing from what was given so far."""

    may_heal = True


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


class ChangeNotVerified(CalComError):
    """Cal.com said 200 but the booking does not show what was asked for. Mend: look at the booking in Cal.com."""

    may_heal = True


def validation_faults(errors: object, secrets: Sequence[str] = ()) -> list[str]:
    """Give ``attendees[0].absent: must be a boolean value`` for each fault in a class-validator tree.

    :param errors: ``error.details.errors`` of a 400. Its ``target`` and ``value`` repeat what was sent and are not
        looked at.
    :param secrets: our own, which the text must not show.
    """
    return [redacted(f"{path}: {rule}", secrets) for path, rule in _faults_below(errors, "", _DEEPEST_FAULT)]


def _faults_below(errors: object, parent: str, depth: int) -> list[tuple[str, str]]:
    faults: list[tuple[str, str]] = []
    for error in errors if isinstance(errors, list) and depth else ():
        if not isinstance(error, Mapping):
            continue
        name = str(error.get("property", "?"))
        path = f"{parent}[{name}]" if name.isdigit() and parent else f"{parent}.{name}".lstrip(".")
        constraints = error.get("constraints")
        for rule in constraints.values() if isinstance(constraints, Mapping) else ():
            faults.append((path, str(rule).removeprefix(f"{name} ")))
        faults.extend(_faults_below(error.get("children"), path, depth - 1))
    return faults


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
        return redacted("; ".join(faults), secrets)
    candidates = (envelope.get("message"), body.get("message"), body.get("error_description"), inner)
    return next((redacted(text, secrets) for text in map(_as_text, candidates) if text), "")


def _as_text(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(str(part) for part in value)
    return value if isinstance(value, str) else ""


def error_from_answer(failure: Failure, *, writes: bool, region: str = "self-hosted") -> CalComError:
    """Choose the class for an answer with an error status.

    :param failure: the answer; its ``message`` decides where one status has several meanings.
    :param writes: whether the call may have changed something, so that a gateway's 5xx leaves the outcome unknown.
    :param region: ``us``, ``eu`` or ``self-hosted``: a key is unknown in any region but its own.
    """
    status, message = failure.status or 0, failure.message
    if 300 <= status < 400:
        return RedirectRefused(
            "The server wants to redirect the call, which is not followed because the key would go along."
            " Put the final address into the connection's host",
            failure,
        )
    if message == HTML_PAGE and 400 <= status < 500 and status != 429:
        return UnexpectedAnswer(
            "A web page came in place of an answer of Cal.com's API, from a firewall or another server. Check the"
            " connection's host",
            failure,
        )
    if status in (401, 403, 498):
        return _error_of_authorisation(failure, region)
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
        return NoShowUpdateFailed(
            "Cal.com refused to mark attendees of this booking. Either the key's user may not (it takes the organiser,"
            " a host of the booking or an admin of its team), or, on servers of 2025, an address is not on the"
            " booking. Trying again can't help",
            failure,
        )
    if status == 400 and "after their scheduled start time" in message:
        return BookingNotStarted("The booking has not started by the server's clock", failure)
    if status >= 500:
        return _error_of_server(failure, writes)
    return RequestRefused("Cal.com refused the request", failure)


def _error_of_authorisation(failure: Failure, region: str) -> CalComError:
    message = failure.message.lower()
    if failure.status == 498 or "expired" in message:
        return ExpiredCredentials(
            "The API key or access token has expired. Make a new one in Cal.com and put it into the connection's"
            " password",
            failure,
        )
    if failure.status == 401 or "no oauth client found" in message or "no authentication" in message:
        return InvalidCredentials(
            "Cal.com does not know this API key or token. Check the connection's password (a key begins with cal_)"
            + _HINTS_AT_OTHER_REGION.get(region, ""),
            failure,
        )
    return PermissionDenied("The key is good, but its user or its scopes do not allow this", failure)


_HINTS_AT_OTHER_REGION = {
    here: f". This connection asks the region {here}; if the account is in {there}, set its region to {there}"
    for here, there in (("us", "eu"), ("eu", "us"))
}


def _error_of_absence(failure: Failure) -> CalComError:
    if failure.message.startswith("Cannot "):
        return ApiVersionNotServed(
            "The server has no such route at the cal-api-version that was sent. Check api_version (bookings are served"
            " at 2024-08-13), and the path in the connection's host; an older server may lack the route altogether",
            failure,
        )
    if failure.message.lower().startswith("booking with "):
        return BookingNotFound(
            "There is no booking with this uid. It is case-sensitive, and neither the number of a booking nor the uid"
            " of a recurring series",
            failure,
        )
    return NotFound("There is no such thing on the server", failure)


def _error_of_server(failure: Failure, writes: bool) -> CalComError:
    if writes:
        return OutcomeUnknown(
            "The server failed while it handled a writing call, which may have been carried out all the same",
            failure,
        )
    return ServerFault("Cal.com or its edge failed", failure)
