"""The sandbox's own clock, and its format of timestamps."""

import re
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_REMEMBERED = 65_536
"""Timestamps of a large world repeat: a thousand bookings share a day's start times."""
_ISO = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d(:\d\d(:\d\d([.,]\d+)?)?)?(Z|z|[+-]\d\d(:?\d\d)?)?)?)?)?", re.ASCII)


class Clock:
    """A clock that runs in real time and can be set and moved, so that no test sleeps.

    :param start: aware datetime to start at; None for the real time.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self.set(start or datetime.now(UTC))

    def now(self) -> datetime:
        """Return the current time, in UTC."""
        return self._start + timedelta(seconds=time.monotonic() - self._mark)

    def set(self, instant: datetime) -> None:
        """Set the clock, which keeps running from there."""
        self._start, self._mark = instant.astimezone(UTC), time.monotonic()

    def advance(self, seconds: float) -> None:
        """Move the clock forward, or back where `seconds` is negative."""
        self.set(self.now() + timedelta(seconds=seconds))


@lru_cache(_REMEMBERED)
def iso(instant: datetime) -> str:
    """Format a timestamp as the server does: UTC, with milliseconds and Z."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@lru_cache(_REMEMBERED)
def parse_instant(text: str) -> datetime:
    """Parse strict ISO 8601, without an offset as UTC.

    :raises ValueError: for any other string.
    """
    if not _ISO.fullmatch(text):
        raise ValueError(f"{text!r} is not an ISO 8601 timestamp")
    day, clock, offset = re.fullmatch(  # type: ignore[union-attr]
        r"([\d-]{4,10})(?:[T ]([\d:.,]+))?(Z|z|[+-][\d:]+)?", text
    ).groups()
    year, month, date = (int(part) for part in [*day.split("-"), "1", "1"][:3])
    hour, minute, second = [*(clock or "0").replace(",", ".").split(":"), "0", "0"][:3]
    shift = timedelta()
    if offset and offset not in "Zz":
        digits = offset[1:].replace(":", "").ljust(4, "0")
        shift = timedelta(hours=int(digits[:2]), minutes=int(digits[2:])) * (-1 if offset[0] == "-" else 1)
    whole, _, fraction = second.partition(".")
    micro = int(fraction[:6].ljust(6, "0"))
    return datetime(year, month, date, int(hour), int(minute), int(whole), micro, UTC) - shift
