"""Files of bookings as Cal.com sends them: written by us as JSON lines, read in any form in which people have them."""

from __future__ import annotations

import gzip
import io
import json
import logging
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from airflow_provider_calcom._redact import shown_path
from airflow_provider_calcom._storage import unpacked
from airflow_provider_calcom.attendance.errors import InvalidInput

log = logging.getLogger(__name__)

_MORE_PAGES = ("hasNextPage", "hasMore")


def write_bookings(path: Path, bookings: Iterable[Mapping[str, Any]]) -> int:
    """Write bookings as JSON lines, each as it arrives, and return how many there were.

    :param path: a local file.
    """
    written = 0
    # An unpaired surrogate, as in a name that was cut, becomes a question mark: UTF-8 can't encode it.
    with path.open("w", encoding="utf-8", errors="replace") as file:
        for booking in bookings:
            file.write(json.dumps(booking, ensure_ascii=False) + "\n")
            written += 1
    return written


def read_bookings(path: Any) -> Iterator[Any]:
    """Yield the bookings of a file; whether each is one, ``check_booking`` of ``inputs`` says.

    JSON lines are read line by line. A list, or a response of Cal.com's API (``{"status": ..., "data": [...]}``), over
    one line or several, is read as a whole.

    :param path: anything with ``open("rb")``; its content may be packed with gzip.
    :raises InvalidInput: naming file and line.
    """
    with path.open("rb") as raw:
        file = unpacked(raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(raw))
        for number, line in enumerate(_lines(file, path), start=1):
            if not line.strip():
                continue
            try:
                value = _parsed(line)
            except (ValueError, RecursionError):
                if number > 1:
                    raise _not_json(path, number) from None
                value = _whole(path, b"".join([line, *_lines(file, path)]))
            yield from _bookings_of(value, path)


def _lines(file: io.BufferedReader, path: Any) -> Iterator[bytes]:
    try:
        # Files of Airflow 2.11's object storage can't be iterated.
        yield from iter(file.readline, b"")
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise InvalidInput(f"{shown_path(path)}: is a gzip file that is cut or damaged. Write it again") from None


def _parsed(content: bytes) -> Any:
    return json.loads(content.decode("utf-8-sig"))


def _whole(path: Any, content: bytes) -> Any:
    try:
        return _parsed(content)
    except (ValueError, RecursionError):
        raise _not_json(path, 1) from None


def _not_json(path: Any, number: int) -> InvalidInput:
    return InvalidInput(
        f"{shown_path(path)}, row {number}: is not JSON. Bookings are JSON lines, a JSON list, or a response of Cal.com"
    )


def _bookings_of(value: Any, path: Any) -> Iterator[Any]:
    """Yield the bookings of one JSON value: of a response, of a list of either, or the booking that it is itself."""
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict) and "status" in one and "uid" not in one and {"data", "error"} & one.keys():
            yield from _bookings_of_response(one, path)
        else:
            yield one


def _bookings_of_response(response: dict[str, Any], path: Any) -> Iterator[Any]:
    if response["status"] != "success" or "data" not in response:
        raise InvalidInput(f"{shown_path(path)}: is an error of Cal.com, and not bookings. Request them again")
    paging = response.get("pagination")
    if isinstance(paging, dict) and any(paging.get(name) is True for name in _MORE_PAGES):
        log.warning(
            "%s: has a page of bookings after which more follow. Bookings of pages that are not given are not decided",
            shown_path(path),
        )
    data = response["data"]
    yield from data if isinstance(data, list) else [data]
