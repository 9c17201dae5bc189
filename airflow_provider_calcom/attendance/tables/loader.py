"""Reading the three tables into DuckDB, so that the rules find them clean, or the user finds file, row and column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_calcom.attendance.errors import InvalidInput
from airflow_provider_calcom.attendance.schema import BOOKINGS, Table
from airflow_provider_calcom.attendance.tables.cells import MACROS, sql_type
from airflow_provider_calcom.attendance.tables.sources import LocalFile
from airflow_provider_calcom.attendance.tables.table_files import ParquetPart, Part, part_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


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
        self._read_later: list[ParquetPart] = []
        for macro in MACROS:
            connection.execute(f"CREATE OR REPLACE TEMP MACRO {macro}")

    def load(self, table: Table, files: Sequence[LocalFile]) -> list[LoadedFile]:
        """Make the view that the rules know by the table's name, and check each row of its files.

        :raises InvalidInput: naming file, row and column of the first fault.
        :raises OutOfRoom: if the disk is full.
        """
        parts: list[Part] = []
        for place, file in enumerate(files):
            part = part_of(self._connection, table, file, f"{table.name}_{place}", self._takes_naive_times)
            part.load(before=sum(one.rows for one in parts))
            parts.append(part)
        selects = " UNION ALL ".join(f"SELECT * FROM {part.name}" for part in parts)
        self._connection.execute(f"CREATE TEMP VIEW {table.name} AS {selects or _nothing(table)}")
        if table is BOOKINGS:
            self._check_uids(parts)
        self._read_later += [part for part in parts if isinstance(part, ParquetPart)]
        return [LoadedFile(table.name, part.file.shown, part.rows) for part in parts]

    @contextmanager
    def naming_damaged_files(self) -> Iterator[None]:
        """Name the file where a query finds one damaged: Parquet is read only when the rules need it.

        :raises InvalidInput: naming file and column.
        """
        import duckdb

        try:
            yield
        except (duckdb.OutOfMemoryException, duckdb.InterruptException):
            raise
        except duckdb.Error:
            for part in self._read_later:
                part.check_readable()
            raise

    def _check_uids(self, parts: Sequence[Part]) -> None:
        found = self._connection.execute(
            "SELECT min(booking), max(booking) FROM bookings GROUP BY booking_uid HAVING count(*) > 1"
            " ORDER BY 1 LIMIT 1"
        ).fetchall()
        if found:
            first, second = (_place(parts, number) for number in found[0])
            raise InvalidInput(
                f"{second}, column booking_uid: the same uid as in {first}. Keep the newest row of each booking"
            )


def _place(parts: Sequence[Part], number: int) -> str:
    """Say where the booking of a number is."""
    for part in parts:
        if number <= part.rows:
            return f"{part.file.shown}, row {part.shown_row(number)}"
        number -= part.rows
    raise AssertionError(number)


def _nothing(table: Table) -> str:
    number = [] if table.number is None else [f"CAST(NULL AS INTEGER) AS {table.number}"]
    columns = [f"CAST(NULL AS {sql_type(column)}) AS {column.name}" for column in table.columns]
    return f"SELECT {', '.join(number + columns)} WHERE FALSE"
