"""Fetching sessions: interrupted and continued, refused, failing, and limited by Cal.com."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.api import errors
from airflow_provider_calcom.api.client import CalComClient
from airflow_provider_calcom.api.settings import settings_from_connection
from airflow_provider_calcom.attendance.policy import AttendancePolicy
from airflow_provider_calcom.no_shows.cal_video.fetching import SessionFetcher, session_fetcher
from airflow_provider_calcom.no_shows.cal_video.kept import KeptAnswers
from airflow_provider_calcom.no_shows.plan_request import FeedEntry
from tests.support import KEY, SandboxDriver

ANY = "*/conferencing-sessions"
ROOT = Path(__file__).resolve().parents[3]


def booking(number: int) -> dict[str, Any]:
    times = {"start": "2026-11-18T08:00:00Z", "end": "2026-11-18T08:30:00Z"}
    return {"uid": f"b{number}", "location": "integrations:daily", "hosts": [], **times}


BOOKINGS = [booking(number) for number in range(37)]


def route(number: int) -> str:
    return f"/v2/bookings/b{number}/conferencing-sessions"


def held(calcom: SandboxDriver) -> None:
    """Let the server respond with a session for any booking."""
    session = {"id": "s", "ongoing": False, "maxParticipants": 0, "participants": []}
    body = {"status": "success", "data": [session]}
    calcom.fault("GET", ANY, "status", status=200, body=body, times=None)


def refuse(calcom: SandboxDriver, number: int, status: int, times: int | None = None) -> None:
    """Let the server respond with an error for one booking."""
    calcom.fault("GET", route(number), "status", status=status, body={"error": {"message": "no"}}, times=times)


def requested(calcom: SandboxDriver) -> list[str]:
    """Return the uids whose sessions were requested, in order."""
    return [call["path"].split("/")[3] for call in calcom.calls() if call["path"].endswith("conferencing-sessions")]


def client_of(url: str) -> CalComClient:
    return CalComClient(settings_from_connection(host=url, password=KEY, extra={}))


def fetcher(calcom: SandboxDriver, folder: Path, unfetched: Any = "fail") -> SessionFetcher:
    entry = FeedEntry("attendance", "cal_video", sessions_path=folder, unfetched=unfetched)
    return session_fetcher(entry, client_of(calcom.url), AttendancePolicy(), otherwise=KeptAnswers(folder))


def fetched(found: SessionFetcher, bookings: list[dict[str, Any]] = BOOKINGS) -> list[str]:
    return [record["booking_uid"] for record in found.records(bookings)]


ALL = [one["uid"] for one in BOOKINGS]


def test_each_booking_is_fetched_once(calcom: SandboxDriver, tmp_path: Path) -> None:
    """37 bookings take 37 calls, and a second run none."""
    held(calcom)
    assert fetched(fetcher(calcom, tmp_path)) == ALL
    again = fetcher(calcom, tmp_path)
    assert fetched(again) == ALL
    assert (again.calls, again.reused) == (0, 37)
    assert requested(calcom) == ALL


def test_a_limit_keeps_what_was_fetched(calcom: SandboxDriver, tmp_path: Path) -> None:
    """Where Cal.com blocks for longer than the client waits, the task fails at once; its retry goes on from there."""
    refuse(calcom, 20, 429)
    held(calcom)
    with pytest.raises(errors.RateLimited) as raised:
        fetched(fetcher(calcom, tmp_path))
    assert raised.value.retryable
    assert len(list(tmp_path.iterdir())) == 20
    calcom.start_over()
    held(calcom)
    before = len(requested(calcom))
    assert fetched(fetcher(calcom, tmp_path)) == ALL
    assert requested(calcom)[before:] == ALL[20:]


def test_a_key_that_expires_ends_it(calcom: SandboxDriver, tmp_path: Path) -> None:
    """No other booking is tried with it, also where the rest may be undetermined."""
    refuse(calcom, 5, 401)
    held(calcom)
    with pytest.raises(errors.InvalidCredentials):
        fetched(fetcher(calcom, tmp_path, "undetermined"))
    assert requested(calcom) == ALL[:6]


@pytest.mark.parametrize("status", [403, 404, 400])
def test_a_booking_that_is_refused_is_missing(
    calcom: SandboxDriver, tmp_path: Path, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """As a retry would not help, the others are fetched, the log names the missing one, and the next run retries it."""
    caplog.set_level("INFO")
    refuse(calcom, 5, status)
    held(calcom)
    first = fetcher(calcom, tmp_path)
    assert fetched(first) == [uid for uid in ALL if uid != "b5"]
    assert first.missing == [BOOKINGS[5]]
    assert "1 bookings could not be fetched" in caplog.text
    assert ": b5" in caplog.text
    fetched(fetcher(calcom, tmp_path))
    assert requested(calcom) == [*ALL, "b5"]


def test_refusing_all_is_an_error(calcom: SandboxDriver, tmp_path: Path) -> None:
    """If not one booking's sessions may be read, the key is the wrong one, and nobody would ever be judged."""
    calcom.fault("GET", ANY, "status", status=403, body={"error": {"message": "no"}}, times=None)
    with pytest.raises(errors.PermissionDenied):
        fetched(fetcher(calcom, tmp_path))


