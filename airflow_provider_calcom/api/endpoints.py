"""Every endpoint of Cal.com's API v2 that we use, once: what to send, and how to read the answer.

An endpoint is a value. The sync and the async client send the same values, so they can't drift apart.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Generic, TypeVar

from airflow_provider_calcom._redact import describe
from airflow_provider_calcom.api.errors import (
    ApiVersionNotServed,
    BookingNotMarkable,
    InvalidArgument,
    UnexpectedAnswer,
    request_id_of,
)
from airflow_provider_calcom.api.models import AttendeeMark, Booking, BookingReading, Me, Page
from airflow_provider_calcom.api.settings import checked_api_version

T = TypeVar("T")

BOOKINGS_VERSION = "2024-08-13"
"""The version at which all servers since 2024 serve bookings and mark-absent. An unknown one means their oldest."""

LARGEST_BODY = 100_000
"""Bytes of a request body above which Cal.com answers 413."""

_FEW_ATTENDEES = 50
"""So many always fit into a body: an address has 320 characters at most, of 4 bytes each."""

_PUBLIC_FIELDS = {
    *("status", "bookingUid", "eventTypeIds", "teamsIds", "userIds", "afterStart", "beforeEnd", "afterCreatedAt"),
    *("beforeCreatedAt", "afterUpdatedAt", "beforeUpdatedAt", "sortStart", "take", "skip", "limit", "cursor", "type"),
    *("host", "start", "seatUid", "cancelSubsequentBookings", "active", "triggers"),
}
"""Parameters whose values are nobody's secret; of all others an error may not show what was sent."""

_MOST_PRIVATE_VALUES = 20
_LONGEST_HARMLESS = 2

_LARGEST_CURSOR = 10**30
_FLAGS = (bool, type(None))
"""Kinds of a no-show flag: the text ``"false"`` is true in Python, and a flag that is misread is set once more."""
_EARLIEST_CLOCK = datetime(2001, 1, 1, tzinfo=timezone.utc).timestamp()
_LATEST_CLOCK = datetime(2200, 1, 1, tzinfo=timezone.utc).timestamp()
"""A server whose ``Date`` is out of these bounds has no clock: ours is used, as for one that sends none."""
_CURSOR = re.compile(r"[!-~]{1,2000}")
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")

Params = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Answer:
    """An answer with a 2xx status.

    :param body: the decoded JSON; not shown in the repr, as it is about people.
    :param headers: the headers, looked up without regard to case.
    """

    body: Any = field(repr=False)
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Endpoint(Generic[T]):
    """One call.

    :param method: HTTP method.
    :param path: path below the base URL, of checked parts that need no quoting.
    :param parse: makes the result from an answer; raises :class:`UnexpectedAnswer` where it is not Cal.com's.
    :param api_version: the ``cal-api-version`` that it is written for.
    :param params: query parameters in order; not shown in the repr, as they may hold an address.
    :param body: JSON body, or None; not shown either.
    :param writes: whether the call may change something, so that it must not be repeated blindly.
    """

    method: str
    path: str
    parse: Callable[[Answer], T]
    api_version: str = BOOKINGS_VERSION
    params: Params = field(default=(), repr=False)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    writes: bool = False

    def at_version(self, api_version: str | None) -> Endpoint[T]:
        """Give the same call at another ``cal-api-version``; at its own where None.

        :raises InvalidArgument: if it is no date as YYYY-MM-DD.
        """
        return self if api_version is None else replace(self, api_version=checked_api_version(api_version))

    @property
    def private_values(self) -> tuple[str, ...]:
        """The texts that are sent and may be somebody's: a server repeats them in its errors."""
        given: list[tuple[str, object]] = [*self.params, *(self.body or {}).items()]
        texts = itertools.chain.from_iterable(_texts_in(value) for name, value in given if name not in _PUBLIC_FIELDS)
        return tuple(itertools.islice(texts, _MOST_PRIVATE_VALUES))

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


# What is put into a path or a body, checked.

_NO_ID = 10**18


def checked_uid(value: object, name: str = "booking_uid") -> str:
    """Give a uid back, without white space around it, if it can be one.

    :raises InvalidArgument: naming ``name``. A uid has only ASCII letters, digits, ``-`` and ``_``; anything else
        could lead a call to another route.
    """
    text = value.strip() if isinstance(value, str) else ""
    if not _PLAIN_ID.fullmatch(text) or text.lower().startswith("cal_"):  # as API keys begin
        raise InvalidArgument(
            f"{name} must be a uid of letters, digits, - and _ (at most 100), as in Cal.com, but is {describe(value)}"
        )
    return text


