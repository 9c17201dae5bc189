"""Shared by the tests: a running sandbox, inspected and controlled through its ``/_sandbox/`` routes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

KEY = "cal_sandbox_owner"
NOW = datetime(2026, 11, 19, 12, tzinfo=UTC)
BUILDS = ("2025-08", "2025-12", "2026-07")


class SandboxDriver:
    """A sandbox with the practice world on a real socket.

    :param url: its base without ``/v2``.
    :param build: the server build that it behaves as.
    """

    def __init__(self, url: str, build: str) -> None:
        self.url = url
        self.build = build
        # The sandbox closes connections after 5 s, httpx' own limit: a request could hit a closing connection.
        self._http = httpx.Client(base_url=url, timeout=20, limits=httpx.Limits(keepalive_expiry=2))

    @classmethod
    @contextmanager
    def running(cls, build: str) -> Iterator[SandboxDriver]:
        """Serve one until the block ends."""
        from airflow_provider_calcom.sandbox.running import running_sandbox

        with running_sandbox(server=build, now=NOW, send_webhook=_arrives) as sandbox:
            driver = cls(sandbox.url, build)
            try:
                yield driver
            finally:
                driver._http.close()

    def admin(self, route: str, given: Any = None) -> Any:
        """Read an admin route, or post to it."""
        if given is None:
            return self._http.get(f"/_sandbox/{route}").raise_for_status().json()
        return self._http.post(f"/_sandbox/{route}", json=given).raise_for_status().json()

    def start_over(self) -> None:
        """Load the practice world again, and reset the clock."""
        from airflow_provider_calcom.sandbox.practice import practice_world

        self.admin("world", {"world": practice_world(NOW)})
        self.admin("clock", {"now": NOW.isoformat().replace("+00:00", "Z")})

    def fault(self, method: str, path: str, fault: str, **options: Any) -> None:
        """Inject a fault into the next calls of a route."""
        self.admin("faults", {"method": method, "path": path, "fault": fault, **options})

    def fault_on_mark(self, fault: str, **options: Any) -> None:
        """Inject a fault into the next mark-absent."""
        self.fault("POST", "*/mark-absent", fault, **options)

    def change(self, uid: str, **fields: Any) -> None:
        """Change a booking in the sandbox's state."""
        self.admin("world", {"bookings": [{"uid": uid, **fields}]})

    def calls(self) -> list[dict[str, Any]]:
        """Return all calls of the API since the start."""
        calls: list[dict[str, Any]] = self.admin("calls")["calls"]
        return calls

    def marks(self) -> list[dict[str, Any]]:
        """Return the mark-absent calls since the start."""
        return [call for call in self.calls() if call["path"].endswith("/mark-absent")]

    def writes(self) -> list[dict[str, Any]]:
        """Return all calls since the start other than GET."""
        return [call for call in self.calls() if call["method"] != "GET"]

    def deliveries(self) -> list[dict[str, Any]]:
        """Return the webhooks sent since the start."""
        deliveries: list[dict[str, Any]] = self.admin("deliveries")["deliveries"]
        return deliveries

    def flags(self, uid: str) -> tuple[bool, dict[str, bool]]:
        """Return the host's flag, and the attendees' flags by address."""
        booking = next(one for one in self.admin("state")["bookings"] if one["uid"] == uid)
        return booking["absentHost"], {row["email"]: row["absent"] for row in booking["attendees"]}

    def absent(self, uid: str) -> set[str]:
        """Return the addresses of the attendees who are marked absent."""
        return {email for email, absent in self.flags(uid)[1].items() if absent}

    def subscribe(self, key: str = KEY) -> None:
        """Subscribe the key's user to no-show webhooks, so that deliveries can be counted."""
        webhook = {"active": True, "subscriberUrl": "https://ears.example", "triggers": ["BOOKING_NO_SHOW_UPDATED"]}
        self._http.post("/v2/webhooks", json=webhook, headers={"Authorization": f"Bearer {key}"}).raise_for_status()


async def _arrives(url: str, headers: dict[str, str], body: bytes) -> str:
    """Accept a webhook without sending it."""
    return "200"


@contextmanager
def stranger() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Serve another host, the target of a redirect; yield its URL and the headers of each request it gets."""
    seen: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(dict(self.headers))
            body = json.dumps({"status": "success", "data": {}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()


def ends_the_task(error: BaseException) -> bool:
    """Return whether Airflow fails the task without a retry."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    return isinstance(error, AirflowFailException)
