"""The feeds of a plan: every form that they may come in, and up to when they are complete."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.api import errors
from airflow_provider_calcom.attendance.errors import AttendanceError, InvalidInput, UnsupportedConnection
from airflow_provider_calcom.attendance.feeds import FeedUnreadable, InvalidFeedOption
from airflow_provider_calcom.no_shows.input_files import InputMissing
from airflow_provider_calcom.no_shows.inputs import FeedReader
from airflow_provider_calcom.no_shows.plan_request import FeedEntry
from tests.attendance.postgres import PostgresServer
from tests.operators.planning import (
    ANN,
    BOOKING,
    HANNA,
    NOON,
    OWNER,
    Row,
    attendance_rows,
    changes,
    fed,
    memory_storage,
    parsed,
    plan,
    reasons,
    seen,
    summary,
    write_lines,
)
from tests.support import SandboxDriver, ends_the_task

ZOOM: Row = {
    "meeting_id": "81200001111",
    "name": "Hanna Host",
    "user_email": HANNA,
    "join_time": "2026-11-18T08:00:00Z",
    "leave_time": "2026-11-18T08:31:00Z",
}
CANONICAL = seen("b1", HANNA, "2026-11-18T08:00:00Z", "2026-11-18T08:31:00Z")
AT_NOON = {"as_of": NOON}


def planned(folder: Path, attendance: Any, **given: Any) -> Row:
    """Plan the one booking of Ann with Hanna."""
    return plan(folder, **{"bookings": [BOOKING], "attendance": attendance, **given})


# One feed, in each form.


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """A folder with the same presence of the host in files of all kinds."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    text = json.dumps(ZOOM) + "\n"
    (folder / "zoom.json").write_text(json.dumps([ZOOM]), encoding="utf-8")
    (folder / "zoom.jsonl").write_text(text, encoding="utf-8")
    (folder / "zoom.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    (folder / "zoom.csv").write_text(f"{','.join(ZOOM)}\n{','.join(ZOOM.values())}\n", encoding="utf-8")
    write_lines(folder / "rows.jsonl", [CANONICAL])
    return folder


FORMS: dict[str, Callable[[Path], Any]] = {
    "JSON": lambda inbox: {"feed": "zoom", "path": str(inbox / "zoom.json")},
    "JSON lines": lambda inbox: {"feed": "zoom", "path": str(inbox / "zoom.jsonl")},
    "gzip": lambda inbox: {"feed": "zoom", "path": str(inbox / "zoom.jsonl.gz")},
    "CSV": lambda inbox: {"feed": "zoom", "path": str(inbox / "zoom.csv")},
    "path object": lambda inbox: {"feed": "zoom", "path": inbox / "zoom.json"},
    "path with *": lambda inbox: {"feed": "zoom", "path": str(inbox / "z*.json")},
    "folder with *": lambda inbox: {"feed": "zoom", "path": str(inbox.parent / "in*" / "zoom.json")},
    "several paths": lambda inbox: {"feed": "zoom", "path": [str(inbox / "zoom.json"), str(inbox / "zoom.csv")]},
    "string of paths": lambda inbox: {"feed": "zoom", "path": str([str(inbox / "zoom.json")])},
    "URL": lambda inbox: {"feed": "zoom", "path": f"file://{inbox}/zoom.csv"},
    "URL with *": lambda inbox: {"feed": "zoom", "path": f"file://{inbox}/*.csv"},
    "rows": lambda inbox: {"feed": "zoom", "rows": [ZOOM]},
    "rows as a string": lambda inbox: {"feed": "zoom", "rows": str([ZOOM])},
    "rows of rows": lambda inbox: {"feed": "zoom", "rows": [[ZOOM], []]},
    "page of the API": lambda inbox: {"feed": "zoom", "rows": {"participants": [ZOOM]}},
    "list of one": lambda inbox: [{"feed": "zoom", "rows": [ZOOM]}],
    "list as a string": lambda inbox: str([{"feed": "zoom", "rows": [ZOOM]}]),
    "list as JSON": lambda inbox: json.dumps([{"feed": "zoom", "rows": [ZOOM]}]),
    "canonical feed": lambda inbox: {"feed": "canonical", "rows": [CANONICAL]},
    "feed without a name": lambda inbox: {"rows": [CANONICAL]},
    "table": lambda inbox: str(inbox / "rows.jsonl"),
    "tables": lambda inbox: [str(inbox / "rows.jsonl")],
    "table with *": lambda inbox: str(inbox / "row*.jsonl"),
    "table by URL": lambda inbox: f"file://{inbox}/rows.jsonl",
    "table by URL with *": lambda inbox: f"file://{inbox}/row*.jsonl",
    "table's rows": lambda inbox: [CANONICAL],
    "table's rows with more": lambda inbox: [CANONICAL | {"path": "x", "rows": 5, "sql": "y"}],
    "table's rows as a string": lambda inbox: str([CANONICAL]),
}


def presence(folder: Path, attendance: Any) -> set[tuple[Any, ...]]:
    """Return who was there, by address and times without milliseconds, in the rows that the rules get."""
    rows = attendance_rows(folder, parsed(attendance=attendance))
    return {(row["email"], *(row[name].replace(".000Z", "Z") for name in ("joined_at", "left_at"))) for row in rows}


OF_HANNA = {(HANNA, CANONICAL["joined_at"], CANONICAL["left_at"])}


@pytest.mark.parametrize("form", list(FORMS))
def test_every_form_of_a_feed(tmp_path: Path, inbox: Path, form: str) -> None:
    """The rules get the same presence wherever it is, and as whatever a template renders it."""
    assert presence(tmp_path, FORMS[form](inbox)) == OF_HANNA


@pytest.mark.parametrize("form", ["CSV", "table"])
def test_a_plan_of_each_kind_of_feed(tmp_path: Path, inbox: Path, form: str) -> None:
    """The host came and Ann did not."""
    planned(tmp_path / "p", FORMS[form](inbox))
    assert changes(tmp_path / "p") == {("b1", ANN)}


def test_inputs_of_an_object_storage(tmp_path: Path, inbox: Path) -> None:
    """Bookings, feeds and tables are read from a storage that, like S3, is not a file system."""
    with memory_storage() as memory:
        storage = _uploaded(inbox, f"{memory}/in")
        bookings = write_lines(tmp_path / "bookings.jsonl", [BOOKING])
        (storage / "bookings.jsonl").write_bytes(bookings.read_bytes())
        for path in ("zoom.jsonl", "zoom.jsonl.gz", "zoom.csv", "z*.csv"):
            assert presence(tmp_path, {"feed": "zoom", "path": f"{memory}/in/{path}"}) == OF_HANNA
        assert presence(tmp_path, f"{memory}/in/row*.jsonl") == OF_HANNA
        planned(tmp_path / "p", f"{memory}/in/rows.jsonl", bookings=f"{memory}/in/bookings.jsonl")
    assert changes(tmp_path / "p") == {("b1", ANN)}


def _uploaded(folder: Path, address: str) -> Any:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    storage = ObjectStoragePath(address)
    for path in folder.iterdir():
        (storage / path.name).write_bytes(path.read_bytes())
    return storage


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"attendance": {"feed": "zoom", "path": "{}/late.json"}}, "attendance.path"),
        ({"attendance": [{"feed": "zoom", "path": ["{}/zoom.json", "{}/late.json"]}]}, r"attendance\[0\]\.path"),
        ({"attendance": {"feed": "zoom", "path": "{}/late-*.json"}}, "attendance.path"),
        ({"attendance": {"feed": "zoom", "path": "file://{}/late.json"}}, "attendance.path"),
        ({"attendance": {"feed": "zoom", "path": "file://{}/nowhere/late-*.json"}}, "attendance.path"),
        ({"attendance": "{}/late.jsonl"}, "attendance"),
        ({"attendance": "{}/late-*.jsonl"}, "attendance"),
        ({"attendance": [], "bookings": "{}/late.jsonl"}, "bookings"),
        ({"attendance": [], "bookings": [], "people": "{}/late.jsonl"}, "people"),
    ],
    ids=str,
)
def test_a_file_that_is_not_there_yet(
    calcom: SandboxDriver, tmp_path: Path, inbox: Path, given: Row, name: str
) -> None:
    """A report may come late: the error names the parameter, the task is retried, and Cal.com was not called."""
    text = json.dumps(given).replace("{}", str(inbox))
    with pytest.raises(InputMissing, match=rf"^{name}: .*late") as raised:
        plan(tmp_path / "p", **json.loads(text))
    assert not ends_the_task(raised.value)
    assert calcom.calls() == []


