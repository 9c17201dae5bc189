"""Former names: each works, warns once with its replacement, and is in the upgrade note."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_calcom import __version__, _deprecated
from airflow_provider_calcom.api.errors import InvalidArgument, NoAnswer
from airflow_provider_calcom.errors import ProviderError

PACKAGE = "airflow_provider_calcom"
ROOT = Path(__file__).resolve().parents[1]
UPGRADE = ROOT / "docs" / "how-to" / "upgrade.md"
FORMER_ATTRIBUTE = ("errors.ProviderError.may_heal", "errors.ProviderError.retryable")  # word: quoted
FORMER = {
    f"{module}.{name}": current for module, names in _deprecated.RENAMED.items() for name, current in names.items()
}


@pytest.fixture(autouse=True)
def nothing_warned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Warn as in a new process."""
    monkeypatch.setattr(_deprecated, "_warned", set())


def warning_of(former: str, current: str) -> str:
    return f"{PACKAGE}.{former} is deprecated and will be removed in 1.0. Use {PACKAGE}.{current} instead"


@pytest.mark.parametrize("former", FORMER)
def test_a_former_name_works_and_warns_once(former: str) -> None:
    """It is the object of the present name; the warning has that name, the version of its end, and the user's line."""
    module_name, _, name = f"{PACKAGE}.{former}".rpartition(".")
    module = importlib.import_module(module_name)
    with pytest.warns(DeprecationWarning, match=re.escape(warning_of(former, FORMER[former]))) as caught:
        value = getattr(module, name)
    assert [warning.filename for warning in caught] == [__file__]
    assert value is pkgutil.resolve_name(f"{PACKAGE}.{FORMER[former]}")
    assert getattr(module, name) is value, "no second warning, which pytest would raise"


def test_a_former_attribute_works_and_warns_once() -> None:
    """Classes and objects of errors have it with the value of the present one, inherited and overridden."""
    with pytest.warns(DeprecationWarning, match=re.escape(warning_of(*FORMER_ATTRIBUTE))) as caught:
        assert NoAnswer("x").may_heal is NoAnswer.retryable is True  # type: ignore[attr-defined]  # word: quoted
    assert [warning.filename for warning in caught] == [__file__]
    assert InvalidArgument.may_heal is ProviderError.may_heal is False  # type: ignore[attr-defined]  # word: quoted


def test_an_import_statement_warns_once() -> None:
    """Of a package, Python looks a name up twice."""
    line = f"from {PACKAGE}.attendance.explain import Verdict\n"  # word: quoted
    run = subprocess.run([sys.executable, "-W", "always", "-c", line * 2], capture_output=True, text=True, check=True)
    assert run.stderr.count("DeprecationWarning") == 1
    assert run.stderr.startswith("<string>:1: ")


def test_present_names_warn_of_nothing() -> None:
    """Importing the modules that have former names, and names that there are not, are no use of a former name."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for module in _deprecated.RENAMED:
            found = importlib.import_module(f"{PACKAGE}.{module}")
            assert not hasattr(found, "there_is_none")


def test_every_module_with_former_names_is_listed() -> None:
    """A module that forgets its ``__getattr__``, or an alias beside the list, would escape the tests above."""
    using = set()
    for path in (ROOT / PACKAGE).rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "# until 1.0" not in text, f"{path}: an alias that warns of nothing"
        if "former_names(__name__)" in text:
            using.add(".".join(path.relative_to(ROOT / PACKAGE).with_suffix("").parts).removesuffix(".__init__"))
    assert using == set(_deprecated.RENAMED)


def test_nothing_of_the_package_uses_a_former_name() -> None:
    """It would warn users of what they can't change."""
    former = {name.rpartition(".")[2] for name in FORMER} - {name.rpartition(".")[2] for name in FORMER.values()}
    former.discard("rendered")  # also a method's and a variable's name
    found = [
        f"{path}: {alias.name}"
        for path in (ROOT / PACKAGE).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name in former or node.module in (f"{PACKAGE}.attendance.plan", f"{PACKAGE}.attendance.ledger")
    ]
    assert found == []


def rows(heading: str) -> Iterator[tuple[str, str]]:
    """Yield former and present name of each row of a section of the upgrade note."""
    section = UPGRADE.read_text(encoding="utf-8").partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    yield from re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", section, re.MULTILINE)


def test_the_upgrade_note_has_every_former_name() -> None:
    """Each name that warns has a row with what it is called now, and no row is of a name that is gone."""
    assert dict(rows("## Names that work until 1.0")) == {**FORMER, FORMER_ATTRIBUTE[0]: FORMER_ATTRIBUTE[1]}


def test_names_without_alias_are_gone_and_their_replacements_exist() -> None:
    """A reader who follows the note finds the new name; the old one fails at once instead of doing something else."""
    found = dict(rows("## Names that are gone"))
    assert found
    for former, current in found.items():
        assert pkgutil.resolve_name(f"{PACKAGE}.{current}") is not None
        with pytest.raises((ImportError, AttributeError)):
            pkgutil.resolve_name(f"{PACKAGE}.{former}")


def test_the_version_is_the_same_everywhere() -> None:
    """The changelog's newest version is the package's, and the upgrade note leads to it."""
    (newest, *_) = re.findall(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest == __version__
    assert f"# Upgrade to {__version__.rpartition('.')[0]}\n" in UPGRADE.read_text(encoding="utf-8")
