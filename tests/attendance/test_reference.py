"""The plain Python form of the attendance rules, checked in small cases, and the worlds that all other forms meet."""

from __future__ import annotations

import copy
import json
import random
from collections import Counter, defaultdict
from typing import Any

import pytest

from tests.attendance.reference import Policy, decide, figures, name_key
from tests.attendance.worlds import random_policy, random_world

SEEDS = range(50)
REASONS = {
    ("attendee", "excluded", "not_accepted"),
    ("attendee", "excluded", "rescheduled"),
    ("attendee", "excluded", "not_settled"),
    ("attendee", "excluded", "internal"),
    ("attendee", "undetermined", "duplicate_email"),
    ("attendee", "present", "email"),
    ("attendee", "present", "phone"),
    ("attendee", "present", "name"),
    ("attendee", "undetermined", "trace"),
    ("attendee", "undetermined", "feed_incomplete"),
    ("attendee", "undetermined", "no_evidence"),
    ("attendee", "undetermined", "host_not_seen"),
    ("attendee", "undetermined", "unknown_participant"),
    ("attendee", "undetermined", "named_with_another"),
    ("attendee", "undetermined", "name_elsewhere"),
    ("attendee", "undetermined", "seen_at_another_time"),
    ("attendee", "absent", "not_seen"),
    ("host", "excluded", "not_accepted"),
    ("host", "excluded", "rescheduled"),
    ("host", "excluded", "not_settled"),
    ("host", "present", "host_seen"),
    ("host", "undetermined", "trace"),
    ("host", "undetermined", "feed_incomplete"),
    ("host", "undetermined", "no_evidence"),
    ("host", "undetermined", "unknown_participant"),
    ("host", "absent", "not_seen"),
    ("host", "undetermined", "no_guest_seen"),
}


# One meeting from 10 to 11, settled, between Ann Lee and her host.


def at(time: str) -> str:
    return f"2026-01-05T{time}Z"


def booking(**changes: Any) -> dict[str, Any]:
    return {
        "booking_uid": "b1",
        "status": "accepted",
        "start_at": at("10:00:00"),
        "end_at": at("11:00:00"),
        "rescheduled_to_uid": None,
        "conference_key": "room",
    } | changes


def person(role: str = "attendee", email: str | None = "ann@x.test", **changes: Any) -> dict[str, Any]:
    return {
        "booking_uid": "b1",
        "role": role,
        "email": email,
        "match_email": email,
        "name": "Ann Lee",
        "phone": None,
        "absent": False,
    } | changes


def row(joined: str | None = "10:00:00", left: str | None = "11:00:00", **changes: Any) -> dict[str, Any]:
    return {
        "source": "zoom",
        "participant": None,
        "kind": "person",
        "booking_uid": "b1",
        "conference_key": None,
        "email": None,
        "name": None,
        "phone": None,
        "joined_at": None if joined is None else at(joined),
        "left_at": None if left is None else at(left),
    } | changes


ANN = person()
HOST = person("host", "host@x.test", name="Hugo Host")
HOST_CAME = row(email="host@x.test")
COMPLETE = {"as_of": "2026-01-06T00:00:00Z", "attendance_until": "2026-01-06T00:00:00Z"}


def decisions(people: list[Any], rows: list[Any], bookings: Any = None, **policy: Any) -> list[dict[str, Any]]:
    return decide([booking()] if bookings is None else bookings, people, rows, COMPLETE | policy)


def of_ann(rows: list[Any], *, ann: Any = ANN, others: Any = (HOST,), bookings: Any = None, **policy: Any) -> Any:
    """Ann's reason and how long she was there."""
    found = decisions([ann, *others], rows, bookings, **policy)
    return next((each["reason"], each["presence_seconds"]) for each in found if each["email"] == ann["email"])


def of_host(rows: list[Any], **policy: Any) -> str:
    found = decisions([ANN, HOST], rows, judge_hosts=True, **policy)
    return str(next(each["reason"] for each in found if each["role"] == "host"))


# The worlds.


def test_worlds_reach_every_reason():
    """Fifty worlds reach every outcome and reason often and in several worlds, and no other."""
    counts: Counter[tuple[str, str, str]] = Counter()
    worlds = defaultdict(set)
    for seed in SEEDS:
        for decision in decide(*random_world(seed)):
            reached = decision["role"], decision["outcome"], decision["reason"]
            counts[reached] += 1
            worlds[reached].add(seed)
    assert set(counts) == REASONS
    assert {reached: count for reached, count in counts.items() if count < 30} == {}
    assert {reached: seeds for reached, seeds in worlds.items() if len(seeds) < 10} == {}


