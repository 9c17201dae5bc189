"""The attendance policy: what counts as having come, in fields with units and defaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_calcom._redact import describe, redact
from airflow_provider_calcom._rendered import RepeatedKey, parse_json
from airflow_provider_calcom._timestamps import parse_timestamp
from airflow_provider_calcom.attendance.errors import InvalidPolicy
from airflow_provider_calcom.attendance.schema import WHITE_SPACE

BOT_NAMES = (
    "otter.ai",
    "otterpilot",
    "fireflies.ai",
    "read.ai",
    "fathom.video",
    "notetaker",
    "meeting notes",
    "tl;dv",
    "sembly",
    "avoma",
)
SEPARATORS = '.,;:_-\u2013\u2014/\\|()[]{}<>"*+&@#!?=~\u2022\u00b7'
"""What parts the words of a name, beside white space."""
_LONGEST = 100 * 366 * 86_400


@dataclass(frozen=True)
class AttendancePolicy:
    """Who counts as absent. All durations are seconds; fractions down to microseconds are kept.

    :param as_of: "now" for every rule: ISO 8601 with ``Z`` or an offset, or an aware ``datetime``. None: the time of
        the run, which is filled in when the rules start.
    :param attendance_until: the feed is complete up to here, never later than ``as_of``: an instant, or
        ``{source: instant}`` for some sources. Of a source that is not named, up to the latest instant of its rows that
        is not after ``as_of``. With an instant, it holds for every booking; else a booking is judged once all sources
        are complete that have a row of its meeting or are named here (without a row: all that have rows or are named).
    :param early_join: seconds before a booking's start from which its window begins.
    :param overrun: seconds after a booking's end at which its window ends.
    :param min_presence: seconds of presence that count as having come; more than 0.
    :param open_limit: maximum assumed duration of a presence without an end, in seconds.
    :param settle: seconds after a booking's end before it is judged.
    :param internal_domains: domains of internal participants, sub-domains included: never judged as attendees, and
        any of them counts for the host side.
    :param internal_emails: addresses of internal participants.
    :param trust_internal_accounts: anybody who joins with an internal address is internal. False: only if a host of
        some booking or listed in ``internal_emails``; another one may be a guest with an account of the company.
    :param moved_within: seconds by which a meeting may have been held earlier or later in its own room without Cal.com
        being informed.
    :param require_host_present: an attendee is not blamed for a meeting that its host missed.
    :param host_min_presence: seconds of the meeting that the host side must have been there; capped at half of the
        meeting, never under ``min_presence``.
    :param assume_held: the feed lists everyone who came, as a reception desk does: neither evidence of the meeting
        nor a host is required before an attendee is called absent.
    :param traces_are_doubt: an attendee who left any trace, though too little to have come, is not called absent.
    :param judge_hosts: also decide on hosts.
    :param aliases: ``{secondary address: the address that Cal.com knows}``.
    :param fold_plus_tags: treat ``ann+tag@example.org`` as ``ann@example.org``.
    :param fold_gmail_dots: treat ``a.nn@googlemail.com`` as ``ann@gmail.com``.
    :param bot_names: words of a display name that make it a bot's: ``notetaker`` finds "Bob's Notetaker (2)".

    :raises InvalidPolicy: naming the field, what came and what is wanted.
    """

    as_of: datetime | str | None = None
    attendance_until: datetime | str | Mapping[str, datetime | str] | None = None
    early_join: float = 900
    overrun: float = 900
    min_presence: float = 1
    open_limit: float = 14_400
    settle: float = 7_200
    internal_domains: tuple[str, ...] = ()
    internal_emails: tuple[str, ...] = field(default=(), repr=False)
    trust_internal_accounts: bool = False
    moved_within: float = 43_200
    require_host_present: bool = True
    host_min_presence: float = 300
    assume_held: bool = False
    traces_are_doubt: bool = True
    judge_hosts: bool = False
    aliases: Mapping[str, str] = field(default_factory=dict, repr=False)
    fold_plus_tags: bool = False
    fold_gmail_dots: bool = False
    bot_names: tuple[str, ...] = BOT_NAMES

    def __post_init__(self) -> None:
        for name, read in _READERS.items():
            object.__setattr__(self, name, read(name, getattr(self, name)))
        if whole_microseconds(self.min_presence) <= 0:
            raise InvalidPolicy(
                f"min_presence must be a microsecond or more, but is {describe(self.min_presence)} seconds"
            )

    @classmethod
    def of(cls, source: AttendancePolicy | Mapping[str, Any] | str | None) -> AttendancePolicy:
        """Parse a policy, a dict, a JSON string of one, or None for the defaults.

        :param source: fields that are left out take their defaults.
        :raises InvalidPolicy: also for an unknown field, naming the known ones.
        """
        if isinstance(source, AttendancePolicy):
            return source
        given = _parsed(source) if isinstance(source, str) else source
        if given is None:
            return cls()
        if not isinstance(given, Mapping):
            raise InvalidPolicy(f"A policy must be an object of fields, but is {describe(given)}")
        known = {entry.name for entry in fields(cls)}
        for name in given:
            if name not in known:
                raise InvalidPolicy(
                    f"{describe(name)} is not a field of the policy. Its fields: {', '.join(sorted(known))}"
                )
        return cls(**given)

    def at(self, now: datetime) -> AttendancePolicy:
        """Return the policy with ``as_of`` filled in.

        :param now: taken, to the millisecond, where ``as_of`` is None.
        """
        if self.as_of is not None:
            return self
        return replace(self, as_of=now.replace(microsecond=now.microsecond // 1000 * 1000))

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values, of which :meth:`of` makes the same policy."""
        return {entry.name: _as_json(getattr(self, entry.name)) for entry in fields(self)}


