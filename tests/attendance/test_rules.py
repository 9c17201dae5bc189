"""The revised rules, clause by clause: each doubt on a meeting of three rows or so, and its opposite beside it.

Unless a test says otherwise Ann Lee has a meeting from 10 to 11 with her host, who came; what is stated is Ann's
reason.
The meetings of all clauses are decided together, policy by policy, each on days of its own, by the rules and by the
plain form of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pytest

from airflow_provider_calcom.attendance.engine import Resources, decide
from tests.attendance import reference
from tests.attendance.test_reference import ANN, HOST, HOST_CAME, at, booking, person, row

ONE_THREAD = Resources(threads=1)
LATER: dict[str, Any] = {"as_of": "2040-01-01T00:00:00Z", "attendance_until": "2040-01-01T00:00:00Z"}
DAYS_BETWEEN = 4
_KEYS = ("booking_uid", "conference_key", "source", "participant", "rescheduled_to_uid")
_INSTANTS = ("start_at", "end_at", "joined_at", "left_at")

BOB = person(email="bob@x.test", name="Bob Ray")
BOB_CAME = row(email="bob@x.test")
CORP: dict[str, Any] = {"internal_domains": ["corp.test"]}
OTHER_DAY: dict[str, Any] = {
    "joined_at": "2026-01-03T10:00:00Z",
    "left_at": "2026-01-03T11:00:00Z",
    "booking_uid": "b0",
}
ROOM: dict[str, Any] = {"booking_uid": None, "conference_key": "room"}
OTHER_ROOM: dict[str, Any] = {"booking_uid": None, "conference_key": "other"}
NOWHERE: dict[str, Any] = {"booking_uid": None}


@dataclass(frozen=True)
class Meeting:
    """Tables of one tiny world, in which b1 is Ann's booking."""

    rows: Sequence[Mapping[str, Any]]
    people: Sequence[Mapping[str, Any]]
    bookings: Sequence[Mapping[str, Any]]


def meeting(*rows: Any, ann: Any = ANN, others: Any = (HOST,), bookings: Any = ()) -> Meeting:
    """Return a meeting with these rows alone.

    :param others: who is expected besides Ann.
    :param bookings: those besides b1.
    """
    return Meeting(rows, [ann, *others], [booking(), *bookings])


def held(*rows: Any, **changes: Any) -> Meeting:
    """Return a meeting to which the host came, and what else there is."""
    return meeting(HOST_CAME, *rows, **changes)


def moved(record: Mapping[str, Any], place: int) -> dict[str, Any]:
    """Return a record of the first, second, ... meeting: with keys of its own, some days later."""
    if place == 0:
        return dict(record)
    changes: dict[str, Any] = {name: f"{place}-{record[name]}" for name in _KEYS if record.get(name)}
    for name in _INSTANTS:
        if record.get(name):
            moment = datetime.fromisoformat(record[name].replace("Z", "+00:00"))
            changes[name] = (moment + timedelta(days=DAYS_BETWEEN * place)).isoformat().replace("+00:00", "Z")
    return {**record, **changes}


@dataclass(frozen=True)
class Cases:
    """Meetings under one policy, each with the reason that somebody has there.

    :param of: whose reason.
    :param world: which of the :data:`WORLDS` the meetings are in, from place ``first`` on.
    """

    expected: Sequence[tuple[str, Meeting]]
    of: str
    role: str
    world: str
    first: int


WORLDS: dict[str, tuple[dict[str, Any], list[Meeting]]] = {}
"""Policies and meetings that are decided together: a run of the rules takes as long for one meeting as for hundred."""
CLAUSES: dict[str, list[Cases]] = {}


def cases(
    *expected: tuple[str, Meeting],
    of: str = "ann@x.test",
    role: str = "attendee",
    alone: bool = False,
    **policy: Any,
) -> Cases:
    """Return meetings with the reasons that Ann, or another person, has there.

    :param alone: whether they need a world of their own, because something in them concerns other meetings, too. The
        end of the feed always does.
    """
    whole = {**LATER, **policy}
    is_alone = alone or "attendance_until" in policy
    world = f"world {len(WORLDS)}" if is_alone else json.dumps(whole, sort_keys=True)
    _, meetings = WORLDS.setdefault(world, (whole, []))
    first = len(meetings)
    meetings += [one for _, one in expected]
    return Cases(expected, of, role, world, first)


def clause(stated: Callable[[], Iterator[Cases]]) -> Callable[[], Iterator[Cases]]:
    """Add a clause of the rules to :data:`CLAUSES`: its docstring is the promise, its cases follow from it."""
    CLAUSES[stated.__name__] = list(stated())
    return stated


Reasons = dict[tuple[int, str, str], str]


@cache
def tables_of(world: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    bookings, people, rows = (
        [moved(record, place) for place, one in enumerate(WORLDS[world][1]) for record in getattr(one, table)]
        for table in ("bookings", "people", "rows")
    )
    return bookings, people, rows


@cache
def decisions_on(world: str) -> list[Any]:
    return decide(*tables_of(world), WORLDS[world][0], resources=ONE_THREAD)


@cache
def plain_decisions_on(world: str) -> list[Any]:
    return reference.decide(*tables_of(world), WORLDS[world][0])


def reasons_in(decisions: list[Any]) -> Reasons:
    """Return the reasons by meeting, role and address."""
    return {
        (int(uid.rpartition("-")[0] or 0), decision["role"], str(decision["email"])): decision["reason"]
        for decision in decisions
        if (uid := decision["booking_uid"]).endswith("b1")
    }


def named(ann: str, *names: str) -> list[Meeting]:
    """Return a meeting for each name of a row, at which Ann has another name than usual."""
    return [held(row(name=name), ann=person(name=ann)) for name in names]


# ----------------------------------------------------------------------------------------------------------------------
# 2. Names, numbers and addresses
# ----------------------------------------------------------------------------------------------------------------------


NAMES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "José Núñez": (
        ("Núñez, José", "Nunez  Jose", "Nu\u0301n\u0303ez Jose\u0301", "JOSÉ\u00a0NÚÑEZ", "Jose Nunez's iPad (Acme)"),
        ("Jose Nunes", "Josenunez", "Jose Nunezs iPad"),
    ),
    "Łukasz Ødegård": (("lukasz odegard", "ŁUKASZ_ØDEGÅRD", "Odegard/Lukasz"), ("Lukasz Oedegard",)),
    "Işık Đặng": (("ISIK DANG", "ışık đặng"), ("Isik Tang",)),  # noqa: RUF001
    "Ægir Müller": (("ægir muller",), ("Aegir Muller", "Ǽgir Müller")),
    "Ann O'Brien": (
        ("Ann OBrien", "Ann O’Brien", "ann o´brien", "Ann O`Brien", "O‘Brien, Ann", "Ann O'Brien’s"),  # noqa: RUF001
        ("Ann O Brien", "Ann Obriens"),
    ),
    "Ann Lee": (
        ("ann-lee", "Ann.Lee", "Ann\tLee\x0b", "~Ann• Lee!", "Ann–Lee", "Bob · Ann Lee's iPad"),  # noqa: RUF001
        ("Annlee", "Ann L", "Ann Lees iPad", "Ann'Lee"),
    ),
    "Юрий Ким": (("ЮРИЙ КИМ", "Ким Юрий"), ("Юрии Ким",)),
}
"""By Ann's name: the names that are hers, and those that are not."""


