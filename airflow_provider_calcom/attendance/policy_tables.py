"""The policy as the tables that the rules read it from: its values are rows, so that none ends up in the SQL."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from airflow_provider_calcom._timestamps import microseconds
from airflow_provider_calcom.attendance.policy import (
    SEPARATORS,
    AttendancePolicy,
    lower,
    whole_microseconds,
)
from airflow_provider_calcom.attendance.schema import WHITE_SPACE

# A noncharacter, which Unicode reserves for internal use, so that no string has it.
_MARK = "\ufdd0"
_DURATIONS = ("early_join", "overrun", "min_presence", "open_limit", "settle", "host_min_presence", "moved_within")
_FLAGS = (
    "trust_internal_accounts",
    "require_host_present",
    "assume_held",
    "traces_are_doubt",
    "judge_hosts",
    "fold_plus_tags",
    "fold_gmail_dots",
)


@dataclass(frozen=True)
class PolicyTable:
    """One table of the policy.

    :param name: its name.
    :param columns: ``{column: DuckDB's type}``.
    :param rows: their values in the order of the columns.
    """

    name: str
    columns: dict[str, str]
    rows: tuple[tuple[Any, ...], ...] = field(repr=False)


def policy_tables(policy: AttendancePolicy) -> list[PolicyTable]:
    """Return the tables of a policy.

    :param policy: one whose ``as_of`` is set.
    """
    durations = {name: whole_microseconds(getattr(policy, name)) for name in _DURATIONS}
    flags = {name: getattr(policy, name) for name in _FLAGS}
    values: dict[str, Any] = {
        "as_of": _instant(policy.as_of),
        "attendance_until": _instant(policy.attendance_until),
        **durations,
        **flags,
        **_texts_of_rules(),
    }
    types = dict.fromkeys(values, "BIGINT") | dict.fromkeys(_FLAGS, "BOOLEAN")
    types |= dict.fromkeys(_texts_of_rules(), "VARCHAR")
    return [
        PolicyTable("policy", types, (tuple(values.values()),)),
        PolicyTable("aliases", {"alias": "VARCHAR", "address": "VARCHAR"}, _aliases(policy)),
        _list("internal_domains", "domain", policy.internal_domains),
        _list("internal_emails", "address", policy.internal_emails),
        _list("bot_names", "name", policy.bot_names),
        PolicyTable("source_ends", {"source": "VARCHAR", "complete_until": "BIGINT"}, _source_ends(policy)),
    ]


@cache
def _texts_of_rules() -> Mapping[str, str]:
    """Return the signs that the rules trim, fold and use as marks; a sign without a partner is dropped in folding."""
    letters = _plain_letters()
    spaces = SEPARATORS + WHITE_SPACE
    dropped = "".join(map(chr, range(0x300, 0x370)))
    latin = "".join(letter for letter in letters if letter < "\u0100")
    common = "".join(letter for letter in letters if letter < "\u0180")
    return {
        "white_space": WHITE_SPACE,
        "mark": _MARK,
        "latin_signs": latin,
        "folded_latin_signs": "".join(letters[letter] for letter in latin),
        "common_signs": spaces + "\u2019" + common,
        "folded_common_signs": " " * len(spaces) + "'" + "".join(letters[letter] for letter in common),
        "all_signs": spaces + "\u2019" + "".join(letters) + dropped,
        "folded_signs": " " * len(spaces) + "'" + "".join(letters.values()),
    }


def _plain_letters() -> dict[str, str]:
    """Return ``{letter with marks: the ASCII letter that it is a form of}``, for letters in lower case."""
    plain = {"\u00f8": "o", "\u0142": "l", "\u0111": "d", "\u0131": "i"}
    for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00)):
        first = unicodedata.normalize("NFD", chr(code))[0]
        if first.isascii() and lower(chr(code)) == chr(code):
            plain[chr(code)] = first
    return plain


def _source_ends(policy: AttendancePolicy) -> tuple[tuple[str, int | None], ...]:
    ends = policy.attendance_until
    return tuple((source, _instant(end)) for source, end in ends.items()) if isinstance(ends, Mapping) else ()


def _instant(value: object) -> int | None:
    return microseconds(value) if isinstance(value, datetime) else None


def _aliases(policy: AttendancePolicy) -> tuple[tuple[str, str], ...]:
    """Return each alias once, though it may be spelled in several ways: twice, it would double the rows with it."""
    plain = {
        lower(alias.strip(WHITE_SPACE)): lower(address.strip(WHITE_SPACE)) for alias, address in policy.aliases.items()
    }
    return tuple(plain.items())


def _list(name: str, column: str, values: tuple[str, ...]) -> PolicyTable:
    return PolicyTable(name, {column: "VARCHAR"}, tuple((value,) for value in dict.fromkeys(values)))
