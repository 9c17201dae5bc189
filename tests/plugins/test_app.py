"""The pages: the list of plans and writes, and the report of one plan, in Airflow's own server."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.configuration import plan_folders
from airflow_provider_calcom.no_shows.plan_files import Summary
from airflow_provider_calcom.plugins import _plan_folders, _plan_rows
from airflow_provider_calcom.plugins._plan_folders import StoredPlan, find_plans
from airflow_provider_calcom.plugins._plan_rows import row_of
from airflow_provider_calcom.reports.load import load_plan
from airflow_provider_calcom.reports.words import OUTCOMES
from tests.operators.planning import memory_storage
from tests.plugins.plans import BOB, apply_plan, files_of_a_plan, make_plan
from tests.reports.plans import edit_summary

PLANS = "/calcom-no-shows/"
REPORT = "/calcom-no-shows/report"


@pytest.fixture
def plans(tmp_path: Path, configure: Callable[..., None]) -> Path:
    folder = tmp_path / "plans"
    folder.mkdir()
    configure(plan_folders=folder)
    return folder


def id_of(relative: str) -> str:
    return f"{plan_folders()[0].slug}/{relative}"


def states(page: str) -> dict[str, str]:
    """Return the state of each plan of a page by its name, in the order of the page."""
    rows = re.findall(r'data-testid="plan" data-state="(\w+)">\s*<th[^>]*>(?:<a[^>]*>)?([^<]*)', page)
    return {name: state for state, name in rows}


def test_the_list_has_each_plan_with_its_state(plans: Path, user: Any) -> None:
    """A person sees at a glance what waits for them, what was applied, and what failed."""
    for name in ("waits", "applied", "failed", "tried", "replaced"):
        make_plan(plans / "team" / name)
    make_plan(plans / "empty", everybody_came=True)
    make_plan(plans / "rejected", is_rejected=True)
    (plans / "broken").mkdir()
    (plans / "broken" / "summary.json").write_text("{")
    (plans / "no-plan").mkdir()
    apply_plan(plans / "team" / "applied", "applied")
    apply_plan(plans / "team" / "failed", "failed")
    apply_plan(plans / "team" / "tried", "would_apply", dry_run=True)
    apply_plan(plans / "team" / "replaced", "applied", plan="0" * 64)
    page = user.get(PLANS)
    assert page.status_code == 200
    assert states(page.text) == {
        "team/waits": "awaiting",
        "team/applied": "applied",
        "team/failed": "partly",
        "team/tried": "dry_run",
        "team/replaced": "awaiting",
        "empty": "nothing",
        "rejected": "rejected",
        "broken": "unreadable",
    }


def test_a_row_has_what_is_planned_and_the_outcomes(plans: Path, user: Any) -> None:
    """Bookings, changes by kind and outcomes in words, with a link to the report."""
    make_plan(plans / "2026-11-18 a+b")
    (plans / "2026-11-18 a+b" / "report.html").write_text("<p>")
    apply_plan(plans / "2026-11-18 a+b", "applied")
    page = " ".join(re.sub("<[^>]*>", " ", user.get(PLANS).text).split())
    assert "2026-11-18 a+b" in page
    assert "1 attendee to mark" in page
    assert f"1 {OUTCOMES['applied'].lower()}" in page
    (link,) = re.findall(r'<a href="(report\?plan=[^"]*)"', user.get(PLANS).text)
    assert user.get(f"{PLANS}{link}").status_code == 200


def test_the_list_counts_bookings_as_the_report_does(plans: Path) -> None:
    """Those of the period, of which the rules may have decided fewer."""
    make_plan(plans / "a")
    edit_summary(plans / "a", bookings=18)
    (plan,) = find_plans(plan_folders()).plans
    assert row_of(plan).bookings == load_plan(plans / "a").summary["bookings"] == 18


def test_the_latest_plan_is_first_and_only_one_page_is_read(
    plans: Path, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With thousands of plans a request reads the summaries of its own page only."""
    for number in range(60):
        make_plan(plans / f"plan-{number:02}")
        os.utime(plans / f"plan-{number:02}" / "summary.json", (number, number))
    read: list[str] = []
    original = StoredPlan.summary

    def counted(plan: StoredPlan) -> Summary:
        read.append(plan.relative)
        return original(plan)

    monkeypatch.setattr(StoredPlan, "summary", counted)
    for page, names in {1: range(59, 34, -1), 2: range(34, 9, -1), 3: range(9, -1, -1), 99: range(9, -1, -1)}.items():
        read.clear()
        assert list(states(user.get(PLANS, params={"page": page}).text)) == [f"plan-{number:02}" for number in names]
        assert len(read) == len(names)


