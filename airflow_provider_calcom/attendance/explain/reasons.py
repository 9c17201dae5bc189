"""The reasons in plain words, with the figures that decided."""

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
    Verdict,
    within_years,
)

_CAME = "the person came: {presence} in the window, known by {means}, and {min_presence} would do (min_presence)"
_DID_NOT_COME = "the person did not come ({presence} in the window, min_presence is {min_presence})"
_NO_DOUBT = "the feed is complete {complete}; no participant is unknown"
_NOT_ELSEWHERE = "; nothing shows them in another meeting, nor in this room at another time"
_NO_DOUBT_ELSEWHERE = "; a trace, a name elsewhere or another time is no doubt (traces_are_doubt is false)"
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
        "another attendee of this booking has the same address, and one can't be told from the other",
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
"""The number of each reason's rule, and the rule in words."""

HOSTS_SENTENCES: dict[str | None, tuple[int | None, str]] = {
    None: (None, "hosts are not judged (judge_hosts is false)"),
    "host_seen": (None, "the host side came ({host_side})"),
    "trace": (None, _HOST_DID_NOT + ", but a host or an internal participant left a trace: {hosts_trace}"),
    "not_seen": (None, _HOST_DID_NOT + ", and an attendee did; " + _NO_DOUBT),
    "no_guest_seen": (None, _HOST_DID_NOT + ", and no attendee came either"),
}
"""Where hosts have rules of their own, which have no numbers."""


def with_reasons(told: Explanation) -> Explanation:
    """Add each verdict's rule and sentence."""
    figures = _figures(told)
    return replace(told, people=[_explained(told, verdict, figures) for verdict in told.people])


def exclusion(told: Explanation, reason: str) -> str:
    """Tell which of rules 1 to 3 excludes the booking."""
    rule, sentence = SENTENCES[reason]
    return f"Rule {rule} excludes the booking: {sentence.format_map(_figures(told))}. Its rows are not looked at."


def _explained(told: Explanation, verdict: Verdict, figures: dict[str, str]) -> Verdict:
    sentences = SENTENCES | HOSTS_SENTENCES if verdict.role == "host" else SENTENCES
    rule, sentence = sentences[verdict.reason]
    return replace(verdict, rule=rule, why=sentence.format_map(figures | _figures_of_person(told, verdict)))


def _figures(told: Explanation) -> dict[str, str]:
    booking = told.booking
    hosts = {verdict.person for verdict in told.people if verdict.role == "host"}
    return {
        "status": shown(booking.status) or "empty",
        "moved_to": shown(booking.rescheduled_to_uid),
        "as_of": moment(told.feed.as_of),
        "settle": seconds(told.policy.settle),
        "settled_at": moment(booking.settled_at),
        "min_presence": seconds(told.policy.min_presence),
        "complete": complete(told),
        "needed_until": moment(told.feed.needed_until),
        "moved_within": seconds(told.policy.moved_within),
        "meeting_rows": str(told.rows_in_all.get("meeting", 0)),
        "host_side": host_side(told),
        "hosts_trace": _first(told, lambda row: row.is_internal or not hosts.isdisjoint(row.trace_of)),
        "held": _held(told),
        "company": _first(told, lambda row: row.is_company),
    }


def _figures_of_person(told: Explanation, verdict: Verdict) -> dict[str, str]:
    internal = "internal (internal_domains or internal_emails)"
    return {
        "who": "one of the hosts" if verdict.role == "host" else "the person",
        "internal": internal if verdict.is_internal else "that of a host of this booking",
        "presence": seconds(verdict.presence_seconds),
        "means": "e-mail" if verdict.reason == "email" else str(verdict.reason),
        "trace": _first(told, lambda row: verdict.person in row.trace_of),
        "named_with": _first(told, lambda row: verdict.person in row.named_with),
        "elsewhere": _first(told, lambda row: verdict.person in row.named_elsewhere),
        "moved": _first(told, lambda row: verdict.person in row.at_another_time),
        "elsewhere_or_not": _NOT_ELSEWHERE if told.policy.traces_are_doubt else _NO_DOUBT_ELSEWHERE,
    }


def host_side(told: Explanation) -> str:
    """Tell how long the host side was there."""
    found = told.host_side
    if found.checked_in:
        return "a check-in within the core"
    core = seconds((told.booking.end_at - told.booking.start_at) / 1e6)
    return f"there for {seconds(found.seconds_of_core)} of the core's {core}, needed {seconds(found.needed_seconds)}"


def complete(told: Explanation) -> str:
    """Return up to where the feed is complete for the booking, and what says so."""
    feed = told.feed
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


def _held(told: Explanation) -> str:
    if told.policy.assume_held:
        return "the feed lists everyone who came (assume_held)"
    if told.policy.require_host_present:
        return f"the meeting was held; the host side came ({host_side(told)})"
    return "the meeting was held (require_host_present is false, so the host was not needed)"


def _first(told: Explanation, fits: Callable[[ExplainedRow], Any]) -> str:
    """Cite the first row that fits, in the order of their places and beginnings, or nothing."""
    rows = [row for row in told.rows if fits(row)]
    return "".join(map(cited, rows[:1])) + (" and more" if len(rows) > 1 else "")


# Rows of attendance, and figures, as text.


def cited(row: ExplainedRow) -> str:
    """Name a row with all that tells it from others."""
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
    """Tell what a row knows of its person."""
    return " ".join(filter(None, map(shown, (row.name, row.email, row.phone)))) or "without a name"


def key(row: ExplainedRow) -> str:
    """Tell which meeting a row says it is of."""
    if row.booking_uid is not None:
        return f"under the booking uid {shown(row.booking_uid)}"
    if row.conference_key is not None:
        return f"under the conference key {shown(row.conference_key)}"
    return "without a meeting's key"


def span(row: ExplainedRow, told: Callable[[int], str]) -> str:
    """Tell when a row begins and ends, given what tells an instant."""
    if row.kind == "check_in":
        return told(row.begins)
    return f"{told(row.begins)} - {'open' if row.left_at is None else told(row.ends)}"


def seconds(count: float) -> str:
    """Tell a duration to the microsecond."""
    return f"{count:.6f}".rstrip("0").rstrip(".") + " s"


def moment(count: int) -> str:
    """Tell an instant in UTC."""
    text = str(datetime(1970, 1, 1) + timedelta(microseconds=within_years(count)))
    return text.rstrip("0") if "." in text else text


def shown(text: str | None) -> str:
    """Take out what could move the cursor or the eye: names are whatever a participant typed."""
    signs = (sign if sign.isprintable() else " " if sign.isspace() else "\ufffd" for sign in text or "")
    return " ".join("".join(signs).split())
