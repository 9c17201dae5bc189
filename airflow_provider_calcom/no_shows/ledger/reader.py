"""What a ledger has on each person of a booking: the flag that we wrote last, and writes whose result is not known."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom._storage import Folder, scratch_database
from airflow_provider_calcom.api.models import normalize_email
from airflow_provider_calcom.no_shows.diff import LastWrite, LastWritesOf
from airflow_provider_calcom.no_shows.ledger.identities import Identities
from airflow_provider_calcom.no_shows.ledger.records import LedgerNotReached, LedgerRecord, sequence_of, task_of
from airflow_provider_calcom.no_shows.ledger.segments import (
    compacted,
    list_segments,
    read_all,
    readable,
    repair_segment,
)

_WAITS = (0.0, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each attempt to read. Deleting hundreds of files takes seconds, and until it ends, a listing may name
some that are gone a moment later."""

_TABLES = """
CREATE TABLE applied (
    booking_uid TEXT, role TEXT, name TEXT, sequence INTEGER, absent INTEGER, plan TEXT, task TEXT,
    PRIMARY KEY (booking_uid, role, name)
) WITHOUT ROWID;
CREATE TABLE applied_by (
    booking_uid TEXT, role TEXT, name TEXT, plan TEXT, PRIMARY KEY (booking_uid, role, name, plan)
) WITHOUT ROWID;
CREATE TABLE open (
    id TEXT PRIMARY KEY, booking_uid TEXT, role TEXT, name TEXT, sequence INTEGER, absent INTEGER, plan TEXT, task TEXT
) WITHOUT ROWID;
CREATE TABLE ended (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE INDEX open_of ON open (booking_uid, role, name);
"""
_APPLY = """
INSERT INTO applied VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (booking_uid, role, name) DO UPDATE
SET sequence = excluded.sequence, absent = excluded.absent, plan = excluded.plan, task = excluded.task
WHERE excluded.sequence >= applied.sequence
"""


@dataclass(frozen=True)
class PastWrite:
    """The last write of one person's flag that a ledger has.

    :param absent: the flag that was written, or was to be.
    :param is_certain: whether it is known that the flag was written; False if the run was killed before it knew.
    :param plan: hash of the plan that the write belongs to.
    :param task: the task that wrote it, as :attr:`TaskRun.name` has it.
    :param open_writes: ids of writes whose result is not known, with the flag of each.
    :param plans: hashes of all plans that certainly wrote this person's flag.
    """

    absent: bool
    is_certain: bool
    plan: str
    task: str
    open_writes: tuple[tuple[str, bool], ...] = ()
    plans: frozenset[str] = frozenset()


