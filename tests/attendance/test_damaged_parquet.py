"""Parquet is checked by its statistics and read only by the rules: what is damaged then is named, and quotes nobody."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from airflow_provider_calcom.attendance.engine import decide, deciding
from airflow_provider_calcom.attendance.errors import InvalidInput
from airflow_provider_calcom.attendance.explain import explain
from airflow_provider_calcom.cli.no_shows import main
from tests.attendance.test_reference import ANN, COMPLETE, HOST, booking

_ROWS = """SELECT 'zoom' AS source, CAST(range AS VARCHAR) AS participant, 'person' AS kind,
    NULL::VARCHAR AS booking_uid, 'zoom:1' AS conference_key, NULL::VARCHAR AS email, 'Ann Secret' || range AS name,
    NULL::VARCHAR AS phone, TIMESTAMPTZ '2026-01-05 10:00:00+00' AS joined_at, NULL::TIMESTAMPTZ AS left_at
FROM range({})"""


def parquet(path: Path, rows: int, compression: str = "snappy") -> bytearray:
    duckdb.sql(f"COPY ({_ROWS.format(rows)}) TO '{path}' (FORMAT parquet, COMPRESSION {compression})")
    return bytearray(path.read_bytes())


def not_utf8(path: Path) -> None:
    """Damage a name that is neither the first nor the last: those are in the statistics, too."""
    content = parquet(path, 3, "uncompressed")
    assert b"Ann Secret1" in content
    path.write_bytes(content.replace(b"Ann Secret1", b"Ann \xff\xfecret1"))


def damaged_page(path: Path) -> None:
    """Overwrite a part of the compressed names."""
    content = parquet(path, 5_000)
    ((offset, size),) = duckdb.execute(
        "SELECT coalesce(dictionary_page_offset, data_page_offset), total_compressed_size"
        f" FROM parquet_metadata('{path}') WHERE path_in_schema = 'name'"
    ).fetchall()
    content[offset + size // 2 : offset + size // 2 + 64] = b"\xff" * 64
    path.write_bytes(content)


def cut_off(path: Path) -> None:
    """Leave out the footer, as an upload that was interrupted does."""
    path.write_bytes(parquet(path, 3)[:-100])


def by_decide(path: Path, tables: tuple[list[Any], list[Any]], capsys: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        decide(*tables, path, COMPLETE)
    return whole(caught.value)


def by_explain(path: Path, tables: tuple[list[Any], list[Any]], capsys: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        explain(*tables, path, COMPLETE, booking_uid=booking()["booking_uid"])
    return whole(caught.value)


def by_command(path: Path, tables: tuple[list[Any], list[Any]], capsys: Any) -> str:
    given = ["--attendance", str(path), "--out", str(path.with_name("out.csv"))]
    for name, rows in zip(("bookings", "people"), tables, strict=True):
        file = path.with_name(f"{name}.jsonl")
        file.write_text("".join(json.dumps(one) + "\n" for one in rows))
        given += [f"--{name}", str(file)]
    assert main(["decide", *given]) == 1
    printed = capsys.readouterr()
    assert not path.with_name("out.csv").exists()
    return str(printed.out + printed.err)


def whole(error: BaseException) -> str:
    """Return all that a traceback would show of an error."""
    assert error.__cause__ is None
    assert error.__suppress_context__
    return str(error)


@pytest.mark.parametrize("way", [by_decide, by_explain, by_command])
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (not_utf8, ", column name: is damaged, or not UTF-8. Write the file again"),
        (damaged_page, ", column name: is damaged, or not UTF-8. Write the file again"),
        (cut_off, ": is not Parquet, or was cut. Fetch or write it again"),
    ],
)
def test_a_damaged_file_is_named_by_every_way_to_the_rules(
    damage: Callable[[Path], None],
    words: str,
    way: Callable[[Path, list[list[Any]], Any], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The message names file and column and quotes no value, which DuckDB's own would."""
    damage(tmp_path / "a.parquet")
    message = way(tmp_path / "a.parquet", [[booking()], [ANN, HOST]], capsys)
    assert f"{tmp_path / 'a.parquet'}{words}" in message
    assert "Secret" not in message
    assert "cret" not in message.replace(str(tmp_path), "")


def test_the_damaged_file_of_several_is_the_one_that_is_named(tmp_path: Path) -> None:
    """Whole files before and after it are not blamed."""
    parquet(tmp_path / "a.parquet", 3)
    damaged_page(tmp_path / "b.parquet")
    parquet(tmp_path / "c.parquet", 3)
    with pytest.raises(InvalidInput, match=r"b\.parquet, column name: is damaged"):
        decide([booking()], [ANN, HOST], [tmp_path / name for name in ("a.parquet", "b.parquet", "c.parquet")])


def test_another_error_is_not_put_down_to_a_file(tmp_path: Path) -> None:
    """A query of a caller that fails stays as it is where all files can be read."""
    parquet(tmp_path / "a.parquet", 3)
    with (
        pytest.raises(duckdb.CatalogException, match="nothing"),
        deciding([booking()], [ANN, HOST], tmp_path / "a.parquet", COMPLETE) as decided,
    ):
        decided.connection.execute("SELECT * FROM nothing")
