"""The whole list of webhooks."""

from __future__ import annotations

import httpx
import pytest

from airflow_provider_calcom.api.listing import all_webhooks
from tests.api.support import success


@pytest.mark.parametrize("count", [0, 1, 249, 250, 251, 600])
def test_all_webhooks_come_once_whatever_their_number(both, count):
    """The list has no count, so it is read until a page is not full, and each webhook comes once."""
    webhooks = [{"id": f"id{number}"} for number in range(count)]

    def server(request: httpx.Request) -> httpx.Response:
        take, skip = (int(request.url.params[name]) for name in ("take", "skip"))
        return httpx.Response(200, json=success(webhooks[skip : skip + take]))

    assert both.run(server, all_webhooks()) == webhooks


def test_a_server_that_ignores_the_offset_holds_nobody(both):
    """A list that gives the same full page for ever ends with the first page that brings nothing new."""
    webhooks = [{"id": f"id{number}"} for number in range(250)]
    calls: list[httpx.Request] = []

    def server(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        assert len(calls) < 10, "the list has no end"
        return httpx.Response(200, json=success(webhooks))

    assert both.run(server, all_webhooks()) == webhooks
    assert len(calls) == 2
