"""What a plan is made of, gathered into files: bookings from Cal.com or a file, attendance from any feeds."""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom._storage import fault_of_path, is_lasting, is_of_storage, reason_of
from airflow_provider_calcom.api.changes import is_cohost, is_of_organisers_domain, only_attends
from airflow_provider_calcom.api.errors import CalComError, InvalidArgument
from airflow_provider_calcom.api.models import Me
from airflow_provider_calcom.attendance.bookings import booking_row, check_booking, people_rows, shown_address
from airflow_provider_calcom.attendance.errors import AttendanceError, InvalidInput
from airflow_provider_calcom.attendance.feeds import FeedReading, FeedReport, read_feed
from airflow_provider_calcom.attendance.feeds.cal_video import cal_video_records
from airflow_provider_calcom.operators._plan_parameters import FeedEntry

_NO_SESSIONS = "No Cal Video reference"
# One for all rows: json.dumps would make a new one for each.
_as_json = json.JSONEncoder(ensure_ascii=False, default=str).encode
_OF_ROOMS = ("uid", "location", "meetingUrl", "hosts")


class InputMissing(AttendanceError):
    """A file of bookings or attendance is not there. Have it written: the task tries again, as reports come late."""

    retryable = True


class InputNotReached(AttendanceError):
    """A file's storage failed: a disk, a network, an object store. The task tries again."""

    retryable = True


@dataclass(frozen=True)
class Storage:
    """Where paths lead to.

    :param conn_id: the object storage's connection, or None.
    """

    conn_id: str | None = None

    def path(self, name: str, address: Any) -> Any:
        """Return a path that can be opened, of a text; a path stays as it is, but for ``~``.

        A text without ``://`` is a path here. Airflow's own class makes ``/plans`` of ``plans`` on 2.11.

        :param name: the parameter, for errors.
        :param address: a path or URL.
        :raises InvalidArgument: if there can be no such path, or no storage of its kind is known here.
        """
        if (fault := fault_of_path(address)) is not None:
            raise InvalidArgument(f"{name} must be a path, but is {fault}. Correct it")
        if not isinstance(address, str):
            return address.expanduser() if isinstance(address, Path) and "://" not in str(address) else address
        if "://" not in address:
            return Path(address).expanduser()
        try:
            return ObjectStoragePath(address, conn_id=self.conn_id)
        except (ValueError, TypeError, ImportError) as error:
            why = type(error).__name__
        raise InvalidArgument(
            f"{name} is no URL of an object storage that is known here ({why}). Give one such as s3://bucket/folder,"
            " and install the provider of its storage"
        )

    def files(self, name: str, address: Any) -> list[Any]:
        """Return the files of an address: a file, those of a folder, or those that a ``*`` finds.

        :param name: the parameter, for errors.
        :param address: a path or URL; in a URL a ``*`` may be in the last part only.
        :raises InputMissing: if there are none.
        :raises InvalidInput: if one can't be read, or a folder has none.
        """
        path = self.path(name, address)
        try:
            found = _inside(name, path) if path.is_dir() else [path] if path.exists() else _fitting(path)
            for one in found:
                _check_readable(name, one)
        except Exception as error:
            if not is_of_storage(error, path):
                raise
            kind = InvalidInput if is_lasting(error) else InputNotReached
            raise kind(
                f"{name}: {shown_path(path)} can't be read ({reason_of(error)}). Let the worker's user read it and its"
                " folder"
            ) from None
        if not found:
            raise InputMissing(f"{name}: {shown_path(path)} is not there (yet)")
        return found


def _inside(name: str, folder: Any) -> list[Any]:
    """Return the files of a folder, but those that tools keep beside their output, as ``_SUCCESS``."""
    found = [one for one in folder.iterdir() if not one.name.startswith(("_", ".")) and one.is_file()]
    if not found:
        raise InvalidInput(f"{name}: {shown_path(folder)} is a folder without files. Give the folder that has them")
    return sorted(found, key=str)


def _check_readable(name: str, path: Any) -> None:
    """See that a file of this machine can be opened, before Cal.com is asked for bookings."""
    if "://" in str(path):
        return
    if path.is_dir():
        raise InvalidInput(f"{name}: {shown_path(path)} is a folder. Give its files, such as {shown_path(path / '*')}")
    if not path.is_file():
        raise InvalidInput(f"{name}: {shown_path(path)} is no file")
    with path.open("rb"):
        pass


def _fitting(path: Any) -> list[Any]:
    if "*" not in str(path):
        return []
    if "://" not in str(path):
        pattern = glob.escape(str(path)).replace("[*]", "*")
        return [Path(one) for one in sorted(glob.glob(pattern, recursive=True))]
    # Not glob(): that of Airflow 2.11's object storage finds nothing.
    name = re.compile(".*".join(map(re.escape, path.name.split("*"))))
    with suppress(FileNotFoundError, NotADirectoryError):
        return sorted((one for one in path.parent.iterdir() if name.fullmatch(one.name)), key=str)
    return []


# Bookings.


@dataclass(frozen=True)
class BookingTables:
    """Bookings as files of the rules' tables.

    :param rooms: what tells of each booking where it is held, as JSON lines of Cal.com's own fields.
    :param bookings: the table of bookings.
    :param people: the table of people.
    :param colleagues: addresses of co-hosts with the organiser's mail domain, whom Cal.com lists as attendees.
    :param outside_cohosts: how many co-hosts of other domains there are; each is a host of that booking in ``people``.
    :param attended: how many bookings were left out because the key's user only attends them.
    """

    rooms: Path
    bookings: Path
    people: Path
    colleagues: tuple[str, ...] = field(default=(), repr=False)
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
    colleagues: set[str] = set()
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
                    colleagues.update((attendee["email"], shown_address(attendee) or attendee["email"]))
                else:
                    outside_cohosts += 1
                    _write(people_file, _as_host(booking, attendee))
    return BookingTables(rooms, table, people, tuple(sorted(colleagues)), outside_cohosts, attended)


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


def read_lines(path: Any) -> Iterator[Any]:
    """Give the values of a file of JSON lines.

    :param path: anything with ``open("rb")``.
    :raises InvalidInput: naming file and line.
    """
    with path.open("rb") as file:
        # Files of Airflow 2.11's object storage can't be iterated.
        for number, line in enumerate(iter(file.readline, b""), start=1):
            if not line.strip():
                continue
            try:
                yield json.loads(line)
            except (ValueError, RecursionError):
                raise InvalidInput(
                    f"{shown_path(path)}, row {number}: is not JSON. One booking a line is wanted"
                ) from None


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
    :param storage: where their files are.
    :param run_sql: gives the rows of a query as dicts: ``(conn_id, sql)``.
    :param sessions: gives Cal Video's sessions of a booking's uid.
    :param rooms: what ``BookingTables.rooms`` is, or None where bookings were given as tables.
    """

    folder: Path
    storage: Storage
    run_sql: Callable[[str, str], Iterator[dict[str, Any]]]
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
            return [[file for path in entry.paths for file in self.storage.files(f"{entry.name}.path", path)]]
        if entry.rows is not None:
            return [entry.rows]
        if entry.sql is not None and entry.conn_id is not None:
            return [self.run_sql(entry.conn_id, entry.sql)]
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
