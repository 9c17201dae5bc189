"""PlanNoShowsOperator against the sandbox: whose flags are to change, by which bookings, and that nothing is sent."""

from __future__ import annotations

import inspect
import json
import logging
import pickle
import re
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
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
from airflow_provider_calcom.no_shows.guard_rails import GuardRails, InvalidGuardRails
from airflow_provider_calcom.no_shows.input_files import InputMissing
from airflow_provider_calcom.no_shows.ledger.identities import LedgerSecretMismatch
from airflow_provider_calcom.no_shows.plan import InvalidPlanOption
from airflow_provider_calcom.no_shows.plan_files import verify_plan
from airflow_provider_calcom.operators.bookings import ListBookingsOperator
from airflow_provider_calcom.operators.no_shows import PlanNoShowsOperator
from tests.no_shows.decisions import crowd, write
from tests.operators.marking import BOB, CAROL, DAVE, ERIN, FOREIGN, MONA
from tests.operators.planning import (
    ANN,
    BOOKING,
    DAY,
    HANNA,
    OWNER,
    WHOLE,
    Row,
    attendance_rows,
    changes,
    day,
    fed,
    files,
    judged,
    lines,
    memory_storage,
    parsed,
    plan,
    reasons,
    report,
    rows_of,
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
OF_MONA = ("sandbox-yesterday-8", MONA)
OF_MARKED = ("sandbox-yesterday-9", ERIN)
COHOST = "other@example.com"


# Bookings from the API.


@pytest.mark.parametrize("name", ["event_type_ids", "after_start", "before_start", "team_id", "bookings"])
def test_a_filter_whose_template_finds_nothing(calcom: SandboxDriver, tmp_path: Path, name: str) -> None:
    """With native rendering a template gives None: then no filter is left, and all bookings would be judged."""
    given: Row = {**DAY, name: "{{ params.nothing }}"}
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
def test_a_day_of_each_server_build(calcom: SandboxDriver, tmp_path: Path) -> None:
    """On each server the one who stayed away is planned, and nobody else; Cal.com is only read.

    Seats, one of a series, cancelled bookings, co-hosts, and a managed user, whom feeds know by the address that people
    see, and whom the plan names as Cal.com does. One who dials in, or joins under a name alone, came; where a guest has
    no name, a name is not a proof. One who is marked already is not planned again.
    """

    def change(bookings: dict[str, Row]) -> None:
        bookings["sandbox-yesterday-1"]["attendees"][0]["phoneNumber"] = "+49 170 1234567"
        bookings["sandbox-yesterday-3"]["attendees"].append({"name": "", "email": "guest@example.org"})
        bookings["sandbox-yesterday-3"]["responses"]["guests"] = ["guest@example.org"]
        for uid in (OF_MARKED[0], "sandbox-yesterday-5"):
            bookings[uid]["attendees"][0]["absent"] = True

    calcom.admin("world", {"world": world(change)})
    third = [("sandbox-yesterday-3", who) for who in (DAVE, "guest@example.org")]
    rows = report(calcom, OF_BOB, OF_CAROL, OF_MONA, OF_MARKED, ("sandbox-team", COHOST), *third)
    rows.append(seen(OF_BOB[0], None, "2026-11-18T08:00:00Z", None, phone="+49170 / 1234567", name="iPhone"))
    rows.append(seen(OF_CAROL[0], None, "2026-11-18T09:00:00Z", "2026-11-18T09:30:00Z", name="CAROL  chen"))
    rows.append(seen("sandbox-yesterday-3", None, "2026-11-18T09:00:00Z", "2026-11-18T09:30:00Z", name="Dave Díaz"))
    result = plan(tmp_path, attendance=fed(rows))
    found = reasons(tmp_path)
    assert changes(tmp_path) == {OF_MONA}
    assert (result["plan_path"], result["state"]) == (str(tmp_path), "ready")
    assert result["changes"] == {
        "total": 1,
        "bookings": 1,
        "mark_attendees": 1,
        "mark_hosts": 0,
        "unmark_attendees": 0,
    }
    assert result["outcomes"]["absent"] == {"not_seen": 2}
    assert found[OF_MARKED] == "not_seen"
    assert result["held_back"]["not_ours"] == 1
    assert result["outcomes"]["excluded"] == {"internal": 1, "not_accepted": 3}
    assert (found[OF_BOB], found[OF_CAROL]) == ("phone", "name")
    assert found["sandbox-yesterday-3", DAVE] != "name"
    assert {found["sandbox-seated", who] for who in (BOB, CAROL, DAVE)} == {"email"}
    assert (found["sandbox-series-3", CAROL], found["sandbox-yesterday-4", ERIN]) == ("email", "email")
    assert {uid for uid, reason in found.items() if reason == "not_accepted"} == {
        ("sandbox-cancelled", CAROL),
        ("sandbox-rejected", DAVE),
        ("sandbox-pending", ERIN),
    }
    assert found["sandbox-team", COHOST] == "internal"
    assert calcom.writes() == []
    assert FOREIGN not in judged(tmp_path)


def interval(start: str, end: str) -> Row:
    """A task's context with a data interval."""
    instants = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end))
    return dict(zip(("data_interval_start", "data_interval_end"), instants, strict=True))


