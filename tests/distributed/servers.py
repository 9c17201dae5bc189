"""What the workers share: Redis, an object store, and Cal.com's sandbox, each a process of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import s3fs

from tests.distributed.object_store import BUCKET, running_store
from tests.distributed.processes import HOST, Processes, free_ports, wait_for_server
from tests.distributed.redis_server import install_redis
from tests.e2e.standalone import wait_until


def start_redis(processes: Processes, folder: Path) -> str:
    """Start Redis, and return its URL."""
    import redis

    (port,) = free_ports(1)
    folder.mkdir()
    options = {"port": port, "bind": HOST, "dir": folder, "save": "", "appendonly": "no"}
    command = [install_redis(), *(str(part) for name, value in options.items() for part in (f"--{name}", value))]
    processes.start("redis", command)
    client = redis.Redis(host=HOST, port=port, retry=None)

    def responds() -> bool:
        processes.check()
        try:
            return bool(client.ping())
        except redis.exceptions.ConnectionError:
            return False

    wait_until(responds, 60, "Redis's start", 0.1)
    client.close()
    return f"redis://{HOST}:{port}/0"


class ObjectStore:
    """The object store of :func:`running_store`, which must be running."""

    def __init__(self) -> None:
        # Listings are not kept, as others write meanwhile.
        self._files = s3fs.S3FileSystem(use_listings_cache=False)

    @property
    def environment(self) -> dict[str, str]:
        """What libraries for S3 read, as on a machine with a role."""
        return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}

    def put(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Store files by their keys."""
        for key, content in files:
            self._files.pipe_file(f"{BUCKET}/{key}", content)

    def keys(self, prefix: str) -> list[str]:
        """Return the keys below a folder."""
        return [str(path).removeprefix(f"{BUCKET}/") for path in self._files.find(f"{BUCKET}/{prefix}")]

    def get(self, key: str) -> bytes:
        """Return the content of a file."""
        return bytes(self._files.cat_file(f"{BUCKET}/{key}"))

    def has_conditional_writes(self) -> bool:
        """Return whether ``If-None-Match: *`` refuses to replace a file. A store may ignore the header."""
        self._files.pipe_file(f"{BUCKET}/probe", b"first", mode="create")
        with suppress(OSError):
            self._files.pipe_file(f"{BUCKET}/probe", b"second", mode="create")
        return self.get("probe") == b"first"


@contextmanager
def serving_objects(processes: Processes, folder: Path) -> Iterator[ObjectStore]:
    """Run an object store with an empty bucket until the block ends.

    :param processes: measure it.
    :param folder: for its files; it is created.
    """
    folder.mkdir()
    before = set(psutil.Process().children())
    with running_store(folder):
        for process in set(psutil.Process().children()) - before:
            processes.watch("object-store", process)
        yield ObjectStore()


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox.

    :param url: without ``/v2``.
    """

    url: str

    def read(self, what: str) -> Any:
        """Return what it recorded: ``counts``, ``calls`` or ``state``."""
        return httpx.get(f"{self.url}/_sandbox/{what}", timeout=120, trust_env=False).raise_for_status().json()


def start_sandbox(processes: Processes, world: Path, rate_limit: str) -> Sandbox:
    """Serve a world file.

    :param rate_limit: as ``calcom-sandbox`` takes it, such as ``120/60/60``.
    """
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "airflow_provider_calcom.sandbox.main", "--host", HOST, "--port", str(port)]
    processes.start("sandbox", [*command, "--world", str(world), "--rate-limit", rate_limit])
    sandbox = Sandbox(f"http://{HOST}:{port}")
    wait_for_server(f"{sandbox.url}/_sandbox/counts", processes)
    return sandbox
