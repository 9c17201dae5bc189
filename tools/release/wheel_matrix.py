"""``make test-wheel``: the wheel by plain pip beside each supported Airflow, a line for each version.

``python -m tools.release.wheel_matrix [VERSION ...]``: a version is that of ``constraints/airflow-VERSION.txt``; all of
them where none is given. Each Airflow is installed under its constraints, then the wheel without any, then with both
extras: Airflow must keep its version, and the environment stay consistent. The packages that change all the same are
printed: they are traps, and docs/how-to/install.md has them.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tools.release.build import FIRST, build
from tools.release.plain_install import (
    check_commands,
    check_connection,
    check_provider,
    install,
    new_environment,
)

ROOT = Path(__file__).resolve().parents[2]


def main(versions: list[str]) -> int:
    """Try all versions, and return the exit status."""
    chosen = versions or sorted(path.stem.partition("-")[2] for path in ROOT.glob("constraints/airflow-*.txt"))
    failed = []
    with tempfile.TemporaryDirectory() as temporary:
        (wheel,) = build(ROOT, FIRST, "wheel", folder=Path(temporary, "dist"))
        for version in chosen:
            started = time.monotonic()
            problems, changed = beside(version, wheel, Path(temporary, version))
            failed += [version] if problems else []
            seconds = f"{time.monotonic() - started:.0f} s"
            result = f"{'FAILED' if problems else 'ok'}: Airflow {version}, {seconds}"
            print(f"{result}; changed: {', '.join(changed) or 'none'}")
            print(*(f"  {line}\n" for line in problems), sep="", end="", flush=True)
    print(f"test-wheel: {len(chosen) - len(failed)} of {len(chosen)} versions of Airflow")
    return 1 if failed else 0


def beside(version: str, wheel: Path, folder: Path) -> tuple[list[str], list[str]]:
    """Install a wheel beside a version of Airflow, and return the problems and the other packages that changed."""
    try:
        environment = new_environment(folder / "venv", folder / "home", ROOT / "constraints" / f"airflow-{version}.txt")
    except RuntimeError as error:
        return [str(error)], []
    changed = install(environment, wheel)
    number = wheel.name.split("-")[1]
    check_provider(environment, number, has_documentation_link=_number(version) >= (3, 3))
    changed += install(environment, wheel, "[attendance,sandbox]")
    check_commands(environment)
    check_connection(environment)
    return environment.problems, changed


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
