"""Who may see plans and reports: users of Airflow who may approve, not everyone who may look.

Reports have the addresses of attendees, and Airflow's viewers may look at everything else. So the least that is needed
is the permission to respond to an approval: who decides on a plan must see whom it marks. Airflow itself authenticates
nothing below a plugin's path.
"""

from __future__ import annotations

import logging

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails, DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import HTTPException

from airflow_provider_calcom._redact import describe
from airflow_provider_calcom.configuration import SECTION, view_permission

_ANY_DAG = "calcom-no-shows:any-dag"
"""An id that no DAG can have, so only rights on all DAGs cover it. Without an id, FAB's auth manager does not check the
rights on DAGs at all."""

log = logging.getLogger(__name__)


def require_permission(user: GetUserDep) -> None:
    """Raise unless the user may see plans and reports. A user who is not logged in has got the status 401 before.

    Airflow's ``requires_access_dag`` was rejected: it takes the DAG from the URL's parameter ``dag_id``, so a user
    with rights on any one DAG could add that and see the plans of all.

    :param user: the user of the token or cookie.
    :raises HTTPException: 403.
    """
    if not _is_permitted(user):
        raise HTTPException(403)


def _is_permitted(user: GetUserDep) -> bool:
    wanted = view_permission()
    manager = get_auth_manager()
    if wanted == "approve":
        entity = DagAccessEntity.HITL_DETAIL
        return manager.is_authorized_dag(method="PUT", access_entity=entity, details=DagDetails(id=_ANY_DAG), user=user)
    if wanted == "connections":
        return manager.is_authorized_connection(method="GET", details=ConnectionDetails(), user=user)
    log.error("[%s] view_permission must be approve or connections, but is %s", SECTION, describe(wanted))
    return False
