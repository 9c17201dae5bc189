"""Reading bookings, people and attendance: what works, and what is refused with file, row and column."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import duckdb
import pytest

from airflow_provider_calcom._timestamps import parse_timestamp
from airflow_provider_calcom.attendance.engine import Resources, duckdb_session
from airflow_provider_calcom.attendance.errors import InvalidInput
from airflow_provider_calcom.attendance.schema import ATTENDANCE, BOOKINGS, PEOPLE, TABLES, Table
from airflow_provider_calcom.attendance.tables.loader import Loader
from airflow_provider_calcom.attendance.tables.sources import local_files

ROOT = Path(__file__).resolve().parents[3]
Row = dict[str, Any]

EMAIL, NAME, PHONE = "ann.secret@example.org", "Ann Secret", "+1 617 555 0199"
BOOKING: Row = {
    "booking_uid": "b1",
    "status": "accepted",
    "start_at": "2026-01-05T10:00:00Z",
    "end_at": "2026-01-05T11:00:00Z",
    "rescheduled_to_uid": None,
    "conference_key": "89512345678",
}
PERSON: Row = {
    "booking_uid": "b1",
    "role": "attendee",
    "email": EMAIL,
    "match_email": None,
    "name": NAME,
    "phone": PHONE,
    "absent": False,
}
PRESENCE: Row = {
    "source": "zoom",
    "participant": "zoom-user-7",
    "kind": "person",
    "booking_uid": None,
    "conference_key": "89512345678",
    "email": EMAIL,
    "name": NAME,
    "phone": PHONE,
    "joined_at": "2026-01-05T10:00:00Z",
    "left_at": "2026-01-05T10:30:00Z",
}
GOOD = {BOOKINGS: BOOKING, PEOPLE: PERSON, ATTENDANCE: PRESENCE}
FORMATS = ("jsonl", "csv", "parquet", "rows")


@cache
def database() -> duckdb.DuckDBPyConnection:
    """Return one DuckDB for all tests: opening one takes as long as a test."""
    return duckdb.connect(config={"threads": 1, "preserve_insertion_order": False})


@contextmanager
def empty_database() -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection to an empty database in it."""
    database().execute("ATTACH ':memory:' AS tables_of_test")
    try:
        with database().cursor() as connection:
            connection.execute("USE tables_of_test")
            yield connection
    finally:
        database().execute("DETACH tables_of_test")


def read(table: Table, source: Any, zone: str | None = None) -> list[Row]:
    """Read a table, and return its rows as the rules get them, instants as datetimes in UTC."""
    with TemporaryDirectory() as folder, empty_database() as connection:
        connection.execute(f"SET TimeZone = '{zone or 'UTC'}'")
        loader = Loader(connection, takes_naive_times=zone is not None)
        loader.load(table, local_files(table, source, Path(folder)))
        names = [column.name for column in table.columns]
        found = connection.execute(f"SELECT {', '.join(names)} FROM {table.name}").fetchall()
    rows = [dict(zip(names, row, strict=True)) for row in found]
    instants = [column.name for column in table.columns if column.kind == "instant"]
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    for row in rows:
        row.update(
            {name: row[name] if row[name] is None else epoch + timedelta(microseconds=row[name]) for name in instants}
        )
    return rows


def refused(table: Table, source: Any, zone: str | None = None) -> str:
    """Return the words in which a source is refused, which are on one line and name nobody."""
    with pytest.raises(InvalidInput) as caught:
        read(table, source, zone)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 1_000
    for secret in (EMAIL, NAME, PHONE, "secret", "Secret", "555"):
        assert secret not in message
    return message


def as_read(table: Table, row: Row) -> Row:
    """Return a row of text as it must come out."""
    instants = {column.name for column in table.columns if column.kind == "instant"}
    return {name: parse_timestamp(value) if name in instants and value else value for name, value in row.items()}


def jsonl(rows: Sequence[Row]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8", "surrogatepass")


def as_csv(rows: Sequence[Row], delimiter: str = ",", **options: Any) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter, lineterminator="\n", **options)
    writer.writeheader()
    writer.writerows({name: text(value) for name, value in row.items()} for row in rows)
    return file.getvalue().encode()


def parquet(path: Path, columns: Mapping[str, str], rows: int = 1) -> Path:
    """Write a Parquet file of expressions in SQL."""
    expressions = ", ".join(f'{value} AS "{name}"' for name, value in columns.items())
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"COPY (SELECT {expressions} FROM range({rows})) TO '{path}' (FORMAT parquet, COMPRESSION uncompressed)"
        )
    return path


def literal(value: Any) -> str:
    if value is None:
        return "CAST(NULL AS VARCHAR)"
    return str(value) if isinstance(value, bool) else "'" + str(value).replace("'", "''") + "'"


def text(value: Any) -> Any:
    """Return a value as a column of text has it."""
    return str(value).lower() if isinstance(value, bool) else value


def written(folder: Path, form: str, rows: Sequence[Row]) -> Any:
    """Write rows of text in a format, and give what a user would."""
    if form == "rows":
        return list(rows)
    path = folder / f"table.{form}"
    if form == "parquet":
        values = ", ".join(f"({', '.join(map(literal, map(text, row.values())))})" for row in rows)
        names = ", ".join(f'"{name}"' for name in rows[0])
        with duckdb.connect() as connection:
            connection.execute(f"COPY (SELECT * FROM (VALUES {values}) AS t({names})) TO '{path}' (FORMAT parquet)")
    else:
        path.write_bytes({"jsonl": jsonl, "csv": as_csv}[form](rows))
    return path


# What works.

ODD_NAMES = (
    "O'Brien; DROP TABLE bookings; --",
    '"quoted", comma',
    '=HYPERLINK("http://x")',
    "two\nlines",
    "Zoë 日本 😀",
    "[]",
    '{"a": 1}',
    "\\u0000 \\n \\",
    "NULL",
    "  around  ",
)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_format_gives_the_same_rows(table: Table, form: str, tmp_path: Path) -> None:
    """Text comes through as it was, instants and flags typed, uids and keys without the white space around them."""
    rows = [{**GOOD[table], "booking_uid": f"b{place}"} for place in range(len(ODD_NAMES))]
    if table is not BOOKINGS:
        rows = [{**row, "name": name} for row, name in zip(rows, ODD_NAMES, strict=True)]
    padded = [
        {**row, "booking_uid": f"\t{row['booking_uid']}\u00a0", "conference_key": " 89512345678\n"} for row in rows
    ]
    given = padded if "conference_key" in rows[0] else rows
    assert read(table, written(tmp_path, form, given)) == [as_read(table, row) for row in rows]


