"""The command in this process, and the files of the demo's day."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from airflow_provider_calcom.cli.no_shows import main
from airflow_provider_calcom.sandbox.practice import demo_world
from tests.support import SandboxDriver

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "dags_examples" / "data" / "zoom_participants.json"
"""Zoom's report of the demo's day."""
KEY = "cal_demo_owner"
POLICY = {
    "as_of": "2026-11-19T06:00:00Z",
    "attendance_until": "2026-11-19T00:00:00Z",
    "internal_domains": ["clinic.example"],
}


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs the command, and checks that an error is one line, the last one."""

    def run_command(*arguments: str | Path) -> Ended:
        capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else -1
        printed = capsys.readouterr()
        if code == 1:
            assert printed.err.splitlines()[-1].startswith("calcom-no-shows: ")
            assert printed.err.count("calcom-no-shows: ") == 1
        return Ended(code, printed.out, printed.err)

    return run_command


@pytest.fixture
def demo(calcom: SandboxDriver, monkeypatch: pytest.MonkeyPatch) -> SandboxDriver:
    """A Cal.com with the bookings of the demo's day, whose key is in the environment."""
    calcom.admin("world", {"world": demo_world()})
    monkeypatch.setenv("CALCOM_API_KEY", KEY)
    return calcom


@pytest.fixture
def day(demo: SandboxDriver, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the command runs in, with ``bookings.jsonl`` and ``policy.json`` of the demo's day."""
    monkeypatch.chdir(tmp_path)
    span = ("--after", "2026-11-18", "--before", "2026-11-19")
    assert run("bookings", *span, "--url", demo.url, "--out", "bookings.jsonl").code == 0
    Path("policy.json").write_text(json.dumps(POLICY))
    # A trial needs no key.
    monkeypatch.delenv("CALCOM_API_KEY")
    return tmp_path
