"""Files of records, read as streams: JSON lines, JSON, CSV, Parquet and workbooks, each also packed with gzip.

A line that can't be read is one unreadable record. What puts the rest of a file in doubt (bytes of another encoding, a
file that was cut, a quote that is never closed) refuses the whole file, because the rows behind it would be lost.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import os
import re
import shutil
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom._storage import is_path, unpacked
from airflow_provider_calcom.attendance.errors import InvalidFeedOption, MissingExtra
from airflow_provider_calcom.attendance.feeds._files.tables import NumberedRecord, TableLine
from airflow_provider_calcom.attendance.feeds._files.workbooks import BadWorkbook, sheets_of
from airflow_provider_calcom.attendance.feeds._report import FeedReport
from airflow_provider_calcom.attendance.feeds.errors import UnreadableField, UnreadableFile
from airflow_provider_calcom.attendance.feeds.options import FeedOptions

OfTable = Callable[[Iterable[TableLine], FeedOptions], Iterator[NumberedRecord]]

# A noncharacter of Unicode, which no file holds, instead of bytes that are not of the encoding: the row is known then.
_UNDECODABLE = "\ufdd1"
_MARK = "airflow_provider_calcom.mark"
_LINES_TO_SNIFF = 20
_ROWS_AT_ONCE = 1000
_SEPARATOR = re.compile(r"\"?sep=(.)\"?", re.IGNORECASE)


def _mark(error: UnicodeError) -> tuple[str, int]:
    return _UNDECODABLE, error.end if isinstance(error, UnicodeDecodeError) else 0


codecs.register_error(_MARK, _mark)


def name_of(path: Any) -> str:
    """Return a file's name without its folders, for messages."""
    return str(path).replace("\\", "/").rstrip("/").rpartition("/")[2]


def records_in_file(path: Any, options: FeedOptions, report: FeedReport, of_table: OfTable) -> Iterator[NumberedRecord]:
    """Return the records of a file, by the end of its name.

    :param path: a string, ``os.PathLike``, or anything with ``open("rb")``.
    :param options: ``encoding``, ``delimiter``, ``largest_line`` and ``largest_document`` are of use here.
    :param report: counts lines that are not records.
    :param of_table: makes records of the lines of a CSV file.
    :raises FeedUnreadable: where the file itself can't be read to its end.
    """
    read = _READERS[_ending_of(path)]
    with _opened(path) as stream:
        try:
            yield from read(stream, options, report, of_table)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            report.abort("the gzip file is cut or damaged. Fetch it again")
        except UnreadableFile as fault:
            report.abort(fault.explanation)


Reader = Callable[[io.BufferedReader, FeedOptions, FeedReport, OfTable], Iterator[NumberedRecord]]


def files_of(source: Any) -> list[Any] | None:
    """Return the files of a source, or None where it is neither a path nor a list of paths.

    Files of a folder, and of a list, are in the order of their names, with numbers compared as numbers: page 10 comes
    after page 9. Names that begin with ``_`` or ``.`` are those of markers, as ``_SUCCESS``.
    """
    if is_path(source):
        path = source if hasattr(source, "iterdir") else None if _is_url(source) else Path(source)
        if path is None or not path.is_dir():
            return [source]
        inside = [one for one in path.iterdir() if not name_of(one).startswith(("_", ".")) and one.is_file()]
        return sorted(inside, key=_by_number)
    if isinstance(source, (list, tuple)) and source and all(map(is_path, source)):
        return [file for one in sorted(source, key=_by_number) for file in files_of(one) or ()]
    return None


def _is_url(source: object) -> bool:
    return "://" in str(source) or not isinstance(source, (str, os.PathLike))


def _by_number(path: Any) -> list[Any]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", str(path))]


def options_of(path: Any) -> frozenset[str]:
    """Return the names of the options about files that a file's format takes.

    :raises InvalidFeedOption: if the name of the file shows no format that can be read.
    """
    return _OPTIONS_OF[_ending_of(path)]


def _ending_of(path: Any) -> str:
    name = re.sub(r"\.gz(ip)?$", "", name_of(path).lower())
    ending = name.rpartition(".")[2] if "." in name else ""
    if ending not in _READERS:
        raise InvalidFeedOption(
            f"The feed's file {shown_path(name_of(path))!r} must end in .{', .'.join(_READERS)}, each also with .gz"
        )
    return ending


@contextmanager
def _opened(path: Any) -> Iterator[io.BufferedReader]:
    with _raw(path) as raw:
        buffered = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(raw)
        yield unpacked(buffered)


