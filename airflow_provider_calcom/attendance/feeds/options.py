"""The options of feeds: what a user says of the data."""

from __future__ import annotations

import codecs
import re
from collections.abc import ItemsView, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from airflow_provider_calcom._redact import describe, shown_column
from airflow_provider_calcom.attendance.errors import InvalidFeedOption
from airflow_provider_calcom.attendance.feeds._columns import folded_name
from airflow_provider_calcom.attendance.feeds._times import ORDERS, parse_zone

MEGABYTE = 1024 * 1024
TABLES = ("addresses", "booking_uids", "conference_keys")
_MOST_SHOWN = 10
WORDS = ("joined_words", "left_words", "am_words", "pm_words", "guest_marks")
_NUMBER = re.compile(r"\d+(?:[ \u00a0-]\d+)*")  # a minus is not a dash: -1 is another id than 1
_BETWEEN_DIGITS = re.compile(r"[ \u00a0-]")

Fields = Mapping[str, tuple[str, ...]]
"""{field of a row, as ``joined_at``: the names that the vendor has for its column, the first one first}."""


class LookUp(Mapping[str, str]):
    """A table {the vendor's id: what the user says it is}.

    An id is found in any spelling that programs make of it: with percent signs (once or twice, as Zoom wants a uuid in
    a URL), and numbers with spaces or dashes.

    :param pairs: the table.
    """

    def __init__(self, pairs: Mapping[str, str]) -> None:
        self._pairs = dict(pairs)
        self._plain = {_plain(key): value for key, value in pairs.items()}
        self.found = 0

    def __getitem__(self, key: str) -> str:
        value = self._pairs[key] if key in self._pairs else self._plain[_plain(key)]
        self.found += 1
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def items(self) -> ItemsView[str, str]:
        """Return the entries, without counting them as looked up."""
        return self._pairs.items()

    def __repr__(self) -> str:
        return f"LookUp of {len(self)} entries"  # keys and values are people's data


@lru_cache(maxsize=4096)
def _plain(key: str) -> str:
    text = unquote(unquote(key)).strip()
    return _BETWEEN_DIGITS.sub("", text) if _NUMBER.fullmatch(text) else text


class OwnColumns(Mapping[str, str]):
    """The option ``columns``, by every name that a feed may request.

    :param pairs: {field, or one of the vendor's names of its column: the file's own column}.
    :param fields: what the feed reads; empty where it does not say, and any key is then taken as a column's name.
    :raises InvalidFeedOption: for a key that is not a field of the feed, and for two keys that are one field.
    """

    def __init__(self, pairs: Mapping[str, str], fields: Fields | None = None) -> None:
        self._pairs = dict(pairs)
        self._by_name: dict[str, str] = {}
        for key, column in self._pairs.items():
            for name in _own_names_of(key, fields or {}):
                if self._by_name.setdefault(folded_name(name), column) != column:
                    raise InvalidFeedOption(
                        "The feed's option columns names two columns for one field, the second by"
                        f" {shown_column(key)!r}"
                    )

    def column_for(self, name: str) -> str | None:
        """Return the file's own column for one that a feed requests, or None."""
        return self._by_name.get(folded_name(name)) if self._by_name else None

    def __getitem__(self, key: str) -> str:
        return self._pairs[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)


def _own_names_of(key: str, fields: Fields) -> tuple[str, ...]:
    folded = folded_name(key)
    # A field's own name goes first: another field may have it among the vendor's names.
    for of_field in (lambda name: (name,), lambda name: fields[name]):
        for name, names in fields.items():
            if folded in map(folded_name, of_field(name)):
                return name, *names
    if fields:
        raise InvalidFeedOption(
            f"The feed's option columns names {shown_column(key)!r}, but may name only {', '.join(fields)}"
        )
    return (key,)


