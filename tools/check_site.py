"""Check the built documentation: links within it, titles and descriptions; and report what linkcheck could not reach.

``python tools/check_site.py HTML_FOLDER LINKCHECK_OUTPUT`` exits with 1 if a page links to a file or an anchor that is
not there, cannot be reached from the index, or has no title or description of its own, or if a web page answers that
it does not exist. A web page that cannot be reached from here is listed as unchecked: that is the network's fault.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

NOT_LINKED = {"genindex.html", "search.html", "py-modindex.html"}  # the theme's own pages
GONE = ("404", "410", "Anchor ")


@dataclass
class Page(HTMLParser):
    """What a page has and links to."""

    title: str = ""
    description: str = ""
    anchors: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    images_without_text: int = 0
    _in_title: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect an element's anchor and link."""
        values = {name: value or "" for name, value in attrs}
        self._in_title = tag == "title" and not self.title
        if "id" in values:
            self.anchors.add(values["id"])
        if tag == "meta" and values.get("name") == "description":
            self.description = values.get("content", "")
        for name in ("href", "src", "srcset"):
            if values.get(name):
                self.links.add(values[name])
        if tag == "img" and not values.get("alt"):
            self.images_without_text += 1

    def handle_data(self, data: str) -> None:
        """Collect the title's text."""
        if self._in_title:
            self.title += data
            self._in_title = False


def read_pages(folder: Path) -> dict[Path, Page]:
    """Return all pages below a folder."""
    pages = {}
    for path in sorted(folder.rglob("*.html")):
        pages[path.resolve()] = page = Page()
        page.feed(path.read_text(encoding="utf-8"))
    return pages


def broken_links(path: Path, pages: dict[Path, Page]) -> tuple[list[str], set[Path]]:
    """Return the links of a page that lead nowhere, and the pages that it links to."""
    broken, reached = [], set()
    for link in sorted(pages[path].links):
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        page = pages.get(target)
        # A fragment of a picture is the name of its variant.
        if not target.is_file() or (page and parts.fragment and unquote(parts.fragment) not in page.anchors):
            broken.append(link)
        elif page:
            reached.add(target)
    return broken, reached


def problems_of_site(folder: Path) -> list[str]:
    """Return what is wrong within the site, one line each."""
    pages = read_pages(folder)
    found, linked = [], {(folder / "index.html").resolve()}
    for path, page in pages.items():
        name = str(path.relative_to(folder.resolve()))
        broken, reached = broken_links(path, pages)
        linked |= reached - {path}
        found += [f"{name}: {link} leads nowhere" for link in broken]
        if page.images_without_text:
            found.append(f"{name}: a picture has no alt text")
        if name not in NOT_LINKED and not (page.title and page.description):
            found.append(f"{name}: no title or no description")
    titles = Counter(page.title for page in pages.values())
    found += [f"{count} pages have the title {title!r}" for title, count in titles.items() if count > 1]
    orphans = {path.relative_to(folder.resolve()) for path in pages.keys() - linked}
    return found + [f"{orphan}: no page links to it" for orphan in sorted(orphans) if str(orphan) not in NOT_LINKED]


def web_pages(output: Path) -> tuple[list[str], list[str], int]:
    """Return what linkcheck found: pages that do not exist, pages that were not reached, and how many are right."""
    gone, unchecked, right = [], [], 0
    for line in output.read_text(encoding="utf-8").splitlines():
        link = json.loads(line)
        if not link["uri"].startswith("http") or link["status"] in ("ignored", "unchecked"):
            continue
        if link["status"] in ("working", "redirected"):
            right += 1
        elif any(sign in link["info"] for sign in GONE):
            gone.append(f"{link['filename']}:{link['lineno']}: {link['uri']}: {link['info']}")
        else:
            unchecked.append(link["uri"])
    return gone, sorted(set(unchecked)), right


def main() -> int:
    """Print what was found, and return the exit status."""
    folder, output = Path(sys.argv[1]), Path(sys.argv[2])
    problems = problems_of_site(folder)
    gone, unchecked, right = web_pages(output)
    for line in problems + gone:
        print(line)
    if unchecked:
        print(f"{len(unchecked)} web pages could not be reached from here, and are unchecked:", *unchecked, sep="\n  ")
    pages = len(list(folder.rglob("*.html")))
    print(f"{pages} pages, {len(problems + gone)} problems; {right} links to the web are right")
    return 1 if problems or gone else 0


if __name__ == "__main__":
    sys.exit(main())
