"""Every endpoint of Cal.com's API v2 that we use, once: what to send, and how to read the response.

An endpoint is a value. The sync and the async client send the same values, so they can't drift apart.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from airflow_provider_calcom._redact import describe
from airflow_provider_calcom.api.arguments import checked_api_version, checked_id, checked_uid
from airflow_provider_calcom.api.errors import CalComError, InvalidArgument
from airflow_provider_calcom.api.models import AttendeeMark, Booking, BookingReading, Me, Page, Params
from airflow_provider_calcom.api.responses import (
    BOOKINGS_VERSION,
    Response,
    booking_of,
    data_of,
    links_of,
    object_of,
    objects_of,
    optional_data_of,
    page_of,
    reading_of,
    series_of,
    user_of,
)

T = TypeVar("T")

LARGEST_BODY = 100_000
"""Bytes of a request body above which Cal.com responds 413."""

_FEW_ATTENDEES = 50
"""This number of attendees always fits into a body: an address has at most 320 characters of 4 bytes."""

_PUBLIC_FIELDS = {
    *("status", "bookingUid", "eventTypeIds", "teamsIds", "userIds", "afterStart", "beforeEnd", "afterCreatedAt"),
    *("beforeCreatedAt", "afterUpdatedAt", "beforeUpdatedAt", "sortStart", "take", "skip", "limit", "cursor", "type"),
    *("host", "start", "seatUid", "cancelSubsequentBookings", "active", "triggers"),
}
"""Parameters whose values are not private; of all others an error may not show what was sent."""

_SECRET_FIELDS = ("secret",)
"""Parameters whose values no error may show, whatever characters they have."""

_MOST_PRIVATE_VALUES = 20
_LONGEST_HARMLESS = 2


@dataclass(frozen=True)
class Endpoint(Generic[T]):
    """One call.

    :param method: HTTP method.
    :param path: path below the base URL, of checked parts that need no quoting.
    :param parse: makes the result from a response; raises :class:`UnexpectedAnswer` where it is not Cal.com's.
    :param api_version: the ``cal-api-version`` that it is written for.
    :param params: query parameters in order; not shown in the repr, as they may hold an address.
    :param body: JSON body, or None; not shown either.
    :param writes: whether the call may change something, so that it must not be repeated blindly.
    """

    method: str
    path: str
    parse: Callable[[Response], T]
    api_version: str = BOOKINGS_VERSION
    params: Params = field(default=(), repr=False)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    writes: bool = False

    def at_version(self, api_version: str | None) -> Endpoint[T]:
        """Return the same call at another ``cal-api-version``; at its own where None.

        :raises InvalidArgument: if it is not a date as YYYY-MM-DD.
        """
        return self if api_version is None else replace(self, api_version=checked_api_version(api_version))

    @property
    def private_values(self) -> tuple[str, ...]:
        """The strings that are sent and may be private: a server repeats them in its errors."""
        given: list[tuple[str, object]] = [*self.params, *(self.body or {}).items()]
        secrets = [value for name, value in given if name in _SECRET_FIELDS and isinstance(value, str) and value]
        texts = itertools.chain.from_iterable(_texts_in(value) for name, value in given if name not in _PUBLIC_FIELDS)
        return (*secrets, *itertools.islice(texts, _MOST_PRIVATE_VALUES))

    @property
    def unsendable(self) -> str | None:
        """The name of the parameter, as Cal.com has it, that can't be put into a request; None where all can."""
        for name, value in (*self.params, *(self.body or {}).items()):
            try:
                is_sendable = len(json.dumps(value, ensure_ascii=False, allow_nan=False).encode()) <= LARGEST_BODY
            except (TypeError, ValueError, RecursionError):
                is_sendable = False
            if not is_sendable:
                return name
        return None


@dataclass(frozen=True)
class Pause:
    """Nothing is to be sent for a while.

    :param seconds: how long.
    """

    seconds: float


Flow = Generator[Endpoint[Any] | Pause, Any, T]
"""Several calls with decisions between them, written once for the sync and the async client.

A generator that yields an :class:`Endpoint` and is sent its result (or has its :class:`CalComError` thrown in), or
yields a :class:`Pause`; what it returns is the flow's result. httpx drives its ``Auth.auth_flow`` in the same way.
"""


