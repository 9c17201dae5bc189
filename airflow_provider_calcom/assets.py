"""The assets that this provider makes events of: their names are here alone, for producers and for schedules of DAGs.

A DAG file may import this module: it loads nothing but what Airflow's assets need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Asset, AssetAlias

_DEFAULT = "calcom_default"


def no_shows_asset(calcom_conn_id: str = _DEFAULT) -> Asset:
    """Return the asset ``calcom://no-shows/<connection>``, whose events say that no-show flags were written.

    ``ApplyNoShowsOperator`` makes an event for each apply that wrote flags; docs/how-to/outcomes-to-a-warehouse.md
    has the fields of its ``extra``. On Airflow 2.11 the result is a ``Dataset``, which never has an event.

    :param calcom_conn_id: id of the connection that the plan is applied with.
    """
    return _asset(f"calcom://no-shows/{_part(calcom_conn_id)}")


def no_shows_alias() -> AssetAlias | None:
    """Return the alias of :func:`no_shows_asset` for all connections: a DAG may be scheduled on it, too.

    It is an outlet of each ``ApplyNoShowsOperator``. The asset itself as an outlet was rejected: Airflow would make an
    event of each run that succeeds, also of a dry run and of one that changed nothing; the connection may be known at
    run time only; and a DAG that declares the same asset in another way would make the apply fail.

    :return: None on Airflow 2.11, which fails a task with an alias after its work, unless a DAG file has the alias.
        Those of a mapped task are not in a DAG file.
    """
    try:
        from airflow.sdk import AssetAlias
    except ImportError:
        return None
    return AssetAlias("calcom://no-shows")


def webhook_asset(trigger: str, calcom_conn_id: str = _DEFAULT) -> Asset:
    """Return the asset of one kind of webhook, ``calcom://webhooks/<connection>/<trigger>``.

    :param trigger: such as ``MEETING_ENDED``.
    :param calcom_conn_id: id of the connection that has the secret of the webhooks.
    """
    return _asset(webhook_uri(trigger, calcom_conn_id))


def webhook_uri(trigger: str, calcom_conn_id: str) -> str:
    """Return the URI of :func:`webhook_asset`.

    :param trigger: such as ``MEETING_ENDED``.
    :param calcom_conn_id: id of the connection.
    """
    return f"calcom://webhooks/{_part(calcom_conn_id)}/{_part(trigger)}"


def _asset(uri: str) -> Asset:
    from airflow.providers.common.compat.sdk import Asset

    return Asset(uri)


def _part(text: str) -> str:
    """Quote a part of a URI: Airflow drops what follows ``#``, and ids of connections may have one."""
    return quote(text, safe="", errors="replace")