def test_the_data_interval_without_its_end(calcom: SandboxDriver, tmp_path: Path) -> None:
    """Two runs one after the other decide each booking once: one that starts at 10 o'clock is the second's."""
    found = []
    for start, end in (("09:00", "10:00"), ("10:00", "11:00")):
        context = interval(f"2026-11-18T{start}", f"2026-11-18T{end}")
        plan(tmp_path, attendance=fed(report(calcom)), after_start=None, before_start=None, context=context)
        found.append(judged(tmp_path))
    assert found == [{f"sandbox-yesterday-{number}" for number in (2, 3, 4)}, {"sandbox-seated"}]


def test_bounds_replace_the_interval(calcom: SandboxDriver, tmp_path: Path) -> None:
    """With after_start or before_start the data interval is not used.

    With ``zone`` their days are local ones, as ListBookingsOperator has them.
    """
    context = interval("2026-11-18T09:00", "2026-11-18T10:00")
    day = {"after_start": "2026-11-19", "before_start": "2026-11-20", "zone": "Pacific/Auckland"}
    plan(tmp_path / "both", attendance=fed(report(calcom)), context=context, **day)  # from 11:00Z to 11:00Z
    assert {"sandbox-yesterday-5", "sandbox-today-4"} <= judged(tmp_path / "both")
    assert not {"sandbox-yesterday-4", "sandbox-today-5"} & judged(tmp_path / "both")
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
    """A run that is started by hand needs bounds: otherwise all bookings would be decided."""
    with pytest.raises(errors.InvalidArgument, match="after_start and before_start") as raised:
        plan(tmp_path, attendance=[], after_start=None, before_start=None, context=context)
    assert ends_the_task(raised.value)
    assert calcom.calls() == []


@pytest.mark.parametrize("build", ["2025-08", "2026-07"])
def test_nobody_is_absent_from_a_moved_booking(calcom: SandboxDriver, tmp_path: Path) -> None:
    """Nobody came at the old hour. Servers of 2025-08 don't say where it went, but say that it is cancelled."""
    calcom.admin("clock", {"now": "2026-11-17T12:00:00Z"})  # nothing can be moved into the past
    response = httpx.post(
        f"{calcom.url}/v2/bookings/sandbox-yesterday-1/reschedule",
        json={"start": "2026-11-18T20:00:00.000Z"},
        headers={"Authorization": f"Bearer {KEY}", "cal-api-version": "2024-08-13"},
    )
    calcom.admin("clock", {"now": "2026-11-19T12:00:00Z"})
    new = response.raise_for_status().json()["data"]["uid"]
    rows = [row for row in report(calcom) if row["booking_uid"] != "sandbox-yesterday-1"]
    rows.append(seen("sandbox-yesterday-1", OWNER, "2026-11-18T08:00:00Z", "2026-11-18T08:30:00Z"))
    plan(tmp_path, attendance=fed(rows))
    assert changes(tmp_path) == set()
    assert reasons(tmp_path)["sandbox-yesterday-1", BOB] == "not_accepted"
    assert reasons(tmp_path)[new, BOB] == "email"


