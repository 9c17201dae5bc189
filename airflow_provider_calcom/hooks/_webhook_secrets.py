"""The secret of webhooks' signatures, wherever Airflow has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Variable

from airflow_provider_calcom._redact import describe
from airflow_provider_calcom.api.errors import InvalidArgument, InvalidConnection
from airflow_provider_calcom.hooks import conn_id_of, connection_of
from airflow_provider_calcom.hooks.calcom import mask

if TYPE_CHECKING:
    from airflow_provider_calcom.hooks.calcom import CalComHook


def webhook_secret(hook: CalComHook, *, conn_id: Any = None, variable: Any = None) -> str:
    """Return the secret, and register it with Airflow, which then masks it in logs.

    :param hook: of the connection to Cal.com, whose extra field ``webhook_secret`` is the default.
    :param conn_id: id of an Airflow connection whose password it is instead.
    :param variable: name of an Airflow variable whose value it is instead.
    :raises InvalidArgument: if both are set, one can't be an id, or the variable does not exist.
    :raises InvalidConnection: if there is no secret, or it has white space around it.
    """
    if conn_id is not None and variable is not None:
        raise InvalidArgument("secret_conn_id and secret_variable are both set. Leave one of them out")
    if conn_id is not None:
        where = "secret_conn_id: the connection's password"
        found = connection_of("secret_conn_id", conn_id).password
    elif variable is not None:
        where = "secret_variable: the variable's value"
        found = Variable.get(_variable_name(variable), None)
    else:
        where = "The connection's extra field webhook_secret"
        found = hook.webhook_secret
    if not isinstance(found, str) or not found:
        raise InvalidConnection(
            f"{where} must be the secret of the webhook, but is empty or missing. Without a secret Cal.com does not"
            " sign deliveries. Set it; a good one is the output of: openssl rand -hex 32"
        )
    mask(found)
    if found != found.strip():
        raise InvalidConnection(f"{where} must be a secret without white space around it, but has some. Remove it")
    return found


def _variable_name(given: Any) -> str:
    """Parse the name of a variable; Airflow limits it as it limits the id of a connection."""
    try:
        name = conn_id_of("secret_variable", given)
    except InvalidArgument:
        name = None
    if name is None:
        raise InvalidArgument(f"secret_variable must be the name of an Airflow variable, but is {describe(given)}")
    return name
