"""Compaction: the many segments of a ledger become one, and nothing that they record is lost."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any
from uuid import uuid4

from airflow_provider_calcom._redact import redact, shown_path
from airflow_provider_calcom._storage import Folder, atomic_write, folder_path, is_here, reason_of, scratch_database
from airflow_provider_calcom.no_shows.ledger.claims import Claim, Claimed, Claims
from airflow_provider_calcom.no_shows.ledger.records import AlreadyApplying, LedgerRecord, encode
from airflow_provider_calcom.no_shows.ledger.segments import (
    COMPACTED,
    SUFFIX,
    list_segments,
    read_all,
    run_of,
    try_lock,
)

log = logging.getLogger(__name__)

_CLAIM = "compaction"
_AT_ONCE = 16
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

    Segments of runs that may still write, on this machine or another, stay as they are. The merged segment is complete
    before the old ones are deleted. If that is interrupted, records are there twice, which no reader minds, and the
    next compaction removes the duplicates.

    :param folder: the ledger's, local or in an object store.
    :raises AlreadyApplying: if another compaction is running.
    :raises DamagedLedger: naming segment and line; nothing is changed then.
    """
    place = folder_path(folder)
    if not list_segments(place):
        return Compacted(0, 0, 0)
    claims = Claims(place)
    claim = claims.take(Claimed(_CLAIM, _CLAIM))
    try:
        return _compact(place, claim, ended=frozenset())
    finally:
        claim.release()


def compact_if_many(folder: Folder, *, more_than: int, ended: str) -> None:
    """Compact a ledger in an object store that has many segments. Failing to do so is logged, and nothing is lost.

    On local disk each run has one segment; there are few.

    :param folder: the ledger's.
    :param more_than: segments.
    :param ended: name of a run that has a claim, and writes no more.
    """
    place = folder_path(folder)
    if is_here(place):
        return
    try:
        if len(list_segments(place)) <= more_than:
            return
        claim = Claims(place).take(Claimed(_CLAIM, _CLAIM))
    except AlreadyApplying:
        return
    except Exception as error:  # of any library of an object store
        log.warning("The ledger %s was not compacted (%s)", shown_path(place), redact(reason_of(error)))
        return
    try:
        done = _compact(place, claim, ended=frozenset([ended]))
        log.info("%d segments of the ledger %s were merged", done.segments, shown_path(place))
    except Exception as error:
        log.warning("The ledger %s was not compacted (%s)", shown_path(place), redact(reason_of(error)))
    finally:
        claim.release()


def _compact(place: Any, claim: Claim, *, ended: frozenset[str]) -> Compacted:
    locks: list[IO[bytes]] = []
    try:
        # Listed before the claims: a run has a claim before its first segment.
        segments = list_segments(place)
        runs = Claims(place).runs()
        segments = [one for one in segments if run_of(one) not in runs - ended and _is_free(one, locks)]
        if not segments:
            return Compacted(0, 0, 0)
        merged = place / f"{str(segments[0].name).partition('-')[0]}{COMPACTED}{uuid4().hex[:8]}{SUFFIX}"
        kept = _KeptRecords(segments)
        with atomic_write(merged) as target, target.open("wb") as file:
            for record in kept.read():
                file.write(encode(record))
            # On disk before the old segments go: a power failure must not lose both.
            file.flush()
            os.fsync(file.fileno())
        claim.check()
        _delete(segments)
        return Compacted(len(segments), kept.number, kept.left_out)
    finally:
        for lock in locks:
            lock.close()


def _delete(segments: Sequence[Any]) -> None:
    if is_here(segments[0]):
        for segment in segments:
            segment.unlink(missing_ok=True)
        return
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(_delete_object, segments):
            pass


def _delete_object(segment: Any) -> None:
    with suppress(FileNotFoundError):
        segment.fs.rm_file(segment.path)


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
        return read_all(self._segments)
