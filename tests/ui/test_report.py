"""Reports as a person opens them from their folder: what they say, how they are used, and how they look."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_calcom.attendance.engine import deciding
from airflow_provider_calcom.attendance.suggest import suggest
from airflow_provider_calcom.no_shows.plan_files import read_plan
from airflow_provider_calcom.reports import write_overview, write_report
from tests.reports.plans import POLICY, apply_outcomes, clinic_day, person, plan_of
from tests.ui.browsing import DESKTOP, PHONE, Watched, accessibility_faults, keep_picture, watched_context
from tests.ui.conftest import Run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIZES = {"desktop": DESKTOP, "phone": PHONE}
Open = Callable[..., "Page"]


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a day on which every kind of decision is made, and of two doubts that one alias would settle."""
    day = clinic_day()
    for uid, start, end in (("bk-uma-1", "18:00", "18:30"), ("bk-uma-2", "19:00", "19:30")):
        day.booking(uid, start, end, "olivia", person("uma@example.org", "Uma Unger"))
        day.seen(uid, "Olivia Owner", "olivia@clinic.example", start, end)
        day.seen(uid, "Uma at home", "uma.u@home.example", start, end)
    with deciding(*day.tables(), POLICY) as decided:
        found = suggest(decided).as_dict()
    folder = plan_of(day.tables(), tmp_path_factory.mktemp("clinic") / "plan", correct="all", suggestions=found)
    path: Path = write_report(folder)
    return path


