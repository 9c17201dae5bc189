"""Airflow's own pages: the connection's form and its test, the form of a run, and the approval of a plan."""

from __future__ import annotations

from tests.ui.conftest import Connected, Run
from tests.ui.stack import Stack


def test_the_connection_is_created_in_the_form_and_tested(connected: Connected) -> None:
    """The form names what Cal.com needs, and the Test button shows that the key works.

    With the port, because Airflow 3.3.1 and 3.3.2 answer "Bad Request" for a stored connection without one.
    """
    assert {"Base URL", "API key", "Region", "Web URL"} <= set(connected.form.splitlines())
    assert "https://api.cal.example.com" in connected.placeholders["host"]
    assert connected.placeholders["password"].startswith("cal_")
    status, answer = connected.tested
    assert (status, answer["status"]) == (200, True)
    assert "as olivia" in answer["message"]
    assert "cal_demo" not in str(answer)


def test_a_run_is_started_in_the_form_and_waits(planned: Run, stack: Stack) -> None:
    """The form explains each param; nothing is written before the approval."""
    assert "approve" in planned.form
    assert stack.mark_absent_calls().total() == 0
    assert (planned.plan / "plan.jsonl").is_file()
