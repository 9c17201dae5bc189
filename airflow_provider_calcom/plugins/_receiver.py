"""The receiver of webhooks: verifies a delivery, and turns its event into an event of an asset.

Airflow authenticates nothing below a plugin's path: the signature is all that protects it. What a sender without the
secret can cause is bounded: bodies of 32 MiB in memory altogether, and for each delivery one line in the log.

A response is to take at most 50 ms: the database is waited for 40 ms at most, unless the connection was not read for a
minute and takes longer. Nobody repeats a delivery that was refused, so one whose event is not in the database by then
is accepted with 202, and registered from a bounded queue. It is lost if the process is killed within that second, or if
the database stays away for half a minute: a hint was lost, as Cal.com loses some itself, and the next reconciling run
finds what it would have reported. To respond only after the commit was rejected: a busy database takes longer.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import Full
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect

from airflow_provider_calcom.api.errors import InvalidDelivery
from airflow_provider_calcom.api.webhooks import (
    SIGNATURE_HEADER,
    BookingEvent,
    WebhookEvent,
    parse_event,
    verify_signature,
)
from airflow_provider_calcom.assets import webhook_uri
from airflow_provider_calcom.configuration import webhook_conn_id
from airflow_provider_calcom.hooks import ConnectionMissing
from airflow_provider_calcom.hooks.calcom import CalComHook
from airflow_provider_calcom.plugins._asset_events import Delivery, register_deliveries
from airflow_provider_calcom.plugins._event_writer import EventWriter, Register, Result

LARGEST_BODY = 1024 * 1024
MOST_BYTES = 32 * LARGEST_BODY
"""Of all bodies that are being read."""
SECONDS_TO_READ = 10.0
SECONDS_TO_ANSWER = 0.04
"""From the end of the body on; of the 50 ms, some are left for the server."""
SECONDS_FOR_SECRETS = 0.01
"""Of those, for reading the connection again, where its secrets of up to a minute ago are known."""
LONGEST_READ = 2.0
"""Seconds to wait for the connection where no secrets of the last minute are known."""
SECRETS_ARE_KEPT, SECRETS_ARE_STALE = 5.0, 60.0
"""Seconds after which the secrets are read again, and after which they are no longer used while that takes long.

Forged deliveries must not become queries of Airflow's database.
"""
AFTER_A_FAILURE = 1.0
"""Seconds for which no connection is read after that failed."""
REMEMBERED = 50_000
"""Deliveries whose hash is remembered, to reject replays; 8 MB."""
_LOOK_AGAIN = 0.05
DIGITS = 16
"""Of the hash; a sender who could choose among bodies has the secret."""

log = logging.getLogger(__name__)


def make_app() -> FastAPI:
    """Return the application that Airflow mounts."""
    receiver = Receiver(read_secrets, register_deliveries)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.add_route("/webhook", receiver.receive, methods=["POST"])
    return app


def read_secrets() -> tuple[str, Sequence[str]]:
    """Return the id of the connection to Cal.com, and its secrets of webhooks; none if there is no such connection."""
    conn_id = webhook_conn_id()
    try:
        return conn_id, CalComHook(calcom_conn_id=conn_id).webhook_secrets
    except ConnectionMissing:
        return conn_id, ()


class _Refused(Exception):
    """A delivery is not accepted.

    :param status: HTTP status of the response.
    :param why: for the log, without anything of the delivery.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True)
class _Secrets:
    """What was read of the connection, and when, on the clock."""

    conn_id: str
    secrets: Sequence[str]
    read_at: float