def test_worlds_repeat():
    """A seed gives one world, another seed another, and JSON can hold it."""
    first = random_world(7, bookings=40)
    assert first == random_world(7, bookings=40) != random_world(8, bookings=40)
    assert json.loads(json.dumps(first)) == [*first]
    assert random_policy(random.Random(3)) == random_policy(random.Random(3))


@pytest.mark.parametrize("seed", range(5))
def test_order_of_the_input(seed):
    """The same tables in any order give the same decisions and figures, and are left as they were."""
    bookings, people, attendance, policy = random_world(seed)
    before = copy.deepcopy((bookings, people, attendance, policy))
    decided, counted = decide(bookings, people, attendance, policy), figures(bookings, people, attendance, policy)
    assert (bookings, people, attendance, policy) == before
    for table in (bookings, people, attendance):
        random.Random(seed).shuffle(table)
    assert decide(bookings, people, attendance, policy) == decided
    assert figures(bookings, people, attendance, policy) == counted


# Small cases.


def test_an_absence():
    """Who left no row at all, while the host came, is absent; the row has all its columns."""
    assert decisions([ANN, HOST], [HOST_CAME]) == [
        {
            "booking_uid": "b1",
            "role": "attendee",
            "email": "ann@x.test",
            "outcome": "absent",
            "reason": "not_seen",
            "presence_seconds": 0.0,
            "first_joined_at": None,
            "last_left_at": None,
            "currently_absent": False,
        }
    ]


def test_output_is_cut_and_clipped():
    """Presence is clipped to the window, overlaps count once, and instants are cut to milliseconds, not rounded."""
    early = row("09:00:00", "10:00:00.001999", email="ann@x.test")
    (decision,) = decisions([ANN], [early, row("09:50:00", "10:00:00.0015", email=" ANN@x.test")])
    assert decision["first_joined_at"] == "2026-01-05T09:45:00.000Z"
    assert decision["last_left_at"] == "2026-01-05T10:00:00.001Z"
    assert decision["presence_seconds"] == 900.001999


@pytest.mark.parametrize(
    ("changes", "means"),
    [
        ({"email": "ann@x.test"}, "email"),
        ({"email": "ann+y@x.test", "phone": "(061) 744-12"}, "phone"),
        ({"name": "ANN \u00a0 LEE"}, "name"),
        ({"name": "Ann Lee", "email": "private@y.test"}, "name"),
        ({"name": "Ann"}, None),
        ({"phone": "06174412*"}, None),
        ({"name": "Ann Lee", "email": "host@x.test"}, None),
        ({"name": "Ann Lee", "email": "boss@corp.test"}, "name"),
        ({"name": "Lee, Ann"}, "name"),
        ({"name": "Ann Lee's iPad (Acme)"}, "name"),
        ({"name": "Lee Ann (Acme)"}, None),
        ({"name": "Hugo Host / Ann Lee"}, None),
        ({"name": "Joann Lee"}, None),
        ({"name": "Ann Lee's Notetaker"}, None),
        ({"name": "Notetaker", "email": "ann@x.test"}, "email"),
        ({"email": "ann@x.test", "kind": "bot"}, None),
        ({"email": "ann@x.test", "kind": "lobby"}, None),
        ({"email": "ann@x.test", "booking_uid": None}, "email"),
        ({"name": "Ann Lee", "booking_uid": None}, None),
        ({"email": "ann@x.test", "booking_uid": None, "conference_key": "other"}, None),
        ({"email": "ann@x.test", "booking_uid": "b2", "conference_key": "room"}, None),
        ({"name": "Ann Lee", "booking_uid": None, "conference_key": "room"}, "name"),
    ],
)
def test_whose_a_row_is(changes, means):
    """The first of address, number, internal and name decides; no machine, waiting room or other meeting counts."""
    reason, seconds = of_ann(
        [row(**changes)], ann=person(phone="tel 06174412"), internal_domains=["corp.test"], traces_are_doubt=False
    )
    assert (reason, seconds) == (means, 3600.0) if means else seconds == 0


