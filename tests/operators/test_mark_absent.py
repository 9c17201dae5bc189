"""What MarkAbsentOperator does to a booking, and when it refuses, against the sandbox."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_calcom.api import errors
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
    """Two of three attendees are marked by one call, the third and the host stay as they are."""
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
    """Running a task again makes no mark-absent call and no webhook, and says that nothing changed."""
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
    """Who is marked already is not named again: the webhook tells of the other one alone."""
    calcom.change(OF_THREE, attendees=[{"email": BOB, "absent": True}])
    calcom.subscribe()
    result = mark(OF_THREE, [BOB, CAROL])
    assert (result["marked"], result["unchanged"], result["calls"]) == ([CAROL], [BOB], 1)
    (delivery,) = calcom.deliveries()
    assert json.loads(delivery["body"])["payload"]["attendees"] == [{"email": CAROL, "noShow": True}]


@each_build
def test_takes_a_mark_away(calcom: SandboxDriver) -> None:
    """``absent: False`` un-marks, also in one call together with a mark."""
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
    """All the forms in which a list of attendees may come mark the same two people."""
    result = mark(OF_THREE, attendees)
    assert sorted(result["marked"]) == [BOB, CAROL]
    assert calcom.absent(OF_THREE) == {BOB, CAROL}


def test_one_address_as_a_text(calcom: SandboxDriver) -> None:
    """A single address, as a template makes it, is a list of one."""
    assert mark(OF_BOB, f" {BOB} ")["marked"] == [BOB]
    assert calcom.absent(OF_BOB) == {BOB}


def test_objects_of_a_booking_ask_for_what_they_show(calcom: SandboxDriver) -> None:
    """Attendee objects straight from a booking carry the present flags, so that they change nothing."""
    from airflow_provider_calcom.hooks.calcom import CalComHook

    with CalComHook() as hook:
        attendees = hook.get_booking(booking_uid=OF_THREE)["attendees"]
    result = mark(OF_THREE, attendees)
    assert (result["calls"], sorted(result["unchanged"])) == (0, sorted([BOB, CAROL, DAVE]))
    assert calcom.writes() == []


@each_build
def test_the_stored_spelling_is_sent(calcom: SandboxDriver) -> None:
    """Cal.com compares addresses byte by byte; what it stored in mixed case is found and marked all the same."""
    result = mark(OF_ERIN, [ERIN.lower()])
    assert (result["marked"], result["unknown"]) == ([ERIN], [])
    assert calcom.absent(OF_ERIN) == {ERIN}


def test_a_managed_user_is_found_by_the_address_that_people_see(calcom: SandboxDriver) -> None:
    """Where Cal.com shows a ``displayEmail``, that finds the attendee, and the stored address is what is sent."""
    assert mark(OF_MONA, ["mona@example.org"])["marked"] == [MONA]
    assert calcom.absent(OF_MONA) == {MONA}


def test_a_seated_booking(calcom: SandboxDriver) -> None:
    """Seats are marked by address like any attendee."""
    assert mark("sandbox-seated", [CAROL])["marked"] == [CAROL]
    assert calcom.absent("sandbox-seated") == {CAROL}


@each_build
def test_the_result_has_exactly_the_promised_keys_and_is_json(calcom: SandboxDriver) -> None:
    """The result's shape is the same whatever happened, and goes through XCom as JSON."""
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
    """A mapped task with nobody to mark costs no call at all, not even a read."""
    result = mark(OF_BOB, attendees)
    assert (result["marked"], result["absent_host"], result["calls"]) == ([], None, 0)
    assert calcom.calls() == []


def test_neither_attendees_nor_host_is_an_error(calcom: SandboxDriver) -> None:
    """Nothing given (a task that returned None, say) fails aloud in place of doing nothing in silence."""
    with pytest.raises(errors.InvalidArgument, match="attendees nor host_absent") as raised:
        mark(OF_BOB)
    assert ends_the_task(raised.value)
    assert calcom.calls() == []


# The host.


@each_build
def test_marks_the_host(calcom: SandboxDriver) -> None:
    """``host_absent=True`` marks the organiser alone."""
    result = mark(OF_BOB, host_absent=True)
    assert (result["absent_host"], result["calls"]) == (True, 1)
    assert calcom.flags(OF_BOB) == (True, {BOB: False})


@each_build
def test_host_and_attendees_go_in_one_call(calcom: SandboxDriver) -> None:
    """Both flags are written by the same call."""
    result = mark(OF_BOB, [BOB], host_absent=True)
    assert (result["marked"], result["absent_host"], result["calls"]) == ([BOB], True, 1)
    assert calcom.flags(OF_BOB) == (True, {BOB: True})
    assert len(calcom.marks()) == 1


@each_build
def test_a_present_host_may_be_said_to_be_present(calcom: SandboxDriver) -> None:
    """``host_absent=False`` on a host who is not marked is nothing to do, and the attendees are marked beside it."""
    assert mark(OF_BOB, host_absent=False)["calls"] == 0
    assert calcom.marks() == []
    assert mark(OF_BOB, [BOB], host_absent=False)["marked"] == [BOB]
    assert calcom.flags(OF_BOB) == (False, {BOB: True})


