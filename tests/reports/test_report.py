"""The report of a plan: it says who is changed and why, and what that means for Cal.com."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.no_shows.plan_files import CorruptPlan, PlanFolderUnusable, read_plan
from airflow_provider_calcom.reports import words, write_report
from airflow_provider_calcom.reports.load import load_plan
from tests.operators.planning import memory_storage
from tests.reports.pages import Page, sha256
from tests.reports.plans import (
    OLIVIA,
    Day,
    apply_outcomes,
    at,
    clinic_day,
    edit_summary,
    person,
    plan_of,
)


def copied(plan: Path, folder: Path) -> Path:
    shutil.copytree(plan, folder)
    (folder / "report.html").unlink(missing_ok=True)
    return folder


def report_of(folder: Path, **options: Any) -> Page:
    return Page.at(write_report(folder, **options))


# ----------------------------------------------------------------------------------------------------------------------
# The head: what would happen, and has happened
# ----------------------------------------------------------------------------------------------------------------------


def test_a_new_plan_says_that_nothing_is_written(report: Page) -> None:
    """The first sentence is what would change, the second that nothing is written yet."""
    assert report.text("state") == "Awaiting approval"
    assert report.text("headline") == "4 attendees would be marked absent, and 1 mark removed, in 5 bookings."
    assert report.text("lead") == "Nothing is written yet."


def test_the_lead_says_why_more_people_are_absent_than_change(tmp_path: Path) -> None:
    """Who was marked before, and who can't be marked, is absent without a change."""
    day = Day()
    attendees = (person("ann@example.org"), person("bob@example.org", absent=True), person(None, "Cy"))
    day.booking("b1", "08:00", "08:30", "olivia", *attendees)
    day.seen("b1", *OLIVIA, "08:00", "08:30")
    page = report_of(plan_of(day.tables(), tmp_path / "plan"))
    assert page.text("headline") == "1 attendee would be marked absent in 1 booking."
    assert page.text("lead") == "Nothing is written yet. Also absent: 1 marked before this plan, 1 held back."
    assert "3 Absent" in page.text("decided")


def test_the_head_counts(report: Page) -> None:
    """Period, bookings, attendees, changes and the end of the attendance data are those of the plan."""
    facts = report.text("facts")
    assert "Period 2026-11-18 00:00 UTC to 2026-11-19 00:00 UTC" in facts
    assert "Bookings 14 Attendees 19 Changes 5 Attendance data complete until 2026-11-19 00:00 UTC" in facts
    decided = report.text("decided")
    assert re.findall(r"\d+ [A-Z]\w+", decided) == ["8 Came", "4 Absent", "6 Undetermined", "1 Not"]


def test_guard_rails_have_figure_and_limit(report: Page) -> None:
    """Each guard rail has its figure, its limit, and whether it passed."""
    text = report.text("guard-rails")
    assert "Participants identified 95 % at least 30 % passed" in text
    assert "Absent among those decided 33 % at most 100 % not evaluated: fewer than 20" in text
    assert "Changes in the plan 5 no limit" in text


def test_a_rejected_plan_says_why(tmp_path: Path) -> None:
    """A plan that a guard rail rejects names the guard rail, its figure and limit, before anything else."""
    page = report_of(plan_of(clinic_day().tables(), tmp_path / "plan", rails={"max_changes": 2}))
    assert page.text("state") == "Rejected by a guard rail"
    assert page.text("lead").startswith("A guard rail rejected this plan as a whole. Nothing is written")
    assert "Changes in the plan: 4, and the limit is at most 2." in page.text("failed-guard-rails")
    assert "max_changes" in page.text("failed-guard-rails")
    assert len(page.rows("changes")) == 4


def test_a_plan_without_changes(tmp_path: Path) -> None:
    """A plan with nothing to change says so."""
    day = Day()
    day.booking("b1", "08:00", "08:30", "olivia", person("ann@example.org", "Ann Ames"))
    day.seen("b1", "Ann Ames", "ann@example.org", "08:00", "08:30")
    page = report_of(plan_of(day.tables(), tmp_path / "plan"))
    assert page.text("state") == "Nothing to change"
    assert page.text("headline") == "Nobody would be marked absent."
    assert page.rows("changes") == []


