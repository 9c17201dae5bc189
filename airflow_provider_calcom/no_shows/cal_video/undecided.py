"""The bookings whose Cal Video sessions a plan needs: those that the other feeds do not decide.

The rules run once without Cal Video. A booking is decided by that if all of its people came, or are excluded, or can't
be decided by any feed. Somebody whom the other feeds call absent is not decided: that booking was to be held in Cal
Video, where the person may have been.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom.attendance.engine import Decided, deciding
from airflow_provider_calcom.attendance.errors import InvalidInput
from airflow_provider_calcom.attendance.feeds.cal_video import is_cal_video
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.attendance.schema import WHITE_SPACE
from airflow_provider_calcom.no_shows.diff import Correct, LastWritesOf
from airflow_provider_calcom.no_shows.input_files import read_lines

if TYPE_CHECKING:
    from airflow_provider_calcom.no_shows.plan_request import FeedEntry, PlanRequest

log = logging.getLogger(__name__)

# Who is on a booking twice is undetermined whatever a feed has.
_OPEN = "outcome IN ('absent', 'undetermined') AND reason <> 'duplicate_email'"
_UNDECIDED = f"SELECT DISTINCT booking_uid FROM decided WHERE {_OPEN}"
_TO_MARK = f"{_UNDECIDED} AND NOT currently_absent"
# Marks of hosts are never removed.
_TO_UNMARK = (
    "SELECT DISTINCT booking_uid, role, email FROM decided"
    f" WHERE {_OPEN} AND currently_absent AND role = 'attendee' AND email IS NOT NULL"
)


@dataclass(frozen=True)
class OtherTables:
    """What the rules run on without Cal Video.

    :param bookings: the table of bookings.
    :param people: the table of people.
    :param attendance: what the other feeds have.
    :param policy: of the plan.
    :param rooms: what ``BookingTables.rooms`` is, or None where bookings were given as tables.
    """

    bookings: Any = field(repr=False)
    people: Any = field(repr=False)
    attendance: Sequence[Any] = field(repr=False)
    policy: AttendancePolicy = field(repr=False)
    rooms: Path | None


def undecided_rooms(entry: FeedEntry, tables: OtherTables, request: PlanRequest) -> Iterator[Mapping[str, Any]]:
    """Yield the bookings in Cal Video that are not decided without it, as lines of ``BookingTables.rooms``.

    :param entry: the feed, for errors.
    :param request: of the plan.
    :raises InvalidInput: if bookings were given as tables, which do not have the place of a booking.
    """
    if tables.rooms is None:
        raise InvalidInput(
            f"{entry.name}: {entry.feed} is fetched for bookings as Cal.com sends them, and these are tables. Give its"
            " path, rows or sql"
        )
    held = sum(map(is_cal_video, read_lines(tables.rooms)))
    wanted = _undecided(tables, request) if held else set()
    rooms = [booking for booking in read_lines(tables.rooms) if is_cal_video(booking) and _uid(booking) in wanted]
    log.info("Cal Video: %d of its %d bookings are undecided without its sessions", len(rooms), held)
    yield from rooms


def _undecided(tables: OtherTables, request: PlanRequest) -> set[str]:
    """Run the rules on this worker. A server, where the plan's may run, returns only bookings with a change."""
    with deciding(
        tables.bookings,
        tables.people,
        tables.attendance,
        tables.policy,
        zone=request.zone,
        resources=request.resources,
    ) as decided:
        return undecided_bookings(decided, correct=request.correct, last_writes=request.last_writes)


def _uid(booking: Mapping[str, Any]) -> str:
    uid: str = booking["uid"]
    return uid.strip(WHITE_SPACE)


def undecided_bookings(decided: Decided, *, correct: Correct, last_writes: LastWritesOf) -> set[str]:
    """Return the uids of bookings of which more attendance could change a flag.

    Who is marked already, and keeps that mark whatever a feed has, needs no further attendance. But if there would be
    no attendance at all then, theirs is wanted, too: the guard rail ``allow_empty_feed`` would reject the plan.

    :param decided: decisions without Cal Video.
    :param correct: which marks are removed from people who came, as a plan has it.
    :param last_writes: looks up the ledger's last writes.
    """
    wanted = _uids(decided, _TO_MARK) | set(_to_unmark(decided, correct, last_writes))
    return wanted or (set() if decided.figures.attendance_rows else _uids(decided, _UNDECIDED))


def _uids(decided: Decided, query: str) -> set[str]:
    return {uid for (uid,) in decided.connection.execute(query).fetchall()}


def _to_unmark(decided: Decided, correct: Correct, last_writes: LastWritesOf) -> Iterator[str]:
    if correct == "none":
        return
    marked = decided.connection.execute(_TO_UNMARK).fetchall()
    if correct == "all":
        yield from (uid for uid, _, _ in marked)
    elif marked:
        yield from (write.booking_uid for write in last_writes(marked) if write.absent)
