"""What would settle the doubts: each suggestion, pasted into the policy, settles exactly what it says."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from airflow_provider_calcom.attendance import suggest as package
from airflow_provider_calcom.attendance.engine import decide, deciding
from airflow_provider_calcom.attendance.suggest import Suggestion, Suggestions, suggest
from airflow_provider_calcom.attendance.suggest.model import Candidate
from airflow_provider_calcom.attendance.suggest.simulate import Simulation, simulating
from tests.attendance import worlds
from tests.profiles import examples

Row = dict[str, Any]
SEEDS = range(examples(3, 60))
HOST, ROOM = "host@acme.test", "zoom:1"


class Diary:
    """Bookings of an hour, at ten o'clock on one day after the other, whose feed is complete unless it is said to end.

    :param policy: fields of the policy.
    """

    def __init__(self, **policy: Any) -> None:
        self.policy: Row = {"as_of": "2026-02-01T00:00:00Z", "attendance_until": "2026-02-01T00:00:00Z", **policy}
        self.bookings: list[Row] = []
        self.people: list[Row] = []
        self.attendance: list[Row] = []

    def book(self, *attendees: str, host: str = HOST, key: str | None = "own") -> str:
        """Add a booking, and return its uid."""
        number = len(self.bookings) + 1
        uid = f"booking-{number:02}"
        start = datetime(2025, 12, 31, 10) + timedelta(days=number)
        self.bookings.append(
            {
                "booking_uid": uid,
                "status": "accepted",
                "start_at": f"{start.isoformat()}Z",
                "end_at": f"{(start + timedelta(hours=1)).isoformat()}Z",
                "rescheduled_to_uid": None,
                "conference_key": f"zoom:own-{number}" if key == "own" else key,
            }
        )
        for role, email in (*(("attendee", one) for one in attendees), ("host", host)):
            self.people.append(
                {
                    "booking_uid": uid,
                    "role": role,
                    "email": email,
                    "match_email": email,
                    "name": email.partition("@")[0].replace(".", " "),
                    "phone": None,
                    "absent": False,
                }
            )
        return uid

    def join(self, uid: str, email: str | None, name: str | None = None, **fields: Any) -> None:
        """Add a row of somebody who was in the whole meeting of a booking."""
        booking = next(one for one in self.bookings if one["booking_uid"] == uid)
        self.attendance.append(
            {
                "source": "zoom",
                "participant": None,
                "kind": "person",
                "booking_uid": None,
                "conference_key": booking["conference_key"],
                "email": email,
                "name": name,
                "phone": None,
                "joined_at": booking["start_at"],
                "left_at": booking["end_at"],
                **fields,
            }
        )

    @property
    def tables(self) -> tuple[list[Row], list[Row], list[Row], Row]:
        """The tables and the policy, as ``decide`` takes them."""
        return self.bookings, self.people, self.attendance, self.policy

    def suggestions(self, **options: Any) -> Suggestions:
        """Decide, and return what is suggested."""
        with deciding(*self.tables) as decided:
            return suggest(decided, **options)

    def of_kind(self, kind: str) -> list[Suggestion]:
        """Return the suggestions of a kind, each one checked against the rules if it can be pasted."""
        with deciding(*self.tables) as decided:
            found, before = suggest(decided), by_person(decided.rows())
        assert found.skipped is None
        of_kind = [one for one in found.suggestions if one.kind == kind]
        for one in of_kind:
            assert_exact(self.tables, before, one)
        return of_kind


def by_person(decisions: Iterable[Any]) -> dict[tuple[Any, ...], tuple[str, str]]:
    return {(one["booking_uid"], one["role"], one["email"]): (one["outcome"], one["reason"]) for one in decisions}


def assert_exact(tables: Any, before: dict[tuple[Any, ...], tuple[str, str]], suggestion: Suggestion) -> None:
    """Paste the fragment, decide again, and count: the suggestion says just that, and nobody present is lost."""
    bookings, people, attendance, policy = tables
    if suggestion.policy is None:
        return
    pasted = policy | json.loads(json.dumps(suggestion.policy))
    after = by_person(decide(bookings, people, attendance, pasted))
    settled = [
        person
        for person, decision in before.items()
        if decision == ("undetermined", suggestion.reason) and after[person][0] != "undetermined"
    ]
    assert Counter(after[person][0] for person in settled) == suggestion.becomes
    assert suggestion.settles == len(settled) > 0
    assert suggestion.of == sum(decision == ("undetermined", suggestion.reason) for decision in before.values())
    assert set(suggestion.bookings) <= {person[0] for person in settled}
    assert len(suggestion.bookings) == min(5, len({person[0] for person in settled}))
    present = [person for person, decision in before.items() if decision[0] == "present"]
    assert all(after[person][0] == "present" for person in present)


# Aliases


def private_address() -> Diary:
    """Ann joins her three meetings with a private address; a second guest misses the last one."""
    diary = Diary()
    for number in range(3):
        uid = diary.book("ann@client.test", *(["bob@other.test"] if number == 2 else []))
        diary.join(uid, HOST)
        diary.join(uid, "annie77@gmail.test", "annie")
    return diary


def test_suggests_an_alias_for_an_unknown_address_that_is_always_with_an_unseen_attendee() -> None:
    """The fragment is ready to paste, and counts who would be settled: also Bob, who would then be absent."""
    (found,) = private_address().of_kind("alias")
    assert found.policy == {"aliases": {"annie77@gmail.test": "ann@client.test"}}
    assert (found.reason, found.settles, found.of) == ("unknown_participant", 4, 4)
    assert found.becomes == {"absent": 1, "present": 3}
    assert found.bookings == ["booking-01", "booking-02", "booking-03"]


def test_keeps_the_aliases_that_the_policy_has() -> None:
    """Pasting the fragment replaces the field, so that no older alias is lost."""
    diary = private_address()
    diary.policy["aliases"] = {"old@x.test": "new@x.test"}
    (found,) = diary.of_kind("alias")
    assert found.policy == {"aliases": {"old@x.test": "new@x.test", "annie77@gmail.test": "ann@client.test"}}


def test_suggests_no_alias_where_the_two_may_be_different_people() -> None:
    """A wrong alias hides a no-show and takes a doubt from others, so the slightest contradiction is enough."""
    diary = Diary()

    def meet(unknown: str, *attendees: str) -> str:
        host = f"host{len(diary.bookings)}@acme.test"
        uid = diary.book(*attendees, host=host)
        diary.join(uid, host)
        diary.join(uid, unknown)
        return uid

    meet("once@mail.test", "met.once@client.test")
    for _ in range(2):
        meet("also.elsewhere@mail.test", "never.alone@client.test")
        meet("not.always@mail.test", "without@client.test")
        meet("two.people@mail.test", "twin.one@client.test", "twin.two@client.test")
        diary.join(meet("two@mail.test", "one@client.test"), "second@mail.test")
        meet("booked@client.test", "unlike@client.test")
        late = f"late{len(diary.bookings)}@client.test"
        diary.join(meet("beside@mail.test", "came@client.test", late), "came@client.test")
    diary.join(meet("also.elsewhere@mail.test", "another@client.test"), "another@client.test")
    diary.join(diary.book("without@client.test"), HOST)
    diary.book("booked@client.test")
    assert diary.of_kind("alias") == []


def test_a_meeting_that_did_not_take_place_does_not_part_the_two() -> None:
    """Where nobody was, the unknown address could not be there either."""
    diary = private_address()
    diary.book("ann@client.test")
    assert len(diary.of_kind("alias")) == 1


def test_an_alias_may_be_a_hosts() -> None:
    """A host who always joins with a private address leaves the guests undetermined, though some are absent."""
    diary = Diary()
    for number in range(3):
        diary.join(diary.book(f"guest{number}@client.test"), "boss@home.test")
    found = diary.of_kind("alias")
    assert found[0].policy == {"aliases": {"boss@home.test": HOST}}
    assert (found[0].reason, found[0].becomes) == ("host_not_seen", {"absent": 3})
    assert "Most of them would be absent" in found[0].text


def test_all_aliases_together_are_a_suggestion_of_their_own() -> None:
    """Two private addresses in one meeting settle a third guest only together."""
    diary = private_address()
    for _ in range(2):
        uid = diary.book("eve@client.test")
        diary.join(uid, HOST)
        diary.join(uid, "eve99@mail.test")
    together, *alone = diary.of_kind("alias")
    assert together.policy == {
        "aliases": {"annie77@gmail.test": "ann@client.test", "eve99@mail.test": "eve@client.test"}
    }
    assert together.becomes == {"absent": 1, "present": 5}
    assert [one.settles for one in alone] == [4, 2]


def test_aliases_together_are_not_suggested_where_one_of_them_settles_as_many() -> None:
    """The guest's settles one reason, and the host's another."""
    diary = private_address()
    for number in range(2):
        diary.join(diary.book(f"guest{number}@client.test", host="boss@acme.test"), "boss@home.test")
    found = diary.of_kind("alias")
    assert [(one.reason, one.policy) for one in found] == [
        ("unknown_participant", {"aliases": {"annie77@gmail.test": "ann@client.test"}}),
        ("host_not_seen", {"aliases": {"boss@home.test": "boss@acme.test"}}),
    ]


def test_an_alias_has_all_spellings_of_an_address_that_the_policy_folds() -> None:
    """Aliases are looked up before tags are folded."""
    diary = Diary(fold_plus_tags=True)
    for tag in ("a", "b"):
        uid = diary.book("ann@client.test")
        diary.join(uid, HOST)
        diary.join(uid, f"Annie+{tag}@mail.test")
    (found,) = diary.of_kind("alias")
    assert found.policy == {"aliases": {"annie+a@mail.test": "ann@client.test", "annie+b@mail.test": "ann@client.test"}}
    assert found.becomes == {"present": 2}


def test_nobody_is_suggested_for_a_participant_who_is_known_by_name_alone() -> None:
    """Aliases take addresses only: an alias for a name would change nothing."""
    diary = Diary()
    for _ in range(3):
        uid = diary.book("ann@client.test")
        diary.join(uid, HOST)
        diary.join(uid, None, "Annie")
    assert diary.suggestions().suggestions == ()


# Internal participants and bots


def absent_guests(*, email: str | None, name: str | None = None, **policy: Any) -> Diary:
    """Return a diary of three meetings of different guests who stayed away, each with the same unknown participant."""
    diary = Diary(**policy)
    for number in range(3):
        uid = diary.book(f"guest{number}@client.test")
        diary.join(uid, HOST)
        diary.join(uid, email, name)
    return diary


def test_suggests_an_internal_address_that_is_in_meetings_of_different_attendees() -> None:
    """Somebody of the hosts' side raises a doubt in every meeting until the policy names them."""
    (found,) = absent_guests(email="Trainee@agency.test", internal_emails=["old@x.test"]).of_kind("internal_email")
    assert found.policy == {"internal_emails": ["old@x.test", "trainee@agency.test"]}
    assert (found.reason, found.becomes, found.of) == ("unknown_participant", {"absent": 3}, 3)
    assert "Most of them would be absent" in found.text


