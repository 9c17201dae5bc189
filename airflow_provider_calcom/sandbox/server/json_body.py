"""Request bodies as Express' body parser reads them, with V8's error messages."""

import json
from typing import Any

from airflow_provider_calcom.sandbox.responses import ApiError, BareError

BODY_LIMIT = 100 * 1024
_WORDS = {
    "Expecting ':' delimiter": "Expected ':' after property name",
    "Expecting property name enclosed in double quotes": "Expected double-quoted property name",
    "Invalid control character at": "Bad control character in string literal",
    "Invalid \\escape": "Bad escaped character",
    "Extra data": "Unexpected non-whitespace character after JSON",
}


def read_body(content_type: str, body: bytes) -> Any:
    """Parse the body; `{}` for no body and for every content type but JSON, which the server does not parse."""
    if content_type.split(";", maxsplit=1)[0].strip().lower() != "application/json" or not body:
        return {}
    if len(body) > BODY_LIMIT:
        raise BareError(413, "request entity too large")
    text = body.decode("utf-8", "replace")
    first = text.lstrip(" \t\r\n")[:1]
    if first not in ("{", "["):  # the parser accepts only objects and arrays
        raise _syntax_error(_unexpected(text, len(text) - len(text.lstrip())) if first else _END)
    try:
        return json.loads(text, parse_constant=_no_constants)
    except json.JSONDecodeError as error:
        raise _syntax_error(_v8_message(error)) from None


_END = "Unexpected end of JSON input"


def _syntax_error(message: str) -> ApiError:
    return ApiError(400, message)


def _no_constants(name: str) -> Any:
    raise ApiError(400, f"Unexpected token '{name[0]}', {name} is not valid JSON")


def _unexpected(text: str, position: int) -> str:
    """Return V8's message, which quotes a short source whole, and ten characters around the position in a long one."""
    start, end = max(0, position - 10), min(len(text), position + 10)
    if len(text) < 21:
        start, end = 0, len(text)
    quoted = ("..." if start else "") + f'"{text[start:end]}"' + ("..." if end < len(text) else "")
    return f"Unexpected token '{text[position]}', {quoted} is not valid JSON"


def _fault(error: json.JSONDecodeError) -> tuple[str, int]:
    """Return message and position as Python before 3.13 does; later ones point at a trailing comma."""
    if not error.msg.startswith("Illegal trailing comma"):
        return error.msg, error.pos
    behind = error.doc[error.pos + 1 :]
    position = len(error.doc) - len(behind.lstrip())
    return (
        "Expecting value" if error.msg.endswith("array") else "Expecting property name enclosed in double quotes"
    ), position


def _v8_message(error: json.JSONDecodeError) -> str:
    text, (fault, position) = error.doc, _fault(error)
    ended = not text[position:].strip()
    before = text[:position].rstrip()
    if fault == "Unterminated string starting at":
        return f"Unterminated string in JSON at position {len(text)}"
    if fault == "Expecting value" and not ended and text[position] != "]":
        start = position  # V8 points at the first character that breaks a keyword such as tru}
        for word in ("true", "false", "null"):
            while position - start < len(word) and text[start : position + 1] == word[: position + 1 - start]:
                position += 1
        return _unexpected(text, position) if position < len(text) else _END
    if fault.startswith("Expecting value"):
        return _END if ended else _unexpected(text, position)
    if fault == "Expecting ',' delimiter":
        inside_array = before.count("[") > before.count("]") and before.rfind("[") > before.rfind("{")
        wanted = "',' or ']' after array element" if inside_array else "',' or '}' after property value"
        return f"Expected {wanted} in JSON at position {position}"
    words = _WORDS.get(fault, fault)
    if words == "Expected double-quoted property name" and before.endswith("{"):
        words = "Expected property name or '}'"
    return f"{words} in JSON at position {position}"
