"""Cal Video: who was in its rooms, as Cal.com's API or Daily, which runs the rooms, tells.

Taken are

- ``{"booking_uid": uid, "sessions": [...]}`` with the ``data`` of ``GET /v2/bookings/{uid}/conferencing-sessions``
  (servers since 2026): ``{id, room, startTime, duration, ongoing, maxParticipants, participants[{userId, userName,
  joinTime, duration}]}`` with Unix seconds; :func:`cal_video_records` makes these of bookings. Checked against
  Cal.com's own description of the answer, not against a recording of it;
- that answer itself (``{"status": "success", "data": [...]}``) with the option ``booking_uid``;
- Daily's ``GET /meetings`` [1]: the same in snake_case, ``{"data": [...]}``. A room is not a booking's uid: give the
  option ``booking_uids`` ({room: booking uid}), for instance of the bookings' ``references``. Daily's
  ``GET /meetings/{id}/participants`` and rows of one participant each are read, too.

There are **no addresses**. A ``userId`` is the Cal.com user's id of a host who was signed in, and that of a guest is a
UUID or null. The option ``addresses`` ({user id: address}), or ``hosts`` in a record, gives hosts their addresses;
guests have the name that they typed, alone, which the rules take for a person's only if it is of two words or more.

A presence lasts from ``joinTime`` for ``duration`` seconds. While a session goes on, who has left it can't be told from
who is in it: nobody's end is known then. Daily counts people who were there at one time (``max_participants``, bots
with them): where a session lists fewer, somebody is missing from the list, and a row of kind ``lobby`` without a name
lets nobody be blamed for it (rule 11).

[1] https://docs.daily.co/reference/rest-api/meetings
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_calcom.attendance.feeds.base import RecordFeed
from airflow_provider_calcom.attendance.feeds.conference_keys import cal_video_key, conference_key
from airflow_provider_calcom.attendance.feeds.errors import SkippedRecord, UnreadableField, shape_of
from airflow_provider_calcom.attendance.feeds.options import FeedOptions
from airflow_provider_calcom.attendance.feeds.record import Record
from airflow_provider_calcom.attendance.feeds.repeats import once
from airflow_provider_calcom.attendance.feeds.report import FeedReport
from airflow_provider_calcom.attendance.feeds.rows import AttendanceRow
from airflow_provider_calcom.attendance.feeds.times import as_utc

_NO_ROOM = "a booking for which Cal Video has no room"
_NOBODY = "a session without participants"
_UNKNOWN = "unknown"
_INTEGRATIONS = ("integrations:daily", "cal video", "cal-video")
_DIGITS = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_INHERITED = ("ongoing", "room")


class CalVideoFeed(RecordFeed):
    """Rows of Cal Video; the module's text has the shapes."""

    name = "cal_video"
    page_keys = ("data",)
    page_fields = ("booking_uid", "hosts")
    option_names = ("zone", "date_format", "booking_uid", "conference_key", "columns", "addresses", "booking_uids")
    skips = (_NO_ROOM, _NOBODY)

    def rows(
        self, records: Iterable[Mapping[str, Any]], report: FeedReport, options: FeedOptions
    ) -> Iterator[AttendanceRow]:
        """See :meth:`Feed.rows`; a row that comes again is given once."""
        return once(super().rows(records, report, options), report)

    def rows_of(self, record: Record) -> Iterator[AttendanceRow]:
        """Give the rows of a booking's sessions, of a session, or of a participant."""
        if record.has("sessions"):
            if record.value("sessions") is None:
                raise SkippedRecord(_NO_ROOM)
            sessions = record.records("sessions")
            if not any(session.records("participants") or _most(session) for session in sessions):
                raise SkippedRecord(_NOBODY)
            for session in sessions:
                yield from self._of_session(_below(record, session, "booking_uid", "hosts"))
        elif record.has("participants"):
            if not record.records("participants") and not _most(record):
                raise SkippedRecord(_NOBODY)
            yield from self._of_session(record)
        elif record.has("joinTime"):
            yield self._of_participant(record)
        else:
            raise UnreadableField(
                None, "the record fits no known shape: it has no sessions, no participants and no join_time"
            )

    def key_of(self, meeting: str) -> str | None:
        """Give the key of a booking's uid or of a link to its video page."""
        return cal_video_key(meeting)

    def _of_session(self, session: Record) -> Iterator[AttendanceRow]:
        people = session.records("participants")
        for person in people:
            yield self._of_participant(_below(session, person, "booking_uid", "hosts", *_INHERITED))
        if _most(session) > len(people):
            started, ended = _stay(session, "startTime")
            yield self.row(session, kind="lobby", booking_uid=_booking(session), joined_at=started, left_at=ended)

    def _of_participant(self, person: Record) -> AttendanceRow:
        joined_at, left_at = _stay(person, "joinTime")
        user = person.text("userId")
        return self.row(
            person,
            booking_uid=_booking(person),
            email=_address(user, person) if user else None,
            name=person.text("userName"),
            joined_at=joined_at,
            left_at=left_at,
        )


