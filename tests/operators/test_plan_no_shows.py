"""PlanNoShowsOperator against the sandbox: whose flags are to change, by which bookings, and that nothing is sent."""

from __future__ import annotations

import inspect
import json
import logging
import pickle
import re
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest
from airflow.providers.common.compat.sdk import DAG, BaseOperator

from airflow_provider_calcom.api import errors
from airflow_provider_calcom.attendance.errors import (
    AttendanceError,
    InvalidInput,
    InvalidPolicy,
    InvalidResources,
    PlanRefused,
)
from airflow_provider_calcom.attendance.feeds import FeedUnreadable, InvalidFeedOption
from airflow_provider_calcom.errors import ProviderError
from airflow_provider_calcom.no_shows.guard_rails import InvalidGuardRails
from airflow_provider_calcom.no_shows.input_files import InputMissing
from airflow_provider_calcom.no_shows.ledger.identities import LedgerSecretMismatch
from airflow_provider_calcom.no_shows.plan import InvalidPlanOption
from airflow_provider_calcom.operators.bookings import ListBookingsOperator
from airflow_provider_calcom.operators.no_shows import PlanNoShowsOperator
from tests.operators.marking import BOB, CAROL, DAVE, ERIN, FOREIGN, MONA
from tests.operators.planning import (
    ANN,
    BOOKING,
    DAY,
    HANNA,
    OWNER,
    WHOLE,
    Row,
    changes,
    day,
    fed,
    files,
    judged,
    lines,
    memory_storage,
    plan,
    reasons,
    report,
    seen,
    summary,
    table_rows,
    world,
    write_lines,
)
from tests.operators.test_names import MEANT_TO_BE_REPLACED
from tests.support import BUILDS, KEY, SandboxDriver, ends_the_task

each_build = pytest.mark.parametrize("build", BUILDS)
OF_BOB = ("sandbox-yesterday-1", BOB)
OF_CAROL = ("sandbox-yesterday-2", CAROL)
COHOST = "other@example.com"


# Bookings from the API.


@pytest.mark.parametrize("name", ["event_type_ids", "after_start", "before_start", "team_id", "bookings"])
def test_a_filter_whose_template_finds_nothing(calcom: SandboxDriver, tmp_path: Path, name: str) -> None:
    """With native rendering a template gives None: then no filter is left, and all bookings would be judged."""
    given = {**DAY, name: "{{ params.nothing }}"}
    with DAG("d", schedule=None, start_date=datetime(2026, 1, 1), render_template_as_native_obj=True):
        operator = PlanNoShowsOperator(
            task_id="plan", attendance=fed([]), plan_path=str(tmp_path), policy=WHOLE, **given
        )
    operator.render_template_fields({"params": {"nothing": None}})
    assert getattr(operator, name) is None
    with pytest.raises(errors.InvalidArgument, match=f"^{name} is None") as raised:
        operator.execute({})
    assert ends_the_task(raised.value)
    assert calcom.calls() == []


@each_build
def test_plans_who_did_not_come(calcom: SandboxDriver, tmp_path: Path) -> None:
    """On each server the one who stayed away is planned, and nobody else; Cal.com is only read."""
    result = plan(tmp_path, attendance=fed(report(calcom, OF_BOB)))
    assert changes(tmp_path) == {OF_BOB}
    assert (result["plan_path"], result["state"]) == (str(tmp_path), "ready")
    assert result["changes"] == {
        "total": 1,
        "bookings": 1,
        "mark_attendees": 1,
        "mark_hosts": 0,
        "unmark_attendees": 0,
    }
    assert result["outcomes"] == {
        "absent": {"not_seen": 1},
        "excluded": {"internal": 1, "not_accepted": 3},
        "present": {"email": 15},
    }
    assert calcom.writes() == []
    assert FOREIGN not in judged(tmp_path)


@each_build
def test_each_shape_of_booking(calcom: SandboxDriver, tmp_path: Path) -> None:
    """Seats, one of a series, cancelled ones, and a managed user known by the address that people see."""
    plan(tmp_path, attendance=fed(report(calcom)))
    found = reasons(tmp_path)
    assert {found["sandbox-seated", who] for who in (BOB, CAROL, DAVE)} == {"email"}
    assert found["sandbox-series-3", CAROL] == "email"
    assert {uid for uid, reason in found.items() if reason == "not_accepted"} == {
        ("sandbox-cancelled", CAROL),
        ("sandbox-rejected", DAVE),
        ("sandbox-pending", ERIN),
    }
    assert found["sandbox-yesterday-8", MONA] == "email"
    assert found["sandbox-yesterday-4", ERIN] == "email"


@each_build
def test_a_managed_user_is_planned_as_cal_com_spells_them(calcom: SandboxDriver, tmp_path: Path) -> None:
    """What is to be written back has the address of the booking, not the one that people see."""
    plan(tmp_path, attendance=fed(report(calcom, ("sandbox-yesterday-8", MONA))))
    assert changes(tmp_path) == {("sandbox-yesterday-8", MONA)}


@each_build
def test_who_is_marked_already_stays_so(calcom: SandboxDriver, tmp_path: Path) -> None:
    """The flags of today decide what is left to do: a second plan after the first one was applied has nothing."""
    calcom.change("sandbox-yesterday-1", attendees=[{"email": BOB, "absent": True}])
    result = plan(tmp_path, attendance=fed(report(calcom, OF_BOB)))
    assert (result["changes"]["total"], result["outcomes"]["absent"]) == (0, {"not_seen": 1})


def interval(start: str, end: str) -> Row:
    """A task's context with a data interval."""
    instants = (datetime.fromisoformat(text).replace(tzinfo=timezone.utc) for text in (start, end))
    return dict(zip(("data_interval_start", "data_interval_end"), instants, strict=True))


@each_build
def test_the_data_interval_is_judged_without_its_end(calcom: SandboxDriver, tmp_path: Path) -> None:
    """From 9 to 10 o'clock are the three that start at 9, and not the one that starts at 10."""
    context = interval("2026-11-18T09:00", "2026-11-18T10:00")
    plan(tmp_path, attendance=fed(report(calcom)), after_start=None, before_start=None, context=context)
    assert judged(tmp_path) == {f"sandbox-yesterday-{number}" for number in (2, 3, 4)}


def test_two_intervals_share_no_booking(calcom: SandboxDriver, tmp_path: Path) -> None:
    """Two runs one after the other judge each booking once."""
    found = []
    for place, (start, end) in enumerate([("2026-11-18", "2026-11-18T10:00"), ("2026-11-18T10:00", "2026-11-19")]):
        folder = tmp_path / str(place)
        given = {"after_start": None, "before_start": None, "context": interval(start, end)}
        plan(folder, attendance=fed(report(calcom)), **given)
        found.append(judged(folder))
    plan(tmp_path / "whole", attendance=fed(report(calcom)))
    assert not found[0] & found[1]
    assert found[0] | found[1] == judged(tmp_path / "whole")


