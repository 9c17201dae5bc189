"""What can go wrong with Cal.com: one class for each thing that a user can do about it.

::

    ProviderError
      x CalComError
        x InvalidValue
          x InvalidConnection
          x InvalidArgument
          x InvalidEnvironment
          x InvalidDelivery
        x TransportError
          x NotConnected
          x NoAnswer
          x OutcomeUnknown
          x RateLimited
          x ServerFault
            x LastingServerFault
          x UnexpectedAnswer
        x Refused
          x AccessRefused
            x InvalidCredentials
            x ExpiredCredentials
            x PermissionDenied
            x ApiVersionNotServed
            x RedirectRefused
          x NoShowUpdateFailed
          x BookingNotFound
          x NotFound
          x BookingNotStarted
          x RequestRefused
          x Conflict
        x ChangeRejected
          x BookingNotMarkable
          x UnknownAttendee
          x AmbiguousAttendee
          x CoHostRefused
          x HostUnmarkRefused
        x NotReassigned
        x ChangeNotVerified
        x ListingIncomplete
        x BookingCancelled
        x BookingRescheduled

Does the client resend a read or a write that ends in it, and does Airflow retry the task?

===================  ===================================  =====  ======  =======
class                raised for                           reads  writes  Airflow
===================  ===================================  =====  ======  =======
InvalidValue         any of the next four                 no     no      no
InvalidConnection    a field of the connection            no     no      no
InvalidArgument      a parameter                          no     no      no
InvalidEnvironment   a proxy's variable, 407              no     no      no
InvalidDelivery      the body of a webhook                no     no      no
TransportError       any of the next seven                no     no      yes
NotConnected         no connection                        yes    yes     yes
NoAnswer             no response to a read                yes    no      yes
OutcomeUnknown       no response to a write, 5xx, 408     no     no      yes
RateLimited          429                                  yes    yes     yes
ServerFault          500, 502 to 504, 520 to 524          yes    no      yes
LastingServerFault   408 and any other 5xx                no     no      yes
UnexpectedAnswer     HTML, cut JSON, another shape        no     no      yes
Refused              any of the next eleven               no     no      no
AccessRefused        any of the next five                 no     no      no
InvalidCredentials   401; 403 that names the key          no     no      no
ExpiredCredentials   498, 401 "expired"                   no     no      no
PermissionDenied     403                                  no     no      no
ApiVersionNotServed  404 "Cannot GET ..."                 no     no      no
RedirectRefused      3xx                                  no     no      no
NoShowUpdateFailed   500 "Failed to update no-show ..."   no     no      no
BookingNotFound      404 of a booking                     no     no      no
NotFound             404 of anything else                 no     no      no
BookingNotStarted    400 "after their scheduled start"    no     no      yes
RequestRefused       400, 413, 422                        no     no      no
Conflict             409                                  no     no      no
ChangeRejected       any of the next five                 no     no      no
BookingNotMarkable   status, series, foreign booking      no     no      no
UnknownAttendee      an entry that is not on the booking  no     no      no
AmbiguousAttendee    an entry that matches several        no     no      no
CoHostRefused        an entry that may be a host          no     no      no
HostUnmarkRefused    ``host_absent=False``, flag set      no     no      no
NotReassigned        200, another host                    no     no      no
ChangeNotVerified    200, change not shown                no     no      yes
ListingIncomplete    pages that disagree                  no     no      yes
BookingCancelled     a booking to wait for is cancelled   no     no      no
BookingRescheduled   a booking to wait for was moved      no     no      no
===================  ===================================  =====  ======  =======

These are the attributes ``retry_reads``, ``retry_writes`` and ``retryable`` of each class, and these read them:
``retries`` for the client, ``operators._base`` for Airflow. After a failed update ``marking`` reads the booking first.
:mod:`airflow_provider_calcom.api.responses` chooses the class for a response.

No text here ever has a token, an attendee's address or the data that was sent: Cal.com echoes all three in its error
bodies, and more people read task logs than have access to the account.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from airflow_provider_calcom._deprecated import former_names
from airflow_provider_calcom._redact import hide, redact
from airflow_provider_calcom.errors import ProviderError

__all__ = [
    "AccessRefused",
    "AmbiguousAttendee",
    "ApiVersionNotServed",
    "BookingCancelled",
    "BookingNotFound",
    "BookingNotMarkable",
    "BookingNotStarted",
    "BookingRescheduled",
    "CalComError",
    "ChangeNotVerified",
    "ChangeRejected",
    "CoHostRefused",
    "Conflict",
    "ExpiredCredentials",
    "Failure",
    "HostUnmarkRefused",
    "InvalidArgument",
    "InvalidConnection",
    "InvalidCredentials",
    "InvalidDelivery",
    "InvalidEnvironment",
    "InvalidValue",
    "LastingServerFault",
    "ListingIncomplete",
    "NoAnswer",
    "NoShowUpdateFailed",
    "NotConnected",
    "NotFound",
    "NotReassigned",
    "OutcomeUnknown",
    "PermissionDenied",
    "RateLimited",
    "RedirectRefused",
    "Refused",
    "RequestRefused",
    "ServerFault",
    "TransportError",
    "UnexpectedAnswer",
    "UnknownAttendee",
    "redact",
]

if not TYPE_CHECKING:
    __getattr__ = former_names(__name__)


@dataclass(frozen=True)
class Failure:
    """Where a call failed, in words that are safe to log.

    :param method: HTTP method.
    :param path: the path without its query, which may have addresses.
    :param status: HTTP status, or None where no response came.
    :param request_id: Cal.com's ``X-Request-Id``, which its support wants to know.
    :param message: the server's own words, redacted.
    :param retry_after: seconds that the server wants us to wait, or None.
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
        response = "no response" if self.status is None else f"status {self.status}"
        message = f', "{self.message}"' if self.message else ""
        request_id = f", request id {self.request_id}" if self.request_id else ""
        return f"{self.method} {self.path}: {response}{message}{request_id}"


