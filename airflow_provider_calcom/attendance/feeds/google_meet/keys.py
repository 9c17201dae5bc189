"""Conference keys of Google Meet: the ten letters of the code, or ``lookup/standup`` of a nickname."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, unquote

from airflow_provider_calcom.attendance.feeds._links import host_of, key_in_links, plain_id

_HOSTS = ("meet.google.com", "tel.meet")
_CODE = re.compile(r"[a-z]{3}-?[a-z]{4}-?[a-z]{3}", re.A)
_PATH = re.compile(r"/(?:_meet/)?([a-z]{3}-?[a-z]{4}-?[a-z]{3})/?", re.I | re.A)
_LOOKUP = re.compile(r"/(?:_meet/)?lookup/([\w.-]{1,100})/?", re.A)


def meet_key(meeting: object) -> str | None:
    """Return the key of a Google Meet meeting, or None.

    :param meeting: its code, with or without dashes and in any case; a link; or a key.
    """
    text = plain_id(meeting, "google_meet:").lower()
    if _CODE.fullmatch(text):
        return f"google_meet:{text.replace('-', '')}"
    if re.fullmatch(r"lookup/[\w.-]{1,100}", text):
        return f"google_meet:{text}"
    return key_in_links(text, meet_key_of_url)


def meet_key_of_url(url: SplitResult) -> str | None:
    """Return the key of a link of Google Meet, or None for any other link."""
    if host_of(url) not in _HOSTS:
        return None
    found = _PATH.fullmatch(url.path)
    if found:
        return f"google_meet:{found[1].replace('-', '').lower()}"
    nicknamed = _LOOKUP.fullmatch(unquote(url.path))
    return f"google_meet:lookup/{nicknamed[1].lower()}" if nicknamed else None
