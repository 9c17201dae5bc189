"""Forgetting a person: the address is in no file afterwards, our marks are still known, and an interruption heals."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from airflow_provider_calcom.attendance.engine import deciding
from airflow_provider_calcom.attendance.errors import InvalidInput
from airflow_provider_calcom.cli.no_shows import main
from airflow_provider_calcom.no_shows import forgetting
from airflow_provider_calcom.no_shows.apply.worklist import Worklist
from airflow_provider_calcom.no_shows.forgetting import NotForgotten, forget
from airflow_provider_calcom.no_shows.ledger import Addresses, LastWrites, LedgerWriter, Settled
from airflow_provider_calcom.no_shows.ledger.identities import LedgerSecretWrong
from airflow_provider_calcom.no_shows.ledger.records import AlreadyApplying
from airflow_provider_calcom.no_shows.plan import DamagedPlan, read_plan, verify_plan, write_plan

ANN, BOB, ROB = "Ann@client.example", "bob@client.example", "rob.bob@client.example"
SECRET = "a secret for the tests"
NAMES = Addresses(SECRET)
START = "2026-01-05T10:00:00Z"


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A plan that marks three people, with its outcomes, and a ledger that has them."""
    people = [
        {"booking_uid": f"b{place}", "role": role, "email": email, "match_email": None, "name": None, "absent": False}
        | {"phone": None}
        for place, guest in enumerate((ANN, BOB, ROB))
        for role, email in (("host", "host@acme.example"), ("attendee", guest))
    ]
    bookings = [
        {"booking_uid": f"b{place}", "status": "accepted", "start_at": START, "end_at": "2026-01-05T10:30:00Z"}
        | {"rescheduled_to_uid": None, "conference_key": None}
        for place in range(3)
    ]
    rows = [
        {"kind": "person", "booking_uid": f"b{place}", "conference_key": None, "email": "host@acme.example"}
        | {"name": None, "phone": None, "joined_at": START, "left_at": "2026-01-05T10:30:00Z"}
        for place in range(3)
    ]
    policy = {"as_of": "2026-01-12T00:00:00Z", "attendance_until": "2026-01-11T00:00:00Z", "internal_emails": [BOB]}
    with deciding(bookings, people, rows, policy) as decided:
        summary = write_plan(decided, tmp_path / "plans" / "day")
    with deciding(bookings, people, rows, policy | {"internal_emails": []}) as decided:
        summary = write_plan(decided, tmp_path / "plans" / "other")
    changes = list(read_plan(tmp_path / "plans" / "other"))
    assert [one.email for one in changes] == [ANN, BOB, ROB]
    with Worklist(changes) as worklist:
        worklist.write(tmp_path / "plans" / "other" / "outcomes.jsonl", summary["sha256"])
    with LedgerWriter(tmp_path / "ledger", plan=summary["sha256"]) as run:
        ids = run.intend(changes)
        run.settle(Settled(one, change, "applied", None, True) for one, change in zip(ids, changes, strict=True))
    return tmp_path


