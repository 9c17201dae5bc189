"""Plans made on a SQL connection, and several made at the same time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from airflow_provider_calcom.attendance.errors import AttendanceError, PlanRefused, UnsupportedConnection
from airflow_provider_calcom.attendance.schema import TABLES
from airflow_provider_calcom.no_shows.plan_request import TableName
from tests.attendance.postgres import PostgresServer
from tests.attendance.worlds import random_world
from tests.operators.marking import BOB, MONA
from tests.operators.planning import (
    ANN,
    DAY,
    WHOLE,
    Row,
    changes,
    fed,
    files,
    judged,
    parsed,
    plan,
    report,
    summary,
    table_rows,
)
from tests.profiles import examples
from tests.support import SandboxDriver, ends_the_task

LOOSE = {"max_absent_share": 1, "min_matched_share": 0, "allow_empty_feed": True, "allow_nobody_present": True}
OF_BOB = ("sandbox-yesterday-1", BOB)
COHOST = ("sandbox-team", "other@example.com")
TYPES = {"label": "text", "text": "text", "instant": "timestamptz", "flag": "boolean"}


@pytest.fixture
def warehouse(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """An Airflow connection to PostgreSQL whose session has a zone of its own, and may make nothing that stays."""
    postgres.connect_airflow(monkeypatch, "warehouse", options="-c timezone=Asia/Tokyo")
    return "warehouse"


@pytest.fixture
def tables(postgres: PostgresServer) -> Iterator[dict[str, Row]]:
    """The meeting of Ann in tables on the server, as the operator takes them."""
    with closing(postgres.connect(as_owner=True)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(f"CREATE SCHEMA plans; GRANT USAGE ON SCHEMA plans TO {postgres.user}")
        for table, rows in zip(TABLES, table_rows(), strict=True):
            columns = ", ".join(f"{column.name} {TYPES[column.kind]}" for column in table.columns)
            cursor.execute(f"CREATE TABLE plans.{table.name} ({columns})")
            cursor.execute(f"GRANT SELECT ON plans.{table.name} TO {postgres.user}")
            for row in rows:
                names = ", ".join(row)
                cursor.execute(
                    f"INSERT INTO plans.{table.name} ({names}) VALUES ({', '.join(['%s'] * len(row))})",
                    list(row.values()),
                )
        yield {table.name: {"table": f"plans.{table.name}"} for table in TABLES}
        cursor.execute("DROP SCHEMA plans CASCADE")


def test_the_plan_of_a_sql_connection_is_that_of_the_worker(
    calcom: SandboxDriver, tmp_path: Path, warehouse: str
) -> None:
    """With rules_conn_id the same changes are written, byte by byte, and the summary has the same figures.

    Only evidence is missing there, and with it the end of a booking and its status.
    """
    calcom.change("sandbox-yesterday-9", attendees=[{"email": "Erin.Egan@Example.org", "absent": True}])
    given: Row = {"attendance": [fed(report(calcom, OF_BOB)), fed(report(calcom, OF_BOB, COHOST))], "correct": "all"}
    here = plan(tmp_path / "here", **given)
    there = plan(tmp_path / "there", **given, rules_conn_id=warehouse)
    assert changes(tmp_path / "here") == {OF_BOB, ("sandbox-yesterday-9", "Erin.Egan@Example.org")}
    assert {**there, "plan_path": ""} == {**here, "plan_path": ""}
    whole, fetched = files(tmp_path / "here"), files(tmp_path / "there")
    for name in ("plan.jsonl", "held-back.jsonl"):
        assert fetched[name] == whole[name], name
    ours, theirs = summary(tmp_path / "here"), summary(tmp_path / "there")
    of_evidence = ("evidence", "report_sha256")
    assert {**theirs, **dict.fromkeys(of_evidence)} == {**ours, **dict.fromkeys(of_evidence)}
    assert (ours["evidence"]["left_out"], theirs["evidence"]["bookings"]) == (0, 0)
    assert theirs["evidence"]["left_out"] == ours["bookings"] > 0
    assert "evidence.parquet" not in fetched
    columns = "booking_uid, start_at, excluded_as, event_type, host_email, host_name"
    table = "SELECT {} FROM read_parquet('{}') ORDER BY booking_uid"
    here_rows, there_rows = (
        duckdb.execute(table.format(columns, tmp_path / one / "bookings.parquet")).fetchall()
        for one in ("here", "there")
    )
    assert set(there_rows) <= set(here_rows)
    assert {row[0] for row in there_rows} == judged(tmp_path / "there")


@pytest.mark.parametrize("seed", range(examples(fast=1, deep=10)))
def test_random_worlds_have_the_same_plan_on_both(tmp_path: Path, warehouse: str, seed: int) -> None:
    """The changes are the same bytes; of the decisions only those of bookings with changes are fetched."""
    bookings, people, attendance, policy = random_world(f"plans {seed}", 150)
    given = {"bookings": bookings, "people": people, "attendance": attendance, "policy": policy}
    here = plan(tmp_path / "here", **given, guard_rails=LOOSE, correct="all")
    there = plan(tmp_path / "there", **given, guard_rails=LOOSE, correct="all", rules_conn_id=warehouse)
    assert here["changes"]["total"] > 0
    assert there["sha256"] == here["sha256"]
    assert files(tmp_path / "there")["plan.jsonl"] == files(tmp_path / "here")["plan.jsonl"]
    assert (there["outcomes"], there["held_back"]) == (here["outcomes"], here["held_back"])
    changed = {uid for uid, _ in changes(tmp_path / "here")}
    assert changed <= judged(tmp_path / "there") < judged(tmp_path / "here")


def test_tables_on_the_server(tmp_path: Path, warehouse: str, tables: dict[str, Row]) -> None:
    """Tables and rows may be mixed, and their names may come as a template's string; Cal.com is not needed."""
    _, people, attendance = table_rows()
    for form in (tables["attendance"], str(tables["attendance"]), json.dumps(tables["attendance"])):
        assert parsed(attendance=form, rules_conn_id=warehouse).attendance == TableName("plans.attendance")
    mixtures: dict[str, dict[str, Any]] = {
        "tables": tables,
        "feed": {**tables, "attendance": fed(attendance), "people": people},
    }
    for name, given in mixtures.items():
        plan(tmp_path / name, **given, rules_conn_id=warehouse, calcom_conn_id="missing")
        assert changes(tmp_path / name) == {("b1", ANN)}


