"""The page that an analyst reads: the facts, the rows drawn over the window, and the reasons."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from airflow_provider_calcom.attendance.explain.model import ExplainedRow, Explanation, PersonExplanation
from airflow_provider_calcom.attendance.explain.reasons import (
    bearer,
    complete,
    exclusion,
    host_side,
    key,
    moment,
    seconds,
    shown,
    span,
)

WIDTH = 100
"""Columns of a page."""
_SIGNS = {"person": "#", "check_in": "+", "lobby": "w", "bot": "b"}
_TITLES = {
    "meeting": "Rows of the meeting",
    "elsewhere": "Rows of these people in the window, of another meeting or of none",
    "outside_window": "Rows with this booking's uid or conference, outside its window",
}
_HOW = {
    "email": "by e-mail",
    "phone": "by phone",
    "name": "by name",
    "internal": "an internal participant",
    "unknown_participant": "an unknown participant",
    "bot": "a bot",
}
_NOT_EXPECTED = ("internal", "unknown_participant", "bot")
# What stands beside the bar of a row: number, marks, kind and source, with the spaces between them.
_BESIDE = 39
_INDENT = " " * 12


def page(explanation: Explanation) -> str:
    """Format an explanation as lines of at most 100 columns."""
    return "\n".join(line.rstrip() for line in _lines(explanation)) + "\n"


def _lines(explanation: Explanation) -> Iterator[str]:
    for name, fact in _head(explanation).items():
        yield from wrapped(fact, f"{name:<12}", _INDENT)
    yield ""
    if explanation.booking.excluded_as is None:
        yield from Timeline(explanation).lines()
    else:
        yield from wrapped(exclusion(explanation, explanation.booking.excluded_as))
    yield ""
    yield "Decisions" if explanation.people else "Decisions: nobody is expected at this booking"
    for place, person in enumerate(explanation.people):
        yield from [""] if place else []
        yield from _decision(person)


def _head(explanation: Explanation) -> dict[str, str]:
    booking, policy = explanation.booking, explanation.policy
    around = f"(early_join {seconds(policy.early_join)}, overrun {seconds(policy.overrun)})"
    came = {True: "came: ", False: "did not come: ", None: "not looked for"}[explanation.host_side.came]
    return {
        "Booking": f"{shown(booking.booking_uid)}, {shown(booking.status) or 'without a status'}",
        "Conference": shown(booking.conference_key) or "unknown",
        "Core": f"{moment(booking.start_at)} - {moment(booking.end_at)} UTC, as booked",
        "Window": f"{moment(booking.window_start)} - {moment(booking.window_end)} UTC {around}",
        "Judged": f"as of {moment(explanation.feed.as_of)} UTC",
        "Feed": f"complete {complete(explanation)}, rows: {explanation.feed.rows}",
        "Host side": came + ("" if explanation.host_side.came is None else host_side(explanation)),
    }


def _decision(person: PersonExplanation) -> Iterator[str]:
    outcome = f"{person.outcome}, {person.reason}" if person.reason else "not judged"
    yield f"  {person.role} {cut(address(person), WIDTH // 2)}: {outcome}"
    rule = f"rule {person.rule}: " if person.rule else "hosts' rules: " if person.reason else ""
    flag = ". Cal.com's flag says absent" if person.currently_absent else ""
    yield from wrapped(rule + person.why + flag, _INDENT, _INDENT)
    if person.why_not_before:
        before = f"rule {person.rule_before}" if person.rule_before else "the hosts' rule"
        yield from wrapped(f"{before} before it did not apply: {person.why_not_before}", _INDENT, _INDENT)


class Timeline:
    """A drawing of an explanation's rows."""

    def __init__(self, explanation: Explanation) -> None:
        self._explanation = explanation
        self._people = {person.person: person for person in explanation.people}
        in_window = [row for row in explanation.rows if row.place != "outside_window"]
        self._times = max((len(span(row, self._clock)) for row in in_window), default=0)
        self._width = WIDTH - _BESIDE - self._times

    def lines(self) -> Iterator[str]:
        """Draw it."""
        booking = self._explanation.booking
        opens, closes = (self._clock(count) for count in (booking.window_start, booking.window_end))
        yield "Marks       p counts for presence  h counts for the host side  e shows the meeting was held  t trace"
        yield "            d doubt: unknown company, or a name that may be an absent person's"
        yield ""
        yield f"{'':<11}{opens}{closes:>{self._width - len(opens)}}"
        yield f"{'':<11}{self._bar(booking.start_at, booking.end_at, '=', '-')} (= is the core)"
        for place in _TITLES:
            yield from self._group(place)
        yield from self._files()

    def _group(self, place: str) -> Iterator[str]:
        count = self._explanation.rows_in_all.get(place, 0)
        if not count and place != "meeting":
            return
        yield ""
        yield _TITLES[place] if count else f"{_TITLES[place]}: none"
        rows = [row for row in self._explanation.rows if row.place == place]
        for owner in dict.fromkeys(map(self._owner, rows)):
            yield "  " + cut(owner, WIDTH - 2)
            yield from (self._line(row) for row in rows if self._owner(row) == owner)
        if count > len(rows):
            yield f"  ... and {count - len(rows)} more"

    def _owner(self, row: ExplainedRow) -> str:
        known = [] if row.whose in _NOT_EXPECTED else row.counts_for or row.trace_of
        people = ", ".join(f"{address(self._people[one])} ({self._people[one].role})" for one in known)
        how = _HOW.get(str(row.whose)) or key(row)
        return f"{people or bearer(row)}, {how}{' of another row of the participant' * row.is_by_participant}"

    def _line(self, row: ExplainedRow) -> str:
        times = f"{span(row, self._clock):<{self._times}}"
        drawn = f"{self._bar(row.begins, row.ends, _SIGNS[row.kind])} {times}"
        if row.place == "outside_window":
            drawn = times.ljust(self._width + 1 + self._times)
        marks = {
            "p": row.counts_for,
            "h": row.is_host_side,
            "e": row.is_evidence,
            "t": row.trace_of,
            "d": _is_doubt(row),
        }
        marked = "".join(sign if holds else "-" for sign, holds in marks.items())
        return f"{f'#{row.number}':>10} {drawn} {marked} {row.kind:<8} {cut(shown(row.source), 11)}"

    def _bar(self, begins: int, ends: int, sign: str, other: str = ".") -> str:
        """Mark what an interval, cut to the window, has a part of; an instant has a part of one sign."""
        opens, closes = self._explanation.booking.window_start, self._explanation.booking.window_end
        begins, ends, length = max(begins, opens), min(ends, closes), max(closes - opens, 1)
        first = min((begins - opens) * self._width // length, self._width - 1)
        last = max(first, -((opens - ends) * self._width // length) - 1)
        return other * first + sign * (last - first + 1) + other * (self._width - 1 - last)

    def _clock(self, count: int) -> str:
        """Format a time to the second, with the day if it is not that of the booking's start."""
        return moment(count)[:19].removeprefix(moment(self._explanation.booking.start_at)[:11])

    def _files(self) -> Iterator[str]:
        """List which row numbers are of which file, if there are several."""
        last = 0
        for file in self._explanation.files if len(self._explanation.files) > 1 else ():
            first, last = last + 1, last + file.rows
            if any(first <= row.number <= last for row in self._explanation.rows):
                yield from wrapped(f"#{first} to #{last} are {shown(file.name)}", "  ", "  ")


def _is_doubt(row: ExplainedRow) -> bool:
    return row.is_company or bool(row.named_with or row.named_elsewhere or row.at_another_time)


def address(person: PersonExplanation) -> str:
    """Return a person's address or name."""
    return shown(person.email) or shown(person.name) or "(no address)"


# Text on a terminal.


def cells(text: str) -> int:
    """Return how many columns of a terminal a string fills."""
    widths = ((unicodedata.category(sign), unicodedata.east_asian_width(sign)) for sign in text)
    return sum(0 if category in ("Mn", "Me") else 2 if width in "WF" else 1 for category, width in widths)


def cut(text: str, width: int) -> str:
    """Shorten a string that fills more columns."""
    if cells(text) <= width:
        return text
    text = text[:width]
    while cells(text) > width - 3:
        text = text[:-1]
    return text + "..."


def wrapped(text: str, first: str = "", rest: str = "") -> Iterator[str]:
    """Wrap a string into lines, with one prefix for the first line and another as long for the others."""
    lines = [""]
    for word in re.split(r" (?!s\b)", text):  # a number stays with its unit
        word = cut(word, WIDTH - len(rest))
        if cells(f"{rest}{lines[-1]} {word}") > WIDTH:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".lstrip()
    yield first + lines[0]
    yield from (rest + line for line in lines[1:])
