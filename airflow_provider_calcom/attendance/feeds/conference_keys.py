"""The key of a meeting, made of a booking's ``location`` on one side and of a feed's meeting id on the other.

Keys are texts that are compared as they are, and people see them in plans. Each begins with its vendor, so that equal
numbers of two vendors are two meetings:

================  =============================================================================================
``zoom:``         the meeting number's digits; ``zoom:my/jane.doe`` of a personal link, which has no number
``google_meet:``  the ten letters of the meeting code; ``google_meet:lookup/standup`` of a nickname
``teams:``        the thread, ``19:meeting_...@thread.v2``; the digits of a short link or meeting id
``webex:``        the meeting number's digits; ``mtid/m0...`` of a join link; ``acme.webex.com/meet/jane`` of a room
``cal_video:``    the booking's uid
================  =============================================================================================

The shapes of the links are from the vendors' own join links. Where a link names a meeting in another way than the
vendor's feed does (personal links of Zoom and Webex, Webex's join links), the two keys differ, which blames nobody; the
option ``conference_key`` of a feed mends it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from airflow_provider_calcom._redact import describe, redact
from airflow_provider_calcom.attendance.feeds.errors import InvalidFeedOption

LONGEST_LOCATION = 4096
"""Characters of a location at most; a longer one has no key."""

_TOKEN = re.compile(r"[^\s<>\"'`(),;\[\]{}|]+")
_HOST_FIRST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::\d+)?/", re.I | re.A)
_ZOOM_HOST = re.compile(r"(?:[a-z0-9-]+\.)*zoom(?:\.us|\.com|gov\.com|\.com\.cn)", re.A)
_ZOOM_PATH = re.compile(r"/(?:j|w|s|wc(?:/join)?)/([\d-]+)(?:/[^/]*)?/?", re.A)
_ZOOM_NAME = re.compile(r"/my/([^/]{1,100})/?")
_ZOOM_NUMBER = re.compile(r"\d{9,12}", re.A)
_MEET_HOSTS = ("meet.google.com", "tel.meet")
_MEET_CODE = re.compile(r"[a-z]{3}-?[a-z]{4}-?[a-z]{3}", re.A)
_MEET_PATH = re.compile(r"/(?:_meet/)?([a-z]{3}-?[a-z]{4}-?[a-z]{3})/?", re.I | re.A)
_MEET_LOOKUP = re.compile(r"/(?:_meet/)?lookup/([\w.-]{1,100})/?", re.A)
_TEAMS_HOSTS = (
    "teams.microsoft.com",
    "teams.cloud.microsoft",
    "teams.live.com",
    "gov.teams.microsoft.us",
    "dod.teams.microsoft.us",
)
_TEAMS_THREAD = re.compile(r"19:[\w.-]{1,200}@(?:thread\.(?:v2|skype|tacv2)|unq\.gbl\.spaces)(?:/\d{1,20})?", re.A)
_TEAMS_JOIN = re.compile(r"/(?:_#/)?(?:l/)?(?:meetup-join|meet)/(19:[^/]+)(?:/(\d+))?/?", re.I)
_TEAMS_SHORT = re.compile(r"/meet/(\d{9,20})/?", re.A)
_TEAMS_NUMBER = re.compile(r"\d{9,20}", re.A)
_WEBEX_HOST = re.compile(r"(?:[a-z0-9-]+\.)+webex\.com", re.A)
_WEBEX_ROOM = re.compile(r"/(?:meet|join)/([\w.@+-]{1,100})/?", re.I)
_WEBEX_NUMBER = re.compile(r"\d{9,12}", re.A)
_CAL_VIDEO_PATH = re.compile(r"/video/([\w-]{6,100})/?", re.A)
_UID = re.compile(r"[\w-]{6,100}", re.A)


def conference_key(location: object, *, patterns: Sequence[str] = ()) -> str | None:
    r"""Give the key of the meeting that a booking's location leads to, or None where it names none.

    Odd text never raises: it has no key. Neither has a text with links to two meetings, because a wrong key would
    take a person's presence away.

    :param location: a booking's ``location``: a link, alone or within other text, an address, or anything else.
    :param patterns: regular expressions with one group each, tried first and in their order. The group's text is the
        key as it is; a group that is named after a vendor, as ``(?P<zoom>\\d+)``, holds that vendor's meeting id.
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
    keys = {key for url in _urls(location) for key in [_key_of_url(url)] if key}
    return keys.pop() if len(keys) == 1 else None


