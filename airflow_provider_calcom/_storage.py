"""Paths, folders and files, on this machine or in an object store, and databases for the length of one run."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from airflow_provider_calcom._redact import describe, redact, shown_path
from airflow_provider_calcom.errors import ProviderError

# A path is a text, an os.PathLike, a URL of an object store or a UPath.
Folder = str | os.PathLike[str] | Any

MODE_VARIABLE = "CALCOM_FILE_MODE"
"""Environment variable with the mode of files that are written here, such as ``0640``; folders get ``0750`` then."""

UNFINISHED = ".calcom-unfinished-"
"""How folders begin in which a file is written before it takes its place. A process that was killed leaves one."""


_LONGEST_PATH = 4095
_LONGEST_NAME = 255
"""Bytes that Linux and macOS allow for a path and for one name in it."""

# What no retry heals: rights, or what lies in the way. A full disk, or one that answers with an error, may heal.
_LASTING = frozenset(
    getattr(errno, name)
    for name in ("EACCES", "EPERM", "EROFS", "ENOTDIR", "EISDIR", "ENAMETOOLONG", "ELOOP", "EINVAL", "EEXIST", "ENXIO")
)


class InvalidFileMode(ProviderError):
    """The environment variable with the mode of files can't be used. Fix it; the text names it."""


class UnusablePath(ProviderError):
    """A path or URL can't be used: no storage of its kind is known here. Fix it, or install the storage's library."""


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
    if isinstance(error, ProviderError):
        return False
    # By its name, as DuckDB, whose IOException this is, is an extra.
    return isinstance(error, (OSError, ImportError)) or type(error).__name__ == "IOException" or "://" in str(place)


