"""A retry policy for tasks, by what this package knows of its errors. It needs Airflow 3.3."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom.errors import ProviderError

if TYPE_CHECKING:
    from airflow.sdk import Context

try:
    from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy
except ImportError:  # before Airflow 3.3
    RetryPolicy = object  # type: ignore[assignment,misc]

LONGEST_DELAY = timedelta(days=1)
"""A longer wait that a server or a proxy requests is cut to this."""

_LONGEST_REASON = 500
"""Characters of a reason that Airflow's database keeps."""


class RetryPolicyUnavailable(ProviderError, ImportError):
    """This Airflow has no retry policies. Upgrade it to 3.3, or leave ``retry_policy`` out of the DAG."""


class CalComRetryPolicy(RetryPolicy):
    """Retry what may succeed later, at the time that Cal.com names, and fail the rest at once.

    For the errors of this package their attribute ``retryable`` decides. An error with a wait that Cal.com requested,
    such as ``RateLimited``, is retried after that wait, at most a day; others after the task's ``retry_delay``. About
    errors of anything else it decides nothing, so that the task's own settings apply. Airflow still limits the number
    of attempts by ``retries``.

    The reason has no address, name or key. Airflow logs it in the task's log, and stores that of a retry.

    Operators of this package never retry an error that is not retryable, also without this policy.

    :raises RetryPolicyUnavailable: before Airflow 3.3.
    """

    def __init__(self) -> None:
        if RetryPolicy is object:
            raise RetryPolicyUnavailable(
                "CalComRetryPolicy needs Airflow 3.3 or newer. Leave retry_policy out: operators of this package fail"
                " at once on every version if an error is not retryable"
            )

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Decide whether, and when, a failed task is retried. Airflow calls it in the worker.

        :param exception: what the task raised.
        :param try_number: of the attempt that failed, from 1. Not used.
        :param max_tries: how many retries the task has. Not used: Airflow checks it.
        :param context: the task's. Not used.
        """
        if not isinstance(exception, ProviderError):
            return RetryDecision.default()
        name = type(exception).__name__
        if not exception.retryable:
            return RetryDecision.fail(_reason(f"{name} is not retryable: {exception}"))
        delay = _requested_delay(exception)
        when = "" if delay is None else f" in {delay.total_seconds():.0f} s, as the server requested"
        return RetryDecision.retry(delay, _reason(f"{name} is retried{when}: {exception}"))

    def serialize(self) -> dict[str, Any]:
        """Return the policy as JSON. It has no settings."""
        return {"__type": type(self).__name__}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> CalComRetryPolicy:
        """Return the policy from what :meth:`serialize` returned.

        :param data: not used.
        """
        return cls()


def _requested_delay(error: ProviderError) -> timedelta | None:
    """Return how long the server wants us to wait, or None if it named no time."""
    seconds = getattr(getattr(error, "failure", None), "retry_after", None)
    if not isinstance(seconds, (int, float)) or not seconds > 0:
        return None
    return timedelta(seconds=min(seconds, LONGEST_DELAY.total_seconds()))


def _reason(text: str) -> str:
    from airflow_provider_calcom._redact import redact

    return redact(text)[:_LONGEST_REASON]
