"""The wait until bookings have started or ended: what is to be read, what counts of it, and when to read again.

:class:`BookingWait` sends nothing itself, so that a worker and a triggerer drive the same one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypedDict, cast

from airflow_provider_calcom._redact import describe
from airflow_provider_calcom._timestamps import parse_timestamp
from airflow_provider_calcom.api.arguments import checked_uid
from airflow_provider_calcom.api.endpoints import Flow
from airflow_provider_calcom.api.errors import (
    BookingCancelled,
    BookingRescheduled,
    CalComError,
    InvalidArgument,
    UnexpectedAnswer,
)
from airflow_provider_calcom.api.lookups import Found, find_bookings
from airflow_provider_calcom.api.models import Booking
from airflow_provider_calcom.api.query import end_of, start_of

if TYPE_CHECKING:
    from airflow_provider_calcom.api.client import CalComClient

Moment = Literal["start", "end"]
OnCancelled = Literal["fail", "skip", "succeed"]
OnRescheduled = Literal["fail", "skip", "succeed", "follow"]

_NEVER_HELD = ("cancelled", "rejected")
_LONGEST_CHAIN = 100


@dataclass(frozen=True)
class WaitOptions:
    """What is waited for.

    :param moment: until bookings have started, or ended.
    :param grace: seconds after that.
    :param on_cancelled: for a cancelled or rejected booking ``fail``, ``skip`` it, or ``succeed``: it counts as ended.
    :param on_rescheduled: the same for a booking with another uid now, or ``follow``: wait for that one.
    """

    moment: Moment = "end"
    grace: float = 0.0
    on_cancelled: OnCancelled = "fail"
    on_rescheduled: OnRescheduled = "follow"


class KnownBooking(TypedDict):
    """What was read of a requested booking, as plain data.

    ``uids`` has the requested uid and those that it was rescheduled to; ``start`` and ``end`` are those of the last
    one, or None before it was read; ``is_open`` is whether it is waited for.
    """

    uids: list[str]
    start: str | None
    end: str | None
    is_open: bool


class EndedBooking(TypedDict, total=False):
    """A booking in the result. ``followed_from`` is the requested uid, if that was rescheduled to this one."""

    start: str
    end: str | None
    status: str
    followed_from: str


class BookingWait:
    """The state of one wait for bookings.

    :param requested: uids, or what :attr:`known` of an earlier wait returned.
    :param options: what is waited for.
    """

    def __init__(self, requested: Iterable[str] | Mapping[str, KnownBooking | None], options: WaitOptions) -> None:
        self._options = options
        self._known: dict[str, KnownBooking] = {
            uid: {"uids": [uid], "start": None, "end": None, "is_open": True} for uid in requested
        }
        if isinstance(requested, Mapping):
            self._known |= {uid: cast("KnownBooking", dict(one)) for uid, one in requested.items() if one}
        self._unread: set[str] = set()
        self._held: dict[str, EndedBooking] = {}

    @property
    def known(self) -> dict[str, KnownBooking]:
        """What was read, as plain data, by the requested uid."""
        return self._known

    @property
    def next_moment(self) -> float | None:
        """The Unix time at which all bookings have started or ended as far as known, and the grace is over.

        None where nothing is waited for; 0 where a booking was not read yet.
        """
        moments = [self._moment_of(one) for one in self._known.values() if one["is_open"]]
        return max(moments, default=None)

    def _moment_of(self, one: KnownBooking) -> float:
        text = one["start"] if self._options.moment == "start" else one["end"]
        return 0.0 if text is None else parse_timestamp(text).timestamp() + self._options.grace

    def is_over(self, now: float) -> bool:
        """Return whether nothing is waited for any more. Call it right after the bookings were read.

        :param now: the server's clock, as a Unix time.
        """
        moment = self.next_moment
        return moment is None or moment <= now

    def result(self) -> dict[str, EndedBooking]:
        """Return the bookings as they were last read, by their uid, without those that are skipped."""
        return self._held

    # Reading.

    def begin(self) -> None:
        """Begin to read all bookings anew: they may have been moved or cancelled."""
        self._unread = set(self._known)
        self._held = {}

    def to_read(self) -> dict[str, datetime | None]:
        """Return the uids to read now with their starts, where known. Empty once all were read."""
        current = [self._known[uid] for uid in self._known if uid in self._unread]
        return {one["uids"][-1]: None if one["start"] is None else parse_timestamp(one["start"]) for one in current}

    def note(self, found: Found) -> None:
        """Note what was read.

        :param found: bookings by uid, or errors.
        :raises BookingCancelled: if a booking is cancelled, and ``on_cancelled`` is ``fail``.
        :raises BookingRescheduled: if a booking is rescheduled, and ``on_rescheduled`` is ``fail``, or its
            reschedulings lead in a circle.
        :raises CalComError: the error of a booking that can't be read.
        """
        for uid in sorted(self._unread):
            booking = found.get(self._known[uid]["uids"][-1])
            if isinstance(booking, CalComError):
                raise booking
            if booking is not None:
                self._unread.discard(uid)
                self._note_one(uid, booking)

    def _note_one(self, requested: str, booking: Booking) -> None:
        known = self._known[requested]
        start, end = start_of(booking), end_of(booking)
        if end is None and self._options.moment == "end":
            raise UnexpectedAnswer(f"Booking {booking['uid']} has no end. Check it in Cal.com")
        known["start"], known["end"] = start.isoformat(), None if end is None else end.isoformat()
        action = self._action(booking)
        known["is_open"] = action == "wait"
        if action == "follow":
            self._follow(known, booking)
            self._unread.add(requested)
        elif action == "fail":
            raise _never_held(booking)
        elif action != "skip":
            row: EndedBooking = {"start": booking["start"], "end": booking.get("end"), "status": booking["status"]}
            if booking["uid"] != requested:
                row["followed_from"] = requested
            # Where two of the requested bookings are one by now, the first of them counts.
            self._held.setdefault(booking["uid"], row)

    def _action(self, booking: Booking) -> str:
        if booking.get("rescheduledToUid"):
            return self._options.on_rescheduled
        return self._options.on_cancelled if booking["status"] in _NEVER_HELD else "wait"

    @staticmethod
    def _follow(known: KnownBooking, booking: Booking) -> None:
        new = _new_uid(booking)
        if new in known["uids"] or len(known["uids"]) >= _LONGEST_CHAIN:
            raise BookingRescheduled(
                f"Booking {known['uids'][0]} was rescheduled {len(known['uids'])} times, by Cal.com's answers in a"
                " circle or without an end, so it can't be followed. Use the uid of the booking that takes place"
            )
        known["uids"] = [*known["uids"], new]
        known["start"] = known["end"] = None
        known["is_open"] = True


def _new_uid(booking: Booking) -> str:
    try:
        return checked_uid(booking["rescheduledToUid"])
    except InvalidArgument:
        raise UnexpectedAnswer(
            f"Booking {booking['uid']} was rescheduled to {describe(booking['rescheduledToUid'])}, which is not a uid."
            " Check the connection's host"
        ) from None


def _never_held(booking: Booking) -> CalComError:
    if booking.get("rescheduledToUid"):
        return BookingRescheduled(
            f"Booking {booking['uid']} was rescheduled, and is booking {_new_uid(booking)} now. To wait for that one,"
            ' set on_rescheduled="follow"; or skip it by "skip"'
        )
    return BookingCancelled(
        f"Booking {booking['uid']} will not take place: its status is {describe(booking['status'])}. To skip it, set"
        ' on_cancelled="skip". Servers of August 2025 show a rescheduled booking like this as well, without its new uid'
    )


def read_all(wait: BookingWait, *, path: str, client: CalComClient) -> Flow[None]:
    """Read all bookings of a wait anew, following them where requested.

    :param wait: notes what is read.
    :param path: the list to read, as :func:`~airflow_provider_calcom.api.query.list_path` returns it.
    :param client: drives this flow; its clock is the server's.
    :raises CalComError: as :meth:`BookingWait.note`.
    """
    wait.begin()
    while wanted := wait.to_read():
        wait.note(
            (
                yield from find_bookings(
                    wanted, path=path, api_version=client.settings.api_version, now=lambda: client.server_time
                )
            )
        )
