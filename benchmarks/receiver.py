"""Send a thousand webhook deliveries a second for a minute to the receiver: right answers, bounded memory, how soon.

The receiver is a uvicorn process of its own with Airflow's connection, models and an SQLite database, in which one
asset is used by a DAG. The senders are this process. Of a hundred deliveries 60 are valid, 10 are replayed, and the
others are forged, altered, oversized, not JSON, of another charset, unsigned, or for an asset that no DAG uses.
``--write`` puts the table into docs/explanation/benchmarks-receiver.md too. Exits with 1 if a figure is not what it
must be.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[1]
REPORT = ROOT / "docs" / "explanation" / "benchmarks-receiver.md"
SECRET, OLD = "made-up secret", "an older one"
USED = "calcom://webhooks/calcom_default/BOOKING_NO_SHOW_UPDATED"
SENDERS = 32
MOST_MB = 100.0
SECONDS_TO_END = 20.0

Headers = dict[str, str]


@dataclass(frozen=True)
class Sent:
    """A delivery to send.

    :param kind: what is wrong with it, or ``valid``.
    :param statuses: the right answers; 0 is a connection that the receiver closed before it had read the body.
    """

    kind: str
    body: bytes
    headers: Headers
    statuses: tuple[int, ...]


def no_show(uid: str) -> bytes:
    """Return the body of a delivery of about the size of Cal.com's."""
    people = [{"email": f"person{number}@example.org", "noShow": True} for number in range(5)]
    payload = {"bookingUid": uid, "bookingId": 7, "attendees": people, "message": "x" * 500}
    return json.dumps({"triggerEvent": "BOOKING_NO_SHOW_UPDATED", "payload": payload}).encode()


def signed(body: bytes, secret: str = SECRET, **more: str) -> Headers:
    """Return the headers of a delivery."""
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Cal-Signature-256": signature, "Content-Type": "application/json", **more}


_LARGE = b'{"x":"' + b"x" * 1_100_000 + b'"}'
_LARGE_HEADERS = signed(_LARGE)


def deliveries() -> Iterator[Sent]:
    """Yield deliveries without end: of a hundred 60 are valid, 10 repeat one of them, and 30 must be refused."""
    number = 0
    while True:
        recent = []
        for _ in range(60):
            number += 1
            body = no_show(f"uid{number}")
            recent.append(body)
            yield Sent("valid", body, signed(body, OLD if number % 5 == 0 else SECRET), (200, 202, 503))
        for body in recent[:10]:
            # Only what was accepted is a replay; one that was refused with 503 may come once more.
            yield Sent("replayed", body, signed(body), (200, 202, 503))
        body = no_show(f"bad{number}")
        altered = body.replace(b"bad", b"BAD")
        other = b'{"triggerEvent":"PING"}'
        latin = {"Content-Type": "application/json; charset=latin1"}
        for _ in range(6):
            yield Sent("forged", body, signed(body, "guessed"), (401,))
            yield Sent("altered", altered, signed(body), (401,))
            yield Sent("unsigned", body, {"Content-Type": "application/json"}, (401,))
        for _ in range(3):
            yield Sent("not JSON", body[:-1], signed(body[:-1]), (400,))
            yield Sent("wrong charset", body, {**signed(body), **latin}, (415,))
            yield Sent("unsigned literal", body, {**signed(body), "X-Cal-Signature-256": "no-secret-provided"}, (401,))
        yield Sent("for an unused asset", other, signed(other), (404, 202, 200))
        yield Sent("for an unused asset", other + b" ", signed(other + b" "), (404, 202, 200))
        yield Sent("oversized", _LARGE, _LARGE_HEADERS, (413, 0))


# The receiver's process.


@contextmanager
def receiving(folder: Path) -> Iterator[tuple[int, int]]:
    """Serve the receiver until the block ends; yield its port and its process id."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    connection = {"conn_type": "calcom", "password": "cal_x"}
    secrets = {"webhook_secret": SECRET, "previous_webhook_secret": OLD}
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/airflow.db",
        "AIRFLOW_CONN_CALCOM_DEFAULT": json.dumps({**connection, "extra": json.dumps(secrets)}),
    }
    command = [sys.executable, "-m", "benchmarks.receiver", "--serve", str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        _wait_for(port, process)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(60)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 180
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise RuntimeError("the receiver did not start")


def serve(port: int) -> None:
    """Make Airflow's database with one asset that is used, and serve the receiver."""
    import uvicorn
    from airflow.models.asset import AssetActive, AssetModel
    from airflow.utils.db import initdb
    from airflow.utils.session import create_session
    from fastapi import FastAPI

    from airflow_provider_calcom.plugins.webhooks import CalcomWebhooksPlugin

    initdb()
    with create_session() as session:
        asset = AssetModel(name="no-shows", uri=USED, group="asset")
        session.add(asset)
        session.flush()
        session.add(AssetActive.for_asset(asset))
    (plugin,) = CalcomWebhooksPlugin().fastapi_apps
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.mount(plugin["url_prefix"], plugin["app"])
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