OUTSIDER = "anna@freelance.example"


def team_booking(uid: str = "b1", booker: str = ANN, other: str = OUTSIDER) -> Row:
    """Return a booking of a team that has another attendee beside the booker."""
    people = [{"name": email.partition("@")[0], "email": email, "absent": False} for email in (booker, other)]
    responses = {"name": people[0]["name"], "email": booker, "guests": []}
    return BOOKING | {"uid": uid, "attendees": people, "bookingFieldsResponses": responses}


def cohosts() -> tuple[list[Row], list[Row]]:
    """Return bookings of a team and who came to them: each has a second host among its attendees, but for two."""
    managed = "otto+cm0practice0client0id0000@acme.example"
    guest, named = team_booking("guest", other=OUTSIDER), team_booking("named", other="gina@acme.example")
    guest["bookingFieldsResponses"] |= {"guests": [OUTSIDER.upper()]}
    named["bookingFieldsResponses"] |= {"guests": ["gina@acme.example"]}
    bookings = {
        "away": (team_booking("away", other="oda@acme.example"), HANNA),
        "alone": (team_booking("alone", other="ona@acme.example"), "ona@acme.example"),
        "managed": (team_booking("managed", other=managed), "otto@acme.example"),
        "outsider away": (team_booking("outsider away"), HANNA),
        "outsider alone": (team_booking("outsider alone", other="una@freelance.example"), "una@freelance.example"),
        "booker": (team_booking("booker", booker=OUTSIDER, other=HANNA), HANNA),
        "guest": (guest, HANNA),
        "named": (named, HANNA),
    }
    rows = [seen(uid, email, BOOKING["start"], BOOKING["end"]) for uid, (_, email) in bookings.items()]
    return [booking for booking, _ in bookings.values()], rows


LOOSE = {"max_absent_share": 1, "min_matched_share": 0, "allow_nobody_present": True}


def test_cohosts_are_protected(tmp_path: Path) -> None:
    """An attendee who neither booked nor is a guest is a host of the team: not decided, and enough as the host.

    The organiser was ill, the co-host came, and the booker did not: that is the booker's no-show. A co-host of another
    domain than the organiser's is one in that booking alone: elsewhere the same person books, or is a guest.
    """
    bookings, rows = cohosts()
    plan(tmp_path, bookings=bookings, attendance=fed(rows), guard_rails=LOOSE)
    found = reasons(tmp_path)
    assert changes(tmp_path) == {
        *((uid, ANN) for uid in ("away", "alone", "managed", "outsider away", "outsider alone", "guest", "named")),
        ("booker", OUTSIDER),
        ("guest", OUTSIDER),
        ("named", "gina@acme.example"),
    }
    assert (found["away", "oda@acme.example"], found["outsider away", OUTSIDER]) == ("internal", "internal")


def test_cohosts_are_attendees_on_request(tmp_path: Path) -> None:
    """With ``protect_cohosts=False`` they are decided like the others, and do not replace the host."""
    bookings, rows = cohosts()
    plan(tmp_path, bookings=bookings, attendance=fed(rows), guard_rails=LOOSE, protect_cohosts=False)
    found = reasons(tmp_path)
    assert {("away", "oda@acme.example"), ("outsider away", OUTSIDER)} <= changes(tmp_path)
    assert {found[uid, ANN] for uid in ("alone", "managed", "outsider alone")} == {"host_not_seen"}


def test_a_cohost_is_never_marked_as_the_host(tmp_path: Path) -> None:
    """Cal.com has one flag for the organiser; where hosts are decided, it is planned once, for the organiser."""
    rows = [seen("b1", ANN, BOOKING["start"], BOOKING["end"])]
    plan(tmp_path, bookings=[team_booking()], attendance=fed(rows), policy=WHOLE | {"judge_hosts": True})
    assert changes(tmp_path) == {("b1", HANNA)}
    assert summary(tmp_path)["held_back"]["no_address"] == 1


