"""What a DAG author gave to ``PlanNoShowsOperator``, read as it was meant and checked before anything is done.

Without ``render_template_as_native_obj`` Airflow makes a text of whatever a template gives: a list from XCom is
``"[{'feed': ...}]"``, a number ``"900"``, and nothing ``"None"``. Such texts are read as what they were made of, so
that a DAG does the same in both renderings.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, get_args

from airflow_provider_calcom._redact import describe, plain
from airflow_provider_calcom._rendered import parse_value
from airflow_provider_calcom.api.errors import InvalidArgument
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.no_shows.guard_rails import GuardRails
from airflow_provider_calcom.no_shows.plan import Correct, InvalidPlanOption

FETCHED_FEED = "cal_video"
"""The feed that can be fetched from Cal.com itself."""

_FEED_KEYS = ("feed", "path", "rows", "sql", "conn_id", "options")
_SOURCES = ("path", "rows", "sql")
_CANONICAL_TIMES = {"kind", "joined_at", "left_at"}
_NOTHING = ("", "None", "null")


def value_of(name: str, given: Any) -> Any:
    """Give what a parameter was before a template made a text of it; a text that is none of those stays.

    :param name: the parameter, for errors.
    :param given: its value after rendering.
    :raises InvalidArgument: if its template found nothing, or the text of a list or object can't be read.
    """
    check_found(name, given)
    if not isinstance(given, str) or (text := given.strip())[0] not in "[{":
        return given
    try:
        return parse_value(text)
    except ValueError:
        raise InvalidArgument(
            f"{name} is a text of {len(given)} characters that begins like a list or an object, and is neither JSON nor"
            " the Python form of one. Set render_template_as_native_obj=True on the DAG, or end the template with"
            " | tojson"
        ) from None


def check_found(name: str, given: Any) -> None:
    """Tell a template that found nothing from a text: ``None`` is no path, and no connection's id.

    :param name: the parameter, for errors.
    :raises InvalidArgument: naming it.
    """
    if isinstance(given, str) and given.strip() in _NOTHING:
        raise InvalidArgument(f"{name} is {describe(given)}: its template found nothing. Leave it out, or give a value")


def policy_of(given: Any) -> AttendancePolicy:
    """Read the parameter ``policy``.

    :raises InvalidPolicy: naming the field.
    :raises InvalidArgument: if its template found nothing.
    """
    return AttendancePolicy.of(_fields("policy", given))


def rails_of(given: Any) -> GuardRails:
    """Read the parameter ``guard_rails``.

    :raises InvalidRails: naming the field.
    :raises InvalidArgument: if its template found nothing.
    """
    return GuardRails.of(_fields("guard_rails", given))


def _fields(name: str, given: Any) -> Any:
    """Give an object's fields as they were before rendering: ``"900"``, ``"True"`` and ``"['clinic.example']"``."""
    value = value_of(name, given)
    return {key: _unrendered(one) for key, one in value.items()} if isinstance(value, Mapping) else value


def _unrendered(value: Any) -> Any:
    if isinstance(value, str):
        with suppress(ValueError):
            return parse_value(value.strip())
    return value


def flag_of(name: str, given: Any) -> bool:
    """Read True or False, also as a text: ``bool("False")`` would be true.

    :raises InvalidArgument: for anything else.
    """
    value = _unrendered(given)
    if not isinstance(value, bool):
        raise InvalidArgument(f"{name} must be True or False, but is {describe(given)}")
    return value


def correct_of(given: Any) -> Correct:
    """Read the parameter ``correct``.

    :raises InvalidPlanOption: for another word.
    """
    for word in get_args(Correct):
        if isinstance(given, str) and given == word:
            chosen: Correct = word
            return chosen
    raise InvalidPlanOption(f"correct must be one of {', '.join(get_args(Correct))}, but is {describe(given)}")


