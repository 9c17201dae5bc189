"""Readers of rendered parameters that several operators share; their errors name the parameter."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from airflow_provider_calcom import _rendered
from airflow_provider_calcom.api.arguments import parse_argument


def check_found(name: str, given: object) -> None:
    """Refuse a string that a template renders where it found nothing: ``None`` is not a path, and not an id.

    :param name: the parameter, for errors.
    :raises InvalidArgument: naming it.
    """
    parse_argument(name, _rendered.check_found, given)


def value_of(name: str, given: object) -> Any:
    """Return the value that a parameter had before a template made a string of it; another string stays.

    :param name: the parameter, for errors.
    :param given: its value after rendering.
    :raises InvalidArgument: if its template found nothing, or the string of a list or object can't be parsed.
    """
    return parse_argument(name, _rendered.value, given)


def flag_of(name: str, given: object) -> bool:
    """Return True or False, also from a string.

    :param name: the parameter, for errors.
    :raises InvalidArgument: for anything else.
    """
    return parse_argument(name, _rendered.flag, given)


def unrendered(value: Any) -> Any:
    """Return the value that a string was rendered from, or the string itself where it was one."""
    if isinstance(value, str):
        with suppress(ValueError):
            return _rendered.parse_value(value.strip())
    return value


def are_hashed(value: object, name: str = "ledger_addresses") -> bool:
    """Return whether people are named by hashes: the parameter is ``plain`` or ``hashed``.

    :param name: the parameter, for errors.
    :raises InvalidArgument: for another value.
    """
    chosen: str = parse_argument(name, _rendered.choice, value, "plain", "hashed")
    return chosen == "hashed"
