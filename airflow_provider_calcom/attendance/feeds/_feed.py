"""What a feed is, how a user adds one, and how one is read."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Protocol

from airflow_provider_calcom._redact import describe
from airflow_provider_calcom.attendance.feeds._columns import folded_name
from airflow_provider_calcom.attendance.feeds._files.tables import Placed, TableLine, records_under_header
from airflow_provider_calcom.attendance.feeds._record import Record
from airflow_provider_calcom.attendance.feeds._report import FeedReport
from airflow_provider_calcom.attendance.feeds._row import AttendanceRow
from airflow_provider_calcom.attendance.feeds.errors import (
    InvalidFeedOption,
    SkippedRecord,
    UnreadableField,
    shown_columns,
)
from airflow_provider_calcom.attendance.feeds.options import FeedOptions, Fields

_HERE = "airflow_provider_calcom.attendance.feeds"
_BUILT_IN = {
    "canonical": f"{_HERE}.canonical",
    "check_in": f"{_HERE}.check_in",
    "zoom": f"{_HERE}.zoom",
    "google_meet": f"{_HERE}.google_meet",
    "teams": f"{_HERE}.teams",
    "cal_video": f"{_HERE}.cal_video",
    "webex": f"{_HERE}.webex",
}
"""Each of these modules has a ``FEED``; it is imported when the feed is first asked for."""

_NOTHING_MADE = "the record gave no row, and is not of a kind that is known to be nobody's attendance"

_added: dict[str, Feed] = {}


_OF_TIME = ("joined_at", "left_at", "checked_in_at", "time", "time_usec", "date", "duration", "action", "event")
"""Those of :attr:`RecordFeed.fields` that tell when somebody was there."""

OF_EVERY_FEED = (
    "zone",
    "date_format",
    "date",
    "am_words",
    "pm_words",
    "booking_uid",
    "conference_key",
    "conference_keys",
    "columns",
)
"""Options that :class:`RecordFeed` reads by itself."""


class Feed(Protocol):
    """Turns a vendor's records into attendance rows.

    Besides these two, a feed may have what :class:`RecordFeed` has: ``page_keys``, ``page_fields``, ``fields``,
    ``option_names``, ``skips``, ``next_page``, ``totals``, ``key_of`` and ``records_of_table``.
    """

    @property
    def name(self) -> str:
        """The name that users ask for it by, which is also the ``source`` of its rows."""
        ...

    def rows(
        self, records: Iterable[Mapping[str, Any]], report: FeedReport, options: FeedOptions
    ) -> Iterator[AttendanceRow]:
        """Give the rows of the records, one record at a time.

        :param records: objects as the vendor gives them; taken one by one, so that a long feed needs no memory.
        :param report: is told of records left out (``skip``) and of those that can't be read (``unreadable``); the
            rest it counts itself.
        :param options: what the user said of the data.
        """
        ...


class RecordFeed(ABC):
    """A feed whose every record can be understood by itself. Subclasses say what :meth:`rows_of` a record are."""

    name: ClassVar[str]
    page_keys: ClassVar[tuple[str, ...]] = ()
    """Names of the list of records in a page of the vendor's API, for instance ``participants``."""

    page_fields: ClassVar[tuple[str, ...] | Mapping[str, str]] = ()
    """Fields beside that list which its records inherit where they lack them, for instance ``meeting_id``; or {field:
    the record's column}, where it is another thing in a record, as ``id``."""

    fields: ClassVar[Fields] = {}
    """{field of a row: the vendor's names of its column}. The option ``columns`` may name these, and the header of a
    table is known by them. Empty: ``columns`` may name any column, and the first line of a table is its header."""

    option_names: ClassVar[tuple[str, ...]] = OF_EVERY_FEED
    """Options that the feed reads; another one is refused, because it would have no effect."""

    skips: ClassVar[tuple[str, ...]] = ()
    """Reasons for which records may be left out: the closed list of kinds that are known to be nobody's attendance."""

    next_page: ClassVar[Mapping[str, str]] = {}
    """{field beside a page's records that holds something where more pages follow: the parameter that fetches them},
    besides those that every feed knows, see :mod:`pages <._reader.pages>`."""

    own_links: ClassVar[tuple[str, ...]] = ()
    """Fields of records that hold something where a list within them goes on elsewhere, and of which the feed itself
    checks whether the rest came."""

    totals: ClassVar[Mapping[str, str]] = {}
    """{field beside a page's records with the number of records of all pages: the parameter that fetches the rest}."""

    @abstractmethod
    def rows_of(self, record: Record) -> Iterator[AttendanceRow]:
        """Give the rows of one record.

        :raises UnreadableField: where the record, or what is left of it, can't be read; rows given before it stay.
        :raises SkippedRecord: where the record is left out on purpose.
        """

    def rows(
        self, records: Iterable[Mapping[str, Any]], report: FeedReport, options: FeedOptions
    ) -> Iterator[AttendanceRow]:
        """See :meth:`Feed.rows`."""
        for columns in records:
            made = False
            try:
                for row in self.rows_of(Record(columns, options)):
                    made = True
                    yield row
                if not made:
                    report.unreadable(UnreadableField(None, _NOTHING_MADE))
            except UnreadableField as fault:
                report.unreadable(fault)
            except SkippedRecord as skipped:
                report.skip(skipped.reason)

    def records_of_table(self, lines: Iterable[TableLine], options: FeedOptions) -> Iterator[Placed]:
        """Return the records of a table's lines; here those under one header.

        :param lines: of a CSV or TSV file, or of a sheet of a workbook.
        :param options: as given by the user.
        :raises UnreadableFile: where there is no such table, or it is not whole.
        """
        return records_under_header(lines, self.known_columns(options), self.time_columns(options))

    def known_columns(self, options: FeedOptions) -> frozenset[str]:
        """Return the folded names of the columns that a header is known by: the feed's ``fields`` and ``columns``."""
        if not self.fields:
            return frozenset()
        names = [name for field, names in self.fields.items() for name in (field, *names)]
        own = (*options.columns.values(), *self.page_keys, *self.page_fields)
        return frozenset(folded_name(name) for name in (*names, *own))

    def time_columns(self, options: FeedOptions) -> frozenset[str]:
        """Return the folded names of the columns that tell when somebody was there."""
        own = [options.columns[field] for field in _OF_TIME if field in options.columns]
        names = (name for field in _OF_TIME if field in self.fields for name in (field, *self.fields[field]))
        return frozenset(folded_name(name) for name in (*names, *own))

    def key_of(self, meeting: str) -> str | None:
        """Give the conference key of a meeting id, code or URL of this vendor; here the text itself."""
        return meeting

    def meeting_of(self, record: Record, ids: Iterable[str], other_ids: Iterable[str] = ()) -> str | None:
        """Give the conference key of a record's meeting, or None.

        :param ids: columns that may hold what :meth:`key_of` understands.
        :param other_ids: columns with ids that are in no link.

        The option ``conference_keys`` goes first: it knows of both what their link is.
        """
        given = _known(record, (*other_ids, *ids), record.options.conference_keys)
        if given:
            return self.key_of(given) or given
        for name in ids:
            meeting = record.text(name)
            key = self.key_of(meeting) if meeting else None
            if key:
                return key
        return None

    def booking_of(self, record: Record, ids: Iterable[str] = ()) -> str | None:
        """Give the booking that a record names as ``booking_uid``, or None.

        :param ids: columns with ids of the vendor that the option ``booking_uids`` may know.
        """
        return record.text("booking_uid") or _known(record, ids, record.options.booking_uids)

    def row(
        self,
        record: Record,
        *,
        participant: str | None = None,
        kind: str = "person",
        booking_uid: str | None = None,
        conference_key: str | None = None,
        email: str | None = None,
        name: str | None = None,
        phone: str | None = None,
        joined_at: str | None = None,
        left_at: str | None = None,
    ) -> AttendanceRow:
        """Return a row, with the booking and meeting of the options where the record names none.

        :param participant: the vendor's own id of who joined, only where it is one person's over several rows; see
            :class:`AttendanceRow`.
        """
        options = record.options
        if conference_key is None and options.conference_key is not None:
            conference_key = self.key_of(options.conference_key) or options.conference_key
        return {
            "source": self.name,
            "participant": participant,
            "kind": kind,
            "booking_uid": booking_uid or options.booking_uid,
            "conference_key": conference_key,
            "email": email,
            "name": name,
            "phone": phone,
            "joined_at": joined_at,
            "left_at": left_at,
        }


