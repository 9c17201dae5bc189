"""`calcom-no-shows decide` on bad input: each works, or ends in one line that names what to fix."""

from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from airflow_provider_calcom.attendance.engine import decide
from airflow_provider_calcom.attendance.schema import ATTENDANCE, BOOKINGS, PEOPLE
from airflow_provider_calcom.cli.no_shows import main
from tests.attendance.tables.test_loader import (
    BOOKING,
    EMAIL,
    FORMATS,
    NAME,
    PERSON,
    PHONE,
    PRESENCE,
    ROOT,
    Row,
    as_csv,
    jsonl,
    written,
)

HOST = {**PERSON, "role": "host", "email": "host@acme.example", "name": "Hal Host", "phone": None}
HOST_CAME = {
    **PRESENCE,
    "email": "host@acme.example",
    "name": "Hal Host",
    "phone": None,
    "left_at": "2026-01-05T11:00:00Z",
}
POLICY = {"as_of": "2026-01-06T00:00:00Z", "attendance_until": "2026-01-06T00:00:00Z"}
Command = Callable[..., tuple[list[Row], str]]


class World:
    """Files of one meeting to which host and guest came, and the command on them.

    :param tables: their rows, which a test may change.
    """

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.tables: dict[str, Any] = {
            "bookings": [BOOKING],
            "people": [PERSON, HOST],
            "attendance": [PRESENCE, HOST_CAME],
        }
        self.policy: Any = POLICY
        self.out = folder / "out.jsonl"
        self._capsys = capsys

    def decided(self, *more: str, form: str = "jsonl") -> list[Row]:
        """Run the command, which must go well, and give what it wrote."""
        status, errors = self.run(*more, form=form)
        assert status == 0, errors
        return [json.loads(line) for line in self.out.read_text(encoding="utf-8").splitlines()]

    def outcomes(self, *more: str, form: str = "jsonl") -> list[tuple[str, str]]:
        return [(row["outcome"], row["reason"]) for row in self.decided(*more, form=form)]

    def refused(self, *more: str, form: str = "jsonl") -> str:
        """Run the command, which must end with status 1 and one line, write nothing and name nobody."""
        self.out.unlink(missing_ok=True)
        status, errors = self.run(*more, form=form)
        assert status == 1
        assert errors.startswith("calcom-no-shows: ")
        assert errors.count("\n") == 1
        assert not [secret for secret in (EMAIL, NAME, PHONE, "Hal Host", "host@") if secret in errors]
        assert not self.out.exists()
        return errors

    def run(self, *more: str, form: str = "jsonl") -> tuple[int, str]:
        arguments = ["decide", "--out", str(self.out), *more]
        for name, rows in self.tables.items():
            (folder := self.folder / name).mkdir(exist_ok=True)
            for source in rows if rows and not isinstance(rows[0], dict) else [rows]:
                path = source if isinstance(source, (str, Path)) else written(folder, form, source)
                arguments += [f"--{name}", str(path)]
        if self.policy is not None:
            path = self.folder / "policy.json"
            path.write_bytes(self.policy if isinstance(self.policy, bytes) else json.dumps(self.policy).encode())
            arguments += ["--policy", str(path)]
        status = main(arguments)
        printed = self._capsys.readouterr()
        assert printed.out == ""
        return status, printed.err