def test_no_bookings_make_an_empty_plan(calcom: SandboxDriver, tmp_path: Path) -> None:
    """A day without bookings succeeds, also without a feed."""
    result = plan(tmp_path, attendance=[], after_start="2030-01-01", before_start="2030-01-02")
    assert (result["state"], result["changes"]["total"], result["outcomes"]) == ("ready", 0, {})
    assert (tmp_path / "plan.jsonl").read_bytes() == b""


def test_event_types(calcom: SandboxDriver, tmp_path: Path) -> None:
    """Only bookings of the requested event types are decided."""
    plan(tmp_path, attendance=fed(report(calcom)), event_type_ids="[4]")
    assert judged(tmp_path) == {"sandbox-team"}


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"team_id": "3"}, "/v2/teams/3/bookings"),
        ({"organization_id": 9}, "/v2/organizations/9/bookings"),
        ({"organization_id": 9, "user_id": 4}, "/v2/organizations/9/users/4/bookings"),
    ],
)
def test_bookings_of_others(calcom: SandboxDriver, tmp_path: Path, given: Row, path: str) -> None:
    """Teams, organisations and members have lists of their own, which are the ones that are requested."""
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
        "result as a string": str({"path": str(listed), "bookings": len(bookings)}),
        "rows": bookings,
        "rows as a string": str(bookings),
        "rows as JSON": json.dumps(bookings),
        "pattern": str(listed.parent / "book*.jsonl"),
        "path object": listed,
    }


def test_every_form_of_given_bookings(listed: Path) -> None:
    """A file of ListBookingsOperator, its result, or rows: parsed, they are the same bookings."""
    for form, given in given_bookings(listed).items():
        assert rows_of("bookings", parsed(attendance=[], bookings=given).bookings) == lines(listed), form


def test_given_bookings_replace_those_of_the_api(calcom: SandboxDriver, tmp_path: Path, listed: Path) -> None:
    """The same bookings have the same plan, and Cal.com is not requested for them; there need not be a connection."""
    rows = report(calcom, OF_BOB, ("sandbox-team", COHOST))
    plan(tmp_path / "api", attendance=fed(rows))
    for form, conn_id, paths in (("result", "calcom_default", ["/v2/me"]), ("rows", "missing", [])):
        calls, folder = len(calcom.calls()), tmp_path / form
        bookings = given_bookings(listed)[form]
        plan(folder, attendance=fed(rows), bookings=bookings, after_start=None, calcom_conn_id=conn_id)
        assert [call["path"] for call in calcom.calls()[calls:]] == paths
        for name in ("plan.jsonl", "decisions.parquet"):
            assert files(folder)[name] == files(tmp_path / "api")[name] != b""


@pytest.mark.parametrize(
    ("given", "include_attended"), [("api", False), ("rows", False), ("rows", True)], ids=["api", "rows", "included"]
)
def test_bookings_that_the_user_only_attends(
    calcom: SandboxDriver, tmp_path: Path, given: str, include_attended: bool
) -> None:
    """Cal.com lists them with one's own; their people are another host's to mark, so they are left out.

    A co-host's booking is one's own where the mail domain is the organiser's; with another one that is not certain.
    """
    me, ann = ({"name": name, "email": email, "absent": False} for name, email in (("Me", OWNER), ("Ann Ames", ANN)))

    def of_a_stranger(uid: str, booker: str, guests: list[str]) -> Row:
        form = {"name": "x", "email": booker, "guests": guests}
        return BOOKING | {"uid": uid, "attendees": [me, ann], "bookingFieldsResponses": form, "guests": guests}

    organiser: Row = {"id": 7, "name": "Hanna Host", "email": "hanna@example.com"}
    strangers = [
        of_a_stranger("booked", OWNER, [ANN]),
        of_a_stranger("guest", ANN, [OWNER.upper()]),
        of_a_stranger("doubtful", ANN, []),
        of_a_stranger("cohost", ANN, []) | {"hosts": [organiser]},
    ]
    page = {"status": "success", "data": strangers, "pagination": {"totalItems": 4, "hasNextPage": False}}
    calcom.fault("GET", "/v2/bookings", "status", status=200, body=page, when="before", times=None)
    bookings = {"bookings": strangers, "after_start": None} if given == "rows" else {}
    rows = [seen("cohost", organiser["email"], BOOKING["start"], BOOKING["end"])]
    plan(tmp_path, attendance=fed(rows), include_attended=include_attended, **bookings)
    others = {"booked", "guest", "doubtful"}
    assert judged(tmp_path) == {"cohost"} | (others if include_attended else set())
    assert summary(tmp_path)["attended_bookings"] == (None if include_attended else 3)


