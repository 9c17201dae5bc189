"""SQL connections of Airflow: backends that the attendance rules run on, and queries that feeds are read from."""

from __future__ import annotations

import importlib
import itertools
import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date, datetime, time, tzinfo
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom._deprecated import former_names
from airflow_provider_calcom._redact import describe, plain, redact, shown_columns
from airflow_provider_calcom._timestamps import is_naive, parse_timestamp
from airflow_provider_calcom.attendance.errors import InvalidInput, UnsupportedConnection
from airflow_provider_calcom.attendance.sql.backend import SqlBackend
from airflow_provider_calcom.attendance.sql.connection import wrap_driver_errors
from airflow_provider_calcom.attendance.sql.dialects import DIALECTS
from airflow_provider_calcom.hooks import connection_of

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

if not TYPE_CHECKING:
    __getattr__ = former_names(__name__)

# sqlglot's names of dialects that connection types and hooks' `dialect_name` have other names for.
_DIALECTS = {"postgresql": "postgres", "gcpbigquery": "bigquery"}
# The hook of a connection of type `databricks` is for jobs; SQL needs another hook.
_HOOKS = {
    "databricks": ("airflow.providers.databricks.hooks.databricks_sql", "DatabricksSqlHook", "databricks_conn_id")
}
# BigQuery's hook defaults to legacy SQL.
_HOOK_PARAMS = {"gcpbigquery": {"use_legacy_sql": False}}
_SECRET_NAMES = re.compile(r"pass|secret|token|key|credential", re.IGNORECASE)


class SqlConnectionMissing(UnsupportedConnection):
    """The SQL connection does not exist in Airflow, or can't be read. Create it, or correct the parameter."""


def sql_backend(
    conn_id: str,
    *,
    dialect: str | None = None,
    scratch_schema: str | None = None,
    only_changes: bool = False,
    parameter: str = "rules_conn_id",
) -> SqlBackend:
    """Return the backend that runs the rules on an Airflow connection's server.

    The SQL dialect is the first of: the parameter ``dialect``; ``dialect`` in the connection's extras, which Airflow's
    own SQL hooks read too; the dialect of the connection's type; the dialect of its hook.

    :param conn_id: id of a connection whose hook is a ``DbApiHook``.
    :param dialect: sqlglot's name of the dialect, such as ``spark`` for a Hive connection to Spark's Thrift server.
    :param scratch_schema: the schema for scratch tables, on a server without temporary tables.
    :param only_changes: fetch only the decisions of bookings in which a decision differs from Cal.com's flag. Defaults
        to False.
    :param parameter: the parameter that names the connection, for errors.
    :raises UnsupportedConnection: if the connection does not exist, its hook is not a ``DbApiHook``, or the rules
        don't run in its dialect.
    """
    connection = connection_of(parameter, conn_id, missing=SqlConnectionMissing)
    hook = sql_hook(connection, conn_id, parameter)
    name = dialect or _dialect(connection, hook)
    if name not in DIALECTS:
        raise UnsupportedConnection(
            f"{parameter}: connection {plain(conn_id)} has the SQL dialect {describe(name)}, in which the rules don't"
            f" run. They run in: {', '.join(DIALECTS)}. If the server understands one of these, set it in the"
            ' connection\'s extras: {"dialect": "spark"}'
        )
    return SqlBackend(
        # A new hook for each connection: some hooks keep the connection that they opened, and return it closed.
        lambda: sql_hook(connection, conn_id, parameter).get_conn(),
        name,
        placeholder=DIALECTS[name].placeholder or str(hook.placeholder),
        scratch_schema=scratch_schema,
        only_changes=only_changes,
        name=f"connection {plain(conn_id)}",
        secrets=secrets_of(connection),
    )


def sql_hook(connection: Any, conn_id: str, parameter: str) -> DbApiHook:
    """Return a connection's hook that runs SQL.

    :param connection: Airflow's connection.
    :param conn_id: id of the connection.
    :param parameter: the parameter that names the connection, for errors.
    :raises UnsupportedConnection: if no hook is installed, or it is not a ``DbApiHook``.
    """
    try:
        from airflow.providers.common.sql.hooks.sql import DbApiHook
    except ImportError:
        raise UnsupportedConnection(
            f"{parameter}: running SQL needs the package apache-airflow-providers-common-sql. Install it"
        ) from None
    conn_type = str(connection.conn_type)
    try:
        if conn_type in _HOOKS:
            module, name, parameter = _HOOKS[conn_type]
            hook = getattr(importlib.import_module(module), name)(**{parameter: conn_id})
        else:
            hook = connection.get_hook(hook_params=_HOOK_PARAMS.get(conn_type, {}))
    except Exception as error:
        # Hooks parse their connections at construction, and raise errors of any class: ValueError, KeyError.
        raise UnsupportedConnection(
            f"{parameter}: connection {plain(conn_id)} of type {plain(conn_type)} has no hook here:"
            f" {redact(str(error), secrets_of(connection)) or type(error).__name__}. Install its provider, or correct"
            " its fields"
        ) from None
    if not isinstance(hook, DbApiHook):
        raise UnsupportedConnection(
            f"{parameter}: connection {plain(conn_id)} of type {plain(conn_type)} can't run SQL: its hook is not a"
            " DbApiHook. Use a connection to a SQL database"
        )
    return hook


