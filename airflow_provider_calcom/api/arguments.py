"""Checks of what goes into a path, a header or a filter: each raises :class:`InvalidArgument` naming the parameter."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, TypeVar

from airflow_provider_calcom._redact import describe
from airflow_provider_calcom.api.errors import InvalidArgument

T = TypeVar("T")

_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
_ID_BELOW = 10**18
_VERSION_SHAPE = re.compile(r"\d{4}-\d{2}-\d{2}")


def is_uid(text: str) -> bool:
    """Return whether a string has the shape of a uid, which an API key must not pass for."""
    return bool(_PLAIN_ID.fullmatch(text)) and not text.lower().startswith("cal_")  # as API keys begin


def checked_uid(value: object, name: str = "booking_uid") -> str:
    """Return a uid without white space around it.

    :raises InvalidArgument: naming ``name``. A uid has only ASCII letters, digits, ``-`` and ``_``; anything else
        could lead a call to another route.
    """
    text = value.strip() if isinstance(value, str) else ""
    if not is_uid(text):
        raise InvalidArgument(
            f"{name} must be a uid of letters, digits, - and _ (at most 100), as in Cal.com, but is {describe(value)}"
        )
    return text


def checked_id(value: object, name: str) -> int:
    """Return a numeric id, also from a string of digits.

    :raises InvalidArgument: naming ``name``.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _ID_BELOW:
        return value
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,18}\s*", value) and int(value) > 0:
        return int(value)
    raise InvalidArgument(f"{name} must be the positive number of a Cal.com object, but is {describe(value)}")


def checked_api_version(value: object, name: str = "api_version") -> str:
    """Return the version if it is a calendar date as ``YYYY-MM-DD``.

    Cal.com treats any other string as its oldest version, without an error.

    :raises InvalidArgument: naming ``name`` and what was received.
    """
    if isinstance(value, str) and _VERSION_SHAPE.fullmatch(value):
        try:
            date.fromisoformat(value)
        except ValueError:
            pass
        else:
            return value
    raise InvalidArgument(f"{name} must be a date as YYYY-MM-DD, for instance 2024-08-13, but is {describe(value)}")


def checked_seconds(name: str, given: Any, *, least: float, most: float) -> float:
    """Return a duration in seconds, also from a ``timedelta`` or a string of digits.

    :param name: the parameter, for errors.
    :raises InvalidArgument: naming it.
    """
    try:
        seconds = given.total_seconds() if isinstance(given, timedelta) else float(given)
    except (TypeError, ValueError, OverflowError):
        seconds = float("nan")
    if isinstance(given, bool) or not least <= seconds <= most:
        raise InvalidArgument(f"{name} must be from {least:,.0f} to {most:,.0f} seconds, but is {describe(given)}")
    return seconds


def parse_argument(name: str, parse: Callable[..., T], value: object, *args: Any, **options: Any) -> T:
    """Parse a parameter by a function of the kernel, whose errors do not know its name.

    :param name: the parameter.
    :param parse: such as :func:`airflow_provider_calcom._rendered.flag`; raises :class:`ValueError` with a text that
        goes on after the name.
    :param args: for ``parse``, as are ``options``.
    :raises InvalidArgument: naming the parameter.
    """
    try:
        return parse(value, *args, **options)
    except ValueError as error:
        fault = str(error)
    # After the block: the error that was caught may have the value in it.
    raise InvalidArgument(f"{name} {fault}")