@clause
def names_are_folded() -> Iterator[Cases]:
    """Marks, separators and apostrophes make no other name; another letter or another word does."""
    yield cases(
        *(("name", one) for ann, (same, _) in NAMES.items() for one in named(ann, *same)),
        *(("unknown_participant", one) for ann, (_, others) in NAMES.items() for one in named(ann, *others)),
        traces_are_doubt=False,
    )


@clause
def a_bot_is_known_by_whole_words() -> Iterator[Cases]:
    """A display name is a bot's if it holds the words of one, side by side; else it is somebody unknown."""
    bots = ("Otter.ai", "Bob's Notetaker", "read-ai", "TL;DV (Bob)", "Meeting_Notes", "Ann Lee's Notetaker")
    people = ("Potter.ai", "General Assembly", "spread.ai", "ai read", "tldv", "Notetakers")
    yield cases(
        *(("not_seen", held(row(name=name))) for name in bots),
        *(("unknown_participant", held(row(name=name))) for name in people),
    )


@clause
def bots_of_the_policy() -> Iterator[Cases]:
    """Entries are folded as names are, and one without words finds nothing."""
    yield cases(
        ("not_seen", held(row(name="ácme_recorder (Bob)"))),
        ("unknown_participant", held(row(name="Acme"))),
        ("unknown_participant", held(row(name="Otter.ai"))),
        bot_names=["ACME Recorder", " (-) "],
    )


@clause
def a_row_of_kind_bot_proves_nothing() -> Iterator[Cases]:
    """Whatever address it has; a bot's name on a row with somebody's address does not make it a bot's."""
    yield cases(
        ("not_seen", held(row(kind="bot", email="ann@x.test", name="Ann Lee", phone="1234567"))),
        ("email", held(row(email="ann@x.test", name="Notetaker"))),
        ("not_seen", held(row(kind="bot", email="boss@corp.test"))),
        **CORP,
    )


@clause
def a_name_that_shows_company() -> Iterator[Cases]:
    """More people than it names may be there: on whosever row, but a bot's."""
    company: tuple[str, ...] = (
        "Hugo + 1",
        "Hugo&Bob",
        "Hugo AND Bob",
        "Hugo und Co",
        "Hugo et Cie",
        "Hugo w/ with Bob",
        "Team Hugo",
    )
    company += ("Hugo mit Bob", "Family Host")
    alone = ("Android Teams", "Etienne Withers", "Mitt Undine", "Notetaker & Hugo")
    yield cases(
        *(("unknown_participant", held(row(email="host@x.test", name=name))) for name in company),
        *(("not_seen", held(row(email="host@x.test", name=name))) for name in alone),
        ("unknown_participant", held(row(email="boss@corp.test", name="Boss & Co"))),
        ("not_seen", held(row(email="boss@corp.test", name="Boss"))),
        trust_internal_accounts=True,
        **CORP,
    )


@clause
def the_tail_of_a_number_is_a_trace() -> Iterator[Cases]:
    """A number is somebody's as a whole; its last eight digits, however it is dialled, are a trace."""
    ann = person(phone="+49 (0)151 12345678")
    yield cases(
        ("phone", held(row(phone="49 0151/12345678"), ann=ann)),
        ("trace", held(row(phone="0049 151 12345678"), ann=ann)),
        ("trace", held(row(phone="0151 12345678"), ann=ann)),
        ("trace", held(row(phone="12345678", **OTHER_ROOM), ann=ann)),
        ("unknown_participant", held(row(phone="0151 12345679"), ann=ann)),
        ("unknown_participant", held(row(phone="2345678"), ann=ann)),
        ("unknown_participant", held(row(phone="+49 151 *2345678"), ann=ann)),
        ("unknown_participant", held(row(phone="12345678"), ann=person(phone="234-5678"))),
        ("phone", held(row(phone="(2) 345678"), ann=person(phone="234-5678"))),
        ("unknown_participant", held(row(phone="123456"), ann=person(phone="123456"))),
    )


@clause
def internal_is_a_domain_and_what_is_below_it() -> Iterator[Cases]:
    """A domain that only ends in the same letters is another one."""
    yield cases(
        ("not_seen", held(row(email="boss@CORP.test"))),
        ("not_seen", held(row(email="boss@eu.corp.test"))),
        ("unknown_participant", held(row(email="boss@notcorp.test"))),
        ("internal", held(ann=person(match_email="ann@eu.corp.test"))),
        trust_internal_accounts=True,
        **CORP,
    )


INTERNAL_GUEST = row(email="guest@corp.test", name="A Coworker")


@clause
def a_guest_may_have_an_account_of_the_company() -> Iterator[Cases]:
    """An internal address is known by being a host's of some booking, whatever became of it; else it is a doubt."""
    other = booking(booking_uid="b2", status="cancelled")
    second = person("host", "guest@corp.test", booking_uid="b2", name="Some Host")
    yield cases(
        ("not_seen", held(INTERNAL_GUEST, others=(HOST, second), bookings=[other])),
        alone=True,
        **CORP,
    )
    yield cases(
        ("not_seen", held(INTERNAL_GUEST, others=(HOST, second | {"email": "x@y.test"}), bookings=[other])),
        aliases={"x@y.test": "guest@corp.test"},
        **CORP,
    )
    yield cases(
        ("unknown_participant", held(INTERNAL_GUEST)),
        ("unknown_participant", held(INTERNAL_GUEST | {"kind": "lobby"})),
        # Nobody knows the booking, or the person is its attendee.
        ("unknown_participant", held(INTERNAL_GUEST, others=(HOST, second | {"match_email": "guest@corp.test"}))),
        ("unknown_participant", held(INTERNAL_GUEST, others=(HOST, second | {"role": "attendee"}), bookings=[other])),
        ("not_seen", held(INTERNAL_GUEST | {"name": "Otter.ai"})),
        ("not_seen", held(INTERNAL_GUEST | {"kind": "bot"})),
        **CORP,
    )


@clause
def internal_accounts_that_are_trusted() -> Iterator[Cases]:
    """All of them by the policy's word, or those that it lists, however they are spelled."""
    yield cases(("not_seen", held(INTERNAL_GUEST)), trust_internal_accounts=True, **CORP)
    yield cases(
        ("not_seen", held(INTERNAL_GUEST)),
        ("unknown_participant", held(INTERNAL_GUEST | {"email": "other@corp.test"})),
        internal_emails=["Guest+desk@corp.test "],
        fold_plus_tags=True,
        **CORP,
    )


# ----------------------------------------------------------------------------------------------------------------------
# 2. Up to where the feed is complete
# ----------------------------------------------------------------------------------------------------------------------

