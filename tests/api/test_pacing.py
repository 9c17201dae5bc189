"""The pacer against a model of the server's fixed windows, in virtual time: what it uses, and that it is not blocked.

Nothing sleeps here. Each process is a pacer with clients that send as fast as they may; requests and answers take
random times; nobody sends_limits anybody anything but the server in its headers.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import httpx
import pytest

from airflow_provider_calcom.api import endpoints
from airflow_provider_calcom.api.client import AsyncCalComClient, CalComClient
from airflow_provider_calcom.api.pacing import Pacer
from tests.api.support import IN_BOTH, SETTINGS, answering, success
from tests.profiles import examples

START = 1000.0
UNIX_TIME_AT_0 = 1_795_000_000.0
FAST, SLOW, JITTERED = (0.002, 0.01), (0.3, 0.3), (0.01, 0.3)


class VirtualTime:
    """Events in their order; ``now`` jumps from one to the next."""

    def __init__(self) -> None:
        self.now = START
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()

    def after(self, seconds: float, event: Callable[[], object]) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._numbers), event))

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self._events and self._events[0][0] <= end:
            self.now, _, event = heapq.heappop(self._events)
            event()
        self.now = end


@dataclass
class Limit:
    """A number of calls in a window of seconds; one more blocks for as long."""

    calls: int = 120
    window: float = 60.0
    name: str = "Default"
    ends: float = -math.inf
    hits: int = 0
    blocked_until: float = -math.inf

    def hit(self, now: float, headers: dict[str, str], offset: float | None) -> bool:
        if self.ends <= now:
            self.ends, self.hits = now + self.window, 0
        self.hits += 1
        if self.blocked_until <= now and self.hits > self.calls:
            self.blocked_until = now + self.window
        is_blocked = self.blocked_until > now
        reset = self.blocked_until if is_blocked else self.ends
        left = 0 if is_blocked else self.calls - self.hits
        headers[f"X-RateLimit-Limit-{self.name}"] = str(self.calls)
        headers[f"X-RateLimit-Remaining-{self.name}"] = str(left)
        headers[f"X-RateLimit-Reset-{self.name}"] = str(math.ceil(reset - now if offset is None else reset + offset))
        return not is_blocked


class Server:
    """Counts calls of one key.

    :param offset: Unix time minus the virtual one, for resets that are a time; None for seconds left.
    :param sends_limits: whether responses have headers.
    """

    def __init__(
        self, time: VirtualTime, *limits: Limit, offset: float | None = None, sends_limits: bool = True
    ) -> None:
        self.time = time
        self.limits = limits
        self.calls: list[tuple[float, str, int]] = []
        self._offset = offset
        self._sends_limits = sends_limits

    def hit(self, who: str) -> tuple[int, dict[str, str]]:
        headers: dict[str, str] = {}
        results = [limit.hit(self.time.now, headers, self._offset) for limit in self.limits]
        status = 200 if all(results) else 429
        self.calls.append((self.time.now, who, status))
        return status, headers if self._sends_limits else {}

    def blocked(self, who: str = "") -> int:
        """How many calls got a 429."""
        return sum(status == 429 and name.startswith(who) for _, name, status in self.calls)

    def by_window(self, first: int, last: int, window: float = 60.0) -> list[Counter[str]]:
        """The calls that were answered, by caller, in stretches of a window's length."""
        counts = [Counter[str]() for _ in range(last)]
        for at, who, status in self.calls:
            number = int((at - START) // window)
            if status == 200 and number < last:
                counts[number][who] += 1
        return counts[first:]


class Process:
    """A pacer whose ``clients`` send one call after the other, beginning after ``delay`` seconds.

    :param latency: shortest and longest seconds to the server and back.
    :param stops_at: seconds after which it sends no more.
    :param calls: answered calls after which it is done, at ``done_at``; what was blocked is sent again.
    """

    def __init__(
        self,
        server: Server,
        name: str,
        chance: random.Random,
        *,
        latency: tuple[float, float] = JITTERED,
        clients: int = 1,
        delay: float = 0.0,
        stops_at: float = math.inf,
        calls: float = math.inf,
    ) -> None:
        self._calls, self.done_at = calls, math.inf
        self._time, self._server, self._name, self._chance = server.time, server, name, chance
        self._latency, self._stops_at = latency, START + stops_at
        self.pacer = Pacer(lambda: self._time.now, lambda: self._time.now + UNIX_TIME_AT_0)
        self._waiting, self._sleeps = 0, False
        for _ in range(clients):
            self._time.after(delay, self._want)

    def _want(self) -> None:
        if self._time.now < self._stops_at:
            self._waiting += 1
            self._go_on()

    def _go_on(self) -> None:
        while self._waiting and not self._sleeps:
            seconds = self.pacer.next_delay()
            if seconds > 0:
                self._sleeps = True
                self._time.after(seconds + self._chance.uniform(0, 0.003), self._wake)
            else:
                self._send()

    def _wake(self) -> None:
        self._sleeps = False
        self._go_on()

    def _send(self) -> None:
        self._waiting -= 1
        ticket = self.pacer.on_sent()
        seconds = self._chance.uniform(*self._latency)
        way_there = seconds * self._chance.uniform(0.3, 0.7)

        def arrive() -> None:
            status, headers = self._server.hit(self._name)
            self._time.after(seconds - way_there, lambda: answer(status, headers))

        def answer(status: int, headers: dict[str, str]) -> None:
            self.pacer.on_response(ticket, headers, status)
            self._calls -= status == 200
            if self._calls <= 0:
                self.done_at = min(self.done_at, self._time.now)
            else:
                self._want()

        self._time.after(way_there, arrive)


def busy(
    *limits: Limit, processes: int = 1, seed: int = 0, spread: float = 20.0, windows: int = 11, **options: object
) -> tuple[Server, float, dict[str, float]]:
    """Let processes send for some windows.

    Return the server, the part of the last limit used after the first window, and each process's part of that.
    """
    limits = limits or (Limit(),)
    offset = UNIX_TIME_AT_0 if options.pop("unix_time", False) else None
    server, chance = Server(VirtualTime(), *limits, offset=offset), random.Random(seed)
    for number in range(processes):
        delay = chance.uniform(0, spread) if number else 0.0
        Process(server, f"process {number}", chance, delay=delay, **options)  # type: ignore[arg-type]
    window = limits[-1].window
    server.time.run(windows * window)
    total = sum(server.by_window(1, windows, window), Counter())
    return (
        server,
        total.total() / limits[-1].calls / (windows - 1),
        {name: count / total.total() for name, count in total.items()},
    )


@pytest.mark.parametrize("seed", range(examples(1, 10)))
@pytest.mark.parametrize(
    ("window", "options"),
    [
        (6.0, {"latency": FAST}),
        (6.0, {"latency": JITTERED, "clients": 16}),
        (60.0, {"latency": SLOW}),
        (60.0, {"latency": JITTERED}),
        (60.0, {"latency": SLOW, "clients": 16}),
        (60.0, {"latency": JITTERED, "unix_time": True}),
    ],
)
def test_alone(window: float, options: dict[str, Any], seed: int) -> None:
    """One process, one call at a time or 16, uses at least 95 % of the limit and is never blocked."""
    server, used, _ = busy(Limit(window=window), seed=seed, **options)
    assert server.blocked() == 0
    assert used >= 0.95


@pytest.mark.parametrize("seed", range(examples(2, 12)))
@pytest.mark.parametrize(
    ("window", "options"),
    [
        (6.0, {"latency": FAST, "spread": 2.0}),
        (6.0, {"latency": JITTERED, "clients": 4, "spread": 2.0}),
        (60.0, {"latency": SLOW}),
        (60.0, {"latency": SLOW, "spread": 0.0}),
        (60.0, {"latency": JITTERED, "clients": 16}),
        (60.0, {"latency": JITTERED, "unix_time": True}),
    ],
)
def test_four_share_a_key(window: float, options: dict[str, Any], seed: int) -> None:
    """Four processes that never talk use at least 93 % together, each about a quarter, and none is blocked."""
    server, used, parts = busy(Limit(window=window), processes=4, seed=seed, **options)
    assert server.blocked() == 0
    assert used >= 0.93
    assert len(parts) == 4
    assert min(parts.values()) >= 0.2
    assert max(parts.values()) <= 0.3


@pytest.mark.parametrize("seed", range(examples(2, 12)))
def test_sixteen_that_begin_together(seed: int) -> None:
    """Sixteen mapped tasks that begin at once meet one block at most, and then share the limit."""
    server, used, parts = busy(processes=16, seed=seed, spread=0.0)
    assert server.blocked() <= 16
    assert used >= 0.85
    assert len(parts) == 16


@pytest.mark.parametrize("processes", [1, 4])
@pytest.mark.parametrize("seed", range(examples(1, 6)))
def test_two_limits(processes: int, seed: int) -> None:
    """Of several limits all are obeyed, and the tighter one is used to at least 90 %."""
    limits = Limit(20, 1.0, "Short"), Limit(120, 12.0, "Long")
    server, used, _ = busy(*limits, processes=processes, seed=seed, latency=(0.01, 0.05), spread=4.0)
    assert server.blocked() == 0
    assert used >= 0.9


@pytest.mark.parametrize(("calls", "used_at_least"), [(1, 0.9), (5, 0.9), (20, 0.9)])
def test_small_limits(calls: int, used_at_least: float) -> None:
    """Of a limit of a few calls no reserve is held back that would leave nothing."""
    server, used, _ = busy(Limit(calls))
    assert server.blocked() == 0
    assert used >= used_at_least


def test_a_limit_of_an_hour() -> None:
    """A window of an hour is spread over the hour."""
    server, used, _ = busy(Limit(2000, 3600.0), windows=2, clients=4)
    assert server.blocked() == 0
    assert used >= 0.95


@pytest.mark.parametrize("seed", range(examples(1, 6)))
def test_a_newcomer_gets_its_part(seed: int) -> None:
    """Who comes later has at least 40 % of two's calls from its second whole window on."""
    server, chance = Server(VirtualTime(), Limit()), random.Random(seed)
    Process(server, "first", chance)
    Process(server, "newcomer", chance, delay=310.0)
    server.time.run(900.0)
    assert server.blocked() == 0
    assert all(0.4 <= counts["newcomer"] / counts.total() <= 0.6 for counts in server.by_window(7, 15))


@pytest.mark.parametrize("seed", range(examples(1, 6)))
def test_one_who_stops_is_noticed(seed: int) -> None:
    """Where three of four stop, the fourth uses the limit alone from the second window on."""
    server, chance = Server(VirtualTime(), Limit()), random.Random(seed)
    for number in range(4):
        Process(server, f"process {number}", chance, delay=5.0 * number, stops_at=300.0 if number else math.inf)
    server.time.run(720.0)
    assert server.blocked() == 0
    assert all(counts["process 0"] >= 0.93 * 120 for counts in server.by_window(6, 12))


@pytest.mark.parametrize("phase", [0.02, 0.3, 0.6, 0.75])
@pytest.mark.parametrize("processes", [1, 4])
def test_a_script_that_sends_in_bursts(processes: int, phase: float) -> None:
    """Beside a script that fires 60 calls at once in each window, at most a block in two windows and no standstill."""
    limit = Limit()
    server, chance = Server(VirtualTime(), limit), random.Random(1)
    for number in range(processes):
        Process(server, f"process {number}", chance, delay=3.0 * number)

    def watch(known_end: float) -> None:
        if limit.ends > server.time.now and limit.ends != known_end:
            begins = limit.ends - limit.window
            for number in range(60):
                seconds = begins + phase * limit.window + 0.005 * number - server.time.now
                server.time.after(max(0.0, seconds), lambda: server.hit("script"))
        server.time.after(1.0, partial(watch, limit.ends))

    server.time.after(0.5, lambda: watch(0.0))
    server.time.run(1800.0)
    blocks = server.blocked("process") / processes
    assert blocks <= 15
    ours = sum(counts.total() - counts["script"] for counts in server.by_window(0, 30))
    assert ours >= 0.35 * 30 * 120


@pytest.mark.parametrize("seed", range(examples(1, 10)))
@pytest.mark.parametrize("spread", [0.0, 5.0])
@pytest.mark.parametrize(
    ("limit", "tasks", "windows"), [(Limit(30, 15.0), 20, 3.5), (Limit(30, 15.0), 12, 2.5), (Limit(120, 60.0), 40, 1.6)]
)
def test_a_crowd_of_short_tasks(limit: Limit, tasks: int, windows: float, spread: float, seed: int) -> None:
    """Mapped tasks of four calls each, which know nothing of each other, share the limit and block none of them."""
    server, chance = Server(VirtualTime(), replace(limit)), random.Random(seed)
    crowd = [Process(server, f"p{n}", chance, delay=chance.uniform(0, spread), calls=4) for n in range(tasks)]
    server.time.run(600.0)
    assert server.blocked() == 0
    assert max(task.done_at for task in crowd) - START <= windows * limit.window


@pytest.mark.parametrize("seed", range(examples(1, 10)))
@pytest.mark.parametrize(
    ("limit", "tasks", "calls", "most_blocked", "seconds"),
    [
        (Limit(120, 60.0), 80, 3, 0, 122),
        (Limit(120, 60.0), 100, 3, 20, 130),
        (Limit(120, 60.0), 118, 3, 200, 265),
        (Limit(60, 60.0), 50, 4, 120, 300),
        (Limit(10, 10.0), 10, 2, 3, 14),
    ],
)
def test_a_crowd_nearly_as_large_as_the_limit(
    limit: Limit, tasks: int, calls: int, most_blocked: int, seconds: float, seed: int
) -> None:
    """Where there are nearly as many tasks as calls in a window, few are blocked, and none again and again."""
    server, chance = Server(VirtualTime(), replace(limit)), random.Random(seed)
    crowd = [Process(server, f"p{n}", chance, calls=calls) for n in range(tasks)]
    server.time.run(600.0)
    assert server.blocked() <= most_blocked
    assert max(task.done_at for task in crowd) - START <= seconds


def test_sixty_long_tasks() -> None:
    """Sixty tasks that begin at once, with two calls in a window for each, use 85 % of the limit without a block."""
    server, used, _ = busy(processes=60, spread=0.0)
    assert server.blocked() == 0
    assert used >= 0.85


@pytest.mark.parametrize("seed", range(examples(1, 10)))
@pytest.mark.parametrize(
    ("burst", "at", "delay", "best"), [(60, 10.0, 0.0, 150), (60, 0.0, 5.0, 145), (90, 0.0, 5.0, 160)]
)
def test_the_pace_recovers_after_calls_of_others(burst: int, at: float, delay: float, best: float, seed: int) -> None:
    """Calls that others made once cost their number and no more: 240 of ours take a tenth more than they must."""
    server, chance = Server(VirtualTime(), Limit()), random.Random(seed)
    for number in range(burst):
        server.time.after(at + 0.005 * number, lambda: server.hit("script"))
    ours = Process(server, "ours", chance, delay=delay, calls=240)
    server.time.run(600.0)
    assert server.blocked() == 0
    assert ours.done_at - START - delay <= 1.1 * best


@pytest.mark.parametrize(("before", "after"), [(120, 60), (60, 120)])
def test_a_limit_that_changes(before: int, after: int) -> None:
    """Where the server's limit becomes another one, that one is kept from the next whole window on."""
    limit = Limit(before)
    server, chance = Server(VirtualTime(), limit), random.Random(0)
    Process(server, "process", chance)
    server.time.after(190.0, lambda: setattr(limit, "calls", after))
    server.time.run(600.0)
    assert server.blocked() <= 1
    assert all(0.9 * after <= counts.total() <= after + 1 for counts in server.by_window(6, 10))


def test_one_that_was_idle_is_not_slowed_down() -> None:
    """A few calls now and then are sent at once, although others use the key up."""
    server, chance = Server(VirtualTime(), Limit()), random.Random(0)
    Process(server, "busy", chance)
    pacer = Pacer(lambda: server.time.now)
    waits = []
    for _ in range(30):
        server.time.run(60.0 + chance.uniform(0, 60))
        for _ in range(2):
            waits.append(pacer.next_delay())
            server.time.run(waits[-1])
            pacer.on_response(pacer.on_sent(), server.hit("rare")[1], 200)
    assert server.blocked() == 0
    assert sorted(waits)[len(waits) // 2] == 0


# One pacer by hand.


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


def limited(left: int, reset: str = "60", calls: int = 120, name: str = "-Default") -> dict[str, str]:
    return {
        f"X-RateLimit-Limit{name}": str(calls),
        f"X-RateLimit-Remaining{name}": str(left),
        f"X-RateLimit-Reset{name}": reset,
    }


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pacer(clock: Clock) -> Pacer:
    return Pacer(clock, lambda: clock.now + UNIX_TIME_AT_0)


def exchange(pacer: Pacer, headers: dict[str, str], status: int = 200) -> None:
    pacer.on_response(pacer.on_sent(), headers, status)


def test_without_headers_nothing_is_paced(pacer: Pacer) -> None:
    """A server that sends no limits is called as fast as before; only its first response is waited for."""
    ticket = pacer.on_sent()
    assert pacer.next_delay() > 0
    pacer.on_response(ticket, {"Content-Type": "application/json"}, 200)
    for _ in range(10_000):
        assert pacer.next_delay() == 0
        pacer.on_sent()
    assert pacer.share is None


def test_a_huge_limit_is_never_waited_for(pacer: Pacer, clock: Clock) -> None:
    """A limit of millions costs no sleep: what is less than a millisecond is owed."""
    for number in range(4_000):
        assert pacer.next_delay() == 0
        exchange(pacer, limited(1_000_000 - number, calls=1_000_000))
        clock.now += 0.0002


def test_no_sleep_is_shorter_than_a_millisecond(pacer: Pacer, clock: Clock) -> None:
    """Who sends faster than even a huge limit allows sleeps now and then for a millisecond, not each time for less."""
    sleeps = []
    for number in range(4_000):
        sleeps += [seconds for seconds in [pacer.next_delay()] if seconds]
        clock.now += 0.00002 + (sleeps[-1] if sleeps and pacer.next_delay() else 0.0)
        exchange(pacer, limited(1_000_000 - number, calls=1_000_000))
    assert 0 < len(sleeps) < 400
    assert min(sleeps) >= 0.001


def test_a_few_calls_are_never_slowed_down(pacer: Pacer) -> None:
    """A task of six calls sends them one after the other, without a wait."""
    for number in range(6):
        assert pacer.next_delay() == 0
        exchange(pacer, limited(119 - number))


@pytest.mark.parametrize(
    "headers",
    [
        limited(0, "7"),
        limited(0, "7", name=""),
        {name.upper(): value for name, value in limited(0, "7", name="-Any-Name").items()},
        {name.lower(): value for name, value in limited(0, "7").items()},
        limited(0, str(int(UNIX_TIME_AT_0 + START + 7))),
        limited(0, str(int(UNIX_TIME_AT_0 + START + 7) * 1000)),
        {**limited(119, "60", name="-Long"), **limited(0, "7", calls=20, name="-Short")},
    ],
)
def test_what_is_used_up_is_waited_for(pacer: Pacer, clock: Clock, headers: dict[str, str]) -> None:
    """Where nothing is left of a limit, of whatever name, nothing is sent until its window ends; then it is at once."""
    exchange(pacer, headers)
    assert pacer.next_delay() == pytest.approx(7, abs=0.02)
    clock.now += 7.02
    assert pacer.next_delay() == 0


@pytest.mark.parametrize(
    "headers",
    [
        limited(0, "soon"),
        limited(0, "nan", name=""),
        {"X-RateLimit-Remaining": "0"},
        {"X-RateLimit-Reset": "60"},
        {"X-RateLimit-Limit": "x", "X-RateLimit-Remaining": "-1", "X-RateLimit-Reset": ""},
        {"X-RateLimit-": "", "X-RateLimit": "1"},
        limited(0, "1e300"),
        limited(10**40, "60", calls=10**40),
    ],
)
def test_headers_that_make_no_sense_stop_nothing(pacer: Pacer, headers: dict[str, str]) -> None:
    """Headers without a usable number, or with an end that nobody will live to see, hold nothing up."""
    for _ in range(5):
        exchange(pacer, headers)
        assert pacer.next_delay() <= 1.01


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({}, 5.0), ({"Retry-After": "9"}, 9.0), (limited(0, "60"), 60.0), ({"Retry-After": "0"}, 1.0)],
)
def test_a_block_is_waited_out(pacer: Pacer, clock: Clock, headers: dict[str, str], seconds: float) -> None:
    """A 429 stops all calls for as long as it says, or 5 s; then a single one finds out what holds."""
    exchange(pacer, limited(100))
    exchange(pacer, headers, 429)
    assert pacer.next_delay() == pytest.approx(seconds, abs=0.02)
    clock.now += seconds + 0.02
    assert pacer.next_delay() == 0
    pacer.on_sent()
    assert pacer.next_delay() > 0


