"""Redaction of errors, log lines and reprs: no key, token or password, and no attendee's address or name.

Each kind of value has its function:

- :func:`redact` for messages of a server, a proxy or a library; :func:`redact_sql` for messages of a SQL server or
  driver, which quote values;
- :func:`describe` for the value of a parameter, and :func:`plain` for the name of a thing;
- :func:`shape_of`, :func:`shown_word` and :func:`shown_time` for the value of a table, which is personal data;
- :func:`shown_columns` and :func:`shown_column` for the names of a table's columns;
- :func:`shown_path` for a path or URL of a file;
- :func:`hide` for our own messages. The base class of our errors calls it, so that a value that went through none of
  the other functions shows no address and no key either. It can't recognise names; the other functions do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from urllib.parse import quote, quote_plus

LONGEST_TEXT = 500
"""Maximum length of a message of a server or library that is shown."""

_LOOKED_AT = 4_000
"""Characters that patterns run over. A server can send megabytes, and Python's patterns hold the interpreter's lock."""

_LONGEST_ADDRESS = 320
_LONGEST_VALUE = 80

# Each pattern consumes what it matched, so that none is quadratic: a function decides whether a match is hidden, not
# a look-ahead, which would start again at every character.
_TOKENS = re.compile(
    r"(access token=\s*)(?:bearer\s+|basic\s+)?\S+|\bbearer\s+\S+|\bbasic\s+[\w+/]{8,}={1,2}"
    # A key, but not the feed cal_video and its conference keys.
    r"|\bcal_(?!video|com\b)\w+|\beyJ[\w.-]+",
    re.IGNORECASE,
)
_ASSIGNED = re.compile(
    r"\b((?:password|passwd|pwd|secret|api[_-]?key|access[_-]?key|token)[\"']?\s*(?:=\s*[\"']?|:\s*[\"']))"
    r"[^\s\"'&;,)]+",
    re.IGNORECASE,
)
_USER_OF_URL = re.compile(r"(?<=://)[^\s/@]*@")
_QUERY = re.compile(r"\?[^\s\"'<>]+")
# Not of fields of Microsoft Graph, such as value@odata.nextLink.
_AT_SIGN = r"(?:@(?!odata\.[a-z])|[\uFF20\uFE6B]|%(?:25)*40|&#0*64|&#x0*40|&commat|\\u0040|\\x40)"
_AT = re.compile(_AT_SIGN, re.IGNORECASE)
# A local part in quotes, or with a comment, may contain separators of words. Bounded, so that it stays linear.
_QUOTED_ADDRESS = re.compile(
    rf"(?:\\?\"[^\"\\]{{1,64}}\\?\"|\\?'[^'\\]{{1,64}}\\?'|[\w.+-]{{0,64}}\([^()]{{0,64}}\)){_AT_SIGN}[^\s\"'<>(),;]*",
    re.IGNORECASE,
)
_WORD = re.compile(r"(?:&#?\w{1,8};|[^\s\"'<>(),;:=])+(?:'[^\s\"'<>(),;:=]+)*")
_OPAQUE = re.compile(r"[A-Za-z0-9_-]{16,}")


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a message of a server or library for the log: one printable line of at most 500 characters.

    Tokens, addresses (also percent-encoded), users and passwords in URLs, and the queries of URLs are removed.

    :param secrets: strings that need not look like a token, such as our own key or a name that was sent. They are also
        found percent-encoded or escaped.
    """
    hidden = [" ".join(secret.split()) for secret in secrets]
    line = _one_line(text[:_LOOKED_AT])
    if any(hidden):
        line = _pattern_of(hidden).sub("***", line)
    line = hide(line)
    is_cut = len(text) > _LOOKED_AT
    if is_cut:
        # The end may be the first half of an address or a key, which no pattern matches.
        line = line[: max(0, len(line) - max([_LONGEST_ADDRESS, *(3 * len(secret) for secret in hidden)]))]
        line = line[: line.rfind(" ") + 1]
    return f"{line[:LONGEST_TEXT]}..." if is_cut or len(line) > LONGEST_TEXT else line


