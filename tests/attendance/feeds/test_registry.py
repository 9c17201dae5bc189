"""The feeds by name, options, sources, and what a report says of a reading."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult

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
    _registry,
    feed_named,
    feed_names,
    read_feed,
    register_feed,
)
from airflow_provider_calcom.attendance.feeds._row import COLUMNS
from airflow_provider_calcom.attendance.feeds.conference_keys import conference_key
from benchmarks.attendance.generate import make_world
from benchmarks.attendance.vendors import raw_feeds

GOOD = {"email": "amy@example.com", "joined_at": "2026-01-15T10:00:00Z"}
BAD = {"email": "amy@example.com", "joined_at": "soon"}


@pytest.fixture(autouse=True)
def _no_added_feeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_registry, "_added", {})


class KioskFeed(RecordFeed):
    """A feed as a user would write it."""

    name = "kiosk"
    page_keys = ("visits",)
    page_fields = ("room",)
    skips = ("a test of the kiosk",)

    def rows_of(self, record: Record) -> Iterator[AttendanceRow]:
        if record.text("status") == "test":
            raise SkippedRecord("a test of the kiosk")
        yield self.row(
            record, name=record.text("visitor.name"), conference_key=record.text("room"), joined_at=record.time("at")
        )


# Names.


def test_each_module_of_a_vendor_is_a_feed() -> None:
    """To add a feed is to write its module and its name in the registry; neither is there without the other."""
    folder = Path(_registry.__file__).parent
    modules = {path.stem for path in folder.glob("[!_]*") if path.is_dir() or path.suffix == ".py"}
    assert modules - {"conference_keys", "errors", "options"} == set(feed_names())
    assert [feed_named(name).name for name in feed_names()] == [*feed_names()]


def test_the_benchmark_reads_feeds_of_the_package() -> None:
    """What the benchmark measures is what users have; docs are compared with the registry in test_docs."""
    assert {raw.feed for raw in raw_feeds(make_world(60, 7))} <= set(feed_names())


def test_an_unknown_name_lists_the_known_ones() -> None:
    """A misspelt name can be fixed from the error alone."""
    register_feed(KioskFeed())
    with pytest.raises(InvalidFeedOption, match=r"no feed 'zom'.*canonical, .*kiosk, .*zoom"):
        read_feed("zom", [])


def test_a_user_adds_a_feed_by_name() -> None:
    """A feed of one's own is used as the built-in ones are, and may take the place of one."""
    register_feed(KioskFeed())
    (row,) = read_feed("kiosk", [{"visitor": {"name": "Amy"}, "at": "2026-01-15T10:00:00Z", "room": "blue"}])
    assert tuple(row) == COLUMNS
    assert (row["source"], row["kind"], row["name"], row["conference_key"]) == ("kiosk", "person", "Amy", "blue")

    class BetterZoom(KioskFeed):
        name = "zoom"

    register_feed(BetterZoom())
    assert isinstance(feed_named("zoom"), BetterZoom)


def test_a_feed_can_be_given_as_it_is() -> None:
    """Nothing needs to be registered for a single use."""
    rows = read_feed(KioskFeed(), {"room": "blue", "visits": [{"at": "2026-01-15T10:00:00Z"}]})
    assert [row["conference_key"] for row in rows] == ["blue"]


class PairsFeed(KioskFeed):
    """A feed that reads several records at once."""

    name = "pairs"

    def rows(
        self, records: Iterable[Mapping[str, Any]], report: FeedReport, options: FeedOptions
    ) -> Iterator[AttendanceRow]:
        yield from (row for row in read_feed("canonical", list(records)))


def test_a_feed_may_read_several_records_at_once() -> None:
    """What one record says of somebody may depend on others, so a feed may make the rows of all of them."""
    register_feed(PairsFeed())
    reading = read_feed("pairs", [GOOD, GOOD])
    assert len(list(reading)) == 2
    assert (reading.report.records, reading.report.rows) == (2, 2)


def test_a_feed_that_lacks_a_member_is_refused() -> None:
    """Any object may be a feed, but one without key_of or records_of_table would fail in the middle of a run."""

    class Plain:
        name = "plain"

        def rows(self, *_: Any) -> Iterator[AttendanceRow]:
            yield from ()

    for use in (register_feed, lambda feed: read_feed(feed, [])):
        with pytest.raises(InvalidFeedOption, match=r"'plain' lacks fields, key_of, .*RecordFeed has them"):
            use(Plain())  # type: ignore[arg-type]


