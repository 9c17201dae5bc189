"""Files that a task writes for other tasks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom._storage import is_lasting, is_of_storage, reason_of, written_whole
from airflow_provider_calcom.api.errors import CalComError
from airflow_provider_calcom.attendance.errors import AttendanceError


class OutputNotWritten(AttendanceError):
    """A file can't be written now: the disk is full, or the storage failed. The text names it."""

    retryable = True


class OutputUnusable(OutputNotWritten):
    """A file can't be written, and no retry heals that. Fix the folder's rights, or what lies in its place."""

    retryable = False


@contextmanager
def written_output(name: str, path: Any) -> Iterator[Path]:
    """Yield a file to write to, which takes its place when it is whole: a reader never sees half of it.

    :param name: the parameter, for errors.
    :param path: a path here, or a UPath of an object store.
    :raises OutputNotWritten: with the operating system's words; :class:`OutputUnusable` where no retry heals it.
    """
    try:
        with written_whole(path) as part:
            yield part
    except Exception as error:
        if not is_of_storage(error, path) or isinstance(error, CalComError):
            raise
        kind = OutputUnusable if is_lasting(error) else OutputNotWritten
        raise kind(
            f"{name}: {shown_path(path)} can't be written ({reason_of(error)}). Let the worker's user write there, or"
            " free some space"
        ) from None
