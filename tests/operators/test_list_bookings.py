"""ListBookingsOperator against the sandbox, whose pages are inconsistent like the real server's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_calcom.api import errors
from airflow_provider_calcom.operators.bookings import ListBookingsOperator
from tests.operators.planning import memory_storage
from tests.support import BUILDS, SandboxDriver, ends_the_task, stranger

each_build = pytest.mark.parametrize("build", BUILDS)
AT_NINE = {"sandbox-yesterday-2", "sandbox-yesterday-3", "sandbox-yesterday-4"}
FIRST_PAGE = {"method": "GET", "path": "/v2/bookings", "fault": "delay", "seconds": 0}


def listed(context: Any = None, **given: Any) -> Any:
    """Run the operator as a task would."""
    return ListBookingsOperator(task_id="list", **given).execute({} if context is None else context)


def uids(bookings: list[dict[str, Any]]) -> list[str]:
    return [booking["uid"] for booking in bookings]


def all_of_ours(calcom: SandboxDriver) -> list[str]:
    """Return the uids of all bookings that the key's user can list, from the sandbox's state."""
    return [one["uid"] for one in calcom.admin("state")["bookings"] if one["uid"] != "sandbox-of-other"]


@each_build
@pytest.mark.parametrize("page_size", [7, 250])
def test_lists_all_bookings_once_in_order(calcom: SandboxDriver, page_size: int) -> None:
    """Each booking is listed exactly once, by start, for any page size and any order of ties."""
    bookings = listed(page_size=page_size)
    assert sorted(uids(bookings)) == sorted(all_of_ours(calcom))
    assert [one["start"] for one in bookings] == sorted(one["start"] for one in bookings)


def test_the_result_is_json(calcom: SandboxDriver) -> None:
    """Bookings survive XCom unchanged."""
    bookings = listed()
    assert json.loads(json.dumps(bookings)) == bookings


DAY = {"after_start": "2026-11-18", "before_start": "2026-11-19"}


def listing(**filters: Any) -> ListBookingsOperator:
    return ListBookingsOperator(task_id="list", **filters)


@each_build
@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        pytest.param({"status": "upcoming", "before_start": "2026-11-19T12:00:00Z"}, {"sandbox-in-progress"}, id="1"),
        pytest.param({"status": ["cancelled"]}, {"sandbox-cancelled", "sandbox-rejected"}, id="list of statuses"),
        pytest.param({"status": ("unconfirmed",)}, set(), id="none"),
        pytest.param(
            {"after_start": "2026-11-18T09:00:00Z", "before_start": "2026-11-18T10:00:00+00:00"}, AT_NINE, id="span"
        ),
        pytest.param(
            {"after_start": "2026-11-18T10:00:00+01:00", "before_end": "2026-11-18T09:30:00.000Z"}, AT_NINE, id="end"
        ),
        pytest.param({"event_type_ids": [4], **DAY}, {"sandbox-team"}, id="event type"),
        pytest.param({"event_type_ids": ["4"], **DAY}, {"sandbox-team"}, id="event type as text"),
        pytest.param(
            {
                "attendee_email": "dave+cal@example.org",
                "after_start": "2026-11-18T08:30Z",
                "before_end": DAY["before_start"],
            },
            {"sandbox-yesterday-3", "sandbox-yesterday-5", "sandbox-seated", "sandbox-rejected"},
            id="attendee's address",
        ),
        pytest.param({"attendee_name": "Mona Managed", **DAY}, {"sandbox-yesterday-8"}, id="attendee's name"),
        pytest.param(
            {"after_created": "2026-11-13T08:30:00Z", "before_created": "2026-11-13T09:00:00Z"}, AT_NINE, id="created"
        ),
        pytest.param(
            {"after_updated": "2026-11-13T08:30:00Z", "before_updated": "2026-11-13T09:00:00Z"}, AT_NINE, id="updated"
        ),
    ],
)
def test_filters(calcom: SandboxDriver, filters: dict[str, Any], wanted: set[str]) -> None:
    """Each filter lists the right bookings, on every server build."""
    assert set(uids(listed(**filters, page_size=7))) == wanted


@pytest.mark.parametrize(
    ("filters", "path"),
    [
        ({"team_id": 3}, "/v2/teams/3/bookings"),
        ({"organization_id": "9"}, "/v2/organizations/9/bookings"),
        ({"organization_id": 9, "team_id": 3}, "/v2/organizations/9/teams/3/bookings"),
        ({"organization_id": 9, "user_id": 4}, "/v2/organizations/9/users/4/bookings"),
    ],
)
def test_lists_of_teams_and_organisations(calcom: SandboxDriver, filters: dict[str, Any], path: str) -> None:
    """Teams and organisations have their own lists; a server without them is not treated as one without bookings."""
    with pytest.raises(errors.ApiVersionNotServed):
        listed(**filters)
    assert calcom.calls()[-1]["path"].split("?")[0] == path


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"status": "done"}, "status"),
        ({"status": ["past", "done"]}, "status"),
        ({"after_start": "yesterday"}, "after_start"),
        ({"before_start": "2026-11-18T09:00:00"}, "before_start"),
        ({"before_end": 5}, "before_end"),
        ({"after_created": "2026-13-01"}, "after_created"),
        ({"event_type_ids": ["x"]}, "event_type_ids"),
        ({"event_type_ids": "[]"}, "event_type_ids"),
        ({"status": []}, "status"),
        ({"attendee_email": ""}, "attendee_email"),
        ({"attendee_name": []}, "attendee_name"),
        ({"organization_id": ""}, "organization_id"),
        ({"team_id": "../me"}, "team_id"),
        ({"team_id": 0}, "team_id"),
        ({"organization_id": True}, "organization_id"),
        ({"user_id": 4}, "user_id"),
        ({"page_size": 0}, "page_size"),
        ({"page_size": 251}, "page_size"),
        ({"page_size": "7"}, "page_size"),
        ({"api_version": "newest"}, "api_version"),
    ],
)
def test_invalid_filters(calcom: SandboxDriver, given: dict[str, Any], names: str) -> None:
    """Cal.com silently ignores an invalid filter; the operator names it, before any call and without retries."""
    with pytest.raises(errors.InvalidArgument, match=names) as raised:
        listed(**given)
    assert ends_the_task(raised.value)
    assert calcom.calls() == []


# The run's data interval.


def at(hour: int) -> datetime:
    return datetime(2026, 11, 18, hour, tzinfo=UTC)


@each_build
def test_the_data_interval_excludes_its_end(calcom: SandboxDriver) -> None:
    """Two consecutive runs list each booking once: a start on the border belongs to the later run."""
    early = listed({"data_interval_start": at(8), "data_interval_end": at(9)}, data_interval=True)
    late = listed({"data_interval_start": at(9), "data_interval_end": at(10)}, data_interval=True)
    assert uids(early) == ["sandbox-yesterday-1"]
    assert set(uids(late)) == AT_NINE


@pytest.mark.parametrize(
    "context",
    [
        pytest.param({}, id="none"),
        pytest.param({"data_interval_start": None, "data_interval_end": None}, id="None"),
        pytest.param({"data_interval_start": at(9), "data_interval_end": at(9)}, id="empty, of a manual run"),
    ],
)
def test_a_run_without_a_data_interval(calcom: SandboxDriver, context: dict[str, Any]) -> None:
    """A run without an interval must not list everything: it fails with the possible reasons and the fix."""
    with pytest.raises(errors.InvalidArgument, match=r"data_interval.*after_start and before_start") as raised:
        listed(context, data_interval=True)
    for cause_or_fix in ("plain cron", "CronDataIntervalTimetable", "[scheduler] create_cron_data_intervals"):
        assert cause_or_fix in str(raised.value)
    assert ends_the_task(raised.value)
    assert calcom.calls() == []


def test_the_data_interval_and_bounds(calcom: SandboxDriver) -> None:
    """Two spans that could contradict each other are rejected."""
    with pytest.raises(errors.InvalidArgument, match=r"data_interval.*after_start"):
        listed({"data_interval_start": at(8), "data_interval_end": at(9)}, data_interval=True, after_start="2026-01-01")
    assert calcom.calls() == []


# Days of a time zone.


@each_build
def test_a_day_is_a_day_of_the_zone(calcom: SandboxDriver) -> None:
    """In Auckland, 13 hours ahead of UTC, the 19th begins at 11:00Z of the 18th; in UTC that meeting is the 18th's."""
    of_the_19th = {"after_start": "2026-11-19", "before_start": "2026-11-20"}
    assert "sandbox-yesterday-5" not in uids(listed(**of_the_19th))  # it starts at 11:00Z
    there = listed(**of_the_19th, zone="Pacific/Auckland")
    assert there[0]["uid"] == "sandbox-yesterday-5"
    assert max(one["start"] for one in there) < "2026-11-19T11:00"
    ahead = {"after_start": "2026-11-18T11:00:00Z", "before_start": "2026-11-19T00:00:00+13:00"}
    assert listed(**ahead, zone="America/New_York") == [], "a time with an offset does not use the zone"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "None", 1])
