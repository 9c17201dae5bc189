"""How our errors end an Airflow task: one that is not retryable ends it without retries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_calcom.errors import ProviderError


@contextmanager
def fail_without_retry() -> Iterator[None]:
    """Let retryable errors through, and turn the others into failures that Airflow does not retry.

    The error keeps its class, so that ``except BookingNotFound`` and a failure callback see what they expect: it is
    raised as a subclass of both its class and :class:`AirflowFailException`. Wrapping it in one exception of our own
    was rejected, because it would hide the class, which says what the user can do.
    """
    try:
        yield
    except ProviderError as error:
        if error.retryable:
            raise
        raise _failing(error).with_traceback(error.__traceback__) from error.__cause__


def _failing(error: Exception) -> Exception:
    kind = type(error)
    names = {"__doc__": kind.__doc__, "__module__": kind.__module__, "__reduce__": _as_its_own_kind}
    failing = type(kind.__name__, (kind, AirflowFailException), names)
    copy: Exception = failing.__new__(failing, *error.args)
    copy.__dict__.update(error.__dict__)
    return copy


def _as_its_own_kind(error: Exception) -> tuple[Any, ...]:
    """Pickle a failure as its original class: the class made at run time can't be imported."""
    return _restored, (type(error).__mro__[1], error.args, error.__dict__)


def _restored(kind: type[Exception], arguments: tuple[Any, ...], fields: dict[str, Any]) -> Exception:
    copy = kind.__new__(kind, *arguments)
    copy.__dict__.update(fields)
    return copy