@dataclass(frozen=True)
class FeedOptions:
    """All options of all feeds; checked when it is made. Each feed says which of them it reads.

    :param zone: zone of times that come without one, as ``Europe/Berlin`` or ``+02:00``. None: such a time is
        unreadable.
    :param date_format: ``day_first`` or ``month_first`` for dates as 03/04/2026, or a format of ``strptime`` for all
        times of the feed. None: a date that can be read in both ways is unreadable.
    :param date: date, as ``2026-11-18``, of times that come as a clock alone. None: the one that the
        file or its name has; such a time is unreadable without.
    :param booking_uid: booking of all rows that don't name one, for the response about a single meeting.
    :param conference_key: meeting of all rows; the vendor's own id or a whole key. It also replaces the number that
        records name, as of a personal link. Records that name two meetings are refused.
    :param addresses: {the vendor's id of a user: e-mail address}, for feeds that know people by an id.
    :param booking_uids: {the vendor's id of a calendar event or room: booking uid}, for feeds that give one.
    :param conference_keys: {the vendor's id or number of a meeting, as a Meet space or a Zoom uuid: its code, URL or
        key}, where the booking's link names the meeting in another way than the records do.
    :param unnamed_participants: whether a report may count more people than it names, because people may choose not to
        be named; then somebody unknown was there, too. False: such a report was cut.
    :param columns: {field: the file's own column}, where a file's columns are not known; see ``fields`` of a feed.
    :param joined_words: words for having joined, in lists of joinings and leavings, besides those that are known.
    :param left_words: words for having left, likewise.
    :param am_words: words for the first half of the day, as ``de.``, besides those that are known.
    :param pm_words: words for the second half of the day, likewise.
    :param guest_marks: marks of guests behind display names, as ``(gost)``, besides those that are known; with or
        without parentheses.
    :param epoch: ``s`` or ``ms`` where times are numbers, for feeds of no fixed shape.
    :param max_unreadable: share of unreadable records, 0 to 1, above which the feed is refused.
    :param encoding: encoding of text files. None: UTF-8, or UTF-16 where the file looks like it.
    :param delimiter: what separates the cells of a CSV file. None: as its first lines show.
    :param largest_line: characters of one line at which reading stops.
    :param largest_document: bytes (unpacked) of one JSON document at which reading stops; in memory it takes some ten
        times that.
    :raises InvalidFeedOption: naming the option.
    """

    zone: str | None = None
    date_format: str | None = None
    date: str | None = None
    booking_uid: str | None = None
    conference_key: str | None = None
    addresses: Mapping[str, str] = field(default_factory=dict, repr=False)
    booking_uids: Mapping[str, str] = field(default_factory=dict)
    conference_keys: Mapping[str, str] = field(default_factory=dict)
    unnamed_participants: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)
    joined_words: Sequence[str] = ()
    left_words: Sequence[str] = ()
    am_words: Sequence[str] = ()
    pm_words: Sequence[str] = ()
    guest_marks: Sequence[str] = ()
    epoch: str | None = None
    max_unreadable: float = 0.05
    encoding: str | None = None
    delimiter: str | None = None
    largest_line: int = 16 * MEGABYTE
    largest_document: int = 64 * MEGABYTE

    def __post_init__(self) -> None:
        _check_zone(self.zone)
        _check_date_format(self.date_format)
        _check_date(self.date)
        self._check_texts()
        self._check_numbers()
        self._check_tables()
        self._check_words()
        if not isinstance(self.unnamed_participants, bool):
            raise InvalidFeedOption("The feed's option unnamed_participants must be true or false")
        if self.epoch not in (None, "s", "ms"):
            raise InvalidFeedOption("The feed's option epoch must be 's' (seconds) or 'ms' (milliseconds)")

    def _check_tables(self) -> None:
        for name in (*TABLES, "columns"):
            pairs = getattr(self, name)
            if isinstance(pairs, (LookUp, OwnColumns)):
                continue
            if not isinstance(pairs, Mapping) or not all(
                isinstance(part, str) and part for pair in pairs.items() for part in pair
            ):
                raise InvalidFeedOption(f"The feed's option {name} must be a dict of strings")
            kept = OwnColumns(pairs) if name == "columns" else LookUp(pairs)
            object.__setattr__(self, name, kept)

    def _check_words(self) -> None:
        for name in WORDS:
            words = getattr(self, name)
            if not isinstance(words, (list, tuple)) or not all(isinstance(one, str) and one.strip() for one in words):
                raise InvalidFeedOption(f"The feed's option {name} must be a list of non-empty strings")
            object.__setattr__(self, name, tuple(word.strip() for word in words))

    def _check_texts(self) -> None:
        for name in ("booking_uid", "conference_key", "encoding", "delimiter"):
            text = getattr(self, name)
            if text is not None and (not isinstance(text, str) or not text or "\0" in text):
                raise InvalidFeedOption(f"The feed's option {name} must be a non-empty string or None")
        if self.delimiter is not None and (len(self.delimiter) != 1 or self.delimiter in '"\r\n'):
            raise InvalidFeedOption("The feed's option delimiter must be a single character, for instance ';'")
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except (LookupError, UnicodeError):
                raise InvalidFeedOption(
                    f"The feed's option encoding must be one that Python knows, for instance cp1252,"
                    f" but is {describe(self.encoding)}"
                ) from None

    def _check_numbers(self) -> None:
        share = self.max_unreadable
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
            raise InvalidFeedOption("The feed's option max_unreadable must be a number from 0 to 1")
        for name in ("largest_line", "largest_document"):
            size = getattr(self, name)
            if isinstance(size, bool) or not isinstance(size, int) or size < 1:
                raise InvalidFeedOption(f"The feed's option {name} must be an integer above 0")

    @classmethod
    def of(cls, given: Mapping[str, Any], feed_fields: Fields | None = None) -> FeedOptions:
        """Return the options of a dict.

        :param feed_fields: the fields that ``columns`` may name; any where it is empty.
        :raises InvalidFeedOption: for a name that is not an option, listing those that are.
        """
        known = cls.names()
        unknown = [describe(name) for name in given if name not in known][:_MOST_SHOWN]
        if unknown:
            raise InvalidFeedOption(f"Feeds have no option {', '.join(unknown)}. There are: {', '.join(known)}")
        options = cls(**given)
        if feed_fields:
            object.__setattr__(options, "columns", OwnColumns(options.columns, feed_fields))
        return options

    @property
    def own_columns(self) -> OwnColumns | None:
        """The option ``columns``, or None where it names none."""
        columns = self.columns
        return columns if isinstance(columns, OwnColumns) and len(columns) else None

    def own_column(self, name: str) -> str | None:
        """Return the file's own column for one that a feed requests, or None where ``columns`` does not name it."""
        own = self.own_columns
        return own.column_for(name) if own else None

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of all options."""
        return tuple(one.name for one in fields(cls))

    def is_given(self, name: str) -> bool:
        """Return whether an option has another value than its default."""
        value = getattr(self, name)
        default = next(one.default for one in fields(self) if one.name == name)
        return bool(len(value)) if name in (*TABLES, *WORDS, "columns") else value != default


def _check_zone(zone: str | None) -> None:
    if zone is None:
        return
    try:
        parse_zone(zone)
    except (ValueError, OSError, LookupError, TypeError, AttributeError):
        raise InvalidFeedOption(
            f"The feed's option zone must be a time zone as Europe/Berlin or +02:00, but is {describe(zone)}"
        ) from None


def _check_date(date: str | None) -> None:
    if date is None:
        return
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", date, re.ASCII):
            raise ValueError
        datetime.strptime(date, "%Y-%m-%d")
    except (ValueError, TypeError):
        raise InvalidFeedOption(
            f"The feed's option date must be a date as 2026-11-18, but is {describe(date)}"
        ) from None


def _check_date_format(date_format: str | None) -> None:
    if date_format is None or date_format in ORDERS:
        return
    sample = datetime(2026, 1, 15, 10, 20)
    try:
        read = datetime.strptime(sample.strftime(date_format), date_format)
    except (ValueError, TypeError):
        read = None
    if read is None or read.replace(tzinfo=None) != sample:
        raise InvalidFeedOption(
            "The feed's option date_format must be day_first, month_first, or a format of strptime with date and time,"
            f" for instance '%d/%m/%Y %H:%M:%S', but is {describe(date_format)}"
        )
