"""Airflow's own API server with the plugin in it, and a user of each role."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.configuration import has_plugin_apps, has_views

ROLES = ("viewer", "user", "op", "admin")
_PASSWORD = "a password of a test"

if not has_views():
    # Before Airflow 3.1 there is no server that could show the pages.
    collect_ignore = ["test_app.py", "test_attacks.py", "test_permission.py"]
    if not has_plugin_apps():
        collect_ignore += ["test_receiver.py", "test_load.py"]


@pytest.fixture(autouse=True)
def _no_options(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AIRFLOW__CALCOM_NO_SHOWS__")]:
        monkeypatch.delenv(name)


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that sets options of the section ``[calcom_no_shows]``."""

    def configure(**options: str | Path) -> None:
        for name, value in options.items():
            monkeypatch.setenv(f"AIRFLOW__CALCOM_NO_SHOWS__{name.upper()}", str(value))

    return configure


@pytest.fixture(scope="session")
def server(airflow_db: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return Airflow's API server, which has loaded the plugin by its entry point, with one user of each role."""
    from airflow.api_fastapi.app import create_app

    passwords = tmp_path_factory.mktemp("users") / "passwords.json"
    passwords.write_text(json.dumps(dict.fromkeys(ROLES, _PASSWORD)), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", ",".join(f"{role}:{role}" for role in ROLES))
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", str(passwords))
        patch.setenv(
            "AIRFLOW__API_AUTH__JWT_SECRET", "a secret of a test that is long enough for HS512, which needs 64"
        )
        yield create_app(apps="core")


@pytest.fixture
def client(server: Any) -> Any:
    """Return a client of the server that is not logged in."""
    from fastapi.testclient import TestClient

    return TestClient(server, raise_server_exceptions=False, follow_redirects=False)


@pytest.fixture(scope="session")
def token(server: Any) -> Callable[[str], str]:
    """Return a function that logs a user in, by the name of the role, and returns the token."""
    from fastapi.testclient import TestClient

    tokens: dict[str, str] = {}

    def token(role: str) -> str:
        if role not in tokens:
            answer = TestClient(server).post("/auth/token", json={"username": role, "password": _PASSWORD})
            tokens[role] = answer.json()["access_token"]
        return tokens[role]

    return token


@pytest.fixture
def user(client: Any, token: Callable[[str], str]) -> Any:
    """Return a client that is logged in as a user who may approve."""
    client.headers["Authorization"] = f"Bearer {token('user')}"
    return client
