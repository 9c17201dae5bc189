"""The segments of a ledger: its files, which are readable while a run writes them and after it was killed."""

from __future__ import annotations

import fcntl
import io
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import IO, Any

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom._storage import Folder, folder_path, forget_listing, is_here, open_to_read, storage_errors
from airflow_provider_calcom.no_shows.ledger.records import (
    MAX_LINE_BYTES,
    DamagedLedger,
    LedgerNotReached,
    LedgerNotRead,
    LedgerRecord,
    decode,
)

SUFFIX = ".jsonl"
COMPACTED = "-compacted-"
"""In the names of segments that a compaction wrote."""

_READERS = 16
_AHEAD = 2 * _READERS
"""Segments of an object store that are read at the same time, and that are read before they are used: reading takes the
time of a request, whatever the size. Sixteen are some megabytes of memory."""

_LARGEST_AHEAD = 2**22
"""Bytes of a segment that is read ahead; larger ones are streamed."""


def list_segments(folder: Folder) -> list[Any]:
    """Return a ledger's segments, sorted by name, which begins with the time of their first record.

    :param folder: the ledger's, local or in an object store; one that does not exist has no segments.
    """
    place = folder_path(folder)
    with suppress(FileNotFoundError, NotADirectoryError):
        forget_listing(place)
        # Not glob(): that of Airflow 2.11's object storage finds nothing.
        return sorted((one for one in place.iterdir() if _is_segment(one.name)), key=lambda one: str(one.name))
    return []


def compacted(segments: Iterable[Any]) -> set[str]:
    """Return the names of those segments that a compaction wrote."""
    return {str(one.name) for one in segments if COMPACTED in one.name}


def run_of(segment: Any) -> str:
    """Return the name of the run that wrote a segment, as :class:`LedgerWriter` has it."""
    return "-".join(str(segment.name).removesuffix(SUFFIX).split("-")[:2])


@contextmanager
def readable(folder: Any) -> Iterator[None]:
    """Raise errors of reading a ledger as errors of this package that name the file.

    :param folder: the ledger's folder.
    :raises LedgerNotRead: for a file or folder that may not be read, or that is of another kind;
        :class:`LedgerNotReached` where a retry may succeed. ``FileNotFoundError`` passes through.
    """
    with storage_errors(
        "ledger_path",
        folder,
        lasting=LedgerNotRead,
        passing=LedgerNotReached,
        action="read",
        fix="Let the worker's user read all of the folder, in which there may be nothing but the ledger's files",
        unchanged=(FileNotFoundError,),
        shows_file=True,
    ):
        yield


def _is_segment(name: str) -> bool:
    return name.endswith(SUFFIX) and not name.startswith(".")


def read_records(segment: Any) -> Iterator[LedgerRecord]:
    """Yield the records of a segment, without a torn last line, as a run that was killed leaves it.

    :raises DamagedLedger: naming segment and line, if another line is not a record.
    :raises LedgerNotRead: if the segment is a pipe or the like.
    """
    if is_here(segment) and not (segment.is_file() or segment.is_dir()) and segment.exists():
        # Opening a pipe would block until something writes to it.
        raise LedgerNotRead(f"ledger_path: {shown_path(segment)} is not a file. Move it out of the folder")
    with open_to_read(segment) as file:
        yield from _records(file, segment)


def read_all(segments: Sequence[Any]) -> Iterator[LedgerRecord]:
    """Yield the records of segments in their order, as :func:`read_records` does, several at a time in an object store.

    :param segments: of one ledger.
    """
    if not segments or is_here(segments[0]):
        for segment in segments:
            yield from read_records(segment)
        return
    waiting = iter(segments)
    with ThreadPoolExecutor(_READERS, thread_name_prefix="calcom-ledger") as pool:
        ahead = deque((segment, pool.submit(_small_content, segment)) for segment in islice(waiting, _AHEAD))
        while ahead:
            segment, reading = ahead.popleft()
            content = reading.result()
            ahead.extend((one, pool.submit(_small_content, one)) for one in islice(waiting, 1))
            yield from read_records(segment) if content is None else _records(io.BytesIO(content), segment)


def _small_content(segment: Any) -> bytes | None:
    """Return the content of a segment in an object store, or None if it is large."""
    # The listing has its size. open() would request it again, which takes as long as reading.
    if segment.fs.info(segment.path)["size"] > _LARGEST_AHEAD:
        return None
    return bytes(segment.fs.cat_file(segment.path))


def _records(file: io.BufferedIOBase, segment: Any) -> Iterator[LedgerRecord]:
    number = 0
    while line := file.readline(MAX_LINE_BYTES):
        number += 1
        record = decode(line)
        if record is not None:
            yield record
        elif line.endswith(b"\n") or len(line) == MAX_LINE_BYTES:
            raise DamagedLedger(
                f"ledger_path: {shown_path(segment)}, line {number}, is not a record of a ledger. Fix that line"
                " by hand, or move the file out of the folder, whose records are forgotten then"
            )


def repair_segment(segment: Any) -> bool:
    """Cut off the torn last line of a segment that no run writes; a record that lacks only its line end gets it.

    Then any tool that reads JSON lines can read the segment. Object stores have no half-written objects.

    :return: whether the segment was changed.
    """
    if not is_here(segment) or not _is_torn(segment) or segment.is_symlink():
        return False
    with segment.open("r+b") as file:
        if not try_lock(file):
            return False
        whole = _without_torn_line(file.read())
        file.seek(0)
        file.write(whole)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
    return True


def try_lock(file: IO[bytes]) -> bool:
    """Lock an open segment until it is closed, and return False if its writer holds the lock.

    Some network file systems have no locks; there, each segment counts as free.
    """
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def is_same_file(file: IO[bytes], path: Path) -> bool:
    """Return whether an open file is still the one at a path, and was not deleted or replaced since."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _is_torn(segment: Any) -> bool:
    with segment.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if not size:
            return False
        file.seek(size - 1)
        return bool(file.read(1) != b"\n")


def _without_torn_line(content: bytes) -> bytes:
    end = content.rfind(b"\n") + 1
    if end == len(content):
        return content
    return content + b"\n" if decode(content[end:]) is not None else content[:end]
