"""The attendance rules in plain Python, written from the rules' page alone: the oracle for the SQL, and its yardstick.

Each part names the section of the page that it holds. Instants and durations are whole microseconds inside. Nothing
here is clever; rows are indexed by what they can be found by, and sorted by time, only so that a large input ends.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Generic, TypeVar

Record = dict[str, Any]

KINDS = ("person", "bot", "lobby", "check_in")
ROLES = ("attendee", "host")
DEFAULT_BOT_NAMES = (
    "otter.ai",
    "otterpilot",
    "fireflies.ai",
    "read.ai",
    "fathom.video",
    "notetaker",
    "meeting notes",
    "tl;dv",
    "sembly",
    "avoma",
)

# --- Instants and durations ---------------------------------------------------------------------------------------

EPOCH = datetime(1970, 1, 1)
INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z")


def instant(text: str | None) -> int | None:
    """Microseconds since 1970 of an ISO 8601 text in UTC; null stays null."""
    if text is None:
        return None
    match = INSTANT.fullmatch(text)
    if match is None:
        raise ValueError(f"not an instant in UTC: {text!r}")
    since = datetime.fromisoformat(match[1]) - EPOCH
    return (since.days * 86400 + since.seconds) * 1_000_000 + int((match[2] or "").ljust(6, "0"))


def known_instant(text: str | None) -> int:
    """The same, where null is not allowed."""
    value = instant(text)
    if value is None:
        raise ValueError("an instant is missing")
    return value


def instant_text(value: int | None, digits: int = 3) -> str | None:
    """ISO 8601 in UTC, the fraction cut (not rounded) to that many digits."""
    if value is None:
        return None
    seconds, micros = divmod(value, 1_000_000)
    return f"{(EPOCH + timedelta(seconds=seconds)).isoformat()}.{micros:06d}"[: 20 + digits] + "Z"


def duration(seconds: float) -> int:
    """Whole microseconds of that many seconds."""
    return round(Decimal(str(seconds)) * 1_000_000)


# --- Section 2, Text ----------------------------------------------------------------------------------------------

WHITE_SPACE = " \t\n\r\v\f\u00a0"
SEPARATORS = '.,;:_-–—/\\|()[]{}<>"*+&@#!?=~•·'  # noqa: RUF001
QUOTES = "'’‘´`"  # noqa: RUF001
OTHER_LETTERS = {"ø": "o", "ł": "l", "đ": "d", "ı": "i"}  # noqa: RUF001
COMPANY = ("and", "und", "et", "with", "mit", "team", "family")
TAIL = 8


def clean(text: str | None) -> str | None:
    """Without white space at both ends; null if nothing is left."""
    if text is None:
        return None
    return text.strip(WHITE_SPACE) or None


def lower(text: str) -> str:
    """Unicode's simple mapping: a character for a character, wherever it stands. `str.lower` does more in two cases."""
    if text.isascii():
        return text.lower()
    return "".join("i" if character == "\u0130" else character.lower() for character in text)


def clean_lower(text: str | None) -> str | None:
    """Cleaned and lower-cased."""
    cleaned = clean(text)
    return None if cleaned is None else lower(cleaned)


def folded(character: str) -> str:
    """One character of a name in lower case, without what is put on, over or under it."""
    if "\u00c0" <= character <= "\u024f" or "\u1e00" <= character <= "\u1eff":
        first = unicodedata.normalize("NFD", character)[0]
        if first.isascii() and first.isalpha():
            return first
    if "\u0300" <= character <= "\u036f":
        return ""
    return OTHER_LETTERS.get(character, character)


def name_key(text: str | None) -> str | None:
    """The words of a name, parted by single spaces."""
    if text is None:
        return None
    key = "".join(map(folded, lower(text)))
    key = "".join(" " if character in SEPARATORS or character in WHITE_SPACE else character for character in key)
    key = re.sub(r"['’]s(?= |\Z)", "", key)  # noqa: RUF001
    key = "".join(character for character in key if character not in QUOTES)
    return re.sub(" +", " ", key).strip(" ") or None


def words(key: str | None) -> list[str]:
    """The words of a `name_key`."""
    return [] if key is None else key.split(" ")


def turned(key: str | None) -> str | None:
    """The second word first, of a `name_key` of exactly two words; null for others."""
    return " ".join(reversed(words(key))) if len(words(key)) == 2 else None


def holds(key: str | None, other: str | None) -> bool:
    """Return whether the other's words stand in the key side by side and in their order."""
    return key is not None and other is not None and f" {other} " in f" {key} "


def shows_company(name: str | None) -> bool:
    """Return whether more people may be there than the name says."""
    if name is None:
        return False
    key = name_key(name)
    return "+" in name or "&" in name or any(holds(key, word) for word in COMPANY)


def phone_key(text: str | None) -> str | None:
    """Its ASCII digits; null if there are fewer than seven of them, or if a part of the number is hidden."""
    if text is None or "*" in text:
        return None
    digits = "".join(character for character in text if character in "0123456789")
    return digits if len(digits) >= 7 else None


