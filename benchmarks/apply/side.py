"""One side in a process of its own: ``python -m benchmarks.apply.side ours|bare|marks|sequential '{"url": ...}'``.

Prints what it took as JSON. The clock runs from before the plan is read (ours), or before the client is made with all
requests at hand (the others), to after the last answer and file. CPU time is the whole process's;
``start_cpu_seconds`` of it had passed when the clock began to run.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx

from airflow_provider_calcom import __version__
from airflow_provider_calcom.api.client import AsyncCalComClient
from airflow_provider_calcom.api.settings import ClientSettings
from airflow_provider_calcom.no_shows.apply.application import Application
from airflow_provider_calcom.no_shows.apply.request import ApplyRequest
from benchmarks.apply.worlds import TOGETHER

Options = dict[str, Any]

PAGE = 250
"""Bookings of a page, as we read them."""


class Request(NamedTuple):
    """One call.

    :param method: HTTP method.
    :param url: with its query.
    :param body: as JSON; None where there is none.
    """

    method: str
    url: str
    body: dict[str, Any] | None


class RecordingTransport(httpx.AsyncHTTPTransport):
    """Notes of each call when it was sent, its status, and how many calls the server said were left."""

    def __init__(self) -> None:
        super().__init__(trust_env=False)
        self.calls: list[tuple[float, int, int]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        sent_at = time.time()
        response = await super().handle_async_request(request)
        left = int(response.headers["X-RateLimit-Remaining-Default"])
        self.calls.append((sent_at, response.status_code, left))
        return response


def ours(options: Options) -> dict[str, Any]:
    """Apply the plan."""
    settings = ClientSettings(base_url=f"{options['url']}/v2", api_key=options["key"])
    transport = RecordingTransport() if options.get("records") else None
    request = ApplyRequest(
        Path(options["plan"]),
        Path(options["ledger"]),
        concurrency=options["concurrency"],
        dry_run=options.get("dry_run", False),
    )
    application = Application(request, lambda: AsyncCalComClient(settings, transport=transport))
    return {"result": application.run(), "calls": transport.calls if transport else []}


def changes_of(options: Options) -> list[dict[str, Any]]:
    """Read the plan."""
    with (Path(options["plan"]) / "plan.jsonl").open(encoding="utf-8") as lines:
        return list(map(json.loads, lines))


def marks_of(options: Options) -> list[Request]:
    """Return the mark-absent calls of the plan."""
    bodies: dict[str, list[dict[str, Any]]] = {}
    for change in changes_of(options):
        mark = {"email": change["email"], "absent": change["to"]}
        bodies.setdefault(change["booking_uid"], []).append(mark)
    url = f"{options['url']}/v2/bookings"
    return [Request("POST", f"{url}/{uid}/mark-absent", {"attendees": marks}) for uid, marks in bodies.items()]


def requests_of(options: Options) -> list[Request]:
    """Return the calls that we make for the plan: its mark-absent calls, and the pages of the list between them.

    The bookings of a page's last start come again on the next page, as the list has no order among them.
    """
    marks = marks_of(options)
    starts = list({change["booking_uid"]: change["start_at"] for change in changes_of(options)}.values())
    requests = []
    for place in range(0, len(marks), PAGE - TOGETHER):
        query = f"afterStart={quote(starts[place])}&sortStart=asc&take={PAGE}&skip=0"
        requests.append(Request("GET", f"{options['url']}/v2/bookings?{query}", None))
        requests += marks[place : place + PAGE - TOGETHER]
    return requests


def headers(options: Options) -> dict[str, str]:
    """Return the headers that our client sends."""
    return {
        "Accept": "application/json",
        "Accept-Encoding": "gzip, deflate",
        "User-Agent": f"airflow-provider-calcom/{__version__}",
        "Authorization": f"Bearer {options['key']}",
        "cal-api-version": "2024-08-13",
    }


def bare(options: Options, requests: list[Request]) -> None:
    """Send the calls with a plain AsyncClient and workers; look at nothing but the status."""

    async def send_all() -> None:
        left = iter(requests)
        async with httpx.AsyncClient(headers=headers(options), timeout=30, trust_env=False) as client:

            async def work() -> None:
                for method, url, body in left:
                    response = await client.request(method, url, json=body)
                    assert response.status_code == 200

            await asyncio.gather(*(work() for _ in range(options["concurrency"])))

    asyncio.run(send_all())


def sequential(options: Options, requests: list[Request]) -> None:
    """Send the calls one after another, as generated SDKs do."""
    with httpx.Client(headers=headers(options), timeout=30, trust_env=False) as client:
        for method, url, body in requests:
            assert client.request(method, url, json=body).status_code == 200


def peak_mb() -> float:
    """Return the most memory this process held; ``ru_maxrss`` would count what its parent held when it was forked."""
    with open("/proc/self/status", encoding="ascii") as status:
        peak = next(line for line in status if line.startswith("VmHWM"))
    return int(peak.split()[1]) * 1024 / 1e6


def main(side: str, text: str) -> None:
    """Run the side and print what it took."""
    options: Options = json.loads(text)
    requests: list[Request] = []
    if side != "ours":
        requests = requests_of(options) if side == "bare" else marks_of(options)
    begin, cpu_before = time.perf_counter(), time.process_time()
    came: dict[str, Any] = {}
    if side == "ours":
        came = ours(options)
    elif side == "sequential":
        sequential(options, requests)
    else:
        bare(options, requests)
    seconds = time.perf_counter() - begin
    took = {"seconds": seconds, "start_cpu_seconds": cpu_before, "cpu_seconds": time.process_time()}
    print(json.dumps({**took, "peak_mb": peak_mb(), **came}))


if __name__ == "__main__":
    main(*sys.argv[1:])