TWO = [PRESENCE, {**PRESENCE, "name": "Zoë\u20ac"}]
BASE, TABLE = jsonl(TWO), as_csv(TWO)


READABLE = {
    "plain": ("a.jsonl", BASE),
    "other suffix": ("a.ndjson", BASE),
    "suffix in capitals": ("a.JSONL", BASE),
    "no last line end": ("a.jsonl", BASE.rstrip()),
    "blank lines": ("a.jsonl", b"\n\n" + BASE.replace(b"\n", b"\n \t\n")),
    "CRLF": ("a.jsonl", BASE.replace(b"\n", b"\r\n")),
    "mixed line ends": ("a.jsonl", BASE.replace(b"\n", b"\r\n", 1)),
    "UTF-8 with a mark": ("a.jsonl", b"\xef\xbb\xbf" + BASE),
    "UTF-16": ("a.jsonl", BASE.decode().encode("utf-16")),
    "UTF-16 BE": ("a.jsonl", b"\xfe\xff" + BASE.decode().encode("utf-16-be")),
    "gzip": ("a.jsonl.gz", gzip.compress(BASE)),
    "gzip without the suffix": ("a.jsonl", gzip.compress(BASE)),
    "the suffix without gzip": ("a.jsonl.gz", BASE),
    "gzip in two members": ("a.jsonl.gz", gzip.compress(BASE[:9]) + gzip.compress(BASE[9:])),
    "gzip of UTF-8 with a mark": ("a.jsonl.gz", gzip.compress(b"\xef\xbb\xbf" + BASE)),
    "gzip of UTF-16": ("a.jsonl.gz", gzip.compress(BASE.decode().encode("utf-16"))),
    "capitals": ("a.jsonl", jsonl([{name.upper(): value for name, value in row.items()} for row in TWO])),
    "other order, more columns": (
        "a.jsonl",
        jsonl([dict(reversed(row.items())) | {"more": {"a": [1]}} for row in TWO]),
    ),
    "a key as a number": ("a.jsonl", BASE.replace(b'"89512345678"', b"89512345678")),
    "CSV": ("a.csv", TABLE),
    "CSV, no last line end": ("a.csv", TABLE.rstrip()),
    "CSV, CRLF": ("a.csv", TABLE.replace(b"\n", b"\r\n")),
    "CSV, CR": ("a.csv", TABLE.replace(b"\n", b"\r")),
    "CSV, mixed line ends": ("a.csv", TABLE.replace(b"\n", b"\r\n", 1)),
    "CSV, otherwise mixed": ("a.csv", TABLE.replace(b"\n", b"\r\n", 2).replace(b"\r\n", b"\n", 1)),
    "CSV, blank lines": ("a.csv", TABLE.replace(b"\n", b"\n\n")),
    "CSV, UTF-8 with a mark": ("a.csv", b"\xef\xbb\xbf" + TABLE),
    "CSV as Teams has it": ("a.csv", TABLE.replace(b",", b"\t").decode().encode("utf-16")),
    "CSV, gzip": ("a.csv.gz", gzip.compress(TABLE)),
    "CSV, gzip of UTF-16": ("a.csv.gz", gzip.compress(TABLE.decode().encode("utf-16"))),
    "TSV": ("a.tsv", TABLE.replace(b",", b"\t")),
    "semicolons": ("a.csv", TABLE.replace(b",", b";")),
    "all quoted": ("a.csv", as_csv(TWO, quoting=csv.QUOTE_ALL)),
    "all quoted, with a mark": ("a.csv", b"\xef\xbb\xbf" + as_csv(TWO, quoting=csv.QUOTE_ALL)),
    "CSV, other order, more columns": (
        "a.csv",
        as_csv([dict(reversed(row.items())) | {"more": "x", "": "y"} for row in TWO]),
    ),
    "CSV, other case and blanks in the header": (
        "a.csv",
        TABLE.replace(b"source,participant,kind", b" Source , PARTICIPANT,Kind"),
    ),
}


@pytest.mark.parametrize(("name", "content"), READABLE.values(), ids=READABLE)
def test_reads_text_as_it_is_really_written(name: str, content: bytes, tmp_path: Path) -> None:
    """Encodings with a mark, packing, line ends, blank lines, and the order and case of columns do not matter."""
    (tmp_path / name).write_bytes(content)
    assert read(ATTENDANCE, tmp_path / name) == [as_read(ATTENDANCE, row) for row in TWO]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", b""),
        ("a.jsonl", b"\n \n\r\n"),
        ("a.jsonl.gz", gzip.compress(b"", mtime=0)),
        ("a.csv", TABLE.splitlines(True)[0]),
        ("a.csv", TABLE.splitlines()[0]),
        ("rows", b""),
    ],
)
def test_a_table_may_be_empty(name: str, content: bytes, tmp_path: Path) -> None:
    """No rows are no rows: the guard rails, not the loader, refuse an empty feed."""
    (tmp_path / name).write_bytes(content)
    assert read(ATTENDANCE, [] if name == "rows" else tmp_path / name) == []


def test_several_files_are_one_table(tmp_path: Path) -> None:
    """Files of all formats add up, in the order in which they are given."""
    files = []
    for place, form in enumerate(("parquet", "csv", "jsonl")):
        (folder := tmp_path / form).mkdir()
        files.append(written(folder, form, [{**BOOKING, "booking_uid": f"{place}{part}"} for part in "ab"]))
    assert sorted(row["booking_uid"] for row in read(BOOKINGS, files)) == ["0a", "0b", "1a", "1b", "2a", "2b"]


def test_rows_are_numbered_apart(tmp_path: Path) -> None:
    """Each booking has a number of its own, in whatever file it lies, or rows of two meetings would be one."""
    first = written(tmp_path, "csv", [{**BOOKING, "booking_uid": f"a{place}"} for place in range(5)])
    second = written(tmp_path, "jsonl", [{**BOOKING, "booking_uid": f"b{place}"} for place in range(5)])
    with duckdb_session(Resources()) as (connection, folder):
        Loader(connection, takes_naive_times=False).load(BOOKINGS, local_files(BOOKINGS, [first, second], folder))
        assert connection.execute("SELECT count(DISTINCT booking), count(*) FROM bookings").fetchone() == (10, 10)


