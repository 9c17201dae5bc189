"""BookingEndedSensor against the sandbox: when it succeeds, defers, skips and fails."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException, TaskDeferred

from airflow_provider_calcom.api import errors
from airflow_provider_calcom.triggers.bookings import BookingsTrigger
from tests.sensors.waiting import LATER, PAST, TOMORROW, UNDER_WAY, event_of, reads, reschedule, sensor, sleeping
from tests.support import BUILDS, SandboxDriver, ends_the_task

each_build = pytest.mark.parametrize("build", BUILDS)


def deferred(uid: Any, **options: Any) -> BookingsTrigger:
    """Return the trigger that a sensor defers to."""
    with pytest.raises(TaskDeferred) as raised:
        sensor(uid, deferrable=True, **options).execute({})
    assert raised.value.method_name == "execute_complete"
    trigger = raised.value.trigger
    assert isinstance(trigger, BookingsTrigger)
    return trigger


@each_build
@pytest.mark.parametrize("deferrable", [True, False])
def test_a_booking_that_has_ended_needs_no_trigger(calcom: SandboxDriver, deferrable: bool) -> None:
    """One call in the worker, and the result has times and status, and no address."""
    result = sensor(PAST, deferrable=deferrable).execute({})
    assert result == {
        PAST: {"start": "2026-11-18T08:00:00.000Z", "end": "2026-11-18T08:30:00.000Z", "status": "accepted"}
    }
    assert reads(calcom) == [f"/v2/bookings/{PAST}"]


@each_build
def test_it_sleeps_until_the_end_by_the_servers_clock(calcom: SandboxDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes one call to know the server's clock, sleeps until end and grace, and reads once more."""
    slept = sleeping(calcom, monkeypatch)
    trigger = deferred(UNDER_WAY, grace=600)
    before = len(reads(calcom))
    result = sensor(UNDER_WAY, deferrable=True).execute_complete({}, event_of(trigger))
    assert set(result) == {UNDER_WAY}
    # It began 10 minutes ago, and takes 30.
    assert slept == [pytest.approx(1800, abs=3)]
    assert reads(calcom)[before:] == ["/v2/bookings?take=1", f"/v2/bookings/{UNDER_WAY}"]