@dataclass(frozen=True)
class Done(Generic[T]):
    """The flow has ended.

    :param result: what it returned.
    """

    result: T


def advance(flow: Flow[T], outcome: object) -> Endpoint[Any] | Pause | Done[T]:
    """Hand a flow the outcome of its last step, and return its next step.

    :param outcome: the result of the last call, or its error; None at the beginning and after a pause.
    """
    try:
        return flow.throw(outcome) if isinstance(outcome, CalComError) else flow.send(outcome)
    except StopIteration as end:
        return Done(end.value)


def _texts_in(value: object) -> Iterator[str]:
    """Return the strings of a parameter: its own, or those of a list of flat objects. Addresses have an @."""
    parts = value if isinstance(value, list) else [value]
    texts = [text for part in parts for text in (part.values() if isinstance(part, Mapping) else [part])]
    return (text for text in texts if isinstance(text, str) and len(text) > _LONGEST_HARMLESS and "@" not in text)


def _below_booking(uid: str, rest: str = "") -> str:
    return f"/bookings/{checked_uid(uid)}{rest}"


# Who am I.


def me() -> Endpoint[Me]:
    """The user that the key belongs to."""
    return Endpoint("GET", "/me", user_of)


# Bookings: reading.


def bookings_page(path: str, params: Params) -> Endpoint[Page]:
    """One page of a list. Use :func:`airflow_provider_calcom.api.listing.walk` for a whole one: pages disagree."""
    return Endpoint("GET", path, page_of, params=params)


def get_booking(uid: str) -> Endpoint[Booking]:
    """One booking, or one occurrence of a series.

    The parser raises :class:`BookingNotMarkable` where the uid is that of a whole series.
    """
    return Endpoint("GET", _below_booking(uid), booking_of)


def read_booking(uid: str) -> Endpoint[BookingReading]:
    """One booking together with the server's clock."""
    return Endpoint("GET", _below_booking(uid), reading_of)


def get_booking_series(uid: str) -> Endpoint[list[Booking]]:
    """All occurrences of a recurring series, by the uid of the series."""
    return Endpoint("GET", _below_booking(uid), series_of)


def get_booking_by_seat(seat_uid: str) -> Endpoint[Booking]:
    """The booking that a seat belongs to (servers since 2026)."""
    return Endpoint("GET", f"/bookings/by-seat/{checked_uid(seat_uid, 'seat_uid')}", booking_of)


def get_attendees(uid: str) -> Endpoint[list[dict[str, Any]]]:
    """The attendees of a booking with their ids (servers since 2026)."""
    return Endpoint("GET", _below_booking(uid, "/attendees"), objects_of)


def get_references(uid: str, reference_type: str | None = None) -> Endpoint[list[dict[str, Any]]]:
    """The calendar events and meetings made for a booking.

    :param reference_type: only those of this type, for instance ``google_calendar``.
    """
    params: Params = (("type", reference_type),) if reference_type else ()
    return Endpoint("GET", _below_booking(uid, "/references"), objects_of, params=params)


def get_recordings(uid: str) -> Endpoint[list[dict[str, Any]]]:
    """Cal Video's recordings; their links live for an hour."""
    return Endpoint("GET", _below_booking(uid, "/recordings"), objects_of)


def get_transcripts(uid: str) -> Endpoint[list[str]]:
    """Links to Cal Video's transcripts."""
    return Endpoint("GET", _below_booking(uid, "/transcripts"), links_of)


def get_conferencing_sessions(uid: str) -> Endpoint[list[dict[str, Any]]]:
    """Who was in the Cal Video room and when, by Unix seconds (servers since 2026; Cal Video only)."""
    return Endpoint("GET", _below_booking(uid, "/conferencing-sessions"), objects_of)


# Bookings: writing.


def mark_absent(
    uid: str, *, host: bool | None = None, attendees: Sequence[AttendeeMark] | None = None
) -> Endpoint[Booking]:
    """Set no-show flags. Each call that names attendees makes Cal.com send webhooks, mail and SMS, changed or not.

    :param uid: booking uid of one occurrence.
    :param host: True marks the organiser. Cal.com checks nobody's right to do so. False does nothing on servers
        of 2025 and un-marks on those of 2026.
    :param attendees: addresses exactly as the booking spells them, each with the flag it is to have.
    :raises InvalidArgument: if nothing is requested, ``attendees`` is empty (Cal.com refuses that), or the body is
        above Cal.com's 100 kB.
    """
    return Endpoint("POST", _below_booking(uid, "/mark-absent"), booking_of, body=_marks(host, attendees), writes=True)


