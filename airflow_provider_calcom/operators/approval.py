"""An operator with which a person approves a plan. It needs Airflow 3.1 or newer."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_calcom.errors import ProviderError
from airflow_provider_calcom.links import NoShowReportLink
from airflow_provider_calcom.operators._base import PlanField, fail_without_retry

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_calcom.no_shows.plan_files import Summary


log = logging.getLogger(__name__)


class ApprovalUnavailable(ProviderError, ImportError):
    """This Airflow has no approvals. Upgrade it, or leave the approval out of the DAG."""


try:
    from airflow.providers.standard.operators.hitl import ApprovalOperator
except (ImportError, AirflowException):  # the module raises the latter before Airflow 3.1
    raise ApprovalUnavailable(
        "ApproveNoShowsOperator needs Airflow 3.1 or newer and apache-airflow-providers-standard with its"
        " ApprovalOperator. Upgrade them, or apply plans that you have read yourself, with expected_hash"
    ) from None


class ApproveNoShowsOperator(PlanField, ApprovalOperator):
    """Wait until a person approves a plan of no-show flags. Airflow's interface shows who would be marked, and why.

    The page has the number of changes, a table of the first of them, what the guard rails found, who is in doubt, and a
    link to the report. Names and addresses are shown as text, whatever is in them, and are never a template. Nothing
    but the plan that was approved is applied: the tasks before and after this one compare its hash. A plan without
    changes needs no approval, so the task succeeds at once.

    :param plan: the result of ``PlanNoShowsOperator`` (``plan.output``), or the folder of a plan. (templated)
    :param subject: the question. Defaults to one with the number of changes. (templated)
    :param limit: changes in the table, 0 to 200. Defaults to 25.
    :param mask_addresses: mask addresses and names in the table. Everyone who may see the DAG can read it. Defaults to
        True.
    :param storage_conn_id: id of the object storage's connection, if the plan's path needs one. (templated)
    :param kwargs: of Airflow's ``ApprovalOperator``, such as ``response_timeout``, ``assigned_users``, ``notifiers``,
        ``defaults`` and ``fail_on_reject``.

    Returns what ``ApprovalOperator`` returns: a dict ``{chosen_options, params_input, responded_at,
    responded_by_user}``.

    :raises PlanHashMismatch: if the folder has another plan by now.
    :raises PlanRefused: if a guard rail rejected the plan.
    :raises CorruptPlan: if its files are not as they were written.
    :raises InvalidArgument: naming the invalid parameter.
    """

    template_fields: Sequence[str] = ("plan", "subject", "storage_conn_id")
    template_fields_renderers = {"plan": "json"}
    ui_color = "#fef3c7"
    operator_extra_links = (NoShowReportLink(),)

    def __init__(
        self,
        *,
        plan: Any,
        subject: str | None = None,
        limit: int | None = None,
        mask_addresses: bool = True,
        storage_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(subject=subject or "", **kwargs)
        self.plan = plan
        self.limit = limit
        self.mask_addresses = mask_addresses
        self.storage_conn_id = storage_conn_id

    def execute(self, context: Context) -> Any:
        """Show the plan, and wait for the response.

        :param context: the task's context.
        """
        with fail_without_retry():
            has_changes = self._show_plan(context)
        if has_changes:
            return super().execute(context)
        self.log.info("The plan has no changes, so there is nothing to approve")
        return {
            "chosen_options": [self.APPROVE],
            "params_input": {},
            "responded_at": datetime.now(UTC),
            "responded_by_user": None,
        }

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Continue after the response.

        :param context: the task's context.
        :param event: the response, as Airflow brings it.
        """
        with fail_without_retry():
            self._link(context)  # this may be another process, and Airflow stores the link of the last one
        return super().execute_complete(context, event)

    def _show_plan(self, context: Context) -> bool:
        """Set subject and body, and return whether there is anything to approve."""
        from airflow_provider_calcom._rendered import count
        from airflow_provider_calcom.api.arguments import parse_argument
        from airflow_provider_calcom.operators._readers import flag_of

        limit = parse_argument("limit", count, self.limit, at_least=0, at_most=200)
        masks = flag_of("mask_addresses", self.mask_addresses)
        folder = self._link(context)
        summary = self._checked(folder)
        changes = summary["changes"]["total"]
        self.subject = self.subject or f"Apply {changes:,} change{'' if changes == 1 else 's'} of no-show flags?"
        self.body = _body(folder, summary, limit=limit, mask_addresses=masks)
        return changes > 0

    def _checked(self, folder: Any) -> Summary:
        """Return the summary of the plan, which must be complete and the one that was made."""
        from airflow_provider_calcom.no_shows.apply.application import check_hash
        from airflow_provider_calcom.no_shows.plan_files import verify_plan
        from airflow_provider_calcom.operators._apply_parameters import plan_of

        summary = verify_plan(folder)
        _, expected = plan_of(self.plan)
        check_hash(folder, summary, expected)
        return summary

    def _link(self, context: Context) -> Any:
        """Link the task to the plan's report, and return the plan's folder."""
        from airflow_provider_calcom.hooks import conn_id_of
        from airflow_provider_calcom.operators._apply_parameters import plan_of
        from airflow_provider_calcom.operators._paths import Storage
        from airflow_provider_calcom.operators._report import link_report

        path, _ = plan_of(self.plan)
        folder = Storage(conn_id_of("storage_conn_id", self.storage_conn_id)).path("plan", path)
        link_report(context, self, folder)
        return folder


def _body(folder: Any, summary: Summary, *, limit: int | None, mask_addresses: bool) -> str:
    """Return the page of an approval. If only the table can't be made, it has the counts and where the plan is.

    A plan whose changes can't be verified is not shown: nobody could say what was approved.
    """
    from airflow_provider_calcom._redact import redact
    from airflow_provider_calcom.configuration import report_url
    from airflow_provider_calcom.no_shows.plan_files import CorruptPlan

    try:
        from airflow_provider_calcom.reports.markdown import LIMIT, approval_text

        return approval_text(
            folder,
            limit=LIMIT if limit is None else limit,
            mask_addresses=mask_addresses,
            report=report_url(folder),
        )
    except CorruptPlan:
        raise
    except Exception as error:
        log.warning(
            "The table of changes can't be made (%s: %s). The approval has their numbers instead",
            type(error).__name__,
            redact(str(error)),
        )
        return _counts(folder, summary)


def _counts(folder: Any, summary: Summary) -> str:
    """Return a plan's numbers, and where it is, without what the reports need."""
    from airflow_provider_calcom._redact import shown_path

    kinds = {
        "total": "changes",
        "bookings": "bookings",
        "mark_attendees": "attendees to mark absent",
        "mark_hosts": "hosts to mark absent",
        "unmark_attendees": "attendees to un-mark",
    }
    lines = [f"- {words}: {count:,}" for kind, words in kinds.items() if (count := summary["changes"].get(kind))]
    where = shown_path(folder).replace("`", "'")
    return "\n".join(
        [
            "The table of changes could not be made; the task's log says why. Read the plan before you approve it.",
            "",
            *lines,
            "",
            f"Plan `{where}`, sha256 `{summary['sha256'][:12]}\u2026`",
        ]
    )
