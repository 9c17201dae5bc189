"""Folders and files that are written, on this machine or in an object store."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Union

# A path is a text, an os.PathLike, a URL of an object store or a UPath.
Folder = Union[str, "os.PathLike[str]", Any]


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

    return UPath(folder)


def is_here(path: Any) -> bool:
    """Tell whether a path that :func:`folder_path` gave is one of this machine.

    By its text: on Airflow 2.11 the paths of object stores are a kind of :class:`Path`, too.
    """
    return "://" not in str(path)


@contextmanager
def written_whole(path: Any) -> Iterator[Path]:
    """Give a file to write to, which takes its place when it is whole: a reader never sees half of it."""
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
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    try:
        yield part
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


# One for all lines: json.dumps would make a new one for each.
as_json = json.JSONEncoder(ensure_ascii=False).encode


def write_lines(path: Any, lines: Iterable[Mapping[str, Any]]) -> str:
    """Write lines of JSON and give the hash of their bytes."""
    digest = hashlib.sha256()
    with written_whole(path) as part, part.open("wb") as file:
        for line in lines:
            text = as_json(line).encode() + b"\n"
            digest.update(text)
            file.write(text)
    return digest.hexdigest()
