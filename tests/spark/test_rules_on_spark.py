"""The rules on a local Spark decide as the plain Python rules do, and drop their tables.

Each run is some 150 statements, each of which costs Spark about half a second even for few rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from airflow_provider_calcom.attendance.engine import decide, deciding
from airflow_provider_calcom.attendance.errors import InvalidInput, UnsupportedConnection
from airflow_provider_calcom.attendance.schema import ATTENDANCE, BOOKINGS, PEOPLE, Table
from airflow_provider_calcom.attendance.sql.backend import Relation, SqlBackend, SqlFailed
from airflow_provider_calcom.hooks.sql import sql_backend
from tests.attendance import reference
from tests.attendance.test_reference import COMPLETE, REASONS, booking, person, row
from tests.attendance.worlds import random_tables, random_world
from tests.spark.adapter import SparkConnection, SparkCursor, connect, load_view

TYPES = {"instant": "TIMESTAMP", "flag": "BOOLEAN", "label": "STRING", "text": "STRING"}
AWKWARD = (
    "o'neil",
    'quote"s',
    "100%s %(x)s",
    "back\\slash \\'",
    "${spark.master}",
    "?",
    ":name",
    "nul\0",
    "\u2028",
    "😀",
)
EVERYTHING = {
    "judge_hosts": True,
    "traces_are_doubt": True,
    "assume_held": False,
    "require_host_present": True,
    "host_min_presence": 300,
    "min_presence": 60,
    "settle": 60,
    "fold_plus_tags": True,
    "fold_gmail_dots": True,
    "internal_domains": ["acme.com"],
    "internal_emails": ["stranger@nowhere.example"],
    "bot_names": ["notetaker", "otter.ai", "meeting notes", "100%_sure", "${spark.master}", "o'neil"],
    "early_join": 300.5,
    "overrun": 900,
    "open_limit": 1800,
}


@pytest.fixture
def tables() -> Iterator[Callable[[], list[str]]]:
    """Return a function that returns the tables of the default schema; at the end none of the rules is left."""
    with closing(connect()) as connection:

        def names() -> list[str]:
            return [table.name for table in connection.session.catalog.listTables("default") if not table.isTemporary]

        yield names
        left = names()
        for name in left:
            connection.session.sql(f"DROP TABLE default.`{name}`")
        assert [name for name in left if name.startswith("calcom")] == []


def swift() -> SparkConnection:
    """Return a connection without code generation, on which statements over a few rows cost less."""
    connection = connect()
    connection.session.conf.set("spark.sql.codegen.wholeStage", "false")
    return connection


def place(connection: Callable[[], Any] = swift) -> SqlBackend:
    return SqlBackend(connection, "spark", placeholder="?", scratch_schema="default")


def made(table: Table, rows: list[dict[str, Any]], name: str, /, **types: str) -> Relation:
    """Create a table in the default schema.

    :param types: of some columns, instead of the usual types.
    """
    with closing(connect()) as connection:
        columns = {column.name: types.get(column.name, TYPES[column.kind]) for column in table.columns}
        texts = [[None if (value := each[name]) is None else str(value) for name in columns] for each in rows]
        load_view(connection.cursor(), "texts", dict.fromkeys(columns, "STRING"), texts)
        listed = ", ".join(f"CAST(`{column}` AS {kind}) AS `{column}`" for column, kind in columns.items())
        connection.cursor().execute(f"CREATE TABLE default.`{name}` AS SELECT {listed} FROM texts")
    return Relation(f"default.{name}")


def test_decides_as_the_plain_rules_do(spark_conn_id: str, tables: Callable[[], list[str]]) -> None:
    """On a thousand bookings with the whole policy in use, and on awkward strings, every decision is the oracle's."""
    bookings, people, attendance, policy = random_world("spark 8", bookings=1000)
    policy = {"as_of": "2026-01-11T17:05:02.302007Z", "aliases": policy["aliases"], **EVERYTHING}
    for at, text in enumerate(AWKWARD):
        uid = f"awkward-{at} {text}"
        bookings.append(booking(booking_uid=uid, conference_key=text))
        people.append(person(booking_uid=uid, email=f"{text}@x.test", name=text))
        attendance.append(row(booking_uid=None, conference_key=text, email=f"{text}@X.test", name=text))
    wanted = reference.decide(bookings, people, attendance, policy)

    with deciding(
        bookings, people, attendance, policy, backend=sql_backend(spark_conn_id, scratch_schema="default")
    ) as decided:
        found = list(decided.rows())
        figures = decided.figures

    assert found == wanted
    assert len(wanted) > 2000
    assert {(decision["role"], decision["outcome"], decision["reason"]) for decision in wanted} == REASONS
    expected = reference.figures(bookings, people, attendance, policy)
    assert (figures.judged_bookings, figures.matched_rows, figures.rows_of_people) == (
        expected["judged_bookings"],
        expected["matched_rows"],
        expected["known_rows"],
    )


def test_reads_tables_where_they_are(tables: Callable[[], list[str]]) -> None:
    """All three tables may be on the server, with timestamps and names that need quotes."""
    inputs, policy = random_tables("spark relations 1", bookings=120)
    names = ("order", "rows", "select")
    bookings, people, attendance = (
        made(table, rows, name) for table, rows, name in zip((BOOKINGS, PEOPLE, ATTENDANCE), inputs, names, strict=True)
    )

    assert decide(bookings, people, attendance, policy, backend=place()) == reference.decide(*inputs, policy)
    assert set(tables()) == set(names)


@pytest.mark.parametrize(
    ("types", "message"),
    [
        ({"joined_at": "TIMESTAMP_NTZ"}, "column joined_at: its times are naive"),
        ({"left_at": "STRING"}, "column left_at: must be a timestamp with a time zone, but is str"),
        ({"name": "BINARY"}, "column name: must be a string, but is bytes"),
    ],
)
def test_rejects_tables_that_the_rules_would_misread(
    types: dict[str, str], message: str, tables: Callable[[], list[str]]
) -> None:
    """The error names the table and the column, and no table of the rules is left."""
    feed = made(ATTENDANCE, [row(name="Ann Lee")], "feed", **types)
    with pytest.raises(InvalidInput, match=rf"^default\.feed, {message}"):
        decide([booking()], [person()], feed, COMPLETE, backend=place())


def test_drops_its_tables_after_a_failure(tables: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """When a statement fails, the tables made before it are dropped."""
    execute = SparkCursor.execute
    before: list[int] = []

    def fail(cursor: SparkCursor, sql: str, parameters: Any = ()) -> None:
        if not before and sql.startswith("CREATE") and "_persons` AS" in sql:
            before.append(len(tables()))
            raise RuntimeError("the plug was pulled")
        execute(cursor, sql, parameters)

    monkeypatch.setattr(SparkCursor, "execute", fail)
    with pytest.raises(SqlFailed, match=r"step persons: the plug was pulled"):
        decide([booking()], [person()], [row()], COMPLETE, backend=place())
    assert before[0] > 8


def test_requires_a_schema() -> None:
    """Spark has no temporary tables, so the schema for real ones is required."""
    with pytest.raises(UnsupportedConnection, match="spark has no temporary tables"):
        SqlBackend(connect, "spark", placeholder="?")
