"""ApplyNoShowsOperator: each real change of a plan is made once, verified and recorded; all outcomes are reported."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_calcom.api import errors
from airflow_provider_calcom.attendance.errors import PlanRefused
from airflow_provider_calcom.no_shows.apply.application import PlanHashMismatch, TooManyChanges
from airflow_provider_calcom.no_shows.apply.result import ChangesFailed
from airflow_provider_calcom.no_shows.ledger.identities import LedgerSecretMismatch
from airflow_provider_calcom.no_shows.ledger.reader import LastWriteLookup
from airflow_provider_calcom.no_shows.plan_files import CorruptPlan
from airflow_provider_calcom.sandbox.practice import practice_world
from benchmarks.plans import write_plan_by_hand
from tests.operators.applying import apply, change, counted, ledger, operator, outcomes
from tests.operators.marking import BOB, CAROL, DAVE, ERIN, FOREIGN, MONA, OF_BOB, OF_ERIN, OF_MONA, OF_THREE
from tests.operators.planning import OWNER, WHOLE, changes, fed, memory_storage, plan, reasons, report
from tests.support import BUILDS, KEY, NOW, SandboxDriver, ends_the_task

THREE_STARTS = "2026-11-18T11:00:00.000Z"
MONA_STARTS = "2026-11-18T15:00:00.000Z"
ERIN_STARTS = "2026-11-18T09:00:00.000Z"


def of_three(email: str, to: bool = True) -> dict[str, Any]:
    return change(OF_THREE, email, to, start_at=THREE_STARTS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A plan of four changes in three bookings; one is to remove a mark."""
    return write_plan_by_hand(
        tmp_path / "plan",
        [
            change(OF_BOB, BOB),
            of_three(BOB),
            of_three(CAROL, to=False),
            change(OF_MONA, MONA, start_at=MONA_STARTS),
        ],
    )


@pytest.fixture
def carol_is_marked(calcom: SandboxDriver) -> None:
    calcom.change(OF_THREE, attendees=[{"email": CAROL, "absent": True}])


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.usefixtures("carol_is_marked")
def test_a_plan_is_applied_with_one_call_per_booking(calcom: SandboxDriver, folder: Path) -> None:
    """On each build the flags are as planned, and webhooks are sent once per booking."""
    calcom.subscribe()
    result = apply(folder)
    assert counted(result) == {"applied": 4}
    assert (result["changes"], result["bookings"], result["calls"]) == (4, 3, 3)
    assert (calcom.absent(OF_BOB), calcom.absent(OF_THREE), calcom.absent(OF_MONA)) == ({BOB}, {BOB}, {MONA})
    assert len(calcom.marks()) == len(calcom.deliveries()) == 3


@pytest.mark.usefixtures("carol_is_marked")
def test_a_second_run_sends_nothing(calcom: SandboxDriver, folder: Path) -> None:
    """A flag that is already set is not sent again: each call notifies people."""
    apply(folder)
    before = len(calcom.marks())
    result = apply(folder)
    assert (counted(result), result["calls"]) == ({"already": 4}, 0)
    assert len(calcom.marks()) == before
    assert set(outcomes(folder).values()) == {("already", "by an earlier run of this plan")}


@pytest.mark.usefixtures("carol_is_marked")
def test_flags_are_read_in_pages(calcom: SandboxDriver, folder: Path) -> None:
    """No booking is read by itself, and no page without a booking of the plan."""
    apply(folder)
    reads = [call["path"] for call in calcom.calls() if call["method"] == "GET"]
    assert len(reads) == 2
    assert reads[0] == "/v2/me"
    assert reads[1].startswith("/v2/bookings?afterStart=2026-11-18T08%3A00")


def test_addresses_in_another_case(calcom: SandboxDriver, tmp_path: Path) -> None:
    """Cal.com compares byte by byte; we find its spelling, and write it to the ledger."""
    folder = write_plan_by_hand(
        tmp_path / "plan",
        [change(OF_BOB, BOB.upper()), change(OF_ERIN, ERIN.lower(), start_at=ERIN_STARTS)],
    )
    assert counted(apply(folder)) == {"applied": 2}
    assert (calcom.absent(OF_BOB), calcom.absent(OF_ERIN)) == ({BOB}, {ERIN})
    assert {row["email"] for row in ledger(tmp_path / "ledger")} == {BOB, ERIN}
    assert counted(apply(folder)) == {"already": 2}


