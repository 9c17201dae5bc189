"""Differences between SQL engines that sqlglot transpiles without an error, though their meaning differs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from airflow_provider_calcom._redact import describe
from airflow_provider_calcom.attendance.errors import InvalidInput, MissingExtra

if TYPE_CHECKING:
    from sqlglot import exp

# The rules' lower() is Unicode's simple mapping. Engines with the full mapping differ in two letters only: the dotted
# capital I becomes two characters, and a capital sigma at a word's end the final sigma. translate() maps both first.
_CAPITALS, _SMALL = "\u0130\u03a3", "i\u03c3"

# In SQL to be transpiled, functions of these names represent the microseconds of a timestamp, and a column as a string.
# DuckDB's own epoch_us() would not do: sqlglot passes it through to every engine unchanged.
MICROSECONDS = "calcom_microseconds"
TEXT = "calcom_text"
# DuckDB's macro for whether a string needs no folding. On other engines every string is folded, because the pattern
# of a regular expression, or the order of letters in it, means something else on some of them.
IS_PLAIN = "is_plain"

_DIGITS = "0123456789"
# A name's parts are separated by dots; one that contains a dot or a quote is quoted.
_NAME_PART = re.compile(r'"(?:[^"]|"")+"|`[^`]+`|[^."`]+')
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True)
class Dialect:
    """Properties of one engine.

    :param name: what sqlglot calls it.
    :param microseconds: SQL that counts the microseconds since 1970 of a column of timestamps, ``{}``.
    :param text: SQL of a column as a string.
    :param has_temporary_tables: whether a connection can have tables of its own that go with it. Spark's cached views
        were tried instead: a view holds the plans of all views that it reads, until they fill the memory.
    :param inserts_as_json: whether rows are inserted as JSON strings, because parameters are few or expensive there.
    :param statement_characters: about how many characters of values a statement may have. Drivers that write values
        into the statement meet the limits of BigQuery (1 MB) and Trino (1,000,000 characters); Databricks accepts 1 MB.
    :param analyzes: whether a new table needs ANALYZE before it is joined well.
    :param allows_nul: whether strings may contain the character NUL.
    :param uppercases_identifiers: whether a name without quotes means one in capitals.
    :param driver_returns_types: whether the driver returns timestamps as ``datetime``, so that a naive one is noticed.
    :param placeholder: of a parameter, where that of Airflow's hook is wrong.
    """

    name: str
    microseconds: str
    text: str
    has_temporary_tables: bool = True
    inserts_as_json: bool = False
    statement_characters: int = 200_000
    analyzes: bool = False
    allows_nul: bool = True
    uppercases_identifiers: bool = False
    driver_returns_types: bool = True
    placeholder: str | None = None


DIALECTS = {
    dialect.name: dialect
    for dialect in (
        Dialect(
            "postgres",
            "CAST(EXTRACT(EPOCH FROM {}) * 1000000 AS BIGINT)",
            # A column may have a collation of its own, and two such can't be compared.
            'CAST({} AS TEXT) COLLATE "default"',
            analyzes=True,
            allows_nul=False,
        ),
        Dialect(
            "spark",
            "UNIX_MICROS({})",
            "CAST({} AS STRING)",
            has_temporary_tables=False,
            inserts_as_json=True,
            statement_characters=1_000_000,
        ),
        Dialect(
            "databricks",
            "UNIX_MICROS({})",
            "CAST({} AS STRING)",
            has_temporary_tables=False,
            inserts_as_json=True,
            placeholder="?",
        ),
        Dialect("snowflake", "DATE_PART(EPOCH_MICROSECOND, {})", "CAST({} AS VARCHAR)", uppercases_identifiers=True),
        Dialect(
            "bigquery",
            "UNIX_MICROS({})",
            "CAST({} AS STRING)",
            has_temporary_tables=False,
            # Airflow's own cursor takes named parameters only, and returns a TIMESTAMP as a number; UNIX_MICROS
            # rejects any other type.
            placeholder="%(name)s",
            driver_returns_types=False,
        ),
        Dialect(
            "redshift",
            # EXTRACT(EPOCH ...) returns whole seconds.
            "DATEDIFF(MICROSECOND, CAST('1970-01-01' AS TIMESTAMP), {} AT TIME ZONE 'UTC')",
            "CAST({} AS VARCHAR(65535))",
            analyzes=True,
            allows_nul=False,
        ),
        Dialect(
            "trino",
            "CAST(TO_UNIXTIME({}) * 1000000 AS BIGINT)",
            "CAST({} AS VARCHAR)",
            has_temporary_tables=False,
        ),
    )
}


def parsed(sql: str) -> exp.Expr:
    """Parse SQL of the rules' own dialect."""
    try:
        import sqlglot
    except ImportError:
        raise MissingExtra(
            "Running the rules on a SQL connection needs sqlglot. Install it with:"
            " pip install 'airflow-provider-calcom[attendance]'"
        ) from None
    return sqlglot.parse_one(sql, read="duckdb")


