"""A decision is explained by what the rules themselves found, on one page."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom._timestamps import microseconds, parse_timestamp
from airflow_provider_calcom.attendance.engine import Resources
from airflow_provider_calcom.attendance.errors import InvalidInput
from airflow_provider_calcom.attendance.explain import ExplainedRow, Explanation, PersonExplanation, explain, page
from airflow_provider_calcom.attendance.explain.model import ExplainedBooking, Feed, FeedSource, HostSide
from airflow_provider_calcom.attendance.explain.reasons import with_reasons
from airflow_provider_calcom.attendance.explain.render import WIDTH, cells
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from tests.attendance import reference
from tests.attendance.test_reference import ANN, COMPLETE, HOST, HOST_CAME, REASONS, at, booking, person, row
from tests.attendance.worlds import random_tables
from tests.profiles import IS_DEEP

ONE_THREAD = Resources(threads=1)
RULES = {
    ("attendee", "not_accepted"): 1,
    ("attendee", "rescheduled"): 2,
    ("attendee", "not_settled"): 3,
    ("attendee", "internal"): 4,
    ("attendee", "duplicate_email"): 5,
    ("attendee", "email"): 6,
    ("attendee", "phone"): 6,
    ("attendee", "name"): 6,
    ("attendee", "trace"): 7,
    ("attendee", "feed_incomplete"): 8,
    ("attendee", "no_evidence"): 9,
    ("attendee", "host_not_seen"): 10,
    ("attendee", "unknown_participant"): 11,
    ("attendee", "named_with_another"): 12,
    ("attendee", "name_elsewhere"): 13,
    ("attendee", "seen_at_another_time"): 14,
    ("attendee", "not_seen"): 15,
    ("host", "not_accepted"): 1,
    ("host", "rescheduled"): 2,
    ("host", "not_settled"): 3,
    ("host", "host_seen"): None,
    ("host", "trace"): None,
    ("host", "feed_incomplete"): 8,
    ("host", "no_evidence"): 9,
    ("host", "unknown_participant"): 11,
    ("host", "not_seen"): None,
    ("host", "no_guest_seen"): None,
}
BOB = person(email="bob@x.test", name="Bob Ray")
LATER = [booking(), booking(booking_uid="b2", start_at=at("15:00:00"), end_at=at("16:00:00"))]


def explained(people: list[Any], rows: list[Any], bookings: Any = None, uid: str = "b1", **policy: Any) -> Explanation:
    return explain(bookings or [booking()], people, rows, COMPLETE | policy, booking_uid=uid, resources=ONE_THREAD)


def person_in(explanation: Explanation, email: str) -> PersonExplanation:
    (found,) = (judged for judged in explanation.people if judged.email == email)
    return found


def why(email: str, people: list[Any], rows: list[Any], bookings: Any = None, **policy: Any) -> str:
    """The rule and its sentence on one person."""
    found = person_in(explained(people, rows, bookings, **policy), email)
    return f"{found.rule} {found.reason}: {found.why}"


# ----------------------------------------------------------------------------------------------------------------------
# It says what the rules say
# ----------------------------------------------------------------------------------------------------------------------


def stated(explanation: Explanation) -> list[Any]:
    return sorted(
        (one.role, one.email or "", one.outcome, one.reason, one.presence_seconds, one.currently_absent)
        for one in explanation.people
        if one.outcome is not None
    )


def decided(decisions: list[Any], uid: str) -> list[Any]:
    names = ("role", "email", "outcome", "reason", "presence_seconds", "currently_absent")
    return sorted(
        tuple(decision[name] or "" if name == "email" else decision[name] for name in names)
        for decision in decisions
        if decision["booking_uid"] == uid
    )


Tables = tuple[list[Any], list[Any], list[Any]]


@dataclass(frozen=True)
class ExplainedWorld:
    """A random world, what the rules decide of it, and the explanation of some of its bookings."""

    tables: Tables
    policy: dict[str, Any]
    decisions: list[Any]
    explanations: list[Explanation]


def rich_worlds() -> list[tuple[Tables, dict[str, Any], list[str]]]:
    """Return few and small worlds and those of their bookings that reach every outcome and reason between them."""
    bookings = []
    for seed in range(100):
        tables, policy = random_tables(seed, bookings=8)
        policy["judge_hosts"] = True
        reached: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
        for one in reference.decide(*tables, policy):
            reached[one["booking_uid"]].add((one["role"], one["outcome"], one["reason"]))
        bookings += [(found, seed, uid, tables, policy) for uid, found in reached.items()]
    chosen: dict[int, tuple[Tables, dict[str, Any], list[str]]] = {}
    missing = set(REASONS)
    while missing:
        found, seed, uid, tables, policy = max(bookings, key=lambda one: (len(one[0] & missing), one[1] in chosen))
        assert found & missing, f"no world reaches {missing}"
        chosen.setdefault(seed, (tables, policy, []))[2].append(uid)
        missing -= found
    if IS_DEEP:
        return [(tables, policy, [one["booking_uid"] for one in tables[0]]) for tables, policy, _ in chosen.values()]
    return list(chosen.values())


@pytest.fixture(scope="module")
def worlds() -> list[ExplainedWorld]:
    """Return worlds of every reason, with the bookings that reach them explained."""
    return [
        ExplainedWorld(
            tables,
            policy,
            reference.decide(*tables, policy),
            [explain(*tables, policy, booking_uid=uid, resources=ONE_THREAD) for uid in uids],
        )
        for tables, policy, uids in rich_worlds()
    ]


def test_every_booking_is_explained_as_it_was_decided(worlds: list[ExplainedWorld]) -> None:
    """The page of each booking, of each outcome and reason, states what the rules decide, under its rule."""
    for world in worlds:
        for explanation in world.explanations:
            assert stated(explanation) == decided(world.decisions, explanation.booking.booking_uid)
            check_page(explanation)
    explained = (one for world in worlds for each in world.explanations for one in each.people if one.outcome)
    assert {(one.role, one.outcome, one.reason) for one in explained} == REASONS


def check_page(explanation: Explanation) -> None:
    """What holds for each page: its width, a sentence with the right rule for everyone, figures that agree."""
    text = page(explanation)
    assert all(cells(line) <= WIDTH and line.isprintable() for line in text.splitlines())
    json.dumps(explanation.as_dict(), allow_nan=False)
    if explanation.host_side.came is not None:
        enough = explanation.host_side.seconds_of_core >= explanation.host_side.needed_seconds
        assert explanation.host_side.came == (explanation.host_side.checked_in or enough)
    for judged in explanation.people:
        assert judged.why
        assert judged.rule == (None if judged.reason is None else RULES[judged.role, judged.reason])
        if judged.rule is not None:
            assert f"rule {judged.rule}: " in text


WHOSE = {"internal": "internal", "machine": "bot", "unknown": "unknown_participant"}
"""What the plain form of the rules calls a row's owner, where the page has another word."""


