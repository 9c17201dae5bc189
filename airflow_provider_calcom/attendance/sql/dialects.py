"""What differs between SQL engines: what sqlglot carries over in silence though it means something else there."""

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

# Lower-case is Unicode's simple mapping. Engines with the full mapping differ from it in two letters alone: the dotted
# capital I becomes two signs there, and a capital sigma looks different at a word's end. So these two go first.
_CAPITALS, _SMALL = "\u0130\u03a3", "i\u03c3"

# In SQL that is carried over, functions of these names stand for the microseconds of an instant, and for a column as
# text. sqlglot passes DuckDB's epoch_us() through to every engine.
MICROSECONDS = "calcom_microseconds"
TEXT = "calcom_text"
# DuckDB's macro for a quick look at whether a text needs folding. Elsewhere every text is folded: the pattern of a
# regular expression, or the order of letters in it, means something else on some engine.
IS_PLAIN = "is_plain"

_DIGITS = "0123456789"
# A name's parts stand between dots; one that holds a dot or a quote stands between quotes.
_PART = re.compile(r'"(?:[^"]|"")+"|`[^`]+`|[^."`]+')
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True)
class Dialect:
    """One engine's ways.

    :param name: what sqlglot calls it.
    :param microseconds: SQL that counts the microseconds since 1970 of a column of instants, with ``{}`` for it.
    :param text: SQL that makes text of a column.
    :param has_temporary_tables: whether a connection can have tables of its own that go with it. Spark's cached views
        were tried in their place: a view holds the plans of all views that it reads, until they fill the memory.
    :param loads_json: whether rows are loaded as JSON texts, because parameters are few or dear there.
    :param statement_characters: about how many characters of values a statement may carry. Drivers that write values
        into the text meet the limits of BigQuery (1 MB) and Trino (1,000,000 characters); Databricks takes 1 MB.
    :param analyzes: whether a new table needs ANALYZE before it is joined well.
    :param takes_nul: whether texts may hold the character NUL.
    :param folds_up: whether a name without quotes means one in capitals.
    :param tells_types: whether the driver gives instants as ``datetime``, so that a naive one shows.
    :param placeholder: of a parameter, where Airflow's hook does not tell the right one.
    :param is_proven: whether the rules were run there and gave the same decisions; else they were carried over and
        parsed only.
    """

    name: str
    microseconds: str
    text: str
    has_temporary_tables: bool = True
    loads_json: bool = False
    statement_characters: int = 200_000
    analyzes: bool = False
    takes_nul: bool = True
    folds_up: bool = False
    tells_types: bool = True
    placeholder: str | None = None
    is_proven: bool = False


