"""Readers of rendered parameters that several operators share.

Without ``render_template_as_native_obj`` Airflow makes a string of whatever a template returns: a list from XCom
becomes ``"[{'feed': ...}]"``, a number ``"900"``, and nothing ``"None"``. The readers return what the string was made
from, so that a DAG does the same in both renderings.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from airflow_provider_calcom._redact import describe
from airflow_provider_calcom.api.errors import InvalidArgument
from airflow_provider_calcom.api.texts import value_in

_NOTHING = ("", "None", "null")


def is_nothing(given: object) -> bool:
    """Return whether a parameter is a string that a template renders where it found nothing."""
    return isinstance(given, str) and given.strip() in _NOTHING


def value_of(name: str, given: Any) -> Any:
    """Return the value that a parameter had before a template made a string of it; another string stays.

    :param name: the parameter, for errors.
    :param given: its value after rendering.
    :raises InvalidArgument: if its template found nothing, or the string of a list or object can't be parsed.
    """
    check_found(name, given)
    if not isinstance(given, str) or (text := given.strip())[0] not in "[{":
        return given
    try:
        return value_in(text)
    except ValueError:
        raise InvalidArgument(
            f"{name} is a string of {len(given)} characters that begins like a list or an object, and is neither JSON"
            " nor the Python form of one. Set render_template_as_native_obj=True on the DAG, or end the template with"
            " | tojson"
        ) from None


def check_found(name: str, given: Any) -> None:
    """Refuse a string that a template renders where it found nothing: ``None`` is neither a path nor a connection's id.

    :param name: the parameter, for errors.
    :raises InvalidArgument: naming it.
    """
    if is_nothing(given):
        raise InvalidArgument(f"{name} is {describe(given)}: its template found nothing. Leave it out, or pass a value")


def unrendered(value: Any) -> Any:
    """Return the value that a string was rendered from, or the string itself where it was one."""
    if isinstance(value, str):
        with suppress(ValueError):
            return value_in(value.strip())
    return value


def flag_of(name: str, given: Any) -> bool:
    """Return True or False, also from a string: ``bool("False")`` would be true.

    :raises InvalidArgument: for anything else.
    """
    value = unrendered(given)
    if not isinstance(value, bool):
        raise InvalidArgument(f"{name} must be True or False, but is {describe(given)}")
    return value


def is_path(value: object) -> bool:
    """Return whether a value is a path: a string, an ``os.PathLike``, or an object storage's path."""
    return isinstance(value, (str, os.PathLike)) or callable(getattr(value, "open", None))


def are_hashed(value: object, name: str = "ledger_addresses") -> bool:
    """Return whether people are named by hashes: the parameter is ``plain`` or ``hashed``.

    :param name: the parameter, for errors.
    :raises InvalidArgument: for another value.
    """
    if not isinstance(value, str) or value not in ("plain", "hashed"):
        raise InvalidArgument(f"{name} must be 'plain' or 'hashed', but is {describe(value)}")
    return value == "hashed"
