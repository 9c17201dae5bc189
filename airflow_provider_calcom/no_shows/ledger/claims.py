"""Claims on bookings: of two runs that would write the same booking, the one that came later waits for the other.

A claim is a numbered file below the ledger's folder, which its run creates only if there is no file of that number. So
all claims have one order, which all runs see. A run may write once no claim with a smaller number is of the same plan
or of one of its bookings. Its claim holds for the time of a lease, which it renews; afterwards others pass it over, and
it stops before its next write.

No number is used twice, because the file with the largest one is never deleted. Deleting the file of a claim and
creating it again for another run was rejected: a third run, which had looked before, would delete that of the second.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import threading
import time
import uuid
from array import array
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from airflow_provider_calcom._redact import redact, shown_path
from airflow_provider_calcom._storage import Folder, folder_path, reason_of
from airflow_provider_calcom.no_shows.ledger.claim_files import ClaimFiles, claim_files
from airflow_provider_calcom.no_shows.ledger.records import AlreadyApplying, ClaimLost

log = logging.getLogger(__name__)

FOLDER = ".claims"
LEASE = 60.0
"""Seconds for which a claim holds after its last renewal."""

_RENEWALS = 3
"""Renewals in the time of a lease, so that one or two may fail."""

_MARGIN = 15.0
"""Seconds that others wait beyond a lease: a call that its run has begun to send may take these to reach Cal.com. After
them the next run finds its intent in the ledger, and waits for the server to end it."""

_POLL = 2.0
_REMINDER = 60.0
"""Seconds between two looks at the claims that a run waits for, and between two lines in the log about that."""

_CLAIM, _LEASE = ".claim", ".lease"
_RELEASED = b"released\n"
_JOIN_TIMEOUT = 3.0
"""Seconds to wait for a renewal in progress: Airflow sends SIGKILL 5 s after SIGTERM."""


def since_start() -> float:
    """Return seconds since the start of the machine, including those in which it was suspended where that is known.

    A suspended run must not believe that its lease still holds.
    """
    with suppress(AttributeError, OSError):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


@dataclass(frozen=True)
class Claimed:
    """What a run claims.

    :param plan: hash of its plan.
    :param run: name of its segments in the ledger.
    :param owner: the task, for people who look at the file.
    :param bookings: digests of the bookings' uids.
    """

    plan: str
    run: str
    owner: str = ""
    bookings: frozenset[int] = field(default=frozenset(), repr=False)

    def excludes(self, other: Claimed) -> bool:
        """Return whether only one of two runs may write at a time."""
        return self.plan == other.plan or not self.bookings.isdisjoint(other.bookings)


def digests(booking_uids: Iterable[str]) -> frozenset[int]:
    """Return digests of uids. Two of a million bookings have the same once in 10 million cases; then one run waits."""
    return frozenset(
        int.from_bytes(hashlib.blake2b(uid.encode(errors="replace"), digest_size=8).digest(), "little")
        for uid in booking_uids
    )


@dataclass(frozen=True)
class _Filed:
    """A claim as it is in its file.

    :param claimed: what is claimed; None if the file can't be read, such as one that was just created.
    :param machine: where its process runs, as :attr:`ClaimFiles.machine` has it.
    :param lease: seconds.
    """

    claimed: Claimed | None = None
    machine: str = ""
    lease: float = LEASE


def _encoded(claimed: Claimed, machine: str, lease: float, token: str) -> bytes:
    numbers = base64.b64encode(array("Q", sorted(claimed.bookings)).tobytes()).decode()
    return json.dumps(
        {
            "token": token,
            "plan": claimed.plan,
            "run": claimed.run,
            "owner": claimed.owner,
            "machine": machine,
            "lease": lease,
            "bookings": numbers,
        }
    ).encode()


def _decoded(content: bytes) -> _Filed:
    """Parse a claim. One that can't be read excludes all others until its lease has ended."""
    try:
        found = json.loads(content)
        numbers = array("Q")
        numbers.frombytes(base64.b64decode(found["bookings"]))
        claimed = Claimed(str(found["plan"]), str(found["run"]), str(found["owner"]), frozenset(numbers))
        return _Filed(claimed, str(found["machine"]), float(found["lease"]))
    except (ValueError, KeyError, TypeError):
        return _Filed()


