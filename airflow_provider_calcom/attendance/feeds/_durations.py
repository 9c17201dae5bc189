"""Lengths of time as vendors print them: numbers, ``0:29:15``, and ``1h 2m 3s`` in the units of many languages."""
# ruff: noqa: RUF001 - letters of other alphabets are meant

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache

from airflow_provider_calcom.attendance.feeds._times import BadTime

HOURS = ("h", "st", "sa", "t", "u", "o", "ó", "g", "j", "ч", "ώ", "ω", "שע", "ساع", "ชั่ว", "小", "时", "時", "시")
"""How units of hours begin: hour, heure, hora, Stunde, tim, saat, time, uur, ora, godzina and so on."""

MINUTES = ("m", "p", "dk", "dak", "м", "х", "λ", "דק", "دق", "นาที", "分", "분")
"""How units of minutes begin."""

SECONDS = ("s", "mp", "másod", "gi\u00e2y", "det", "dtk", "с", "δ", "שנ", "ثا", "ثو", "วิ", "秒", "초")
"""How units of seconds begin. The longest beginning counts: the German Std. and the Turkish sa begin with an s, too."""

_WHOLE_HOURS = re.compile(r"(\d{1,3}):([0-5]\d):([0-5]\d)(?:[.,]\d+)?", re.ASCII)
_LENGTH = re.compile(r"(\d+)\s*([^\W\d_]+)\.?")


def length_in_seconds(value: object, *, in_minutes: bool = False) -> float:
    """Return the seconds of a length of time.

    :param value: a number, a string of one, ``0:29:15``, or ``1h 2m 3s`` in the units of several languages.
    :param in_minutes: whether a bare number is one of minutes.
    :raises BadTime: for anything else, and for what is less than 0.
    """
    seconds: float | None = None
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
    elif isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        seconds = float(value) * (60 if in_minutes else 1)
    elif isinstance(value, str):
        seconds = _length_of_text(" ".join(value.split()), in_minutes)
    if seconds is None or not 0 <= seconds < 10**9:
        raise BadTime("is not a length of time")
    return seconds


def _length_of_text(text: str, in_minutes: bool) -> float | None:
    clock = _WHOLE_HOURS.fullmatch(text)
    if clock:
        return int(clock[1]) * 3600 + int(clock[2]) * 60 + int(clock[3])
    if re.fullmatch(r"\d{1,9}(?:[.,]\d+)?", text, re.ASCII):
        return float(text.replace(",", ".")) * (60 if in_minutes else 1)
    return seconds_of(text)


def seconds_of(duration: str | None) -> int | None:
    """Return the seconds of ``1h 2m 3s``, also in the units of other languages, or None for what is not a length."""
    if not duration or _LENGTH.sub("", duration).strip(" ,"):
        return None
    total = 0
    for count, unit in _LENGTH.findall(duration.lower()):
        factor = _unit(unit)
        if factor is None or len(count) > 9:
            return None
        total += int(count) * factor
    return total


@lru_cache(maxsize=1024)
def _unit(word: str) -> int | None:
    units = ((HOURS, 3600), (MINUTES, 60), (SECONDS, 1))
    fitting = [(len(start), factor) for starts, factor in units for start in starts if word.startswith(start)]
    return max(fitting)[1] if fitting else None