def test_a_misspelt_member_is_an_error() -> None:
    """A feed whose page_keys were ignored would read a whole page as one record of nobody."""
    with pytest.raises(InvalidFeedOption, match=r"Slip\.page_kyes is not a member of a feed; did you mean page_keys\?"):

        class Slip(KioskFeed):
            page_kyes = ("visits",)


def test_a_feed_brings_its_own_conference_keys() -> None:
    """Links in bookings and ids in records have one key, and patterns know the feed by its name."""

    class AcmeFeed(KioskFeed):
        name = "acme"

        def key_of(self, meeting: str) -> str | None:
            return f"acme:{meeting.removeprefix('acme:')}"

        def key_of_url(self, url: SplitResult) -> str | None:
            return self.key_of(url.path.strip("/")) if url.hostname == "meet.acme.example" else None

    link, pattern = "Join https://meet.acme.example/123456789", "room (?P<acme>[0-9]+)"
    assert conference_key(link) is None
    with pytest.raises(InvalidFeedOption, match=r"group named 'acme'.*zoom, google_meet"):
        conference_key("room 12", patterns=[pattern])
    register_feed(AcmeFeed())
    assert conference_key(link) == "acme:123456789"
    assert conference_key("room 12", patterns=[pattern]) == "acme:12"
    (row,) = read_feed("acme", [{"at": "2026-01-15T10:00:00Z"}], conference_key="123456789")
    assert row["conference_key"] == "acme:123456789"


@pytest.mark.parametrize("name", [None, "", " kiosk"])
def test_a_feed_without_a_usable_name_is_refused(name: Any) -> None:
    """It could not be requested."""
    feed = KioskFeed()
    feed.name = name  # type: ignore[misc]
    with pytest.raises(InvalidFeedOption, match="name"):
        register_feed(feed)


# Options.


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"zones": "UTC"}, "no option 'zones'.*zone"),
        ({"zone": "Mars/Olympus"}, "zone.*Mars/Olympus"),
        ({"zone": "../etc"}, "zone"),
        ({"zone": "Europe"}, "zone"),
        ({"zone": ""}, "zone"),
        ({"zone": 2}, "zone"),
        ({"date_format": "dmy"}, "date_format.*day_first"),
        ({"date_format": "%H:%M"}, "date_format"),
        ({"date_format": 3}, "date_format"),
        ({"booking_uid": ""}, "booking_uid"),
        ({"conference_key": 84512345678}, "conference_key"),
        ({"encoding": "klingon"}, "encoding.*klingon"),
        ({"delimiter": ";;"}, "delimiter"),
        ({"columns": {"email": None}}, "columns"),
        ({"addresses": ["amy"]}, "addresses"),
        ({"epoch": "us"}, "epoch"),
        ({"max_unreadable": 5}, "max_unreadable"),
        ({"max_unreadable": True}, "max_unreadable"),
        ({"largest_line": 0}, "largest_line"),
        ({"largest_document": "1MB"}, "largest_document"),
    ],
)
def test_an_option_that_cant_be_used_is_named(options: dict[str, Any], named: str) -> None:
    """Before anything is read, so that a DAG fails at once and says what to change."""
    with pytest.raises(InvalidFeedOption, match=named):
        read_feed("canonical", [], **options)


# Sources.


@pytest.mark.parametrize("source", [None, 7, b"rows.jsonl"])
def test_a_source_of_another_kind_is_refused(source: Any) -> None:
    """The error says what a source may be."""
    with pytest.raises(InvalidFeedOption, match="source must be records"):
        read_feed("canonical", source)


def test_records_come_from_any_iterable() -> None:
    """A list of an XCom, the rows of a cursor, whole pages of an API: what is iterated may be any of them."""
    for source in ([GOOD], (GOOD,), iter([GOOD]), {"rows": [GOOD]}, [{"rows": [GOOD]}], [[GOOD]], GOOD):
        assert len(list(read_feed("canonical", source))) == 1


def test_lists_in_lists_end_somewhere() -> None:
    """A document nested without sense is an unreadable record and no stack overflow."""
    deep: Any = GOOD
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(FeedUnreadable, match="not an object"):
        list(read_feed("canonical", deep))


def test_airbytes_envelope_is_opened() -> None:
    """Its file destinations put each record into ``_airbyte_data``."""
    assert len(list(read_feed("canonical", [{"_airbyte_ab_id": "1", "_airbyte_data": GOOD}]))) == 1


