"""SQL of the value of a cell and of its fault. It contains nothing of a file but what is passed as a column."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from airflow_provider_calcom._timestamps import EARLIEST, LATEST, NAIVE, ZONED, microseconds
from airflow_provider_calcom.attendance.schema import Column

ZONED_TYPES = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")
NAIVE_TYPES = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")
_TEXT_TYPES = re.compile(r"VARCHAR|UUID|U?(?:TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL\(\d+,0\)|ENUM\(.*", re.DOTALL)

# is_untidy(x): whether label x may have white space to trim.
# label(x): x trimmed. trim() is expensive per row, so it runs only where is_untidy(x).
# instant(x): the microseconds of ISO 8601 string x. The cast alone would also accept a date, a naive timestamp and a
#     year before 1. It parses the usual spellings; usual_spelling(x) rewrites the others into one of these first.
# offset_at(x): the offset of the session's zone from UTC at instant x, in microseconds.
# localized(x, is_end): the instant of naive timestamp x in the session's zone. A local time that does not exist (the
#     clocks skip it) is null. Of one that exists twice, a start is its first_occurrence and an end its last one: that
#     makes a presence longer, so that nobody is marked absent by it.
MACROS = (
    "is_untidy(x) AS x < '!' OR x[-1] <= ' ' OR strpos(x, chr(160)) > 0",
    """label(x) AS CASE
    WHEN is_untidy(x)
        THEN nullif(trim(x, ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(160)), '')
    ELSE x
END""",
    r"""usual_spelling(x) AS regexp_replace(regexp_replace(regexp_replace(
    replace(upper(trim(x, ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(160))), ',', '.'),
    '^([^:]*:\d\d)([^:]|$)', '\1:00\2'), ' ?UTC$', 'Z'), ' ([Z+-])', '\1')""",
    f"""within_bounds(x) AS CASE
    WHEN x BETWEEN {microseconds(EARLIEST)} AND {microseconds(LATEST)} THEN x
END""",
    f"""instant(x) AS CASE
    WHEN regexp_full_match(x, '{ZONED}') THEN within_bounds(epoch_us(coalesce(
        TRY_CAST(x AS TIMESTAMP WITH TIME ZONE),
        TRY_CAST(usual_spelling(x) AS TIMESTAMP WITH TIME ZONE)
    )))
END""",
    "offset_at(x) AS epoch_us(CAST(make_timestamptz(x) AS TIMESTAMP)) - x",
    """first_occurrence(x, last) AS CASE
    WHEN offset_at(last - 86400000000) > x - last
        AND offset_at(x - offset_at(last - 86400000000)) = offset_at(last - 86400000000)
        THEN x - offset_at(last - 86400000000)
    ELSE last
END""",
    """localized(x, is_end) AS CASE
    WHEN offset_at(epoch_us(CAST(x AS TIMESTAMP WITH TIME ZONE)))
        = epoch_us(x) - epoch_us(CAST(x AS TIMESTAMP WITH TIME ZONE))
        THEN within_bounds(CASE
            WHEN is_end THEN epoch_us(CAST(x AS TIMESTAMP WITH TIME ZONE))
            ELSE first_occurrence(epoch_us(x), epoch_us(CAST(x AS TIMESTAMP WITH TIME ZONE)))
        END)
END""",
    f"""local_time(x) AS CASE
    WHEN regexp_full_match(x, '{NAIVE}') THEN TRY_CAST(usual_spelling(x) AS TIMESTAMP)
END""",
    """flag(x) AS CASE lower(label(x))
    WHEN 'true' THEN TRUE WHEN 't' THEN TRUE WHEN '1' THEN TRUE
    WHEN 'false' THEN FALSE WHEN 'f' THEN FALSE WHEN '0' THEN FALSE
