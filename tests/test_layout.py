"""The package's rooms and which way their imports run, and what the wheel holds."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NAME = "airflow_provider_calcom"
PACKAGE = ROOT / NAME
MODULES = sorted(path.relative_to(ROOT) for path in PACKAGE.rglob("*.py"))
EXAMPLES = sorted((ROOT / "dags_examples").glob("*.py"))
# Which rooms each room may import besides itself; None stands for the modules that lie in no room.
MAY_IMPORT: dict[str | None, set[str | None]] = {
    "api": {None},  # only __version__ and _redact; what None holds of Airflow is checked apart
    "attendance": {None},
    "hooks": {None, "api", "attendance"},
    "operators": {None, "api", "attendance", "hooks", "triggers"},
    "sensors": {None, "api", "attendance", "hooks", "triggers"},
    "triggers": {None, "api", "attendance", "hooks"},
    "cli": {None, "attendance", "hooks"},
    "sandbox": set(),
    None: {None, "api", "attendance"},  # their errors alone, see below
}


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports(path: Path, *, at_import: bool = False) -> Iterator[str]:
    """Give the full names of what a file imports; with ``at_import`` only what importing the file itself loads."""

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


def room_of(name: str) -> str | None:
    """Give the room of a dotted name of our package."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in MAY_IMPORT else None


def room_of_file(path: Path) -> str | None:
    return path.parts[1] if len(path.parts) > 2 else None


def ours(path: Path, **options: bool) -> list[str]:
    return [name for name in imports(path, **options) if name.split(".")[0] == NAME]


def of_airflow(path: Path) -> list[str]:
    return [name for name in imports(path) if name.split(".")[0] in ("airflow", "flask_appbuilder", "wtforms")]


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_run_downwards(path: Path) -> None:
    """Operators, sensors and triggers know the hooks, hooks the API; never the other way, and none the sandbox."""
    room = room_of_file(path)
    allowed = MAY_IMPORT[room] | {room}
    wrong = [name for name in ours(path) if room_of(name) not in allowed]
    assert wrong == []


@pytest.mark.parametrize("path", [path for path in MODULES if room_of_file(path) in ("api", "attendance")], ids=str)
def test_the_api_knows_nothing_of_airflow(path: Path) -> None:
    """The client can be used and tested without Airflow; below it are only the version and the private kernel."""
    assert of_airflow(path) == []
    kernel = [name.split(".")[1] for name in ours(path) if room_of(name) is None]
    assert all(name.startswith("_") or name == "errors" for name in kernel)


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if (path.name.startswith("_") or path.name == "errors.py") and len(path.parts) == 2],
    ids=str,
)
def test_the_kernel_knows_nothing_of_ours(path: Path) -> None:
    """Every room may use the private modules at the top: they use Python's own library and each other alone."""
    others = [name for name in imports(path) if not name.startswith((f"{NAME}._", f"{NAME}.errors"))]
    assert {name.split(".")[0] for name in others} <= sys.stdlib_module_names


@pytest.mark.parametrize("path", [path for path in MODULES if room_of_file(path) == "sandbox"], ids=str)
def test_the_sandbox_knows_only_itself(path: Path) -> None:
    """The sandbox is another implementation: with our client's code in it, it could prove nothing about that."""
    assert of_airflow(path) == []
    assert all(room_of(name) == "sandbox" for name in ours(path))


@pytest.mark.parametrize("path", [path for path in MODULES if room_of_file(path) == "operators"], ids=str)
def test_parsing_a_dag_stays_cheap(path: Path) -> None:
    """A DAG file imports operators many times a minute; they load no client, hook or httpx for that."""
    loaded = list(imports(path, at_import=True))
    wrong = [name for name in loaded if name.split(".")[0] in ("httpx", "stamina", "pendulum")]
    wrong += [name for name in loaded if name.startswith(NAME) and room_of(name) in ("api", "hooks")]
    assert wrong == []


def test_only_the_root_of_the_errors_is_loaded_with_operators() -> None:
    """Operators' modules load no room below: our exceptions need the root of all errors alone."""
    for path in (Path(NAME) / "exceptions.py", Path(NAME) / "links.py"):
        assert {name.rpartition(".")[0] for name in ours(path, at_import=True)} <= {f"{NAME}.errors"}


def test_the_metadata_import_nothing() -> None:
    """Every Airflow process reads them."""
    assert {name.split(".")[0] for name in imports(Path(NAME) / "get_provider_info.py")} <= {"__future__", "typing"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_import_only_what_users_have(path: Path) -> None:
    """An example DAG that is copied away works with Airflow, this package and Python alone."""
    for name in imports(path):
        first = name.split(".")[0]
        assert first in ("airflow", NAME) or first in sys.stdlib_module_names, name
        assert room_of(name) != "sandbox" or first != NAME


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_every_module_says_what_it_is(path: Path) -> None:
    """Each module with anything in it begins with a docstring."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert not tree.body or ast.get_docstring(tree)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel as it is built for release."""
    if importlib.util.find_spec("hatchling") is None or importlib.util.find_spec("pip") is None:
        pytest.skip("building the wheel needs hatchling and pip here")
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
    """No tests, demo or caches."""
    folders = {name.split("/")[0] for name in wheel.namelist()}
    assert {folder for folder in folders if not folder.endswith(".dist-info")} == {NAME}
    assert not [name for name in wheel.namelist() if "test" in name or "__pycache__" in name]


def test_the_wheel_registers_the_provider(wheel: zipfile.ZipFile) -> None:
    """Airflow finds the provider by its entry point, and the sandbox is a command."""
    (name,) = (one for one in wheel.namelist() if one.endswith("entry_points.txt"))
    text = wheel.read(name).decode()
    assert "[apache_airflow_provider]" in text
    assert f"{NAME}.get_provider_info:get_provider_info" in text
    assert f"calcom-sandbox = {NAME}.sandbox.main:main" in text
