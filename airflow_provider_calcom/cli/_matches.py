"""Notes for somebody whose files do not fit together: a feed none of whose meetings is that of a booking."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom.attendance.feeds import AttendanceRow, read_feed
from airflow_provider_calcom.no_shows.booking_files import read_bookings
from airflow_provider_calcom.no_shows.inputs import booking_row, check_booking

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from airflow_provider_calcom.no_shows.plan_files import Summary
    from airflow_provider_calcom.no_shows.plan_request import FeedEntry, Paths

_MOST_SHOWN = 3


@dataclass
class _Span:
    """The times of a meeting, as UTC strings; "" where none is known."""

    first: str = ""
    last: str = ""

    def add(self, start: str | None, end: str | None) -> None:
        """Add the times of a row or booking."""
        times = [time for time in (self.first, self.last, start, end) if time]
        self.first, self.last = (min(times), max(times)) if times else ("", "")

    def __str__(self) -> str:
        first, last = (time[:16].replace("T", " ") for time in (self.first, self.last))
        return (
            f"{first} to {last[11:] if last[:10] == first[:10] else last} UTC" if first else "a time that is not known"
        )


@dataclass
class _Meetings:
    """Meetings by what names them, each with its times.

    :param spans: ``{conference key or booking uid: its times}``.
    :param links: the conference keys among them.
    """

    spans: dict[str, _Span] = field(default_factory=dict)
    links: dict[str, None] = field(default_factory=dict)

    def add(self, booking_uid: str | None, conference_key: str | None, start: str | None, end: str | None) -> bool:
        """Add a row or booking, and return whether it names a meeting."""
        for key in filter(None, (booking_uid, conference_key)):
            self.spans.setdefault(key, _Span()).add(start, end)
        if conference_key:
            self.links[conference_key] = None
        return bool(booking_uid or conference_key)

    @property
    def span(self) -> _Span:
        """The times of all."""
        whole = _Span()
        for one in self.spans.values():
            whole.add(one.first, one.last)
        return whole


def notes_on_matches(bookings: Paths, feeds: Iterable[FeedEntry], summary: Summary) -> Iterator[str]:
    """Yield a note on each feed that says nothing of these bookings, and how to fix that.

    :param bookings: the files of the bookings.
    :param feeds: those of the plan; one that was fetched from Cal.com is of its bookings.
    :param summary: the plan's.
    """
    booked = _Meetings()
    for booking in (booking for path in bookings.paths for booking in read_bookings(path)):
        row = booking_row(check_booking(booking))
        booked.add(row["booking_uid"], row["conference_key"], row["start_at"], row["end_at"])
    for entry in feeds:
        if not entry.paths and not any(key.startswith(f"{entry.feed}:") for key in booked.links):
            yield f"None of the bookings is held in a room of {entry.feed}, so there is nothing to fetch."
        if entry.paths and (note := _note(entry, booked, is_in_time=summary["rows_of_people"] > 0)):
            yield note


def _note(entry: FeedEntry, booked: _Meetings, *, is_in_time: bool) -> str | None:
    """Return the note on a feed, or None.

    :param is_in_time: whether any row of the plan is of a booking's meeting at its time. Then a feed with one such
        meeting is read no further.
    """
    name, seen = _name(entry), _Meetings()
    rows = loose = 0
    with closing(_rows(entry)) as found:
        for row in found:
            rows += 1
            loose += not seen.add(row["booking_uid"], row["conference_key"], row["joined_at"], row["left_at"])
            if is_in_time and not booked.spans.keys().isdisjoint((row["booking_uid"], row["conference_key"])):
                return None
    if not rows:
        return f"{name} has no rows of people: nothing says who came."
    if loose == rows:
        return _on_loose_rows(entry, name)
    shared = [key for key in seen.spans if key in booked.spans]
    if not shared:
        return _on_other_meetings(name, seen, booked)
    return (
        f"{name} is of meetings that are booked, but nobody was there at the booked times. For example, {shared[0]} is"
        f" booked for {booked.spans[shared[0]]}, and people were there from {seen.spans[shared[0]]}. Check that file"
        " and bookings are of the same days, and the zone of the file's times (--zone)."
    )


def _rows(entry: FeedEntry) -> Generator[AttendanceRow, None, None]:
    # The plan was made of the same rows, so that none is unreadable.
    options = {"max_unreadable": 0, **entry.options}
    return cast("Generator[AttendanceRow, None, None]", iter(read_feed(entry.feed, list(entry.paths), **options)))


def _on_loose_rows(entry: FeedEntry, name: str) -> str:
    return (
        f"{name} does not say of which meeting it is, so a row counts only for a person with the same address. If it is"
        f" of one meeting, add the meeting's link, code or number: --feed {entry.feed} {name} conference_key=LINK."
    )


def _on_other_meetings(name: str, seen: _Meetings, booked: _Meetings) -> str:
    count = len(seen.spans)
    none = f"none of the {count} meetings in {name} is" if count > 1 else f"the meeting in {name} is not"
    links = f"of {_some(booked)}" if booked.links else "without links to video meetings"
    return (
        f"{none[0].upper()}{none[1:]} that of a booking, so the file says nothing of who came to these bookings. It is"
        f" of {_some(seen)}, {seen.span}; the bookings are {links}, {booked.span}. Check that file and bookings are of"
        " the same days and the same account."
    )


def _some(meetings: _Meetings) -> str:
    keys = list(meetings.links or meetings.spans)
    more = f" and {len(keys) - _MOST_SHOWN} more" if len(keys) > _MOST_SHOWN else ""
    return ", ".join(keys[:_MOST_SHOWN]) + more


def _name(entry: FeedEntry) -> str:
    names = [shown_path(path.name) for path in entry.paths]
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more files"
