"""The rows of attendance reports and records of Microsoft Graph."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from airflow_provider_calcom.attendance.feeds._feed import RecordFeed
from airflow_provider_calcom.attendance.feeds._record import Record
from airflow_provider_calcom.attendance.feeds._report import FeedReport
from airflow_provider_calcom.attendance.feeds._row import AttendanceRow
from airflow_provider_calcom.attendance.feeds._times import as_utc
from airflow_provider_calcom.attendance.feeds.errors import UnreadableField, shape_of
from airflow_provider_calcom.attendance.feeds.options import FeedOptions
from airflow_provider_calcom.attendance.feeds.teams.file import UNNAMED
from airflow_provider_calcom.attendance.feeds.teams.identity import Who, doubtful, who_is
from airflow_provider_calcom.attendance.feeds.teams.keys import teams_key

MEETING_FIELDS = (
    "joinWebUrl",
    "join_web_url",
    "joinUrl",
    "chatInfo",
    "chat_info",
    "joinMeetingIdSettings",
    "meetingId",
    "meeting_id",
    "onlineMeetingId",
    "online_meeting_id",
    "@odata.context",
)
"""What names the meeting, beside reports or records."""

_LINKS = ("joinWebUrl", "joinUrl", "chatInfo.threadId", "joinMeetingIdSettings.joinMeetingId", "joinMeetingId")

REPORT_ID = "report id"
"""The column that an attendance record gets of its report."""

NEXT_RECORDS = "attendanceRecords@odata.nextLink"
"""The field of a report whose records go on elsewhere."""

_TIMES_OF_REPORT = ("meetingStartDateTime", "meetingEndDateTime")
_OF_RECORD = (
    "attendanceIntervals",
    "joinDateTime",
    "leaveDateTime",
    "durationInSeconds",
    "totalAttendanceInSeconds",
)
_TOO_FEW = (
    "totalParticipantCount of a report is larger than the number of its attendanceRecords, so some are missing. Fetch"
    " them all: follow attendanceRecords@odata.nextLink, or @odata.nextLink of .../attendanceReports/{id}/"
    "attendanceRecords; or, where people may choose not to be named in reports, set the option"
    " unnamed_participants=True"
)
_THREAD = re.compile(r"19:[^*\s]+@thread\.\w+", re.ASCII)
_CONTEXT = re.compile(r"onlineMeetings\('([^']+)'\)")


@dataclass
class GraphRows:
    """The rows of Graph's reports and records, as they come.

    :param feed: makes the rows, and keys of meetings.
    :param report: notes what is missing or in doubt.
    """

    feed: RecordFeed
    report: FeedReport
    _missing: int = 0
    _is_unfinished: bool = False
    _alone: int = 0
    _flat: dict[tuple[str | None, ...], list[float]] = field(default_factory=dict)

    def parts(self, record: Record) -> Iterator[Record | UnreadableField]:
        """Return a report's attendance records, each with what it needs of its report; any other record as it is.

        Each counts as a record, so that a report whose records can't be read is not one fault among many reports.
        """
        if record.has("attendanceRecords") and is_of_graph(record):
            # A table of records may have a column of the reports', which is then blank.
            blank = record.value("attendanceRecords") in (None, "")
            yield record if blank else UnreadableField("attendanceRecords", "is in an attendance record itself")
            return
        if not record.has("attendanceRecords"):
            if is_of_graph(record):
                self._note_alone(record)
                yield record
            elif record.has("totalParticipantCount") or record.has(_TIMES_OF_REPORT[0]):
                yield UnreadableField("attendanceRecords", "is missing; request it with $expand=attendanceRecords")
            else:
                yield record
            return
        try:
            records, count = _records(record), record.number("totalParticipantCount") or 0
            listed = record.number("attendanceRecords@odata.count") or 0
        except UnreadableField as fault:
            yield fault
            return
        beside = {
            name: record.value(name) for name in (*MEETING_FIELDS, *_TIMES_OF_REPORT) if record.value(name) is not None
        }
        beside[REPORT_ID] = record.value("id")
        for at, one in enumerate(records):
            if at:
                self.report.start_record(self.report.row)
            yield Record({**beside, **one.columns}, record.options)
        is_cut = listed > len(records) or bool(record.value(NEXT_RECORDS))
        yield from self._rest_of_report(record, beside, int(max(count, listed)) - len(records), is_cut)

    def _note_alone(self, record: Record) -> None:
        """Note a record, or an interval of one, beside which no others of its report stand."""
        self._alone += 1
        try:
            count = record.number("totalParticipantCount") or 0
            of_report = (record.text("reportId", "attendanceReportId"), record.text(_TIMES_OF_REPORT[0]))
        except UnreadableField:
            return  # it is one when the record is read, too, or is of no use to it
        counted = self._flat.setdefault(of_report, [0, 0])
        counted[0], counted[1] = counted[0] + 1, max(counted[1], count)

    def _rest_of_report(
        self, record: Record, beside: dict[str, object], missing: int, is_cut: bool
    ) -> Iterator[Record]:
        """Note the pages that a report's records still need, or return a record of the people it does not name."""
        if is_cut:
            self._is_unfinished = True
            self._missing += max(missing, 1)
        elif missing > 0:
            if not record.options.unnamed_participants:
                self.report.abort(_TOO_FEW)
            self.report.note(UNNAMED)
            yield Record({**beside, "totalAttendanceInSeconds": 1}, record.options)

    def finish(self, options: FeedOptions) -> None:
        """Check, at the end, that the records which reports said to follow did.

        :raises FeedUnreadable: naming the link that leads to the rest.
        """
        if self._is_unfinished and self._alone < self._missing:
            self.report.abort(
                "attendanceRecords@odata.nextLink (or .count) of a report says that more of its records follow, and"
                " they are not there. Fetch that link and the @odata.nextLink of its responses, and hand over all pages"
                " together"
            )
        if not options.unnamed_participants and any(rows < count for rows, count in self._flat.values()):
            self.report.abort(_TOO_FEW)

    def rows_of(self, record: Record) -> Iterator[AttendanceRow]:
        """Return the rows of an attendance record, or of one of its intervals.

        :raises UnreadableField: if the record, or an interval, can't be read, or somebody was there and nothing says
            when; rows returned before it stay.
        """
        who, key = who_is(record, record.options.guest_marks), meeting_of(record, self.feed)
        is_whole = record.has("attendanceIntervals")
        intervals = record.records("attendanceIntervals") if is_whole else [record]
        fault: UnreadableField | None = None
        undated, seconds = not intervals, 0.0
        for interval in intervals:
            try:
                joined, left = _stay(interval)
            except UnreadableField as this:
                fault = fault or this
                continue
            undated = undated or joined is None
            seconds += _lasted(interval, joined, left)
            if joined:
                yield self.feed.row(record, conference_key=key, joined_at=_text(joined), left_at=_text(left), **who)
        if fault:
            raise fault
        total = record.number("totalAttendanceInSeconds") or 0
        if undated or (is_whole and total > seconds + len(intervals) + 1):
            yield self._doubt(record, key, who)

    def _doubt(self, record: Record, key: str | None, who: Who) -> AttendanceRow:
        """Return a row of somebody who was there at some time of the report.

        It proves no presence, and marks nobody absent.

        :raises UnreadableField: if the report's times are not known.
        """
        start, end = (record.moment(name, is_end=bool(at)) for at, name in enumerate(_TIMES_OF_REPORT))
        if start is None and end is None:
            raise UnreadableField(
                record.spelling("attendanceIntervals"),
                "has not all the times of somebody who was there, and no report says when the meeting was; request"
                " the reports with $expand=attendanceRecords",
            )
        return self.feed.row(record, conference_key=key, joined_at=_text(start), left_at=_text(end), **doubtful(who))


