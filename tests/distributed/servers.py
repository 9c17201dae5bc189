"""What the workers share: Redis, an object store, and Cal.com's sandbox, each a process of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx

from tests.distributed.processes import HOST, Processes, free_ports, wait_for_server
from tests.distributed.redis_server import install_redis
from tests.e2e.standalone import wait_until

BUCKET = "calcom"
_ACCESS_KEY, _SECRET_KEY, _REGION = "distributed", "distributed-secret", "us-east-1"


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


@dataclass(frozen=True)
class ObjectStore:
    """SeaweedFS, an object store with S3's interface. It has conditional writes.

    :param url: of that interface.
    """

    url: str

    @property
    def environment(self) -> dict[str, str]:
        """What libraries for S3 read, as on a machine with a role."""
        return {
            "AWS_ACCESS_KEY_ID": _ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": _SECRET_KEY,
            "AWS_DEFAULT_REGION": _REGION,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def put(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Store files by their keys."""
        client = self._client()
        for key, content in files:
            client.put_object(Bucket=BUCKET, Key=key, Body=content)

    def keys(self, prefix: str) -> list[str]:
        """Return the keys with a prefix."""
        pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [one["Key"] for page in pages for one in page.get("Contents", [])]

    def get(self, key: str) -> bytes:
        """Return the content of a file."""
        content: bytes = self._client().get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return content

    def has_conditional_writes(self) -> bool:
        """Return whether ``If-None-Match: *`` refuses to replace a file. The endpoint may ignore the header."""
        client = self._client()
        client.put_object(Bucket=BUCKET, Key="probe", Body=b"first", IfNoneMatch="*")
        try:
            client.put_object(Bucket=BUCKET, Key="probe", Body=b"second", IfNoneMatch="*")
        except client.exceptions.ClientError as error:
            return bool(error.response["ResponseMetadata"]["HTTPStatusCode"] == 412)
        return False

    def _client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=_ACCESS_KEY,
            aws_secret_access_key=_SECRET_KEY,
            region_name=_REGION,
        )


def start_object_store(processes: Processes, folder: Path) -> ObjectStore:
    """Start an object store with an empty bucket."""
    data = folder / "data"
    data.mkdir(parents=True)
    credentials = {"accessKey": _ACCESS_KEY, "secretKey": _SECRET_KEY}
    identity = {"name": "distributed", "credentials": [credentials], "actions": ["Admin", "Read", "Write", "List"]}
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}))
    parts = ("master", "volume", "filer", "s3")
    ports = free_ports(2 * len(parts))
    options = {
        "dir": data,
        "ip": HOST,
        "ip.bind": HOST,
        "master.volumeSizeLimitMB": 64,
        "volume.max": 20,
        "s3.config": config,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        **{f"{part}.port": ports[number] for number, part in enumerate(parts)},
        **{f"{part}.port.grpc": ports[len(parts) + number] for number, part in enumerate(parts)},
    }
    program = str(Path(sys.executable).parent / "weed")
    arguments = [f"-{name}={value}" for name, value in options.items()]
    processes.start("object-store", [program, "-logtostderr=true", "server", "-s3", *arguments], folder=folder)
    store = ObjectStore(f"http://{HOST}:{ports[parts.index('s3')]}")
    wait_for_server(store.url, processes)
    store._client().create_bucket(Bucket=BUCKET)
    return store


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