def test_an_unknown_zone(calcom: SandboxDriver, zone: Any) -> None:
    """An unknown zone is rejected before any call, because another zone would list other days."""
    with pytest.raises(errors.InvalidArgument, match=r"^zone") as raised:
        listed(**DAY, zone=zone)
    assert ends_the_task(raised.value)
    assert calcom.calls() == []


# Where the bookings go.


def test_too_many_for_xcom(calcom: SandboxDriver) -> None:
    """More than ``max_bookings`` bookings fail with the fix, before all of them were read."""
    with pytest.raises(errors.InvalidArgument, match="output_path") as raised:
        listed(max_bookings=3, page_size=2)
    assert ends_the_task(raised.value)
    assert len(listed(**DAY, max_bookings=100)) < 100


@pytest.fixture(params=["path", "file://", "memory://"])
def output(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield a path, a URL of a file, and a URL of an object store, which is not a file system."""
    if request.param != "memory://":
        yield f"{'file://' if request.param == 'file://' else ''}{tmp_path}/deep/down/bookings.jsonl"
        return
    with memory_storage() as url:
        yield f"{url}/deep/bookings.jsonl"


def lines_of(address: str) -> list[dict[str, Any]]:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    with ObjectStoragePath(address).open("r", encoding="utf-8") as file:
        return [json.loads(line) for line in file.read().splitlines()]


def names_beside(address: str) -> set[str]:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    return {path.name for path in ObjectStoragePath(address).parent.iterdir()}


def test_writes_json_lines(calcom: SandboxDriver, output: str) -> None:
    """The file's lines are the bookings of the list, and XCom gets only the path and their number."""
    bookings = listed(**DAY, page_size=7)
    result = listed(**DAY, output_path=output, page_size=7)
    assert result == {"path": output, "bookings": len(bookings)}
    assert lines_of(output) == bookings
    assert names_beside(output) == {"bookings.jsonl"}


def test_an_empty_list_makes_an_empty_file(calcom: SandboxDriver, output: str) -> None:
    """An empty list is an empty file, not a missing one."""
    assert listed(after_start="2030-01-01", output_path=output)["bookings"] == 0
    assert lines_of(output) == []


def test_a_file_may_be_larger_than_xcom(calcom: SandboxDriver, output: str) -> None:
    """``max_bookings`` limits XCom only."""
    assert listed(output_path=output, max_bookings=1)["bookings"] == len(all_of_ours(calcom))


def test_a_file_is_replaced_only_by_a_complete_one(calcom: SandboxDriver, output: str) -> None:
    """An error in the middle of the list leaves the older file unchanged; the next run replaces it."""
    listed(**DAY, output_path=output)
    older = lines_of(output)
    calcom.admin("faults", FIRST_PAGE)
    calcom.fault("GET", "/v2/bookings", "status", status=400, times=None)
    with pytest.raises(errors.RequestRefused):
        listed(output_path=output, page_size=7)
    assert lines_of(output) == older
    assert not any(name.endswith(".jsonl") for name in names_beside(output) - {"bookings.jsonl"})
    calcom.start_over()
    listed(output_path=output, page_size=7)
    assert sorted(uids(lines_of(output))) == sorted(all_of_ours(calcom))
    assert names_beside(output) == {"bookings.jsonl"}


def test_letters_beyond_ascii_are_kept(calcom: SandboxDriver, tmp_path: Path) -> None:
    """Names are written as UTF-8, readable without unescaping."""
    listed(attendee_name="Dave Díaz", output_path=str(tmp_path / "b.jsonl"))
    assert "Dave Díaz" in (tmp_path / "b.jsonl").read_text(encoding="utf-8")


# Faults.


def test_a_page_that_fails_is_read_again(calcom: SandboxDriver) -> None:
    """After a lost connection, a 429 and a 502 between pages, each booking is still listed once."""
    calcom.admin("faults", FIRST_PAGE)
    calcom.fault("GET", "/v2/bookings", "drop_after")
    calcom.fault("GET", "/v2/bookings", "status", status=429, when="before", headers={"Retry-After": "2"})
    calcom.fault("GET", "/v2/bookings", "html", status=502)
    assert sorted(uids(listed(page_size=7))) == sorted(all_of_ours(calcom))


@pytest.mark.parametrize(
    ("fault", "options", "error"),
    [
        ("status", {"status": 503}, errors.ServerFault),
        ("drop_before", {}, errors.NoAnswer),
        ("html", {"status": 200}, errors.UnexpectedAnswer),
        ("truncated", {"valid_length": True}, errors.UnexpectedAnswer),
        ("status", {"status": 200, "body": {"status": "success", "data": [{"uid": 1}]}}, errors.UnexpectedAnswer),
    ],
)
def test_retryable_errors(calcom: SandboxDriver, fault: str, options: dict[str, Any], error: type[Exception]) -> None:
    """A list that can't be read fails with a retryable error; it is never treated as an empty list."""
    calcom.fault("GET", "/v2/bookings", fault, times=None, **options)
    with pytest.raises(error) as raised:
        listed()
    assert not ends_the_task(raised.value)


def test_the_key_never_follows_a_redirect(calcom: SandboxDriver) -> None:
    """A redirect of a list is an error, and nothing is sent to its target."""
    with stranger() as (url, seen):
        calcom.fault("GET", "/v2/bookings", "redirect", location=f"{url}/v2/bookings")
        with pytest.raises(errors.RedirectRefused) as raised:
            listed()
        assert seen == []
    assert ends_the_task(raised.value)


def test_the_address_of_a_filter_is_not_logged(
    calcom: SandboxDriver, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each call is logged at INFO, without the attendee's address of the filter."""
    caplog.set_level("INFO")
    for name in ("airflow_provider_calcom", "httpx", "httpcore"):
        caplog.set_level("INFO", logger=name)
    listed(attendee_email="dave+cal@example.org", **DAY)
    written = capfd.readouterr()
    text = caplog.text + written.out + written.err
    assert "GET /bookings: 200" in caplog.text, "the log was not seen, so that nothing is proven"
    assert "dave" not in text
    assert "cal_sandbox_owner" not in text


# Templates.


def test_template_fields_render(calcom: SandboxDriver, tmp_path: Path) -> None:
    """Bounds, filters and the path can be templates, as in the example DAGs."""
    with DAG("d", schedule=None, start_date=datetime(2026, 1, 1)):
        operator = ListBookingsOperator(
            task_id="list",
            after_start="{{ params.day }}",
            before_start="{{ macros.ds_add(params.day, 1) }}",
            attendee_name="{{ params.name }}",
            output_path="{{ params.folder }}/{{ params.day }}.jsonl",
        )
    from airflow.macros import ds_add as add_days  # type: ignore[attr-defined]

    class Macros:
        ds_add = staticmethod(add_days)

    context: Any = {"params": {"day": "2026-11-18", "name": "Mona Managed", "folder": str(tmp_path)}, "macros": Macros}
    operator.render_template_fields(context)
    assert operator.execute({}) == {"path": f"{tmp_path}/2026-11-18.jsonl", "bookings": 1}


def test_every_template_field_is_a_parameter() -> None:
    """Each template field is an attribute of the same name."""
    operator = ListBookingsOperator(task_id="x")
    assert all(hasattr(operator, name) for name in operator.template_fields)


@pytest.mark.parametrize("name", ["attendee_email", "attendee_name"])
def test_none_from_a_template_is_not_a_name(calcom: SandboxDriver, name: str) -> None:
    """A template that renders None as a string must not list the bookings of a person called ``None``."""
    with DAG("d", schedule=None, start_date=datetime(2026, 1, 1)):
        operator = listing(**{name: "{{ params.nothing }}"})
    operator.render_template_fields({"params": {"nothing": None}})
    with pytest.raises(errors.InvalidArgument, match=name):
        operator.execute({})
    assert calcom.calls() == []


@pytest.mark.parametrize("name", ["event_type_ids", "status", "attendee_email", "after_start", "team_id"])
def test_a_filter_whose_upstream_task_returned_nothing(calcom: SandboxDriver, name: str) -> None:
    """A filter from XCom that is None after rendering must not list everything."""
    with DAG("d", schedule=None, start_date=datetime(2026, 1, 1), render_template_as_native_obj=True):
        operator = listing(**{name: "{{ params.nothing }}"})
    operator.render_template_fields({"params": {"nothing": None}})
    with pytest.raises(errors.InvalidArgument, match=f"^{name} is None") as raised:
        operator.execute({})
    assert ends_the_task(raised.value)
    assert calcom.calls() == []
    assert len(listing(**{name: None}).execute({})) == len(all_of_ours(calcom))


@pytest.mark.parametrize("text", ["past", "['past']", '["past"]', "past,cancelled", "['past', 'cancelled']"])
def test_a_list_rendered_as_a_string(calcom: SandboxDriver, text: str) -> None:
    """Without native rendering a list from XCom becomes a string, which is parsed as the list."""
    listed = ListBookingsOperator(task_id="list", status=text).execute({})
    wanted = ["past", "cancelled"] if "cancelled" in text else ["past"]
    assert listed == ListBookingsOperator(task_id="list", status=wanted).execute({})
    assert listed
