"""Making a plan of no-shows: bookings and feeds gathered, the rules run, the plan written."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_provider_calcom._redact import plain, shown_columns, shown_path
from airflow_provider_calcom._timestamps import parse_timestamp_or_date
from airflow_provider_calcom.api import endpoints
from airflow_provider_calcom.api.arguments import parse_argument
from airflow_provider_calcom.api.errors import CalComError, InvalidArgument, PermissionDenied
from airflow_provider_calcom.api.models import Me
from airflow_provider_calcom.api.query import time_zone
from airflow_provider_calcom.api.settings import RetryLimits
from airflow_provider_calcom.attendance.engine import Decided, Resources, check_resources, deciding
from airflow_provider_calcom.attendance.errors import InvalidInput, InvalidResources, PlanRefused
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.attendance.sql.connection import in_words
from airflow_provider_calcom.attendance.sql.relations import Relation
from airflow_provider_calcom.attendance.tables.sources import Named
from airflow_provider_calcom.hooks.connections import SqlConnectionMissing, conn_id_of, connection_of
from airflow_provider_calcom.no_shows.completeness import warn_of_early_ends, warn_of_other_days, with_fetched_ends
from airflow_provider_calcom.no_shows.guard_rails import GuardRails
from airflow_provider_calcom.no_shows.inputs import FeedInput, FeedReader, Storage, booking_tables, read_lines
from airflow_provider_calcom.no_shows.plan import Correct, Summary, read_summary, rendered, write_plan
from airflow_provider_calcom.operators._ledgers import addresses_of, are_hashed, last_writes_of, ledger_folder
from airflow_provider_calcom.operators._plan_parameters import (
    FeedEntry,
    Paths,
    Table,
    TableName,
    attendance_of,
    bookings_of,
    check_found,
    correct_of,
    flag_of,
    is_path,
    patterns_of,
    policy_of,
    rails_of,
    table_of,
)

if TYPE_CHECKING:
    from airflow_provider_calcom.attendance.sql.backend import SqlPlace
    from airflow_provider_calcom.hooks.calcom import CalComHook

log = logging.getLogger(__name__)

_FROM_THE_API = "Cal.com"


@dataclass(frozen=True)
class PlanRequest:
    """What ``PlanNoShowsOperator`` was asked for, unchecked; its docstring tells each parameter.

    :param filters: which bookings are asked of the API, as ``CalComHook.iterate_bookings`` takes them.
    """

    attendance: Any = field(repr=False)
    plan_path: Any
    policy: Any = field(default=None, repr=False)
    guard_rails: Any = None
    bookings: Any = field(default=None, repr=False)
    people: Any = field(default=None, repr=False)
    filters: Mapping[str, Any] = field(default_factory=dict, repr=False)
    conference_patterns: Sequence[str] = ()
    protect_cohosts: Any = True
    include_attended: Any = False
    plan_addresses: Any = "plain"
    zone: str | None = None
    correct: Any = "ledger"
    ledger_path: str | None = None
    force: Any = False
    rules_conn_id: str | None = None
    scratch_schema: str | None = None
    storage_conn_id: str | None = None
    resources: Resources = field(default_factory=Resources)

    @property
    def storage(self) -> Storage:
        """Where its paths lead to."""
        return Storage(self.storage_conn_id)


def plan_no_shows(request: PlanRequest, hook: CalComHook) -> Summary:
    """Make the plan.

    :param request: what was asked for.
    :param hook: for the bookings, where they come from the API, and for the ledger's secret.
    :returns: the plan's summary.
    :raises PlanRefused: if a guard rail trips; the plan's folder has the report.
    :raises InvalidArgument: naming the parameter, before anything is called.
    :raises LedgerSecretWrong: if people are to be named by hashes, and the connection has no secret.
    """
    conn_id_of("calcom_conn_id", hook.calcom_conn_id)
    asked, place = _Asked.of(request), _place(request)
    hashed = addresses_of(hook, are_hashed=True).hashed if asked.are_hashed else None
    with _gathering_folder(request.resources) as folder:
        inputs = _Gathering(asked, hook, folder).inputs()
        with deciding(
            inputs.bookings,
            inputs.people,
            inputs.attendance,
            inputs.policy,
            zone=request.zone,
            resources=request.resources,
            place=place,
        ) as decided:
            warn_of_other_days(inputs.feeds, asked.after_start)
            warn_of_early_ends(decided, inputs.feeds, asked.before_start)
            return _written(decided, asked, hook, inputs.attended, hashed)


@contextmanager
def _gathering_folder(resources: Resources) -> Iterator[Path]:
    try:
        made = tempfile.TemporaryDirectory(prefix="calcom-plan-", dir=resources.spill_directory)
    except OSError as error:
        raise InvalidResources(
            f"spill_directory: {shown_path(resources.spill_directory or 'the temporary folder')} can't be written"
            f" ({error.strerror or type(error).__name__}). Let the worker's user write there, or name another folder"
        ) from None
    with made as folder:
        yield Path(folder)


def _written(
    decided: Decided, asked: _Asked, hook: CalComHook, attended: int | None, hashed: Callable[[str], str] | None
) -> Summary:
    storage = asked.request.storage
    plan = storage.path("plan_path", asked.request.plan_path)
    ledger = ledger_folder(asked.request.ledger_path, conn_id=hook.calcom_conn_id, storage=storage)
    try:
        return write_plan(
            decided,
            plan,
            rails=asked.rails,
            correct=asked.correct,
            last_writes=last_writes_of(ledger, hook),
            force=asked.force,
            attended_bookings=attended,
            hashed=hashed,
        )
    except PlanRefused:
        log.error("%s", rendered(read_summary(plan)))
        raise


def _place(request: PlanRequest) -> SqlPlace | None:
    if request.rules_conn_id is None:
        return None
    from airflow_provider_calcom.hooks.sql import sql_place

    return sql_place(request.rules_conn_id, scratch_schema=request.scratch_schema, only_changes=True)


@dataclass(frozen=True)
class _Asked:
    """A request, read and checked. Nothing has been called for it."""

    request: PlanRequest
    attendance: list[FeedEntry] | Table
    bookings: Table | None
    people: Table | None
    policy: AttendancePolicy
    rails: GuardRails
    correct: Correct
    force: bool
    protect_cohosts: bool
    include_attended: bool
    are_hashed: bool
    after_start: datetime | None
    before_start: datetime | None
    asked_at: datetime

    @classmethod
    def of(cls, request: PlanRequest) -> _Asked:
        """Check a request."""
        now = datetime.now(timezone.utc)
        _check_texts(request)
        check_resources(request.resources)
        asked = cls(
            request,
            attendance=attendance_of(request.attendance),
            bookings=None if request.bookings is None else bookings_of(request.bookings),
            people=None if request.people is None else table_of("people", request.people),
            policy=policy_of(request.policy).at(now),
            rails=rails_of(request.guard_rails),
            correct=correct_of(request.correct),
            force=flag_of("force", request.force),
            protect_cohosts=flag_of("protect_cohosts", request.protect_cohosts),
            include_attended=flag_of("include_attended", request.include_attended),
            are_hashed=are_hashed(request.plan_addresses, "plan_addresses"),
            after_start=_bound("after_start", request.filters),
            before_start=_bound("before_start", request.filters),
            asked_at=now,
        )
        asked._check_tables()
        asked._check_files()
        return asked

    def _check_tables(self) -> None:
        tables = {"attendance": self.attendance, "bookings": self.bookings, "people": self.people}
        if self.people is not None and self.bookings is None:
            raise InvalidArgument("people is given without bookings. Give both tables, or neither")
        for name, table in tables.items():
            if isinstance(table, TableName) and self.request.rules_conn_id is None:
                raise InvalidArgument(f"{name} is a table, which needs rules_conn_id, the connection that has it")
        if isinstance(self.bookings, TableName) and self.people is None:
            raise InvalidArgument("bookings is a table, which needs the table people, too")

    def _check_files(self) -> None:
        """See that files are there before Cal.com is asked for bookings: the task may come back for them often."""
        storage = self.request.storage
        feeds = self.attendance if isinstance(self.attendance, list) else []
        paths = {f"{feed.name}.path": feed.paths for feed in feeds}
        for name in ("attendance", "bookings", "people"):
            table = getattr(self, name)
            paths[name] = table.paths if isinstance(table, Paths) else ()
        for name, addresses in paths.items():
            for address in addresses:
                storage.files(name, address)


def _bound(name: str, filters: Mapping[str, Any]) -> datetime | None:
    """Return a bound of the requested bookings, or None where they have none."""
    given = filters.get(name)
    if given is None:
        return None
    return parse_argument(name, parse_timestamp_or_date, given, time_zone(filters.get("zone")))


_TEXTS = ("zone", "ledger_path", "rules_conn_id", "scratch_schema", "storage_conn_id")


def _check_texts(request: PlanRequest) -> None:
    for name in _TEXTS:
        given = getattr(request, name)
        check_found(name, given)
        if given is not None and not isinstance(given, str) and not (name == "ledger_path" and is_path(given)):
            raise InvalidArgument(f"{name} must be a text, but is a {type(given).__name__}")
    for name in ("rules_conn_id", "storage_conn_id"):
        conn_id_of(name, getattr(request, name))
    patterns_of(request.conference_patterns)
    check_found("plan_path", request.plan_path)
    if request.plan_path is not None and not is_path(request.plan_path):
        raise InvalidArgument(f"plan_path must be the folder of the plan, but is a {type(request.plan_path).__name__}")
    if request.plan_path is None:
        raise InvalidArgument("plan_path is None. Give the folder of the plan")
    request.storage.path("plan_path", request.plan_path)
    if request.ledger_path is not None:
        request.storage.path("ledger_path", request.ledger_path)


@dataclass(frozen=True)
class _Inputs:
    """What the rules run on."""

    bookings: Any = field(repr=False)
    people: Any = field(repr=False)
    attendance: Any = field(repr=False)
    policy: AttendancePolicy
    feeds: Sequence[FeedInput]
    attended: int | None


@dataclass(frozen=True)
class _Gathering:
    """Fetches what was asked for into a folder."""

    asked: _Asked
    hook: CalComHook
    folder: Path

    def inputs(self) -> _Inputs:
        asked, policy = self.asked, self.asked.policy
        if asked.bookings is not None and asked.people is not None:
            bookings, people = self._table("bookings", asked.bookings), self._table("people", asked.people)
            return self._with_attendance(bookings, people, policy, None, None)
        where, source = self._bookings()
        patterns = asked.request.conference_patterns
        protects = asked.protect_cohosts
        user = None if asked.include_attended else self._user()
        tables = booking_tables(
            source, self.folder, where=where, patterns=patterns, protect_cohosts=protects, user=user
        )
        if tables.attended:
            log.info("%d bookings that the key's user only attends are left out", tables.attended)
        if tables.colleagues:
            log.info("%d addresses of co-hosts among the attendees are taken for colleagues'", len(tables.colleagues))
            policy = replace(policy, internal_emails=(*policy.internal_emails, *tables.colleagues))
        if tables.outside_cohosts:
            log.info("%d attendees who neither booked nor are guests are taken for co-hosts", tables.outside_cohosts)
        bookings, people = Named(tables.bookings, f"bookings ({where})"), Named(tables.people, f"people ({where})")
        return self._with_attendance(bookings, people, policy, tables.rooms, tables.attended if user else None)

    def _with_attendance(
        self, bookings: Any, people: Any, policy: AttendancePolicy, rooms: Path | None, attended: int | None
    ) -> _Inputs:
        attendance, feeds = self._attendance(rooms)
        policy = with_fetched_ends(policy, feeds, self.asked.asked_at)
        return _Inputs(bookings, people, attendance, policy, feeds, attended)

    def _user(self) -> Me | None:
        """Return whose bookings are judged, or None where all are: an administrator's list is not about who attends.

        Given bookings may be planned without a connection or a network. Applying looks whose each booking is anyway.
        """
        if any(self.asked.request.filters.get(name) is not None for name in ("organization_id", "team_id")):
            return None
        try:
            if self.asked.bookings is None:
                return self.hook.get_conn().call(endpoints.me())
            return self.hook.get_conn().call(endpoints.me(), retry_limits=RetryLimits(attempts=1))
        except (PermissionDenied, AirflowNotFoundException) as error:
            unknown: Exception = error
        except CalComError as error:
            if self.asked.bookings is None:
                raise
            unknown = error
        log.warning(
            "Whose key it is is not known (%s), so bookings that its user only attends are not left out of the plan",
            type(unknown).__name__,
        )
        return None

    def _bookings(self) -> tuple[str, Iterable[Any]]:
        """Give where Cal.com's bookings are from, and them."""
        given = self.asked.bookings
        if given is None:
            return _FROM_THE_API, self.hook.iterate_bookings(**self.asked.request.filters)
        if isinstance(given, Paths):
            files = self._files("bookings", given)
            where = shown_path(files[0]) if len(files) == 1 else f"{len(files)} files"
            return where, (line for file in files for line in read_lines(file))
        assert not isinstance(given, TableName), "checked before"
        return "rows", given.rows

    def _table(self, name: str, table: Table) -> Any:
        """Give a table of the rules as the engine takes it."""
        if isinstance(table, TableName):
            return Relation(table.name)
        return self._files(name, table) if isinstance(table, Paths) else table.rows

    def _files(self, name: str, table: Paths) -> list[Any]:
        return [file for path in table.paths for file in self.asked.request.storage.files(name, path)]

    def _attendance(self, rooms: Path | None) -> tuple[Any, list[FeedInput]]:
        """Return the rows of attendance as the engine takes them, and the feeds that they are from, if any."""
        if not isinstance(self.asked.attendance, list):
            return self._table("attendance", self.asked.attendance), []
        reader = FeedReader(
            folder=self.folder,
            storage=self.asked.request.storage,
            run_sql=rows_of_sql,
            sessions=lambda uid: self.hook.get_conferencing_sessions(booking_uid=uid),
            rooms=rooms,
        )
        feeds = [reader.read(place, entry) for place, entry in enumerate(self.asked.attendance)]
        for place, feed in enumerate(feeds):
            for report in feed.reports:
                log.info("Feed %d: %s", place, json.dumps(report.as_dict()))
        return [Named(feed.path, f"feed {place} ({feed.feed})") for place, feed in enumerate(feeds)], feeds


