"""The connections of an async client: one httpx client with one connection for each call that is under way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx


class _NoCookies(httpx.Cookies):
    """Takes none. Cal.com's API needs none, and to look for them took as long as to read an answer."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Leave them where they are."""


_NO_COOKIES = _NoCookies()


class _Client(httpx.AsyncClient):
    """A client that keeps and sends no cookies."""

    @property  # type: ignore[misc]
    def cookies(self) -> httpx.Cookies:
        """None, ever."""
        return _NO_COOKIES


class Connections:
    """Lends httpx clients of one connection each, the one that was used last first.

    One client with a pool would do the same, but at every call the pool goes through all its connections, for each of
    them once more, and polls those that are idle: with 16 that took more time than all else.

    :param transport: an httpx transport in place of the network, for tests.
    :param options: of each client.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport | None, options: Mapping[str, Any]) -> None:
        self._options = {"transport": transport, "limits": httpx.Limits(max_connections=1), **options}
        self._clients: list[_Client] = []
        self._free: list[_Client] = []

    @contextmanager
    def lent(self) -> Iterator[httpx.AsyncClient]:
        """Give a client for one call."""
        client = self._free.pop() if self._free else self._opened()
        try:
            yield client
        finally:
            self._free.append(client)

    def _opened(self) -> _Client:
        self._clients.append(_Client(**self._options))
        return self._clients[-1]

    async def close(self) -> None:
        """Close them all."""
        for client in self._clients:
            await client.aclose()
