"""ApproveNoShowsOperator: a person sees who would be marked and why, and approves the plan that is then applied."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from airflow_provider_calcom.api.errors import InvalidArgument
from airflow_provider_calcom.attendance.errors import PlanRefused
from airflow_provider_calcom.no_shows.apply.application import PlanHashMismatch
from airflow_provider_calcom.no_shows.plan_files import CorruptPlan, PlanNotRead, read_summary
from airflow_provider_calcom.reports import markdown
from benchmarks.plans import write_plan_by_hand
from tests.operators.applying import change
from tests.support import ends_the_task

RELEASE = tuple(int(part) for part in version("apache-airflow").split(".")[:2])
pytestmark = pytest.mark.skipif(RELEASE < (3, 1), reason="approvals are part of Airflow 3.1 and newer")
GUEST = "{{ 7 * 7 }}<b>@client.example"


class Waiting(Exception):
    """Raised by a test's stand-in for Airflow's own part of the operator, which waits for the response."""


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the tasks that began to wait for a person."""
    from airflow.providers.standard.operators.hitl import ApprovalOperator

    waiting: list[Any] = []

    def wait(operator: Any, context: Any) -> None:
        waiting.append(operator)
        raise Waiting

    monkeypatch.setattr(ApprovalOperator, "execute", wait)
    return waiting


def approve(plan: Any, *, context: Any = None, **options: Any) -> Any:
    from airflow_provider_calcom.operators.approval import ApproveNoShowsOperator

    operator = ApproveNoShowsOperator(task_id="approve", plan=plan, **options)
    return operator.execute({} if context is None else context)


def plan_of(folder: Path, *addresses: str, **summary: Any) -> dict[str, Any]:
    """Write a plan, and return what PlanNoShowsOperator returns of it."""
    write_plan_by_hand(folder, [change(f"b{index}", one) for index, one in enumerate(addresses)], **summary)
    return {"plan_path": str(folder), "state": "ready", "sha256": read_summary(folder)["sha256"], "changes": {}}


def test_a_person_sees_who_and_why(tmp_path: Path, shown: list[Any]) -> None:
    """Subject and body have the number of changes and a masked table; a text that looks like a template stays one."""
    plan = plan_of(tmp_path, "ann@client.example", GUEST)
    with pytest.raises(Waiting):
        approve(plan)
    assert shown[0].subject == "Apply 2 changes of no-show flags?"
    assert "`a***@client.example`" in shown[0].body
    assert "ann@client" not in shown[0].body
    with pytest.raises(Waiting):
        approve(plan, mask_addresses=False, subject="Apply?", limit=1)
    assert shown[1].subject == "Apply?"
    assert "ann@client.example" in shown[1].body
    assert "and 1 more change" in shown[1].body


def test_what_is_shown_is_never_a_template() -> None:
    """Airflow renders neither the body nor the plan's rows: only fields that the DAG's author writes are templates."""
    from airflow_provider_calcom.operators.approval import ApproveNoShowsOperator

    assert set(ApproveNoShowsOperator.template_fields) == {"plan", "subject", "storage_conn_id"}


def test_a_plan_without_changes_needs_no_approval(tmp_path: Path, shown: list[Any]) -> None:
    """Nobody gets a question with nothing to decide: the task ends as one that was approved."""
    result = approve(plan_of(tmp_path))
    assert shown == []
    assert result["chosen_options"] == ["Approve"]
    assert result["responded_by_user"] is None


def test_another_plan_in_the_folder_is_not_shown(tmp_path: Path, shown: list[Any]) -> None:
    """A plan that replaced the one of this run is not approved as if it were that one."""
    plan = plan_of(tmp_path, "ann@client.example")
    plan_of(tmp_path, "bob@client.example")
    with pytest.raises(PlanHashMismatch) as raised:
        approve(plan)
    assert ends_the_task(raised.value)
    assert shown == []


@pytest.mark.parametrize(
    ("plan", "error"), [(None, InvalidArgument), ("None", InvalidArgument), ("/no/such/folder", CorruptPlan)]
)
def test_no_plan(plan: Any, error: type[Exception], shown: list[Any]) -> None:
    """A parameter that found nothing, or a folder without a plan, ends the task without retries."""
    with pytest.raises(error) as raised:
        approve(plan)
    assert ends_the_task(raised.value)
    assert shown == []


def test_a_rejected_plan_can_not_be_approved(tmp_path: Path, shown: list[Any]) -> None:
    """A guard rail is not overruled by an approval."""
    folder = tmp_path / "refused"
    write_plan_by_hand(folder, [], state="refused", changes_file="refused-changes.jsonl", refused=["max_changes: 2"])
    (folder / "plan.jsonl").rename(folder / "refused-changes.jsonl")
    with pytest.raises(PlanRefused):
        approve(str(folder))
    assert shown == []


@pytest.mark.parametrize("error", [ImportError("no duckdb"), PlanNotRead("plan: no rights to bookings.parquet")])
def test_a_table_that_can_not_be_made_does_not_fail_the_run(
    tmp_path: Path, shown: list[Any], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """The plan is verified, so a person can still approve it: with its numbers, and where it is."""
    monkeypatch.setattr(markdown, "approval_text", mock.Mock(side_effect=error))
    with pytest.raises(Waiting):
        approve(plan_of(tmp_path, "ann@client.example", GUEST))
    assert shown[0].subject == "Apply 2 changes of no-show flags?"
    assert "- changes: 2" in shown[0].body
    assert f"`{tmp_path}`" in shown[0].body
    assert "client.example" not in shown[0].body


def test_a_plan_that_is_not_verified_still_fails(
    tmp_path: Path, shown: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that is damaged while the page is made, and one whose changes were edited."""
    plan = plan_of(tmp_path, "ann@client.example")
    with monkeypatch.context() as patched:
        patched.setattr(markdown, "approval_text", mock.Mock(side_effect=CorruptPlan("plan: torn")))
        with pytest.raises(CorruptPlan):
            approve(plan)
    changes = tmp_path / "plan.jsonl"
    changes.write_text(changes.read_text().replace("ann@", "bob@"))
    with pytest.raises(CorruptPlan):
        approve(plan)
    assert shown == []


def test_the_report_is_linked_from_page_and_task(
    tmp_path: Path, shown: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the configured folders there is a link; otherwise none, instead of one that leads nowhere."""
    monkeypatch.setenv("AIRFLOW__CALCOM_NO_SHOWS__PLAN_FOLDERS", str(tmp_path / "plans"))
    task_instance = mock.Mock()
    with pytest.raises(Waiting):
        approve(plan_of(tmp_path / "plans" / "a", "ann@client.example"), context={"ti": task_instance})
    url = task_instance.xcom_push.call_args.kwargs["value"]
    assert url.startswith("calcom-no-shows/report?plan=")
    assert f"({url})" in shown[0].body
    elsewhere = mock.Mock()
    with pytest.raises(Waiting):
        approve(plan_of(tmp_path / "elsewhere", "ann@client.example"), context={"ti": elsewhere})
    elsewhere.xcom_push.assert_not_called()
    assert "report?" not in shown[1].body
