"""Zoom: the API's lists of participants, webhooks, and the CSV exports of the portal.

Facts are from Zoom's API reference (report, dashboard and past meeting participants, meeting webhooks), its changelog
on hidden fields, and the types of its own library rivet; the columns of exports from exports in public code. Zoom
blanks the e-mail addresses of guests who did not register and are not on the invite; such rows have a name alone. It
does not say of itself who is a machine, so no row is of kind ``bot``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airflow_provider_calcom.attendance.feeds import zoom_events
from airflow_provider_calcom.attendance.feeds.base import OF_EVERY_FEED, RecordFeed, required
from airflow_provider_calcom.attendance.feeds.conference_keys import zoom_key
from airflow_provider_calcom.attendance.feeds.errors import SkippedRecord, UnreadableField, shape_of
from airflow_provider_calcom.attendance.feeds.options import FeedOptions
from airflow_provider_calcom.attendance.feeds.pairing import Pairing
from airflow_provider_calcom.attendance.feeds.phones import phone_in_name
from airflow_provider_calcom.attendance.feeds.record import Record, folded_name
from airflow_provider_calcom.attendance.feeds.report import FeedReport
from airflow_provider_calcom.attendance.feeds.rows import AttendanceRow
from airflow_provider_calcom.attendance.feeds.tables import (
    Placed,
    TableLine,
    header_of,
    is_blank,
    record_of_line,
)
from airflow_provider_calcom.attendance.feeds.zoom_events import take_event

_EXPORTED_NAME = "Name (Original Name)"
_NAMES = (_EXPORTED_NAME, "name", "user_name", "Participant")
_EMAILS = ("user_email", "email", "registrant_email")
_MEETING_IDS = ("meeting_id", "meeting_number")
_MEETING_UUIDS = ("meeting_uuid", "meeting_instance_uuid")


class ZoomFeed(RecordFeed):
    """Participants of Zoom meetings, in whichever shape they come.

    A meeting's answer of the API does not name the meeting: give the option ``conference_key``, or put ``meeting_id``
    into the records or beside ``participants``. Exports have the account's local time: give ``zone``, and
    ``date_format`` where days and months can be mistaken.
    """

    name = "zoom"
    page_keys = ("participants",)
    page_fields = ("meeting_id", "meeting_uuid", "booking_uid")
    option_names = (*OF_EVERY_FEED, "booking_uids")
    skips = (*zoom_events.SKIPS,)

    def key_of(self, meeting: str) -> str | None:
        """Give ``zoom:`` and the digits of a meeting id or join link."""
        return zoom_key(meeting)

    def rows(
        self, records: Iterable[Mapping[str, Any]], report: FeedReport, options: FeedOptions
    ) -> Iterator[AttendanceRow]:
        """Give the rows; those of events when both halves came, or at the end."""
        pairing = Pairing()
        for columns in records:
            record = Record(columns, options)
            try:
                if record.has("event") and not record.has("join_time"):
                    yield from take_event(self, record, pairing)
                else:
                    yield from self.rows_of(record)
            except UnreadableField as fault:
                report.unreadable(fault)
            except SkippedRecord as skipped:
                report.skip(skipped.reason)
        yield from pairing.rest()

    def rows_of(self, record: Record) -> Iterator[AttendanceRow]:
        """Give the row of a participant as the report, dashboard or past meeting API or an export has it."""
        _check_columns(record)
        name = record.text(*_NAMES)
        yield self.row(
            record,
            kind="lobby" if _is_in_lobby(record) else "person",
            booking_uid=self.booking_of(record, (*_MEETING_UUIDS, *_MEETING_IDS)),
            conference_key=self.meeting_of(record, _MEETING_IDS, _MEETING_UUIDS),
            email=_email(record),
            name=name,
            phone=record.text("phone_number") or _dialled_from(record) or phone_in_name(name),
            joined_at=record.time("join_time"),
            left_at=record.time("leave_time", is_end=True),
        )

    def records_of_table(self, lines: Iterable[TableLine], options: FeedOptions) -> Iterator[Placed]:
        """Give the participants of an export, which may begin with a table of one line about the meeting."""
        return _records_of_export(lines)


def _check_columns(record: Record) -> None:
    if record.has("Total Duration (Minutes)") and not record.has("join_time"):
        raise UnreadableField(
            None, "the record lacks Join Time: the export has one row a person. Export it again without unique users"
        )
    required(record, "join_time")
    if not any(record.has(name) for name in (*_NAMES, *_EMAILS)):
        required(record, "name")


def _email(record: Record) -> str | None:
    """Give the participant's address.

    The export of all meetings has two columns User Email, the host's and then the participant's, which loaders number
    each in its own way. Where the latter is blank, the former must not stand for it.
    """
    if not record.has(_EXPORTED_NAME):
        return record.text(*_EMAILS)
    column = next(
        (name for name in ("User Email_duplicated_0", "User Email 2", "User Email 1") if record.has(name)), None
    )
    return record.text(column) if column else record.text(*_EMAILS)


def _is_in_lobby(record: Record) -> bool:
    answer = (record.text("In Waiting Room") or "no").lower()
    if answer not in ("yes", "no", "true", "false"):
        column = record.spelling("In Waiting Room")
        raise UnreadableField(column, "is neither Yes nor No", shape_of(answer))
    return answer in ("yes", "true") or record.text("status") == "in_waiting_room"


def _dialled_from(record: Record) -> str | None:
    """Give the telephone that the dashboard has for a participant's audio."""
    numbers = [call.text("call_number") for call in record.records("audio_call")]
    return next((number for number in numbers if number), None)


def _records_of_export(lines: Iterable[TableLine]) -> Iterator[Placed]:
    about: dict[str, Any] = {}
    header: list[str] | None = None
    about_header: list[str] | None = None
    for line in lines:
        if is_blank(line):
            continue
        columns = {folded_name(cell) for cell in line.cells}
        if "topic" in columns and columns & {"meetingid", "id"} and "jointime" not in columns:
            about_header, header = header_of(line), None
        elif about_header is not None:
            about, about_header = _about(about_header, line), None
        elif header is None:
            header = header_of(line)
        else:
            record = record_of_line(header, line)
            yield line.row, record if isinstance(record, UnreadableField) else {**about, **record}
    if header is None and (about or about_header):
        yield None, UnreadableField(None, "the file has no table of participants")


def _about(header: list[str], line: TableLine) -> dict[str, Any]:
    """Take over the meeting's number alone: its other columns, as the host's e-mail, are not the participants'."""
    found = next((at for at, name in enumerate(header) if folded_name(name) in ("meetingid", "id")), None)
    return {} if found is None or found >= len(line.cells) else {"Meeting ID": line.cells[found]}


FEED = ZoomFeed()
