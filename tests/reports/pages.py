"""Read a report as a browser would: its policy, data and pictures."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

Row = dict[str, Any]
_PARTS = {"dt", "dd", "p", "li", "h1", "h2", "h3", "span", "summary"}
"""Elements between which there is a gap on the page."""
_EMPTY = {"meta", "link", "input", "br"}


@dataclass
class Element:
    """An element with its attributes and the text directly and indirectly in it."""

    tag: str
    attributes: dict[str, str]
    text: str = ""
    children: list[Element] = field(default_factory=list)


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[Element] = []
        self.all: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Element(tag, {name: value or "" for name, value in attrs})
        self.all.append(made)
        if tag not in _EMPTY:
            self.open.append(made)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop().tag != tag:
            pass
        if tag in _PARTS:
            self.handle_data(" ")

    def handle_data(self, data: str) -> None:
        for one in self.open:
            one.text += data


class Page:
    """A report or overview.

    :param html: its text.
    """

    def __init__(self, html: str) -> None:
        self.html = html
        parser = _Parser()
        parser.feed(html)
        self.elements = parser.all

    @classmethod
    def at(cls, path: Path) -> Page:
        return cls(path.read_text(encoding="utf-8"))

    def texts(self, name: str) -> list[str]:
        """Return the texts of the elements with a data-testid, with single spaces."""
        return [" ".join(one.text.split()) for one in self.elements if one.attributes.get("data-testid") == name]

    def text(self, name: str) -> str:
        (found,) = self.texts(name)
        return found

    def elements_of(self, tag: str) -> list[Element]:
        return [one for one in self.elements if one.tag == tag]

    @cached_property
    def data(self) -> Any:
        (found,) = (one for one in self.elements if one.attributes.get("id") == "data")
        return json.loads(found.text)

    def rows(self, name: str) -> list[Row]:
        """Return the rows of one of the page's tables."""
        return [dict(zip(self.data["columns"], cells, strict=True)) for cells in self.data[name]]

    def row(self, name: str, email: str) -> Row:
        (found,) = (row for row in self.rows(name) if row["email"] == email)
        return found

    @cached_property
    def pictures(self) -> list[Row]:
        """All pictures, inflated."""
        blocks = [one.text for one in self.elements if one.attributes.get("id", "").startswith("pictures-")]
        return [picture for block in blocks for picture in json.loads(gzip.decompress(base64.b64decode(block)))]

    def picture(self, row: Row) -> Row:
        """Return the picture that a row opens."""
        found: Row = self.pictures[row["picture"]]
        return found

    def everything(self) -> str:
        """Return all that the page says, its pictures inflated, without the scripts and styles that it brings."""
        own = re.sub(r"<(script|style)>.*?</\1>", "", self.html, flags=re.DOTALL)
        return own + json.dumps(self.pictures, ensure_ascii=False) + json.dumps(self.data, ensure_ascii=False)

    def content_policy(self) -> dict[str, list[str]]:
        (found,) = (
            one.attributes["content"]
            for one in self.elements_of("meta")
            if one.attributes.get("http-equiv") == "Content-Security-Policy"
        )
        return {name: values for name, *values in (part.split() for part in found.split(";"))}


def sha256(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