def _dialect(connection: Any, hook: DbApiHook) -> str:
    extras = connection.extra_dejson
    conn_type = str(connection.conn_type)
    if extras.get("dialect"):
        name = str(extras["dialect"])
    elif conn_type == "postgres" and (extras.get("redshift") or extras.get("redshift-serverless")):
        name = "redshift"
    elif _DIALECTS.get(conn_type, conn_type) in DIALECTS:
        # The type before the hook: Redshift's hook calls AWS to find its dialect, and returns PostgreSQL's.
        name = conn_type
    else:
        name = str(getattr(hook, "dialect_name", "") or "default")
        name = conn_type if name == "default" else name
    return _DIALECTS.get(name, name)


def secrets_of(connection: Any) -> list[str]:
    """Return the values that errors must hide: the password, and extras whose names contain a word like secret."""
    found = [connection.password] + [
        value for name, value in connection.extra_dejson.items() if _SECRET_NAMES.search(name)
    ]
    return [value for value in found if isinstance(value, str) and value]


def query_rows(
    conn_id: str, sql: str, *, parameter: str = "attendance, conn_id"
) -> Generator[dict[str, Any], None, None]:
    """Yield the rows of a query, fetched in batches.

    :param conn_id: id of a connection whose hook is a ``DbApiHook``.
    :param parameter: the parameter that names the connection, for errors.
    :raises UnsupportedConnection: if the connection does not exist, or its hook is not a ``DbApiHook``.
    :raises SqlFailed: with the server's message, in which values are hidden.
    :raises InvalidInput: if the statement does not return rows, or two columns have the same name.
    """
    connection: Any = connection_of(parameter, conn_id, missing=SqlConnectionMissing)
    hook, secrets = sql_hook(connection, conn_id, parameter), [connection.password or ""]
    with _wrapped(conn_id, secrets), closing(hook.get_conn()) as opened, closing(opened.cursor()) as cursor:
        cursor.execute(sql)
        names = [str(column[0]) for column in cursor.description or ()]
        if not names:
            raise InvalidInput(f"The feed's sql on {plain(conn_id)} returns no rows. Use a query, such as SELECT")
        if len(set(names)) < len(names):
            raise InvalidInput(
                f"The feed's sql on {plain(conn_id)} returns two columns of the same name: {shown_columns(names)}."
                " Rename one"
            )
        while batch := cursor.fetchmany(10_000):
            for row in batch:
                yield dict(zip(names, row, strict=True))


def query_timestamp(conn_id: str, sql: str, zone: tzinfo | None = None) -> datetime | None:
    """Return the one value of a query, a timestamp; None where it is null, or there is no row.

    :param conn_id: id of a connection whose hook is a ``DbApiHook``.
    :param sql: such as ``SELECT max(left_at) FROM attendance``.
    :param zone: the time zone of a value without an offset, and of a date, which is the beginning of that day.
    :raises InvalidInput: if the query returns more than one value, another type, or a local time without ``zone``.
    :raises AttendanceError: as :func:`query_rows`.
    """
    with closing(query_rows(conn_id, sql, parameter="conn_id")) as rows:
        found = list(itertools.islice(rows, 2))
    values = [value for row in found for value in row.values()]
    if len(found) > 1 or len(values) > 1:
        raise InvalidInput("sql returns more than one value. Select one timestamp, such as max(left_at)")
    if not values or values[0] is None:
        return None
    try:
        return _timestamp_of(values[0], zone)
    except ValueError as error:
        fault = str(error)
    raise InvalidInput(f"sql returns a value that {fault}")


def _timestamp_of(value: object, zone: tzinfo | None) -> datetime:
    if isinstance(value, str) and is_naive(value):
        value = datetime.fromisoformat(value.strip())
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time.min)
    if not isinstance(value, (str, datetime)):
        raise ValueError(f"must be a timestamp, but is a {type(value).__name__}. Cast it in the query")
    if isinstance(value, datetime) and value.utcoffset() is None:
        if zone is None:
            raise ValueError("is a time without an offset. Set zone, or convert it in the query")
        value = value.replace(tzinfo=zone)
    return parse_timestamp(value)


@contextmanager
def _wrapped(conn_id: str, secrets: Sequence[str]) -> Iterator[None]:
    """Raise a driver's error as one of ours, in one line: drivers quote values, which can be addresses."""
    with wrap_driver_errors(f"connection {plain(conn_id)}, reading the feed", secrets):
        yield
