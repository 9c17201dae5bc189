"""Read many bookings by their uids: in pages of the list where that takes fewer calls, the others one by one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from airflow_provider_calcom._redact import redact
from airflow_provider_calcom.api import endpoints, listing
from airflow_provider_calcom.api.endpoints import Flow
from airflow_provider_calcom.api.errors import (
    AccessRefused,
    CalComError,
    ListingIncomplete,
    PermissionDenied,
    TransportError,
    UnexpectedAnswer,
)
from airflow_provider_calcom.api.models import Booking
from airflow_provider_calcom.api.query import BookingQuery, start_of

log = logging.getLogger(__name__)

Found = dict[str, Booking | CalComError]
"""Bookings by uid, or for each the error with which Cal.com responded."""

_FEW = 3
"""Bookings up to which single calls take no more time than pages."""

_PAGE_SIZE = 250
_RECENT = timedelta(days=1)
"""Where nothing is known of the bookings' starts, the list is read from this long ago on."""


def find_bookings(
    wanted: Mapping[str, datetime | None], *, path: str, api_version: str | None, now: Callable[[], float]
) -> Flow[Found]:
    """Return the bookings of some uids, whatever their status.

    Pages are read at most half as many as bookings are wanted. What they do not have, such as a booking of another
    user, or one that was moved, is read by a call of its own.

    :param wanted: ``{uid: its start when it was last read}``; None where it is not known.
    :param path: the list to read, as :func:`~airflow_provider_calcom.api.query.list_path` returns it.
    :param api_version: the client's ``cal-api-version``, or None.
    :param now: returns the server's clock, as a Unix time.
    :raises CalComError: if the connection, or the list as a whole, can't be used. An error of one booking is in the
        result instead.
    """
    found: Found = {}
    if len(wanted) > _FEW:
        yield from _find_in_list(wanted, found, path, api_version, now)
    for uid in wanted:
        if uid not in found:
            found[uid] = yield from _read_one(uid)
    return found


def _find_in_list(
    wanted: Mapping[str, datetime | None], found: Found, path: str, api_version: str | None, now: Callable[[], float]
) -> Flow[None]:
    starts = {uid: start for uid, start in wanted.items() if start is not None}
    since = min(starts.values(), default=None)
    unknown = next((uid for uid in wanted if uid not in starts), None)
    if unknown is not None:
        # One call shows the server's clock, and where in the list the others may be: a task often lists them in order.
        found[unknown] = one = yield from _read_one(unknown)
        recent = datetime.fromtimestamp(now(), UTC) - _RECENT
        since = min(recent, since or recent, recent if isinstance(one, CalComError) else start_of(one))

    def next_start(moment: datetime) -> datetime | None:
        if unknown is not None:
            return moment
        left = (start for uid, start in starts.items() if uid not in found and start >= moment)
        return min(left, default=None)

    walk = listing.walk(
        BookingQuery(path=path, after_start=since), page_size=_PAGE_SIZE, api_version=api_version, next_start=next_start
    )
    try:
        for _ in range(max(1, len(wanted) // 2)):
            page = yield from listing.next_found(walk)
            if page is None:
                break
            found.update((booking["uid"], booking) for booking in page if booking["uid"] in wanted)
            if len(found) == len(wanted):
                break
    except ListingIncomplete as error:
        log.warning("Bookings that the list leaves out are read one by one: %s", error)
    finally:
        walk.close()


def _read_one(uid: str) -> Flow[Booking | CalComError]:
    try:
        reading = yield endpoints.read_booking(uid)
    except CalComError as error:
        is_of_connection = isinstance(error, AccessRefused) and not isinstance(error, PermissionDenied)
        if is_of_connection or isinstance(error, TransportError):
            raise
        return error
    booking: Booking = reading.booking
    if booking["uid"] != uid:
        return UnexpectedAnswer(
            f"Booking {uid} was requested, and the server responded with booking {redact(str(booking['uid'])[:100])}."
            " Check the connection's host"
        )
    return booking
