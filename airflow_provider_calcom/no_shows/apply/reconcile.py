"""What is to be sent for one booking as it is now, and what of its plan needs no call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from airflow_provider_calcom._timestamps import parse_timestamp
from airflow_provider_calcom.api.changes import Changes, changes_for, is_ours
from airflow_provider_calcom.api.errors import AmbiguousAttendee, CoHostRefused
from airflow_provider_calcom.api.mark_request import MarkRequest, RequestedMark
from airflow_provider_calcom.api.models import AttendeeMark, Booking, Me, normalize_email
from airflow_provider_calcom.api.query import start_of
from airflow_provider_calcom.no_shows.apply.worklist import (
    ALREADY,
    APPLIED,
    FAILED,
    GONE,
    HUMAN_OVERRIDE,
    MOVED,
    NOT_PERMITTED,
    NOT_STARTED,
    UNKNOWN_ATTENDEE,
    Outcome,
    Planned,
)
from airflow_provider_calcom.no_shows.ledger import Addresses, PastWrite, Settled
from airflow_provider_calcom.no_shows.ledger.identities import is_hash
from airflow_provider_calcom.no_shows.plan import Change

_HOST = "host"
_MILLISECOND = timedelta(milliseconds=1)
SUPERSEDED = "a later plan changed it"


@dataclass(frozen=True)
class Bearings:
    """What a verdict takes into account besides the booking and its plan.

    :param past: gives what the ledger tells of the person of a change.
    :param plan: hash of the plan's changes.
    :param force: write also where a person changed the flag after us.
    :param allow_cohosts: also touch hosts whom Cal.com lists among the attendees.
    :param allow_foreign_booking: also touch bookings that the key's user neither hosts nor administers.
    :param addresses: finds people whom the plan names by a hash.
    """

    past: Callable[[Change], PastWrite | None]
    plan: str
    force: bool = False
    allow_cohosts: bool = False
    allow_foreign_booking: bool = False
    addresses: Addresses = field(default_factory=Addresses)


@dataclass
class Verdict:
    """What is to become of the planned changes of one booking.

    :param to_send: those to be sent, in one call, with addresses as the booking spells them.
    :param outcomes: of all others.
    :param recovered: what earlier writes of the ledger, whose end was not known, turn out to have done.
    """

    to_send: list[Planned] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    recovered: list[Settled] = field(default_factory=list)

    @property
    def changes(self) -> Changes:
        """The one call."""
        marks: list[AttendeeMark] = [
            {"email": one.change.email, "absent": one.change.will_be_absent}
            for one in self.to_send
            if one.change.role != _HOST
        ]
        return Changes(marks=tuple(marks), mark_host=len(marks) < len(self.to_send))


def verdict_on(
    booking: Booking, planned: Sequence[Planned], bearings: Bearings, *, now: float, user: Me, is_listed: bool
) -> Verdict:
    """Compare a booking with its plan. What is so already is not sent again: each call texts people.

    :param booking: as it was just read.
    :param planned: the plan's changes of it.
    :param bearings: what else counts.
    :param now: the server's clock, as a Unix time.
    :param user: the key's user; empty where it is not known.
    :param is_listed: whether the booking is on the list of the key's user.
    """
    hindrance = _hindrance(booking, now)
    if hindrance is not None:
        return Verdict(outcomes=[Outcome(one.number, *hindrance) for one in planned])
    verdict = Verdict()
    for planned_one in planned:
        one = _with_address(booking, planned_one, bearings.addresses)
        spelt = _moved(booking, one) or (
            _host_as_spelt(booking, one) if one.change.role == _HOST else _as_spelt(booking, one, bearings)
        )
        if isinstance(spelt, Planned) and _flag(booking, spelt.change) is not spelt.change.will_be_absent:
            spelt = _permitted(booking, spelt, user, is_listed, bearings)
        if isinstance(spelt, Outcome):
            verdict.outcomes.append(spelt)
        else:
            _judge(booking, spelt, bearings, verdict)
    return verdict


def _hindrance(booking: Booking, now: float) -> tuple[str, str] | None:
    """Say what speaks against touching the booking at all. Cal.com itself would mark people of a cancelled one."""
    if booking["status"] != "accepted":
        return GONE, str(booking["status"])[:40]
    if booking.get("rescheduledToUid"):
        return GONE, "rescheduled"
    if start_of(booking).timestamp() > now + 1:
        return NOT_STARTED, "starts later"
    return None


def _as_spelt(booking: Booking, one: Planned, bearings: Bearings) -> Planned | Outcome:
    """Give the change with the address as the booking spells it, or why it can't be made."""
    change = one.change
    wish = RequestedMark(0, change.email, change.will_be_absent)
    request = MarkRequest(change.booking_uid, (wish,), on_unknown_attendee="skip", allow_cohosts=bearings.allow_cohosts)
    try:
        changes = changes_for(booking, request)
    except (AmbiguousAttendee, CoHostRefused) as error:
        return Outcome(one.number, FAILED, type(error).__name__)
    if changes.unknown:
        return Outcome(one.number, UNKNOWN_ATTENDEE)
    (email,) = changes.unchanged or (changes.marks[0]["email"],)
    return one if email == change.email else Planned(one.number, replace(change, email=email))


