"""Writing the ledger: an intent before each write of a flag, an outcome after it, each on disk before we go on."""

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
from typing import IO, Any

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom._storage import Folder, folder_path, is_here, make_folder, open_here, storage_errors
from airflow_provider_calcom.no_shows.ledger.identities import Addresses
from airflow_provider_calcom.no_shows.ledger.records import (
    LATEST_PLACE,
    AlreadyApplying,
    LedgerFolderUnusable,
    LedgerNotWritten,
    LedgerRecord,
    LedgerReplaced,
    TaskRun,
    encoded,
    time_text,
)
from airflow_provider_calcom.no_shows.ledger.segments import SUFFIX, has_locks, is_at, locked
from airflow_provider_calcom.no_shows.plan import Change

log = logging.getLogger(__name__)

_CLOCK_TOLERANCE = 60.0
"""Seconds by which clocks may differ without a warning."""


@dataclass(frozen=True)
class Settled:
    """What became of one write.

    :param write_id: what :meth:`LedgerWriter.intend` gave, or the id of an earlier run's intent.
    :param change: the change, with the address as Cal.com spells it.
    :param outcome: such as ``applied`` or ``failed``.
    :param detail: why, or None.
    :param shown: whether the booking showed the new flag when it was read last; None where that is not known.
    :param request_id: Cal.com's ``X-Request-Id``, or None.
    """

    write_id: str
    change: Change
    outcome: str
    detail: str | None
    shown: bool | None
    request_id: str | None = None


