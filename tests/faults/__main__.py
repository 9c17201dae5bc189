"""`python -m tests.faults`: check that no failure while a plan is applied loses, doubles or hides a change.

Part 1 applies a plan of some 17 changes in ten bookings with each network failure (:mod:`tests.faults.kinds`), in each
kind of call, once, three times and for ever, and then once more without it. Part 2 kills runs with SIGKILL at random
moments, truncates the ledger's last line as a power cut may, and then lets a run finish. After each run the sandbox,
which is another process, the outcomes file and the ledger must agree (:mod:`tests.faults.checks`).

All is seeded; a failed case is printed with the command that repeats it. The exit status is 1 if a case failed.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice
from typing import TypeVar

import stamina

from tests.faults import breakages, kills
from tests.faults.checks import Finding
from tests.faults.kinds import CALLS, KINDS, TIMES
from tests.faults.sandboxes import Sandboxes

_AT_ONCE = 3
_MOST_ATTEMPTS = 20
T = TypeVar("T")


def main() -> int:
    """Run the requested cases."""
    parser = argparse.ArgumentParser("python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="seed of worlds, builds and moments (default %(default)s)")
    parser.add_argument("--case", action="append", metavar="NAME", help="run only this case; may be repeated")
    parser.add_argument("--kills", type=int, default=200, help="number of kills in part 2 (default %(default)s)")
    given = parser.parse_args()
    logging.disable()
    stamina.set_testing(True, attempts=_MOST_ATTEMPTS, cap=True)  # no waits between the attempts of a call
    stamina.instrumentation.set_on_retry_hooks([])
    kills.prepare()
    cases = given.case or []
    with Sandboxes.running(each=2) as sandboxes, ThreadPoolExecutor(_AT_ONCE) as pool:
        program = _Program(given.seed, sandboxes, pool)
        if named := [name for name in cases if not name.startswith("kill/")]:
            program.break_things(named)
        elif not cases:
            program.break_things(breakages.NAMES)
        if named := [name for name in cases if name.startswith("kill/")]:
            program.kill(iter(named), sys.maxsize)
        elif not cases:
            program.kill((f"kill/{number:03}" for number in count()), given.kills)
    return program.conclude()


class _Program:
    def __init__(self, seed: int, sandboxes: Sandboxes, pool: ThreadPoolExecutor) -> None:
        self._seed = seed
        self._sandboxes = sandboxes
        self._pool = pool
        self._cases = 0
        self._found: Counter[str] = Counter()

    def break_things(self, names: list[str]) -> None:
        """Run part 1, and print the error that the first run of each case raised."""
        began = time.monotonic()
        done = {one.name: one for one in self._run(breakages.run_case, iter(names), len(names))}
        for one in done.values():
            self._note(one.name, one.findings)
        for kind in KINDS:
            cases = {call: [f"{kind}/{call}/{times}" for times in TIMES] for call in CALLS}
            raised = [
                f"{call}: {', '.join(done[name].raised for name in cases[call] if name in done)}" for call in CALLS
            ]
            if any(name.startswith(f"{kind}/") for name in done):
                print(f"  {kind:18}{'; '.join(raised)}")
        reported = sum(one.raised != breakages.NOTHING for one in done.values())
        print(
            f"part 1: {len(done)} cases, {reported} raised an error at first, {len(done) - reported} succeeded;"
            f" {sum(one.calls for one in done.values())} calls, {time.monotonic() - began:.0f} s"
        )

    def kill(self, names: Iterator[str], wanted: int) -> None:
        """Run part 2 until the number of kills is reached, or there are no more names."""
        began = time.monotonic()
        done: list[kills.Outcome] = []
        while (left := wanted - sum(one.kills for one in done)) > 0:
            batch = self._run(kills.run_case, names, max(1, left * 5 // 8))
            if not batch:
                break
            done += batch
        for one in done:
            self._note(one.name, one.findings)
        print(
            f"part 2: {sum(one.kills for one in done)} kills in {len(done)} cases, {sum(one.torn for one in done)} torn"
            f" parts; {sum(one.in_flight for one in done)} mark-absent calls under way at kills,"
            f" {sum(one.sent_again for one in done)} sent again; {sum(one.calls for one in done)} calls,"
            f" {time.monotonic() - began:.0f} s"
        )

    def _run(self, case: Callable[[str, int, Sandboxes], T], names: Iterator[str], number: int) -> list[T]:
        def named(name: str) -> T:
            try:
                return case(name, self._seed, self._sandboxes)
            except Exception as error:
                raise RuntimeError(f"python -m tests.faults --case {name} --seed {self._seed} was aborted") from error

        return list(self._pool.map(named, islice(names, number)))

    def _note(self, name: str, findings: list[Finding]) -> None:
        self._cases += 1
        self._found.update({finding.kind for finding in findings})
        if findings:
            print(f"FAILED: python -m tests.faults --case {name} --seed {self._seed}")
        for finding in findings:
            print(f"  {finding.kind}: {finding.text}")

    def conclude(self) -> int:
        """Print how many cases broke which promise, and return the exit status."""
        found = ", ".join(f"{kind} {self._found[kind]}" for kind in ("lost", "doubled", "unreported"))
        print(f"faults: {self._cases} cases, {found}")
        return 1 if self._found else 0


if __name__ == "__main__":
    sys.exit(main())