def test_rows_are_whose_the_rules_say(worlds: list[ExplainedWorld]) -> None:
    """Whose each row is, what it counts for and who left it as a trace, and the feed's end, beside plain Python."""
    for world in worlds:
        rules = reference.Policy(**world.policy)
        rows, ends = reference.load_attendance(world.tables[2], rules)
        feed = reference.Feed(rows)
        loaded = {one.uid: one for one in reference.load_bookings(*world.tables[:2], rules)}
        for explanation in world.explanations:
            one = loaded[explanation.booking.booking_uid]
            if reference.exclusion(one, rules) is None:
                check_facts(explanation, reference.Case(one, feed, rules), ends)


def check_facts(explanation: Explanation, case: reference.Case, ends: Any) -> None:
    """Hold an explanation to what the plain form finds of the same booking."""
    found = [each for each in explanation.rows if each.place == "meeting"]
    assert sorted((each.begins, each.ends, str(each.whose), each.is_by_participant) for each in found) == sorted(
        (each.begin, each.end, WHOSE.get(owner.how, owner.how), owner.clause == "f") for each, owner in case.meeting
    )
    # Both have the people of the booking in the order of the table.
    numbers = sorted(judged.person for judged in explanation.people)
    for number, someone in zip(numbers, case.booking.people, strict=True):
        counted = [(each.begins, each.ends) for each in explanation.rows if number in each.counts_for]
        assert sorted(counted) == sorted((each.begin, each.end) for each, _ in case.counted[someone])
        assert any(number in each.trace_of for each in explanation.rows) == case.left_a_trace(someone)
    assert any(each.is_evidence for each in found) == case.took_place()
    assert explanation.host_side.came == case.host_side_came()
    if explanation.people:  # where nobody is judged, no rule needs it
        assert explanation.feed.complete_until == case.complete_until(ends)


def test_a_doubt_comes_with_its_rows(worlds: list[ExplainedWorld]) -> None:
    """Of whom rules 11 to 14 keep from being absent, the rows are marked that do, and others' are not."""
    marks = {
        "unknown_participant": lambda row, person: row.is_company,
        "named_with_another": lambda row, person: person in row.named_with,
        "name_elsewhere": lambda row, person: person in row.named_elsewhere,
        "seen_at_another_time": lambda row, person: person in row.at_another_time,
    }
    for world in worlds:
        for explanation in world.explanations:
            for judged in explanation.people:
                for reason, is_marked in marks.items():
                    cited = [row.number for row in explanation.rows if is_marked(row, judged.person)]
                    if judged.reason == reason:
                        assert f"row #{cited[0]} (" in judged.why
                    elif judged.reason == "not_seen" and judged.role == "attendee":
                        assert cited == []


# ----------------------------------------------------------------------------------------------------------------------
# Reasons, with the figures that decided
# ----------------------------------------------------------------------------------------------------------------------

UNKNOWN = row("10:05:00", "10:50:00", name="iPhone")
BRIEFLY = row("10:00:00", "10:00:00.4", email="ann@x.test")


def count(time: str) -> int:
    return microseconds(parse_timestamp(at(time)))


def fact(number: int, joined: str = "10:00:00", left: str | None = "11:00:00", **changes: Any) -> ExplainedRow:
    """Return a row of attendance as the rules found it."""
    begins, ends = count(joined), count(left or "14:00:00")
    found: dict[str, Any] = dict.fromkeys(field.name for field in fields(ExplainedRow))
    found |= {name: [] for name in ("counts_for", "trace_of", "named_with", "named_elsewhere", "at_another_time")}
    found |= dict.fromkeys(("is_by_participant", "is_evidence", "is_host_side", "is_internal", "is_company"), False)
    found |= {"number": number, "source": "zoom", "kind": "person", "booking_uid": "b1", "place": "meeting"}
    found |= {"joined_at": begins, "left_at": left and ends, "begins": begins, "ends": ends}
    return ExplainedRow(**found | changes)


def ends(named: Sequence[str] = (), **sources: str | None) -> dict[str, Any]:
    """Return the feed of sources that end then; ``nameless`` are the rows that name none."""
    found = [
        FeedSource(None if name == "nameless" else name, count(end) if end else None, name in named, has_rows=True)
        for name, end in sources.items()
    ]
    known = [one.complete_until for one in found if one.complete_until is not None]
    complete_until = min(known) if known and len(known) == len(found) else None
    return {"sources": found, "complete_until": complete_until, "attendance_until": None}


HOST_NUMBER = 2
NOT_THERE = {"came": False, "seconds_of_core": 0.0}
OUTSIDE = {"place": "outside_window"}
ELSEWHERE: dict[str, Any] = {"place": "elsewhere", "booking_uid": None, "conference_key": "other"}


