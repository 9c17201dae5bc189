"""One record of a vendor, read by column names in whichever spelling a loader landed them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from airflow_provider_calcom.attendance.feeds._columns import NUMBERED, names_minutes, parsed, zone_in_name
from airflow_provider_calcom.attendance.feeds._columns import folded_name as folded_name
from airflow_provider_calcom.attendance.feeds._durations import length_in_seconds
from airflow_provider_calcom.attendance.feeds._times import (
    BadTime,
    after_midnight,
    as_utc,
    completed,
    epoch_instant,
    instant,
    is_clock,
    is_epoch,
)
from airflow_provider_calcom.attendance.feeds.errors import UnreadableField, shape_of, shown_time
from airflow_provider_calcom.attendance.feeds.options import FeedOptions
from airflow_provider_calcom.attendance.schema import WHITE_SPACE

_LONGEST_TEXT = 100_000
_LARGEST_ID = 10**30


class Record:
    """A record and how its columns are found.

    ``joinTime``, ``join_time``, ``Join Time`` and ``JOIN_TIME`` are one column. A dotted name, as
    ``identity.displayName``, finds the field of a nested object, of that object as JSON text, or a flattened column
    (``identity_display_name``, ``identity__displayName``).

    :param columns: the record as it came.
    :param options: what the user said of the feed.
    """

    def __init__(self, columns: Mapping[str, Any], options: FeedOptions) -> None:
        self.columns = columns
        self.options = options
        self._own = options.own_columns
        self._names = _names_of(tuple(columns))
        self._nested: dict[str, Record | None] = {}

    def has(self, *names: str) -> bool:
        """Return whether the record has every one of these columns, also if empty."""
        return all(self._has(name) for name in names)

    def _has(self, name: str) -> bool:
        if self._own is None and "." not in name:
            return bool(self._names.of(name))
        try:
            return self._find(name) is not None
        except UnreadableField:
            return True

    def value(self, *names: str) -> Any:
        """Return the value of the first of these columns that is there and not null, or None."""
        found = self._first(names)
        return found[1] if found else None

    def text(self, *names: str) -> str | None:
        """Return the first of these columns that is not empty as a string, without white space at its ends, or None.

        Integers and UUIDs become strings. An unpaired surrogate, as of a name cut short, is replaced.

        :raises UnreadableField: for a NUL character, and for what is not a string.
        """
        for name in names:
            found = self._find(name)
            text = _as_text(*found) if found and not is_null(found[1]) else None
            if text:
                return text
        return None

    def time(self, *names: str, is_end: bool = False) -> str | None:
        """Return the first of these columns that is not blank as a canonical UTC string, or None.

        :param is_end: whether it is the end of a presence; see :mod:`times <._times>`.
        :raises UnreadableField: for what is not a time, or has no zone and none was given.
        """
        for name in names:
            moment = self.moment(name, is_end=is_end)
            if moment is not None:
                return as_utc(moment)
        return None

    def moment(
        self, name: str, *, is_end: bool = False, epoch_is_null: bool = False, day: str | None = None
    ) -> datetime | None:
        """Return one column's time as an aware datetime in UTC, or None where it is blank.

        :param name: the column. One whose name says UTC or an offset needs no option ``zone``.
        :param is_end: whether it is the end of a presence.
        :param epoch_is_null: whether the vendor writes 1970-01-01T00:00:00Z for a time that is not known.
        :param day: the date of a time that has none, or None for that of the option ``date``.
        :raises UnreadableField: for what is not a time, or has no zone and none was given.
        """
        found = self._first((name,))
        if found is None or (isinstance(found[1], str) and not found[1].strip()):
            return None
        column, value = found
        if epoch_is_null and is_epoch(value):
            return None
        zoned = zone_in_name(column)
        try:
            return instant(
                value,
                zone=zoned.zone if zoned else self.options.zone,
                date_format=self.options.date_format,
                is_end=is_end,
                day=day or self.options.date,
                halves=(self.options.am_words, self.options.pm_words),
            )
        except BadTime as error:
            raise UnreadableField(column, str(error), shown_time(value)) from None

    def epoch(self, name: str, unit: str = "s") -> datetime | None:
        """Return one column's number of seconds (``s``) or milliseconds (``ms``) since 1970 as a datetime, or None."""
        found = self._first((name,))
        if found is None or (isinstance(found[1], str) and not found[1].strip()):
            return None
        try:
            value = float(found[1]) if isinstance(found[1], Decimal) else found[1]
            return epoch_instant(value, unit)
        except BadTime as error:
            raise UnreadableField(found[0], str(error), shape_of(found[1])) from None

    def number(self, *names: str) -> float | None:
        """Return the first of these columns that is not blank as a number, or None.

        :raises UnreadableField: for what is not a finite number.
        """
        found = next((one for name in names if (one := self._first((name,))) and one[1] != ""), None)
        if found is None:
            return None
        column, value = found
        try:
            if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
                raise ValueError
            number = float(value)
            if number - number != 0:
                raise ValueError
        except (ValueError, OverflowError):
            raise UnreadableField(column, "is not a number", shape_of(value)) from None
        return number

    def seconds(self, *names: str, in_minutes: bool = False) -> float | None:
        """Return the first of these columns that is not blank as a length of time in seconds, or None.

        Read are numbers, ``0:29:15``, and ``1h 2m 3s``.

        :param in_minutes: whether the vendor gives numbers in minutes; also taken where the column's name says so.
        :raises UnreadableField: for what is not a length of time, or less than 0.
        """
        found = next((one for name in names if (one := self._first((name,))) and one[1] != ""), None)
        if found is None:
            return None
        column, value = found
        try:
            seconds = length_in_seconds(value, in_minutes=in_minutes or names_minutes(column))
        except BadTime as error:
            raise UnreadableField(column, str(error), shape_of(value)) from None
        return seconds

    def stay(
        self, joined: tuple[str, ...], left: tuple[str, ...], seconds: float | None = None, day: str | None = None
    ) -> tuple[datetime | None, datetime | None]:
        """Return when a presence began and ended. Where one is missing, it follows from the other and the length.

        :param joined: columns of the beginning.
        :param left: columns of the end.
        :param seconds: the length, as of :meth:`seconds`, or None where it is not known.
        :param day: the date of times that have none, or None for that of the option ``date``. An end that is before
            its beginning is then of the next day.
        :raises UnreadableField: for what is not a time.
        """
        began = next((at for name in joined if (at := self.moment(name, day=day))), None)
        ended = next((at for name in left if (at := self.moment(name, is_end=True, day=day))), None)
        if (day or self.options.date) and self._is_clock(left):
            ended = after_midnight(began, ended)
        return completed(began, ended, seconds)

    def _is_clock(self, names: tuple[str, ...]) -> bool:
        value = self.value(*names)
        return isinstance(value, str) and is_clock(value)

    def record(self, name: str) -> Record | None:
        """Return a nested object, also one that is JSON text, or None where it is null or missing.

        :raises UnreadableField: for anything else.
        """
        found = self._first((name,))
        if found is None or found[1] == "":
            return None
        value = parsed(found[1])
        if not isinstance(value, Mapping):
            raise UnreadableField(found[0], "is not an object", shape_of(value))
        return Record(value, self.options)

    def records(self, name: str) -> list[Record]:
        """Return a nested list of objects, also one that is JSON text; empty where it is null or missing.

        :raises UnreadableField: for anything else.
        """
        found = self._first((name,))
        if found is None or found[1] == "":
            return []
        value = parsed(found[1])
        if not isinstance(value, (list, tuple)):
            raise UnreadableField(found[0], "is not a list", shape_of(value))
        for one in value:
            if not isinstance(one, Mapping):
                raise UnreadableField(found[0], "has an entry that is not an object", shape_of(one))
        return [Record(one, self.options) for one in value]

    def one_column(self, *names: str) -> str | None:
        """Return the one of these columns that has a value, or None. They all mean the same in several languages.

        :raises UnreadableField: where two have different values: either may be of something else.
        """
        filled = [found for name in names if (found := self._first((name,))) and found[1] != ""]
        if any(value != filled[0][1] for _, value in filled):
            known = " and ".join(dict.fromkeys(column for column, _ in filled))
            raise UnreadableField(None, f"{known} differ, and either may be meant; the option columns says which it is")
        return filled[0][0] if filled else None

    def spelling(self, name: str) -> str:
        """Return a column's name as the record spells it, or ``name`` where it is missing."""
        found = self._find(name)
        return found[0] if found else name

    def _first(self, names: tuple[str, ...]) -> tuple[str, Any] | None:
        for name in names:
            found = self._find(name)
            if found is not None and not is_null(found[1]):
                return found
        return None

    def _find(self, name: str) -> tuple[str, Any] | None:
        own = self._own.column_for(name) if self._own is not None else None
        if own is None:
            return self._find_column(name)
        # Where the user named the column, no other one replaces it: that may be another person's.
        return (own, self.columns[own]) if own in self.columns else self._find_column(own)

    def _find_column(self, name: str) -> tuple[str, Any] | None:
        spellings = self._names.of(name)
        if spellings:
            known = spellings[0] if len(spellings) == 1 else self._one_of(spellings)
            return str(known), self.columns[known]
        if "." not in name:
            return None
        outer, _, inner = name.partition(".")
        nested = self._nested_record(outer)
        deeper = nested._find(inner) if nested else None
        return (f"{self.spelling(outer)}.{deeper[0]}", deeper[1]) if deeper else None

    def _one_of(self, spellings: tuple[Any, ...]) -> Any:
        """Return the one spelling with a value. With two that differ, taking either could take another person's.

        A time in UTC goes before the same in a local zone.

        :raises UnreadableField: where several have different values.
        """
        zoned = [one for one in spellings if one in self._names.zoned and self.columns[one] not in (None, "")]
        spellings = tuple(zoned) or spellings
        filled = [one for one in spellings if not is_null(self.columns[one]) and self.columns[one] != ""]
        if any(self.columns[one] != self.columns[filled[0]] for one in filled[1:]):
            raise UnreadableField(
                str(filled[0]),
                "is in the record more than once, with different values; name the one to read with the option columns",
            )
        return filled[0] if filled else spellings[0]

    def _nested_record(self, name: str) -> Record | None:
        if name not in self._nested:
            found = self._find(name)
            value = parsed(found[1]) if found else None
            self._nested[name] = Record(value, self.options) if isinstance(value, Mapping) else None
        return self._nested[name]


