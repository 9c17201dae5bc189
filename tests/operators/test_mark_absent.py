"""Which flags MarkAbsentOperator sets, and what it rejects, against the sandbox."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException, BaseOperator

from airflow_provider_calcom.api import errors
from airflow_provider_calcom.hooks import ConnectionMissing
from airflow_provider_calcom.links import CalComBookingLink
from tests.operators.marking import (
    AHEAD,
    BOB,
    CAROL,
    DAVE,
    ERIN,
    FOREIGN,
    MONA,
    OF_BOB,
    OF_ERIN,
    OF_MONA,
    OF_THREE,
    RESULT_KEYS,
    mark,
)
from tests.support import BUILDS, NOW, SandboxDriver, ends_the_task

each_build = pytest.mark.parametrize("build", BUILDS)


@each_build
def test_marks_the_named_attendees_in_one_call(calcom: SandboxDriver) -> None:
    """One call marks two of three attendees; the third and the host stay unchanged."""
    result = mark(OF_THREE, [BOB, DAVE])
    assert result == {
        "booking_uid": OF_THREE,
        "marked": [BOB, DAVE],
        "unmarked": [],
        "unchanged": [],
        "unknown": [],
        "absent_host": False,
        "calls": 1,
    }
    assert calcom.flags(OF_THREE) == (False, {BOB: True, CAROL: False, DAVE: True})
    assert len(calcom.marks()) == 1


@each_build
def test_a_second_run_sends_nothing(calcom: SandboxDriver) -> None:
    """A second run makes no mark-absent call and no webhook, and reports that nothing changed."""
    calcom.subscribe()
    mark(OF_THREE, [BOB, {"email": CAROL, "absent": False}], host_absent=True)
    assert len(calcom.deliveries()) == 1
    again = mark(OF_THREE, [BOB, {"email": CAROL, "absent": False}], host_absent=True)
    assert again["unchanged"] == [BOB, CAROL]
    assert (again["marked"], again["unmarked"], again["absent_host"], again["calls"]) == ([], [], True, 0)
    assert len(calcom.marks()) == 1
    assert len(calcom.deliveries()) == 1


@each_build
def test_only_what_differs_is_sent(calcom: SandboxDriver) -> None:
    """An attendee who is marked already is not sent again: the webhook names only the other one."""
    calcom.change(OF_THREE, attendees=[{"email": BOB, "absent": True}])
    calcom.subscribe()
    result = mark(OF_THREE, [BOB, CAROL])
    assert (result["marked"], result["unchanged"], result["calls"]) == ([CAROL], [BOB], 1)
    (delivery,) = calcom.deliveries()
    assert json.loads(delivery["body"])["payload"]["attendees"] == [{"email": CAROL, "noShow": True}]


@each_build
def test_removes_a_mark(calcom: SandboxDriver) -> None:
    """``absent: False`` removes a mark, in the call that sets another."""
    calcom.change(OF_THREE, attendees=[{"email": BOB, "absent": True}])
    result = mark(OF_THREE, [{"email": BOB, "absent": False}, CAROL])
    assert (result["marked"], result["unmarked"], result["calls"]) == ([CAROL], [BOB], 1)
    assert calcom.absent(OF_THREE) == {CAROL}


@pytest.mark.parametrize(
    "attendees",
    [
        pytest.param([BOB, CAROL], id="addresses"),
        pytest.param((BOB, CAROL), id="tuple"),
        pytest.param({BOB, CAROL}, id="set"),
        pytest.param(iter([BOB, CAROL]), id="iterator"),
        pytest.param([f"  {BOB.upper()}\n", CAROL], id="other case and white space"),
        pytest.param([{"email": BOB}, {"email": CAROL, "absent": True}], id="objects"),
        pytest.param([BOB, {"email": CAROL}], id="mixed"),
        pytest.param(json.dumps([BOB, {"email": CAROL, "absent": True}]), id="JSON text"),
        pytest.param(str([BOB, {"email": CAROL, "absent": True}]), id="Python text of a template"),
        pytest.param(
            [
                {"name": "Bob Barker", "email": BOB, "timeZone": "UTC", "language": "de", "absent": True},
                {"id": 1, "email": CAROL, "displayEmail": CAROL, "phoneNumber": None, "seatUid": "x", "absent": True},
            ],
            id="Cal.com's attendee objects",
        ),
    ],
)
def test_reads_every_form_of_attendees(calcom: SandboxDriver, attendees: Any) -> None:
    """All forms of a list of attendees mark the same two people."""
    result = mark(OF_THREE, attendees)
    assert sorted(result["marked"]) == [BOB, CAROL]
    assert calcom.absent(OF_THREE) == {BOB, CAROL}


def test_one_address_as_a_string(calcom: SandboxDriver) -> None:
    """A single address, as a template renders it, is a list of one."""
    assert mark(OF_BOB, f" {BOB} ")["marked"] == [BOB]
    assert calcom.absent(OF_BOB) == {BOB}


def test_attendee_objects_of_a_booking_change_nothing(calcom: SandboxDriver) -> None:
    """Attendee objects of a booking have the present flags, so that they change nothing."""
    from airflow_provider_calcom.hooks.calcom import CalComHook

    with CalComHook() as hook:
        attendees = hook.get_booking(booking_uid=OF_THREE)["attendees"]
    result = mark(OF_THREE, attendees)
    assert (result["calls"], sorted(result["unchanged"])) == (0, sorted([BOB, CAROL, DAVE]))
    assert calcom.writes() == []


@each_build
def test_the_stored_spelling_is_sent(calcom: SandboxDriver) -> None:
    """Cal.com compares addresses byte by byte; an address that it stored in mixed case is found nevertheless."""
    result = mark(OF_ERIN, [ERIN.lower()])
    assert (result["marked"], result["unknown"]) == ([ERIN], [])
    assert calcom.absent(OF_ERIN) == {ERIN}


def test_a_managed_user_is_found_by_the_display_address(calcom: SandboxDriver) -> None:
    """A ``displayEmail`` finds the attendee, and the stored address is sent."""
    assert mark(OF_MONA, ["mona@example.org"])["marked"] == [MONA]
    assert calcom.absent(OF_MONA) == {MONA}


def test_a_seated_booking(calcom: SandboxDriver) -> None:
    """Seats are marked by address like any attendee."""
    assert mark("sandbox-seated", [CAROL])["marked"] == [CAROL]
    assert calcom.absent("sandbox-seated") == {CAROL}


@each_build
def test_the_result_has_exactly_the_promised_keys_and_is_json(calcom: SandboxDriver) -> None:
    """The result always has the same keys, and survives XCom."""
    results = [
        mark(OF_BOB, [BOB]),
        mark(OF_BOB, []),
        mark(OF_BOB, [CAROL], on_unknown_attendee="skip"),
        mark(OF_BOB, host_absent=True),
        mark(OF_THREE, [BOB], dry_run=True),
    ]
    for result in results:
        assert set(result) == RESULT_KEYS
        assert json.loads(json.dumps(result)) == result


@pytest.mark.parametrize("attendees", [[], (), "[]", iter(())], ids=["list", "tuple", "text", "iterator"])
def test_an_empty_list_calls_nothing(calcom: SandboxDriver, attendees: Any) -> None:
    """A mapped task without attendees makes no call, not even a read."""
    result = mark(OF_BOB, attendees)
    assert (result["marked"], result["absent_host"], result["calls"]) == ([], None, 0)
    assert calcom.calls() == []


def test_neither_attendees_nor_host_is_an_error(calcom: SandboxDriver) -> None:
    """None for both, as from a task that returned None, fails instead of silently doing nothing."""
    with pytest.raises(errors.InvalidArgument, match="attendees nor host_absent") as raised:
        mark(OF_BOB)
    assert ends_the_task(raised.value)
    assert calcom.calls() == []


# The host.


@each_build
def test_marks_the_host(calcom: SandboxDriver) -> None:
    """``host_absent=True`` marks the host only."""
    result = mark(OF_BOB, host_absent=True)
    assert (result["absent_host"], result["calls"]) == (True, 1)
    assert calcom.flags(OF_BOB) == (True, {BOB: False})


@each_build
def test_host_and_attendees_go_in_one_call(calcom: SandboxDriver) -> None:
    """One call writes both flags."""
    result = mark(OF_BOB, [BOB], host_absent=True)
    assert (result["marked"], result["absent_host"], result["calls"]) == ([BOB], True, 1)
    assert calcom.flags(OF_BOB) == (True, {BOB: True})
    assert len(calcom.marks()) == 1


@each_build
def test_host_absent_false_for_a_present_host(calcom: SandboxDriver) -> None:
    """``host_absent=False`` changes nothing for a host who is not marked; attendees are still marked."""
    assert mark(OF_BOB, host_absent=False)["calls"] == 0
    assert calcom.marks() == []
    assert mark(OF_BOB, [BOB], host_absent=False)["marked"] == [BOB]
    assert calcom.flags(OF_BOB) == (False, {BOB: True})


@each_build
def test_un_marking_a_host_is_refused(calcom: SandboxDriver) -> None:
    """Servers differ in what ``host: false`` does, so nothing of the request is sent, not even the attendees."""
    calcom.change(OF_BOB, absentHost=True)
    with pytest.raises(errors.HostUnmarkRefused, match="host_absent") as raised:
        mark(OF_BOB, [BOB], host_absent=False)
    assert ends_the_task(raised.value)
    assert calcom.writes() == []
    assert calcom.flags(OF_BOB) == (True, {BOB: False})


# What it rejects.


@each_build
def test_an_unknown_attendee_fails_before_anything_is_sent(calcom: SandboxDriver) -> None:
    """One unknown attendee rejects the whole request, and is named by index, not by address."""
    with pytest.raises(errors.UnknownAttendee, match=r"attendees\[1\]") as raised:
        mark(OF_BOB, [BOB, "nobody@example.net"])
    assert ends_the_task(raised.value)
    assert "nobody" not in str(raised.value)
    assert calcom.writes() == []


@each_build
def test_an_unknown_attendee_can_be_skipped(calcom: SandboxDriver) -> None:
    """With ``skip`` the others are marked, and the result has the unknown address as it was passed."""
    result = mark(OF_BOB, ["Nobody@example.net", BOB], on_unknown_attendee="skip")
    assert (result["marked"], result["unknown"], result["calls"]) == ([BOB], ["Nobody@example.net"], 1)
    assert calcom.absent(OF_BOB) == {BOB}


def test_a_booking_that_has_not_started_is_retryable(calcom: SandboxDriver) -> None:
    """Before the start nothing is sent, and Airflow retries the task."""
    with pytest.raises(errors.BookingNotStarted) as raised:
        mark(AHEAD, [BOB])
    assert not ends_the_task(raised.value)
    assert calcom.writes() == []


def test_a_booking_that_has_not_started_can_skip_the_task(calcom: SandboxDriver) -> None:
    """With ``on_not_started="skip"`` the task is skipped, not failed."""
    with pytest.raises(AirflowSkipException, match=AHEAD):
        mark(AHEAD, [BOB], on_not_started="skip")
    assert calcom.writes() == []


@each_build
def test_the_servers_clock_decides_what_has_started(calcom: SandboxDriver) -> None:
    """The same booking is refused and then marked because the server's clock moved, not ours."""
    with pytest.raises(errors.BookingNotStarted):
        mark(AHEAD, [BOB])
    calcom.admin("clock", {"now": (NOW + timedelta(days=2)).isoformat()})
    assert mark(AHEAD, [BOB])["marked"] == [BOB]