@pytest.mark.parametrize("form", FORMATS)
def test_source_and_participant_may_be_missing(form: str, tmp_path: Path) -> None:
    """One of them or both: older tables have neither, and a row of either may be empty."""
    for missing in ({"source"}, {"participant"}, {"source", "participant"}):
        rows = [{name: value for name, value in PRESENCE.items() if name not in missing}]
        (found,) = read(ATTENDANCE, written(tmp_path, form, rows))
        assert {name for name, value in found.items() if value is None and PRESENCE[name] is not None} == missing


@pytest.mark.parametrize("form", FORMATS)
def test_labels_are_cleaned(form: str, tmp_path: Path) -> None:
    """White space around a source, a participant or a kind does not belong to it, and nothing else is null."""
    blank = {"source": "\u00a0 ", "participant": " \t"}
    padded = {"source": "\tZoom Events\n", "participant": "\u00a0Ab 7 ", "kind": "\nlobby\x0b"}
    found = read(ATTENDANCE, written(tmp_path, form, [PRESENCE | blank, PRESENCE | padded]))
    assert [(row["source"], row["participant"], row["kind"]) for row in found] == [
        (None, None, "person"),
        ("Zoom Events", "Ab 7", "lobby"),
    ]


# Instants.

INSTANTS = {
    "2026-01-05T10:00:00Z": "2026-01-05T10:00:00Z",
    "2026-01-05t10:00:00z": "2026-01-05T10:00:00Z",
    "2026-01-05 10:00:00+00": "2026-01-05T10:00:00Z",
    " 2026-01-05T10:00Z ": "2026-01-05T10:00:00Z",
    "2026-01-05 10:00 UTC": "2026-01-05T10:00:00Z",
    "2026-01-05T15:30:00+05:30": "2026-01-05T10:00:00Z",
    "2026-01-05 02:00:00.000 -0800": "2026-01-05T10:00:00Z",
    "2026-01-05T02:00:00-08": "2026-01-05T10:00:00Z",
    "2026-01-05T10:00:00.123456789Z": "2026-01-05T10:00:00.123456Z",
    "2026-01-05T10:00:00,5Z": "2026-01-05T10:00:00.5Z",
    "0001-01-01T00:00:00Z": "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z": "9999-12-31T23:59:59.999999Z",
    "1969-12-31T23:59:59.999999Z": "1969-12-31T23:59:59.999999Z",
}


@pytest.mark.parametrize("form", FORMATS)
def test_reads_every_usual_spelling_of_an_instant(form: str, tmp_path: Path) -> None:
    """Any offset, T or a blank, with or without seconds, up to nine digits of them, in the years 1 to 9999."""
    source = written(tmp_path, form, [{**PRESENCE, "joined_at": spelling} for spelling in INSTANTS])
    assert [row["joined_at"] for row in read(ATTENDANCE, source)] == [
        parse_timestamp(text) for text in INSTANTS.values()
    ]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("value", ["", "  ", None])
def test_an_instant_may_be_missing_from_attendance(form: str, value: str | None, tmp_path: Path) -> None:
    """Who is still in the meeting has no end."""
    assert read(ATTENDANCE, written(tmp_path, form, [{**PRESENCE, "left_at": value}]))[0]["left_at"] is None


NO_INSTANTS = (
    "2026-01-05",
    "10:00:00Z",
    "20260105T100000Z",
    "2026-1-5T10:00:00Z",
    "05/01/2026 10:00",
    "2026-01-05T10Z",
    "2026-02-29T10:00:00Z",
    "2026-13-01T10:00:00Z",
    "2026-01-05T24:00:00Z",
    "2026-01-05T23:59:60Z",
    "2026-01-05T10:00:00+24:00",
    "2026-01-05T10:00:00+01:60",
    "2026-01-05T10:00:00 Europe/Berlin",
    "infinity",
    "-infinity",
    "epoch",
    "now",
    "NaN",
    "1767607200",
    "1767607200000",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+05:30",
    "9999-12-31T23:59:59-01:00",
    "12026-01-05T10:00:00Z",
    "2026-01-05T10:00:00ZZ",
    "2026-01-05T10:00:00.1234567890Z",
    "\u0662026-01-05T10:00:00Z",
    "2026-01-05T10:00:00Z; DROP TABLE bookings",
)


@pytest.mark.parametrize(
    ("value", "form"), [*((value, "csv") for value in NO_INSTANTS), *(("x", form) for form in FORMATS)]
)
def test_what_is_not_an_instant_is_refused(value: str, form: str, tmp_path: Path) -> None:
    """Nothing is guessed: a day, a number or a time that never was is named with its row and column."""
    message = refused(ATTENDANCE, written(tmp_path, form, [PRESENCE, {**PRESENCE, "left_at": value}]))
    assert f"row {3 if form == 'csv' else 2}, column left_at: " in message
    assert "is not a timestamp of the years 1 to 9999. Write ISO 8601" in message


@pytest.mark.parametrize("value", [1767607200, 1767607200000, 10**30])
@pytest.mark.parametrize("form", ["jsonl", "rows"])
def test_numbers_are_not_instants(value: int, form: str, tmp_path: Path) -> None:
    """Seconds or milliseconds: nobody knows."""
    message = refused(BOOKINGS, written(tmp_path, form, [{**BOOKING, "start_at": value}]))
    assert f"row 1, column start_at: string like '{'9' * len(str(value))}' is not a timestamp" in message


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("value", ["2026-01-05T10:00:00", "2026-01-05 10:00", "2026-01-05T10:00:00.123"])
def test_naive_times_need_a_zone(value: str, form: str, tmp_path: Path) -> None:
    """Without the user's word they are refused; with it they are local times of there."""
    rows = [PRESENCE, {**PRESENCE, "joined_at": value, "left_at": None}]
    source = written(tmp_path, form, rows)
    message = refused(ATTENDANCE, source)
    assert (
        f"row {3 if form == 'csv' else 2}, column joined_at: '{value}' is a naive time. Add Z or an offset" in message
    )
    assert read(ATTENDANCE, source, "America/New_York")[1]["joined_at"] == parse_timestamp(f"{value}-05:00")


