"""What a ledger tells of each person of a booking: the flag that we wrote last, and writes whose end is not known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom._storage import Folder, scratch_database
from airflow_provider_calcom.no_shows.ledger.identities import Addresses, folded
from airflow_provider_calcom.no_shows.ledger.records import DamagedLedger, LedgerRecord, sequence_of, task_of
from airflow_provider_calcom.no_shows.ledger.segments import parts_of, readable, records_of, repair
from airflow_provider_calcom.no_shows.plan import LastWrite, LastWritesOf

_READINGS = 3
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
    """The last that a ledger tells of one person of one booking.

    :param absent: the flag that we wrote, or set out to write.
    :param is_certain: whether it is known that we wrote it, and not that a run was killed before it could tell.
    :param plan: hash of the plan that it was of.
    :param task: the task that wrote it, as :attr:`TaskRun.name` has it.
    :param open_writes: ids of writes whose end is not known, with the flag of each.
    :param plans: hashes of all plans that certainly wrote this person's flag.
    """

    absent: bool
    is_certain: bool
    plan: str
    task: str
    open_writes: tuple[tuple[str, bool], ...] = ()
    plans: frozenset[str] = frozenset()


class LastWrites:
    """The last writes of a ledger, by person. Close it, or use it as a context manager.

    The ledger is read once, as a stream, into a database on disk; memory does not grow with it.

    ``latest_sequence`` is the place of its latest record of all, or 0.

    :param folder: the ledger's, here or in an object store; one that is not there is empty.
    :param addresses: how people are named.
    :param concerns: tells by its uid whether a booking matters; others are passed over.
    :param mends: whether parts with a torn last line are repaired, which only who writes may do.
    :raises DamagedLedger: naming part and line.
    :raises LedgerSecretWrong: if people are named by hashes of another secret.
    """

    def __init__(
        self,
        folder: Folder,
        *,
        addresses: Addresses | None = None,
        concerns: Callable[[str], bool] = lambda uid: True,
        mends: bool = False,
    ) -> None:
        self._addresses = addresses or Addresses()
        self._concerns = concerns
        self._is_empty = True
        self.latest_sequence = 0
        self._database = scratch_database(_TABLES)
        try:
            with readable(folder):
                self._read(folder)
                if mends:
                    for part in parts_of(folder):
                        repair(part)
        except BaseException:
            self.close()
            raise

    def _read(self, folder: Folder) -> None:
        """Read all parts, once more where one went away meanwhile because the ledger is compacted."""
        for _ in range(_READINGS):
            try:
                for part in parts_of(folder):
                    for record in records_of(part):
                        self._take(record)
            except FileNotFoundError:
                continue
            return
        raise DamagedLedger(
            f"ledger_path: {shown_path(folder)}: parts of the ledger go away while it is read. Try again"
        )

    def _take(self, record: LedgerRecord) -> None:
        self.latest_sequence = max(self.latest_sequence, sequence_of(record))
        if record["email_hash"] is not None:
            self._addresses.check(record["email_hash"])
        if not self._concerns(record["booking_uid"]):
            return
        self._is_empty = False
        name = folded(record["email"] or "") if record["email_hash"] is None else record["email_hash"]
        person = (record["booking_uid"], record["role"], name)
        written = (sequence_of(record), record["to"], record["plan"], task_of(record))
        execute = self._database.execute
        if record["kind"] == "intent":
            # A clock that was set back can let the outcome stand in an earlier part than its intent.
            if not execute("SELECT 1 FROM ended WHERE id = ?", (record["id"],)).fetchone():
                execute("INSERT OR IGNORE INTO open VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (record["id"], *person, *written))
        elif record["shown"] is not None:
            execute("INSERT OR IGNORE INTO ended VALUES (?)", (record["id"],))
            execute("DELETE FROM open WHERE id = ?", (record["id"],))
            if record["shown"]:
                execute(_APPLY, (*person, *written))
                execute("INSERT OR IGNORE INTO applied_by VALUES (?, ?, ?, ?)", (*person, record["plan"]))

    def of(self, booking_uid: str, role: str, email: str) -> PastWrite | None:
        """Give what is known of one person, or None.

        :param booking_uid: the booking.
        :param role: ``attendee`` or ``host``.
        :param email: the address as Cal.com spells it.
        """
        if self._is_empty:
            return None
        applied: tuple[Any, ...] | None = None
        left_open: list[tuple[Any, ...]] = []
        plans: list[tuple[str]] = []
        for name in self._addresses.names(email):
            person = (booking_uid, role, name)
            where = "WHERE booking_uid = ? AND role = ? AND name = ?"
            found = self._database.execute(
                f"SELECT sequence, absent, plan, task FROM applied {where}", person
            ).fetchone()
            applied = max(applied or found, found or applied, key=lambda one: one[0]) if found or applied else None
            left_open += self._database.execute(f"SELECT sequence, absent, plan, task, id FROM open {where}", person)
            plans += self._database.execute(f"SELECT plan FROM applied_by {where}", person)
        left_open.sort()
        if applied is None and not left_open:
            return None
        is_certain = applied is not None and (not left_open or left_open[-1][0] < applied[0])
        _, absent, plan, task, *_ = applied if applied is not None and is_certain else left_open[-1]
        return PastWrite(
            bool(absent),
            is_certain,
            plan,
            task,
            open_writes=tuple((one[4], bool(one[1])) for one in left_open),
            plans=frozenset(one for (one,) in plans),
        )

    def of_people(self, people: Iterable[tuple[str, str, str]]) -> Iterator[LastWrite]:
        """Give the last write of each person who has one, as a plan takes them.

        :param people: uid of the booking, role, and address as Cal.com spells it.
        """
        for booking_uid, role, email in people:
            past = self.of(booking_uid, role, email)
            if past is not None:
                yield LastWrite(booking_uid, role, email, past.absent, past.is_certain)

    def latest_open(self) -> float | None:
        """Give when the latest write began whose end is not known, as a Unix time; None where there is none."""
        (latest,) = self._database.execute("SELECT max(sequence) FROM open").fetchone()
        return None if latest is None else latest / 1e6

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def __enter__(self) -> LastWrites:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def last_writes_of(folder: Any, identities: Callable[[], Addresses]) -> LastWritesOf:
    """Return the function by which a plan looks up the ledger's last writes.

    :param folder: the ledger's.
    :param identities: returns how the ledger names people; called only where something is looked up.
    """

    def look_up(people: Iterable[tuple[str, str, str]]) -> Iterator[LastWrite]:
        wanted = list(people)
        uids = {uid for uid, _, _ in wanted}
        if uids:
            with LastWrites(folder, addresses=identities(), concerns=uids.__contains__) as ledger:
                yield from ledger.of_people(wanted)

    return look_up