class Claim:
    """The claim of one run, until it is released.

    :param files: of the claims.
    :param number: ours.
    :param ledger: the ledger's folder, for errors.
    :param lease: seconds for which it holds after its last renewal.
    :param clock: seconds since some moment.
    """

    def __init__(
        self, files: ClaimFiles, number: int, *, ledger: Folder, lease: float, clock: Callable[[], float]
    ) -> None:
        self.number = number
        self._files = files
        self._ledger = ledger
        self._lease = lease
        self._clock = clock
        self._token = uuid.uuid4().hex
        self._content = b""
        self._deadline = 0.0
        self._renewed = 0
        self._is_created = self._is_lost = False
        self._released = threading.Event()
        self._thread: threading.Thread | None = None

    def create(self, claimed: Claimed) -> bool:
        """Create the files of the claim, and return False if another run has the number."""
        began = self._clock()
        self._content = _encoded(claimed, self._files.machine, self._lease, self._token)
        if not self._files.create(_claim_name(self.number), self._content):
            return False
        self._is_created = True
        self._files.overwrite(_lease_name(self.number), self._lease_content())
        self._deadline = began + self._lease
        if not self._files.is_exclusive(_claim_name(self.number), self._content):
            log.warning(
                "The storage of the ledger %s, or its library, has no conditional write (If-None-Match: *), so two runs"
                " that start in the same moment may both apply a plan, and notify people twice. Set max_active_runs=1"
                " and max_active_tis_per_dag=1, or move the ledger to S3, GCS or Azure",
                shown_path(self._ledger),
            )
        return True

    def keep(self, sweep: Callable[[], object]) -> None:
        """Renew the claim in a thread of its own until it is released.

        :param sweep: is called after each renewal.
        """
        self._thread = threading.Thread(target=self._keep, args=(sweep,), name="calcom-claim", daemon=True)
        self._thread.start()

    def _keep(self, sweep: Callable[[], object]) -> None:
        while not self._released.wait(self._lease / _RENEWALS) and not self._is_lost:
            try:
                self.renew()
                sweep()
            except Exception as error:  # of any library of an object store
                log.warning(
                    "The claim with the ledger %s could not be renewed (%s); without it the run stops in %.0f s",
                    shown_path(self._ledger),
                    redact(reason_of(error)),
                    max(0.0, self._deadline - self._clock()),
                )

    def renew(self) -> None:
        """Begin another lease, unless the last one has ended or another run deleted the claim after it."""
        began = self._clock()
        if began >= self._deadline or not {_claim_name(self.number), _lease_name(self.number)} <= {
            *self._files.names()
        }:
            self._is_lost = True
            return
        self._files.overwrite(_lease_name(self.number), self._lease_content())
        # A renewal that took longer than the old lease may have come after another run passed the claim over.
        if self._clock() >= self._deadline:
            self._is_lost = True
        else:
            self._deadline = began + self._lease

    def _lease_content(self) -> bytes:
        self._renewed += 1
        return f"{self._token} {self._renewed:09}\n".encode()

    def check(self) -> None:
        """Check by the clock that the claim still holds. It is fast, and called before each write to Cal.com.

        :raises ClaimLost: if not.
        """
        if self._is_lost or self._clock() >= self._deadline:
            self._is_lost = True
            raise ClaimLost(
                f"ledger_path: the claim of this run with the ledger {shown_path(self._ledger)} was lost: it was not"
                f" renewed for {self._lease:.0f} s, because the storage could not be reached or the process was"
                " suspended, or somebody deleted it. Another run may write the same bookings now, so this one stopped."
                " Run the task again: it continues from there"
            )

    def is_ours(self) -> bool:
        """Return whether the claim's file has what we wrote; where a store ignores conditions, it may be another's."""
        return self._files.read(_claim_name(self.number)) == self._content

    def is_there(self) -> bool:
        """Return False if the claim's file was deleted or replaced, as far as that is known without a request."""
        return self._files.is_there(_claim_name(self.number))

    def release(self) -> None:
        """End the claim. Its files are deleted when there is one with a larger number."""
        if not self._is_created:  # the number is another run's
            return
        self._released.set()
        if self._thread is not None:
            self._thread.join(_JOIN_TIMEOUT)
        try:
            numbers = _numbers(self._files.names())
            if self.number in numbers and self.is_ours():
                self._files.overwrite(_lease_name(self.number), _RELEASED)
                if self.number < numbers[-1]:
                    _delete(self._files, self.number)
        except Exception as error:  # of any library; the run is done, and others pass the claim over after its lease
            log.warning("The claim with the ledger %s is left (%s)", shown_path(self._ledger), redact(reason_of(error)))
        self._files.close(_claim_name(self.number))