BERLIN = {
    # Summer begins: from 2 to 3 o'clock there is no time.
    ("2026-03-29T01:59:59", "2026-03-29T03:00:00"): ("2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z"),
    # Winter begins: from 2 to 3 o'clock each time comes twice. A presence is taken to be as long as it may have been.
    ("2026-10-25T02:00:00", "2026-10-25T02:30:00"): ("2026-10-25T00:00:00Z", "2026-10-25T01:30:00Z"),
    ("2026-10-25T01:59:59", "2026-10-25T03:00:00"): ("2026-10-24T23:59:59Z", "2026-10-25T02:00:00Z"),
    ("2026-07-01T12:00:00", "2026-07-01T12:30"): ("2026-07-01T10:00:00Z", "2026-07-01T10:30:00Z"),
    # What has an offset is not stated in the zone.
    ("2026-10-25T02:00:00Z", "2026-10-25T02:30:00+01:00"): ("2026-10-25T02:00:00Z", "2026-10-25T01:30:00Z"),
}


def parquet_rows(path: Path, table: Table, **columns: str) -> Path:
    """Write a Parquet file of one good row in which some columns are expressions in SQL."""
    typed = {
        column.name: f"TIMESTAMPTZ {literal(GOOD[table][column.name])}"
        if column.kind == "instant"
        else literal(GOOD[table][column.name])
        for column in table.columns
    }
    return parquet(path, typed | columns)


@pytest.mark.parametrize("form", [*FORMATS, "typed"])
@pytest.mark.parametrize("local", BERLIN)
def test_local_times_of_a_zone_whose_clocks_change(local: tuple[str, str], form: str, tmp_path: Path) -> None:
    """A beginning is taken at its first coming and an end at its second, so that nobody's presence shrinks."""
    if form == "typed":
        kinds = ["TIMESTAMPTZ" if value[19:] else "TIMESTAMP" for value in local]
        names = dict(
            zip(
                ("joined_at", "left_at"),
                (f"{kind} '{value}'" for kind, value in zip(kinds, local, strict=True)),
                strict=True,
            )
        )
        source: Any = parquet_rows(tmp_path / "a.parquet", ATTENDANCE, **names)
    else:
        source = written(tmp_path, form, [{**PRESENCE, "joined_at": local[0], "left_at": local[1]}])
    (row,) = read(ATTENDANCE, source, "Europe/Berlin")
    assert (row["joined_at"], row["left_at"]) == tuple(map(parse_timestamp, BERLIN[local]))


@pytest.mark.parametrize("form", [*FORMATS, "typed"])
def test_a_time_that_the_clocks_skipped_is_refused(form: str, tmp_path: Path) -> None:
    """It shows that the zone is another."""
    value = "2026-03-29 02:30:00"
    if form == "typed":
        source: Any = parquet_rows(tmp_path / "a.parquet", ATTENDANCE, joined_at=f"TIMESTAMP '{value}'")
    else:
        source = written(tmp_path, form, [{**PRESENCE, "joined_at": value}])
    row = 2 if form == "csv" else 1
    assert f"row {row}, column joined_at: '{value}' does not exist in the given zone" in refused(
        ATTENDANCE, source, "Europe/Berlin"
    )
    assert read(ATTENDANCE, source, "Africa/Lagos")[0]["joined_at"] == parse_timestamp("2026-03-29T01:30:00Z")


# Cells that can't be used.

WRONG_CELLS = [
    (BOOKINGS, "booking_uid", None, "is empty, and must not be"),
    (BOOKINGS, "booking_uid", " \t\u00a0", "is empty, and must not be"),
    (BOOKINGS, "start_at", None, "is empty, and must not be"),
    (BOOKINGS, "end_at", "  ", "is empty, and must not be"),
    (BOOKINGS, "end_at", "2026-01-05T09:59:59.999999Z", "is before start_at"),
    (PEOPLE, "booking_uid", "", "is empty, and must not be"),
    (PEOPLE, "role", "Host", "must be one of attendee, host, but is a string of 4 characters"),
    (PEOPLE, "role", EMAIL, f"must be one of attendee, host, but is a string of {len(EMAIL)} characters"),
    (PEOPLE, "role", NAME, f"must be one of attendee, host, but is a string of {len(NAME)} characters"),
    (PEOPLE, "role", None, "is empty, and must not be"),
    (PEOPLE, "absent", "yes", "must be true or false, but is 'yes'"),
    (PEOPLE, "absent", "2", "must be true or false, but is '2'"),
    (PEOPLE, "absent", PHONE, "must be true or false, but is a string of 15 characters"),
    (PEOPLE, "absent", None, "is empty, and must not be"),
    (ATTENDANCE, "kind", "persons", "must be one of person, bot, lobby, check_in, but is 'persons'"),
    (
        ATTENDANCE,
        "kind",
        "'; DROP TABLE bookings; --",
        "must be one of person, bot, lobby, check_in, but is a string of",
    ),
    (ATTENDANCE, "kind", None, "is empty, and must not be"),
    (ATTENDANCE, "joined_at", EMAIL, "string like '<address>' is not a timestamp"),
]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(("table", "column", "value", "words"), WRONG_CELLS)
def test_wrong_cells_are_named(table: Table, column: str, value: Any, words: str, form: str, tmp_path: Path) -> None:
    """File, row and column are reported, and of the value only what can't be somebody's address, name or number."""
    good = [{**GOOD[table], "booking_uid": f"b{place}"} for place in range(3)]
    rows = [*good, {**good[0], "booking_uid": "b9", column: value}, *good]
    source = written(tmp_path, form, rows)
    shown = f"{table.name} (rows)" if form == "rows" else str(source)
    assert f"{shown}, row {5 if form == 'csv' else 4}, column {column}: {words}" in refused(table, source)


@pytest.mark.parametrize("form", FORMATS)
def test_the_first_wrong_row_is_named(form: str, tmp_path: Path) -> None:
    """Whichever column it is in, so that a file is fixed from its top."""
    rows = [PRESENCE, PRESENCE, {**PRESENCE, "left_at": "x"}, {**PRESENCE, "kind": "x"}, {**PRESENCE, "joined_at": "x"}]
    assert f"row {4 if form == 'csv' else 3}, column left_at" in refused(ATTENDANCE, written(tmp_path, form, rows))


