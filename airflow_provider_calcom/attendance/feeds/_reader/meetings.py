"""The meeting of each row, where the options know it better than the records."""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_calcom.attendance.errors import InvalidFeedOption
from airflow_provider_calcom.attendance.feeds._report import FeedReport
from airflow_provider_calcom.attendance.feeds._row import AttendanceRow
from airflow_provider_calcom.attendance.feeds.errors import UnreadableField
from airflow_provider_calcom.attendance.feeds.options import FeedOptions, LookUp

NO_MEETING = "rows that name no meeting or booking, and count by address or telephone only"
UNASSIGNED = (
    "names no meeting, booking, address or telephone, though others of the feed name a meeting: set conference_key"
)


class Meetings:
    """Applies the options ``conference_key`` and ``conference_keys`` to rows that a feed made.

    :param key_of: that of the feed.
    :param options: as given by the user.
    :param report: counts rows that name no meeting.
    """

    def __init__(self, key_of: Callable[[str], str | None], options: FeedOptions, report: FeedReport) -> None:
        self._key_of = key_of
        self._options = options
        self._report = report
        self._named: set[str] = set()
        self._names_meetings = False
        self._unassigned: list[tuple[str | None, int]] = []
        given = options.conference_key
        self._given = (self._key_of(given) or given) if given is not None else None
        self._keys = {
            self._key_of(meeting): self._key_of(known) or known
            for meeting, known in options.conference_keys.items()
            if self._key_of(meeting)
        }

    def of_row(self, row: AttendanceRow) -> AttendanceRow:
        """Return the row with the meeting that the options give it.

        :raises InvalidFeedOption: where ``conference_key`` is given and records name two meetings, because one of them
            would be assigned the other's people.
        """
        own = row["conference_key"]
        if own is not None and own in self._keys and isinstance(self._options.conference_keys, LookUp):
            self._options.conference_keys.found += 1
            own = self._keys[own]
        key = own if self._given is None else self._one(own)
        if key is None and not row["booking_uid"]:
            self._report.note(NO_MEETING)
            if not (row["email"] or row["phone"]):
                self._unassigned.append((self._report.file, self._report.row))
        else:
            self._names_meetings = True
        return row if key == row["conference_key"] else {**row, "conference_key": key}

    def check(self) -> None:
        """Check, at the end, the rows that count for nobody.

        Where others name a meeting they are unreadable, because somebody may have been in it; where none does, no
        meeting is known, and nobody is marked absent by the feed.
        """
        if self._names_meetings:
            for file, row in self._unassigned:
                self._report.unreadable_earlier(file, row, UnreadableField(None, UNASSIGNED))

    def _one(self, own: str | None) -> str | None:
        if own is not None and own != self._given:
            self._named.add(own)
            if len(self._named) > 1:
                raise InvalidFeedOption(
                    "The feed's option conference_key is of one meeting, but the records name several. Give"
                    " conference_keys={the vendor's number or id of the meeting: its link} instead"
                )
        return self._given