def test_an_attendee_of_another_booking_is_never_suggested_as_internal() -> None:
    """A guest in the wrong meeting would never be judged again."""
    diary = absent_guests(email="guest9@client.test")
    diary.book("guest9@client.test")
    assert diary.of_kind("internal_email") == []


def test_a_participant_of_one_attendee_is_not_suggested_as_internal() -> None:
    """It may be that attendee, under another address."""
    assert private_address().of_kind("internal_email") == []


def test_suggests_the_hosts_own_domain_but_no_mail_provider_and_no_guests_domain() -> None:
    """With a domain all of its people are internal, so none of a guest's is."""
    diary = Diary()
    for number, domain in enumerate(("gmail.com", "client.test", "acme.test", "vendor.test") * 2):
        uid = diary.book(f"guest{number}@client.test")
        diary.join(uid, HOST)
        diary.join(uid, f"somebody{number}@{domain}" if domain != "vendor.test" else "one@vendor.test")
    (found,) = diary.of_kind("internal_domain")
    assert found.policy == {"internal_domains": ["acme.test"], "trust_internal_accounts": True}
    assert found.becomes == {"absent": 2}


def test_suggests_to_trust_internal_accounts() -> None:
    """Where the doubts are accounts of the company that are no host's, one flag settles them."""
    diary = Diary(internal_domains=["acme.test"])
    for number in range(3):
        uid = diary.book(f"guest{number}@client.test")
        diary.join(uid, HOST)
        diary.join(uid, f"trainee{number}@acme.test")
    (found,) = diary.of_kind("trust_internal_accounts")
    assert found.policy == {"trust_internal_accounts": True}
    assert found.becomes == {"absent": 3}
    assert "Check that no guest joins with an account of the hosts' company" in found.text


