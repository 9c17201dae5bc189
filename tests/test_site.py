"""The check of the built documentation, on small sites. ``make docs`` runs it on the real one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.check_site import problems_of_site, web_pages

PAGE = '<html><head><title>{0}</title><meta name="description" content="{0}."></head><body>{1}</body></html>'


@pytest.mark.parametrize(
    ("index", "other", "problem"),
    [
        ('<a href="other.html#here">x</a>', '<h2 id="here">x</h2>', None),
        (
            '<a href="other.html"></a><a href="other.html#there">x</a>',
            '<h2 id="here">x</h2>',
            "index.html: other.html#there leads nowhere",
        ),
        ('<a href="other.html">x</a><a href="gone.html">x</a>', "", "index.html: gone.html leads nowhere"),
        ('<a href="other.html">x</a><img alt="x" src="x.png">', "", "index.html: x.png leads nowhere"),
        ('<a href="other.html">x</a><img src="other.html">', "", "index.html: a picture has no alt text"),
        ("", "", "other.html: no page links to it"),
    ],
)
def test_broken_links_and_orphans_are_found(index: str, other: str, problem: str | None, tmp_path: Path) -> None:
    """A link to no file or no anchor, a picture without text, and a page that nothing links to are problems."""
    (tmp_path / "index.html").write_text(PAGE.format("Index", index), encoding="utf-8")
    (tmp_path / "other.html").write_text(PAGE.format("Other", other), encoding="utf-8")
    assert problems_of_site(tmp_path) == ([problem] if problem else [])


def test_each_page_needs_its_own_title_and_a_description(tmp_path: Path) -> None:
    """A search lists titles and descriptions: two pages of one title would look the same there."""
    (tmp_path / "index.html").write_text(PAGE.format("Same", '<a href="other.html">x</a>'), encoding="utf-8")
    (tmp_path / "other.html").write_text("<title>Same</title>", encoding="utf-8")
    found = problems_of_site(tmp_path)
    assert found == ["other.html: no title or no description", "2 pages have the title 'Same'"]


def test_a_web_page_out_of_reach_fails_nothing(tmp_path: Path) -> None:
    """Only what a server says of its own page fails the build, and not the network of this machine."""
    lines = [
        ("https://a.example/", "working", ""),
        ("https://b.example/", "broken", "404 Client Error: Not Found"),
        ("https://c.example/", "broken", "Max retries exceeded (NameResolutionError)"),
        ("https://d.example/#x", "broken", "Anchor 'x' not found"),
        ("other.html", "local", ""),
    ]
    output = tmp_path / "output.json"
    entries = [
        {"filename": "index.md", "lineno": 1, "uri": uri, "status": status, "info": info} for uri, status, info in lines
    ]
    output.write_text("\n".join(json.dumps(entry) for entry in entries), encoding="utf-8")
    gone, unchecked, right = web_pages(output)
    assert [line.split(": ")[1] for line in gone] == ["https://b.example/", "https://d.example/#x"]
    assert (unchecked, right) == (["https://c.example/"], 1)
