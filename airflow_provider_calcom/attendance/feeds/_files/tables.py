"""Lines of a table as records. A feed whose files hold more than one table has its own ``records_of_table``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, repeat
from typing import Any, NamedTuple

from airflow_provider_calcom.attendance.feeds._columns import folded_name, is_wrapper, zone_in_name
from airflow_provider_calcom.attendance.feeds.errors import UnreadableField, UnreadableFile, shown_columns

NumberedRecord = tuple[int | None, Mapping[str, Any] | UnreadableField]
"""A record, or what is wrong with it, and its row; None for one more than the last."""


_MOST_SHAPES = 100
_LONGEST_VALUE = 320
"""Characters of a name that are searched: no address is longer, and the time of the search grows with their square."""
_OF_A_ROW = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+$|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4},?[T ]+\d{1,2}:\d\d", re.ASCII)


class TableLine(NamedTuple):
    """One line of a CSV file.

    :param row: the number of the line of text that it begins on, from 1.
    :param cells: its cells, as they came.
    :param is_ended: whether a line end follows it; without one it may be the rest of a line that was cut.
    """

    row: int
    cells: list[str]
    is_ended: bool = True


class LineEnds:
    """Checks that the lines of one table are whole: a file that was cut mostly ends within one.

    Some programs write no line end at the end of a file, and some leave out what is empty at a row's end, so neither
    alone shows that a file was cut.

    :param header: the table's columns.
    """

    def __init__(self, header: list[str]) -> None:
        self._header = header
        self._width = len(header)
        self._shapes: dict[int, set[str]] = {}

    def check(self, line: TableLine) -> None:
        """Check that a line is whole, if it is the file's last.

        :raises UnreadableFile: if no line end follows it, and it has fewer cells, or less in its last cell, than the
            lines before; of the first line, fewer cells than the header.
        """
        cells = line.cells
        at = min(len(cells), len(self._header)) - 1
        usual = self._shapes.setdefault(at, set())
        if not line.is_ended:
            last = _shape(cells[at])
            if len(cells) < self._width or any(one.startswith(last) and one != last for one in usual):
                raise UnreadableFile("the file ends within a line, so it was cut. Fetch it again")
        self._width = min(self._width, len(cells))
        if len(usual) < _MOST_SHAPES:
            usual.add(_shape(cells[at]))


def _shape(cell: str) -> str:
    """Return what kinds of letters follow one another in a cell that holds digits; other cells as they are."""
    if not any(letter.isdigit() for letter in cell):
        return cell.strip()
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", cell.strip()))


def records_under_header(
    lines: Iterable[TableLine], known: frozenset[str] = frozenset(), of_time: frozenset[str] = frozenset()
) -> Iterator[NumberedRecord]:
    """Return a table's records.

    :param lines: of one table, perhaps with lines about the file before its header.
    :param known: folded names of columns; the header is the first line that holds two of them (or its only cell is
        one), and such a line again begins the table anew, as where files were put one behind another. Empty: the
        header is the first line that is not blank.
    :param of_time: folded names of columns with times. A row that ends before one of them lost a cell, so that others
        may be under another's header: it is unreadable.
    :raises UnreadableFile: if no line is a header, or the file ends within a line.
    """
    header: list[str] | None = None
    ends = LineEnds([])
    before: list[TableLine] = []
    for line in lines:
        if is_blank(line):
            if header and not line.is_ended and 1 < len(line.cells) < len(header):
                ends.check(line)  # a row that was cut before its first value
            continue
        if _begins_table(line, header, known):
            header = header_of(line)
            _check_header(header)
            ends = LineEnds(header)
        elif header is None:
            before = [*before[-2:], line]
        else:
            ends.check(line)
            missing = _missing_time(header, line, of_time)
            yield line.row, missing or record_of_line(header, line)
    if header is None and before:
        raise unknown_header(before)


def _missing_time(header: list[str], line: TableLine, of_time: frozenset[str]) -> UnreadableField | None:
    name = next((name for name in header[len(line.cells) :] if _is_known(name, of_time)), None)
    return UnreadableField(name, "is missing: the row has fewer cells than the header has columns") if name else None


def _check_header(header: list[str]) -> None:
    """Check that a header is one alone: where its line end was lost, the first row is in it, and would be nobody's."""
    if any(_OF_A_ROW.match(name[:_LONGEST_VALUE]) for name in header):
        raise UnreadableFile(
            "the header holds an address or a time, as if the first row were in it. Write each row on its own line"
        )


def _begins_table(line: TableLine, header: list[str] | None, known: frozenset[str]) -> bool:
    if header is None:
        return is_header(line, known) if known else True
    return bool(known) and _filled(line) > 1 and is_header(line, known)


def _filled(line: TableLine) -> int:
    return sum(bool(cell.strip()) for cell in line.cells)


def is_header(line: TableLine, known: frozenset[str]) -> bool:
    """Return whether a line holds at least two names of known columns, or a known name as its only cell.

    A column that holds the whole record, as ``_airbyte_data``, is known for every feed.
    """
    cells = [cell for cell in line.cells if cell.strip()]
    if any(is_wrapper(cell) for cell in cells):
        return True
    return len(cells) > 0 and sum(_is_known(cell, known) for cell in cells) >= min(2, len(cells))


def _is_known(cell: str, known: frozenset[str]) -> bool:
    if folded_name(cell) in known:
        return True
    zoned = zone_in_name(cell)
    return zoned is not None and folded_name(zoned.name) in known


def unknown_header(lines: Iterable[TableLine]) -> UnreadableFile:
    """Return the error for a table none of whose lines has columns that the feed knows.

    :param lines: the lines to show, from which what looks like data is left out.
    """
    widest = max(lines, key=_filled)
    return UnreadableFile(
        "no line of it is a header with columns that the feed knows. The file has:"
        f" {shown_columns(widest.cells)}. Name its columns with the option columns, for instance"
        " columns={'name': ..., 'email': ..., 'joined_at': ..., 'left_at': ...}"
    )


def is_blank(line: TableLine) -> bool:
    """Return whether no cell of a line holds anything."""
    return not any(cell.strip() for cell in line.cells)


def header_of(line: TableLine) -> list[str]:
    """Return the names of the columns, without those at the end that have none.

    A repeated name gets ``_duplicated_0``, as polars writes it: of two columns with one name, which is
    whose must stay visible.
    """
    names: list[str] = []
    seen: dict[str, int] = {}
    for cell in line.cells:
        name = cell.strip()
        again = seen.get(name, -1)
        seen[name] = again + 1
        names.append(name if again < 0 or not name else f"{name}_duplicated_{again}")
    while names and not names[-1]:
        names.pop()
    return names


def record_of_line(header: list[str], line: TableLine) -> Mapping[str, Any] | UnreadableField:
    """Return a line's record, or what is wrong with it."""
    cells = line.cells
    nul = next((at for at, cell in enumerate(cells) if "\0" in cell), None)
    if nul is not None:
        return UnreadableField(header[nul] if nul < len(header) else None, "holds a NUL character")
    if any(cell.strip() for cell in cells[len(header) :]):
        return UnreadableField(None, "the row has more cells than the header has columns")
    # Some exports leave out what is empty at a row's end.
    return dict(zip(header, chain(cells, repeat(None)), strict=False))
