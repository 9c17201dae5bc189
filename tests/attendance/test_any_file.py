"""Whatever lies in a file that a task reads: it is read as it was meant, or refused by its name in an error of ours."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_calcom.attendance.engine import Resources, decide
from airflow_provider_calcom.no_shows.apply.worklist import Worklist
from airflow_provider_calcom.no_shows.booking_files import read_bookings
from airflow_provider_calcom.no_shows.input_files import files_of
from airflow_provider_calcom.no_shows.inputs import booking_tables
from airflow_provider_calcom.no_shows.ledger.compaction import compact
from airflow_provider_calcom.no_shows.ledger.reader import LastWriteLookup
from airflow_provider_calcom.no_shows.plan_files import Change, read_plan, read_summary
from airflow_provider_calcom.operators._paths import Storage
from tests.operators.planning import BOOKING, plan, table_rows
from tests.wild import ANY_JSON, limits, outcome

SMALL = Resources(memory_limit="256MB", threads=1)
TABLES = ("bookings", "people", "attendance")


def written(path: Path, *values: Any) -> Path:
    """Write JSON lines as any writer might: with NaN and lone surrogates."""
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="ascii")
    return path


def places_in(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return all places of a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [before, *(place for key, one in inner for place in places_in(one, (*before, key)))]


def changed(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    """Return a copy of a JSON value with another value at one place."""
    if not place:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = changed(value[place[0]], place[1:], new)
    return copy


def any_change(value: Any) -> st.SearchStrategy[Any]:
    """Any JSON at any place of a value."""
    return st.tuples(st.sampled_from(places_in(value)), ANY_JSON).map(lambda drawn: changed(value, *drawn))


RICH = {
    **BOOKING, "guests": ["g@x.test"], "bookingFieldsResponses": {"email": "a@x.test", "guests": ["g@x.test"]},
    "eventType": {"id": 1, "slug": "x"}, "meetingUrl": None, "rescheduledToUid": None,
    "createdAt": "2026-11-01T00:00:00Z",
}  # fmt: skip


@given(booking=any_change(RICH))
@limits(60)
def test_bookings_of_cal_com(tmp_path_factory: pytest.TempPathFactory, booking: Any) -> None:
    """A booking of a file that holds any JSON anywhere is judged, or refused by file and row."""
    folder = tmp_path_factory.mktemp("bookings")
    path = written(folder / "given.jsonl", booking)

    def read() -> None:
        tables = booking_tables(read_bookings(path), folder, where="given.jsonl", user={"id": 7, "email": "me@x.test"})
        assert tables.bookings.exists()

    outcome(read, names=("given.jsonl",), in_task=False)


@pytest.mark.parametrize("table", TABLES)
@given(data=st.data())
@limits(8)
def test_rows_of_the_tables(tmp_path_factory: pytest.TempPathFactory, table: str, data: st.DataObject) -> None:
    """So is a row of each of the rules' tables, in a file or as rows."""
    rows = dict(zip(TABLES, table_rows(), strict=True))
    row = data.draw(any_change(rows[table][0]))
    in_file = data.draw(st.booleans())
    folder = tmp_path_factory.mktemp("tables")
    given_table = written(folder / f"{table}.jsonl", row) if in_file else [row]
    tables: dict[str, Any] = {**rows, table: given_table}
    outcome(lambda: decide(**tables, resources=SMALL), names=(table,), in_task=False)


DAMAGED = [
    *(b"\x1f\x8b", b"PAR1", b"PAR1\0\0\0\0PAR1", b"\xff\xfea", b"[" * 99_999),
    *(b'{"booking_uid": 1e999}', b'"', b"a,b\n1", b"\0" * 9),
]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet", ".jsonl.gz", ".csv.gz", ".tsv"])
@given(content=st.binary(max_size=40) | st.sampled_from(DAMAGED))
@limits(4)
def test_bytes(tmp_path_factory: pytest.TempPathFactory, suffix: str, content: bytes) -> None:
    """Any bytes under any suffix are refused by the file's name."""
    path = tmp_path_factory.mktemp("bytes") / f"people{suffix}"
    path.write_bytes(content)
    bookings, _, attendance = table_rows()
    outcome(lambda: decide(bookings, path, attendance, resources=SMALL), names=(path.name,), in_task=False)


