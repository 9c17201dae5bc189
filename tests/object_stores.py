"""Files as the libraries of object stores have them: not everything that a local file can."""

from __future__ import annotations

from typing import Any

import pytest


def read_as_object_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files of ``memory://`` be read through fsspec's own buffer, as those of s3fs, gcsfs and adlfs are.

    Its ``readline`` takes no limit, and it has no ``peek``.
    """
    from fsspec.implementations.memory import MemoryFileSystem
    from fsspec.spec import AbstractBufferedFile

    class BufferedFile(AbstractBufferedFile):  # type: ignore[misc]
        def _fetch_range(self, start: int, end: int) -> bytes:
            return bytes(self.fs.store[self.path].getbuffer()[start:end])

    original = MemoryFileSystem._open

    def open_file(self: Any, path: str, mode: str = "rb", **options: Any) -> Any:
        if mode != "rb" or not self.exists(path):
            return original(self, path, mode, **options)
        return BufferedFile(self, self._strip_protocol(path), mode, cache_type="bytes")

    monkeypatch.setattr(MemoryFileSystem, "_open", open_file)
