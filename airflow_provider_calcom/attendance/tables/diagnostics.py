"""Errors of a table, which name file, row and column, and never an address, a name or a telephone number.

In CSV the header is row 1. In JSON lines a row is a line.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_calcom._redact import shown_column, shown_columns, shown_time, shown_word
from airflow_provider_calcom._timestamps import is_naive
from airflow_provider_calcom.attendance.errors import InvalidInput
from airflow_provider_calcom.attendance.schema import Column, Table

_UNFIT = re.compile("[\0\ud800-\udfff]")

_FAULTS_OF_CSV = {
    "Expected Number of Columns": "has another number of values than the header has columns",
    "unterminated quote": "a quoted value has no end, goes on after its end, or is longer than 2 MB",
    "Maximum line size": "is too long for a row (over 2 MB)",
    "Invalid unicode": "is not UTF-8. Save the file as UTF-8 or UTF-16",
}


def invalid_cell(shown: str, row: int, column: Column, value: str, *, takes_naive_times: bool) -> InvalidInput:
    """Return the error of a cell.

    :param value: its value.
    :param takes_naive_times: whether the user set a zone for naive timestamps.
    """
    return InvalidInput(f"{shown}, row {row}, column {column.name}: {_reason(column, value, takes_naive_times)}")


def _reason(column: Column, value: str, takes_naive_times: bool) -> str:
    if not value.strip():
        return "is empty, and must not be"
    if column.choices:
        return f"must be one of {', '.join(column.choices)}, but is {shown_word(value)}"
    if column.kind == "flag":
        return f"must be true or false, but is {shown_word(value)}"
    shown = shown_time(value)
    if is_naive(value) and not takes_naive_times:
        return f"{shown} is a naive time. Add Z or an offset, or set the zone of such times"
    if is_naive(value):
        return f"{shown} does not exist in the given zone (the clocks skip it), or is outside of the years 1 to 9999"
    return f"{shown} is not a timestamp of the years 1 to 9999. Write ISO 8601 such as 2026-11-22T05:30:00Z"


def missing_column(shown: str, table: Table, column: Column, names: Sequence[str]) -> InvalidInput:
    """Return the error of a missing column.

    :param names: the existing columns, or what is found instead of them.
    """
    wanted = ", ".join(one.name for one in table.columns if not one.may_be_missing)
    has = ""
    # In a file without a header, these are values.
    if {name.lower() for name in names} & {one.name for one in table.columns}:
        has = f" It has: {shown_columns(names)}."
    return InvalidInput(
        f"{shown}: the column {column.name} is missing.{has} {table.name.capitalize()} needs {wanted}; a column of"
        " nulls will do for what is not known"
    )


def wrong_type(shown: str, column: Column, kind: str) -> InvalidInput:
    """Return the error of a Parquet column of an unsupported type."""
    wanted = {"instant": "timestamps with a time zone, or strings in ISO 8601", "flag": "booleans"}.get(
        column.kind, "strings"
    )
    name = re.split(r"[(\[]", kind)[0]
    return InvalidInput(f"{shown}, column {column.name}: its type is {name}, and must be {wanted}")


def naive_type(shown: str, column: Column, kind: str) -> InvalidInput:
    """Return the error of a Parquet column of naive timestamps if the user set no zone."""
    return InvalidInput(
        f"{shown}, column {column.name}: its times are naive ({kind} without a zone). Store them with a zone, or set"
        " the zone of such times"
    )


# CSV.


def csv_fault(shown: str, path: Path, delimiter: str, header: Sequence[str], error: str) -> InvalidInput:
    """Return the error of a CSV file, without DuckDB's message, which quotes the row.

    :param error: DuckDB's message.
    """
    found = re.search(r"CSV Error on Line: (\d+)", error)
    place = f"{shown}, row {found[1]}" if found else shown
    for sign, reason in _FAULTS_OF_CSV.items():
        if sign in error:
            unfit = undecodable_cell(shown, path, delimiter, header) if "UTF-8" in reason else None
            return unfit or InvalidInput(f"{place}: {reason}")
    return InvalidInput(f"{place}: is not CSV as RFC 4180 defines it")


def undecodable_cell(shown: str, path: Path, delimiter: str, header: Sequence[str]) -> InvalidInput | None:
    """Return the error of the first cell with a NUL byte or invalid UTF-8."""
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as text:
        try:
            for row, cells in enumerate(csv.reader(text, delimiter=delimiter), start=1):
                for place, cell in enumerate(cells):
                    if found := _UNFIT.search(cell):
                        reason = "contains a NUL byte" if found[0] == "\0" else "is not UTF-8"
                        name = header[place] if place < len(header) else ""
                        at = f", column {shown_column(name)}" if name and row > 1 else ""
                        return InvalidInput(f"{shown}, row {row}{at}: {reason}. Save the file as UTF-8 or UTF-16")
        except csv.Error:
            pass
    return None


def csv_rows(path: Path, delimiter: str) -> tuple[int, bool]:
    """Count the rows of a CSV file with its header, without blank lines, by Python's own parser.

    :return: the number of rows, and whether the one after them is broken.
    """
    rows = 0
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as text:
        try:
            for cells in csv.reader(text, delimiter=delimiter, strict=True):
                rows += bool(cells)
        except csv.Error:
            return rows, True
    return rows, False


# JSON lines.


def row_count_mismatch(shown: str, read: int, there: int) -> InvalidInput:
    """Return the error of a file of which fewer or more rows were read than it has: each could be somebody who came."""
    return InvalidInput(
        f"{shown}: has {there} rows, of which {read} can be read. Write it again, as JSON lines or Parquet"
    )


@dataclass(frozen=True)
class JsonFile:
    """A file of JSON lines, of whose faults DuckDB reports less than a user needs.

    :param shown: what messages call it.
    :param path: its path.
    :param table: whose rows it holds.
    """

    shown: str
    path: Path
    table: Table

    def fault(self) -> InvalidInput:
        """Return the error of the first invalid line: DuckDB does not always name one, and counts in its own way."""
        for number, line in self._lines():
            if reason := self._line_fault(line):
                return InvalidInput(f"{self.shown}, row {number}{reason}")
        return InvalidInput(f"{self.shown}: can't be read as JSON lines")

    def line_of(self, row: int) -> int:
        """Return the line number of a row, which differs where lines are blank."""
        seen = 0
        for number, line in self._lines():
            seen += bool(line.strip())
            if seen == row:
                return number
        return row

    def count(self) -> int:
        """Count the lines that are not blank."""
        return sum(bool(line.strip()) for _, line in self._lines())

    def has_key(self, name: str) -> bool:
        """Return whether any object has a key, even with null."""
        return any(_has_key(line, name) for _, line in self._lines())

    def nested_cell(self, rows: Iterator[int]) -> InvalidInput | None:
        """Return the error of the first object or list where a string must be.

        :param rows: the rows that may have one, in order.
        """
        wanted = next(rows, None)
        seen = 0
        for number, line in self._lines():
            seen += bool(line.strip())
            if wanted is None:
                break
            if seen == wanted:
                wanted = next(rows, None)
                if reason := self._nesting(line):
                    return InvalidInput(f"{self.shown}, row {number}{reason}")
        return None

    def _nesting(self, line: bytes) -> str | None:
        try:
            pairs = _pairs(line) or ()
        except (ValueError, RecursionError):
            return ": is not JSON, or nested too deeply"
        nested = (name for name, value in pairs if isinstance(value, list) and self._is_column(name))
        return next((f", column {name}: must be a string, but is an object or a list" for name in nested), None)

    def _is_column(self, name: str) -> bool:
        return name.lower() in {column.name for column in self.table.columns}

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        with self.path.open("rb") as file:
            yield from enumerate(file, start=1)

    def _line_fault(self, line: bytes) -> str | None:
        if not line.strip():
            return None
        if b"\0" in line:
            return ": contains a NUL byte. Is it UTF-16 without a byte order mark? Save the file as UTF-8"
        try:
            pairs = _pairs(line)
        except (ValueError, TypeError, RecursionError):
            return ": is not JSON" if _is_utf8(line) else ": is not UTF-8"
        if pairs is None:
            return ": must be an object"
        names = [name for name, _ in pairs]
        for name, value in pairs:
            at = f", column {name}" if self._is_column(name) else ""
            if at and names.count(name) > 1:
                return f"{at}: is in the object twice"
            if found := re.search("[\ud800-\udfff]", json.dumps((name, value), ensure_ascii=False)):
                is_byte = "\udc80" <= found[0] <= "\udcff" and not _is_utf8(line)
                return f"{at}: is not UTF-8" if is_byte else f"{at}: contains an unpaired surrogate (invalid Unicode)"
        return None


def _has_key(line: bytes, name: str) -> bool:
    if name.encode() not in line:
        return False
    try:
        return name in dict(_pairs(line) or ())
    except (ValueError, RecursionError):
        return True


def _pairs(line: bytes) -> Any:
    """Parse an object as its pairs, which may have a key twice; return None for any other value."""
    value = json.loads(line.decode("utf-8", "surrogateescape"), object_pairs_hook=_Pairs)
    return value if isinstance(value, _Pairs) else None


class _Pairs(list[tuple[str, Any]]):
    """The pairs of an object, which a list of an array is not."""


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
