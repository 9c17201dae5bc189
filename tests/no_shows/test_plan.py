"""Plans: which decisions become changes, when a plan is refused, and that its files can be trusted."""

from __future__ import annotations

import json
import random
import time
import tracemalloc
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.attendance.engine import Resources, deciding
from airflow_provider_calcom.attendance.errors import PlanRefused
from airflow_provider_calcom.no_shows import plan as plans
from airflow_provider_calcom.no_shows.guard_rails import InvalidGuardRails
from airflow_provider_calcom.no_shows.plan import (
    Change,
    CorruptPlan,
    InvalidPlanOption,
    LastWrite,
    PlanNotRead,
    PlanNotWritten,
    Summary,
    format_plan,
    read_plan,
    read_summary,
    verify_plan,
    write_plan,
)

Row = dict[str, Any]
World = tuple[list[Row], list[Row], list[Row]]
START = datetime(2026, 1, 9, 5, 30, tzinfo=timezone.utc)
POLICY: Row = {"as_of": "2026-01-12T00:00:00Z", "attendance_until": "2026-01-11T00:00:00Z"}
LOOSE: Row = {"max_absent_share": 1, "min_matched_share": 0, "allow_nobody_present": True}


def booking(uid: str = "bk_1", **changed: Any) -> Row:
    row: Row = {"booking_uid": uid, "status": "accepted", "start_at": START, "end_at": START + timedelta(hours=1)}
    return row | {"rescheduled_to_uid": None, "conference_key": None} | changed


def person(email: str | None, uid: str = "bk_1", role: str = "attendee", absent: bool = False, **changed: Any) -> Row:
    row: Row = {"booking_uid": uid, "role": role, "email": email, "match_email": email, "name": None, "phone": None}
    return row | {"absent": absent} | changed


def seen(email: str | None, uid: str = "bk_1", kind: str = "person", **changed: Any) -> Row:
    row: Row = {"kind": kind, "booking_uid": uid, "conference_key": None, "email": email, "name": None, "phone": None}
    return row | {"joined_at": START, "left_at": START + timedelta(minutes=45)} | changed


def host(uid: str = "bk_1", absent: bool = False) -> Row:
    return person("host@acme.example", uid, "host", absent)


def write(world: Any, folder: Any, policy: Row | None = None, threads: int = 2, **options: Any) -> Summary:
    bookings, people, attendance = world
    judged_by = POLICY | (policy or {})
    with deciding(bookings, people, attendance, judged_by, resources=Resources(threads=threads)) as decided:
        return write_plan(decided, folder, **options)


def lines(folder: Path, name: str = "plan.jsonl") -> list[Row]:
    return [json.loads(line) for line in (folder / name).read_bytes().splitlines()]


def of_attendee(decision: str, absent: bool) -> World:
    """A meeting to which the host came, and one attendee on whom the rules decide as is said."""
    rows = {"present": [seen("ann@client.example")], "undetermined": [seen("ann@client.example", kind="lobby")]}
    status = "cancelled" if decision == "excluded" else "accepted"
    people = [host(), person("ann@client.example", absent=absent)]
    return [booking(status=status)], people, [seen("host@acme.example"), *rows.get(decision, [])]


def of_host(decision: str, absent: bool) -> World:
    """A meeting to which an attendee came, and a host on whom the rules decide as is said."""
    rows = {"present": [seen("host@acme.example")], "undetermined": [seen("host@acme.example", kind="lobby")]}
    people = [host(absent=absent), person("ann@client.example")]
    return [booking()], people, [seen("ann@client.example"), *rows.get(decision, [])]


def last(absent: bool, role: str = "attendee", email: str = "ann@client.example") -> LastWrite:
    return LastWrite("bk_1", role, email, absent)


# ----------------------------------------------------------------------------------------------------------------------
# Section 9
# ----------------------------------------------------------------------------------------------------------------------

MARK, UNMARK = (False, True), (True, False)


