"""Bringing one webhook subscription to a wanted state: read, write only what differs, and read again.

The same loop serves every outcome of a write. After each write the webhooks are read again, so that a 200 is not
trusted, a lost response costs no second webhook, and a change by somebody else in between is seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from airflow_provider_calcom._redact import describe
from airflow_provider_calcom.api import endpoints
from airflow_provider_calcom.api.endpoints import WEBHOOKS_OF_USER, Endpoint, Flow, Pause
from airflow_provider_calcom.api.errors import (
    CalComError,
    ChangeNotVerified,
    Conflict,
    InvalidArgument,
    NotFound,
    OutcomeUnknown,
    UnexpectedAnswer,
)
from airflow_provider_calcom.api.listing import all_webhooks

Action = Literal["created", "updated", "unchanged", "removed"]

_MOST_WRITES = 10
_MOST_UNKNOWN = 3
"""Writes, and writes whose outcome is unknown, before the flow gives up."""
_PAUSE = 1.0
_PAUSE_WHILE_AT_WORK = 10.0
"""Seconds to leave a server that may still execute a call."""

_URL = re.compile(r"https?://[^\s/?#@]+([/?#][^\s]*)?", re.IGNORECASE)
_TRIGGER = re.compile(r"[A-Z][A-Z0-9_]{0,99}")


@dataclass(frozen=True)
class WantedWebhook:
    """What a subscription is to be.

    :param subscriber_url: the URL that Cal.com sends events to. It identifies the subscription.
    :param triggers: names of events, each once.
    :param secret: the key of the signatures.
    :param active: whether Cal.com sends events.
    :param payload_template: the body of deliveries, or None for Cal.com's own.
    :param no_show_after: minutes after the start at which Cal Video looks for who is absent, or None to leave that as
        it is.
    """

    subscriber_url: str = field(repr=False)
    triggers: tuple[str, ...]
    secret: str = field(repr=False)
    active: bool = True
    payload_template: str | None = field(default=None, repr=False)
    no_show_after: int | None = None

    @property
    def times(self) -> dict[str, Any]:
        """The fields that only the full form of a webhook has, under Cal.com's names."""
        return {} if self.no_show_after is None else {"time": self.no_show_after, "timeUnit": "MINUTE"}

    @property
    def fields(self) -> dict[str, Any]:
        """The fields that a webhook is compared by, under Cal.com's names."""
        return {
            **self.times,
            "triggers": list(self.triggers),
            "active": self.active,
            "secret": self.secret,
            "payloadTemplate": self.payload_template,
        }


@dataclass(frozen=True)
class SubscriptionOutcome:
    """Result of a flow of this module.

    :param webhook_id: id of the webhook; None where there is none, or (in a dry run) not yet.
    :param action: what was done, or in a dry run would be.
    :param triggers: the webhook's triggers afterwards, sorted; empty where it was removed.
    """

    webhook_id: str | None
    action: Action
    triggers: list[str]


@dataclass(frozen=True)
class _Write:
    """A call that is needed, and the action that it performs."""

    endpoint: Endpoint[Any]
    action: Action


@dataclass(frozen=True)
class _Sent:
    """A write that was sent, and the error to raise if it turns out to be without effect."""

    write: _Write
    error: CalComError

    def settles(self, needed: _Write) -> bool:
        """Return whether the server's response to this write is its response to the write that is needed now."""
        return self.write == needed and not isinstance(self.error, OutcomeUnknown)


def checked_subscriber_url(value: object) -> str:
    """Return the URL of a receiver.

    :raises InvalidArgument: if it is not an absolute http or https URL, or has a user in it, which Cal.com would store
        and Airflow would show.
    """
    text = value.strip() if isinstance(value, str) else ""
    if not _URL.fullmatch(text):
        raise InvalidArgument(
            "subscriber_url must be a URL such as https://gateway.example.com/calcom, without a user in it, but is"
            f" {describe(value)}"
        )
    return text


def checked_triggers(value: object) -> tuple[str, ...]:
    """Return names of events, each once, in their order.

    :raises InvalidArgument: if it is not a list with at least one name.
    """
    if not isinstance(value, (list, tuple, set, frozenset)) or not value:
        raise InvalidArgument(
            f"triggers must be a list of at least one name of an event, but is {describe(value)}. A webhook without"
            " triggers sends nothing: to silence one, set active=False"
        )
    names = sorted(value, key=str) if isinstance(value, (set, frozenset)) else value
    for place, name in enumerate(names):
        if not isinstance(name, str) or not _TRIGGER.fullmatch(name):
            raise InvalidArgument(
                f"triggers[{place}] must be the name of an event such as BOOKING_NO_SHOW_UPDATED, but is"
                f" {describe(name)}"
            )
    return tuple(dict.fromkeys(names))