class _SecretsReader:
    """Keeps the secrets, and reads them again in a thread: one read at a time, whatever comes in.

    :param read: returns the id of the connection, and its secrets.
    :param clock: monotonic clock, in seconds.
    """

    def __init__(self, read: Callable[[], tuple[str, Sequence[str]]], clock: Callable[[], float]) -> None:
        self._read = read
        self._clock = clock
        self._kept: _Secrets | None = None
        self._reading: Future[tuple[str, Sequence[str]]] | None = None
        self._began = 0.0
        self._failed_at: float | None = None
        self._failure = ""
        # Not Airflow's pool of threads, which its own requests may use up.
        self._executor = ThreadPoolExecutor(1, "calcom-webhook-secrets")

    async def current(self) -> _Secrets:
        """Return the secrets as they were some seconds ago at most, or a minute ago while the database is slow.

        :raises _Refused: 503 if they can't be read.
        """
        kept, now = self._kept, self._clock()
        if kept is not None and now < kept.read_at + SECRETS_ARE_KEPT:
            return kept
        if self._failed_at is not None and now < self._failed_at + AFTER_A_FAILURE:
            raise self._refused()
        if self._reading is None:
            self._reading, self._began = self._executor.submit(self._read), now
        is_usable = kept is not None and now < kept.read_at + SECRETS_ARE_STALE
        limit = SECONDS_FOR_SECRETS if is_usable else max(0.0, self._began + LONGEST_READ - now)
        reading = self._reading
        await _wait(reading, limit)
        if reading.done():
            return self._take(reading)
        if kept is None or not is_usable:
            raise _Refused(503, "the secret could not be read in time")
        return kept

    def _take(self, reading: Future[tuple[str, Sequence[str]]]) -> _Secrets:
        """Keep what was read. Only the first of those who waited for it finds it."""
        if reading is self._reading:
            self._reading = None
            error = reading.exception()
            if error is None:
                self._kept, self._failed_at = _Secrets(*reading.result(), self._began), None
            else:
                self._kept, self._failed_at = None, self._clock()
                self._failure = f"the secret could not be read ({type(error).__name__})"
        if self._kept is None:
            raise self._refused()
        return self._kept

    def _refused(self) -> _Refused:
        return _Refused(503, self._failure)


