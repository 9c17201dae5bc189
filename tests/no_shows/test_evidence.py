"""A plan's evidence: what its decisions are explained by, and what of it a plan with hashes may have."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from airflow_provider_calcom.attendance.engine import Resources, deciding
from airflow_provider_calcom.attendance.explain import Explanation, PersonExplanation, explain, page
from airflow_provider_calcom.attendance.explain.reasons import with_reasons
from airflow_provider_calcom.no_shows import plan_tables
from airflow_provider_calcom.no_shows.evidence import read_evidence
from airflow_provider_calcom.no_shows.plan import write_plan
from airflow_provider_calcom.no_shows.plan_files import CorruptPlan, read_summary, verify_plan
from airflow_provider_calcom.no_shows.plan_tables import write_evidence
from tests.attendance.test_reference import REASONS
from tests.attendance.worlds import random_tables
from tests.no_shows.report_plans import PASSING, WORLDS, hashed, is_hashed, write_world_plans


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return plans of all reasons."""
    return write_world_plans(tmp_path_factory.mktemp("plans"))


CITING = ("trace", "unknown_participant", "named_with_another", "name_elsewhere", "seen_at_another_time")
"""Reasons that are a row of attendance."""


def test_every_reason_comes_with_evidence(plans: list[Path]) -> None:
    """Each booking of a decision has its facts, by start and uid, with the plan's decisions and the rows of doubts."""
    found = set()
    for folder in plans:
        summary = read_summary(folder)
        explanations = [with_reasons(one) for one in read_evidence(folder, summary)]
        assert summary["evidence"] == {"bookings": len(explanations), "left_out": 0}
        assert summary["bookings"] == len(explanations)
        starts = [(one.booking.start_at, one.booking.booking_uid) for one in explanations]
        assert starts == sorted(starts)
        people = [person for one in explanations for person in one.people if person.outcome is not None]
        assert all(person.why for person in people)
        assert all(re.search(r": row #\d+ \(", person.why) for person in people if person.reason in CITING)
        counted: dict[str, dict[str, int]] = {}
        for person in people:
            of_outcome = counted.setdefault(str(person.outcome), {})
            of_outcome[str(person.reason)] = of_outcome.get(str(person.reason), 0) + 1
        assert counted == summary["outcomes"]
        found |= {(person.role, str(person.outcome), str(person.reason)) for person in people}
    assert found == REASONS


def test_the_evidence_is_what_explain_finds(plans: list[Path]) -> None:
    """Many bookings in one run have the facts that each of them has alone, apart from the numbers of the files."""
    folder, seed = plans[0], WORLDS[0]
    tables, policy = random_tables(seed, 30)
    for one in list(read_evidence(folder, read_summary(folder)))[::6]:
        uid = one.booking.booking_uid
        alone = explain(*tables, policy | {"judge_hosts": True}, booking_uid=uid, resources=Resources(threads=1))
        assert comparable(with_reasons(one).as_dict()) == comparable(alone.as_dict())


def comparable(facts: dict[str, Any]) -> Any:
    """Return facts without numbers of rows and people, and the files that these are of."""
    people = [
        {name: value for name, value in one.items() if name in ("email", "role", "outcome", "reason")}
        for one in facts["people"]
    ]
    idle = ("elsewhere", "outside_window")
    rows = [
        {name: len(value) if isinstance(value, list) else value for name, value in one.items() if name != "number"}
        for one in facts["rows"]
        if one["place"] not in idle
    ]
    counts = [facts["rows_in_all"].get(place) for place in ("meeting", "elsewhere")]
    return facts["booking"], facts["feed"], facts["host_side"], people, rows, counts


def test_some_bookings_of_a_plan(plans: list[Path]) -> None:
    """Only the requested ones are read."""
    summary = read_summary(plans[0])
    uids = [one.booking.booking_uid for one in read_evidence(plans[0], summary)]
    some = [uids[7], uids[2]]
    found = read_evidence(plans[0], summary, booking_uids=[*some, "no-such-booking"])
    assert [one.booking.booking_uid for one in found] == sorted(some, key=uids.index)
    assert list(read_evidence(plans[0], summary, booking_uids=[])) == []