def test_bounds_take_the_place_of_the_interval(calcom: SandboxDriver, tmp_path: Path) -> None:
    """With after_start or before_start the data interval says nothing."""
    context = interval("2026-11-18T09:00", "2026-11-18T10:00")
    after = {"after_start": "2026-11-18T16:00:00Z", "before_start": "2026-11-18T18:00:00+00:00"}
    plan(tmp_path / "both", attendance=fed(report(calcom)), context=context, **after)
    assert judged(tmp_path / "both") == {"sandbox-yesterday-9", "sandbox-pending"}
    before = {"after_start": None, "before_start": "2026-11-18T08:00:00Z"}
    plan(tmp_path / "one", attendance=fed(report(calcom)), context=context, **before)
    assert judged(tmp_path / "one") == {"sandbox-series-1", "sandbox-series-2"}


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"data_interval_start": None, "data_interval_end": None},
        interval("2026-11-18T09:00", "2026-11-18T09:00"),
    ],
    ids=["none", "None", "empty"],
)
def test_a_run_without_an_interval_needs_bounds(calcom: SandboxDriver, tmp_path: Path, context: Row) -> None:
    """Started by hand, a run must be told what to judge: all bookings there are would be judged otherwise."""
    with pytest.raises(errors.InvalidArgument, match="after_start and before_start") as raised:
        plan(tmp_path, attendance=[], after_start=None, before_start=None, context=context)
    assert ends_the_task(raised.value)
    assert calcom.calls() == []


def test_a_day_is_a_day_of_the_zone(calcom: SandboxDriver, tmp_path: Path) -> None:
    """With ``zone`` the days in after_start and before_start are local ones, as ListBookingsOperator has them."""
    day = {"after_start": "2026-11-19", "before_start": "2026-11-20", "zone": "Pacific/Auckland"}
    plan(tmp_path, attendance=fed(report(calcom)), **day)  # from 11:00Z of the 18th to 11:00Z of the 19th
    assert {"sandbox-yesterday-5", "sandbox-today-4"} <= judged(tmp_path)
    assert not {"sandbox-yesterday-4", "sandbox-today-5"} & judged(tmp_path)


@each_build
def test_a_moved_booking_blames_nobody(calcom: SandboxDriver, tmp_path: Path) -> None:
    """Nobody came at the old hour. Servers of 2025-08 don't say where it went, but say that it is cancelled."""
    calcom.admin("clock", {"now": "2026-11-17T12:00:00Z"})  # nothing can be moved into the past
    answer = httpx.post(
        f"{calcom.url}/v2/bookings/sandbox-yesterday-1/reschedule",
        json={"start": "2026-11-18T20:00:00.000Z"},
        headers={"Authorization": f"Bearer {KEY}", "cal-api-version": "2024-08-13"},
    )
    calcom.admin("clock", {"now": "2026-11-19T12:00:00Z"})
    new = answer.raise_for_status().json()["data"]["uid"]
    rows = [row for row in report(calcom) if row["booking_uid"] != "sandbox-yesterday-1"]
    rows.append(seen("sandbox-yesterday-1", OWNER, "2026-11-18T08:00:00Z", "2026-11-18T08:30:00Z"))
    plan(tmp_path, attendance=fed(rows))
    assert changes(tmp_path) == set()
    assert reasons(tmp_path)["sandbox-yesterday-1", BOB] == "not_accepted"
    assert reasons(tmp_path)[new, BOB] == "email"


@each_build
def test_names_and_telephones_of_the_booking_count(calcom: SandboxDriver, tmp_path: Path) -> None:
    """Who dials in, or joins under a name alone, came; where a guest has no name, a name is no proof."""

    def change(bookings: dict[str, Row]) -> None:
        bookings["sandbox-yesterday-1"]["attendees"][0]["phoneNumber"] = "+49 170 1234567"
        bookings["sandbox-yesterday-3"]["attendees"].append({"name": "", "email": "guest@example.org"})
        bookings["sandbox-yesterday-3"]["responses"]["guests"] = ["guest@example.org"]

    calcom.admin("world", {"world": world(change)})
    left_out = [OF_BOB, OF_CAROL, ("sandbox-yesterday-3", DAVE), ("sandbox-yesterday-3", "guest@example.org")]
    rows = report(calcom, *left_out)
    rows.append(seen(OF_BOB[0], None, "2026-11-18T08:00:00Z", None, phone="+49170 / 1234567", name="iPhone"))
    rows.append(seen(OF_CAROL[0], None, "2026-11-18T09:00:00Z", "2026-11-18T09:30:00Z", name="CAROL  chen"))
    rows.append(seen("sandbox-yesterday-3", None, "2026-11-18T09:00:00Z", "2026-11-18T09:30:00Z", name="Dave Díaz"))
    plan(tmp_path, attendance=fed(rows))
    found = reasons(tmp_path)
    assert (found[OF_BOB], found[OF_CAROL]) == ("phone", "name")
    assert found["sandbox-yesterday-3", DAVE] != "name"
    assert changes(tmp_path) == set()


@each_build
def test_cohosts_are_protected(calcom: SandboxDriver, tmp_path: Path) -> None:
    """A host of a team's booking, whom Cal.com lists as an attendee, is nobody's no-show, unless that is asked for."""
    rows = report(calcom, ("sandbox-team", COHOST))
    plan(tmp_path / "on", attendance=fed(rows))
    assert changes(tmp_path / "on") == set()
    assert reasons(tmp_path / "on")["sandbox-team", COHOST] == "internal"
    plan(tmp_path / "off", attendance=fed(rows), protect_cohosts=False)
    assert changes(tmp_path / "off") == {("sandbox-team", COHOST)}


def test_a_cohost_stands_in_for_the_host(calcom: SandboxDriver, tmp_path: Path) -> None:
    """The organiser was ill, the co-host came, and the guest did not: that is the guest's no-show."""
    rows = report(calcom, ("sandbox-team", OWNER), ("sandbox-team", BOB))
    plan(tmp_path / "on", attendance=fed(rows))
    assert changes(tmp_path / "on") == {("sandbox-team", BOB)}
    plan(tmp_path / "off", attendance=fed(rows), protect_cohosts=False)
    assert reasons(tmp_path / "off")["sandbox-team", BOB] == "host_not_seen"


def test_a_cohost_whom_a_platform_manages(tmp_path: Path) -> None:
    """Feeds know them by the address that people see, and so they stand in for the host."""
    cohost = {"name": "Otto Other", "email": "otto+cm0practice0client0id0000@acme.example"}
    responses = {"name": "Ann Ames", "email": ANN, "guests": []}
    booking = BOOKING | {"attendees": [*BOOKING["attendees"], cohost], "bookingFieldsResponses": responses}
    rows = [seen("b1", "otto@acme.example", BOOKING["start"], BOOKING["end"])]
    plan(tmp_path, bookings=[booking], attendance=fed(rows))
    assert changes(tmp_path) == {("b1", ANN)}


OUTSIDER = "anna@freelance.example"


