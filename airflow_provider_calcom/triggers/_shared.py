"""One client and one pace for all triggers of a connection in a triggerer process.

Triggers that wait for bookings read at the same moments, as meetings end on the hour. What they request within a second
is read together, in pages of the list.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, TypeVar

from airflow_provider_calcom.api import listing
from airflow_provider_calcom.api.client import AsyncCalComClient
from airflow_provider_calcom.api.endpoints import Flow
from airflow_provider_calcom.api.errors import CalComError
from airflow_provider_calcom.api.lookups import Found, find_bookings
from airflow_provider_calcom.api.settings import ClientSettings

T = TypeVar("T")

_COLLECT = 1.0
"""Seconds for which requests are collected before they are read together."""


@dataclass(frozen=True)
class _Request:
    wanted: Mapping[str, datetime | None]
    result: asyncio.Future[Found] = field(repr=False)


class SharedReader:
    """Reads bookings for several triggers. Use it within one event loop.

    :param settings: where Cal.com is and who we are there.
    :param path: the list to read, as :func:`~airflow_provider_calcom.api.query.list_path` returns it.
    :cvar default_sleep: waits for some seconds; tests replace it.
    """

    default_sleep: ClassVar[Callable[[float], Awaitable[None]]] = staticmethod(asyncio.sleep)

    def __init__(self, settings: ClientSettings, path: str) -> None:
        self._client = AsyncCalComClient(settings)
        self._path = path
        self._requests: list[_Request] = []
        self._serving: asyncio.Task[None] | None = None
        self._first_call = asyncio.Lock()
        self.users = 0

    async def server_time(self) -> float:
        """Return the server's clock, as a Unix time. The first use in a process makes one call to find it out.

        :raises CalComError: if there was no response with a clock.
        """
        if not self._client.knows_server_time:
            async with self._first_call:
                if not self._client.knows_server_time:
                    await self._call_once()
        return self._client.server_time

    async def _call_once(self) -> None:
        try:
            await self._client.call(listing.one_booking(self._client.settings.api_version))
        except CalComError:
            if not self._client.knows_server_time:
                raise

    async def read(self, wanted: Mapping[str, datetime | None]) -> Found:
        """Return bookings, read together with those that other triggers request now.

        :param wanted: as for :func:`~airflow_provider_calcom.api.lookups.find_bookings`, which raises the errors.
        """
        request = _Request(wanted, asyncio.get_running_loop().create_future())
        self._requests.append(request)
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve())
        return await request.result

    async def run(self, flow: Callable[[str, str | None], Flow[T]]) -> T:
        """Drive a flow over the list, and return its result.

        :param flow: returns the flow for the path of the list, and the client's ``cal-api-version``.
        """
        return await self._client.run(flow(self._path, self._client.settings.api_version))

    async def _serve(self) -> None:
        try:
            while self._requests:
                await type(self).default_sleep(_COLLECT)
                requests, self._requests = self._requests, []
                await self._serve_together([one for one in requests if not one.result.done()])
        finally:
            self._serving = None

    async def _serve_together(self, requests: list[_Request]) -> None:
        wanted: dict[str, datetime | None] = {}
        for request in requests:
            wanted |= {uid: start or wanted.get(uid) for uid, start in request.wanted.items()}
        flow = find_bookings(
            wanted,
            path=self._path,
            api_version=self._client.settings.api_version,
            now=lambda: self._client.server_time,
        )
        try:
            found = await self._client.run(flow)
        except Exception as error:
            for request in requests:
                if not request.result.done():
                    request.result.set_exception(error)
            return
        for request in requests:
            if not request.result.done():
                request.result.set_result({uid: found[uid] for uid in request.wanted})

    async def close(self) -> None:
        """Close the connections. Nobody may wait for a result any more."""
        serving = self._serving
        if serving is not None:
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving
        await self._client.close()


_Key = tuple[asyncio.AbstractEventLoop, str, ClientSettings, str]
_readers: dict[_Key, SharedReader] = {}


@asynccontextmanager
async def shared_reader(conn_id: str, settings: ClientSettings, path: str) -> AsyncIterator[SharedReader]:
    """Yield the reader of a connection in this event loop; the last user's exit closes it.

    :param conn_id: id of the connection.
    :param settings: its fields; with other ones, as after a key was replaced, there is another reader.
    :param path: the list to read, as :func:`~airflow_provider_calcom.api.query.list_path` returns it.
    """
    for stale in [key for key in _readers if key[0].is_closed()]:
        del _readers[stale]
    key = (asyncio.get_running_loop(), conn_id, settings, path)
    reader = _readers.get(key)
    if reader is None:
        reader = _readers[key] = SharedReader(settings, path)
    reader.users += 1
    try:
        yield reader
    finally:
        reader.users -= 1
        if not reader.users:
            # Before the await: a trigger that begins meanwhile must not get a client that is being closed.
            _readers.pop(key, None)
            await reader.close()
