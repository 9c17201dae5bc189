"""Running the attendance rules on an Airflow connection's database."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom._redact import describe, plain, redact, shown_columns
from airflow_provider_calcom.attendance.errors import InvalidInput, UnsupportedConnection
from airflow_provider_calcom.attendance.sql.backend import SqlBackend
from airflow_provider_calcom.attendance.sql.connection import wrap_driver_errors
from airflow_provider_calcom.attendance.sql.dialects import DIALECTS
from airflow_provider_calcom.hooks.calcom import connection_of

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

# sqlglot's names of what connections' types and their hooks' `dialect_name` call otherwise.
_DIALECTS = {"postgresql": "postgres", "gcpbigquery": "bigquery"}
# A connection of type `databricks` has a hook for jobs; the one for SQL is another.
_HOOKS = {
    "databricks": ("airflow.providers.databricks.hooks.databricks_sql", "DatabricksSqlHook", "databricks_conn_id")
}
# BigQuery's hook takes its older SQL unless it is told otherwise.
_HOOK_PARAMS = {"gcpbigquery": {"use_legacy_sql": False}}
_SECRET_NAMES = re.compile(r"pass|secret|token|key|credential", re.IGNORECASE)


class SqlConnectionMissing(UnsupportedConnection):
    """There is no such Airflow connection for SQL, or it can't be read. Make it, or correct the parameter."""


def sql_backend(
    conn_id: str,
    *,
    dialect: str | None = None,
    scratch_schema: str | None = None,
    only_changes: bool = False,
    parameter: str = "rules_conn_id",
) -> SqlBackend:
    """Return the SQL server of an Airflow connection, to run the rules on.

    Which SQL its server speaks is, in this order: ``dialect``; ``dialect`` in the connection's extras, which is where
    Airflow's own SQL hooks look, too; what the connection's type says; what its hook says.

    :param conn_id: id of a connection whose hook is a ``DbApiHook``.
    :param dialect: sqlglot's name of its SQL, such as ``spark`` for a Hive connection to Spark's Thrift server.
    :param scratch_schema: where scratch tables are made on a server without temporary ones.
    :param only_changes: fetch only decisions of bookings in which one differs from Cal.com's flag.
    :param parameter: what names the connection, for errors.
    :raises UnsupportedConnection: if there is no such connection, its hook is no ``DbApiHook``, or the rules don't run
        in its SQL.
    """
    connection = connection_of(parameter, conn_id, missing=SqlConnectionMissing)
    hook = sql_hook(connection, conn_id, parameter)
    name = dialect or _dialect(connection, hook)
    if name not in DIALECTS:
        raise UnsupportedConnection(
            f"{parameter}: connection {plain(conn_id)} speaks the SQL of {describe(name)}, in which the rules don't"
            f" run. They do in that of: {', '.join(DIALECTS)}. If it is one of these, say so in the connection's"
            ' extras: {"dialect": "spark"}'
        )
    return SqlBackend(
        # Some hooks keep the connection that they have opened, and would give it again when it is closed.
        lambda: sql_hook(connection, conn_id, parameter).get_conn(),
        name,
        placeholder=DIALECTS[name].placeholder or str(hook.placeholder),
        scratch_schema=scratch_schema,
        only_changes=only_changes,
        name=f"connection {plain(conn_id)}",
        secrets=secrets_of(connection),
    )


sql_place = sql_backend  # until 1.0


def sql_hook(connection: Any, conn_id: str, parameter: str) -> DbApiHook:
    """Return the hook of a connection that can run SQL.

    :param connection: Airflow's.
    :param conn_id: its id.
    :param parameter: what names the connection, for errors.
    :raises UnsupportedConnection: if it has none here.
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
        # Hooks read their connections when they are made, and raise what they like: ValueError, KeyError.
        raise UnsupportedConnection(
            f"{parameter}: connection {plain(conn_id)} of type {plain(conn_type)} has no hook here:"
            f" {redact(str(error), secrets_of(connection)) or type(error).__name__}. Is its provider installed, and are"
            " its fields right?"
        ) from None
    if not isinstance(hook, DbApiHook):
        raise UnsupportedConnection(
            f"{parameter}: connection {plain(conn_id)} of type {plain(conn_type)} can't run SQL for us: its"
            " hook is no DbApiHook"
        )
    return hook


def _dialect(connection: Any, hook: DbApiHook) -> str:
    extras = connection.extra_dejson
    conn_type = str(connection.conn_type)
    if extras.get("dialect"):
        told = str(extras["dialect"])
    elif conn_type == "postgres" and (extras.get("redshift") or extras.get("redshift-serverless")):
        told = "redshift"
    elif _DIALECTS.get(conn_type, conn_type) in DIALECTS:
        # Before the hook, which may ask other services to tell: Redshift's does, and says PostgreSQL.
        told = conn_type
    else:
        told = str(getattr(hook, "dialect_name", "") or "default")
        told = conn_type if told == "default" else told
    return _DIALECTS.get(told, told)


def secrets_of(connection: Any) -> list[str]:
    """Give what errors must not show: the password, and extras that are called like one."""
    found = [connection.password] + [
        value for name, value in connection.extra_dejson.items() if _SECRET_NAMES.search(name)
    ]
    return [value for value in found if isinstance(value, str) and value]


def query_rows(conn_id: str, sql: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a query, fetched in batches.

    :param conn_id: id of a connection whose hook is a ``DbApiHook``.
    :raises UnsupportedConnection: if it is another, or there is none.
    :raises SqlFailed: in the server's words, without addresses.
    :raises InvalidInput: if the query gives no rows, or two columns of one name.
    """
    connection: Any = connection_of("attendance, conn_id", conn_id, missing=SqlConnectionMissing)
    hook, secrets = sql_hook(connection, conn_id, "attendance, conn_id"), [connection.password or ""]
    with _wrapped(conn_id, secrets), closing(hook.get_conn()) as opened, closing(opened.cursor()) as cursor:
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
def _wrapped(conn_id: str, secrets: Sequence[str]) -> Iterator[None]:
    """Raise a driver's error in one line. A value that can't be cast is quoted in it, and may be somebody's address."""
    with wrap_driver_errors(f"connection {plain(conn_id)}, reading the feed", secrets):
        yield