def test_address_before_number():
    """A row with the address of one and the number of another is only the first's."""
    other = person(email="bob@x.test", name="Bob Ray", phone="1234567")
    both = row(email="ann@x.test", phone="1234567")
    found = decisions([ANN, other, HOST], [both])
    assert [(each["email"], each["presence_seconds"]) for each in found] == [
        ("ann@x.test", 3600.0),
        ("bob@x.test", 0.0),
    ]


def test_a_name_of_one_person():
    """A name that two people have is nobody's, unless they are one person by the address to match."""
    named = row(name="Ann Lee")
    twin = person(email="twin@x.test")
    assert of_ann([named, HOST_CAME], others=[HOST, twin], traces_are_doubt=False) == ("unknown_participant", 0.0)
    assert of_ann([named], others=[HOST, twin | {"match_email": "ANN@x.test"}]) == ("name", 3600.0)
    # The row is that of all rows of the person, also of one under another name.
    assert of_ann([named], ann=person(name="A. L."), others=[twin | {"match_email": "ann@x.test"}]) == ("name", 3600.0)
    # Without an address to match, nothing says that the two are one.
    nobody = {"match_email": None}
    assert of_ann([named], ann=ANN | nobody, others=[twin | nobody], traces_are_doubt=False)[1] == 0
    assert of_ann([named], ann=ANN | nobody, others=[HOST]) == ("name", 3600.0)
    # And somebody without a name might have this one.
    assert of_ann([named], others=[HOST | {"name": "\u00a0"}], traces_are_doubt=False)[1] == 0


def test_lower_case_is_simple():
    """Letters are lower-cased one by one: the dotted capital I is an i, and sigma does not know that it is the last."""
    ipek = "İPEK@x.test", "ipek@x.test", "i\u0307pek@x.test"
    nikos = "ΝΙΚΟΣ@x.test", "νικοσ@x.test", "νικος@x.test"
    for email, same, other in (ipek, nikos):
        assert of_ann([row(email=same)], ann=person(email=email)) == ("email", 3600.0)
        assert of_ann([row(email=other)], ann=person(email=email), traces_are_doubt=False)[1] == 0
    assert of_ann([row(name="Marie Strasse")], ann=person(name="MARIE STRAẞE"), traces_are_doubt=False)[1] == 0


def test_email_folding():
    """An alias is looked up once, then tags and dots go if the policy says so; a tag that is all there is stays."""
    policy = {"aliases": {" Old@Y.test": "Ann+a@GoogleMail.com", "ann@gmail.com": "no@x.test"}}
    folds = {"fold_plus_tags": True, "fold_gmail_dots": True}
    ann = person(email="a.nn@gmail.com")
    assert of_ann([row(email="old@y.test ")], ann=ann, **policy, **folds) == ("email", 3600.0)
    assert of_ann([row(email="old@y.test")], ann=ann, **policy, traces_are_doubt=False)[1] == 0
    assert of_ann([row(email="ANN@gmail.com")], ann=ann, **policy, **folds, traces_are_doubt=False)[1] == 0
    assert of_ann([row(email="+b@x.test")], ann=person(email="+a@x.test"), **folds, traces_are_doubt=False)[1] == 0


@pytest.mark.parametrize(
    ("joined", "left", "seconds"),
    [
        ("09:00:00", "09:45:00", 0.0),  # touches
        ("09:00:00", "09:44:59.999999", None),
        ("11:15:00", "12:00:00", 0.0),
        ("11:15:00.000001", "12:00:00", None),
        (None, "10:30:00", 0.0),
        ("10:30:00", "10:00:00", 0.0),
        ("10:30:00", None, 2700.0),
        (None, None, None),
        ("10:00:00", "10:00:00.999999", 0.999999),
        ("10:00:00", "10:00:01", 1.0),
    ],
)
def test_times_of_a_row(joined, left, seconds):
    """A row that only touches the window is a trace and not a presence, and a second of presence is enough."""
    expected = ("not_seen", 0.0) if seconds is None else ("email" if seconds >= 1 else "trace", seconds)
    elsewhere = row(joined, left, email="ann@x.test", booking_uid=None)
    assert of_ann([elsewhere, HOST_CAME]) == expected


