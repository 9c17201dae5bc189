"""Paths, folders and files, local or in an object store, and temporary databases."""

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

# A path is a string, an os.PathLike, a URL of an object store or a UPath.
Folder = str | os.PathLike[str] | Any

MODE_VARIABLE = "CALCOM_FILE_MODE"
"""Environment variable with the mode of local files that are written, such as ``0640``; folders then get ``0750``."""

UNFINISHED = ".calcom-unfinished-"
"""Prefix of folders in which a file is written before it is moved to its path. A killed process leaves one behind."""


_LONGEST_PATH = 4095
_LONGEST_NAME = 255
"""Bytes that Linux and macOS allow for a path and for one name in it."""

# Errors that a retry meets again: rights, or something else at the path. A full or failing disk may recover.
_LASTING = frozenset(
    getattr(errno, name)
    for name in ("EACCES", "EPERM", "EROFS", "ENOTDIR", "EISDIR", "ENAMETOOLONG", "ELOOP", "EINVAL", "EEXIST", "ENXIO")
)


class InvalidFileMode(ProviderError):
    """The environment variable with the mode of files is invalid. Fix it; the message names it."""


class UnusablePath(ProviderError):
    """A path or URL can't be used: its kind of storage is unknown here. Fix it, or install the storage's library."""


def fault_of_path(path: object) -> str | None:
    """Return why a path is invalid, in words that continue after "is", or None if it is valid.

    :param path: a string, an ``os.PathLike`` or a UPath; local, or with ``://`` in an object store.
    """
    text = str(path)
    if not text.strip():
        return "empty"
    if "\0" in text:
        return "a string with a NUL byte, which paths can't have"
    try:
        size = len(os.fsencode(text))
        text.encode()
    except UnicodeEncodeError:
        return "a string with an unpaired surrogate (invalid Unicode), which paths can't have"
    if size > _LONGEST_PATH or (
        "://" not in text and any(len(os.fsencode(one)) > _LONGEST_NAME for one in text.split("/"))
    ):
        return f"a string of {len(text):,} characters, which is too long for a path"
    if "://" in text and not _is_url(text):
        return "a URL that can't be parsed"
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
    """Return in a few words why a path could not be reached, without the path and its content.

    :param error: an error of a file system, or of the library of an object store.
    """
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, ImportError):
        return f"a library is not installed: {redact(str(error))}"
    return type(error).__name__


def is_lasting(error: Exception) -> bool:
    """Return whether a retry would meet the same error: no rights, a file instead of a folder, no library."""
    if isinstance(error, OSError):
        return error.errno in _LASTING
    return isinstance(error, (ImportError, ValueError, TypeError))


def is_of_storage(error: Exception, place: Any) -> bool:
    """Return whether an error is one of the file system or object store, and not one of ours.

    :param error: any error. The libraries of object stores have their own classes, which can't be known here.
    :param place: the path that was used.
    """
    if isinstance(error, ProviderError):
        return False
    # DuckDB's IOException, by its name because DuckDB is an optional dependency.
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
    """Return the folder, local or in an object store, as a path that has ``/``, ``open`` and ``unlink``."""
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
        f"{shown_path(text)!r} is not a URL of an object storage that is known here ({why}). Correct it, or install the"
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


def open_to_read(path: Any) -> io.BufferedReader:
    """Open a file, local or in an object store, in bytes, with every method of Python's own files.

    ``readline`` of s3fs, gcsfs and adlfs takes no limit, so their files are read through a buffer.

    :param path: a path of :func:`folder_path`.
    :raises FileNotFoundError: if there is none.
    """
    file = path.open("rb")
    return file if isinstance(file, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, file), 2**16)


def is_here(path: Any) -> bool:
    """Return whether a path of :func:`folder_path` is local.

    Decided by the string: on Airflow 2.11 the paths of object stores are instances of :class:`Path` too.
    """
    return "://" not in str(path)


def forget_listing(folder: Any) -> None:
    """Let the next listing of a folder in an object store be read from there.

    s3fs, gcsfs and adlfs keep listings for as long as the process runs, without what other processes write.

    :param folder: a path of :func:`folder_path`.
    """
    if not is_here(folder):
        folder.fs.invalidate_cache()  # of all folders: libraries disagree on how a path is spelled here


def local_copy(path: Any, folder: Path) -> Path:
    """Return a local file as it is, or a copy of one in an object store.

    :param path: a path of :func:`folder_path`.
    :param folder: where the copy goes, under the name of the file.
    :raises FileNotFoundError: if there is none.
    """
    if is_here(path):
        with path.open("rb"):
            return Path(path)
    copy = folder / str(path.name)
    with path.open("rb") as source, copy.open("wb") as sink:
        shutil.copyfileobj(source, sink, 2**20)
    return copy


def make_folder(path: Any) -> None:
    """Create a folder and its missing parents, for their owner only unless :data:`MODE_VARIABLE` is set.

    :param path: a path of :func:`folder_path`.
    """
    if not is_here(path):
        path.mkdir(parents=True, exist_ok=True)
        return
    missing = []
    while not path.exists():
        missing.append(path)
        path = path.parent
    for one in reversed(missing):
        # Not parents=True, which creates the parents with the default mode.
        one.mkdir(mode=_folder_mode(), exist_ok=True)


def open_here(path: Path, flags: int) -> int:
    """Open a local file and return its descriptor. A new file is for its owner only, by default.

    :param path: the file. A symbolic link is rejected: anyone who may write to the folder could have created it.
    :param flags: the flags of :func:`os.open`.
    :raises OSError: also for a symbolic link.
    """
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, file_mode())


def file_mode() -> int:
    """Return the mode of files with addresses: the value of :data:`MODE_VARIABLE`. Defaults to 0600.

    :raises InvalidFileMode: if it is not an octal number of three or four digits, or excludes the owner.
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
    """Return the mode of folders: anyone who may read the files may enter."""
    mode = file_mode()
    return mode | (mode & 0o444) >> 2


@contextmanager
def atomic_write(path: Any) -> Iterator[Path]:
    """Yield a file to write to, and move it to its path when it is complete: a reader never sees half of it.

    A local file is written in a folder of its own beside the target, which only the owner may enter: somebody could put
    a symbolic link to another file at a predictable name.

    :param path: a local path, or a UPath or URL of an object store.
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
    """Return whether a string can be encoded. JSON can have unpaired surrogates, which can't be."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


# Reuse one encoder: json.dumps with options builds a new one per call.
as_json = json.JSONEncoder(ensure_ascii=False).encode


def write_lines(path: Any, lines: Iterable[Mapping[str, Any]]) -> str:
    """Write lines of JSON, and return the SHA-256 of their bytes as hexadecimal digits."""
    digest = hashlib.sha256()
    with atomic_write(path) as part, part.open("wb") as file:
        for line in lines:
            text = as_json(line).encode() + b"\n"
            digest.update(text)
            file.write(text)
    return digest.hexdigest()


def scratch_database(tables: str) -> sqlite3.Connection:
    """Return a new database on disk, so that memory does not grow with its content.

    SQLite removes the file when the database is closed, or when the process ends in any other way.

    :param tables: SQL that creates the tables.
    """
    # An empty name means a temporary file. Threads may use it one after another, not only the one that opened it.
    database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    database.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4096; {tables}")
    return database
