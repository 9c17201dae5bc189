"""Parse the times of vendors: ISO 8601, the local times of exports, and epoch numbers.

Nothing is guessed. A time without a zone needs the option ``zone``, and a date that can be read in two ways needs
``date_format``. Where a clock was set back and a local time came twice, a beginning is read as the earlier and an end
as the later of the two: a presence may then be an hour too long, which marks nobody absent.
"""
# ruff: noqa: RUF001 - letters of other alphabets are meant

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

ORDERS = ("day_first", "month_first")
LONGEST_TIME = 64
"""Characters of a time at most; what is longer is something else."""

_COMMON = {"،": ","}  # Arabic prints other digits and commas
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)?")
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)? ?(Z|UTC|[+-]\d\d(?::?\d\d)?)?",
    re.IGNORECASE | re.ASCII,
)
_CLOCK = r"(?:,? +(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d))? ?(?P<half>am|pm)?)"
_NUMERIC = re.compile(
    r"(?P<first>\d\d?)(?P<mark>[/.-])(?P<other>\d\d?)(?P=mark)(?P<year>\d{4}|\d\d)" + _CLOCK, re.I | re.A
)
_YEAR_FIRST = re.compile(
    r"(?P<year>\d{4})(?:[/.] ?| ?[年년] ?)(?P<month>\d\d?)(?:[/.] ?| ?[月월] ?)(?P<day>\d\d?)(?:\.| ?[日일])?" + _CLOCK,
    re.I | re.A,
)
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
_HALF_A_DAY = timedelta(hours=12)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_YEAR, LAST_YEAR = 2000, 2099
"""Nobody attended a meeting of these vendors before or after. Other years are those of a misread date, or of a time
that is not known, which programs write as 1970 or as the year 1."""

AM = (
    *("am", "a.m.", "a. m.", "a.m", "上午", "午前", "凌晨", "早上", "오전", "de.", "d.e.", "dop.", "dop"),
    *("пр.об.", "пр. об.", "π.μ.", "πμ", "öö", "ص", "sa", "fm", "f.m.", "e paradites", "ip."),
)
"""The first half of the day; the option ``am_words`` adds others."""

PM = (
    *("pm", "p.m.", "p. m.", "p.m", "下午", "午後", "晚上", "오후", "du.", "d.u.", "odp.", "odp"),
    *("сл.об.", "сл. об.", "μ.μ.", "μμ", "ös", "م", "ch", "em", "e.m.", "e pasdites", "ap."),
)
"""The second half of the day; the option ``pm_words`` adds others."""

Halves = tuple[Sequence[str], Sequence[str]]
"""Words of the user's for the first and for the second half of the day."""

_WORDS = re.compile(r"[^\W\d_]+")
_NO_FORM = ("T", "Z", "UTC", "GMT")
_CLOCK_ALONE = re.compile(r"\d\d?:\d\d(?::\d\d)?", re.ASCII)


class BadTime(ValueError):
    """A value is not a time that can be read without guessing; the message says why and holds nothing of the value."""


@lru_cache(maxsize=64)
def parse_zone(zone: str) -> tzinfo:
    """Return the zone of a name as ``Europe/Berlin``, or of an offset as ``+02:00``.

    :raises ValueError: if there is no such zone; also LookupError, OSError, TypeError and AttributeError, which
        :class:`~zoneinfo.ZoneInfo` raises.
    """
    if zone.upper() in ("UTC", "Z"):
        return UTC
    found = _OFFSET.fullmatch(zone)
    if found:
        offset = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
        return timezone(-offset if found[1] == "-" else offset)
    return ZoneInfo(zone)


def as_utc(moment: datetime) -> str:
    """Return an aware datetime as ``2026-01-15T10:00:03.000Z``, with microseconds where there are any."""
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="microseconds" if utc.microsecond % 1000 else "milliseconds") + "Z"


def instant(
    value: object,
    *,
    zone: str | None = None,
    date_format: str | None = None,
    is_end: bool = False,
    halves: Halves = ((), ()),
    day: str | None = None,
) -> datetime:
    """Parse a time: a datetime, or a string.

    :param value: an aware datetime, or a naive one; an ISO 8601 string; or a local time as exports print it.
    :param zone: the zone of what comes without one.
    :param date_format: see :class:`FeedOptions`.
    :param is_end: whether this is the end of a presence; see the module.
    :param halves: words for the halves of the day besides those that are known.
    :param day: the date of a string that is a clock alone.
    :raises BadTime: saying what is wrong and what to do.
    """
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, str):
        text = f"{day} {value}" if day is not None and is_clock(value) else value
        moment, named = _parsed(text, date_format, halves)
        if named:
            return _in_named_zone(moment, named, zone)
    else:
        raise BadTime("is not a time")
    return _within_years(_placed, moment, zone, is_end)


