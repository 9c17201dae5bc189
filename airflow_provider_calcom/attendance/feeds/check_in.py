"""Check-ins at a reception, of a kiosk or out of a warehouse, and lists of who joined and left.

They have no fixed shape, so the option ``columns`` says which of the feed's columns is which, for instance
``columns={"booking_uid": "reservation", "checked_in_at": "scanned_at"}``. Fields that are not named there are looked
for by the names in :data:`FIELDS`: their own, and those of Moodle's exports and of extensions for Google Meet.

Facts about the latter are from public code: the export of Moodle's mod_zoom (ID number, Name, Email, Join time, Leave
time, Duration in whole minutes, times as ``18/11/26, 09:00``), Moodle's log (Time, User full name, Event name), and
extensions that write Participant Name, Joined At, Left At (or ``Still in meeting``) and Duration; Name, Email, Time and
Type (Join or Leave); or Name, Email, Time and Date. ``Joined``, ``Left``, ``First Seen`` and ``Last Seen`` are read,
too; they were not checked against an export.

Moodle's log has the events of all modules. Those of its core about a page that was viewed are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from airflow_provider_calcom.attendance.feeds._events import Event, SessionPairer
from airflow_provider_calcom.attendance.feeds._feed import OF_EVERY_FEED, RecordFeed
from airflow_provider_calcom.attendance.feeds._people import one_name
from airflow_provider_calcom.attendance.feeds._record import Record
from airflow_provider_calcom.attendance.feeds._report import FeedReport
from airflow_provider_calcom.attendance.feeds._row import AttendanceRow
from airflow_provider_calcom.attendance.feeds._times import after_midnight, as_utc, completed, is_clock
from airflow_provider_calcom.attendance.feeds.errors import SkippedRecord, UnreadableField, shown_columns
from airflow_provider_calcom.attendance.feeds.options import FeedOptions

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
    "joined_at": ("joined_at", "join time", "time joined", "joined", "join", "first seen", "first seen at"),
    "left_at": ("left_at", "leave time", "time left", "left", "leave", "last seen", "last seen at"),
    "duration": ("duration", "time in call"),
    "action": ("action", "event name", "event", "type"),
    "time": ("time", "timestamp"),
    "date": ("date",),
}
"""What the option ``columns`` may name, and the names that are known without it."""

_NOT_CHECKED_IN = "not checked in"
_REPEATED = "repeats another event"
_LOOKED_AT = "a page of Moodle that was viewed"
_OF_PAGES = frozenset(("course viewed", "course module viewed", "course module instance list viewed"))
_STILL_THERE = frozenset(("still in meeting", "still in call", "still present", "in meeting", "in call", "-", "--"))
_JOINED = frozenset(("join", "joined", "joins", "enter", "entered", "in", "meeting joined", "session joined"))
_LEFT = frozenset(("leave", "left", "leaves", "exit", "exited", "out", "meeting left", "session left"))


class CheckInFeed(RecordFeed):
    """A row of kind ``check_in`` for each record with the time of a check-in, and a presence where somebody joined.

    A record has a ``checked_in_at`` (null: nobody checked in, and it is left out); or ``joined_at``, ``left_at``, or
    one of them and a ``duration``; or the ``time`` of an ``action``, joining or leaving, of which two make a presence;
    or a ``time`` alone, which is a check-in.

    A time is an aware datetime or an ISO string with a zone; one without needs the option ``zone``; a clock without a
    date needs the option ``date`` or a column of that name; a number needs the option ``epoch``.
    """

    name = "check_in"
    page_keys = ("check_ins", "data", "rows")
    fields = FIELDS
    option_names = (*OF_EVERY_FEED, "epoch", "joined_words", "left_words")
    skips = (_NOT_CHECKED_IN, _REPEATED, _LOOKED_AT)

    def rows(
        self, records: Iterable[Mapping[str, Any]], report: FeedReport, options: FeedOptions
    ) -> Iterator[AttendanceRow]:
        """See :meth:`Feed.rows`; those of joinings and leavings when both came, or at the end."""
        pairer = SessionPairer()
        for columns in records:
            record = Record(columns, options)
            try:
                if _is_event(record):
                    yield from self._of_event(record, pairer)
                else:
                    yield from self.rows_of(record)
            except UnreadableField as fault:
                report.unreadable(fault)
            except SkippedRecord as skipped:
                report.skip(skipped.reason)
        yield from pairer.flush()

    def rows_of(self, record: Record) -> Iterator[AttendanceRow]:
        """Return the check-in, or the presence."""
        began, ended = _stay(record)
        if began or ended:
            row = self._who(record, "person")
            yield {**row, "joined_at": as_utc(began) if began else None, "left_at": as_utc(ended) if ended else None}
        else:
            yield {**self._who(record, "check_in"), "joined_at": as_utc(_check_in(record))}

    def _of_event(self, record: Record, pairer: SessionPairer) -> Iterator[AttendanceRow]:
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
        if not (row["participant"] or row["email"] or row["name"] or row["phone"]):
            # Of nobody that is named there may be several, so these are neither a pair nor a repeat.
            yield {**row, "left_at": as_utc(at)} if is_end else {**row, "joined_at": as_utc(at)}
            return
        if pairer.is_repeat(event):
            raise SkippedRecord(_REPEATED)
        yield from pairer.add(event)

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
            email=_text(record, "email"),
            name=_name(record),
            phone=_text(record, "phone"),
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

    :raises SkippedRecord: for an event of Moodle that is known to be neither.
    :raises UnreadableField: for a word that is neither: what it means for somebody's presence is not known.
    """
    word = " ".join((_text(record, "action") or "").casefold().split())
    options = record.options
    if word in _LEFT or word in (one.casefold() for one in options.left_words):
        return True
    if word in _JOINED or word in (one.casefold() for one in options.joined_words):
        return False
    if word in _OF_PAGES:
        raise SkippedRecord(_LOOKED_AT)
    raise UnreadableField(
        _column(record, "action"),
        "is neither a word for joining nor one for leaving. Name the words with the options joined_words and"
        " left_words, and leave other events out of the export",
    )