def facts(
    reason: str,
    *rows: ExplainedRow,
    role: str = "attendee",
    ann: Any = (),
    booked: Any = (),
    feed: Any = (),
    host_side: Any = (),
    **policy: Any,
) -> Explanation:
    """Return what the rules found, with a reason on Ann or her host, and its words.

    :param ann: what else is known of the person; ``booked``, ``feed`` and ``host_side`` likewise.
    """
    start, end, now = count("10:00:00"), count("11:00:00"), microseconds(parse_timestamp(COMPLETE["as_of"]))
    window: dict[str, Any] = {
        "window_start": start - 900_000_000,
        "window_end": end + 900_000_000,
        "settled_at": count("13:00:00"),
    }
    names = {"booking_uid": "b1", "status": "accepted", "conference_key": "room", "rescheduled_to_uid": None}
    complete: dict[str, Any] = {
        "rows": len(rows),
        "sources": [],
        "complete_until": now,
        "needed_until": count("13:00:00"),
        "attendance_until": now,
        "as_of": now,
    }
    came: dict[str, Any] = {"came": True, "seconds_of_core": 3600.0, "needed_seconds": 300.0, "checked_in": False}
    person: dict[str, Any] = {
        "person": HOST_NUMBER if role == "host" else 1,
        "role": role,
        "email": "host@x.test" if role == "host" else "ann@x.test",
        "name": None,
        "currently_absent": False,
        "is_internal": False,
        "outcome": "",
        "reason": reason,
        "presence_seconds": 0.0,
        "first_joined_at": None,
        "last_left_at": None,
    }
    found = Explanation(
        booking=ExplainedBooking(
            **window | names | {"start_at": start, "end_at": end, "excluded_as": None} | dict(booked)
        ),
        policy=AttendancePolicy.of(COMPLETE | policy),
        feed=Feed(**complete | dict(feed)),
        host_side=HostSide(**came | dict(host_side)),
        people=[PersonExplanation(**person | dict(ann))],
        rows=list(rows),
        rows_in_all={"meeting": len(rows)},
        files=[],
    )
    return with_reasons(found)


def words(explanation: Explanation) -> str:
    """Return the rule and its sentence on the one person."""
    (found,) = explanation.people
    return f"{found.rule} {found.reason}: {found.why}"


@pytest.mark.parametrize(
    ("expected", "explanation"),
    [
        (
            "1 not_accepted: the booking's status is cancelled, and only accepted bookings are judged",
            facts("not_accepted", booked={"status": "cancelled"}),
        ),
        (
            "2 rescheduled: the booking was moved: b2 took its place",
            facts("rescheduled", booked={"rescheduled_to_uid": "b2"}),
        ),
        (
            "3 not_settled: the booking is judged only from 2026-01-05 13:00:00 on, 7200 s (settle) after its end, and"
            " this is 2026-01-05 12:59:59.999999",
            facts("not_settled", feed={"as_of": count("12:59:59.999999")}),
        ),
        (
            "4 internal: the address is internal (internal_domains or internal_emails)",
            facts("internal", ann={"is_internal": True}),
        ),
        (
            "4 internal: the address is that of a host of this booking",
            facts("internal"),
        ),
        (
            "5 duplicate_email: another attendee of this booking has the same address, so the two can't be"
            " distinguished",
            facts("duplicate_email"),
        ),
        (
            "6 email: the person came: 1500.5 s in the window, known by e-mail, and 300 s would do (min_presence)",
            facts("email", ann={"presence_seconds": 1500.5}, min_presence=300),
        ),
        (
            "7 trace: the person did not come (0.4 s in the window, min_presence is 1 s), but left a trace: row #2"
            " (ann@x.test, person, zoom, 2026-01-05 10:00:00 - 2026-01-05 10:00:00.4, in this meeting)",
            facts(
                "trace",
                fact(1),
                fact(2, left="10:00:00.4", email="ann@x.test", trace_of=[1]),
                ann={"presence_seconds": 0.4},
            ),
        ),
        (
            "7 trace: the person did not come (0 s in the window, min_presence is 1 s), but left a trace: row #1"
            " (Ann L. ann@x.test, lobby, webex, 2026-01-05 10:02:00 - open, under the conference key other) and more",
            facts(
                "trace",
                fact(
                    1,
                    "10:02:00",
                    None,
                    kind="lobby",
                    source="webex",
                    name="Ann L.",
                    email="ann@x.test",
                    trace_of=[1],
                    **ELSEWHERE,
                ),
                fact(2, "07:00:00", "08:00:00", trace_of=[1], **OUTSIDE),
            ),
        ),
        (
            "7 trace: the person did not come (0 s in the window, min_presence is 1 s), but left a trace: row #1"
            " (Ann Lee, person, zoom, 2026-01-05 07:00:00 - 2026-01-05 08:00:00, with this booking's uid, outside the"
            " window)",
            facts("trace", fact(1, "07:00:00", "08:00:00", name="Ann Lee", trace_of=[1], **OUTSIDE)),
        ),
        (
            "8 feed_incomplete: the feed is complete up to 2026-01-05 11:00:00 (the latest instant of zoom), and must"
            " be up to 2026-01-05 13:00:00",
            facts("feed_incomplete", feed=ends(zoom="11:00:00")),
        ),
        (
            "8 feed_incomplete: the feed is complete nowhere, because no instant up to 2026-01-06 00:00:00 is known,"
            " and must be up to 2026-01-05 13:00:00",
            facts("feed_incomplete", feed=ends()),
        ),
        (
            "9 no_evidence: nothing shows that somebody was there within the core (rows of the meeting: 0)",
            facts("no_evidence"),
        ),
        (
            "9 no_evidence: nothing shows that somebody was there within the core (rows of the meeting: 1)",
            facts("no_evidence", fact(1, "09:50:00", "10:00:00")),
        ),
        (
            "10 host_not_seen: the host side did not come (there for 299 s of the core's 3600 s, needed 300 s), and an"
            " attendee is not blamed for that",
            facts("host_not_seen", host_side={"came": False, "seconds_of_core": 299}),
        ),
        (
            "11 unknown_participant: somebody was there who may be the person: row #3 (iPhone, person, zoom, 2026-01-05"
            " 10:05:00 - 2026-01-05 10:50:00, in this meeting) and more",
            facts(
                "unknown_participant",
                fact(3, "10:05:00", "10:50:00", name="iPhone", is_company=True),
                fact(2, "10:30:00", is_company=True),
            ),
        ),
        (
            "12 named_with_another: somebody else's row has a part of the person's name, so both may have been at one"
            " device: row #2 (Hugo / Ann host@x.test, person, zoom, 2026-01-05 10:00:00 - 2026-01-05 11:00:00, in this"
            " meeting)",
            facts("named_with_another", fact(1), fact(2, email="host@x.test", name="Hugo / Ann", named_with=[1])),
        ),
        (
            "13 name_elsewhere: their name is on a row of another meeting, or of none, in the window: row #2 (Lee, Ann,"
            " person, zoom, 2026-01-05 10:00:00 - 2026-01-05 11:00:00, under the booking uid b2) and more",
            facts(
                "name_elsewhere",
                fact(2, name="Lee, Ann", named_elsewhere=[1], **ELSEWHERE | {"booking_uid": "b2"}),
                fact(3, named_elsewhere=[1]),
            ),
        ),
        (
            "14 seen_at_another_time: the meeting may have been held up to 43200 s earlier or later (moved_within): row"
            " #2 (Ann's iPhone, person, zoom, 2026-01-05 15:00:00 - 2026-01-05 16:00:00, under the conference key room,"
            " outside the window)",
            facts(
                "seen_at_another_time",
                fact(
                    2,
                    "15:00:00",
                    "16:00:00",
                    name="Ann's iPhone",
                    at_another_time=[1],
                    booking_uid=None,
                    conference_key="room",
                    **OUTSIDE,
                ),
            ),
        ),
        (
            "15 not_seen: the person did not come (0 s in the window, min_presence is 1 s); the meeting was held; the"
            " host side came (there for 3600 s of the core's 3600 s, needed 300 s); the feed is complete up to"
            " 2026-01-06 00:00:00 (attendance_until); no participant is unknown; nothing shows them in another"
            " meeting, nor in this room at another time",
            facts("not_seen"),
        ),
        (
            "15 not_seen: the person did not come (0.4 s in the window, min_presence is 1 s); the meeting was held"
            " (require_host_present is false, so the host was not needed); the feed is complete up to 2026-01-06"
            " 00:00:00 (attendance_until); no participant is unknown; a trace, a name elsewhere or another time does"
            " not raise a doubt (traces_are_doubt is false)",
            facts("not_seen", ann={"presence_seconds": 0.4}, require_host_present=False, traces_are_doubt=False),
        ),
        (
            "15 not_seen: the person did not come (0 s in the window, min_presence is 1 s); the feed lists everyone who"
            " came (assume_held); the feed is complete up to 2026-01-06 00:00:00 (attendance_until); no participant is"
            " unknown; nothing shows them in another meeting, nor in this room at another time",
            facts("not_seen", assume_held=True),
        ),
    ],
)
def test_a_reason_comes_with_its_figures(expected: str, explanation: Explanation) -> None:
    """Each rule on an attendee is stated in plain words, with what decided it."""
    assert words(explanation) == expected


