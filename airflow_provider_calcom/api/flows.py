"""A flow: several calls with decisions between them, written once for the sync and the async client.

It is a generator that yields an :class:`Endpoint` and is sent its result (or has its :class:`CalComError` thrown in),
or yields a :class:`Pause`; what it returns is the flow's result. httpx drives its ``Auth.auth_flow`` in the same way.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from airflow_provider_calcom.api.endpoints import Endpoint
from airflow_provider_calcom.api.errors import CalComError

T = TypeVar("T")


@dataclass(frozen=True)
class Pause:
    """Nothing is to be sent for a while.

    :param seconds: how long.
    """

    seconds: float


Flow = Generator[Endpoint[Any] | Pause, Any, T]


@dataclass(frozen=True)
class Done(Generic[T]):
    """The flow has ended.

    :param result: what it returned.
    """

    result: T


def advance(flow: Flow[T], came: object) -> Endpoint[Any] | Pause | Done[T]:
    """Hand a flow what came of its last step, and give its next one.

    :param came: the result of the last call, or the error that it ended in; None at the beginning and after a pause.
    """
    try:
        return flow.throw(came) if isinstance(came, CalComError) else flow.send(came)
    except StopIteration as end:
        return Done(end.value)
