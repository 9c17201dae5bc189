"""Up to which timestamp the feeds of a plan are complete, and warnings where they seem not to be.

The rules decide it for each booking, by the sources that have a row of its meeting. Only a feed that was fetched from
Cal.com just now has an end that its rows do not show. A query is not such a feed: its rows
were loaded by another program, at a time that is not known here.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, cast

from airflow_provider_calcom._timestamps import format_microseconds, format_timestamp, microseconds, parse_timestamp

if TYPE_CHECKING:
    from airflow_provider_calcom.attendance.engine import Decided
    from airflow_provider_calcom.attendance.policy import AttendancePolicy
    from airflow_provider_calcom.no_shows.inputs import FeedInput

log = logging.getLogger(__name__)


def with_fetched_ends(policy: AttendancePolicy, feeds: Sequence[FeedInput], fetched_at: datetime) -> AttendancePolicy:
    """Return the policy with the ends of the feeds that were fetched, unless it has them.

    :param policy: of the plan, its ``as_of`` filled in.
    :param feeds: what was read.
    :param fetched_at: when the fetching began. What Cal.com reports of its own rooms lacks nothing from before.
    """
    sources = [feed.feed for feed in feeds if feed.is_fetched]
    if not sources or isinstance(policy.attendance_until, datetime):
        return policy
    named = policy.attendance_until if isinstance(policy.attendance_until, Mapping) else {}
    # Not later than as_of, so that a plan as of a past day is the same whenever it is made.
    end = min(fetched_at, _as_of(policy))
    return replace(policy, attendance_until={**dict.fromkeys(sources, end), **named})


def warn_of_early_ends(decided: Decided, feeds: Sequence[FeedInput], before_start: datetime | None) -> None:
    """Log where feeds are empty, or end before the last of the requested bookings can have started.

    :param decided: the decisions.
    :param feeds: what was read; empty where attendance was given as a table.
    :param before_start: the filter by which the bookings were listed, or None.
    """
    empty = sum(not feed.rows and not feed.is_fetched for feed in feeds)
    if empty:
        log.warning("%d of %d feeds of attendance have no rows. Were they loaded?", empty, len(feeds))
    if before_start is None:
        return
    requested = microseconds(min(parse_timestamp(format_timestamp(before_start)), _as_of(decided.policy)))
    ends = _ends(decided)
    early = [end for end in ends if end is None or end < requested]
    if early:
        first = min(early, key=lambda end: -1 if end is None else end)
        log.warning(
            "%d of %d sources of attendance end before %s, the end of the requested bookings; the earliest at %s. Of a"
            " booking whose sources are not complete nobody is called absent (feed_incomplete). If they are complete,"
            " set the policy's attendance_until",
            len(early),
            len(ends),
            format_microseconds(requested),
            "no time at all" if first is None else format_microseconds(first),
        )


def warn_of_other_days(feeds: Sequence[FeedInput], after_start: datetime | None) -> None:
    """Log where feeds end before the first of the requested bookings can have started.

    Said even where the policy's ``attendance_until`` promises that they are complete: more likely they are the reports
    of other days.

    :param feeds: what was read; empty where attendance was given as a table.
    :param after_start: the filter by which the bookings were listed, or None.
    """
    if after_start is None:
        return
    begin = format_timestamp(after_start)
    early = [feed.latest for feed in feeds if feed.latest and feed.latest < begin]
    if early:
        log.warning(
            "%d of %d feeds of attendance end before the requested bookings begin, at %s: the latest of their rows is"
            " of %s. Are they the reports of these days?",
            len(early),
            len(feeds),
            begin,
            max(early),
        )


def _ends(decided: Decided) -> list[int | None]:
    until = decided.policy.attendance_until
    return [microseconds(until)] if isinstance(until, datetime) else list(decided.figures.source_ends.values())


def _as_of(policy: AttendancePolicy) -> datetime:
    return cast("datetime", policy.as_of)  # filled in when the request was read
