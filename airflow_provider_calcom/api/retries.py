"""When a call may be tried again, and how long to wait before.

One decision serves both clients; stamina does the waiting and the counting.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Protocol

import stamina

from airflow_provider_calcom.api.errors import CalComError, NoAnswer, NotConnected, RateLimited, ServerFault
from airflow_provider_calcom.api.settings import RetryLimits

_WORTH_READING_AGAIN = frozenset({500, 502, 503, 504, *range(520, 525)})
SHORTEST_BLOCK = 1.0
UNNAMED_BLOCK = 5.0
"""Seconds to wait after a 429 that names none, doubled each time: Cal.com blocks for 60 s, and hammering on it can lock
the account."""

_EPOCH_FROM = 1_000_000_000
_MILLISECONDS_FROM = 1_000_000_000_000


def may_try_again(error: CalComError, *, writes: bool) -> bool:
    """Tell whether the same call can be sent again without risk and with hope.

    A write is sent again only where it certainly was not carried out: a 429 is raised before Cal.com's handler
    runs, and a connection that was never made carried nothing.
    """
    if isinstance(error, (RateLimited, NotConnected)):
        return True
    if writes:
        return False
    return isinstance(error, NoAnswer) or (isinstance(error, ServerFault) and error.status in _WORTH_READING_AGAIN)


def seconds_to_wait(headers: Mapping[str, str], now: float) -> float | None:
    """Read from an answer how long the server wants us to wait; None where it does not say.

    ``Retry-After`` (seconds or a date) goes first, else the longest ``X-RateLimit-Reset-*`` of a limit whose
    ``X-RateLimit-Remaining-*`` is 0. The suffix is the limit's name and differs between servers. A reset is in
    seconds left, or a Unix time where it is too large for that.

    :param now: Unix time.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    asked = _retry_after(lowered.get("retry-after"), now)
    if asked is not None:
        return asked
    prefix = "x-ratelimit-remaining"
    resets = (
        seconds_left(lowered.get("x-ratelimit-reset" + name[len(prefix) :]), now)
        for name, remaining in lowered.items()
        if name.startswith(prefix) and remaining.strip() == "0"
    )
    return max((reset for reset in resets if reset is not None), default=None)


def _retry_after(value: str | None, now: float) -> float | None:
    if value is None:
        return None
    if re.fullmatch(r"\s*[0-9]{1,9}\s*", value):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def seconds_left(value: str | None, now: float) -> float | None:
    """Read an ``X-RateLimit-Reset-*``; None where it is no number.

    :param value: seconds left, or a Unix time in seconds or milliseconds where it is too large for that.
    :param now: Unix time.
    """
    try:
        reset = float(value or "")
    except ValueError:
        return None
    if reset >= _MILLISECONDS_FROM:
        reset /= 1000
    return max(0.0, reset - now if reset >= _EPOCH_FROM else reset)


class Tries(Protocol):
    """The tries of one call, for ``for`` and ``async for`` alike."""

    def __iter__(self) -> Iterator[stamina.Attempt]: ...

    def __aiter__(self) -> AsyncIterator[stamina.Attempt]: ...


def decision(
    *, writes: bool, limits: RetryLimits, clock: Callable[[], float], began: float
) -> Callable[[Exception], bool | float]:
    """Make the function that says of each error of one call whether to try again, or after how many seconds.

    Where the server asks for a longer wait than is left, the error is raised at once: a task that sleeps for nothing
    only holds its slot.

    :param clock: seconds that only grow, as of :func:`time.monotonic`.
    :param began: when the call began, by that clock.
    """
    deadline = began + limits.seconds
    unnamed_waits = (UNNAMED_BLOCK * 2**number for number in itertools.count())

    def decide(error: Exception) -> bool | float:
        if not isinstance(error, CalComError) or not may_try_again(error, writes=writes):
            return False
        asked = error.failure.retry_after if error.failure else None
        if isinstance(error, RateLimited):
            asked = max(SHORTEST_BLOCK, next(unnamed_waits) if asked is None else asked)
        if clock() + (asked or 0.0) >= deadline:
            return False
        return True if asked is None else asked

    return decide


def tries(*, writes: bool, limits: RetryLimits, clock: Callable[[], float], began: float) -> Tries:
    """Give the tries of one call, to be walked with ``for`` or ``async for``.

    :param writes: whether the call may change something.
    :param limits: how often, and how long.
    :param clock: seconds that only grow.
    :param began: when the call began, by that clock.
    """
    return stamina.retry_context(
        on=decision(writes=writes, limits=limits, clock=clock, began=began),
        attempts=limits.attempts,
        timeout=limits.seconds or None,
        wait_initial=0.5,
        wait_max=20.0,
        wait_jitter=0.5,
    )