@pytest.mark.parametrize(
    ("expected", "explanation"),
    [
        (
            "host_seen: the host side came (there for 3600 s of the core's 3600 s, needed 300 s)",
            facts("host_seen", role="host"),
        ),
        (
            "host_seen: the host side came (a check-in within the core)",
            facts("host_seen", role="host", host_side={"checked_in": True}),
        ),
        (
            "trace: the host side did not come (there for 60 s of the core's 3600 s, needed 300 s), but a host or"
            " an internal participant left a trace: row #1 (host@x.test, person, zoom, 2026-01-05 10:00:00 - 2026-01-05"
            " 10:01:00, in this meeting)",
            facts(
                "trace",
                fact(1, left="10:01:00", email="host@x.test", trace_of=[HOST_NUMBER]),
                role="host",
                host_side={"came": False, "seconds_of_core": 60},
            ),
        ),
        (
            "trace: the host side did not come (there for 0 s of the core's 3600 s, needed 300 s), but a host or"
            " an internal participant left a trace: row #1 (boss@corp.test, lobby, zoom, 2026-01-05 10:00:00 -"
            " 2026-01-05 11:00:00, in this meeting)",
            facts(
                "trace",
                fact(1, kind="lobby", email="boss@corp.test", is_internal=True),
                role="host",
                host_side=NOT_THERE,
            ),
        ),
        (
            "not_seen: the host side did not come (there for 0 s of the core's 3600 s, needed 300 s), and an attendee"
            " did; the feed is complete up to 2026-01-06 00:00:00 (attendance_until); no participant is unknown",
            facts("not_seen", role="host", host_side=NOT_THERE),
        ),
        (
            "no_guest_seen: the host side did not come (there for 0 s of the core's 3600 s, needed 300 s), and no"
            " attendee came either",
            facts("no_guest_seen", role="host", host_side=NOT_THERE),
        ),
    ],
)
def test_a_reason_on_a_host_comes_with_its_figures(expected: str, explanation: Explanation) -> None:
    """The rules that only hosts have are stated in plain words, too."""
    assert words(explanation) == f"None {expected}"


ZOOM_LATE = row("13:00:00", "14:00:00", booking_uid="b2")


