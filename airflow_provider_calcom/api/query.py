"""Which bookings to list: the filters of Cal.com's lists, typed, and checked once more on our side.

Cal.com drops a misspelt filter in silence and older servers ignore some that they know, so that every date filter
is applied again to what comes back, and the others where a booking tells (:mod:`airflow_provider_calcom.api.rechecks`).
A filter that is given and empty is refused: sent to Cal.com it would be no filter, and list everything.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from airflow_provider_calcom._redact import describe
from airflow_provider_calcom._rendered import value_in
from airflow_provider_calcom.api.endpoints import Params, checked_id, checked_uid, own_bookings
from airflow_provider_calcom.api.errors import InvalidArgument, UnexpectedAnswer
from airflow_provider_calcom.api.models import Booking

STATUSES = ("upcoming", "recurring", "past", "cancelled", "unconfirmed")
"""Cal.com's list statuses. ``past`` includes meetings that were never accepted; ``upcoming`` those under way."""

LARGEST_PAGE = 250

_LONGEST_TEXT = 1_000

_AS_CAL_COM_WRITES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_BEGINS_WITH_A_DATE = re.compile(r"\d{4}-?\d{2}-?\d{2}([T ]|$)")

Instant = datetime | str


@dataclass(frozen=True)
class BookingQuery:
    """A list of bookings.

    Instants are aware datetimes, or ISO 8601 texts with an offset or ``Z``, or dates: the beginning of that day in
    ``zone``. Bounds are inclusive but for ``before_start``.

    :param path: which list, see :func:`airflow_provider_calcom.api.endpoints.own_bookings` and its neighbours.
    None is no filter; an empty list or text is refused.

    :param status: any of :data:`STATUSES`; None means all.
    :param attendee_email: exactly as the booking spells it.
    :param attendee_name: exactly as the booking spells it.
    :param booking_uid: only this booking; ignored by servers of 2025.
    :param event_type_ids: only bookings of these event types.
    :param team_ids: only bookings of these teams.
    :param user_ids: only bookings of these users; on the list of an organisation.
    :param after_start: bookings that start then or later.
    :param before_start: bookings that start earlier than then, and not just then, so that the spans of two runs don't
        overlap. Cal.com has no such filter; it is applied on our side.
    :param before_end: bookings that end then or earlier.
    :param after_created: bookings made then or later. ``before_created``, ``after_updated``, ``before_updated``
        likewise; with any of these four Cal.com's totals are wrong, and completeness can't be proven by them.
    :param zone: the time zone that dates without a time of day are days of, such as ``Europe/Berlin``; None for UTC.
    :raises InvalidArgument: naming the filter.
    """

    path: str = own_bookings()
    status: Sequence[str] | str | None = None
    attendee_email: str | None = field(default=None, repr=False)
    attendee_name: str | None = field(default=None, repr=False)
    booking_uid: str | None = None
    event_type_ids: Sequence[int] | None = None
    team_ids: Sequence[int] | None = None
    user_ids: Sequence[int] | None = None
    after_start: Instant | None = None
    before_start: Instant | None = None
    before_end: Instant | None = None
    after_created: Instant | None = None
    before_created: Instant | None = None
    after_updated: Instant | None = None
    before_updated: Instant | None = None
    zone: str | None = None

    def __post_init__(self) -> None:
        for name in ("attendee_email", "attendee_name", "booking_uid"):
            _check_one_text(getattr(self, name), name)
        if self.status is not None:
            object.__setattr__(self, "status", _statuses(self.status))
        days_of = time_zone(self.zone)
        for name in ("before_start", *(name for name, _ in _INSTANT_FILTERS)):
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else instant(value, name, days_of))
        for name in ("event_type_ids", "team_ids", "user_ids"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _ids(getattr(self, name), name))
        if self.booking_uid is not None:
            object.__setattr__(self, "booking_uid", checked_uid(self.booking_uid))

    @property
    def totals_are_dependable(self) -> bool:
        """Whether ``totalItems`` counts what is listed; it leaves out filters on created and updated."""
        return not any((self.after_created, self.before_created, self.after_updated, self.before_updated))

    @property
    def params(self) -> Params:
        """The query parameters, without paging and order."""
        named = (
            ("status", ",".join(self.status or ())),
            ("attendeeEmail", self.attendee_email),
            ("attendeeName", self.attendee_name),
            ("bookingUid", self.booking_uid),
            ("eventTypeIds", ",".join(map(str, self.event_type_ids or ()))),
            ("teamsIds", ",".join(map(str, self.team_ids or ()))),
            ("userIds", ",".join(map(str, self.user_ids or ()))),
        )
        instants = ((parameter, getattr(self, name)) for name, parameter in _INSTANT_FILTERS)
        return tuple((name, value) for name, value in named if value) + tuple(
            (parameter, as_cal_com_writes(value)) for parameter, value in instants if value is not None
        )

    def ends_before(self, start: datetime) -> bool:
        """Tell whether no booking that starts then or later can fit."""
        return isinstance(self.before_start, datetime) and start >= self.before_start

    def admits(self, booking: Booking) -> bool:
        """Tell whether a booking that came back fits the date filters."""
        return all(
            fits(booking.get(key), bound)
            for key, bound, fits in (
                ("start", self.after_start, _not_before),
                ("start", self.before_start, _before),
                ("end", self.before_end, _not_after),
                ("createdAt", self.after_created, _not_before),
                ("createdAt", self.before_created, _not_after),
                ("updatedAt", self.after_updated, _not_before),
                ("updatedAt", self.before_updated, _not_after),
            )
            if isinstance(bound, datetime)
        )


