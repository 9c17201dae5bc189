"""The attendance files that organisers download from Microsoft Teams: their sections, and which lines are records.

Four generations are read, each by the names of its columns, tab or comma separated, in UTF-16 or UTF-8:

- since 2022, a report of numbered sections: ``1. Summary``, ``2. Participants`` (Name, First Join, Last Leave,
  In-Meeting Duration, Email, Participant ID (UPN), Role, with Teams Premium counts of reactions), ``3. In-Meeting
  Activities`` (Name, Join Time, Leave Time, Duration, Email, Role; a row a stay) and, with Teams Premium,
  ``4. Meeting Engagement``. Webinars add a Registration Email;
- 2021: lines of a summary without numbers, then Full Name, Join Time, Leave Time, Duration, Email, Role, Participant ID
  (UPN), a row a stay;
- 2020, downloaded while the meeting runs: Full Name, User Action (Joined before, Joined, Left), Timestamp;
- live events: Session Id, Participant Id, Full Name, UserAgent, UTC Event Timestamp, Action (Joined, Left), Role.

English files are checked against real ones in public code (dvaneynde/teams-attendance, so-okada/noshow,
gspahlin/MS_Teams_attendance_formatter), among them dates in both orders; the columns of live events are those that
public programs read. ``First Join (UTC)`` is known from a program that reads it. A second count in the summary (people
who are not named) is known from one public program.

A section is known by its number, in any spelling of the title (``2. Participants``, ``2.Participants``, ``2．参加者``),
or by its header, where the title has no number or is missing. Left out are the sections from 4 on whose columns have
no joining: what people did in the meeting. Every other line under a header is a record.
"""  # noqa: RUF002

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from airflow_provider_calcom.attendance.feeds._files.tables import (
    LineEnds,
    NumberedRecord,
    TableLine,
    header_of,
    is_blank,
    record_of_line,
)
from airflow_provider_calcom.attendance.feeds.errors import UnreadableField, UnreadableFile
from airflow_provider_calcom.attendance.feeds.options import FeedOptions
from airflow_provider_calcom.attendance.feeds.teams.words import FIELDS, column_name, plain_word

SECTION, START, END = "teams report section", "teams report start", "teams report end"
"""Columns, put beside a line's own, that say in which section of a report it stood, and when the meeting was."""

PARTICIPANTS = 2
"""The number of the section that lists the participants."""

UNNAMED = "unnamed"
"""No section, but what the summary says: that there were people whom the report does not name."""

COLUMNS_PUT_BESIDE = (SECTION, START, END)

_TITLE = re.compile(r"\W*(\d{1,2})\s*[.):、。-]+\s*[^\W\d]")
_NUMBER = re.compile(r"\W*(\d{1,2})(?!\d)")
_INTEGER = re.compile(r"\d{1,6}", re.ASCII)
_DATE_AND_CLOCK = re.compile(r"(?=(?:\D*\d){6}).*\d[:.]\d\d")
_DATA_IN_IT = re.compile(r"[\d@]")
_REGISTERED = re.compile(
    r"regist|rejestr|inscri|inscr|iscritt|geregistr|anmeld|kayit|kayitli|rekister|tilmeld|pamel|anmal|inregistr|regisztr"
    r"|регистр|реестр|реєстр|εγγρ|רשומ|مسجل|登録|注册|註冊|등록|ลงทะเบียน|đăng ky|dang ky|terdaftar"
)
_FEWEST_COLUMNS = 3
_LAST_WITH_PRESENCE = 3


def records_of_report(lines: Iterable[TableLine], options: FeedOptions) -> Iterator[NumberedRecord]:
    """Return the records of a file's tables, each with where it stood, and what the summary says beside them.

    :raises UnreadableFile: if the file lists nobody, or fewer people than it counts, or ends within a line.
    """
    rest = _Lines(line for line in lines if not is_blank(line))
    while rest.peek():
        yield from _Report(options).records(rest)


