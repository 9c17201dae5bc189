"""Reading the times of vendors: ISO 8601, the local times of exports, and epoch numbers.

Nothing is guessed. A time without a zone needs the option ``zone``, and a date that can be read in two ways needs
``date_format``. Where a clock was set back and a local time came twice, a beginning is taken as the earlier and an end
as the later of the two: presence may then be an hour too long, which blames nobody.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from airflow_provider_calcom.attendance.feeds.errors import InvalidFeedOption

ORDERS = ("day_first", "month_first")
LONGEST_TIME = 64
"""Characters of a time at most; what is longer is something else."""

_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)?")
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)? ?(Z|UTC|[+-]\d\d(?::?\d\d)?)?",
    re.IGNORECASE | re.ASCII,
)
_CLOCK = r"(?:,? +(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d))? ?(?P<half>[ap]\.?m\.?)?)"
_NUMERIC = re.compile(
    r"(?P<first>\d\d?)(?P<mark>[/.-])(?P<other>\d\d?)(?P=mark)(?P<year>\d{4}|\d\d)" + _CLOCK, re.I | re.A
)
_YEAR_FIRST = re.compile(r"(?P<year>\d{4})[/.](?P<month>\d\d?)[/.](?P<day>\d\d?)" + _CLOCK, re.I | re.A)
_ISO_DATE = re.compile(r"(?P<year>\d{4})-(?P<month>\d\d?)-(?P<day>\d\d?)" + _CLOCK, re.I | re.A)
_NAMED = re.compile(
    r"(?:(?P<word>[a-z]{3,9})\.? (?P<day>\d\d?),? |(?P<day2>\d\d?)[ -](?P<word2>[a-z]{3,9})\.?[ -])(?P<year>\d{4})"
    + _CLOCK,
    re.I | re.A,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_WORDS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class BadTime(ValueError):
    """A value is no time that can be read without guessing; the text says why and holds nothing of the value."""


def checked_zone(zone: str | None) -> tzinfo | None:
    """Give the zone of a name or an offset.

    :raises InvalidFeedOption: if there is no such zone.
    """
    if zone is None:
        return None
    try:
        return _zone(zone)
    except (ValueError, OSError, LookupError, TypeError, AttributeError):
        raise InvalidFeedOption(
            f"The feed's option zone must be a time zone as Europe/Berlin or +02:00, but is {str(zone)[:40]!r}"
        ) from None


@lru_cache(maxsize=64)
def _zone(zone: str) -> tzinfo:
    if zone.upper() in ("UTC", "Z"):
        return timezone.utc
    found = _OFFSET.fullmatch(zone)
    if found:
        offset = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
        return timezone(-offset if found[1] == "-" else offset)
    return ZoneInfo(zone)


def checked_date_format(date_format: str | None) -> None:
    """Check the option ``date_format``.

    :raises InvalidFeedOption: if it is no order, and no format that gives a whole date and time.
    """
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
            f" for instance '%d/%m/%Y %H:%M:%S', but is {str(date_format)[:40]!r}"
        )


def checked_date(date: str | None) -> None:
    """Check the option ``date``.

    :raises InvalidFeedOption: if it is no date as ``2026-11-18``.
    """
    try:
        if date is None or (len(date) == len("2026-11-18") and datetime.strptime(date, "%Y-%m-%d")):
            return
    except (ValueError, TypeError):
        pass
    raise InvalidFeedOption(f"The feed's option date must be a date as 2026-11-18, but is {str(date)[:40]!r}")


def as_utc(moment: datetime) -> str:
    """Write an aware datetime as ``2026-01-15T10:00:03.000Z``, with microseconds where there are any."""
    utc = moment.astimezone(timezone.utc).replace(tzinfo=None)
    return utc.isoformat(timespec="microseconds" if utc.microsecond % 1000 else "milliseconds") + "Z"


def instant(
    value: object, *, zone: str | None = None, date_format: str | None = None, is_end: bool = False
) -> datetime:
    """Read a time: a datetime, or the text of one.

    :param value: an aware datetime, or a naive one; ISO 8601 text; or a local time as exports print it.
    :param zone: the zone of what comes without one.
    :param date_format: see :class:`FeedOptions`.
    :param is_end: whether this is the end of a presence; see the module's text.
    :raises BadTime: saying what is wrong and what to do.
    """
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, str):
        moment = _parsed(value, date_format)
    else:
        raise BadTime("is no time")
    try:
        return _placed(moment, zone, is_end)
    except OverflowError:
        raise BadTime("is out of range") from None


def epoch_instant(value: object, unit: str) -> datetime:
    """Read a number of seconds or milliseconds since 1970.

    :param value: a number, or a text of digits.
    :param unit: ``s`` or ``ms``.
    :raises BadTime: for anything else, and for a number that must be of the other unit.
    """
    try:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise ValueError
        number = float(value) if not isinstance(value, int) else value
        moment = _EPOCH + timedelta(**{"milliseconds" if unit == "ms" else "seconds": number})
    except (ValueError, OverflowError):
        raise BadTime(f"is no number of {'milliseconds' if unit == 'ms' else 'seconds'} since 1970") from None
    if not 2000 <= moment.year < 2200:
        raise BadTime(f"is no number of {'milliseconds' if unit == 'ms' else 'seconds'} since 1970 of our time")
    return moment


def _placed(moment: datetime, zone: str | None, is_end: bool) -> datetime:
    if moment.utcoffset() is not None:
        return moment.astimezone(timezone.utc)
    place = checked_zone(zone)
    if place is None:
        raise BadTime("has no time zone; give the option zone, for instance zone='Europe/Berlin'")
    utc = moment.replace(tzinfo=place, fold=int(is_end)).astimezone(timezone.utc)
    if utc.astimezone(place).replace(tzinfo=None) != moment.replace(tzinfo=None):
        raise BadTime("is a local time that the option zone's clocks skipped, so the zone must be another")
    return utc


def _parsed(text: str, date_format: str | None) -> datetime:
    if len(text) > LONGEST_TIME:
        raise BadTime("is too long for a time")
    plain = " ".join(text.split())  # also the narrow no-break space that some locales print before PM
    try:
        if date_format is not None and date_format not in ORDERS:
            return datetime.strptime(plain, date_format)
        found = _ISO.fullmatch(plain)
        return _from_iso(found) if found else _from_export(plain, date_format)
    except BadTime:
        raise
    except ValueError:
        raise BadTime("is no time that exists, or not in the given date_format") from None


def _from_iso(found: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    if hour is None:
        raise BadTime("is a date without a time")
    micro = int((fraction or "")[:6].ljust(6, "0"))
    place = _zone(offset.upper()) if offset else None
    return datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), micro, place)


def _from_export(text: str, date_format: str | None) -> datetime:
    for shape, date_of in _EXPORT_SHAPES:
        found = shape.fullmatch(text)
        if found:
            year, month, day = date_of(found, date_format)
            return datetime(year, month, day, _hour(found), int(found["minute"]), int(found["second"] or 0))
    raise BadTime("is no time in a known form; give the option date_format")


def _hour(found: re.Match[str]) -> int:
    hour, half = int(found["hour"]), (found["half"] or "").lower()
    if not half:
        return hour
    if not 1 <= hour <= 12:
        raise BadTime("has an hour that does not go with AM or PM")
    return hour % 12 + (12 if half.startswith("p") else 0)


def _date_of_numbers(found: re.Match[str], date_format: str | None) -> tuple[int, int, int]:
    first, other, year = int(found["first"]), int(found["other"]), int(found["year"])
    # No locale writes the month first with dots, and none a year of two digits in front of slashes only.
    order = "day_first" if found["mark"] == "." else date_format
    if len(found["year"]) == 2:
        if date_format is None:
            raise BadTime("has a year of two digits; give the option date_format as day_first or month_first")
        year += 2000
    if order is None:
        if first <= 12 and other <= 12 and first != other:
            raise BadTime("may be day/month or month/day; give the option date_format as day_first or month_first")
        order = "day_first" if first > 12 else "month_first"
    return (year, other, first) if order == "day_first" else (year, first, other)


def _date_of_year_first(found: re.Match[str], date_format: str | None) -> tuple[int, int, int]:
    return int(found["year"]), int(found["month"]), int(found["day"])


def _date_of_words(found: re.Match[str], date_format: str | None) -> tuple[int, int, int]:
    word = (found["word"] or found["word2"]).lower()
    if word not in _MONTH_WORDS and word not in (*_MONTHS, "sept"):
        raise BadTime("is no time in a known form; give the option date_format")
    return int(found["year"]), _MONTHS.index(word[:3]) + 1, int(found["day"] or found["day2"])


_EXPORT_SHAPES = (
    (_NUMERIC, _date_of_numbers),
    (_YEAR_FIRST, _date_of_year_first),
    (_ISO_DATE, _date_of_year_first),
    (_NAMED, _date_of_words),
)
