"""A client of an in-process sandbox with the practice world, whose clock starts at a fixed time."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from airflow_provider_calcom.sandbox import create_app
from airflow_provider_calcom.sandbox.app import SandboxApp
from airflow_provider_calcom.sandbox.builds import BUILDS

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
OWNER = {"Authorization": "Bearer cal_sandbox_owner", "cal-api-version": "2024-08-13"}
OTHER = {**OWNER, "Authorization": "Bearer cal_sandbox_other"}


class _InProcess(httpx.BaseTransport):
    """A transport that calls the app without a socket."""

    def __init__(self, app: SandboxApp) -> None:
        self._transport = httpx.ASGITransport(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def call() -> httpx.Response:
            response = await self._transport.handle_async_request(request)
            return httpx.Response(response.status_code, headers=response.headers, content=await response.aread())

        return asyncio.run(call())


class Client(httpx.Client):
    """A client that sends the owner's key and the booking version by default; `app` is the sandbox."""

    def __init__(self, **options: Any) -> None:
        self.app = create_app(**{"now": NOW, "hosts": ("sandbox",), **options})
        super().__init__(transport=_InProcess(self.app), base_url="http://sandbox", headers=OWNER)

    def mark(self, uid: str, body: Any = None, **options: Any) -> Any:
        """Send a mark-absent request with `body` as JSON."""
        sent = options if body is None else {"json": body, **options}
        return self.post(f"/v2/bookings/{uid}/mark-absent", **sent)

    def flags(self, uid: str) -> tuple[Any, dict[str, bool]]:
        """Return the host's flag and the attendees' flags in the sandbox's state."""
        booking = self.app.sandbox.world.bookings[uid]
        return booking.absent_host, {row.email: row.absent for row in booking.attendees}


@pytest.fixture(params=BUILDS)
def client(request: pytest.FixtureRequest) -> Client:
    """Return a client of each build."""
    return Client(server=request.param)


@pytest.fixture
def build(client: Client) -> str:
    return client.app.sandbox.build.name


@pytest.fixture
def newest() -> Client:
    return Client(server="2026-07")
