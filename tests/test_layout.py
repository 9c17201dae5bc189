"""What import-linter cannot check of the layout (pyproject.toml has its contracts), and what the wheel holds."""

from __future__ import annotations

import ast
import email
import importlib.util
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NAME = "airflow_provider_calcom"
PACKAGE = ROOT / NAME
MODULES = sorted(path.relative_to(ROOT) for path in PACKAGE.rglob("*.py"))
KERNEL = [path for path in MODULES if len(path.parts) == 2 and (path.name[0] == "_" or path.name == "errors.py")]
STANDARD_LIBRARY = sys.stdlib_module_names


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports(path: Path, *, at_import: bool = False) -> Iterator[str]:
    """Yield the full names of what a file imports; with ``at_import`` only what importing the file itself loads."""

    def walk(node: ast.AST) -> Iterator[ast.AST]:
        if is_type_checking(node) or (at_import and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))):
            return
        yield node
        for child in ast.iter_child_nodes(node):
            yield from walk(child)

    for node in walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively, which hides the direction"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def offenders(paths: list[Path], is_allowed: Callable[[str], bool], *, at_import: bool = False) -> list[str]:
    """Return ``file: name`` of each import that is not allowed."""
    return [f"{path}: {name}" for path in paths for name in imports(path, at_import=at_import) if not is_allowed(name)]


def is_standard(name: str) -> bool:
    return name.partition(".")[0] in STANDARD_LIBRARY


def test_the_kernel_imports_only_the_standard_library() -> None:
    """Every package may use the modules at the top, so they bring nothing with them but object stores on request."""
    allowed = {NAME, "upath"}  # of our own packages import-linter lets them import none
    assert offenders(KERNEL, lambda name: is_standard(name) or name.partition(".")[0] in allowed) == []
    assert offenders(KERNEL, lambda name: not name.startswith("upath"), at_import=True) == []


def loaded_with(*modules: str) -> set[Path]:
    """Return the files of ours that importing these modules loads, from import to import."""
    found: set[Path] = set()
    waiting = list(modules)
    while waiting:
        parts = waiting.pop().split(".")
        names = [Path(*parts[:length]) for length in range(1, len(parts) + 1)] if parts[0] == NAME else []
        for path in {one for name in names for one in (name.with_suffix(".py"), name / "__init__.py")} - found:
            if path in MODULES:
                found.add(path)
                waiting += imports(path, at_import=True)
    return found


def test_parsing_a_dag_loads_no_client_and_no_hook() -> None:
    """A DAG file imports operators and sensors many times a minute: of the packages below they load nothing."""
    loaded = loaded_with(
        *(f"{NAME}.operators.{name}" for name in ("no_shows", "bookings", "webhooks")),
        *(f"{NAME}.sensors.{name}" for name in ("attendance", "bookings")),
        *(f"{NAME}.{name}" for name in ("notifications.no_shows", "retries")),
    )
    heavy = {"httpx", "stamina", "pendulum", "duckdb", "sqlglot"}
    assert Path(NAME, "operators", "_base.py") in loaded
    assert {path.parts[1] for path in loaded} & {"triggers", "hooks", "no_shows", "api", "attendance"} == set()
    assert offenders(sorted(loaded), lambda name: name.partition(".")[0] not in heavy, at_import=True) == []


def test_the_metadata_import_nothing() -> None:
    """Every Airflow process reads them."""
    allowed = {"__future__", "typing"}
    path = Path(NAME) / "get_provider_info.py"
    assert offenders([path], lambda name: name.partition(".")[0] in allowed) == []


def test_examples_import_only_what_users_have() -> None:
    """An example DAG that is copied elsewhere works with Airflow, this package and Python alone."""
    paths = [path.relative_to(ROOT) for path in sorted((ROOT / "dags_examples").glob("*.py"))]

    def is_installed(name: str) -> bool:
        first, _, rest = name.partition(".")
        return is_standard(name) or first == "airflow" or (first == NAME and not rest.startswith("sandbox"))

    assert paths
    assert offenders(paths, is_installed) == []


