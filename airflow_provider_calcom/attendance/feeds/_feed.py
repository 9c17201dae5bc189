"""The base of feeds whose records can be understood one by one, as nearly all can."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar
from urllib.parse import SplitResult

from airflow_provider_calcom.attendance.errors import InvalidFeedOption
from airflow_provider_calcom.attendance.feeds._columns import folded_name
from airflow_provider_calcom.attendance.feeds._files.tables import NumberedRecord, TableLine, records_under_header
from airflow_provider_calcom.attendance.feeds._record import Record
from airflow_provider_calcom.attendance.feeds._report import FeedReport
from airflow_provider_calcom.attendance.feeds._row import AttendanceRow
from airflow_provider_calcom.attendance.feeds.errors import SkippedRecord, UnreadableField, shown_columns
from airflow_provider_calcom.attendance.feeds.options import FeedOptions, Fields

_NO_ROW = "the record gave no row, and is not of a kind that is known to be nobody's attendance"


_OF_TIME = ("joined_at", "left_at", "checked_in_at", "time", "time_usec", "date", "duration", "action", "event")
"""Those of :attr:`RecordFeed.fields` that are times or lengths of a presence."""

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


class RecordFeed(ABC):
    """A feed whose every record can be understood by itself. Subclasses say what :meth:`rows_of` a record are.

    Its members are those of :class:`Feed <._registry.Feed>`, where they are explained. A subclass has no other public
    ones, so that a misspelt name is an error.
    """

    name: ClassVar[str]
    page_keys: ClassVar[tuple[str, ...]] = ()
    page_fields: ClassVar[tuple[str, ...] | Mapping[str, str]] = ()
    fields: ClassVar[Fields] = {}
    option_names: ClassVar[tuple[str, ...]] = OF_EVERY_FEED
    skips: ClassVar[tuple[str, ...]] = ()
    next_page: ClassVar[Mapping[str, str]] = {}
    own_links: ClassVar[tuple[str, ...]] = ()
    totals: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls) -> None:
        """Check the names of a subclass's members.

        :raises InvalidFeedOption: for a public one that feeds don't have.
        """
        super().__init_subclass__()
        other = [name for name in vars(cls) if not name.startswith("_") and not _is_member(name)]
        if other:
            raise InvalidFeedOption(
                f"{cls.__name__}.{other[0]} is not a member of a feed{_suggestion(other[0])}. Begin names of your own"
                " with an underscore"
            )

    @abstractmethod
    def rows_of(self, record: Record) -> Iterator[AttendanceRow]:
        """Return the rows of one record.

        :raises UnreadableField: where the record, or what is left of it, can't be read; rows returned before it stay.
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
                    report.unreadable(UnreadableField(None, _NO_ROW))
            except UnreadableField as fault:
                report.unreadable(fault)
            except SkippedRecord as skipped:
                report.skip(skipped.reason)

    def records_of_table(self, lines: Iterable[TableLine], options: FeedOptions) -> Iterator[NumberedRecord]:
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
        """Return the folded names of the columns with times or lengths of a presence."""
        own = [options.columns[field] for field in _OF_TIME if field in options.columns]
        names = (name for field in _OF_TIME if field in self.fields for name in (field, *self.fields[field]))
        return frozenset(folded_name(name) for name in (*names, *own))

    def key_of(self, meeting: str) -> str | None:
        """Return the conference key of a meeting id, code, link or key of this vendor; here the string itself."""
        return meeting

    def key_of_url(self, url: SplitResult) -> str | None:
        """Return the conference key of a join link of this vendor, or None for any other link; here always None."""
        return None

    def meeting_of(self, record: Record, ids: Iterable[str], other_ids: Iterable[str] = ()) -> str | None:
        """Return the conference key of a record's meeting, or None.

        :param ids: columns that may hold what :meth:`key_of` reads.
        :param other_ids: columns with ids that are in no link.

        The option ``conference_keys`` goes first: it may hold the link of either.
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
        """Return the booking that a record names as ``booking_uid``, or None.

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


def _is_member(name: str) -> bool:
    return name == "name" or hasattr(RecordFeed, name)


def _suggestion(name: str) -> str:
    close = difflib.get_close_matches(name, [one for one in (*vars(RecordFeed), "name") if not one.startswith("_")], 1)
    return f"; did you mean {close[0]}?" if close else ""


def _known(record: Record, names: Iterable[str], known: Mapping[str, str]) -> str | None:
    if not known:
        return None
    found = (record.text(name) for name in names)
    return next((known[one] for one in found if one is not None and one in known), None)


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
