"""How errors of the client end an Airflow task: those that can't heal by themselves end it without retries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_calcom.api.errors import CalComError


@contextmanager
def without_useless_retries() -> Iterator[None]:
    """Let errors through that the next try may not meet; turn the others into failures that Airflow does not retry.

    The error keeps its class, so that ``except BookingNotFound`` and a failure callback see what they expect: it is
    raised as a subclass of both its class and :class:`AirflowFailException`. Wrapping it in one exception of our own
    was rejected, because it would hide the class, which says what the user can do.
    """
    try:
        yield
    except CalComError as error:
        if error.may_heal:
            raise
        failing = _failing(type(error))(error.explanation, error.failure)
        raise failing.with_traceback(error.__traceback__) from error.__cause__


def _failing(kind: type[CalComError]) -> type[CalComError]:
    names = {"__doc__": kind.__doc__, "__module__": kind.__module__, "__reduce__": _as_its_own_kind}
    return type(kind.__name__, (kind, AirflowFailException), names)


def _as_its_own_kind(error: CalComError) -> tuple[type[CalComError], tuple[object, ...]]:
    """Have a failure pickled as the client's own error: the class made here can't be found by its name."""
    return type(error).__mro__[1], (error.explanation, error.failure)
