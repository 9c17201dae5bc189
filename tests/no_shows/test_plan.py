"""Plans: which decisions become changes, when a plan is rejected, and that its files can be trusted."""

from __future__ import annotations

import json
import random
import re
import shutil
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from airflow_provider_calcom.attendance.engine import Decided, deciding
from airflow_provider_calcom.attendance.errors import PlanRefused
from airflow_provider_calcom.attendance.feeds import FeedReport
from airflow_provider_calcom.attendance.feeds.errors import UnreadableField
from airflow_provider_calcom.attendance.tables.sources import LoadedFile
from airflow_provider_calcom.no_shows.diff import LastWrite
from airflow_provider_calcom.no_shows.guard_rails import InvalidGuardRails
from airflow_provider_calcom.no_shows.plan import InvalidPlanOption, format_plan, write_plan
from airflow_provider_calcom.no_shows.plan_files import (
    Change,
    CorruptPlan,
    PlanNotRead,
    PlanNotWritten,
    read_plan,
    read_summary,
    verify_plan,
)
from airflow_provider_calcom.no_shows.plan_text import format_feed
from tests.no_shows.decisions import ANN, POLICY, Person, crowd, decided, write
from tests.object_stores import read_as_object_stores

Row = dict[str, Any]
PASSING: Row = {"max_absent_share": 1, "allow_nobody_present": True}
HOST = "host@acme.example"
FILES = {"plan.jsonl", "held-back.jsonl", "decisions.parquet", "bookings.parquet", "summary.json"}
FILES_OF_A_REJECTED_PLAN = FILES - {"plan.jsonl"} | {"refused-changes.jsonl"}


def lines(folder: Path, name: str = "plan.jsonl") -> list[Row]:
    return [json.loads(line) for line in (folder / name).read_bytes().splitlines()]


def names(folder: Any) -> set[str]:
    return {path.name for path in folder.iterdir()}


def counts(held_back: dict[str, int]) -> dict[str, int]:
    return {reason: people for reason, people in held_back.items() if people}


def last(absent: bool, role: str = "attendee", email: str = ANN) -> LastWrite:
    return LastWrite("bk_1", role, email, absent)


# ----------------------------------------------------------------------------------------------------------------------
# Which decisions become changes
# ----------------------------------------------------------------------------------------------------------------------

WRITTEN, REMOVED, UNCERTAIN = "marked", "un-marked", "marked, perhaps"
COLUMNS = ("ledger", "all", "none", "ledger forced", "all forced", "none forced")
# The decision, Cal.com's flag and our last write; then what follows for an attendee under each of COLUMNS.
OF_ATTENDEES: dict[tuple[str, bool, str | None], str] = {
    ("absent", False, None): "mark mark mark mark mark mark",
    ("absent", False, REMOVED): "mark mark mark mark mark mark",
    ("absent", False, WRITTEN): "human_override human_override human_override mark mark mark",
    ("absent", False, UNCERTAIN): "mark mark mark mark mark mark",
    ("absent", True, None): "- - - - - -",
    ("absent", True, REMOVED): "- - - - - -",
    ("absent", True, WRITTEN): "- - - - - -",
    ("present", False, None): "- - - - - -",
    ("present", False, WRITTEN): "- - - - - -",
    ("present", True, None): "not_ours unmark correction_off not_ours unmark correction_off",
    ("present", True, WRITTEN): "unmark unmark correction_off unmark unmark correction_off",
    ("present", True, REMOVED): "human_override human_override human_override not_ours unmark correction_off",
    ("present", True, UNCERTAIN): "unmark unmark correction_off unmark unmark correction_off",
    ("undetermined", False, None): "- - - - - -",
    ("undetermined", True, WRITTEN): "- - - - - -",
    ("excluded", False, None): "- - - - - -",
    ("excluded", True, WRITTEN): "- - - - - -",
}
# The same for a host.
OF_HOSTS: dict[tuple[str, bool, str | None], str] = {
    ("absent", False, None): "mark mark mark mark mark mark",
    ("absent", False, WRITTEN): "human_override human_override human_override mark mark mark",
    ("absent", True, None): "- - - - - -",
    ("present", False, WRITTEN): "- - - - - -",
    ("present", True, None): "host_present host_present host_present host_present host_present host_present",
    ("present", True, WRITTEN): "host_present host_present host_present host_present host_present host_present",
    ("undetermined", True, WRITTEN): "- - - - - -",
    ("excluded", True, WRITTEN): "- - - - - -",
}


