"""What the scripts of a plan's report read: the rows of its tables, its charts, and the words for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from airflow_provider_calcom.attendance.explain.reasons import shown
from airflow_provider_calcom.reports import words
from airflow_provider_calcom.reports.load import Category, PlanData, Row, Table
from airflow_provider_calcom.reports.masking import Masks
from airflow_provider_calcom.reports.pictures import IN_A_BLOCK, Pictures
from airflow_provider_calcom.reports.statistics import Rate

_COLUMNS = (
    *("uid", "start", "name", "email", "role", "host", "from", "to", "reason", "short", "heldBack", "outcome"),
    *("detail", "picture", "person"),
)
"""The cells of a row of the page's tables, in their order."""


def report_data(plan: PlanData, pictures: Pictures, masks: Masks) -> dict[str, Any]:
    """Return what the scripts of a report read as ``DATA``."""

    def rows(table: Table) -> list[list[Any]]:
        return [_cells(row, pictures, masks) for row in table.rows]

    charts = plan.charts
    hosts = [replace(one, name=masks.category(one.name)) for one in charts.hosts]
    return {
        "columns": _COLUMNS,
        "changes": rows(plan.changes),
        "heldBack": rows(plan.held_back),
        "undetermined": rows(plan.undetermined),
        "bookingUrl": booking_url(plan.summary.get("booking_url")),
        "inABlock": IN_A_BLOCK,
        "charts": {
            "days": categories(charts.days),
            "eventTypes": categories(charts.event_types),
            "hosts": categories(hosts),
            "lateness": sorted(charts.lateness.items()),
        },
        "words": {
            "reasons": words.REASONS,
            "heldBack": words.HELD_BACK,
            "outcomes": words.OUTCOMES,
            "tones": words.TONES,
            "means": words.MEANS,
        },
    }


def _cells(row: Row, pictures: Pictures, masks: Masks) -> list[Any]:
    person, name, short = pictures.person(row.booking_uid, row.role, row.email) or (None, None, "")
    return [
        shown(row.booking_uid),
        None if row.start_at is None else row.start_at // 1000,
        name,
        masks.address(row.email),
        row.role,
        masks.host(row.host),
        row.was_absent,
        row.will_be_absent,
        row.reason,
        short,
        row.held_back,
        row.outcome,
        masks.text(row.detail),
        pictures.numbers.get(row.booking_uid) if person is not None else None,
        person,
    ]


def booking_url(template: Any) -> str | None:
    """Return a template of links to bookings if it is one: any other scheme could run a script."""
    is_template = isinstance(template, str) and template.startswith(("https://", "http://")) and "{uid}" in template
    return template if is_template else None


def categories(found: Iterable[Category]) -> list[dict[str, Any]]:
    """Return the categories of a chart as data."""
    return [
        {"name": shown(one.name), "noShows": _rate(one.no_shows), "undetermined": _rate(one.undetermined)}
        for one in found
    ]


def _rate(rate: Rate) -> dict[str, Any]:
    return {name: round(value, 5) if isinstance(value, float) else value for name, value in rate._asdict().items()}