def cal_video_records(
    bookings: Iterable[Mapping[str, Any]], fetch: Callable[[str], list[dict[str, Any]] | None]
) -> Iterator[dict[str, Any]]:
    """Give the records for this feed of bookings, asking for the sessions of one after the other.

    Each booking costs a call, so that only those that are held in Cal Video are asked for.

    :param bookings: bookings as Cal.com sends them (``uid``, ``location``, ``hosts``).
    :param fetch: gives the ``data`` of ``GET /v2/bookings/{uid}/conferencing-sessions`` of a uid, or None where the
        server answers 404 ``No Cal Video reference found``, which the feed then counts as skipped. What it raises,
        passes through.
    """
    for booking in bookings:
        uid = booking.get("uid")
        if isinstance(uid, str) and uid and is_cal_video(booking):
            yield {"booking_uid": uid, "hosts": _addresses_of_hosts(booking), "sessions": fetch(uid)}


def is_cal_video(booking: Mapping[str, Any]) -> bool:
    """Say whether a booking is held in Cal Video.

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
    """Give {user id: address} of a booking's hosts; of one whose user is gone both are the text ``unknown``."""
    hosts = booking.get("hosts")
    found = {}
    for host in hosts if isinstance(hosts, list) else ():
        user, email = (host.get("id"), host.get("email")) if isinstance(host, Mapping) else (None, None)
        if user is not None and isinstance(email, str) and "@" in email and str(user) != _UNKNOWN:
            found[str(user)] = email
    return found


def _below(outer: Record, inner: Record, *names: str) -> Record:
    """Give a nested record with what it needs of the one around it."""
    inherited = {name: outer.value(name) for name in names if outer.has(name)}
    return Record({**inherited, **inner.columns}, inner.options)


def _booking(record: Record) -> str | None:
    uid, room = record.text("booking_uid"), record.text("room")
    return uid or (record.options.booking_uids.get(room) if room else None)


def _address(user: str, person: Record) -> str | None:
    hosts = person.record("hosts")
    own = hosts.columns.get(user) if hosts else None
    return (own if isinstance(own, str) else None) or person.options.addresses.get(user)


def _most(session: Record) -> float:
    return session.number("maxParticipants") or 0


def _stay(record: Record, start: str) -> tuple[str, str | None]:
    """Give when a presence begins and ends; the end is None while the session goes on, or where it is not known."""
    began = _moment(record, start)
    if began is None:
        raise UnreadableField(record.spelling(start), "is missing")
    seconds = record.number("duration")
    if seconds is None or record.value("ongoing") in (True, "true", "True"):
        return as_utc(began), None
    return as_utc(began), as_utc(_end(began, seconds, record))


def _moment(record: Record, name: str) -> datetime | None:
    """Give Unix seconds, or the text of a time, which some loaders make of them."""
    value = record.value(name)
    is_time = isinstance(value, datetime) or (isinstance(value, str) and not _DIGITS.fullmatch(value.strip()))
    return record.moment(name) if is_time else record.epoch(name)


def _end(began: datetime, seconds: float, record: Record) -> datetime:
    try:
        if seconds < 0:
            raise OverflowError
        return began + timedelta(seconds=seconds)
    except OverflowError:
        raise UnreadableField(record.spelling("duration"), "is no length of time", shape_of(seconds)) from None


FEED = CalVideoFeed()