@pytest.mark.parametrize(
    ("decision", "absent", "options", "change", "held_back"),
    [
        ("absent", False, {}, MARK, None),
        ("absent", True, {}, None, None),
        ("present", False, {}, None, None),
        ("present", True, {}, None, "not_ours"),
        ("present", True, {"last_writes": [last(True)]}, UNMARK, None),
        ("present", True, {"last_writes": [last(True)], "correct": "none"}, None, "correction_off"),
        ("present", True, {"correct": "all"}, UNMARK, None),
        *[("undetermined", flag, {"correct": "all", "force": True}, None, None) for flag in (False, True)],
        *[("excluded", flag, {"correct": "all", "force": True}, None, None) for flag in (False, True)],
    ],
)
def test_attendees(
    tmp_path: Path,
    decision: str,
    absent: bool,
    options: Row,
    change: tuple[bool, bool] | None,
    held_back: str | None,
) -> None:
    """The absent are marked; the mark of those who came is taken away if it is ours; nothing else is touched."""
    summary = write(of_attendee(decision, absent), tmp_path, **options)
    assert list(summary["outcomes"]) == [decision]
    assert [(line["from"], line["to"]) for line in lines(tmp_path)] == ([change] if change else [])
    assert {reason: people for reason, people in summary["held_back"].items() if people} == (
        {held_back: 1} if held_back else {}
    )
    assert len(lines(tmp_path, "held-back.jsonl")) == (1 if held_back else 0)


@pytest.mark.parametrize(
    ("decision", "absent", "written", "options", "outcome"),
    [
        ("absent", False, True, {}, "human_override"),
        ("absent", False, True, {"force": True}, MARK),
        ("absent", False, False, {}, MARK),
        ("present", True, False, {}, "human_override"),
        ("present", True, False, {"correct": "all"}, "human_override"),
        ("present", True, False, {"correct": "all", "force": True}, UNMARK),
        ("present", True, False, {"force": True}, "not_ours"),
        ("present", True, True, {"force": True}, UNMARK),
        ("absent", True, False, {}, None),
        ("present", False, True, {}, None),
    ],
)
def test_what_a_person_changed_by_hand_stays(
    tmp_path: Path, decision: str, absent: bool, written: bool, options: Row, outcome: Any
) -> None:
    """A flag that is not what we wrote last was changed by a person: it stays, unless the run is forced.

    Forcing lifts that rule only: a mark that our last write does not show as ours still needs ``correct="all"``.
    """
    summary = write(of_attendee(decision, absent), tmp_path, last_writes=[last(written)], **options)
    found: list[Any] = [(line["from"], line["to"]) for line in lines(tmp_path)]
    found += [reason for reason, people in summary["held_back"].items() if people]
    assert found == ([outcome] if outcome else [])


def test_the_last_of_several_writes_counts(tmp_path: Path) -> None:
    """Writes come in the order in which they were made, for many people, and from a stream."""
    others = [LastWrite(f"bk_{number}", "attendee", "ann@client.example", False) for number in range(2, 30_000)]

    def writes() -> Iterator[LastWrite]:
        yield last(False)
        yield from others
        yield last(True)

    write(of_attendee("present", True), tmp_path, last_writes=writes())
    assert [line["to"] for line in lines(tmp_path)] == [False]
    summary = write(of_attendee("present", True), tmp_path, last_writes=[last(True), *others, last(False)])
    assert (lines(tmp_path), summary["held_back"]["human_override"]) == ([], 1)


def test_writes_for_others_say_nothing(tmp_path: Path) -> None:
    """A ledger's entry is that of one booking, one role and one address, letter by letter."""
    writes = [
        LastWrite("bk_2", "attendee", "ann@client.example", True),
        LastWrite("bk_1", "host", "ann@client.example", True),
        LastWrite("bk_1", "attendee", "Ann@client.example", True),
    ]
    assert write(of_attendee("present", True), tmp_path, last_writes=writes)["held_back"]["not_ours"] == 1


