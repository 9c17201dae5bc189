"""The option ``columns``: which of a file's own columns holds what."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache

from airflow_provider_calcom._redact import shown_column
from airflow_provider_calcom.attendance.feeds.errors import InvalidFeedOption

Fields = Mapping[str, tuple[str, ...]]
"""{field of a row, as ``joined_at``: the names that the vendor has for its column, the first one first}."""


@lru_cache(maxsize=4096)
def folded_name(name: str) -> str:
    """Return what all spellings of a column's name share: its letters and digits, in lower case.

    Composed and decomposed accents are the same, and so are straight and typographic apostrophes.
    """
    return "".join(letter for letter in unicodedata.normalize("NFKC", name).casefold() if letter.isalnum())


class OwnColumns(Mapping[str, str]):
    """The option ``columns``, by every name that a feed may ask for.

    :param pairs: {field, or one of the vendor's names of its column: the file's own column}.
    :param fields: what the feed reads; empty where it does not say, and any key is then taken as a column's name.
    :raises InvalidFeedOption: for a key that is no field of the feed, and for two keys that are one field.
    """

    def __init__(self, pairs: Mapping[str, str], fields: Fields | None = None) -> None:
        self._pairs = dict(pairs)
        self._by_name: dict[str, str] = {}
        for key, column in self._pairs.items():
            for name in _names_of(key, fields or {}):
                if self._by_name.setdefault(folded_name(name), column) != column:
                    raise InvalidFeedOption(
                        "The feed's option columns names two columns for one field, the second by"
                        f" {shown_column(key)!r}"
                    )

    def column_for(self, name: str) -> str | None:
        """Return the file's own column for one that a feed asks for, or None."""
        return self._by_name.get(folded_name(name)) if self._by_name else None

    def __getitem__(self, key: str) -> str:
        return self._pairs[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)


def _names_of(key: str, fields: Fields) -> tuple[str, ...]:
    folded = folded_name(key)
    # A field's own name goes first: another field may have it among the vendor's names.
    for of_field in (lambda field: (field,), lambda field: fields[field]):
        for field, names in fields.items():
            if folded in map(folded_name, of_field(field)):
                return field, *names
    if fields:
        raise InvalidFeedOption(
            f"The feed's option columns names {shown_column(key)!r}, but may name only {', '.join(fields)}"
        )
    return (key,)
