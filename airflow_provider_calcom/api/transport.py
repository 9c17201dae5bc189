"""How our clients reach Cal.com: by httpx's transports, and what these are given.

httpx's own clients would add redirects, cookies and a log line with each whole URL. None of that is wanted here, and a
call took a third more CPU time with it.
"""

from __future__ import annotations

import base64
import importlib.util
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from airflow_provider_calcom.api.errors import InvalidEnvironment
from airflow_provider_calcom.api.settings import ClientSettings

_LONGEST_REST = 4.0
"""Seconds after which an idle connection is not used again. Node, which serves Cal.com's API, closes it after 5 by
default, as httpx does: a call that met the closing would have an unknown outcome."""

_HOST = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*")


def transport_options(settings: ClientSettings, connections: int | None = None) -> dict[str, Any]:
    """Return what a transport is made with.

    :param settings: where Cal.com is.
    :param connections: how many there may be at once; None for as many as there are calls.
    :raises InvalidEnvironment: naming the variable with a proxy or with certificates that can't be used.
    """
    is_encrypted = settings.base_url.startswith("https:")
    return {
        "limits": httpx.Limits(max_connections=connections, keepalive_expiry=_LONGEST_REST),
        # Nothing is encrypted on the way to an http:// address, and reading all certificates takes 50 ms.
        "verify": _certificates() if is_encrypted else False,
        "proxy": _proxy_of(settings),
    }


def _certificates() -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        kind = type(error).__name__
    raise InvalidEnvironment(
        f"The environment variable SSL_CERT_FILE or SSL_CERT_DIR names no certificates that can be read ({kind})."
        " Correct or unset it"
    )


def _proxy_of(settings: ClientSettings) -> httpx.Proxy | None:
    """Return the proxy that the environment names for Cal.com, or None."""
    found = _proxy_variable(settings)
    if found is None:
        return None
    name, url = found
    if (fault := _fault_of_proxy(url)) is not None:
        raise InvalidEnvironment(
            f"The environment variable {name} must be a proxy's URL such as http://proxy.example.com:3128, but"
            f" {fault} (the value is not shown, as it may hold a password). Correct or unset it, or name"
            " Cal.com's host in NO_PROXY"
        )
    return httpx.Proxy(url)


def _proxy_variable(settings: ClientSettings) -> tuple[str, str] | None:
    """Return the name and value of ``HTTPS_PROXY`` and the like that is for Cal.com, or None."""
    parts = urlsplit(settings.base_url)
    # A proxy of the environment would carry the key of an http:// address of this machine elsewhere.
    if settings.is_on_this_machine or proxy_bypass(parts.netloc):
        return None
    proxies = getproxies()
    name = parts.scheme if proxies.get(parts.scheme) else "all"
    url = (proxies.get(name) or "").strip()
    if not url:
        return None
    return f"{name.upper()}_PROXY", url if "://" in url else f"http://{url}"


def _fault_of_proxy(url: str) -> str | None:
    """Say why a proxy's URL can't be used, or None."""
    try:
        parts = urlsplit(url)
        host, is_port = parts.hostname or "", parts.port is None or parts.port > 0
        httpx.Proxy(url)
    except (ValueError, httpx.InvalidURL):  # of the port, the scheme, or what no URL may hold
        return "can't be read as one"
    if not url.isprintable() or not _HOST.fullmatch(host) or not is_port:
        return "its host or port can't be one"
    if parts.scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        return "it is a SOCKS proxy, for which the package socksio must be installed"
    return None


def proxy_secrets(settings: ClientSettings) -> tuple[str, ...]:
    """Return what must not be shown of a proxy: its password, alone and as it is sent."""
    found = _proxy_variable(settings)
    user_and_password, at, _ = found[1].partition("://")[2].rpartition("@") if found else ("", "", "")
    if not at:
        return ()
    plain = unquote(user_and_password, errors="replace")
    sent = base64.b64encode(plain.encode(errors="replace")).decode()
    return tuple(part for part in (user_and_password, plain, sent, plain.partition(":")[2]) if part)


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
