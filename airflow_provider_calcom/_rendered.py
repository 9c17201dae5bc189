"""Reading values that a template made a text of: Airflow renders a list from XCom as text unless told otherwise."""

from __future__ import annotations

import ast
import json
import re

_DEEPEST = 6
_TOKEN = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[\[\](){}]|[,:\s]+|True|False|None|[0-9.]+""")


class _RepeatedKey(ValueError):
    """A JSON object has a key twice; Python's form of it would take the last one in silence."""


def value_in(text: str) -> object:
    """Give the value that a JSON text, or the Python form of a list such as ``['ann@example.org']``, stands for.

    :raises ValueError: if it is neither, or an object in it has a key twice, so that it contradicts itself.
    """
    try:
        return json.loads(text, object_pairs_hook=_without_repeated_keys)
    except _RepeatedKey:
        raise
    except (ValueError, RecursionError):
        pass
    if not _is_flat_python(text):
        raise ValueError("neither JSON nor the Python form of a list")
    try:
        return ast.literal_eval(text.strip())
    except (SyntaxError, TypeError, RecursionError, MemoryError):
        raise ValueError("neither JSON nor the Python form of a list") from None


def _without_repeated_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise _RepeatedKey("an object has a key twice")
    return dict(pairs)


def _is_flat_python(text: str) -> bool:
    """Tell whether a text is only literals, not deeply nested: others can crash the parser of Python 3.10."""
    depth = end = 0
    is_closed = False
    # Not finditer(): where a quote is never closed, it would look for a token at each of the letters behind it.
    while token := _TOKEN.match(text, end):
        end = token.end()
        is_opening, is_closing = token.group() in "[({", token.group() in "])}"
        if is_opening and is_closed:  # a call or a subscript, such as ()()(), which is deep for the parser
            return False
        is_closed = is_closing or (is_closed and token.group().isspace())
        depth += is_opening - is_closing
        if depth > _DEEPEST:
            return False
    return end == len(text)
