"""Helpers for tests of MarkAbsentOperator."""

from __future__ import annotations

from typing import Any

from airflow_provider_calcom.operators.no_shows import MarkAbsentOperator

RESULT_KEYS = {"booking_uid", "marked", "unmarked", "unchanged", "unknown", "absent_host", "calls"}
BOB = "bob@example.org"
CAROL = "carol@example.org"
DAVE = "dave+cal@example.org"
ERIN = "Erin.Egan@Example.org"
MONA = "mona+cm0practice0client0id0000@example.org"
OF_BOB = "sandbox-yesterday-1"
OF_ERIN = "sandbox-yesterday-4"
OF_THREE = "sandbox-yesterday-5"
OF_MONA = "sandbox-yesterday-8"
AHEAD = "sandbox-tomorrow-1"
FOREIGN = "sandbox-of-other"


def mark(uid: Any, attendees: Any = None, *, context: Any = None, **options: Any) -> dict[str, Any]:
    """Run the operator as a task would, with ``attendees`` and the other parameters as given."""
    operator = MarkAbsentOperator(task_id="mark_absent", booking_uid=uid, attendees=attendees, **options)
    result: dict[str, Any] = operator.execute({} if context is None else context)
    return result
