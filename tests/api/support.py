"""What the tests of the client share: both clients behind one face, and the recordings of the real server."""

from __future__ import annotations

import asyncio
import builtins
import functools
import json
import re
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from airflow_provider_calcom.api.client import AsyncCalComClient, CalComClient
from airflow_provider_calcom.api.errors import CalComError
from airflow_provider_calcom.api.settings import ClientSettings

KEY = "cal_test_0123456789abcdef"
SETTINGS = ClientSettings(base_url="https://cal.test/v2", api_key=KEY)

RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"
BUILDS = ("2025-08", "2025-12", "2026-07")

ADDRESS = re.compile(r"[^\s\"'<>(),;:=@]+@[^\s\"'<>(),;:=@]+")

Handler = Callable[[httpx.Request], httpx.Response]


@functools.cache
def recordings(build: str) -> tuple[dict[str, Any], ...]:
    """Return all recorded requests to a build, with their responses."""
    with (RECORDINGS / "2026-11-22" / f"{build}.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return tuple(row for row in rows if "status" in (row.get("response") or {}))


@functools.cache
def recorded(build: str, name: str) -> dict[str, Any]:
    """Return the first recording of that name."""
    return next(row for row in recordings(build) if row["name"] == name)


def recorded_answer(row: dict[str, Any]) -> httpx.Response:
    """The recorded answer as httpx would give it."""
    answer = row["response"]
    headers = {name: value for name, value in answer["headers"].items() if name.lower() != "content-length"}
    content = json.dumps(answer["json"]).encode() if "json" in answer else answer.get("text", "").encode()
    return httpx.Response(answer["status"], headers=headers, content=content)


def success(data: Any, **envelope: Any) -> dict[str, Any]:
    return {"status": "success", "data": data, **envelope}


def booking(uid: str = "uid1", start: str = "2026-11-20T09:00:00.000Z", **fields: Any) -> dict[str, Any]:
    """A booking with the fields that everything relies on."""
    return {
        "uid": uid,
        "start": start,
        "end": "2026-11-20T09:30:00.000Z",
        "status": "accepted",
        "attendees": [],
        **fields,
    }


def all_texts(error: BaseException) -> str:
    """Everything that a log would show of an error and of those behind it, without the lines of source code."""
    shown = []
    current: BaseException | None = error
    while current is not None:
        shown.extend(traceback.format_exception_only(type(current), current))
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "".join(shown)


IN_BOTH = pytest.mark.parametrize("both", ["sync", "async"], indirect=True)
"""Runs a test with both clients. They share everything but sending, waiting and driving, so few tests need it."""


class Both:
    """One client, sync or async, behind the same calls, so that one test checks one promise of both."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def call(
        self,
        handler: Handler | None,
        endpoint: Any,
        settings: ClientSettings = SETTINGS,
        api_version: str | None = None,
        **client_options: Any,
    ) -> Any:
        """Send one call to ``handler``; over the network where that is None."""
        transport = None if handler is None else httpx.MockTransport(handler)
        if self.kind == "sync":
            with CalComClient(settings, transport=transport, **client_options) as client:
                return client.call(endpoint, api_version=api_version)

        async def main() -> Any:
            async with AsyncCalComClient(settings, transport=transport, **client_options) as client:
                return await client.call(endpoint, api_version=api_version)

        return asyncio.run(main())

    def error(self, handler: Handler | None, endpoint: Any, *args: Any, **options: Any) -> CalComError:
        """Send one call that must fail, and give its error."""
        with pytest.raises(CalComError) as caught:
            self.call(handler, endpoint, *args, **options)
        return caught.value

    def run(
        self, handler: Handler, flow: Any, settings: ClientSettings = SETTINGS, pauses: list[float] | None = None
    ) -> Any:
        """Drive a flow against ``handler``; nothing really sleeps, ``pauses`` gets what would have been slept."""
        slept = [] if pauses is None else pauses
        if self.kind == "sync":
            with CalComClient(settings, transport=httpx.MockTransport(handler), sleep=slept.append) as client:
                return client.run(flow)

        async def sleep(seconds: float) -> None:
            slept.append(seconds)

        async def main() -> Any:
            transport = httpx.MockTransport(handler)
            async with AsyncCalComClient(settings, transport=transport, sleep=sleep) as client:
                return await client.run(flow)

        return asyncio.run(main())

    def list(
        self, handler: Handler, query: Any = None, settings: ClientSettings = SETTINGS, **options: Any
    ) -> builtins.list[dict[str, Any]]:
        """Return all bookings that the client lists."""
        if self.kind == "sync":
            with CalComClient(settings, transport=httpx.MockTransport(handler)) as client:
                return list(client.list_bookings(query, **options))

        async def main() -> builtins.list[dict[str, Any]]:
            async with AsyncCalComClient(settings, transport=httpx.MockTransport(handler)) as client:
                return [item async for item in client.list_bookings(query, **options)]

        return asyncio.run(main())


class AnsweringServer:
    """A server that gives answers in turn, the last one again and again; ``requests`` has what came."""

    def __init__(self, answers: Sequence[httpx.Response | Exception | Handler]) -> None:
        self.requests: list[httpx.Request] = []
        self._answers = answers

    def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = self._answers[min(len(self.requests), len(self._answers) - 1)]
        self.requests.append(request)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            # A response can be read once only.
            content = answer.content
            kept = [(name, value) for name, value in answer.headers.raw if name.lower() != b"content-length"]
            return httpx.Response(answer.status_code, headers=kept, stream=Pieces(content))
        return answer(request)


def answering(*answers: httpx.Response | Exception | Handler) -> AnsweringServer:
    """A server that gives these answers in turn."""
    return AnsweringServer(answers)


class Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that comes in pieces, for both clients; counts what was read of it."""

    def __init__(self, *pieces: bytes, endless: bytes | None = None, before_piece: Callable[[], Any] = lambda: None):
        self._pieces = pieces
        self._endless = endless
        self._before_piece = before_piece
        self.read_bytes = 0

    def _all(self) -> Iterator[bytes]:
        yield from self._pieces
        while self._endless is not None:
            yield self._endless

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._all():
            self._before_piece()
            self.read_bytes += len(piece)
            yield piece

    async def __aiter__(self):
        for piece in self:
            yield piece
