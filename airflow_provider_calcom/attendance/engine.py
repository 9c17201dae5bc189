"""Who was absent: the rules run over tables of any size, in DuckDB on this worker or on a SQL server."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Union

from airflow_provider_calcom._redact import describe, redact, shown_path
from airflow_provider_calcom._storage import atomic_write, fault_of_path
from airflow_provider_calcom.attendance.errors import InvalidInput, InvalidResources, MissingExtra, OutOfMemory
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.attendance.policy_tables import PolicyTable, policy_tables
from airflow_provider_calcom.attendance.rules import the_rules
from airflow_provider_calcom.attendance.schema import ATTENDANCE, BOOKINGS, NUMBERED_ATTENDANCE, PEOPLE, Table
from airflow_provider_calcom.attendance.tables.loader import LoadedFile, Loader
from airflow_provider_calcom.attendance.tables.sources import Source, format_of, local_files

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from airflow_provider_calcom.attendance.sql.backend import Relation, SqlBackend

Input = Union[Source, "Relation"]
Policy = AttendancePolicy | Mapping[str, Any] | str | None
"""A policy: an object, a dict of its fields, JSON of them, or None for the defaults."""

_ORDER = (
    "booking_uid, role, email NULLS FIRST, outcome, reason, presence, first_joined NULLS FIRST, last_left NULLS FIRST,"
    " currently_absent"
)
# Repeated words are sorted as small numbers, in alphabetical order.
_ENUMS = {
    "role": ("attendee", "host"),
    "outcome": ("absent", "excluded", "present", "undetermined"),
    "reason": (
        *("duplicate_email", "email", "feed_incomplete", "host_not_seen", "host_seen", "internal", "name"),
        *("name_elsewhere", "named_with_another", "no_evidence", "no_guest_seen", "not_accepted", "not_seen"),
        *("not_settled", "phone", "rescheduled", "seen_at_another_time", "trace", "unknown_participant"),
    ),
}
_SIZE = re.compile(r"\d{1,9}(\.\d{1,9})? ?[KMGT]i?B", re.ASCII | re.IGNORECASE)
_MAX_THREADS = 1024
_AS_ENUMS = ", ".join(f"CAST({name} AS ENUM {words}) AS {name}" for name, words in _ENUMS.items())
_SORTED = f"(SELECT * REPLACE ({_AS_ENUMS}) FROM {{}}) AS decided ORDER BY {_ORDER}"
# Parquet keeps timestamps as such; text has them as all files of this project do.
_COLUMNS = "booking_uid, role, email, outcome, reason, presence / 1e6 AS presence_seconds, {}, {}, currently_absent"
_AS_TEXT = _COLUMNS.format(
    *(
        f"strftime(make_timestamp({name}), '%Y-%m-%dT%H:%M:%S.%gZ') AS {name}_at"
        for name in ("first_joined", "last_left")
    )
)
_AS_TYPES = _COLUMNS.format(*(f"make_timestamptz({name}) AS {name}_at" for name in ("first_joined", "last_left")))


class Decision(TypedDict):
    """The decision of the rules on one person of one booking.

    ``outcome`` is excluded, present, undetermined or absent; ``presence_seconds`` counts whole microseconds;
    the timestamps are ISO 8601 with ``Z``, cut to milliseconds; ``currently_absent`` is Cal.com's flag.
    """

    booking_uid: str
    role: str
    email: str | None
    outcome: str
    reason: str
    presence_seconds: float
    first_joined_at: str | None
    last_left_at: str | None
    currently_absent: bool


@dataclass(frozen=True)
class Resources:
    """Memory, threads and disk of the embedded engine.

    :param memory_limit: as DuckDB reads it, such as ``2GB``; what does not fit is spilled to disk.
    :param threads: how many; None for one on each core.
    :param spill_directory: where to spill; None for the system's temporary folder.
    """

    memory_limit: str = "2GB"
    threads: int | None = None
    spill_directory: str | os.PathLike[str] | None = None


@dataclass(frozen=True)
class Figures:
    """What was counted on the way to the decisions.

    :param outcomes: ``{outcome: {reason: persons}}``.
    :param judged_bookings: bookings that rules 1 to 3 let through.
    :param bookings: bookings with a decision on somebody, and ``attendees`` on how many attendees in them.
    :param attendance_rows: rows of the feed.
    :param rows_of_people: rows of meetings that are not a bot's; a row counts for each of its bookings.
    :param matched_rows: those of them that are somebody's or an internal participant's.
    :param complete_until: up to where all sources together are complete, or None where one of them is not at all.
    :param source_ends: ``{source: up to where it is complete}``, in microseconds; "" for rows that name no source.
    :param files: the files that were read.
    :param counts: the rows of each of the :data:`COUNTS`: ``{name: {key: number}}``, from which the fields above are
        made. A count that only a guard rail needs has no field of its own.
    """

    outcomes: dict[str, dict[str, int]]
    judged_bookings: int
    attendance_rows: int
    rows_of_people: int
    matched_rows: int
    complete_until: int | None
    bookings: int = 0
    attendees: int = 0
    source_ends: dict[str, int | None] = field(default_factory=dict)
    files: list[LoadedFile] = field(default_factory=list)
    counts: dict[str, dict[tuple[Any, ...], int | None]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Decided:
    """Decisions, as long as their engine is open.

    :param connection: DuckDB's; its relation ``decided`` has the decisions with whole microseconds.
    :param policy: the policy, ``as_of`` filled in.
    :param figures: what was counted.
    :param is_embedded: whether the rules ran on this connection, which then has the tables ``bookings``, ``people`` and
        ``attendance`` as well.
    """

    connection: DuckDBPyConnection
    policy: AttendancePolicy
    figures: Figures
    is_embedded: bool = False

    @contextmanager
    def another_session(self) -> Iterator[DuckDBPyConnection]:
        """Open a session for another run of the rules: it has the loaded tables, and its own are removed at the end.

        Its temporary tables may have the names of those that are left of the first run. Memory and threads are shared.
        """
        (zone,) = self.connection.execute("SELECT current_setting('TimeZone')").fetchone() or ("UTC",)
        with self.connection.cursor() as session:
            session.execute(f"SET TimeZone = '{zone}'")
            yield session

    def rows(self) -> Iterator[Decision]:
        """Yield the decisions in their order."""
        found = self.connection.execute(f"SELECT {_AS_TEXT} FROM {_SORTED.format('decided')}")
        names = [column[0] for column in found.description or ()]
        while batch := found.fetchmany(10_000):
            for row in batch:
                yield dict(zip(names, row, strict=True))  # type: ignore[misc]

    def write(self, path: str | os.PathLike[str] | Any, *, relation: str = "decided") -> None:
        """Write the decisions, as JSON lines, CSV or Parquet by the suffix; an older file is replaced by the whole one.

        :param path: a local path, or a UPath or URL of an object store.
        :param relation: of the connection, with the columns of ``decided``.
        """
        file_format, is_gzip = format_of(str(path))
        columns = _AS_TYPES if file_format == "parquet" else _AS_TEXT
        options = {"jsonl": "FORMAT json", "csv": "FORMAT csv, HEADER", "parquet": "FORMAT parquet"}
        compression = ", COMPRESSION gzip" if is_gzip else ""
        with atomic_write(path) as target:
            self.connection.execute(
                f"COPY (SELECT {columns} FROM {_SORTED.format(relation)}) TO ? ({options[file_format]}{compression})",
                [str(target)],
            )


def decide(
    bookings: Input,
    people: Input,
    attendance: Input,
    policy: Policy = None,
    *,
    zone: str | None = None,
    resources: Resources = Resources(),
    backend: SqlBackend | None = None,
    now: datetime | None = None,
) -> list[Decision]:
    """Decide who was absent, and return all decisions.

    :param bookings: rows as dicts, a path, several paths, or a relation of ``backend``. Its columns, like those of the
        others, are those of :mod:`~airflow_provider_calcom.attendance.schema`.
    :param people: likewise.
    :param attendance: likewise.
    :param policy: a policy, or the fields of one as a dict or JSON.
    :param zone: the zone of timestamps that have none, such as ``Europe/Berlin``. Without it they are refused.
    :param resources: what the embedded engine may use.
    :param backend: a SQL server to run on instead of the embedded engine.
    :param now: "now" where the policy has no ``as_of``; the clock's time where it is None.
    :raises InvalidInput: naming file, row and column.
    :raises InvalidPolicy: naming the field.
    :raises OutOfMemory: if memory and spill space are used up.
    """
    with deciding(
        bookings, people, attendance, policy, zone=zone, resources=resources, backend=backend, now=now
    ) as decided:
        return list(decided.rows())


@contextmanager
def deciding(
    bookings: Input,
    people: Input,
    attendance: Input,
    policy: Policy = None,
    *,
    zone: str | None = None,
    resources: Resources = Resources(),
    backend: SqlBackend | None = None,
    now: datetime | None = None,
) -> Iterator[Decided]:
    """Decide who was absent, and keep the decisions in the engine, to be written or queried.

    Parameters and errors are those of :func:`decide`.
    """
    resolved = AttendancePolicy.of(policy).at(now or datetime.now(UTC))
    with duckdb_session(resources, zone) as (connection, folder):
        if backend is None:
            inputs = {BOOKINGS: bookings, PEOPLE: people, NUMBERED_ATTENDANCE: attendance}
            with loaded(connection, folder, inputs, takes_naive_times=zone is not None) as files:
                load_policy(connection, policy_tables(resolved))
                counts = _run_embedded(connection)
                yield Decided(connection, resolved, Figures(**_counted(counts), files=files), is_embedded=True)
        else:
            inputs = {BOOKINGS: bookings, PEOPLE: people, ATTENDANCE: attendance}
            files, counts = backend.run(
                connection, folder, inputs, resolved, takes_naive_times=zone is not None, counts=COUNTS
            )
            yield Decided(connection, resolved, Figures(**_counted(counts), files=files))


@contextmanager
def duckdb_session(resources: Resources, zone: str | None = None) -> Iterator[tuple[DuckDBPyConnection, Path]]:
    """Open a DuckDB session that spills to a folder of its own, which is removed afterwards.

    :return: yields ``(connection, folder)``.
    :raises OutOfMemory: if a query of the block uses up memory and spill space.
    """
    try:
        import duckdb
    except ImportError:
        raise MissingExtra(
            "The attendance rules need DuckDB. Install it with: pip install 'airflow-provider-calcom[attendance]'"
        ) from None
    known_zone = _known_zone(zone)
    check_resources(resources)
    folder = _spill_folder(resources)
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": resources.memory_limit,
        "temp_directory": str(folder / "spilled"),
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
    }
    if resources.threads is not None:
        config["threads"] = resources.threads
    try:
        with _reraise_out_of_memory(resources), duckdb.connect(config=config) as connection:
            try:
                connection.execute(f"SET TimeZone = '{known_zone}'")
            except duckdb.Error:
                raise _no_zone(zone) from None
            yield connection, folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _known_zone(zone: str | None) -> str:
    """Return a zone's name from the system's list of zones, so that none of the user's text reaches SQL."""
    if zone is None:
        return "UTC"
    from zoneinfo import ZoneInfo

    if not isinstance(zone, str):
        raise _no_zone(zone)
    try:
        return ZoneInfo(zone).key
    except (ValueError, OSError, KeyError):
        raise _no_zone(zone) from None


