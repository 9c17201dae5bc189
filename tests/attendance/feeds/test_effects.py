"""Options without effect are an error, and what a feed may leave out is a closed list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_calcom.attendance.feeds import (
    AttendanceRow,
    FeedOptions,
    FeedReport,
    FeedUnreadable,
    InvalidFeedOption,
    Record,
    RecordFeed,
    SkippedRecord,
    feed_named,
    read_feed,
)
from airflow_provider_calcom.attendance.feeds._registry import BUILT_IN
from airflow_provider_calcom.attendance.feeds.options import LookUp

GOOD = {"email": "amy@example.com", "joined_at": "2026-01-15T10:00:00Z"}
EXAMPLES: dict[str, Any] = {
    "addresses": {"7": "amy@example.com"},
    "booking_uids": {"7": "uid1"},
    "conference_keys": {"7": "room"},
    "joined_words": ["vino"],
    "left_words": ["salió"],
    "guest_marks": ["(gost)"],
    "epoch": "s",
    "zone": "UTC",
    "date_format": "day_first",
    "date": "2026-01-15",
    "am_words": ["de."],
    "pm_words": ["du."],
}


@pytest.mark.parametrize("name", BUILT_IN)
def test_an_option_that_a_feed_does_not_read_is_refused(name: str) -> None:
    """What the user meant by it would not happen; the error lists what the feed reads."""
    known = feed_named(name).option_names
    for option, value in EXAMPLES.items():
        if option in known:
            read_feed(name, [], **{option: value})
        else:
            with pytest.raises(InvalidFeedOption, match=rf"option {option} has no effect on the feed {name}.*reads: "):
                read_feed(name, [], **{option: value})


def test_an_option_about_files_needs_a_file_that_takes_it(tmp_path: Path) -> None:
    """JSON has no delimiter, and records have no encoding; one file of several is enough."""
    lines, table = tmp_path / "a.jsonl", tmp_path / "b.csv"
    with pytest.raises(InvalidFeedOption, match=r"delimiter has no effect.*For it are: encoding, largest_line"):
        read_feed("canonical", lines, delimiter=";")
    with pytest.raises(InvalidFeedOption, match=r"encoding has no effect.*none of the options about files"):
        read_feed("canonical", [GOOD], encoding="cp1252")
    with pytest.raises(InvalidFeedOption, match="largest_document has no effect"):
        read_feed("canonical", [lines, table], largest_document=1)
    read_feed("canonical", [lines, table], delimiter=";")


def test_a_column_that_no_record_has_is_refused() -> None:
    """The error shows the columns that there are, and none where they look like people."""
    with pytest.raises(InvalidFeedOption, match=r"columns names 'e-post', which no record has.*email, joined_at"):
        list(read_feed("canonical", [GOOD], columns={"email": "e-post"}))
    with pytest.raises(InvalidFeedOption, match="look like data") as caught:
        list(read_feed("canonical", [{**GOOD, "amy@example.com": 1}], columns={"email": "e-post"}))
    assert "amy" not in str(caught.value)


def test_columns_are_found_however_they_are_spelled() -> None:
    """Accents of one or two code points, typographic apostrophes, white space and case make no other column."""
    record = {"Adresse  e-mail de l\u2019utilisateur": "amy@example.com", "Arrive\u0301e": GOOD["joined_at"]}
    columns = {"email": "adresse e-mail de l'utilisateur", "joined_at": "Arrivée"}
    (row,) = read_feed("canonical", [record], columns=columns)
    assert (row["email"], row["joined_at"]) == ("amy@example.com", "2026-01-15T10:00:00.000Z")


def test_a_field_goes_by_the_vendors_names_too() -> None:
    """``columns`` takes our field, or the vendor's name of its column; two columns for one field are an error."""
    record = {"wann": GOOD["joined_at"], "mail": "amy@example.com"}
    for key in ("joined_at", "Join Time"):
        (row,) = read_feed("check_in", [record], columns={key: "wann", "email": "mail"})
        assert row["joined_at"] == "2026-01-15T10:00:00.000Z"
    with pytest.raises(InvalidFeedOption, match="two columns for one field"):
        read_feed("check_in", [record], columns={"joined_at": "wann", "join time": "mail"})


def test_unused_table_of_ids_is_refused_where_rows_need_it() -> None:
    """Rows without a meeting show that it was meant for them; where none lacks one, it is noted alone."""
    with pytest.raises(InvalidFeedOption, match="conference_keys has no effect: none of its 1 ids"):
        list(read_feed("canonical", [GOOD], conference_keys={"other": "room"}))
    reading = read_feed("canonical", [{**GOOD, "conference_key": "blue"}], conference_keys={"other": "room"})
    assert [row["conference_key"] for row in reading] == ["blue"]
    assert reading.report.notes == {"the option conference_keys: none of its ids is in the records": 1}


def test_a_booking_that_is_given_to_nobody_is_refused() -> None:
    """All records name another one, so it would have no effect."""
    with pytest.raises(InvalidFeedOption, match="booking_uid has no effect"):
        list(read_feed("canonical", [{**GOOD, "booking_uid": "own"}], booking_uid="given"))


def test_conference_key_option_replaces_meeting_number() -> None:
    """The booking's link may be a personal one, which names the meeting in another way."""
    records = [{**GOOD, "conference_key": "zoom:81200001111"}, GOOD]
    rows = list(read_feed("canonical", records, conference_key="zoom:my/jane"))
    assert [row["conference_key"] for row in rows] == ["zoom:my/jane"] * 2
    rows = list(read_feed("canonical", records[:1], conference_keys={"zoom:81200001111": "zoom:my/jane"}))
    assert [row["conference_key"] for row in rows] == ["zoom:my/jane"]


