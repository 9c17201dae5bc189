"""Damages good feeds at random, and judges what a reader makes of them: nobody is lost without a word.

What a damaged feed may become: an error of ours, an unreadable record (``max_unreadable`` is 0, so an error, too), or
rows in which everybody who was there is a row of their own or a doubt. A doubt is a row of the meeting that the rules
take to be anybody's: of kind lobby, one that ends before it begins, or one that names nobody who is known. A feed
without a row of the meeting is not evidence, and marks nobody absent. And never may a row name two people, or a time at
which nobody came or left.

What can't be seen, and is not required: that a whole record is missing where nothing else mentions its person, neither
a total (``Good.is_counted``) nor another record as the other half of a pair. So of a feed from which records were
removed (also by a cut behind the end of a line), those are expected whom the rest of it still mentions.
"""

from __future__ import annotations

import copy
import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_calcom.attendance.feeds import AttendanceRow, FeedError, read_feed
from tests.attendance.feeds.workbook import write_workbook
from tests.profiles import examples as examples_of
from tests.wild import limits

SLACK = timedelta(seconds=61)
"""Exports round to minutes."""


@dataclass(frozen=True)
class Person:
    """Somebody who was there.

    :param name: as rows have it, or None.
    :param stays: (joined, left) in canonical UTC; the first is during the booking.
    :param marks: other texts by which the feed mentions the person.
    """

    name: str | None
    email: str | None
    phone: str | None
    stays: tuple[tuple[str | None, str | None], ...]
    marks: tuple[str, ...] = ()

    def known_by(self, row: AttendanceRow) -> bool:
        """Return whether a row says who this is."""
        return any(mine and mine in (row[column] or "") for column, mine in self._own())

    def mentioned_in(self, text: str) -> bool:
        """Return whether a text says who this is."""
        return any(mark in text for mark in (*(mine for _, mine in self._own() if mine), *self.marks))

    def _own(self) -> tuple[tuple[Literal["name", "email", "phone"], str | None], ...]:
        return ("name", self.name), ("email", self.email), ("phone", self.phone)


@dataclass(frozen=True)
class Good:
    """A feed that is whole.

    :param source: a document of JSON, or the lines of a table as lists of cells.
    :param people: all who were there.
    :param meeting: the conference key of their rows.
    :param is_counted: whether the feed says how many records or people there are, so that a missing one shows.
    :param words: names that columns or keys of such feeds have, to rename others to.
    :param ending: of the file's name.
    :param strangers: addresses and names that are in the feed, but of nobody who was there.
    :param may_mislabel: whether a column may be given another one's name; not where a table has other people's columns,
        because a host's column that is called a participant's is one.
    :param may_mistime: whether a wrong time can't be seen: it follows from a length, of which any number is as good as
        another, or is a number itself, or a row of cells was shifted in a workbook.
    """

    feed: str
    source: Any
    people: tuple[Person, ...]
    meeting: str
    options: dict[str, Any] = field(default_factory=dict)
    is_counted: bool = False
    words: tuple[str, ...] = ()
    ending: str = "json"
    delimiter: str = ","
    encoding: str = "utf-8"
    strangers: tuple[str, ...] = ()
    may_mislabel: bool = True
    may_mistime: bool = False

    @property
    def is_table(self) -> bool:
        """True where the source is the lines of a table."""
        return self.ending in ("csv", "xlsx")

    def data_of(self, source: Any) -> bytes:
        """Return a file's bytes."""
        if not self.is_table:
            return json.dumps(source, ensure_ascii=False).encode()
        text = io.StringIO()
        csv.writer(text, delimiter=self.delimiter, lineterminator="\r\n").writerows(source)
        return text.getvalue().encode(self.encoding)


class Damaged(NamedTuple):
    """A feed to which something was done.

    :param what: what was done.
    :param source: a document, lines of cells, or the bytes of a file.
    :param may_miss_records: whether whole records were removed.
    """

    what: str
    source: Any
    may_miss_records: bool = False


# Damages.

