"""The whole list of webhooks, and what is sent to bring one to a wanted state."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from airflow_provider_calcom.api import endpoints, errors
from airflow_provider_calcom.api.listing import all_webhooks
from airflow_provider_calcom.api.subscriptions import WantedWebhook, ensure_webhook, remove_webhook
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


URL = "https://gateway.example/calcom"
WANTED = WantedWebhook(URL, ("MEETING_ENDED", "BOOKING_CANCELLED"), secret="made-up")
AS_WANTED = {"triggers": ["BOOKING_CANCELLED", "MEETING_ENDED"], "active": True, "secret": "made-up"}
ONE = {"id": "w1", "subscriberUrl": URL, "payloadTemplate": None, **AS_WANTED}


class Subscriptions:
    """A server of webhooks that keeps what it is sent, and each write."""

    def __init__(self, *webhooks: dict[str, Any]) -> None:
        self.webhooks = {str(one["id"]): dict(one) for one in webhooks}
        self.writes: list[tuple[str, str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        *_, collection, last = request.url.path.split("/")
        if request.method == "GET":
            return httpx.Response(200, json=success(list(self.webhooks.values())))
        body = json.loads(request.content or b"null")
        self.writes.append((request.method, request.url.path.removeprefix("/v2"), body))
        if request.method == "DELETE":
            return httpx.Response(200, json=success(self.webhooks.pop(last)))
        webhook_id = last if collection == "webhooks" else "new"
        self.webhooks.setdefault(webhook_id, {"id": webhook_id}).update(body)
        return httpx.Response(200, json=success(self.webhooks[webhook_id]))


@pytest.mark.parametrize(
    ("there", "sent"),
    [
        ({}, None),
        ({"triggers": ["MEETING_ENDED"]}, {"triggers": ["MEETING_ENDED", "BOOKING_CANCELLED"]}),
        ({"active": False, "secret": None}, {"active": True, "secret": "made-up"}),
        ({"payloadTemplate": "{}"}, {"payloadTemplate": None}),
        ({"payloadTemplate": ""}, None),
    ],
    ids=["as wanted", "triggers", "two fields", "template", "empty template"],
)
def test_only_what_differs_is_sent(both, there, sent):
    """One PATCH has the fields that differ and no others; the order of triggers makes no difference."""
    server = Subscriptions({**ONE, **there}, {"id": "w2", "subscriberUrl": f"{URL}/", **AS_WANTED})
    outcome = both.run(server, ensure_webhook(WANTED))
    assert server.writes == ([] if sent is None else [("PATCH", "/webhooks/w1", sent)])
    assert (outcome.webhook_id, outcome.action) == ("w1", "unchanged" if sent is None else "updated")
    assert outcome.triggers == ["BOOKING_CANCELLED", "MEETING_ENDED"]


@pytest.mark.parametrize(
    ("scope", "path"),
    [
        ((9, None, None), "/event-types/9/webhooks"),
        (("9", "6", None), "/teams/6/event-types/9/webhooks"),
        ((None, None, 3), "/organizations/3/webhooks"),
    ],
)
def test_each_scope_has_its_own_route(both, scope, path):
    """Webhooks of an event type, of a team's event type and of an organisation are listed, made and removed there."""
    server = Subscriptions()
    assert endpoints.webhooks_path(*scope) == path
    assert both.run(server, ensure_webhook(WANTED, path=path)).action == "created"
    assert both.run(server, remove_webhook(URL, path=path)).action == "removed"
    assert [(method, where) for method, where, _ in server.writes] == [("POST", path), ("DELETE", f"{path}/new")]


def test_all_copies_of_a_subscription_are_removed(both):
    """Two webhooks of one URL are rejected where one is wanted, and both are removed where none is."""
    server = Subscriptions(ONE, {**ONE, "id": 2})
    with pytest.raises(errors.Conflict, match="2 webhooks have this subscriber_url"):
        both.run(server, ensure_webhook(WANTED))
    assert both.run(server, remove_webhook(URL)).action == "removed"
    assert server.webhooks == {}


def test_a_server_that_never_gets_anywhere_holds_nobody(both):
    """A list that has the webhook again after each removal, with another id, ends after ten writes."""
    server = Subscriptions(ONE)

    def returning(request: httpx.Request) -> httpx.Response:
        response = server(request)
        if request.method == "DELETE":
            new_id = f"w{len(server.writes) + 1}"
            server.webhooks[new_id] = {**ONE, "id": new_id}
        return response

    with pytest.raises(errors.ChangeNotVerified):
        both.run(returning, remove_webhook(URL))
    assert len(server.writes) == 10


def test_no_error_shows_a_secret(both):
    """A secret that looks like an address, or has several words, is hidden where the server repeats it."""
    secret = "two@words and 'more'"
    wanted = WantedWebhook(URL, ("MEETING_ENDED",), secret=secret)

    def server(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json=success([]))
        return httpx.Response(400, json={"message": f"secret {secret} {json.dumps(secret)} is not good"})

    with pytest.raises(errors.RequestRefused) as raised:
        both.run(server, ensure_webhook(wanted))
    assert "more" not in str(raised.value)
    assert "two" not in str(raised.value)
    assert "two" not in repr(wanted)
