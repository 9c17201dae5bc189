"""Deliveries of Cal.com's webhooks: their signature, and their events as typed values.

A receiver verifies the signature of the raw body first, and parses the body only then::

    if verify_signature(body, request.headers.get(SIGNATURE_HEADER), secrets):
        event = parse_event(body)

An event is a hint, never evidence: Cal.com sends most deliveries once, without a retry, and the signature covers
no timestamp, so that a recorded delivery verifies for ever. Read the booking before you act on it.

Facts are from Cal.com's source and from recorded deliveries of builds of 2025 and 2026, at webhook version 2021-10-20.
Nothing here imports Airflow, so that a gateway can use it without.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

from airflow_provider_calcom._timestamps import parse_timestamp
from airflow_provider_calcom.api.errors import InvalidArgument, InvalidDelivery

SIGNATURE_HEADER = "X-Cal-Signature-256"
"""The header of a delivery that has its signature."""

UNSIGNED = "no-secret-provided"
"""The signature header of a webhook that has no secret."""

_SIGNATURE = re.compile(r"[0-9a-f]{64}")
_TRIGGER = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_UID = re.compile(r"[A-Za-z0-9_-]{1,100}")


# The signature.


def verify_signature(body: bytes, header: str | None, secrets: Sequence[str]) -> bool:
    """Return whether a delivery was signed with one of the secrets.

    The signature is the HMAC-SHA256 of the raw body as 64 lower-case hexadecimal digits. Only this spelling is
    accepted: Cal.com writes no other, and a second one would let an altered header pass. A header that is missing, has
    another length, upper-case or non-ASCII letters, white space, or the literal ``no-secret-provided`` is unsigned.

    The time does not depend on which secret matches, or on how many digits do: the digests of all secrets are compared.

    :param body: the body as it was received, before any decoding.
    :param header: the value of ``X-Cal-Signature-256``, or None if there is no such header.
    :param secrets: the webhook's secret, exactly as Cal.com has it. During a rotation, the old and the new one. An
        entry that is empty or only white space counts as no secret; without any secret nothing is verified.
    :raises InvalidArgument: if a parameter has another type. A single string as ``secrets`` is rejected, because each
        of its letters would be a secret.
    """
    _check_types(body, header, secrets)
    if header is None or not _SIGNATURE.fullmatch(header):
        return False
    is_verified = False
    for secret in secrets:
        if secret and secret.strip():
            # An unpaired surrogate must not raise: the answer to a forged delivery is False, whatever the secret.
            key = secret.encode("utf-8", "surrogatepass")
            digest = hmac.new(key, body, hashlib.sha256).hexdigest()
            is_verified |= hmac.compare_digest(digest, header)
    return is_verified


def _check_types(body: object, header: object, secrets: object) -> None:
    _check_body(body)
    if header is not None and not isinstance(header, str):
        raise InvalidArgument(f"header must be the header's value as a string, or None, but is {_type_of(header)}")
    if isinstance(secrets, (str, bytes)) or not isinstance(secrets, Sequence):
        raise InvalidArgument(f"secrets must be a list of strings, but is {_type_of(secrets)}. Put it into a list")
    for place, secret in enumerate(secrets):
        if secret is not None and not isinstance(secret, str):
            raise InvalidArgument(f"secrets[{place}] must be a string, but is {_type_of(secret)}")


def _check_body(body: object) -> None:
    if not isinstance(body, (bytes, bytearray, memoryview)):
        raise InvalidArgument(f"body must be the raw bytes of the request, but is {_type_of(body)}. Don't decode it")


def _type_of(value: object) -> str:
    """Return the type of a value for an error. The value itself may be a secret, or about people."""
    return f"of type {type(value).__name__}"


# Events.


@dataclass(frozen=True)
class WebhookEvent:
    """An event of a trigger that has no class of its own, and the base class of those that have one.

    :param trigger: name of the trigger, such as ``BOOKING_CREATED``. Cal.com adds triggers over time.
    :param created_at: when Cal.com made the event, in UTC; None where the delivery does not say.
    :param data: the event's fields as Cal.com sent them, with addresses and names. Not shown in the repr.
    """

    trigger: str
    created_at: datetime | None
    data: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True)
class AttendeeFlag:
    """An attendee of an event, and their no-show flag.

    :param email: address as the booking has it. Not shown in the repr.
    :param no_show: the flag.
    """

    email: str = field(repr=False)
    no_show: bool


@dataclass(frozen=True)
class BookingEvent(WebhookEvent):
    """An event about one booking.

    :param booking_uid: the booking's uid.
    :param booking_id: the booking's number, or None where the delivery has none.
    """

    booking_uid: str
    booking_id: int | None


@dataclass(frozen=True)
class NoShowUpdated(BookingEvent):
    """``BOOKING_NO_SHOW_UPDATED``: a mark-absent call named attendees, whether or not it changed a flag.

    Cal.com sends none for the host alone.

    :param attendees: the attendees of the call with their flags. May be empty on servers of 2026, where the call named
        only unknown addresses.
    """

    attendees: tuple[AttendeeFlag, ...]


@dataclass(frozen=True)
class TimedEvent(BookingEvent):
    """An event about one booking that has its times.

    :param start: start of the booking, in UTC.
    :param end: end of the booking, in UTC.
    """

    start: datetime
    end: datetime


@dataclass(frozen=True)
class MeetingStarted(TimedEvent):
    """``MEETING_STARTED``: the time of a booking's start has come. It does not show that anybody was there.

    Its delivery is flat. A ``createdAt`` in it is the booking's, so ``created_at`` is None.
    """


@dataclass(frozen=True)
class MeetingEnded(TimedEvent):
    """``MEETING_ENDED``: the time of a booking's end has come, as for :class:`MeetingStarted`."""