def test_a_fault_fails_after_the_others_were_fetched(calcom: SandboxDriver, tmp_path: Path) -> None:
    """The retry calls only for what is missing; with ``undetermined`` the plan is made without it at once."""
    refuse(calcom, 5, 503)
    held(calcom)
    with pytest.raises(errors.ServerFault):
        fetched(fetcher(calcom, tmp_path))
    assert len(list(tmp_path.iterdir())) == 36
    without = fetcher(calcom, tmp_path, "undetermined")
    assert fetched(without) == [uid for uid in ALL if uid != "b5"]
    assert without.missing == [BOOKINGS[5]]
    assert without.calls == 1


def test_a_server_that_is_down_is_left_alone(calcom: SandboxDriver, tmp_path: Path) -> None:
    """After three failures in a row no other booking is tried, whatever the feed says."""
    for number in (3, 5, 6, 7):
        refuse(calcom, number, 503)
    held(calcom)
    with pytest.raises(errors.ServerFault):
        fetched(fetcher(calcom, tmp_path, "undetermined"))
    assert set(requested(calcom)) == set(ALL[:8])


KILLED = """
import sys
from tests.no_shows.cal_video.test_fetching import *
calcom = type("Sandbox", (), {"url": sys.argv[1]})
fetched(fetcher(calcom, Path(sys.argv[2])))
"""


@pytest.mark.parametrize("kept", [1, 17])
def test_a_run_that_is_killed_is_continued(calcom: SandboxDriver, tmp_path: Path, kept: int) -> None:
    """Each answer is on the disk before the next call, so at most the call under way is made again."""
    held(calcom)
    calcom.fault("GET", ANY, "delay", seconds=0.05, times=None)
    process = subprocess.Popen([sys.executable, "-c", KILLED, calcom.url, str(tmp_path)], cwd=ROOT)
    try:
        while len(list(tmp_path.glob("*.json"))) < kept:
            assert process.poll() is None
            time.sleep(0.005)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    files = {path.stem for path in tmp_path.glob("*.json")}
    assert len(files) < len(ALL)
    before = requested(calcom)
    assert fetched(fetcher(calcom, tmp_path)) == ALL
    again = requested(calcom)[len(before) :]
    assert again == [uid for uid in ALL if uid not in files]
    assert len(before) + len(again) <= len(ALL) + 1


def test_bookings_are_settled_before_an_answer_counts(calcom: SandboxDriver, tmp_path: Path) -> None:
    """What was fetched earlier than the policy settles the booking is fetched again."""
    held(calcom)
    fetched(fetcher(calcom, tmp_path), BOOKINGS[:1])
    later = fetcher(calcom, tmp_path)
    later.settle = timedelta(days=10_000)
    fetched(later, BOOKINGS[:1])
    assert requested(calcom) == ["b0", "b0"]


def test_answers_of_another_server_do_not_count(calcom: SandboxDriver, tmp_path: Path) -> None:
    """A copy of the server, for tests, may have the same bookings, and nobody in their rooms."""
    held(calcom)
    fetched(fetcher(calcom, tmp_path), BOOKINGS[:1])
    other = fetcher(calcom, tmp_path)
    other.server = "https://staging.example/v2"
    fetched(other, BOOKINGS[:1])
    assert requested(calcom) == ["b0", "b0"]


def test_an_end_without_an_offset_is_not_guessed(calcom: SandboxDriver, tmp_path: Path) -> None:
    """It is not known then if a kept answer is late enough: it is fetched again."""
    held(calcom)
    naive = [booking(0) | {"end": "2026-11-18T08:30:00"}]
    for _ in range(2):
        assert fetched(fetcher(calcom, tmp_path), naive) == ["b0"]
    assert requested(calcom) == ["b0", "b0"]
