"""Figures as text, and texts of others made safe for a terminal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime, timedelta

from airflow_provider_calcom._timestamps import EARLIEST, LATEST, microseconds

WIDTH = 100
"""Columns of a page."""


def seconds(count: float) -> str:
    """Tell a duration to the microsecond."""
    return f"{count:.6f}".rstrip("0").rstrip(".") + " s"


def moment(count: int) -> str:
    """Tell an instant in UTC."""
    text = str(datetime(1970, 1, 1) + timedelta(microseconds=within_years(count)))
    return text.rstrip("0") if "." in text else text


def within_years(count: int) -> int:
    """Keep an instant within what a datetime can hold: a window may reach beyond the year 9999."""
    return max(microseconds(EARLIEST), min(count, microseconds(LATEST)))


def shown(text: str | None) -> str:
    """Take out what could move the cursor or the eye: names are whatever a participant typed."""
    signs = (sign if sign.isprintable() else " " if sign.isspace() else "\ufffd" for sign in text or "")
    return " ".join("".join(signs).split())


def cells(text: str) -> int:
    """Count the columns that a text fills on a terminal."""
    widths = ((unicodedata.category(sign), unicodedata.east_asian_width(sign)) for sign in text)
    return sum(0 if category in ("Mn", "Me") else 2 if width in "WF" else 1 for category, width in widths)


def cut(text: str, width: int) -> str:
    """Leave out the end of a text that fills more columns."""
    if cells(text) <= width:
        return text
    text = text[:width]
    while cells(text) > width - 3:
        text = text[:-1]
    return text + "..."


def wrapped(text: str, first: str = "", rest: str = "") -> Iterator[str]:
    """Break a text into lines, with something before the first one, and something as long before the others."""
    lines = [""]
    for word in re.split(r" (?!s\b)", text):  # a number stays with its unit
        word = cut(word, WIDTH - len(rest))
        if cells(f"{rest}{lines[-1]} {word}") > WIDTH:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".lstrip()
    yield first + lines[0]
    yield from (rest + line for line in lines[1:])
