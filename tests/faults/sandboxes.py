"""Sandboxes in processes of their own, inspected and controlled through their ``/_sandbox/`` routes."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import Queue
from random import Random
from typing import Any
from urllib.parse import unquote

import httpx

from tests.faults.scene import KEY, OTHERS_KEY, Flag, Scene, make_scene

BUILDS = ("2025-08", "2025-12", "2026-07")
_MARK = re.compile(r"/v2/bookings/([^/?]+)/mark-absent")
_READABLE = ("headers",)
"""Faults with a readable response."""


@dataclass(frozen=True)
class Seen:
    """The state of a sandbox, and its calls since the last reset.

    :param flags: all flags.
    :param marks: mark-absent calls, by booking.
    :param writes: mark-absent calls that wrote a flag, by booking.
    :param unknown: mark-absent calls that wrote but had no readable response, by booking.
    :param deliveries: booking, address and flag of each attendee in each webhook.
    :param webhooks: number of webhooks sent.
    :param calls: number of calls of the API.
    """

    flags: dict[Flag, bool]
    marks: Counter[str]
    writes: Counter[str]
    unknown: Counter[str]
    deliveries: Counter[tuple[str, str, bool]]
    webhooks: int
    calls: int


class SandboxProcess:
    """A running ``calcom-sandbox``.

    :param build: the server build that it behaves as.
    :param folder: for the world file and the log.
    """

    def __init__(self, build: str, folder: Path) -> None:
        self.build = build
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        world, self._log = folder / f"{port}.json", folder / f"{port}.log"
        world.write_text(json.dumps(make_scene(Random(0)).world))
        command = [sys.executable, "-m", "airflow_provider_calcom.sandbox.main", "--port", str(port)]
        command += ["--server", build, "--world", str(world), "--rate-limit", "1000000/60"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
        # The sandbox closes connections after 5 s, httpx' own limit: a request could hit a closing connection.
        limits = httpx.Limits(keepalive_expiry=2)
        self._http = httpx.Client(base_url=self.url, timeout=20, trust_env=False, limits=limits)

    def wait(self) -> None:
        """Wait until it responds."""
        for _ in range(600):
            try:
                self._http.get("/health")
                return
            except httpx.TransportError:
                if self._process.poll() is not None:
                    break
                time.sleep(0.05)
        raise RuntimeError(f"the sandbox did not start: {self._log.read_text()[-2000:]}")

    def stop(self) -> None:
        """End the process."""
        self._http.close()
        self._process.terminate()
        self._process.wait(10)

    def admin(self, route: str, given: Any) -> None:
        """Post to an admin route."""
        self._http.post(f"/_sandbox/{route}", json=given).raise_for_status()

    def begin(self, scene: Scene) -> None:
        """Start over with another world, and subscribe to all webhooks."""
        self.admin("world", {"world": scene.world})
        self.clear_failures()
        self.admin("latency", {"seconds": 0})
        hook = {"active": True, "subscriberUrl": "http://127.0.0.1:9/", "triggers": ["BOOKING_NO_SHOW_UPDATED"]}
        for key in (KEY, OTHERS_KEY):
            headers = {"Authorization": f"Bearer {key}"}
            self._http.post("/v2/webhooks", json=hook, headers=headers).raise_for_status()

    def clear_failures(self) -> None:
        """Clear the faults and set the clock; an expired key stays expired."""
        self.admin("faults", {"clear": True})
        self.admin("clock", {"now": datetime.now(UTC).isoformat().replace("+00:00", "Z")})

    def look(self) -> Seen:
        """Return the state and the calls since the last reset."""
        calls = self._get("calls")["calls"]
        marks = [(unquote(found[1]), call) for call in calls if (found := _MARK.match(call["path"]))]
        wrote = [(uid, call) for uid, call in marks if call["wrote"]]
        hooks = [json.loads(one["body"])["payload"] for one in self._get("deliveries")["deliveries"]]
        return Seen(
            flags=dict(_flags(self._get("state"))),
            marks=Counter(uid for uid, _ in marks),
            writes=Counter(uid for uid, _ in wrote),
            unknown=Counter(uid for uid, call in wrote if call.get("fault", "headers") not in _READABLE),
            deliveries=Counter(
                (hook["bookingUid"], row["email"], row["noShow"]) for hook in hooks for row in hook["attendees"]
            ),
            webhooks=len(hooks),
            calls=len(calls),
        )

    def _get(self, route: str) -> Any:
        return self._http.get(f"/_sandbox/{route}").raise_for_status().json()


def _flags(state: Any) -> Iterator[tuple[Flag, bool]]:
    for booking in state["bookings"]:
        yield Flag(booking["uid"], "host", ""), booking["absentHost"] is True
        for row in booking["attendees"]:
            yield Flag(booking["uid"], "attendee", row["email"]), row["absent"]


class Sandboxes:
    """Sandboxes of each build, to be borrowed.

    :param each: number for each build.
    :param folder: for their files.
    """

    def __init__(self, each: int, folder: Path) -> None:
        self._all = [SandboxProcess(build, folder) for build in BUILDS for _ in range(each)]
        self._free: dict[str, Queue[SandboxProcess]] = {build: Queue() for build in BUILDS}
        for one in self._all:
            self._free[one.build].put(one)

    @contextmanager
    def borrowed(self, build: str) -> Iterator[SandboxProcess]:
        """Yield a free sandbox of a build."""
        one = self._free[build].get()
        try:
            yield one
        finally:
            self._free[build].put(one)

    @classmethod
    @contextmanager
    def running(cls, each: int) -> Iterator[Sandboxes]:
        """Run them until the block ends."""
        with tempfile.TemporaryDirectory() as folder:
            sandboxes = cls(each, Path(folder))
            try:
                for one in sandboxes._all:
                    one.wait()
                yield sandboxes
            finally:
                for one in sandboxes._all:
                    one.stop()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