def lower(text: str) -> str:
    """Return a string in lower case letter by letter, as databases do; Python maps some letters to pairs."""
    return "".join(letter.lower()[0] for letter in text)


def whole_microseconds(seconds: float) -> int:
    """Return a duration in microseconds, which is how the rules count."""
    return round(timedelta(seconds=seconds) / timedelta(microseconds=1))


def _parsed(text: str) -> Any:
    try:
        return parse_json(text)
    except RecursionError:
        raise InvalidPolicy("The policy is nested too deeply") from None
    except RepeatedKey as error:
        raise InvalidPolicy(f"The policy has {describe(error.key)} twice in one object") from None
    except ValueError as error:
        raise InvalidPolicy(
            f'The policy is not JSON: {redact(str(error))}. Write an object such as {{"settle": 3600}}'
        ) from None


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        precision = "microseconds" if value.microsecond % 1000 else "milliseconds"
        return value.isoformat(timespec=precision).replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {key: _as_json(one) for key, one in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _instant(name: str, value: Any) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, (str, datetime)):
        try:
            return parse_timestamp(value)
        except ValueError as error:
            raise InvalidPolicy(f"{name} {error}") from None
    raise InvalidPolicy(f"{name} must be a timestamp such as 2026-11-22T05:30:00Z, but is {describe(value)}")


def _ends(name: str, value: Any) -> datetime | dict[str, datetime] | None:
    if not isinstance(value, Mapping):
        return _instant(name, value)
    ends: dict[str, datetime] = {}
    for place, (source, end) in enumerate(value.items()):
        entry = f"{name}, entry {place + 1},"
        cleaned = _text(entry, source).strip(WHITE_SPACE)
        if not cleaned:
            raise InvalidPolicy(f"{entry} does not name a source. Use one that the feed's rows have, such as zoom")
        if cleaned in ends:
            raise InvalidPolicy(f"{entry} names the source {describe(cleaned)} a second time")
        moment = _instant(f"{name}[{describe(cleaned)}]", end)
        if moment is None:
            raise InvalidPolicy(
                f"{name}[{describe(cleaned)}] must be a timestamp, but is null. Leave the source out instead"
            )
        ends[cleaned] = moment
    return ends


def _seconds(name: str, value: Any) -> float:
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidPolicy(f"{name} must be a number of seconds, but is {describe(value)}")
    if not 0 <= value <= _LONGEST:
        raise InvalidPolicy(f"{name} must be from 0 to {_LONGEST} seconds (100 years), but is {describe(value)}")
    return value


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidPolicy(f"{name} must be true or false, but is {describe(value)}")
    return value


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise InvalidPolicy(f"{name} must be a list of strings, but is {describe(value)}")
    texts = tuple(_text(f"{name}[{place}]", text) for place, text in enumerate(value))
    return tuple(text for text in texts if text.strip(WHITE_SPACE))


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidPolicy(f"{name} must be a string, but is {describe(value)}")
    if "\0" in value:
        raise InvalidPolicy(f"{name} contains a NUL character, which no address or name has")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise InvalidPolicy(f"{name} contains an unpaired surrogate (invalid Unicode)")
    return value


def _domains(name: str, value: Any) -> tuple[str, ...]:
    domains = _texts(name, value)
    for place, domain in enumerate(domains):
        cleaned = domain.strip(WHITE_SPACE)
        if "@" in cleaned or cleaned.startswith("."):
            raise InvalidPolicy(
                f"{name}[{place}] must be a domain such as example.org, without @ or a dot before it; its sub-domains"
                f" are meant too. It is {describe(domain)}"
            )
    return domains


def _aliases(name: str, value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise InvalidPolicy(f"{name} must be {{secondary address: main address}}, but is {describe(value)}")
    targets: dict[str, str] = {}
    for place, (alias, address) in enumerate(value.items()):
        key = lower(_text(f"{name}, entry {place + 1},", alias).strip(WHITE_SPACE))
        target = lower(_text(f"{name}, the value of entry {place + 1},", address).strip(WHITE_SPACE))
        if not target:
            raise InvalidPolicy(f"{name}, entry {place + 1}, has no main address")
        if targets.setdefault(key, target) != target:
            raise InvalidPolicy(f"{name}, entry {place + 1}, has a second main address for the same secondary address")
    return dict(value)


_READERS = {
    "as_of": _instant,
    "attendance_until": _ends,
    **dict.fromkeys(
        ("early_join", "overrun", "min_presence", "open_limit", "settle", "host_min_presence", "moved_within"),
        _seconds,
    ),
    **dict.fromkeys(
        (
            "trust_internal_accounts",
            "require_host_present",
            "assume_held",
            "traces_are_doubt",
            "judge_hosts",
            "fold_plus_tags",
            "fold_gmail_dots",
        ),
        _flag,
    ),
    "internal_domains": _domains,
    "internal_emails": _texts,
    "aliases": _aliases,
    "bot_names": _texts,
}