def test_check_in():
    """A check-in is an instant that proves a presence, wherever in the window, and its end says nothing."""
    for times in [("09:45:00", None), ("11:15:00", "09:00:00"), (None, "10:00:00")]:
        assert of_ann([row(*times, email="ann@x.test", kind=" check_in")], min_presence=60) == ("email", 60.0)
    assert of_host([row("11:00:00", None, email="host@x.test", kind="check_in")]) == "host_seen"
    assert of_host([row("11:00:00.000001", None, email="host@x.test", kind="check_in")]) == "trace"


def test_half_of_an_odd_core():
    """The host side need not have been there for more than half of the core, which may be half a microsecond."""
    short = [booking(end_at=at("10:00:10.000001"))]
    for left, reason in [("10:00:05", "host_not_seen"), ("10:00:05.000001", "not_seen")]:
        assert of_ann([row(left=left, email="host@x.test")], bookings=short) == (reason, 0.0)


def test_rules_of_an_attendee():
    """Each rule that ends in a doubt or an exclusion comes before an absence."""
    came = [HOST_CAME]
    assert of_ann(came, bookings=[booking(status="ACCEPTED")])[0] == "not_accepted"
    assert of_ann(came, bookings=[booking(rescheduled_to_uid=" b2")])[0] == "rescheduled"
    assert of_ann(came, as_of=at("12:59:59.999999"))[0] == "not_settled"
    assert of_ann(came, as_of=at("13:00:00"))[0] == "not_seen"
    assert of_ann(came, internal_domains=["TEST "])[0] == "internal"
    assert of_ann(came, ann=ANN | {"match_email": "HOST@x.test"})[0] == "internal"
    assert of_ann(came, others=[HOST, person(name="Other", email="Ann@X.test")])[0] == "duplicate_email"
    assert of_ann([*came, row("10:30:00", "10:30:00", email="ann@x.test")])[0] == "trace"
    assert of_ann([*came, row("20:00:00", "21:00:00", name="Ann Lee")])[0] == "trace"
    assert of_ann(came, attendance_until=at("12:59:59.999999"))[0] == "feed_incomplete"
    assert of_ann(came, attendance_until=at("13:00:00"))[0] == "not_seen"
    assert of_ann(came, attendance_until=at("13:00:00"), overrun=7201)[0] == "feed_incomplete"
    assert of_ann([])[0] == "no_evidence"
    assert of_ann([], assume_held=True)[0] == "not_seen"
    assert of_ann([], attendance_until=None)[0] == "feed_incomplete"
    assert of_ann([row(email="host@x.test", left="10:04:59.999999")])[0] == "host_not_seen"
    assert of_ann([*came, row(name="iPhone", kind="lobby")])[0] == "unknown_participant"
    assert of_ann([*came, row(name="iPhone", kind="bot"), row(name="Otter.ai")])[0] == "not_seen"


NAMES = {
    "Núñez, José": "nunez jose",
    "Nunez  Jose": "nunez jose",
    "Nu\u0301n\u0303ez Jose\u0301": "nunez jose",
    "Bob Barker's iPad (Acme)": "bob barker ipad acme",
    "Bob’s'": "bobs",  # noqa: RUF001
    "O’Neil-Berg’s": "oneil berg",  # noqa: RUF001
    "Łukasz Đorđević ıSØ": "lukasz dordevic iso",  # noqa: RUF001
    "Nguyễn Ǖ": "nguyen u",
    "Ǽ Ǿ Ё": "ǽ ǿ ё",
    "Straẞe": "straße",
    "ann_lee–x·y•z~@#?!=*": "ann lee x y z",  # noqa: RUF001
    " (-) ": None,
    "'": None,
}


def test_name_keys():
    """A name's key has its words in plain letters, whatever stands between them or above the letters."""
    assert {name: name_key(name) for name in NAMES} == NAMES


def test_whole_words_of_bots():
    """A display name is a bot's by whole words alone, in their order."""
    policy = Policy(as_of=COMPLETE["as_of"])
    assert all(map(policy.is_bot_name, ("Otter.ai", "Bob's Notetaker", "read-ai", "TL;DV (Bob)")))
    assert not any(map(policy.is_bot_name, ("Potter.ai", "General Assembly", "spread.ai", "ai read", "tldv", None)))


def until(rows: list[Any], attendance_until: Any = None, **changes: Any) -> str:
    """Ann's reason where the feed is complete or not for all that the policy says of its end."""
    return str(of_ann(rows, attendance_until=attendance_until, **changes)[0])


