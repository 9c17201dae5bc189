"""How the ledger of a connection identifies people: the same for planning and applying."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_provider_calcom.no_shows.ledger.identities import Identities

if TYPE_CHECKING:
    from airflow_provider_calcom.hooks.calcom import CalComHook


def identities(hook: CalComHook, *, hashed: bool = False) -> Identities:
    """Return how the ledger identifies people, by the connection's extra field ``ledger_secret``.

    :param hook: of the connection. A missing one has no secret: plans of tables alone need no connection.
    :param hashed: whether addresses are written as hashes.
    :raises LedgerSecretMismatch: if they are, and there is no secret.
    :raises InvalidConnection: if the secret is not a string.
    """
    try:
        secret = hook.ledger_secret
    except AirflowNotFoundException:
        secret = None
    return Identities(secret, are_hashed=hashed)
