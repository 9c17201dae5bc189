"""Webex: meeting participants and the attendee report of the API, and the attendance reports of its site as CSV.

Facts are from the Webex API reference (``GET /meetingParticipants``, ``GET /meetingReports/attendees``) and its
published schemas; the columns of exports from exports in public code, and the Portuguese ones from an export. In the
API, a time that is not known yet is missing or 1970-01-01T00:00:00.000Z. The ``state`` of a participant is of the
lobby; the ``state`` of a report's attendee is the one that the person lives in. Webex does not say of itself who is a
bot, so no row is of kind ``bot``.

Webex describes a participant's ``id`` as the one of the meeting and the participant, with a list of all devices that
joined, so that it is the column ``participant`` of its rows; reports have none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from urllib.parse import SplitResult, parse_qs, unquote

from airflow_provider_calcom.attendance.feeds._feed import OF_EVERY_FEED, RecordFeed, required
from airflow_provider_calcom.attendance.feeds._files.tables import NumberedRecord, TableLine, records_under_header
from airflow_provider_calcom.attendance.feeds._links import LONGEST_LOCATION, host_of, key_in_links, plain_id
from airflow_provider_calcom.attendance.feeds._people import one_name, phone_in_name
from airflow_provider_calcom.attendance.feeds._record import Record
from airflow_provider_calcom.attendance.feeds._row import AttendanceRow
from airflow_provider_calcom.attendance.feeds._times import as_utc
from airflow_provider_calcom.attendance.feeds.errors import UnreadableField, shape_of
from airflow_provider_calcom.attendance.feeds.options import FeedOptions

_JOINED = ("joinedTime", "joinTime", "joined_at", "Hora da entrada")
_LEFT = ("leftTime", "leaveTime", "left_at", "Hora da saída")
_SECONDS = ("durationSecond",)
_MINUTES = ("duration",)
_LENGTHS = ("Attendance Duration", "Duração da participação")
_NAMES = ("displayName", "attendeeName", "participantName", "Nome de exibição")
_FIRST_NAMES = ("First Name", "Nome")
_LAST_NAMES = ("Last Name", "Sobrenome")
_ATTENDEES_EMAILS = ("attendeeEmail", "participantEmail", "E-mail do convidado")
_LINKS = ("webLink", "meetingLink", "joinLink", "meetingNumber")
_MEETING_IDS = ("meetingId", "conferenceId", "meetingSeriesId", "scheduledMeetingId")

_STATES = {"lobby": "lobby", "joined": "person", "end": "person", "breakoutsession": "person"}
_OF_PARTICIPANTS = ("devices", "coHost", "spaceModerator", "invitee", "muted", "video")
_OF_REPORTS = ("participantType", "ipAddress", "clientAgent", "company", "country", "registered", "zipCode")
_PARTICIPANT_ID = re.compile(r"[0-9a-f]{32}(?:_[0-9a-z]+)*_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
_FORMULA = re.compile(r'^="([^"]*)"$')

_ROUNDING = timedelta(seconds=1)

_Times = tuple[datetime | None, datetime | None]
_WEBEX_HOST = re.compile(r"(?:[a-z0-9-]+\.)+webex\.com", re.A)
_WEBEX_ROOM = re.compile(r"/(?:meet|join)/([\w.@+-]{1,100})/?", re.I)
_WEBEX_NUMBER = re.compile(r"\d{9,12}", re.A)


class WebexFeed(RecordFeed):
    """Participants of Webex meetings: a row for each of a participant's devices, or one where x.

    A participant's record has only ``meetingId``, which is in no link. Put the meeting's ``webLink`` or
    ``meetingNumber`` into the records or beside ``items``, or set the option ``conference_key``, or
    ``conference_keys={meetingId: webLink}``. Cal.com's location is the ``webLink``, so that is the one to prefer. The
    site's reports name no meeting and have local times: give ``conference_key`` and ``zone``.
    """

    name = "webex"
    page_keys = ("items",)
    option_names = (*OF_EVERY_FEED, "booking_uids")
    fields = {
        "joined_at": _JOINED,
        "left_at": _LEFT,
        "duration": (*_LENGTHS, *_SECONDS, *_MINUTES),
        "name": (*_NAMES, "Name"),
        "first_name": _FIRST_NAMES,
        "last_name": _LAST_NAMES,
        "email": (*_ATTENDEES_EMAILS, "email"),
        "phone": ("phoneNumber",),
        "meeting": _LINKS,
    }
    page_fields = ("webLink", "meetingNumber", "meetingId", "booking_uid")

    def records_of_table(self, lines: Iterable[TableLine], options: FeedOptions) -> Iterator[NumberedRecord]:
        """Return the attendees of a report, whose times are written as formulas, ``="2026-01-15 10:00:03"``."""
        plain = (line._replace(cells=[_FORMULA.sub(r"\1", cell) for cell in line.cells]) for line in lines)
        return records_under_header(plain, self.known_columns(options), self.time_columns(options))

    def key_of(self, meeting: str) -> str | None:
        """Return ``webex:`` and the meeting number, or what the join link has instead."""
        return webex_key(meeting)

    def key_of_url(self, url: SplitResult) -> str | None:
        """Return the conference key of a join link, or None."""
        return webex_key_of_url(url)

    def rows_of(self, record: Record) -> Iterator[AttendanceRow]:
        """Return the rows of a participant or of a report's attendee."""
        if not any(record.has(name) for name in (*_JOINED, *_LEFT, "devices")):
            required(record, _JOINED[0])
        if not any(record.has(name) for name in (*_NAMES, "Name", *_FIRST_NAMES, *_ATTENDEES_EMAILS, "email")):
            required(record, "email")
        kind = _kind(record)
        stays: list[tuple[Record | None, _Times]] = [(device, _times(device)) for device in record.records("devices")]
        own = _times(record)
        if not all(any(times) for _, times in stays) or not _reach([times for _, times in stays], own):
            stays.append((None, own))
        known = [(device, times) for device, times in stays if any(times)]
        for device, times in known:
            yield self._presence(record, device, kind, times)
        if not known or stays[-1] == (None, (None, None)):
            yield self._seen_at_an_unknown_time(record)

    def _seen_at_an_unknown_time(self, record: Record) -> AttendanceRow:
        """Return a doubt of somebody who is listed, and of whom Webex does not know yet when he or she was there."""
        started = _time(record, ("meetingStartTime",))
        if started is None:
            column = next((record.spelling(name) for name in _JOINED if record.has(name)), _JOINED[0])
            raise UnreadableField(
                column, "is not known, and so is the end: fetch the participants again when the meeting has ended"
            )
        return self._presence(record, None, "lobby", (started, None))

    def _presence(self, record: Record, device: Record | None, kind: str, times: _Times) -> AttendanceRow:
        name = _name(record)
        own = record.text("phoneNumber") or phone_in_name(name)
        joined_at, left_at = times
        booking, key = self._meeting(record)
        return self.row(
            record,
            participant=_participant(record),
            kind=kind,
            booking_uid=booking,
            conference_key=key,
            email=_email(record),
            name=name,
            phone=(device.text("phoneNumber") if device else None) or own,
            joined_at=as_utc(joined_at) if joined_at else None,
            left_at=as_utc(left_at) if left_at else None,
        )

    def _meeting(self, record: Record) -> tuple[str | None, str | None]:
        """Return the booking and the key of the meeting.

        :raises UnreadableField: where neither is known, and Webex or the user says of the other records what is.
        """
        booking, key = self.booking_of(record, _MEETING_IDS), self.meeting_of(record, _LINKS, _MEETING_IDS)
        options = record.options
        if booking or key or options.booking_uid or options.conference_key:
            return booking, key
        if _is_of_report(record):
            raise UnreadableField("meetingNumber", "is missing, or no number, so that the row is of no meeting")
        if options.conference_keys and record.text(*_MEETING_IDS) is None:
            raise UnreadableField("meetingId", "is missing, which conference_keys needs")
        return None, None


