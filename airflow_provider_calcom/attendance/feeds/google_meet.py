"""Google Meet: the Admin SDK's audit log of ended calls, and the Meet REST API's participants with their sessions.

**Audit log** (the better source: it has addresses and the calendar event). One activity is one endpoint that left, and
its time is the end: a presence lasts from ``duration_seconds`` before it. Joining twice makes two endpoints. Taken are

- activities of ``activities.list`` with ``applicationName=meet`` (and its pages), also as Airbyte and Databricks land
  them: with ``id`` and ``events`` as objects or as JSON text. Checked against Google's pages of the API and of Meet's
  events [1], against answers of real calls in public code (``meeting_code`` without dashes and in capitals,
  ``intValue`` as text, ``HANGOUTS_EXTERNAL_OR_ANONYMOUS`` as actor), and against Airbyte's schema ``meet.json``;
- rows of the table ``activity`` of Google's export to BigQuery: ``time_usec``, ``event_name``, and the record ``meet``
  with the same parameters. Checked against Google's own Looker block, which computes start and end in this way;
- tables with a column a parameter (``duration_seconds``, ``meet_duration_seconds``, ``meet.duration_seconds``) and the
  end as ``time``, ``id_time``, ``id.time`` or ``time_usec``: what SQL makes of the above. Not checked against a loader.

A meeting's code stays the same over all its occurrences, and the rules tell them apart by time. The option
``booking_uids`` ({``calendar_event_id``: booking uid}) names the booking itself; an occurrence of a recurring event has
an id of its own, with its time at the end.

**REST API v2**: participants [2], each with the list of its sessions [3] as ``participantSessions`` (or ``sessions``),
and rows of both joined by SQL (a session's ``startTime`` and ``endTime`` beside ``signedinUser`` and the like). The
participant's own first and last times hide the gaps between, so that they are used only where there are no sessions,
which the report notes. A record names its meeting by ``space.meetingCode``; otherwise the option ``conference_keys``
({``spaces/...`` or ``conferenceRecords/...``: meeting code}) does. Users are ``users/123`` without an address: give
them with the option ``addresses``, for instance from the Directory API.

Addresses come only of people in the domain, or of all in meetings that somebody of the domain organised. A room's
device and whoever is not signed in are names, and a telephone's number is partly hidden (``+1 ***-***-12``), which the
rules match with nobody.

[1] https://developers.google.com/workspace/admin/reports/v1/appendix/activity/meet
[2] https://developers.google.com/workspace/meet/api/reference/rest/v2/conferenceRecords.participants
[3] https://developers.google.com/workspace/meet/api/reference/rest/v2/conferenceRecords.participants.participantSessions
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, TypedDict

from airflow_provider_calcom.attendance.feeds.base import OF_EVERY_FEED, RecordFeed
from airflow_provider_calcom.attendance.feeds.conference_keys import meet_key
from airflow_provider_calcom.attendance.feeds.errors import SkippedRecord, UnreadableField, shape_of
from airflow_provider_calcom.attendance.feeds.options import FeedOptions
from airflow_provider_calcom.attendance.feeds.record import Record
from airflow_provider_calcom.attendance.feeds.repeats import once
from airflow_provider_calcom.attendance.feeds.report import FeedReport
from airflow_provider_calcom.attendance.feeds.rows import AttendanceRow
from airflow_provider_calcom.attendance.feeds.times import BadTime, as_utc, epoch_instant

ENDED = "call_ended"

_ANOTHER_EVENT = "another event than call_ended"
_NO_PARTICIPANTS = "a conference without its participants"
_NO_SESSIONS = "a participant without sessions, so that its times hide the gaps between"
_PARAMETERS = (
    "calendar_event_id",
    "display_name",
    "duration_seconds",
    "identifier",
    "identifier_type",
    "meeting_code",
)
_FIRST = "earliestStartTime"
_USERS = ("signedinUser", "anonymousUser", "phoneUser")
_CONFERENCE = re.compile(r"conferenceRecords/[^/]+")


class Who(TypedDict, total=False):
    """What a row says of a person."""

    email: str | None
    name: str | None
    phone: str | None


class GoogleMeetFeed(RecordFeed):
    """Rows of Google Meet; the module's text has the shapes."""

    name = "google_meet"
    page_keys = ("items", "participants")
    page_fields = ("space",)
    option_names = (*OF_EVERY_FEED, "addresses", "booking_uids")
    skips = (_ANOTHER_EVENT, _NO_PARTICIPANTS)

    def rows(
        self, records: Iterable[Mapping[str, Any]], report: FeedReport, options: FeedOptions
    ) -> Iterator[AttendanceRow]:
        """See :meth:`Feed.rows`; a row that comes again is given once."""
        return once(super().rows(_noted(records, report, options), report, options), report)

    def rows_of(self, record: Record) -> Iterator[AttendanceRow]:
        """Give the rows of an activity, of a row of its tables, or of a participant."""
        if record.has("events"):
            yield from self._of_activity(record)
        elif record.has("event_name") or _has_parameter(record, "duration_seconds"):
            yield self._of_event(record)
        elif _is_participant(record):
            yield from self._of_participant(record)
        else:
            raise _unknown_shape(record)

    def key_of(self, meeting: str) -> str | None:
        """Give the key of a meeting code, with or without dashes, or of a link."""
        return meet_key(meeting)

    def _of_activity(self, record: Record) -> Iterator[AttendanceRow]:
        ended_at = _end(record)
        calls = [event for event in record.records("events") if event.text("name") == ENDED]
        if not calls:
            raise SkippedRecord(_ANOTHER_EVENT)
        for event in calls:
            yield self._of_call(_parameters(event), ended_at)

    def _of_event(self, record: Record) -> AttendanceRow:
        if record.text("event_name", "events_name") not in (ENDED, None):
            raise SkippedRecord(_ANOTHER_EVENT)
        return self._of_call(record, _end(record))

    def _of_call(self, call: Record, ended_at: datetime) -> AttendanceRow:
        event_id, code = _text(call, "calendar_event_id"), _text(call, "meeting_code")
        return self.row(
            call,
            booking_uid=call.options.booking_uids.get(event_id) if event_id else None,
            conference_key=meet_key(code) if code else None,
            joined_at=_start(call, ended_at),
            left_at=as_utc(ended_at),
            **_who_called(call),
        )

    def _of_participant(self, record: Record) -> Iterator[AttendanceRow]:
        key, who = _meeting(record), _who_took_part(record)
        for session, first, last in _stays(record):
            joined_at, left_at = session.time(first), session.time(last, is_end=True)
            if joined_at is None and left_at is None:
                raise UnreadableField(session.spelling(first), "is missing, and so is the end")
            yield self.row(record, conference_key=key, joined_at=joined_at, left_at=left_at, **who)


