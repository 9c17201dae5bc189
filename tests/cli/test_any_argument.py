"""Whatever is on the command line or in the files that it names: a result, or one line that names what to fix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_calcom.attendance.feeds import FeedOptions
from airflow_provider_calcom.cli.no_shows import main
from tests.operators.planning import BOOKING, table_rows, write_lines
from tests.wild import ANY_TEXT, limits

SHOWN = 1_500


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The rules' tables as files."""
    folder = tmp_path_factory.mktemp("any-command")
    names = ("bookings", "people", "attendance")
    rows = zip(names, table_rows(), strict=True)
    made = {f"--{name}": str(write_lines(folder / f"{name}.jsonl", one)) for name, one in rows}
    return {**made, "--out": str(folder / "decisions.jsonl")}


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str], named: tuple[str, ...]) -> None:
    """Run the command, and hold that it succeeds, or reports what is wrong in a line."""
    try:
        code = main(arguments)
    except SystemExit as end:  # argparse's own, with its usage
        code = 0 if end.code in (0, 2) else 3
    printed = capsys.readouterr().err
    assert code in (0, 1)
    if code == 1:
        assert printed.startswith("calcom-no-shows: ")
        assert printed.count("\n") == 1
        assert len(printed) < SHOWN
        assert any(name in printed for name in named), f"{printed!r} names none of {named}"
        assert "ann@example.org" not in printed


OPTIONS = ["--bookings", "--people", "--attendance", "--policy", "--zone", "--memory-limit", "--threads",
           "--spill-directory", "--out", "--connection", "--scratch-schema"]  # fmt: skip


@pytest.mark.parametrize("option", OPTIONS)
@given(value=ANY_TEXT)
@limits(5)
def test_decide(
    tables: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    option: str,
    value: str,
) -> None:
    """Each option of ``decide`` is refused by its name, and never by a traceback."""
    monkeypatch.chdir(tmp_path_factory.getbasetemp())
    line = [f"{name}={one}" for name, one in {**tables, option: value}.items()]
    refused(capsys, ["decide", *line], (option.lstrip("-"), option.lstrip("-").replace("-", "_"), "table:"))


@pytest.mark.parametrize("option", ["--bookings", "--policy", "--guard-rails", "--feed-options", "--zone", "--out"])
@given(value=ANY_TEXT)
@limits(3)
def test_try(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    option: str,
    value: str,
) -> None:
    """So is each option of ``try``."""
    folder = tmp_path_factory.mktemp("try")
    monkeypatch.chdir(folder)
    write_lines(folder / "bookings.jsonl", [BOOKING])
    feed = ["--feed", "canonical", str(write_lines(folder / "rows.jsonl", table_rows()[2]))]
    line = [f"{name}={one}" for name, one in {"--bookings": "bookings.jsonl", option: value}.items()]
    refused(capsys, ["try", *line, *feed], (option.lstrip("-"), option.lstrip("-").replace("-", "_"), "guard rail"))


@given(words=st.lists(ANY_TEXT | st.builds("{}={}".format, st.sampled_from(FeedOptions.names()), ANY_TEXT), max_size=3))
@limits(15)
def test_feeds(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    words: list[str],
) -> None:
    """And each word of ``--feed``."""
    folder = tmp_path_factory.mktemp("feeds")
    monkeypatch.chdir(folder)
    bookings = write_lines(folder / "bookings.jsonl", [BOOKING])
    rows = write_lines(folder / "rows.jsonl", table_rows()[2])
    given_words = [word for word in words if not word.startswith("-")]  # an option of argparse
    refused(
        capsys, ["try", "--bookings", str(bookings), "--feed", "canonical", str(rows), *given_words], ("eed", "option")
    )


@given(
    content=st.binary(max_size=20)
    | st.sampled_from([b"[" * 99_999, b"{}", b'{"settle": NaN}', b'{"a":' * 9_999, b"\xff"])
)
@limits(10)
def test_policy_file(
    tables: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
    content: bytes,
) -> None:
    """Any bytes in the policy's file are refused as the policy."""
    path = tmp_path_factory.mktemp("policy") / "policy.json"
    path.write_bytes(content)
    line = [f"{name}={one}" for name, one in {**tables, "--policy": str(path)}.items()]
    refused(capsys, ["decide", *line], ("policy", "settle"))


@given(folder=ANY_TEXT)
@limits(10)
def test_folders_of_other_commands(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    folder: str,
) -> None:
    """So are the folders of ``ledger compact`` and ``forget``."""
    monkeypatch.chdir(tmp_path_factory.mktemp("folders"))
    monkeypatch.setenv("CALCOM_LEDGER_SECRET", "s" * 20)
    refused(capsys, ["ledger", "compact", "--", folder], ("FOLDER", "ledger"))
    refused(capsys, ["forget", "bob@example.org", f"--plans={folder}"], ("--plans", "plan"))
    refused(capsys, ["forget", "bob@example.org", f"--ledger={folder}"], ("--ledger", "ledger"))


def test_a_connection_that_is_wrong(
    tables: dict[str, str], capsys: pytest.CaptureFixture[str], connect: Any, tmp_path: Path
) -> None:
    """What is wrong with a connection is reported in a line, too."""
    connect(password="cal_key", extra='{"ledger_secret": 5}')
    refused(
        capsys, ["forget", "bob@example.org", f"--ledger={tmp_path}", "--connection=calcom_default"], ("ledger_secret",)
    )
    line = [f"{name}={one}" for name, one in tables.items()]
    refused(capsys, ["decide", *line, "--connection=there_is_none"], ("--connection",))