@pytest.mark.parametrize(
    ("spelling", "flag"),
    [("true", True), ("TRUE", True), (" t ", True), ("1", True), (1, True), ("False", False), ("0", False), (0, False)],
)
@pytest.mark.parametrize("form", ["jsonl", "csv", "rows"])
def test_spellings_of_flags(spelling: Any, flag: bool, form: str, tmp_path: Path) -> None:
    """Those of JSON, Python, PostgreSQL and MySQL."""
    assert read(PEOPLE, written(tmp_path, form, [{**PERSON, "absent": spelling}]))[0]["absent"] is flag


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_missing_columns_are_named(table: Table, form: str, tmp_path: Path) -> None:
    """With those that are wanted and those that are there."""
    for column in (column for column in table.columns if not column.may_be_missing):
        row = {name: value for name, value in GOOD[table].items() if name != column.name}
        message = refused(table, written(tmp_path, form, [row, row]))
        assert f": the column {column.name} is missing. It has: " in message
        assert (
            f"{table.name.capitalize()} needs {', '.join(one.name for one in table.columns if not one.may_be_missing)}"
            in message
        )


def test_a_key_that_only_some_objects_have(tmp_path: Path) -> None:
    """An object may leave out what it does not know, as long as the file has the column somewhere, be it with null."""
    short = {name: value for name, value in PRESENCE.items() if name != "phone"}
    for form in ("jsonl", "rows"):
        source = written(tmp_path, form, [short, {**short, "phone": None}])
        assert [row["phone"] for row in read(ATTENDANCE, source)] == [None, None]


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_file_without_a_header_names_nobody(form: str, tmp_path: Path) -> None:
    """Where names of columns should be, values of the first row are not repeated."""
    path = tmp_path / f"a.{form}"
    path.write_bytes(as_csv([PERSON]).splitlines(True)[1] if form == "csv" else jsonl([{EMAIL: NAME, NAME: PHONE}]))
    assert " is missing. People needs booking_uid, role," in refused(PEOPLE, path)


def test_columns_that_stand_twice(tmp_path: Path) -> None:
    """Nobody knows which one counts. Columns that are not read may be there as often as they like."""
    path = tmp_path / "a.csv"
    path.write_bytes(TABLE.replace(b"participant,kind", b"Kind,kind"))
    assert f"{path}: the column kind is in the header twice" in refused(ATTENDANCE, path)
    path.write_bytes(jsonl([PERSON]) + jsonl([PERSON]).replace(b'"role"', b'"role": "host", "role"'))
    assert f"{path}: the column" in refused(PEOPLE, path)
    (lines := tmp_path / "a.jsonl").write_bytes(path.read_bytes())
    assert f"{lines}, row 2, column role: is in the object twice" in refused(PEOPLE, lines)
    lines.write_bytes(jsonl([PERSON]).replace(b'"role"', b'"x": 1, "x": 2, "role"'))
    assert len(read(PEOPLE, lines)) == 1
    assert "row 1: has the column role twice" in refused(PEOPLE, [{**PERSON, "Role": "host"}])


@pytest.mark.parametrize("value", [["x"], {"a": EMAIL}, [], {}, [[1]]])
@pytest.mark.parametrize("form", ["jsonl", "rows"])
@pytest.mark.parametrize("column", ["email", "name", "conference_key"])
def test_nested_values_are_refused(column: str, value: Any, form: str, tmp_path: Path) -> None:
    """A list with an address would be an address that nobody has, and an absence; a text in brackets is a text."""
    rows = [{**PRESENCE, "name": "[1]"}, {**PRESENCE, "name": '{"a": 1}'}, {**PRESENCE, column: value}]
    message = refused(ATTENDANCE, written(tmp_path, form, rows))
    assert f"row 3, column {column}: " in message


# Two bookings.


def test_two_bookings_with_one_uid(tmp_path: Path) -> None:
    """Both places are reported, be they in two files, and white space does not hide them."""
    (other := tmp_path / "other").mkdir()
    first = written(tmp_path, "csv", [{**BOOKING, "booking_uid": "a"}, BOOKING])
    second = written(
        other,
        "jsonl",
        [{**BOOKING, "booking_uid": "c"}, {**BOOKING, "booking_uid": "d"}, {**BOOKING, "booking_uid": " b1 "}],
    )
    message = refused(BOOKINGS, [first, second])
    assert f"{second}, row 3, column booking_uid: the same uid as in {first}, row 3." in message
    message = refused(BOOKINGS, [BOOKING, BOOKING])
    assert "bookings (rows), row 2, column booking_uid: the same uid as in bookings (rows), row 1." in message


# Files that can't be read.

LINE = jsonl([PRESENCE])
HEAD, LAST = TABLE.splitlines(keepends=True)[:2]


