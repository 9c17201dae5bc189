"""The software bill of materials of a release: the package and all that pip installs for it, as CycloneDX JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def write_sbom(environment: Path, pyproject: Path, version: str, target: Path) -> int:
    """Write the SBOM of an environment, and return the number of its components.

    The same versions give the same bytes: it has no time and no serial number. What nothing requires, such as pip, is
    left out.

    :param environment: the Python of an environment that has the package without extras.
    :param pyproject: the project's pyproject.toml.
    :param version: of the package.
    :param target: the file.
    """
    command = ["environment", "--output-reproducible", "--of", "JSON", "--mc-type", "library"]
    run = subprocess.run(
        # Validation takes a minute, and finds nothing: cyclonedx-python-lib writes what its schema has.
        [sys.executable, "-m", "cyclonedx_py", *command, "--no-validate", f"--pyproject={pyproject}", str(environment)],
        capture_output=True,
        text=True,
        check=True,
    )
    bom = only_required(json.loads(run.stdout))
    root = bom["metadata"]["component"]
    bom["metadata"]["component"] = {**root, "version": version, "purl": f"pkg:pypi/{root['name']}@{version}"}
    target.write_text(json.dumps(bom, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return len(bom["components"])


def only_required(bom: dict[str, Any]) -> dict[str, Any]:
    """Return a BOM without components that its root does not need, directly or through others."""
    needs = {one["ref"]: one.get("dependsOn", []) for one in bom["dependencies"]}
    found: set[str] = set()
    waiting = [bom["metadata"]["component"]["bom-ref"]]
    while waiting:
        ref = waiting.pop()
        if ref not in found:
            found.add(ref)
            waiting += needs.get(ref, [])
    return {
        **bom,
        "components": [one for one in bom["components"] if one["bom-ref"] in found],
        "dependencies": [one for one in bom["dependencies"] if one["ref"] in found],
    }
