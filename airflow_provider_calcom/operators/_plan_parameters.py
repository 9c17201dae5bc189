"""Parses the parameters of ``PlanNoShowsOperator`` and checks them before anything is done."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

from airflow_provider_calcom._redact import describe, plain
from airflow_provider_calcom._rendered import NOTHING
from airflow_provider_calcom._storage import is_path
from airflow_provider_calcom._timestamps import parse_timestamp_or_date
from airflow_provider_calcom.api.arguments import checked_uid, parse_argument
from airflow_provider_calcom.api.errors import InvalidArgument
from airflow_provider_calcom.api.query import time_zone
from airflow_provider_calcom.attendance.engine import Resources, check_resources
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.hooks import conn_id_of, required_conn_id
from airflow_provider_calcom.hooks.sql import query_rows, sql_backend
from airflow_provider_calcom.no_shows.diff import Correct
from airflow_provider_calcom.no_shows.guard_rails import GuardRails
from airflow_provider_calcom.no_shows.ledger.reader import last_writes_of
from airflow_provider_calcom.no_shows.plan import InvalidPlanOption
from airflow_provider_calcom.no_shows.plan_request import (
    FeedEntry,
    Paths,
    PlanRequest,
    Rows,
    Table,
    TableName,
    Unfetched,
)
from airflow_provider_calcom.operators._identities import identities
from airflow_provider_calcom.operators._paths import Storage, ledger_folder
from airflow_provider_calcom.operators._readers import (
    are_hashed,
    check_found,
    flag_of,
    unrendered,
    value_of,
)

if TYPE_CHECKING:
    from airflow_provider_calcom.attendance.sql.backend import SqlBackend
    from airflow_provider_calcom.hooks.calcom import CalComHook

FETCHED_FEED = "cal_video"
"""The feed that can be fetched from Cal.com itself."""

_FEED_KEYS = ("feed", "path", "rows", "sql", "conn_id", "options", "sessions_path", "unfetched")
_SOURCES = ("path", "rows", "sql")
_MOST_UIDS = 5_000
_OF_FETCHED = ("sessions_path", "unfetched")
_CANONICAL_TIMES = {"kind", "joined_at", "left_at"}
_STRINGS = ("zone", "ledger_path", "rules_conn_id", "scratch_schema", "storage_conn_id")


def plan_request(given: Mapping[str, Any], filters: Mapping[str, Any], hook: CalComHook) -> PlanRequest:
    """Parse the parameters of a ``PlanNoShowsOperator``. Cal.com is not called, and no file is read.

    :param given: the rendered fields of the operator, by name.
    :param filters: the bookings that are requested from the API.
    :param hook: of the Cal.com connection, which has the ledger's secret.
    :raises InvalidArgument: naming the parameter.
    :raises InvalidPolicy: naming the field of ``policy``.
    :raises InvalidGuardRails: naming the field of ``guard_rails``.
    :raises LedgerSecretMismatch: if people are to be named by hashes, and the connection has no secret.
    """
    requested_at = datetime.now(UTC)
    required_conn_id("calcom_conn_id", hook.calcom_conn_id)
    _check_strings(given)
    storage = Storage(given["storage_conn_id"])
    resources = Resources(memory_limit=given["memory_limit"], threads=given["threads"])
    check_resources(resources)
    request = PlanRequest(
        plan=_plan_folder(given["plan_path"], storage),
        attendance=attendance_of(given["attendance"], storage),
        bookings=None if given["bookings"] is None else bookings_of(given["bookings"], storage),
        people=None if given["people"] is None else table_of("people", given["people"], storage),
        policy=policy_of(given["policy"]).at(requested_at),
        guard_rails=rails_of(given["guard_rails"]),
        filters=filters,
        booking_uids=None if given["booking_uids"] is None else uids_of(given["booking_uids"]),
        after_start=_bound("after_start", filters),
        before_start=_bound("before_start", filters),
        conference_patterns=patterns_of(given["conference_patterns"]),
        protect_cohosts=flag_of("protect_cohosts", given["protect_cohosts"]),
        include_attended=flag_of("include_attended", given["include_attended"]),
        hashed=_hashed(hook) if are_hashed(given["plan_addresses"], "plan_addresses") else None,
        zone=given["zone"],
        correct=correct_of(given["correct"]),
        force=flag_of("force", given["force"]),
        last_writes=last_writes_of(
            ledger_folder(given["ledger_path"], conn_id=hook.calcom_conn_id, storage=storage), lambda: identities(hook)
        ),
        resources=resources,
        requested_at=requested_at,
    )
    _check_tables(request, has_backend=given["rules_conn_id"] is not None)
    # Last: a wrong parameter is reported before a connection is looked up.
    return replace(request, backend=_backend(given))


def _hashed(hook: CalComHook) -> Callable[[str], str]:
    return identities(hook, hashed=True).hashed


def _backend(given: Mapping[str, Any]) -> SqlBackend | None:
    if given["rules_conn_id"] is None:
        return None
    return sql_backend(given["rules_conn_id"], scratch_schema=given["scratch_schema"], only_changes=True)


def _check_tables(request: PlanRequest, *, has_backend: bool) -> None:
    tables = {"attendance": request.attendance, "bookings": request.bookings, "people": request.people}
    if request.people is not None and request.bookings is None:
        raise InvalidArgument("people is set without bookings. Pass both tables, or neither")
    for name, table in tables.items():
        if isinstance(table, TableName) and not has_backend:
            raise InvalidArgument(f"{name} is a table, which needs rules_conn_id, the connection that has it")
    if isinstance(request.bookings, TableName) and request.people is None:
        raise InvalidArgument("bookings is a table, which needs the table people, too")


def _bound(name: str, filters: Mapping[str, Any]) -> datetime | None:
    """Return a bound of the requested bookings, or None where they have none."""
    given = filters.get(name)
    if given is None:
        return None
    return parse_argument(name, parse_timestamp_or_date, given, time_zone(filters.get("zone")))


def _check_strings(given: Mapping[str, Any]) -> None:
    for name in _STRINGS:
        value = given[name]
        check_found(name, value)
        if value is not None and not isinstance(value, str) and not (name == "ledger_path" and is_path(value)):
            raise InvalidArgument(f"{name} must be a string, but is a {type(value).__name__}")
    for name in ("rules_conn_id", "storage_conn_id"):
        conn_id_of(name, given[name])


def _plan_folder(given: Any, storage: Storage) -> Any:
    check_found("plan_path", given)
    if given is None:
        raise InvalidArgument("plan_path is None. Pass the folder of the plan")
    if not is_path(given):
        raise InvalidArgument(f"plan_path must be the folder of the plan, but is a {type(given).__name__}")
    return storage.path("plan_path", given)


def policy_of(given: Any) -> AttendancePolicy:
    """Parse the parameter ``policy``.

    :raises InvalidPolicy: naming the field.
    :raises InvalidArgument: if its template found nothing.
    """
    return AttendancePolicy.of(_fields("policy", given))


def rails_of(given: Any) -> GuardRails:
    """Parse the parameter ``guard_rails``.

    :raises InvalidGuardRails: naming the field.
    :raises InvalidArgument: if its template found nothing.
    """
    return GuardRails.of(_fields("guard_rails", given))


def _fields(name: str, given: Any) -> Any:
    """Return an object's fields, with strings such as ``"900"``, ``"True"`` and ``"['a.example']"`` parsed."""
    value = value_of(name, given)
    return {key: unrendered(one) for key, one in value.items()} if isinstance(value, Mapping) else value