def checked_id(value: object, name: str) -> int:
    """Give a numeric id back, also from a text of digits.

    :raises InvalidArgument: naming ``name``.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _NO_ID:
        return value
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,18}\s*", value) and int(value) > 0:
        return int(value)
    raise InvalidArgument(f"{name} must be the positive number of a Cal.com object, but is {describe(value)}")


def _texts_in(value: object) -> Iterator[str]:
    """Return the texts of a parameter: its own, or those of a list of flat objects. Addresses are known by their @."""
    parts = value if isinstance(value, list) else [value]
    texts = [text for part in parts for text in (part.values() if isinstance(part, Mapping) else [part])]
    return (text for text in texts if isinstance(text, str) and len(text) > _LONGEST_HARMLESS and "@" not in text)


def _below_booking(uid: str, rest: str = "") -> str:
    return f"/bookings/{checked_uid(uid)}{rest}"


# How an answer is read.


def _data(answer: Answer) -> Any:
    body = answer.body
    if not isinstance(body, Mapping) or body.get("status") != "success" or "data" not in body:
        raise UnexpectedAnswer(
            'The answer is JSON but not Cal.com\'s {"status": "success", "data": ...}. Check the connection\'s host'
        )
    return body["data"]


def _object(answer: Answer) -> dict[str, Any]:
    data = _data(answer)
    if not isinstance(data, dict):
        raise UnexpectedAnswer(f"The answer's data should be one object but is a {type(data).__name__}")
    return data


def _objects(answer: Answer) -> list[dict[str, Any]]:
    data = _data(answer)
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        raise UnexpectedAnswer("The answer's data should be a list of objects")
    return data


def _optional(answer: Answer) -> Any:
    body = answer.body
    return body.get("data") if isinstance(body, Mapping) else body


def checked_booking(item: object) -> Booking:
    """Give a booking of an answer back if it has what everything else relies on.

    :raises ApiVersionNotServed: if it has the shape of the oldest API version, which a server falls back to in
        silence when it does not know the version that was sent.
    :raises UnexpectedAnswer: if it is no booking.
    """
    if isinstance(item, dict) and "startTime" in item and "start" not in item:
        raise ApiVersionNotServed(
            "The server answered in the shape of its oldest API version: it does not know the cal-api-version that was"
            f" sent, or serves no bookings at it. Use api_version {BOOKINGS_VERSION}"
        )
    if not isinstance(item, dict) or not all(isinstance(item.get(key), str) for key in ("uid", "start", "status")):
        raise UnexpectedAnswer("The answer holds something that is no booking (no uid, start or status)")
    attendees = item.get("attendees")
    if not isinstance(attendees, list) or not all(
        isinstance(attendee, dict) and isinstance(attendee.get("email"), str) for attendee in attendees
    ):
        raise UnexpectedAnswer("The answer holds a booking without a list of attendees with addresses")
    if type(item.get("absentHost")) not in _FLAGS or any(type(row.get("absent")) not in _FLAGS for row in attendees):
        raise UnexpectedAnswer("The answer holds a booking with a no-show flag that is neither true nor false")
    hosts, responses, guests = (item.get(key) for key in ("hosts", "bookingFieldsResponses", "guests"))
    if not (
        isinstance(hosts or [], list)
        and all(isinstance(host, dict) for host in hosts or [])
        and isinstance(responses or {}, dict)
        and isinstance(guests or [], list)
        and isinstance((responses or {}).get("guests") or [], list)
    ):
        raise UnexpectedAnswer("The answer holds a booking with hosts, guests or responses of another shape")
    return item


def _one_booking(answer: Answer) -> Booking:
    data = _data(answer)
    if isinstance(data, list):
        raise BookingNotMarkable(
            f"booking_uid names a recurring series of {len(data)} bookings. Give the uid of one occurrence"
        )
    return checked_booking(data)


def _series(answer: Answer) -> list[Booking]:
    data = _data(answer)
    return [checked_booking(item) for item in (data if isinstance(data, list) else [data])]


def _reading(answer: Answer) -> BookingReading:
    return BookingReading(_one_booking(answer), server_time_of(answer.headers), request_id_of(answer.headers))


def server_time_of(headers: Mapping[str, str]) -> float | None:
    """Give the server's clock when it answered, as a Unix time in whole seconds; None where it does not tell.

    :param headers: of its answer, looked up without regard to case.
    """
    header = headers.get("date")
    return _unix_time_of(header) if header else None


@functools.lru_cache(maxsize=16)
def _unix_time_of(date: str) -> float | None:
    """Read an HTTP date; None for one that can be no clock's. Hundreds of answers have the same one."""
    try:
        time = parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None
    return time if _EARLIEST_CLOCK <= time < _LATEST_CLOCK else None


