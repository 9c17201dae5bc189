"""MarkAbsentOperator with ``deferrable``: it waits for the start, and marks on a worker only."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException, TaskDeferred

from airflow_provider_calcom.api import errors
from airflow_provider_calcom.operators.no_shows import MarkAbsentOperator
from tests.operators.marking import AHEAD, BOB, OF_BOB, mark
from tests.sensors.waiting import event_of, reschedule, sleeping
from tests.support import BUILDS, SandboxDriver, ends_the_task

each_build = pytest.mark.parametrize("build", BUILDS)


def waiting(**options: Any) -> tuple[MarkAbsentOperator, TaskDeferred]:
    """Return a task that waits for tomorrow's first booking, and its deferral."""
    task = MarkAbsentOperator(task_id="mark", booking_uid=AHEAD, attendees=[BOB], deferrable=True, **options)
    with pytest.raises(TaskDeferred) as raised:
        task.execute({})
    return task, raised.value


@each_build
def test_it_waits_for_the_start_and_marks_then(calcom: SandboxDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written before the start; then the task marks once, after it has read the booking again."""
    task, deferral = waiting(execution_timeout=timedelta(days=2))
    assert (deferral.method_name, deferral.timeout) == ("execute_complete", timedelta(days=2))
    slept = sleeping(calcom, monkeypatch)
    event = event_of(deferral.trigger)
    # The booking is at 8 tomorrow, and it is noon.
    assert sum(slept) == pytest.approx(20 * 3600, abs=20)
    assert calcom.writes() == []
    assert task.execute_complete({}, event)["marked"] == [BOB]
    assert len(calcom.marks()) == 1


def test_a_booking_that_moved_is_waited_for_again(calcom: SandboxDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event alone does not permit a mark: a booking that starts later by now defers the task once more."""
    task, deferral = waiting()
    sleeping(calcom, monkeypatch)
    event = event_of(deferral.trigger)
    calcom.change(AHEAD, start="2026-11-21T08:00:00Z", end="2026-11-21T08:30:00Z")
    with pytest.raises(TaskDeferred):
        task.execute_complete({}, event)
    assert calcom.writes() == []


def test_a_booking_that_is_cancelled_or_rescheduled_meanwhile(
    calcom: SandboxDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task fails as it would have without waiting, and writes nothing."""
    task, deferral = waiting()
    sleeping(calcom, monkeypatch, after_1=lambda: reschedule(calcom, AHEAD, "2026-11-21T10:00:00Z"))
    event = event_of(deferral.trigger)
    with pytest.raises(errors.BookingNotMarkable) as raised:
        task.execute_complete({}, event)
    assert ends_the_task(raised.value)
    assert calcom.writes()[1:] == []


def test_an_error_of_the_trigger_is_raised(calcom: SandboxDriver) -> None:
    """As its class, and without a retry where that can't help."""
    task, _ = waiting()
    event = {"status": "error", "error": "airflow_provider_calcom.api.errors:InvalidCredentials", "text": "no"}
    with pytest.raises(errors.InvalidCredentials) as raised:
        task.execute_complete({}, event)
    assert ends_the_task(raised.value)


def test_a_booking_that_has_started_is_not_deferred(calcom: SandboxDriver) -> None:
    """And a task that shall be skipped before the start is."""
    assert mark(OF_BOB, [BOB], deferrable=True)["marked"] == [BOB]
    with pytest.raises(AirflowSkipException):
        mark(AHEAD, [BOB], deferrable=True, on_not_started="skip")
