"""The example DAGs, run by Airflow against the sandbox with the demo's world."""

from __future__ import annotations

import importlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_calcom.no_shows.apply.worklist import OUTCOMES
from tests.conftest import ROOT
from tests.dag_runs import xcoms
from tests.support import SandboxDriver

DEMO = ROOT / "demo"
DAY = "2026-11-18"
LABELS: dict[str, dict[str, str]] = json.loads((DEMO / "labels.json").read_text(encoding="utf-8"))
TRULY_ABSENT = {(uid, who) for uid, people in LABELS.items() for who, what in people.items() if what == "absent"}
MARKED_BEFORE = {("dm9MarkedByHandAlready9", "liam@example.org")}
AIRFLOW_3 = version("apache-airflow").startswith("3")
pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("airflow_db")]


def run(module: ModuleType, **conf: Any) -> Any:
    """Run the module's DAG, and return the DAG run, which must succeed."""
    dag_run = module.dag.test(run_conf=conf)
    assert str(getattr(dag_run.state, "value", dag_run.state)) == "success"
    return dag_run


def marked(calcom: SandboxDriver) -> set[tuple[str, str]]:
    """Return who is marked absent in the sandbox's state."""
    bookings = calcom.admin("state")["bookings"]
    return {(one["uid"], row["email"]) for one in bookings for row in one["attendees"] if row["absent"]}


def test_attendance_join(demo: SandboxDriver, example: Callable[[str], ModuleType]) -> None:
    """A dry run writes nothing; the run marks exactly the absent attendees; a second run writes nothing."""
    module = example("calcom_attendance_join")
    before = marked(demo)
    demo.subscribe("cal_demo_owner")

    dry = xcoms(run(module, day=DAY, dry_run=True), "mark_absent")
    assert [call["method"] for call in demo.writes()] == ["POST"], "only the webhook of this test"
    assert marked(demo) == before

    first_run = run(module, day=DAY, dry_run=False)
    first = xcoms(first_run, "mark_absent")
    assert len(xcoms(first_run, "bookings")[-1]) == len(LABELS)
    assert sorted(first) == list(range(len(first))), "one result for each mapped booking"
    assert {index: {**result, "calls": 0} for index, result in first.items()} == dry
    reported = {(result["booking_uid"], who) for result in first.values() for who in result["marked"]}
    assert reported == marked(demo) - before
    assert marked(demo) == TRULY_ABSENT
    calls, deliveries = len(demo.marks()), len(demo.deliveries())
    assert calls == deliveries == sum(result["calls"] for result in first.values())

    second = xcoms(run(module, day=DAY, dry_run=False), "mark_absent")
    assert [result["calls"] for result in second.values()] == [0] * len(first)
    assert (len(demo.marks()), len(demo.deliveries())) == (calls, deliveries)


def test_mark_one_booking(demo: SandboxDriver, example: Callable[[str], ModuleType]) -> None:
    """Booking uid and lists are passed between tasks, the result is in XCom, and the link is the booking's page."""
    module = example("calcom_mark_absent")
    uid, page = "dm16BothStayedAway00016", "https://cal.example.com/booking/dm16BothStayedAway00016"
    attendees = ["sam@example.org", {"email": "tess@example.org", "absent": True}]
    conf = {"booking_uid": uid, "attendees": attendees, "host_absent": False}

    assert xcoms(run(module, **conf), "mark_absent")[-1]["calls"] == 0, "without dry_run: false nothing is sent"
    assert demo.writes() == []

    dag_run = run(module, **conf, dry_run=False)
    assert xcoms(dag_run, "mark_absent")[-1] == {
        "booking_uid": uid,
        "marked": ["sam@example.org", "tess@example.org"],
        "unmarked": [],
        "unchanged": [],
        "unknown": [],
        "absent_host": False,
        "calls": 1,
    }
    assert demo.absent(uid) == {"sam@example.org", "tess@example.org"}
    # Airflow 3 calls get_link after the task and stores the result here, so a missing link would overwrite it.
    assert xcoms(dag_run, "mark_absent", "_link_CalComBookingLink") == {-1: page}
    if not AIRFLOW_3:
        from airflow_provider_calcom.links import CalComBookingLink

        (instance,) = (one for one in dag_run.get_task_instances() if one.task_id == "mark_absent")
        link = CalComBookingLink().get_link(module.dag.get_task("mark_absent"), ti_key=instance.key)
        assert link == page