@pytest.mark.parametrize("column", COLUMNS)
def test_changes_of_attendees_and_hosts(tmp_path: Path, column: str) -> None:
    """The absent are marked. A mark of an attendee who came is removed if it is ours; that of a host never is.

    A flag that is not what we certainly wrote last was changed by a person: it stays, unless the run is forced. Forcing
    lifts that rule only: a mark that our last write does not show as ours still needs ``correct="all"``. Nobody who is
    undetermined or excluded is touched.
    """
    cases = [(role, case, text) for role, table in TABLES.items() for case, text in table.items()]
    people, writes, expected = [], [], {}
    for number, (role, (outcome, flag, written), text) in enumerate(cases):
        uid = f"bk_{number:02d}"
        people.append(Person(outcome, absent=flag, uid=uid, role=role))
        if written is not None:
            writes.append(LastWrite(uid, role, ANN, written != REMOVED, is_certain=written != UNCERTAIN))
        result = text.split()[COLUMNS.index(column)]
        if result != "-":
            expected[uid, role] = result
    correct, *forced = column.split()
    write(people, tmp_path, rails=PASSING, last_writes=writes, correct=correct, force=bool(forced))
    found = {(row["booking_uid"], row["role"]): _kind(row) for row in lines(tmp_path)}
    held_back = {(row["booking_uid"], row["role"]): row["held_back"] for row in lines(tmp_path, "held-back.jsonl")}
    assert found | held_back == expected
    assert not found.keys() & held_back.keys()


TABLES = {"attendee": OF_ATTENDEES, "host": OF_HOSTS}


def _kind(row: Row) -> str:
    assert row["from"] != row["to"]
    return "mark" if row["to"] else "unmark"


def test_the_last_of_several_writes_counts(tmp_path: Path) -> None:
    """Writes come in the order in which they were made, for many people, and from a stream."""
    others = [LastWrite(f"bk_{number}", "attendee", ANN, False) for number in range(2, 5_000)]

    def writes() -> Iterator[LastWrite]:
        yield last(False)
        yield from others
        yield last(True)

    people = [Person("present", absent=True)]
    write(people, tmp_path, last_writes=writes())
    assert [line["to"] for line in lines(tmp_path)] == [False]
    summary = write(people, tmp_path, last_writes=[last(True), *others, last(False)])
    assert (lines(tmp_path), summary["held_back"]["human_override"]) == ([], 1)


def test_writes_of_other_people_do_not_count(tmp_path: Path) -> None:
    """An entry of the ledger belongs to one booking, one role and one address, letter by letter."""
    writes = [
        LastWrite("bk_2", "attendee", ANN, True),
        LastWrite("bk_1", "host", ANN, True),
        LastWrite("bk_1", "attendee", "Ann@client.example", True),
    ]
    assert write([Person("present", absent=True)], tmp_path, last_writes=writes)["held_back"]["not_ours"] == 1


def test_the_keys_of_a_line(tmp_path: Path) -> None:
    """A line of the plan always has the same keys in the same order; one who is held back has the reason besides."""
    write([Person("absent"), Person("present", "bob@client.example", absent=True)], tmp_path)
    assert (tmp_path / "plan.jsonl").read_bytes() == (
        b'{"booking_uid": "bk_1", "role": "attendee", "email": "ann@client.example", "from": false, "to": true,'
        b' "reason": "not_seen", "presence_seconds": 0.0, "start_at": "2026-01-09T05:30:00.000Z"}\n'
    )
    assert lines(tmp_path, "held-back.jsonl") == [
        {
            "booking_uid": "bk_1",
            "role": "attendee",
            "email": "bob@client.example",
            "from": True,
            "to": False,
            "reason": "email",
            "presence_seconds": 2700.0,
            "start_at": "2026-01-09T05:30:00.000Z",
            "held_back": "not_ours",
        }
    ]


