"""Timestamps: ISO 8601 strings and datetimes on the outside, integer microseconds since 1970 (UTC) on the inside.

:func:`parse_timestamp` is strict, as the rules' tables are; :func:`parse_timestamp_or_date` takes all of ISO 8601 that
Python parses, for a list's filters. Both refuse a time without an offset: nothing is guessed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, tzinfo

from airflow_provider_calcom._redact import describe, redact

_DAY = r"\d{4}-\d{2}-\d{2}"
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d{1,9})?)?"
_ZONE = r" ?(?:Z|UTC|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)"
_AROUND = r"[ \t\n\v\f\r\x{A0}]*"

ZONED = f"(?i){_AROUND}{_DAY}[T ]{_CLOCK}{_ZONE}{_AROUND}"
"""Pattern of a timestamp, for DuckDB: its cast alone would also take a day, a local time or the name of a zone."""
NAIVE = f"(?i){_AROUND}{_DAY}[T ]{_CLOCK}{_AROUND}"
"""Pattern of a time without a zone, for DuckDB."""

Timestamp = datetime | str

EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# What fits after the seconds is kept to the microsecond; finer digits, as Java prints them, are cut.
_ISO = re.compile(f"({_DAY})[T ]({_CLOCK})({_ZONE})?", re.ASCII | re.IGNORECASE)
_BEGINS_WITH_A_DATE = re.compile(r"\d{4}-?\d{2}-?\d{2}([T ]|$)")


def parse_timestamp(value: Timestamp) -> datetime:
    """Parse a timestamp that has an offset.

    :param value: ISO 8601 with ``Z`` or an offset, or an aware ``datetime``.
    :return: the timestamp in UTC.
    :raises ValueError: with a text that goes on after the name of a field.
    """
    moment = value if isinstance(value, datetime) else _parsed(value)
    if moment.utcoffset() is None:
        raise ValueError(f"is the naive time {_described(value)}: add Z or an offset, such as 2026-11-22T05:30:00Z")
    return _in_utc(moment, value)


def parse_timestamp_or_date(value: Timestamp, zone: tzinfo = UTC) -> datetime:
    """Parse a timestamp that has an offset, or a date, which is the beginning of that day.

    :param value: an aware ``datetime``, or ISO 8601 with ``Z`` or an offset, or a date.
    :param zone: the time zone whose day a date is. Where the clocks skip midnight there, its beginning is the moment at
        which they do.
    :return: the timestamp in UTC.
    :raises ValueError: with a text that goes on after the name of a field.
    """
    try:
        moment = value if isinstance(value, datetime) else _timestamp_or_date(value.strip(), zone)
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise ValueError(
            f"must be an ISO 8601 timestamp such as 2026-11-20T09:00:00Z, but is {describe(value)}"
        ) from None
    if moment.tzinfo is None:
        raise ValueError(f"must have an offset, such as Z for UTC, but is {describe(value)}")
    return _in_utc(moment, value)


def _timestamp_or_date(text: str, zone: tzinfo) -> datetime:
    # Python would also read a week (2026-W47-5), and any character between date and time.
    if not _BEGINS_WITH_A_DATE.match(text):
        raise ValueError(text)
    moment = datetime.fromisoformat(text)
    is_date = len(text) <= len("2026-11-20")
    return datetime.combine(moment, time.min, zone) if is_date else moment


def _in_utc(moment: datetime, value: Timestamp) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"must lie in the years 1 to 9999 of UTC, but is {_described(value)}") from None


def is_naive(text: str) -> bool:
    """Return whether a string is a time that lacks only its zone."""
    found = _ISO.fullmatch(text.strip())
    return found is not None and found[3] is None


def _parsed(text: str) -> datetime:
    found = _ISO.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"must be a timestamp such as 2026-11-22T05:30:00Z, but is {_described(text)}")
    day, clock, zone = found.groups()
    minutes, seconds, fraction = clock[:5], clock[6:8] or "00", clock[9:15]
    try:
        return datetime.fromisoformat(f"{day}T{minutes}:{seconds}.{fraction:0<6}{_offset(zone)}")
    except ValueError as error:
        raise ValueError(
            f"must be a timestamp such as 2026-11-22T05:30:00Z, but is {_described(text)} ({redact(str(error))})"
        ) from None


def _described(value: str | datetime) -> str:
    return describe(value if isinstance(value, str) else str(value))


def _offset(zone: str | None) -> str:
    if zone is None:
        return ""
    plain = zone.strip().upper()
    if plain in ("Z", "UTC"):
        return "+00:00"
    digits = plain[1:].replace(":", "")
    return f"{plain[0]}{digits[:2]}:{digits[2:] or '00'}"


def microseconds(moment: datetime) -> int:
    """Return the microseconds from 1970 to an aware moment."""
    return (moment - _EPOCH) // _MICROSECOND


def format_timestamp(value: Timestamp) -> str:
    """Return a timestamp with milliseconds and ``Z``, the precision that Cal.com keeps; finer digits are cut.

    :param value: as for :func:`parse_timestamp_or_date`.
    """
    return parse_timestamp_or_date(value).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def format_microseconds(count: int) -> str:
    """Return a count of :func:`microseconds` in the form of :func:`format_timestamp`."""
    moment = _EPOCH + timedelta(microseconds=count)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
