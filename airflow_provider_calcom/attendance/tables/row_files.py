"""Rows that come as mappings, written as JSON lines for DuckDB to read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from airflow_provider_calcom.attendance.errors import InvalidInput
from airflow_provider_calcom.attendance.schema import Table

_MOST_SPELLINGS = 1_000
_AS_THEY_ARE = frozenset({str, bool, int, type(None)})


def write_rows(table: Table, rows: Iterator[Any], path: Path) -> tuple[str, int]:
    """Write rows, the known columns only.

    :param rows: mappings; their keys may be in any case. Values are texts, whole numbers, booleans, datetimes or None.
    :return: what messages call them, and how many they are.
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
                if len(spellings) > _MOST_SPELLINGS:
                    spellings.clear()
                spellings[keys] = _spelling(table, keys, shown, number)
            values = {name: row[key] for name, key in spellings[keys].items()}
            try:
                file.write(_line(values))
            except (TypeError, ValueError, ArithmeticError):
                raise _fault(values, shown, number) from None
    return shown, number


def _spelling(table: Table, keys: tuple[Any, ...], shown: str, number: int) -> dict[str, Any]:
    """Tell which keys of a row are which columns."""
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
        # Zones of long ago had offsets with seconds, which ISO 8601 has not.
        return (value if value.utcoffset() is None else value.astimezone(timezone.utc)).isoformat()
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
            return InvalidInput(f"{shown}, row {number}, column {name}: holds half a character (a lone surrogate)")
        except (TypeError, ValueError, ArithmeticError):
            kind = type(value).__name__
            return InvalidInput(
                f"{shown}, row {number}, column {name}: a {kind} is no value of a table. Texts, whole numbers,"
                " booleans, datetimes and None are"
            )
    return InvalidInput(f"{shown}, row {number}: can't be written as JSON")
