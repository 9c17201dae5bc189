"""Links to meetings within other text, for the conference keys of vendors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import SplitResult, unquote, urlsplit

LONGEST_LOCATION = 4096
"""Characters of a location at most; a longer one has no key."""

_TOKEN = re.compile(r"[^\s<>\"'`(),;\[\]{}|]+")
_HOST_FIRST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::\d+)?/", re.I | re.A)


def urls_in(text: str) -> Iterator[SplitResult]:
    """Return the links in a string; also those without a scheme, as people type them."""
    for token in _TOKEN.findall(text):
        start = re.search(r"https?://", token, re.IGNORECASE)
        link = token[start.start() :] if start else f"https://{token}" if _HOST_FIRST.match(token) else None
        # A backslash ends the host for a browser, but not for urlsplit.
        if link is None or "\\" in link:
            continue
        try:
            url = urlsplit(link.rstrip(".!?"))
            host = url.hostname
        except ValueError:
            continue
        if host:
            yield url


def host_of(url: SplitResult) -> str:
    """Return the host in lower case, without the dot that may end it."""
    return (url.hostname or "").removesuffix(".")


def decoded(text: str) -> str:
    """Return a string without percent-encoding, of which links that passed through another program have two layers."""
    return unquote(unquote(text))


def plain_id(meeting: object, prefix: str) -> str:
    """Return a meeting's id without the prefix of a key; empty for what is not an id.

    :param meeting: as the user or the vendor wrote it.
    :param prefix: that of the vendor's keys, for instance ``zoom:``.
    """
    if isinstance(meeting, int) and not isinstance(meeting, bool):
        meeting = str(meeting)
    if not isinstance(meeting, str) or len(meeting) > LONGEST_LOCATION:
        return ""
    return meeting.strip().removeprefix(prefix)


def key_in_links(text: str, key_of_url: Callable[[SplitResult], str | None]) -> str | None:
    """Return the one key that the links in a string have, or None: of two, either may be another meeting's."""
    keys = {key for url in urls_in(text) if (key := key_of_url(url))}
    return keys.pop() if len(keys) == 1 else None