@pytest.mark.parametrize(
    ("outcomes", "is_dry_run", "state", "headline", "lead"),
    [
        (["applied"] * 5, False, "Applied", "4 attendees were marked absent, and 1 mark removed, in 5 bookings.",
         "All 5 changes are written to Cal.com."),
        (["applied", "gone", "gone", "gone", "already"], False, "Applied",
         "1 attendee was marked absent in 1 booking.",
         "1 of 5 changes is written to Cal.com. The others: booking is gone 3, was already set 1."),
        (["applied", "failed", "not_permitted", "applied", "applied"], False, "Partly failed",
         "2 of 5 changes could not be written.", "3 of 5 changes are written to Cal.com."),
        (["would_apply"] * 5, True, "Dry run", "4 attendees would be marked absent, and 1 mark removed, in 5 bookings.",
         "A dry run: nothing is written."),
    ],
)  # fmt: skip
def test_the_state_after_applying(
    clinic: Path, tmp_path: Path, outcomes: list[str], is_dry_run: bool, state: str, headline: str, lead: str
) -> None:
    """Once a plan was applied, the head counts what was written, not what was planned."""
    folder = copied(clinic, tmp_path / "plan")
    apply_outcomes(folder, lambda number: (outcomes[number], None), dry_run=is_dry_run)
    page = report_of(folder)
    assert (page.text("state"), page.text("headline")) == (state, headline)
    assert page.text("lead").startswith(lead)


def test_each_change_has_its_outcome(clinic: Path, tmp_path: Path) -> None:
    """The outcome of a change and its detail are in its row."""
    folder = copied(clinic, tmp_path / "plan")
    apply_outcomes(folder, lambda number: ("failed", "RateLimitExhausted") if number == 1 else ("applied", None))
    changes = list(read_plan(folder))
    page = report_of(folder)
    assert page.row("changes", changes[1].email)["outcome"] == "failed"
    assert page.row("changes", changes[1].email)["detail"] == "RateLimitExhausted"
    assert {row["outcome"] for row in page.rows("changes") if row["email"] != changes[1].email} == {"applied"}


def test_outcomes_of_another_plan_are_left_out(clinic: Path, tmp_path: Path) -> None:
    """Outcomes of a plan that this one replaced say nothing about it."""
    folder = copied(clinic, tmp_path / "plan")
    apply_outcomes(folder, lambda _: ("applied", None))
    text = (folder / "outcomes.jsonl").read_text()
    (folder / "outcomes.jsonl").write_text(re.sub(r'"plan": "\w+"', '"plan": "' + "0" * 64 + '"', text))
    assert report_of(folder).text("state") == "Awaiting approval"


# ----------------------------------------------------------------------------------------------------------------------
# Who and why
# ----------------------------------------------------------------------------------------------------------------------


def test_each_change_says_who_and_why(clinic: Path, report: Page) -> None:
    """There is one row for each change of the plan, with name, booking, host, start, flags and reason."""
    changes = {(one.booking_uid, one.email, one.is_absent, one.will_be_absent, one.reason) for one in read_plan(clinic)}
    rows = report.rows("changes")
    assert {(row["uid"], row["email"], row["from"], row["to"], row["reason"]) for row in rows} == changes
    bob = report.row("changes", "bob@example.org")
    assert (bob["name"], bob["host"], bob["role"]) == ("Bob Barker", "Olivia Owner", "attendee")
    assert bob["short"] == "Never joined; the host was there for 24 min"
    assert bob["start"] == 1_763_452_800_000 + 365 * 86_400_000
    assert report.row("changes", "rosa@example.org")["short"] == "Came for 38 min"


def test_rows_are_in_the_order_of_their_starts(report: Page) -> None:
    """The page's first view is the day as it went."""
    for name in ("changes", "undetermined"):
        starts = [row["start"] for row in report.rows(name)]
        assert starts == sorted(starts)


def test_the_undetermined_have_their_reasons(report: Page) -> None:
    """Everybody on whom the rules could not decide is listed with the reason, and each reason has words."""
    found = {row["email"]: row["reason"] for row in report.rows("undetermined")}
    assert found == {
        "gus@example.org": "unknown_participant",
        "hana@example.org": "trace",
        "jo@example.org": "named_with_another",
        "lea@example.org": "no_evidence",
        "nia@example.org": "host_not_seen",
        "quin@example.org": "seen_at_another_time",
    }
    assert set(found.values()) <= report.data["words"]["reasons"].keys()


