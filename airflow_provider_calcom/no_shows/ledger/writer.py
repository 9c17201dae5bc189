"""Write the ledger: an intent before each write of a flag and an outcome after it, on disk before the run continues."""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom._storage import Folder, folder_path, is_here, make_folder, open_here, storage_errors
from airflow_provider_calcom.no_shows.ledger.claims import LEASE, Claim, Claimed, Claims, digests
from airflow_provider_calcom.no_shows.ledger.identities import Identities
from airflow_provider_calcom.no_shows.ledger.records import (
    MAX_SEQUENCE,
    LedgerFolderUnusable,
    LedgerNotWritten,
    LedgerRecord,
    LedgerReplaced,
    TaskRun,
    encode,
    format_time,
)
from airflow_provider_calcom.no_shows.ledger.segments import SUFFIX, is_same_file, try_lock

if TYPE_CHECKING:
    from airflow_provider_calcom.no_shows.plan_files import Change

log = logging.getLogger(__name__)

_CLOCK_TOLERANCE = 60.0
"""Seconds by which clocks may differ without a warning."""


@dataclass(frozen=True)
class WriteOutcome:
    """The result of one write.

    :param write_id: the id that :meth:`LedgerWriter.record_intents` returned, or that of an earlier run's intent.
    :param change: the change, with the address as Cal.com spells it.
    :param outcome: such as ``applied`` or ``failed``.
    :param detail: why, or None.
    :param verified: whether the booking showed the new flag when it was read last; None where that is not known.
    :param request_id: Cal.com's ``X-Request-Id``, or None.
    """

    write_id: str
    change: Change
    outcome: str
    detail: str | None
    verified: bool | None
    request_id: str | None = None