def _known(record: Record, names: Iterable[str], known: Mapping[str, str]) -> str | None:
    if not known:
        return None
    found = (record.text(name) for name in names)
    return next((known[one] for one in found if one is not None and one in known), None)


def register_feed(feed: Feed) -> None:
    """Add a feed of one's own, or put one in the place of a built-in, for this process.

    :param feed: is found by its ``name`` from now on.
    :raises InvalidFeedOption: if it has no usable name.
    """
    name = getattr(feed, "name", None)
    if not isinstance(name, str) or not name or name != name.strip():
        raise InvalidFeedOption("A feed needs a name: a text without spaces at its ends")
    _added[name] = feed


def feed_named(name: str) -> Feed:
    """Give the feed of that name.

    :raises InvalidFeedOption: if there is none, listing those that are known.
    """
    if name in _added:
        return _added[name]
    if name in _BUILT_IN:
        feed: Feed = importlib.import_module(_BUILT_IN[name]).FEED
        return feed
    known = ", ".join(sorted({*_BUILT_IN, *_added}))
    raise InvalidFeedOption(f"There is no feed {describe(name)}. Known are: {known}; register_feed() adds another")


def required(record: Record, *names: str) -> None:
    """Check that a record has every one of these columns.

    :raises UnreadableField: naming those that it lacks, and the columns that it has.
    """
    missing = [name for name in names if not record.has(name)]
    if missing:
        raise UnreadableField(
            None,
            f"the record fits no known shape: it lacks {', '.join(missing)}. It has: {shown_columns(record.columns)}."
            " If one of these is meant, name it with the option columns",
        )
