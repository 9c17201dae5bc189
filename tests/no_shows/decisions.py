"""Decisions as a plan takes them, made without the rules: a table in DuckDB, and the figures that come with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_calcom.attendance.engine import Decided, Figures
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.no_shows.plan import write_plan
from airflow_provider_calcom.no_shows.plan_files import Summary

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ANN = "ann@client.example"
SECOND = 1_000_000
_START = int(datetime(2026, 1, 9, 5, 30, tzinfo=UTC).timestamp()) * SECOND
_COMPLETE_UNTIL = int(datetime(2026, 1, 11, tzinfo=UTC).timestamp()) * SECOND
POLICY = AttendancePolicy.of({"as_of": "2026-01-12T00:00:00Z", "attendance_until": "2026-01-11T00:00:00Z"})
_REASONS = {"absent": "not_seen", "present": "email", "undetermined": "trace", "excluded": "not_accepted"}
_TABLE = """CREATE OR REPLACE TEMP TABLE decided (
    booking_uid VARCHAR, role VARCHAR, email VARCHAR, outcome VARCHAR, reason VARCHAR, presence BIGINT,
    first_joined BIGINT, last_left BIGINT, currently_absent BOOLEAN, start_at BIGINT
)"""


class Person(NamedTuple):
    """A person of a booking with the decision on them.

    :param outcome: of the rules.
    :param email: their address.
    :param absent: Cal.com's flag.
    :param uid: of the booking.
    :param role: ``attendee`` or ``host``.
    :param minutes: how long they stayed; None for 45 minutes of those who are present.
    """

    outcome: str
    email: str | None = ANN
    absent: bool = False
    uid: str = "bk_1"
    role: str = "attendee"
    minutes: int | None = None

    def row(self) -> tuple[Any, ...]:
        """Return the row of ``decided``."""
        minutes = (45 if self.outcome == "present" else 0) if self.minutes is None else self.minutes
        presence = 60 * minutes * SECOND
        times = (_START, _START + presence) if presence else (None, None)
        reason = _REASONS[self.outcome]
        return (self.uid, self.role, self.email, self.outcome, reason, presence, *times, self.absent, _START)


def crowd(absent: int, present: int = 0) -> list[Person]:
    """Return the attendees of a booking: some are absent, the others came."""
    return [
        Person("absent" if number < absent else "present", f"guest{number:02d}@client.example")
        for number in range(absent + present)
    ]


def decided(people: Iterable[Person], **figures: Any) -> Decided:
    """Return decisions and the figures that fit them, with others where they are given."""
    people = list(people)
    connection = _connection()
    connection.execute(_TABLE)
    if people:
        places = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"] * len(people))
        connection.execute(f"INSERT INTO decided VALUES {places}", [cell for one in people for cell in one.row()])
    outcomes: dict[str, dict[str, int]] = {}
    for outcome, count in sorted(Counter(one.outcome for one in people).items()):
        outcomes[outcome] = {_REASONS[outcome]: count}
    came = sum(one.outcome == "present" for one in people)
    counted = Figures(
        outcomes=outcomes,
        judged_bookings=len({one.uid for one in people}),
        bookings=len({one.uid for one in people}),
        attendees=sum(one.role == "attendee" for one in people),
        attendance_rows=came + 1,
        rows_of_people=came + 1,
        matched_rows=came + 1,
        complete_until=_COMPLETE_UNTIL,
    )
    return Decided(connection, POLICY, replace(counted, **figures))


def write(people: Iterable[Person], folder: Path | str, **options: Any) -> Summary:
    """Write the plan of these decisions, with the options of ``write_plan``."""
    return write_plan(decided(people), folder, **options)


@cache
def _connection() -> DuckDBPyConnection:
    """Return one DuckDB for all tests: each of them replaces its tables."""
    import duckdb

    connection = duckdb.connect(config={"threads": 2})
    connection.execute("SET TimeZone = 'UTC'")
    return connection