def mark_and_read(
    uid: str, *, host: bool | None = None, attendees: Sequence[AttendeeMark] | None = None
) -> Endpoint[BookingReading]:
    """As :func:`mark_absent`, with the booking of the response as :func:`read_booking` returns it."""
    path, body = _below_booking(uid, "/mark-absent"), _marks(host, attendees)
    return Endpoint("POST", path, reading_of, body=body, writes=True)


def _marks(host: bool | None, attendees: Sequence[AttendeeMark] | None) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if host is not None:
        body["host"] = host
    if attendees is not None:
        body["attendees"] = [{"email": mark["email"], "absent": mark["absent"]} for mark in attendees]
    if not body or body.get("attendees") == []:
        raise InvalidArgument("attendees must name someone, or host be given: an empty mark-absent is never sent")
    size = len(json.dumps(body, ensure_ascii=False).encode()) if len(attendees or ()) > _FEW_ATTENDEES else 0
    if size > LARGEST_BODY:
        raise InvalidArgument(f"attendees make a request of {size:,} bytes; Cal.com takes {LARGEST_BODY:,}")
    return body


def confirm_booking(uid: str) -> Endpoint[Booking]:
    """Accept a pending booking."""
    return Endpoint("POST", _below_booking(uid, "/confirm"), booking_of, writes=True)


def decline_booking(uid: str, reason: str | None = None) -> Endpoint[Booking]:
    """Reject a pending booking."""
    return _booking_write(uid, "/decline", reason=reason)


def cancel_booking(
    uid: str,
    *,
    reason: str | None = None,
    cancel_subsequent: bool | None = None,
    seat_uid: str | None = None,
) -> Endpoint[Any]:
    """Cancel a booking, the later ones of its series too, or one seat. Of a series the result is a list."""
    return replace(
        _booking_write(
            uid,
            "/cancel",
            cancellationReason=reason,
            cancelSubsequentBookings=cancel_subsequent,
            seatUid=None if seat_uid is None else checked_uid(seat_uid, "seat_uid"),
        ),
        parse=data_of,
    )


def reschedule_booking(
    uid: str,
    *,
    start: str,
    reason: str | None = None,
    rescheduled_by: str | None = None,
    seat_uid: str | None = None,
) -> Endpoint[Booking]:
    """Move a booking; the result is the new one, with a new uid.

    :param start: ISO 8601 timestamp with ``Z``.
    """
    return _booking_write(
        uid,
        "/reschedule",
        start=start,
        reschedulingReason=reason,
        rescheduledBy=rescheduled_by,
        seatUid=None if seat_uid is None else checked_uid(seat_uid, "seat_uid"),
    )


def reassign_booking(uid: str) -> Endpoint[dict[str, Any]]:
    """Reassign a round-robin booking to the next host."""
    return Endpoint("POST", _below_booking(uid, "/reassign"), object_of, writes=True)


def reassign_booking_to_user(uid: str, user_id: int | str, reason: str | None = None) -> Endpoint[dict[str, Any]]:
    """Reassign a round-robin booking to one host."""
    path = _below_booking(uid, f"/reassign/{checked_id(user_id, 'user_id')}")
    return Endpoint("POST", path, object_of, body=_given(reason=reason), writes=True)


def _booking_write(uid: str, rest: str, **fields: Any) -> Endpoint[Booking]:
    return Endpoint("POST", _below_booking(uid, rest), booking_of, body=_given(**fields), writes=True)


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


# Webhooks.

WEBHOOKS_OF_USER = "/webhooks"


