"""The files that Zoom's portal exports: one or more tables of participants, with lines about the meeting around them.

Known are the export of one meeting (alone, or behind a table of one line about the meeting), the export of all
meetings, and a webinar's attendee report, whose hosts, panelists and attendees are tables of their own under titles.
Other lines before a header are left alone. Behind a header each line is a participant, or unreadable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from airflow_provider_calcom.attendance.feeds._files.tables import (
    LineEnds,
    NumberedRecord,
    TableLine,
    header_of,
    is_blank,
    record_of_line,
    unknown_header,
)
from airflow_provider_calcom.attendance.feeds._people import plain
from airflow_provider_calcom.attendance.feeds.errors import UnreadableField, UnreadableFile
from airflow_provider_calcom.attendance.feeds.options import FeedOptions
from airflow_provider_calcom.attendance.feeds.zoom.columns import meaning_of, own_meanings
from airflow_provider_calcom.attendance.feeds.zoom.words import NO, SECTIONS, YES

MEETING = "meeting_number"
"""The column in which a record has the number from the lines about its meeting."""

_OF_PARTICIPANTS = {"join_time", "leave_time", "total_duration", "attended", "original_name"}
_OF_EITHER = "(of the host or of the participant)"
_MOST_SHOWN = 20


def records_of_export(lines: Iterable[TableLine], options: FeedOptions) -> Iterator[NumberedRecord]:
    """Return the participants of a file's tables.

    :param lines: of the file.
    :param options: of which ``columns`` names headers in a language that is not known.
    :raises UnreadableFile: if there is no table of participants, or the file ends within a line.
    """
    export = _Export(own_meanings(options))
    for line in lines:
        if not is_blank(line):
            yield from export.take(line)
    yield from export.end()


class _Export:
    """What is known of a file so far.

    :param own: {plain name of a column: what it means}, of the user's.
    """

    def __init__(self, own: dict[str, str]) -> None:
        self._own = own
        self._header: list[str] | None = None
        self._ends = LineEnds([])
        self._about: list[str] | None = None
        self._meeting: str | None = None
        self._section_begun = False
        self._has_table = False
        self._before: list[TableLine] = []

    def take(self, line: TableLine) -> Iterator[NumberedRecord]:
        meanings = {self._own.get(plain(cell)) or meaning_of(cell) for cell in line.cells if cell.strip()}
        if self._is_header(meanings):
            if self._header is not None:
                self._meeting = None  # another file's table was put behind this one, without its meeting
            if self._has_table and not line.is_ended:
                raise UnreadableFile("the file ends within a header, so it was cut. Fetch it again")
            self._header, self._about = _header_of(line), None
            self._ends = LineEnds(self._header)
            self._section_begun, self._has_table = False, True
        elif "topic" in meanings and (meanings & {"meeting_id", "id"}):
            self._about, self._header, self._meeting = header_of(line), None, None
        elif self._about is not None:
            self._meeting, self._about = _number_in(self._about, line), None
        elif self._is_title(line):
            self._header, self._section_begun = None, True
        elif self._header is not None:
            self._ends.check(line)
            yield line.row, self._record(self._header, line)
        elif self._section_begun:
            yield line.row, UnreadableField(None, "the row is in a section whose header is not known")
        else:
            self._meeting = _number_beside(line) or self._meeting
            self._before = [*self._before, line][:_MOST_SHOWN]

    def end(self) -> Iterator[NumberedRecord]:
        if self._section_begun:
            yield None, UnreadableField(None, "the file ends behind a section's title. Fetch it again")
        elif not self._has_table and (self._before or self._about or self._meeting):
            if not self._before or self._about or self._meeting:
                yield None, UnreadableField(None, "the file has no table of participants")
            else:
                raise unknown_header(self._before)

    def _is_header(self, meanings: set[str | None]) -> bool:
        if self._header is None and "event" in meanings:
            return True
        return len(meanings - {None}) > 1 and bool(meanings & _OF_PARTICIPANTS)

    def _is_title(self, line: TableLine) -> bool:
        """Return whether a line is the title of a webinar's section, behind which must come a header.

        In a table with the column Attended, one in a language that is not known is a line whose only cell is neither
        Yes nor No.
        """
        title = plain(line.cells[0])
        if not title or any(cell.strip() for cell in line.cells[1:]):
            return False
        in_webinar = any(meaning_of(name) == "attended" for name in self._header or ())
        return title in SECTIONS or (in_webinar and title not in YES and title not in NO)

    def _record(self, header: list[str], line: TableLine) -> dict[str, object] | UnreadableField:
        record = record_of_line(header, line)
        if isinstance(record, UnreadableField):
            return record
        # The host's other columns there, as an address, are not the participants'.
        return {**record, MEETING: self._meeting} if self._meeting else dict(record)


def _header_of(line: TableLine) -> list[str]:
    """Return the names of the columns.

    The export of all meetings has two addresses of one name: the host's before the participant's name, and the
    participant's next behind it. In another order it is not known which is whose, so neither of them keeps the name.
    """
    header, meanings = header_of(line), [meaning_of(cell) for cell in line.cells]
    found = [at for at, meaning in enumerate(meanings) if meaning == "shared_email"]
    if len(found) < 2 or "original_name" not in meanings:
        return header
    name = meanings.index("original_name")
    if len(found) == 2 and found[0] < name and found[1] == name + 1:
        return header
    return [f"{column} {_OF_EITHER}" if at in found else column for at, column in enumerate(header)]


def _number_in(header: list[str], line: TableLine) -> str | None:
    found = next((at for at, name in enumerate(header) if meaning_of(name) in ("meeting_id", "id")), None)
    return line.cells[found].strip() or None if found is not None and found < len(line.cells) else None


def _number_beside(line: TableLine) -> str | None:
    """Return the number of a line that has its name and it in two cells."""
    filled = [cell.strip() for cell in line.cells if cell.strip()]
    return filled[1] if len(filled) == 2 and meaning_of(filled[0].rstrip(" :")) == "meeting_id" else None