def _noted(
    records: Iterable[Mapping[str, Any]], report: FeedReport, options: FeedOptions
) -> Iterator[Mapping[str, Any]]:
    for columns in records:
        if _FIRST in columns or "earliest_start_time" in columns:
            with suppress(UnreadableField):  # which is reported when the record is read
                if _stays(Record(columns, options))[0][1] == _FIRST:
                    report.note(_NO_SESSIONS)
        yield columns


def _has_parameter(record: Record, name: str) -> bool:
    return record.has(name) or record.has(f"meet.{name}")


def _text(call: Record, name: str) -> str | None:
    return call.text(f"meet.{name}", name)


def _parameters(event: Record) -> Record:
    """Give an event's parameters as columns; only those of use, of the forty that there are."""
    found: dict[str, Any] = {}
    for parameter in event.records("parameters"):
        name = parameter.columns.get("name")
        value = parameter.value("value", "intValue", "boolValue") if name in _PARAMETERS else None
        if value is not None:
            found.setdefault(str(name), value)
    return Record(found, event.options)


def _end(record: Record) -> datetime:
    """Give the time of an activity, which is when the endpoint left."""
    microseconds = record.number("time_usec")
    if microseconds is not None:
        try:
            return epoch_instant(microseconds / 1000, "ms")
        except BadTime:
            column = record.spelling("time_usec")
            raise UnreadableField(
                column, "is no number of microseconds since 1970", shape_of(record.value("time_usec"))
            ) from None
    for name in ("id.time", "time"):
        moment = record.moment(name)
        if moment is not None:
            return moment
    raise UnreadableField("id.time", "is missing")


