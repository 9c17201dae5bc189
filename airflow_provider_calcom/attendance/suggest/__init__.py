"""What would settle the doubts: changes of the policy or of the data, each tried by running the rules with it.

Nothing is decided here, and nothing is estimated: a suggestion counts the people who would be settled if it were made,
as the rules decide then. A change with which anybody who is present would not be is never suggested.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, zip_longest

from airflow_provider_calcom.attendance.engine import Decided
from airflow_provider_calcom.attendance.errors import InvalidPolicy
from airflow_provider_calcom.attendance.suggest.doubts import collect_doubts
from airflow_provider_calcom.attendance.suggest.feed_end import feed_end_candidates
from airflow_provider_calcom.attendance.suggest.model import Candidate, Effect, Suggestion, Suggestions
from airflow_provider_calcom.attendance.suggest.rooms import room_candidates
from airflow_provider_calcom.attendance.suggest.simulate import Simulation, simulating
from airflow_provider_calcom.attendance.suggest.strangers import stranger_candidates

log = logging.getLogger(__name__)

MOST_BOOKINGS, MOST_ROWS = 20_000, 2_000_000
"""Larger plans get no suggestions: each takes a run of the rules."""

_MOST_RUNS = 12
_ABOUT_PEOPLE = ("alias", "internal_email", "internal_domain", "bot_name")
_HIDDEN = "The entry itself is left out, because this plan names people by hashes."
_MOSTLY_ABSENT = "Most of them would be absent, so a wrong entry makes false no-shows."

__all__ = ["MOST_BOOKINGS", "MOST_ROWS", "Suggestion", "Suggestions", "suggest"]


def suggest(decided: Decided, *, names_people: bool = True) -> Suggestions:
    """Return what would settle the doubts about undetermined people.

    It never fails: where suggestions can't be computed, ``skipped`` says why.

    :param decided: the decisions, while their engine is open; they do not change.
    :param names_people: whether the suggestions may have addresses, names and conference keys.
    """
    undetermined = dict(sorted(decided.figures.outcomes.get("undetermined", {}).items()))
    if not undetermined:
        return Suggestions({})
    if skipped := _too_much(decided):
        return Suggestions(undetermined, skipped=skipped)
    try:
        return Suggestions(undetermined, tuple(_suggestions(decided, undetermined, names_people)))
    except Exception as error:  # a plan is more important than its suggestions
        kind = type(error).__name__
        log.warning("The suggestions for undetermined people could not be computed (%s)", kind)
        return Suggestions(undetermined, skipped=f"The suggestions could not be computed ({kind}).")


def _too_much(decided: Decided) -> str | None:
    if not decided.is_embedded:
        return "Suggestions are not computed where the rules run on a SQL server."
    figures = decided.figures
    for number, limit, of_what in (
        (figures.judged_bookings, MOST_BOOKINGS, "judged bookings"),
        (figures.attendance_rows, MOST_ROWS, "rows of attendance"),
    ):
        if number > limit:
            return f"Suggestions are computed for up to {limit:,} {of_what}, and there are {number:,}."
    return None


def _suggestions(decided: Decided, undetermined: Mapping[str, int], names_people: bool) -> Iterator[Suggestion]:
    with simulating(decided) as simulation:
        found = list(_effects(simulation))
        for reason in sorted(undetermined, key=lambda one: (-undetermined[one], one)):
            of_reason = [
                _suggestion(simulation, candidate, effect, reason, undetermined[reason], names_people)
                for candidate, effect in found
                if reason in effect.settled and not _is_surplus(candidate, effect, reason, found)
            ]
            yield from sorted(of_reason, key=_rank)


def _is_surplus(candidate: Candidate, effect: Effect, reason: str, found: Sequence[tuple[Candidate, Effect]]) -> bool:
    """Return whether one part of a united candidate settles as many people of a reason."""
    settled = effect.settled_of(reason)
    return candidate.parts > 1 and any(
        other.kind == candidate.kind and other.parts == 1 and of_other.settled_of(reason) >= settled
        for other, of_other in found
    )


def _effects(simulation: Simulation) -> Iterator[tuple[Candidate, Effect]]:
    """Yield the candidates that settle somebody, and with which everyone who is present stays so.

    Of the ways to declare the feed complete only the one that settles most is left, and of equals the narrowest.
    """
    ends: list[tuple[Candidate, Effect]] = []
    for candidate in _candidates(simulation):
        try:
            effect = simulation.run(candidate)
        except InvalidPolicy:  # not every string of a feed may be in a policy, such as one with a NUL character
            continue
        if effect.settled and not effect.lost:
            if candidate.kind == "attendance_until":
                ends.append((candidate, effect))
            else:
                yield candidate, effect
    if ends:
        yield max(ends, key=lambda one: (one[1].settled_of("feed_incomplete"), -one[0].parts))


def _candidates(simulation: Simulation) -> Iterator[Candidate]:
    """Yield the first candidate of each kind, then the second ones and so on, up to the limit."""
    by_kind = (
        *stranger_candidates(collect_doubts(simulation), simulation.policy),
        list(feed_end_candidates(simulation)),
        list(room_candidates(simulation)),
    )
    mixed = (candidate for row in zip_longest(*by_kind) for candidate in row if candidate is not None)
    return islice(mixed, _MOST_RUNS)


def _suggestion(
    simulation: Simulation, candidate: Candidate, effect: Effect, reason: str, of: int, names_people: bool
) -> Suggestion:
    becomes = effect.settled[reason]
    is_hidden = not names_people and candidate.kind in _ABOUT_PEOPLE
    mostly_absent = 2 * becomes.get("absent", 0) > sum(becomes.values())
    sentences = [
        f"{candidate.fact}.",
        candidate.detail if names_people else "",
        f"Of {of} people with the reason {reason}, {_listed(becomes)}.",
        _MOSTLY_ABSENT if mostly_absent else "",
        candidate.check,
        _HIDDEN if is_hidden else "",
    ]
    return Suggestion(
        reason=reason,
        kind=candidate.kind,
        settles=sum(becomes.values()),
        of=of,
        becomes=becomes,
        policy=None if is_hidden or not candidate.fields else simulation.policy_with(candidate),
        text=" ".join(filter(None, sentences)),
        bookings=effect.bookings[reason],
    )


def _listed(becomes: Mapping[str, int]) -> str:
    words = [f"{people} would be {outcome}" for outcome, people in becomes.items()]
    return " and ".join(words)


def _rank(suggestion: Suggestion) -> tuple[int, int, str, str]:
    """Order by what is settled; of equals, what finds people present comes before what finds them absent."""
    present = suggestion.becomes.get("present", 0)
    return -suggestion.settles, -present, suggestion.kind, f"{suggestion.text}{suggestion.policy}"
