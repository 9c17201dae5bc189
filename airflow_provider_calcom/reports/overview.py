"""An overview of several plans over time: rates by week, host and event type, repeat no-shows, and corrections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_provider_calcom import __version__
from airflow_provider_calcom._storage import Folder, atomic_write, folder_path, is_here
from airflow_provider_calcom._timestamps import format_microseconds, microseconds, parse_timestamp
from airflow_provider_calcom.no_shows.plan import InvalidPlanOption
from airflow_provider_calcom.no_shows.plan_files import REPORT, Summary, read_summary, writing
from airflow_provider_calcom.reports import words
from airflow_provider_calcom.reports.assets import render
from airflow_provider_calcom.reports.data import booking_url, categories
from airflow_provider_calcom.reports.load import (
    Row,
    State,
    count_charts,
    plan_tables,
    read_changes,
    read_outcomes,
    state_of,
)
from airflow_provider_calcom.reports.masking import Masks
from airflow_provider_calcom.reports.statistics import wilson

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SCRIPTS = ("core.js", "table.js", "charts.js", "overview.js")
_MOST_REPEATED = 1000


@dataclass(frozen=True)
class _Plan:
    """One of the plans.

    :param place: its folder.
    :param as_of: the moment of its decisions, in microseconds.
    :param outcomes: ``{outcome: changes}``.
    :param changes: its changes with their outcomes.
    """

    place: Any
    summary: Summary
    as_of: int
    state: State
    outcomes: Counter[str]
    changes: list[Row] = field(repr=False)


def write_overview(folders: Iterable[Folder], target: Folder, *, mask_addresses: bool = False) -> Any:
    """Write an overview of several plans as one HTML file.

    A booking of several plans, as of a window that is planned again every day, counts once: as the newest plan decided.

    :param folders: where the plans are, local or in an object store; at least one.
    :param target: the file to write. Reports of plans below its folder are linked.
    :param mask_addresses: whether to mask addresses and names.
    :return: the path of the overview.
    :raises CorruptPlan: if a plan's files are missing or not as they were written.
    :raises InvalidPlanOption: if no folder is given.
    :raises PlanNotWritten: if the overview can't be written.
    """
    path = folder_path(target)
    page = overview_page(folders, path, mask_addresses=mask_addresses)
    with writing(path, "target"), atomic_write(path) as part:
        part.write_text(page, encoding="utf-8", newline="\n")
    return path


def overview_page(folders: Iterable[Folder], target: Any, *, mask_addresses: bool = False) -> str:
    """Return the overview as HTML. Parameters and errors are those of :func:`write_overview`."""
    plans = sorted(map(_read, folders), key=lambda plan: (plan.as_of, str(plan.place)))
    if not plans:
        raise InvalidPlanOption("folders: an overview needs the folder of a plan. Pass at least one")
    masks = Masks(is_on=mask_addresses)
    with plan_tables(*(plan.place for plan in plans)) as connection:
        _keep_newest(connection)
        totals = _totals(connection)
        charts = count_charts(connection, by_week=True)
        repeated = _repeated(connection, masks)
    corrections = _corrections(plans, masks)
    hosts = [replace(one, name=masks.category(one.name)) for one in charts.hosts]
    return render(
        "overview.html",
        _SCRIPTS,
        {
            "plans": [_line(plan, path_to(plan.place, target)) for plan in reversed(plans)],
            "repeated": repeated,
            "corrections": corrections,
            "bookingUrl": next(
                filter(None, (booking_url(plan.summary.get("booking_url")) for plan in reversed(plans))), None
            ),
            "charts": {
                "weeks": categories(charts.days),
                "eventTypes": categories(charts.event_types),
                "hosts": categories(hosts),
                "lateness": sorted(charts.lateness.items()),
            },
            "words": {"reasons": words.REASONS},
        },
        **_head(totals, plans),
        has_charts=bool(charts.days),
        repeated=len(repeated),
        corrections=len(corrections),
        version=__version__,
        contains_addresses=bool(repeated or corrections) and not mask_addresses,
    )


def _read(folder: Folder) -> _Plan:
    place = folder_path(folder)
    summary = read_summary(place)
    outcomes, is_dry_run = read_outcomes(place, summary)
    changes, counts, _ = read_changes(place, summary, outcomes)
    as_of = microseconds(parse_timestamp(str(summary["policy"]["as_of"])))
    return _Plan(place, summary, as_of, state_of(summary, counts, is_dry_run=is_dry_run), counts, changes.rows)


# A plan decides on all people of a booking at once, so of each booking the newest plan's rows count, and no others:
# somebody who left the booking since is not in it any more.
_NEWEST = """CREATE TABLE newest AS
SELECT booking_uid, max(plan) AS plan FROM decisions GROUP BY booking_uid"""


def _keep_newest(connection: DuckDBPyConnection) -> None:
    """Leave only the newest plan's decisions on each booking."""
    connection.execute(_NEWEST)
    for table in ("decisions", "plan_bookings"):
        connection.execute(
            f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM {table} SEMI JOIN newest USING (booking_uid, plan)"
        )


