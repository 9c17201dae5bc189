"""The rules on a real PostgreSQL decide as the plain Python form of them does, and leave nothing behind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.attendance.engine import Figures, decide, deciding
from airflow_provider_calcom.attendance.errors import AttendanceError, InvalidInput, UnsupportedConnection
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.attendance.schema import ATTENDANCE, BOOKINGS, PEOPLE, TABLES, Table
from airflow_provider_calcom.attendance.sql.backend import Relation, SqlBackend, SqlFailed, SqlUnavailable
from airflow_provider_calcom.cli.no_shows import main
from tests.attendance import reference
from tests.attendance.postgres import PostgresServer
from tests.attendance.test_reference import COMPLETE, booking, person, row
from tests.attendance.worlds import random_tables, random_world
from tests.profiles import IS_DEEP, examples

ROOT = Path(__file__).resolve().parents[3]
SEEDS = range(112, 121)
"""Worlds that use every field of the policy between them."""
TYPES = {"instant": "timestamptz", "flag": "boolean", "label": "text", "text": "text"}
Rows = Sequence[Mapping[str, Any]]


class Recorder:
    """A connection that notes each statement, and calls a function before or after it."""

    def __init__(self, connection: Any, after: Callable[[str], None] = lambda sql: None) -> None:
        self.connection = connection
        self.statements: list[str] = []
        self.is_closed = False
        self._after = after

    def cursor(self) -> RecordingCursor:
        return RecordingCursor(self, self.connection.cursor())

    def close(self) -> None:
        self.is_closed = True
        self.connection.close()

    def done(self, sql: str) -> None:
        self.statements.append(sql)
        self._after(sql)


class RecordingCursor:
    def __init__(self, recorder: Recorder, cursor: Any) -> None:
        self._recorder = recorder
        self._cursor = cursor

    def execute(self, sql: str, *parameters: Any) -> None:
        self._cursor.execute(sql, *parameters)
        self._recorder.done(sql)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


class Warehouse:
    """Tables on the server, in a schema that goes when the test ends, which the ordinary role may read."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self.connection = server.connect(as_owner=True)
        self.connection.autocommit = True
        self.run(f'CREATE SCHEMA "Ware.house"; GRANT USAGE ON SCHEMA "Ware.house" TO {server.user}')

    def run(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            return list(cursor.fetchall()) if cursor.description else []

    def close(self) -> None:
        self.run('DROP SCHEMA "Ware.house" CASCADE')
        self.connection.close()

    def make(self, name: str, /, **columns: str) -> Relation:
        """Make an empty table."""
        listed = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
        self.run(f'CREATE TABLE "Ware.house"."{name}" ({listed})')
        self.run(f'GRANT SELECT ON "Ware.house"."{name}" TO {self.server.user}')
        return Relation(f'"Ware.house"."{name}"')

    def load(self, table: Table, rows: Rows, name: str, /, **types: str) -> Relation:
        """Make a table of rows.

        :param types: of some columns, instead of the usual ones.
        """
        columns = {column.name: types.get(column.name, TYPES[column.kind]) for column in table.columns}
        relation = self.make(name, **columns)
        self.insert(relation, table, rows)
        return relation

    def insert(self, relation: Relation, table: Table, rows: Rows) -> None:
        from psycopg2.extras import execute_values

        with self.connection.cursor() as cursor:
            values = [tuple(row[column.name] for column in table.columns) for row in rows]
            execute_values(cursor, f"INSERT INTO {relation.name} VALUES %s", values)

    def scratch(self) -> list[tuple[Any, ...]]:
        """Return what is left of the rules' tables, anybody's temporary ones too."""
        return self.run("SELECT relname FROM pg_class WHERE relname LIKE 'calcom%'")


@pytest.fixture
def warehouse(postgres: PostgresServer) -> Iterator[Warehouse]:
    with closing(Warehouse(postgres)) as made:
        yield made
        assert made.scratch() == []


def on(server: PostgresServer, **options: Any) -> SqlBackend:
    """Let the rules run there.

    :param options: of the place.
    """
    return SqlBackend(server.connect, "postgres", **options)


def run(
    inputs: Iterable[Any], policy: Mapping[str, Any], place: SqlBackend | None
) -> tuple[list[Mapping[str, Any]], Figures]:
    bookings, people, attendance = inputs
    with deciding(bookings, people, attendance, policy, backend=place) as decided:
        return [dict(decision) for decision in decided.rows()], decided.figures


def without_files(figures: Figures) -> dict[str, Any]:
    return {entry.name: getattr(figures, entry.name) for entry in fields(figures) if entry.name != "files"}


# The same decisions


@pytest.mark.parametrize("seed", SEEDS[: examples(2, 9)])
def test_decides_as_the_plain_form_does(seed: int, postgres: PostgresServer) -> None:
    """On random worlds every decision is the oracle's, and every figure that of the embedded engine."""
    inputs, policy = random_tables(seed, bookings=100)

    decisions, figures = run(inputs, policy, on(postgres))
    _, embedded = run(inputs, policy, None)

    assert decisions == reference.decide(*inputs, policy)
    assert figures == embedded


def test_the_worlds_use_every_field_of_the_policy() -> None:
    """No field of the policy stays at its default in all of these worlds; ends are given in either way."""
    used: set[str] = set()
    ends: set[type] = set()
    for seed in SEEDS:
        policy = AttendancePolicy.of(random_world(seed, bookings=100)[3])
        ends.add(type(policy.attendance_until))
        used |= {
            entry.name
            for entry in fields(policy)
            if getattr(policy, entry.name) != getattr(AttendancePolicy(), entry.name)
        }
    assert used == {entry.name for entry in fields(AttendancePolicy)}
    assert ends >= {dict, datetime}


@pytest.mark.parametrize(
    "in_place",
    [("attendance",), ("bookings", "people", "attendance")],
    ids=" ".join,
)
def test_reads_tables_where_they_are(in_place: tuple[str, ...], warehouse: Warehouse) -> None:
    """Tables of the server, whatever their names, give the decisions and figures that files give."""
    names = {"attendance": "Feed", "bookings": "order", "people": 'who "else"; --'}
    inputs, policy = random_tables(7 + len(in_place), bookings=120)
    given = [
        warehouse.load(table, rows, names[table.name].replace('"', '""')) if table.name in in_place else rows
        for table, rows in zip(TABLES, inputs, strict=True)
    ]

    decisions, figures = run(given, policy, on(warehouse.server))
    embedded, embedded_figures = run(inputs, policy, None)

    assert decisions == embedded == reference.decide(*inputs, policy)
    assert without_files(figures) == without_files(embedded_figures)
    read = {file.table: (file.name, file.rows) for file in figures.files}
    for table, rows, source in zip(TABLES, inputs, given, strict=True):
        assert read[table.name] == (
            f"table {source.name}" if isinstance(source, Relation) else f"{table.name} (rows)",
            len(rows),
        )


@pytest.mark.parametrize("missing", [("participant",), ("source", "participant")], ids=", ".join)
def test_reads_a_feed_without_sources_or_participants(missing: tuple[str, ...], warehouse: Warehouse) -> None:
    """A table that lacks one of these columns is decided on as one in which it is null."""
    inputs, policy = random_tables(118, bookings=60)
    feed = warehouse.load(ATTENDANCE, inputs[2], "feed")
    for column in missing:
        warehouse.run(f"ALTER TABLE {feed.name} DROP {column}")
    without = [one | dict.fromkeys(missing) for one in inputs[2]]

    found = decide(*inputs[:2], feed, policy, backend=on(warehouse.server))

    assert found == reference.decide(*inputs[:2], without, policy)
    assert found != reference.decide(*inputs, policy)


def test_reads_columns_in_capitals_and_of_other_types(warehouse: Warehouse) -> None:
    """Columns may be in capitals, of fixed length, enumerated, numbers or uuids, and have collations of their own."""
    uid = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
    inputs = (
        [booking(booking_uid=uid)],
        [person(booking_uid=uid), person("host", "HOST@x.test", booking_uid=uid, name="Hugo Host")],
        [row(booking_uid=uid, email="ann@X.TEST"), row(booking_uid=uid, email="host@x.test", phone="16174412000")],
    )
    warehouse.run("CREATE TYPE \"Ware.house\".kind AS ENUM ('person', 'bot')")
    relations = [
        warehouse.load(BOOKINGS, inputs[0], "b", booking_uid="uuid", status="char(20)"),
        warehouse.load(PEOPLE, inputs[1], "p", email='text COLLATE "POSIX"', name='text COLLATE "C"'),
        warehouse.load(
            ATTENDANCE,
            inputs[2],
            "a",
            kind='"Ware.house".kind',
            email='varchar(99) COLLATE "C"',
            name='text COLLATE "pg_c_utf8"',
            phone="bigint",
        ),
    ]
    warehouse.run('ALTER TABLE "Ware.house".a RENAME email TO "EMAIL"')
    warehouse.run('ALTER TABLE "Ware.house".p RENAME match_email TO "Match_Email"')

    assert run(relations, COMPLETE, on(warehouse.server))[0] == reference.decide(*inputs, dict(COMPLETE))


def test_fetches_only_bookings_with_a_change(postgres: PostgresServer) -> None:
    """With only_changes whole bookings come back in which a flag is to change, and the figures are of all."""
    inputs, policy = random_tables(3, bookings=120)
    everything, figures = run(inputs, policy, on(postgres))
    changed = {
        decision["booking_uid"]
        for decision in everything
        if (decision["outcome"], decision["currently_absent"]) in (("absent", False), ("present", True))
    }

    some, figures_of_some = run(inputs, policy, on(postgres, only_changes=True))

    assert 0 < len(changed) < len({decision["booking_uid"] for decision in everything})
    assert some == [decision for decision in everything if decision["booking_uid"] in changed]
    assert figures_of_some == figures


def test_brings_decisions_in_batches(postgres: PostgresServer) -> None:
    """No answer holds more than a batch of bookings, so that no number of decisions fills the memory."""
    inputs, policy = random_tables(5, bookings=30)
    recorders: list[Recorder] = []
    place = SqlBackend(recording(postgres, recorders), "postgres", bookings_at_a_time=7)

    found = decide(*inputs, policy, backend=place)

    assert found == reference.decide(*inputs, policy)
    fetches = [sql for sql in recorders[0].statements if "BETWEEN" in sql and '"outcomes"."booking"' in sql]
    assert [sql.rpartition("BETWEEN ")[2] for sql in fetches] == [
        "1 AND 7",
        "8 AND 14",
        "15 AND 21",
        "22 AND 28",
        "29 AND 35",
    ]


def test_runs_with_other_drivers_and_kinds_of_rows(postgres: PostgresServer) -> None:
    """Psycopg 3 does as well as psycopg2, and rows may come as dicts, which a connection's extras can request."""
    import psycopg
    from psycopg2.extras import RealDictCursor

    def with_psycopg() -> Any:
        return psycopg.connect(
            host=postgres.host,
            port=postgres.port,
            dbname=postgres.database,
            user=postgres.user,
            password=postgres.password,
        )

    inputs, policy = random_tables(6, bookings=60)
    for connect in (with_psycopg, lambda: postgres.connect(cursor_factory=RealDictCursor)):
        assert decide(*inputs, policy, backend=SqlBackend(connect, "postgres")) == reference.decide(*inputs, policy)


@pytest.mark.parametrize("is_feed_a_table", [False, True] if IS_DEEP else [True])
def test_takes_empty_tables(is_feed_a_table: bool, warehouse: Warehouse) -> None:
    """Without rows there are no decisions, and nothing is complete."""
    feed: Any = warehouse.load(ATTENDANCE, [row()], "feed") if is_feed_a_table else []
    warehouse.run(f"DELETE FROM {feed.name}") if isinstance(feed, Relation) else None

    assert run(([], [], feed), {}, on(warehouse.server))[0] == []
    decisions, figures = run(([booking()], [person()], feed), {"as_of": "2026-01-06T00:00:00Z"}, on(warehouse.server))
    assert [decision["reason"] for decision in decisions] == ["feed_incomplete"]
    assert (figures.attendance_rows, figures.complete_until) == (0, None)


# Values


AWKWARD = (
    "o'neil",
    'quote"s',
    "100%s %(x)s %%",
    "back\\slash \\'",
    "${spark.master}",
    "?",
    ":name",
    "\u2028",
    "😀 Ünï",
    "x" * 300_000,
)


@pytest.mark.parametrize("is_feed_a_table", [False, True] if IS_DEEP else [True])
def test_values_are_never_treated_as_sql(is_feed_a_table: bool, warehouse: Warehouse) -> None:
    """Quotes, percent signs, backslashes, emoji and very long texts come back as they went, and match."""
    bookings = [booking(booking_uid=f"{text}-{at}"[-60:], conference_key=text) for at, text in enumerate(AWKWARD)]
    people = [
        person(booking_uid=found["booking_uid"], email=f"{text}@x.test", match_email=None, name=text, phone=text)
        for found, text in zip(bookings, AWKWARD, strict=True)
    ]
    rows = [row(booking_uid=None, conference_key=text, email=f"{text.upper()}@x.test", name=text) for text in AWKWARD]
    # str.upper() makes two letters of none of these.
    policy = {**COMPLETE, "internal_emails": list(AWKWARD), "aliases": {"%s'\\@x.test": '%(p0)s"@x.test'}}
    feed = warehouse.load(ATTENDANCE, rows, "feed") if is_feed_a_table else rows

    decisions, _ = run((bookings, people, feed), policy, on(warehouse.server))

    assert decisions == reference.decide(bookings, people, rows, policy)
    assert {decision["reason"] for decision in decisions} == {"email"}


@pytest.mark.parametrize("column", ["name", "conference_key"])
def test_names_where_a_nul_is(column: str, postgres: PostgresServer, tmp_path: Path) -> None:
    """PostgreSQL's texts can't hold the character NUL: the error names file, row and column, and not the value."""
    paths = [tmp_path / "first.jsonl", tmp_path / "second.jsonl"]
    for path in paths:
        path.write_text("".join(json.dumps(row(name=f"Ann {at}")) + "\n" for at in range(40)))
    lines = paths[1].read_text().splitlines()
    lines[6] = json.dumps(row(**{column: "Ann\0Lee"}))
    paths[1].write_text("\n".join(lines))

    with pytest.raises(
        InvalidInput, match=rf"second\.jsonl, row 7, column {column}: contains a NUL character"
    ) as caught:
        decide([booking()], [person()], paths, COMPLETE, backend=on(postgres))
    assert "Lee" not in str(caught.value)


def recording(
    server: PostgresServer, recorders: list[Recorder], after: Callable[[str], None] = lambda sql: None, **options: Any
) -> Callable[[], Recorder]:
    def connect() -> Recorder:
        recorders.append(Recorder(server.connect(**options), after))
        return recorders[-1]

    return connect


def test_no_statement_holds_a_value(warehouse: Warehouse) -> None:
    """All values of tables and policy go as parameters: none is in the text of a statement, nor in a server's log."""
    inputs, policy = random_tables(9, bookings=60)
    policy |= {"internal_domains": ["very-own.example"], "bot_names": ["a very own bot"], "judge_hosts": True}
    feed = warehouse.load(ATTENDANCE, inputs[2], "feed")
    recorders: list[Recorder] = []

    decide(*inputs[:2], feed, policy, backend=SqlBackend(recording(warehouse.server, recorders), "postgres"))

    texts = {
        value.strip() for table in inputs for record in table for value in record.values() if isinstance(value, str)
    }
    texts |= {"very-own.example", "a very own bot", *policy.get("aliases", {})}
    said = "\n".join(recorders[0].statements)
    assert len(recorders[0].statements) > 40
    # What the rules say themselves, such as a status or a kind.
    own = {"accepted", "person", "lobby", "check_in", "attendee", "host"}
    assert [text for text in texts - own if len(text) > 3 and text not in "0123456789" and text in said] == []
    assert recorders[0].is_closed


# What tables on the server must be


def wrong(message: str, table: Table = ATTENDANCE, rows: Rows = (), change: str = "", **types: str) -> Any:
    return pytest.param(table, rows, change, types, message, id=message)


@pytest.mark.parametrize(
    ("table", "rows", "change", "types", "message"),
    [
        wrong("column email is missing", change="DROP email"),
        wrong("column end_at is missing", BOOKINGS, change="RENAME end_at TO ends_at"),
        wrong("column joined_at: its times are naive", joined_at="timestamp"),
        wrong("column left_at: must be a timestamp with a time zone, but is str", left_at="text"),
        wrong("column left_at: must be a timestamp with a time zone, but is date", left_at="date"),
        wrong(
            "column start_at: must be a timestamp with a time zone, but is int",
            BOOKINGS,
            start_at="bigint USING 5",
        ),
        wrong("column email: must be a string, but is memoryview", email="bytea USING '5'::bytea"),
        wrong("column phone: must be a string, but is Decimal", phone="numeric USING 1617441200.50"),
        wrong("column name: must be a string, but is bool", name="boolean USING true"),
        wrong("column absent: must be true or false, but is str", PEOPLE, absent="text"),
        wrong("column absent: must be true or false, but is int", PEOPLE, absent="int"),
        wrong("column absent: is empty, and must not be, in 1 rows", PEOPLE, [person(), person(absent=None)]),
        wrong(
            "column kind: must be one of person, bot, .*, in 2 rows", rows=[row(kind="human"), row(kind=None), row()]
        ),
        wrong("column role: must be one of attendee, host, in 1 rows", PEOPLE, [person(role="guest")]),
        wrong("column booking_uid: is empty, and must not be, in 1 rows", BOOKINGS, [booking(booking_uid=" \u00a0")]),
        wrong("column start_at: is empty", BOOKINGS, [booking(start_at=None)]),
        wrong("column end_at: lies before start_at", BOOKINGS, [booking(end_at="2026-01-05T09:00:00Z")]),
        wrong("column booking_uid: two bookings have one uid", BOOKINGS, [booking(), booking(booking_uid="\tb1")]),
    ],
)
def test_refuses_what_the_rules_would_misread(
    table: Table, rows: Rows, change: str, types: dict[str, str], message: str, warehouse: Warehouse
) -> None:
    """A table that is not as the rules want it is refused with its name and the column, before anything is decided."""
    usual = {
        "bookings": booking(),
        "people": person(name="Ann Lee"),
        "attendance": row(name="A", email="a@x", phone="1"),
    }
    relation = warehouse.load(table, rows or [usual[table.name]], "Table 1")
    for column, kind in types.items():
        using = "" if "USING" in kind else f" USING {column}::{kind}"
        change = f"ALTER {column} TYPE {kind}{using}"
    if change:
        warehouse.run(f"ALTER TABLE {relation.name} {change}")
    inputs: dict[str, Any] = {"bookings": [booking()], "people": [person()], "attendance": [row()]}
    inputs[table.name] = relation

    with pytest.raises(InvalidInput, match=f'^"Ware.house"."Table 1".*{message}'):
        decide(**inputs, policy=COMPLETE, backend=on(warehouse.server))


def test_refuses_a_wrong_type_though_all_values_are_null(warehouse: Warehouse) -> None:
    """A column of strings is not one of instants, even where nothing in it could be misread."""
    feed = warehouse.load(ATTENDANCE, [row(left=None)], "feed", left_at="text")
    with pytest.raises(
        InvalidInput, match=r"column left_at: must be a timestamp with a time zone: .*function pg_catalog\.extract"
    ):
        decide([booking()], [person()], feed, COMPLETE, backend=on(warehouse.server))


def test_refuses_an_instant_without_end(warehouse: Warehouse) -> None:
    """PostgreSQL's infinity is not a timestamp; the server says so in an error of ours."""
    feed = warehouse.load(ATTENDANCE, [row(), row()], "feed")
    warehouse.run(f"UPDATE {feed.name} SET left_at = 'infinity' WHERE ctid = '(0,2)'")
    with pytest.raises(SqlFailed, match="cannot convert infinity to bigint"):
        decide([booking()], [person()], feed, COMPLETE, backend=on(warehouse.server))


def test_reads_a_view_and_leaves_out_unknown_columns(warehouse: Warehouse) -> None:
    """A view will do, with more columns than are read, and without the one that may be missing."""
    feed = warehouse.load(ATTENDANCE, [row(email="ann@x.test")], "feed")
    warehouse.run(f"ALTER TABLE {feed.name} DROP source, ADD weight float DEFAULT 1")
    warehouse.run(f'CREATE VIEW "Ware.house".seen AS SELECT * FROM {feed.name} WHERE weight = 1')
    warehouse.run(f'GRANT SELECT ON "Ware.house".seen TO {warehouse.server.user}')

    found = decide([booking()], [person()], Relation('"Ware.house".seen'), COMPLETE, backend=on(warehouse.server))
    assert [decision["reason"] for decision in found] == ["email"]


def test_a_feed_that_grows_meanwhile_is_read_as_it_was(warehouse: Warehouse) -> None:
    """All steps see the same rows: else a feed could be complete by rows of which the joins knew nothing."""
    feed = warehouse.load(ATTENDANCE, [row(email="host@x.test")], "feed")
    inputs = [booking()], [person(), person("host", "host@x.test", name="Hugo Host")]
    as_of = {"as_of": "2026-01-06T00:00:00Z"}
    recorders: list[Recorder] = []

    def load_the_rest(sql: str) -> None:
        if "_addresses" in sql.partition(" AS ")[0] and sql.startswith("CREATE"):
            warehouse.insert(feed, ATTENDANCE, [row("15:00:00", "16:00:00"), row(email="ann@x.test")])

    place = SqlBackend(recording(warehouse.server, recorders, load_the_rest), "postgres")
    assert [decision["reason"] for decision in decide(*inputs, feed, as_of, backend=place)] == ["feed_incomplete"]
    assert [decision["reason"] for decision in decide(*inputs, feed, as_of, backend=on(warehouse.server))] == ["email"]


# What goes wrong


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ('feed"; DROP TABLE x --', InvalidInput, "is not the name of a table"),
        ("", InvalidInput, "is not the name of a table"),
        ("a..b", InvalidInput, "is not the name of a table"),
        ("a.b.c.d", InvalidInput, "is not the name of a table"),
        ('"feed""; DROP TABLE x --"', SqlFailed, "does not exist"),
        ("feed; DROP TABLE x", SqlFailed, 'relation "..." does not exist'),
        ("nobodys.feed", SqlFailed, 'reading attendance from nobodys.feed: relation "nobodys.feed" does not exist'),
        ('"Ware.house".secret', SqlFailed, "permission denied for table secret"),
    ],
)
def test_a_bad_name_is_reported_in_words(
    name: str, kind: type[AttendanceError], message: str, warehouse: Warehouse
) -> None:
    """A relation that is not there, not ours to read, or no name at all: one line, and no driver's traceback."""
    warehouse.run('CREATE TABLE "Ware.house".secret (x int)')
    with pytest.raises(kind, match=message) as caught:
        decide([booking()], [person()], Relation(name), COMPLETE, backend=on(warehouse.server))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert "\n" not in str(caught.value)


