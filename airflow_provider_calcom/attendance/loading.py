"""Reading the three tables into DuckDB, so that the rules find them clean, or the user finds file, row and column."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_calcom.attendance.columns import BOOKINGS, Column, Table
from airflow_provider_calcom.attendance.errors import InvalidInput
from airflow_provider_calcom.attendance.sources import LocalFile, plain_bytes

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_LONGEST_OBJECT = 16 * 2**20
_NAIVE_TYPES = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")
_TEXT_TYPES = (
    *("VARCHAR", "UUID", "BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT"),
    *("UBIGINT", "UINTEGER", "USMALLINT", "UTINYINT"),
)
# Texts are parted in the check's answer by a sign that no column's name and no check has.
_PART = "\x1f"

# label: what trim() does, dear as it is on every row, only where there is something to trim.
# instant: what the words of ISO 8601 leave open is refused before the cast, which would take a time without a zone.
_MACROS = (
    """CREATE OR REPLACE TEMP MACRO label(x) AS CASE
    WHEN x[1] <= ' ' OR x[-1] <= ' ' OR strpos(x, chr(160)) > 0
        THEN nullif(trim(x, ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(160)), '')
    ELSE x
END""",
    r"""CREATE OR REPLACE TEMP MACRO is_instant(x) AS regexp_full_match(
    trim(x), '\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|z|[+-]\d{2}(:?\d{2})?)')""",
    r"""CREATE OR REPLACE TEMP MACRO is_naive(x) AS regexp_full_match(
    trim(x), '\d{4}-\d{2}-\d{2}([Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?)?')""",
    "CREATE OR REPLACE TEMP MACRO instant(x) AS epoch_us(TRY_CAST(upper(trim(x)) AS TIMESTAMP WITH TIME ZONE))",
    """CREATE OR REPLACE TEMP MACRO flag(x) AS CASE lower(trim(x))
    WHEN 'true' THEN TRUE WHEN 't' THEN TRUE WHEN '1' THEN TRUE
    WHEN 'false' THEN FALSE WHEN 'f' THEN FALSE WHEN '0' THEN FALSE
