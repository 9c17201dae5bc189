"""The command `calcom-no-shows bookings`, against the sandbox."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.operators.bookings import ListBookingsOperator
from airflow_provider_calcom.sandbox.practice import demo_world
from tests.cli.conftest import KEY, Run
from tests.support import SandboxDriver, stranger

SPAN = ("--after", "2026-11-18", "--before", "2026-11-19")


def test_the_file_is_that_of_the_operator(demo: SandboxDriver, run: Run, connect: Any, tmp_path: Path) -> None:
    """Byte by byte what ListBookingsOperator writes, and nothing is written to Cal.com."""
    connect(host=demo.url, password=KEY)
    days = {"after_start": "2026-11-18", "before_start": "2026-11-19"}
    ListBookingsOperator(task_id="list", output_path=str(tmp_path / "operator.jsonl"), **days).execute({})
    ended = run("bookings", *SPAN, "--url", demo.url, "--out", tmp_path / "command.jsonl")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err == f"18 bookings written to {tmp_path}/command.jsonl\n"
    assert (tmp_path / "command.jsonl").read_bytes() == (tmp_path / "operator.jsonl").read_bytes()
    assert demo.writes() == []


def test_days_are_those_of_the_zone(demo: SandboxDriver, run: Run) -> None:
    """The day ends at midnight of the zone: in Tokyo at 15:00 UTC."""
    starts = [
        json.loads(line)["start"]
        for line in run("bookings", *SPAN, "--zone", "Asia/Tokyo", "--url", demo.url).out.splitlines()
    ]
    assert len(starts) == 15
    assert max(starts) < "2026-11-18T15:00"


def test_lists_of_teams_and_organisations(demo: SandboxDriver, run: Run) -> None:
    """The ids choose the list, as in the operator."""
    run("bookings", *SPAN, "--organization-id", "5", "--url", demo.url)
    run("bookings", *SPAN, "--organization-id", "5", "--team-id", "6", "--url", demo.url)
    paths = {call["path"].partition("?")[0] for call in demo.calls()}
    assert {"/v2/organizations/5/bookings", "/v2/organizations/5/teams/6/bookings"} <= paths


def test_nothing_of_a_name_controls_the_terminal(demo: SandboxDriver, run: Run) -> None:
    """What is printed instead of written has control characters escaped; it is the same JSON."""
    title = "a\x1b[2J\x9b31m\u202eb"
    world = demo_world()
    world["bookings"][0]["title"] = title
    demo.admin("world", {"world": world})
    printed = run("bookings", *SPAN, "--url", demo.url).out
    lines = printed.splitlines()
    assert all(map(str.isprintable, lines))
    assert title in [json.loads(line)["title"] for line in lines]


@pytest.mark.parametrize("key", [None, "", "cal_secret_wrong_99", "cal secret"])
def test_a_key_that_is_not_usable(
    key: str | None, demo: SandboxDriver, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The variable is named, the key never shown, and no file left."""
    monkeypatch.delenv("CALCOM_API_KEY") if key is None else monkeypatch.setenv("CALCOM_API_KEY", key)
    ended = run("bookings", *SPAN, "--url", demo.url, "--out", tmp_path / "bookings.jsonl")
    assert ended.code == 1
    assert "CALCOM_API_KEY" in ended.err
    assert "secret" not in ended.out + ended.err
    assert list(tmp_path.iterdir()) == []


def test_http_shows_the_key_to_the_network(demo: SandboxDriver, run: Run) -> None:
    """It is refused before a call, but for this machine, or where the user accepts it."""
    ended = run("bookings", *SPAN, "--url", "http://cal.invalid")
    assert ended.code == 1
    assert "--url: http:// shows the API key to the network" in ended.err
    allowed = run("bookings", *SPAN, "--url", "http://cal.invalid", "--allow-http")
    assert allowed.code == 1
    assert "ConnectError" in allowed.err
    assert run("bookings", *SPAN, "--url", demo.url).code == 0


def test_no_redirect_takes_the_key_away(demo: SandboxDriver, run: Run) -> None:
    """Another host that a server leads to gets no request."""
    with stranger() as (url, seen):
        demo.fault("GET", "/v2/bookings", "redirect", location=f"{url}/v2/bookings")
        assert run("bookings", *SPAN, "--url", demo.url).code == 1
        assert seen == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--after", "yesterday", "--before", "2026-11-19"), "--after must be an ISO 8601 timestamp"),
        (("--after", "2026-11-19", "--before", "2026-11-19"), "--before must be later than --after"),
        ((*SPAN, "--zone", "Middle/Earth"), "zone must be a time zone such as Europe/Berlin"),
        ((*SPAN, "--out", "/proc/none/bookings.jsonl"), "--out: /proc/none/bookings.jsonl can't be written"),
        ((*SPAN, "--url", "cal_live_0123456789"), "--url is an API key. Put it into CALCOM_API_KEY"),
    ],
)
def test_wrong_options(arguments: tuple[str, ...], message: str, demo: SandboxDriver, run: Run) -> None:
    """Each is named in one line."""
    ended = run("bookings", "--url", demo.url, *arguments)
    assert (ended.code, ended.out) == (1, "")
    assert message in ended.err
