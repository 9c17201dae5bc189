"""Words of a DAG author that can't be meant: refused before any call, naming the parameter and the entry."""

from __future__ import annotations

import re
from typing import Any

import pytest

from airflow_provider_calcom.api.errors import InvalidArgument
from tests.operators.marking import BOB, CAROL, OF_BOB, mark
from tests.support import SandboxDriver, ends_the_task

LARGE = 10_000_000


def refused(calcom: SandboxDriver, names: str, **given: Any) -> str:
    """Run the operator, hold that it refuses without a call, and give the text."""
    with pytest.raises(InvalidArgument) as raised:
        mark(given.pop("booking_uid", OF_BOB), **given)
    text = str(raised.value)
    assert ends_the_task(raised.value), "a wrong word does not heal by trying again"
    assert re.search(names, text), f"{text!r} does not name {names}"
    assert len(text) < 600, "a text of an error is for people"
    assert calcom.calls() == []
    return text


@pytest.mark.parametrize(
    "uid",
    [
        pytest.param({"uid": OF_BOB}, id="object"),
        pytest.param([OF_BOB], id="list"),
        pytest.param(None, id="None"),
        pytest.param(17, id="number"),
        "",
        "   ",
        "a/b",
        "..",
        "../me",
        "a?b=1",
        "a#b",
        "a%2Fb",
        "a b",
        "a\nb",
        "büro",
        "None!",
        pytest.param("x" * 101, id="101 characters"),
        pytest.param("x" * LARGE, id="10 MB"),
    ],
)
def test_a_uid_that_is_none(calcom: SandboxDriver, uid: Any) -> None:
    """What could lead a call to another route, or is no uid at all, is never put into a path."""
    refused(calcom, "booking_uid", booking_uid=uid, attendees=[BOB])


@pytest.mark.parametrize(
    ("attendees", "names"),
    [
        pytest.param({"email": BOB}, "attendees must be a list", id="one object"),
        pytest.param(f'{{"email": "{BOB}"}}', "attendees must be a list", id="JSON text of an object"),
        pytest.param(7, "attendees must be a list", id="number"),
        pytest.param(True, "attendees must be a list", id="boolean"),
        pytest.param(BOB.encode(), "attendees must be a list", id="bytes"),
        pytest.param("7", "attendees must be a list", id="text of a number"),
        pytest.param("nobody here", "attendees is a string", id="text"),
        pytest.param("", "attendees is a string", id="empty text"),
        pytest.param(f"[{BOB}", "attendees is a string", id="cut JSON"),
        pytest.param(f"{BOB}, {CAROL}", "attendees", id="addresses with commas"),
        pytest.param("[" * 100_000, "attendees is a string", id="deep JSON"),
        pytest.param("__import__('os').getcwd()", "attendees is a string", id="Python code"),
        pytest.param([""], r"attendees\[0\]", id="empty entry"),
        pytest.param([BOB, "no address"], r"attendees\[1\]", id="no address"),
        pytest.param([BOB, "a@b, c@d"], r"attendees\[1\]", id="two in one"),
        pytest.param(["Bob <bob@example.org>"], r"attendees\[0\]", id="with a name"),
        pytest.param(["a@" + "b" * 400], r"attendees\[0\]", id="too long"),
        pytest.param([BOB, None], r"attendees\[1\]", id="None"),
        pytest.param([1], r"attendees\[0\]", id="number as entry"),
        pytest.param([[BOB]], r"attendees\[0\]", id="nested list"),
        pytest.param([{}], r"attendees\[0\]\.email", id="empty object"),
        pytest.param([{"email": None}], r"attendees\[0\]\.email", id="email None"),
        pytest.param([{"email": [BOB]}], r"attendees\[0\]\.email", id="email list"),
        pytest.param([{"email": "bob"}], r"attendees\[0\]\.email", id="email no address"),
        pytest.param([{"email": BOB, "absent": "true"}], r"attendees\[0\]\.absent", id="absent text"),
        pytest.param([{"email": BOB, "absent": 1}], r"attendees\[0\]\.absent", id="absent number"),
        pytest.param([{"email": BOB, "absent": None}], r"attendees\[0\]\.absent", id="absent None"),
        pytest.param([{"email": BOB, "noShow": False}], r"attendees\[0\].*noShow", id="misspelt key"),
        pytest.param([BOB, CAROL, BOB], r"attendees\[2\] repeats attendees\[0\]", id="duplicate"),
        pytest.param([BOB, BOB.upper()], r"attendees\[1\] repeats attendees\[0\]", id="duplicate in other case"),
        pytest.param(
            [BOB, {"email": BOB, "absent": False}], r"attendees\[1\] contradicts attendees\[0\]", id="contradiction"
        ),
        pytest.param(["[email\u00a0protected]"], r"attendees\[0\]", id="mark of a web page"),
        pytest.param([f"p{n}@example.org" for n in range(2_001)], "attendees has more than 2,000", id="2,001 entries"),
        pytest.param([f"{'x' * 40}{n}@example.org" for n in range(LARGE // 55)], "attendees", id="10 MB list"),
        pytest.param("x" * LARGE, "attendees", id="10 MB text"),
        pytest.param(["x" * LARGE], r"attendees\[0\]", id="10 MB entry"),
    ],
)
def test_attendees_that_can_not_be_meant(calcom: SandboxDriver, attendees: Any, names: str) -> None:
    """Each wrong list names what is wrong by parameter and index, and shows no address."""
    text = refused(calcom, names, attendees=attendees)
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
def test_other_parameters_that_can_not_be_meant(calcom: SandboxDriver, parameter: str, value: Any) -> None:
    """A wrong choice is never taken for a default: a misspelt dry run must not send."""
    refused(calcom, parameter, attendees=[BOB], **{parameter: value})


def test_a_list_too_large_for_one_request_is_refused_before_the_write(calcom: SandboxDriver) -> None:
    """What Cal.com would answer with 413 is refused by us, after the read that tells who is on the booking."""
    from airflow_provider_calcom.sandbox.practice import practice_world
    from tests.support import NOW

    world = practice_world(NOW)
    booking = next(one for one in world["bookings"] if one["uid"] == OF_BOB)
    addresses = [f"{'x' * 100}{number}@example.org" for number in range(1_000)]
    booking["attendees"] = [{"name": "x", "email": address} for address in addresses]
    calcom.admin("world", {"world": world})
    with pytest.raises(InvalidArgument, match="attendees make a request of") as raised:
        mark(OF_BOB, addresses)
    assert ends_the_task(raised.value)
    assert calcom.writes() == []
