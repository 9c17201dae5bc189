"""CalComClient and AsyncCalComClient: two thin drivers over httpx of the same endpoints, walks and flows.

``_Core`` makes requests and reads responses for both. Only the two ``_exchange`` methods touch the network, through
httpx's transports: see :mod:`airflow_provider_calcom.api.transport`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, ClassVar, TypeVar

import anyio
import httpx

from airflow_provider_calcom import __version__
from airflow_provider_calcom.api import listing
from airflow_provider_calcom.api.arguments import checked_api_version
from airflow_provider_calcom.api.endpoints import Done, Endpoint, Flow, Pause, advance
from airflow_provider_calcom.api.errors import CalComError, InvalidArgument, RateLimited, UnexpectedAnswer
from airflow_provider_calcom.api.headers import server_time_of
from airflow_provider_calcom.api.models import Booking
from airflow_provider_calcom.api.pacing import Pacer
from airflow_provider_calcom.api.query import BookingQuery
from airflow_provider_calcom.api.rate_limits import Ticket
from airflow_provider_calcom.api.responses import Head, ResponseReader
from airflow_provider_calcom.api.retries import Attempts, attempts
from airflow_provider_calcom.api.settings import ClientSettings, RetryLimits
from airflow_provider_calcom.api.transport import (
    ENCODINGS,
    BoundedBody,
    ConnectionPool,
    Deadline,
    TimedTransport,
    check_encoding,
    error_without_response,
    proxy_secrets,
    transport_options,
)

T = TypeVar("T")

log = logging.getLogger(__name__)

_CALL = "%s %s: %d"
"""The line of a call in the log. Its query is left out: a filter for an attendee's address may be in it."""

