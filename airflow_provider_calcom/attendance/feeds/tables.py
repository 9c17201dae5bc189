"""Lines of a table as records. A feed whose files hold more than one table has its own ``records_of_table``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, repeat
from typing import Any, NamedTuple

from airflow_provider_calcom.attendance.feeds.errors import UnreadableField

Placed = tuple[int | None, Mapping[str, Any] | UnreadableField]
"""A record, or what is wrong with it, and its row; None for one more than the last."""


class TableLine(NamedTuple):
    """One line of a CSV file.

    :param row: the number of the line of text that it begins on, from 1.
    :param cells: its cells, as they came.
    """

    row: int
    cells: list[str]


def records_under_header(lines: Iterable[TableLine]) -> Iterator[Placed]:
    """Give a table's records; its first line that is not blank is the header."""
    header: list[str] | None = None
    for line in lines:
        if is_blank(line):
            continue
        if header is None:
            header = header_of(line)
        else:
            yield line.row, record_of_line(header, line)


def is_blank(line: TableLine) -> bool:
    """Say whether no cell of a line holds anything."""
    return not any(cell.strip() for cell in line.cells)


def header_of(line: TableLine) -> list[str]:
    """Give the names of the columns, without those at the end that have none."""
    names = [cell.strip() for cell in line.cells]
    while names and not names[-1]:
        names.pop()
    return names


def record_of_line(header: list[str], line: TableLine) -> Mapping[str, Any] | UnreadableField:
    """Give a line's record, or what is wrong with it."""
    cells = line.cells
    nul = next((at for at, cell in enumerate(cells) if "\0" in cell), None)
    if nul is not None:
        return UnreadableField(header[nul] if nul < len(header) else None, "holds a NUL character")
    if any(cell.strip() for cell in cells[len(header) :]):
        return UnreadableField(None, "the row has more cells than the header has columns")
    # Some exports leave out what is empty at a row's end.
    return dict(zip(header, chain(cells, repeat(None)), strict=False))
