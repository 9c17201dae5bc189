"""The report beside a plan: written after the plan and after its changes, and linked from the task."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom._redact import redact, shown_path
from airflow_provider_calcom.configuration import report_url
from airflow_provider_calcom.links import NoShowReportLink

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context

log = logging.getLogger(__name__)


def link_report(context: Context, operator: BaseOperator, folder: Any) -> None:
    """Link the task to the report of a plan, if the report has an address.

    :param context: the task's context.
    :param operator: the task.
    :param folder: the plan's folder.
    """
    NoShowReportLink.persist(context, operator, report_url(folder))


def write_report(folder: Any, *, mask_addresses: bool) -> bool:
    """Write the report of a plan, and return whether that worked; if not, a warning has the reason.

    The plan is complete without it, and a retry would read all bookings again for a page: so no error of the report
    fails the task.

    :param folder: the plan's folder.
    :param mask_addresses: whether the report shows masked addresses.
    """
    try:
        from airflow_provider_calcom.reports import write_report as write

        path = write(folder, mask_addresses=mask_addresses)
    except Exception as error:
        log.warning(
            "The plan's report can't be written (%s: %s). Plan and outcomes are complete without it",
            type(error).__name__,
            redact(str(error)),
        )
        return False
    log.info("Report: %s", shown_path(path))
    return True


def write_and_link_report(context: Context, operator: BaseOperator, folder: Any, *, mask_addresses: bool) -> None:
    """Write the report of a new plan, and link the task to it.

    :param context: the task's context.
    :param operator: the task.
    :param folder: the plan's folder.
    :param mask_addresses: whether the report shows masked addresses.
    """
    if write_report(folder, mask_addresses=mask_addresses):
        link_report(context, operator, folder)