@pytest.mark.parametrize("status", ["cancelled", "rejected", "pending"])
@pytest.mark.parametrize("who", ["attendees", "host"])
def test_other_statuses_are_refused_unless_allowed(calcom: SandboxDriver, status: str, who: str) -> None:
    """Cal.com also marks people of cancelled, rejected and pending bookings; the operator only if it is allowed."""
    uid = f"sandbox-{status}"
    email = next(iter(calcom.flags(uid)[1]))
    options: dict[str, Any] = {"attendees": [email]} if who == "attendees" else {"host_absent": True}
    with pytest.raises(errors.BookingNotMarkable, match="allowed_statuses") as raised:
        mark(uid, **options)
    assert ends_the_task(raised.value)
    assert calcom.writes() == []
    assert mark(uid, **options, allowed_statuses=["accepted", status])["calls"] == 1


@pytest.fixture
def team_booking(calcom: SandboxDriver) -> str:
    """Return a round-robin booking as Cal.com stores it: the co-host is an attendee, but not a guest of the booker."""
    from airflow_provider_calcom.sandbox.practice import practice_world

    world = practice_world(NOW)
    booking = next(one for one in world["bookings"] if one["uid"] == "sandbox-team")
    booking["responses"]["guests"] = []
    calcom.admin("world", {"world": world})
    return "sandbox-team"


