"""Check-ins at a reception, of a kiosk or out of a warehouse: somebody was there at an instant.

They have no fixed shape, so the option ``columns`` says which of the feed's columns is which, for instance
``columns={"booking_uid": "reservation", "checked_in_at": "scanned_at"}``. Fields that are not named there are looked
for by their own names.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from airflow_provider_calcom.attendance.feeds.base import OF_EVERY_FEED, RecordFeed
from airflow_provider_calcom.attendance.feeds.errors import InvalidFeedOption, SkippedRecord, UnreadableField
from airflow_provider_calcom.attendance.feeds.record import Record
from airflow_provider_calcom.attendance.feeds.rows import AttendanceRow
from airflow_provider_calcom.attendance.feeds.times import as_utc

_NOT_CHECKED_IN = "not checked in"
FIELDS = ("booking_uid", "conference_key", "email", "name", "phone", "participant", "checked_in_at")
"""What the option ``columns`` may name."""


class CheckInFeed(RecordFeed):
    """One row of kind ``check_in`` for each record with a time; a booking nobody checked in for is left out.

    A time is an aware datetime or ISO text with a zone; one without needs the option ``zone``; a number needs the
    option ``epoch``.
    """

    name = "check_in"
    page_keys = ("check_ins", "data", "rows")
    option_names = (*OF_EVERY_FEED, "epoch")
    skips = (_NOT_CHECKED_IN,)

    def rows_of(self, record: Record) -> Iterator[AttendanceRow]:
        """Give the check-in."""
        column = _columns_of(record)
        time = column["checked_in_at"]
        if not record.has(time):
            raise UnreadableField(None, f"the record lacks {time}; the option columns says what it is called")
        checked_in_at = _instant(record, time)
        if checked_in_at is None:
            raise SkippedRecord(_NOT_CHECKED_IN)
        row = self.row(
            record,
            participant=record.text(column["participant"]),
            kind="check_in",
            booking_uid=record.text(column["booking_uid"]),
            conference_key=record.text(column["conference_key"]),
            email=record.text(column["email"]),
            name=record.text(column["name"]),
            phone=record.text(column["phone"]),
            joined_at=checked_in_at,
        )
        if not (row["booking_uid"] or row["conference_key"] or row["email"] or row["phone"]):
            raise UnreadableField(None, "the record has no booking_uid, email or phone; see the option columns")
        yield row


def _columns_of(record: Record) -> dict[str, str]:
    given = record.options.columns
    unknown = sorted(set(given) - set(FIELDS))
    if unknown:
        raise InvalidFeedOption(
            f"The feed's option columns names {', '.join(unknown)[:80]}, but may name only {', '.join(FIELDS)}"
        )
    return {field: given.get(field, field) for field in FIELDS}


def _instant(record: Record, column: str) -> str | None:
    if record.options.epoch is not None:
        moment = record.epoch(column, record.options.epoch)
        return as_utc(moment) if moment else None
    value = record.value(column)
    if isinstance(value, (int, float, Decimal)) or (isinstance(value, str) and value.strip().isdecimal()):
        raise UnreadableField(record.spelling(column), "is a number; the option epoch, 's' or 'ms', says of what")
    return record.time(column)


FEED = CheckInFeed()
