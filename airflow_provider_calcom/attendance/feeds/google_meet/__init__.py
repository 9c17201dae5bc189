"""Google Meet: the audit log of ended calls, the REST API's participants with their sessions, and attendance reports.

**Audit log**: see :mod:`audit <.google_meet.audit>`. It is the better source, because it has addresses and the calendar
event. A meeting's code stays the same over all its occurrences, and the rules distinguish them by time. The option
``booking_uids`` ({``calendar_event_id``: booking uid}) names the booking itself; an occurrence of a recurring event has
an id of its own, with its time at the end.

**Attendance reports**: see :mod:`report <.google_meet.report>`.

**REST API v2**: participants [1], each with the list of its sessions [2] as ``participantSessions`` (or ``sessions``),
and rows of both joined by SQL (a session's ``startTime`` and ``endTime`` beside ``signedinUser`` and the like). The
participant's own first and last times hide the gaps between, so that they are used only where there are no sessions,
which the report notes. A record names its meeting by ``space.meetingCode``; otherwise the option ``conference_keys``
({``spaces/...`` or ``conferenceRecords/...``: meeting code}) does. Users are ``users/123`` without an address: give
them with the option ``addresses``, for instance from the Directory API.

Addresses come only of people in the domain, or of all in meetings that somebody of the domain organised. A room's
device and anybody who is not signed in are names, and a telephone's number is partly hidden (``+1 ***-***-12``), which
the rules match with nobody; so is an address that the console shows in part.

[1] https://developers.google.com/workspace/meet/api/reference/rest/v2/conferenceRecords.participants
[2] https://developers.google.com/workspace/meet/api/reference/rest/v2/conferenceRecords.participants.participantSessions
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypedDict
from urllib.parse import SplitResult

from airflow_provider_calcom.attendance.feeds._columns import folded_name
from airflow_provider_calcom.attendance.feeds._events import once
from airflow_provider_calcom.attendance.feeds._feed import OF_EVERY_FEED, RecordFeed
from airflow_provider_calcom.attendance.feeds._files.tables import NumberedRecord, TableLine
from airflow_provider_calcom.attendance.feeds._people import phone_in_name
from airflow_provider_calcom.attendance.feeds._record import Record
from airflow_provider_calcom.attendance.feeds._report import FeedReport
from airflow_provider_calcom.attendance.feeds._row import AttendanceRow
from airflow_provider_calcom.attendance.feeds._times import as_utc
from airflow_provider_calcom.attendance.feeds.errors import SkippedRecord, UnreadableField, shape_of
from airflow_provider_calcom.attendance.feeds.google_meet.audit import FIELDS as AUDIT_FIELDS
from airflow_provider_calcom.attendance.feeds.google_meet.audit import SKIPS, Call, calls_of, is_log_record
from airflow_provider_calcom.attendance.feeds.google_meet.keys import meet_key, meet_key_of_url
from airflow_provider_calcom.attendance.feeds.google_meet.report import (
    EMAILS,
    dated,
    is_report_row,
    name_of,
    records_of_report,
    stay_of,
)
from airflow_provider_calcom.attendance.feeds.google_meet.report import FIELDS as REPORT_FIELDS
from airflow_provider_calcom.attendance.feeds.options import FeedOptions

_NO_SESSIONS = "a participant without all of its sessions, so that its own times hide the gaps between"
_GAPS = "a row of a report whose duration is shorter than its times are apart: they hide the gaps between"
_NO_PARTICIPANTS = "a conference without its participants"
_FIRST, _LAST = "earliestStartTime", "latestEndTime"
_USERS = ("signedinUser", "anonymousUser", "phoneUser")
_CODES = ("space.meetingCode", "meetingCode")
_SESSIONS = ("participantSessions", "sessions")
_ROUNDING = timedelta(seconds=1)
_CONFERENCE = re.compile(r"conferenceRecords/[^/]+")
_CONFERENCE_FIELDS = {"name", "starttime", "endtime", "expiretime", "space"}
_FIELDS = {
    **{
        field: (*REPORT_FIELDS.get(field, ()), *AUDIT_FIELDS.get(field, ()))
        for field in (*REPORT_FIELDS, *AUDIT_FIELDS)
    },
    "user": ("signedinUser.user",),
    "user_name": ("signedinUser.displayName", "anonymousUser.displayName"),
    "user_number": ("phoneUser.displayName",),
    **{name: (name,) for name in (*_USERS, *_SESSIONS, _FIRST, _LAST)},
}


class Who(TypedDict, total=False):
    """What a row says of a person."""

    email: str | None
    name: str | None
    phone: str | None
    participant: str | None


class GoogleMeetFeed(RecordFeed):
    """Rows of Google Meet; see the module for their shapes."""

    name = "google_meet"
    page_keys = ("items", "participants", "conferenceRecords")
    page_fields = ("space", "booking_uid")
    option_names = (*OF_EVERY_FEED, "addresses", "booking_uids", "left_words")
    skips = (*SKIPS, _NO_PARTICIPANTS)
    fields = _FIELDS

    def rows(
        self, records: Iterable[Mapping[str, Any]], report: FeedReport, options: FeedOptions
    ) -> Iterator[AttendanceRow]:
        """See :meth:`Feed.rows`; a row that comes again is returned once."""
        noted = _noted(dated(records, report, options), report, options)
        return once(super().rows(noted, report, options), report)

    def rows_of(self, record: Record) -> Iterator[AttendanceRow]:
        """Return the rows of an activity, of a row of its tables, of a participant, or of a report's row."""
        if is_report_row(record):
            yield self._of_report(record)
        elif is_log_record(record):
            for call in calls_of(record):
                yield self._of_call(call)
        elif _is_participant(record):
            yield from self._of_participant(record)
        else:
            raise _unknown_shape(record)

    def records_of_table(self, lines: Iterable[TableLine], options: FeedOptions) -> Iterator[NumberedRecord]:
        """Return the rows of a report, or of another table."""
        return records_of_report(lines, self.known_columns(options), self.time_columns(options))

    def key_of(self, meeting: str) -> str | None:
        """Return the key of a meeting code, with or without dashes, or of a link."""
        return meet_key(meeting)

    def key_of_url(self, url: SplitResult) -> str | None:
        """Return the conference key of a join link, or None."""
        return meet_key_of_url(url)

    def _of_call(self, call: Call) -> AttendanceRow:
        options = call.record.options
        return self.row(
            call.record,
            participant=call.participant,
            kind=call.kind,
            booking_uid=self.booking_of(call.record) or options.booking_uids.get(call.event_id or ""),
            conference_key=self._key_of_ids(call.record, call.meeting_code),
            email=call.email,
            name=call.name,
            phone=call.phone,
            joined_at=as_utc(call.joined_at) if call.joined_at else None,
            left_at=as_utc(call.left_at),
        )

    def _of_report(self, row: Record) -> AttendanceRow:
        joined, exited, _ = stay_of(row)
        name = name_of(row)
        return self.row(
            row,
            booking_uid=self.booking_of(row),
            conference_key=self._key_of_ids(row, row.text("meeting_code")),
            email=row.text(email) if (email := row.one_column(*EMAILS)) else None,
            name=name,
            phone=phone_in_name(name),
            joined_at=as_utc(joined),
            left_at=as_utc(exited) if exited else None,
        )

    def _of_participant(self, record: Record) -> Iterator[AttendanceRow]:
        if record.value("nextPageToken"):
            raise UnreadableField(
                "nextPageToken",
                "says that more sessions of the participant follow: fetch them with pageToken, put them into the same"
                " list, and leave this field out",
            )
        booking, who = self.booking_of(record), _who_took_part(record)
        code, inner_ids = record.text(*_CODES), tuple(_inner_ids(record))
        key = self._key_of_ids(record, code, *inner_ids)
        if key is None and not (booking or record.options.conference_key or record.options.booking_uid):
            _check_code(record, code)
        if record.options.conference_keys and not (code or inner_ids or booking or record.options.booking_uid):
            raise UnreadableField("name", "names no conference, which the option conference_keys needs")
        for session, first, last in _stays(record):
            joined_at, left_at = session.time(first), session.time(last, is_end=True)
            if joined_at is None and left_at is None:
                raise UnreadableField(session.spelling(first), "is missing, and so is the end")
            yield self.row(
                record,
                participant=who.get("participant"),
                booking_uid=booking,
                conference_key=key,
                email=who.get("email"),
                name=who.get("name"),
                phone=who.get("phone"),
                joined_at=joined_at,
                left_at=left_at,
            )

    def _key_of_ids(self, record: Record, code: str | None, *inner_ids: str) -> str | None:
        """Return the key of a meeting by its code, or by the ids that the option ``conference_keys`` may know."""
        ids = Record({"code": code, **{f"inner{at}": one for at, one in enumerate(inner_ids)}}, record.options)
        return self.meeting_of(ids, ("code",), tuple(ids.columns))


