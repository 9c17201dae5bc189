"""Tables and views of a SQL server instead of files: their checks, and what the rules read of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from airflow_provider_calcom._redact import plain, shown_columns
from airflow_provider_calcom.attendance.errors import InvalidInput
from airflow_provider_calcom.attendance.schema import BOOKINGS, Column, Table
from airflow_provider_calcom.attendance.sql.connection import SqlFailed, SqlUnavailable
from airflow_provider_calcom.attendance.sql.dialects import MICROSECONDS, TEXT

Query = Callable[[str], Sequence[tuple[Any, ...]]]
"""Returns the rows of a SELECT in the rules' SQL."""


@dataclass(frozen=True)
class Relation:
    """A table or view on the server.

    :param name: its name as the server has it, capitals too, with its schema and catalogue before it, separated by
        dots, where they are needed. A part that contains a dot is in double quotes.
    """

    name: str

    @property
    def shown(self) -> str:
        """The name as errors show it."""
        return plain(self.name)


def alias(table: Table) -> str:
    """Return a relation's name in the rules' SQL. The user's name replaces it in the tree of the transpiled SQL."""
    return f"relation_of_{table.name}"


def columns_of(table: Table, relation: Relation, names: Sequence[str]) -> dict[str, str]:
    """Find each column of a table among those that a relation has: ``{column: its name there, in quotes}``.

    :param names: the relation's columns. Capitals make no difference, because servers differ in them.
    :raises InvalidInput: naming a column that is missing.
    """
    by_small_name = {name.lower(): name for name in names} | {name: name for name in names}
    for column in table.columns:
        if column.name not in by_small_name and not column.may_be_missing:
            raise InvalidInput(
                f"{relation.shown}: the column {column.name} is missing. It has: {shown_columns(names)}. Use a view"
                " that renames it, or has NULLs for it"
            )
    return {
        column.name: f'relation."{by_small_name[column.name]}"'
        for column in table.columns
        if column.name in by_small_name
    }


def adapted(table: Table, columns: Mapping[str, str]) -> str:
    """Return the SELECT of a relation's columns in the form that the rules need.

    :param columns: as :func:`columns_of` returns them.
    """
    parts = [
        f"{_clean(column, columns[column.name])} AS {column.name}"
        if column.name in columns
        else f"CAST(NULL AS VARCHAR) AS {column.name}"
        for column in table.columns
    ]
    if table.number is not None:
        order = ", ".join(columns.values())
        parts.insert(0, f"CAST(row_number() OVER (ORDER BY {order}) AS INTEGER) AS {table.number}")
    return f"SELECT {', '.join(parts)} FROM {alias(table)} AS relation CROSS JOIN policy"


def check_types(
    table: Table, relation: Relation, columns: Mapping[str, str], query: Query, driver_returns_types: bool
) -> None:
    """Reject columns of another type than the rules need, and timestamps without a zone.

    :param query: raises :class:`AttendanceError` if the server rejects the SELECT.
    :param driver_returns_types: whether the driver returns timestamps as ``datetime``.
    :raises InvalidInput: naming relation and column.
    """
    source = f"FROM {alias(table)} AS relation"
    for column in table.columns:
        if column.name not in columns:
            continue
        name = columns[column.name]
        if driver_returns_types:
            found = query(f"SELECT {name} {source} WHERE {name} IS NOT NULL LIMIT 1")
            if found:
                _check_value(relation, column, found[0][0])
        if column.kind == "instant":
            _check_instants(relation, column, f"SELECT {MICROSECONDS}({name}) AS instant {source} WHERE 1 = 0", query)


def check_values(table: Table, relation: Relation, query: Query) -> int:
    """Reject values that the rules would misread in the adapted relation, and return the number of rows.

    :raises InvalidInput: naming relation and column.
    """
    wrong = {column: condition for column in table.columns if (condition := _wrong(column))}
    counts = ", ".join(
        f"sum(CASE WHEN {condition} THEN 1 ELSE 0 END) AS wrong_{place}"
        for place, condition in enumerate(wrong.values())
    )
    rows, *found = query(f"SELECT count(*) AS all_rows, {counts} FROM {table.name}")[0]
    for column, number in zip(wrong, found, strict=True):
        if number:
            wanted = f"must be one of {', '.join(column.choices)}" if column.choices else "is empty, and must not be"
            raise InvalidInput(f"{relation.shown}, column {column.name}: {wanted}, in {int(number)} rows")
    if table is BOOKINGS:
        _check_bookings(relation, query)
    return int(rows)


def _check_instants(relation: Relation, column: Column, on_no_row: str, query: Query) -> None:
    """Let the server check a column's type where all values are null or the driver does not return types."""
    try:
        query(on_no_row)
    except SqlUnavailable:
        raise
    except SqlFailed as error:
        raise InvalidInput(
            f"{relation.shown}, column {column.name}: must be a timestamp with a time zone: {error}"
        ) from None


def _check_bookings(relation: Relation, query: Query) -> None:
    if query("SELECT booking FROM bookings WHERE end_at < start_at LIMIT 1"):
        raise InvalidInput(f"{relation.shown}, column end_at: lies before start_at in some row")
    if query("SELECT booking_uid FROM bookings GROUP BY booking_uid HAVING count(*) > 1 LIMIT 1"):
        raise InvalidInput(
            f"{relation.shown}, column booking_uid: two bookings have one uid. Keep the newest row of each booking"
        )


def _clean(column: Column, name: str) -> str:
    if column.kind == "instant":
        return f"{MICROSECONDS}({name})"
    if column.kind == "flag":
        return name
    text = f"{TEXT}({name})"
    return f"nullif(trim({text}, policy.white_space), '')" if column.kind == "label" else text


def _wrong(column: Column) -> str | None:
    if column.choices:
        choices = ", ".join(f"'{choice}'" for choice in column.choices)
        return f"coalesce({column.name}, '') NOT IN ({choices})"
    return f"{column.name} IS NULL" if column.required else None


def _check_value(relation: Relation, column: Column, value: Any) -> None:
    kinds: dict[str, tuple[tuple[type, ...], str]] = {
        "instant": ((datetime,), "a timestamp with a time zone"),
        "flag": ((bool,), "true or false"),
    }
    types, wanted = kinds.get(column.kind, ((str, int, UUID), "a string"))
    if not isinstance(value, types) or (bool not in types and isinstance(value, bool)):
        raise InvalidInput(
            f"{relation.shown}, column {column.name}: must be {wanted}, but is {type(value).__name__}. Use a view that"
            " casts it"
        )
    if isinstance(value, datetime) and value.utcoffset() is None:
        raise InvalidInput(
            f"{relation.shown}, column {column.name}: its times are naive. Use a view that makes them timestamps with a"
            " time zone"
        )