@each_build
def test_a_cohost_is_refused_unless_allowed(calcom: SandboxDriver, team_booking: str) -> None:
    """A co-host among the attendees of a team's booking is not marked by mistake; the booker can be marked."""
    cohost = "other@example.com"
    with pytest.raises(errors.CoHostRefused, match=r"attendees\[1\].*allow_cohosts") as raised:
        mark(team_booking, [BOB, cohost])
    assert ends_the_task(raised.value)
    assert calcom.writes() == []
    assert mark(team_booking, [BOB])["marked"] == [BOB]
    assert mark(team_booking, [cohost], allow_cohosts=True)["marked"] == [cohost]


@each_build
def test_a_cohost_of_another_domain_is_refused_too(calcom: SandboxDriver) -> None:
    """A co-host may have an address of another domain; the booker, guests and seats are not co-hosts."""
    from airflow_provider_calcom.sandbox.practice import practice_world

    world = practice_world(NOW)
    booking = next(one for one in world["bookings"] if one["uid"] == "sandbox-team")
    outsider, guest = ({**booking["attendees"][0], "email": f"{name}@freelance.example"} for name in ("anna", "gus"))
    booking["attendees"] += [outsider, guest]
    booking["responses"]["guests"] = [guest["email"].upper()]
    calcom.admin("world", {"world": world})
    with pytest.raises(errors.CoHostRefused, match=r"attendees\[2\].*allow_cohosts"):
        mark("sandbox-team", [BOB, guest["email"], outsider["email"]])
    assert calcom.writes() == []
    assert mark("sandbox-team", [BOB, guest["email"]])["calls"] == 1
    assert mark("sandbox-seated", [BOB])["marked"] == [BOB]
    assert mark("sandbox-team", [outsider["email"]], allow_cohosts=True)["marked"] == [outsider["email"]]


