"""Reading the body of an answer without being held or filled up by it."""

from __future__ import annotations

import httpx

from airflow_provider_calcom.api.deadlines import Deadline
from airflow_provider_calcom.api.errors import UnexpectedAnswer

ENCODINGS = ("gzip", "deflate")
"""What an answer may be packed with. httpx would unpack others too where their packages are installed."""


def check_encoding(response: httpx.Response) -> None:
    """Refuse what was not requested, before it is unpacked.

    Brotli, zstd and what was packed several times over unpack to millions of times their size before we can count.
    """
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", *ENCODINGS):
        raise UnexpectedAnswer(
            "The answer is packed in a way that was not requested (Content-Encoding). Check the connection's host and"
            " the proxies on the way"
        )


class BoundedBody:
    """Collects an answer, and stops where it is too large or takes too long.

    :param largest: bytes.
    :param deadline: of the whole exchange.
    """

    def __init__(self, largest: int, deadline: Deadline) -> None:
        self._largest = largest
        self._deadline = deadline
        self._content = bytearray()

    def add(self, piece: bytes) -> None:
        self._content += piece
        if len(self._content) > self._largest:
            raise UnexpectedAnswer(f"The answer is larger than {self._largest:,} bytes; reading stopped there")
        self._deadline.check()

    @property
    def content(self) -> bytes:
        return bytes(self._content)
