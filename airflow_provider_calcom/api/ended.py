"""Which bookings have ended since the last look: how they are listed, and the cursor by which none comes twice.

Cal.com's lists have a filter ``beforeEnd`` and none for bookings that ended after a time. So the bookings of the last
days are listed by their start, and the cursor chooses. Nothing here sends anything itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypedDict

from airflow_provider_calcom._timestamps import format_timestamp, parse_timestamp
from airflow_provider_calcom.api import listing
from airflow_provider_calcom.api.arguments import is_uid
from airflow_provider_calcom.api.endpoints import Flow
from airflow_provider_calcom.api.models import Booking
from airflow_provider_calcom.api.query import LARGEST_PAGE, BookingQuery, end_of, start_of

LONGEST_BOOKING = timedelta(days=1)
"""Bookings that are longer are not found: each look would have to list as many more days."""

MOST_REMEMBERED = 20_000
"""Bookings in a cursor, which is written to Airflow's database after each look."""

_TAKES_PLACE = "accepted"
_PRECISION = timedelta(milliseconds=1)


class EndedBooking(TypedDict):
    """A booking that has ended, as plain data."""

    uid: str
    start: str
    end: str


@dataclass(frozen=True, order=True)
class Ended:
    """A booking that has ended. Bookings are ordered by their end."""

    end: datetime
    uid: str
    start: datetime

    def shown(self) -> EndedBooking:
        """Return it as plain data, without addresses."""
        return {"uid": self.uid, "start": format_timestamp(self.start), "end": format_timestamp(self.end)}


@dataclass(frozen=True)
class Cursor:
    """Which bookings have been reported.

    :param since: bookings that ended then or earlier are done with.
    :param reported: uids of reported bookings that ended later, each with the end that was reported.
    """

    since: datetime
    reported: Mapping[str, datetime]

    @classmethod
    def of(cls, stored: Any) -> Cursor:
        """Return the cursor that :meth:`stored` returned.

        :raises ValueError: if it is none, as one of another version.
        """
        try:
            reported = {str(uid): parse_timestamp(end) for uid, end in stored["reported"].items()}
            return cls(parse_timestamp(stored["since"]), reported)
        except (KeyError, TypeError, AttributeError, ValueError):
            pass
        raise ValueError("is not a cursor")

    def stored(self) -> dict[str, Any]:
        """Return it as plain data."""
        reported = {uid: format_timestamp(end) for uid, end in self.reported.items()}
        return {"since": format_timestamp(self.since), "reported": reported}

    def take(
        self, found: Iterable[Ended], *, until: datetime, overlap: timedelta, most: int
    ) -> tuple[list[Ended], Cursor]:
        """Return the bookings to report, in the order of their ends, and the cursor to go on with once they are.

        A booking whose end is another one than was reported is reported again: it was moved.

        :param found: all bookings that ended after :attr:`since` and not after ``until``; more do no harm.
        :param until: bookings that end later are left for the next time.
        :param overlap: how long before ``until`` a booking may have ended that was not listed before, to be reported.
        :param most: of more bookings, those that ended last are left for the next time.
        """
        new = sorted(one for one in found if self.since < one.end <= until and self.reported.get(one.uid) != one.end)
        batch, left = new[:most], new[most:]
        reported = {**self.reported, **{one.uid: one.end for one in batch}}
        # What is left must stay after the cursor, whatever the overlap.
        latest = min(left[0].end - _PRECISION, until) if left else until
        since = max(self.since, latest - overlap)
        if len(reported) > MOST_REMEMBERED:
            since = max(since, min(latest, sorted(reported.values())[-MOST_REMEMBERED - 1]))
        return batch, Cursor(since, {uid: end for uid, end in reported.items() if end > since})


def list_ended(*, path: str, api_version: str | None, since: datetime, until: datetime) -> Flow[list[Ended]]:
    """Return the accepted bookings that ended after a time, and not after another one, each once.

    A booking that was cancelled, rejected or rescheduled did not take place; neither did one that nobody accepted.

    :param path: the list to read, as :func:`~airflow_provider_calcom.api.query.list_path` returns it.
    :param api_version: the client's ``cal-api-version``, or None.
    :param since: bookings of at most :data:`LONGEST_BOOKING` are found.
    :param until: inclusive.
    :raises CalComError: if the list can't be read, or its pages go on disagreeing.
    """
    query = BookingQuery(path=path, after_start=since - LONGEST_BOOKING, before_end=until)
    walk = listing.walk(query, page_size=LARGEST_PAGE, api_version=api_version)
    ended: list[Ended] = []
    try:
        while (page := (yield from listing.next_found(walk))) is not None:
            ended.extend(one for one in map(_ended, page) if one is not None and one.end > since)
    finally:
        walk.close()
    return ended


def _ended(booking: Booking) -> Ended | None:
    end = end_of(booking)
    # A uid of another shape can't be read or marked by any call, and is shown nowhere.
    if booking["status"] != _TAKES_PLACE or end is None or not is_uid(booking["uid"]):
        return None
    return Ended(end, booking["uid"], start_of(booking))
