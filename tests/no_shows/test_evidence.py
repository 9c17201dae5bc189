"""A plan's evidence: what its decisions are explained by, and what of it a plan with hashes may have."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.attendance.engine import Resources, deciding
from airflow_provider_calcom.attendance.explain import explain
from airflow_provider_calcom.attendance.explain.reasons import with_reasons
from airflow_provider_calcom.no_shows.evidence import read_evidence
from airflow_provider_calcom.no_shows.plan import read_summary, write_plan
from tests.attendance.test_reference import REASONS
from tests.attendance.worlds import random_tables
from tests.no_shows.report_plans import PASSING, WORLDS, write_world_plans


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return plans of all reasons."""
    return write_world_plans(tmp_path_factory.mktemp("plans"))


def test_every_reason_comes_with_evidence(plans: list[Path]) -> None:
    """Each booking of a decision has its facts, by start and uid, and the decisions in them are the plan's."""
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
    return facts["booking"], facts["feed"], facts["host_side"], people, rows, facts["rows_in_all"]


def test_some_bookings_of_a_plan(plans: list[Path]) -> None:
    """Only the requested ones are read."""
    summary = read_summary(plans[0])
    uids = [one.booking.booking_uid for one in read_evidence(plans[0], summary)]
    some = [uids[7], uids[2]]
    found = read_evidence(plans[0], summary, booking_uids=[*some, "no-such-booking"])
    assert [one.booking.booking_uid for one in found] == sorted(some, key=uids.index)
    assert list(read_evidence(plans[0], summary, booking_uids=[])) == []


def test_the_order_of_the_input_makes_no_difference(tmp_path: Path) -> None:
    """The same rows in another order, on another number of threads, are the same bytes."""
    tables, policy = random_tables(WORLDS[1], 30)
    found = []
    for seed in range(3):
        with deciding(*tables, policy, resources=Resources(threads=1 + seed)) as decided:
            write_plan(decided, tmp_path / str(seed), rails=PASSING)
        found.append({path.name: path.read_bytes() for path in (tmp_path / str(seed)).iterdir()})
        for table in tables:
            random.Random(seed).shuffle(table)
    assert "evidence.parquet" in found[0]
    assert found[0] == found[1] == found[2]
