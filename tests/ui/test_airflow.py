"""Airflow's own pages: the connection's form and its test, the form of a run, and the approval of a plan."""

from __future__ import annotations

from collections import Counter

from airflow_provider_calcom.no_shows.plan_files import read_plan
from tests.ui.conftest import DAG_ID, WEB_URL, Connected, Run
from tests.ui.stack import Stack


def test_the_connection_is_created_in_the_form_and_tested(connected: Connected) -> None:
    """The form names what Cal.com needs, and the Test button shows that the key works.

    With the port, because Airflow 3.3.1 and 3.3.2 answer "Bad Request" for a stored connection without one.
    """
    for label in ("API key", "API URL", "Port", "Region", "Web app URL", "Timeout"):
        assert any(line.startswith(label) for line in connected.form.splitlines()), label
    assert "https://api.cal.example.com" in connected.placeholders["host"]
    assert connected.placeholders["password"].startswith("cal_")
    assert "443" in connected.placeholders["port"]
    status, answer = connected.tested
    assert (status, answer["status"]) == (200, True)
    assert "as olivia" in answer["message"]
    assert "cal_demo" not in str(answer)


def test_a_run_is_started_in_the_form_and_waits(planned: Run, approval: str, stack: Stack) -> None:
    """Nothing is written before the approval, whose page shows who and why, masked, and has a link to the report."""
    assert stack.mark_absent_calls().total() == 0
    for change in read_plan(planned.plan):
        assert f"{WEB_URL}/booking/{change.booking_uid}" in approval
        assert change.email not in approval
    assert approval.count("<tr") == 1 + len(planned.changes())
    assert "calcom-no-shows/report?plan=" in approval


def test_an_approved_plan_marks_its_people_once(applied: Run, stack: Stack) -> None:
    """Exactly the plan's attendees have the flag beside those who had it before, after one call for each booking."""
    assert stack.airflow.task(DAG_ID, applied.run_id, "apply")["state"] == "success"
    assert len(applied.changes()) == 6
    assert stack.absent() - stack.absent_at_first == applied.changes()
    assert stack.mark_absent_calls() == Counter({uid: 1 for uid, _ in applied.changes()})