def hide(text: str) -> str:
    """Return one of our messages without tokens, addresses, users of URLs and queries of URLs. Idempotent."""
    text = _TOKENS.sub(lambda found: (found.group(1) or "") + "***", text)
    text = _ASSIGNED.sub(r"\1***", text)
    text = _USER_OF_URL.sub("", text)
    text = _QUERY.sub(_shown_query, text)
    if _AT.search(text):
        text = _QUOTED_ADDRESS.sub("<address>", text)
        text = _WORD.sub(_shown_word, text)
    return text


def _one_line(text: str) -> str:
    """Return the string on one line, without characters that a terminal or a log interprets."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())


def _pattern_of(secrets: Sequence[str]) -> re.Pattern[str]:
    spelt = {form for secret in secrets if secret for form in (secret, *_encoded(secret))}
    return re.compile("|".join(re.escape(form) for form in sorted(spelt, key=len, reverse=True)), re.IGNORECASE)


def _encoded(secret: str) -> tuple[str, str, str]:
    escaped = repr(secret)[1:-1]
    return quote(secret, safe="", errors="replace"), quote_plus(secret, errors="replace"), escaped


def _shown_query(found: re.Match[str]) -> str:
    return "?..." if "=" in found.group() else found.group()


def _shown_word(found: re.Match[str]) -> str:
    return "<address>" if _AT.search(found.group(), 1) else found.group()


# Messages of SQL servers.

# How PostgreSQL and Spark continue after their first lines: with our own SQL, and with values.
_SQL_DETAILS = re.compile(r"\s*(LINE \d+:|DETAIL:|CONTEXT:|QUERY:|STATEMENT:|WHERE:|\^|== SQL)")
_QUOTED = re.compile(r"(\w*)(\W{0,3})(\"[^\"]*\"|'[^']*'|`[^`]*`)")
_NAME_IN_SQL = re.compile(r"[A-Za-z_][\w.$-]{0,127}", re.ASCII)
_NAMED_IN_SQL = re.compile(
    r"at|catalog|collation|column|constraint|database|dataset|extension|field|for|function|host"
    r"|in|index|key|near|name|object|operator|option|parameter|relation|role|schema|sequence"
    r"|server|table|to|type|user|view|warehouse",
    re.IGNORECASE,
)
_REFUSED_VALUE = re.compile(
    r"\b((?:bad|cast|convert|converting|conversion|incorrect|invalid|malformed|parse|parsing)\b[^:]{0,100}:) .+",
    re.IGNORECASE,
)


def redact_sql(error: Exception, secrets: Iterable[str] = ()) -> str:
    """Return the message of a SQL server or its driver, in one line: the names of tables and columns, but no value.

    Such an error quotes a value that can't be cast, which may be a person's name. Quoted strings are shown only after
    words such as ``column`` or ``table``.

    :param error: the driver's error.
    :param secrets: see :func:`redact`.
    """
    lines = []
    for line in str(error)[:_LOOKED_AT].splitlines():
        if _SQL_DETAILS.match(line):
            break
        lines.append(line.strip())
    said = redact(" ".join(filter(None, lines)), secrets) or type(error).__name__
    return _REFUSED_VALUE.sub(r"\1 ...", _QUOTED.sub(_shown_in_sql, said))


def _shown_in_sql(found: re.Match[str]) -> str:
    before, between, quoted = found.groups()
    is_name = _NAMED_IN_SQL.fullmatch(before) and not between.strip() and _NAME_IN_SQL.fullmatch(quoted[1:-1])
    return found.group() if is_name or quoted[1:-1] == "***" else f"{before}{between}{quoted[0]}...{quoted[0]}"


# Values of parameters.


def describe(value: object) -> str:
    """Return how an error shows the value of a parameter: short, and without anything that may be private.

    Addresses, keys and names end up in the wrong parameter now and then. A string of several words, or with non-ASCII
    letters, may be a name, and a long word of letters and digits may be a key: only the length of these is shown. Of a
    container only its type and size are shown, because its keys can be addresses.
    """
    if value is None or isinstance(value, bool | int | float):
        return repr(value) if not isinstance(value, int) or abs(value) < 10**30 else "an integer of over 30 digits"
    if not isinstance(value, str):
        return _kind_of(value)
    shown = redact(value[:_LOOKED_AT])
    is_private = (
        shown != _one_line(value)
        or not value.isascii()
        or len([word for word in shown.split() if any(map(str.isalpha, word))]) > 1
        or any(map(_is_opaque, _OPAQUE.findall(shown)))
    )
    if is_private or len(value) > _LONGEST_VALUE:
        return f"a string of {len(value):,} characters"
    return repr(value)


def plain(name: str) -> str:
    """Return the name of a connection, a table or the like, without quotes unless it may be private."""
    shown = describe(name)
    return name if name.isprintable() and shown == repr(name) else shown


def _is_opaque(word: str) -> bool:
    """Return whether a word may be a key. A timestamp has few letters, and a plain name has no digits."""
    return sum(letter.isdigit() for letter in word) >= 2 and sum(letter.isalpha() for letter in word) >= 4


def _kind_of(value: object) -> str:
    name = type(value).__name__
    if isinstance(value, bytes | bytearray | Mapping | Sequence | Set):
        return f"a {name} of {len(value):,}"
    return f"a {name}"


# Values and columns of tables. Columns can be shifted, so that the column of a time has names.

_LONGEST_CELL = 40
_DATE_WORDS = re.compile(
    r"(?:[tz]|am|pm|a\.m\.|p\.m\.|utc|gmt|jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec"
    r"|january|february|march|april|june|july|august|september|october|november|december)",
    re.IGNORECASE,
)
_DATE_OR_CLOCK = re.compile(r"(?<!\d)(?:\d{1,4}([-/.])\d{1,2}\1\d{1,4}|\d{1,2}:\d\d)(?!\d)", re.ASCII)
_SMALL_WORD = re.compile(r"[a-z0-9_]{1,20}|[A-Z_]{1,12}", re.ASCII)
_LETTERS = re.compile(r"[^\W\d_](?:[^\W\d_]|\.(?=[^\W\d_]))*\.?")


def shape_of(value: object) -> str:
    """Return the kind of a value, ``string like '99/99/9999'`` or ``a list``, without any of its letters and digits."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return f"string like {_masked(value)!r}"
    if isinstance(value, bool):
        return f"the bool {value}"
    if isinstance(value, (int, float)) and -1e30 < value < 1e30:
        return f"a number of {len(str(abs(int(value))))} digits"  # it may be a telephone number
    return f"a {type(value).__name__}"


