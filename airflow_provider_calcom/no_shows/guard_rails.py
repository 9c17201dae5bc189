"""Guard rails: figures of a plan that tell a broken feed, or a broken policy, before anything is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom._redact import describe, redact
from airflow_provider_calcom.attendance.errors import AttendanceError

if TYPE_CHECKING:
    from airflow_provider_calcom.attendance.engine import Figures


class InvalidRails(AttendanceError):
    """A guard rail's limit can't be used. Fix it; the text names the field."""


_MANY_ABSENT = 5
"""Absent people from which on it is suspicious that nobody is present."""


@dataclass(frozen=True)
class GuardRails:
    """Limits beyond which a plan is refused as a whole. A figure that just meets its limit passes.

    :param max_absent_share: absent / (absent + present), from 0 to 1; 1 switches the rail off.
    :param min_sample: people decided absent or present from which on ``max_absent_share`` is judged.
    :param max_changes: changes in one plan; None for no limit.
    :param min_matched_share: attendance rows of a judged meeting that are somebody's (by address, telephone, name, an
        internal address, or another row of the same participant) / all of them that are not a bot's, from 0 to 1; 0
        switches the rail off.
    :param min_matched_sample: such rows from which on ``min_matched_share`` is judged.
    :param allow_empty_feed: whether a feed without rows is believed while there are bookings to be judged.
    :param allow_nobody_present: whether it is believed that five people or more are absent and nobody is present:
        more likely the feed lost the guests.

    :raises InvalidRails: naming the field, what came and what is wanted.
    """

    max_absent_share: float = 0.5
    min_sample: int = 20
    max_changes: int | None = None
    min_matched_share: float = 0.3
    min_matched_sample: int = 20
    allow_empty_feed: bool = False
    allow_nobody_present: bool = False

    def __post_init__(self) -> None:
        for name in ("max_absent_share", "min_matched_share"):
            _check_share(name, getattr(self, name))
        for name in ("min_sample", "min_matched_sample"):
            _check_count(name, getattr(self, name), at_least=1)
        if self.max_changes is not None:
            _check_count("max_changes", self.max_changes, at_least=0)
        for name in ("allow_empty_feed", "allow_nobody_present"):
            if not isinstance(getattr(self, name), bool):
                raise InvalidRails(f"{name} must be true or false, but is {describe(getattr(self, name))}")

    @classmethod
    def of(cls, source: GuardRails | Mapping[str, Any] | str | None) -> GuardRails:
        """Make guard rails of what a user gives: guard rails, a dict, a JSON text of one, or None for the defaults.

        :param source: fields that are left out take their defaults.
        :raises InvalidRails: also for a field that there is not, naming those that there are.
        """
        if isinstance(source, GuardRails):
            return source
        given = _parsed(source) if isinstance(source, str) else source
        if given is None:
            return cls()
        if not isinstance(given, Mapping):
            raise InvalidRails(f"guard_rails must be an object of fields, but is {describe(given)}")
        known = [entry.name for entry in fields(cls)]
        for name in given:
            if name not in known:
                raise InvalidRails(
                    f"guard_rails: {describe(name)} is no guard rail's field. The fields: {', '.join(known)}"
                )
        return cls(**given)


@dataclass(frozen=True)
class RailResult:
    """What one guard rail said of one plan.

    :param name: the field of :class:`GuardRails` that moves it.
    :param figure: what was found, or None where there was nothing to divide by.
    :param limit: what was allowed, or None where the rail is off.
    :param sample: how many people, rows or bookings the figure was made of; None where that is no question.
    :param judged_from: the sample from which on the rail is judged.
    :param is_judged: whether it was.
    :param is_tripped: whether it refuses the plan.
    """

    name: str
    figure: float | None
    limit: float | None
    sample: int | None
    judged_from: int | None
    is_judged: bool
    is_tripped: bool

    def told(self) -> str:
        """Tell figure and limit in words."""
        figure = _number(self.figure, "nothing")
        words = _WORDS[self.name].format(figure=figure, limit=_number(self.limit, "no limit"), sample=self.sample)
        few = self.judged_from is not None and self.limit is not None and not self.is_judged
        return f"{self.name}: {words}" + (f" (judged from {self.judged_from} on)" if few else "")


_WORDS = {
    "max_absent_share": "of {sample} people who came or did not, a share of {figure} is absent; at most: {limit}",
    "max_changes": "the plan has {figure} changes; at most: {limit}",
    "min_matched_share": "of {sample} rows of the meetings, a share of {figure} is somebody's; at least: {limit}",
    "allow_nobody_present": "beside {sample} people who are absent, {figure} are present; at least: {limit}",
    "allow_empty_feed": "attendance has {figure} rows for {sample} bookings to be judged; at least: {limit}",
}


def judge(rails: GuardRails, figures: Figures, changes: int) -> list[RailResult]:
    """Hold a plan's figures against their limits; every rail is in the answer.

    :param figures: what was counted when the decisions were made.
    :param changes: how many changes there are to be.
    """
    absent, present = (sum(figures.outcomes.get(outcome, {}).values()) for outcome in ("absent", "present"))
    decided = absent + present
    matched, rows = figures.matched_rows, figures.rows_of_people
    return [
        _at_most("max_absent_share", _share(absent, decided), rails.max_absent_share, decided, rails.min_sample),
        _at_most("max_changes", changes, rails.max_changes),
        _at_least("min_matched_share", _share(matched, rows), rails.min_matched_share, rows, rails.min_matched_sample),
        _at_least(
            "allow_empty_feed",
            figures.attendance_rows,
            None if rails.allow_empty_feed else 1,
            figures.judged_bookings,
            1,
        ),
        _at_least("allow_nobody_present", present, None if rails.allow_nobody_present else 1, absent, _MANY_ABSENT),
    ]


def _number(value: float | None, none: str) -> str:
    return none if value is None else str(value) if isinstance(value, int) else f"{value:.6g}"


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _at_most(
    name: str, figure: float | None, limit: float | None, sample: int | None = None, judged_from: int | None = None
) -> RailResult:
    is_judged = _is_judged(limit, sample, judged_from)
    is_tripped = is_judged and figure is not None and limit is not None and figure > limit
    return RailResult(name, figure, limit, sample, judged_from, is_judged, is_tripped)


def _at_least(name: str, figure: float | None, limit: float | None, sample: int, judged_from: int) -> RailResult:
    is_judged = _is_judged(limit, sample, judged_from)
    is_tripped = is_judged and figure is not None and limit is not None and figure < limit
    return RailResult(name, figure, limit, sample, judged_from, is_judged, is_tripped)


def _is_judged(limit: float | None, sample: int | None, judged_from: int | None) -> bool:
    return limit is not None and (sample is None or judged_from is None or sample >= judged_from)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRails(
            f'guard_rails is not JSON: {redact(str(error))}. Give an object such as {{"max_changes": 50}}'
        ) from None


def _check_share(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise InvalidRails(f"{name} must be a share from 0 to 1 (0.5 for 50 %), but is {describe(value)}")


def _check_count(name: str, value: Any, *, at_least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise InvalidRails(f"{name} must be a whole number of at least {at_least}, but is {describe(value)}")
