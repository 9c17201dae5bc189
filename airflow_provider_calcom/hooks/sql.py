"""Running the attendance rules on an Airflow connection's database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_calcom.attendance.errors import UnsupportedConnection
from airflow_provider_calcom.attendance.pushdown import SqlPlace

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

# Where a connection's type, or what its hook calls its dialect, is not sqlglot's name.
_DIALECTS = {"postgresql": "postgres", "gcpbigquery": "bigquery", "presto": "trino", "spark_sql": "spark"}


def sql_place(
    conn_id: str, *, dialect: str | None = None, scratch_schema: str | None = None, only_changes: bool = False
) -> SqlPlace:
    """Make the place on which the rules run of an Airflow connection.

    :param conn_id: id of a connection whose hook is a ``DbApiHook``.
    :param dialect: sqlglot's name of its SQL, where neither the connection's type nor its hook tells.
    :param scratch_schema: where scratch tables are made on a server without temporary ones.
    :param only_changes: fetch only decisions of bookings in which one differs from Cal.com's flag.
    :raises UnsupportedConnection: if its hook is no ``DbApiHook``, or the rules don't run in its SQL.
    """
    connection = BaseHook.get_connection(conn_id)
    hook = _db_api_hook(connection, conn_id)
    return SqlPlace(
        hook.get_conn,
        dialect or _dialect(connection, hook),
        placeholder=str(hook.placeholder),
        scratch_schema=scratch_schema,
        only_changes=only_changes,
    )


def _db_api_hook(connection: Any, conn_id: str) -> DbApiHook:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

    hook = connection.get_hook()
    if not isinstance(hook, DbApiHook):
        raise UnsupportedConnection(
            f"Connection {conn_id} of type {connection.conn_type} can't run SQL for us: its hook is no DbApiHook"
        )
    return hook


def _dialect(connection: Any, hook: DbApiHook) -> str:
    told = str(getattr(hook, "dialect_name", "") or "")
    name = connection.conn_type if told in ("", "default") else told
    return _DIALECTS.get(name, name)
