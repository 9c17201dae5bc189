"""The reasons as sentences, with the figures that decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_calcom.attendance.explain.model import (
    ExplainedRow,
    Explanation,
    Feed,
    FeedSource,
    PersonExplanation,
    within_years,
)

_CAME = "the person came: {presence} in the window, known by {means}, and {min_presence} would do (min_presence)"
_DID_NOT_COME = "the person did not come ({presence} in the window, min_presence is {min_presence})"
_NO_DOUBT = "the feed is complete {complete}; no participant is unknown"
_NOT_ELSEWHERE = "; nothing shows them in another meeting, nor in this room at another time"
_NO_DOUBT_ELSEWHERE = "; a trace, a name elsewhere or another time does not raise a doubt (traces_are_doubt is false)"
_HOST_DID_NOT = "the host side did not come ({host_side})"

SENTENCES: dict[str | None, tuple[int | None, str]] = {
    "not_accepted": (1, "the booking's status is {status}, and only accepted bookings are judged"),
    "rescheduled": (2, "the booking was moved: {moved_to} took its place"),
    "not_settled": (
        3,
        "the booking is judged only from {settled_at} on, {settle} (settle) after its end, and this is {as_of}",
    ),
    "internal": (4, "the address is {internal}"),
    "duplicate_email": (
        5,
        "another attendee of this booking has the same address, so the two can't be distinguished",
    ),
    "email": (6, _CAME),
    "phone": (6, _CAME),
    "name": (6, _CAME),
    "trace": (7, _DID_NOT_COME + ", but left a trace: {trace}"),
    "feed_incomplete": (8, "the feed is complete {complete}, and must be up to {needed_until}"),
    "no_evidence": (9, "nothing shows that somebody was there within the core (rows of the meeting: {meeting_rows})"),
    "host_not_seen": (10, _HOST_DID_NOT + ", and an attendee is not blamed for that"),
    "unknown_participant": (11, "somebody was there who may be {who}: {company}"),
    "named_with_another": (
        12,
        "somebody else's row has a part of the person's name, so both may have been at one device: {named_with}",
    ),
    "name_elsewhere": (13, "their name is on a row of another meeting, or of none, in the window: {elsewhere}"),
    "seen_at_another_time": (
        14,
        "the meeting may have been held up to {moved_within} earlier or later (moved_within): {moved}",
    ),
    "not_seen": (15, _DID_NOT_COME + "; {held}; " + _NO_DOUBT + "{elsewhere_or_not}"),
}
"""The number of each reason's rule, and the rule as a sentence."""

HOSTS_SENTENCES: dict[str | None, tuple[int | None, str]] = {
    None: (None, "hosts are not judged (judge_hosts is false)"),
    "host_seen": (None, "the host side came ({host_side})"),
    "trace": (None, _HOST_DID_NOT + ", but a host or an internal participant left a trace: {hosts_trace}"),
    "not_seen": (None, _HOST_DID_NOT + ", and an attendee did; " + _NO_DOUBT),
    "no_guest_seen": (None, _HOST_DID_NOT + ", and no attendee came either"),
}
"""Where hosts have rules of their own, which have no numbers."""


_NOT_INTERNAL = (
    "no address of the person is internal (internal_domains or internal_emails), or a host's of this booking"
)
_IS_SETTLED = "the booking could be judged from {settled_at} on, {settle} (settle) after its end, and this is {as_of}"
_IS_COMPLETE = "the feed is complete {complete}, and had to be up to {needed_until}"
_IS_EVIDENCE = "somebody was there within the core: {evidence}"
_NOT_UNKNOWN = "nobody was there who may be {who}"

WHY_NOT: dict[int, str] = {
    1: "the booking is accepted",
    2: "no other booking took its place",
    3: _IS_SETTLED,
    4: _NOT_INTERNAL,
    5: "no other attendee of this booking is booked under the same address",
    6: "the person was there for {presence} of the window, and {min_presence} would be needed (min_presence)",
    7: "{no_trace}",
    8: _IS_COMPLETE,
    9: _IS_EVIDENCE,
    10: "{held}",
    11: _NOT_UNKNOWN,
    12: "nobody else's row has a part of the person's name that is not in the other's own name, too",
    13: "no row elsewhere in the window is the person's by its name",
    14: "{not_moved}",
}
"""Why a rule on attendees did not apply, where one after it did."""

_HOSTS_RULES_BEFORE: dict[str, tuple[int | None, str]] = {
    "host_seen": (3, _IS_SETTLED),
    "trace": (None, _HOST_DID_NOT),
    "feed_incomplete": (None, "no host and no internal participant left a trace"),
    "no_evidence": (8, _IS_COMPLETE),
    "unknown_participant": (9, _IS_EVIDENCE),
    "not_seen": (11, _NOT_UNKNOWN),
    "no_guest_seen": (11, _NOT_UNKNOWN),
}
"""The rule before each that decides on hosts, and why it did not apply."""


