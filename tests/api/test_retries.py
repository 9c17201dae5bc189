"""A call is sent again only where that is safe and there is hope, and never longer than allowed."""

from __future__ import annotations

import warnings
from dataclasses import replace
from email.utils import formatdate

import httpx
import pytest
import stamina
import stamina.instrumentation

from airflow_provider_calcom.api import endpoints, errors
from airflow_provider_calcom.api.headers import seconds_to_wait
from airflow_provider_calcom.api.retries import backoff
from airflow_provider_calcom.api.settings import RetryLimits
from tests.api.support import BUILDS, IN_BOTH, SETTINGS, answering, booking, recorded, recorded_answer, success

NOW = 1_795_165_200.0
READ, WRITE = endpoints.me(), endpoints.confirm_booking("uid1")
GOOD = httpx.Response(200, json=success({**booking(), "id": 7}))


@pytest.mark.parametrize(
    ("endpoint", "trouble", "sent"),
    [
        *((READ, httpx.Response(status), 2) for status in (500, 502, 503, 504, 520, 522, 524, 429)),
        *((READ, httpx.Response(status), 1) for status in (400, 401, 403, 404, 409, 413, 422, 498, 501, 302)),
        *((READ, error("x"), 2) for error in (httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError)),
        (READ, httpx.Response(200, text="<html>"), 1),
        *((WRITE, httpx.Response(status), 1) for status in (400, 401, 403, 404, 409, 500, 502, 503, 504, 524, 302)),
        (WRITE, httpx.Response(429), 2),
        *((WRITE, error("x"), 2) for error in (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)),
        *((WRITE, error("x"), 1) for error in (httpx.ReadError, httpx.ReadTimeout, httpx.WriteError)),
        (WRITE, httpx.Response(200, text="<html>"), 1),
    ],
)  # fmt: skip
def test_how_often_a_call_is_sent(both, endpoint, trouble, sent):
    """A passing trouble costs one more call where the call may be sent again, else the error is raised."""
    server = answering(trouble, GOOD)
    if sent == 2:
        both.call(server, endpoint)
    else:
        both.error(server, endpoint)
    assert len(server.requests) == sent


@pytest.mark.parametrize("attempts", [1, 5])
@pytest.mark.parametrize("trouble", [httpx.Response(503), httpx.Response(429), httpx.ConnectError("x")])
@IN_BOTH
def test_attempts_are_bounded(both, trouble, attempts):
    """There are no more attempts than the settings allow, and the last error is raised as it is."""
    server = answering(trouble)
    settings = replace(SETTINGS, retry_limits=RetryLimits(attempts, 1000.0))
    error = both.error(server, READ, settings)
    assert len(server.requests) == attempts
    assert type(error) in (errors.ServerFault, errors.RateLimited, errors.NotConnected)


@IN_BOTH
def test_time_is_bounded(both):
    """No try begins after the allowed seconds."""
    now = [1000.0]

    def slow(request):
        now[0] += 25.0
        return httpx.Response(503)

    server = answering(slow)
    settings = replace(SETTINGS, retry_limits=RetryLimits(20, 60.0), total_timeout=1000.0)
    both.error(server, READ, settings, clock=lambda: now[0])
    assert len(server.requests) == 3


def test_no_time_is_one_attempt(both):
    """With 0 seconds for retries a call is sent once, and a valid setting gives no warning."""
    server = answering(httpx.Response(503))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        both.error(server, READ, replace(SETTINGS, retry_limits=RetryLimits(5, 0.0)))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("headers", "seconds", "sent"),
    [
        ({"Retry-After": "59"}, 60.0, 2),
        ({"Retry-After": "0"}, 60.0, 2),
        ({"Retry-After": "60"}, 60.0, 1),
        ({"Retry-After": "3600"}, 180.0, 1),
        ({"Retry-After": formatdate(NOW + 59, usegmt=True)}, 60.0, 2),
        ({"Retry-After": formatdate(NOW + 61, usegmt=True)}, 60.0, 1),
        ({"Retry-After": formatdate(NOW - 61, usegmt=True)}, 60.0, 2),
        ({"X-RateLimit-Remaining-Default": "0", "X-RateLimit-Reset-Default": "61"}, 60.0, 1),
        ({"X-RateLimit-Remaining-Default": "0", "X-RateLimit-Reset-Default": "59"}, 60.0, 2),
        ({"X-RateLimit-Remaining-Default": "1", "X-RateLimit-Reset-Default": "61"}, 60.0, 2),
        ({}, 60.0, 2),
    ],
)
@pytest.mark.parametrize("endpoint", [WRITE])
def test_a_wait_beyond_what_is_left_is_not_begun(both, endpoint, headers, seconds, sent):
    """Where the server requests a longer wait than is left, the error is raised at once."""
    server = answering(httpx.Response(429, headers=headers), GOOD)
    settings = replace(SETTINGS, retry_limits=RetryLimits(5, seconds))
    options = {"clock": lambda: 1000.0, "wall_clock": lambda: NOW}
    if sent == 2:
        both.call(server, endpoint, settings, **options)
    else:
        assert type(both.error(server, endpoint, settings, **options)) is errors.RateLimited
    assert len(server.requests) == sent


