"""Instants: ISO 8601 texts and datetimes on the outside, whole microseconds since 1970 (UTC) on the inside."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)
# What fits after the seconds is kept to the microsecond; finer digits, as Java prints them, are cut.
_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*(Z|z|[+-]\d{2}(?::?\d{2})?)?", re.ASCII
)


def parse_instant(value: str | datetime) -> datetime:
    """Read an instant that says where on earth it is told.

    :param value: ISO 8601 with ``Z`` or an offset, or an aware ``datetime``.
    :raises ValueError: in words that go on after the name of a field.
    """
    moment = _moment(value)
    if moment.tzinfo is None:
        raise ValueError(f"is the naive time {value!s:.40}: add Z or an offset, such as 2026-11-22T05:30:00Z")
    return moment


def _moment(value: str | datetime) -> datetime:
    if isinstance(value, datetime):
        return value
    found = _ISO.fullmatch(value.strip())
    if found is None:
        raise ValueError(f"must be an instant such as 2026-11-22T05:30:00Z, but is {value[:40]!r}")
    day, minutes, seconds, fraction, zone = found.groups()
    text = f"{day}T{minutes}:{seconds or '00'}.{(fraction or '0')[:6]:0<6}"
    try:
        return datetime.fromisoformat(text + _offset(zone))
    except ValueError as error:
        raise ValueError(f"must be an instant such as 2026-11-22T05:30:00Z, but is {value[:40]!r} ({error})") from None


def _offset(zone: str | None) -> str:
    if zone is None:
        return ""
    if zone in "Zz":
        return "+00:00"
    digits = zone[1:].replace(":", "")
    return f"{zone[0]}{digits[:2]}:{digits[2:] or '00'}"


def microseconds(moment: datetime) -> int:
    """Count the microseconds from 1970 to an aware moment."""
    return (moment - _EPOCH) // _MICROSECOND


def instant_text(count: int) -> str:
    """Write an instant as the project's files have it: UTC, ``Z``, cut to whole milliseconds."""
    moment = _EPOCH + timedelta(microseconds=count)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
