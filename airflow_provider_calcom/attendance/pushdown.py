"""Running the rules where the feed lies: on the server of a SQL connection, in its own SQL."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom.attendance.columns import BOOKINGS, Column, Table
from airflow_provider_calcom.attendance.dialects import DIALECTS, MICROSECONDS, Dialect, carried, column_type, quoted
from airflow_provider_calcom.attendance.errors import InvalidInput, UnsupportedConnection
from airflow_provider_calcom.attendance.loading import LoadedFile, Loader
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.attendance.policy_tables import policy_tables
from airflow_provider_calcom.attendance.rules import Rules, Step, the_rules
from airflow_provider_calcom.attendance.sources import local_files

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_ROWS_AT_A_TIME = 500
_JSON_ROWS_AT_A_TIME = 5_000
_TYPES = {"instant": "BIGINT", "flag": "BOOLEAN"}
_DECIDED = {
    "booking_uid": "VARCHAR",
    "role": "VARCHAR",
    "email": "VARCHAR",
    "outcome": "VARCHAR",
    "reason": "VARCHAR",
    "presence": "BIGINT",
    "first_joined": "BIGINT",
    "last_left": "BIGINT",
    "currently_absent": "BOOLEAN",
    "start_at": "BIGINT",
}
# Whole bookings come back, so that a plan sees everyone under the address that it would change.
_WITH_CHANGES = """ WHERE outcomes.booking IN (
    SELECT booking FROM outcomes
    WHERE (outcome = 'absent' AND NOT absent) OR (outcome = 'present' AND absent)
)"""
"""Bookings in which a decision differs from Cal.com's flag."""


@dataclass(frozen=True)
class Relation:
    """A table or view on the server.

    :param name: its name, with its schema and catalogue before it, between dots, where they are needed.
    """

    name: str


class SqlPlace:
    """A SQL server that runs the rules.

    Bookings and people, where they are rows or files, are checked here and loaded into scratch tables of the session;
    a feed that is a relation stays where it is.

    :param connect: opens a DB-API connection; one is opened for each run, and closed.
    :param dialect: sqlglot's name of the server's SQL; those that are known are the keys of ``dialects.DIALECTS``.
    :param placeholder: of a parameter: ``%s`` or ``?``.
    :param scratch_schema: where scratch tables are made on a server without temporary ones; they go afterwards.
    :param only_changes: fetch only the decisions of bookings in which one differs from Cal.com's flag; the counts are
        of all.
    :raises UnsupportedConnection: for another dialect.
    """

    def __init__(
        self,
        connect: Callable[[], Any],
        dialect: str,
        *,
        placeholder: str = "%s",
        scratch_schema: str | None = None,
        only_changes: bool = False,
    ) -> None:
        if dialect not in DIALECTS:
            raise UnsupportedConnection(
                f"The rules can't be run in the SQL of {dialect!r:.40}. They can in that of: {', '.join(DIALECTS)}"
            )
        self.dialect: Dialect = DIALECTS[dialect]
        self.placeholder = placeholder
        self.scratch_schema = scratch_schema
        self.only_changes = only_changes
        self._connect = connect
        if not self.dialect.has_temporary_tables and scratch_schema is None:
            raise UnsupportedConnection(
                f"{dialect} has no temporary tables. Give scratch_schema, a schema in which the connection may make"
                " tables; they are dropped at the end"
            )

    def run(
        self,
        local: DuckDBPyConnection,
        folder: Path,
        inputs: Mapping[Table, Any],
        policy: AttendancePolicy,
        *,
        takes_naive_times: bool,
        counts: Mapping[str, str],
    ) -> tuple[list[LoadedFile], dict[str, list[tuple[Any, ...]]]]:
        """Run the rules there, and bring the decisions into a table ``decided`` here.

        :param local: the DuckDB that checks the files and takes the decisions.
        :param folder: a folder for files on the way.
        :param inputs: ``{table: rows, paths or a Relation}``.
        :param counts: ``{name: a SELECT over the rules' steps}``.
        :returns: the files that were read, and the rows of the counts.
        """
        loader = Loader(local, takes_naive_times=takes_naive_times)
        files = [
            file
            for table, source in inputs.items()
            if not isinstance(source, Relation)
            for file in loader.load(table, local_files(table, source, folder))
        ]
        with closing(self._connect()) as connection, closing(connection.cursor()) as cursor:
            session = _Session(self, cursor, _with_relations(the_rules(), inputs))
            try:
                session.load_policy(policy)
                for table, source in inputs.items():
                    if isinstance(source, Relation):
                        session.use(table, source)
                        _check_relation(session, table, source)
                    else:
                        session.load(table, local)
                session.run_steps()
                counted = {name: session.rows(body) for name, body in counts.items()}
                session.fetch_decisions(local, folder, _WITH_CHANGES if self.only_changes else "")
            finally:
                session.clean_up()
        return files, counted