def test_a_connection_that_can_not_be_opened_is_reported_without_its_password(postgres: PostgresServer) -> None:
    """The error says what the driver says, but for the password in whatever form it has it; and a retry may help."""
    password = "s3cret/ 'x"

    def connect() -> Any:
        raise OSError("no way to postgres://me:s3cret%2F%20%27x@host or s3cret/ 'x")

    with pytest.raises(SqlUnavailable, match=r"warehouse can't be opened: no way to postgres://host or \*\*\*$"):
        decide([], [], [], backend=SqlBackend(connect, "postgres", name="warehouse", secrets=[password]))
    with pytest.raises(SqlUnavailable, match="password authentication failed"):
        decide([], [], [], backend=SqlBackend(lambda: postgres.connect(password=password), "postgres"))
    assert SqlUnavailable.retryable
    assert not getattr(SqlFailed, "retryable", False)


def test_a_statement_that_takes_too_long_is_reported(warehouse: Warehouse) -> None:
    """The user's own limit of time holds, and what met it is named; a retry may help."""
    warehouse.load(ATTENDANCE, [row()], "feed")
    warehouse.run('CREATE VIEW "Ware.house".slow AS SELECT feed.* FROM "Ware.house".feed CROSS JOIN pg_sleep(5)')
    warehouse.run(f'GRANT SELECT ON "Ware.house".slow TO {warehouse.server.user}')
    place = SqlBackend(
        lambda: warehouse.server.connect(options="-c statement_timeout=200"), "postgres", name="warehouse"
    )

    with pytest.raises(
        SqlUnavailable, match=r'^warehouse, reading attendance from "Ware\.house"\.slow: .*statement timeout'
    ):
        decide([booking()], [person()], Relation('"Ware.house".slow'), COMPLETE, backend=place)