END""",
)


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


class Loader:
    """Reads files into one DuckDB connection.

    :param connection: where the tables are made; its session's time zone is the one that naive times are told in.
    :param takes_naive_times: whether the user named that zone; without it naive times are refused.
    """

    def __init__(self, connection: DuckDBPyConnection, *, takes_naive_times: bool) -> None:
        self._connection = connection
        self._takes_naive_times = takes_naive_times
        for macro in _MACROS:
            connection.execute(macro)

    def load(self, table: Table, files: Sequence[LocalFile]) -> list[LoadedFile]:
        """Make the view that the rules know by the table's name, and check each row of its files.

        :raises InvalidInput: naming file, row and column of the first fault.
        """
        loaded: list[LoadedFile] = []
        parts: list[str] = []
        for place, file in enumerate(files):
            name = f"{table.name}_{place}"
            before = sum(one.rows for one in loaded)
            try:
                self._read(table, file, name, before)
            except InvalidInput:
                raise
            except Exception as error:
                raise self._unreadable(file, error) from None
            self._check(table, file, name)
            loaded.append(LoadedFile(table.name, file.shown, self._count(name)))
            parts.append(f"SELECT * EXCLUDE (row_in_file, fault) FROM {name}")
        self._connection.execute(f"CREATE TEMP VIEW {table.name} AS {' UNION ALL '.join(parts) or _nothing(table)}")
        if table is BOOKINGS:
            self._check_uids(files)
        return loaded

    def _count(self, name: str) -> int:
        found = self._connection.execute(f"SELECT count(*) FROM {name}").fetchone()
        return int(found[0]) if found else 0

    def _read(self, table: Table, file: LocalFile, name: str, before: int) -> None:
        if file.format == "parquet":
            self._read_parquet(table, file, name, before)
        else:
            self._read_text(table, file, name, before)

    def _read_parquet(self, table: Table, file: LocalFile, name: str, before: int) -> None:
        """Leave Parquet where it is: its columns are read as often as they are needed, which is cheaper than a copy."""
        found = self._connection.read_parquet(str(file.path), file_row_number=True)
        types = dict(zip(found.columns, map(str, found.types), strict=True))
        found.create_view(f"{name}_as_it_is", replace=True)
        expressions = []
        faults = []
        for column in table.columns:
            kind = types.get(column.name)
            if kind is None:
                self._refuse_missing(table, file, column, list(types)[:-1])
            expressions.append(f"{self._typed(column, kind, file)} AS {column.name}")
            faults.append(self._typed_fault(column, kind))
        number = "" if table.number is None else f"CAST({before + 1} + file_row_number AS INTEGER) AS {table.number},"
        self._connection.execute(
            f"CREATE TEMP VIEW {name} AS SELECT {number} {', '.join(expressions)},"
            f" file_row_number + 1 AS row_in_file, {_first_of(faults)} AS fault FROM {name}_as_it_is"
        )

    def _typed(self, column: Column, kind: str | None, file: LocalFile) -> str:
        name = _quoted(column.name)
        if kind is None or kind == '"NULL"':
            return f"CAST(NULL AS {_sql_type(column)})"
        if column.kind == "instant":
            if kind == "TIMESTAMP WITH TIME ZONE":
                return f"epoch_us({name})"
            if kind in _NAIVE_TYPES:
                if not self._takes_naive_times:
                    raise InvalidInput(
                        f"{file.shown}, column {column.name}: its times are naive ({kind} without a zone). Store them"
                        " with a zone, or give the zone that they are told in"
                    )
                return f"epoch_us(CAST(CAST({name} AS TIMESTAMP) AS TIMESTAMP WITH TIME ZONE))"
            if kind == "VARCHAR":
                return f"instant({name})"
            raise _wrong_type(file, column, kind, "instants, or text in ISO 8601")
        if column.kind == "flag":
            if kind == "BOOLEAN":
                return name
            if kind == "VARCHAR":
                return f"flag({name})"
            raise _wrong_type(file, column, kind, "true or false")
        if kind not in _TEXT_TYPES and not kind.startswith("ENUM"):
            raise _wrong_type(file, column, kind, "text")
        return f"label(CAST({name} AS VARCHAR))" if column.kind == "label" else f"CAST({name} AS VARCHAR)"

    def _typed_fault(self, column: Column, kind: str | None) -> str | None:
        name = _quoted(column.name)
        if kind is None:
            return None
        if kind == "VARCHAR":
            return self._text_fault(column, name)
        if column.kind == "instant" and kind != '"NULL"':
            return _fault(column, f"NOT isfinite({name})", f"CAST({name} AS VARCHAR)", "unparsable")
        return _fault(column, f"{name} IS NULL", "''", "empty") if column.required else None

    def _text_fault(self, column: Column, value: str) -> str | None:
        """Say in SQL what can be wrong with a text in a column, or None where any text will do."""
        if column.kind == "instant":
            blank = f"trim({value}) = ''"
            naive = f"is_naive({value})" if not self._takes_naive_times else "FALSE"
            good = (
                f"is_instant({value})" if not self._takes_naive_times else f"(is_instant({value}) OR is_naive({value}))"
            )
            empty = (
                f"WHEN {value} IS NULL OR {blank} THEN {_answer(column, 'empty', repr(''))}" if column.required else ""
            )
            return (
                f"CASE {empty} WHEN {value} IS NULL OR {blank} THEN NULL"
                f" WHEN {naive} THEN {_answer(column, 'naive', value)}"
                f" WHEN NOT {good} OR instant({value}) IS NULL THEN {_answer(column, 'unparsable', value)} END"
            )
        if column.kind == "flag":
            return _fault(column, f"flag({value}) IS NULL", f"coalesce({value}, '')", "no flag")
        if column.choices:
            choices = ", ".join(repr(choice) for choice in column.choices)
            return _fault(
                column, f"coalesce(label({value}), '') NOT IN ({choices})", f"coalesce({value}, '')", "no choice"
            )
        return _fault(column, f"label({value}) IS NULL", "''", "empty") if column.required else None

    def _read_text(self, table: Table, file: LocalFile, name: str, before: int) -> None:
        """Read JSON lines or CSV into a table, typed, with each row's first fault beside it."""
        rows, parameters, known = _csv_rows(file) if file.format == "csv" else _json_rows(table)
        for column in table.columns:
            if column.name not in known:
                self._refuse_missing(table, file, column, file.header)
        columns = [column for column in table.columns if column.name in known]
        expressions = [f"{_from_text(column, known[column.name])} AS {column.name}" for column in columns]
        expressions += [
            f"CAST(NULL AS {_sql_type(column)}) AS {column.name}" for column in table.columns if column not in columns
        ]
        faults = [self._text_fault(column, known[column.name]) for column in columns]
        number = "" if table.number is None else f"CAST({before} + row_in_file AS INTEGER) AS {table.number},"
        compression = "gzip" if file.is_gzip else "none"
        self._connection.execute("SET preserve_insertion_order = true")
        self._connection.execute(
            f"CREATE TEMP TABLE {name} AS SELECT {number} {', '.join(expressions)}, row_in_file,"
            f" {_first_of(faults)} AS fault"
            f" FROM (SELECT *, row_number() OVER () AS row_in_file FROM {rows})",
            [str(file.path), *parameters, compression],
        )
        self._connection.execute("SET preserve_insertion_order = false")
        if file.format == "jsonl":
            self._check_keys(table, file, name)

    def _check_keys(self, table: Table, file: LocalFile, name: str) -> None:
        """Tell a column that no row has from one that is null in all rows: the first one may be a mistyped name."""
        columns = [column for column in table.columns if not column.may_be_missing and not column.required]
        counts = ", ".join(f"count({column.name})" for column in columns)
        found = self._connection.execute(f"SELECT count(*), {counts} FROM {name}").fetchone() or (0,)
        empty = [column for column, count in zip(columns, found[1:], strict=True) if found[0] and not count]
        for column in empty:
            if not _has_key(file, column.name):
                self._refuse_missing(table, file, column, ())

    def _refuse_missing(self, table: Table, file: LocalFile, column: Column, names: Sequence[str]) -> None:
        if column.may_be_missing:
            return
        has = f" It has: {', '.join(names)}." if names else ""
        wanted = ", ".join(one.name for one in table.columns if not one.may_be_missing)
        raise InvalidInput(
            f"{file.shown}: the column {column.name} is missing.{has} {table.name.capitalize()} needs {wanted}; a column"
            " of nulls will do for what is not known"
        )

    def _check(self, table: Table, file: LocalFile, name: str) -> None:
        found = self._connection.execute(
            f"SELECT row_in_file, fault FROM {name} WHERE fault IS NOT NULL ORDER BY row_in_file LIMIT 1"
        ).fetchone()
        if found is not None:
            row, fault = found
            name, reason, value = str(fault).split(_PART, 2)
            column = next(column for column in table.columns if column.name == name)
            raise InvalidInput(f"{file.shown}, row {row}, column {name}: {_explained(reason, column, value)}")
        if table is BOOKINGS:
            self._check_ends(file, name)

    def _check_ends(self, file: LocalFile, name: str) -> None:
        found = self._connection.execute(
            f"SELECT row_in_file FROM {name} WHERE end_at < start_at ORDER BY row_in_file LIMIT 1"
        ).fetchone()
        if found is not None:
            raise InvalidInput(f"{file.shown}, row {found[0]}, column end_at: lies before start_at")

    def _check_uids(self, files: Sequence[LocalFile]) -> None:
        found = self._connection.execute(
            "SELECT booking_uid, min(booking), max(booking) FROM bookings"
            " GROUP BY booking_uid HAVING count(*) > 1 ORDER BY 2 LIMIT 1"
        ).fetchone()
        if found is not None:
            uid, first, second = found
            names = " and ".join(file.shown for file in files)
            raise InvalidInput(
                f"{names}, rows {first} and {second}, column booking_uid: two bookings have the uid {str(uid)[:80]!r}."
                " Keep the newest row of each booking"
            )

    @staticmethod
    def _unreadable(file: LocalFile, error: Exception) -> Exception:
        """Say what DuckDB could not read, without its words, which quote the line with names and addresses in it."""
        import duckdb

        if not isinstance(error, duckdb.Error) or isinstance(error, duckdb.OutOfMemoryException):
            return error
        if file.format == "jsonl":
            return InvalidInput(_json_fault(file, str(error)))
        text = str(error)
        row = re.search(r"CSV Error on Line: (\d+)", text)
        place = f"{file.shown}, line {row[1]}" if row else file.shown
        for sign, reason in _FAULTS_OF_FILES.items():
            if sign in text:
                return InvalidInput(f"{place}: {reason}")
        return InvalidInput(f"{place}: can't be read as {file.format.upper()}")


