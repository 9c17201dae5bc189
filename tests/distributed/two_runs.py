"""Two runs that begin at about the same moment, and what must be true after them."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from typing import Any

import s3fs
from upath import UPath

from airflow_provider_calcom.api.client import AsyncCalComClient
from airflow_provider_calcom.api.settings import ClientSettings
from airflow_provider_calcom.no_shows.apply.application import Application
from airflow_provider_calcom.no_shows.apply.request import ApplyRequest
from airflow_provider_calcom.no_shows.ledger import claims
from airflow_provider_calcom.no_shows.ledger.records import TaskRun
from airflow_provider_calcom.no_shows.ledger.writer import LedgerWriter
from tests.distributed.object_store import BUCKET
from tests.faults.checks import Ended, Finding, checked_end
from tests.faults.sandboxes import SandboxProcess
from tests.faults.scene import KEY, Scene, make_scene
from tests.faults.transports import KillingTransport

KINDS = ("same plan", "same plan", "other plan", "killed")
_LEASE = 3.0
_MARGIN = 1.0
"""Seconds instead of 60 and 15, in the cases with a kill."""


@dataclass(frozen=True)
class Run:
    """One run of an application.

    :param store: URL of the folder with plans and ledger.
    :param plan: name of its plan there.
    :param home: its home folder.
    :param sandbox: URL of Cal.com.
    :param has_claims: whether it claims its bookings.
    :param is_short: whether leases are short.
    """

    store: str
    plan: str
    home: Path
    sandbox: str
    has_claims: bool
    is_short: bool

    @property
    def calls(self) -> Path:
        """The log of its mark-absent calls."""
        return self.home / "calls"

    @property
    def result(self) -> dict[str, Any]:
        """What it returned or raised; empty if it was killed."""
        path = self.home / "result"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def start(self) -> BaseProcess:
        """Run it in a process of its own."""
        self.home.mkdir()
        child = multiprocessing.get_context("forkserver").Process(target=_apply, args=(self,))
        child.start()
        return child


def _apply(run: Run) -> None:
    """Apply a plan in a child process."""
    logging.disable()
    os.environ.update(HOME=str(run.home), AIRFLOW_HOME=str(run.home))
    if run.is_short:
        claims._MARGIN = _MARGIN
    if not run.has_claims:
        LedgerWriter.claim = lambda *_, **__: None  # type: ignore[method-assign]
    settings = ClientSettings(base_url=f"{run.sandbox}/v2", api_key=KEY, timeout=10, total_timeout=20)
    request = ApplyRequest(
        UPath(f"{run.store}/{run.plan}"),
        UPath(f"{run.store}/ledger"),
        concurrency=4,
        task=TaskRun("claims", run.home.name, "apply", -1, 1),
        rest=0.5,
        lease=_LEASE if run.is_short else claims.LEASE,
        claim_timeout=120,
        allow_foreign_booking=True,
    )
    try:
        result: dict[str, Any] = dict(
            Application(request, lambda: AsyncCalComClient(settings, transport=KillingTransport(run.calls))).run()
        )
    except Exception as error:
        result = {"error": f"{type(error).__name__}: {error}"}
    (run.home / "result").write_text(json.dumps(result))
    os._exit(0)


@dataclass(frozen=True)
class Outcome:
    """The result of one case.

    :param kind: one of :data:`KINDS`.
    :param offset: seconds between the beginnings of both runs.
    :param findings: promises that were broken.
    :param calls: mark-absent calls of each run.
    """

    kind: str
    offset: float
    findings: list[Finding]
    calls: tuple[int, int]


class Case:
    """One case.

    :param number: from 0; it decides about the kind.
    :param seed: of the whole program.
    :param sandbox: running.
    :param folder: for its files.
    :param has_claims: whether the runs claim their bookings.
    """

    def __init__(self, number: int, seed: int, sandbox: SandboxProcess, folder: Path, *, has_claims: bool) -> None:
        self._random = Random(f"{seed}/{number}")
        self._kind = KINDS[number % len(KINDS)] if has_claims else KINDS[number % 3]
        self._scene = make_scene(self._random)
        self._sandbox = sandbox
        self._folder = folder
        self._store = f"s3://{BUCKET}/case-{number}-{seed}-{'claims' if has_claims else 'none'}"
        self._has_claims = has_claims

    def outcome(self) -> Outcome:
        """Run it."""
        self._sandbox.begin(self._scene)
        before = self._sandbox.look()
        self._sandbox.admin("latency", {"seconds": self._random.choice((0.0, 0.01, 0.05))})
        first, second = self._run(1, self._write_plan(self._scene, "plan")), self._run(2, self._second_plan())
        offset = self._random.choice((0.0, self._random.uniform(0, 0.05), self._random.uniform(0, 1.0)))
        children = [first.start()]
        time.sleep(offset)
        children.append(second.start())
        if self._kind == "killed":
            time.sleep(self._random.uniform(0, 1.2))
            children[0].kill()
        for child in children:
            child.join()
        self._download()
        error = second.result.get("error") or (first.result.get("error") if self._kind != "killed" else None)
        ended = Ended(self._scene, self._folder, before, self._sandbox.look(), RuntimeError(error) if error else None)
        calls = _sent(first), _sent(second)
        in_flight = (calls[0] - _answered(first)) + (calls[1] - _answered(second))
        findings = [*checked_end(ended, in_flight), *self._checked_calls(calls, first, second)]
        return Outcome(self._kind, offset, findings, (calls[0].total(), calls[1].total()))

    def _checked_calls(self, calls: tuple[Counter[str], Counter[str]], *runs: Run) -> Iterator[Finding]:
        was_killed = self._kind == "killed" and not runs[0].result
        if was_killed:
            return
        for uid in calls[0].keys() & calls[1].keys():
            yield Finding("doubled", f"both runs called for {uid}")
        if self._kind == "same plan" and calls[0] and calls[1]:
            yield Finding("doubled", f"both runs of one plan called: {calls[0].total()} and {calls[1].total()} times")

    def _run(self, number: int, plan: str) -> Run:
        return Run(
            self._store,
            plan,
            self._folder / f"home-{number}",
            self._sandbox.url,
            self._has_claims,
            is_short=self._kind == "killed",
        )

    def _second_plan(self) -> str:
        """Write another plan for the last case of kinds: the same without one change, so it has another hash."""
        if self._kind != "other plan":
            return "plan"
        return self._write_plan(replace(self._scene, changes=self._scene.changes[1:]), "plan-2")

    def _write_plan(self, scene: Scene, name: str) -> str:
        scene.write_plan(self._folder / name)
        for path in (self._folder / name).iterdir():
            UPath(f"{self._store}/{name}/{path.name}").write_bytes(path.read_bytes())
        return name

    def _download(self) -> None:
        """Copy what the checks read; the outcomes are of the run with all changes."""
        store = s3fs.S3FileSystem(skip_instance_cache=True)
        (self._folder / "ledger").mkdir()
        for path in store.ls(f"{self._store}/ledger"):
            if path.endswith(".jsonl"):
                (self._folder / "ledger" / path.rpartition("/")[2]).write_bytes(store.cat_file(path))
        outcomes = f"{self._store}/plan/outcomes.jsonl"
        if store.exists(outcomes):
            (self._folder / "plan" / "outcomes.jsonl").write_bytes(store.cat_file(outcomes))


def _sent(run: Run) -> Counter[str]:
    return _logged(run, "sent")


def _answered(run: Run) -> Counter[str]:
    return _logged(run, "answered")


def _logged(run: Run, word: str) -> Counter[str]:
    lines = run.calls.read_text().splitlines() if run.calls.exists() else []
    return Counter(line.split()[1] for line in lines if line.startswith(f"{word} "))
