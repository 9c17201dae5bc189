"""When a call is sent again, and how long to wait before.

One decision serves both clients; stamina does the waiting and the counting. Which error is worth another attempt is an
attribute of its class, see :mod:`airflow_provider_calcom.api.errors`.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Protocol

import stamina

from airflow_provider_calcom.api.errors import CalComError, RateLimited
from airflow_provider_calcom.api.headers import SHORTEST_BLOCK, UNNAMED_BLOCK
from airflow_provider_calcom.api.settings import RetryLimits


class Attempts(Protocol):
    """The attempts of one call, for ``for`` and ``async for`` alike."""

    def __iter__(self) -> Iterator[stamina.Attempt]: ...

    def __aiter__(self) -> AsyncIterator[stamina.Attempt]: ...


def backoff(
    *, writes: bool, limits: RetryLimits, clock: Callable[[], float], began: float
) -> Callable[[Exception], bool | float]:
    """Return stamina's hook: for each error of one call whether to send it again, or after how many seconds.

    Where the server requests a longer wait than is left, the error is raised at once: a task that sleeps for nothing
    only holds its slot.

    :param clock: monotonic clock, in seconds.
    :param began: when the call began, by that clock.
    """
    deadline = began + limits.seconds
    unnamed_waits = (UNNAMED_BLOCK * 2**number for number in itertools.count())

    def hook(error: Exception) -> bool | float:
        if not isinstance(error, CalComError) or not (error.retry_writes if writes else error.retry_reads):
            return False
        wait = error.failure.retry_after if error.failure else None
        if isinstance(error, RateLimited):
            wait = max(SHORTEST_BLOCK, next(unnamed_waits) if wait is None else wait)
        if clock() + (wait or 0.0) >= deadline:
            return False
        return True if wait is None else wait

    return hook


def attempts(*, writes: bool, limits: RetryLimits, clock: Callable[[], float], began: float) -> Attempts:
    """Return the attempts of one call, to be iterated with ``for`` or ``async for``.

    :param writes: whether the call may change something.
    :param limits: how many attempts, and for how long.
    :param clock: monotonic clock, in seconds.
    :param began: when the call began, by that clock.
    """
    return stamina.retry_context(
        on=backoff(writes=writes, limits=limits, clock=clock, began=began),
        attempts=limits.attempts,
        timeout=limits.seconds or None,
        wait_initial=0.5,
        wait_max=20.0,
        wait_jitter=0.5,
    )