class LedgerWriter:
    """Writes one run's part of a ledger. Close it, or use it as a context manager.

    On this machine a run has one part, which grows, and which it locks. Object stores can't append, so that there each
    batch of records is a part of its own; :func:`compact` puts them together.

    :param folder: the ledger's, here or in an object store. It is made where it is missing.
    :param plan: hash of the plan's changes.
    :param task: who writes.
    :param addresses: how people are named.
    :param wall_clock: Unix time.
    """

    def __init__(
        self,
        folder: Folder,
        *,
        plan: str,
        task: TaskRun | None = None,
        addresses: Addresses | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder_path(folder)
        self._plan = plan
        self._task = (task or TaskRun()).fields
        self._addresses = addresses or Addresses()
        self._wall_clock = wall_clock
        begun = time_text(wall_clock()).replace("-", "").replace(":", "")
        self.name = f"{begun}-{uuid.uuid4().hex[:8]}"
        # A run that is stopped may leave a batch under way in its thread, and append the next one.
        self._turn = threading.Lock()
        self._file: IO[bytes] | None = None
        self._claim: IO[bytes] | None = None
        self._server_clock: Callable[[], float] | None = None
        self._latest_time = 0.0
        self._sequence = 0
        self._path = self._claim_path = Path()
        self._size = 0
        self._opened = 0
        self._writes = 0
        self._batches = 0
        self._last_batch: Any = None

    def claim(self) -> None:
        """Keep other runs on this machine from applying the same plan: both would read a flag before either wrote it.

        A task may outlive the worker that Airflow gave up, and meet its own retry. Object stores have no such locks.

        :raises AlreadyApplying: if another run is at it.
        :raises LedgerNotWritten: if the folder can't be written.
        """
        if not is_here(self._folder):
            return
        path = self._folder / f".applying-{self._plan[:16]}"
        with self._not_written():
            make_folder(self._folder)
            claim = _appended_to(path)
            # One that ends takes its file away; whoever had opened that one would hold a lock that nobody else sees.
            while (is_ours := locked(claim)) and not is_at(claim, path):
                claim.close()
                claim = _appended_to(path)
        if is_ours:
            self._claim = claim
            self._claim_path = path
            if not has_locks(claim):
                log.warning(
                    "The file system of the ledger %s has no locks, so two runs of one plan at once are not noticed,"
                    " and would mark and notify people twice. Set max_active_runs=1, and put the ledger on a file"
                    " system with flock",
                    shown_path(self._folder),
                )
        else:
            claim.close()
            raise AlreadyApplying(
                f"Another run is applying this plan with the ledger {shown_path(self._folder)}. Nothing was written."
                f" Let it end;"
                " then a retry finds done what it did"
            )

    def continue_after(self, sequence: int, server_clock: Callable[[], float]) -> None:
        """Place all further records after one.

        :param sequence: the place of the ledger's latest record.
        :param server_clock: Cal.com's clock by its ``Date``, as a Unix time.
        :raises LedgerFolderUnusable: if nothing can be placed after it.
        """
        if sequence >= LATEST_PLACE:
            raise LedgerFolderUnusable(
                f"ledger_path: {shown_path(self._folder)} has a record whose sequence is {sequence}, which no clock"
                " reaches, and none could be placed after it. Correct that record by hand. Nothing is written to"
                " Cal.com"
            )
        self._sequence = max(self._sequence, sequence)
        self._server_clock = server_clock

    def intend(self, changes: Sequence[Change]) -> list[str]:
        """Record that changes are about to be written, and give the id of each write.

        :param changes: with addresses as Cal.com spells them.
        :raises LedgerNotWritten: if they can't be recorded; then they must not be written.
        """
        ids = [f"{self.name}-{self._writes + number}" for number in range(1, len(changes) + 1)]
        self._writes += len(changes)
        self._append(self._record("intent", write_id, one) for write_id, one in zip(ids, changes, strict=True))
        return ids

    def settle(self, settled: Iterable[Settled]) -> None:
        """Record what became of writes.

        :raises LedgerNotWritten: if it can't be recorded.
        """
        self._append(
            {
                **self._record("outcome", one.write_id, one.change),
                "outcome": one.outcome,
                "detail": one.detail,
                "shown": one.shown,
                "request_id": one.request_id,
            }
            for one in settled
        )

    def _record(self, kind: str, write_id: str, change: Change) -> LedgerRecord:
        email, email_hash = self._addresses.named(change.email)
        now = self._wall_clock()
        return {
            "kind": kind,
            "id": write_id,
            "time": time_text(now),
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
        """See that what this run wrote is still there.

        :raises LedgerReplaced: if not.
        """
        with self._turn, self._not_written():
            self._check_last()

    def _next_sequence(self, now: float) -> int:
        """Return the place of the next record: after all that the ledger had, and by the clock that is behind.

        A machine's clock alone would not do: what was written while it was ahead would count as the latest for as long.
        """
        if now < self._latest_time - _CLOCK_TOLERANCE:
            log.warning("This machine's clock was set back by %.0f s during the run", self._latest_time - now)
        self._latest_time = now
        bounded = now if self._server_clock is None else min(now, self._server_clock())
        self._sequence = max(self._sequence + 1, int(bounded * 1e6))
        return self._sequence

    def _append(self, records: Iterable[LedgerRecord]) -> None:
        content = b"".join(map(encoded, records))
        if not content:
            return
        with self._turn, self._not_written():
            self._check_last()
            if is_here(self._folder):
                self._append_here(content)
            else:
                self._add_batch(content)

    def _check_last(self) -> None:
        """A file that lost its name can be written on without an error, and everything in it would be lost."""
        if self._file is not None:
            is_there = is_at(self._file, self._path) and os.fstat(self._file.fileno()).st_size == self._size
        else:
            is_there = self._last_batch is None or self._last_batch.exists()
        if not is_there:
            raise LedgerReplaced(_of_replaced(self._last_batch or self._path))
        # Also before the first append, and in a new folder that was given our part. Without it, another run may begin.
        if self._claim is not None and not is_at(self._claim, self._claim_path):
            raise LedgerReplaced(_of_replaced(self._claim_path))

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
            self._file = self._own_part()
            self._size = 0
        try:
            written = 0
            while written < len(content):
                written += self._file.write(content[written:])
            os.fsync(self._file.fileno())
        except OSError:
            self._take_back()
            raise
        self._size += len(content)

    def _take_back(self) -> None:
        """Cut off what a failed append left, and begin another part next time.

        Where even that fails, the half line is the last of a part that nobody appends to, which readers leave out.
        """
        assert self._file is not None, "only what is open can fail"
        with suppress(OSError):
            os.ftruncate(self._file.fileno(), self._size)
            os.fsync(self._file.fileno())
        self._file.close()
        self._file = None

    def _own_part(self) -> IO[bytes]:
        """Open a part that is ours alone. A compaction that came upon it before it was locked would take it away."""
        while True:
            self._opened += 1
            self._path = self._folder / f"{self.name}{f'-{uuid.uuid4().hex[:8]}' if self._opened > 1 else ''}{SUFFIX}"
            file = _appended_to(self._path)
            if locked(file) and is_at(file, self._path):
                return file
            file.close()

    def close(self) -> None:
        """Let go of the part, and of the plan."""
        if self._file is not None:
            self._file.close()
        if self._claim is not None:
            if is_at(self._claim, self._claim_path):  # else it may be another run's
                self._claim_path.unlink(missing_ok=True)
            self._claim.close()
            self._claim = None

    def __enter__(self) -> LedgerWriter:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def _of_replaced(path: Any) -> str:
    return (
        f"ledger_path: {shown_path(path)} was deleted, replaced or changed while this run wrote it, so the run stops."
        " Restore the ledger before anything is planned or applied: our own marks are not known as ours without it."
        " What this run wrote is in outcomes.jsonl beside the plan"
    )


def _appended_to(path: Path) -> IO[bytes]:
    return os.fdopen(open_here(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab", buffering=0)
