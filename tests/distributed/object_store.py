"""SeaweedFS, an object store with S3's interface and conditional writes, in a process of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import s3fs

BUCKET = "no-shows"
_KEY, _SECRET = "test", "test-secret"
_PARTS = ("master", "volume", "filer", "s3")


@contextmanager
def running_store(folder: Path) -> Iterator[None]:
    """Run a store with one bucket until the block ends, and let this process and its children use it.

    :param folder: for its files.
    """
    identity = {"name": "test", "credentials": [{"accessKey": _KEY, "secretKey": _SECRET}], "actions": ["Admin"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (folder / "data").mkdir()
    ports = _free_ports(2 * len(_PARTS))
    options = {
        "dir": folder / "data",
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "s3.config": folder / "s3.json",
        "master.volumeSizeLimitMB": 64,
        "volume.max": 20,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        **{f"{part}.port": ports[number] for number, part in enumerate(_PARTS)},
        **{f"{part}.port.grpc": ports[len(_PARTS) + number] for number, part in enumerate(_PARTS)},
    }
    command = [str(Path(sys.executable).parent / "weed"), "-logtostderr=true", "server", "-s3"]
    command += [f"-{name}={value}" for name, value in options.items()]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    os.environ.update(
        AWS_ACCESS_KEY_ID=_KEY,
        AWS_SECRET_ACCESS_KEY=_SECRET,
        AWS_DEFAULT_REGION="us-east-1",
        AWS_EC2_METADATA_DISABLED="true",
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{ports[_PARTS.index('s3')]}",
    )
    try:
        _create_bucket(process, folder / "log")
        yield
    finally:
        process.terminate()
        process.wait(30)


def _create_bucket(process: subprocess.Popen[bytes], log: Path) -> None:
    store = s3fs.S3FileSystem()
    for _ in range(300):
        try:
            # The volumes come some seconds after the interface.
            if not store.exists(BUCKET):
                store.mkdir(BUCKET)
            store.pipe_file(f"{BUCKET}/started", b"yes")
            return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.2)
    raise RuntimeError(f"the object store did not start: {log.read_text()[-2000:]}")


def _free_ports(number: int) -> list[int]:
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in listeners:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in listeners]