def test_the_meeting_of_the_options_is_one_meeting() -> None:
    """Given to the rows of two, it would make the one's people attend the other."""
    records = [{**GOOD, "conference_key": "a"}, {**GOOD, "conference_key": "b"}]
    with pytest.raises(InvalidFeedOption, match=r"records name several.*conference_keys"):
        list(read_feed("canonical", records, conference_key="c"))


@pytest.mark.parametrize("given", ["a/B+c==", "a%2FB%2Bc%3D%3D", "a%252FB%252Bc%253D%253D"])
def test_a_meetings_uuid_is_looked_up_in_every_spelling(given: str) -> None:
    """Zoom wants it with percent signs, once or twice, in its URLs."""
    record = {"meeting_uuid": "a/B+c==", "name": "Amy Adams", "join_time": GOOD["joined_at"]}
    (row,) = read_feed("zoom", [record], conference_keys={given: "812 0000 1111"})
    assert row["conference_key"] == "zoom:81200001111"


def test_row_of_nobody_is_unreadable_beside_rows_with_a_meeting() -> None:
    """The person may have been in that meeting. Where no row names one, the feed decides about no meeting."""
    name = {"displayName": "Ann Archer", "joinedTime": "2026-01-15T10:00:00Z"}
    other = {**name, "meetingNumber": "25551234567"}
    for records in ([name, other], [other, name]):
        with pytest.raises(FeedUnreadable, match=f"row {records.index(name) + 1}: names no meeting, booking"):
            list(read_feed("webex", records))
    reading = read_feed("webex", [other] * 30 + [name])
    assert len(list(reading)) == 31
    assert reading.report.unreadable_records == 1
    assert len(list(read_feed("webex", [name, name], max_unreadable=0))) == 2


def test_a_minus_is_not_a_dash_of_a_number() -> None:
    """Numbers are found with spaces and dashes between their digits; an id of -1 is nobody of the table."""
    table = LookUp({"81200001111": "x", "1": "y"})
    assert [table.get(key) for key in ("812 0000 1111", "812-0000-1111", "-1", "1-", "1")] == [
        "x",
        "x",
        None,
        None,
        "y",
    ]


def test_rows_that_name_no_meeting_are_noted_with_their_number() -> None:
    """They count by their address or telephone alone."""
    reading = read_feed("canonical", [GOOD, GOOD, {**GOOD, "conference_key": "blue"}])
    assert len(list(reading)) == 3
    assert reading.report.notes == {"rows that name no meeting or booking, and count by address or telephone only": 2}


class DoorFeed(RecordFeed):
    """A feed with one kind of record that may be left out, and with a fault in the other ones."""

    name = "door"
    skips = ("a test of the door",)

    def rows_of(self, record: Record) -> Iterator[AttendanceRow]:
        if record.text("kind") == "test":
            raise SkippedRecord("a test of the door")
        if record.text("kind") == "odd":
            raise SkippedRecord("somebody odd")
        if record.text("kind") == "seen":
            yield self.row(record, email=record.text("email"), joined_at=record.time("joined_at"))


def test_only_kinds_on_the_feeds_list_are_left_out() -> None:
    """Any other record may be somebody's: it counts as unreadable, and so does one that gives no row at all."""
    reading = read_feed(DoorFeed(), [{**GOOD, "kind": "seen"}, {"kind": "test"}], max_unreadable=0)
    assert len(list(reading)) == 1
    assert reading.report.skipped == {"a test of the door": 1}
    with pytest.raises(FeedUnreadable, match=r"is left out as 'somebody odd', which is not on the feed's list"):
        list(read_feed(DoorFeed(), [{"kind": "odd"}]))
    with pytest.raises(FeedUnreadable, match="gave no row"):
        list(read_feed(DoorFeed(), [{"kind": "other"}]))


def test_records_without_rows_are_reported() -> None:
    """They are noted where all are of kinds that may be left out."""
    reading = read_feed(DoorFeed(), [{"kind": "test"}])
    assert list(reading) == []
    assert reading.report.notes == {"there are records, but no rows: nobody was seen": 1}


def test_records_that_a_feed_swallows_are_an_error() -> None:
    """A feed that reads several records at once and gives neither rows nor reasons lost somebody."""

    class Swallowing(DoorFeed):
        name = "swallowing"

        def rows(
            self, records: Iterable[Mapping[str, Any]], report: FeedReport, options: FeedOptions
        ) -> Iterator[AttendanceRow]:
            yield from ([] for record in records if record is None)  # type: ignore[misc]

    with pytest.raises(FeedUnreadable, match="1 records gave no row"):
        list(read_feed(Swallowing(), [GOOD]))


def test_each_file_is_judged_by_itself(tmp_path: Path) -> None:
    """A file that can't be read at all is not lost among many that can."""
    good, bad = tmp_path / "a.csv", tmp_path / "b.csv"
    good.write_text("email,joined_at\n" + "amy@example.com,2026-01-15T10:00:00Z\n" * 100)
    bad.write_text("email,joined_at\namy@example.com,soon\n")
    for files in ([good, bad], [bad, good]):
        with pytest.raises(FeedUnreadable, match=r"The first: b\.csv, row 2"):
            list(read_feed("canonical", [*files]))


def test_files_without_records_or_rows_are_noted(tmp_path: Path) -> None:
    """A header alone may be a day without visitors, or a cut export: the report notes it."""
    empty, good = tmp_path / "a.csv", tmp_path / "b.csv"
    empty.write_text("email,joined_at\n")
    good.write_text("email,joined_at\namy@example.com,2026-01-15T10:00:00Z\n")
    reading = read_feed("canonical", [empty, good], booking_uid="uid1")
    assert len(list(reading)) == 1
    assert reading.report.notes == {"a file without records": 1}