def test_the_order_of_the_input_makes_no_difference(tmp_path: Path) -> None:
    """The same rows in another order, on another number of threads, are the same bytes; also rows of equal times."""
    tables, policy = random_tables(WORLDS[1], 30)
    for name in ("name", "email", "phone", "participant"):
        tables[2].extend([row | {name: value} for row in tables[2][:30] for value in ("Zed 1234567", "Ada 7654321")])
    tables[1].extend([person | {"name": name} for person in tables[1][:30] for name in ("Zed", "Ada")])
    found = []
    for seed in range(3):
        with deciding(*tables, policy, resources=Resources(threads=1 + seed)) as decided:
            write_plan(decided, tmp_path / str(seed), rails=PASSING)
        found.append({path.name: path.read_bytes() for path in (tmp_path / str(seed)).iterdir()})
        for table in tables:
            random.Random(seed).shuffle(table)
    assert "evidence.parquet" in found[0]
    assert found[0] == found[1] == found[2]


Holds = Callable[[Explanation, PersonExplanation], bool]
WHY_NOT: dict[int, Holds] = {
    1: lambda one, _: one.booking.status == "accepted",
    2: lambda one, _: one.booking.rescheduled_to_uid is None,
    3: lambda one, _: one.booking.settled_at <= one.feed.as_of,
    4: lambda _, person: not person.is_internal,
    5: lambda one, person: sum(same_address(person, other) for other in one.people) == 1,
    6: lambda one, person: person.presence_seconds < one.policy.min_presence,
    7: lambda one, person: not (one.policy.traces_are_doubt and any(person.person in row.trace_of for row in one.rows)),
    8: lambda one, _: (one.feed.complete_until or 0) >= one.feed.needed_until,
    9: lambda one, _: any(row.is_evidence for row in one.rows),
    10: lambda one, _: one.policy.assume_held or not one.policy.require_host_present or one.host_side.came is True,
    11: lambda one, _: not any(row.is_company for row in one.rows),
    12: lambda one, person: not any(person.person in row.named_with for row in one.rows),
    13: lambda one, person: not any(person.person in row.named_elsewhere for row in one.rows),
    14: lambda one, person: (
        not one.policy.traces_are_doubt or not any(person.person in row.at_another_time for row in one.rows)
    ),
}
"""What must hold where a rule did not apply, though one after it did."""


def same_address(one: PersonExplanation, other: PersonExplanation) -> bool:
    return other.role == "attendee" and (one.email or "").strip().lower() == (other.email or "").strip().lower()


def test_the_rule_before_is_one_that_did_not_apply(plans: list[Path]) -> None:
    """Whatever applied, the sentence on the rule before it is true: the facts beside it do not contradict it."""
    seen: set[tuple[str, int | None]] = set()
    for folder in plans:
        for explanation in map(with_reasons, read_evidence(folder, read_summary(folder))):
            for person in explanation.people:
                seen.add((person.role, person.rule_before))
                if person.rule_before is not None:
                    assert WHY_NOT[person.rule_before](explanation, person), person.why_not_before
                    assert person.rule is None or person.rule_before < person.rule
                elif person.why_not_before:
                    check_host(explanation, person)
                else:
                    assert person.rule == 1 or person.reason is None
                if person.rule_before == 9:
                    assert re.search(r"core: row #\d+ \(", person.why_not_before)
                assert "{" not in person.why_not_before
                assert person.why_not_before in " ".join(page(explanation).split())
    attendees, hosts = ({before for role, before in seen if role == one} for one in ("attendee", "host"))
    assert attendees == {None, *range(1, 15)}
    assert hosts == {None, 1, 2, 3, 8, 9, 11}


def check_host(explanation: Explanation, host: PersonExplanation) -> None:
    """Check the sentences on the rules that only hosts have."""
    if host.reason == "trace":
        assert explanation.host_side.came is False
        assert host.why_not_before.startswith("the host side did not come")
    else:
        hosts = {person.person for person in explanation.people if person.role == "host"}
        assert host.reason == "feed_incomplete"
        assert not any(row.is_internal or hosts.intersection(row.trace_of) for row in explanation.rows)


