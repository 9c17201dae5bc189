"""A plan outside the configured folders is never served, and a hostile report can do nothing in Airflow's name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.configuration import plan_folders
from airflow_provider_calcom.plugins import _app
from airflow_provider_calcom.plugins._plan_folders import PlanNotFound, find_plan, find_plans
from tests.plugins.plans import make_plan

REPORT = "/calcom-no-shows/report"
SECRET = "whom the other team marks"

# Of a plan "inside" in the configured folder, and one "outside" beside that folder. {slug} is the folder's.
ATTACKS = [
    "",
    "outside",
    "/",
    "..",
    "../outside",
    "{slug}/..",
    "{slug}/../outside",
    "{slug}/./inside",
    "{slug}//inside",
    "{slug}/inside/../../outside",
    "{slug}/inside/..",
    "{slug}/..\\outside",
    "{slug}\\..\\outside",
    "{slug}/..%2foutside",
    "{slug}/%2e%2e/outside",
    "{slug}/%252e%252e/outside",
    "{slug}/%25252e%25252e%25252foutside",
    "{slug}/..;/outside",
    "{slug}/\u2025/outside",
    "{slug}/\uff0e\uff0e/outside",
    "{slug}/\0/../outside",
    "{slug}/inside\0",
    "{slug}/inside%00",
    "{slug}/inside\n",
    "{slug}/inside/report.html",
    "{slug}/inside/summary.json",
    "{slug}/{root}/outside",
    "{slug}/{root}/plans/inside",
    "{slug}//etc",
    "{root}/outside",
    "{root}/plans/inside",
    "file://{root}/outside",
    "{slug}/file://{root}/outside",
    "s3://bucket/outside",
    "{slug}/s3://bucket/outside",
    "http://127.0.0.1:1/x",
    "~/outside",
    "{slug}/~",
    "{slug}/leaves",
    "{slug}/leaves-deeper/outside",
    "{slug}/stays",
    "{slug}/linked-summary",
    "{slug}/.hidden",
    "{slug}/no-plan",
    "{slug}/foreign",
    "{slug}/" + "a/" * 4000 + "b",
    "{slug}/" + "a" * 300,
    "{slug}-x/inside",
    "0/inside",
    "${{slug}}",
]


@pytest.fixture
def root(tmp_path: Path, configure: Callable[..., None]) -> Path:
    plans = tmp_path / "plans"
    for folder in (plans / "inside", plans / ".hidden", tmp_path / "outside"):
        make_plan(folder)
        (folder / "report.html").write_text("ours" if folder.name == "inside" else SECRET)
    (plans / "leaves").symlink_to(tmp_path / "outside")
    (plans / "leaves-deeper").symlink_to(tmp_path)
    (plans / "stays").symlink_to(plans / "inside")
    for name, summary in {"no-plan": None, "foreign": {"format": 2, "state": "ready"}}.items():
        (plans / name).mkdir()
        (plans / name / "report.html").write_text(SECRET)
        if summary:
            (plans / name / "summary.json").write_text(json.dumps(summary))
    (plans / "linked-summary").mkdir()
    (plans / "linked-summary" / "summary.json").symlink_to(tmp_path / "outside" / "summary.json")
    (plans / "linked-summary" / "report.html").write_text(SECRET)
    configure(plan_folders=plans)
    return tmp_path


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_plan_outside_the_folders_is_never_served(user: Any, root: Path, attack: str) -> None:
    """Whatever the parameter is, once and twice encoded: an error without a path of the server."""
    plan = attack.format(slug=plan_folders()[0].slug, root=root)
    answer = user.get(REPORT, params={"plan": plan})
    assert answer.status_code in (400, 404)
    assert SECRET not in answer.text
    assert str(root) not in answer.text
    assert "Traceback" not in answer.text
    with pytest.raises(PlanNotFound):
        find_plan(plan, plan_folders())


def test_the_same_folder_serves_its_own_plan(user: Any, root: Path) -> None:
    """The attacks above would prove nothing if nothing was served."""
    answer = user.get(REPORT, params={"plan": f"{plan_folders()[0].slug}/inside"})
    assert (answer.status_code, answer.text) == (200, "ours")


def test_the_list_does_not_follow_links_either(root: Path) -> None:
    """What is not served is not listed; the name of a plan can be a person's."""
    assert {plan.relative for plan in find_plans(plan_folders()).plans} == {"inside", "foreign"}


def test_without_folders_nothing_is_served(user: Any, root: Path, configure: Callable[..., None]) -> None:
    """Not even a plan whose link was made while its folder was configured."""
    slug = plan_folders()[0].slug
    configure(plan_folders="")
    assert user.get(REPORT, params={"plan": f"{slug}/inside"}).status_code == 404


@pytest.mark.parametrize("target", ["report.html", "summary.json"])
def test_a_file_that_is_a_link_is_not_followed(user: Any, root: Path, target: str) -> None:
    """Anyone who may write to a folder of plans could show any file of the server by it."""
    (root / "passwords").write_text(SECRET)
    file = root / "plans" / "inside" / target
    file.unlink()
    file.symlink_to(root / "passwords")
    answer = user.get(REPORT, params={"plan": f"{plan_folders()[0].slug}/inside"})
    assert SECRET not in answer.text


def test_a_hostile_report_has_neither_origin_nor_network(user: Any, root: Path) -> None:
    """It is in a sandbox without allow-same-origin, so its scripts can't use the login, and may load nothing."""
    answer = user.get(REPORT, params={"plan": f"{plan_folders()[0].slug}/inside"})
    policy = {part.split()[0]: part.split()[1:] for part in answer.headers["content-security-policy"].split(";")}
    assert set(policy["sandbox"]) == {
        "allow-scripts",
        "allow-downloads",
        "allow-popups",
        "allow-popups-to-escape-sandbox",
    }
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == ["'none'"]
    assert policy["frame-ancestors"] == ["'self'"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"].startswith("text/html")


def test_a_name_of_a_folder_is_text_and_not_markup(user: Any, root: Path) -> None:
    """Anyone who may write plans chooses their names."""
    make_plan(root / "plans" / "<script>alert(1)" / "'onclick=alert(2) \"b&c")
    page = user.get("/calcom-no-shows/", params={"dag": "<script>alert(3)</script>"}).text
    assert "alert(1)" in page
    assert "<script>alert" not in page
    assert "&#39;onclick=alert(2) &#34;b&amp;c" in page


def test_the_page_of_the_list_runs_only_its_own_script(user: Any, root: Path) -> None:
    """Its policy names the one style and the one script by their hashes."""
    answer = user.get("/calcom-no-shows/")
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert answer.headers["cache-control"] == "no-store"


def test_an_error_shows_no_trace_and_no_path(user: Any, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What went wrong is for the server's log."""

    def fail(*_: Any) -> None:
        raise RuntimeError(f"{root} is broken")

    monkeypatch.setattr(_app, "find_plans", fail)
    answer = user.get("/calcom-no-shows/")
    assert answer.status_code == 500
    assert str(root) not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
