"""The local Spark's hook supports what the rules' SQL needs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from airflow.sdk import BaseHook

from tests.spark.adapter import DatabaseError, SparkConnection, SparkCursor, SparkHook, connect, load_view

TOKYO = timezone(timedelta(hours=9))
NOON = datetime(2026, 11, 19, 12, 0, 0, 123456, tzinfo=UTC)
AWKWARD = [
    "o'neil",
    "a\\b",
    "\\'",
    "'); --",
    "\n\t\r",
    "\x00",
    "\u2028",
    "😀",
    '"',
    "${spark.master}",
    "\\u0041",
    "?",
    "",
]


@pytest.fixture
def connection() -> Iterator[SparkConnection]:
    with closing(connect()) as connection:
        yield connection


@pytest.fixture
def cursor(connection: SparkConnection) -> SparkCursor:
    return connection.cursor()


def test_an_airflow_connection_leads_to_it(spark_conn_id: str) -> None:
    hook = BaseHook.get_connection(spark_conn_id).get_hook()

    assert isinstance(hook, SparkHook)
    assert (hook.dialect_name, hook.placeholder) == ("spark", "?")
    assert hook.get_records("SELECT upper(?) AS name, ? + 1", parameters=["é", 1]) == [("É", 2)]
    assert [column[:2] for column in hook.last_description or ()] == [("name", "string"), ("(1 + 1)", "int")]


def test_rows_are_fetched_one_some_and_all(cursor: SparkCursor) -> None:
    cursor.execute("SELECT * FROM VALUES (?), (?), (?), (?), (?) AS v(n) ORDER BY n", [5, 3, 1, 2, 4])

    assert cursor.fetchone() == (1,)
    assert cursor.fetchmany(2) == [(2,), (3,)]
    assert cursor.fetchall() == [(4,), (5,)]
    assert cursor.fetchone() is None


@pytest.mark.parametrize("process_zone", ["UTC", "America/New_York"])
def test_an_instant_comes_back_as_it_went(
    cursor: SparkCursor, process_zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", process_zone)
    time.tzset()
    try:
        # In New York the clock shows half past one twice that night.
        given = [NOON.astimezone(TOKYO), datetime(2026, 11, 1, 5, 30, tzinfo=UTC)]
        given.append(given[-1] + timedelta(hours=1))
        cursor.execute("SELECT ?, ?, ?, CAST(? AS STRING)", [*given, NOON])
        assert cursor.fetchall() == [(*given, "2026-11-19 12:00:00.123456")]
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_time_without_a_zone_is_refused(cursor: SparkCursor) -> None:
    with pytest.raises(DatabaseError, match="zone of the process"):
        cursor.execute("SELECT ?", [NOON.replace(tzinfo=None)])


@pytest.mark.parametrize("sql", ["SELEC 1", "SELECT * FROM nowhere", "SELECT 1 / 0"])
def test_what_spark_refuses_is_an_error_at_once(cursor: SparkCursor, sql: str) -> None:
    with pytest.raises(DatabaseError):
        cursor.execute(sql)


def test_views_are_a_connections_own(connection: SparkConnection) -> None:
    load_view(connection.cursor(), "person", {"name": "string"}, [("Ann",)])

    with closing(connect()) as other, pytest.raises(DatabaseError, match="TABLE_OR_VIEW_NOT_FOUND"):
        other.cursor().execute("SELECT * FROM person")

    connection.close()
    with pytest.raises(DatabaseError, match="TABLE_OR_VIEW_NOT_FOUND"):
        connection.cursor().execute("SELECT * FROM person")


def test_a_view_holds_the_rows_it_was_given(cursor: SparkCursor) -> None:
    rows: list[tuple[Any, ...]] = [
        (text, at, NOON + timedelta(microseconds=at), at % 2 == 0, at / 3) for at, text in enumerate(AWKWARD)
    ]
    rows.append((None, None, None, None, None))
    columns = {"text": "string", "at": "bigint", "seen": "timestamp", "even": "boolean", "third": "double"}
    load_view(cursor, "loaded", columns, rows, rows_in_a_text=3)

    cursor.execute("SELECT * FROM loaded ORDER BY at NULLS LAST")
    assert cursor.fetchall() == rows


def test_a_view_may_be_empty(cursor: SparkCursor) -> None:
    load_view(cursor, "empty", {"text": "string", "at": "bigint"}, [])

    cursor.execute("SELECT * FROM empty")
    assert cursor.fetchall() == []
    assert cursor.description is not None
    assert [column[:2] for column in cursor.description] == [("text", "string"), ("at", "bigint")]


def test_a_value_of_another_type_does_not_become_none(cursor: SparkCursor) -> None:
    with pytest.raises(DatabaseError, match="MALFORMED"):
        load_view(cursor, "wrong", {"at": "bigint"}, [("seven",)])


def test_a_view_of_50_000_rows_can_be_joined(cursor: SparkCursor) -> None:
    columns = {"id": "bigint", "email": "string", "seen": "timestamp"}
    load_view(cursor, "many", columns, ((at, f"p{at}@x.example", NOON) for at in range(50_000)))

    cursor.execute("SELECT count(*), max(a.id) FROM many AS a JOIN many AS b ON a.email = b.email AND a.id = b.id")
    assert cursor.fetchall() == [(50_000, 49_999)]