def test_an_account_without_temporary_tables_is_reported(warehouse: Warehouse) -> None:
    """The error has the server's words for the right that is missing."""
    warehouse.run("CREATE DATABASE bare")
    try:
        warehouse.run("REVOKE TEMPORARY ON DATABASE bare FROM PUBLIC")
        place = SqlBackend(lambda: warehouse.server.connect(dbname="bare"), "postgres")
        with pytest.raises(SqlFailed, match="loading policy: permission denied to create temporary tables"):
            decide([booking()], [person()], [row()], COMPLETE, backend=place)
    finally:
        warehouse.run("DROP DATABASE bare WITH (FORCE)")


def test_an_error_holds_no_value(warehouse: Warehouse) -> None:
    """What a driver quotes of a statement or of its values stays out of ours: it would end up in Airflow's log."""
    place = on(warehouse.server, scratch_schema="Ware")
    warehouse.run(f'CREATE SCHEMA "Ware"; GRANT USAGE, CREATE ON SCHEMA "Ware" TO {warehouse.server.user}')
    warehouse.run(
        """CREATE FUNCTION "Ware".refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'no tables today' USING DETAIL = 'value ann@x.test', HINT = 'Call Ann'; END $$;
        CREATE EVENT TRIGGER refuse ON ddl_command_end WHEN TAG IN ('CREATE TABLE AS')
        EXECUTE FUNCTION "Ware".refuse()"""
    )
    try:
        with pytest.raises(SqlFailed, match="no tables today") as caught:
            decide([booking()], [person()], [row()], COMPLETE, backend=place)
        assert "ann@x.test" not in str(caught.value)
        assert "CONTEXT" not in str(caught.value)
    finally:
        warehouse.run('DROP EVENT TRIGGER refuse; DROP SCHEMA "Ware" CASCADE')