def test_attendees_without_an_address_are_held_back(tmp_path: Path) -> None:
    """Cal.com rejects a whole call for one entry that is not an address, so such people are not written.

    The call for a host has no address: one whose account is gone, "unknown" to Cal.com, can be marked all the same.
    """
    unusable = [None, "", " \u00a0\t", "users/1023"]
    people = [Person("absent", email) for email in (ANN, *unusable)]
    summary = write([*people, Person("absent", "unknown", role="host")], tmp_path, rails=PASSING)
    assert [(line["role"], line["email"]) for line in lines(tmp_path)] == [("attendee", ANN), ("host", "unknown")]
    assert counts(summary["held_back"]) == {"no_address": 4}
    assert {line["email"] for line in lines(tmp_path, "held-back.jsonl")} == set(unusable)


def test_the_same_person_twice(tmp_path: Path) -> None:
    """Rows with the same decision and flag are one change; rows that differ in one of them are none."""
    same = [Person("absent", uid="bk_1"), Person("absent", uid="bk_1"), Person("absent", uid="bk_1", minutes=1)]
    flags = [Person("absent", uid="bk_2"), Person("absent", uid="bk_2", absent=True)]
    outcomes = [Person("absent", uid="bk_3"), Person("undetermined", uid="bk_3")]
    summary = write([*same, *flags, *outcomes], tmp_path, rails=PASSING)
    assert [(line["booking_uid"], line["presence_seconds"]) for line in lines(tmp_path)] == [("bk_1", 60)]
    assert summary["changes"]["total"] == 1
    assert counts(summary["held_back"]) == {"contradictory": 2}


ADDRESSES = [
    'o\'brien"quoted"@client.example',
    "new\nline@client.example",
    "line\u2028and\u0085separators@client.example",
    "back\\slash@client.example",
    "jörg😀@bücher.example",
    " Spaced@Client.example ",
    "UPPER@CLIENT.EXAMPLE",
    "tab\t;drop table@client.example",
]


def test_addresses_stay_letter_by_letter(tmp_path: Path) -> None:
    """Cal.com finds people by its own spelling, in the plan as in the ledger."""
    write([Person("absent", address) for address in ADDRESSES], tmp_path, rails=PASSING)
    assert [change.email for change in read_plan(tmp_path)] == sorted(ADDRESSES)
    assert (tmp_path / "plan.jsonl").read_bytes().count(b"\n") == len(ADDRESSES)
    writes = [last(True, email=address) for address in ADDRESSES]
    people = [Person("present", address, absent=True) for address in ADDRESSES]
    assert write(people, tmp_path, last_writes=writes)["changes"]["unmark_attendees"] == len(ADDRESSES)


# ----------------------------------------------------------------------------------------------------------------------
# Guard rails
# ----------------------------------------------------------------------------------------------------------------------


def test_a_rejected_plan_can_be_read_and_not_applied(tmp_path: Path) -> None:
    """There is a report, with every rail, and the rejected changes; no plan is left, not even an older one."""
    write(crowd(10, 10), tmp_path)
    assert names(tmp_path) == FILES
    with pytest.raises(PlanRefused, match=r"max_absent_share.*max_changes"):
        write(crowd(20, 10), tmp_path, rails={"max_changes": 15})
    assert names(tmp_path) == FILES_OF_A_REJECTED_PLAN
    reason = "max_changes: the plan has 20 changes (limit: at most 15)"
    for read in (read_plan, verify_plan):
        with pytest.raises(PlanRefused) as raised:
            read(tmp_path)
        assert "max_absent_share: a share of 0.666667" in str(raised.value)
    summary = verify_plan(tmp_path, even_refused=True)
    assert summary["refused"] == [
        "max_absent_share: a share of 0.666667 of 30 decided people is absent (limit: at most 0.5)",
        reason,
    ]
    assert {rail["name"]: rail["is_tripped"] for rail in summary["guard_rails"]} == {
        "max_absent_share": True,
        "max_changes": True,
        "min_matched_share": False,
        "allow_empty_feed": False,
        "allow_nobody_present": False,
    }
    assert len(list(read_plan(tmp_path, even_refused=True))) == 20


def test_a_plan_that_passes_replaces_a_rejected_one(tmp_path: Path) -> None:
    """Once the feed is fixed, nothing of the rejection stays."""
    with pytest.raises(PlanRefused):
        write(crowd(20), tmp_path)
    write(crowd(10, 10), tmp_path)
    assert names(tmp_path) == FILES
    assert verify_plan(tmp_path)["changes"]["total"] == 10