def test_suggests_bots_names() -> None:
    """The names that the policy has stay in the fragment, because it replaces the field."""
    diary = Diary(bot_names=["otter.ai"])
    for name in ("Acme Recorder", "Gong", "Tactiq.io meeting") * 2:
        uid = diary.book(f"guest{len(diary.bookings)}@client.test")
        diary.join(uid, HOST)
        diary.join(uid, None, name)
    found = diary.of_kind("bot_name")
    assert [one.policy for one in found] == [
        {"bot_names": ["otter.ai", name]} for name in ("Acme Recorder", "Gong", "Tactiq.io meeting")
    ]
    assert all(one.becomes == {"absent": 2} and "Check that it is a bot" in one.text for one in found)


def test_suggests_no_bot_name_that_may_be_a_persons_or_a_devices() -> None:
    """Guests who came as "iPhone" would be absent if that were a bot's name."""
    diary = Diary()
    for name in ("iPhone", "Guest", "Galaxy S21", "Maria Lopez", "Ai Tanaka", "Anna (Booking.com)") * 2:
        uid = diary.book(f"guest{len(diary.bookings)}@client.test")
        diary.join(uid, HOST)
        diary.join(uid, None, name)
    assert diary.suggestions().suggestions == ()


def test_a_change_that_loses_somebody_who_is_present_is_never_suggested() -> None:
    """Ann is present by a name that would be a bot's."""
    diary = absent_guests(email=None, name="Gong")
    uid = diary.book("ann.lee@client.test")
    diary.join(uid, HOST)
    diary.join(uid, None, "Ann Lee (Gong)")
    assert diary.suggestions().suggestions == ()
    diary.attendance.pop()
    assert [one.kind for one in diary.suggestions().suggestions] == ["bot_name"]


