"""Check-ins at a reception, of a kiosk or out of a warehouse, and lists of who joined and left.

They have no fixed shape, so the option ``columns`` says which of the feed's columns is which, for instance
``columns={"booking_uid": "reservation", "checked_in_at": "scanned_at"}``. Fields that are not named there are looked
for by the names in :data:`FIELDS`: their own, and those of Moodle's exports and of extensions for Google Meet.

Facts about the latter are from public code: the export of Moodle's mod_zoom (ID number, Name, Email, Join time, Leave
time, Duration in whole minutes, times as ``18/11/26, 09:00``), Moodle's log (Time, User full name, Event name), and
extensions that write Participant Name, Joined At, Left At (or ``Still in meeting``) and Duration; Name, Email, Time and
Type (Join or Leave); or Name, Email, Time and Date.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from airflow_provider_calcom.attendance.feeds.base import OF_EVERY_FEED, RecordFeed
from airflow_provider_calcom.attendance.feeds.errors import SkippedRecord, UnreadableField, shown_columns
from airflow_provider_calcom.attendance.feeds.options import FeedOptions
from airflow_provider_calcom.attendance.feeds.pairing import Event, Pairing
from airflow_provider_calcom.attendance.feeds.record import Record
from airflow_provider_calcom.attendance.feeds.report import FeedReport
from airflow_provider_calcom.attendance.feeds.rows import AttendanceRow
from airflow_provider_calcom.attendance.feeds.times import as_utc, completed, is_clock

FIELDS = {
    "booking_uid": ("booking_uid",),
    "conference_key": ("conference_key",),
    "email": ("email", "email address", "participant email"),
    "name": ("name", "full name", "user full name", "participant name"),
    "first_name": ("first name",),
    "last_name": ("last name", "surname"),
    "phone": ("phone",),
    "participant": (),
    "checked_in_at": ("checked_in_at",),
    "joined_at": ("joined_at", "join time", "time joined"),
    "left_at": ("left_at", "leave time", "time left"),
    "duration": ("duration",),
    "action": ("action", "event name", "event", "type"),
    "time": ("time", "timestamp"),
    "date": ("date",),
}
"""What the option ``columns`` may name, and the names that are known without it."""

_NOT_CHECKED_IN = "not checked in"
_REPEATED = "repeats another event"
_STILL_THERE = frozenset(("still in meeting", "still in call", "still present", "in meeting", "in call", "-", "--"))
_JOINED = frozenset(("join", "joined", "joins", "enter", "entered", "in", "meeting joined", "session joined"))
_LEFT = frozenset(("leave", "left", "leaves", "exit", "exited", "out", "meeting left", "session left"))


class CheckInFeed(RecordFeed):
    """A row of kind ``check_in`` for each record with the time of a check-in, and a presence where somebody joined.

    A record has a ``checked_in_at`` (null: nobody checked in, and it is left out); or ``joined_at``, ``left_at``, or
    one of them and a ``duration``; or the ``time`` of an ``action``, joining or leaving, of which two make a presence;
    or a ``time`` alone, which is a check-in.

    A time is an aware datetime or ISO text with a zone; one without needs the option ``zone``; a clock without a date
    needs the option ``date`` or a column of that name; a number needs the option ``epoch``.
    """

    name = "check_in"
    page_keys = ("check_ins", "data", "rows")
    fields = FIELDS
    option_names = (*OF_EVERY_FEED, "epoch", "joined_words", "left_words")
    skips = (_NOT_CHECKED_IN, _REPEATED)

    def rows(
        self, records: Iterable[Mapping[str, Any]], report: FeedReport, options: FeedOptions
    ) -> Iterator[AttendanceRow]:
        """See :meth:`Feed.rows`; those of joinings and leavings when both came, or at the end."""
        pairing = Pairing()
        for columns in records:
            record = Record(columns, options)
            try:
                if _is_event(record):
                    yield from self._of_event(record, pairing)
                else:
                    yield from self.rows_of(record)
            except UnreadableField as fault:
                report.unreadable(fault)
            except SkippedRecord as skipped:
                report.skip(skipped.reason)
        yield from pairing.rest()

    def rows_of(self, record: Record) -> Iterator[AttendanceRow]:
        """Give the check-in, or the presence."""
        if _has(record, "joined_at") or _has(record, "left_at"):
            yield self._presence(record)
            return
        field = next((one for one in ("checked_in_at", "time") if _has(record, one)), None)
        if field is None:
            raise UnreadableField(
                None,
                "the record lacks checked_in_at, and joined_at and left_at, too; the option columns says what they are"
                f" called. It has: {shown_columns(record.columns)}",
            )
        at = _moment(record, field)
        if at is None:
            raise SkippedRecord(_NOT_CHECKED_IN)
        yield {**self._who(record, "check_in"), "joined_at": as_utc(at)}

    def _presence(self, record: Record) -> AttendanceRow:
        seconds = record.seconds(*FIELDS["duration"], in_minutes=_is_of_moodle(record))
        began, ended = completed(_moment(record, "joined_at"), _moment(record, "left_at", is_end=True), seconds)
        if began and ended and ended < began and _is_clock(record, "left_at"):
            ended += timedelta(days=1)  # the meeting went past midnight
        if began is None and ended is None:
            raise UnreadableField(record.spelling("joined_at"), "is blank, and so is the end")
        row = self._who(record, "person")
        return {**row, "joined_at": as_utc(began) if began else None, "left_at": as_utc(ended) if ended else None}

    def _of_event(self, record: Record, pairing: Pairing) -> Iterator[AttendanceRow]:
        is_end = _is_leaving(record)
        at = _moment(record, "time", is_end=is_end)
        if at is None:
            raise UnreadableField(record.spelling("time"), "is blank")
        row = self._who(record, "person")
        event = Event(
            meeting=(row["booking_uid"], row["conference_key"]),
            participant=row["participant"] or (row["email"], row["name"], row["phone"]),
            at=at,
            is_end=is_end,
            row=row,
        )
        if pairing.is_repeat(event):
            raise SkippedRecord(_REPEATED)
        yield from pairing.take(event)

    def _who(self, record: Record, kind: str) -> AttendanceRow:
        """Return a row without times.

        :raises UnreadableField: if it is nobody's.
        """
        row = self.row(
            record,
            participant=record.text("participant"),
            kind=kind,
            booking_uid=record.text("booking_uid"),
            conference_key=record.text("conference_key"),
            email=record.text(*FIELDS["email"]),
            name=_name(record),
            phone=record.text("phone"),
        )
        if not (row["booking_uid"] or row["conference_key"] or row["email"] or row["phone"]):
            raise UnreadableField(None, "the record has no booking_uid, email or phone; see the option columns")
        return row


def _has(record: Record, field: str) -> bool:
    return any(record.has(name) for name in (field, *FIELDS[field]))


def _is_event(record: Record) -> bool:
    return (
        _has(record, "action")
        and _has(record, "time")
        and not (_has(record, "checked_in_at") or _has(record, "joined_at") or _has(record, "left_at"))
    )


def _is_leaving(record: Record) -> bool:
    """Return whether an event is a leaving; otherwise it is a joining.

    :raises UnreadableField: for a word that is neither: what it means for somebody's presence is not known.
    """
    word = " ".join((record.text(*FIELDS["action"]) or "").casefold().split())
    options = record.options
    if word in _LEFT or word in (one.casefold() for one in options.left_words):
        return True
    if word in _JOINED or word in (one.casefold() for one in options.joined_words):
        return False
    column = next(name for name in ("action", *FIELDS["action"]) if record.has(name))
    raise UnreadableField(
        record.spelling(column),
        "is neither a word for joining nor one for leaving. Name the words with the options joined_words and"
        " left_words, and leave other events out of the export",
    )


def _is_of_moodle(record: Record) -> bool:
    """Return whether the record is of mod_zoom, which counts whole minutes under the name Duration."""
    return record.has("ID number") and record.has("Join time")


def _is_clock(record: Record, field: str) -> bool:
    value = record.value(field, *FIELDS[field])
    return isinstance(value, str) and is_clock(value)


def _name(record: Record) -> str | None:
    """Return the person's name, also of two columns."""
    if _has(record, "first_name") or _has(record, "last_name"):
        parts = record.text("first_name", *FIELDS["first_name"]), record.text("last_name", *FIELDS["last_name"])
        whole = " ".join(part for part in parts if part)
        if whole:
            return whole
    return record.text(*FIELDS["name"])


def _moment(record: Record, field: str, *, is_end: bool = False) -> datetime | None:
    """Return the time of a field, or None where it is blank or says that the person is still there."""
    column = next((name for name in (field, *FIELDS[field]) if record.has(name)), None)
    if column is None:
        return None
    if record.options.epoch is not None:
        return record.epoch(column, record.options.epoch)
    value = record.value(column)
    if isinstance(value, (int, float, Decimal)) or (isinstance(value, str) and value.strip().isdecimal()):
        raise UnreadableField(record.spelling(column), "is a number; the option epoch, 's' or 'ms', says of what")
    if is_end and isinstance(value, str) and value.strip().casefold() in _STILL_THERE:
        return None
    return record.moment(column, is_end=is_end, day=record.text(*FIELDS["date"]))


FEED = CheckInFeed()