def test_rails_see_the_figures_and_the_changes(tmp_path: Path) -> None:
    """What was counted with the decisions is compared with the limits; a figure that meets its limit passes."""
    few_matches = decided(crowd(1, 1), rows_of_people=20, matched_rows=5)
    with pytest.raises(PlanRefused, match=r"min_matched_share: a share of 0\.25 of 20 meeting rows"):
        write_plan(few_matches, tmp_path)
    assert write_plan(few_matches, tmp_path, rails={"min_matched_share": 0.25})["state"] == "ready"
    with pytest.raises(PlanRefused, match="allow_empty_feed: attendance has 0 rows for 1 bookings"):
        write_plan(decided(crowd(1), attendance_rows=0), tmp_path)
    assert write(crowd(3), tmp_path, rails={"max_changes": 3})["state"] == "ready"
    with pytest.raises(PlanRefused, match="max_changes: the plan has 3 changes"):
        write(crowd(3), tmp_path, rails={"max_changes": 2})


def test_a_replaced_plan_is_not_read_as_the_older_one(tmp_path: Path) -> None:
    """A caller that checked a summary, and its approval, reads that plan's changes, or gets an error."""
    checked = write(crowd(1), tmp_path)
    assert len(list(read_plan(tmp_path, summary=checked))) == 1
    write(crowd(2, 2), tmp_path)
    with pytest.raises(CorruptPlan, match="its hash is another"):
        list(read_plan(tmp_path, summary=checked))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"correct": "mine"}, InvalidPlanOption, "correct must be one of ledger, all, none, but is 'mine'"),
        ({"force": "yes"}, InvalidPlanOption, "force must be true or false, but is 'yes'"),
        ({"rails": {"max_changes": -1}}, InvalidGuardRails, "max_changes"),
    ],
)
def test_an_invalid_option_leaves_the_older_plan(three: Path, options: Row, error: type[Exception], words: str) -> None:
    """A mistyped option is named, and nothing is changed."""
    with pytest.raises(error, match=words):
        write(crowd(2), three, **options)
    assert verify_plan(three)["changes"]["total"] == 3


# ----------------------------------------------------------------------------------------------------------------------
# The files
# ----------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def _three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("three")
    write(crowd(3), folder)
    return folder