def test_a_bot_with_an_address_is_not_suggested_as_internal() -> None:
    """An internal participant counts for the host side, and a bot must not."""
    found = absent_guests(email="bot@notes.test", name="Acme Recorder").suggestions().suggestions
    assert [one.kind for one in found] == ["bot_name"]


# The feed's end


def early_end(**policy: Any) -> Diary:
    """Return a diary of an absent guest whose feed has no row after the meeting, with another source that goes on."""
    diary = Diary(attendance_until=None, **policy)
    diary.join(diary.book("ann@client.test"), HOST)
    last = diary.book("bob@client.test")
    for email in (HOST, "bob@client.test"):
        diary.join(last, email, source="teams", joined_at="2026-01-02T10:30:00Z", left_at="2026-01-31T23:00:00Z")
    return diary


def test_suggests_the_end_of_the_one_source_that_ends_too_early() -> None:
    """The narrowest claim that settles as many: one source, up to when the meetings needed it."""
    (found,) = early_end().of_kind("attendance_until")
    assert found.policy == {"attendance_until": {"zoom": "2026-01-02T13:00:00.000Z"}}
    assert (found.reason, found.becomes) == ("feed_incomplete", {"absent": 1})
    assert "Check that the feed was loaded completely up to then" in found.text


def test_suggests_one_instant_where_the_feed_has_one_source() -> None:
    """An instant is what most policies have."""
    diary = early_end()
    diary.attendance = diary.attendance[:1]
    (found,) = diary.of_kind("attendance_until")
    assert found.policy == {"attendance_until": "2026-01-02T13:00:00.000Z"}


