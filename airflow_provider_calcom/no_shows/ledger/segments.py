"""The parts of a ledger: its files, read as they are, also while somebody writes or after somebody was killed."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom._storage import Folder, folder_path, is_here, storage_errors
from airflow_provider_calcom.no_shows.ledger.records import (
    LONGEST_LINE,
    DamagedLedger,
    LedgerNotReached,
    LedgerNotRead,
    LedgerRecord,
    decoded,
)

SUFFIX = ".jsonl"


def parts_of(folder: Folder) -> list[Any]:
    """Give a ledger's parts by name, which begins with the time at which each was begun; none where there is no folder.

    :param folder: the ledger's, here or in an object store.
    """
    place = folder_path(folder)
    with suppress(FileNotFoundError, NotADirectoryError):
        # Not glob(): that of Airflow 2.11's object storage finds nothing.
        return sorted((part for part in place.iterdir() if _is_part(part.name)), key=lambda part: str(part.name))
    return []


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


def _is_part(name: str) -> bool:
    return name.endswith(SUFFIX) and not name.startswith(".")


def records_of(part: Any) -> Iterator[LedgerRecord]:
    """Give the records of a part. A last line that is torn, because its writer was killed, is left out.

    :raises DamagedLedger: naming part and line, if another line is no record.
    :raises LedgerNotRead: if the part is a pipe or the like.
    """
    if is_here(part) and not (part.is_file() or part.is_dir()) and part.exists():
        # Opening a pipe would wait for its writer, for ever.
        raise LedgerNotRead(f"ledger_path: {shown_path(part)} is no file. Move it out of the folder")
    with part.open("rb") as file:
        number = 0
        while line := file.readline(LONGEST_LINE):
            number += 1
            record = decoded(line)
            if record is not None:
                yield record
            elif line.endswith(b"\n") or len(line) == LONGEST_LINE:
                raise DamagedLedger(
                    f"ledger_path: {shown_path(part)}, line {number}, is no record of a ledger. Fix that line"
                    " by hand, or move the part out of the folder: its records would be forgotten"
                )


def repair(part: Any) -> bool:
    """Cut off the torn last line of a part that nobody writes; one that lacks only its line end gets it.

    So all tools can read the part, and its lines stay whole.

    :return: whether it was torn.
    """
    if not _is_torn(part) or (is_here(part) and part.is_symlink()):
        return False
    if not is_here(part):
        content = part.read_bytes()
        part.write_bytes(_mended(content))
        return True
    with part.open("r+b") as file:
        if not locked(file):
            return False
        mended = _mended(file.read())
        file.seek(0)
        file.write(mended)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
    return True


def locked(file: IO[bytes]) -> bool:
    """Lock a part that is open, until it is closed, and say whether that was possible: its writer holds it.

    Some network file systems have no locks; there, each part counts as free. See :func:`has_locks`.
    """
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def has_locks(file: IO[bytes]) -> bool:
    """Return whether the file system of an open file, which we have locked or nobody has, knows locks.

    :param file: open in this process.
    """
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def is_at(file: IO[bytes], path: Path) -> bool:
    """Tell whether an open file is still the one that a path leads to: it may have been taken away meanwhile."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _is_torn(part: Any) -> bool:
    with part.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if not size:
            return False
        file.seek(size - 1)
        return bool(file.read(1) != b"\n")


def _mended(content: bytes) -> bytes:
    end = content.rfind(b"\n") + 1
    if end == len(content):
        return content
    return content + b"\n" if decoded(content[end:]) is not None else content[:end]
