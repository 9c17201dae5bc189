"""Workbooks of Excel (.xlsx) as lines of cells, as a CSV file has them."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime, time, timedelta
from typing import Any

from airflow_provider_calcom.attendance.errors import MissingExtra

Line = tuple[int, list[str]]
"""A line's number, from 1, and its cells as strings."""


class BadWorkbook(Exception):
    """A file is not a workbook that can be read; the message says how to fix it."""


def sheets_of(data: bytes, largest: int) -> list[list[Line]]:
    """Return the lines of each sheet. Cells that hold dates are ISO 8601, whatever they look like in the sheet.

    :param data: the whole file.
    :param largest: bytes that it may unpack to, times 10; a workbook packs well.
    :raises BadWorkbook: for anything but a workbook, and for one that unpacks to more.
    :raises MissingExtra: if the library that reads it is not installed.
    """
    try:
        import python_calamine
    except ImportError:
        raise MissingExtra(
            "Reading .xlsx needs python-calamine, which is not installed:"
            " pip install 'airflow-provider-calcom[attendance]'"
        ) from None
    _check_size(data, largest)
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        return [_lines(book.get_sheet_by_name(name).to_python(skip_empty_area=False)) for name in book.sheet_names]
    except (python_calamine.CalamineError, python_calamine.PasswordError, OSError) as error:
        raise BadWorkbook(
            f"the workbook can't be read ({type(error).__name__}): it is cut, has a password, or is something else."
            " Save it again, or as CSV"
        ) from None


def _check_size(data: bytes, largest: int) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            unpacked = sum(one.file_size for one in packed.infolist())
    except zipfile.BadZipFile:
        raise BadWorkbook("it is not an .xlsx workbook, or it was cut. Save it again, or as CSV") from None
    if unpacked > largest * 10:
        raise BadWorkbook(f"the workbook unpacks to more than {largest * 10} bytes (10 times largest_document)")


def _lines(rows: list[list[Any]]) -> list[Line]:
    lines = [(number, [_text(cell) for cell in row]) for number, row in enumerate(rows, start=1)]
    return [(number, cells) for number, cells in lines if any(cell.strip() for cell in cells)]


def _text(cell: Any) -> str:
    if isinstance(cell, datetime):
        # A sheet's numbers are days, so that a second may come out as 59.999999 of the one before.
        return (cell + timedelta(microseconds=500)).isoformat(timespec="milliseconds")
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(timedelta(seconds=round(cell.total_seconds()))) if cell < timedelta(days=1) else str(cell)
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