def phone_tail(key: str | None) -> str | None:
    """The digits that a number has in common with its other spellings."""
    return None if key is None else key[-TAIL:]


Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


def remembered(function: Callable[[str | None], Value]) -> Callable[[str | None], Value]:
    """The same function, which works each text out once."""
    known: dict[str | None, Value] = {}

    def look_up(text: str | None) -> Value:
        if text not in known:
            known[text] = function(text)
        return known[text]

    return look_up


# --- Section 2, Policy --------------------------------------------------------------------------------------------


class Policy:
    """The policy with its defaults, and the keys that depend on it."""

    def __init__(
        self,
        *,
        as_of: str,
        attendance_until: str | Mapping[str, str] | None = None,
        early_join: float = 900,
        overrun: float = 900,
        min_presence: float = 1,
        open_limit: float = 14400,
        settle: float = 7200,
        internal_domains: Iterable[str] = (),
        internal_emails: Iterable[str] = (),
        trust_internal_accounts: bool = False,
        moved_within: float = 43200,
        require_host_present: bool = True,
        host_min_presence: float = 300,
        assume_held: bool = False,
        traces_are_doubt: bool = True,
        judge_hosts: bool = False,
        aliases: Mapping[str, str] | None = None,
        fold_plus_tags: bool = False,
        fold_gmail_dots: bool = False,
        bot_names: Iterable[str] = DEFAULT_BOT_NAMES,
    ) -> None:
        self.as_of = known_instant(as_of)
        self.attendance_until: int | None = None
        self.source_ends: dict[str | None, int] = {}
        if isinstance(attendance_until, Mapping):
            self.source_ends = ends_by_source(attendance_until)
        else:
            self.attendance_until = instant(attendance_until)
        self.early_join = duration(early_join)
        self.overrun = duration(overrun)
        self.min_presence = duration(min_presence)
        if self.min_presence <= 0:
            raise ValueError("min_presence must be more than 0")
        self.open_limit = duration(open_limit)
        self.settle = duration(settle)
        self.trust_internal_accounts = trust_internal_accounts
        self.moved_within = duration(moved_within)
        self.host_min_presence = duration(host_min_presence)
        self.require_host_present = require_host_present
        self.assume_held = assume_held
        self.traces_are_doubt = traces_are_doubt
        self.judge_hosts = judge_hosts
        self.fold_plus_tags = fold_plus_tags
        self.fold_gmail_dots = fold_gmail_dots
        self.aliases = {clean_lower(key): clean_lower(value) for key, value in (aliases or {}).items()}
        self.bot_names = {key for key in map(name_key, bot_names) if key is not None}
        self.email_key = remembered(self._email_key)
        self.internal_emails = {self.email_key(email) for email in internal_emails} - {None}
        self.internal_domains = {domain for domain in map(clean_lower, internal_domains) if domain is not None}
        self.is_internal_key = remembered(self._is_internal_key)
        self.is_bot_name = remembered(self._is_bot_name)
        self.name_key = remembered(name_key)
        self.shows_company = remembered(shows_company)
        self.phone_key = remembered(phone_key)

    def _email_key(self, text: str | None) -> str | None:
        key = clean_lower(text)
        if key is None or "@" not in key:
            return None
        key = self.aliases.get(key, key)
        if key is None or "@" not in key:
            return key
        local, _, domain = key.rpartition("@")
        if self.fold_plus_tags:
            local = local.split("+")[0] or local
        if self.fold_gmail_dots and domain in ("gmail.com", "googlemail.com"):
            local, domain = local.replace(".", ""), "gmail.com"
        return f"{local}@{domain}"

    def _is_internal_key(self, key: str | None) -> bool:
        if key is None:
            return False
        domain = key.rpartition("@")[2]
        return key in self.internal_emails or any(
            domain == internal or domain.endswith("." + internal) for internal in self.internal_domains
        )

    def _is_bot_name(self, text: str | None) -> bool:
        return any(holds(name_key(text), bot_name) for bot_name in self.bot_names)


def ends_by_source(until: Mapping[str, str]) -> dict[str | None, int]:
    """The ends that the policy names, by cleaned source."""
    ends: dict[str | None, int] = {}
    for name, moment in until.items():
        source = clean(name)
        if source is None or source in ends:
            raise ValueError(f"attendance_until has a source without a name, or one twice: {name!r}")
        ends[source] = known_instant(moment)
    return ends


# --- Section 1, Input tables --------------------------------------------------------------------------------------


@dataclass(eq=False, slots=True)
class Person:
    """One row of `people`."""

    booking_uid: str | None
    role: str
    email: str | None
    clean_email: str | None
    email_key: str | None
    match_key: str | None
    name_key: str | None
    phone_key: str | None
    internal: bool
    absent: bool

    @property
    def email_keys(self) -> set[str]:
        return {key for key in (self.email_key, self.match_key) if key is not None}

    @property
    def phone_tail(self) -> str | None:
        return phone_tail(self.phone_key)

    @property
    def identity(self) -> Hashable:
        """Section 4, c: rows with one address to match are one person; without one each row is its own."""
        return id(self) if self.match_key is None else self.match_key

    @property
    def end_words(self) -> list[str]:
        """The first and the last word of the name."""
        found = words(self.name_key)
        return [found[0], found[-1]] if found else []


