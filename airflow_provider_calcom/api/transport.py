"""How our clients reach Cal.com: connections, one deadline around an exchange, bounded bodies, and what fails in them.

The clients use httpx's transports. httpx's own clients would add redirects, cookies and a log line with each whole URL;
none of that is wanted here, and a call took a third more CPU time with it.

httpx's timeouts begin anew with every piece, so that a server that sends a byte now and then could hold a task for
ever. So there is one :class:`Deadline` for all of it. The async client is cancelled at the deadline. Nothing can cancel
a blocking read: for the sync client each operation on a socket gets no more time than is left.
"""

from __future__ import annotations

import base64
import importlib.util
import re
import ssl
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from airflow_provider_calcom._redact import redact
from airflow_provider_calcom.api.errors import (
    CalComError,
    Failure,
    InvalidEnvironment,
    NoAnswer,
    NotConnected,
    OutcomeUnknown,
    UnexpectedAnswer,
)
from airflow_provider_calcom.api.responses import PROXY_WANTS_CREDENTIALS, Call, proxy_refused
from airflow_provider_calcom.api.settings import ClientSettings

_LONGEST_REST = 4.0
"""Seconds after which an idle connection is not used again. Node, which serves Cal.com's API, closes it after 5 by
default, as httpx does: a call that met the closing would have an unknown outcome."""

_NOTHING_WAS_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)

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
    """Return why a proxy's URL can't be used, or None."""
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


class ConnectionPool:
    """Lends transports of one connection each, the one that was used last first.

    One transport with a pool would do the same, but at every call the pool goes through all its connections, for each
    of them once more, and polls those that are idle: with 16 that took more time than all else.

    :param transport: one for all calls, for tests; None makes as many as are needed.
    :param settings: where Cal.com is.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport | None, settings: ClientSettings) -> None:
        self._fixed = transport
        self._settings = settings
        self._all: list[httpx.AsyncBaseTransport] = []
        self._free: list[httpx.AsyncBaseTransport] = []

    @contextmanager
    def acquire(self) -> Iterator[httpx.AsyncBaseTransport]:
        """Lend a transport to one call."""
        transport = self._free.pop() if self._free else self._open()
        try:
            yield transport
        finally:
            self._free.append(transport)

    @cached_property
    def _options(self) -> dict[str, Any]:
        return transport_options(self._settings, connections=1)

    def _open(self) -> httpx.AsyncBaseTransport:
        self._all.append(self._fixed or httpx.AsyncHTTPTransport(**self._options))
        return self._all[-1]

    async def close(self) -> None:
        """Close them all."""
        for transport in self._all:
            await transport.aclose()


# One deadline around a whole exchange.

_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


class Deadline:
    """When an exchange must be over.

    :param clock: monotonic clock, in seconds.
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


# Bodies.

ENCODINGS = ("gzip", "deflate")
"""Encodings of a response that are unpacked. httpx would unpack others too where their packages are installed."""


def check_encoding(response: httpx.Response) -> None:
    """Refuse an encoding that was not requested, before anything is unpacked.

    Brotli, zstd and what was packed several times over unpack to millions of times their size before we can count.
    """
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", *ENCODINGS):
        raise UnexpectedAnswer(
            "The response uses a Content-Encoding that was not requested, or several; it is refused as a possible"
            " decompression bomb. Check the connection's host and the proxies on the way"
        )


class BoundedBody:
    """Collects a body, and stops where it is too large or takes too long.

    :param largest: bytes.
    :param deadline: of the whole exchange.
    """

    def __init__(self, largest: int, deadline: Deadline) -> None:
        self._largest = largest
        self._deadline = deadline
        self._content = bytearray()

    def add(self, piece: bytes) -> None:
        """Add a piece; raise UnexpectedAnswer where the body is too large, and an error after the deadline."""
        self._content += piece
        if len(self._content) > self._largest:
            raise UnexpectedAnswer(f"The response is larger than {self._largest:,} bytes; reading stopped there")
        self._deadline.check()

    @property
    def content(self) -> bytes:
        """The pieces so far."""
        return bytes(self._content)


# Calls without a response.


def error_without_response(
    call: Call[Any], error: httpx.HTTPError | TimeoutError, *, base_url: str, secrets: Sequence[str]
) -> CalComError:
    """Return the error of a call that no whole response came to.

    Raise it outside of the block that caught ``error``: h11's errors quote the bytes that came.

    :param call: the call.
    :param error: what httpx raised, or the deadline.
    :param base_url: of the server, for the text.
    :param secrets: our own, which the text must not show.
    """
    if isinstance(error, TimeoutError):
        error = httpx.ReadTimeout("the whole exchange took too long")
    kind = type(error).__name__
    failure = Failure(call.method, call.path, timed_out=isinstance(error, httpx.TimeoutException))
    if isinstance(error, httpx.ProxyError) and str(error).startswith(str(PROXY_WANTS_CREDENTIALS)):
        return proxy_refused(failure)
    if isinstance(error, _NOTHING_WAS_SENT):
        # A proxy's words are its own; those of the system are not.
        words = str(error)[:3] if isinstance(error, httpx.ProxyError) else str(error)
        return NotConnected(f"No connection could be made to {base_url} ({kind}: {redact(words, secrets)})", failure)
    if call.writes:
        return OutcomeUnknown(f"A write was sent and no whole response came ({kind})", failure)
    if isinstance(error, httpx.DecodingError):
        return UnexpectedAnswer(f"The response can't be unpacked ({kind})", failure)
    return NoAnswer(f"The call was sent and no whole response came ({kind})", failure)