# Reuse one encoder: `json.dumps` with options builds a new one per call. Unescaped, as Cal.com's limit was checked so.
_as_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class _Core:
    """What both clients share: how a request is made and a response read.

    :param settings: where Cal.com is and who we are there.
    :param clock: monotonic clock, in seconds; for deadlines.
    :param wall_clock: Unix time; for ``Retry-After`` dates and resets that are given as a time.
    """

    _log_level = logging.INFO

    def __init__(
        self,
        settings: ClientSettings,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._wall_clock = wall_clock
        self.pacer = Pacer(clock, wall_clock)
        """Shares the key's rate limit; shows for logs how much of it is used."""
        self._server_is_ahead = 0.0
        self.knows_server_time = False
        """True once a response had a ``Date``, so that :attr:`server_time` is the server's."""
        if settings.api_version is not None:
            checked_api_version(settings.api_version)
        headers = {
            "Host": httpx.URL(settings.base_url).netloc.decode("ascii"),
            "Accept": "application/json",
            "Accept-Encoding": ", ".join(ENCODINGS),
            "User-Agent": f"airflow-provider-calcom/{__version__}",
            **settings.auth_headers,
        }
        self._headers = httpx.Headers(headers).raw
        self._extensions = {"timeout": httpx.Timeout(settings.timeout).as_dict()}
        self._secrets = (*settings.secrets, *proxy_secrets(settings))
        self._reader = ResponseReader(
            settings.region, settings.api_key is None, secrets=self._secrets, wall_clock=wall_clock
        )
        self._is_closed = False

    @property
    def server_time(self) -> float:
        """The server's clock now, a Unix time, by the ``Date`` of its last response; our own before the first."""
        return self._wall_clock() + self._server_is_ahead

    def _record_headers(self, ticket: Ticket, endpoint: Endpoint[T], response: httpx.Response) -> Head:
        """Hand the headers to the pacer, note the server's clock, and log the call."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers.raw}
        self.pacer.on_response(ticket, headers, response.status_code)
        server_time = server_time_of(headers)
        if server_time is not None:
            self._server_is_ahead = server_time - self._wall_clock()
            self.knows_server_time = True
        log.log(self._log_level, _CALL, endpoint.method, endpoint.path, response.status_code)
        return Head(response.status_code, headers)

    def _versioned(self, endpoint: Endpoint[T], api_version: str | None) -> Endpoint[T]:
        return endpoint.at_version(self._version(api_version))

    def _version(self, api_version: str | None) -> str | None:
        return self.settings.api_version if api_version is None else checked_api_version(api_version)

    def _attempts(self, endpoint: Endpoint[T], limits: RetryLimits | None, began: float) -> Attempts:
        limits = limits or self.settings.retry_limits
        return attempts(writes=endpoint.writes, limits=limits, clock=self._clock, began=began)

    def _walk(self, query: BookingQuery | None, page_size: int, api_version: str | None) -> listing.Walk:
        return listing.walk(query or BookingQuery(), page_size=page_size, api_version=self._version(api_version))

    def _request(self, endpoint: Endpoint[T]) -> httpx.Request:
        if self._is_closed:
            raise RuntimeError("the client is closed")
        try:
            return self._made(endpoint)
        except (TypeError, ValueError, RecursionError, httpx.InvalidURL):
            named = endpoint.unsendable or "a parameter"
        # After the block: the error that was caught has the value in it.
        raise InvalidArgument(
            f"{named} of {endpoint.method} {endpoint.path} can't be sent: it is too long, or has characters or kinds of"
            " values that neither JSON nor a URL can hold. Correct it"
        )

    def _made(self, endpoint: Endpoint[T]) -> httpx.Request:
        headers = [*self._headers, (b"cal-api-version", endpoint.api_version.encode())]
        content = b""
        if endpoint.body is not None:
            content = _as_json(endpoint.body).encode()
            headers.append((b"Content-Type", b"application/json"))
        if endpoint.method != "GET":
            headers.append((b"Content-Length", str(len(content)).encode()))
        # From parts: httpx takes twice as long to make the same of a `json` and a dict of headers.
        return httpx.Request(
            endpoint.method,
            self.settings.base_url + endpoint.path,
            params=endpoint.params or None,
            headers=headers,
            stream=httpx.ByteStream(content),
            extensions=self._extensions,
        )

    def _deadline(self) -> Deadline:
        return Deadline(self._clock, self.settings.total_timeout)

    def _body(self, deadline: Deadline) -> BoundedBody:
        return BoundedBody(self.settings.largest_answer, deadline)


class CalComClient(_Core):
    """Sync client. Close it, or use it as a context manager.

    :param settings: where Cal.com is and who we are there.
    :param transport: an httpx transport instead of the network, for tests.
    :param clock: monotonic clock, in seconds.
    :param wall_clock: Unix time.
    :param sleep: waits for some seconds; None for ``default_sleep``.
    :cvar default_sleep: what all clients wait with; tests of what makes a client replace it.
    """

    default_sleep: ClassVar[Callable[[float], None]] = staticmethod(time.sleep)

    def __init__(
        self,
        settings: ClientSettings,
        *,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        super().__init__(settings, clock, wall_clock)
        self._sleep = sleep or type(self).default_sleep
        self._slot_lock = threading.Lock()
        self._transport = transport or TimedTransport(**transport_options(settings))
        # For a client that nobody closes, as in CalComHook().get_me(): else its sockets end in ResourceWarnings.
        weakref.finalize(self, self._transport.close)

    def call(
        self, endpoint: Endpoint[T], *, api_version: str | None = None, retry_limits: RetryLimits | None = None
    ) -> T:
        """Send one call, again where that is safe, and return its result.

        :param endpoint: the call.
        :param api_version: a ``cal-api-version`` date for this call only.
        :param retry_limits: instead of the settings', for this call only.
        :raises CalComError: one of its subclasses, see :mod:`airflow_provider_calcom.api.errors`.
        """
        endpoint = self._versioned(endpoint, api_version)
        began = self._clock()
        try:
            return self._exchange(endpoint)
        except CalComError as error:
            failed = error
        for attempt in self._attempts(endpoint, retry_limits, began):
            with attempt:
                # The first attempt was made above: most calls need no other, and none of stamina's cost.
                if attempt.num == 1:
                    raise failed
                try:
                    return self._exchange(endpoint, was_blocked=isinstance(failed, RateLimited))
                except CalComError as error:
                    failed = error
                    raise
        raise AssertionError("stamina yields at least one attempt")

    def _acquire_slot(self, was_blocked: bool) -> Ticket:
        """Wait until the pacer lets a request go; calls go in the order in which they came."""
        with self._slot_lock:
            for seconds in self.pacer.delays(again=was_blocked):
                self._sleep(seconds)
            return self.pacer.on_sent()

    def _send(self, request: httpx.Request, ticket: Ticket) -> httpx.Response:
        try:
            return self._transport.handle_request(request)
        except BaseException:  # a task that is cancelled gets no response either
            self.pacer.on_failure(ticket)
            raise

    def _exchange(self, endpoint: Endpoint[T], *, was_blocked: bool = False) -> T:
        request = self._request(endpoint)
        ticket = self._acquire_slot(was_blocked)
        deadline = self._deadline()
        body = self._body(deadline)
        try:
            with deadline.on_sockets():
                response = self._send(request, ticket)
                head = self._record_headers(ticket, endpoint, response)
                try:
                    check_encoding(response)
                    for piece in response.iter_bytes():
                        body.add(piece)
                finally:
                    response.close()
        except httpx.HTTPError as error:
            failed = error_without_response(endpoint, error, base_url=self.settings.base_url, secrets=self._secrets)
        except UnexpectedAnswer as error:
            failed = self._reader.unreadable(endpoint, head, error)
        else:
            return self._reader.result(endpoint, head, body.content)
        raise failed

    def run(self, flow: Flow[T], *, api_version: str | None = None) -> T:
        """Drive a flow to its end and return its result.

        :param flow: for instance :func:`airflow_provider_calcom.api.marking.mark_no_shows`.
        :param api_version: a ``cal-api-version`` date for all its calls.
        """
        came: object = None
        while not isinstance(step := advance(flow, came), Done):
            came = self._take(step, api_version)
        return step.result

    def _take(self, step: Endpoint[Any] | Pause, api_version: str | None) -> object:
        if isinstance(step, Pause):
            self._sleep(step.seconds)
            return None
        try:
            return self.call(step, api_version=api_version)
        except CalComError as error:
            return error

    def list_bookings(
        self, query: BookingQuery | None = None, *, page_size: int = 100, api_version: str | None = None
    ) -> Iterator[Booking]:
        """Yield all bookings of a query, each once; see :func:`airflow_provider_calcom.api.listing.walk`."""
        walk = self._walk(query, page_size, api_version)
        while (bookings := self.run(listing.next_found(walk), api_version=api_version)) is not None:
            yield from bookings

    def close(self) -> None:
        """Close the connections."""
        self._is_closed = True
        self._transport.close()

    def __enter__(self) -> CalComClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncCalComClient(_Core):
    """Async client, with the methods of :class:`CalComClient`. Use it within one event loop and close it there.

    :param settings: where Cal.com is and who we are there.
    :param transport: an httpx transport instead of the network, for tests.
    :param clock: monotonic clock, in seconds.
    :param wall_clock: Unix time.
    :param sleep: waits for some seconds; None for ``default_sleep``.
    :cvar default_sleep: what all clients wait with; tests of what makes a client replace it.
    """

    default_sleep: ClassVar[Callable[[float], Awaitable[None]]] = staticmethod(asyncio.sleep)
    # At INFO, a run of a hundred thousand calls would bury all else.
    _log_level = logging.DEBUG
    before_write: Callable[[], object] | None = None
    """Called right before each request that writes is sent, after the wait for the rate limit. An error that it raises
    is that of the call, and nothing is sent."""

    def __init__(
        self,
        settings: ClientSettings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__(settings, clock, wall_clock)
        self._sleep = sleep or type(self).default_sleep
        self._slot_lock = asyncio.Lock()
        self._pool = ConnectionPool(transport, settings)

    async def call(
        self, endpoint: Endpoint[T], *, api_version: str | None = None, retry_limits: RetryLimits | None = None
    ) -> T:
        """As :meth:`CalComClient.call`."""
        endpoint = self._versioned(endpoint, api_version)
        began = self._clock()
        try:
            return await self._exchange(endpoint)
        except CalComError as error:
            failed = error
        async for attempt in self._attempts(endpoint, retry_limits, began):
            with attempt:
                # The first attempt was made above: most calls need no other, and none of stamina's cost.
                if attempt.num == 1:
                    raise failed
                try:
                    return await self._exchange(endpoint, was_blocked=isinstance(failed, RateLimited))
                except CalComError as error:
                    failed = error
                    raise
        raise AssertionError("stamina yields at least one attempt")

    async def _acquire_slot(self, was_blocked: bool) -> Ticket:
        """Wait until the pacer lets a request go; calls go in the order in which they came."""
        async with self._slot_lock:
            for seconds in self.pacer.delays(again=was_blocked):
                await self._sleep(seconds)
            return self.pacer.on_sent()

    async def _send(
        self, transport: httpx.AsyncBaseTransport, request: httpx.Request, ticket: Ticket, *, writes: bool
    ) -> httpx.Response:
        try:
            if writes and self.before_write is not None:
                self.before_write()
            return await transport.handle_async_request(request)
        except BaseException:  # a task that is cancelled gets no response either
            self.pacer.on_failure(ticket)
            raise

    async def _exchange(self, endpoint: Endpoint[T], *, was_blocked: bool = False) -> T:
        request = self._request(endpoint)
        ticket = await self._acquire_slot(was_blocked)
        deadline = self._deadline()
        body = self._body(deadline)
        try:
            with self._pool.acquire() as transport, anyio.fail_after(deadline.seconds_left):
                response = await self._send(transport, request, ticket, writes=endpoint.writes)
                head = self._record_headers(ticket, endpoint, response)
                try:
                    check_encoding(response)
                    async for piece in response.aiter_bytes():
                        body.add(piece)
                finally:
                    await response.aclose()
        except (httpx.HTTPError, TimeoutError) as error:
            failed = error_without_response(endpoint, error, base_url=self.settings.base_url, secrets=self._secrets)
        except UnexpectedAnswer as error:
            failed = self._reader.unreadable(endpoint, head, error)
        else:
            return self._reader.result(endpoint, head, body.content)
        raise failed

    async def run(self, flow: Flow[T], *, api_version: str | None = None) -> T:
        """As :meth:`CalComClient.run`."""
        came: object = None
        while not isinstance(step := advance(flow, came), Done):
            came = await self._take(step, api_version)
        return step.result

    async def _take(self, step: Endpoint[Any] | Pause, api_version: str | None) -> object:
        if isinstance(step, Pause):
            await self._sleep(step.seconds)
            return None
        try:
            return await self.call(step, api_version=api_version)
        except CalComError as error:
            return error

    async def list_bookings(
        self, query: BookingQuery | None = None, *, page_size: int = 100, api_version: str | None = None
    ) -> AsyncIterator[Booking]:
        """As :meth:`CalComClient.list_bookings`."""
        walk = self._walk(query, page_size, api_version)
        while (bookings := await self.run(listing.next_found(walk), api_version=api_version)) is not None:
            for booking in bookings:
                yield booking

    async def close(self) -> None:
        """Close the connections."""
        self._is_closed = True
        await self._pool.close()

    async def __aenter__(self) -> AsyncCalComClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