def _no_zone(zone: object) -> InvalidInput:
    return InvalidInput(f"zone must be a time zone such as Europe/Berlin, but is {describe(zone)}")


def check_resources(resources: Resources) -> None:
    """Check the resources before any input is collected.

    :raises InvalidResources: naming the field.
    """
    limit, threads = resources.memory_limit, resources.threads
    if not isinstance(limit, str) or not _SIZE.fullmatch(limit):
        raise InvalidResources(f"memory_limit must be a size such as 2GB or 512MB, but is {describe(limit)}")
    if threads is not None and (type(threads) is not int or not 0 < threads <= _MAX_THREADS):
        raise InvalidResources(
            f"threads must be an integer from 1 to {_MAX_THREADS}, or None for one per core, but is {describe(threads)}"
        )
    spill = resources.spill_directory
    if spill is None:
        return
    exists = isinstance(spill, (str, os.PathLike)) and not fault_of_path(spill) and os.path.isdir(_expanded(spill))
    if not exists:
        raise InvalidResources(f"spill_directory must be an existing folder, but is {describe(spill)}")


def _expanded(folder: str | os.PathLike[str]) -> str:
    return os.path.expanduser(os.fspath(folder))


def _spill_folder(resources: Resources) -> Path:
    spill = resources.spill_directory
    try:
        return Path(tempfile.mkdtemp(prefix="calcom-no-shows-", dir=None if spill is None else _expanded(spill)))
    except OSError as error:
        raise InvalidResources(
            f"spill_directory: {shown_path(resources.spill_directory or 'the temporary folder')} can't be written"
            f" ({error.strerror or type(error).__name__}). Let the worker's user write there, or set another folder"
        ) from None


