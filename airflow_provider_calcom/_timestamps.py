"""Instants: ISO 8601 texts and datetimes on the outside, whole microseconds since 1970 (UTC) on the inside."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from airflow_provider_calcom._redact import describe, redact

_DAY = r"\d{4}-\d{2}-\d{2}"
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d{1,9})?)?"
_ZONE = r" ?(?:Z|UTC|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)"
_AROUND = r"[ \t\n\v\f\r\x{A0}]*"

ZONED = f"(?i){_AROUND}{_DAY}[T ]{_CLOCK}{_ZONE}{_AROUND}"
"""What an instant looks like, for DuckDB: its cast alone would also take a day, a local time or the name of a zone."""
NAIVE = f"(?i){_AROUND}{_DAY}[T ]{_CLOCK}{_AROUND}"
"""What a time without a zone looks like, for DuckDB."""

EARLIEST = datetime(1, 1, 1, tzinfo=timezone.utc)
LATEST = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone.utc)

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)
# What fits after the seconds is kept to the microsecond; finer digits, as Java prints them, are cut.
_ISO = re.compile(f"({_DAY})[T ]({_CLOCK})({_ZONE})?", re.ASCII | re.IGNORECASE)


def parse_instant(value: str | datetime) -> datetime:
    """Read an instant that says where on earth it is told.

    :param value: ISO 8601 with ``Z`` or an offset, or an aware ``datetime``.
    :return: the instant in UTC.
    :raises ValueError: in words that go on after the name of a field.
    """
    moment = value if isinstance(value, datetime) else _parsed(value)
    if moment.utcoffset() is None:
        raise ValueError(f"is the naive time {_described(value)}: add Z or an offset, such as 2026-11-22T05:30:00Z")
    try:
        return moment.astimezone(timezone.utc)
    except OverflowError:
        raise ValueError(f"must lie in the years 1 to 9999 of UTC, but is {_described(value)}") from None


def is_naive(text: str) -> bool:
    """Say whether a text is a time that lacks only its zone."""
    found = _ISO.fullmatch(text.strip())
    return found is not None and found[3] is None


def _parsed(text: str) -> datetime:
    found = _ISO.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"must be an instant such as 2026-11-22T05:30:00Z, but is {_described(text)}")
    day, clock, zone = found.groups()
    minutes, seconds, fraction = clock[:5], clock[6:8] or "00", clock[9:15]
    try:
        return datetime.fromisoformat(f"{day}T{minutes}:{seconds}.{fraction:0<6}{_offset(zone)}")
    except ValueError as error:
        raise ValueError(
            f"must be an instant such as 2026-11-22T05:30:00Z, but is {_described(text)} ({redact(str(error))})"
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
    """Count the microseconds from 1970 to an aware moment."""
    return (moment - _EPOCH) // _MICROSECOND


def instant_text(count: int) -> str:
    """Write an instant as the project's files have it: UTC, ``Z``, cut to whole milliseconds."""
    moment = _EPOCH + timedelta(microseconds=count)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