def zoom_key(meeting: object) -> str | None:
    """Give the key of a Zoom meeting, or None.

    :param meeting: its number, as a number or a text with or without spaces and dashes; a join link; or a key.
    """
    text = _plain(meeting, "zoom:")
    digits = re.sub(r"[\s-]", "", text)
    if _ZOOM_NUMBER.fullmatch(digits):
        return f"zoom:{digits}"
    if re.fullmatch(r"my/[^/\s]{1,100}", text):
        return f"zoom:{text.lower()}"
    return _only_key(text, _zoom_of_url)


def meet_key(meeting: object) -> str | None:
    """Give the key of a Google Meet meeting, or None.

    :param meeting: its code, with or without dashes and in any case; a link; or a key.
    """
    text = _plain(meeting, "google_meet:").lower()
    if _MEET_CODE.fullmatch(text):
        return f"google_meet:{text.replace('-', '')}"
    if re.fullmatch(r"lookup/[\w.-]{1,100}", text):
        return f"google_meet:{text}"
    return _only_key(text, _meet_of_url)


def teams_key(meeting: object) -> str | None:
    """Give the key of a Teams meeting, or None.

    :param meeting: the id of its thread (``chatInfo.threadId``), its number (``joinMeetingId``), a join link
        (``joinWebUrl``), or a key. A meeting of a channel is told from the channel's others by the message that ends
        the thread in its join link.
    """
    text = _plain(meeting, "teams:")
    decoded = _decoded(text)
    if _TEAMS_THREAD.fullmatch(decoded):
        return f"teams:{decoded.removesuffix('/0')}"
    digits = re.sub(r"[\s-]", "", text)
    return f"teams:{digits}" if _TEAMS_NUMBER.fullmatch(digits) else _only_key(text, _teams_of_url)


def webex_key(meeting: object) -> str | None:
    """Give the key of a Webex meeting, or None.

    :param meeting: its number, as a number or a text with or without spaces; a join link (``webLink``); or a key. The
        API's ``meetingId`` is in no link, so there is no key of it.
    """
    text = _plain(meeting, "webex:")
    digits = re.sub(r"[\s-]", "", text)
    if _WEBEX_NUMBER.fullmatch(digits):
        return f"webex:{digits}"
    if re.fullmatch(r"mtid/m[0-9a-f]{10,100}", text):
        return f"webex:{text}"
    return _only_key(text, _webex_of_url)


def cal_video_key(meeting: object) -> str | None:
    """Give the key of a Cal Video meeting, or None.

    :param meeting: the booking's uid, a link to its video page, or a key.
    """
    text = _plain(meeting, "cal_video:")
    return f"cal_video:{text}" if _UID.fullmatch(text) else _only_key(text, _cal_video_of_url)


def _plain(meeting: object, prefix: str) -> str:
    if isinstance(meeting, int) and not isinstance(meeting, bool):
        meeting = str(meeting)
    if not isinstance(meeting, str) or len(meeting) > LONGEST_LOCATION:
        return ""
    return meeting.strip().removeprefix(prefix)


def _only_key(text: str, key_of: Callable[[SplitResult], str | None]) -> str | None:
    keys = {key for url in _urls(text) for key in [key_of(url)] if key}
    return keys.pop() if len(keys) == 1 else None


def _urls(text: str) -> Iterator[SplitResult]:
    """Give the links in a text; also those without a scheme, as people type them."""
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


def _key_of_url(url: SplitResult) -> str | None:
    return next((key for key_of in _READERS for key in [key_of(url)] if key), None)


def _host(url: SplitResult) -> str:
    return (url.hostname or "").removesuffix(".")


