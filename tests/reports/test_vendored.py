"""The libraries that a report brings are those of their projects, unchanged, and within the package."""

from __future__ import annotations

import hashlib
import json
import zipfile
from importlib.resources import files

from tests.test_layout import wheel

__all__ = ["wheel"]

VENDORED = files("airflow_provider_calcom.reports") / "static" / "vendored"
LISTED = json.loads((VENDORED / "vendored.json").read_text())


def test_vendored_files_are_unchanged() -> None:
    """Each has the checksum of the file that was copied, and the list leaves none out."""
    found = {
        one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in VENDORED.iterdir() if one.name.endswith(".js")
    }
    assert found == {one["file"]: one["sha256"] for one in LISTED}


def test_vendored_files_have_version_and_licence() -> None:
    """Each names its version itself, and its licence is beside it."""
    for one in LISTED:
        assert f"v{one['version']} Copyright" in (VENDORED / one["file"]).read_text()[:200]
        assert "Permission to use, copy, modify" in (VENDORED / one["license_file"]).read_text()


def test_the_wheel_holds_templates_and_static_files(wheel: zipfile.ZipFile) -> None:
    """A report needs no file from elsewhere."""
    names = set(wheel.namelist())
    folder = "airflow_provider_calcom/reports"
    wanted = {"templates/report.html", "templates/overview.html", "static/report.css", "static/js/report.js"}
    wanted |= {f"static/vendored/{one[name]}" for one in LISTED for name in ("file", "license_file")}
    assert {f"{folder}/{name}" for name in wanted} <= names
