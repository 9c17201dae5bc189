"""The rules of a release, on small archives. ``make release-check`` applies them to the real ones."""

from __future__ import annotations

import email
import importlib.util
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from tools.release.build import FIRST, SECOND, NotReproducible, compare, copy_source
from tools.release.plain_install import Environment, differences
from tools.release.sbom import only_required

if importlib.util.find_spec("trove_classifiers") is None:
    pytest.skip("trove-classifiers is missing", allow_module_level=True)

from tools.release.contents import (
    FILES_OF_SDIST,
    FOLDERS_OF_SDIST,
    NAME,
    expected_in_wheel,
    problems_of_entry_points,
    problems_of_metadata,
    problems_of_sdist,
    problems_of_wheel,
)

ROOT = Path(__file__).resolve().parents[2]
METADATA = """Metadata-Version: 2.4
Name: airflow-provider-calcom
License-Expression: Apache-2.0
Project-URL: Documentation, https://docs.example.com/
Classifier: Framework :: Apache Airflow :: Provider
Classifier: Typing :: Typed
Provides-Extra: attendance
Provides-Extra: openlineage
Provides-Extra: sandbox
Description-Content-Type: text/markdown

# airflow-provider-calcom
"""
ENTRY_POINTS = """[airflow.plugins]
[apache_airflow_provider]
[console_scripts]
calcom-no-shows = a:b
calcom-sandbox = a:b
"""
INFO = "airflow_provider_calcom-9.dist-info/"
RIGHT = {
    f"{NAME}/__init__.py": "",
    f"{NAME}/py.typed": "",
    f"{NAME}/reports/static/js/table.js": "",
    f"{NAME}/docs/how-to/connect.md": "The log is in /home/airflow/logs, see https://pypi.org/project/x/",
    f"{NAME}/example_dags/one.py": "",
    INFO + "METADATA": METADATA,
    INFO + "RECORD": "",
    INFO + "WHEEL": "",
    INFO + "entry_points.txt": ENTRY_POINTS,
    INFO + "licenses/LICENSE": "",
}
SOURCE = (
    f"{NAME}/__init__.py",
    f"{NAME}/py.typed",
    f"{NAME}/reports/static/js/table.js",
    "docs/how-to/connect.md",
    "docs/_static/screenshots/report.png",
    "dags_examples/one.py",
    "tests/test_x.py",
)


