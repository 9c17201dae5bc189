"""Tables of files: where the header is, columns that stand twice, and workbooks."""

from __future__ import annotations

import gzip
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.attendance.errors import MissingExtra
from airflow_provider_calcom.attendance.feeds import AttendanceRow, FeedUnreadable, read_feed
from tests.attendance.feeds.workbook import Cell, write_workbook

LINE = "amy@example.com;2026-01-15T10:00:00Z\n"


def rows_of(path: Path, text: str, **options: Any) -> list[AttendanceRow]:
    path.write_text(text, encoding="utf-8")
    return list(read_feed("canonical", path, max_unreadable=0, **options))


def test_a_column_s_name_of_any_length(tmp_path: Path) -> None:
    """What begins as an address is data, and only the beginning is looked at: all would take the square of it."""
    with pytest.raises(FeedUnreadable, match="as if the first row were in it"):
        rows_of(tmp_path / "a.csv", f"email;joined_at;a@{'a.' * 60_000} x\n{LINE.strip()};1\n")


@pytest.mark.parametrize(
    "before",
    [
        "",
        "\ufeff",
        "sep=;\n",
        "Report of today\n\n",
        "Report, made by the desk, for all\nTopic,Consult,,,\n\n",
        '"Topic";"Consult"\n\n\n',
        "Name\n",
    ],
)
def test_lines_before_the_header_are_not_the_header(tmp_path: Path, before: str) -> None:
    """It is the first line with columns that the feed knows; what separates cells shows in most lines."""
    (row,) = rows_of(tmp_path / "a.csv", before + "email;joined_at\n" + LINE)
    assert row["email"] == "amy@example.com"


@pytest.mark.parametrize("last", ["ben@example.com;2026-01-15T1", "ben@example.com", "b"])
def test_a_file_that_ends_within_a_line_was_cut(tmp_path: Path, last: str) -> None:
    """Fewer cells, or less in the last one, than in the lines before, and no line end behind it."""
    with pytest.raises(FeedUnreadable, match="was cut"):
        rows_of(tmp_path / "a.csv", "email;joined_at\n" + LINE + last)
    with pytest.raises(FeedUnreadable, match="was cut"):
        rows_of(tmp_path / "a.csv", "email;joined_at;left_at\n" + LINE.strip())


def test_short_line_or_missing_line_end_alone_is_not_a_cut(tmp_path: Path) -> None:
    """Some programs leave out what is empty at a row's end, and some the last line's end."""
    text = "email;joined_at;name\n" + LINE + LINE.replace("amy", "ben").strip()
    assert len(rows_of(tmp_path / "a.csv", text)) == 2


def test_a_header_again_begins_the_table_anew(tmp_path: Path) -> None:
    """As where two files were put one behind another, with their columns in another order."""
    text = "email;joined_at\n" + LINE + "joined_at;email\n2026-01-15T10:00:00Z;ben@example.com\n"
    assert [row["email"] for row in rows_of(tmp_path / "a.csv", text)] == ["amy@example.com", "ben@example.com"]


def test_a_table_may_hold_records_and_pages_as_json(tmp_path: Path) -> None:
    """Airbyte's raw tables, and answers that were kept in a table, come as CSV, too."""
    page = '{"rows": [{"email": "amy@example.com", "joined_at": "2026-01-15T10:00:00Z"}]}'.replace('"', '""')
    text = f'_airbyte_raw_id,_airbyte_data\n7,"{page}"\n'
    assert [row["email"] for row in rows_of(tmp_path / "a.csv", text)] == ["amy@example.com"]


def test_a_file_without_a_known_header_shows_its_columns(tmp_path: Path) -> None:
    """And how to name them; in a file without any header nothing is shown, because its first line is people."""
    with pytest.raises(FeedUnreadable, match=r"a\.csv: no line of it is a header.*has: post, tid\. Name.*columns"):
        rows_of(tmp_path / "a.csv", "post;tid\n" + LINE)
    with pytest.raises(FeedUnreadable, match="look like data") as caught:
        rows_of(tmp_path / "a.csv", LINE * 2)
    assert "amy" not in str(caught.value)


def test_a_header_is_known_by_the_columns_of_the_options(tmp_path: Path) -> None:
    """Behind lines about the file, too."""
    columns = {"email": "post", "joined_at": "tid"}
    (row,) = rows_of(tmp_path / "a.csv", "Rapport\n\npost;tid\n" + LINE, columns=columns)
    assert row["joined_at"] == "2026-01-15T10:00:00.000Z"


