"""Which bookings to list: the filters of Cal.com's lists, typed, and checked once more on our side.

Cal.com drops a misspelt filter without an error and older servers ignore some that they know, so that every date filter
is applied again to what comes back, and the others where a booking shows them (:class:`Rechecks`).
A filter that is given and empty is refused: sent to Cal.com it would be no filter, and list everything.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from airflow_provider_calcom._redact import describe
from airflow_provider_calcom._rendered import parse_value
from airflow_provider_calcom._timestamps import Timestamp, format_timestamp, parse_timestamp_or_date
from airflow_provider_calcom.api.arguments import checked_id, checked_uid, parse_argument
from airflow_provider_calcom.api.errors import InvalidArgument, UnexpectedAnswer
from airflow_provider_calcom.api.models import Booking, Params, normalize_email

log = logging.getLogger(__name__)

STATUSES = ("upcoming", "recurring", "past", "cancelled", "unconfirmed")
"""Cal.com's list statuses. ``past`` includes meetings that were never accepted; ``upcoming`` those under way."""

LARGEST_PAGE = 250

_LONGEST_TEXT = 1_000


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


def list_path(
    organization_id: int | str | None = None, team_id: int | str | None = None, user_id: int | str | None = None
) -> str:
    """Return the path of a list of bookings.

    :param organization_id: an organisation whose admin the key's user is. Defaults to the key's user's own bookings.
    :param team_id: a team; with ``organization_id``, a team of the organisation.
    :param user_id: a member of ``organization_id``.
    :raises InvalidArgument: naming the parameters, if they can't be combined.
    """
    if user_id is not None and (organization_id is None or team_id is not None):
        raise InvalidArgument("user_id goes with organization_id, and not with team_id")
    if organization_id is None:
        return own_bookings() if team_id is None else team_bookings(team_id)
    if team_id is not None:
        return organization_team_bookings(organization_id, team_id)
    if user_id is not None:
        return organization_user_bookings(organization_id, user_id)
    return organization_bookings(organization_id)


def _below_organization(organization_id: int | str) -> str:
    return f"/organizations/{checked_id(organization_id, 'organization_id')}"


@dataclass(frozen=True)
class BookingQuery:
    """A list of bookings.

    Timestamps are aware datetimes, or ISO 8601 strings with an offset or ``Z``, or dates: the beginning of that day in
    ``zone``. Bounds are inclusive but for ``before_start``.

    :param path: which list, as :func:`own_bookings` and its neighbours return it. For all other fields None is not a
        filter, and an empty list or string is refused.
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
    after_start: Timestamp | None = None
    before_start: Timestamp | None = None
    before_end: Timestamp | None = None
    after_created: Timestamp | None = None
    before_created: Timestamp | None = None
    after_updated: Timestamp | None = None
    before_updated: Timestamp | None = None
    zone: str | None = None

    def __post_init__(self) -> None:
        for name in ("attendee_email", "attendee_name", "booking_uid"):
            _check_one_text(getattr(self, name), name)
        if self.status is not None:
            object.__setattr__(self, "status", _statuses(self.status))
        days_of = time_zone(self.zone)
        for name in ("before_start", *(name for name, _ in _TIMESTAMP_FILTERS)):
            value = getattr(self, name)
            object.__setattr__(
                self, name, None if value is None else parse_argument(name, parse_timestamp_or_date, value, days_of)
            )
        for name in ("event_type_ids", "team_ids", "user_ids"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _ids(getattr(self, name), name))
        if self.booking_uid is not None:
            object.__setattr__(self, "booking_uid", checked_uid(self.booking_uid))

    @property
    def totals_are_dependable(self) -> bool:
        """True if ``totalItems`` counts what is listed; it leaves out filters on created and updated."""
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
        timestamps = ((parameter, getattr(self, name)) for name, parameter in _TIMESTAMP_FILTERS)
        return tuple((name, value) for name, value in named if value) + tuple(
            (parameter, format_timestamp(value)) for parameter, value in timestamps if value is not None
        )

    def ends_before(self, start: datetime) -> bool:
        """Return whether no booking that starts then or later can fit."""
        return isinstance(self.before_start, datetime) and start >= self.before_start

    def admits(self, booking: Booking) -> bool:
        """Return whether a listed booking fits the date filters."""
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


_TIMESTAMP_FILTERS = (
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
        raise InvalidArgument(f"{name} must be one string, but is a {type(value).__name__}")
    if value.strip() in ("", "None"):
        raise _empty(name, value)
    if len(value) > _LONGEST_TEXT or not _is_sendable(value):
        raise InvalidArgument(
            f"{name} must be a string of at most {_LONGEST_TEXT:,} characters without unpaired surrogates, but is a"
            f" string of {len(value):,}"
        )
    if value.strip().startswith(("[", "(", "{")):
        try:
            kind = type(parse_value(value)).__name__
        except ValueError:
            return
        raise InvalidArgument(f"{name} must be one string, but is the string of a {kind}")


def _is_sendable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _items(value: object, name: str) -> tuple[object, ...]:
    """Parse one value, a list of them, or the string of a list: with commas, or as a template renders it.

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
            value = parse_value(value)
        except ValueError:
            return (value,)
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(","))
    return tuple(value) if isinstance(value, Iterable) else (value,)