def _kind(record: Record) -> str:
    """Return the kind by a participant's state.

    :raises UnreadableField: for a state that is not known, unless it is where a report's attendee lives.
    """
    state = record.text("state")
    if state is None or _is_of_report(record):
        return "person"
    kind = _STATES.get(state.lower())
    if kind is None:
        raise UnreadableField(record.spelling("state"), "is not lobby, joined, breakoutSession or end", shape_of(state))
    return kind


def _is_of_report(record: Record) -> bool:
    """Return whether a record is one of the API's attendee report."""
    return _has_any(record, _OF_REPORTS) and not _has_any(record, _OF_PARTICIPANTS)


def _has_any(record: Record, names: tuple[str, ...]) -> bool:
    return any(record.value(name) is not None for name in names)


def _participant(record: Record) -> str | None:
    """Return the participant's id; an ``id`` of another form may be a table's own, or that of the meeting."""
    own = record.text("id") if record.has("id") and isinstance(record.value("id"), str) else None
    return own if own and _PARTICIPANT_ID.fullmatch(own) else None


def _email(record: Record) -> str | None:
    """Return the participant's address. Where a column names it as the attendee's, ``Email`` may be the host's."""
    return record.text(*_ATTENDEES_EMAILS if any(record.has(name) for name in _ATTENDEES_EMAILS) else ("email",))


