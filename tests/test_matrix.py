"""The README's table of Airflow versions is made of the results of tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.matrix import COLUMNS, SHOWN, Outcome, column_of, counts_of, table

REPORT = """<testsuites><testsuite>
<testcase classname="tests.hooks.test_form" name="one"/>
<testcase classname="tests.operators.test_approval" name="two"><skipped/></testcase>
<testcase classname="tests.operators.test_mark_absent" name="three"><failure/></testcase>
<testcase classname="" name="tests.plugins.test_receiver"><error/></testcase>
</testsuite></testsuites>"""


def outcome(airflow: str, folder: Path) -> Outcome:
    """Return an outcome with the results of the report above."""
    path = folder / "report.xml"
    path.write_text(REPORT)
    return Outcome(airflow, counts_of(path), 1, 1.0, [])


def test_a_version_has_what_passed_and_lacks_what_is_skipped(tmp_path: Path) -> None:
    """A failure, also one of a module that can't be imported, is never a yes."""
    found = outcome("3.0.6", tmp_path)
    assert {column: found.cell(column) for column in SHOWN} == {
        **dict.fromkeys(SHOWN, "-"),
        "Hook, connection form": "yes",
        "Operators": "**failed**",
        "Webhooks": "**failed**",
    }
    assert found.totals == (1, 2, 1)


def test_the_newest_version_comes_first(tmp_path: Path) -> None:
    """By number, so that 3.10 comes before 3.2; what is not a feature has no column."""
    rows = table([outcome(version, tmp_path) for version in ("3.2.2", "3.10.0", "2.11.2")]).splitlines()
    assert [row.split(" | ")[0] for row in rows[2:]] == ["| 3.10.0", "| 3.2.2", "| 2.11.2"]
    assert "Other" not in rows[0]


def test_each_test_belongs_to_a_column() -> None:
    """The longest prefix counts; a new folder of tests must be given a column."""
    assert column_of("tests.plugins.test_app") == "View"
    assert column_of("tests.plugins.test_ledger_rows") == "Other"
    assert set(map(column_of, (prefix for of in COLUMNS.values() for prefix in of))) == set(COLUMNS)
    with pytest.raises(KeyError, match="no column"):
        column_of("tests.api.test_errors")
