"""The report that operators write beside a plan: always there, never a reason to fail, and linked from the task."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from airflow_provider_calcom import reports
from airflow_provider_calcom.attendance.errors import PlanRefused
from airflow_provider_calcom.links import CalComBookingLink, NoShowReportLink
from airflow_provider_calcom.no_shows.apply.result import ChangesFailed
from airflow_provider_calcom.operators.no_shows import ApplyNoShowsOperator
from tests.operators.applying import apply
from tests.operators.marking import BOB, CAROL
from tests.operators.planning import fed, plan, report
from tests.support import SandboxDriver

pytestmark = pytest.mark.usefixtures("calcom")
OF_BOB, OF_CAROL = ("sandbox-yesterday-1", BOB), ("sandbox-yesterday-2", CAROL)
IS_AIRFLOW_3 = version("apache-airflow").startswith("3")


def html(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


def test_a_plan_has_a_report(calcom: SandboxDriver, tmp_path: Path) -> None:
    """It shows who would be marked; with ``mask_addresses`` no address."""
    plan(tmp_path, attendance=fed(report(calcom, OF_BOB)))
    assert BOB in html(tmp_path)
    plan(tmp_path, attendance=fed(report(calcom, OF_BOB)), mask_addresses="True")
    assert BOB not in html(tmp_path)


def test_a_rejected_plan_has_a_report(calcom: SandboxDriver, tmp_path: Path) -> None:
    """The task fails, and what is wrong with the feed can be looked at."""
    absent = [OF_BOB, OF_CAROL]
    with pytest.raises(PlanRefused):
        plan(tmp_path, attendance=fed(report(calcom, *absent)), guard_rails={"max_changes": 1})
    assert BOB in html(tmp_path)


def test_applying_updates_the_report(calcom: SandboxDriver, tmp_path: Path) -> None:
    """It then has the outcome of each change, also where changes failed."""
    folder = tmp_path / "plan"
    plan(folder, attendance=fed(report(calcom, OF_BOB)))
    before = html(folder)
    calcom.fault_on_mark("status", status=400, body={"message": "no"}, when="before", times=None)
    with pytest.raises(ChangesFailed):
        apply(folder)
    failed = html(folder)
    assert failed != before
    calcom.admin("faults", {"clear": True})
    apply(folder)
    assert html(folder) not in (before, failed)


@pytest.mark.parametrize("error", [OSError("disk full"), ImportError("No module named 'jinja2'"), KeyError("x")])
def test_a_report_that_can_not_be_written_fails_no_task(
    calcom: SandboxDriver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    """There is a warning with the reason, and no link; plan and outcomes are complete."""
    monkeypatch.setattr(reports, "write_report", mock.Mock(side_effect=error), raising=False)
    monkeypatch.setenv("AIRFLOW__CALCOM_NO_SHOWS__PLAN_FOLDERS", str(tmp_path))
    task_instance, folder = mock.Mock(), tmp_path / "plan"
    result = plan(folder, attendance=fed(report(calcom, OF_BOB)), context={"ti": task_instance})
    assert result["state"] == "ready"
    task_instance.xcom_push.assert_not_called()
    assert apply(folder)["outcomes"]["applied"] == 1
    warnings = [one.getMessage() for one in caplog.records if "report can't be written" in one.getMessage()]
    assert len(warnings) == 2
    assert all(type(error).__name__ in text for text in warnings)


def test_the_tasks_link_to_the_report(calcom: SandboxDriver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The link is pushed while the task runs, also of a task that fails afterwards."""
    folder = tmp_path / "a"
    monkeypatch.setenv("AIRFLOW__CALCOM_NO_SHOWS__PLAN_FOLDERS", str(tmp_path))
    monkeypatch.setenv("AIRFLOW__CALCOM_NO_SHOWS__REPORT_BASE_URL", "https://reports.example.com")
    planned, applied = mock.Mock(), mock.Mock()
    attendance = fed(report(calcom, OF_BOB, OF_CAROL))
    with pytest.raises(PlanRefused):
        plan(folder, attendance=attendance, guard_rails={"max_changes": 1}, context={"ti": planned})
    plan(folder, attendance=attendance)
    apply(folder, context={"ti": applied})
    for task_instance in (planned, applied):
        (pushed,) = [
            call.kwargs["value"]
            for call in task_instance.xcom_push.call_args_list
            if call.kwargs["key"] == NoShowReportLink.xcom_key
        ]
        assert pushed.endswith("/a") or pushed == "https://reports.example.com/a/report.html"


@pytest.mark.skipif(not IS_AIRFLOW_3, reason="Airflow 2 calls get_link on its server, which reads XCom")
def test_a_link_that_was_not_pushed_is_empty_without_an_error() -> None:
    """At the end of a task Airflow stores what this returns, and shows no button for an empty string."""
    operator = ApplyNoShowsOperator(task_id="apply", plan="p")
    key: Any = mock.Mock()
    assert NoShowReportLink().get_link(operator, ti_key=key) == ""
    NoShowReportLink.persist({}, operator, "https://reports.example.com/a")
    assert NoShowReportLink().get_link(operator, ti_key=key) == "https://reports.example.com/a"
    assert CalComBookingLink().get_link(operator, ti_key=key) == ""