def test_a_block_before_any_limit_is_known_is_waited_out(pacer: Pacer) -> None:
    """A process that begins during a block of others', and knows nothing else, sends nothing either."""
    exchange(pacer, {}, 429)
    assert pacer.next_delay() == pytest.approx(5.0, abs=0.02)


def test_who_has_waited_for_the_block_goes_first(pacer: Pacer) -> None:
    """A call that was blocked waits between its attempts; it is not made to wait for the same block again."""
    exchange(pacer, limited(100))
    exchange(pacer, limited(0), 429)
    assert list(pacer.delays(again=True)) == []


def test_lost_requests_count_as_used(pacer: Pacer) -> None:
    """Where no answer came, the server may have counted the call."""
    exchange(pacer, limited(3))
    for _ in range(2):
        pacer.on_failure(pacer.on_sent())
    assert pacer.next_delay() == pytest.approx(60, abs=0.02)


def test_requests_under_way_count_as_used(pacer: Pacer) -> None:
    """What was sent and not yet answered is no longer free."""
    exchange(pacer, limited(4))
    for _ in range(3):
        ticket = pacer.on_sent()
    assert pacer.next_delay() > 0
    pacer.on_response(ticket, limited(3), 200)
    assert pacer.next_delay() > 0


def test_a_lost_probe_holds_nobody_for_ever(pacer: Pacer, clock: Clock) -> None:
    """While the first request has no answer the others are held for a second at most."""
    pacer.on_sent()
    assert pacer.next_delay() > 0
    clock.now += 1.01
    assert pacer.next_delay() == 0