@IN_BOTH
def test_the_servers_wait_is_really_waited(both):
    """What is waited before the next attempt is what the server requested."""
    headers = {"X-RateLimit-Remaining-Tiny": "0", "X-RateLimit-Reset-Tiny": "0.05"}
    server = answering(httpx.Response(503, headers=headers), GOOD)
    waits: list[float] = []
    stamina.instrumentation.set_on_retry_hooks([lambda details: waits.append(details.wait_for)])
    try:
        with stamina.set_testing(False):
            both.call(server, READ)
    finally:
        stamina.instrumentation.set_on_retry_hooks(None)
    assert waits == [0.05]


@pytest.mark.parametrize(
    ("headers", "waits"), [({}, [5.0, 10.0, 20.0]), ({"Retry-After": "0"}, [1.0, 1.0, 1.0])], ids=["unnamed", "zero"]
)
def test_a_429_that_names_no_wait_is_not_hammered_on(headers, waits):
    """Where a 429 says nothing or 0, we wait all the same, longer each time where it says nothing."""
    error = errors.RateLimited("x", errors.Failure("GET", "/me", 429, retry_after=seconds_to_wait(headers, NOW)))
    decide = backoff(writes=True, limits=RetryLimits(5, 600.0), clock=lambda: 0.0, began=0.0)
    assert [decide(error) for _ in waits] == waits


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("endpoint", [READ, WRITE])
def test_a_recorded_429_is_waited_for(both, build, endpoint):
    """The real server's 429 has no Retry-After; its reset of 60 seconds is honoured, for writes too."""
    answer = recorded_answer(recorded(build, "ratelimit-121st"))
    server = answering(answer, GOOD)
    both.call(server, endpoint, replace(SETTINGS, retry_limits=RetryLimits(5, 61.0)))
    assert len(server.requests) == 2
    error = both.error(answering(answer), endpoint, replace(SETTINGS, retry_limits=RetryLimits(5, 59.0)))
    assert error.failure.retry_after == 60.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "5"}, 5.0),
        ({"Retry-After": "Fri, 20 Nov 99999999999999999999 09:00:00 GMT"}, None),
        ({"retry-after": " 5 "}, 5.0),
        ({"RETRY-AFTER": "0"}, 0.0),
        ({"Retry-After": formatdate(NOW + 7, usegmt=True)}, 7.0),
        ({"Retry-After": formatdate(NOW - 7, usegmt=True)}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": "²"}, None),
        ({"Retry-After": "Fri, 99 Nov 2026 09:00:00 GMT"}, None),
        ({"Retry-After": "5", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "60"}, 5.0),
        ({"Retry-After": "soon", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "60"}, 60.0),
        ({"X-RateLimit-Remaining-Default": "0", "X-RateLimit-Reset-Default": "60"}, 60.0),
        ({"x-ratelimit-remaining-Tiny": " 0 ", "X-RateLimit-Reset-TINY": "6.5"}, 6.5),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "60"}, 60.0),
        ({"X-RateLimit-Remaining-Default": "1", "X-RateLimit-Reset-Default": "60"}, None),
        ({"X-RateLimit-Remaining-A": "0", "X-RateLimit-Reset-B": "60"}, None),
        ({"X-RateLimit-Remaining-A": "0"}, None),
        ({"X-RateLimit-Reset-A": "60"}, None),
        (
            {
                "X-RateLimit-Remaining-Short": "0", "X-RateLimit-Reset-Short": "10",
                "X-RateLimit-Remaining-Long": "0", "X-RateLimit-Reset-Long": "3600",
                "X-RateLimit-Remaining-Other": "5", "X-RateLimit-Reset-Other": "86400",
            },
            3600.0,
        ),
        ({"X-RateLimit-Remaining-A": "0", "X-RateLimit-Reset-A": str(int(NOW) + 30)}, 30.0),
        ({"X-RateLimit-Remaining-A": "0", "X-RateLimit-Reset-A": str((int(NOW) + 30) * 1000)}, 30.0),
        ({"X-RateLimit-Remaining-A": "0", "X-RateLimit-Reset-A": str(int(NOW) - 30)}, 0.0),
        ({"X-RateLimit-Remaining-A": "0", "X-RateLimit-Reset-A": "-5"}, 0.0),
        ({"X-RateLimit-Remaining-A": "0", "X-RateLimit-Reset-A": "later"}, None),
        ({"X-RateLimit-Remaining-A": "0", "X-RateLimit-Reset-A": ""}, None),
        ({"X-RateLimit-Remaining-A": "", "X-RateLimit-Reset-A": "60"}, None),
    ],
)  # fmt: skip
def test_seconds_to_wait(headers, seconds):
    """Retry-After goes first, else the longest reset of a used-up limit, in seconds or as a time; else nothing."""
    assert seconds_to_wait(headers, NOW) == seconds
