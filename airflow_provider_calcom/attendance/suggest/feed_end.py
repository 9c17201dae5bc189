"""Candidates for a feed that ends too early: up to where it, or a source of it, may be complete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom.attendance.suggest.model import Candidate

if TYPE_CHECKING:
    from airflow_provider_calcom.attendance.suggest.simulate import Simulation

_MOST_SOURCES = 2

# Up to where the feed must be complete for all bookings; a later instant than as_of is never reached.
_NEEDED = """
SELECT max(meetings.end_at + greatest(policy.overrun, policy.settle))
FROM meetings
CROSS JOIN policy
WHERE meetings.end_at + greatest(policy.overrun, policy.settle) <= policy.as_of"""

_INCOMPLETE = "SELECT count(*) FROM reasons WHERE reason = 'feed_incomplete'"

_SOURCES = """
SELECT sources.source, sources.source_end IS NULL OR sources.source_end < ? AS is_late
FROM sources
LEFT JOIN (
    SELECT meeting_rows.source_number, count(DISTINCT reasons.person) AS persons
    FROM reasons
    INNER JOIN persons ON persons.person = reasons.person
    INNER JOIN meeting_rows ON meeting_rows.booking = persons.booking
    WHERE reasons.reason = 'feed_incomplete'
    GROUP BY meeting_rows.source_number
) AS late ON late.source_number = sources.source_number
ORDER BY late.persons DESC NULLS LAST, sources.source"""


def feed_end_candidates(simulation: Simulation) -> Iterator[Candidate]:
    """Yield instants for the whole feed, for the sources that end too early, and for single ones of them."""
    ((incomplete,),), ((needed,),) = simulation.query(_INCOMPLETE), simulation.query(_NEEDED)
    if not incomplete or needed is None:
        return
    until = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=needed)
    present = simulation.policy.attendance_until
    sources = dict(simulation.query(_SOURCES, [needed]))
    yield _candidate(until, "the feed ends", len(sources) + 1)
    if len(sources) > 1 and (present is None or isinstance(present, Mapping)):
        ends = dict(present or {})
        late = [source for source, is_late in sources.items() if source and is_late]
        if 1 < len(late) < len(sources):
            yield _candidate({**ends, **dict.fromkeys(late, until)}, f"{len(late)} sources end", len(late))
        for source in late[:_MOST_SOURCES]:
            yield _candidate({**ends, source: until}, "one source ends", 1)


def _candidate(until: Any, what: str, parts: int) -> Candidate:
    return Candidate(
        "attendance_until",
        f"In the loaded rows {what} too early for these meetings; attendance_until says up to when nothing is missing",
        "Check that the feed was loaded completely up to then, or load it again: people whose rows are missing would be"
        " absent.",
        fields={"attendance_until": until},
        parts=parts,
    )
