"""Run the rules where the feed is: on the server of a SQL connection, in its own SQL."""

from __future__ import annotations

import json
import secrets as random_names
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom._deprecated import former_names
from airflow_provider_calcom._redact import describe
from airflow_provider_calcom.attendance.errors import AttendanceError, InvalidInput, UnsupportedConnection
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.attendance.policy_tables import policy_tables
from airflow_provider_calcom.attendance.rules import Rules, Step, the_rules
from airflow_provider_calcom.attendance.schema import Table
from airflow_provider_calcom.attendance.sql.connection import Row, Server, SqlFailed, SqlUnavailable, opened
from airflow_provider_calcom.attendance.sql.dialects import (
    DIALECTS,
    Dialect,
    column_type,
    quoted,
    quoted_column,
    transpile,
)
from airflow_provider_calcom.attendance.sql.relations import (
    Relation,
    adapted,
    alias,
    check_types,
    check_values,
    columns_of,
)
from airflow_provider_calcom.attendance.tables.loader import Loader
from airflow_provider_calcom.attendance.tables.sources import LoadedFile, local_files

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["Relation", "SqlBackend", "SqlFailed", "SqlUnavailable"]

if not TYPE_CHECKING:
    __getattr__ = former_names(__name__)

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
# Whole bookings are fetched, so that a plan sees everyone under the address that it would change.
_WITH_CHANGES = """ AND outcomes.booking IN (
    SELECT booking FROM outcomes
    WHERE (outcome = 'absent' AND NOT absent) OR (outcome = 'present' AND absent)
)"""
"""Bookings in which a decision differs from Cal.com's flag."""
# Assumptions of the rules about a server's SQL which some server, or some setting of one, does not meet.
_SQL_ASSUMPTIONS = {
    "trim() of several characters": "trim(white_space || 'a b' || white_space, white_space) = 'a b'",
    "trim() of nothing but white space": "trim(white_space, white_space) = ''",
    "translate()": "translate('a' || white_space, white_space, '       ') = 'a       '",
    "translate() that drops characters": "translate('+1 (2)1', translate('+1 (2)1', '0123456789', ''), '') = '121'",
    "translate() of letters with marks": "translate('a\u0301\u00e9,b', all_signs, folded_signs) = 'ae b'",
    "split_part()": "split_part('a b c', ' ', 1) = 'a' AND split_part('a b c', ' ', CAST(3 AS INTEGER)) = 'c'",
    "replace()": "replace(replace(replace('a  b', ' ', ' ' || mark), mark || ' ', ''), mark, '') = 'a b'",
    "strpos()": "strpos('a@b@c', '@') = 2 AND strpos('ab', '@') = 0",
    "substr()": "substr('abcd', 2, 2) = 'bc' AND substr('abcd', 3) = 'cd' AND substr('abcd', 1, 0) = ''",
    "length() and reverse()": "length('a@b') + 1 - strpos(reverse('ab@'), '@') = 3",
    "division of integers": "(as_of - as_of + 1727999999999999) // 86400000000 = 19999",
    "an empty string, which is not null": "coalesce(nullif('a', 'a'), '') || 'b' = 'b'",
    "capitals, which differ from small letters": "'a' <> 'A'",
}
_LETTERS, _SMALL_LETTERS = "\u00c0\u00c9\u03a3\u0130I\u00cc", "\u00e0\u00e9\u03c3ii\u00ec"


