"""The rules' SQL, carried over to each engine: whole, in functions that it has, and in the order that it wants.

What is checked here of Snowflake, BigQuery, Databricks, Trino and Redshift is what their manuals say: no statement was
run there. PostgreSQL and Spark are also run, in test_pushdown.py and tests/spark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from airflow_provider_calcom.attendance.engine import Resources, decide, duckdb_session, load_policy, loaded
from airflow_provider_calcom.attendance.errors import InvalidInput, UnsupportedConnection
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.attendance.policy_tables import policy_tables
from airflow_provider_calcom.attendance.rules import the_rules
from airflow_provider_calcom.attendance.schema import TABLES
from airflow_provider_calcom.attendance.sql import backend as backend
from airflow_provider_calcom.attendance.sql.backend import Relation, SqlBackend
from airflow_provider_calcom.attendance.sql.dialects import DIALECTS, Dialect, column_type, quoted, transpile
from tests.attendance.worlds import random_tables
from tests.profiles import examples

ALL = sorted(DIALECTS)
RUN = {"postgres", "spark"}
# A word before a parenthesis that is not a function.
SYNTAX = set(
    re.findall(
        r"\w+", "AND AS BY CASE ELSE FROM IN MATERIALIZED NOT ON OR OVER SELECT JOIN THEN UNION VALUES WHEN WHERE WITH"
    )
)
TYPES = {"VARCHAR", "ARRAY", "STRUCT"}
EVERYWHERE = {
    *("CAST", "COALESCE", "COUNT", "DENSE_RANK", "GREATEST", "LEAST", "LENGTH", "LOWER", "MAX", "MIN", "NULLIF"),
    *("REPLACE", "REVERSE", "ROW_NUMBER", "SUM", "TRANSLATE", "TRIM"),
}
# As each manual has them: MySQL's LOCATE takes the sought text first, PostgreSQL's STRPOS last.
FUNCTIONS: Mapping[str, set[str]] = {
    "postgres": EVERYWHERE | {"EXTRACT", "POSITION", "SUBSTRING", "SPLIT_PART"},
    "redshift": EVERYWHERE | {"DATEDIFF", "POSITION", "SUBSTRING", "SPLIT_PART"},
    "spark": EVERYWHERE | {"LOCATE", "SUBSTRING", "UNIX_MICROS", "INLINE", "FROM_JSON", "MAP", "SPLIT_PART"},
    "databricks": EVERYWHERE | {"LOCATE", "SUBSTRING", "UNIX_MICROS", "INLINE", "FROM_JSON", "MAP", "SPLIT_PART"},
    "snowflake": EVERYWHERE | {"CHARINDEX", "SUBSTRING", "DATE_PART", "MOD", "SPLIT_PART"},
    "bigquery": EVERYWHERE | {"INSTR", "SUBSTRING", "UNIX_MICROS", "DIV", "REGEXP_REPLACE", "SPLIT", "SAFE_ORDINAL"},
    "trino": EVERYWHERE | {"STRPOS", "SUBSTR", "TO_UNIXTIME", "CONCAT", "SPLIT_PART"},
}


class AnyServer:
    """A connection that agrees to everything, notes it, and has one relation and no rows."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.description: list[tuple[Any, ...]] | None = None
        self._rows: list[tuple[Any, ...]] = []

    def cursor(self) -> AnyServer:
        return self

    def close(self) -> None:
        pass

    def execute(self, sql: str, parameters: Any = None) -> None:
        self.calls.append((sql, parameters))
        self.description = None
        self._rows = list(self._answer(sql))

    def fetchmany(self, size: int) -> list[tuple[Any, ...]]:
        found, self._rows = self._rows[:size], self._rows[size:]
        return found

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self.fetchmany(10**6)

    def _answer(self, sql: str) -> Iterator[tuple[Any, ...]]:
        if re.search(r"\*\s+FROM .* WHERE 1 = 0$", sql):
            table = next(table for table in TABLES if f"relation_of_{table.name}" in sql)
            # As Snowflake has them.
            self.description = [(column.name.upper(),) for column in table.columns]
        elif "LOWER('" in sql or "LOWER(TRANSLATE('" in sql:
            yield (backend._SMALL_LETTERS,)
        elif "check_0" in sql:
            yield (1,) * len(backend._SQL_ASSUMPTIONS)
        elif "all_rows" in sql:
            yield (0, *(None for _ in re.findall(r"wrong_\d", sql)))
        elif "last_booking" in sql or re.search(
            r"rows_of_people.? FROM |matched_rows.? FROM |complete_until.? FROM ", sql
        ):
            yield (None,)
        elif re.search(
            r"^SELECT COUNT\(\*\) AS |COUNT\((\*|DISTINCT [^()]+)\) AS \W?(bookings|attendees)\W? FROM ", sql
        ) or ("feed_rows" in sql.partition("FROM")[0]):
            yield (0,)