END""",
)


@dataclass(frozen=True)
class Cells:
    """The cells of one column of one file.

    :param column: of which column of the table.
    :param raw: SQL of the file's value.
    :param value: SQL of the value that the rules read.
    :param wrong: SQL of whether a cell is invalid, or None where none can be. It names the value by the column's name,
        and the file's value by :attr:`raw_name`.
    :param is_expensive: whether the value should be computed once and not on each read.
    """

    column: Column
    raw: str
    value: str
    wrong: str | None
    is_expensive: bool = False

    @property
    def raw_name(self) -> str:
        """The name of what the file has, beside the value."""
        return raw_name(self.column)

    @property
    def both(self) -> str:
        """SQL of what the file has and of the value, under their names."""
        return f"{self.raw} AS {self.raw_name}, {self.value} AS {self.column.name}"


def raw_name(column: Column) -> str:
    """Return the name of a column's value in the file in SQL."""
    return f"raw_{column.name}"


def sql_type(column: Column) -> str:
    """Return the type of a column that the rules read."""
    return {"instant": "BIGINT", "flag": "BOOLEAN"}.get(column.kind, "VARCHAR")


def no_cells(column: Column) -> Cells:
    """Make the cells of a column without values."""
    value = f"CAST(NULL AS {sql_type(column)})"
    return Cells(column, "CAST(NULL AS VARCHAR)", value, "TRUE" if column.required else None)


def tidy_cells(cells: Cells) -> Cells:
    """Return the cells of a label column none of whose cells has anything to trim: the file's own value."""
    return replace(cells, value=cells.raw)


def text_cells(column: Column, raw: str, *, takes_naive_times: bool) -> Cells:
    """Make cells of text.

    :param raw: SQL of the text.
    :param takes_naive_times: whether a timestamp may lack its zone.
    """
    name = column.name
    is_missing = f"{name} IS NULL"
    if column.kind == "instant":
        value = f"instant({raw})"
        if takes_naive_times:
            value = f"coalesce({value}, localized(local_time({raw}), {column.is_end}))"
        wrong = is_missing if column.required else f"{is_missing} AND label({raw_name(column)}) IS NOT NULL"
        return Cells(column, raw, value, wrong, is_expensive=True)
    if column.kind == "flag":
        return Cells(column, raw, f"flag({raw})", is_missing, is_expensive=True)
    value = f"label({raw})" if column.kind == "label" else raw
    if column.choices:
        choices = ", ".join(f"'{choice}'" for choice in column.choices)
        value = f"CASE WHEN {raw} IN ({choices}) THEN {raw} ELSE {value} END"
        return Cells(column, raw, value, f"({name} IS NULL OR {name} NOT IN ({choices}))")
    return Cells(column, raw, value, is_missing if column.required else None)


def typed_cells(column: Column, raw: str, kind: str) -> Cells | None:
    """Make cells of a column of a Parquet file, other than text where an instant or a flag is wanted.

    :param raw: SQL of the column.
    :param kind: DuckDB's name of its type.
    :return: None where the type can't be used.
    """
    if column.kind == "instant":
        if kind in ZONED_TYPES:
            return _zoned_cells(column, raw if kind == ZONED_TYPES[0] else f"CAST({raw} AS {ZONED_TYPES[0]})")
        return _naive_cells(column, f"CAST({raw} AS TIMESTAMP)") if kind in NAIVE_TYPES else None
    if column.kind == "flag":
        return Cells(column, raw, raw, f"{column.name} IS NULL") if kind == "BOOLEAN" else None
    if _TEXT_TYPES.fullmatch(kind):
        return text_cells(column, raw if kind == "VARCHAR" else f"CAST({raw} AS VARCHAR)", takes_naive_times=False)
    return None


def _zoned_cells(column: Column, raw: str) -> Cells:
    # Bounds of the type itself, which Parquet's statistics decide without reading. Infinity lies outside them.
    bounds = f"TIMESTAMPTZ '{EARLIEST.isoformat()}' AND TIMESTAMPTZ '{LATEST.isoformat()}'"
    beyond = f"{raw_name(column)} NOT BETWEEN {bounds}"
    wrong = f"({raw_name(column)} IS NULL OR {beyond})" if column.required else beyond
    return Cells(column, raw, f"epoch_us({raw})", wrong)


def _naive_cells(column: Column, raw: str) -> Cells:
    is_missing = f"{column.name} IS NULL"
    wrong = is_missing if column.required else f"{is_missing} AND {raw_name(column)} IS NOT NULL"
    return Cells(column, raw, f"localized({raw}, {column.is_end})", wrong, is_expensive=True)
