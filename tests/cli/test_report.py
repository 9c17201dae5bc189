"""The command `calcom-no-shows report`."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.test_trial import DEMO


@pytest.fixture
def plan(day: Path, run: Run) -> Path:
    """The folder of a plan without its report."""
    assert run(*DEMO, "--out", "plan").code == 0
    (day / "plan" / "report.html").unlink()
    return day / "plan"


def test_the_report_of_a_plan(plan: Path, run: Run, opened: list[str]) -> None:
    """It is beside the plan, or at --out, and names who would be marked unless it is masked; then it is opened."""
    assert run("report", "plan").out == "plan/report.html\n"
    assert "carol@example.org" in (plan / "report.html").read_text(encoding="utf-8")
    (plan / "report.html").unlink()
    ended = run("report", "plan", "--out", "new/masked.html", "--mask-addresses", "--open")
    assert (ended.code, ended.out, ended.err) == (0, "new/masked.html\n", "")
    page = Path("new/masked.html").read_text(encoding="utf-8")
    assert "c***@example.org" in page
    assert "carol@example.org" not in page
    assert not (plan / "report.html").exists()
    assert opened == [Path("new/masked.html").resolve().as_uri()]


def test_a_machine_without_a_browser(plan: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's path is printed, with a note."""
    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    ended = run("report", plan, "--open")
    assert ended.code == 0
    assert ended.err == f"note: no browser was found here. Open {plan}/report.html yourself\n"


@pytest.mark.usefixtures("plan")
def test_an_overview(run: Run) -> None:
    """Several plans have one page, here or at --out."""
    assert run(*DEMO, "--out", "second").code == 0
    for more, path in (((), "no-shows-overview.html"), (("--out", "all.html"), "all.html")):
        ended = run("report", "plan", "second", *more)
        assert (ended.code, ended.out) == (0, f"{path}\n")
        assert Path(path).stat().st_size > 10_000


@pytest.mark.usefixtures("plan")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("none",), "none/summary.json is missing: no plan was made here"),
        (("plan", "none"), "none/summary.json is missing: no plan was made here"),
        (("plan", "--out", "policy.json/x.html"), "--out: policy.json/x.html can't be written"),
        (("plan", "second", "--out", ""), "--out must be a path, but is empty"),
    ],
)
def test_what_is_not_a_plan(arguments: tuple[str, ...], message: str, run: Run) -> None:
    """It is named in one line."""
    ended = run("report", *arguments)
    assert (ended.code, ended.out) == (1, "")
    assert message in ended.err
