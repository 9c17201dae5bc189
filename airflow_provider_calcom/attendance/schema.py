"""The three tables that the rules read: their columns, and what each may hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

WHITE_SPACE = " \t\n\r\v\f\u00a0"
"""Characters that are removed around labels, names and addresses."""

Kind = Literal["label", "text", "instant", "flag"]


@dataclass(frozen=True)
class Column:
    """One column of a table.

    :param name: its name.
    :param kind: ``label`` is a string that is compared without the white space around it; ``text`` is one that is left
        unchanged; ``instant`` is a timestamp with a zone; ``flag`` is true or false.
    :param required: whether every row must have a value.
    :param choices: the only values that a label may have, or none for any.
    :param may_be_missing: whether a table without the column is treated as one in which it is null.
    :param is_end: whether a timestamp is an end.
    """

    name: str
    kind: Kind
    required: bool = False
    choices: tuple[str, ...] = ()
    may_be_missing: bool = False
    is_end: bool = False


@dataclass(frozen=True)
class Table:
    """One of the tables.

    :param name: ``bookings``, ``people`` or ``attendance``.
    :param columns: its columns.
    :param number: the column that numbers its rows for the rules, or None.
    """

    name: str
    columns: tuple[Column, ...]
    number: str | None = None


BOOKINGS = Table(
    "bookings",
    (
        Column("booking_uid", "label", required=True),
        Column("status", "label"),
        Column("start_at", "instant", required=True),
        Column("end_at", "instant", required=True, is_end=True),
        Column("rescheduled_to_uid", "label"),
        Column("conference_key", "label"),
    ),
    number="booking",
)
PEOPLE = Table(
    "people",
    (
        Column("booking_uid", "label", required=True),
        Column("role", "label", required=True, choices=("attendee", "host")),
        Column("email", "text"),
        Column("match_email", "text"),
        Column("name", "text"),
        Column("phone", "text"),
        Column("absent", "flag", required=True),
    ),
    number="person",
)
ATTENDANCE = Table(
    "attendance",
    (
        Column("source", "label", may_be_missing=True),
        Column("participant", "label", may_be_missing=True),
        Column("kind", "label", required=True, choices=("person", "bot", "lobby", "check_in")),
        Column("booking_uid", "label"),
        Column("conference_key", "label"),
        Column("email", "text"),
        Column("name", "text"),
        Column("phone", "text"),
        Column("joined_at", "instant"),
        Column("left_at", "instant", is_end=True),
    ),
)
NUMBERED_ATTENDANCE = replace(ATTENDANCE, number="feed_row")
"""The same with the numbers of its rows, which the rules don't need, and an explanation does."""
TABLES = (BOOKINGS, PEOPLE, ATTENDANCE)
