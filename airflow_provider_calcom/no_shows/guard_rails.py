"""Guard rails: figures of a plan that show a broken feed, or a broken policy, before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_calcom._deprecated import former_names
from airflow_provider_calcom._redact import describe, redact
from airflow_provider_calcom._rendered import parse_json
from airflow_provider_calcom.attendance.errors import AttendanceError

if TYPE_CHECKING:
    from airflow_provider_calcom.attendance.engine import Figures

if not TYPE_CHECKING:
    __getattr__ = former_names(__name__)


class InvalidGuardRails(AttendanceError):
    """A guard rail's limit can't be used. Fix it; the text names the field."""


_MANY_ABSENT = 5
"""Absent people from which on the absence of everyone is suspicious."""


@dataclass(frozen=True)
class GuardRails:
    """Limits beyond which a plan is rejected as a whole. A figure that just meets its limit passes.

    :param max_absent_share: absent / (absent + present), from 0 to 1; 1 switches the guard rail off.
    :param min_sample: people decided absent or present from which on ``max_absent_share`` is evaluated.
    :param max_changes: changes in one plan; None for no limit.
    :param min_matched_share: rows of meetings that belong to a known person (by address, telephone number, name, an
        internal address, or another row of the same participant) / all of them that are not a bot's, from 0 to 1; 0
        switches the guard rail off.
    :param min_matched_sample: such rows from which on ``min_matched_share`` is evaluated.
    :param allow_empty_feed: whether a feed without rows is accepted while there are bookings to be decided.
    :param allow_nobody_present: whether it is accepted that five people or more are absent and nobody is present:
        more likely the feed lost the guests.

    :raises InvalidGuardRails: naming the field, what was received and what is allowed.
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
                raise InvalidGuardRails(f"{name} must be true or false, but is {describe(getattr(self, name))}")

    @classmethod
    def of(cls, source: GuardRails | Mapping[str, Any] | str | None) -> GuardRails:
        """Return guard rails from guard rails, a dict, a JSON string of one, or None for the defaults.

        :param source: fields that are left out take their defaults.
        :raises InvalidGuardRails: also for an unknown field, naming the known ones.
        """
        if isinstance(source, GuardRails):
            return source
        given = _parsed(source) if isinstance(source, str) else source
        if given is None:
            return cls()
        if not isinstance(given, Mapping):
            raise InvalidGuardRails(f"guard_rails must be an object of fields, but is {describe(given)}")
        known = [entry.name for entry in fields(cls)]
        for name in given:
            if name not in known:
                raise InvalidGuardRails(
                    f"guard_rails: {describe(name)} is not a field of the guard rails. The fields: {', '.join(known)}"
                )
        return cls(**given)


@dataclass(frozen=True)
class RailResult:
    """The result of one guard rail for one plan.

    :param name: the field of :class:`GuardRails` that sets the limit.
    :param figure: what was found, or None where there was nothing to divide by.
    :param limit: what is allowed, or None where the guard rail is off.
    :param sample: how many people, rows or bookings the figure was made of; None where that does not matter.
    :param judged_from: the sample from which on the guard rail is evaluated.
    :param is_judged: whether it was evaluated.
    :param is_tripped: whether it failed, so that the plan is rejected.
    """

    name: str
    figure: float | None
    limit: float | None
    sample: int | None
    judged_from: int | None
    is_judged: bool
    is_tripped: bool

    def describe(self) -> str:
        """Return figure and limit in words."""
        few = self.judged_from is not None and self.limit is not None and not self.is_judged
        limit = "no limit" if self.limit is None else f"limit: {self.describe_limit()}"
        return f"{self.name}: {self._words()} ({limit}{f', evaluated from {self.judged_from} on' if few else ''})"

    def describe_limit(self) -> str:
        """Return the limit in words."""
        return "none" if self.limit is None else f"{RAILS[self.name].kind} {_number(self.limit, '')}"

    def describe_figure(self) -> str:
        """Return the figure in a few words, for a table."""
        return self._words(digits=3).removeprefix("a share of ")

    def _words(self, digits: int = 6) -> str:
        figure = _number(self.figure, "nothing", digits)
        return RAILS[self.name].words.format(figure=figure, sample=self.sample)


@dataclass(frozen=True)
class _Measure:
    """What a guard rail compares. The parameters are those of :class:`RailResult`."""

    figure: float | None
    limit: float | None
    sample: int | None = None
    judged_from: int | None = None


