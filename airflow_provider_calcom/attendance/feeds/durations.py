"""Lengths of time as reports for people print them: ``29 min``, ``1 hr 2 min``, ``30 mins``, ``29m``, ``0:29:40``."""

from __future__ import annotations

import re

_PART = re.compile(r"(\d{1,6}) ?(h|hr|hrs|hours?|m|mins?|minutes?|s|secs?|seconds?)\.?(?![a-z])", re.I | re.A)
_CLOCK = re.compile(r"(\d{1,4}):([0-5]\d):([0-5]\d)", re.A)
_SECONDS = {"h": 3600, "m": 60, "s": 1}


def seconds_of(text: str | None) -> int | None:
    """Return the seconds of a length of time with its units, or None where it is none.

    :param text: with units whose first letters are those of hour, minute and second, as most languages of exports have
        them; or hours, minutes and seconds with colons. Two numbers with a colon are none: they may be either half.
    """
    if text is None:
        return None
    clock = _CLOCK.fullmatch(text)
    if clock:
        hours, minutes, seconds = (int(part) for part in clock.groups())
        return 3600 * hours + 60 * minutes + seconds
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text).strip(" ,"):
        return None
    return sum(int(count) * _SECONDS[unit[0].lower()] for count, unit in parts)