@dataclass(eq=False, slots=True)
class Row:
    """One row of `attendance`, with the time that it lasts and the kind and address that it counts with."""

    kind: str
    source: str | None
    participant: str | None
    booking_uid: str | None
    conference_key: str | None
    email_key: str | None
    phone_key: str | None
    name_key: str | None
    bot_name: bool
    company: bool
    begin: int
    end: int
    open: bool

    @property
    def phone_tail(self) -> str | None:
        return phone_tail(self.phone_key)

    @property
    def joiner(self) -> tuple[str, str] | None:
        """The participant, where the feed knows one."""
        return None if self.source is None or self.participant is None else (self.source, self.participant)

    def has_address_or_number_of(self, person: Person) -> bool:
        """By its e-mail keys or its phone tail."""
        return self.email_key in person.email_keys or (
            self.phone_tail is not None and self.phone_tail == person.phone_tail
        )

    def bears_name_of(self, person: Person) -> bool:
        """Section 5."""
        if self.name_key is None or person.name_key is None:
            return False
        if self.name_key in (person.name_key, turned(person.name_key)):
            return True
        own, persons = words(self.name_key), words(person.name_key)
        return len(persons) == 2 and not self.bot_name and persons in (own[:2], own[-2:])


@dataclass(eq=False, slots=True)
class Booking:
    """One row of `bookings` with its people, its window and its core."""

    uid: str | None
    status: str | None
    rescheduled: bool
    conference_key: str | None
    start: int
    end: int
    window_start: int
    window_end: int
    people: list[Person] = field(default_factory=list)
    calendar: Calendar | None = None

    @property
    def attendees(self) -> list[Person]:
        return [person for person in self.people if person.role == "attendee"]

    @property
    def hosts(self) -> list[Person]:
        return [person for person in self.people if person.role == "host"]

    @property
    def stands(self) -> bool:
        """Accepted and not rescheduled."""
        return self.status == "accepted" and not self.rescheduled

    def touches(self, row: Row) -> bool:
        """Section 3: the row begins at or before the window's end and ends at or after its beginning."""
        return row.begin <= self.window_end and row.end >= self.window_start

    def has_row_of_its_meeting(self, row: Row) -> bool:
        """Section 3."""
        if not self.touches(row):
            return False
        if row.booking_uid is not None:
            return row.booking_uid == self.uid
        return row.conference_key is not None and row.conference_key == self.conference_key

    def has_someone_with(self, email_keys: set[str]) -> bool:
        """Return whether a row of its people has one of the addresses."""
        return any(person.email_keys & email_keys for person in self.people)

    def has_someone_named(self, key: str | None) -> bool:
        """Return whether a row of its people has the name or its turned form."""
        return any(person.name_key is not None and person.name_key in (key, turned(key)) for person in self.people)


def load_bookings(bookings: list[Record], people: list[Record], policy: Policy) -> list[Booking]:
    """The bookings with their people; people of a booking that is not there are nobody's concern."""
    loaded: dict[str | None, Booking] = {}
    for record in bookings:
        uid = clean(record["booking_uid"])
        if uid in loaded:
            raise ValueError(f"two bookings have the uid {uid!r}")
        start, end = known_instant(record["start_at"]), known_instant(record["end_at"])
        loaded[uid] = Booking(
            uid=uid,
            status=clean(record["status"]),
            rescheduled=clean(record["rescheduled_to_uid"]) is not None,
            conference_key=clean(record["conference_key"]),
            start=start,
            end=end,
            window_start=start - policy.early_join,
            window_end=end + policy.overrun,
        )
    for record in people:
        role = clean(record["role"])
        if role not in ROLES:
            raise ValueError(f"not a role: {record['role']!r}")
        email = record["email"]
        email_key, match_key = policy.email_key(email), policy.email_key(record["match_email"])
        person = Person(
            booking_uid=clean(record["booking_uid"]),
            role=role,
            email=email,
            clean_email=clean(email),
            email_key=email_key,
            match_key=match_key,
            name_key=policy.name_key(record["name"]),
            phone_key=policy.phone_key(record["phone"]),
            internal=policy.is_internal_key(email_key) or policy.is_internal_key(match_key),
            absent=bool(record["absent"]),
        )
        if person.booking_uid in loaded:
            loaded[person.booking_uid].people.append(person)
    calendar = Calendar(list(loaded.values()))
    for booking in loaded.values():
        booking.calendar = calendar
    return list(loaded.values())


