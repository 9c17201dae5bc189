"""PlanNoShowsOperator with ``booking_uids``: plans for the bookings that an event or another task names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.api.errors import InvalidArgument, ServerFault
from airflow_provider_calcom.api.webhooks import HostsNoShow, parse_event
from tests.operators.marking import BOB
from tests.operators.planning import changes, fed, judged, parsed, plan, report, summary
from tests.support import SandboxDriver

ONE, TWO = "sandbox-yesterday-1", "sandbox-yesterday-2"
WITHOUT_SPAN = {"after_start": None, "before_start": None}


@pytest.mark.parametrize(
    "uids", [ONE, [ONE], f"['{ONE}']", {ONE: {"start": "2026-11-18T08:00:00Z"}}, f"{{'{ONE}': {{}}}}", [ONE, ONE]]
)
def test_only_named_bookings_are_decided(calcom: SandboxDriver, tmp_path: Path, uids: Any) -> None:
    """As a uid, a list, a rendered one, or the result of BookingEndedSensor; the list of bookings is not read."""
    attendance = fed(report(calcom, (ONE, BOB)))
    before = len(calcom.calls())
    plan(tmp_path, attendance=attendance, booking_uids=uids, **WITHOUT_SPAN)
    assert judged(tmp_path) == {ONE}
    assert changes(tmp_path) == {(ONE, BOB)}
    assert summary(tmp_path)["period"] is None
    assert sorted(call["path"] for call in calcom.calls()[before:]) == [f"/v2/bookings/{ONE}", "/v2/me"]


def test_a_booking_that_is_not_known_is_left_out(
    calcom: SandboxDriver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An event may name any uid; the others are decided. No uid at all is a plan without changes."""
    caplog.set_level("WARNING")
    plan(tmp_path / "p", attendance=fed(report(calcom)), booking_uids=["nobody-knows-it", ONE], **WITHOUT_SPAN)
    assert judged(tmp_path / "p") == {ONE}
    assert "1 of 2 bookings can't be read" in caplog.text
    result = plan(tmp_path / "q", attendance=fed([]), booking_uids=[], **WITHOUT_SPAN)
    assert result["changes"]["total"] == 0


def test_a_server_that_fails_fails_the_task(calcom: SandboxDriver, tmp_path: Path) -> None:
    """A booking that can't be read at the moment is not left out: the retry reads it."""
    calcom.fault("GET", f"/v2/bookings/{ONE}", "status", status=503, times=None)
    with pytest.raises(ServerFault):
        plan(tmp_path, attendance=fed([]), booking_uids=[ONE, TWO], **WITHOUT_SPAN)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"booking_uids": ["a/../b"]}, r"booking_uids\[0\]"),
        ({"booking_uids": [ONE, None]}, r"booking_uids\[1\]"),
        ({"booking_uids": 5}, "booking_uids"),
        ({"booking_uids": ["u"] * 5001}, "5,001 uids"),
        ({"booking_uids": ""}, "booking_uids"),
        ({"booking_uids": "None"}, "booking_uids"),
        ({"booking_uids": [ONE], "after_start": "2026-11-18"}, "after_start"),
        ({"booking_uids": [ONE], "bookings": []}, "bookings"),
        ({"booking_uids": [ONE], "event_type_ids": [1]}, "event_type_ids"),
    ],
)
def test_invalid_uids(calcom: SandboxDriver, tmp_path: Path, given: dict[str, Any], named: str) -> None:
    """They are named before any call; a template that found nothing does not plan for all bookings."""
    with pytest.raises(InvalidArgument, match=named):
        plan(tmp_path, attendance=fed([]), **{**WITHOUT_SPAN, **given})
    assert calcom.calls() == []


def test_a_no_show_event_of_cal_video_marks_nobody(calcom: SandboxDriver, tmp_path: Path) -> None:
    """Cal.com's event names a host whom it did not see; a plan for its booking marks nobody who came after that."""
    people = [{"email": BOB, "noShow": True}]
    times = {"startTime": "2026-11-18T08:00:00Z", "endTime": "2026-11-18T08:30:00Z"}
    payload = {"bookingUid": ONE, "bookingId": 1, "title": "x", "attendees": people, "hostEmail": "owner@example.com"}
    event = {"triggerEvent": "AFTER_HOSTS_CAL_VIDEO_NO_SHOW", "createdAt": "2026-11-18T08:05:00Z"}
    hint = parse_event(json.dumps({**event, "payload": {**payload, **times}}).encode())
    assert isinstance(hint, HostsNoShow)
    assert hint.booking_uid is not None
    plan(tmp_path, attendance=fed(report(calcom)), booking_uids=hint.booking_uid, **WITHOUT_SPAN)
    assert judged(tmp_path) == {ONE}
    assert changes(tmp_path) == set()


def test_uids_are_kept_as_they_are_spelled(calcom: SandboxDriver) -> None:
    """In their order, each once."""
    assert parsed(attendance=[], booking_uids=["B1", " b1 ", "B1"]).booking_uids == ("B1", "b1")