VALUES: tuple[Any, ...] = (
    *(None, "", " ", "Zoe Zander", "zz", 7, -1, 0, 1.5, True, False, [], ["x"], [None], {}, {"x": 1}, 10**20),
    *("1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-18", "09:00", "--", "null"),
)
CELLS = (*(value for value in VALUES if isinstance(value, str)), "7", "-1", "0", "Yes", "No", "1/1/0001 9:00:00 AM")


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return the ways to everything within a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*place, key)
        yield from places(one, (*place, key))


def damages(good: Good) -> st.SearchStrategy[Damaged]:
    """Return a strategy of one damage each."""
    return damaged_tables(good) if good.is_table else damaged_documents(good)


@st.composite
def damaged_documents(draw: st.DrawFn, good: Good) -> Damaged:
    """A document with one thing in it removed, renamed, retyped or swapped; or its text cut."""
    how = draw(st.sampled_from(("remove", "rename", "retype", "clip", "swap", "cut")))
    if how == "cut":
        data = good.data_of(good.source)
        at = draw(st.integers(0, len(data) - 1))
        return Damaged(f"cut at {at}", data[:at], may_miss_records=at == 0)
    document = copy.deepcopy(good.source)
    *outer, key = draw(st.sampled_from(list(places(document))))
    inner = document
    for one in outer:
        inner = inner[one]
    old, is_list = inner[key], isinstance(key, int) or isinstance(inner[key], list)
    where = f"{how} {(*outer, key)}"
    if how == "rename" and isinstance(key, str):
        words = good.words if good.may_mislabel else ()
        name = draw(st.sampled_from([one for one in (f"x{key}x", f"{key}_", *words) if one not in inner]))
        inner[name] = inner.pop(key)
        return Damaged(f"{where} to {name}", document)
    if how == "swap" and (good.may_mislabel or isinstance(inner, list)):
        other = draw(st.sampled_from(list(inner) if isinstance(inner, dict) else list(range(len(inner)))))
        inner[key], inner[other] = inner[other], inner[key]
        return Damaged(f"{where} with {other}", document)
    if how == "clip" and isinstance(old, str) and old:
        inner[key] = old[: draw(st.integers(0, len(old) - 1))]
        return Damaged(f"{where} to {inner[key]!r}", document)
    if how == "retype":
        inner[key] = draw(st.sampled_from(VALUES) | st.text(max_size=6) | st.integers())
        return Damaged(f"{where} to {inner[key]!r}", document, may_miss_records=is_list and inner[key] == [])
    del inner[key]
    return Damaged(f"{where} {type(old).__name__}", document, may_miss_records=is_list)


@st.composite
def damaged_tables(draw: st.DrawFn, good: Good) -> Damaged:
    """A table with one of its lines, columns or cells removed, renamed, retyped or swapped; or its text cut."""
    how = draw(st.sampled_from(tuple(_OF_TABLES)))
    lines = [list(line) for line in good.source]
    if how == "cut" and good.ending == "csv":
        return _cut(draw, good)
    if how in {"line", "cut"}:
        at = draw(st.integers(0, len(lines) - 1))
        return Damaged(f"without line {at}", lines[:at] + lines[at + 1 :], may_miss_records=True)
    row = draw(st.sampled_from([at for at, line in enumerate(lines) if line]))
    column = draw(st.integers(0, len(lines[row]) - 1))
    new = _OF_TABLES[how](draw, good, lines, row, column)
    return Damaged(f"{how} at line {row}, column {column}{new}", lines)


def _cut(draw: st.DrawFn, good: Good) -> Damaged:
    """The text up to a byte. Where that is the end of a line, or of what its last cell may be, nothing shows it."""
    data = good.data_of(good.source)
    at = draw(st.integers(0, len(data) - 1))
    text = data[:at].decode(good.encoding, "ignore")
    last = next(csv.reader([text.rsplit("\n", 1)[-1]], delimiter=good.delimiter), [])
    whole = good.source[text.count("\n")]
    return Damaged(f"cut at {at}", data[:at], may_miss_records=not last or len(last) == len(whole))


