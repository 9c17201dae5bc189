"""Zoom: the API's lists of participants, webhooks, and the exports of the portal.

Facts are from Zoom's API reference (report, dashboard and past meeting participants, meeting webhooks), its changelog
on hidden fields, and the types of its own library rivet; the columns of exports from exports in public code. Zoom
blanks the e-mail addresses of guests who did not register and are not on the invite; such rows have a name alone. It
does not itself say who is a bot, so no row is of kind ``bot``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import SplitResult

from airflow_provider_calcom.attendance.feeds._feed import OF_EVERY_FEED, RecordFeed, required
from airflow_provider_calcom.attendance.feeds._files.tables import NumberedRecord, TableLine
from airflow_provider_calcom.attendance.feeds._people import plain
from airflow_provider_calcom.attendance.feeds._record import Record
from airflow_provider_calcom.attendance.feeds._report import FeedReport
from airflow_provider_calcom.attendance.feeds._row import AttendanceRow
from airflow_provider_calcom.attendance.feeds._times import are_of_one_form, as_utc, completed
from airflow_provider_calcom.attendance.feeds.errors import SkippedRecord, UnreadableField, shape_of
from airflow_provider_calcom.attendance.feeds.options import FeedOptions
from airflow_provider_calcom.attendance.feeds.zoom.columns import FIELDS, ZoomColumns, columns_of
from airflow_provider_calcom.attendance.feeds.zoom.events import NOTHING_OF_A_PRESENCE, ZoomEvents
from airflow_provider_calcom.attendance.feeds.zoom.exports import records_of_export
from airflow_provider_calcom.attendance.feeds.zoom.keys import zoom_key, zoom_key_of_url
from airflow_provider_calcom.attendance.feeds.zoom.meetings import MeetingsNamed, meeting_key
from airflow_provider_calcom.attendance.feeds.zoom.people import (
    email_of,
    is_zoom_room,
    name_of,
    participant_of,
    phone_of,
)
from airflow_provider_calcom.attendance.feeds.zoom.words import NO, YES

_STAYED_AWAY = "a registrant who did not come"
_OTHER_IDENTITIES = ("registrant_id", "registrant_email", "phone_number")
_BLANK_TIMES = ("--", "-", "—")


class ZoomFeed(RecordFeed):
    """Participants of Zoom meetings and webinars, in whichever shape they come.

    A meeting's response of the API does not name the meeting: set the option ``conference_key``, or put ``meeting_id``
    into the records or beside ``participants``. Exports have the account's local time: give ``zone``, and
    ``date_format`` where days and months can be mistaken.
    """

    name = "zoom"
    page_keys = ("participants", "meetings", "webinars")
    page_fields = {
        **{name: name for name in ("meeting", "webinar", "meeting_number", "webinar_id", "webinar_uuid")},
        # A meeting object has its participants beside its id and uuid; a participant's own id is another thing.
        "id": "page_id",
        "uuid": "meeting_uuid",
        **{name: name for name in ("meeting_id", "meeting_uuid", "booking_uid")},
    }
    option_names = (*OF_EVERY_FEED, "booking_uids")
    fields = FIELDS
    skips = (_STAYED_AWAY, *NOTHING_OF_A_PRESENCE)

    def key_of(self, meeting: str) -> str | None:
        """Return ``zoom:`` and the digits of a meeting id or join link."""
        return zoom_key(re.sub(r"(?<=\d)\.0$", "", meeting))  # a data frame's column of ids that has nulls in it

    def key_of_url(self, url: SplitResult) -> str | None:
        """Return the conference key of a join link, or None."""
        return zoom_key_of_url(url)

    def rows(
        self, records: Iterable[Mapping[str, Any]], report: FeedReport, options: FeedOptions
    ) -> Iterator[AttendanceRow]:
        """Return the rows; those of events when both halves came, or at the end.

        :raises FeedUnreadable: where some records name their meeting and others don't.
        """
        events = ZoomEvents(self)
        meetings = MeetingsNamed(options)
        for columns in records:
            record = Record(columns, options)
            is_event = record.has("event") and not columns_of(record).joined
            try:
                for row in events.rows_of(record) if is_event else self.rows_of(record):
                    meetings.add(row, report)
                    yield row
            except UnreadableField as fault:
                report.unreadable(fault)
            except SkippedRecord as skipped:
                report.skip(skipped.reason)
        for row in events.flush(report):
            meetings.add(row, report)
            yield row
        meetings.check(report)

    def rows_of(self, record: Record) -> Iterator[AttendanceRow]:
        """Return the row of a participant as the report, dashboard or past meeting API or an export has it."""
        columns = columns_of(record)
        _check_columns(record, columns)
        _check_attended(record, columns)
        joined, left = _stay(record, columns)
        name, is_doubtful = name_of(record, columns)
        is_room = columns.has_device and is_zoom_room(record)
        row = self.row(
            record,
            kind="lobby" if _is_in_lobby(record, columns) or is_doubtful else "person",
            participant=None if is_room else participant_of(record),
            booking_uid=self.booking_of(record, (*columns.meeting_uuids, *columns.meeting_ids)),
            conference_key=meeting_key(self, record, columns.meeting_ids, columns.meeting_uuids, columns.perhaps_ids),
            email=email_of(record, columns),
            name=name,
            phone=phone_of(record, columns),
            joined_at=joined,
            left_at=left,
        )
        yield row
        if is_room and (record.number("in_room_participants") or 0) > 1:
            # More people were in the room than it names, so anybody who is not seen may have been among them.
            nobody = {"kind": "lobby", "participant": None, "email": None, "name": None, "phone": None}
            yield {**row, **nobody}  # type: ignore[typeddict-item]

    def records_of_table(self, lines: Iterable[TableLine], options: FeedOptions) -> Iterator[NumberedRecord]:
        """Return the participants of an export."""
        return records_of_export(lines, options)


def _check_columns(record: Record, columns: ZoomColumns) -> None:
    if columns.is_whole:
        raise UnreadableField(
            None, "the record lacks Join Time: the export has one row a person. Export it again without unique users"
        )
    if not columns.joined and not (columns.left and columns.durations):
        required(record, "join_time")
    if not columns.names and not columns.emails and not any(map(record.has, _OTHER_IDENTITIES)):
        required(record, "name")


def _check_attended(record: Record, columns: ZoomColumns) -> None:
    """Leave out who did not come: a webinar's report lists all registrants.

    :raises SkippedRecord: for those.
    """
    for column in columns.attended:
        answer = _answer(record, column)
        came = any(not _is_blank(record, name) for name in (*columns.joined, *columns.left))
        if answer is False and not came:
            raise SkippedRecord(_STAYED_AWAY)
        if answer is False:
            raise UnreadableField(column, "says that somebody did not come, whose time of joining is there")


def _is_blank(record: Record, column: str) -> bool:
    value = record.value(column)
    return value is None or (isinstance(value, str) and value.strip() in ("", *_BLANK_TIMES))


def _stay(record: Record, columns: ZoomColumns) -> tuple[str | None, str | None]:
    """Return when a stay began and ended; where one is not known, by its length."""
    _check_one_time(record, columns.joined)
    _check_one_time(record, columns.left)
    joined, left = record.stay(columns.joined, columns.left)
    if not are_of_one_form(record.value(*columns.joined), record.value(*columns.left)):
        raise UnreadableField(columns.left[0], "is of another form than the time of joining: one of them was cut")
    if columns.durations and (joined is None or left is None):
        joined, left = completed(joined, left, record.seconds(*columns.durations))
    if joined is None and left is None:
        column = (*columns.joined, *columns.left)[0]
        raise UnreadableField(column, "is blank, and so is the time of leaving: who was there is not to be lost")
    return as_utc(joined) if joined else None, as_utc(left) if left else None


def _check_one_time(record: Record, columns: tuple[str, ...]) -> None:
    found = {repr(record.value(name)) for name in columns if not _is_blank(record, name)}
    if len(found) > 1:
        raise UnreadableField(columns[0], "is one of several such columns, which differ; name one in columns")


def _is_in_lobby(record: Record, columns: ZoomColumns) -> bool:
    if any(_answer(record, column) for column in columns.waiting):
        return True
    status = None if columns.is_export else record.text("status")
    known = plain(status or "in_meeting")
    if known not in ("inmeeting", "inwaitingroom"):
        raise UnreadableField(record.spelling("status"), "is neither in_meeting nor in_waiting_room", shape_of(status))
    return known == "inwaitingroom"


def _answer(record: Record, column: str) -> bool | None:
    """Return what Yes or No says in any language; None where nothing is said."""
    value = record.value(column)
    if isinstance(value, bool):
        return value
    answer = plain(record.text(column) or "")
    if not answer:
        return None
    if answer not in YES and answer not in NO:
        raise UnreadableField(column, "is neither Yes nor No", shape_of(record.text(column)))
    return answer in YES


FEED = ZoomFeed()
