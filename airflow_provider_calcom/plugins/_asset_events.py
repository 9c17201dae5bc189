"""An event of an asset, made within Airflow's API server: the only place that uses Airflow's own database models.

The keywords are those that Airflow 3.0 to 3.3 have in common. Calling the public API over HTTP was rejected: the server
would need a token for itself.
"""

from __future__ import annotations

from typing import Any


def register_event(uri: str, extra: dict[str, Any]) -> bool:
    """Register an event of the asset, which starts the DAGs that are scheduled on it.

    :param uri: the asset's URI.
    :param extra: what the DAGs get with it.
    :return: False if no DAG uses an asset of that URI; nothing is registered then.
    """
    from airflow.assets.manager import asset_manager
    from airflow.models.asset import AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        asset = session.scalar(select(AssetModel).where(AssetModel.uri == uri, AssetModel.active.has()).limit(1))
        if asset is None:
            return False
        return asset_manager.register_asset_change(asset=asset, extra=extra, session=session) is not None