class _Session:
    """One run on one connection: its scratch tables have names of their own."""

    def __init__(self, place: SqlPlace, cursor: Any, rules: Rules) -> None:
        self._place = place
        self._dialect = place.dialect
        self._cursor = cursor
        self._rules = rules
        self._prefix = f"calcom_{secrets.token_hex(4)}_"
        self._tables: dict[str, str] = {}
        self._relations: dict[str, str] = {}
        self._collation = self._unicode_collation()

    def load_policy(self, policy: AttendancePolicy) -> None:
        for table in policy_tables(policy):
            self._load(table.name, table.columns, iter(table.rows))

    def load(self, table: Table, local: DuckDBPyConnection) -> None:
        """Load a table that was read and checked here."""
        columns = {} if table.number is None else {table.number: "INTEGER"}
        columns |= {column.name: _TYPES.get(column.kind, "VARCHAR") for column in table.columns}
        found = local.execute(f"SELECT {', '.join(columns)} FROM {table.name}")
        self._load(table.name, columns, _batched_rows(found))

    def _load(self, name: str, columns: Mapping[str, str], rows: Iterator[Sequence[Any]]) -> None:
        if self._dialect.loads_json:
            self._load_json(name, columns, rows)
            return
        table = self._named(name)
        types = ", ".join(f"{column} {column_type(kind, self._dialect)}" for column, kind in columns.items())
        self._execute(f"CREATE {self._temporary}TABLE {table} ({types})")
        self._tables[name] = self._scratch(name)
        place = f"({', '.join([self._place.placeholder] * len(columns))})"
        while batch := list(islice(rows, _ROWS_AT_A_TIME)):
            values = [value for row in batch for value in row]
            self._execute(f"INSERT INTO {table} VALUES {', '.join([place] * len(batch))}", values, name)
        self._analyze(name)

    def _load_json(self, name: str, columns: Mapping[str, str], rows: Iterator[Sequence[Any]]) -> None:
        """Spark takes a thousandth of a second for a parameter, so that a row each would take hours.

        A dollar sign is written as JSON's escape, because Spark fills ``${...}`` in the values of parameters, too.
        """
        fields = ", ".join(f"{column}: {column_type(kind, self._dialect)}" for column, kind in columns.items())
        texts = []
        while batch := list(islice(rows, _JSON_ROWS_AT_A_TIME)):
            text = json.dumps([dict(zip(columns, row, strict=True)) for row in batch], ensure_ascii=False)
            texts.append(text.replace("$", "\\u0024"))
        places = ", ".join(["(?)".replace("?", self._place.placeholder)] * max(len(texts), 1))
        self._execute(
            f"CREATE TABLE {self._named(name)} AS SELECT inline(from_json(texts.rows_as_json,"
            f" 'array<struct<{fields}>>', map('mode', 'FAILFAST'))) FROM VALUES {places} AS texts(rows_as_json)",
            texts or ["[]"],
            name,
        )
        self._tables[name] = self._scratch(name)

    def run_steps(self) -> None:
        """Make a table of each step that is worth one."""
        for step in self._rules.steps:
            if step.is_kept:
                body = self._carried(self._rules.with_parts(step.body))
                self._execute(f"CREATE {self._temporary}TABLE {self._named(step.name)} AS {body}")
                self._tables[step.name] = self._scratch(step.name)
                self._analyze(step.name)

    def rows(self, body: str) -> list[tuple[Any, ...]]:
        """Give the rows of a SELECT over the steps."""
        self._execute(self._carried(self._rules.with_parts(body)))
        return [tuple(row) for row in self._cursor.fetchall()]

    def fetch_decisions(self, local: DuckDBPyConnection, folder: Path, condition: str) -> None:
        """Bring the decisions here in batches, through a file, so that no number of them fills the memory."""
        body = self._rules.decisions + condition
        self._execute(self._carried(self._rules.with_parts(body)))
        path = folder / "decided.jsonl"
        with path.open("w", encoding="utf-8") as file:
            while batch := self._cursor.fetchmany(10_000):
                for row in batch:
                    file.write(json.dumps(dict(zip(_DECIDED, map(_plain, row), strict=True))) + "\n")
        columns = ", ".join(f"{name}: '{kind}'" for name, kind in _DECIDED.items())
        local.execute(
            f"CREATE TEMP TABLE decided AS SELECT * FROM read_json(?, columns = {{{columns}}},"
            " format = 'newline_delimited', records = 'true')",
            [str(path)],
        )

    def use(self, table: Table, relation: Relation) -> None:
        """Make a relation known to the rules' SQL."""
        self._relations[_alias(table)] = relation.name

    def columns(self, table: Table) -> list[str]:
        """Give the names of a relation's columns."""
        self._execute(self._carried(f"SELECT * FROM {_alias(table)} WHERE 1 = 0"))
        names = [str(column[0]) for column in self._cursor.description or ()]
        self._cursor.fetchall()
        return names

    def rows_of(self, body: str) -> list[tuple[Any, ...]]:
        """Give the rows of a SELECT over relations, before any step is kept."""
        self._execute(self._carried(self._rules.with_parts(body, inline=False)))
        return [tuple(row) for row in self._cursor.fetchall()]

    def clean_up(self) -> None:
        """Drop what would outlast the connection. What can't be dropped any more, as after a lost one, stays."""
        if self._temporary:
            return
        for name in reversed(self._tables.values()):
            with suppress(Exception):
                self._cursor.execute(f"DROP TABLE IF EXISTS {quoted(name, self._dialect)}")

    @property
    def _temporary(self) -> str:
        return "" if self._place.scratch_schema else "TEMPORARY "

    def _scratch(self, name: str) -> str:
        schema = f"{self._place.scratch_schema}." if self._place.scratch_schema else ""
        return f"{schema}{self._prefix}{name}"

    def _named(self, name: str) -> str:
        return quoted(self._scratch(name), self._dialect)

    def _carried(self, sql: str) -> str:
        return carried(sql, self._dialect, {**self._tables, **self._relations}, self._collation)

    def _analyze(self, name: str) -> None:
        if self._dialect.analyzes:
            self._execute(f"ANALYZE {self._named(name)}")

    def _execute(self, sql: str, parameters: Sequence[Any] | None = None, table: str | None = None) -> None:
        try:
            if parameters is None:
                self._cursor.execute(sql)
            else:
                self._cursor.execute(sql, parameters)
        except ValueError as error:
            # PostgreSQL has no NUL in texts, and its drivers say so with this error.
            raise InvalidInput(f"{table or 'A step'}: the server can't take a value: {error}") from None

    def _unicode_collation(self) -> str | None:
        """Find a collation whose ``lower()`` knows more than ASCII, or names in capitals would not match."""
        candidates: list[str | None] = [None]
        if self._dialect.name == "postgres":
            self._execute("SELECT collname FROM pg_collation WHERE collname IN ('pg_c_utf8', 'und-x-icu') ORDER BY 1")
            candidates += [str(row[0]) for row in self._cursor.fetchall()]
        for collation in candidates:
            self._execute(carried("SELECT lower('\u00c0\u00c9\u03a3\u0130') AS small", self._dialect, {}, collation))
            if self._cursor.fetchall()[0][0] == "\u00e0\u00e9\u03c3i":
                return collation
        raise UnsupportedConnection(
            "The database's lower() leaves letters beyond ASCII as they are, so that addresses and names in capitals"
            " would not be found. Use a database whose locale is C.UTF-8 or a language's"
        )