LATE = row("13:00:00", "14:00:00", booking_uid="b2")
TEAMS: dict[str, Any] = {"source": "teams"}
UNTIL: list[tuple[str, list[Any]]] = [
    # The end of a source is the latest instant of its rows.
    ("feed_incomplete", [HOST_CAME]),
    ("not_seen", [HOST_CAME, LATE]),
    ("feed_incomplete", [HOST_CAME, LATE | TEAMS]),
    ("not_seen", [HOST_CAME, LATE, row(**TEAMS) | OTHER_DAY]),
    # Every source that has a row of the meeting counts, be it a bot's.
    ("feed_incomplete", [HOST_CAME, LATE, row(**TEAMS, kind="bot")]),
    ("not_seen", [HOST_CAME, LATE, LATE | TEAMS, row(**TEAMS, kind="bot")]),
]
UNTIL_NAMED: list[tuple[str, list[Any], Any]] = [
    # A source that is named counts for every booking; its end is what is said, whatever its rows say.
    ("not_seen", [HOST_CAME], {" zoom ": at("13:00:00")}),
    ("feed_incomplete", [HOST_CAME, LATE], {"zoom": at("12:59:59.999999")}),
    ("feed_incomplete", [HOST_CAME, LATE], {"teams": at("12:59:59.999999")}),
    ("not_seen", [HOST_CAME, LATE], {"teams": at("13:00:00")}),
    ("not_seen", [HOST_CAME, LATE], {}),
    ("feed_incomplete", [HOST_CAME, LATE], {"teams": at("12:59:59.999999"), "webex": at("14:00:00")}),
    # One instant counts for every source.
    ("feed_incomplete", [HOST_CAME, LATE], at("12:59:59.999999")),
]
UNTIL_WITHOUT_ROWS: list[tuple[str, list[Any], Any]] = [
    # All sources count; rows without a source are one of their own.
    ("not_seen", [LATE, LATE | TEAMS], None),
    ("feed_incomplete", [LATE, row(**TEAMS) | OTHER_DAY], None),
    ("feed_incomplete", [LATE, row(source=" ") | OTHER_DAY], None),
    ("not_seen", [LATE, row(**TEAMS) | OTHER_DAY], {"teams": at("13:00:00")}),
    # A source whose rows are all to come has no end; where there is no source nothing is complete.
    ("feed_incomplete", [LATE, row(**TEAMS) | {"joined_at": "2041-01-01T00:00:00Z", "left_at": None}], None),
    ("feed_incomplete", [], None),
    ("feed_incomplete", [], {}),
    ("not_seen", [], {"teams": at("13:00:00")}),
]


@clause
def each_booking_waits_for_its_own_sources() -> Iterator[Cases]:
    """Up to the earliest end of those that have a row of its meeting or are named; without a row, of all."""
    yield cases(*((reason, meeting(*rows)) for reason, rows in UNTIL), attendance_until=None)
    for reason, rows, until in UNTIL_NAMED:
        yield cases((reason, meeting(*rows)), attendance_until=until)
    for reason, rows, until in UNTIL_WITHOUT_ROWS:
        yield cases((reason, meeting(*rows)), attendance_until=until, assume_held=True)


@clause
def the_feed_must_be_complete_until_the_booking_is_settled() -> Iterator[Cases]:
    """Rule 8: up to the end and the longer of overrun and settle; what is said later than now is not believed."""
    yield cases(("not_seen", held()), attendance_until=at("18:00:00"), overrun=3600, settle=7 * 3600)
    yield cases(("feed_incomplete", held()), attendance_until=at("17:59:59.999999"), overrun=3600, settle=7 * 3600)
    yield cases(("feed_incomplete", held()), attendance_until=at("17:59:59.999999"), overrun=7 * 3600, settle=3600)
    for until in (at("23:00:00"), {"zoom": at("23:00:00")}):
        for one in (held(), meeting()):
            yield cases(
                ("feed_incomplete", one),
                as_of=at("13:00:00"),
                attendance_until=until,
                overrun=3 * 3600,
                assume_held=True,
            )


# ----------------------------------------------------------------------------------------------------------------------
# 3. The rows
# ----------------------------------------------------------------------------------------------------------------------

P: dict[str, Any] = {"participant": "p"}
NAMELESS = row(name="iPhone", **P)


@clause
def rows_of_a_participant_share_their_address() -> Iterator[Cases]:
    """A row without one has that of the others of its source and participant, wherever they are, if they have one."""
    ann_once = row(email="ANN@x.test", **P) | OTHER_DAY
    yield cases(
        ("email", held(ann_once, NAMELESS)),
        ("unknown_participant", held(NAMELESS)),
        ("unknown_participant", held(ann_once, NAMELESS | TEAMS)),
        ("unknown_participant", held(ann_once | {"source": None}, NAMELESS | {"source": None})),
        ("unknown_participant", held(ann_once, NAMELESS | {"participant": "q"})),
        # Two addresses contradict each other, two spellings do not; a row with an address keeps it.
        ("unknown_participant", held(ann_once, NAMELESS, ann_once | {"email": "bob@y.test"})),
        ("email", held(ann_once, NAMELESS, ann_once | {"email": " ann@x.test"}, ann_once | {"email": "no address"})),
        ("unknown_participant", held(ann_once, NAMELESS | {"email": "private@y.test"})),
        # A bot neither gives nor takes.
        ("unknown_participant", held(ann_once | {"kind": "bot"}, NAMELESS)),
        ("not_seen", held(ann_once, NAMELESS | {"kind": "bot"})),
        ("email", held(ann_once, NAMELESS, ann_once | {"email": "bob@y.test", "kind": "bot"})),
    )


@clause
def a_shared_address_may_be_internal() -> Iterator[Cases]:
    """Then the row is an internal participant's, who may stand in for the host."""
    boss_once = row(email="boss@corp.test", **P) | OTHER_DAY
    yield cases(
        ("not_seen", held(boss_once, NAMELESS)),
        ("not_seen", meeting(boss_once, NAMELESS)),
        ("unknown_participant", held(NAMELESS)),
        trust_internal_accounts=True,
        **CORP,
    )


@clause
def a_row_that_ends_before_it_begins() -> Iterator[Cases]:
    """It contradicts itself: what lies between is a trace and a doubt, never a presence, and proves nothing."""
    turned = row("12:00:00", "10:30:00")
    yield cases(
        ("trace", held(turned | {"email": "ann@x.test"})),
        ("unknown_participant", held(turned | {"name": "iPhone"})),
        ("not_seen", held(turned | {"name": "iPhone", "kind": "bot"})),
        ("no_evidence", meeting(turned | {"email": "host@x.test"})),
        # It reaches from the earlier to the later instant, so that it touches the window here and not there.
        ("trace", held(row("12:00:00", "09:00:00", email="ann@x.test", **OTHER_ROOM))),
        ("not_seen", held(row("12:00:00", "11:20:00", email="ann@x.test", **OTHER_ROOM))),
        ("email", held(row("10:30:00", "09:00:00", email="ann@x.test", kind="check_in"))),
    )


# ----------------------------------------------------------------------------------------------------------------------
# 4. Whose a row is
# ----------------------------------------------------------------------------------------------------------------------


@clause
def a_name_counts_whatever_else_the_row_has() -> Iterator[Cases]:
    """4c: the name itself, turned, or within a longer one; also beside an address that nobody or the company has."""
    yield cases(
        ("name", held(row(name="Ann Lee"))),
        ("name", held(row(name="Lee, Ann"))),
        ("name", held(row(name="Ann Lee (Acme)"))),
        ("name", held(row(name="Acme | Ann Lee | Berlin"))),
        ("name", held(row(name="Ann Lee", email="private@y.test"))),
        ("name", held(row(name="Ann Lee", email="ann.lee@corp.test"))),
        ("name", held(row(name="Ann Lee (Acme)", email="ann.lee@corp.test"))),
        ("name", held(row(name="Ann Lee", **ROOM))),
        # A longer name is not turned, and a word is a whole word.
        ("unknown_participant", held(row(name="Lee Ann (Acme)"))),
        ("unknown_participant", held(row(name="Joann Lee"))),
        ("unknown_participant", held(row(name="Ann M. Lee"))),
        # An address of somebody comes first, and only rows of the meeting are looked up by name.
        ("named_with_another", held(row(name="Ann Lee", email="host@x.test"))),
        ("not_seen", held(row(name="Ann Lee", **NOWHERE))),
        traces_are_doubt=False,
        **CORP,
    )


