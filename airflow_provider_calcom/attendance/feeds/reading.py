"""Reading a feed from wherever it lies: rows of a task or cursor, an API's answer, or a file."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any

from airflow_provider_calcom.attendance.feeds.base import Feed, RecordFeed, feed_named
from airflow_provider_calcom.attendance.feeds.errors import InvalidFeedOption, UnreadableField, shape_of
from airflow_provider_calcom.attendance.feeds.files import is_path, name_of, records_in_file
from airflow_provider_calcom.attendance.feeds.options import FeedOptions
from airflow_provider_calcom.attendance.feeds.report import FeedReport
from airflow_provider_calcom.attendance.feeds.rows import AttendanceRow
from airflow_provider_calcom.attendance.feeds.tables import Placed

_ENVELOPE = "_airbyte_data"
_DEEPEST_PAGE = 10


class FeedReading:
    """The attendance rows of a feed, read as they are asked for, once.

    Use the rows only when the iteration has come to its end without an error: only then is it known that the feed can
    be trusted.

    :param report: what became of the records; complete when the iteration has come to its end.
    """

    def __init__(self, feed: Feed, source: Any, options: FeedOptions) -> None:
        self.report = FeedReport(feed=feed.name, max_unreadable=options.max_unreadable)
        self._rows = _rows(feed, source, options, self.report)

    def __iter__(self) -> Iterator[AttendanceRow]:
        return self._rows


def read_feed(feed: str | Feed, source: Any, **options: Any) -> FeedReading:
    """Read attendance rows.

    :param feed: a feed, or the name of one: zoom, google_meet, teams, cal_video, webex, check_in, canonical, or a
        name given to :func:`register_feed`.
    :param source: an iterable of dicts (rows of a task or of a cursor, or whole pages of an API); a parsed answer of
        the vendor's API; or a path (text, ``os.PathLike``, or anything with ``open("rb")``, as UPath and
        ObjectStoragePath) of a file .json, .jsonl, .ndjson, .csv, .tsv or .parquet, each also with .gz.
    :param options: see :class:`FeedOptions`.
    :return: an iterable of rows with a ``report``.
    :raises InvalidFeedOption: for an unknown feed or option, or a source of another kind. While it is iterated:
        FeedUnreadable, if the feed can't be trusted.
    """
    if isinstance(source, (bytes, bytearray)) or not (is_path(source) or isinstance(source, (Mapping, Iterable))):
        raise InvalidFeedOption(
            f"The feed's source must be records, an API's answer or a path, but is {shape_of(source)}"
        )
    return FeedReading(feed_named(feed) if isinstance(feed, str) else feed, source, FeedOptions.of(options))


def _rows(feed: Feed, source: Any, options: FeedOptions, report: FeedReport) -> Iterator[AttendanceRow]:
    placed = _placed(feed, source, options, report)
    with closing(placed):
        for row in feed.rows(_counted(placed, report), report, options):
            report.made(row)
            yield row
    report.judge()


def _counted(placed: Iterable[Placed], report: FeedReport) -> Iterator[Mapping[str, Any]]:
    for row, record in placed:
        report.begin(row)
        if isinstance(record, UnreadableField):
            report.unreadable(record)
        else:
            yield record


def _placed(feed: Feed, source: Any, options: FeedOptions, report: FeedReport) -> Generator[Placed, None, None]:
    keys: tuple[str, ...] = getattr(feed, "page_keys", ())
    fields: tuple[str, ...] = getattr(feed, "page_fields", ())
    if is_path(source):
        report.file = name_of(source)
        of_table = getattr(feed, "records_of_table", RecordFeed.records_of_table)
        documents = records_in_file(source, options, report, of_table)
    elif isinstance(source, Mapping):
        documents = iter([(None, source)])
    else:
        documents = ((None, document) for document in source)
    for row, document in documents:
        if isinstance(document, UnreadableField):
            yield row, document
        else:
            for record in unfolded(document, keys, fields):
                yield row, record


def unfolded(
    document: Any, keys: tuple[str, ...], fields: tuple[str, ...], depth: int = 0
) -> Iterator[Mapping[str, Any] | UnreadableField]:
    """Give the records of a document: of a list, of a page of an API, or the one that it is.

    :param keys: names of a page's list of records.
    :param fields: fields beside that list which the records inherit.
    :param depth: how many lists and pages the document lies in.
    """
    if isinstance(document, (list, tuple)) and depth < _DEEPEST_PAGE:
        for one in document:
            yield from unfolded(one, keys, fields, depth + 1)
    elif not isinstance(document, Mapping) or depth >= _DEEPEST_PAGE:
        yield UnreadableField(None, "the record is no object", shape_of(document))
    elif isinstance(document.get(_ENVELOPE), (Mapping, list)):
        yield from unfolded(document[_ENVELOPE], keys, fields, depth + 1)
    else:
        key = next((key for key in keys if isinstance(document.get(key), (list, tuple))), None)
        if key is None:
            yield document
            return
        inherited = {name: document[name] for name in fields if name in document}
        for record in unfolded(document[key], keys, fields, depth + 1):
            if isinstance(record, UnreadableField):
                yield record
            else:
                yield {**record, **{name: of for name, of in inherited.items() if record.get(name) is None}}
