"""Webex: meeting participants and the attendee report of the API, and the attendance reports of its site as CSV.

Facts are from the Webex API reference (``GET /meetingParticipants``, ``GET /meetingReports/attendees``) and its
published schemas; the columns of exports from exports in public code. In the API, a time that is not known yet is
missing or 1970-01-01T00:00:00.000Z. The ``state`` of a participant tells of the lobby; the ``state`` of a report's
attendee is the one that the person lives in. Webex does not say of itself who is a machine, so no row is of kind
``bot``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from airflow_provider_calcom.attendance.feeds.base import OF_EVERY_FEED, RecordFeed, required
from airflow_provider_calcom.attendance.feeds.conference_keys import webex_key
from airflow_provider_calcom.attendance.feeds.errors import SkippedRecord
from airflow_provider_calcom.attendance.feeds.options import FeedOptions
from airflow_provider_calcom.attendance.feeds.phones import phone_in_name
from airflow_provider_calcom.attendance.feeds.record import Record
from airflow_provider_calcom.attendance.feeds.rows import AttendanceRow
from airflow_provider_calcom.attendance.feeds.tables import Placed, TableLine, records_under_header
from airflow_provider_calcom.attendance.feeds.times import as_utc

_NOT_YET = "neither joined nor left yet"
_JOINED = ("joinedTime", "joinTime", "joined_at")
_LEFT = ("leftTime", "leaveTime", "left_at")
_NAMES = ("displayName", "Name", "attendeeName", "participantName")
_EMAILS = ("email", "attendeeEmail", "participantEmail")
_LINKS = ("webLink", "meetingLink", "joinLink", "meetingNumber")
_MEETING_IDS = ("meetingId", "conferenceId", "meetingSeriesId", "scheduledMeetingId")
_FORMULA = re.compile(r'^="([^"]*)"$')


class WebexFeed(RecordFeed):
    """Participants of Webex meetings: a row for each of a participant's devices, or one where none are told.

    A participant's record has only ``meetingId``, which is in no link. Put the meeting's ``webLink`` or
    ``meetingNumber`` into the records or beside ``items``, or give the option ``conference_key``, or
    ``conference_keys={meetingId: webLink}``. Cal.com's location is the ``webLink``, so that is the one to prefer. The
    site's reports name no meeting and have local times: give ``conference_key`` and ``zone``.
    """

    name = "webex"
    page_keys = ("items",)
    option_names = (*OF_EVERY_FEED, "booking_uids")
    skips = (_NOT_YET,)
    page_fields = ("webLink", "meetingNumber", "meetingId", "booking_uid")

    def records_of_table(self, lines: Iterable[TableLine], options: FeedOptions) -> Iterator[Placed]:
        """Give the attendees of a report, whose times are written as formulas, ``="2026-01-15 10:00:03"``."""
        plain = (TableLine(line.row, [_FORMULA.sub(r"\1", cell) for cell in line.cells]) for line in lines)
        return records_under_header(plain, self.known_columns(options))

    def key_of(self, meeting: str) -> str | None:
        """Give ``webex:`` and the meeting number, or what the join link has in its place."""
        return webex_key(meeting)

    def rows_of(self, record: Record) -> Iterator[AttendanceRow]:
        """Give the rows of a participant or of a report's attendee."""
        if not any(record.has(name) for name in (*_JOINED, "devices")):
            required(record, _JOINED[0])
        if not any(record.has(name) for name in (*_NAMES, *_EMAILS)):
            required(record, _EMAILS[0])
        presences = [*self._of_devices(record)] or [*self._of_participant(record)]
        if not presences:
            raise SkippedRecord(_NOT_YET)
        yield from presences

    def _of_devices(self, record: Record) -> Iterator[AttendanceRow]:
        for device in record.records("devices"):
            times = _time(device, _JOINED), _time(device, _LEFT, is_end=True)
            if any(times):
                yield self._presence(record, device.text("phoneNumber"), *times)

    def _of_participant(self, record: Record) -> Iterator[AttendanceRow]:
        times = _time(record, _JOINED), _time(record, _LEFT, is_end=True)
        if any(times):
            yield self._presence(record, None, *times)

    def _presence(self, record: Record, phone: str | None, joined_at: str | None, left_at: str | None) -> AttendanceRow:
        name = record.text(*_NAMES)
        return self.row(
            record,
            kind="lobby" if record.text("state") == "lobby" else "person",
            booking_uid=self.booking_of(record, _MEETING_IDS),
            conference_key=self.meeting_of(record, _LINKS, _MEETING_IDS),
            email=record.text(*_EMAILS),
            name=name,
            phone=phone or record.text("phoneNumber") or phone_in_name(name),
            joined_at=joined_at,
            left_at=left_at,
        )


def _time(record: Record, names: tuple[str, ...], *, is_end: bool = False) -> str | None:
    moments = (record.moment(name, is_end=is_end, epoch_is_null=True) for name in names)
    found: datetime | None = next((moment for moment in moments if moment is not None), None)
    return as_utc(found) if found else None


FEED = WebexFeed()
