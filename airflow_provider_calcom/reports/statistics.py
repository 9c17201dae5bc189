"""How sure a rate is."""

from __future__ import annotations

import math
from typing import NamedTuple

_Z = 1.959963984540054
"""The quantile of the normal distribution for 95 %."""


class Rate(NamedTuple):
    """A share of people with its 95 % interval, all from 0 to 1.

    :param part: how many.
    :param whole: of how many.
    :param share: ``part / whole``, or None of nobody.
    :param low: the interval's lower end; 0 of nobody.
    :param high: its upper end; 1 of nobody.
    """

    part: int
    whole: int
    share: float | None
    low: float
    high: float


def wilson(part: int, whole: int) -> Rate:
    """Return a rate with its Wilson score interval (95 %).

    Unlike the interval of the textbooks it is right for small numbers and for shares near 0 and 1: of 2 people who
    were both absent it is 34 % to 100 %, not 100 % to 100 %.

    :param part: how many, from 0 to ``whole``.
    :param whole: of how many.
    :raises ValueError: if ``part`` is not within ``whole``.
    """
    if not 0 <= part <= whole:
        raise ValueError(f"part must be from 0 to {whole}, but is {part}")
    if not whole:
        return Rate(0, 0, None, 0.0, 1.0)
    share = part / whole
    spread = _Z * _Z / whole
    centre = (share + spread / 2) / (1 + spread)
    half = _Z * math.sqrt(share * (1 - share) / whole + spread / whole / 4) / (1 + spread)
    # At the ends the interval touches 0 or 1, which floating point misses by a hair.
    low = 0.0 if part == 0 else max(0.0, centre - half)
    high = 1.0 if part == whole else min(1.0, centre + half)
    return Rate(part, whole, share, low, high)
