"""The plugin that receives webhooks. Every process of Airflow imports this module, so it imports nothing heavy."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.providers.common.compat.sdk import AirflowPlugin

from airflow_provider_calcom.configuration import has_plugin_apps


class CalcomWebhooksPlugin(AirflowPlugin):
    """``POST /calcom/webhook`` of Airflow's API server. Before Airflow 3.0 it has nothing.

    It is off, and responds 404, unless the connection has a ``webhook_secret``.
    """

    name = "calcom_webhooks"

    @cached_property
    def fastapi_apps(self) -> list[Any]:  # type: ignore[override]
        """The application that receives deliveries; only the API server reads this."""
        if not has_plugin_apps():
            return []
        from airflow_provider_calcom.plugins._receiver import make_app

        return [{"app": make_app(), "url_prefix": "/calcom", "name": "Cal.com webhooks"}]