class LedgerWriter:
    """Writes one run's segment of a ledger. Close it, or use it as a context manager.

    In a local folder a run has one segment, which it locks and appends to. Object stores can't append, so there each
    batch of records is a segment of its own; :func:`~airflow_provider_calcom.no_shows.ledger.compaction.compact` merges
    them.

    :param folder: the ledger's, local or in an object store. It is created if it is missing.
    :param plan: the plan's hash.
    :param task: the task that writes.
    :param identities: how people are identified.
    :param wall_clock: Unix time.
    :param lease: seconds for which the claim on the bookings holds after its last renewal.
    """

    def __init__(
        self,
        folder: Folder,
        *,
        plan: str,
        task: TaskRun | None = None,
        identities: Identities | None = None,
        wall_clock: Callable[[], float] = time.time,
        lease: float = LEASE,
    ) -> None:
        self._folder = folder_path(folder)
        self._plan = plan
        self._task = (task or TaskRun()).fields
        self._identities = identities or Identities()
        self._wall_clock = wall_clock
        self._lease = lease
        begun = format_time(wall_clock()).replace("-", "").replace(":", "")
        self.name = f"{begun}-{uuid.uuid4().hex[:8]}"
        # A stopped run may append a batch while the thread of an earlier one is still appending.
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None
        self._claim: Claim | None = None
        self._server_clock: Callable[[], float] | None = None
        self._latest_time = 0.0
        self._sequence = 0
        self._path = Path()
        self._size = 0
        self._opened = 0
        self._writes = 0
        self._batches = 0
        self._last_batch: Any = None

    def claim(self, booking_uids: Iterable[str] = (), *, timeout: float = 0.0) -> None:
        """Wait until no other run applies the same plan, or may write to the same bookings, and prevent others from it.

        Both would read a flag before one writes it. A task may also outlive the worker that Airflow considers lost, and
        meet its own retry. See :mod:`airflow_provider_calcom.no_shows.ledger.claims`.

        :param booking_uids: the bookings that this run may write to.
        :param timeout: seconds to wait at most.
        :raises AlreadyApplying: if another run had not ended by then.
        :raises LedgerNotWritten: if the folder can't be written.
        """
        owner = TaskRun(**self._task).name
        with self._not_written():
            if is_here(self._folder):
                make_folder(self._folder)
            claims = Claims(self._folder, lease=self._lease)
            claimed = Claimed(self._plan, self.name, owner, digests(booking_uids))
            self._claim = claims.take(claimed, timeout=timeout)

    def check_claim(self) -> None:
        """Check by the clock, which is fast, that no other run may have passed over our claim. Without one, do nothing.

        :raises ClaimLost: if one may.
        """
        if self._claim is not None:
            self._claim.check()

    def continue_after(self, sequence: int, server_clock: Callable[[], float]) -> None:
        """Order all further records after one.

        :param sequence: that of the ledger's latest record.
        :param server_clock: returns Cal.com's clock by its ``Date``, as a Unix time.
        :raises LedgerFolderUnusable: if no sequence can follow it.
        """
        if sequence >= MAX_SEQUENCE:
            raise LedgerFolderUnusable(
                f"ledger_path: {shown_path(self._folder)} has a record whose sequence is {sequence}, which is later"
                " than any clock, so no record could follow it. Correct that record by hand. Nothing is written to"
                " Cal.com"
            )
        self._sequence = max(self._sequence, sequence)
        self._server_clock = server_clock

    def record_intents(self, changes: Sequence[Change]) -> list[str]:
        """Record that changes are about to be written, and return the id of each write.

        :param changes: with addresses as Cal.com spells them.
        :raises LedgerNotWritten: if they can't be recorded; then they must not be written.
        """
        ids = [f"{self.name}-{self._writes + number}" for number in range(1, len(changes) + 1)]
        self._writes += len(changes)
        self._append(self._record("intent", write_id, one) for write_id, one in zip(ids, changes, strict=True))
        return ids

    def record_outcomes(self, outcomes: Iterable[WriteOutcome]) -> None:
        """Record the results of writes.

        :raises LedgerNotWritten: if they can't be recorded.
        """
        self._append(
            {
                **self._record("outcome", one.write_id, one.change),
                "outcome": one.outcome,
                "detail": one.detail,
                "shown": one.verified,
                "request_id": one.request_id,
            }
            for one in outcomes
        )

    def _record(self, kind: str, write_id: str, change: Change) -> LedgerRecord:
        email, email_hash = self._identities.record_fields(change.email)
        now = self._wall_clock()
        return {
            "kind": kind,
            "id": write_id,
            "time": format_time(now),
            "plan": self._plan,
            "booking_uid": change.booking_uid,
            "role": change.role,
            "email": email,
            "email_hash": email_hash,
            "from": change.is_absent,
            "to": change.will_be_absent,
            "reason": change.reason,
            "outcome": None,
            "detail": None,
            "shown": None,
            "request_id": None,
            **self._task,  # type: ignore[typeddict-item]
            "sequence": self._next_sequence(now),
        }

    def check(self) -> None:
        """Check that what this run wrote is still there.

        :raises LedgerReplaced: if not.
        """
        with self._lock, self._not_written():
            self._check_last()

    def _next_sequence(self, now: float) -> int:
        """Return the sequence of the next record: after all that the ledger has, and by the clock that is behind.

        Not by the worker's clock alone: what was written while that was ahead would count as the latest until the time
        that it showed.
        """
        if now < self._latest_time - _CLOCK_TOLERANCE:
            log.warning("The worker's clock was set back by %.0f s during the run", self._latest_time - now)
        self._latest_time = now
        bounded = now if self._server_clock is None else min(now, self._server_clock())
        self._sequence = max(self._sequence + 1, int(bounded * 1e6))
        return self._sequence

    def _append(self, records: Iterable[LedgerRecord]) -> None:
        content = b"".join(map(encode, records))
        if not content:
            return
        with self._lock, self._not_written():
            self._check_last()
            if is_here(self._folder):
                self._append_here(content)
            else:
                self._add_batch(content)

    def _check_last(self) -> None:
        """Check the file itself: a file that was deleted can still be appended to without an error."""
        if self._file is not None:
            is_there = is_same_file(self._file, self._path) and os.fstat(self._file.fileno()).st_size == self._size
        else:
            is_there = self._last_batch is None or self._last_batch.exists()
        if not is_there:
            raise LedgerReplaced(_replaced_message(self._last_batch or self._path))
        # The claim as well: before the first append there is no segment, a new folder may hold a copy of ours, and
        # without the claim another run could begin.
        if self._claim is not None and not self._claim.is_there():
            self._claim.check()
            raise LedgerReplaced(_replaced_message(self._folder))

    def _add_batch(self, content: bytes) -> None:
        self._batches += 1
        self._folder.mkdir(parents=True, exist_ok=True)
        batch = self._folder / f"{self.name}-{self._batches:06}{SUFFIX}"
        batch.write_bytes(content)
        self._last_batch = batch

    def _not_written(self) -> AbstractContextManager[None]:
        return storage_errors(
            "ledger_path",
            self._folder,
            lasting=LedgerFolderUnusable,
            passing=LedgerNotWritten,
            action="written",
            fix="Let the worker's user write there, or free some space. Nothing is written to Cal.com without it",
        )

    def _append_here(self, content: bytes) -> None:
        if self._file is None:
            make_folder(self._folder)
            self._file = self._open_segment()
            self._size = 0
        try:
            written = 0
            while written < len(content):
                written += self._file.write(content[written:])
            os.fsync(self._file.fileno())
        except OSError:
            self._undo_append(self._file)
            raise
        self._size += len(content)

    def _undo_append(self, file: IO[bytes]) -> None:
        """Cut off what a failed append left, and begin another segment next time.

        Where even that fails, the torn line is the last one of a segment that no run appends to, which readers skip.
        """
        with suppress(OSError):
            os.ftruncate(file.fileno(), self._size)
            os.fsync(file.fileno())
        file.close()
        self._file = None

    def _open_segment(self) -> IO[bytes]:
        """Create a segment and lock it; another one where a compaction locked it first, which would delete it."""
        while True:
            self._opened += 1
            self._path = self._folder / f"{self.name}{f'-{uuid.uuid4().hex[:8]}' if self._opened > 1 else ''}{SUFFIX}"
            file = _open_to_append(self._path)
            if try_lock(file) and is_same_file(file, self._path):
                return file
            file.close()

    def close(self) -> None:
        """Close the segment, and release the claim."""
        if self._file is not None:
            self._file.close()
        if self._claim is not None:
            self._claim.release()
            self._claim = None

    def __enter__(self) -> LedgerWriter:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def _replaced_message(path: Any) -> str:
    return (
        f"ledger_path: {shown_path(path)} was deleted, replaced or changed while this run wrote it, so the run stops."
        " Restore the ledger before anything is planned or applied: without it our own marks are not known as ours."
        " What this run wrote is in outcomes.jsonl beside the plan"
    )


def _open_to_append(path: Path) -> IO[bytes]:
    return os.fdopen(open_here(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab", buffering=0)
