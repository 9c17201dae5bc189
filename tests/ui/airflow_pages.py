"""What a person does in Airflow 3.3's own pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def log_in(page: Page, name: str, password: str) -> None:
    """Log in on the page that Airflow redirects to, and wait for its home page."""
    page.goto("/")
    page.locator("input[name=username]").fill(name)
    page.locator("input[name=password]").fill(password)
    page.locator("button[type=submit]").click()
    page.get_by_role("button", name="User").or_(page.get_by_text("User", exact=True)).first.wait_for()


def open_connection_form(page: Page, connection_id: str) -> Locator:
    """Open the form of a new connection to Cal.com, and return it."""
    page.goto("/connections")
    page.get_by_role("button", name="Add Connection").click()
    form = page.get_by_role("dialog")
    form.locator("input[name=connection_id]").fill(connection_id)
    form.get_by_role("combobox").click()
    page.keyboard.type("cal.com")
    page.get_by_role("option", name="Cal.com").click()
    form.locator("input[name=host]").wait_for()
    return form


def unfold(field: Locator) -> None:
    """Open the section of a form that a field is in, unless it is open."""
    section = field.locator("xpath=ancestor::*[@data-scope='accordion' and @data-part='item'][1]")
    button = section.locator("[data-part=item-trigger]").first
    if button.get_attribute("aria-expanded") == "false":
        button.click()


def press_test(page: Page, connection_id: str) -> tuple[int, dict[str, Any]]:
    """Press the button that tests a stored connection; return the response's status code and content."""
    row = page.get_by_role("row").filter(has=page.get_by_text(connection_id, exact=True))
    with page.expect_response(lambda response: response.url.endswith("/connections/test")) as expected:
        row.get_by_role("button", name="Test Connection").click()
    answer: dict[str, Any] = expected.value.json()
    return expected.value.status, answer


def open_trigger_form(page: Page, dag_id: str) -> Locator:
    """Open the form that starts a run, and return it."""
    page.goto(f"/dags/{dag_id}")
    page.get_by_role("button", name="Trigger Dag").click()
    form = page.get_by_role("dialog")
    form.locator("[name^=element_]").first.wait_for(state="attached")
    return form


def fill_params(form: Locator, values: Mapping[str, str | bool]) -> None:
    """Type params of a run into its form, in all of its sections."""
    for name, value in values.items():
        field = form.locator(f"[name=element_{name}]")
        unfold(field)
        if isinstance(value, str):
            field.fill(value)
        elif field.is_checked() != value:
            form.locator(f"label:has([name=element_{name}])").click()


def press_trigger(page: Page, form: Locator) -> str:
    """Start the run, and return its id."""
    with page.expect_response(lambda response: response.url.endswith("/dagRuns")) as expected:
        form.get_by_test_id("trigger-dag-submit").click()
    assert expected.value.ok, expected.value.text()
    run_id: str = expected.value.json()["dag_run_id"]
    return run_id


def open_required_action(page: Page, subject: str) -> None:
    """Open what waits for a person's decision, by a part of its subject."""
    page.goto("/required_actions")
    page.get_by_role("link", name=subject).first.click()
    page.get_by_role("button", name="Approve").wait_for()
