"""Compaction: the many segments of a ledger become one, and nothing that they record is lost."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any
from uuid import uuid4

from airflow_provider_calcom._storage import Folder, atomic_write, folder_path, is_here, scratch_database
from airflow_provider_calcom.no_shows.ledger.records import LedgerRecord, encode
from airflow_provider_calcom.no_shows.ledger.segments import SUFFIX, list_segments, read_records, try_lock

_TABLES = """
CREATE TABLE ended (id TEXT, content TEXT, PRIMARY KEY (id, content)) WITHOUT ROWID;
CREATE TABLE kept (id TEXT, kind TEXT, time TEXT, PRIMARY KEY (id, kind, time)) WITHOUT ROWID;
"""
_OUTCOME_KEYS = {"kind", "time", "sequence", "outcome", "detail", "shown", "request_id"}
"""Keys in which an outcome differs from its intent."""


@dataclass(frozen=True)
class Compacted:
    """The result of a compaction.

    :param segments: how many segments were merged.
    :param records: how many records the merged segment has.
    :param left_out: how many records were left out: intents whose outcome repeats them, and duplicates.
    """

    segments: int
    records: int
    left_out: int


def compact(folder: Folder) -> Compacted:
    """Merge the segments of a ledger into one. An intent whose outcome is known goes; all other records stay.

    An intent of a run that was killed stays too if its outcome, found by a later run, names another plan or task.

    Segments that a run on this machine is writing stay as they are. The merged segment is complete before the old ones
    are deleted. If that is interrupted, records are there twice, which no reader minds, and the next compaction removes
    the duplicates.

    :param folder: the ledger's, local or in an object store.
    :raises DamagedLedger: naming segment and line; nothing is changed then.
    """
    place = folder_path(folder)
    locks: list[IO[bytes]] = []
    try:
        segments = [segment for segment in list_segments(place) if _is_free(segment, locks)]
        if not segments:
            return Compacted(0, 0, 0)
        merged = place / f"{str(segments[0].name).partition('-')[0]}-compacted-{uuid4().hex[:8]}{SUFFIX}"
        kept = _KeptRecords(segments)
        with atomic_write(merged) as target, target.open("wb") as file:
            for record in kept.read():
                file.write(encode(record))
            # On disk before the old segments go: a power failure must not lose both.
            file.flush()
            os.fsync(file.fileno())
        for segment in segments:
            segment.unlink(missing_ok=True)
        return Compacted(len(segments), kept.number, kept.left_out)
    finally:
        for lock in locks:
            lock.close()


def _is_free(segment: Any, locks: list[IO[bytes]]) -> bool:
    if not is_here(segment):
        return True
    file = segment.open("rb")
    locks.append(file)
    return try_lock(file)


def _content(record: LedgerRecord) -> str:
    """Return what an intent and its outcome have in common, as long as one run wrote both."""
    return json.dumps({key: value for key, value in record.items() if key not in _OUTCOME_KEYS}, sort_keys=True)


class _KeptRecords:
    """The records that stay. The segments are read twice: to find the writes that ended, and to yield the records."""

    def __init__(self, segments: list[Any]) -> None:
        self._segments = segments
        self.number = 0
        self.left_out = 0

    def read(self) -> Iterator[LedgerRecord]:
        database = scratch_database(_TABLES)
        try:
            for record in self._all():
                if record["kind"] == "outcome" and record["shown"] is not None:
                    database.execute("INSERT OR IGNORE INTO ended VALUES (?, ?)", (record["id"], _content(record)))
            for record in self._all():
                key = (record["id"], record["kind"], record["time"])
                has_ended = (
                    record["kind"] == "intent"
                    and database.execute(
                        "SELECT 1 FROM ended WHERE id = ? AND content = ?", (record["id"], _content(record))
                    ).fetchone()
                )
                if has_ended or not database.execute("INSERT OR IGNORE INTO kept VALUES (?, ?, ?)", key).rowcount:
                    self.left_out += 1
                else:
                    self.number += 1
                    yield record
        finally:
            database.close()

    def _all(self) -> Iterator[LedgerRecord]:
        return (record for segment in self._segments for record in read_records(segment))