class Receiver:
    """Receives deliveries in one process of the API server.

    :param read: returns the id of the connection, and its secrets.
    :param register: registers one event of an asset for several deliveries, as
        :func:`~airflow_provider_calcom.plugins._asset_events.register_deliveries` does.
    :param clock: monotonic clock, in seconds.
    """

    def __init__(
        self,
        read: Callable[[], tuple[str, Sequence[str]]],
        register: Register,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._secrets = _SecretsReader(read, clock)
        self._received: OrderedDict[str, None] = OrderedDict()
        self._writer = EventWriter(register, self._forget, clock)
        self._bytes = 0
        self._is_kept = False

    async def receive(self, request: Request) -> Response:
        """Respond to one delivery.

        200 where its event was registered, or had been before; 202 where it will be.

        :param request: the request.
        """
        try:
            status, outcome = await self._accept(request)
        except _Refused as refused:
            log.warning("A delivery of a webhook was refused with status %d: %s", refused.status, refused)
            return Response(status_code=refused.status)
        log.info("A delivery of a webhook was accepted: %s", outcome)
        return Response(status_code=status, background=BackgroundTask(self._until_registered))

    async def _until_registered(self) -> None:
        """Keep a server that is about to stop until what was accepted is registered, as far as the database lets it.

        uvicorn ends by a signal, so that Python waits for no thread; but it waits for the tasks of responses. One of
        them is enough.
        """
        if self._is_kept:
            return
        self._is_kept = True
        try:
            while self._writer.is_at_work:
                await asyncio.sleep(_LOOK_AGAIN)
        finally:
            self._is_kept = False

    async def _accept(self, request: Request) -> tuple[int, str]:
        """Return the status, and what was done with a delivery, in words for the log."""
        known = await self._secrets.current()
        if not any(secret.strip() for secret in known.secrets):
            raise _Refused(404, "the connection to Cal.com has no webhook_secret, so receiving is off")
        _check_kind(request)
        body = await self._read_body(request)
        until = asyncio.get_running_loop().time() + SECONDS_TO_ANSWER - SECONDS_FOR_SECRETS
        if not verify_signature(body, _signature(request), known.secrets):
            raise _Refused(401, "its signature is missing or wrong")
        try:
            event = parse_event(body)
        except InvalidDelivery as error:
            raise _Refused(400, str(error)) from None
        shown = event.trigger + (f" of booking {event.booking_uid}" if isinstance(event, BookingEvent) else "")
        digest = hashlib.sha256(body).hexdigest()[:DIGITS]
        if not self._claim(digest):
            return 200, f"{shown}, which came before; nothing was registered"
        try:
            result = await self._hand_over(known.conn_id, event, digest, until)
        except _Refused:
            self._forget(digest)
            raise
        if result is None:
            return 202, f"{shown}, which will be registered"
        return 200, shown if result == "registered" else f"{shown}, which came before; nothing was registered"

    def _claim(self, digest: str) -> bool:
        """Return whether a delivery is new, and remember it. Of many the oldest is forgotten."""
        if digest in self._received:
            return False
        self._received[digest] = None
        if len(self._received) > REMEMBERED:
            self._received.popitem(last=False)
        return True

    def _forget(self, digest: str) -> None:
        """Let the same delivery come once more. Called by the thread of the writer, too."""
        self._received.pop(digest, None)

    async def _hand_over(self, conn_id: str, event: WebhookEvent, digest: str, until: float) -> Result | None:
        """Return the result for an event, or None if that is not known in time: it waits to be registered then."""
        uri = webhook_uri(event.trigger, conn_id)
        delivery = Delivery(digest, event.booking_uid if isinstance(event, BookingEvent) else None)
        try:
            coming, earliest = self._writer.add(uri, event.trigger, delivery)
        except Full:
            raise _Refused(503, "too many events are waiting for the database") from None
        except RuntimeError:  # no thread can be started any more
            raise _Refused(503, "the server stops") from None
        try:
            left = until - asyncio.get_running_loop().time()
            if earliest < left:
                await _wait(coming, left)
        finally:
            is_left_to_writer = coming.cancel()  # also where the server stops meanwhile
        if is_left_to_writer or coming.cancelled():
            return None
        error = coming.exception()
        if error is not None:
            raise _Refused(503, f"its event could not be registered ({type(error).__name__})")
        if coming.result() == "unused":
            raise _Refused(404, f"no DAG uses the asset {uri}")
        return coming.result()

    async def _read_body(self, request: Request) -> bytes:
        """Read the body, and stop as soon as it is too large, whatever its Content-Length says."""
        body = bytearray()
        try:
            async with asyncio.timeout(SECONDS_TO_READ):
                async for piece in request.stream():
                    body += piece
                    self._bytes += len(piece)
                    if len(body) > LARGEST_BODY:
                        raise _Refused(413, f"its body has more than {LARGEST_BODY:,} bytes")
                    if self._bytes > MOST_BYTES:
                        raise _Refused(503, f"bodies of more than {MOST_BYTES:,} bytes are being read")
        except TimeoutError:
            raise _Refused(408, f"its body did not come within {SECONDS_TO_READ:.0f} seconds") from None
        except ClientDisconnect:
            raise _Refused(400, "the sender went away") from None
        finally:
            self._bytes -= len(body)
        return bytes(body)


async def _wait(future: Future[Any], seconds: float) -> None:
    """Wait until a future of a thread is done, for some seconds at most."""
    done = asyncio.wrap_future(future)
    # Otherwise asyncio logs an error that nobody read, with its text.
    done.add_done_callback(lambda one: one.cancelled() or one.exception())
    await asyncio.wait({done}, timeout=seconds)


def _check_kind(request: Request) -> None:
    kind, _, options = request.headers.get("content-type", "").lower().partition(";")
    charset = options.replace(" ", "").replace('"', "")
    if kind.strip() != "application/json" or charset not in ("", "charset=utf-8"):
        raise _Refused(415, "its content type is not JSON in UTF-8")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise _Refused(415, "its body is compressed")


def _signature(request: Request) -> str | None:
    """Return the signature header. Of several none counts: another reader might take another one."""
    found = request.headers.getlist(SIGNATURE_HEADER)
    return found[0] if len(found) == 1 else None