def test_each_booking_has_its_own_end_of_the_feed():
    """Up to the earliest end of the sources that have a row of the meeting or are named; else of all sources."""
    late = row("13:00:00", "14:00:00", booking_uid="b2")
    teams = {"source": "teams"}
    assert until([HOST_CAME]) == "feed_incomplete"
    assert until([HOST_CAME, late]) == "not_seen"
    assert until([HOST_CAME, late | teams]) == "feed_incomplete"
    assert until([HOST_CAME, late, late | teams, row(**teams, kind="bot")]) == "not_seen"
    assert until([HOST_CAME, late, row(**teams, kind="bot")]) == "feed_incomplete"
    # A source of other meetings matters only without a row of this one; rows without a source are one of their own.
    other = row("01:00:00", "02:00:00", booking_uid="b2")
    assert until([HOST_CAME, late, other | teams]) == "not_seen"
    assert until([late, other | teams], assume_held=True) == "feed_incomplete"
    assert until([late, other | {"source": " "}], assume_held=True) == "feed_incomplete"
    assert until([late, late | teams], assume_held=True) == "not_seen"
    # Sources whose rows are all to come have no end; sources that are named have the end that is said.
    to_come = row(source="future") | {"joined_at": "2026-01-07T00:00:00Z", "left_at": None}
    assert until([late, to_come], assume_held=True) == "feed_incomplete"
    assert until([HOST_CAME], {" zoom ": at("13:00:00")}) == "not_seen"
    assert until([HOST_CAME], {"zoom": at("12:59:59.999999")}) == "feed_incomplete"
    assert until([HOST_CAME, late], {"teams": at("12:59:59.999999")}) == "feed_incomplete"
    assert until([HOST_CAME, late], {}) == "not_seen"
    assert until([], {"teams": at("13:00:00")}, assume_held=True) == "not_seen"
    assert until([], assume_held=True) == "feed_incomplete"


@pytest.mark.parametrize("ends", [{" ": at("13:00:00")}, {"zoom": at("13:00:00"), "zoom\t": at("13:00:00")}])
def test_ends_of_sources_that_are_refused(ends):
    """A source without a name, or one that is named twice, is refused."""
    with pytest.raises(ValueError, match="attendance_until"):
        until([HOST_CAME], ends)


def test_rows_of_one_participant():
    """A row without an address takes that of its participant, or is whose the participant's other rows are."""
    p = {"participant": "p"}
    elsewhere = row("01:00:00", "02:00:00", email="ann@x.test", booking_uid="b2", **p)
    nameless = row(name="iPhone", **p)
    assert of_ann([elsewhere, nameless]) == ("email", 3600.0)
    assert of_ann([elsewhere, nameless | {"source": "teams"}])[1] == 0
    assert of_ann([elsewhere | {"kind": "bot"}, nameless])[1] == 0
    assert of_ann([elsewhere, nameless, elsewhere | {"email": "bob@x.test"}])[1] == 0
    named = row("10:00:00", "10:00:00", name="Lee, Ann", **p)
    assert of_ann([named, nameless]) == ("name", 3600.0)
    assert of_ann([named, nameless | {"name": "Otter.ai"}])[1] == 0
    assert of_ann([named | {"kind": "bot"}, nameless])[1] == 0


def test_a_row_that_ends_before_it_begins():
    """It contradicts itself: the time between is a trace and a doubt, and no presence."""
    turned = row("12:00:00", "10:30:00")
    assert of_ann([HOST_CAME, turned | {"email": "ann@x.test"}]) == ("trace", 0.0)
    assert of_ann([HOST_CAME, turned | {"name": "iPhone"}]) == ("unknown_participant", 0.0)
    assert of_ann([HOST_CAME, turned | {"name": "iPhone", "kind": "bot"}]) == ("not_seen", 0.0)
    assert of_ann([turned | {"email": "host@x.test"}])[0] == "no_evidence"