BROKEN = {
    "cut": ("a.jsonl", LINE + b"\n" + LINE[:-20], "row 3: is not JSON"),
    "a line cut": ("a.jsonl", LINE + LINE[:40] + b"\n" + LINE, "row 2: is not JSON"),
    "list": ("a.jsonl", LINE + b"[1]\n", "row 2: must be an object"),
    "number": ("a.jsonl", b"1\n", "row 1: must be an object"),
    "JSON over several lines": ("a.jsonl", b"[" + LINE + b"]", "row 1: is not JSON"),
    "two in a line": ("a.jsonl", LINE.rstrip() + LINE, "row 1: is not JSON"),
    "null": ("a.jsonl", LINE + b"null\n", "row 2, column kind: is empty, and must not be"),
    "CSV in JSON lines": ("a.jsonl", LINE + TABLE, "row 2: is not JSON"),
    "CR only": ("a.jsonl", LINE.replace(b"\n", b"\r") * 2, "row 1: is not JSON"),
    "Latin-1": ("a.jsonl", LINE + LINE.replace(b"Ann", b"\xc4nn"), "row 2, column name: is not UTF-8"),
    "bytes of a surrogate": (
        "a.jsonl",
        LINE + LINE.replace(b"Ann", b"\xed\xa0\x80"),
        "row 2, column name: is not UTF-8",
    ),
    "a key of other bytes": ("a.jsonl", LINE.replace(b"{", b'{"\xff": 1, '), "row 1: is not UTF-8"),
    "lone surrogate": (
        "a.jsonl",
        LINE + LINE.replace(b"Ann", b"\\ud83d"),
        "row 2, column name: contains an unpaired surrogate (invalid Unicode)",
    ),
    "NUL": ("a.jsonl", LINE + LINE.replace(b"Ann", b"A\0n"), "row 2: contains a NUL byte"),
    "zeros at the end": ("a.jsonl", LINE + bytes(1000), "row 2: contains a NUL byte"),
    "UTF-16 without a mark": (
        "a.jsonl",
        BASE.decode().encode("utf-16-le"),
        "row 1: contains a NUL byte. Is it UTF-16 without a byte order mark?",
    ),
    "UTF-16 cut": ("a.jsonl", BASE.decode().encode("utf-16")[:-1], "begins as UTF-16, but is not valid UTF-16"),
    "UTF-32": ("a.jsonl", b"\xff\xfe\0\0" + BASE.decode().encode("utf-32-le"), "row 1: contains a NUL byte"),
    "deep": (
        "a.jsonl",
        LINE.replace(b'"zoom"', b"[" * 10**5 + b"]" * 10**5),
        "row 1: is not JSON, or nested too deeply",
    ),
    "deep and cut": ("a.jsonl", b"[" * 10**5, "row 1: is not JSON"),
    "bare keys": ("a.jsonl", LINE.replace(b'"name"', b"name"), "row 1: is not JSON"),
    "CSV, empty": ("a.csv", b"", "has no header with the names of its columns"),
    "CSV, blank": ("a.csv", b"\n \r\n", "has no header with the names of its columns"),
    "CSV, blank line first": ("a.csv", b"\n" + TABLE, "has no header with the names of its columns"),
    "JSON lines in CSV": ("a.csv", LINE, "the column kind is missing"),
    "quote before the header": ("a.csv", b'"' + TABLE, "row 1: the header has a quote without an end"),
    "CSV, cut": ("a.csv", HEAD + LAST + LAST[:30], "row 3: has another number of values than the header has columns"),
    "CSV, more values": ("a.csv", HEAD + LAST + LAST.rstrip() + b",x\n", "row 3: has another number of values"),
    "CSV, a line of blanks": ("a.csv", HEAD + LAST + b" \n" + LAST, "row 3: has another number of values"),
    "quote without end": ("a.csv", HEAD + LAST.replace(b"Ann", b'"Ann') + LAST, "row 2: a quoted value has no end"),
    "text after a quote": (
        "a.csv",
        HEAD + LAST + LAST.replace(b"Ann Secret", b'"Ann" Secret'),
        "row 3: a quoted value has no end, goes on after its end",
    ),
    "CSV, Latin-1": (
        "a.csv",
        HEAD + LAST + LAST.replace(b"Ann", b"\xc4nn"),
        "row 3, column name: is not UTF-8. Save the file as UTF-8 or UTF-16",
    ),
    "CSV, NUL": ("a.csv", HEAD + LAST + LAST.replace(b"Ann", b"A\0n"), "row 3, column name: contains a NUL byte"),
    "CSV, NUL after a line end in a value": (
        "a.csv",
        HEAD + LAST + LAST.replace(b"Ann", b'"x\ny"') + LAST.replace(b"zoom", b"\0"),
        "row 4, column source: contains a NUL byte",
    ),
    "CSV, zeros at the end": ("a.csv", TABLE + bytes(10), ": contains a NUL byte"),
    "CSV, UTF-16 without a mark": ("a.csv", TABLE.decode().encode("utf-16-le"), ": contains a NUL byte"),
    "CSV, zeros": ("a.csv", bytes(1000), "has no header"),
    "CSV, a header in Latin-1": (
        "a.csv",
        HEAD.replace(b"name", b"n\xe4me") + LAST,
        "the column name is missing. It has: source, participant, kind, booking_uid, conference_key, email, n?me",
    ),
    "CSV, one long line": ("a.csv", b"x" * 300_000, "row 1: the header is longer than"),
    "CSV, a long value": (
        "a.csv",
        HEAD + LAST.replace(b"Ann", b"x" * 3_000_000),
        "row 2: is too long for a row (over 2 MB)",
    ),
    "CSV, a long value of many lines": (
        "a.csv",
        HEAD + LAST.replace(b"Ann", b'"' + b"x\n" * 1_500_000 + b'"'),
        "row 2: a quoted value has no end, goes on after its end, or is longer than 2 MB",
    ),
    "gzip, cut": ("a.jsonl.gz", gzip.compress(BASE)[:-9], "is compressed with gzip, and was cut or damaged"),
    "gzip without its sum": ("a.jsonl.gz", gzip.compress(BASE)[:-8], "is compressed with gzip, and was cut or damaged"),
    "CSV, gzip, cut": ("a.csv.gz", gzip.compress(TABLE)[:20], "is compressed with gzip, and was cut or damaged"),
    "gzip, cut at once": ("a.csv.gz", gzip.compress(TABLE)[:3], "is compressed with gzip, and was cut or damaged"),
    "gzip with another sum": (
        "a.csv.gz",
        gzip.compress(TABLE)[:-5] + b"12345",
        "is compressed with gzip, and was cut or damaged",
    ),
    "gzip with more behind it": (
        "a.csv.gz",
        gzip.compress(TABLE) + b"x",
        "is compressed with gzip, and was cut or damaged",
    ),
    "Parquet, empty": ("a.parquet", b"", "is not Parquet, or was cut"),
    "CSV in Parquet": ("a.parquet", TABLE, "is not Parquet, or was cut"),
    "Parquet of zeros": ("a.parquet", b"PAR1" + bytes(100) + b"PAR1", "is not Parquet, or was cut"),
}


