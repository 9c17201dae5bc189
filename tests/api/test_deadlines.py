"""However slowly an answer comes, in whatever part of it, the call ends with its deadline: over real sockets."""

from __future__ import annotations

import gzip
import json
import ssl
from dataclasses import replace

import httpcore
import pytest

from airflow_provider_calcom.api import endpoints, errors
from airflow_provider_calcom.api.settings import RetryLimits
from airflow_provider_calcom.api.transport import Deadline, TimedTransport
from tests.api.support import IN_BOTH, SETTINGS, Both, success
from tests.raw_server import raw_server

ME = json.dumps(success({"id": 7})).encode()
BODY = b"%x\r\n%s\r\n" % (len(ME), ME)
OK, CHUNKED = b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
GZIP = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
WHOLE = b"Content-Length: %d\r\n\r\n" % len(ME) + ME
EMPTY_BLOCK = b"5\r\n\x00\x00\x00\xff\xff\r\n"
PACKED = gzip.compress(ME)[10:]
DRIPS = {
    "1xx": (*[b"HTTP/1.1 100 Continue\r\n\r\n"] * 60, OK + WHOLE),
    "status line": (b"HTTP/1.1 200 ", *[b"O"] * 60, b"\r\n" + WHOLE),
    "headers": (OK, *[b"X-A: b\r\n"] * 60, WHOLE),
    "body": (OK + b"Content-Length: %d\r\n\r\n" % (len(ME) + 60), *[b" "] * 60, ME),
    "chunk header": (CHUNKED + b"%x;" % len(ME), *[b"a"] * 60, b"\r\n" + ME + b"\r\n0\r\n\r\n"),
    "trailers": (CHUNKED + BODY + b"0\r\n", *[b"X-A: b\r\n"] * 60, b"\r\n"),
    "gzip blocks of nothing": (
        GZIP + b"a\r\n" + gzip.compress(b"")[:10] + b"\r\n",
        *[EMPTY_BLOCK] * 60,
        b"%x\r\n%s\r\n0\r\n\r\n" % (len(PACKED), PACKED),
    ),
}
"""Answers in 60 drips, all of which would be good ones in the end."""


@pytest.mark.parametrize("pieces", DRIPS.values(), ids=DRIPS)
@IN_BOTH
def test_a_response_that_drips_ends_with_the_deadline(both: Both, pieces: tuple[bytes, ...]) -> None:
    """No part of an answer can hold a task: total_timeout counts from the first byte sent to the last one read."""
    with raw_server(*pieces, pause=0.02) as url:
        settings = replace(
            SETTINGS, base_url=f"{url}/v2", timeout=5.0, total_timeout=0.2, retry_limits=RetryLimits(attempts=1)
        )
        error = both.error(None, endpoints.me(), settings)
    assert type(error) is errors.NoAnswer
    assert "ReadTimeout" in str(error)
    assert error.failure
    assert error.failure.timed_out


@pytest.mark.parametrize("pieces", DRIPS.values(), ids=DRIPS)
def test_the_drips_would_be_good_responses(both: Both, pieces: tuple[bytes, ...]) -> None:
    """The answers of the test above fail for nothing but their time."""
    with raw_server(*pieces) as url:
        assert both.call(None, endpoints.me(), replace(SETTINGS, base_url=f"{url}/v2")) == {"id": 7}


def test_a_write_that_drips_has_an_unknown_outcome(both: Both) -> None:
    """A write whose answer takes too long may have been carried out, and the server may still be at work."""
    with raw_server(*DRIPS["headers"], pause=0.02) as url:
        settings = replace(SETTINGS, base_url=f"{url}/v2", total_timeout=0.2)
        error = both.error(None, endpoints.mark_absent("uid1", host=True), settings)
    assert type(error) is errors.OutcomeUnknown
    assert error.may_still_be_running


def test_no_connection_is_begun_after_the_deadline() -> None:
    """Connecting and encrypting get no more time than is left either: over the socket of each, and for each proxy."""
    transport = TimedTransport()
    deadline = Deadline(iter([0.0, 1.0, 1.0]).__next__, 0.5)
    backend = transport._pool._network_backend
    with deadline.on_sockets(), pytest.raises(httpcore.ConnectTimeout):
        backend.connect_tcp("127.0.0.1", 9)
    with raw_server() as url:
        stream = backend.connect_tcp("127.0.0.1", int(url.rpartition(":")[2]))
    with deadline.on_sockets(), pytest.raises(httpcore.ConnectTimeout):
        stream.start_tls(ssl.create_default_context())
    stream.close()
