"""Part 1: every network failure, in each call, once, three times and for ever."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from tests.faults.applying import Attempt
from tests.faults.checks import Ended, Finding, checked_end, checked_failure
from tests.faults.kinds import CALLS, KINDS, TIMES, Kind
from tests.faults.sandboxes import BUILDS, Sandboxes, SandboxProcess
from tests.faults.scene import KEY, RENEWED_KEY, make_scene
from tests.faults.transports import FailingTransport, refusing_port

_HELD, _REFUSING_PORT = refusing_port()
NOTHING = "-"
"""Shown for a run that raised nothing."""
NAMES = [f"{kind}/{call}/{times}" for kind in KINDS for call in CALLS for times in TIMES]


@dataclass(frozen=True)
class Outcome:
    """The result of one case.

    :param name: of the case.
    :param raised: name of the error that the first run raised, or :data:`NOTHING`.
    :param calls: of the API, in both runs.
    :param findings: promises that were broken.
    """

    name: str
    raised: str
    calls: int
    findings: list[Finding]


def run_case(name: str, seed: int, sandboxes: Sandboxes) -> Outcome:
    """Run one case: once with its failure, and once more without it, as Airflow's next attempt would.

    :param name: kind, call and times, such as ``reset-after/mark/once``.
    :param seed: of the whole program.
    """
    random = Random(f"{seed}/{name}")
    scene = make_scene(random)
    kind, call, times = name.split("/")
    with sandboxes.borrowed(random.choice(BUILDS)) as sandbox, tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        sandbox.begin(scene)
        scene.write_plan(folder / "plan")
        before = sandbox.look()
        attempt = Attempt(
            folder, sandbox.url, KEY, concurrency=random.choice((1, 2, 4)), attempts=random.choice((3, 4))
        )
        transport = _break(KINDS[kind], call, TIMES[times], sandbox, random)
        error = _error_of(attempt, transport)
        first = Ended(scene, folder, before, sandbox.look(), error)
        retryable = KINDS[kind].retryable if call == "mark" else KINDS[kind].retryable_read
        findings = list(checked_failure(first, KINDS[kind].errors(call), retryable=retryable))
        sandbox.clear_failures()
        error_again = _error_of(replace(attempt, key=RENEWED_KEY, number=2), None)
        last = Ended(scene, folder, before, sandbox.look(), error_again)
        findings += _checked_again(first, last)
        raised = NOTHING if error is None else type(error).__name__
        return Outcome(name, raised, last.after.calls, findings)


def _break(
    kind: Kind, call: str, times: int | None, sandbox: SandboxProcess, random: Random
) -> FailingTransport | None:
    """Set the failure up; return the transport that causes it, None for one that the sandbox causes."""
    method, path = CALLS[call]
    if call == "get":
        # Besides the bookings that the list lacks, one write whose outcome only a GET can show.
        sandbox.admin("faults", {"method": "POST", "path": CALLS["mark"][1], "fault": "drop_after"})
    if kind.fault is not None:
        fault = kind.fault(call, random)
        sandbox.admin("faults", {"method": method, "path": path, "times": times, **fault})
        return None
    if kind.transport == "refuse":
        return FailingTransport(call, times, port=_REFUSING_PORT)
    if kind.transport == "expire":
        return FailingTransport(
            call,
            times,
            on_begin=lambda: sandbox.admin("keys", {"key": KEY, "expired": True}),
            on_end=lambda: sandbox.admin("keys", {"key": KEY, "expired": False}),
        )
    return FailingTransport(
        call,
        times,
        on_begin=lambda: sandbox.admin("clock", {"advance": 3600 * kind.hours}),
        on_end=lambda: sandbox.admin("clock", {"advance": -3600 * kind.hours}),
    )


def _error_of(attempt: Attempt, transport: FailingTransport | None) -> Exception | None:
    try:
        attempt.run(transport)
    except Exception as error:
        return error
    return None


def _checked_again(first: Ended, last: Ended) -> list[Finding]:
    """Check the run after the failure: it makes the remaining changes, and repeats no call."""
    findings = list(checked_end(last))
    for uid, marks in (last.after.marks - first.after.marks).items():
        changes = [change for change in first.scene.makeable if change.flag.booking_uid == uid]
        if marks > 1 or all(first.after.flags[change.on_server] is change.to for change in changes):
            findings.append(Finding("doubled", f"{marks} calls to {uid} in the run after the failure"))
    return findings
