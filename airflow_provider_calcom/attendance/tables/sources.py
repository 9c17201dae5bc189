"""Making local files that DuckDB can read of what a user gives: rows, or files here or in an object store."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Union

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom.attendance.errors import InvalidInput
from airflow_provider_calcom.attendance.schema import Table
from airflow_provider_calcom.attendance.tables.local_copies import (
    Survey,
    csv_header,
    json_keys,
    local_path,
    put_plain,
)
from airflow_provider_calcom.attendance.tables.row_files import write_rows

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
_LONGEST_PATH = 4096
_NOTHING = object()


@dataclass(frozen=True)
class Named:
    """A file that was made on the way, under a name that tells what it holds in errors and in a plan's summary.

    :param path: where it lies.
    :param shown: its name.
    """

    path: Path
    shown: str


@dataclass(frozen=True)
class LocalFile:
    """A file that DuckDB can read.

    :param shown: what errors and the summary call it.
    :param path: where it lies, under a name that DuckDB takes as it is.
    :param format: ``jsonl``, ``csv`` or ``parquet``.
    :param header: the columns of a CSV file, or the keys of the first of some JSON lines, in order.
    :param delimiter: what parts the columns of a CSV file.
    :param lines: how many lines a text has, as :class:`Survey` counts them.
    :param holds_nul: whether a text has NUL bytes.
    """

    shown: str
    path: Path
    format: Format
    header: tuple[str, ...] = ()
    delimiter: str = ""
    lines: int = 0
    holds_nul: bool = False


def local_files(table: Table, source: Source, folder: Path) -> list[LocalFile]:
    """Give the files of a table.

    :param source: a path; one with ``*`` for several; a list of paths; or rows, as mappings.
    :param folder: where rows are written to, and files that DuckDB can't read where and as they are.
    :raises InvalidInput: naming what can't be read.
    """
    if _is_path(source):
        return _files_at(table, iter([source]), folder)
    if isinstance(source, (bytes, Mapping)) or not isinstance(source, Iterable):
        raise InvalidInput(f"{table.name} must be rows or paths, but is a {type(source).__name__}")
    entries = iter(source)
    first = next(entries, _NOTHING)
    if first is _NOTHING:
        return []
    if _is_path(first):
        return _files_at(table, _chained(first, entries), folder)
    path = folder / f"{table.name}-rows.jsonl"
    shown, count = write_rows(table, _chained(first, entries), path)
    return [LocalFile(shown, path, "jsonl", json_keys(path), lines=count)]


def _chained(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _is_path(source: object) -> bool:
    return isinstance(source, (str, os.PathLike, Named)) or callable(getattr(source, "open", None))


def _files_at(table: Table, sources: Iterator[Any], folder: Path) -> list[LocalFile]:
    found = [one for source in sources for one in _found(table, source)]
    seen: set[str] = set()
    for path, shown in found:
        local = local_path(path)
        key = str(path) if local is None else os.path.realpath(local)
        if key in seen:
            raise InvalidInput(f"{table.name}: {shown} is given twice")
        seen.add(key)
    return [_local_file(table, path, shown, folder, place) for place, (path, shown) in enumerate(found)]


def _found(table: Table, path: Any) -> list[tuple[Any, str]]:
    """Give a path and what messages call it, or those that fit one with ``*``; no other sign stands for others."""
    if isinstance(path, Named):
        return [(path.path, path.shown)]
    if not _is_path(path):
        raise InvalidInput(f"{table.name} must be rows or paths, and has both, or a {type(path).__name__}")
    text = str(path)
    if "\0" in text or len(text) > _LONGEST_PATH or text.lstrip()[:2] in ("[]", "[{", '{"', "{'"):
        raise InvalidInput(f"{table.name}: a text of {len(text)} characters is no path. Rows must come as a list")
    if "*" not in text or "://" in text or os.path.lexists(text):
        return [(path, shown_path(path))]
    pattern = glob.escape(os.path.expanduser(text)).replace("[*]", "*")
    names = sorted(glob.glob(pattern, recursive=True))
    if not names:
        raise InvalidInput(f"{table.name}: no file fits {shown_path(text)}")
    return [(name, shown_path(name)) for name in names]


def format_of(name: str, parameter: str = "") -> tuple[Format, bool]:
    """Tell a file's format by its name: ``(format, whether gzip)``.

    :param parameter: what names the file, for errors.
    :raises InvalidInput: for any other suffix.
    """
    plain = name[:-3] if name.lower().endswith(".gz") else name
    suffix = os.path.splitext(plain)[1].lower()
    if suffix not in _FORMATS:
        before = f"{parameter}: " if parameter else ""
        raise InvalidInput(
            f"{before}{shown_path(name)}: the suffix must be one of {', '.join(_FORMATS)}, and .gz may follow"
        )
    return _FORMATS[suffix], plain != name


def _local_file(table: Table, path: Any, shown: str, folder: Path, place: int) -> LocalFile:
    file_format, _ = format_of(str(path), table.name)
    here = folder / f"{table.name}-{place}.{file_format}"
    survey = None if file_format == "parquet" else Survey(shown, is_csv=file_format == "csv")
    put_plain(path, here, table.name, shown, survey)
    if survey is None:
        return LocalFile(shown, here, file_format)
    header, delimiter = csv_header(here, shown) if survey.is_csv else (json_keys(here), "")
    return LocalFile(shown, here, file_format, header, delimiter, survey.lines, survey.holds_nul)