# ----------------------------------------------------------------------------------------------------------------------
# Which bookings, and where there is no evidence
# ----------------------------------------------------------------------------------------------------------------------

Row = dict[str, Any]


def meeting(uid: str, day: int, *guests: Row, **changes: Any) -> tuple[list[Row], list[Row], list[Row]]:
    """Return a booking with a host who came, and these guests; one with ``stays`` of None was not seen."""
    start, end = f"2026-01-{day:02d}T10:00:00Z", f"2026-01-{day:02d}T10:30:00Z"
    booking = {"booking_uid": uid, "status": "accepted", "start_at": start, "end_at": end, "rescheduled_to_uid": None}
    host = {"email": "hugo@acme.example", "name": "Hugo Host", "stays": 30}
    people, rows = [], []
    for role, one in [("host", host), *(("attendee", guest) for guest in guests)]:
        person = {"booking_uid": uid, "role": role, "match_email": None, "phone": None, "absent": False, **one}
        stays = person.pop("stays")
        people.append(person)
        row = {"source": "zoom", "kind": "person", "booking_uid": uid, "conference_key": None, "phone": None}
        row |= {"email": one["email"], "name": one["name"], "joined_at": start, "left_at": f"{start[:14]}{stays}:00Z"}
        rows += [row] if stays is not None else []
    return [booking | {"conference_key": None} | changes], people, rows


def joined(*meetings: tuple[list[Row], list[Row], list[Row]]) -> tuple[list[Row], list[Row], list[Row]]:
    """Return the tables of several meetings."""
    bookings, people, rows = ([row for table in tables for row in table] for tables in zip(*meetings, strict=True))
    return bookings, people, rows


ANN: Row = {"email": "ann@client.example", "name": "Ann Archer", "stays": 30}
BOB: Row = {"email": "bob@client.example", "name": "Bob Barker", "stays": None}
CAME = meeting("came", 5, ANN)
MISSED = meeting("missed", 8, BOB)
DOUBT = meeting("doubt", 7, BOB)
DOUBT[2].append(DOUBT[2][0] | {"email": None, "name": "iPhone"})
HELD_BACK = meeting("held-back", 9, ANN | {"absent": True})
CANCELLED = meeting("cancelled", 4, ANN, status="cancelled")
POLICY = {"as_of": "2026-01-12T00:00:00Z", "attendance_until": "2026-01-11T00:00:00Z"}


def uids_of(folder: Path) -> list[str]:
    return [one.booking.booking_uid for one in read_evidence(folder, read_summary(folder))]


@pytest.mark.parametrize(
    ("most", "kept"),
    [
        (1, ["missed"]),
        (2, ["missed", "held-back"]),
        (3, ["doubt", "missed", "held-back"]),
        (4, ["came", "doubt", "missed", "held-back"]),
        (9, ["cancelled", "came", "doubt", "missed", "held-back"]),
    ],
)
def test_changes_and_doubts_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, kept: list[str]
) -> None:
    """Of too many bookings, those that nobody needs to look at are left out, and counted."""
    tables = joined(CAME, MISSED, DOUBT, HELD_BACK, CANCELLED)
    monkeypatch.setattr(write_evidence, "__kwdefaults__", {"most_bookings": most})
    with deciding(*tables, POLICY) as decided:
        summary = write_plan(decided, tmp_path, correct="none", rails=PASSING)
    assert uids_of(tmp_path) == kept
    assert summary["evidence"] == {"bookings": len(kept), "left_out": 5 - len(kept)}


