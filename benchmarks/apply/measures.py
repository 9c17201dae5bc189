"""A figure and its limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Measure:
    """One line of the table.

    :param text: what is measured.
    :param figure: what came out.
    :param relation: how the figure must stand to the limit.
    :param limit: the limit.
    :param unit: of both, with a space before it.
    """

    text: str
    figure: float
    relation: Literal[">=", "<=", "="]
    limit: float
    unit: str = ""

    @property
    def ok(self) -> bool:
        return {
            ">=": self.figure >= self.limit,
            "<=": self.figure <= self.limit,
            "=": self.figure == self.limit,
        }[self.relation]

    def row(self) -> str:
        result = "ok" if self.ok else "**no**"
        return f"| {self.text} | {self.figure:.4g}{self.unit} | {self.relation} {self.limit:g}{self.unit} | {result} |"
