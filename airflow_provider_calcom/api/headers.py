"""What the headers of a response say: its request id, the server's clock, the rate limits, and how long to wait."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from airflow_provider_calcom._redact import redact

SHORTEST_BLOCK = 1.0
"""Seconds to wait at least where the server allows no more calls for now."""

UNNAMED_BLOCK = 5.0
"""Seconds to wait after a 429 that names none, doubled each time: Cal.com blocks for 60 s, and hammering on it can lock
the account."""

_REQUEST_ID = re.compile(r"[\w.:+/=-]{1,300}", re.ASCII)
_EARLIEST_CLOCK = datetime(2001, 1, 1, tzinfo=UTC).timestamp()
_LATEST_CLOCK = datetime(2200, 1, 1, tzinfo=UTC).timestamp()
"""A server whose ``Date`` is out of these bounds has no clock: ours is used, as for one that sends none."""
_UNIX_TIME_FROM = 1_000_000_000
_MILLISECONDS_FROM = 1_000_000_000_000
_PREFIX = "x-ratelimit-"


def request_id_of(headers: Mapping[str, str], secrets: Sequence[str] = ()) -> str | None:
    """Return the id by which Cal.com, or its edge, finds a response again; None where there is none to show.

    :param headers: the response's, looked up without regard to case.
    :param secrets: our own, which it must not show.
    """
    value = headers.get("x-request-id") or headers.get("cf-ray")
    return redact(value, secrets)[:100] if value and _REQUEST_ID.fullmatch(value) else None


def server_time_of(headers: Mapping[str, str]) -> float | None:
    """Return the server's clock when it responded, as a Unix time in whole seconds; None where it sends none.

    :param headers: of its response, looked up without regard to case.
    """
    header = headers.get("date")
    return _unix_time_of(header) if header else None


@functools.lru_cache(maxsize=16)
def _unix_time_of(date: str) -> float | None:
    """Parse an HTTP date; None for one that no clock shows. Hundreds of responses have the same one."""
    try:
        time = parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None
    return time if _EARLIEST_CLOCK <= time < _LATEST_CLOCK else None


def seconds_to_wait(headers: Mapping[str, str], now: float) -> float | None:
    """Return how long the server wants us to wait; None where it does not say.

    ``Retry-After`` (seconds or a date) goes first, else the longest ``X-RateLimit-Reset-*`` of a limit whose
    ``X-RateLimit-Remaining-*`` is 0. The suffix is the limit's name and differs between servers. A reset is in
    seconds left, or a Unix time where it is too large for that.

    :param now: Unix time.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    requested = _retry_after(lowered.get("retry-after"), now)
    if requested is not None:
        return requested
    prefix = f"{_PREFIX}remaining"
    resets = (
        _seconds_left(lowered.get(f"{_PREFIX}reset" + name[len(prefix) :]), now)
        for name, remaining in lowered.items()
        if name.startswith(prefix) and remaining.strip() == "0"
    )
    return max((reset for reset in resets if reset is not None), default=None)


def _retry_after(value: str | None, now: float) -> float | None:
    if value is None:
        return None
    if re.fullmatch(r"\s*[0-9]{1,9}\s*", value):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _seconds_left(value: str | None, now: float) -> float | None:
    """Parse an ``X-RateLimit-Reset-*``; None where it is not a number.

    :param value: seconds left, or a Unix time in seconds or milliseconds where it is too large for that.
    :param now: Unix time.
    """
    try:
        reset = float(value or "")
    except ValueError:
        return None
    if reset >= _MILLISECONDS_FROM:
        reset /= 1000
    return max(0.0, reset - now if reset >= _UNIX_TIME_FROM else reset)


@dataclass(frozen=True)
class LimitHeaders:
    """What a response says of one rate limit.

    :param calls: calls allowed in a window.
    :param remaining: calls that are left of them.
    :param seconds: until the window ends, rounded up.
    """

    calls: float
    remaining: float
    seconds: float


def limit_headers(headers: Mapping[str, str], wall_clock: Callable[[], float]) -> dict[str, LimitHeaders]:
    """Parse the limits that a response names, by their suffixes; one with a missing part is left out.

    :param headers: a response's, in any case.
    :param wall_clock: Unix time, for resets that are given as a time.
    """
    found: dict[str, dict[str, str]] = {}
    for name, value in headers.items():
        if (field := _field_of(name)) is not None:
            kind, suffix = field
            found.setdefault(suffix, {})[kind] = value
    if not found:
        return {}
    now = wall_clock()
    limits = {suffix: _limit(fields, now) for suffix, fields in found.items()}
    return {suffix: limit for suffix, limit in limits.items() if limit is not None}


@functools.lru_cache(maxsize=256)
def _field_of(header: str) -> tuple[str, str] | None:
    """Return which field a header is (``limit``, ``remaining``, ``reset``) and of which limit; None for any other."""
    name = header.lower()
    if not name.startswith(_PREFIX):
        return None
    kind, _, suffix = name.removeprefix(_PREFIX).partition("-")
    return kind, suffix


def _limit(fields: Mapping[str, str], now: float) -> LimitHeaders | None:
    calls, remaining = _number(fields.get("limit")), _number(fields.get("remaining"))
    seconds = _seconds_left(fields.get("reset"), now)
    if not calls or remaining is None or seconds is None or not math.isfinite(seconds):
        return None
    # A reset of 0 is not a time to send again where nothing is left; it may be a Unix time that was rounded down.
    return LimitHeaders(calls, min(remaining, calls), seconds or SHORTEST_BLOCK)


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if 0 <= number < math.inf else None
