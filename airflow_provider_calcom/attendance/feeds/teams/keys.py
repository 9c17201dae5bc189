"""Conference keys of Teams: the thread of the meeting, or the digits of a short link or meeting id."""

from __future__ import annotations

import re
from urllib.parse import SplitResult

from airflow_provider_calcom.attendance.feeds._links import decoded, host_of, key_in_links, plain_id

_HOSTS = (
    "teams.microsoft.com",
    "teams.cloud.microsoft",
    "teams.live.com",
    "gov.teams.microsoft.us",
    "dod.teams.microsoft.us",
)
_THREAD = re.compile(r"19:[\w.-]{1,200}@(?:thread\.(?:v2|skype|tacv2)|unq\.gbl\.spaces)(?:/\d{1,20})?", re.A)
_JOIN = re.compile(r"/(?:_#/)?(?:l/)?(?:meetup-join|meet)/(19:[^/]+)(?:/(\d+))?/?", re.I)
_SHORT = re.compile(r"/meet/(\d{9,20})/?", re.A)
_NUMBER = re.compile(r"\d{9,20}", re.A)


def teams_key(meeting: object) -> str | None:
    """Return the key of a Teams meeting, or None.

    :param meeting: the id of its thread (``chatInfo.threadId``), its number (``joinMeetingId``), a join link
        (``joinWebUrl``), or a key. Meetings of one channel differ by the message that ends the thread in their join
        links.
    """
    text = plain_id(meeting, "teams:")
    thread = decoded(text)
    if _THREAD.fullmatch(thread):
        return f"teams:{thread.removesuffix('/0')}"
    digits = re.sub(r"[\s-]", "", text)
    return f"teams:{digits}" if _NUMBER.fullmatch(digits) else key_in_links(text, teams_key_of_url)


def teams_key_of_url(url: SplitResult) -> str | None:
    """Return the key of a join link of Teams, or None for any other link."""
    if host_of(url) not in _HOSTS:
        return None
    found = _JOIN.fullmatch(decoded(url.path))
    if found and _THREAD.fullmatch(found[1]):
        message = found[2] if found[2] and found[2] != "0" else None
        return f"teams:{found[1]}/{message}" if message else f"teams:{found[1]}"
    short = _SHORT.fullmatch(url.path)
    return f"teams:{short[1]}" if short else None