def about(folder: Path, *columns: str) -> list[tuple[Any, ...]]:
    """Return columns of the plan's bookings, by uid."""
    import duckdb

    query = f"SELECT {', '.join(columns)} FROM read_parquet('{folder / 'bookings.parquet'}') ORDER BY booking_uid"
    found: list[tuple[Any, ...]] = duckdb.execute(query).fetchall()
    return found


def test_what_a_plan_says_of_its_bookings(calcom: SandboxDriver, tmp_path: Path, listed: Path) -> None:
    """Event type and host are Cal.com's, also of given bookings; the period is what was requested of the API."""
    start = "strftime(start_at AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.000Z')"
    columns = ("booking_uid", "status", start, "event_type", "host_email", "host_name")
    expected = sorted(
        (one["uid"], one["status"], one["start"], one["eventType"]["slug"], host["displayEmail"], host["name"])
        for one in lines(listed)
        for host in one["hosts"][:1]
    )
    for name, given in (("api", {}), ("rows", given_bookings(listed)["rows"])):
        plan(tmp_path / name, attendance=fed(report(calcom)), **({"bookings": given} if given else {}))
        assert about(tmp_path / name, *columns) == expected
        read = summary(tmp_path / name)
        assert read["bookings"] == read["evidence"]["bookings"] == len(expected)
        period = {"after_start": "2026-11-18T00:00:00.000Z", "before_start": "2026-11-19T00:00:00.000Z"}
        assert read["period"] == (None if given else period)
        assert read["booking_url"] is None  # of a server of one's own, whose pages are not known


@pytest.mark.parametrize(
    ("extra", "page"),
    [
        ({}, "https://app.cal.com/booking/{uid}"),
        ({"web_url": "https://book.acme.example"}, "https://book.acme.example/booking/{uid}"),
    ],
)
def test_the_page_of_a_booking(connect: Callable[..., None], tmp_path: Path, extra: Row, page: str) -> None:
    """Where the connection says where Cal.com's pages are, the summary has their address, without a secret."""
    connect(password="cal_test_secret_key", extra=extra)
    bookings, people, attendance = table_rows()
    plan(tmp_path, bookings=bookings, people=people, attendance=attendance)
    read = summary(tmp_path)
    assert read["booking_url"] == page
    assert "secret_key" not in json.dumps(read)


def test_bookings_of_tables(tmp_path: Path) -> None:
    """The host is one of people, and nothing else is known; neither is a page, where there is no connection."""
    bookings, people, attendance = table_rows()
    people.append(people[0] | {"email": None, "match_email": "cohost@acme.example"})
    people.append(people[0] | {"email": "a.host@acme.example", "match_email": "ada@acme.example", "name": "Ada"})
    plan(tmp_path, calcom_conn_id="missing", bookings=bookings, people=people, attendance=attendance)
    assert about(tmp_path, "event_type", "host_email", "host_name") == [(None, "ada@acme.example", "Ada")]
    assert summary(tmp_path)["booking_url"] is None