def test_duplicate_column_is_read_only_where_both_agree(tmp_path: Path) -> None:
    """Taking either could take another person's; the option ``columns`` names the right one."""
    header, time = "email;email;joined_at\n", "2026-01-15T10:00:00Z\n"
    for cells in ("amy@example.com;amy@example.com;", ";amy@example.com;", "amy@example.com;;"):
        assert rows_of(tmp_path / "a.csv", header + cells + time)[0]["email"] == "amy@example.com"
    text = header + "host@example.com;amy@example.com;" + time
    with pytest.raises(FeedUnreadable, match="column email: is in the record more than once"):
        rows_of(tmp_path / "a.csv", text)
    for column, address in (("email_duplicated_0", "amy@example.com"), ("email", "host@example.com")):
        assert rows_of(tmp_path / "a.csv", text, columns={"email": column})[0]["email"] == address


@pytest.mark.parametrize("again", ["email_duplicated_0", "Email", "email.1"])
def test_a_column_that_a_loader_numbered_stands_twice_too(again: str) -> None:
    """Polars, pandas and others number it each in its own way."""
    record = {"email": "host@example.com", again: "amy@example.com", "joined_at": "2026-01-15T10:00:00Z"}
    with pytest.raises(FeedUnreadable, match="is in the record more than once"):
        list(read_feed("canonical", [record]))


# Workbooks.

HEADER: list[Cell] = ["email", "joined_at", "left_at", "conference_key"]
CELLS: list[Cell] = ["amy@example.com", datetime(2026, 1, 15, 11, 0, 20), "2026-01-15 11:30", 81200001111]


@pytest.mark.parametrize("options", [{}, {"date_format": "%Y-%m-%d %H:%M"}])
def test_a_workbook_is_read_as_a_table(tmp_path: Path, options: dict[str, Any]) -> None:
    """Date cells are read whatever ``date_format`` says of texts, numbers are ids, and empty sheets are nothing."""
    sheets: dict[str, list[list[Cell]]] = {"Report": [["Report of today"], [], HEADER, CELLS], "Sheet2": []}
    path = write_workbook(tmp_path / "a.xlsx", sheets)
    (row,) = read_feed("canonical", path, zone="Europe/Berlin", max_unreadable=0, **options)
    assert (row["joined_at"], row["left_at"], row["conference_key"]) == (
        "2026-01-15T10:00:20.000Z",
        "2026-01-15T10:30:00.000Z",
        "81200001111",
    )
    packed = tmp_path / "a.xlsx.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert list(read_feed("canonical", packed, zone="Europe/Berlin")) == [row]


def test_all_sheets_of_a_workbook_are_read(tmp_path: Path) -> None:
    """And a sheet that is not a table of the feed refuses it: there may be people on it."""
    path = write_workbook(
        tmp_path / "a.xlsx", {"Mon": [HEADER, CELLS], "Tue": [HEADER, ["ben@example.com", *CELLS[1:]]]}
    )
    assert len(list(read_feed("canonical", path, zone="UTC"))) == 2
    path = write_workbook(tmp_path / "b.xlsx", {"Mon": [HEADER, CELLS], "More": [["Wer", "Wann"], ["Ben", "11:00"]]})
    with pytest.raises(FeedUnreadable, match=r"no line of it is a header.*Wer, Wann"):
        list(read_feed("canonical", path, zone="UTC"))


def test_file_that_is_not_a_workbook_is_refused(tmp_path: Path) -> None:
    """A cut one, one of another kind, and one that unpacks to more than is allowed."""
    path = write_workbook(tmp_path / "a.xlsx", {"Mon": [HEADER, CELLS]})
    whole = path.read_bytes()
    for data in (whole[:900], b"<table><tr><td>email", b""):
        path.write_bytes(data)
        with pytest.raises(FeedUnreadable, match=r"not an \.xlsx workbook, or it was cut"):
            list(read_feed("canonical", path))
    path.write_bytes(whole)
    with pytest.raises(FeedUnreadable, match="largest_document"):
        list(read_feed("canonical", path, largest_document=100))


def test_workbooks_need_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names what to install."""
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    path = write_workbook(tmp_path / "a.xlsx", {"Mon": [HEADER, CELLS]})
    with pytest.raises(MissingExtra, match=r"airflow-provider-calcom\[attendance\]"):
        list(read_feed("canonical", path, zone="UTC"))
