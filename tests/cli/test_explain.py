"""`calcom-no-shows explain` and `decide` on a plan, on Cal.com's own bookings, and on vendors' files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import duckdb
import pytest

from airflow_provider_calcom.no_shows.plan_files import report_hash
from tests.cli.conftest import POLICY, REPORT, Run
from tests.cli.test_trial import DEMO, INPUT

KATE = "dm8OnlyANoteTaker000008"
FILES = (*INPUT, "--feed", "zoom", str(REPORT))


def without_numbers(page: str) -> str:
    """Return a page without the numbers of rows: a plan numbers those of the booking, files number all."""
    return re.sub(r"^ +#\d+", "#", page, flags=re.MULTILINE)


@pytest.mark.usefixtures("day")
def test_a_plan_explains_what_its_files_explain(run: Run) -> None:
    """The plan's folder is enough, and says the same as bookings, feed and policy do."""
    assert run(*DEMO, "--out", "plan").code == 0
    of_files = run("explain", *FILES, "--booking", KATE)
    for name in ("bookings.jsonl", "policy.json"):
        Path(name).unlink()
    of_plan = run("explain", "--plan", "plan", "--booking", KATE)
    assert (of_plan.code, of_plan.err) == (of_files.code, of_files.err) == (0, "")
    assert without_numbers(of_plan.out) == without_numbers(of_files.out)
    assert "Kate King's Otter Notetaker, a bot" in of_plan.out
    assert "attendee kate@example.org: absent, not_seen" in of_plan.out
    facts = json.loads(run("explain", "--plan", "plan", "--booking", KATE, "--json").out)
    assert [(person["role"], person["rule"]) for person in facts["people"]] == [("host", None), ("attendee", 15)]


@pytest.mark.usefixtures("day")
def test_a_booking_that_the_plan_can_not_explain(run: Run) -> None:
    """It is said why, and what else explains it."""
    assert run(*DEMO, "--out", "plan").code == 0
    ended = run("explain", "--plan", "plan", "--booking", "none")
    assert ended.err == "calcom-no-shows: --plan: plan has no booking 'none'. Check --booking\n"
    summary = json.loads(Path("plan/summary.json").read_text())
    assert summary["evidence"] == {"bookings": 18, "left_out": 0}
    assert "is missing: no plan was made here" in run("explain", "--plan", "none", "--booking", KATE).err


@pytest.mark.usefixtures("day")
@pytest.mark.parametrize(
    ("evidence", "message"),
    [
        (None, "has no evidence: an older version or a SQL server made it. Explain it from files: --bookings"),
        ({"bookings": 0, "left_out": 18}, "has no evidence: an older version or a SQL server made it. Explain it"),
        ({"bookings": 18, "left_out": 5}, "has evidence of 18 bookings, but not of 'none'. Explain it from files"),
    ],
)
def test_a_plan_with_little_evidence(evidence: dict[str, int] | None, message: str, run: Run) -> None:
    """Files explain what a plan of an older version, of a SQL server, or of very many bookings does not."""
    assert run(*DEMO, "--out", "plan").code == 0
    path = Path("plan/summary.json")
    summary = json.loads(path.read_text())
    del summary["evidence"]
    summary |= {} if evidence is None else {"evidence": evidence}
    path.write_text(json.dumps(summary | {"report_sha256": report_hash(summary)}))
    ended = run("explain", "--plan", "plan", "--booking", "none")
    assert (ended.code, ended.out) == (1, "")
    assert message in ended.err


@pytest.mark.usefixtures("day")
def test_decide_on_bookings_of_cal_com_and_a_feed(run: Run) -> None:
    """The decisions are those of a trial of the same files, in which a co-host is nobody's guest."""
    Path("policy.json").write_text(json.dumps({**POLICY, "internal_domains": []}))
    assert run(*DEMO, "--out", "plan").code == 0
    ended = run("decide", *FILES, "--out", "decisions.parquet")
    assert ended.code == 0, ended.err
    assert "absent 7: not_seen 7\nexcluded 3: internal 1, not_accepted 2\n" in ended.err
    rows = [
        duckdb.execute(f"SELECT * FROM '{path}' ORDER BY ALL").fetchall()
        for path in ("decisions.parquet", "plan/decisions.parquet")
    ]
    assert rows[0] == rows[1]
    assert len(rows[0]) == 22


@pytest.mark.usefixtures("day")
def test_tables_and_feeds_mixed(run: Run) -> None:
    """Cal.com's bookings go with the table attendance, and the tables bookings and people with a feed."""
    row = {"source": "desk", "kind": "person", "booking_uid": KATE, "conference_key": None, "name": None, "phone": None}
    row |= {"email": "kate@example.org", "joined_at": "2026-11-18T10:31:00Z", "left_at": "2026-11-18T10:59:00Z"}
    Path("attendance.jsonl").write_text(json.dumps(row))
    page = run("explain", *INPUT, "--attendance", "attendance.jsonl", "--booking", KATE).out
    assert "attendee kate@example.org: present, email" in page
    booking = {
        "booking_uid": "b1",
        "status": "accepted",
        "rescheduled_to_uid": None,
        "conference_key": "zoom:81200008888",
    }
    booking |= {"start_at": "2026-11-18T10:30:00Z", "end_at": "2026-11-18T11:00:00Z"}
    person = {"booking_uid": "b1", "role": "attendee", "email": "k@x.test", "match_email": None, "name": "Kate King"}
    Path("b.jsonl").write_text(json.dumps(booking))
    Path("p.jsonl").write_text(json.dumps(person | {"phone": None, "absent": False}))
    tables = ("--bookings", "b.jsonl", "--people", "p.jsonl", "--policy", "policy.json")
    page = run("explain", *tables, "--feed", "zoom", REPORT, "--booking", "b1").out
    assert "Kate King's Otter Notetaker, a bot" in page


@pytest.mark.usefixtures("day")
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--booking", "b"), 2, "one of the arguments --plan --bookings is required"),
        (("--booking", "b", *INPUT), 2, "one of the arguments --attendance --feed is required with --bookings"),
        (("--booking", "b", "--plan", "p", *INPUT), 2, "argument --bookings: not allowed with argument --plan"),
        (("--booking", "b", *FILES, "--attendance", "a"), 2, "argument --attendance: not allowed with argument --feed"),
        (("--booking", "b", *FILES), 1, "--booking: no booking has the uid 'b'. There are 18 bookings"),
        (("--booking", "b", *FILES, "--feed", "cal_video"), 2, "argument --feed: cal_video needs a file"),
        (
            ("--booking", "b", "--bookings", "table.jsonl", "--feed", "zoom", str(REPORT)),
            1,
            "uid must be a string. It looks like a row of the table bookings, which needs people beside it",
        ),
    ],
)
def test_inputs_that_do_not_go_together(arguments: tuple[str, ...], code: int, message: str, run: Run) -> None:
    """What is missing, or too much, is named."""
    Path("table.jsonl").write_text('{"booking_uid": "b", "status": "accepted"}')
    ended = run("explain", *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert message in ended.err.splitlines()[-1]