@pytest.mark.parametrize("page", ["0", "-1", "x", "1e9", "", str(10**30)])
def test_a_page_that_cannot_be_one_is_400(plans: Path, user: Any, page: str) -> None:
    """In the look of the other pages, and not as the JSON of a library."""
    answer = user.get(PLANS, params={"page": page})
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/html")


def test_without_a_folder_the_page_says_how_to_configure_one(user: Any, configure: Callable[..., None]) -> None:
    """A newcomer's first look at the view is before anything is configured."""
    assert "AIRFLOW__CALCOM_NO_SHOWS__PLAN_FOLDERS" in user.get(PLANS).text
    configure(plan_folders="/no/such/folder")
    assert "could not be read" in user.get(PLANS).text


def test_a_folder_that_fails_does_not_hide_the_others(
    plans: Path, user: Any, configure: Callable[..., None], tmp_path: Path
) -> None:
    """The network of one object store may be down."""
    make_plan(plans / "a")
    configure(plan_folders=f"nosuchstore://bucket/plans,{tmp_path}/missing,{plans}")
    page = user.get(PLANS).text
    assert list(states(page)) == ["a"]
    assert page.count("could not be read") == 2


def test_plans_of_an_object_store_are_listed_and_served(user: Any, configure: Callable[..., None]) -> None:
    """As those of a local folder, also a report that is replaced while the server runs."""
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    with memory_storage() as url:
        configure(plan_folders=f"{url}/plans/")
        place = ObjectStoragePath(f"{url}/plans/2026/a")
        place.mkdir(parents=True, exist_ok=True)
        for name, content in files_of_a_plan().items():
            (place / name).write_bytes(content)
        for report in ("first", "second"):
            (place / "report.html").write_text(report)
            assert states(user.get(PLANS).text) == {"2026/a": "awaiting"}
            assert user.get(REPORT, params={"plan": id_of("2026/a")}).text == report
        for attack in ("2026/../2026/a", "../plans/2026/a", "2026/a/..", "2026"):
            assert user.get(REPORT, params={"plan": id_of(attack)}).status_code == 404


def test_folders_are_searched_up_to_a_number_and_a_depth(plans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last names are searched first, because they are the latest where names are dates; the rest is admitted."""
    for number in range(8):
        make_plan(plans / f"2026-11-1{number}")
    make_plan(plans.joinpath(*"abcdefgh"))
    monkeypatch.setattr(_plan_folders, "MOST_LOCAL_FOLDERS", 4)
    found = find_plans(plan_folders())
    assert {plan.relative for plan in found.plans} <= {f"2026-11-1{number}" for number in range(8)} | {"a"}
    assert len(found.plans) in (2, 3)
    assert found.unsearched == (plan_folders()[0].slug,)
    monkeypatch.setattr(_plan_folders, "MOST_LOCAL_FOLDERS", 100)
    found = find_plans(plan_folders())
    assert len(found.plans) == 8
    assert found.unsearched == (plan_folders()[0].slug,)


def test_outcomes_are_read_up_to_a_size(plans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of a hundred thousand outcomes does not hold up the page."""
    make_plan(plans / "a")
    apply_plan(plans / "a", "applied", times=1000)
    monkeypatch.setattr(_plan_rows, "_MOST_OUTCOMES_READ", 10_000)
    (plan,) = find_plans(plan_folders()).plans
    row = row_of(plan)
    assert 0 < row.outcomes["applied"] < 1000
    assert not row.are_all_outcomes


def test_a_plan_without_a_report_gets_one_that_is_masked_and_not_stored(plans: Path, user: Any) -> None:
    """Plans of older versions have none. Whether their DAG would have masked addresses is not known."""
    make_plan(plans / "old")
    report = user.get(REPORT, params={"plan": id_of("old")})
    assert report.status_code == 200
    assert "b***@example.org" in report.text
    assert BOB not in report.text
    assert "sandbox" in report.headers["content-security-policy"]
    assert not (plans / "old" / "report.html").exists()


def test_a_plan_of_which_no_report_can_be_made_says_so(plans: Path, user: Any) -> None:
    """With what to do, and without a path of the server."""
    make_plan(plans / "old")
    (plans / "old" / "decisions.parquet").unlink()
    answer = user.get(REPORT, params={"plan": id_of("old")})
    assert answer.status_code == 404
    assert "calcom-no-shows report" in answer.text
    assert str(plans) not in answer.text