def webhooks_path(event_type_id: object = None, team_id: object = None, organization_id: object = None) -> str:
    """Return the path of a collection of webhooks.

    Webhooks of a user get no events of bookings of team event types; those need a webhook of the event type.

    :param event_type_id: number of an event type; without it and ``organization_id`` the webhooks are the key's user's.
    :param team_id: number of the team that has the event type. Only servers since 2026 have this route.
    :param organization_id: number of an organisation, instead of the two. Not in Cal.com's open edition.
    :raises InvalidArgument: naming the parameter that is not a number, or that another one excludes.
    """
    ids = {"event_type_id": event_type_id, "team_id": team_id, "organization_id": organization_id}
    numbers = {name: checked_id(value, name) for name, value in ids.items() if value is not None}
    if "organization_id" in numbers and len(numbers) > 1:
        raise InvalidArgument(
            "organization_id can't be combined with event_type_id or team_id: a webhook belongs to one of them. Leave"
            " it out, or the other"
        )
    if "organization_id" in numbers:
        return f"/organizations/{numbers['organization_id']}/webhooks"
    if "team_id" in numbers and "event_type_id" not in numbers:
        raise InvalidArgument("team_id needs event_type_id: Cal.com's API has webhooks of a team's event types only")
    if "event_type_id" not in numbers:
        return WEBHOOKS_OF_USER
    team = f"/teams/{numbers['team_id']}" if "team_id" in numbers else ""
    return f"{team}/event-types/{numbers['event_type_id']}/webhooks"


def create_webhook(
    *,
    subscriber_url: str,
    triggers: Sequence[str],
    active: bool = True,
    secret: str | None = None,
    payload_template: str | None = None,
    time: int | None = None,
    time_unit: str | None = None,
    path: str = WEBHOOKS_OF_USER,
) -> Endpoint[dict[str, Any]]:
    """Subscribe a URL to events. A URL can be subscribed once for each user.

    :param secret: with it Cal.com signs each delivery in ``X-Cal-Signature-256``.
    :param time: how long after the start the ``AFTER_..._CAL_VIDEO_NO_SHOW`` events are, in units of ``time_unit``:
        ``DAY``, ``HOUR`` or ``MINUTE``. Servers before mid 2026 ignore both.
    :param path: from :func:`webhooks_path`.
    """
    body = {
        "subscriberUrl": subscriber_url,
        "triggers": _checked_triggers(triggers),
        "active": active,
        **_given(secret=secret, payloadTemplate=payload_template, time=time, timeUnit=time_unit),
    }
    return Endpoint("POST", path, object_of, body=body, writes=True)


def _checked_triggers(triggers: object) -> list[str]:
    if isinstance(triggers, (str, bytes)) or not isinstance(triggers, Iterable):
        raise InvalidArgument(f"triggers must be a list of names of events, but is {describe(triggers)}")
    names = list(triggers)
    for place, name in enumerate(names):
        if not isinstance(name, str) or not name.strip():
            raise InvalidArgument(
                f"triggers[{place}] must be the name of an event such as BOOKING_NO_SHOW_UPDATED, but is"
                f" {describe(name)}"
            )
    return names


def list_webhooks(*, take: int = 250, skip: int = 0, path: str = WEBHOOKS_OF_USER) -> Endpoint[list[dict[str, Any]]]:
    """One page of webhooks; the list has no pagination block."""
    return Endpoint("GET", path, objects_of, params=(("take", str(take)), ("skip", str(skip))))


def get_webhook(webhook_id: str, *, path: str = WEBHOOKS_OF_USER) -> Endpoint[dict[str, Any]]:
    """One webhook."""
    return Endpoint("GET", _webhook_path(path, webhook_id), object_of)


def update_webhook(webhook_id: str, *, path: str = WEBHOOKS_OF_USER, **fields: Any) -> Endpoint[dict[str, Any]]:
    """Change a webhook.

    :param fields: any of ``active``, ``subscriberUrl``, ``triggers``, ``secret``, ``payloadTemplate``, ``time``,
        ``timeUnit``.
    """
    return Endpoint("PATCH", _webhook_path(path, webhook_id), object_of, body=dict(fields), writes=True)


def delete_webhook(webhook_id: str, *, path: str = WEBHOOKS_OF_USER) -> Endpoint[Any]:
    """Remove a webhook; the result is what it was."""
    return Endpoint("DELETE", _webhook_path(path, webhook_id), optional_data_of, writes=True)


def _webhook_path(path: str, webhook_id: str) -> str:
    """Return the path of one webhook. Without an id, DELETE would remove all webhooks of an event type."""
    return f"{path}/{checked_uid(webhook_id, 'webhook_id')}"
