"""One deadline around a whole exchange: connecting, the request, the headers, all that comes before and after a body.

httpx's own time-outs begin anew with every piece, so that a server that sends a byte now and then could hold a task
for ever. The async client is cancelled at the deadline. Nothing can cancel a blocking read: for the sync client each
operation on a socket gets no more time than is left.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore
import httpx

_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


class Deadline:
    """When an exchange must be over.

    :param clock: seconds that only grow.
    :param seconds: how long the whole exchange may take from now on.
    """

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self._clock = clock
        self._end = clock() + seconds

    @property
    def seconds_left(self) -> float:
        """Seconds until the deadline; negative after it."""
        return self._end - self._clock()

    def check(self) -> None:
        """Raise :class:`httpx.ReadTimeout` after the deadline."""
        if self.seconds_left < 0:
            raise httpx.ReadTimeout("the whole exchange took too long")

    @contextmanager
    def on_sockets(self) -> Iterator[None]:
        """Apply it to what the present thread does on the sockets of a :class:`TimedTransport`."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)


def _allowed(timeout: float | None, error: type[Exception]) -> float | None:
    """Return the seconds for one operation on a socket: as many as are left, at most as httpx allows."""
    deadline = _current.get()
    if deadline is None:
        return timeout
    left = deadline.seconds_left
    if left <= 0:
        raise error("the whole exchange took too long")
    return left if timeout is None else min(timeout, left)


class TimedTransport(httpx.HTTPTransport):
    """httpx's transport over sockets that obey the current :class:`Deadline`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # httpcore's pools take a backend when they are made, but httpx, which makes them, hands none on. A transport
        # of our own over httpcore would repeat httpx's choice of pools and its mapping of errors.
        self._pool._network_backend = _TimedBackend(self._pool._network_backend)


class _TimedBackend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        seconds = _allowed(timeout, httpcore.ConnectTimeout)
        return _TimedStream(self._backend.connect_tcp(host, port, seconds, local_address, socket_options))

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


class _TimedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _allowed(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _allowed(timeout, httpcore.WriteTimeout))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        seconds = _allowed(timeout, httpcore.ConnectTimeout)
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, seconds))

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
