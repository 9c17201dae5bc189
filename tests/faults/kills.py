"""Part 2: runs that are killed at random moments, up to three in a row, and then one that ends by itself."""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

from airflow_provider_calcom.no_shows.ledger.reader import LastWriteLookup
from tests.faults.applying import Attempt
from tests.faults.checks import Ended, Finding, checked_end
from tests.faults.sandboxes import BUILDS, Sandboxes, SandboxProcess, Seen
from tests.faults.scene import KEY, Scene, make_scene
from tests.faults.transports import KillingTransport

_LATE = 0.4
"""Seconds after which a slow server writes a mark, in a sixth of the cases: a next run that does not wait has read the
booking before."""
_REST = {0.0: 0.3, _LATE: 1.0}
"""Unscaled seconds that the next run waits for each kind of server, with a margin for a busy computer."""
_STARTING = 0.05
"""Approximate seconds of a run without its calls."""
_APPLIED = """
SELECT booking_uid, role, email, count(*) FILTER (kind = 'outcome' AND outcome = 'applied')
FROM read_json(?)
GROUP BY ALL
"""


@dataclass(frozen=True)
class Kill:
    """When a run is killed.

    :param moment: ``before``, ``during`` or ``after`` a call, or ``time``.
    :param number: which call, from 1.
    :param seconds: into the call, or into the run.
    """

    moment: str
    number: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """The result of one case.

    :param name: of the case.
    :param kills: runs killed before their end.
    :param torn: segments of the ledger whose last line was truncated.
    :param in_flight: mark-absent calls in flight at the kills.
    :param sent_again: mark-absent calls beyond one for each booking.
    :param calls: of the API.
    :param findings: promises that were broken.
    """

    name: str
    kills: int
    torn: int
    in_flight: int
    sent_again: int
    calls: int
    findings: list[Finding]


def prepare() -> None:
    """Let children be forked from a process that has imported everything and runs no threads."""
    multiprocessing.get_context("forkserver").set_forkserver_preload(["tests.faults.kills"])


def run_case(name: str, seed: int, sandboxes: Sandboxes) -> Outcome:
    """Run one case.

    :param name: ``kill/`` and a number.
    :param seed: of the whole program.
    """
    random = Random(f"{seed}/{name}")
    scene = make_scene(random)
    with sandboxes.borrowed(random.choice(BUILDS)) as sandbox, tempfile.TemporaryDirectory() as place:
        sandbox.begin(scene)
        return _Case(name, random, scene, sandbox, Path(place)).outcome()