# The server's own ways


def test_a_database_that_knows_only_ascii_decides_the_same(postgres: PostgresServer) -> None:
    """Where lower() leaves other letters as they are, as it does in the locale C, another collation fixes it."""
    with closing(postgres.connect(as_owner=True)) as owner:
        owner.autocommit = True
        owner.cursor().execute("CREATE DATABASE odd LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0")
        try:
            inputs, policy = random_tables(11, bookings=60)
            place = SqlBackend(lambda: postgres.connect(dbname="odd"), "postgres")
            assert decide(*inputs, policy, backend=place) == reference.decide(*inputs, policy)
        finally:
            owner.cursor().execute("DROP DATABASE odd WITH (FORCE)")


@pytest.mark.parametrize(
    ("function", "named"),
    [
        ("translate(text, text, text)", r"lower\(\)|translate\(\)"),
        ("split_part(text, text, int)", r"because of split_part\(\)\."),
        ("replace(text, text, text)", r"because of replace\(\)\."),
    ],
)
def test_a_server_whose_functions_differ_is_refused(function: str, named: str, warehouse: Warehouse) -> None:
    """Where a function that the rules use does something else, nothing is decided, and the error names it."""
    warehouse.run(f'CREATE FUNCTION "Ware.house".{function} RETURNS text LANGUAGE sql RETURN $1')
    place = SqlBackend(lambda: warehouse.server.connect(options='-c search_path="Ware.house",pg_catalog'), "postgres")
    with pytest.raises(UnsupportedConnection, match=named):
        decide([booking()], [person()], [row()], COMPLETE, backend=place)