def test_another_value_than_an_object_is_an_unreadable_record() -> None:
    """Rows of a cursor without column names are a frequent one."""
    reading = read_feed("canonical", [GOOD, ("amy", "10:00"), "amy", None], max_unreadable=1.0)
    assert len(list(reading)) == 1
    # A tuple may be a page of records, so its texts are what is at fault.
    assert reading.report.unreadable_by_reason == {"the record is not an object": 4}


def test_a_reading_is_read_once() -> None:
    """Its rows are not kept."""
    reading = read_feed("canonical", [GOOD])
    assert len(list(reading)) == 1
    assert list(reading) == []


# Columns and values.


@pytest.mark.parametrize("spelling", ["joined_at", "joinedAt", "JOINED_AT", "Joined At", "joined-at"])
def test_columns_are_found_in_every_spelling(spelling: str) -> None:
    """Loaders rename columns each in its own way."""
    (row,) = read_feed("canonical", [{"Email": "amy@example.com", spelling: "2026-01-15T10:00:00Z"}])
    assert row["joined_at"] == "2026-01-15T10:00:00.000Z"


@pytest.mark.parametrize(
    "record",
    [
        {"visitor": {"name": "Amy"}},
        {"visitor": '{"name": "Amy"}'},
        {"visitor_name": "Amy"},
        {"visitor__name": "Amy"},
        {"VISITORNAME": "Amy"},
    ],
)
def test_nested_values_are_found_flattened_too(record: dict[str, Any]) -> None:
    """Loaders land nested objects as they are, as JSON text, or as columns."""
    (row,) = read_feed(KioskFeed(), [{"at": "2026-01-15T10:00:00Z", **record}])
    assert row["name"] == "Amy"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (" \t\u00a0Amy\r\n", "Amy"),
        ("", None),
        (" ", None),
        (None, None),
        (float("nan"), None),
        (84512345678, "84512345678"),
        (84512345678.0, "84512345678"),
        (Decimal("sNaN"), None),
        (Decimal("7"), "7"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        ("Amy \ud83d", "Amy ?"),
    ],
)
def test_text_is_cleaned(value: Any, text: str | None) -> None:
    """White space at the ends goes, nothing becomes null, and half a cut emoji can't break what comes later."""
    (row,) = read_feed("canonical", [{**GOOD, "name": value}])
    assert row["name"] == text


@pytest.mark.parametrize(
    "value",
    [
        True,
        1.5,
        float("inf"),
        pytest.param(10**5000, id="huge"),
        Decimal("1e999999999"),
        b"Amy",
        ["Amy"],
        {"first": "Amy"},
        "A" * 200_000,
    ],
)
def test_another_value_than_a_string_is_unreadable(value: Any) -> None:
    """The column is named, the value is not shown."""
    with pytest.raises(FeedUnreadable, match="column name: is ") as caught:
        list(read_feed("canonical", [{**GOOD, "name": value}]))
    assert "Amy" not in str(caught.value)