@pytest.fixture(scope="module")
def overview(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An overview of two weeks."""
    folder = tmp_path_factory.mktemp("overview")
    plans = []
    for day in ("2026-11-11", "2026-11-18"):
        policy = {"as_of": f"{day}T23:00:00Z", "attendance_until": f"{day}T22:00:00Z"}
        plans.append(plan_of(clinic_day(day).tables(), folder / day, policy=policy, correct="all"))
        apply_outcomes(plans[-1], lambda _: ("applied", None))
    path: Path = write_overview(plans, folder / "overview.html")
    return path


@pytest.fixture
def contexts_of_files(browser: Browser) -> Iterator[Callable[..., Watched]]:
    """Return a function that opens a browser context; at the end no page of it has complained or loaded anything."""
    opened: list[Watched] = []
    with ExitStack() as stack:

        def open_context(**options: Any) -> Watched:
            opened.append(stack.enter_context(watched_context(browser, **options)))
            return opened[-1]

        yield open_context
        assert [watched.complaints for watched in opened if watched.complaints] == []
        assert [watched.hosts for watched in opened if watched.hosts] == []


@pytest.fixture
def open_file(contexts_of_files: Callable[..., Watched]) -> Open:
    """Return a function that opens a file, with options of the browser context."""

    def open_one(path: Path, **options: Any) -> Page:
        page = contexts_of_files(**options).context.new_page()
        page.goto(path.as_uri())
        page.locator("html[data-ready]").wait_for(state="attached")
        return page

    return open_one


def expand_everything(page: Page) -> None:
    """Open all rows of all tables and all details, and wait for the pictures."""
    buttons = page.get_by_test_id("expand")
    for button in buttons.all():
        button.click()
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    page.wait_for_function(
        "count => document.querySelectorAll('[data-testid=picture] svg, [data-testid=detail] > .note').length >= count",
        arg=buttons.count(),
    )


def test_it_says_who_would_be_marked_and_why(open_file: Open, plan_report: Path, planned: Run) -> None:
    """One row per change, with the address and the reason in words; the state and the numbers are at the top."""
    page = open_file(plan_report)
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


@pytest.mark.parametrize(
    ("name", "size", "scheme"),
    [
        ("report-light", "desktop", "light"),
        ("report-dark", "desktop", "dark"),
        ("report-phone", "phone", "light"),
        ("report-phone-dark", "phone", "dark"),
    ],
)
def test_its_pictures_are_kept(open_file: Open, plan_report: Path, name: str, size: str, scheme: str) -> None:
    """For the documentation, and to be looked at; nothing is wider than the window."""
    page = open_file(plan_report, viewport=SIZES[size], color_scheme=scheme)
    keep_picture(page, name)
    keep_picture(page, f"{name}-whole", full_page=True)
    first = page.get_by_test_id("expand").first
    first.click()
    page.get_by_test_id("picture").locator("svg").first.wait_for()
    page.get_by_test_id("changes").evaluate("section => scrollTo(0, section.offsetTop - 16)")
    keep_picture(page, "report-expanded" if name == "report-light" else f"{name}-expanded")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_it_is_accessible_and_fits(open_file: Open, clinic: Path, size: str, scheme: str) -> None:
    """Closed and with everything open axe-core has nothing to report, and nothing is wider than the window."""
    page = open_file(clinic, viewport=SIZES[size], color_scheme=scheme)
    assert accessibility_faults(page) == []
    expand_everything(page)
    keep_picture(page, f"clinic-{size}-{scheme}", full_page=True)
    assert accessibility_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize("size", SIZES)
def test_the_overview_is_accessible_and_fits(open_file: Open, overview: Path, size: str) -> None:
    """As the report is, in both colours."""
    page = open_file(overview, viewport=SIZES[size], color_scheme="light")
    keep_picture(page, f"overview-{size}", full_page=True)
    assert accessibility_faults(page) == []
    page.emulate_media(color_scheme="dark")
    assert accessibility_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_each_row_expands_to_its_picture(open_file: Open, clinic: Path) -> None:
    """By mouse and by keyboard: the rule that applied, the one before that did not, and everyone's presence."""
    page = open_file(clinic)
    expand_everything(page)
    details = page.get_by_test_id("changes").get_by_test_id("detail")
    assert details.count() == page.get_by_test_id("changes-row").count()
    for detail in details.all():
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


def test_links_lead_to_the_bookings(browser: Browser, clinic: Path) -> None:
    """In a new tab, without the address of this page; in Airflow's frame they could not open otherwise."""
    with watched_context(browser) as watched:
        page = watched.context.new_page()
        page.goto(clinic.as_uri())
        link = page.get_by_test_id("changes-row").first.get_by_role("link")
        with page.expect_popup(), watched.context.expect_event("request") as request:
            link.click()
        assert request.value.url == f"https://app.cal.com/booking/{link.inner_text()}"
        assert "referer" not in request.value.headers
        assert {one.get_attribute("target") for one in page.locator("a[href^=http]").all()} == {"_blank"}


def test_a_suggestion_is_copied(contexts_of_files: Callable[..., Watched], clinic: Path) -> None:
    """The button copies a fragment of the policy, which is JSON."""
    context = contexts_of_files(permissions=["clipboard-read", "clipboard-write"]).context
    page = context.new_page()
    page.goto(clinic.as_uri())
    copy = page.get_by_test_id("copy").first
    copy.click()
    page.get_by_text("Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == copy.locator("xpath=preceding-sibling::pre").inner_text()
    assert json.loads(copied)


def test_the_button_switches_the_colours(open_file: Open, clinic: Path) -> None:
    """From what the system prefers to the other, and back."""
    page = open_file(clinic, color_scheme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="dark").click()
    assert page.evaluate(background) != light
    page.get_by_role("button", name="light").click()
    assert page.evaluate(background) == light


def test_it_has_the_outcomes_once_it_is_applied(open_file: Open, applied: Run) -> None:
    """The report beside the plan has the outcome of each change, and is accessible too."""
    page = open_file(applied.plan / "report.html")
    assert "applied" in page.get_by_test_id("state").inner_text().lower()
    for row in page.get_by_test_id("changes-row").all():
        assert "applied" in row.inner_text().lower()
    assert accessibility_faults(page) == []
    keep_picture(page, "report-applied", full_page=True)
