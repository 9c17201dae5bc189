"""Google Meet's audit log: what each of its records says of somebody who was in a call.

One record is one endpoint that left (``call_ended``), and its time is the end: a presence lasts from
``duration_seconds`` before it. Joining twice makes two endpoints. Read are

- activities of ``activities.list`` with ``applicationName=meet``, also as Airbyte and Databricks land them: with ``id``
  and ``events`` as objects or as JSON text. Checked against Google's pages of the API and of Meet's events [1],
  against responses of real calls in public code (``meeting_code`` without dashes and in capitals, ``intValue`` as a
  string, ``HANGOUTS_EXTERNAL_OR_ANONYMOUS`` as actor), and against Airbyte's schema ``meet.json``;
- rows of the table ``activity`` of Google's export to BigQuery: ``time_usec``, ``event_name``, and the record ``meet``
  with the same parameters. Checked against Google's own Looker block, which computes start and end in this way;
- tables with a column a parameter (``duration_seconds``, ``meet_duration_seconds``, ``meet.duration_seconds``) and the
  end as ``time``, ``id_time``, ``id.time`` or ``time_usec``: what SQL makes of the above. Not checked against a loader;
- what the Admin console downloads as CSV, in English and Italian, whose columns are those that public programs read
  (MeetLogsNavigator). ``Date`` is in the zone of the administrator's browser, and ``Duration`` in seconds. Of another
  language, the option ``columns`` names the columns, and ``left_words`` the event.

The participant is in ``identifier``, ``identifier_type`` and ``display_name`` alone. The actor, the organizer, and the
e-mail of BigQuery's rows may be somebody else.

[1] https://developers.google.com/workspace/admin/reports/v1/appendix/activity/meet
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_calcom.attendance.feeds._columns import folded_name
from airflow_provider_calcom.attendance.feeds._record import Record
from airflow_provider_calcom.attendance.feeds._times import BadTime, epoch_instant
from airflow_provider_calcom.attendance.feeds.errors import SkippedRecord, UnreadableField, shape_of
from airflow_provider_calcom.attendance.feeds.google_meet.keys import meet_key

_ENDED = {
    folded_name(name) for name in ("call_ended", "Endpoint left", "L'endpoint ha abbandonato la chiamata")
}  # fmt: skip
_WATCHED = {folded_name("livestream_watched")}
_DENIED = {folded_name("knocking_denied")}
_WITHOUT_ATTENDANCE = {
    folded_name(name)
    for name in (
        "abuse_report_submitted",
        "broadcast_activity",
        "closed_captions_started",
        "dialed_out",
        "hand_raised",
        "in_meet_broadcast_activity",
        "invitation_sent",
        "knocking_accepted",
        "poll_answered",
        "poll_created",
        "presentation_started",
        "presentation_stopped",
        "question_created",
        "question_responded",
        "recording_activity",
        "ring_answered",
        "ring_missed",
        "ring_sent",
        "transcription_activity",
        "watermarking_active",
        "watermarking_starting",
        "watermarking_stopped",
    )
}
"""Documented events without a presence: anybody who caused one was in the call, whose end follows."""

_ANOTHER_EVENT = "an event of Meet without a presence"
_ANOTHER_APPLICATION = "an event of another application than Meet"
_ANOTHER_PRODUCT = "a call of classic Hangouts"
_EMPTY_PAGE = "a page of the log without activities"
_PAGE_FIELDS = {"kind", "etag", "nextpagetoken"}

_CODES = ("meet.meeting_code", "meeting_code", "Codice riunione")
_EVENT_IDS = ("meet.calendar_event_id", "calendar_event_id", "ID evento Calendar")
_DURATIONS = ("meet.duration_seconds", "duration_seconds", "Duration", "Durata")
_IDENTIFIERS = ("meet.identifier", "identifier", "Participant Identifier", "Identificatore partecipante")
_IDENTIFIER_TYPES = ("meet.identifier_type", "identifier_type", "Participant Identifier Type")
_DISPLAY_NAMES = ("meet.display_name", "display_name", "Participant Name", "Nome partecipante")
_PRODUCTS = ("meet.product_type", "product_type", "Tipo di prodotto")
_TARGET_NAMES = ("meet.target_display_names", "target_display_names")
_TARGET_EMAILS = ("meet.target_email", "target_email")
_TARGET_PHONES = ("meet.target_phone_number", "target_phone_number")
_EVENT_NAMES = ("event_name", "events_name", "events.name", "Event", "Nome evento")
_TIMES = ("id.time", "time", "Date", "Data")
SKIPS = (_ANOTHER_EVENT, _ANOTHER_APPLICATION, _ANOTHER_PRODUCT, _EMPTY_PAGE)
FIELDS = {
    "date": _TIMES,
    "time_usec": ("time_usec",),
    "event": _EVENT_NAMES,
    "events": ("events",),
    "duration": _DURATIONS,
    "identifier": _IDENTIFIERS,
    "identifier_type": _IDENTIFIER_TYPES,
    "name": _DISPLAY_NAMES,
    "meeting_code": _CODES,
    "calendar_event_id": _EVENT_IDS,
}
"""{field: its columns}, as :attr:`RecordFeed.fields` has them."""

_PARAMETERS = {
    names[1]
    for names in (
        _CODES,
        _EVENT_IDS,
        _DURATIONS,
        _IDENTIFIERS,
        _IDENTIFIER_TYPES,
        _DISPLAY_NAMES,
        _PRODUCTS,
        _TARGET_NAMES,
        _TARGET_EMAILS,
        _TARGET_PHONES,
    )
}


@dataclass(frozen=True)
class Call:
    """What the log says of one endpoint.

    :param record: holds the parameters; for a booking's uid that a column names.
    :param kind: ``person``; ``lobby`` of who knocked in vain, or watched the livestream: a trace, and no presence.
    :param meeting_code: as the log writes it, or None where the calendar event or an option names the meeting.
    :param joined_at: None where the duration is missing; then the end alone is known.
    :param participant: the address of an account, in lower case, or None. Google calls ``identifier`` unique for a
        participant; those of devices and telephones are left out, because several people use them.
    """

    record: Record = field(repr=False)
    kind: str
    event_id: str | None
    meeting_code: str | None
    email: str | None = field(repr=False)
    name: str | None = field(repr=False)
    phone: str | None = field(repr=False)
    participant: str | None
    joined_at: datetime | None
    left_at: datetime


def is_log_record(record: Record) -> bool:
    """Return whether a record is one of the audit log."""
    return (
        record.has("events")
        or any(record.has(name) for name in (*_EVENT_NAMES, "meet.duration_seconds", "duration_seconds"))
        or is_empty_page(record)
    )


def is_empty_page(record: Record) -> bool:
    """Return whether a record is a response of ``activities.list`` without ``items``, as Google sends it for none."""
    fields = {folded_name(str(name)) for name in record.columns}
    return record.value("kind") == "admin#reports#activities" and fields <= _PAGE_FIELDS


def calls_of(record: Record) -> Iterator[Call]:
    """Return the calls in a record of the log.

    :raises SkippedRecord: for other applications, and for known events of Meet without a presence.
    :raises UnreadableField: for any other event, and for a call that can't be read.
    """
    if is_empty_page(record):
        if record.value("nextPageToken"):
            raise UnreadableField(
                "nextPageToken", "says that more follows, and there are no items: leave this page out"
            )
        raise SkippedRecord(_EMPTY_PAGE)
    if record.has("events"):
        yield from _of_activity(record)
    else:
        yield from _of_row(record)


def _of_activity(activity: Record) -> Iterator[Call]:
    events = activity.records("events")
    if not events:
        raise UnreadableField(activity.spelling("events"), "is empty, so the activity has no event")
    application = activity.text("id.applicationName")
    kinds = [_kind(event, "name") for event in events]
    if application not in ("meet", None) and not any(kinds):
        raise SkippedRecord(_ANOTHER_APPLICATION)
    for event, kind in zip(events, kinds, strict=True):
        if kind is not None:
            yield _call(_parameters(event), kind, _end(activity), activity)
        elif _is_unknown(event, "name"):
            raise _unknown_event(event, "name")
    if not any(kinds):
        raise SkippedRecord(_ANOTHER_EVENT)


def _of_row(row: Record) -> Iterator[Call]:
    if _is_of_another_application(row):
        raise SkippedRecord(_ANOTHER_APPLICATION)
    kind = _kind(row, *_EVENT_NAMES)
    if kind is None and row.text(*_EVENT_NAMES) is None:
        kind = "person"  # a query of ended calls alone needs no name of the event
    if kind is not None:
        yield _call(row, kind, _end(row), row)
    elif _is_unknown(row, *_EVENT_NAMES):
        raise _unknown_event(row, *_EVENT_NAMES)
    else:
        raise SkippedRecord(_ANOTHER_EVENT)


def _is_of_another_application(row: Record) -> bool:
    """Return whether a row of BigQuery's table is another application's: Meet's rows alone have the record ``meet``."""
    of_meet = (*_CODES[:1], *_DURATIONS[:1], *_IDENTIFIERS[:1], *_DISPLAY_NAMES[:1])
    if row.text("record_type") in ("meet", None) or any(row.value(name) is not None for name in of_meet):
        return False
    return _kind(row, *_EVENT_NAMES) is None