@dataclass(frozen=True)
class _Rail:
    """One guard rail; its name is the field of :class:`GuardRails` that sets the limit.

    :param kind: whether the figure must be ``at most`` or ``at least`` the limit.
    :param words: describe ``{figure}`` and ``{sample}`` for a person.
    :param measure: returns what is compared, of the limits, the figures of the decisions, and the number of changes.
    """

    kind: Literal["at most", "at least"]
    words: str
    measure: Callable[[GuardRails, Figures, int], _Measure]

    def evaluate(self, name: str, limits: GuardRails, figures: Figures, changes: int) -> RailResult:
        """Return the result for a plan."""
        found = self.measure(limits, figures, changes)
        has_sample = found.sample is None or found.judged_from is None or found.sample >= found.judged_from
        is_evaluated = found.limit is not None and has_sample
        is_failed = False
        if is_evaluated and found.figure is not None and found.limit is not None:
            is_failed = found.figure > found.limit if self.kind == "at most" else found.figure < found.limit
        return RailResult(name, found.figure, found.limit, found.sample, found.judged_from, is_evaluated, is_failed)


def _absent_share(limits: GuardRails, figures: Figures, changes: int) -> _Measure:
    absent, present = _people(figures, "absent"), _people(figures, "present")
    decided = absent + present
    return _Measure(_share(absent, decided), limits.max_absent_share, decided, limits.min_sample)


def _changes(limits: GuardRails, figures: Figures, changes: int) -> _Measure:
    return _Measure(changes, limits.max_changes)


def _matched_share(limits: GuardRails, figures: Figures, changes: int) -> _Measure:
    rows = figures.rows_of_people
    return _Measure(_share(figures.matched_rows, rows), limits.min_matched_share, rows, limits.min_matched_sample)


def _empty_feed(limits: GuardRails, figures: Figures, changes: int) -> _Measure:
    return _Measure(figures.attendance_rows, None if limits.allow_empty_feed else 1, figures.judged_bookings, 1)


def _nobody_present(limits: GuardRails, figures: Figures, changes: int) -> _Measure:
    limit = None if limits.allow_nobody_present else 1
    return _Measure(_people(figures, "present"), limit, _people(figures, "absent"), _MANY_ABSENT)


RAILS = {
    "max_absent_share": _Rail("at most", "a share of {figure} of {sample} decided people is absent", _absent_share),
    "max_changes": _Rail("at most", "the plan has {figure} changes", _changes),
    "min_matched_share": _Rail(
        "at least", "a share of {figure} of {sample} meeting rows matches a person", _matched_share
    ),
    "allow_empty_feed": _Rail("at least", "attendance has {figure} rows for {sample} bookings", _empty_feed),
    "allow_nobody_present": _Rail(
        "at least", "{figure} people are present beside {sample} absent ones", _nobody_present
    ),
}
"""All guard rails. A new one is a field of :class:`GuardRails` with its check, a measure, an entry here, and a row in
docs/reference/plan-files.md; a figure that is not counted yet is also a line of ``COUNTS`` in attendance/engine.py."""


def evaluate(limits: GuardRails, figures: Figures, changes: int) -> list[RailResult]:
    """Compare a plan's figures with the limits.

    :param limits: the guard rails.
    :param figures: what was counted when the decisions were made.
    :param changes: how many changes the plan has.
    :return: the result of every guard rail.
    """
    return [rail.evaluate(name, limits, figures, changes) for name, rail in RAILS.items()]


def _people(figures: Figures, outcome: str) -> int:
    return sum(figures.outcomes.get(outcome, {}).values())


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _number(value: float | None, none: str, digits: int = 6) -> str:
    return none if value is None else str(value) if isinstance(value, int) else f"{value:.{digits}g}"


def _parsed(text: str) -> Any:
    try:
        return parse_json(text)
    except (ValueError, RecursionError) as error:
        raise InvalidGuardRails(
            f'guard_rails is not JSON: {redact(str(error))}. Pass an object such as {{"max_changes": 50}}'
        ) from None


def _check_share(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise InvalidGuardRails(f"{name} must be a share from 0 to 1 (0.5 for 50 %), but is {describe(value)}")


def _check_count(name: str, value: Any, *, at_least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise InvalidGuardRails(f"{name} must be an integer of at least {at_least}, but is {describe(value)}")
