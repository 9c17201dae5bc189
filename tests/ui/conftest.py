"""One Airflow and one browser for all tests, and the steps of one story: each is taken once, by the first who needs it.

The connection is created in the form; a run is started, waits for approval, and is approved.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_calcom.no_shows.plan_files import read_plan
from tests.e2e.standalone import wait_until
from tests.ui import airflow_pages
from tests.ui.browsing import DESKTOP, Watched, keep_picture, watched_context
from tests.ui.stack import KEY, PASSWORDS, SAMPLE_REPORT, Stack, running_stack

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HERE = Path(__file__).parent
DAG_ID = "calcom_reconcile_no_shows"
WEB_URL = "https://cal.example.com"
DAY = "2026-11-19"
# As root, which a container's user is, Chromium has no sandbox; its pages are our own. Nothing leaves this machine.
FLAGS = ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests here."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.ui)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run Airflow and the sandbox."""
    with running_stack(tmp_path_factory.mktemp("ui")) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Run Chromium."""
    from playwright.sync_api import sync_playwright

    from tests.ui.chromium import find_chromium

    path = find_chromium()
    assert path, "make e2e-ui installs a Chromium"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def login(stack: Stack, browser: Browser) -> Callable[[str], Any]:
    """Return a function that returns the cookies of a user, who logs in once."""
    states: dict[str, Any] = {}

    def state_of(name: str) -> Any:
        if name not in states:
            with watched_context(browser, base_url=stack.airflow.url) as watched:
                airflow_pages.log_in(watched.context.new_page(), name, PASSWORDS[name])
                states[name] = watched.context.storage_state()
        return states[name]

    return state_of


@pytest.fixture(scope="session")
def contexts(stack: Stack, browser: Browser, login: Callable[[str], Any]) -> Iterator[Callable[..., Watched]]:
    """Return a function that opens a browser context with a user logged in, or nobody."""
    with ExitStack() as opened:

        def open_context(user: str | None = "admin", **options: Any) -> Watched:
            state = {"storage_state": login(user)} if user else {}
            return opened.enter_context(watched_context(browser, base_url=stack.airflow.url, **state, **options))

        yield open_context


@pytest.fixture(scope="session")
def admin(contexts: Callable[..., Watched]) -> Watched:
    """Return the context of the admin who takes the steps of the story."""
    return contexts("admin")


@dataclass(frozen=True)
class Connected:
    """A connection that was typed into Airflow's form.

    :param form: texts of the form.
    :param placeholders: by field.
    :param tested: status code and content of the response to the Test button.
    """

    form: str
    placeholders: dict[str, str]
    tested: tuple[int, dict[str, Any]]


@pytest.fixture(scope="session")
def connected(stack: Stack, admin: Watched) -> Connected:
    """Create the connection ``calcom_default`` in the form, and test it."""
    page = admin.context.new_page()
    form = airflow_pages.open_connection_form(page, "calcom_default")
    placeholders = {
        name: form.locator(f"input[name={name}]").get_attribute("placeholder") or ""
        for name in ("host", "password", "port")
    }
    keep_picture(page, "airflow-connection", replace={})
    texts = form.inner_text()
    web_url = form.locator("input[name=element_web_url]")
    airflow_pages.unfold(web_url)
    web_url.fill(WEB_URL)
    page.set_viewport_size({"width": 1440, "height": 1400})
    keep_picture(page, "airflow-connection-extra", replace={})
    texts += form.inner_text()
    page.set_viewport_size(DESKTOP)
    airflow_pages.unfold(form.locator("input[name=host]"))
    port = stack.sandbox.url.rpartition(":")[2]
    for name, value in {"host": stack.sandbox.url, "password": KEY, "port": port}.items():
        form.locator(f"input[name={name}]").fill(value)
    form.get_by_role("button", name="Save").click()
    form.wait_for(state="hidden")
    tested = airflow_pages.press_test(page, "calcom_default")
    replace = {stack.sandbox.url: "https://api.cal.example.com", port: "443"}
    keep_picture(page, "airflow-connection-tested", replace=replace)
    page.close()
    return Connected(texts, placeholders, tested)


@dataclass(frozen=True)
class Run:
    """A run that was started in Airflow's form.

    :param run_id: its id.
    :param form: texts of the form.
    :param plan: folder of its plan.
    """

    run_id: str
    form: str
    plan: Path

    def changes(self) -> set[tuple[str, str]]:
        """Return the booking uid and address of each attendee whom the plan marks."""
        return {(change.booking_uid, change.email) for change in read_plan(self.plan)}


@pytest.fixture(scope="session")
def planned(stack: Stack, admin: Watched, connected: Connected) -> Run:
    """Start a run that needs approval in the form, and wait until its plan waits for it."""
    page = admin.context.new_page()
    page.set_viewport_size({"width": 1440, "height": 1500})
    form = airflow_pages.open_trigger_form(page, DAG_ID)
    shown = {"plans": "/data/no-shows/plans", "ledger": "/data/no-shows/ledger"}
    airflow_pages.fill_params(form, {**shown, "report": "/data/zoom/2026-11-18.json", "approval": True})
    keep_picture(page, "airflow-trigger", replace={})
    folders = {"plans": str(stack.plans), "ledger": str(stack.ledger)}
    airflow_pages.fill_params(form, {**folders, "report": str(SAMPLE_REPORT), "dry_run": False})
    run = Run(airflow_pages.press_trigger(page, form), form.inner_text(), stack.plans / DAY)
    page.close()
    wait_until(lambda: stack.airflow.waits_for_person(DAG_ID, run.run_id, "approve"), 240, "the approval task", 1.0)
    return run


@pytest.fixture(scope="session")
def approval(stack: Stack, admin: Watched, planned: Run) -> str:
    """Open the page on which the plan is approved, and return its content as HTML."""
    page = admin.context.new_page()
    page.set_viewport_size({"width": 1440, "height": 1100})
    airflow_pages.open_required_action(page, "changes of no-show flags")
    keep_picture(page, "airflow-approval", replace={str(stack.folder): "/data/no-shows"})
    content = page.locator("main").or_(page.locator("body")).first.inner_html()
    page.close()
    return str(content)  # Any, where Playwright is not installed


@pytest.fixture(scope="session")
def plan_report(planned: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the report as it was before the approval: applying updates it."""
    copy = tmp_path_factory.mktemp("report") / "report.html"
    return Path(shutil.copy(planned.plan / "report.html", copy))


@pytest.fixture(scope="session")
def applied(stack: Stack, admin: Watched, planned: Run, approval: str, plan_report: Path) -> Run:
    """Approve the plan on its page, and wait until it is applied."""
    page = admin.context.new_page()
    airflow_pages.open_required_action(page, "changes of no-show flags")
    page.get_by_role("button", name="Approve").click()

    def is_over() -> bool:
        return stack.airflow.task(DAG_ID, planned.run_id, "apply")["state"] in ("success", "failed", "upstream_failed")

    wait_until(is_over, 240, "the end of apply", 1.0)
    page.close()
    return planned