def _with_relations(rules: Rules, inputs: Mapping[Table, Any]) -> Rules:
    """Put before the rules a step for each relation, which gives its columns as the rules want them."""
    steps = [
        Step(table.name, _adapted(table), is_kept=table.number is not None)
        for table, source in inputs.items()
        if isinstance(source, Relation)
    ]
    return Rules((*steps, *rules.steps), rules.decisions)


def _adapted(table: Table) -> str:
    columns = [f"{_clean(column)} AS {column.name}" for column in table.columns if not column.may_be_missing]
    if table.number is not None:
        order = ", ".join(f"relation.{column.name}" for column in table.columns)
        columns.insert(0, f"CAST(row_number() OVER (ORDER BY {order}) AS INTEGER) AS {table.number}")
    return f"SELECT {', '.join(columns)} FROM {_alias(table)} AS relation CROSS JOIN policy"


def _alias(table: Table) -> str:
    """Name a relation in the rules' SQL: the user's own name for it goes in where SQL is carried over, as a name."""
    return f"relation_of_{table.name}"


def _clean(column: Column) -> str:
    name = f"relation.{column.name}"
    if column.kind == "instant":
        return f"{MICROSECONDS}({name})"
    if column.kind == "flag":
        return name
    text = f"CAST({name} AS VARCHAR)"
    return f"nullif(trim({text}, policy.white_space), '')" if column.kind == "label" else text