def _kind(event: Record, *names: str) -> str | None:
    """Return the kind of row that an event makes, or None for one without a presence, or one that is not known."""
    name = folded_name(event.text(*names) or "")
    is_end = name in _ENDED or name in map(folded_name, event.options.left_words)
    return "person" if is_end else "lobby" if name in _WATCHED | _DENIED else None


def _is_unknown(event: Record, *names: str) -> bool:
    return folded_name(event.text(*names) or "") not in _WITHOUT_ATTENDANCE


def _unknown_event(event: Record, *names: str) -> UnreadableField:
    column = next((event.spelling(name) for name in names if event.has(name)), names[0])
    return UnreadableField(
        column,
        "is not a known event of Meet, so somebody's presence may be in it; fetch call_ended alone, with the"
        " parameter eventName of activities.list, a filter in the console, or a condition in SQL. For the"
        " console's word in another language set the option left_words",
        shape_of(event.value(*names)),
    )


def _parameters(event: Record) -> Record:
    """Return an event's parameters as columns; only those of use, of the forty that there are."""
    found: dict[str, Any] = {}
    for parameter in event.records("parameters"):
        name = parameter.columns.get("name")
        if not isinstance(name, str) or name not in _PARAMETERS:
            continue
        value = parameter.value("value", "intValue", "boolValue")
        if value is not None and found.setdefault(name, value) != value:
            raise UnreadableField(name, "comes twice with different values")
    return Record(found, event.options)