def team_booking(uid: str = "b1", booker: str = ANN, other: str = OUTSIDER) -> Row:
    """A booking of a team, to which another attendee belongs beside who booked."""
    people = [{"name": email.partition("@")[0], "email": email, "absent": False} for email in (booker, other)]
    answers = {"name": people[0]["name"], "email": booker, "guests": []}
    return BOOKING | {"uid": uid, "attendees": people, "bookingFieldsResponses": answers}


def test_a_cohost_of_another_domain_is_nobodys_no_show(tmp_path: Path) -> None:
    """Who neither booked nor is a guest is not judged, and stands in for the host; unless that is switched off."""
    rows = [seen("b1", HANNA, BOOKING["start"], BOOKING["end"])]
    plan(tmp_path / "on", bookings=[team_booking()], attendance=fed(rows))
    assert reasons(tmp_path / "on") == {("b1", ANN): "not_seen", ("b1", OUTSIDER): "internal"}
    plan(tmp_path / "off", bookings=[team_booking()], attendance=fed(rows), protect_cohosts=False)
    assert changes(tmp_path / "off") == {("b1", ANN), ("b1", OUTSIDER)}
    rows = [seen("b1", OUTSIDER, BOOKING["start"], BOOKING["end"])]
    plan(tmp_path / "alone", bookings=[team_booking()], attendance=fed(rows))
    assert changes(tmp_path / "alone") == {("b1", ANN)}


def test_a_cohost_of_another_domain_is_one_in_that_booking_alone(tmp_path: Path) -> None:
    """Elsewhere the same person is a booker or a guest like any other, and no colleague."""
    guest = team_booking("b3")
    guest["bookingFieldsResponses"] |= {"guests": [OUTSIDER.upper()]}
    bookings = [team_booking(), team_booking("b2", booker=OUTSIDER, other=HANNA), guest]
    rows = [seen(uid, HANNA, BOOKING["start"], BOOKING["end"]) for uid in ("b1", "b2", "b3")]
    plan(tmp_path, bookings=bookings, attendance=fed(rows))
    assert reasons(tmp_path)["b1", OUTSIDER] == "internal"
    assert changes(tmp_path) == {("b1", ANN), ("b2", OUTSIDER), ("b3", ANN), ("b3", OUTSIDER)}


def test_a_cohost_is_never_marked_as_the_host(tmp_path: Path) -> None:
    """Cal.com has one flag for the organiser; where hosts are judged, it is planned once, and for the organiser."""
    rows = [seen("b1", ANN, BOOKING["start"], BOOKING["end"])]
    plan(tmp_path, bookings=[team_booking()], attendance=fed(rows), policy=WHOLE | {"judge_hosts": True})
    assert changes(tmp_path) == {("b1", HANNA)}
    assert summary(tmp_path)["held_back"]["no_address"] == 1


def test_a_team_without_cohosts_in_its_bookings(calcom: SandboxDriver, tmp_path: Path) -> None:
    """A guest whom the booker named, with the organiser's mail domain, is no co-host."""

    def change(bookings: dict[str, Row]) -> None:
        bookings["sandbox-team"]["responses"]["guests"] = [COHOST]

    calcom.admin("world", {"world": world(change)})
    plan(tmp_path, attendance=fed(report(calcom, ("sandbox-team", COHOST))))
    assert changes(tmp_path) == {("sandbox-team", COHOST)}


def test_no_bookings_make_an_empty_plan(calcom: SandboxDriver, tmp_path: Path) -> None:
    """A day without bookings succeeds, also without a feed."""
    result = plan(tmp_path, attendance=[], after_start="2030-01-01", before_start="2030-01-02")
    assert (result["state"], result["changes"]["total"], result["outcomes"]) == ("ready", 0, {})
    assert (tmp_path / "plan.jsonl").read_bytes() == b""


def test_event_types(calcom: SandboxDriver, tmp_path: Path) -> None:
    """Only bookings of the wanted event types are judged, whether they come as numbers or as a template's text."""
    for place, kinds in enumerate(([4], "[4]", ["4"])):
        folder = tmp_path / str(place)
        plan(folder, attendance=fed(report(calcom)), event_type_ids=kinds)
        assert judged(folder) == {"sandbox-team"}


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"team_id": "3"}, "/v2/teams/3/bookings"),
        ({"organization_id": 9}, "/v2/organizations/9/bookings"),
        ({"organization_id": 9, "user_id": 4}, "/v2/organizations/9/users/4/bookings"),
    ],
)
def test_bookings_of_others(calcom: SandboxDriver, tmp_path: Path, given: Row, path: str) -> None:
    """Teams, organisations and members have lists of their own, which are the ones that are asked."""
    with pytest.raises(errors.ApiVersionNotServed):
        plan(tmp_path, attendance=[], **given)
    assert calcom.calls()[-1]["path"].split("?")[0] == path


# Bookings given.


@pytest.fixture
def listed(calcom: SandboxDriver, tmp_path: Path) -> Path:
    """Yesterday's bookings in a file that ListBookingsOperator wrote."""
    path = tmp_path / "bookings.jsonl"
    ListBookingsOperator(task_id="list", output_path=str(path), **DAY).execute({})
    return path


def given_bookings(listed: Path) -> dict[str, Any]:
    bookings = lines(listed)
    return {
        "path": str(listed),
        "URL": f"file://{listed}",
        "result": {"path": str(listed), "bookings": len(bookings)},
        "result as text": str({"path": str(listed), "bookings": len(bookings)}),
        "rows": bookings,
        "rows as text": str(bookings),
        "rows as JSON": json.dumps(bookings),
        "pattern": str(listed.parent / "book*.jsonl"),
        "path object": listed,
    }


@pytest.mark.parametrize(
    "form",
    ["path", "URL", "result", "result as text", "rows", "rows as text", "rows as JSON", "pattern", "path object"],
)
def test_given_bookings_take_the_place_of_the_api(
    calcom: SandboxDriver, tmp_path: Path, listed: Path, form: str
) -> None:
    """The same bookings give the same changes, wherever they come from, and Cal.com is not asked for them."""
    rows = report(calcom, OF_BOB, ("sandbox-team", COHOST))
    plan(tmp_path / "api", attendance=fed(rows))
    calls = len(calcom.calls())
    plan(tmp_path / form, attendance=fed(rows), bookings=given_bookings(listed)[form], after_start=None)
    assert [call["path"] for call in calcom.calls()[calls:]] == ["/v2/me"]
    assert files(tmp_path / form)["plan.jsonl"] == files(tmp_path / "api")["plan.jsonl"] != b""
    assert files(tmp_path / form)["decisions.parquet"] == files(tmp_path / "api")["decisions.parquet"]