def _raw(path: Any) -> Any:
    if isinstance(path, str) and "://" in path:
        raise InvalidFeedOption(
            "The feed's source is a URL as a string. Give it as a path that can be opened, for instance"
            " ObjectStoragePath('s3://bucket/file.jsonl')"
        )
    opener = Path(path) if isinstance(path, str) or not hasattr(path, "open") else path
    return opener.open("rb")


# Text.


def _encoding_of(stream: io.BufferedReader, options: FeedOptions) -> str:
    if options.encoding is not None:
        return options.encoding
    start = stream.peek(512)[:512]
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Without a BOM, a text of mostly Latin letters has a NUL in every second byte.
    low, high = start[0::2], start[1::2]
    if high and high.count(0) > 0.4 * len(high) and low.count(0) <= 0.05 * len(low):
        return "utf-16-le"
    if high and low.count(0) > 0.4 * len(low) and high.count(0) <= 0.05 * len(high):
        return "utf-16-be"
    return "utf-8"


def _lines(
    stream: io.BufferedReader, options: FeedOptions, report: FeedReport, newline: str
) -> Iterator[tuple[int, str]]:
    """Return the numbered lines of a file, each with its end; never more of one than the limit."""
    encoding = _encoding_of(stream, options)
    with io.TextIOWrapper(stream, encoding=encoding, errors=_MARK, newline=newline) as text:
        row = 0
        while line := text.readline(options.largest_line + 1):
            row += 1
            if len(line) > options.largest_line:
                report.abort(f"the line is longer than {options.largest_line} (largest_line)", row)
            _check_decoded(line, encoding, report, row)
            yield row, line.removeprefix("\ufeff") if row == 1 else line


def _check_decoded(text: str, encoding: str, report: FeedReport, row: int) -> None:
    if _UNDECODABLE in text:
        report.abort(f"there are bytes that are not {encoding}. Set the option encoding, for instance 'cp1252'", row)


# JSON.


def _json_lines(
    stream: io.BufferedReader, options: FeedOptions, report: FeedReport, _: OfTable
) -> Iterator[NumberedRecord]:
    for row, line in _lines(stream, options, report, "\n"):
        if not line.strip():
            continue
        try:
            yield row, json.loads(line)
        except (ValueError, RecursionError):
            if not line.endswith("\n"):
                report.abort("the file ends within a record, so it was cut. Fetch it again", row)
            yield row, UnreadableField(None, "the line is not JSON")


def _json(stream: io.BufferedReader, options: FeedOptions, report: FeedReport, _: OfTable) -> Iterator[NumberedRecord]:
    encoding = _encoding_of(stream, options)
    data = stream.read(options.largest_document + 1)
    if len(data) > options.largest_document:
        report.abort(
            f"the document is longer than {options.largest_document} bytes (largest_document). Write one record a line,"
            " as .jsonl, which is read without a limit"
        )
    text = data.decode(encoding, errors=_MARK).removeprefix("\ufeff")
    _check_decoded(text, encoding, report, text.count("\n", 0, max(text.find(_UNDECODABLE), 0)) + 1)
    decoder = json.JSONDecoder()
    at = _next_value(text, 0)
    while at < len(text):
        try:
            document, at = decoder.raw_decode(text, at)
        except RecursionError:
            report.abort("the document is nested too deeply")
        except ValueError as error:
            row = error.lineno if isinstance(error, json.JSONDecodeError) else 1
            report.abort("the document is not JSON, or it was cut. Fetch it again", row)
        yield None, document
        at = _next_value(text, at)


def _next_value(text: str, at: int) -> int:
    """Skip what may be between two documents, as pages that were written one after another have it."""
    found = re.compile(r"[\s,\x1e]*").match(text, at)
    return found.end() if found else at


# CSV.


def _table(
    stream: io.BufferedReader, options: FeedOptions, report: FeedReport, of_table: OfTable
) -> Iterator[NumberedRecord]:
    return of_table(_table_lines(stream, options, report), options)