def wheel_of(folder: Path, files: dict[str, str]) -> list[str]:
    """Return the problems of a wheel with these files, which was built of ``SOURCE``."""
    for name in SOURCE:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    with zipfile.ZipFile(folder / "x.whl", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return problems_of_wheel(folder / "x.whl", folder)


@pytest.mark.parametrize(
    ("added", "problem"),
    [
        ({}, None),
        ({"tests/test_x.py": ""}, "tests/test_x.py: does not belong"),
        ({f"{NAME}/__pycache__/x.pyc": ""}, "x.pyc: does not belong"),
        ({f"{NAME}/docs/_static/screenshots/report.png": ""}, "report.png: does not belong"),
        ({f"{NAME}/notes.txt": ""}, "notes.txt: does not belong"),
        ({f"{NAME}/__init__.py": "\n# see /home/ann/x"}, "__init__.py, line 2: has '/home/ann', a path of a machine"),
        ({f"{NAME}/__init__.py": "https://pypi.example.com/simple"}, "line 1: has 'https://pypi.example.com/simple'"),
        ({INFO + "METADATA": METADATA.replace("Documentation", "Home")}, "no Project-URL Documentation"),
        (
            {INFO + "METADATA": METADATA.replace("Extra: sandbox", "Extra: dev")},
            "extras are ['attendance', 'dev', 'openlineage']",
        ),
        ({INFO + "METADATA": METADATA.replace("Typing :: Typed", "Typing :: Tipped")}, "unknown classifier"),
        ({INFO + "METADATA": METADATA + "[x](docs/x.md)"}, "the relative link docs/x.md"),
        ({INFO + "entry_points.txt": "[airflow.plugins]"}, "no calcom-no-shows"),
        ({INFO + "direct_url.json": ""}, "*.dist-info has"),
    ],
)
def test_what_does_not_belong_in_a_wheel_is_found(added: dict[str, str], problem: str | None, tmp_path: Path) -> None:
    """Tests, caches, pictures, paths of a machine, addresses of an index, and metadata that miss something."""
    found = wheel_of(tmp_path, {**RIGHT, **added})
    assert [line for line in found if problem and problem in line] or found == []
    assert bool(found) == bool(problem)


@pytest.mark.parametrize("missing", [name for name in RIGHT if not name.startswith(INFO)])
def test_what_is_missing_in_a_wheel_is_found(missing: str, tmp_path: Path) -> None:
    """Every module, file of a report, example and page of the source."""
    files = {name: content for name, content in RIGHT.items() if name != missing}
    assert wheel_of(tmp_path, files) == [f"{missing}: missing"]


def test_the_rule_of_the_wheel_covers_the_source() -> None:
    """A file of the package that no pattern of the rule has would be left out, or shipped without a reason."""
    package = ROOT / NAME
    files = {path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {f"{NAME}/{path.relative_to(package).as_posix()}" for path in files} <= set(expected_in_wheel(ROOT))


def test_what_does_not_belong_in_an_sdist_is_found(tmp_path: Path) -> None:
    """An sdist has the folders that tests need, and no environments, caches or notes."""
    names = [*(f"{folder}/x.py" for folder in FOLDERS_OF_SDIST), *FILES_OF_SDIST]

    def problems(*added: str) -> list[str]:
        with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as archive:
            for name in [*names, *added]:
                archive.addfile(tarfile.TarInfo(f"x-9/{name}"), io.BytesIO())
        return problems_of_sdist(tmp_path / "x.tar.gz", tmp_path)

    assert problems() == []
    assert problems("notes.md") == ["notes.md: does not belong in an sdist"]
    assert problems("tests/__pycache__/x.pyc") == ["tests/__pycache__/x.pyc: does not belong in an sdist"]
    names.remove("LICENSE")
    assert problems() == ["LICENSE: missing"]


def test_the_folder_of_the_build_is_found(tmp_path: Path) -> None:
    """Wherever that is: a file that names it was written by something that ran there."""
    found = wheel_of(tmp_path, {**RIGHT, f"{NAME}/__init__.py": f'LOG = "{tmp_path}/log"'})
    assert [line.partition(" has ")[0] for line in found] == [f"{NAME}/__init__.py, line 1:"]


def test_metadata_of_readme_and_entry_points() -> None:
    """Without a description a package index shows an empty page; without the entry points Airflow finds nothing."""
    assert problems_of_metadata(email.message_from_string(METADATA)) == []
    empty = email.message_from_string(METADATA.partition("\n\n")[0] + "\n\n")
    assert problems_of_metadata(empty) == ["METADATA: the description is not README.md"]
    assert problems_of_entry_points(ENTRY_POINTS) == []


def test_two_builds_differ_in_nothing_but_their_circumstances(tmp_path: Path) -> None:
    """The second copy has other rights and times, and no cache; other bytes are an error that names both files."""
    source = tmp_path / "project"
    (source / "__pycache__").mkdir(parents=True)
    (source / "__pycache__" / "x.pyc").touch()
    (source / "a.py").write_text("a")
    first, second = (copy_source(source, tmp_path, under) / "a.py" for under in (FIRST, SECOND))
    assert [path.name for path in second.parent.iterdir()] == ["a.py"]
    assert (first.stat().st_mode & 0o777, second.stat().st_mode & 0o777) == (0o644, 0o600)
    assert first.stat().st_mtime < second.stat().st_mtime
    compare(first, second)
    second.write_text("b")
    with pytest.raises(NotReproducible, match=r"a\.py differs between two builds"):
        compare(first, second)


def test_a_changed_package_is_reported() -> None:
    """What plain pip replaces or removes is a trap for the Airflow beside it; what it adds is not."""
    before = {"airflow-provider-calcom": "1", "starlette": "1", "httpx": "1", "anyio": "1"}
    after = {"airflow-provider-calcom": "2", "starlette": "2", "anyio": "1", "stamina": "1"}
    assert dict(differences(before, after)) == {"starlette": "1 -> 2", "httpx": "1 -> gone"}


def test_a_command_that_fails_is_a_problem(tmp_path: Path) -> None:
    """Its last lines are in the report."""
    environment = Environment(tmp_path, tmp_path)
    assert environment.must("true", "true") == ""
    environment.must("listing", "sh", "-c", "echo one; echo two >&2; exit 3")
    assert environment.problems == ["listing: one / two"]


def test_the_sbom_has_only_what_is_required() -> None:
    """Installers and what nothing needs are left out; what is needed through others is not."""
    needs = {"root": ["a"], "a": ["b"], "b": ["a"], "pip": []}
    bom = {
        "metadata": {"component": {"bom-ref": "root"}},
        "components": [{"bom-ref": name} for name in ("a", "b", "pip")],
        "dependencies": [{"ref": name, "dependsOn": refs} for name, refs in needs.items()],
    }
    found = only_required(bom)
    assert [one["bom-ref"] for one in found["components"]] == ["a", "b"]
    assert [one["ref"] for one in found["dependencies"]] == ["root", "a", "b"]