@dataclass(frozen=True)
class CalVideoNoShow(TimedEvent):
    """What both no-show events of Cal Video have. They are hints: Cal.com checks once, and corrects nothing later.

    :param attendees: the attendees with the flags that Cal.com set, as far as the delivery has them.
    """

    attendees: tuple[AttendeeFlag, ...]


@dataclass(frozen=True)
class HostsNoShow(CalVideoNoShow):
    """``AFTER_HOSTS_CAL_VIDEO_NO_SHOW``: a host had not joined some time after the start; one event for each host.

    A host who was not signed in to Cal.com counts as absent there.

    :param host_email: the host's address, or None where the delivery has none. Not shown in the repr.
    """

    host_email: str | None = field(repr=False)


@dataclass(frozen=True)
class GuestsNoShow(CalVideoNoShow):
    """``AFTER_GUESTS_CAL_VIDEO_NO_SHOW``: no guest had joined some time after the start."""


@dataclass(frozen=True)
class CancellationEvent(TimedEvent):
    """``BOOKING_CANCELLED``.

    :param reason: free text of the person who cancelled, or None. Not shown in the repr.
    """

    reason: str | None = field(repr=False)


@dataclass(frozen=True)
class RescheduleEvent(TimedEvent):
    """``BOOKING_RESCHEDULED``: ``booking_uid`` is the new booking.

    :param rescheduled_from: uid of the booking that was moved, or None where the delivery does not have it.
    :param previous_start: its start, in UTC, or None.
    """

    rescheduled_from: str | None
    previous_start: datetime | None


# Parsing.


def parse_event(body: bytes) -> WebhookEvent:
    """Parse the body of a delivery whose signature was verified.

    :param body: the body as it was received, JSON in UTF-8.
    :return: one of the classes of this module; a :class:`WebhookEvent` for a trigger that has none.
    :raises InvalidDelivery: if it is not an event as Cal.com sends it; the text names the field, and quotes no value.
    :raises InvalidArgument: if ``body`` is not bytes.
    """
    _check_body(body)
    document = _decoded(bytes(body))
    if not isinstance(document, dict):
        raise InvalidDelivery(f"The body of the delivery must be a JSON object, but is {_shown(document)}")
    trigger = document.get("triggerEvent")
    if not isinstance(trigger, str) or not _TRIGGER.fullmatch(trigger):
        raise InvalidDelivery(
            f"triggerEvent must be the name of an event, but is {_shown(trigger)}. A payload template of the webhook"
            " replaces the body: keep triggerEvent and payload in it, or remove the template"
        )
    read = _PARSERS.get(trigger)
    if read is None:
        return _unknown_event(trigger, document)
    return read(trigger, document)