def statements(name: str, inputs: Sequence[Any], policy: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return all statements, with their parameters, that a run makes on a server of this SQL."""
    server = AnyServer()
    schema = None if DIALECTS[name].has_temporary_tables else "scratch"
    place = SqlBackend(
        lambda: server, name, placeholder=DIALECTS[name].placeholder or "%s", scratch_schema=schema, only_changes=True
    )
    bookings, people, attendance = inputs
    decide(bookings, people, attendance, policy, backend=place)
    return server.calls


@pytest.fixture(scope="module")
def runs() -> dict[str, list[tuple[str, Any]]]:
    """The statements of two runs on each engine: of files, and of relations."""
    inputs, policy = random_tables(3, bookings=40)
    relations = [Relation(f"here.Relation_of_{table.name}") for table in TABLES]
    return {name: [*statements(name, inputs, policy), *statements(name, relations, policy)] for name in ALL}


@pytest.fixture(scope="module")
def trees(runs: Mapping[str, list[tuple[str, Any]]]) -> dict[str, list[tuple[str, list[exp.Expr | None]]]]:
    """Return each different statement of the runs with what sqlglot's parser of that engine makes of it."""
    found = {
        name: dict.fromkeys(
            re.sub(r"%\((\w+)\)s", r"@\1", re.sub("calcom_[0-9a-f]{8}_", "calcom_", sql).replace("%s", "?"))
            for sql, _ in calls
        )
        for name, calls in runs.items()
    }
    return {name: [(sql, sqlglot.parse(sql, read=name)) for sql in statements] for name, statements in found.items()}


def carry(sql: str, name: str) -> str:
    """Carry one expression over."""
    return transpile(f"SELECT {sql}", DIALECTS[name], {}).removeprefix("SELECT ")


Trees = Mapping[str, list[tuple[str, list[exp.Expr | None]]]]


@pytest.mark.parametrize("name", ALL)
def test_every_statement_parses_in_its_dialect(name: str, trees: Trees) -> None:
    """Each statement of a run, the steps among them, is one that sqlglot's parser of that engine understands."""
    for sql, parsed in trees[name]:
        assert len(parsed) == 1
        assert parsed[0] is not None
        # What the parser gives up on it keeps as a command.
        assert not list(parsed[0].find_all(exp.Command)), sql
    assert len(trees[name]) > 50


@pytest.mark.parametrize("name", ALL)
def test_only_functions_that_the_engine_has(name: str, runs: Mapping[str, list[tuple[str, Any]]]) -> None:
    """No function is passed through in silence: each is one that the engine's manual lists."""
    called: set[str] = set()
    for sql, _ in runs[name]:
        plain = re.sub(r"'(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`", "x", sql)
        called |= {word.upper() for word in re.findall(r"\b([A-Za-z_]\w*)\s*\(", plain)}
    called = {word for word in called if not word.startswith("CALCOM_")} - SYNTAX - TYPES - {"X", "TEXTS"}
    assert called <= FUNCTIONS[name]
    assert called >= {"TRIM", "LOWER", "TRANSLATE", "DENSE_RANK", "GREATEST"}


@pytest.mark.parametrize("name", ALL)
def test_all_names_are_quoted(name: str, trees: Trees) -> None:
    """Columns, aliases and common tables are quoted: rows, first, name or match are keywords on one engine or other."""
    for sql, parsed in trees[name]:
        if not sql.startswith(("CREATE", "SELECT", "WITH")):
            continue
        for tree in parsed:
            assert tree is not None
            for identifier in tree.find_all(exp.Identifier):
                own = identifier.name.startswith(("calcom_", "scratch", "here", "Relation", "pg_collation", "collname"))
                assert identifier.args["quoted"] or own, f"{identifier.name}: {sql}"


@pytest.mark.parametrize("name", ALL)
def test_parameters_fit_their_marks(name: str, runs: Mapping[str, list[tuple[str, Any]]]) -> None:
    """Each statement has as many marks as values, as the driver wants them, and no more text than the engine takes."""
    loaded = 0
    for sql, parameters in runs[name]:
        if not parameters:
            assert "%" not in sql
            continue
        loaded += 1
        if isinstance(parameters, dict):
            # So does Airflow's BigQuery hook.
            assert sql % dict.fromkeys(parameters, "0")
            assert sql.count("%(") == len(parameters)
            values = list(parameters.values())
        else:
            assert sql.count(DIALECTS[name].placeholder or "%s") == len(parameters)
            values = parameters
        assert sum(len(value) for value in values if isinstance(value, str)) <= DIALECTS[name].statement_characters
    assert loaded >= 8


def test_large_tables_are_loaded_in_statements_of_bounded_size() -> None:
    """However long the texts are, no statement grows beyond what the engine takes; one long text goes alone."""
    inputs, policy = random_tables(3, bookings=1500)
    inputs[1][5]["name"] = "x" * 300_000
    for name in ("postgres", "bigquery"):
        sizes = []
        for _, parameters in statements(name, inputs, policy):
            values = parameters.values() if isinstance(parameters, dict) else parameters or ()
            sizes.append(sum(len(value) for value in values if isinstance(value, str)))
            assert len(values) <= 10_000
        assert sum(size > 250_000 for size in sizes) == 1
        assert max(sizes) < 301_000


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        (
            "strpos(x, '@')",
            {
                "postgres redshift": "POSITION('@' IN {x})",
                "spark databricks": "LOCATE('@', {x})",
                "snowflake": "CHARINDEX('@', {x})",
                "bigquery": "INSTR({x}, '@')",
                "trino": "STRPOS({x}, '@')",
            },
        ),
        (
            "trim(x, y)",
            {
                "postgres redshift spark databricks trino": "TRIM({y} FROM {x})",
                "snowflake bigquery": "TRIM({x}, {y})",
            },
        ),
        (
            "substr(x, 2, 3)",
            {
                "postgres": "SUBSTRING({x} FROM 2 FOR 3)",
                "redshift spark databricks snowflake bigquery": "SUBSTRING({x}, 2, 3)",
                "trino": "SUBSTR({x}, 2, 3)",
            },
        ),
        (
            # At the last microsecond of a day x / 86400000000 is a integer to six digits after the point.
            "x // 86400000000",
            {
                "postgres redshift trino": "{x} / 86400000000",
                "spark databricks": "{x} DIV 86400000000",
                "bigquery": "DIV({x}, 86400000000)",
                "snowflake": "({x} - MOD({x}, 86400000000)) / 86400000000",
            },
        ),
        (
            # BigQuery: "a duplicate character in source_characters results in an error".
            "translate(x, translate(x, '0123456789', ''), '')",
            {
                "postgres redshift spark databricks snowflake trino": (
                    "TRANSLATE({x}, TRANSLATE({x}, '0123456789', ''), '')"
                ),
                "bigquery": "REGEXP_REPLACE({x}, '[^0-9]', '')",
            },
        ),
        (
            "x || y",
            {
                "postgres redshift spark databricks snowflake bigquery": "{x} || {y}",
                "trino": "CONCAT(CAST({x} AS VARCHAR), CAST({y} AS VARCHAR))",
            },
        ),
        (
            # BigQuery's SPLIT() makes an array, of which a place beyond its end is null instead of an error.
            "split_part(x, ' ', CAST(y AS INTEGER))",
            {
                "postgres spark databricks snowflake": "SPLIT_PART({x}, ' ', CAST({y} AS INT))",
                "redshift trino": "SPLIT_PART({x}, ' ', CAST({y} AS INTEGER))",
                "bigquery": "SPLIT({x}, ' ')[SAFE_ORDINAL(CAST({y} AS INT64))]",
            },
        ),
        # A test that only saves time, and costs more than it saves where it needs a regular expression.
        ("is_plain(x)", {" ".join(ALL): "FALSE"}),
        ("greatest(x, y)", {" ".join(ALL): "GREATEST({x}, {y})"}),
        ("lower(x)", {" ".join(ALL): "LOWER(TRANSLATE({x}, '\u0130\u03a3', 'i\u03c3'))"}),
        (
            "calcom_microseconds(x)",
            {
                "postgres": "CAST(EXTRACT(EPOCH FROM {x}) * 1000000 AS BIGINT)",
                "redshift": "DATEDIFF(MICROSECOND, CAST('1970-01-01' AS TIMESTAMP), {x} AT TIME ZONE 'UTC')",
                "spark databricks bigquery": "UNIX_MICROS({x})",
                "snowflake": "DATE_PART(EPOCH_MICROSECOND, {x})",
                "trino": "CAST(TO_UNIXTIME({x}) * 1000000 AS BIGINT)",
            },
        ),
        (
            "calcom_text(x)",
            {
                "postgres": 'CAST({x} AS TEXT) COLLATE "default"',
                # Without a length it is cut to 256 bytes.
                "redshift": "CAST({x} AS VARCHAR(65535))",
                "spark databricks bigquery": "CAST({x} AS STRING)",
                "snowflake trino": "CAST({x} AS VARCHAR)",
            },
        ),
        (
            "max(x) OVER (ORDER BY y ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)",
            {" ".join(ALL): "MAX({x}) OVER (ORDER BY {y} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"},
        ),
        (
            "CAST(x AS INTEGER)",
            {
                "postgres spark databricks snowflake": "CAST({x} AS INT)",
                "redshift trino": "CAST({x} AS INTEGER)",
                "bigquery": "CAST({x} AS INT64)",
            },
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_says_it_in_each_engines_words(sql: str, wanted: Mapping[str, str]) -> None:
    """Where engines differ in a function's name, the order of its arguments or a type, each gets its own."""
    found = {}
    expected = {}
    for names, text in wanted.items():
        for name in names.split():
            mark = "`" if name in ("spark", "databricks", "bigquery") else '"'
            expected[name] = text.format(x=f"{mark}x{mark}", y=f"{mark}y{mark}")
            found[name] = carry(sql, name)
    assert sorted(found) == ALL
    assert found == expected


def test_what_the_rules_take_for_granted_is_so_in_duckdb() -> None:
    """The checks of a server before a run have the answers that the rules' own engine gives."""
    with duckdb_session(Resources()) as (connection, _):
        load_policy(connection, policy_tables(AttendancePolicy(as_of="2026-01-06T00:00:00Z")))
        for what, check in backend._SQL_ASSUMPTIONS.items():
            assert connection.execute(f"SELECT {check} FROM policy").fetchall() == [(True,)], what


def test_the_rules_take_nothing_else_for_granted() -> None:
    """Each function on texts that the rules use is among the questions."""
    rules = the_rules()
    text = " ".join([*(step.body for step in rules.steps), rules.decisions])
    used = set(re.findall(r"\b(trim|translate|replace|strpos|substr|split_part|length|reverse)\(", text))
    assert used == {word for word in re.findall(r"\w+", " ".join(backend._SQL_ASSUMPTIONS)) if f"{word}(" in text}


def test_unions_drop_repeated_rows() -> None:
    """BigQuery's UNION has to say which it is."""
    for name in ALL:
        sql = transpile("SELECT x FROM a UNION SELECT x FROM b", DIALECTS[name], {})
        assert ("UNION DISTINCT SELECT" if name == "bigquery" else "UNION SELECT") in sql


def test_texts_may_be_long_everywhere() -> None:
    """No column of text has a length at which an engine would cut it; Redshift's own is 256 bytes."""
    kinds = {name: column_type("VARCHAR", DIALECTS[name]) for name in ALL}
    assert kinds == {
        "bigquery": "STRING",
        "databricks": "STRING",
        "postgres": "TEXT",
        "redshift": "VARCHAR(MAX)",
        "snowflake": "VARCHAR",
        "spark": "STRING",
        "trino": "VARCHAR",
    }


def test_postgres_works_on_texts_once() -> None:
    """A step that lowers or parts texts is kept while a statement runs: PostgreSQL else works anew at each use."""
    sql = "WITH a AS (SELECT lower(x) AS y FROM t), b AS (SELECT y FROM a) SELECT y FROM b"
    assert transpile(sql, DIALECTS["postgres"], {}).startswith('WITH "a" AS MATERIALIZED (SELECT LOWER')
    assert '"b" AS (SELECT' in transpile(sql, DIALECTS["postgres"], {})
    assert not any("MATERIALIZED" in transpile(sql, DIALECTS[name], {}) for name in ALL if name != "postgres")


def test_a_collation_goes_around_lower_alone() -> None:
    """A collation that knows Unicode is used to lower letters, and leaves no trace on what is compared afterwards."""
    sql = transpile("SELECT lower(x) = y", DIALECTS["postgres"], {}, "pg_c_utf8")
    assert sql == (
        'SELECT (LOWER(TRANSLATE("x", \'\u0130\u03a3\', \'i\u03c3\') COLLATE "pg_c_utf8")) COLLATE "default" = "y"'
    )


def test_greatest_least_and_order_never_see_a_null() -> None:
    """Null wins in BigQuery's greatest() and is skipped in PostgreSQL's; it is first here, last there. None comes."""

    def checked(value: Any, otherwise: Any) -> Any:
        """What can't be computed where the value is null."""
        text = value.sql(dialect="duckdb")
        failing = sqlglot.parse_one(f"CAST(concat('a null', {text}) AS INTEGER)", read="duckdb")
        return exp.Case(ifs=[exp.If(this=value.copy().is_(exp.Null()), true=failing)], default=otherwise)

    def watch(node: Any) -> None:
        if isinstance(node, exp.Ordered) and node.parent:
            first = exp.Ordered(this=checked(node.this, exp.Literal.number(0)))
            node.parent.set("expressions", [first, *node.parent.expressions])
        else:
            node.set("this", checked(node.this, node.this.copy()))
            node.set("expressions", [checked(value, value.copy()) for value in node.expressions])

    rules = the_rules()
    for seed in range(20, 20 + examples(1, 4)):
        inputs, policy = random_tables(seed, bookings=100)
        tables = dict(zip(TABLES, inputs, strict=True))
        with (
            duckdb_session(Resources()) as (connection, folder),
            loaded(connection, folder, tables, takes_naive_times=False),
        ):
            load_policy(connection, policy_tables(AttendancePolicy.of(policy).at(datetime.now(UTC))))
            for step in rules.steps:
                if step.is_kept:
                    tree = sqlglot.parse_one(rules.with_parts(step.body), read="duckdb")
                    for node in reversed(list(tree.find_all(exp.Greatest, exp.Least, exp.Ordered))):
                        watch(node)
                    connection.execute(f"CREATE TEMP TABLE {step.name} AS {tree.sql(dialect='duckdb')}")
            assert connection.execute(f"SELECT count(*) > 0 FROM ({rules.with_parts(rules.decisions)})").fetchone() == (
                True,
            )


@pytest.mark.parametrize(
    ("name", "dialect", "wanted"),
    [
        ("feed", "postgres", '"feed"'),
        ("Sales.Feed", "postgres", '"Sales"."Feed"'),
        ('"a.b"."say ""hi"""', "postgres", '"a.b"."say ""hi"""'),
        ("my-project.zoom.feed", "bigquery", "`my-project`.`zoom`.`feed`"),
        ("`my-project.zoom.feed`", "bigquery", "`my-project.zoom.feed`"),
        ("main.zoom.feed", "databricks", "`main`.`zoom`.`feed`"),
        # Who writes small letters in Snowflake means capitals.
        ("raw.zoom.feed", "snowflake", "raw.zoom.feed"),
        ("RAW.Zoom.feed 1", "snowflake", '"RAW"."Zoom"."feed 1"'),
        ('"feed"', "snowflake", '"feed"'),
        ("hive.zoom.feed", "trino", '"hive"."zoom"."feed"'),
    ],
)
def test_names_of_tables_are_kept(name: str, dialect: str, wanted: str) -> None:
    """A table's name means what it says, dots between its parts, and what no plain name has is in quotes."""
    assert quoted(name, DIALECTS[dialect]) == wanted


@pytest.mark.parametrize("name", ["", ".", "a.", ".a", "a..b", "a.b.c.d", 'a"b', '"a', '"a"b', 'a."b', "a`b"])
def test_what_is_not_a_name_is_refused(name: str) -> None:
    """Nothing but a name gets into the text of a statement."""
    with pytest.raises(InvalidInput, match="is not the name of a table"):
        quoted(name, DIALECTS["postgres"])


def test_says_which_engines_were_run() -> None:
    """The page says which engines the rules were run on: PostgreSQL and Spark, because tests run them there."""
    page = (Path(__file__).resolve().parents[3] / "docs" / "how-to" / "run-rules-in-sql.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\w+) \| .*?(run|parsed only)", page, re.MULTILINE))
    assert {name.lower().replace("postgresql", "postgres"): how == "run" for name, how in rows.items()} == {
        name: name in RUN for name in ALL
    }


@pytest.mark.parametrize("name", [name for name in ALL if not DIALECTS[name].has_temporary_tables])
def test_requires_a_scratch_schema_where_tables_are_not_temporary(name: str) -> None:
    """It is reported before anything is run, and an invalid name of a schema is, too."""
    with pytest.raises(UnsupportedConnection, match=f"{name} has no temporary tables. Set scratch_schema"):
        SqlBackend(AnyServer, name)
    with pytest.raises(InvalidInput, match="is not the name of a table"):
        SqlBackend(AnyServer, name, scratch_schema='x"')


def test_refuses_the_sql_of_other_engines() -> None:
    """The error names those that there are."""
    with pytest.raises(UnsupportedConnection, match=r"SQL of 'mysql'.*postgres, spark"):
        SqlBackend(AnyServer, "mysql")


@pytest.mark.parametrize("name", ALL)
def test_drops_what_it_made_in_a_schema(name: str, runs: Mapping[str, list[tuple[str, Any]]]) -> None:
    """Every table that is made without being temporary is dropped."""
    made = [sql.split()[2] for sql, _ in runs[name] if sql.startswith("CREATE TABLE")]
    dropped = {sql.split()[-1] for sql, _ in runs[name] if sql.startswith("DROP TABLE")}
    assert (len(made) > 50) != DIALECTS[name].has_temporary_tables
    assert set(made) <= dropped


def test_the_dialects_are_those_of_sqlglot() -> None:
    """Each name is one that sqlglot knows, and each has its list of functions here."""
    assert all(isinstance(dialect, Dialect) and sqlglot.Dialect.get(dialect.name) for dialect in DIALECTS.values())
    assert sorted(FUNCTIONS) == ALL
