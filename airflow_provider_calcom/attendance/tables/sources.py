"""Turn what a user passes (rows, local files, or files of an object store) into local files that DuckDB can read."""

from __future__ import annotations

import csv
import errno
import glob
import gzip
import io
import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Literal, Union
from uuid import UUID

from airflow_provider_calcom._redact import redact, shown_path
from airflow_provider_calcom._storage import is_path, open_to_read, unpacked
from airflow_provider_calcom.attendance.errors import AttendanceError, InvalidInput, MissingExtra, OutOfMemory
from airflow_provider_calcom.attendance.schema import Table

Format = Literal["jsonl", "csv", "parquet"]
# A path is a string, an os.PathLike or a UPath; rows are mappings.
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
class LoadedFile:
    """A file that was read, for the summary of a plan.

    :param table: whose rows it holds.
    :param name: the file, as the user named it.
    :param rows: how many.
    """

    table: str
    name: str
    rows: int


@dataclass(frozen=True)
class LabelledFile:
    """A temporary file with a label that says in errors and in a plan's summary what it contains.

    :param path: its path.
    :param shown: its label.
    """

    path: Path
    shown: str


@dataclass(frozen=True)
class LocalFile:
    """A file that DuckDB can read.

    :param shown: what errors and the summary call it.
    :param path: its path, in whose name DuckDB sees no pattern.
    :param format: ``jsonl``, ``csv`` or ``parquet``.
    :param header: the columns of a CSV file, or the keys of the first of some JSON lines, in order.
    :param delimiter: the delimiter of a CSV file.
    :param lines: how many lines a text file has, as :class:`TextScan` counts them.
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
    """Return the files of a table.

    :param source: a path; one with ``*`` for several; a list of paths; or rows, as mappings.
    :param folder: where rows are written, and copies of files that DuckDB can't read in place.
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
    return isinstance(source, LabelledFile) or is_path(source)


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
    """Return a path and its name in messages, or all that match one with ``*``, the only wildcard."""
    if isinstance(path, LabelledFile):
        return [(path.path, path.shown)]
    if not _is_path(path):
        raise InvalidInput(f"{table.name} must be rows or paths, and has both, or a {type(path).__name__}")
    text = str(path)
    if "\0" in text or len(text) > _LONGEST_PATH or text.lstrip()[:2] in ("[]", "[{", '{"', "{'"):
        raise InvalidInput(f"{table.name}: a string of {len(text)} characters is not a path. Pass rows as a list")
    if "*" not in text or "://" in text or os.path.lexists(text):
        return [(path, shown_path(path))]
    pattern = glob.escape(os.path.expanduser(text)).replace("[*]", "*")
    names = sorted(glob.glob(pattern, recursive=True))
    if not names:
        raise InvalidInput(f"{table.name}: no file matches {shown_path(text)}")
    return [(name, shown_path(name)) for name in names]


