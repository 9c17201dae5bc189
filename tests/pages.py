"""The fenced blocks of a page of the documentation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Block:
    """A fenced block.

    :param language: what stands behind the fence.
    :param line: the line of the page that its text begins on.
    :param before: the last line before it that is not blank.
    :param output: of the ``text`` block right behind it, or nothing.
    """

    language: str
    text: str
    line: int
    before: str
    output: str = ""


def blocks(page: Path) -> list[Block]:
    """Give the blocks of a page, each with the output that the page says it has."""
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
