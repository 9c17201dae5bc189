"""Reading the body of an answer without being held or filled up by it."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from airflow_provider_calcom.api.errors import UnexpectedAnswer


def check_encoding(response: httpx.Response) -> None:
    """Refuse what was packed several times over: it unpacks to millions of times its size before we can count."""
    if "," in response.headers.get("content-encoding", ""):
        raise UnexpectedAnswer("The answer is packed several times over (Content-Encoding)")


class BoundedBody:
    """Collects an answer, and stops where it is too large or takes too long.

    :param largest: bytes.
    :param clock: seconds that only grow.
    :param seconds: how long the whole answer may take; httpx's own time-out starts anew with every piece.
    """

    def __init__(self, largest: int, clock: Callable[[], float], seconds: float) -> None:
        self._largest = largest
        self._clock = clock
        self._deadline = clock() + seconds
        self._content = bytearray()

    def add(self, piece: bytes) -> None:
        self._content += piece
        if len(self._content) > self._largest:
            raise UnexpectedAnswer(f"The answer is larger than {self._largest:,} bytes; reading stopped there")
        if self._clock() > self._deadline:
            raise httpx.ReadTimeout("the whole answer took too long")

    @property
    def content(self) -> bytes:
        return bytes(self._content)
