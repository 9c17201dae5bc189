"""Files as DuckDB reads them: here, under a plain name, unpacked, and text in UTF-8."""

from __future__ import annotations

import csv
import errno
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from airflow_provider_calcom._redact import redact
from airflow_provider_calcom.attendance.errors import AttendanceError, InvalidInput, MissingExtra, OutOfRoom

LONGEST_LINE = 16 * 2**20
"""Bytes of a line at most."""
_LONGEST_HEADER = 2**18
_CHUNK = 2**20
_ALL_BUT_QUOTES_AND_LINE_ENDS = bytes(sorted(set(range(256)) - set(b'"\n')))
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UTF8_MARK = b"\xef\xbb\xbf"


class Survey:
    """A look at all bytes of a text, as fast as they can be read.

    :param shown: what messages call the text.
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
        """How many lines it has, outside of quotes in CSV, if all its quotes are where they should be."""
        # What follows a quote without an end has to be counted, too, so that somebody notices where it is left out.
        return self._line_ends + (self._is_inside == 1 or self._last != b"\n")

    def take(self, chunk: bytes) -> None:
        """Look at the next bytes.

        :raises InvalidInput: for a line that is longer than :data:`LONGEST_LINE`, before anything tries to hold it.
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
    """Count line ends, and say whether the chunk ends within quotes.

    :param is_inside: 1 if it begins within quotes, else 0.
    """
    # Two quotes side by side, be they one that is doubled or an end and a beginning, change nothing.
    parts = chunk.translate(None, _ALL_BUT_QUOTES_AND_LINE_ENDS).replace(b'""', b"").split(b'"')
    return sum(map(len, parts[is_inside::2])), (is_inside + len(parts) - 1) % 2


def put_plain(path: Any, target: Path, table: str, shown: str, survey: Survey | None) -> None:
    """Put at a path what DuckDB can read: a link to a file that needs no change, or a changed copy.

    What is packed is unpacked here, because DuckDB before 2.0 does not notice where a packed file was cut. The link has
    a plain name, because DuckDB takes some signs of a name for a pattern, and its end for a way of packing.

    :param path: a path here, or one that can be opened.
    :param table: of which table it is.
    :param shown: what messages call it.
    :param survey: looks at the file on the way, if it is text.
    :raises InvalidInput: naming what can't be read.
    :raises OutOfRoom: if the disk is full.
    """
    with _reading(table, shown), _opened(path) as raw:
        stream = _unpacked(raw)
        start = stream.peek(4)[:4] if survey else b""
        chunks = _chunks(stream)
        if start.startswith(_UTF16):
            chunks = _from_utf16(stream)
        elif start.startswith(_UTF8_MARK) and survey and not survey.is_csv:
            stream.read(len(_UTF8_MARK))
        elif stream is raw and _local(path) is not None:
            target.symlink_to(Path(raw.name).resolve())
            if survey:
                for chunk in chunks:
                    survey.take(chunk)
            return
        with target.open("wb") as file:
            for chunk in chunks:
                if survey:
                    survey.take(chunk)
                file.write(chunk)


@contextmanager
def _reading(table: str, shown: str) -> Iterator[None]:
    try:
        yield
    except AttendanceError:
        raise
    except UnicodeDecodeError:
        raise InvalidInput(f"{shown}: begins as UTF-16, and then is not. Save it as UTF-8") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise InvalidInput(f"{shown}: is packed with gzip, and was cut or damaged. Fetch it again") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutOfRoom(
                f"{shown}: the disk is too full to unpack or fetch it. Give another spill directory"
            ) from None
        raise InvalidInput(f"{table}: can't read {shown}: {error.strerror or type(error).__name__}") from None
    except ValueError as error:
        raise InvalidInput(f"{table}: can't read {shown}: {redact(str(error))}") from None
    except ImportError as error:
        raise MissingExtra(
            f"{table}: can't read {shown} without a library that is not installed: {redact(str(error))}"
        ) from None
    except Exception as error:
        # What a library of an object store raises.
        raise InvalidInput(f"{table}: can't read {shown}: {type(error).__name__}") from None


def _local(path: Any) -> Path | None:
    """Give the regular file here behind a path, or None: what is elsewhere, or a pipe, has to be copied."""
    local = local_path(path)
    return local if local is not None and local.is_file() else None


def local_path(path: Any) -> Path | None:
    """Give the path here behind what a user gave, or None for a file elsewhere."""
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
    opened = path.open("rb")
    return opened if isinstance(opened, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, opened))


def _unpacked(raw: io.BufferedReader) -> io.BufferedReader:
    packed = raw.peek(2)[:2] == b"\x1f\x8b"
    return io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=raw)), _CHUNK) if packed else raw


def _chunks(stream: IO[Any]) -> Iterator[Any]:
    while chunk := stream.read(_CHUNK):
        yield chunk


def _from_utf16(stream: io.BufferedReader) -> Iterator[bytes]:
    with io.TextIOWrapper(stream, "utf-16", newline="") as text:
        for chunk in _chunks(text):
            yield chunk.encode()


def csv_header(path: Path, shown: str) -> tuple[tuple[str, ...], str]:
    """Read the header of a CSV file: its columns' names in order, and what parts them.

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
        raise InvalidInput(f"{shown}, row 1: the quotes of the header can't be told apart") from None
    return tuple(name.strip() for name in names), delimiter


def json_keys(path: Path) -> tuple[str, ...]:
    """Give the keys of the first object of a file of JSON lines, or none where the first line is something else."""
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
    """Copy a text so that all its lines end alike, where DuckDB would stumble over a mixture."""
    with (
        path.open(encoding="utf-8", errors="surrogateescape", newline=None) as source,
        copy.open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as target,
    ):
        for chunk in _chunks(source):
            target.write(chunk)
    return copy
