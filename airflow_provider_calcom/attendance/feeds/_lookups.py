"""Tables that a user gives with the options, which know whether they were of use."""

from __future__ import annotations

import re
from collections.abc import ItemsView, Iterator, Mapping
from functools import lru_cache
from urllib.parse import unquote

_NUMBER = re.compile(r"\d+(?:[ \u00a0-]\d+)*")  # a minus is no dash: -1 is another id than 1
_BETWEEN_DIGITS = re.compile(r"[ \u00a0-]")


class LookUp(Mapping[str, str]):
    """A table {the vendor's id: what the user says it is}.

    An id is found in any spelling that programs make of it: with percent signs (once or twice, as Zoom wants a uuid in
    a URL), and numbers with spaces or dashes.

    :param pairs: the table.
    """

    def __init__(self, pairs: Mapping[str, str]) -> None:
        self._pairs = dict(pairs)
        self._plain = {_plain(key): value for key, value in pairs.items()}
        self.tried = 0
        self.found = 0

    def __getitem__(self, key: str) -> str:
        self.tried += 1
        value = self._pairs[key] if key in self._pairs else self._plain[_plain(key)]
        self.found += 1
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def items(self) -> ItemsView[str, str]:
        """Return the entries, without counting them as looked up."""
        return self._pairs.items()

    def __repr__(self) -> str:
        return f"LookUp of {len(self)} entries"  # keys and values are people's data


@lru_cache(maxsize=4096)
def _plain(key: str) -> str:
    text = unquote(unquote(key)).strip()
    return _BETWEEN_DIGITS.sub("", text) if _NUMBER.fullmatch(text) else text