def test_attendance_on_the_server_with_bookings_of_the_api(
    calcom: SandboxDriver, tmp_path: Path, warehouse: str, tables: dict[str, Row]
) -> None:
    """Bookings of Cal.com are loaded to the server that has the table."""
    result = plan(tmp_path, attendance=tables["attendance"], rules_conn_id=warehouse, guard_rails=LOOSE)
    assert (result["state"], result["outcomes"]["undetermined"]) == ("ready", {"no_evidence": 16})
    assert [one["file"] for one in summary(tmp_path)["inputs"]] == [
        "bookings (Cal.com)",
        "people (Cal.com)",
        "table plans.attendance",
    ]


def test_a_missing_table(tmp_path: Path, warehouse: str, tables: dict[str, Row]) -> None:
    """The error has the wrong name."""
    with pytest.raises(AttendanceError, match=r"plans\.nothing"):
        plan(tmp_path, **{**tables, "attendance": {"table": "plans.nothing"}}, rules_conn_id=warehouse)


def test_a_guard_rail_on_the_server(tmp_path: Path, warehouse: str, tables: dict[str, Row]) -> None:
    """Rails are evaluated in the same way."""
    with pytest.raises(PlanRefused, match=r"max_changes: the plan has 1 changes \(limit: at most 0\)"):
        plan(tmp_path, **tables, rules_conn_id=warehouse, guard_rails={"max_changes": 0})


def test_a_connection_that_runs_no_rules(calcom: SandboxDriver, tmp_path: Path) -> None:
    """A connection of another kind is named before Cal.com is called."""
    with pytest.raises(UnsupportedConnection, match="calcom_default") as raised:
        plan(tmp_path, attendance=[], rules_conn_id="calcom_default")
    assert ends_the_task(raised.value)
    assert calcom.calls() == []


def test_plans_made_at_the_same_time(calcom: SandboxDriver, tmp_path: Path) -> None:
    """Tasks of one worker, each with its folder, plan what each was given."""
    people = [OF_BOB, ("sandbox-yesterday-8", MONA)]
    rows = {who: report(calcom, who) for who in people}

    def made(place: int) -> set[tuple[str, str]]:
        folder = tmp_path / str(place)
        plan(folder, attendance=fed(rows[people[place]]), policy=WHOLE, **DAY)
        return changes(folder)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(made, range(2))) == [{who} for who in people]
