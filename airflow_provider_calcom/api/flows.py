"""A flow: several calls with decisions between them, written once for the sync and the async client.

It is a generator that yields an :class:`Endpoint` and is sent its result (or has its :class:`CalComError` thrown in),
or yields a :class:`Pause`; what it returns is the flow's result. httpx drives its ``Auth.auth_flow`` in the same way.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from airflow_provider_calcom.api.endpoints import Endpoint

T = TypeVar("T")


@dataclass(frozen=True)
class Pause:
    """Nothing is to be sent for a while.

    :param seconds: how long.
    """

    seconds: float


Flow = Generator[Endpoint[Any] | Pause, Any, T]
