"""Read the three tables into DuckDB: either they are clean, or an error names file, row and column.

JSON lines and CSV are copied into DuckDB; Parquet is read in place. Tables and views are those of the database, not
temporary ones of the connection, so that another session can run the rules on them again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom.attendance.errors import InvalidInput, OutOfMemory
from airflow_provider_calcom.attendance.schema import BOOKINGS, Column, Table
from airflow_provider_calcom.attendance.tables.cells import (
    MACROS,
    NAIVE_TYPES,
    Cells,
    no_cells,
    sql_type,
    text_cells,
    tidy_cells,
    typed_cells,
)
from airflow_provider_calcom.attendance.tables.diagnostics import (
    JsonFile,
    csv_fault,
    csv_rows,
    invalid_cell,
    missing_column,
    naive_type,
    row_count_mismatch,
    undecodable_cell,
    wrong_type,
)
from airflow_provider_calcom.attendance.tables.sources import (
    LONGEST_LINE,
    LoadedFile,
    LocalFile,
    with_even_line_ends,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_ROW_NUMBER = "file_row_number"
# Separates the column's name from the value in the fault of a row.
_FIELD_SEPARATOR = "\x1f"


class Loader:
    """Reads files into one DuckDB connection.

    :param connection: where the tables are made; its session's time zone is that of naive timestamps.
    :param takes_naive_times: whether the user named that zone; without it naive times are refused.
    """

    def __init__(self, connection: DuckDBPyConnection, *, takes_naive_times: bool) -> None:
        self._connection = connection
        self._takes_naive_times = takes_naive_times
        self._read_later: list[ParquetFile] = []
        for macro in MACROS:
            connection.execute(f"CREATE OR REPLACE MACRO {macro}")

    def load(self, table: Table, sources: Sequence[LocalFile]) -> list[LoadedFile]:
        """Make the view that the rules know by the table's name, and check each row of its files.

        :raises InvalidInput: naming file, row and column of the first fault.
        :raises OutOfMemory: if the disk is full.
        """
        files: list[TableFile] = []
        for place, source in enumerate(sources):
            file = open_table_file(self._connection, table, source, f"{table.name}_{place}", self._takes_naive_times)
            file.load(before=sum(one.rows for one in files))
            files.append(file)
        selects = " UNION ALL ".join(f"SELECT * FROM {file.name}" for file in files)
        self._connection.execute(f"CREATE VIEW {table.name} AS {selects or _nothing(table)}")
        if table is BOOKINGS:
            self._check_uids(files)
        self._read_later += [file for file in files if isinstance(file, ParquetFile)]
        return [LoadedFile(table.name, file.source.shown, file.rows) for file in files]

    @contextmanager
    def naming_damaged_files(self) -> Iterator[None]:
        """Name the file if a query finds it damaged: Parquet is read only when the rules need it.

        DuckDB's own error is not chained, because it quotes a value that is not UTF-8, such as somebody's name.

        :raises InvalidInput: naming file and column.
        """
        import duckdb

        try:
            yield
        except (duckdb.OutOfMemoryException, duckdb.InterruptException):
            raise
        except (duckdb.Error, UnicodeDecodeError):
            fault = next(filter(None, (file.damage() for file in self._read_later)), None)
            if fault is None:
                raise
            raise fault from None

    def _check_uids(self, files: Sequence[TableFile]) -> None:
        found = self._connection.execute(
            "SELECT min(booking), max(booking) FROM bookings GROUP BY booking_uid HAVING count(*) > 1"
            " ORDER BY 1 LIMIT 1"
        ).fetchall()
        if found:
            first, second = (_place(files, number) for number in found[0])
            raise InvalidInput(
                f"{second}, column booking_uid: the same uid as in {first}. Keep the newest row of each booking"
            )


def _place(files: Sequence[TableFile], number: int) -> str:
    """Return file and row of the booking of a number."""
    for file in files:
        if number <= file.rows:
            return f"{file.source.shown}, row {file.shown_row(number)}"
        number -= file.rows
    raise AssertionError(number)


def _nothing(table: Table) -> str:
    number = [] if table.number is None else [f"CAST(NULL AS INTEGER) AS {table.number}"]
    columns = [f"CAST(NULL AS {sql_type(column)}) AS {column.name}" for column in table.columns]
    return f"SELECT {', '.join(number + columns)} WHERE FALSE"


class TableFile(ABC):
    """One file of a table.

    :param connection: where it is read into.
    :param table: whose rows it has.
    :param source: the file itself.
    :param name: of the view that is made of it.
    :param takes_naive_times: whether timestamps may lack their zone, which is then the session's.
    """

    def __init__(
        self, connection: DuckDBPyConnection, table: Table, source: LocalFile, name: str, takes_naive_times: bool
    ) -> None:
        self.source = source
        self.name = name
        self.rows = 0
        self._connection = connection
        self._table = table
        self._takes_naive_times = takes_naive_times

    def load(self, before: int) -> None:
        """Make a view of the file, with the table's columns, and check each row.

        :param before: how many rows of the table other files have.
        """
        with self._naming_the_file():
            self._read()
            self.rows = self._one(f"SELECT count(*) FROM {self._cells}")[0]
            self._check()
            if self._table is BOOKINGS:
                self._check_ends()
        number = f"CAST({before + 1} + {self._row} AS INTEGER) AS {self._table.number}, " if self._table.number else ""
        names = ", ".join(column.name for column in self._table.columns)
        self._connection.execute(f"CREATE VIEW {self.name} AS SELECT {number}{names} FROM {self._cells}")

    def shown_row(self, number: int) -> int:
        """Return the number by which a user knows a row.

        :param number: the place of the row in the file, from 1.
        """
        return number

    @abstractmethod
    def _read(self) -> None:
        """Create a relation of the cells."""

    @abstractmethod
    def _check(self) -> None:
        """Raise InvalidInput for the first invalid cell."""

    @abstractmethod
    def _unreadable(self, error: str) -> InvalidInput:
        """Return an error for what DuckDB could not read, without its message, which quotes names and addresses."""

    @property
    def _cells(self) -> str:
        return f"{self.name}_cells"

    # The place of a row in the file, from 0: that of the table that was made of it.
    _row = "rowid"

    def _one(self, query: str) -> tuple[Any, ...]:
        # All rows are fetched: DuckDB 2 opens no other file while a result has rows left.
        return next(iter(self._connection.execute(query).fetchall()), ())

    @contextmanager
    def _naming_the_file(self) -> Iterator[None]:
        import duckdb

        try:
            yield
        except (duckdb.OutOfMemoryException, duckdb.InterruptException):
            raise
        except duckdb.Error as error:
            if "No space left" in str(error):
                raise OutOfMemory(
                    f"{self.source.shown}: the disk is too full to read it. Set another spill_directory"
                ) from None
            raise self._unreadable(str(error)) from None

    def _copy(self, cells: Sequence[Cells], source: str, parameters: Sequence[Any] = ()) -> None:
        """Read cells into a table, the fault of each row beside it."""
        both = ", ".join(cell.both for cell in cells)
        names = ", ".join(cell.column.name for cell in cells)
        # Only then are rows numbered as in the file.
        self._connection.execute("SET preserve_insertion_order = true")
        try:
            self._connection.execute(
                f"CREATE TABLE {self._cells} AS SELECT {names}, {_fault_expression(cells)} AS fault,"
                f" {self._may_be_nested(cells)} AS may_be_nested FROM (SELECT {both} FROM {source})",
                list(parameters),
            )
        finally:
            self._connection.execute("SET preserve_insertion_order = false")

    def _may_be_nested(self, cells: Sequence[Cells]) -> str:
        return "FALSE"

    def _check_copy(self) -> None:
        found = self._one(f"SELECT rowid, fault FROM {self._cells} WHERE fault IS NOT NULL ORDER BY rowid LIMIT 1")
        if found:
            name, value = found[1].split(_FIELD_SEPARATOR, 1)
            raise self._wrong(found[0], self._column(name), value)

    def _wrong(self, row: int, column: Column, value: str) -> InvalidInput:
        shown_row = self.shown_row(row + 1)
        return invalid_cell(self.source.shown, shown_row, column, value, takes_naive_times=self._takes_naive_times)

    def _check_ends(self) -> None:
        row = self._row
        found = self._one(f"SELECT {row} FROM {self._cells} WHERE end_at < start_at ORDER BY {row} LIMIT 1")
        if found:
            raise InvalidInput(
                f"{self.source.shown}, row {self.shown_row(found[0] + 1)}, column end_at: is before start_at"
            )

    def _column(self, name: str) -> Column:
        return next(column for column in self._table.columns if column.name == name)

    def _named(self, names: Sequence[str]) -> dict[str, int]:
        """Return the places of the table's columns among a file's, whose names may be in any case.

        :raises InvalidInput: for a column that is missing, or there twice.
        """
        lower = [name.lower() for name in names]
        for column in self._table.columns:
            if column.name not in lower and not column.may_be_missing:
                raise missing_column(self.source.shown, self._table, column, names)
            if lower.count(column.name) > 1:
                raise InvalidInput(f"{self.source.shown}: the column {column.name} is in the header twice")
        return {column.name: lower.index(column.name) for column in self._table.columns if column.name in lower}


def _fault_expression(cells: Sequence[Cells]) -> str:
    """Return SQL of the first fault of a row: its column and its value."""
    notes = [
        f"WHEN {cell.wrong} THEN '{cell.column.name}{_FIELD_SEPARATOR}'"
        f" || coalesce(CAST({cell.raw_name} AS VARCHAR), '')"
        for cell in cells
        if cell.wrong
    ]
    return f"CASE {' '.join(notes)} END"


class ParquetFile(TableFile):
    """Parquet is read in place, as often as its columns are needed, which is cheaper than a copy.

    It is copied if strings must be parsed as timestamps, or naive timestamps converted, which is expensive per row.
    """

    def _read(self) -> None:
        path = str(self.source.path)
        relation = self._connection.read_parquet(path)
        places = self._named(relation.columns)
        kinds = {name: str(relation.types[place]) for name, place in places.items()}
        has_numbers = _ROW_NUMBER not in map(str.lower, relation.columns)
        if has_numbers:
            relation = self._connection.read_parquet(path, file_row_number=True)
        relation.create_view(self._as_it_is)
        self._columns = [self._cells_of(column, kinds.get(column.name)) for column in self._table.columns]
        self._is_copied = not has_numbers or any(cells.is_expensive for cells in self._columns)
        if self._is_copied:
            self._copy(self._columns, self._as_it_is)
            return
        self._columns = [tidy_cells(cells) if self._is_tidy(cells) else cells for cells in self._columns]
        self._row = "row_in_file"
        both = ", ".join(cells.both for cells in self._columns)
        self._connection.execute(
            f"CREATE VIEW {self._cells} AS SELECT {_ROW_NUMBER} AS row_in_file, {both} FROM {self._as_it_is}"
        )

    def _is_tidy(self, cells: Cells) -> bool:
        """Return whether no value of a column of labels needs trimming.

        Trimming is work for every row, each time that the rules read the column. Whether any row needs it is mostly
        read from the few different values that Parquet lists, and then ten million rows cost a hundredth of a second.
        """
        if cells.column.kind != "label":
            return False
        return not self._one(f"SELECT 1 FROM {self._as_it_is} WHERE is_untidy({cells.raw}) LIMIT 1")

    @property
    def _as_it_is(self) -> str:
        return f"{self.name}_as_it_is"

    def _cells_of(self, column: Column, kind: str | None) -> Cells:
        raw = f'"{column.name}"'
        if kind is None:
            return no_cells(column)
        if kind == "VARCHAR":
            return text_cells(column, raw, takes_naive_times=self._takes_naive_times)
        is_naive = column.kind == "instant" and kind in NAIVE_TYPES
        cells = None if is_naive and not self._takes_naive_times else typed_cells(column, raw, kind)
        if cells is not None:
            return cells
        # A column without values may have any type.
        if self._one(f"SELECT 1 FROM {self._as_it_is} WHERE {raw} IS NOT NULL LIMIT 1"):
            raise (naive_type if is_naive else wrong_type)(self.source.shown, column, kind)
        return no_cells(column)

    def _check(self) -> None:
        if self._is_copied:
            self._check_copy()
            return
        # One query for each column, because Parquet's statistics then mostly answer it.
        faults: list[tuple[int, int, Column, str]] = []
        for cells in self._columns:
            if cells.wrong:
                found = self._one(
                    f"SELECT row_in_file, coalesce(CAST({cells.raw_name} AS VARCHAR), '') FROM {self._cells}"
                    f" WHERE {cells.wrong} ORDER BY row_in_file LIMIT 1"
                )
                faults += [(found[0], len(faults), cells.column, found[1])] if found else []
        if faults:
            row, _, column, value = min(faults)
            raise self._wrong(row, column, value)

    def damage(self) -> InvalidInput | None:
        """Read the whole file, and return which column can't be read, if any.

        It is read on a connection of its own: after an internal error, DuckDB refuses every query on the old one.
        """
        import duckdb

        path = str(self.source.path)
        with duckdb.connect() as connection:
            for column in self._table.columns:
                try:
                    relation = connection.read_parquet(path)
                    if column.name in map(str.lower, relation.columns):
                        relation.aggregate(f'bit_xor(hash("{column.name}"))').fetchall()
                except (duckdb.OutOfMemoryException, duckdb.InterruptException):
                    raise
                except duckdb.Error:
                    return InvalidInput(
                        f"{self.source.shown}, column {column.name}: is damaged, or not UTF-8. Write the file again"
                    )
        return None

    def _unreadable(self, error: str) -> InvalidInput:
        cut = InvalidInput(f"{self.source.shown}: is not Parquet, or was cut. Fetch or write it again")
        return (self.damage() or cut) if hasattr(self, "_columns") else cut


class CsvFile(TableFile):
    """CSV, whose columns are read by position, so that the names in its header stay out of the SQL."""

    def _read(self) -> None:
        file = self.source
        places = self._named(file.header)
        if file.holds_nul:
            raise self._unfit() or InvalidInput(f"{file.shown}: holds NUL bytes. Save the file as UTF-8 or UTF-16")
        cells = [
            text_cells(column, f"column{places[column.name]}", takes_naive_times=self._takes_naive_times)
            if column.name in places
            else no_cells(column)
            for column in self._table.columns
        ]
        self._copy_somehow(cells)

    def _copy_somehow(self, cells: Sequence[Cells]) -> None:
        """Read with many threads, or else with one, which alone reads line ends within values of a large file."""
        import duckdb

        path = self.source.path
        try:
            self._copy_csv(cells, path, parallel=True)
        except (duckdb.InvalidInputException, duckdb.NotImplementedException) as error:
            if "state machine" in str(error):
                path = with_even_line_ends(path, path.with_suffix(".even"))
            self._copy_csv(cells, path, parallel=False)

    def _copy_csv(self, cells: Sequence[Cells], path: Path, *, parallel: bool) -> None:
        columns = ", ".join(f"column{place}: 'VARCHAR'" for place in range(len(self.source.header)))
        source = (
            f"read_csv(?, header = true, auto_detect = false, columns = {{{columns}}}, delim = ?, quote = '\"',"
            " escape = '\"', strict_mode = true, null_padding = false, hive_partitioning = false,"
            f" parallel = {parallel})"
        )
        self._copy(cells, source, [str(path), self.source.delimiter])

    def _check(self) -> None:
        if self.rows + 1 != self.source.lines:
            self._check_count()
        self._check_copy()

    def _check_count(self) -> None:
        """Count again: DuckDB silently drops what follows a quote without an end."""
        rows, is_broken = csv_rows(self.source.path, self.source.delimiter)
        if is_broken:
            raise InvalidInput(
                f"{self.source.shown}, row {rows + 1}: a quoted value has no end, or goes on after its end"
            )
        if rows != self.rows + 1:
            raise row_count_mismatch(self.source.shown, self.rows, rows - 1)

    def shown_row(self, number: int) -> int:
        """Return the line of a row: the first line is the header."""
        return number + 1

    def _unfit(self) -> InvalidInput | None:
        return undecodable_cell(self.source.shown, self.source.path, self.source.delimiter, self.source.header)

    def _unreadable(self, error: str) -> InvalidInput:
        return csv_fault(self.source.shown, self.source.path, self.source.delimiter, self.source.header, error)


class JsonLinesFile(TableFile):
    """JSON lines. Their keys are the columns' names, or all of these in capitals, as some warehouses export them."""

    def _read(self) -> None:
        names = {column.name for column in self._table.columns}
        has_capitals = any(key.lower() in names and key.isupper() for key in self.source.header)
        self._spelled = str.upper if has_capitals and names.isdisjoint(self.source.header) else str.lower
        spelled = {column: f'"{self._spelled(column.name)}"' for column in self._table.columns}
        columns = ", ".join(f"{name}: 'VARCHAR'" for name in spelled.values())
        cells = [
            text_cells(column, name, takes_naive_times=self._takes_naive_times) for column, name in spelled.items()
        ]
        source = (
            f"read_json(?, columns = {{{columns}}}, format = 'newline_delimited', records = 'true',"
            f" maximum_object_size = {LONGEST_LINE}, hive_partitioning = false)"
        )
        self._copy(cells, source, [str(self.source.path)])

    def _may_be_nested(self, cells: Sequence[Cells]) -> str:
        """Return SQL of whether a row may have a list or an object, which DuckDB returns as a string."""
        texts = [cell.raw_name for cell in cells if cell.column.kind in ("label", "text")]
        begins = "({0} >= '[' AND {0} < '\\' OR {0} >= '{{' AND {0} < '|')"
        doubts = [f"WHEN {begins.format(text)} AND json_valid({text}) THEN TRUE" for text in texts]
        return f"CASE {' '.join(doubts)} ELSE FALSE END"

    def _check(self) -> None:
        if self.rows != self.source.lines and self.rows != (there := self._lines.count()):
            raise row_count_mismatch(self.source.shown, self.rows, there)
        self._check_keys()
        self._check_copy()
        self._check_nesting()

    def _check_nesting(self) -> None:
        """Read the lines themselves, because a string may begin with a bracket, too."""
        found = self._connection.execute(f"SELECT rowid + 1 FROM {self._cells} WHERE may_be_nested ORDER BY rowid")
        rows = (row for batch in iter(lambda: found.fetchmany(10_000), []) for (row,) in batch)
        if fault := self._lines.nested_cell(rows):
            raise fault

    def _check_keys(self) -> None:
        """Distinguish a column that no row has from one that is null in all rows: the first may be a mistyped name."""
        optional = [column for column in self._table.columns if not (column.required or column.may_be_missing)]
        for column in (column for column in optional if not self._has(column)):
            total, count = self._one(f"SELECT count(*), count({column.name}) FROM {self._cells}")
            if total and not count and not self._lines.has_key(self._spelled(column.name)):
                raise missing_column(self.source.shown, self._table, column, self.source.header)

    def _has(self, column: Column) -> bool:
        return self._spelled(column.name) in self.source.header

    def _wrong(self, row: int, column: Column, value: str) -> InvalidInput:
        if not value and not self._has(column) and not self._lines.has_key(self._spelled(column.name)):
            return missing_column(self.source.shown, self._table, column, self.source.header)
        return super()._wrong(row, column, value)

    @property
    def _lines(self) -> JsonFile:
        return JsonFile(self.source.shown, self.source.path, self._table)

    def shown_row(self, number: int) -> int:
        """Return the line of a row: empty lines count."""
        return self._lines.line_of(number)

    def _unreadable(self, error: str) -> InvalidInput:
        return self._lines.fault()


def open_table_file(
    connection: DuckDBPyConnection, table: Table, file: LocalFile, name: str, takes_naive_times: bool
) -> ParquetFile | CsvFile | JsonLinesFile:
    """Return the reader for a file's format."""
    readers: dict[str, type[ParquetFile | CsvFile | JsonLinesFile]] = {
        "parquet": ParquetFile,
        "csv": CsvFile,
        "jsonl": JsonLinesFile,
    }
    return readers[file.format](connection, table, file, name, takes_naive_times)
