"""Measure what applying a plan costs, beside others; exits with 1 if a figure is not what it must be.

All sides talk to one sandbox, a process of its own. They take turns within each round, so that what else the machine
does falls on all of them, and a ratio is the median of the rounds' ratios. No booking is marked twice.
``--write`` puts the tables into docs/explanation/benchmarks-apply.md too.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

from benchmarks.apply.economy import measure_economy
from benchmarks.apply.limits import measure_limits
from benchmarks.apply.measures import Measure
from benchmarks.apply.operators import measure_operators
from benchmarks.apply.running import CONCURRENCY, ROOT, Bench, progress
from benchmarks.apply.server import serving
from benchmarks.apply.size import measure_size
from benchmarks.apply.speed import measure_speed
from benchmarks.apply.worlds import LIMIT, WINDOW, Row, Supply, make_world

REPORT = ROOT / "docs" / "explanation" / "benchmarks-apply.md"
LATENCY = 0.03
LARGE, LARGE_QUICK, SPARE, MIXED, SCATTERED = 100_000, 10_000, 42_000, 800, 20
PARTS = ("economy", "speed", "operators", "limits", "size")


def measures_of(
    bench: Bench, bookings: Sequence[Row], large: int, parts: Sequence[str]
) -> tuple[list[Measure], list[str]]:
    """Run the parts; return the measures, and lines for the page."""
    measures: list[Measure] = []
    lines: list[str] = []

    def speed() -> None:
        speeds = measure_speed(bench)
        measures.extend(speeds.measures())
        lines.extend([*speeds.table(), ""])

    def operators() -> None:
        found, words = measure_operators(bench)
        measures.extend(found)
        lines.extend([words, ""])

    run: dict[str, Callable[[], None]] = {
        "speed": speed,
        "operators": operators,
        "limits": lambda: measures.extend(measure_limits(bench)),
        "economy": lambda: measures.extend(
            measure_economy(bench, bookings[-MIXED:], bookings[: large : large // SCATTERED])
        ),
        "size": lambda: measures.extend(measure_size(bench, bookings[:large])),
    }
    for part in parts:
        run[part]()
    return measures, lines


def report(measures: list[Measure], lines: list[str]) -> str:
    """Return the page."""
    packages = ("apache-airflow", "apache-airflow-providers-http", "httpx", "uvicorn")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    text = [
        "# What applying a plan costs",
        "",
        f"`make bench-apply` on {date.today():%Y-%m-%d}: {os.cpu_count()} cores, Python {platform.python_version()},",
        f"{versions}.",
        "",
        f"All sides talk to one sandbox, a process of its own, which responds after {LATENCY * 1000:g} ms (at once for",
        f"memory and CPU time). Ours writes {CONCURRENCY} bookings at once, as the bare client does. Sides take turns,",
        "each round marks other bookings, and a ratio is the median of the rounds' ratios: other work on the machine",
        f"adds to all seconds. The rate limit is {LIMIT} calls in {WINDOW} s with a block of {WINDOW} s, a tenth of",
        "Cal.com's minute; its steady state is without the first window and the last one.",
        "",
        "| measure | figure | must be | ok |",
        "|---|---|---|---|",
        *(measure.row() for measure in measures),
        "",
        *lines,
    ]
    return "\n".join(text).rstrip() + "\n"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, and 10,000 changes instead of 100,000")
    parser.add_argument("--parts", default=",".join(PARTS), help="which parts to run, with commas")
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.relative_to(ROOT)} as well")
    return parser.parse_args()


def main() -> int:
    """Start the sandbox, run the parts, print the page."""
    options = arguments()
    begin = time.monotonic()
    large = LARGE_QUICK if options.quick else LARGE
    with tempfile.TemporaryDirectory(prefix="calcom-bench-") as name:
        folder = Path(name)
        world = make_world(large + SPARE, MIXED)
        bookings = world["bookings"]
        (folder / "world.json").write_text(json.dumps(world), encoding="utf-8")
        progress(f"starting a sandbox with {len(bookings):,} bookings")
        with serving(folder / "world.json", LATENCY) as server:
            bench = Bench(server, Supply(bookings[large : large + SPARE]), folder, options.quick)
            measures, lines = measures_of(bench, bookings, large, options.parts.split(","))
    text = report(measures, lines)
    print(text)
    if options.write:
        REPORT.write_text(text, encoding="utf-8")
    broken = sum(not measure.ok for measure in measures)
    print(f"bench-apply: {broken} of {len(measures)} measures not met, {time.monotonic() - begin:.0f} s")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