def _block(lines: list[list[str]], row: int) -> range:
    """Return the lines around one that are as wide: those of its table."""
    first = last = row
    while first and len(lines[first - 1]) == len(lines[row]):
        first -= 1
    while last + 1 < len(lines) and len(lines[last + 1]) == len(lines[row]):
        last += 1
    return range(first, last + 1)


def _column_removed(_: Any, __: Good, lines: list[list[str]], row: int, column: int) -> str:
    for at in _block(lines, row):
        del lines[at][column]
    return ""


def _column_blanked(_: Any, __: Good, lines: list[list[str]], row: int, column: int) -> str:
    for at in list(_block(lines, row))[1:]:
        lines[at][column] = ""
    return ""


def _columns_swapped(draw: st.DrawFn, _: Good, lines: list[list[str]], row: int, column: int) -> str:
    header = lines[_block(lines, row)[0]]
    # Of two columns of one name, only the place shows which is whose.
    other = draw(st.sampled_from([at for at, name in enumerate(header) if at == column or name != header[column]]))
    for at in _block(lines, row):
        lines[at][column], lines[at][other] = lines[at][other], lines[at][column]
    return f" with {other}"


def _header_swapped(draw: st.DrawFn, good: Good, lines: list[list[str]], row: int, column: int) -> str:
    """Swap two names of columns, or give one the name of the other."""
    if not good.may_mislabel:
        return _columns_swapped(draw, good, lines, row, column)
    line, other = lines[_block(lines, row)[0]], draw(st.integers(0, len(lines[row]) - 1))
    is_swap = draw(st.booleans())
    line[column], line[other] = line[other], line[column] if is_swap else line[other]
    return f" {'with' if is_swap else 'as'} {other}"


def _header_renamed(draw: st.DrawFn, good: Good, lines: list[list[str]], row: int, column: int) -> str:
    line = lines[_block(lines, row)[0]]
    words = good.words if good.may_mislabel else ()
    line[column] = draw(st.sampled_from(("", "Zzz", f"x{line[column]}", *words)))
    return f" to {line[column]!r}"


def _cell_removed(_: Any, __: Good, lines: list[list[str]], row: int, column: int) -> str:
    del lines[row][column]
    return ""


def _cell_added(draw: st.DrawFn, _: Good, lines: list[list[str]], row: int, column: int) -> str:
    lines[row].insert(column, draw(st.sampled_from(CELLS)))
    return f": {lines[row][column]!r}"


def _cell_clipped(draw: st.DrawFn, _: Good, lines: list[list[str]], row: int, column: int) -> str:
    old = lines[row][column]
    lines[row][column] = old[: draw(st.integers(0, max(len(old) - 1, 0)))]
    return f": {lines[row][column]!r}"


def _cell_changed(draw: st.DrawFn, good: Good, lines: list[list[str]], row: int, column: int) -> str:
    lines[row][column] = draw(st.sampled_from((*CELLS, *good.words)) | st.text(max_size=6))
    return f": {lines[row][column]!r}"


_OF_TABLES: dict[str, Callable[[Any, Good, list[list[str]], int, int], str]] = {
    "cut": _cell_removed,  # of a workbook a line is removed instead, as it has no text
    "line": _cell_removed,
    "column removed": _column_removed,
    "column blanked": _column_blanked,
    "columns swapped": _columns_swapped,
    "header swapped": _header_swapped,
    "header renamed": _header_renamed,
    "cell removed": _cell_removed,
    "cell added": _cell_added,
    "cell changed": _cell_changed,
    "cell clipped": _cell_clipped,
}


