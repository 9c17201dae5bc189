"""The results of planning and applying as one short message: counts, guard rails and failures, but no people."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_calcom._redact import hide
from airflow_provider_calcom.reports.head import numbered
from airflow_provider_calcom.reports.markdown import headline, left_alone, rails
from airflow_provider_calcom.reports.words import OUTCOMES, STATES

MOST_RESULTS = 5
"""Results that one message shows; of the others, as of a mapped task, it has only how many there are."""


@dataclass(frozen=True)
class Message:
    """A message of a run. Its texts have no name, no address and no key.

    :param title: one line.
    :param lines: plain text.
    :param report: URL of the plan's report, or None.
    :param has_changes: whether flags were changed, or would be.
    :param has_problem: whether a plan was rejected, changes failed, or a task or run did.
    """

    title: str
    lines: tuple[str, ...]
    report: str | None = None
    has_changes: bool = False
    has_problem: bool = False

    @property
    def text(self) -> str:
        """The message as lines of plain text, the title first."""
        return "\n".join([self.title, *self.lines, *([f"Report: {self.report}"] if self.report else [])])

    @property
    def html(self) -> str:
        """The message as HTML without its title, which is a mail's subject."""
        link = [f'<a href="{html.escape(self.report)}">Report</a>'] if self.report else []
        return "<br>\n".join([*map(html.escape, self.lines), *link])


@dataclass(frozen=True)
class ResultWords:
    """What a message says of one result.

    :param state: a few words.
    :param lines: the figures.
    :param plan_path: the plan's folder.
    :param has_changes: whether flags were changed, or would be.
    :param has_problem: whether the plan was rejected, or changes failed.
    """

    state: str
    lines: tuple[str, ...]
    plan_path: str
    has_changes: bool
    has_problem: bool


def words_of(result: Any) -> ResultWords | None:
    """Return what a message says of a result, or None if it is not one of this package.

    :param result: what ``PlanNoShowsOperator`` or ``ApplyNoShowsOperator`` returned, or any other value.
    """
    if not isinstance(result, Mapping):
        return None
    try:
        return _of_applying(result) if "calls" in result else _of_a_plan(result)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None  # of another task, or of another version


def message(found: Iterable[ResultWords], *, about: Iterable[str], report: str | None, failed: bool) -> Message:
    """Return one message for the results of a run.

    :param found: of each result.
    :param about: further lines: the error of a task, and which run it is.
    :param report: URL of the report, if there is one result and it has one.
    :param failed: whether the task or the run failed.
    """
    results = list(found)
    lines = [line for one in results[:MOST_RESULTS] for line in one.lines]
    if more := len(results) - MOST_RESULTS:
        lines += [f"and {numbered(more, 'more result')}"] if more > 0 else []
    return Message(
        title=f"No-shows: {_title(results, failed)}",
        lines=tuple(hide(line) for line in (*lines, *about)),
        report=report,
        has_changes=any(one.has_changes for one in results),
        has_problem=failed or any(one.has_problem for one in results),
    )


def _title(results: list[ResultWords], failed: bool) -> str:
    if not results:
        return "failed without a result" if failed else "no result"
    if len(results) == 1:
        return results[0].state + (", and the run failed" if failed and not results[0].has_problem else "")
    problems = sum(one.has_problem for one in results)
    return f"{numbered(len(results), 'result')}, {problems:,} with a problem"


def _of_a_plan(result: Mapping[str, Any]) -> ResultWords:
    is_rejected, total = result["state"] == "refused", int(result["changes"]["total"])
    state = _state("rejected") if is_rejected else _state("nothing") if not total else "the plan is ready"
    lines = [headline(result), rails(result), *left_alone(result)]
    return ResultWords(
        state,
        tuple(line.replace("**", "") for line in lines),
        plan_path=str(result["plan_path"]),
        has_changes=total > 0,
        has_problem=is_rejected,
    )


def _of_applying(result: Mapping[str, Any]) -> ResultWords:
    counts = {name: int(count) for name, count in result["outcomes"].items() if count}
    failed = counts.get("failed", 0) + counts.get("not_permitted", 0)
    changed = counts.get("applied", 0) + counts.get("would_apply", 0)
    state = "partly" if failed else "dry_run" if result["dry_run"] else "applied" if changed else "nothing"
    outcomes = ", ".join(f"{OUTCOMES.get(name, name).lower()} {count:,}" for name, count in counts.items())
    changes = f"{numbered(int(result['changes']), 'change')} in {numbered(int(result['bookings']), 'booking')}"
    return ResultWords(
        _state(state),
        (f"{changes}: {outcomes or 'none'}", f"Mark-absent calls: {int(result['calls']):,}"),
        plan_path=str(result["plan_path"]),
        has_changes=changed > 0,
        has_problem=failed > 0,
    )


def _state(name: str) -> str:
    return STATES[name][0].lower()