def _page(answer: Answer) -> Page:
    data = _data(answer)
    if isinstance(data, dict) and isinstance(data.get("bookings"), list):
        checked_booking({"startTime": None})
    bookings = [checked_booking(item) for item in _objects(answer)]
    pagination = answer.body.get("pagination")
    if not isinstance(pagination, Mapping):
        return Page(bookings, server_time=server_time_of(answer.headers))
    total, cursor = pagination.get("totalItems"), pagination.get("nextCursor")
    cursor = str(cursor) if isinstance(cursor, int) and 0 <= cursor < _LARGEST_CURSOR else cursor
    if cursor is not None and not (isinstance(cursor, str) and _CURSOR.fullmatch(cursor)):
        raise UnexpectedAnswer("The answer's pagination.nextCursor is no cursor: a text of at most 2,000 characters")
    return Page(
        bookings,
        total=total if isinstance(total, int) and not isinstance(total, bool) else None,
        next_cursor=cursor if pagination.get("hasMore", True) else None,
    )


# Who am I.


def me() -> Endpoint[Me]:
    """The user that the key belongs to."""

    def parse(answer: Answer) -> Me:
        data = _object(answer)
        if "id" not in data:
            raise UnexpectedAnswer("The answer to /me names no user")
        return data  # type: ignore[return-value]

    return Endpoint("GET", "/me", parse)


# Bookings: reading.


def own_bookings() -> str:
    """Path of the bookings that the key's user may see."""
    return "/bookings"


def team_bookings(team_id: int | str) -> str:
    """Path of a team's bookings (servers since 2026)."""
    return f"/teams/{checked_id(team_id, 'team_id')}/bookings"


def organization_bookings(organization_id: int | str) -> str:
    """Path of an organisation's bookings; its admins only."""
    return f"{_below_organization(organization_id)}/bookings"


def organization_team_bookings(organization_id: int | str, team_id: int | str) -> str:
    """Path of the bookings of a team in an organisation; the team's admins only."""
    return f"{_below_organization(organization_id)}/teams/{checked_id(team_id, 'team_id')}/bookings"


def organization_user_bookings(organization_id: int | str, user_id: int | str) -> str:
    """Path of the bookings of a user in an organisation; its admins only."""
    return f"{_below_organization(organization_id)}/users/{checked_id(user_id, 'user_id')}/bookings"


def _below_organization(organization_id: int | str) -> str:
    return f"/organizations/{checked_id(organization_id, 'organization_id')}"


def bookings_page(path: str, params: Params) -> Endpoint[Page]:
    """One page of a list. Use :func:`airflow_provider_calcom.api.listing.walk` for a whole one: pages disagree."""
    return Endpoint("GET", path, _page, params=params)


def get_booking(uid: str) -> Endpoint[Booking]:
    """One booking, or one occurrence of a series.

    The parser raises :class:`BookingNotMarkable` where the uid is that of a whole series.
    """
    return Endpoint("GET", _below_booking(uid), _one_booking)


def read_booking(uid: str) -> Endpoint[BookingReading]:
    """One booking together with the server's clock."""
    return Endpoint("GET", _below_booking(uid), _reading)


def get_booking_series(uid: str) -> Endpoint[list[Booking]]:
    """All occurrences of a recurring series, by the uid of the series."""
    return Endpoint("GET", _below_booking(uid), _series)


def get_booking_by_seat(seat_uid: str) -> Endpoint[Booking]:
    """The booking that a seat belongs to (servers since 2026)."""
    return Endpoint("GET", f"/bookings/by-seat/{checked_uid(seat_uid, 'seat_uid')}", _one_booking)


def get_attendees(uid: str) -> Endpoint[list[dict[str, Any]]]:
    """The attendees of a booking with their ids (servers since 2026)."""
    return Endpoint("GET", _below_booking(uid, "/attendees"), _objects)


def get_references(uid: str, reference_type: str | None = None) -> Endpoint[list[dict[str, Any]]]:
    """The calendar events and meetings made for a booking.

    :param reference_type: only those of this type, for instance ``google_calendar``.
    """
    params: Params = (("type", reference_type),) if reference_type else ()
    return Endpoint("GET", _below_booking(uid, "/references"), _objects, params=params)


def get_recordings(uid: str) -> Endpoint[list[dict[str, Any]]]:
    """Cal Video's recordings; their links live for an hour."""
    return Endpoint("GET", _below_booking(uid, "/recordings"), _objects)