def registered(folder: Path) -> list[str]:
    """Return the uids of all asset events in the database, repeats included."""
    import sqlite3

    with sqlite3.connect(folder / "airflow.db") as database:
        rows = database.execute("SELECT extra FROM asset_event").fetchall()
    return [uid for (extra,) in rows for uid in json.loads(extra)["bookings"]]


# The senders.


class Sender:
    """Sends deliveries over one connection, which it opens again where it was closed.

    Written on sockets: a client library takes as much time for a request as the receiver does for its answer.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, sent: Sent) -> int:
        """Return the status, or 0 where the connection was closed before it came."""
        lines = [f"{name}: {value}" for name, value in {"Host": "x", **sent.headers}.items()]
        head = "\r\n".join(["POST /calcom/webhook HTTP/1.1", *lines, f"Content-Length: {len(sent.body)}", "", ""])
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._streams
            writer.write(head.encode() + sent.body)
            await writer.drain()
            answer = await reader.readuntil(b"\r\n\r\n")
        except (ConnectionError, asyncio.IncompleteReadError):
            await self.close()
            return 0
        if b"connection: close" in answer.lower():
            await self.close()
        return int(answer.split(b" ", 2)[1])

    async def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            _, writer = self._streams
            self._streams = None
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


@dataclass
class Outcome:
    """What came back.

    :param statuses: answers by kind and status.
    :param wrong: answers that are not right, by kind and status.
    :param accepted: uids of the bookings whose delivery was accepted.
    :param seconds: until each answer, by kind.
    :param took: seconds of all of it.
    """

    statuses: dict[str, Counter[int]]
    wrong: Counter[str]
    accepted: set[str]
    seconds: dict[str, list[float]]
    took: float


async def send_all(port: int, rate: int, seconds: float) -> Outcome:
    """Send deliveries at a rate; a sender that is late goes on without a pause."""
    outcome = Outcome(defaultdict(Counter), Counter(), set(), defaultdict(list), 0.0)
    source = deliveries()
    begin = time.monotonic()
    number = 0

    async def work() -> None:
        nonlocal number
        sender = Sender(port)
        while number < rate * seconds:
            due = begin + number / rate
            number += 1
            sent = next(source)
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            before = time.perf_counter()
            status = await sender.send(sent)
            outcome.seconds[sent.kind].append(time.perf_counter() - before)
            outcome.statuses[sent.kind][status] += 1
            if status not in sent.statuses:
                outcome.wrong[f"{sent.kind}: {status}"] += 1
            if sent.kind in ("valid", "replayed") and status in (200, 202):
                outcome.accepted.add(json.loads(sent.body)["payload"]["bookingUid"])
        await sender.close()

    await asyncio.gather(*(work() for _ in range(SENDERS)))
    outcome.took = time.monotonic() - begin
    return outcome


@dataclass(frozen=True)
class Measured:
    """The outcome, and what the receiver's process and its database show.

    :param lost: accepted bookings without an event.
    :param doubled: bookings that have more than one.
    :param alien: bookings with an event that were never accepted.
    :param base_mb: memory before the load, and ``peak_mb`` at most.
    :param lines: lines in the log.
    :param leaks: whether the log has an address or a secret.
    :param cpu: CPU seconds of the receiver's process.
    """

    outcome: Outcome
    lost: int
    doubled: int
    alien: int
    base_mb: float
    peak_mb: float
    lines: int
    leaks: bool
    cpu: float


def measure(rate: int, seconds: float) -> Measured:
    """Send deliveries to a receiver of its own, and return what came of them."""
    import psutil

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with receiving(folder) as (port, pid):
            asyncio.run(send_all(port, 50, 1))  # imports, the first connection
            process = psutil.Process(pid)
            base = peak = process.memory_info().rss
            cpu = process.cpu_times().user + process.cpu_times().system
            before = len((folder / "log").read_bytes().splitlines())

            async def watched() -> Outcome:
                nonlocal peak
                sending = asyncio.create_task(send_all(port, rate, seconds))
                while not sending.done():
                    peak = max(peak, process.memory_info().rss)
                    await asyncio.wait({sending}, timeout=0.2)
                return await sending

            outcome = asyncio.run(watched())
            cpu = process.cpu_times().user + process.cpu_times().system - cpu
        # The process has ended, and registered what it had accepted.
        found = Counter(registered(folder))
        log = (folder / "log").read_text(errors="replace")
    first = {f"uid{number}" for number in range(1, 61)}  # of the first second before
    return Measured(
        outcome=outcome,
        lost=len(outcome.accepted - found.keys()),
        doubled=sum(count > 1 for count in found.values()),
        alien=len(found.keys() - outcome.accepted - first),
        base_mb=base / 1e6,
        peak_mb=peak / 1e6,
        lines=len(log.splitlines()) - before,
        leaks="example.org" in log or SECRET in log or OLD in log,
        cpu=cpu,
    )


def is_ok(measured: Measured) -> bool:
    """Return whether every answer was right, nothing was lost, doubled or accepted wrongly, and memory was bounded."""
    outcome = measured.outcome
    wrong = measured.lost or measured.doubled or measured.alien or measured.leaks
    return not outcome.wrong and not wrong and measured.peak_mb - measured.base_mb < MOST_MB


def table(measured: Measured) -> list[str]:
    """Return the lines of the table and the sums."""
    outcome = measured.outcome
    lines = ["| deliveries | number | answers | ms: median | 99 % | most |", "|---|--:|---|--:|--:|--:|"]
    for kind, counts in outcome.statuses.items():
        times = sorted(outcome.seconds[kind])
        answers = ", ".join(f"{status or 'closed'}: {count:,}" for status, count in sorted(counts.items()))
        at = [times[int(part * (len(times) - 1))] * 1000 for part in (0.5, 0.99, 1)]
        lines.append(f"| {kind} | {len(times):,} | {answers} | {at[0]:.0f} | {at[1]:.0f} | {at[2]:.0f} |")
    total = sum(len(times) for times in outcome.seconds.values())
    quick = sum(one <= 0.05 for times in outcome.seconds.values() for one in times)
    lines += [
        "",
        f"{total:,} deliveries in {outcome.took:.1f} s, {total / outcome.took:,.0f} a second;"
        f" {100 * quick / total:.1f} % answered within 50 ms, as the sender sees it. Wrong answers:"
        f" {dict(outcome.wrong) or 'none'}. Accepted bookings without an event: {measured.lost}; with several:"
        f" {measured.doubled}; events that nobody may have sent: {measured.alien}. Memory of the receiver:"
        f" {measured.base_mb:.0f} MB before, {measured.peak_mb:.0f} MB at most. Its CPU time: {measured.cpu:.0f} s."
        f" Lines in its log: {measured.lines:,}, {'with' if measured.leaks else 'without'} an address or a secret.",
    ]
    return lines


def main() -> int:
    """Print the table; 1 if a figure is not what it must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=1000, help="deliveries a second (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=60, help="default %(default)s")
    parser.add_argument("--write", action="store_true", help="put the table into the documentation")
    parser.add_argument("--serve", type=int, metavar="PORT", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve)
        return 0
    measured = measure(given.rate, given.seconds)
    lines = table(measured)
    print("\n".join(lines))
    if given.write:
        where = (
            f"`make bench-receiver` on {date.today()}: {os.cpu_count()} cores for the receiver and its senders, Python"
            f" {platform.python_version()}, apache-airflow {version('apache-airflow')}, uvicorn {version('uvicorn')},"
            f" SQLite. The machine's load was {os.getloadavg()[0]:.0f}, of this and of other work."
        )
        marks = ("<!-- figures: begin -->", "<!-- figures: end -->")
        before, _, rest = REPORT.read_text(encoding="utf-8").partition(marks[0])
        content = "\n".join([marks[0], "", where, "", *lines, "", marks[1]])
        REPORT.write_text(before + content + rest.partition(marks[1])[2], encoding="utf-8")
    return 0 if is_ok(measured) else 1


if __name__ == "__main__":
    sys.exit(main())