def test_another_time_zone_changes_nothing(warehouse: Warehouse) -> None:
    """Instants are instants, whatever zone the session shows them in."""
    inputs, policy = random_tables(12, bookings=60)
    feed = warehouse.load(ATTENDANCE, inputs[2], "feed")
    place = SqlBackend(lambda: warehouse.server.connect(options="-c timezone=Asia/Kathmandu"), "postgres")
    assert decide(*inputs[:2], feed, policy, backend=place) == reference.decide(*inputs, policy)


# Nothing is left


@pytest.fixture
def scratch(warehouse: Warehouse) -> Iterator[str]:
    """A schema in which the ordinary role may make tables. What is left in it at the end fails the test."""
    name = "Scratch 100%"
    warehouse.run(f'CREATE SCHEMA "{name}"; GRANT USAGE, CREATE ON SCHEMA "{name}" TO {warehouse.server.user}')
    yield name
    assert warehouse.scratch() == []
    warehouse.run(f'DROP SCHEMA "{name}"')


def at_once(server: PostgresServer) -> Any:
    """Open a connection on which each statement stands by itself: nothing is taken back when it is closed."""
    connection = server.connect()
    connection.autocommit = True
    return connection


def test_scratch_tables_go_at_the_end(warehouse: Warehouse, scratch: str) -> None:
    """In a scratch schema tables are real: they are dropped, also where no transaction takes them back."""
    inputs, policy = random_tables(13, bookings=60)
    feed = warehouse.load(ATTENDANCE, inputs[2], "feed")
    place = SqlBackend(lambda: at_once(warehouse.server), "postgres", scratch_schema=scratch)
    assert decide(*inputs[:2], feed, policy, backend=place) == reference.decide(*inputs, policy)