@contextmanager
def _reraise_out_of_memory(resources: Resources) -> Iterator[None]:
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        folder = shown_path(resources.spill_directory or tempfile.gettempdir())
        raise OutOfMemory(
            f"memory_limit: {resources.memory_limit} and the free disk space under {folder} (spill_directory) are too"
            " little for the rules. Raise the limit, free disk space, or run the rules on a SQL connection. DuckDB:"
            f" {redact(str(error).splitlines()[0])}"
        ) from None


@contextmanager
def loaded(
    connection: DuckDBPyConnection, folder: Path, inputs: Mapping[Table, Any], *, takes_naive_times: bool
) -> Iterator[list[LoadedFile]]:
    """Load tables into the engine for the queries of the block, and yield their files.

    :param inputs: ``{table: what the user gave}``.
    :raises InvalidInput: also if a query of the block meets a damaged part of a Parquet file.
    """
    loader = Loader(connection, takes_naive_times=takes_naive_times)
    files = [
        file for table, source in inputs.items() for file in loader.load(table, local_files(table, source, folder))
    ]
    with loader.naming_damaged_files():
        yield files


def load_policy(connection: DuckDBPyConnection, tables: Sequence[PolicyTable]) -> None:
    """Create the policy's tables, and the one function of the rules that DuckDB lacks."""
    connection.execute("CREATE OR REPLACE TEMP MACRO is_plain(x) AS NOT regexp_matches(x, '[^a-z0-9 '']')")
    for table in tables:
        columns = ", ".join(f"{name} {kind}" for name, kind in table.columns.items())
        connection.execute(f"CREATE TEMP TABLE {table.name} ({columns})")
        if table.rows:
            places = ", ".join("?" * len(table.columns))
            connection.executemany(f"INSERT INTO {table.name} VALUES ({places})", table.rows)


