"""Triggers that wait for the data of attendance: files that no longer grow, or a timestamp of a query."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, ClassVar

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_calcom._timestamps import format_timestamp, parse_timestamp
from airflow_provider_calcom.api.query import time_zone
from airflow_provider_calcom.errors import ProviderError
from airflow_provider_calcom.hooks._storage import Storage
from airflow_provider_calcom.hooks.sql import query_timestamp
from airflow_provider_calcom.no_shows.readiness import FileState, GrowingFiles, look_at
from airflow_provider_calcom.triggers._events import done, failed

SHORTEST_SLEEP = 5.0
_LONGEST_SLEEP = 900.0
"""Seconds between two queries before the time that is waited for: the clock of this machine may be wrong."""


def summary_of(files: tuple[FileState, ...]) -> dict[str, Any]:
    """Return the result for files that are ready: their number and bytes."""
    return {"files": len(files), "bytes": sum(one.size for one in files)}


class _PollingTrigger(BaseTrigger):
    """Checks in a thread, at intervals, and fires once with ``{"status": "done", "result": ...}`` or with an error.

    :cvar default_sleep: waits for some seconds; tests replace it.
    """

    default_sleep: ClassVar[Callable[[float], Awaitable[None]]] = staticmethod(asyncio.sleep)
    _names: ClassVar[tuple[str, ...]]

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and its arguments: plain data, without anything of a connection but its id."""
        return f"{__name__}.{type(self).__name__}", {name: getattr(self, name) for name in self._names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield the one event."""
        try:
            payload = done(result=await self._wait())
        except ProviderError as error:
            payload = failed(error)
        yield TriggerEvent(payload)  # type: ignore[no-untyped-call]

    async def _wait(self) -> dict[str, Any]:
        while True:
            await type(self).default_sleep(max(SHORTEST_SLEEP, self._seconds()))
            result = await asyncio.to_thread(self._look)
            if result is not None:
                return result

    @abstractmethod
    def _seconds(self) -> float:
        """Return the seconds until the next look."""

    @abstractmethod
    def _look(self) -> dict[str, Any] | None:
        """Return the result, or None if it is to be waited for. Runs in a thread."""


class FilesStableTrigger(_PollingTrigger):
    """Wait until files exist and no longer change.

    :param path: a file, a folder, or a pattern with ``*``: a path, or a URL of Airflow's object storage.
    :param stable_for: seconds for which they must not change.
    :param poke_interval: seconds between two looks.
    :param storage_conn_id: id of the object storage's connection, or None.
    """

    _names = ("path", "stable_for", "poke_interval", "storage_conn_id")

    def __init__(
        self, *, path: str, stable_for: float, poke_interval: float = 60.0, storage_conn_id: str | None = None
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.path = path
        self.stable_for = stable_for
        self.poke_interval = poke_interval
        self.storage_conn_id = storage_conn_id
        self._growing = GrowingFiles(stable_for)
        self._has_looked = False

    def _seconds(self) -> float:
        if not self._has_looked:
            return 0.0
        left = self._growing.seconds_left
        return self.poke_interval if left is None else min(self.poke_interval, left)

    def _look(self) -> dict[str, Any] | None:
        self._has_looked = True
        files = look_at("path", Storage(self.storage_conn_id).path("path", self.path))
        return summary_of(files) if self._growing.are_stable(files) else None


class QueryReachedTrigger(_PollingTrigger):
    """Wait until the timestamp that a query returns is not before a moment.

    :param sql: returns one timestamp.
    :param conn_id: id of the SQL connection.
    :param until: the moment, ISO 8601 with an offset.
    :param zone: the time zone of a timestamp without an offset, or None.
    :param poke_interval: seconds between two queries.
    """

    _names = ("sql", "conn_id", "until", "zone", "poke_interval")

    def __init__(
        self, *, sql: str, conn_id: str, until: str, zone: str | None = None, poke_interval: float = 60.0
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.sql = sql
        self.conn_id = conn_id
        self.until = until
        self.zone = zone
        self.poke_interval = poke_interval

    def _seconds(self) -> float:
        seconds = parse_timestamp(self.until).timestamp() - time.time()
        return max(self.poke_interval, min(seconds, _LONGEST_SLEEP))

    def _look(self) -> dict[str, Any] | None:
        zone = None if self.zone is None else time_zone(self.zone)
        found = query_timestamp(self.conn_id, self.sql, zone)
        is_reached = found is not None and found >= parse_timestamp(self.until)
        return {"complete_until": format_timestamp(found)} if found is not None and is_reached else None