@clause
def a_name_that_does_not_tell() -> Iterator[Cases]:
    """4c: it must have two words and be one person's, turned nobody else's, and everybody must have a name."""
    twin = person(email="twin@x.test")
    found = row(name="Ann Lee")
    yield cases(
        ("unknown_participant", held(found, others=(HOST, twin))),
        ("unknown_participant", held(found, others=(HOST, twin | {"name": "Lee Ann"}))),
        ("unknown_participant", held(found, others=(HOST, BOB | {"name": None}))),
        ("unknown_participant", held(found, others=(HOST, BOB | {"name": " (-) "}))),
        ("unknown_participant", held(row(name="Ann"), ann=person(name="Ann"))),
        # People with one address to match are one person, and the row is all of theirs.
        ("name", held(found, others=(HOST, twin | {"match_email": "Ann@x.test"}))),
        ("name", held(found, others=(HOST, twin | {"match_email": "ann@x.test", "name": "Lee Ann"}))),
        ("name", held(found, others=(HOST, twin | {"match_email": "ann@x.test"}), ann=person(name="A. L."))),
        (
            "unknown_participant",
            held(found, ann=ANN | {"match_email": None}, others=(HOST, twin | {"match_email": None})),
        ),
        traces_are_doubt=False,
    )


BOTH = row(name="Ann Lee / Bob Ray")


@clause
def a_name_that_holds_several() -> Iterator[Cases]:
    """4c: it is each one's whose unambiguous name it holds, but nobody's if a host is among them."""
    beside = {"others": (HOST, BOB)}
    yield cases(("name", held(BOTH, **beside)), ("name", held(row(name="Ann Lee, Lee Ann"), **beside)))
    yield cases(("name", held(BOTH, **beside)), of="bob@x.test")
    yield cases(
        ("unknown_participant", held(row(name="Hugo Host / Ann Lee"))),
        ("name", held(row(name="Hugo / Ann Lee"))),
        # The host, too, is found by a longer name only where no host is in it.
        ("no_evidence", meeting(row(name="Hugo Host (Acme)", kind="bot"))),
        ("host_not_seen", meeting(row(name="Hugo Host (Acme)"))),
        ("not_seen", meeting(row(name="Host, Hugo"))),
        traces_are_doubt=False,
    )


@clause
def other_rows_of_a_participant_tell() -> Iterator[Cases]:
    """4f: a row of nobody's is theirs whose another row of its participant in the meeting is."""
    named_once = row("10:00:00", "10:00:00", name="Lee, Ann", **P)
    yield cases(
        ("name", held(named_once, NAMELESS)),
        ("phone", held(row("10:00:00", "10:00:00", phone="1234567", **P), NAMELESS, ann=person(phone="1234567"))),
        ("name", held(row("10:00:00", "10:00:00", name="Ann Lee (Acme)", **P), NAMELESS)),
        ("unknown_participant", held(named_once, NAMELESS | {"participant": "q"})),
        ("unknown_participant", held(named_once | {"source": None}, NAMELESS | {"source": None})),
        ("unknown_participant", held(named_once, NAMELESS | TEAMS)),
        # A bot's row lends nothing and takes nothing; one of another meeting neither.
        ("unknown_participant", held(named_once | {"kind": "bot"}, NAMELESS)),
        ("not_seen", held(named_once, NAMELESS | {"name": "Otter.ai"})),
        ("unknown_participant", held(named_once | OTHER_DAY, NAMELESS)),
        # An internal participant's row stays that.
        ("unknown_participant", held(named_once, NAMELESS | {"email": "x@corp.test"})),
        traces_are_doubt=False,
        **CORP,
    )


@clause
def the_first_way_of_a_participant_counts() -> Iterator[Cases]:
    """4f: by e-mail before phone before name; of that way all whose they are."""
    by_phone = row("10:00:00", "10:00:00", phone="1234567", **P)
    by_name = row("10:00:00", "10:00:00", name="Bob Ray", **P)
    here = held(by_phone, by_name, NAMELESS, ann=person(phone="1234567"), others=(HOST, BOB))
    both = held(BOTH | {"left_at": at("10:00:00")} | P, NAMELESS, others=(HOST, BOB))
    yield cases(("phone", here), ("name", both))
    yield cases(("trace", here), ("name", both), of="bob@x.test")


ALL = (HOST, BOB)
FIRST, SECOND = row(left="10:30:00", name="Hugo Host"), row("10:28:00", name="Host, Hugo")


@clause
def a_second_of_a_name() -> Iterator[Cases]:
    """Two rows under one name for more than a minute at once may be two people, unless something says otherwise."""
    private = {"email": "hugo@y.test"}
    yield cases(
        ("unknown_participant", meeting(FIRST, SECOND)),
        ("not_seen", meeting(FIRST, SECOND | {"joined_at": at("10:29:00")})),
        ("unknown_participant", meeting(FIRST, SECOND | {"joined_at": at("10:28:59.999999")})),
        # The same address, the same participant of one source, or the very same times.
        ("not_seen", meeting(FIRST | private, SECOND | private)),
        ("unknown_participant", meeting(FIRST | private, SECOND | {"email": "other@y.test"})),
        ("unknown_participant", meeting(FIRST | private, SECOND)),
        ("not_seen", meeting(FIRST | P, SECOND | P)),
        ("unknown_participant", meeting(FIRST | P, SECOND | P | TEAMS)),
        ("unknown_participant", meeting(FIRST | P | {"source": None}, SECOND | P | {"source": None})),
        ("not_seen", meeting(SECOND, SECOND | TEAMS | {"name": "Hugo Host"})),
        # Rows are compared as they last, not as they are cut to the window.
        (
            "unknown_participant",
            meeting(SECOND | {"joined_at": at("07:00:00")}, SECOND | {"joined_at": at("06:00:00")}),
        ),
    )


@clause
def what_a_second_of_a_name_is_compared_with() -> Iterator[Cases]:
    """Any presence of that person, whatever it is known by; not a waiting room, and not a bot's."""
    lobby = {"kind": "lobby"}
    by_email = row(email="host@x.test")
    yield cases(
        ("unknown_participant", meeting(by_email, SECOND)),
        ("unknown_participant", meeting(by_email, SECOND | lobby)),
        ("not_seen", meeting(HOST_CAME | lobby, SECOND)),
        ("not_seen", held(row(name="Bob Ray", **lobby), row(left="10:30:00", name="Bob Ray", **lobby), others=ALL)),
        # Whose address is another one's, too.
        (
            "not_seen",
            held(
                row(name="Bob Ray"),
                row(left="10:30:00", name="Ann Bell"),
                others=(*ALL, person(email="bob@x.test", match_email="bell@x.test", name="Ann Bell")),
            ),
        ),
        ("not_seen", meeting(HOST_CAME | {"kind": "bot"}, SECOND)),
        ("not_seen", meeting(row("11:00:00", "10:00:00", email="host@x.test"), SECOND)),
        # Rows by address are no seconds of each other.
        ("not_seen", meeting(by_email, row("10:10:00", email="host@x.test"))),
        # One that is theirs by their participant alone.
        (
            "unknown_participant",
            meeting(FIRST | P | {"left_at": at("10:01:00")}, row("10:01:00", name="Room 1", **P), SECOND),
        ),
        ("not_seen", meeting(FIRST | P | {"left_at": at("10:01:00")}, row("10:01:00", name="Room 1", **P), SECOND | P)),
    )