@contextmanager
def storage_errors(
    parameter: str,
    path: Any,
    *,
    lasting: type[ProviderError],
    passing: type[ProviderError],
    action: Literal["read", "written"],
    fix: str,
    unchanged: tuple[type[Exception], ...] = (),
    shows_file: bool = False,
) -> Iterator[None]:
    """Raise errors of the file system, or of an object store, as errors of this package that name the parameter.

    :param parameter: name of the parameter that has the path.
    :param path: the file or folder that is used.
    :param lasting: the class to raise where a retry would meet the same error: no rights, something else at the path.
    :param passing: the class to raise where a retry may succeed: a full disk, a network that failed.
    :param action: what can't be done with the path.
    :param fix: a sentence with what the user can do.
    :param unchanged: errors that pass through unchanged, such as ``FileNotFoundError``.
    :param shows_file: whether to show the file that the error names instead of ``path``.
    :raises ProviderError: ``lasting`` or ``passing``. Errors that are not of the storage pass through unchanged.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, unchanged) or not is_of_storage(error, path):
            raise
        shown = (getattr(error, "filename", None) if shows_file else None) or path
        kind = lasting if is_lasting(error) else passing
        raise kind(f"{parameter}: {shown_path(shown)} can't be {action} ({reason_of(error)}). {fix}") from None


def folder_path(folder: Folder) -> Any:
    """Give the folder as a path that has ``/``, ``open`` and ``unlink``, wherever it lies."""
    text = str(folder)
    if text.startswith("file://"):
        return Path(text.removeprefix("file://"))
    if "://" not in text:
        return Path(text).expanduser()
    if not isinstance(folder, str):
        return folder
    from upath import UPath

    try:
        return UPath(folder)
    except (ValueError, TypeError, ImportError) as error:
        why = reason_of(error)
    raise UnusablePath(
        f"{shown_path(text)!r} is no URL of an object storage that is known here ({why}). Correct it, or install the"
        " library of its storage"
    )


def is_path(source: object) -> bool:
    """Return whether a source is the path of a file: a string, an ``os.PathLike``, or anything with ``open``."""
    return isinstance(source, (str, os.PathLike)) or callable(getattr(source, "open", None))


def unpacked(stream: io.BufferedReader, buffer_size: int = io.DEFAULT_BUFFER_SIZE) -> io.BufferedReader:
    """Return a stream that unpacks another one where that is gzip by its first bytes; otherwise that one itself."""
    if stream.peek(2)[:2] != b"\x1f\x8b":
        return stream
    return io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=stream)), buffer_size)


def is_here(path: Any) -> bool:
    """Tell whether a path that :func:`folder_path` gave is one of this machine.

    By its text: on Airflow 2.11 the paths of object stores are a kind of :class:`Path`, too.
    """
    return "://" not in str(path)


def make_folder(path: Any) -> None:
    """Make a folder and those above it that are missing, for their owner alone unless :data:`MODE_VARIABLE` is set.

    :param path: a path that :func:`folder_path` gave.
    """
    if not is_here(path):
        path.mkdir(parents=True, exist_ok=True)
        return
    missing = []
    while not path.exists():
        missing.append(path)
        path = path.parent
    for one in reversed(missing):
        # Not parents=True, which gives the folders above the usual mode.
        one.mkdir(mode=_folder_mode(), exist_ok=True)


def open_here(path: Path, flags: int) -> int:
    """Open a file of this machine and return its descriptor. One that is made is for its owner alone by default.

    :param path: the file. A symbolic link is refused: whoever may write in the folder could have put it there.
    :param flags: those of :func:`os.open`.
    :raises OSError: also for a symbolic link.
    """
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, file_mode())


def file_mode() -> int:
    """Return the mode of files that hold addresses: 0600, or what :data:`MODE_VARIABLE` says.

    :raises InvalidFileMode: if it is no octal number of three or four digits, or shuts the owner out.
    """
    text = os.environ.get(MODE_VARIABLE, "0600")
    mode = int(text, 8) if re.fullmatch("0?[0-7]{3}", text) else 0
    if mode & 0o600 != 0o600:
        raise InvalidFileMode(
            f"The environment variable {MODE_VARIABLE} must be a file mode that lets the owner read and write, such as"
            f" 0640, but is {describe(text)}"
        )
    return mode


def _folder_mode() -> int:
    """Return the mode of folders: whoever may read files may enter, too."""
    mode = file_mode()
    return mode | (mode & 0o444) >> 2


@contextmanager
def atomic_write(path: Any) -> Iterator[Path]:
    """Give a file to write to, which takes its place when it is whole: a reader never sees half of it.

    Here it lies in a folder of its own beside the target, which nobody else may enter: a name that can be foreseen
    could be taken by a symbolic link to another file.

    :param path: a path here, or a UPath or URL of an object store.
    """
    text = str(path)
    if "://" in text and not text.startswith("file://"):
        from upath import UPath

        with tempfile.TemporaryDirectory() as folder:
            part = Path(folder) / Path(text).name
            yield part
            target = UPath(path) if isinstance(path, str) else path
            target.parent.mkdir(parents=True, exist_ok=True)
            with part.open("rb") as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink, 2**20)
        return
    target = Path(text.removeprefix("file://")).expanduser()
    make_folder(target.parent)
    with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=target.parent, ignore_cleanup_errors=True) as folder:
        part = Path(folder) / target.name
        yield part
        part.chmod(file_mode())
        part.replace(target)


def is_whole_text(text: str) -> bool:
    """Return whether a text can be written: half a character (a lone surrogate), which JSON can bring, can't be."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


# One for all lines: json.dumps would make a new one for each.
as_json = json.JSONEncoder(ensure_ascii=False).encode


def write_lines(path: Any, lines: Iterable[Mapping[str, Any]]) -> str:
    """Write lines of JSON and give the hash of their bytes."""
    digest = hashlib.sha256()
    with atomic_write(path) as part, part.open("wb") as file:
        for line in lines:
            text = as_json(line).encode() + b"\n"
            digest.update(text)
            file.write(text)
    return digest.hexdigest()


def scratch_database(tables: str) -> sqlite3.Connection:
    """Return a new database on disk, so that memory does not grow with what is put into it.

    SQLite removes its file when it is closed, or when the process ends in any other way.

    :param tables: SQL that makes its tables.
    """
    # An empty name is a temporary file. It may be used by one thread at a time, not only by the one that made it.
    database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    database.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4096; {tables}")
    return database