def _decoded(body: bytes) -> Any:
    """Decode JSON. ``json.loads`` of bytes would also take UTF-16 and UTF-32, which Cal.com does not send."""
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        pass  # raised below, without this cause: it has the body in it
    raise InvalidDelivery(
        f"The body of the delivery must be JSON in UTF-8, but {len(body):,} bytes came that are not. Verify the"
        " signature before you parse, and pass the body as it was received"
    )


def _refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python takes for JSON."""
    raise ValueError(name)


def _unknown_event(trigger: str, document: dict[str, Any]) -> WebhookEvent:
    """Keep an event of another trigger; nothing is known of its shape, so nothing is rejected."""
    payload = document.get("payload")
    if not isinstance(payload, dict):
        return WebhookEvent(trigger, None, document)
    try:
        created_at = parse_timestamp(str(document.get("createdAt")))
    except ValueError:
        created_at = None
    return WebhookEvent(trigger, created_at, payload)


class _Fields:
    """The fields of an event, read with checks.

    :param data: an object of the delivery.
    :param path: where it is in the delivery, for errors: ``payload.``, or empty at the top.
    """

    def __init__(self, data: object, path: str) -> None:
        if not isinstance(data, dict):
            raise InvalidDelivery(f"{path.rstrip('.')} must be a JSON object, but is {_shown(data)}")
        self.data: dict[str, Any] = data
        self._path = path

    def text(self, name: str) -> str:
        value = self.data.get(name)
        if not isinstance(value, str) or not value:
            raise self._wrong(name, "a string")
        return value

    def optional_text(self, name: str) -> str | None:
        return self.text(name) if self.data.get(name) not in (None, "") else None

    def uid(self, name: str) -> str:
        value = self.data.get(name)
        if not isinstance(value, str) or not _UID.fullmatch(value):
            raise self._wrong(name, "a uid of letters, digits, - and _")
        return value

    def optional_uid(self, name: str) -> str | None:
        return self.uid(name) if self.data.get(name) not in (None, "") else None

    def optional_id(self, name: str) -> int | None:
        value = self.data.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise self._wrong(name, "an integer")
        return value

    def time(self, name: str) -> datetime:
        value = self.data.get(name)
        if isinstance(value, str):
            try:
                return parse_timestamp(value)
            except ValueError:
                pass
        raise self._wrong(name, "a timestamp with Z or an offset")

    def optional_time(self, name: str) -> datetime | None:
        return self.time(name) if self.data.get(name) not in (None, "") else None

    def flags(self, name: str) -> tuple[AttendeeFlag, ...]:
        """Read attendees. Cal.com's database has null for an attendee who was never marked.

        Any other flag that is not a boolean is rejected: the string ``"false"`` is true in Python.
        """
        rows = self.data.get(name)
        if not isinstance(rows, list):
            raise self._wrong(name, "a list")
        attendees = []
        for place, row in enumerate(rows):
            entry = _Fields(row, f"{self._path}{name}[{place}].")
            no_show = entry.data.get("noShow", "missing")
            if no_show is not None and not isinstance(no_show, bool):
                raise entry._wrong("noShow", "true, false or null")
            attendees.append(AttendeeFlag(entry.text("email"), no_show is True))
        return tuple(attendees)

    def _wrong(self, name: str, expected: str) -> InvalidDelivery:
        return InvalidDelivery(
            f"{self._path}{name} must be {expected}, but is {_shown(self.data.get(name))}. Webhooks of another version"
            " than 2021-10-20, or with a payload template, may have other fields"
        )


def _shown(value: object) -> str:
    """Return the JSON type of a value: its content is about people."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return "missing or null" if value is None else names[type(value)]