def transpile(sql: str, dialect: Dialect, tables: Mapping[str, str], collation: str | None = None) -> str:
    """Transpile SQL of the rules for another engine.

    All names but those of ``tables`` are quoted: a common word such as ``rows`` is a keyword on some engine.

    :param sql: one SELECT.
    :param tables: ``{name in the rules: name there}``, where they differ; parts of the latter are separated by dots.
    :param collation: the collation whose ``lower()`` knows Unicode, where the engine's own does not.
    """
    from sqlglot import exp

    tree = _translated(sql, dialect, collation).copy()
    for table in list(tree.find_all(exp.Table)):
        if table.name in tables and not table.db:
            renamed = _table(tables[table.name], dialect)
            renamed.set("alias", exp.TableAlias(this=exp.to_identifier(table.alias or table.name, quoted=True)))
            table.replace(renamed)
    return tree.sql(dialect=dialect.name)


@lru_cache(maxsize=512)
def _translated(sql: str, dialect: Dialect, collation: str | None) -> exp.Expr:
    """Return the tree of a statement in an engine's SQL, tables still under their names in the rules.

    It is cached because the rules' statements are the same in each run but for the names of scratch tables.
    """
    from sqlglot import exp

    tree = parsed(sql)
    changes: list[Callable[[Any], exp.Expr]] = [
        lambda node: _own_function(node, dialect),
        lambda node: _whole_division(node, dialect),
        lambda node: _digits(node, dialect),
        lambda node: _unicode_lower(node, collation),
        lambda node: _plain_function(node, dialect),
    ]
    for change in changes:
        tree = tree.transform(change, copy=False)
    _compute_once(tree, dialect)
    for identifier in tree.find_all(exp.Identifier):
        identifier.set("quoted", True)
    return tree


def quoted(name: str, dialect: Dialect) -> str:
    """Return a table's name as the engine's SQL needs it; its parts are separated by dots.

    :raises InvalidInput: if it is not a name.
    """
    return _table(name, dialect).sql(dialect=dialect.name)


def quoted_column(name: str, dialect: Dialect) -> str:
    """Return a column's name as :func:`transpile` writes it."""
    from sqlglot import exp

    return exp.to_identifier(name, quoted=True).sql(dialect=dialect.name)


def column_type(kind: str, dialect: Dialect) -> str:
    """Return the engine's name of a type of DuckDB."""
    from sqlglot import exp

    return exp.DataType.build(kind, dialect="duckdb").sql(dialect=dialect.name)


def _table(name: str, dialect: Dialect) -> exp.Table:
    from sqlglot import exp

    found = [match[0] for match in _NAME_PART.finditer(name)]
    if not 1 <= len(found) <= 3 or ".".join(found) != name:
        raise InvalidInput(
            f"{describe(name)} is not the name of a table. Write table, schema.table or catalogue.schema.table. A part"
            ' that contains a dot or a quote must be between ", and a " in it doubled'
        )
    places = dict(
        zip(("this", "db", "catalog"), (_identifier(part, dialect) for part in reversed(found)), strict=False)
    )
    return exp.Table(**places)


def _identifier(text: str, dialect: Dialect) -> exp.Identifier:
    from sqlglot import exp

    if text[0] in '"`':
        return exp.to_identifier(text[1:-1].replace('""', '"'), quoted=True)
    # Where the engine folds names to capitals, a quoted name in small letters would be another name.
    return exp.to_identifier(text, quoted=not (dialect.uppercases_identifiers and _PLAIN.fullmatch(text)))


def _own_function(node: exp.Expr, dialect: Dialect) -> exp.Expr:
    import sqlglot
    from sqlglot import exp

    if not isinstance(node, exp.Anonymous):
        return node
    templates = {MICROSECONDS: dialect.microseconds, TEXT: dialect.text, IS_PLAIN: "FALSE"}
    template = templates.get(node.name.lower())
    if template is None:
        return node
    return sqlglot.parse_one(template.format(node.expressions[0].sql(dialect=dialect.name)), read=dialect.name)