def with_reasons(explanation: Explanation) -> Explanation:
    """Add each person's rule, the rule before it, which did not apply, and a sentence on either."""
    return replace(explanation, people=[_explained(explanation, person) for person in explanation.people])


def exclusion(explanation: Explanation, reason: str) -> str:
    """Return which of rules 1 to 3 excludes the booking."""
    rule, sentence = SENTENCES[reason]
    figures = _Figures(explanation, explanation.people[0] if explanation.people else None)
    return f"Rule {rule} excludes the booking: {sentence.format_map(figures)}. Its rows are not looked at."


def _explained(explanation: Explanation, person: PersonExplanation) -> PersonExplanation:
    rule, sentence = _rule(person)
    rule_before, why_not = _rule_before(person, rule)
    figures = _Figures(explanation, person)
    return replace(
        person,
        rule=rule,
        why=sentence.format_map(figures),
        rule_before=rule_before,
        why_not_before=why_not.format_map(figures),
    )


def _rule(person: PersonExplanation) -> tuple[int | None, str]:
    if person.role == "host" and person.reason in HOSTS_SENTENCES:
        return HOSTS_SENTENCES[person.reason]
    return SENTENCES[person.reason]


def _rule_before(person: PersonExplanation, rule: int | None) -> tuple[int | None, str]:
    """Return the rule before the one that applied, and why it did not apply, or ``(None, "")`` where there is none."""
    if person.role == "host" and person.reason in _HOSTS_RULES_BEFORE:
        return _HOSTS_RULES_BEFORE[person.reason]
    if rule is None or rule == 1:
        return None, ""
    return rule - 1, WHY_NOT[rule - 1]


class _Figures(dict[str, str]):
    """The figures of the sentences on a person, each computed when a sentence has it: few of them are needed.

    :param person: None for a sentence on the booking alone.
    """

    def __init__(self, explanation: Explanation, person: PersonExplanation | None) -> None:
        super().__init__()
        self._explanation = explanation
        self._person = person

    def __missing__(self, name: str) -> str:
        if name in _FIGURES:
            return _FIGURES[name](self._explanation)
        if self._person is None:
            raise KeyError(name)
        return _FIGURES_OF_PERSON[name](self._explanation, self._person)


def _trace_of_hosts(explanation: Explanation) -> str:
    hosts = {person.person for person in explanation.people if person.role == "host"}
    return _first(explanation, lambda row: row.is_internal or not hosts.isdisjoint(row.trace_of))


def _not_moved(explanation: Explanation) -> str:
    """Return why the meeting was not held at another time for the person."""
    if not explanation.policy.traces_are_doubt:
        return "another time does not raise a doubt (traces_are_doubt is false)"
    if explanation.booking.conference_key is None:
        return "the booking has no conference key under which rows of another time would be found"
    within = seconds(explanation.policy.moved_within)
    return f"no row shows the meeting with them at another time, up to {within} earlier or later (moved_within)"


def host_side(explanation: Explanation) -> str:
    """Return how long the host side was there."""
    found = explanation.host_side
    if found.checked_in:
        return "a check-in within the core"
    core = seconds((explanation.booking.end_at - explanation.booking.start_at) / 1e6)
    return f"there for {seconds(found.seconds_of_core)} of the core's {core}, needed {seconds(found.needed_seconds)}"


def complete(explanation: Explanation) -> str:
    """Return up to where the feed is complete for the booking, and what says so."""
    feed = explanation.feed
    if feed.complete_until is None:
        missing = [_name(source) for source in feed.counting_sources if source.complete_until is None]
        of_whom = f" of {', '.join(missing)}" if missing else ""
        return f"nowhere, because no instant up to {moment(feed.as_of)} is known{of_whom}"
    return f"up to {moment(feed.complete_until)} ({_limit(feed)})"


def _limit(feed: Feed) -> str:
    """Return what sets the end of the feed for the booking."""
    if feed.attendance_until is not None:
        return "as_of, before attendance_until" if feed.attendance_until > feed.as_of else "attendance_until"
    first = min(feed.counting_sources, key=lambda source: source.complete_until or 0)
    if (first.complete_until or 0) > feed.as_of:
        return f"as_of, before attendance_until of {_name(first)}"
    return f"attendance_until of {_name(first)}" if first.is_named else f"the latest instant of {_name(first)}"


def _name(source: FeedSource) -> str:
    return shown(source.source) or "the rows without a source"


def _held(explanation: Explanation) -> str:
    if explanation.policy.assume_held:
        return "the feed lists everyone who came (assume_held)"
    if explanation.policy.require_host_present:
        return f"the meeting was held; the host side came ({host_side(explanation)})"
    return "the meeting was held (require_host_present is false, so the host was not needed)"


