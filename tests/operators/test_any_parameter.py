"""Random parameters of operators: the task succeeds, or fails with an error of ours that names the parameter."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_calcom.operators.bookings import ListBookingsOperator
from airflow_provider_calcom.operators.no_shows import (
    ApplyNoShowsOperator,
    MarkAbsentOperator,
    PlanNoShowsOperator,
)
from airflow_provider_calcom.operators.webhooks import EnsureWebhookOperator
from tests.operators.planning import WHOLE, plan, table_rows
from tests.wild import ANY_OBJECT, ANY_TEXT, ANYTHING, limits, outcome

CLOSED = "http://127.0.0.1:9"
# Parameters of the engine. Their plans are the same, so they are not tried for each value.
_OF_ENGINE = {"memory_limit", "threads", "zone"}


def parameters(operator: type) -> list[str]:
    """Return the names of an operator's own parameters."""
    signature = inspect.signature(operator.__init__)  # type: ignore[misc]
    return [name for name, one in signature.parameters.items() if one.kind is one.KEYWORD_ONLY]


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a plan."""
    folder = tmp_path_factory.mktemp("any-parameter")
    bookings, people, attendance = table_rows()
    plan(folder / "plan", attendance=attendance, bookings=bookings, people=people, after_start=None, before_start=None)
    return folder


@pytest.fixture
def place(planned: Path, connect: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory, which has a plan. The connection's server does not exist."""
    monkeypatch.chdir(planned)
    connect(host=CLOSED, password="cal_key_of_nobody", extra=json.dumps({"max_attempts": 1}))
    return planned


def run(operator: type, name: str, value: Any, rest: dict[str, Any]) -> None:
    """Run an operator whose field has a value, as after rendering."""
    made = operator(task_id="task", **{key: one for key, one in rest.items() if key != name}, **_needed(operator, name))
    # Not by setattr, with which Airflow searches the value for results of other tasks.
    object.__setattr__(made, "is_dry_run" if name == "dry_run" else name, value)
    made.execute({})


def _needed(operator: type, name: str) -> dict[str, Any]:
    needed = {"attendance", "plan_path", "booking_uid", "plan", "subscriber_url"} & set(parameters(operator))
    return {name: "x"} if name in needed else {}


def named(name: str) -> tuple[str, ...]:
    return (name,)


@pytest.mark.parametrize("name", parameters(MarkAbsentOperator))
@given(value=ANYTHING)
@limits(4)
def test_mark_absent(place: Path, name: str, value: Any) -> None:
    """MarkAbsentOperator rejects an invalid value by its parameter; only retryable errors are retried."""
    rest = {"booking_uid": "abc", "attendees": ["bob@example.org"]}
    outcome(lambda: run(MarkAbsentOperator, name, value, rest), names=named(name))


@pytest.mark.parametrize("name", parameters(ListBookingsOperator))
@given(value=ANYTHING)
@limits(2)
def test_list_bookings(place: Path, name: str, value: Any) -> None:
    """ListBookingsOperator does too."""
    outcome(lambda: run(ListBookingsOperator, name, value, {"output_path": "out.jsonl"}), names=named(name))


@pytest.mark.parametrize("name", parameters(EnsureWebhookOperator))
@given(value=ANYTHING)
@limits(3)
def test_ensure_webhook(place: Path, connect: Any, name: str, value: Any) -> None:
    """EnsureWebhookOperator does too."""
    connect(host=CLOSED, password="cal_key_of_nobody", extra=json.dumps({"max_attempts": 1, "webhook_secret": "s"}))
    rest = {"subscriber_url": "https://gateway.example", "triggers": ["BOOKING_CREATED"]}
    outcome(lambda: run(EnsureWebhookOperator, name, value, rest), names=named(name))


