"""Telephones in the place of a name: vendors show whoever dialled in by the number, sometimes partly masked."""

from __future__ import annotations

import re

_PHONE = re.compile(r"\+?[\d\s().*/-]{7,40}", re.ASCII)
_FEWEST_DIGITS = 5


def phone_in_name(name: str | None) -> str | None:
    """Give the number that a display name is, or None where it is a name.

    A masked number, as ``+1 650***0100``, is given as it is: the rules know that it proves nothing.
    """
    if name is None or not _PHONE.fullmatch(name):
        return None
    digits = sum(letter.isdigit() for letter in name)
    return name if digits >= (_FEWEST_DIGITS if "*" in name else 7) else None
