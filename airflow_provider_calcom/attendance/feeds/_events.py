"""Presences made of events: somebody joined, somebody left. Also rows that come twice.

Events come late, twice, in any order, or not at all. Each end is paired with the latest beginning before it of the same
participant. An event that stays unmatched is a row with one time: without an end, or without a beginning.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from airflow_provider_calcom.attendance.feeds._report import REPEATED, FeedReport
from airflow_provider_calcom.attendance.feeds._row import AttendanceRow
from airflow_provider_calcom.attendance.feeds._times import as_utc

MOST_OPEN = 100_000
"""Events that wait for their other half at most, in about 100 MB; beyond it the oldest stays unmatched."""

REMEMBERED = 100_000
"""Events that are remembered to know a repeat by. Senders repeat within hours, so this is plenty."""

REMEMBERED_ROWS = 100_000
"""Rows that are remembered, in about 15 MB. A repeat that comes later passes, and changes no decision: presence is a
union."""

LONGEST = timedelta(hours=30)
"""The longest presence. Vendors end a meeting by then, so what is further apart is of two presences."""


@dataclass(frozen=True)
class Event:
    """A beginning or an end.

    :param meeting: what :meth:`SessionPairer.end_meeting` ends.
    :param participant: who; the same in the beginning and the end of a presence.
    :param at: when.
    :param is_end: whether it is an end.
    :param row: the row as far as it is known, without times.
    """

    meeting: Hashable
    participant: Hashable
    at: datetime
    is_end: bool
    row: AttendanceRow = field(repr=False)


@dataclass
class _Unmatched:
    begun: list[Event] = field(default_factory=list)
    ended: list[Event] = field(default_factory=list)


class SessionPairer:
    """Pairs events as they come; holds only those whose other half has not come yet.

    :param most_open: how many those may be.
    :param remembered: how many events are remembered to know a repeat by.
    :param one_name: returns one name for those in the beginning and the end, which differ where somebody was renamed.
    """

    def __init__(
        self,
        most_open: int = MOST_OPEN,
        remembered: int = REMEMBERED,
        one_name: Callable[[str | None, str | None], str | None] = lambda first, second: first or second,
    ) -> None:
        self._most_open = most_open
        self._remembered = remembered
        self._one_name = one_name
        self._seen: dict[Hashable, None] = {}
        self._unmatched: dict[Hashable, _Unmatched] = {}
        self._open = 0
        self._meeting_ends: dict[Hashable, datetime] = {}

    def is_repeat(self, event: Event) -> bool:
        """Return whether the event came before, and remember it."""
        fingerprint = (event.meeting, event.participant, event.at, event.is_end)
        if fingerprint in self._seen:
            return True
        self._seen[fingerprint] = None
        if len(self._seen) > self._remembered:
            del self._seen[next(iter(self._seen))]
        return False

    def add(self, event: Event) -> Iterator[AttendanceRow]:
        """Return the row that the event completes; or hold the event, and return rows of too many held ones."""
        who = (event.meeting, event.participant)
        unmatched = self._unmatched.setdefault(who, _Unmatched())
        other = _best(unmatched.begun if event.is_end else unmatched.ended, event)
        if other is not None:
            begun, ended = (other, event) if event.is_end else (event, other)
            (unmatched.begun if event.is_end else unmatched.ended).remove(other)
            self._open -= 1
            if not unmatched.begun and not unmatched.ended:
                del self._unmatched[who]
            name = self._one_name(ended.row["name"], begun.row["name"])
            yield {**_joined(begun, ended), "name": name}
            return
        (unmatched.ended if event.is_end else unmatched.begun).append(event)
        self._open += 1
        while self._open > self._most_open:
            yield from self._rows_of_unmatched(next(iter(self._unmatched)))

    def end_meeting(self, meeting: Hashable, at: datetime) -> None:
        """Note the end of a meeting, which is the end of each presence in it that is still open after all events."""
        self._meeting_ends[meeting] = max(at, self._meeting_ends.pop(meeting, at))
        if len(self._meeting_ends) > self._remembered:
            del self._meeting_ends[next(iter(self._meeting_ends))]

    def flush(self) -> Iterator[AttendanceRow]:
        """Return the rows of all unmatched events."""
        while self._unmatched:
            yield from self._rows_of_unmatched(next(iter(self._unmatched)))

    def _rows_of_unmatched(self, who: Hashable) -> Iterator[AttendanceRow]:
        unmatched = self._unmatched.pop(who)
        self._open -= len(unmatched.begun) + len(unmatched.ended)
        for ended in unmatched.ended:
            yield {**ended.row, "joined_at": None, "left_at": as_utc(ended.at)}
        for begun in unmatched.begun:
            meeting_end = self._meeting_ends.get(begun.meeting)
            known = meeting_end is not None and meeting_end >= begun.at
            left_at = as_utc(meeting_end) if meeting_end is not None and known else None
            yield {**begun.row, "joined_at": as_utc(begun.at), "left_at": left_at}


def _best(held: list[Event], event: Event) -> Event | None:
    """Return the latest beginning before an end, or the earliest end after a beginning."""
    if event.is_end:
        return max((one for one in held if _belong_together(one, event)), key=_instant, default=None)
    return min((one for one in held if _belong_together(event, one)), key=_instant, default=None)


def _belong_together(begun: Event, ended: Event) -> bool:
    """Return whether an end can be that of a beginning: ids are used again, for somebody else in another meeting."""
    first, second = begun.row, ended.row
    same = _agree(first["email"], second["email"]) and _agree(first["conference_key"], second["conference_key"])
    return same and begun.at <= ended.at <= begun.at + LONGEST


def _agree(first: str | None, second: str | None) -> bool:
    return first is None or second is None or first.casefold() == second.casefold()


def _instant(event: Event) -> datetime:
    return event.at


def _joined(begun: Event, ended: Event) -> AttendanceRow:
    """Return one row of both halves; what one of them lacks, as an address, is in the other."""
    first, second = begun.row, ended.row
    return {
        "source": first["source"],
        "participant": first["participant"] or second["participant"],
        "kind": first["kind"],
        "booking_uid": first["booking_uid"] or second["booking_uid"],
        "conference_key": first["conference_key"] or second["conference_key"],
        "email": first["email"] or second["email"],
        "name": first["name"] or second["name"],
        "phone": first["phone"] or second["phone"],
        "joined_at": as_utc(begun.at),
        "left_at": as_utc(ended.at),
    }


def once(
    rows: Iterable[AttendanceRow], report: FeedReport, remembered: int = REMEMBERED_ROWS
) -> Iterator[AttendanceRow]:
    """Return rows without those that are wholly equal to an earlier one.

    A row is known by all that it says and not by the vendor's id of the session: of two rows with one id that differ,
    dropping one could lose a presence. People who are not named are all kept, because two of them may be two people.

    :param rows: what a feed made.
    :param report: counts each repeat as skipped.
    :param remembered: how many of the last different rows are compared with.
    """
    seen: dict[bytes, None] = {}
    for row in rows:
        if row["kind"] == "person" and not (row["email"] or row["name"] or row["phone"] or row["participant"]):
            yield row
            continue
        digest = hashlib.blake2b(repr(tuple(row.values())).encode(), digest_size=16).digest()
        if digest in seen:
            report.skip(REPEATED)
            continue
        seen[digest] = None
        if len(seen) > remembered:
            del seen[next(iter(seen))]
        yield row