def patterns_of(given: Any) -> tuple[str, ...]:
    """Read the parameter ``conference_patterns``: regular expressions.

    :raises InvalidArgument: naming the place of the one that is none.
    """
    if isinstance(given, (str, bytes)) or not isinstance(given, Sequence):
        raise InvalidArgument(
            f"conference_patterns must be a list of regular expressions, but is a {type(given).__name__}"
        )
    for place, pattern in enumerate(given):
        try:
            re.compile(pattern)
        except (re.error, TypeError, RecursionError, OverflowError):
            raise InvalidArgument(
                f"conference_patterns[{place}] must be a regular expression, but is {describe(pattern)}"
            ) from None
    return tuple(given)


def is_path(value: object) -> bool:
    """Say whether a value is a path: a text, an ``os.PathLike``, or an object storage's path."""
    return isinstance(value, (str, os.PathLike)) or callable(getattr(value, "open", None))


@dataclass(frozen=True)
class TableName:
    """A table or view of ``rules_conn_id``, given as ``{"table": name}``."""

    name: str


@dataclass(frozen=True)
class FeedEntry:
    """One feed of the parameter ``attendance``. It has one of paths, rows and sql, or none where it is fetched.

    :param name: what errors call it, such as ``attendance[0]``.
    :param feed: the feed's name.
    :param paths: its files.
    :param rows: its records, or an answer of the vendor's API.
    :param sql: a query whose rows are its records.
    :param conn_id: the connection that the query runs on.
    :param options: of the feed.
    """

    name: str
    feed: str
    paths: tuple[Any, ...] = ()
    rows: Any = field(default=None, repr=False)
    sql: str | None = field(default=None, repr=False)
    conn_id: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def is_fetched(self) -> bool:
        """Whether it comes from Cal.com."""
        return not self.paths and self.rows is None and self.sql is None


@dataclass(frozen=True)
class Paths:
    """A table in files."""

    paths: tuple[Any, ...]


@dataclass(frozen=True)
class Rows:
    """A table as it came from another task, or stands in the DAG."""

    rows: Sequence[Any] = field(repr=False)


Table = TableName | Paths | Rows


def table_of(name: str, given: Any) -> Table:
    """Read a table of the rules.

    :param name: the parameter, for errors.
    :raises InvalidArgument: naming it.
    """
    value = value_of(name, given)
    if isinstance(value, Mapping):
        return _table_name(name, value)
    if is_path(value):
        return Paths((value,))
    if isinstance(value, (bytes, bytearray)) or not isinstance(value, Sequence):
        raise InvalidArgument(
            f"{name} must be a path, several, rows, or {{'table': name}}, but is a {type(value).__name__}"
        )
    if any(isinstance(one, Mapping) and set(one) == {"table"} for one in value[:1]):
        raise InvalidArgument(f"{name} is a list of tables on the server. Give one, such as a view over several")
    if not value or not all(is_path(one) for one in value):
        return Rows(value)
    for place, one in enumerate(value):
        check_found(f"{name}[{place}]", one)
    return Paths(tuple(value))


def _table_name(name: str, value: Mapping[str, Any]) -> TableName:
    if set(value) != {"table"}:
        keys = ", ".join(plain(str(key)) for key in list(value)[:10])
        raise InvalidArgument(f"{name} is an object with {keys or 'nothing in it'}; a table is {{'table': name}}")
    table = value["table"]
    if not isinstance(table, str) or table.strip() in _NOTHING:
        raise InvalidArgument(f"{name}['table'] must be the name of a table, but is {describe(table)}")
    return TableName(table)


def bookings_of(given: Any) -> Table:
    """Read the parameter ``bookings``, which may also be what ``ListBookingsOperator`` returned for a file.

    :raises InvalidArgument: naming what is wrong with it.
    """
    value = value_of("bookings", given)
    if isinstance(value, Mapping) and set(value) == {"path", "bookings"}:
        value = value["path"]
    return table_of("bookings", value)


