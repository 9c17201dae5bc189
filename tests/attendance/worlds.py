"""Random worlds for the attendance rules: small, and made to lie on every edge that the rules have.

`random_world(seed)` gives the same tables for the same seed: bookings, people, attendance and a policy, as lists of
dicts and a dict that JSON can hold. Nothing in them is beyond what the rules say; all of it is what feeds and people
may well send.
"""

from __future__ import annotations

import random
from typing import Any

from tests.attendance.world_doubts import Doubts, Scene, Someone
from tests.attendance.world_texts import (
    BOT_NAMES,
    DAY,
    FIRST_DAY,
    GUESTS,
    HOUR,
    INTERNALS,
    MEMBERS,
    MICROSECOND,
    MILLISECOND,
    MINUTE,
    NAMES,
    NOBODY_NAMES,
    SECOND,
    SOURCES,
    STRANGERS,
    Member,
    Record,
    marked,
    moment_of,
    padded,
    recased,
    respelled,
    shortened,
    some,
    text_of,
    with_more_words,
)

Rows = list[Record]
Tables = tuple[Rows, Rows, Rows, Record]


# --- Policy -------------------------------------------------------------------------------------------------------


def random_policy(rng: random.Random) -> Record:
    """Any of the fields, each at its default, at an ordinary value or at an edge."""
    as_of = FIRST_DAY + rng.choice((5, 5, 5, 6, 6, 2, 9, 400)) * DAY + rng.choice((0, 17 * HOUR, 17 * HOUR + 302_007))
    if rng.random() < 0.02:
        as_of = FIRST_DAY - 3 * DAY
    policy: Record = {"as_of": text_of(rng, as_of)}
    if rng.random() < 0.1:
        return policy
    addresses = [member.email for member in MEMBERS]
    every: Record = {
        "attendance_until": random_ends(rng, as_of),
        "early_join": rng.choice((900, 900, 0, 60, 300.5, 0.000001, 900.001, 86400)),
        "overrun": rng.choice((900, 900, 0, 60, 300.5, 0.000001, 900.001, 86400)),
        "min_presence": rng.choice((1, 1, 0.000001, 0.001, 0.5, 60, 300, 300, 900.5, 100000)),
        "open_limit": rng.choice((14400, 0, 0.5, 60, 1800, 86400, 40000000)),
        "settle": rng.choice((7200, 0, 0, 60, 0.000001, 86400, 172800)),
        "internal_domains": some(
            rng, ("acme.com", " ACME.com\t", "eu.acme.com", "Mixed.Example", "example", "x.test", ""), 2
        ),
        "internal_emails": [
            padded(rng, recased(rng, email))
            for email in some(rng, [*addresses, *STRANGERS, "alt3@old.example", "no-at"], 4)
        ],
        "trust_internal_accounts": rng.random() < 0.3,
        "moved_within": rng.choice((43200, 43200, 0, 0.000001, 3600, 7200.5, 90000, 86400)),
        "require_host_present": rng.random() < 0.6,
        "host_min_presence": rng.choice((300, 300, 0, 1, 150, 900.001, 3600, 0.5, 449.999999, 450, 450.000001)),
        "assume_held": rng.random() < 0.3,
        "traces_are_doubt": rng.random() < 0.6,
        "aliases": random_aliases(rng),
        "fold_plus_tags": rng.random() < 0.5,
        "fold_gmail_dots": rng.random() < 0.5,
        "bot_names": rng.choice(
            (
                ["otter.ai", "notetaker"],
                ["meeting notes", "iris", "tlσdv", "sembly", "Ai."],  # noqa: RUF001
                ["%", "_", "-", "100%_sure", "TL DV", "o'neil", "\\", "oneil"],
                ["meeting\u00a0notes", "Fathom-Video", "ann lee", "núñez", "Lukasz"],
                [],
            )
        ),
    }
    share = rng.choice((0.3, 0.6, 1))
    policy |= {name: value for name, value in every.items() if rng.random() < share}
    if rng.random() < 0.75:
        policy["judge_hosts"] = rng.random() < 0.95
    return policy


def random_ends(rng: random.Random, as_of: int) -> Any:
    """One of the forms of `attendance_until`: nothing, an instant, or the ends of some sources."""
    instants = (as_of, as_of - 1, as_of + DAY, as_of - 8 * HOUR, as_of - DAY, FIRST_DAY - 900 * DAY)
    kind = rng.random()
    if kind < 0.4:
        return None
    if kind < 0.6:
        return text_of(rng, rng.choice(instants))
    names = some(rng, (*SOURCES[:-1], "whereby", "Zoom"), 3)
    return {str(padded(rng, name, 0.3)): text_of(rng, rng.choice((as_of, as_of + 1, *instants))) for name in names}