def correct_of(given: Any) -> Correct:
    """Parse the parameter ``correct``.

    :raises InvalidPlanOption: for another value.
    """
    for word in get_args(Correct):
        if isinstance(given, str) and given == word:
            chosen: Correct = word
            return chosen
    raise InvalidPlanOption(f"correct must be one of {', '.join(get_args(Correct))}, but is {describe(given)}")


def patterns_of(given: Any) -> tuple[str, ...]:
    """Parse the parameter ``conference_patterns``: regular expressions.

    :raises InvalidArgument: naming the index of the invalid one.
    """
    if isinstance(given, (str, bytes)) or not isinstance(given, Sequence):
        raise InvalidArgument(
            f"conference_patterns must be a list of regular expressions, but is a {type(given).__name__}"
        )
    for index, pattern in enumerate(given):
        try:
            re.compile(pattern)
        except (re.error, TypeError, RecursionError, OverflowError):
            raise InvalidArgument(
                f"conference_patterns[{index}] must be a regular expression, but is {describe(pattern)}"
            ) from None
    return tuple(given)


def table_of(name: str, given: Any, storage: Storage) -> Table:
    """Parse a table of the rules.

    :param name: the parameter, for errors.
    :raises InvalidArgument: naming it.
    """
    value = value_of(name, given)
    if isinstance(value, Mapping):
        return _table_name(name, value)
    if is_path(value):
        return Paths((storage.path(name, value),))
    if isinstance(value, (bytes, bytearray)) or not isinstance(value, Sequence):
        raise InvalidArgument(
            f"{name} must be a path, several, rows, or {{'table': name}}, but is a {type(value).__name__}"
        )
    if any(isinstance(one, Mapping) and set(one) == {"table"} for one in value[:1]):
        raise InvalidArgument(f"{name} is a list of tables on the server. Pass one, such as a view over several")
    if not value or not all(is_path(one) for one in value):
        return Rows(value)
    for index, one in enumerate(value):
        check_found(f"{name}[{index}]", one)
    return Paths(tuple(storage.path(name, one) for one in value))


