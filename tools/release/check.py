"""``make release-check``: build, look into, install and describe a release, a line for each result.

``python -m tools.release.check AIRFLOW``: AIRFLOW is an environment of Airflow under its constraints; a copy of it is
used. What may be published is in ``dist`` afterwards: wheel, source distribution and SBOM. The exit status is 1 if
anything is wrong.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tools.release.build import NotReproducible, build_twice
from tools.release.contents import problems_of_sdist, problems_of_wheel
from tools.release.plain_install import (
    Environment,
    check_commands,
    check_connection,
    check_provider,
    install,
)
from tools.release.sbom import write_sbom

ROOT = Path(__file__).resolve().parents[2]
DIST = ROOT / "dist"
CONSTRAINTS = ROOT / "constraints" / "airflow-3.3.txt"


def main(airflow: Path) -> int:
    """Check everything, and return the exit status."""
    started = time.monotonic()
    problems: list[str] = []
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        try:
            sdist, wheel = (Path(shutil.copy(path, fresh(DIST))) for path in build_twice(ROOT, work / "builds"))
        except NotReproducible as error:
            print(f"release-check: FAILED: {error}")
            return 1
        print(f"built twice, same bytes: {wheel.name}, {sdist.name}")
        version = wheel.name.split("-")[1]
        report = reporter(problems)
        report("contents of the wheel", problems_of_wheel(wheel, ROOT))
        report("contents of the source distribution", problems_of_sdist(sdist, ROOT))
        report("version in changelog and upgrade note", problems_of_version(version))
        report("twine check --strict", failures("twine", "check", "--strict", str(wheel), str(sdist)))
        report("check-wheel-contents", failures("check_wheel_contents", str(wheel)))
        environment = copy_of(airflow, work)
        changed = install(environment, wheel)
        check_provider(environment, version, has_documentation_link=True)
        report(
            f"plain pip beside Airflow, other packages changed: {', '.join(changed) or 'none'}", environment.problems
        )
        bom = DIST / f"{wheel.name.removesuffix('.whl')}.cdx.json"
        report(f"SBOM {bom.name}", sboms(environment, wheel, version, bom))
        environment.problems.clear()
        install(environment, wheel, "[attendance,sandbox]")
        check_commands(environment)
        check_connection(environment)
        report("commands, entry points and test_connection with both extras", environment.problems)
    result = f"FAILED, {len(problems)} problems" if problems else f"{version} may be published, it is in {DIST.name}/"
    print(f"release-check: {result} ({time.monotonic() - started:.0f} s)")
    return 1 if problems else 0


def reporter(problems: list[str]) -> Callable[[str, list[str]], None]:
    """Return a function that prints a check with its problems, and collects them."""

    def report(what: str, found: list[str]) -> None:
        print(f"{'FAILED' if found else 'ok'}: {what}", *(f"  {line}" for line in found), sep="\n", flush=True)
        problems.extend(found)

    return report


def fresh(folder: Path) -> Path:
    """Return a folder, created where it is missing; files of other releases in it are left."""
    folder.mkdir(exist_ok=True)
    return folder


def failures(module: str, *arguments: str) -> list[str]:
    """Run a tool of this environment; return the last lines that it writes if it fails."""
    run = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False)
    return [] if run.returncode == 0 else (run.stdout + run.stderr).splitlines()[-5:]


def problems_of_version(version: str) -> list[str]:
    """Return where another version is written than the wheel's."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[(\d[^\]]*)\]", changelog, re.MULTILINE)
    upgrade = (ROOT / "docs" / "how-to" / "upgrade.md").read_text(encoding="utf-8").splitlines()[0]
    found = [] if newest and newest[1] == version else [f"CHANGELOG.md: the newest is {newest and newest[1]}"]
    minor = version.rpartition(".")[0]
    return found if upgrade == f"# Upgrade to {minor}" else [*found, f"docs/how-to/upgrade.md: begins {upgrade!r}"]


def copy_of(airflow: Path, work: Path) -> Environment:
    """Copy an environment: installing Airflow again takes a minute. Its Python runs from the copy."""
    folder = work / "airflow"
    shutil.copytree(airflow, folder, symlinks=True)
    home = work / "home"
    home.mkdir()
    return Environment(folder, home)


def sboms(environment: Environment, wheel: Path, version: str, target: Path) -> list[str]:
    """Write the SBOM of what the constraints pin, twice; return a problem where the bytes differ."""
    pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint", str(CONSTRAINTS))
    environment.must("constraints", environment.python, *pip, str(wheel))
    pyproject, again = ROOT / "pyproject.toml", target.with_suffix(".again")
    write_sbom(Path(environment.python), pyproject, version, target)
    write_sbom(Path(environment.python), pyproject, version, again)
    is_same = target.read_bytes() == again.read_bytes()
    again.unlink()
    return [] if is_same else ["two SBOMs of one environment differ"]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
