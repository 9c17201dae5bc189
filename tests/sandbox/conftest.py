"""A client of an in-process sandbox of the practice world, whose clock stands at a known instant at the start."""

import asyncio
from datetime import datetime, timezone
from typing import Any

import httpx
import pytest

from airflow_provider_calcom.sandbox import create_app
from airflow_provider_calcom.sandbox.app import SandboxApp
from airflow_provider_calcom.sandbox.builds import BUILDS

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=timezone.utc)
OWNER = {"Authorization": "Bearer cal_sandbox_owner", "cal-api-version": "2024-08-13"}
OTHER = {**OWNER, "Authorization": "Bearer cal_sandbox_other"}


class _InProcess(httpx.BaseTransport):
    """Calls the app without a socket."""

    def __init__(self, app: SandboxApp) -> None:
        self._transport = httpx.ASGITransport(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def call() -> httpx.Response:
            response = await self._transport.handle_async_request(request)
            return httpx.Response(response.status_code, headers=response.headers, content=await response.aread())

        return asyncio.run(call())


class Client(httpx.Client):
    """Sends the owner's key and the booking version unless told otherwise; `app` is the sandbox."""

    def __init__(self, **options: Any) -> None:
        self.app = create_app(**{"now": NOW, "hosts": ("sandbox",), **options})
        super().__init__(transport=_InProcess(self.app), base_url="http://sandbox", headers=OWNER)

    def mark(self, uid: str, body: Any = None, **options: Any) -> Any:
        """POST mark-absent; `body` is sent as JSON."""
        sent = options if body is None else {"json": body, **options}
        return self.post(f"/v2/bookings/{uid}/mark-absent", **sent)

    def flags(self, uid: str) -> tuple[Any, dict[str, bool]]:
        """The host's flag and those of the attendees, as the sandbox has them."""
        booking = self.app.sandbox.world.bookings[uid]
        return booking.absent_host, {row.email: row.absent for row in booking.attendees}


@pytest.fixture(params=BUILDS)
def client(request: pytest.FixtureRequest) -> Client:
    """A client of each build."""
    return Client(server=request.param)


@pytest.fixture
def build(client: Client) -> str:
    return client.app.sandbox.build.name


@pytest.fixture
def newest() -> Client:
    return Client(server="2026-07")
