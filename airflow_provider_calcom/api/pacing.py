"""When the next request may go, so that the server's rate limit is used up but never reached.

:class:`Pacer` learns from every response when the limits' windows end and how many calls others make with the same key;
the processes never talk to each other. It does no I/O and is neither sync nor async: a client sleeps for as long as
:meth:`Pacer.delays` says.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping

from airflow_provider_calcom.api.headers import (
    SHORTEST_BLOCK,
    UNNAMED_BLOCK,
    LimitHeaders,
    limit_headers,
    seconds_to_wait,
)
from airflow_provider_calcom.api.rate_limits import MARGIN, RateLimit, Ticket

_SHORTEST_SLEEP = 0.001
"""Seconds. A shorter delay is not slept, but added to the next one."""

_LOOK_AGAIN = 0.02
"""Seconds after which to check again whether the response has come that all calls wait for."""

_LONGEST_HOLD = 1.0
"""Seconds for which all calls wait while one request finds out about the limits; a list can take a minute."""

_LONGEST_WAIT = 300.0
"""Seconds. Where a limit of an hour or a day is used up, the call is sent all the same, so that the task ends in the
server's 429 and does not sleep for hours."""

_BURST = 10.0
_BURST_OF_LIMIT = 0.05
_BURST_OF_FREE = 0.1
_SMALLEST_BURST = 2.0
"""How many requests may go at once after a rest: the smallest of a number, a part of the limit and a part of what is
free, but at least two."""


