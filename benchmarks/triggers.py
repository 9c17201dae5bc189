"""Measure many deferred BookingEndedSensors on one triggerer: missed deadlines, calls and memory.

Airflow's own TriggerRunner runs their triggers, from what they serialized, in a process of its own; only its pipe to
the supervisor is replaced. The sandbox is another process, with Cal.com's limit of 120 calls a minute. A working day of
eight hours is scaled to 80 s: meetings last one to four quarter-hours and end on one, and a quarter-hour takes 2.5 s.
The limit and all sleeps are real. ``--write`` puts the table into docs/explanation/benchmarks-triggers.md too. Exits
with 1 if a figure is not what it must be.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx

from benchmarks.apply.server import serving

ROOT = Path(__file__).parents[1]
REPORT = ROOT / "docs" / "explanation" / "benchmarks-triggers.md"
SIZES = (10, 500, 5_000)
KEY = "cal_bench"
LIMIT, WINDOW = 120, 60
LATENCY = 0.03
SECONDS_OF_A_CONNECTION = 0.01
"""What a read of the connection takes, as from Airflow's API server or a store of secrets."""
POLL_INTERVAL = 60.0
"""Airflow's default ``poke_interval``: a deadline is missed that many real seconds after the end and the grace."""
STRICT = 10.0
QUARTER = 2.5
"""Seconds of a quarter-hour."""
MOST_ENDS = 32
"""Quarter-hours in which bookings end; fewer for few of them."""
BEGIN = datetime(2026, 1, 5, 8, tzinfo=UTC)
"""The sandbox's clock when the triggerer begins."""
PATIENCE = 90.0
MOST_MISSED = 0.01
_OWNER = "owner@example.com"


@dataclass(frozen=True)
class Figures:
    """What one size cost.

    :param sensors: how many were deferred.
    :param lateness: seconds from the end to the event as the supervisor gets it, sorted; infinite where none came.
    :param calls: of the API, by kind.
    :param too_many: responses with 429.
    :param connections: sockets to the sandbox at once, at most.
    :param reads: reads of Airflow's connection.
    :param base_mb: memory of the process before the triggers, and ``peak_mb`` at most.
    :param started_in: seconds until all triggers had been started.
    :param blocked: the longest time for which nothing else ran in the event loop, in seconds.
    :param cpu: CPU seconds of the triggerer process.
    """

    sensors: int
    lateness: list[float]
    calls: dict[str, int]
    too_many: int
    connections: int
    reads: int
    base_mb: float
    peak_mb: float
    started_in: float
    blocked: float
    cpu: float

    @property
    def missed(self) -> int:
        """Events that came later than one poll interval after the end, or never."""
        return sum(late > POLL_INTERVAL for late in self.lateness)

    @property
    def total(self) -> int:
        """All calls."""
        return sum(self.calls.values())

    def quantile(self, part: float) -> float:
        """Return the lateness that a part of the events did not exceed."""
        return self.lateness[min(len(self.lateness) - 1, math.ceil(part * len(self.lateness)) - 1)]

    @property
    def is_ok(self) -> bool:
        """Return whether the figures are what they must be: pages instead of one call each, and one connection."""
        return (
            self.missed < max(1, MOST_MISSED * self.sensors)
            and self.connections == 1
            and self.too_many == 0
            and self.total <= 12 + self.sensors / 20
        )


# The world.


