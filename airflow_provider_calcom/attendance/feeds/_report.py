"""The report of one reading: counts of records, and the first faults with their place."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, NoReturn

from airflow_provider_calcom._redact import hide, shown_column, shown_path
from airflow_provider_calcom.attendance.errors import FeedError
from airflow_provider_calcom.attendance.feeds._row import AttendanceRow
from airflow_provider_calcom.attendance.feeds.errors import UnreadableField

_MAX_SAMPLES = 20
_MAX_REASONS = 100
_MIN_RECORDS_TO_REFUSE_EARLY = 20
REPEATED = "repeats another row"
"""Every feed may leave out a row for this reason: the row that it repeats stays."""

NO_RECORDS = "a file without records"
ALL_LEFT_OUT = "a file all of whose records were left out"
NO_ROWS = "there are records, but no rows: nobody was seen"


@dataclass(frozen=True)
class Unreadable:
    """One record that could not be read.

    :param file: the file's name, or None where the records came from elsewhere.
    :param row: number of the record, from 1; in a file with lines, of the line it begins on.
    :param column: the column at fault, or None where it is the record itself.
    :param reason: what is wrong; never the text of a name or address.
    """

    file: str | None
    row: int
    column: str | None
    reason: str

    def __str__(self) -> str:
        where = f"{self.file}, row {self.row}" if self.file else f"row {self.row}"
        return f"{where}{f', column {self.column}' if self.column else ''}: {self.reason}"


@dataclass
class FeedReport:
    """Counts of one reading; complete when the reading has come to its end.

    Readers announce with :meth:`start_record` the record that comes next. Feeds call :meth:`skip`, :meth:`unreadable`
    and :meth:`note` for the record that is being read.

    :param feed: the feed's name.
    :param max_unreadable: the share of unreadable records, 0 to 1, above which the feed is refused.
    :param skips: the closed list of reasons for which the feed may leave records out.
    :param file: the file that is being read, or None where the records come from elsewhere.
    :param files: how many files were begun.
    """

    feed: str
    max_unreadable: float = 0.05
    skips: tuple[str, ...] = ()
    file: str | None = None
    files: int = 0
    row: int = 0
    records: int = 0
    rows: int = 0
    rows_by_kind: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    unreadable_records: int = 0
    unreadable_by_reason: Counter[str] = field(default_factory=Counter)
    samples: list[Unreadable] = field(default_factory=list)
    _last_at_fault: int = -1
    _counts_at_start: tuple[int, int, int] = (0, 0, 0)

    def start_record(self, row: int | None = None) -> None:
        """Count one record, which faults belong to from now on.

        :param row: its number where that is not one more than the last one's.
        """
        self.records += 1
        self.row = self.row + 1 if row is None else row

    def start_file(self, name: str) -> None:
        """Start another file of the source, whose rows are counted from 1 again.

        :raises FeedUnreadable: if too many records of the file before can't be read. Each file is checked by
            itself: an unreadable one must not be lost among many that are readable.
        """
        self._check_file()
        self.file, self.row = shown_path(name), 0
        self.files += 1
        self._counts_at_start = self._counts()

    def _counts(self) -> tuple[int, int, int]:
        return self.records, self.unreadable_records, sum(self.skipped.values())

    def _check_file(self) -> None:
        if not self.files:
            return
        records, unreadable, skipped = (
            now - then for now, then in zip(self._counts(), self._counts_at_start, strict=True)
        )
        if unreadable and unreadable > self.max_unreadable * records:
            self._refuse()
        if not records:
            self.note(NO_RECORDS)
        elif records == skipped:
            self.note(ALL_LEFT_OUT)

    def count_row(self, row: AttendanceRow) -> None:
        """Count one row."""
        self.rows += 1
        self.rows_by_kind[row["kind"]] += 1

    def skip(self, reason: str) -> None:
        """Count the record as left out on purpose.

        :param reason: one of :attr:`skips`. For another one the record is unreadable: it may be somebody's.
        """
        if reason not in (*self.skips, REPEATED):
            self.unreadable(
                UnreadableField(None, f"is left out as {hide(reason[:80])!r}, which is not on the feed's list skips")
            )
            return
        self.skipped[_bounded(self.skipped, reason)] += 1

    def note(self, what: str) -> None:
        """Count a record that was read, but lacks something: times that hide gaps, a person without a name."""
        self.notes[_bounded(self.notes, what)] += 1

    def unreadable(self, fault: UnreadableField) -> None:
        """Note that the record, or a part of it, can't be read.

        :raises FeedUnreadable: early, where the feed is to be refused anyway: not one unreadable record is allowed,
            or (from 20 records on) more are unreadable than not. Checking ``max_unreadable`` itself that early was
            rejected: two bad rows at the top of a long file would refuse what the same two at its end do not.
        """
        if self._last_at_fault != self.records:
            self.unreadable_records += 1
            self._last_at_fault = self.records
        column = None if fault.column is None else shown_column(fault.column)
        reason = hide(fault.reason)
        named = f"{column}: {reason}" if column else reason
        self.unreadable_by_reason[_bounded(self.unreadable_by_reason, named)] += 1
        if len(self.samples) < _MAX_SAMPLES:
            reason = f"{reason} ({fault.value})" if fault.value else reason
            self.samples.append(Unreadable(self.file, self.row, column, reason))
        mostly = self.records >= _MIN_RECORDS_TO_REFUSE_EARLY and self.unreadable_share > 0.5
        if self.max_unreadable == 0 or (mostly and self.unreadable_share > self.max_unreadable):
            self._refuse()

    def unreadable_earlier(self, file: str | None, row: int, fault: UnreadableField) -> None:
        """Note, at the end, that a record read before can't be used; :meth:`check` counts it.

        :param file: the file that it came from.
        :param row: its number there.
        """
        self.unreadable_records += 1
        self.unreadable_by_reason[_bounded(self.unreadable_by_reason, fault.reason)] += 1
        if len(self.samples) < _MAX_SAMPLES:
            self.samples.append(Unreadable(file, row, fault.column, fault.reason))

    @property
    def unreadable_share(self) -> float:
        """The share of unreadable records, 0 to 1."""
        return self.unreadable_records / self.records if self.records else 0.0

    def check(self) -> None:
        """Check the whole reading, and its last file, at its end.

        :raises FeedUnreadable: if more than ``max_unreadable`` of the records can't be read, or if there are records,
            but no rows, and not all records were left out for a reason of :attr:`skips`.
        """
        self._check_file()
        if self.unreadable_records and self.unreadable_share > self.max_unreadable:
            self._refuse()
        if self.records and not self.rows:
            self._check_no_rows()

    def _check_no_rows(self) -> None:
        """Report records without a row. They may be so only where each of them is of a kind that is left out."""
        if sum(self.skipped.values()) + self.unreadable_records < self.records:
            self.abort(
                f"{self.records} records gave no row, and not all of them are of a kind that is left out. Check that"
                " the feed is the one of these records"
            )
        self.note(NO_ROWS)

    def abort(self, explanation: str, row: int | None = None) -> NoReturn:
        """Refuse the whole feed, for a fault of the file itself.

        :param explanation: what is wrong and the fix.
        :param row: where, if not at the record that is being read.
        :raises FeedUnreadable: always, naming feed, file and row.
        """
        place = [f"feed {self.feed}", self.file, f"row {row or self.row}" if row or self.row else None]
        where = ", ".join(part for part in place if part)
        raise FeedUnreadable(f"{where[0].upper()}{where[1:]}: {explanation}", self)

    def _refuse(self) -> NoReturn:
        raise FeedUnreadable(
            f"Feed {self.feed}: {self.unreadable_records} of {self.records} records can't be read, more than the"
            f" allowed share of {self.max_unreadable:g} (max_unreadable). Nobody can be marked absent by such a"
            f" feed: a person whose row is lost looks absent. The first: {self.samples[0]}",
            self,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values, for a summary file."""
        return {
            "feed": self.feed,
            "records": self.records,
            "rows": self.rows,
            "rows_by_kind": dict(sorted(self.rows_by_kind.items())),
            "skipped": dict(self.skipped.most_common()),
            "notes": dict(self.notes.most_common()),
            "unreadable": {
                "records": self.unreadable_records,
                "max_share": self.max_unreadable,
                "reasons": dict(self.unreadable_by_reason.most_common()),
                "samples": [asdict(sample) for sample in self.samples],
            },
        }


def _bounded(counts: Counter[str], reason: str) -> str:
    return reason if reason in counts or len(counts) < _MAX_REASONS else "other reasons"


class FeedUnreadable(FeedError):
    """The feed as a whole can't be trusted: too many records, or the file itself, can't be read.

    What was read before it must not be used: a person whose row is lost looks absent. Fix: the text names the feed,
    file, row and column of the first fault.

    :param explanation: what happened and the fix.
    :param report: the counts so far and the first faults.
    """

    def __init__(self, explanation: str, report: FeedReport | None = None) -> None:
        super().__init__(explanation)
        self.explanation = str(self)
        self.report = report