def shown_word(value: object) -> str:
    """Return a value of a column of keywords, such as a kind: unchanged if it is in lower case, as names are not."""
    if isinstance(value, str) and _SMALL_WORD.fullmatch(value):
        return repr(value)
    return f"a string of {len(value):,} characters" if isinstance(value, str) else shape_of(value)


def shown_time(value: object) -> str:
    """Return a value of a column of times: unchanged if it clearly is a date or a time, otherwise its shape."""
    if isinstance(value, str) and len(value) <= _LONGEST_CELL and _looks_like_a_time(value):
        return repr(value)
    return shape_of(value)


def _looks_like_a_time(text: str) -> bool:
    words = _LETTERS.findall(text)
    return bool(_DATE_OR_CLOCK.search(text)) and all(_DATE_WORDS.fullmatch(word) for word in words)


def _masked(text: str) -> str:
    masked = re.sub(r"\d", "9", re.sub(r"[^\W\d_]+", "a", text[:_LONGEST_CELL]))
    return masked + ("..." if len(text) > _LONGEST_CELL else "")


_LONGEST_NAME = 60
_LONGEST_COLUMNS = 400
_MOST_COLUMNS = 40
_RUN_OF_LETTERS = re.compile(r"[^\W\d_]+")
_WORDS_OF_A_NAME = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![a-z])|[A-Z]")
# Words of column names that are not surnames.
_COLUMN_WORDS = re.compile(
    r"absent|account|action|activity|address|attendance|attendee|beginning|booking|calendar|code"
    r"|conference|count|date|department|device|display|duration|email|end|ended|event|exit"
    r"|external|geo|id|identifier|internal|invited|join|joined|key|kind|leave|leaving|length"
    r"|login|mail|meeting|minutes|mobile|name|nickname|number|occurred|online|organiser"
    r"|organizer|participant|participants|phone|recording|registered|registration|role|seconds"
    r"|session|source|start|started|state|status|tel|telephone|time|times|timestamp|title"
    r"|token|topic|total|type|uid|unit|upn|url|user|username|utc|uuid|waiting|zone",
    re.IGNORECASE,
)


