"""The canonical attendance row, which every feed is turned into: one continuous presence of somebody."""

from __future__ import annotations

from typing import TypedDict

KINDS = ("person", "bot", "lobby", "check_in")
"""``bot`` only where the vendor itself says so; names are judged by the rules. ``lobby``: in a waiting room.
``check_in``: an instant, without an end."""

COLUMNS = (
    "source",
    "participant",
    "kind",
    "booking_uid",
    "conference_key",
    "email",
    "name",
    "phone",
    "joined_at",
    "left_at",
)


class AttendanceRow(TypedDict):
    """One row of the rules' table ``attendance``.

    ``joined_at`` and ``left_at`` are UTC as ``2026-01-15T10:00:03.000Z`` (or with microseconds). Strings are without
    white space at their ends, and null where nothing is left. ``participant`` is the vendor's own id of who joined,
    only where the vendor's documentation says that one person keeps it over several rows: an account, a registrant, an
    id that a rejoin keeps. Null otherwise, because a wrong link is worse than none.
    """

    source: str
    participant: str | None
    kind: str
    booking_uid: str | None
    conference_key: str | None
    email: str | None
    name: str | None
    phone: str | None
    joined_at: str | None
    left_at: str | None