def _table_name(name: str, value: Mapping[str, Any]) -> TableName:
    if set(value) != {"table"}:
        keys = ", ".join(plain(str(key)) for key in list(value)[:10])
        raise InvalidArgument(f"{name} is an object with {keys or 'nothing in it'}, but a table is {{'table': name}}")
    table = value["table"]
    if not isinstance(table, str) or table.strip() in NOTHING:
        raise InvalidArgument(f"{name}['table'] must be the name of a table, but is {describe(table)}")
    return TableName(table)


def bookings_of(given: Any, storage: Storage) -> Table:
    """Parse the parameter ``bookings``, which may also be the result of ``ListBookingsOperator`` with ``output_path``.

    :raises InvalidArgument: naming the entry and its fault.
    """
    value = value_of("bookings", given)
    if isinstance(value, Mapping) and set(value) == {"path", "bookings"}:
        value = value["path"]
    return table_of("bookings", value, storage)


def uids_of(given: Any) -> tuple[str, ...]:
    """Parse the parameter ``booking_uids``: one uid, several, or an object whose keys are uids.

    :raises InvalidArgument: naming the index of the invalid one.
    """
    value = value_of("booking_uids", given)
    uids = [value] if isinstance(value, str) else list(value) if isinstance(value, Mapping) else value
    if not isinstance(uids, (list, tuple)):
        raise InvalidArgument(f"booking_uids must be a list of uids, but is a {type(value).__name__}")
    if len(uids) > _MOST_UIDS:
        raise InvalidArgument(
            f"booking_uids has {len(uids):,} uids; {_MOST_UIDS:,} are allowed. Use after_start and before_start"
        )
    return tuple(dict.fromkeys(checked_uid(uid, f"booking_uids[{index}]") for index, uid in enumerate(uids)))


def attendance_of(given: Any, storage: Storage) -> list[FeedEntry] | Table:
    """Parse the parameter ``attendance``: feeds, or the rules' own table.

    :raises InvalidArgument: naming the entry and its fault.
    """
    if given is None:
        raise InvalidArgument(
            "attendance is None. If it comes from XCom, the task that should have returned it returned nothing"
        )
    value = value_of("attendance", given)
    if isinstance(value, Mapping):
        return [_feed("attendance", value, storage)] if "table" not in value else _table_name("attendance", value)
    if is_path(value) or isinstance(value, (bytes, bytearray)) or not isinstance(value, Sequence):
        return table_of("attendance", value, storage)
    entries = [_entry(f"attendance[{index}]", one) for index, one in enumerate(value)]
    feeds = [isinstance(one, Mapping) and _is_feed(one) for one in entries]
    if not any(feeds):
        return table_of("attendance", entries, storage)
    if not all(feeds):
        raise InvalidArgument(
            f"attendance[{feeds.index(False)}] is not a feed entry, but other entries are; expected"
            " {'feed': name, 'path': ...} for each. Rows in the rules' own columns are the feed 'canonical'"
        )
    return [_feed(f"attendance[{index}]", one, storage) for index, one in enumerate(entries)]


def _entry(name: str, given: Any) -> Any:
    return value_of(name, given) if isinstance(given, str) else given


