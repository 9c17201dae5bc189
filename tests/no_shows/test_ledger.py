"""The ledger: what it tells after runs that ended, were killed, or are still writing."""

from __future__ import annotations

import itertools
import json
import logging
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
from airflow_provider_calcom.no_shows.ledger import (
    Addresses,
    LastWrites,
    LedgerWriter,
    PastWrite,
    Settled,
    TaskRun,
    compact,
)
from airflow_provider_calcom.no_shows.ledger.identities import LedgerSecretWrong
from airflow_provider_calcom.no_shows.ledger.records import (
    AlreadyApplying,
    DamagedLedger,
    LedgerFolderUnusable,
    LedgerNotRead,
    LedgerNotWritten,
    LedgerReplaced,
)
from airflow_provider_calcom.no_shows.ledger.segments import locked, parts_of, records_of, repair
from airflow_provider_calcom.no_shows.plan import Change, LastWrite

ANN, BOB = "Ann@Client.example", "bob@client.example"
SECRET = "a secret for the tests"
TASK = TaskRun("dag", "run", "apply", -1, 1)


def change(email: str = ANN, to: bool = True, uid: str = "b1", role: str = "attendee") -> Change:
    return Change(uid, role, email, not to, to, "not_seen", 0.0, "2026-11-18T08:00:00.000Z")


@pytest.fixture
def clock() -> Callable[[], float]:
    """A clock on which a second passes with each look."""
    seconds = itertools.count(1_790_000_000)
    return lambda: float(next(seconds))


@pytest.fixture
def writer(tmp_path: Path, clock: Callable[[], float]) -> Iterator[Callable[..., LedgerWriter]]:
    """Gives writers of one ledger, one for each run."""
    made: list[LedgerWriter] = []

    def write(plan: str = "plan", **options: Any) -> LedgerWriter:
        made.append(LedgerWriter(tmp_path, plan=plan, wall_clock=clock, **options))
        return made[-1]

    yield write
    for one in made:
        one.close()


def settle(writer: LedgerWriter, write_id: str, one: Change, outcome: str = "applied", **given: Any) -> None:
    shown = {"applied": True, "failed": False}.get(outcome)
    writer.settle([Settled(write_id, one, outcome, None, **{"shown": shown, **given})])


def write(writer: LedgerWriter, one: Change, outcome: str = "applied") -> None:
    (write_id,) = writer.intend([one])
    settle(writer, write_id, one, outcome)


def last(folder: Path, email: str = ANN, **options: Any) -> PastWrite | None:
    """Give the last write of somebody, but for the plans that wrote the flag."""
    with LastWrites(folder, **options) as ledger:
        found = ledger.of("b1", "attendee", email)
        return found and replace(found, plans=frozenset())


def records(folder: Path) -> list[Any]:
    return [record for part in parts_of(folder) for record in records_of(part)]


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
    assert last(tmp_path, ANN.lower()) == last(tmp_path), "a table may spell her otherwise than Cal.com"
    assert last(tmp_path, ANN.replace("A", "\u0391")) is None, "a look-alike is somebody else"
    assert last(tmp_path / "nowhere") is None


