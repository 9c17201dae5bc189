"""Google Meet's attendance report: the CSV that the organizer gets by mail, a row a person.

Its columns are First name, Last name (or Name), Email, Duration, Time joined, Time exited; in Spanish and Portuguese
they are those that public programs read. In front of them a block of one row may describe the meeting: Meeting title,
Date, Start time, End time. The times are in the organizer's zone (option ``zone``).

Most reports have times of day alone. Their date is the option ``date``, or else that of the block, or else the one
that the file's name has, as Google names it: ``2026-11-18 09:00 Consult - Attendance Report.csv``. A time is taken on
the day on which it lies nearest to the meeting's start, so that a meeting may go on past midnight. Without a start,
times that may be of two days are unreadable.

The columns are those that public programs read, and were not checked against a report itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from airflow_provider_calcom.attendance.feeds._columns import folded_name
from airflow_provider_calcom.attendance.feeds._durations import seconds_of
from airflow_provider_calcom.attendance.feeds._files.tables import (
    NumberedRecord,
    TableLine,
    header_of,
    is_blank,
    records_under_header,
)
from airflow_provider_calcom.attendance.feeds._people import one_name
from airflow_provider_calcom.attendance.feeds._record import Record
from airflow_provider_calcom.attendance.feeds._report import FeedReport
from airflow_provider_calcom.attendance.feeds._times import after_midnight, completed, day_in_text, is_clock
from airflow_provider_calcom.attendance.feeds.errors import UnreadableField, UnreadableFile, shown_time
from airflow_provider_calcom.attendance.feeds.options import FeedOptions

DATE, START, FIRST = "google meet report date", "google meet report start", "google meet report first row"
"""Columns, put beside a row's own: the day of the meeting, its start, and when the first row joined, as texts."""

FIRST_NAMES = ("First name", "Nombre", "Nome")
LAST_NAMES = ("Last name", "Apellido", "Sobrenome", "Cognome")
NAMES = ("Name", "Full name")
EMAILS = ("Email", "Correo electrónico", "E-mail")
DURATIONS = ("Duration", "Duración", "Duração")
JOINED = ("Time joined", "First joined", "Hora a la que se unió", "Horário de entrada")
EXITED = (
    "Time exited",
    "Last left",
    "Hora a la que salió",
    "Hora a la que abandonó la reunión",
    "Horário de saída",
)

_ISO_START = re.compile(r"20\d\d-\d\d-\d\d[ T](\d\d)[:_.-](\d\d)(?!\d)", re.A)
_HALF_A_DAY = timedelta(hours=12)
_GAP = 60  # seconds that rounding a duration to minutes explains

FIELDS = {
    "joined_at": JOINED,
    "left_at": EXITED,
    "duration": DURATIONS,
    "name": NAMES,
    "first_name": FIRST_NAMES,
    "last_name": LAST_NAMES,
    "email": EMAILS,
}
"""{field: its columns}, as :attr:`RecordFeed.fields` has them."""

_TABLE = {folded_name(name) for name in (*JOINED, *EXITED)}
_BLOCK = ({folded_name("Start time")}, {folded_name("Date"), folded_name("Meeting title")})


def is_report_row(record: Record) -> bool:
    """Return whether a record is a row of a report."""
    return any(record.has(name) for name in (*JOINED, *EXITED))


def records_of_report(
    lines: Iterable[TableLine], known: frozenset[str], of_time: frozenset[str]
) -> Iterator[NumberedRecord]:
    """Return a file's rows, each with what the block in front says of the meeting's day.

    :param known: the folded names of columns that a header is known by.
    :param of_time: those that no row may end before.
    :raises UnreadableFile: for a block without a table behind it.
    """
    rest = iter(lines)
    first = next((line for line in rest if not is_blank(line) and not _is_title(line)), None)
    if first is None or not _is_block(first):
        yield from records_under_header(chain([] if first is None else [first], rest), known, of_time)
        return
    values = next((line for line in rest if not is_blank(line)), None)
    block, rows = _block(first, values), 0
    for row, record in records_under_header(rest, known, of_time):
        rows += 1
        yield row, record if isinstance(record, UnreadableField) else {**record, **block}
    if not rows:
        raise UnreadableFile("it has a block about the meeting, and no table of participants behind it")


def _is_title(line: TableLine) -> bool:
    """Return whether a line before the header is a title: of a single cell, where a report has several columns."""
    return len([cell for cell in line.cells if cell.strip()]) == 1


