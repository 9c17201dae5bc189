"""The explanation of one booking as data. Timestamps are microseconds since 1970."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from airflow_provider_calcom._timestamps import EARLIEST, LATEST, format_microseconds, microseconds
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.attendance.schema import ATTENDANCE, PEOPLE
from airflow_provider_calcom.attendance.tables.sources import LoadedFile

SOMEBODY = "somebody"
"""Name of a row whose person's name and number were left out or removed, as in a plan with hashed addresses."""

_Facts = TypeVar("_Facts")
_KINDS, _ROLES = (
    next(column.choices for column in table.columns if column.name == name)
    for table, name in ((ATTENDANCE, "kind"), (PEOPLE, "role"))
)
_PLACES = ("meeting", "elsewhere", "outside_window")
_INSTANTS = ("_at", "_start", "_end", "_until", "as_of", "begins", "ends")


@dataclass(frozen=True)
class ExplainedBooking:
    """The booking, its window, when it is judged at the earliest, and the reason why rules 1 to 3 exclude it."""

    booking_uid: str
    status: str | None
    start_at: int
    end_at: int
    rescheduled_to_uid: str | None
    conference_key: str | None
    window_start: int
    window_end: int
    settled_at: int
    excluded_as: str | None


@dataclass(frozen=True)
class FeedSource:
    """One source of the feed: up to where it is complete, or None, whether the policy says so, and has rows here.

    :param source: None for the rows that name none.
    :param has_rows: whether it has a row of this booking's meeting.
    """

    source: str | None
    complete_until: int | None
    is_named: bool
    has_rows: bool


@dataclass(frozen=True)
class Feed:
    """How many rows the whole feed has, and up to where it is complete for this booking.

    :param complete_until: None where it is not complete at all.
    :param needed_until: up to where it must be complete before somebody is absent.
    :param attendance_until: the policy's, where it is one instant for all sources.
    """

    rows: int
    needed_until: int
    as_of: int
    sources: list[FeedSource]
    complete_until: int | None = None
    attendance_until: int | None = None

    @property
    def counting_sources(self) -> list[FeedSource]:
        """The sources that this booking waits for: those with a row of its meeting or named, else all."""
        if any(source.has_rows for source in self.sources):
            return [source for source in self.sources if source.has_rows or source.is_named]
        return self.sources


@dataclass(frozen=True)
class HostSide:
    """The host side: whether it came (None for an excluded booking), and why. One check-in is enough."""

    came: bool | None
    seconds_of_core: float
    needed_seconds: float
    checked_in: bool


@dataclass(frozen=True, kw_only=True)
class ExplainedRow:
    """One row of attendance.

    :param number: its number over all files of attendance.
    :param begins: when it begins for the rules; ``ends`` likewise. ``joined_at`` and ``left_at`` are the feed's.
    :param place: ``meeting`` for a row of the meeting; ``elsewhere`` for one in the window that has somebody's
        address or number, of another meeting or of none; ``outside_window`` for one of the booking's uid, or of its
        conference near the window: within a day, or in a plan's evidence within an hour, and further away if it makes
        a difference.
    :param whose: of a row of the meeting: email, phone, name, internal, bot or unknown_participant.
    :param is_by_participant: whether it is somebody's only by another row of the same participant.
    :param counts_for: for whose presence it counts: their :attr:`PersonExplanation.person`.
    :param trace_of: who left it as a trace.
    :param named_with: whose name it holds a word of, though it is somebody else's (rule 12).
    :param named_elsewhere: whose name it bears in another meeting (rule 13).
    :param at_another_time: for whom it shows that the meeting may have been held at another time (rule 14).
    :param is_evidence: whether it shows that the meeting was held.
    :param is_host_side: whether it counts for the host side.
    :param is_internal: whether it bears an internal address, and is not a bot's.
    :param is_company: whether somebody unknown, or more people than it names, may be behind it (rule 11).
    """

    number: int
    source: str | None = None
    participant: str | None = None
    kind: str
    booking_uid: str | None = None
    conference_key: str | None = None
    email: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    joined_at: int | None = None
    left_at: int | None = None
    begins: int
    ends: int
    place: str
    whose: str | None = None
    is_by_participant: bool = False
    counts_for: list[int] = field(default_factory=list)
    trace_of: list[int] = field(default_factory=list)
    named_with: list[int] = field(default_factory=list)
    named_elsewhere: list[int] = field(default_factory=list)
    at_another_time: list[int] = field(default_factory=list)
    is_evidence: bool = False
    is_host_side: bool = False
    is_internal: bool = False
    is_company: bool = False