def test_a_response_of_the_last_window_changes_nothing(pacer: Pacer, clock: Clock) -> None:
    """An answer that comes late, after the next window has begun, is not treated as news of that."""
    exchange(pacer, limited(60, "2"))
    late = pacer.on_sent()
    clock.now += 2.1
    assert pacer.next_delay() == 0
    exchange(pacer, limited(119, "60"))
    pacer.on_response(late, limited(1, "1"), 200)
    assert pacer.next_delay() == 0
    assert pacer.share == pytest.approx(1 / 120)


def test_share_is_of_the_tightest_limit(pacer: Pacer, clock: Clock) -> None:
    """The used part is that of the limit of which least is left, and nothing when its window is over."""
    exchange(pacer, {**limited(90), **limited(5, "30", calls=20, name="-Short")})
    assert pacer.share == pytest.approx(0.75)
    clock.now += 31
    assert pacer.share == pytest.approx(0.25)


def test_a_day_of_calls_now_and_then(pacer: Pacer, clock: Clock) -> None:
    """A sensor that polls for days is as free at the end as at the beginning."""
    for _ in range(5000):
        assert pacer.next_delay() == 0
        exchange(pacer, limited(119))
        clock.now += 61.0


# The clients.


@dataclass
class LimitedServer:
    """Answers with what is left of a limit of ten in 60 s, by a clock that only sleeping moves."""

    now: float = START
    left: int = 10
    ends: float = START + 60

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.now >= self.ends:
            self.left, self.ends = 10, self.now + 60
        self.left -= 1
        if self.left < 0:
            return httpx.Response(429, headers=limited(0, "60", calls=10))
        headers = limited(self.left, str(math.ceil(self.ends - self.now)), calls=10)
        return httpx.Response(200, json=success({"id": 7}), headers=headers)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture(params=["sync", "threads", "async", "tasks"])
