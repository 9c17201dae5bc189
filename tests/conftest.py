"""Fixtures of sandboxes and connections. An AIRFLOW_HOME is set up before anything imports Airflow."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support import KEY, SandboxDriver

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE_DAGS = ROOT / "dags_examples"
_AIRFLOW_HOME = tempfile.mkdtemp(prefix="calcom-tests-")
atexit.register(shutil.rmtree, _AIRFLOW_HOME, ignore_errors=True)

(Path(_AIRFLOW_HOME) / "dags").mkdir()
for _name in [name for name in os.environ if name.startswith("AIRFLOW_")]:
    del os.environ[_name]
os.environ.update(
    {
        "AIRFLOW_HOME": _AIRFLOW_HOME,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLE_DAGS),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_AIRFLOW_HOME}/airflow.db",
        # From Airflow 3.1 on, DAG.test runs only DAGs of a configured bundle. 2.11 does not know the setting.
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(
            [
                {
                    "name": name,
                    "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
                    "kwargs": {"path": path},
                }
                for name, path in {"examples": str(EXAMPLE_DAGS), "written": f"{_AIRFLOW_HOME}/dags"}.items()
            ]
        ),
    }
)


@pytest.fixture(scope="session")
def airflow_db() -> None:
    """Make Airflow's database, for tests that run whole DAGs."""
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture(scope="session")
def _sandboxes() -> Iterator[Callable[[str], SandboxDriver]]:
    """Return a function that returns the sandbox of a build, which starts at its first use."""
    started: dict[str, SandboxDriver] = {}
    with ExitStack() as stack:

        def sandbox(build: str) -> SandboxDriver:
            if build not in started:
                started[build] = stack.enter_context(SandboxDriver.running(build))
            return started[build]

        yield sandbox


@pytest.fixture
def build() -> str:
    """Return the server build of ``calcom``; parametrise it to test on others."""
    return "2026-07"


@pytest.fixture
def calcom(
    build: str, _sandboxes: Callable[[str], SandboxDriver], connect: Callable[..., None], pauses: list[float]
) -> SandboxDriver:
    """Return a fresh sandbox to which ``calcom_default`` connects; no client sleeps."""
    driver = _sandboxes(build)
    driver.start_over()
    connect(host=driver.url, password=KEY)
    return driver


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that sets the connection ``calcom_default`` from a URI or from fields."""

    def set_connection(text: str | None = None, **fields: Any) -> None:
        value = json.dumps({"conn_type": "calcom", **fields}) if text is None else text
        monkeypatch.setenv("AIRFLOW_CONN_CALCOM_DEFAULT", value)

    return set_connection


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Record the pauses of clients instead of sleeping; retries do not sleep either."""
    import stamina

    from airflow_provider_calcom.api.client import AsyncCalComClient, CalComClient

    noted: list[float] = []

    async def note(seconds: float) -> None:
        noted.append(seconds)

    monkeypatch.setattr(CalComClient, "default_sleep", noted.append)
    monkeypatch.setattr(AsyncCalComClient, "default_sleep", staticmethod(note))
    with stamina.set_testing(True, attempts=20, cap=True):
        yield noted