def shown_columns(names: Iterable[object]) -> str:
    """Return the names of a table's columns for an error, or only their number if they look like data.

    A file without a header, or an object with people as keys, has data instead of names. So one name that looks like
    an address, a number, a time or a person's full name hides all of them. Hiding all unknown words was rejected: with
    files in languages that no feed knows, these names are what the user needs.
    """
    texts = [text for text in map(_as_name, names) if text]
    if not texts:
        return "(none)"
    if any(map(_looks_like_data, texts)):
        return f"({len(texts)} columns, which look like data rather than names, so they are not shown)"
    shown = ", ".join(texts[:_MOST_COLUMNS])
    return f"{shown[:_LONGEST_COLUMNS]}{', ...' if len(texts) > _MOST_COLUMNS or len(shown) > _LONGEST_COLUMNS else ''}"


def shown_column(name: object) -> str:
    """Return the name of one column, or its length if it looks like data."""
    text = _as_name(name)
    return f"(a name of {len(str(name)):,} characters)" if _looks_like_data(text) else text


def _as_name(name: object) -> str:
    """Return a name on one line, with question marks for characters that were read in the wrong encoding."""
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(str(name).split()))


def _looks_like_data(name: str) -> bool:
    return (
        len(name) > _LONGEST_NAME
        or sum(letter.isdigit() for letter in name) > 4
        or bool(_DATE_OR_CLOCK.search(name))
        or hide(name) != name
        or _may_be_full_name(name)
    )


def _may_be_full_name(text: str) -> bool:
    """Return whether a string may be a person's name: ``Ann Archer``, not ``Join Time``.

    ``Erster Beitritt`` is treated as a name, because its words begin with capitals too.
    """
    words = _RUN_OF_LETTERS.findall(text)
    has_capitals = sum(not word[0].islower() for word in words) > 1
    return has_capitals and " " in text and not any(map(_COLUMN_WORDS.fullmatch, _WORDS_OF_A_NAME.findall(text)))


# Paths.

_LONGEST_PATH = 200


def shown_path(path: object) -> str:
    """Return a path or URL of a file for a message: on one line, without parts that are an address, a key or a name.

    A long path is cut in the middle, because its beginning and its end are the most useful. Of a string that is longer
    than any path, only the beginning is used.
    """
    text = str(path)
    if len(text) > _LOOKED_AT:  # longer than any path; its last part may be half of an address
        text = text[:_LOOKED_AT].rpartition("/")[0]
    text = _QUERY.sub(_shown_query, _USER_OF_URL.sub("", text))
    text = "/".join(map(_shown_part, text.split("/")))
    text = text if text.isprintable() else ascii(text)[1:-1]
    half = _LONGEST_PATH // 2
    return text if len(text) <= _LONGEST_PATH else f"{text[:half]}...{text[-half:]}"


def _shown_part(part: str) -> str:
    if hide(part) != part or "@" in part[1:]:
        return "<address>"
    return "<name>" if _may_be_full_name(part) else part