def _is_block(line: TableLine) -> bool:
    columns = {folded_name(cell) for cell in line.cells}
    return not columns & _TABLE and all(columns & names for names in _BLOCK)


def _block(header: TableLine, values: TableLine | None) -> dict[str, Any]:
    names = (folded_name(name) for name in header_of(header))
    cells = dict(zip(names, values.cells if values else [], strict=False))
    return {DATE: cells.get("date"), START: cells.get("starttime")}


def dated(
    records: Iterable[Mapping[str, Any]], report: FeedReport, options: FeedOptions
) -> Iterator[Mapping[str, Any]]:
    """Return the records of a feed, those of reports with the day of the meeting.

    :param report: knows the file that is being read, whose name has a date where neither the option nor the block does.
    """
    files, first, named = -1, None, {}
    for columns in records:
        record = Record(columns, options)
        if not is_report_row(record):
            yield columns
            continue
        if report.files != files:
            files, first = report.files, None
            named = {DATE: day_in_text(report.file or ""), START: _start_in(report.file)}
        with suppress(UnreadableField):  # which is reported when the record is read
            first = first or _time_of_day(record)
        given = {DATE: options.date} if options.date else {} if columns.get(DATE) else named
        yield {**columns, **given, FIRST: first}


def _time_of_day(record: Record) -> str | None:
    value = next((record.value(name) for name in JOINED if record.has(name)), None)
    return value if isinstance(value, str) and is_clock(value) else None


def _start_in(file: str | None) -> str | None:
    found = _ISO_START.search(file or "")
    return f"{found[1]}:{found[2]}" if found else None


def name_of(row: Record) -> str | None:
    """Return the display name, also where it is in two columns; both where a row has both, and they differ."""
    parts = row.text(*FIRST_NAMES), row.text(*LAST_NAMES)
    return one_name(row.text(*NAMES), " ".join(part for part in parts if part) or None)


def stay_of(row: Record) -> tuple[datetime, datetime | None, bool]:
    """Return when a person joined and exited, and whether the duration shows gaps between.

    :raises UnreadableField: where neither is known.
    """
    joined, exited = _moment(row, JOINED), _moment(row, EXITED, is_end=True)
    length = row.one_column(*DURATIONS)
    seconds = seconds_of(row.text(length)) if length else None
    if _is_time_of_day(row, EXITED):
        exited = after_midnight(joined, exited)
    joined, exited = completed(joined, exited, seconds)
    if joined is None:
        raise UnreadableField(_column(row, JOINED), "is missing, and does not follow from the end and the duration")
    hides = exited is not None and seconds is not None and (exited - joined).total_seconds() > seconds + _GAP
    return joined, exited, hides


def _column(row: Record, names: tuple[str, ...]) -> str:
    return next((row.spelling(name) for name in names if row.has(name)), names[0])


def _is_time_of_day(row: Record, names: tuple[str, ...]) -> bool:
    return is_clock(row.text(*names) or "")


def _moment(row: Record, names: tuple[str, ...], *, is_end: bool = False) -> datetime | None:
    column = row.one_column(*names)
    if column is None:
        return None
    if not _is_time_of_day(row, (column,)):
        return row.moment(column, is_end=is_end)
    return _on_its_day(row, column, is_end=is_end)


def _on_its_day(row: Record, column: str, *, is_end: bool) -> datetime | None:
    time = " ".join((row.text(column) or "").split())
    day, start = row.text(DATE), row.text(START)
    if day is None:
        raise UnreadableField(
            column,
            "is a time of day without a date; set the option date, for instance date='2026-11-18', or keep the date"
            " that Google writes into the file's name",
            shown_time(time),
        )
    moment, began = _at(row, column, day, time, is_end=is_end), _at(row, START, day, start)
    first = _at(row, FIRST, day, row.text(FIRST))
    if moment is not None and began is None and first is not None and abs(moment - first) > _HALF_A_DAY and not is_end:
        raise UnreadableField(
            column, "may be of the day before or after: the report does not say when the meeting began"
        )
    if moment is None or began is None:
        return moment
    return min((moment + timedelta(days=days) for days in (-1, 0, 1)), key=lambda near: abs(near - began))


def _at(row: Record, column: str, day: str, time: str | None, *, is_end: bool = False) -> datetime | None:
    return Record({column: time}, row.options).moment(column, is_end=is_end, day=day)
