"""Transports of the client that cause failures which the sandbox cannot, log calls, and kill the process."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import httpx

from tests.faults.kinds import is_call


def refusing_port() -> tuple[socket.socket, int]:
    """Return a port that refuses connections as long as the socket is open: it is bound and does not listen."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    return held, int(held.getsockname()[1])


class FailingTransport(httpx.AsyncBaseTransport):
    """A failure from the first call of a kind on, until a number of these calls have ended.

    :param call: kind of call, a key of :data:`tests.faults.kinds.CALLS`.
    :param times: number of calls; None for all.
    :param on_begin: called before the first call.
    :param on_end: called after the last call.
    :param port: send these calls to this port.
    """

    def __init__(
        self,
        call: str,
        times: int | None,
        *,
        on_begin: Callable[[], object] = lambda: None,
        on_end: Callable[[], object] = lambda: None,
        port: int | None = None,
    ) -> None:
        self._call = call
        self._times = times
        self._on_begin, self._on_end = on_begin, on_end
        self._port = port
        self._begun = self._ended = 0
        self._inner = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, with the failure or without it."""
        is_hit = is_call(self._call, request.method, request.url.path) and self._begun != self._times
        if not is_hit:
            return await self._inner.handle_async_request(request)
        self._begun += 1
        if self._begun == 1:
            self._on_begin()
        if self._port is not None:
            request.url = request.url.copy_with(port=self._port)
        try:
            return await self._inner.handle_async_request(request)
        finally:
            self._ended += 1
            if self._ended == self._times:
                self._on_end()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


class KillingTransport(httpx.AsyncBaseTransport):
    """A log of mark-absent calls that survives a kill, and the kill of its own process at a call.

    :param log: file to append to: ``sent`` or ``answered`` and the booking's uid.
    :param moment: ``before``, ``during`` or ``after`` the call, or None for never.
    :param number: which call, from 1.
    :param seconds: into the call, for ``during``.
    """

    def __init__(self, log: Path, moment: str | None = None, number: int = 0, seconds: float = 0.0) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._moment = moment
        self._number = number
        self._seconds = seconds
        self._calls = 0
        self._inner = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        self._calls += 1
        moment = self._moment if self._calls == self._number else None
        if moment == "before":
            _die()
        uid = unquote(request.url.path.split("/")[-2])
        is_mark = request.method == "POST"
        if is_mark:
            os.write(self._log, f"sent {uid}\n".encode())
        if moment == "during":
            asyncio.get_running_loop().call_later(self._seconds, _die)
        response = await self._inner.handle_async_request(request)
        await response.aread()
        if is_mark:
            os.write(self._log, f"answered {uid}\n".encode())
        if moment == "after":
            _die()
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