def load_attendance(attendance: list[Record], policy: Policy) -> tuple[list[Row], dict[str | None, int | None]]:
    """The rows that have a time, and the end of each source that has rows or is named (null: it has none)."""
    rows: list[Row] = []
    ends: dict[str | None, int | None] = {}
    for record in attendance:
        kind = clean(record["kind"])
        if kind not in KINDS:
            raise ValueError(f"not a kind of attendance: {record['kind']!r}")
        joined, left = instant(record["joined_at"]), instant(record["left_at"])
        if joined is None:
            joined = left
        if joined is None:
            continue
        source = clean(record.get("source"))
        moments = [joined] if kind == "check_in" or left is None else [joined, left]
        known = [moment for moment in [*moments, ends.get(source)] if moment is not None and moment <= policy.as_of]
        ends[source] = max(known, default=None)
        kind, begin, end = how_it_lasts(kind, joined, left, policy)
        name = clean(record["name"])
        rows.append(
            Row(
                kind=kind,
                source=source,
                participant=clean(record.get("participant")),
                booking_uid=clean(record["booking_uid"]),
                conference_key=clean(record["conference_key"]),
                email_key=policy.email_key(record["email"]),
                phone_key=policy.phone_key(record["phone"]),
                name_key=policy.name_key(name),
                bot_name=policy.is_bot_name(name),
                company=policy.shows_company(name),
                begin=begin,
                end=end,
                open=left is None,
            )
        )
    take_addresses_of_participants(rows)
    return rows, ends | policy.source_ends


def how_it_lasts(kind: str, joined: int, left: int | None, policy: Policy) -> tuple[str, int, int]:
    """Section 3: the kind that a row counts as, its beginning and its end."""
    if kind == "check_in":
        return kind, joined, joined
    if left is None:
        return kind, joined, max(joined, min(policy.as_of, joined + policy.open_limit))
    if left < joined:
        return "bot" if kind == "bot" else "lobby", left, joined
    return kind, joined, left


def take_addresses_of_participants(rows: list[Row]) -> None:
    """Section 3: a row without an address takes the one that its participant has elsewhere, if there is but one."""
    addresses: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        if row.kind != "bot" and row.joiner is not None and row.email_key is not None:
            addresses[row.joiner].add(row.email_key)
    for row in rows:
        if row.kind != "bot" and row.joiner is not None and row.email_key is None:
            found = addresses.get(row.joiner, set())
            if len(found) == 1:
                (row.email_key,) = found


# --- Finding rows and bookings ------------------------------------------------------------------------------------


class Timeline(Generic[Value]):
    """Things in the order of their beginning, so that those that touch a time are found without reading them all."""

    def __init__(self, things: list[tuple[int, int, Value]]) -> None:
        self.things = sorted(things, key=lambda thing: thing[:2])
        self.begins = [begin for begin, _, _ in self.things]
        self.latest_ends: list[int] = []  # the latest end among the things up to this one: it never falls
        for _, end, _ in self.things:
            self.latest_ends.append(max(end, self.latest_ends[-1]) if self.latest_ends else end)

    def touching(self, start: int, end: int) -> Iterator[Value]:
        """Those that begin at or before the end and end at or after the start."""
        for _, last, thing in self.things[bisect_left(self.latest_ends, start) : bisect_right(self.begins, end)]:
            if last >= start:
                yield thing


def timelines(things: Iterable[tuple[Key | None, int, int, Value]]) -> dict[Key, Timeline[Value]]:
    """A timeline for each key that is not null."""
    groups: dict[Key, list[tuple[int, int, Value]]] = defaultdict(list)
    for key, begin, end, thing in things:
        if key is not None:
            groups[key].append((begin, end, thing))
    return {key: Timeline(group) for key, group in groups.items()}


def at_key(index: dict[Key, Timeline[Value]], key: Key | None, start: int, end: int) -> Iterator[Value]:
    """Those under the key that touch the time; none under null."""
    if key is None or key not in index:
        return iter(())
    return index[key].touching(start, end)


def names_to_find(key: str | None) -> set[str | None]:
    """The `name_key`s of all persons whose name a row of this `name_key` may bear."""
    found = words(key)
    return {key, turned(key), " ".join(found[:2]), " ".join(found[-2:])} - {None, ""}


class Feed:
    """All rows, by each thing that they can be found by."""

    def __init__(self, rows: list[Row]) -> None:
        self.by_uid = timelines((row.booking_uid, row.begin, row.end, row) for row in rows)
        self.by_conference = timelines(
            (row.conference_key, row.begin, row.end, row) for row in rows if row.booking_uid is None
        )
        self.by_email = timelines((row.email_key, row.begin, row.end, row) for row in rows)
        self.by_phone_tail = timelines((row.phone_tail, row.begin, row.end, row) for row in rows)
        self.by_name = timelines(
            (name, row.begin, row.end, row) for row in rows for name in names_to_find(row.name_key)
        )