@pytest.mark.parametrize(
    ("decision", "absent", "options", "outcome"),
    [
        ("absent", False, {}, MARK),
        ("absent", True, {}, None),
        ("absent", False, {"last_writes": [last(True, "host", "host@acme.example")]}, "human_override"),
        ("present", False, {}, None),
        ("present", True, {}, "host_present"),
        ("present", True, {"correct": "all", "force": True}, "host_present"),
        ("present", True, {"last_writes": [last(True, "host", "host@acme.example")]}, "host_present"),
        ("undetermined", True, {"correct": "all"}, None),
    ],
)
def test_hosts(tmp_path: Path, decision: str, absent: bool, options: Row, outcome: Any) -> None:
    """A host is marked like anybody, where hosts are judged; that a marked host came is told and never written."""
    summary = write(of_host(decision, absent), tmp_path, {"judge_hosts": True}, **options)
    found: list[Any] = [(line["role"], line["from"], line["to"]) for line in lines(tmp_path)]
    found += [reason for reason, people in summary["held_back"].items() if people]
    assert found == ([outcome if isinstance(outcome, str) else ("host", *outcome)] if outcome else [])
    assert summary["changes"]["mark_hosts"] == (1 if outcome == MARK else 0)


def test_hosts_are_left_alone_unless_judged(tmp_path: Path) -> None:
    """By default a plan has attendees only."""
    assert write(of_host("absent", False), tmp_path)["changes"]["total"] == 0


def test_a_line_has_all_that_a_person_needs(tmp_path: Path) -> None:
    """A line of the plan has the same keys in the same order always; who is held back has the reason besides."""
    write(of_attendee("absent", False), tmp_path)
    assert (tmp_path / "plan.jsonl").read_bytes() == (
        b'{"booking_uid": "bk_1", "role": "attendee", "email": "ann@client.example", "from": false, "to": true,'
        b' "reason": "not_seen", "presence_seconds": 0.0, "start_at": "2026-01-09T05:30:00.000Z"}\n'
    )
    write(of_attendee("present", True), tmp_path)
    assert lines(tmp_path, "held-back.jsonl") == [
        {
            "booking_uid": "bk_1",
            "role": "attendee",
            "email": "ann@client.example",
            "from": True,
            "to": False,
            "reason": "email",
            "presence_seconds": 2700.0,
            "start_at": "2026-01-09T05:30:00.000Z",
            "held_back": "not_ours",
        }
    ]
    assert not (tmp_path / "plan.jsonl").read_bytes()


@pytest.mark.parametrize("email", [None, "", " \u00a0\t", "users/1023"])
def test_an_attendee_without_an_address_is_not_written(tmp_path: Path, email: str | None) -> None:
    """Cal.com refuses a whole call for one entry that is no address, so there is none, and the summary says so."""
    bookings, people, rows = of_attendee("absent", False)
    summary = write((bookings, [*people, person(email, phone="+15550100", name="Bob Ng")], rows), tmp_path)
    assert [line["email"] for line in lines(tmp_path)] == ["ann@client.example"]
    assert summary["held_back"]["no_address"] == 1
    assert [line["email"] for line in lines(tmp_path, "held-back.jsonl")] == [email]


def test_a_host_is_marked_under_whatever_name(tmp_path: Path) -> None:
    """The call for a host has no address: one whose user is gone, "unknown" to Cal.com, is markable all the same."""
    people = [person("unknown", role="host"), person("ann@client.example")]
    write(([booking()], people, [seen("ann@client.example")]), tmp_path, {"judge_hosts": True})
    assert [line["email"] for line in lines(tmp_path)] == ["unknown"]


def test_the_same_row_twice_is_one_change(tmp_path: Path) -> None:
    """People who stand there twice, word for word, are written once."""
    bookings, people, rows = of_host("absent", False)
    summary = write((bookings, [*people, host()], rows), tmp_path, {"judge_hosts": True})
    assert len(lines(tmp_path)) == summary["changes"]["total"] == 1


def test_contradictions_are_not_written(tmp_path: Path) -> None:
    """Somebody who stands there twice, marked and not marked, is left to a person."""
    bookings, people, rows = of_host("absent", False)
    summary = write((bookings, [*people, host(absent=True)], rows), tmp_path, {"judge_hosts": True})
    assert (lines(tmp_path), summary["held_back"]["contradictory"]) == ([], 1)


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
    """What is written back is what Cal.com has: it finds people by the very spelling."""
    people = [host(), *[person(address) for address in ADDRESSES]]
    write(([booking()], people, [seen("host@acme.example")]), tmp_path, rails=LOOSE)
    assert [change.email for change in read_plan(tmp_path)] == sorted(ADDRESSES)
    assert (tmp_path / "plan.jsonl").read_bytes().count(b"\n") == len(ADDRESSES)


