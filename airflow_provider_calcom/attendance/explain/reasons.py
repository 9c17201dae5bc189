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


def with_reasons(explanation: Explanation) -> Explanation:
    """Add each person's rule and sentence."""
    figures = _figures(explanation)
    return replace(explanation, people=[_explained(explanation, person, figures) for person in explanation.people])


def exclusion(explanation: Explanation, reason: str) -> str:
    """Return which of rules 1 to 3 excludes the booking."""
    rule, sentence = SENTENCES[reason]
    return (
        f"Rule {rule} excludes the booking: {sentence.format_map(_figures(explanation))}. Its rows are not looked at."
    )


def _explained(explanation: Explanation, person: PersonExplanation, figures: dict[str, str]) -> PersonExplanation:
    sentences = SENTENCES | HOSTS_SENTENCES if person.role == "host" else SENTENCES
    rule, sentence = sentences[person.reason]
    return replace(person, rule=rule, why=sentence.format_map(figures | _figures_of_person(explanation, person)))


def _figures(explanation: Explanation) -> dict[str, str]:
    booking = explanation.booking
    hosts = {person.person for person in explanation.people if person.role == "host"}
    return {
        "status": shown(booking.status) or "empty",
        "moved_to": shown(booking.rescheduled_to_uid),
        "as_of": moment(explanation.feed.as_of),
        "settle": seconds(explanation.policy.settle),
        "settled_at": moment(booking.settled_at),
        "min_presence": seconds(explanation.policy.min_presence),
        "complete": complete(explanation),
        "needed_until": moment(explanation.feed.needed_until),
        "moved_within": seconds(explanation.policy.moved_within),
        "meeting_rows": str(explanation.rows_in_all.get("meeting", 0)),
        "host_side": host_side(explanation),
        "hosts_trace": _first(explanation, lambda row: row.is_internal or not hosts.isdisjoint(row.trace_of)),
        "held": _held(explanation),
        "company": _first(explanation, lambda row: row.is_company),
    }


def _figures_of_person(explanation: Explanation, person: PersonExplanation) -> dict[str, str]:
    internal = "internal (internal_domains or internal_emails)"
    return {
        "who": "one of the hosts" if person.role == "host" else "the person",
        "internal": internal if person.is_internal else "that of a host of this booking",
        "presence": seconds(person.presence_seconds),
        "means": "e-mail" if person.reason == "email" else str(person.reason),
        "trace": _first(explanation, lambda row: person.person in row.trace_of),
        "named_with": _first(explanation, lambda row: person.person in row.named_with),
        "elsewhere": _first(explanation, lambda row: person.person in row.named_elsewhere),
        "moved": _first(explanation, lambda row: person.person in row.at_another_time),
        "elsewhere_or_not": _NOT_ELSEWHERE if explanation.policy.traces_are_doubt else _NO_DOUBT_ELSEWHERE,
    }


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
