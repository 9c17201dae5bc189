"""A sandbox on a real socket, served by a thread: for tests and the demo."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn

from airflow_provider_calcom.sandbox.app import SandboxApp, create_app
from airflow_provider_calcom.sandbox.server.fault_injection import SandboxProtocol
from airflow_provider_calcom.sandbox.server.state import Sandbox


@dataclass(frozen=True)
class RunningSandbox:
    """A sandbox that is being served: `url` is its base URL without `/v2`, `state` the live :class:`Sandbox`."""

    url: str
    state: Sandbox


def make_server(app: SandboxApp, host: str, port: int, log_level: str = "warning") -> uvicorn.Server:
    """Return a uvicorn server that can drop connections and leaves the Date header to the sandbox's clock."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=SandboxProtocol,
        lifespan="off",
        date_header=False,
        server_header=False,
        access_log=False,
        log_level=log_level,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


@contextmanager
def running_sandbox(host: str = "127.0.0.1", port: int = 0, **options: Any) -> Iterator[RunningSandbox]:
    """Serve a sandbox until the block ends.

    :param port: TCP port; 0 for a free one.
    :param options: keyword arguments of :func:`create_app`.
    """
    app = create_app(**{"hosts": (host,), **options})
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        server = make_server(app, host, port)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.005)
        if not server.started:
            raise RuntimeError("the sandbox did not start")
        try:
            yield RunningSandbox(f"http://{host}:{listener.getsockname()[1]}", app.sandbox)
        finally:
            server.should_exit = True
            thread.join(timeout=10)