class Calendar:
    """All bookings, by what they can be found by, and the addresses in them."""

    def __init__(self, bookings: list[Booking]) -> None:
        self.by_uid = {booking.uid: booking for booking in bookings}
        self.by_conference = timelines(
            (booking.conference_key, booking.window_start, booking.window_end, booking) for booking in bookings
        )
        people = [person for booking in bookings for person in booking.people]
        self.email_keys = {key for person in people for key in person.email_keys}
        self.host_email_keys = {key for person in people if person.role == "host" for key in person.email_keys}

    def with_key_and_touched(self, conference_key: str | None, row: Row) -> Iterator[Booking]:
        """Bookings with this conference key whose window the row touches."""
        return at_key(self.by_conference, conference_key, row.begin, row.end)

    def with_row_of_their_meeting(self, row: Row) -> list[Booking]:
        """Bookings of whose meeting the row is."""
        if row.booking_uid is None:
            found = list(self.with_key_and_touched(row.conference_key, row))
        else:
            found = [self.by_uid[row.booking_uid]] if row.booking_uid in self.by_uid else []
        return [booking for booking in found if booking.has_row_of_its_meeting(row)]


# --- One booking --------------------------------------------------------------------------------------------------


def union_length(rows: Iterable[Row], start: int, end: int) -> int:
    """The length of the union of the rows, each clipped to [start, end]."""
    total, reached = 0, start
    for row in sorted(rows, key=lambda row: row.begin):
        begin, finish = max(row.begin, reached), min(row.end, end)
        if finish > begin:
            total += finish - begin
            reached = finish
    return total


@dataclass(eq=False, slots=True)
class Owner:
    """Return the person of a row within one booking.

    `clause` is that of the page that fits, a to g. `how` is `email`, `phone` or `name` of `people`, or `internal`,
    `machine` or `unknown`.
    """

    clause: str
    how: str
    people: list[Person] = field(default_factory=list)

    def is_of(self, person: Person) -> bool:
        return any(someone is person for someone in self.people)

    def has_role(self, role: str) -> bool:
        return any(person.role == role for person in self.people)


MEANS = ("email", "phone", "name")
NOT_A_BOT = ("person", "lobby", "check_in")