DIALECTS = {
    dialect.name: dialect
    for dialect in (
        Dialect(
            "postgres",
            "CAST(EXTRACT(EPOCH FROM {}) * 1000000 AS BIGINT)",
            # A column may have a collation of its own, and two such can't be compared.
            'CAST({} AS TEXT) COLLATE "default"',
            analyzes=True,
            takes_nul=False,
            is_proven=True,
        ),
        Dialect(
            "spark",
            "UNIX_MICROS({})",
            "CAST({} AS STRING)",
            has_temporary_tables=False,
            loads_json=True,
            statement_characters=1_000_000,
            is_proven=True,
        ),
        Dialect(
            "databricks",
            "UNIX_MICROS({})",
            "CAST({} AS STRING)",
            has_temporary_tables=False,
            loads_json=True,
            placeholder="?",
        ),
        Dialect("snowflake", "DATE_PART(EPOCH_MICROSECOND, {})", "CAST({} AS VARCHAR)", folds_up=True),
        Dialect(
            "bigquery",
            "UNIX_MICROS({})",
            "CAST({} AS STRING)",
            has_temporary_tables=False,
            # Airflow's own cursor takes parameters by name alone, and gives a TIMESTAMP as a number; UNIX_MICROS
            # refuses whatever is none.
            placeholder="%(name)s",
            tells_types=False,
        ),
        Dialect(
            "redshift",
            # EXTRACT(EPOCH ...) gives whole seconds.
            "DATEDIFF(MICROSECOND, CAST('1970-01-01' AS TIMESTAMP), {} AT TIME ZONE 'UTC')",
            "CAST({} AS VARCHAR(65535))",
            analyzes=True,
            takes_nul=False,
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


def carried(sql: str, dialect: Dialect, tables: Mapping[str, str], collation: str | None = None) -> str:
    """Carry SQL of the rules over to another engine.

    All names but those of ``tables`` are quoted: what is a common word here, such as ``rows``, is a keyword somewhere.

    :param sql: one SELECT.
    :param tables: ``{name in the rules: name there}``, where they differ; parts of the latter stand between dots.
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
        lambda node: _simple_lower(node, collation),
        lambda node: _plain_function(node, dialect),
    ]
    for change in changes:
        tree = tree.transform(change, copy=False)
    _compute_once(tree, dialect)
    for identifier in tree.find_all(exp.Identifier):
        identifier.set("quoted", True)
    return tree


def quoted(name: str, dialect: Dialect) -> str:
    """Give a table's name as the engine wants it in SQL; its parts stand between dots.

    :raises InvalidInput: if it is no such name.
    """
    return _table(name, dialect).sql(dialect=dialect.name)


def quoted_column(name: str, dialect: Dialect) -> str:
    """Give a column's name as :func:`carried` writes it."""
    from sqlglot import exp

    return exp.to_identifier(name, quoted=True).sql(dialect=dialect.name)


def column_type(kind: str, dialect: Dialect) -> str:
    """Give the engine's name of a type of DuckDB."""
    from sqlglot import exp

    return exp.DataType.build(kind, dialect="duckdb").sql(dialect=dialect.name)


def _table(name: str, dialect: Dialect) -> exp.Table:
    from sqlglot import exp

    found = [match[0] for match in _PART.finditer(name)]
    if not 1 <= len(found) <= 3 or ".".join(found) != name:
        raise InvalidInput(
            f"{describe(name)} is no name of a table. Wanted is table, schema.table or catalogue.schema.table; a part"
            f" that"
            ' holds a dot or a quote stands between ", and a " in it is written twice'
        )
    places = dict(zip(("this", "db", "catalog"), (_part(part, dialect) for part in reversed(found)), strict=False))
    return exp.Table(**places)


def _part(text: str, dialect: Dialect) -> exp.Identifier:
    from sqlglot import exp

    if text[0] in '"`':
        return exp.to_identifier(text[1:-1].replace('""', '"'), quoted=True)
    # Quotes would turn what everyone writes in small letters into another name where names are folded to capitals.
    return exp.to_identifier(text, quoted=not (dialect.folds_up and _PLAIN.fullmatch(text)))


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
    """Divide whole numbers so that the result is whole, and right at the last microsecond of a day.

    PostgreSQL's div() makes a numeric of it, which is slow to join on; its ``/`` of whole numbers is whole. Snowflake's
    ``/`` rounds to six digits after the point, Trino's is carried over as one of floating points.
    """
    from sqlglot import exp

    if not isinstance(node, exp.IntDiv):
        return node
    if dialect.name in ("postgres", "redshift", "trino"):
        return exp.Div(this=node.this, expression=node.expression, typed=True, safe=False)
    if dialect.name == "snowflake":
        # Not the sign for it, in which some drivers see a parameter.
        rest = exp.Anonymous(this="MOD", expressions=[node.this.copy(), node.expression.copy()])
        whole = exp.Paren(this=exp.Sub(this=node.this, expression=rest))
        return exp.Div(this=whole, expression=node.expression, typed=False, safe=False)
    return node


def _digits(node: exp.Expr, dialect: Dialect) -> exp.Expr:
    """Keep the digits of a text: BigQuery's translate() refuses to drop a character that it is told twice."""
    from sqlglot import exp

    outer = _of_translate(node) if dialect.name == "bigquery" else []
    inner = _of_translate(outer[1]) if outer else []
    if not inner or inner[1].name != _DIGITS or inner[0] != outer[0]:
        return node
    return exp.RegexpReplace(this=outer[0], expression=exp.Literal.string("[^0-9]"), replacement=exp.Literal.string(""))


def _of_translate(node: exp.Expr) -> list[exp.Expr]:
    """Give the three arguments of a translate(), which is a function without a class in older sqlglots."""
    if node.name.upper() == "TRANSLATE":
        return list(node.expressions)
    return list(node.args.values()) if type(node).__name__ == "Translate" else []


def _simple_lower(node: exp.Expr, collation: str | None) -> exp.Expr:
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
    # Back to the default, or comparing the result with other columns has two collations to choose from.
    return exp.Collate(this=exp.Paren(this=lower), expression=exp.to_identifier("default", quoted=True))


def _compute_once(tree: exp.Expr, dialect: Dialect) -> None:
    """Have PostgreSQL work on texts once: it would put the work in wherever a later step names the result."""
    from sqlglot import exp

    if dialect.name == "postgres":
        for part in tree.find_all(exp.CTE):
            if part.this.find(exp.Lower, exp.Reverse, exp.Substring, exp.SplitPart):
                part.set("materialized", True)


def _plain_function(node: exp.Expr, dialect: Dialect) -> exp.Expr:
    """Say nothing of nulls where the rules have none, in words that some engines lack; and write substr() with commas.

    DuckDB's greatest() skips nulls and its ORDER BY has them last; the rules let neither see any.
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
