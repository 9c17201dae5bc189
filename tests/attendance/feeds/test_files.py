"""Reading feeds from files: what is read, and what makes a file too doubtful to be used."""

from __future__ import annotations

import gzip
import io
import json
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.attendance.errors import MissingExtra
from airflow_provider_calcom.attendance.feeds import FeedUnreadable, InvalidFeedOption, read_feed

ROW = {"email": "amy@example.com", "joined_at": "2026-01-15T10:00:00Z", "left_at": "2026-01-15T10:30:00Z"}
HEADER = "email,name,joined_at,left_at\n"
LINE = "amy@example.com,Amy Adams,2026-01-15T10:00:00Z,2026-01-15T10:30:00Z\n"


def written(folder: Path, name: str, data: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def emails(source: Any, **options: Any) -> list[str | None]:
    return [row["email"] for row in read_feed("canonical", source, **options)]


def names(source: Any, **options: Any) -> list[str | None]:
    return [row["name"] for row in read_feed("canonical", source, **options)]


JSON_LINE = json.dumps(ROW) + "\n"
SAME_IN_EVERY_KIND = {
    "rows.jsonl": JSON_LINE * 2,
    "rows.ndjson": JSON_LINE + "\n" + JSON_LINE.strip(),
    "rows.json": json.dumps([ROW, ROW], indent=1),
    "page.json": json.dumps({"rows": [ROW, ROW]}),
    "pages.json": json.dumps({"rows": [ROW]}, indent=1) + "\n" + json.dumps({"rows": [ROW]}),
    "list_of_pages.json": json.dumps([{"rows": [ROW]}, {"rows": [ROW]}]),
    "pages.jsonl": json.dumps({"rows": [ROW, ROW]}) + "\n",
    "lines.json": JSON_LINE * 2,
    "rows.csv": HEADER + LINE * 2,
    "semicolons.csv": (HEADER + LINE * 2).replace(",", ";"),
    "rows.tsv": (HEADER + LINE * 2).replace(",", "\t"),
    "windows.CSV": "\r\n" + (HEADER + LINE * 2).replace("\n", "\r\n"),
}


@pytest.mark.parametrize("name", SAME_IN_EVERY_KIND)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
def test_every_kind_of_file_gives_the_same_rows(tmp_path: Path, name: str, packed: bool) -> None:
    """Lines, documents, pages and tables, packed or not, are only different ways to write the same records."""
    data = SAME_IN_EVERY_KIND[name].encode()
    path = written(tmp_path, name + ".gz" if packed else name, gzip.compress(data) if packed else data)
    assert emails(path) == ["amy@example.com"] * 2
    assert emails(str(path)) == ["amy@example.com"] * 2


def test_gzip_is_known_without_its_suffix(tmp_path: Path) -> None:
    """Some stores unpack or pack on the way and leave the name as it was."""
    assert emails(written(tmp_path, "rows.jsonl", gzip.compress(JSON_LINE.encode()))) == ["amy@example.com"]
    assert emails(written(tmp_path, "rows.jsonl.gz", JSON_LINE)) == ["amy@example.com"]


@pytest.mark.parametrize(
    ("encoding", "bom"),
    [
        ("utf-8", b""),
        ("utf-8", b"\xef\xbb\xbf"),
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
    ],
)
@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "rows.jsonl", "rows.json"])
def test_encodings_are_found_by_their_marks(tmp_path: Path, name: str, encoding: str, bom: bytes) -> None:
    """UTF-8 and UTF-16 are read with a byte order mark and, where the text shows it, without."""
    text = {
        "rows.csv": HEADER + LINE.replace("Amy", "Zoë 王"),
        "rows.tsv": (HEADER + LINE.replace("Amy", "Zoë 王")).replace(",", "\t"),
        "rows.jsonl": json.dumps({**ROW, "name": "Zoë 王 Adams"}, ensure_ascii=False) + "\n",
        "rows.json": json.dumps([{**ROW, "name": "Zoë 王 Adams"}], ensure_ascii=False),
    }[name]
    assert names(written(tmp_path, name, bom + text.encode(encoding))) == ["Zoë 王 Adams"]


