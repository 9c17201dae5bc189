"""The meeting of a record of Zoom, and a check that all or no rows of a feed name theirs."""

from __future__ import annotations

from airflow_provider_calcom.attendance.feeds._feed import RecordFeed
from airflow_provider_calcom.attendance.feeds._record import Record
from airflow_provider_calcom.attendance.feeds._report import FeedReport
from airflow_provider_calcom.attendance.feeds._row import AttendanceRow
from airflow_provider_calcom.attendance.feeds.errors import UnreadableField, shape_of
from airflow_provider_calcom.attendance.feeds.options import FeedOptions


def meeting_key(
    feed: RecordFeed, record: Record, ids: tuple[str, ...], uuids: tuple[str, ...], perhaps: tuple[str, ...] = ()
) -> str | None:
    """Return the conference key of a record's meeting, or None where it names none.

    :param feed: knows the vendor's keys.
    :param record: of a participant, or an event.
    :param ids: columns with the meeting's number.
    :param uuids: columns with its uuid, which is in no link.
    :param perhaps: columns that may hold the number, or something else.
    :raises UnreadableField: where its column holds something else than a number. Its row would be of no meeting,
        and who is in it without an address would look absent.
    """
    key = feed.meeting_of(record, (*ids, *perhaps), uuids)
    if key is not None or record.options.conference_key is not None:
        return key
    for name in ids:
        if record.text(name):
            raise UnreadableField(
                record.spelling(name),
                "is not a meeting number. Set the option conference_keys: {this value: the number or link}",
                shape_of(record.value(name)),
            )
    return None


class MeetingsNamed:
    """Checks that rows which name no meeting are not beside rows that do.

    Where all rows lack it, nobody is judged absent by them. Beside rows of a meeting, one that lost its own would be
    missing there.

    :param options: which may name the meeting of those that lack it.
    """

    def __init__(self, options: FeedOptions) -> None:
        self._is_given = options.conference_key is not None or options.booking_uid is not None
        self._has_named = False
        self._first_without: int | None = None

    def add(self, row: AttendanceRow, report: FeedReport) -> None:
        """Remember whether a row names its meeting.

        :param report: knows the place of the record that is being read.
        """
        if row["conference_key"] or row["booking_uid"]:
            self._has_named = True
        elif self._first_without is None:
            self._first_without = report.row

    def check(self, report: FeedReport) -> None:
        """Judge the feed at its end.

        :raises FeedUnreadable: where some rows name their meeting, and others do not.
        """
        if self._has_named and self._first_without is not None and not self._is_given:
            report.abort(
                "the record names no meeting, while others of the feed do. Give it a meeting_id, or set the option"
                " conference_key",
                self._first_without,
            )
