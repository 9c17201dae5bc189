"""Candidates for the unknown participants of meetings: aliases, internal participants, bots."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from airflow_provider_calcom.attendance.policy import AttendancePolicy, lower
from airflow_provider_calcom.attendance.schema import WHITE_SPACE
from airflow_provider_calcom.attendance.suggest.doubts import Doubts, Meetings
from airflow_provider_calcom.attendance.suggest.model import Candidate

_MOST_OF_A_KIND = 3
_MOST_TOGETHER = 50
_FEWEST_BOOKINGS = 2

# Anybody can have an address there, guests above all.
_MAIL_PROVIDERS = re.compile(
    r"(?:126|163|aol|bluewin|bol|btinternet|comcast|duck|fastmail|free|freenet|gmail|gmx|googlemail|hey|hotmail|icloud"
    r"|laposte|libero|live|mac|mail|me|msn|naver|orange|outlook|pm|proton|protonmail|qq|rocketmail|t-online|tutanota|uol"
    r"|verizon|wanadoo|web|wp|yahoo|yandex|ymail|zoho)(?:\.[a-z]{2,3}){1,2}"
)

# A name that looks the same in many meetings may also be "iPhone" or "Guest", which are the guests themselves: without
# their rows those who came would be absent. So a name is suggested only if it is like a bot's.
_BOT_LIKE = re.compile(
    r"\b(?:bots?|(?:note|minute)s?[ -]?takers?|meeting (?:notes|minutes)|recorders?|recording|scribes?|co-?pilot"
    r"|transcri(?:pts?|ptions?|bers?)|(?:ai|meeting|virtual) (?:assistant|companion)"
    r"|airgram|avoma|bluedot|circleback|claap|fathom|fireflies|gong|granola|jiminny|krisp|laxis|leexi|meetgeek|modjo"
    r"|noota|notta|nyota|otter|sembly|supernormal|tactiq|tl;dv|tldv)\b"
    r"|^\s*[\w-]+\.(?:ai|app|bot|io|video)\b",
    re.IGNORECASE,
)


def stranger_candidates(doubts: Doubts, policy: AttendancePolicy) -> Iterator[list[Candidate]]:
    """Yield a few candidates of each kind: those whose meetings have most undetermined people, united ones first."""
    for find in (_aliases, _internal_emails, _internal_domains, _bot_names, _trust):
        yield list(find(doubts, policy))


# Aliases


def _aliases(doubts: Doubts, policy: AttendancePolicy) -> Iterator[Candidate]:
    known = {lower(alias.strip(WHITE_SPACE)) for alias in policy.aliases}
    found: list[tuple[tuple[int, int, tuple[str, ...]], int, dict[str, str]]] = []
    for unknown, expected in _inseparable_pairs(doubts):
        spellings, meetings = doubts.addresses[unknown].spellings, doubts.by_address[unknown].bookings
        if known.isdisjoint(spellings) and doubts.in_doubt(meetings):
            rank = (-doubts.in_doubt(meetings), -len(meetings), spellings)
            found.append((rank, len(meetings), dict.fromkeys(spellings, doubts.addresses[expected].key)))
    found.sort(key=lambda one: one[0])
    check = (
        "Check that both addresses are the same person's: a wrong alias hides a no-show, and may make others absent."
    )
    if len(found) > 1:
        together = {alias: address for _, _, aliases in found[:_MOST_TOGETHER] for alias, address in aliases.items()}
        yield Candidate(
            "alias",
            f"{len(found[:_MOST_TOGETHER])} unknown addresses were in all meetings of one expected person each who was"
            " never seen, and in no other; the aliases make each pair one person",
            check.replace("both addresses are", "the addresses of each pair are"),
            fields={"aliases": {**policy.aliases, **together}},
            parts=len(found[:_MOST_TOGETHER]),
        )
    for _, bookings, aliases in found[:_MOST_OF_A_KIND]:
        yield Candidate(
            "alias",
            f"One unknown address was in {bookings} meetings, which are those of one expected person who was never"
            " seen; the alias makes the two one person",
            check,
            fields={"aliases": {**policy.aliases, **aliases}},
        )


def _inseparable_pairs(doubts: Doubts) -> Iterator[tuple[int, int]]:
    """Yield an unknown address and the one person it may be: never seen, and never apart from it.

    Of two people who are always booked together either may be the unknown one, so neither is suggested.
    """
    booked = doubts.guests | doubts.all_hosts
    meetings_of: dict[int, set[int]] = defaultdict(set)
    for people in (doubts.attendees, doubts.hosts):
        for booking, expected in people.items():
            for person in expected - doubts.seen:
                meetings_of[person].add(booking)
    pairs = [
        (address, person)
        for address, meetings in doubts.by_address.items()
        if len(meetings.bookings) >= _FEWEST_BOOKINGS and address not in booked
        for person in set.intersection(*map(partial(_expected, doubts), meetings.bookings)) & meetings_of.keys()
        if meetings_of[person] & doubts.held <= meetings.bookings
    ]
    of_address = Counter(address for address, _ in pairs)
    of_person = Counter(person for _, person in pairs)
    return ((one, two) for one, two in pairs if of_address[one] == of_person[two] == 1)


def _expected(doubts: Doubts, booking: int) -> set[int]:
    return {*doubts.attendees.get(booking, ()), *doubts.hosts.get(booking, ())}


# Internal participants and bots: they are in meetings of several attendees, so that they are none of these.


def _internal_emails(doubts: Doubts, policy: AttendancePolicy) -> Iterator[Candidate]:
    found = [
        (meetings, doubts.addresses[number])
        for number, meetings in _with_several_attendees(doubts, {**doubts.by_address, **doubts.accounts})
        if number not in doubts.guests and not _is_bot_like(doubts, meetings)
    ]
    check = "Check that it is one of the hosts' own people: they count for the host side, and raise no doubt."
    if len(found) > 1:
        together = tuple(sorted(address.spellings[0] for _, address in found[:_MOST_TOGETHER]))
        yield Candidate(
            "internal_email",
            f"{len(together)} unknown addresses were each in meetings of several attendees, as internal participants"
            " are; as such they raise no doubt",
            check.replace("it is one", "all of them are some"),
            fields={"internal_emails": (*policy.internal_emails, *together)},
            parts=len(together),
        )
    for meetings, address in found[:_MOST_OF_A_KIND]:
        yield Candidate(
            "internal_email",
            f"One unknown address was in {len(meetings.bookings)} meetings of"
            f" {doubts.attendees_of(meetings.bookings)} attendees, as an internal participant is,"
            " who raises no doubt",
            check,
            fields={"internal_emails": (*policy.internal_emails, address.spellings[0])},
        )


def _internal_domains(doubts: Doubts, policy: AttendancePolicy) -> Iterator[Candidate]:
    """Yield domains of unknown addresses, such as the hosts' own that the policy lacks; never a guest's."""
    hosts = {doubts.addresses[number].domain for number in doubts.all_hosts}
    guests = {doubts.addresses[number].domain for number in doubts.guests}
    domains: dict[str, Meetings] = defaultdict(Meetings)
    members: dict[str, set[int]] = defaultdict(set)
    for number, meetings in doubts.by_address.items():
        domain = doubts.addresses[number].domain
        if not _MAIL_PROVIDERS.fullmatch(domain) and not _is_bot_like(doubts, meetings):
            domains[domain].bookings.update(meetings.bookings)
            members[domain].add(number)
    accounts = {} if policy.trust_internal_accounts else {"trust_internal_accounts": True}
    found = [
        (domain, meetings)
        for domain, meetings in _with_several_attendees(doubts, domains)
        if (domain in hosts or len(members[domain]) > 1)
        and not any(guest == domain or guest.endswith(f".{domain}") for guest in guests)
    ]
    for domain, meetings in found[:_MOST_OF_A_KIND]:
        yield Candidate(
            "internal_domain",
            f"{len(members[domain])} unknown addresses of one domain, {'a' if domain in hosts else 'no'} host's, were"
            f" in {len(meetings.bookings)} meetings; they raise no doubt if the domain is internal"
            + (" and its accounts are trusted" if accounts else ""),
            "Check that the domain is the hosts' own, and that no guest joins with an account of it.",
            fields={"internal_domains": (*policy.internal_domains, domain), **accounts},
        )


def _bot_names(doubts: Doubts, policy: AttendancePolicy) -> Iterator[Candidate]:
    names = {number: meetings for number, meetings in doubts.by_name.items() if number in doubts.names}
    found = [
        (doubts.names[number].strip(WHITE_SPACE), meetings)
        for number, meetings in _with_several_attendees(doubts, names)
        if _BOT_LIKE.search(doubts.names[number])
    ]
    for name, meetings in found[:_MOST_OF_A_KIND]:
        yield Candidate(
            "bot_name",
            f"One unknown name, like a bot's, was in {len(meetings.bookings)} meetings of"
            f" {doubts.attendees_of(meetings.bookings)} attendees; a bot raises no doubt",
            "Check that it is a bot: whatever bears a bot's name is never a person who came.",
            fields={"bot_names": (*policy.bot_names, name)},
        )


def _is_bot_like(doubts: Doubts, meetings: Meetings) -> bool:
    return any(_BOT_LIKE.search(doubts.names.get(name, "")) for name in meetings.names)


def _trust(doubts: Doubts, policy: AttendancePolicy) -> Iterator[Candidate]:
    if doubts.accounts and not policy.trust_internal_accounts:
        yield Candidate(
            "trust_internal_accounts",
            f"{len(doubts.accounts)} internal addresses that are not a host's were in meetings; trusted, they raise no"
            " doubt",
            "Check that no guest joins with an account of the hosts' company: such a guest would be absent.",
            fields={"trust_internal_accounts": True},
        )


def _with_several_attendees(doubts: Doubts, found: Mapping[Any, Meetings]) -> list[tuple[Any, Meetings]]:
    """Return those who were in meetings of several attendees, most undetermined people first.

    If one attendee is expected at most of the meetings, it may be that attendee under another address or name.
    """
    several = [
        (key, meetings)
        for key, meetings in found.items()
        if len(meetings.bookings) >= _FEWEST_BOOKINGS
        and 0 < 2 * doubts.most_of_an_attendee(meetings.bookings) <= len(meetings.bookings)
        and doubts.in_doubt(meetings.bookings)
    ]
    return sorted(several, key=lambda one: (-doubts.in_doubt(one[1].bookings), -len(one[1].bookings), one[0]))
