"""Paths in parameters: the ledger's folder, and files that are written atomically."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from airflow_provider_calcom._storage import atomic_write, storage_errors
from airflow_provider_calcom.attendance.errors import AttendanceError
from airflow_provider_calcom.hooks._storage import Storage as Storage


class OutputNotWritten(AttendanceError):
    """A file can't be written now: the disk is full, or the storage failed. The message names the file."""

    retryable = True


class OutputUnusable(OutputNotWritten):
    """A file can't be written, and a retry would fail too. Fix the folder's rights, or move what is at its path."""

    retryable = False


def ledger_folder(ledger_path: Any, *, conn_id: str, storage: Storage) -> Any:
    """Return the ledger's folder: that of the parameter, or the connection's own below ``AIRFLOW_HOME``.

    Each connection has its own ledger, because a booking uid does not identify the server.

    :param ledger_path: the parameter, or None.
    :param conn_id: id of the Cal.com connection.
    :param storage: resolves paths.
    """
    if ledger_path is not None:
        return storage.path("ledger_path", ledger_path)
    home = os.environ.get("AIRFLOW_HOME") or "~/airflow"
    return storage.path("AIRFLOW_HOME", os.path.join(home, "calcom-ledger", quote(conn_id, safe="", errors="replace")))


@contextmanager
def written_output(name: str, path: Any) -> Iterator[Path]:
    """Yield a file to write to, which is moved to its path when it is complete: a reader never sees half of it.

    :param name: the parameter, for errors.
    :param path: a local path, or a UPath of an object store.
    :raises OutputNotWritten: with the operating system's reason; :class:`OutputUnusable` if a retry would fail too.
    """
    with (
        storage_errors(
            name,
            path,
            lasting=OutputUnusable,
            passing=OutputNotWritten,
            action="written",
            fix="Let the worker's user write there, or free some space",
        ),
        atomic_write(path) as part,
    ):
        yield part
