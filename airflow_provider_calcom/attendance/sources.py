"""Making local files that DuckDB can read of what a user gives: rows, or files here or in an object store."""

from __future__ import annotations

import csv
import glob
import gzip
import io
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal, Union

from airflow_provider_calcom.attendance.columns import Table
from airflow_provider_calcom.attendance.errors import InvalidInput

Format = Literal["jsonl", "csv", "parquet"]
# A path is a text, an os.PathLike or a UPath; rows are mappings.
Source = Union[str, "os.PathLike[str]", Iterable[Any]]

_FORMATS: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
}
_LONGEST_LINE = 16 * 2**20
_CHUNK = 2**20


@dataclass(frozen=True)
class LocalFile:
    """A file that DuckDB can read.

    :param shown: what errors and the summary call it.
    :param path: where it lies.
    :param format: ``jsonl``, ``csv`` or ``parquet``.
    :param is_gzip: whether it is compressed.
    :param header: the columns of a CSV file, in order.
    :param delimiter: what parts them.
    """

    shown: str
    path: Path
    format: Format
    is_gzip: bool = False
    header: tuple[str, ...] = ()
    delimiter: str = ","


def local_files(table: Table, source: Source, folder: Path) -> list[LocalFile]:
    """Give the files of a table.

    :param source: a path; a text with ``*`` for several; a list of paths; or rows, as mappings.
    :param folder: where rows are written to, and files that DuckDB can't read from where they are.
    :raises InvalidInput: naming what can't be read.
    """
    if _is_path(source):
        return [_local_file(table, path, folder, place) for place, path in enumerate(_found(table, source))]
    if isinstance(source, (bytes, Mapping)) or not isinstance(source, Iterable):
        raise InvalidInput(f"{table.name} must be rows or paths, but is a {type(source).__name__}")
    entries = iter(source)
    first = next(entries, None)
    if first is None:
        return []
    if _is_path(first):
        paths = [path for entry in (first, *entries) for path in _found(table, entry)]
        return [_local_file(table, path, folder, place) for place, path in enumerate(paths)]
    return [_written_rows(table, _chained(first, entries), folder)]


