"""Webhook subscriptions: their calls, and the delivery of events."""

import asyncio
import hashlib
import hmac
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

import httpx

from airflow_provider_calcom.sandbox.builds import Build
from airflow_provider_calcom.sandbox.clock import iso
from airflow_provider_calcom.sandbox.responses import ApiError, ApiResponse
from airflow_provider_calcom.sandbox.validation import Query, webhook_input
from airflow_provider_calcom.sandbox.webhooks.subscriber_urls import url_problem
from airflow_provider_calcom.sandbox.world import Json, User

Send = Callable[[str, dict[str, str], bytes], Awaitable[str]]
"""Posts a body to a URL with headers and returns the outcome; raises nothing."""
VERSION = "2021-10-20"


@cache
def _tls() -> ssl.SSLContext:
    """Load the certificates once: loading them for each delivery blocks every call for ten milliseconds."""
    return httpx.create_ssl_context()


async def post_once(url: str, headers: dict[str, str], body: bytes) -> str:
    """Post a delivery as Cal.com does: one attempt, no retries, no redirects. Return the status or the error."""
    try:
        async with httpx.AsyncClient(timeout=5, verify=_tls()) as client:
            return str((await client.post(url, headers=headers, content=body)).status_code)
    except httpx.HTTPError as error:
        return f"{type(error).__name__}: {error}"


_TIMES = ("time", "timeUnit")


@dataclass
class Webhook:
    """One subscription of one user."""

    id: str
    owner: User
    created: datetime
    settings: Json

    def matches(self, trigger: str, owner_id: int | None) -> bool:
        """Return whether it is an active subscription of the user with that id to that trigger."""
        return self.owner.id == owner_id and self.settings["active"] and trigger in self.settings["triggers"]

    def show(self) -> Json:
        """Return the short form, which create, list, change and delete respond with."""
        settings = {"payloadTemplate": None, "secret": None, **self.settings}
        for name in _TIMES:
            settings.pop(name, None)
        return {"id": self.id, "userId": self.owner.id, **settings}

    def show_all(self, build: Build) -> Json:
        """Return the long form, which only GET of one webhook responds with."""
        empty = dict.fromkeys(("teamId", "eventTypeId", "appId", "time", "timeUnit", "oAuthClientId"))
        version = {"version": VERSION} if build.webhook_version else {}
        times = {name: self.settings[name] for name in _TIMES if name in self.settings}
        return {**empty, "createdAt": iso(self.created), "platform": False, **version, **self.show(), **times}


@dataclass
class Webhooks:
    """All subscriptions, and a log of every delivery attempt."""

    build: Build
    new_id: Callable[[], str]
    send: Send = post_once
    rows: dict[str, Webhook] = field(default_factory=dict)
    deliveries: list[Json] = field(default_factory=list)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    def create(self, body: Any, user: User, now: datetime) -> ApiResponse:
        """Subscribe: POST of the collection."""
        settings = webhook_input(body, self.build, partial=False)
        self._check_url(settings["subscriberUrl"], user)
        hook = Webhook(self.new_id(), user, now, settings)
        self.rows[hook.id] = hook
        return ApiResponse({"status": "success", "data": hook.show()}, 201)

    def list(self, query: Query, user: User) -> ApiResponse:
        """Return a page of the user's webhooks: GET of the collection."""
        take, skip = query.number("take", 250, 1, 250), query.number("skip", 0, 0)
        query.check()
        mine = sorted((hook for hook in self.rows.values() if hook.owner == user), key=lambda hook: hook.id)
        return ApiResponse({"status": "success", "data": [hook.show() for hook in mine[skip : skip + take]]})

    def get(self, hook_id: str, user: User) -> ApiResponse:
        """Return one of the user's webhooks: GET."""
        return ApiResponse({"status": "success", "data": self._own(hook_id, user).show_all(self.build)})

    def change(self, hook_id: str, body: Any, user: User) -> ApiResponse:
        """Change one of the user's webhooks: PATCH."""
        hook = self._own(hook_id, user)
        settings = webhook_input(body, self.build, partial=True)
        if settings.get("subscriberUrl", hook.settings["subscriberUrl"]) != hook.settings["subscriberUrl"]:
            self._check_url(settings["subscriberUrl"], user)
        hook.settings |= settings
        return ApiResponse({"status": "success", "data": hook.show()})

    def delete(self, hook_id: str, user: User) -> ApiResponse:
        """Delete one of the user's webhooks, and return it: DELETE."""
        hook = self._own(hook_id, user)
        del self.rows[hook_id]
        return ApiResponse({"status": "success", "data": hook.show()})

    def _own(self, hook_id: str, user: User) -> Webhook:
        hook = self.rows.get(hook_id)
        if hook is None:
            raise ApiError(404, f"Webhook ({hook_id}) not found")
        if hook.owner != user:
            who = f"user with id=({user.id}) is not the owner of webhook with id=({hook_id})"
            raise ApiError(403, f"IsUserWebhookGuard - {who}")
        return hook

    def _check_url(self, url: str, user: User) -> None:
        if self.build.checks_webhook_urls and (why := url_problem(url)):
            raise ApiError(400, f"Webhook URL is not allowed: {why}")
        if any(hook.owner == user and hook.settings["subscriberUrl"] == url for hook in self.rows.values()):
            raise ApiError(409, "Webhook with this subscriber url already exists for this user")

    def deliver(self, trigger: str, payload: Json, owner_id: int | None, now: datetime, *, flat: bool = False) -> None:
        """Send the event to every active subscription of a user in the background, and log it at once.

        :param flat: whether the payload is beside the trigger, not within ``payload``.
        """
        hooks = [hook for hook in self.rows.values() if hook.matches(trigger, owner_id)]
        if hooks:
            event = {"triggerEvent": trigger, **(payload if flat else {"createdAt": iso(now), "payload": payload})}
            body = json.dumps(event, separators=(",", ":"), ensure_ascii=False)
            for hook in hooks:
                entry = {"url": hook.settings["subscriberUrl"], "headers": self._headers(hook, body), "body": body}
                self.deliveries.append({**entry, "outcome": "pending"})
                task = asyncio.ensure_future(self._send(self.deliveries[-1]))
                self._tasks.add(task)  # the event loop keeps only a weak reference
                task.add_done_callback(self._tasks.discard)

    async def _send(self, delivery: Json) -> None:
        delivery["outcome"] = await self.send(delivery["url"], delivery["headers"], delivery["body"].encode())

    def _headers(self, hook: Webhook, body: str) -> dict[str, str]:
        secret = hook.settings.get("secret")
        signature = hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest() if secret else None
        headers = {"Content-Type": "application/json", "X-Cal-Signature-256": signature or "no-secret-provided"}
        if self.build.sends_webhook_version:
            headers["X-Cal-Webhook-Version"] = VERSION
        fetch = {"accept": "*/*", "accept-language": "*", "sec-fetch-mode": "cors", "user-agent": "node"}
        return {**headers, **fetch, "accept-encoding": "gzip, deflate"}