def test_tables_instead_of_bookings(tmp_path: Path) -> None:
    """With people, the tables of the rules are read as they are, in whatever form; Cal.com is not needed."""
    given: dict[str, Any] = {}
    for name, rows in zip(("bookings", "people", "attendance"), table_rows(), strict=True):
        path = write_lines(tmp_path / f"{name}-1.jsonl", rows)
        table = tmp_path / f"{name}.csv"
        table.write_text("\n".join([",".join(rows[0]), *(_csv(row) for row in rows)]) + "\n", encoding="utf-8")
        forms = [rows, str(path), [str(path)], str([str(path)]), f"file://{path}", str(tmp_path / f"{name}-*.jsonl")]
        for form in forms:
            request = parsed(**{"attendance": [], "bookings": [], name: form})
            assert rows_of(name, getattr(request, name)) == rows, form
        given[name] = {"bookings": str(table), "people": [str(path)], "attendance": rows}[name]
    plan(tmp_path / "p", calcom_conn_id="missing", **given)
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
        pytest.param(BOOKING | {"start": None}, "start must be a string", id="no start"),
        pytest.param(BOOKING | {"start": "ann@client.example"}, "column start_at", id="start of another kind"),
        pytest.param(BOOKING | {"end": "2026-11-18T08:30:00"}, "column end_at", id="end without a zone"),
        pytest.param(BOOKING | {"attendees": {"email": BOB}}, "attendees is not a list", id="attendees an object"),
        pytest.param(BOOKING | {"attendees": [BOB]}, "attendees is not a list", id="attendees texts"),
        pytest.param(BOOKING | {"attendees": [{"email": 7}]}, r"attendees\[0\]\.email", id="address a number"),
        pytest.param(
            BOOKING | {"attendees": [{"email": BOB, "absent": "true"}]}, r"attendees\[0\]\.absent", id="flag a text"
        ),
        pytest.param(BOOKING | {"absentHost": 1}, "absentHost", id="host's flag a number"),
        pytest.param(BOOKING | {"hosts": "Hanna"}, "hosts is not a list", id="hosts a text"),
        pytest.param(BOOKING | {"bookingFieldsResponses": "{}"}, "bookingFieldsResponses", id="responses a text"),
    ],
)
def test_rows_that_are_not_bookings(tmp_path: Path, booking: Any, names: str) -> None:
    """A fault is reported by row and field, without anybody's address, and ends the task."""
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
        pytest.param(
            f"\n{json.dumps([[BOOKING]])}\n", "row 1: is a list and not a booking object", id="list in a list"
        ),
        pytest.param(f"{json.dumps(BOOKING)}\nann@client.example\n", "row 2: is not JSON", id="second line"),
        pytest.param("[" * 100_000, "row 1: is not JSON", id="deep"),
    ],
)
def test_files_that_are_not_of_bookings(tmp_path: Path, text: str, names: str) -> None:
    """A fault is reported with the file's name and line."""
    path = tmp_path / "bookings.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput, match=names) as raised:
        plan(tmp_path / "p", bookings=str(path), attendance=[])
    assert str(path) in str(raised.value)
    assert "ann@" not in str(raised.value)
    assert ends_the_task(raised.value)


def test_an_organiser_whose_account_is_gone(tmp_path: Path) -> None:
    """Cal.com then says ``unknown`` of the host, whom no row can be: nobody is absent from a meeting of no host."""
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
    result = plan(tmp_path, attendance=fed(rows), guard_rails=LOOSE)
    text = json.dumps(result)
    assert result["changes"]["total"] > 10
    assert json.loads(text) == result
    assert len(text) < 2_500
    assert "@" not in text
    assert result.keys() == {"plan_path", "state", "changes", "outcomes", "held_back", "guard_rails", "sha256"}
    assert {name: summary(tmp_path)[name] for name in result if name != "plan_path"} == {
        name: value for name, value in result.items() if name != "plan_path"
    }


def test_equal_inputs_produce_equal_bytes(calcom: SandboxDriver, tmp_path: Path) -> None:
    """A run into another folder writes the same files, whatever the order of the feed; no name is of one run."""
    rows = report(calcom, OF_BOB)
    write_lines(tmp_path / "rows.jsonl", rows)
    given = {"attendance": [fed(rows), {"feed": "canonical", "path": str(tmp_path / "rows.jsonl")}]}
    plan(tmp_path / "first", **given)
    given["attendance"][0] = fed(reversed(rows))
    plan(tmp_path / "second", **given)
    assert files(tmp_path / "first") == files(tmp_path / "second")
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


def test_the_folder_of_a_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be a URL of an object storage, or lie below the worker's directory or home."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    here = [f"file://{tmp_path}/deep/p", "deep/p", "~/deep/p", tmp_path / "deep/p"]
    with memory_storage() as memory:
        for number, address in enumerate([*here, f"{memory}/deep/p"], start=1):
            folder: Any = parsed(attendance=[], plan_path=address).plan
            write(crowd(number), folder, rails=LOOSE)
            read: Any = tmp_path / "deep/p" if address in here else folder
            assert verify_plan(read)["changes"]["total"] == number
            names = {path.name for path in read.iterdir()}
            assert names >= {"plan.jsonl", "held-back.jsonl", "decisions.parquet", "bookings.parquet", "summary.json"}


