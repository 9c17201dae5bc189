"""The records of a ledger, one a line: intents and outcomes, and the errors that a ledger can raise."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, TypedDict

from airflow_provider_calcom._storage import as_json, is_whole_text
from airflow_provider_calcom.attendance.errors import AttendanceError

MAX_LINE_BYTES = 2**20
_SEQUENCE_LIMIT = 2**62
"""Above it SQLite would read the next number as a float."""
MAX_SEQUENCE = 2**61
"""A run refuses to continue after such a record. As microseconds since 1970 it is well after the year 9999."""


class DamagedLedger(AttendanceError):
    """A line of the ledger can't be read, so what it records is not known. Fix the line, or move its file away."""


class LedgerNotRead(AttendanceError):
    """A file of the ledger can't be opened. Fix its rights, or move it away if it is not the ledger's."""


class LedgerNotReached(LedgerNotRead):
    """The storage of the ledger failed: a disk, a network, an object store. A retry may succeed."""

    retryable = True


class LedgerNotWritten(AttendanceError):
    """The ledger can't be written now, so no flag is written either: the disk is full, or the storage failed."""

    retryable = True


class LedgerFolderUnusable(LedgerNotWritten):
    """The ledger can't be written, and a retry would fail too. Fix the folder's rights, or what is at its path."""

    retryable = False


class LedgerReplaced(LedgerNotWritten):
    """The ledger was deleted, moved, cut or replaced while a run wrote it. Restore it before anything is applied.

    Without it our own marks are not known as ours. What the run wrote is in ``outcomes.jsonl`` beside the plan.
    """

    retryable = False


class AlreadyApplying(AttendanceError):
    """Another run applies the same plan, or one of the same bookings. Let it end; a retry continues from there."""

    retryable = True


class ClaimLost(AttendanceError):
    """The run's claim on its bookings was not renewed in time, so it stopped. Run it again: it continues from there."""

    retryable = True


# As a call, because "from" is a keyword of Python.
_RequiredKeys = TypedDict(
    "_RequiredKeys",
    {
        "kind": str,
        "id": str,
        "time": str,
        "plan": str,
        "booking_uid": str,
        "role": str,
        "email": str | None,
        "email_hash": str | None,
        "from": bool,
        "to": bool,
        "reason": str,
        "outcome": str | None,
        "detail": str | None,
        "shown": bool | None,
        "request_id": str | None,
        "dag_id": str | None,
        "run_id": str | None,
        "task_id": str | None,
        "map_index": int | None,
        "try_number": int | None,
    },
)


class LedgerRecord(_RequiredKeys, total=False):
    """One line; all lines have the same keys.

    ``kind`` is ``intent`` or ``outcome``; both have the ``id`` of the one write. ``time`` is the worker's clock, ISO
    8601, UTC with ``Z``; ``sequence`` orders the writes, and is missing in records of older versions. ``plan`` is the
    plan's hash. Either ``email``, as Cal.com spells it, or ``email_hash`` is null. ``from`` and ``to`` are the flag
    before and after, ``reason`` is that of the decision. ``outcome`` and ``detail`` are the result of the write;
    ``shown`` is whether the booking showed the new flag when it was read last, and null where that is not known.
    ``request_id`` is Cal.com's. The rest names the run of the DAG.
    """

    sequence: int


@dataclass(frozen=True)
class TaskRun:
    """The run of a task that writes; all None outside of Airflow.

    :param dag_id: the DAG.
    :param run_id: its run.
    :param task_id: the task.
    :param map_index: of a mapped task; -1 of another.
    :param try_number: which attempt, from 1.
    """

    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    map_index: int | None = None
    try_number: int | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """Its fields in a record."""
        return asdict(self)

    @property
    def name(self) -> str:
        """Name of the task, the same in all attempts; empty outside of Airflow."""
        if self.dag_id is None:
            return ""
        return json.dumps([self.dag_id, self.run_id, self.task_id, self.map_index])


NO_TASK = TaskRun()


def task_of(record: LedgerRecord) -> str:
    """Return the name of the task that wrote a record, as :attr:`TaskRun.name` has it."""
    return TaskRun(record["dag_id"], record["run_id"], record["task_id"], record["map_index"]).name


def format_time(unix_time: float) -> str:
    """Return a time as records have it: to the microsecond, so that the records of one person are in order."""
    moment = datetime.fromtimestamp(unix_time, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def unix_time(text: str) -> float:
    """Parse the time of a record."""
    return datetime.fromisoformat(text).timestamp()


def sequence_of(record: LedgerRecord) -> int:
    """Return the number that orders a record: microseconds since 1970, or more where a clock was set back.

    :param record: one of an older version is ordered by its time.
    """
    sequence = record.get("sequence")
    return round(unix_time(record["time"]) * 1e6) if sequence is None else sequence


def encode(record: LedgerRecord) -> bytes:
    """Return a record as a line."""
    return as_json(record).encode(errors="replace") + b"\n"


def decode(line: bytes) -> LedgerRecord | None:
    """Parse a line; return None if it is not a record."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if _is_record(found) else None


def _is_record(found: Any) -> bool:
    return (
        isinstance(found, dict)
        and _is_sequence(found.get("sequence"))
        and found.keys() >= LedgerRecord.__required_keys__
        and found["kind"] in ("intent", "outcome")
        and all(_is_string(found[key]) for key in ("id", "time", "plan", "booking_uid", "role"))
        and all(isinstance(found[key], bool) for key in ("from", "to"))
        and _is_string(found["email"] if found["email_hash"] is None else found["email_hash"])
        and found["shown"] in (True, False, None)
        and _is_time(found["time"])
    )


def _is_string(given: Any) -> bool:
    return isinstance(given, str) and is_whole_text(given)


def _is_sequence(given: Any) -> bool:
    return given is None or (type(given) is int and 0 <= given < _SEQUENCE_LIMIT)


def _is_time(text: str) -> bool:
    try:
        unix_time(text)
    except (ValueError, OverflowError):
        return False
    # A time without an offset would be read in the zone of the worker that reads it.
    return text.endswith("Z")
