"""Operator that manages a webhook of Cal.com."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_calcom.operators._base import CalComOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_calcom.api.endpoints import Flow
    from airflow_provider_calcom.api.subscriptions import SubscriptionOutcome
    from airflow_provider_calcom.hooks.calcom import CalComHook

_LONGEST_NO_SHOW_AFTER = 1_440


class EnsureWebhookOperator(CalComOperator):
    """Create, update or remove the webhook that sends Cal.com's events to a URL.

    The webhooks are read first, only what differs is sent, and they are read again after each write. A second run
    therefore sends nothing. The URL identifies the webhook. Webhooks of other URLs are not touched.

    The secret is never a parameter: Airflow shows parameters. To rotate it, let the receiver accept the old and the new
    one, store the new one, and run the task.

    Cal.com sends the ``AFTER_..._CAL_VIDEO_NO_SHOW`` events only if the webhook also has a time: see ``no_show_after``.

    :param subscriber_url: the URL that Cal.com sends events to. Cal.com's cloud accepts public ``https`` URLs only.
        (templated)
    :param triggers: names of events such as ``BOOKING_NO_SHOW_UPDATED``, as a list or a string of one. Required unless
        ``state`` is ``absent``. (templated)
    :param state: ``present``, or ``absent`` to remove the webhook. Defaults to ``present``.
    :param active: whether Cal.com sends events. Defaults to True.
    :param payload_template: the body of deliveries, with Cal.com's own ``{{...}}``, so it is not a template of Airflow.
        Defaults to None: Cal.com's body, which the parsers of this package need.
    :param no_show_after: minutes after the start at which Cal Video looks for who is absent, from 1 to 1,440, or a
        ``timedelta`` of whole minutes. The API of servers before mid 2026 ignores it, which is an error: set it in
        Cal.com's settings there. Defaults to None: it is left as it is. (templated)
    :param event_type_id: subscribe to this event type. Webhooks of a user get no events of a team's event types.
        Defaults to None: the bookings of the key's user. (templated)
    :param team_id: the team that has the event type. Servers before 2026 lack this route. (templated)
    :param organization_id: subscribe to this organisation, instead of both. Cal.com's open edition lacks this route.
        (templated)
    :param secret_conn_id: id of an Airflow connection whose password is the secret. Defaults to None: the extra field
        ``webhook_secret`` of the connection to Cal.com.
    :param secret_variable: name of an Airflow variable that is the secret, instead.
    :param calcom_conn_id: id of a connection of type ``calcom``. Defaults to ``calcom_default``. (templated)
    :param api_version: a ``cal-api-version`` date (YYYY-MM-DD). Defaults to the connection's, or else to the version
        that each call needs. (templated)
    :param dry_run: report what would be done without sending it. Defaults to False. (templated, as ``is_dry_run``)

    Returns a dict ``{webhook_id, action, triggers}``. ``action`` is ``created``, ``updated``, ``unchanged`` or
    ``removed``; ``webhook_id`` is None where there is no webhook.

    :raises InvalidArgument: naming the invalid parameter, before anything is sent.
    :raises InvalidConnection: if there is no secret.
    :raises Conflict: if several webhooks have the URL.
    :raises ChangeNotVerified: if Cal.com reported success and the webhook does not show the change.
    """

    template_fields: Sequence[str] = (
        "subscriber_url",
        "triggers",
        "no_show_after",
        "event_type_id",
        "team_id",
        "organization_id",
        "calcom_conn_id",
        "api_version",
        "is_dry_run",
    )
    ui_color = "#e5e7eb"

    def __init__(
        self,
        *,
        subscriber_url: str,
        triggers: Sequence[str] | str | None = None,
        state: Literal["present", "absent"] = "present",
        active: bool = True,
        payload_template: str | None = None,
        no_show_after: int | str | timedelta | None = None,
        event_type_id: int | str | None = None,
        team_id: int | str | None = None,
        organization_id: int | str | None = None,
        secret_conn_id: str | None = None,
        secret_variable: str | None = None,
        calcom_conn_id: str = "calcom_default",
        api_version: str | None = None,
        dry_run: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.subscriber_url = subscriber_url
        self.triggers = triggers
        self.state = state
        self.active = active
        self.payload_template = payload_template
        self.no_show_after = no_show_after
        self.event_type_id = event_type_id
        self.team_id = team_id
        self.organization_id = organization_id
        self.secret_conn_id = secret_conn_id
        self.secret_variable = secret_variable
        self.calcom_conn_id = calcom_conn_id
        self.api_version = api_version
        self.is_dry_run = dry_run  # BaseOperator has a method dry_run, which Airflow's own --dry-run calls.

    def _execute(self, context: Context) -> dict[str, Any]:
        from airflow_provider_calcom._rendered import flag
        from airflow_provider_calcom.api.arguments import parse_argument

        dry_run = parse_argument("dry_run", flag, self.is_dry_run)
        with self.hook as hook:
            outcome = hook.get_conn().run(self._flow(hook, dry_run))
        self.log.info(
            "%sWebhook %s %s, triggers: %s",
            "Dry run, nothing was sent. It would be: " if dry_run else "",
            outcome.webhook_id or "without an id",
            outcome.action,
            ", ".join(outcome.triggers) or "none",
        )
        return asdict(outcome)

    def _flow(self, hook: CalComHook, dry_run: bool) -> Flow[SubscriptionOutcome]:
        from airflow_provider_calcom._rendered import choice, flag
        from airflow_provider_calcom.api import subscriptions
        from airflow_provider_calcom.api.arguments import parse_argument
        from airflow_provider_calcom.api.endpoints import webhooks_path
        from airflow_provider_calcom.hooks._webhook_secrets import webhook_secret

        url = subscriptions.checked_subscriber_url(self.subscriber_url)
        scope = ("event_type_id", "team_id", "organization_id")
        path = webhooks_path(**{name: self._found(name) for name in scope})
        if parse_argument("state", choice, self.state, "present", "absent") == "absent":
            return subscriptions.remove_webhook(url, path=path, dry_run=dry_run)
        wanted = subscriptions.WantedWebhook(
            subscriber_url=url,
            triggers=subscriptions.checked_triggers(self._found("triggers")),
            active=parse_argument("active", flag, self.active),
            payload_template=self._payload_template(),
            no_show_after=self._no_show_after(),
            secret=webhook_secret(hook, conn_id=self.secret_conn_id, variable=self.secret_variable),
        )
        return subscriptions.ensure_webhook(wanted, path=path, dry_run=dry_run)

    def _found(self, name: str) -> Any:
        """Return a parameter as it was before it was rendered. A template that found nothing is not "leave out"."""
        from airflow_provider_calcom._rendered import value
        from airflow_provider_calcom.api.arguments import parse_argument

        found = parse_argument(name, value, getattr(self, name))
        return [found] if name == "triggers" and isinstance(found, str) else found

    def _payload_template(self) -> str | None:
        from airflow_provider_calcom._redact import describe
        from airflow_provider_calcom.api.errors import InvalidArgument

        template = self.payload_template
        if template is not None and (not isinstance(template, str) or not template.strip()):
            raise InvalidArgument(f"payload_template must be a text, or left out, but is {describe(template)}")
        return template

    def _no_show_after(self) -> int | None:
        from airflow_provider_calcom._redact import describe
        from airflow_provider_calcom.api.errors import InvalidArgument

        value = self._found("no_show_after")
        minutes = value / timedelta(minutes=1) if isinstance(value, timedelta) else value
        if isinstance(minutes, str) and minutes.strip().isdecimal() and len(minutes) < 10:
            minutes = int(minutes)
        if minutes is None:
            return None
        is_number = isinstance(minutes, (int, float)) and not isinstance(minutes, bool)
        if not is_number or not 1 <= minutes <= _LONGEST_NO_SHOW_AFTER or minutes != int(minutes):
            raise InvalidArgument(
                f"no_show_after must be whole minutes from 1 to {_LONGEST_NO_SHOW_AFTER:,}, but is {describe(value)}"
            )
        return int(minutes)
