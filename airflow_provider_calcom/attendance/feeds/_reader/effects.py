"""Options without effect: each is an error, because what the user meant by it does not happen.

Refused before anything is read are options that the feed never reads, and options of a format that no file of the
source has (``delimiter`` for Parquet). Refused at the end are a column of ``columns`` that no record has; a
``booking_uid`` where all rows name another; and ``conference_keys`` or ``booking_uids`` none of whose ids came although
rows are without a meeting or booking.

Not refused, because what a feed holds differs from day to day: ``zone`` and ``date_format`` where all times have a
zone; words and marks that did not come; a table none of whose ids came while no row lacks a meeting; and ``addresses``
none of whose ids came, because guests alone may come on a day. Such tables are noted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from airflow_provider_calcom._redact import shown_column
from airflow_provider_calcom.attendance.errors import InvalidFeedOption
from airflow_provider_calcom.attendance.feeds._report import FeedReport
from airflow_provider_calcom.attendance.feeds._row import AttendanceRow
from airflow_provider_calcom.attendance.feeds.errors import shown_columns
from airflow_provider_calcom.attendance.feeds.options import FeedOptions, LookUp

_OF_FILES = ("encoding", "delimiter", "largest_line", "largest_document")
_OF_READING = ("max_unreadable",)
_MOST_NAMES = 200


def check_read(feed: str, known: tuple[str, ...], options: FeedOptions) -> None:
    """Check that a feed reads every option that is given.

    :param feed: its name.
    :param known: the names of the options that it reads.
    :param options: as given by the user.
    :raises InvalidFeedOption: naming those that it does not read.
    """
    unread = [name for name in _given(options) if name not in (*known, *_OF_FILES, *_OF_READING)]
    if unread:
        raise InvalidFeedOption(
            f"The option {', '.join(unread)} has no effect on the feed {feed}, so leave it out. The feed reads:"
            f" {', '.join(known)}"
        )


def check_formats(read: Iterable[frozenset[str]], options: FeedOptions) -> None:
    """Check that a file of the source is read by every option about files.

    :param read: of each file the names of the options that its format takes; empty where the source is not a file.
    :raises InvalidFeedOption: naming those that no file takes.
    """
    used = {name for names in read for name in names}
    idle = [name for name in _given(options) if name in _OF_FILES and name not in used]
    if idle:
        raise InvalidFeedOption(
            f"The option {', '.join(idle)} has no effect on a source of this kind, so leave it out. For it are:"
            f" {', '.join(sorted(used)) or 'none of the options about files'}"
        )


def _given(options: FeedOptions) -> list[str]:
    return [name for name in options.names() if options.is_given(name)]


class Effects:
    """Checks that the options had an effect on one reading.

    :param options: as given by the user.
    """

    def __init__(self, options: FeedOptions) -> None:
        self._options = options
        self._unfound = set(options.columns.values())
        self._names: dict[Any, None] = {}
        self._records = 0
        self._rows = 0
        self._of_booking = 0
        self._loose = 0

    def take_record(self, columns: Mapping[str, Any], has: Callable[[str], bool]) -> None:
        """Note which of the named columns a record has.

        :param columns: the record as it came.
        :param has: returns whether it has a column, in any spelling.
        """
        self._records += 1
        if self._unfound:
            self._unfound = {column for column in self._unfound if not has(column)}
            if len(self._names) < _MOST_NAMES:
                self._names.update(dict.fromkeys(columns))

    def take_row(self, row: AttendanceRow) -> None:
        """Note what a row has of the options."""
        self._rows += 1
        self._of_booking += row["booking_uid"] == self._options.booking_uid
        self._loose += not (row["booking_uid"] or row["conference_key"])

    def check(self, report: FeedReport) -> None:
        """Check the options at the end of a reading.

        :param report: counts tables that had no effect, but were not needed.
        :raises InvalidFeedOption: naming the option that had no effect.
        """
        self.check_columns()
        if not self._rows:
            return
        if self._options.booking_uid is not None and not self._of_booking:
            raise InvalidFeedOption(
                "The feed's option booking_uid has no effect: every record names another booking. Leave it out, or give"
                " the records of its booking alone"
            )
        self._check_tables(report)

    def check_columns(self) -> None:
        """Check the option ``columns`` against the records so far.

        :raises InvalidFeedOption: naming a column that none of them has, and those that they have.
        """
        if self._records and self._unfound:
            raise InvalidFeedOption(
                f"The feed's option columns names {shown_column(sorted(self._unfound)[0])!r}, which no record has. They"
                f" have:"
                f" {shown_columns(self._names)}"
            )

    def _check_tables(self, report: FeedReport) -> None:
        for name in ("conference_keys", "booking_uids", "addresses"):
            table = getattr(self._options, name)
            if not isinstance(table, LookUp) or not len(table) or table.found:
                continue
            if name != "addresses" and self._loose:
                raise InvalidFeedOption(
                    f"The feed's option {name} has no effect: none of its {len(table)} ids is in the records, and rows"
                    " lack a meeting or booking. Give the ids as the records have them, or leave the option out"
                )
            report.note(f"the option {name}: none of its ids is in the records")
