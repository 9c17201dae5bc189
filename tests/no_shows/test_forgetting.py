"""Forgetting a person: no file has the address afterwards, our marks are still known, interruptions are harmless."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from airflow_provider_calcom.attendance.engine import deciding
from airflow_provider_calcom.attendance.errors import InvalidInput
from airflow_provider_calcom.attendance.explain.reasons import with_reasons
from airflow_provider_calcom.cli.no_shows import main
from airflow_provider_calcom.no_shows.apply.worklist import Worklist
from airflow_provider_calcom.no_shows.evidence import read_evidence
from airflow_provider_calcom.no_shows.forgetting import NotForgotten, forget
from airflow_provider_calcom.no_shows.ledger.identities import Identities, LedgerSecretMismatch
from airflow_provider_calcom.no_shows.ledger.reader import LastWriteLookup
from airflow_provider_calcom.no_shows.ledger.records import AlreadyApplying
from airflow_provider_calcom.no_shows.ledger.writer import LedgerWriter, WriteOutcome
from airflow_provider_calcom.no_shows.plan import write_plan
from airflow_provider_calcom.no_shows.plan_files import CorruptPlan, read_plan, read_summary, report_hash, verify_plan
from benchmarks.plans import write_plan_by_hand

ANN, BOB, ROB = "Ann@client.example", "bob@client.example", "rob.bob@client.example"
SECRET = "a secret for the tests"
IDENTITIES = Identities(SECRET)
START = "2026-01-05T10:00:00.000Z"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan that marks three people, one that marks two, the outcomes of the first, and its ledger."""
    folder = tmp_path_factory.mktemp("template")
    _write_plan(folder / "plans" / "day", (ANN, ROB), {"internal_emails": [BOB]})
    _write_plan(folder / "plans" / "other", (ANN, BOB, ROB), {})
    _apply(folder / "plans" / "other", folder / "ledger")
    return folder


def _write_plan(folder: Path, marked: tuple[str, ...], policy: dict[str, Any]) -> None:
    keys = ("booking_uid", "role", "email", "from", "to", "reason", "presence_seconds", "start_at")
    rows = [(f"b-{email}"[:4], "attendee", email, False, True, "not_seen", 0.0, START) for email in marked]
    write_plan_by_hand(folder, [dict(zip(keys, row, strict=True)) for row in rows], policy=policy)
    summary = json.loads((folder / "summary.json").read_bytes())
    summary["report_sha256"] = report_hash(summary)
    (folder / "summary.json").write_text(json.dumps(summary))
    emails = ", ".join(f"('{email}')" for email in (ANN, BOB, ROB))
    decided = f"SELECT * FROM (VALUES {emails}) AS decided(email)"
    duckdb.execute(f"COPY ({decided}) TO '{folder / 'decisions.parquet'}' (FORMAT parquet)")


def _apply(plan: Path, ledger: Path) -> None:
    changes, sha256 = list(read_plan(plan)), verify_plan(plan)["sha256"]
    with Worklist(changes) as worklist:
        worklist.write(plan / "outcomes.jsonl", sha256, "2026-11-18T12:00:00.000000Z")
    with LedgerWriter(ledger, plan=sha256) as run:
        written = zip(run.record_intents(changes), changes, strict=True)
        run.record_outcomes(WriteOutcome(one, change, "applied", None, True) for one, change in written)


@pytest.fixture
def lab(template: Path, tmp_path: Path) -> Path:
    """A copy of the template."""
    return Path(shutil.copytree(template, tmp_path / "lab"))


