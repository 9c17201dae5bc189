"""Read a feed from rows of a task or cursor, an API response, or files."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from functools import partial
from typing import Any

from airflow_provider_calcom._redact import describe
from airflow_provider_calcom._storage import is_path
from airflow_provider_calcom.attendance.errors import InvalidFeedOption
from airflow_provider_calcom.attendance.feeds._files import files_of, name_of, options_of, records_in_file
from airflow_provider_calcom.attendance.feeds._files.tables import NumberedRecord
from airflow_provider_calcom.attendance.feeds._reader.effects import Effects, check_formats, check_read
from airflow_provider_calcom.attendance.feeds._reader.meetings import Meetings
from airflow_provider_calcom.attendance.feeds._reader.pages import Pages, Shape
from airflow_provider_calcom.attendance.feeds._record import Record
from airflow_provider_calcom.attendance.feeds._registry import Feed, check_feed, feed_named
from airflow_provider_calcom.attendance.feeds._report import FeedReport, FeedUnreadable
from airflow_provider_calcom.attendance.feeds._row import AttendanceRow
from airflow_provider_calcom.attendance.feeds.errors import UnreadableField
from airflow_provider_calcom.attendance.feeds.options import FeedOptions


class FeedReading:
    """The attendance rows of a feed, read as they are requested, once.

    Use the rows only when the iteration has come to its end without an error: only then is it known that the feed can
    be trusted.

    :param report: counts of the records and their faults; complete when the iteration has come to its end.
    """

    def __init__(self, feed: Feed, source: Any, options: FeedOptions) -> None:
        self.report = FeedReport(feed=feed.name, max_unreadable=options.max_unreadable, skips=feed.skips)
        self._rows = _rows(feed, source, options, self.report)

    def __iter__(self) -> Iterator[AttendanceRow]:
        return self._rows


def read_feed(feed: str | Feed, source: Any, **options: Any) -> FeedReading:
    """Read attendance rows.

    :param feed: a feed, or the name of one, see :func:`feed_names <.feed_names>`.
    :param source: an iterable of dicts (rows of a task or of a cursor, or whole pages of an API); a parsed response
        of the vendor's API; or a path (string, ``os.PathLike``, or anything with ``open("rb")``, as UPath and
        ObjectStoragePath) of a file .json, .jsonl, .ndjson, .csv, .tsv, .parquet or .xlsx, each also with .gz; or the
        path of a folder of such files, or a list of paths. Several files are one feed: pages in them are taken
        together.
    :param options: see :class:`FeedOptions`.
    :return: an iterable of rows with a ``report``.
    :raises InvalidFeedOption: for an unknown feed or option, or a source of another kind. While it is iterated:
        FeedUnreadable, if the feed can't be trusted.
    """
    if isinstance(source, (bytes, bytearray)) or not (is_path(source) or isinstance(source, (Mapping, Iterable))):
        raise InvalidFeedOption(
            f"The feed's source must be records, an API response or a path, but is {describe(source)}"
        )
    one = feed_named(feed) if isinstance(feed, str) else feed
    check_feed(one)
    given = FeedOptions.of(options, one.fields)
    check_read(one.name, one.option_names, given)
    files = files_of(source)
    check_formats([options_of(file) for file in files or ()], given)
    return FeedReading(one, source if files is None else files, given)


def _rows(feed: Feed, source: Any, options: FeedOptions, report: FeedReport) -> Iterator[AttendanceRow]:
    effects, meetings = Effects(options), Meetings(feed.key_of, options, report)
    numbered = _numbered_records(feed, source, options, report)
    with closing(numbered):
        try:
            for made in feed.rows(_counted(numbered, report, effects, options), report, options):
                row = meetings.of_row(made)
                report.count_row(row)
                effects.take_row(row)
                yield row
            meetings.check()
            report.check()
        except FeedUnreadable:
            effects.check_columns()  # a slip in that option is why the records can't be read
            raise
    effects.check(report)


def _counted(
    numbered: Iterable[NumberedRecord], report: FeedReport, effects: Effects, options: FeedOptions
) -> Iterator[Mapping[str, Any]]:
    for row, record in numbered:
        report.start_record(row)
        if isinstance(record, UnreadableField):
            report.unreadable(record)
        else:
            effects.take_record(record, partial(_has_column, record, options))
            yield record


def _has_column(record: Mapping[str, Any], options: FeedOptions, name: str) -> bool:
    return Record(record, options).has(name)


def _numbered_records(
    feed: Feed, source: Any, options: FeedOptions, report: FeedReport
) -> Generator[NumberedRecord, None, None]:
    shape = Shape(feed.page_keys, feed.page_fields, feed.own_links, feed.next_page, feed.totals)
    pages = Pages(shape, report)
    for row, document in _documents(feed, source, options, report):
        if isinstance(document, UnreadableField):
            yield row, document
        else:
            for record in pages.records(document, row):
                yield row, record
    pages.check()


def _documents(feed: Feed, source: Any, options: FeedOptions, report: FeedReport) -> Iterator[tuple[int | None, Any]]:
    if isinstance(source, Mapping):
        yield None, source
    elif isinstance(source, list) and source and all(map(is_path, source)):
        for file in source:
            report.start_file(name_of(file))
            yield from records_in_file(file, options, report, feed.records_of_table)
    else:
        for document in source:
            yield None, document