@pytest.mark.usefixtures("calcom")
def test_each_write_is_in_the_ledger_before_and_after(folder: Path, tmp_path: Path) -> None:
    """An intent and an outcome of each, with person, flag, reason and request; none of flags that were not written."""
    apply(folder, context={"ti": _Task()})
    records = ledger(tmp_path / "ledger")
    assert [row["kind"] for row in records].count("intent") == 3
    ended = {(row["booking_uid"], row["email"]): row for row in records if row["kind"] == "outcome"}
    assert set(ended) == {(OF_BOB, BOB), (OF_THREE, BOB), (OF_MONA, MONA)}
    of_bob = ended[OF_BOB, BOB]
    assert (of_bob["from"], of_bob["to"], of_bob["reason"], of_bob["outcome"]) == (False, True, "not_seen", "applied")
    assert of_bob["shown"] is True
    assert len(str(of_bob["request_id"])) == 36
    assert of_bob["plan"] == json.loads((folder / "summary.json").read_text())["sha256"]
    assert (of_bob["dag_id"], of_bob["run_id"], of_bob["task_id"], of_bob["try_number"]) == ("d", "r", "t", 1)
    assert {row["id"] for row in records if row["kind"] == "intent"} == {row["id"] for row in ended.values()}


class _Task:
    dag_id, run_id, task_id, map_index, try_number = "d", "r", "t", -1, 1


def test_the_outcomes_of_changes_that_can_not_be_made(calcom: SandboxDriver, tmp_path: Path) -> None:
    """Other changes of the same plan, and of the same booking, are made; nothing is sent for these."""
    calcom.change(OF_MONA, status="cancelled")
    ahead = "sandbox-tomorrow-1"
    folder = write_plan_by_hand(
        tmp_path / "plan",
        [
            of_three(BOB),
            of_three("stranger@example.org"),
            change(OF_MONA, MONA, start_at=MONA_STARTS),
            change(ahead, BOB, start_at="2026-11-20T08:00:00.000Z"),
            change("no-such-booking", BOB),
            change(OF_BOB, OWNER, role="host"),
        ],
    )
    result = apply(folder)
    assert outcomes(folder) == {
        (OF_THREE, BOB): ("applied", None),
        (OF_THREE, "stranger@example.org"): ("unknown_attendee", None),
        (OF_MONA, MONA): ("gone", "cancelled"),
        (ahead, BOB): ("not_started", "starts later"),
        ("no-such-booking", BOB): ("gone", "BookingNotFound"),
        (OF_BOB, "host"): ("applied", None),
    }
    assert result["calls"] == len(calcom.marks()) == 2
    assert calcom.flags(OF_BOB) == (True, {BOB: False})


def test_changes_that_are_not_permitted_fail_the_task(calcom: SandboxDriver, tmp_path: Path) -> None:
    """Cal.com refuses with a 500, or would mark another user's guests and host: for those it is not even called."""
    folder = write_plan_by_hand(
        tmp_path / "plan",
        [
            change(OF_BOB, BOB),
            change(FOREIGN, CAROL, start_at=ERIN_STARTS),
            change("sandbox-of-other", "other@example.com", role="host", start_at=ERIN_STARTS),
        ],
    )
    with pytest.raises(
        ChangesFailed, match=r"2 of 3 changes failed \(not permitted, booking of another user: 2\)"
    ) as caught:
        apply(folder)
    assert ends_the_task(caught.value)
    assert outcomes(folder)[FOREIGN, CAROL] == ("not_permitted", "booking of another user")
    assert outcomes(folder)[FOREIGN, "host"] == ("not_permitted", "booking of another user")
    assert calcom.flags(FOREIGN) == (False, {CAROL: False})
    assert calcom.absent(OF_BOB) == {BOB}
    assert len(calcom.marks()) == 1
    with pytest.raises(ChangesFailed, match=r"NoShowUpdateFailed"):
        apply(folder, allow_foreign_booking=True)
    assert outcomes(folder)[FOREIGN, CAROL] == ("not_permitted", "NoShowUpdateFailed")