def test_another_encoding_is_an_option(tmp_path: Path) -> None:
    """An old export in a Windows code page is read with ``encoding``."""
    path = written(tmp_path, "rows.csv", (HEADER + LINE.replace("Amy", "Zoë")).encode("cp1252"))
    assert names(path, encoding="cp1252") == ["Zoë Adams"]


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.json"])
def test_bytes_of_another_encoding_refuse_the_file(tmp_path: Path, name: str) -> None:
    """Skipping such rows would lose just the people with an accent; the error names file, row and the fix."""
    good = {"rows.csv": HEADER + LINE, "rows.jsonl": JSON_LINE * 2, "rows.json": "[\n" + JSON_LINE + ",\n"}[name]
    bad = {"rows.csv": LINE, "rows.jsonl": JSON_LINE, "rows.json": JSON_LINE + "]"}[name].replace("amy", "zoë")
    path = written(tmp_path, name, (good + bad).encode("latin-1"))
    with pytest.raises(FeedUnreadable, match=rf"{name}, row [34]: .*not utf-8.*option encoding"):
        emails(path, max_unreadable=1.0)


@pytest.mark.parametrize("name", ["rows.csv", "rows.json", "rows.jsonl"])
def test_a_nul_in_a_text_is_one_unreadable_row(tmp_path: Path, name: str) -> None:
    """A NUL character would end the text in some databases; the row and its column are named."""
    rotten = {**ROW, "name": "Amy\0"}
    text = {
        "rows.csv": HEADER + LINE + LINE.replace("Amy", "Amy\0"),
        "rows.json": json.dumps([ROW, rotten]),
        "rows.jsonl": JSON_LINE + json.dumps(rotten),
    }[name]
    reading = read_feed("canonical", written(tmp_path, name, text), max_unreadable=1.0)
    assert len(list(reading)) == 1
    (sample,) = reading.report.samples
    assert (sample.file, sample.column, sample.reason) == (name, "name", "holds a NUL character")
    assert sample.row == (3 if name == "rows.csv" else 2)


def test_formulas_quotes_and_line_breaks_are_text(tmp_path: Path) -> None:
    """A name is a name, whatever a spreadsheet would make of it."""
    cells = ['"=HYPERLINK(""http://x"",""y"")"', '"Amy ""Ace"" Adams"', "+49 Amy", '"Adams,\nAmy"', "O'Neil; Amy"]
    text = HEADER + "".join(LINE.replace("Amy Adams", cell) for cell in cells)
    assert names(written(tmp_path, "rows.csv", text)) == [
        '=HYPERLINK("http://x","y")',
        'Amy "Ace" Adams',
        "+49 Amy",
        "Adams,\nAmy",
        "O'Neil; Amy",
    ]


def test_rows_are_numbered_as_an_editor_shows_them(tmp_path: Path) -> None:
    """The number is that of the line on which the row begins, also behind empty lines and names of two lines."""
    text = "\n" + HEADER + LINE.replace("Amy Adams", '"Adams,\nAmy"') + "\n" + LINE.replace("2026", "soon")
    reading = read_feed("canonical", written(tmp_path, "rows.csv", text), max_unreadable=1.0)
    assert len(list(reading)) == 1
    assert [(sample.file, sample.row, sample.column) for sample in reading.report.samples] == [
        ("rows.csv", 6, "joined_at")
    ]


def test_cells_missing_at_the_end_of_a_row_are_empty(tmp_path: Path) -> None:
    """Exports leave out what is empty at a row's end, and some end every row with a separator."""
    text = "email,joined_at,name,phone\n" + "amy@example.com,2026-01-15T10:00:00Z\n"
    (row,) = read_feed("canonical", written(tmp_path, "rows.csv", text))
    assert row["name"] is None
    assert emails(written(tmp_path, "more.csv", (HEADER + LINE).replace("\n", ",\n"))) == ["amy@example.com"]


