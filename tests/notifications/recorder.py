"""Notifiers that record what they would send, with the parameters of Airflow's own for Slack and for mail."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import BaseNotifier

SENT: list[dict[str, Any]] = []
"""The fields of each notifier at the moment when it sent."""


class _Recorder(BaseNotifier):
    def notify(self, context: Any) -> None:
        """Record the fields, which Airflow rendered by now."""
        SENT.append({name: getattr(self, name) for name in self.template_fields})


class SlackLike(_Recorder):
    """As ``SlackNotifier``: its text has a default."""

    template_fields = ("slack_conn_id", "text", "channel")

    def __init__(
        self, *, slack_conn_id: str = "slack", text: str = "This is a default message", channel: str = "#general"
    ) -> None:
        super().__init__()
        self.slack_conn_id = slack_conn_id
        self.text = text
        self.channel = channel


class MailLike(_Recorder):
    """As ``SesNotifier``: all of its fields are required."""

    template_fields = ("to", "subject", "html_content")

    def __init__(self, to: str, subject: str, html_content: str) -> None:
        super().__init__()
        self.to = to
        self.subject = subject
        self.html_content = html_content


class PayloadLike(_Recorder):
    """As ``OpsgenieNotifier``: its message is within an object."""

    template_fields = ("payload",)

    def __init__(self, *, payload: dict[str, Any]) -> None:
        super().__init__()
        self.payload = payload