class _Report:
    """How far a report has been read; a file may have several, one after another.

    ``number`` is that of the section, where it has one; ``header`` is that of its table, once it has been seen.
    """

    def __init__(self, options: FeedOptions) -> None:
        self._may_hide_people = options.unnamed_participants
        self._names = _names_of(options, "name")
        self._first_joins = _names_of(options, "first_join")
        self._times = self._first_joins | _names_of(options, "joined_at") | _names_of(options, "timestamp")
        self._number: int | None = None
        self._in_summary = True
        self._header: list[str] | None = None
        self._has_no_presence = False
        self._summary: list[TableLine] = []
        self._tables = 0
        self._listed: list[str] = []
        self._ends = LineEnds([])
        self._lists_stays = False
        self._beside: dict[str, str | None] = {}

    def records(self, rest: _Lines) -> Iterator[NumberedRecord]:
        """Return the records of the lines up to the next report's; see :func:`records_of_report`."""
        for line in rest:
            if self._is_next_report(line):
                rest.put_back(line)
                break
            if self._is_title(line, rest):
                self._begin_section(line, rest)
            elif self._header is None and self._in_summary and not self._is_header(line):
                self._summary.append(line)
            elif self._header is None or (not _holds_data(line) and self._is_known_header(line)):
                self._begin_table(line)
            elif not self._has_no_presence:
                self._ends.check(line)
                yield line.row, self._record(self._header, line)
        yield from self._records_of_summary()

    def _is_next_report(self, line: TableLine) -> bool:
        filled = _filled(line)
        numbered = _TITLE.match(_normal(filled[0])) if len(filled) == 1 else None
        return self._tables > 0 and numbered is not None and int(numbered[1]) == 1

    def _is_title(self, line: TableLine, rest: _Lines) -> bool:
        """Return whether a line is a section's title: its only cell begins with the next number, or a header follows.

        A person whose times are missing may be a line of one cell, too, but no header follows it.
        """
        filled = _filled(line)
        if len(filled) != 1:
            return False
        numbered = _TITLE.match(_normal(filled[0]))
        if numbered and int(numbered[1]) > (self._number or 0):
            return True
        return self._is_followed_by_header(rest)

    def _is_followed_by_header(self, rest: _Lines) -> bool:
        following = rest.peek()
        return following is not None and (self._is_known_header(following) or _looks_like_header(following))

    def _begin_section(self, title: TableLine, rest: _Lines) -> None:
        numbered = _NUMBER.match(_normal(_filled(title)[0]))
        self._number = int(numbered[1]) if numbered else None
        self._in_summary = self._number in (None, 1) and not self._is_followed_by_header(rest)
        self._header = None

    def _is_header(self, line: TableLine) -> bool:
        """Return whether a line of a summary is a header instead; below a title, only one with known names is."""
        return self._is_known_header(line) or (self._number is None and _looks_like_header(line))

    def _is_known_header(self, line: TableLine) -> bool:
        names = {column_name(cell) for cell in _filled(line)}
        return bool(names & self._names) and bool(names & self._times)

    def _begin_table(self, line: TableLine) -> None:
        self._header = header_of(line)
        self._in_summary = False
        self._ends = LineEnds(self._header)
        start, end = _times(self._summary)
        self._beside = {START: start, END: end}
        known = {column_name(cell) for cell in self._header}
        self._has_no_presence = (self._number or 0) > _LAST_WITH_PRESENCE and not known & self._times
        self._tables += not self._has_no_presence
        if self._tables == 1:
            self._lists_stays = self._number != PARTICIPANTS and not known & self._first_joins

    def _record(self, header: list[str], line: TableLine) -> dict[str, object] | UnreadableField:
        if self._tables == 1:
            self._listed.append(plain_word(line.cells[0]))
        record = record_of_line(header, line)
        if isinstance(record, UnreadableField):
            return record
        return {**record, SECTION: self._number, **self._beside}

    def _records_of_summary(self) -> Iterator[NumberedRecord]:
        """Return a record for people who were there and are not listed."""
        counts = _counts(self._summary)
        if not self._tables:
            # Its lines are not shown: the title of a meeting is often a person's name.
            raise UnreadableFile(
                "it has no list of participants under a header with known columns, so it was cut; or its columns are in"
                " a language that is not known: name them with the option columns, for instance"
                " columns={'name': ..., 'first_join': ..., 'last_leave': ..., 'joined_at': ..., 'left_at': ...}"
            )
        unnamed = counts[1].people if len(counts) > 1 else 0
        if unnamed:
            yield counts[1].row, {SECTION: UNNAMED, **self._beside}
        attended = counts[0].people - unnamed if counts else 0
        if attended > len(self._listed) and not self._may_hide_people:
            raise UnreadableFile(
                f"its summary counts {attended} people and it lists {len(self._listed)}, so it was cut. Download it"
                " again; or, where people may choose not to be named in reports, set the option"
                " unnamed_participants=True"
            )
        # Of a table of stays, two people of one name and somebody whose stays are missing look the same.
        people = len(set(self._listed)) if self._lists_stays else len(self._listed)
        if attended > people:
            yield counts[0].row, {SECTION: UNNAMED, **self._beside}