@pytest.mark.parametrize(("name", "content", "words"), BROKEN.values(), ids=BROKEN)
def test_broken_files_are_named(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    """With the row and column where they are known, and without a word of what the rows hold."""
    (tmp_path / name).write_bytes(content)
    assert f"{tmp_path / name}" in (message := refused(ATTENDANCE, tmp_path / name))
    assert words in message


@pytest.mark.parametrize(
    "value",
    [
        0.5,
        float("nan"),
        float("inf"),
        b"x",
        Decimal("1.5"),
        Decimal("NaN"),
        datetime.min.time(),
        datetime(2026, 1, 5).date(),
        object(),
        "\ud800",
        {1},
    ],
)
def test_rows_of_other_values_are_refused(value: Any) -> None:
    """A float would be an id with .0 behind it, and a NaN a name."""
    words = (
        "contains an unpaired surrogate"
        if isinstance(value, str)
        else f"is a {type(value).__name__}. A value must be a string"
    )
    assert f"attendance (rows), row 2, column name: {words}" in refused(
        ATTENDANCE, [PRESENCE, {**PRESENCE, "name": value}]
    )


def test_rows_of_usual_values() -> None:
    """What cursors and libraries give: ids as numbers, decimals or UUIDs, and datetimes of any zone."""
    uid = UUID(int=7)
    paris = timezone(timedelta(hours=1, seconds=21))
    rows = [
        {
            **BOOKING,
            "booking_uid": uid,
            "conference_key": Decimal("89512345678"),
            "start_at": datetime(2026, 1, 5, 11, tzinfo=paris),
        }
    ]
    (row,) = read(BOOKINGS, iter(rows))
    assert row["booking_uid"] == str(uid)
    assert row["conference_key"] == "89512345678"
    assert row["start_at"] == datetime(2026, 1, 5, 9, 59, 39, tzinfo=UTC)
    assert "'2026-01-05T10:00:00' is a naive time" in refused(
        BOOKINGS, [{**BOOKING, "start_at": datetime(2026, 1, 5, 10)}]
    )


@pytest.mark.parametrize("rows", [[PRESENCE, (1, 2)], [PRESENCE, None], [PRESENCE, "people.jsonl"], [[PRESENCE]]])
def test_rows_must_be_mappings(rows: list[Any]) -> None:
    """A tuple of a plain cursor has no names."""
    assert f"row {len(rows)}: must be an object, but is a {type(rows[-1]).__name__}" in refused(ATTENDANCE, rows)


# Parquet.

INSTANT = datetime(2026, 1, 5, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("TIMESTAMPTZ '2026-01-05 10:00:00+00'", INSTANT),
        ("TIMESTAMPTZ '2026-01-05 15:30:00+05:30'", INSTANT),
        ("TIMESTAMPTZ '0001-01-01 00:00:00+00'", datetime(1, 1, 1, tzinfo=UTC)),
        ("TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'", datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)),
        ("CAST(NULL AS TIMESTAMPTZ)", None),
        ("CAST(NULL AS TIMESTAMP)", None),
        ("NULL", None),
        ("CAST(NULL AS INTEGER)", None),
        ("CAST(NULL AS DOUBLE)", None),
    ],
)
def test_types_of_instants_in_parquet(value: str, instant: datetime | None, tmp_path: Path) -> None:
    """A column without values may have any type: some writers have none for it."""
    assert read(ATTENDANCE, parquet_rows(tmp_path / "a.parquet", ATTENDANCE, left_at=value))[0]["left_at"] == instant


@pytest.mark.parametrize("kind", ["TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"])
def test_naive_types_in_parquet_need_a_zone(kind: str, tmp_path: Path) -> None:
    """Of any precision."""
    path = parquet_rows(tmp_path / "a.parquet", ATTENDANCE, left_at=f"CAST('2026-01-05 10:00:00' AS {kind})")
    assert f"{path}, column left_at: its times are naive (TIMESTAMP" in refused(ATTENDANCE, path)
    assert read(ATTENDANCE, path, "Asia/Kolkata")[0]["left_at"] == INSTANT - timedelta(hours=5.5)


@pytest.mark.parametrize(
    ("table", "column", "value", "words"),
    [
        (ATTENDANCE, "left_at", "1767607200", "its type is INTEGER, and must be timestamps with a time zone"),
        (ATTENDANCE, "left_at", "1767607200::BIGINT", "its type is BIGINT, and must be timestamps"),
        (ATTENDANCE, "left_at", "DATE '2026-01-05'", "its type is DATE, and must be timestamps"),
        (ATTENDANCE, "left_at", "TIME '10:00:00'", "its type is TIME, and must be timestamps"),
        (ATTENDANCE, "left_at", "true", "its type is BOOLEAN, and must be timestamps"),
        (ATTENDANCE, "name", "['x']", "its type is VARCHAR, and must be strings"),
        (ATTENDANCE, "name", f"{{'{EMAIL}': 1}}", "its type is STRUCT, and must be strings"),
        (ATTENDANCE, "name", "MAP {'a': 1}", "its type is MAP, and must be strings"),
        (ATTENDANCE, "conference_key", "89512345678::DOUBLE", "its type is DOUBLE, and must be strings"),
        (ATTENDANCE, "conference_key", "89512345678.5::DECIMAL(20,2)", "its type is DECIMAL, and must be strings"),
        (ATTENDANCE, "email", "'x'::BLOB", "its type is BLOB, and must be strings"),
        (PEOPLE, "absent", "1", "its type is INTEGER, and must be booleans"),
        (
            ATTENDANCE,
            "joined_at",
            "TIMESTAMPTZ 'infinity'",
            "string like 'a' is not a timestamp of the years 1 to 9999",
        ),
        (
            ATTENDANCE,
            "left_at",
            "TIMESTAMPTZ '-infinity'",
            "string like '-a' is not a timestamp of the years 1 to 9999",
        ),
        (
            ATTENDANCE,
            "left_at",
            "TIMESTAMPTZ '10000-01-01 00:00:00+00'",
            "'10000-01-01 00:00:00+00' is not a timestamp",
        ),
        (
            ATTENDANCE,
            "left_at",
            "TIMESTAMPTZ '0001-12-31 (BC) 00:00:00+00'",
            "string like '9999-99-99 (a) 99:99:99+99' is not a timestamp",
        ),
        (BOOKINGS, "start_at", "NULL", "is empty, and must not be"),
        (BOOKINGS, "start_at", "CAST(NULL AS TIMESTAMPTZ)", "is empty, and must not be"),
        (BOOKINGS, "booking_uid", "NULL", "is empty, and must not be"),
        (PEOPLE, "absent", "CAST(NULL AS BOOLEAN)", "is empty, and must not be"),
        (PEOPLE, "role", "5", "must be one of attendee, host, but is '5'"),
        (PEOPLE, "role", "NULL", "is empty, and must not be"),
    ],
)
def test_wrong_types_in_parquet(table: Table, column: str, value: str, words: str, tmp_path: Path) -> None:
    """Types are reported without the names and values that some of them list."""
    path = parquet_rows(tmp_path / "a.parquet", table, **{column: value})
    message = refused(table, path)
    assert str(path) in message
    assert f"column {column}: {words}" in message


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("89512345678", "89512345678"),
        ("89512345678::UBIGINT", "89512345678"),
        ("89512345678::DECIMAL(38,0)", "89512345678"),
        ("'89512345678'::ENUM('89512345678')", "89512345678"),
        ("UUID '00000000-0000-0000-0000-000000000007'", "00000000-0000-0000-0000-000000000007"),
        ("NULL", None),
    ],
)
def test_types_of_text_in_parquet(value: str, text: str | None, tmp_path: Path) -> None:
    """Ids may be numbers, as long as they are whole."""
    path = parquet_rows(tmp_path / "a.parquet", ATTENDANCE, conference_key=value)
    assert read(ATTENDANCE, path)[0]["conference_key"] == text


