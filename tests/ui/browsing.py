"""A browser that notes what a page must not do, checks its accessibility, and keeps pictures of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.conftest import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Frame, Page, Request, ViewportSize

BUILD = ROOT / ".build" / "ui"
SCREENSHOTS = BUILD / "screenshots"
AXE = BUILD / "node_modules" / "axe-core" / "axe.min.js"
DESKTOP: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
# Longer than a busy machine takes for the megabytes of script of Airflow's first page.
PATIENCE_MS = 60_000


@dataclass
class Watched:
    """What the pages of a browser context did.

    :param context: its pages.
    :param hosts: hosts and ports that they sent requests to.
    :param complaints: errors and warnings of each address: of scripts, of the console (with what a policy blocked),
        and of requests that failed.
    :param bodies: address and text of each page and of what scripts requested, where ``keep_bodies`` was set.
    """

    context: BrowserContext
    hosts: set[str] = field(default_factory=set)
    complaints: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[tuple[str, str]] = field(default_factory=list)

    def complaints_of(self, part: str) -> list[tuple[str, str]]:
        """Return the complaints of addresses with this part."""
        return [(url, text) for url, text in self.complaints if part in url]


@contextmanager
def watched_context(browser: Browser, *, keep_bodies: bool = False, **options: Any) -> Iterator[Watched]:
    """Open a browser context, closed when the block ends.

    :param keep_bodies: keep the text of pages, and of what scripts request.
    :param options: keyword arguments of Playwright's ``new_context``.
    """
    context = browser.new_context(**{"viewport": DESKTOP, "locale": "en-GB", "timezone_id": "Europe/Berlin", **options})
    context.set_default_timeout(PATIENCE_MS)
    watched = Watched(context)

    def on_request(request: Request) -> None:
        host = urlsplit(request.url).netloc
        if host:  # a blob: or data: URL has none, and is not sent anywhere
            watched.hosts.add(host)

    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_OF_AIRFLOWS_FRAME):
            watched.complaints.append((message.location["url"], message.text))

    def on_page(page: Page) -> None:
        page.on("pageerror", lambda error: watched.complaints.append((page.url, str(error))))

    context.on("request", on_request)
    context.on("console", on_console)
    context.on("page", on_page)
    if keep_bodies:
        context.on("requestfinished", lambda request: _keep_body(watched, request))
    try:
        yield watched
    finally:
        context.close()


# Airflow's frame for a plugin's view has these two attributes; the warning has the address of our page.
_OF_AIRFLOWS_FRAME = "An iframe which has both allow-scripts and allow-same-origin"


def _keep_body(watched: Watched, request: Request) -> None:
    response = request.response()
    if response and not 300 <= response.status < 400 and request.resource_type in ("document", "fetch", "xhr"):
        watched.bodies.append((request.url, response.body().decode(errors="replace")))


def accessibility_faults(page: Page | Frame) -> list[str]:
    """Return what axe-core reports of a page with all of its rules, best practices included."""
    page.evaluate(_axe())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then(result => result.violations)")
    return [
        f"{rule['id']} ({rule['impact']}): {rule['help']}: {node['target']} {node['html'][:200]}"
        for rule in found
        for node in rule["nodes"]
    ]


@cache
def _axe() -> str:
    # A script tag would be blocked by the policy of our own pages.
    return AXE.read_text(encoding="utf-8")


# What differs from run to run and from machine to machine.
_VARYING = {
    rf"^{datetime.now(UTC).date()}$": "2026-11-19",
    r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?": "2026-11-19 06:00:00",
    r"\d{4}-\d\d-\d\d \d\d:\d\d UTC": "2026-11-19 06:00 UTC",
    r"[A-Z][a-z]{2} \d{1,2}, \d{4} \d\d:\d\d": "Nov 19, 2026 06:00",
    r"^\d\d:\d\d:\d\d(\.\d+)?$": "00:00:12",
}


def keep_picture(page: Page, name: str, *, replace: Mapping[str, str] | None = None, **options: Any) -> Path:
    """Write ``SCREENSHOTS/name.png``.

    :param replace: texts, such as paths of this machine, and what the picture shows instead of them. With it, times at
        which something ran are replaced too, so that a picture differs only if what it shows does.
    :param options: keyword arguments of Playwright's ``screenshot``.
    """
    if replace is not None:
        rules = [[re.escape(old), new] for old, new in replace.items()]
        for frame in page.frames:
            frame.evaluate(_STEADY, [*rules, *map(list, _VARYING.items())])
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=path, animations="disabled", caret="hide", **options)
    return path


_STEADY = """rules => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode())
    for (const [pattern, text] of rules) {
      const steady = walker.currentNode.data.replace(new RegExp(pattern, "g"), text);
      if (steady !== walker.currentNode.data) walker.currentNode.data = steady;
    }
}"""
