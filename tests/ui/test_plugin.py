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


@pytest.fixture
def page(admin: Watched) -> Page:
    """Return a new page of the admin's."""
    return admin.context.new_page()


def frame_of(page: Page) -> FrameLocator:
    return page.frame_locator("iframe")


def test_the_navigation_leads_to_the_report(page: Page, admin: Watched, applied: Run) -> None:
    """The entry of the navigation opens the list of plans within Airflow; a plan's link opens its report there."""
    page.goto("/")
    page.get_by_role("link", name=VIEW).click()
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


def test_a_viewer_sees_nothing(contexts: Callable[..., Watched], stack: Stack, applied: Run) -> None:
    """Who may only look gets no plan, no report and no address, wherever they click."""
    viewer = contexts("viewer", keep_bodies=True)
    page = viewer.context.new_page()
    page.goto(f"{ROOT}/")
    keep_picture(page, "view-viewer")
    run = f"/dags/{DAG_ID}/runs/{applied.run_id}"
    for path in (f"{ROOT}/", f"{ROOT}/report?plan=plans/{DAY}"):
        response = page.goto(path)
        assert response
        assert response.status == 403, path
    for task_id in ("plan", "approve", "apply"):
        for tab in ("", "/details", "/rendered_templates", "/xcom", "/required_actions"):
            page.goto(f"{run}/tasks/{task_id}{tab}")
            page.get_by_text(task_id, exact=True).first.wait_for()
            page.wait_for_load_state("networkidle")
    assert len(viewer.bodies) > 50
    assert [(url, address) for url, text in viewer.bodies for address in stack.addresses() if address in text] == []


def test_without_a_login_there_is_nothing(stack: Stack, applied: Run) -> None:
    """Not even whether a plan exists."""
    for path in ("/", f"/report?plan=plans/{DAY}", "/report?plan=nowhere", "/elsewhere", "/docs", "/openapi.json"):
        response = httpx.get(f"{stack.airflow.url}{ROOT}{path}")
        assert response.status_code == 401, path
        assert not any(address in response.text for address in stack.addresses())


def test_airflow_sends_nothing_elsewhere(admin: Watched, stack: Stack, applied: Run) -> None:
    """All pages before this, Airflow's own and ours, came from Airflow's server, and requested nothing else."""
    assert admin.hosts == {stack.airflow.url.removeprefix("http://")}
