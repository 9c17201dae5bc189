"""The promises that hold after a run, whatever failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tests.faults.applying import outcomes_of, records_of
from tests.faults.sandboxes import Seen
from tests.faults.scene import Flag, Planned, Scene

_DONE = ("applied", "already")
_NOT_DONE = ("failed", "not_permitted")
_ENDED_EARLY = frozenset({"not attempted", "interrupted"})


class Finding(NamedTuple):
    """A promise that was broken.

    :param kind: ``lost`` for a change or its outcome, ``doubled`` for an additional write, ``unreported`` for a failure
        that was not reported, or reported as another.
    :param text: a description.
    """

    kind: Literal["lost", "doubled", "unreported"]
    text: str


@dataclass(frozen=True)
class Ended:
    """A run that has ended.

    :param scene: its world and plan.
    :param folder: holds plan and ledger.
    :param before: the sandbox before the first run.
    :param after: the sandbox now.
    :param error: the error that the run raised.
    """

    scene: Scene
    folder: Path
    before: Seen
    after: Seen
    error: BaseException | None


def checked_failure(run: Ended, errors: frozenset[str], *, retryable: bool) -> Iterator[Finding]:
    """Check a run with an injected failure.

    :param errors: names of the errors that may be reported.
    :param retryable: what the attribute of these errors must be.
    """
    yield from _outside_the_plan(run)
    yield from _sent_twice(run)
    outcomes = outcomes_of(run.folder) or []
    if [Flag(one["booking_uid"], one["role"], one["email"]) for one in outcomes] != [
        change.flag for change in run.scene.changes
    ]:
        yield Finding("lost", f"outcomes.jsonl has {len(outcomes)} of {len(run.scene.changes)} changes")
        return
    ledger = _Ledger(run.folder)
    for change, outcome in zip(run.scene.changes, outcomes, strict=True):
        yield from _of_change(change, outcome, run, ledger, errors)
    yield from _check_error(run, outcomes, errors, retryable)


def checked_end(run: Ended, in_flight: Counter[str] | None = None) -> Iterator[Finding]:
    """Check a run without failures: every possible change is made and has one applied outcome in the ledger.

    :param in_flight: mark-absent calls, by booking, whose response no process read.
    """
    if run.error is not None:
        yield Finding("lost", f"the run without failures raised {type(run.error).__name__}: {run.error}")
    yield from _outside_the_plan(run)
    yield from _sent_twice(run, in_flight)
    outcomes = outcomes_of(run.folder) or []
    ledger = _Ledger(run.folder)
    for change, outcome in zip(run.scene.changes, outcomes, strict=False):
        is_right = outcome["outcome"] == change.instead if change.instead else outcome["outcome"] in _DONE
        if not is_right:
            yield Finding("lost", f"{change.flag} has the outcome {outcome['outcome']} ({outcome['detail']})")
    for change in run.scene.makeable:
        if run.after.flags[change.on_server] is not change.to:
            yield Finding("lost", f"{change.flag} is not {change.to} in the end")
        if (applied := ledger.applied[change.flag]) != 1:
            yield Finding("doubled" if applied else "lost", f"{change.flag} has {applied} applied outcomes")
    if ledger.open:
        yield Finding("lost", f"the ledger has {len(ledger.open)} writes without an outcome")


class _Ledger:
    """The ledger's records, read without the package's own reader."""

    def __init__(self, folder: Path) -> None:
        records = records_of(folder)
        ended = {one["id"] for one in records if one["kind"] == "outcome" and one["shown"] is not None}
        self.open = [one for one in records if one["kind"] == "intent" and one["id"] not in ended]
        self.open_flags = {_flag(one) for one in self.open}
        self.applied = Counter(_flag(one) for one in records if one["outcome"] == "applied" and one["shown"])


def _flag(record: dict[str, Any]) -> Flag:
    return Flag(record["booking_uid"], record["role"], record["email"])


def _outside_the_plan(run: Ended) -> Iterator[Finding]:
    planned = {change.on_server for change in run.scene.changes}
    for flag, value in run.after.flags.items():
        if value is not run.before.flags[flag] and flag not in planned:
            yield Finding("doubled", f"{flag} was changed, and is not in the plan")


def _sent_twice(run: Ended, in_flight: Counter[str] | None = None) -> Iterator[Finding]:
    unread = run.after.unknown if in_flight is None else in_flight
    changed = {change.flag for change in run.scene.makeable if run.after.flags[change.on_server] is change.to}
    bookings = {flag.booking_uid for flag in changed if flag.role == "attendee"}
    unknown = unread.total()
    if run.after.webhooks > len(bookings) + unknown:
        yield Finding(
            "doubled", f"{run.after.webhooks} webhooks for {len(bookings)} bookings and {unknown} unknown outcomes"
        )
    for uid, writes in run.after.writes.items():
        if writes > 1 + unread[uid]:
            yield Finding("doubled", f"{writes} writing calls to {uid}, {unread[uid]} of unknown outcome")
    for (uid, _, absent), times in run.after.deliveries.items():
        if times > 1:
            yield Finding("doubled", f"{times} webhooks for one attendee of {uid} with {absent}")


def _of_change(
    change: Planned, outcome: dict[str, Any], run: Ended, ledger: _Ledger, errors: frozenset[str]
) -> Iterator[Finding]:
    reported, detail = outcome["outcome"], outcome["detail"]
    is_made = change.instead is None and run.after.flags[change.on_server] is change.to
    if reported is None:
        yield Finding("lost", f"{change.flag} has no outcome")
    elif reported in _DONE and not is_made:
        yield Finding("lost", f"{change.flag} is reported {reported}, and was not made")
    elif is_made and not ledger.applied[change.flag] and change.flag not in ledger.open_flags:
        yield Finding("lost", f"{change.flag} was made, and is not in the ledger (reported {reported}, {detail})")
    elif not _is_expected(change, reported, detail, errors):
        yield Finding("unreported", f"{change.flag} is reported {reported} with {detail}")
    if ledger.applied[change.flag] > 1:
        yield Finding("doubled", f"{change.flag} has {ledger.applied[change.flag]} applied outcomes")


def _is_expected(change: Planned, reported: str, detail: str | None, errors: frozenset[str]) -> bool:
    """Return whether this can be the outcome of a change with one of these errors."""
    if reported in _NOT_DONE:
        return detail in errors | _ENDED_EARLY
    is_early = reported == "not_started" and "BookingNotStarted" in errors
    return reported in (*_DONE, change.instead) or is_early


def _check_error(
    run: Ended, outcomes: list[dict[str, Any]], errors: frozenset[str], retryable: bool
) -> Iterator[Finding]:
    failed = [one for one in outcomes if one["outcome"] in _NOT_DONE]
    name = type(run.error).__name__
    if run.error is None:
        if failed:
            yield Finding("unreported", f"{len(failed)} changes failed, and the run raised nothing")
        return
    if name not in errors | {"ChangesFailed"}:
        yield Finding("unreported", f"the run raised {name}: {run.error}")
    elif not failed:
        yield Finding("unreported", f"the run raised {name}, and no change failed")
    elif getattr(run.error, "retryable", False) is not retryable:
        yield Finding("unreported", f"the run raised {name}, with retryable={not retryable}")