def _zoom_of_url(url: SplitResult) -> str | None:
    if not _ZOOM_HOST.fullmatch(_host(url)):
        return None
    path = unquote(url.path)
    found = _ZOOM_PATH.fullmatch(path)
    if found:
        digits = found[1].replace("-", "")
        return f"zoom:{digits}" if _ZOOM_NUMBER.fullmatch(digits) else None
    named = _ZOOM_NAME.fullmatch(path)
    return f"zoom:my/{named[1].lower()}" if named else None


def _meet_of_url(url: SplitResult) -> str | None:
    if _host(url) not in _MEET_HOSTS:
        return None
    found = _MEET_PATH.fullmatch(url.path)
    if found:
        return f"google_meet:{found[1].replace('-', '').lower()}"
    nicknamed = _MEET_LOOKUP.fullmatch(unquote(url.path))
    return f"google_meet:lookup/{nicknamed[1].lower()}" if nicknamed else None


def _teams_of_url(url: SplitResult) -> str | None:
    if _host(url) not in _TEAMS_HOSTS:
        return None
    found = _TEAMS_JOIN.fullmatch(_decoded(url.path))
    if found and _TEAMS_THREAD.fullmatch(found[1]):
        message = found[2] if found[2] and found[2] != "0" else None
        return f"teams:{found[1]}/{message}" if message else f"teams:{found[1]}"
    short = _TEAMS_SHORT.fullmatch(url.path)
    return f"teams:{short[1]}" if short else None


def _webex_of_url(url: SplitResult) -> str | None:
    host = _host(url)
    if not _WEBEX_HOST.fullmatch(host):
        return None
    ticket = next(iter(parse_qs(url.query[:LONGEST_LOCATION]).get("MTID", [])), "")
    if url.path.endswith("/j.php") and re.fullmatch(r"m[0-9a-f]{10,100}", ticket, re.IGNORECASE):
        return f"webex:mtid/{ticket.lower()}"
    room = _WEBEX_ROOM.fullmatch(unquote(url.path))
    if room is None:
        return None
    digits = _WEBEX_NUMBER.fullmatch(room[1])
    return f"webex:{room[1]}" if digits else f"webex:{host}/meet/{room[1].lower()}"


def _cal_video_of_url(url: SplitResult) -> str | None:
    """Take any host: Cal.com is also hosted by its users, and a uid is like no other vendor's id."""
    found = _CAL_VIDEO_PATH.fullmatch(url.path)
    return f"cal_video:{found[1]}" if found else None


def _decoded(text: str) -> str:
    """Undo the percent signs; links that went through another program's have them twice."""
    return unquote(unquote(text))


_READERS = (_zoom_of_url, _meet_of_url, _teams_of_url, _webex_of_url, _cal_video_of_url)
_KEYS_BY_GROUP = {
    "zoom": zoom_key,
    "google_meet": meet_key,
    "teams": teams_key,
    "webex": webex_key,
    "cal_video": cal_video_key,
}


def _key_of_match(found: re.Match[str]) -> str | None:
    text = (found[1] or "").strip()
    if found.lastgroup is None:
        return text or None
    return _KEYS_BY_GROUP[found.lastgroup](text)


def _patterns(patterns: Sequence[str]) -> list[re.Pattern[str]]:
    if isinstance(patterns, str) or not all(isinstance(pattern, str) for pattern in patterns):
        raise InvalidFeedOption("The conference patterns must be a list of texts")
    return [_compiled(pattern) for pattern in patterns]


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise InvalidFeedOption(
            f"The conference pattern {describe(pattern)} is no regular expression: {redact(str(error))}"
        ) from None
    if compiled.groups != 1:
        raise InvalidFeedOption(
            f"The conference pattern {describe(pattern)} must have one group, which is the key, but has"
            f" {compiled.groups}"
        )
    unknown = set(compiled.groupindex) - set(_KEYS_BY_GROUP)
    if unknown:
        raise InvalidFeedOption(
            f"The conference pattern {describe(pattern)} has a group named {describe(unknown.pop())}; a group may"
            f" have no name, or"
            f" one of {', '.join(_KEYS_BY_GROUP)}"
        )
    return compiled
