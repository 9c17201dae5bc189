"""Microsoft Teams: the attendance reports of Microsoft Graph, and the files that organisers download.

**Graph**, see :mod:`graph <.teams.graph>`. Taken are pages and single objects of

- attendance reports with their records (``$expand=attendanceRecords``; a list of reports never has them unasked), alone
  or in the ``attendanceReports`` of an online meeting;
- attendance records, and rows of one interval each (``joinDateTime``, ``leaveDateTime`` beside the person), as SQL
  makes of them, in whichever spelling.

One row an interval. Checked against Microsoft's pages [1] [2] [3] and their examples, and against responses in tests of
public programs (``identity`` null for people of other organisations, times with seven decimals).

Each time that the organiser comes back makes a report of its own: hand over all of them; Graph keeps the newest 50. A
row that two reports have is returned once. A meeting in a channel gives the reports of all meetings there; their times
distinguish them.

Graph sends null times with 0 seconds "when data is lacking" [3]; that somebody was not there, it never says. So an
interval without the time of joining, a record without intervals, and one whose intervals are shorter than its total,
are somebody who was there, but it is not sure when: a row of kind ``lobby`` over the time of the report, which proves
no presence, and keeps everybody from being marked absent for this meeting (rules 7 and 11). Without the times of the
report the record can't be read. No record is left out.

A report that counts more people than it has records was cut, and is refused; where people may choose not to be named,
the option ``unnamed_participants`` takes somebody unknown to have been there.

The meeting is ``joinWebUrl``, ``chatInfo.threadId`` or ``joinMeetingId`` beside a report; otherwise the thread that the
id of an online meeting holds (``meetingId``, ``onlineMeetingId``, or in ``@odata.context``; its form, base64 of
``1*user*0**19:meeting_...@thread.v2``, is seen in Microsoft's examples, but not documented); otherwise the option
``conference_keys`` ({report id or online meeting id: join URL or thread}) or ``conference_key``. Addresses missing from
the records are taken of the option ``addresses`` ({Entra object id: e-mail address}).

**Files**, see :mod:`sections <.teams.sections>` and :mod:`file <.teams.file>`. They hold no link: give
``conference_key`` or ``booking_uid``. Names of columns that are not known are an error that shows them, and the option
``columns`` fixes it: {``name``, ``email``, ``registration_email``, ``upn``, ``joined_at``, ``left_at``, ``first_join``,
``last_leave``, ``duration``, ``action``, ``timestamp``, ``session``: the file's own column}. Times are in the
organiser's zone (option ``zone``), unless the name of their column says another, and in the order of their locale
(option ``date_format``).

[1] https://learn.microsoft.com/graph/api/resources/meetingattendancereport
[2] https://learn.microsoft.com/graph/api/resources/attendancerecord
[3] https://learn.microsoft.com/graph/api/resources/attendanceinterval
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar
from urllib.parse import SplitResult

from airflow_provider_calcom.attendance.feeds._events import once
from airflow_provider_calcom.attendance.feeds._feed import OF_EVERY_FEED, RecordFeed
from airflow_provider_calcom.attendance.feeds._files.tables import NumberedRecord, TableLine
from airflow_provider_calcom.attendance.feeds._record import Record
from airflow_provider_calcom.attendance.feeds._report import FeedReport
from airflow_provider_calcom.attendance.feeds._row import AttendanceRow
from airflow_provider_calcom.attendance.feeds.errors import UnreadableField
from airflow_provider_calcom.attendance.feeds.options import FeedOptions
from airflow_provider_calcom.attendance.feeds.teams import sections
from airflow_provider_calcom.attendance.feeds.teams.file import FileRows
from airflow_provider_calcom.attendance.feeds.teams.graph import (
    MEETING_FIELDS,
    NEXT_RECORDS,
    GraphRows,
    is_of_graph,
    thread_of,
)
from airflow_provider_calcom.attendance.feeds.teams.keys import teams_key, teams_key_of_url
from airflow_provider_calcom.attendance.feeds.teams.words import FIELDS


class TeamsFeed(RecordFeed):
    """Rows of Microsoft Teams; see the module for their shapes."""

    name = "teams"
    page_keys = ("value", "attendanceReports")
    page_fields = MEETING_FIELDS
    fields = FIELDS
    option_names = (*OF_EVERY_FEED, "addresses", "joined_words", "left_words", "guest_marks", "unnamed_participants")
    next_page: ClassVar[Mapping[str, str]] = {
        "attendanceReports@odata.nextLink": "$skiptoken (this field is the whole URL of the next page)"
    }
    own_links = (NEXT_RECORDS,)

    def rows(
        self, records: Iterable[Mapping[str, Any]], report: FeedReport, options: FeedOptions
    ) -> Iterator[AttendanceRow]:
        """See :meth:`Feed.rows`; a row that two reports have is returned once."""
        return once(self._rows(records, report, options), report)

    def _rows(
        self, records: Iterable[Mapping[str, Any]], report: FeedReport, options: FeedOptions
    ) -> Iterator[AttendanceRow]:
        graph, file, number = GraphRows(self, report), FileRows(self, report), report.files
        for columns in records:
            if number != report.files:  # a person's lines are in one file, and other files are other meetings
                yield from file.flush()
                file, number = FileRows(self, report), report.files
            for part in graph.parts(Record(columns, options)):
                try:
                    if isinstance(part, UnreadableField):
                        raise part
                    yield from graph.rows_of(part) if is_of_graph(part) else file.rows_of(part)
                except UnreadableField as fault:
                    report.unreadable(fault)
        yield from file.flush()
        graph.finish(options)

    def rows_of(self, record: Record) -> Iterator[AttendanceRow]:
        """Return the rows of an attendance record of Graph, or of one of its intervals."""
        yield from GraphRows(self, FeedReport(self.name)).rows_of(record)

    def records_of_table(self, lines: Iterable[TableLine], options: FeedOptions) -> Iterator[NumberedRecord]:
        """Return the records of a downloaded file."""
        return sections.records_of_report(lines, options)

    def key_of(self, meeting: str) -> str | None:
        """Return the key of a join URL, a thread, a meeting number or the id of an online meeting."""
        return teams_key(meeting) or teams_key(thread_of(meeting))

    def key_of_url(self, url: SplitResult) -> str | None:
        """Return the conference key of a join link, or None."""
        return teams_key_of_url(url)


FEED = TeamsFeed()