def test_a_booking_that_was_moved_after_the_plan_is_left_unchanged(calcom: SandboxDriver, folder: Path) -> None:
    """The plan judged attendance at another hour; whether the new one has begun makes no difference."""
    calcom.change(OF_BOB, start="2026-11-18T07:30:00.000Z", end="2026-11-18T08:00:00.000Z")
    assert counted(apply(folder)) == {"applied": 2, "already": 1, "moved": 1}
    assert outcomes(folder)[OF_BOB, BOB] == ("moved", "rescheduled after the plan")
    assert calcom.absent(OF_BOB) == set()


def test_a_flag_that_a_person_removed_stays_in_a_cleared_task(calcom: SandboxDriver, folder: Path) -> None:
    """Airflow runs a cleared task as a later attempt, perhaps days later: it must not report a removed mark as made."""
    first, second = _Task(), _Task()
    second.try_number = 2
    apply(folder, context={"ti": first})
    calcom.change(OF_BOB, attendees=[{"email": BOB, "absent": False}])
    assert counted(apply(folder, context={"ti": second})) == {"already": 3, "human_override": 1}
    assert outcomes(folder)[OF_BOB, BOB] == ("human_override", None)
    assert calcom.absent(OF_BOB) == set()


def test_a_change_by_hand_stays(calcom: SandboxDriver, folder: Path) -> None:
    """If a person removed our mark, the plan does not set it again, unless it was made with force."""
    apply(folder)
    calcom.change(OF_BOB, attendees=[{"email": BOB, "absent": False}])
    assert counted(apply(folder)) == {"already": 3, "human_override": 1}
    assert calcom.absent(OF_BOB) == set()
    forced = write_plan_by_hand(folder.parent / "forced", [change(OF_BOB, BOB)], force=True)
    assert counted(apply(forced)) == {"applied": 1}


def test_a_host_who_was_replaced_is_not_marked(calcom: SandboxDriver, tmp_path: Path) -> None:
    """The call names no address, so Cal.com would mark the new host."""
    folder = write_plan_by_hand(tmp_path / "plan", [change(OF_BOB, "left@example.com", role="host")])
    assert counted(apply(folder)) == {"unknown_attendee": 1}
    assert outcomes(folder) == {(OF_BOB, "host"): ("unknown_attendee", "another host")}
    assert calcom.flags(OF_BOB) == (False, {BOB: False})


def test_a_host_in_another_case(calcom: SandboxDriver, tmp_path: Path) -> None:
    """The ledger has the booking's spelling, so that a change by hand is seen however the plan spells the address."""
    folder = write_plan_by_hand(tmp_path / "plan", [change(OF_BOB, OWNER.upper(), role="host")])
    assert counted(apply(folder)) == {"applied": 1}
    assert {row["email"] for row in ledger(tmp_path / "ledger")} == {OWNER}
    calcom.change(OF_BOB, absentHost=False)
    assert counted(apply(folder)) == {"human_override": 1}
    both = [change(OF_MONA, email, role="host", start_at=MONA_STARTS) for email in (OWNER, OWNER.upper())]
    with pytest.raises(ChangesFailed, match="AmbiguousAttendee: 1"):
        apply(write_plan_by_hand(tmp_path / "twice", both))


def test_cohosts_are_refused(calcom: SandboxDriver, tmp_path: Path) -> None:
    """A co-host among the attendees is not marked, unless allow_cohosts is set."""
    starts = "2026-11-18T18:00:00.000Z"
    calcom.change("sandbox-team", attendees=[])
    folder = write_plan_by_hand(tmp_path / "plan", [change("sandbox-team", "other@example.com", start_at=starts)])
    with pytest.raises(ChangesFailed, match="CoHostRefused: 1"):
        apply(folder)
    assert calcom.marks() == []
    assert counted(apply(folder, allow_cohosts=True)) == {"applied": 1}


def test_a_cohost_of_another_domain_is_refused(calcom: SandboxDriver, tmp_path: Path) -> None:
    """Nor is a person who neither booked nor is a guest, whatever their address is."""
    world, starts = practice_world(NOW), "2026-11-18T18:00:00.000Z"
    booking = next(one for one in world["bookings"] if one["uid"] == "sandbox-team")
    booking["attendees"].append({**booking["attendees"][0], "email": "anna@freelance.example"})
    calcom.admin("world", {"world": world})
    both = [change("sandbox-team", email, start_at=starts) for email in ("anna@freelance.example", BOB)]
    with pytest.raises(ChangesFailed, match="CoHostRefused: 1"):
        apply(write_plan_by_hand(tmp_path / "plan", both))
    assert calcom.flags("sandbox-team")[1][BOB] is True
    assert calcom.flags("sandbox-team")[1]["anna@freelance.example"] is False


