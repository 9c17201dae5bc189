"""Failures on order: what may go wrong between a client and Cal.com, set up through `POST /_sandbox/faults`."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from airflow_provider_calcom.sandbox.bookings.marking import FAILED
from airflow_provider_calcom.sandbox.responses import Answer

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
    """One failure for the calls of a route.

    :param fault: one of :data:`KINDS`. `headers` leaves all of the answer as it is but those headers, `partial` writes
        half of a mark-absent and answers as servers do that crashed on the way.
    :param times: how many calls it hits; None for all.
    :param when: `before` leaves the call undone, `after` lets it commit first.
    :param seconds: of `delay`, and between the pieces of `slow_body`.
    :param size: bytes of `huge_body`; pieces of `slow_body`.
    :param valid_length: `truncated` sends a Content-Length that fits its half body instead of closing early.
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
        """From the admin route's JSON. ValueError says what is wrong with it."""
        if not isinstance(given, dict) or not {"method", "path", "fault"} <= given.keys():
            raise ValueError("a fault needs method, path and fault")
        if unknown := given.keys() - {one.name for one in fields(cls)}:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        if given["fault"] not in KINDS or given.get("when", "after") not in ("before", "after"):
            raise ValueError(f"fault must be one of {', '.join(KINDS)}; when must be before or after")
        return cls(**given)

    def covers(self, method: str, path: str) -> bool:
        """`*` in the pattern stands for any text."""
        return self.method.upper() in ("*", method) and fnmatchcase(path, self.path)

    def changed(self, answer: Answer) -> Answer:
        """The answer the client gets instead, for the faults that are only another answer."""
        if self.fault == "status":
            body = {"statusCode": self.status or 500, "message": "fault"} if self.body is None else self.body
            return Answer(body, self.status or 500, self.headers)
        if self.fault == "headers":
            return Answer(answer.body, answer.status, {**answer.headers, **self.headers}, answer.text)
        if self.fault == "partial":
            return Answer({"statusCode": 500, "message": FAILED}, 500, self.headers)
        if self.fault == "html":
            headers = {"Content-Type": "text/html; charset=UTF-8", **self.headers}
            return Answer(self.body or CLOUDFLARE, self.status or 524, headers, text=True)
        if self.fault == "redirect":
            return Answer("", self.status or 302, {"Location": self.location, **self.headers}, text=True)
        if self.fault == "huge_body":
            return Answer({"status": "success", "data": "x" * self.size}, answer.status, answer.headers)
        if self.fault == "truncated" and self.valid_length:
            text = json.dumps(answer.body)
            return Answer(
                text[: len(text) // 2], answer.status, {**answer.headers, "Content-Type": "application/json"}, True
            )
        return answer


def halved(content: bytes) -> bytes:
    """The body of a mark-absent with the first half of its attendees, somebody who isn't on the booking, and no host.

    The older builds write what comes before such a stranger, crash, and send no webhook.
    """
    try:
        rows = json.loads(content).get("attendees") or []
    except (ValueError, AttributeError):
        return content
    return json.dumps({"attendees": [*rows[: -(-len(rows) // 2)], _NOBODY]}).encode()


class SandboxProtocol(HttpToolsProtocol):
    """Uvicorn's HTTP protocol, with its transport in the request's state: ASGI has no way to hang up."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


async def hang_up(scope: Scope, receive: Receive, flush: bool = False) -> None:
    """Close the connection under the client; `flush` sends first what is written already."""
    transport = scope.get("state", {}).get("transport")
    if transport is None:  # in process, without a socket: the nearest thing is the client's own exception
        raise ConnectionResetError("the sandbox dropped the connection")
    if flush:
        transport.close()
    else:
        transport.abort()
    while (await receive())["type"] != "http.disconnect":  # or uvicorn would answer 500 in our place
        pass


async def send_cut(body: bytes, start: Json, scope: Scope, receive: Receive, send: Send) -> None:
    """Promise all of the body, send half of it and hang up."""
    await send({"type": "http.response.start", **start})
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    await hang_up(scope, receive, flush=True)


async def send_slowly(body: bytes, start: Json, fault: Fault, send: Send) -> None:
    """Drip the body in `size` pieces."""
    await send({"type": "http.response.start", **start})
    step = max(1, -(-len(body) // fault.size))
    for at in range(0, len(body), step):
        await send({"type": "http.response.body", "body": body[at : at + step], "more_body": True})
        await asyncio.sleep(fault.seconds)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def commit_around(fault: Fault, commit: Callable[[], Answer], nothing: Answer) -> Answer:
    """Run the call, or not, with the fault's delay; give back what it answered."""
    if fault.fault == "delay" and fault.when == "before":
        await asyncio.sleep(fault.seconds)
    undone = fault.fault == "drop_before" or (fault.when == "before" and fault.fault != "delay")
    answer = nothing if undone else commit()
    if fault.fault == "delay" and fault.when == "after":
        await asyncio.sleep(fault.seconds)
    return answer