@pytest.mark.parametrize(
    ("expected", "feed"),
    [
        ("up to 2026-01-05 10:59:00 (the latest instant of teams)", ends(zoom="14:00:00", teams="10:59:00")),
        (
            "up to 2026-01-05 09:00:00 (the latest instant of the rows without a source)",
            ends(zoom="14:00:00", nameless="09:00:00"),
        ),
        (
            "up to 2026-01-05 11:30:00 (attendance_until of zoom)",
            ends(named=("zoom", "teams"), zoom="11:30:00", teams="12:30:00"),
        ),
        (
            "up to 2026-01-05 13:00:00 (as_of, before attendance_until of zoom)",
            ends(named=("zoom",), zoom="23:00:00") | {"as_of": count("13:00:00"), "complete_until": count("13:00:00")},
        ),
        (
            "nowhere, because no instant up to 2026-01-06 00:00:00 is known of the rows without a source, teams",
            ends(nameless=None, teams=None, zoom="14:00:00"),
        ),
        ("nowhere, because no instant up to 2026-01-06 00:00:00 is known", ends()),
    ],
)
def test_which_source_limits_the_feed(expected: str, feed: dict[str, Any]) -> None:
    """The page says up to where the feed is complete for this booking, and which of its sources ends there."""
    explanation = facts("feed_incomplete", feed=feed)
    assert (
        words(explanation)
        == f"8 feed_incomplete: the feed is complete {expected}, and must be up to 2026-01-05 13:00:00"
    )
    assert f"Feed        complete {expected}" in page(explanation).replace("\n            ", " ")


@pytest.mark.parametrize(
    ("expected", "rows", "options"),
    [
        (
            "up to 2026-01-05 10:59:00 (the latest instant of teams)",
            [HOST_CAME, ZOOM_LATE, row("09:50:00", "10:59:00", kind="bot", source="teams")],
            {},
        ),
        (
            "up to 2026-01-05 11:30:00 (attendance_until of teams)",
            [HOST_CAME, ZOOM_LATE],
            {"attendance_until": {"teams": at("11:30:00")}},
        ),
        (
            "up to 2026-01-05 13:00:00 (as_of, before attendance_until of zoom)",
            [HOST_CAME],
            {"attendance_until": {"zoom": at("23:00:00")}, "as_of": at("13:00:00"), "overrun": 3 * 3600},
        ),
    ],
)
def test_the_end_of_the_feed_is_that_of_the_rules(expected: str, rows: Any, options: Any) -> None:
    """What the page says of the feed's sources is what the rules found of them."""
    explanation = explained([ANN, HOST], rows, **{"attendance_until": None} | options)
    assert f"the feed is complete {expected}, and must be up to" in person_in(explanation, "ann@x.test").why


def test_sources_that_do_not_count_for_a_booking() -> None:
    """Only sources that have a row of the meeting are waited for, unless the policy names others."""
    rows = [HOST_CAME, ZOOM_LATE, row("08:00:00", "09:00:00", source="teams", booking_uid="b2")]
    explanation = explained([ANN, HOST], rows, attendance_until=None)
    assert [(one.source, one.has_rows, one.is_named) for one in explanation.feed.sources] == [
        ("teams", False, False),
        ("zoom", True, False),
    ]
    assert "complete up to 2026-01-05 14:00:00 (the latest instant of zoom)" in page(explanation)
    facts = explanation.as_dict()["feed"]
    assert facts["needed_until"] == "2026-01-05T13:00:00.000Z"
    assert [one["complete_until"] for one in facts["sources"]] == [
        "2026-01-05T09:00:00.000Z",
        "2026-01-05T14:00:00.000Z",
    ]


def test_decisions_that_depend_on_other_bookings() -> None:
    """One booking is explained, and what others say of its rows counts as it does where all are decided."""
    corp = {"internal_domains": ["corp.test"]}
    bookings = [booking(), booking(booking_uid="b2", conference_key="other")]
    namesake = person(email="namesake@x.test", booking_uid="b2")
    there = [HOST_CAME, row(booking_uid="b2", name="Ann Lee")]
    assert why("ann@x.test", [ANN, HOST, namesake], there, bookings).startswith("15 not_seen")
    internal = [HOST_CAME, row(email="guest@corp.test", name="A Coworker")]
    second_host = person("host", "guest@corp.test", booking_uid="b2", name="Some Host")
    assert why("ann@x.test", [ANN, HOST, second_host], internal, bookings, **corp).startswith("15 not_seen")
    same_room = [booking(), booking(booking_uid="b2", start_at=at("15:00:00"), end_at=at("16:00:00"))]
    later = [HOST_CAME, row("15:00:00", "16:00:00", name="Ann", booking_uid=None, conference_key="room")]
    assert why("ann@x.test", [ANN, HOST], later, same_room).startswith("15 not_seen")


def test_a_row_that_is_theirs_by_another_one() -> None:
    """Whose it is by its participant is reported on the page, and counts."""
    p = {"participant": "p"}
    rows = [HOST_CAME, row("10:00:00", "10:01:00", name="Ann Lee", **p), row("10:01:00", name="iPhone", **p)]
    explanation = explained([ANN, HOST], rows)
    assert [(each.whose, each.is_by_participant, each.counts_for) for each in explanation.rows if each.number > 1] == [
        ("name", False, [1]),
        ("name", True, [1]),
    ]
    assert "  ann@x.test (attendee), by name of another row of the participant\n" in page(explanation)


def test_a_row_that_contradicts_itself_is_called_so() -> None:
    """Nobody would understand otherwise why a row of an hour does not count."""
    turned = row("12:00:00", "10:30:00", email="ann@x.test")
    assert why("ann@x.test", [ANN, HOST], [HOST_CAME, turned]).endswith(
        "row #2 (ann@x.test, person, zoom, 2026-01-05 10:30:00 - 2026-01-05 12:00:00, left before it joined, in this"
        " meeting)"
    )
    early = row("10:30:00", "10:00:00", email="ann@x.test", kind="check_in")
    assert "left before" not in page(explained([ANN, HOST], [HOST_CAME, early], traces_are_doubt=False))


def test_doubts_are_marked() -> None:
    """Rows that may be an absent person's, here and elsewhere, have the mark of doubt; others have not."""
    rows = [
        HOST_CAME | {"name": "Hugo / Ann"},
        row(name="Ann Lee", booking_uid="b2"),
        row("15:00:00", "16:00:00", email="ann@x.test", booking_uid=None, conference_key="room"),
        row("10:10:00", email="bob@x.test"),
        row("16:00:00", "17:00:00", name="Zoe", booking_uid=None, conference_key="room"),
    ]
    lines = page(explained([ANN, BOB, HOST], rows)).splitlines()
    marks = {line.split()[0]: line.split()[-3] for line in lines if re.match(r" +#\d ", line)}
    assert marks == {"#1": "-hetd", "#2": "----d", "#3": "----d", "#4": "p-et-", "#5": "-----"}