def test_a_dry_run_writes_nothing(calcom: SandboxDriver, folder: Path, tmp_path: Path) -> None:
    """Neither to Cal.com nor to the ledger; what would be done is in a file of its own."""
    result = apply(folder, dry_run="True")
    assert (counted(result), result["calls"], result["dry_run"]) == ({"would_apply": 3, "already": 1}, 0, True)
    assert calcom.writes() == []
    assert not (tmp_path / "ledger").exists()
    assert not (folder / "outcomes.jsonl").exists()
    assert outcomes(folder, "outcomes-dry-run.jsonl")[OF_BOB, BOB] == ("would_apply", None)


def test_only_the_plan_that_was_approved(calcom: SandboxDriver, folder: Path) -> None:
    """A plan with another hash, with more changes than allowed, or edited by hand is rejected before any call."""
    sha256 = json.loads((folder / "summary.json").read_text())["sha256"]
    with pytest.raises(PlanHashMismatch, match="expected_hash") as caught:
        apply(folder, expected_hash="0" * 64)
    assert ends_the_task(caught.value)
    with pytest.raises(PlanHashMismatch):
        apply({"plan_path": str(folder), "sha256": "1" * 64}, ledger_path=str(folder.parent / "ledger"))
    with pytest.raises(TooManyChanges, match="has 4 changes, and max_changes is 3"):
        apply(folder, max_changes="3")
    text = (folder / "plan.jsonl").read_text()
    (folder / "plan.jsonl").write_text(text.replace(CAROL, DAVE))
    with pytest.raises(CorruptPlan):
        apply(folder)
    (folder / "plan.jsonl").write_text(text)
    assert calcom.calls() == []
    assert counted(apply(folder, expected_hash=sha256.upper(), max_changes=4, concurrency=None))["applied"] == 3


@pytest.mark.usefixtures("calcom")
def test_a_rejected_plan_is_not_applied(tmp_path: Path) -> None:
    """A plan that a guard rail rejected stays rejected."""
    folder = write_plan_by_hand(
        tmp_path / "plan", [], state="refused", changes_file="refused-changes.jsonl", refused=["max_changes: 9"]
    )
    with pytest.raises(PlanRefused, match="max_changes"):
        apply(folder)


def test_nothing_to_do(calcom: SandboxDriver, tmp_path: Path) -> None:
    """An empty plan calls nothing and succeeds, or skips the task if that is set, as does one that is applied."""
    empty = write_plan_by_hand(tmp_path / "plan", [])
    assert counted(apply(empty)) == {}
    assert (empty / "outcomes.jsonl").read_bytes() == b""
    assert calcom.calls() == []
    done = write_plan_by_hand(tmp_path / "done", [change(OF_BOB, BOB, to=False)])
    for folder in (empty, done):
        with pytest.raises(AirflowSkipException):
            apply(folder, skip_if_nothing_to_do=True)
    assert counted(apply(empty, skip_if_nothing_to_do="False")) == {}


@pytest.mark.parametrize(("on_error", "marks"), [("continue", 5), ("stop", 1)])
def test_continuing_after_a_failure(calcom: SandboxDriver, tmp_path: Path, on_error: Any, marks: int) -> None:
    """With ``stop`` no more calls are sent, and the remaining changes are reported; a later run makes them."""
    uids = [f"sandbox-yesterday-{slot}" for slot in (1, 2, 3, 4, 6)]
    people = [BOB, CAROL, DAVE, ERIN, BOB]
    starts = [f"2026-11-18T{hour:02}:00:00.000Z" for hour in (8, 9, 9, 9, 13)]
    folder = write_plan_by_hand(
        tmp_path / "plan",
        [change(*one[:2], start_at=one[2]) for one in zip(uids, people, starts, strict=True)],
    )
    calcom.fault("POST", "*/sandbox-yesterday-1/mark-absent", "status", status=400, when="before")
    with pytest.raises(ChangesFailed, match="RequestRefused: 1"):
        apply(folder, on_error=on_error, concurrency=1)
    assert len(calcom.marks()) == marks
    assert len(outcomes(folder)) == 5
    retried = counted(apply(folder))
    assert retried == ({"applied": 1, "already": 4} if on_error == "continue" else {"applied": 5})


