"""Connections to Cal.com and to SQL servers, and how both hooks find the connection that a parameter names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_calcom._redact import describe
from airflow_provider_calcom.api.errors import InvalidArgument, InvalidConnection

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

_LONGEST_ID = 250
"""Maximum length of a connection's id in Airflow's database."""


class ConnectionMissing(InvalidConnection, AirflowNotFoundException):
    """The Airflow connection does not exist, or can't be read. Create it, or correct the parameter with its id.

    It is a subclass of Airflow's own error, so that code that catches ``AirflowNotFoundException`` still works.
    """


def conn_id_of(name: str, given: Any) -> str | None:
    """Parse a parameter that names a connection or is None.

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
            " template, the template found nothing"
        )
    return given


def required_conn_id(name: str, given: Any) -> str:
    """Parse a parameter that names a connection and has no default.

    :param name: the parameter, for errors.
    :raises InvalidArgument: naming it, if it is None or no connection can have this id.
    """
    conn_id = conn_id_of(name, given)
    if conn_id is None:
        raise InvalidArgument(f"{name} must be the id of an Airflow connection, but is None. Set it, or leave it out")
    return conn_id


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
    :param look_up: a function that finds it. Defaults to Airflow's own.
    :param missing: the error to raise if it does not exist: :class:`ConnectionMissing` or
        :class:`SqlConnectionMissing`.
    :raises InvalidArgument: if no connection can have this id.
    """
    conn_id = required_conn_id(name, given)
    try:
        return (look_up or BaseHook.get_connection)(conn_id)
    except AirflowNotFoundException:
        pass  # raised below, without this cause: it says the same, and may quote a connection that can't be parsed
    name_of_variable = f"AIRFLOW_CONN_{conn_id.upper()}" if describe(conn_id) == repr(conn_id) else "AIRFLOW_CONN_..."
    raise missing(
        f"{name}: there is no Airflow connection {describe(conn_id)}, or it can't be read. Create it in Airflow, or set"
        f" the environment variable {name_of_variable}"
    )