class CalComError(ProviderError):
    """Base of all errors of the client; raised only as one of its subclasses.

    :param explanation: what happened and the fix. An address or a key in it is not shown, whatever its source.
    :param failure: the call that failed, where there was one.
    :cvar retry_reads: whether the client sends a read again that ended in this error.
    :cvar retry_writes: whether it sends a write again: only where the write certainly was not executed. A 429 is sent
        before Cal.com's handler runs, and a connection that was not made transmitted nothing.
    :cvar retryable: whether the same call may succeed later although nobody changed anything.
    """

    retry_reads: ClassVar[bool] = False
    retry_writes: ClassVar[bool] = False
    retryable: ClassVar[bool] = False

    def __init__(self, explanation: str, failure: Failure | None = None) -> None:
        super().__init__(hide(explanation if failure is None else f"{explanation} ({failure})"))
        self.explanation = hide(explanation)
        self.failure = failure

    @property
    def status(self) -> int | None:
        """HTTP status of the response, or None where none came."""
        return self.failure.status if self.failure else None

    @property
    def request_id(self) -> str | None:
        """Cal.com's ``X-Request-Id`` of the response."""
        return self.failure.request_id if self.failure else None

    @property
    def method(self) -> str | None:
        """HTTP method of the call."""
        return self.failure.method if self.failure else None

    @property
    def path(self) -> str | None:
        """Path of the call, without its query."""
        return self.failure.path if self.failure else None


# Before any call: the caller's own input is wrong.


class InvalidValue(CalComError, ValueError):
    """What the caller gave can't be used; nothing was sent. The subclass says where it is corrected."""

    retry_reads, retry_writes, retryable = False, False, False


class InvalidConnection(InvalidValue):
    """A field of the Airflow connection can't be used. Fix: correct the field that the text names."""

    retry_reads, retry_writes, retryable = False, False, False


