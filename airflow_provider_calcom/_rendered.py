"""Parse what Airflow's templates render: without ``render_template_as_native_obj`` every result is a string.

A list from XCom comes as ``"['ann@example.org']"``, a flag as ``"True"``, and a missing value as ``"None"``. Each error
is a :class:`ValueError` with a text that goes on after the name of the parameter.
"""

from __future__ import annotations

import ast
import json
import re
from typing import Any, TypeVar

from airflow_provider_calcom._redact import describe

C = TypeVar("C", bound=str)

NOTHING = ("", "None", "null")
"""What a template renders where it finds nothing."""


class RepeatedKey(ValueError):
    """A JSON object has a key twice; Python's form of it would take the last one without a warning.

    :param key: the key.
    """

    def __init__(self, key: str) -> None:
        super().__init__("an object has a key twice")
        self.key = key


def parse_json(text: str) -> Any:
    """Parse JSON, without a byte order mark before it.

    :raises RepeatedKey: if an object has a key twice, so that it contradicts itself.
    :raises ValueError: if it is not JSON.
    :raises RecursionError: if it is nested too deeply.
    """
    return json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_without_repeated_keys)


def parse_value(text: str) -> object:
    """Parse JSON, or the Python form of a list or object such as ``['ann@example.org']``.

    :raises ValueError: if it is neither, or an object in it has a key twice, so that it contradicts itself.
    """
    try:
        return parse_json(text)
    except RepeatedKey:
        raise
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        raise ValueError("is neither JSON nor the Python form of a list") from None


def _without_repeated_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made: dict[str, object] = {}
    for key, value in pairs:
        if key in made:
            raise RepeatedKey(key)
        made[key] = value
    return made


def check_found(given: object) -> None:
    """Refuse what a template rendered from nothing: ``None`` is not a path, and not a connection's id.

    :raises ValueError: if it is one of :data:`NOTHING`.
    """
    if isinstance(given, str) and given.strip() in NOTHING:
        raise ValueError(f"is {describe(given)}: its template found nothing. Leave it out, or give a value")


def value(given: object) -> object:
    """Return what a parameter was before it was rendered; a string that is not a rendered list or object stays.

    :raises ValueError: if its template found nothing, or the string of a list or object can't be parsed.
    """
    check_found(given)
    if not isinstance(given, str) or (text := given.strip())[0] not in "[{":
        return given
    try:
        return parse_value(text)
    except ValueError:
        raise ValueError(
            f"is a string of {len(given)} characters that begins like a list or an object, and is neither JSON nor the"
            " Python form of one. Set render_template_as_native_obj=True on the DAG, or end the template with | tojson"
        ) from None


def optional_flag(given: object) -> bool | None:
    """Return True, False or None, also from a string: ``bool("False")`` would be true.

    :raises ValueError: for anything else.
    """
    if given is None or isinstance(given, bool):
        return given
    text = given.strip().lower() if isinstance(given, str) else "not a string"
    if text in ("none", "null", ""):
        return None
    if text in ("true", "false"):
        return text == "true"
    raise ValueError(f"must be True or False, but is {describe(given)}")


def flag(given: object) -> bool:
    """Return True or False, also from a string. A template that found nothing is refused: it is not False.

    :raises ValueError: for anything else.
    """
    is_set = optional_flag(given)
    if is_set is None:
        raise ValueError(
            f"must be True or False, but is {describe(given)}. If it comes from a template or another task, that found"
            " nothing"
        )
    return is_set


def count(given: object, *, at_least: int, at_most: int | None = None) -> int | None:
    """Return an integer, also from a string of digits; None stays.

    :raises ValueError: for anything else.
    """
    if given is None:
        return None
    check_found(given)
    number = int(given) if isinstance(given, str) and re.fullmatch(r"\s*[0-9]{1,9}\s*", given) else given
    if isinstance(number, bool) or not isinstance(number, int) or number < at_least or number > (at_most or number):
        limits = f"from {at_least} to {at_most}" if at_most else f"of at least {at_least}"
        raise ValueError(f"must be an integer {limits}, but is {describe(given)}")
    return number


def choice(given: object, *words: C) -> C:
    """Return the one of some words that was given.

    :raises ValueError: if it is none of them.
    """
    for word in words:
        # By its kind first: a value that is compared may return an array, as those of pandas do.
        if isinstance(given, str) and given == word:
            return word
    raise ValueError(f"must be {' or '.join(map(repr, words))}, but is {describe(given)}")
