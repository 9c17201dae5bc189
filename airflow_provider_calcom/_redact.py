"""The privacy promise in one place: what may stand in an error, a log line or a repr.

No key, token or password, and no attendee's address or name. :func:`redact` is for words that somebody else wrote (a
server, a proxy, a library), :func:`describe` for a value that came in a parameter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from urllib.parse import quote, quote_plus

LONGEST_TEXT = 500
"""Characters of somebody else's words that are shown at most."""

_LOOKED_AT = 4_000
"""Characters that patterns run over. A server can send megabytes, and Python's patterns hold the interpreter's lock."""

_LONGEST_ADDRESS = 320
_LONGEST_VALUE = 80

# Each pattern takes what it has looked at, so that none is quadratic: what decides whether a piece is hidden is looked
# at in a function, not by a pattern that would begin anew at every character.
_TOKENS = re.compile(
    r"(access token=\s*)(?:bearer\s+|basic\s+)?\S+|\bbearer\s+\S+|\bcal_\w+|\beyJ[\w.-]+",
    re.IGNORECASE,
)
_USER_OF_URL = re.compile(r"(?<=://)[^\s/@]*@")
_QUERY = re.compile(r"\?[^\s\"'<>]+")
_WORD = re.compile(r"[^\s\"'<>(),;:=]+(?:'[^\s\"'<>(),;:=]+)*")
_AT = re.compile(r"[@\uFF20\uFE6B]|%(?:25)*40|&#0*64|&#x0*40|&commat|\\u0040|\\x40", re.IGNORECASE)
_OPAQUE = re.compile(r"[A-Za-z0-9_-]{16,}")
_TWO_WORDS = re.compile(r"[^\W\d_]\s+[^\W\d_]")


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return somebody else's words fit for a log: one printable line of at most 500 characters.

    Tokens, addresses (also percent-encoded), users and passwords in URLs, and the queries of URLs are taken out.

    :param secrets: texts that need not look like a token, such as our own key or a name that was sent; also found
        percent-encoded.
    """
    hidden = [" ".join(secret.split()) for secret in secrets]
    line = _one_line(text[:_LOOKED_AT])
    if any(hidden):
        line = _pattern_of(hidden).sub("***", line)
    line = _TOKENS.sub(lambda found: (found.group(1) or "") + "***", line)
    line = _USER_OF_URL.sub("", line)
    line = _QUERY.sub(_shown_query, line)
    line = _WORD.sub(_shown_word, line)
    is_cut = len(text) > _LOOKED_AT
    if is_cut:
        # The end may be the first half of what would have been hidden, had it been whole.
        line = line[: max(0, len(line) - max([_LONGEST_ADDRESS, *(3 * len(secret) for secret in hidden)]))]
        line = line[: line.rfind(" ") + 1]
    return f"{line[:LONGEST_TEXT]}..." if is_cut or len(line) > LONGEST_TEXT else line


def _one_line(text: str) -> str:
    """Return the text on one line and without what a terminal or a log would act on."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())


def _pattern_of(secrets: Sequence[str]) -> re.Pattern[str]:
    spelt = {form for secret in secrets if secret for form in (secret, *_encoded(secret))}
    return re.compile("|".join(re.escape(form) for form in sorted(spelt, key=len, reverse=True)), re.IGNORECASE)


def _encoded(secret: str) -> tuple[str, str]:
    return quote(secret, safe="", errors="replace"), quote_plus(secret, errors="replace")


def _shown_query(found: re.Match[str]) -> str:
    return "?..." if "=" in found.group() else found.group()


def _shown_word(found: re.Match[str]) -> str:
    return "<address>" if _AT.search(found.group(), 1) else found.group()


def describe(value: object) -> str:
    """Return how an error shows a value that came in a parameter: short, and only where it can be nobody's secret.

    Addresses, keys and names end up in the wrong parameter now and then. Text of several words may be a name, and a
    long word of letters and digits a key: of both only the length is shown. Of a container only its kind and size are
    shown, because its keys can be addresses.
    """
    if value is None or isinstance(value, bool | int | float):
        return repr(value) if not isinstance(value, int) or abs(value) < 10**30 else "an integer of over 30 digits"
    if not isinstance(value, str):
        return _kind_of(value)
    shown = redact(value[:_LOOKED_AT])
    is_private = shown != _one_line(value) or _TWO_WORDS.search(shown) or any(map(_is_opaque, _OPAQUE.findall(shown)))
    if is_private or len(value) > _LONGEST_VALUE:
        return f"a text of {len(value):,} characters"
    return repr(value)


def _is_opaque(word: str) -> bool:
    """Tell whether a word may be a key. An instant has few letters, and a plain name no digits."""
    return sum(letter.isdigit() for letter in word) >= 2 and sum(letter.isalpha() for letter in word) >= 4


def _kind_of(value: object) -> str:
    name = type(value).__name__
    if isinstance(value, bytes | bytearray | Mapping | Sequence | Set):
        return f"a {name} of {len(value):,}"
    return f"a {name}"
