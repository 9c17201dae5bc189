"""What is wrong with a table, in words that name file, row and column, and never an address, a name or a telephone.

In CSV the header is row 1. In JSON lines a row is a line.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_calcom._redact import shown_column, shown_columns, shown_time, shown_word
from airflow_provider_calcom._timestamps import is_naive
from airflow_provider_calcom.attendance.errors import InvalidInput
from airflow_provider_calcom.attendance.schema import Column, Table

# NUL stands as this noncharacter while csv reads, which before Python 3.11 would stop at it.
_NUL = "\ufdd0"
_UNFIT = re.compile(f"[{_NUL}\ud800-\udfff]")

_FAULTS_OF_CSV = {
    "Expected Number of Columns": "has another number of values than the header has columns",
    "unterminated quote": "a quoted value has no end, goes on after its end, or is longer than 2 MB",
    "Maximum line size": "is too long for a row (over 2 MB)",
    "Invalid unicode": "is not UTF-8. Save the file as UTF-8 or UTF-16",
}


def wrong_cell(shown: str, row: int, column: Column, value: str, *, takes_naive_times: bool) -> InvalidInput:
    """Say why a cell can't be used.

    :param value: what it holds.
    :param takes_naive_times: whether the user gave a zone for them.
    """
    return InvalidInput(f"{shown}, row {row}, column {column.name}: {_reason(column, value, takes_naive_times)}")


def _reason(column: Column, value: str, takes_naive_times: bool) -> str:
    if not value.strip():
        return "is empty, and must not be"
    if column.choices:
        return f"must be one of {', '.join(column.choices)}, but is {shown_word(value)}"
    if column.kind == "flag":
        return f"must be true or false, but is {shown_word(value)}"
    told = shown_time(value)
    if is_naive(value) and not takes_naive_times:
        return f"{told} is a naive time. Add Z or an offset, or give the zone that it is told in"
    if is_naive(value):
        return f"{told} is no time that the clocks of the given zone ever showed, in the years 1 to 9999"
    return f"{told} is no instant of the years 1 to 9999. Wanted is ISO 8601 such as 2026-11-22T05:30:00Z"


def missing_column(shown: str, table: Table, column: Column, names: Sequence[str]) -> InvalidInput:
    """Say that a column is not there.

    :param names: those that are there, or what stands in their place.
    """
    wanted = ", ".join(one.name for one in table.columns if not one.may_be_missing)
    has = ""
    # A file without a header has a row of values there.
    if {name.lower() for name in names} & {one.name for one in table.columns}:
        has = f" It has: {shown_columns(names)}."
    return InvalidInput(
        f"{shown}: the column {column.name} is missing.{has} {table.name.capitalize()} needs {wanted}; a column of"
        " nulls will do for what is not known"
    )


def wrong_type(shown: str, column: Column, kind: str) -> InvalidInput:
    """Say that a column of a Parquet file has a type that can't be used."""
    wanted = {"instant": "instants with a time zone, or text in ISO 8601", "flag": "booleans"}.get(column.kind, "text")
    name = re.split(r"[(\[]", kind)[0]
    return InvalidInput(f"{shown}, column {column.name}: its type is {name}, and must be {wanted}")


def naive_type(shown: str, column: Column, kind: str) -> InvalidInput:
    """Say that a column of a Parquet file has times without a zone, and none was given."""
    return InvalidInput(
        f"{shown}, column {column.name}: its times are naive ({kind} without a zone). Store them with a zone, or give"
        " the zone that they are told in"
    )


# CSV.


def csv_fault(shown: str, path: Path, delimiter: str, header: Sequence[str], error: str) -> InvalidInput:
    """Say what DuckDB stumbled over, without its words, which quote the row.

    :param error: its words.
    """
    found = re.search(r"CSV Error on Line: (\d+)", error)
    place = f"{shown}, row {found[1]}" if found else shown
    for sign, reason in _FAULTS_OF_CSV.items():
        if sign in error:
            unfit = unfit_cell(shown, path, delimiter, header) if "UTF-8" in reason else None
            return unfit or InvalidInput(f"{place}: {reason}")
    return InvalidInput(f"{place}: is not CSV as RFC 4180 has it")