def test_the_practice_worlds_cohost_is_refused_too(calcom: SandboxDriver) -> None:
    """The bookings of ``calcom-sandbox`` show the rejection of a co-host too."""
    with pytest.raises(errors.CoHostRefused):
        mark("sandbox-team", ["other@example.com"])


@each_build
def test_attendees_of_a_foreign_booking(calcom: SandboxDriver) -> None:
    """They are rejected before any write; if they are allowed, Cal.com's 500 is an error that is not retried."""
    with pytest.raises(errors.BookingNotMarkable, match="allow_foreign_booking"):
        mark(FOREIGN, [CAROL])
    assert calcom.writes() == []
    with pytest.raises(errors.NoShowUpdateFailed) as raised:
        mark(FOREIGN, [CAROL], allow_foreign_booking=True)
    assert ends_the_task(raised.value)
    assert raised.value.status == 500
    assert len(calcom.marks()) == 1
    assert calcom.absent(FOREIGN) == set()


@each_build
def test_the_host_of_a_foreign_booking_is_refused_before_any_write(calcom: SandboxDriver) -> None:
    """Cal.com lets any key mark any host; the operator first checks that the booking is the user's."""
    with pytest.raises(errors.BookingNotMarkable, match="allow_foreign_booking") as raised:
        mark(FOREIGN, host_absent=True)
    assert ends_the_task(raised.value)
    assert calcom.writes() == []
    assert mark(FOREIGN, host_absent=True, allow_foreign_booking=True)["absent_host"] is True
    assert calcom.flags(FOREIGN)[0] is True


@each_build
def test_the_uid_of_a_series_is_refused(calcom: SandboxDriver) -> None:
    """A series is many bookings; the message requests the uid of one occurrence, which works."""
    with pytest.raises(errors.BookingNotMarkable, match="one occurrence") as raised:
        mark("sandbox-series", [CAROL])
    assert ends_the_task(raised.value)
    assert calcom.writes() == []
    assert mark("sandbox-series-1", [CAROL])["marked"] == [CAROL]


@pytest.mark.parametrize("uid", ["no-such-booking", "SANDBOX-YESTERDAY-1", "1"])
def test_an_unknown_uid(calcom: SandboxDriver, uid: str) -> None:
    """An unknown uid, also one in another case or a number, is not found, and not retried."""
    with pytest.raises(errors.BookingNotFound) as raised:
        mark(uid, [BOB])
    assert ends_the_task(raised.value)
    assert calcom.writes() == []


def test_two_rows_of_one_address_are_refused(calcom: SandboxDriver) -> None:
    """Cal.com would change one of two rows with the same address at random, so neither is changed."""
    from airflow_provider_calcom.sandbox.practice import practice_world

    world = practice_world(NOW)
    booking = next(one for one in world["bookings"] if one["uid"] == OF_THREE)
    booking["attendees"][1]["email"] = BOB
    calcom.admin("world", {"world": world})
    with pytest.raises(errors.AmbiguousAttendee, match=r"attendees\[0\]") as raised:
        mark(OF_THREE, [BOB])
    assert ends_the_task(raised.value)
    assert calcom.writes() == []