def _is_feed(entry: Mapping[str, Any]) -> bool:
    """Return whether an entry is a feed and not a row in the rules' columns, which may have others beside them."""
    return "feed" in entry or (any(key in entry for key in _SOURCES) and not _CANONICAL_TIMES & set(entry))


def _feed(name: str, entry: Mapping[str, Any], storage: Storage) -> FeedEntry:
    unknown = [plain(str(key)) for key in entry if key not in _FEED_KEYS]
    if unknown:
        raise InvalidArgument(f"{name} has {', '.join(unknown[:10])}; a feed has some of {', '.join(_FEED_KEYS)}")
    feed = value_of(f"{name}.feed", entry.get("feed", "canonical"))
    if not isinstance(feed, str):
        raise InvalidArgument(f"{name}.feed must be the name of a feed, but is {describe(feed)}")
    given = [key for key in _SOURCES if entry.get(key) is not None]
    if len(given) > 1 or (not given and feed != FETCHED_FEED):
        raise InvalidArgument(f"{name} must have one of path, rows and sql, and has {' and '.join(given) or 'none'}")
    for key in _OF_FETCHED:
        if given and entry.get(key) is not None:
            raise InvalidArgument(f"{name}.{key} is set together with {given[0]}, so that nothing is fetched. Omit it")
    query = _query(name, entry)
    return FeedEntry(
        name,
        feed,
        paths=_paths(f"{name}.path", entry.get("path"), storage),
        rows=_records(f"{name}.rows", entry.get("rows")),
        query=query,
        query_conn_id=query.args[0] if query else None,
        options=_options(f"{name}.options", entry.get("options")),
        sessions_path=_folder(f"{name}.sessions_path", entry.get("sessions_path"), storage),
        unfetched=_unfetched(f"{name}.unfetched", entry.get("unfetched")),
    )


def _folder(name: str, given: Any, storage: Storage) -> Any:
    value = value_of(name, given)
    if value is None:
        return None
    if not is_path(value):
        raise InvalidArgument(f"{name} must be a folder, but is a {type(value).__name__}")
    return storage.path(name, value)


def _unfetched(name: str, given: Any) -> Unfetched:
    value = value_of(name, given)
    if value is None:
        return "fail"
    for word in get_args(Unfetched):
        if isinstance(value, str) and value == word:
            chosen: Unfetched = word
            return chosen
    raise InvalidArgument(f"{name} must be one of {', '.join(get_args(Unfetched))}, but is {describe(value)}")


def _paths(name: str, given: Any, storage: Storage) -> tuple[Any, ...]:
    value = value_of(name, given)
    paths = () if value is None else (value,) if is_path(value) else value
    if not isinstance(paths, (list, tuple)) or not all(is_path(path) for path in paths):
        raise InvalidArgument(f"{name} must be a path, or a list of paths, but is a {type(value).__name__}")
    if value is not None and not paths:
        raise InvalidArgument(f"{name} is an empty list. Pass a path; only rows may be empty")
    return tuple(storage.path(name, value_of(name, path)) for path in paths)


def _records(name: str, given: Any) -> Any:
    value = value_of(name, given)
    if value is not None and (isinstance(value, (str, bytes)) or not isinstance(value, (Mapping, Sequence))):
        raise InvalidArgument(
            f"{name} must be a list of records or a response of the vendor's API, but is a {type(value).__name__}"
        )
    return value


def _query(name: str, entry: Mapping[str, Any]) -> partial[Generator[dict[str, Any], None, None]] | None:
    query = {key: value_of(f"{name}.{key}", entry.get(key)) for key in ("sql", "conn_id")}
    for key, value in query.items():
        if not isinstance(value, (str, type(None))):
            raise InvalidArgument(f"{name}.{key} must be a string, but is a {type(value).__name__}")
    sql, conn_id = query["sql"], query["conn_id"]
    if sql is not None and conn_id is not None:
        return partial(query_rows, conn_id, sql)
    if sql is None and conn_id is None:
        return None
    lacking = "conn_id, the connection that it runs on" if conn_id is None else "sql, the query for it"
    raise InvalidArgument(f"{name} needs {lacking}")


def _options(name: str, given: Any) -> Mapping[str, Any]:
    value = value_of(name, given)
    if not isinstance(value, (Mapping, type(None))):
        raise InvalidArgument(f"{name} must be an object, but is a {type(value).__name__}")
    return {str(key): one for key, one in value.items()} if value else {}
