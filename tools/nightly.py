"""Run all that is tested and measured, one after another, and print one table of it.

``python tools/nightly.py [TARGET ...]``. Without targets it runs all of ``TARGETS``. A target that fails does not stop
the others; the exit status is 1 if one failed. What each printed is in ``.build/nightly``.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOGS = ROOT / ".build" / "nightly"

# From what finds most in a minute to what takes an hour.
TARGETS = (
    *("test", "conformance", "docs", "release-check", "demo", "test-readme", "test-matrix", "test-e2e", "coverage"),
    *("test-faults", "test-standalone", "e2e-events", "e2e-ui", "test-spark", "test-sdist", "test-deep", "test-wheel"),
    "test-agents",
    *(
        "e2e-distributed",
        "e2e-claims",
        "bench-import",
        "bench-triggers",
        "bench-receiver",
        "bench-report",
        "bench-attendance",
        "bench-apply",
    ),
    "bench-decide",
)
# What a machine must have for a target; without it the target is skipped.
NEEDS = {"e2e-ui": "node", "test-spark": "java"}


@dataclass(frozen=True)
class Outcome:
    """How a target ended.

    :param result: ``passed``, ``failed``, or ``skipped: ...`` with the reason.
    :param seconds: wall-clock time.
    :param line: the last line that it printed.
    """

    target: str
    result: str
    seconds: float
    line: str


def run(target: str) -> Outcome:
    """Run one target of the Makefile."""
    needed = NEEDS.get(target)
    if needed and not shutil.which(needed):
        return Outcome(target, f"skipped: {needed} is not here", 0, "")
    log = LOGS / f"{target}.log"
    begin = time.monotonic()
    with log.open("w", encoding="utf-8") as output:
        options = ["WHOLE=--whole"] if target == "test-matrix" else []
        call = ["make", "--no-print-directory", target, *options]
        status = subprocess.run(call, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, check=False).returncode
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    last = next((line for line in reversed(lines) if line.strip()), "")
    return Outcome(target, "failed" if status else "passed", time.monotonic() - begin, last)


def table(outcomes: Sequence[Outcome]) -> str:
    """Return what is printed at the end: a line for each target."""
    rows = [(one.target, one.result, f"{one.seconds:,.0f} s", one.line[:90]) for one in outcomes]
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    return "\n".join(
        f"{target:<{widths[0]}}  {result:<{widths[1]}}  {seconds:>{widths[2]}}  {line}".rstrip()
        for target, result, seconds, line in rows
    )


def main() -> int:
    """Run the targets, print the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("targets", nargs="*", default=TARGETS, metavar="TARGET")
    LOGS.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for target in parser.parse_args().targets:
        print(f"make {target}", flush=True)
        outcomes.append(run(target))
    print(f"\n{table(outcomes)}\n\nThe logs are in {LOGS}")
    return 1 if any(one.result == "failed" for one in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