def rows_of_sql(conn_id: str, sql: str) -> Iterator[dict[str, Any]]:
    """Give the rows of a query, fetched in batches.

    :param conn_id: id of a connection whose hook is a ``DbApiHook``.
    :raises UnsupportedConnection: if it is another, or there is none.
    :raises SqlFailed: in the server's words, without addresses.
    :raises InvalidInput: if the query gives no rows, or two columns of one name.
    """
    from airflow_provider_calcom.hooks.sql import sql_hook

    connection: Any = connection_of("attendance, conn_id", conn_id, missing=SqlConnectionMissing)
    hook, secrets = sql_hook(connection, conn_id, "attendance, conn_id"), [connection.password or ""]
    with _in_words(conn_id, secrets), closing(hook.get_conn()) as opened, closing(opened.cursor()) as cursor:
        cursor.execute(sql)
        names = [str(column[0]) for column in cursor.description or ()]
        if not names:
            raise InvalidInput(f"The feed's sql on {plain(conn_id)} is no query: it gives no rows")
        if len(set(names)) < len(names):
            raise InvalidInput(
                f"The feed's sql on {plain(conn_id)} gives two columns of one name: {shown_columns(names)}"
            )
        while batch := cursor.fetchmany(10_000):
            for row in batch:
                yield dict(zip(names, row, strict=True))


@contextmanager
def _in_words(conn_id: str, secrets: Sequence[str]) -> Iterator[None]:
    """Raise a driver's error in one line. A value that can't be cast is quoted in it, and may be somebody's address."""
    with in_words(f"connection {plain(conn_id)}, reading the feed", secrets):
        yield
