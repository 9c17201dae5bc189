"""CalComRetryPolicy: what is retryable is retried when Cal.com says, and the rest fails at once."""

from __future__ import annotations

import importlib.util
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException

from airflow_provider_calcom import retries
from airflow_provider_calcom.api.errors import Failure, InvalidArgument, RateLimited, ServerFault
from airflow_provider_calcom.no_shows.apply.result import ChangesFailed
from airflow_provider_calcom.operators.bookings import ListBookingsOperator
from airflow_provider_calcom.operators.no_shows import PlanNoShowsOperator
from airflow_provider_calcom.retries import CalComRetryPolicy, RetryPolicyUnavailable

needs_policies = pytest.mark.skipif(
    not hasattr(CalComRetryPolicy, "__abstractmethods__"), reason="Airflow before 3.3 has no retry policies"
)


def decision(error: BaseException) -> tuple[str, timedelta | None, str | None]:
    found = CalComRetryPolicy().evaluate(error, 1, 3)
    return found.action.value, found.retry_delay, found.reason


def limited(seconds: float | None) -> RateLimited:
    return RateLimited("The limit is used up", Failure("GET", "/bookings", 429, retry_after=seconds))


@needs_policies
@pytest.mark.parametrize(
    ("error", "action", "delay"),
    [
        (limited(90), "retry", timedelta(seconds=90)),
        (limited(None), "retry", None),
        (limited(0), "retry", None),
        (limited(float("nan")), "retry", None),
        (limited(1e300), "retry", timedelta(days=1)),
        (ServerFault("later"), "retry", None),
        (ChangesFailed("1 of 2", retryable=True), "retry", None),
        (ChangesFailed("1 of 2", retryable=False), "fail", None),
        (InvalidArgument("plan_path is None"), "fail", None),
        (ValueError("something else"), "default", None),
    ],
    ids=lambda value: str(value)[:20],
)
def test_decisions(error: BaseException, action: str, delay: timedelta | None) -> None:
    """The error's ``retryable`` decides, the time is the server's, and foreign errors are left to the task."""
    assert decision(error)[:2] == (action, delay)


@needs_policies
def test_the_reason_is_short_and_has_nothing_private() -> None:
    """It names the error and the wait; it fits Airflow's column, and hides addresses and keys."""
    assert decision(limited(90))[2] == (
        "RateLimited is retried in 90 s, as the server requested: The limit is used up (GET /bookings: status 429)"
    )
    private = InvalidArgument(f"attendees: bob@example.org, cal_live_4f9a77bb1c2d55aa {'x ' * 600}")
    reason = decision(private)[2] or ""
    assert reason.startswith("InvalidArgument is not retryable: attendees: ")
    assert len(reason) <= 500
    assert "bob" not in reason
    assert "4f9a" not in reason


class Listing(ListBookingsOperator):
    """An operator whose work fails."""

    def _execute(self, context: Any) -> Any:
        raise InvalidArgument("plan_path is None")


@needs_policies
@pytest.mark.parametrize("error", [limited(90), InvalidArgument("plan_path is None")], ids=["later", "never"])
def test_airflow_acts_on_it(error: Exception) -> None:
    """Airflow's own runner reports a retry at that time and with the reason, or a failure although retries are left."""
    from airflow.sdk.execution_time import task_runner

    operator = ListBookingsOperator(task_id="list", output_path="b.jsonl", retries=3, retry_policy=CalComRetryPolicy())
    instance: Any = SimpleNamespace(
        task=operator,
        try_number=1,
        stats_tags={},
        rendered_map_index=None,
        _failure_metrics_emitted=True,
        _ti_context_from_server=SimpleNamespace(max_tries=3, should_retry=True),
    )
    log: Any = SimpleNamespace(info=lambda *args, **kwargs: None)
    reported: Any
    reported, state = task_runner._handle_current_task_failed(instance, error, log)
    if isinstance(error, RateLimited):
        assert state.value == "up_for_retry"
        assert (reported.retry_delay_seconds, reported.retry_reason[:23]) == (90, "RateLimited is retried ")
    else:
        assert state.value == "failed"


@needs_policies
def test_operators_let_the_policy_decide() -> None:
    """Airflow consults no policy about an ``AirflowFailException``, so its reason would be nowhere."""
    with pytest.raises(InvalidArgument) as raised:
        Listing(task_id="list", output_path="b.jsonl", retry_policy=CalComRetryPolicy()).execute({})
    assert not isinstance(raised.value, AirflowFailException)
    with pytest.raises(AirflowFailException):
        Listing(task_id="list", output_path="b.jsonl").execute({})


@needs_policies
def test_a_dag_with_it_is_serialized() -> None:
    """The scheduler's copy of the DAG knows that there is a policy, also of a mapped task."""
    from airflow.serialization.serialized_objects import DagSerialization

    with DAG("d", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        policy: dict[str, Any] = {"retries": 3, "retry_policy": CalComRetryPolicy()}
        PlanNoShowsOperator(task_id="plan", attendance="a", plan_path="p", **policy)
        PlanNoShowsOperator.partial(task_id="mapped", attendance="a", **policy).expand(plan_path=["p"])
    copy = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    assert [copy.get_task(name).has_retry_policy for name in ("plan", "mapped")] == [True, True]
    policy_again = CalComRetryPolicy.deserialize(CalComRetryPolicy().serialize())
    assert policy_again.evaluate(limited(90), 1, 3) == CalComRetryPolicy().evaluate(limited(90), 1, 3)


def test_older_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The module can be imported there; the class says which Airflow it needs."""
    monkeypatch.setitem(sys.modules, "airflow.sdk.definitions.retry_policy", None)
    spec = importlib.util.spec_from_file_location("older_retries", Path(retries.__file__))
    assert spec is not None
    assert spec.loader is not None
    older = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(older)
    with pytest.raises(older.RetryPolicyUnavailable, match=r"needs Airflow 3\.3 or newer"):
        older.CalComRetryPolicy()
    assert issubclass(RetryPolicyUnavailable, ImportError)
