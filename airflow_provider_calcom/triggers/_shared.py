"""One client and one pace for all triggers of a connection in a triggerer process.

Triggers that wait for bookings read at the same moments, as meetings end on the hour. What they request within a second
is read together, in pages of the list. So is Airflow's connection: a triggerer that starts again begins thousands of
triggers at once, and reading the connection for each of them would take longer than some meetings last.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, TypeVar

from airflow_provider_calcom.api import listing
from airflow_provider_calcom.api.client import AsyncCalComClient
from airflow_provider_calcom.api.endpoints import Flow
from airflow_provider_calcom.api.errors import CalComError
from airflow_provider_calcom.api.lookups import Found, find_bookings
from airflow_provider_calcom.api.settings import ClientSettings

if TYPE_CHECKING:
    from airflow_provider_calcom.hooks.calcom import CalComHook

T = TypeVar("T")

_COLLECT = 1.0
"""Seconds for which requests are collected before they are read together."""
_SETTINGS_ARE_KEPT = 10.0
_RENEWAL_IS_KEPT = 1.0
"""Seconds for which a connection that was read is used for other triggers, also after Cal.com refused its key."""


@dataclass(frozen=True)
class _Reading:
    """A connection that was read, or is being read since a moment of the event loop's clock.

    :param is_renewal: whether it is read because Cal.com refused what was known.
    """

    began: float
    is_renewal: bool
    settings: asyncio.Task[ClientSettings]

    def serves(self, now: float, renewed: bool) -> bool:
        """Return whether a trigger can use it that needs the connection now."""
        age = now - self.began
        is_fresh = age <= _RENEWAL_IS_KEPT and self.is_renewal if renewed else age <= _SETTINGS_ARE_KEPT
        return is_fresh and not (self.settings.done() and self.settings.exception() is not None)


_readings: dict[tuple[asyncio.AbstractEventLoop, str, str | None], _Reading] = {}


async def shared_settings(hook: CalComHook, *, renewed: bool = False) -> ClientSettings:
    """Return the fields of a connection, which are read once for all triggers that need them within some seconds.

    They are read in a thread: see ``CalComHook.get_async_conn``.

    :param hook: of the connection, a new one.
    :param renewed: whether they must be read after this call, because Cal.com refused those that are known.
    :raises ProviderError: as the hook's ``settings``.
    """
    loop = asyncio.get_running_loop()
    now = loop.time()
    key = (loop, hook.calcom_conn_id, hook.api_version)
    reading = _readings.get(key)
    if reading is None or not reading.serves(now, renewed):
        _forget_old_readings(now)
        reading = _readings[key] = _Reading(now, renewed, asyncio.create_task(asyncio.to_thread(lambda: hook.settings)))
    # The others wait for the same task, so that the cancellation of one trigger must not cancel it.
    return await asyncio.shield(reading.settings)


def _forget_old_readings(now: float) -> None:
    old = [key for key, one in _readings.items() if key[0].is_closed() or one.began < now - _SETTINGS_ARE_KEPT]
    for key in old:
        del _readings[key]


@dataclass(frozen=True)
class _Request:
    wanted: Mapping[str, datetime | None]
    result: asyncio.Future[Found] = field(repr=False)


class _SharedClient:
    """The client of a connection, whatever lists are read with it.

    :param settings: where Cal.com is and who we are there.
    """

    def __init__(self, settings: ClientSettings) -> None:
        self.client = AsyncCalComClient(settings)
        self.users = 0
        self._first_call = asyncio.Lock()

    async def server_time(self) -> float:
        """Return the server's clock, as a Unix time. The first use makes one call to find it out."""
        if not self.client.knows_server_time:
            async with self._first_call:
                if not self.client.knows_server_time:
                    await self._call_once()
        return self.client.server_time

    async def _call_once(self) -> None:
        try:
            await self.client.call(listing.one_booking(self.client.settings.api_version))
        except CalComError:
            if not self.client.knows_server_time:
                raise


class SharedReader:
    """Reads bookings of one list for several triggers. Use it within one event loop.

    :param shared: the client, which readers of other lists may share.
    :param path: the list to read, as :func:`~airflow_provider_calcom.api.query.list_path` returns it.
    :cvar default_sleep: waits for some seconds; tests replace it.
    """

    default_sleep: ClassVar[Callable[[float], Awaitable[None]]] = staticmethod(asyncio.sleep)

    def __init__(self, shared: _SharedClient, path: str) -> None:
        self._shared = shared
        self._client = shared.client
        self._path = path
        self._requests: list[_Request] = []
        self._serving: asyncio.Task[None] | None = None
        self.users = 0

    async def server_time(self) -> float:
        """Return the server's clock, as a Unix time. The first use in a process makes one call to find it out.

        :raises CalComError: if there was no response with a clock.
        """
        return await self._shared.server_time()

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
        """Stop reading. Nobody may wait for a result any more."""
        serving = self._serving
        if serving is not None:
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving


_ClientKey = tuple[asyncio.AbstractEventLoop, str, ClientSettings]
_clients: dict[_ClientKey, _SharedClient] = {}
_readers: dict[tuple[_ClientKey, str], SharedReader] = {}


@asynccontextmanager
async def _shared_client(key: _ClientKey) -> AsyncIterator[_SharedClient]:
    """Yield the client of a connection in this event loop; the last user's exit closes it."""
    shared = _clients.get(key)
    if shared is None:
        shared = _clients[key] = _SharedClient(key[2])
    shared.users += 1
    try:
        yield shared
    finally:
        shared.users -= 1
        if not shared.users:
            # Before the await: a trigger that begins meanwhile must not get a client that is being closed.
            _clients.pop(key, None)
            await shared.client.close()


@asynccontextmanager
async def shared_reader(conn_id: str, settings: ClientSettings, path: str) -> AsyncIterator[SharedReader]:
    """Yield the reader of a list in this event loop. All readers of a connection share one client and its pace.

    :param conn_id: id of the connection.
    :param settings: its fields; with other ones, as after a key was replaced, there is another client.
    :param path: the list to read, as :func:`~airflow_provider_calcom.api.query.list_path` returns it.
    """
    _forget_closed_loops()
    key = (asyncio.get_running_loop(), conn_id, settings)
    async with _shared_client(key) as shared:
        reader = _readers.get((key, path))
        if reader is None:
            reader = _readers[key, path] = SharedReader(shared, path)
        reader.users += 1
        try:
            yield reader
        finally:
            reader.users -= 1
            if not reader.users:
                _readers.pop((key, path), None)
                await reader.close()


def _forget_closed_loops() -> None:
    for client_key in [key for key in _clients if key[0].is_closed()]:
        del _clients[client_key]
    for reader_key in [key for key in _readers if key[0][0].is_closed()]:
        del _readers[reader_key]