def _wrapped(document: dict[str, Any]) -> tuple[_Fields, datetime | None]:
    """Return the payload, and when the event was made."""
    return _Fields(document.get("payload"), "payload."), _Fields(document, "").optional_time("createdAt")


def _no_show_updated(trigger: str, document: dict[str, Any]) -> NoShowUpdated:
    payload, created_at = _wrapped(document)
    return NoShowUpdated(
        trigger=trigger,
        created_at=created_at,
        data=payload.data,
        booking_uid=payload.uid("bookingUid"),
        booking_id=payload.optional_id("bookingId"),
        attendees=payload.flags("attendees"),
    )


def _meeting(kind: type[MeetingStarted] | type[MeetingEnded]) -> Callable[[str, dict[str, Any]], WebhookEvent]:
    """Return the parser of a flat delivery, which has the columns of the booking beside ``triggerEvent``."""

    def read(trigger: str, document: dict[str, Any]) -> WebhookEvent:
        booking = _Fields(document, "")
        return kind(
            trigger=trigger,
            created_at=None,
            data=document,
            booking_uid=booking.uid("uid"),
            booking_id=booking.optional_id("id"),
            start=booking.time("startTime"),
            end=booking.time("endTime"),
        )

    return read


def _hosts_no_show(trigger: str, document: dict[str, Any]) -> HostsNoShow:
    payload, created_at = _wrapped(document)
    return HostsNoShow(**_cal_video(trigger, payload, created_at), host_email=payload.optional_text("hostEmail"))


def _guests_no_show(trigger: str, document: dict[str, Any]) -> GuestsNoShow:
    return GuestsNoShow(**_cal_video(trigger, *_wrapped(document)))


def _cal_video(trigger: str, payload: _Fields, created_at: datetime | None) -> dict[str, Any]:
    return {
        "trigger": trigger,
        "created_at": created_at,
        "data": payload.data,
        "booking_uid": payload.uid("bookingUid"),
        "booking_id": payload.optional_id("bookingId"),
        "start": payload.time("startTime"),
        "end": payload.time("endTime"),
        "attendees": () if payload.data.get("attendees") is None else payload.flags("attendees"),
    }


def _whole_booking(trigger: str, payload: _Fields, created_at: datetime | None) -> dict[str, Any]:
    return {
        "trigger": trigger,
        "created_at": created_at,
        "data": payload.data,
        "booking_uid": payload.uid("uid"),
        "booking_id": payload.optional_id("bookingId"),
        "start": payload.time("startTime"),
        "end": payload.time("endTime"),
    }


def _cancelled(trigger: str, document: dict[str, Any]) -> CancellationEvent:
    payload, created_at = _wrapped(document)
    booking = _whole_booking(trigger, payload, created_at)
    return CancellationEvent(**booking, reason=payload.optional_text("cancellationReason"))


def _rescheduled(trigger: str, document: dict[str, Any]) -> RescheduleEvent:
    payload, created_at = _wrapped(document)
    return RescheduleEvent(
        **_whole_booking(trigger, payload, created_at),
        rescheduled_from=payload.optional_uid("rescheduleUid"),
        previous_start=payload.optional_time("rescheduleStartTime"),
    )


_PARSERS: Mapping[str, Callable[[str, dict[str, Any]], WebhookEvent]] = {
    "BOOKING_NO_SHOW_UPDATED": _no_show_updated,
    "MEETING_STARTED": _meeting(MeetingStarted),
    "MEETING_ENDED": _meeting(MeetingEnded),
    "AFTER_HOSTS_CAL_VIDEO_NO_SHOW": _hosts_no_show,
    "AFTER_GUESTS_CAL_VIDEO_NO_SHOW": _guests_no_show,
    "BOOKING_CANCELLED": _cancelled,
    "BOOKING_RESCHEDULED": _rescheduled,
}