def texts(folder: Path) -> str:
    """All that the files hold, those of Parquet read."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".parquet":
            rows = duckdb.sql(f"SELECT * FROM read_parquet('{path}')").fetchall()
            found.append(repr(rows))
        elif path.is_file():
            found.append(path.read_text())
    return "\n".join(found)


def test_the_address_is_nowhere_and_our_mark_is_still_known(lab: Path) -> None:
    """Whatever its case; others stay as they are, and the plans are whole under their new hash."""
    before = verify_plan(lab / "plans" / "other")
    found = forget(BOB.upper(), plans=[lab / "plans"], ledger=lab / "ledger", addresses=NAMES)
    assert {Path(path).name.partition("-")[0] for path in found.places} >= {
        *("plan.jsonl", "outcomes.jsonl", "decisions.parquet", "summary.json")
    }
    everything = texts(lab)
    assert BOB not in everything.replace(ROB, "").lower()
    assert ANN in everything
    assert ROB in everything
    after = verify_plan(lab / "plans" / "other")
    assert after["sha256"] != before["sha256"]
    assert [one.email for one in read_plan(lab / "plans" / "other")] == [ANN, NAMES.hashed(BOB), ROB]
    with LastWrites(lab / "ledger", addresses=NAMES) as ledger:
        past = ledger.of("b1", "attendee", BOB)
    assert past is not None
    assert (past.absent, past.is_certain) == (True, True)
    assert forget(BOB, plans=[lab / "plans"], ledger=lab / "ledger", addresses=NAMES).places == {}


@pytest.mark.parametrize("left", range(6))
def test_whoever_is_killed_on_the_way_runs_it_again(lab: Path, monkeypatch: pytest.MonkeyPatch, left: int) -> None:
    """The plan is whole after the second run, wherever the first one ended."""
    whole, writes = forgetting.atomic_write, iter([True] * left)

    @contextmanager
    def killed(path: Any) -> Iterator[Path]:
        if not next(writes, False):
            raise KeyboardInterrupt
        with whole(path) as part:
            yield part

    monkeypatch.setattr(forgetting, "atomic_write", killed)
    with pytest.raises(KeyboardInterrupt):
        forget(BOB, plans=[lab / "plans"], ledger=lab / "ledger", addresses=NAMES)
    monkeypatch.setattr(forgetting, "atomic_write", whole)
    forget(BOB, plans=[lab / "plans"], ledger=lab / "ledger", addresses=NAMES)
    assert verify_plan(lab / "plans" / "other")["changes"]["total"] == 3
    assert BOB not in texts(lab).replace(ROB, "")


def test_a_damaged_plan_is_not_made_whole(lab: Path) -> None:
    """Forgetting somebody must not vouch for a file that a person changed."""
    path = lab / "plans" / "other" / "plan.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"not_seen"', b'"seen"'))
    forget(BOB, plans=[lab / "plans"], ledger=None, addresses=NAMES)
    assert BOB.encode() not in path.read_bytes().replace(ROB.encode(), b"")
    with pytest.raises(DamagedPlan):
        verify_plan(lab / "plans" / "other")


def test_a_run_that_writes_the_ledger_is_let_end(lab: Path) -> None:
    """Its part would be replaced under its hands."""
    with LedgerWriter(lab / "ledger", plan="plan") as run:
        run.intend(list(read_plan(lab / "plans" / "other")))
        with pytest.raises(AlreadyApplying, match="Let it end"):
            forget(BOB, plans=[], ledger=lab / "ledger", addresses=NAMES)


def test_what_can_not_be_forgotten(lab: Path) -> None:
    """No secret, another secret, no address, no folder: each is named, and nothing is written."""
    before = texts(lab)
    forget(ANN, plans=[], ledger=lab / "ledger", addresses=NAMES, only_looks=True)
    with pytest.raises(LedgerSecretWrong, match="ledger_secret"):
        forget(BOB, plans=[lab / "plans"], ledger=None, addresses=Addresses())
    with pytest.raises(InvalidInput, match="ADDRESS"):
        forget("bob", plans=[lab / "plans"], ledger=None, addresses=NAMES)
    with pytest.raises(InvalidInput, match="--plans"):
        forget(BOB, plans=[lab / "nothing"], ledger=None, addresses=NAMES)
    assert texts(lab) == before
    forget(ANN, plans=[], ledger=lab / "ledger", addresses=NAMES)
    with pytest.raises(LedgerSecretWrong, match="another secret"):
        forget(BOB, plans=[], ledger=lab / "ledger", addresses=Addresses("another long secret"))


def test_left_overs_of_killed_runs_go_too(lab: Path) -> None:
    """A file that never took its place holds addresses as well."""
    left = lab / "ledger" / ".calcom-unfinished-x"
    left.mkdir()
    (left / "part.jsonl").write_text(BOB)
    (lab / "plans" / "day" / ".plan.jsonl.part").write_text(BOB)
    forget(BOB, plans=[lab / "plans"], ledger=lab / "ledger", addresses=NAMES)
    assert not left.exists()
    assert BOB not in texts(lab).replace(ROB, "")


def test_the_command(lab: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """--check tells by its code whether the address is there; nothing that it prints has the address."""
    monkeypatch.setenv("CALCOM_LEDGER_SECRET", SECRET)
    options = [BOB, "--plans", str(lab / "plans"), "--ledger", str(lab / "ledger")]
    assert main(["forget", *options, "--check"]) == 1
    assert main(["forget", *options]) == 0
    assert main(["forget", *options, "--check"]) == 0
    assert main(["forget", BOB]) == 1
    told = capsys.readouterr()
    assert "plan.jsonl: 1" in told.out
    assert "none of the files" in told.out
    assert BOB not in told.out + told.err


def test_an_address_that_is_written_meanwhile(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked for once more in the end, and another run has a point."""
    monkeypatch.setattr(forgetting, "_forget_in_lines", lambda path, person: 0)
    with pytest.raises(NotForgotten, match=r"plan\.jsonl") as caught:
        forget(BOB, plans=[lab / "plans" / "other"], ledger=None, addresses=NAMES)
    assert caught.value.retryable
    assert json.loads((lab / "plans" / "other" / "summary.json").read_bytes())["state"] == "ready"


