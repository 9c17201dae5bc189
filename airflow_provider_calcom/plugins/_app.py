"""The pages of the plugin: the list of plans, and the report of one. They only read.

A report is HTML from a folder to which others may write. It is served in a sandbox of its own origin, so that no script
in it can act as the user who is logged in to Airflow, and with a policy by which it can load and send nothing.
"""

from __future__ import annotations

import logging
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.responses import Response

from airflow_provider_calcom.configuration import ledger_folders, plan_folders
from airflow_provider_calcom.errors import ProviderError
from airflow_provider_calcom.plugins._ledger_rows import latest_writes
from airflow_provider_calcom.plugins._permission import require_permission
from airflow_provider_calcom.plugins._plan_folders import PlanNotFound, StoredPlan, find_plan, find_plans
from airflow_provider_calcom.plugins._plan_rows import row_of
from airflow_provider_calcom.reports.assets import content_policy, static
from airflow_provider_calcom.reports.words import OUTCOMES, TONES

PLANS_OF_A_PAGE = 25
WRITES_OF_A_PAGE = 20

log = logging.getLogger(__name__)

_templates = Environment(
    loader=PackageLoader(__package__),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_CHANGES = {
    "mark_attendees": ("attendee to mark", "attendees to mark"),
    "mark_hosts": ("host to mark", "hosts to mark"),
    "unmark_attendees": ("attendee to un-mark", "attendees to un-mark"),
}
_REPORT_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'self';"
    # Links to Cal.com are popups, and would be broken there in a sandbox.
    " sandbox allow-scripts allow-downloads allow-popups allow-popups-to-escape-sandbox"
)


def make_app() -> FastAPI:
    """Return the application that Airflow mounts."""
    app = FastAPI(
        title="Cal.com no-shows",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        dependencies=[Depends(get_user), Depends(require_permission)],
    )
    app.add_api_route("/", list_plans, methods=["GET"], response_class=Response)
    app.add_api_route("/report", show_report, methods=["GET"], response_class=Response)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_parameter)
    app.add_exception_handler(Exception, _on_error)
    return app


def list_plans(
    page: Annotated[int, Query(ge=1, le=100_000)] = 1, dag: Annotated[str | None, Query(max_length=250)] = None
) -> Response:
    """Return the list of plans, the latest first, and of the latest writes.

    :param page: page of the list, from 1.
    :param dag: the DAG on whose page the list is shown: only its writes are shown.
    """
    folders, ledgers = plan_folders(), ledger_folders()
    found = find_plans(folders)
    pages = max(1, -(-len(found.plans) // PLANS_OF_A_PAGE))
    page = min(page, pages)
    chosen = found.plans[(page - 1) * PLANS_OF_A_PAGE : page * PLANS_OF_A_PAGE]
    rows = [row_of(plan) for plan in chosen]
    writes = latest_writes(ledgers, dag_id=dag)
    return _page(
        "plans.html",
        rows=rows,
        found=found,
        page=page,
        pages=pages,
        dag=dag,
        writes=writes,
        most_writes=WRITES_OF_A_PAGE,
        plans_by_hash={row.sha256: row.plan for row in reversed(rows) if row.sha256},
        has_folders=bool(folders),
        has_ledgers=bool(ledgers),
        has_names=len(folders) > 1,
        change_words=_CHANGES,
        outcome_words=OUTCOMES,
        tones=TONES,
    )


def show_report(plan: Annotated[str, Query(max_length=10_000)]) -> Response:
    """Return the report of a plan, as it was written or, where there is none, made now and not stored.

    :param plan: the plan's id, ``<folder>/<path within it>``.
    """
    try:
        found = find_plan(plan, plan_folders())
    except PlanNotFound:
        raise HTTPException(404) from None
    content = found.report()
    if content is None:
        content = _rendered(found)
    return Response(content, headers=_headers(_REPORT_POLICY), media_type="text/html; charset=utf-8")


def _rendered(plan: StoredPlan) -> bytes:
    """Return the report of a plan that has none, with masked addresses: whether it may have others is not known here.

    :raises HTTPException: 404 if it can't be made.
    """
    from airflow_provider_calcom.reports.page import report_page

    try:
        return report_page(plan.place, mask_addresses=True).encode()
    except ProviderError as error:
        log.warning("The report of a plan could not be made: %s", error)
        raise HTTPException(404, _NO_REPORT) from None


def _page(template: str, status: int = 200, **values: Any) -> Response:
    style = static("report.css") + _own("plans.css")
    script = _own("theme.js")
    policy = f"{content_policy(style, [script])}; frame-ancestors 'self'"
    content = _templates.get_template(template).render(style=style, script=script, **values)
    return Response(content, status, headers=_headers(policy), media_type="text/html; charset=utf-8")


@cache
def _own(name: str) -> str:
    return files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


def _headers(policy: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


_NO_REPORT = (
    "This plan has no report.html, and none could be made here; the server's log has the reason. Make one with"
    " calcom-no-shows report on the plan's folder."
)
_ADVICE = {
    401: "Log in to Airflow, then open this page again.",
    403: "Your account may not see whom a plan marks. An administrator of Airflow can grant the permission to approve.",
    404: "There is no such plan in the folders that are configured, or it was replaced or removed.",
    400: "The address of this page has a parameter that is not valid.",
    500: "The server could not make this page. Its log has the reason.",
}


def _on_http_error(request: Request, error: Exception) -> Response:
    found = error if isinstance(error, HTTPException) else HTTPException(500)
    # Not Airflow's own words, which may quote the request.
    advice = _NO_REPORT if found.detail == _NO_REPORT else _ADVICE.get(found.status_code, "")
    response = _page("error.html", found.status_code, title=HTTPStatus(found.status_code).phrase, advice=advice)
    response.headers.update(found.headers or {})
    return response


def _on_invalid_parameter(request: Request, error: Exception) -> Response:
    return _on_http_error(request, HTTPException(400))


def _on_error(request: Request, error: Exception) -> Response:
    return _on_http_error(request, HTTPException(500))
