"""Claims: which of two runs may write, and what becomes of a run that was killed, or held its claim for too long."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_calcom.no_shows.ledger import claim_files
from airflow_provider_calcom.no_shows.ledger.claims import LEASE, Claim, Claimed, Claims, digests
from airflow_provider_calcom.no_shows.ledger.records import AlreadyApplying, ClaimLost

FIRST = Claimed("first plan", "run 1", bookings=digests(["b1", "b2"]))
AGAIN = Claimed("first plan", "run 2", bookings=digests(["b1", "b2"]))
OVERLAPPING = Claimed("another plan", "run 3", bookings=digests(["b2", "b3"]))
ELSEWHERE = Claimed("a third plan", "run 4", bookings=digests(["b4"]))


class Clock:
    """A clock that advances when somebody sleeps.

    :ivar during: what happens at a moment, by the second; called once that is reached.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.during: dict[float, Callable[[], object]] = {}

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for moment in sorted(moment for moment in self.during if moment <= self.now):
            self.during.pop(moment)()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["local", "store"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A ledger's folder, local and in an object store."""
    if request.param == "local":
        return tmp_path
    from upath import UPath

    return UPath(f"memory://claims-{uuid4().hex}")


@pytest.fixture
def claims(ledger: Any, clock: Clock) -> Callable[[], Claims]:
    """Makes the claims as another run sees them."""
    return lambda: Claims(ledger, clock=clock, sleep=clock.sleep)


def test_the_second_run_waits_for_the_first(claims: Callable[[], Claims], clock: Clock) -> None:
    """That has the same plan, or another one with a booking in common; a third one does not wait."""
    for other in (AGAIN, OVERLAPPING):
        first = claims().take(FIRST)
        claims().take(ELSEWHERE).release()
        with pytest.raises(AlreadyApplying) as caught:
            claims().take(other, timeout=10)
        assert caught.value.retryable
        clock.during[clock.now + 30] = first.release
        began = clock.now
        claims().take(other, timeout=600).release()
        assert clock.now == pytest.approx(began + 30)


def test_a_run_that_waits_counts_as_well(claims: Callable[[], Claims], clock: Clock) -> None:
    """A third run that excludes only the second, which waits for the first, comes after it."""
    third = Claimed("a third plan", "run 5", bookings=digests(["b3"]))
    tried: list[str] = []

    def try_third() -> None:
        with pytest.raises(AlreadyApplying):
            claims().take(third)
        tried.append("third")

    first = claims().take(FIRST)
    clock.during[5] = try_third
    clock.during[30] = first.release
    claims().take(OVERLAPPING, timeout=600).release()
    assert tried
    claims().take(third).release()


def renewed(claim: Claim, clock: Clock, until: float) -> None:
    """Renew a claim as its thread does, for as long as a clock shows less than some time."""

    def renew() -> None:
        claim.renew()
        if clock.now < until:
            clock.during[clock.now + LEASE / 3] = renew

    renew()


def test_a_claim_that_is_renewed_holds(claims: Callable[[], Claims], clock: Clock) -> None:
    """For far longer than one lease."""
    first = claims().take(FIRST)
    renewed(first, clock, 20 * LEASE)
    with pytest.raises(AlreadyApplying):
        claims().take(AGAIN, timeout=10 * LEASE)
    first.check()
    first.release()


def test_a_claim_that_is_not_renewed_is_passed_over(claims: Callable[[], Claims], clock: Clock) -> None:
    """Later than its run stops, which must not write any more then, and can't get it back."""
    first = claims().take(FIRST)
    clock.sleep(LEASE - 1)
    first.check()
    stopped: list[float] = []

    def try_to_write() -> None:
        try:
            first.check()
        except ClaimLost:
            stopped.append(clock.now)
        else:
            clock.during[clock.now + 1] = try_to_write

    clock.during[clock.now + 1] = try_to_write
    second = claims().take(AGAIN, timeout=600)
    assert stopped
    assert stopped[0] < clock.now - 10, "the first run stopped well before the second one began"
    first.renew()
    with pytest.raises(ClaimLost) as caught:
        first.check()
    assert caught.value.retryable
    first.release()
    second.check()
    with pytest.raises(AlreadyApplying):
        claims().take(AGAIN)


def test_a_renewal_that_comes_too_late_is_none(claims: Callable[[], Claims], clock: Clock) -> None:
    """The storage was slow for longer than the lease; another run may have begun meanwhile."""
    claim = claims().take(FIRST)
    write = claim._files.overwrite

    def slow(name: str, content: bytes) -> None:
        clock.sleep(20)
        write(name, content)

    clock.sleep(LEASE - 10)
    claim._files.overwrite = slow  # type: ignore[method-assign]
    claim.renew()
    with pytest.raises(ClaimLost):
        claim.check()


def test_no_number_is_used_twice(claims: Callable[[], Claims], ledger: Any) -> None:
    """A run that was slow to delete the claim of a killed one would delete that of the next."""
    numbers = []
    for _ in range(4):
        claim = claims().take(FIRST)
        numbers.append(claim.number)
        claim.release()
        claims().sweep()
    assert numbers == [1, 2, 3, 4]
    assert {one.name for one in (ledger / ".claims").iterdir()} == {"00000004.claim", "00000004.lease"}


def test_a_number_that_a_later_run_does_not_know(claims: Callable[[], Claims], ledger: Any, clock: Clock) -> None:
    """A slow run creates one that was used and deleted since it looked: it takes another one, behind the others."""
    late = claims()
    look = late._numbers
    old_views: list[list[int]] = [[]]
    late._numbers = lambda: old_views.pop() if old_views else look()  # type: ignore[method-assign]
    claims().take(FIRST).release()
    first = claims().take(FIRST)
    assert first.number == 2
    with pytest.raises(AlreadyApplying):
        late.take(AGAIN)
    first.check()


@pytest.mark.parametrize("content", [b"", b"{", b'{"plan": 1}'])
def test_a_claim_that_can_not_be_read(claims: Callable[[], Claims], ledger: Any, clock: Clock, content: bytes) -> None:
    """A run was killed while it created it, so what it claimed is not known: others wait for the time of a lease."""
    claims().take(ELSEWHERE).release()
    (ledger / ".claims" / "00000002.claim").write_bytes(content)
    began = clock.now
    claims().take(FIRST, timeout=600).release()
    assert clock.now - began >= LEASE


def test_a_killed_run_on_the_same_machine_is_passed_over_at_once(tmp_path: Path, clock: Clock) -> None:
    """The system drops the lock of its file. By the lease alone, each retry after a kill would wait for a minute."""
    child = os.fork()
    if not child:
        Claims(tmp_path).take(FIRST)
        os._exit(0)
    os.waitpid(child, 0)
    Claims(tmp_path, clock=clock, sleep=clock.sleep).take(AGAIN, timeout=600).release()
    assert clock.now == 0


def test_without_locks_the_lease_counts(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on network file systems without them, and where another machine has the claim."""
    monkeypatch.setattr(claim_files, "_machine", lambda folder: "another machine")
    first = Claims(tmp_path, clock=clock, sleep=clock.sleep).take(FIRST)
    os.close(first._files._open["00000001.claim"])  # type: ignore[attr-defined]
    monkeypatch.undo()
    Claims(tmp_path, clock=clock, sleep=clock.sleep).take(AGAIN, timeout=600).release()
    assert clock.now > LEASE


def test_claims_of_killed_runs_are_deleted_by_others(claims: Callable[[], Claims], clock: Clock) -> None:
    """Also where nobody waits for them."""
    claims().take(FIRST)
    other = claims().take(ELSEWHERE)
    looking = claims()
    looking.sweep()
    assert looking._numbers() == [1, 2]
    for _ in range(5):
        clock.sleep(LEASE / 3)
        other.renew()
        looking.sweep()
    assert looking._numbers() == [2]
    other.check()


def test_a_store_without_conditional_writes_is_logged(
    clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that ignores the condition, and a library that is not known to have it; the run goes on all the same."""
    from upath import UPath

    def warnings() -> list[str]:
        caplog.clear()
        folder = UPath(f"memory://claims-{uuid4().hex}")
        with caplog.at_level(logging.WARNING):
            Claims(folder, clock=clock, sleep=clock.sleep).take(FIRST).release()
        return [record.getMessage() for record in caplog.records]

    assert warnings() == []
    monkeypatch.setattr(MemoryFileSystem, "protocol", "sftp")
    assert "max_active_tis_per_dag=1" in warnings()[0]
    monkeypatch.undo()
    write = MemoryFileSystem.pipe_file

    def ignoring(self: MemoryFileSystem, path: str, value: bytes, mode: str = "overwrite") -> None:
        write(self, path, value)

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", ignoring)
    assert "max_active_tis_per_dag=1" in warnings()[0]


def test_a_lost_response_is_not_a_lost_claim(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library sends the request again, and the response is that the file exists: it is ours."""
    from upath import UPath

    create = MemoryFileSystem.pipe_file
    refused: list[str] = []

    def twice(self: MemoryFileSystem, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        create(self, path, value, mode=mode, **options)
        if mode == "create" and not refused:
            refused.append(path)
            raise OSError("precondition failed")

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", twice)
    claim = Claims(UPath(f"memory://claims-{uuid4().hex}"), clock=clock, sleep=clock.sleep).take(FIRST)
    assert (claim.number, len(refused)) == (1, 1)
