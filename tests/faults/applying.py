"""One run of the application under test, with all its waits fifty times shorter."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from airflow_provider_calcom.api.client import AsyncCalComClient
from airflow_provider_calcom.api.settings import ClientSettings, RetryLimits
from airflow_provider_calcom.no_shows.apply.application import Application
from airflow_provider_calcom.no_shows.apply.request import ApplyRequest
from airflow_provider_calcom.no_shows.ledger.records import TaskRun
from tests.faults.kinds import CLIENT_TIMEOUT

_SCALE = 50
REST = 15.0
"""Seconds, before scaling, that a server may still work on a call whose response was lost."""


async def short_sleep(seconds: float) -> None:
    """Sleep a fiftieth of the seconds."""
    await asyncio.sleep(seconds / _SCALE)


@dataclass(frozen=True)
class Attempt:
    """One attempt of a task to apply a plan.

    :param folder: holds ``plan``, and ``ledger`` from the first run on.
    :param url: of the sandbox, without ``/v2``.
    :param key: API key.
    :param number: attempt of the task, from 1.
    :param concurrency: bookings written at the same time.
    :param attempts: attempts of one call.
    :param timeout: seconds between two pieces of a response.
    :param rest: as :class:`ApplyRequest` has it, before scaling.
    :param sleep: used for all waits.
    :param clock_is_ahead: seconds by which the local clock is ahead.
    """

    folder: Path
    url: str
    key: str
    number: int = 1
    concurrency: int = 2
    attempts: int = 3
    timeout: float = CLIENT_TIMEOUT
    rest: float = REST
    sleep: Callable[[float], Awaitable[None]] = short_sleep
    clock_is_ahead: float = 0.0

    def run(self, transport: httpx.AsyncBaseTransport | None = None) -> dict[str, Any]:
        """Run it to its end, and return its result; raise what the application raises."""
        settings = ClientSettings(
            base_url=f"{self.url}/v2",
            api_key=self.key,
            timeout=self.timeout,
            total_timeout=2 * self.timeout,
            retry_limits=RetryLimits(attempts=self.attempts),
        )
        request = ApplyRequest(
            self.folder / "plan",
            self.folder / "ledger",
            concurrency=self.concurrency,
            task=TaskRun("faults", "one", "apply", -1, self.number),
            rest=self.rest,
            # Two of the scene's bookings are others': they are read one by one, which is tested as well.
            allow_foreign_booking=True,
        )

        def clock() -> float:
            return time.time() + self.clock_is_ahead

        def open_client() -> AsyncCalComClient:
            return AsyncCalComClient(settings, transport=transport, sleep=self.sleep, wall_clock=clock)

        return dict(Application(request, open_client, wall_clock=clock, sleep=self.sleep).run())


def outcomes_of(folder: Path) -> list[dict[str, Any]] | None:
    """Read the outcomes of the last run; None where it wrote none."""
    return lines_of(folder / "plan" / "outcomes.jsonl")


def records_of(folder: Path) -> list[dict[str, Any]]:
    """Read the ledger without the package's own reader; truncated lines are left out."""
    parts = sorted((folder / "ledger").glob("*.jsonl"))
    return [record for part in parts for record in lines_of(part) or ()]


def lines_of(path: Path) -> list[dict[str, Any]] | None:
    """Read JSON lines; None where there is no file."""
    if not path.exists():
        return None
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line.endswith(b"}")]
