"""A day of bookings, a Zoom report and two example DAGs run by Airflow, against a local Cal.com.

Everything is made up, and thrown away at the end except the plan's report. The figures of the last lines are counted in
the sandbox's own state and by a webhook listener, not reported by the DAG.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from airflow_provider_calcom.no_shows.plan import format_plan
from airflow_provider_calcom.no_shows.plan_files import read_plan, read_summary
from airflow_provider_calcom.sandbox.practice import demo_world
from airflow_provider_calcom.sandbox.running import RunningSandbox, running_sandbox

HERE = Path(__file__).resolve().parent
DAGS = HERE.parent / "dags_examples"
DAY = "2026-11-18"
KEY = "cal_demo_owner"
REPORT = HERE.parent / ".build" / "demo" / "report.html"

REAL_ACCOUNT = """\
CALCOM_API_KEY is set. The demo never uses it. To try the example DAG on your own account, without changing anything:

  export AIRFLOW_CONN_CALCOM_DEFAULT='{"conn_type": "calcom", "password": "'"$CALCOM_API_KEY"'"}'
  airflow connections test calcom_default          # needs AIRFLOW__CORE__TEST_CONNECTION=Enabled
  airflow dags test calcom_attendance_join -c '{"day": "2026-11-18", "report": "/path/to/report.json", "dry_run": true}'