def _noted(
    records: Iterable[Mapping[str, Any]], report: FeedReport, options: FeedOptions
) -> Iterator[Mapping[str, Any]]:
    """Note what hides gaps, while the records pass."""
    for columns in records:
        record = Record(columns, options)
        with suppress(UnreadableField):  # which is reported when the record is read
            if is_report_row(record):
                if stay_of(record)[2]:
                    report.note(_GAPS)
            elif record.has(_FIRST) and _stays(record)[0][1] == _FIRST:
                report.note(_NO_SESSIONS)
        yield columns


def _is_participant(record: Record) -> bool:
    return record.has(_FIRST) or any(
        record.has(user) or record.has(f"{user}.displayName") or record.has(f"{user}.user") for user in _USERS
    )


def _who_took_part(record: Record) -> Who:
    user = record.text("signedinUser.user")
    if user is not None or record.text("signedinUser.displayName"):
        return {
            "email": _address(user, record.options.addresses),
            "name": record.text("signedinUser.displayName"),
            "participant": user,
        }
    number = record.text("phoneUser.displayName")
    return {"phone": number} if number else {"name": record.text("anonymousUser.displayName")}


def _address(user: str | None, addresses: Mapping[str, str]) -> str | None:
    if user is None:
        return None
    bare = user.removeprefix("users/")
    return addresses.get(bare) or addresses.get(f"users/{bare}")