def test_a_host_is_not_judged_by_default() -> None:
    """The page lists the host all the same, and how long the host side was there, though everyone else came."""
    explanation = explained([ANN, HOST], [HOST_CAME, row(email="ann@x.test")])
    assert person_in(explanation, "host@x.test").outcome is None
    assert "not judged" in page(explanation)
    assert (explanation.host_side.came, explanation.host_side.seconds_of_core) == (True, 3600)


def test_half_a_core_is_enough() -> None:
    """What is required of the host side is capped at half of the core, rounded up to a whole microsecond."""
    explanation = explained([ANN, HOST], [], [booking(end_at=at("10:00:10.000001"))])
    assert explanation.host_side.needed_seconds == 5.000001


# ----------------------------------------------------------------------------------------------------------------------
# The page
# ----------------------------------------------------------------------------------------------------------------------


def bars(explanation: Explanation) -> dict[int, str]:
    """The bar of each row of the timeline, by the row's number, and the axis under 0."""
    found = {}
    for line in page(explanation).splitlines():
        words = line.split()
        if words and words[0].startswith("#") and len(words[1]) > 20:
            found[int(words[0][1:])] = words[1]
        elif words and words[0][0] in "-=":
            found[0] = words[0]
    return found


def test_marks_fall_where_the_intervals_are() -> None:
    """Every cell that a row has a part of is marked, and no other; what lies outside the window is cut."""
    rows = [
        row("09:45:00", "11:15:00", email="ann@x.test"),
        row("09:00:00", "10:00:00", email="ann@x.test"),
        row("11:00:00", None, email="host@x.test"),
        row("10:30:00", "10:30:00", email="host@x.test"),
        row("11:15:00", None, kind="check_in"),
        row("09:45:00", None, kind="check_in"),
        row("10:00:00", "10:30:00", kind="bot"),
        row("10:00:00", "10:30:00", kind="lobby"),
    ]
    found = bars(explained([ANN, HOST], rows))
    width = len(found[0])
    first, middle, last = width // 6, width // 2, width * 5 // 6
    core_ends = -(-width * 5 // 6)
    assert found[0] == "-" * first + "=" * (core_ends - first) + "-" * (width - core_ends)
    assert found[1] == "#" * width
    core_begins = -(-width // 6)
    assert found[2] == "#" * core_begins + "." * (width - core_begins)
    assert found[3] == "." * last + "#" * (width - last)
    assert found[4] == "." * middle + "#" + "." * (width - middle - 1)
    assert found[5] == "." * (width - 1) + "+"
    assert found[6] == "+" + "." * (width - 1)
    half = -(-width // 2)
    assert found[7] == found[8].replace("w", "b") == "." * first + "b" * (half - first) + "." * (width - half)


@pytest.mark.parametrize(("start", "end"), [("10:00:00", "10:00:00"), ("10:00:00", "10:00:00.000001")])
def test_a_window_without_length_is_drawn(start: str, end: str) -> None:
    """A booking of no length, without early_join and overrun, has a page like any other."""
    explanation = explained(
        [ANN, HOST], [HOST_CAME], [booking(start_at=at(start), end_at=at(end))], early_join=0, overrun=0
    )
    check_page(explanation)
    assert bars(explanation)[1].startswith("#")


PAGE = """\
Booking     b1, accepted
Conference  room
Core        2026-01-05 10:00:00 - 2026-01-05 11:00:00 UTC, as booked
Window      2026-01-05 09:45:00 - 2026-01-05 11:15:00 UTC (early_join 900 s, overrun 900 s)
Judged      as of 2026-01-06 00:00:00 UTC
Feed        complete up to 2026-01-06 00:00:00 (attendance_until), rows: 6
Host side   came: there for 3600 s of the core's 3600 s, needed 300 s

Marks       p counts for presence  h counts for the host side  e shows the meeting was held  t trace
            d doubt: unknown company, or a name that may be an absent person's

           09:45:00                          11:15:00
           -------============================------- (= is the core)

Rows of the meeting
  host@x.test (host), by e-mail
        #1 ......##############################...... 09:58:10 - 11:00:05 -het- person   zoom
  Otter.ai, a bot
        #3 .......bbbbbbbbbbbbbbbbbbbbbbbbbbbb....... 10:00:00 - 11:00:00 ----- bot      zoom
  ann@x.test (attendee), by name
        #2 .......###############.................... 10:02:00 - 10:31:00 p-et- person   google_meet

Rows of these people in the window, of another meeting or of none
  bob@x.test (attendee), under the conference key other
        #4 ................##########................ 10:20:00 - 10:40:00 ---t- person   zoom

Rows with this booking's uid or conference, outside its window
  iPhone, under the booking uid b1
        #5 12:00:00 - open                                                ----- person   zoom

Decisions
  host host@x.test: not judged
            hosts are not judged (judge_hosts is false)

  attendee ann@x.test: present, name
            rule 6: the person came: 1740 s in the window, known by name, and 1 s would do
            (min_presence)
            rule 5 before it did not apply: no other attendee of this booking is booked under the
            same address

  attendee bob@x.test: undetermined, trace
            rule 7: the person did not come (0 s in the window, min_presence is 1 s), but left a
            trace: row #4 (bob@x.test, person, zoom, 2026-01-05 10:20:00 - 2026-01-05 10:40:00,
            under the conference key other). Cal.com's flag says absent
            rule 6 before it did not apply: the person was there for 0 s of the window, and 1 s
            would be needed (min_presence)
"""


def test_a_whole_page() -> None:
    """This is what an analyst sees."""
    rows = [
        row("09:58:10", "11:00:05", email="host@x.test", name="Hugo Host"),
        row("10:02:00", "10:31:00", name="ann lee", source="google_meet"),
        row("10:00:00", "11:00:00", kind="bot", name="Otter.ai"),
        row("10:20:00", "10:40:00", email="bob@x.test", booking_uid=None, conference_key="other"),
        row("12:00:00", None, name="iPhone"),
        row("10:00:00", "10:30:00", email="nobody@y.test", booking_uid=None),
    ]
    explanation = explained([ANN, BOB | {"absent": True}, HOST], rows)
    assert page(explanation) == PAGE


def test_an_excluded_booking_is_reported_so() -> None:
    """Rules 1 to 3 come with their figure even where nobody is expected, and no row is looked at."""
    text = page(explained([], [row(email="ann@x.test")], as_of=at("11:30:00")))
    assert "Rule 3 excludes the booking: the booking is judged only from 2026-01-05 13:00:00 on" in text
    assert "Its rows are not looked at." in text
    assert "nobody is expected" in text
    assert "#1" not in text


def test_rows_are_shown_where_nobody_is_expected() -> None:
    """A booking without people, as a table may have it, has a page with its rows."""
    explanation = explained([], [row(name="iPhone"), row(name="Otter.ai")])
    assert [(each.number, each.whose) for each in explanation.rows] == [(2, "bot"), (1, "unknown_participant")]
    assert "Decisions: nobody is expected" in page(explanation)


def test_many_rows_are_bounded_and_those_that_decide_are_shown() -> None:
    """At most 200 rows are shown, the deciding one among them, and the rest is counted."""
    many = [row("10:00:00", "10:01:00", email="host@x.test") for _ in range(300)]
    explanation = explained([ANN, HOST], [*many, row("10:30:00", "10:31:00", name="iPhone"), HOST_CAME])
    assert len(explanation.rows) == 200
    assert explanation.rows_in_all == {"meeting": 302}
    assert "row #301 (iPhone" in person_in(explanation, "ann@x.test").why
    assert "  ... and 102 more\n" in page(explanation)


def test_an_open_row_ends_as_the_rules_take_it() -> None:
    """A row without an end is called open, and is drawn for as long as it is taken to last."""
    explanation = explained([ANN, HOST], [row("10:00:00", None, email="ann@x.test")], open_limit=900)
    (found,) = explanation.rows
    assert (found.left_at, found.ends - found.begins) == (None, 900_000_000)
    assert "10:00:00 - open" in page(explanation)


def test_the_whole_feed_counts_for_its_end() -> None:
    """Rows of other days are not shown, and still say how far the feed is complete."""
    far = {"joined_at": "2026-01-05T22:00:00Z", "left_at": "2026-01-05T23:00:00.5Z", "booking_uid": "b2"}
    explanation = explained([ANN, HOST], [HOST_CAME, row() | far], LATER, attendance_until=None)
    assert page(explanation).count("complete up to 2026-01-05 23:00:00.5 (the latest instant of zoom)") == 2
    assert (explanation.feed.rows, [each.number for each in explanation.rows]) == (2, [1])


@pytest.mark.parametrize(
    ("until", "source"),
    [
        ("2026-01-05T13:00:00+01:00", "12:00:00 (attendance_until)"),
        ("2027-01-01T00:00:00Z", "14:30:00 (as_of, before attendance_until)"),
    ],
)
def test_where_the_end_of_the_feed_is_from(until: str, source: str) -> None:
    """The page is reported in UTC, whatever the policy's instants are reported in."""
    text = page(explained([ANN, HOST], [HOST_CAME], as_of="2026-01-05T16:30:00+02:00", attendance_until=until))
    assert f"complete up to 2026-01-05 {source}" in text
    assert "as of 2026-01-05 14:30:00 UTC" in text


def test_only_the_one_booking_is_explained() -> None:
    """People and rows of other bookings are left out, even in the same room."""
    people = [ANN, HOST, ANN | {"booking_uid": "b2"}, BOB | {"booking_uid": "b2"}]
    later = row("15:00:00", "16:00:00", email="bob@x.test", booking_uid="b2")
    explanation = explained(people, [HOST_CAME, later], LATER)
    assert [judged.email for judged in explanation.people] == ["host@x.test", "ann@x.test"]
    assert "bob" not in page(explanation)


HARMLESS = {
    "\x1b[2J\x1b[31mred": "\ufffd[2J\ufffd[31mred",
    "two\r\nlines\u202ehidden": "two lines\ufffdhidden",
    "日本語の名前" * 30: None,
    "e\u0301" * 200: None,
    "x" * 5000: None,
    "😀 " * 200: None,
}
"""Names that participants may type, and what the page shows of them, where it is shown whole."""


def test_names_of_others_are_harmless() -> None:
    """A participant's name can't move the cursor, turn the text round or break the page's width."""
    people = [person(email=f"p{place}@x.test", name=name) for place, name in enumerate(HARMLESS)]
    rows = [row(name=f"again{name}", source=name) for name in HARMLESS]
    explanation = explained([*people, HOST], [HOST_CAME, *rows])
    check_page(explanation)
    assert all(shown in page(explanation) for shown in HARMLESS.values() if shown is not None)


def test_the_same_facts_as_json() -> None:
    """The page's facts are there for programs: instants as ISO 8601, durations as seconds, rows with their place."""
    people = [ANN, BOB, HOST]
    explanation = explained(people, [HOST_CAME, row("10:00:00", "10:30:00.25", email="ann@x.test"), UNKNOWN])
    facts = json.loads(json.dumps(explanation.as_dict()))
    assert facts["booking"] == {
        "booking_uid": "b1",
        "status": "accepted",
        "start_at": "2026-01-05T10:00:00.000Z",
        "end_at": "2026-01-05T11:00:00.000Z",
        "rescheduled_to_uid": None,
        "conference_key": "room",
        "window_start": "2026-01-05T09:45:00.000Z",
        "window_end": "2026-01-05T11:15:00.000Z",
        "settled_at": "2026-01-05T13:00:00.000Z",
        "excluded_as": None,
    }
    assert (facts["feed"]["rows"], facts["feed"]["complete_until"]) == (3, "2026-01-06T00:00:00.000Z")
    assert facts["host_side"] == {"came": True, "seconds_of_core": 3600, "needed_seconds": 300, "checked_in": False}
    assert facts["policy"]["as_of"].startswith("2026-01-06T00:00:00")
    host, ann, bob = facts["people"]
    assert (host["outcome"], host["rule"]) == (None, None)
    assert (ann["person"], ann["outcome"], ann["reason"], ann["rule"]) == (1, "present", "email", 6)
    assert (ann["presence_seconds"], ann["last_left_at"]) == (1800.25, "2026-01-05T10:30:00.250Z")
    assert (bob["outcome"], bob["rule"]) == ("undetermined", 11)
    assert bob["why"].startswith("somebody was there who may be the person: row #3 (iPhone")
    assert [each["whose"] for each in facts["rows"]] == ["email", "email", "unknown_participant"]
    assert [each["counts_for"] for each in facts["rows"]] == [[1], [], []]
    assert facts["files"] == [{"table": "attendance", "name": "attendance (rows)", "rows": 3}]
    assert facts["rows_in_all"] == {"meeting": 3}


# ----------------------------------------------------------------------------------------------------------------------
# Inputs
# ----------------------------------------------------------------------------------------------------------------------

ODD_UIDS = ("x' OR '1'='1", '"b1"', "b1'; DROP TABLE bookings; --", "b\\1", "%", "{b1}", "?", "Bücher 日本", "$1")


@pytest.mark.parametrize("uid", [ODD_UIDS[0], "%", "b11", "B1", "", "\x00"])
def test_an_unknown_uid_is_refused(uid: str) -> None:
    """The error names the option, the uid, and how many bookings there are; no uid becomes SQL."""
    with pytest.raises(InvalidInput, match=r"^--booking: no booking has the uid .*\. There are 2 bookings$"):
        explained([ANN, HOST], [HOST_CAME], LATER, uid)


@pytest.mark.parametrize("uid", ODD_UIDS if IS_DEEP else ODD_UIDS[2:3])
def test_any_uid_can_be_explained(uid: str) -> None:
    """A booking with quotes or worse in its uid is explained like any other, among such."""
    bookings = [booking(booking_uid=one, conference_key=None) for one in (*ODD_UIDS, "b1")]
    mine = {"booking_uid": uid}
    explanation = explained([ANN | mine, HOST], [HOST_CAME | mine], bookings, f" {uid}\n")
    assert explanation.booking.booking_uid == uid
    assert [judged.email for judged in explanation.people] == ["ann@x.test"]
    assert [each.whose for each in explanation.rows] == ["unknown_participant"]


def test_all_forms_of_files(tmp_path: Path) -> None:
    """Several files, compressed or not, give what the rows themselves do, and name each row's file."""
    rows = [HOST_CAME, row("10:05:00", "10:50:00", name="iPhone"), row("10:10:00", "10:50:00", name="Guest")]
    tables = {"bookings": [booking()], "people": [ANN, HOST], "attendance": rows}
    for name, records in tables.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    with gzip.open(tmp_path / "attendance-1.csv.gz", "wt") as file:
        print(*rows[0], sep=",", file=file)
        for record in rows[:2]:
            print(*("" if value is None else value for value in record.values()), sep=",", file=file)
    (tmp_path / "attendance-2.jsonl").write_text(json.dumps(rows[2]))
    parts = [str(tmp_path / "attendance-*.gz"), tmp_path / "attendance-2.jsonl"]
    in_parts = explain(tmp_path / "bookings.jsonl", tmp_path / "people.jsonl", parts, COMPLETE, booking_uid="b1")
    plain = explained([ANN, HOST], rows)
    assert in_parts.people == plain.people
    assert [each.number for each in in_parts.rows] == [1, 2, 3]
    assert re.search(r"#1 to #2 are \S+ #3 to #3 are ", " ".join(page(in_parts).split()))
    check_page(in_parts)


def test_a_naive_time_is_read_in_the_zone() -> None:
    """As `decide` does; without a zone it is refused."""
    naive = [row() | {"email": "host@x.test", "joined_at": "2026-01-05T11:00:00", "left_at": "2026-01-05 12:00:00"}]
    explanation = explain([booking()], [ANN, HOST], naive, COMPLETE, booking_uid="b1", zone="Europe/Berlin")
    assert explanation.host_side.seconds_of_core == 3600
    with pytest.raises(InvalidInput, match="naive time"):
        explained([ANN, HOST], naive)


def test_no_attendance_at_all() -> None:
    """An empty feed is explained too."""
    explanation = explained([ANN, HOST], [])
    assert explanation.rows == []
    assert "Rows of the meeting: none" in page(explanation)


def test_the_same_page_every_time() -> None:
    """Many threads and the order of the rows change nothing but the rows' numbers."""
    tables, policy = random_tables("again", bookings=60)
    uid = "b1"
    tables[0].append(booking())
    tables[1].extend([ANN, HOST, BOB])
    tables[2].extend(row(f"10:{minute:02}:00", "10:40:00", name=f"Guest {minute % 7}") for minute in range(40))
    policy = COMPLETE | {"as_of": "2026-02-01T00:00:00Z"}
    many_threads = explain(*tables, policy, booking_uid=uid)
    assert page(explain(*tables, policy, booking_uid=uid, resources=ONE_THREAD)) == page(many_threads)
    for table in tables:
        random.Random(1).shuffle(table)

    def when(one: ExplainedRow) -> tuple[Any, ...]:
        return one.begins, one.ends, one.name or "", one.whose

    shuffled = explain(*tables, policy, booking_uid=uid)
    assert sorted(map(when, shuffled.rows)) == sorted(map(when, many_threads.rows))