class Case:
    """One booking that rules 1 to 3 do not exclude, with every row that may matter to it."""

    def __init__(self, booking: Booking, feed: Feed, policy: Policy) -> None:
        assert booking.calendar is not None
        self.booking, self.feed, self.policy, self.calendar = booking, feed, policy, booking.calendar
        self.by_email_key: dict[str, list[Person]] = defaultdict(list)
        self.by_phone_key: dict[str, list[Person]] = defaultdict(list)
        for person in booking.people:
            for key in person.email_keys:
                self.by_email_key[key].append(person)
            if person.phone_key is not None:
                self.by_phone_key[person.phone_key].append(person)
        self.unambiguous_names = self.persons_of_unambiguous_names()
        self.meeting = self.with_rows_of_known_participants(
            [(row, self.first_owner(row, of_the_meeting=True)) for row in self.rows_of_the_meeting()]
        )
        self.loose = [(row, self.first_owner(row, of_the_meeting=False)) for row in self.loose_rows_of_its_people()]
        self.counted: dict[Person, list[tuple[Row, str]]] = defaultdict(list)
        for row, owner in self.meeting + self.loose:
            if row.kind in ("person", "check_in"):
                for person in owner.people:
                    self.counted[person].append((row, owner.how))

    # Section 3

    def in_window(self, index: dict[Key, Timeline[Row]], key: Key | None) -> Iterator[Row]:
        return at_key(index, key, self.booking.window_start, self.booking.window_end)

    def rows_of_the_meeting(self) -> list[Row]:
        rows = [*self.in_window(self.feed.by_uid, self.booking.uid)]
        rows += self.in_window(self.feed.by_conference, self.booking.conference_key)
        return [row for row in rows if self.booking.has_row_of_its_meeting(row)]

    def loose_rows_of_its_people(self) -> list[Row]:
        """Loose rows that fit nobody by a or b decide nothing, so that only the others are looked for."""
        found: dict[int, Row] = {}
        candidates = [row for key in self.by_email_key for row in self.in_window(self.feed.by_email, key)]
        candidates += [
            row for key in self.by_phone_key for row in self.in_window(self.feed.by_phone_tail, phone_tail(key))
        ]
        for row in candidates:
            if row.booking_uid is None and None in (row.conference_key, self.booking.conference_key):
                found[id(row)] = row
        return list(found.values())

    # Section 4

    def persons_of_unambiguous_names(self) -> dict[str, Hashable]:
        """The one person of each unambiguous name; none if a row of `people` has no name."""
        persons: dict[str, set[Hashable]] = defaultdict(set)
        for person in self.booking.people:
            if person.name_key is None:
                return {}
            persons[person.name_key].add(person.identity)
        return {
            name: next(iter(owners))
            for name, owners in persons.items()
            if len(words(name)) >= 2 and len(owners) == 1 and persons.get(turned(name) or "", owners) == owners
        }

    def people_of_a_name(self, row: Row) -> list[Person]:
        """Clause c."""
        if row.bot_name or row.name_key is None:
            return []
        unambiguous = self.unambiguous_names
        if row.name_key in unambiguous:
            named = {unambiguous[row.name_key]}
        elif turned(row.name_key) in unambiguous:
            named = {unambiguous[turned(row.name_key) or ""]}
        else:
            named = {person for name, person in unambiguous.items() if holds(row.name_key, name)}
            if any(person.role == "host" and person.identity in named for person in self.booking.people):
                return []
        return [person for person in self.booking.people if person.identity in named]

    def first_owner(self, row: Row, *, of_the_meeting: bool) -> Owner:
        """The first of a to e that fits; g otherwise."""
        if row.kind == "bot":
            return Owner("e", "machine")
        if row.email_key in self.by_email_key:
            return Owner("a", "email", self.by_email_key[row.email_key])
        if row.phone_key in self.by_phone_key:
            return Owner("b", "phone", self.by_phone_key[row.phone_key])
        by_name = self.people_of_a_name(row) if of_the_meeting else []
        if by_name:
            return Owner("c", "name", by_name)
        if self.policy.is_internal_key(row.email_key):
            return Owner("d", "internal")
        if row.bot_name:
            return Owner("e", "machine")
        return Owner("g", "unknown")

    @staticmethod
    def with_rows_of_known_participants(meeting: list[tuple[Row, Owner]]) -> list[tuple[Row, Owner]]:
        """Clause f, of rows that nothing else identifies."""
        known: dict[tuple[str, str], list[Owner]] = defaultdict(list)
        for row, owner in meeting:
            if row.joiner is not None and owner.clause in "abc":
                known[row.joiner].append(owner)

        def of_its_participant(row: Row, owner: Owner) -> Owner:
            others = known.get(row.joiner, []) if row.joiner is not None else []
            if owner.clause != "g" or not others:
                return owner
            how = min((other.how for other in others), key=MEANS.index)
            people = {id(person): person for other in others if other.how == how for person in other.people}
            return Owner("f", how, list(people.values()))

        return [(row, of_its_participant(row, owner)) for row, owner in meeting]

    def is_second_of_a_name(self, row: Row, owner: Owner) -> bool:
        return owner.clause == "c" and any(
            other is not row
            and other.kind not in ("lobby", "bot")
            and any(owner.is_of(person) for person in others.people)
            and min(row.end, other.end) - max(row.begin, other.begin) > 60 * 1_000_000
            and not (row.email_key is not None and row.email_key == other.email_key)
            and not (row.joiner is not None and row.joiner == other.joiner)
            and not (row.begin == other.begin and row.end == other.end)
            for other, others in self.meeting
        )

    # Section 5

    def presence(self, person: Person) -> tuple[int, int | None, int | None]:
        """How long, from when and until when, within the window."""
        start, end = self.booking.window_start, self.booking.window_end
        rows = [row for row, _ in self.counted[person]]
        if not rows:
            return 0, None, None
        length = union_length(rows, start, end)
        if any(row.kind == "check_in" for row in rows):
            length = max(length, self.policy.min_presence)
        return length, max(start, min(row.begin for row in rows)), min(end, max(row.end for row in rows))

    def came(self, person: Person) -> bool:
        return self.presence(person)[0] >= self.policy.min_presence

    def left_a_trace(self, person: Person) -> bool:
        touching = [row for key in person.email_keys for row in self.in_window(self.feed.by_email, key)]
        touching += self.in_window(self.feed.by_phone_tail, person.phone_tail)
        bearing_the_uid = (
            [row for _, _, row in self.feed.by_uid[self.booking.uid].things]
            if (self.booking.uid in self.feed.by_uid)
            else []
        )
        return (
            any(row.kind != "bot" for row in touching)  # (i)
            or any(  # (ii)
                row.kind != "bot" and (owner.is_of(person) or row.bears_name_of(person)) for row, owner in self.meeting
            )
            or any(  # (iii)
                row.kind != "bot" and (row.has_address_or_number_of(person) or row.bears_name_of(person))
                for row in bearing_the_uid
            )
        )

    def evidence(self) -> list[tuple[Row, Owner]]:
        """The rows that the host side and rule 9 go by, before what each needs of them."""
        return [
            (row, owner)
            for row, owner in self.meeting
            if row.kind in ("person", "check_in")
            and not row.bot_name
            and not (row.open and row.begin < self.booking.window_start)
        ]

    def is_of_the_host_side(self, row: Row, owner: Owner) -> bool:
        if owner.has_role("host"):
            return True
        return self.policy.is_internal_key(row.email_key) and not (owner.clause in "cf" and owner.has_role("attendee"))

    def host_side_came(self) -> bool:
        start, end = self.booking.start, self.booking.end
        rows = [row for row, owner in self.evidence() if self.is_of_the_host_side(row, owner)]
        if any(row.kind == "check_in" and start <= row.begin <= end for row in rows):
            return True
        # Doubled, as half of the core may be half a microsecond.
        needed = max(min(2 * self.policy.host_min_presence, end - start), 2 * self.policy.min_presence)
        return 2 * union_length(rows, start, end) >= needed

    def took_place(self) -> bool:
        """The opposite of rule 9."""
        start, end = self.booking.start, self.booking.end
        return any(
            start <= row.begin <= end if row.kind == "check_in" else min(row.end, end) > max(row.begin, start)
            for row, owner in self.evidence()
            if owner.how != "machine"
        )

    # Section 6

    def is_internal_or_host(self, person: Person) -> bool:
        """Rule 4."""
        return person.internal or any(person.email_keys & host.email_keys for host in self.booking.hosts)

    def is_duplicate(self, person: Person) -> bool:
        """Rule 5."""

        def identity(someone: Person) -> tuple[str, str | None]:
            if someone.email_key is not None:
                return "key", someone.email_key
            return "text", clean_lower(someone.clean_email)

        return any(other is not person and identity(other) == identity(person) for other in self.booking.attendees)

    def complete_until(self, ends: dict[str | None, int | None]) -> int | None:
        """Section 2, `attendance_until`: up to when the feed is complete for this booking; null if not at all."""
        as_of = self.policy.as_of
        if self.policy.attendance_until is not None:
            return min(self.policy.attendance_until, as_of)
        sources = {row.source for row, _ in self.meeting} | set(self.policy.source_ends) if self.meeting else set(ends)
        known = [end for source in sources if (end := ends[source]) is not None]
        if not known or len(known) < len(sources):
            return None
        return min(*known, as_of)

    def is_feed_complete(self, ends: dict[str | None, int | None]) -> bool:
        """The opposite of rule 8."""
        until = self.complete_until(ends)
        return until is not None and until >= self.booking.end + max(self.policy.overrun, self.policy.settle)

    def is_known_internal(self, row: Row) -> bool:
        """Section 2, of a row with an internal address."""
        return (
            self.policy.trust_internal_accounts
            or row.email_key in self.policy.internal_emails
            or row.email_key in self.calendar.host_email_keys
        )

    def someone_unknown(self) -> bool:
        """Rule 11."""
        return any(
            owner.how == "unknown"
            or (owner.how == "internal" and not row.bot_name and not self.is_known_internal(row))
            or self.is_second_of_a_name(row, owner)
            or (owner.clause in "abcfd" and not row.bot_name and row.company)
            for row, owner in self.meeting
            if row.kind in NOT_A_BOT
        )

    def is_named_with_another(self, person: Person) -> bool:
        """Rule 12."""

        def names_the_person_besides(row: Row, owner: Owner) -> bool:
            return any(
                len(word) >= 2
                and holds(row.name_key, word)
                and not any(holds(someone.name_key, word) for someone in owner.people)
                for word in person.end_words
            )

        def may_be_short_for(row: Row, owner: Owner) -> bool:
            return (
                owner.how == "name"
                and any(someone.identity != person.identity for someone in owner.people)
                and person.name_key is not None
                and all(any(other.startswith(word) for other in words(row.name_key)) for word in person.end_words)
            )

        return any(
            names_the_person_besides(row, owner) or may_be_short_for(row, owner)
            for row, owner in self.meeting
            if row.kind in NOT_A_BOT and owner.clause in "abcf" and not row.bot_name
        )

    def is_name_elsewhere(self, person: Person) -> bool:
        """Rule 13."""
        if len(words(person.name_key)) < 2:
            return False

        def is_explained(row: Row) -> bool:
            return any(
                other is not self.booking
                and other.stands
                and other.has_someone_named(person.name_key)
                and not other.has_someone_with(person.email_keys)
                for other in self.calendar.with_row_of_their_meeting(row)
            )

        return any(
            row.kind in NOT_A_BOT
            and not self.booking.has_row_of_its_meeting(row)
            and row.bears_name_of(person)
            and not row.bot_name
            and not is_explained(row)
            for row in self.in_window(self.feed.by_name, person.name_key)
        )

    def is_seen_at_another_time(self, person: Person) -> bool:
        """Rule 14."""
        booking, moved = self.booking, self.policy.moved_within

        def others(row: Row) -> list[Booking]:
            found = self.calendar.with_key_and_touched(booking.conference_key, row)
            return [other for other in found if other is not booking and other.stands]

        def is_the_person(row: Row) -> bool:
            bears = len(words(person.name_key)) >= 2 and row.bears_name_of(person)
            return (row.has_address_or_number_of(person) or bears) and not any(
                other.has_someone_with(person.email_keys) for other in others(row)
            )

        def may_be_the_person(row: Row) -> bool:
            return (
                any(len(word) >= 2 and holds(row.name_key, word) for word in person.end_words)
                and row.email_key not in self.calendar.email_keys
                and not others(row)
            )

        return any(
            row.kind in NOT_A_BOT
            and not booking.has_row_of_its_meeting(row)
            and not row.bot_name
            and (is_the_person(row) or may_be_the_person(row))
            for row in at_key(
                self.feed.by_conference,
                booking.conference_key,
                booking.window_start - moved,
                booking.window_end + moved,
            )
        )

    def decide_attendee(self, person: Person, ends: dict[str | None, int | None]) -> tuple[str, str]:
        """The first of rules 4 to 15 that fits."""
        policy = self.policy
        if self.is_internal_or_host(person):
            return "excluded", "internal"
        if self.is_duplicate(person):
            return "undetermined", "duplicate_email"
        if self.came(person):
            return "present", self.first_means(person)
        if policy.traces_are_doubt and self.left_a_trace(person):
            return "undetermined", "trace"
        if not self.is_feed_complete(ends):
            return "undetermined", "feed_incomplete"
        if not policy.assume_held and not self.took_place():
            return "undetermined", "no_evidence"
        if not policy.assume_held and policy.require_host_present and not self.host_side_came():
            return "undetermined", "host_not_seen"
        if self.someone_unknown():
            return "undetermined", "unknown_participant"
        if self.is_named_with_another(person):
            return "undetermined", "named_with_another"
        if policy.traces_are_doubt and self.is_name_elsewhere(person):
            return "undetermined", "name_elsewhere"
        if policy.traces_are_doubt and self.is_seen_at_another_time(person):
            return "undetermined", "seen_at_another_time"
        return "absent", "not_seen"

    def first_means(self, person: Person) -> str:
        """Rule 6: `email`, `phone` or `name`, the first of these among the rows that count."""
        return min((how for _, how in self.counted[person]), key=MEANS.index)

    # Section 7

    def decide_hosts(self, ends: dict[str | None, int | None]) -> tuple[str, str]:
        """What holds for every host of the booking."""
        if self.host_side_came():
            return "present", "host_seen"
        if any(self.left_a_trace(host) for host in self.booking.hosts) or any(
            self.policy.is_internal_key(row.email_key) and row.kind != "bot" for row, _ in self.meeting
        ):
            return "undetermined", "trace"
        if not self.is_feed_complete(ends):
            return "undetermined", "feed_incomplete"
        if not self.took_place():
            return "undetermined", "no_evidence"
        if self.someone_unknown():
            return "undetermined", "unknown_participant"
        if any(self.came(person) for person in self.booking.attendees if not self.is_internal_or_host(person)):
            return "absent", "not_seen"
        return "undetermined", "no_guest_seen"