@pytest.mark.parametrize("given", ["api", "rows"])
def test_bookings_that_the_key_s_user_only_attends_are_left_out(
    calcom: SandboxDriver, tmp_path: Path, given: str
) -> None:
    """Cal.com lists them with one's own; their people are another host's to mark.

    A co-host's booking is one's own where the mail domain is the organiser's; of another one it is a doubt.
    """
    me, ann = ({"name": name, "email": email, "absent": False} for name, email in (("Me", OWNER), ("Ann Ames", ANN)))

    def of_a_stranger(uid: str, booker: str, guests: list[str]) -> Row:
        form = {"name": "x", "email": booker, "guests": guests}
        return BOOKING | {"uid": uid, "attendees": [me, ann], "bookingFieldsResponses": form, "guests": guests}

    colleague = {"id": 7, "name": "Hanna Host", "email": "hanna@example.com"}
    strangers = [
        of_a_stranger("booked", OWNER, [ANN]),
        of_a_stranger("guest", ANN, [OWNER.upper()]),
        of_a_stranger("doubtful", ANN, []),
        of_a_stranger("cohost", ANN, []) | {"hosts": [colleague]},
    ]
    page = {"status": "success", "data": strangers, "pagination": {"totalItems": 4, "hasNextPage": False}}
    calcom.fault("GET", "/v2/bookings", "status", status=200, body=page, when="before", times=None)
    bookings = {"bookings": strangers, "after_start": None} if given == "rows" else {}
    options: Row = {
        "attendance": fed([seen("cohost", colleague["email"], BOOKING["start"], BOOKING["end"])]),
        **bookings,
    }
    plan(tmp_path / "p", **options)
    assert judged(tmp_path / "p") == {"cohost"}
    assert summary(tmp_path / "p")["attended_bookings"] == 3
    plan(tmp_path / "all", **options, include_attended=True)
    assert judged(tmp_path / "all") == {"booked", "guest", "doubtful", "cohost"}
    assert summary(tmp_path / "all")["attended_bookings"] is None


def test_a_plan_of_given_bookings_needs_no_connection(tmp_path: Path, calcom: SandboxDriver, listed: Path) -> None:
    """Where Cal.com is not asked, there need not be a connection to it."""
    result = plan(tmp_path / "p", attendance=fed(report(calcom)), bookings=str(listed), calcom_conn_id="there_is_none")
    assert result["state"] == "ready"


@pytest.mark.parametrize("form", ["rows", "path", "paths", "text of paths", "URL", "pattern", "csv"])
def test_tables_in_place_of_bookings(tmp_path: Path, form: str) -> None:
    """With people, the tables of the rules are taken as they are, whatever they come as; Cal.com is not needed."""
    given: dict[str, Any] = {}
    for name, rows in zip(("bookings", "people", "attendance"), table_rows(), strict=True):
        path = write_lines(tmp_path / f"{name}-1.jsonl", rows)
        table = tmp_path / f"{name}.csv"
        table.write_text("\n".join([",".join(rows[0]), *(_csv(row) for row in rows)]) + "\n", encoding="utf-8")
        forms = {"rows": rows, "path": str(path), "paths": [str(path)], "text of paths": str([str(path)])}
        forms |= {"URL": f"file://{path}", "pattern": str(tmp_path / f"{name}-*.jsonl"), "csv": str(table)}
        given[name] = forms[form]
    plan(tmp_path / "p", calcom_conn_id="there_is_none", **given)
    assert changes(tmp_path / "p") == {("b1", ANN)}


def _csv(row: Row) -> str:
    return ",".join("" if value is None else str(value) for value in row.values())


def test_times_without_a_zone_in_tables(tmp_path: Path) -> None:
    """They are refused, and read by the clock of ``zone`` where that is given."""
    bookings, people, attendance = table_rows()
    bookings[0] |= {"start_at": "2026-11-18 09:00:00", "end_at": "2026-11-18 09:30:00"}
    given = {"bookings": bookings, "people": people, "attendance": attendance}
    with pytest.raises(InvalidInput, match=r"bookings \(rows\), row 1, column start_at") as raised:
        plan(tmp_path, **given)
    assert ends_the_task(raised.value)
    plan(tmp_path, **given, zone="Europe/Berlin")
    assert changes(tmp_path) == {("b1", ANN)}


@pytest.mark.parametrize(
    ("booking", "names"),
    [
        pytest.param(table_rows()[0][0], "needs people", id="row of the table"),
        pytest.param("uid", "is a str and not a booking object", id="text"),
        pytest.param(BOOKING | {"start": None}, "start is missing", id="no start"),
        pytest.param(BOOKING | {"start": "ann@client.example"}, "column start_at", id="start of another kind"),
        pytest.param(BOOKING | {"end": "2026-11-18T08:30:00"}, "column end_at", id="end without a zone"),
        pytest.param(BOOKING | {"attendees": {"email": BOB}}, "attendees is no list", id="attendees an object"),
        pytest.param(BOOKING | {"attendees": [BOB]}, "attendees is no list", id="attendees texts"),
        pytest.param(BOOKING | {"attendees": [{"email": 7}]}, r"attendees\[0\]\.email", id="address a number"),
        pytest.param(
            BOOKING | {"attendees": [{"email": BOB, "absent": "true"}]}, r"attendees\[0\]\.absent", id="flag a text"
        ),
        pytest.param(BOOKING | {"absentHost": 1}, "absentHost", id="host's flag a number"),
        pytest.param(BOOKING | {"hosts": "Hanna"}, "hosts is no list", id="hosts a text"),
        pytest.param(BOOKING | {"bookingFieldsResponses": "{}"}, "bookingFieldsResponses", id="responses a text"),
    ],
)
def test_rows_that_are_no_bookings(tmp_path: Path, booking: Any, names: str) -> None:
    """A fault is told by row and field, and without anybody's address; it does not heal by trying again."""
    with pytest.raises(InvalidInput, match=names) as raised:
        plan(tmp_path, bookings=[BOOKING | {"uid": "b0"}, booking], attendance=[])
    assert "row 2" in str(raised.value)
    assert "@" not in str(raised.value)
    assert ends_the_task(raised.value)


def test_a_booking_twice(tmp_path: Path) -> None:
    """Two rows of one booking may differ in their flags, so neither is believed."""
    with pytest.raises(InvalidInput, match=r"bookings \(rows\), row 2, column booking_uid"):
        plan(tmp_path, bookings=[BOOKING, BOOKING], attendance=[])


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param('{"uid": 1', "row 1: is not JSON", id="cut"),
        pytest.param(f"\n{json.dumps([BOOKING])}\n", "row 1: is a list and not a booking object", id="list in a line"),
        pytest.param(f"{json.dumps(BOOKING)}\nann@client.example\n", "row 2: is not JSON", id="second line"),
        pytest.param("[" * 100_000, "row 1: is not JSON", id="deep"),
    ],
)
def test_files_that_hold_no_bookings(tmp_path: Path, text: str, names: str) -> None:
    """A file's fault is told with its name and line."""
    path = tmp_path / "bookings.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput, match=names) as raised:
        plan(tmp_path / "p", bookings=str(path), attendance=[])
    assert str(path) in str(raised.value)
    assert "ann@" not in str(raised.value)
    assert ends_the_task(raised.value)