class Pacer:
    """Decides when the next request may go. One belongs to one client, and may be used from several threads.

    :param clock: monotonic clock, in seconds.
    :param wall_clock: Unix time; for resets and ``Retry-After`` that are given as a time.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._clock = clock
        self._wall_clock = wall_clock
        self._skipped = 0.0
        self._lock = threading.Lock()
        self._limits: dict[str, RateLimit] = {}
        self._in_flight = 0
        self._last_sent = -math.inf
        self._blocked_until = -math.inf
        self._is_unknown = True
        self._credit = 1.0
        self._credit_at = -math.inf
        self._burst = _BURST
        self._was_held = False

    def delays(self, *, again: bool = False) -> Iterator[float]:
        """Yield the seconds to sleep, one after another, until a request may be sent. One caller at a time.

        With a fake ``sleep`` the clock does not advance, so the seconds are counted here.

        :param again: this call was blocked, and has already waited for as long as the server requested.
        """
        if again:
            self._end_block()
        while (seconds := self.next_delay()) > 0:
            due = self._now() + seconds
            yield seconds
            self._skipped += max(0.0, due - self._now())

    def next_delay(self) -> float:
        """Return the seconds after which to call this again; 0 where a request may be sent now."""
        with self._lock:
            seconds = self._next_delay(self._now())
        return seconds if seconds >= _SHORTEST_SLEEP else 0.0

    def _now(self) -> float:
        return self._clock() + self._skipped

    def _next_delay(self, now: float) -> float:
        if now < self._blocked_until:
            return self._blocked_until + MARGIN - now
        if self._is_unknown and self._in_flight and now < self._last_sent + _LONGEST_HOLD:
            return _LOOK_AGAIN
        pace, next_end, closed_for, burst = math.inf, math.inf, 0.0, self._burst
        for limit in self._limits.values():
            limit.start_next_window(now)
            free = limit.free(now, self._in_flight)
            ends_in = limit.resets_at + MARGIN - now
            next_end = min(next_end, ends_in)
            if free > 0:
                pace = min(pace, limit.pace(now, free))
                burst = min(burst, max(_SMALLEST_BURST, free * _BURST_OF_FREE))
            elif ends_in <= _LONGEST_WAIT:
                closed_for = max(closed_for, ends_in)
        if closed_for:
            # The first request after it begins the next window, and should go without delay.
            self._credit, self._credit_at = max(1.0, self._credit), now
            return min(_LOOK_AGAIN, closed_for) if self._in_flight else closed_for
        held_for = max((one.held_until - now for one in self._limits.values()), default=0.0)
        if 0 < held_for <= _LONGEST_WAIT:
            self._was_held = True
            # A hold is not a rest: no more than one may go after it.
            self._credit, self._credit_at = 1.0, now + held_for
            return held_for
        if pace == math.inf:
            return 0.0
        self._credit = min(burst, self._credit + (now - self._credit_at) * pace)
        self._credit_at = now
        if self._credit >= 1:
            return 0.0
        self._was_held = True
        return min((1 - self._credit) / pace, next_end, _LONGEST_WAIT)

    def on_sent(self) -> Ticket:
        """Note that a request goes out; hand the ticket to :meth:`on_response` or :meth:`on_failure`."""
        with self._lock:
            now = self._now()
            self._in_flight += 1
            self._last_sent = now
            self._credit -= 1
            for limit in self._limits.values():
                limit.own_requests += 1
            ticket = Ticket(now, self._was_held)
            self._was_held = False
            return ticket

    def on_response(self, ticket: Ticket, headers: Mapping[str, str], status: int) -> None:
        """Learn from a response.

        :param headers: any ``X-RateLimit-*`` and ``Retry-After``, in any case.
        :param status: HTTP status.
        """
        with self._lock:
            now = self._now()
            self._in_flight -= 1
            seen = limit_headers(headers, self._wall_clock)
            if status == 429:
                self._block(now, headers, seen)
                return
            self._is_unknown = self._is_unknown and not seen and status >= 500
            for name, one in seen.items():
                if name in self._limits:
                    self._limits[name].learn(one, ticket, now, self._in_flight)
                else:
                    limit = self._limits[name] = RateLimit(one, ticket, now, 1 + self._in_flight)
                    if limit.may_be_of_crowd:
                        # No burst: others may have just begun, as mapped tasks do, and be as many as their calls.
                        self._credit, self._credit_at = 0.0, now
            if not seen:
                self._use_up_one()
            elif len(seen) < len(self._limits):
                # A limit that counts only some calls is obeyed until its window ends; then it no longer slows others.
                self._limits = {name: one for name, one in self._limits.items() if name in seen or not one.is_guess}
            if seen:
                lowest = min(one.calls for one in self._limits.values())
                self._burst = min(_BURST, max(_SMALLEST_BURST, lowest * _BURST_OF_LIMIT))

    def on_failure(self, ticket: Ticket) -> None:
        """Note that no response came: it is not known whether the server counted the request.

        :param ticket: the request's.
        """
        with self._lock:
            self._in_flight -= 1
            self._use_up_one()

    def _block(self, now: float, headers: Mapping[str, str], seen: Mapping[str, LimitHeaders]) -> None:
        """Send nothing while the server blocks; after that a single request finds out what holds then."""
        requested = seconds_to_wait(headers, self._wall_clock())
        seconds = min(_LONGEST_WAIT, max(SHORTEST_BLOCK, UNNAMED_BLOCK if requested is None else requested))
        self._blocked_until = max(self._blocked_until, now + seconds)
        self._is_unknown = True
        self._credit, self._credit_at = 1.0, self._blocked_until
        for name, limit in self._limits.items():
            if name in seen:
                limit.change_to(seen[name].calls)
            limit.end_with_block(now, self._blocked_until)

    def _end_block(self) -> None:
        with self._lock:
            now = self._now()
            if now < self._blocked_until:
                self._blocked_until = self._credit_at = now
                for limit in self._limits.values():
                    limit.resets_at = min(limit.resets_at, now - MARGIN)

    def _use_up_one(self) -> None:
        for limit in self._limits.values():
            limit.remaining -= 1

    @property
    def share(self) -> float | None:
        """How much of the tightest limit is used in the present window, by everyone, from 0 to 1; None if unknown."""
        now = self._now()
        return max((limit.used(now) for limit in self._limits.values()), default=None)
