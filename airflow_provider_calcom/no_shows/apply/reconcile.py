"""Compare a booking as it is now with its plan: what to send, and the outcome of what needs no call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from airflow_provider_calcom._timestamps import parse_timestamp
from airflow_provider_calcom.api.changes import Changes, changes_for, is_ours
from airflow_provider_calcom.api.errors import AmbiguousAttendee, CoHostRefused
from airflow_provider_calcom.api.mark_request import MarkRequest, RequestedMark
from airflow_provider_calcom.api.models import AttendeeMark, Booking, Me, normalize_email
from airflow_provider_calcom.api.query import start_of
from airflow_provider_calcom.no_shows.apply.request import ApplyRequest
from airflow_provider_calcom.no_shows.apply.worklist import (
    ALREADY,
    APPLIED,
    BY_EARLIER_ATTEMPT,
    FAILED,
    GONE,
    HUMAN_OVERRIDE,
    MOVED,
    NOT_PERMITTED,
    NOT_STARTED,
    UNKNOWN_ATTENDEE,
    Outcome,
    PlannedChange,
)
from airflow_provider_calcom.no_shows.ledger.identities import Identities, is_hash
from airflow_provider_calcom.no_shows.ledger.reader import LastWriteLookup, PastWrite
from airflow_provider_calcom.no_shows.ledger.records import NO_TASK
from airflow_provider_calcom.no_shows.ledger.writer import WriteOutcome
from airflow_provider_calcom.no_shows.plan_files import Change

_HOST = "host"
_MILLISECOND = timedelta(milliseconds=1)
SUPERSEDED = "a later plan changed it"


@dataclass(frozen=True)
class ReconcileContext:
    """What counts for all bookings of a run.

    :param request: the options of the run.
    :param plan: the plan's hash.
    :param last_writes: the ledger as it was when the run began.
    :param force: whether the plan was made to write also where a person changed the flag after us.
    """

    request: ApplyRequest
    plan: str
    last_writes: LastWriteLookup
    force: bool = False

    def past_write(self, change: Change) -> PastWrite | None:
        """Return the last write of the flag that a change is about, or None."""
        return self.last_writes.find(change.booking_uid, change.role, change.email)


@dataclass
class Reconciliation:
    """What is to be done with the planned changes of one booking.

    :param to_send: changes to send in one call, with addresses as the booking spells them.
    :param outcomes: outcomes of all other changes.
    :param recovered: results of earlier writes of the ledger whose result was not known, as the booking shows them.
    """

    to_send: list[PlannedChange] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    recovered: list[WriteOutcome] = field(default_factory=list)

    @property
    def changes(self) -> Changes:
        """The changes of the one call."""
        marks: list[AttendeeMark] = [
            {"email": one.change.email, "absent": one.change.will_be_absent}
            for one in self.to_send
            if one.change.role != _HOST
        ]
        return Changes(marks=tuple(marks), mark_host=len(marks) < len(self.to_send))


def reconcile(
    booking: Booking,
    planned: Sequence[PlannedChange],
    context: ReconcileContext,
    *,
    now: float,
    user: Me,
    is_listed: bool,
) -> Reconciliation:
    """Compare a booking with its plan. A flag that is already set is not sent again: each call notifies people.

    :param booking: as it was just read.
    :param planned: the plan's changes of it.
    :param context: what else counts.
    :param now: the server's clock, as a Unix time.
    :param user: the key's user; empty if it is not known.
    :param is_listed: whether the booking is on the list of the key's user.
    """
    obstacle = _obstacle(booking, now)
    if obstacle is not None:
        return Reconciliation(outcomes=[Outcome(one.number, *obstacle) for one in planned])
    result = Reconciliation()
    for planned_change in planned:
        one = _with_address(booking, planned_change, context.request.identities)
        found = _moved(booking, one) or (
            _find_host(booking, one) if one.change.role == _HOST else _find_attendee(booking, one, context)
        )
        if isinstance(found, PlannedChange) and _flag(booking, found.change) is not found.change.will_be_absent:
            found = _check_permission(booking, found, user, is_listed, context)
        if isinstance(found, Outcome):
            result.outcomes.append(found)
        else:
            _reconcile_change(booking, found, context, result)
    return result


def _obstacle(booking: Booking, now: float) -> tuple[str, str] | None:
    """Return outcome and detail if the booking must not be changed at all, although Cal.com would allow it."""
    if booking["status"] != "accepted":
        return GONE, str(booking["status"])[:40]
    if booking.get("rescheduledToUid"):
        return GONE, "rescheduled"
    if start_of(booking).timestamp() > now + 1:
        return NOT_STARTED, "starts later"
    return None


def _find_attendee(booking: Booking, one: PlannedChange, context: ReconcileContext) -> PlannedChange | Outcome:
    """Return the change with the address as the booking spells it, or the outcome if it can't be made."""
    change = one.change
    mark = RequestedMark(0, change.email, change.will_be_absent)
    request = MarkRequest(
        change.booking_uid, (mark,), on_unknown_attendee="skip", allow_cohosts=context.request.allow_cohosts
    )
    try:
        changes = changes_for(booking, request)
    except (AmbiguousAttendee, CoHostRefused) as error:
        return Outcome(one.number, FAILED, type(error).__name__)
    if changes.unknown:
        return Outcome(one.number, UNKNOWN_ATTENDEE)
    (email,) = changes.unchanged or (changes.marks[0]["email"],)
    return one if email == change.email else PlannedChange(one.number, replace(change, email=email))