def test_a_plan_without_evidence_is_a_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the second run of the rules fails, the plan is whole all the same, and says that it has no evidence."""
    monkeypatch.setattr(plan_tables, "policy_tables", lambda policy: [])
    with deciding(*joined(CAME, MISSED), POLICY) as decided:
        summary = write_plan(decided, tmp_path, rails=PASSING)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "CatalogException" in record.getMessage()
    assert summary["evidence"] == {"bookings": 0, "left_out": 2}
    assert verify_plan(tmp_path) == summary
    assert not (tmp_path / "evidence.parquet").exists()
    assert list(read_evidence(tmp_path, summary)) == []


def test_too_much_attendance_for_a_second_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan of months is not made twice as slow."""
    monkeypatch.setattr(plan_tables, "MOST_ATTENDANCE", 2)
    with deciding(*joined(CAME, MISSED), POLICY) as decided:
        assert write_plan(decided, tmp_path, rails=PASSING)["evidence"] == {"bookings": 0, "left_out": 2}


def test_plans_of_older_versions(plans: list[Path]) -> None:
    """Their summaries have no count of evidence."""
    summary = read_summary(plans[0])
    del summary["evidence"]
    assert list(read_evidence(plans[0], summary)) == []


def test_evidence_does_not_change_what_is_approved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan's hash is the same with evidence and without."""
    hashes = []
    for most in (9, 0):
        monkeypatch.setattr(write_evidence, "__kwdefaults__", {"most_bookings": most})
        with deciding(*joined(CAME, MISSED), POLICY) as decided:
            summary = write_plan(decided, tmp_path, rails=PASSING)
        hashes.append((summary["sha256"], summary["evidence"]["bookings"]))
    assert hashes == [(hashes[0][0], 2), (hashes[0][0], 0)]


# ----------------------------------------------------------------------------------------------------------------------
# The file
# ----------------------------------------------------------------------------------------------------------------------


def facts_of(folder: Path) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = duckdb.execute(f"FROM '{folder / 'evidence.parquet'}'").fetchall()
    return found


def replace_facts(folder: Path, rows: list[tuple[Any, Any]]) -> None:
    path = folder / "evidence.parquet"
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE facts (booking_uid VARCHAR, facts VARCHAR)")
        for row in rows:
            connection.execute("INSERT INTO facts VALUES (?, ?)", row)
        connection.execute(f"COPY facts TO '{path}' (FORMAT parquet)")


SECRET = "secret@client.example"
GOOD_ROW: Row = {"number": 1, "kind": "person", "begins": 1, "ends": 2, "place": "meeting"}
GOOD_PERSON: Row = {"person": 1, "role": "host", "currently_absent": False, "is_internal": False, "presence_seconds": 0}


def test_the_least_that_a_row_and_a_person_have(tmp_path: Path) -> None:
    """What is null, false or empty need not be there, and a count of seconds may be an integer."""
    with deciding(*CAME, POLICY) as decided:
        write_plan(decided, tmp_path)
    ((uid, facts),) = facts_of(tmp_path)
    replace_facts(tmp_path, [(uid, json.dumps(json.loads(facts) | {"rows": [GOOD_ROW], "people": [GOOD_PERSON]}))])
    (one,) = read_evidence(tmp_path, read_summary(tmp_path))
    assert (one.rows[0].counts_for, one.rows[0].email, one.people[0].outcome) == ([], None, None)


@pytest.mark.parametrize(
    "change",
    [
        {"rows": [{"number": 1}]},
        {"rows": SECRET},
        {"rows": [SECRET]},
        {"people": [{"person": SECRET, "role": "host", "currently_absent": False, "is_internal": False}]},
        {"people": {SECRET: 1}},
        {"booking": {SECRET: 1}},
        {"feed": None},
        {"host_side": {"came": 1, "seconds_of_core": 0, "needed_seconds": 0, "checked_in": False}},
        {"rows_in_all": 1},
        {"rows": [GOOD_ROW | {"counts_for": [99]}]},
        {"rows": [GOOD_ROW | {"place": SECRET}]},
        {"rows": [GOOD_ROW | {"kind": SECRET}]},
        {"rows": [GOOD_ROW | {"is_company": 1}]},
        {"people": [GOOD_PERSON | {"role": SECRET}]},
        {"people": [GOOD_PERSON | {"presence_seconds": float("nan")}]},
    ],
)
def test_damaged_facts_are_reported(tmp_path: Path, change: Row) -> None:
    """Whatever the file holds, the error names the file and quotes nothing of it."""
    with deciding(*CAME, POLICY) as decided:
        write_plan(decided, tmp_path)
    ((uid, facts),) = facts_of(tmp_path)
    replace_facts(tmp_path, [(uid, json.dumps(json.loads(facts) | change))])
    check_damage(tmp_path)


