"""Files of bookings, in the forms in which people have them."""

from __future__ import annotations

import gzip
import json
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest

from airflow_provider_calcom.attendance.errors import InvalidInput
from airflow_provider_calcom.no_shows.booking_files import read_bookings, write_bookings
from tests.support import KEY, SandboxDriver

BOOKINGS: list[Any] = [{"uid": "b1", "status": "accepted", "title": "Ann\u2028x"}, {"uid": "b2", "status": "cancelled"}]
RESPONSE = {"status": "success", "data": BOOKINGS}

FORMS = {
    "lines": "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in BOOKINGS),
    "lines with gaps": "\n" + "\r\n\r\n".join(map(json.dumps, BOOKINGS)),
    "list": json.dumps(BOOKINGS),
    "list over several lines": json.dumps(BOOKINGS, indent=1),
    "response": json.dumps(RESPONSE),
    "response over several lines": json.dumps(RESPONSE, indent=2),
    "a response on each line": "\n".join(json.dumps({"status": "success", "data": [one]}) for one in BOOKINGS),
    "responses of one booking": json.dumps([{"status": "success", "data": one} for one in BOOKINGS]),
    "byte order mark": "\ufeff" + json.dumps(BOOKINGS),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("packed", [False, True])
def test_each_form_has_the_same_bookings(form: str, packed: bool, tmp_path: Path) -> None:
    """What ListBookingsOperator, the API and its pages write is read alike, packed or not."""
    content = FORMS[form].encode()
    path = tmp_path / "bookings"
    path.write_bytes(gzip.compress(content) if packed else content)
    assert list(read_bookings(path)) == BOOKINGS


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Bookings come back as they were, but an unpaired surrogate, which no file can have."""
    path = tmp_path / "bookings.jsonl"
    assert write_bookings(path, [*BOOKINGS, {"uid": "b3", "title": "Ann\ud800"}]) == 3
    assert list(read_bookings(path)) == [*BOOKINGS, {"uid": "b3", "title": "Ann?"}]


def test_a_response_of_the_api(calcom: SandboxDriver, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The body of a response is read as it is, with a warning where it is a page of several."""
    path = tmp_path / "page.json"
    headers = {"Authorization": f"Bearer {KEY}", "cal-api-version": "2024-08-13"}
    counts = []
    for take in (100, 5):
        path.write_bytes(httpx.get(f"{calcom.url}/v2/bookings", params={"take": take}, headers=headers).content)
        with caplog.at_level(logging.WARNING):
            counts.append(len(list(read_bookings(path))))
        assert ("page of bookings after which more follow" in caplog.text) == (take == 5)
    assert counts[0] > counts[1] == 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"uid,status\nb1,accepted\n", "bookings.jsonl, row 1: is not JSON"),
        (b'{"uid": "b1"}\n{"uid": \n', "bookings.jsonl, row 2: is not JSON"),
        (b'[{"uid": "b1"},\n', "bookings.jsonl, row 1: is not JSON"),
        pytest.param(b"[" * 100_000, "bookings.jsonl, row 1: is not JSON", id="deep"),
        (b"\xff\xfe", "bookings.jsonl, row 1: is not JSON"),
        (b'{"status": "error", "error": {"message": "x"}}', "is an error of Cal.com, and not bookings"),
        pytest.param(gzip.compress(b"[]" * 99)[:-12], "is a gzip file that is cut or damaged", id="cut gzip"),
    ],
)
def test_what_is_not_bookings(content: bytes, message: str, tmp_path: Path) -> None:
    """File and row are named."""
    path = tmp_path / "bookings.jsonl"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=message):
        list(read_bookings(path))
