"""Paths that parameters name: resolved on this machine or in Airflow's object storage, and written as a whole."""

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
    """A file can't be written now: the disk is full, or the storage failed. The text names it."""

    retryable = True


class OutputUnusable(OutputNotWritten):
    """A file can't be written, and a retry would fail, too. Fix the folder's rights, or what lies in its place."""

    retryable = False


@dataclass(frozen=True)
class Storage:
    """Resolves the paths and URLs that parameters name.

    :param conn_id: id of the object storage's connection, or None.
    """

    conn_id: str | None = None

    def path(self, name: str, address: Any) -> Any:
        """Return a path that can be opened. A path stays as it is, but for ``~``.

        A string without ``://`` is a path of this machine. Airflow's own class makes ``/plans`` of ``plans`` on 2.11.

        :param name: the parameter, for errors.
        :param address: a path or URL.
        :raises InvalidArgument: if there can be no such path, or no storage of its kind is known here.
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
    """Return the ledger's folder: the requested one, or the connection's own below ``AIRFLOW_HOME``.

    One for each connection, since a booking uid does not say on which server the booking is.

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
    """Yield a file to write to, which takes its place when it is complete: a reader never sees half of it.

    :param name: the parameter, for errors.
    :param path: a path here, or a UPath of an object store.
    :raises OutputNotWritten: with the operating system's words; :class:`OutputUnusable` where a retry would fail, too.
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