def _totals(connection: DuckDBPyConnection) -> dict[str, Any]:
    found = connection.execute(
        """SELECT
            count(DISTINCT booking_uid) AS bookings,
            count(*) FILTER (role = 'attendee' AND outcome = 'absent') AS absent,
            count(*) FILTER (role = 'attendee' AND outcome = 'present') AS present,
            count(*) FILTER (role = 'attendee' AND outcome = 'undetermined') AS undetermined
        FROM decisions"""
    ).fetchall()[0]
    first, last = connection.execute(
        "SELECT epoch_us(min(start_at)), epoch_us(max(start_at)) FROM plan_bookings"
    ).fetchall()[0]
    names = ("bookings", "absent", "present", "undetermined")
    return {**dict(zip(names, found, strict=True)), "first": first, "last": last}


# Two who share an address are one person here, as for Cal.com.
_REPEATED = f"""
SELECT
    any_value(email) AS email,
    count(DISTINCT booking_uid) FILTER (outcome = 'absent') AS absent,
    count(DISTINCT booking_uid) AS decided,
    epoch_ms(max(start_at) FILTER (outcome = 'absent')) AS last
FROM decisions
LEFT JOIN plan_bookings USING (booking_uid)
WHERE role = 'attendee' AND outcome IN ('absent', 'present') AND email IS NOT NULL
GROUP BY lower(email)
HAVING absent >= 2
ORDER BY absent DESC, decided, email
LIMIT {_MOST_REPEATED}"""


def _repeated(connection: DuckDBPyConnection, masks: Masks) -> list[dict[str, Any]]:
    return [
        {"who": masks.address(email), "absent": absent, "decided": decided, "last": last}
        for email, absent, decided, last in connection.execute(_REPEATED).fetchall()
    ]


def _corrections(plans: list[_Plan], masks: Masks) -> list[dict[str, Any]]:
    """Return the people whom one plan marked and a later one un-marked.

    Of a plan that was applied only what was written counts; one that was rejected marked nobody.
    """
    marked: dict[tuple[str, str, str | None], _Plan] = {}
    found = []
    for plan in plans:
        if plan.state == "rejected":
            continue
        for row in plan.changes:
            if row.outcome not in (None, "applied", "would_apply"):
                continue
            person = (row.booking_uid, row.role, row.email)
            if row.will_be_absent:
                marked[person] = plan
            elif person in marked:
                found.append(
                    {
                        "who": masks.address(row.email),
                        "uid": row.booking_uid,
                        "start": None if row.start_at is None else row.start_at // 1000,
                        "marked": marked.pop(person).as_of // 1000,
                        "removed": plan.as_of // 1000,
                        "reason": row.reason,
                    }
                )
    return found


def _head(totals: dict[str, Any], plans: list[_Plan]) -> dict[str, Any]:
    rate = wilson(totals["absent"], totals["absent"] + totals["present"])
    marks = sum(one.outcome == "applied" and bool(one.will_be_absent) for plan in plans for one in plan.changes)
    first, last = totals["first"], totals["last"]
    if rate.share is None:
        title, lead = "Nobody could be decided yet.", "None of these plans could decide on an attendee."
    else:
        title = f"{_per_cent(rate.share)} of attendees did not come."
        lead = (
            f"{rate.part:,} of {rate.whole:,} on whom it could be decided. In 95 of 100 cases the true share is between"
            f" {_per_cent(rate.low)} and {_per_cent(rate.high)}."
        )
    return {
        "headline": {"title": title, "lead": lead},
        "period": None if first is None else (format_microseconds(first), format_microseconds(last)),
        "plans": len(plans),
        "bookings": totals["bookings"],
        "undetermined": totals["undetermined"],
        "marks": marks,
    }


def _per_cent(share: float) -> str:
    return f"{100 * share:.1f} %" if 0 < share < 0.1 else f"{100 * share:.0f} %"


def _line(plan: _Plan, href: str | None) -> dict[str, Any]:
    word, tone = words.STATES[plan.state]
    counts = plan.summary["changes"]
    return {
        "name": PurePosixPath(str(plan.place)).name or str(plan.place),
        "href": href,
        "asOf": plan.as_of // 1000,
        "state": word,
        "tone": tone,
        "marks": counts["mark_attendees"] + counts["mark_hosts"],
        "removed": counts["unmark_attendees"],
        "written": plan.outcomes["applied"],
        "bookings": plan.summary["judged_bookings"],
    }


def path_to(plan: Any, target: Any) -> str | None:
    """Return the path of a plan's report from the overview's folder, if it is below that and is there; else None."""
    if is_here(plan) != is_here(target):
        return None
    here, there = (_absolute(one) for one in (target, plan))
    if not there.is_relative_to(here.parent) or not (plan / REPORT).exists():
        return None
    return quote(str(there.relative_to(here.parent) / REPORT))


def _absolute(path: Any) -> PurePosixPath:
    """Return a path, or the whole URL of one in an object store, with its folders as parts."""
    return PurePosixPath(str(path.absolute() if is_here(path) else path))