With "dry_run": true it sends no writing call and logs what it would do.
"""

Flags = dict[tuple[str, str], bool]


@dataclass(frozen=True)
class Snapshot:
    """State of the sandbox, and the calls that it got.

    :param flags: the no-show flag of each (booking uid, address).
    :param calls: mark-absent calls for each booking uid.
    :param deliveries: webhooks that arrived at the listener.
    """

    flags: Flags
    calls: Counter[str]
    deliveries: int


@contextmanager
def webhook_listener() -> Iterator[tuple[str, list[str]]]:
    """Listen for webhooks; yield its address, and the list that collects their events."""
    events: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            events.append(json.loads(body)["triggerEvent"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/webhook", events
    finally:
        server.shutdown()


def subscribe(sandbox: RunningSandbox, listener: str) -> None:
    """Subscribe the listener to every change of a no-show flag."""
    webhook = {"active": True, "subscriberUrl": listener, "triggers": ["BOOKING_NO_SHOW_UPDATED"], "secret": "demo"}
    headers = {"Authorization": f"Bearer {KEY}", "cal-api-version": "2024-08-13"}
    httpx.post(f"{sandbox.url}/v2/webhooks", json=webhook, headers=headers).raise_for_status()


def snapshot(sandbox: RunningSandbox, events: list[str]) -> Snapshot:
    """Return the current state of the sandbox."""
    state = httpx.get(f"{sandbox.url}/_sandbox/state").json()
    calls = httpx.get(f"{sandbox.url}/_sandbox/calls").json()["calls"]
    return Snapshot(
        flags={
            (booking["uid"], attendee["email"]): attendee["absent"]
            for booking in state["bookings"]
            for attendee in booking["attendees"]
        },
        calls=Counter(call["path"].split("/")[-2] for call in calls if call["path"].endswith("/mark-absent")),
        deliveries=len(events),
    )


def run_dag(name: str, sandbox: RunningSandbox, home: Path, evidence: Path) -> None:
    """Run an example DAG in an Airflow of its own.

    :param name: which one, as ``run_dag.py`` calls it.
    :param home: AIRFLOW_HOME, thrown away afterwards. Airflow's output goes to ``airflow.log`` in it.
    :param evidence: where what it concluded is written.
    """
    bundle = {
        "name": "examples",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(DAGS)},
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")} | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        "AIRFLOW_CONN_CALCOM_DEFAULT": json.dumps({"conn_type": "calcom", "host": sandbox.url, "password": KEY}),
        "DEMO_DAGS": str(DAGS),
        "DEMO_DAY": DAY,
    }
    log = home / "airflow.log"
    with log.open("a") as output:
        command = [sys.executable, str(HERE / "run_dag.py"), name, str(evidence)]
        run = subprocess.run(command, env=environment, stdout=output, stderr=subprocess.STDOUT, check=False)
    if run.returncode:
        sys.exit(f"{log.read_text()[-8000:]}\ndemo: the DAG failed, see Airflow's output above")


def run_join(sandbox: RunningSandbox, home: Path) -> dict[str, dict[str, str]]:
    """Run the DAG that marks, and return its conclusions."""
    evidence = home / "evidence.json"
    run_dag("join", sandbox, home, evidence)
    concluded: dict[str, dict[str, str]] = json.loads(evidence.read_text())
    return concluded


def run_plan(sandbox: RunningSandbox, home: Path) -> set[tuple[str, str]]:
    """Run the DAG that plans, print its plan, and return the (booking uid, address) pairs that it would mark.

    The plan's report is copied to ``REPORT``.
    """
    folder = home / "plan"
    run_dag("plan", sandbox, home, folder)
    print(format_plan(read_summary(folder), read_plan(folder), with_addresses=True))
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / "report.html", REPORT)
    return {(change.booking_uid, change.email) for change in read_plan(folder)}


def print_table(before: Snapshot, after: Snapshot, evidence: dict[str, dict[str, str]]) -> None:
    """Print a line for each attendee."""
    header = ("booking", "attendee", "evidence", "before", "after", "calls")
    lines = [header]
    for (uid, address), flag in before.flags.items():
        flags = ("absent" if flag else "-", "absent" if after.flags[uid, address] else "-")
        lines.append((uid, address, evidence.get(uid, {}).get(address, "not listed"), *flags, str(after.calls[uid])))
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def main() -> int:
    """Run the demo; return 0 if every figure is as it must be."""
    if os.environ.get("CALCOM_API_KEY"):
        print(REAL_ACCOUNT)
    labels: dict[str, dict[str, str]] = json.loads((HERE / "labels.json").read_text(encoding="utf-8"))
    world = demo_world()
    with (
        tempfile.TemporaryDirectory() as home,
        webhook_listener() as (listener, events),
        running_sandbox(world=world, server="2026-07") as sandbox,
    ):
        print(f"A Cal.com of our own at {sandbox.url}, with {len(world['bookings'])} bookings on {DAY}")
        subscribe(sandbox, listener)
        before = snapshot(sandbox, events)
        print("Airflow runs calcom_plan_no_shows ...")
        planned = run_plan(sandbox, Path(home))
        untouched = snapshot(sandbox, events)
        print("Airflow runs calcom_attendance_join ...")
        evidence = run_join(sandbox, Path(home))
        after = snapshot(sandbox, events)
        print_table(before, after, evidence)
        print("Airflow runs calcom_attendance_join again ...")
        run_join(sandbox, Path(home))
        again = snapshot(sandbox, events)
    status = check_plan(labels, planned, before, untouched) | conclude(labels, before, after, again)
    print(f"report: {REPORT}")
    return status


def check_plan(
    labels: dict[str, dict[str, str]], planned: set[tuple[str, str]], before: Snapshot, untouched: Snapshot
) -> int:
    """Check that the plan names only people who were absent, and that nothing was written for it."""
    false = {(uid, who) for uid, who in planned if labels[uid][who] != "absent"}
    calls = sum(untouched.calls.values())
    print(f"plan: {len(planned)} no-shows planned, {len(false)} false, {calls} mark-absent calls")
    return 1 if false or not planned or untouched != before else 0


def conclude(labels: dict[str, dict[str, str]], before: Snapshot, after: Snapshot, again: Snapshot) -> int:
    """Compare what happened with what is true, and print it in one line."""
    truly_absent = {(uid, who) for uid, people in labels.items() for who, what in people.items() if what == "absent"}
    marked = {person for person, flag in after.flags.items() if flag and not before.flags[person]}
    unmarked = {person for person, flag in after.flags.items() if before.flags[person] and not flag}
    to_mark = {person for person in truly_absent if not before.flags[person]}
    false, missed = marked - truly_absent, to_mark - marked
    changed_bookings = {uid for uid, _ in marked}
    second_calls = sum(again.calls.values()) - sum(after.calls.values())
    second_deliveries = again.deliveries - after.deliveries
    faults = [
        fault
        for fault, is_so in (
            (f"{len(false)} marked who came", false),
            (f"{len(missed)} absent but not marked", missed),
            (f"{len(unmarked)} un-marked", unmarked),
            (
                "the bookings are not those of the labels",
                set(before.flags) != {(u, w) for u in labels for w in labels[u]},
            ),
            ("not one call for each changed booking", dict(after.calls) != dict.fromkeys(changed_bookings, 1)),
            ("not one webhook for each call", after.deliveries != sum(after.calls.values())),
            ("the second run changed a flag", again.flags != after.flags),
            (f"the second run delivered {second_deliveries} webhooks", second_deliveries),
            ("the second run called", second_calls),
        )
        if is_so
    ]
    for fault in faults:
        print(f"WRONG: {fault}")
    print(f"{len(changed_bookings)} bookings changed by {sum(after.calls.values())} calls, {after.deliveries} webhooks")
    print(f"demo: {len(marked)} no-shows marked, {len(false)} false, second run: {second_calls} calls")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