# ----------------------------------------------------------------------------------------------------------------------
# 5. Traces and the host side
# ----------------------------------------------------------------------------------------------------------------------


ANNS: list[dict[str, Any]] = [
    {"email": "ann@x.test"},
    {"phone": "0049 151 12345678"},
    {"name": "Lee, Ann"},
    {"name": "Ann Lee (Acme)"},
    {"name": "Ann's iPhone"},
]
"""Rows that may be Ann's: the last one by a word of her name alone."""


def for_each(rows: Sequence[tuple[str, Any]], whose: Sequence[Mapping[str, Any]]) -> Cases:
    """Return a meeting for each row and each thing that it may have of Ann's."""
    ann = person(phone="0151 12345678")
    return cases(*((reason, held(one | dict(who), ann=ann)) for who in whose for reason, one in rows))


def at_host(name: str, ann: str = "Ann Lee", **changes: Any) -> Meeting:
    """Return a meeting with a name on a row that is the host's by address."""
    return held(row(email="host@x.test", name=name, **changes), ann=person(name=ann))


@clause
def what_bears_a_name() -> Iterator[Cases]:
    """The name itself or turned; one of two words also at either end of a longer name, unless that is a bot's."""
    yield cases(
        *(("trace", at_host(name)) for name in ("ANN LEE", "Lee, Ann", "Ann Lee (Acme)", "Acme: Ann Lee")),
        *(("named_with_another", at_host(name)) for name in ("Lee Ann (Acme)", "The Ann Lee Company", "Ann M Lee")),
        ("trace", at_host("Ann Maria Lee", "Ann Maria Lee")),
        ("named_with_another", at_host("Ann Maria Lee (Acme)", "Ann Maria Lee")),
        ("named_with_another", at_host("Lee, Ann Maria", "Ann Maria Lee")),
        ("trace", at_host("Ann", "Ann")),
        ("named_with_another", at_host("Ann (Acme)", "Ann")),
        ("not_seen", at_host("Ann Lee's Notetaker")),
        ("not_seen", at_host("Anna Leeds")),
        ("not_seen", at_host("Ann Lee", kind="bot")),
    )


@clause
def a_trace_by_address_anywhere() -> Iterator[Cases]:
    """(i) Whatever touches the window and has the address or the number, under another key, uid or none."""
    rows = [
        ("trace", row(**OTHER_ROOM)),
        ("trace", row(booking_uid="b2")),
        ("trace", row(kind="lobby")),
        ("trace", row("08:00:00", "09:45:00", **OTHER_ROOM)),
        ("not_seen", row("08:00:00", "09:44:59.999999", **OTHER_ROOM)),
        ("not_seen", row(**OTHER_ROOM, kind="bot")),
    ]
    yield for_each(rows, [{"email": "ann@x.test"}, {"phone": "+49 151 12345678"}])
    yield cases(("not_seen", held(row(email="ann@x.test", **OTHER_ROOM))), traces_are_doubt=False)


@clause
def a_trace_in_the_meeting() -> Iterator[Cases]:
    """(ii) A row that is theirs without being a presence, or bears their name though it is somebody else's."""
    yield cases(
        ("trace", held(row(name="Ann Lee", kind="lobby"))),
        ("trace", held(row("10:00:00", "10:00:00.5", name="Ann Lee (Acme)"))),
        ("trace", held(row("10:00:00", "10:00:00", name="Lee Ann", **P), NAMELESS | {"kind": "lobby"})),
        ("trace", held(row(name="Ann Lee", email="bob@x.test"), others=(HOST, BOB))),
        ("name_elsewhere", held(row(name="Ann Lee", kind="lobby", **OTHER_ROOM))),
        ("not_seen", held(row(name="Ann Lee", kind="bot"))),
    )


@clause
def the_row_of_another_whose_address_is_also_anns() -> Iterator[Cases]:
    """A row by a name is of those who are shown under its address, not of anyone who is written to at that address."""
    bob = BOB | {"email": "bob@y.test"}
    yield cases(
        (
            "not_seen",
            held(row(name="Bob Ray"), ann=person(email="bob@x.test", match_email="ann@x.test"), others=(HOST, bob)),
        ),
        of="bob@x.test",
    )


@clause
def attendees_without_an_address() -> Iterator[Cases]:
    """Rule 5: those whose text is the same, or who have none, are the same as far as a write goes."""
    nobody, number = person(email=None, name="Some One"), person(email="12 SMS", name="Any One")
    ann = person(email="34 sms")
    yield cases(
        ("duplicate_email", held(ann=ann, others=(HOST, ann | {"email": "34 SMS ", "name": "Other One"}))),
        ("not_seen", held(ann=ann, others=(HOST, nobody, nobody, number, number))),
        of="34 sms",
    )
    yield cases(("duplicate_email", held(ann=nobody, others=(HOST, nobody))), of="None")
    yield cases(("not_seen", held(ann=nobody, others=(HOST, number))), of="None")


@clause
def a_trace_under_the_bookings_uid() -> Iterator[Cases]:
    """(iii) Whenever it was, under the booking's own uid; under another's it is none."""
    late = row("20:00:00", "21:00:00")
    rows = [("trace", late), ("not_seen", late | {"booking_uid": "b2"}), ("not_seen", late | {"kind": "bot"})]
    yield for_each(rows, ANNS[:4])
    yield for_each([("not_seen", late)], ANNS[4:])


@clause
def the_host_side() -> Iterator[Cases]:
    """Rows of a host by whatever way, and internal ones, for as long as is needed within the core; else nobody is."""
    five = ("10:00:00", "10:05:00")
    brief = row("10:00:00", "10:00:01", name="Hugo Host", **P)
    nearly = row("10:00:00", "10:04:59.999999", email="host@x.test")
    guests = {"others": (HOST | {"phone": "7654321"}, BOB)}
    yield cases(
        ("host_not_seen", meeting(BOB_CAME, **guests)),
        ("not_seen", meeting(BOB_CAME, row(*five, email="host@x.test"), **guests)),
        ("host_not_seen", meeting(BOB_CAME, nearly, **guests)),
        ("host_not_seen", meeting(BOB_CAME, row("09:45:00", "10:04:00", email="host@x.test"), **guests)),
        ("not_seen", meeting(BOB_CAME, row(*five, phone="7654321"), **guests)),
        ("not_seen", meeting(BOB_CAME, row(*five, name="Host, Hugo"), **guests)),
        ("not_seen", meeting(BOB_CAME, brief, row(*five, name="Room 1", **P), **guests)),
        ("not_seen", meeting(BOB_CAME, row(*five, email="boss@corp.test"), **guests)),
        ("not_seen", meeting(BOB_CAME, row("11:00:00", None, kind="check_in", email="host@x.test"), **guests)),
        ("host_not_seen", meeting(BOB_CAME, row("11:00:00.1", None, kind="check_in", email="host@x.test"), **guests)),
        ("host_not_seen", meeting(BOB_CAME, row(*five, kind="lobby", email="host@x.test"), **guests)),
        # Time at two devices counts once, and a check_in is enough whatever else there is.
        (
            "host_not_seen",
            meeting(BOB_CAME, nearly, nearly, row("10:00:00", "10:01:00", email="host@x.test"), **guests),
        ),
        ("not_seen", meeting(BOB_CAME, nearly, row("10:04:00", "10:05:00", email="host@x.test"), **guests)),
        ("not_seen", meeting(BOB_CAME, nearly, nearly | {"kind": "check_in"}, **guests)),
        trust_internal_accounts=True,
        **CORP,
    )


