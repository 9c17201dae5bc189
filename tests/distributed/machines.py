"""Airflow's parts, each with a home folder of its own, as on separate machines."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from tests.attendance.postgres import PostgresServer
from tests.distributed import machine_name
from tests.distributed.dags import write_dags
from tests.distributed.processes import HOST, Processes, free_ports
from tests.distributed.servers import ObjectStore, Sandbox
from tests.distributed.world import KEY
from tests.e2e.standalone import AirflowApi, wait_until

ROOT = Path(__file__).resolve().parents[2]
DATABASE = "airflow"
DEFAULT_QUEUE = "default"
SLOTS = 2
"""Tasks that a worker runs at once."""

LOST_AFTER = 15
"""Seconds without a heartbeat after which Airflow considers a task lost. A busy machine must not look like that."""

REDELIVERED_AFTER = 45
"""Seconds after which Redis hands out a message again that no worker has acknowledged. It does so also for a task that
runs for longer: Airflow 3.3 ignores that second delivery, because the task instance is running."""

_STARTS_WITHIN = 300.0


@dataclass(frozen=True)
class Shared:
    """What all machines know: where the servers are, and the secrets of one installation.

    :param folder: for the machines' homes.
    :param jwt_secret: with which Airflow's parts sign their tokens.
    :param port: of Airflow's server.
    """

    folder: Path
    postgres: PostgresServer
    broker: str
    store: ObjectStore
    sandbox: Sandbox
    jwt_secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    port: int = field(default_factory=lambda: free_ports(1)[0])

    @property
    def url(self) -> str:
        """The URL of Airflow's server."""
        return f"http://{HOST}:{self.port}"

    def environment(self, machine: str) -> dict[str, str]:
        """Return all environment variables of a machine, and make its home, with copies of the DAGs."""
        home = self.folder / machine
        for name in ("airflow", "home", "tmp"):
            (home / name).mkdir(parents=True, exist_ok=True)
        dags = home / "dags"
        if not dags.exists():
            write_dags(dags)
        kept = ("LANG", "LC_ALL", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
        return {
            **{name: value for name, value in os.environ.items() if name in kept},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HOME": str(home / "home"),
            "TMPDIR": str(home / "tmp"),
            "AIRFLOW_HOME": str(home / "airflow"),
            machine_name.VARIABLE: machine,
            **self.store.environment,
            **self._airflow(dags),
        }

    def _airflow(self, dags: Path) -> dict[str, str]:
        bundle = {
            "name": "dags",
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(dags), "refresh_interval": 300},
        }
        connection = {"conn_type": "calcom", "host": self.sandbox.url, "password": KEY}
        server = self.postgres
        place = f"{server.owner}:{server.owner_password}@{server.host}:{server.port}/{DATABASE}"
        return {
            "AIRFLOW_CONN_CALCOM_DEFAULT": json.dumps(connection),
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "16",
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": f"{machine_name.__name__}.machine_name",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__API_AUTH__JWT_SECRET": self.jwt_secret,
            "AIRFLOW__API__SECRET_KEY": self.jwt_secret,
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__HOST": HOST,
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{place}",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{place}",
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
            "AIRFLOW__CELERY__BROKER_URL": self.broker,
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql+psycopg2://{place}",
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": str(SLOTS),
            "AIRFLOW__CELERY__TASK_ACKS_LATE": "True",
            "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": str(REDELIVERED_AFTER),
            "AIRFLOW__OPERATORS__DEFAULT_QUEUE": DEFAULT_QUEUE,
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(LOST_AFTER),
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
            "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
        }


def start_airflow(processes: Processes, shared: Shared) -> AirflowApi:
    """Start the scheduler, the DAG processor and the server, and wait until they are healthy."""
    environment = shared.environment("control")
    connection = shared.postgres.connect(as_owner=True)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {DATABASE}")
    connection.close()
    migrate(environment, processes.logs / "migrate.log")
    for part in ("api-server", "scheduler", "dag-processor"):
        processes.start(part, [sys.executable, "-m", "airflow", part], environment=environment, folder=shared.folder)

    def is_healthy() -> bool:
        processes.check()
        try:
            health = httpx.get(f"{shared.url}/api/v2/monitor/health", timeout=5, trust_env=False).json()
        except (httpx.HTTPError, ValueError):
            return False
        return all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))

    wait_until(is_healthy, _STARTS_WITHIN, "Airflow's start", 0.5)
    # At the first request of a worker, the server builds its interface for workers, and responds to nobody meanwhile.
    httpx.get(f"{shared.url}/execution/health", timeout=_STARTS_WITHIN, trust_env=False)
    return AirflowApi(shared.url)


def migrate(environment: Mapping[str, str], log: Path) -> None:
    """Make Airflow's tables.

    :raises RuntimeError: with the output, if that fails.
    """
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    with log.open("wb") as output:
        code = subprocess.run(command, env=environment, stdout=output, stderr=subprocess.STDOUT, check=False).returncode
    if code:
        raise RuntimeError(f"airflow db migrate ended with {code}:\n{log.read_text(errors='replace')[-4000:]}")


def start_worker(processes: Processes, shared: Shared, machine: str, *queues: str) -> psutil.Process:
    """Start a Celery worker on a machine of its own.

    :param queues: those it takes tasks from, beside the default one and its own.
    """
    environment = shared.environment(machine)
    options = ["--celery-hostname", f"{machine}@%h", "--queues", ",".join((DEFAULT_QUEUE, machine, *queues))]
    command = [sys.executable, "-m", "airflow", "celery", "worker", "--skip-serve-logs", "--without-gossip", *options]
    return processes.start(machine, command, environment=environment, folder=Path(environment["HOME"]))
