"""Candidates for a feed that ends too early: up to where it, or a source of it, may be complete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_calcom.attendance.suggest.model import Candidate
from airflow_provider_calcom.attendance.suggest.simulate import Simulation

_MOST_SOURCES = 3

# Up to where the feed must be complete for all bookings; a later instant than as_of is never reached.
_NEEDED = """
SELECT max(meetings.end_at + greatest(policy.overrun, policy.settle))
FROM meetings
CROSS JOIN policy
WHERE meetings.end_at + greatest(policy.overrun, policy.settle) <= policy.as_of"""

_INCOMPLETE = "SELECT count(*) FROM reasons WHERE reason = 'feed_incomplete'"

_LATE_SOURCES = """
SELECT sources.source
FROM sources
LEFT JOIN (
    SELECT meeting_rows.source_number, count(DISTINCT reasons.person) AS persons
    FROM reasons
    INNER JOIN persons ON persons.person = reasons.person
    INNER JOIN meeting_rows ON meeting_rows.booking = persons.booking
    WHERE reasons.reason = 'feed_incomplete'
    GROUP BY meeting_rows.source_number
) AS late ON late.source_number = sources.source_number
WHERE sources.source_end IS NULL OR sources.source_end < ?
ORDER BY late.persons DESC NULLS LAST, sources.source"""


def feed_end_candidates(simulation: Simulation) -> Iterator[Candidate]:
    """Yield instants for single sources, for all late ones, and for the whole feed: the narrowest claim first."""
    ((incomplete,),), ((needed,),) = simulation.query(_INCOMPLETE), simulation.query(_NEEDED)
    if not incomplete or needed is None:
        return
    until = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=needed)
    present = simulation.policy.attendance_until
    sources = [source for (source,) in simulation.query(_LATE_SOURCES, [needed])]
    if present is None or isinstance(present, Mapping):
        ends = dict(present or {})
        named = [source for source in sources if source]
        for source in named[:_MOST_SOURCES]:
            yield _candidate({**ends, source: until}, "one source ends")
        if len(named) > 1:
            yield _candidate({**ends, **dict.fromkeys(named, until)}, f"{len(named)} sources end")
    yield _candidate(until, "the feed ends")


def _candidate(until: Any, what: str) -> Candidate:
    return Candidate(
        "attendance_until",
        f"In the loaded rows {what} before these meetings needed it; attendance_until says that nothing is missing up to"
        " an instant, because nobody joined later",
        "Check that the feed was loaded completely up to then: of people whose rows are still to come it makes no-shows."
        " Loading the missing rows is better.",
        fields={"attendance_until": until},
    )