@clause
def what_is_left_out_of_the_host_side() -> Iterator[Cases]:
    """A guest with an internal account, rows under a bot's name, and rows left open since before the window."""
    guests = {"others": (HOST, BOB, person(email="boss@corp.test", name="The Boss"))}
    yield cases(
        ("host_not_seen", meeting(row(name="Bob Ray", email="bob@corp.test"), **guests)),
        ("not_seen", meeting(row(name="Bob Rae", email="bob@corp.test"), **guests)),
        # An attendee whose own address is internal is one of the hosts' people.
        ("not_seen", meeting(row(email="boss@corp.test"), **guests)),
        ("host_not_seen", meeting(BOB_CAME, row(email="host@x.test", name="Otter.ai"), **guests)),
        ("no_evidence", meeting(row(email="host@x.test", name="Otter.ai"), **guests)),
        ("host_not_seen", meeting(BOB_CAME, row("09:44:00", None, email="host@x.test"), **guests)),
        ("no_evidence", meeting(row("09:44:00", None, email="host@x.test"), **guests)),
        ("not_seen", meeting(row("09:45:00", None, email="host@x.test"), **guests)),
        ("not_seen", meeting(row("09:44:00", "11:00:00", email="host@x.test"), **guests)),
        trust_internal_accounts=True,
        **CORP,
    )


# ----------------------------------------------------------------------------------------------------------------------
# 6. Rules 11 to 14
# ----------------------------------------------------------------------------------------------------------------------


@clause
def somebody_unknown() -> Iterator[Cases]:
    """Rule 11: in the room, in the waiting room or at the desk; not a bot, and not in another meeting."""
    yield cases(
        ("unknown_participant", held(row(name="iPhone"))),
        ("unknown_participant", held(row(name="iPhone", kind="lobby"))),
        ("unknown_participant", held(row(left=None, kind="check_in"))),
        ("not_seen", held(row(name="iPhone", kind="bot"))),
        ("not_seen", held(row(name="iPhone", **NOWHERE))),
        ("not_seen", held(row("11:15:00.000001", "12:00:00", name="iPhone"))),
    )


@clause
def two_at_one_device() -> Iterator[Cases]:
    """Rule 12: somebody's row names Ann as well, by a word of her name that its owners do not have."""
    ann_host = person("host", "host@x.test", name="Ann Host")
    yield cases(
        ("named_with_another", at_host("Hugo / Ann")),
        ("named_with_another", at_host("Hugo, Lee")),
        ("named_with_another", at_host("Hugo (Ann)", kind="lobby")),
        ("not_seen", at_host("Hugo / Anna")),
        ("not_seen", at_host("Hugo / Maria", "Ann Maria Lee")),
        ("not_seen", at_host("Hugo A", "A Lee")),
        ("not_seen", at_host("Ann's Notetaker")),
        ("not_seen", at_host("Hugo / Ann", kind="bot")),
        # An owner's own word does not point to anybody else.
        ("not_seen", held(row(email="host@x.test", name="Ann"), others=(ann_host,))),
        ("named_with_another", held(row(email="host@x.test", name="Ann / Mrs Lee"), others=(ann_host,))),
        # A row by name or by its participant is somebody's, too; an internal participant's is nobody's.
        ("named_with_another", held(row(name="Bob Ray / Ann"), others=(HOST, BOB))),
        (
            "named_with_another",
            held(
                row("10:00:00", "10:01:00", name="Bob Ray", **P), row("10:01:00", name="Ann", **P), others=(HOST, BOB)
            ),
        ),
        ("not_seen", held(row(email="boss@corp.test", name="Boss / Ann"))),
        trust_internal_accounts=True,
        **CORP,
    )


@clause
def a_row_of_several_holds_the_word_of_one() -> Iterator[Cases]:
    """Rule 12: where a row is several people's, the names of all of them are looked at."""
    ann_bell = person(email="bell@x.test", name="Ann Bell")
    several = row(name="Bob Ray, Ann Bell")
    yield cases(
        ("not_seen", held(several, others=(HOST, BOB, ann_bell))),
        ("named_with_another", held(several, others=(HOST, BOB))),
    )


@clause
def each_row_has_owners_of_its_own() -> Iterator[Cases]:
    """Rule 12: the owner of one row explains no word on another row, though something of both is the same."""
    bell = person(email="bell@x.test", name="Ann Bell")
    everyone = (HOST, BOB, bell)
    room = row("10:01:00", name="Room Ann")
    first, second = ({"participant": f"p{number}"} for number in (1, 2))
    host_joined, bell_joined = (row("10:00:00", "10:01:00", name=name) for name in ("Hugo Host", "Ann Bell"))
    yield cases(
        ("not_seen", held(room | {"email": "bell@x.test"}, others=everyone)),
        ("named_with_another", held(room | {"email": "bell@x.test"}, room | {"email": "host@x.test"}, others=everyone)),
        ("named_with_another", held(row(name="Bob Ray, Ann Bell"), row(name="Bob Ray, Ann"), others=everyone)),
        ("not_seen", held(bell_joined | second, room | second, others=everyone)),
        (
            "named_with_another",
            meeting(host_joined | first, room | first, bell_joined | second, room | second, others=everyone),
        ),
        # An address that one person is written to at and another one is shown under.
        ("named_with_another", held(row(name="Bob Ray / Ann"), others=(HOST, BOB, bell | {"email": "bob@x.test"}))),
    )


@clause
def a_short_form_of_anothers_name() -> Iterator[Cases]:
    """Rule 12: somebody else's row by name may be the fuller spelling of Ann's own."""
    jane = HOST | {"name": "Jane Doe"}
    yield cases(
        ("named_with_another", meeting(row(name="Jane Doe"), ann=person(name="J. Doe"), others=(jane,))),
        ("named_with_another", meeting(row(name="Doe, Jane"), ann=person(name="Jan D"), others=(jane,))),
        ("not_seen", meeting(row(name="Jane Doe"), ann=person(name="K. Doe"), others=(jane,))),
        ("not_seen", meeting(row(name="Jane Doe"), ann=person(name="J. Does"), others=(jane,))),
        ("not_seen", meeting(row(name="Jane Doe", email="host@x.test"), ann=person(name="J. Doe"), others=(jane,))),
    )


THERE = row(name="Lee, Ann", booking_uid="b2")


