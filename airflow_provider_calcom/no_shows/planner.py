"""Making a plan of no-shows: collect bookings and feeds, run the rules, write the plan.

The way from a request to ``plan.jsonl``: ``inputs`` writes bookings, people and the rows of feeds as JSON lines;
``attendance.engine`` loads them into DuckDB and runs ``rules.sql``, which makes the table ``decided``; ``diff``
compares it with Cal.com's flags; ``guard_rails`` compares the figures with the limits; ``plan`` writes the folder.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom.api import endpoints
from airflow_provider_calcom.api.errors import CalComError, PermissionDenied
from airflow_provider_calcom.api.lookups import find_bookings
from airflow_provider_calcom.api.models import Booking, Me
from airflow_provider_calcom.api.query import list_path
from airflow_provider_calcom.api.settings import RetryLimits
from airflow_provider_calcom.attendance.engine import Decided, Resources, deciding
from airflow_provider_calcom.attendance.errors import InvalidResources, PlanRefused
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.attendance.sql.relations import Relation
from airflow_provider_calcom.attendance.suggest import suggest
from airflow_provider_calcom.attendance.tables.sources import LabelledFile
from airflow_provider_calcom.no_shows.booking_files import read_bookings
from airflow_provider_calcom.no_shows.cal_video.fetching import session_fetcher, unknown_attendance
from airflow_provider_calcom.no_shows.cal_video.kept import unfinished_sessions
from airflow_provider_calcom.no_shows.cal_video.undecided import OtherTables, undecided_rooms
from airflow_provider_calcom.no_shows.completeness import warn_of_early_ends, warn_of_other_days, with_fetched_ends
from airflow_provider_calcom.no_shows.input_files import files_of
from airflow_provider_calcom.no_shows.inputs import FeedInput, FeedReader, booking_tables, write_rows
from airflow_provider_calcom.no_shows.plan import Origin, write_plan
from airflow_provider_calcom.no_shows.plan_files import Summary, read_summary
from airflow_provider_calcom.no_shows.plan_request import FeedEntry, Paths, PlanRequest, Rows, Table, TableName
from airflow_provider_calcom.no_shows.plan_text import format_feed, format_plan

if TYPE_CHECKING:
    from airflow_provider_calcom.api.client import CalComClient

log = logging.getLogger(__name__)

_FROM_THE_API = "Cal.com"
_LISTS_OF_OTHERS = ("organization_id", "team_id")


class CalCom(Protocol):
    """What a plan reads of Cal.com; ``CalComHook`` has it."""

    def get_conn(self) -> CalComClient:
        """Return the client."""

    def iterate_bookings(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """Yield the bookings that fit the filters."""


def plan_no_shows(request: PlanRequest, calcom: CalCom) -> Summary:
    """Make a plan.

    :param request: the parsed parameters.
    :param calcom: where bookings and Cal Video's sessions are read, if the request does not have them.
    :return: the plan's summary.
    :raises PlanRefused: if a guard rail fails; the plan's folder has the report.
    :raises InputMissing: if a file is not there, before Cal.com is called.
    """
    with (
        plan_inputs(request, calcom) as inputs,
        deciding(
            inputs.bookings,
            inputs.people,
            inputs.attendance,
            inputs.policy,
            zone=request.zone,
            resources=request.resources,
            backend=request.backend,
        ) as decided,
    ):
        warn_of_other_days(inputs.feeds, request.after_start)
        warn_of_early_ends(decided, inputs.feeds, request.before_start)
        origin = Origin(
            request.after_start, request.before_start, booking_url=_booking_url(calcom), details=inputs.details
        )
        return _write_plan(decided, request, inputs.attended, origin)


@contextmanager
def plan_inputs(request: PlanRequest, calcom: CalCom) -> Iterator[PlanInputs]:
    """Collect the tables of a request in a temporary folder, which is removed after the block.

    Parameters and errors are those of :func:`plan_no_shows`; where the plan is to be written does not matter.
    """
    _check_files(request)
    with _temporary_folder(request.resources) as folder:
        yield _InputCollector(request, calcom, folder).collect()


def _check_files(request: PlanRequest) -> None:
    """Check that files are there before Cal.com is called: while a report is late, the task is retried often."""
    feeds = request.attendance if isinstance(request.attendance, list) else []
    paths = {f"{feed.name}.path": feed.paths for feed in feeds}
    for name in ("attendance", "bookings", "people"):
        table = getattr(request, name)
        paths[name] = table.paths if isinstance(table, Paths) else ()
    for name, places in paths.items():
        for place in places:
            files_of(name, place)


@contextmanager
def _temporary_folder(resources: Resources) -> Iterator[Path]:
    try:
        made = tempfile.TemporaryDirectory(prefix="calcom-plan-", dir=resources.spill_directory)
    except OSError as error:
        raise InvalidResources(
            f"spill_directory: {shown_path(resources.spill_directory or 'the temporary folder')} can't be written"
            f" ({error.strerror or type(error).__name__}). Let the worker's user write there, or name another folder"
        ) from None
    with made as folder:
        yield Path(folder)


def _booking_url(calcom: CalCom) -> str | None:
    """Return the address of a booking's page. Given tables may be planned without a connection."""
    try:
        return calcom.get_conn().settings.booking_url
    except CalComError:
        return None


