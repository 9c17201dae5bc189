"""The sandbox as a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

_NO_LIMIT = "1000000000/60"
_PATIENCE_SECONDS = 180


class Server:
    """A running sandbox.

    :param url: without ``/v2``.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def counts(self) -> dict[str, Any]:
        """Return what the sandbox counted so far."""
        counts: dict[str, Any] = httpx.get(f"{self.url}/_sandbox/counts", trust_env=False).raise_for_status().json()
        return counts

    def calls(self, kind: str) -> int:
        """Return the calls of one kind so far: ``list``, ``get`` or ``mark``."""
        return int(self.counts()["calls"][kind])

    def set_latency(self, seconds: float) -> None:
        """Answer that much later from now on."""
        answer = httpx.post(f"{self.url}/_sandbox/latency", json={"seconds": seconds}, trust_env=False)
        answer.raise_for_status()


@contextmanager
def serving(world: Path, latency: float) -> Iterator[Server]:
    """Serve a world file, without a limit but those of its keys, until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "airflow_provider_calcom.sandbox.main", "--world", str(world), "--port", str(port)]
    command += ["--rate-limit", _NO_LIMIT, "--latency", str(latency)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        server = Server(f"http://127.0.0.1:{port}")
        _wait_for(server, process)
        yield server
    finally:
        process.terminate()
        process.wait()


def _wait_for(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            server.counts()
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the sandbox did not start")
