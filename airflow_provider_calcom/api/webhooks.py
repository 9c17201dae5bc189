"""Webhooks: the whole list of them."""

from __future__ import annotations

from typing import Any

from airflow_provider_calcom.api import endpoints
from airflow_provider_calcom.api.flows import Flow

_PAGE = 250


def all_webhooks() -> Flow[list[dict[str, Any]]]:
    """Return all webhooks of the key's user.

    Their list has no count, so it ends with a page that is not full, or that brings nothing new.
    """
    webhooks: dict[str, dict[str, Any]] = {}
    skip = 0
    while True:
        page: list[dict[str, Any]] = yield endpoints.list_webhooks(take=_PAGE, skip=skip)
        before = len(webhooks)
        webhooks.update((str(webhook.get("id")), webhook) for webhook in page)
        if len(page) < _PAGE or len(webhooks) == before:
            return list(webhooks.values())
        skip += _PAGE
