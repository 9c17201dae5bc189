"""What a plan is made of, gathered into files: bookings from Cal.com or a file, attendance from any feeds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from airflow_provider_calcom.api.changes import host_test, is_of_organisers_domain, only_attends
from airflow_provider_calcom.api.models import Me
from airflow_provider_calcom.attendance.errors import InvalidInput
from airflow_provider_calcom.attendance.feeds import FeedReport, read_feed
from airflow_provider_calcom.attendance.feeds.cal_video import cal_video_key, is_cal_video
from airflow_provider_calcom.attendance.feeds.conference_keys import conference_key
from airflow_provider_calcom.attendance.schema import WHITE_SPACE
from airflow_provider_calcom.no_shows.input_files import files_of
from airflow_provider_calcom.no_shows.plan_request import FeedEntry

# One for all rows: json.dumps would make a new one for each.
_as_json = json.JSONEncoder(ensure_ascii=False, default=str).encode
_OF_ROOMS = ("uid", "start", "end", "location", "meetingUrl", "hosts")


# What a platform puts into the addresses of its managed users. Cal.com's displayEmail is the address without it.
_CLIENT_SUFFIX = re.compile(r"\+c[a-z0-9]{24}(?=@)")
_TEXTS = ("uid", "status", "start", "end")
_LISTS = ("attendees", "hosts")


# Bookings.


@dataclass(frozen=True)
class BookingTables:
    """Bookings as files of the rules' tables.

    :param rooms: Cal.com's own fields about where and when each booking is held, as JSON lines.
    :param details: event type and host of each booking, as JSON lines.
    :param bookings: the table of bookings.
    :param people: the table of people.
    :param internal_cohosts: addresses of co-hosts with the organiser's mail domain, whom Cal.com lists as attendees.
    :param outside_cohosts: how many co-hosts of other domains there are; each is a host of that booking in ``people``.
    :param attended: how many bookings were left out because the key's user only attends them.
    """

    rooms: Path
    details: Path
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
    :param user: leave out bookings that this user only attends, which Cal.com lists with the user's own. None leaves
        out none.
    :raises InvalidInput: for a row that is not a booking, naming it.
    """
    rooms, details, table, people = (folder / f"{name}.jsonl" for name in ("rooms", "details", "bookings", "people"))
    internal_cohosts: set[str] = set()
    outside_cohosts = attended = 0
    with (
        _open_rows(rooms) as rooms_file,
        _open_rows(details) as details_file,
        _open_rows(table) as table_file,
        _open_rows(people) as people_file,
    ):
        for number, given in enumerate(bookings, start=1):
            try:
                booking = check_booking(given)
            except InvalidInput as error:
                raise InvalidInput(f"bookings ({where}), row {number}: {error}") from None
            if user is not None and only_attends(dict(booking), user):
                attended += 1
                continue
            _write(rooms_file, {name: booking.get(name) for name in _OF_ROOMS})
            _write(details_file, details_row(booking))
            _write(table_file, booking_row(booking, patterns=patterns))
            for person in people_rows(booking):
                _write(people_file, person)
            for attendee in _cohosts(booking) if protect_cohosts else ():
                if is_of_organisers_domain(dict(booking), attendee):
                    internal_cohosts.update((attendee["email"], shown_address(attendee) or attendee["email"]))
                else:
                    outside_cohosts += 1
                    _write(people_file, _as_host(booking, attendee))
    return BookingTables(rooms, details, table, people, tuple(sorted(internal_cohosts)), outside_cohosts, attended)