def ensure_webhook(
    wanted: WantedWebhook, *, path: str = WEBHOOKS_OF_USER, dry_run: bool = False
) -> Flow[SubscriptionOutcome]:
    """Create or update the subscription of a URL, so that it is as wanted. Nothing is sent if it is already.

    :param wanted: what it is to be.
    :param path: from :func:`airflow_provider_calcom.api.endpoints.webhooks_path`.
    :param dry_run: only read, and return what would be done.
    :raises Conflict: if the URL is subscribed several times, or Cal.com says so and does not list it.
    :raises ChangeNotVerified: if Cal.com reported success and the webhook does not show the change.
    :raises OutcomeUnknown: if the outcome stayed unknown.
    """

    def needed(found: list[dict[str, Any]]) -> _Write | None:
        if not found:
            new = endpoints.create_webhook(
                subscriber_url=wanted.subscriber_url,
                triggers=wanted.triggers,
                active=wanted.active,
                secret=wanted.secret,
                payload_template=wanted.payload_template,
                time=wanted.times.get("time"),
                time_unit=wanted.times.get("timeUnit"),
                path=path,
            )
            return _Write(new, "created")
        if len(found) > 1:
            raise Conflict(
                f"{len(found)} webhooks have this subscriber_url, so each event would come {len(found)} times. Remove"
                " all but one in Cal.com, or run once with state='absent'"
            )
        changes = _differences(found[0], wanted)
        if changes.keys() & wanted.times.keys():
            changes |= wanted.times
        return _Write(endpoints.update_webhook(_id_of(found[0]), path=path, **changes), "updated") if changes else None

    def read() -> Flow[list[dict[str, Any]]]:
        found = yield from _webhooks_of(wanted.subscriber_url, path)
        return (yield from _with_times(found, path)) if wanted.times else found

    return (yield from _converge(read, needed, dry_run, wanted.triggers))


def remove_webhook(
    subscriber_url: str, *, path: str = WEBHOOKS_OF_USER, dry_run: bool = False
) -> Flow[SubscriptionOutcome]:
    """Remove the subscription of a URL, and all copies of it. Nothing is sent if there is none.

    :param subscriber_url: the URL.
    :param path: from :func:`airflow_provider_calcom.api.endpoints.webhooks_path`.
    :param dry_run: only read, and return what would be done.
    :raises ChangeNotVerified: if Cal.com reported success and the webhook is still listed.
    :raises OutcomeUnknown: if the outcome stayed unknown.
    """

    def needed(found: list[dict[str, Any]]) -> _Write | None:
        return _Write(endpoints.delete_webhook(_id_of(found[0]), path=path), "removed") if found else None

    return (yield from _converge(lambda: _webhooks_of(subscriber_url, path), needed, dry_run, ()))


def _converge(
    read: Callable[[], Flow[list[dict[str, Any]]]],
    needed: Callable[[list[dict[str, Any]]], _Write | None],
    dry_run: bool,
    triggers: tuple[str, ...],
) -> Flow[SubscriptionOutcome]:
    """Read the webhooks of a URL, and send the write that is needed, until none is.

    :param read: reads them.
    :param needed: returns the next write for the webhooks that were found.
    :param triggers: those of the result.
    """
    action: Action = "unchanged"
    webhook_id: str | None = None
    last: _Sent | None = None
    unknown_outcomes = 0
    for _ in range(_MOST_WRITES):
        found = yield from read()
        webhook_id = _id_of(found[0]) if found else webhook_id
        write = needed(found)
        if write is None or dry_run:
            return SubscriptionOutcome(webhook_id, write.action if write else action, sorted(triggers))
        if last is not None and (unknown_outcomes == _MOST_UNKNOWN or last.settles(write)):
            raise last.error
        last = yield from _send(write)
        if isinstance(last.error, OutcomeUnknown):
            unknown_outcomes += 1
            yield Pause(_PAUSE_WHILE_AT_WORK if last.error.may_still_be_running else _PAUSE * unknown_outcomes)
        if not isinstance(last.error, (Conflict, NotFound)) and (action, write.action) != ("created", "updated"):
            action = write.action
    raise last.error if last else RuntimeError("no write was sent")


def _send(write: _Write) -> Flow[_Sent]:
    """Send a write. An error is part of the result if reading again may show what to do about it.

    A conflict: somebody else created the webhook. Not found: somebody else removed it.
    """
    try:
        yield write.endpoint
    except (OutcomeUnknown, Conflict, NotFound) as error:
        return _Sent(write, error)
    return _Sent(write, _not_shown(write))


def _not_shown(write: _Write) -> ChangeNotVerified:
    body: Mapping[str, Any] = write.endpoint.body or {}
    what = f" ({', '.join(sorted(body))})" if write.action == "updated" else ""
    advice = (
        ". Servers before mid 2026 ignore a time: leave no_show_after out, and set it in Cal.com's settings"
        if "time" in body
        else ""
    )
    return ChangeNotVerified(
        f"Cal.com accepted the call, but its list of webhooks does not show it as {write.action}{what}. Look at the"
        f" webhooks in Cal.com's settings{advice}"
    )


def _webhooks_of(url: str, path: str) -> Flow[list[dict[str, Any]]]:
    listed = yield from all_webhooks(path)
    return [webhook for webhook in listed if webhook.get("subscriberUrl") == url]


def _with_times(found: list[dict[str, Any]], path: str) -> Flow[list[dict[str, Any]]]:
    """Add the fields that the list does not have. A webhook that was removed meanwhile is left out."""
    if len(found) != 1:
        return found
    try:
        whole: dict[str, Any] = yield endpoints.get_webhook(_id_of(found[0]), path=path)
    except NotFound:
        return []
    unit = whole.get("timeUnit")
    times = {"time": whole.get("time"), "timeUnit": unit.upper() if isinstance(unit, str) else unit}
    return [{**found[0], **times}]


def _id_of(webhook: Mapping[str, Any]) -> str:
    found = webhook.get("id")
    if isinstance(found, bool) or not isinstance(found, (str, int)) or found == "":
        raise UnexpectedAnswer("The response has a webhook without an id. Check the connection's host")
    return str(found)


def _differences(webhook: Mapping[str, Any], wanted: WantedWebhook) -> dict[str, Any]:
    """Return the fields of a webhook to change, under Cal.com's names. The order of triggers does not count."""
    return {
        name: value for name, value in wanted.fields.items() if _comparable(webhook.get(name)) != _comparable(value)
    }


def _comparable(value: object) -> object:
    if isinstance(value, list):
        return sorted(map(str, value))
    return None if value == "" else value