# Conference keys


def personal_room() -> Diary:
    """Return a diary of bookings without a key, whose meetings were in the host's own room."""
    diary = Diary()
    for name, came in (("ann", True), ("bob", True), ("carl", False)):
        uid = diary.book(f"{name}.lee@client.test", key=None)
        diary.join(uid, HOST, conference_key=ROOM)
        if came:
            diary.join(uid, None, f"{name} lee", conference_key=ROOM)
    return diary


def test_suggests_the_conference_key_under_which_the_people_of_bookings_were() -> None:
    """It is a datum of the bookings, not of the policy; set there, the rules decide as the suggestion says."""
    diary = personal_room()
    (found,) = [one for one in diary.suggestions().suggestions if one.reason == "no_evidence"]
    assert (found.kind, found.policy, found.settles) == ("conference_key", None, 3)
    assert found.becomes == {"absent": 1, "present": 2}
    assert ROOM in found.text
    for booking in diary.bookings:
        booking["conference_key"] = ROOM
    outcomes = Counter(one["outcome"] for one in decide(*diary.tables))
    assert outcomes == {"absent": 1, "present": 2}


def test_a_key_that_is_another_bookings_at_that_time_is_not_suggested() -> None:
    """A host who is in the next meeting already was not in this one."""
    diary = personal_room()
    for booking in copy.deepcopy(diary.bookings):
        diary.bookings.append({**booking, "booking_uid": f"other-{booking['booking_uid']}", "conference_key": ROOM})
    assert diary.of_kind("conference_key") == []


def test_a_room_without_any_attendee_is_not_suggested() -> None:
    """The hosts may have met among themselves."""
    diary = personal_room()
    diary.attendance = [row for row in diary.attendance if row["email"] == HOST]
    assert diary.of_kind("conference_key") == []


# Any world


def with_unique_people(world: Any) -> Any:
    """Make people of the same booking, role and address differ by white space, which the rules do not look at."""
    bookings, people, attendance, policy = world
    seen: Counter[Any] = Counter()
    for person in people:
        key = (person["booking_uid"].strip(), person["role"].strip(), (person["email"] or "").strip())
        if seen[key]:
            person["email"] = (person["email"] or "") + " " * (300 + seen[key])
        seen[key] += 1
    return bookings, people, attendance, policy


@pytest.mark.parametrize("seed", SEEDS)
def test_every_suggestion_for_a_random_world_is_exact(seed: int) -> None:
    """Whatever the policy and the feed: pasted, each fragment settles those whom it says, and loses nobody."""
    tables = with_unique_people(worlds.random_world(f"suggest {seed}", 60))
    with deciding(*tables) as decided:
        found, before = suggest(decided), by_person(decided.rows())
        assert len(before) == len(list(decided.rows()))
    assert found.skipped is None
    for one in found.suggestions:
        assert_exact(tables, before, one)


