"""Conference keys of Zoom: the digits of the meeting number, or ``my/jane.doe`` of a personal link."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, unquote

from airflow_provider_calcom.attendance.feeds._links import host_of, key_in_links, plain_id

_HOST = re.compile(r"(?:[a-z0-9-]+\.)*zoom(?:\.us|\.com|gov\.com|\.com\.cn)", re.A)
_PATH = re.compile(r"/(?:j|w|s|wc(?:/join)?)/([\d-]+)(?:/[^/]*)?/?", re.A)
_NAME = re.compile(r"/my/([^/]{1,100})/?")
_NUMBER = re.compile(r"\d{9,12}", re.A)


def zoom_key(meeting: object) -> str | None:
    """Return the key of a Zoom meeting, or None.

    :param meeting: its number, as a number or a string with or without spaces and dashes; a join link; or a key.
    """
    text = plain_id(meeting, "zoom:")
    digits = re.sub(r"[\s-]", "", text)
    if _NUMBER.fullmatch(digits):
        return f"zoom:{digits}"
    if re.fullmatch(r"my/[^/\s]{1,100}", text):
        return f"zoom:{text.lower()}"
    return key_in_links(text, zoom_key_of_url)


def zoom_key_of_url(url: SplitResult) -> str | None:
    """Return the key of a join link of Zoom, or None for any other link."""
    if not _HOST.fullmatch(host_of(url)):
        return None
    path = unquote(url.path)
    found = _PATH.fullmatch(path)
    if found:
        digits = found[1].replace("-", "")
        return f"zoom:{digits}" if _NUMBER.fullmatch(digits) else None
    named = _NAME.fullmatch(path)
    return f"zoom:my/{named[1].lower()}" if named else None