def random_aliases(rng: random.Random) -> dict[str, str]:
    """Secondary addresses, some chained (a look-up goes one step), padded or in capitals; no key twice once cleaned."""
    aliases: dict[str, str] = {}
    seen: set[str] = set()

    def add(key: str, value: str) -> None:
        if key.lower() not in seen:
            seen.add(key.lower())
            aliases[str(padded(rng, recased(rng, key), 0.2))] = str(padded(rng, recased(rng, value), 0.2))

    for member in some(rng, MEMBERS, 32):
        other = rng.choice(MEMBERS)
        add(member.alias, member.email)
        if rng.random() < 0.15:
            add(member.email, other.alias if rng.random() < 0.5 else other.email)
    for number in some(rng, ("", *range(10)), 3):
        add(f"no-address{number}", rng.choice(MEMBERS).email)  # never looked up: no @
    return aliases


# --- World --------------------------------------------------------------------------------------------------------


class World:
    """What `random_world` grows; durations and instants in whole microseconds."""

    def __init__(self, seed: int | str, bookings: int) -> None:
        self.rng = random.Random(f"world {seed}")
        self.policy = random_policy(self.rng)
        # In some worlds bookings are judged before their windows end.
        self.is_hasty = self.rng.random() < 0.12
        if self.is_hasty:
            self.policy |= {"settle": self.rng.choice((0, 60)), "overrun": self.rng.choice((900, 3600))}
        self.as_of = moment_of(self.policy["as_of"])
        self.early_join = self.micros("early_join", 900)
        self.overrun = self.micros("overrun", 900)
        self.min_presence = self.micros("min_presence", 1)
        self.host_min_presence = self.micros("host_min_presence", 300)
        self.open_limit = self.micros("open_limit", 14400)
        self.settle = self.micros("settle", 7200)
        self.moved_within = self.micros("moved_within", 43200)
        # A small cast meets often, and leaves traces in each other's meetings; a large one seldom does.
        self.cast = self.rng.sample(MEMBERS, self.rng.choice((8, 24, 64, 64, 64)))
        # Some bookings end together, so that a feed can end where that matters to them.
        self.anchor = FIRST_DAY + self.rng.randrange(4 * 96, 5 * 96) * 15 * MINUTE + self.rng.choice((0, 0, 1, 999))
        self.lagging = self.rng.choice(SOURCES)
        if self.rng.random() < 0.8:  # a company whose people nobody books
            self.policy["internal_domains"] = [*self.policy.get("internal_domains", ()), "Staff.test "]
        self.bookings: list[Record] = []
        self.people: list[Record] = []
        self.attendance: list[Record] = []
        self.uids: list[str] = []
        self.guests: list[Member] = []
        self.last_end: int | None = None
        self.last_key: str | None = None
        self.most_bookings = bookings
        while len(self.bookings) < bookings:
            scene = self.add_staged_booking() if self.rng.random() < 0.5 else self.add_random_booking()
            if scene.is_quiet and self.rng.random() < 0.92:
                Doubts(self, scene).cast()
        for _ in range(bookings // 12):
            self.add_stray_row()
        for _ in range(bookings // 40):
            self.add_stray_person()
        self.end_the_feed()
        for table in (self.bookings, self.people, self.attendance):
            self.rng.shuffle(table)

    def micros(self, name: str, default: float) -> int:
        return round(float(self.policy.get(name, default)) * SECOND)

    # The feed's end

    def end_the_feed(self) -> None:
        """Return the feed an end that matters: set for all or for some sources, or by the last rows of a source."""
        rng = self.rng
        kind = rng.random()
        end = self.anchor + max(self.overrun, self.settle) + rng.choice((0, 0, -MICROSECOND, MICROSECOND))
        later = self.as_of + rng.choice((1, DAY, 9 * DAY))
        if self.is_hasty and kind < 0.6:
            ends = {str(name): text_of(rng, later) for name in SOURCES[:-1]}
            self.policy["attendance_until"] = rng.choice((text_of(rng, later), ends))
        elif kind < 0.03:
            self.attendance.clear()
        elif kind < 0.1:
            self.policy["attendance_until"] = text_of(rng, end)
        elif kind < 0.2:
            self.policy["attendance_until"] = text_of(rng, later)
        elif kind < 0.45:
            self.policy["attendance_until"] = {
                str(padded(rng, name, 0.6)): text_of(rng, rng.choice((end, end, later, later, self.as_of)))
                for name in {self.lagging or "zoom", *some(rng, SOURCES[:-1], 2)}
            }
        elif kind < 0.8 and end < self.as_of:
            self.policy.pop("attendance_until", None)
            if rng.random() < 0.3:
                self.policy["attendance_until"] = {}
            self.end_the_source(self.lagging, end)
            for name in SOURCES:
                if name != self.lagging and rng.random() < 0.7:
                    self.end_the_source(name, self.as_of - rng.choice((0, 0, MICROSECOND)))
        if rng.random() < 0.08:  # a source of which nothing is known up to now
            begin = self.as_of + rng.choice((1, DAY))
            self.add_last_row("future", ("person", text_of(rng, begin), text_of(rng, begin + HOUR)))

    def end_the_source(self, source: str | None, end: int) -> None:
        """Let the last instant of the source, up to now, be this one."""
        rng = self.rng
        others_end = end - rng.choice((0, 12 * HOUR))
        self.attendance = [
            record
            for record in self.attendance
            if ((record["source"] or "").strip() or None) != source
            or not any(
                record[name] is not None and others_end < moment_of(record[name]) <= self.as_of
                for name in ("joined_at", "left_at")
            )
        ]
        last, before = text_of(rng, end), text_of(rng, end - 9 * DAY)
        times = rng.choice(
            (
                ("person", before, last),
                ("bot", last, None),
                ("lobby", before, last),
                ("check_in", last, None),
                *[("check_in", before, last)] * 3,  # its left_at says nothing
                *[("check_in", None, last)] * 3,  # but here it does
                ("person", None, last),
                ("person", last, before),
            )
        )
        self.add_last_row(padded(rng, source), times)

    def add_last_row(self, source: str | None, times: tuple[str, str | None, str | None]) -> None:
        kind, joined, left = times
        self.attendance.append(
            dict.fromkeys(("email", "name", "phone", "booking_uid", "participant"))
            | {"source": source, "kind": kind, "conference_key": "some-other-room"}
            | {"joined_at": joined, "left_at": left}
        )

    # Bookings

    def add_random_booking(self) -> Scene:
        """Anything, with people who meet in other bookings, too."""
        rng = self.rng
        number = len(self.uids)
        uid = self.new_uid()
        start = FIRST_DAY + rng.randrange(5 * 96) * 15 * MINUTE
        if rng.random() < 0.1:
            start += rng.choice((1, 999, 1_000, 41 * SECOND + 61_001, 23 * HOUR))
        length = rng.choice((5, 15, 30, 30, 60)) * MINUTE
        if rng.random() < 0.15:
            length = rng.choice((0, 1, 3, SECOND, 30 * MINUTE + 1, 3 * DAY + 7, 25 * HOUR))
        elif rng.random() < 0.3:
            length += rng.choice((1, 1, 999, 1_000, 500_000))
        key = self.some_key(number, uid)
        if self.last_end is not None and rng.random() < 0.1:
            start, key = self.last_end, self.last_key  # back to back in one room
        elif self.last_end is not None and rng.random() < 0.1:
            start, key = self.last_end + rng.choice((-1, 1)) * rng.randrange(2, 60) * 15 * MINUTE, self.last_key
        end = start + length
        source = None
        if rng.random() < 0.08:
            start, end, source = self.anchor - length, self.anchor, self.lagging
        elif rng.random() < 0.04:  # settled just now, or just not
            end = self.as_of - self.settle + rng.choice((0, MICROSECOND, -MICROSECOND, MILLISECOND))
            start = end - length
        self.last_end, self.last_key = end, key
        self.add_booking(uid, key, start, end)
        scene = self.add_people(uid, key, start, end)
        if source is not None or rng.random() < 0.8:
            scene.source = source if source is not None else rng.choice(SOURCES)
        Meeting(self, scene).fill()
        return scene

    def add_staged_booking(self) -> Scene:
        """A meeting of a host and of guests who leave no trace in any other: what Doubts add decides."""
        rng = self.rng
        uid = self.new_uid()
        length = rng.choice((15, 30, 60)) * MINUTE
        start = FIRST_DAY + rng.randrange(5 * 96) * 15 * MINUTE
        if rng.random() < 0.15:
            start = self.anchor - length
        elif rng.random() < (0.4 if self.is_hasty else 0.06):
            start = self.as_of - self.settle - length
        key = None if rng.random() < 0.08 else f"stage-{len(self.uids)}"
        self.add_booking(uid, key, start, start + length, "accepted")
        scene = Scene(uid, key, start, start + length, start - self.early_join, start + length + self.overrun)
        scene.is_quiet = True
        scene.source = self.lagging if start + length == self.anchor else rng.choice(SOURCES)
        for role in ("attendee",) * rng.choice((1, 1, 2)) + ("host",):
            self.add_guest(scene, role)
        meeting = Meeting(self, scene)
        if rng.random() < 0.85:
            meeting.row(scene.hosts[0].member, meeting.plain_means(), meeting.at_length())
        elif rng.random() < 0.5:
            meeting.row(scene.attendees[0].member, meeting.plain_means(), meeting.too_short())
        return scene

    def add_guest(self, scene: Scene, role: str) -> Someone:
        """Somebody more who is expected."""
        if not self.guests:
            self.guests = self.rng.sample(GUESTS, len(GUESTS))
        member = self.guests.pop()
        record = self.person(scene.uid, role, member, 0, True)
        self.people.append(record)
        return scene.add(role, member, record)

    def new_uid(self) -> str:
        rng = self.rng
        uid = f"bk_{rng.randrange(16**6):06x}_{len(self.uids)}"
        if self.uids and rng.random() < 0.05 and self.uids[-1].swapcase() not in self.uids:
            uid = self.uids[-1].swapcase()  # differs by case alone
        self.uids.append(uid)
        return uid

    def some_key(self, number: int, uid: str) -> str | None:
        rng = self.rng
        kind = rng.random()
        if kind < 0.5:
            return f"own-{number}"
        if kind < 0.7:
            return rng.choice(("room-0", "room-1", "room-2", "Room-0", "89512345678"))
        if kind < 0.76:
            return uid
        if kind < 0.8:
            return rng.choice(self.uids)
        return rng.choice((None, None, None, "", "\u00a0", "\r\n"))

    def add_booking(self, uid: str, key: str | None, start: int, end: int, status: str | None = None) -> None:
        """Add it, with `rescheduled` for a status, too; without one it may have any."""
        rng = self.rng
        rescheduled = rng.choice((None, None, None, None, None, "", "\f"))
        if status is None:
            status = "accepted"
            if rng.random() < 0.07:
                status = rng.choice(("cancelled", "rejected", "pending", "ACCEPTED", "Accepted", "", "accepted "))
            if rng.random() < 0.05:
                rescheduled = rng.choice((f"bk_new_{uid}", uid, " x "))
        elif status == "rescheduled":
            status, rescheduled = "accepted", f"bk_new_{uid}"
        self.bookings.append(
            {
                "booking_uid": padded(rng, uid),
                "status": padded(rng, status),
                "start_at": text_of(rng, start),
                "end_at": text_of(rng, end),
                "rescheduled_to_uid": rescheduled,
                "conference_key": padded(rng, key),
            }
        )

    def add_small_booking(
        self, key: str | None, start: int, end: int, people: list[Record], status: str | None = None
    ) -> str:
        """Another booking, of these people, in which nothing more happens; none, if there are enough."""
        if len(self.bookings) >= self.most_bookings:
            return "no-such-booking"
        uid = self.new_uid()
        self.add_booking(uid, key, start, end, status)
        self.people += [person | {"booking_uid": uid} for person in people]
        return uid

    # People

    def add_people(self, uid: str, key: str | None, start: int, end: int) -> Scene:
        rng = self.rng
        attendees = rng.sample(self.cast, rng.choice((0, 1, 1, 1, 1, 2, 2, 3, 4)))
        hosts = rng.sample(self.cast, rng.choice((0, 1, 1, 1, 1, 1, 1, 1, 2)))
        if rng.random() < 0.85:
            hosts = [member for member in hosts if member not in attendees]
        careless = 0.12 if rng.random() < 0.3 else 0  # else every row has its own name
        plain = rng.random() < 0.6
        scene = Scene(uid, key, start, end, start - self.early_join, end + self.overrun)
        for role, members in (("attendee", attendees), ("host", hosts)):
            for member in members:
                record = self.person(uid, role, member, careless, plain)
                self.people.append(record)
                scene.add(role, member, record)
                if rng.random() < (0.03 if plain else 0.1):
                    self.people.append(self.like(record, member, careless))
                if role == "attendee" and hosts and rng.random() < 0.02:
                    record["match_email"] = hosts[0].email  # a host under an address of their own
        if len(scene.everyone) > 1 and rng.random() < 0.12:  # one has a name that may be short for another's
            one, another = rng.sample(scene.everyone, 2)
            one.record["name"] = shortened(rng, another.member.name)
        return scene

    def person(self, uid: str, role: str, member: Member, careless: float, plain: bool) -> Record:
        rng = self.rng
        email: str | None = member.email if plain else self.address(member)
        match_email = email
        kind = 1 if plain else rng.random()
        if kind < 0.1:  # the tag that Cal.com puts on a guest that is booked twice
            local, _, domain = member.email.rpartition("@")
            email, match_email = f"{local}+{uid}@{domain}", member.email
        elif kind < 0.15:
            email = member.odd_email
            match_email = rng.choice((email, member.email))
        elif kind < 0.18:
            email, match_email = None, rng.choice((None, member.email))
        elif kind < 0.23:
            match_email = None
        elif kind < 0.28:
            match_email = rng.choice(self.cast).email
        elif kind < 0.33:
            match_email = member.alias
        elif kind < 0.37:
            email = rng.choice(INTERNALS)
        name: str | None = self.spelled(member.name)
        if rng.random() < careless:
            name = rng.choice((None, "", "\u00a0", "\t\n", "–", member.name.split()[0], rng.choice(NAMES)))  # noqa: RUF001
        return {
            "booking_uid": padded(rng, uid),
            "role": role,
            "email": padded(rng, email, 0.03),
            "match_email": padded(rng, match_email, 0.03),
            "name": name,
            "phone": rng.choice((None, None, member.phone, member.phone, member.odd_phone, "", "12345")),
            "absent": rng.random() < 0.2,
        }

    def like(self, record: Record, member: Member, careless: float) -> Record:
        """Another row of the booking that is the same person, or looks so."""
        rng = self.rng
        other = dict(record)
        kind = rng.random()
        if kind < 0.2:
            if rng.random() < 0.3:
                record["match_email"] = other["match_email"] = None
            return other
        if kind < 0.5:  # the same person under another name
            other["email"] = rng.choice(self.cast).email
            other["name"] = rng.choice((rng.choice(NAMES), with_more_words(rng, member.name)))
        elif kind < 0.65:
            if rng.random() < 0.3:
                record["email"] = member.odd_email
                other["email"] = padded(rng, member.odd_email.swapcase(), 0.3)
            elif record["email"] is not None:
                other["email"] = padded(rng, recased(rng, record["email"]), 0.3)
            other["match_email"] = rng.choice((None, member.email, rng.choice(self.cast).email))
        elif kind < 0.8:  # a namesake, or one whose name is turned
            other = self.person(record["booking_uid"], record["role"], rng.choice(self.cast), careless, False)
            words = member.name.split()
            other["name"] = self.spelled(" ".join(rng.choice((words, words[::-1]))))
        elif kind < 0.9:
            other["role"] = "host" if record["role"] == "attendee" else "attendee"
        else:
            other["email"] = padded(rng, self.address(member), 0.3)
            other["phone"] = member.phone
        if rng.random() < 0.3:
            other["absent"] = not other["absent"]
        return other

    # How somebody is written

    def address(self, member: Member) -> str:
        """One of the ways to write the address, not all of which are the same address."""
        rng = self.rng
        kind = rng.random()
        email = member.email
        local, _, domain = email.rpartition("@")
        if kind < 0.6:
            pass
        elif kind < 0.7:
            email = member.alias
        elif kind < 0.8:
            local = "" if local.startswith("+") and rng.random() < 0.5 else local  # a tag is all there is
            email = f"{local}+{rng.choice(('x', 'a+b', '2026', ''))}@{domain}"
        elif kind < 0.88:
            dotted = ".".join(local) if rng.random() < 0.5 else local.replace(".", "")
            email = f"{dotted}@{domain}"
        elif kind < 0.92:
            email = f"{local}@googlemail.com" if domain == "gmail.com" else f"{local}@gmail.com"
        elif kind < 0.95:
            email = local
        return str(padded(rng, marked(rng, recased(rng, email)), 0.05))

    def spelled(self, name: str) -> str:
        """The name as somebody may write it: mostly the same `name_key`."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.3:
            name = respelled(rng, name)
        elif kind < 0.35:
            name = with_more_words(rng, name)
        return str(padded(rng, marked(rng, recased(rng, name))))

    # Rows of nobody's booking

    def add_stray_row(self) -> None:
        rng = self.rng
        member = rng.choice(self.cast)
        begin = FIRST_DAY + rng.randrange(6 * 96) * 15 * MINUTE
        self.attendance.append(
            {
                "source": rng.choice(SOURCES),
                "participant": rng.choice((None, f"account-{member.number}", "shared")),
                "kind": rng.choice(("person", "person", "lobby", "bot", "check_in")),
                "booking_uid": rng.choice((None, "no-such-booking", rng.choice(self.uids or ["none"]))),
                "conference_key": rng.choice((None, "some-other-room", "ROOM-0", "")),
                "email": rng.choice((None, self.address(member))),
                "name": rng.choice((None, self.spelled(member.name), *NOBODY_NAMES)),
                "phone": rng.choice((None, member.phone, member.odd_phone)),
                "joined_at": text_of(rng, begin),
                "left_at": text_of(rng, rng.choice((None, begin, begin + HOUR, begin + 2 * DAY, begin + 800 * DAY))),
            }
        )

    def add_stray_person(self) -> None:
        """Of a booking that is not there."""
        rng = self.rng
        email = rng.choice((*INTERNALS, *STRANGERS, rng.choice(self.cast).email))
        record = self.person("no-such-booking", rng.choice(("host", "attendee")), rng.choice(self.cast), 0, True)
        self.people.append(record | {"email": email, "match_email": email})


class Meeting:
    """What happened around one booking, as its rows of attendance."""

    def __init__(self, world: World, scene: Scene) -> None:
        self.world, self.rng, self.scene = world, world.rng, scene
        self.uid, self.key, self.start, self.end = scene.uid, scene.key, scene.start, scene.end
        self.window = (scene.window_start, scene.window_end)
        self.attendees = [each.member for each in scene.attendees]
        self.hosts = [each.member for each in scene.hosts]

    def fill(self) -> None:
        """One of the stories that a meeting may have; the quiet ones reach the rules that come last."""
        rng = self.rng
        story = 0.2 if self.end == self.world.anchor else rng.random()
        if story < 0.05:  # nobody
            self.scene.is_quiet = True
            return
        if story < 0.5:  # nobody but the host, or a internal
            self.scene.is_quiet = True
            for host in self.hosts:
                times = self.just_enough() if rng.random() < 0.2 else self.at_length()
                self.row(host, self.plain_means(), times)
            if rng.random() < 0.1:
                self.internal()
            return
        if story < 0.58:  # nobody but guests
            for attendee in self.attendees:
                self.row(attendee, self.plain_means(), self.at_length())
        elif story < 0.66:  # guests for too short a time
            for attendee in self.attendees:
                self.row(attendee, "email", self.too_short())
        elif story < 0.8:  # some of all, as it should be
            self.scene.is_quiet = rng.random() < 0.5
            for member in self.hosts + [member for member in self.attendees if rng.random() < 0.6]:
                self.row(member, self.plain_means(), self.at_length())
        else:
            self.noise()
        if rng.random() < 0.12:
            self.noise()

    def noise(self) -> None:
        rng = self.rng
        for member in self.hosts + self.attendees:
            for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
                self.row(member, self.any_means(), self.any_time(), noisy=True)
        if rng.random() < 0.2:
            self.row(rng.choice(self.world.cast), self.any_means(), self.any_time(), noisy=True)
        for share, who in ((0.2, self.unknown), (0.15, self.internal), (0.2, self.bot), (0.12, self.timid)):
            if rng.random() < share:
                who()

    # Who

    def plain_means(self) -> str:
        return self.rng.choice(("email", "email", "email name", "phone", "name"))

    def any_means(self) -> str:
        return self.rng.choice(
            ("email", "phone", "name", "email name", "email phone", "phone name", "other", "bot name")
        )

    def unknown(self) -> None:
        rng = self.rng
        self.record(
            rng.choice((None, None, *STRANGERS)),
            rng.choice(NOBODY_NAMES),
            rng.choice((None, None, "0123456789", "12345")),
            self.any_time(),
            rng.choice(("person", "person", "person", "lobby", "check_in")),
        )

    def internal(self) -> None:
        rng = self.rng
        name = rng.choice((*NOBODY_NAMES, *BOT_NAMES, rng.choice(NAMES)))
        kind = rng.choice(("person", "person", "person", "lobby", "bot", "check_in"))
        self.record(rng.choice(INTERNALS), name, None, rng.choice((self.at_length(), self.any_time())), kind)

    def bot(self) -> None:
        rng = self.rng
        member = rng.choice(self.attendees + self.hosts or self.world.cast)
        name = rng.choice((*BOT_NAMES, self.world.spelled(member.name)))
        email = rng.choice((None, None, "bot@otter.ai", self.world.address(member), *INTERNALS))
        self.record(email, name, rng.choice((None, None, member.phone)), self.any_time(), rng.choice(("person", "bot")))

    def timid(self) -> None:
        """Somebody who never got out of the waiting room."""
        if self.attendees:
            self.row(self.rng.choice(self.attendees), self.any_means(), self.any_time(), kind="lobby")

    def row(
        self, member: Member, means: str, times: tuple[int | None, int | None], kind: str = "", noisy: bool = False
    ) -> None:
        rng, world = self.rng, self.world
        email = name = phone = None
        if "email" in means:
            email = world.address(member) if noisy else member.email
        if "phone" in means:
            phone = member.odd_phone if noisy and rng.random() < 0.3 else member.phone
            if rng.random() < 0.2:
                phone = rng.choice(("{} ext", "({})", "+{}", "-{}-")).format(phone)
        if "name" in means:
            name = world.spelled(member.name)
        if means == "bot name":
            name = rng.choice((*BOT_NAMES, f"{member.name}'s Notetaker", f"{member.name} (tl;dv)"))
            email = world.address(member) if rng.random() < 0.5 else None
        if means == "other":  # another address or number than the booking has, or another's
            other = rng.choice(world.cast)
            email = rng.choice((rng.choice(STRANGERS), world.address(other)))
            phone, name = rng.choice((None, member.phone)), world.spelled(rng.choice((member.name, other.name)))
        if noisy and rng.random() < 0.1:
            name = rng.choice((*NOBODY_NAMES, *BOT_NAMES))
        if not kind:
            kind = rng.choice(("person",) * 12 + ("check_in", "lobby", "bot")) if noisy else "person"
            if not noisy and rng.random() < 0.08:
                kind = "check_in"
        participant = f"account-{member.number}" if rng.random() < 0.15 else None
        self.record(email, name, phone, times, kind, noisy, participant)

    def record(
        self,
        email: str | None,
        name: str | None,
        phone: str | None,
        times: tuple[int | None, int | None],
        kind: str,
        noisy: bool = True,
        participant: str | None = None,
    ) -> None:
        rng, world = self.rng, self.world
        uid, key = self.place(noisy)
        joined, left = times
        if kind == "check_in" and rng.random() < 0.4:
            joined = rng.choice((self.start, self.end, *self.window)) + rng.choice((0, 0, MICROSECOND, -MICROSECOND))
        if participant is None and rng.random() < 0.06:
            participant = rng.choice(("shared", f"{self.uid}-1", f"{self.uid}-2", "", " "))
        record = {
            "source": self.scene.some_source(rng),
            "participant": padded(rng, participant),
            "kind": padded(rng, kind, 0.02),
            "booking_uid": padded(rng, uid),
            "conference_key": padded(rng, key),
            "email": email if email is not None else rng.choice((None, None, None, "", "\t", "no-address")),
            "name": padded(rng, name),
            "phone": phone if phone is not None else rng.choice((None, None, None, "", " ", "12345")),
            "joined_at": text_of(rng, joined),
            "left_at": text_of(rng, left),
        }
        world.attendance.append(record)
        if rng.random() < 0.03:
            world.attendance.append(dict(record))

    def place(self, noisy: bool) -> tuple[str | None, str | None]:
        """What the row knows of the meeting: uid and conference key."""
        rng = self.rng
        known = self.key if self.key and self.key.strip() else None
        kind = rng.random()
        if not noisy or kind < 0.6:
            if known is None or rng.random() < 0.5:
                return self.uid, rng.choice((None, None, "", known, "wrong-key"))
            return rng.choice((None, None, "")), known
        if kind < 0.68:
            return rng.choice(("no-such-booking", rng.choice(self.world.uids), self.uid.swapcase())), known
        if kind < 0.76:
            return None, rng.choice(("wrong-key", "room-0", self.uid, known.swapcase() if known else "x"))
        if kind < 0.8:
            return self.uid, rng.choice(("room-0", "room-1"))
        return rng.choice((None, "", "\n")), rng.choice((None, "", "\v"))

    # When

    def at_length(self) -> tuple[int | None, int | None]:
        """About the whole meeting."""
        rng = self.rng
        begin = self.start + rng.choice((0, 0, -2, -5, 1, 3)) * MINUTE + rng.choice((0, 0, 1, 999, 500_000))
        end = self.end + rng.choice((0, 0, 2, -1, 5)) * MINUTE + rng.choice((0, 0, -1, -999, 500_000))
        if rng.random() < 0.1:
            return begin, None
        return begin, max(begin, end)

    def just_enough(self) -> tuple[int | None, int | None]:
        """As long as the host side must have been there, or a microsecond off."""
        core = self.end - self.start
        half = (core + self.rng.choice((0, 1))) // 2
        length = max(min(self.world.host_min_presence, half), self.world.min_presence)
        length += self.rng.choice((0, 0, 0, MICROSECOND, -MICROSECOND))
        begin = self.rng.choice((self.start, self.end - length))
        return begin, begin + length

    def too_short(self) -> tuple[int | None, int | None]:
        """In the core, for less than `min_presence`."""
        length = min(self.world.min_presence, max(self.end - self.start, 1))
        begin = self.start + self.rng.randrange(max(1, (self.end - self.start) // 2))
        return begin, begin + self.rng.choice((length - 1, length // 2 + 1, length // 10 + 1))

    def any_time(self) -> tuple[int | None, int | None]:
        rng, world = self.rng, self.world
        nudge = rng.choice((0, 0, MICROSECOND, -MICROSECOND, MILLISECOND, -MILLISECOND, 999, -999))
        bounds = (*self.window, self.start, self.end)
        bound = rng.choice(bounds)
        other = rng.choice(bounds)
        half = (self.end - self.start) // 2
        needed = rng.choice((world.min_presence, world.host_min_presence, half, half + 1, world.open_limit))
        inside = rng.randrange(self.window[0], self.window[1] + 1)
        kind = rng.randrange(20)
        if kind < 4:
            return self.at_length()
        if kind < 6:
            return bound + nudge, max(bound, other)
        if kind == 6:  # only just, or just not
            return bound + nudge, bound + nudge + rng.choice((0, 1, MINUTE, HOUR))
        if kind == 7:
            return bound + nudge - rng.choice((0, 1, MINUTE, HOUR)), bound + nudge
        if kind < 10:  # as long as somebody must have been there, to the microsecond
            begin = rng.choice((self.start, self.window[0], inside))
            return begin, begin + max(0, needed + nudge)
        if kind == 10:
            return inside, inside - rng.choice((1, SECOND, HOUR, 2 * DAY))
        if kind == 11:
            return None, rng.choice((inside, bound + nudge))
        if kind == 12:
            return rng.choice(((None, None), (inside, inside), (bound + nudge, None)))
        if kind == 13:
            return rng.choice((inside, self.start, self.window[0] + nudge, bound - 2 * HOUR)), None
        if kind == 14:
            return bound - needed + nudge, None if rng.random() < 0.5 else bound
        if kind == 15:
            return bound - rng.choice((DAY, 2 * DAY, 3 * DAY)), rng.choice((inside, bound + nudge, bound + 3 * DAY))
        if kind == 16:
            if rng.random() < 0.2:
                return bound - 800 * DAY, bound + 800 * DAY
            return rng.choice((inside, self.start)), world.as_of + rng.choice((0, MICROSECOND, -MICROSECOND))
        if kind == 17:
            return world.as_of + nudge, rng.choice((None, world.as_of, world.as_of + HOUR))
        if kind == 18:
            return inside, min(inside + rng.randrange(1, HOUR), self.window[1])
        return self.end + rng.choice((HOUR, DAY)), self.end + rng.choice((2 * HOUR, 2 * DAY))


def random_world(seed: int | str, bookings: int = 200) -> Tables:
    """Bookings, people, attendance and policy; the same for the same seed."""
    world = World(seed, bookings)
    return world.bookings, world.people, world.attendance, world.policy


def random_tables(
    seed: int | str, bookings: int = 200
) -> tuple[tuple[list[Record], list[Record], list[Record]], Record]:
    """The tables of `random_world`, apart from its policy."""
    world = random_world(seed, bookings)
    return world[:3], world[3]
