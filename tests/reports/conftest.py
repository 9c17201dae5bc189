"""Plans and their reports, made once for all tests that only read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_calcom.reports import write_report
from tests.reports.pages import Page
from tests.reports.plans import clinic_day, plan_of


@pytest.fixture(scope="session")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the plan of a day on which everything happens. Tests must not change it."""
    return plan_of(clinic_day().tables(), tmp_path_factory.mktemp("clinic") / "plan", correct="all")


@pytest.fixture(scope="session")
def report(clinic: Path) -> Page:
    """Its report."""
    return Page.at(write_report(clinic))
