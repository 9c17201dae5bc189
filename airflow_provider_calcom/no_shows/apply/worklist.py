"""The changes of one plan while they are applied: which are left to do, and the outcome of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from airflow_provider_calcom._storage import Folder, folder_path, scratch_database, write_lines
from airflow_provider_calcom.no_shows.plan_files import Change

APPLIED = "applied"
ALREADY = "already"
UNKNOWN_ATTENDEE = "unknown_attendee"
NOT_PERMITTED = "not_permitted"
NOT_STARTED = "not_started"
GONE = "gone"
MOVED = "moved"
HUMAN_OVERRIDE = "human_override"
FAILED = "failed"
WOULD_APPLY = "would_apply"
"""In a dry run, instead of ``applied``."""
BY_EARLIER_ATTEMPT = "by an earlier attempt of this task"
"""The detail of ``already`` where this task, before it was retried, wrote the flag."""
OUTCOMES = (APPLIED, ALREADY, UNKNOWN_ATTENDEE, NOT_PERMITTED, NOT_STARTED, MOVED, GONE, HUMAN_OVERRIDE, FAILED)

_TABLES = """
CREATE TABLE changes (
    number INTEGER PRIMARY KEY,
    booking_uid TEXT NOT NULL,
    role TEXT NOT NULL,
    email TEXT NOT NULL,
    is_absent INTEGER NOT NULL,
    will_be_absent INTEGER NOT NULL,
    reason TEXT NOT NULL,
    presence_seconds REAL NOT NULL,
    start_at TEXT NOT NULL,
    is_claimed INTEGER NOT NULL DEFAULT 0,
    outcome TEXT,
    detail TEXT,
    request_id TEXT
);
"""
# Created after the rows are inserted, which is faster: they are sorted once.
_INDEXES = """
CREATE INDEX of_booking ON changes (booking_uid);
CREATE INDEX by_start ON changes (start_at) WHERE is_claimed = 0;
"""
_COLUMNS = "booking_uid, role, email, is_absent, will_be_absent, reason, presence_seconds, start_at"
_fields = attrgetter(*_COLUMNS.split(", "))
_BATCH = 500


@dataclass(frozen=True)
class PlannedChange:
    """One change of the plan.

    :param number: its line in the plan, from 1.
    :param change: the change.
    """

    number: int
    change: Change


@dataclass(frozen=True)
class Outcome:
    """The outcome of one change.

    :param number: its line in the plan, from 1.
    :param outcome: such as ``applied``.
    :param detail: the reason, or None.
    :param request_id: Cal.com's ``X-Request-Id``, or None.
    :param retryable: whether a retry may apply the change.
    """

    number: int
    outcome: str
    detail: str | None = None
    request_id: str | None = None
    retryable: bool = False


class Worklist:
    """The changes of a plan, in a database on disk. Close it, or use it as a context manager.

    ``total`` and ``bookings`` count the changes and their bookings; ``counts`` and ``done`` the outcomes so far.
    ``has_retryable_failures`` is whether a retry may apply some of the failed changes.

    :param changes: the plan's, in its order.
    """

    def __init__(self, changes: Iterable[Change]) -> None:
        self._database = scratch_database(_TABLES)
        self._unwritten: list[tuple[str, str | None, str | None, int]] = []
        self.counts: Counter[str] = Counter()
        self.done = 0
        self.has_retryable_failures = False
        try:
            self.total = self._load(changes)
        except BaseException:
            self.close()
            raise
        self.bookings = self._count("SELECT count(DISTINCT booking_uid) FROM changes")

    def _load(self, changes: Iterable[Change]) -> int:
        rows = ((number, *_fields(change)) for number, change in enumerate(changes, start=1))
        self._database.execute("BEGIN")
        self._database.executemany(f"INSERT INTO changes (number, {_COLUMNS}) VALUES (?{', ?' * 8})", rows)
        self._database.execute("COMMIT")
        self._database.executescript(_INDEXES)
        return self._count("SELECT count(*) FROM changes")

    def has_booking(self, booking_uid: str) -> bool:
        """Return whether the plan has changes of a booking."""
        found = self._database.execute("SELECT 1 FROM changes WHERE booking_uid = ? LIMIT 1", (booking_uid,))
        return found.fetchone() is not None

    def booking_uids(self) -> Iterator[str]:
        """Yield the uid of each booking that the plan has changes of, once."""
        for (uid,) in self._database.execute("SELECT DISTINCT booking_uid FROM changes"):
            yield uid

    def next_start(self, since: str) -> str | None:
        """Return the earliest start, from ``since`` on, of the bookings that are not claimed yet.

        :param since: ISO 8601, UTC with ``Z`` and milliseconds, as the plan has it.
        """
        found = self._database.execute(
            "SELECT min(start_at) FROM changes WHERE is_claimed = 0 AND start_at >= ?", (since,)
        ).fetchone()
        start: str | None = found[0]
        return start

    def claim(self, booking_uid: str) -> list[PlannedChange]:
        """Return the changes of a booking to the first caller, and an empty list to later ones."""
        return self.claim_all([booking_uid]).get(booking_uid, [])

    def claim_all(self, booking_uids: Sequence[str]) -> dict[str, list[PlannedChange]]:
        """Return the changes of several bookings, by uid, as :meth:`claim` does.

        :param booking_uids: those of a page, 500 at most. Those without changes are left out.
        """
        where = f"WHERE booking_uid IN (?{', ?' * (len(booking_uids) - 1)}) AND is_claimed = 0"
        rows = self._database.execute(
            f"SELECT number, {_COLUMNS} FROM changes {where} ORDER BY number", booking_uids
        ).fetchall()
        if rows:
            self._database.execute(f"UPDATE changes SET is_claimed = 1 {where}", booking_uids)
        claimed: dict[str, list[PlannedChange]] = {}
        for row in rows:
            claimed.setdefault(row[1], []).append(_planned(row))
        return claimed

    def unclaimed(self) -> Iterator[str]:
        """Yield the uids of the bookings that are not claimed. They may be claimed during the iteration."""
        last = ""
        while True:
            found = self._database.execute(
                "SELECT min(booking_uid) FROM changes WHERE is_claimed = 0 AND booking_uid > ?", (last,)
            ).fetchone()
            if found[0] is None:
                return
            last = found[0]
            yield last

    def record(self, outcomes: Iterable[Outcome]) -> None:
        """Record the outcomes of changes."""
        for one in outcomes:
            self.counts[one.outcome] += 1
            self.done += 1
            self.has_retryable_failures |= one.retryable and one.outcome in (FAILED, NOT_PERMITTED)
            self._unwritten.append((one.outcome, one.detail, one.request_id, one.number))
        if len(self._unwritten) >= _BATCH:
            self._write_outcomes()

    def fail_remaining(self, detail: str) -> None:
        """Record all changes without an outcome as failed, which a retry may apply.

        :param detail: the reason.
        """
        self._write_outcomes()
        remaining = self._database.execute(
            "UPDATE changes SET outcome = ?, detail = ? WHERE outcome IS NULL", (FAILED, detail)
        )
        if remaining.rowcount:
            self.counts[FAILED] += remaining.rowcount
            self.done += remaining.rowcount
            self.has_retryable_failures = True

    def details(self, outcome: str) -> dict[str, int]:
        """Return the number of changes with an outcome by their detail, the most frequent first."""
        self._write_outcomes()
        found = self._database.execute(
            "SELECT coalesce(detail, ''), count(*) FROM changes WHERE outcome = ? GROUP BY 1 ORDER BY 2 DESC, 1",
            (outcome,),
        )
        return dict(found.fetchall())

    def written(self, *, absent: bool) -> int:
        """Return the number of flags that this task wrote, in this attempt or an earlier one.

        :param absent: True counts marks, False counts marks that were removed.
        """
        self._write_outcomes()
        where = "WHERE (outcome = ? OR (outcome = ? AND detail = ?)) AND will_be_absent = ?"
        values = (APPLIED, ALREADY, BY_EARLIER_ATTEMPT, absent)
        (count,) = self._database.execute(f"SELECT count(*) FROM changes {where}", values).fetchone()
        return int(count)

    def write(self, path: Folder, plan: str, time: str) -> None:
        """Write all changes with their outcomes as JSON lines, in the order of the plan.

        :param path: of the file, local or in an object store; an older one is replaced.
        :param plan: the plan's hash, which is in each line.
        :param time: when that was, which is in each line too: of two files with one flag the later one is right.
        :raises OSError: if it can't be written.
        """
        self._write_outcomes()
        rows = self._pages(f"SELECT number, {_COLUMNS}, {_OUTCOME} FROM changes")
        write_lines(folder_path(path), ({**_line(row), "plan": plan, "time": time} for row in rows))

    def _write_outcomes(self) -> None:
        self._database.executemany(
            "UPDATE changes SET outcome = ?, detail = ?, request_id = ? WHERE number = ?", self._unwritten
        )
        self._unwritten.clear()

    def _pages(self, query: str) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query on the changes by number; rows may be changed during the iteration."""
        last = 0
        while rows := self._database.execute(
            f"{query} WHERE number > ? ORDER BY number LIMIT {_BATCH}", (last,)
        ).fetchall():
            yield from rows
            last = rows[-1][0]

    def _count(self, query: str) -> int:
        (count,) = self._database.execute(query).fetchone()
        return int(count)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def __enter__(self) -> Worklist:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


_OUTCOME = "outcome, detail, request_id"


def _planned(row: tuple[Any, ...]) -> PlannedChange:
    number, booking_uid, role, email, is_absent, will_be_absent, *others = row
    return PlannedChange(number, Change(booking_uid, role, email, bool(is_absent), bool(will_be_absent), *others))


def _line(row: tuple[Any, ...]) -> dict[str, Any]:
    _, booking_uid, role, email, is_absent, will_be_absent, reason, _, start_at, outcome, detail, request_id = row
    return {
        "booking_uid": booking_uid,
        "role": role,
        "email": email,
        "from": bool(is_absent),
        "to": bool(will_be_absent),
        "reason": reason,
        "start_at": start_at,
        "outcome": outcome,
        "detail": detail,
        "request_id": request_id,
    }