BERLIN = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("2026-01-15T10:00:03Z", "2026-01-15T10:00:03.000Z"),
        ("2026-01-15t10:00:03z", "2026-01-15T10:00:03.000Z"),
        ("2026-01-15 10:00:03.5+00", "2026-01-15T10:00:03.500Z"),
        ("2026-01-15T11:00:03,123456789+01:00", "2026-01-15T10:00:03.123456Z"),
        ("2026-01-15T15:30+0530", "2026-01-15T10:00:00.000Z"),
        ("2026-01-15 10:00:03 UTC", "2026-01-15T10:00:03.000Z"),
        (datetime(2026, 1, 15, 11, 0, 3, tzinfo=BERLIN), "2026-01-15T10:00:03.000Z"),
        # Without a zone: in the option's.
        ("2026-01-15T11:00:03", "2026-01-15T10:00:03.000Z"),
        (datetime(2026, 7, 15, 12, 0, 3), "2026-07-15T10:00:03.000Z"),
        ("01/15/2026 11:00:03 AM", "2026-01-15T10:00:03.000Z"),
        ("15/01/2026 11:00", "2026-01-15T10:00:00.000Z"),
        ("15.01.2026 11:00:03", "2026-01-15T10:00:03.000Z"),
        ("2.1.2026 11:00:03", "2026-01-02T10:00:03.000Z"),
        ("02/02/2026 12:30:00 AM", "2026-02-01T23:30:00.000Z"),
        ("1/15/2026, 1:00:03\u202fPM", "2026-01-15T12:00:03.000Z"),
        ("2026/01/15 11:00:03", "2026-01-15T10:00:03.000Z"),
        ("Jan 15, 2026 11:00:03 AM", "2026-01-15T10:00:03.000Z"),
        ("15 January 2026 11:00", "2026-01-15T10:00:00.000Z"),
    ],
)
def test_times_become_utc(value: Any, instant: str) -> None:
    """ISO 8601 in all its dress, datetimes, and the local times of exports."""
    (row,) = read_feed("canonical", [{**GOOD, "joined_at": value}], zone="Europe/Berlin")
    assert row["joined_at"] == instant


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("2026-01-15T10:00:03", "zone='Europe/Berlin'"),
        (datetime(2026, 1, 15, 10), "zone='Europe/Berlin'"),
        ("03/04/2026 10:00:00 AM", "day_first or month_first"),
        ("1/15/26, 10:00:03 AM", "year of two digits"),
        ("2026-01-15", "date without a time"),
        ("2026-02-30T10:00:00Z", "not an existing time"),
        ("2026-01-15T25:00:00Z", "not an existing time"),
        ("01/15/2026 13:00 AM", "AM or PM"),
        ("10:00", "not a time in a known form"),
        ("Jan 15", "not a time in a known form"),
        ("Juni 15, 2026 10:00", "not a time in a known form"),
        (1768471203, "is not a time"),
        (True, "is not a time"),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))), "out of range"),
        ("x" * 5000, "too long"),
        ("0001-01-01T00:00:00+14:00", "out of range"),
    ],
)
def test_a_time_that_would_have_to_be_guessed_is_unreadable(value: Any, reason: str) -> None:
    """The error names the column, what is wrong and the option that fixes it."""
    with pytest.raises(FeedUnreadable, match=rf"column joined_at: .*{reason}"):
        list(read_feed("canonical", [{**GOOD, "joined_at": value}]))


@pytest.mark.parametrize(
    ("date_format", "instant"),
    [
        ("day_first", "2026-04-03T10:00:00.000Z"),
        ("month_first", "2026-03-04T10:00:00.000Z"),
        ("%d/%m/%Y %I:%M:%S %p", "2026-04-03T10:00:00.000Z"),
    ],
)
def test_the_order_of_day_and_month_is_an_option(date_format: str, instant: str) -> None:
    """Only the user knows the export's locale."""
    rows = list(
        read_feed("canonical", [{**GOOD, "joined_at": "03/04/2026 10:00:00 AM"}], zone="UTC", date_format=date_format)
    )
    assert rows[0]["joined_at"] == instant


def test_a_year_of_two_digits_is_read_with_the_order() -> None:
    """As Excel's short dates have it."""
    rows = list(
        read_feed("canonical", [{**GOOD, "joined_at": "3/4/26 10:00"}], zone="+02:00", date_format="month_first")
    )
    assert rows[0]["joined_at"] == "2026-03-04T08:00:00.000Z"


def test_an_hour_that_came_twice_is_taken_at_its_longest() -> None:
    """Where the clocks went back, a beginning is the earlier and an end the later of two readings: it blames nobody."""
    record = {**GOOD, "joined_at": "2026-10-25 02:15:00", "left_at": "2026-10-25 02:45:00"}
    (row,) = read_feed("canonical", [record], zone="Europe/Berlin")
    assert (row["joined_at"], row["left_at"]) == ("2026-10-25T00:15:00.000Z", "2026-10-25T01:45:00.000Z")


def test_an_hour_that_never_came_is_unreadable() -> None:
    """Where the clocks went forward, such a time shows that the zone is another one."""
    with pytest.raises(FeedUnreadable, match="clocks skipped"):
        list(read_feed("canonical", [{**GOOD, "joined_at": "2026-03-29 02:30:00"}], zone="Europe/Berlin"))


# The canonical feed.


def test_canonical_rows_are_passed_on() -> None:
    """All columns are kept, also a source of another name, and others are left alone."""
    row = {
        "source": "our_bot",
        "participant": "account-7",
        "kind": "bot",
        "booking_uid": "uid1",
        "conference_key": "zoom:84512345678",
        "email": "amy@example.com",
        "name": "Amy's notetaker",
        "phone": "+16505550100",
        "joined_at": "2026-01-15T10:00:00.000Z",
        "left_at": "2026-01-15T10:30:00.000Z",
    }
    assert list(read_feed("canonical", [{**row, "loaded_at": "x"}])) == [row]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({**GOOD, "kind": "robot"}, "column kind: is not one of person, bot, lobby, check_in"),
        ({**GOOD, "joined_at": None}, "column joined_at: is null, and so is left_at"),
        ({"email": "amy@example.com"}, "lacks joined_at"),
        ({"joined_at": "2026-01-15T10:00:00Z", "name": "Amy"}, "no booking_uid, conference_key, email or phone"),
    ],
)
def test_rows_that_are_not_canonical_are_unreadable(record: dict[str, Any], reason: str) -> None:
    """They are checked, since a slip in them would look like an absence."""
    with pytest.raises(FeedUnreadable, match=reason):
        list(read_feed("canonical", [record]))