@pytest.mark.parametrize(
    "column",
    ["file_row_number", "File_Row_Number", "filename", "file_index", "rowid", "row_in_file", "raw_kind", "fault"],
)
@pytest.mark.parametrize("table", [BOOKINGS, ATTENDANCE], ids=lambda table: table.name)
def test_columns_with_names_of_the_engine(table: Table, column: str, tmp_path: Path) -> None:
    """A file may have columns of any names beside those of the table."""
    path = parquet_rows(
        tmp_path / "a.parquet", table, **{column: "'x'", 'with "quotes"; DROP TABLE x; --'.replace('"', '""'): "1"}
    )
    assert read(table, path) == [as_read(table, GOOD[table])]


def test_parquet_of_polars(tmp_path: Path) -> None:
    """Its nanoseconds, categories, lists of nulls and columns in other cases."""
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(
        {
            "Source": polars.Series(["zoom"], dtype=polars.Categorical),
            "PARTICIPANT": ["zoom-user-7"],
            "KIND": ["person"],
            "booking_uid": polars.Series([None], dtype=polars.Null),
            "conference_key": polars.Series([89512345678], dtype=polars.UInt64),
            "email": [EMAIL],
            "name": [NAME],
            "phone": [PHONE],
            "joined_at": polars.Series([INSTANT], dtype=polars.Datetime("ns", "UTC")),
            "left_at": polars.Series([INSTANT + timedelta(minutes=30)], dtype=polars.Datetime("ms", "Europe/Berlin")),
        }
    )
    frame.write_parquet(tmp_path / "a.parquet")
    assert read(ATTENDANCE, tmp_path / "a.parquet") == [as_read(ATTENDANCE, PRESENCE)]


def test_parquet_is_not_copied(tmp_path: Path) -> None:
    """Ten million rows are read where they lie, unless text has to be read as instants."""
    with duckdb_session(Resources()) as (connection, folder):
        loader = Loader(connection, takes_naive_times=True)
        loader.load(ATTENDANCE, local_files(ATTENDANCE, parquet_rows(tmp_path / "a.parquet", ATTENDANCE), folder))
        assert connection.execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]
        loader.load(BOOKINGS, local_files(BOOKINGS, written(tmp_path, "parquet", [BOOKING]), folder))
        assert connection.execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(1,)]


# Large files.


def test_rows_are_counted_right_in_files_that_are_read_in_parallel(tmp_path: Path) -> None:
    """Several threads read 50 MB, and the row that is named is the one at fault."""
    rows, wrong = 200_000, 170_000
    line = LINE.rstrip()
    for name, good, bad, first in (
        ("a.jsonl", line, line.replace(b"left_at", b"left"), 1),
        ("a.csv", LAST.rstrip() + b" " * 150, LAST.rstrip() + b" x", 2),
    ):
        lines = [good] * rows
        lines[wrong - first] = bad.replace(b'"joined_at": "2026', b'"joined_at": "x026')
        (tmp_path / name).write_bytes((HEAD if first == 2 else b"") + b"\n".join(lines))
        assert f"row {wrong}, column " in refused(ATTENDANCE, tmp_path / name)


@pytest.mark.parametrize("quoted", [False, True])
def test_rows_within_a_name_stay_there(quoted: bool, tmp_path: Path) -> None:
    """Somebody's display name can hold lines that look like rows. In no large file do they become rows."""
    fake = "zoom,person,,89512345678,boss@example.org,Boss,,2026-01-05T10:00:00Z,2026-01-05T10:30:00Z"
    name = "\n" + (f"{fake}\n" * 50) + (fake[:20] + '"' if quoted else "")
    content = as_csv([{**PRESENCE, "name": name}])
    header, row = content[: len(HEAD)], content[len(HEAD) :]
    (tmp_path / "a.csv").write_bytes(header + row * 6_000)
    rows = read(ATTENDANCE, tmp_path / "a.csv")
    assert {row["email"] for row in rows} == {EMAIL}
    assert len(rows) == 6_000


_MEASURED = """
import resource, sys
from pathlib import Path
from airflow_provider_calcom.attendance.schema import ATTENDANCE
from airflow_provider_calcom.attendance.engine import Resources, loaded, duckdb_session
from airflow_provider_calcom.attendance.errors import InvalidInput
try:
    with duckdb_session(Resources("1GB", spill_directory=sys.argv[2])) as (connection, folder):
        with loaded(connection, folder, {ATTENDANCE: sys.argv[1]}, takes_naive_times=False):
            pass
except InvalidInput as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
LONG = {
    "value.jsonl": (LINE + LINE[: LINE.index(b"Ann")], b"x" * 2**20, ", line 2: is longer than 16 MB"),
    "value.csv": (HEAD + LAST + LAST[: LAST.index(b"Ann")], b"x" * 2**20, ", line 3: is longer than 16 MB"),
    "quoted.csv": (HEAD + LAST + LAST[: LAST.index(b"Ann")] + b'"', b"x" * (2**20 - 1) + b"\n", ", row 3: "),
    "header.csv": (HEAD.rstrip(), b"x" * 2**20, ", line 1: is longer than 16 MB"),
}


@pytest.mark.parametrize("name", LONG)
def test_a_line_without_end_does_not_fill_the_memory(name: str, tmp_path: Path) -> None:
    """A line of 300 MB is refused with its number, in little memory and time."""
    begin, part, words = LONG[name]
    with (tmp_path / name).open("wb") as file:
        file.write(begin)
        for _ in range(300):
            file.write(part)
    (tmp_path / "measured.py").write_text(_MEASURED)
    command = [sys.executable, str(tmp_path / "measured.py"), str(tmp_path / name), str(tmp_path)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    (tmp_path / name).unlink()
    message, megabytes = done.stdout.splitlines()
    assert f"{name}{words}" in message
    assert int(megabytes) < 700
