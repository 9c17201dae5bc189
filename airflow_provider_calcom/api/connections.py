"""How our clients reach Cal.com: by httpx's transports, and what these are given.

httpx's own clients would add redirects, cookies and a log line with each whole URL. None of that is wanted here, and a
call took a third more CPU time with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from airflow_provider_calcom.api.settings import ClientSettings

_LONGEST_REST = 4.0
"""Seconds after which an idle connection is not used again. Node, which serves Cal.com's API, closes it after 5 by
default, as httpx does: a call that met the closing would have an unknown outcome."""


def transport_options(settings: ClientSettings, connections: int | None = None) -> dict[str, Any]:
    """Give what a transport is made with.

    :param settings: where Cal.com is.
    :param connections: how many there may be at once; None for as many as there are calls.
    """
    is_encrypted = settings.base_url.startswith("https:")
    return {
        "limits": httpx.Limits(max_connections=connections, keepalive_expiry=_LONGEST_REST),
        # Nothing is encrypted on the way to an http:// address, and reading all certificates takes 50 ms.
        "verify": httpx.create_ssl_context() if is_encrypted else False,
        # A proxy of the environment would carry the key of an http:// address of this machine elsewhere.
        "proxy": None if settings.is_on_this_machine else _proxy_for(settings.base_url),
    }


def _proxy_for(url: str) -> str | None:
    """Give the proxy that the environment names for a URL (``HTTPS_PROXY``, ``ALL_PROXY``, ``NO_PROXY``), or None."""
    parts = urlsplit(url)
    if proxy_bypass(parts.netloc):
        return None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


class Connections:
    """Lends transports of one connection each, the one that was used last first.

    One transport with a pool would do the same, but at every call the pool goes through all its connections, for each
    of them once more, and polls those that are idle: with 16 that took more time than all else.

    :param transport: the one that is lent to all calls, for tests; None makes as many as are needed.
    :param settings: where Cal.com is.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport | None, settings: ClientSettings) -> None:
        self._given = transport
        self._settings = settings
        self._all: list[httpx.AsyncBaseTransport] = []
        self._free: list[httpx.AsyncBaseTransport] = []

    @contextmanager
    def lent(self) -> Iterator[httpx.AsyncBaseTransport]:
        """Give a transport for one call."""
        transport = self._free.pop() if self._free else self._opened()
        try:
            yield transport
        finally:
            self._free.append(transport)

    @cached_property
    def _options(self) -> dict[str, Any]:
        return transport_options(self._settings, connections=1)

    def _opened(self) -> httpx.AsyncBaseTransport:
        self._all.append(self._given or httpx.AsyncHTTPTransport(**self._options))
        return self._all[-1]

    async def close(self) -> None:
        """Close them all."""
        for transport in self._all:
            await transport.aclose()
