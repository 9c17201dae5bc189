"""Links from a task to Cal.com."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context, TaskInstanceKey


class CalComBookingLink(BaseOperatorLink):
    """The booking's page in Cal.com's web app. The task leaves its address in XCom."""

    name = "Cal.com booking"
    xcom_key = "_link_CalComBookingLink"

    @staticmethod
    def persist(context: Context, url: str | None) -> None:
        """Leave the address for the link.

        :param context: the task's context.
        :param url: address of the booking's page. Where there is none an empty text is left, because Airflow 3 logs an
            error for each link that it does not find.
        """
        task_instance = context.get("ti")
        if task_instance is not None:
            task_instance.xcom_push(key=CalComBookingLink.xcom_key, value=url or "")

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Give the address that the task left, or an empty text."""
        address: Any = XCom.get_value(key=self.xcom_key, ti_key=ti_key)
        return address or ""