def _name(record: Record) -> str | None:
    """Return the display name, and the one of two columns behind it where they differ: each may be somebody's."""
    parts = record.text(*_FIRST_NAMES), record.text(*_LAST_NAMES)
    return one_name(record.text(*_NAMES, "Name"), " ".join(part for part in parts if part) or None)


# Times.


def _times(record: Record) -> _Times:
    """Return when a device or a person came and left; one of them also by the other and the duration."""
    joined, left = _time(record, _JOINED), _time(record, _LEFT, is_end=True)
    seconds = _seconds(record)
    if seconds is not None and joined is None and left is not None:
        joined = left - timedelta(seconds=seconds)
    elif seconds is not None and left is None and joined is not None and not record.has(*_SECONDS):
        # Not of a device: while it is still in, its duration is the one so far.
        left = joined + timedelta(seconds=seconds)
    return joined, left


def _reach(devices: list[_Times], own: _Times) -> bool:
    """Return whether devices were there from a person's own first time to the last; if not, one is missing."""
    if not devices:
        return False
    came, went = [joined for joined, _ in devices if joined], [left for _, left in devices]
    late = own[0] is not None and bool(came) and min(came) > own[0] + _ROUNDING
    known = [left for left in went if left]
    early = own[1] is not None and len(known) == len(went) and max(known) < own[1] - _ROUNDING
    return not (late or early)


def _seconds(record: Record) -> float | None:
    """Return the duration: of devices in seconds, of reports in minutes, of exports with its unit."""
    seconds = record.seconds(*_SECONDS)
    return record.seconds(*_LENGTHS, *_MINUTES, in_minutes=True) if seconds is None else seconds


def _time(record: Record, names: tuple[str, ...], *, is_end: bool = False) -> datetime | None:
    """Return the first of these times that is known; the beginning of 1970 is an unknown one."""
    moments = [record.moment(name, is_end=is_end, epoch_is_null=True) for name in names if record.has(name)]
    known = [moment for moment in moments if moment is not None]
    if any(moment != known[0] for moment in known):
        record.one_column(*names)
    return known[0] if known else None


def webex_key(meeting: object) -> str | None:
    """Return the key of a Webex meeting, or None.

    :param meeting: its number, as a number or a string with or without spaces; a join link (``webLink``); or a key. The
        API's ``meetingId`` is in no link, so it has no key.
    """
    text = plain_id(meeting, "webex:")
    digits = re.sub(r"[\s-]", "", text)
    if _WEBEX_NUMBER.fullmatch(digits):
        return f"webex:{digits}"
    if re.fullmatch(r"mtid/m[0-9a-f]{10,100}", text):
        return f"webex:{text}"
    return key_in_links(text, webex_key_of_url)


def webex_key_of_url(url: SplitResult) -> str | None:
    """Return the key of a join link of Webex, or None for any other link."""
    host = host_of(url)
    if not _WEBEX_HOST.fullmatch(host):
        return None
    ticket = next(iter(parse_qs(url.query[:LONGEST_LOCATION]).get("MTID", [])), "")
    if url.path.endswith("/j.php") and re.fullmatch(r"m[0-9a-f]{10,100}", ticket, re.IGNORECASE):
        return f"webex:mtid/{ticket.lower()}"
    room = _WEBEX_ROOM.fullmatch(unquote(url.path))
    if room is None:
        return None
    digits = _WEBEX_NUMBER.fullmatch(room[1])
    return f"webex:{room[1]}" if digits else f"webex:{host}/meet/{room[1].lower()}"


FEED = WebexFeed()