@pytest.mark.parametrize("stop_at", ["_policy", "_meeting_rows", "sifted_bookings"])
def test_scratch_tables_go_after_a_failure(stop_at: str, warehouse: Warehouse, scratch: str) -> None:
    """Whenever it fails, what was made until then is dropped."""
    made: list[int] = []

    def fail(sql: str) -> None:
        if not made and stop_at in sql and (stop_at == "sifted_bookings") == sql.startswith(("SELECT", "WITH")):
            made.append(len(warehouse.scratch()))
            raise RuntimeError("the plug was pulled")

    def connect() -> Recorder:
        return Recorder(at_once(warehouse.server), fail)

    inputs, policy = random_tables(13, bookings=20)
    with pytest.raises(SqlFailed, match="the plug was pulled"):
        decide(*inputs, policy, backend=SqlBackend(connect, "postgres", scratch_schema=scratch))
    assert made[0] > 0


def test_tables_that_nothing_reads_any_more_go_on_the_way(warehouse: Warehouse) -> None:
    """The copy of the feed is gone before the last steps, so that the server's disk need not hold everything."""
    recorders: list[Recorder] = []
    inputs, policy = random_tables(13, bookings=20)
    decide(*inputs, policy, backend=SqlBackend(recording(warehouse.server, recorders), "postgres"))
    of_feed = [sql.split("_")[0] for sql in recorders[0].statements if sql.rstrip('"').endswith("_attendance")]
    assert of_feed == ['ANALYZE "calcom', 'DROP TABLE "calcom']