def format_of(name: str, parameter: str = "") -> tuple[Format, bool]:
    """Return a file's format by its name: ``(format, whether gzip)``.

    :param parameter: the parameter that names the file, for errors.
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
    scan = None if file_format == "parquet" else TextScan(shown, is_csv=file_format == "csv")
    stage_local_copy(path, here, table.name, shown, scan)
    if scan is None:
        return LocalFile(shown, here, file_format)
    header, delimiter = csv_header(here, shown) if scan.is_csv else (json_keys(here), "")
    return LocalFile(shown, here, file_format, header, delimiter, scan.lines, scan.holds_nul)


# Files as DuckDB reads them: here, under a plain name, unpacked, and text in UTF-8.

LONGEST_LINE = 16 * 2**20
"""Bytes of a line at most."""
_LONGEST_HEADER = 2**18
_CHUNK = 2**20
_ALL_BUT_QUOTES_AND_LINE_ENDS = bytes(sorted(set(range(256)) - set(b'"\n')))
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UTF8_MARK = b"\xef\xbb\xbf"


class TextScan:
    """Counts the lines of a text file while its bytes are read, and looks for NUL bytes and endless lines.

    :param shown: what messages call the file.
    :param is_csv: whether line ends within quotes end no row.
    """

    def __init__(self, shown: str, *, is_csv: bool) -> None:
        self.is_csv = is_csv
        self.holds_nul = False
        self._shown = shown
        self._line_ends = 0
        self._since_line_end = 0
        self._is_inside = 0
        self._last = b"\n"

    @property
    def lines(self) -> int:
        """The number of lines, outside of quotes in CSV, provided that each quote has an end."""
        # What follows a quote without an end is counted, too, so that the loader notices if DuckDB drops it.
        return self._line_ends + (self._is_inside == 1 or self._last != b"\n")

    def scan(self, chunk: bytes) -> None:
        """Scan the next bytes.

        :raises InvalidInput: for a line that is longer than :data:`LONGEST_LINE`, before it is held in memory.
        """
        end = chunk.rfind(b"\n")
        if end < 0 and self.is_csv:
            end = chunk.rfind(b"\r")
        self._since_line_end = self._since_line_end + len(chunk) if end < 0 else len(chunk) - end
        if self._since_line_end > LONGEST_LINE:
            raise InvalidInput(f"{self._shown}, line {self._line_ends + 1}: is longer than {LONGEST_LINE // 2**20} MB")
        self.holds_nul = self.holds_nul or b"\0" in chunk
        if self.is_csv and (self._is_inside or b'"' in chunk):
            outside, self._is_inside = _line_ends_outside_of_quotes(chunk, self._is_inside)
            self._line_ends += outside
        else:
            self._line_ends += chunk.count(b"\n")
        self._last = chunk[-1:]


def _line_ends_outside_of_quotes(chunk: bytes, is_inside: int) -> tuple[int, int]:
    """Return the number of line ends, and 1 if the chunk ends within quotes.

    :param is_inside: 1 if it begins within quotes, else 0.
    """
    # Two adjacent quotes change nothing: they are an escaped quote, or an end and a start.
    parts = chunk.translate(None, _ALL_BUT_QUOTES_AND_LINE_ENDS).replace(b'""', b"").split(b'"')
    return sum(map(len, parts[is_inside::2])), (is_inside + len(parts) - 1) % 2


def stage_local_copy(path: Any, target: Path, table: str, shown: str, scan: TextScan | None) -> None:
    """Create a file that DuckDB can read: a symbolic link to one that needs no change, otherwise a copy.

    Gzip is decompressed here, because DuckDB before 2.0 does not notice that a compressed file was cut. The link has a
    plain name, because DuckDB treats some characters of a name as a pattern, and its suffix as a compression.

    :param path: a local path, or one that can be opened.
    :param table: of which table it is.
    :param shown: what messages call it.
    :param scan: scans a text file while it is read.
    :raises InvalidInput: naming what can't be read.
    :raises OutOfMemory: if the disk is full.
    """
    with _reading(table, shown), _opened(path) as raw:
        stream = unpacked(raw, _CHUNK)
        start = stream.peek(4)[:4] if scan else b""
        chunks = _chunks(stream)
        if start.startswith(_UTF16):
            chunks = _from_utf16(stream)
        elif start.startswith(_UTF8_MARK) and scan and not scan.is_csv:
            stream.read(len(_UTF8_MARK))
        elif stream is raw and _local(path) is not None:
            target.symlink_to(Path(raw.name).resolve())
            if scan:
                for chunk in chunks:
                    scan.scan(chunk)
            return
        with target.open("wb") as file:
            for chunk in chunks:
                if scan:
                    scan.scan(chunk)
                file.write(chunk)


@contextmanager
def _reading(table: str, shown: str) -> Iterator[None]:
    try:
        yield
    except AttendanceError:
        raise
    except UnicodeDecodeError:
        raise InvalidInput(f"{shown}: begins as UTF-16, but is not valid UTF-16. Save it as UTF-8") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise InvalidInput(f"{shown}: is compressed with gzip, and was cut or damaged. Fetch it again") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutOfMemory(
                f"{shown}: the disk is too full to decompress or fetch it. Set another spill_directory"
            ) from None
        raise InvalidInput(f"{table}: can't read {shown}: {error.strerror or type(error).__name__}") from None
    except ValueError as error:
        raise InvalidInput(f"{table}: can't read {shown}: {redact(str(error))}") from None
    except ImportError as error:
        raise MissingExtra(
            f"{table}: can't read {shown} without a library that is not installed: {redact(str(error))}"
        ) from None
    except Exception as error:
        # Any error of an object store's library.
        raise InvalidInput(f"{table}: can't read {shown}: {type(error).__name__}") from None


def _local(path: Any) -> Path | None:
    """Return the local regular file of a path, or None: a remote file or a pipe has to be copied."""
    local = local_path(path)
    return local if local is not None and local.is_file() else None


def local_path(path: Any) -> Path | None:
    """Return the local path of what a user passed, or None for a remote file."""
    text = str(path)
    if text.startswith("file://"):
        return Path(text.removeprefix("file://"))
    return None if "://" in text else Path(text).expanduser()


def _opened(path: Any) -> io.BufferedReader:
    local = local_path(path)
    if local is not None:
        return local.open("rb")
    if isinstance(path, str):
        from upath import UPath

        path = UPath(path)
    return open_to_read(path)


def _chunks(stream: IO[Any]) -> Iterator[Any]:
    while chunk := stream.read(_CHUNK):
        yield chunk


def _from_utf16(stream: io.BufferedReader) -> Iterator[bytes]:
    with io.TextIOWrapper(stream, "utf-16", newline="") as text:
        for chunk in _chunks(text):
            yield chunk.encode()


def csv_header(path: Path, shown: str) -> tuple[tuple[str, ...], str]:
    """Parse the header of a CSV file: its columns' names in order, and the delimiter.

    :raises InvalidInput: if it has none, or one that can't be read.
    """
    with path.open("rb") as file:
        head = file.read(_LONGEST_HEADER)
    text = head.decode("utf-8-sig", "surrogateescape").replace("\0", "")
    first = re.split("[\r\n]", text, maxsplit=1)[0]
    if not first.strip():
        raise InvalidInput(f"{shown}: has no header with the names of its columns")
    if len(head) == _LONGEST_HEADER and first == text:
        raise InvalidInput(f"{shown}, row 1: the header is longer than {_LONGEST_HEADER} bytes")
    bare = re.sub('"[^"]*"', "", first)
    delimiter = max(",;\t", key=bare.count)
    try:
        names = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        raise InvalidInput(f"{shown}, row 1: the header has a quote without an end") from None
    return tuple(name.strip() for name in names), delimiter


def json_keys(path: Path) -> tuple[str, ...]:
    """Return the keys of the first object of a file of JSON lines, or none if the first line is something else."""
    with path.open("rb") as file:
        while line := file.readline(LONGEST_LINE):
            if line.strip():
                try:
                    first = json.loads(line)
                except (ValueError, RecursionError):
                    break
                return tuple(first) if isinstance(first, dict) else ()
    return ()


def with_even_line_ends(path: Path, copy: Path) -> Path:
    """Copy a text file with one kind of line ends, because DuckDB can't read mixed ones."""
    with (
        path.open(encoding="utf-8", errors="surrogateescape", newline=None) as source,
        copy.open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as target,
    ):
        for chunk in _chunks(source):
            target.write(chunk)
    return copy


