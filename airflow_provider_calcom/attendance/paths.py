"""Paths as users give them: which can't be one at all, and why a place could not be reached."""

from __future__ import annotations

import errno
import os
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_calcom._redact import redact
from airflow_provider_calcom.attendance.errors import AttendanceError

_LONGEST_PATH = 4095
_LONGEST_NAME = 255
"""Bytes that Linux and macOS allow for a path and for one name in it."""

# What no retry heals: rights, or what lies in the way. A full disk, or one that answers with an error, may heal.
_LASTING = frozenset(
    getattr(errno, name)
    for name in ("EACCES", "EPERM", "EROFS", "ENOTDIR", "EISDIR", "ENAMETOOLONG", "ELOOP", "EINVAL", "EEXIST", "ENXIO")
)


def fault_of_path(path: object) -> str | None:
    """Return why nothing can lie at a path, in words that go on after "is", or None.

    :param path: a text, an ``os.PathLike`` or a UPath; here, or with ``://`` in an object store.
    """
    text = str(path)
    if not text.strip():
        return "empty"
    if "\0" in text:
        return "a text with a NUL byte, which no path has"
    try:
        size = len(os.fsencode(text))
        text.encode()
    except UnicodeEncodeError:
        return "a text with half a character (a lone surrogate), which no path has"
    if size > _LONGEST_PATH or (
        "://" not in text and any(len(os.fsencode(one)) > _LONGEST_NAME for one in text.split("/"))
    ):
        return f"a text of {len(text):,} characters, which is too long for a path"
    if "://" in text and not _is_url(text):
        return "a URL that can't be read as one"
    if text.startswith("~") and os.path.expanduser(text) == text:
        return "below the home of a user who does not exist here (~)"
    return None


def _is_url(text: str) -> bool:
    try:
        urlsplit(text)
    except ValueError:
        return False
    return True


def reason_of(error: Exception) -> str:
    """Return in a few words why a place could not be reached, without a path or what lies there.

    :param error: what a file system, or the library of an object store, raised.
    """
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, ImportError):
        return f"a library is not installed: {redact(str(error))}"
    return type(error).__name__


def is_lasting(error: Exception) -> bool:
    """Return whether another try would meet the same error: no rights, a file where a folder should be, no library."""
    if isinstance(error, OSError):
        return error.errno in _LASTING
    return isinstance(error, (ImportError, ValueError, TypeError))


def is_of_storage(error: Exception, place: Any) -> bool:
    """Return whether an error is that of the place, and not ours.

    :param error: any. The libraries of object stores have classes of their own, which can't be known here.
    :param place: the path that was used.
    """
    if isinstance(error, AttendanceError):
        return False
    return isinstance(error, (OSError, ImportError)) or "://" in str(place)
