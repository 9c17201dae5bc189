"""Cal Video's sessions of many bookings: one call for each, paced below the limit of that route."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from airflow_provider_calcom.api import endpoints
from airflow_provider_calcom.api.endpoints import Flow, Pause
from airflow_provider_calcom.api.errors import NotFound

CALLS = 50
WINDOW = 60.0
"""At most that many calls within that many seconds. Cal.com allows 60 a minute on this route, blocks at the next one,
and does not show that limit in its headers, so the client's pacer can't learn it. The rest is for other tasks."""

_NO_ROOM = "No Cal Video reference"

Sessions = list[dict[str, Any]] | None
"""The sessions of a booking, or None where the server has no Cal Video room for it."""


class SessionsPace:
    """Decides when the next call for sessions may go. The client's own pacer, for the key's limit, applies besides.

    :param clock: monotonic clock, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: deque[float] = deque(maxlen=CALLS)

    def next_delay(self) -> float:
        """Return the seconds to wait before the next call, and count that call."""
        now = self._clock()
        due = max(now, self._due[0] + WINDOW) if len(self._due) == CALLS else now
        self._due.append(due)
        return due - now


def read_sessions(booking_uid: str, pace: SessionsPace) -> Flow[Sessions]:
    """Return who was in a booking's Cal Video room; None where there was never one.

    :param booking_uid: uid of a booking.
    :param pace: shared by all calls of a task.
    :raises CalComError: any other response than sessions and 404 ``No Cal Video reference found``: it does not mean
        that nobody was there.
    """
    delay = pace.next_delay()
    if delay > 0:
        yield Pause(delay)
    try:
        sessions: list[dict[str, Any]] = yield endpoints.get_conferencing_sessions(booking_uid)
    except NotFound as error:
        if error.failure is not None and _NO_ROOM in error.failure.message:
            return None
        raise
    return sessions
