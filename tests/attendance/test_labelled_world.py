"""The promise of the benchmark, on a small world: nobody who came is marked absent where the feed is right."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from airflow_provider_calcom.attendance.feeds import read_feed
from benchmarks.attendance.generate import make_world
from benchmarks.attendance.quirks import BLIND, HIDDEN, MOVED_TO_LAGGING, QUIRKS, TRUE
from benchmarks.attendance.run import (
    Case,
    broken,
    by_quirk,
    cases_of,
    decide_with_oracle,
    figures_of,
    missed,
    report,
)
from benchmarks.attendance.vendors import FEEDS, raw_feeds
from benchmarks.attendance.world import AS_OF, LOADED_UNTIL

BOOKINGS, SEED = 1500, 1
ROOT = Path(__file__).resolve().parents[2]


def of_kind(kind: str) -> list[str]:
    """Name the quirks of a kind."""
    return [name for name, quirk in QUIRKS.items() if quirk.feed_is == kind]


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    """The package's decisions on a small world, with the labels."""
    return cases_of(BOOKINGS, SEED)


def with_quirk(cases: list[Case], name: str) -> list[Case]:
    """Return the cases of a quirk, without those that a worse one is mixed into."""
    return [case for case in cases if name in case.quirks and case.feed_is == QUIRKS[name].feed_is]


@pytest.mark.parametrize("name", of_kind(TRUE) + of_kind(HIDDEN))
def test_nobody_who_came_is_absent_where_the_feed_is_right(cases: list[Case], name: str) -> None:
    """For each quirk of an honest feed, precision of ``absent`` is 1.0."""
    assert [case for case in with_quirk(cases, name) if case.outcome == "absent" and case.came] == []


def test_nobody_who_came_is_absent_in_an_ordinary_booking(cases: list[Case]) -> None:
    """Without any quirk precision is 1.0, and most who stayed away are found."""
    ordinary = figures_of(case for case in cases if not case.quirks)
    assert ordinary.wrong == 0
    assert ordinary.recall_of_absences is not None
    assert ordinary.recall_of_absences > 0.8
    assert ordinary.recall_of_presences is not None
    assert ordinary.recall_of_presences > 0.9


def test_most_absences_and_presences_are_found(cases: list[Case]) -> None:
    """The figures that the benchmark requires hold on a small world, and are missed where everybody is undetermined."""
    assert missed(figures_of(case for case in cases if case.feed_is == TRUE)) == []
    assert len(missed(figures_of(cases, lambda _: "undetermined"))) == 3


@pytest.mark.parametrize("name", QUIRKS)
def test_every_quirk_occurs_with_people_who_came_and_people_who_did_not(cases: list[Case], name: str) -> None:
    """A precision of 1.0 says nothing where nobody was judged, or nobody was absent."""
    found = with_quirk(cases, name)
    assert any(case.came for case in found)
    assert any(not case.came for case in found)


def test_a_feed_that_lies_does_mislead(cases: list[Case]) -> None:
    """The known limits are real ones: where rows are lost or not loaded yet, somebody who came is marked absent."""
    for name in ("missing guest rows", MOVED_TO_LAGGING):
        assert figures_of(with_quirk(cases, name)).wrong > 0


def test_the_world_is_hard(cases: list[Case]) -> None:
    """Meeting and address alone are mostly wrong in it, and about one attendee in seven does not come."""
    plainly = figures_of(cases, lambda case: case.plain)
    assert plainly.precision is not None
    assert plainly.precision < 0.5
    assert 0.12 <= plainly.truly_absent / plainly.attendees <= 0.16


def test_the_package_decides_as_the_plain_rules_do(cases: list[Case]) -> None:
    """On these bookings the package and the rules in plain Python give the same outcomes and reasons."""
    assert sorted(cases, key=repr) == sorted(cases_of(BOOKINGS, SEED, decide_with_oracle), key=repr)


def test_every_feed_is_there_and_read_to_its_last_record() -> None:
    """Each vendor has bookings, and the package's feeds understand every record in the vendors' own shapes."""
    readings = [(raw, read_feed(raw.feed, raw.source, **raw.options)) for raw in raw_feeds(make_world(BOOKINGS, SEED))]
    rows = [row for _, reading in readings for row in reading]
    assert [reading.report.samples for _, reading in readings if reading.report.unreadable_records] == []
    assert {re.sub(r"(_\d+)?\.\w+$", "", raw.name) for raw, _ in readings} == set(FEEDS)
    assert {row["kind"] for row in rows} == {"person", "bot", "lobby", "check_in"}


def test_late_data_is_late() -> None:
    """Meetings go on while the feeds are loaded for the last time, hours before the decision."""
    world = make_world(300, SEED)
    assert LOADED_UNTIL < AS_OF - 3600
    assert any(stay.joined < LOADED_UNTIL < stay.left for stay in world.stays)


def test_the_same_seed_gives_the_same_world(tmp_path: Path) -> None:
    """Also in another process with other hashes; another seed gives another world."""
    digests = []
    for number, (seed, hashes) in enumerate([(3, "1"), (3, "2"), (4, "1")]):
        folder = tmp_path / str(number)
        command = [sys.executable, "-m", "benchmarks.attendance.generate", "--bookings", "120", "--seed", str(seed)]
        environment = {**os.environ, "PYTHONHASHSEED": hashes}
        subprocess.run([*command, str(folder)], cwd=ROOT, env=environment, check=True)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        digests.append([(path.name, sha256(path.read_bytes()).hexdigest()) for path in files])
        labels = [json.loads(line) for line in (folder / "labels.jsonl").read_text(encoding="utf-8").splitlines()]
        assert len({label["booking_uid"] for label in labels}) >= 120
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


def test_the_page_separates_the_limits(cases: list[Case]) -> None:
    """What lies is in a table of its own."""
    text = report(cases, "the command")
    known, _, after = text.partition("## Known limits")
    assert all(f"**{name}**" in known for name in of_kind(TRUE) + of_kind(HIDDEN))
    assert all(f"**{name}**" in after for name in of_kind(BLIND))
    assert broken(cases) == []
    assert sum(len(by_quirk(cases, kind)) for kind in (TRUE, HIDDEN, BLIND)) == len(QUIRKS)
