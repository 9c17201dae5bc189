"""One rate limit as the responses show it: its present window, the calls that remain, and the calls of others.

The server counts calls in fixed windows: one begins with the first call after the end of the last, and the call after
the last allowed one blocks the key. Each response says how many calls remain and, in integer seconds rounded up, until
when.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from airflow_provider_calcom.api.headers import LimitHeaders

MARGIN = 0.003
"""Seconds added to the end of a window or block, for clocks that tick coarsely."""

_LONGEST_SPREAD = 3600.0
"""Seconds over which the calls of a longer window are spread, so that thirty calls do not take half a day."""

_RESERVE_FROM = 5.0
_RESERVE_OF_LIMIT = 0.6
"""The reserve is at most this part of what a limit has above that number of calls; a limit of five has none."""

_FEWEST_OF_A_BURST = 10.0
_BURST_OF_LIMIT = 0.25
_ROOM_OF_LIMIT = 0.6
_BURST_MAY_BE_LATE = 0.25
"""Calls that others send at once are a burst from this number and part of a limit on; room is kept for such a part at
most, and until so large a part of the window after the time at which they came before."""

_MOST_COMPETITORS = 20.0
_MOST_COMPETITORS_LATER = 3.0
"""Others that are assumed to compete for the limit while only their calls in the window are known; fewer where the
window did not just begin, because tasks that start one after another are done soonest if each goes ahead."""

_CROWD_OF_LIMIT = 1 / 6
_SMALL_LIMIT = 60.0
_ODD_CALLS = 0.025
"""Parts of the limit that others had used before our first call. With more than the last part they may be a crowd of
tasks that has just begun, with more than the first part they are treated as one; at a limit below that number of calls
also where the window did not just begin. See :meth:`RateLimit._hold`."""

_LONGEST_LOOK = 3.0
"""Seconds at most for which a task of a small crowd waits for the rest of it."""

_TURNS_AFTER = 0.1
_TURNS = 0.1
"""The part of a window after which a crowd's turns begin, and that they take. Before the first is over, a block ends
that calls of the first twentieth of the window before had caused."""

_GOLDEN = (math.sqrt(5) - 1) / 2
"""Its multiples modulo 1 are spread evenly, however many of them there are."""

_FEW_ANSWERS = 8
"""A pacer with fewer may be a crowd's; one with more has measured who competes."""

_UNMEASURED = 0.5
"""Assumed number of our calls and of all calls while nothing is measured. It is below one, so that one response changes
the ratio."""

_USUAL_WINDOWS = (30.0, 60.0, 120.0, 300.0)
"""Usual lengths of windows, in seconds: the first response does not show the length. The first twentieth of a shorter
one can't be seen in integer seconds, and it is not worth waiting for the end of a longer one."""

_LATE = 0.05
"""The part of a window in which calls are at once, and the last part of it."""

_TOWARDS_EQUAL = 0.5
"""Exponent of our part of all calls that gives our weight. With 1 unequal processes would stay unequal, with 0 each
would take everything. Weights that sum up to more than 1 only use the window's beginning more than its end, as each
process spreads anew what is left."""


@dataclass(frozen=True)
class Ticket:
    """One request that was sent.

    :param sent_at: the pacer's time.
    :param was_held: whether it had to wait for its turn, so that others' use during that wait measures competition.
    """

    sent_at: float
    was_held: bool


