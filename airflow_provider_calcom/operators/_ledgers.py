"""Where a connection's ledger is, and how it names people: the same for who plans and who applies."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_provider_calcom._redact import describe
from airflow_provider_calcom.api.errors import InvalidArgument
from airflow_provider_calcom.no_shows.inputs import Storage
from airflow_provider_calcom.no_shows.ledger import Addresses, LastWrites
from airflow_provider_calcom.no_shows.plan import LastWrite, LastWritesOf

if TYPE_CHECKING:
    from airflow_provider_calcom.hooks.calcom import CalComHook


def ledger_folder(ledger_path: Any, *, conn_id: str, storage: Storage) -> Any:
    """Give the ledger's folder: the one that was asked for, or the connection's own below ``AIRFLOW_HOME``.

    One for each connection, since a booking's uid says nothing of the server that it is on.

    :param ledger_path: what was asked for, or None.
    :param conn_id: id of the Cal.com connection.
    :param storage: where paths lead to.
    """
    if ledger_path is not None:
        return storage.path("ledger_path", ledger_path)
    home = os.environ.get("AIRFLOW_HOME") or "~/airflow"
    return storage.path("AIRFLOW_HOME", os.path.join(home, "calcom-ledger", quote(conn_id, safe="", errors="replace")))


def addresses_of(hook: CalComHook, *, are_hashed: bool = False) -> Addresses:
    """Say how the ledger names people, by the connection's extra field ``ledger_secret``.

    :param hook: of the connection. One that is not there has no secret: plans of tables alone need no connection.
    :param are_hashed: whether addresses are written as hashes.
    :raises LedgerSecretWrong: if they are, and there is no secret.
    :raises InvalidConnection: if the secret is no text.
    """
    try:
        secret = hook.ledger_secret
    except AirflowNotFoundException:
        secret = None
    return Addresses(secret, are_hashed=are_hashed)


def last_writes_of(folder: Any, hook: CalComHook) -> LastWritesOf:
    """Give what tells a plan of the ledger's last writes.

    :param folder: the ledger's.
    :param hook: of the connection.
    """

    def of(people: Iterable[tuple[str, str, str]]) -> Iterator[LastWrite]:
        asked = list(people)
        uids = {uid for uid, _, _ in asked}
        if uids:
            with LastWrites(folder, addresses=addresses_of(hook), concerns=uids.__contains__) as ledger:
                yield from ledger.of_people(asked)

    return of


def are_hashed(value: object, name: str = "ledger_addresses") -> bool:
    """Read the parameter that says how people are named: ``plain`` or ``hashed``.

    :param name: the parameter, for errors.
    :raises InvalidArgument: for another word.
    """
    if not isinstance(value, str) or value not in ("plain", "hashed"):
        raise InvalidArgument(f"{name} must be 'plain' or 'hashed', but is {describe(value)}")
    return value == "hashed"
