"""Microsoft Teams: the attendance reports of Microsoft Graph, and the files that organisers download.

**Graph**. Taken are pages and single objects of

- attendance reports with their records (``$expand=attendanceRecords``; a list of reports never has them unasked), alone
  or in the ``attendanceReports`` of an online meeting;
- attendance records, and rows of one interval each (``joinDateTime``, ``leaveDateTime`` beside the person), as SQL
  makes of them, in whichever spelling.

One row an interval. Checked against Microsoft's pages [1] [2] [3] and their examples, and against answers in tests of
public programs (``identity`` null for people of other organisations, times with seven decimals). From memory, not
checked: identities of the older kind (``identity.user``, ``.guest``, ``.phone``, ``.application``), which of them an
attendance record can have, and telephones that appear as a display name of digits.

Each time that the organiser comes back makes a report of its own: hand over all of them; Graph keeps the newest 50.
What two reports both tell is given once. A meeting in a channel gives the reports of all meetings there; their times
tell them apart.

An interval whose times are null, with 0 seconds, is left out. Where a record has seconds but no times, and where a
report counts more people than it has records (people may choose not to be named), somebody was there, but it is not
sure who or when: that is given as a row of kind ``lobby`` over the time of the report, which proves no presence, and
lets nobody be blamed for this meeting (rules 7 and 11). The report of the reading notes it.

The meeting is ``joinWebUrl``, ``chatInfo.threadId`` or ``joinMeetingId`` beside a report; otherwise the thread that the
id of an online meeting holds (``meetingId``, ``onlineMeetingId``, or in ``@odata.context``; its form, base64 of
``1*user*0**19:meeting_...@thread.v2``, is seen in Microsoft's examples, but not documented); otherwise the option
``conference_keys`` ({report id or online meeting id: join URL or thread}) or ``conference_key``. Addresses missing from
the records are taken of the option ``addresses`` ({Entra object id: e-mail address}).

**Files**: see :mod:`teams_csv <.teams_csv>`. A person's stays are taken from In-Meeting Activities; First Join and Last
Leave, which hide the gaps between, only of people who are not there. Where the summary counts people who are not named,
that is a row of kind ``lobby``, too. Files hold no link: give ``conference_key`` or ``booking_uid``.

[1] https://learn.microsoft.com/graph/api/resources/meetingattendancereport
[2] https://learn.microsoft.com/graph/api/resources/attendancerecord
[3] https://learn.microsoft.com/graph/api/resources/attendanceinterval
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, TypedDict

from airflow_provider_calcom.attendance.feeds import teams_csv
from airflow_provider_calcom.attendance.feeds.base import OF_EVERY_FEED, RecordFeed
from airflow_provider_calcom.attendance.feeds.conference_keys import teams_key
from airflow_provider_calcom.attendance.feeds.errors import SkippedRecord, UnreadableField, shape_of
from airflow_provider_calcom.attendance.feeds.options import FeedOptions
from airflow_provider_calcom.attendance.feeds.record import Record
from airflow_provider_calcom.attendance.feeds.repeats import once
from airflow_provider_calcom.attendance.feeds.report import FeedReport
from airflow_provider_calcom.attendance.feeds.rows import AttendanceRow
from airflow_provider_calcom.attendance.feeds.tables import Placed, TableLine
from airflow_provider_calcom.attendance.feeds.times import as_utc

_WITHOUT_TIMES = "without times and with 0 seconds: nobody was seen"
_NO_TIMES_KNOWN = "seen, but not when"
_UNNAMED = "people whom a report counts, but doesn't name"
_TIMES_OF_REPORT = ("meetingStartDateTime", "meetingEndDateTime")
_MEETING_FIELDS = (
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
_IDENTITIES = ("identity", "identity.user", "identity.guest", "identity.phone", "identity.application")
_MACHINES = re.compile(r"application|bot", re.IGNORECASE)
_NUMBER = re.compile(r"(?=.*\d)\+?[\d\s().*-]{7,}", re.ASCII)
_THREAD = re.compile(r"19:[^*\s]+@thread\.\w+", re.ASCII)
_CONTEXT = re.compile(r"onlineMeetings\('([^']+)'\)")
_INVITED = re.compile(r"([^@#]+)_([^@#_]+)#EXT#@[^@]+", re.IGNORECASE)


class Who(TypedDict, total=False):
    """What a row says of a person."""

    kind: str
    email: str | None
    name: str | None
    phone: str | None


class TeamsFeed(RecordFeed):
    """Rows of Microsoft Teams; the module's text has the shapes."""

    name = "teams"
    page_keys = ("value", "attendanceReports")
    page_fields = _MEETING_FIELDS
    option_names = (*OF_EVERY_FEED, "addresses", "joined_words", "left_words", "guest_marks")
    skips = (_WITHOUT_TIMES, _NO_TIMES_KNOWN)

    def rows(
        self, records: Iterable[Mapping[str, Any]], report: FeedReport, options: FeedOptions
    ) -> Iterator[AttendanceRow]:
        """See :meth:`Feed.rows`; what two reports both tell is given once."""
        return once(self._rows(records, report, options), report)

    def _rows(
        self, records: Iterable[Mapping[str, Any]], report: FeedReport, options: FeedOptions
    ) -> Iterator[AttendanceRow]:
        file, number = _File(self, report), report.files
        for columns in records:
            if number != report.files:  # a person's lines are in one file, and other files are other meetings
                yield from file.rest()
                file, number = _File(self, report), report.files
            for part in _parts(Record(columns, options), report):
                try:
                    if isinstance(part, UnreadableField):
                        raise part
                    yield from self.rows_of(part) if _is_of_graph(part) else file.rows_of(part)
                except UnreadableField as fault:
                    report.unreadable(fault)
                except SkippedRecord as skipped:
                    report.skip(skipped.reason)
        yield from file.rest()

    def rows_of(self, record: Record) -> Iterator[AttendanceRow]:
        """Give the rows of an attendance record of Graph, or of one of its intervals."""
        who, key, seen = _who(record), _meeting(record), False
        intervals = record.records("attendanceIntervals") if record.has("attendanceIntervals") else [record]
        for interval in intervals:
            joined_at, left_at = _stay(interval)
            if joined_at or left_at:
                seen = True
                yield self.row(record, conference_key=key, joined_at=joined_at, left_at=left_at, **who)
        if seen:
            return
        if not record.number("totalAttendanceInSeconds", "durationInSeconds"):
            raise SkippedRecord(_WITHOUT_TIMES)
        yield self.doubt(record, **{**who, "kind": "lobby"})

    def doubt(self, record: Record, **who: Any) -> AttendanceRow:
        """Give a row of somebody who was there at some time of the report.

        :raises SkippedRecord: if the report's times are not known.
        """
        start, end = record.time(_TIMES_OF_REPORT[0]), record.time(_TIMES_OF_REPORT[1], is_end=True)
        if start is None:
            raise SkippedRecord(_NO_TIMES_KNOWN)
        return self.row(record, conference_key=_meeting(record), joined_at=start, left_at=end, **who)

    def records_of_table(self, lines: Iterable[TableLine], options: FeedOptions) -> Iterator[Placed]:
        """Give the records of a downloaded file."""
        return teams_csv.records_of_report(lines)

    def key_of(self, meeting: str) -> str | None:
        """Give the key of a join URL, a thread, a meeting number or the id of an online meeting."""
        return teams_key(meeting) or teams_key(_thread_of(meeting))


