"""The page that an analyst reads."""

from __future__ import annotations

from collections.abc import Iterator

from airflow_provider_calcom.attendance.explain.model import Explanation, Verdict
from airflow_provider_calcom.attendance.explain.reasons import complete, exclusion, host_side
from airflow_provider_calcom.attendance.explain.texts import WIDTH, cut, moment, seconds, shown, wrapped
from airflow_provider_calcom.attendance.explain.timeline import Timeline, address

_INDENT = " " * 12


def page(told: Explanation) -> str:
    """Give all there is to say of a booking as lines of at most 100 columns."""
    return "\n".join(line.rstrip() for line in _lines(told)) + "\n"


def _lines(told: Explanation) -> Iterator[str]:
    for name, fact in _head(told).items():
        yield from wrapped(fact, f"{name:<12}", _INDENT)
    yield ""
    if told.booking.excluded_as is None:
        yield from Timeline(told).lines()
    else:
        yield from wrapped(exclusion(told, told.booking.excluded_as))
    yield ""
    yield "Decisions" if told.people else "Decisions: nobody is expected at this booking"
    for place, verdict in enumerate(told.people):
        yield from [""] if place else []
        yield from _decision(verdict)


def _head(told: Explanation) -> dict[str, str]:
    booking, policy = told.booking, told.policy
    around = f"(early_join {seconds(policy.early_join)}, overrun {seconds(policy.overrun)})"
    came = {True: "came: ", False: "did not come: ", None: "not looked for"}[told.host_side.came]
    return {
        "Booking": f"{shown(booking.booking_uid)}, {shown(booking.status) or 'without a status'}",
        "Conference": shown(booking.conference_key) or "unknown",
        "Core": f"{moment(booking.start_at)} - {moment(booking.end_at)} UTC, as booked",
        "Window": f"{moment(booking.window_start)} - {moment(booking.window_end)} UTC {around}",
        "Judged": f"as of {moment(told.feed.as_of)} UTC",
        "Feed": f"complete {complete(told)}, rows: {told.feed.rows}",
        "Host side": came + ("" if told.host_side.came is None else host_side(told)),
    }


def _decision(verdict: Verdict) -> Iterator[str]:
    outcome = f"{verdict.outcome}, {verdict.reason}" if verdict.reason else "not judged"
    yield f"  {verdict.role} {cut(address(verdict), WIDTH // 2)}: {outcome}"
    rule = f"rule {verdict.rule}: " if verdict.rule else "hosts' rules: " if verdict.reason else ""
    flag = ". Cal.com's flag says absent" if verdict.currently_absent else ""
    yield from wrapped(rule + verdict.why + flag, _INDENT, _INDENT)