def test_a_key_that_is_not_known_stops_the_run(calcom: SandboxDriver, folder: Path, connect: Any) -> None:
    """The error is the key's, and no other change is sent with it."""
    connect(host=calcom.url, password="cal_unknown")
    with pytest.raises(errors.InvalidCredentials):
        apply(folder)
    assert {outcome for outcome, _ in outcomes(folder).values()} == {"failed"}
    assert calcom.marks() == []


def test_people_by_keyed_hashes(calcom: SandboxDriver, folder: Path, tmp_path: Path, connect: Any) -> None:
    """The ledger has no address then, changes by hand are still seen, and another secret is an error."""
    with pytest.raises(LedgerSecretMismatch, match="ledger_secret"):
        apply(folder, ledger_addresses="hashed")
    secret = {"ledger_secret": "a secret of the ledger"}
    connect(host=calcom.url, password=KEY, extra=json.dumps(secret))
    apply(folder, ledger_addresses="hashed")
    text = "".join(path.read_text() for path in (tmp_path / "ledger").rglob("*") if path.is_file())
    assert "@" not in text
    assert "a secret" not in text
    calcom.change(OF_BOB, attendees=[{"email": BOB, "absent": False}])
    assert counted(apply(folder)) == {"already": 3, "human_override": 1}
    connect(host=calcom.url, password=KEY, extra=json.dumps({"ledger_secret": "another secret of it"}))
    with pytest.raises(LedgerSecretMismatch, match="another secret"):
        apply(folder)


def test_a_plan_without_addresses(calcom: SandboxDriver, tmp_path: Path, connect: Any) -> None:
    """Plan, decisions, held-back and outcomes have keyed hashes, and the plan is applied as any other."""
    connect(host=calcom.url, password=KEY, extra=json.dumps({"ledger_secret": "a secret of the ledger"}))
    calcom.change(OF_ERIN, attendees=[{"email": ERIN, "absent": True}])
    absent = (OF_BOB, BOB), (OF_MONA, MONA)
    options = {"plan_addresses": "hashed", "policy": WHOLE | {"internal_emails": ["internal@acme.example"]}}
    plan(tmp_path / "plan", attendance=fed(report(calcom, *absent)), ledger_path=str(tmp_path / "ledger"), **options)
    assert counted(apply(tmp_path / "plan", ledger_addresses="hashed")) == {"applied": 2}
    assert (calcom.absent(OF_BOB), calcom.absent(OF_MONA)) == ({BOB}, {MONA})
    names = {path.name for path in (tmp_path / "plan").iterdir()}
    assert names >= {"plan.jsonl", "held-back.jsonl", "decisions.parquet", "summary.json", "outcomes.jsonl"}
    for folder in (tmp_path / "plan", tmp_path / "ledger"):
        for path in filter(Path.is_file, folder.rglob("*")):
            addresses = re.findall(rb"[\w.+-]+@[\w-]+\.[a-z]+", path.read_bytes())
            assert path.suffix == ".parquet" or addresses == [], path
    assert not any("@" in str(email) for _, email in reasons(tmp_path / "plan"))
    assert (tmp_path / "plan" / "held-back.jsonl").read_bytes()
    calcom.change(OF_BOB, attendees=[{"email": BOB, "absent": False}])
    assert counted(apply(tmp_path / "plan")) == {"already": 1, "human_override": 1}
    connect(host=calcom.url, password=KEY, extra=json.dumps({"ledger_secret": "another secret of it"}))
    with pytest.raises(LedgerSecretMismatch, match="another secret"):
        apply(tmp_path / "plan", ledger_path=str(tmp_path / "new"))