@clause
def a_name_in_another_meeting() -> Iterator[Cases]:
    """Rule 13: who bears the name at the time, in another meeting or in none, may be Ann."""
    yield cases(
        ("name_elsewhere", held(THERE)),
        ("name_elsewhere", held(THERE | {"kind": "lobby"})),
        ("name_elsewhere", held(row(name="Ann Lee (Acme)", **OTHER_ROOM))),
        ("name_elsewhere", held(row(name="Ann Lee", **NOWHERE))),
        ("not_seen", held(THERE | {"kind": "bot"})),
        ("not_seen", held(row(name="Ann Lee's Notetaker", **OTHER_ROOM))),
        ("not_seen", held(row(name="Ann M. Lee", **OTHER_ROOM))),
        ("not_seen", held(row(name="Ann", booking_uid="b2"), ann=person(name="Ann"))),
        ("not_seen", held(row("11:15:00.000001", "12:00:00", name="Ann Lee", booking_uid="b2"))),
    )
    yield cases(("not_seen", held(THERE)), traces_are_doubt=False)
    yield cases(("name_elsewhere", held(THERE)), assume_held=True)


def namesake(row_there: Any = THERE, email: str = "namesake@x.test", name: str = "Ann Lee", **changes: Any) -> Meeting:
    """Return a meeting beside which one of somebody with Ann's name, or of Ann, is held."""
    there = person(email=email, booking_uid="b2", name=name)
    host_there = person("host", "other@x.test", booking_uid="b2", name="Other Host")
    other = booking(booking_uid="b2", conference_key="other") | changes
    return held(row_there, others=(HOST, there, host_there), bookings=[other])


@clause
def the_meeting_of_a_namesake() -> Iterator[Cases]:
    """Rule 13: a row of a meeting that somebody of that name is booked for, and Ann is not, is the namesake's."""
    evening = {"start_at": at("20:00:00"), "end_at": at("21:00:00")}
    yield cases(
        ("not_seen", namesake()),
        ("not_seen", namesake(name="Lee Ann")),
        ("not_seen", namesake(row(name="Ann Lee (Acme)", **OTHER_ROOM))),
        ("name_elsewhere", namesake(email="ann@x.test")),
        ("name_elsewhere", namesake(name="Ann Leeds")),
        ("name_elsewhere", namesake(status="cancelled")),
        ("name_elsewhere", namesake(rescheduled_to_uid="b3")),
        ("name_elsewhere", namesake(**evening)),
        ("name_elsewhere", namesake(row(name="Ann Lee", **NOWHERE))),
    )
    # The row touches the window of that meeting, at either end.
    for there in (THERE, THERE | OTHER_ROOM):
        yield cases(
            ("not_seen", namesake(there, start_at=at("11:15:00"), end_at=at("12:00:00"))),
            ("name_elsewhere", namesake(there, start_at=at("11:15:00.000001"), end_at=at("12:00:00"))),
            ("not_seen", namesake(there, start_at=at("09:00:00"), end_at=at("09:45:00"))),
            ("name_elsewhere", namesake(there, start_at=at("09:00:00"), end_at=at("09:44:59.999999"))),
        )
    # A meeting that is not settled yet is one all the same.
    yield cases(
        ("not_seen", namesake(start_at=at("10:30:00"), end_at=at("11:30:00"))),
        as_of=at("13:00:00"),
        attendance_until=at("13:00:00"),
    )


@clause
def each_row_elsewhere_is_looked_at_for_itself() -> Iterator[Cases]:
    """Rule 13: a namesake's meeting explains no other row, time or person."""
    there = person(email="namesake@x.test", booking_uid="b2")
    other = booking(booking_uid="b2", conference_key="other")

    def seen(*rows: Any, people: Sequence[Any] = (), bookings: Sequence[Any] = (), **changes: Any) -> Meeting:
        return held(*rows, others=(HOST, there, *people), bookings=[other | changes, *bookings])

    short, early = row(name="Ann Lee", **OTHER_ROOM), row("10:30:00", name="Ann Lee", **OTHER_ROOM)
    bobs = row(name="Bob Ray", booking_uid="b2")
    hers = ANN | {"booking_uid": "b3"}
    yield cases(
        ("not_seen", seen(short, short)),
        ("name_elsewhere", seen(short, short | {"conference_key": "third"})),
        ("name_elsewhere", seen(THERE, THERE | {"booking_uid": "b9"})),
        (
            "name_elsewhere",
            seen(short, short | {"left_at": at("16:00:00")}, start_at=at("13:00:00"), end_at=at("14:00:00")),
        ),
        (
            "name_elsewhere",
            seen(early, early | {"joined_at": at("07:00:00")}, start_at=at("07:30:00"), end_at=at("08:00:00")),
        ),
        # Of two meetings at once in that room, one is hers, the other one a namesake's.
        ("not_seen", seen(short, people=[hers], bookings=[other | {"booking_uid": "b3"}])),
        # Bob's own meeting, and a namesake's of Ann.
        ("not_seen", seen(THERE, bobs, people=[BOB, BOB | {"booking_uid": "b2"}])),
    )
    yield cases(("name_elsewhere", seen(THERE, bobs, people=[BOB])), of="bob@x.test")


AFTER, BEFORE = ("15:00:00", "16:00:00"), ("05:00:00", "06:00:00")


@clause
def seen_at_another_time() -> Iterator[Cases]:
    """Rule 14: in the booking's own room, some hours earlier or later, was somebody who may be Ann."""
    rows = [
        ("seen_at_another_time", row(*AFTER, **ROOM)),
        ("seen_at_another_time", row(*BEFORE, **ROOM)),
        ("seen_at_another_time", row(*AFTER, **ROOM, kind="lobby")),
        ("not_seen", row(*AFTER, **ROOM, kind="bot")),
        ("not_seen", row(*AFTER, booking_uid="b2", conference_key="room")),
        ("not_seen", row(*AFTER, **OTHER_ROOM)),
        ("not_seen", row() | OTHER_DAY | ROOM),
    ]
    yield for_each(rows, ANNS)
    yield for_each([("not_seen", row(*AFTER, **ROOM))], [who | {"name": "Ann Lee's Otter.ai"} for who in ANNS])


@clause
def how_far_a_meeting_may_have_moved() -> Iterator[Cases]:
    """Rule 14: from the window's ends on, the last microsecond included."""
    after, before = row(*AFTER, **ROOM, email="ann@x.test"), row(*BEFORE, **ROOM, name="Ann")
    yield cases(("seen_at_another_time", held(after)), ("seen_at_another_time", held(before)), moved_within=3.75 * 3600)
    yield cases(("not_seen", held(after)), ("not_seen", held(before)), moved_within=3.75 * 3600 - 1e-6)
    yield cases(("seen_at_another_time", held(after)), assume_held=True)
    yield cases(("not_seen", held(after)), traces_are_doubt=False)


def beside(who: Mapping[str, Any], *people: Any, **changes: Any) -> Meeting:
    """Return a meeting in whose room another one was held in the afternoon, with one row there."""
    other = booking(booking_uid="b2", start_at=at("15:00:00"), end_at=at("16:00:00")) | changes
    return held(row(*AFTER, **ROOM) | dict(who), others=(HOST, *people), bookings=[other])