def test_an_organiser_whose_account_is_gone(tmp_path: Path) -> None:
    """Cal.com then says ``unknown`` of the host, whom no row can be: nobody is blamed for a meeting of no host."""
    gone = {"id": "unknown", "name": "unknown", "email": "unknown", "displayEmail": "unknown"}
    rows = [seen("b1", "unknown", "2026-11-18T08:00:00Z", "2026-11-18T08:30:00Z", name="unknown")]
    plan(tmp_path, bookings=[BOOKING | {"hosts": [gone]}], attendance=fed(rows))
    assert reasons(tmp_path)["b1", ANN] == "host_not_seen"


def test_a_meeting_is_known_by_its_link(tmp_path: Path) -> None:
    """The key is made of the location, or of the older meetingUrl, or by a pattern of one's own."""
    old = BOOKING | {"uid": "b2", "location": "integrations:zoom", "meetingUrl": "https://zoom.us/j/81200002222"}
    own = BOOKING | {"uid": "b3", "location": "https://rooms.acme.example/r/Blue"}
    host = {"start": "2026-11-18T08:00:00Z", "end": "2026-11-18T08:30:00Z"}
    keys = ("zoom:81200001111", "zoom:81200002222", "Blue")
    rows = [seen(None, "hanna@acme.example", **host, conference_key=key) for key in keys]
    patterns = [r"rooms\.acme\.example/r/(\w+)"]
    plan(tmp_path, bookings=[BOOKING, old, own], attendance=fed(rows), conference_patterns=patterns)
    assert changes(tmp_path) == {(uid, ANN) for uid in ("b1", "b2", "b3")}


# What is left behind.


def test_the_result_is_small_and_names_nobody(calcom: SandboxDriver, tmp_path: Path) -> None:
    """XCom gets numbers: as JSON, some 2 kB, and nobody's address."""
    everybody = [(booking["uid"], one["email"]) for booking in day(calcom) for one in booking["attendees"]]
    rows = report(calcom, *everybody)
    loose = {"max_absent_share": 1, "min_matched_share": 0, "allow_nobody_present": True}
    result = plan(tmp_path, attendance=fed(rows), guard_rails=loose)
    text = json.dumps(result)
    assert result["changes"]["total"] > 10
    assert json.loads(text) == result
    assert len(text) < 2_500
    assert "@" not in text
    assert result.keys() == {"plan_path", "state", "changes", "outcomes", "held_back", "guard_rails", "sha256"}
    assert {name: summary(tmp_path)[name] for name in result if name != "plan_path"} == {
        name: value for name, value in result.items() if name != "plan_path"
    }


@each_build
def test_the_same_inputs_give_the_same_bytes(calcom: SandboxDriver, tmp_path: Path) -> None:
    """A second run into another folder writes the same files, whatever the order of the feed; no name is of one run."""
    rows = report(calcom, OF_BOB)
    write_lines(tmp_path / "rows.jsonl", rows)
    given = {"attendance": [fed(rows), {"feed": "canonical", "path": str(tmp_path / "rows.jsonl")}]}
    plan(tmp_path / "first", **given)
    plan(tmp_path / "second", **given)
    assert files(tmp_path / "first") == files(tmp_path / "second")
    given["attendance"][0] = fed(reversed(rows))
    plan(tmp_path / "third", **given)
    assert files(tmp_path / "first") == files(tmp_path / "third")
    assert [(one["table"], one["file"]) for one in summary(tmp_path / "first")["inputs"]] == [
        ("bookings", "bookings (Cal.com)"),
        ("people", "people (Cal.com)"),
        ("attendance", "feed 0 (canonical)"),
        ("attendance", "feed 1 (canonical)"),
    ]


@pytest.mark.parametrize("fault", [None, "feed", "bookings", "rail", "rules"])
def test_nothing_temporary_is_left(
    calcom: SandboxDriver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str | None
) -> None:
    """The copies of bookings and feeds, which hold addresses, go with the run, also where it fails."""
    rows = report(calcom, OF_BOB)
    given: dict[str, Any] = {"attendance": fed(rows)}
    if fault == "feed":
        given["attendance"] = fed([*rows, {"email": "ann@client.example"}])
    if fault == "bookings":
        calcom.fault("GET", "/v2/bookings", "status", status=400, times=None)
    if fault == "rail":
        given["guard_rails"] = {"max_changes": 0}
    if fault == "rules":
        given["bookings"] = [BOOKING, BOOKING]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    if fault is None:
        plan(tmp_path / "p", **given)
    else:
        with pytest.raises(ProviderError):
            plan(tmp_path / "p", **given)
    assert list(temporary.iterdir()) == []


def test_a_second_run_replaces_the_plan(calcom: SandboxDriver, tmp_path: Path) -> None:
    """A retry leaves no line of the run before it; a refused one leaves no plan that could be applied."""
    plan(tmp_path, attendance=fed(report(calcom, OF_BOB, OF_CAROL)))
    assert changes(tmp_path) == {OF_BOB, OF_CAROL}
    plan(tmp_path, attendance=fed(report(calcom, OF_CAROL)))
    assert changes(tmp_path) == {OF_CAROL}
    with pytest.raises(PlanRefused):
        plan(tmp_path, attendance=fed(report(calcom, OF_BOB, OF_CAROL)), guard_rails={"max_changes": 1})
    assert "plan.jsonl" not in files(tmp_path)
    assert len(lines(tmp_path / "refused-changes.jsonl")) == 2
    plan(tmp_path, attendance=fed(report(calcom, OF_BOB)))
    assert changes(tmp_path) == {OF_BOB}
    assert "refused-changes.jsonl" not in files(tmp_path)