# Through Airflow


def test_the_command_runs_on_a_connection_of_airflow(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files and a table go in, JSON lines come out, and they are those of the embedded engine."""
    inputs, policy = random_tables(14, bookings=60)
    feed = warehouse.load(ATTENDANCE, inputs[2], "feed")
    paths = {name: tmp_path / f"{name}.jsonl" for name in ("bookings", "people", "attendance")}
    for path, rows in zip(paths.values(), inputs, strict=True):
        path.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    (tmp_path / "policy.json").write_text(json.dumps(policy), encoding="utf-8")

    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", warehouse.server.airflow_uri)
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))

    def command(out: str, attendance: str, *more: str) -> list[str]:
        return [
            *("decide", "--bookings", str(paths["bookings"]), "--people", str(paths["people"])),
            *(
                "--attendance",
                attendance,
                "--policy",
                str(tmp_path / "policy.json"),
                "--out",
                str(tmp_path / out),
                *more,
            ),
        ]

    pushed = subprocess.run(
        [
            *(sys.executable, "-m", "airflow_provider_calcom.cli.no_shows"),
            *command("pushed.jsonl", f"table:{feed.name}", "--connection", "warehouse"),
        ],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert pushed.returncode == 0, pushed.stderr
    assert main(command("embedded.jsonl", str(paths["attendance"]))) == 0
    assert capsys.readouterr().err in pushed.stderr  # Airflow may have warnings of its own
    assert (tmp_path / "pushed.jsonl").read_bytes() == (tmp_path / "embedded.jsonl").read_bytes()

    assert main(command("failed.jsonl", "table:nowhere", "--connection", "warehouse")) == 1
    assert capsys.readouterr().err == (
        'calcom-no-shows: connection warehouse, reading attendance from nowhere: relation "nowhere" does not exist\n'
    )
