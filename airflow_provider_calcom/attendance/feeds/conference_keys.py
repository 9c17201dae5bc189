"""The key of a meeting, made of a booking's ``location`` on one side and of a feed's meeting id on the other.

Keys are strings that are compared as they are, and people see them in plans. Each begins with its vendor, as
``zoom:84512345678``, so that equal numbers of two vendors are two meetings. Each feed makes its own, with ``key_of``
(of an id) and ``key_of_url`` (of a join link).

The shapes of the links are those of the vendors' own join links. Where a link names a meeting in another way than the
vendor's feed does (personal links of Zoom and Webex, Webex's join links), the two keys differ, which marks nobody
absent; the options ``conference_key`` and ``conference_keys`` of a feed say what belongs together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import SplitResult

from airflow_provider_calcom._redact import describe, redact
from airflow_provider_calcom.attendance.errors import InvalidFeedOption
from airflow_provider_calcom.attendance.feeds._links import LONGEST_LOCATION, key_in_links
from airflow_provider_calcom.attendance.feeds._registry import feed_named, feed_names


def conference_key(location: object, *, patterns: Sequence[str] = ()) -> str | None:
    r"""Return the key of the meeting that a booking's location leads to, or None where it names none.

    An odd string never raises: it has no key. Neither has one with links to two meetings, because a wrong key would
    take a person's presence away.

    :param location: a booking's ``location``: a link, alone or within other text, an address, or anything else.
    :param patterns: regular expressions with one group each, tried first and in their order. The group's string is the
        key as it is; a group that is named after a feed, as ``(?P<zoom>\\d+)``, holds that vendor's meeting id.
    :raises InvalidFeedOption: for a pattern that can't be used, naming it.
    """
    own = _patterns(patterns)
    if not isinstance(location, str) or len(location) > LONGEST_LOCATION:
        return None
    for pattern in own:
        found = pattern.search(location)
        key = _key_of_match(found) if found else None
        if key:
            return key
    return key_in_links(location, _key_of_url)


def _key_of_url(url: SplitResult) -> str | None:
    return next((key for name in feed_names() if (key := feed_named(name).key_of_url(url))), None)


def _key_of_match(found: re.Match[str]) -> str | None:
    text = (found[1] or "").strip()
    if found.lastgroup is None:
        return text or None
    return feed_named(found.lastgroup).key_of(text)


def _patterns(patterns: Sequence[str]) -> list[re.Pattern[str]]:
    if isinstance(patterns, str) or not all(isinstance(pattern, str) for pattern in patterns):
        raise InvalidFeedOption("The conference patterns must be a list of strings")
    compiled = [_compiled(pattern) for pattern in patterns]
    for one in compiled:
        _check_group(one)
    return compiled


def _check_group(pattern: re.Pattern[str]) -> None:
    unknown = next((name for name in pattern.groupindex if name not in feed_names()), None)
    if unknown is not None:
        raise InvalidFeedOption(
            f"The conference pattern {describe(pattern.pattern)} has a group named {describe(unknown)}; a group has no"
            f" name, or that of a feed: {', '.join(feed_names())}"
        )


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise InvalidFeedOption(
            f"The conference pattern {describe(pattern)} is not a regular expression: {redact(str(error))}"
        ) from None
    if compiled.groups != 1:
        raise InvalidFeedOption(
            f"The conference pattern {describe(pattern)} must have one group, which is the key, but has"
            f" {compiled.groups}"
        )
    return compiled
