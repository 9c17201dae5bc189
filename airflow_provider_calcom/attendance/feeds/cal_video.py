"""Cal Video: who was in its rooms, from Cal.com's API or from Daily, which runs the rooms.

Taken are

- ``{"booking_uid": uid, "sessions": [...]}`` with the ``data`` of ``GET /v2/bookings/{uid}/conferencing-sessions``
  (servers since 2026): ``{id, room, startTime, duration, ongoing, maxParticipants, participants[{userId, userName,
  joinTime, duration}]}`` with Unix seconds; :func:`cal_video_records` makes these of bookings. Checked against
  Cal.com's own description of the response, not against a recording of it;
- that response itself (``{"status": "success", "data": [...]}``) with the option ``booking_uid``;
- Daily's ``GET /meetings`` [1]: the same in snake_case, ``{"data": [...]}``. A room is not a booking's uid: give the
  option ``booking_uids`` ({room: booking uid}), for instance of the bookings' ``references``. Daily's
  ``GET /meetings/{id}/participants`` and rows of one participant each are read, too.

There are **no addresses**. A ``userId`` is the Cal.com user's id of a host who was signed in, and that of a guest is a
UUID or null. The option ``addresses`` ({user id: address}), or ``hosts`` in a record, gives hosts their addresses;
guests have the name that they typed, alone, which the rules treat as a person's only if it is of two words or more.

A ``userId`` is the column ``participant``, too: Cal.com documents it as the id of a user who is signed in, or the UUID
of a guest, and null of anybody else. Ids of another form, which Daily makes up where none was given, are left out.

A presence lasts from ``joinTime`` for ``duration`` seconds. While a session goes on, who has left it and who is in it
look the same: nobody's end is known then. Daily counts people who were there at one time (``max_participants``, bots
with them): where of those that a session lists fewer were there at any one time, somebody is missing from the list, and
a row of kind ``lobby`` without a name keeps everybody from being marked absent for it (rule 11). So it is where a
session lists nobody and has no such count, because Daily begins a session when somebody comes.

[1] https://docs.daily.co/reference/rest-api/meetings
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any
from urllib.parse import SplitResult

from airflow_provider_calcom.attendance.feeds._events import once
from airflow_provider_calcom.attendance.feeds._feed import RecordFeed
from airflow_provider_calcom.attendance.feeds._links import key_in_links, plain_id
from airflow_provider_calcom.attendance.feeds._record import Record
from airflow_provider_calcom.attendance.feeds._report import FeedReport
from airflow_provider_calcom.attendance.feeds._row import AttendanceRow
from airflow_provider_calcom.attendance.feeds._times import as_utc
from airflow_provider_calcom.attendance.feeds.conference_keys import conference_key
from airflow_provider_calcom.attendance.feeds.errors import SkippedRecord, UnreadableField, shape_of
from airflow_provider_calcom.attendance.feeds.options import FeedOptions

_NO_ROOM = "a booking for which Cal Video has no room"
_NOBODY = "a session without participants"
_UNKNOWN = "unknown"
_INTEGRATIONS = ("integrations:daily", "cal video", "cal-video")
_DIGITS = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_INHERITED = ("ongoing", "room")
_USER_ID = re.compile(r"\d{1,20}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I | re.A)
_ONGOING = {"true": True, "1": True, "false": False, "0": False, "none": False, "": False}
_AT_ONCE = timedelta(seconds=5)
"""How far apart an end and a beginning may lie that are counted as one time: Daily's seconds are rounded."""
_CAL_VIDEO_PATH = re.compile(r"/video/([\w-]{6,100})/?", re.A)
_UID = re.compile(r"[\w-]{6,100}", re.A)