class LastWriteLookup:
    """Finds the last write of a person in a ledger. Close it, or use it as a context manager.

    The ledger is read once, as a stream, into a database on disk; memory does not grow with it.

    ``latest_sequence`` is the sequence of the ledger's latest record, or 0.

    :param folder: the ledger's, local or in an object store; one that does not exist is empty.
    :param identities: finds people by their address or its hash.
    :param only_bookings: returns by its uid whether a booking is wanted; the records of others are skipped.
    :param repair: whether to repair segments with a torn last line, which only a run that writes may do.
    :param sleep: waits for some seconds, while a compaction deletes files.
    :raises DamagedLedger: naming segment and line.
    :raises LedgerNotReached: if files were deleted for half a minute while the ledger was read.
    :raises LedgerSecretMismatch: if the ledger has hashes that were made with another secret.
    """

    def __init__(
        self,
        folder: Folder,
        *,
        identities: Identities | None = None,
        only_bookings: Callable[[str], bool] = lambda uid: True,
        repair: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sleep = sleep
        self._identities = identities or Identities()
        self._only_bookings = only_bookings
        self._is_empty = True
        self.latest_sequence = 0
        self._database = scratch_database(_TABLES)
        try:
            with readable(folder):
                self._read(folder)
                if repair:
                    for segment in list_segments(folder):
                        repair_segment(segment)
        except BaseException:
            self.close()
            raise

    def _read(self, folder: Folder) -> None:
        """Read all segments, and again if a compaction replaced some of them meanwhile.

        A long listing is not of one moment: its beginning may be from before the merged segment was written, and its
        end from after the old ones were deleted.
        """
        for seconds in _WAITS:
            self._sleep(seconds)
            segments = list_segments(folder)
            try:
                for record in read_all(segments):
                    self._add(record)
            except FileNotFoundError:
                continue
            if compacted(list_segments(folder)) <= compacted(segments):
                return
        raise LedgerNotReached(
            f"ledger_path: files of {shown_path(folder)} were deleted again and again while the ledger was read. Run it"
            " again when no compaction is running"
        )

    def _add(self, record: LedgerRecord) -> None:
        self.latest_sequence = max(self.latest_sequence, sequence_of(record))
        if record["email_hash"] is not None:
            self._identities.check_hash(record["email_hash"])
        if not self._only_bookings(record["booking_uid"]):
            return
        self._is_empty = False
        name = normalize_email(record["email"] or "") if record["email_hash"] is None else record["email_hash"]
        person = (record["booking_uid"], record["role"], name)
        written = (sequence_of(record), record["to"], record["plan"], task_of(record))
        execute = self._database.execute
        if record["kind"] == "intent":
            # If a clock was set back, the outcome can be in an earlier segment than its intent.
            if not execute("SELECT 1 FROM ended WHERE id = ?", (record["id"],)).fetchone():
                execute("INSERT OR IGNORE INTO open VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (record["id"], *person, *written))
        elif record["shown"] is not None:
            execute("INSERT OR IGNORE INTO ended VALUES (?)", (record["id"],))
            execute("DELETE FROM open WHERE id = ?", (record["id"],))
            if record["shown"]:
                execute(_APPLY, (*person, *written))
                execute("INSERT OR IGNORE INTO applied_by VALUES (?, ?, ?, ?)", (*person, record["plan"]))

    def find(self, booking_uid: str, role: str, email: str) -> PastWrite | None:
        """Return the last write of one person's flag, or None.

        :param booking_uid: the booking.
        :param role: ``attendee`` or ``host``.
        :param email: the address; its case does not matter.
        """
        if self._is_empty:
            return None
        applied: tuple[Any, ...] | None = None
        open_writes: list[tuple[Any, ...]] = []
        plans: list[tuple[str]] = []
        for name in self._identities.names(email):
            person = (booking_uid, role, name)
            where = "WHERE booking_uid = ? AND role = ? AND name = ?"
            found = self._database.execute(
                f"SELECT sequence, absent, plan, task FROM applied {where}", person
            ).fetchone()
            applied = max(applied or found, found or applied, key=lambda one: one[0]) if found or applied else None
            open_writes += self._database.execute(f"SELECT sequence, absent, plan, task, id FROM open {where}", person)
            plans += self._database.execute(f"SELECT plan FROM applied_by {where}", person)
        open_writes.sort()
        if applied is None and not open_writes:
            return None
        is_certain = applied is not None and (not open_writes or open_writes[-1][0] < applied[0])
        _, absent, plan, task, *_ = applied if applied is not None and is_certain else open_writes[-1]
        return PastWrite(
            bool(absent),
            is_certain,
            plan,
            task,
            open_writes=tuple((one[4], bool(one[1])) for one in open_writes),
            plans=frozenset(one for (one,) in plans),
        )

    def find_all(self, people: Iterable[tuple[str, str, str]]) -> Iterator[LastWrite]:
        """Yield the last write of each person who has one, as a plan needs it.

        :param people: uid of the booking, role, and address.
        """
        for booking_uid, role, email in people:
            past = self.find(booking_uid, role, email)
            if past is not None:
                yield LastWrite(booking_uid, role, email, past.absent, past.is_certain)

    def latest_open(self) -> float | None:
        """Return the time of the latest intent without a known result, as a Unix time; None if there is none."""
        (latest,) = self._database.execute("SELECT max(sequence) FROM open").fetchone()
        return None if latest is None else latest / 1e6

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def __enter__(self) -> LastWriteLookup:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def last_writes_of(folder: Folder, identities: Callable[[], Identities]) -> LastWritesOf:
    """Return the function by which a plan looks up the ledger's last writes.

    :param folder: the ledger's.
    :param identities: returns how the ledger identifies people; called only if something is looked up.
    """

    def look_up(people: Iterable[tuple[str, str, str]]) -> Iterator[LastWrite]:
        wanted = list(people)
        uids = {uid for uid, _, _ in wanted}
        if uids:
            with LastWriteLookup(folder, identities=identities(), only_bookings=uids.__contains__) as ledger:
                yield from ledger.find_all(wanted)

    return look_up