def test_a_row_that_ends_before_a_time_is_unreadable(tmp_path: Path) -> None:
    """A cell is lost in it, so that others are in another's column: here the booking's would be the address."""
    text = "booking_uid,email,joined_at,left_at\n,amy@example.com,2026-01-15T10:00:00Z,2026-01-15T10:30:00Z\n"
    assert emails(written(tmp_path, "rows.csv", text)) == ["amy@example.com"]
    path = written(tmp_path, "rows.csv", text.replace("\n,amy", "\namy"))
    with pytest.raises(FeedUnreadable, match="column left_at: is missing: the row has fewer cells"):
        emails(path)


def test_file_cut_before_first_value_of_a_row_is_refused(tmp_path: Path) -> None:
    """Separators without a line end begin a row; as many of them as the header has are an empty one."""
    with pytest.raises(FeedUnreadable, match="the file ends within a line"):
        emails(written(tmp_path, "rows.csv", HEADER + LINE + ","))
    assert emails(written(tmp_path, "rows.csv", HEADER + LINE + ",,,")) == ["amy@example.com"]


def test_a_header_that_lost_its_line_end_is_refused(tmp_path: Path) -> None:
    """The first row would be columns, and its person nobody."""
    for line in (LINE, "Amy Adams,x,2026-01-15 10:00,\n"):
        path = written(tmp_path, "rows.csv", HEADER.strip() + "," + line + LINE)
        with pytest.raises(FeedUnreadable, match="the header holds an address or a time") as caught:
            emails(path)
        assert "amy" not in str(caught.value).lower()


def test_more_cells_than_columns_are_an_unreadable_row(tmp_path: Path) -> None:
    """A separator too many shifts the columns, so nothing in the row can be believed."""
    path = written(tmp_path, "rows.csv", HEADER + LINE.replace("Amy Adams", "Adams, Amy"))
    with pytest.raises(FeedUnreadable, match="more cells than the header"):
        emails(path)


def test_a_quote_that_is_never_closed_refuses_the_file(tmp_path: Path) -> None:
    """It swallows the rows behind it without a trace, so their people would be missed."""
    path = written(tmp_path, "rows.csv", HEADER + LINE.replace("Amy", '"Amy') + LINE * 30)
    with pytest.raises(FeedUnreadable, match=r"rows\.csv, row 2: a quote is opened"):
        emails(path, max_unreadable=1.0)
    behind = LINE.replace("Amy Adams", '"Adams, Amy"')
    path = written(tmp_path, "rows.csv", HEADER + LINE.replace("Amy", '"Amy') + behind * 30)
    with pytest.raises(FeedUnreadable, match=r"rows\.csv, row 2: a quote is opened"):
        emails(path, max_unreadable=1.0)


def test_a_quote_that_is_not_doubled_is_one_unreadable_row(tmp_path: Path) -> None:
    """The rows behind it are not touched by it."""
    text = HEADER + LINE.replace("Amy Adams", '"Amy "Ace" Adams"') + LINE * 2
    reading = read_feed("canonical", written(tmp_path, "rows.csv", text), max_unreadable=0.5)
    assert len(list(reading)) == 2
    assert [sample.row for sample in reading.report.samples] == [2]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rows.jsonl", JSON_LINE * 50 + JSON_LINE[:40]),
        ("rows.json", json.dumps([ROW] * 50)[:-9]),
        ("rows.csv", HEADER + LINE * 50 + LINE[:40]),
        ("rows.csv", HEADER + LINE * 50 + '"amy@exa'),
    ],
)
def test_a_file_that_was_cut_is_refused(tmp_path: Path, name: str, text: str) -> None:
    """One broken record at the end is within every limit, but represents all those that are missing."""
    with pytest.raises(FeedUnreadable, match=r"cut|a quote is opened"):
        emails(written(tmp_path, name, text))


def test_a_last_line_without_its_end_is_whole(tmp_path: Path) -> None:
    """Many programs write none, also behind a row that has a fault of its own further up."""
    assert len(emails(written(tmp_path, "rows.csv", (HEADER + LINE).rstrip()))) == 1
    text = HEADER + LINE.replace("2026", "soon") + LINE.rstrip()
    assert len(emails(written(tmp_path, "rows.csv", text), max_unreadable=0.5)) == 1