def _first(explanation: Explanation, fits: Callable[[ExplainedRow], Any]) -> str:
    """Cite the first matching row, in the order of place and start, or return an empty string."""
    rows = [row for row in explanation.rows if fits(row)]
    return "".join(map(cited, rows[:1])) + (" and more" if len(rows) > 1 else "")


# Rows of attendance, and figures, as text.


def cited(row: ExplainedRow) -> str:
    """Return a row's number and what identifies it."""
    what = ", ".join(filter(None, (bearer(row), row.kind, shown(row.source))))
    return f"row #{row.number} ({what}, {span(row, moment)}{_oddity(row)}, {_place(row)})"


def _oddity(row: ExplainedRow) -> str:
    is_inverted = row.kind != "check_in" and None not in (row.joined_at, row.left_at) and row.begins != row.joined_at
    return ", left before it joined" if is_inverted else ""


def _place(row: ExplainedRow) -> str:
    if row.place == "meeting":
        return "in this meeting"
    if row.place == "elsewhere":
        return key(row)
    own_key = key(row) if row.booking_uid is None else "with this booking's uid"
    return f"{own_key}, outside the window"


def bearer(row: ExplainedRow) -> str:
    """Return what a row has of its person."""
    return " ".join(filter(None, map(shown, (row.name, row.email, row.phone)))) or "without a name"


def key(row: ExplainedRow) -> str:
    """Return the key by which a row names its meeting."""
    if row.booking_uid is not None:
        return f"under the booking uid {shown(row.booking_uid)}"
    if row.conference_key is not None:
        return f"under the conference key {shown(row.conference_key)}"
    return "without a meeting's key"


def span(row: ExplainedRow, format_time: Callable[[int], str]) -> str:
    """Return when a row begins and ends.

    :param format_time: formats a timestamp.
    """
    if row.kind == "check_in":
        return format_time(row.begins)
    return f"{format_time(row.begins)} - {'open' if row.left_at is None else format_time(row.ends)}"


def seconds(count: float) -> str:
    """Format a duration to the microsecond."""
    return f"{count:.6f}".rstrip("0").rstrip(".") + " s"


def moment(count: int) -> str:
    """Format a timestamp in UTC."""
    text = str(datetime(1970, 1, 1) + timedelta(microseconds=within_years(count)))
    return text.rstrip("0") if "." in text else text


def shown(text: str | None) -> str:
    """Remove control characters and the like: a name is whatever a participant typed."""
    if not text or text.isprintable():
        return " ".join((text or "").split())  # most names, at a tenth of the time
    signs = (sign if sign.isprintable() else " " if sign.isspace() else "\ufffd" for sign in text)
    return " ".join("".join(signs).split())


_FIGURES: dict[str, Callable[[Explanation], str]] = {
    "status": lambda one: shown(one.booking.status) or "empty",
    "moved_to": lambda one: shown(one.booking.rescheduled_to_uid),
    "as_of": lambda one: moment(one.feed.as_of),
    "settle": lambda one: seconds(one.policy.settle),
    "settled_at": lambda one: moment(one.booking.settled_at),
    "min_presence": lambda one: seconds(one.policy.min_presence),
    "complete": complete,
    "needed_until": lambda one: moment(one.feed.needed_until),
    "moved_within": lambda one: seconds(one.policy.moved_within),
    "meeting_rows": lambda one: str(one.rows_in_all.get("meeting", 0)),
    "host_side": host_side,
    "hosts_trace": _trace_of_hosts,
    "held": _held,
    "company": lambda one: _first(one, lambda row: row.is_company),
    "evidence": lambda one: _first(one, lambda row: row.is_evidence),
    "no_trace": lambda one: (
        "no row is a trace of the person"
        if one.policy.traces_are_doubt
        else "a trace does not raise a doubt (traces_are_doubt is false)"
    ),
    "not_moved": _not_moved,
    "elsewhere_or_not": lambda one: _NOT_ELSEWHERE if one.policy.traces_are_doubt else _NO_DOUBT_ELSEWHERE,
}

_FIGURES_OF_PERSON: dict[str, Callable[[Explanation, PersonExplanation], str]] = {
    "who": lambda _, person: "one of the hosts" if person.role == "host" else "the person",
    "internal": lambda _, person: (
        "internal (internal_domains or internal_emails)" if person.is_internal else "that of a host of this booking"
    ),
    "presence": lambda _, person: seconds(person.presence_seconds),
    "means": lambda _, person: "e-mail" if person.reason == "email" else str(person.reason),
    "trace": lambda one, person: _first(one, lambda row: person.person in row.trace_of),
    "named_with": lambda one, person: _first(one, lambda row: person.person in row.named_with),
    "elsewhere": lambda one, person: _first(one, lambda row: person.person in row.named_elsewhere),
    "moved": lambda one, person: _first(one, lambda row: person.person in row.at_another_time),
}
