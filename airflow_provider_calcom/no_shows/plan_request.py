"""The parsed parameters of ``PlanNoShowsOperator``: what a plan is requested to be made of."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_calcom._storage import Folder
from airflow_provider_calcom.attendance.engine import Resources
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.no_shows.diff import Correct, LastWritesOf
from airflow_provider_calcom.no_shows.guard_rails import GuardRails

if TYPE_CHECKING:
    from airflow_provider_calcom.attendance.sql.backend import SqlBackend


Unfetched = Literal["fail", "undetermined"]
"""What happens where Cal Video's sessions of a booking can't be fetched at the moment."""


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
    :param query_conn_id: id of the connection that the query runs on.
    :param options: of the feed.
    :param sessions_path: folder in which fetched sessions are kept, or None for that of the plan.
    :param unfetched: what happens where sessions can't be fetched at the moment.
    """

    name: str
    feed: str
    paths: tuple[Any, ...] = ()
    rows: Any = field(default=None, repr=False)
    query: Callable[[], Generator[dict[str, Any], None, None]] | None = field(default=None, repr=False)
    query_conn_id: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    sessions_path: Any = None
    unfetched: Unfetched = "fail"

    @property
    def is_fetched(self) -> bool:
        """True if it is fetched from Cal.com."""
        return not self.paths and self.rows is None and self.query is None


@dataclass(frozen=True)
class PlanRequest:
    """The parsed parameters of ``PlanNoShowsOperator``, whose docstring explains each.

    :param plan: folder of the plan, here or in an object store.
    :param filters: the bookings that are requested from the API, as ``CalComHook.iterate_bookings`` takes them.
    :param booking_uids: the only bookings to decide on; ``filters`` names the list that they are read from then.
    :param after_start: beginning of the requested bookings, or None where they have none.
    :param before_start: end of the requested bookings, or None where they have none.
    :param last_writes: looks up in the ledger what was written last.
    :param hashed: returns the hash that names an address in the plan; None writes addresses.
    :param backend: the SQL server that runs the rules, or None for this worker.
    :param requested_at: the time of the request; with it the policy's ``as_of`` is filled in.
    """

    plan: Folder
    attendance: list[FeedEntry] | Table = field(repr=False)
    last_writes: LastWritesOf
    requested_at: datetime
    policy: AttendancePolicy = field(repr=False)
    guard_rails: GuardRails = field(default_factory=GuardRails)
    bookings: Table | None = field(default=None, repr=False)
    people: Table | None = field(default=None, repr=False)
    filters: Mapping[str, Any] = field(default_factory=dict, repr=False)
    booking_uids: tuple[str, ...] | None = None
    after_start: datetime | None = None
    before_start: datetime | None = None
    conference_patterns: Sequence[str] = ()
    protect_cohosts: bool = True
    include_attended: bool = False
    hashed: Callable[[str], str] | None = None
    zone: str | None = None
    correct: Correct = "ledger"
    force: bool = False
    backend: SqlBackend | None = None
    resources: Resources = field(default_factory=Resources)
