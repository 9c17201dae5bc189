"""Memory and CPU time of a large plan beside a small one."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.apply.measures import Measure
from benchmarks.apply.running import Bench, progress
from benchmarks.apply.worlds import Row

SMALL = 1000
MOST_GROWTH_MB, MOST_CPU_MS = 30, 2


def measure_size(bench: Bench, bookings: Sequence[Row]) -> list[Measure]:
    """Apply a small plan and a large one, at a server that answers at once.

    :param bookings: of the large plan.
    """
    bench.server.set_latency(0)
    small = bench.run("ours", bench.plan(bench.supply.take(SMALL)))
    progress(f"{SMALL:,} changes: {small['peak_mb']:.1f} MB; now {len(bookings):,}")
    large = bench.run("ours", bench.plan(bookings))
    assert large["result"]["outcomes"]["applied"] == len(bookings)
    cpu_ms = large["cpu_seconds"] / len(bookings) * 1000
    progress(
        f"{len(bookings):,} changes: {large['peak_mb']:.1f} MB, {large['seconds']:.0f} s, {cpu_ms:.2f} ms of CPU each"
    )
    growth = large["peak_mb"] - small["peak_mb"]
    name = f"{len(bookings):,} changes"
    return [
        Measure(f"peak memory, {name} less {SMALL:,} ({small['peak_mb']:.0f} MB)", growth, "<=", MOST_GROWTH_MB, " MB"),
        Measure(f"CPU time a change, {name} in {large['seconds']:.0f} s", cpu_ms, "<=", MOST_CPU_MS, " ms"),
    ]