@pytest.fixture
def three(_three: Path, tmp_path: Path) -> Path:
    """A plan of three changes, as a copy that a test may damage."""
    shutil.copytree(_three, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_equal_inputs_produce_equal_bytes(tmp_path: Path) -> None:
    """The order of the decisions, and that of the writes of different people, leave no trace in the files."""
    people = [
        Person(("present", "absent", "undetermined")[place % 3], f"guest{place}@{uid}.example", place % 5 == 0, uid)
        for uid in (f"bk_{number:02d}" for number in range(30))
        for place in range(10)
    ]
    writes = [LastWrite(one.uid, one.role, str(one.email), True) for one in people[::2]]
    found = []
    for seed in range(3):
        write(people, tmp_path / str(seed), rails=PASSING, last_writes=writes)
        found.append({path.name: path.read_bytes() for path in (tmp_path / str(seed)).iterdir()})
        random.Random(seed).shuffle(people)
        random.Random(seed).shuffle(writes)
    assert found[0].keys() == FILES
    assert found[0] == found[1] == found[2]
    summary = read_summary(tmp_path / "0")
    assert summary["changes"]["unmark_attendees"] > 0
    assert summary["held_back"]["human_override"] > 0


def test_the_hash_covers_what_controls_the_plan(tmp_path: Path) -> None:
    """Planning the same changes again is the plan that was approved; with force, or a change more, it is another.

    Another file name, another hour or one more person who came leave it what it was.
    """
    first = write(crowd(3), tmp_path / "first")
    later = decided([*crowd(3), Person("present")], files=[LoadedFile("people", "people.jsonl", 4)])
    again = write_plan(replace(later, policy=replace(POLICY, settle=60)), tmp_path / "again")
    assert first["sha256"] == again["sha256"]
    assert first["report_sha256"] != again["report_sha256"]
    assert again["inputs"] == [{"table": "people", "file": "people.jsonl", "rows": 4}]
    others = [
        write(crowd(3), tmp_path / "forced", force=True),
        write(crowd(3), tmp_path / "corrected", correct="all"),
        write(crowd(4), tmp_path / "more"),
    ]
    assert first["sha256"] not in [one["sha256"] for one in others]


def test_the_summary_of_a_plan_by_the_rules(tmp_path: Path) -> None:
    """Policy, counts by outcome and reason, rails, files with rows: all that a person needs to approve a plan.

    By default only attendees are decided: the host of ``bk_3`` did not come, and is not in the plan.
    """

    def person(email: str, uid: str = "bk_1", role: str = "attendee", absent: bool = False) -> Row:
        row = {"booking_uid": uid, "role": role, "email": email, "match_email": email, "absent": absent}
        return row | {"name": None, "phone": None}

    times = {"start_at": "2026-01-09T05:30:00Z", "end_at": "2026-01-09T06:30:00Z"}
    accepted = {"status": "accepted", **times, "rescheduled_to_uid": None, "conference_key": None}
    bookings = [accepted | {"booking_uid": uid} for uid in ("bk_1", "bk_2", "bk_3")]
    bookings[1]["status"] = "cancelled"
    hosts = [person(HOST, uid, "host") for uid in ("bk_1", "bk_3")]
    people = [person(ANN), person("bob@client.example", absent=True), person("eve@client.example", "bk_2"), *hosts]
    came = {"kind": "person", "conference_key": None, "name": None, "phone": None, "joined_at": times["start_at"]}
    seen = [(HOST, "bk_1"), ("bob@client.example", "bk_1")]
    rows = [came | {"email": email, "booking_uid": uid, "left_at": "2026-01-09T06:15:00Z"} for email, uid in seen]
    with deciding(bookings, people, rows, POLICY) as made:
        summary = write_plan(made, tmp_path, correct="all")
    assert json.loads((tmp_path / "summary.json").read_bytes()) == summary == read_summary(tmp_path)
    assert summary["policy"]["as_of"] == "2026-01-12T00:00:00.000Z"
    assert summary["outcomes"] == {
        "absent": {"not_seen": 1},
        "excluded": {"not_accepted": 1},
        "present": {"email": 1},
    }
    assert summary["changes"] == {
        "total": 2,
        "bookings": 1,
        "mark_attendees": 1,
        "mark_hosts": 0,
        "unmark_attendees": 1,
    }
    assert summary["held_back"] == {
        "no_address": 0,
        "contradictory": 0,
        "host_present": 0,
        "human_override": 0,
        "correction_off": 0,
        "not_ours": 0,
    }
    assert summary["inputs"] == [
        {"table": "bookings", "file": "bookings (rows)", "rows": 3},
        {"table": "people", "file": "people (rows)", "rows": 5},
        {"table": "attendance", "file": "attendance (rows)", "rows": 2},
    ]
    assert (summary["judged_bookings"], summary["attendance_rows"]) == (2, 2)
    assert (summary["rows_of_people"], summary["matched_rows"]) == (2, 2)
    assert summary["complete_until"] == "2026-01-11T00:00:00.000Z"


def test_an_empty_plan(tmp_path: Path) -> None:
    """A plan without changes is complete and has a hash."""
    summary = write_plan(decided([], attendance_rows=0), tmp_path)
    assert list(read_plan(tmp_path)) == []
    assert verify_plan(tmp_path) == summary
    assert summary["complete_until"] == "2026-01-11T00:00:00.000Z"


def test_hashes_instead_of_addresses(tmp_path: Path) -> None:
    """With ``hashed`` no file of the plan has an address, and the summary says so."""
    aliases = {"ann.private@mail.example": "ann@client.example"}
    policy = replace(POLICY, internal_emails=("ian@acme.example",), aliases=aliases)
    people = [Person("absent"), Person("present", "bob@client.example", absent=True), Person("absent", None)]
    made = replace(decided(people), policy=policy)
    summary = write_plan(made, tmp_path, hashed=lambda address: f"h:{address[:2]}")
    assert summary["addresses"] == "hashed"
    assert [change.email for change in read_plan(tmp_path)] == ["h:an"]
    assert {line["email"] for line in lines(tmp_path, "held-back.jsonl")} == {"h:bo", None}
    assert not [name for name in names(tmp_path) if b".example" in (tmp_path / name).read_bytes()]


@pytest.mark.parametrize("is_string", [False, True])
def test_a_plan_in_an_object_store(is_string: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder may be a UPath or a URL, for writing and for reading, of files as s3fs and gcsfs have them."""
    from upath import UPath

    read_as_object_stores(monkeypatch)
    url = f"memory://plans/{'string' if is_string else 'path'}"
    folder: Any = url if is_string else UPath(url)
    with pytest.raises(PlanRefused):
        write(crowd(20), folder)
    write(crowd(10, 10), folder)
    assert verify_plan(folder)["changes"]["total"] == 10
    assert next(read_plan(folder)).email == "guest00@client.example"
    assert names(UPath(url)) == FILES


def test_a_plan_under_a_file_url(tmp_path: Path) -> None:
    """``file://`` is a local path, as Airflow's object storage writes it."""
    write(crowd(1), f"file://{tmp_path}/plan")
    assert verify_plan(tmp_path / "plan") == verify_plan(f"file://{tmp_path}/plan")


def town(bookings: int) -> Decided:
    """Return the decisions on bookings of 20: 15 are absent and not marked, 5 came and are marked."""
    made = decided([], judged_bookings=bookings, attendance_rows=1)
    made.connection.execute(
        f"""INSERT INTO decided SELECT 'bk_' || i, 'attendee', seat || '@bk_' || i || '.example',
        if(seat < 15, 'absent', 'present'), if(seat < 15, 'not_seen', 'email'), 0, NULL, NULL, seat >= 15, 0
        FROM range({bookings}) AS bookings (i), range(20) AS seats (seat)"""
    )
    return made


@contextmanager
def at_most(megabytes: int) -> Iterator[None]:
    """Check how much memory Python takes at the peak."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < megabytes * 2**20


def test_many_changes_need_little_memory(tmp_path: Path) -> None:
    """Changes are streamed to the file and from it: as lists these would take 16 and 2 MB."""
    with at_most(megabytes=12):
        summary = write_plan(town(1_200), tmp_path / "large", correct="all")
    assert (summary["changes"]["mark_attendees"], summary["changes"]["unmark_attendees"]) == (18_000, 6_000)
    summary = write_plan(town(200), tmp_path / "small", correct="all")
    with at_most(megabytes=1):
        assert verify_plan(tmp_path / "small") == summary


def damage(folder: Path, name: str, before: bytes, after: bytes) -> None:
    content = (folder / name).read_bytes()
    assert before in content
    (folder / name).write_bytes(content.replace(before, after, 1))


@pytest.mark.parametrize(
    ("name", "before", "after", "words"),
    [
        ("plan.jsonl", b"guest01", b"guest91", "its hash is another"),
        ("plan.jsonl", b"\n{", b"\n\n{", "line 2, is not JSON"),
        ("plan.jsonl", b'00.000Z"}\n{', b'00.000Z"}{', "line 1, is not JSON"),
        ("plan.jsonl", b'"email"', b'"e-mail"', "line 1, has other keys than booking_uid"),
        ("plan.jsonl", b'"from": false', b'"from": "no"', "line 1, key from: a str does not belong there"),
        ("plan.jsonl", b'"to": true', b'"to": false', "line 1, is a change that no plan has"),
        ("plan.jsonl", b'"attendee"', b'"guest"', "line 1, is a change that no plan has"),
        ("plan.jsonl", b"guest01", b"guest\xff", "line 2, is not JSON"),
        ("summary.json", b'"total": 3', b'"total": 4', "its hash is not that of what it says"),
        ("summary.json", b'"force": false', b'"force": true', "its hash is not that of what it says"),
        ("summary.json", b'"force": false', b'"force": "false"', "force is 'false', which does not belong there"),
        ("summary.json", b'"correct": "ledger"', b'"correct": "all"', "its hash is not that of what it says"),
        ("summary.json", b'"total": 3', b'"total": "3"', "changes is .* does not belong there"),
        ("summary.json", b'"judged_bookings": ', b'"judged_bookings": 1', "report_sha256 is not the hash"),
        ("summary.json", b'"is_tripped": false', b'"is_tripped": true', "report_sha256 is not the hash"),
        ("summary.json", b'"policy": {', b'"policy": {"x": 1,', "report_sha256 is not the hash"),
        ("summary.json", b'"not_seen": 3', b'"not_seen": 2', "report_sha256 is not the hash"),
        ("summary.json", b"{", b"", "is not the JSON that was written"),
        ("summary.json", b'"format": 2', b'"format": 3', "of another version"),
        ("summary.json", b'"sha256"', b'"sha"', "it lacks sha256"),
        ("summary.json", b'"ready"', b'"refused"', "its state does not fit its file"),
        ("summary.json", b'"ready"', b'"done"', "state is 'done', which does not belong there"),
        ("plan.jsonl", b"00.000Z", b"00.000", "line 1, key start_at is the naive time"),
        ("plan.jsonl", b'"presence_seconds": 0.0', b'"presence_seconds": false', "line 1, key presence_seconds"),
    ],
)
def test_a_damaged_plan_is_reported(three: Path, name: str, before: bytes, after: bytes, words: str) -> None:
    """What is not as it was written is named by file and line, before any of it is applied."""
    verify_plan(three)
    damage(three, name, before, after)
    with pytest.raises(CorruptPlan, match=words):
        verify_plan(three)


@pytest.mark.parametrize(
    ("field", "value"), [("force", True), ("force", 0), ("changes", 5), ("changes", {}), ("state", ["ready"])]
)
def test_an_older_plan_controls_nothing_that_its_hash_does_not_cover(three: Path, field: str, value: Any) -> None:
    """The hash of an older version is that of the changes alone, so what was approved by it must not be more."""
    summary = read_summary(three)
    old: Row = {name: one for name, one in summary.items() if name != "changes_sha256"}
    old |= {"format": 1, "sha256": summary["changes_sha256"]}
    (three / "summary.json").write_text(json.dumps(old))
    assert verify_plan(three)["sha256"] == summary["changes_sha256"]
    (three / "summary.json").write_text(json.dumps(old | {field: value}))
    with pytest.raises(CorruptPlan, match="Make the plan again"):
        verify_plan(three)


def test_a_file_that_can_not_be_opened(three: Path) -> None:
    """It is named."""
    for name in ("plan.jsonl", "summary.json"):
        (three / name).unlink()
        (three / name).mkdir()
        with pytest.raises(PlanNotRead, match=name):
            verify_plan(three)


def test_a_folder_that_can_not_be_written(tmp_path: Path) -> None:
    """The error names the parameter and the path."""
    (tmp_path / "file").write_text("")
    with pytest.raises(PlanNotWritten, match=r"plan_path: .*file/plan can't be written"):
        write(crowd(3), tmp_path / "file" / "plan")


@pytest.mark.parametrize("kept", range(3))
def test_a_truncated_plan(three: Path, kept: int) -> None:
    """A file that ends early is reported, whether it ends between two lines or in one."""
    content = (three / "plan.jsonl").read_bytes()
    complete = b"".join(content.splitlines(keepends=True)[:kept])
    (three / "plan.jsonl").write_bytes(complete)
    with pytest.raises(CorruptPlan, match="its hash is another"):
        verify_plan(three)
    (three / "plan.jsonl").write_bytes(content[: len(complete) + 30])
    with pytest.raises(CorruptPlan, match=f"line {kept + 1}, is torn"):
        verify_plan(three)


@pytest.mark.parametrize("name", ["plan.jsonl", "summary.json"])
def test_a_missing_file_of_a_plan(three: Path, name: str) -> None:
    """Without its summary a plan was not finished; without its changes it can't be read."""
    (three / name).unlink()
    with pytest.raises(CorruptPlan, match=rf"{name} is missing"):
        verify_plan(three)


def test_a_run_that_fails_leaves_no_plan(three: Path) -> None:
    """An older plan is gone before the new one begins, and the summary is the last to come."""

    def broken() -> Iterator[LastWrite]:
        yield last(True)
        raise OSError("the ledger can't be read")

    with pytest.raises(OSError, match="ledger"):
        write(crowd(3), three, last_writes=broken())
    with pytest.raises(CorruptPlan, match="not finished"):
        read_plan(three)
    assert list(three.iterdir()) == []


# ----------------------------------------------------------------------------------------------------------------------
# For people
# ----------------------------------------------------------------------------------------------------------------------


def test_a_plan_as_text(tmp_path: Path) -> None:
    """Counts, who is held back, rails, then the changes; addresses only on request."""
    summary = write([*crowd(3, 2), Person("present", "bob@client.example", absent=True)], tmp_path)
    assert format_plan(summary, read_plan(tmp_path), limit=2) == dedent(
        """\
        changes     3 in 1 bookings: 3 attendees and 0 hosts to mark absent, 0 attendees to un-mark
        bookings    1 decided as of 2026-01-12T00:00:00.000Z
        attendance  4 rows, complete until 2026-01-11T00:00:00.000Z
        absent      3: not_seen 3
        present     3: email 3
        held back   1: not_ours 1

        guard rail            result         limit         figure
        max_absent_share      fewer than 20  at most 0.5   0.5 of 6 decided people is absent
        max_changes           off            none          the plan has 3 changes
        min_matched_share     fewer than 20  at least 0.3  1 of 4 meeting rows matches a person
        allow_empty_feed      passed         at least 1    attendance has 4 rows for 1 bookings
        allow_nobody_present  fewer than 5   at least 1    3 people are present beside 3 absent ones

        change  start              booking  who       reason
        absent  2026-01-09 05:30Z  bk_1     attendee  not_seen
        absent  2026-01-09 05:30Z  bk_1     attendee  not_seen
        and 1 more
        """
    )
    assert "  guest02@client.example  not_seen" in format_plan(summary, read_plan(tmp_path), with_addresses=True)


def test_a_rejected_plan_as_text(tmp_path: Path) -> None:
    """The rejection is at the top, and the rail that failed is marked."""
    with pytest.raises(PlanRefused) as raised:
        write(crowd(20), tmp_path)
    text = format_plan(read_summary(tmp_path), read_plan(tmp_path, even_refused=True))
    assert text.startswith(
        "state       REJECTED by a guard rail, nothing will be written\nchanges     20 in 1 bookings"
    )
    assert re.search(r"^max_absent_share      FAILED +at most 0.5 +1 of 20 ", text, re.MULTILINE)
    assert "@" not in text
    assert len(str(raised.value)) <= 220, "a log shows it whole, below the table"


def test_a_feed_as_text() -> None:
    """Records and rows in one line; then what was left out, and where records can't be read, without their values."""
    report = FeedReport("zoom", max_unreadable=1)
    for kind in ("person", "person", "lobby"):
        report.start_record()
        report.rows += 1
        report.rows_by_kind[kind] += 1
    assert format_feed(0, report) == "feed 0  zoom: 3 records, 3 rows: lobby 1, person 2"
    report.start_record()
    report.note("no name")
    report.unreadable(UnreadableField("join_time", "must be a time, but is a text of 3 letters"))
    text = format_feed(1, report)
    assert "\nnotes       1: no name 1\n" in text
    assert "\nunreadable  1 records (25.0%)\n" in text
    assert "row 4" in text.splitlines()[-1]
    assert "join_time" in text.splitlines()[-1]


def test_no_line_of_a_plan_runs_off_the_screen(tmp_path: Path) -> None:
    """A long address is cut and long lists of reasons are wrapped, to 100 characters of a line."""
    summary = write([Person("absent", f"{'a' * 60}@client.example"), *crowd(30)], tmp_path, rails=PASSING)
    reasons = {f"a_reason_with_number_{number}": 10_000 for number in range(9)}
    text = format_plan({**summary, "outcomes": {"undetermined": reasons}}, read_plan(tmp_path), with_addresses=True)
    assert max(len(line) for line in text.splitlines()) <= 100
    assert all(f"{reason} 10000" in " ".join(text.split()) for reason in reasons)


def test_a_plan_as_text_does_not_control_a_terminal(tmp_path: Path) -> None:
    """Anyone who books can choose an address: what could move the cursor or turn the text is escaped."""
    summary = write([Person("absent", "a\x1b[2J\nb\u202e@client.example")], tmp_path)
    (line,) = format_plan(summary, read_plan(tmp_path), with_addresses=True).splitlines()[-1:]
    assert r"  a\u001b[2J\u000ab\u202e@client.example  " in line


def test_a_plan_as_text_reads_no_more_than_it_shows(three: Path) -> None:
    """The text of a huge plan is made without reading it to its end."""
    summary = read_summary(three)

    def changes() -> Iterator[Change]:
        yield from [next(read_plan(three))] * 2
        raise AssertionError("read on")

    assert format_plan(summary, changes(), limit=2).endswith("and 1 more\n")
