"""The failures of the way, each as an order to the sandbox or as something that is done to it at the right moment."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

CALLS = {
    "list": ("GET", "/v2/bookings"),
    "get": ("GET", "/v2/bookings/*"),
    "mark": ("POST", "/v2/bookings/*/mark-absent"),
}
TIMES = {"once": 1, "thrice": 3, "forever": None}
CLIENT_TIMEOUT = 0.3
"""Seconds. What a fault delays is longer."""

_PATTERNS = {
    "list": re.compile(r"/v2/bookings"),
    "get": re.compile(r"/v2/bookings/[^/]+"),
    "mark": re.compile(r"/v2/bookings/[^/]+/mark-absent"),
}
_LIMIT = {"X-RateLimit-Limit": "120", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1", "Retry-After": "1"}
_REFUSING = {"statusCode": 500, "message": "Failed to update no-show status"}
_CRASHED = {"statusCode": 500, "message": "Internal server error"}
Order = dict[str, Any]


def is_call(name: str, method: str, path: str) -> bool:
    """Tell whether a request is a call of that name."""
    return method == CALLS[name][0] and bool(_PATTERNS[name].fullmatch(path))


@dataclass(frozen=True)
class Kind:
    """One failure.

    :param order: gives the sandbox's order for a call's name, where the sandbox can do it.
    :param meddles: else what :class:`tests.faults.meddling.Meddler` does: ``refuse``, ``expire`` or ``skew``.
    :param reads: names of the errors that it may show as where it hits a reading call.
    :param marks: likewise of a writing one.
    :param hours: by which the server's clock is off.
    :param heals: whether the errors of a mark say that another try has a point; those of a read do.
    """

    order: Callable[[str, Random], Order] | None = None
    meddles: str | None = None
    reads: frozenset[str] = frozenset({"NoAnswer"})
    marks: frozenset[str] = frozenset({"OutcomeUnknown"})
    hours: int = 0
    heals: bool = True
    heals_read: bool = field(default=True)

    def errors(self, call: str) -> frozenset[str]:
        """Names of the errors with which a run may end, or a change may fail.

        A GET is also what tells of a write whose outcome is unknown: where it fails, the outcome stays so.
        """
        return {"list": self.reads, "get": self.reads | {"OutcomeUnknown"}, "mark": self.marks}[call]


def _plain(fault: str, **options: Any) -> Callable[[str, Random], Order]:
    return lambda call, random: {"fault": fault, **options}


def _gateway(status: int, fault: str = "status") -> Callable[[str, Random], Order]:
    """The edge gives up, whether the server behind it has done the work or not."""
    return lambda call, random: {"fault": fault, "status": status, "when": random.choice(("before", "after"))}


def _refusing(call: str, random: Random) -> Order:
    """Cal.com's way to say that a key may not mark; reads have no such answer, so there it is a plain 500."""
    return {"fault": "status", "status": 500, "when": "before", "body": _REFUSING if call == "mark" else _CRASHED}


def _partial(call: str, random: Random) -> Order:
    """Half written and failed; a read writes nothing, so there it is a crash after the work in place of before it."""
    return {"fault": "partial"} if call == "mark" else {"fault": "status", "status": 500, "body": _CRASHED}


def _truncated(call: str, random: Random) -> Order:
    return {"fault": "truncated", "valid_length": random.random() < 0.5}


_SERVER = frozenset({"ServerFault"})
_LIMITED = frozenset({"RateLimited"})
_EXPIRED = frozenset({"ExpiredCredentials"})
_NOT_UPDATED = frozenset({"NoShowUpdateFailed"})
_EARLY = frozenset({"BookingNotStarted"})
_NONE: frozenset[str] = frozenset()
KINDS = {
    "refused": Kind(meddles="refuse", reads=frozenset({"NotConnected"}), marks=frozenset({"NotConnected"})),
    "reset-before": Kind(_plain("drop_before")),
    "reset-after": Kind(_plain("drop_after")),
    "timeout-after": Kind(_plain("delay", when="after", seconds=3 * CLIENT_TIMEOUT)),
    # The commit comes when the client has given up: what is sent again too early is done twice.
    "late": Kind(_plain("delay", when="before", seconds=1.5 * CLIENT_TIMEOUT)),
    "429-headers": Kind(_plain("status", status=429, when="before", headers=_LIMIT), reads=_LIMITED, marks=_LIMITED),
    "429-bare": Kind(_plain("status", status=429, when="before"), reads=_LIMITED, marks=_LIMITED),
    "500-refusing": Kind(_refusing, reads=_SERVER, marks=_NOT_UPDATED, heals=False),
    "500-partial": Kind(_partial, reads=_SERVER, marks=_NOT_UPDATED, heals=False),
    "502": Kind(_gateway(502), reads=_SERVER),
    "503": Kind(_gateway(503), reads=_SERVER),
    "524": Kind(_gateway(524, "html"), reads=_SERVER),
    # Of a 404 the status is left, and no longer what it is that there is not.
    "truncated": Kind(_truncated, reads=frozenset({"NoAnswer", "UnexpectedAnswer", "NotFound"})),
    "text-plain": Kind(_plain("headers", headers={"Content-Type": "text/plain"}), reads=_NONE, marks=_NONE),
    "web-page": Kind(_plain("html", status=200), reads=frozenset({"UnexpectedAnswer"})),
    "slow-body": Kind(_plain("slow_body", size=10, seconds=CLIENT_TIMEOUT / 3)),
    # The key runs out for all calls, from one of that name on until so many were answered.
    "key": Kind(meddles="expire", reads=_EXPIRED, marks=_EXPIRED, heals=False, heals_read=False),
    # Likewise the server's clock, by which it refuses marks and dates its answers.
    "clock-ahead": Kind(meddles="skew", hours=6, reads=_NONE, marks=_NONE),
    "clock-behind": Kind(meddles="skew", hours=-6, reads=_EARLY, marks=_EARLY),
}