def test_who_else_may_be_there():
    """Rule 11: a guest with an account of the hosts' company, a second of a name, a name that shows company."""
    corp = {"internal_domains": ["corp.test"]}
    internal = row(email="guest@corp.test", name="A Coworker")
    assert of_ann([HOST_CAME, internal], **corp)[0] == "unknown_participant"
    assert of_ann([HOST_CAME, internal], **corp, trust_internal_accounts=True)[0] == "not_seen"
    assert of_ann([HOST_CAME, internal], **corp, internal_emails=["Guest@corp.test"])[0] == "not_seen"
    assert of_ann([HOST_CAME, internal | {"name": "Otter.ai"}], **corp)[0] == "not_seen"
    known = person("host", "guest@corp.test", booking_uid="b2")
    other = booking(booking_uid="b2", status="cancelled")
    assert of_ann([HOST_CAME, internal], others=[HOST, known], bookings=[booking(), other], **corp)[0] == "not_seen"
    assert of_ann([HOST_CAME, internal], others=[HOST, known], **corp)[0] == "unknown_participant"
    first, second = row(left="10:30:00", name="Hugo Host"), row("10:29:00", name="Host, Hugo")
    assert of_ann([first, second])[0] == "not_seen"
    second["joined_at"] = at("10:28:59.999999")
    assert of_ann([first, second])[0] == "unknown_participant"
    assert of_ann([first | {"participant": "p"}, second | {"participant": "p"}])[0] == "not_seen"
    for name in ("Hugo + 1", "Hugo & Bob", "Hugo AND Bob", "Team Hugo"):
        assert of_ann([HOST_CAME, row(email="host@x.test", name=name)])[0] == "unknown_participant"
    assert of_ann([HOST_CAME, row(email="host@x.test", name="Android Teams")])[0] == "not_seen"


def test_named_with_another():
    """Rule 12: somebody's row names the attendee besides, or a name for which the attendee's may be short."""
    assert of_ann([HOST_CAME, row(email="host@x.test", name="Hugo / Ann")])[0] == "named_with_another"
    assert of_ann([HOST_CAME, row(email="host@x.test", name="Hugo / Anna")])[0] == "not_seen"
    assert of_ann([HOST_CAME, row(email="host@x.test", name="Ann Notetaker")])[0] == "not_seen"
    ann_host = person("host", "host@x.test", name="Ann Host")
    assert of_ann([HOST_CAME | {"name": "Ann"}], others=[ann_host])[0] == "not_seen"
    assert of_ann([row(name="Jane Doe")], ann=person(name="J. Doe"), others=[HOST | {"name": "Jane Doe"}])[0] == (
        "named_with_another"
    )
    assert of_ann([HOST_CAME], ann=person(name="J. Doe"), others=[HOST | {"name": "Jane Doe"}])[0] == "not_seen"


def test_name_elsewhere():
    """Rule 13: the attendee's name at the time in another meeting, unless somebody of that name is booked there."""
    there = row(name="Lee, Ann", booking_uid="b2")
    assert of_ann([HOST_CAME, there])[0] == "name_elsewhere"
    assert of_ann([HOST_CAME, there | {"name": "Ann Lee (Acme)", "booking_uid": None}])[0] == "name_elsewhere"
    assert of_ann([HOST_CAME, there], traces_are_doubt=False)[0] == "not_seen"
    assert of_ann([HOST_CAME, there], ann=person(name="Ann"))[0] == "not_seen"
    assert of_ann([HOST_CAME, there | {"joined_at": at("12:00:00"), "left_at": None}])[0] == "not_seen"

    def beside(email: str, **changes: Any) -> str:
        namesake = person(email=email, booking_uid="b2")
        other = booking(booking_uid="b2", conference_key=None, **changes)
        people = [ANN, HOST, namesake, person("host", "other@x.test", booking_uid="b2", name="Other Host")]
        return str(
            next(
                each["reason"]
                for each in decisions(people, [HOST_CAME, there], [booking(), other])
                if each["booking_uid"] == "b1"
            )
        )

    assert beside("namesake@x.test") == "not_seen"
    assert beside("ann@x.test") == "name_elsewhere"
    assert beside("namesake@x.test", status="cancelled") == "name_elsewhere"
    assert beside("namesake@x.test", start_at=at("20:00:00"), end_at=at("21:00:00")) == "name_elsewhere"