@pytest.fixture
def world(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> World:
    """Files of one meeting, and the command on them."""
    return World(tmp_path, capsys)


PRESENT = [("present", "email")]


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_decides_on_files_of_every_format(form: str, world: World) -> None:
    """The same decisions, whatever the files."""
    (row,) = world.decided(form=form)
    assert row == {
        "booking_uid": "b1",
        "role": "attendee",
        "email": EMAIL,
        "outcome": "present",
        "reason": "email",
        "presence_seconds": 1800.0,
        "first_joined_at": "2026-01-05T10:00:00.000Z",
        "last_left_at": "2026-01-05T10:30:00.000Z",
        "currently_absent": False,
    }


def test_an_empty_feed_makes_nobody_absent(world: World) -> None:
    """It looks like a meeting to which nobody came, and is none."""
    world.policy = {"as_of": POLICY["as_of"]}
    for empty in (b"\n\n", gzip.compress(b"")):
        (path := world.folder / "empty.jsonl").write_bytes(empty)
        world.tables["attendance"] = [path]
        assert world.outcomes() == [("undetermined", "feed_incomplete")]
    (path := world.folder / "empty.csv").write_bytes(as_csv([PRESENCE]).splitlines(keepends=True)[0])
    world.tables["attendance"] = [path]
    world.policy = POLICY
    assert world.outcomes() == [("undetermined", "no_evidence")]


@pytest.mark.parametrize("day", ["2025-12-29", "2026-01-12"])
def test_the_feed_of_another_week_makes_nobody_absent(day: str, world: World) -> None:
    """Earlier or later, no row of it is of the meeting."""
    moved = dict.fromkeys(("joined_at", "left_at"), f"{day}T10:30:00Z")
    world.tables["attendance"] = [HOST_CAME | moved]
    world.policy = {"as_of": "2026-01-20T00:00:00Z"}
    (outcome,) = world.outcomes()
    assert outcome == ("undetermined", "feed_incomplete" if day < "2026" else "no_evidence")


def test_rows_that_do_not_count(world: World) -> None:
    """People of unknown bookings and rows without a time are left out, and a person who is there twice is in doubt."""
    world.tables["people"] += [{**PERSON, "booking_uid": "nosuch"}, {**HOST, "booking_uid": "nosuch"}]
    world.tables["attendance"] = [HOST_CAME, {**PRESENCE, "joined_at": None, "left_at": None}]
    assert world.outcomes() == [("absent", "not_seen")]
    world.tables["attendance"] += [{**PRESENCE, "joined_at": None}]
    assert world.outcomes() == [("undetermined", "trace")]
    world.tables["people"] += [PERSON]
    assert world.outcomes() == [("undetermined", "duplicate_email")] * 2


def test_several_files_and_patterns(world: World) -> None:
    """An option may be repeated, and a star represents many, in folders with odd names."""
    (folder := world.folder / "'; DROP TABLE attendance; -- [x] ?").mkdir()
    for place, row in enumerate((PRESENCE, HOST_CAME)):
        (folder / f"{place}.jsonl.gz").write_bytes(gzip.compress(jsonl([row])))
    world.tables["attendance"] = [f"{folder}/*.jsonl.gz", [{**PRESENCE, "kind": "lobby"}]]
    assert world.outcomes() == PRESENT
    world.tables["attendance"] = [f"{folder}/?.jsonl.gz"]
    assert "No such file or directory" in world.refused()
    world.tables["attendance"] = [f"{folder}/*.csv"]
    assert "attendance: no file matches " in world.refused()


def test_local_times_need_a_zone(world: World) -> None:
    """They are refused, or stated in the zone that the option names."""
    local = {
        name: value.replace("T", " ").removesuffix("Z")
        for name, value in PRESENCE.items()
        if name in ("joined_at", "left_at")
    }
    world.tables["attendance"] = [HOST_CAME, PRESENCE | local]
    assert "attendance/table.csv, row 3, column joined_at: '2026-01-05 10:00:00' is a naive time" in world.refused(
        form="csv"
    )
    assert world.outcomes("--zone", "Europe/London", form="csv") == PRESENT
    assert "zone must be a time zone such as Europe/Berlin" in world.refused("--zone", "'; DROP TABLE x; --")


HOSTILE = (
    "'; DROP TABLE bookings; --@x.example",
    "\"); COPY people TO '/tmp/stolen'; --@x.example",
    '=HYPERLINK("http://x","a")@x.example',
    '+1@x.example,;\t"quoted"',
    "two\nlines\r\n@x.example",
    "{{ 7*7 }} ${x} %s ? $1 :name @x.example",
    "\u202e\u0000 nul@x.example",
    "日本 😀@x.example",
    "\\'; \\\"@x.example",
)


@pytest.mark.parametrize("suffix", ["parquet", "csv.gz"])
def test_hostile_texts_come_through_unchanged(suffix: str, world: World) -> None:
    """Quotes, formulas, SQL and control characters in addresses, names and uids are only text, in and out."""
    bookings = [{**BOOKING, "booking_uid": text, "conference_key": text} for text in HOSTILE]
    people = [{**PERSON, "booking_uid": text, "email": text, "name": text} for text in HOSTILE]
    feed = [{**PRESENCE, "conference_key": text, "email": text, "name": text, "phone": text} for text in HOSTILE]
    world.tables = {"bookings": bookings, "people": people, "attendance": feed}
    world.out = world.folder / f"out.{suffix}"
    status, errors = world.run()
    assert status == 0, errors
    if suffix == "parquet":
        with duckdb.connect() as connection:
            found = connection.execute(
                "SELECT booking_uid, email, reason FROM read_parquet(?)", [str(world.out)]
            ).fetchall()
        rows = [dict(zip(("booking_uid", "email", "reason"), row, strict=True)) for row in found]
    else:
        with gzip.open(world.out, "rt", encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(line.replace("\0", "\ufdd0") for line in file))
        rows = [{name: value.replace("\ufdd0", "\0") for name, value in row.items()} for row in rows]
    assert sorted((row["booking_uid"], row["email"], row["reason"]) for row in rows) == sorted(
        (text, text, "email") for text in HOSTILE
    )


class Spy:
    """A DuckDB connection that writes down its SQL."""

    def __init__(self, connection: Any, seen: list[str]) -> None:
        self._connection = connection
        self._seen = seen

    def __enter__(self) -> Spy:
        self._connection.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._connection.__exit__(*error)

    def execute(self, sql: str, *parameters: Any) -> Any:
        self._seen.append(sql)
        return self._connection.execute(sql, *parameters)

    def executemany(self, sql: str, *parameters: Any) -> Any:
        self._seen.append(sql)
        return self._connection.executemany(sql, *parameters)

    def __getattr__(self, name: str) -> Any:
        assert name not in ("sql", "query", "from_query")
        return getattr(self._connection, name)


@pytest.mark.parametrize("form", FORMATS)
def test_no_value_becomes_sql(form: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells, headers, names of files and the policy reach DuckDB as parameters and columns only."""
    seen: list[str] = []
    connect = duckdb.connect
    mark = "zqx"
    people = [
        {**PERSON, **dict.fromkeys(("email", "match_email", "name", "phone"), f"{mark}@{mark}"), "booking_uid": mark}
    ]
    bookings = [{**BOOKING, **dict.fromkeys(("booking_uid", "status", "conference_key"), mark)}]
    feed = [{**PRESENCE, **dict.fromkeys(("source", "booking_uid", "conference_key", "email", "name", "phone"), mark)}]
    lists = {
        name: [f"{mark}@{mark}" if "emails" in name else mark]
        for name in ("internal_emails", "internal_domains", "bot_names")
    }
    policy = POLICY | lists | {"aliases": {f"{mark}1@x": f"{mark}2@x"}, "settle": 77_777}
    inputs = []
    for name, rows in (("bookings", bookings), ("people", people), ("attendance", feed)):
        (folder := world.folder / mark / name).mkdir(parents=True)
        rows = [{**row, f'{mark}"': mark, "file_row_number": mark} for row in rows]
        inputs.append(
            written(
                folder,
                form,
                [{key.replace('"', '""' if form == "parquet" else '"'): row[key] for key in row} for row in rows],
            )
        )
    monkeypatch.setattr(duckdb, "connect", lambda *given, **more: Spy(connect(*given, **more), seen))
    decisions = decide(inputs[0], inputs[1], inputs[2], policy)
    assert [row["reason"] for row in decisions] == ["not_accepted"]
    assert len(seen) > 30
    assert not [sql for sql in seen if mark in sql.lower() or "77777" in sql or "77_777" in sql]


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (b"", "The policy is not JSON"),
        (b"settle: 5", "The policy is not JSON"),
        (b'{"settle": 5, "settle": 6}', "The policy has 'settle' twice"),
        (b'{"settle": NaN}', "settle must be from 0 to"),
        (b'{"settle": 1e400}', "settle must be from 0 to"),
        (b'{"settle": "5"}', "settle must be a number of seconds, but is '5'"),
        (b'{"setle": 5}', "'setle' is not a field of the policy"),
        (b'{"internal_emails": "ann.secret@example.org"}', "internal_emails must be a list of strings"),
        (b"[" * 100_000, "The policy is "),
        ('{"settle": 5}'.encode("utf-16"), "policy.json"),
    ],
)
def test_policies_that_can_not_be_used(policy: bytes, words: str, world: World) -> None:
    """Field and value are named, before any file is read."""
    world.policy = policy
    world.tables["attendance"] = [world.folder / "nosuch.jsonl"]
    assert words in world.refused()


def test_policies_that_can_be_used(world: World) -> None:
    """With the mark that some editors write before UTF-8, and none at all."""
    world.policy = b"\xef\xbb\xbf" + json.dumps(POLICY).encode()
    assert world.outcomes() == PRESENT
    world.policy = None
    assert world.outcomes() == PRESENT


@pytest.mark.parametrize("name", ["bookings", "people", "attendance"])
@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_bad_cells_end_in_one_line(name: str, form: str, world: World) -> None:
    """Status 1, file, row and column on standard error, and no file of decisions."""
    table = {"bookings": BOOKINGS, "people": PEOPLE, "attendance": ATTENDANCE}[name]
    column = next(column for column in table.columns if column.choices or column.kind == "instant")
    good = world.tables[name][0]
    world.tables[name] = [good, {**good, "booking_uid": "b2", column.name: f"{EMAIL} {NAME}"}]
    words = f"{name}/table.{form}, row {3 if form == 'csv' else 2}, column {column.name}: "
    assert words in world.refused(form=form)


def test_years_at_the_ends_of_the_calendar(world: World) -> None:
    """The years 1 and 9999 are years; nothing runs over."""
    world.tables["bookings"] += [
        {**BOOKING, "booking_uid": "first", "start_at": "0001-01-01T00:00:00Z", "end_at": "0001-01-01T01:00:00Z"},
        {**BOOKING, "booking_uid": "last", "start_at": "9999-12-31T22:00:00Z", "end_at": "9999-12-31T23:59:59.999999Z"},
        {**BOOKING, "booking_uid": "all", "start_at": "0001-01-01T00:00:00Z", "end_at": "9999-12-31T23:59:59.999999Z"},
    ]
    world.tables["people"] += [{**PERSON, "booking_uid": uid} for uid in ("first", "last", "all")]
    world.tables["attendance"] += [
        {**PRESENCE, "joined_at": "0001-01-01T00:00:00Z", "left_at": None},
        {**PRESENCE, "joined_at": "9999-12-31T23:00:00Z", "left_at": "9999-12-31T23:59:59.999999Z"},
    ]
    most = 100 * 366 * 86_400
    world.policy = {
        "as_of": "9999-12-31T23:59:59.999999Z",
        "overrun": most,
        "early_join": most,
        "open_limit": most,
        "settle": 0,
    }
    assert {row["outcome"] for row in world.decided()} == {"present"}


def test_the_command_itself_ends_without_a_traceback(world: World) -> None:
    """As a user runs it."""
    (path := world.folder / "bad.csv").write_bytes(b"\xff\xfe\xff")
    command = [sys.executable, "-m", "airflow_provider_calcom.cli.no_shows", "decide", "--out", str(world.out)]
    for name in ("bookings", "people", "attendance"):
        command += [f"--{name}", str(path)]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 1
    assert done.stderr == f"calcom-no-shows: {path}: begins as UTF-16, but is not valid UTF-16. Save it as UTF-8\n"
    assert done.stdout == ""
