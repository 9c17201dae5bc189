"""A reassignment is believed when the booking shows the new host."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from airflow_provider_calcom.api import errors
from airflow_provider_calcom.api.marking import reassign
from tests.api.support import answering, booking, success

ANN, BEN = ({"id": number, "name": name, "email": f"{name}@host.example"} for number, name in ((1, "ann"), (2, "ben")))


def hosted_by(host: dict[str, Any], *attendees: str) -> httpx.Response:
    rows = [{"email": email, "absent": False} for email in attendees]
    return httpx.Response(200, json=success(booking(hosts=[host], attendees=rows)))


def accepted(host: Any) -> httpx.Response:
    return httpx.Response(200, json=success({"bookingUid": "uid1", "reassignedTo": host}))


@pytest.mark.parametrize(
    ("user_id", "answers"),
    [
        (2, [accepted(BEN), hosted_by(BEN)]),
        ("2", [accepted(BEN), hosted_by(BEN)]),
        (2, [accepted(BEN), hosted_by(ANN, "ben@host.example")]),
        (None, [hosted_by(ANN), accepted(BEN), hosted_by(BEN)]),
        (None, [hosted_by(ANN, "cy@host.example"), accepted(BEN), hosted_by(ANN, "ben@host.example")]),
    ],
)
def test_a_new_host_that_the_booking_shows(both, user_id, answers):
    """As its organiser, or among the attendees as Cal.com lists the other hosts of a team."""
    assert both.run(answering(*answers), reassign("uid1", user_id))["reassignedTo"] == BEN


@pytest.mark.parametrize(
    ("user_id", "answers"),
    [
        (2, [accepted(ANN), hosted_by(ANN)]),
        (2, [accepted(BEN), hosted_by(ANN)]),
        (2, [accepted(None), hosted_by(ANN)]),
        (None, [hosted_by(ANN), accepted(ANN), hosted_by(ANN)]),
        (None, [hosted_by(ANN), accepted(BEN), hosted_by(ANN)]),
        (None, [hosted_by(ANN), accepted("ben"), hosted_by(ANN)]),
    ],
)
def test_a_200_that_reassigned_nothing(both, user_id, answers):
    """The open edition answers 200 with the present host, whatever was requested; another attempt would not help."""
    with pytest.raises(errors.NotReassigned, match="do it in") as raised:
        both.run(answering(*answers), reassign("uid1", user_id))
    assert not raised.value.retryable


def test_a_booking_that_cant_be_read_afterwards(both):
    """Then nobody knows who its host is."""
    with pytest.raises(errors.OutcomeUnknown, match="could not be read afterwards"):
        both.run(answering(accepted(BEN), httpx.Response(404, json={})), reassign("uid1", 2))