def _cohosts(booking: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    may_be_host = host_test(dict(booking))
    for attendee in booking.get("attendees") or ():
        if attendee.get("email") and may_be_host(attendee):
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


def check_booking(booking: object) -> Mapping[str, Any]:
    """Return a booking if it has the shape that Cal.com sends: a user's file may have anything in it.

    :param booking: a booking of Cal.com's API.
    :raises InvalidInput: with a text that continues after the row number, and has nothing of the booking's people.
    """
    if not isinstance(booking, Mapping):
        raise InvalidInput(f"is a {type(booking).__name__} and not a booking object")
    for name in _TEXTS:
        if not isinstance(booking.get(name), str):
            raise InvalidInput(f"is not a booking as Cal.com sends it: {name} must be a string{_hint(booking)}")
    for name in _LISTS:
        people = booking.get(name) or []
        if not isinstance(people, list) or not all(isinstance(person, Mapping) for person in people):
            raise InvalidInput(f"is not a booking as Cal.com sends it: {name} is not a list of objects")
        for place, person in enumerate(people):
            _check_person(person, f"{name}[{place}]")
    _check_flag(booking.get("absentHost"), "absentHost")
    if not isinstance(booking.get("bookingFieldsResponses") or {}, Mapping):
        raise InvalidInput("is not a booking as Cal.com sends it: bookingFieldsResponses is not an object")
    return booking


def _check_person(person: Mapping[str, Any], place: str) -> None:
    for name in ("email", "displayEmail"):
        if not isinstance(person.get(name), (str, type(None))):
            raise InvalidInput(f"is not a booking as Cal.com sends it: {place}.{name} is not a string")
    _check_flag(person.get("absent"), f"{place}.absent")


def _check_flag(flag: object, place: str) -> None:
    """Accept null, which hosts of 2026 can have, as "not absent", but no string: ``"true"`` must not become false."""
    if not isinstance(flag, (bool, type(None))):
        raise InvalidInput(f"is not a booking as Cal.com sends it: {place} is neither true nor false")


def _hint(booking: Mapping[str, Any]) -> str:
    return ". It looks like a row of the table bookings, which needs people beside it" * ("booking_uid" in booking)


def booking_row(booking: Mapping[str, Any], *, patterns: Sequence[str] = ()) -> dict[str, Any]:
    """Return the row of a booking.

    The meeting's key comes from ``location``, or from ``meetingUrl`` on servers whose ``location`` names only the
    kind of meeting. Servers of August 2025 do not return where a booking was moved to; the old booking is
    ``cancelled`` there, as on all recorded servers, and so it is excluded, too.

    :param booking: a booking that passed :func:`check_booking`.
    :param patterns: see :func:`~airflow_provider_calcom.attendance.feeds.conference_keys.conference_key`.
    """
    return {
        "booking_uid": booking["uid"],
        "status": booking["status"],
        "start_at": booking["start"],
        "end_at": booking["end"],
        "rescheduled_to_uid": booking.get("rescheduledToUid"),
        "conference_key": _conference(booking, patterns),
    }


def details_row(booking: Mapping[str, Any]) -> dict[str, Any]:
    """Return event type and host of a booking: not its title, which has names.

    :param booking: a booking that passed :func:`check_booking`.
    """
    host: Mapping[str, Any] = next(iter(booking.get("hosts") or ()), {})
    name = host.get("name")
    return {
        "booking_uid": booking["uid"].strip(WHITE_SPACE),
        "event_type": _event_type(booking),
        "host_email": shown_address(host),
        "host_name": name if isinstance(name, str) else None,
    }


def _event_type(booking: Mapping[str, Any]) -> str | None:
    """Return the event type's slug, or its id where there is none."""
    event_type = booking.get("eventType")
    found = event_type if isinstance(event_type, Mapping) else {}
    known = (found.get("slug"), found.get("id"), booking.get("eventTypeId"))
    return next((str(one) for one in known if isinstance(one, (str, int)) and str(one).strip()), None)


def _conference(booking: Mapping[str, Any], patterns: Sequence[str]) -> str | None:
    for name in ("location", "meetingUrl"):
        key = conference_key(booking.get(name), patterns=patterns)
        if key is not None:
            return key
    return cal_video_key(booking["uid"]) if is_cal_video(booking) else None


def people_rows(booking: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a booking's people: its attendees, guests and co-hosts among them, and its organiser.

    :param booking: a booking that passed :func:`check_booking`.
    """
    for attendee in booking.get("attendees") or ():
        yield _person(booking, "attendee", attendee, attendee.get("absent") is True)
    for host in booking.get("hosts") or ():
        yield _person(booking, "host", host, booking.get("absentHost") is True)


def _person(booking: Mapping[str, Any], role: str, person: Mapping[str, Any], absent: bool) -> dict[str, Any]:
    return {
        "booking_uid": booking["uid"],
        "role": role,
        "email": person.get("email"),
        "match_email": shown_address(person),
        "name": person.get("name"),
        "phone": person.get("phoneNumber"),
        "absent": absent,
    }


def shown_address(person: Mapping[str, Any]) -> str | None:
    """Return the address that other programs have of a person: ``displayEmail``, or what older servers have for it.

    :param person: an attendee or a host of a booking.
    """
    shown: str | None = person.get("displayEmail") or person.get("email")
    return None if shown is None else _CLIENT_SUFFIX.sub("", shown)


def _open_rows(path: Path) -> IO[str]:
    # An unpaired surrogate, left where a name was cut, becomes a question mark: no file could have it.
    return path.open("w", encoding="utf-8", errors="replace")


def _write(file: IO[str], row: Mapping[str, Any]) -> None:
    file.write(_as_json(row) + "\n")


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write rows of a table as JSON lines.

    :param path: a new local file, which is returned.
    """
    with _open_rows(path) as file:
        for row in rows:
            _write(file, row)
    return path


# Attendance.


@dataclass(frozen=True)
class FeedInput:
    """One feed of attendance that was read.

    :param feed: its name.
    :param path: its rows, as JSON lines.
    :param reports: the report of each of its files.
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


def _not_fetched(_: FeedEntry) -> Iterable[Mapping[str, Any]]:
    raise AssertionError("a feed that is fetched is not read here")


@dataclass(frozen=True)
class FeedReader:
    """Reads feeds as an operator's parameter names them.

    :param folder: where their rows go.
    :param fetched: returns the records of an entry that is fetched from Cal.com.
    """

    folder: Path
    fetched: Callable[[FeedEntry], Iterable[Mapping[str, Any]]] = _not_fetched

    def read(self, place: int, entry: FeedEntry) -> FeedInput:
        """Read one feed.

        :param place: its place among the feeds.
        :raises InputMissing: if a file is not there.
        :raises FeedError: if an option is wrong, or the feed can't be trusted.
        """
        path = self.folder / f"attendance-{place}.jsonl"
        latest = ""
        # A record that can't be read may be somebody's presence, so by default none is left out.
        options = {"max_unreadable": 0, **entry.options}
        with _open_rows(path) as file, self._source(entry) as source:
            reading = read_feed(entry.feed, source, **options)
            for row in reading:
                _write(file, row)
                latest = max(latest, row["left_at"] or row["joined_at"] or "")
        return FeedInput(entry.feed, path, (reading.report,), entry.is_fetched, latest)

    @contextmanager
    def _source(self, entry: FeedEntry) -> Iterator[Any]:
        if entry.paths:
            # All of them as one source: pages and events in several files belong together.
            yield [file for path in entry.paths for file in files_of(f"{entry.name}.path", path)]
        elif entry.rows is not None:
            yield entry.rows
        elif entry.query is not None:
            # Closed also where the feed is refused half way: the query's connection would stay open.
            with closing(entry.query()) as rows:
                yield rows
        else:
            yield self.fetched(entry)
