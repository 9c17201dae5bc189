"""The command line."""

import json
from pathlib import Path

import pytest

from airflow_provider_calcom.sandbox.app import create_app
from airflow_provider_calcom.sandbox.main import banner, main, parser
from airflow_provider_calcom.sandbox.practice import practice_world
from airflow_provider_calcom.sandbox.throttle import Limit
from tests.sandbox.conftest import NOW


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--now", "noon"], "'noon' is not a timestamp such as 2026-11-22T05:30:00Z"),
        (["--rate-limit", "120"], "'120' is not calls/seconds such as 120/60"),
        (["--rate-limit", "0/60"], "'0/60' is not calls/seconds"),
        (["--rate-limit", "2/60/x"], "'2/60/x' is not calls/seconds such as 120/60, or with a block 120/60/30"),
        (["--latency", "-1"], "'-1' is not a number of seconds"),
        (["--latency", "soon"], "'soon' is not a number of seconds such as 0.03"),
        (["--server", "2024-01"], "invalid choice: '2024-01'"),
        (["--world", "/nosuch/world.json"], "can't read /nosuch/world.json: No such file or directory"),
    ],
)
def test_bad_options_are_refused_with_a_reason(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2 and a line that names the value."""
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("content", ["not json", "[]", '{"users": []}'])
def test_an_invalid_world_file_is_rejected(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The message names the file."""
    path = tmp_path / "world.json"
    path.write_text(content)
    with pytest.raises(SystemExit, match="2"):
        main(["--world", str(path)])
    assert f"{path} is not a world file" in capsys.readouterr().err


def test_good_options_are_read(tmp_path: Path) -> None:
    """World, time, build and limit are parsed."""
    path = tmp_path / "world.json"
    path.write_text(json.dumps(practice_world(NOW)))
    arguments = ["--world", str(path), "--now", "2026-03-03T12:00:00Z", "--server", "2025-08", "--rate-limit", "5/1"]
    given = parser().parse_args(arguments)
    assert (given.now, given.server, given.rate_limit) == (NOW, "2025-08", (5, 1.0))
    assert given.world["users"][0]["username"] == "owner"


@pytest.mark.parametrize(
    ("arguments", "limit", "latency"),
    [
        ([], Limit(120, 60, 60), 0.0),
        (["--rate-limit", "5/1"], Limit(5, 1, 60), 0.0),
        (["--rate-limit", "5/1/0.5", "--latency", "0.03"], Limit(5, 1, 0.5), 0.03),
    ],
)
def test_limit_and_latency_are_passed_on(arguments: list[str], limit: Limit, latency: float) -> None:
    """The default block is the real server's sixty seconds."""
    given = parser().parse_args(arguments)
    sandbox = create_app(now=NOW, rate_limit=given.rate_limit, latency=given.latency).sandbox
    assert (sandbox.default_limit, sandbox.latency) == (limit, latency)


def test_the_banner() -> None:
    """It has the URL, every key, a curl command and an Airflow connection."""
    text = banner(create_app(now=NOW).sandbox, "http://127.0.0.1:5555")
    assert "2026-07 on http://127.0.0.1:5555/v2" in text
    assert "cal_sandbox_tiered" in text
    assert "curl -H 'Authorization: Bearer cal_sandbox_owner' -H 'cal-api-version: 2024-08-13'" in text
    assert "AIRFLOW_CONN_CALCOM_DEFAULT=" in text


def test_the_demos_world_needs_no_files() -> None:
    """It is in the package, and by default its clock starts on the morning after its day."""
    world = parser().parse_args(["--world", "demo"]).world
    sandbox = create_app(world=world).sandbox
    assert sandbox.clock.now().isoformat().startswith("2026-11-19T06:00:0")
    assert "cal_demo_owner" in sandbox.world.keys
    assert {one.start.date().isoformat() for one in sandbox.world.bookings.values()} == {"2026-11-18"}
    assert create_app(world=world, now=NOW).sandbox.clock.now().date() == NOW.date()
