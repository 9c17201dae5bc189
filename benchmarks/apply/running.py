"""Starts the sides as processes and gives what they took."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.apply.server import Server
from benchmarks.apply.worlds import KEY, Row, Supply, write_plan

ROOT = Path(__file__).resolve().parents[2]
CONCURRENCY = 16


@dataclass
class Bench:
    """The resources that all measures share.

    :param server: the sandbox.
    :param supply: bookings that nothing was written to yet.
    :param folder: for plans and ledgers.
    :param is_quick: whether less is run.
    """

    server: Server
    supply: Supply
    folder: Path
    is_quick: bool
    plans: int = 0

    def plan(self, bookings: Sequence[Row]) -> Path:
        """Write a plan that marks all attendees of some bookings absent."""
        self.plans += 1
        return write_plan(self.folder / f"plan-{self.plans}", bookings)

    def start(self, side: str, plan: Path, **options: Any) -> subprocess.Popen[str]:
        """Start a side on a plan; several of them run at once."""
        given = {"url": self.server.url, "key": KEY, "plan": str(plan), "ledger": str(plan / "ledger")}
        text = json.dumps({**given, "concurrency": CONCURRENCY, **options})
        command = [sys.executable, "-m", "benchmarks.apply.side", side, text]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)

    def run(self, side: str, plan: Path, **options: Any) -> dict[str, Any]:
        """Run a side on a plan, and return what it took."""
        return took(self.start(side, plan, **options))


def took(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a side, and return what it took."""
    text, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"a side ended with {process.returncode}")
    measured: dict[str, Any] = json.loads(text)
    return measured


def progress(text: str) -> None:
    """Print the progress of the benchmark."""
    print(text, file=sys.stderr, flush=True)
