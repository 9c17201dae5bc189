"""Fenced code blocks of documentation pages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Block:
    """A fenced code block.

    :param language: the language after the fence.
    :param line: number of the page's line on which the block's text begins.
    :param before: the last line before the block that is not blank.
    :param output: the ``text`` block right after it, or an empty string.
    """

    language: str
    text: str
    line: int
    before: str
    output: str = ""


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page, each with the output that the page shows for it."""
    found: list[Block] = []
    before, inside = "", None
    last_line = 0
    lines = page.read_text(encoding="utf-8").splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        if line.startswith("```") and inside is None:
            inside = Block(line.strip("`\n"), "", number + 1, before)
            text: list[str] = []
        elif line.startswith("```") and inside is not None:
            whole = Block(inside.language, "".join(text), inside.line, inside.before)
            is_output = whole.language == "text" and found and not "".join(lines[last_line : inside.line - 2]).strip()
            if is_output:
                found[-1] = Block(found[-1].language, found[-1].text, found[-1].line, found[-1].before, whole.text)
            else:
                found.append(whole)
            inside, last_line = None, number
        elif inside is not None:
            text.append(line)
        elif line.strip():
            before = line.strip()
    assert inside is None, f"{page.name} ends within a block"
    return found