def _run_embedded(connection: DuckDBPyConnection) -> dict[str, list[tuple[Any, ...]]]:
    """Run the rules step by step: so tables have known sizes, and each is dropped when nothing needs it any more."""
    rules = the_rules()
    results = [rules.decisions, *COUNTS.values()]
    freed = rules.last_uses(results)
    for step in rules.steps:
        if step.is_kept:
            connection.execute(f"CREATE TEMP TABLE {step.name} AS {rules.with_parts(step.body)}")
            for name in freed.get(step.name, ()):
                connection.execute(f"DROP TABLE {name}")
    connection.execute(f"CREATE TEMP VIEW decided AS {rules.with_parts(rules.decisions)}")
    return {name: connection.execute(rules.with_parts(body)).fetchall() for name, body in COUNTS.items()}


COUNTS = {
    "outcomes": "SELECT outcome, reason, persons FROM outcome_counts",
    "judged_bookings": "SELECT count(*) AS bookings FROM meetings",
    "bookings": "SELECT count(DISTINCT booking) AS bookings FROM persons_to_judge",
    "attendees": "SELECT count(*) AS attendees FROM persons_to_judge WHERE NOT is_host",
    "rows_of_people": "SELECT rows_of_people FROM matching",
    "matched_rows": "SELECT matched_rows FROM matching",
    "attendance_rows": "SELECT feed_rows FROM feed",
    "complete_until": "SELECT complete_until FROM feed",
    "source_ends": "SELECT source, source_end FROM sources",
}
"""What is counted, on either engine: SELECTs over the rules' steps. The last column is a number, the others its key."""


def _counted(rows: Mapping[str, Sequence[tuple[Any, ...]]]) -> dict[str, Any]:
    """Return the fields of :class:`Figures` from the rows of the :data:`COUNTS`, of either engine."""
    counts: dict[str, dict[tuple[Any, ...], int | None]] = {
        name: {key: None if number is None else int(number) for *keys, number in found for key in [tuple(keys)]}
        for name, found in rows.items()
    }
    outcomes: dict[str, dict[str, int]] = {}
    for (outcome, reason), persons in sorted(counts["outcomes"].items()):
        outcomes.setdefault(outcome, {})[reason] = persons or 0
    return {
        "outcomes": outcomes,
        **{
            name: counts[name][()] or 0
            for name in (
                *("judged_bookings", "bookings", "attendees", "attendance_rows", "rows_of_people", "matched_rows"),
            )
        },
        "complete_until": counts["complete_until"][()],
        "source_ends": {source: end for (source,), end in sorted(counts["source_ends"].items())},
        "counts": counts,
    }
