"""Which listed bookings do not fit the filters that were sent, because the server ignores some of them.

Cal.com drops what it does not know in silence (servers of 2025 ignore ``bookingUid``), and a filter that is ignored
lists everything. The date filters are checked by :meth:`BookingQuery.admits`; a booking does not say which team or
which member's list it is on, so that ``team_ids`` and ``user_ids`` can't be checked.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow_provider_calcom.api.mark_request import address_key
from airflow_provider_calcom.api.models import Booking
from airflow_provider_calcom.api.query import BookingQuery, end_of

log = logging.getLogger(__name__)

_DEAD = ("cancelled", "rejected")
_CLOCKS_DIFFER = timedelta(minutes=5)
"""How far the server's clock when it chose the bookings may be from the ``Date`` of its answer."""


class Rechecks:
    """Leaves out bookings that do not fit the filters of a query, and counts them.

    :param query: what was listed.
    """

    def __init__(self, query: BookingQuery) -> None:
        self._query = query
        self._left_out: dict[str, int] = {}

    def admits(self, booking: Booking, server_time: float | None) -> bool:
        """Return whether a listed booking fits all filters. Call it once for each booking.

        :param booking: as Cal.com sent it.
        :param server_time: the server's clock, a Unix time; None where it is not known, and no status tells of time.
        """
        name = unmet_filter(self._query, booking, server_time)
        if name is not None:
            self._left_out[name] = self._left_out.get(name, 0) + 1
        return name is None and self._query.admits(booking)

    def warn(self) -> None:
        """Log how many bookings were left out for which filter."""
        for name, bookings in self._left_out.items():
            log.warning(
                "%s: Cal.com listed %d bookings that do not fit it, as a server does that ignores this filter. They are"
                " left out",
                name,
                bookings,
            )


def unmet_filter(query: BookingQuery, booking: Booking, server_time: float | None = None) -> str | None:
    """Return the name of the first filter that was sent and that a booking does not fit, or None.

    :param query: what was listed.
    :param booking: as Cal.com sent it.
    :param server_time: the server's clock, a Unix time; None where it is not known, and no status tells of time.
    """
    if query.booking_uid is not None and booking["uid"] != query.booking_uid:
        return "booking_uid"
    if query.event_type_ids and _event_type(booking) not in query.event_type_ids:
        return "event_type_ids"
    if query.attendee_email is not None and not _has_address(booking, query.attendee_email):
        return "attendee_email"
    if query.attendee_name is not None and not _has_name(booking, query.attendee_name):
        return "attendee_name"
    now = None if server_time is None else datetime.fromtimestamp(server_time, timezone.utc)
    if query.status and not any(_STATUSES[status](booking, now) for status in query.status):
        return "status"
    return None


def _event_type(booking: Booking) -> object:
    kind = booking.get("eventType")
    return kind.get("id") if isinstance(kind, Mapping) else booking.get("eventTypeId")


def _has_address(booking: Booking, address: str) -> bool:
    wanted = address_key(address)
    return any(
        wanted == address_key(str(row.get(key) or ""))
        for row in booking["attendees"]
        for key in ("email", "displayEmail")
    )


def _has_name(booking: Booking, name: str) -> bool:
    return any(_folded(name) == _folded(row.get("name")) for row in booking["attendees"])


def _folded(name: Any) -> str:
    return " ".join(str(name or "").casefold().split())


def _is_upcoming(booking: Booking, now: datetime | None) -> bool:
    end = end_of(booking)
    return booking["status"] not in _DEAD and (now is None or end is None or end >= now - _CLOCKS_DIFFER)


def _is_past(booking: Booking, now: datetime | None) -> bool:
    end = end_of(booking)
    return booking["status"] not in _DEAD and (now is None or end is None or end <= now + _CLOCKS_DIFFER)


_STATUSES: Mapping[str, Callable[[Booking, datetime | None], bool]] = {
    "upcoming": _is_upcoming,
    "recurring": lambda booking, now: bool(booking.get("recurringBookingUid")) and _is_upcoming(booking, now),
    "past": _is_past,
    "cancelled": lambda booking, now: booking["status"] in _DEAD,
    "unconfirmed": lambda booking, now: booking["status"] == "pending",
}