def _whole_division(node: exp.Expr, dialect: Dialect) -> exp.Expr:
    """Divide integers so that the result is an integer, and right at the last microsecond of a day.

    PostgreSQL's div() returns a numeric, which is slow to join on; its ``/`` of integers returns an integer.
    Snowflake's ``/`` rounds to six decimal places; sqlglot would transpile Trino's as a division of floats.
    """
    from sqlglot import exp

    if not isinstance(node, exp.IntDiv):
        return node
    if dialect.name in ("postgres", "redshift", "trino"):
        return exp.Div(this=node.this, expression=node.expression, typed=True, safe=False)
    if dialect.name == "snowflake":
        # Not %, in which some drivers see a parameter.
        rest = exp.Anonymous(this="MOD", expressions=[node.this.copy(), node.expression.copy()])
        whole = exp.Paren(this=exp.Sub(this=node.this, expression=rest))
        return exp.Div(this=whole, expression=node.expression, typed=False, safe=False)
    return node


def _digits(node: exp.Expr, dialect: Dialect) -> exp.Expr:
    """Keep the digits of a string: BigQuery's translate() rejects a character that is listed twice."""
    from sqlglot import exp

    outer = _of_translate(node) if dialect.name == "bigquery" else []
    inner = _of_translate(outer[1]) if outer else []
    if not inner or inner[1].name != _DIGITS or inner[0] != outer[0]:
        return node
    return exp.RegexpReplace(this=outer[0], expression=exp.Literal.string("[^0-9]"), replacement=exp.Literal.string(""))


def _of_translate(node: exp.Expr) -> list[exp.Expr]:
    """Return the three arguments of a translate(), for which older sqlglots have no class."""
    if node.name.upper() == "TRANSLATE":
        return list(node.expressions)
    return list(node.args.values()) if type(node).__name__ == "Translate" else []


def _unicode_lower(node: exp.Expr, collation: str | None) -> exp.Expr:
    from sqlglot import exp

    if not isinstance(node, exp.Lower) or node.meta.get("is_simple"):
        return node
    text = exp.Anonymous(
        this="TRANSLATE", expressions=[node.this.copy(), exp.Literal.string(_CAPITALS), exp.Literal.string(_SMALL)]
    )
    if collation is None:
        lower: exp.Expr = exp.Lower(this=text)
        lower.meta["is_simple"] = True
        return lower
    lower = exp.Lower(this=exp.Collate(this=text, expression=exp.to_identifier(collation, quoted=True)))
    lower.meta["is_simple"] = True
    # Back to the default collation, or a comparison with other columns would be ambiguous.
    return exp.Collate(this=exp.Paren(this=lower), expression=exp.to_identifier("default", quoted=True))


def _compute_once(tree: exp.Expr, dialect: Dialect) -> None:
    """Let PostgreSQL compute strings once: it would inline the expression wherever a later step reads the result."""
    from sqlglot import exp

    if dialect.name == "postgres":
        for part in tree.find_all(exp.CTE):
            if part.this.find(exp.Lower, exp.Reverse, exp.Substring, exp.SplitPart):
                part.set("materialized", True)


def _plain_function(node: exp.Expr, dialect: Dialect) -> exp.Expr:
    """Leave out null handling, whose syntax some engines lack, and write substr() with commas.

    DuckDB's greatest() skips nulls and its ORDER BY has them last, but in the rules neither meets a null.
    """
    import sqlglot
    from sqlglot import exp

    if isinstance(node, (exp.Greatest, exp.Least)):
        node.set("ignore_nulls", False)
    elif isinstance(node, exp.Ordered):
        node.set("nulls_first", sqlglot.Dialect.get_or_raise(dialect.name).NULL_ORDERING == "nulls_are_small")
    elif isinstance(node, exp.SplitPart) and dialect.name == "bigquery":
        parts = exp.Anonymous(this="SPLIT", expressions=[node.this, node.args["delimiter"]])
        return exp.Bracket(this=parts, expressions=[node.args["part_index"]], offset=1, safe=True)
    elif isinstance(node, exp.Substring) and dialect.name == "redshift":
        return exp.Anonymous(
            this="SUBSTRING", expressions=[node.this, *filter(None, map(node.args.get, ("start", "length")))]
        )
    return node