def test_the_held_back_have_their_reasons(tmp_path: Path) -> None:
    """A flag that differs from the decision and stays is listed with the reason."""
    page = report_of(plan_of(clinic_day().tables(), tmp_path / "plan", correct="ledger"))
    (row,) = page.rows("heldBack")
    assert (row["email"], row["heldBack"], row["from"], row["to"]) == ("rosa@example.org", "not_ours", True, False)
    assert row["picture"] is not None


def test_every_word_is_there() -> None:
    """Each reason, outcome, guard rail and state that a plan can have is in words."""
    from airflow_provider_calcom.attendance.engine import _ENUMS
    from airflow_provider_calcom.attendance.explain.reasons import HOSTS_SENTENCES, SENTENCES
    from airflow_provider_calcom.no_shows import diff, guard_rails
    from airflow_provider_calcom.no_shows.apply import worklist

    assert words.REASONS.keys() == set(_ENUMS["reason"])
    assert words.REASONS.keys() >= ({*SENTENCES, *HOSTS_SENTENCES} - {None})
    assert words.DECISIONS.keys() == set(_ENUMS["outcome"])
    assert words.HELD_BACK.keys() == set(diff.HELD_BACK)
    assert words.OUTCOMES.keys() == {*worklist.OUTCOMES, worklist.WOULD_APPLY}
    assert words.RAILS.keys() == guard_rails.RAILS.keys()


# ----------------------------------------------------------------------------------------------------------------------
# The picture
# ----------------------------------------------------------------------------------------------------------------------


def test_a_row_opens_the_picture_of_its_booking(report: Page) -> None:
    """The picture has window and core, everyone's rows with how they were identified, and the deciding sentence."""
    row = report.row("changes", "erin@example.org")
    picture = report.picture(row)
    assert picture["uid"] == "bk-group"
    assert picture["closes"] - picture["opens"] == (60 + 2 * 15) * 60_000
    assert picture["start"] - picture["opens"] == 15 * 60_000
    assert [(one.get("name"), one["how"]) for one in picture["rows"]] == [
        ("Otto Other", "email"),
        ("Otto's Notetaker (Otter.ai)", "bot"),
        ("Dave Diaz", "email"),
        ("Finn Fox", "name"),
        ("Dave Diaz", "email"),
    ]
    (erin,) = (one for one in picture["people"] if one["n"] == row["person"])
    assert (erin["name"], erin["rule"]) == ("Erin Egan", 15)
    assert erin["why"].startswith("The person did not come (0 s in the window")


@pytest.mark.parametrize(
    ("email", "how"),
    [
        ("gus@example.org", "unknown"),
        ("hana@example.org", "lobby"),
        ("jo@example.org", "email"),
        ("quin@example.org", "other"),
    ],
)
def test_the_row_that_raises_a_doubt_is_marked(report: Page, email: str, how: str) -> None:
    """The picture of an undetermined person marks the row that raises the doubt."""
    row = report.row("undetermined", email)
    doubts = [
        one
        for one in report.picture(row)["rows"]
        if row["person"] in one.get("doubts", []) or (row["reason"] == "unknown_participant" and one.get("unknown"))
    ]
    assert [one["how"] for one in doubts] == [how]


def test_phone_and_check_in_have_kinds_of_their_own(report: Page, tmp_path: Path) -> None:
    """Somebody on the phone, and somebody at the desk, are identified as such."""
    assert "check_in" in {one["how"] for one in report.picture(report.row("changes", "pia@example.org"))["rows"]}
    day = Day()
    kim, lou = person("kim@example.org", "Kim Kerr", phone="+49 151 2345 6789"), person("lou@example.org", "Lou Lake")
    day.booking("b1", "08:00", "08:30", "olivia", kim, lou)
    day.seen("b1", "Olivia Owner", "olivia@clinic.example", "08:00", "08:30")
    day.seen("b1", None, None, "08:02", "08:29", phone="+49 (151) 2345-6789")
    page = report_of(plan_of(day.tables(), tmp_path / "plan"))
    assert "phone" in {one["how"] for one in page.picture(page.row("changes", "lou@example.org"))["rows"]}


