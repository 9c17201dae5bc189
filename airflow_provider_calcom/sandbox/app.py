"""The ASGI application: reads requests, injects faults, sends responses, keeps the log of calls."""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from airflow_provider_calcom.sandbox.builds import BUILDS
from airflow_provider_calcom.sandbox.clock import Clock, parse_instant
from airflow_provider_calcom.sandbox.practice import practice_world
from airflow_provider_calcom.sandbox.responses import ApiResponse
from airflow_provider_calcom.sandbox.server.admin import handle_admin
from airflow_provider_calcom.sandbox.server.fault_injection import commit_around, halved, hang_up, send_cut, send_slowly
from airflow_provider_calcom.sandbox.server.gate import ADMIN, rejection
from airflow_provider_calcom.sandbox.server.routes import Call, handle_call
from airflow_provider_calcom.sandbox.server.state import Sandbox
from airflow_provider_calcom.sandbox.throttle import Limit
from airflow_provider_calcom.sandbox.webhooks.subscriptions import Send as SendWebhook
from airflow_provider_calcom.sandbox.webhooks.subscriptions import post_once

Sleep = Callable[[float], Awaitable[None]]


class SandboxApp:
    """An ASGI app over one :class:`Sandbox`, which is its attribute `sandbox`.

    :param hosts: host names that clients may use, besides IP addresses and localhost.
    :param sleep: waits for the latency.
    """

    def __init__(self, sandbox: Sandbox, hosts: Collection[str] = (), sleep: Sleep = asyncio.sleep) -> None:
        self.sandbox = sandbox
        self._sleep = sleep
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, as ASGI has it."""
        if scope["type"] != "http":
            raise NotImplementedError("the sandbox serves HTTP only")
        call = await _read(scope, receive)
        rejected = rejection(call.method, call.path, call.headers, call.content, self._hosts)
        if rejected is not None:
            await self._render(rejected)(scope, receive, send)
        elif call.path.startswith(ADMIN):
            response = handle_admin(self.sandbox, call.method, call.path, call.content)
            await self._render(response)(scope, receive, send)
        else:
            await self._serve(call, scope, receive, send)

    async def _serve(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self.sandbox.take_fault(call.method, call.path)
        entry = self._log(call)
        if fault is None:
            response = self._commit(call, entry)
            self.sandbox.counts.count_response(response.status)
            await self._wait_latency()
            await self._render(response, call.method)(scope, receive, send)
            return
        entry["fault"] = fault.fault
        if fault.fault == "partial":
            call.content = halved(call.content)
        response = await commit_around(fault, lambda: self._commit(call, entry), ApiResponse({}, 200))
        response = fault.changed(response)
        entry["status"] = None if fault.fault.startswith("drop") else response.status
        self.sandbox.counts.count_response(entry["status"])
        await self._wait_latency()
        rendered = self._render(response, call.method)
        start: dict[str, Any] = {"status": rendered.status_code, "headers": rendered.raw_headers}
        if fault.fault.startswith("drop"):
            await hang_up(scope, receive)
        elif fault.fault == "truncated" and not fault.valid_length:
            await send_cut(bytes(rendered.body), start, scope, receive, send)
        elif fault.fault == "slow_body":
            await send_slowly(bytes(rendered.body), start, fault, send)
        else:
            await rendered(scope, receive, send)

    async def _wait_latency(self) -> None:
        if self.sandbox.latency:
            await self._sleep(self.sandbox.latency)

    def _log(self, call: Call) -> dict[str, Any]:
        token = call.headers.get("authorization", "").replace("Bearer ", "", 1)
        key = self.sandbox.world.keys.get(token)
        entry = {"method": call.method, "path": call.url, "status": None, "key": key.name if key else None}
        self.sandbox.calls.append({**entry, "wrote": False})
        self.sandbox.counts.count_call(call.method, call.path)
        return self.sandbox.calls[-1]

    def _commit(self, call: Call, entry: dict[str, Any]) -> ApiResponse:
        """Handle the call and log whether it was a mark-absent that wrote flags, unchanged values included."""
        before = self.sandbox.world.marks
        response = handle_call(self.sandbox, call)
        wrote = self.sandbox.world.marks > before
        entry.update(status=response.status, wrote=wrote)
        if wrote:
            self.sandbox.counts.count_write(call.path)
        return response

    def _render(self, response: ApiResponse, method: str = "GET") -> Response:
        body = response.body if response.text else json.dumps(response.body, ensure_ascii=False, separators=(",", ":"))
        headers = {"Content-Type": "application/json; charset=utf-8"} if not response.text else {}
        if response.status not in (204, 413):  # the real server sends these two before it assigns a request id
            headers["X-Request-Id"] = str(uuid.uuid4())
        headers["Date"] = format_datetime(self.sandbox.clock.now(), usegmt=True)
        if method == "HEAD":
            headers["Content-Length"] = str(len(body.encode()))
        return Response("" if method == "HEAD" else body, response.status, {**headers, **response.headers})


async def _read(scope: Scope, receive: Receive) -> Call:
    request = Request(scope, receive)
    raw = scope.get("raw_path") or scope["path"].encode()
    return Call(
        method=request.method,
        path=raw.split(b"?")[0].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers={name.lower(): value.strip() for name, value in request.headers.items()},
        content=await request.body(),
        address=request.client.host if request.client else "unknown",
    )


def create_app(
    *,
    world: dict[str, Any] | None = None,
    server: str = "2026-07",
    now: datetime | None = None,
    rate_limit: tuple[int, float] | tuple[int, float, float] = (120, 60),
    latency: float = 0.0,
    send_webhook: SendWebhook = post_once,
    new_id: Callable[[], str] | None = None,
    hosts: Collection[str] = (),
    sleep: Sleep = asyncio.sleep,
) -> SandboxApp:
    """Return a sandbox as an ASGI app, for `httpx.ASGITransport` or a server.

    :param world: the content of a world file; None for a practice world around the current time.
    :param server: the build to behave as, a key of :data:`BUILDS`.
    :param now: aware datetime that the sandbox's clock starts at; None for the world's own `now`, or else real time.
    :param rate_limit: calls and seconds of the default limit, and for how many seconds the call after them blocks
        (default 60).
    :param latency: seconds between handling a call and sending its response.
    :param send_webhook: posts webhook deliveries; a test may pass one that sends nothing.
    :param new_id: returns the ids of new webhooks and rescheduled bookings.
    :param hosts: host names that clients may use, besides IP addresses and localhost; other names get 403.
    :param sleep: waits for the latency; a test may pass one that does not wait.
    """
    start = now or (parse_instant(world["now"]) if world and "now" in world else None)
    clock = Clock(start)
    options = {"new_id": new_id} if new_id else {}
    source = world or practice_world(clock.now())
    state = Sandbox(BUILDS[server], source, clock, Limit(*rate_limit), send_webhook, latency=latency, **options)
    return SandboxApp(state, hosts, sleep)
