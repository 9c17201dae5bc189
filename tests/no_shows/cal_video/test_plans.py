"""Plans with Cal Video: for which bookings sessions are fetched, and that nobody is blamed for missing ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.api import errors
from airflow_provider_calcom.attendance.errors import InvalidInput, PlanRefused
from airflow_provider_calcom.hooks.calcom import CalComHook
from airflow_provider_calcom.no_shows.diff import LastWrite
from airflow_provider_calcom.no_shows.planner import plan_no_shows
from tests.no_shows.cal_video.test_fetching import ANY, requested
from tests.operators.marking import BOB, CAROL
from tests.operators.planning import (
    ANN,
    BOOKING,
    HANNA,
    NOON,
    WHOLE,
    Row,
    changes,
    fed,
    memory_storage,
    parsed,
    plan,
    reasons,
    report,
    seen,
    summary,
    world,
)
from tests.support import SandboxDriver, ends_the_task

AT_NOON = {"as_of": NOON}


def planned(folder: Path, attendance: Any, **given: Any) -> Row:
    """Plan the one booking of Ann with Hanna."""
    return plan(folder, **{"bookings": [BOOKING], "attendance": attendance, **given})


AT_EIGHT = 1_794_988_800  # 2026-11-18T08:00:00Z in Unix seconds
SESSIONS = "/v2/bookings/{}/conferencing-sessions"
NO_SESSIONS = {
    "status": "error",
    "error": {"code": "NotFoundException", "message": "No Cal Video reference found with booking uid x"},
}


def session(start: int, *people: tuple[str | None, str | None]) -> Row:
    """One session of half an hour in which these ``(user id, name)`` were from its start to its end."""
    there = [{"userId": user, "userName": name, "joinTime": start, "duration": 1800} for user, name in people]
    times = {"startTime": start, "duration": 1800, "ongoing": False, "maxParticipants": len(people)}
    return {"id": "s", "room": "r", **times, "participants": there}


@pytest.fixture
def video(calcom: SandboxDriver) -> SandboxDriver:
    """Return a sandbox in which yesterday's first two bookings are held in Cal Video."""
    in_cal_video(calcom, "sandbox-yesterday-1", "sandbox-yesterday-2")
    return calcom


def in_cal_video(calcom: SandboxDriver, *uids: str) -> None:
    """Move bookings to Cal Video, the last of them with a link and the others as an integration."""

    def change(bookings: dict[str, Row]) -> None:
        for uid in uids:
            bookings[uid]["location"] = "integrations:daily"
        bookings[uids[-1]]["location"] = f"https://app.cal.com/video/{uids[-1]}"

    calcom.admin("world", {"world": world(change)})


def hold(calcom: SandboxDriver, uid: str, *sessions: Row, **options: Any) -> None:
    """Let the server respond with these sessions of a booking."""
    body = {"status": "success", "data": list(sessions)}
    given = {"status": 200, "body": body, "times": None, **options}
    calcom.fault("GET", SESSIONS.format(uid), "status", **given)