def test_rows_of_a_plan_without_evidence_stay_closed(clinic: Path, tmp_path: Path) -> None:
    """A plan that was made on a SQL server, or by an older version, has rows without pictures, and says so."""
    folder = copied(clinic, tmp_path / "plan")
    edit_summary(folder, evidence={"bookings": 0, "left_out": 14})
    page = report_of(folder)
    assert page.pictures == []
    assert {row["picture"] for row in page.rows("changes")} == {None}
    assert page.row("changes", "bob@example.org")["reason"] == "not_seen"
    assert "its rows can't be opened" in page.text("notes")


def test_a_plan_of_an_older_version_has_a_report(clinic: Path, tmp_path: Path) -> None:
    """Without bookings, evidence, suggestions and the newer figures there is what the old files have."""
    folder = copied(clinic, tmp_path / "plan")
    for name in ("bookings.parquet", "evidence.parquet", "suggestions.json"):
        (folder / name).unlink(missing_ok=True)
    summary = json.loads((folder / "summary.json").read_text())
    edit_summary(
        folder,
        remove=[name for name in ("period", "bookings", "attendees", "booking_url", "evidence") if name in summary],
    )
    page = report_of(folder)
    assert page.text("headline") == "4 attendees would be marked absent, and 1 mark removed, in 5 bookings."
    assert "Bookings 14 Attendees 19" in page.text("facts")
    assert {row["host"] for row in page.rows("changes")} == {None}
    assert page.row("changes", "bob@example.org")["start"] is not None
    assert len(page.rows("undetermined")) == 6


# ----------------------------------------------------------------------------------------------------------------------
# Charts
# ----------------------------------------------------------------------------------------------------------------------


def test_charts_count_attendees(report: Page) -> None:
    """Rates are of attendees: no-shows of those decided, undetermined of all judged, each with its interval."""
    (day,) = report.data["charts"]["days"]
    assert (day["name"], day["noShows"]["part"], day["noShows"]["whole"]) == ("2026-11-18", 4, 12)
    assert (day["undetermined"]["part"], day["undetermined"]["whole"]) == (6, 18)
    assert (day["noShows"]["low"], day["noShows"]["high"]) == (0.13812, 0.60938)
    by_host = {one["name"]: one["noShows"]["part"] for one in report.data["charts"]["hosts"]}
    assert by_host == {"Olivia Owner": 3, "Otto Other": 1}
    assert {one["name"] for one in report.data["charts"]["eventTypes"]} == {"intro", "30min", "group-class"}
    assert sum(people for _, people in report.data["charts"]["lateness"]) == 8
    assert [7, 1] in report.data["charts"]["lateness"]


def test_many_hosts_are_summed_up(tmp_path: Path) -> None:
    """A chart has fifteen categories at most; the last one sums up the others."""
    day = Day()
    for number in range(20):
        guest = person(f"g{number}@example.org", f"Guest {number}")
        day.booking(f"b{number}", "08:00", "08:30", f"host{number:02d}", guest)
        day.seen(f"b{number}", None, guest["email"], "08:00", "08:30")
    charts = load_plan(plan_of(day.tables(), tmp_path / "plan")).charts
    assert len(charts.hosts) == 15
    assert charts.hosts[-1].name == "6 others"
    assert sum(one.no_shows.whole for one in charts.hosts) == 20


# ----------------------------------------------------------------------------------------------------------------------
# Suggestions
# ----------------------------------------------------------------------------------------------------------------------

SUGGESTED = {
    "reason": "unknown_participant",
    "kind": "alias",
    "settles": 9,
    "of": 12,
    "becomes": {"present": 8, "absent": 1},
    "policy": {"aliases": {"gus.gold@home.example": "gus@example.org"}},
    "text": "gus.gold@home.example and gus@example.org appear together in 3 bookings and never apart.",
    "bookings": ["bk-unknown"],
}


def suggested(plan: Path, folder: Path, **fields: Any) -> Path:
    copied(plan, folder)
    found = {"undetermined": {"unknown_participant": 12, "trace": 2}, "skipped": None, "suggestions": [SUGGESTED]}
    (folder / "suggestions.json").write_text(json.dumps(found | fields))
    return folder