@pytest.mark.parametrize("seed", SEEDS)
def test_running_the_rules_again_decides_the_same(seed: int) -> None:
    """Run on the copied tables, and again with a change of each table that changes nothing, nobody is decided anew."""
    with deciding(*worlds.random_world(f"again {seed}", 60)) as decided, simulating(decided) as simulation:
        query = "SELECT outcome, reason, count(*) FROM reasons GROUP BY ALL ORDER BY ALL"
        assert simulation.query(query) == decided.connection.execute(query).fetchall()
        policy = decided.policy
        unchanged: list[Row] = [
            {"aliases": {**policy.aliases, "nobody@no.where": "no-one@no.where"}},
            {"internal_emails": (*policy.internal_emails, "nobody@no.where")},
            {"internal_domains": (*policy.internal_domains, "no.where")},
            {"bot_names": (*policy.bot_names, "nobody in particular")},
            {"moved_within": policy.moved_within + 0.000_000_4},
        ]
        for fields in unchanged:
            effect = simulation.run(Candidate("alias", "", "", fields=fields))
            assert (effect.settled, effect.lost) == ({}, 0)
        keys = dict(simulation.query("SELECT booking, conference_key FROM bookings WHERE conference_key IS NOT NULL"))
        assert simulation.run(Candidate("conference_key", "", "", keys=keys)).settled == {}


def test_suggestions_do_not_depend_on_the_order_of_the_rows() -> None:
    """The same tables give the same bytes."""
    diaries = [private_address(), private_address()]
    diaries[1].bookings.reverse()
    diaries[1].people.reverse()
    diaries[1].attendance.reverse()
    first, second = (json.dumps(diary.suggestions().as_dict()) for diary in diaries)
    assert first == second


def test_decisions_and_tables_stay_as_they_are() -> None:
    """Suggestions change no decision, and leave nothing behind."""
    with deciding(*private_address().tables) as decided:
        state = "SELECT database_name, table_name FROM duckdb_tables() ORDER BY ALL"
        before = list(decided.rows()), decided.connection.execute(state).fetchall()
        assert suggest(decided).suggestions
        assert (list(decided.rows()), decided.connection.execute(state).fetchall()) == before
        assert suggest(decided).suggestions


# What is left out


def test_a_plan_that_hides_people_gets_counts_and_no_names() -> None:
    """Addresses, names and conference keys are left out of a hashed plan's suggestions."""
    (alias,) = private_address().suggestions(names_people=False).suggestions
    assert (alias.policy, alias.settles) == (None, 4)
    assert "left out, because this plan names people by hashes" in alias.text
    (bot,) = absent_guests(email=None, name="Acme Recorder").suggestions(names_people=False).suggestions
    assert bot.policy is None
    rooms = personal_room().suggestions(names_people=False)
    text = json.dumps([alias.text, bot.text, rooms.as_dict()])
    assert not any(hidden in text for hidden in ("annie77", "ann@", "Recorder", ROOM))


@pytest.mark.parametrize(
    ("limit", "sentence"),
    [
        ("MOST_BOOKINGS", "Suggestions are computed for up to 2 judged bookings, and there are 3."),
        ("MOST_ROWS", "Suggestions are computed for up to 2 rows of attendance, and there are 6."),
    ],
)
def test_a_large_plan_has_none(monkeypatch: pytest.MonkeyPatch, limit: str, sentence: str) -> None:
    """Every suggestion takes a run of the rules."""
    monkeypatch.setattr(package, limit, 2)
    found = private_address().suggestions()
    assert (found.suggestions, found.skipped) == ((), sentence)
    assert found.undetermined == {"unknown_participant": 4}


def test_a_plan_of_a_sql_server_has_none() -> None:
    """The tables are there, not here."""
    with deciding(*private_address().tables) as decided:
        found = suggest(replace(decided, is_embedded=False))
    assert found.skipped == "Suggestions are not computed where the rules run on a SQL server."


def test_a_failure_is_reported_and_fails_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The plan matters more; neither the log nor the sentence quotes the error, which may name people."""
    with deciding(*private_address().tables) as decided:
        decided.connection.execute("DROP TABLE aliases")
        found = suggest(decided)
        assert found.suggestions == ()
        assert found.skipped == "The suggestions could not be computed (CatalogException)."
        assert len(list(decided.rows())) == 4
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_nothing_is_computed_without_doubts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan in which everyone is decided costs nothing more."""
    monkeypatch.delattr(Simulation, "run")
    diary = Diary()
    diary.join(diary.book("ann@client.test"), HOST)
    assert diary.suggestions() == Suggestions({})