def _folder(path: Path) -> None:
    path.mkdir()


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _loop(path: Path) -> None:
    path.symlink_to(path)


def _below_a_file(path: Path) -> None:
    path.parent.rmdir()
    path.parent.write_bytes(b"")


@pytest.mark.parametrize("make", [_folder, _fifo, _loop, _below_a_file])
def test_what_is_not_a_file(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """A folder, a pipe that nobody writes, a link to itself: refused by name, and nothing hangs."""
    place = tmp_path / "in"
    place.mkdir()
    path = place / "people.jsonl"
    make(path)
    error = outcome(lambda: files_of("people", Storage().path("people", str(path))), names=("people",), in_task=False)
    assert error is not None


@pytest.fixture(scope="module")
def a_plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan with one change."""
    folder = tmp_path_factory.mktemp("any-plan") / "plan"
    bookings, people, attendance = table_rows()
    plan(folder, attendance=attendance, bookings=bookings, people=people, after_start=None, before_start=None,
         calcom_conn_id="there_is_none")  # fmt: skip
    return folder


def _applied(folder: Path) -> None:
    summary = read_summary(folder)
    with Worklist(read_plan(folder, summary=summary)) as worklist:
        assert worklist.total >= 0


@pytest.mark.parametrize("name", ["summary.json", "plan.jsonl"])
@given(data=st.data())
@limits(25)
def test_files_of_a_plan(a_plan: Path, name: str, data: st.DataObject) -> None:
    """A plan whose summary or change holds any JSON anywhere is refused, whatever its hash says, or is that plan."""
    good = (a_plan / name).read_bytes()
    new = data.draw(any_change(json.loads(good)))
    (a_plan / name).write_text(json.dumps(new) + "\n", encoding="ascii")
    try:
        outcome(lambda: _applied(a_plan), names=(name, "plan"), in_task=False)
    finally:
        (a_plan / name).write_bytes(good)


RECORD = {
    "kind": "outcome", "id": "x-1", "time": "2026-11-20T00:00:00.000000Z", "plan": "p", "booking_uid": "b1",
    "role": "attendee", "email": "a@x.test", "email_hash": None, "from": False, "to": True, "reason": "not_seen",
    "outcome": "applied", "detail": None, "shown": True, "request_id": None, "dag_id": "d", "run_id": "r",
    "task_id": "t", "map_index": -1, "try_number": 1, "sequence": 5,
}  # fmt: skip


@given(record=any_change(RECORD))
@limits(60)
def test_records_of_a_ledger(tmp_path_factory: pytest.TempPathFactory, record: Any) -> None:
    """A record of the ledger that holds any JSON anywhere is read, or refused by part and line."""
    folder = tmp_path_factory.mktemp("ledger")
    written(folder / "20261120-part.jsonl", record, RECORD)

    def read() -> None:
        with LastWriteLookup(folder) as ledger:
            ledger.find("b1", "attendee", "a@x.test")
            ledger.latest_open()
        compact(folder)

    outcome(read, names=("20261120-part.jsonl", "ledger"), in_task=False)


@given(content=st.binary(max_size=60))
@limits(25)
def test_bytes_of_a_ledger(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Any bytes in a part are refused by part and line; only a torn last line is left out."""
    folder = tmp_path_factory.mktemp("ledger")
    (folder / "part.jsonl").write_bytes(content)
    outcome(lambda: LastWriteLookup(folder).close(), names=("part.jsonl",), in_task=False)


def test_a_change_can_be_kept() -> None:
    """What is read from a plan fits into the list of work: half characters and endless numbers were refused before."""
    with Worklist(
        [Change("b1", "attendee", "a@x.test", False, True, "not_seen", 0.0, "2026-11-18T08:00:00.000Z")]
    ) as one:
        assert one.total == 1
