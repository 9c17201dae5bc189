"""Install a wheel as users do, by plain pip and without constraints beside an Airflow, and look at the result."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PACKAGE = "airflow-provider-calcom"
# What Airflow and its constraints chose, and another package must not change.
AIRFLOW = re.compile(r"apache-airflow(-core|-task-sdk|-ctl)?")
IMPORTS = (
    "airflow_provider_calcom.hooks.calcom",
    "airflow_provider_calcom.hooks.sql",
    "airflow_provider_calcom.operators.bookings",
    "airflow_provider_calcom.operators.no_shows",
    "airflow_provider_calcom.operators.webhooks",
    "airflow_provider_calcom.sensors.attendance",
    "airflow_provider_calcom.sensors.bookings",
    "airflow_provider_calcom.triggers.attendance",
    "airflow_provider_calcom.triggers.bookings",
)
_IMPORT = "import importlib\nfor name in {names!r}: importlib.import_module(name)"
_LOAD = """
from importlib.metadata import distribution
for one in distribution("airflow-provider-calcom").entry_points: one.load()
"""
_TEST_CONNECTION = """
import json, os
from airflow_provider_calcom.hooks.calcom import CalComHook
from airflow_provider_calcom.sandbox.practice import demo_world
from airflow_provider_calcom.sandbox.running import running_sandbox
with running_sandbox(world=demo_world()) as sandbox:
    connection = {"conn_type": "calcom", "host": sandbox.url, "password": "cal_demo_owner"}
    os.environ["AIRFLOW_CONN_CALCOM_DEFAULT"] = json.dumps(connection)
    works, message = CalComHook().test_connection()
    assert works, message
"""


@dataclass
class Environment:
    """A virtual environment with an Airflow.

    :param folder: of the environment.
    :param home: an empty folder, for Airflow.
    """

    folder: Path
    home: Path
    problems: list[str] = field(default_factory=list)

    @property
    def python(self) -> str:
        """Path of the environment's Python."""
        return str(self.folder / "bin" / "python")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment outside the source, so that only what is installed can be imported."""
        variables = {
            **os.environ,
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        }
        variables.pop("PYTHONPATH", None)
        return subprocess.run(command, cwd=self.home, env=variables, capture_output=True, text=True, check=False)

    def must(self, what: str, *command: str) -> str:
        """Run a command and return its output; one that fails is a problem, with the last lines that it wrote."""
        run = self.run(*command)
        if run.returncode:
            lines = [line for line in (run.stdout + run.stderr).splitlines() if line.strip()]
            self.problems.append(f"{what}: {' / '.join(lines[-3:])}")
        return run.stdout

    def versions(self) -> dict[str, str]:
        """Return the version of each installed package."""
        listed = json.loads(self.run(self.python, "-m", "pip", "list", "--format=json").stdout)
        return {one["name"].lower(): one["version"] for one in listed}


def new_environment(folder: Path, home: Path, constraints: Path) -> Environment:
    """Create an environment with the Airflow of a constraints file.

    :raises RuntimeError: if Airflow can't be installed.
    """
    (pinned,) = re.findall(r"^apache-airflow==(\S+)", constraints.read_text(encoding="utf-8"), re.MULTILINE)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    home.mkdir(parents=True, exist_ok=True)
    made = Environment(folder, home)
    pip = (made.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint")
    made.must("pip", *pip, str(constraints.resolve()), "--upgrade", "pip")
    made.must(f"Airflow {pinned}", *pip, str(constraints.resolve()), f"apache-airflow=={pinned}")
    if made.problems:
        raise RuntimeError(made.problems[0])
    return made


def install(environment: Environment, wheel: Path, extras: str = "") -> list[str]:
    """Install a wheel by plain pip; return the packages of before that have another version now.

    A new version of Airflow, or a requirement that is broken now, is a problem.
    """
    before = environment.versions()
    command = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"{wheel.resolve()}{extras}")
    environment.must(f"pip install {wheel.name}{extras}", environment.python, *command)
    changed = dict(differences(before, environment.versions()))
    environment.problems += [f"{name} is now {change}" for name, change in changed.items() if AIRFLOW.fullmatch(name)]
    environment.must("pip check", environment.python, "-m", "pip", "check")
    return [f"{name} {change}" for name, change in changed.items()]


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each package that is gone or has another version, with ``old -> new``."""
    for name, version in before.items():
        if name != PACKAGE and after.get(name) != version:
            yield name, f"{version} -> {after.get(name, 'gone')}"


def check_provider(environment: Environment, version: str, *, has_documentation_link: bool) -> None:
    """Check that Airflow lists the provider, with version and logo, and that its modules import.

    :param version: of the package.
    :param has_documentation_link: whether this Airflow shows the wheel's link to the documentation.
    """
    airflow = (environment.python, "-m", "airflow", "providers")
    listed = _json(environment.must("airflow providers list", *airflow, "list", "--output", "json"))
    shown = {one["package_name"]: one["version"] for one in listed}
    if shown.get(PACKAGE) != version:
        environment.problems.append(f"airflow providers list: has {shown.get(PACKAGE)}, not {version}")
    output = environment.must("airflow providers get", *airflow, "get", PACKAGE, "--full", "--output", "json")
    got = (_json(output) or [{}])[0]
    logo = re.search(r"/docs/integration-logos/[\w-]+\.svg", json.dumps(got))
    if not logo or not list(environment.folder.glob(f"lib/*/site-packages/airflow_provider_calcom{logo[0]}")):
        environment.problems.append("airflow providers get: has no logo, or the package does not have that file")
    if has_documentation_link and not str(got.get("documentation-url")).startswith("https://"):
        environment.problems.append(f"airflow providers get: documentation-url is {got.get('documentation-url')}")
    environment.must("importing", environment.python, "-c", _IMPORT.format(names=IMPORTS))


def check_commands(environment: Environment) -> None:
    """Check that all entry points load and both commands start. It needs the extra ``sandbox``."""
    environment.must("entry points", environment.python, "-c", _LOAD)
    for name in ("calcom-no-shows", "calcom-sandbox"):
        environment.must(name, str(environment.folder / "bin" / name), "--help")


def check_connection(environment: Environment) -> None:
    """Check that the hook's test of a connection works against the sandbox. It needs the extra ``sandbox``."""
    environment.must("test_connection", environment.python, "-c", _TEST_CONNECTION)


def _json(output: str) -> list[dict[str, object]]:
    """Parse a command's JSON, which is behind what Airflow logs on the same stream."""
    start = output.find("[{")
    found: list[dict[str, object]] = json.loads(output[start:]) if start >= 0 else []
    return found
