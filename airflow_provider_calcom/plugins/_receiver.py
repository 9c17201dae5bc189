"""The receiver of webhooks: verifies a delivery, and turns its event into an event of an asset.

Airflow authenticates nothing below a plugin's path: the signature is all that protects it. What a sender without the
secret can cause is bounded: one body of a mebibyte in memory for each connection, and one line in the log.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
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
from airflow_provider_calcom.plugins._asset_events import register_event

LARGEST_BODY = 1024 * 1024
SECONDS_TO_READ = 10.0
SECRETS_ARE_KEPT = 5.0
"""Seconds for which the secrets are kept: forged deliveries must not become queries of Airflow's database."""
REMEMBERED = 10_000
"""Deliveries whose hash is remembered, to reject replays."""
MOST_AT_ONCE = 100
"""Events that wait for the database at once; more are refused, so that memory stays bounded."""

log = logging.getLogger(__name__)


def make_app() -> FastAPI:
    """Return the application that Airflow mounts."""
    receiver = Receiver(read_secrets, register_event)
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


class Receiver:
    """Receives deliveries in one process of the API server.

    :param read: returns the id of the connection, and its secrets.
    :param register: registers an event of the asset of a URI; returns False if no DAG uses that asset.
    :param clock: monotonic clock, in seconds.
    """

    def __init__(
        self,
        read: Callable[[], tuple[str, Sequence[str]]],
        register: Callable[[str, dict[str, Any]], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._register = register
        self._clock = clock
        self._kept: tuple[float, str, Sequence[str]] | None = None
        self._refresh = asyncio.Lock()
        self._received: OrderedDict[bytes, None] = OrderedDict()
        self._at_once = 0

    async def receive(self, request: Request) -> Response:
        """Respond to one delivery: 200 where its event was registered, or had been before.

        :param request: the request.
        """
        try:
            outcome = await self._accept(request)
        except _Refused as refused:
            log.warning("A delivery of a webhook was refused with status %d: %s", refused.status, refused)
            return Response(status_code=refused.status)
        log.info("A delivery of a webhook was accepted: %s", outcome)
        return Response(status_code=200)

    async def _accept(self, request: Request) -> str:
        """Return what was done with a delivery, in words for the log."""
        conn_id, secrets = await self._secrets()
        if not any(secret.strip() for secret in secrets):
            raise _Refused(404, "the connection to Cal.com has no webhook_secret, so receiving is off")
        _check_kind(request)
        body = await _read_body(request)
        if not verify_signature(body, _signature(request), secrets):
            raise _Refused(401, "its signature is missing or wrong")
        try:
            event = parse_event(body)
        except InvalidDelivery as error:
            raise _Refused(400, str(error)) from None
        shown = event.trigger + (f" of booking {event.booking_uid}" if isinstance(event, BookingEvent) else "")
        digest = hashlib.sha256(body).digest()
        if not self._claim(digest):
            return f"{shown}, which came before; nothing was registered"
        try:
            await self._hand_over(webhook_uri(event.trigger, conn_id), _extra_of(event, digest))
        except BaseException:  # also where the server stops: the same delivery may come once more
            self._received.pop(digest, None)
            raise
        return shown

    async def _secrets(self) -> tuple[str, Sequence[str]]:
        async with self._refresh:
            now = self._clock()
            if self._kept is None or now >= self._kept[0] + SECRETS_ARE_KEPT:
                try:
                    self._kept = (now, *await run_in_threadpool(self._read))
                except Exception as error:
                    raise _Refused(503, f"the secret could not be read ({type(error).__name__})") from None
            return self._kept[1], self._kept[2]

    def _claim(self, digest: bytes) -> bool:
        """Return whether a delivery is new, and remember it. Of many the oldest is forgotten."""
        if digest in self._received:
            return False
        self._received[digest] = None
        if len(self._received) > REMEMBERED:
            self._received.popitem(last=False)
        return True

    async def _hand_over(self, uri: str, extra: dict[str, Any]) -> None:
        if self._at_once >= MOST_AT_ONCE:
            raise _Refused(503, f"{MOST_AT_ONCE} events are waiting for the database")
        self._at_once += 1
        try:
            is_used = await run_in_threadpool(self._register, uri, extra)
        except Exception as error:
            raise _Refused(503, f"its event could not be registered ({type(error).__name__})") from None
        finally:
            self._at_once -= 1
        if not is_used:
            raise _Refused(404, f"no DAG uses the asset {uri}")


def _check_kind(request: Request) -> None:
    kind, _, options = request.headers.get("content-type", "").lower().partition(";")
    charset = options.replace(" ", "").replace('"', "")
    if kind.strip() != "application/json" or charset not in ("", "charset=utf-8"):
        raise _Refused(415, "its content type is not JSON in UTF-8")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise _Refused(415, "its body is compressed")


async def _read_body(request: Request) -> bytes:
    """Read the body, and stop as soon as it is too large, whatever its Content-Length says."""
    body = bytearray()
    try:
        async with asyncio.timeout(SECONDS_TO_READ):
            async for piece in request.stream():
                body += piece
                if len(body) > LARGEST_BODY:
                    raise _Refused(413, f"its body has more than {LARGEST_BODY:,} bytes")
    except TimeoutError:
        raise _Refused(408, f"its body did not come within {SECONDS_TO_READ:.0f} seconds") from None
    except ClientDisconnect:
        raise _Refused(400, "the sender went away") from None
    return bytes(body)


def _signature(request: Request) -> str | None:
    """Return the signature header. Of several none counts: another reader might take another one."""
    found = request.headers.getlist(SIGNATURE_HEADER)
    return found[0] if len(found) == 1 else None


def _extra_of(event: WebhookEvent, digest: bytes) -> dict[str, Any]:
    """Return what DAGs get: no address and no name."""
    extra: dict[str, Any] = {"trigger": event.trigger, "delivery": digest.hex()[:16]}
    if isinstance(event, BookingEvent):
        extra["booking_uid"] = event.booking_uid
    return extra
