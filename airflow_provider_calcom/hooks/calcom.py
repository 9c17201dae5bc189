"""Hook of Airflow connections to Cal.com's API v2."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_calcom._redact import redact
from airflow_provider_calcom._rendered import flag
from airflow_provider_calcom._timestamps import format_timestamp, parse_timestamp_or_date
from airflow_provider_calcom.api import endpoints, listing, marking
from airflow_provider_calcom.api.arguments import checked_api_version, parse_argument
from airflow_provider_calcom.api.errors import CalComError, InvalidConnection
from airflow_provider_calcom.api.mark_request import MarkRequest
from airflow_provider_calcom.api.query import BookingQuery, list_path
from airflow_provider_calcom.api.settings import (
    ClientSettings,
    RetryLimits,
    settings_from_connection,
)
from airflow_provider_calcom.get_provider_info import get_provider_info
from airflow_provider_calcom.hooks import connection_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_calcom.api.client import AsyncCalComClient, CalComClient

_UNCHANGED: Any = object()
"""Default of what None would remove."""


class CalComHook(BaseHook):
    """Interact with Cal.com's API v2 through an Airflow connection.

    All methods take keyword arguments of JSON types, return JSON types, and raise the errors of
    :mod:`airflow_provider_calcom.api.errors`.

    :param calcom_conn_id: id of a connection of type ``calcom``. Defaults to ``calcom_default``.
    :param api_version: a ``cal-api-version`` date (YYYY-MM-DD) for all calls. Defaults to the version of the
        connection, or else to the version that each call needs.
    """

    conn_name_attr = "calcom_conn_id"
    default_conn_name = "calcom_default"
    conn_type = "calcom"
    hook_name = "Cal.com"

    def __init__(self, calcom_conn_id: str = default_conn_name, api_version: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.calcom_conn_id = calcom_conn_id
        self.api_version = api_version

    # The connection form of Airflow before 3.2, made from the dict that newer versions read.

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the hidden and renamed fields of the connection form."""
        behaviour = _connection_type()["ui-field-behaviour"]
        return {name.replace("-", "_"): value for name, value in behaviour.items()}

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the additional fields of the connection form."""
        from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
        from wtforms import BooleanField, PasswordField, StringField

        def widget(field: Mapping[str, Any]) -> Any:
            schema, description = field["schema"], field.get("description", "")
            if "boolean" in schema["type"]:
                return BooleanField(field["label"], default=schema["default"], description=description)
            if schema.get("format") == "password":
                return PasswordField(field["label"], widget=BS3PasswordFieldWidget(), description=description)
            return StringField(field["label"], widget=BS3TextFieldWidget(), description=description)

        return {name: widget(field) for name, field in _connection_type()["conn-fields"].items()}

    # Clients.

    @cached_property
    def settings(self) -> ClientSettings:
        """Validated fields of the connection.

        :raises InvalidConnection: naming the invalid field.
        """
        settings = _settings_of(self._connection())
        if self.api_version is None:
            return settings
        return replace(settings, api_version=checked_api_version(self.api_version))

    @property
    def ledger_secret(self) -> str | None:
        """Key for hashes of addresses in the ledger, from the connection's extra field ``ledger_secret``, or None.

        :raises InvalidConnection: if it is not a string.
        """
        secret = self._extra("ledger_secret")
        if secret is not None and not isinstance(secret, str):
            raise InvalidConnection(
                "The connection's extra field ledger_secret must be a string of 16 characters or more"
            )
        if secret is not None:
            mask(secret)
        return secret

    @property
    def webhook_secret(self) -> str | None:
        """Key of webhooks' signatures, from the connection's extra field ``webhook_secret``, or None.

        :raises InvalidConnection: if it is not a string, or has white space around it.
        """
        return self._webhook_secret("webhook_secret")

    @property
    def webhook_secrets(self) -> list[str]:
        """Secrets that a receiver accepts: ``webhook_secret``, and during a rotation ``previous_webhook_secret``.

        Empty if there is no ``webhook_secret``.

        :raises InvalidConnection: as for :attr:`webhook_secret`.
        """
        current = self.webhook_secret
        previous = self._webhook_secret("previous_webhook_secret")
        return [] if current is None else [current, *([previous] if previous else [])]

    def _webhook_secret(self, name: str) -> str | None:
        secret = self._extra(name)
        if secret is None:
            return None
        if not isinstance(secret, str) or secret != secret.strip():
            raise InvalidConnection(
                f"The connection's extra field {name} must be a string without white space around it, but is not"
            )
        mask(secret)
        return secret

    def _extra(self, name: str) -> Any:
        """Return an extra field of the connection, None where it is missing or empty."""
        return _extra_of(self._connection()).get(name) or None

    def _connection(self) -> Connection:
        return connection_of("calcom_conn_id", self.calcom_conn_id, look_up=self.get_connection)

    @cached_property
    def _client(self) -> CalComClient:
        from airflow_provider_calcom.api.client import CalComClient

        return CalComClient(self.settings)

    def get_conn(self) -> CalComClient:
        """Return the hook's client. A hook has one client, which keeps its connections open until :meth:`close`."""
        return self._client

    def close(self) -> None:
        """Close the client's connections. The next call creates a new client."""
        client = self.__dict__.pop("_client", None)
        if client is not None:
            client.close()

    def __enter__(self) -> CalComHook:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def get_async_conn(self) -> AsyncCalComClient:
        """Return a new async client. The caller closes it, for instance with ``async with``.

        The connection is read in a thread: before Airflow 3.3.2, reading it on the event loop of a triggerer can block
        the loop or fail. ``common.compat``'s ``get_async_connection`` was rejected: its versions up to 1.15.0, which
        Airflow 2.11 to 3.2 are installed with, read the connection on the event loop.
        """
        from airflow_provider_calcom.api.client import AsyncCalComClient

        return AsyncCalComClient(await asyncio.to_thread(lambda: self.settings))

    def test_connection(self) -> tuple[bool, str]:
        """Request the key's user and one booking, and return whether that worked, and a message.

        The message names the user, the region and what was tried, or the fix. It has no address and no secret, because
        Airflow shows it to everyone who may see connections. The list of bookings shows whether the ``api_version``
        can be used; ``/me`` is served at any version. Nothing is retried, because a process of Airflow's server waits
        for the result.
        """
        once = RetryLimits(attempts=1)
        try:
            settings = self.settings
            with self:
                user = self._client.call(endpoints.me(), retry_limits=once)
                self._client.call(listing.one_booking(settings.api_version), retry_limits=once)
        except CalComError as error:
            return False, str(error)
        name = redact(str(user.get("username") or user.get("name") or "a user without a name"))
        organization = user.get("organizationId")
        member = "in no organisation" if organization is None else f"organisation id {redact(str(organization))}"
        return True, (
            f"Connected to Cal.com ({settings.region}, {settings.base_url}) as {name}, user id"
            f" {redact(str(user['id']))}, {member}. Bookings can be listed"
        )

    # Methods for DAG authors.

    def get_me(self) -> dict[str, Any]:
        """Return the key's user: ``id``, ``username``, ``email``, ``timeZone`` and ``organizationId``."""
        user = self._client.call(endpoints.me())
        return dict(user)

    def list_bookings(
        self,
        *,
        status: list[str] | str | None = None,
        attendee_email: str | None = None,
        attendee_name: str | None = None,
        event_type_ids: list[int] | None = None,
        after_start: str | None = None,
        before_start: str | None = None,
        before_end: str | None = None,
        after_created: str | None = None,
        before_created: str | None = None,
        after_updated: str | None = None,
        before_updated: str | None = None,
        zone: str | None = None,
        organization_id: int | None = None,
        team_id: int | None = None,
        user_id: int | None = None,
        page_size: int = 100,
    ) -> list[dict[str, Any]]:
        """Return the complete list of bookings, each once, ordered by start. :meth:`iterate_bookings` saves memory.

        Timestamps are ISO 8601 with ``Z`` or an offset, or dates, which mean the beginning of that day in ``zone``.
        Bounds are inclusive, except ``before_start``. A filter that is None is not applied.

        :param status: any of ``upcoming``, ``recurring``, ``past``, ``cancelled``, ``unconfirmed``. ``past`` includes
            meetings that were never accepted: check each booking's ``status``.
        :param attendee_email: only bookings with this attendee, spelled exactly as in the booking.
        :param attendee_name: only bookings with an attendee of this name, spelled exactly as in the booking.
        :param event_type_ids: only bookings of these event types.
        :param after_start: only bookings that start at this time or later.
        :param before_start: only bookings that start before this time.
        :param before_end: only bookings that end at this time or earlier.
        :param after_created: only bookings created at this time or later.
        :param before_created: only bookings created at this time or earlier.
        :param after_updated: only bookings changed at this time or later.
        :param before_updated: only bookings changed at this time or earlier.
        :param zone: the time zone of dates, such as ``Europe/Berlin``. Defaults to UTC.
        :param organization_id: list the bookings of this organisation, whose admin the key's user must be. Defaults to
            the bookings of the key's user.
        :param team_id: list the bookings of this team; with ``organization_id``, of a team in the organisation.
        :param user_id: list the bookings of this member of ``organization_id``.
        :param page_size: bookings to request per call, 1 to 250. Defaults to 100.
        :raises InvalidArgument: naming the invalid filter, before any call.
        :raises ListingIncomplete: if Cal.com's pages still contradict each other after they were read again.
        """
        bookings = self.iterate_bookings(
            status=status,
            attendee_email=attendee_email,
            attendee_name=attendee_name,
            event_type_ids=event_type_ids,
            after_start=after_start,
            before_start=before_start,
            before_end=before_end,
            after_created=after_created,
            before_created=before_created,
            after_updated=after_updated,
            before_updated=before_updated,
            zone=zone,
            organization_id=organization_id,
            team_id=team_id,
            user_id=user_id,
            page_size=page_size,
        )
        return list(bookings)

    def iterate_bookings(self, *, page_size: int = 100, **filters: Any) -> Iterator[dict[str, Any]]:
        """Return an iterator over the bookings of :meth:`list_bookings`, which reads a page when it is needed.

        :param page_size: bookings to request per call, 1 to 250. Defaults to 100.
        :param filters: the filters of :meth:`list_bookings`.
        """
        return self._client.list_bookings(_query_from(**filters), page_size=page_size)

    def get_booking(self, *, booking_uid: str) -> dict[str, Any]:
        """Return one booking.

        :param booking_uid: uid of a booking or of one occurrence of a series.
        :raises BookingNotFound: if no booking has this uid.
        :raises BookingNotMarkable: if the uid is that of a whole series.
        """
        return self._client.call(endpoints.get_booking(booking_uid))

    def get_booking_series(self, *, booking_uid: str) -> list[dict[str, Any]]:
        """Return all occurrences of a recurring series.

        :param booking_uid: uid of the series (``recurringBookingUid`` of its bookings).
        """
        return self._client.call(endpoints.get_booking_series(booking_uid))

    def get_booking_by_seat(self, *, seat_uid: str) -> dict[str, Any]:
        """Return the booking that a seat belongs to. Servers before 2026 lack this route.

        :param seat_uid: ``seatUid`` of an attendee.
        """
        return self._client.call(endpoints.get_booking_by_seat(seat_uid))

    def mark_absent(
        self,
        *,
        booking_uid: str,
        attendees: list[str] | list[dict[str, Any]] | list[str | dict[str, Any]] | str | None = None,
        host_absent: bool | None = None,
        on_unknown_attendee: str = "fail",
        allowed_statuses: list[str] | None = None,
        allow_cohosts: bool = False,
        allow_foreign_booking: bool = False,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Set no-show flags of one booking: read it, send only what differs, in one call, and check the response.

        Cal.com notifies people by webhooks, e-mail and SMS of each call that names attendees.

        :param booking_uid: uid of a booking or of one occurrence of a series.
        :param attendees: addresses, ``{"email", "absent"}`` objects or Cal.com's attendee objects, mixed; also as
            templates render them. An entry without ``absent`` means absent; ``absent: false`` removes the mark.
        :param host_absent: true marks the organiser, who can't be un-marked. Defaults to leaving the organiser's flag.
        :param on_unknown_attendee: ``skip`` leaves out an address that is not on the booking. Defaults to ``fail``.
        :param allowed_statuses: statuses of bookings that may be changed. Defaults to ``accepted`` alone.
        :param allow_cohosts: also mark hosts who are listed as attendees. Defaults to false.
        :param allow_foreign_booking: also change a booking that the key's user neither hosts nor administers. Defaults
            to false.
        :param dry_run: find out what would change, but send nothing. Defaults to false.
        :return: ``booking_uid``; the addresses ``marked``, ``unmarked``, ``unchanged`` and ``unknown``;
            ``absent_host``, the host's flag afterwards (None where the booking was not read); ``calls``, the
            mark-absent calls that were sent.
        :raises InvalidArgument: naming the parameter or the entry's index, before any call.
        :raises CalComError: see :func:`airflow_provider_calcom.api.marking.mark_no_shows`.
        """
        request = MarkRequest.parse(
            booking_uid=booking_uid,
            attendees=attendees,
            host_absent=host_absent,
            on_unknown_attendee=on_unknown_attendee,
            allowed_statuses=allowed_statuses,
            allow_cohosts=allow_cohosts,
            allow_foreign_booking=allow_foreign_booking,
            dry_run=dry_run,
        )
        return self.run_mark_request(request)

    def run_mark_request(self, request: MarkRequest) -> dict[str, Any]:
        """Execute a validated request, see :meth:`mark_absent`. An empty request sends nothing.

        :param request: made by :meth:`MarkRequest.parse`.
        """
        if request.ambiguous_rows:
            self.log.warning(
                "Booking %s: %d entries of attendees are rows of the booking with absent: false, which is the flag that"
                " they have, and marks nobody. To mark them, pass their addresses",
                request.booking_uid,
                request.ambiguous_rows,
            )
        return asdict(self._client.run(marking.mark_no_shows(request)))

    def get_attendees(self, *, booking_uid: str) -> list[dict[str, Any]]:
        """Return a booking's attendees with their ids. Servers before 2026 lack this route.

        :param booking_uid: uid of a booking.
        """
        return self._client.call(endpoints.get_attendees(booking_uid))

    def get_conferencing_sessions(self, *, booking_uid: str) -> list[dict[str, Any]]:
        """Return who was in the Cal Video room and when, in Unix seconds and without addresses.

        Servers before 2026 lack this route.

        :param booking_uid: uid of a Cal Video booking.
        """
        return self._client.call(endpoints.get_conferencing_sessions(booking_uid))

    def get_references(self, *, booking_uid: str, reference_type: str | None = None) -> list[dict[str, Any]]:
        """Return the calendar events and meetings that were created for a booking.

        :param booking_uid: uid of a booking.
        :param reference_type: only references of this type, for instance ``google_calendar``. Defaults to all types.
        """
        return self._client.call(endpoints.get_references(booking_uid, reference_type))

    def get_recordings(self, *, booking_uid: str) -> list[dict[str, Any]]:
        """Return Cal Video's recordings of a booking. Their links expire after an hour.

        :param booking_uid: uid of a booking.
        """
        return self._client.call(endpoints.get_recordings(booking_uid))

    def get_transcripts(self, *, booking_uid: str) -> list[str]:
        """Return links to Cal Video's transcripts of a booking.

        :param booking_uid: uid of a booking.
        """
        return self._client.call(endpoints.get_transcripts(booking_uid))

    def confirm_booking(self, *, booking_uid: str) -> dict[str, Any]:
        """Accept a pending booking, and return the accepted booking.

        :param booking_uid: uid of a booking.
        """
        return self._client.call(endpoints.confirm_booking(booking_uid))

    def decline_booking(self, *, booking_uid: str, reason: str | None = None) -> dict[str, Any]:
        """Reject a pending booking, and return the rejected booking.

        :param booking_uid: uid of a booking.
        :param reason: a text for the booker.
        """
        return self._client.call(endpoints.decline_booking(booking_uid, reason))

    def cancel_booking(
        self,
        *,
        booking_uid: str,
        reason: str | None = None,
        cancel_subsequent: bool | None = None,
        seat_uid: str | None = None,
        allow_foreign_booking: bool = False,
    ) -> dict[str, Any] | list[dict[str, Any]]:
        """Cancel a booking, and return the cancelled booking, or a list for a series.

        :param booking_uid: uid of a booking.
        :param reason: a text for the attendees. Some accounts require one.
        :param cancel_subsequent: also cancel the later occurrences of the booking's series.
        :param seat_uid: cancel only this seat.
        :param allow_foreign_booking: also cancel a booking that the key's user neither hosts nor administers. Defaults
            to False. Cal.com itself lets any key cancel any booking.
        :raises BookingNotMarkable: if the booking is foreign, and ``allow_foreign_booking`` is False.
        """
        if not parse_argument("allow_foreign_booking", flag, allow_foreign_booking):
            self._client.run(marking.check_ownership(booking_uid))
        cancelled: dict[str, Any] | list[dict[str, Any]] = self._client.call(
            endpoints.cancel_booking(booking_uid, reason=reason, cancel_subsequent=cancel_subsequent, seat_uid=seat_uid)
        )
        return cancelled

    def reschedule_booking(
        self,
        *,
        booking_uid: str,
        start: str,
        reason: str | None = None,
        rescheduled_by: str | None = None,
        seat_uid: str | None = None,
        allow_foreign_booking: bool = False,
    ) -> dict[str, Any]:
        """Move a booking, and return the new booking, which has a new uid.

        :param booking_uid: uid of a booking.
        :param start: the new start, an ISO 8601 timestamp with ``Z`` or an offset.
        :param reason: a text for the attendees.
        :param rescheduled_by: address of the person who moves the booking.
        :param seat_uid: move only this seat.
        :param allow_foreign_booking: also move a booking that the key's user neither hosts nor administers. Defaults
            to False. Cal.com itself lets any key move any booking.
        :raises BookingNotMarkable: if the booking is foreign, and ``allow_foreign_booking`` is False.
        """
        new_start = format_timestamp(parse_argument("start", parse_timestamp_or_date, start))
        if not parse_argument("allow_foreign_booking", flag, allow_foreign_booking):
            self._client.run(marking.check_ownership(booking_uid))
        return self._client.call(
            endpoints.reschedule_booking(
                booking_uid,
                start=new_start,
                reason=reason,
                rescheduled_by=rescheduled_by,
                seat_uid=seat_uid,
            )
        )

    def reassign_booking(
        self, *, booking_uid: str, user_id: int | None = None, reason: str | None = None
    ) -> dict[str, Any]:
        """Reassign a round-robin booking to another host, check it, and return ``{bookingUid, reassignedTo}``.

        :param booking_uid: uid of a booking.
        :param user_id: id of the new host. Defaults to the next host in the rotation.
        :param reason: the reason, with ``user_id`` only.
        :raises NotReassigned: if Cal.com reports success, but the booking does not have the new host, as in the open
            edition.
        """
        return self._client.run(marking.reassign(booking_uid, user_id, reason))

    def create_webhook(
        self,
        *,
        subscriber_url: str,
        triggers: list[str],
        active: bool = True,
        secret: str | None = None,
        payload_template: str | None = None,
        event_type_id: int | None = None,
        team_id: int | None = None,
        organization_id: int | None = None,
    ) -> dict[str, Any]:
        """Create a webhook that sends events, for instance ``BOOKING_NO_SHOW_UPDATED``, to a URL, and return it.

        :param subscriber_url: the URL that Cal.com sends events to. A user can subscribe a URL once.
        :param triggers: names of events.
        :param active: whether Cal.com sends events from now on. Defaults to True.
        :param secret: the key of the signature that each delivery has in ``X-Cal-Signature-256``.
        :param payload_template: the body of deliveries. Defaults to Cal.com's own.
        :param event_type_id: the event type that has the webhook. Defaults to one of the key's user.
        :param team_id: the team that has the event type.
        :param organization_id: the organisation that has the webhook, instead of both.
        :raises Conflict: if the URL is subscribed already.
        """
        return self._client.call(
            endpoints.create_webhook(
                subscriber_url=subscriber_url,
                triggers=triggers,
                active=active,
                secret=secret,
                payload_template=payload_template,
                path=endpoints.webhooks_path(event_type_id, team_id, organization_id),
            )
        )

    def list_webhooks(
        self,
        *,
        event_type_id: int | None = None,
        team_id: int | None = None,
        organization_id: int | None = None,
    ) -> list[dict[str, Any]]:
        """Return all webhooks of the key's user, of an event type, or of an organisation, with their secrets.

        :param event_type_id: webhooks of this event type. Only these get events of a team's bookings. Defaults to
            those of the key's user.
        :param team_id: the team that has the event type. Servers before 2026 lack this route.
        :param organization_id: webhooks of this organisation, instead of both. Cal.com's open edition lacks this route.
        """
        return self._client.run(listing.all_webhooks(endpoints.webhooks_path(event_type_id, team_id, organization_id)))

    def get_webhook(
        self,
        *,
        webhook_id: str,
        event_type_id: int | None = None,
        team_id: int | None = None,
        organization_id: int | None = None,
    ) -> dict[str, Any]:
        """Return one webhook, with its secret.

        :param webhook_id: id of the webhook.
        :param event_type_id: the event type that has the webhook. Defaults to one of the key's user.
        :param team_id: the team that has the event type.
        :param organization_id: the organisation that has the webhook, instead of both.
        """
        path = endpoints.webhooks_path(event_type_id, team_id, organization_id)
        return self._client.call(endpoints.get_webhook(webhook_id, path=path))

    def update_webhook(
        self,
        *,
        webhook_id: str,
        active: bool | None = None,
        subscriber_url: str | None = None,
        triggers: list[str] | None = None,
        secret: str | None = _UNCHANGED,
        payload_template: str | None = _UNCHANGED,
        event_type_id: int | None = None,
        team_id: int | None = None,
        organization_id: int | None = None,
    ) -> dict[str, Any]:
        """Change a webhook, and return the changed webhook. What is left out keeps its value.

        :param webhook_id: id of the webhook.
        :param active: whether Cal.com sends events from now on.
        :param subscriber_url: the URL that Cal.com sends events to.
        :param triggers: names of all events that it sends.
        :param secret: the key of the signature of deliveries; null removes it.
        :param payload_template: the body of deliveries; null for Cal.com's own.
        :param event_type_id: the event type that has the webhook. Defaults to one of the key's user.
        :param team_id: the team that has the event type.
        :param organization_id: the organisation that has the webhook, instead of both.
        """
        optional = {"active": active, "subscriberUrl": subscriber_url, "triggers": triggers}
        changes: dict[str, Any] = {name: value for name, value in optional.items() if value is not None}
        nullable = {"secret": secret, "payloadTemplate": payload_template}
        changes |= {name: value for name, value in nullable.items() if value is not _UNCHANGED}
        path = endpoints.webhooks_path(event_type_id, team_id, organization_id)
        return self._client.call(endpoints.update_webhook(webhook_id, path=path, **changes))

    def delete_webhook(
        self,
        *,
        webhook_id: str,
        event_type_id: int | None = None,
        team_id: int | None = None,
        organization_id: int | None = None,
    ) -> None:
        """Delete a webhook.

        :param webhook_id: id of the webhook.
        :param event_type_id: the event type that has the webhook. Defaults to one of the key's user.
        :param team_id: the team that has the event type.
        :param organization_id: the organisation that has the webhook, instead of both.
        """
        path = endpoints.webhooks_path(event_type_id, team_id, organization_id)
        self._client.call(endpoints.delete_webhook(webhook_id, path=path))

    def booking_page(self, *, booking_uid: str) -> str | None:
        """Return the URL of a booking's web page, or None if a self-hosted connection has no ``web_url``.

        :param booking_uid: uid of a booking.
        """
        return self.settings.booking_page(booking_uid)


def _connection_type() -> dict[str, Any]:
    connection_type: dict[str, Any] = get_provider_info()["connection-types"][0]
    return connection_type


def _settings_of(connection: Connection) -> ClientSettings:
    settings = settings_from_connection(
        host=connection.host,
        scheme=connection.schema,
        port=connection.port,
        password=connection.password,
        extra=_extra_of(connection),
    )
    for secret in settings.secrets:
        mask(secret)
    return settings


def _extra_of(connection: Connection) -> dict[str, Any]:
    """Parse the extra fields. ``extra_dejson`` returns no fields for invalid JSON, so that a setting would be lost."""
    try:
        extra = json.loads(connection.extra or "{}")
    except (TypeError, ValueError, RecursionError):
        extra = None
    if not isinstance(extra, dict):
        raise InvalidConnection("The connection's extra must be a JSON object, but is something else") from None
    return extra


def mask(secret: str) -> None:
    """Register a secret with Airflow, which then masks it in logs.

    ``common.compat.sdk`` exports ``mask_secret`` too, but not in 1.15.0, which Airflow 2.11 to 3.2 are installed with.
    """
    try:
        masker = import_module("airflow.sdk.log")
    except ImportError:
        masker = import_module("airflow.utils.log.secrets_masker")
    masker.mask_secret(secret)


def _query_from(
    *,
    organization_id: int | None = None,
    team_id: int | None = None,
    user_id: int | None = None,
    **filters: Any,
) -> BookingQuery:
    given = {name: value for name, value in filters.items() if value is not None}
    return BookingQuery(path=list_path(organization_id, team_id, user_id), **given)