@pytest.mark.parametrize("row", [("came", "{"), ("came", "null"), ("came", None), ("came", f'["{SECRET}"]')])
def test_other_damage_is_reported(tmp_path: Path, row: tuple[str, Any]) -> None:
    """Invalid JSON, or JSON of another kind than an object."""
    with deciding(*CAME, POLICY) as decided:
        write_plan(decided, tmp_path)
    replace_facts(tmp_path, [row])
    check_damage(tmp_path)


def test_a_file_that_is_not_the_plans_is_reported(tmp_path: Path) -> None:
    """No Parquet, a torn file, one of another plan, or none."""
    with deciding(*CAME, POLICY) as decided:
        write_plan(decided, tmp_path)
    path = tmp_path / "evidence.parquet"
    whole = path.read_bytes()
    for content in (b"", SECRET.encode(), whole[:-9], whole[: len(whole) // 2] + whole[-9:]):
        path.write_bytes(content)
        check_damage(tmp_path)
    path.write_bytes(whole)
    replace_facts(tmp_path, facts_of(tmp_path) * 2)
    check_damage(tmp_path)
    path.unlink()
    with pytest.raises(CorruptPlan, match=r"evidence\.parquet is missing"):
        list(read_evidence(tmp_path, read_summary(tmp_path)))


def check_damage(folder: Path) -> None:
    with pytest.raises(CorruptPlan, match=r"evidence\.parquet is not the file that was written") as caught:
        list(read_evidence(folder, read_summary(folder)))
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_plan_in_an_object_store() -> None:
    """Evidence is written and read there as well."""
    from upath import UPath

    folder = UPath("memory://plans/evidence")
    with deciding(*CAME, POLICY) as decided:
        write_plan(decided, folder)
    assert [one.booking.booking_uid for one in read_evidence(folder, read_summary(folder))] == ["came"]


# ----------------------------------------------------------------------------------------------------------------------
# Hashed plans
# ----------------------------------------------------------------------------------------------------------------------


def test_a_hashed_plan_has_nobodys_address_name_or_number(tmp_path: Path) -> None:
    """No file has them, that of the worlds' people, rows and policies; the sentences say somebody instead."""
    words = 0
    for folder in write_world_plans(tmp_path, hashed=hashed):
        tables, _ = random_tables(int(folder.name.removeprefix("world-")), 30)
        everything = decoded(folder)
        for secret in personal(tables):
            assert secret not in everything
        explanations = [with_reasons(one) for one in read_evidence(folder, read_summary(folder))]
        emails = {person.email for each in explanations for person in each.people if person.email is not None}
        emails |= {row.email for each in explanations for row in each.rows if row.email is not None}
        assert emails
        assert all(map(is_hashed, emails))
        words += sum("(somebody, " in person.why for each in explanations for person in each.people)
    assert words


def decoded(folder: Path) -> str:
    """Return all that the files of a plan hold, those of Parquet as rows."""
    tables = [duckdb.execute(f"FROM '{path}'").fetchall() for path in sorted(folder.glob("*.parquet"))]
    texts = [path.read_text() for path in sorted(folder.iterdir()) if path.suffix != ".parquet"]
    return json.dumps(tables, default=str, ensure_ascii=False).lower() + "".join(texts).lower()


def personal(tables: Any) -> set[str]:
    """Return the names, addresses and numbers of a world that can be recognised in a text."""
    cells = {
        str(row[name]).strip().lower()
        for table in tables[1:]
        for row in table
        for name in ("email", "match_email", "name", "phone", "participant")
        if row.get(name)
    }
    return {cell for cell in cells if len(cell) > 8 and not re.fullmatch(r"\w+-\d+(-\d+)?", cell)}
