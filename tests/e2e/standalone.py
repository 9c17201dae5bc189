"""A whole Airflow: scheduler, worker processes and server, as ``airflow standalone`` runs them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

_STARTS_WITHIN = 300.0


class AirflowApi:
    """Calls the API of a running Airflow.

    :param url: of its server.
    :param login: user name and password for calls of its API; None where everybody is an admin.
    """

    def __init__(self, url: str, login: tuple[str, str] | None = None) -> None:
        self.url = url
        self._login = login
        # Airflow closes what was idle for 5 s, as httpx would: a request might meet the closing.
        self._http = httpx.Client(base_url=url, timeout=60, limits=httpx.Limits(keepalive_expiry=2))

    def close(self) -> None:
        """Close the connections to it."""
        self._http.close()

    def get(self, path: str) -> Any:
        """Send a GET request to Airflow's API."""
        return self._http.get(f"/api/v2{path}", headers=self._token()).raise_for_status().json()

    def patch(self, path: str, body: Any) -> Any:
        """Send a PATCH request to Airflow's API."""
        return self._http.patch(f"/api/v2{path}", json=body, headers=self._token()).raise_for_status().json()

    def trigger(self, dag_id: str, run_id: str, **conf: Any) -> None:
        """Start a run of a DAG, also of a paused one."""
        self.patch(f"/dags/{dag_id}", {"is_paused": False})
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        self._http.post(f"/api/v2/dags/{dag_id}/dagRuns", json=body, headers=self._token()).raise_for_status()

    def fail(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Mark a task as failed, as a user does to stop it."""
        self.patch(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}", {"new_state": "failed"})

    def answer(self, dag_id: str, run_id: str, task_id: str, choice: str) -> None:
        """Respond to a task that waits for a person."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails"
        self.patch(path, {"chosen_options": [choice], "params_input": {}})

    def task(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """Return a task instance: ``state``, ``try_number`` and more."""
        found: dict[str, Any] = self.get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}")
        return found

    def _token(self) -> Mapping[str, str]:
        if self._login is None:
            answer = self._http.get("/auth/token")
        else:
            name, password = self._login
            answer = self._http.post("/auth/token", json={"username": name, "password": password})
        return {"Authorization": f"Bearer {answer.raise_for_status().json()['access_token']}"}


class Standalone(AirflowApi):
    """An Airflow that runs on this machine.

    :param url: of its server.
    :param home: its AIRFLOW_HOME.
    :param process: the parent of all other processes.
    :param login: user name and password for calls of its API; None where everybody is an admin.
    :param environment: the environment variables of its processes.
    """

    def __init__(
        self,
        url: str,
        home: Path,
        process: subprocess.Popen[bytes],
        login: tuple[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(url, login)
        self.home = home
        self.process = process
        self.restarted: list[subprocess.Popen[bytes]] = []
        self._environment = environment

    def waits_for_person(self, dag_id: str, run_id: str, task_id: str) -> bool:
        """Return whether a task waits for a person, and the scheduler has registered that its process ended.

        The state alone is not enough: after a response in the split second between the two, Airflow 3.3.2 queues the
        task again, then registers the end of its process, and fails it ("finished with state success, but the task
        instance's state attribute is queued"). No person is that quick.
        """
        if self.task(dag_id, run_id, task_id)["state"] != "awaiting_input":
            return False
        end = f"TaskInstance Finished: dag_id={dag_id}, task_id={task_id}, run_id={run_id},"
        return end in (self.home / "standalone.log").read_text(errors="replace")

    def log(self) -> str:
        """Return the output of all of Airflow's processes, with the logs of tasks."""
        tasks = sorted((self.home / "logs").rglob("*.log"))
        return "\n".join(path.read_text(errors="replace") for path in [self.home / "standalone.log", *tasks])

    def kill(self, component: str) -> None:
        """Kill -9 a component, such as ``triggerer``, with its processes. Standalone does not start it again."""
        parents = [self.process.pid, *(one.pid for one in self.restarted)]
        family = [
            one for pid in parents for one in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        ]
        heads = [one for one in family if one.is_running() and component in _command_of(one)]
        victims = {one for head in heads for one in [head, *head.children(recursive=True)]}
        assert victims, f"no process of {component} is running"
        for victim in victims:
            victim.kill()
        psutil.wait_procs(list(victims), timeout=10)

    def restart(self, component: str) -> None:
        """Start a component that was killed."""
        with (self.home / "standalone.log").open("ab") as output:
            command = [sys.executable, "-m", "airflow", component]
            one = subprocess.Popen(command, env=self._environment, stdout=output, stderr=subprocess.STDOUT)
        self.restarted.append(one)

    def processes_calling(self, port: int) -> list[psutil.Process]:
        """Return Airflow's processes with a connection to a port: those that run the task."""
        calling = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            try:
                connections = process.net_connections(kind="tcp")
            except psutil.Error:
                continue
            if any(one.raddr and one.raddr.port == port for one in connections):
                calling.append(process)
        return calling


@contextmanager
def running_standalone(
    folder: Path, dags: Path, environment: Mapping[str, str], login: tuple[str, str] | None = None
) -> Iterator[Standalone]:
    """Run Airflow until the block ends.

    :param folder: empty folder for its home.
    :param dags: the folder of its DAGs.
    :param environment: further environment variables, such as connections.
    :param login: user name and password of an admin, where ``environment`` sets up users. Defaults to no users:
        everybody is an admin.
    """
    home, port = folder / "home", _free_port()
    home.mkdir()
    url = f"http://127.0.0.1:{port}"
    bundle = {
        "name": "dags",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(dags), "refresh_interval": 5},
    }
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")} | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__TRIGGERER__TRIGGERER_LOG_SERVER_PORT": str(_free_port()),
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(_free_port()),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        **environment,
    }
    with (home / "standalone.log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", "standalone"],
            env=variables,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    airflow = Standalone(url, home, process, login, variables)
    try:
        try:
            wait_until(lambda: process.poll() is not None or _is_healthy(url), _STARTS_WITHIN, "Airflow's start", 1.0)
        finally:
            if not _is_healthy(url):
                print(airflow.log()[-8000:])
        assert process.poll() is None
        # At the first request of a worker, the server builds its interface for workers and responds to nobody
        # meanwhile: seconds, or a minute on a busy machine, after which the worker would have given up.
        httpx.get(f"{url}/execution/health", timeout=_STARTS_WITHIN)
        yield airflow
    finally:
        airflow.close()
        for one in (*airflow.restarted, process):
            _end(one)
        shutil.rmtree(home, ignore_errors=True)


def wait_until(is_so: Callable[[], Any], seconds: float, what: str, each: float = 0.05) -> Any:
    """Poll until a function returns a true value, and return it.

    :param seconds: time-out.
    :param what: named in the error.
    :param each: seconds between two calls.
    """
    deadline = time.monotonic() + seconds
    while not (found := is_so()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(each)
    return found


def _is_healthy(url: str) -> bool:
    try:
        health = httpx.get(f"{url}/api/v2/monitor/health", timeout=5).json()
    except (httpx.HTTPError, ValueError):
        return False
    return all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))


def _command_of(process: psutil.Process) -> list[str]:
    try:
        command: list[str] = process.cmdline()
    except psutil.Error:
        return []
    return command


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _end(process: subprocess.Popen[bytes]) -> None:
    """End all processes: the children of standalone outlive it."""
    if process.poll() is not None:
        return
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    process.send_signal(signal.SIGTERM)
    _, alive = psutil.wait_procs(family, timeout=5)
    for one in alive:
        one.kill()
    process.wait()