@dataclass(frozen=True, kw_only=True)
class PersonExplanation:
    """The decision on one person, and why.

    :param person: the number of the row over all files of people.
    :param outcome: None, like the reason, for a host if hosts are not judged.
    :param rule: the rule's number, or None for those that only hosts have.
    :param why: the rule in a sentence, with the figures that decided it.
    :param rule_before: the number of the rule before it, which did not apply; None where there was none before it, or
        it is one that only hosts have.
    :param why_not_before: why the rule before it did not apply, in a sentence; empty where there was none.
    """

    person: int
    role: str
    email: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    currently_absent: bool
    is_internal: bool
    outcome: str | None = None
    reason: str | None = None
    presence_seconds: float
    first_joined_at: int | None = None
    last_left_at: int | None = None
    rule: int | None = None
    why: str = ""
    rule_before: int | None = None
    why_not_before: str = ""


@dataclass(frozen=True)
class Explanation:
    """The explanation of one booking.

    :param policy: ``as_of`` filled in.
    :param rows: the relevant ones, in order; at most 200, among them those that a reason cites.
    :param rows_in_all: the number of all: ``{place: rows}``.
    :param files: those of attendance; their rows are numbered through.
    """

    booking: ExplainedBooking
    policy: AttendancePolicy
    feed: Feed
    host_side: HostSide
    people: list[PersonExplanation]
    rows: list[ExplainedRow]
    rows_in_all: dict[str, int]
    files: list[LoadedFile]

    @classmethod
    def of(cls, facts: str, policy: AttendancePolicy, files: Sequence[LoadedFile] = ()) -> Explanation:
        """Return the explanation of gathered facts, without sentences.

        :param facts: the JSON that :func:`~.collect.gather` makes.
        :param policy: of the decision, ``as_of`` filled in.
        :param files: those that were read.
        :raises ValueError: if the string is not JSON; and with ``TypeError``, ``KeyError`` or ``AttributeError`` if it
            is not of such facts.
        """
        found = json.loads(facts, parse_constant=_reject)
        feed = found["feed"]
        sources = [_made(FeedSource, source) for source in feed.pop("sources")]
        explanation = cls(
            booking=_made(ExplainedBooking, found["booking"]),
            policy=policy,
            feed=_made(Feed, feed | {"sources": sources}),
            host_side=_made(HostSide, found["host_side"]),
            people=[_made(PersonExplanation, person) for person in found["people"]],
            rows=[_made(ExplainedRow, row) for row in found["rows"]],
            rows_in_all=dict(found["rows_in_all"]),
            files=[file for file in files if file.table == ATTENDANCE.name],
        )
        _check_people(explanation)
        return explanation

    def as_dict(self) -> Any:
        """Return it as JSON values: timestamps as ISO 8601, truncated to milliseconds."""
        return _as_json(asdict(self) | {"policy": self.policy.as_dict()})


def _made(kind: type[_Facts], found: dict[str, Any]) -> _Facts:
    """Make facts of a JSON object, whose values must be of the fields' types.

    :raises TypeError: if one is not, or a field is missing or unknown.
    """
    allowed = _types(kind.__name__)
    for name, value in found.items():
        if type(value) not in allowed[name]:
            raise TypeError
    return kind(**found)


def _reject(constant: str) -> None:
    """Refuse NaN and Infinity, which are no JSON.

    :raises ValueError: always.
    """
    raise ValueError(constant)


@cache
def _types(kind: str) -> dict[str, tuple[type, ...]]:
    """Return the types of the values that the fields of a class may have. In JSON 1.0 may be written as 1."""
    found = {}
    for name, hint in get_type_hints(globals()[kind]).items():
        kinds = get_args(hint) if isinstance(hint, UnionType) else (get_origin(hint) or hint,)
        found[name] = (*kinds, int) if float in kinds else kinds
    return found


def _check_people(explanation: Explanation) -> None:
    """Check that rows name people of the booking, and that what a page looks up is known.

    :raises ValueError: if not.
    """
    people = {person.person for person in explanation.people}
    for row in explanation.rows:
        named = (*row.counts_for, *row.trace_of, *row.named_with, *row.named_elsewhere, *row.at_another_time)
        if not people.issuperset(named) or row.place not in _PLACES or row.kind not in _KINDS:
            raise ValueError
    if any(person.role not in _ROLES for person in explanation.people):
        raise ValueError


def _as_json(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _as_json(value, key) for key, value in value.items()}
    if isinstance(value, list):
        return [_as_json(one) for one in value]
    return format_microseconds(within_years(value)) if isinstance(value, int) and name.endswith(_INSTANTS) else value


def within_years(count: int) -> int:
    """Limit a timestamp to what a datetime can represent: a window may reach beyond the year 9999."""
    return max(microseconds(EARLIEST), min(count, microseconds(LATEST)))
