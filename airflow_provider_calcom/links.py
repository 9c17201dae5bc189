"""What tasks leave in XCom beside their results: links to a booking and to a report, and the result of a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context, TaskInstanceKey

FAILED_RESULT = "failed_result"
"""Key of the XCom with the result of a task that failed: a rejected plan, or changes of which some failed."""

_URLS = "_urls_of_links"
"""Attribute of a running operator with the URLs of its links, by the key of their XCom."""


class _PushedLink(BaseOperatorLink):
    """A link whose URL the task pushes to XCom, so that it can be followed while the task runs.

    Airflow 3 calls :meth:`get_link` on the worker when the task ends, failed or not, and shows what that returns. The
    URL is then taken from the operator: reading an XCom that is missing would log an error below the task's own.
    Airflow shows no button for an empty string; 2.11 shows one that can't be clicked.
    """

    xcom_key: ClassVar[str]

    @classmethod
    def persist(cls, context: Context, operator: BaseOperator, url: str | None) -> None:
        """Push the URL for the link.

        :param context: the task's context.
        :param operator: the running task.
        :param url: the URL, or None if there is none.
        """
        setattr(operator, _URLS, {**getattr(operator, _URLS, {}), cls.xcom_key: url or ""})
        task_instance = context.get("ti")
        if url and task_instance is not None:
            task_instance.xcom_push(key=cls.xcom_key, value=url)

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the URL that the task pushed, or an empty string."""
        url: Any
        if XCom.__module__.startswith("airflow.sdk"):
            url = getattr(operator, _URLS, {}).get(self.xcom_key)
        else:  # Airflow 2 calls this on its server
            url = XCom.get_value(key=self.xcom_key, ti_key=ti_key)
        return url or ""


class CalComBookingLink(_PushedLink):
    """The booking's page in Cal.com's web app."""

    name = "Cal.com booking"
    xcom_key = "_link_CalComBookingLink"


class NoShowReportLink(_PushedLink):
    """The report of the plan that the task made, shows or applies."""

    name = "No-show report"
    xcom_key = "_link_NoShowReportLink"