def test_a_path_below_the_workers_directory_or_home(
    tmp_path: Path, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative paths and ``~`` mean what a shell makes of them, on every Airflow."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in ("inbox/zoom.json", "~/inbox/zoom.json", "~/inbox/*.csv"):
        assert presence(tmp_path, {"feed": "zoom", "path": path}) == OF_HANNA


# Options and records.


def test_options_of_a_feed(tmp_path: Path) -> None:
    """Options reach the feed: a zone, a meeting, a date format."""
    record = {"name": "Hanna Host", "user_email": HANNA, "join_time": "18/11/2026 09:00:00", "duration": 1860}
    options = {"zone": "Europe/Berlin", "conference_key": "812 0000 1111", "date_format": "day_first"}
    for given in (options, str(options), json.dumps(options)):
        assert presence(tmp_path, {"feed": "zoom", "rows": [record], "options": given}) == OF_HANNA


def test_no_record_is_lost_unless_that_is_allowed(tmp_path: Path) -> None:
    """The row that can't be read may be Ann's: by default the feed is refused, and the text has no name of hers."""
    rows = [ZOOM] * 30 + [ZOOM | {"name": "Ann Ames", "user_email": ANN, "join_time": "at nine, Ann said"}]
    with pytest.raises(FeedUnreadable, match="row 31, column join_time") as raised:
        planned(tmp_path, {"feed": "zoom", "rows": rows})
    assert ends_the_task(raised.value)
    assert "ann" not in str(raised.value).lower()
    assert not (tmp_path / "summary.json").exists()
    planned(tmp_path, {"feed": "zoom", "rows": rows, "options": {"max_unreadable": 0.05}})
    assert changes(tmp_path) == {("b1", ANN)}


@pytest.mark.parametrize(
    ("attendance", "error", "names"),
    [
        ({"feed": "zoom"}, errors.InvalidArgument, "attendance must have one of path, rows and sql, and has none"),
        ({"feed": "zoom", "path": "a.json", "rows": []}, errors.InvalidArgument, "has path and rows"),
        ({"feed": "zoom", "rows": None}, errors.InvalidArgument, "has none"),
        ({"feed": "zoom", "paths": "a.json"}, errors.InvalidArgument, "attendance has paths; a feed has"),
        ({"feed": "zoom", "path": "None"}, errors.InvalidArgument, "attendance.path"),
        ({"feed": "zoom", "path": ""}, errors.InvalidArgument, "attendance.path"),
        ({"feed": "zoom", "path": ["a.json", "None"]}, errors.InvalidArgument, "attendance.path"),
        ({"feed": "zoom", "path": []}, errors.InvalidArgument, "attendance.path is an empty list"),
        ({"feed": "zoom", "path": 7}, errors.InvalidArgument, "attendance.path must be a path"),
        ({"feed": "zoom", "path": [["a.json"]]}, errors.InvalidArgument, "attendance.path must be a path"),
        ({"feed": "zoom", "rows": "None"}, errors.InvalidArgument, "attendance.rows"),
        ({"feed": "zoom", "rows": "[{'a': now()}]"}, errors.InvalidArgument, "attendance.rows.*tojson"),
        ({"feed": "zoom", "rows": "report.json"}, errors.InvalidArgument, "attendance.rows must be a list"),
        ({"feed": "zoom", "rows": 7}, errors.InvalidArgument, "attendance.rows must be a list"),
        ({"feed": "zoom", "sql": "SELECT 1"}, errors.InvalidArgument, "attendance needs conn_id"),
        ({"feed": "zoom", "rows": [], "conn_id": "w"}, errors.InvalidArgument, "attendance needs sql"),
        ({"feed": "zoom", "sql": "SELECT 1", "conn_id": "None"}, errors.InvalidArgument, "attendance.conn_id"),
        ({"feed": "zoom", "sql": ["SELECT 1"], "conn_id": "w"}, errors.InvalidArgument, "attendance.sql"),
        ({"feed": "zoom", "rows": [], "options": "None"}, errors.InvalidArgument, "attendance.options"),
        ({"feed": "zoom", "rows": [], "options": ["zone"]}, errors.InvalidArgument, "attendance.options"),
        ({"feed": "zoom", "rows": [], "options": {"zones": "UTC"}}, InvalidFeedOption, "zones"),
        ({"feed": "zoom", "rows": [], "options": {"max_unreadable": 5}}, InvalidFeedOption, "max_unreadable"),
        ({"feed": "zoomm", "rows": []}, InvalidFeedOption, "zoomm"),
        ({"feed": None, "rows": []}, errors.InvalidArgument, "attendance.feed"),
        ({"feed": "None", "rows": []}, errors.InvalidArgument, "attendance.feed"),
        (
            {"fed": "zoom", "path": "a.json"},
            errors.InvalidArgument,
            "attendance has fed; a feed has some of feed",
        ),
        ({}, errors.InvalidArgument, "attendance must have one of path, rows and sql, and has none"),
        ({"table": "a", "path": "b"}, errors.InvalidArgument, "table, path"),
        ([{"feed": "zoom", "rows": []}, "a.jsonl"], errors.InvalidArgument, r"attendance\[1\] is not a feed entry"),
        ([CANONICAL, {"feed": "zoom", "rows": []}], errors.InvalidArgument, r"attendance\[0\] is not a feed entry"),
        ([{"feed": "zoom", "rows": []}, {"feed": "teams"}], errors.InvalidArgument, r"attendance\[1\] must have one"),
        ([{"table": "a"}, {"table": "b"}], errors.InvalidArgument, "list of tables"),
        (["a.jsonl", "None"], errors.InvalidArgument, r"attendance\[1\]"),
        ("[{'feed': 'zoom'", errors.InvalidArgument, "render_template_as_native_obj"),
        ('{"feed": "zoom", "feed": "teams"}', errors.InvalidArgument, "render_template_as_native_obj"),
        (7, errors.InvalidArgument, "attendance must be a path, several, rows"),
        (b"rows", errors.InvalidArgument, "attendance must be a path, several, rows"),
        ([7], InvalidInput, "row 1"),
        ([CANONICAL, 7], InvalidInput, "row 2"),
    ],
    ids=str,
)
def test_invalid_feeds(
    calcom: SandboxDriver, tmp_path: Path, attendance: Any, error: type[Exception], names: str
) -> None:
    """Each wrong entry is named by its place, ends the task, and shows nobody's address."""
    (tmp_path / "a.json").write_text("[]", encoding="utf-8")
    with pytest.raises(error, match=names) as raised:
        planned(tmp_path, attendance)
    assert ends_the_task(raised.value)
    assert HANNA not in str(raised.value)
    assert len(str(raised.value)) < 600


# SQL.

ROWS = [
    ("b1", HANNA, "Hanna Host", "2026-11-18T08:00:00Z", "2026-11-18T08:31:00Z"),
    ("b1", "ben@client.example", "Ben Best", "2026-11-18T08:00:00Z", None),
]
COLUMNS = ("booking_uid", "email", "name", "joined_at", "left_at")
WITH_BEN = BOOKING | {"attendees": [*BOOKING["attendees"], {"name": "Ben Best", "email": "ben@client.example"}]}


@pytest.fixture
def sqlite_feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A SQLite database with a table of attendance, as an Airflow connection."""
    pytest.importorskip("airflow.providers.sqlite.hooks.sqlite")
    path = tmp_path / "feed.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"CREATE TABLE seen ({', '.join(COLUMNS)})")
        database.executemany("INSERT INTO seen VALUES (?, ?, ?, ?, ?)", ROWS)
        database.commit()
    monkeypatch.setenv("AIRFLOW_CONN_FEED_DB", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    return "feed_db"


def test_a_feed_by_sql(tmp_path: Path, sqlite_feed: str) -> None:
    """The rows of a query are the feed's records, and its string may be a template's."""
    query = {"feed": "canonical", "sql": "SELECT * FROM seen WHERE left_at IS NOT NULL", "conn_id": sqlite_feed}
    for attendance in (query, [query], str(query)):
        assert presence(tmp_path, attendance) == OF_HANNA
    whole = query | {"sql": "SELECT * FROM seen"}
    planned(tmp_path / "p", whole, bookings=[WITH_BEN])
    assert reasons(tmp_path / "p") == {("b1", ANN): "not_seen", ("b1", "ben@client.example"): "email"}


def test_a_vendors_columns_by_sql(tmp_path: Path, sqlite_feed: str) -> None:
    """A query may rename a loader's columns into those that the feed knows."""
    sql = (
        "SELECT '81200001111' AS meeting_id, name, email AS user_email, joined_at AS join_time,"
        " coalesce(left_at, '2026-11-18T08:20:00Z') AS leave_time FROM seen"
    )
    ben = ("ben@client.example", "2026-11-18T08:00:00Z", "2026-11-18T08:20:00Z")
    assert presence(tmp_path, {"feed": "zoom", "sql": sql, "conn_id": sqlite_feed}) == OF_HANNA | {ben}


@pytest.mark.parametrize(
    ("sql", "error", "names"),
    [
        ("SELECT email, email FROM seen", InvalidInput, "two columns of the same name: email, email"),
        ("CREATE TABLE other (a)", InvalidInput, "returns no rows"),
        ("SELECT email, 'x' AS joined_at FROM seen", FeedUnreadable, "joined_at"),
    ],
)
def test_queries_without_a_feed(tmp_path: Path, sqlite_feed: str, sql: str, error: type[Exception], names: str) -> None:
    """A statement without rows is not an empty feed, and of a column that is there twice none is chosen."""
    with pytest.raises(error, match=names) as raised:
        planned(tmp_path, {"feed": "canonical", "sql": sql, "conn_id": sqlite_feed})
    assert ends_the_task(raised.value)
    assert HANNA not in str(raised.value)


def test_the_query_of_a_refused_feed_is_closed(tmp_path: Path) -> None:
    """Its connection does not stay open until garbage collection."""
    events: list[str] = []

    def query() -> Generator[Row, None, None]:
        try:
            yield {"booking_uid": "b1", "email": HANNA, "joined_at": "not a time"}
        finally:
            events.append("closed")

    with pytest.raises(FeedUnreadable) as raised:  # its traceback keeps the query alive
        FeedReader(tmp_path).read(0, FeedEntry("attendance", "canonical", query=query))
    assert events == ["closed"], raised.value


def test_a_connection_that_runs_no_sql(calcom: SandboxDriver, tmp_path: Path) -> None:
    """A connection of another kind is named."""
    with pytest.raises(UnsupportedConnection, match="calcom_default") as raised:
        planned(tmp_path, {"feed": "canonical", "sql": "SELECT 1", "conn_id": "calcom_default"})
    assert ends_the_task(raised.value)


def test_a_missing_connection(tmp_path: Path) -> None:
    """A wrong id ends the task."""
    with pytest.raises(UnsupportedConnection, match=r"conn_id.*no Airflow connection 'there_is_none'") as raised:
        planned(tmp_path, {"feed": "canonical", "sql": "SELECT 1", "conn_id": "there_is_none"})
    assert ends_the_task(raised.value)


def test_a_value_that_a_server_quotes(
    tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL repeats what it can't read as a time, which may be an address: the error shows where, not what."""
    postgres.connect_airflow(monkeypatch, "warehouse")
    sql = f"SELECT 'b1' AS booking_uid, 'x' AS email, v::timestamptz AS joined_at FROM (VALUES ('{HANNA}')) AS t (v)"
    with pytest.raises(AttendanceError, match="connection warehouse, reading the feed: invalid input") as raised:
        planned(tmp_path, {"feed": "canonical", "sql": sql, "conn_id": "warehouse"})
    assert ends_the_task(raised.value)
    assert HANNA not in str(raised.value)
    with pytest.raises(AttendanceError, match='relation "unseen" does not exist') as raised:
        planned(tmp_path, {"feed": "canonical", "sql": "SELECT * FROM unseen", "conn_id": "warehouse"})
    assert ends_the_task(raised.value)


def test_a_database_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may respond later, so the task is retried; the password is not shown."""
    pytest.importorskip("airflow.providers.postgres.hooks.postgres")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgres://ann:geheim@127.0.0.1:1/db?connect_timeout=2")
    with pytest.raises(AttendanceError, match="connection warehouse, reading the feed: ") as raised:
        planned(tmp_path, {"feed": "canonical", "sql": "SELECT 1", "conn_id": "warehouse"})
    assert not ends_the_task(raised.value)
    assert "geheim" not in str(raised.value)


def test_types_of_a_database(tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Timestamps with a zone, UUIDs and nulls of PostgreSQL are read as they are, whatever the session's zone."""
    postgres.connect_airflow(monkeypatch, "warehouse", options="-c timezone=Asia/Tokyo")
    sql = (
        "SELECT 'b1' AS booking_uid, email, NULL AS name, j::timestamptz AS joined_at, l::timestamptz AS left_at,"
        " gen_random_uuid() AS id, 1.5::numeric AS weight"
        f" FROM (VALUES ('{HANNA}', '2026-11-18 08:00Z', '2026-11-18 08:31Z'),"
        " ('ben@client.example', '2026-11-18 17:05+09', NULL)) AS feed (email, j, l)"
    )
    planned(tmp_path, {"feed": "canonical", "sql": sql, "conn_id": "warehouse"}, bookings=[WITH_BEN])
    assert reasons(tmp_path) == {("b1", ANN): "not_seen", ("b1", "ben@client.example"): "email"}


def test_times_without_a_zone_by_sql(tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A timestamp without a zone is rejected; with the option ``zone`` it is local time there."""
    postgres.connect_airflow(monkeypatch, "warehouse")
    sql = f"SELECT 'b1' AS booking_uid, '{HANNA}' AS email, timestamp '2026-11-18 09:00' AS joined_at, NULL AS left_at"
    query: Row = {"feed": "canonical", "sql": sql, "conn_id": "warehouse"}
    with pytest.raises(FeedUnreadable, match="zone"):
        planned(tmp_path, query)
    (row,) = attendance_rows(tmp_path, parsed(attendance=query | {"options": {"zone": "Europe/Berlin"}}))
    assert row["joined_at"] == "2026-11-18T08:00:00.000Z"


def test_a_query_is_read_in_batches(tmp_path: Path, sqlite_feed: str) -> None:
    """More rows than a batch holds are all read."""
    sql = (
        "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
        " SELECT 'other' AS booking_uid, 'p' || i || '@x.example' AS email, '2026-11-18T08:00:00Z' AS joined_at,"
        " NULL AS left_at FROM n"
    )
    request = parsed(attendance={"feed": "canonical", "sql": sql, "conn_id": sqlite_feed})
    assert len(attendance_rows(tmp_path, request)) == 10_001


# Up to when feeds are complete.

BEN = BOOKING | {
    "uid": "b2",
    "start": "2026-11-18T15:00:00.000Z",
    "end": "2026-11-18T15:30:00.000Z",
    "location": "https://meet.google.com/abc-defg-hij",
    "attendees": [{"name": "Ben Best", "email": "ben@client.example", "absent": False}],
}
MORNING = [
    seen("b1", HANNA, "2026-11-18T08:00:00Z", "2026-11-18T08:31:00Z", source="zoom"),
    seen("other", None, "2026-11-18T10:00:00Z", "2026-11-18T10:35:00Z", name="x", source="zoom"),
]
EVENING = [
    seen("b2", HANNA, "2026-11-18T15:00:00Z", "2026-11-18T15:30:00Z", source="teams"),
    seen("other", None, "2026-11-18T18:00:00Z", "2026-11-18T18:05:00.250Z", name="x", source="teams"),
]
BOTH = {"bookings": [BOOKING, BEN], "policy": AT_NOON}
OF_ANN, OF_BEN = ("b1", ANN), ("b2", "ben@client.example")


def test_each_booking_waits_for_its_own_feeds(tmp_path: Path) -> None:
    """A feed that ends early delays the bookings of which it has rows, and no other."""
    planned(tmp_path / "both", [fed(MORNING), fed(EVENING)], **BOTH)
    assert changes(tmp_path / "both") == {OF_ANN, OF_BEN}
    planned(tmp_path / "late", [fed(MORNING), fed(EVENING[:1])], **BOTH)
    assert reasons(tmp_path / "late") == {OF_ANN: "not_seen", OF_BEN: "feed_incomplete"}


def test_files_of_one_feed_are_one_feed(tmp_path: Path) -> None:
    """A file for each meeting, of one vendor, is complete until the last of them ends."""
    for name, rows in (("a", MORNING), ("b", [row | {"source": "zoom"} for row in EVENING])):
        write_lines(tmp_path / f"{name}.jsonl", rows)
    planned(tmp_path / "p", {"feed": "canonical", "path": str(tmp_path / "*.jsonl")}, **BOTH)
    assert changes(tmp_path / "p") == {OF_ANN, OF_BEN}
    assert [one["rows"] for one in summary(tmp_path / "p")["inputs"] if one["table"] == "attendance"] == [4]


def test_pages_in_several_files_are_one_feed(tmp_path: Path) -> None:
    """A folder, a pattern or a list of files is read as a whole: a page's next one is in another file."""
    folder = tmp_path / "pages"
    folder.mkdir()
    write_lines(folder / "page-1.jsonl", [{"participants": [ZOOM], "next_page_token": "x"}])
    with pytest.raises(FeedUnreadable, match=r"page-1\.jsonl.*next_page_token"):
        planned(tmp_path / "p", {"feed": "zoom", "path": str(folder)})
    write_lines(folder / "page-2.jsonl", [{"participants": [ZOOM], "next_page_token": ""}])
    for path in (str(folder), str(folder / "*.jsonl"), [str(folder / f"page-{number}.jsonl") for number in (1, 2)]):
        assert len(attendance_rows(tmp_path, parsed(attendance={"feed": "zoom", "path": path}))) == 2


def test_the_policy_s_end_replaces_that_of_the_feeds(tmp_path: Path) -> None:
    """With attendance_until the feeds' own ends do not count."""
    policy = {"policy": AT_NOON | {"attendance_until": "2026-11-19T00:00:00Z"}}
    planned(tmp_path, [fed(MORNING), fed(EVENING), fed([])], **BOTH | policy)
    assert changes(tmp_path) == {OF_ANN, OF_BEN}


def test_rows_after_now_do_not_make_a_feed_complete(tmp_path: Path) -> None:
    """Clocks go wrong: a feed's row of the future is not its end."""
    future = seen("other", None, "2026-11-20T10:00:00Z", "2026-11-20T10:05:00Z", name="x", source="zoom")
    planned(tmp_path, [fed([MORNING[0], future]), fed(EVENING)], **BOTH)
    assert reasons(tmp_path) == {OF_ANN: "feed_incomplete", OF_BEN: "not_seen"}


def test_the_log_warns_of_feeds_that_are_not_complete(
    calcom: SandboxDriver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A feed that is empty, is of other days or ends early is logged, with counts and dates, and no names.

    An empty one delays nothing of which other feeds have rows.
    """
    caplog.set_level("WARNING")
    early = seen("other", None, "2026-11-17T23:00:00Z", "2026-11-17T23:59:59Z", name="x", source="secret@x.example")
    plan(tmp_path, attendance=[fed(MORNING), fed([]), fed([early])], policy=AT_NOON)
    starts = ("1 of 3 feeds of attendance end before", "1 of 3 feeds of attendance have no rows", "2 of 2 sources of")
    assert [text.startswith(start) for text, start in zip(caplog.messages, starts, strict=True)] == [True] * 3
    assert "secret" not in caplog.text


# What is logged.


def test_the_log_counts_the_records_of_each_feed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A feed's records, rows, and faults are in the log, by places and kinds of values, never by a value."""
    caplog.set_level("INFO")
    write_lines(tmp_path / "a.jsonl", [ZOOM])
    write_lines(tmp_path / "b.jsonl", [ZOOM, ZOOM | {"user_email": "eve@client.example", "join_time": "Eve Evil"}])
    paths = [str(tmp_path / name) for name in ("a.jsonl", "b.jsonl")]
    planned(tmp_path / "p", {"feed": "zoom", "path": paths, "options": {"max_unreadable": 0.5}})
    (logged,) = [text for text in caplog.messages if text.startswith("feed 0")]
    assert "3 records, 2 rows" in logged
    assert "b.jsonl, row 2, column join_time" in logged
    assert "eve" not in caplog.text.lower()
    assert OWNER not in caplog.text