@each_build
def test_un_marking_a_host_is_refused(calcom: SandboxDriver) -> None:
    """Servers differ in what ``host: false`` does, so that nothing of the request is sent, the attendees included."""
    calcom.change(OF_BOB, absentHost=True)
    with pytest.raises(errors.HostUnmarkRefused, match="host_absent") as raised:
        mark(OF_BOB, [BOB], host_absent=False)
    assert ends_the_task(raised.value)
    assert calcom.writes() == []
    assert calcom.flags(OF_BOB) == (True, {BOB: False})


# Whom and what it refuses.


@each_build
def test_an_unknown_attendee_fails_before_anything_is_sent(calcom: SandboxDriver) -> None:
    """One wrong entry stops the whole request, and is named by its index, not by its address."""
    with pytest.raises(errors.UnknownAttendee, match=r"attendees\[1\]") as raised:
        mark(OF_BOB, [BOB, "nobody@example.net"])
    assert ends_the_task(raised.value)
    assert "nobody" not in str(raised.value)
    assert calcom.writes() == []


@each_build
def test_an_unknown_attendee_can_be_skipped(calcom: SandboxDriver) -> None:
    """With ``skip`` the others are marked, and the result names who was not there, as it was given."""
    result = mark(OF_BOB, ["Nobody@example.net", BOB], on_unknown_attendee="skip")
    assert (result["marked"], result["unknown"], result["calls"]) == ([BOB], ["Nobody@example.net"], 1)
    assert calcom.absent(OF_BOB) == {BOB}


def test_a_booking_that_has_not_started_fails_and_may_be_tried_again(calcom: SandboxDriver) -> None:
    """Before the start nothing is sent. The error heals by waiting, so Airflow's retries apply."""
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
    """Cal.com would mark people of cancelled, rejected and pending bookings; we do only where that is asked for."""
    uid = f"sandbox-{status}"
    email = next(iter(calcom.flags(uid)[1]))
    wish: dict[str, Any] = {"attendees": [email]} if who == "attendees" else {"host_absent": True}
    with pytest.raises(errors.BookingNotMarkable, match="allowed_statuses") as raised:
        mark(uid, **wish)
    assert ends_the_task(raised.value)
    assert calcom.writes() == []
    assert mark(uid, **wish, allowed_statuses=["accepted", status])["calls"] == 1


@pytest.fixture
def team_booking(calcom: SandboxDriver) -> str:
    """A round-robin booking as Cal.com stores it: the other host is an attendee row, and no guest of the booker."""
    from airflow_provider_calcom.sandbox.practice import practice_world

    world = practice_world(NOW)
    booking = next(one for one in world["bookings"] if one["uid"] == "sandbox-team")
    booking["responses"]["guests"] = []
    calcom.admin("world", {"world": world})
    return "sandbox-team"


@each_build
def test_a_cohost_is_refused_unless_allowed(calcom: SandboxDriver, team_booking: str) -> None:
    """A colleague among the attendees of a team's booking is not marked by mistake, and the booker beside is not."""
    cohost = "other@example.com"
    with pytest.raises(errors.CoHostRefused, match=r"attendees\[1\].*allow_cohosts") as raised:
        mark(team_booking, [BOB, cohost])
    assert ends_the_task(raised.value)
    assert calcom.writes() == []
    assert mark(team_booking, [BOB])["marked"] == [BOB]
    assert mark(team_booking, [cohost], allow_cohosts=True)["marked"] == [cohost]


@each_build
def test_a_cohost_of_another_domain_is_refused_too(calcom: SandboxDriver) -> None:
    """A contractor who helps to host has an address of their own; booker, guest and seats beside them are no hosts."""
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
    """What users try first, ``calcom-sandbox``, shows the refusal of a co-host as the real server's bookings do."""
    with pytest.raises(errors.CoHostRefused):
        mark("sandbox-team", ["other@example.com"])


@each_build
def test_attendees_of_a_foreign_booking(calcom: SandboxDriver) -> None:
    """They are refused before any write; where that is allowed, Cal.com's 500 is an error that is not tried again."""
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
    """Cal.com would let any key mark any host; we look first whether the booking is ours."""
    with pytest.raises(errors.BookingNotMarkable, match="allow_foreign_booking") as raised:
        mark(FOREIGN, host_absent=True)
    assert ends_the_task(raised.value)
    assert calcom.writes() == []
    assert mark(FOREIGN, host_absent=True, allow_foreign_booking=True)["absent_host"] is True
    assert calcom.flags(FOREIGN)[0] is True


@each_build
def test_the_uid_of_a_series_is_refused(calcom: SandboxDriver) -> None:
    """A series is many bookings; the text asks for the uid of one occurrence, and that works."""
    with pytest.raises(errors.BookingNotMarkable, match="one occurrence") as raised:
        mark("sandbox-series", [CAROL])
    assert ends_the_task(raised.value)
    assert calcom.writes() == []
    assert mark("sandbox-series-1", [CAROL])["marked"] == [CAROL]


