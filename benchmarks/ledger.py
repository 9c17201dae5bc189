"""`python -m benchmarks.ledger`: what reading a ledger of 1,000 segments in an object store costs, and its compaction.

The store is SeaweedFS on the same machine; one that is farther away adds its latency to each request, of which sixteen
are under way at a time.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from upath import UPath

from airflow_provider_calcom.no_shows.ledger.compaction import compact
from airflow_provider_calcom.no_shows.ledger.reader import LastWriteLookup
from airflow_provider_calcom.no_shows.ledger.segments import list_segments
from airflow_provider_calcom.no_shows.ledger.writer import LedgerWriter, WriteOutcome
from airflow_provider_calcom.no_shows.plan_files import Change
from tests.distributed.object_store import BUCKET, running_store

_PAIRS = 500
_PER_SEGMENT = 32
"""Pairs of segments with intents and outcomes, and the records of each: as many as a run with a concurrency of 8."""


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as place, running_store(Path(place)):
        ledger = UPath(f"s3://{BUCKET}/ledger")
        _write(ledger)
        size = sum(segment.stat().st_size for segment in list_segments(ledger))
        print(f"{len(list_segments(ledger)):,} segments, {2 * _PAIRS * _PER_SEGMENT:,} records, {size / 1e6:.1f} MB")
        for name, act in (("read", _read), ("compact", compact), ("read when compacted", _read)):
            seconds = min(_seconds(act, ledger) for _ in range(1 if act is compact else 3))
            print(f"{name}: {seconds:.2f} s")


def _write(ledger: UPath) -> None:
    with LedgerWriter(ledger, plan="p" * 64) as run:
        for number in range(_PAIRS):
            changes = [_change(f"booking-{number}-{one}") for one in range(_PER_SEGMENT)]
            ids = run.record_intents(changes)
            run.record_outcomes(
                WriteOutcome(write_id, change, "applied", None, verified=True)
                for write_id, change in zip(ids, changes, strict=True)
            )


def _change(uid: str) -> Change:
    return Change(uid, "attendee", "a.guest@client.example", False, True, "not_seen", 0.0, "2026-11-18T08:00:00.000Z")


def _read(ledger: UPath) -> None:
    with LastWriteLookup(ledger, only_bookings=lambda uid: uid.endswith("-0")):
        pass


def _seconds(act: Callable[[UPath], Any], ledger: UPath) -> float:
    began = time.monotonic()
    act(ledger)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