_FAULTS_OF_FILES = {
    "Expected Number of Columns": "has another number of values than the header has columns",
    "unterminated quote": "a quoted value has no end",
    "Invalid unicode": "is not UTF-8. Save the file as UTF-8 or UTF-16",
    "Maximum line size": "is too long for a row (over 2 MB)",
    "state machine reached": "line ends or quotes are mixed up; it is not CSV as RFC 4180 has it",
    "No magic bytes": "is not Parquet",
    "too small to be a Parquet file": "is not Parquet",
}


def _nothing(table: Table) -> str:
    number = [] if table.number is None else [f"CAST(NULL AS INTEGER) AS {table.number}"]
    columns = [f"CAST(NULL AS {_sql_type(column)}) AS {column.name}" for column in table.columns]
    return f"SELECT {', '.join(number + columns)} WHERE FALSE"


def _sql_type(column: Column) -> str:
    return {"instant": "BIGINT", "flag": "BOOLEAN"}.get(column.kind, "VARCHAR")


def _quoted(name: str) -> str:
    return f'"{name}"'


def _from_text(column: Column, value: str) -> str:
    return {"instant": f"instant({value})", "flag": f"flag({value})", "label": f"label({value})"}.get(
        column.kind, value
    )


def _answer(column: Column, reason: str, value: str) -> str:
    return f"'{column.name}{_PART}{reason}{_PART}' || {value}"


