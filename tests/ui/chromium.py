"""Find a Chromium for the browser tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str | None:
    """Return the path of a Chromium: of the variable CHROMIUM, an installed one, or Playwright's own; None without."""
    if chosen := os.environ.get("CHROMIUM"):
        return chosen
    installed = (path for name in NAMES if (path := shutil.which(name)))
    return next(filter(_starts, installed), None) or _of_playwright()


def _starts(path: str) -> bool:
    """Return whether it is a browser, and not Ubuntu's script that only explains how to install a snap."""
    try:
        return subprocess.run([path, "--version"], capture_output=True, check=False, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _of_playwright() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None