def test_a_booking_ahead_is_skipped(demo: SandboxDriver, example: Callable[[str], ModuleType]) -> None:
    """The example's ``on_not_started="skip"`` ends as a skipped task in a run that succeeds."""
    demo.admin("clock", {"now": "2026-11-18T07:00:00Z"})
    dag_run = run(
        example("calcom_mark_absent"),
        booking_uid="dm16BothStayedAway00016",
        attendees=["sam@example.org"],
        dry_run=False,
    )
    states = {one.task_id: str(getattr(one.state, "value", one.state)) for one in dag_run.get_task_instances()}
    assert states == {"who_was_absent": "success", "mark_absent": "skipped"}
    assert demo.writes() == []


@pytest.mark.parametrize("native", [True, False], ids=["native", "text"])
def test_plan_no_shows(
    demo: SandboxDriver,
    example: Callable[[str], ModuleType],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    native: bool,
) -> None:
    """The plan has exactly the absent attendees, however templates render; a second run makes the same plan.

    Nothing is written to Cal.com, and neither XCom nor the log shows an address or a name.
    """
    module = example("calcom_plan_no_shows")
    monkeypatch.setattr(module.dag, "render_template_as_native_obj", native)
    caplog.set_level("INFO")
    dag_run = run(module, day=DAY, plans=str(tmp_path))
    written = capfd.readouterr()  # where Airflow 3 logs, as 2.11 does to what caplog sees
    log = caplog.text + written.out + written.err
    folder = tmp_path / DAY
    assert planned(folder) == TRULY_ABSENT - MARKED_BEFORE
    result = xcoms(dag_run, "plan")[-1]
    assert (result["plan_path"], result["state"]) == (str(folder), "ready")
    assert result["changes"]["mark_attendees"] == len(TRULY_ABSENT - MARKED_BEFORE)
    assert "6 in 5 bookings: 6 attendees and 0 hosts to mark absent" in log
    for text in (log, json.dumps(result)):
        assert "@example.org" not in text
        assert "Barker" not in text
    first = json.loads((folder / "summary.json").read_bytes())
    run(module, day=DAY, plans=str(tmp_path))
    second = json.loads((folder / "summary.json").read_bytes())
    assert second["sha256"] == first["sha256"]
    assert second["inputs"] == first["inputs"]
    assert demo.writes() == []