class _File:
    """The rows of one downloaded file, whose people stand in several of its lines."""

    def __init__(self, feed: TeamsFeed, report: FeedReport) -> None:
        self._feed = feed
        self._report = report
        self._participants: dict[str, list[AttendanceRow]] = {}
        self._active: set[str] = set()
        self._joined: dict[str, list[AttendanceRow]] = {}

    def rows_of(self, record: Record) -> Iterator[AttendanceRow]:
        """Give the rows that a line completes."""
        section = record.columns.get(teams_csv.SECTION)
        if section == teams_csv.UNNAMED:
            self._report.note(_UNNAMED)
            yield self._doubt(record)
            return
        line = teams_csv.Line(record)
        if line.is_event:
            yield from self._of_event(line)
            return
        row, person = self._row(line)
        if section == teams_csv.PARTICIPANTS:
            self._participants.setdefault(person, []).append(row)
        elif section == teams_csv.ACTIVITIES:
            self._active.add(person)
            known = {one["email"] for one in self._participants.get(person, ())}
            yield {**row, "email": row["email"] or (known.pop() if len(known) == 1 else None)}
        else:
            yield row

    def rest(self) -> Iterator[AttendanceRow]:
        """Give, at the end, the people without activities, and who was still in when the list was made."""
        for person, rows in self._participants.items():
            if person not in self._active:
                yield from rows
        for joined in self._joined.values():
            yield from joined

    def _row(self, line: teams_csv.Line) -> tuple[AttendanceRow, str]:
        """Give a stay, and what all lines of its person have in common."""
        joined_at, left_at = line.stay()
        name, email = teams_csv.without_guest_mark(line.text("name")), line.text("email")
        known_by = email or line.text("registration_email") or line.text("upn")
        who = _named(name, _plain_address(known_by) if known_by and "@" in known_by else None)
        person = email.casefold() if email else f"name {name}"
        if joined_at is None and left_at is None:
            return self._doubt(line.record, **who), person
        return self._feed.row(line.record, joined_at=joined_at, left_at=left_at, **who), person

    def _of_event(self, line: teams_csv.Line) -> Iterator[AttendanceRow]:
        """Pair the joinings and leavings of one name, the first with the first: it may be in on two devices."""
        name, is_joining = teams_csv.without_guest_mark(line.text("name")), line.joined()
        moment = line.moment("timestamp", is_end=not is_joining)
        if moment is None:
            raise UnreadableField(None, "the line has no time")
        who = _named(name, line.text("email"))
        waiting = self._joined.setdefault(name or "", [])
        if is_joining:
            waiting.append(self._feed.row(line.record, joined_at=as_utc(moment), **who))
        else:
            joined = waiting.pop(0) if waiting else self._feed.row(line.record, **who)
            yield {**joined, "left_at": as_utc(moment)}

    def _doubt(self, record: Record, **who: Any) -> AttendanceRow:
        start, end = record.time(teams_csv.START), record.time(teams_csv.END, is_end=True)
        if start is None:
            raise SkippedRecord(_NO_TIMES_KNOWN)
        return self._feed.row(record, joined_at=start, left_at=end, **{**who, "kind": "lobby"})