def epoch_instant(value: object, unit: str) -> datetime:
    """Parse a number of seconds or milliseconds since 1970.

    :param value: a number, or a string of digits.
    :param unit: ``s`` or ``ms``.
    :raises BadTime: for anything else, and for a number that must be of the other unit.
    """
    try:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise ValueError
        number = float(value) if not isinstance(value, int) else value
        moment = _EPOCH + timedelta(**{"milliseconds" if unit == "ms" else "seconds": number})
    except (ValueError, OverflowError):
        raise BadTime(f"is not a number of {'milliseconds' if unit == 'ms' else 'seconds'} since 1970") from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise BadTime(
            f"is not a number of {'milliseconds' if unit == 'ms' else 'seconds'} since 1970 in the years 2000 to 2099"
        )
    return moment


def is_epoch(value: object) -> bool:
    """Return whether a value is 1970-01-01T00:00:00Z, which some vendors write for a time that is not known."""
    if isinstance(value, str):
        return value.strip()[:19].replace(" ", "T") == "1970-01-01T00:00:00"
    return isinstance(value, datetime) and value.replace(tzinfo=UTC) == _EPOCH


def is_clock(text: str) -> bool:
    """Return whether a string is a clock without a date, as ``09:00``, ``9:00:20 PM`` or ``下午3:05``."""
    return len(text) <= LONGEST_TIME and len(re.findall(r"\d+", text)) == len(re.split(r":", text)) >= 2


def are_of_one_form(first: object, second: object) -> bool:
    """Return whether two times of one record have the same number of words, as AM or a month: neither lost one.

    A zone is not counted, because the name of the other one's column may say it.

    :param first: as it came; only strings have a form.
    :param second: likewise.
    """
    if not (isinstance(first, str) and isinstance(second, str) and first.strip() and second.strip()):
        return True
    counts = {sum(word.upper() not in _NO_FORM for word in _WORDS.findall(text)) for text in (first, second)}
    return len(counts) == 1


def day_in_text(text: str) -> str | None:
    """Return the date in a string, as a file's name, as ``2026-11-18``, or None where it holds none or two.

    Only dates that begin with the year are taken: others may be read in two ways.
    """
    found = set(re.findall(r"(?<!\d)(20\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])(?!\d)", text, re.ASCII))
    return "-".join(found.pop()) if len(found) == 1 else None


def after_midnight(began: datetime | None, ended: datetime | None) -> datetime | None:
    """Return the end of a presence whose end is a clock, which is of the next day where it is before the beginning.

    So it is only of up to half a day: with both columns named wrongly, the presence would last 23 hours. The row
    then ends before it begins, which is a doubt.
    """
    if began is None or ended is None or ended >= began or ended + timedelta(days=1) - began > _HALF_A_DAY:
        return ended
    return ended + timedelta(days=1)


def completed(
    began: datetime | None, ended: datetime | None, seconds: float | None
) -> tuple[datetime | None, datetime | None]:
    """Return a beginning and an end; where one is missing, it follows from the other and the length in seconds."""
    if not seconds or seconds < 0 or (began is None) == (ended is None):
        return began, ended
    try:
        length = timedelta(seconds=seconds)
        return (began, began + length) if began is not None else (ended - length if ended else None, ended)
    except OverflowError:
        return began, ended


def _within_years(place: Callable[..., datetime], *values: object) -> datetime:
    """Return an instant, if it is of a year in which somebody may have attended something.

    :raises BadTime: if it is not.
    """
    try:
        moment = place(*values)
    except OverflowError:
        raise BadTime("is out of range") from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise BadTime("has an impossible year")
    return moment


def _in_named_zone(moment: datetime, named: str, zone: str | None) -> datetime:
    """Place a time that came with the short name of a zone, which must be one that the option ``zone`` has then."""
    if moment.utcoffset() is not None:
        return _within_years(_placed, moment, None, False)
    place = parse_zone(zone) if zone is not None else None
    if place is None:
        raise BadTime("has the short name of a time zone, which several have; set the option zone")
    for is_end in (False, True):
        with suppress(BadTime):
            utc = _within_years(_placed, moment, zone, is_end)
            if (utc.astimezone(place).tzname() or "").upper() == named.upper():
                return utc
    raise BadTime("has the short name of a time zone that the option zone does not have then")


def _placed(moment: datetime, zone: str | None, is_end: bool) -> datetime:
    if moment.utcoffset() is not None:
        return moment.astimezone(UTC)
    place = parse_zone(zone) if zone is not None else None
    if place is None:
        raise BadTime("has no time zone; set the option zone, for instance zone='Europe/Berlin'")
    utc = moment.replace(tzinfo=place, fold=int(is_end)).astimezone(UTC)
    if utc.astimezone(place).replace(tzinfo=None) != moment.replace(tzinfo=None):
        raise BadTime("is a local time that the option zone's clocks skipped, so the zone must be another")
    return utc


