"""Injected faults: what may go wrong between a client and Cal.com, requested with `POST /_sandbox/faults`."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from airflow_provider_calcom.sandbox.bookings.marking import FAILED
from airflow_provider_calcom.sandbox.responses import ApiResponse

Json = dict[str, Any]
CLOUDFLARE = "<html><head><title>524: A timeout occurred</title></head><body>cloudflare</body></html>"
KINDS = [
    "drop_before",
    "drop_after",
    "delay",
    "status",
    "headers",
    "partial",
    "truncated",
    "html",
    "redirect",
    "slow_body",
    "huge_body",
]
_NOBODY = {"email": "nobody@partial.invalid", "absent": True}


@dataclass
class Fault:
    """One fault for the calls of a route.

    :param path: pattern of :mod:`fnmatch`: `*` matches any string.
    :param fault: one of :data:`KINDS`. `headers` changes only those headers of the response; `partial` writes half of
        a mark-absent and responds as a server that failed halfway.
    :param times: number of calls that fail; None for all.
    :param when: `before` skips the call, `after` lets it write first.
    :param seconds: duration of `delay`, and the pause between the pieces of `slow_body`.
    :param size: bytes of `huge_body`; pieces of `slow_body`.
    :param valid_length: `truncated` sends half of the body with its Content-Length, instead of closing early.
    """

    method: str
    path: str
    fault: str
    times: int | None = 1
    when: str = "after"
    seconds: float = 1.0
    status: int | None = None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    location: str = "https://elsewhere.invalid/"
    size: int = 10
    valid_length: bool = False

    @classmethod
    def read(cls, given: Any) -> "Fault":
        """Parse the JSON of the admin route; raise ValueError with the reason where it is invalid."""
        if not isinstance(given, dict) or not {"method", "path", "fault"} <= given.keys():
            raise ValueError("a fault needs method, path and fault")
        if unknown := given.keys() - {one.name for one in fields(cls)}:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        if given["fault"] not in KINDS or given.get("when", "after") not in ("before", "after"):
            raise ValueError(f"fault must be one of {', '.join(KINDS)}; when must be before or after")
        return cls(**given)

    def covers(self, method: str, path: str) -> bool:
        """Return whether the fault applies to a call."""
        return self.method.upper() in ("*", method) and fnmatchcase(path, self.path)

    def changed(self, response: ApiResponse) -> ApiResponse:
        """Return the response that the client gets instead, for the faults that only change the response."""
        if self.fault == "status":
            body = {"statusCode": self.status or 500, "message": "fault"} if self.body is None else self.body
            return ApiResponse(body, self.status or 500, self.headers)
        if self.fault == "headers":
            return ApiResponse(response.body, response.status, {**response.headers, **self.headers}, response.text)
        if self.fault == "partial":
            return ApiResponse({"statusCode": 500, "message": FAILED}, 500, self.headers)
        if self.fault == "html":
            headers = {"Content-Type": "text/html; charset=UTF-8", **self.headers}
            return ApiResponse(self.body or CLOUDFLARE, self.status or 524, headers, text=True)
        if self.fault == "redirect":
            return ApiResponse("", self.status or 302, {"Location": self.location, **self.headers}, text=True)
        if self.fault == "huge_body":
            return ApiResponse({"status": "success", "data": "x" * self.size}, response.status, response.headers)
        if self.fault == "truncated" and self.valid_length:
            text = json.dumps(response.body)
            return ApiResponse(
                text[: len(text) // 2], response.status, {**response.headers, "Content-Type": "application/json"}, True
            )
        return response


def halved(content: bytes) -> bytes:
    """Return a mark-absent body with the first half of its attendees, an unknown address, and no host.

    The older builds write the attendees before the unknown address, fail, and send no webhook.
    """
    try:
        rows = json.loads(content).get("attendees") or []
    except (ValueError, AttributeError):
        return content
    return json.dumps({"attendees": [*rows[: -(-len(rows) // 2)], _NOBODY]}).encode()


class SandboxProtocol(HttpToolsProtocol):
    """Uvicorn's HTTP protocol with its transport in the request's state, because ASGI cannot close a connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Put the transport into the state of each request."""
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


async def hang_up(scope: Scope, receive: Receive, flush: bool = False) -> None:
    """Close the connection without a response.

    :param flush: send first what is written already.
    """
    transport = scope.get("state", {}).get("transport")
    if transport is None:  # in process there is no socket: raise what a client would see
        raise ConnectionResetError("the sandbox dropped the connection")
    if flush:
        transport.close()
    else:
        transport.abort()
    while (await receive())["type"] != "http.disconnect":  # otherwise uvicorn responds with 500
        pass


async def send_cut(body: bytes, start: Json, scope: Scope, receive: Receive, send: Send) -> None:
    """Send the headers of the whole body and half of the body, then close the connection."""
    await send({"type": "http.response.start", **start})
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    await hang_up(scope, receive, flush=True)


async def send_slowly(body: bytes, start: Json, fault: Fault, send: Send) -> None:
    """Send the body in `size` pieces with pauses."""
    await send({"type": "http.response.start", **start})
    step = max(1, -(-len(body) // fault.size))
    for at in range(0, len(body), step):
        await send({"type": "http.response.body", "body": body[at : at + step], "more_body": True})
        await asyncio.sleep(fault.seconds)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def commit_around(fault: Fault, commit: Callable[[], ApiResponse], nothing: ApiResponse) -> ApiResponse:
    """Handle the call, or skip it, with the fault's delay; return the response, `nothing` for a skipped call."""
    if fault.fault == "delay" and fault.when == "before":
        await asyncio.sleep(fault.seconds)
    undone = fault.fault == "drop_before" or (fault.when == "before" and fault.fault != "delay")
    response = nothing if undone else commit()
    if fault.fault == "delay" and fault.when == "after":
        await asyncio.sleep(fault.seconds)
    return response