class _Case:
    def __init__(self, name: str, random: Random, scene: Scene, sandbox: SandboxProcess, folder: Path) -> None:
        self._name = name
        self._random = random
        self._scene = scene
        self._sandbox = sandbox
        self._folder = folder
        # A run of more than a second writes outcomes while it runs, a shorter one only at its end.
        is_long = random.random() < 0.15
        self._latency = 0.08 if is_long else random.choice((0.004, 0.01, 0.02))
        self._late = _LATE if not is_long and random.random() < 0.2 else 0.0
        self._attempt = Attempt(
            folder,
            sandbox.url,
            KEY,
            concurrency=1 if is_long else random.choice((1, 2, 4, 8)),
            timeout=5.0,
            rest=_REST[self._late],
            sleep=asyncio.sleep,
        )
        self._in_flight: Counter[str] = Counter()
        self._sent: set[str] = set()

    def outcome(self) -> Outcome:
        """Run the case."""
        self._scene.write_plan(self._folder / "plan")
        before = self._sandbox.look()
        self._sandbox.admin("latency", {"seconds": self._latency})
        if self._late:
            fault = {"fault": "delay", "when": "before", "seconds": self._late, "times": None}
            self._sandbox.admin("faults", {"method": "POST", "path": "/v2/bookings/*/mark-absent", **fault})
        kills = torn = runs = 0
        for _ in range(self._random.choice((1, 1, 2, 3))):
            runs += 1
            is_killed = self._run(runs, self._kill())
            kills += is_killed
            torn += is_killed and self._random.random() < 0.4 and self._tear()
            if not is_killed:
                break
        self._run(runs + 1, None)
        error = (self._folder / f"error-{runs + 1}").read_text()
        after = self._sandbox.look()
        ended = Ended(self._scene, self._folder, before, after, RuntimeError(error) if error else None)
        findings = [*checked_end(ended, self._in_flight), *self._checked_calls(after), *self._checked_ledger()]
        again = sum(marks - 1 for marks in after.marks.values())
        return Outcome(self._name, kills, torn, self._in_flight.total(), again, after.calls, findings)

    def _kill(self) -> Kill:
        if self._random.random() < 0.5:
            seconds = self._latency * (2 + 13 / self._attempt.concurrency) + self._late * 9 / self._attempt.concurrency
            return Kill("time", seconds=self._random.uniform(0, _STARTING + seconds))
        moment = self._random.choice(("before", "during", "after"))
        return Kill(moment, self._random.randint(1, 12), self._random.uniform(0, self._latency + self._late))

    def _run(self, number: int, kill: Kill | None) -> bool:
        """Run the application in a process of its own, and return whether it was killed before its end."""
        context = multiprocessing.get_context("forkserver")
        ready, child_ready = context.Pipe(duplex=False)
        log = self._folder / f"calls-{number}"
        attempt = replace(self._attempt, number=number)
        error_file = self._folder / f"error-{number}"
        child = context.Process(target=_child, args=(attempt, log, error_file, kill, child_ready))
        child.start()
        child_ready.close()
        ready.recv()
        if kill is not None and kill.moment == "time":
            time.sleep(kill.seconds)
            child.kill()
        child.join()
        calls = log.read_text().splitlines() if log.exists() else []
        in_flight = Counter(call.split()[1] for call in calls if call.startswith("sent "))
        self._sent |= in_flight.keys()
        in_flight.subtract(call.split()[1] for call in calls if call.startswith("answered "))
        is_killed = child.exitcode == -signal.SIGKILL and not error_file.exists()
        if is_killed:
            self._in_flight += in_flight
        return is_killed

    def _tear(self) -> bool:
        """Truncate the last line of the last segment as a power cut may.

        A flushed line is never truncated, so an intent whose call may have been sent stays whole, and the beginning of
        another line follows it.
        """
        parts = sorted((self._folder / "ledger").glob("*.jsonl"))
        content = parts[-1].read_bytes() if parts else b""
        if not content.endswith(b"\n"):
            return False
        start = content.rfind(b"\n", 0, -1) + 1
        last = content[start:]
        record = json.loads(last)
        if record["kind"] == "outcome" or record["booking_uid"] not in self._sent:
            parts[-1].write_bytes(content[: start + self._random.randrange(1, len(last))])
        else:
            line = json.dumps({**record, "kind": "outcome", "outcome": "applied", "shown": True}).encode()
            parts[-1].write_bytes(content + line[: self._random.randrange(1, len(line))])
        return True

    def _checked_calls(self, after: Seen) -> Iterator[Finding]:
        for uid, marks in after.marks.items():
            if marks > 1 + self._in_flight[uid]:
                yield Finding("doubled", f"{marks} calls to {uid}, {self._in_flight[uid]} of them in flight at a kill")

    def _checked_ledger(self) -> Iterator[Finding]:
        """Read the ledger as users do, with DuckDB, and as the next plan does."""
        # Imported here: its threads must not be in the process that the runs are forked from.
        import duckdb

        parts = str(self._folder / "ledger" / "*.jsonl")
        try:
            found = duckdb.connect().execute(_APPLIED, [parts]).fetchall()
        except duckdb.Error as error:
            found = []
            yield Finding("lost", f"DuckDB can't read the ledger: {error}")
        applied = {tuple(row[:3]): row[3] for row in found}
        for path in (self._folder / "ledger").glob("*.jsonl"):
            if not (path.read_bytes() or b"\n").endswith(b"\n"):
                yield Finding("lost", f"the segment {path.name} still ends in a truncated line")
        with LastWriteLookup(self._folder / "ledger") as last_writes:
            for change in self._scene.makeable:
                if applied.get(tuple(change.flag)) != 1:
                    yield Finding("lost", f"DuckDB finds {applied.get(tuple(change.flag))} applied of {change.flag}")
                past = last_writes.find(*change.flag)
                if past is None or not past.is_certain or past.absent is not change.to or past.open_writes:
                    yield Finding("lost", f"LastWriteLookup returns {past} for {change.flag}")


def _child(attempt: Attempt, log: Path, error_file: Path, kill: Kill | None, ready: Connection) -> None:
    """Run the application in a child process, which may be killed."""
    logging.disable()
    transport = KillingTransport(log)
    if kill is not None and kill.moment != "time":
        transport = KillingTransport(log, kill.moment, kill.number, kill.seconds)
    ready.send(None)
    text = ""
    try:
        attempt.run(transport)
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
    error_file.write_text(text)
    os._exit(0)
