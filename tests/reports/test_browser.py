"""What only a browser shows: that nothing which somebody typed acts, and that pictures are drawn on demand."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_calcom.reports import write_overview, write_report
from tests.reports.plans import apply_outcomes, large_day, plan_of
from tests.reports.test_untrusted import IMAGE, SCRIPT, hostile_plan
from tests.ui.browsing import watched_context
from tests.ui.chromium import find_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Run Chromium."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    path = find_chromium()
    if path is None:
        pytest.skip("Chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


def open_page(page: Page, path: Path) -> None:
    page.goto(path.as_uri())
    page.locator("html[data-ready]").wait_for(state="attached")


def test_nothing_that_somebody_typed_acts(browser: Browser, tmp_path: Path) -> None:
    """Names that are scripts, images and the like run nothing, load nothing, and break no rule of the page's policy."""
    folder = hostile_plan(tmp_path / "plan")
    with watched_context(browser) as watched:
        page = watched.context.new_page()
        dialogs: list[str] = []
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        open_page(page, write_report(folder))
        for button in page.get_by_test_id("expand").all():
            button.click()
        assert page.get_by_test_id("picture").count() == page.get_by_test_id("expand").count() > 5
        page.locator("[data-testid=picture] svg").last.wait_for()
        assert page.get_by_text(SCRIPT, exact=True).count() > 0
        assert page.locator("td", has_text=IMAGE).count() > 0
        assert page.locator("img").count() == 0
        open_page(page, write_overview([folder], tmp_path / "overview.html"))
        assert "owned" not in page.title()
        assert (dialogs, watched.complaints, watched.hosts) == ([], [], set())


@pytest.mark.parametrize("width", [1440, 1140, 1061, 1060, 761, 390])
def test_an_applied_report_fits_every_width(browser: Browser, clinic: Path, tmp_path: Path, width: int) -> None:
    """No table is wider than its card, also with outcomes, and the reason has room for a sentence."""
    folder = tmp_path / "plan"
    shutil.copytree(clinic, folder)
    apply_outcomes(folder, lambda number: (("applied", "human_override")[number % 2], None))
    with watched_context(browser, viewport={"width": width, "height": 900}, locale="en-US") as watched:
        page = watched.context.new_page()
        open_page(page, write_report(folder))
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        tables = page.locator("table.grid")
        assert tables.evaluate_all("all => all.filter(one => one.offsetWidth > one.parentElement.clientWidth)") == []
        assert page.locator("td.why-cell").first.evaluate("cell => cell.offsetWidth") >= 160
        assert "2026" in page.get_by_test_id("facts").inner_text()


def test_a_long_table_is_paged_filtered_and_printed(browser: Browser, tmp_path: Path) -> None:
    """One page of rows is in the document, filters look at all rows, and paper has them all."""
    path = write_report(plan_of(large_day(400), tmp_path / "plan"))
    with watched_context(browser) as watched:
        page = watched.context.new_page()
        open_page(page, path)
        rows = page.get_by_test_id("changes-row")
        assert rows.count() == 25
        first = rows.first.inner_text()
        page.get_by_role("button", name="Next").first.click()
        assert rows.first.inner_text() != first
        page.locator("#changes-search").fill("guest199@client.example")
        assert rows.count() == 1
        rows.first.get_by_test_id("expand").click()
        page.get_by_test_id("picture").locator("svg").wait_for()
        assert "Guest Number 199" in page.get_by_test_id("picture").locator("svg").inner_html()
        page.locator("#changes-search").fill("nobody at all")
        assert rows.count() == 0
        page.locator("#changes-search").fill("")
        head = page.locator("#changes th[aria-sort]", has_text="Who")
        page.get_by_role("button", name="Who").first.click()
        assert head.get_attribute("aria-sort") == "ascending"
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert rows.count() == 40
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert rows.count() == 25
        assert watched.complaints == []
