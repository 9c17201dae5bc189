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
    COLLEAGUES,
    DAY,
    HOUR,
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
    text_of,
    with_company,
    with_more_words,
)

if TYPE_CHECKING:
    from tests.attendance.worlds import World

Times = tuple[int, int | None]


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

    def add(self, role: str, member: Member, record: Record) -> None:
        self.everyone.append(Someone(role, member, record))

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
            self.company,
            *[self.two_at_one_device] * 4,
            self.short_for_another,
            self.short_for_another,
            self.name_elsewhere,
            self.name_elsewhere,
            *[self.another_time] * 5,
            self.second_of_a_name,
            self.colleague,
            self.unknown,
            self.participant,
            self.participant,
            self.turned_round,
            self.trace,
            self.presence,
            self.host_side,
        )
        self.rng.choice(kinds)()
        if self.rng.random() < 0.12:
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
        place: tuple[str | None, str | None] | None = None,
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

    def here(self) -> tuple[str | None, str | None]:
        if self.scene.known_key is None or self.rng.random() < 0.6:
            return self.scene.uid, None
        return None, self.scene.key

    def elsewhere(self) -> tuple[str | None, str | None]:
        """A place that is not this booking's; perhaps none at all."""
        known = self.scene.known_key
        return self.rng.choice(
            ((None, None), (None, "wrong-key"), ("no-such-booking", known), ("no-such-booking", None), (None, "room-0"))
        )

    def put_of(self, someone: Someone, name: str | None, kind: str = "person", times: Times | None = None) -> None:
        """Add a row of the meeting that is someone's: by address, number, name or participant."""
        rng = self.rng
        by = rng.choice(("email", "email", "phone", "name", "participant", "both"))
        email = someone.address if by in ("email", "both") else None
        phone = someone.record["phone"] if by in ("phone", "both") else None
        if by == "participant":
            source, participant = self.joiner()
            given = rng.choice(("email", "phone", "name"))
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

    def anyone(self) -> Someone:
        return self.rng.choice(self.scene.everyone)

    def host_or_other(self, someone: Someone) -> Someone:
        """Somebody else of the meeting, a host if there is one and chance has it; the same, if alone."""
        rng = self.rng
        others = [each for each in self.scene.everyone if each is not someone]
        if self.scene.hosts and rng.random() < 0.7:
            return rng.choice(self.scene.hosts)
        return rng.choice(others or [someone])

    def some_kind(self) -> str:
        return self.rng.choice(("person",) * 10 + ("lobby", "check_in", "bot"))

    def some_times(self) -> Times:
        """Within the window, mostly the whole meeting."""
        scene, rng = self.scene, self.rng
        return rng.choice(
            (
                (scene.start, scene.end),
                (scene.start, scene.end),
                (scene.start, None),
                (scene.window_start, scene.window_start),
                (scene.window_end, scene.window_end + HOUR),
            )
        )

    def near(self, bound: int) -> int:
        return bound + self.rng.choice((0, 0, MICROSECOND, -MICROSECOND, MINUTE, -MINUTE, SECOND))

    # Rule 11

    def company(self) -> None:
        """A row of somebody, or of a colleague, under a name that shows company."""
        someone = self.anyone()
        name = with_company(self.rng, someone.name, self.rng.choice((*NEARLY_BOT_NAMES, "Eva", "Bob")))
        if self.rng.random() < 0.3:
            self.put(name, email=self.rng.choice(COLLEAGUES), kind=self.some_kind())
        else:
            self.put_of(someone, name, kind=self.some_kind())

    def unknown(self) -> None:
        """A row of nobody who is known, or of a bot that only nearly is one."""
        rng = self.rng
        name = rng.choice((*NOBODY_NAMES, *NEARLY_BOT_NAMES, *BOT_NAMES))
        email = rng.choice((None, None, *STRANGERS))
        self.put(name, email=email, kind=self.some_kind(), times=self.some_times())

    def colleague(self) -> None:
        """An internal address, known as such or not, in the meeting."""
        rng = self.rng
        domains = [domain.strip() for domain in self.world.policy.get("internal_domains", ()) if domain.strip()]
        emails = [f"guest{rng.randrange(9)}@{rng.choice(('', 'eu.'))}{domain}" for domain in domains] or COLLEAGUES
        hosts = [record["email"] for record in self.world.people if record["role"] == "host" and record["email"]]
        email = rng.choice((rng.choice(emails), rng.choice(emails), rng.choice(hosts or COLLEAGUES)))
        if rng.random() < 0.3:  # known as a host, of a booking of whatever kind
            start = self.scene.start - rng.choice((0, 30 * DAY))
            self.world.add_small_booking(None, start, start + HOUR, [("host", "Some Host", email)])
        name = rng.choice((None, "A Colleague", rng.choice(BOT_NAMES), self.anyone().name))
        self.put(name, email=email, kind=self.some_kind(), times=self.some_times())

    def second_of_a_name(self) -> None:
        """Two rows of one name: two people of that name, or one at two devices?"""
        rng, scene = self.rng, self.scene
        someone = self.anyone()
        a, b = "a@home.example", "b@home.example"
        emails: tuple[str | None, str | None] = rng.choice(((None, None), (None, None), (a, None), (a, b), (a, a)))
        if rng.random() < 0.25:
            emails = (someone.address, rng.choice((None, someone.address, b)))
        overlap = rng.choice((60 * SECOND, 60 * SECOND + 1, 60 * SECOND - 1, 10 * MINUTE, 0))
        first = (scene.start, scene.start + rng.choice((30 * MINUTE, 20 * MINUTE)))
        second = (first[1] - overlap, first[1] + rng.choice((0, MICROSECOND, 10 * MINUTE)))
        if rng.random() < 0.3:
            second = (first[0] + rng.choice((0, 0, 0, 1)), first[1] - rng.choice((0, 0, 0, 1)))
        joiner = self.joiner() if rng.random() < 0.3 else (None, None)
        kinds = rng.choice((*[("person", "person")] * 5, ("person", "lobby"), ("lobby", "person"), ("bot", "person")))
        names = (someone.name, rng.choice((someone.name, someone.name, self.turned(someone))))
        for name, email, times, kind in zip(names, emails, (first, second), kinds, strict=True):
            self.put(name, email=email, times=times, kind=kind, source=joiner[0], participant=joiner[1])

    def turned(self, someone: Someone) -> str:
        return " ".join(reversed(someone.name.split()))

    # Rule 12

    def two_at_one_device(self) -> None:
        """Somebody's row under a name in which words of an attendee's name are, too."""
        for attendee in self.some_attendees():
            self.device_of(self.host_or_other(attendee), attendee)

    def device_of(self, other: Someone, attendee: Someone) -> None:
        rng = self.rng
        first, last = attendee.end_words
        name = rng.choice(
            (
                *[f"{other.name} / {first}", f"{last}, {other.name}", f"{other.end_words[0]} {first}"] * 2,
                f"{other.name} ({last})",
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
        other = self.host_or_other(self.rng.choice(self.scene.attendees))
        if self.rng.random() < 0.6:
            self.put(other.name, kind=self.some_kind(), times=self.some_times())
        else:
            self.put_of(other, self.rng.choice((other.name, f"{other.name} (Acme)")), times=self.some_times())

    # Rule 13

    def name_elsewhere(self) -> None:
        """An attendee's name at the time of the meeting, in another one or in none."""
        for someone in self.some_attendees():
            self.name_elsewhere_of(someone)

    def name_elsewhere_of(self, someone: Someone) -> None:
        rng = self.rng
        name = rng.choice((someone.name, someone.name, self.turned(someone), with_more_words(rng, someone.name)))
        place = self.elsewhere()
        if rng.random() < 0.6:
            place = self.other_booking(someone)
        times = self.some_times()
        if rng.random() < 0.15:
            times = (times[0] - 2 * DAY, times[0] - 2 * DAY + HOUR)
        email = rng.choice((None, None, "a@home.example"))
        self.put(name, email=email, times=times, kind=self.some_kind(), place=place)

    def other_booking(self, someone: Someone) -> tuple[str | None, str | None]:
        """A booking beside this one, of a namesake or not, and how a row of it says so."""
        rng, scene = self.rng, self.scene
        name = rng.choice((*[someone.name] * 3, self.turned(someone), "Somebody Else"))
        email = rng.choice(("namesake@home.example", "namesake@home.example", someone.address, someone.member.email))
        people = [(rng.choice(("attendee", "attendee", "host")), name, email)]
        if rng.random() < 0.2:
            people.append(("host", "Other Host", rng.choice((someone.address, "other@host.example"))))
        key = f"beside-{len(self.world.uids)}"
        start = scene.start + rng.choice((0, 0, 0, 0, 30 * MINUTE, 10 * DAY))
        uid = self.world.add_small_booking(key, start, max(start, scene.end), people)
        return rng.choice(((uid, None), (None, key), (uid, "wrong-key"), ("no-such-booking", key)))

    # Rule 14

    def another_time(self) -> None:
        """Somebody in the booking's own room, earlier or later."""
        if self.scene.known_key is None:
            self.name_elsewhere()
            return
        for someone in self.some_attendees():
            self.another_time_of(someone)

    def another_time_of(self, someone: Someone) -> None:
        rng, scene, world = self.rng, self.scene, self.world
        first, last = someone.end_words
        email = phone = name = None
        by = rng.choice(("email", "phone", "name", "name", "word", "word", "word"))
        if by == "email":
            email = rng.choice((someone.address, someone.member.email, someone.record["email"]))
        elif by == "phone":
            phone = respelled_number(rng, someone.record["phone"] or someone.member.phone)
        elif by == "name":
            name = rng.choice((someone.name, self.turned(someone), with_more_words(rng, someone.name)))
        elif by == "word":
            name = rng.choice((first, last, f"{first}'s iPhone", f"{last} (Acme)", f"Acme {first}"))
            if rng.random() < 0.2:
                name = rng.choice((f"{first[:1]}. {first}x", f"Otter.ai {first}"))
            if rng.random() < 0.4:
                email = rng.choice(("a@home.example", self.anyone().address, rng.choice(world.cast).email))
        away = world.moved_within
        away = rng.choice((away // 2, away // 2, away // 3, away, away, away + 1, away + HOUR, HOUR, 0))
        if rng.random() < 0.5:
            times: Times = (scene.window_end + away, scene.window_end + away + HOUR)
        else:
            times = (scene.window_start - away - HOUR, scene.window_start - away)
        if rng.random() < 0.1:
            times = (times[0], None)
        if rng.random() < 0.4:
            self.booking_of_the_room(someone, times)
        place = ("no-such-booking" if rng.random() < 0.1 else None, scene.key)
        self.put(name, email=email, phone=phone, times=times, kind=self.some_kind(), place=place)

    def booking_of_the_room(self, someone: Someone, times: Times) -> None:
        """Another booking of the room around the time, or just not; with the person or without."""
        rng, world = self.rng, self.world
        begin, end = times[0], times[1] or times[0]
        start = rng.choice((begin, begin, end + world.early_join, end + world.early_join + 1))
        stop = start + 15 * MINUTE
        if rng.random() < 0.15:
            stop = begin - world.overrun - rng.choice((0, 1))
            start = stop - 15 * MINUTE
        people = [(rng.choice(("attendee", "host")), rng.choice((someone.name, "Somebody Else")), "x@home.example")]
        if rng.random() < 0.5:
            people.append((rng.choice(("attendee", "host")), "Somebody", someone.address))
        world.add_small_booking(rng.choice((self.scene.key,) * 5 + ("wrong-key",)), start, stop, people)

    # Sections 3 to 5

    def participant(self) -> None:
        """Rows of one participant, of which some say who that is, and some do not."""
        rng, scene = self.rng, self.scene
        source, participant = self.joiner()
        someone = rng.choice((rng.choice(scene.attendees), self.anyone()))
        knowing = rng.choice(("email", "email", "phone", "name", "colleague", "stranger"))
        addresses = {"email": someone.address, "colleague": rng.choice(COLLEAGUES), "stranger": STRANGERS[0]}
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
        number = respelled_number(rng, someone.record["phone"] or someone.member.phone)
        name = rng.choice((someone.name, self.turned(someone), *[with_more_words(rng, someone.name)] * 3))
        if by == "number":
            self.put(phone=number, kind=kind, times=self.some_times(), place=rng.choice((None, self.elsewhere())))
        elif by == "name":
            email = rng.choice((None, self.host_or_other(someone).address, rng.choice(COLLEAGUES)))
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
        other = self.host_or_other(someone)
        kind = rng.choice(("person", "person", "check_in"))
        by = rng.choice(("name", "holds two", "loose", "of a colleague"))
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
            self.put(name, email=rng.choice((*COLLEAGUES, other.address)), times=times, kind=kind)

    def host_side(self) -> None:
        """Somebody of the hosts' side, by an address that is theirs or under a name that is another's."""
        rng, scene = self.rng, self.scene
        someone = self.anyone()
        name = rng.choice((None, someone.name, someone.name, f"{someone.name} (Acme)", rng.choice(BOT_NAMES)))
        begin = rng.choice((scene.start, scene.window_start, scene.window_start - 1, scene.window_start - HOUR))
        times = rng.choice(((scene.start, scene.end), (begin, None), (begin, scene.end), (scene.start, scene.start)))
        kind = rng.choice(("person", "person", "check_in", "lobby"))
        self.put(name, email=rng.choice((*COLLEAGUES, None)), times=times, kind=kind)