class CalVideoFeed(RecordFeed):
    """Rows of Cal Video; see the module for their shapes."""

    name = "cal_video"
    page_keys = ("data",)
    option_names = ("zone", "date_format", "booking_uid", "conference_key", "columns", "addresses", "booking_uids")
    skips = (_NO_ROOM, _NOBODY)
    totals = {"total_count": "starting_after"}
    fields = {
        "joined_at": ("joinTime",),
        "duration": ("duration",),
        "name": ("userName",),
        "user_id": ("userId",),
        "booking_uid": ("booking_uid",),
        "room": ("room",),
        "sessions": ("sessions", "participants"),
    }
    page_fields = ("booking_uid", "hosts")

    def rows(
        self, records: Iterable[Mapping[str, Any]], report: FeedReport, options: FeedOptions
    ) -> Iterator[AttendanceRow]:
        """See :meth:`Feed.rows`; a row that comes again is returned once."""
        return once(super().rows(records, report, options), report)

    def rows_of(self, record: Record) -> Iterator[AttendanceRow]:
        """Return the rows of a booking's sessions, of a session, or of a participant."""
        faults: list[UnreadableField] = []
        if record.has("sessions"):
            if record.value("sessions") is None:
                raise SkippedRecord(_NO_ROOM)
            _check_booking(record)
            sessions = record.records("sessions")
            if all(_is_empty(session) for session in sessions):
                raise SkippedRecord(_NOBODY)
            for session in sessions:
                try:
                    yield from self._of_session(_below(record, session, "booking_uid", "hosts"), faults)
                except UnreadableField as fault:
                    faults.append(fault)
        elif record.has("participants"):
            if _is_empty(record):
                raise SkippedRecord(_NOBODY)
            yield from self._of_session(record, faults)
        elif record.has("joinTime"):
            yield self._of_participant(record)
        else:
            raise UnreadableField(
                None, "the record fits no known shape: it has no sessions, no participants and no join_time"
            )
        if faults:  # now that the others of the record have their rows
            raise faults[0]

    def key_of(self, meeting: str) -> str | None:
        """Return the key of a booking's uid or of a link to its video page."""
        return cal_video_key(meeting)

    def key_of_url(self, url: SplitResult) -> str | None:
        """Return the conference key of a join link, or None."""
        return cal_video_key_of_url(url)

    def _of_session(self, session: Record, faults: list[UnreadableField]) -> Iterator[AttendanceRow]:
        if session.value("participants") is None:
            raise UnreadableField("participants", "is missing, so that nobody knows who was in the session")
        rows: list[AttendanceRow] = []
        for person in session.records("participants"):
            try:
                rows.append(self._of_participant(_below(session, person, "booking_uid", "hosts", *_INHERITED)))
            except UnreadableField as fault:
                faults.append(fault)
        yield from rows
        if not _is_empty(session) and (session.number("maxParticipants") or 1) > _most_at_once(rows):
            started, ended = _stay(session, "startTime")
            yield self.row(session, kind="lobby", booking_uid=_booking(session), joined_at=started, left_at=ended)

    def _of_participant(self, person: Record) -> AttendanceRow:
        joined_at, left_at = _stay(person, "joinTime")
        user = person.text("userId")
        return self.row(
            person,
            participant=user if user and _USER_ID.fullmatch(user) else None,
            booking_uid=_booking(person),
            email=_address(user, person) if user else None,
            name=person.text("userName"),
            joined_at=joined_at,
            left_at=left_at,
        )


def cal_video_records(
    bookings: Iterable[Mapping[str, Any]], fetch: Callable[[str], list[dict[str, Any]] | None]
) -> Iterator[dict[str, Any]]:
    """Return the records for this feed of bookings, fetching the sessions of one after the other.

    Each booking costs a call, so that sessions are fetched only of bookings that are held in Cal Video.

    :param bookings: bookings as Cal.com sends them (``uid``, ``location``, ``hosts``).
    :param fetch: returns the ``data`` of ``GET /v2/bookings/{uid}/conferencing-sessions`` of a uid, or None where the
        server responds 404 ``No Cal Video reference found``, which the feed then counts as skipped. What it raises,
        passes through.
    """
    for booking in bookings:
        uid = booking.get("uid")
        if isinstance(uid, str) and uid and is_cal_video(booking):
            yield {"booking_uid": uid, "hosts": _addresses_of_hosts(booking), "sessions": fetch(uid)}


def is_cal_video(booking: Mapping[str, Any]) -> bool:
    """Return whether a booking is held in Cal Video.

    :param booking: its ``location``, or else the older ``meetingUrl``, is a link to a page ``/video/...`` of whichever
        Cal.com, to a room of Daily, or the name of the integration.
    """
    for name in ("location", "meetingUrl"):
        location = booking.get(name)
        if isinstance(location, str) and location.strip():
            return _is_cal_video(location.strip().lower()) or (conference_key(location) or "").startswith("cal_video:")
    return False


