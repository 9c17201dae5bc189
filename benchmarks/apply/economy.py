"""Count the calls of a plan: a write for each booking that really changes, and reads in pages."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from benchmarks.apply.measures import Measure
from benchmarks.apply.running import Bench, progress
from benchmarks.apply.worlds import Row

PAGE = 250


def most_pages(bookings: Sequence[Row]) -> int:
    """Return how many pages a plan over bookings that stand together on the list may take.

    Each page begins at a start. The last group of equal starts on a full page may be cut off, and is read again; so a
    page brings at least what it holds less the largest group. One page more where the last one is exactly full.
    """
    largest_group = max(Counter(booking["start"] for booking in bookings).values())
    return math.ceil(len(bookings) / (PAGE - largest_group)) + 1


def measure_economy(bench: Bench, mixed: Sequence[Row], scattered: Sequence[Row]) -> list[Measure]:
    """Count calls.

    :param mixed: bookings that stand together, some of whose people are marked absent already.
    :param scattered: few bookings, far from each other on the list.
    """
    changed = sum(not all(person["absent"] for person in booking["attendees"]) for booking in mixed)
    plan, sparse = bench.plan(mixed), bench.plan(scattered)
    first, second = _calls_of(bench, plan), _calls_of(bench, plan)
    sparse_pages = _calls_of(bench, sparse, dry_run=True)["list"]
    about = f"{3 * len(mixed):,} flags of {len(mixed):,} bookings in a row, {changed:,} of them to be changed"
    return [
        Measure(f"writing calls / changed bookings ({about})", first["mark"] / changed, "=", 1),
        Measure("writing calls when the same plan is applied again", second["mark"], "=", 0),
        Measure("bookings read one by one", first["get"], "=", 0),
        Measure("pages of the list read for it", first["list"], "<=", most_pages(mixed)),
        Measure(f"pages read for {len(scattered)} bookings far from each other", sparse_pages, "<=", len(scattered)),
    ]


def _calls_of(bench: Bench, plan: object, **options: object) -> dict[str, int]:
    before = bench.server.counts()["calls"]
    bench.run("ours", plan, **options)  # type: ignore[arg-type]
    after = bench.server.counts()["calls"]
    calls = {kind: after[kind] - before[kind] for kind in before}
    progress(f"calls of a plan: {calls}")
    return calls