def _find_host(booking: Booking, one: PlannedChange) -> PlannedChange | Outcome:
    """Return the change with the host's address as the booking spells it, or the outcome if the host is another now.

    A call that marks the host names no address: after a reassignment Cal.com would mark the new host.
    """
    key = normalize_email(one.change.email)
    for host in booking.get("hosts") or ():
        if key in (normalize_email(str(host.get(name) or "")) for name in ("email", "displayEmail")):
            return PlannedChange(one.number, replace(one.change, email=str(host["email"])))
    return Outcome(one.number, UNKNOWN_ATTENDEE, "another host")


def _with_address(booking: Booking, one: PlannedChange, identities: Identities) -> PlannedChange:
    """Return a change that names the person by a hash with the address, if the booking has it."""
    if not is_hash(one.change.email):
        return one
    identities.check_hash(one.change.email)
    for person in booking.get("hosts" if one.change.role == _HOST else "attendees") or ():
        if one.change.email in identities.names(str(person.get("email") or "")):
            return PlannedChange(one.number, replace(one.change, email=str(person["email"])))
    return one


def _moved(booking: Booking, one: PlannedChange) -> Outcome | None:
    """Return an outcome if the booking was moved in place: the plan judged attendance at another hour."""
    difference = abs(parse_timestamp(one.change.start_at) - start_of(booking))
    # A plan has whole milliseconds.
    return Outcome(one.number, MOVED, "rescheduled after the plan") if difference >= _MILLISECOND else None


def _check_permission(
    booking: Booking, one: PlannedChange, user: Me, is_listed: bool, context: ReconcileContext
) -> PlannedChange | Outcome:
    """Return the change, or an outcome if the booking may be another user's, whose people Cal.com would mark too."""
    if context.request.allow_foreign_booking:
        return one
    if "id" not in user:
        return Outcome(one.number, NOT_PERMITTED, "user of the key unknown")
    if not is_ours(booking, user, is_listed=is_listed, is_for_host=one.change.role == _HOST):
        return Outcome(one.number, NOT_PERMITTED, "booking of another user")
    return one


def _reconcile_change(booking: Booking, one: PlannedChange, context: ReconcileContext, result: Reconciliation) -> None:
    change, past = one.change, context.past_write(one.change)
    flag = _flag(booking, change)
    recovered = _recover(change, flag, past)
    result.recovered += recovered
    if flag is change.will_be_absent:
        result.outcomes.append(_already(one, past, recovered, context))
    elif past is not None and past.is_certain and past.absent is not flag and not context.force:
        result.outcomes.append(Outcome(one.number, HUMAN_OVERRIDE))
    elif _is_superseded(past, context):
        result.outcomes.append(Outcome(one.number, FAILED, SUPERSEDED))
    elif any(other.change.role == change.role and other.change.email == change.email for other in result.to_send):
        # Two spellings of the plan are one attendee of the booking.
        result.outcomes.append(Outcome(one.number, FAILED, AmbiguousAttendee.__name__))
    else:
        result.to_send.append(one)


def _is_superseded(past: PastWrite | None, context: ReconcileContext) -> bool:
    """Return whether this plan wrote the flag before, and a later plan, which had newer data, changed it since."""
    if past is None or not past.is_certain or context.force:
        return False
    return past.plan != context.plan and context.plan in past.plans


def _already(
    one: PlannedChange, past: PastWrite | None, recovered: Sequence[WriteOutcome], context: ReconcileContext
) -> Outcome:
    """Return the outcome of a change whose flag is set already."""
    if any(write.verified and write.change.will_be_absent is one.change.will_be_absent for write in recovered):
        return Outcome(one.number, APPLIED, "by an interrupted run")
    if past is None or not past.is_certain or past.plan != context.plan:
        return Outcome(one.number, ALREADY)
    is_ours = past.absent is one.change.will_be_absent and past.task == context.request.task.name != NO_TASK.name
    return Outcome(one.number, ALREADY, BY_EARLIER_ATTEMPT if is_ours else "by an earlier run of this plan")


def _flag(booking: Booking, change: Change) -> bool:
    if change.role == _HOST:
        return booking.get("absentHost") is True
    return any(row.get("absent") is True for row in booking["attendees"] if row["email"] == change.email)


def _recover(change: Change, flag: bool, past: PastWrite | None) -> list[WriteOutcome]:
    """Return the results of open writes, as the booking shows them: it was read long enough after them."""
    return [
        WriteOutcome(
            write_id,
            replace(change, is_absent=not absent, will_be_absent=absent),
            APPLIED if absent is flag else FAILED,
            "found when the booking was read again" if absent is flag else "not written",
            verified=absent is flag,
        )
        for write_id, absent in (past.open_writes if past is not None else ())
    ]