def _is_of_moodle(record: Record) -> bool:
    """Return whether the record is of mod_zoom, which counts whole minutes under the name Duration."""
    return record.has("ID number")


def _stay(record: Record) -> tuple[datetime | None, datetime | None]:
    """Return when somebody joined and left, as far as the record says; of beginning, end and length two are enough."""
    began, ended = _moment(record, "joined_at"), _moment(record, "left_at", is_end=True)
    if is_clock(_text(record, "left_at") or ""):
        ended = after_midnight(began, ended)
    length = _column(record, "duration") if (began is None) != (ended is None) else None
    seconds = record.seconds(length, in_minutes=_is_of_moodle(record)) if length else None
    return completed(began, ended, seconds)


def _check_in(record: Record) -> datetime:
    """Return when somebody checked in, of a record without joining and leaving.

    :raises SkippedRecord: if nobody did.
    :raises UnreadableField: if the record says of nothing when it was.
    """
    at = _moment(record, "checked_in_at") or _moment(record, "time")
    if at is not None:
        return at
    if _column(record, "checked_in_at"):
        raise SkippedRecord(_NOT_CHECKED_IN)
    if any(_column(record, field) for field in ("joined_at", "left_at", "time")):
        raise UnreadableField(None, "the record has no time at all, though it may be of somebody who came")
    raise UnreadableField(
        None,
        "the record lacks checked_in_at, and joined_at and left_at, too; the option columns says what they are called."
        f" It has: {shown_columns(record.columns)}",
    )


def _name(record: Record) -> str | None:
    """Return the person's name, also of two columns; both where a record has both, and they differ."""
    parts = _text(record, "first_name"), _text(record, "last_name")
    return one_name(_text(record, "name"), " ".join(part for part in parts if part) or None)


def _column(record: Record, field: str) -> str | None:
    """Return the name of a field's column, or None where it is missing.

    :raises UnreadableField: where two columns may be it, and differ: taking either could take another person's.
    """
    own = record.options.own_column(field)
    names = [own] if own is not None else [name for name in (field, *FIELDS[field]) if record.has(name)]
    filled = {record.spelling(name): record.value(name) for name in names if record.value(name) not in (None, "")}
    if any(value != next(iter(filled.values())) for value in filled.values()):
        raise UnreadableField(
            None, f"{' and '.join(filled)} differ, and either may be {field}; the option columns says which it is"
        )
    known = next(iter(filled), None) or next(iter(names), None)
    return known if known is not None and record.has(known) else None


def _text(record: Record, field: str) -> str | None:
    column = _column(record, field)
    return record.text(column) if column else None


def _moment(record: Record, field: str, *, is_end: bool = False) -> datetime | None:
    """Return the time of a field, or None where it is blank or says that the person is still there."""
    column = _column(record, field)
    if column is None:
        return None
    if record.options.epoch is not None:
        return record.epoch(column, record.options.epoch)
    value = record.value(column)
    if isinstance(value, (int, float, Decimal)) or (isinstance(value, str) and value.strip().isdecimal()):
        raise UnreadableField(record.spelling(column), "is a number; the option epoch, 's' or 'ms', says of what")
    if is_end and isinstance(value, str) and value.strip().casefold() in _STILL_THERE:
        return None
    return record.moment(column, is_end=is_end, day=_text(record, "date"))


FEED = CheckInFeed()