def _check_code(record: Record, code: str | None) -> None:
    """Check that a column for the meeting's code is neither empty nor broken; the API itself has none."""
    column = next((record.spelling(name) for name in _CODES if record.has(name)), None)
    if column is not None and code is None:
        raise UnreadableField(column, "is missing, so that the row is of no meeting; set conference_key")
    if code is not None:
        raise UnreadableField(column, "is not a meeting code; set the option conference_keys", shape_of(code))


def _stays(record: Record) -> list[tuple[Record, str, str]]:
    """Return what holds the times of each presence, and the names of its two times."""
    sessions = [session for name in _SESSIONS for session in record.records(name)]
    if sessions:
        own = [] if _reach(sessions, record) else [(record, _FIRST, _LAST)]
        return [*own, *((session, "startTime", "endTime") for session in sessions)]
    if record.has("startTime"):
        return [(record, "startTime", "endTime")]
    return [(record, _FIRST, _LAST)]


def _reach(sessions: list[Record], record: Record) -> bool:
    """Return whether sessions last from a participant's own first time to the last; if not, one is missing."""
    first, last = record.moment(_FIRST), record.moment(_LAST, is_end=True)
    came = [session.moment("startTime") for session in sessions]
    went = [session.moment("endTime", is_end=True) for session in sessions]
    late = first is not None and min((one for one in came if one), default=first) > first + _ROUNDING
    early = last is not None and all(went) and max(one for one in went if one) < last - _ROUNDING
    return not (late or early)


def _inner_ids(record: Record) -> Iterator[str]:
    """Return the ids of a participant's space and conference, each also without its collection's name."""
    space = record.value("space")
    conference = _CONFERENCE.match(record.text("name") or record.text("conferenceRecord") or "")
    ids = [record.text("space.name"), space.strip() if isinstance(space, str) else None]
    for one in (*ids, conference[0] if conference else None):
        if one:
            yield from (one, one.partition("/")[2])


def _unknown_shape(record: Record) -> Exception:
    name = record.value("name")
    parts = name.split("/") if isinstance(name, str) else []
    fields = {folded_name(str(column)) for column in record.columns}
    if parts[:1] == ["conferenceRecords"] and len(parts) == 2 and fields <= _CONFERENCE_FIELDS:
        return SkippedRecord(_NO_PARTICIPANTS)
    if "participantSessions" in parts:
        return UnreadableField(
            None, "is a session without its participant: put it into the participant's list participantSessions"
        )
    return UnreadableField(
        None,
        "the record fits no known shape: it has no events, no duration_seconds, no user of Meet, and no Time joined."
        " For a file in another language, name its columns with the option columns",
    )


FEED = GoogleMeetFeed()