def _parsed(text: str, date_format: str | None, halves: Halves) -> tuple[datetime, str | None]:
    """Return a time as it stands, and the short name of its zone where it has one that is not UTC."""
    if len(text) > LONGEST_TIME:
        raise BadTime("is too long for a time")
    plain = " ".join(text.split())  # also the narrow no-break space that some locales print before PM
    if not plain.isascii():
        plain = "".join(_COMMON.get(one) or str(unicodedata.decimal(one, one)) for one in plain)
    try:
        found = _ISO.fullmatch(plain)
        own = date_format is not None and date_format not in ORDERS
        if own and not (found and "T" in plain.upper()):
            return datetime.strptime(plain, str(date_format)), None
        if found:
            return _from_iso(found), None
        bare, offset, named = _without_zone(plain)
        moment = _from_export(_with_half(bare, halves), date_format)
        return (moment.replace(tzinfo=parse_zone(offset)) if offset else moment), named
    except BadTime:
        raise
    except ValueError:
        raise BadTime("is not an existing time, or not in the given date_format") from None


_ZONE_IN_TIME = re.compile(
    r"^(?P<time>.*\d\d.*?) \(?(?:(?:UTC|GMT)(?: ?(?P<sign>[+-])(?P<hours>\d\d?)(?::?(?P<minutes>\d\d))?)?"
    r"|(?P<z>Z)|(?P<name>[A-Z]{3,5}))\)?$"
)


def _without_zone(text: str) -> tuple[str, str | None, str | None]:
    """Return a time without the zone behind it, and that zone: as an offset, or by its short name."""
    found = _ZONE_IN_TIME.match(text)
    if found is None:
        return text, None, None
    if found["name"]:
        return found["time"], None, found["name"]
    offset = f"{found['sign']}{found['hours']:0>2}:{found['minutes'] or '00'}" if found["hours"] else "UTC"
    return found["time"], offset, None


def _with_half(text: str, halves: Halves) -> str:
    """Return a time with ``am`` or ``pm`` behind its clock, for the word of any language before or behind it."""
    for words, plain in (((*halves[0], *AM), "am"), ((*halves[1], *PM), "pm")):
        found = _half_words(words).search(text)
        if found:
            bare = f"{text[: found.start()]} {text[found.end() :]}"
            with_half = _CLOCK_ALONE.sub(rf" \g<0> {plain}", bare, count=1)
            return " ".join(with_half.split())
    return text


@lru_cache(maxsize=64)
def _half_words(words: tuple[str, ...]) -> re.Pattern[str]:
    one = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    # Only whole words match: the AM in the name of a month does not.
    return re.compile(rf"(?<![^\W\d_])(?:{one})(?![^\W\d_])", re.IGNORECASE)


def _from_iso(found: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    if hour is None:
        raise BadTime("is a date without a time")
    micro = int((fraction or "")[:6].ljust(6, "0"))
    place = parse_zone(offset.upper()) if offset else None
    return datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), micro, place)


def _from_export(text: str, date_format: str | None) -> datetime:
    for shape, date_of in _EXPORT_SHAPES:
        found = shape.fullmatch(text)
        if found:
            year, month, day = date_of(found, date_format)
            return datetime(year, month, day, _hour(found), int(found["minute"]), int(found["second"] or 0))
    raise BadTime("is not a time in a known form; set the option date_format")


def _hour(found: re.Match[str]) -> int:
    hour, half = int(found["hour"]), (found["half"] or "").lower()
    # Some exports print the half beside a clock of 24 hours.
    if not half or (half == "pm" and hour > 12) or (half == "am" and hour == 0):
        return hour
    if not 1 <= hour <= 12:
        raise BadTime("has an hour that does not go with AM or PM")
    return hour % 12 + (12 if half == "pm" else 0)


def _date_of_numbers(found: re.Match[str], date_format: str | None) -> tuple[int, int, int]:
    first, other, year = int(found["first"]), int(found["other"]), int(found["year"])
    # No locale writes the month first with dots, and none a year of two digits in front of slashes only.
    order = "day_first" if found["mark"] == "." else date_format
    if len(found["year"]) == 2:
        if date_format is None:
            raise BadTime("has a year of two digits; set the option date_format as day_first or month_first")
        year += 2000
    if order is None:
        if first <= 12 and other <= 12 and first != other:
            raise BadTime("may be day/month or month/day; set the option date_format as day_first or month_first")
        order = "day_first" if first > 12 else "month_first"
    return (year, other, first) if order == "day_first" else (year, first, other)


def _date_of_year_first(found: re.Match[str], date_format: str | None) -> tuple[int, int, int]:
    return int(found["year"]), int(found["month"]), int(found["day"])


def _date_of_words(found: re.Match[str], date_format: str | None) -> tuple[int, int, int]:
    word = (found["word"] or found["word2"]).lower()
    if word not in _MONTH_WORDS and word not in (*_MONTHS, "sept"):
        raise BadTime("is not a time in a known form; set the option date_format")
    return int(found["year"]), _MONTHS.index(word[:3]) + 1, int(found["day"] or found["day2"])


_EXPORT_SHAPES = (
    (_NUMERIC, _date_of_numbers),
    (_YEAR_FIRST, _date_of_year_first),
    (_ISO_DATE, _date_of_year_first),
    (_NAMED, _date_of_words),
)
