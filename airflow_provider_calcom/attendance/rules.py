"""The SQL of the rules, parsed into its steps."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_STEP = re.compile(r"^(?P<name>\w+) AS (?P<kept>MATERIALIZED )?\(\n(?P<body>.*?)^\)", re.MULTILINE | re.DOTALL)
_WORDS = re.compile(r"\w+")


@dataclass(frozen=True)
class Step:
    """One named part of the rules.

    :param name: what later parts call it.
    :param body: its SELECT.
    :param is_kept: whether it is worth a table of its own.
    """

    name: str
    body: str
    is_kept: bool


@dataclass(frozen=True)
class Rules:
    """The rules as steps, in their order, and the SELECT of the decisions at their end."""

    steps: tuple[Step, ...]
    decisions: str

    def needed_by(self, body: str, *, inline: bool) -> list[Step]:
        """Return the steps that a SELECT needs, directly or through others, in order.

        :param inline: only the steps without a table of their own, and not what such a table is made of.
        """
        wanted = set(_WORDS.findall(body))
        needed: list[Step] = []
        for step in reversed(self.steps):
            if step.name in wanted and not (inline and step.is_kept):
                needed.append(step)
                wanted |= set(_WORDS.findall(step.body))
        return needed[::-1]

    def with_parts(self, body: str, *, inline: bool = True) -> str:
        """Return a SELECT with the steps that it needs, and that have no table of their own, before it."""
        parts = [f"{step.name} AS (\n{step.body})" for step in self.needed_by(body, inline=inline)]
        return f"WITH {', '.join(parts)}\n{body}" if parts else body

    def last_uses(self, results: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Return which tables can be dropped after which step: ``{step: tables}``.

        :param results: SELECTs that come after all steps; the tables that they need stay.
        """
        staying = {step.name for body in results for step in self._tables_under(body)}
        last: dict[str, str] = {}
        for step in self.steps:
            if step.is_kept:
                last.update({table.name: step.name for table in self._tables_under(step.body)})
        freed: dict[str, list[str]] = {}
        for table, user in last.items():
            if table not in staying:
                freed.setdefault(user, []).append(table)
        return freed

    def _tables_under(self, body: str) -> Iterator[Step]:
        words = set(_WORDS.findall(self.with_parts(body)))
        return (step for step in self.steps if step.is_kept and step.name in words)


@cache
def the_rules() -> Rules:
    """Read the rules from the file beside this one."""
    return read_rules(Path(__file__).with_name("rules.sql"))


def read_rules(path: Path) -> Rules:
    """Parse a file of steps, which ends with a SELECT over them."""
    text = re.sub(r"^ *--.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = list(_STEP.finditer(text))
    steps = tuple(Step(match["name"], match["body"], match["kept"] is not None) for match in found)
    return Rules(steps, text[found[-1].end() :].strip())