def test_addresses_of_a_ledger_are_compared_letter_by_letter(tmp_path: Path) -> None:
    """Our own marks are known again, whatever the address is made of."""
    people = [host(), *[person(address, absent=True) for address in ADDRESSES]]
    rows = [seen("host@acme.example"), *[seen(address) for address in ADDRESSES]]
    writes = [LastWrite("bk_1", "attendee", address, True) for address in ADDRESSES]
    assert write(([booking()], people, rows), tmp_path, last_writes=writes)["changes"]["unmark_attendees"] == 8


# ----------------------------------------------------------------------------------------------------------------------
# Guard rails
# ----------------------------------------------------------------------------------------------------------------------


def crowd(absent: int, present: int = 0, strangers: int = 0) -> World:
    """A meeting with so many attendees; rows of strangers make it undetermined who is absent."""
    names = [f"guest{number:02d}@client.example" for number in range(absent + present)]
    rows = [seen("host@acme.example"), *[seen(name) for name in names[:present]]]
    rows += [seen(None, name=f"Phone {number}") for number in range(strangers)]
    return [booking()], [host(), *[person(name) for name in names]], rows


@pytest.mark.parametrize(
    ("world", "options", "told"),
    [
        (crowd(10, 10), {}, None),
        (
            crowd(11, 9),
            {},
            "max_absent_share: a share of 0.55 of 20 decided people is absent (limit: at most 0.5)",
        ),
        (crowd(18, 1), {}, None),
        (
            crowd(20),
            {"rails": {"allow_nobody_present": True}},
            "max_absent_share: a share of 1 of 20 decided people is absent (limit: at most 0.5)",
        ),
        (crowd(20, 1), {"rails": {"max_absent_share": 1}}, None),
        (crowd(4), {}, None),
        (crowd(19), {}, "allow_nobody_present: 0 people are present beside 19 absent ones (limit: at least 1)"),
        (crowd(19), {"rails": {"allow_nobody_present": True}}, None),
        (crowd(3), {"rails": {"max_changes": 3}}, None),
        (crowd(3), {"rails": {"max_changes": 2}}, "max_changes: the plan has 3 changes (limit: at most 2)"),
        (crowd(0, 5, 14), {}, None),
        (crowd(0, 4, 15), {"rails": {"min_matched_share": 0.25}}, None),
        (
            crowd(0, 4, 15),
            {},
            "min_matched_share: a share of 0.25 of 20 meeting rows matches a person (limit: at least 0.3)",
        ),
        (crowd(0, 0, 18), {}, None),
        (
            (*crowd(1)[:2], []),
            {},
            "allow_empty_feed: attendance has 0 rows for 1 bookings to be decided (limit: at least 1)",
        ),
        ((*crowd(1)[:2], []), {"rails": {"allow_empty_feed": True}}, None),
        (([booking(status="cancelled")], crowd(1)[1], []), {}, None),
        (([], [], []), {}, None),
    ],
)
def test_guard_rails(tmp_path: Path, world: World, options: Row, told: str | None) -> None:
    """A figure that meets its limit passes; the first one beyond it refuses the whole plan, and says why."""
    if told is None:
        assert write(world, tmp_path, **options)["refused"] == []
        return
    with pytest.raises(PlanRefused) as refused:
        write(world, tmp_path, **options)
    assert told in str(refused.value)
    assert read_summary(tmp_path)["refused"] == [told]


def test_a_refused_plan_can_be_looked_at_and_not_applied(tmp_path: Path) -> None:
    """There is a report, with every rail, and the changes that were refused; no plan is left, not even an older one."""
    write(crowd(10, 10), tmp_path)
    assert (tmp_path / "plan.jsonl").exists()
    with pytest.raises(PlanRefused, match=r"max_absent_share.*max_changes.*summary\.json"):
        write(crowd(20, 10), tmp_path, rails={"max_changes": 15})
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "decisions.parquet",
        "held-back.jsonl",
        "refused-changes.jsonl",
        "summary.json",
    ]
    for read in (read_plan, verify_plan):
        with pytest.raises(PlanRefused, match=r"max_changes: the plan has 20 changes \(limit: at most 15\)"):
            read(tmp_path)
    summary = verify_plan(tmp_path, even_refused=True)
    assert [(rail["name"], rail["is_tripped"]) for rail in summary["guard_rails"]] == [
        ("max_absent_share", True),
        ("max_changes", True),
        ("min_matched_share", False),
        ("allow_empty_feed", False),
        ("allow_nobody_present", False),
    ]
    assert len(list(read_plan(tmp_path, even_refused=True))) == 20