def test_the_examples_default_day_is_that_of_their_report(
    demo: SandboxDriver,
    example: Callable[[str], ModuleType],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """However a run starts, the sample report is planned for its own day; any other for the day before, with a warning.

    A run by hand, the API or an asset has no logical date on Airflow 3.
    """
    module = importlib.reload(example("calcom_plan_no_shows"))  # the DAG may keep the params of other tests' runs
    without_date = {"logical_date": None} if AIRFLOW_3 else {}
    for options in ({}, without_date):
        result = xcoms(module.dag.test(run_conf={"plans": str(tmp_path)}, **options), "plan")[-1]
        assert (result["changes"]["mark_attendees"], result["plan_path"]) == (6, str(tmp_path / DAY))
    reconcile = importlib.reload(example("calcom_reconcile_no_shows"))
    assert xcoms(run(reconcile, plans=str(tmp_path)), "apply")[-1]["outcomes"]["would_apply"] == 6
    capfd.readouterr()
    report = tmp_path / "report.json"
    report.write_bytes(Path(module.SAMPLE_REPORT).read_bytes())
    result = xcoms(run(module, plans=str(tmp_path), report=str(report)), "plan")[-1]
    assert result["changes"]["total"] == 0
    written = capfd.readouterr()
    assert "Are they the reports of these days?" in caplog.text + written.out + written.err


def planned(folder: Path) -> set[tuple[str, str]]:
    """Return whom the plan in a folder would mark."""
    from airflow_provider_calcom.no_shows.plan_files import read_plan, verify_plan

    verify_plan(folder)
    return {(change.booking_uid, change.email) for change in read_plan(folder)}


def test_a_rejected_plan_fails_the_run_without_retry(
    demo: SandboxDriver, example: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed guard rail is not retried, downstream tasks do not run, and the summary is written."""
    module = example("calcom_plan_no_shows")
    monkeypatch.setattr(module.dag.get_task("plan"), "guard_rails", {"max_changes": 1})
    dag_run = module.dag.test(run_conf={"day": DAY, "plans": str(tmp_path)})
    states = {one.task_id: str(getattr(one.state, "value", one.state)) for one in dag_run.get_task_instances()}
    assert states == {"plan": "failed", "show": "upstream_failed"}
    assert len([call for call in demo.calls() if call["path"].startswith("/v2/bookings?")]) == 1
    summary = json.loads((tmp_path / DAY / "summary.json").read_bytes())
    assert summary["refused"] == ["max_changes: the plan has 6 changes (limit: at most 1)"]
    assert not (tmp_path / DAY / "plan.jsonl").exists()


@pytest.mark.every_version
def test_reconcile_no_shows(demo: SandboxDriver, example: Callable[[str], ModuleType], tmp_path: Path) -> None:
    """A dry run reports; a run marks exactly the absent; another writes nothing; a late feed removes a mark of ours."""
    module = example("calcom_reconcile_no_shows")
    demo.subscribe("cal_demo_owner")
    conf = reconciling(module, tmp_path)

    dry = xcoms(run(module, **conf), "apply")[-1]
    assert (dry["outcomes"]["would_apply"], dry["calls"]) == (len(TRULY_ABSENT - MARKED_BEFORE), 0)
    assert marked(demo) == MARKED_BEFORE

    first = xcoms(run(module, **conf, dry_run=False), "apply")[-1]
    assert marked(demo) == TRULY_ABSENT
    assert first["outcomes"]["applied"] == len(TRULY_ABSENT - MARKED_BEFORE)
    assert first["calls"] == len(demo.marks()) == len(demo.deliveries())

    second = xcoms(run(module, **conf, dry_run=False), "apply")[-1]
    assert (second["changes"], second["calls"], len(demo.marks())) == (0, 0, first["calls"])

    uid, who = sorted(TRULY_ABSENT - MARKED_BEFORE)[0]
    late = tmp_path / "late.json"
    late.write_text(json.dumps([*json.loads(Path(module.SAMPLE_REPORT).read_text()), came_late(uid, who)]))
    third = xcoms(run(module, **{**conf, "report": str(late)}, dry_run=False), "apply")[-1]
    assert third["outcomes"]["applied"] == 1
    assert marked(demo) == TRULY_ABSENT - {(uid, who)}
    assert len(demo.marks()) == first["calls"] + 1


def reconciling(module: ModuleType, folder: Path) -> dict[str, Any]:
    """Return the run's whole configuration: the DAG may keep the params of an earlier run."""
    folders = {"plans": str(folder / "plans"), "ledger": str(folder / "ledger")}
    return {"day": "2026-11-19", "report": module.SAMPLE_REPORT, **folders}


def came_late(uid: str, who: str) -> dict[str, Any]:
    """Return a row of Zoom's report for an attendee who came."""
    world = json.loads((DEMO / "world.json").read_text(encoding="utf-8"))
    (booking,) = (one for one in world["bookings"] if one["uid"] == uid)
    times = {"join_time": booking["start"], "leave_time": booking["end"]}
    who_came = {"name": "X", "user_email": who, "status": "in_meeting"}
    return {"booking_uid": uid, "meeting_id": "81200009999", **who_came, **times}


def test_a_failure_is_reported(
    demo: SandboxDriver,
    example: Callable[[str], ModuleType],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The callback logs the failed task and its error, without an address."""
    demo.fault_on_mark(
        "status",
        status=500,
        body={"statusCode": 500, "message": "Failed to update no-show status"},
        when="before",
        times=None,
    )
    module = example("calcom_reconcile_no_shows")
    dag_run = module.dag.test(run_conf={**reconciling(module, tmp_path), "dry_run": False})
    assert str(getattr(dag_run.state, "value", dag_run.state)) == "failed"
    written = capfd.readouterr()
    log = caplog.text + written.out + written.err
    assert "apply of " in log
    assert "6 of 6 changes failed (not permitted, NoShowUpdateFailed: 6)" in log
    assert "@example.org" not in log
    assert marked(demo) == MARKED_BEFORE


def test_backfill_no_shows(demo: SandboxDriver, example: Callable[[str], ModuleType], tmp_path: Path) -> None:
    """Each window has its own plan, all share one ledger; another run writes nothing."""
    module = example("calcom_backfill_no_shows")
    folders = {"plans": str(tmp_path / "plans"), "ledger": str(tmp_path / "ledger")}
    conf = {"first_day": "2026-11-16", "last_day": "2026-11-19", "days": 1, "dry_run": False, **folders}
    first = run(module, **conf)
    results = xcoms(first, "apply")
    assert marked(demo) == TRULY_ABSENT
    names = {(one.task_id, one.rendered_map_index) for one in first.get_task_instances() if one.map_index >= 0}
    assert names == {(task, f"2026-11-{day}") for task in ("plan", "apply") for day in (16, 17, 18, 19)}
    assert sorted(Path(result["plan_path"]).name for result in results.values()) == [
        f"2026-11-{day}" for day in (16, 17, 18, 19)
    ]
    assert sum(result["calls"] for result in results.values()) == len(demo.marks())
    again = xcoms(run(module, **conf), "apply")
    assert [result["calls"] for result in again.values()] == [0] * 4


def test_no_shows_to_warehouse(
    demo: SandboxDriver, example: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table has exactly the flags that were written; a second load, or one of an older plan, changes nothing.

    A mark that a later plan removed is removed from the table.
    """
    database = tmp_path / "warehouse.db"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(database)}))
    reconcile, warehouse = example("calcom_reconcile_no_shows"), example("calcom_no_shows_to_warehouse")
    conf = {**reconciling(reconcile, tmp_path), "dry_run": False}
    written = {(uid, who.lower()) for uid, who in TRULY_ABSENT - MARKED_BEFORE}
    folder, older = tmp_path / "plans" / "2026-11-19", tmp_path / "older"

    run(reconcile, **conf)
    run(warehouse, plans=[str(folder)])
    assert absent_in(database) == dict.fromkeys(written, True)
    shutil.copytree(folder, older)

    uid, who = sorted(TRULY_ABSENT - MARKED_BEFORE)[0]
    late = tmp_path / "late.json"
    late.write_text(json.dumps([*json.loads(Path(reconcile.SAMPLE_REPORT).read_text()), came_late(uid, who)]))
    run(reconcile, **{**conf, "report": str(late)})
    run(warehouse, plans=[str(folder)])
    expected = {**dict.fromkeys(written, True), (uid, who.lower()): False}
    assert absent_in(database) == expected

    run(warehouse, plans=[str(folder), str(folder), str(older)])
    assert absent_in(database) == expected