def _fault(column: Column, condition: str, value: str, reason: str) -> str:
    return f"CASE WHEN {condition} THEN {_answer(column, reason, value)} END"


def _first_of(faults: Sequence[str | None]) -> str:
    found = [fault for fault in faults if fault is not None]
    return f"coalesce({', '.join(found)}, NULL)" if found else "CAST(NULL AS VARCHAR)"


def _explained(reason: str, column: Column, value: str) -> str:
    shown = repr(value[:40])
    return {
        "empty": "is empty, and must not be",
        "naive": f"{shown} is a naive time. Add Z or an offset, or give the zone that it is told in",
        "unparsable": f"{shown} is no instant. Wanted is ISO 8601 such as 2026-11-22T05:30:00Z",
        "no flag": f"must be true or false, but is {shown}",
        "no choice": f"must be one of {', '.join(column.choices)}, but is {shown}",
    }[reason]


def _wrong_type(file: LocalFile, column: Column, kind: str, wanted: str) -> InvalidInput:
    return InvalidInput(f"{file.shown}, column {column.name}: its type is {kind}, and must be {wanted}")


def _csv_rows(file: LocalFile) -> tuple[str, list[object], dict[str, str]]:
    """Give the reading of a CSV file, with columns named by their place: a header's names stay out of the SQL."""
    columns = ", ".join(f"column{place}: 'VARCHAR'" for place in range(len(file.header)))
    rows = (
        f"read_csv(?, header = true, auto_detect = false, columns = {{{columns}}}, delim = ?, quote = '\"',"
        " escape = '\"', strict_mode = true, null_padding = false, compression = ?)"
    )
    return rows, [file.delimiter], {name: f"column{place}" for place, name in enumerate(file.header)}


def _json_rows(table: Table) -> tuple[str, list[object], dict[str, str]]:
    columns = ", ".join(f"{column.name}: 'VARCHAR'" for column in table.columns)
    rows = (
        f"read_json(?, columns = {{{columns}}}, format = 'newline_delimited', records = 'true',"
        f" maximum_object_size = {_LONGEST_OBJECT}, compression = ?)"
    )
    return rows, [], {column.name: _quoted(column.name) for column in table.columns}


def _has_key(file: LocalFile, name: str) -> bool:
    with plain_bytes(file.path, file.is_gzip) as lines:
        return any(name in json.loads(line) for line in lines if line.strip())


def _json_fault(file: LocalFile, text: str) -> str:
    """Find the line that DuckDB stumbled over: it counts lines in its own way, and does not always name one."""
    if "maximum_object_size" in text:
        return f"{file.shown}: a line is longer than {_LONGEST_OBJECT // 2**20} MB"
    with plain_bytes(file.path, file.is_gzip) as lines:
        number = 0
        while line := lines.readline(_LONGEST_OBJECT):
            number += 1
            reason = _line_fault(line)
            if reason:
                return f"{file.shown}, row {number}: {reason}"
    return f"{file.shown}: can't be read as JSON lines"


def _line_fault(line: bytes) -> str | None:
    try:
        value = json.loads(line.decode("utf-8"), object_pairs_hook=lambda pairs: pairs) if line.strip() else []
    except UnicodeDecodeError:
        return "is not UTF-8"
    except (ValueError, RecursionError):
        return "is not JSON"
    if not isinstance(value, list) or any(not isinstance(pair, tuple) for pair in value):
        return "must be an object"
    for name in {pair[0] for pair in value}:
        if sum(pair[0] == name for pair in value) > 1:
            return f"has the key {name[:40]!r} twice"
    return None if "\\ud" not in line.decode("utf-8").lower() else "holds half a character (a lone surrogate)"
