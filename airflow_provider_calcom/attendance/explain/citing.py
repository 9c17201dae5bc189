"""How a row of attendance is named."""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_calcom.attendance.explain.model import ExplainedRow
from airflow_provider_calcom.attendance.explain.texts import moment, shown


def cited(row: ExplainedRow) -> str:
    """Name a row with all that tells it from others."""
    what = ", ".join(filter(None, (bearer(row), row.kind, shown(row.source))))
    return f"row #{row.number} ({what}, {span(row, moment)}{_oddity(row)}, {_place(row)})"


def _oddity(row: ExplainedRow) -> str:
    is_inverted = row.kind != "check_in" and None not in (row.joined_at, row.left_at) and row.begins != row.joined_at
    return ", left before it joined" if is_inverted else ""


def _place(row: ExplainedRow) -> str:
    if row.place == "meeting":
        return "in this meeting"
    if row.place == "elsewhere":
        return key(row)
    own_key = key(row) if row.booking_uid is None else "with this booking's uid"
    return f"{own_key}, outside the window"


def bearer(row: ExplainedRow) -> str:
    """Tell what a row knows of its person."""
    return " ".join(filter(None, map(shown, (row.name, row.email, row.phone)))) or "without a name"


def key(row: ExplainedRow) -> str:
    """Tell which meeting a row says it is of."""
    if row.booking_uid is not None:
        return f"under the booking uid {shown(row.booking_uid)}"
    if row.conference_key is not None:
        return f"under the conference key {shown(row.conference_key)}"
    return "without a meeting's key"


def span(row: ExplainedRow, told: Callable[[int], str]) -> str:
    """Tell when a row begins and ends, given what tells an instant."""
    if row.kind == "check_in":
        return told(row.begins)
    return f"{told(row.begins)} - {'open' if row.left_at is None else told(row.ends)}"
