"""CalComHook: from an Airflow connection to a client of Cal.com's API v2."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_calcom._redact import describe, redact
from airflow_provider_calcom._rendered import flag
from airflow_provider_calcom._timestamps import format_timestamp, parse_timestamp_or_date
from airflow_provider_calcom.api import endpoints, listing, marking, query
from airflow_provider_calcom.api.arguments import checked_api_version, parse_argument
from airflow_provider_calcom.api.errors import CalComError, InvalidArgument, InvalidConnection
from airflow_provider_calcom.api.mark_request import MarkRequest
from airflow_provider_calcom.api.query import BookingQuery
from airflow_provider_calcom.api.settings import (
    ClientSettings,
    RetryLimits,
    settings_from_connection,
)
from airflow_provider_calcom.get_provider_info import get_provider_info

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_calcom.api.client import AsyncCalComClient, CalComClient


_LONGEST_ID = 250
"""Characters of a connection's id, which Airflow's database allows."""


class ConnectionMissing(InvalidConnection, AirflowNotFoundException):
    """There is no such Airflow connection, or it can't be read. Make it, or correct the parameter with its id.

    Also Airflow's own error for it, so that code that catches that one still does.
    """


class CalComHook(BaseHook):
    """Talk to Cal.com through an Airflow connection.

    All methods take keyword arguments of JSON types and return JSON types, and raise the errors of
    :mod:`airflow_provider_calcom.api.errors`.

    :param calcom_conn_id: id of a connection of type ``calcom``.
    :param api_version: a ``cal-api-version`` date (YYYY-MM-DD) for all calls, in place of the connection's and of each
        call's own.
    """

    conn_name_attr = "calcom_conn_id"
    default_conn_name = "calcom_default"
    conn_type = "calcom"
    hook_name = "Cal.com"

    def __init__(self, calcom_conn_id: str = default_conn_name, api_version: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.calcom_conn_id = calcom_conn_id
        self.api_version = api_version

    # The connection form of Airflow before 3.2, from the same dict as that of newer ones.

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Give the form's hidden and renamed fields."""
        behaviour = _connection_type()["ui-field-behaviour"]
        return {name.replace("-", "_"): value for name, value in behaviour.items()}

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Give the form's own fields."""
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
        """The connection's fields, checked.

        :raises InvalidConnection: naming the field that can't be used.
        """
        settings = _settings_of(self._connection())
        if self.api_version is None:
            return settings
        return replace(settings, api_version=checked_api_version(self.api_version))

    @property
    def ledger_secret(self) -> str | None:
        """The connection's key for hashes of addresses in the ledger, or None.

        :raises InvalidConnection: if it is no text.
        """
        secret = _extra_of(self._connection()).get("ledger_secret") or None
        if secret is not None and not isinstance(secret, str):
            raise InvalidConnection(
                "The connection's extra field ledger_secret must be a text of 16 characters or more"
            )
        if secret is not None:
            _mask(secret)
        return secret

    def _connection(self) -> Connection:
        return connection_of("calcom_conn_id", self.calcom_conn_id, look_up=self.get_connection)

    @cached_property
    def _client(self) -> CalComClient:
        from airflow_provider_calcom.api.client import CalComClient

        return CalComClient(self.settings)

    def get_conn(self) -> CalComClient:
        """Give the hook's client, one for each hook. It keeps its connections until :meth:`close`."""
        return self._client

    def close(self) -> None:
        """Close the client's connections; the next call makes a new client."""
        client = self.__dict__.pop("_client", None)
        if client is not None:
            client.close()

    def __enter__(self) -> CalComHook:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def get_async_conn(self) -> AsyncCalComClient:
        """Give a new async client; the caller closes it, for instance with ``async with``.

        The connection is read in a thread: before Airflow 3.3.2, reading it on the event loop of a triggerer can block
        that or fail.
        """
        from airflow_provider_calcom.api.client import AsyncCalComClient

        return AsyncCalComClient(await asyncio.to_thread(lambda: self.settings))

    def test_connection(self) -> tuple[bool, str]:
        """Ask Cal.com who we are, and for one booking. The text says who and which region, or what to fix.

        The bookings show whether the ``api_version`` can be used, as ``/me`` is served at any. Each is tried once:
        whoever pressed the button waits for the answer, and so does a process of Airflow's server.
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
        who = f"{name}, user id {redact(str(user['id']))}"
        return True, f"Connected to Cal.com ({settings.region}, {settings.base_url}) as {who}"

    # What DAG authors call.

    def get_me(self) -> dict[str, Any]:
        """Give the user that the key belongs to: ``id``, ``username``, ``email``, ``timeZone``, ``organizationId``."""
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
        """List bookings completely, each once, ordered by start. They are all held; see :meth:`iterate_bookings`.

        Instants are ISO 8601 with ``Z`` or an offset, or dates (the beginning of that day in ``zone``); bounds are
        inclusive but for ``before_start``.

        :param status: any of ``upcoming``, ``recurring``, ``past``, ``cancelled``, ``unconfirmed``. ``past`` includes
            meetings that were never accepted: look at each booking's ``status``.
        :param attendee_email: exactly as the booking spells it.
        :param attendee_name: exactly as the booking spells it.
        :param event_type_ids: only bookings of these event types.
        :param after_start: bookings that start then or later.
        :param before_start: bookings that start earlier than then.
        :param before_end: bookings that end then or earlier.
        :param after_created: bookings made then or later.
        :param before_created: bookings made then or earlier.
        :param after_updated: bookings changed then or later.
        :param before_updated: bookings changed then or earlier.
        :param zone: the time zone of dates without a time of day, such as ``Europe/Berlin``; UTC where it is left out.
        :param organization_id: list an organisation's bookings (its admins only) in place of one's own.
        :param team_id: list a team's bookings; with ``organization_id``, of a team in it.
        :param user_id: with ``organization_id``: list this member's bookings.
        :param page_size: bookings to ask for at a time, 1 to 250.
        :raises InvalidArgument: naming the filter that can't be used.
        :raises ListingIncomplete: if Cal.com's pages go on disagreeing when read again.
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
        """Give the bookings of :meth:`list_bookings` one by one, without holding them.

        :param page_size: bookings to ask for at a time, 1 to 250.
        :param filters: as in :meth:`list_bookings`.
        """
        return self._client.list_bookings(_query_from(**filters), page_size=page_size)

    def get_booking(self, *, booking_uid: str) -> dict[str, Any]:
        """Give one booking.

        :param booking_uid: uid of a booking or of one occurrence of a series.
        :raises BookingNotFound: if there is none.
        :raises BookingNotMarkable: if the uid is that of a whole series.
        """
        return self._client.call(endpoints.get_booking(booking_uid))

    def get_booking_series(self, *, booking_uid: str) -> list[dict[str, Any]]:
        """Give all occurrences of a recurring series.

        :param booking_uid: uid of the series (``recurringBookingUid`` of its bookings).
        """
        return self._client.call(endpoints.get_booking_series(booking_uid))

    def get_booking_by_seat(self, *, seat_uid: str) -> dict[str, Any]:
        """Give the booking that a seat belongs to (servers since 2026).

        :param seat_uid: ``seatUid`` of an attendee.
        """
        return self._client.call(endpoints.get_booking_by_seat(seat_uid))

    def mark_absent(self, *, booking_uid: str, **options: Any) -> dict[str, Any]:
        """Set no-show flags of one booking: read it, send only what differs, in one call, and check the response.

        :param booking_uid: uid of a booking or of one occurrence of a series.
        :param options: the other fields of :class:`~airflow_provider_calcom.api.mark_request.MarkRequest`, also as
            templates render them. ``attendees`` are addresses, ``{"email", "absent"}`` objects or Cal.com's attendee
            objects, mixed; an entry without ``absent`` means absent; ``absent: false`` removes the mark.
        :return: ``booking_uid``; the addresses ``marked``, ``unmarked``, ``unchanged`` and ``unknown``;
            ``absent_host``, the host's flag afterwards (None where the booking was not read); ``calls``, the
            mark-absent calls that were sent.
        :raises InvalidArgument: naming the parameter or the entry's index, before any call.
        :raises CalComError: see :func:`airflow_provider_calcom.api.marking.mark_no_shows`.
        """
        return self.run_mark_request(MarkRequest.parse(booking_uid=booking_uid, **options))

    def run_mark_request(self, request: MarkRequest) -> dict[str, Any]:
        """Carry out a checked request, see :meth:`mark_absent`. An empty one sends nothing.

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
        """Give a booking's attendees with their ids (servers since 2026).

        :param booking_uid: uid of a booking.
        """
        return self._client.call(endpoints.get_attendees(booking_uid))

    def get_conferencing_sessions(self, *, booking_uid: str) -> list[dict[str, Any]]:
        """Give who was in the Cal Video room and when, in Unix seconds and without addresses (servers since 2026).

        :param booking_uid: uid of a Cal Video booking.
        """
        return self._client.call(endpoints.get_conferencing_sessions(booking_uid))

    def get_references(self, *, booking_uid: str, reference_type: str | None = None) -> list[dict[str, Any]]:
        """Give the calendar events and meetings that were made for a booking.

        :param booking_uid: uid of a booking.
        :param reference_type: only those of this type, for instance ``google_calendar``.
        """
        return self._client.call(endpoints.get_references(booking_uid, reference_type))

    def get_recordings(self, *, booking_uid: str) -> list[dict[str, Any]]:
        """Give Cal Video's recordings of a booking; their links live for an hour.

        :param booking_uid: uid of a booking.
        """
        return self._client.call(endpoints.get_recordings(booking_uid))

    def get_transcripts(self, *, booking_uid: str) -> list[str]:
        """Give links to Cal Video's transcripts of a booking.

        :param booking_uid: uid of a booking.
        """
        return self._client.call(endpoints.get_transcripts(booking_uid))

    def confirm_booking(self, *, booking_uid: str) -> dict[str, Any]:
        """Accept a pending booking and give it as it is then.

        :param booking_uid: uid of a booking.
        """
        return self._client.call(endpoints.confirm_booking(booking_uid))

    def decline_booking(self, *, booking_uid: str, reason: str | None = None) -> dict[str, Any]:
        """Reject a pending booking and give it as it is then.

        :param booking_uid: uid of a booking.
        :param reason: told to the booker.
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
        """Cancel a booking and give it as it is then; of a series, a list.

        :param booking_uid: uid of a booking.
        :param reason: told to the attendees; some accounts demand one.
        :param cancel_subsequent: also cancel the later occurrences of its series.
        :param seat_uid: cancel only this seat.
        :param allow_foreign_booking: also cancel a booking that the key's user neither hosts nor administers. Cal.com
            itself lets any key cancel any booking.
        :raises BookingNotMarkable: if it is a stranger's.
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
        """Move a booking and give the new one, which has a new uid.

        :param booking_uid: uid of a booking.
        :param start: ISO 8601 instant with ``Z`` or an offset.
        :param reason: told to the attendees.
        :param rescheduled_by: address of who moves it.
        :param seat_uid: move only this seat.
        :param allow_foreign_booking: also move a booking that the key's user neither hosts nor administers. Cal.com
            itself lets any key move any booking.
        :raises BookingNotMarkable: if it is a stranger's.
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
        """Give a round-robin booking to another host, check it, and return ``{bookingUid, reassignedTo}``.

        :param booking_uid: uid of a booking.
        :param user_id: the host; whoever comes next if None.
        :param reason: with ``user_id``: why.
        :raises NotReassigned: if Cal.com says yes and the booking does not have the new host, as in the open edition.
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
    ) -> dict[str, Any]:
        """Subscribe a URL to events, for instance ``BOOKING_NO_SHOW_UPDATED``, and give the webhook.

        :param subscriber_url: where Cal.com is to send events; once for each user.
        :param triggers: names of events.
        :param active: whether to send them from now on.
        :param secret: signs each delivery in ``X-Cal-Signature-256``.
        :param payload_template: a body in place of Cal.com's own.
        :raises Conflict: if the URL is subscribed already.
        """
        return self._client.call(
            endpoints.create_webhook(
                subscriber_url=subscriber_url,
                triggers=triggers,
                active=active,
                secret=secret,
                payload_template=payload_template,
            )
        )

    def list_webhooks(self) -> list[dict[str, Any]]:
        """Give all webhooks of the key's user."""
        return self._client.run(listing.all_webhooks())

    def get_webhook(self, *, webhook_id: str) -> dict[str, Any]:
        """Give one webhook.

        :param webhook_id: its id.
        """
        return self._client.call(endpoints.get_webhook(webhook_id))

    def update_webhook(self, *, webhook_id: str, **changes: Any) -> dict[str, Any]:
        """Change a webhook and give it as it is then.

        :param webhook_id: its id.
        :param changes: any of ``active``, ``subscriberUrl``, ``triggers``, ``secret``, ``payloadTemplate``.
        """
        return self._client.call(endpoints.update_webhook(webhook_id, **changes))

    def delete_webhook(self, *, webhook_id: str) -> None:
        """Remove a webhook.

        :param webhook_id: its id.
        """
        self._client.call(endpoints.delete_webhook(webhook_id))

    def booking_page(self, *, booking_uid: str) -> str | None:
        """Give the address of a booking's page for people; None where the connection does not tell.

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
        _mask(secret)
    return settings


def _extra_of(connection: Connection) -> dict[str, Any]:
    """Read the extra fields. ``extra_dejson`` takes unreadable ones for none, and would lose a setting in silence."""
    try:
        extra = json.loads(connection.extra or "{}")
    except (TypeError, ValueError, RecursionError):
        extra = None
    if not isinstance(extra, dict):
        raise InvalidConnection("The connection's extra must be a JSON object, and can't be read as one") from None
    return extra


def _mask(secret: str) -> None:
    """Have Airflow blank out a secret in logs, also without the ``Bearer`` that it may be stored with."""
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


def list_path(
    organization_id: int | str | None = None, team_id: int | str | None = None, user_id: int | str | None = None
) -> str:
    """Give the path of a list of bookings: one's own, a team's, or an organisation's, its team's or its member's.

    :param organization_id: whose admin the key's user is.
    :param team_id: of a team; with ``organization_id``, of one in it.
    :param user_id: with ``organization_id``: of a member.
    :raises InvalidArgument: if they don't go together, naming them.
    """
    if user_id is not None and (organization_id is None or team_id is not None):
        raise InvalidArgument("user_id goes with organization_id, and not with team_id")
    if organization_id is None:
        return query.own_bookings() if team_id is None else query.team_bookings(team_id)
    if team_id is not None:
        return query.organization_team_bookings(organization_id, team_id)
    if user_id is not None:
        return query.organization_user_bookings(organization_id, user_id)
    return query.organization_bookings(organization_id)


def conn_id_of(name: str, given: Any) -> str | None:
    """Read a parameter that names a connection; None stays.

    :param name: the parameter, for errors.
    :raises InvalidArgument: naming it, if no connection can have this id.
    """
    if given is None:
        return None
    if (
        not isinstance(given, str)
        or given.strip() in ("", "None", "null")
        or len(given) > _LONGEST_ID
        or not given.isprintable()
    ):
        raise InvalidArgument(
            f"{name} must be the id of an Airflow connection, but is {describe(given)}. Correct it; if it comes from a"
            " template, that found nothing"
        )
    return given


def connection_of(
    name: str,
    given: Any,
    *,
    look_up: Callable[[str], Connection] | None = None,
    missing: type[Exception] = ConnectionMissing,
) -> Connection:
    """Return the Airflow connection that a parameter names.

    :param name: the parameter, for errors.
    :param given: the id.
    :param look_up: finds it; None for Airflow's own way.
    :param missing: what is raised where there is none: :class:`ConnectionMissing` or :class:`SqlConnectionMissing`.
    :raises InvalidArgument: if it is no id.
    """
    conn_id = conn_id_of(name, given)
    if conn_id is None:
        raise InvalidArgument(f"{name} must be the id of an Airflow connection, but is None")
    try:
        return (look_up or BaseHook.get_connection)(conn_id)
    except AirflowNotFoundException:
        pass  # raised below: the cause would say the same, and may quote what can't be read
    name_of_variable = f"AIRFLOW_CONN_{conn_id.upper()}" if describe(conn_id) == repr(conn_id) else "AIRFLOW_CONN_..."
    raise missing(
        f"{name}: there is no Airflow connection {describe(conn_id)}, or it can't be read. Make it in Airflow, or set"
        f" the environment variable {name_of_variable}"
    )
