"""A plan as a table for the terminal of the person who made it: decisions, guard rails, and who would be marked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, tzinfo
from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_calcom.cli._output import aligned, wrapped_note
from airflow_provider_calcom.no_shows.guard_rails import RAILS, RailResult
from airflow_provider_calcom.reports.words import RAILS as WORDS_OF_RAILS
from airflow_provider_calcom.reports.words import REASONS

if TYPE_CHECKING:
    from airflow_provider_calcom.no_shows.plan_files import Change, Summary

_ORDER = ("absent", "present", "undetermined", "excluded")
_MOST_REASONS = 10
_MOST_CHANGES = 5


def summary_lines(
    summary: Summary, changes: Iterable[Change], *, width: int, zone: tzinfo, shown_address: Callable[[str], str]
) -> Iterator[str]:
    """Yield the lines of a plan, with line ends.

    :param summary: the plan's.
    :param changes: the plan's; only the first few are read.
    :param width: columns of the terminal.
    :param zone: of the times.
    :param shown_address: returns how an address is shown.
    """
    yield wrapped_note(_head(summary), width)
    tables = [_outcomes(summary), _rails(summary), _changes(summary, changes, zone, shown_address)]
    for table in filter(None, tables):
        yield "\n"
        yield from (line + "\n" for line in aligned(table, width))


def _head(summary: Summary) -> str:
    marks = summary["changes"]["total"]
    would = f"{marks or 'no'} {'person' if marks == 1 else 'people'} would be marked absent"
    if summary["state"] == "refused":
        would = f"rejected by a guard rail, without which {would}"
    return (
        f"{would[0].upper()}{would[1:]}. {summary['judged_bookings']} bookings were decided on, with"
        f" {summary['attendance_rows']} rows of attendance."
    )


def _outcomes(summary: Summary) -> list[list[str]]:
    counts = [
        (outcome, reason, people)
        for outcome in _ORDER
        for reason, people in sorted(summary["outcomes"].get(outcome, {}).items(), key=lambda pair: -pair[1])
    ]
    rows = [[outcome, str(people), reason, REASONS.get(reason, "")] for outcome, reason, people in counts]
    room = _MOST_REASONS if len(rows) <= _MOST_REASONS else _MOST_REASONS - 1
    shown, rest = rows[:room], counts[room:]
    if rest:
        shown.append(["...", str(sum(people for _, _, people in rest)), f"{len(rest)} more reasons", ""])
    return [["Decision", "People", "Reason", "In words"], *shown]


def _rails(summary: Summary) -> list[list[str]]:
    results = [RailResult(**result) for result in summary["guard_rails"]]
    return [["Guard rail", "Result", "Figure", "Limit", "Of"], *map(_rail, results)]


def _rail(result: RailResult) -> list[str]:
    words = WORDS_OF_RAILS.get(result.name)
    is_share = words is not None and words.is_share
    state = "not evaluated" if not result.is_judged else "FAILED" if result.is_tripped else "passed"
    limit = "none" if result.limit is None else f"{RAILS[result.name].kind} {_figure(result.limit, is_share)}"
    sample = "" if result.sample is None or words is None else f"{result.sample} {words.sample}".strip()
    return [result.name, state, _figure(result.figure, is_share), limit, sample]


def _figure(figure: float | None, is_share: bool) -> str:
    if figure is None:
        return "-"
    return f"{figure:.0%}" if is_share else f"{figure:g}"


def _changes(
    summary: Summary, changes: Iterable[Change], zone: tzinfo, shown_address: Callable[[str], str]
) -> list[list[str]]:
    total = summary["changes"]["total"]
    if not total:
        return []
    shown = [
        [shown_address(change.email), _clock(change.start_at, zone), change.booking_uid]
        for change in islice(changes, _MOST_CHANGES)
    ]
    more = [[f"... and {total - len(shown)} more", "", ""]] if total > len(shown) else []
    return [["Would be marked absent", f"Start ({zone})", "Booking"], *shown, *more]


def _clock(start_at: str, zone: tzinfo) -> str:
    return datetime.fromisoformat(start_at).astimezone(zone).strftime("%Y-%m-%d %H:%M")
