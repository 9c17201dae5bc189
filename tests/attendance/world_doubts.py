"""What makes an absence doubtful: for a quiet meeting of a random world, the few rows on which one clause turns.

Most of a world's meetings end in a trace or in a presence, so that the last rules would hardly be reached by chance.
Each doubt here is made on purpose, to lie on both sides of one clause of the rules, and of no other if possible.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.attendance.world_texts import (
    BOT_NAMES,
    DAY,
    HOUR,
    INTERNALS,
    MICROSECOND,
    MINUTE,
    NEARLY_BOT_NAMES,
    NOBODY_NAMES,
    SECOND,
    SOURCES,
    STRANGERS,
    Member,
    Record,
    padded,
    respelled_number,
    shortened,
    text_of,
    with_company,
    with_more_words,
)

if TYPE_CHECKING:
    from tests.attendance.worlds import World

Times = tuple[int, int | None]
Place = tuple[str | None, str | None]


@dataclass
class Someone:
    """An expected person: who it is, and its row of `people`."""

    role: str
    member: Member
    record: Record

    @property
    def name(self) -> str:
        return (self.record["name"] or "").strip() or "iPhone"

    @property
    def address(self) -> str:
        return self.record["match_email"] or self.record["email"] or self.member.email

    @property
    def end_words(self) -> tuple[str, str]:
        found = self.name.split() or ["x"]
        return found[0], found[-1]


def plain_person(role: str, name: str | None, email: str | None, match_email: str | None = None) -> Record:
    """A row of `people` without a booking yet, to be matched by its address if by no other."""
    record = {"role": role, "email": email, "match_email": match_email or email, "name": name}
    return record | {"phone": None, "absent": False}


@dataclass
class Scene:
    """A booking, who is expected there, and where its feed comes from."""

    uid: str
    key: str | None
    start: int
    end: int
    window_start: int
    window_end: int
    everyone: list[Someone] = field(default_factory=list)
    source: str | None = None
    is_quiet: bool = False

    @property
    def attendees(self) -> list[Someone]:
        return [each for each in self.everyone if each.role == "attendee"]

    @property
    def hosts(self) -> list[Someone]:
        return [each for each in self.everyone if each.role == "host"]

    @property
    def known_key(self) -> str | None:
        return (self.key or "").strip() or None

    def add(self, role: str, member: Member, record: Record) -> Someone:
        self.everyone.append(Someone(role, member, record))
        return self.everyone[-1]

    def some_source(self, rng: random.Random) -> str | None:
        """Mostly that of the meeting."""
        return padded(rng, self.source if rng.random() < 0.85 else rng.choice((*SOURCES, "check_in", "")))


class Doubts:
    """Adds one or two doubts to a quiet meeting."""

    def __init__(self, world: World, scene: Scene) -> None:
        self.world, self.scene, self.rng = world, scene, world.rng

    def cast(self) -> None:
        if not self.scene.attendees:
            return
        kinds = (
            *[self.company] * 5,
            *[self.two_at_one_device] * 4,
            *[self.short_for_another] * 2,
            *[self.two_in_the_lobby] * (1 if self.world.policy.get("traces_are_doubt", True) else 6),
            *[self.name_elsewhere] * 5,
            *[self.another_time] * 10,
            *[self.second_of_a_name] * 3,
            *[self.internal] * 3,
            self.unknown,
            self.participant,
            *[self.known_participant] * 3,
            self.turned_round,
            self.trace,
            self.presence,
            self.internal_guest,
            self.host_side,
        )
        self.rng.choice(kinds)()
        if self.rng.random() < 0.1:
            self.rng.choice(kinds)()

    # Rows

    def put(
        self,
        name: str | None = None,
        *,
        email: str | None = None,
        phone: str | None = None,
        times: Times | None = None,
        kind: str = "person",
        place: Place | None = None,
        source: str | None = None,
        participant: str | None = None,
    ) -> Record:
        """Add a row; of the meeting, if no place is named."""
        rng, scene = self.rng, self.scene
        uid, key = self.here() if place is None else place
        joined, left = times if times is not None else (scene.start, scene.end)
        row: Record = {
            "source": source if source is not None else scene.some_source(rng),
            "participant": participant,
            "kind": kind,
            "booking_uid": uid,
            "conference_key": key,
            "email": email,
            "name": name,
            "phone": phone,
            "joined_at": text_of(rng, joined),
            "left_at": text_of(rng, left),
        }
        self.world.attendance.append(row)
        return row

    def here(self) -> Place:
        if self.scene.known_key is None or self.rng.random() < 0.6:
            return self.scene.uid, None
        return None, self.scene.key

    def elsewhere(self) -> Place:
        """A place that is not this booking's; perhaps none at all."""
        known = self.scene.known_key
        return self.rng.choice(
            ((None, None), (None, "wrong-key"), ("no-such-booking", known), ("no-such-booking", None), (None, "room-0"))
        )

    def put_of(self, someone: Someone, name: str | None, kind: str = "person", times: Times | None = None) -> None:
        """Add a row of the meeting that is someone's: by address, number, name or participant."""
        rng = self.rng
        by = rng.choice(("email", "email", "phone", "name", "participant", "both"))
        if by == "phone":
            self.number_of(someone)
        email = someone.address if by in ("email", "both") else None
        phone = someone.record["phone"] if by in ("phone", "both") else None
        if by == "participant":
            source, participant = self.joiner()
            given = rng.choice(("email", "phone", "name", "name"))
            self.put(
                someone.name if given == "name" else None,
                email=someone.address if given == "email" else None,
                phone=someone.record["phone"] if given == "phone" else None,
                times=times,
                place=self.here(),
                source=source,
                participant=participant,
            )
            self.put(name, kind=kind, times=times, source=source, participant=participant)
        else:
            self.put(name, email=email, phone=phone, kind=kind, times=times)

    def joiner(self) -> tuple[str, str]:
        """A participant that no other row has."""
        return self.scene.source or "zoom", f"p-{len(self.world.attendance)}"

    def some_attendees(self) -> list[Someone]:
        """Most of them, of those with an address that is not internal."""
        domains = tuple(each.strip().lower() for each in self.world.policy.get("internal_domains", ()) if each.strip())
        guests = [each for each in self.scene.attendees if not each.address.strip().lower().endswith(domains)]
        return [each for each in guests if self.rng.random() < 0.8]

    def number_of(self, someone: Someone) -> str:
        """Their number in another spelling; they have one from now on."""
        if sum(character.isdecimal() for character in someone.record["phone"] or "") < 7:
            someone.record["phone"] = someone.member.phone
        return respelled_number(self.rng, someone.record["phone"])

    def anyone(self) -> Someone:
        return self.rng.choice(self.scene.everyone)

    def another(self, someone: Someone) -> Someone:
        """Somebody else of the meeting: a host, another attendee, or one more who is expected from now on."""
        rng = self.rng
        others = [each for each in self.scene.everyone if each is not someone]
        if not others or rng.random() < 0.4:
            return self.world.add_guest(self.scene, rng.choice(("attendee", "attendee", "host")))
        return rng.choice(others)

    def some_kind(self) -> str:
        return self.rng.choice(("person",) * 10 + ("lobby", "check_in", "bot"))

    def some_status(self) -> str:
        return self.rng.choice(("accepted",) * 4 + ("cancelled", "rescheduled"))

    def some_times(self) -> Times:
        """Within the window, mostly the whole meeting."""
        scene, rng = self.scene, self.rng
        return rng.choice(
            (
                *[(scene.start, scene.end)] * 4,
                (scene.start, None),
                (scene.window_start, scene.window_start),
                (scene.window_end, scene.window_end + HOUR),
                (min(self.world.as_of + MICROSECOND, scene.window_end), None),
            )
        )

    # Rule 11

    def company(self) -> None:
        """A row of somebody, or of a internal, under a name that shows company."""
        rng = self.rng
        someone = self.anyone()
        name = with_company(rng, someone.name, rng.choice((*NEARLY_BOT_NAMES, "Eva", "Acme")))
        if rng.random() < 0.3:
            self.put(name, email=self.internal_address(), kind=self.some_kind())
        else:
            self.put_of(someone, name, kind=self.some_kind())

    def unknown(self) -> None:
        """A row of nobody who is known, or of a bot that only nearly is one."""
        rng = self.rng
        name = rng.choice((*NOBODY_NAMES, *NEARLY_BOT_NAMES, *BOT_NAMES))
        email = rng.choice((None, None, *STRANGERS))
        self.put(name, email=email, kind=self.some_kind(), times=self.some_times())

    def internal(self) -> None:
        """An internal address in the meeting, known as internal or not."""
        rng = self.rng
        first, _ = rng.choice(self.scene.attendees).end_words
        name = rng.choice((None, "A Coworker", first, rng.choice(BOT_NAMES), self.anyone().name))
        self.put(name, email=self.internal_address(), kind=self.some_kind(), times=self.some_times())

    def internal_address(self) -> str:
        """An internal address of somebody new, and perhaps the reason for which it is known as such."""
        rng, world = self.rng, self.world
        if rng.random() < 0.1:
            return rng.choice(INTERNALS)
        email = f"c{len(world.attendance)}@{rng.choice(('staff.test', 'STAFF.test', 'eu.staff.test', 'acme.com'))}"
        start = self.scene.start - rng.choice((0, 30 * DAY))
        role = rng.choice(("host", "host", "host", "host", "attendee"))
        other = f"other.{email}"
        person = plain_person(role, "Some Body", *rng.choice(((email, email), (email, other), (other, email))))
        known = rng.choice(("no", "no", "booked", "booked", "booked", "internal_emails", "stray"))
        if known == "booked":
            status = rng.choice((None, None, "cancelled"))
            world.add_small_booking(None, start, start + HOUR, [person], status)
        elif known == "stray":
            world.people.append(person | {"booking_uid": "no-such-booking"})
        elif known == "internal_emails":
            world.policy["internal_emails"] = [*world.policy.get("internal_emails", ()), f" {email.upper()}"]
        return email

    def second_of_a_name(self) -> None:
        """Two rows of one name: two people of that name, or one at two devices?"""
        rng, scene = self.rng, self.scene
        someone = self.world.add_guest(scene, rng.choice(("attendee", "host")))
        if rng.random() < 0.1:
            self.two_by_participant(someone)
            return
        a, b, own = "a@home.example", "b@home.example", someone.address
        emails = rng.choice(((None, None), (None, None), (a, None), (a, b), (a, a), (own, None), (own, b), (own, own)))
        overlap = rng.choice((60 * SECOND, 60 * SECOND + 1, 60 * SECOND - 1, 10 * MINUTE, 0))
        first = (scene.start, scene.start + rng.choice((30 * MINUTE, 20 * MINUTE)))
        second = (first[1] - overlap, first[1] + rng.choice((0, MICROSECOND, 10 * MINUTE)))
        chance = rng.random()
        if chance < 0.3:
            second = (first[0] + rng.choice((0, 0, 0, 1)), first[1] - rng.choice((0, 0, 0, 1)))
        elif chance < 0.45:  # together only before the window
            first, second = (
                (scene.window_start - HOUR, scene.window_start + rng.choice((SECOND, 2 * SECOND))) for _ in range(2)
            )
        joiner = self.joiner() if rng.random() < 0.2 else (None, None)
        kinds = rng.choice((*[("person", "person")] * 5, ("lobby", "person"), ("lobby", "lobby"), ("bot", "person")))
        names = (someone.name, rng.choice((someone.name, someone.name, self.turned(someone))))
        for name, email, times, kind in zip(names, emails, (first, second), kinds, strict=True):
            self.put(name, email=email, times=times, kind=kind, source=joiner[0], participant=joiner[1])
        if joiner[0] is None and rng.random() < 0.4:
            self.same_by_participant(someone, first)

    def two_by_participant(self, someone: Someone) -> None:
        """Two devices, each known by the name on another row of its participant: by no name of their own."""
        for end in (self.scene.end, self.scene.end - MINUTE):
            source, participant = self.joiner()
            joined = (self.scene.window_start, self.scene.window_start)
            self.put(someone.name, times=joined, source=source, participant=participant)
            self.put("iPad", times=(self.scene.start, end), source=source, participant=participant)

    def same_by_participant(self, someone: Someone, times: Times) -> None:
        """The person once more, known by the telephone of another row of the participant."""
        someone.record["phone"] = someone.member.phone
        source, participant = self.joiner()
        joined = (self.scene.window_start, self.scene.window_start)
        self.put(phone=someone.member.phone, times=joined, source=source, participant=participant)
        self.put("iPad", times=times, source=source, participant=participant)

    def turned(self, someone: Someone) -> str:
        return " ".join(reversed(someone.name.split()))

    # Rule 12

    def two_at_one_device(self) -> None:
        """Somebody's row under a name in which words of an attendee's name are, too."""
        for attendee in self.some_attendees():
            self.device_of(self.another(attendee), attendee)

    def device_of(self, other: Someone, attendee: Someone) -> None:
        rng = self.rng
        if rng.random() < 0.1:
            attendee.record["name"] = f"{rng.choice('VWXY')} {attendee.end_words[1]}"
        first, last = attendee.end_words
        name = rng.choice(
            (
                *[f"{other.name} / {first}", f"{last}, {other.name}", f"{other.end_words[0]} {first}"] * 2,
                f"{other.name} ({last})",
                f"{other.name} - {self.rng.choice(attendee.name.split())}",
                f"{first}'s iPad",
                f"{other.name} / {attendee.name}",
                f"{attendee.name} {other.name}",
                f"{other.name} {first}x",
                f"{other.name} & {first}",
                f"{first} Notetaker",
            )
        )
        self.put_of(other, name, kind=self.some_kind(), times=self.some_times())

    def short_for_another(self) -> None:
        """A row by the name of somebody for whose name another's may be short."""
        attendee = self.rng.choice(self.scene.attendees)
        other = self.another(attendee)
        if self.rng.random() < 0.8:
            attendee.record["name"] = shortened(self.rng, other.name)
        chance = self.rng.random()
        if chance < 0.5:
            self.put(other.name, kind=self.some_kind(), times=self.some_times())
        elif chance < 0.7:  # the fuller name on another row of the other's participant
            source, participant = self.joiner()
            first, last = attendee.end_words
            self.put(other.name, source=source, participant=participant)
            self.put(f"{first}a {last}son", kind=self.some_kind(), source=source, participant=participant)
        else:
            self.put_of(other, self.rng.choice((other.name, f"{other.name} (Acme)")), times=self.some_times())

    def two_in_the_lobby(self) -> None:
        """A row of two attendees by name that does not count as presence; one of them may have two rows of `people`."""
        rng, scene, world = self.rng, self.scene, self.world
        someone = rng.choice(scene.attendees)
        names = [someone.name]
        if rng.random() < 0.6:
            names.append(world.add_guest(scene, "attendee").name)
        if rng.random() < 0.6:
            world.people.append(someone.record | {"email": f"again.{scene.uid}@guest.test"})
        self.put(" / ".join(names), kind=rng.choice(("lobby", "lobby", "person")), times=self.some_times())

    # Rule 13

    def name_elsewhere(self) -> None:
        """An attendee's name at the time of the meeting, in another one or in none."""
        place = None
        for someone in self.some_attendees():
            place = self.name_elsewhere_of(someone, place)

    def name_elsewhere_of(self, someone: Someone, before: Place | None) -> Place:
        """Add the row, perhaps where the one before is; return where."""
        rng = self.rng
        if rng.random() < 0.1:
            someone.record["name"] = someone.end_words[0]
        longer = (with_more_words(rng, someone.name), f"{someone.name} (Acme)", f"Dr. {someone.name}")
        name = rng.choice((*[someone.name] * 4, *[self.turned(someone)] * 2, *longer))
        place = self.elsewhere()
        if before is not None and before[0] and rng.random() < 0.6:
            place = before
            self.world.people.append(
                plain_person("attendee", someone.name, "n@home.example") | {"booking_uid": before[0]}
            )
        elif rng.random() < 0.6:
            place = self.other_booking(someone)
        times = self.some_times()
        if rng.random() < 0.15:
            times = (times[0] - 2 * DAY, times[0] - 2 * DAY + HOUR)
        email = rng.choice((None, None, "a@home.example"))
        self.put(name, email=email, times=times, kind=self.some_kind(), place=place)
        if rng.random() < 0.3:  # once more, with all the same but one
            times, place = rng.choice(((self.nearly(times), place), (times, self.elsewhere())))
            self.put(name, email=email, times=times, kind=self.some_kind(), place=place)
        return place

    def nearly(self, times: Times) -> Times:
        """As long ago or until the same moment, but longer."""
        begin, end = times[0], times[1] if times[1] is not None else times[0]
        return self.rng.choice(((begin - HOUR, end), (begin, end + HOUR), (begin, end + 2 * HOUR)))

    def other_booking(self, someone: Someone) -> Place:
        """A booking beside this one, of a namesake or not, and how a row of it says so."""
        rng, scene, world = self.rng, self.scene, self.world
        name = rng.choice((*[someone.name] * 3, self.turned(someone), "Somebody Else"))
        email = rng.choice(("namesake@home.example", "namesake@home.example", someone.address, someone.member.email))
        people = [plain_person(rng.choice(("attendee", "attendee", "host")), name, email)]
        if rng.random() < 0.2:
            people.append(plain_person("host", "Other Host", rng.choice((someone.address, "other@host.example"))))
        key = f"beside-{len(world.uids)}"
        start = scene.start + rng.choice((0, 0, 0, 0, 30 * MINUTE, 10 * DAY))
        end = max(start, scene.end)
        if rng.random() < 0.25:  # its window only just touches the meeting, or just not
            start = scene.end + world.early_join + rng.choice((0, MICROSECOND))
            end = start + 15 * MINUTE
        elif rng.random() < 0.25:
            end = scene.start - world.overrun - rng.choice((0, MICROSECOND))
            start = end - 15 * MINUTE
        uid = world.add_small_booking(key, start, end, people, self.some_status())
        return rng.choice(((uid, None), (None, key), (uid, "wrong-key"), ("no-such-booking", key)))

    # Rule 14

    def another_time(self) -> None:
        """Somebody in the booking's own room, earlier or later."""
        if self.scene.known_key is None:
            self.name_elsewhere()
            return
        times = None
        for someone in self.some_attendees():
            times = self.another_time_of(someone, times)

    def another_time_of(self, someone: Someone, before: Times | None) -> Times:
        """Add the row, perhaps at the time of the one before; return when."""
        rng, scene, world = self.rng, self.scene, self.world
        if rng.random() < 0.2:
            someone.record["name"] = rng.choice((someone.end_words[0], f"{someone.end_words[0]} V"))
        first, last = someone.end_words
        email = phone = name = None
        by = rng.choice(("email", "phone", "name", "name", "word", "word", "word"))
        if by == "email":
            email = rng.choice((someone.address, someone.member.email, someone.record["email"]))
        elif by == "phone":
            phone = self.number_of(someone)
        elif by == "name":
            name = rng.choice((someone.name, self.turned(someone), with_more_words(rng, someone.name)))
            if rng.random() < 0.4:
                email = self.address_beside()
        elif by == "word":
            name = rng.choice((first, last, f"{first}'s iPhone", f"{last} (Acme)", f"Acme {first}"))
            if rng.random() < 0.3:
                name = rng.choice((f"{first[:1]}. {first}x", f"x{last}", f"Otter.ai {first}"))
            if rng.random() < 0.5:
                email = self.address_beside()
        away = world.moved_within
        away = rng.choice((*[away // 2, away // 3, away] * 3, away + 1, away + HOUR, HOUR, 0))
        if rng.random() < 0.5:
            times: Times = (scene.window_end + away, scene.window_end + away + HOUR)
        else:
            times = (scene.window_start - away - HOUR, scene.window_start - away)
        if rng.random() < 0.1:
            times = (times[0], None)
        if before is not None and rng.random() < 0.5:
            times = before
        if rng.random() < 0.4:
            self.booking_of_the_room(someone, times)
        place = ("no-such-booking" if rng.random() < 0.1 else None, scene.key)
        self.put(name, email=email, phone=phone, times=times, kind=self.some_kind(), place=place)
        if rng.random() < 0.3:
            self.put(name, email=email, phone=phone, times=self.nearly(times), kind=self.some_kind(), place=place)
        return times

    def address_beside(self) -> str:
        """Of nobody who is booked, or of somebody in this booking, in another, or in one that is not there."""
        rng, world = self.rng, self.world
        email = f"a{len(world.attendance)}@home.example"
        person = plain_person("attendee", "Any Body", email)
        start = self.scene.start - 20 * DAY
        where = rng.choice(("nowhere", "here", "booked", "cancelled", "stray"))
        if where == "here":
            return self.anyone().address
        if where in ("booked", "cancelled"):
            world.add_small_booking(None, start, start + HOUR, [person], where.replace("booked", "accepted"))
        elif where == "stray":
            world.people.append(person | {"booking_uid": "no-such-booking"})
        return email

    def booking_of_the_room(self, someone: Someone, times: Times) -> None:
        """Another booking of the room around the time, or just not; with the person or without."""
        rng, world = self.rng, self.world
        begin, end = times[0], times[1] or times[0]
        start = rng.choice((begin, begin, end + world.early_join, end + world.early_join + 1))
        stop = start + 15 * MINUTE
        if rng.random() < 0.3:
            stop = begin - world.overrun - rng.choice((0, 1))
            start = stop - 15 * MINUTE
        role, name = rng.choice(("attendee", "host")), rng.choice((someone.name, "Somebody Else"))
        people = [plain_person(role, name, "x@home.example")]
        if rng.random() < 0.5:
            people.append(plain_person(rng.choice(("attendee", "host")), "Somebody", someone.address))
        key = rng.choice((self.scene.key,) * 5 + ("wrong-key",))
        world.add_small_booking(key, start, stop, people, self.some_status())

    # Sections 3 to 5

    def participant(self) -> None:
        """Rows of one participant, of which some say who that is, and some do not."""
        rng, scene = self.rng, self.scene
        source, participant = self.joiner()
        someone = rng.choice((rng.choice(scene.attendees), self.anyone()))
        knowing = rng.choice(("email", "email", "phone", "name", "internal", "stranger"))
        addresses = {"email": someone.address, "internal": "any@staff.test", "stranger": STRANGERS[0]}
        given: Record = {
            "email": addresses.get(knowing),
            "phone": someone.record["phone"] if knowing == "phone" else None,
            "name": someone.name if knowing == "name" else None,
        }
        for _ in range(rng.choice((1, 1, 2))):
            self.put(
                **given,
                times=rng.choice((self.some_times(), (scene.start - 2 * DAY, scene.start - 2 * DAY + HOUR))),
                kind=rng.choice(("person", "person", "lobby", "bot", "check_in")),
                place=rng.choice((None, None, ("no-such-booking", None), (None, None))),
                source=source,
                participant=participant,
            )
            if rng.random() < 0.6:
                break
            other = self.anyone()  # contradicts the first, or says more
            given = {
                "email": rng.choice((other.address, None, STRANGERS[1])),
                "phone": rng.choice((None, other.record["phone"])),
                "name": rng.choice((None, other.name)),
            }
        kind = rng.choice(("person", "person", "person", "lobby", "bot", "check_in"))
        self.put(
            rng.choice((*NOBODY_NAMES, *BOT_NAMES[:3], self.anyone().end_words[0])),
            times=self.some_times(),
            kind=kind,
            place=rng.choice((None, None, None, (None, None), (None, "wrong-key"))),
            source=rng.choice((source, source, source, f" {source}", "other")),
            participant=rng.choice((participant, participant, f"{participant} ", None)),
        )

    def known_participant(self) -> None:
        """A row that identifies nobody, and other rows of its participant in the meeting, by which it is somebody's."""
        rng, scene = self.rng, self.scene
        source, participant = self.joiner()
        begin = rng.choice((scene.start, scene.window_start))
        for _ in range(rng.choice((1, 1, 2, 3))):
            someone = self.anyone() if rng.random() < 0.7 else self.world.add_guest(scene, "attendee")
            by = rng.choice(("email", "phone", "name", "name"))
            if by == "phone":
                someone.record["phone"] = someone.member.phone
            times, kind = rng.choice(((begin, begin), (begin, begin + HOUR))), rng.choice(("person", "lobby", "bot"))
            self.put(
                someone.name if by == "name" else None,
                email=someone.address if by == "email" else None,
                phone=someone.member.phone if by == "phone" else None,
                times=times,
                kind=kind if rng.random() < 0.4 else "person",
                source=source,
                participant=participant,
            )
        if rng.random() < 0.7:  # so that no address of these is taken
            far = (scene.start - 9 * DAY, scene.start - 9 * DAY)
            for email in ("a@home.example", "b@home.example"):
                self.put(email=email, times=far, place=("far", None), source=source, participant=participant)
        first, last = rng.choice(scene.attendees).end_words
        self.put(
            rng.choice((None, "iPad", "iPad", f"{first}a {last}son", first, "Acme & Co", rng.choice(BOT_NAMES))),
            email=self.internal_address() if rng.random() < 0.1 else None,
            times=self.some_times(),
            kind=self.some_kind(),
            source=source,
            participant=participant,
        )

    def turned_round(self) -> None:
        """A row that ends before it begins."""
        rng, scene = self.rng, self.scene
        someone = rng.choice((*scene.everyone, None))
        kind = rng.choice(("person", "person", "lobby", "bot", "check_in"))
        left = scene.start + rng.choice((0, MINUTE, -2 * DAY))
        times = (rng.choice((scene.end, left + MICROSECOND, left + 3 * DAY)), left)
        if someone is None:
            self.put(rng.choice(NOBODY_NAMES), times=times, kind=kind)
        else:
            self.put_of(someone, rng.choice((None, someone.name)), kind=kind, times=times)

    def trace(self) -> None:
        """One row by which an attendee, or a host, may be traced, or just not."""
        rng, scene = self.rng, self.scene
        someone = rng.choice((rng.choice(scene.attendees), self.anyone()))
        kind = rng.choice(("person", "lobby", "lobby", "bot"))
        by = rng.choice(("number", "number", "name", "name", "uid"))
        number = self.number_of(someone)
        name = rng.choice((someone.name, self.turned(someone), *[with_more_words(rng, someone.name)] * 3))
        if by == "number":
            self.put(phone=number, kind=kind, times=self.some_times(), place=rng.choice((None, self.elsewhere())))
        elif by == "name":
            email = rng.choice((None, self.another(someone).address, self.internal_address()))
            self.put(name, email=email, kind=kind, times=self.some_times())
        else:
            begin = scene.start + rng.choice((3 * DAY, -3 * DAY, 0))
            given = rng.choice(("email", "number", "name"))
            self.put(
                name if given == "name" else None,
                email=someone.address if given == "email" else None,
                phone=number if given == "number" else None,
                kind=kind,
                times=(begin, begin + HOUR),
                place=(scene.uid, None),
            )

    def presence(self) -> None:
        """An attendee's presence that hangs on how the row is found to be the attendee's, or on its length."""
        rng, scene = self.rng, self.scene
        someone = rng.choice(scene.attendees)
        length = rng.choice((self.world.min_presence, self.world.min_presence - 1, HOUR))
        begin = rng.choice((scene.start, scene.window_start, scene.window_end - length))
        times = (begin, begin + max(length, 0))
        name = rng.choice((someone.name, self.turned(someone), with_more_words(rng, someone.name)))
        other = self.another(someone)
        kind = rng.choice(("person", "person", "check_in"))
        by = rng.choice(("name", "holds two", "loose", "of a internal"))
        if by == "name":
            self.put(name, times=times, kind=kind)
        elif by == "holds two":
            self.put(f"{name} / {other.name}", times=times, kind=kind)
        elif by == "loose":
            place = rng.choice(((None, None), (None, "wrong-key"), (None, "")))
            given = rng.choice(("email", "phone", "name"))
            self.put(
                name if given == "name" else None,
                email=someone.address if given == "email" else None,
                phone=someone.record["phone"] if given == "phone" else None,
                times=times,
                kind=kind,
                place=place,
            )
        else:
            self.put(name, email=rng.choice((self.internal_address(), other.address)), times=times, kind=kind)

    def internal_guest(self) -> None:
        """A guest whose address is internal, and a row that does not say so."""
        someone = self.world.add_guest(self.scene, "attendee")
        someone.record[self.rng.choice(("email", "match_email"))] = self.internal_address()
        self.put(someone.name, kind=self.some_kind(), times=self.some_times())

    def host_side(self) -> None:
        """Somebody of the hosts' side, by an address that is theirs or under a name that is another's."""
        rng, scene = self.rng, self.scene
        someone = self.anyone()
        name = rng.choice((None, someone.name, someone.name, f"{someone.name} (Acme)", rng.choice(BOT_NAMES)))
        begin = rng.choice((scene.start, scene.window_start, scene.window_start - 1, scene.window_start - HOUR))
        times = rng.choice(((scene.start, scene.end), (begin, None), (begin, scene.end), (scene.start, scene.start)))
        kind = rng.choice(("person", "person", "check_in", "lobby"))
        self.put(name, email=rng.choice((self.internal_address(), None)), times=times, kind=kind)