class RateLimit:
    """One limit's present window as far as responses show it, and the calls of others in it.

    :param own: our own requests in the window so far, those under way included.
    :ivar held_until: when the next request may go, where a crowd may have begun.
    :ivar may_be_of_crowd: whether our first response showed that one may have.
    """

    def __init__(self, seen: LimitHeaders, ticket: Ticket, now: float, own: int) -> None:
        self._length = 0.0
        self._recent_others = 0.0
        self._others_burst = self._burst_after = 0.0
        self._own_calls = self._all_calls = _UNMEASURED
        self._turns_from, self.held_until = math.inf, now
        self._was_blocked, self._answers = False, 0
        self._begin(seen, ticket, now, own)
        # Only the calls that others made before us are known. Each may be of a task that begins now, as mapped tasks
        # do; the weight of this guess is so low that the first responses after it replace it.
        self._others, self._at_first = 0.0, seen.remaining + own
        self._others_burst, self._burst_came = 0.0, False
        others = max(0.0, seen.calls - self._at_first)
        self._own_calls /= 1 + min(_MOST_COMPETITORS if self._has_just_begun else _MOST_COMPETITORS_LATER, others)
        self.may_be_of_crowd = self._hold(others, now)

    def _hold(self, others: float, now: float) -> bool:
        """Hold our next call where others' calls before ours may be those of a crowd; return whether they may.

        The processes of a crowd begin together, and by its first response each knows only its own place in it: the
        calls made before. A heuristic, by what uses the limit best in simulations of crowds of 10 to 240 tasks:

        - The first few go on at once, as nothing distinguishes them from a task that is alone.
        - The next wait a moment, until all of the crowd have called: their second response shows how many they are, so
          few that their second calls still fit into the window, unless the crowd is as large as the limit.
        - All others wait for the next window and take turns there, in an order that comes of their places, so that the
          calls made before a turn show how large the crowd is (:meth:`_count_crowd`).

        Rejected: to hold each for longer, the later its place is, within the window. Their calls met a limit that was
        used up by then, and a block amid the window also blocks everyone who waits for its end.
        """
        if self.remaining <= 0 or not self._is_more_than_odd(others) or not self._has_just_begun:
            return False
        if others < self.calls * _CROWD_OF_LIMIT:
            self.held_until = now + min(_LONGEST_LOOK, self._length * _LATE)
        else:
            self._turns_from = self.resets_at + self._length * _TURNS_AFTER
            self.held_until = self._turns_from + self._length * _TURNS * (others * _GOLDEN % 1)
        return True

    def _count_crowd(self, now: float) -> None:
        """Estimate by our turn how many compete: as many calls as came before it, and in proportion after it.

        The weight of this estimate is so low that the first response that measures competition replaces it.
        """
        passed = (now - self._turns_from) / (self._length * _TURNS)
        crowd = self._others / min(1.0, max(0.25, passed))
        self._own_calls, self._all_calls = _UNMEASURED / (1 + crowd), _UNMEASURED
        self._turns_from = math.inf

    @property
    def _has_just_begun(self) -> bool:
        """True if the window had just begun before our first call, as far as is known; at a small limit always True.

        Its length may be up to a second too long, where the server gives the end as a rounded time.
        """
        is_small = self.calls < _SMALL_LIMIT
        return is_small or any(-1 < window - self._length <= window * _LATE for window in _USUAL_WINDOWS)

    def _is_more_than_odd(self, others: float) -> bool:
        return others > self.calls * _ODD_CALLS

    def _begin(self, seen: LimitHeaders, ticket: Ticket, now: float, own: int) -> None:
        self.calls = self._at_first = seen.calls
        self.remaining = seen.remaining
        self.own_requests = own
        self.resets_at = now + seen.seconds
        self.is_guess = False
        self._began = ticket.sent_at
        self._earliest_end = ticket.sent_at + seen.seconds - 1
        self._left_at = self._known_at = now
        self._length = max(self._length, seen.seconds)
        self._others = max(0.0, seen.calls - seen.remaining - own)
        self._burst_came = False
        if self._turns_from < ticket.sent_at:
            self._count_crowd(ticket.sent_at)
        elif self._was_blocked and self._answers < _FEW_ANSWERS:
            self._hold(self._others, now)  # all that were blocked are sent again together
        self._was_blocked = False

    def start_next_window(self, now: float) -> None:
        """Start the next window where this one is over; the next response corrects what is guessed here."""
        if now < self.resets_at + MARGIN:
            return
        self._decay()
        self.remaining = self._at_first = self.calls
        self.own_requests = 0
        self.is_guess = True
        self._began = self._known_at = self._left_at = self._earliest_end = self.resets_at
        self.resets_at = now + self._length
        self._others = 0.0

    def _decay(self) -> None:
        """Halve the weight of past windows, so that a competitor who comes or goes is noticed."""
        if self._all_calls > 1:  # else nothing is measured since, and both would become 0 in the end
            self._own_calls /= 2
            self._all_calls /= 2
        # A burst may come from others who are busy for a while only, so its size decays as well.
        decay = 0.95 if self._burst_came else 0.7
        self._others_burst *= decay if self._others_burst > self.calls * _BURST_OF_LIMIT else 0.0
        self._burst_came = False

    def learn(self, seen: LimitHeaders, ticket: Ticket, now: float, in_flight: int) -> None:
        """Learn from a response.

        Its window ends at ``now + seconds`` or before, as seconds are rounded up, and not before
        ``sent_at + seconds - 1``.
        """
        earliest_end = ticket.sent_at + seen.seconds - 1
        ends_before = now + seen.seconds < self._earliest_end
        if max(ticket.sent_at, earliest_end) < self._began or (ends_before and ticket.sent_at < self._known_at):
            return  # the response belongs to the window before
        self._answers += 1
        self.change_to(seen.calls)
        is_next = max(ticket.sent_at, earliest_end) >= self.resets_at
        # More calls remain only in a new window. Integer seconds alone do not show that a window of one second is new.
        is_next = is_next or ends_before or (seen.remaining > self.remaining and ticket.sent_at >= self._left_at)
        if is_next and not self.is_guess:
            self._decay()
        if is_next or self.is_guess:
            self._begin(seen, ticket, now, 1 + in_flight)
            return
        self.resets_at = min(self.resets_at, now + seen.seconds)
        self._earliest_end = max(self._earliest_end, earliest_end)
        since, self._left_at = now - self._left_at, now
        self.remaining = min(self.remaining, seen.remaining)
        self._learn_of_others(
            max(0.0, self._at_first - self.remaining - self.own_requests - self._others), since, ticket, now
        )

    def _learn_of_others(self, calls: float, since: float, ticket: Ticket, now: float) -> None:
        """Count the calls that others made since the response before.

        :param since: seconds since that response.
        """
        self._others += calls
        if since < self._length * _LATE:
            self._notice_burst(calls, now)
        elif calls > self._others_burst / 2 > 0:
            self._burst_came = True
        change = calls - self._recent_others
        self._recent_others += change / (3 if change > 0 else 6)
        if ticket.was_held:
            self._own_calls += 1
            self._all_calls += 1 + calls

    def _notice_burst(self, calls: float, now: float) -> None:
        """Remember calls that others sent all at once: the next windows keep room for as many until they came.

        A script that sends them in each window does so at about the same time of it: after that nothing is kept.
        """
        if calls >= max(_FEWEST_OF_A_BURST, self.calls * _BURST_OF_LIMIT, 4 / self._part):
            self._others_burst = min(self.calls, max(self._others_burst, 1.25 * calls))
            self._burst_came = True
            self._burst_after = now - self._began

    def change_to(self, calls: float) -> None:
        """Set the limit itself, which may have changed; a change does not count as calls of others."""
        self._at_first += calls - self.calls
        self.remaining += calls - self.calls
        self.calls = calls

    def end_with_block(self, now: float, until: float) -> None:
        """End the window with the block, which a burst of others caused if many calls remained."""
        if self.remaining > self._reserve + 2:
            # The size of the burst is unknown. In a guessed window, it is not known that any calls remained.
            left = 0.0 if self.is_guess else self.remaining
            self._notice_burst(1.5 * max(left, self._others_burst, self.calls * _BURST_OF_LIMIT), now)
        self._burst_came = True
        self.remaining = 0.0
        self.resets_at = until
        self.held_until, self._turns_from = now, math.inf
        self._was_blocked = True

    @property
    def _part(self) -> float:
        """Our part of all calls while we want more than we get."""
        return self._own_calls / self._all_calls

    @property
    def _reserve(self) -> float:
        """Calls that are not used: one for each process that may send on older news than ours."""
        others = max(1 / self._part - 1, self._recent_others)
        return min(1 + math.ceil(others - 0.1), math.floor(max(0.0, self.calls - _RESERVE_FROM) * _RESERVE_OF_LIMIT))

    def _room(self, now: float, in_flight: int) -> float:
        """Calls that are left for a burst; near the window's end one call may go to see whether that came unnoticed."""
        late = self.resets_at - self._length * _LATE
        is_over = now > self._began + self._burst_after + self._length * _BURST_MAY_BE_LATE
        if self._burst_came or is_over or (now > late > self._left_at and not in_flight):
            return 0.0
        return min(self._others_burst, self.calls * _ROOM_OF_LIMIT)

    def free(self, now: float, in_flight: int) -> float:
        """Calls that may still be sent in this window."""
        return self.remaining - in_flight - self._reserve - self._room(now, in_flight)

    def used(self, now: float) -> float:
        """The part of the limit that everyone together has used in the present window, from 0 to 1."""
        return 0.0 if now >= self.resets_at else min(1.0, max(0.0, 1 - self.remaining / self.calls))

    def pace(self, now: float, free: float) -> float:
        """Requests a second that use up our part of what is free until the window ends."""
        weight = math.pow(self._part, _TOWARDS_EQUAL)
        return free * weight / min(_LONGEST_SPREAD, max(MARGIN, self.resets_at - now))