def test_seen_at_another_time():
    """Rule 14: somebody who may be the attendee was in the booking's own room earlier or later."""
    room = {"booking_uid": None, "conference_key": "room"}
    for who in ({"email": "ann@x.test"}, {"name": "Ann Lee"}, {"name": "Ann's iPhone"}, {"phone": "0049 1234567"}):
        after = row("15:00:00", "16:00:00", **room, **who)
        phoned = person(phone="0 49/12 34 567")
        assert of_ann([HOST_CAME, after], ann=phoned)[0] == "seen_at_another_time"
        assert of_ann([HOST_CAME, after], ann=phoned, moved_within=13500)[0] == "seen_at_another_time"
        assert of_ann([HOST_CAME, after], ann=phoned, moved_within=13499.999999)[0] == "not_seen"
        assert of_ann([HOST_CAME, after | {"booking_uid": "b2"}], ann=phoned)[0] == "not_seen"
        assert of_ann([HOST_CAME, after | {"conference_key": "other"}], ann=phoned)[0] == "not_seen"
        before = row("07:00:00", "08:00:00", **room, **who)
        assert of_ann([HOST_CAME, before], ann=phoned)[0] == "seen_at_another_time"
    # What another booking of the room explains: all of a word of the name; the person only where it is booked.
    other = booking(booking_uid="b2", start_at=at("15:00:00"), end_at=at("16:00:00"))
    bookings = [booking(), other]
    word, address = (row("15:00:00", "16:00:00", **room, **who) for who in ({"name": "Ann"}, {"email": "ann@x.test"}))
    assert of_ann([HOST_CAME, word], bookings=bookings)[0] == "not_seen"
    assert of_ann([HOST_CAME, address], bookings=bookings)[0] == "seen_at_another_time"
    also = [person(booking_uid="b2"), HOST, ANN]
    found = decisions(also, [HOST_CAME, address], bookings)
    assert [each["reason"] for each in found if each["booking_uid"] == "b1"] == ["not_seen"]
    assert of_ann([HOST_CAME, word | {"email": "host@x.test"}])[0] == "not_seen"


def test_two_attendees_without_an_email():
    """Two attendee rows without an e-mail are the same as far as a write goes, so that neither is judged."""
    nobody = person(email=None, name="Some One"), person(email=None, name="Other One")
    assert [each["reason"] for each in decisions([*nobody, HOST], [HOST_CAME])] == ["duplicate_email"] * 2


def test_rules_of_a_host():
    """A host is absent only where a guest came and nothing speaks for the host's side."""
    guest = row(email="ann@x.test")
    assert of_host([guest, HOST_CAME]) == "host_seen"
    assert of_host([guest, row(email="any@corp.test")], internal_domains=["corp.test"]) == "host_seen"
    assert of_host([guest, row("10:00:00", "10:00:01", email="host@x.test")]) == "trace"
    assert of_host([guest, row(email="any@corp.test", kind="lobby")], internal_domains=["corp.test"]) == "trace"
    assert of_host([guest], attendance_until=at("11:00:00")) == "feed_incomplete"
    assert of_host([], assume_held=True) == "no_evidence"
    assert of_host([guest, row(name="iPhone")]) == "unknown_participant"
    assert of_host([guest]) == "not_seen"
    assert of_host([row("10:00:00", "10:00:30", email="ann@x.test")], min_presence=60) == "no_guest_seen"


def test_an_unknown_kind_is_refused():
    """A kind that the rules do not know is refused rather than read as one of theirs."""
    with pytest.raises(ValueError, match="webinar"):
        decisions([ANN], [row(kind="webinar")])


def test_figures():
    """The guard rail counts rows of meetings: those that are no machine's, and among them those that are someone's."""
    rows = [
        HOST_CAME,
        row(email="any@corp.test"),
        row(name="Ann Lee", kind="lobby"),
        row(name="iPhone"),
        row(name="Otter.ai"),
        row(email="ann@x.test", kind="bot"),
        row(phone="1234567", participant="p", name="iPhone"),
        row(name="Ann Lee", participant="p"),
        row(email="ann@x.test", booking_uid=None),  # of no meeting
        row("20:00:00", "20:00:00.5", booking_uid="b2"),
    ]
    policy = {"as_of": COMPLETE["as_of"], "internal_domains": ["corp.test"]}
    pending = booking(booking_uid="b2", status="pending", start_at=at("20:00:00"), end_at=at("21:00:00"))
    assert figures([booking(), pending], [ANN, HOST], rows, policy) == {
        "judged_bookings": 1,
        "matched_rows": 5,
        "known_rows": 6,
    }