def _check_relation(session: _Session, table: Table, relation: Relation) -> None:
    """Refuse what the rules would misread, as the loader does with files.

    :raises InvalidInput: naming the relation and the column.
    """
    names = [name.lower() for name in session.columns(table)]
    for column in table.columns:
        if column.name not in names and not column.may_be_missing:
            raise InvalidInput(f"{relation.name}: the column {column.name} is missing. It has: {', '.join(names)}")
        if column.kind != "label" and column.kind != "text":
            _check_type(session, table, relation, column)
        _check_values(session, table, relation, column)
    if table is BOOKINGS:
        if session.rows_of("SELECT 1 FROM bookings WHERE end_at < start_at LIMIT 1"):
            raise InvalidInput(f"{relation.name}, column end_at: lies before start_at in some row")
        if session.rows_of("SELECT booking_uid FROM bookings GROUP BY booking_uid HAVING count(*) > 1 LIMIT 1"):
            raise InvalidInput(f"{relation.name}, column booking_uid: two bookings have one uid. Keep the newest row")


def _check_type(session: _Session, table: Table, relation: Relation, column: Column) -> None:
    name = f"relation.{column.name}"
    found = session.rows_of(f"SELECT {name} FROM {_alias(table)} AS relation WHERE {name} IS NOT NULL LIMIT 1")
    value = found[0][0] if found else None
    wanted = bool if column.kind == "flag" else datetime
    if value is not None and not isinstance(value, wanted):
        kind = "booleans" if column.kind == "flag" else "instants (a timestamp with a time zone)"
        raise InvalidInput(f"{relation.name}, column {column.name}: must hold {kind}, but holds {type(value).__name__}")
    if isinstance(value, datetime) and value.tzinfo is None:
        raise InvalidInput(
            f"{relation.name}, column {column.name}: its times are naive. Use a view that makes them timestamps with a"
            " time zone"
        )


def _check_values(session: _Session, table: Table, relation: Relation, column: Column) -> None:
    if column.choices:
        choices = ", ".join(f"'{choice}'" for choice in column.choices)
        wrong = f"coalesce({column.name}, '') NOT IN ({choices})"
        mend = f"must be one of {', '.join(column.choices)}"
    elif column.required:
        wrong, mend = f"{column.name} IS NULL", "is empty, and must not be"
    else:
        return
    found = session.rows_of(f"SELECT count(*) FROM {table.name} WHERE {wrong}")
    if found[0][0]:
        raise InvalidInput(f"{relation.name}, column {column.name}: {mend}; {found[0][0]} rows are not so")


def _batched_rows(found: Any) -> Iterator[Sequence[Any]]:
    while batch := found.fetchmany(10_000):
        yield from batch


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (str, bool)) else int(value)