@each_build
@pytest.mark.parametrize("uid", ["no-such-booking", "SANDBOX-YESTERDAY-1", "1"])
def test_an_unknown_uid(calcom: SandboxDriver, uid: str) -> None:
    """A uid that is unknown, in another case or a number is not found, and not tried again."""
    with pytest.raises(errors.BookingNotFound) as raised:
        mark(uid, [BOB])
    assert ends_the_task(raised.value)
    assert calcom.writes() == []


def test_two_rows_of_one_address_are_refused(calcom: SandboxDriver) -> None:
    """Cal.com would change one of two rows with the same address at random; so neither is touched."""
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
def test_a_dry_run_tells_the_same_and_sends_no_write(calcom: SandboxDriver) -> None:
    """The dry run's result equals that of the run, but for the calls."""
    calcom.change(OF_THREE, attendees=[{"email": BOB, "absent": True}])
    wishes = [{"email": BOB, "absent": False}, CAROL, "nobody@example.net"]
    dry = mark(OF_THREE, wishes, host_absent=True, on_unknown_attendee="skip", dry_run=True)
    assert calcom.writes() == []
    assert calcom.flags(OF_THREE) == (False, {BOB: True, CAROL: False, DAVE: False})
    run = mark(OF_THREE, wishes, host_absent=True, on_unknown_attendee="skip")
    assert {**run, "calls": 0} == dry
    assert run["calls"] == 1


def test_a_dry_run_refuses_what_the_run_would_refuse(calcom: SandboxDriver) -> None:
    """A dry run finds the errors that need no write, so that it is a rehearsal."""
    for uid, error in (
        (AHEAD, errors.BookingNotStarted),
        ("sandbox-series", errors.BookingNotMarkable),
        ("no-such-booking", errors.BookingNotFound),
    ):
        with pytest.raises(error):
            mark(uid, [BOB], dry_run=True)
    assert calcom.writes() == []


# Credentials and settings.


@each_build
@pytest.mark.parametrize(
    ("key", "error"),
    [
        ("cal_wrong_key", errors.InvalidCredentials),
        ("no_prefix", errors.InvalidCredentials),
        ("cal_sandbox_expired", errors.ExpiredCredentials),
    ],
)
def test_a_bad_key_ends_the_task(calcom: SandboxDriver, connect: Any, key: str, error: type[Exception]) -> None:
    """A wrong or expired key fails at once without retries, is told apart, and is not shown."""
    connect(host=calcom.url, password=key)
    with pytest.raises(error) as raised:
        mark(OF_BOB, [BOB])
    assert ends_the_task(raised.value)
    assert key not in f"{raised.value!r} {raised.value}"
    assert calcom.absent(OF_BOB) == set()


def test_an_api_version_that_the_server_does_not_know(calcom: SandboxDriver) -> None:
    """A server falls back to its oldest API in silence; that is noticed before anything is sent."""
    with pytest.raises(errors.ApiVersionNotServed) as raised:
        mark(OF_BOB, [BOB], api_version="2024-04-15")
    assert ends_the_task(raised.value)
    assert calcom.writes() == []


def test_a_missing_connection_is_told(monkeypatch: pytest.MonkeyPatch, airflow_db: None) -> None:
    """A connection id that nobody set up names itself in the error."""
    with pytest.raises(Exception, match="calcom_elsewhere"):
        mark(OF_BOB, [BOB], calcom_conn_id="calcom_elsewhere")


# The task's context.


def test_the_bookings_page_goes_to_the_link(calcom: SandboxDriver, connect: Any) -> None:
    """The address of the booking's page is left in XCom under the link's key, where the connection tells it."""
    connect(host=calcom.url, password="cal_sandbox_owner", extra={"web_url": "https://cal.example.com/"})
    task_instance = mock.Mock()
    mark(OF_BOB, [BOB], context={"ti": task_instance})
    task_instance.xcom_push.assert_called_once_with(
        key=CalComBookingLink.xcom_key, value=f"https://cal.example.com/booking/{OF_BOB}"
    )


def test_no_link_where_the_page_is_not_known(calcom: SandboxDriver) -> None:
    """A self-hosted server without ``web_url`` has no page that we know of; an empty text spares an error line."""
    task_instance = mock.Mock()
    mark(OF_BOB, [BOB], context={"ti": task_instance})
    task_instance.xcom_push.assert_called_once_with(key="_link_CalComBookingLink", value="")


def test_airflows_own_dry_run_is_not_hidden() -> None:
    """``airflow tasks test --dry-run`` calls the method ``dry_run`` of an operator, so it must stay a method."""
    from airflow_provider_calcom.operators.no_shows import MarkAbsentOperator

    assert callable(MarkAbsentOperator(task_id="x", booking_uid=OF_BOB, dry_run=True).dry_run)