class SqlBackend:
    """A SQL server that runs the rules.

    Bookings and people, where they are rows or files, are checked here and loaded into scratch tables of the session.
    A relation is copied there, on the server, as it is at that moment: if each step read it anew, a feed that
    grows meanwhile could be complete in one step and lack its last rows in another. The copy has the columns that the
    rules read, and is dropped once they have read it.

    :param connect: opens a DB-API connection; one is opened for each run, and closed.
    :param dialect: sqlglot's name of the server's SQL; one of the keys of ``dialects.DIALECTS``.
    :param placeholder: of a parameter: ``%s``, ``?``, or ``%(name)s`` for drivers with named parameters.
    :param scratch_schema: where scratch tables are made on a server without temporary ones, and dropped at the end.
    :param only_changes: fetch only the decisions of bookings in which one differs from Cal.com's flag; the counts are
        of all.
    :param name: what errors call the connection.
    :param secrets: strings that no error shows, such as the password.
    :param bookings_at_a_time: whose decisions are fetched with one statement, because many drivers hold the whole
        result of a statement in memory.
    :raises UnsupportedConnection: for another dialect, or where a scratch schema is needed.
    :raises InvalidInput: if ``scratch_schema`` is not a name.
    """

    def __init__(
        self,
        connect: Callable[[], Any],
        dialect: str,
        *,
        placeholder: str = "%s",
        scratch_schema: str | None = None,
        only_changes: bool = False,
        name: str = "the SQL connection",
        secrets: Sequence[str] = (),
        bookings_at_a_time: int = 50_000,
    ) -> None:
        if dialect not in DIALECTS:
            raise UnsupportedConnection(
                f"dialect: the rules don't run in the SQL of {describe(dialect)}, but in that of: {', '.join(DIALECTS)}"
            )
        self.dialect: Dialect = DIALECTS[dialect]
        self.placeholder = placeholder
        self.scratch_schema = scratch_schema
        self.only_changes = only_changes
        self.name = name
        self._connect = connect
        self._secrets = secrets
        self._bookings_at_a_time = bookings_at_a_time
        if not self.dialect.has_temporary_tables and scratch_schema is None:
            raise UnsupportedConnection(
                f"{dialect} has no temporary tables. Set scratch_schema, a schema in which the connection may create"
                " tables; they are dropped at the end"
            )
        if scratch_schema is not None:
            quoted(f"{scratch_schema}.table", self.dialect)

    def run(
        self,
        local: DuckDBPyConnection,
        folder: Path,
        inputs: Mapping[Table, Any],
        policy: AttendancePolicy,
        *,
        takes_naive_times: bool,
        counts: Mapping[str, str],
    ) -> tuple[list[LoadedFile], dict[str, list[Row]]]:
        """Run the rules there, and fetch the decisions into a local table ``decided``.

        :param local: the DuckDB that checks the files and gets the decisions.
        :param folder: a folder for temporary files.
        :param inputs: ``{table: rows, paths or a Relation}``.
        :param counts: ``{name: a SELECT over the rules' steps}``.
        :returns: the files and relations that were read, and the rows of the counts.
        :raises SqlFailed: with the server's message.
        :raises InvalidInput: naming file or relation, and column.
        """
        for source in inputs.values():
            if isinstance(source, Relation):
                quoted(source.name, self.dialect)  # an invalid name is reported before the work
        loader = Loader(local, takes_naive_times=takes_naive_times)
        files: list[LoadedFile] = []
        for table, source in inputs.items():
            if not isinstance(source, Relation):
                loaded = loader.load(table, local_files(table, source, folder))
                if not self.dialect.allows_nul:
                    _refuse_nul(local, table, loaded)
                files += loaded
        with loader.naming_damaged_files(), self._session() as session:
            session.load_policy(policy)
            session.check_sql()
            for table, source in inputs.items():
                if isinstance(source, Relation):
                    files.append(LoadedFile(table.name, f"table {source.name}", session.copy(table, source)))
                else:
                    session.load(table, local)
            session.run_steps([the_rules().decisions, *counts.values()])
            counted = {name: session.rows(body, f"counting {name}") for name, body in counts.items()}
            condition = _WITH_CHANGES if self.only_changes else ""
            session.fetch_decisions(local, folder, condition, self._bookings_at_a_time)
        return files, counted

    @contextmanager
    def _session(self) -> Iterator[_Session]:
        with opened(self._connect, self.name, self.placeholder, self._secrets) as server:
            session = _Session(server, self.dialect, self.scratch_schema)
            try:
                yield session
            finally:
                session.clean_up()


