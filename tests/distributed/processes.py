"""Processes in sessions of their own, with their output in files, that are ended whatever happens."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import psutil

from tests.e2e.standalone import wait_until

HOST = "127.0.0.1"
_STARTS_WITHIN = 300.0
_ENDS_WITHIN = 10.0


class Processes:
    """Starts processes, and ends all of them and their children when the block ends.

    :param logs: folder for the output of each.
    """

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._running: dict[str, psutil.Process] = {}
        self._watched: dict[str, psutil.Process] = {}
        self._started = ExitStack()

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> psutil.Process:
        """Start a process.

        :param name: of the file of its output, and of the group that its memory counts for.
        :param environment: all of its variables. Defaults to ours.
        :param folder: to run in. Defaults to ours.
        """
        output = self._started.enter_context((self.logs / f"{name}.log").open("wb"))
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        self._running[name] = psutil.Process(process.pid)
        self._started.callback(process.wait)
        return self._running[name]

    def watch(self, name: str, process: psutil.Process) -> None:
        """Measure and check also a process that somebody else started, and ends."""
        self._watched[name] = process

    def kill(self, name: str) -> int:
        """Kill a process and all of its children with SIGKILL, as the loss of its machine does; return their number.

        Airflow's tasks have process groups of their own, which outlive that of their worker.
        """
        family = _family(self._running.pop(name))
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.suspend()  # so that none starts another one, or reports the end of one, before it is killed
        return sum(_kill(one) for one in family)

    def check(self) -> None:
        """Raise RuntimeError, with the end of its output, if a process has ended."""
        for name, process in self._everything.items():
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                log = self.logs / f"{name}.log"
                end = log.read_text(errors="replace")[-4000:] if log.exists() else ""
                raise RuntimeError(f"{name} ended. The last lines of its output:\n{end}")

    def memory(self) -> dict[str, int]:
        """Return the bytes of memory of each process and its children; what they share counts in parts."""
        return {name: sum(map(_proportional, _family(process))) for name, process in self._everything.items()}

    @property
    def _everything(self) -> dict[str, psutil.Process]:
        return {**self._watched, **self._running}

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        families = [_family(process) for process in self._running.values()]
        for process in reversed(self._running.values()):
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        _, alive = psutil.wait_procs([one for family in families for one in family], timeout=_ENDS_WITHIN)
        for one in alive:
            _kill(one)
        self._started.close()


def wait_for_server(url: str, processes: Processes) -> None:
    """Wait until a server responds, whatever it responds."""

    def responds() -> bool:
        processes.check()
        with suppress(httpx.TransportError):
            return httpx.get(url, timeout=5, trust_env=False).status_code > 0
        return False

    wait_until(responds, _STARTS_WITHIN, f"A response of {url}", 0.2)


def free_ports(number: int) -> list[int]:
    """Return TCP ports that nobody listens on now."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind((HOST, 0))
        return [probe.getsockname()[1] for probe in probes]


def _family(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return [process, *process.children(recursive=True)]
    return []


def _kill(process: psutil.Process) -> int:
    with suppress(psutil.NoSuchProcess):
        os.kill(process.pid, signal.SIGKILL)
        return 1
    return 0


def _proportional(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return int(process.memory_full_info().pss)
    return 0
