"""One line of a file that was downloaded from Microsoft Teams, read by what its columns mean."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from airflow_provider_calcom.attendance.feeds._durations import seconds_of
from airflow_provider_calcom.attendance.feeds._record import Record
from airflow_provider_calcom.attendance.feeds._times import are_of_one_form, completed
from airflow_provider_calcom.attendance.feeds.errors import UnreadableField, shown_columns
from airflow_provider_calcom.attendance.feeds.options import FeedOptions
from airflow_provider_calcom.attendance.feeds.teams.sections import COLUMNS_PUT_BESIDE
from airflow_provider_calcom.attendance.feeds.teams.words import FIELDS, column_name, joining_of

Meanings = dict[str, tuple[str, ...]]
OwnNames = tuple[tuple[str, str], ...]


def own_names(options: FeedOptions) -> OwnNames:
    """Return what the user names with the option ``columns``, as {meaning: column} in pairs."""
    own = options.own_columns
    return tuple((meaning, column) for meaning in FIELDS if own and (column := own.column_for(meaning)))


class Line:
    """One line of a file, by what its columns mean.

    :param record: the line.
    :param own: {meaning: column} of what the user names, as pairs.
    :raises UnreadableField: if its columns are not known, naming them.
    """

    def __init__(self, record: Record, own: OwnNames = ()) -> None:
        self.record = record
        self._columns = _meanings(tuple(name for name in record.columns if name not in COLUMNS_PUT_BESIDE), own)

    def has(self, *meanings: str) -> bool:
        """Return whether there is a column of each of these meanings."""
        return all(meaning in self._columns for meaning in meanings)

    @property
    def is_event(self) -> bool:
        """True for a joining or leaving, False for a stay."""
        return self.has("action", "timestamp")

    def text(self, meaning: str) -> str | None:
        """Return what the columns of a meaning agree on, or None: of two that differ, one is of something else."""
        texts = {text for column in self._columns.get(meaning, ()) if (text := self.record.text(column))}
        return texts.pop() if len(texts) == 1 else None

    def moment(self, meaning: str, *, is_end: bool = False) -> datetime | None:
        """Return the time in the columns of a meaning, or None where they are blank or missing.

        :raises UnreadableField: for what is not a time, and for columns that differ.
        """
        columns = self._columns.get(meaning, ())
        moments = {at for column in columns if (at := self.record.moment(column, is_end=is_end))}
        if len(moments) > 1:
            raise UnreadableField(columns[0], f"differs from column {columns[1]}, which means the same")
        return moments.pop() if moments else None

    def first_and_last(self) -> tuple[datetime | None, datetime | None]:
        """Return when a person joined for the first time and left for the last.

        Neither follows from the other and the duration, which leaves out the gaps between.
        """
        self._check_forms("first_join", "last_leave")
        return self.moment("first_join"), self.moment("last_leave", is_end=True)

    def stay(self) -> tuple[datetime | None, datetime | None]:
        """Return when a person joined and left, once; one that is missing, by the duration."""
        self._check_forms("joined_at", "left_at")
        return completed(self.moment("joined_at"), self.moment("left_at", is_end=True), self.seconds())

    def _check_forms(self, began: str, ended: str) -> None:
        first, second = (self._columns.get(meaning, ()) for meaning in (began, ended))
        if not are_of_one_form(self.record.value(*first), self.record.value(*second)):
            raise UnreadableField(second[0], "is of another form than the time of joining: one of them was cut")

    def seconds(self) -> int | None:
        """Return the duration, or None where it is missing or in unknown words."""
        return seconds_of(self.text("duration"))

    def joined(self) -> bool:
        """Return whether the event is a joining; otherwise it is a leaving.

        :raises UnreadableField: if its word is not known.
        """
        options = self.record.options
        is_joining = joining_of(self.text("action") or "", options.joined_words, options.left_words)
        if is_joining is None:
            raise UnreadableField(
                self._columns["action"][0],
                "is neither joined nor left in a known language; set the options joined_words and left_words",
            )
        return is_joining


@lru_cache(maxsize=256)
def _meanings(header: tuple[str, ...], own: OwnNames) -> Meanings:
    """Return {meaning: columns} of a header; what the user names is all that there is of its meaning."""
    found: Meanings = {}
    for own_meaning, column in own:
        named = tuple(name for name in header if column_name(name) == column_name(column))
        if named:
            found[own_meaning] = named
    taken, given = {name for names in found.values() for name in names}, set(found)
    for name in header:
        meaning = _meaning(name)
        if meaning and name not in taken and meaning not in given:
            found[meaning] = (*found.get(meaning, ()), name)
    if not _is_enough(found):
        raise UnreadableField(
            None,
            "the columns are neither those of a response of Microsoft Graph nor of a Teams file in a known language:"
            f" {shown_columns(header)}. For a file, name them with the option columns, for instance"
            " columns={'name': ..., 'joined_at': ..., 'left_at': ...}",
        )
    return found


def _meaning(name: str) -> str | None:
    plain = column_name(name)
    # The words before (UPN) are in the language of the organiser.
    return _MEANING.get(plain) or ("upn" if plain.endswith("upn") else None)


def _is_enough(found: Meanings) -> bool:
    if {"first_join", "joined_at"} <= found.keys() and "left_at" not in found:
        return False  # the time of the last leaving bears the name of a joining's: nothing else says when it was
    return "name" in found and bool(
        found.keys() & {"first_join", "joined_at"} or {"action", "timestamp"} <= found.keys()
    )


_MEANING = {column_name(name): meaning for meaning, names in FIELDS.items() for name in names}
