"""Faults between Airflow and Cal.com: nobody is notified twice, no response is trusted unseen, no secret is shown."""

from __future__ import annotations

import json
import logging
import pickle
from typing import Any

import pytest

from airflow_provider_calcom.api import errors
from tests.operators.marking import BOB, CAROL, DAVE, OF_BOB, OF_THREE, mark
from tests.support import BUILDS, KEY, SandboxDriver, ends_the_task, stranger

each_build = pytest.mark.parametrize("build", BUILDS)
READ = "/v2/bookings/*"

AFTER_COMMIT = [
    pytest.param("drop_after", {}, id="connection lost"),
    pytest.param("status", {"status": 500, "body": {"statusCode": 500, "message": "Internal server error"}}, id="500"),
    pytest.param("status", {"status": 502}, id="502"),
    pytest.param("html", {}, id="HTML 524"),
    pytest.param("html", {"status": 200}, id="HTML 200"),
    pytest.param("truncated", {}, id="cut answer"),
    pytest.param("truncated", {"valid_length": True}, id="half of the JSON"),
    pytest.param("status", {"status": 200, "body": {"status": "success", "data": {}}}, id="200 without a booking"),
    pytest.param("status", {"status": 200, "body": {"ok": True}}, id="200 of something else"),
    pytest.param("status", {"status": 200, "body": []}, id="200 with a list"),
]


@pytest.mark.parametrize(("fault", "options"), AFTER_COMMIT)
def test_a_write_whose_response_is_lost_is_not_sent_twice(
    calcom: SandboxDriver, fault: str, options: dict[str, Any]
) -> None:
    """Cal.com has written, but the response is lost: the booking is read, and no second call is sent."""
    calcom.subscribe()
    calcom.fault_on_mark(fault, when="after", **options)
    result = mark(OF_THREE, [BOB, DAVE], host_absent=True)
    assert (result["marked"], result["absent_host"], result["calls"]) == ([BOB, DAVE], True, 1)
    assert len(calcom.marks()) == 1
    assert len(calcom.deliveries()) == 1
    assert calcom.flags(OF_THREE) == (True, {BOB: True, CAROL: False, DAVE: True})


@pytest.mark.parametrize(
    ("fault", "options", "waits"),
    [
        pytest.param("drop_before", {}, [1.0], id="connection lost"),
        pytest.param("status", {"status": 503, "when": "before"}, [1.0], id="503"),
        pytest.param("html", {"status": 524, "when": "before"}, [2.0, 5.0, 10.0, 20.0], id="HTML 524"),
    ],
)
def test_a_write_that_did_not_happen_is_sent_again(
    calcom: SandboxDriver, pauses: list[float], fault: str, options: dict[str, Any], waits: list[float]
) -> None:
    """A lost call is sent again after the booking was read, and later if it may still be running."""
    calcom.subscribe()
    calcom.fault_on_mark(fault, **options)
    result = mark(OF_BOB, [BOB])
    assert (result["marked"], result["calls"]) == ([BOB], 2)
    assert [call["wrote"] for call in calcom.marks()] == [False, True]
    assert len(calcom.deliveries()) == 1
    assert [pause for pause in pauses if pause >= 1] == waits  # shorter ones are the pace's


