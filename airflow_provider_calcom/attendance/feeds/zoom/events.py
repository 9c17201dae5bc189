"""Zoom's webhooks of meetings and webinars: what each event says of a presence.

Facts are from the types of Zoom's library rivet and from payloads in public code: ``payload.object`` is the meeting
with ``id``, ``uuid`` and ``participant``; joining has ``join_time``, leaving ``leave_time``, waiting rooms
``date_time``; ``event_ts`` is in milliseconds. A participant is known by ``participant_uuid`` or, in older payloads, by
``user_id``, within one ``uuid``, which is of one instance of the meeting.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from airflow_provider_calcom.attendance.feeds._events import MOST_OPEN, REMEMBERED, Event, SessionPairer
from airflow_provider_calcom.attendance.feeds._feed import RecordFeed
from airflow_provider_calcom.attendance.feeds._people import one_name
from airflow_provider_calcom.attendance.feeds._record import Record
from airflow_provider_calcom.attendance.feeds._report import FeedReport
from airflow_provider_calcom.attendance.feeds._row import AttendanceRow
from airflow_provider_calcom.attendance.feeds._times import as_utc
from airflow_provider_calcom.attendance.feeds.errors import SkippedRecord, UnreadableField, shape_of
from airflow_provider_calcom.attendance.feeds.zoom.meetings import meeting_key
from airflow_provider_calcom.attendance.feeds.zoom.people import best_phone, participant_of

_MEETING = "payload.object"
_PARTICIPANT = "payload.object.participant"
_IDS = (f"{_MEETING}.id", f"{_MEETING}.meeting_id")
_UUIDS = (f"{_MEETING}.uuid", f"{_MEETING}.meeting_uuid")
_PLACES = (_PARTICIPANT, f"{_MEETING}.chat_message", f"{_MEETING}.chat_message_file")
_NAMES = ("user_name", "sender_name", "invitee_name")
_ADDRESSES = ("email", "sender_email", "registrant_email")
_ON_WHAT = ("participant_uuid", "user_id", "sender_session_id", "id", "phone_number", *_NAMES, *_ADDRESSES)

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
# The closed list of events without a presence. Callouts invite somebody by telephone: an accepted one is a presence,
# except that of a room system, whose joining has an event of its own.
_OF_NOBODY = (
    *("alert", "created", "deleted", "device_tested", "permanently_deleted", "recovered", "risk_alert", "started"),
    *("updated", "live_streaming_started", "live_streaming_stopped", "converted_to_meeting", "converted_to_webinar"),
    *("registration_approved", "registration_cancelled", "registration_created", "registration_denied"),
    *("rtms_started", "rtms_stopped", "rtms_interrupted"),
    *("summary_completed", "summary_deleted", "summary_recovered", "summary_shared", "summary_trashed"),
    *("summary_updated", "participant_phone_callout_missed", "participant_phone_callout_rejected"),
    *("participant_phone_callout_ringing", "participant_room_system_callout_accepted"),
    *("participant_room_system_callout_failed", "participant_room_system_callout_missed"),
    *("participant_room_system_callout_rejected", "participant_room_system_callout_ringing"),
)
_OTHER_FAMILIES = (
    *("account", "app", "billing", "calendar", "chat", "chat_channel", "chat_message", "clips", "contact_center"),
    *("docs", "endpoint", "group", "imchat", "information_barriers", "iq", "mail", "marketplace", "phone"),
    *("number_management", "quality_management", "recording", "scheduler", "team_chat", "user", "virtual_agent"),
    *("visitor", "whiteboard", "workforce_management", "workspace", "zoomroom"),
)
_NOTHING = "an event without a presence"
_REPEATED = "repeats another event"
_ENDED = "the end of a meeting"
_SEEN = "an event of somebody whose stay is in other events"
NOTHING_OF_A_PRESENCE = (_NOTHING, _REPEATED, _ENDED, _SEEN)
"""The reasons for which events are left out."""


class _Person:
    """The fields of the person of an event, wherever a loader has put them.

    :param record: the webhook's body.
    :param place: where in it they are.
    """

    def __init__(self, record: Record, place: str = _PARTICIPANT) -> None:
        nested = record.record(place)
        self.record = nested or record
        self.at = "" if nested else f"{place}."

    def has_any(self) -> bool:
        return any(self.record.has(f"{self.at}{name}") for name in _ON_WHAT)

    def text(self, *names: str) -> str | None:
        return self.record.text(*(f"{self.at}{name}" for name in names))

    def moment(self, name: str, *, is_end: bool = False) -> datetime | None:
        return self.record.moment(f"{self.at}{name}", is_end=is_end)


@dataclass(frozen=True)
class _Trace:
    """An event by which somebody is known to have been in a meeting.

    :param tokens: what its participant is known by, in its meeting.
    :param row: its row, or None where the time is not known.
    """

    tokens: frozenset[int]
    row: AttendanceRow | None = field(repr=False)


class ZoomEvents:
    """Makes rows of events.

    Somebody who is known only by something else than joining and leaving (joining before the host, sharing, a change
    of role, a message) has a row without length, a trace. Where joining or leaving came as well, which may be
    before or behind it, it is left out.

    :param feed: makes the rows.
    :param pairer: holds the events whose other half did not come yet.
    """

    def __init__(self, feed: RecordFeed, pairer: SessionPairer | None = None) -> None:
        self._feed = feed
        self._pairer = pairer or SessionPairer(one_name=one_name)
        self._seen: dict[int, None] = {}
        self._traces: list[_Trace] = []

    def rows_of(self, record: Record) -> Iterator[AttendanceRow]:
        """Return the rows that an event completes.

        :param record: the webhook's body.
        :raises SkippedRecord: for a repeat, and for events without a presence.
        :raises UnreadableField: for an event that is not known, or lacks what is needed.
        """
        family, _, name = (record.text("event") or "").partition(".")
        if family in _OTHER_FAMILIES or (family in ("meeting", "webinar") and name in _OF_NOBODY):
            raise SkippedRecord(_NOTHING)
        if family not in ("meeting", "webinar"):
            event = record.spelling("event")
            raise UnreadableField(event, "is not a known event of Zoom", shape_of(record.text("event")))
        meeting = record.text(*_UUIDS, *_IDS)
        if meeting is None:
            raise UnreadableField(None, f"the event lacks {_MEETING}.uuid")
        if name == "ended":
            self._end(record, meeting)
        if name in _KINDS:
            yield from self._stay(record, meeting, name)
        else:
            yield from self._trace(record, meeting)

    def flush(self, report: FeedReport) -> Iterator[AttendanceRow]:
        """Return the rows of all unmatched events.

        :param report: counts what was left out.
        """
        yield from self._pairer.flush()
        for trace in self._traces:
            if trace.tokens & self._seen.keys():
                report.skip(_SEEN)
            elif trace.row is None:
                report.unreadable(UnreadableField(None, "the event of somebody who was there lacks a time (event_ts)"))
            else:
                yield trace.row
        self._traces = []

    def _end(self, record: Record, meeting: str) -> None:
        at = record.moment(f"{_MEETING}.end_time") or record.epoch("event_ts", "ms")
        if at is not None:
            self._pairer.end_meeting(meeting, at)
        raise SkippedRecord(_ENDED)

    def _stay(self, record: Record, meeting: str, name: str) -> Iterator[AttendanceRow]:
        kind, is_end = _KINDS[name]
        person = _Person(record)
        by_id, who = _who(person)
        room = record.text(f"{_MEETING}.breakout_room_uuid") if "breakout" in name else None
        row = _row(self._feed, record, kind, person)
        self._see(_tokens(person, meeting, row))
        event = Event(
            meeting=meeting,
            participant=(kind, room, who),
            at=_time_of_stay(record, person, kind, is_end=is_end),
            is_end=is_end,
            row=row,
        )
        # Without an id two people of one name are one, so that the second is not a repeat.
        if by_id and self._pairer.is_repeat(event):
            raise SkippedRecord(_REPEATED)
        yield from self._pairer.add(event)

    def _trace(self, record: Record, meeting: str) -> Iterator[AttendanceRow]:
        person = next((one for place in _PLACES if (one := _Person(record, place)).has_any()), None)
        if person is None:
            event = record.spelling("event")
            raise UnreadableField(event, "is not a known event of a meeting, and it has no participant")
        at = (
            person.moment("join_time")
            or person.moment("date_time")
            or person.moment("sharing_details.date_time")
            or record.epoch("event_ts", "ms")
            or record.moment(f"{_MEETING}.start_time")
        )
        row = _row(self._feed, record, "person", person)
        time = as_utc(at) if at else None
        found: AttendanceRow = {**row, "joined_at": time, "left_at": time}
        self._traces.append(_Trace(_tokens(person, meeting, row), found if at else None))
        if len(self._traces) > MOST_OPEN and (first := self._traces.pop(0)).row:
            yield first.row

    def _see(self, tokens: Iterable[int]) -> None:
        for token in tokens:
            self._seen.pop(token, None)
            self._seen[token] = None
        while len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]


def _who(person: _Person) -> tuple[bool, Hashable]:
    """Return who an event is about, and whether it is known by an id."""
    for name in ("participant_uuid", "user_id", "id"):
        known = person.text(name)
        if known is not None:
            return True, (name, known)
    named = (person.text("email"), person.text("user_name"))
    if not any(named):
        raise UnreadableField(None, f"the event lacks {_PARTICIPANT}.participant_uuid")
    return False, named


def _tokens(person: _Person, meeting: str, row: AttendanceRow) -> frozenset[int]:
    """Return what somebody is known by within a meeting. A name of one word, as iPhone, may be that of several."""
    name = row["name"] if len((row["name"] or "").split()) > 1 else None
    ids = (person.text("participant_uuid"), person.text("user_id"), person.text("sender_session_id"))
    known = (*ids, row["participant"], row["email"], row["phone"], name)
    return frozenset(hash((meeting, one.casefold())) for one in known if one)


def _time_of_stay(record: Record, person: _Person, kind: str, *, is_end: bool) -> datetime:
    """Return the time of what happened, or else that of the event, which is sent at once."""
    usual = "date_time" if kind == "lobby" else "leave_time" if is_end else "join_time"
    at = person.moment(usual, is_end=is_end) or record.epoch("event_ts", "ms")
    if at is None and kind == "lobby":
        # A person who waited is in doubt, whenever it was.
        at = record.moment(f"{_MEETING}.start_time")
    if at is None:
        raise UnreadableField(None, f"the event lacks {_PARTICIPANT}.{usual} and event_ts")
    return at


def _row(feed: RecordFeed, record: Record, kind: str, person: _Person) -> AttendanceRow:
    name = person.text(*_NAMES)
    return feed.row(
        record,
        kind=kind,
        participant=participant_of(person.record, person.at),
        booking_uid=feed.booking_of(record, (*_UUIDS, *_IDS)),
        conference_key=meeting_key(feed, record, _IDS, _UUIDS),
        email=person.text(*_ADDRESSES),
        name=name,
        phone=best_phone(person.text("phone_number"), name),
    )