def exclusion(booking: Booking, policy: Policy) -> str | None:
    """Rules 1 to 3: the reason, or null if the booking is judged."""
    if booking.status != "accepted":
        return "not_accepted"
    if booking.rescheduled:
        return "rescheduled"
    if booking.end + policy.settle > policy.as_of:
        return "not_settled"
    return None


# --- The whole ----------------------------------------------------------------------------------------------------


def decide(
    bookings: list[Record], people: list[Record], attendance: list[Record], policy: Record
) -> list[dict[str, Any]]:
    """The decisions, one row a person, sorted."""
    rules = Policy(**policy)
    rows, ends = load_attendance(attendance, rules)
    feed = Feed(rows)
    decisions = []
    for booking in load_bookings(bookings, people, rules):
        judged = [person for person in booking.people if person.role == "attendee" or rules.judge_hosts]
        if not judged:
            continue
        excluded = exclusion(booking, rules)
        case = None if excluded is not None else Case(booking, feed, rules)
        on_hosts = case.decide_hosts(ends) if case is not None and rules.judge_hosts else ("excluded", excluded)
        for person in judged:
            length, first, last = (0, None, None) if case is None else case.presence(person)
            if case is None or person.role == "host":
                outcome, reason = on_hosts
            else:
                outcome, reason = case.decide_attendee(person, ends)
            decisions.append(
                {
                    "booking_uid": booking.uid,
                    "role": person.role,
                    "email": person.email,
                    "outcome": outcome,
                    "reason": reason,
                    "presence_seconds": length / 1_000_000,
                    "first_joined_at": instant_text(first),
                    "last_left_at": instant_text(last),
                    "currently_absent": person.absent,
                }
            )
    decisions.sort(key=lambda decision: [(value is not None, value) for value in decision.values()])
    return decisions


def figures(bookings: list[Record], people: list[Record], attendance: list[Record], policy: Record) -> dict[str, Any]:
    """What the guard rails count, over the bookings that rules 1 to 3 do not exclude.

    `judged_bookings`: how many there are; `matched_rows`: (row, booking) pairs of rows of a meeting that are someone's
    by a to d or f; `known_rows`: those that are not a machine's.
    """
    rules = Policy(**policy)
    rows, _ = load_attendance(attendance, rules)
    feed = Feed(rows)
    judged_bookings = matched_rows = known_rows = 0
    for booking in load_bookings(bookings, people, rules):
        if exclusion(booking, rules) is None:
            judged_bookings += 1
            for _, owner in Case(booking, feed, rules).meeting:
                known_rows += owner.how != "machine"
                matched_rows += owner.clause in "abcdf"
    return {
        "judged_bookings": judged_bookings,
        "matched_rows": matched_rows,
        "known_rows": known_rows,
    }