def test_constants_fill_only_what_is_missing() -> None:
    """The options ``booking_uid`` and ``conference_key`` never overrule a record."""
    rows = list(
        read_feed("canonical", [GOOD, {**GOOD, "booking_uid": "own"}], booking_uid="given", conference_key="room")
    )
    assert [(row["booking_uid"], row["conference_key"]) for row in rows] == [("given", "room"), ("own", "room")]


# Reports and limits.


def test_a_report_counts_everything() -> None:
    """Each record is a row, left out on purpose, or unreadable, and the sums are plain values for a file."""
    at = {"at": "2026-01-15T10:00:00Z"}
    reading = read_feed(KioskFeed(), [at, {**at, "status": "test"}, {"at": "Amy Adams"}], max_unreadable=0.5)
    assert len(list(reading)) == 1
    assert json.loads(json.dumps(reading.report.as_dict())) == {
        "feed": "kiosk",
        "records": 3,
        "rows": 1,
        "rows_by_kind": {"person": 1},
        "skipped": {"a test of the kiosk": 1},
        "notes": {"rows that name no meeting or booking, and count by address or telephone only": 1},
        "unreadable": {
            "records": 1,
            "max_share": 0.5,
            "reasons": {"at: is not a time in a known form; set the option date_format": 1},
            "samples": [
                {
                    "file": None,
                    "row": 3,
                    "column": "at",
                    "reason": "is not a time in a known form; set the option date_format (string like 'a a')",
                }
            ],
        },
    }


@pytest.mark.parametrize(
    "value",
    ["Amy Adams", "amy@example.com", "Amy 10:00-11:00", "+1 650 555 0100", "650-555-0100", 16505550100, {"a": "Amy"}],
)
def test_reports_hold_nobodys_name_address_or_number(value: Any) -> None:
    """Columns shift, so what lies in a time's column may be anything."""
    reading = read_feed("canonical", [{**GOOD, "joined_at": value}], max_unreadable=1.0)
    assert list(reading) == []
    text = json.dumps(reading.report.as_dict()) + str(reading.report.samples[0])
    assert "Amy" not in text
    assert "amy" not in text
    assert "650" not in text


def test_the_share_of_unreadable_records_is_judged_at_the_end() -> None:
    """One in twenty is within the default limit and two are not, wherever in the feed they are."""
    for records in ([BAD, *[GOOD] * 19], [*[GOOD] * 19, BAD]):
        assert len(list(read_feed("canonical", records))) == 19
    for records in ([BAD, BAD, *[GOOD] * 20], [*[GOOD] * 20, BAD, BAD]):
        with pytest.raises(FeedUnreadable, match=r"2 of 22 records.*0\.05 \(max_unreadable\).*column joined_at"):
            list(read_feed("canonical", records))


def test_a_feed_of_another_shape_is_refused_early() -> None:
    """From twenty records on, a feed that is mostly unreadable is not read to its end."""
    left = iter(range(10_000))
    with pytest.raises(FeedUnreadable, match="20 of 20 records") as caught:
        list(read_feed("canonical", (BAD for _ in left)))
    assert next(left) == 20
    assert caught.value.report is not None
    assert len(caught.value.report.samples) == 20


def test_no_unreadable_record_at_all_may_be_allowed() -> None:
    """With 0 the first one refuses the feed."""
    with pytest.raises(FeedUnreadable, match="1 of 3 records"):
        list(read_feed("canonical", [GOOD, GOOD, BAD, GOOD], max_unreadable=0))


def test_samples_and_reasons_are_bounded() -> None:
    """A report of a broken feed stays short."""
    records = [{**GOOD, "joined_at": None, f"Joined{' ' * number}At": "soon"} for number in range(300)]
    reading = read_feed("canonical", records, max_unreadable=1.0)
    assert list(reading) == []
    assert len(reading.report.samples) == 20
    assert len(reading.report.unreadable_by_reason) <= 101
    assert sum(reading.report.unreadable_by_reason.values()) == 300