def _host_as_spelt(booking: Booking, one: Planned) -> Planned | Outcome:
    """Give the change with the host's address as the booking spells it, or say that the host is another by now.

    Cal.com is told of no address when a host is marked: after a reassignment it would be whoever took the meeting over.
    """
    key = normalize_email(one.change.email)
    for host in booking.get("hosts") or ():
        if key in (normalize_email(str(host.get(name) or "")) for name in ("email", "displayEmail")):
            return Planned(one.number, replace(one.change, email=str(host["email"])))
    return Outcome(one.number, UNKNOWN_ATTENDEE, "another host")


def _with_address(booking: Booking, one: Planned, addresses: Addresses) -> Planned:
    """Return a change whose plan names the person by a hash with the address, where the booking has it."""
    if not is_hash(one.change.email):
        return one
    addresses.check(one.change.email)
    for person in booking.get("hosts" if one.change.role == _HOST else "attendees") or ():
        if one.change.email in addresses.names(str(person.get("email") or "")):
            return Planned(one.number, replace(one.change, email=str(person["email"])))
    return one


def _moved(booking: Booking, one: Planned) -> Outcome | None:
    """Return the outcome of a change whose booking was moved in place: the plan judged who came at another hour."""
    difference = abs(parse_timestamp(one.change.start_at) - start_of(booking))
    # A plan has whole milliseconds.
    return Outcome(one.number, MOVED, "rescheduled after the plan") if difference >= _MILLISECOND else None


def _permitted(booking: Booking, one: Planned, user: Me, is_listed: bool, bearings: Bearings) -> Planned | Outcome:
    """Return the change, unless the booking may be a stranger's: Cal.com would mark its people, too."""
    if bearings.allow_foreign_booking:
        return one
    if "id" not in user:
        return Outcome(one.number, NOT_PERMITTED, "the key may not tell whose it is")
    if not is_ours(booking, user, is_listed=is_listed, is_for_host=one.change.role == _HOST):
        return Outcome(one.number, NOT_PERMITTED, "a stranger's booking")
    return one


def _judge(booking: Booking, one: Planned, bearings: Bearings, verdict: Verdict) -> None:
    change, past = one.change, bearings.past(one.change)
    flag = _flag(booking, change)
    recovered = list(_recovered(change, flag, past))
    verdict.recovered += recovered
    if flag is change.will_be_absent:
        verdict.outcomes.append(_as_is(one, past, recovered, bearings))
    elif past is not None and past.is_certain and past.absent is not flag and not bearings.force:
        verdict.outcomes.append(Outcome(one.number, HUMAN_OVERRIDE))
    elif _is_superseded(past, bearings):
        verdict.outcomes.append(Outcome(one.number, FAILED, SUPERSEDED))
    elif any(other.change.role == change.role and other.change.email == change.email for other in verdict.to_send):
        # Two of the plan's spellings are one attendee of the booking.
        verdict.outcomes.append(Outcome(one.number, FAILED, AmbiguousAttendee.__name__))
    else:
        verdict.to_send.append(one)


def _is_superseded(past: PastWrite | None, bearings: Bearings) -> bool:
    """Tell whether this plan wrote the flag once, and a later plan changed it since: the later one knew better."""
    if past is None or not past.is_certain or bearings.force:
        return False
    return past.plan != bearings.plan and bearings.plan in past.plans


def _as_is(one: Planned, past: PastWrite | None, recovered: Sequence[Settled], bearings: Bearings) -> Outcome:
    if any(settled.shown and settled.change.will_be_absent is one.change.will_be_absent for settled in recovered):
        return Outcome(one.number, APPLIED, "by an interrupted run")
    is_of_this_plan = past is not None and past.is_certain and past.plan == bearings.plan
    return Outcome(one.number, ALREADY, "by an earlier run of this plan" if is_of_this_plan else None)


def _flag(booking: Booking, change: Change) -> bool:
    if change.role == _HOST:
        return booking.get("absentHost") is True
    return any(row.get("absent") is True for row in booking["attendees"] if row["email"] == change.email)


def _recovered(change: Change, flag: bool, past: PastWrite | None) -> list[Settled]:
    """Say of writes whose end was not known what the booking shows: it was read long enough after them."""
    return [
        Settled(
            write_id,
            replace(change, is_absent=not absent, will_be_absent=absent),
            APPLIED if absent is flag else FAILED,
            "found when the booking was read again" if absent is flag else "not written",
            shown=absent is flag,
        )
        for write_id, absent in (past.open_writes if past is not None else ())
    ]