def thirty_calls(request: pytest.FixtureRequest) -> Callable[[LimitedServer], None]:
    """Sends 30 calls with a client of either kind, one after the other or many at a time."""
    read = endpoints.me()

    def send(server: LimitedServer) -> None:
        transport, options = httpx.MockTransport(server), {"clock": lambda: server.now}
        if request.param in ("sync", "threads"):
            with CalComClient(SETTINGS, transport=transport, sleep=server.sleep, **options) as client:
                many = 3 if request.param == "threads" else 1
                work = lambda: [client.call(read) for _ in range(30 // many)]  # noqa: E731
                threads = [threading.Thread(target=work) for _ in range(many)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
            return

        async def main() -> None:
            async with AsyncCalComClient(SETTINGS, transport=transport, sleep=server.sleep_async, **options) as client:
                if request.param == "tasks":
                    await asyncio.gather(*(client.call(read) for _ in range(30)))
                else:
                    for _ in range(30):
                        await client.call(read)

        asyncio.run(main())

    return send


def test_both_clients_keep_below_the_limit(thirty_calls: Callable[[LimitedServer], None]) -> None:
    """Thirty calls at ten a minute take between two and four minutes and no 429, in either client."""
    server = LimitedServer()
    thirty_calls(server)
    assert 120 <= server.now - START <= 240
    assert server.left >= 0


@IN_BOTH
def test_a_sleep_that_does_not_move_the_clock_ends(both) -> None:
    """A test's sleep that only notes the seconds does not make the client spin."""
    pauses: list[float] = []

    def flow():
        for _ in range(12):
            yield endpoints.me()

    server = answering(httpx.Response(200, json=success({"id": 7}), headers=limited(0, "60")))
    both.run(server, flow(), pauses=pauses)
    assert sum(pauses) == pytest.approx(11 * 60, abs=2)


def test_a_cancelled_call_is_not_under_way_for_ever() -> None:
    """A task that is cancelled while it waits for its answer counts as lost."""

    async def never(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(3600)
        raise AssertionError

    async def main() -> None:
        async with AsyncCalComClient(SETTINGS, transport=httpx.MockTransport(never)) as client:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.call(endpoints.me()), 0.02)
            assert client.pacer.next_delay() == 0

    asyncio.run(main())