def _is_of_graph(record: Record) -> bool:
    return any(record.has(name) for name in ("attendanceIntervals", "joinDateTime", "totalAttendanceInSeconds"))


def _parts(record: Record, report: FeedReport) -> Iterator[Record | UnreadableField]:
    """Give a report's attendance records, each with what it needs of its report; any other record as it is."""
    if not record.has("attendanceRecords"):
        if record.has("totalParticipantCount") or record.has(_TIMES_OF_REPORT[0]):
            yield UnreadableField("attendanceRecords", "is missing; ask Graph for $expand=attendanceRecords")
        else:
            yield record
        return
    try:
        records, count = record.records("attendanceRecords"), record.number("totalParticipantCount") or 0
    except UnreadableField as fault:
        yield fault
        return
    fields = (*_MEETING_FIELDS, *_TIMES_OF_REPORT)
    beside = {name: record.value(name) for name in fields if record.value(name) is not None}
    beside["report id"] = record.value("id")
    for one in records:
        yield Record({**beside, **one.columns}, record.options)
    if count > len(records) and not record.value("attendanceRecords@odata.nextLink"):
        report.note(_UNNAMED)
        yield Record({**beside, "totalAttendanceInSeconds": 1}, record.options)


def _stay(interval: Record) -> tuple[str | None, str | None]:
    joined, left = interval.moment("joinDateTime"), interval.moment("leaveDateTime", is_end=True)
    seconds = interval.number("durationInSeconds") or 0
    if seconds < 0:
        raise UnreadableField(interval.spelling("durationInSeconds"), "is less than 0", shape_of(seconds))
    if joined and not left and seconds:
        left = joined + timedelta(seconds=seconds)
    return as_utc(joined) if joined else None, as_utc(left) if left else None


def _who(record: Record) -> Who:
    name = record.text(*(f"{identity}.displayName" for identity in _IDENTITIES), "displayName")
    email = record.text("emailAddress", "email")
    user = record.text("identity.id", "identity.user.id", "identity.guest.id")
    if email is None and user is not None:
        email = record.options.addresses.get(user)
    who = _named(teams_csv.without_guest_mark(name), _plain_address(email) if email else None)
    number = record.text("identity.phone.id")
    if number is not None:
        who["phone"] = number
    if record.value("identity.application") is not None or _MACHINES.search(record.text("identity.@odata.type") or ""):
        who["kind"] = "bot"
    return who


def _named(name: str | None, email: str | None) -> Who:
    """Give a person; a display name that is a telephone number, also one with stars, is given as one."""
    if name and email is None and _NUMBER.fullmatch(name):
        return {"phone": name}
    return {"name": name, "email": email}


def _plain_address(email: str) -> str:
    """Give the address itself of a guest's account: ``ada_example.com#EXT#@acme.onmicrosoft.com``."""
    found = _INVITED.fullmatch(email)
    return f"{found[1]}@{found[2]}" if found else email


def _meeting(record: Record) -> str | None:
    """Give the key of a record's meeting; see the module's text."""
    for name in ("joinWebUrl", "joinUrl", "chatInfo.threadId", "joinMeetingIdSettings.joinMeetingId", "joinMeetingId"):
        text = record.text(name)
        key = teams_key(text) if text else None
        if key:
            return key
    context = _CONTEXT.search(record.text("@odata.context") or "")
    ids = [record.text("report id"), record.text("meetingId", "onlineMeetingId"), context[1] if context else None]
    known = record.options.conference_keys
    for one in filter(None, ids):
        key = FEED.key_of(known[one]) or known[one] if one in known else teams_key(_thread_of(one))
        if key:
            return key
    return None


def _thread_of(meeting_id: str) -> str | None:
    """Give the thread in the id of an online meeting, or None."""
    try:
        text = base64.b64decode(meeting_id + "=" * (-len(meeting_id) % 4), altchars=b"-_", validate=True)
        found = _THREAD.search(text.decode())
    except (binascii.Error, ValueError):
        return None
    return found[0] if found else None


FEED = TeamsFeed()
