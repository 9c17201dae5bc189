"""What the Airflow-side tests share: a running sandbox, seen and steered through its ``/_sandbox/`` routes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

KEY = "cal_sandbox_owner"
NOW = datetime(2026, 11, 19, 12, tzinfo=timezone.utc)
BUILDS = ("2025-08", "2025-12", "2026-07")


class SandboxDriver:
    """A sandbox with the practice world on a real socket.

    :param url: its base without ``/v2``.
    :param build: the server build that it behaves as.
    """

    def __init__(self, url: str, build: str) -> None:
        self.url = url
        self.build = build
        # The sandbox closes what was idle for 5 s, as httpx would; a request that met the closing would fail a test.
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
        """Ask an admin route, or tell it something."""
        if given is None:
            return self._http.get(f"/_sandbox/{route}").raise_for_status().json()
        return self._http.post(f"/_sandbox/{route}", json=given).raise_for_status().json()

    def start_over(self) -> None:
        """Forget everything, and set the clock back."""
        from airflow_provider_calcom.sandbox.practice import practice_world

        self.admin("world", {"world": practice_world(NOW)})
        self.admin("clock", {"now": NOW.isoformat().replace("+00:00", "Z")})

    def fault(self, method: str, path: str, fault: str, **options: Any) -> None:
        """Order a failure for the next calls of a route."""
        self.admin("faults", {"method": method, "path": path, "fault": fault, **options})

    def fault_on_mark(self, fault: str, **options: Any) -> None:
        """Order a failure for the next mark-absent."""
        self.fault("POST", "*/mark-absent", fault, **options)

    def change(self, uid: str, **fields: Any) -> None:
        """Change a booking behind everyone's back."""
        self.admin("world", {"bookings": [{"uid": uid, **fields}]})

    def calls(self) -> list[dict[str, Any]]:
        """All calls of the API since the start."""
        calls: list[dict[str, Any]] = self.admin("calls")["calls"]
        return calls

    def marks(self) -> list[dict[str, Any]]:
        """The mark-absent calls since the start."""
        return [call for call in self.calls() if call["path"].endswith("/mark-absent")]

    def writes(self) -> list[dict[str, Any]]:
        """All calls since the start that were not reads."""
        return [call for call in self.calls() if call["method"] != "GET"]

    def deliveries(self) -> list[dict[str, Any]]:
        """The webhooks that went out since the start."""
        deliveries: list[dict[str, Any]] = self.admin("deliveries")["deliveries"]
        return deliveries

    def flags(self, uid: str) -> tuple[bool, dict[str, bool]]:
        """The host's flag, and those of the attendees by address."""
        booking = next(one for one in self.admin("state")["bookings"] if one["uid"] == uid)
        return booking["absentHost"], {row["email"]: row["absent"] for row in booking["attendees"]}

    def absent(self, uid: str) -> set[str]:
        """The addresses of the attendees who are marked."""
        return {email for email, absent in self.flags(uid)[1].items() if absent}

    def subscribe(self, key: str = KEY) -> None:
        """Have every change of an attendee's flag delivered to the key's user, so that deliveries can be counted."""
        webhook = {"active": True, "subscriberUrl": "https://ears.example", "triggers": ["BOOKING_NO_SHOW_UPDATED"]}
        self._http.post("/v2/webhooks", json=webhook, headers={"Authorization": f"Bearer {key}"}).raise_for_status()


async def _arrives(url: str, headers: dict[str, str], body: bytes) -> str:
    """Take a webhook without sending it anywhere."""
    return "200"


@contextmanager
def stranger() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Another server, such as a redirect may lead to; gives its URL and the headers of each request that reaches it."""
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
    """Return whether Airflow fails the task at once, instead of trying it again."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    return isinstance(error, AirflowFailException)