class InvalidArgument(InvalidValue):
    """A parameter can't be used. Fix: correct the parameter, or the entry whose index the text names."""

    retry_reads, retry_writes, retryable = False, False, False


class InvalidEnvironment(InvalidValue):
    """An environment variable of the worker can't be used: one that names a proxy, or certificates.

    Fix: correct the variable that the text names.
    """

    retry_reads, retry_writes, retryable = False, False, False


class InvalidDelivery(InvalidValue):
    """The body of a webhook's delivery is not an event as Cal.com sends it. Nothing in it was used.

    Fix: respond 400. If the signature was good, check the webhook's payload template and version.
    """

    retry_reads, retry_writes, retryable = False, False, False


# The network, the server, the rate limit.


class TransportError(CalComError):
    """The network, a proxy or the server failed, or the key's rate limit is used up: the request itself may be good."""

    retry_reads, retry_writes, retryable = False, False, True


class NotConnected(TransportError):
    """No connection was made, so nothing was sent. Fix: the network, a proxy, or the connection's host."""

    retry_reads, retry_writes, retryable = True, True, True


class NoAnswer(TransportError):
    """A read was sent and no response came. Nothing was changed by it."""

    retry_reads, retry_writes, retryable = True, False, True


class OutcomeUnknown(TransportError):
    """A write was sent and its outcome is not known: no response, a gateway's error, an unreadable 200.

    It may have been executed. Fix: read the booking before anything is sent again.
    """

    retry_reads, retry_writes, retryable = False, False, True

    @property
    def may_still_be_running(self) -> bool:
        """True if the server may still execute it: nobody cancels a call when we, or its gateway, stop waiting."""
        return self.failure is not None and (self.failure.timed_out or self.failure.status in (504, 524))


class RateLimited(TransportError):
    """Still over the rate limit after the allowed waiting (429). Fix: fewer parallel tasks on this key."""

    retry_reads, retry_writes, retryable = True, True, True


class ServerFault(TransportError):
    """Cal.com or its edge failed (5xx) and went on failing. Fix: later; the request id helps their support."""

    retry_reads, retry_writes, retryable = True, False, True


class LastingServerFault(ServerFault):
    """Cal.com or its edge failed in a way that does not pass within seconds: any other 5xx, and 408."""

    retry_reads, retry_writes, retryable = False, False, True


class UnexpectedAnswer(TransportError):
    """The response is not Cal.com's: HTML, cut JSON, another shape, too large. Fix: the connection's host."""

    retry_reads, retry_writes, retryable = False, False, True


# The server refused.


class Refused(CalComError):
    """The server refused the request: it would refuse the same request again."""

    retry_reads, retry_writes, retryable = False, False, False


class AccessRefused(Refused):
    """The server refuses this key, version or address, so that most other requests of the connection fail as well."""

    retry_reads, retry_writes, retryable = False, False, False


class InvalidCredentials(AccessRefused):
    """Cal.com does not know the key, token or platform client (401, or 403 naming it).

    Fix: another key, or the other region. Cal.com also forgets access tokens that expired.
    """

    retry_reads, retry_writes, retryable = False, False, False


class ExpiredCredentials(AccessRefused):
    """The key or token has run out (498, or 401 saying so). Fix: renew it in Cal.com and store the new one."""

    retry_reads, retry_writes, retryable = False, False, False


class PermissionDenied(AccessRefused):
    """The key is good but may not do this (403; 401 of confirm and decline). Fix: another user's key, or more scopes.

    For some routes Cal.com responds like this where the booking does not exist.
    """

    retry_reads, retry_writes, retryable = False, False, False


class ApiVersionNotServed(AccessRefused):
    """The server has no such route at this ``cal-api-version`` (404 ``Cannot ...``), or none at all.

    Fix: another version, the path in the connection's host, or what the text names.
    """

    retry_reads, retry_writes, retryable = False, False, False


class RedirectRefused(AccessRefused):
    """The server responded with a redirect (3xx), which is never followed: the key would be sent along.

    Fix: put the address that the server wants into the connection's host, if you trust it.
    """

    retry_reads, retry_writes, retryable = False, False, False


