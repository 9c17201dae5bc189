"""The lines of a ledger: what an intent and an outcome tell, and what can be wrong with them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any, TypedDict

from airflow_provider_calcom._storage import as_json, is_whole_text
from airflow_provider_calcom.attendance.errors import AttendanceError

LONGEST_LINE = 2**20
_MOST_PLACES = 2**62
"""Beyond it SQLite would take the next one for a fraction."""
LATEST_PLACE = 2**61
"""From which on a run places nothing behind a record; the end of the year 9999 is well before."""


class DamagedLedger(AttendanceError):
    """A line of the ledger can't be read. Mend or move the part that the text names: what it tells is not known."""


class LedgerNotRead(AttendanceError):
    """A file of the ledger can't be opened. Fix its rights, or move what is none of the ledger's; the text names it."""


class LedgerNotReached(LedgerNotRead):
    """The storage of the ledger failed: a disk, a network, an object store. Another try may find it well."""

    retryable = True


class LedgerNotWritten(AttendanceError):
    """The ledger can't be written now, so no flag is written either: the disk is full, or the storage failed."""

    retryable = True


class LedgerFolderUnusable(LedgerNotWritten):
    """The ledger can't be written, and no retry heals that. Fix the folder's rights, or what lies in its place."""

    retryable = False


class LedgerReplaced(LedgerNotWritten):
    """The ledger was deleted, moved, cut or replaced while a run wrote it. Restore it before anything is applied.

    Without it our own marks are not known as ours. What the run wrote stands in ``outcomes.jsonl`` beside the plan.
    """

    retryable = False


class AlreadyApplying(AttendanceError):
    """Another run is applying the same plan with the same ledger. Let it end; a retry goes on where it was."""

    retryable = True


# "from" is a word of Python's own.
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
    """One line, with the same keys in all.

    ``kind`` is ``intent`` or ``outcome``; both have the ``id`` of the one write. ``time`` is the machine's clock, ISO
    8601, UTC with ``Z``; ``sequence`` says in which order writes were made, and is missing in records of older
    versions. ``plan`` is the plan's hash. Either ``email``, as Cal.com spells it, or ``email_hash`` is null. ``from``
    and ``to`` are the flag before and after, ``reason`` is of the decision. ``outcome`` and ``detail`` say what became
    of it; ``shown`` whether the booking showed the new flag when it was read last, and null where that is not known.
    ``request_id`` is Cal.com's. The rest names the run of the DAG.
    """

    sequence: int


@dataclass(frozen=True)
class TaskRun:
    """Which run of which task writes; all None outside of Airflow.

    :param dag_id: the DAG.
    :param run_id: its run.
    :param task_id: the task.
    :param map_index: of a mapped task; -1 of another.
    :param try_number: which try, from 1.
    """

    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    map_index: int | None = None
    try_number: int | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of a record that tell it."""
        return asdict(self)

    @property
    def name(self) -> str:
        """Names the task, whichever try; empty outside of Airflow."""
        if self.dag_id is None:
            return ""
        return json.dumps([self.dag_id, self.run_id, self.task_id, self.map_index])


NO_TASK = TaskRun()


def task_of(record: LedgerRecord) -> str:
    """Name the task that wrote a record, as :attr:`TaskRun.name` does."""
    return TaskRun(record["dag_id"], record["run_id"], record["task_id"], record["map_index"]).name


def time_text(unix_time: float) -> str:
    """Write a time as records have it: to the microsecond, so that the records of one person are in order."""
    moment = datetime.fromtimestamp(unix_time, timezone.utc)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def unix_time(text: str) -> float:
    """Read the time of a record."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def sequence_of(record: LedgerRecord) -> int:
    """Return the place of a record among all of a ledger: microseconds since 1970, or more where clocks went back.

    :param record: one of an older version is placed by its time.
    """
    sequence = record.get("sequence")
    return round(unix_time(record["time"]) * 1e6) if sequence is None else sequence


def encoded(record: LedgerRecord) -> bytes:
    """Make a line of a record."""
    return as_json(record).encode(errors="replace") + b"\n"


def decoded(line: bytes) -> LedgerRecord | None:
    """Read a line; None if it is no record."""
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
        and all(_is_text(found[key]) for key in ("id", "time", "plan", "booking_uid", "role"))
        and all(isinstance(found[key], bool) for key in ("from", "to"))
        and _is_text(found["email"] if found["email_hash"] is None else found["email_hash"])
        and found["shown"] in (True, False, None)
        and _is_time(found["time"])
    )


def _is_text(given: Any) -> bool:
    return isinstance(given, str) and is_whole_text(given)


def _is_sequence(given: Any) -> bool:
    return given is None or (type(given) is int and 0 <= given < _MOST_PLACES)


def _is_time(text: str) -> bool:
    try:
        unix_time(text)
    except (ValueError, OverflowError):
        return False
    # A time without an offset would be read in the zone of whatever machine reads it.
    return text.endswith("Z")