def _write_plan(decided: Decided, request: PlanRequest, attended: int | None, origin: Origin) -> Summary:
    try:
        summary = write_plan(
            decided,
            request.plan,
            rails=request.guard_rails,
            correct=request.correct,
            last_writes=request.last_writes,
            force=request.force,
            attended_bookings=attended,
            hashed=request.hashed,
            origin=origin,
            suggestions=suggest(decided, names_people=request.hashed is None).as_dict(),
        )
    except PlanRefused:
        log.error("Plan %s\n%s", shown_path(request.plan), format_plan(read_summary(request.plan)))
        _remove_sessions(request)
        raise
    _remove_sessions(request)
    return summary


def _remove_sessions(request: PlanRequest) -> None:
    """Remove the sessions that were kept for another try of the task."""
    if isinstance(request.attendance, list) and any(feed.is_fetched for feed in request.attendance):
        unfinished_sessions(request.plan).remove()


@dataclass(frozen=True)
class PlanInputs:
    """The tables that the rules run on.

    :param attended: bookings that were left out because the key's user only attends them, or None if not known.
    :param details: event type and host of each booking, or None where bookings were given as tables.
    """

    bookings: Any = field(repr=False)
    people: Any = field(repr=False)
    attendance: Any = field(repr=False)
    policy: AttendancePolicy
    feeds: Sequence[FeedInput]
    attended: int | None = None
    details: Path | None = None