def test_a_plan_that_passes_replaces_a_refused_one(tmp_path: Path) -> None:
    """Once the feed is mended, nothing of the refusal stays."""
    with pytest.raises(PlanRefused):
        write(crowd(20), tmp_path)
    write(crowd(10, 10), tmp_path)
    assert not (tmp_path / "refused-changes.jsonl").exists()
    assert verify_plan(tmp_path)["changes"]["total"] == 10


def test_a_plan_that_replaced_another_is_not_read_as_it(tmp_path: Path) -> None:
    """Who checked a summary, and its approval, gets that plan's changes, or an error."""
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
def test_a_wrong_option_leaves_the_older_plan(tmp_path: Path, options: Row, error: type[Exception], words: str) -> None:
    """A mistyped option is named, and nothing is touched."""
    write(crowd(1), tmp_path)
    with pytest.raises(error, match=words):
        write(crowd(2), tmp_path, **options)
    assert verify_plan(tmp_path)["changes"]["total"] == 1


# ----------------------------------------------------------------------------------------------------------------------
# The files
# ----------------------------------------------------------------------------------------------------------------------


def town(bookings: int, attendees: int) -> World:
    """Many meetings with hosts; of their attendees every third one came, and every fifth one is marked."""
    uids = [f"bk_{number:06d}" for number in range(bookings)]
    names = {uid: [f"guest{number:03d}@{uid}.example" for number in range(attendees)] for uid in uids}
    people = [person(f"{uid}@acme.example", uid, "host") for uid in uids]
    people += [person(name, uid, absent=place % 5 == 0) for uid in uids for place, name in enumerate(names[uid])]
    rows = [seen(f"{uid}@acme.example", uid) for uid in uids]
    rows += [seen(name, uid) for uid in uids for name in names[uid][::3]]
    return [booking(uid) for uid in uids], people, rows


def written_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path) -> None:
    """In whatever order rows and writes of different people come, on however many threads, at whatever time."""
    world = town(300, 40)
    writes = [LastWrite(row["booking_uid"], "attendee", row["email"], True) for row in world[1][::2]]
    found = []
    for threads in (1, 2, 4):
        folder = tmp_path / str(threads)
        write(world, folder, threads=threads, rails=LOOSE, last_writes=writes)
        found.append(written_bytes(folder))
        for rows in (*world, writes):
            random.Random(threads).shuffle(rows)
        time.sleep(0.01)
    assert len(found[0]) == 4
    assert found[0] == found[1] == found[2]
    assert read_summary(tmp_path / "1")["changes"]["unmark_attendees"] > 0


def test_the_hash_is_that_of_the_changes_alone(tmp_path: Path) -> None:
    """Another file name, another hour or one more row of people who came leave an approved plan what it was."""
    first = write(of_attendee("absent", False), tmp_path / "first")
    bookings, people, rows = of_attendee("absent", False)
    people, rows = [*people, person("bob@client.example")], [*rows, seen("bob@client.example")]
    path = tmp_path / "people.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in people), encoding="utf-8")
    second = write((bookings, path, rows), tmp_path / "second", {"as_of": "2026-01-13T00:00:00Z"})
    third = write(of_host("absent", False), tmp_path / "third", {"judge_hosts": True})
    assert first["sha256"] == second["sha256"] != third["sha256"]
    assert second["inputs"][1] == {"table": "people", "file": str(path), "rows": 3}