def unfit_cell(shown: str, path: Path, delimiter: str, header: Sequence[str]) -> InvalidInput | None:
    """Find the first cell with a NUL byte or with what is not UTF-8."""
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as text:
        try:
            for row, cells in enumerate(csv.reader(_lines_without_nul(text), delimiter=delimiter), start=1):
                for place, cell in enumerate(cells):
                    if found := _UNFIT.search(cell):
                        reason = "holds a NUL byte" if found[0] == _NUL else "is not UTF-8"
                        name = header[place] if place < len(header) else ""
                        at = f", column {shown_column(name)}" if name and row > 1 else ""
                        return InvalidInput(f"{shown}, row {row}{at}: {reason}. Save the file as UTF-8 or UTF-16")
        except csv.Error:
            pass
    return None


def csv_rows(path: Path, delimiter: str) -> tuple[int, bool]:
    """Count the rows of a CSV file with its header, blank lines aside, slowly and surely.

    :return: the number of rows, and whether the one after them is broken.
    """
    rows = 0
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as text:
        try:
            for cells in csv.reader(_lines_without_nul(text), delimiter=delimiter, strict=True):
                rows += bool(cells)
        except csv.Error:
            return rows, True
    return rows, False


def _lines_without_nul(text: Iterable[str]) -> Iterator[str]:
    return (line.replace("\0", _NUL) for line in text)


# JSON lines.


def lost_rows(shown: str, read: int, there: int) -> InvalidInput:
    """Say that a reader gave fewer or more rows than a file has, each of which could be somebody who came."""
    return InvalidInput(
        f"{shown}: has {there} rows, of which {read} can be read. Write it again, as JSON lines or Parquet"
    )


@dataclass(frozen=True)
class JsonFile:
    """A file of JSON lines, of which DuckDB says less than a user needs.

    :param shown: what messages call it.
    :param path: where it lies.
    :param table: whose rows it holds.
    """

    shown: str
    path: Path
    table: Table

    def fault(self) -> InvalidInput:
        """Find the line that DuckDB stumbled over: it counts lines in its own way, and does not always name one."""
        for number, line in self._lines():
            if reason := self._line_fault(line):
                return InvalidInput(f"{self.shown}, row {number}{reason}")
        return InvalidInput(f"{self.shown}: can't be read as JSON lines")

    def line_of(self, row: int) -> int:
        """Give the number of the line of a row, which is another where lines are blank."""
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
        """Say whether any object has a key, be it with null."""
        return any(_has_key(line, name) for _, line in self._lines())

    def nested_cell(self, rows: Iterator[int]) -> InvalidInput | None:
        """Find the first object or list where a value must be.

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
        return next((f", column {name}: must be text, but is an object or a list" for name in nested), None)

    def _is_column(self, name: str) -> bool:
        return name.lower() in {column.name for column in self.table.columns}

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        with self.path.open("rb") as file:
            yield from enumerate(file, start=1)

    def _line_fault(self, line: bytes) -> str | None:
        if not line.strip():
            return None
        if b"\0" in line:
            return ": holds a NUL byte. Is it UTF-16 without its mark? Save the file as UTF-8"
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
                return f"{at}: stands twice in the object"
            if found := re.search("[\ud800-\udfff]", json.dumps((name, value), ensure_ascii=False)):
                is_byte = "\udc80" <= found[0] <= "\udcff" and not _is_utf8(line)
                return f"{at}: is not UTF-8" if is_byte else f"{at}: holds half a character (a lone surrogate)"
        return None


def _has_key(line: bytes, name: str) -> bool:
    if name.encode() not in line:
        return False
    try:
        return name in dict(_pairs(line) or ())
    except (ValueError, RecursionError):
        return True


def _pairs(line: bytes) -> Any:
    """Read an object as the pairs that it has, also twice, or as None where it is something else."""
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