@pytest.mark.parametrize("cut", [0.5, 0.9])
def test_a_gzip_file_that_was_cut_is_refused(tmp_path: Path, cut: float) -> None:
    """What came before the cut is not used."""
    lines = "".join(json.dumps({**ROW, "name": f"Amy {number * 7919}"}) + "\n" for number in range(500))
    packed = gzip.compress(lines.encode())
    with pytest.raises(FeedUnreadable, match=r"rows\.jsonl\.gz.*cut"):
        emails(written(tmp_path, "rows.jsonl.gz", packed[: int(len(packed) * cut)]))


def test_a_line_of_invalid_json_is_one_unreadable_record(tmp_path: Path) -> None:
    """A log line among the records is counted, named by its line, and bears on the limit."""
    text = JSON_LINE + "Traceback (most recent call last):\n" + "[" * 100_000 + "\n" + JSON_LINE
    reading = read_feed("canonical", written(tmp_path, "rows.jsonl", text), max_unreadable=0.5)
    assert len(list(reading)) == 2
    assert [(sample.row, sample.reason) for sample in reading.report.samples] == [
        (2, "the line is not JSON"),
        (3, "the line is not JSON"),
    ]


class Endless(io.RawIOBase):
    """A file of one line that never ends."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        buffer[:] = b"x" * len(buffer)
        return len(buffer)


class OpenableOnly:
    """A path of some library: it can be opened and has a name, but is not an ``os.PathLike``."""

    def __init__(self, name: str, stream: Any) -> None:
        self.name, self.stream = name, stream

    def __str__(self) -> str:
        return f"s3://key:secret@bucket/folder/{self.name}"

    def open(self, mode: str) -> Any:
        assert mode == "rb"
        return self.stream


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv"])
def test_a_line_without_end_is_not_read_into_memory(name: str) -> None:
    """Reading stops at the limit and names the file and line."""
    tracemalloc.start()
    with pytest.raises(FeedUnreadable, match=rf"{name}, row 1: the line is longer than 1000000"):
        emails(OpenableOnly(name, Endless()), largest_line=1_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_a_document_is_read_up_to_its_limit(tmp_path: Path) -> None:
    """A JSON document has to be in memory as a whole; beyond the limit the fix is one record a line."""
    path = written(tmp_path, "rows.json", json.dumps([ROW] * 100))
    with pytest.raises(FeedUnreadable, match=r"rows\.json: .*1000 bytes.*\.jsonl"):
        emails(path, largest_document=1000)
    with pytest.raises(FeedUnreadable, match="1000000 bytes"):
        emails(OpenableOnly("rows.json", Endless()), largest_document=1_000_000)


def test_long_files_are_read_as_streams(tmp_path: Path) -> None:
    """The memory for three thousand lines is that for one."""
    path = written(tmp_path, "rows.jsonl", JSON_LINE * 3_000)
    assert emails(written(tmp_path, "one.jsonl", JSON_LINE)) == ["amy@example.com"]  # loads what is loaded once
    tracemalloc.start()
    assert sum(1 for _ in read_feed("canonical", path)) == 3_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300_000


def test_any_path_that_can_be_opened_will_do() -> None:
    """A UPath or ObjectStoragePath is opened by itself, with its connection, and only its last name is ever shown."""
    stream = io.BytesIO(JSON_LINE.encode())
    assert emails(OpenableOnly("rows.jsonl", stream)) == ["amy@example.com"]
    assert stream.closed
    reading = read_feed("canonical", OpenableOnly("rows.jsonl", io.BytesIO(b"?\n")), max_unreadable=1.0)
    assert list(reading) == []
    assert reading.report.samples[0].file == "rows.jsonl"


def test_a_file_is_closed_when_reading_stops_early() -> None:
    """A caller who reads only the first rows leaves no open file behind."""
    stream = io.BytesIO(JSON_LINE.encode() * 3)
    rows = iter(read_feed("canonical", OpenableOnly("rows.jsonl", stream)))
    next(rows)
    rows.close()  # type: ignore[attr-defined]
    assert stream.closed


def test_airflows_paths_are_read(tmp_path: Path) -> None:
    """Airflow's own ObjectStoragePath needs nothing more, also where Parquet is copied out of it."""
    sdk = pytest.importorskip("airflow.providers.common.compat.sdk")
    path = written(tmp_path, "rows.csv.gz", gzip.compress((HEADER + LINE).encode()))
    assert emails(sdk.ObjectStoragePath(f"file://{path}")) == ["amy@example.com"]