def test_the_summary_tells_what_was_counted(tmp_path: Path) -> None:
    """Policy, counts by outcome and reason, rails, files with rows: all that a person needs to approve a plan."""
    bookings, people, rows = of_attendee("absent", False)
    people += [person("bob@client.example", absent=True), person("eve@client.example", "bk_2")]
    rows += [seen("bob@client.example")]
    summary = write(([*bookings, booking("bk_2", status="cancelled")], people, rows), tmp_path, correct="all")
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
    assert summary["held_back"] == dict.fromkeys(plans._HELD_BACK, 0)
    assert summary["inputs"] == [
        {"table": "bookings", "file": "bookings (rows)", "rows": 2},
        {"table": "people", "file": "people (rows)", "rows": 4},
        {"table": "attendance", "file": "attendance (rows)", "rows": 2},
    ]
    assert (summary["judged_bookings"], summary["attendance_rows"]) == (1, 2)
    assert (summary["rows_of_people"], summary["matched_rows"]) == (2, 2)
    assert summary["complete_until"] == "2026-01-11T00:00:00.000Z"


def test_an_empty_plan_is_a_plan(tmp_path: Path) -> None:
    """Nothing to do is a whole plan with a hash, not a missing one."""
    summary = write(([], [], []), tmp_path)
    assert list(read_plan(tmp_path)) == []
    assert verify_plan(tmp_path) == summary
    assert summary["complete_until"] == "2026-01-11T00:00:00.000Z"


@pytest.mark.parametrize("as_text", [False, True])
def test_a_plan_in_an_object_store(as_text: bool) -> None:
    """A UPath or a URL will do for the folder, for writing as for reading."""
    from upath import UPath

    url = f"memory://plans/{'text' if as_text else 'path'}"
    folder: Any = url if as_text else UPath(url)
    with pytest.raises(PlanRefused):
        write(crowd(20), folder)
    write(crowd(10, 10), folder)
    assert verify_plan(folder)["changes"]["total"] == 10
    assert next(read_plan(folder)).email == "guest10@client.example"
    names = {path.name for path in UPath(url).iterdir()}
    assert names == {"plan.jsonl", "held-back.jsonl", "decisions.parquet", "summary.json"}


def test_a_plan_under_a_url_of_this_machine(tmp_path: Path) -> None:
    """``file://`` is a path here, as Airflow's object storage writes it."""
    write(crowd(1), f"file://{tmp_path}/plan")
    assert verify_plan(tmp_path / "plan") == verify_plan(f"file://{tmp_path}/plan")


