"""The pages: the list of plans and writes, and the report of one plan, in Airflow's own server."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.plugins._settings import plan_folders
from tests.plugins.plans import apply_plan, make_plan

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
