"""Apply no-shows of 20,000 bookings by Celery workers that share a key, and lose one: ``python -m tests.distributed``.

The sandbox's own record of calls and flags is compared with the changes that the world needs. The exit code is 1 if
anything was lost, doubled or wrong, or if more calls than a few met the rate limit.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.attendance.postgres import running_postgres
from tests.distributed.account import Account, Ledger, count, read_ledger
from tests.distributed.dags import CHANGES
from tests.distributed.machines import LOST_AFTER, REDELIVERED_AFTER, SLOTS, Shared, start_airflow, start_worker
from tests.distributed.processes import Processes
from tests.distributed.scenario import Figures, Scenario
from tests.distributed.servers import serving_objects, start_redis, start_sandbox
from tests.distributed.world import DAYS, make_world, report_files

MOST_BLOCKED = 0.01
"""The part of all calls that may meet the rate limit: processes that begin together can't know of each other."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser("python -m tests.distributed", description=__doc__)
    made.add_argument("--bookings", type=int, default=20_000, help=f"a multiple of {DAYS}")
    made.add_argument("--rate-limit", default="120/10/10", help="of the sandbox: calls/seconds/seconds of a block")
    made.add_argument("--folder", type=Path, help="keep homes and logs there, in a new folder (default: temporary)")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run everything, print the figures, and return the exit code."""
    given = parser().parse_args(arguments)
    if given.bookings % DAYS:
        parser().error(f"--bookings must be a multiple of {DAYS}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that all processes are ended
    with ExitStack() as stack:
        folder = given.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="calcom-distributed-")))
        folder.mkdir(parents=True, exist_ok=True)
        return _run(folder.resolve(), given.bookings, given.rate_limit, stack)


def _run(folder: Path, bookings: int, rate_limit: str, stack: ExitStack) -> int:
    begun = time.monotonic()
    world = make_world(bookings)
    (folder / "world.json").write_text(json.dumps(world.source))
    logs = folder / "logs"
    logs.mkdir()
    postgres = stack.enter_context(running_postgres(max_connections="100"))
    processes = stack.enter_context(Processes(logs))
    try:
        store = stack.enter_context(serving_objects(processes, folder / "object-store"))
        store.put((f"zoom/{name}", content) for name, content in report_files(world))
        sandbox = start_sandbox(processes, folder / "world.json", rate_limit)
        shared = Shared(folder / "machines", postgres, start_redis(processes, folder / "redis"), store, sandbox)
        _print_set_up(bookings, rate_limit, has_conditions=store.has_conditional_writes())
        airflow = start_airflow(processes, shared)
        stack.callback(airflow.close)
        for machine in ("worker-1", "worker-2"):
            start_worker(processes, shared, machine)
        scenario = Scenario(world, processes, shared, airflow)
        figures = scenario.run()
        account, ledger = count(world, sandbox), read_ledger(store, "ledger/")
    except BaseException:
        _keep_logs(folder)
        raise
    figures.seconds_in_all = time.monotonic() - begun
    code = _report(bookings, rate_limit, account, ledger, figures)
    if code:
        _keep_logs(folder)
    return code


def _print_set_up(bookings: int, rate_limit: str, has_conditions: bool) -> None:
    """Print what runs."""
    conditions = "refuses to replace a file with If-None-Match: *" if has_conditions else "has NO conditional writes"
    calls, window, block = rate_limit.split("/")
    print(
        f"{bookings} bookings of {DAYS} days. Airflow with CeleryExecutor, Redis, PostgreSQL; two workers with"
        f" {SLOTS} slots, each with its own home; SeaweedFS as the object store, which {conditions}.\n"
        f"The sandbox's limit is {calls} calls in {window} s for the one key (Cal.com's: 120 in 60 s), and the call"
        f" after them blocks it for {block} s.\n"
        f"A worker is lost after {LOST_AFTER} s, its messages come again after {REDELIVERED_AFTER} s. The example DAG"
        f" has {len(CHANGES)} lines changed.",
        flush=True,
    )


def _keep_logs(folder: Path) -> None:
    """Copy the logs to where they outlive the folder."""
    kept = Path(tempfile.mkdtemp(prefix="calcom-distributed-logs-"))
    for path in [*folder.glob("logs/*.log"), *folder.glob("machines/*/airflow/logs/**/*.log")]:
        target = kept / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    print(f"The logs are in {kept}", file=sys.stderr)


def _report(bookings: int, rate_limit: str, account: Account, ledger: Ledger, figures: Figures) -> int:
    """Print all figures, and return the exit code."""
    calls, total = account.calls, sum(account.calls.values())
    limit, window, _ = (float(part) for part in rate_limit.split("/"))
    share = total * window / limit / max(1.0, figures.seconds_of_runs)
    memory = ", ".join(f"{name} {size / 2**20:.0f}" for name, size in sorted(figures.memory.items()))
    print(
        f"\nseconds: {figures.seconds_in_all:.0f} in all, {figures.seconds_of_runs:.0f} of the runs;"
        f" {', '.join(f'{name} {seconds:.0f}' for name, seconds in figures.seconds.items())}\n"
        f"calls: {total} ({calls['mark']} mark-absent, {calls['list']} lists, {calls['get']} single bookings,"
        f" {calls['other']} others), {share:.0%} of the limit over the runs; {account.too_many} with 429\n"
        f"kill -9 of {figures.killed} processes after {figures.marks_at_kill} of {account.changes} changes:"
        f" Airflow noticed the {figures.tasks_lost} lost tasks after {figures.seconds_to_notice:.0f} s, and ran one"
        f" again after {figures.seconds_to_retry:.0f} s\n"
        f"one plan on two workers at once: {figures.two_runs}\n"
        f"ledger: {ledger.files} files, {ledger.applied} changes applied, {ledger.twice} recorded twice, {ledger.open}"
        " intents open\n"
        f"highest memory in MiB: {memory}; together {sum(figures.memory.values()) / 2**20:.0f}"
    )
    if account.wrong:
        print(f"{account.wrong} flags are set or cleared that should not be")
    print(
        f"distributed: {bookings} bookings, {account.changes} changes, lost {account.lost}, doubled {account.doubled},"
        f" 429s {account.blocked_share:.1%}".replace("%", " %")
    )
    faults = [account.lost, account.doubled, account.wrong, ledger.twice, ledger.open]
    return int(any(faults) or account.blocked_share > MOST_BLOCKED or bool(figures.failed))


if __name__ == "__main__":
    sys.exit(main())