def test_a_run_that_was_killed_leaves_doubt(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """An intent without an outcome, and an outcome that is not known, speak of no certain write until one is found."""
    write(writer(), change(to=False))
    (first,) = writer("second").intend([change()])
    assert last(tmp_path) == PastWrite(True, False, "second", "", ((first, True),))
    run = writer("third")
    settle(run, first, change(), "failed", shown=None)
    assert last(tmp_path).is_certain is False
    settle(run, first, change(), "applied")
    found = last(tmp_path)
    assert (found.absent, found.is_certain, found.open_writes) == (True, True, ())


def test_a_doubt_that_ends_as_not_written(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """Then the write before it counts again."""
    write(writer(), change(to=False))
    run = writer()
    (first,) = run.intend([change()])
    settle(run, first, change(), "failed")
    assert last(tmp_path) == PastWrite(False, True, "plan", "")


def test_an_outcome_that_is_read_before_its_intent(tmp_path: Path, clock: Callable[[], float]) -> None:
    """Parts are read by name; a worker's clock that was set back can turn them round, and no doubt is left by that."""
    with LedgerWriter(tmp_path, plan="p", wall_clock=lambda: 1_790_009_999.0) as late:
        (first,) = late.intend([change()])
    with LedgerWriter(tmp_path, plan="p", wall_clock=clock) as early:
        settle(early, first, change())
    assert [record["kind"] for record in records(tmp_path)] == ["outcome", "intent"]
    assert last(tmp_path) == PastWrite(True, True, "p", "")


def test_when_the_last_doubt_began(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """So that whoever reads a booking next can give the server the time to end."""
    run = writer()
    write(run, change())
    with LastWrites(tmp_path) as ledger:
        assert ledger.latest_open() is None
    run.intend([change(BOB)])
    with LastWrites(tmp_path) as ledger:
        assert ledger.latest_open() == pytest.approx(1_790_000_003, abs=1)
    with LastWrites(tmp_path, concerns=lambda uid: uid == "b9") as ledger:
        assert ledger.latest_open() is None


def test_a_plan_is_told_of_doubt(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """Each person's last write goes to the plan, with whether it is certain."""
    run = writer()
    write(run, change())
    run.intend([change(BOB)])
    people = [("b1", "attendee", ANN), ("b1", "attendee", BOB), ("b1", "host", ANN)]
    with LastWrites(tmp_path) as ledger:
        assert list(ledger.of_people(people)) == [
            LastWrite("b1", "attendee", ANN, True),
            LastWrite("b1", "attendee", BOB, True, is_certain=False),
        ]


@pytest.mark.parametrize("seed", range(20))
def test_a_torn_last_line(tmp_path: Path, writer: Callable[..., LedgerWriter], seed: int) -> None:
    """Wherever a part was cut, the whole lines before count, the part is mended, and DuckDB reads the folder."""
    duckdb = pytest.importorskip("duckdb")
    run = writer()
    write(run, change())
    run.close()
    (part,) = parts_of(tmp_path)
    whole = part.read_bytes()
    first_end = whole.index(b"\n") + 1
    cut = random.Random(seed).randrange(first_end + 1, len(whole))
    part.write_bytes(whole[:cut])
    is_whole = cut == len(whole) - 1
    assert last(tmp_path).is_certain is is_whole
    assert part.read_bytes() == whole[:cut]
    assert last(tmp_path, mends=True).is_certain is is_whole
    assert part.read_bytes() == (whole if is_whole else whole[:first_end])
    with duckdb.connect() as connection:
        found = connection.execute("SELECT count(*) FROM read_json(?)", [str(tmp_path / "*.jsonl")])
        assert found.fetchone() == (2 if is_whole else 1,)


def test_a_part_that_somebody_writes_is_not_mended(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """Its last line is not torn but not yet whole; cutting it off would tear it."""
    run = writer()
    run.intend([change()])
    (part,) = parts_of(tmp_path)
    with part.open("ab") as file:
        file.write(b'{"kind": "outc')
    assert repair(part) is False
    assert compact(tmp_path).parts == 0
    run.close()
    assert repair(part) is True
    assert repair(part) is False


@pytest.mark.parametrize("line", [b"{}", b"[1]", b"not json", b'{"kind": "intent"}', b""])
def test_another_broken_line_is_an_error(tmp_path: Path, writer: Callable[..., LedgerWriter], line: bytes) -> None:
    """What it told is not known, so that nothing is decided without it; the text names part and line."""
    run = writer()
    write(run, change())
    run.close()
    (part,) = parts_of(tmp_path)
    part.write_bytes(part.read_bytes() + line + b"\n")
    with pytest.raises(DamagedLedger, match=rf"{part.name}, line 3"):
        last(tmp_path, mends=True)


def test_names_by_hash(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """The file has no address, who has the secret finds people, also those of before, and others are told."""
    write(writer(), change(BOB))
    write(writer(addresses=Addresses(SECRET, are_hashed=True)), change())
    text = "".join(part.read_text() for part in parts_of(tmp_path))
    assert ANN not in text
    assert SECRET not in text
    known = Addresses(SECRET)
    assert last(tmp_path, addresses=known) == PastWrite(True, True, "plan", "")
    assert last(tmp_path, BOB, addresses=known) == PastWrite(True, True, "plan", "")
    for addresses in (Addresses(), Addresses("another secret of 16")):
        with pytest.raises(LedgerSecretWrong, match="ledger_secret"):
            last(tmp_path, addresses=addresses)
    assert SECRET not in repr(known)


@pytest.mark.parametrize(("secret", "are_hashed"), [(None, True), ("short", True), ("short", False)])
def test_a_secret_that_hides_nothing(secret: str | None, are_hashed: bool) -> None:
    """A missing or short one is refused, and its value is not told."""
    with pytest.raises(LedgerSecretWrong) as caught:
        Addresses(secret, are_hashed=are_hashed)
    assert "short" not in str(caught.value)


def test_a_folder_that_can_not_be_written(tmp_path: Path) -> None:
    """It is told as the ledger's fault, before anything is written to Cal.com."""
    (tmp_path / "file").write_text("")
    with (
        LedgerWriter(tmp_path / "file" / "ledger", plan="p") as run,
        pytest.raises(LedgerNotWritten, match="ledger_path"),
    ):
        run.intend([change()])


def test_a_run_that_writes_nothing_leaves_no_part(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """An empty part would only be in the way."""
    run = writer()
    run.intend([])
    run.settle([])
    assert parts_of(tmp_path) == []


def test_parts_are_put_together(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """One part is left, without the intents that have ended; what the ledger tells is the same."""
    people = [f"p{number}@client.example" for number in range(20)]
    choice = random.Random(4)
    for number in range(60):
        run = writer(f"plan-{number}")
        one = change(choice.choice(people), choice.random() < 0.5)
        outcome = choice.choice(["applied", "failed", "unknown", "killed"])
        run.intend([one]) if outcome == "killed" else write(run, one, outcome)
        run.close()
    before = [last(tmp_path, email) for email in people]
    open_before = sum(len(one.open_writes) for one in before if one)
    done = compact(tmp_path)
    assert done.parts == 60
    (part,) = parts_of(tmp_path)
    assert len(list(records_of(part))) == done.records
    assert [last(tmp_path, email) for email in people] == before
    assert open_before == sum(len(one.open_writes) for one in before if one) > 0
    assert compact(tmp_path).records == done.records


def test_what_a_killed_run_meant_survives_a_compaction(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """The outcome that a later run finds is of that run: which plan set the flag stands in the intent alone."""
    killed = writer("first", task=TASK)
    (write_id,) = killed.intend([change()])
    killed.close()
    settle(found := writer("second"), write_id, change())
    found.close()
    before = last(tmp_path)
    compact(tmp_path)
    assert [(record["kind"], record["plan"], record["dag_id"]) for record in records(tmp_path)] == [
        ("intent", "first", "dag"),
        ("outcome", "second", None),
    ]
    assert last(tmp_path) == before == PastWrite(True, True, "second", "")


def test_a_compaction_is_on_disk_before_the_old_parts_go(
    tmp_path: Path, writer: Callable[..., LedgerWriter], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut would otherwise leave neither."""
    run = writer()
    write(run, change())
    run.close()
    (old,) = parts_of(tmp_path)
    synced: list[bool] = []
    real = os.fsync

    def sync(file: int) -> None:
        synced.append(old.exists())
        real(file)

    monkeypatch.setattr(os, "fsync", sync)
    compact(tmp_path)
    assert synced == [True]


def test_a_part_that_a_compaction_came_upon_first(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """Between making a part and locking it; what is written goes to another one, not to a file that is taken away."""
    run = writer()
    part = tmp_path / f"{run.name}.jsonl"
    part.touch()
    with part.open("rb") as compaction:
        assert locked(compaction)
        (write_id,) = run.intend([change()])
        part.unlink()
    settle(run, write_id, change())
    assert last(tmp_path) == PastWrite(True, True, "plan", "")


def test_a_compaction_that_was_interrupted(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """Where old parts are left beside the new one, all tell the same, and the next compaction mends it."""
    run = writer()
    write(run, change())
    run.intend([change(BOB)])
    run.close()
    (old,) = parts_of(tmp_path)
    content = old.read_bytes()
    done = compact(tmp_path)
    old.write_bytes(content)
    (tmp_path / ".half.jsonl.part").write_text("torn")
    assert last(tmp_path) == PastWrite(True, True, "plan", "")
    assert len(last(tmp_path, BOB).open_writes) == 1
    assert compact(tmp_path).records == done.records == 2


def test_a_damaged_ledger_is_not_compacted(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """Nothing is thrown away that can't be read."""
    for one in (ANN, BOB):
        run = writer()
        write(run, change(one))
        run.close()
    first, second = parts_of(tmp_path)
    second.write_bytes(b"rubbish\n" + second.read_bytes())
    with pytest.raises(DamagedLedger):
        compact(tmp_path)
    assert parts_of(tmp_path) == [first, second]


def test_every_line_has_the_same_keys(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """So any tool reads the folder as one table."""
    run = writer(task=TASK)
    write(run, change())
    run.close()
    keys = [list(json.loads(line)) for line in parts_of(tmp_path)[0].read_text().splitlines()]
    assert keys[0] == keys[1]
    assert keys[0][:8] == ["kind", "id", "time", "plan", "booking_uid", "role", "email", "email_hash"]


def test_a_plan_is_applied_by_one_run_at_a_time(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """Another run of the same plan is told to wait, another plan is not, and nothing is left behind."""
    first = writer("a" * 64)
    first.claim()
    with pytest.raises(AlreadyApplying) as caught:
        writer("a" * 64).claim()
    assert caught.value.retryable
    writer("b" * 64).claim()
    first.close()
    second = writer("a" * 64)
    second.claim()
    second.close()
    assert [path.name for path in tmp_path.iterdir()] == [f".applying-{'b' * 16}"]


def test_who_wrote_a_flag_is_known_of_all_plans(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """Those that certainly did, also before the last one; so an older plan is known as one that was superseded."""
    write(writer("first"), change())
    write(writer("second"), change(to=False))
    write(writer("third"), change(), "failed")
    with LastWrites(tmp_path) as ledger:
        found = ledger.of("b1", "attendee", ANN)
    assert found is not None
    assert (found.plan, found.plans) == ("second", {"first", "second"})


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """Cut writes as a full disk does: half of the bytes are taken, and the next write is an OSError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_an_append_that_fails_leaves_no_half_line(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """Where there is room again, the same run goes on, and all that it recorded can be read."""
    run = writer()
    write(run, change())
    (part,) = parts_of(tmp_path)
    whole = part.read_bytes()
    with no_file_longer_than(len(whole) + 50), pytest.raises(LedgerNotWritten):
        run.intend([change(BOB)])
    assert part.read_bytes() == whole
    write(run, change(BOB))
    assert len([record for one in parts_of(tmp_path) for record in records_of(one)]) == 4
    assert last(tmp_path, BOB) == PastWrite(True, True, "plan", "")


@pytest.mark.parametrize("kind", ["folder", "part", "another part", "cut"])
def test_a_ledger_that_goes_away_stops_the_run(tmp_path: Path, writer: Callable[..., LedgerWriter], kind: str) -> None:
    """A file without a name can be written on, and nobody would know our marks as ours afterwards."""
    run = writer()
    write(run, change())
    (part,) = parts_of(tmp_path)
    content = part.read_bytes()
    if kind == "folder":
        shutil.rmtree(tmp_path)
    elif kind == "cut":
        os.truncate(part, 0)
    else:
        part.unlink()
    if kind == "another part":
        part.write_bytes(content)
    for call in (run.check, lambda: run.intend([change(BOB)])):
        with pytest.raises(LedgerReplaced, match="Restore the ledger") as caught:
            call()
        assert caught.value.retryable is False
    tmp_path.mkdir(exist_ok=True)


@pytest.mark.parametrize("kind", ["deleted", "another folder", "our part in another folder", "claim deleted"])
def test_a_ledger_whose_claim_goes_away_stops_the_run(tmp_path: Path, kind: str) -> None:
    """Also before the run's first append, and where a new folder has our own part: what was in the old one is lost."""
    folder, old = tmp_path / "ledger", tmp_path / "old"
    with LedgerWriter(folder, plan="plan") as run:
        run.claim()
        if kind == "our part in another folder":
            write(run, change())
        if kind == "claim deleted":
            (folder / ".applying-plan").unlink()
        else:
            folder.rename(old)
        if kind not in ("deleted", "claim deleted"):
            folder.mkdir()
            for part in parts_of(old):
                (folder / part.name).hardlink_to(part)
        with LedgerWriter(folder, plan="plan") as other:
            other.claim()
            with pytest.raises(LedgerReplaced, match="Restore the ledger"):
                run.intend([change(BOB)])
            run.close()
            assert (folder / ".applying-plan").exists(), "the other run's claim stays"


def test_a_pipe_among_the_parts_is_an_error(tmp_path: Path) -> None:
    """Whoever opened it to read would wait for ever."""
    os.mkfifo(tmp_path / "x.jsonl")
    with pytest.raises(LedgerNotRead, match=r"ledger_path: .*x\.jsonl is no file"), LastWrites(tmp_path):
        pass


def test_a_sequence_that_no_clock_reaches(tmp_path: Path, writer: Callable[..., LedgerWriter]) -> None:
    """A run stops before it would write records that nobody could read."""
    with writer() as run:
        write(run, change())
    (part,) = parts_of(tmp_path)
    lines = [json.loads(line) | {"sequence": 2**62 - 1} for line in part.read_text().splitlines()]
    part.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with LastWrites(tmp_path) as ledger:
        latest = ledger.latest_sequence
    with writer() as run, pytest.raises(LedgerFolderUnusable, match="sequence"):
        run.continue_after(latest, lambda: 1_790_000_000.0)


def test_a_batch_that_goes_away_stops_the_run(writer: Callable[..., LedgerWriter]) -> None:
    """In an object store each batch is a file, and the last one must be there before the next is written."""
    from upath import UPath

    folder = UPath("memory://a-ledger")
    with LedgerWriter(folder, plan="plan") as run:
        write(run, change())
        for part in parts_of(folder):
            part.unlink()
        with pytest.raises(LedgerReplaced):
            run.intend([change(BOB)])


def test_who_may_read_a_ledger(
    tmp_path: Path, writer: Callable[..., LedgerWriter], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds addresses: its owner alone reads it, unless the environment lets others."""
    folder = tmp_path / "above" / "ledger"
    with LedgerWriter(folder, plan="plan") as run:
        run.claim()
        write(run, change())
        modes = {path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert (modes, folder.stat().st_mode & 0o777, folder.parent.stat().st_mode & 0o777) == ({0o600}, 0o700, 0o700)
    monkeypatch.setenv("CALCOM_FILE_MODE", "0640")
    with LedgerWriter(tmp_path / "open", plan="plan") as run:
        write(run, change())
    assert (tmp_path / "open").stat().st_mode & 0o777 == 0o750
    assert parts_of(tmp_path / "open")[0].stat().st_mode & 0o777 == 0o640
    monkeypatch.setenv("CALCOM_FILE_MODE", "rw")
    with pytest.raises(InvalidFileMode, match="CALCOM_FILE_MODE"), LedgerWriter(tmp_path / "o", plan="p") as run:
        write(run, change())


def test_a_claim_does_not_follow_a_link(tmp_path: Path) -> None:
    """Whoever may write in the folder could lead us to any file of the worker's user."""
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / "ledger").mkdir()
    (tmp_path / "ledger" / ".applying-plan").symlink_to(precious)
    with LedgerWriter(tmp_path / "ledger", plan="plan") as run, pytest.raises(LedgerNotWritten):
        run.claim()
    assert precious.read_text() == "precious"


def test_a_folder_without_locks_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Two runs of one plan can't be told apart there."""

    def no_locks(*_: Any) -> None:
        raise OSError(38, "no locks")

    with caplog.at_level(logging.WARNING), LedgerWriter(tmp_path / "known", plan="plan") as run:
        run.claim()
    assert not caplog.records
    monkeypatch.setattr("fcntl.flock", no_locks)
    with caplog.at_level(logging.WARNING), LedgerWriter(tmp_path / "unknown", plan="plan") as run:
        run.claim()
    assert "has no locks" in caplog.text


def test_what_is_no_file_of_a_ledger_is_an_error(tmp_path: Path) -> None:
    """It names the file, and another try has no point."""
    (tmp_path / "x.jsonl").mkdir()
    with pytest.raises(LedgerNotRead, match=r"ledger_path: .*x\.jsonl"), LastWrites(tmp_path):
        pass


def test_a_clock_that_was_ahead_does_not_win(tmp_path: Path) -> None:
    """What was written last counts, whatever the clock of the machine said that wrote before."""
    with LedgerWriter(tmp_path, plan="ahead", wall_clock=lambda: 1_890_000_000.0) as run:
        write(run, change())
    with LastWrites(tmp_path) as ledger:
        latest = ledger.latest_sequence
    with LedgerWriter(tmp_path, plan="later", wall_clock=lambda: 1_790_000_000.0) as run:
        run.continue_after(latest, lambda: 1_790_000_000.0)
        write(run, change(to=False))
    assert last(tmp_path) == PastWrite(False, True, "later", "")


def test_the_sequence_is_bounded_by_the_servers_clock(tmp_path: Path) -> None:
    """A machine that is ahead places its records by Cal.com's Date, so that later runs need not count on from there."""
    with LedgerWriter(tmp_path, plan="plan", wall_clock=lambda: 1_890_000_000.0) as run:
        run.continue_after(0, lambda: 1_790_000_000.0)
        write(run, change())
    with LastWrites(tmp_path) as ledger:
        assert ledger.latest_sequence == 1_790_000_000_000_001


def test_records_of_older_versions_are_placed_by_their_time(
    tmp_path: Path, writer: Callable[..., LedgerWriter]
) -> None:
    """They have no sequence."""
    write(writer("first"), change())
    (part,) = parts_of(tmp_path)
    rows = [json.loads(line) for line in part.read_text().splitlines()]
    part.write_text("".join(json.dumps({k: v for k, v in row.items() if k != "sequence"}) + "\n" for row in rows))
    write(writer("second"), change(to=False))
    assert last(tmp_path) == PastWrite(False, True, "second", "")


def test_a_clock_that_is_set_back_during_a_run_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The order of the records stays all the same."""
    times = iter([1_790_000_000.0, 1_790_000_000.0, 1_780_000_000.0])
    with LedgerWriter(tmp_path, plan="plan", wall_clock=lambda: next(times)) as run:
        write(run, change())
    assert "set back by 10000000 s" in caplog.text
    (part,) = parts_of(tmp_path)
    first, second = (record["sequence"] for record in records_of(part))
    assert second == first + 1
