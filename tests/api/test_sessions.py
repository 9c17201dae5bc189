"""Cal Video's sessions: what a response means, and how fast they are requested."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from airflow_provider_calcom.api import errors
from airflow_provider_calcom.api.client import AsyncCalComClient, CalComClient
from airflow_provider_calcom.api.sessions import CALLS, WINDOW, SessionsPace, read_sessions
from airflow_provider_calcom.hooks.calcom import CalComHook
from tests.support import SandboxDriver

ROUTE = "/v2/bookings/sandbox-yesterday-1/conferencing-sessions"
SESSION = {"id": "s", "participants": []}


def respond(calcom: SandboxDriver, data: Any = None, **options: Any) -> None:
    """Let the server respond like that to the next request for sessions."""
    body = {"status": "success", "data": data}
    calcom.fault("GET", ROUTE, "status", **{"status": 200, "body": body, **options})


def not_found(message: str) -> dict[str, Any]:
    return {"status": 404, "body": {"status": "error", "error": {"code": "NotFoundException", "message": message}}}


@pytest.mark.parametrize(
    ("response", "found"),
    [
        ({"data": [SESSION]}, [SESSION]),
        ({"data": []}, []),
        (not_found("No Cal Video reference found with booking uid x"), None),
    ],
)
def test_what_a_response_means(calcom: SandboxDriver, response: dict[str, Any], found: Any) -> None:
    """Sessions, nobody seen, and no room at all are three results; the async client returns the same."""
    respond(calcom, **response)
    with CalComHook().get_conn() as client:
        assert client.run(read_sessions("sandbox-yesterday-1", SessionsPace())) == found

    async def read() -> Any:
        async with await CalComHook().get_async_conn() as client:
            return await client.run(read_sessions("sandbox-yesterday-1", SessionsPace()))

    respond(calcom, **response)
    assert asyncio.run(read()) == found


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (not_found("Cannot GET /v2/bookings/x/conferencing-sessions"), errors.ApiVersionNotServed),
        (not_found("Booking with uid=x not found"), errors.BookingNotFound),
        (not_found("The room was not found"), errors.NotFound),
        ({"status": 403, "body": {"error": {"message": "no"}}}, errors.PermissionDenied),
        ({"data": {}}, errors.UnexpectedAnswer),
    ],
)
def test_another_response_is_not_an_empty_room(
    calcom: SandboxDriver, response: dict[str, Any], error: type[Exception]
) -> None:
    """What is not known to mean "no room" is an error: else people who came could be called absent."""
    respond(calcom, **response)
    with CalComHook().get_conn() as client, pytest.raises(error):
        client.run(read_sessions("sandbox-yesterday-1", SessionsPace()))


def test_the_pace_stays_below_the_limit_of_the_route() -> None:
    """In no minute there are more than 50 calls, however fast Cal.com responds; a slow series does not wait at all."""
    now = 0.0
    pace = SessionsPace(lambda: now)
    sent = []
    for _ in range(180):
        now += pace.next_delay()
        sent.append(now)
    assert max(sum(one <= other < one + WINDOW for other in sent) for one in sent) == CALLS
    assert sent[CALLS - 1] == 0
    assert sent[-1] == 3 * WINDOW
    slow = SessionsPace(lambda: now)
    for _ in range(180):
        now += 1.01 * WINDOW / CALLS
        assert slow.next_delay() == 0


def test_the_client_sleeps_as_the_pace_requests(calcom: SandboxDriver, pauses: list[float]) -> None:
    """Both clients pause before the call."""
    pace = SessionsPace(lambda: 0.0)
    for _ in range(CALLS):
        pace.next_delay()
    respond(calcom, [], times=None)
    with CalComHook().get_conn() as client:
        client.run(read_sessions("sandbox-yesterday-1", pace))
    assert WINDOW in pauses
    assert isinstance(client, CalComClient)

    async def read() -> None:
        async with await CalComHook().get_async_conn() as client:
            assert isinstance(client, AsyncCalComClient)
            await client.run(read_sessions("sandbox-yesterday-1", pace))

    pauses.clear()
    asyncio.run(read())
    assert WINDOW in pauses