def _is_cal_video(location: str) -> bool:
    return location in _INTEGRATIONS or ".daily.co/" in location


def _addresses_of_hosts(booking: Mapping[str, Any]) -> dict[str, str]:
    """Return {user id: address} of a booking's hosts; of one whose user is gone both are the string ``unknown``."""
    hosts = booking.get("hosts")
    found = {}
    for host in hosts if isinstance(hosts, list) else ():
        user, email = (host.get("id"), host.get("email")) if isinstance(host, Mapping) else (None, None)
        if user is not None and isinstance(email, str) and "@" in email and str(user) != _UNKNOWN:
            found[str(user)] = email
    return found


def _below(outer: Record, inner: Record, *names: str) -> Record:
    """Return a nested record with what it needs of the one around it."""
    inherited = {name: outer.value(name) for name in names if outer.has(name)}
    return Record({**inherited, **inner.columns}, inner.options)


def _booking(record: Record) -> str | None:
    uid, room = record.text("booking_uid"), record.text("room")
    return uid or (record.options.booking_uids.get(room) if room else None)


def _check_booking(record: Record) -> None:
    """Check that the sessions of a booking are of one that is known: Cal.com gives them by its uid alone."""
    options = record.options
    if not (record.text("booking_uid") or options.booking_uid or options.conference_key or options.booking_uids):
        raise UnreadableField("booking_uid", "is missing, so that the sessions are of no booking")


def _address(user: str, person: Record) -> str | None:
    hosts = person.record("hosts")
    own = hosts.columns.get(user) if hosts else None
    return (own if isinstance(own, str) else None) or person.options.addresses.get(user)


def _is_empty(session: Record) -> bool:
    """Return whether nobody was in a session: its own maximum is 0 people."""
    listed = session.value("participants") is None or session.records("participants")
    return not listed and session.number("maxParticipants") == 0


def _most_at_once(rows: list[AttendanceRow]) -> int:
    """Return how many of these presences there were at one time, at most."""
    came = [(joined, 1) for row in rows if (joined := _instant(row["joined_at"]))]
    went = [(left + _AT_ONCE, -1) for row in rows if (left := _instant(row["left_at"]))]
    there = accumulate(change for _, change in sorted([*came, *went], key=lambda event: (event[0], -event[1])))
    return max(there, default=0)


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _stay(record: Record, start: str) -> tuple[str, str | None]:
    """Return when a presence begins and ends; the end is None while the session goes on, or where it is not known."""
    began = _moment(record, start)
    if began is None:
        raise UnreadableField(record.spelling(start), "is missing")
    seconds = record.number("duration")
    if seconds is None or _is_ongoing(record):
        return as_utc(began), None
    return as_utc(began), as_utc(_end(began, seconds, record))


def _is_ongoing(record: Record) -> bool:
    value = record.value("ongoing")
    known = _ONGOING.get(str(value).strip().lower())
    if known is None:
        raise UnreadableField(record.spelling("ongoing"), "is neither true nor false", shape_of(value))
    return known


def _moment(record: Record, name: str) -> datetime | None:
    """Return Unix seconds, or a string of a time, which some loaders make of them."""
    value = record.value(name)
    is_time = isinstance(value, datetime) or (isinstance(value, str) and not _DIGITS.fullmatch(value.strip()))
    return record.moment(name) if is_time else record.epoch(name)


def _end(began: datetime, seconds: float, record: Record) -> datetime:
    try:
        if seconds < 0:
            raise OverflowError
        return began + timedelta(seconds=seconds)
    except OverflowError:
        raise UnreadableField(record.spelling("duration"), "is not a length of time", shape_of(seconds)) from None


def cal_video_key(meeting: object) -> str | None:
    """Return the key of a Cal Video meeting, or None.

    :param meeting: the booking's uid, a link to its video page, or a key.
    """
    text = plain_id(meeting, "cal_video:")
    return f"cal_video:{text}" if _UID.fullmatch(text) else key_in_links(text, cal_video_key_of_url)


def cal_video_key_of_url(url: SplitResult) -> str | None:
    """Return the key of a link to a video page, or None for any other link.

    It may be on any host: users host Cal.com themselves, and a uid is unlike the ids of other vendors.
    """
    found = _CAL_VIDEO_PATH.fullmatch(url.path)
    return f"cal_video:{found[1]}" if found else None


FEED = CalVideoFeed()