def content(folder: Path) -> str:
    """All that the files hold, those of Parquet as rows."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".parquet":
            rows = duckdb.execute(f"SELECT * FROM read_parquet('{path}')").fetchall()
            found.append(repr(rows))
        elif path.is_file():
            found.append(path.read_text())
    return "\n".join(found)


def test_no_file_has_the_address_and_our_mark_is_still_known(tmp_path: Path) -> None:
    """Whatever the case of the address; others stay, and a plan that the planner wrote is valid under its new hash."""
    times = {"start_at": START, "end_at": "2026-01-05T10:30:00Z"}
    booking = {"booking_uid": "b", "status": "accepted", **times, "rescheduled_to_uid": None, "conference_key": None}
    person = {"booking_uid": "b", "match_email": None, "name": None, "absent": False, "phone": None}
    people = [person | {"role": "host", "email": "host@acme.example"}]
    people += [person | {"role": "attendee", "email": email} for email in (ANN, BOB, ROB)]
    seen = {"kind": "person", "booking_uid": "b", "conference_key": None, "email": "host@acme.example", "name": None}
    rows = [seen | {"phone": None, "joined_at": START, "left_at": times["end_at"]}]
    policy = {"as_of": "2026-01-12T00:00:00Z", "attendance_until": "2026-01-11T00:00:00Z"}
    folder = tmp_path / "plans" / "day"
    with deciding([booking], people, rows, policy) as decided:
        before = write_plan(decided, folder)
    _apply(folder, tmp_path / "ledger")

    found = forget(BOB.upper(), plans=[tmp_path / "plans"], ledger=tmp_path / "ledger", identities=IDENTITIES)

    assert {Path(path).name for path in found.places} >= {"plan.jsonl", "outcomes.jsonl", "decisions.parquet"}
    everything = content(tmp_path)
    assert BOB not in everything.replace(ROB, "").lower()
    assert ANN in everything
    assert ROB in everything
    assert verify_plan(folder)["sha256"] != before["sha256"]
    assert [one.email for one in read_plan(folder)] == [ANN, IDENTITIES.hashed(BOB), ROB]
    with LastWriteLookup(tmp_path / "ledger", identities=IDENTITIES) as ledger:
        past = ledger.find("b", "attendee", BOB)
    assert past is not None
    assert (past.absent, past.is_certain) == (True, True)
    again = forget(BOB, plans=[tmp_path / "plans"], ledger=tmp_path / "ledger", identities=IDENTITIES)
    assert again.places == {}


def after_replacing(monkeypatch: pytest.MonkeyPatch, action: Callable[[Path], None]) -> None:
    """Do something each time when a file has been replaced by a new one."""
    replace = Path.replace

    def replace_and_act(self: Path, target: Path) -> Path:
        replaced = replace(self, target)
        action(target)
        return replaced

    monkeypatch.setattr(Path, "replace", replace_and_act)


@pytest.mark.parametrize("number", range(1, 7))
def test_after_an_interruption_the_same_call_continues(lab: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """The plan is valid after the second call, wherever the first one ended."""
    replaced: list[Path] = []

    def interrupt(path: Path) -> None:
        replaced.append(path)
        if len(replaced) == number:
            raise KeyboardInterrupt

    with monkeypatch.context() as interrupting:
        after_replacing(interrupting, interrupt)
        with pytest.raises(KeyboardInterrupt):
            forget(BOB, plans=[lab / "plans"], ledger=lab / "ledger", identities=IDENTITIES)
    forget(BOB, plans=[lab / "plans"], ledger=lab / "ledger", identities=IDENTITIES)
    assert verify_plan(lab / "plans" / "other")["changes"]["total"] == 3
    assert BOB not in content(lab).replace(ROB, "")


def test_a_damaged_plan_stays_damaged(lab: Path) -> None:
    """Forgetting a person must not make a file valid that somebody changed."""
    path = lab / "plans" / "other" / "plan.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"not_seen"', b'"seen"'))
    forget(BOB, plans=[lab / "plans"], ledger=None, identities=IDENTITIES)
    assert BOB.encode() not in path.read_bytes().replace(ROB.encode(), b"")
    with pytest.raises(CorruptPlan):
        verify_plan(lab / "plans" / "other")


def test_a_ledger_that_a_run_writes_is_not_changed(lab: Path) -> None:
    """Its segment would be replaced while the run writes to it."""
    with LedgerWriter(lab / "ledger", plan="plan") as run:
        run.record_intents(list(read_plan(lab / "plans" / "other")))
        with pytest.raises(AlreadyApplying, match="Let it end"):
            forget(BOB, plans=[], ledger=lab / "ledger", identities=IDENTITIES)


def test_invalid_arguments_change_nothing(lab: Path) -> None:
    """No secret, another secret, not an address, no folder: each is named before anything is written."""
    before = content(lab)
    forget(ANN, plans=[], ledger=lab / "ledger", identities=IDENTITIES, check_only=True)
    with pytest.raises(LedgerSecretMismatch, match="ledger_secret"):
        forget(BOB, plans=[lab / "plans"], ledger=None, identities=Identities())
    # Anything but one address would be found nowhere, and be reported as forgotten.
    for value in ("bob", f"mailto:{BOB}", f"Bob <{BOB}>", f"{BOB},{ANN}", f"{BOB} {ANN}", "bob@", "@", '"'):
        with pytest.raises(InvalidInput, match="ADDRESS"):
            forget(value, plans=[lab / "plans"], ledger=lab / "ledger", identities=IDENTITIES)
    with pytest.raises(InvalidInput, match="--plans"):
        forget(BOB, plans=[lab / "nothing"], ledger=None, identities=IDENTITIES)
    assert content(lab) == before
    forget(ANN, plans=[], ledger=lab / "ledger", identities=IDENTITIES)
    with pytest.raises(LedgerSecretMismatch, match="another secret"):
        forget(BOB, plans=[], ledger=lab / "ledger", identities=Identities("another long secret"))


def test_unfinished_files_of_killed_runs_are_removed(lab: Path) -> None:
    """They have addresses as well."""
    unfinished = lab / "ledger" / ".calcom-unfinished-x"
    unfinished.mkdir()
    (unfinished / "part.jsonl").write_text(BOB)
    (lab / "plans" / "day" / ".plan.jsonl.part").write_text(BOB)
    forget(BOB, plans=[lab / "plans"], ledger=lab / "ledger", identities=IDENTITIES)
    assert not unfinished.exists()
    assert BOB not in content(lab).replace(ROB, "")


def test_the_command(lab: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code of --check is whether the address is there; the address is never printed."""
    monkeypatch.setenv("CALCOM_LEDGER_SECRET", SECRET)
    options = [BOB, "--plans", str(lab / "plans"), "--ledger", str(lab / "ledger")]
    assert main(["forget", *options, "--check"]) == 1
    assert main(["forget", *options]) == 0
    assert main(["forget", *options, "--check"]) == 0
    assert main(["forget", BOB]) == 1
    printed = capsys.readouterr()
    assert "plan.jsonl: 1" in printed.out
    assert "none of the files" in printed.out
    assert BOB not in printed.out + printed.err