@dataclass(frozen=True)
class _InputCollector:
    """Collects the tables of a request in a folder."""

    request: PlanRequest
    calcom: CalCom
    folder: Path

    def collect(self) -> PlanInputs:
        request, policy = self.request, self.request.policy
        if request.bookings is not None and request.people is not None:
            bookings, people = self._table("bookings", request.bookings), self._table("people", request.people)
            return self._with_attendance(bookings, people, policy, None)
        where, source = self._bookings()
        user = None if request.include_attended else self._user()
        tables = booking_tables(
            source,
            self.folder,
            where=where,
            patterns=request.conference_patterns,
            protect_cohosts=request.protect_cohosts,
            user=user,
        )
        if tables.attended:
            log.info("Leaving out %d bookings that the key's user only attends", tables.attended)
        if tables.internal_cohosts:
            log.info("Treating %d co-host addresses as internal", len(tables.internal_cohosts))
            policy = replace(policy, internal_emails=(*policy.internal_emails, *tables.internal_cohosts))
        if tables.outside_cohosts:
            log.info(
                "Treating %d attendees who neither booked nor are guests as co-hosts of their bookings",
                tables.outside_cohosts,
            )
        bookings, people = (
            LabelledFile(tables.bookings, f"bookings ({where})"),
            LabelledFile(tables.people, f"people ({where})"),
        )
        found = self._with_attendance(bookings, people, policy, tables.rooms)
        return replace(found, attended=tables.attended if user else None, details=tables.details)

    def _with_attendance(self, bookings: Any, people: Any, policy: AttendancePolicy, rooms: Path | None) -> PlanInputs:
        attendance, feeds = self._attendance(bookings, people, policy, rooms)
        policy = with_fetched_ends(policy, feeds, self.request.requested_at)
        return PlanInputs(bookings, people, attendance, policy, feeds)

    def _user(self) -> Me | None:
        """Return the user whose bookings are decided, or None for all: an administrator's list has others' bookings.

        Given bookings may be planned without a connection or a network: applying checks each booking again anyway.
        """
        if any(self.request.filters.get(name) is not None for name in _LISTS_OF_OTHERS):
            return None
        needs_calcom = self.request.bookings is None
        try:
            client = self.calcom.get_conn()
            return client.call(endpoints.me(), retry_limits=None if needs_calcom else RetryLimits(attempts=1))
        except CalComError as error:
            if needs_calcom and not isinstance(error, PermissionDenied):
                raise
            log.warning(
                "The key's user is not known (%s), so bookings that the user only attends are not left out of the plan",
                type(error).__name__,
            )
            return None

    def _bookings(self) -> tuple[str, Iterable[Any]]:
        """Return the origin of Cal.com's bookings, for errors, and the bookings."""
        # A table of bookings comes with people, as the parser checked; then this is not called.
        given = cast("Paths | Rows | None", self.request.bookings)
        if self.request.booking_uids is not None:
            return _FROM_THE_API, self._named_bookings(self.request.booking_uids)
        if given is None:
            return _FROM_THE_API, self.calcom.iterate_bookings(**self.request.filters)
        if isinstance(given, Paths):
            files = _files("bookings", given)
            where = shown_path(files[0]) if len(files) == 1 else f"{len(files)} files"
            return where, (booking for file in files for booking in read_bookings(file))
        return "rows", given.rows

    def _named_bookings(self, uids: Sequence[str]) -> list[Booking]:
        """Return the bookings of some uids. One that can't be read is left out: an event may name any uid."""
        client = self.calcom.get_conn()
        path = list_path(**self.request.filters)
        found = client.run(
            find_bookings(
                dict.fromkeys(uids), path=path, api_version=client.settings.api_version, now=lambda: client.server_time
            )
        )
        unread = [one for one in found.values() if isinstance(one, CalComError)]
        if unread:
            log.warning("%d of %d bookings can't be read, and are left out: %s", len(unread), len(uids), unread[0])
        return [booking for uid in uids if not isinstance(booking := found[uid], CalComError)]

    def _table(self, name: str, table: Table) -> Any:
        """Return a table of the rules as the engine takes it."""
        if isinstance(table, TableName):
            return Relation(table.name)
        return _files(name, table) if isinstance(table, Paths) else table.rows

    def _attendance(
        self, bookings: Any, people: Any, policy: AttendancePolicy, rooms: Path | None
    ) -> tuple[Any, Sequence[FeedInput]]:
        entries = self.request.attendance
        if not isinstance(entries, list):
            return self._table("attendance", entries), []
        reader = FeedReader(self.folder)
        read = {number: reader.read(number, entry) for number, entry in enumerate(entries) if not entry.is_fetched}
        tables = [_labelled(number, feed) for number, feed in read.items()]
        others = OtherTables(bookings, people, list(tables), policy, rooms)
        for number, entry in enumerate(entries):
            if entry.is_fetched:
                feed, unknown = self._fetch(number, entry, others)
                read[number] = feed
                tables += [_labelled(number, feed), LabelledFile(unknown, f"feed {number} ({feed.feed}), not fetched")]
        feeds = [read[number] for number in sorted(read)]
        for number, feed in enumerate(feeds):
            for report in feed.reports:
                log.info("%s", format_feed(number, report))
        return tables, feeds

    def _fetch(self, number: int, entry: FeedEntry, others: OtherTables) -> tuple[FeedInput, Path]:
        """Fetch Cal Video's sessions; return them, and a table that leaves bookings without an answer undetermined."""
        undecided = undecided_rooms(entry, others, self.request)
        plan = self.request.plan
        kept = unfinished_sessions(self.folder if plan is None else plan)
        fetcher = session_fetcher(entry, self.calcom.get_conn(), others.policy, otherwise=kept)
        feed = FeedReader(self.folder, lambda _: fetcher.records(undecided)).read(number, entry)
        unknown = write_rows(self.folder / f"unknown-{number}.jsonl", map(unknown_attendance, fetcher.missing))
        return feed, unknown


def _labelled(number: int, feed: FeedInput) -> LabelledFile:
    return LabelledFile(feed.path, f"feed {number} ({feed.feed})")


def _files(name: str, table: Paths) -> list[Any]:
    return [file for path in table.paths for file in files_of(name, path)]
