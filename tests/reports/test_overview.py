"""The overview of several plans: each booking counts once, and what happened over time is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.no_shows.diff import LastWrite
from airflow_provider_calcom.no_shows.plan import InvalidPlanOption
from airflow_provider_calcom.no_shows.plan_files import CorruptPlan
from airflow_provider_calcom.reports import write_overview, write_report
from tests.reports.pages import Page
from tests.reports.plans import PASSING, Day, apply_outcomes, person, plan_of

ANN, BOB = person("ann@example.org", "Ann Ames"), person("bob@example.org", "Bob Barker")


def plan(folder: Path, days: dict[str, list[tuple[str, Any, bool]]], as_of: str, **options: Any) -> Path:
    """Write a plan of bookings: ``{day: [(host, attendee, whether they came)]}``."""
    tables: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
    for day, meetings in days.items():
        made = Day(day)
        for number, (host, guest, came) in enumerate(meetings):
            uid, start, end = f"{day}-{number}", f"{8 + number:02d}:00", f"{8 + number:02d}:30"
            made.booking(uid, start, end, host, guest)
            made.seen(uid, None, f"{host}@clinic.example", start, end)
            if came:
                made.seen(uid, guest["name"], guest["email"], start, end)
        for table, rows in zip(tables, made.tables(), strict=True):
            table.extend(rows)
    return plan_of(tables, folder, policy={"as_of": as_of, "attendance_until": as_of}, **options)


def overview(folder: Path, *plans: Path, **options: Any) -> Page:
    return Page.at(write_overview(plans, folder / "overview.html", **options))


MONDAY = {"2026-11-16": [("olivia", ANN, False), ("otto", BOB, True)]}
TUESDAY = {"2026-11-17": [("olivia", ANN, False), ("otto", BOB, False)]}


def test_a_booking_that_is_planned_again_counts_once(tmp_path: Path) -> None:
    """Of a window that is planned every day the newest plan's decisions count, in whatever order plans are given."""
    came_after_all = {"2026-11-16": [("olivia", ANN, True), ("otto", BOB, True)]}
    first = plan(tmp_path / "a", MONDAY, "2026-11-17T06:00:00Z")
    second = plan(tmp_path / "b", came_after_all | TUESDAY, "2026-11-18T06:00:00Z")
    for plans in ((first, second), (second, first)):
        page = overview(tmp_path, *plans)
        assert page.text("headline") == "50 % of attendees did not come."
        assert page.text("lead").startswith("2 of 4 on whom it could be decided.")
        assert "Plans 2 Bookings 4" in page.text("facts")
        (week,) = page.data["charts"]["weeks"]
        assert (week["name"], week["noShows"]["part"], week["noShows"]["whole"]) == ("2026-11-16", 2, 4)


def test_rates_are_by_week_host_and_event_type(tmp_path: Path) -> None:
    """Weeks are those of Monday; hosts and event types are summed over all plans."""
    later = {"2026-11-24": [("olivia", ANN, True)]}
    page = overview(
        tmp_path,
        plan(tmp_path / "a", MONDAY, "2026-11-17T06:00:00Z"),
        plan(tmp_path / "b", later, "2026-11-25T06:00:00Z"),
    )
    charts = page.data["charts"]
    assert [(one["name"], one["noShows"]["part"]) for one in charts["weeks"]] == [("2026-11-16", 1), ("2026-11-23", 0)]
    assert {one["name"]: one["noShows"]["whole"] for one in charts["hosts"]} == {"Olivia Owner": 2, "Otto Other": 1}
    assert {one["name"]: one["noShows"]["whole"] for one in charts["eventTypes"]} == {"intro": 2, "30min": 1}


def test_repeat_no_shows(tmp_path: Path) -> None:
    """Attendees who missed two bookings or more are listed, by however they spell their address."""
    shouting = person("ANN@example.org", "Ann Ames")
    first = plan(tmp_path / "a", MONDAY, "2026-11-17T06:00:00Z")
    second = plan(
        tmp_path / "b", {"2026-11-17": [("olivia", shouting, False), ("otto", BOB, False)]}, "2026-11-18T06:00:00Z"
    )
    (row,) = overview(tmp_path, first, second).data["repeated"]
    assert (row["who"].lower(), row["absent"], row["decided"]) == ("ann@example.org", 2, 2)
    (row,) = overview(tmp_path, first, second, mask_addresses=True).data["repeated"]
    assert row["who"].lower() == "a***@example.org"


def test_later_corrections(tmp_path: Path) -> None:
    """A mark that one plan set and a later one took away is listed; one that was never written is not."""
    uid = "2026-11-16-0"
    marked = plan(tmp_path / "a", MONDAY, "2026-11-17T06:00:00Z")
    apply_outcomes(marked, lambda _: ("applied", None))
    came = {"2026-11-16": [("olivia", ANN | {"absent": True}, True)]}
    ours = [LastWrite(uid, "attendee", ANN["email"], True)]
    removed = plan(tmp_path / "b", came, "2026-11-18T06:00:00Z", last_writes=ours)
    (row,) = overview(tmp_path, removed, marked).data["corrections"]
    assert (row["who"], row["uid"], row["reason"]) == ("ann@example.org", uid, "email")
    assert row["marked"] < row["removed"]
    apply_outcomes(marked, lambda _: ("gone", None))
    assert overview(tmp_path, removed, marked).data["corrections"] == []


def test_plans_have_state_and_link(tmp_path: Path) -> None:
    """Each plan is listed with state and changes, and with a link to its report where that is below the overview."""
    first = plan(tmp_path / "plans" / "day 1", MONDAY, "2026-11-17T06:00:00Z")
    write_report(first)
    second = plan(tmp_path / "plans" / "b", TUESDAY, "2026-11-18T06:00:00Z", rails=PASSING | {"max_changes": 0})
    elsewhere = plan(tmp_path / "elsewhere", {"2026-11-18": [("olivia", ANN, True)]}, "2026-11-19T06:00:00Z")
    write_report(elsewhere)
    rows = overview(tmp_path / "plans", first, second, elsewhere).data["plans"]
    assert [(row["name"], row["state"], row["marks"], row["href"]) for row in rows] == [
        ("elsewhere", "Nothing to change", 0, None),
        ("b", "Rejected by a guard rail", 2, None),
        ("day 1", "Awaiting approval", 1, "day%201/report.html"),
    ]


def test_an_overview_needs_plans(tmp_path: Path) -> None:
    """No folder, and a folder without a plan, are errors that say so."""
    with pytest.raises(InvalidPlanOption, match="folders"):
        write_overview([], tmp_path / "overview.html")
    with pytest.raises(CorruptPlan, match=r"summary\.json is missing"):
        write_overview([tmp_path], tmp_path / "overview.html")