def test_an_address_that_a_run_writes_meanwhile(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All files are searched again in the end; the error is retryable."""

    def write_again(path: Path) -> None:
        if path.name == "plan.jsonl":
            path.write_text(f'{{"email": "{BOB}"}}\n')

    after_replacing(monkeypatch, write_again)
    with pytest.raises(NotForgotten, match=r"plan\.jsonl") as caught:
        forget(BOB, plans=[lab / "plans" / "other"], ledger=None, identities=IDENTITIES)
    assert caught.value.retryable


def test_an_address_within_other_strings(lab: Path) -> None:
    """However a URL or a message spells it, and also in a key that an object has twice; longer addresses stay."""
    file = lab / "plans" / "day" / "notes.jsonl"
    strings = [
        "https://client.example/?email=bob%40client.example",
        "https://client.example/?email=BOB%40client%2Eexample&x=1",
        "https://client.example/?email=bob@client.example",
        "name%3Dbob%40client.example",
        "path/bob@client.example/x",
        "it is 'bob@client.example'",
    ]
    others = [ROB, "o'bob@client.example", "x+bob@client.example", "bob+talk@client.example"]
    lines = [json.dumps({"text": one}) for one in (*others, *strings)]
    file.write_text("\n".join([*lines, *(f'{{"a": "{one}", "a": 1}}' for one in strings)]) + "\n")
    forget(BOB, plans=[lab / "plans"], ledger=None, identities=IDENTITIES)
    after = file.read_text().splitlines()
    assert after[: len(others)] == lines[: len(others)]
    assert [line.count(IDENTITIES.hashed(BOB)) for line in after[len(others) :]] == [1] * (2 * len(strings))


def test_the_address_of_a_managed_user(lab: Path) -> None:
    """A platform appends its client id to the local part: it is the same person."""
    file = lab / "plans" / "day" / "notes.jsonl"
    managed = "bob+cm0practice0client0id0000@client.example"
    file.write_text(json.dumps({"text": managed}) + "\n")
    forget(BOB, plans=[lab / "plans"], ledger=None, identities=IDENTITIES)
    assert json.loads(file.read_text()) == {"text": IDENTITIES.hashed(managed)}


def test_files_that_are_not_changed_are_named(lab: Path) -> None:
    """Files of another kind, links, and folders within a ledger are searched, so that none is missed silently."""
    places = [
        "plans/day/copy.csv",
        "plans/day/plan.jsonl.gz",
        "plans/day/.plan.jsonl.swp",
        "plans/day/link.jsonl",
        "ledger/part.jsonl.bak",
        "ledger/older/part.jsonl",
    ]
    line = f"{BOB}\n".encode()
    (lab / "elsewhere.jsonl").write_bytes(line)
    (lab / "ledger" / "older").mkdir()
    for place in places:
        if place.endswith("link.jsonl"):
            (lab / place).symlink_to(lab / "elsewhere.jsonl")
        else:
            (lab / place).write_bytes(gzip.compress(line) if place.endswith(".gz") else line)
    with pytest.raises(NotForgotten) as caught:
        forget(BOB, plans=[lab / "plans"], ledger=lab / "ledger", identities=IDENTITIES)
    named = str(caught.value).partition(": still has")[0].split(", ")
    assert sorted(str(Path(path).relative_to(lab)) for path in named) == sorted(places)
    for place in places:
        (lab / place).unlink()
    assert forget(BOB, plans=[lab / "plans"], ledger=lab / "ledger", identities=IDENTITIES).places == {}


def test_all_string_columns_and_other_json(lab: Path) -> None:
    """Also columns and files that are not meant for addresses."""
    day = lab / "plans" / "day"
    rows = f"SELECT 'because of {BOB}' AS reason, '{BOB}' AS \"a \"\"b\", 1 AS n"
    duckdb.execute(f"COPY ({rows}) TO '{day / 'x.parquet'}' (FORMAT parquet)")
    (day / "bookings.json").write_text(json.dumps([{"email": BOB}], indent=1))
    forget(BOB, plans=[lab / "plans"], ledger=None, identities=IDENTITIES)
    assert json.loads((day / "bookings.json").read_text()) == [{"email": IDENTITIES.hashed(BOB)}]
    assert duckdb.execute(f"SELECT * FROM '{day / 'x.parquet'}'").fetchall() == [
        (f"because of {IDENTITIES.hashed(BOB)}", IDENTITIES.hashed(BOB), 1)
    ]


def test_a_damaged_parquet_file_is_named(lab: Path) -> None:
    """Its content is not known, so it is not skipped."""
    (lab / "plans" / "day" / "decisions.parquet").write_bytes(b"junk")
    with pytest.raises(CorruptPlan, match=r"decisions\.parquet"):
        forget(BOB, plans=[lab / "plans"], ledger=None, identities=IDENTITIES)


def _write_made_plan(folder: Path) -> Path:
    """Write a plan by the rules whose evidence has Bob by address, name and number, in rows of all kinds."""
    times = {"start_at": START, "end_at": "2026-01-05T10:30:00Z"}
    booking = {"booking_uid": "b", "status": "accepted", **times, "rescheduled_to_uid": None, "conference_key": "room"}
    person = {"booking_uid": "b", "match_email": None, "absent": False}
    people = [person | {"role": "host", "email": "host@acme.example", "name": "Hugo Host", "phone": None}]
    named = ((ANN, "Ann Archer"), (BOB, "Bob Barker"), (ROB, "Rob Roberts"))
    people += [person | {"role": "attendee", "email": email, "name": name, "phone": None} for email, name in named]
    people[2]["phone"] = "+1 617 555 0199"
    row = {"source": "zoom", "participant": "p-1", "kind": "person", "booking_uid": "b", "conference_key": None}
    row |= {"email": None, "name": None, "phone": None, "joined_at": START, "left_at": times["end_at"]}
    rows = [
        row | {"email": "host@acme.example", "name": "Hugo Host", "participant": "p-host"},
        row | {"email": BOB, "name": "Bobby B", "kind": "lobby"},
        row | {"name": "barker bob", "kind": "lobby"},
        row | {"phone": "+1 617 555 0199", "kind": "lobby", "participant": None},
        row | {"email": ANN, "name": "Ann / Bob", "participant": "p-ann"},
        row | {"email": ROB, "name": "Rob Roberts", "participant": "p-rob"},
    ]
    policy = {"as_of": "2026-01-12T00:00:00Z", "attendance_until": "2026-01-11T00:00:00Z", "traces_are_doubt": False}
    with deciding([booking, booking | {"booking_uid": "c"}], people, rows, policy) as decided:
        write_plan(decided, folder)
    for name in ("report.html", "suggestions.json"):
        (folder / name).write_text("{}")
    return folder


def test_names_and_numbers_beside_the_address(tmp_path: Path) -> None:
    """Evidence has the person's no more; others and the plan's hashes stay. What was made of the plan is removed."""
    plan = _write_made_plan(tmp_path / "plans" / "day")
    before = [one.as_dict() for one in read_evidence(plan, read_summary(plan))]
    for word in ("Bobby B", "barker bob", "Bob Barker", "617", "p-1", "Ann / Bob"):
        assert word in content(plan)
    found = forget(BOB, plans=[tmp_path / "plans"], ledger=None, identities=IDENTITIES)
    assert {"evidence.parquet", "report.html", "suggestions.json"} <= {Path(path).name for path in found.places}
    assert not (plan / "report.html").exists()
    assert not (plan / "suggestions.json").exists()
    everything = content(plan).lower().replace(ROB, "")
    for word in (BOB, "bobby b", "barker", "617", "p-1", "ann / bob"):
        assert word not in everything
    for word in (ANN.lower(), "ann archer", "hugo host", "rob roberts", "p-ann", IDENTITIES.hashed(BOB)):
        assert word in everything
    after = [with_reasons(one).as_dict() for one in read_evidence(plan, verify_plan(plan))]
    assert [one["booking"] for one in after] == [one["booking"] for one in before]
    assert any(row["name"] == "somebody" for one in after for row in one["rows"])


def test_the_name_of_a_host(tmp_path: Path) -> None:
    """The host's name in the table of bookings goes with the address; other hosts stay."""
    plan = _write_made_plan(tmp_path / "plans" / "day")
    forget("HOST@acme.example", plans=[plan], ledger=None, identities=IDENTITIES)
    hosts = duckdb.execute(f"SELECT host_email, host_name FROM '{plan / 'bookings.parquet'}'").fetchall()
    assert hosts == [(IDENTITIES.hashed("host@acme.example"), None)]
    assert "hugo" not in content(plan).lower()
    plan = _write_made_plan(tmp_path / "plans" / "other")
    forget(ANN, plans=[plan], ledger=None, identities=IDENTITIES)
    hosts = duckdb.execute(f"SELECT host_email, host_name FROM '{plan / 'bookings.parquet'}'").fetchall()
    assert hosts == [("host@acme.example", "Hugo Host")]
    assert not (plan / "report.html").exists()


def test_a_report_of_others_stays(tmp_path: Path) -> None:
    """Where the address is not in the plan, its report is not removed."""
    plan = _write_made_plan(tmp_path / "plans" / "day")
    assert forget("nobody@client.example", plans=[plan], ledger=None, identities=IDENTITIES).places == {}
    assert (plan / "report.html").exists()
