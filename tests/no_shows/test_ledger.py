"""The ledger: what it says after runs that ended, were killed, or are still writing."""

from __future__ import annotations

import itertools
import json
import os
import random
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom._storage import InvalidFileMode
from airflow_provider_calcom.no_shows.diff import LastWrite
from airflow_provider_calcom.no_shows.ledger.compaction import compact
from airflow_provider_calcom.no_shows.ledger.identities import Identities, LedgerSecretMismatch
from airflow_provider_calcom.no_shows.ledger.reader import LastWriteLookup, PastWrite
from airflow_provider_calcom.no_shows.ledger.records import (
    AlreadyApplying,
    DamagedLedger,
    LedgerFolderUnusable,
    LedgerNotRead,
    LedgerNotWritten,
    LedgerReplaced,
    TaskRun,
)
from airflow_provider_calcom.no_shows.ledger.segments import list_segments, read_records, repair_segment, try_lock
from airflow_provider_calcom.no_shows.ledger.writer import LedgerWriter, WriteOutcome
from airflow_provider_calcom.no_shows.plan_files import Change
from tests.object_stores import read_as_object_stores
from tests.profiles import examples

ANN, BOB = "Ann@Client.example", "bob@client.example"
SECRET = "a secret for the tests"
TASK = TaskRun("dag", "run", "apply", -1, 1)


def change(email: str = ANN, to: bool = True, uid: str = "b1", role: str = "attendee") -> Change:
    return Change(uid, role, email, not to, to, "not_seen", 0.0, "2026-11-18T08:00:00.000Z")


@pytest.fixture
def clock() -> Callable[[], float]:
    """A clock that advances by a second with each call."""
    seconds = itertools.count(1_790_000_000)
    return lambda: float(next(seconds))


@pytest.fixture
def writer(tmp_path: Path, clock: Callable[[], float]) -> Iterator[Callable[..., LedgerWriter]]:
    """Makes writers of one ledger, one for each run."""
    made: list[LedgerWriter] = []

    def write(plan: str = "plan", **options: Any) -> LedgerWriter:
        made.append(LedgerWriter(tmp_path, plan=plan, wall_clock=clock, **options))
        return made[-1]

    yield write
    for one in made:
        one.close()


def record(writer: LedgerWriter, write_id: str, one: Change, outcome: str = "applied", **given: Any) -> None:
    shown = {"applied": True, "failed": False}.get(outcome)
    writer.record_outcomes([WriteOutcome(write_id, one, outcome, None, **{"verified": shown, **given})])


def write(writer: LedgerWriter, one: Change, outcome: str = "applied") -> None:
    (write_id,) = writer.record_intents([one])
    record(writer, write_id, one, outcome)


def last(folder: Path, email: str = ANN, **options: Any) -> PastWrite | None:
    """Return the last write of a person, without the plans that wrote the flag."""
    with LastWriteLookup(folder, **options) as ledger:
        found = ledger.find("b1", "attendee", email)
        return found and replace(found, plans=frozenset())


def records(folder: Any) -> list[Any]:
    return [record for segment in list_segments(folder) for record in read_records(segment)]