def test_planning_and_applying_with_one_ledger(calcom: SandboxDriver, tmp_path: Path) -> None:
    """A later plan removes only our marks, and leaves a change by hand; its folder has no outcomes of an older plan.

    Plan and ledger may be in an object store, where nothing can be appended to.
    """
    rails = {"max_absent_share": 1}
    with memory_storage() as storage:
        given = {"ledger_path": f"{storage}/ledger", "guard_rails": rails}
        bob_absent = fed(report(calcom, (OF_BOB, BOB)))
        first = plan(f"{storage}/plan", attendance=bob_absent, **given)
        assert counted(apply(first, ledger_path=given["ledger_path"])) == {"applied": 1}
        assert counted(apply(first, ledger_path=given["ledger_path"])) == {"already": 1}
        # Mona came, and a person marked her: the mark is not ours, so it is not removed.
        calcom.change(OF_MONA, attendees=[{"email": MONA, "absent": True}])
        second = plan(tmp_path / "plan", attendance=fed(report(calcom)), **given)
        assert changes(tmp_path / "plan") == {(OF_BOB, BOB)}
        assert second["held_back"]["not_ours"] == 1
        for is_dry in (True, False):
            apply(second, ledger_path=given["ledger_path"], dry_run=is_dry)
        assert (calcom.absent(OF_BOB), calcom.absent(OF_MONA)) == (set(), {MONA})
        assert len(list((tmp_path / "plan").glob("outcomes*"))) == 2
        # A person marked Bob again, although we removed his mark: that stays.
        calcom.change(OF_BOB, attendees=[{"email": BOB, "absent": True}])
        third = plan(tmp_path / "plan", attendance=fed(report(calcom)), **given)
        assert changes(tmp_path / "plan") == set()
        assert third["held_back"]["human_override"] == 1
        assert list((tmp_path / "plan").glob("outcomes*")) == []


def test_an_older_plan_does_not_undo_a_later_one(calcom: SandboxDriver, tmp_path: Path) -> None:
    """When its task is cleared, a person who was un-marked since is not marked again, unless that is forced."""
    older = write_plan_by_hand(tmp_path / "older", [change(OF_BOB, BOB)])
    later = write_plan_by_hand(tmp_path / "later", [change(OF_BOB, BOB, to=False)])
    assert counted(apply(older)) == counted(apply(later)) == {"applied": 1}
    with pytest.raises(ChangesFailed, match="a later plan changed it: 1"):
        apply(older)
    assert calcom.absent(OF_BOB) == set()
    forced = write_plan_by_hand(tmp_path / "older", [change(OF_BOB, BOB)], force=True)
    assert counted(apply(forced)) == {"applied": 1}


def test_a_mark_is_ours_however_tables_spell_the_address(calcom: SandboxDriver, tmp_path: Path) -> None:
    """The ledger has Cal.com's spelling; a plan from a table finds the write all the same."""
    marks = write_plan_by_hand(tmp_path / "marks", [change(OF_BOB, BOB.upper())])
    apply(marks)
    with LastWriteLookup(tmp_path / "ledger") as last_writes:
        (found,) = last_writes.find_all([(OF_BOB, "attendee", BOB.title())])
    assert (found.email, found.absent, found.is_certain) == (BOB.title(), True, True)


def test_a_key_whose_user_is_unknown(calcom: SandboxDriver, tmp_path: Path) -> None:
    """It could be an attendee's, for whom Cal.com would mark people too."""
    calcom.fault("GET", "/v2/me", "status", status=403, when="before", times=None)
    folder = write_plan_by_hand(tmp_path / "plan", [change(OF_BOB, OWNER, role="host"), change(OF_BOB, BOB)])
    with pytest.raises(ChangesFailed, match="not permitted, user of the key unknown: 2"):
        apply(folder)
    assert calcom.flags(OF_BOB) == (False, {BOB: False})
    assert counted(apply(folder, allow_foreign_booking=True)) == {"applied": 2}


def test_a_list_that_stays_incomplete(calcom: SandboxDriver, folder: Path) -> None:
    """The bookings that its pages leave out are read one by one."""
    empty = {"status": "success", "data": [], "pagination": {"totalItems": 3}}
    calcom.fault("GET", "/v2/bookings", "status", status=200, body=empty, when="before", times=None)
    assert counted(apply(folder)) == {"applied": 3, "already": 1}
    gets = (call["path"] for call in calcom.calls() if call["method"] == "GET")
    reads = [path for path in gets if path.startswith("/v2/bookings/")]
    assert sorted(reads) == sorted(f"/v2/bookings/{uid}" for uid in (OF_BOB, OF_THREE, OF_MONA))