def _start(call: Record, ended_at: datetime) -> str | None:
    """Give when the endpoint came, or None where its duration is missing: its end alone is left as a trace."""
    seconds = call.number("meet.duration_seconds", "duration_seconds")
    if seconds is None:
        return None
    column = call.spelling("duration_seconds")
    if seconds < 0:
        raise UnreadableField(column, "is less than 0", shape_of(seconds))
    try:
        return as_utc(ended_at - timedelta(seconds=seconds))
    except OverflowError:
        raise UnreadableField(column, "is too long", shape_of(seconds)) from None


def _who_called(call: Record) -> Who:
    identifier, kind = _text(call, "identifier"), _text(call, "identifier_type")
    who: Who = {"name": _text(call, "display_name")}
    if kind == "phone_number":
        who["phone"] = identifier
    elif kind == "email_address" or (kind is None and identifier and "@" in identifier):
        who["email"] = identifier
    return who


def _is_participant(record: Record) -> bool:
    return record.has(_FIRST) or any(
        record.has(user) or record.has(f"{user}.displayName") or record.has(f"{user}.user") for user in _USERS
    )


def _who_took_part(record: Record) -> Who:
    user = record.text("signedinUser.user")
    if user is not None or record.text("signedinUser.displayName"):
        return {"email": _address(user, record.options.addresses), "name": record.text("signedinUser.displayName")}
    number = record.text("phoneUser.displayName")
    return {"phone": number} if number else {"name": record.text("anonymousUser.displayName")}


def _address(user: str | None, addresses: Mapping[str, str]) -> str | None:
    if user is None:
        return None
    bare = user.removeprefix("users/")
    return addresses.get(bare) or addresses.get(f"users/{bare}")


def _stays(record: Record) -> list[tuple[Record, str, str]]:
    """Give what holds the times of each presence, and the names of its two times."""
    sessions = record.records("participantSessions") or record.records("sessions")
    if sessions:
        return [(session, "startTime", "endTime") for session in sessions]
    if record.has("startTime"):
        return [(record, "startTime", "endTime")]
    return [(record, _FIRST, "latestEndTime")]


def _meeting(record: Record) -> str | None:
    """Give the key of a participant's meeting: by its code, or by what the user says of its space or conference."""
    code = record.text("space.meetingCode", "meetingCode", "meeting_code")
    if code:
        return meet_key(code)
    known, ids = record.options.conference_keys, [record.text("space.name"), _space(record)]
    conference = _CONFERENCE.match(record.text("name") or record.text("conferenceRecord") or "")
    ids.append(conference[0] if conference else None)
    for one in ids:
        for spelled in (one, one.partition("/")[2]) if one else ():
            if spelled in known:
                return meet_key(known[spelled]) or known[spelled]
    return None


def _space(record: Record) -> str | None:
    space = record.value("space")
    return space.strip() if isinstance(space, str) else None


def _unknown_shape(record: Record) -> Exception:
    name = record.value("name")
    parts = name.split("/") if isinstance(name, str) else []
    if parts[:1] == ["conferenceRecords"] and len(parts) == 2:
        return SkippedRecord(_NO_PARTICIPANTS)
    if "participantSessions" in parts:
        return UnreadableField(
            None, "is a session without its participant: put it into the participant's list participantSessions"
        )
    return UnreadableField(
        None, "the record fits no known shape: it has no events, no duration_seconds, and no user of Meet"
    )


FEED = GoogleMeetFeed()
