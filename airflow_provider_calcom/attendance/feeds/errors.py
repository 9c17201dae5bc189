"""What can go wrong with a feed, in words that are safe to log: never a name, and never an address.

A feed's values are people's data, and columns shift: a time column can hold a name. So a value is shown as its shape
unless it plainly is a date, and a text of the vendor's is never repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from airflow_provider_calcom.attendance.errors import AttendanceError

if TYPE_CHECKING:
    from airflow_provider_calcom.attendance.feeds.report import FeedReport

_LONGEST_SHOWN = 40
_LONGEST_NAME = 60
_LONGEST_COLUMNS = 400
_MOST_COLUMNS = 40
_DATE_WORDS = re.compile(
    r"(?:[tz]|am|pm|a\.m\.|p\.m\.|utc|gmt|jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec"
    r"|january|february|march|april|june|july|august|september|october|november|december)",
    re.IGNORECASE,
)
_DATE_OR_CLOCK = re.compile(r"(?<!\d)(?:\d{1,4}([-/.])\d{1,2}\1\d{1,4}|\d{1,2}:\d\d)(?!\d)", re.ASCII)
_WORDS = re.compile(r"[^\W\d_](?:[^\W\d_]|\.(?=[^\W\d_]))*\.?")


def shape_of(value: object) -> str:
    """Show what kind of value came: ``text like '99/99/9999'`` or ``a list``; nothing of its text is repeated."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return f"text like {_masked(value)!r}"
    if isinstance(value, bool):
        return f"the bool {value}"
    if isinstance(value, (int, float)) and -1e30 < value < 1e30:
        return f"a number of {len(str(abs(int(value))))} digits"  # it may be a telephone's
    return f"a {type(value).__name__}"


def shown_time(value: object) -> str:
    """Show a value of a time column: as it is where it plainly is a date or a time, otherwise as its shape."""
    if isinstance(value, str) and len(value) <= _LONGEST_SHOWN and _looks_like_a_time(value):
        return repr(value)
    return shape_of(value)


def shown_columns(names: Iterable[object]) -> str:
    """Return the names of a file's columns for an error: those alone, and none where they look like data.

    A file without a header, or an object with people as keys, has data where names should be; so one of them that
    looks like an address, a number or a time hides them all.
    """
    texts = [" ".join(str(name).split()) for name in names]
    texts = [text for text in texts if text]
    if not texts:
        return "(none)"
    if any(_looks_like_data(text) for text in texts):
        return f"({len(texts)} columns, which look like data rather than names, so they are not shown)"
    shown = ", ".join(texts[:_MOST_COLUMNS])
    return f"{shown[:_LONGEST_COLUMNS]}{', ...' if len(texts) > _MOST_COLUMNS or len(shown) > _LONGEST_COLUMNS else ''}"


def _looks_like_data(name: str) -> bool:
    digits = sum(letter.isdigit() for letter in name)
    return len(name) > _LONGEST_NAME or "@" in name or "://" in name or digits > 4 or bool(_DATE_OR_CLOCK.search(name))


def _looks_like_a_time(text: str) -> bool:
    words = _WORDS.findall(text)
    return bool(_DATE_OR_CLOCK.search(text)) and all(_DATE_WORDS.fullmatch(word) for word in words)


def _masked(text: str) -> str:
    masked = re.sub(r"\d", "9", re.sub(r"[^\W\d_]+", "a", text[:_LONGEST_SHOWN]))
    return masked + ("..." if len(text) > _LONGEST_SHOWN else "")


class FeedError(AttendanceError, ValueError):
    """Base of what goes wrong with a feed; raised only as one of its subclasses."""


class InvalidFeedOption(FeedError):
    """An option of a feed, or the name of the feed, can't be used. Mend: the option that the text names."""


class FeedUnreadable(FeedError):
    """The feed as a whole can't be trusted: too many records, or the file itself, can't be read.

    What was read before it must not be used: a person whose row is lost looks absent. Mend: the text names the feed,
    file, row and column of the first fault.

    :param explanation: what happened and the mend.
    :param report: the counts so far and the first faults.
    """

    def __init__(self, explanation: str, report: FeedReport | None = None) -> None:
        super().__init__(explanation)
        self.explanation = explanation
        self.report = report


class UnreadableFile(Exception):
    """A file is none that the feed reads, or is not whole. For feeds: raise it while a table is taken apart.

    :param explanation: what is wrong and how to fix it. No value of the file.
    """

    def __init__(self, explanation: str) -> None:
        super().__init__(explanation)
        self.explanation = explanation


class UnreadableField(Exception):
    """One record can't be read. For feeds: raise it while a record is read; it is counted, not passed on.

    :param column: the column at fault, or None where it is the record itself.
    :param reason: what is wrong with it, in words that are the same for every record with this fault: they are
        counted by it. No value, and no text of the record's.
    :param value: the value made safe by :func:`shown_time` or :func:`shape_of`, or None.
    """

    def __init__(self, column: str | None, reason: str, value: str | None = None) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason
        self.value = value


class SkippedRecord(Exception):
    """One record is left out on purpose. For feeds: raise it while a record is read; it is counted by reason.

    :param reason: why, in words that are the same for every such record.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
