"""The async client's connections: as many as calls are under way at once, used again, and without cookies."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from airflow_provider_calcom.api import endpoints
from airflow_provider_calcom.api.client import AsyncCalComClient
from airflow_provider_calcom.api.connections import Connections
from airflow_provider_calcom.api.settings import ClientSettings
from tests.api.support import SETTINGS, success


def test_as_many_clients_as_calls_at_once() -> None:
    """One is lent to one call at a time, and lent again when that is over, also by an error."""
    connections = Connections(httpx.MockTransport(lambda request: httpx.Response(200)), {})
    with connections.lent() as first, connections.lent() as second:
        assert first is not second
    with connections.lent() as again:
        assert again is first
    with pytest.raises(ZeroDivisionError), connections.lent():
        raise ZeroDivisionError
    with connections.lent() as again:
        assert again is first
    asyncio.run(connections.close())
    assert first.is_closed
    assert second.is_closed


def test_cookies_are_not_kept() -> None:
    """What a server or its edge sets is not sent back: nothing of Cal.com's API needs it."""
    seen: list[str | None] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("cookie"))
        return httpx.Response(200, json=success({"id": 1}), headers={"Set-Cookie": "session=1; Path=/"})

    async def main() -> None:
        async with AsyncCalComClient(SETTINGS, transport=httpx.MockTransport(handler)) as client:
            await client.call(endpoints.me())
            await client.call(endpoints.me())

    asyncio.run(main())
    assert seen == [None, None]


@pytest.mark.parametrize(("url", "verifies"), [("https://cal.example.com/v2", True), ("http://127.0.0.1/v2", False)])
def test_certificates_are_looked_at(url: str, verifies: bool) -> None:
    """Always where there is any to look at."""
    client = AsyncCalComClient(ClientSettings(base_url=url, api_key="cal_x"))
    assert bool(client._http_options["verify"]) is verifies
    asyncio.run(client.close())