class NoShowUpdateFailed(Refused):
    """Cal.com responded to a mark-absent with 500 ``Failed to update no-show status``, and the flags are not set.

    Alone, that response is not a refusal: Cal.com also sends it where it failed after the write. Only once the booking
    was read and does not show the change is it one. The key's user may not mark attendees of this booking, or (on
    servers of 2025) an address is not on the booking, and then the other addresses of the same call *are* written.
    """

    retry_reads, retry_writes, retryable = False, False, False


class BookingNotFound(Refused):
    """There is no booking with this uid (404). Fix: the uid of the occurrence, spelt as Cal.com spells it."""

    retry_reads, retry_writes, retryable = False, False, False


class NotFound(Refused):
    """There is no such webhook, recording or the like (404)."""

    retry_reads, retry_writes, retryable = False, False, False


class BookingNotStarted(Refused):
    """Cal.com marks nobody before a booking's start (400). Fix: run later, or ``on_not_started="skip"``."""

    retry_reads, retry_writes, retryable = False, False, True


class RequestRefused(Refused):
    """Cal.com found the request invalid (400, 413, 422). Fix: the field that the text names."""

    retry_reads, retry_writes, retryable = False, False, False


class Conflict(Refused):
    """What was to be created exists (409), such as a webhook with the same URL, or exists several times."""

    retry_reads, retry_writes, retryable = False, False, False


# The booking does not allow it.


class ChangeRejected(CalComError):
    """The booking does not allow the requested change; nothing was sent."""

    retry_reads, retry_writes, retryable = False, False, False


class BookingNotMarkable(ChangeRejected):
    """The booking's status, kind or owner does not allow to mark anyone. The text names what allows it."""

    retry_reads, retry_writes, retryable = False, False, False


class UnknownAttendee(ChangeRejected):
    """An entry of ``attendees`` is not on the booking. Fix: the entry, or ``on_unknown_attendee="skip"``."""

    retry_reads, retry_writes, retryable = False, False, False


class AmbiguousAttendee(ChangeRejected):
    """An entry of ``attendees`` matches several attendees; Cal.com would mark only one of them."""

    retry_reads, retry_writes, retryable = False, False, False


class CoHostRefused(ChangeRejected):
    """An entry of ``attendees`` may be one of the booking's hosts. Fix: leave it out, or set ``allow_cohosts=True``."""

    retry_reads, retry_writes, retryable = False, False, False


class HostUnmarkRefused(ChangeRejected):
    """The host is marked absent and can't be un-marked by the API on all servers. Fix: do it in Cal.com."""

    retry_reads, retry_writes, retryable = False, False, False


# The response does not fit what the server shows.


class NotReassigned(CalComError):
    """Cal.com responded 200 to a reassign, and the booking does not have the new host. Fix: reassign it in Cal.com.

    The open edition responds 200 to any reassign.
    """

    retry_reads, retry_writes, retryable = False, False, False


class ChangeNotVerified(CalComError):
    """Cal.com responded 200 but the booking or webhook does not show the change. Fix: look at it in Cal.com."""

    retry_reads, retry_writes, retryable = False, False, True


class ListingIncomplete(CalComError):
    """Pages disagreed, also when read again, so bookings may be missing from those returned so far."""

    retry_reads, retry_writes, retryable = False, False, True


# A booking that a task waits for.


class BookingCancelled(CalComError):
    """A booking that is waited for was cancelled or rejected. Fix: another uid, or ``on_cancelled``.

    Servers of August 2025 do not return where a booking was rescheduled to: it looks cancelled there.
    """

    retry_reads, retry_writes, retryable = False, False, False


class BookingRescheduled(CalComError):
    """A booking that is waited for was rescheduled to another uid. Fix: that uid, or ``on_rescheduled="follow"``."""

    retry_reads, retry_writes, retryable = False, False, False