def city(folder: Path) -> list[Path]:
    """A thousand meetings of 150: 80 of each are absent and not marked, 20 came and are marked."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(
            f"""CREATE TABLE seats AS
            SELECT seat, 'bk_' || i AS booking_uid, seat || '@bk_' || i || '.example' AS email,
            TIMESTAMPTZ '{START}' AS start_at, start_at + INTERVAL 1 HOUR AS end_at, 'accepted' AS status,
            NULL AS rescheduled_to_uid, NULL AS conference_key
            FROM range(1000) AS bookings(i), range(151) AS seats(seat)"""
        )
        for name, query in {
            "bookings": "SELECT DISTINCT * EXCLUDE (seat, email) FROM seats",
            "people": "SELECT booking_uid, CASE WHEN seat = 0 THEN 'host' ELSE 'attendee' END AS role, email,"
            " email AS match_email, NULL AS name, NULL AS phone, seat > 130 AS absent FROM seats",
            "attendance": "SELECT 'person' AS kind, booking_uid, conference_key, email, NULL AS name, NULL AS phone,"
            " start_at AS joined_at, end_at AS left_at FROM seats WHERE seat NOT BETWEEN 51 AND 130",
        }.items():
            connection.execute(f"COPY ({query}) TO '{folder / name}.parquet'")
    return [folder / f"{name}.parquet" for name in ("bookings", "people", "attendance")]


def test_many_changes_need_little_memory(tmp_path: Path) -> None:
    """A hundred thousand changes are streamed to the file and from it, never held."""
    bookings, people, attendance = city(tmp_path)
    with deciding(bookings, people, attendance, POLICY) as decided:
        tracemalloc.start()
        try:
            summary = write_plan(decided, tmp_path / "plan", rails=LOOSE, correct="all")
            assert verify_plan(tmp_path / "plan") == summary
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (summary["changes"]["mark_attendees"], summary["changes"]["unmark_attendees"]) == (80_000, 20_000)
    assert peak < 16 * 2**20


def spoilt(folder: Path, name: str, before: bytes, after: bytes) -> None:
    text = (folder / name).read_bytes()
    assert before in text
    (folder / name).write_bytes(text.replace(before, after, 1))


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
        ("summary.json", b'"format": 2', b'"format": 3', "that of another version"),
        ("summary.json", b'"sha256"', b'"sha"', "it lacks sha256"),
        ("summary.json", b'"ready"', b'"refused"', "its state does not fit its file"),
        ("summary.json", b'"ready"', b'"done"', "state is 'done', which does not belong there"),
        ("plan.jsonl", b"00.000Z", b"00.000", "line 1, key start_at is the naive time"),
        ("plan.jsonl", b'"presence_seconds": 0.0', b'"presence_seconds": false', "line 1, key presence_seconds"),
    ],
)
def test_a_damaged_plan_is_known(tmp_path: Path, name: str, before: bytes, after: bytes, words: str) -> None:
    """What is not as it was written is told, with file and line, before any of it is acted upon."""
    write(crowd(3), tmp_path)
    verify_plan(tmp_path)
    spoilt(tmp_path, name, before, after)
    with pytest.raises(CorruptPlan, match=words):
        verify_plan(tmp_path)


@pytest.mark.parametrize(
    ("field", "value"), [("force", True), ("force", 0), ("changes", 5), ("changes", {}), ("state", ["ready"])]
)
def test_a_plan_of_an_older_version_controls_nothing_that_its_hash_does_not_cover(
    tmp_path: Path, field: str, value: Any
) -> None:
    """Its hash is that of the changes alone, so what was approved by it must not be more than they say."""
    summary = write(crowd(3), tmp_path)
    old = {name: one for name, one in summary.items() if name != "changes_sha256"}
    old |= {"format": 1, "sha256": summary["changes_sha256"]}
    (tmp_path / "summary.json").write_text(json.dumps(old))
    assert verify_plan(tmp_path)["sha256"] == summary["changes_sha256"]
    (tmp_path / "summary.json").write_text(json.dumps(old | {field: value}))
    with pytest.raises(CorruptPlan, match="Make the plan again"):
        verify_plan(tmp_path)


def test_the_hash_covers_what_controls_the_plan_and_not_when_it_was_made(tmp_path: Path) -> None:
    """Planning the same changes again gives the plan that was approved; with force it is another one."""
    first, again, forced = (
        write(crowd(3), tmp_path / name, force=name == "forced")["sha256"] for name in ("first", "again", "forced")
    )
    assert first == again != forced


def test_a_file_that_can_not_be_opened_is_named(tmp_path: Path) -> None:
    """Another try has no point before somebody fixes it."""
    write(crowd(3), tmp_path)
    for name in ("plan.jsonl", "summary.json"):
        (tmp_path / name).unlink()
        (tmp_path / name).mkdir()
        with pytest.raises(PlanNotRead, match=name):
            verify_plan(tmp_path)


def test_a_folder_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    """The text has the parameter and the path."""
    (tmp_path / "file").write_text("")
    with pytest.raises(PlanNotWritten, match=r"plan_path: .*file/plan can't be written"):
        write(crowd(3), tmp_path / "file" / "plan")


@pytest.mark.parametrize("kept", range(3))
def test_a_cut_plan_is_known(tmp_path: Path, kept: int) -> None:
    """A file that ends early is told, whether it ends between two lines or in one."""
    write(crowd(3), tmp_path)
    text = (tmp_path / "plan.jsonl").read_bytes()
    whole = b"".join(text.splitlines(keepends=True)[:kept])
    (tmp_path / "plan.jsonl").write_bytes(whole)
    with pytest.raises(CorruptPlan, match="its hash is another"):
        verify_plan(tmp_path)
    (tmp_path / "plan.jsonl").write_bytes(text[: len(whole) + 30])
    with pytest.raises(CorruptPlan, match=f"line {kept + 1}, is torn"):
        verify_plan(tmp_path)


@pytest.mark.parametrize("name", ["plan.jsonl", "summary.json"])
def test_a_plan_with_a_missing_file_is_none(tmp_path: Path, name: str) -> None:
    """Without its summary a plan was not finished; without its changes it is none."""
    write(crowd(3), tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(CorruptPlan, match=rf"{name} is missing"):
        verify_plan(tmp_path)


def test_a_run_that_dies_leaves_no_plan(tmp_path: Path) -> None:
    """An older plan is gone before the new one begins, and the summary is the last to come."""
    write(crowd(3), tmp_path)

    def broken() -> Iterator[LastWrite]:
        yield last(True)
        raise OSError("the ledger can't be read")

    with pytest.raises(OSError, match="ledger"):
        write(crowd(3), tmp_path, last_writes=broken())
    with pytest.raises(CorruptPlan, match="not finished"):
        read_plan(tmp_path)
    assert list(tmp_path.iterdir()) == []


# ----------------------------------------------------------------------------------------------------------------------
# For people
# ----------------------------------------------------------------------------------------------------------------------


def test_a_plan_as_text(tmp_path: Path) -> None:
    """Counts, what is held back, rails, then the changes; no addresses unless asked for."""
    bookings, people, rows = crowd(3, 2)
    people += [person("bob@client.example", absent=True)]
    rows += [seen("bob@client.example")]
    summary = write((bookings, people, rows), tmp_path)
    assert format_plan(summary, read_plan(tmp_path), limit=2).splitlines() == [
        "3 changes in 1 bookings: 3 attendees and 0 hosts to mark absent, 0 attendees to un-mark",
        "1 bookings decided as of 2026-01-12T00:00:00.000Z, with 4 rows of attendance, complete until"
        " 2026-01-11T00:00:00.000Z",
        "absent 3: not_seen 3",
        "present 3: email 3",
        "held back 1: not_ours 1",
        "not evaluated  max_absent_share: a share of 0.5 of 6 decided people is absent (limit: at most 0.5"
        ", evaluated from 20 on)",
        "not evaluated  max_changes: the plan has 3 changes (no limit)",
        "not evaluated  min_matched_share: a share of 1 of 4 meeting rows matches a person (limit: at least 0.3"
        ", evaluated from 20 on)",
        "passed         allow_empty_feed: attendance has 4 rows for 1 bookings to be decided (limit: at least 1)",
        "not evaluated  allow_nobody_present: 3 people are present beside 3 absent ones (limit: at least 1"
        ", evaluated from 5 on)",
        "mark absent  2026-01-09 05:30Z  booking bk_1  attendee  reason not_seen",
        "mark absent  2026-01-09 05:30Z  booking bk_1  attendee  reason not_seen",
        "and 1 more",
    ]
    assert "attendee guest02@client.example  reason" in format_plan(summary, read_plan(tmp_path), with_addresses=True)


def test_a_refused_plan_as_text(tmp_path: Path) -> None:
    """A refusal stands at the top, and the rail that tripped is marked."""
    with pytest.raises(PlanRefused):
        write(crowd(20), tmp_path)
    text = format_plan(read_summary(tmp_path), read_plan(tmp_path, even_refused=True))
    assert text.startswith("REJECTED, nothing will be written: 20 changes")
    assert "\nFAILED         max_absent_share: a share of 1 of 20" in text
    assert "@" not in text


def test_a_plan_as_text_does_not_steer_a_terminal(tmp_path: Path) -> None:
    """Anyone who books can choose an address: what could move the cursor or turn the text is shown by its number."""
    people = [host(), person("a\x1b[2J\nb\u202e@client.example")]
    summary = write(([booking()], people, [seen("host@acme.example")]), tmp_path)
    (line,) = format_plan(summary, read_plan(tmp_path), with_addresses=True).splitlines()[-1:]
    assert r"attendee a\u001b[2J\u000ab\u202e@client.example  reason" in line


def test_rendering_takes_no_more_than_it_tells(tmp_path: Path) -> None:
    """A huge plan is shown without being read to its end."""
    summary = write(crowd(3), tmp_path)

    def changes() -> Iterator[Change]:
        yield from [next(read_plan(tmp_path))] * 2
        raise AssertionError("read on")

    assert format_plan(summary, changes(), limit=2).endswith("and 1 more\n")