@pytest.mark.parametrize(
    "text",
    [
        "https://client.example/?email=bob%40client.example",
        "https://client.example/?email=BOB%40client%2Eexample&x=1",
        "https://client.example/?email=bob@client.example",
        "name%3Dbob%40client.example",
        "path/bob@client.example/x",
        "it is 'bob@client.example'",
    ],
)
def test_an_address_in_another_text(lab: Path, text: str) -> None:
    """However a URL or a message spells it, and also in a key that an object has twice."""
    file = lab / "plans" / "day" / "notes.jsonl"
    file.write_text(json.dumps({"text": text}) + "\n" + f'{{"a": "{text}", "a": 1}}\n')
    forget(BOB, plans=[lab / "plans"], ledger=None, addresses=NAMES)
    assert file.read_text().count(NAMES.hashed(BOB)) == 2


@pytest.mark.parametrize("other", ["rob.bob@client.example", "o'bob@client.example", "x+bob@client.example"])
def test_a_longer_address_is_another_persons(lab: Path, other: str) -> None:
    """Nobody else is forgotten."""
    file = lab / "plans" / "day" / "notes.jsonl"
    file.write_text(json.dumps({"text": other}) + "\n")
    forget(BOB, plans=[lab / "plans"], ledger=None, addresses=NAMES)
    assert json.loads(file.read_text()) == {"text": other}


@pytest.mark.parametrize("given", [f"mailto:{BOB}", f"Bob <{BOB}>", f"{BOB},{ANN}", f"{BOB} {ANN}", "bob@", "@", '"'])
def test_what_is_no_address_is_refused(lab: Path, given: str) -> None:
    """To look for it would find nothing, and say that the person is forgotten."""
    with pytest.raises(InvalidInput, match="ADDRESS"):
        forget(given, plans=[lab / "plans"], ledger=lab / "ledger", addresses=NAMES)


@pytest.mark.parametrize(
    "place",
    [
        "plans/day/copy.csv",
        "plans/day/plan.jsonl.gz",
        "plans/day/.plan.jsonl.swp",
        "plans/day/link.jsonl",
        "ledger/part.jsonl.bak",
        "ledger/older/part.jsonl",
    ],
)
def test_a_file_that_is_not_written_is_named(lab: Path, place: str) -> None:
    """Files of another kind, links and folders within a ledger are looked into, so that nobody is told all is done."""
    file = lab / place
    file.parent.mkdir(exist_ok=True)
    content = f"{BOB}\n".encode()
    if file.name.startswith("link"):
        (lab / "elsewhere.jsonl").write_bytes(content)
        file.symlink_to(lab / "elsewhere.jsonl")
    else:
        file.write_bytes(gzip.compress(content) if file.suffix == ".gz" else content)
    with pytest.raises(NotForgotten, match=file.name.replace(".", r"\.")):
        forget(BOB, plans=[lab / "plans"], ledger=lab / "ledger", addresses=NAMES)
    file.unlink()
    assert forget(BOB, plans=[lab / "plans"], ledger=lab / "ledger", addresses=NAMES).places == {}


def test_all_columns_of_texts_and_other_json(lab: Path) -> None:
    """Also those that are no column of addresses."""
    day = lab / "plans" / "day"
    rows = duckdb.sql(f"SELECT 'because of {BOB}' AS reason, '{BOB}' AS \"a \"\"b\", 1 AS n")
    rows.write_parquet(str(day / "x.parquet"))
    (day / "bookings.json").write_text(json.dumps([{"email": BOB}], indent=1))
    forget(BOB, plans=[lab / "plans"], ledger=None, addresses=NAMES)
    assert json.loads((day / "bookings.json").read_text()) == [{"email": NAMES.hashed(BOB)}]
    assert duckdb.sql(f"SELECT * FROM '{day / 'x.parquet'}'").fetchall() == [
        (f"because of {NAMES.hashed(BOB)}", NAMES.hashed(BOB), 1)
    ]


def test_a_damaged_parquet_file_is_named(lab: Path) -> None:
    """What it holds is not known, so it is not passed over."""
    (lab / "plans" / "day" / "decisions.parquet").write_bytes(b"junk")
    with pytest.raises(DamagedPlan, match=r"decisions\.parquet"):
        forget(BOB, plans=[lab / "plans"], ledger=None, addresses=NAMES)