@dataclass(frozen=True)
class _Names:
    """A record's columns by their folded names.

    :param found: those that a name means: in all spellings; with UTC or an offset beside it, as ``Join Time (UTC)``;
        and numbered ones that stood twice in a header, as ``User Email_duplicated_0``.
    :param zoned: those that say a zone.
    """

    found: dict[str, tuple[Any, ...]]
    zoned: set[Any]

    def of(self, name: str) -> tuple[Any, ...]:
        """Return the columns that a requested name means."""
        return self.found.get(folded_name(name), ())


@lru_cache(maxsize=1024)
def _names_of(columns: tuple[Any, ...]) -> _Names:
    """Return the columns by their folded names; kept, because the records of a feed mostly have the same ones."""
    names = _Names({}, set())
    for column in columns:
        text = str(column)
        repeated, zoned = NUMBERED.search(text), zone_in_name(text)
        _add(names.found, text, column)
        if repeated:
            _add(names.found, text[: repeated.start()], column)
        if zoned:
            _add(names.found, zoned.name, column)
            names.zoned.add(column)
    return names


def _add(found: dict[str, tuple[Any, ...]], name: str, column: Any) -> None:
    folded = folded_name(name)
    if folded:
        found[folded] = (*found.get(folded, ()), column)


def is_null(value: object) -> bool:
    """Return whether a value is null: None, or the NaN or NaT of data frames."""
    if isinstance(value, Decimal):
        return value.is_nan()  # a signalling one can't even be compared
    return value is None or (isinstance(value, (float, datetime)) and value != value)


def cleaned(text: str) -> str | None:
    """Return a string without white space at its ends, or None if nothing is left."""
    return text.strip(WHITE_SPACE) or None


def _as_text(column: str, value: object) -> str | None:
    if not isinstance(value, (str, int, float, Decimal, uuid.UUID)) or isinstance(value, bool):
        raise UnreadableField(column, "is not a string", shape_of(value))
    if not isinstance(value, (str, uuid.UUID)):
        value = _whole(column, value)
    text = str(value)
    if len(text) > _LONGEST_TEXT:
        raise UnreadableField(column, "is too long")
    if "\0" in text:
        raise UnreadableField(column, "holds a NUL character")
    return cleaned(text.encode("utf-8", "replace").decode() if not text.isascii() else text)


def _whole(column: str, value: int | float | Decimal) -> int:
    """Return a number as an id; a column of ids that has nulls in it becomes one of floats in a data frame."""
    if not -_LARGEST_ID < value < _LARGEST_ID or value != int(value):
        raise UnreadableField(column, "is neither a string nor an integer of an id's size", shape_of(value))
    return int(value)
