"""The rows of one file that was downloaded from Microsoft Teams, in which one person has several lines.

A person's stays are taken from In-Meeting Activities; First Join and Last Leave, which hide the gaps between, only of
people who are not there. Where the activities are shorter than what the list of participants says of a person, some
are missing, and that person was there at some time between first join and last leave: a row of kind ``lobby``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from airflow_provider_calcom.attendance.feeds._feed import RecordFeed
from airflow_provider_calcom.attendance.feeds._record import Record
from airflow_provider_calcom.attendance.feeds._report import FeedReport
from airflow_provider_calcom.attendance.feeds._row import AttendanceRow
from airflow_provider_calcom.attendance.feeds._times import as_utc
from airflow_provider_calcom.attendance.feeds.errors import UnreadableField
from airflow_provider_calcom.attendance.feeds.options import FeedOptions
from airflow_provider_calcom.attendance.feeds.teams import sections
from airflow_provider_calcom.attendance.feeds.teams.identity import Who, doubtful, named, plain_address
from airflow_provider_calcom.attendance.feeds.teams.line import Line, OwnNames, own_names

UNNAMED = "people whom a report counts, but doesn't name"
_STAYS_MISSING = "participants of whom not all stays are there"
_LEFT_ALONE = "leavings without a joining"
_SLACK = 5
"""Seconds by which a stay's duration may differ from its times; a minute where the file gives no seconds."""


@dataclass
class _Listed:
    """A participant of the list."""

    row: AttendanceRow = field(repr=False)
    first: datetime | None
    last: datetime | None
    seconds: int | None


@dataclass
class _Stays:
    """What the activities say of one name or address."""

    joined: list[datetime] = field(default_factory=list)
    left: list[datetime] = field(default_factory=list)
    seconds: float = 0.0
    number: int = 0
    is_open: bool = False

    def add(self, joined: datetime | None, left: datetime | None, seconds: float) -> None:
        """Add one stay."""
        self.joined += [joined] if joined else []
        self.left += [left] if left else []
        self.seconds += seconds
        self.number += 1
        self.is_open |= left is None


