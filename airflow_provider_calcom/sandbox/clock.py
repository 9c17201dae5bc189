"""The sandbox's own clock and how it writes instants."""

import re
import time
from datetime import datetime, timedelta, timezone
from functools import lru_cache

_REMEMBERED = 65_536
"""Instants of a large world are read and written over and over: a thousand bookings share a day's starts."""
_ISO = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d(:\d\d(:\d\d([.,]\d+)?)?)?(Z|z|[+-]\d\d(:?\d\d)?)?)?)?)?", re.ASCII)


class Clock:
    """Runs in real time from where it was set, and can be set and moved, so that no test sleeps.

    :param start: the instant it shows first; None is the real time.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self.set(start or datetime.now(timezone.utc))

    def now(self) -> datetime:
        """The present instant, in UTC."""
        return self._start + timedelta(seconds=time.monotonic() - self._mark)

    def set(self, instant: datetime) -> None:
        """Show `instant` from now on."""
        self._start, self._mark = instant.astimezone(timezone.utc), time.monotonic()

    def advance(self, seconds: float) -> None:
        """Jump forward (or back, if negative)."""
        self.set(self.now() + timedelta(seconds=seconds))


@lru_cache(_REMEMBERED)
def iso(instant: datetime) -> str:
    """An instant as the server writes it: milliseconds and Z."""
    return instant.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@lru_cache(_REMEMBERED)
def parse_instant(text: str) -> datetime:
    """Read strict ISO 8601; without an offset it is UTC. Raises ValueError for anything else."""
    if not _ISO.fullmatch(text):
        raise ValueError(f"{text!r} is not an ISO 8601 instant")
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
    return datetime(year, month, date, int(hour), int(minute), int(whole), micro, timezone.utc) - shift