@clause
def another_booking_of_the_room() -> Iterator[Cases]:
    """Rule 14: Ann's address or name is explained only by a booking of hers; a word of her name by any booking."""
    hers = person(booking_uid="b2", match_email=None)
    bobs = BOB | {"booking_uid": "b2"}
    evening = {"start_at": at("18:00:00"), "end_at": at("19:00:00")}
    changes = [{"status": "cancelled"}, {"rescheduled_to_uid": "b3"}, {"conference_key": "other"}, evening]
    whose: list[dict[str, Any]] = [{"email": "ann@x.test"}, {"name": "Ann Lee"}]
    yield cases(
        *(("not_seen", beside(who, hers)) for who in whose),
        *(("not_seen", beside(who, hers | {"email": None, "match_email": "ann@x.test"})) for who in whose),
        *(("seen_at_another_time", beside(who, bobs)) for who in whose),
        *(("seen_at_another_time", beside(who, hers, **each)) for who in whose for each in changes),
        ("not_seen", beside({"name": "Ann"}, bobs)),
        ("seen_at_another_time", beside({"name": "Ann"}, bobs, status="pending")),
        ("seen_at_another_time", beside({"name": "Ann"}, bobs, **evening)),
    )


@clause
def each_row_at_another_time_is_looked_at_for_itself() -> Iterator[Cases]:
    """Rule 14: another booking of the room explains the rows that touch its window, and no other."""
    hers = person(booking_uid="b2")

    def two(who: Mapping[str, Any], one: tuple[str, str], other: tuple[str, str], **changes: Any) -> Meeting:
        rows = (row(joined, left, **{**ROOM, **who}) for joined, left in (one, other))
        return held(*rows, others=(HOST, hers), bookings=[booking(booking_uid="b2", **changes)])

    late = {"start_at": at("18:00:00"), "end_at": at("19:00:00")}
    early = {"start_at": at("13:00:00"), "end_at": at("13:30:00")}
    for who in ({"email": "ann@x.test"}, {"name": "Ann"}):
        yield cases(
            ("not_seen", two(who, ("15:00:00", "18:00:00"), ("15:00:00", "19:00:00"), **late)),
            ("seen_at_another_time", two(who, ("15:00:00", "16:00:00"), ("15:00:00", "19:00:00"), **late)),
            ("seen_at_another_time", two(who, ("15:00:00", "16:00:00"), ("13:00:00", "16:00:00"), **early)),
        )


@clause
def a_word_of_the_name_at_another_time() -> Iterator[Cases]:
    """Rule 14: the first or last word, of two letters or more, unless the row has an address that bookings know."""
    yield cases(
        ("seen_at_another_time", held(row(*AFTER, **ROOM, name="Mrs Lee"))),
        ("seen_at_another_time", held(row(*AFTER, **ROOM, name="Ann"), ann=person(name="Ann"))),
        ("seen_at_another_time", held(row(*AFTER, **ROOM, name="Ann", email="private@y.test"))),
        ("not_seen", held(row(*AFTER, **ROOM, name="Ann", email="host@x.test"))),
        ("not_seen", held(row(*AFTER, **ROOM, name="Anna Leeds"))),
        ("not_seen", held(row(*AFTER, **ROOM, name="Maria"), ann=person(name="Ann Maria Lee"))),
        ("not_seen", held(row(*AFTER, **ROOM, name="A Team"), ann=person(name="A"))),
    )


@clause
def the_last_doubts_follow_each_other() -> Iterator[Cases]:
    """Rules 11 to 14 come in their order."""
    four = (
        row(*AFTER, **ROOM, email="ann@x.test"),
        THERE,
        row(email="host@x.test", name="Hugo / Ann"),
        row(name="iPhone"),
    )
    yield cases(
        ("seen_at_another_time", held(*four[:1])),
        ("name_elsewhere", held(*four[:2])),
        ("named_with_another", held(*four[:3])),
        ("unknown_participant", held(*four)),
    )


# ----------------------------------------------------------------------------------------------------------------------
# 7. Hosts
# ----------------------------------------------------------------------------------------------------------------------

ANN_CAME = row(email="ann@x.test")
JUDGED: dict[str, Any] = {"of": "host@x.test", "role": "host", "judge_hosts": True}


@clause
def rules_of_a_host() -> Iterator[Cases]:
    """A host is absent only where a guest came and nothing speaks for the host's side."""
    yield cases(
        ("host_seen", meeting(ANN_CAME, HOST_CAME)),
        ("host_seen", meeting(ANN_CAME, row(email="any@corp.test"))),
        ("trace", meeting(ANN_CAME, row("10:00:00", "10:00:01", email="host@x.test"))),
        ("trace", meeting(ANN_CAME, row(email="host@x.test", **OTHER_ROOM))),
        ("trace", meeting(ANN_CAME, row(name="Hugo Host", kind="lobby"))),
        ("trace", meeting(ANN_CAME, row(email="any@corp.test", kind="lobby"))),
        (
            "unknown_participant",
            meeting(ANN_CAME, row(name="Any", kind="bot", email="any@corp.test"), row(name="iPhone")),
        ),
        ("not_seen", meeting(ANN_CAME, row(kind="bot", email="any@corp.test"))),
        ("no_evidence", meeting()),
        ("not_seen", meeting(ANN_CAME)),
        ("no_guest_seen", meeting(row("10:00:00", "10:00:30", email="ann@x.test"))),
        # Rules 12 to 14 are not for hosts.
        ("not_seen", meeting(ANN_CAME | {"name": "Ann / Hugo"})),
        ("not_seen", meeting(ANN_CAME, row(name="Hugo Host", **OTHER_ROOM))),
        ("not_seen", meeting(ANN_CAME, row(*AFTER, **ROOM, email="host@x.test"))),
        min_presence=60,
        **CORP,
        **JUDGED,
    )
    yield cases(("trace", meeting(ANN_CAME, row(name="Hugo Host", kind="lobby"))), traces_are_doubt=False, **JUDGED)
    yield cases(("feed_incomplete", meeting(ANN_CAME)), attendance_until=at("12:00:00"), **JUDGED)
    yield cases(("no_evidence", meeting()), assume_held=True, **JUDGED)


@clause
def an_internal_attendee_blames_no_host() -> Iterator[Cases]:
    """The attendee who came must be one that rule 4 does not exclude."""
    yield cases(
        ("not_seen", meeting(BOB_CAME, others=(HOST, BOB))),
        (
            "no_guest_seen",
            meeting(BOB_CAME, others=(HOST, BOB | {"match_email": "host@x.test"}), ann=HOST | {"name": "A B"}),
        ),
        **JUDGED,
    )


# ----------------------------------------------------------------------------------------------------------------------
# The clauses, by both forms of the rules
# ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CLAUSES)
def test_clause(name: str) -> None:
    """Each meeting of a clause has the reason that the clause states."""
    for stated in CLAUSES[name]:
        found = reasons_in(decisions_on(stated.world))
        reasons = [found[stated.first + place, stated.role, stated.of] for place in range(len(stated.expected))]
        assert reasons == [reason for reason, _ in stated.expected]


@pytest.mark.parametrize("world", WORLDS)
def test_both_forms_decide_alike(world: str) -> None:
    """The plain form of the rules makes the same decisions on everybody at these meetings."""
    assert decisions_on(world) == plain_decisions_on(world)
