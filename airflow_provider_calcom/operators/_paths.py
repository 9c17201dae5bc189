"""Paths in parameters: resolved locally or in Airflow's object storage, and written atomically."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_calcom._storage import atomic_write, fault_of_path, storage_errors
from airflow_provider_calcom.api.errors import InvalidArgument
from airflow_provider_calcom.attendance.errors import AttendanceError


class OutputNotWritten(AttendanceError):
    """A file can't be written now: the disk is full, or the storage failed. The message names the file."""

    retryable = True


class OutputUnusable(OutputNotWritten):
    """A file can't be written, and a retry would fail too. Fix the folder's rights, or move what is at its path."""

    retryable = False


@dataclass(frozen=True)
class Storage:
    """Airflow's object storage, to resolve the paths and URLs of parameters.

    :param conn_id: id of the object storage's connection. Defaults to None, for paths that need none.
    """

    conn_id: str | None = None

    def path(self, name: str, address: Any) -> Any:
        """Return a path that can be opened. In a path only ``~`` is expanded.

        A string without ``://`` is a local path: Airflow's own class turns ``plans`` into ``/plans`` on 2.11.

        :param name: the parameter, for errors.
        :param address: a path or URL.
        :raises InvalidArgument: if the path is invalid, or its kind of storage is unknown here.
        """
        if (fault := fault_of_path(address)) is not None:
            raise InvalidArgument(f"{name} must be a path, but is {fault}. Correct it")
        if not isinstance(address, str):
            return address.expanduser() if isinstance(address, Path) and "://" not in str(address) else address
        if "://" not in address:
            return Path(address).expanduser()
        try:
            return ObjectStoragePath(address, conn_id=self.conn_id)
        except (ValueError, TypeError, ImportError) as error:
            why = type(error).__name__
        raise InvalidArgument(
            f"{name} is not a URL of an object storage that is known here ({why}). Use one such as s3://bucket/folder,"
            " and install the provider of its storage"
        )


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