def time_zone(name: object) -> tzinfo:
    """Return the time zone of a name; UTC for None.

    pendulum brings the database of zones with it, which slim images of Linux lack.

    :raises InvalidArgument: if there is no such time zone.
    """
    if name is None:
        return UTC
    import pendulum  # takes 0.1 s, and only requests with a zone need it

    try:
        return pendulum.timezone(str(name))
    except (ValueError, OSError, KeyError):
        raise InvalidArgument(f"zone must be a time zone such as Europe/Berlin, but is {describe(name)}") from None


def start_of(booking: Booking) -> datetime:
    """Return a booking's start.

    :raises UnexpectedAnswer: if it is not a timestamp.
    """
    return _timestamp_of(booking["start"])


def end_of(booking: Booking) -> datetime | None:
    """Return a booking's end, or None where it has none.

    :raises UnexpectedAnswer: if it is not a timestamp.
    """
    end = booking.get("end")
    return None if end is None else _timestamp_of(str(end))


def just_after(moment: datetime) -> datetime:
    """Return the next timestamp at Cal.com's precision of milliseconds."""
    return moment + timedelta(milliseconds=1)


@functools.lru_cache(maxsize=1024)
def _timestamp_of(value: str) -> datetime:
    """Parse a timestamp of a response. A booking's start is used several times, and other bookings start then, too."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UnexpectedAnswer("The response has a booking with a string where a timestamp should be")
    return moment


def _not_before(value: object, bound: datetime) -> bool:
    return value is not None and _timestamp_of(str(value)) >= bound


def _before(value: object, bound: datetime) -> bool:
    return value is not None and _timestamp_of(str(value)) < bound


def _not_after(value: object, bound: datetime) -> bool:
    return value is not None and _timestamp_of(str(value)) <= bound


# Filters that a server may ignore.

_DEAD = ("cancelled", "rejected")
_CLOCKS_DIFFER = timedelta(minutes=5)
"""How far the server's clock when it chose the bookings may be from the ``Date`` of its response."""


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
        :param server_time: the server's clock, a Unix time; None where it is not known, and no status depends on it.
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
    :param server_time: the server's clock, a Unix time; None where it is not known, and no status depends on it.
    """
    if query.booking_uid is not None and booking["uid"] != query.booking_uid:
        return "booking_uid"
    if query.event_type_ids and _event_type(booking) not in query.event_type_ids:
        return "event_type_ids"
    if query.attendee_email is not None and not _has_address(booking, query.attendee_email):
        return "attendee_email"
    if query.attendee_name is not None and not _has_name(booking, query.attendee_name):
        return "attendee_name"
    now = None if server_time is None else datetime.fromtimestamp(server_time, UTC)
    if query.status and not any(_STATUSES[status](booking, now) for status in query.status):
        return "status"
    return None


def _event_type(booking: Booking) -> object:
    kind = booking.get("eventType")
    return kind.get("id") if isinstance(kind, Mapping) else booking.get("eventTypeId")


def _has_address(booking: Booking, address: str) -> bool:
    wanted = normalize_email(address)
    return any(
        wanted == normalize_email(str(row.get(key) or ""))
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
