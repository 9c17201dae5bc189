"""The latest writes of the configured ledgers, counted by day, plan and outcome."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from airflow_provider_calcom._storage import is_here, open_to_read
from airflow_provider_calcom.configuration import ConfiguredFolder
from airflow_provider_calcom.no_shows.ledger.records import LedgerRecord, decode
from airflow_provider_calcom.no_shows.ledger.segments import list_segments
from airflow_provider_calcom.plugins._plan_folders import open_folder

MOST_SEGMENTS = 100
MOST_BYTES_OF_A_SEGMENT = 4 * 2**20
MOST_BYTES = 16 * 2**20
"""What one request reads of each ledger, the latest first; a record has about 500 bytes."""
NO_RESULT = "no result yet"
"""Instead of an outcome: the run has not recorded one, or was killed before it could."""


@dataclass(frozen=True)
class WritesRow:
    """What one DAG wrote of one plan on one day.

    :param day: in UTC, as ``2026-11-18``.
    :param plan: the plan's hash.
    :param dag_id: the DAG, or None if it was not written by one.
    :param outcomes: writes by outcome.
    """

    day: str
    plan: str
    dag_id: str | None
    outcomes: dict[str, int]

    @property
    def writes(self) -> int:
        """The number of flags that were written, or were to be."""
        return sum(self.outcomes.values())


@dataclass(frozen=True)
class LatestWrites:
    """The latest writes of ledgers.

    :param rows: the latest first.
    :param is_all: False if there are earlier writes, which were not read.
    :param unreadable: names of ledgers that could not be read.
    """

    rows: tuple[WritesRow, ...]
    is_all: bool = True
    unreadable: tuple[str, ...] = ()


def latest_writes(folders: Iterable[ConfiguredFolder], *, dag_id: str | None = None) -> LatestWrites:
    """Return the latest writes of ledgers. A limited number of bytes is read.

    :param folders: the ledgers that are configured. One that can't be read does not hide the others.
    :param dag_id: only those of this DAG; None for all.
    """
    writes: dict[str, _Write] = {}
    is_all, unreadable = True, []
    for folder in folders:
        try:
            is_all &= _read(folder, writes)
        except Exception:  # libraries of object stores have their own errors
            unreadable.append(folder.slug)
    chosen = (write for write in writes.values() if dag_id is None or write.dag_id == dag_id)
    return LatestWrites(_rows(chosen), is_all, tuple(unreadable))


@dataclass(frozen=True)
class _Write:
    """One write, by its latest record."""

    time: str
    plan: str
    dag_id: str | None
    outcome: str


def _rows(writes: Iterable[_Write]) -> tuple[WritesRow, ...]:
    groups: dict[tuple[str, str, str | None], list[_Write]] = {}
    for write in writes:
        groups.setdefault((write.time[:10], write.plan, write.dag_id), []).append(write)
    latest_first = sorted(groups.items(), key=lambda group: max(write.time for write in group[1]), reverse=True)
    return tuple(
        WritesRow(day, plan, dag_id, dict(Counter(write.outcome for write in group).most_common()))
        for (day, plan, dag_id), group in latest_first
    )


def _read(folder: ConfiguredFolder, writes: dict[str, _Write]) -> bool:
    """Add the writes by their ids, and return whether all of the ledger was read."""
    segments = list_segments(open_folder(folder))
    left = MOST_BYTES
    is_all = len(segments) <= MOST_SEGMENTS
    for segment in reversed(segments[-MOST_SEGMENTS:]):
        if left <= 0:
            return False
        size = _size(segment)
        wanted = min(size, left, MOST_BYTES_OF_A_SEGMENT)
        is_all &= wanted == size
        left -= wanted
        for record in _last_records(segment, size - wanted):
            # An outcome comes after its intent, but the segments are read from the last one.
            if record["kind"] == "outcome" or record["id"] not in writes:
                outcome = str(record["outcome"] or NO_RESULT)
                writes[record["id"]] = _Write(record["time"], record["plan"], record["dag_id"], outcome)
    return is_all


def _size(segment: Any) -> int:
    if is_here(segment) and (segment.is_symlink() or not segment.is_file()):
        return 0
    return int(segment.stat().st_size)


def _last_records(segment: Any, begin: int) -> Iterator[LedgerRecord]:
    """Yield the records from a byte on; the line that the byte is in the middle of, and torn ones, are left out."""
    if is_here(segment) and (segment.is_symlink() or not segment.is_file()):
        return
    with open_to_read(segment) as file:
        if begin:
            file.seek(begin - 1, os.SEEK_SET)
            file.readline()
        for line in file:
            record = decode(line)
            if record is not None:
                yield record