# Rows that come as mappings, written as JSON lines for DuckDB to read.

_MAX_SPELLINGS = 1_000
_AS_THEY_ARE = frozenset({str, bool, int, type(None)})


def write_rows(table: Table, rows: Iterator[Any], path: Path) -> tuple[str, int]:
    """Write rows, the known columns only.

    :param rows: mappings; their keys may be in any case. Values are strings, integers, booleans, datetimes or None.
    :return: what messages call them, and their number.
    :raises InvalidInput: naming row and column.
    """
    shown = f"{table.name} (rows)"
    number = 0
    spellings: dict[tuple[Any, ...], dict[str, Any]] = {}
    with path.open("wb") as file:
        for number, row in enumerate(rows, start=1):
            if not isinstance(row, Mapping):
                raise InvalidInput(f"{shown}, row {number}: must be an object, but is a {type(row).__name__}")
            keys = tuple(row)
            if keys not in spellings:
                if len(spellings) > _MAX_SPELLINGS:
                    spellings.clear()
                spellings[keys] = _spelling(table, keys, shown, number)
            values = {name: row[key] for name, key in spellings[keys].items()}
            try:
                file.write(_line(values))
            except (TypeError, ValueError, ArithmeticError):
                raise _fault(values, shown, number) from None
    return shown, number


def _spelling(table: Table, keys: tuple[Any, ...], shown: str, number: int) -> dict[str, Any]:
    """Return the key of each column in a row."""
    found: dict[str, Any] = {}
    names = {column.name for column in table.columns}
    for key in keys:
        name = str(key).strip().lower()
        if name in found:
            raise InvalidInput(f"{shown}, row {number}: has the column {name} twice")
        if name in names:
            found[name] = key
    return found


def _line(values: dict[str, Any]) -> bytes:
    if not all(type(value) in _AS_THEY_ARE for value in values.values()):
        values = {name: _plain(value) for name, value in values.items()}
    return json.dumps(values, ensure_ascii=False).encode() + b"\n"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        # Historical offsets have seconds, which ISO 8601 does not allow.
        return (value if value.utcoffset() is None else value.astimezone(UTC)).isoformat()
    if isinstance(value, UUID) or (isinstance(value, Decimal) and value == value.to_integral_value()):
        return f"{value:f}" if isinstance(value, Decimal) else str(value)
    if value is None or isinstance(value, (str, bool, int)):
        return value
    raise TypeError


def _fault(values: dict[str, Any], shown: str, number: int) -> InvalidInput:
    for name, value in values.items():
        try:
            _line({name: value})
        except UnicodeEncodeError:
            return InvalidInput(
                f"{shown}, row {number}, column {name}: contains an unpaired surrogate (invalid Unicode)"
            )
        except (TypeError, ValueError, ArithmeticError):
            kind = type(value).__name__
            return InvalidInput(
                f"{shown}, row {number}, column {name}: is a {kind}. A value must be a string, an integer, a"
                " boolean, a datetime or None"
            )
    return InvalidInput(f"{shown}, row {number}: can't be written as JSON")