@pytest.mark.parametrize("form", ["file://", "memory://", "relative", "home", "path object"])
def test_the_plan_goes_where_it_is_told(
    calcom: SandboxDriver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """A folder may be a URL of an object storage, or lie below the worker's directory or home."""
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_calcom.no_shows.plan import verify_plan

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    with memory_storage() as memory:
        forms = {"file://": f"file://{tmp_path}/deep/p", "memory://": f"{memory}/deep/p", "relative": "deep/p"}
        address: Any = (forms | {"home": "~/deep/p", "path object": tmp_path / "deep/p"})[form]
        operator = PlanNoShowsOperator(
            task_id="plan", attendance=fed(report(calcom, OF_BOB)), plan_path=address, policy=WHOLE, **DAY
        )
        result = operator.execute({})
        assert result["plan_path"] == str(address)
        folder = ObjectStoragePath(address) if form == "memory://" else tmp_path / "deep/p"
        assert verify_plan(folder)["changes"]["total"] == 1
        names = {path.name for path in folder.iterdir()}
        assert names == {"plan.jsonl", "held-back.jsonl", "decisions.parquet", "summary.json"}


# Guard rails and policy.


def test_a_guard_rail_ends_the_task(calcom: SandboxDriver, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The task fails without retries; error and log name rail, figure and limit; the report is written."""
    caplog.set_level("INFO")
    with pytest.raises(PlanRefused) as raised:
        plan(tmp_path, attendance=fed(report(calcom, OF_BOB, OF_CAROL)), guard_rails={"max_changes": 1})
    assert ends_the_task(raised.value)
    assert "max_changes: the plan has 2 changes (limit: at most 1)" in str(raised.value)
    assert str(tmp_path / "summary.json") in str(raised.value)
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert any("FAILED         max_changes: the plan has 2 changes (limit: at most 1)" in text for text in said)
    assert summary(tmp_path)["state"] == "refused"
    assert "plan.jsonl" not in files(tmp_path)
    assert "@" not in caplog.text


@pytest.mark.parametrize("attendance", [[], {"feed": "zoom", "rows": []}, {"feed": "zoom", "rows": "[]"}])
def test_an_empty_feed_is_refused(calcom: SandboxDriver, tmp_path: Path, attendance: Any) -> None:
    """A feed without rows while there are bookings is a broken feed, unless one says that it is right."""
    with pytest.raises(PlanRefused, match="allow_empty_feed"):
        plan(tmp_path, attendance=attendance)
    assert plan(tmp_path, attendance=attendance, guard_rails={"allow_empty_feed": "True"})["state"] == "ready"


POLICY = {
    "as_of": "2026-11-19T11:00:00Z",
    "attendance_until": "2026-11-19T11:00:00Z",
    "settle": 900,
    "min_presence": 1.5,
    "require_host_present": False,
    "internal_domains": ["acme.example", "example.net"],
    "aliases": {"annie@client.example": "ann@client.example"},
}
RAILS = {"max_absent_share": 0.9, "min_sample": 5, "max_changes": None, "allow_empty_feed": True}


@pytest.mark.parametrize("form", ["dict", "JSON", "Python", "texts", "JSON texts"])
def test_policy_and_rails_however_they_are_given(tmp_path: Path, form: str) -> None:
    """A dict, JSON, and what a template makes of either, down to single fields, mean the same."""

    def given(fields: Row) -> Any:
        forms = {
            "dict": fields,
            "JSON": json.dumps(fields),
            "Python": str(fields),
            "texts": {name: str(value) for name, value in fields.items()},
            "JSON texts": {
                name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()
            },
        }
        return forms[form]

    plan(tmp_path, bookings=[BOOKING], attendance=[], policy=given(POLICY), guard_rails=given(RAILS))
    found = summary(tmp_path)
    assert {name: found["policy"][name] for name in POLICY} == POLICY | {
        "as_of": "2026-11-19T11:00:00.000Z",
        "attendance_until": "2026-11-19T11:00:00.000Z",
    }
    limits = {one["name"]: (one["limit"], one["judged_from"]) for one in found["guard_rails"]}
    assert limits["max_absent_share"] == (0.9, 5)
    assert limits["max_changes"] == (None, None)
    assert limits["allow_empty_feed"] == (None, 1)


def test_now_is_the_time_of_the_run(tmp_path: Path) -> None:
    """Without as_of bookings are judged by the clock."""
    before = datetime.now(timezone.utc) - timedelta(seconds=1)
    plan(tmp_path, bookings=[BOOKING], attendance=[], policy=None, guard_rails={"allow_empty_feed": True})
    as_of = datetime.fromisoformat(summary(tmp_path)["policy"]["as_of"].replace("Z", "+00:00"))
    assert before <= as_of <= datetime.now(timezone.utc)


@pytest.mark.parametrize(
    ("given", "error", "names"),
    [
        ({"policy": {"settel": 5}}, InvalidPolicy, "settel"),
        ({"policy": {"settle": "soon"}}, InvalidPolicy, "settle"),
        ({"policy": {"settle": ""}}, InvalidPolicy, "settle"),
        ({"policy": {"settle": "None"}}, InvalidPolicy, "settle"),
        ({"policy": {"judge_hosts": "yes"}}, InvalidPolicy, "judge_hosts"),
        ({"policy": {"internal_domains": "acme.example"}}, InvalidPolicy, "internal_domains"),
        ({"policy": {"internal_emails": "ann@client.example"}}, InvalidPolicy, "internal_emails"),
        ({"policy": "settle=5"}, InvalidPolicy, "not JSON"),
        ({"policy": "{settle: 5}"}, errors.InvalidArgument, "policy"),
        ({"policy": "None"}, errors.InvalidArgument, "policy"),
        ({"policy": 5}, InvalidPolicy, "object"),
        ({"guard_rails": {"max_changes": "few"}}, InvalidGuardRails, "max_changes"),
        ({"guard_rails": {"max_change": 5}}, InvalidGuardRails, "max_change"),
        ({"guard_rails": ""}, errors.InvalidArgument, "guard_rails"),
        ({"correct": "both"}, InvalidPlanOption, "correct"),
        ({"correct": None}, InvalidPlanOption, "correct"),
        ({"force": "perhaps"}, errors.InvalidArgument, "force"),
        ({"force": None}, errors.InvalidArgument, "force"),
        ({"protect_cohosts": "no"}, errors.InvalidArgument, "protect_cohosts"),
        ({"plan_path": ""}, errors.InvalidArgument, "plan_path"),
        ({"plan_path": "None"}, errors.InvalidArgument, "plan_path"),
        ({"plan_path": None}, errors.InvalidArgument, "plan_path"),
        ({"after_start": "None"}, errors.InvalidArgument, "after_start"),
        ({"before_start": ""}, errors.InvalidArgument, "before_start"),
        ({"after_start": "2026-11-18T09:00:00"}, errors.InvalidArgument, "after_start"),
        ({"team_id": "None"}, errors.InvalidArgument, "team_id"),
        ({"user_id": 4}, errors.InvalidArgument, "user_id"),
        ({"event_type_ids": "None"}, errors.InvalidArgument, "event_type_ids"),
        ({"event_type_ids": ["x"]}, errors.InvalidArgument, "event_type_ids"),
        ({"event_type_ids": []}, errors.InvalidArgument, "event_type_ids"),
        ({"event_type_ids": "[]"}, errors.InvalidArgument, "event_type_ids"),
        ({"event_type_ids": " "}, errors.InvalidArgument, "event_type_ids"),
        ({"event_type_ids": [None]}, errors.InvalidArgument, "event_type_ids"),
        ({"event_type_ids": [1], "bookings": [BOOKING]}, errors.InvalidArgument, "event_type_ids"),
        ({"team_id": [], "organization_id": 9}, errors.InvalidArgument, "team_id"),
        ({"rules_conn_id": "None"}, errors.InvalidArgument, "rules_conn_id"),
        ({"scratch_schema": ""}, errors.InvalidArgument, "scratch_schema"),
        ({"storage_conn_id": "None"}, errors.InvalidArgument, "storage_conn_id"),
        ({"ledger_path": "None"}, errors.InvalidArgument, "ledger_path"),
        ({"zone": "None"}, errors.InvalidArgument, "zone"),
        ({"plan_addresses": "secret"}, errors.InvalidArgument, "plan_addresses"),
        ({"plan_addresses": "hashed"}, LedgerSecretMismatch, "ledger_secret"),
        ({"zone": ["UTC"]}, errors.InvalidArgument, "zone"),
        ({"rules_conn_id": {"a": 1}}, errors.InvalidArgument, "rules_conn_id"),
        ({"plan_path": 5}, errors.InvalidArgument, "plan_path"),
        ({"conference_patterns": 5}, errors.InvalidArgument, "conference_patterns"),
        ({"conference_patterns": ["("]}, errors.InvalidArgument, r"conference_patterns\[0\]"),
        ({"memory_limit": "2 gigs"}, InvalidResources, "memory_limit"),
        ({"memory_limit": 2}, InvalidResources, "memory_limit"),
        ({"threads": 0}, InvalidResources, "threads"),
        ({"threads": "four"}, InvalidResources, "threads"),
        ({"threads": True}, InvalidResources, "threads"),
        ({"attendance": {"feed": "zoom", "path": "/usr"}}, InvalidInput, r"attendance\.path: /usr is a folder"),
        ({"api_version": "latest"}, errors.InvalidArgument, "api_version"),
        ({"people": []}, errors.InvalidArgument, "people"),
        ({"bookings": "None"}, errors.InvalidArgument, "bookings"),
        ({"bookings": 5}, errors.InvalidArgument, "bookings"),
        ({"bookings": {"table": "b"}}, errors.InvalidArgument, "rules_conn_id"),
        ({"bookings": {"table": "b"}, "rules_conn_id": "w"}, errors.InvalidArgument, "people"),
        ({"bookings": [], "people": "None"}, errors.InvalidArgument, "people"),
        ({"attendance": {"table": "a"}}, errors.InvalidArgument, "rules_conn_id"),
        ({"attendance": None}, errors.InvalidArgument, "attendance"),
        ({"attendance": "None"}, errors.InvalidArgument, "attendance"),
        ({"attendance": ""}, errors.InvalidArgument, "attendance"),
    ],
    ids=str,
)
def test_parameters_that_can_not_be_meant(
    calcom: SandboxDriver, tmp_path: Path, given: Row, error: type[Exception], names: str
) -> None:
    """A wrong word, or a template that found nothing, is named before Cal.com is asked, and ends the task."""
    with pytest.raises(error, match=names) as raised:
        plan(**{"folder": tmp_path, "attendance": [], **given})
    assert ends_the_task(raised.value)
    assert "ann@" not in str(raised.value)
    assert len(str(raised.value)) < 600
    assert calcom.calls() == []


# Taking marks away.


@pytest.mark.parametrize(
    ("correct", "unmarked", "held_back"),
    [("all", 1, {}), ("ledger", 0, {"not_ours": 1}), ("none", 0, {"correction_off": 1})],
)
def test_marks_of_people_who_came(
    calcom: SandboxDriver, tmp_path: Path, correct: str, unmarked: int, held_back: dict[str, int]
) -> None:
    """Who came and is marked by nobody knows whom is un-marked only on request."""
    calcom.change("sandbox-yesterday-1", attendees=[{"email": BOB, "absent": True}])
    result = plan(tmp_path, attendance=fed(report(calcom)), correct=correct)
    assert result["changes"]["unmark_attendees"] == unmarked
    assert {reason: people for reason, people in result["held_back"].items() if people} == held_back
    assert (summary(tmp_path)["correct"], summary(tmp_path)["force"]) == (correct, False)


@pytest.mark.parametrize("force", [True, "True", "true"])
def test_force_is_part_of_the_plan(tmp_path: Path, force: Any) -> None:
    """It is taken as told, also where a template made a text of it, and said in the summary."""
    plan(tmp_path, bookings=[BOOKING], attendance=[], guard_rails={"allow_empty_feed": True}, force=force)
    assert summary(tmp_path)["force"] is True


# What must not get out, and how a task ends.

PRIVATE = re.compile(r"@example|@client|@acme|barker|carol|dave|erin|mona|1701234567|olivia|owner(?!_)", re.IGNORECASE)


def said(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> str:
    """All that was logged at INFO or above, or printed, without the names of our own classes and tests."""
    written = capfd.readouterr()
    text = "\n".join(record.getMessage() for record in caplog.records if record.levelno >= logging.INFO)
    return f"{text}\n{written.out}\n{written.err}"


@pytest.mark.parametrize("fault", [None, "rail", "unreadable", "few unreadable", "bookings"])
def test_log_and_errors_name_nobody(
    calcom: SandboxDriver,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    fault: str | None,
) -> None:
    """At INFO and above there are counts; addresses, names, telephones and the key are in the plan's files alone."""
    record = {"meeting_id": "81200001111", "join_time": "2026-11-18T08:00:00Z", "leave_time": "2026-11-18T08:30:00Z"}
    records = [
        record | {"name": "Olivia Owner", "user_email": OWNER},
        record | {"name": "Dave Díaz", "user_email": DAVE, "phone": "+491701234567"},
        record | {"name": "Mona", "user_email": "mona@example.org", "join_time": "mona@example.org"},
    ]
    zoom: Row = {"feed": "zoom", "rows": records[:2]}
    given: dict[str, Any] = {"attendance": [zoom, fed(report(calcom, OF_BOB))]}
    if fault == "rail":
        given["guard_rails"] = {"max_changes": 0}
    if fault == "unreadable":
        zoom["rows"] = records
    if fault == "few unreadable":
        zoom |= {"rows": records, "options": {"max_unreadable": 0.5}}
    if fault == "bookings":
        given["bookings"] = [BOOKING, BOOKING | {"attendees": [{"email": BOB, "absent": "Bob Barker"}]}]
    caplog.clear()
    capfd.readouterr()
    caplog.set_level("INFO")
    text = ""
    try:
        plan(tmp_path, **given)
    except AttendanceError as error:
        text = str(error)
    assert bool(text) == (fault not in (None, "few unreadable"))
    text += said(caplog, capfd)
    assert "Plan " in text or fault not in (None, "few unreadable"), "the log was not seen, so that nothing is proven"
    assert (found := PRIVATE.search(re.sub(r"mark_\w+|/\S+", "", text))) is None, found
    assert KEY not in text


@pytest.mark.parametrize(
    ("fault", "options", "error", "ends"),
    [
        ("status", {"status": 503}, errors.ServerFault, False),
        ("drop_before", {}, errors.NoAnswer, False),
        ("status", {"status": 429}, errors.RateLimited, False),
        ("status", {"status": 400}, errors.RequestRefused, True),
        ("status", {"status": 401}, errors.InvalidCredentials, True),
        ("status", {"status": 498}, errors.ExpiredCredentials, True),
    ],
)
def test_bookings_that_can_not_be_read(
    calcom: SandboxDriver, tmp_path: Path, fault: str, options: Row, error: type[Exception], ends: bool
) -> None:
    """What may heal is tried again by Airflow, the rest is not; an older plan stays, and nobody is judged by half."""
    rows = report(calcom, OF_BOB)
    plan(tmp_path, attendance=fed(rows))
    older = files(tmp_path)
    calcom.fault("GET", "/v2/bookings", fault, times=None, **options)
    with pytest.raises(error) as raised:
        plan(tmp_path, attendance=fed(rows))
    assert ends_the_task(raised.value) == ends
    assert files(tmp_path) == older


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"attendance": fed([{"email": "x"}])}, FeedUnreadable),
        ({"attendance": {"feed": "zoom", "rows": [], "options": {"zone": "Mars"}}}, InvalidFeedOption),
        ({"attendance": [], "guard_rails": {}}, PlanRefused),
        ({"attendance": [], "policy": {"settle": -1}}, InvalidPolicy),
        ({"attendance": [], "bookings": [5]}, InvalidInput),
        ({"attendance": [], "plan_path": ""}, errors.InvalidArgument),
        ({"attendance": "/there/is/none.jsonl"}, InputMissing),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_errors_keep_their_class_through_a_pickle(tmp_path: Path, given: Row, error: type[Exception]) -> None:
    """``except`` and failure callbacks see what went wrong, also in another process."""
    with pytest.raises(error) as raised:
        plan(**{"folder": tmp_path, "bookings": [BOOKING], **given})
    copy = pickle.loads(pickle.dumps(raised.value))
    assert type(copy) is error
    assert str(copy) == str(raised.value)
    assert ends_the_task(raised.value) == (error is not InputMissing)
    assert (getattr(copy, "report", None) is None) == (getattr(raised.value, "report", None) is None)