def attendance_of(given: Any) -> list[FeedEntry] | Table:
    """Read the parameter ``attendance``: feeds, or the rules' own table.

    :raises InvalidArgument: naming what is wrong with it.
    """
    if given is None:
        raise InvalidArgument(
            "attendance is None. If it comes from XCom, the task that should have returned it returned nothing"
        )
    value = value_of("attendance", given)
    if isinstance(value, Mapping):
        return [_feed("attendance", value)] if "table" not in value else _table_name("attendance", value)
    if is_path(value) or isinstance(value, (bytes, bytearray)) or not isinstance(value, Sequence):
        return table_of("attendance", value)
    entries = [_entry(f"attendance[{place}]", one) for place, one in enumerate(value)]
    feeds = [isinstance(one, Mapping) and _is_feed(one) for one in entries]
    if not any(feeds):
        return table_of("attendance", entries)
    if not all(feeds):
        raise InvalidArgument(
            f"attendance[{feeds.index(False)}] is no feed, and others are. Give {{'feed': name, 'path': ...}} for each;"
            " the feed of rows in the rules' own columns is 'canonical'"
        )
    return [_feed(f"attendance[{place}]", one) for place, one in enumerate(entries)]


def _entry(name: str, given: Any) -> Any:
    return value_of(name, given) if isinstance(given, str) else given


def _is_feed(entry: Mapping[str, Any]) -> bool:
    """Tell a feed from a row in the rules' columns, which may have any others beside them."""
    return "feed" in entry or (any(key in entry for key in _SOURCES) and not _CANONICAL_TIMES & set(entry))


def _feed(name: str, entry: Mapping[str, Any]) -> FeedEntry:
    unknown = [plain(str(key)) for key in entry if key not in _FEED_KEYS]
    if unknown:
        raise InvalidArgument(f"{name} has {', '.join(unknown[:10])}; a feed has some of {', '.join(_FEED_KEYS)}")
    feed = value_of(f"{name}.feed", entry.get("feed", "canonical"))
    if not isinstance(feed, str):
        raise InvalidArgument(f"{name}.feed must be the name of a feed, but is {describe(feed)}")
    given = [key for key in _SOURCES if entry.get(key) is not None]
    if len(given) > 1 or (not given and feed != FETCHED_FEED):
        raise InvalidArgument(f"{name} must have one of path, rows and sql, and has {' and '.join(given) or 'none'}")
    return FeedEntry(
        name,
        feed,
        paths=_paths(f"{name}.path", entry.get("path")),
        rows=_records(f"{name}.rows", entry.get("rows")),
        **_query(name, entry),
        options=_options(f"{name}.options", entry.get("options")),
    )


def _paths(name: str, given: Any) -> tuple[Any, ...]:
    value = value_of(name, given)
    paths = () if value is None else (value,) if is_path(value) else value
    if not isinstance(paths, (list, tuple)) or not all(is_path(path) for path in paths):
        raise InvalidArgument(f"{name} must be a path, or a list of paths, but is a {type(value).__name__}")
    if value is not None and not paths:
        raise InvalidArgument(f"{name} is an empty list. Give a path; rows may be empty")
    return tuple(value_of(name, path) for path in paths)


def _records(name: str, given: Any) -> Any:
    value = value_of(name, given)
    if value is not None and (isinstance(value, (str, bytes)) or not isinstance(value, (Mapping, Sequence))):
        raise InvalidArgument(f"{name} must be a list of records or an API's answer, but is a {type(value).__name__}")
    return value


def _query(name: str, entry: Mapping[str, Any]) -> dict[str, str | None]:
    query = {key: value_of(f"{name}.{key}", entry.get(key)) for key in ("sql", "conn_id")}
    for key, value in query.items():
        if not isinstance(value, (str, type(None))):
            raise InvalidArgument(f"{name}.{key} must be a text, but is a {type(value).__name__}")
    if (query["sql"] is None) != (query["conn_id"] is None):
        lacking = "conn_id, the connection that it runs on" if query["conn_id"] is None else "sql, the query for it"
        raise InvalidArgument(f"{name} needs {lacking}")
    return query


def _options(name: str, given: Any) -> Mapping[str, Any]:
    value = value_of(name, given)
    if not isinstance(value, (Mapping, type(None))):
        raise InvalidArgument(f"{name} must be an object, but is a {type(value).__name__}")
    return {str(key): one for key, one in value.items()} if value else {}
