"""Links from a task to Cal.com."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context, TaskInstanceKey


class CalComBookingLink(BaseOperatorLink):
    """The booking's page in Cal.com's web app, whose URL the task pushes to XCom."""

    name = "Cal.com booking"
    xcom_key = "_link_CalComBookingLink"

    @staticmethod
    def persist(context: Context, url: str | None) -> None:
        """Push the URL for the link.

        :param context: the task's context.
        :param url: URL of the booking's page. If there is none, an empty string is pushed, because Airflow 3 logs an
            error for each link that it does not find.
        """
        task_instance = context.get("ti")
        if task_instance is not None:
            task_instance.xcom_push(key=CalComBookingLink.xcom_key, value=url or "")

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the URL that the task pushed, or an empty string."""
        url: Any = XCom.get_value(key=self.xcom_key, ti_key=ti_key)
        return url or ""