class _Count(NamedTuple):
    """Where the summary counts people: the row, its place in the summary, and the count."""

    row: int
    at: int
    people: int


class _Lines:
    """Lines, of which the next can be looked at.

    It is only read from the file when it is requested: a fault in a file's last line must be known before its end is.
    """

    def __init__(self, lines: Iterable[TableLine]) -> None:
        self._lines = iter(lines)
        self._peeked: list[TableLine] = []

    def __iter__(self) -> Iterator[TableLine]:
        return self

    def __next__(self) -> TableLine:
        return self._peeked.pop() if self._peeked else next(self._lines)

    def put_back(self, line: TableLine) -> None:
        """Put back a line, so that it is the next one again."""
        self._peeked.append(line)

    def peek(self) -> TableLine | None:
        """Return the next line without taking it, or None at the end."""
        if not self._peeked:
            self._peeked = list(islice(self._lines, 1))
        return self._peeked[-1] if self._peeked else None


def _filled(line: TableLine) -> list[str]:
    return [cell.strip() for cell in line.cells if cell.strip()]


def _normal(text: str) -> str:
    """Return a string with the digits and dots of other scripts as the common ones: ``２．`` and ``②`` begin with 2."""  # noqa: RUF002
    return unicodedata.normalize("NFKC", text)


def _names_of(options: FeedOptions, meaning: str) -> set[str]:
    """Return the names of a column that means this, with the user's own."""
    own = options.own_columns.column_for(meaning) if options.own_columns else None
    return {column_name(name) for name in (*FIELDS[meaning], *([own] if own else []))}


def _looks_like_header(line: TableLine) -> bool:
    """Return whether nothing in a line is a time, a number or an address."""
    filled = _filled(line)
    return len(filled) >= _FEWEST_COLUMNS and not any(_DATA_IN_IT.search(cell) for cell in filled)


def _holds_data(line: TableLine) -> bool:
    """Return whether a line has a clock's time or an address, as most do; a quick check that it is not a header."""
    return any(":" in cell or "@" in cell for cell in line.cells)


def _pairs(summary: list[TableLine]) -> list[tuple[int, list[str]]]:
    return [(line.row, _filled(line)) for line in summary]


def _counts(summary: list[TableLine]) -> list[_Count]:
    """Return where the summary counts people who attended. The words around are in the organiser's language."""
    return [
        _Count(row, at, int(pair[1]))
        for at, (row, pair) in enumerate(_pairs(summary))
        if len(pair) == 2 and _INTEGER.fullmatch(pair[1]) and not _REGISTERED.search(plain_word(pair[0]))
    ]


def _times(summary: list[TableLine]) -> tuple[str | None, str | None]:
    """Return the start and end of the meeting, which follow the counts."""
    counts = _counts(summary)
    behind = _pairs(summary)[counts[-1].at + 1 :] if counts else []
    times = [pair[1] for _, pair in behind if len(pair) == 2 and _DATE_AND_CLOCK.match(_normal(pair[1]))]
    return (times[0], times[1]) if len(times) > 1 else (None, None)
