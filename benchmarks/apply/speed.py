"""Marks a second without a limit.

Compared are ours, a bare client with workers, with and without the pages that we read, and one call after another.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from benchmarks.apply.measures import Measure
from benchmarks.apply.running import CONCURRENCY, Bench, progress

MARKS, MARKS_IN_SEQUENCE, ROUNDS = 2000, 150, 5
MARKS_QUICK, ROUNDS_QUICK = 1000, 3
LEAST_OF_BARE, LEAST_OF_SEQUENTIAL = 0.9, 8
SIDES = ("bare", "marks", "ours", "sequential")
TEXTS = {
    "ours": "ours, all of it: plan, flags, ledger, checks, outcomes",
    "bare": f"bare: the same requests by `httpx.AsyncClient`, {CONCURRENCY} workers, looks at the status alone",
    "marks": "the same without the pages of the list that we read for it",
    "sequential": "one call after another with `httpx.Client`, as generated SDKs do",
}


@dataclass(frozen=True)
class Speed:
    """The result of one side in one round.

    :param rate: marks a second.
    :param cpu_ms: of CPU time a mark, without the start of the process.
    """

    rate: float
    cpu_ms: float


@dataclass(frozen=True)
class Speeds:
    """The rounds of each side."""

    rounds: list[dict[str, Speed]]

    def measures(self) -> list[Measure]:
        """Compare the sides within each round, and return the medians."""
        ratios = {
            side: statistics.median(one["ours"].rate / one[side].rate for one in self.rounds)
            for side in ("bare", "sequential")
        }
        return [
            Measure("marks a second, ours / bare, the same requests", ratios["bare"], ">=", LEAST_OF_BARE),
            Measure("marks a second, ours / one after another", ratios["sequential"], ">=", LEAST_OF_SEQUENTIAL),
        ]

    def table(self) -> list[str]:
        """List the medians of the sides."""
        lines = ["| side | marks a second | CPU ms a mark |", "|---|---|---|"]
        for side in SIDES:
            rate = statistics.median(one[side].rate for one in self.rounds)
            cpu_ms = statistics.median(one[side].cpu_ms for one in self.rounds)
            lines.append(f"| {TEXTS[side]} | {rate:.1f} | {cpu_ms:.2f} |")
        return lines


def measure_speed(bench: Bench) -> Speeds:
    """Run the sides in turns, each time on other bookings."""
    marks = MARKS_QUICK if bench.is_quick else MARKS
    rounds = []
    for number in range(ROUNDS_QUICK if bench.is_quick else ROUNDS):
        sides = SIDES if number % 2 == 0 else ("ours", "marks", "bare", "sequential")
        rounds.append(
            {side: _timed(bench, side, MARKS_IN_SEQUENCE if side == "sequential" else marks) for side in sides}
        )
    return Speeds(rounds)


def _timed(bench: Bench, side: str, marks: int) -> Speed:
    took = bench.run(side, bench.plan(bench.supply.take(marks)))
    cpu_seconds = took["cpu_seconds"] - took["start_cpu_seconds"]
    speed = Speed(marks / took["seconds"], cpu_seconds / marks * 1000)
    progress(f"{side}: {marks} marks, {speed.rate:.1f} a second, {speed.cpu_ms:.2f} ms of CPU each")
    return speed