def get_transcripts(uid: str) -> Endpoint[list[str]]:
    """Links to Cal Video's transcripts."""

    def parse(answer: Answer) -> list[str]:
        data = _data(answer)
        if not isinstance(data, list):
            raise UnexpectedAnswer("The answer's data should be a list of links")
        return data

    return Endpoint("GET", _below_booking(uid, "/transcripts"), parse)


def get_conferencing_sessions(uid: str) -> Endpoint[list[dict[str, Any]]]:
    """Who was in the Cal Video room and when, by Unix seconds (servers since 2026; Cal Video only)."""
    return Endpoint("GET", _below_booking(uid, "/conferencing-sessions"), _objects)


# Bookings: writing.


def mark_absent(
    uid: str, *, host: bool | None = None, attendees: Sequence[AttendeeMark] | None = None
) -> Endpoint[Booking]:
    """Set no-show flags. Each call that names attendees makes Cal.com send webhooks, mail and SMS, changed or not.

    :param uid: booking uid of one occurrence.
    :param host: True marks the organiser. Cal.com checks nobody's right to do so. False does nothing on servers
        of 2025 and un-marks on those of 2026.
    :param attendees: addresses exactly as the booking spells them, each with the flag it is to have.
    :raises InvalidArgument: if there is nothing to say, ``attendees`` is empty (Cal.com refuses that), or the body is
        above Cal.com's 100 kB.
    """
    return Endpoint(
        "POST", _below_booking(uid, "/mark-absent"), _one_booking, body=_marks(host, attendees), writes=True
    )


def mark_and_read(
    uid: str, *, host: bool | None = None, attendees: Sequence[AttendeeMark] | None = None
) -> Endpoint[BookingReading]:
    """As :func:`mark_absent`, with the booking of the answer as :func:`read_booking` gives it."""
    path, body = _below_booking(uid, "/mark-absent"), _marks(host, attendees)
    return Endpoint("POST", path, _reading, body=body, writes=True)


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
    return Endpoint("POST", _below_booking(uid, "/confirm"), _one_booking, writes=True)


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
        parse=_data,
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

    :param start: ISO 8601 instant with ``Z``.
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
    """Give a round-robin booking to whichever host comes next."""
    return Endpoint("POST", _below_booking(uid, "/reassign"), _object, writes=True)


def reassign_booking_to_user(uid: str, user_id: int | str, reason: str | None = None) -> Endpoint[dict[str, Any]]:
    """Give a round-robin booking to one host."""
    path = _below_booking(uid, f"/reassign/{checked_id(user_id, 'user_id')}")
    return Endpoint("POST", path, _object, body=_given(reason=reason), writes=True)


def _booking_write(uid: str, rest: str, **fields: Any) -> Endpoint[Booking]:
    return Endpoint("POST", _below_booking(uid, rest), _one_booking, body=_given(**fields), writes=True)


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


# Webhooks.


def create_webhook(
    *,
    subscriber_url: str,
    triggers: Sequence[str],
    active: bool = True,
    secret: str | None = None,
    payload_template: str | None = None,
) -> Endpoint[dict[str, Any]]:
    """Subscribe a URL to events. A URL can be subscribed once for each user.

    :param secret: with it Cal.com signs each delivery in ``X-Cal-Signature-256``.
    """
    body = {
        "subscriberUrl": subscriber_url,
        "triggers": _checked_triggers(triggers),
        "active": active,
        **_given(secret=secret, payloadTemplate=payload_template),
    }
    return Endpoint("POST", "/webhooks", _object, body=body, writes=True)


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


def list_webhooks(*, take: int = 250, skip: int = 0) -> Endpoint[list[dict[str, Any]]]:
    """One page of webhooks; the list has no pagination block."""
    return Endpoint("GET", "/webhooks", _objects, params=(("take", str(take)), ("skip", str(skip))))


def get_webhook(webhook_id: str) -> Endpoint[dict[str, Any]]:
    """One webhook."""
    return Endpoint("GET", _webhook_path(webhook_id), _object)


def update_webhook(webhook_id: str, **fields: Any) -> Endpoint[dict[str, Any]]:
    """Change a webhook.

    :param fields: any of ``active``, ``subscriberUrl``, ``triggers``, ``secret``, ``payloadTemplate``.
    """
    return Endpoint("PATCH", _webhook_path(webhook_id), _object, body=dict(fields), writes=True)


def delete_webhook(webhook_id: str) -> Endpoint[Any]:
    """Remove a webhook; the result is what it was."""
    return Endpoint("DELETE", _webhook_path(webhook_id), _optional, writes=True)


def _webhook_path(webhook_id: str) -> str:
    return f"/webhooks/{checked_uid(webhook_id, 'webhook_id')}"
