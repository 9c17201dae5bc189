"""Files that a plan is made of: found, checked, and read, on this machine or in an object store."""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom._storage import storage_errors
from airflow_provider_calcom.attendance.errors import AttendanceError, InvalidInput


class InputMissing(AttendanceError):
    """A file of bookings or attendance is not there. Have it written: the task tries again, as reports come late."""

    retryable = True


class InputNotReached(AttendanceError):
    """A file's storage failed: a disk, a network, an object store. The task tries again."""

    retryable = True


def files_of(name: str, path: Any) -> list[Any]:
    """Return the files of a path: a file, those of a folder, or those that a ``*`` finds.

    :param name: the parameter, for errors.
    :param path: a path here or of an object store; in an object store a ``*`` may be in the last part only.
    :raises InputMissing: if there are none.
    :raises InvalidInput: if one can't be read, or a folder has none.
    :raises InputNotReached: if the storage failed.
    """
    found = files_if_any(name, path)
    if found:
        return found
    with _errors_of(name, path):
        if path.is_dir():
            raise InvalidInput(f"{name}: {shown_path(path)} is a folder without files. Name the folder that has them")
    raise InputMissing(f"{name}: {shown_path(path)} is not there (yet)")


def files_if_any(name: str, path: Any) -> list[Any]:
    """Return the files of a path as :func:`files_of`, and none where it is not there, or a folder without files.

    :param name: the parameter, for errors.
    :param path: as for :func:`files_of`, which raises the same errors otherwise.
    """
    with _errors_of(name, path):
        found = _inside(path) if path.is_dir() else [path] if path.exists() else _matching(path)
        for one in found:
            _check_readable(name, one)
    return found


def _errors_of(name: str, path: Any) -> AbstractContextManager[None]:
    return storage_errors(
        name,
        path,
        lasting=InvalidInput,
        passing=InputNotReached,
        action="read",
        fix="Let the worker's user read it and its folder",
    )


def _inside(folder: Any) -> list[Any]:
    """Return the files of a folder, but those that tools keep beside their output, as ``_SUCCESS``."""
    found = (one for one in folder.iterdir() if not one.name.startswith(("_", ".")) and one.is_file())
    return sorted(found, key=str)


def _check_readable(name: str, path: Any) -> None:
    """Check that a file of this machine can be opened, before Cal.com is called."""
    if "://" in str(path):
        return
    if path.is_dir():
        raise InvalidInput(f"{name}: {shown_path(path)} is a folder. Name its files, such as {shown_path(path / '*')}")
    if not path.is_file():
        raise InvalidInput(f"{name}: {shown_path(path)} is not a file")
    with path.open("rb"):
        pass


def _matching(path: Any) -> list[Any]:
    if "*" not in str(path):
        return []
    if "://" not in str(path):
        pattern = glob.escape(str(path)).replace("[*]", "*")
        return [Path(one) for one in sorted(glob.glob(pattern, recursive=True))]
    # Not glob(): that of Airflow 2.11's object storage finds nothing.
    name = re.compile(".*".join(map(re.escape, path.name.split("*"))))
    with suppress(FileNotFoundError, NotADirectoryError):
        return sorted((one for one in path.parent.iterdir() if name.fullmatch(one.name)), key=str)
    return []


def read_lines(path: Any) -> Iterator[Any]:
    """Yield the values of a file of JSON lines.

    :param path: anything with ``open("rb")``.
    :raises InvalidInput: naming file and line.
    """
    with path.open("rb") as file:
        # Files of Airflow 2.11's object storage can't be iterated.
        for number, line in enumerate(iter(file.readline, b""), start=1):
            if not line.strip():
                continue
            try:
                yield json.loads(line)
            except (ValueError, RecursionError):
                raise InvalidInput(
                    f"{shown_path(path)}, row {number}: is not JSON. One booking a line is wanted"
                ) from None