def _table_lines(stream: io.BufferedReader, options: FeedOptions, report: FeedReport) -> Iterator[TableLine]:
    unended: list[int] = []
    texts = _texts(stream, options, report, unended)
    first = list(islice(texts, _LINES_TO_SNIFF))
    named = _SEPARATOR.fullmatch(first[0].strip()) if first else None
    if named:
        first[0] = first[0][len(first[0].rstrip("\r\n")) :]  # Excel's line sep=; holds no data, but counts as a line
    delimiter = options.delimiter or (named and named[1]) or _delimiter_of(first)
    reader = csv.reader(chain(first, texts), delimiter=delimiter, strict=True)
    while True:
        row = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            if reader.line_num > row or row in unended:
                report.abort("a quote is opened that is not closed, so the rows behind it can't be separated", row)
            report.start_record(row)
            report.unreadable(UnreadableField(None, "the row's quotes are not doubled or not closed"))
            continue
        faults = report.unreadable_records
        is_ended = reader.line_num not in unended
        yield TableLine(row, cells, is_ended)
        # Many exports have no line end at the very end, so this alone does not show that a file was cut.
        if not is_ended and report.unreadable_records > faults:
            report.abort("the file ends within a row, so it was cut. Fetch it again", row)


def _texts(stream: io.BufferedReader, options: FeedOptions, report: FeedReport, unended: list[int]) -> Iterator[str]:
    for row, line in _lines(stream, options, report, ""):
        if not line.endswith(("\n", "\r")):
            unended.append(row)
        yield line


def _delimiter_of(lines: list[str]) -> str:
    """Return the delimiter: a tab where there is one outside of quotes, or else what makes most lines equally wide.

    The first lines may be sentences about the file, so none of them alone shows it.
    """
    bare = [re.sub(r'"[^"]*"', "", line) for line in lines]
    if any("\t" in line for line in bare):
        return "\t"
    return max(",;|", key=lambda mark: _evenness([line.count(mark) for line in bare]))


def _evenness(counts: list[int]) -> tuple[int, int]:
    """Return how many lines have the most frequent number of delimiters, and that number."""
    number, lines = max(Counter(filter(None, counts)).items(), key=lambda one: (one[1], one[0]), default=(0, 0))
    return lines, number


# Parquet.


def _parquet(
    stream: io.BufferedReader, options: FeedOptions, report: FeedReport, _: OfTable
) -> Iterator[NumberedRecord]:
    try:
        import duckdb
    except ImportError:
        raise MissingExtra(
            "Reading Parquet needs DuckDB, which is not installed: pip install 'airflow-provider-calcom[attendance]'"
        ) from None
    with tempfile.TemporaryDirectory(prefix="calcom-feed-") as folder:
        # A copy, because DuckDB opens paths by itself, without Airflow's connections.
        copy = Path(folder) / "feed.parquet"
        with copy.open("wb") as target:
            shutil.copyfileobj(stream, target)
        with duckdb.connect(":memory:") as database:
            try:
                database.execute("SET TimeZone = 'UTC'")
                # As JSON, so that times and nested values come in the one shape that other files have them in.
                rows = database.execute("SELECT to_json(t)::VARCHAR FROM read_parquet(?) t", [str(copy)])
                while batch := rows.fetchmany(_ROWS_AT_ONCE):
                    for (text,) in batch:
                        yield None, json.loads(text)
            except duckdb.Error:
                report.abort("DuckDB can't read it as Parquet: it was cut, or is something else. Fetch it again")


# Workbooks.


def _workbook(
    stream: io.BufferedReader, options: FeedOptions, report: FeedReport, of_table: OfTable
) -> Iterator[NumberedRecord]:
    data = stream.read(options.largest_document + 1)
    if len(data) > options.largest_document:
        report.abort(f"the workbook is longer than {options.largest_document} bytes (largest_document). Save it as CSV")
    try:
        sheets = [sheet for sheet in sheets_of(data, options.largest_document) if sheet]
    except BadWorkbook as fault:
        report.abort(str(fault))
    for lines in sheets:
        yield from of_table((TableLine(row, cells) for row, cells in lines), options)


_READERS: dict[str, Reader] = {
    "json": _json,
    "jsonl": _json_lines,
    "ndjson": _json_lines,
    "csv": _table,
    "tsv": _table,
    "parquet": _parquet,
    "xlsx": _workbook,
}
_OF_JSON = frozenset({"encoding", "largest_document"})
_OF_LINES = frozenset({"encoding", "largest_line"})
_OPTIONS_OF: dict[str, frozenset[str]] = {
    "json": _OF_JSON,
    "jsonl": _OF_LINES,
    "ndjson": _OF_LINES,
    "csv": _OF_LINES | {"delimiter"},
    "tsv": _OF_LINES | {"delimiter"},
    "parquet": frozenset(),
    "xlsx": frozenset({"largest_document"}),
}