def is_of_graph(record: Record) -> bool:
    """Return whether a record is an attendance record of Graph, or one of its intervals."""
    return any(record.has(name) for name in _OF_RECORD)


def thread_of(meeting_id: str) -> str | None:
    """Return the thread in the id of an online meeting, or None."""
    try:
        text = base64.b64decode(meeting_id + "=" * (-len(meeting_id) % 4), altchars=b"-_", validate=True)
        found = _THREAD.search(text.decode())
    except (binascii.Error, ValueError):
        return None
    return found[0] if found else None


def meeting_of(record: Record, feed: RecordFeed) -> str | None:
    """Return the key of a record's meeting; see :mod:`teams <.teams>`.

    The option ``conference_keys`` goes first, also where the record names its meeting.
    """
    context = _CONTEXT.search(record.text("@odata.context") or "")
    links = [record.text(name) for name in _LINKS]
    ids = [record.text(REPORT_ID), record.text("meetingId", "onlineMeetingId"), context[1] if context else None]
    known = record.options.conference_keys
    for one in (*ids, *links):
        given = known.get(one) if one and known else None
        if given:
            return feed.key_of(given) or given
    keys = (*(feed.key_of(link) for link in links if link), *(teams_key(thread_of(one)) for one in ids if one))
    return next((key for key in keys if key), None)


def _records(report: Record) -> list[Record]:
    if report.value("attendanceRecords") in (None, ""):
        raise UnreadableField("attendanceRecords", "is null; request it with $expand=attendanceRecords")
    return report.records("attendanceRecords")


def _stay(interval: Record) -> tuple[datetime | None, datetime | None]:
    """Return when somebody joined and left; one that is missing, by the duration."""
    joined, left = interval.moment("joinDateTime"), interval.moment("leaveDateTime", is_end=True)
    seconds = interval.number("durationInSeconds") or 0
    if seconds < 0:
        raise UnreadableField(interval.spelling("durationInSeconds"), "is less than 0", shape_of(seconds))
    try:
        if joined and not left and seconds:
            left = joined + timedelta(seconds=seconds)
        elif left and not joined and seconds:
            joined = left - timedelta(seconds=seconds)
    except OverflowError:
        raise UnreadableField(
            interval.spelling("durationInSeconds"), "is longer than any meeting", shape_of(seconds)
        ) from None
    return joined, left


def _lasted(interval: Record, joined: datetime | None, left: datetime | None) -> float:
    """Return how many seconds a stay accounts for; one without an end, for all that there may be."""
    if joined is None or left is None:
        return float("inf") if joined else 0.0
    return max((left - joined).total_seconds(), interval.number("durationInSeconds") or 0)


def _text(moment: datetime | None) -> str | None:
    return as_utc(moment) if moment else None
