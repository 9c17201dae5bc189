"""The report of a plan, opened from its folder: what it says, how it is used, and how it looks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_calcom.no_shows.plan_files import read_plan
from tests.ui.browsing import DESKTOP, PHONE, Watched, accessibility_faults, keep_picture, watched_context
from tests.ui.conftest import WEB_URL, Run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIZES = {"desktop": DESKTOP, "phone": PHONE}
Opened = tuple["Page", Watched]


@pytest.fixture
def open_file(browser: Browser) -> Iterator[Callable[..., Opened]]:
    """Return a function that opens a file in a browser context of its own, and checks at the end what its pages did."""
    contexts = []

    def open_one(path: Path, **options: Any) -> Opened:
        opened = watched_context(browser, **options)
        watched = opened.__enter__()
        contexts.append((opened, watched))
        page = watched.context.new_page()
        page.goto(path.as_uri())
        page.locator("html[data-ready]").wait_for(state="attached")
        return page, watched

    yield open_one
    for opened, watched in contexts:
        opened.__exit__(None, None, None)
        assert watched.complaints == []
        assert watched.hosts == set(), "the report loads nothing"


def expand_all(page: Page, table: str = "changes") -> None:
    """Open all rows of a table, and wait for their pictures."""
    rows = page.get_by_test_id(f"{table}-row")
    for row in rows.all():
        row.get_by_test_id("expand").click()
    page.get_by_test_id(table).get_by_test_id("picture").locator("svg").nth(rows.count() - 1).wait_for()


def test_it_says_who_would_be_marked_and_why(open_file: Callable[..., Opened], plan_report: Path, planned: Run) -> None:
    """One row per change, with the address and the reason in words; the state and the numbers are at the top."""
    page, _ = open_file(plan_report)
    changes = list(read_plan(planned.plan))
    rows = page.get_by_test_id("changes-row")
    assert rows.count() == len(changes)
    assert "approval" in page.get_by_test_id("state").inner_text().lower()
    assert str(len(changes)) in page.get_by_test_id("headline").inner_text()
    for change in changes:
        row = rows.filter(has_text=change.booking_uid).filter(has_text=change.email)
        assert "absent" in row.inner_text()
        assert change.reason not in row.inner_text(), "in words, not by its name in the code"
    assert page.get_by_test_id("guard-rails").get_by_role("listitem").count() > 0
    assert "2026" in page.get_by_test_id("facts").inner_text()


def test_each_row_expands_to_its_picture(open_file: Callable[..., Opened], plan_report: Path) -> None:
    """By mouse and by keyboard: the rule that applied, the one before that did not, and everyone's presence."""
    page, _ = open_file(plan_report)
    expand_all(page)
    for detail in page.get_by_test_id("changes").get_by_test_id("detail").all():
        assert "Rule" in detail.get_by_test_id("reasons").inner_text()
        box = detail.get_by_test_id("picture").locator("svg").first.bounding_box()
        assert box
        assert box["width"] > 400
        assert box["height"] > 60
    button = page.get_by_test_id("expand").first
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-expanded") == "false"
    page.keyboard.press("Space")
    assert button.get_attribute("aria-expanded") == "true"


def test_links_lead_to_the_bookings(open_file: Callable[..., Opened], plan_report: Path) -> None:
    """In a new tab, with nothing of this page's address; no other link leaves the page."""
    page, watched = open_file(plan_report)
    followed: list[str] = []

    def answer(route: Any) -> None:
        followed.append(route.request.url)
        assert "referer" not in route.request.headers
        route.fulfill(body="a booking", content_type="text/plain")

    watched.context.route("https://**", answer)
    link = page.get_by_test_id("changes-row").first.get_by_role("link")
    with page.expect_popup() as popup:
        link.click()
    popup.value.wait_for_load_state()
    assert followed[0].startswith(f"{WEB_URL}/booking/")
    watched.hosts.clear()
    for one in page.locator("a[href^=http]").all():
        assert one.get_attribute("target") == "_blank", "in Airflow's frame it could not open otherwise"


def test_a_suggestion_is_copied(open_file: Callable[..., Opened], plan_report: Path) -> None:
    """The button copies a fragment of the policy, which is JSON; without the right to the clipboard it selects it."""
    page, watched = open_file(plan_report)
    copy = page.get_by_test_id("copy").first
    code = copy.locator("xpath=preceding-sibling::pre").inner_text()
    assert json.loads(code)
    copy.click()
    watched.context.grant_permissions(["clipboard-read", "clipboard-write"])
    copy.click()
    page.get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == code


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_it_is_accessible_and_fits(open_file: Callable[..., Opened], plan_report: Path, size: str, scheme: str) -> None:
    """axe-core has nothing to report, and nothing is wider than the window; pictures of it are kept."""
    page, _ = open_file(plan_report, viewport=SIZES[size], color_scheme=scheme)
    assert accessibility_faults(page) == []
    keep_picture(page, f"report-{size}-{scheme}")
    keep_picture(page, f"report-{size}-{scheme}-whole", full_page=True)
    expand_all(page)
    for details in page.locator("details:not([open]) > summary").all():
        details.click()
    assert accessibility_faults(page) == []
    keep_picture(page, f"report-{size}-{scheme}-expanded", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_the_button_switches_the_colours(open_file: Callable[..., Opened], plan_report: Path) -> None:
    """From what the system prefers to the other."""
    page, _ = open_file(plan_report, color_scheme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="dark").click()
    assert page.evaluate(background) != light
    page.get_by_role("button", name="light").click()
    assert page.evaluate(background) == light


def test_it_has_the_outcomes_once_it_is_applied(open_file: Callable[..., Opened], applied: Run) -> None:
    """The report beside the plan has the outcome of each change, and is accessible too."""
    page, _ = open_file(applied.plan / "report.html")
    assert "applied" in page.get_by_test_id("state").inner_text().lower()
    for row in page.get_by_test_id("changes-row").all():
        assert "applied" in row.inner_text().lower()
    assert accessibility_faults(page) == []
    keep_picture(page, "report-applied", full_page=True)