_INSTANT_FILTERS = (
    ("after_start", "afterStart"),
    ("before_end", "beforeEnd"),
    ("after_created", "afterCreatedAt"),
    ("before_created", "beforeCreatedAt"),
    ("after_updated", "afterUpdatedAt"),
    ("before_updated", "beforeUpdatedAt"),
)


def _ids(value: object, name: str) -> tuple[int, ...]:
    return tuple(checked_id(item, name) for item in _items(value, name))


def _statuses(value: object) -> tuple[object, ...]:
    statuses = _items(value, "status")
    unknown = [status for status in statuses if not isinstance(status, str) or status not in STATUSES]
    if unknown:
        raise InvalidArgument(f"status may hold {', '.join(STATUSES)}, but holds {describe(unknown[0])}")
    return statuses


def _check_one_text(value: object, name: str) -> None:
    if value is None:
        return
    if not isinstance(value, str):
        raise InvalidArgument(f"{name} must be one text, but is a {type(value).__name__}")
    if value.strip() in ("", "None"):
        raise _empty(name, value)
    if len(value) > _LONGEST_TEXT or not _is_sendable(value):
        raise InvalidArgument(
            f"{name} must be a text of {_LONGEST_TEXT:,} characters at most, none of them half a character, but is a"
            f" text of {len(value):,}"
        )
    if value.strip().startswith(("[", "(", "{")):
        try:
            kind = type(value_in(value)).__name__
        except ValueError:
            return
        raise InvalidArgument(f"{name} must be one text, but is the text of a {kind}")


def _is_sendable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _items(value: object, name: str) -> tuple[object, ...]:
    """Read one value, a list of them, or the text of a list: with commas, or as a template renders it.

    :raises InvalidArgument: naming ``name``, if there is nothing in it. No item is left to be a filter, and Cal.com
        would list everything.
    """
    items = _read_items(value)
    if not items or (isinstance(value, str) and not value.strip(" ,")):
        raise _empty(name, value)
    return items


def _empty(name: str, value: object) -> InvalidArgument:
    return InvalidArgument(
        f"{name} is {describe(value)}, which is empty and would list everything. Give a value, or leave {name} out;"
        f" where"
        " the task that it comes from may find none, skip this one (such as by ShortCircuitOperator)"
    )