def absent_in(database: Path) -> dict[tuple[str, str], bool]:
    """Return the flags in the warehouse's table, by booking and address."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT booking_uid, email, absent FROM no_shows WHERE role = 'attendee'")
        return {(uid, email): bool(absent) for uid, email, absent in rows}


def test_which_plans_are_loaded(example: Callable[[str], ModuleType], tmp_path: Path) -> None:
    """All events of a run count, each plan once; outcomes that another plan replaced fail instead of being taken."""
    module = example("calcom_no_shows_to_warehouse")
    extras = [{"plan_path": f"/plans/{day}", "sha256": f"{day}"} for day in (1, 2, 1)]
    found = module.plans_of(extras, ["/plans/by-hand"])
    assert [(plan["path"], plan["sha256"]) for plan in found] == [
        ("/plans/1", "1"),
        ("/plans/2", "2"),
        ("/plans/by-hand", None),
    ]
    (tmp_path / "outcomes.jsonl").write_text(json.dumps({"plan": "newer"}) + "\n")
    assert list(module.outcomes_of({"path": str(tmp_path), "sha256": "newer"})) == [{"plan": "newer"}]
    with pytest.raises(AirflowFailException, match="plan newer, which replaced older"):
        list(module.outcomes_of({"path": str(tmp_path), "sha256": "older"}))
    with pytest.raises(AirflowFailException, match="no plan_path"):
        list(module.outcomes_of({"path": None, "sha256": "older"}))


def test_which_flag_an_outcome_leaves(example: Callable[[str], ModuleType]) -> None:
    """No fee for a mark that a person removed, or that may not have been made."""
    flag_of = example("calcom_no_shows_to_warehouse").flag_of
    known = {outcome: flag_of({"outcome": outcome, "to": True}) for outcome in OUTCOMES}
    assert {outcome: flag for outcome, flag in known.items() if flag is not None} == {
        "applied": True,
        "already": True,
        "human_override": False,
    }
    assert flag_of({"outcome": "human_override", "to": False}) is True
    assert flag_of({"outcome": "applied", "to": False}) is False


def test_no_shows_on_ended(demo: SandboxDriver, example: Callable[[str], ModuleType], tmp_path: Path) -> None:
    """Exactly the bookings of the run are decided on; a dry run writes nothing, and a second run no flag again."""
    module = example("calcom_no_shows_on_ended")
    conf = {"plans": str(tmp_path / "plans"), "ledger": str(tmp_path / "ledger")}
    absent = {one for one in TRULY_ABSENT if one[0] in module.SAMPLE_BOOKINGS}
    assert len(absent) == 2
    before = marked(demo)

    run(module, **conf)
    assert demo.writes() == []
    for _ in range(2):
        run(module, **conf, dry_run=False)
        assert marked(demo) - before == absent
    assert len(demo.marks()) == len(absent)
