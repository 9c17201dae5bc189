"""The event of an asset for an applied plan, which DAGs of other systems are scheduled on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom._redact import hide
from airflow_provider_calcom.assets import no_shows_alias, no_shows_asset

if TYPE_CHECKING:
    from airflow_provider_calcom.no_shows.apply.result import ApplyResult

_USER = re.compile(r"(\w+://)([^/@:?]*)@")


def with_alias(outlets: Sequence[Any]) -> list[Any]:
    """Return a task's outlets with the alias that its events need. The list of the DAG file is not changed."""
    alias = no_shows_alias()
    return [*outlets] if alias is None else [*outlets, alias]


def add_no_shows_event(context: Mapping[str, Any], calcom_conn_id: str, result: ApplyResult) -> None:
    """Add the event of an applied plan to the task, if the task wrote flags. Airflow makes it when the task succeeds.

    Neither a dry run nor a run that changed nothing makes one: the DAGs that it starts charge fees.

    :param context: the task's.
    :param calcom_conn_id: id of the connection that the plan was applied with.
    :param result: the result of applying the plan.
    """
    events, alias = context.get("outlet_events"), no_shows_alias()
    if events is None or alias is None or result["dry_run"] or not result["marked"] + result["unmarked"]:
        return
    events[alias].add(no_shows_asset(calcom_conn_id), extra=_extra(result))


def _extra(result: ApplyResult) -> dict[str, str | int | None]:
    """Return what the DAGs get: no address. It is flat, because Airflow 3.0 fails on values within values."""
    return {
        "plan_path": _without_secret(result["plan_path"]),
        "sha256": result["sha256"],
        "marked": result["marked"],
        "unmarked": result["unmarked"],
        "changes": result["changes"],
        "bookings": result["bookings"],
        **result["outcomes"],
    }


def _without_secret(path: str) -> str | None:
    """Return a path if everybody who may read Airflow's assets may see it, else None.

    The user of a URL is the id of a connection, as in ``s3://aws_default@bucket/plans``, unless it has a password.
    """
    found = _USER.match(path)
    rest = path if found is None else f"{found[1]}{path[found.end() :]}"
    is_public = hide(rest) == rest and "?" not in rest and (found is None or hide(found[2]) == found[2])
    return path if is_public else None
