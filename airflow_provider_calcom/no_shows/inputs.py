"""What a plan is made of, gathered into files: bookings from Cal.com or a file, attendance from any feeds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from airflow_provider_calcom.api.changes import is_cohost, is_of_organisers_domain, only_attends
from airflow_provider_calcom.api.errors import CalComError
from airflow_provider_calcom.api.models import Me
from airflow_provider_calcom.attendance.errors import InvalidInput
from airflow_provider_calcom.attendance.feeds import FeedReading, FeedReport, read_feed
from airflow_provider_calcom.attendance.feeds.cal_video import cal_video_records
from airflow_provider_calcom.no_shows.bookings import booking_row, check_booking, people_rows, shown_address
from airflow_provider_calcom.no_shows.input_files import files_of, read_lines

_NO_SESSIONS = "No Cal Video reference"
# One for all rows: json.dumps would make a new one for each.
_as_json = json.JSONEncoder(ensure_ascii=False, default=str).encode
_OF_ROOMS = ("uid", "location", "meetingUrl", "hosts")


@dataclass(frozen=True)
class TableName:
    """A table or view of ``rules_conn_id``, given as ``{"table": name}``."""

    name: str


@dataclass(frozen=True)
class Paths:
    """A table in files.

    :param paths: paths of this machine or of an object store.
    """

    paths: tuple[Any, ...]


@dataclass(frozen=True)
class Rows:
    """A table from another task, or from the DAG file."""

    rows: Sequence[Any] = field(repr=False)


Table = TableName | Paths | Rows


@dataclass(frozen=True)
class FeedEntry:
    """One feed of the parameter ``attendance``. It has one of paths, rows and query, or none where it is fetched.

    :param name: how errors name it, such as ``attendance[0]``.
    :param feed: the feed's name.
    :param paths: paths of its files, here or in an object store.
    :param rows: its records, or a response of the vendor's API.
    :param query: runs the query whose rows are its records, and yields them as dicts.
    :param options: of the feed.
    """

    name: str
    feed: str
    paths: tuple[Any, ...] = ()
    rows: Any = field(default=None, repr=False)
    query: Callable[[], Iterator[dict[str, Any]]] | None = field(default=None, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def is_fetched(self) -> bool:
        """Whether it comes from Cal.com."""
        return not self.paths and self.rows is None and self.query is None


# Bookings.


@dataclass(frozen=True)
class BookingTables:
    """Bookings as files of the rules' tables.

    :param rooms: what tells of each booking where it is held, as JSON lines of Cal.com's own fields.
    :param bookings: the table of bookings.
    :param people: the table of people.
    :param internal_cohosts: addresses of co-hosts with the organiser's mail domain, whom Cal.com lists as attendees.
    :param outside_cohosts: how many co-hosts of other domains there are; each is a host of that booking in ``people``.
    :param attended: how many bookings were left out because the key's user only attends them.
    """

    rooms: Path
    bookings: Path
    people: Path
    internal_cohosts: tuple[str, ...] = field(default=(), repr=False)
    outside_cohosts: int = 0
    attended: int = 0


def booking_tables(
    bookings: Iterable[Any],
    folder: Path,
    *,
    where: str = "Cal.com",
    patterns: Sequence[str] = (),
    protect_cohosts: bool = True,
    user: Me | None = None,
) -> BookingTables:
    """Write the tables of bookings, each as it arrives.

    :param bookings: as Cal.com sends them.
    :param folder: where the files go.
    :param where: where they are from, for errors.
    :param patterns: of meeting links, see ``conference_key``.
    :param protect_cohosts: whether co-hosts among the attendees are looked for.
    :param user: whose bookings are judged: those that this user only attends, which Cal.com lists as well, are left
        out. None judges all.
    :raises InvalidInput: for what is no booking, naming its row.
    """
    rooms, table, people = (folder / f"{name}.jsonl" for name in ("rooms", "bookings", "people"))
    internal_cohosts: set[str] = set()
    outside_cohosts = attended = 0
    with _written(rooms) as rooms_file, _written(table) as table_file, _written(people) as people_file:
        for number, given in enumerate(bookings, start=1):
            try:
                booking = check_booking(given)
            except InvalidInput as error:
                raise InvalidInput(f"bookings ({where}), row {number}: {error}") from None
            if user is not None and only_attends(dict(booking), user):
                attended += 1
                continue
            _write(rooms_file, {name: booking.get(name) for name in _OF_ROOMS})
            _write(table_file, booking_row(booking, patterns=patterns))
            for person in people_rows(booking):
                _write(people_file, person)
            for attendee in _cohosts(booking) if protect_cohosts else ():
                if is_of_organisers_domain(dict(booking), attendee):
                    internal_cohosts.update((attendee["email"], shown_address(attendee) or attendee["email"]))
                else:
                    outside_cohosts += 1
                    _write(people_file, _as_host(booking, attendee))
    return BookingTables(rooms, table, people, tuple(sorted(internal_cohosts)), outside_cohosts, attended)


def _cohosts(booking: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for attendee in booking.get("attendees") or ():
        if attendee.get("email") and is_cohost(dict(booking), attendee):
            yield attendee


def _as_host(booking: Mapping[str, Any], attendee: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of ``people`` that makes an attendee a host of this booking alone.

    Not an internal address of the policy, which holds for all bookings: who is a co-host here may be an ordinary booker
    of another event. Without ``email``, because nothing can be written to a host other than the organiser.
    """
    return {
        "booking_uid": booking["uid"],
        "role": "host",
        "email": None,
        "match_email": shown_address(attendee),
        "name": attendee.get("name"),
        "phone": attendee.get("phoneNumber"),
        "absent": booking.get("absentHost") is True,
    }