class Claims:
    """The claims on the bookings of one ledger, as one run sees them.

    :param ledger: the ledger's folder, local or in an object store.
    :param lease: seconds for which a claim holds after its last renewal.
    :param clock: seconds since some moment.
    :param sleep: waits for some seconds.
    """

    def __init__(
        self,
        ledger: Folder,
        *,
        lease: float = LEASE,
        clock: Callable[[], float] = since_start,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ledger = folder_path(ledger)
        self._files = claim_files(self._ledger / FOLDER)
        self._lease = lease
        self._clock = clock
        self._sleep = sleep
        self._filed: dict[int, _Filed] = {}
        self._seen: dict[int, tuple[bytes | None, float]] = {}

    def take(self, claimed: Claimed, *, timeout: float = 0.0) -> Claim:
        """Claim a plan and its bookings, and wait for the runs before us that exclude ours.

        :param timeout: seconds to wait at most.
        :raises AlreadyApplying: if another run had the claim for longer.
        :raises ClaimLost: if our own claim was lost meanwhile.
        """
        claim = self._draw(claimed)
        try:
            self._wait(claim, claimed, timeout)
            claim.keep(Claims(self._ledger, lease=self._lease, clock=self._clock).sweep)
        except BaseException:
            claim.release()
            raise
        return claim

    def _draw(self, claimed: Claimed) -> Claim:
        """Create a claim with a number above all others."""
        while True:
            number = max(self._numbers(), default=0) + 1
            claim = Claim(self._files, number, ledger=self._ledger, lease=self._lease, clock=self._clock)
            try:
                # If a run with a larger number came in between, it does not know of ours, which may have been deleted
                # and be free again.
                if claim.create(claimed) and max(self._numbers()) == number and claim.is_ours():
                    return claim
            except BaseException:
                claim.release()
                raise
            claim.release()

    def _wait(self, claim: Claim, claimed: Claimed, timeout: float) -> None:
        began = renewed = self._clock()
        reminded = -_REMINDER
        while ahead := self._ahead(claim.number, claimed):
            waited = self._clock() - began
            if waited >= timeout:
                raise AlreadyApplying(
                    f"ledger_path: another run applies this plan, or one of the same bookings, or compacts the ledger"
                    f" {shown_path(self._ledger)}, and had not ended after claim_timeout={timeout:.0f} s. This run"
                    " wrote nothing. Let the other one end; a retry skips what it applied"
                )
            if waited - reminded >= _REMINDER:
                reminded = waited
                log.info(
                    "Waiting for %d other runs of this plan or the same bookings, with the ledger %s (%.0f of %.0f s)",
                    ahead,
                    shown_path(self._ledger),
                    waited,
                    timeout,
                )
            self._sleep(min(_POLL, timeout - waited))
            if self._clock() - renewed >= self._lease / _RENEWALS:
                renewed = self._clock()
                claim.renew()
            claim.check()

    def _ahead(self, number: int, claimed: Claimed) -> int:
        """Return how many runs with a smaller number exclude ours, and delete the claims of those that were killed."""
        filed = self._unended(number)
        return sum(one.claimed is None or one.claimed.excludes(claimed) for one in filed)

    def sweep(self) -> None:
        """Delete the claims of runs that were killed, once their leases were seen to end; call it now and then."""
        self._unended(None)

    def _unended(self, below: int | None) -> list[_Filed]:
        """Return the claims of runs that may still write, and delete the others.

        :param below: only those with a smaller number.
        """
        every = self._numbers()
        numbers = [one for one in every if below is None or one < below]
        for gone in self._filed.keys() - set(numbers):
            self._filed.pop(gone)
            self._seen.pop(gone, None)
        unended = []
        for number in numbers:
            filed = self._read(number)
            if filed is None:
                continue
            if not self._has_ended(number, filed):
                unended.append(filed)
            elif number < max(every):
                _delete(self._files, number)
        return unended

    def _read(self, number: int) -> _Filed | None:
        filed = self._filed.get(number)
        if filed is None or filed.claimed is None:
            content = self._files.read(_claim_name(number))
            if content is None:
                return None
            filed = self._filed[number] = _decoded(content)
        return filed

    def _has_ended(self, number: int, filed: _Filed) -> bool:
        """Return whether a run has ended, was killed, or may not write any more because its lease was not renewed.

        The lease is timed from when we saw it first, by our clock: clocks of machines may differ.
        """
        lease = self._files.read(_lease_name(number))
        if lease == _RELEASED or self._files.is_abandoned(_claim_name(number), filed.machine):
            return True
        seen, since = self._seen.get(number, (b"", 0.0))
        if number not in self._seen or lease != seen:
            self._seen[number] = (lease, self._clock())
            return False
        return self._clock() - since >= max(filed.lease, self._lease) + _MARGIN

    def _numbers(self) -> list[int]:
        return _numbers(self._files.names())

    def runs(self) -> frozenset[str]:
        """Return the names of the runs that may still write.

        :raises AlreadyApplying: if one is not known, because its claim can't be read yet.
        """
        unended = self._unended(None)
        if any(one.claimed is None for one in unended):
            raise AlreadyApplying(
                f"ledger_path: a run has just begun with the ledger {shown_path(self._ledger)}, and it is not known"
                " yet which files it writes. Nothing was changed. Try again"
            )
        return frozenset(one.claimed.run for one in unended if one.claimed is not None)


def _claim_name(number: int) -> str:
    return f"{number:08}{_CLAIM}"


def _lease_name(number: int) -> str:
    return f"{number:08}{_LEASE}"


def _delete(files: ClaimFiles, number: int) -> None:
    """Delete the files of a claim, one by one: without its lease, a claim still holds for the time of one."""
    files.delete(_lease_name(number))
    files.delete(_claim_name(number))


def _numbers(names: Iterable[str]) -> list[int]:
    stems = (name.removesuffix(_CLAIM) for name in names if name.endswith(_CLAIM))
    return sorted(int(stem) for stem in stems if stem.isdigit())
