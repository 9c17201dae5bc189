"""Airflow's connections as parameters name them: looked up, or refused in words that name the parameter."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_calcom._redact import describe
from airflow_provider_calcom.api.errors import InvalidArgument, InvalidConnection
from airflow_provider_calcom.attendance.errors import UnsupportedConnection

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

_LONGEST_ID = 250
"""Characters of a connection's id, which Airflow's database allows."""


class ConnectionMissing(InvalidConnection, AirflowNotFoundException):
    """There is no such Airflow connection, or it can't be read. Make it, or correct the parameter with its id.

    Also Airflow's own error for it, so that code that catches that one still does.
    """


class SqlConnectionMissing(UnsupportedConnection):
    """There is no such Airflow connection for SQL, or it can't be read. Make it, or correct the parameter."""


def conn_id_of(name: str, given: Any) -> str | None:
    """Read a parameter that names a connection; None stays.

    :param name: the parameter, for errors.
    :raises InvalidArgument: naming it, if no connection can have this id.
    """
    if given is None:
        return None
    if (
        not isinstance(given, str)
        or given.strip() in ("", "None", "null")
        or len(given) > _LONGEST_ID
        or not given.isprintable()
    ):
        raise InvalidArgument(
            f"{name} must be the id of an Airflow connection, but is {describe(given)}. Correct it; if it comes from a"
            " template, that found nothing"
        )
    return given


def connection_of(
    name: str,
    given: Any,
    *,
    look_up: Callable[[str], Connection] | None = None,
    missing: type[Exception] = ConnectionMissing,
) -> Connection:
    """Return the Airflow connection that a parameter names.

    :param name: the parameter, for errors.
    :param given: the id.
    :param look_up: finds it; None for Airflow's own way.
    :param missing: what is raised where there is none: :class:`ConnectionMissing` or :class:`SqlConnectionMissing`.
    :raises InvalidArgument: if it is no id.
    """
    conn_id = conn_id_of(name, given)
    if conn_id is None:
        raise InvalidArgument(f"{name} must be the id of an Airflow connection, but is None")
    try:
        return (look_up or BaseHook.get_connection)(conn_id)
    except AirflowNotFoundException:
        pass  # raised below: the cause would say the same, and may quote what can't be read
    name_of_variable = f"AIRFLOW_CONN_{conn_id.upper()}" if describe(conn_id) == repr(conn_id) else "AIRFLOW_CONN_..."
    raise missing(
        f"{name}: there is no Airflow connection {describe(conn_id)}, or it can't be read. Make it in Airflow, or set"
        f" the environment variable {name_of_variable}"
    )