def test_cal_video_is_fetched(video: SandboxDriver, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The sessions of bookings in Cal Video are requested, and of no others; those that have no room are counted.

    A guest is known by name, the host by the user's id. Without other feeds, attendance is complete until now.
    """
    caplog.set_level("INFO")
    in_cal_video(video, "sandbox-yesterday-1", "sandbox-yesterday-2", "sandbox-yesterday-3")
    hold(video, "sandbox-yesterday-1", session(AT_EIGHT, ("1", "Any Name")))
    hold(video, "sandbox-yesterday-2", session(AT_EIGHT + 3600, ("1", "Olivia"), (None, "Carol Chen")))
    hold(video, "sandbox-yesterday-3", status=404, body=NO_SESSIONS)
    result = plan(tmp_path, attendance={"feed": "cal_video"}, policy=AT_NOON)
    assert changes(tmp_path) == {("sandbox-yesterday-1", BOB)}
    assert reasons(tmp_path)["sandbox-yesterday-2", CAROL] == "name"
    assert result["outcomes"]["undetermined"].keys() == {"no_evidence"}
    requested = [call["path"] for call in video.calls() if "conferencing" in call["path"]]
    assert requested == [SESSIONS.format(f"sandbox-yesterday-{number}") for number in (1, 2, 3)]
    assert "a booking for which Cal Video has no room" in caplog.text
    assert summary(tmp_path)["complete_until"] == "2026-11-19T12:00:00.000Z"
    assert video.writes() == []


def test_a_fetched_feed_beside_another(video: SandboxDriver, tmp_path: Path) -> None:
    """Only what was fetched is complete until now; the other feed ends with its last row."""
    hold(video, "sandbox-yesterday-1", session(AT_EIGHT, ("1", None)))
    hold(video, "sandbox-yesterday-2")
    plan(tmp_path, attendance=[{"feed": "cal_video"}, fed(report(video)[:3])], policy=AT_NOON)
    assert summary(tmp_path)["policy"]["attendance_until"] == {"cal_video": "2026-11-19T12:00:00.000Z"}
    assert summary(tmp_path)["complete_until"] == "2026-11-18T09:30:00.000Z"


@pytest.mark.parametrize(
    ("options", "error", "ends"),
    [
        ({"status": 404, "body": {"error": {"message": "Cannot GET /v2/..."}}}, errors.ApiVersionNotServed, True),
        ({"status": 503}, errors.ServerFault, False),
        ({"status": 429}, errors.RateLimited, False),
        ({"body": {"status": "success", "data": {}}}, errors.UnexpectedAnswer, False),
    ],
)
def test_sessions_that_can_not_be_read(
    video: SandboxDriver, tmp_path: Path, options: Row, error: type[Exception], ends: bool
) -> None:
    """Another response is not an empty room: the task fails, and is retried only where that can help."""
    hold(video, "sandbox-yesterday-1", **options)
    with pytest.raises(error) as raised:
        plan(tmp_path, attendance={"feed": "cal_video"}, policy=AT_NOON)
    assert ends_the_task(raised.value) == ends
    assert not (tmp_path / "summary.json").exists()


@pytest.mark.parametrize("build", ["2025-08"])
def test_a_server_without_that_route(calcom: SandboxDriver, tmp_path: Path) -> None:
    """On servers of before November 2025 nothing is fetched, and the error says why."""
    in_cal_video(calcom, "sandbox-yesterday-1")
    with pytest.raises(errors.ApiVersionNotServed, match="no such route"):
        plan(tmp_path, attendance={"feed": "cal_video"})


def test_cal_video_of_given_bookings(video: SandboxDriver, tmp_path: Path) -> None:
    """Sessions are fetched also for given bookings; tables do not have the place of a booking."""
    hold(video, "sandbox-yesterday-1", session(AT_EIGHT, ("7", None)))
    booking = BOOKING | {"uid": "sandbox-yesterday-1", "location": "integrations:daily"}
    planned(tmp_path / "p", {"feed": "cal_video"}, bookings=[booking])
    assert changes(tmp_path / "p") == {("sandbox-yesterday-1", ANN)}
    with pytest.raises(InvalidInput, match="cal_video") as raised:
        planned(tmp_path / "q", {"feed": "cal_video"}, bookings=[], people=[])
    assert ends_the_task(raised.value)


def test_cal_video_of_a_file(video: SandboxDriver, tmp_path: Path) -> None:
    """Where its rows are given, Cal.com is not called for them, and their end is the feed's."""
    rows = [{"booking_uid": "b1", "hosts": {"7": HANNA}, "sessions": [session(AT_EIGHT, ("7", None))]}]
    planned(tmp_path, {"feed": "cal_video", "rows": rows}, policy=AT_NOON)
    assert summary(tmp_path)["complete_until"] == "2026-11-18T08:30:00.000Z"
    assert [call["path"] for call in video.calls()] == ["/v2/me"]


# Which bookings cost a call.


def meeting(number: int, **others: Any) -> Row:
    """Return a booking of one guest in Cal Video."""
    guest = {"name": f"Guest {number}", "email": f"g{number}@client.example", "absent": False}
    return BOOKING | {"uid": f"m{number}", "location": "integrations:daily", "attendees": [guest]} | others


def came(number: int) -> list[Row]:
    """Return the presence of host and guest at a desk, as a check-in list or another feed has it."""
    times = ("2026-11-18T08:00:00Z", "2026-11-18T08:30:00Z")
    return [seen(f"m{number}", email, *times) for email in (HANNA, f"g{number}@client.example")]


def held_for_all(calcom: SandboxDriver, *people: tuple[str | None, str | None]) -> None:
    """Let the server respond with one session of these people for any booking."""
    body = {"status": "success", "data": [session(AT_EIGHT, *people)]}
    calcom.fault("GET", ANY, "status", status=200, body=body, times=None)


def test_37_undecided_bookings_of_1000_take_37_calls(calcom: SandboxDriver, tmp_path: Path) -> None:
    """A call is made for the bookings in Cal Video alone of whose people somebody is not known to have come.

    Not for those in which everybody came by another feed, is cancelled, too recent, held elsewhere or marked already.
    """
    held_for_all(calcom, ("7", None))
    odd = [
        meeting(990, status="cancelled"),
        meeting(991, end="2026-11-19T11:00:00.000Z", start="2026-11-19T10:30:00.000Z"),
        meeting(992, location="https://zoom.us/j/81200001111"),
        meeting(993, attendees=[{"name": "Guest", "email": "g993@client.example", "absent": True}]),
        meeting(994, attendees=[]),
    ]
    bookings = [meeting(number) for number in range(995)]
    bookings[990:] = odd
    rows = [row for number in range(990 - 37) for row in came(number)]
    given = {"bookings": [*bookings, *(meeting(number) for number in range(995, 1000))], "policy": AT_NOON}
    rows += [row for number in range(995, 1000) for row in came(number)]
    result = plan(tmp_path, attendance=[{"feed": "cal_video"}, fed(rows)], guard_rails={"min_sample": 5000}, **given)
    assert sorted(requested(calcom)) == sorted(f"m{number}" for number in range(953, 990))
    assert result["changes"]["mark_attendees"] == 37


def test_a_booking_that_another_feed_calls_missed_is_fetched(calcom: SandboxDriver, tmp_path: Path) -> None:
    """Who is not on the list of the desk may have been in the room that the booking names."""
    desk = fed(came(1)[:1])
    planned(tmp_path / "desk", desk, bookings=[meeting(1)])
    assert changes(tmp_path / "desk") == {("m1", "g1@client.example")}
    one = meeting(1, attendees=[{"name": "Gina Guest", "email": "g1@client.example", "absent": False}])
    held_for_all(calcom, ("7", None), (None, "Gina Guest"))
    planned(tmp_path / "both", [desk, {"feed": "cal_video"}], bookings=[one])
    assert changes(tmp_path / "both") == set()


@pytest.mark.parametrize(
    ("correct", "written", "calls"), [("none", True, 0), ("ledger", False, 0), ("ledger", True, 1), ("all", False, 1)]
)
def test_a_mark_is_checked_only_if_it_could_be_removed(
    calcom: SandboxDriver, tmp_path: Path, correct: str, written: bool, calls: int
) -> None:
    """Sessions of a booking whose people are marked already are fetched only if the mark may be removed."""
    held_for_all(calcom, ("7", None), (None, "Ann Ames"))
    marked = meeting(1, attendees=[{"name": "Ann Ames", "email": ANN, "absent": True}])
    request = parsed(
        attendance=[{"feed": "cal_video"}, fed(came(2))], bookings=[marked], plan_path=str(tmp_path), correct=correct
    )
    last = [LastWrite("m1", "attendee", ANN, True)] if written else []
    plan_no_shows(replace(request, last_writes=lambda people: last), CalComHook())
    assert len(requested(calcom)) == calls
    assert changes(tmp_path) == ({("m1", ANN)} if calls else set())


def test_marked_bookings_alone_are_no_empty_feed(calcom: SandboxDriver, tmp_path: Path) -> None:
    """Where all are marked and no other feed has a row, their sessions are fetched: the plan is not rejected."""
    held_for_all(calcom, ("7", None))
    marked = meeting(1, attendees=[{"name": "Ann Ames", "email": ANN, "absent": True}])
    assert planned(tmp_path, {"feed": "cal_video"}, bookings=[marked])["state"] == "ready"
    assert requested(calcom) == ["m1"]


# What is not fetched blames nobody.


@pytest.mark.parametrize("policy", [{}, {"assume_held": True}, {"judge_hosts": True}])
def test_nobody_is_called_absent_whose_sessions_are_missing(calcom: SandboxDriver, tmp_path: Path, policy: Row) -> None:
    """Although another feed has the host, and whatever the policy assumes: the guest may have been in the room."""
    calcom.fault("GET", SESSIONS.format("m2"), "status", status=403, body={"error": {"message": "no"}}, times=None)
    held_for_all(calcom, ("7", None))
    feeds = [{"feed": "cal_video"}, fed([*came(1)[:1], *came(2)[:1]])]
    planned(tmp_path, feeds, bookings=[meeting(1), meeting(2)], policy={**WHOLE, **policy})
    assert changes(tmp_path) == {("m1", "g1@client.example")}
    assert reasons(tmp_path)["m2", "g2@client.example"] == "unknown_participant"


def test_an_empty_room_marks_nobody(calcom: SandboxDriver, tmp_path: Path) -> None:
    """An empty list comes also while the provider of the rooms fails: it shows no meeting, and marks nobody."""
    calcom.fault("GET", ANY, "status", status=200, body={"status": "success", "data": []}, times=None)
    rails = {"allow_empty_feed": True}
    planned(tmp_path, {"feed": "cal_video"}, bookings=[meeting(1)], policy=AT_NOON, guard_rails=rails)
    assert reasons(tmp_path) == {("m1", "g1@client.example"): "no_evidence"}


# Tries and runs.


def test_a_retry_of_the_task_fetches_the_rest(calcom: SandboxDriver, tmp_path: Path) -> None:
    """Without a setting: sessions are kept in the plan's folder until the plan is written, and then removed."""
    calcom.fault("GET", SESSIONS.format("m2"), "status", status=429, body={}, times=None)
    held_for_all(calcom, ("7", None))
    bookings = [meeting(number) for number in (1, 2, 3)]
    with pytest.raises(errors.RateLimited):
        planned(tmp_path, {"feed": "cal_video"}, bookings=bookings)
    assert [path.name for path in (tmp_path / "cal-video-sessions").iterdir()] == ["m1.json"]
    calcom.start_over()
    held_for_all(calcom, ("7", None))
    before = len(requested(calcom))
    planned(tmp_path, {"feed": "cal_video"}, bookings=bookings)
    assert requested(calcom)[before:] == ["m2", "m3"]
    assert changes(tmp_path) == {(f"m{number}", f"g{number}@client.example") for number in (1, 2, 3)}
    assert not (tmp_path / "cal-video-sessions").exists()


def test_a_plan_that_is_refused_keeps_no_sessions(calcom: SandboxDriver, tmp_path: Path) -> None:
    """They have names of people, which are not left behind."""
    held_for_all(calcom, ("7", None))
    with pytest.raises(PlanRefused):
        planned(tmp_path, {"feed": "cal_video"}, bookings=[meeting(1)], guard_rails={"max_changes": 0})
    assert not (tmp_path / "cal-video-sessions").exists()


def test_sessions_of_one_run_serve_the_next(calcom: SandboxDriver, tmp_path: Path) -> None:
    """With ``sessions_path`` a booking costs one call, however many plans it is in; also in an object store."""
    held_for_all(calcom, ("7", None))
    with memory_storage() as bucket:
        for name in ("p", "q"):
            feed = {"feed": "cal_video", "sessions_path": f"{bucket}/sessions"}
            planned(tmp_path / name, feed, bookings=[meeting(1)])
            assert changes(tmp_path / name) == {("m1", "g1@client.example")}
    assert requested(calcom) == ["m1"]


@pytest.mark.parametrize(
    ("feed", "named"),
    [
        ({"unfetched": "absent"}, "unfetched"),
        ({"unfetched": 5}, "unfetched"),
        ({"sessions_path": 5}, "sessions_path"),
        ({"sessions_path": ""}, "sessions_path"),
        ({"sessions_path": "x", "rows": []}, "sessions_path"),
        ({"unfetched": "fail", "path": "x"}, "unfetched"),
    ],
)
def test_settings_of_the_fetched_feed(feed: Row, named: str) -> None:
    """A wrong one is named before anything is called; with data of one's own there is nothing to fetch."""
    with pytest.raises(errors.InvalidArgument, match=f"attendance.{named}"):
        parsed(attendance={"feed": "cal_video", **feed})
