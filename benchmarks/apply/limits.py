"""Measure how much of a rate limit one process uses, and four processes that share a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.apply.measures import Measure
from benchmarks.apply.running import Bench, progress, took
from benchmarks.apply.worlds import KEY_OF_FOUR, KEY_OF_ONE, LIMIT, WINDOW

CONCURRENCY = 8
MARKS_OF_ONE, MARKS_OF_FOUR = 7 * LIMIT, 10 * LIMIT
LEAST_SHARE_OF_ONE, LEAST_SHARE_OF_FOUR, MOST_BLOCKED_OF_FOUR = 0.95, 0.9, 1


@dataclass(frozen=True)
class Use:
    """The use of a limit.

    :param share: of the limit in the steady state: from the second window to the last one that began while all
        processes were at work.
    :param windows: that the steady state had.
    :param calls: all of them.
    :param blocked: responses with 429.
    :param blocked_later: those after the first window.
    """

    share: float
    windows: int
    calls: int
    blocked: int
    blocked_later: int


def use_of(runs: list[list[tuple[float, int, int]]]) -> Use:
    """Read the use from each process's calls: when it was sent, the status, and how many the server said were left."""
    calls = sorted(call for run in runs for call in run)
    first_end = min(max(sent_at for sent_at, *_ in run) for run in runs)
    begins = [
        sent_at for sent_at, status, left in calls if status == 200 and left == LIMIT - 1 and sent_at <= first_end
    ]
    blocked = [sent_at for sent_at, status, _ in calls if status == 429]
    if len(begins) < 3:
        return Use(0.0, 0, len(calls), len(blocked), len(blocked))
    begin, end = begins[1], begins[-1]
    answered = sum(status == 200 and begin <= sent_at < end for sent_at, status, _ in calls)
    share = answered / (LIMIT * (end - begin) / WINDOW)
    return Use(share, len(begins) - 2, len(calls), len(blocked), sum(sent_at >= begin for sent_at in blocked))


def measure_limits(bench: Bench) -> list[Measure]:
    """Run one process with its key, then four with theirs."""
    one = _used(bench, KEY_OF_ONE, MARKS_OF_ONE, processes=1)
    four = _used(bench, KEY_OF_FOUR, MARKS_OF_FOUR, processes=4)
    blocked = 100 * four.blocked / four.calls
    return [
        Measure("share of the limit used, 1 process", one.share, ">=", LEAST_SHARE_OF_ONE),
        Measure("responses with 429 after the first window, 1 process", one.blocked_later, "=", 0),
        Measure("share of the limit used, 4 processes together", four.share, ">=", LEAST_SHARE_OF_FOUR),
        Measure("responses with 429 of all, 4 processes", blocked, "<=", MOST_BLOCKED_OF_FOUR, " %"),
    ]


def _used(bench: Bench, key: str, marks: int, *, processes: int) -> Use:
    plans = [bench.plan(bench.supply.take(marks // processes)) for _ in range(processes)]
    started = [bench.start("ours", plan, key=key, concurrency=CONCURRENCY, records=True) for plan in plans]
    runs: list[Any] = [[tuple(call) for call in took(process)["calls"]] for process in started]
    use = use_of(runs)
    progress(f"{processes} process(es) under a limit: {use}")
    return use