@pytest.mark.parametrize("name", parameters(ApplyNoShowsOperator))
@given(value=ANYTHING)
@limits(3)
def test_apply_no_shows(place: Path, name: str, value: Any) -> None:
    """ApplyNoShowsOperator does too."""
    rest = {"plan": str(place / "plan"), "ledger_path": str(place / "ledger")}
    outcome(lambda: run(ApplyNoShowsOperator, name, value, rest), names=named(name))


@pytest.mark.parametrize("name", [name for name in parameters(PlanNoShowsOperator) if name not in _OF_ENGINE])
@given(value=ANYTHING)
@limits(3)
def test_plan_no_shows_of_the_api(place: Path, name: str, value: Any) -> None:
    """PlanNoShowsOperator does too, with bookings from Cal.com."""
    rest = {"attendance": [], "plan_path": "new", "after_start": "2026-11-18", "before_start": "2026-11-19"}
    outcome(lambda: run(PlanNoShowsOperator, name, value, rest), names=named(name))


@pytest.mark.parametrize("name", ["attendance", "bookings", "people", "policy", "guard_rails", "zone", "threads",
                                  "memory_limit", "plan_path", "ledger_path", "rules_conn_id",
                                  "plan_addresses", "calcom_conn_id"])  # fmt: skip
@given(value=ANY_OBJECT | ANY_TEXT)
@limits(2)
def test_plan_no_shows_of_tables(place: Path, name: str, value: Any) -> None:
    """PlanNoShowsOperator does too, with tables, on which the rules run."""
    bookings, people, attendance = table_rows()
    rest = {"attendance": attendance, "bookings": bookings, "people": people, "plan_path": "new", "policy": WHOLE}
    error = outcome(lambda: run(PlanNoShowsOperator, name, value, rest), names=named(name))
    assert error is None or not re.search(r"Traceback|\bduckdb\.", str(error))


FIELDS = ["feed", "path", "rows", "sql", "conn_id", "options", "sessions_path", "unfetched"]


@given(entry=st.dictionaries(st.sampled_from(FIELDS) | ANY_TEXT, ANYTHING, max_size=3))
@limits(5)
def test_entries_of_attendance(place: Path, entry: dict[str, Any]) -> None:
    """An entry of ``attendance`` is a valid feed or row, or is rejected by its index."""
    bookings, people, _ = table_rows()
    rest = {"bookings": bookings, "people": people, "plan_path": "new", "policy": WHOLE}
    outcome(lambda: run(PlanNoShowsOperator, "attendance", [entry], rest), names=("attendance", "feed"))


@pytest.mark.parametrize("field", ["policy", "guard_rails"])
@given(data=st.data())
@limits(15)
def test_fields_of_policy_and_rails(place: Path, field: str, data: st.DataObject) -> None:
    """An invalid field of the policy or of the guard rails is rejected by its name."""
    from airflow_provider_calcom.attendance.policy import AttendancePolicy
    from airflow_provider_calcom.no_shows.guard_rails import GuardRails

    kind: Any = {"policy": AttendancePolicy, "guard_rails": GuardRails}[field]
    name = data.draw(st.sampled_from(sorted(kind.__dataclass_fields__)))
    value = data.draw(ANYTHING)
    outcome(lambda: kind.of({name: value}), names=(name,), in_task=False)


@pytest.mark.parametrize("value", ["None", "", " ", "null", None, [], 0])
@pytest.mark.parametrize("operator", [MarkAbsentOperator, ApplyNoShowsOperator])
def test_a_dry_run_that_found_nothing(place: Path, operator: type, value: Any) -> None:
    """A template of ``dry_run`` that found nothing must not start to write."""
    given: dict[Any, dict[str, Any]] = {
        MarkAbsentOperator: {"booking_uid": "abc", "attendees": ["bob@example.org"]},
        ApplyNoShowsOperator: {"plan": str(place / "plan"), "ledger_path": "ledger"},
    }
    error = outcome(lambda: run(operator, "dry_run", value, given[operator]), names=("dry_run",))
    assert type(error).__name__ == "InvalidArgument"