def test_what_would_settle_the_doubts(clinic: Path, tmp_path: Path) -> None:
    """Each suggestion has how many it settles, a sentence, and the fragment of the policy, ready to paste."""
    page = report_of(suggested(clinic, tmp_path / "plan"))
    (text,) = page.texts("suggestion")
    assert "settles 9 of 12 8 present and 1 absent then" in text
    assert "appear together in 3 bookings" in text
    (code,) = (one.text for one in page.elements_of("code") if "aliases" in one.text and "{" in one.text)
    assert json.loads(code) == SUGGESTED["policy"]
    assert "No single setting would settle Left a trace, too little to count 2" in page.text("suggestions")


def test_skipped_suggestions_say_why(clinic: Path, tmp_path: Path) -> None:
    """Where none were computed, the sentence that says why is there."""
    page = report_of(suggested(clinic, tmp_path / "plan", suggestions=[], skipped="The plan has too many rows."))
    assert "The plan has too many rows." in page.text("suggestions")


# ----------------------------------------------------------------------------------------------------------------------
# The file
# ----------------------------------------------------------------------------------------------------------------------


def test_the_page_loads_and_runs_nothing_but_itself(report: Page) -> None:
    """Only the scripts and the style in the page, by their hashes, are allowed, and no element names another file."""
    policy = report.content_policy()
    scripts = [one.text for one in report.elements_of("script") if "type" not in one.attributes]
    (style,) = (one.text for one in report.elements_of("style"))
    assert policy == {
        "default-src": ["'none'"],
        "script-src": [sha256(one) for one in scripts],
        "style-src": [sha256(style)],
        "img-src": ["data:"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }
    attributes = [(one.tag, name, value) for one in report.elements for name, value in one.attributes.items()]
    assert not [one for one in attributes if one[1] in ("src", "style") or one[1].startswith("on")]
    assert {
        value for tag, name, value in attributes if name == "href" and not value.startswith(("#", "data:,"))
    } == set()


def test_the_same_plan_gives_the_same_bytes(clinic: Path, report: Page) -> None:
    """Nothing in a report depends on when it is made."""
    assert write_report(clinic).read_text(encoding="utf-8") == report.html


def test_a_report_in_an_object_store(clinic: Path) -> None:
    """A plan in an object store gets its report there."""
    from upath import UPath

    with memory_storage() as bucket:
        for file in clinic.iterdir():
            (UPath(f"{bucket}/plan") / file.name).write_bytes(file.read_bytes())
        path = write_report(f"{bucket}/plan")
        assert str(path) == f"{bucket}/plan/report.html"
        page = Page(path.read_text(encoding="utf-8"))
        assert page.row("changes", "bob@example.org")["host"] == "Olivia Owner"


def test_a_folder_without_a_plan(tmp_path: Path) -> None:
    """The error is the plan's own."""
    with pytest.raises(CorruptPlan, match=r"summary\.json is missing"):
        write_report(tmp_path)


@pytest.mark.parametrize("name", ["decisions.parquet", "bookings.parquet", "suggestions.json", "held-back.jsonl"])
def test_a_damaged_file_is_named(clinic: Path, tmp_path: Path, name: str) -> None:
    """A damaged file of the plan is an error that names the file, and there is no report."""
    folder = copied(clinic, tmp_path / "plan")
    (folder / name).write_bytes(b"PAR1 no such file\n")
    with pytest.raises(CorruptPlan, match=name):
        write_report(folder)
    assert not (folder / "report.html").exists()


def test_a_report_that_cannot_be_written(clinic: Path, tmp_path: Path) -> None:
    """Something else at the report's path is an error that names it."""
    folder = copied(clinic, tmp_path / "plan")
    (folder / "report.html").mkdir()
    (folder / "report.html" / "x").touch()
    with pytest.raises(PlanFolderUnusable, match=r"report\.html can't be written"):
        write_report(folder)


def test_a_late_hour_is_shown_as_of_its_day(tmp_path: Path) -> None:
    """Days of charts are those of the booking's start in UTC."""
    day = Day()
    day.booking("b1", "23:30", "23:45", "olivia", person("ann@example.org", "Ann Ames"))
    day.seen("b1", "Ann Ames", "ann@example.org", "23:29", "23:45")
    charts = load_plan(
        plan_of(day.tables(), tmp_path / "plan", policy={"attendance_until": at("05:00", "2026-11-19")})
    ).charts
    assert [one.name for one in charts.days] == ["2026-11-18"]
    assert charts.lateness == {-1: 1}
