"""Putting the many parts of a ledger together into one, without losing what they tell."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any
from uuid import uuid4

from airflow_provider_calcom._storage import Folder, atomic_write, folder_path, is_here, scratch_database
from airflow_provider_calcom.no_shows.ledger.records import LedgerRecord, encoded
from airflow_provider_calcom.no_shows.ledger.segments import SUFFIX, locked, parts_of, records_of

_TABLES = """
CREATE TABLE ended (id TEXT, told TEXT, PRIMARY KEY (id, told)) WITHOUT ROWID;
CREATE TABLE given (id TEXT, kind TEXT, time TEXT, PRIMARY KEY (id, kind, time)) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Compacted:
    """What a compaction did.

    :param parts: how many parts were put together.
    :param records: how many records the one part has now.
    :param left_out: how many intents were left out because their outcome tells all that they do, and repeats.
    """

    parts: int
    records: int
    left_out: int


def compact(folder: Folder) -> Compacted:
    """Put the parts of a ledger together into one. An intent whose outcome is known goes; all else stays.

    An intent of a run that was killed stays, too, if the outcome, as a later run found it, names another plan or task.

    Parts that a run on this machine is writing stay as they are. The new part is written whole before the old ones go;
    where that is interrupted, records stand twice, which no reader minds, and the next compaction mends.

    :param folder: the ledger's, here or in an object store.
    :raises DamagedLedger: naming part and line; nothing is changed then.
    """
    place = folder_path(folder)
    held: list[IO[bytes]] = []
    try:
        parts = [part for part in parts_of(place) if _is_free(part, held)]
        if not parts:
            return Compacted(0, 0, 0)
        merged = place / f"{str(parts[0].name).partition('-')[0]}-compacted-{uuid4().hex[:8]}{SUFFIX}"
        kept = _Kept(parts)
        with atomic_write(merged) as target, target.open("wb") as file:
            for record in kept.records():
                file.write(encoded(record))
            # On disk before the old parts go: a power cut must not take both.
            file.flush()
            os.fsync(file.fileno())
        for part in parts:
            part.unlink(missing_ok=True)
        return Compacted(len(parts), kept.given, kept.left_out)
    finally:
        for one in held:
            one.close()


def _is_free(part: Any, held: list[IO[bytes]]) -> bool:
    if not is_here(part):
        return True
    file = part.open("rb")
    held.append(file)
    return locked(file)


def _told(record: LedgerRecord) -> str:
    """What an intent tells, but for its time. That of a run that was killed says more than the next one's outcome."""
    return json.dumps({key: value for key, value in record.items() if key not in _OF_OUTCOMES}, sort_keys=True)


_OF_OUTCOMES = {"kind", "time", "sequence", "outcome", "detail", "shown", "request_id"}


class _Kept:
    """The records that stay, of parts that are read twice: to learn what has ended, and to give the rest."""

    def __init__(self, parts: list[Any]) -> None:
        self._parts = parts
        self.given = 0
        self.left_out = 0

    def records(self) -> Iterator[LedgerRecord]:
        database = scratch_database(_TABLES)
        try:
            for record in self._all():
                if record["kind"] == "outcome" and record["shown"] is not None:
                    database.execute("INSERT OR IGNORE INTO ended VALUES (?, ?)", (record["id"], _told(record)))
            for record in self._all():
                key = (record["id"], record["kind"], record["time"])
                has_ended = (
                    record["kind"] == "intent"
                    and database.execute(
                        "SELECT 1 FROM ended WHERE id = ? AND told = ?", (record["id"], _told(record))
                    ).fetchone()
                )
                if has_ended or not database.execute("INSERT OR IGNORE INTO given VALUES (?, ?, ?)", key).rowcount:
                    self.left_out += 1
                else:
                    self.given += 1
                    yield record
        finally:
            database.close()

    def _all(self) -> Iterator[LedgerRecord]:
        return (record for part in self._parts for record in records_of(part))