# Dry run.


@each_build
def test_a_dry_run_has_the_same_result_and_sends_no_write(calcom: SandboxDriver) -> None:
    """The dry run's result equals that of the run, except ``calls``."""
    calcom.change(OF_THREE, attendees=[{"email": BOB, "absent": True}])
    attendees = [{"email": BOB, "absent": False}, CAROL, "nobody@example.net"]
    dry = mark(OF_THREE, attendees, host_absent=True, on_unknown_attendee="skip", dry_run=True)
    assert calcom.writes() == []
    assert calcom.flags(OF_THREE) == (False, {BOB: True, CAROL: False, DAVE: False})
    run = mark(OF_THREE, attendees, host_absent=True, on_unknown_attendee="skip")
    assert {**run, "calls": 0} == dry
    assert run["calls"] == 1


def test_a_dry_run_rejects_what_the_run_would(calcom: SandboxDriver) -> None:
    """A dry run finds all errors that need no write."""
    for uid, error in (
        (AHEAD, errors.BookingNotStarted),
        ("sandbox-series", errors.BookingNotMarkable),
        ("no-such-booking", errors.BookingNotFound),
    ):
        with pytest.raises(error):
            mark(uid, [BOB], dry_run=True)
    assert calcom.writes() == []


# Credentials and settings.


@pytest.mark.parametrize(
    ("key", "error"),
    [
        ("cal_wrong_key", errors.InvalidCredentials),
        ("no_prefix", errors.InvalidCredentials),
        ("cal_sandbox_expired", errors.ExpiredCredentials),
    ],
)
def test_a_bad_key_ends_the_task(calcom: SandboxDriver, connect: Any, key: str, error: type[Exception]) -> None:
    """A wrong and an expired key fail with different errors, without retries, and are not shown."""
    connect(host=calcom.url, password=key)
    with pytest.raises(error) as raised:
        mark(OF_BOB, [BOB])
    assert ends_the_task(raised.value)
    assert key not in f"{raised.value!r} {raised.value}"
    assert calcom.absent(OF_BOB) == set()


def test_an_api_version_that_the_server_does_not_know(calcom: SandboxDriver) -> None:
    """A server silently falls back to its oldest API; that is noticed before anything is sent."""
    with pytest.raises(errors.ApiVersionNotServed) as raised:
        mark(OF_BOB, [BOB], api_version="2024-04-15")
    assert ends_the_task(raised.value)
    assert calcom.writes() == []


def test_a_missing_connection() -> None:
    """The error names the id of a connection that does not exist, and is not retried."""
    with pytest.raises(ConnectionMissing, match="calcom_elsewhere") as raised:
        mark(OF_BOB, [BOB], calcom_conn_id="calcom_elsewhere")
    assert ends_the_task(raised.value)


# The task's context.


def test_the_bookings_page_goes_to_the_link(calcom: SandboxDriver, connect: Any) -> None:
    """The URL of the booking's page is pushed to XCom under the link's key, if the connection has a web URL."""
    connect(host=calcom.url, password="cal_sandbox_owner", extra={"web_url": "https://cal.example.com/"})
    task_instance = mock.Mock()
    mark(OF_BOB, [BOB], context={"ti": task_instance})
    task_instance.xcom_push.assert_called_once_with(
        key=CalComBookingLink.xcom_key, value=f"https://cal.example.com/booking/{OF_BOB}"
    )


def test_no_link_where_the_page_is_not_known(calcom: SandboxDriver) -> None:
    """Without ``web_url`` the page of a self-hosted server is unknown: nothing is pushed, and there is no button."""
    task_instance = mock.Mock()
    mark(OF_BOB, [BOB], context={"ti": task_instance})
    task_instance.xcom_push.assert_not_called()


def test_airflows_own_dry_run_is_not_hidden() -> None:
    """``airflow tasks test --dry-run`` calls the method ``dry_run`` of an operator, so it must stay a method."""
    from airflow_provider_calcom.operators.no_shows import MarkAbsentOperator

    if not hasattr(BaseOperator, "dry_run"):
        pytest.skip("Airflow 3.0 has no such method")
    assert callable(MarkAbsentOperator(task_id="x", booking_uid=OF_BOB, dry_run=True).dry_run)