def _written(path: Path) -> IO[str]:
    # Half a character, as where a name was cut, becomes a question mark: no file could hold it.
    return path.open("w", encoding="utf-8", errors="replace")


def _write(file: IO[str], row: Mapping[str, Any]) -> None:
    file.write(_as_json(row) + "\n")


# Attendance.


@dataclass(frozen=True)
class FeedInput:
    """One feed of attendance that was read.

    :param feed: its name.
    :param path: its rows, as JSON lines.
    :param reports: what became of its records, of each of its files.
    :param is_fetched: whether it was fetched from Cal.com just now.
    :param latest: the latest time in its rows, UTC as the rows have it, or "" where there is none.
    """

    feed: str
    path: Path
    reports: tuple[FeedReport, ...]
    is_fetched: bool
    latest: str = ""

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return sum(report.rows for report in self.reports)


@dataclass(frozen=True)
class FeedReader:
    """Reads feeds as an operator's parameter names them.

    :param folder: where their rows go.
    :param sessions: returns Cal Video's sessions of a booking uid.
    :param rooms: what ``BookingTables.rooms`` is, or None where bookings were given as tables.
    """

    folder: Path
    sessions: Callable[[str], list[dict[str, Any]]]
    rooms: Path | None

    def read(self, place: int, entry: FeedEntry) -> FeedInput:
        """Read one feed.

        :param place: its place among the feeds.
        :raises InvalidInput: if it can't be fetched.
        :raises InputMissing: if a file is not there.
        :raises FeedError: if an option is wrong, or the feed can't be trusted.
        """
        path = self.folder / f"attendance-{place}.jsonl"
        reports: list[FeedReport] = []
        latest = ""
        with _written(path) as file:
            for reading in self._readings(entry):
                for row in reading:
                    _write(file, row)
                    latest = max(latest, row["left_at"] or row["joined_at"] or "")
                reports.append(reading.report)
        return FeedInput(entry.feed, path, tuple(reports), entry.is_fetched, latest)

    def _readings(self, entry: FeedEntry) -> Iterator[FeedReading]:
        # A record that can't be read may be somebody's presence, so by default none is left out.
        options = {"max_unreadable": 0, **entry.options}
        for source in self._sources(entry):
            yield read_feed(entry.feed, source, **options)

    def _sources(self, entry: FeedEntry) -> list[Any]:
        if entry.paths:
            # All of them as one source: pages and events in several files belong together.
            return [[file for path in entry.paths for file in files_of(f"{entry.name}.path", path)]]
        if entry.rows is not None:
            return [entry.rows]
        if entry.query is not None:
            return [entry.query()]
        if self.rooms is None:
            raise InvalidInput(
                f"{entry.name}: {entry.feed} is fetched for bookings as Cal.com sends them, and these are tables. Give"
                " its path, rows or sql"
            )
        return [cal_video_records(read_lines(self.rooms), self._sessions_of)]

    def _sessions_of(self, uid: str) -> list[dict[str, Any]] | None:
        try:
            return self.sessions(uid)
        except CalComError as error:
            if error.failure is not None and error.failure.status == 404 and _NO_SESSIONS in error.failure.message:
                return None
            raise
