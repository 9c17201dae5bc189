"""The policy as the tables that the rules read it from: its values are rows, so that none ends up in the SQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_calcom.attendance.instants import microseconds
from airflow_provider_calcom.attendance.policy import WHITE_SPACE, AttendancePolicy, lower, whole_microseconds

# No text holds this character: Unicode keeps it free for such use.
_MARK = "\ufdd0"
_DURATIONS = ("early_join", "overrun", "min_presence", "open_limit", "settle", "host_min_presence")
_FLAGS = (
    "require_host_present",
    "assume_held",
    "traces_are_doubt",
    "judge_hosts",
    "fold_plus_tags",
    "fold_gmail_dots",
)


@dataclass(frozen=True)
class PolicyTable:
    """One of them.

    :param name: its name.
    :param columns: ``{column: DuckDB's type}``.
    :param rows: their values in the order of the columns.
    """

    name: str
    columns: dict[str, str]
    rows: tuple[tuple[Any, ...], ...]


def policy_tables(policy: AttendancePolicy) -> list[PolicyTable]:
    """Give the tables.

    :param policy: one whose ``as_of`` is set.
    """
    durations = {name: whole_microseconds(getattr(policy, name)) for name in _DURATIONS}
    flags = {name: getattr(policy, name) for name in _FLAGS}
    values: dict[str, Any] = {
        "as_of": _instant(policy.as_of),
        "attendance_until": _instant(policy.attendance_until),
        **durations,
        **flags,
        "white_space": WHITE_SPACE,
        "mark": _MARK,
    }
    types = dict.fromkeys(values, "BIGINT") | dict.fromkeys(_FLAGS, "BOOLEAN")
    types |= {"white_space": "VARCHAR", "mark": "VARCHAR"}
    return [
        PolicyTable("policy", types, (tuple(values.values()),)),
        PolicyTable("aliases", {"alias": "VARCHAR", "address": "VARCHAR"}, _aliases(policy)),
        _list("internal_domains", "domain", policy.internal_domains),
        _list("internal_emails", "address", policy.internal_emails),
        _list("bot_names", "name", policy.bot_names),
    ]


def _instant(value: datetime | str | None) -> int | None:
    return microseconds(value) if isinstance(value, datetime) else None


def _aliases(policy: AttendancePolicy) -> tuple[tuple[str, str], ...]:
    """Give each alias once, though it may be spelled in several ways: twice, it would double the rows that bear it."""
    plain = {
        lower(alias.strip(WHITE_SPACE)): lower(address.strip(WHITE_SPACE)) for alias, address in policy.aliases.items()
    }
    return tuple(plain.items())


def _list(name: str, column: str, values: tuple[str, ...]) -> PolicyTable:
    return PolicyTable(name, {column: "VARCHAR"}, tuple((value,) for value in dict.fromkeys(values)))