# Templates.

PARAMS: Row = {
    "uid": "b1",
    "folder": "p",
    "feeds": [{"feed": "canonical", "rows": []}],
    "rows": table_rows()[2],
    "settle": 60,
    "as_of": WHOLE["as_of"],
    "hosts": ["acme.example"],
    "yes": True,
    "no": False,
    "nothing": None,
    "bookings": [BOOKING],
    "correct": "all",
}


def rendered(native: bool, **given: Any) -> PlanNoShowsOperator:
    """Make the operator in a DAG and render its templates with PARAMS."""
    with DAG("d", schedule=None, start_date=datetime(2026, 1, 1), render_template_as_native_obj=native):
        operator = PlanNoShowsOperator(task_id="plan", **given)
    operator.render_template_fields({"params": PARAMS})
    return operator


both_renderings = pytest.mark.parametrize("native", [False, True], ids=["text", "native"])


@both_renderings
@pytest.mark.parametrize(
    "attendance",
    [
        {"feed": "canonical", "rows": "{{ params.rows }}"},
        {"feed": "canonical", "rows": "{{ params.rows | tojson }}"},
        ["{{ {'feed': 'canonical', 'rows': params.rows} }}"],
        "{{ [{'feed': 'canonical', 'rows': params.rows}] }}",
        "{{ {'feed': 'canonical', 'rows': params.rows} | tojson }}",
        "{{ params.rows }}",
    ],
    ids=["rows", "rows as JSON", "list of templates", "list", "one as JSON", "table"],
)
def test_both_renderings_make_the_same_plan(tmp_path: Path, native: bool, attendance: Any) -> None:
    """What comes from XCom or params means the same whether the DAG renders to text or natively."""
    operator = rendered(
        native,
        attendance=attendance,
        bookings="{{ params.bookings }}",
        policy={
            "settle": "{{ params.settle }}",
            "as_of": "{{ params.as_of }}",
            "attendance_until": "{{ params.as_of }}",
            "internal_domains": "{{ params.hosts }}",
            "trust_internal_accounts": "{{ params.yes }}",
            "judge_hosts": "{{ params.no }}",
        },
        guard_rails={"max_changes": "{{ params.nothing }}", "allow_empty_feed": "{{ params.yes }}"},
        correct="{{ params.correct }}",
        force="{{ params.no }}",
        plan_path=f"{tmp_path}/{{{{ params.folder }}}}",
    )
    result = operator.execute({})
    assert changes(tmp_path / "p") == {("b1", ANN)}
    assert result["plan_path"] == str(tmp_path / "p")
    assert summary(tmp_path / "p")["correct"] == "all"
    assert summary(tmp_path / "p")["policy"]["internal_domains"] == ["acme.example"]