def test_the_last_write_that_happened_counts(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """A later failure does not hide what was written before; other people and bookings are apart."""
    run = writer(task=TASK)
    write(run, change())
    write(run, change(uid="b2"))
    write(run, change(BOB))
    write(run, change(to=False))
    write(run, change(to=True), "failed")
    assert last(tmp_path) == PastWrite(False, True, "plan", TASK.name)
    assert last(tmp_path, BOB) == PastWrite(True, True, "plan", TASK.name)
    assert last(tmp_path, ANN.lower()) == last(tmp_path), "a table may spell the address differently from Cal.com"
    assert last(tmp_path, ANN.replace("A", "\u0391")) is None, "a look-alike is another person"
    assert last(tmp_path / "nowhere") is None


def test_a_killed_run_leaves_an_open_write(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """After an intent without an outcome, or with an unknown one, the write is not certain until that is known."""
    write(writer(), change(to=False))
    (first,) = writer("second").record_intents([change()])
    assert last(tmp_path) == PastWrite(True, False, "second", "", ((first, True),))
    run = writer("third")
    record(run, first, change(), "failed", verified=None)
    found = last(tmp_path)
    assert found
    assert found.is_certain is False
    record(run, first, change(), "applied")
    found = last(tmp_path)
    assert found
    assert (found.absent, found.is_certain, found.open_writes) == (True, True, ())


def test_an_open_write_that_turns_out_not_written(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """Then the write before it is the last one again."""
    write(writer(), change(to=False))
    run = writer()
    (first,) = run.record_intents([change()])
    record(run, first, change(), "failed")
    assert last(tmp_path) == PastWrite(False, True, "plan", "")


def test_an_outcome_that_precedes_its_intent(tmp_path: Path, clock: Callable[[], float]) -> None:
    """Segments are read by name, which a clock that was set back can reverse; the write is not open for that."""
    with LedgerWriter(tmp_path, plan="p", wall_clock=lambda: 1_790_009_999.0) as late:
        (first,) = late.record_intents([change()])
    with LedgerWriter(tmp_path, plan="p", wall_clock=clock) as early:
        record(early, first, change())
    assert [record["kind"] for record in records(tmp_path)] == ["outcome", "intent"]
    assert last(tmp_path) == PastWrite(True, True, "p", "")


def test_the_time_of_the_latest_open_write(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """So that the next run can wait until the server has ended it."""
    run = writer()
    write(run, change())
    with LastWriteLookup(tmp_path) as ledger:
        assert ledger.latest_open() is None
    run.record_intents([change(BOB)])
    with LastWriteLookup(tmp_path) as ledger:
        assert ledger.latest_open() == pytest.approx(1_790_000_003, abs=1)
    with LastWriteLookup(tmp_path, only_bookings=lambda uid: uid == "b9") as ledger:
        assert ledger.latest_open() is None


def test_last_writes_for_a_plan(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """Each person's last write, with whether it is certain."""
    run = writer()
    write(run, change())
    run.record_intents([change(BOB)])
    people = [("b1", "attendee", ANN), ("b1", "attendee", BOB), ("b1", "host", ANN)]
    with LastWriteLookup(tmp_path) as ledger:
        assert list(ledger.find_all(people)) == [
            LastWrite("b1", "attendee", ANN, True),
            LastWrite("b1", "attendee", BOB, True, is_certain=False),
        ]


@pytest.mark.parametrize("missing", [1, 2, 40, *(random.Random(5).sample(range(3, 300), examples(3, 40)))])
def test_a_torn_last_line(tmp_path: Path, writer: Callable[..., LedgerWriter], missing: int) -> None:
    """Wherever a segment was cut, the lines before count, the segment is repaired, and DuckDB reads the folder."""
    duckdb = pytest.importorskip("duckdb")
    run = writer()
    write(run, change())
    run.close()
    (segment,) = list_segments(tmp_path)
    whole = segment.read_bytes()
    first_end = whole.index(b"\n") + 1
    cut = len(whole) - missing
    assert cut > first_end
    segment.write_bytes(whole[:cut])
    is_whole = missing == 1
    found = last(tmp_path)
    assert found
    assert found.is_certain is is_whole
    assert segment.read_bytes() == whole[:cut]
    found = last(tmp_path, repair=True)
    assert found
    assert found.is_certain is is_whole
    assert segment.read_bytes() == (whole if is_whole else whole[:first_end])
    with duckdb.connect() as connection:
        found = connection.execute("SELECT count(*) FROM read_json(?)", [str(tmp_path / "*.jsonl")])
        assert found.fetchone() == (2 if is_whole else 1,)


def test_a_segment_that_a_run_writes_is_not_repaired(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """Its last line is not torn but unfinished; cutting it off would damage it."""
    run = writer()
    run.record_intents([change()])
    (segment,) = list_segments(tmp_path)
    with segment.open("ab") as file:
        file.write(b'{"kind": "outc')
    assert repair_segment(segment) is False
    assert compact(tmp_path).segments == 0
    run.close()
    assert repair_segment(segment) is True
    assert repair_segment(segment) is False


@pytest.mark.parametrize("line", [b"{}", b"[1]", b"not json", b'{"kind": "intent"}', b""])
def test_another_broken_line_is_an_error(tmp_path: Path, writer: Callable[..., LedgerWriter], line: bytes) -> None:
    """What it recorded is not known, so nothing is decided without it; the error names file and line."""
    run = writer()
    write(run, change())
    run.close()
    (segment,) = list_segments(tmp_path)
    segment.write_bytes(segment.read_bytes() + line + b"\n")
    with pytest.raises(DamagedLedger, match=rf"{segment.name}, line 3"):
        last(tmp_path, repair=True)


def test_hashes_instead_of_addresses(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """The file has no address; with the secret people are found, also by older records; another secret is an error."""
    write(writer(), change(BOB))
    write(writer(identities=Identities(SECRET, are_hashed=True)), change())
    text = "".join(segment.read_text() for segment in list_segments(tmp_path))
    assert ANN not in text
    assert SECRET not in text
    known = Identities(SECRET)
    assert last(tmp_path, identities=known) == PastWrite(True, True, "plan", "")
    assert last(tmp_path, BOB, identities=known) == PastWrite(True, True, "plan", "")
    for identities in (Identities(), Identities("another secret of 16")):
        with pytest.raises(LedgerSecretMismatch, match="ledger_secret"):
            last(tmp_path, identities=identities)
    assert SECRET not in repr(known)


@pytest.mark.parametrize(("secret", "are_hashed"), [(None, True), ("short", True), ("short", False)])
def test_a_missing_or_short_secret(secret: str | None, are_hashed: bool) -> None:
    """It is refused, and its value is not shown."""
    with pytest.raises(LedgerSecretMismatch) as caught:
        Identities(secret, are_hashed=are_hashed)
    assert "short" not in str(caught.value)


def test_a_folder_that_can_not_be_written(tmp_path: Path) -> None:
    """It is an error of the ledger, before anything is written to Cal.com."""
    (tmp_path / "file").write_text("")
    with (
        LedgerWriter(tmp_path / "file" / "ledger", plan="p") as run,
        pytest.raises(LedgerNotWritten, match="ledger_path"),
    ):
        run.record_intents([change()])


def test_a_run_that_writes_nothing_leaves_no_segment(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """There are no empty files."""
    run = writer()
    run.record_intents([])
    run.record_outcomes([])
    assert list_segments(tmp_path) == []


def test_compaction_merges_segments(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """One is left, without the intents whose result is known; what the ledger says is the same."""
    people = [f"p{number}@client.example" for number in range(20)]
    choice = random.Random(4)
    for number in range(60):
        run = writer(f"plan-{number}")
        one = change(choice.choice(people), choice.random() < 0.5)
        outcome = choice.choice(["applied", "failed", "unknown", "killed"])
        run.record_intents([one]) if outcome == "killed" else write(run, one, outcome)
        run.close()
    before = [last(tmp_path, email) for email in people]
    open_before = sum(len(one.open_writes) for one in before if one)
    done = compact(tmp_path)
    assert done.segments == 60
    (segment,) = list_segments(tmp_path)
    assert len(list(read_records(segment))) == done.records
    assert [last(tmp_path, email) for email in people] == before
    assert open_before == sum(len(one.open_writes) for one in before if one) > 0
    assert compact(tmp_path).records == done.records


def test_the_intent_of_a_killed_run_survives_a_compaction(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """The outcome is of the later run that found it: only the intent names the plan that set the flag."""
    killed = writer("first", task=TASK)
    (write_id,) = killed.record_intents([change()])
    killed.close()
    record(found := writer("second"), write_id, change())
    found.close()
    before = last(tmp_path)
    compact(tmp_path)
    assert [(record["kind"], record["plan"], record["dag_id"]) for record in records(tmp_path)] == [
        ("intent", "first", "dag"),
        ("outcome", "second", None),
    ]
    assert last(tmp_path) == before == PastWrite(True, True, "second", "")


def test_a_compaction_is_on_disk_before_the_old_segments_go(
    tmp_path: Path, writer: Callable[..., LedgerWriter], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a power failure would leave neither."""
    run = writer()
    write(run, change())
    run.close()
    (old,) = list_segments(tmp_path)
    synced: list[bool] = []
    real = os.fsync

    def sync(file: int) -> None:
        if ".claims" not in os.readlink(f"/proc/self/fd/{file}"):
            synced.append(old.exists())
        real(file)

    monkeypatch.setattr(os, "fsync", sync)
    compact(tmp_path)
    assert synced == [True]


def test_a_segment_that_a_compaction_locked_first(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """Between creating and locking it: the run writes to another one, and not to a file that is deleted."""
    run = writer()
    segment = tmp_path / f"{run.name}.jsonl"
    segment.touch()
    with segment.open("rb") as compaction:
        assert try_lock(compaction)
        (write_id,) = run.record_intents([change()])
        segment.unlink()
    record(run, write_id, change())
    assert last(tmp_path) == PastWrite(True, True, "plan", "")


def test_an_interrupted_compaction(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """Old segments beside the new one change nothing, and the next compaction removes the duplicates."""
    run = writer()
    write(run, change())
    run.record_intents([change(BOB)])
    run.close()
    (old,) = list_segments(tmp_path)
    content = old.read_bytes()
    done = compact(tmp_path)
    old.write_bytes(content)
    (tmp_path / ".half.jsonl.part").write_text("torn")
    assert last(tmp_path) == PastWrite(True, True, "plan", "")
    of_bob = last(tmp_path, BOB)
    assert of_bob
    assert len(of_bob.open_writes) == 1
    assert compact(tmp_path).records == done.records == 2


def test_a_damaged_ledger_is_not_compacted(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """Nothing is deleted that can't be read."""
    for one in (ANN, BOB):
        run = writer()
        write(run, change(one))
        run.close()
    first, second = list_segments(tmp_path)
    second.write_bytes(b"rubbish\n" + second.read_bytes())
    with pytest.raises(DamagedLedger):
        compact(tmp_path)
    assert list_segments(tmp_path) == [first, second]


def test_every_line_has_the_same_keys(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """So that any tool reads the folder as one table."""
    run = writer(task=TASK)
    write(run, change())
    run.close()
    keys = [list(json.loads(line)) for line in list_segments(tmp_path)[0].read_text().splitlines()]
    assert keys[0] == keys[1]
    assert keys[0][:8] == ["kind", "id", "time", "plan", "booking_uid", "role", "email", "email_hash"]


def test_all_plans_that_wrote_a_flag_are_known(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """Those that certainly did, also before the last one; so a superseded plan is recognised."""
    write(writer("first"), change())
    write(writer("second"), change(to=False))
    write(writer("third"), change(), "failed")
    with LastWriteLookup(tmp_path) as ledger:
        found = ledger.find("b1", "attendee", ANN)
    assert found is not None
    assert (found.plan, set(found.plans)) == ("second", {"first", "second"})


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """Fail writes as a full disk does: some bytes are written, and the next write is an OSError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_a_failed_append_leaves_no_torn_line(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """When the disk has room again, the same run continues, and all that it recorded can be read."""
    run = writer()
    write(run, change())
    (segment,) = list_segments(tmp_path)
    whole = segment.read_bytes()
    with no_file_longer_than(len(whole) + 50), pytest.raises(LedgerNotWritten):
        run.record_intents([change(BOB)])
    assert segment.read_bytes() == whole
    write(run, change(BOB))
    assert len([record for one in list_segments(tmp_path) for record in read_records(one)]) == 4
    assert last(tmp_path, BOB) == PastWrite(True, True, "plan", "")


@pytest.mark.parametrize("kind", ["folder", "segment", "another segment", "cut"])
def test_a_deleted_ledger_stops_the_run(tmp_path: Path, writer: Callable[..., LedgerWriter], kind: str) -> None:
    """A deleted file can still be written to, and our marks would not be known as ours afterwards."""
    run = writer()
    write(run, change())
    (segment,) = list_segments(tmp_path)
    content = segment.read_bytes()
    if kind == "folder":
        shutil.rmtree(tmp_path)
    elif kind == "cut":
        os.truncate(segment, 0)
    else:
        segment.unlink()
    if kind == "another segment":
        segment.write_bytes(content)
    for call in (run.check, lambda: run.record_intents([change(BOB)])):
        with pytest.raises(LedgerReplaced, match="Restore the ledger") as caught:
            call()
        assert caught.value.retryable is False
    tmp_path.mkdir(exist_ok=True)


@pytest.mark.parametrize("kind", ["deleted", "another folder", "our segment in another folder", "claim deleted"])
def test_a_deleted_claim_stops_the_run(tmp_path: Path, kind: str) -> None:
    """Also before the first append, and where a new folder has a copy of our segment: the old records are lost."""
    folder, old = tmp_path / "ledger", tmp_path / "old"
    with LedgerWriter(folder, plan="plan") as run:
        run.claim()
        if kind == "our segment in another folder":
            write(run, change())
        if kind == "claim deleted":
            (folder / ".claims" / "00000001.claim").unlink()
        else:
            folder.rename(old)
        if kind not in ("deleted", "claim deleted"):
            folder.mkdir()
            for segment in list_segments(old):
                (folder / segment.name).hardlink_to(segment)
        with LedgerWriter(folder, plan="plan") as other:
            other.claim()
            with pytest.raises(LedgerReplaced, match="Restore the ledger"):
                run.record_intents([change(BOB)])
            run.close()
            with LedgerWriter(folder, plan="plan") as third, pytest.raises(AlreadyApplying):
                third.claim()


def test_a_pipe_in_the_folder_is_an_error(tmp_path: Path) -> None:
    """Opening it would block for ever."""
    os.mkfifo(tmp_path / "x.jsonl")
    with pytest.raises(LedgerNotRead, match=r"ledger_path: .*x\.jsonl is not a file"), LastWriteLookup(tmp_path):
        pass


def test_a_sequence_later_than_any_clock(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """A run stops before it would write records that can't be read."""
    with writer() as run:
        write(run, change())
    (segment,) = list_segments(tmp_path)
    lines = [json.loads(line) | {"sequence": 2**62 - 1} for line in segment.read_text().splitlines()]
    segment.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with LastWriteLookup(tmp_path) as ledger:
        latest = ledger.latest_sequence
    with writer() as run, pytest.raises(LedgerFolderUnusable, match="sequence"):
        run.continue_after(latest, lambda: 1_790_000_000.0)


def test_a_deleted_batch_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """In an object store each batch is a file, and the last one must be there before the next is written."""
    from upath import UPath

    read_as_object_stores(monkeypatch)
    folder = UPath("memory://a-ledger")
    with LedgerWriter(folder, plan="plan") as run:
        write(run, change())
        assert [record["kind"] for record in records(folder)] == ["intent", "outcome"]
        for segment in list_segments(folder):
            segment.unlink()
        with pytest.raises(LedgerReplaced):
            run.record_intents([change(BOB)])


def test_file_modes(tmp_path: Path, writer: Callable[..., LedgerWriter], monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the owner may read a ledger, which has addresses, unless the environment variable says otherwise."""
    folder = tmp_path / "above" / "ledger"
    with LedgerWriter(folder, plan="plan") as run:
        run.claim()
        write(run, change())
        modes = {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}
    assert (folder / ".claims").stat().st_mode & 0o777 == 0o700
    assert (modes, folder.stat().st_mode & 0o777, folder.parent.stat().st_mode & 0o777) == ({0o600}, 0o700, 0o700)
    monkeypatch.setenv("CALCOM_FILE_MODE", "0640")
    with LedgerWriter(tmp_path / "open", plan="plan") as run:
        write(run, change())
    assert (tmp_path / "open").stat().st_mode & 0o777 == 0o750
    assert list_segments(tmp_path / "open")[0].stat().st_mode & 0o777 == 0o640
    monkeypatch.setenv("CALCOM_FILE_MODE", "rw")
    with pytest.raises(InvalidFileMode, match="CALCOM_FILE_MODE"), LedgerWriter(tmp_path / "o", plan="p") as run:
        write(run, change())


def test_a_folder_among_the_files_is_an_error(tmp_path: Path) -> None:
    """The error names it, and is not retryable."""
    (tmp_path / "x.jsonl").mkdir()
    with pytest.raises(LedgerNotRead, match=r"ledger_path: .*x\.jsonl"), LastWriteLookup(tmp_path):
        pass


def test_a_clock_that_was_ahead_does_not_win(tmp_path: Path) -> None:
    """The latest write counts, whatever the clock of an earlier worker showed."""
    with LedgerWriter(tmp_path, plan="ahead", wall_clock=lambda: 1_890_000_000.0) as run:
        write(run, change())
    with LastWriteLookup(tmp_path) as ledger:
        latest = ledger.latest_sequence
    with LedgerWriter(tmp_path, plan="later", wall_clock=lambda: 1_790_000_000.0) as run:
        run.continue_after(latest, lambda: 1_790_000_000.0)
        write(run, change(to=False))
    assert last(tmp_path) == PastWrite(False, True, "later", "")


def test_the_sequence_is_bounded_by_the_servers_clock(tmp_path: Path) -> None:
    """A worker whose clock is ahead orders its records by Cal.com's Date."""
    with LedgerWriter(tmp_path, plan="plan", wall_clock=lambda: 1_890_000_000.0) as run:
        run.continue_after(0, lambda: 1_790_000_000.0)
        write(run, change())
    with LastWriteLookup(tmp_path) as ledger:
        assert ledger.latest_sequence == 1_790_000_000_000_001


def test_records_of_older_versions_are_ordered_by_time(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """They have no sequence."""
    write(writer("first"), change())
    (segment,) = list_segments(tmp_path)
    rows = [json.loads(line) for line in segment.read_text().splitlines()]
    segment.write_text("".join(json.dumps({k: v for k, v in row.items() if k != "sequence"}) + "\n" for row in rows))
    write(writer("second"), change(to=False))
    assert last(tmp_path) == PastWrite(False, True, "second", "")


def test_a_clock_that_is_set_back_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The order of the records stays correct."""
    times = iter([1_790_000_000.0, 1_790_000_000.0, 1_780_000_000.0])
    with LedgerWriter(tmp_path, plan="plan", wall_clock=lambda: next(times)) as run:
        write(run, change())
    assert "set back by 10000000 s" in caplog.text
    (segment,) = list_segments(tmp_path)
    first, second = (record["sequence"] for record in read_records(segment))
    assert second == first + 1