def end_of(number: int, size: int) -> datetime:
    """Return when a booking ends. The first end leaves the triggerer time to start all triggers."""
    ends = min(MOST_ENDS, 3 + size // 100)
    return BEGIN + timedelta(seconds=5 + size // 125 + number % ends * QUARTER)


def start_of(number: int, size: int) -> datetime:
    """Return when a booking starts."""
    ends = min(MOST_ENDS, 3 + size // 100)
    return end_of(number, size) - timedelta(seconds=QUARTER * (1 + number // ends % 4))


def make_world(size: int) -> dict[str, Any]:
    """Return a world with one booking for each sensor."""
    limits = [{"name": "default", "calls": LIMIT, "window": WINDOW, "block": WINDOW}]
    return {
        "users": [{"id": 1, "name": "Olivia", "username": "owner", "email": _OWNER, "timeZone": "UTC"}],
        "eventTypes": [{"id": 1, "slug": "call"}],
        "keys": [{"name": "bench", "key": KEY, "user": "owner", "limits": limits}],
        "bookings": [_booking(number, size) for number in range(size)],
    }


def _booking(number: int, size: int) -> dict[str, Any]:
    return {
        "uid": f"b{number:07}",
        "title": "Call",
        "start": _instant(start_of(number, size)),
        "end": _instant(end_of(number, size)),
        "status": "accepted",
        "owner": _OWNER,
        "eventTypeId": 1,
        "attendees": [{"name": f"Person {number}", "email": f"p{number}@example.org", "absent": False}],
    }


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


# The triggerer's process.


def run_triggers(world_file: Path, url: str) -> dict[str, Any]:
    """Run the triggers of all bookings of a world until each fired, and return the figures of this process."""
    import psutil
    import structlog
    from airflow.executors.workloads.trigger import RunTrigger
    from airflow.jobs.triggerer_job_runner import TriggerRunner
    from airflow.models.trigger import Trigger

    from airflow_provider_calcom.hooks.calcom import CalComHook
    from airflow_provider_calcom.triggers.bookings import BookingsTrigger

    os.environ["AIRFLOW_CONN_CALCOM_DEFAULT"] = json.dumps({"conn_type": "calcom", "host": url, "password": KEY})
    bookings = json.loads(world_file.read_text())["bookings"]
    reads = 0
    counting = threading.Lock()
    get_connection = CalComHook.get_connection

    def read_connection(conn_id: str) -> Any:
        nonlocal reads
        with counting:
            reads += 1
            time.sleep(SECONDS_OF_A_CONNECTION)  # one after another, as the triggerer's pipe carries them
        return get_connection(conn_id)

    setattr(CalComHook, "get_connection", staticmethod(read_connection))  # noqa: B010

    def workload(number: int, booking: dict[str, Any]) -> Any:
        known = {"uids": [booking["uid"]], "start": booking["start"], "end": booking["end"], "is_open": True}
        path, given = BookingsTrigger(bookings={booking["uid"]: known}).serialize()  # type: ignore[dict-item]
        return RunTrigger(id=number, classpath=path, encrypted_kwargs=Trigger.encrypt_kwargs(given))

    workloads = [workload(number, booking) for number, booking in enumerate(bookings)]
    ends = [(datetime.fromisoformat(booking["end"]) - BEGIN).total_seconds() for booking in bookings]
    late: dict[int, float] = {}
    started_in = math.inf
    blocked = 0.0

    class Runner(TriggerRunner):
        """Airflow's runner, without a supervisor on the other end of its pipe."""

        async def init_comms(self) -> None:
            silent: Any = SimpleNamespace(_reader_task=asyncio.create_task(asyncio.Event().wait()))
            self.comms_decoder = silent
            self.to_create.extend(workloads)

        async def sync_state_to_supervisor(self, finished_ids: list[int]) -> None:
            nonlocal started_in
            now = time.monotonic() - begin
            if len(self.triggers) + len(late) >= len(ends):
                started_in = min(started_in, now)
            for entry in self.process_trigger_events(finished_ids).events or ():
                if entry.event.payload["status"] == "done":
                    late[entry.trigger_id] = now - ends[entry.trigger_id]
            self.stop = len(late) == len(ends) or now > max(ends) + PATIENCE

        async def block_watchdog(self) -> None:
            nonlocal blocked
            while not self.stop:
                before = time.monotonic()
                await asyncio.sleep(0.1)
                blocked = max(blocked, time.monotonic() - before - 0.1)

    httpx.post(f"{url}/_sandbox/clock", json={"now": _instant(BEGIN)}, trust_env=False).raise_for_status()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30), cache_logger_on_first_use=False)
    begin = time.monotonic()
    process = psutil.Process()
    port = int(url.rpartition(":")[2])
    base = peak = process.memory_info().rss
    connections = 0
    is_over = threading.Event()

    def watch() -> None:
        nonlocal peak, connections
        while not is_over.wait(0.1):
            peak = max(peak, process.memory_info().rss)
            sockets = process.net_connections("tcp")
            connections = max(connections, sum(bool(one.raddr) and one.raddr.port == port for one in sockets))

    watching = threading.Thread(target=watch)
    watching.start()
    cpu = time.process_time()
    Runner().run()  # type: ignore[no-untyped-call]
    is_over.set()
    watching.join()
    return {
        "lateness": sorted(late.get(number, math.inf) for number in range(len(ends))),
        "connections": connections,
        "reads": reads,
        "base_mb": base / 1e6,
        "peak_mb": peak / 1e6,
        "blocked": blocked,
        "started_in": started_in,
        "cpu": time.process_time() - cpu,
    }


# The parent's side.


def measure(size: int, folder: Path) -> Figures:
    """Return the figures of one size."""
    world_file = folder / "world.json"
    world_file.write_text(json.dumps(make_world(size)))
    with serving(world_file, LATENCY) as server:
        command = [sys.executable, "-m", "benchmarks.triggers", "--child", str(world_file), server.url]
        environment = {**os.environ, "AIRFLOW_HOME": str(folder), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        child = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        counts = server.counts()
    calls = {kind: number for kind, number in counts["calls"].items() if number}
    return Figures(sensors=size, calls=calls, too_many=counts["too_many"], **json.loads(child.stdout.splitlines()[-1]))


def row(figures: Figures) -> str:
    """Return the line of a table."""
    kinds = " and ".join(f"{number} {kind}" for kind, number in figures.calls.items())
    return (
        f"| {figures.sensors:,} | {figures.missed:,} | {sum(late > STRICT for late in figures.lateness):,}"
        f" | {statistics.median(figures.lateness):.1f} | {figures.quantile(0.99):.1f} | {figures.lateness[-1]:.1f}"
        f" | {figures.total:,} ({kinds}) | {figures.too_many} | {figures.connections} | {figures.reads:,}"
        f" | {figures.peak_mb - figures.base_mb:.0f} | {figures.started_in:.0f} | {figures.blocked:.2f}"
        f" | {figures.cpu:.1f} |"
    )


HEAD = (
    f"| sensors | missed (later than {POLL_INTERVAL:.0f} s) | later than {STRICT:.0f} s | s late: median | 99 % | most"
    " | calls | of them 429 | connections at once | Airflow's connection read | memory, MB | all started after, s"
    " | loop blocked at most, s | CPU, s |\n"
    "|--:|--:|--:|--:|--:|--:|---|--:|--:|--:|--:|--:|--:|--:|"
)


_MARKS = ("<!-- figures: begin -->", "<!-- figures: end -->")


def write_page(rows: list[str]) -> None:
    """Put the table into the documentation."""
    where = (
        f"`make bench-triggers` on {date.today()}: {os.cpu_count()} cores, Python {platform.python_version()},"
        f" apache-airflow {version('apache-airflow')}. The machine's load was {os.getloadavg()[1]:.0f} at the end, of"
        " this and of other work."
    )
    page = REPORT.read_text(encoding="utf-8")
    before, _, rest = page.partition(_MARKS[0])
    _, _, after = rest.partition(_MARKS[1])
    content = "\n".join([_MARKS[0], "", where, "", HEAD, *rows, "", _MARKS[1]])
    REPORT.write_text(before + content + after, encoding="utf-8")


def main() -> int:
    """Print the table; 1 if a figure is not what it must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into the documentation")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N")
    parser.add_argument("--child", nargs=2, metavar=("WORLD", "URL"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(run_triggers(Path(given.child[0]), given.child[1])))
        return 0
    rows = []
    are_ok = True
    print(HEAD, flush=True)
    for size in given.sizes:
        with tempfile.TemporaryDirectory() as folder:
            figures = measure(size, Path(folder))
        are_ok = are_ok and figures.is_ok
        rows.append(row(figures))
        print(rows[-1], flush=True)
    if given.write:
        write_page(rows)
    return 0 if are_ok else 1


if __name__ == "__main__":
    sys.exit(main())
