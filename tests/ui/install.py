"""Install what the browser tests need beside Python packages: axe-core from npm, and Chromium where there is none.

``make e2e-ui`` runs it. Packages of the system are installed only if they are missing, by apt-get, as root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.ui.chromium import find_chromium

HERE = Path(__file__).resolve().parent
NO_CHROMIUM = (
    "No Chromium was found, and none could be installed (see above). Install one as root, for example with `apt-get "
    "install chromium`, or set the variable CHROMIUM to the path of one"
)
NO_NPM = "npm was not found, and could not be installed (see above). Install Node.js 18 or newer with npm"


def main(folder: Path) -> None:
    """Install everything.

    :param folder: of the packages from npm.
    :raises SystemExit: if something cannot be installed, with what to do.
    """
    install_axe(folder)
    print("Chromium:", install_chromium())


def install_axe(folder: Path) -> None:
    """Install axe-core, of the pinned version and with the pinned hash, into a folder."""
    if not shutil.which("npm"):
        apt_install("npm")
    if not shutil.which("npm"):
        sys.exit(NO_NPM)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    if not run("npm", "ci", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund"):
        sys.exit("npm could not install axe-core (see above)")


def install_chromium() -> str:
    """Install a Chromium if there is none, and return its path."""
    if not find_chromium():
        apt_install("chromium", "fonts-liberation")
    if not find_chromium():  # for example on Ubuntu, whose package is a snap, which needs a running snapd
        run(sys.executable, "-m", "playwright", "install", "--with-deps", "chromium")
    return find_chromium() or sys.exit(NO_CHROMIUM)


def apt_install(*packages: str) -> None:
    """Try to install packages of the system."""
    if not shutil.which("apt-get"):
        return
    as_root = () if os.geteuid() == 0 else ("sudo", "--non-interactive")
    run(*as_root, "apt-get", "-qq", "update")
    run(*as_root, "apt-get", "-qq", "install", "--yes", "--no-install-recommends", *packages)


def run(*command: str) -> bool:
    """Run a command, with its output shown, and return whether it succeeded."""
    print("+", *command, flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        return subprocess.run(command, check=False, env=environment).returncode == 0
    except OSError as error:
        print(error)
        return False


if __name__ == "__main__":
    main(Path(sys.argv[1]))
