"""Cal.com's 500 "Failed to update no-show status" has the same meaning for both operators that mark people."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from airflow_provider_calcom.api.errors import NoShowUpdateFailed, OutcomeUnknown
from airflow_provider_calcom.api.transport import TimedTransport
from airflow_provider_calcom.errors import ProviderError
from airflow_provider_calcom.no_shows.apply.result import ChangesFailed
from benchmarks.plans import write_plan_by_hand
from tests.operators.applying import apply, change, outcomes
from tests.operators.marking import BOB, OF_BOB, mark
from tests.support import BUILDS, SandboxDriver, ends_the_task

FAILED = {"statusCode": 500, "message": "Failed to update no-show status"}


@pytest.fixture
def unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all reads after a mark-absent call fail."""
    marked: list[str] = []
    send, send_async = TimedTransport.handle_request, httpx.AsyncHTTPTransport.handle_async_request

    def reaches(request: httpx.Request) -> None:
        if marked and request.method == "GET":
            raise httpx.ConnectError("gone")
        marked.extend(["marked"] if request.method == "POST" else [])

    def handle_request(self: TimedTransport, request: httpx.Request) -> httpx.Response:
        reaches(request)
        return send(self, request)

    async def handle_async_request(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        reaches(request)
        return await send_async(self, request)

    monkeypatch.setattr(TimedTransport, "handle_request", handle_request)
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", handle_async_request)


@pytest.mark.parametrize("build", BUILDS)
def test_a_change_that_the_booking_shows(calcom: SandboxDriver, tmp_path: Path) -> None:
    """Cal.com failed after it had written: both report the change, and send no second call."""
    for _ in range(2):
        calcom.fault_on_mark("status", when="after", status=500, body=FAILED)
    assert mark(OF_BOB, [BOB])["marked"] == [BOB]
    calcom.change(OF_BOB, attendees=[{"email": BOB, "absent": False}])
    folder = write_plan_by_hand(tmp_path / "plan", [change(OF_BOB, BOB)])
    assert apply(folder)["calls"] == 1
    assert outcomes(folder) == {(OF_BOB, BOB): ("applied", None)}
    assert len(calcom.marks()) == 2


@pytest.mark.parametrize("build", BUILDS)
def test_a_change_that_the_booking_does_not_show(calcom: SandboxDriver, tmp_path: Path) -> None:
    """Nothing was written, and a retry would not write it: both fail the task without retries."""
    calcom.fault_on_mark("status", when="before", status=500, body=FAILED, times=None)
    with pytest.raises(NoShowUpdateFailed) as of_mark:
        mark(OF_BOB, [BOB])
    folder = write_plan_by_hand(tmp_path / "plan", [change(OF_BOB, BOB)])
    with pytest.raises(ChangesFailed) as of_apply:
        apply(folder)
    assert outcomes(folder) == {(OF_BOB, BOB): ("not_permitted", "NoShowUpdateFailed")}
    assert ends_the_task(of_mark.value)
    assert ends_the_task(of_apply.value)
    assert len(calcom.marks()) == 2


@pytest.mark.parametrize("operator", ["mark", "apply"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.usefixtures("unreadable")
def test_a_booking_that_can_not_be_read_afterwards(
    calcom: SandboxDriver, tmp_path: Path, when: str, operator: str
) -> None:
    """The outcome is unknown: both fail with a retryable error, and the next attempt reads first."""
    calcom.fault_on_mark("status", when=when, status=500, body=FAILED)
    raised: pytest.ExceptionInfo[ProviderError]
    if operator == "mark":
        with pytest.raises(OutcomeUnknown, match="could not be read afterwards") as raised:
            mark(OF_BOB, [BOB])
        assert "can't help" not in str(raised.value)
    else:
        folder = write_plan_by_hand(tmp_path / "plan", [change(OF_BOB, BOB)])
        with pytest.raises(ChangesFailed, match="OutcomeUnknown: 1") as raised:
            apply(folder)
    assert not ends_the_task(raised.value)
    assert len(calcom.marks()) == 1