def _call(call: Record, kind: str, ended_at: datetime, outer: Record) -> Call:
    denied = kind == "lobby" and call.text(*_TARGET_NAMES, *_TARGET_EMAILS, *_TARGET_PHONES) is not None
    who = _target(call) if denied else _participant(call)
    return Call(
        record=call if call is outer else Record({**call.columns, **_booking(outer)}, call.options),
        kind=kind,
        event_id=call.text(*_EVENT_IDS),
        meeting_code=_meeting_code(call),
        joined_at=None if denied else _start(call, ended_at),
        left_at=ended_at,
        **who,
    )


def _booking(outer: Record) -> dict[str, Any]:
    return {"booking_uid": outer.value("booking_uid")} if outer.has("booking_uid") else {}


def _meeting_code(call: Record) -> str | None:
    """Return the meeting's code, which Google documents for every call of Meet.

    :raises SkippedRecord: for a call of the product before Meet, which had none.
    :raises UnreadableField: where it is missing and the options don't name the meeting, or is not a meeting code.
    """
    code, options = call.text(*_CODES), call.options
    if options.conference_key or options.booking_uid or call.text("booking_uid"):
        return code
    event_id = call.text(*_EVENT_IDS)
    if code is None and (event_id is None or event_id not in options.booking_uids):
        if call.text(*_PRODUCTS) == "classic_hangouts":
            raise SkippedRecord(_ANOTHER_PRODUCT)
        raise UnreadableField("meeting_code", "is missing, so that the call is of no meeting; set conference_key")
    if code is not None and meet_key(code) is None and code not in options.conference_keys:
        column = next(call.spelling(name) for name in _CODES if call.has(name))
        raise UnreadableField(column, "is not a meeting code; set the option conference_keys", shape_of(code))
    return code


def _participant(call: Record) -> Mapping[str, str | None]:
    identifier, kind = call.text(*_IDENTIFIERS), call.text(*_IDENTIFIER_TYPES)
    is_address = identifier is not None and "@" in identifier and "*" not in identifier
    email = identifier if is_address and kind in ("email_address", None) else None
    # Without a type, the digits of a device's id would look like a number.
    is_number = kind == "phone_number" or (kind is None and (identifier or "").startswith("+"))
    return {
        "email": email,
        "name": call.text(*_DISPLAY_NAMES),
        "phone": identifier if is_number else None,
        "participant": email.lower() if email else None,
    }


def _target(call: Record) -> Mapping[str, str | None]:
    """Return who knocked in vain: the target of the event, not its actor."""
    email = call.text(*_TARGET_EMAILS)
    return {
        "email": email if email and "@" in email and "*" not in email else None,
        "name": call.text(*_TARGET_NAMES),
        "phone": call.text(*_TARGET_PHONES),
        "participant": None,
    }


# Times.


def _end(record: Record) -> datetime:
    """Return the time of an activity, which is when the endpoint left."""
    microseconds = record.number("time_usec")
    if microseconds is not None:
        try:
            return epoch_instant(microseconds / 1000, "ms")
        except BadTime:
            column = record.spelling("time_usec")
            raise UnreadableField(
                column, "is not a number of microseconds since 1970", shape_of(record.value("time_usec"))
            ) from None
    for name in _TIMES:
        moment = record.moment(name, is_end=True)
        if moment is not None:
            return moment
    column = next((record.spelling(name) for name in _TIMES if record.has(name)), "id.time")
    raise UnreadableField(column, "is missing")


def _start(call: Record, ended_at: datetime) -> datetime | None:
    """Return when the endpoint came, or None where its duration is missing: its end alone is left as a trace."""
    seconds = call.number(*_DURATIONS)
    if seconds is None:
        return None
    column = next(call.spelling(name) for name in _DURATIONS if call.has(name))
    if seconds < 0:
        raise UnreadableField(column, "is less than 0", shape_of(seconds))
    try:
        return ended_at - timedelta(seconds=seconds)
    except OverflowError:
        raise UnreadableField(column, "is too long", shape_of(seconds)) from None