@dataclass
class FileRows:
    """The rows of one file, as its lines come.

    :param feed: makes the rows.
    :param report: notes what is missing or in doubt.
    """

    feed: RecordFeed
    report: FeedReport
    _listed: dict[str, list[_Listed]] = field(default_factory=dict)
    _stays: dict[str, _Stays] = field(default_factory=dict)
    _joined: dict[str, list[AttendanceRow]] = field(default_factory=dict)
    _left_alone: list[AttendanceRow] = field(default_factory=list)
    _first_event: datetime | None = None
    _options: FeedOptions | None = None
    _own: OwnNames = ()

    def rows_of(self, record: Record) -> Iterator[AttendanceRow]:
        """Return the rows that a line completes.

        :raises UnreadableField: if the line can't be read.
        """
        if record.columns.get(sections.SECTION) == sections.UNNAMED:
            self.report.note(UNNAMED)
            yield self._doubt(record, {})
            return
        line = self._line(record)
        if line.is_event:
            yield from self._of_event(line)
        elif line.has("joined_at"):
            yield self._of_stay(line)
        else:
            self._list(line)

    def flush(self) -> Iterator[AttendanceRow]:
        """Return, at the end, the rows that follow from the whole file: of people without activities, or still in."""
        for stays in self._stays.values():
            stays.joined.sort()
            stays.left.sort()
        for name, listed in self._listed.items():
            unaddressed = sum(one.seconds or 0 for one in listed if one.row["email"] is None)
            for one in listed:
                own = self._stays_of(one, name, is_alone=len(listed) == 1)
                if not own:
                    yield one.row
                elif not _is_covered(one, own, (one.seconds or 0) if one.row["email"] else unaddressed):
                    self.report.note(_STAYS_MISSING)
                    yield {**one.row, "kind": "lobby"}
        for joined in self._joined.values():
            yield from joined
        for left in self._left_alone:
            yield {**left, "joined_at": as_utc(self._first_event) if self._first_event else None}

    def _line(self, record: Record) -> Line:
        """Return the line, which finds its columns by itself: another meaning of a column's name is not the user's."""
        if self._options is None:
            self._own = own_names(record.options)
            self._options = replace(record.options, columns={})
        return Line(Record(record.columns, self._options), self._own)

    def _list(self, line: Line) -> None:
        first, last = line.first_and_last()
        who = _who(line)
        row = self._row(line.record, who, first, last)
        self._listed.setdefault(_raw_name(line), []).append(_Listed(row, first, last, line.seconds()))

    def _of_stay(self, line: Line) -> AttendanceRow:
        joined, left = line.stay()
        row = self._row(line.record, _who(line), joined, left)
        apart = (left - joined).total_seconds() if joined and left else 0
        stays = self._stays.setdefault(_key(row["email"]) or _raw_name(line), _Stays())
        stays.add(joined, left, max(line.seconds() or 0, apart))
        if row["email"] is None:
            listed = self._listed.get(_raw_name(line), [])
            if len(listed) == 1:
                row = {**row, "email": listed[0].row["email"], "phone": row["phone"] or listed[0].row["phone"]}
        return row

    def _stays_of(self, one: _Listed, name: str, *, is_alone: bool) -> list[_Stays]:
        """Return a participant's stays; those with only a name, where nobody else can be meant by it."""
        address = _key(one.row["email"])
        keys = [*([address] if address else []), *([name] if is_alone or not address else [])]
        return [self._stays[key] for key in keys if key in self._stays]

    def _of_event(self, line: Line) -> Iterator[AttendanceRow]:
        """Pair the joinings and leavings of one session, or of one name, the first with the first.

        One name may be in on two devices. A leaving without a joining is somebody who was there before: a doubt from
        the first event of the file on.
        """
        is_joining = line.joined()
        moment = line.moment("timestamp", is_end=not is_joining)
        if moment is None:
            raise UnreadableField(None, "the line has no time")
        self._first_event = min(moment, self._first_event or moment)
        who = _who(line)
        waiting = self._joined.setdefault(line.text("session") or _raw_name(line), [])
        if is_joining:
            waiting.append(self.feed.row(line.record, joined_at=as_utc(moment), **who))
        elif waiting:
            yield {**waiting.pop(0), "left_at": as_utc(moment)}
        else:
            self.report.note(_LEFT_ALONE)
            self._left_alone.append(self.feed.row(line.record, left_at=as_utc(moment), **doubtful(who)))

    def _row(self, record: Record, who: Who, joined: datetime | None, left: datetime | None) -> AttendanceRow:
        """Return a presence, or the doubt that is left of it where it is not known since when."""
        if joined is None:
            return self._doubt(record, who, left)
        return self.feed.row(record, joined_at=as_utc(joined), left_at=as_utc(left) if left else None, **who)

    def _doubt(self, record: Record, who: Who, left: datetime | None = None) -> AttendanceRow:
        """Return a row of somebody who was there at some time of the meeting.

        :raises UnreadableField: if the meeting's times are not known.
        """
        start, end = record.moment(sections.START), record.moment(sections.END, is_end=True)
        if start is None:
            raise UnreadableField(None, "somebody was there, but neither the line nor the file's summary says when")
        end = left or end
        return self.feed.row(record, joined_at=as_utc(start), left_at=as_utc(end) if end else None, **doubtful(who))


def _who(line: Line) -> Who:
    known_by = (plain_address(line.text(meaning)) for meaning in ("email", "registration_email", "upn"))
    address = next((address for address in known_by if address), None)
    return named(line.text("name"), address, line.record.options.guest_marks)


def _key(address: str | None) -> str:
    return (address or "").casefold()


def _raw_name(line: Line) -> str:
    """Return a name as the file has it, by which lines of one person are found; no address is equal to one."""
    return f"name {(line.text('name') or '').casefold()}"


def _is_covered(one: _Listed, stays: list[_Stays], expected: float) -> bool:
    """Return whether stays reach from the first joining to the last leaving and last as long as is said.

    :param one: a participant.
    :param stays: that participant's, or those of all who have the name.
    :param expected: the seconds that are said of all whose stays they are.
    """
    slack = _SLACK if (one.seconds or 0) % 60 else 60
    is_open = any(these.is_open for these in stays)
    begins = one.first is None or any(_has_near(these.joined, one.first, slack) for these in stays)
    ends = one.last is None or is_open or any(_has_near(these.left, one.last, slack) for these in stays)
    lasts = is_open or sum(these.seconds + these.number * slack for these in stays) >= expected
    return begins and ends and lasts


def _has_near(moments: list[datetime], moment: datetime, slack: int) -> bool:
    """Return whether one of the moments, which are in order, is at most ``slack`` seconds away."""
    at = bisect_left(moments, moment)
    return any(abs((one - moment).total_seconds()) <= slack for one in moments[max(at - 1, 0) : at + 1])
