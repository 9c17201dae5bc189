"""What a feed is, and the feeds by name: those of the package, and those that users add."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Protocol
from urllib.parse import SplitResult

from airflow_provider_calcom._redact import describe
from airflow_provider_calcom.attendance.errors import InvalidFeedOption
from airflow_provider_calcom.attendance.feeds._files.tables import NumberedRecord, TableLine
from airflow_provider_calcom.attendance.feeds._report import FeedReport
from airflow_provider_calcom.attendance.feeds._row import AttendanceRow
from airflow_provider_calcom.attendance.feeds.options import FeedOptions, Fields

BUILT_IN = (
    "zoom",
    "google_meet",
    "teams",
    "webex",
    "check_in",
    "canonical",
    "cal_video",  # last: its links may be on any host, so that they must be no other vendor's
)
"""The feeds of the package. Each is a module (or package) of this name beside this one, which has a ``FEED``."""

_added: dict[str, Feed] = {}


class Feed(Protocol):
    """Turns a vendor's records into attendance rows.

    A feed has all of these members. :class:`RecordFeed` has them with their defaults. To type checkers they are
    properties, so that a feed may narrow the type of an attribute, as each subclass of ``RecordFeed`` does.
    """

    @property
    def page_keys(self) -> tuple[str, ...]:
        """Names of the list of records in a page of the vendor's API, for instance ``participants``."""
        ...

    @property
    def page_fields(self) -> tuple[str, ...] | Mapping[str, str]:
        """Fields beside that list which its records inherit where they lack them, for instance ``meeting_id``.

        Or {field: the record's column}, where it is another thing in a record, as ``id``.
        """
        ...

    @property
    def fields(self) -> Fields:
        """{field of a row: the vendor's names of its column}.

        The option ``columns`` may name these, and the header of a table is known by them. Empty: ``columns`` may name
        any column, and the first line of a table is its header.
        """
        ...

    @property
    def option_names(self) -> tuple[str, ...]:
        """Options that the feed reads; another one is refused, because it would have no effect."""
        ...

    @property
    def skips(self) -> tuple[str, ...]:
        """Reasons for which records may be left out: the closed list of kinds that are nobody's attendance."""
        ...

    @property
    def next_page(self) -> Mapping[str, str]:
        """{field beside a page's records that holds something where more pages follow: parameter that fetches them}.

        Those that every feed knows are in :mod:`pages <._reader.pages>`.
        """
        ...

    @property
    def own_links(self) -> tuple[str, ...]:
        """Fields of records that hold something where a list within them goes on elsewhere.

        The feed itself checks whether the rest came.
        """
        ...

    @property
    def totals(self) -> Mapping[str, str]:
        """{field beside a page's records with the number of records of all pages: parameter that fetches the rest}."""
        ...

    @property
    def name(self) -> str:
        """The name that users request it by, which is also the ``source`` of its rows."""
        ...

    def rows(
        self, records: Iterable[Mapping[str, Any]], report: FeedReport, options: FeedOptions
    ) -> Iterator[AttendanceRow]:
        """Return the rows of the records, one record at a time.

        :param records: objects as the vendor sends them; read one by one, so that a long feed needs no memory.
        :param report: receives records left out (``skip``) and those that can't be read (``unreadable``); the rest it
            counts itself.
        :param options: what the user said of the data.
        """
        ...

    def records_of_table(self, lines: Iterable[TableLine], options: FeedOptions) -> Iterator[NumberedRecord]:
        """Return the records of a table's lines.

        :param lines: of a CSV or TSV file, or of a sheet of a workbook.
        :param options: as given by the user.
        :raises UnreadableFile: where there is no such table, or it is not whole.
        """
        ...

    def key_of(self, meeting: str) -> str | None:
        """Return the conference key of a meeting id, code, link or key of this vendor, or None."""
        ...

    def key_of_url(self, url: SplitResult) -> str | None:
        """Return the conference key of a join link of this vendor, or None for any other link."""
        ...


MEMBERS = tuple(sorted(name for name in vars(Feed) if not name.startswith("_")))
"""The names of what each feed has."""


def register_feed(feed: Feed) -> None:
    """Add a feed of one's own, or replace a built-in one, for this process.

    :param feed: is found by its ``name`` from now on.
    :raises InvalidFeedOption: if it has no usable name, or lacks a member of :class:`Feed`.
    """
    check_feed(feed)
    _added[feed.name] = feed


def check_feed(feed: Feed) -> None:
    """Check that a feed has a usable name and all members of :class:`Feed`.

    :raises InvalidFeedOption: naming the members that it lacks.
    """
    name = getattr(feed, "name", None)
    if not isinstance(name, str) or not name or name != name.strip():
        raise InvalidFeedOption("A feed needs a name: a string without spaces at its ends")
    missing = [member for member in MEMBERS if not hasattr(feed, member)]
    if missing:
        raise InvalidFeedOption(
            f"The feed {describe(name)} lacks {', '.join(missing)}. RecordFeed has them: subclass it"
        )


def feed_named(name: str) -> Feed:
    """Return the feed of that name.

    :raises InvalidFeedOption: if there is no such feed, listing those that are known.
    """
    if name in _added:
        return _added[name]
    if name in BUILT_IN:
        return _built_in(name)
    raise InvalidFeedOption(
        f"There is no feed {describe(name)}. Known are: {', '.join(sorted(feed_names()))}; register_feed() adds another"
    )


def feed_names() -> tuple[str, ...]:
    """Return the names of all feeds: first those that users added, then the others in the order of the package."""
    return (*_added, *(name for name in BUILT_IN if name not in _added))


@cache
def _built_in(name: str) -> Feed:
    package = __name__.rpartition(".")[0]
    feed: Feed = importlib.import_module(f"{package}.{name}").FEED
    return feed
