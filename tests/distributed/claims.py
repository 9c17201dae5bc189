"""`python -m tests.distributed.claims`: two runs at once, in processes with home folders of their own and one store.

Plans and ledger are in an S3-compatible store (SeaweedFS). In each case two runs begin within a second of each other,
at random offsets. They have the same plan, or two plans with bookings in common; in some cases the first one is killed
with -9 at a random moment. Afterwards the sandbox, the outcomes and the ledger must agree that every change was made
once, and the run that came second must have ended without an error and, unless the first was killed, without a call for
what the first applied.

With ``--without-claims`` the runs do not claim anything, which shows that these checks find doubled writes.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.distributed.object_store import running_store
from tests.distributed.two_runs import Case
from tests.faults.sandboxes import BUILDS, SandboxProcess


def main() -> int:
    """Run the requested cases."""
    parser = argparse.ArgumentParser("python -m tests.distributed.claims", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="seed of worlds and moments (default %(default)s)")
    parser.add_argument("--cases", type=int, default=50, help="number of cases (default %(default)s)")
    parser.add_argument("--without-claims", action="store_true", help="let the runs claim nothing")
    given = parser.parse_args()
    logging.disable()
    multiprocessing.get_context("forkserver").set_forkserver_preload(["tests.distributed.two_runs"])
    found: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    waited = 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place, running_store(Path(place)):
        sandbox = SandboxProcess(BUILDS[0], Path(place))
        try:
            sandbox.wait()
            for number in range(given.cases):
                (folder := Path(place) / f"case-{number}").mkdir()
                case = Case(number, given.seed, sandbox, folder, has_claims=not given.without_claims)
                outcome = case.outcome()
                kinds[outcome.kind] += 1
                waited += 0 in outcome.calls
                found.update({finding.kind for finding in outcome.findings})
                for finding in outcome.findings:
                    print(f"case {number} ({outcome.kind}, {outcome.offset:.3f} s): {finding.kind}: {finding.text}")
        finally:
            sandbox.stop()
    print(", ".join(f"{kind}: {count}" for kind, count in kinds.items()))
    print(f"in {waited} cases one of the runs made no call; {time.monotonic() - began:.0f} s")
    print(f"claims: {given.cases} cases, lost {found['lost']}, doubled {found['doubled']}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