def _read_items(value: object) -> tuple[object, ...]:
    if isinstance(value, str) and value.strip().startswith(("[", "(")):
        try:
            value = value_in(value)
        except ValueError:
            return (value,)
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(","))
    return tuple(value) if isinstance(value, Iterable) else (value,)


def time_zone(name: object) -> tzinfo:
    """Return the time zone of a name as the operating system or ``tzdata`` has it; UTC for None.

    :raises InvalidArgument: if there is no such zone.
    """
    if name is None:
        return timezone.utc
    try:
        return ZoneInfo(str(name))
    except (ValueError, OSError, KeyError):
        raise InvalidArgument(f"zone must be a time zone such as Europe/Berlin, but is {describe(name)}") from None


def instant(value: Instant, name: str, days_of: tzinfo = timezone.utc) -> datetime:
    """Return an aware UTC datetime.

    :param days_of: the time zone whose day a date without a time of day is; the day's beginning is meant. Where the
        clocks skip midnight there, it is the moment at which they do.
    :raises InvalidArgument: naming ``name``, if the value is no instant or has no offset.
    """
    try:
        moment = value if isinstance(value, datetime) else _from_text(value, days_of)
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise InvalidArgument(
            f"{name} must be an ISO 8601 instant such as 2026-11-20T09:00:00Z, but is {describe(value)}"
        ) from None
    if moment.tzinfo is None:
        raise InvalidArgument(f"{name} must say its offset, such as Z for UTC, but is {describe(value)}")
    try:
        return moment.astimezone(timezone.utc)
    except OverflowError:
        raise InvalidArgument(f"{name} must lie in the years 1 to 9999 of UTC, but is {describe(value)}") from None


def _from_text(text: str, days_of: tzinfo) -> datetime:
    """Read what Cal.com and Airflow write.

    By pendulum, because Python 3.10 knows neither ``Z`` nor fractions of other than 3 or 6 digits. ``tz=None`` keeps
    an instant without an offset naive, in place of pendulum's UTC. What Cal.com writes needs no pendulum, whose import
    takes 0.15 s.
    """
    if _AS_CAL_COM_WRITES.fullmatch(text):
        return datetime.fromisoformat(f"{text[:-1]}+00:00")
    import pendulum

    if not _BEGINS_WITH_A_DATE.match(text.strip()):
        raise ValueError(text)
    moment = pendulum.parse(text.strip(), tz=None)
    if not isinstance(moment, datetime):
        raise ValueError(text)
    is_date = len(text.strip()) <= len("2026-11-20")
    return datetime.combine(moment, time.min, days_of) if is_date else moment


def as_cal_com_writes(moment: Instant) -> str:
    """Write an instant with milliseconds and ``Z``, the precision that Cal.com keeps."""
    return instant(moment, "moment").isoformat(timespec="milliseconds").replace("+00:00", "Z")


def start_of(booking: Booking) -> datetime:
    """Give a booking's start.

    :raises UnexpectedAnswer: if it is no instant.
    """
    return _instant_of(booking["start"])


def end_of(booking: Booking) -> datetime | None:
    """Return a booking's end, or None where it has none.

    :raises UnexpectedAnswer: if it is no instant.
    """
    end = booking.get("end")
    return None if end is None else _instant_of(str(end))


def just_after(moment: datetime) -> datetime:
    """Give the next instant that Cal.com can tell apart."""
    return moment + timedelta(milliseconds=1)


@functools.lru_cache(maxsize=1024)
def _instant_of(value: str) -> datetime:
    """Read an instant of an answer. A booking's start is asked for several times, and has others beside it."""
    try:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UnexpectedAnswer("The answer holds a booking with a text where an instant should be")
    return moment


def _not_before(value: object, bound: datetime) -> bool:
    return value is not None and _instant_of(str(value)) >= bound


def _before(value: object, bound: datetime) -> bool:
    return value is not None and _instant_of(str(value)) < bound


def _not_after(value: object, bound: datetime) -> bool:
    return value is not None and _instant_of(str(value)) <= bound
