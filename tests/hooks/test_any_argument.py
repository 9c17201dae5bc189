"""Random arguments of the hook's methods: a result, or an error of ours that names the argument."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_calcom.hooks.calcom import CalComHook
from tests.wild import ANY_JSON, ANYTHING, limits, outcome

# Valid arguments, passed beside the random one.
GOOD: dict[str, Any] = {
    "booking_uid": "abc", "seat_uid": "abc", "webhook_id": "abc", "attendees": ["bob@example.org"],
    "start": "2026-11-18T08:00:00Z", "subscriber_url": "https://ears.example", "triggers": ["BOOKING_CREATED"],
}  # fmt: skip
# Names of arguments in Cal.com's API that differ from Python's.
ON_THE_WIRE = {
    "reason": ("Reason",), "rescheduled_by": ("rescheduledBy",), "reference_type": ("type",), "seat_uid": ("seatUid",),
    "cancel_subsequent": ("cancelSubsequentBookings",), "subscriber_url": ("subscriberUrl",),
    "payload_template": ("payloadTemplate",),
}  # fmt: skip


def arguments() -> list[tuple[str, str]]:
    """Return each keyword argument of each method that DAG authors call."""
    return [
        (name, argument)
        for name, method in vars(CalComHook).items()
        if inspect.isfunction(method) and not name.startswith("_") and name != "run_mark_request"
        for argument, one in inspect.signature(method).parameters.items()
        if one.kind is one.KEYWORD_ONLY
    ]


@pytest.mark.parametrize(("method", "argument"), arguments())
@given(value=ANYTHING)
@limits(2)
def test_any_argument(connect: Any, method: str, argument: str, value: Any) -> None:
    """An argument is sent, or rejected with an error of ours."""
    connect(host="http://127.0.0.1:9", password="cal_key_of_nobody", extra=json.dumps({"max_attempts": 1}))
    taken = inspect.signature(getattr(CalComHook, method)).parameters
    given_arguments = {name: one for name, one in GOOD.items() if name in taken} | {argument: value}
    with CalComHook() as hook:

        def call() -> None:
            result = getattr(hook, method)(**given_arguments)
            list(result) if method == "iterate_bookings" else None

        outcome(call, names=(argument, *ON_THE_WIRE.get(argument, ())), in_task=False)


FIELDS = {
    "host": "api.cal.com", "schema": "https", "port": 443, "password": "cal_key_of_nobody", "login": "x",
    "extra": {"timeout": 5, "api_version": "2024-08-13", "max_attempts": 1, "max_retry_seconds": 1, "region": "us",
              "ledger_secret": "s" * 20, "webhook_secret": "s", "web_url": "https://x.test", "client_id": "a",
              "client_secret": "b", "allow_http": True},
}  # fmt: skip


@given(data=st.data())
@limits(15)
def test_any_field_of_a_connection(connect: Any, data: st.DataObject) -> None:
    """A random value of a field or extra of the connection is accepted, or rejected by the field's name."""
    extra = {"max_attempts": 1, "ledger_secret": "s" * 20}
    field = data.draw(st.sampled_from([*FIELDS, *FIELDS["extra"]]))  # type: ignore[misc]
    value = data.draw(ANY_JSON)
    fields: dict[str, Any] = {"host": "http://127.0.0.1:9", "password": "cal_key_of_nobody"}
    if field in FIELDS:
        fields |= {"extra": extra, field: value}
    else:
        fields["extra"] = {**extra, field: value}
    connect(**fields)

    def read() -> None:
        hook = CalComHook()
        _ = hook.settings, hook.ledger_secret, hook.webhook_secret

    error = outcome(read, names=(field, "calcom_conn_id", "API key", "client_id"), in_task=False)
    assert error is None or not error.retryable


@pytest.mark.parametrize("host", ["api.cal.com\n", "\napi.cal.com", "api.\ncal.com", "api.cal.com\r", "api.cal\t.com",
                                  "api.cal.com\u2028", "api.cal.com\u200b"])  # fmt: skip
def test_a_host_with_invisible_characters(connect: Any, host: str) -> None:
    """A line break in the host is rejected: Python removes it, and would call another host than the visible one."""
    connect(host=host, password="cal_key_of_nobody")
    error = outcome(lambda: CalComHook().settings, names=("host",), in_task=False)
    assert type(error).__name__ == "InvalidConnection"


def test_a_uri_with_another_path(connect: Any) -> None:
    """A path of a connection's URI that is not the API's is rejected by its name. See test_uri_connections."""
    connect("calcom://:cal_key@cal.example.com/api")
    error = outcome(lambda: CalComHook().settings, names=("schema",), in_task=False)
    assert type(error).__name__ == "InvalidConnection"


@given(conn_id=ANYTHING)
@limits(8)
def test_any_connection_id(conn_id: Any) -> None:
    """An invalid id, or one of a missing connection, is rejected by its parameter and is not retryable."""
    error = outcome(lambda: CalComHook(calcom_conn_id=conn_id).settings, names=("calcom_conn_id",), in_task=False)
    assert error is not None
    assert not error.retryable
