"""An event of an asset, made within Airflow's API server: the only place that uses Airflow's own database models.

The keywords are those that Airflow 3.0 to 3.3 have in common. Calling the public API over HTTP was rejected: the server
would need a token for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

SECONDS_BETWEEN_EVENTS = 1.0
"""Of one asset. Airflow up to 3.3.2 starts a run for the first of several events within less, and leaves the others
until the next event comes."""

_EVENTS_LOOKED_AT = 50
"""The latest events of an asset in which a delivery is looked for that may have come before."""


@dataclass(frozen=True)
class Delivery:
    """What an asset event says of one delivery.

    :param digest: the start of the hash of its body, in hexadecimal digits.
    :param booking_uid: the booking's uid, or None for an event without one.
    """

    digest: str
    booking_uid: str | None


@dataclass(frozen=True)
class Registered:
    """The result of registering deliveries.

    :param is_used: False if no DAG uses an asset of that URI; nothing was registered then.
    :param repeated: digests of those that are in an earlier event, also of another process or before a restart.
    :param wait: seconds after which to try again, because another process has just registered an event of the asset;
        nothing was registered then. 0 otherwise.
    """

    is_used: bool = True
    repeated: frozenset[str] = frozenset()
    wait: float = 0.0


def register_deliveries(uri: str, trigger: str, deliveries: Sequence[Delivery]) -> Registered:
    """Register one event of an asset for several deliveries, which starts the DAGs that are scheduled on it.

    The asset's row is locked meanwhile, where the database can, so that several processes of the API server neither
    register a delivery twice nor two events at once.

    :param uri: the asset's URI.
    :param trigger: name of the trigger of all of them.
    :param deliveries: of different digests.
    """
    from airflow.assets.manager import asset_manager
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        # Only the id: PostgreSQL can't lock the rows of the outer joins that a whole asset is loaded with.
        asset_id = session.scalar(
            select(AssetModel.id).where(AssetModel.uri == uri, AssetModel.active.has()).limit(1).with_for_update()
        )
        if asset_id is None:
            return Registered(is_used=False)
        earlier = session.execute(
            select(AssetEvent.extra, AssetEvent.timestamp)
            .where(AssetEvent.asset_id == asset_id)
            .order_by(AssetEvent.timestamp.desc())
            .limit(_EVENTS_LOOKED_AT)
        ).all()
        seen = _digests(extra for extra, _ in earlier)
        fresh = [one for one in deliveries if one.digest not in seen]
        repeated = frozenset(one.digest for one in deliveries) & seen
        if not fresh:
            return Registered(repeated=repeated)
        wait = _seconds_to_wait(earlier[0].timestamp) if earlier else 0.0
        if wait:
            return Registered(wait=wait)
        asset = session.get(AssetModel, asset_id)
        if asset is None:
            return Registered(is_used=False)
        asset_manager.register_asset_change(asset=asset, extra=_extra_of(trigger, fresh), session=session)
    return Registered(repeated=repeated)


def _extra_of(trigger: str, deliveries: Sequence[Delivery]) -> dict[str, Any]:
    """Return what DAGs get: no address and no name."""
    bookings = [one.booking_uid for one in deliveries if one.booking_uid is not None]
    return {
        "trigger": trigger,
        "bookings": list(dict.fromkeys(bookings)),
        "deliveries": [one.digest for one in deliveries],
    }


def _digests(extras: Iterable[Any]) -> frozenset[str]:
    lists = [extra.get("deliveries") for extra in extras if isinstance(extra, dict)]
    return frozenset(str(digest) for one in lists if isinstance(one, list) for digest in one)


def _seconds_to_wait(latest: datetime) -> float:
    """Return for how long to wait after another event. One of a clock that is ahead says nothing."""
    age = (datetime.now(UTC) - latest).total_seconds()
    return SECONDS_BETWEEN_EVENTS - age if 0 <= age < SECONDS_BETWEEN_EVENTS else 0.0
