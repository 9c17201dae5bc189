"""The network failures, each injected by the sandbox or caused by the client's transport."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

CALLS = {
    "list": ("GET", "/v2/bookings"),
    "get": ("GET", "/v2/bookings/*"),
    "mark": ("POST", "/v2/bookings/*/mark-absent"),
}
TIMES = {"once": 1, "thrice": 3, "forever": None}
CLIENT_TIMEOUT = 0.3
"""Seconds; delays of faults are longer."""

_PATTERNS = {
    "list": re.compile(r"/v2/bookings"),
    "get": re.compile(r"/v2/bookings/[^/]+"),
    "mark": re.compile(r"/v2/bookings/[^/]+/mark-absent"),
}
_LIMIT = {"X-RateLimit-Limit": "120", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1", "Retry-After": "1"}
_NOT_PERMITTED = {"statusCode": 500, "message": "Failed to update no-show status"}
_CRASHED = {"statusCode": 500, "message": "Internal server error"}
Fault = dict[str, Any]


def is_call(name: str, method: str, path: str) -> bool:
    """Return whether a request is a call of that kind."""
    return method == CALLS[name][0] and bool(_PATTERNS[name].fullmatch(path))


@dataclass(frozen=True)
class Kind:
    """One failure.

    :param fault: returns the fault to inject into a call, where the sandbox can cause the failure.
    :param transport: else the work of :class:`tests.faults.transports.FailingTransport`: ``refuse``, ``expire`` or
        ``skew``.
    :param reads: names of the errors that the failure of a reading call may raise.
    :param marks: names of the errors that the failure of a mark-absent may raise.
    :param hours: error of the server's clock.
    :param retryable: attribute of the errors of a mark-absent.
    :param retryable_read: attribute of the errors of a reading call.
    """

    fault: Callable[[str, Random], Fault] | None = None
    transport: str | None = None
    reads: frozenset[str] = frozenset({"NoAnswer"})
    marks: frozenset[str] = frozenset({"OutcomeUnknown"})
    hours: int = 0
    retryable: bool = True
    retryable_read: bool = True

    def errors(self, call: str) -> frozenset[str]:
        """Return the names of the errors that may end a run or fail a change.

        A GET also finds the outcome of a write whose response was lost: where it fails, the outcome stays unknown.
        """
        return {"list": self.reads, "get": self.reads | {"OutcomeUnknown"}, "mark": self.marks}[call]


def _plain(fault: str, **options: Any) -> Callable[[str, Random], Fault]:
    return lambda call, random: {"fault": fault, **options}


def _gateway(status: int, fault: str = "status") -> Callable[[str, Random], Fault]:
    """Return a gateway's error, whether or not the server behind it has handled the call."""
    return lambda call, random: {"fault": fault, "status": status, "when": random.choice(("before", "after"))}


def _not_permitted(call: str, random: Random) -> Fault:
    """Return the 500 for a key that may not mark; for reads, which have no such response, a plain 500."""
    return {"fault": "status", "status": 500, "when": "before", "body": _NOT_PERMITTED if call == "mark" else _CRASHED}


def _partial(call: str, random: Random) -> Fault:
    """Return a half-written mark-absent; for reads, a 500 after handling the call."""
    return {"fault": "partial"} if call == "mark" else {"fault": "status", "status": 500, "body": _CRASHED}


def _truncated(call: str, random: Random) -> Fault:
    return {"fault": "truncated", "valid_length": random.random() < 0.5}


_SERVER = frozenset({"ServerFault"})
_LIMITED = frozenset({"RateLimited"})
_EXPIRED = frozenset({"ExpiredCredentials"})
_NOT_UPDATED = frozenset({"NoShowUpdateFailed"})
_EARLY = frozenset({"BookingNotStarted"})
_NONE: frozenset[str] = frozenset()
KINDS = {
    "refused": Kind(transport="refuse", reads=frozenset({"NotConnected"}), marks=frozenset({"NotConnected"})),
    "reset-before": Kind(_plain("drop_before")),
    "reset-after": Kind(_plain("drop_after")),
    "timeout-after": Kind(_plain("delay", when="after", seconds=3 * CLIENT_TIMEOUT)),
    # The server writes after the client has timed out: a call sent again too early writes twice.
    "late": Kind(_plain("delay", when="before", seconds=1.5 * CLIENT_TIMEOUT)),
    "429-headers": Kind(_plain("status", status=429, when="before", headers=_LIMIT), reads=_LIMITED, marks=_LIMITED),
    "429-bare": Kind(_plain("status", status=429, when="before"), reads=_LIMITED, marks=_LIMITED),
    "500-not-permitted": Kind(_not_permitted, reads=_SERVER, marks=_NOT_UPDATED, retryable=False),
    "500-partial": Kind(_partial, reads=_SERVER, marks=_NOT_UPDATED, retryable=False),
    "502": Kind(_gateway(502), reads=_SERVER),
    "503": Kind(_gateway(503), reads=_SERVER),
    "524": Kind(_gateway(524, "html"), reads=_SERVER),
    # Of a truncated 404 only the status is left.
    "truncated": Kind(_truncated, reads=frozenset({"NoAnswer", "UnexpectedAnswer", "NotFound"})),
    "text-plain": Kind(_plain("headers", headers={"Content-Type": "text/plain"}), reads=_NONE, marks=_NONE),
    "web-page": Kind(_plain("html", status=200), reads=frozenset({"UnexpectedAnswer"})),
    "slow-body": Kind(_plain("slow_body", size=10, seconds=CLIENT_TIMEOUT / 3)),
    # The key expires for all calls, from the first call of the kind on until the number of calls is reached.
    "key": Kind(transport="expire", reads=_EXPIRED, marks=_EXPIRED, retryable=False, retryable_read=False),
    # Likewise the server's clock, by which it rejects marks and dates its responses.
    "clock-ahead": Kind(transport="skew", hours=6, reads=_NONE, marks=_NONE),
    "clock-behind": Kind(transport="skew", hours=-6, reads=_EARLY, marks=_EARLY),
}