class _Session:
    """One run on one connection, whose scratch tables have names of their own."""

    def __init__(self, server: Server, dialect: Dialect, scratch_schema: str | None) -> None:
        self._server = server
        self._dialect = dialect
        self._scratch_schema = scratch_schema
        self._rules: Rules = the_rules()
        self._prefix = f"calcom_{random_names.token_hex(4)}_"
        self._tables: dict[str, str] = {}
        self._relations: dict[str, str] = {}
        self._collation: str | None = None

    def load_policy(self, policy: AttendancePolicy) -> None:
        for table in policy_tables(policy):
            self._load(table.name, table.columns, iter(table.rows))

    def check_sql(self) -> None:
        """Reject a server on which the rules' transpiled SQL means something else.

        :raises UnsupportedConnection: naming the functions that differ.
        """
        self._collation = self._unicode_collation()
        checks = ", ".join(
            f"CASE WHEN {check} THEN 1 ELSE 0 END AS check_{place}"
            for place, check in enumerate(_SQL_ASSUMPTIONS.values())
        )
        found = self.rows(f"SELECT {checks} FROM policy", "checking its SQL")[0]
        wrong = [what for what, is_right in zip(_SQL_ASSUMPTIONS, found, strict=True) if int(is_right) != 1]
        if wrong:
            raise UnsupportedConnection(
                f"On this server the rules would decide differently, because of {', '.join(wrong)}. Check that"
                f" {self._dialect.name} is the right dialect, and the connection's settings"
            )

    def load(self, table: Table, local: DuckDBPyConnection) -> None:
        """Load a table that was read and checked locally."""
        columns = {} if table.number is None else {table.number: "INTEGER"}
        columns |= {column.name: _TYPES.get(column.kind, "VARCHAR") for column in table.columns}
        found = local.execute(f"SELECT {', '.join(columns)} FROM {table.name}")
        self._load(table.name, columns, _batched_rows(found))

    def _load(self, name: str, columns: Mapping[str, str], rows: Iterator[Sequence[Any]]) -> None:
        doing = f"loading {name}"
        types = {column: column_type(kind, self._dialect) for column, kind in columns.items()}
        listed = ", ".join(f"{quoted_column(column, self._dialect)} {kind}" for column, kind in types.items())
        self._server.run(f"CREATE {self._temporary}TABLE {self._new(name)} ({listed})", doing=doing)
        for batch in _batches(rows, self._dialect.statement_characters):
            sql, parameters = (
                self._json_insert(name, types, batch) if self._dialect.inserts_as_json else self._insert(name, batch)
            )
            self._server.run(sql, parameters, doing=doing)
        self._analyze(name)

    def _insert(self, name: str, batch: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
        width = len(batch[0])
        places = ", ".join(f"({self._server.placeholders(width, width * row)})" for row in range(len(batch)))
        into = self._server.fixed(f"INSERT INTO {self._named(name)} VALUES ")
        return into + places, [value for row in batch for value in row]

    def _json_insert(
        self, name: str, types: Mapping[str, str], batch: Sequence[Sequence[Any]]
    ) -> tuple[str, list[Any]]:
        """Return an INSERT of one JSON parameter: Spark needs a millisecond per parameter, so hours for one per cell.

        A dollar sign is escaped in JSON, because Spark substitutes ``${...}`` in the values of parameters, too.
        """
        fields = ", ".join(f"`{column}`: {kind}" for column, kind in types.items())
        text = json.dumps([dict(zip(types, row, strict=True)) for row in batch], ensure_ascii=False)
        sql = self._server.fixed(
            f"INSERT INTO {self._named(name)} SELECT inline(from_json(texts.rows_as_json, 'array<struct<{fields}>>',"
            " map('mode', 'FAILFAST'))) FROM VALUES "
        )
        return f"{sql}({self._server.placeholders(1)}) AS texts(rows_as_json)", [text.replace("$", "\\u0024")]

    def copy(self, table: Table, relation: Relation) -> int:
        """Check a relation, copy the columns that the rules read, and return the number of its rows."""
        doing = f"reading {table.name} from {relation.shown}"
        self._relations[alias(table)] = relation.name
        names = self._server.columns(self._transpile(f"SELECT * FROM {alias(table)} WHERE 1 = 0"), doing=doing)
        columns = columns_of(table, relation, names)

        def query(body: str) -> list[Row]:
            return self.rows(body, doing)

        check_types(table, relation, columns, query, self._dialect.driver_returns_types)
        self._keep(Step(table.name, adapted(table, columns), is_kept=True), doing)
        return check_values(table, relation, query)

    def run_steps(self, results: Sequence[str]) -> None:
        """Create a table of each step that is worth one, and drop each that no later step and no result reads.

        :param results: the SELECTs that come afterwards.
        """
        read = Rules(tuple(Step(name, "SELECT 1", is_kept=True) for name in self._tables) + self._rules.steps, "")
        freed = read.last_uses(results)
        for step in self._rules.steps:
            if step.is_kept:
                self._keep(step, f"step {step.name}")
                for name in freed.get(step.name, ()):
                    self._server.run(f"DROP TABLE {self._named(name)}", doing=f"dropping {name}")
                    del self._tables[name]

    def rows(self, body: str, doing: str) -> list[Row]:
        """Return the rows of a SELECT over the steps."""
        return self._server.rows(self._transpile(self._rules.with_parts(body)), doing=doing)

    def fetch_decisions(self, local: DuckDBPyConnection, folder: Path, condition: str, at_a_time: int) -> None:
        """Fetch the decisions in batches, through a file, so that no number of them fills the memory.

        :param condition: which of them, after others and with an AND before it.
        :param at_a_time: bookings of a batch.
        """
        path = folder / "decided.jsonl"
        last = self.rows("SELECT max(booking) AS last_booking FROM sifted_bookings", "counting bookings")[0][0] or 0
        with path.open("w", encoding="utf-8") as file:
            for first in range(1, max(int(last), 1) + 1, at_a_time):
                some = f" WHERE outcomes.booking BETWEEN {first} AND {first + at_a_time - 1}"
                sql = self._transpile(self._rules.with_parts(self._rules.decisions + some + condition))
                for batch in self._server.batches(sql, doing="fetching the decisions"):
                    file.writelines(
                        json.dumps(dict(zip(_DECIDED, map(_plain, row), strict=True))) + "\n" for row in batch
                    )
        columns = ", ".join(f"{name}: '{kind}'" for name, kind in _DECIDED.items())
        local.execute(
            f"CREATE TEMP TABLE decided AS SELECT * FROM read_json(?, columns = {{{columns}}},"
            " format = 'newline_delimited', records = 'true')",
            [str(path)],
        )

    def clean_up(self) -> None:
        """Drop what would outlast the connection. On a lost connection nothing can be dropped any more."""
        if self._temporary:
            return
        for name in reversed(list(self._tables)):
            with suppress(AttendanceError):
                self._server.run(f"DROP TABLE IF EXISTS {self._named(name)}", doing="dropping scratch tables")

    @property
    def _temporary(self) -> str:
        return "" if self._scratch_schema else "TEMPORARY "

    def _keep(self, step: Step, doing: str) -> None:
        body = self._transpile(self._rules.with_parts(step.body))
        self._server.run(f"CREATE {self._temporary}TABLE {self._new(step.name)} AS {body}", doing=doing)
        self._analyze(step.name)

    def _new(self, name: str) -> str:
        """Register the name of a scratch table before it is created: a statement may fail after creating it."""
        before = f"{self._scratch_schema}." if self._scratch_schema else ""
        self._tables[name] = f"{before}{self._prefix}{name}"
        return self._named(name)

    def _named(self, name: str) -> str:
        return quoted(self._tables[name], self._dialect)

    def _transpile(self, sql: str) -> str:
        return transpile(sql, self._dialect, {**self._tables, **self._relations}, self._collation)

    def _analyze(self, name: str) -> None:
        if self._dialect.analyzes:
            self._server.run(f"ANALYZE {self._named(name)}", doing=f"analyzing {name}")

    def _unicode_collation(self) -> str | None:
        """Return a collation whose ``lower()`` knows more than ASCII, without which names in capitals do not match."""
        doing = "checking its lower()"
        candidates: list[str | None] = [None]
        if self._dialect.name == "postgres":
            known = "SELECT collname FROM pg_collation WHERE collname IN ('pg_c_utf8', 'und-x-icu') ORDER BY 1"
            candidates += [str(row[0]) for row in self._server.rows(known, doing=doing)]
        for collation in candidates:
            sql = transpile(f"SELECT lower('{_LETTERS}') AS small", self._dialect, {}, collation)
            if self._server.rows(sql, doing=doing)[0][0] == _SMALL_LETTERS:
                return collation
        raise UnsupportedConnection(
            "The database's lower() leaves letters beyond ASCII unchanged, or maps them differently from Unicode, so"
            " that addresses and names in capitals would not match. Use a database whose locale is C.UTF-8"
        )


def _refuse_nul(local: DuckDBPyConnection, table: Table, files: Sequence[LoadedFile]) -> None:
    """Reject the character NUL, which the server's strings can't contain.

    :raises InvalidInput: naming file, row and column.
    """
    texts = [column.name for column in table.columns if column.kind in ("label", "text")]
    first = " ".join(f"WHEN strpos({name}, chr(0)) > 0 THEN '{name}'" for name in texts)
    fault = f"CASE {first} END"
    if local.execute(f"SELECT 1 FROM {table.name} WHERE {fault} IS NOT NULL LIMIT 1").fetchone() is None:
        return
    # Keeping the rows' order costs time and memory, so only the error needs it.
    local.execute("SET preserve_insertion_order = true")
    found = local.execute(
        f"SELECT place, fault FROM (SELECT row_number() OVER () AS place, {fault} AS fault FROM {table.name})"
        " WHERE fault IS NOT NULL ORDER BY place LIMIT 1"
    ).fetchone()
    place, column = found or (0, "?")
    for file in files:
        if place <= file.rows:
            raise InvalidInput(
                f"{file.name}, row {place}, column {column}: contains a NUL character, which the server's strings can't"
            )
        place -= file.rows


def _batches(rows: Iterable[Sequence[Any]], most_characters: int) -> Iterator[list[Sequence[Any]]]:
    """TableFile rows so that each statement is of a size that servers take, with at most ten thousand values.

    A longer row stands alone.
    """
    batch: list[Sequence[Any]] = []
    characters = 0
    for row in rows:
        length = sum(len(value) + 20 if isinstance(value, str) else 20 for value in row)
        if batch and characters + length > most_characters:
            yield batch
            batch, characters = [], 0
        batch.append(row)
        characters += length
    if batch:
        yield batch


def _batched_rows(found: Any) -> Iterator[Sequence[Any]]:
    while batch := found.fetchmany(10_000):
        yield from batch


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (str, bool)) else int(value)