def part_of(changes: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Return every eleventh of the changes; all of them in the deep profile.

    Each place has fewer than eleven changes of different kinds, so that all kinds and most places have a turn.
    """
    return islice(changes, 0, None, examples_of(11, 1))


# The judgement.


def fault_of(good: Good, damaged: Damaged, folder: Path) -> str | None:
    """Return what is wrong with what the reader makes of a damaged feed, or None.

    :param folder: for the file.
    """
    try:
        rows = rows_of(good, damaged.source, folder)
    except FeedError as error:
        return _leak(good, str(error))
    there = [row for row in rows if good.meeting in (row["conference_key"], row["booking_uid"])]
    if there:
        there += [row for row in rows if _is_loose(row)]
    else:
        return None
    expected = good.people
    if damaged.may_miss_records and not good.is_counted:
        rest = damaged.source if isinstance(damaged.source, bytes) else good.data_of(damaged.source)
        text = rest.decode(good.encoding, "ignore")
        expected = tuple(person for person in good.people if person.mentioned_in(text))
    if damaged.may_miss_records and not good.is_counted:
        there = [{**row, "joined_at": None, "left_at": None} for row in there]  # of several stays, one may be missing
    return _lost(good, expected, there) or _mixed(good, rows) or (None if good.may_mistime else _mistimed(good, rows))


def _is_loose(row: AttendanceRow) -> bool:
    """Return whether a row counts without a meeting: by its address or telephone."""
    return not (row["conference_key"] or row["booking_uid"]) and bool(row["email"] or row["phone"])


def rows_of(good: Good, source: Any, folder: Path) -> list[AttendanceRow]:
    """Return the rows of a source, read from a file.

    :raises FeedError: where it is refused.
    """
    path = folder / f"feed.{good.ending}"
    if isinstance(source, bytes):
        path.write_bytes(source)
    elif good.ending == "xlsx":
        write_workbook(path, {"Sheet": source})
    else:
        path.write_bytes(good.data_of(source))
    return list(read_feed(good.feed, path, **{"max_unreadable": 0, **good.options}))


def _lost(good: Good, expected: Sequence[Person], there: Sequence[AttendanceRow]) -> str | None:
    for person in expected:
        joined, left = person.stays[0]
        during = [row for row in there if _overlaps(row, joined, left)]
        if not any(person.known_by(row) or _is_doubt(good, row) for row in during):
            return f"{person.name or person.email or person.phone} is lost"
    return None


def _overlaps(row: AttendanceRow, joined: str | None, left: str | None) -> bool:
    began, ended = sorted((row["joined_at"] or "", row["left_at"] or "~"))
    return began <= (left or "~") and ended >= (joined or "")


def _is_doubt(good: Good, row: AttendanceRow) -> bool:
    if row["kind"] == "lobby" or (row["left_at"] or "~") < (row["joined_at"] or ""):
        return True
    return row["kind"] in ("person", "check_in") and not any(person.known_by(row) for person in good.people)


def _mixed(good: Good, rows: Sequence[AttendanceRow]) -> str | None:
    for row in rows:
        if sum(person.known_by(row) for person in good.people) > 1:
            return "a row names two people"
        if any(stranger in (row["name"], row["email"], row["phone"]) for stranger in good.strangers):
            return "a row names somebody who was not there"
    return None


def _mistimed(good: Good, rows: Sequence[AttendanceRow]) -> str | None:
    true = [_at(moment) for person in good.people for stay in person.stays for moment in stay if moment]
    for row in rows:
        for column in ("joined_at", "left_at"):
            moment = row[column]
            if moment and row["kind"] == "person" and all(abs(_at(moment) - one) > SLACK for one in true):
                return f"{column} is {moment}, when nobody came or left"
    return None


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text.removesuffix("Z"))


def _leak(good: Good, text: str) -> str | None:
    named = any(person.mentioned_in(text) for person in good.people) or any(one in text for one in good.strangers)
    return "an error's text names somebody" if named else None


def check_that_damage_loses_nobody(whole: Good, folder: Path, *, examples: int) -> None:
    """Fail unless everybody of the whole feed is a row, and damage at random gives that, a doubt, or an error.

    :param whole: the good feed, which is read unharmed first.
    :param folder: for its files.
    :param examples: how many damages are tried.
    """
    rows = rows_of(whole, whole.source, folder)
    assert all(any(person.known_by(row) for row in rows) for person in whole.people)
    assert fault_of(whole, Damaged("nothing", whole.source), folder) is None

    @limits(examples)
    @given(data=st.data())
    def holds(data: Any) -> None:
        damaged = data.draw(damages(whole))
        assert fault_of(whole, damaged, folder) is None, damaged.what

    holds()