def test_every_module_has_a_docstring() -> None:
    """Each module with anything in it begins with its purpose."""
    trees = {path: ast.parse((ROOT / path).read_text(encoding="utf-8")) for path in MODULES}
    assert [str(path) for path, tree in trees.items() if tree.body and not ast.get_docstring(tree)] == []


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel as it is built for release."""
    needed = ("hatchling", "hatch_fancy_pypi_readme", "pip")
    if any(importlib.util.find_spec(name) is None for name in needed):
        pytest.skip(f"building the wheel needs {', '.join(needed)} here")
    folder = tmp_path_factory.mktemp("wheel")
    command = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    built = subprocess.run(
        [sys.executable, "-m", "pip", *command, "--wheel-dir", str(folder), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_what_users_need(wheel: zipfile.ZipFile) -> None:
    """Every module, the examples with their data (where Airflow 3.3 looks for them), and the mark of types."""
    names = set(wheel.namelist())
    assert {str(path) for path in MODULES} <= names
    shipped = [path.relative_to(ROOT / "dags_examples") for path in (ROOT / "dags_examples").rglob("*.*")]
    assert {f"{NAME}/example_dags/{path}" for path in shipped if path.suffix in (".py", ".json")} <= names
    assert f"{NAME}/example_dags/data/zoom_participants.json" in names
    assert f"{NAME}/py.typed" in names


def test_the_wheel_holds_nothing_else(wheel: zipfile.ZipFile) -> None:
    """No tests, demo or caches; of the documentation its text and the logo only."""
    folders = {name.split("/")[0] for name in wheel.namelist()}
    assert {folder for folder in folders if not folder.endswith(".dist-info")} == {NAME}
    docs = {name for name in wheel.namelist() if name.startswith(f"{NAME}/docs/")}
    logo = f"{NAME}/docs/integration-logos/calcom-no-shows.svg"
    assert {name for name in docs if not name.endswith(".md")} == {logo}
    assert not [name for name in set(wheel.namelist()) - docs if "test" in name or "__pycache__" in name]


def test_the_wheel_holds_the_text_of_the_documentation(wheel: zipfile.ZipFile) -> None:
    """Who is offline can read it, and so can a program that looks at the installed package."""
    pages = {path.relative_to(ROOT) for path in (ROOT / "docs").rglob("*.md")}
    assert {f"{NAME}/{page}" for page in pages} <= set(wheel.namelist())
    assert f"{NAME}/docs/index.md" in wheel.namelist()


def test_the_readme_has_no_relative_link_on_a_package_index(wheel: zipfile.ZipFile) -> None:
    """A package index shows the description alone: links into the source would lead nowhere there."""
    (name,) = (one for one in wheel.namelist() if one.endswith(".dist-info/METADATA"))
    description = email.message_from_string(wheel.read(name).decode()).get_payload()
    assert isinstance(description, str)
    links = re.findall(r"\]\(([^)]+)\)|(?:src|srcset|href)=\"([^\"]+)\"", description)
    assert ("https://cal.com", "") in links
    assert [link for pair in links for link in pair if link and not link.startswith("https://")] == []
    shown = re.findall(rf"`({NAME}/docs/[^`]+)`", description)
    assert shown
    assert set(shown) <= set(wheel.namelist())


def test_the_wheel_registers_the_provider(wheel: zipfile.ZipFile) -> None:
    """Airflow finds the provider by its entry point, and the sandbox is a command."""
    (name,) = (one for one in wheel.namelist() if one.endswith("entry_points.txt"))
    text = wheel.read(name).decode()
    assert "[apache_airflow_provider]" in text
    assert f"{NAME}.get_provider_info:get_provider_info" in text
    assert f"calcom-sandbox = {NAME}.sandbox.main:main" in text
