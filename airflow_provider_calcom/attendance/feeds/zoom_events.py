"""Zoom's webhooks of meetings and webinars: what each event tells of a presence.

Facts are from the types of Zoom's library rivet and from payloads in public code: ``payload.object`` is the meeting
with ``id``, ``uuid`` and ``participant``; joining has ``join_time``, leaving ``leave_time``, waiting rooms
``date_time``; ``event_ts`` is in milliseconds. A participant is known by ``participant_uuid`` or, in older payloads, by
``user_id``, within one ``uuid``, which is of one instance of the meeting.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from datetime import datetime

from airflow_provider_calcom.attendance.feeds.base import RecordFeed
from airflow_provider_calcom.attendance.feeds.errors import SkippedRecord, UnreadableField
from airflow_provider_calcom.attendance.feeds.pairing import Event, Pairing
from airflow_provider_calcom.attendance.feeds.phones import phone_in_name
from airflow_provider_calcom.attendance.feeds.record import Record
from airflow_provider_calcom.attendance.feeds.rows import AttendanceRow
from airflow_provider_calcom.attendance.feeds.times import as_utc

_MEETING = "payload.object"
_PARTICIPANT = "payload.object.participant"

# The kind of presence, and whether the event ends it. A breakout room is another presence in the same meeting.
_KINDS = {
    "participant_joined": ("person", False),
    "participant_left": ("person", True),
    "participant_joined_breakout_room": ("person", False),
    "participant_left_breakout_room": ("person", True),
    "participant_joined_waiting_room": ("lobby", False),
    "participant_put_in_waiting_room": ("lobby", False),
    "participant_jbh_waiting": ("lobby", False),
    "participant_admitted": ("lobby", True),
    "participant_left_waiting_room": ("lobby", True),
    "participant_jbh_waiting_left": ("lobby", True),
}
_OTHER_EVENT = "an event that tells nothing of a presence"
_MEETING_ENDED = "the end of a meeting"
REPEATED_EVENT = "repeats another event"
SKIPS = (_OTHER_EVENT, _MEETING_ENDED, REPEATED_EVENT)
"""Events that may be left out."""

_JOINED_BEFORE_HOST = "participant_jbh_joined"


def take_event(feed: RecordFeed, record: Record, pairing: Pairing) -> Iterator[AttendanceRow]:
    """Give the rows that an event completes.

    :param feed: makes the rows.
    :param record: the webhook's body.
    :param pairing: holds the events whose other half did not come yet.
    :raises SkippedRecord: for a repeat, and for events that tell nothing of a presence.
    :raises UnreadableField: where what is needed of the event is missing.
    """
    family, _, name = (record.text("event") or "").partition(".")
    if family not in ("meeting", "webinar") or name not in (*_KINDS, "ended", _JOINED_BEFORE_HOST):
        raise SkippedRecord(_OTHER_EVENT)
    meeting = record.text(f"{_MEETING}.uuid", f"{_MEETING}.id")
    if meeting is None:
        raise UnreadableField(None, f"the event lacks {_MEETING}.uuid")
    if name == "ended":
        pairing.end_meeting(meeting, _time(record, [f"{_MEETING}.end_time"]))
        raise SkippedRecord(_MEETING_ENDED)
    if name == _JOINED_BEFORE_HOST:
        # Whether the event of joining comes beside it is not known, so it is a trace, without length.
        at = as_utc(_time(record, [f"{_PARTICIPANT}.join_time"]))
        yield {**_row(feed, record, "person"), "joined_at": at, "left_at": at}
        return
    event = _event(feed, record, meeting, name)
    if pairing.is_repeat(event):
        raise SkippedRecord(REPEATED_EVENT)
    yield from pairing.take(event)


def _event(feed: RecordFeed, record: Record, meeting: str, name: str) -> Event:
    kind, is_end = _KINDS[name]
    time = "date_time" if kind == "lobby" else "leave_time" if is_end else "join_time"
    room = record.text(f"{_MEETING}.breakout_room_uuid") if "breakout" in name else None
    return Event(
        meeting=meeting,
        participant=(kind, room, _who(record)),
        at=_time(record, [f"{_PARTICIPANT}.{time}"], is_end=is_end),
        is_end=is_end,
        row=_row(feed, record, kind),
    )


def _who(record: Record) -> Hashable:
    for field in ("participant_uuid", "user_id", "id"):
        known = record.text(f"{_PARTICIPANT}.{field}")
        if known is not None:
            return field, known
    named = (record.text(f"{_PARTICIPANT}.email"), record.text(f"{_PARTICIPANT}.user_name"))
    if not any(named):
        raise UnreadableField(None, f"the event lacks {_PARTICIPANT}.participant_uuid")
    return named


def _time(record: Record, names: list[str], *, is_end: bool = False) -> datetime:
    """Give the time of what happened, or else that of the event, which is sent at once."""
    for name in names:
        at = record.moment(name, is_end=is_end)
        if at is not None:
            return at
    sent = record.epoch("event_ts", "ms")
    if sent is None:
        raise UnreadableField(None, f"the event lacks {names[0]} and event_ts")
    return sent


def _row(feed: RecordFeed, record: Record, kind: str) -> AttendanceRow:
    ids, uuids = [f"{_MEETING}.id"], [f"{_MEETING}.uuid"]
    name = record.text(f"{_PARTICIPANT}.user_name")
    return feed.row(
        record,
        kind=kind,
        booking_uid=feed.booking_of(record, (*uuids, *ids)),
        conference_key=feed.meeting_of(record, ids, uuids),
        email=record.text(f"{_PARTICIPANT}.email", f"{_PARTICIPANT}.registrant_email"),
        name=name,
        phone=record.text(f"{_PARTICIPANT}.phone_number") or phone_in_name(name),
    )