@pytest.mark.parametrize("name", ["rows.xls", "rows", "rows.gz", "rows.csv.zip"])
def test_files_of_other_kinds_are_refused_by_name(tmp_path: Path, name: str) -> None:
    """The error lists the endings that are read."""
    with pytest.raises(InvalidFeedOption, match=r"must end in \.json, \.jsonl"):
        emails(written(tmp_path, name, LINE))


def test_a_url_as_text_is_refused() -> None:
    """Its credentials would have to come from somewhere; Airflow's path has them."""
    with pytest.raises(InvalidFeedOption, match="ObjectStoragePath"):
        emails("s3://bucket/rows.jsonl")


def test_a_missing_file_is_pythons_own_error(tmp_path: Path) -> None:
    """It may be there at the next attempt, so it is not a fault of the feed."""
    with pytest.raises(FileNotFoundError):
        emails(tmp_path / "rows.jsonl")


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.json"])
def test_an_empty_file_has_no_rows(tmp_path: Path, name: str) -> None:
    """What that means is for the plan's guard rails to say."""
    assert emails(written(tmp_path, name, "")) == []


def test_a_delimiter_is_an_option(tmp_path: Path) -> None:
    """Where the first lines mislead, the user says it."""
    path = written(tmp_path, "rows.csv", (HEADER + LINE).replace(",", "~"))
    assert emails(path, delimiter="~") == ["amy@example.com"]


# Parquet.


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    """A file with the types that loaders land: text, times with and without a zone, nested values, nulls."""
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path / "rows.parquet"
    duckdb.connect(":memory:").execute(
        "COPY (SELECT 'amy@example.com' AS email, TIMESTAMPTZ '2026-01-15 11:00:00.123456+01' AS joined_at,"
        " TIMESTAMP '2026-01-15 10:30:00' AS left_at, 84512345678 AS conference_key, [{'a': 1}] AS extra"
        " UNION ALL SELECT NULL, TIMESTAMPTZ '2026-01-15 10:00:00Z', NULL, 84512345678, NULL)"
        f" TO '{path}' (FORMAT parquet)"
    )
    return path


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
def test_parquet_is_read(parquet: Path, packed: bool) -> None:
    """Times with a zone are instants; those without need the option zone, as everywhere."""
    if packed:
        parquet = written(parquet.parent, "rows.parquet.gz", gzip.compress(parquet.read_bytes()))
    rows = list(read_feed("canonical", parquet, zone="Europe/Berlin"))
    assert [(row["email"], row["joined_at"], row["left_at"]) for row in rows] == [
        ("amy@example.com", "2026-01-15T10:00:00.123456Z", "2026-01-15T09:30:00.000Z"),
        (None, "2026-01-15T10:00:00.000Z", None),
    ]
    assert rows[1]["conference_key"] == "84512345678"
    reading = read_feed("canonical", parquet, max_unreadable=0.5)
    assert len(list(reading)) == 1
    assert "zone" in str(reading.report.samples[0])


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" * 100, b"email,name\n"])
def test_another_format_than_parquet_is_refused(tmp_path: Path, data: bytes) -> None:
    """Cut or something else: the error names the file."""
    pytest.importorskip("duckdb")
    with pytest.raises(FeedUnreadable, match=r"rows\.parquet"):
        emails(written(tmp_path, "rows.parquet", data))


def test_parquet_without_duckdb_names_the_extra(parquet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB is optional, and only this needs it."""
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(MissingExtra, match=r"airflow-provider-calcom\[attendance\]"):
        emails(parquet)