def test_a_clock_of_this_machine_that_is_wrong_changes_nothing(
    calcom: SandboxDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine's clock is days away from the sandbox's, and its own hour more: only the server's counts."""
    slept = sleeping(calcom, monkeypatch)
    trigger = deferred(UNDER_WAY)
    monkeypatch.setattr(time, "time", lambda real=time.time: real() - 3600)
    event_of(trigger)
    assert slept == [pytest.approx(1200, abs=3)]


def test_a_booking_that_moves_in_the_meantime_is_waited_for(
    calcom: SandboxDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bookings are read again at the end that was known, and the trigger sleeps on until the new one."""
    move = {"start": "2026-11-19T14:00:00Z", "end": "2026-11-19T14:30:00Z"}
    slept = sleeping(calcom, monkeypatch, after_1=lambda: calcom.change(UNDER_WAY, **move))
    event = event_of(deferred(UNDER_WAY))
    assert event["bookings"][UNDER_WAY]["end"] == "2026-11-19T14:30:00.000Z"
    assert sum(slept) == pytest.approx(9000, abs=5)
    assert len(slept) == 2


def test_the_bookings_are_read_again_now_and_then(calcom: SandboxDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """``recheck_interval`` finds a booking that was moved to an earlier time, long before its old end."""
    earlier = {"start": "2026-11-19T13:00:00Z", "end": "2026-11-19T13:30:00Z"}
    slept = sleeping(calcom, monkeypatch, after_1=lambda: calcom.change(TOMORROW, **earlier))
    event = event_of(deferred(TOMORROW, recheck_interval=3600))
    assert event["bookings"][TOMORROW]["end"] == "2026-11-19T13:30:00.000Z"
    assert slept == [3600, pytest.approx(1800, abs=5)]


def test_a_trigger_never_reads_at_once(calcom: SandboxDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where the end is past when it begins: Airflow can mark a task failed whose trigger fires at once."""
    trigger = deferred(UNDER_WAY)
    calcom.admin("clock", {"advance": 7200})
    slept = sleeping(calcom, monkeypatch)
    event_of(trigger)
    assert slept == [5]


def test_serialized_arguments_are_plain_and_without_secrets(calcom: SandboxDriver) -> None:
    """JSON holds them, and neither the key nor an address is in them."""
    _, given = deferred([UNDER_WAY, TOMORROW], team_id=None).serialize()
    text = json.dumps(given)
    assert json.loads(text) == given
    assert "cal_sandbox" not in text
    assert "@" not in text
    assert calcom.url not in text


# Cancelled and rescheduled.


@each_build
@pytest.mark.parametrize("uid", ["sandbox-cancelled", "sandbox-rejected"])
def test_a_cancelled_booking(calcom: SandboxDriver, uid: str) -> None:
    """It fails without a retry, skips, or succeeds, as requested."""
    with pytest.raises(errors.BookingCancelled, match="on_cancelled") as raised:
        sensor(uid).execute({})
    assert ends_the_task(raised.value)
    with pytest.raises(AirflowSkipException):
        sensor(uid, on_cancelled="skip").execute({})
    result = sensor(uid, on_cancelled="succeed").execute({})
    assert result[uid]["status"] in ("cancelled", "rejected")


def test_a_skipped_booking_is_left_out_of_several(calcom: SandboxDriver) -> None:
    """The others count."""
    assert set(sensor([PAST, "sandbox-cancelled"], on_cancelled="skip").execute({})) == {PAST}


@pytest.mark.parametrize("build", ["2025-12", "2026-07"])
def test_a_rescheduled_booking(calcom: SandboxDriver) -> None:
    """It is followed to its new uid, also over several; or fails, is skipped, or succeeds as it is."""
    second = reschedule(calcom, TOMORROW, "2026-11-21T10:00:00Z")
    third = reschedule(calcom, second, "2026-11-22T10:00:00Z")
    with pytest.raises(errors.BookingRescheduled, match=second) as raised:
        sensor(TOMORROW, on_rescheduled="fail").execute({})
    assert ends_the_task(raised.value)
    with pytest.raises(AirflowSkipException):
        sensor(TOMORROW, on_rescheduled="skip").execute({})
    assert sensor(TOMORROW, on_rescheduled="succeed").execute({})[TOMORROW]["status"] == "cancelled"
    deferred(TOMORROW)
    calcom.admin("clock", {"now": "2026-11-23T10:00:00Z"})
    assert sensor(TOMORROW).execute({}) == {
        third: {
            "start": "2026-11-22T10:00:00.000Z",
            "end": "2026-11-22T10:30:00.000Z",
            "status": "accepted",
            "followed_from": TOMORROW,
        }
    }


@pytest.mark.parametrize("build", ["2025-12", "2026-07"])
def test_a_booking_is_rescheduled_while_the_trigger_sleeps(
    calcom: SandboxDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trigger follows it, and reports the new uid once that has ended."""
    new: list[str] = []
    slept = sleeping(
        calcom, monkeypatch, after_1=lambda: new.append(reschedule(calcom, TOMORROW, "2026-11-21T10:00:00Z"))
    )
    event = event_of(deferred(TOMORROW, recheck_interval=7200))
    assert event["bookings"][new[0]]["followed_from"] == TOMORROW
    assert sum(slept) == pytest.approx(46.5 * 3600, abs=30)


@pytest.mark.parametrize("build", ["2025-08"])
def test_servers_of_august_2025_show_a_rescheduled_booking_as_cancelled(calcom: SandboxDriver) -> None:
    """They do not return the new uid, so that ``on_cancelled`` applies, and the error says it."""
    reschedule(calcom, TOMORROW, "2026-11-21T10:00:00Z")
    with pytest.raises(errors.BookingCancelled, match="August 2025"):
        sensor(TOMORROW).execute({})


def test_reschedulings_in_a_circle_end(calcom: SandboxDriver) -> None:
    """A server whose bookings lead to each other does not hold the task for ever."""
    from airflow_provider_calcom.api.waiting import BookingWait, WaitOptions

    fields = {"status": "cancelled", "start": "2026-11-19T10:00:00Z", "end": "2026-11-19T10:30:00Z"}
    found: Any = {
        "a": {"uid": "a", "rescheduledToUid": "b", **fields},
        "b": {"uid": "b", "rescheduledToUid": "a", **fields},
    }
    wait = BookingWait(["a"], WaitOptions())
    wait.begin()
    wait.note(found)
    assert list(wait.to_read()) == ["b"]
    with pytest.raises(errors.BookingRescheduled, match="circle"):
        wait.note(found)


def test_two_requested_bookings_that_are_one_by_now(calcom: SandboxDriver) -> None:
    """A booking and the one that it was rescheduled to are one entry of the result."""
    new = reschedule(calcom, TOMORROW, "2026-11-21T10:00:00Z")
    calcom.admin("clock", {"now": "2026-11-23T10:00:00Z"})
    assert list(sensor([TOMORROW, new]).execute({})) == [new]


# Many bookings.


def many(calcom: SandboxDriver, number: int) -> list[str]:
    """Load a world with a number of half-hour bookings tomorrow and the day after, and return their uids."""
    from airflow_provider_calcom.sandbox.practice import practice_world
    from tests.support import NOW

    world = practice_world(NOW)
    model = next(one for one in world["bookings"] if one["uid"] == TOMORROW)
    rows = []
    for place in range(number):
        start = NOW + timedelta(hours=12, minutes=5 * place)
        times = {"start": start.isoformat(), "end": (start + timedelta(minutes=30)).isoformat()}
        rows.append({**model, **times, "uid": f"many-{place}"})
    world["bookings"] += rows
    calcom.admin("world", {"world": world})
    return [row["uid"] for row in rows]


@each_build
def test_many_bookings_cost_pages(calcom: SandboxDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """400 bookings are a handful of calls, in the worker and in the trigger."""
    uids = many(calcom, 400)
    trigger = deferred(uids)
    in_worker = len(calcom.calls())
    assert in_worker <= 8
    slept = sleeping(calcom, monkeypatch)
    event = event_of(trigger)
    assert set(event["bookings"]) == set(uids)
    assert len(calcom.calls()) - in_worker <= 8 * len(slept)
    assert all(one["status"] == "accepted" for one in event["bookings"].values())


def test_an_unknown_booking_among_many_is_found_out(calcom: SandboxDriver) -> None:
    """The error is that of the booking, and is not retried."""
    uids = many(calcom, 20)
    with pytest.raises(errors.BookingNotFound) as raised:
        sensor([*uids, "no-such-booking"], deferrable=True).execute({})
    assert ends_the_task(raised.value)


# Parameters.


@pytest.mark.parametrize(
    "given", [[PAST, LATER], f'["{PAST}", "{LATER}"]', f"['{PAST}', '{LATER}']", f"{PAST},{LATER}"]
)
def test_uids_of_a_template(calcom: SandboxDriver, given: Any) -> None:
    """A list, and each string that a template makes of one."""
    assert set(deferred(given).bookings) == {PAST, LATER}


def test_bookings_are_taken_as_their_uids_and_not_kept(calcom: SandboxDriver) -> None:
    """What ListBookingsOperator returns has addresses, and rendered fields are stored and shown."""
    booking = {"uid": PAST, "attendees": [{"email": "bob@example.org"}]}
    for given in ([booking], str([booking]), json.dumps([booking])):
        task = sensor(given)
        task.render_template_fields({})
        assert task.booking_uid == [PAST]


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"booking_uid": "None"}, "booking_uid"),
        ({"booking_uid": None}, "booking_uid"),
        ({"booking_uid": [PAST, "a/b"]}, r"booking_uid\[1\]"),
        ({"booking_uid": {"a": 1}}, "booking_uid"),
        ({"grace": -1}, "grace"),
        ({"grace": "soon"}, "grace"),
        ({"on_cancelled": "follow"}, "on_cancelled"),
        ({"on_rescheduled": "None"}, "on_rescheduled"),
        ({"recheck_interval": 1}, "recheck_interval"),
        ({"user_id": 3}, "user_id"),
    ],
)
def test_an_invalid_parameter_is_named_before_any_call(
    calcom: SandboxDriver, options: dict[str, Any], name: str
) -> None:
    """Nothing is read, and Airflow does not retry."""
    with pytest.raises(errors.InvalidArgument, match=name) as raised:
        sensor(**{"uid": options.pop("booking_uid", PAST), **options}).execute({})
    assert ends_the_task(raised.value)
    assert calcom.calls() == []


def test_no_bookings_have_ended_at_once(calcom: SandboxDriver) -> None:
    """A day without bookings does not fail the task, nor call Cal.com."""
    assert sensor([], deferrable=True).execute({}) == {}
    assert calcom.calls() == []


# Without the triggerer, and soft failures.


def test_pokes_make_no_call_before_the_end(calcom: SandboxDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sensor that pokes each minute for hours reads the booking at its end only."""
    task = sensor(UNDER_WAY, deferrable=False)
    now = time.monotonic()
    assert not task.poke({})
    for minute in range(1, 20):
        monkeypatch.setattr(time, "monotonic", lambda at=now + 60 * minute: at)
        assert not task.poke({})
    assert len(reads(calcom)) == 1
    monkeypatch.setattr(time, "monotonic", lambda: now + 1260)
    calcom.admin("clock", {"advance": 1260})
    assert task.poke({})
    assert len(reads(calcom)) == 2


def test_soft_failures_skip_the_task(calcom: SandboxDriver) -> None:
    """``soft_fail`` skips a failure that is final, deferred or not, as Airflow's own sensors do."""
    for deferrable in (True, False):
        with pytest.raises(AirflowSkipException):
            sensor("sandbox-cancelled", soft_fail=True, deferrable=deferrable).execute({})


def test_silent_failures_wait_on(calcom: SandboxDriver) -> None:
    """``silent_fail`` defers although the first check failed; a failure that is final is raised all the same."""
    calcom.fault("GET", "*/bookings/*", "status", status=503, times=None)
    assert set(deferred(PAST, silent_fail=True).bookings) == {PAST}
    calcom.admin("faults", {"clear": True})
    with pytest.raises(errors.BookingCancelled):
        sensor("sandbox-cancelled", silent_fail=True, deferrable=True).execute({})


def test_an_event_that_cannot_be_read_begins_anew(calcom: SandboxDriver) -> None:
    """After a change of versions, the sensor checks again instead of failing or succeeding blindly."""
    for event in (None, {}, {"status": "error", "error": "os:system", "text": "x"}, {"status": "done"}):
        with pytest.raises(TaskDeferred):
            sensor(TOMORROW, deferrable=True).execute_complete({}, event)
        assert set(sensor(PAST, deferrable=True).execute_complete({}, event)) == {PAST}