def _chained(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _is_path(source: object) -> bool:
    return isinstance(source, (str, os.PathLike)) or hasattr(source, "open")


def _found(table: Table, path: Any) -> list[Any]:
    """Give a path, or the files that fit one with ``*`` in it, in the order of their names."""
    if not isinstance(path, str) or "://" in path or "*" not in path or os.path.exists(path):
        return [path]
    names = sorted(glob.glob(path, recursive=True))
    if not names:
        raise InvalidInput(f"{table.name}: no file fits {path}")
    return list(names)


def format_of(name: str) -> tuple[Format, bool]:
    """Tell a file's format by its name: ``(format, whether gzip)``.

    :raises InvalidInput: for any other suffix.
    """
    plain = name[:-3] if name.lower().endswith(".gz") else name
    suffix = os.path.splitext(plain)[1].lower()
    if suffix not in _FORMATS:
        raise InvalidInput(f"{name}: the suffix must be one of {', '.join(_FORMATS)}, and .gz may follow")
    return _FORMATS[suffix], plain != name


def _local_file(table: Table, path: Any, folder: Path, place: int) -> LocalFile:
    shown = str(path)
    file_format, _ = format_of(shown)
    copy = folder / f"{table.name}-{place}.{file_format}"
    here = _here(path)
    try:
        if here is None:
            here = copy
            _fetch(path, here)
        with here.open("rb") as file:
            head = file.read(4)
        is_gzip = head[:2] == b"\x1f\x8b"
        if file_format != "parquet" and _needs_rewriting(head, file_format):
            here = _as_utf8(here, copy.with_suffix(".utf8"), shown)
    except (OSError, EOFError) as error:
        reason = error.strerror or error if isinstance(error, OSError) else error
        raise InvalidInput(f"{table.name}: can't read {shown}: {reason}") from None
    if any(sign in str(here) for sign in "*?["):
        here = _linked(here, copy.with_suffix(".link"))
    if file_format != "csv":
        return LocalFile(shown, here, file_format, is_gzip)
    header, delimiter = _csv_header(here, shown, is_gzip)
    return LocalFile(shown, here, file_format, is_gzip, header, delimiter)


def _needs_rewriting(head: bytes, file_format: Format) -> bool:
    """Tell UTF-16, and JSON lines with a mark before them, neither of which DuckDB reads."""
    return head.startswith((b"\xff\xfe", b"\xfe\xff")) or (file_format == "jsonl" and head.startswith(b"\xef\xbb\xbf"))


def _here(path: Any) -> Path | None:
    """Give the local path behind what a user gave, or None for a file elsewhere."""
    text = str(path)
    if text.startswith("file://"):
        return Path(text.removeprefix("file://"))
    return None if "://" in text else Path(text).expanduser()


def _fetch(path: Any, copy: Path) -> None:
    with _opened(path) as source, copy.open("wb") as target:
        shutil.copyfileobj(source, target, _CHUNK)


def _opened(path: Any) -> BinaryIO:
    if isinstance(path, str):
        from upath import UPath

        path = UPath(path)
    return path.open("rb")  # type: ignore[no-any-return]


def _as_utf8(path: Path, copy: Path, shown: str) -> Path:
    """Rewrite UTF-16, and UTF-8 that begins with a mark, as what DuckDB reads."""
    with path.open("rb") as file:
        encoding = "utf-8-sig" if file.read(3) == b"\xef\xbb\xbf" else "utf-16"
    try:
        with path.open(encoding=encoding, newline="") as source, copy.open("w", encoding="utf-8", newline="") as target:
            shutil.copyfileobj(source, target, _CHUNK)
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{shown}: begins as {encoding} and is not: {error.reason} at byte {error.start}") from None
    return copy


def _linked(path: Path, link: Path) -> Path:
    """Give a file whose name DuckDB would take for a pattern a plain name."""
    link.symlink_to(path.resolve())
    return link


def plain_bytes(path: Path, is_gzip: bool) -> BinaryIO:
    """Open a file for its bytes, decompressed."""
    return gzip.open(path, "rb") if is_gzip else path.open("rb")  # type: ignore[return-value]


def _csv_header(path: Path, shown: str, is_gzip: bool) -> tuple[tuple[str, ...], str]:
    with plain_bytes(path, is_gzip) as file:
        line = file.readline(_LONGEST_LINE)
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput(f"{shown}, row 1: is not UTF-8. Save it as UTF-8 or UTF-16") from None
    if not text.strip():
        raise InvalidInput(f"{shown}: has no header with the names of its columns")
    delimiter = max(",;\t", key=text.count)
    names = tuple(name.strip() for name in next(csv.reader(io.StringIO(text), delimiter=delimiter)))
    for name in names:
        if name and names.count(name) > 1:
            raise InvalidInput(f"{shown}: the column {name} stands twice in the header")
    return names, delimiter


def _written_rows(table: Table, rows: Iterator[Any], folder: Path) -> LocalFile:
    """Write rows as JSON lines, the known columns only."""
    path = folder / f"{table.name}-rows.jsonl"
    names = [column.name for column in table.columns]
    shown = f"{table.name} (rows)"
    with path.open("w", encoding="utf-8") as file:
        for number, row in enumerate(rows, start=1):
            if not isinstance(row, Mapping):
                raise InvalidInput(f"{shown}, row {number}: must be an object, but is a {type(row).__name__}")
            values = {name: _plain(row[name], shown, number, name) for name in names if name in row}
            file.write(_json(values, shown, number) + "\n")
    return LocalFile(shown, path, "jsonl")


def _json(values: dict[str, Any], shown: str, number: int) -> str:
    text = json.dumps(values, ensure_ascii=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidInput(f"{shown}, row {number}: holds half a character (a lone surrogate)") from None
    return text


def _plain(value: Any, shown: str, number: int, name: str) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise InvalidInput(f"{shown}, row {number}, column {name}: a {type(value).__name__} is no value of a table")
