"""What differs between SQL engines: what sqlglot carries over in silence though it means something else there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_calcom.attendance.errors import MissingExtra

if TYPE_CHECKING:
    from sqlglot import exp

# Lower-case is Unicode's simple mapping. Engines with the full mapping differ from it in two letters alone: the dotted
# capital I becomes two signs there, and a capital sigma looks different at a word's end. So these two go first.
_CAPITALS, _SMALL = "\u0130\u03a3", "i\u03c3"


# In SQL that is carried over, a function of this name stands for the microseconds of an instant.
MICROSECONDS = "calcom_microseconds"


@dataclass(frozen=True)
class Dialect:
    """One engine's ways.

    :param name: what sqlglot calls it.
    :param microseconds: SQL that counts the microseconds since 1970 of a column of instants, with ``{}`` for it.
    :param has_temporary_tables: whether a connection can have tables of its own that go with it. Spark's cached views
        were tried in their place: a view holds the plans of all views that it reads, until they fill the memory.
    :param loads_json: whether rows are loaded as one JSON text, because parameters are few or dear there.
    :param analyzes: whether a new table needs ANALYZE before it is joined well.
    :param is_proven: whether the rules were run there and gave the same decisions; else they were carried over and
        parsed only.
    """

    name: str
    microseconds: str
    has_temporary_tables: bool = True
    loads_json: bool = False
    analyzes: bool = False
    is_proven: bool = False


DIALECTS = {
    dialect.name: dialect
    for dialect in (
        Dialect("postgres", "CAST(EXTRACT(EPOCH FROM {}) * 1000000 AS BIGINT)", analyzes=True, is_proven=True),
        Dialect("spark", "UNIX_MICROS({})", has_temporary_tables=False, loads_json=True, is_proven=True),
        Dialect("databricks", "UNIX_MICROS({})", has_temporary_tables=False, loads_json=True),
        Dialect("snowflake", "DATE_PART(EPOCH_MICROSECOND, {})"),
        Dialect("bigquery", "UNIX_MICROS({})", has_temporary_tables=False),
        Dialect("redshift", "CAST(EXTRACT(EPOCH FROM {}) * 1000000 AS BIGINT)"),
        Dialect("trino", "CAST(TO_UNIXTIME({}) * 1000000 AS BIGINT)", has_temporary_tables=False),
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

    :param sql: one SELECT.
    :param tables: ``{name in the rules: name there}``, where they differ; parts of the latter stand between dots.
    :param collation: the collation whose ``lower()`` knows Unicode, where the engine's own does not.
    """
    from sqlglot import exp

    tree = parsed(sql)
    for table in tree.find_all(exp.Table):
        if table.name in tables and not table.db:
            renamed = _table(tables[table.name])
            renamed.set("alias", exp.TableAlias(this=exp.to_identifier(table.alias or table.name)))
            table.replace(renamed)
    changes: list[Callable[[exp.Expr], exp.Expr]] = [
        lambda node: _counted_instant(node, dialect),
        lambda node: _whole_division(node, dialect),
        lambda node: _simple_lower(node, collation),
    ]
    for change in changes:
        tree = tree.transform(change)
    return tree.sql(dialect=dialect.name)


def quoted(name: str, dialect: Dialect) -> str:
    """Give a table's name as the engine wants it in SQL; its parts stand between dots."""
    return _table(name).sql(dialect=dialect.name)


def column_type(kind: str, dialect: Dialect) -> str:
    """Give the engine's name of a type of DuckDB."""
    from sqlglot import exp

    return exp.DataType.build(kind, dialect="duckdb").sql(dialect=dialect.name)


def _table(name: str) -> exp.Table:
    from sqlglot import exp

    *before, last = name.split(".")
    parts = [
        exp.to_identifier(part, quoted=part != part.lower() or not part.isidentifier()) for part in (*before, last)
    ]
    places = dict(zip(("this", "db", "catalog"), reversed(parts), strict=False))
    return exp.Table(**places)


def _counted_instant(node: exp.Expr, dialect: Dialect) -> exp.Expr:
    """sqlglot passes DuckDB's epoch_us() through to every engine; so a name of our own stands for it."""
    import sqlglot
    from sqlglot import exp

    if not isinstance(node, exp.Anonymous) or node.name.lower() != MICROSECONDS:
        return node
    column = node.expressions[0].sql(dialect=dialect.name)
    return sqlglot.parse_one(dialect.microseconds.format(column), read=dialect.name)


def _whole_division(node: exp.Expr, dialect: Dialect) -> exp.Expr:
    """PostgreSQL's div() makes a numeric of it, which is slow to join on; its ``/`` of whole numbers is whole."""
    from sqlglot import exp

    if isinstance(node, exp.IntDiv) and dialect.name in ("postgres", "redshift"):
        return exp.Div(this=node.this, expression=node.expression, typed=True, safe=False)
    return node


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
