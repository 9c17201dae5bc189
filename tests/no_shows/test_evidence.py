"""A plan's evidence: what its decisions are explained by, and what of it a plan with hashes may have."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.attendance.engine import Resources, deciding
from airflow_provider_calcom.attendance.explain import Explanation, PersonExplanation, explain, page
from airflow_provider_calcom.attendance.explain.reasons import with_reasons
from airflow_provider_calcom.no_shows.evidence import read_evidence
from airflow_provider_calcom.no_shows.plan import write_plan
from airflow_provider_calcom.no_shows.plan_files import read_summary
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