@pytest.mark.usefixtures("calcom")
def test_planning_and_applying_share_a_ledger_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each connection has its own below AIRFLOW_HOME."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "home"))
    folder = write_plan_by_hand(tmp_path / "plan", [change(OF_BOB, BOB)])
    result = apply(str(folder))
    assert result["ledger_path"] == str(tmp_path / "home" / "calcom-ledger" / "calcom_default")
    assert len(ledger(Path(result["ledger_path"]))) == 2


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"plan": None}, "plan is None"),
        ({"plan": "None"}, "plan"),
        ({"plan": {"state": "ready"}}, "plan is an object without plan_path"),
        ({"plan": 5}, "plan must be"),
        ({"expected_hash": "abc"}, "expected_hash"),
        ({"expected_hash": "0" * 64, "plan": {"plan_path": "/p", "sha256": "1" * 64}}, "expected_hash"),
        ({"max_changes": -1}, "max_changes"),
        ({"max_changes": "many"}, "max_changes"),
        ({"concurrency": 0}, "concurrency"),
        ({"concurrency": "65"}, "concurrency"),
        ({"claim_timeout": -1}, "claim_timeout"),
        ({"on_error": "ignore"}, "on_error"),
        ({"dry_run": "perhaps"}, "dry_run"),
        ({"dry_run": "None"}, "dry_run"),
        ({"dry_run": None}, "dry_run"),
        ({"ledger_path": 5}, "ledger_path"),
        ({"storage_conn_id": ["aws"]}, "storage_conn_id"),
        ({"dry_run": ""}, "dry_run"),
        ({"skip_if_nothing_to_do": "perhaps"}, "skip_if_nothing_to_do"),
        ({"ledger_addresses": "secret"}, "ledger_addresses"),
        ({"ledger_path": "None"}, "ledger_path"),
        ({"user_id": 3}, "user_id"),
    ],
)
def test_an_invalid_parameter_is_named(calcom: SandboxDriver, folder: Path, options: Any, named: str) -> None:
    """It is named, before any call, and Airflow does not retry."""
    with pytest.raises(errors.InvalidArgument, match=named) as caught:
        apply(options.pop("plan", folder), **{"ledger_path": str(folder.parent / "ledger"), **options})
    assert ends_the_task(caught.value)
    assert calcom.calls() == []


def test_the_log_has_no_address(calcom: SandboxDriver, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Counts and booking uids only, also for failures."""
    body = {"statusCode": 500, "message": f"oops {BOB}"}
    calcom.fault_on_mark("status", status=500, body=body, times=None, when="before")
    with caplog.at_level(logging.INFO), pytest.raises(ChangesFailed) as caught:
        apply(folder)
    assert "@" not in caplog.text
    assert 'mark-absent "HTTP' not in caplog.text, "a line for each of a hundred thousand calls would bury all else"
    assert "@" not in str(caught.value)
    assert OF_BOB in caplog.text


@pytest.mark.parametrize("as_text", [False, True], ids=["dict", "text"])
def test_the_rendered_page_shows_path_and_hash(calcom: SandboxDriver, tmp_path: Path, as_text: bool) -> None:
    """Of what PlanNoShowsOperator returned, the task keeps path and hash, also of its string; it applies that plan."""
    made = plan(tmp_path / "plan", attendance=fed(report(calcom, (OF_BOB, BOB))), ledger_path=str(tmp_path / "ledger"))
    assert len(str(made)) > 500
    task = operator(str(made) if as_text else made, ledger_path=str(tmp_path / "ledger"))
    task.render_template_fields({})
    assert task.plan == {"plan_path": str(tmp_path / "plan"), "sha256": made["sha256"]}
    assert counted(task.execute({})) == {"applied": 1}


def test_the_log_ends_with_a_table_of_the_outcomes(
    calcom: SandboxDriver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each outcome with its reasons, no line beyond 100 columns but a path, no address; the error after it is short."""
    caplog.set_level("INFO")
    rows = [change(OF_BOB, BOB), change("no-such-booking", BOB), change(OF_BOB, "nobody@elsewhere.example")]
    calcom.fault_on_mark("status", status=500, body={"message": "no"}, when="before", times=None)
    with pytest.raises(ChangesFailed) as raised:
        apply(write_plan_by_hand(tmp_path / "plan", rows))
    (table,) = [text for text in (one.getMessage() for one in caplog.records) if "mark-absent calls" in text]
    lines = table.splitlines()
    assert [line.split()[0] for line in lines] == ["Plan", "changes", *list_of_outcomes(lines), "calls", "outcomes"]
    assert all(len(line) <= 100 for line in lines if str(tmp_path) not in line)
    assert "@" not in table
    assert len(str(raised.value)) <= 220


def list_of_outcomes(lines: list[str]) -> list[str]:
    """Return the outcomes of a table of the log: the lines between the changes and the calls."""
    return [line.split()[0] for line in lines[2:-2]]
