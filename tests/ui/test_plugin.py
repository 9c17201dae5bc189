"""The view "Cal.com no-shows" in Airflow: how reports are found, and who may see them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.ui.browsing import DESKTOP, PHONE, Watched, accessibility_faults, keep_picture
from tests.ui.conftest import DAG_ID, DAY, Run
from tests.ui.stack import Stack

if TYPE_CHECKING:
    from playwright.sync_api import FrameLocator, Page, ViewportSize

ROOT = "/calcom-no-shows"
VIEW = "Cal.com no-shows"
ENTRY = "No-shows"
"""Airflow's side bar has no room for more."""


@pytest.fixture
def page(admin: Watched) -> Page:
    """Return a new page of the admin's."""
    return admin.context.new_page()


def frame_of(page: Page) -> FrameLocator:
    return page.frame_locator("iframe")


def test_the_navigation_leads_to_the_report(page: Page, admin: Watched, applied: Run) -> None:
    """The entry of the navigation opens the list of plans within Airflow; a plan's link opens its report there."""
    page.goto("/")
    page.get_by_role("link", name=ENTRY, exact=True).click()
    plan = frame_of(page).get_by_test_id("plan").filter(has_text=DAY)
    plan.wait_for()
    assert "applied" in plan.inner_text().lower()
    keep_picture(page, "airflow-view", replace={})
    plan.get_by_role("link").click()
    rows = frame_of(page).get_by_test_id("changes-row")
    rows.first.wait_for()
    assert rows.count() == len(applied.changes())
    rows.first.get_by_test_id("expand").click()
    frame_of(page).get_by_test_id("picture").locator("svg").first.wait_for()
    keep_picture(page, "airflow-view-report", replace={})
    assert admin.complaints_of(ROOT) == []


def test_the_dags_page_has_the_view(page: Page, admin: Watched, applied: Run) -> None:
    """As a tab, with the writes of this DAG."""
    page.goto(f"/dags/{DAG_ID}")
    page.get_by_text(VIEW, exact=True).last.click()
    frame_of(page).get_by_test_id("write").first.wait_for()
    keep_picture(page, "airflow-view-of-dag", replace={})
    assert admin.complaints_of(ROOT) == []


@pytest.mark.parametrize("task_id", ["plan", "approve", "apply"])
def test_the_tasks_link_to_the_report(page: Page, admin: Watched, applied: Run, task_id: str) -> None:
    """The link "No-show report" opens the report of the run's own plan."""
    page.goto(f"/dags/{DAG_ID}/runs/{applied.run_id}/tasks/{task_id}/details")
    link = page.get_by_role("link", name="No-show report")
    link.wait_for()
    keep_picture(page, f"airflow-link-{task_id}", replace={})
    target = link.evaluate("link => link.href")
    page.goto(target)
    page.get_by_test_id("changes-row").first.wait_for()
    assert page.get_by_test_id("changes-row").count() == len(applied.changes())
    assert admin.complaints_of(ROOT) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_view_is_accessible_and_fits(
    contexts: Callable[..., Watched], applied: Run, size: ViewportSize, scheme: str
) -> None:
    """axe-core has nothing to report of the list and of the report, as they are served, and nothing is too wide."""
    watched = contexts("admin", viewport=size, color_scheme=scheme)
    page = watched.context.new_page()
    page.goto(f"{ROOT}/")
    assert accessibility_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    keep_picture(page, f"view-{size['width']}-{scheme}", replace={}, full_page=True)
    page.get_by_test_id("plan").get_by_role("link").first.click()
    page.get_by_test_id("changes-row").first.wait_for()
    assert accessibility_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert watched.complaints == []


def test_a_viewer_sees_no_address(contexts: Callable[..., Watched], stack: Stack, applied: Run) -> None:
    """Who may only look gets no plan and no report, and no attendee's address from Airflow's pages, logs and XComs."""
    viewer = contexts("viewer", keep_bodies=True)
    page = viewer.context.new_page()
    page.goto(f"{ROOT}/")
    keep_picture(page, "view-viewer")
    for path in ("/", f"/report?plan=plans/{DAY}", "/report?plan=nowhere"):
        response = page.goto(f"{ROOT}{path}")
        assert response
        assert response.status == 403, path
    run = f"/dags/{DAG_ID}/runs/{applied.run_id}"
    for path in (run, f"{run}/tasks/approve/required_actions", f"{run}/tasks/apply", f"{run}/tasks/apply/xcom"):
        page.goto(path)
        page.get_by_text("apply", exact=True).first.wait_for()
    tasks = f"/api/v2/dags/{DAG_ID}/dagRuns/{applied.run_id}/taskInstances"
    served = dict(viewer.bodies)
    for task_id in ("plan", "approve", "apply"):
        task = f"{tasks}/{task_id}"
        entries = viewer.context.request.get(f"{task}/xcomEntries").json()["xcom_entries"]
        parts = ["", "/logs/1", *(f"/xcomEntries/{entry['key']}" for entry in entries)]
        for part in [*parts, "/-1/hitlDetails"] if task_id == "approve" else parts:
            response_of_part = viewer.context.request.get(f"{task}{part}")
            assert response_of_part.ok, (part, response_of_part.status)
            served[f"{task}{part}"] = response_of_part.text()
    assert "6 attendees" in served[f"{tasks}/approve/-1/hitlDetails"]
    assert len(served) > 20
    assert [(url, address) for url, text in served.items() for address in stack.addresses() if address in text] == []


def test_without_a_login_there_is_nothing(stack: Stack, applied: Run) -> None:
    """Not even whether a plan exists."""
    statuses = {
        path: httpx.get(f"{stack.airflow.url}{ROOT}{path}").status_code
        for path in ("/", f"/report?plan=plans/{DAY}", "/report?plan=nowhere", "/docs", "/openapi.json")
    }
    assert statuses == dict.fromkeys(statuses, 401) | {"/docs": 404, "/openapi.json": 404}


def test_airflow_sends_nothing_elsewhere(admin: Watched, stack: Stack, applied: Run) -> None:
    """All pages before this, Airflow's own and ours, came from Airflow's server, and requested nothing else."""
    assert admin.hosts == {stack.airflow.url.removeprefix("http://")}
