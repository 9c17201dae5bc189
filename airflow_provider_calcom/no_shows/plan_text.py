"""A plan as a table of text, for logs and terminals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_calcom.no_shows.guard_rails import RailResult
from airflow_provider_calcom.no_shows.plan_files import Change, Summary
from airflow_provider_calcom.no_shows.text_tables import aligned, counts, shortened

if TYPE_CHECKING:
    from airflow_provider_calcom.attendance.feeds import FeedReport

_CHANGE_COLUMNS = ("change", "start", "booking", "who", "reason")
_LONGEST_CELL = 40


def format_plan(
    summary: Summary, changes: Iterable[Change] = (), *, limit: int = 20, with_addresses: bool = False
) -> str:
    """Return a plan as a table for a person.

    :param summary: the plan's.
    :param changes: the plan's; no more than ``limit`` are read.
    :param limit: how many changes the text has at most.
    :param with_addresses: whether the text has addresses, which a log must not have.
    """
    lines = [*aligned(_rows_of_figures(summary)), "", *aligned(_rows_of_rails(summary))]
    shown = [_row_of_change(change, with_addresses) for change in islice(changes, limit)]
    if shown:
        lines += ["", *aligned([_CHANGE_COLUMNS, *shown])]
        more = summary["changes"]["total"] - len(shown)
        lines += [f"and {more} more"] if more else []
    return "\n".join(lines) + "\n"


def format_feed(number: int, report: FeedReport) -> str:
    """Return what was read of a feed as a table for a log.

    :param number: the feed's place in ``attendance``, from 0.
    :param report: the counts of its reading.
    """
    kinds = ", ".join(f"{kind} {rows:,}" for kind, rows in sorted(report.rows_by_kind.items()))
    read = f"{report.records:,} records, {report.rows:,} rows{': ' if kinds else ''}{kinds}"
    rows = [(f"feed {number}", f"{report.feed}: {read}")]
    for name, found in (("skipped", report.skipped), ("notes", report.notes)):
        if found:
            rows.append((name, counts(found.most_common())))
    if report.unreadable_records:
        rows.append(("unreadable", f"{report.unreadable_records:,} records ({report.unreadable_share:.1%})"))
        rows += [("", str(sample)) for sample in report.samples]
    return "\n".join(aligned(rows))


def _rows_of_figures(summary: Summary) -> Iterator[tuple[str, str]]:
    found = summary["changes"]
    if summary["state"] == "refused":
        yield "state", "REJECTED by a guard rail, nothing will be written"
    yield (
        "changes",
        f"{found['total']} in {found['bookings']} bookings: {found['mark_attendees']} attendees and"
        f" {found['mark_hosts']} hosts to mark absent, {found['unmark_attendees']} attendees to un-mark",
    )
    yield "bookings", f"{summary['judged_bookings']} decided as of {summary['policy']['as_of']}"
    if summary["attended_bookings"]:
        yield "left out", f"{summary['attended_bookings']} bookings that the key's user only attends"
    yield (
        "attendance",
        f"{summary['attendance_rows']} rows, complete until {summary['complete_until'] or 'never'}",
    )
    for outcome, reasons in summary["outcomes"].items():
        yield outcome, counts(reasons.items())
    if any(summary["held_back"].values()):
        yield "held back", counts(summary["held_back"].items())


def _rows_of_rails(summary: Summary) -> Iterator[tuple[str, str, str, str]]:
    yield "guard rail", "result", "limit", "figure"
    for fields in summary["guard_rails"]:
        result = RailResult(**fields)
        yield result.name, _mark(result), result.describe_limit(), result.describe_figure()


def _mark(result: RailResult) -> str:
    if not result.is_judged:
        return "off" if result.limit is None else _too_few(result.judged_from or 0)
    return "FAILED" if result.is_tripped else "passed"


def _too_few(judged_from: int) -> str:
    return f"fewer than {judged_from}" if judged_from > 1 else "no bookings"


def _row_of_change(change: Change, with_addresses: bool) -> tuple[str, str, str, str, str]:
    return (
        "absent" if change.will_be_absent else "un-mark",
        f"{change.start_at[:10]} {change.start_at[11:16]}Z",
        shortened(_printable(change.booking_uid), _LONGEST_CELL),
        shortened(_printable(change.email), _LONGEST_CELL) if with_addresses else change.role,
        change.reason,
    )


def _printable(text: str) -> str:
    """Escape what could control a terminal: anyone who books can choose their address."""
    return "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in text)