@both_renderings
def test_nothing_from_a_template(tmp_path: Path, native: bool) -> None:
    """A task that returned None is an error in both renderings: it is neither a path nor an empty feed."""
    for attendance in ("{{ params.nothing }}", {"feed": "zoom", "rows": "{{ params.nothing }}"}):
        operator = rendered(native, attendance=attendance, bookings=[BOOKING], plan_path=str(tmp_path / "p"))
        with pytest.raises(errors.InvalidArgument, match="attendance"):
            operator.execute({})


def test_every_template_field_is_a_parameter() -> None:
    """Each template field is an attribute of the same name, and all that a run may be told is a template."""
    operator = PlanNoShowsOperator(task_id="x", attendance=[], plan_path="p")
    fields = set(operator.template_fields)
    assert all(hasattr(operator, name) for name in fields)
    assert set(operator.template_fields_renderers) <= fields
    parameters = set(inspect.signature(PlanNoShowsOperator.__init__).parameters) - {"self", "kwargs"}
    assert parameters - fields == {
        "conference_patterns",
        "protect_cohosts",
        "include_attended",
        "plan_addresses",
        "memory_limit",
        "threads",
    }
    told = PlanNoShowsOperator.__doc__ or ""
    for name in parameters:
        text = re.search(rf":param {name}: (.*?)(?=\n    :|\n\n)", told, re.DOTALL)
        assert text, f"{name} is not documented"
        assert ("(templated)" in text[1]) == (name in fields), name


def test_no_attribute_of_airflow_is_hidden() -> None:
    """An own method with the name of a private attribute of Airflow breaks Airflow."""
    own = {name for name in vars(PlanNoShowsOperator) if not name.startswith(("__", "_abc_", "_BaseOperator__"))}
    assert own & set(dir(BaseOperator)) <= MEANT_TO_BE_REPLACED
    ours = PlanNoShowsOperator(task_id="x", attendance=[], plan_path="p")
    theirs = BaseOperator(task_id="y")
    assert not (set(vars(ours)) - set(vars(theirs))) & set(dir(BaseOperator))


def test_mapped_over_many_feeds(tmp_path: Path) -> None:
    """``partial().expand()`` gives one plan for each, with the shared parameters."""
    rows = [seen("b1", "hanna@acme.example", BOOKING["start"], BOOKING["end"])]
    each = [{"attendance": fed(rows), "plan_path": str(tmp_path / name)} for name in ("a", "b")]
    with DAG("d", schedule=None, start_date=datetime(2026, 1, 1)):
        mapped = PlanNoShowsOperator.partial(task_id="plan", bookings=[BOOKING], policy=WHOLE).expand_kwargs(each)
    for given in each:
        assert mapped.unmap(given).execute({})["changes"]["total"] == 1
        assert changes(Path(given["plan_path"])) == {("b1", ANN)}
