"""A ledger in an object store: its files, and compactions while other runs read and write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractBufferedFile
from upath import UPath

from airflow_provider_calcom.no_shows.ledger.compaction import compact, compact_if_many
from airflow_provider_calcom.no_shows.ledger.reader import LastWriteLookup
from airflow_provider_calcom.no_shows.ledger.records import LedgerNotReached
from airflow_provider_calcom.no_shows.ledger.segments import list_segments
from airflow_provider_calcom.no_shows.ledger.writer import LedgerWriter, WriteOutcome
from airflow_provider_calcom.no_shows.plan_files import Change, read_plan
from benchmarks.plans import write_plan_by_hand

PEOPLE = [f"p{number}@client.example" for number in range(12)]


class _File(AbstractBufferedFile):  # type: ignore[misc]
    """A file as s3fs has it: its ``readline`` takes no limit."""

    def _fetch_range(self, start: int, end: int) -> bytes:
        content: bytes = self.fs.cat_file(self.path, start, end)
        return content


@pytest.fixture(autouse=True)
def _files_as_those_of_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    real = MemoryFileSystem._open

    def opened(self: MemoryFileSystem, path: str, mode: str = "rb", **options: Any) -> Any:
        if mode != "rb":
            return real(self, path, mode, **options)
        return _File(self, path, mode, size=self.info(path)["size"])

    monkeypatch.setattr(MemoryFileSystem, "_open", opened)


@pytest.fixture
def ledger() -> Iterator[UPath]:
    folder = UPath(f"memory://ledger-{uuid4().hex}")
    yield folder
    folder.fs.rm(folder.path, recursive=True)


def change(email: str) -> Change:
    return Change("b1", "attendee", email, False, True, "not_seen", 0.0, "2026-11-18T08:00:00.000Z")


def write(run: LedgerWriter, *people: str) -> None:
    """Record writes, two segments each."""
    for one in people:
        (write_id,) = run.record_intents([change(one)])
        run.record_outcomes([WriteOutcome(write_id, change(one), "applied", None, verified=True)])


def marked(ledger: Any) -> list[str]:
    """Return who is marked according to the ledger."""
    with LastWriteLookup(ledger) as last_writes:
        return [one for one in PEOPLE if (past := last_writes.find("b1", "attendee", one)) and past.is_certain]


def test_a_plan_in_an_object_store_is_read(ledger: UPath, tmp_path: Any) -> None:
    """Files there can do less than those of a disk."""
    line = {"booking_uid": "b1", "role": "attendee", "email": PEOPLE[0], "from": False, "to": True}
    write_plan_by_hand(
        tmp_path, [line | {"reason": "not_seen", "presence_seconds": 0.0, "start_at": "2026-11-18T08:00:00.000Z"}]
    )
    for path in tmp_path.iterdir():
        (ledger / path.name).write_bytes(path.read_bytes())
    assert [one.email for one in read_plan(ledger)] == PEOPLE[:1]


def test_large_segments_are_read_as_a_stream(ledger: UPath, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not held in memory; the result is that of small ones."""
    with LedgerWriter(ledger, plan="p") as run:
        write(run, *PEOPLE[:3])
    monkeypatch.setattr("airflow_provider_calcom.no_shows.ledger.segments._LARGEST_AHEAD", 10)
    assert marked(ledger) == PEOPLE[:3]


def test_a_ledger_compacts_itself_beyond_a_number_of_segments(ledger: UPath) -> None:
    """Including the segments of the run that does so, and without those of a run that still writes."""
    with LedgerWriter(ledger, plan="ended") as ended:
        write(ended, *PEOPLE[:3])
    with LedgerWriter(ledger, plan="writes") as writes, LedgerWriter(ledger, plan="compacts") as compacts:
        writes.claim(["b1"])
        compacts.claim(["b2"])
        write(writes, PEOPLE[3])
        write(compacts, *PEOPLE[4:6])
        compact_if_many(ledger, more_than=12, ended=compacts.name)
        assert len(list_segments(ledger)) == 12
        compact_if_many(ledger, more_than=11, ended=compacts.name)
        assert len(list_segments(ledger)) == 1 + 2
        write(writes, PEOPLE[6])
    assert marked(ledger) == PEOPLE[:7]
    compact(ledger)
    assert len(list_segments(ledger)) == 1
    assert marked(ledger) == PEOPLE[:7]


def test_a_failed_compaction_does_not_fail_the_run(ledger: UPath, monkeypatch: pytest.MonkeyPatch) -> None:
    """All segments are still there, or merged and there; the next run tries again."""
    with LedgerWriter(ledger, plan="p") as run:
        run.claim()
        write(run, *PEOPLE[:3])
        with monkeypatch.context() as failing:
            failing.setattr(MemoryFileSystem, "rm_file", _no_network)
            compact_if_many(ledger, more_than=1, ended=run.name)
        assert len(list_segments(ledger)) == 6 + 1
        compact_if_many(ledger, more_than=1, ended=run.name)
    assert len(list_segments(ledger)) == 1
    assert marked(ledger) == PEOPLE[:3]


def _no_network(*_: Any) -> None:
    raise OSError("no network")


@pytest.mark.parametrize("moment", ["while listing", "while reading"])
def test_a_compaction_while_a_plan_reads(ledger: UPath, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """A long listing may have neither the merged segment nor the old ones, and a listed segment may be deleted."""
    with LedgerWriter(ledger, plan="p") as run:
        write(run, *PEOPLE)
    begun: list[bool] = []

    def once(real: Callable[..., Any], result: Callable[[Any], Any]) -> Callable[..., Any]:
        def call(*given: Any, **options: Any) -> Any:
            if begun or ".claims" in str(given[1]):
                return real(*given, **options)
            begun.append(True)
            compact(ledger)
            return result(lambda: real(*given, **options))

        return call

    with monkeypatch.context() as during:
        if moment == "while listing":
            during.setattr(MemoryFileSystem, "ls", once(MemoryFileSystem.ls, lambda real: []))
        else:
            during.setattr(MemoryFileSystem, "cat_file", once(MemoryFileSystem.cat_file, lambda real: real()))
        assert marked(ledger) == PEOPLE
    assert begun


@pytest.mark.parametrize("seconds", [10, 1000])
def test_a_compaction_that_deletes_for_seconds(ledger: UPath, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Until hundreds of files are deleted, a listing names some that are gone: a plan waits, and may be retried."""
    with LedgerWriter(ledger, plan="p") as run:
        write(run, *PEOPLE)
    real, slept = MemoryFileSystem.cat_file, [0.0]

    def cat_file(self: MemoryFileSystem, path: str, *given: Any, **options: Any) -> Any:
        if sum(slept) < seconds:
            raise FileNotFoundError(path)
        return real(self, path, *given, **options)

    monkeypatch.setattr(MemoryFileSystem, "cat_file", cat_file)
    if seconds > 60:
        with pytest.raises(LedgerNotReached, match="deleted again and again") as caught:
            LastWriteLookup(ledger, sleep=slept.append)
        assert caught.value.retryable
    else:
        with LastWriteLookup(ledger, sleep=slept.append) as last_writes:
            assert last_writes.find("b1", "attendee", PEOPLE[0])
