"""Aligned columns of text, for logs and terminals."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

WIDTH = 100
"""Characters of a line that fit on a screen, beside the time and the level that a log puts before it."""

_GAP = "  "


def aligned(rows: Iterable[Sequence[str]], *, width: int = WIDTH) -> list[str]:
    """Return rows as lines whose columns begin at the same place; the last column is wrapped.

    :param rows: all with the same number of cells.
    :param width: characters of a line. A longer word of the last column, such as a path, is not broken.
    """
    table = [tuple(row) for row in rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]) - 1)] if table else []
    lines = []
    for row in table:
        start = "".join(f"{cell:{size}}{_GAP}" for cell, size in zip(row, widths, strict=False))
        lines += textwrap.wrap(
            row[-1],
            width,
            initial_indent=start,
            subsequent_indent=" " * len(start),
            break_long_words=False,
            break_on_hyphens=False,
        ) or [start.rstrip()]
    return lines


def shortened(text: str, length: int) -> str:
    """Return the first characters of a text, with an ellipsis instead of those that are left out."""
    return text if len(text) <= length else f"{text[: length - 1]}\u2026"


def counts(figures: Iterable[tuple[str, int]]) -> str:
    """Return figures such as ``7: not_seen 5, left 2``: their sum, and those that are not 0."""
    found = [(name, count) for name, count in figures if count]
    total = sum(count for _, count in found)
    return f"{total}: {', '.join(f'{name} {count}' for name, count in found)}" if found else "0"
