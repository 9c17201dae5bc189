"""Rows that are canonical already, as a task or another tool wrote them; they are checked, not changed."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_provider_calcom.attendance.feeds._feed import RecordFeed, required
from airflow_provider_calcom.attendance.feeds._record import Record
from airflow_provider_calcom.attendance.feeds._row import COLUMNS, KINDS, AttendanceRow
from airflow_provider_calcom.attendance.feeds.errors import UnreadableField, shape_of


class CanonicalFeed(RecordFeed):
    """Rows with the columns of the rules' table ``attendance``.

    ``joined_at`` or ``left_at`` is needed, and so is one of ``booking_uid``, ``conference_key``, ``email`` and
    ``phone``, without which a row is nobody's. ``source`` is ``canonical`` and ``kind`` is ``person`` where they are
    null or missing. Other columns are ignored. Conference keys are read as they are.
    """

    name = "canonical"
    page_keys = ("rows",)
    fields = {name: (name,) for name in COLUMNS}

    def rows_of(self, record: Record) -> Iterator[AttendanceRow]:
        """Return the row itself."""
        if not record.has("left_at"):
            required(record, "joined_at")
        row = self.row(
            record,
            participant=record.text("participant"),
            kind=record.text("kind") or "person",
            booking_uid=record.text("booking_uid"),
            conference_key=record.text("conference_key"),
            email=record.text("email"),
            name=record.text("name"),
            phone=record.text("phone"),
            joined_at=record.time("joined_at"),
            left_at=record.time("left_at", is_end=True),
        )
        row["source"] = record.text("source") or self.name
        if row["kind"] not in KINDS:
            raise UnreadableField(record.spelling("kind"), f"is not one of {', '.join(KINDS)}", shape_of(row["kind"]))
        if row["joined_at"] is None and row["left_at"] is None:
            raise UnreadableField(record.spelling("joined_at"), "is null, and so is left_at")
        if not (row["booking_uid"] or row["conference_key"] or row["email"] or row["phone"]):
            raise UnreadableField(None, "the row has no booking_uid, conference_key, email or phone")
        yield row


FEED = CanonicalFeed()
