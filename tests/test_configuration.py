"""The folders that are configured, and the URL of a plan's report."""

import inspect
import logging
import re
from pathlib import Path

import pytest

from airflow_provider_calcom import configuration
from airflow_provider_calcom.configuration import ledger_folders, plan_folders, report_url
from airflow_provider_calcom.get_provider_info import get_provider_info


@pytest.fixture(autouse=True)
def _no_options(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PLAN_FOLDERS", "LEDGER_FOLDERS", "REPORT_BASE_URL"):
        monkeypatch.delenv(f"AIRFLOW__CALCOM_NO_SHOWS__{name}", raising=False)


def configure(monkeypatch: pytest.MonkeyPatch, **options: str) -> None:
    for name, value in options.items():
        monkeypatch.setenv(f"AIRFLOW__CALCOM_NO_SHOWS__{name.upper()}", value)


def test_folders_are_paths_and_urls_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blank entries and slashes at the end make no difference, and nothing configured is nothing shown."""
    assert plan_folders() == ledger_folders() == ()
    configure(
        monkeypatch, plan_folders="/srv/plans/, ,s3://bucket/plans,/srv/plans", ledger_folders="file:///srv/ledger"
    )
    assert [folder.address for folder in plan_folders()] == ["/srv/plans", "s3://bucket/plans"]
    assert [folder.address for folder in ledger_folders()] == ["/srv/ledger"]


def test_a_folder_that_cannot_be_one_is_left_out_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A mistake in one entry leaves the others, and the log has what is wrong with it."""
    configure(monkeypatch, plan_folders="plans,/srv/plans")
    with caplog.at_level(logging.WARNING):
        assert [folder.address for folder in plan_folders()] == ["/srv/plans"]
    assert "plan_folders" in caplog.text
    assert "relative" in caplog.text


def test_slugs_differ_and_outlive_another_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Links are stored for as long as a run of a DAG is, and folders of the same name must not be mixed up."""
    configure(monkeypatch, plan_folders="/a/plans,/b/plans,s3://b/plans")
    before = {folder.address: folder.slug for folder in plan_folders()}
    configure(monkeypatch, plan_folders="s3://b/plans,/b/plans,/a/plans")
    assert {folder.address: folder.slug for folder in plan_folders()} == before
    assert len(set(before.values())) == 3


@pytest.mark.parametrize(
    ("folder", "plan", "relative"),
    [
        ("/srv/plans", "/srv/plans/2026-11-18", "2026-11-18"),
        ("/srv/plans", "file:///srv/plans/a/b/", "a/b"),
        ("/srv/plans", "/srv/plans", ""),
        ("/srv/plans", "/srv/plans/../secret/a", None),
        ("/srv/plans", "/srv/plans-of-others/a", None),
        ("s3://bucket/plans", "s3://aws_default@bucket/plans/a", "a"),
        ("s3://aws_default@bucket/plans", "s3://bucket/plans/a", "a"),
        ("s3://bucket/plans", "s3://other/plans/a", None),
        ("s3://bucket/plans", "/srv/plans/a", None),
    ],
)
def test_a_plan_belongs_to_the_folder_that_it_lies_in(folder: str, plan: str, relative: str | None) -> None:
    """By the whole name, after .. is resolved; the connection in a URL is not a part of the place."""
    assert configuration.ConfiguredFolder(folder).relative(plan) == relative


def test_a_plan_is_found_through_a_symbolic_link_to_its_folder(tmp_path: Path) -> None:
    """A worker may have the plans mounted somewhere else than the configuration says, with a link between them."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "plans").symlink_to(tmp_path / "disk")
    assert configuration.ConfiguredFolder(str(tmp_path / "plans")).relative(tmp_path / "disk" / "today") == "today"


def test_the_url_is_relative_where_the_plugin_has_its_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow's pages have a <base>, so that it works behind a proxy without [api] base_url. Signs are quoted."""
    configure(monkeypatch, plan_folders="/srv/plans", report_base_url="https://files.example/plans")
    monkeypatch.setattr("airflow.__version__", "3.1.0rc1")
    (folder,) = plan_folders()
    assert report_url("/srv/plans/scheduled__2026-11-18T11:00:00+00:00 #1") == (
        f"calcom-no-shows/report?plan={folder.slug}/scheduled__2026-11-18T11%3A00%3A00%2B00%3A00%20%231"
    )
    assert report_url("/srv/plans") == f"calcom-no-shows/report?plan={folder.slug}"
    assert report_url("/srv/elsewhere") is None


@pytest.mark.parametrize("version", ["2.11.2", "3.0.6"])
def test_before_airflow_3_1_the_url_is_below_the_one_that_is_configured(
    monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """There is no page of ours then; without report_base_url there is no link, never one that leads nowhere."""
    configure(monkeypatch, plan_folders="/srv/plans")
    monkeypatch.setattr("airflow.__version__", version)
    assert report_url("/srv/plans/a") is None
    configure(monkeypatch, report_base_url="https://files.example/plans/")
    assert report_url("/srv/plans/a/b c") == "https://files.example/plans/a/b%20c/report.html"
    assert report_url("/srv/elsewhere") is None


def test_a_base_that_a_browser_would_run_as_script_is_rejected(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A link of a task is opened in Airflow's own page."""
    configure(monkeypatch, plan_folders="/srv/plans", report_base_url="javascript:alert(1)")
    monkeypatch.setattr("airflow.__version__", "3.0.6")
    with caplog.at_level(logging.WARNING):
        assert report_url("/srv/plans/a") is None
    assert "report_base_url" in caplog.text


def test_the_provider_and_the_reference_list_every_option() -> None:
    """With the same defaults: Airflow shows those of the provider, and before 3.2 it knows none."""
    source = inspect.getsource(configuration)
    used = set(re.findall(r'_(?:option|folders)\("(\w+)"', source))
    described = get_provider_info()["config"]["calcom_no_shows"]["options"]
    page = (Path(__file__).resolve().parents[1] / "docs/reference/configuration.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z]+_[a-z_]+)` \| `?(\w+)`? \|", page, re.MULTILINE))
    assert used == described.keys() == rows.keys()
    assert all(option["description"] and option["example"] for option in described.values())
    assert {name: option["default"] or "empty" for name, option in described.items()} == rows