def test_a_change_that_somebody_else_made_is_not_sent(calcom: SandboxDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a lost call, only what still differs is sent."""
    from airflow_provider_calcom.api.client import CalComClient

    def somebody_marks_bob(_seconds: float) -> None:
        calcom.change(OF_THREE, attendees=[{"email": BOB, "absent": True}])

    monkeypatch.setattr(CalComClient, "default_sleep", somebody_marks_bob)
    calcom.fault_on_mark("drop_before")
    calcom.subscribe()
    assert mark(OF_THREE, [BOB, CAROL])["calls"] == 2
    (delivery,) = calcom.deliveries()
    assert json.loads(delivery["body"])["payload"]["attendees"] == [{"email": CAROL, "noShow": True}]


def test_a_server_that_never_answers(calcom: SandboxDriver, pauses: list[float]) -> None:
    """After three calls with an unknown outcome the task fails with a retryable error."""
    calcom.fault_on_mark("drop_before", times=None)
    with pytest.raises(errors.OutcomeUnknown, match="3 calls") as raised:
        mark(OF_BOB, [BOB])
    assert not ends_the_task(raised.value)
    assert len(calcom.marks()) == 3
    assert [pause for pause in pauses if pause >= 1] == [1.0, 2.0, 4.0]  # shorter ones are the pace's


def test_a_timeout_after_the_write(calcom: SandboxDriver, connect: Any) -> None:
    """A call that times out after Cal.com wrote is not sent again."""
    connect(host=calcom.url, password=KEY, extra={"timeout": 0.3})
    calcom.fault_on_mark("delay", when="after", seconds=1.0)
    assert mark(OF_BOB, [BOB])["calls"] == 1
    assert len(calcom.marks()) == 1


FAILED = {"statusCode": 500, "message": "Failed to update no-show status"}


@each_build
def test_cal_coms_failure_after_it_wrote(calcom: SandboxDriver) -> None:
    """The 500 ``Failed to update no-show status`` is not an error if the booking shows the change."""
    calcom.fault_on_mark("status", when="after", status=500, body=FAILED)
    assert mark(OF_THREE, [BOB, DAVE])["marked"] == [BOB, DAVE]
    assert len(calcom.marks()) == 1


@each_build
def test_cal_coms_failure_without_a_write(calcom: SandboxDriver) -> None:
    """If the booking does not show the change, it is an error that is not retried."""
    calcom.fault_on_mark("status", when="before", status=500, body=FAILED)
    with pytest.raises(errors.NoShowUpdateFailed, match="of 2 changes it shows 0 as written and 2 not") as raised:
        mark(OF_THREE, [BOB, DAVE])
    assert ends_the_task(raised.value)
    assert len(calcom.marks()) == 1


def test_a_rate_limit_is_waited_out(calcom: SandboxDriver) -> None:
    """Cal.com sends a 429 before it does anything, so the call is sent again and writes once."""
    for path in (READ, "*/mark-absent"):
        calcom.fault("*", path, "status", when="before", status=429, headers={"Retry-After": "1"})
    assert mark(OF_BOB, [BOB])["marked"] == [BOB]
    assert [call["wrote"] for call in calcom.marks()] == [False, True]


def test_a_rate_limit_beyond_the_allowed_waiting(calcom: SandboxDriver, connect: Any) -> None:
    """If Retry-After exceeds ``max_retry_seconds``, the task fails at once, and Airflow retries it."""
    connect(host=calcom.url, password=KEY, extra={"max_retry_seconds": 30})
    calcom.fault_on_mark("status", when="before", status=429, headers={"Retry-After": "3600"})
    with pytest.raises(errors.RateLimited) as raised:
        mark(OF_BOB, [BOB])
    assert not ends_the_task(raised.value)
    assert len(calcom.marks()) == 1


def test_reads_are_retried(calcom: SandboxDriver) -> None:
    """A read succeeds after a lost connection, a 503 and an HTML page."""
    calcom.fault("GET", READ, "drop_before")
    calcom.fault("GET", READ, "status", when="before", status=503)
    calcom.fault("GET", READ, "html", when="before")
    assert mark(OF_BOB, [BOB])["marked"] == [BOB]


@pytest.mark.parametrize(
    ("fault", "options", "error"),
    [
        pytest.param("drop_before", {"times": None}, errors.NoAnswer, id="connection lost"),
        pytest.param("status", {"times": None, "status": 503}, errors.ServerFault, id="503"),
        pytest.param("status", {"status": 200, "body": {"a": 1}}, errors.UnexpectedAnswer, id="200 of something else"),
        pytest.param("status", {"status": 200, "body": None}, errors.UnexpectedAnswer, id="200 of another shape"),
        pytest.param("html", {"status": 200}, errors.UnexpectedAnswer, id="HTML 200"),
        pytest.param("truncated", {"valid_length": True}, errors.UnexpectedAnswer, id="half of the JSON"),
        pytest.param("huge_body", {"size": 40_000_000}, errors.UnexpectedAnswer, id="40 MB"),
    ],
)
def test_nothing_is_sent_where_the_booking_can_not_be_read(
    calcom: SandboxDriver, fault: str, options: dict[str, Any], error: type[Exception]
) -> None:
    """If the booking can't be read, nothing is written; all of these errors are retryable."""
    calcom.fault("GET", READ, fault, **options)
    with pytest.raises(error) as raised:
        mark(OF_BOB, [BOB])
    assert not ends_the_task(raised.value)
    assert calcom.writes() == []


def test_a_response_with_another_booking(calcom: SandboxDriver) -> None:
    """A response with another booking, as from a broken cache, is rejected."""
    from airflow_provider_calcom.hooks.calcom import CalComHook

    with CalComHook() as hook:
        other = hook.get_booking(booking_uid=OF_THREE)
    calcom.fault("GET", READ, "status", status=200, body={"status": "success", "data": other})
    with pytest.raises(errors.BookingNotMarkable, match=OF_THREE) as raised:
        mark(OF_BOB, [BOB])
    assert ends_the_task(raised.value)
    assert calcom.writes() == []


def test_a_success_that_the_response_does_not_show(calcom: SandboxDriver) -> None:
    """A 200 whose booking lacks a change is an error."""
    from airflow_provider_calcom.hooks.calcom import CalComHook

    with CalComHook() as hook:
        unchanged = hook.get_booking(booking_uid=OF_THREE)
    calcom.fault_on_mark("status", when="before", status=200, body={"status": "success", "data": unchanged})
    with pytest.raises(errors.ChangeNotVerified, match="2 of 2 changes"):
        mark(OF_THREE, [BOB, CAROL])


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("status", [302, 307])
def test_the_key_never_follows_a_redirect(calcom: SandboxDriver, method: str, status: int) -> None:
    """A redirect to another host is an error; no request, and so no key, is sent there."""
    with stranger() as (url, seen):
        path = "*/mark-absent" if method == "POST" else READ
        calcom.fault(method, path, "redirect", when="before", status=status, location=f"{url}/v2/bookings/{OF_BOB}")
        with pytest.raises(errors.RedirectRefused) as raised:
            mark(OF_BOB, [BOB])
        assert ends_the_task(raised.value)
        assert seen == []
    assert calcom.absent(OF_BOB) == set()


def test_a_server_that_is_not_there(connect: Any, pauses: list[float]) -> None:
    """No connection is a retryable error with the server's address."""
    connect(host="http://127.0.0.1:9", password=KEY)
    with pytest.raises(errors.NotConnected, match=r"127\.0\.0\.1:9") as raised:
        mark(OF_BOB, [BOB])
    assert not ends_the_task(raised.value)


# Logs and errors.


def logged(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> str:
    """Return all log lines: 2.11 logs through ``logging``, and 3.x through structlog to the terminal."""
    written = capfd.readouterr()
    records = [record.getMessage() for record in caplog.records if record.levelno >= logging.INFO]
    return "\n".join([*records, written.out, written.err])


@pytest.fixture
def _all_loggers(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for name in ("airflow.task", "httpx", "httpcore", "stamina"):
        caplog.set_level(logging.INFO, logger=name)


@pytest.mark.usefixtures("_all_loggers")
def test_no_address_and_no_key_is_logged(
    calcom: SandboxDriver, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """At INFO and above, the log has counts and the booking uid, but no address and no key."""
    calcom.fault_on_mark("drop_after")
    calcom.fault("GET", READ, "status", when="before", status=503)
    mark(OF_THREE, [BOB, "nobody@example.net"], host_absent=True, on_unknown_attendee="skip")
    text = logged(caplog, capfd)
    assert "marked absent 1" in text, "the log was not captured"
    for secret in (BOB, "nobody@example.net", KEY):
        assert secret not in text


ECHO = {
    "status": "error",
    "error": {
        "code": "BadRequestException",
        "message": f"bad: {BOB} access token={KEY}",
        "details": {
            "message": f"{BOB} {KEY}",
            "errors": [
                {
                    "property": "attendees",
                    "target": {"attendees": [{"email": BOB}]},
                    "value": BOB,
                    "children": [{"property": "0", "constraints": {"isEmail": f"{BOB} is not an email of {KEY}"}}],
                }
            ],
        },
    },
}


@pytest.mark.parametrize("status", [400, 401, 404, 500])
@pytest.mark.usefixtures("_all_loggers")
def test_no_error_holds_an_address_or_the_key(
    calcom: SandboxDriver, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], status: int
) -> None:
    """Cal.com's error bodies repeat the request and the key; our messages, their causes and the log do not."""
    calcom.fault_on_mark("status", when="before", status=status, body=ECHO, times=None)
    with pytest.raises(errors.CalComError) as raised:
        mark(OF_BOB, [BOB])
    chain: list[BaseException] = []
    error: BaseException | None = raised.value
    while error is not None:
        chain.append(error)
        error = error.__cause__ or error.__context__
    texts = [f"{link} {link!r} {vars(link)}" for link in chain] + [logged(caplog, capfd)]
    for secret in (BOB, KEY):
        assert all(secret not in text for text in texts)


def test_a_failure_can_be_pickled() -> None:
    """An error that ends a task is unpickled as the client's own class."""
    with pytest.raises(errors.InvalidArgument) as raised:
        mark("no uid!", [BOB])
    copy = pickle.loads(pickle.dumps(raised.value))
    assert type(copy) is errors.InvalidArgument
    assert str(copy) == str(raised.value)
