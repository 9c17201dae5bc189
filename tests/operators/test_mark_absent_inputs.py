"""Invalid parameters of MarkAbsentOperator are rejected before any call, naming the parameter and the entry."""

from __future__ import annotations

import re
from typing import Any

import pytest

from airflow_provider_calcom.api.errors import InvalidArgument
from tests.operators.marking import BOB, OF_BOB, mark
from tests.support import SandboxDriver, ends_the_task


def rejected(calcom: SandboxDriver, names: str, **given: Any) -> str:
    """Run the operator, assert that it fails without a call and without retries, and return the message."""
    with pytest.raises(InvalidArgument) as raised:
        mark(given.pop("booking_uid", OF_BOB), **given)
    text = str(raised.value)
    assert ends_the_task(raised.value)
    assert re.search(names, text), f"{text!r} does not name {names}"
    assert len(text) < 600, "too long to read"
    assert calcom.calls() == []
    return text


@pytest.mark.parametrize("uid", [{"uid": OF_BOB}, None, "../me", pytest.param("x" * 10_000_000, id="10 MB")])
def test_an_invalid_uid(calcom: SandboxDriver, uid: Any) -> None:
    """A value that is not a uid, or could lead to another route, is never put into a path. See api/test_endpoints."""
    rejected(calcom, "booking_uid", booking_uid=uid, attendees=[BOB])


@pytest.mark.parametrize(
    ("attendees", "names"),
    [
        pytest.param({"email": BOB}, "attendees must be a list", id="object"),
        pytest.param("nobody here", "attendees is a string", id="string"),
        pytest.param([BOB, {"email": BOB, "absent": "true"}], r"attendees\[1\]\.absent", id="entry"),
        pytest.param([BOB, BOB.upper()], r"attendees\[1\] repeats attendees\[0\]", id="duplicate"),
        pytest.param("x" * 10_000_000, "attendees", id="10 MB"),
    ],
)
def test_invalid_attendees(calcom: SandboxDriver, attendees: Any, names: str) -> None:
    """The operator reports the fault by parameter and index, and shows no address. See api/test_mark_request."""
    text = rejected(calcom, names, attendees=attendees)
    assert not re.search(r"\w@\w", text)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("host_absent", "perhaps"),
        ("host_absent", 1),
        ("host_absent", 0),
        ("host_absent", [True]),
        ("dry_run", "perhaps"),
        ("dry_run", 1),
        ("dry_run", "{{ params.dry_run }}"),
        ("on_unknown_attendee", "ignore"),
        ("on_unknown_attendee", None),
        ("on_not_started", "later"),
        ("allowed_statuses", "accepted"),
        ("allowed_statuses", ["done"]),
        ("allowed_statuses", 3),
        ("allow_cohosts", "perhaps"),
        ("allow_foreign_booking", "perhaps"),
        ("api_version", "latest"),
        ("api_version", "2024-13-13"),
        ("api_version", "2024-8-13"),
    ],
)
def test_other_invalid_parameters(calcom: SandboxDriver, parameter: str, value: Any) -> None:
    """An invalid value is never treated as the default: a misspelt dry run must not send."""
    rejected(calcom, parameter, attendees=[BOB], **{parameter: value})


def test_attendees_too_large_for_one_request(calcom: SandboxDriver) -> None:
    """Changes that Cal.com would reject with 413 are rejected after the read, before the write."""
    from airflow_provider_calcom.sandbox.practice import practice_world
    from tests.support import NOW

    world = practice_world(NOW)
    booking = next(one for one in world["bookings"] if one["uid"] == OF_BOB)
    addresses = [f"{'x' * 290}{number}@example.org" for number in range(340)]
    booking["attendees"] = [{"name": "x", "email": address} for address in addresses]
    calcom.admin("world", {"world": world})
    with pytest.raises(InvalidArgument, match="attendees make a request of") as raised:
        mark(OF_BOB, addresses)
    assert ends_the_task(raised.value)
    assert calcom.writes() == []