# Guard rails and policy.


def test_a_guard_rail_ends_the_task(calcom: SandboxDriver, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The task fails without retries; error and log name rail, figure and limit; the report is written."""
    caplog.set_level("INFO")
    with pytest.raises(PlanRefused) as raised:
        plan(tmp_path, attendance=fed(report(calcom, OF_BOB, OF_CAROL)), guard_rails={"max_changes": 1})
    assert ends_the_task(raised.value)
    assert "max_changes: the plan has 2 changes (limit: at most 1)" in str(raised.value)
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert any(re.search("max_changes +FAILED +at most 1 +the plan has 2 changes", text) for text in said)
    assert summary(tmp_path)["state"] == "refused"
    assert "plan.jsonl" not in files(tmp_path)
    assert "@" not in caplog.text


def test_an_empty_feed(calcom: SandboxDriver, tmp_path: Path) -> None:
    """A feed without rows while there are bookings is a broken feed, unless the user says that it is right."""
    with pytest.raises(PlanRefused, match="allow_empty_feed"):
        plan(tmp_path, attendance=[])
    allowed = {"allow_empty_feed": "True"}
    assert plan(tmp_path, attendance={"feed": "zoom", "rows": "[]"}, guard_rails=allowed)["state"] == "ready"


POLICY = {
    "as_of": "2026-11-19T11:00:00Z",
    "attendance_until": "2026-11-19T11:00:00Z",
    "settle": 900,
    "min_presence": 1.5,
    "require_host_present": False,
    "internal_domains": ["acme.example", "example.net"],
    "aliases": {"annie@client.example": "ann@client.example"},
}
RAILS: Row = {"max_absent_share": 0.9, "min_sample": 5, "max_changes": None, "allow_empty_feed": True}


def test_every_form_of_policy_and_rails() -> None:
    """A dict, JSON, and what a template makes of either, down to single fields, are equal."""

    def forms(fields: Row) -> list[Any]:
        cells = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
        return [fields, json.dumps(fields), str(fields), {name: str(value) for name, value in fields.items()}, cells]

    for policy, rails in zip(forms(POLICY), forms(RAILS), strict=True):
        request = parsed(attendance=[], policy=policy, guard_rails=rails)
        found = request.policy.as_dict()
        assert {name: found[name] for name in POLICY} == POLICY | {
            "as_of": "2026-11-19T11:00:00.000Z",
            "attendance_until": "2026-11-19T11:00:00.000Z",
        }
        assert request.guard_rails == GuardRails(**RAILS)


def test_the_policy_s_default_time_is_now() -> None:
    """Without ``as_of`` bookings are decided by the clock."""
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    as_of = parsed(attendance=[], policy=None).policy.as_of
    assert isinstance(as_of, datetime)
    assert before <= as_of <= datetime.now(UTC)


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
def test_invalid_parameters(
    calcom: SandboxDriver, tmp_path: Path, given: Row, error: type[Exception], names: str
) -> None:
    """An invalid word, or a template that found nothing, is named before a request to Cal.com, and ends the task."""
    with pytest.raises(error, match=names) as raised:
        plan(**{"folder": tmp_path, "attendance": [], **given})
    assert ends_the_task(raised.value)
    assert "ann@" not in str(raised.value)
    assert len(str(raised.value)) < 600
    assert calcom.calls() == []


def test_force() -> None:
    """It is parsed also where a template made a string of it."""
    forms = {True: True, "True": True, "true": True, False: False, "False": False}
    assert {form: parsed(attendance=[], force=form).force for form in forms} == forms


# What must not get out, and how a task ends.

PRIVATE = re.compile(r"@example|@client|@acme|barker|carol|dave|erin|mona|1701234567|olivia|owner(?!_)", re.IGNORECASE)


def logged(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> str:
    """Return all that was logged at INFO or above, or printed."""
    written = capfd.readouterr()
    text = "\n".join(record.getMessage() for record in caplog.records if record.levelno >= logging.INFO)
    return f"{text}\n{written.out}\n{written.err}"


@pytest.mark.parametrize("fault", ["rail", "unreadable", "few unreadable", "bookings"])
def test_log_and_errors_name_nobody(
    calcom: SandboxDriver,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    fault: str,
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
    assert bool(text) == (fault != "few unreadable")
    text += logged(caplog, capfd)
    assert "Plan " in text or fault != "few unreadable", "the log was not captured, so that nothing is proven"
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
    """Airflow retries where that can help; an older plan stays, and nobody is decided on half of the bookings."""
    rows = report(calcom, OF_BOB)
    write(crowd(1), tmp_path)
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


both_renderings = pytest.mark.parametrize("native", [False, True], ids=["string", "native"])


@both_renderings
def test_templates_of_attendance(tmp_path: Path, native: bool) -> None:
    """What comes from XCom or params means the same whether the DAG renders to strings or natively."""
    for attendance in (
        {"feed": "canonical", "rows": "{{ params.rows }}"},
        {"feed": "canonical", "rows": "{{ params.rows | tojson }}"},
        ["{{ {'feed': 'canonical', 'rows': params.rows} }}"],
        "{{ [{'feed': 'canonical', 'rows': params.rows}] }}",
        "{{ {'feed': 'canonical', 'rows': params.rows} | tojson }}",
        "{{ params.rows }}",
    ):
        operator = rendered(native, attendance=attendance, plan_path=str(tmp_path))
        (row,) = attendance_rows(tmp_path, parsed(attendance=operator.attendance))
        assert (row["booking_uid"], row["email"]) == ("b1", "host@acme.example"), attendance


@both_renderings
def test_templates_of_a_plan(tmp_path: Path, native: bool) -> None:
    """All other parameters likewise."""
    operator = rendered(
        native,
        attendance=["{{ {'feed': 'canonical', 'rows': params.rows} }}"],
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
        force="{{ params.yes }}",
        plan_path=f"{tmp_path}/{{{{ params.folder }}}}",
    )
    result = operator.execute({})
    assert changes(tmp_path / "p") == {("b1", ANN)}
    assert result["plan_path"] == str(tmp_path / "p")
    found = summary(tmp_path / "p")
    assert (found["correct"], found["force"]) == ("all", True)
    assert found["policy"]["internal_domains"] == ["acme.example"]


@both_renderings
def test_nothing_from_a_template(tmp_path: Path, native: bool) -> None:
    """A task that returned None is an error in both renderings: it is neither a path nor an empty feed."""
    for attendance in ("{{ params.nothing }}", {"feed": "zoom", "rows": "{{ params.nothing }}"}):
        operator = rendered(native, attendance=attendance, bookings=[BOOKING], plan_path=str(tmp_path / "p"))
        with pytest.raises(errors.InvalidArgument, match="attendance"):
            operator.execute({})


def test_every_template_field_is_a_parameter() -> None:
    """Each template field is an attribute of the same name, and each parameter that a run may set is a template."""
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
    documented = PlanNoShowsOperator.__doc__ or ""
    for name in parameters:
        text = re.search(rf":param {name}: (.*?)(?=\n    :|\n\n)", documented, re.DOTALL)
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
    """``partial().expand()`` makes one plan for each, with the shared parameters."""
    rows = [seen("b1", "hanna@acme.example", BOOKING["start"], BOOKING["end"])]
    each = [{"attendance": fed(rows), "plan_path": str(tmp_path / name)} for name in ("a", "b")]
    with DAG("d", schedule=None, start_date=datetime(2026, 1, 1)):
        mapped = PlanNoShowsOperator.partial(task_id="plan", bookings=[BOOKING], policy=WHOLE).expand_kwargs(each)
    assert [vars(mapped.unmap(given))["plan_path"] for given in each] == [given["plan_path"] for given in each]
    assert mapped.unmap(each[1]).execute({})["changes"]["total"] == 1
    assert changes(tmp_path / "b") == {("b1", ANN)}
