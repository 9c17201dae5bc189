"""Columns as loaders land them: names in any spelling, what a name says of the values, and objects as JSON text."""
# ruff: noqa: RUF001 - letters of other alphabets are meant

from __future__ import annotations

import json
import re
import unicodedata
from functools import lru_cache
from typing import Any, NamedTuple


@lru_cache(maxsize=4096)
def folded_name(name: str) -> str:
    """Return what all spellings of a column's name share: its letters and digits, in lower case.

    Composed and decomposed accents are the same, and so are straight and typographic apostrophes.
    """
    return "".join(letter for letter in unicodedata.normalize("NFKC", name).casefold() if letter.isalnum())


_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_UTC = r"(?:utc|gmt|coordinated universal time)\s*(?P<offset>[+-]\s?\d\d?(?::?\d\d)?)?"
_ZONE_BEHIND = re.compile(
    rf"(?<![^\W_]){_UTC}[\s)\]_.]*$|(?<=[a-z]){_UTC.replace('offset', 'offset2')}$", re.IGNORECASE
)
_ZONE_BEFORE = re.compile(rf"^[\s(\[]*{_UTC}(?![^\W_])[\s)\]_.:-]*", re.IGNORECASE)
_IN_MINUTES = re.compile(r"(?<![^\W\d_])min(?:ut\w*|s)?(?![^\W\d_])|[(（](?:분|分\w?|мин\w*)\.?[)）]", re.IGNORECASE)
"""A column's name that says that its numbers are minutes: Duration (Minutes), Dauer (Minuten), 기간(분)."""

NUMBERED = re.compile(r"(?:_duplicated_\d+|\.\d+)$")
"""How polars, pandas and :func:`header_of <._files.tables.header_of>` name a column whose name came before."""

_ALWAYS = "airbytedata"  # Airbyte's raw tables and file destinations


class ZonedName(NamedTuple):
    """A column's name that says in which zone its times are.

    :param name: the name without the zone.
    :param zone: ``UTC`` or an offset, as the option ``zone`` has it.
    """

    name: str
    zone: str


@lru_cache(maxsize=1024)
def zone_in_name(column: str) -> ZonedName | None:
    """Return the zone that a column's name gives, as ``Join Time (UTC)``, ``joinTimeUtc`` or ``Left (GMT+1)``, or None.

    Names of zones other than UTC and GMT are ambiguous (``CST`` is of three continents), and are not taken.
    """
    text = _CAMEL.sub(" ", column)
    found = _ZONE_BEHIND.search(text) or _ZONE_BEFORE.search(text)
    if found is None:
        return None
    name = (text[: found.start()] + text[found.end() :]).strip(" (_[.")
    offset = (found["offset"] or found.groupdict().get("offset2") or "").replace(" ", "").replace(":", "")
    if not name:
        return None
    if not offset:
        return ZonedName(name, "UTC")
    sign, digits = offset[0], offset[1:]
    hours, minutes = (digits[:-2], digits[-2:]) if len(digits) > 2 else (digits, "00")
    return ZonedName(name, f"{sign}{hours:0>2}:{minutes}")


def names_minutes(column: str) -> bool:
    """Return whether a column's name says that its numbers are minutes, as ``Duration (Minutes)``."""
    return bool(_IN_MINUTES.search(_CAMEL.sub(" ", column)))


def is_wrapper(column: str) -> bool:
    """Return whether a column always holds the record itself, whatever is beside it."""
    return folded_name(column) == _ALWAYS


def parsed(value: Any) -> Any:
    """Return an object or list that a loader landed as JSON text; any other value as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value
