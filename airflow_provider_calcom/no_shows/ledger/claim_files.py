"""The files of the claims on a ledger: created only where there is none, in a local folder or in an object store."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from airflow_provider_calcom._storage import forget_listing, is_here, make_folder, open_here

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_EXCLUSIVE = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "memory"})
"""Protocols whose libraries have a conditional write (s3fs, gcsfs, adlfs; see docs/explanation/many-workers.md).
fsspec's own ``mode="create"`` looks first and writes then, and all other libraries inherit it: two runs may both create
there."""


class ClaimFiles(Protocol):
    """A folder of small files."""

    def names(self) -> list[str]:
        """Return the names of all files as they are now; none if the folder does not exist."""

    def read(self, name: str) -> bytes | None:
        """Return the content of a file as it is now, or None if there is none."""

    def create(self, name: str, content: bytes) -> bool:
        """Create a file, and return False if there is one of that name.

        :param content: that nobody else writes, so that a file of ours is known as ours after a lost response.
        """

    def overwrite(self, name: str, content: bytes) -> None:
        """Write a file, whether there is one or not."""

    def delete(self, name: str) -> None:
        """Delete a file if there is one."""

    def is_exclusive(self, name: str, content: bytes) -> bool:
        """Return whether :meth:`create` lets only one of several callers succeed.

        :param name: a file that this object created.
        :param content: what is in it.
        """

    def is_abandoned(self, name: str, machine: str) -> bool:
        """Return whether the process that created a file has certainly ended; False where that is not known.

        :param machine: the :attr:`machine` of that process.
        """

    def is_there(self, name: str) -> bool:
        """Return False if a file that this object created was deleted or replaced, as far as the system shows that."""

    def close(self, name: str) -> None:
        """Close a file that this object created, and leave it where it is."""

    @property
    def machine(self) -> str:
        """Name of the machine until its next start if :meth:`is_abandoned` works on it, else an empty string."""


def claim_files(folder: Any) -> ClaimFiles:
    """Return the files of a folder.

    :param folder: a path of :func:`airflow_provider_calcom._storage.folder_path`.
    """
    return _LocalFiles(Path(folder)) if is_here(folder) else _StoredFiles(folder)


class _LocalFiles:
    """Files of a local folder, or of one that several machines share.

    A file that is created stays open and locked until it is closed. The system drops the lock when the process ends, so
    on the same machine it is known at once that a run was killed. Over a network the lock may not be seen, or a machine
    may have gone with it; there only leases count.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, int] = {}

    @property
    def machine(self) -> str:
        make_folder(self._folder)
        return _machine(self._folder)

    def names(self) -> list[str]:
        with suppress(FileNotFoundError):
            return os.listdir(self._folder)
        return []

    def read(self, name: str) -> bytes | None:
        with suppress(FileNotFoundError):
            return (self._folder / name).read_bytes()
        return None

    def create(self, name: str, content: bytes) -> bool:
        make_folder(self._folder)
        try:
            file = open_here(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            return False
        self._open[name] = file
        # Locked before it has the name of our machine, by which others look for the lock.
        _try_lock(file)
        _write(file, content)
        return True

    def overwrite(self, name: str, content: bytes) -> None:
        file = open_here(self._folder / name, os.O_WRONLY | os.O_CREAT)
        try:
            _write(file, content)
        finally:
            os.close(file)

    def delete(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)

    def is_there(self, name: str) -> bool:
        try:
            return os.path.samestat(os.fstat(self._open[name]), (self._folder / name).stat())
        except FileNotFoundError:
            return False

    def close(self, name: str) -> None:
        if (file := self._open.pop(name, None)) is not None:
            os.close(file)

    def is_exclusive(self, name: str, content: bytes) -> bool:
        return True

    def is_abandoned(self, name: str, machine: str) -> bool:
        if not machine or machine != self.machine or name in self._open:
            return False
        with suppress(OSError):
            file = open_here(self._folder / name, os.O_RDONLY)
            try:
                return _try_lock(file)
            finally:
                os.close(file)
        return False


class _StoredFiles:
    """Objects below a folder of an object store."""

    machine = ""

    def __init__(self, folder: Any) -> None:
        self._folder = folder
        self._system = folder.fs
        self._path = str(folder.path).rstrip("/")

    def names(self) -> list[str]:
        # Libraries keep listings for as long as the process runs, and do not see there what other workers write.
        forget_listing(self._folder)
        try:
            found: Sequence[str] = self._system.ls(self._path, detail=False)
        except FileNotFoundError:
            return []
        names = (str(one).rstrip("/").rpartition("/")[2] for one in found)
        return [name for name in names if name != self._path.rpartition("/")[2]]

    def read(self, name: str) -> bytes | None:
        # Not open(), which takes the size from an old listing.
        try:
            return bytes(self._system.cat_file(self._at(name)))
        except FileNotFoundError:
            return None

    def create(self, name: str, content: bytes) -> bool:
        try:
            self._system.pipe_file(self._at(name), content, mode="create")
        except TypeError:  # a library that has no conditional write
            self._system.pipe_file(self._at(name), content)
        except Exception:
            # FileExistsError, or another error for the same response in some versions. The object may be ours: the
            # library sends a request again whose response was lost.
            found = self.read(name)
            if found is None:
                raise
        return self.read(name) == content

    def overwrite(self, name: str, content: bytes) -> None:
        self._system.pipe_file(self._at(name), content)

    def delete(self, name: str) -> None:
        with suppress(FileNotFoundError):
            self._system.rm_file(self._at(name))

    def is_exclusive(self, name: str, content: bytes) -> bool:
        """As declared. Creating an object again with the same content shows whether the server heeds the condition.

        Old servers, and some that are compatible with S3, ignore it.
        """
        protocol = self._system.protocol
        if not _EXCLUSIVE.intersection([protocol] if isinstance(protocol, str) else protocol):
            return False
        try:
            self._system.pipe_file(self._at(name), content, mode="create")
        except TypeError:
            return False
        except Exception:
            return True
        return False

    def is_abandoned(self, name: str, machine: str) -> bool:
        return False

    def is_there(self, name: str) -> bool:
        return True

    def close(self, name: str) -> None:
        pass

    def _at(self, name: str) -> str:
        return f"{self._path}/{name}"


def _write(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]
    os.fsync(file)


def _try_lock(file: int) -> bool:
    """Lock a file, and return whether that succeeded."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _machine(folder: Path) -> str:
    """Return a name of this machine since its last start, and of the mounted file system that a folder is on.

    Two containers may have mounted one network storage each for itself, and do not see each other's locks. The host's
    name was rejected: machines and containers may have the same.
    """
    try:
        boot = _BOOT_ID.read_text()
    except OSError:
        return ""
    return hashlib.sha256(f"{boot} {folder.stat().st_dev}".encode()).hexdigest()[:16]
