"""The attendance rules in plain Python, written from the rules' page alone: the oracle for the SQL, and its yardstick.

Each part names the section of the page that it holds. Instants and durations are whole microseconds inside. Nothing
here is clever; rows are indexed by what they can be found by, and sorted by time, only so that a large input ends.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

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
    """ISO 8601 in UTC, the fraction cut (not rounded) to so many digits."""
    if value is None:
        return None
    seconds, micros = divmod(value, 1_000_000)
    return f"{(EPOCH + timedelta(seconds=seconds)).isoformat()}.{micros:06d}"[: 20 + digits] + "Z"


def duration(seconds: float) -> int:
    """Whole microseconds of so many seconds."""
    return round(Decimal(str(seconds)) * 1_000_000)


# --- Section 2, Text ----------------------------------------------------------------------------------------------

WHITE_SPACE = " \t\n\r\v\f\u00a0"
WHITE_SPACE_RUN = re.compile(f"[{WHITE_SPACE}]+")


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


def name_key(text: str | None) -> str | None:
    """Clean, lower-case, each run of white space one space."""
    lowered = clean_lower(text)
    return None if lowered is None else WHITE_SPACE_RUN.sub(" ", lowered)


def phone_key(text: str | None) -> str | None:
    """Its ASCII digits; null if there are fewer than seven of them, or if a part of the number is hidden."""
    if text is None or "*" in text:
        return None
    digits = "".join(character for character in text if character in "0123456789")
    return digits if len(digits) >= 7 else None


def remembered(function: Callable[[str | None], Any]) -> Callable[[str | None], Any]:
    """The same function, which works each text out once."""
    known: dict[str | None, Any] = {}

    def look_up(text: str | None) -> Any:
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
        attendance_until: str | None = None,
        early_join: float = 900,
        overrun: float = 900,
        min_presence: float = 1,
        open_limit: float = 14400,
        settle: float = 7200,
        internal_domains: Iterable[str] = (),
        internal_emails: Iterable[str] = (),
        require_host_present: bool = True,
        host_min_presence: float = 300,
        assume_held: bool = False,
        traces_are_doubt: bool = True,
        judge_hosts: bool = False,
        aliases: dict[str, str] | None = None,
        fold_plus_tags: bool = False,
        fold_gmail_dots: bool = False,
        bot_names: Iterable[str] = DEFAULT_BOT_NAMES,
    ) -> None:
        self.as_of = known_instant(as_of)
        self.attendance_until = instant(attendance_until)
        self.early_join = duration(early_join)
        self.overrun = duration(overrun)
        self.min_presence = duration(min_presence)
        if self.min_presence <= 0:
            raise ValueError("min_presence must be more than 0")
        self.open_limit = duration(open_limit)
        self.settle = duration(settle)
        self.host_min_presence = duration(host_min_presence)
        self.require_host_present = require_host_present
        self.assume_held = assume_held
        self.traces_are_doubt = traces_are_doubt
        self.judge_hosts = judge_hosts
        self.fold_plus_tags = fold_plus_tags
        self.fold_gmail_dots = fold_gmail_dots
        self.aliases = {clean_lower(key): clean_lower(value) for key, value in (aliases or {}).items()}
        self.bot_names = {name for name in map(clean_lower, bot_names) if name is not None}
        self.email_key = remembered(self._email_key)
        self.internal_emails = {self.email_key(email) for email in internal_emails} - {None}
        self.internal_domains = {domain for domain in map(clean_lower, internal_domains) if domain is not None}
        self.is_internal = remembered(self._is_internal)
        self.is_bot_name = remembered(self._is_bot_name)
        self.name_key = remembered(name_key)
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

    def _is_internal(self, text: str | None) -> bool:
        key = self.email_key(text)
        if key is None:
            return False
        domain = key.rpartition("@")[2]
        return key in self.internal_emails or any(
            domain == internal or domain.endswith("." + internal) for internal in self.internal_domains
        )

    def _is_bot_name(self, text: str | None) -> bool:
        lowered = clean_lower(text)
        return lowered is not None and any(bot_name in lowered for bot_name in self.bot_names)


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
    email_keys: set[str] = field(default_factory=set)


@dataclass(eq=False, slots=True)
class Row:
    """One row of `attendance`, with the time that it lasts (section 3)."""

    kind: str
    booking_uid: str | None
    conference_key: str | None
    email_key: str | None
    phone_key: str | None
    name_key: str | None
    internal: bool
    bot_name: bool
    begin: int
    end: int
    open: bool


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

    @property
    def attendees(self) -> list[Person]:
        return [person for person in self.people if person.role == "attendee"]

    @property
    def hosts(self) -> list[Person]:
        return [person for person in self.people if person.role == "host"]


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
        email, match_email = record["email"], record["match_email"]
        person = Person(
            booking_uid=clean(record["booking_uid"]),
            role=role,
            email=email,
            clean_email=clean(email),
            email_key=policy.email_key(email),
            match_key=policy.email_key(match_email),
            name_key=policy.name_key(record["name"]),
            phone_key=policy.phone_key(record["phone"]),
            internal=policy.is_internal(email) or policy.is_internal(match_email),
            absent=bool(record["absent"]),
        )
        person.email_keys = {key for key in (person.email_key, person.match_key) if key is not None}
        if person.booking_uid in loaded:
            loaded[person.booking_uid].people.append(person)
    return list(loaded.values())


def load_attendance(attendance: list[Record], policy: Policy) -> tuple[list[Row], int | None]:
    """The rows that have a time, and the instant up to which the feed is complete (null: to nowhere)."""
    rows = []
    latest: int | None = None
    for record in attendance:
        kind = clean(record["kind"])
        if kind not in KINDS:
            raise ValueError(f"not a kind of attendance: {record['kind']!r}")
        joined, left = instant(record["joined_at"]), instant(record["left_at"])
        if joined is None:
            joined = left
        if joined is None:
            continue
        for moment in (joined,) if kind == "check_in" else (joined, left):
            if moment is not None and moment <= policy.as_of and (latest is None or moment > latest):
                latest = moment
        # Section 3: a row lasts ...
        if kind == "check_in":
            end = joined
        elif left is None:
            end = min(policy.as_of, joined + policy.open_limit)
        else:
            end = left
        email, name = record["email"], record["name"]
        rows.append(
            Row(
                kind=kind,
                booking_uid=clean(record["booking_uid"]),
                conference_key=clean(record["conference_key"]),
                email_key=policy.email_key(email),
                phone_key=policy.phone_key(record["phone"]),
                name_key=policy.name_key(name),
                internal=policy.is_internal(email),
                bot_name=policy.is_bot_name(name),
                begin=joined,
                end=max(joined, end),
                open=left is None,
            )
        )
    if policy.attendance_until is not None:
        latest = min(policy.attendance_until, policy.as_of)
    return rows, latest


# --- Finding rows -------------------------------------------------------------------------------------------------


class Timeline:
    """Rows in the order of their beginning, so that those that touch a window are found without reading them all."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = sorted(rows, key=lambda row: row.begin)
        self.begins = [row.begin for row in self.rows]
        self.latest_ends: list[int] = []  # the latest end among the rows up to this one: it never falls
        for row in self.rows:
            self.latest_ends.append(max(row.end, self.latest_ends[-1]) if self.latest_ends else row.end)

    def touching(self, start: int, end: int) -> Iterator[Row]:
        """Section 3: begins at or before the window's end and ends at or after its beginning."""
        for index in range(bisect_left(self.latest_ends, start), bisect_right(self.begins, end)):
            row = self.rows[index]
            if row.end >= start:
                yield row


class Feed:
    """All rows, by each thing that they can be found by."""

    def __init__(self, rows: list[Row]) -> None:
        self.by_uid = self._timelines(rows, lambda row: row.booking_uid)
        self.by_conference = self._timelines(
            (row for row in rows if row.booking_uid is None), lambda row: row.conference_key
        )
        self.by_email = self._timelines(rows, lambda row: row.email_key)
        self.by_phone = self._timelines(rows, lambda row: row.phone_key)

    @staticmethod
    def _timelines(rows: Iterable[Row], key: Callable[[Row], str | None]) -> dict[str, Timeline]:
        groups: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            value = key(row)
            if value is not None:
                groups[value].append(row)
        return {value: Timeline(group) for value, group in groups.items()}


NO_ROWS = Timeline([])


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
    """Whose a row is within one booking (section 4): `email`, `phone`, `name` (and of which people), or
    `colleague`, `machine`, `unknown`."""

    how: str
    people: list[Person] = field(default_factory=list)


class Case:
    """One booking that rules 1 to 3 do not exclude, with every row that may matter to it."""

    def __init__(self, booking: Booking, feed: Feed, policy: Policy) -> None:
        self.booking, self.feed, self.policy = booking, feed, policy
        self.by_email_key: dict[str, list[Person]] = defaultdict(list)
        self.by_phone_key: dict[str, list[Person]] = defaultdict(list)
        for person in booking.people:
            for key in person.email_keys:
                self.by_email_key[key].append(person)
            if person.phone_key is not None:
                self.by_phone_key[person.phone_key].append(person)
        self.everyone_has_a_name = all(person.name_key is not None for person in booking.people)
        self.meeting = [(row, self.owner(row, of_the_meeting=True)) for row in self.rows_of_the_meeting()]
        self.loose = [(row, self.owner(row, of_the_meeting=False)) for row in self.loose_rows_of_its_people()]
        self.bearing_the_uid = feed.by_uid.get(booking.uid, NO_ROWS).rows if booking.uid is not None else []
        self.counted: dict[Person, list[tuple[Row, str]]] = defaultdict(list)
        for row, owner in self.meeting + self.loose:
            if row.kind in ("person", "check_in"):
                for person in owner.people:
                    self.counted[person].append((row, owner.how))

    # Section 3

    def touching(self, index: dict[str, Timeline], key: str | None) -> Iterator[Row]:
        if key is None:
            return iter(())
        return index.get(key, NO_ROWS).touching(self.booking.window_start, self.booking.window_end)

    def rows_of_the_meeting(self) -> list[Row]:
        rows = list(self.touching(self.feed.by_uid, self.booking.uid))
        rows += self.touching(self.feed.by_conference, self.booking.conference_key)
        return rows

    def loose_rows_of_its_people(self) -> list[Row]:
        """Loose rows that fit nobody by a or b decide nothing, so that only the others are looked for."""
        found: dict[int, Row] = {}
        for index, keys in ((self.feed.by_email, self.by_email_key), (self.feed.by_phone, self.by_phone_key)):
            for key in keys:
                for row in self.touching(index, key):
                    if row.booking_uid is None and None in (row.conference_key, self.booking.conference_key):
                        found[id(row)] = row
        return list(found.values())

    # Section 4

    def owner(self, row: Row, *, of_the_meeting: bool) -> Owner:
        """The first of a to f that fits."""
        by_email = self.by_email_key.get(row.email_key, []) if row.email_key is not None else []
        by_phone = self.by_phone_key.get(row.phone_key, []) if row.phone_key is not None else []
        if row.kind == "bot":
            return Owner("machine")
        if by_email:
            return Owner("email", by_email)
        if by_phone:
            return Owner("phone", by_phone)
        if row.internal:
            return Owner("colleague")
        if of_the_meeting and not row.bot_name:
            by_name = self.people_of_a_name(row.name_key)
            if by_name:
                return Owner("name", by_name)
        return Owner("machine") if row.bot_name else Owner("unknown")

    def people_of_a_name(self, key: str | None) -> list[Person]:
        """The rows of `people` of the one person that has this name; none if it is not sure who that is."""
        if key is None or " " not in key or not self.everyone_has_a_name:
            return []
        named = [person for person in self.booking.people if person.name_key == key]
        if not named:
            return []
        first = named[0]
        if first.match_key is None:
            return named if len(named) == 1 else []
        if any(person.match_key != first.match_key for person in named):
            return []
        return [person for person in self.booking.people if person.match_key == first.match_key]

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
        for key in person.email_keys:  # (i)
            if any(row.kind != "bot" for row in self.touching(self.feed.by_email, key)):
                return True
        if any(row.kind != "bot" for row in self.touching(self.feed.by_phone, person.phone_key)):
            return True
        if person.name_key is not None and any(  # (ii)
            row.kind != "bot" and row.name_key == person.name_key for row, _ in self.meeting
        ):
            return True
        return any(  # (iii)
            row.kind != "bot"
            and (
                row.email_key in person.email_keys
                or (row.phone_key is not None and row.phone_key == person.phone_key)
                or (row.name_key is not None and row.name_key == person.name_key)
            )
            for row in self.bearing_the_uid
        )

    def evidence(self) -> list[tuple[Row, Owner]]:
        """The rows that the host side and rule 9 go by, before what each asks of them."""
        return [
            (row, owner)
            for row, owner in self.meeting
            if row.kind in ("person", "check_in")
            and not row.bot_name
            and not (row.open and row.begin < self.booking.window_start)
        ]

    def host_side_came(self) -> bool:
        start, end = self.booking.start, self.booking.end
        rows = [
            row
            for row, owner in self.evidence()
            if row.internal or any(person.role == "host" for person in owner.people)
        ]
        if any(row.kind == "check_in" and start <= row.begin <= end for row in rows):
            return True
        # Doubled, as half of the core may be half a microsecond.
        asked = max(min(2 * self.policy.host_min_presence, end - start), 2 * self.policy.min_presence)
        return 2 * union_length(rows, start, end) >= asked

    def took_place(self) -> bool:
        """The opposite of rule 9."""
        start, end = self.booking.start, self.booking.end
        return any(
            start <= row.begin <= end if row.kind == "check_in" else min(row.end, end) > max(row.begin, start)
            for row, owner in self.evidence()
            if owner.how != "machine"
        )

    def someone_unknown(self) -> bool:
        """Rule 11."""
        return any(
            row.kind in ("person", "lobby", "check_in") and owner.how == "unknown" for row, owner in self.meeting
        )

    # Section 6

    def is_colleague_or_host(self, person: Person) -> bool:
        """Rule 4."""
        return person.internal or any(person.email_keys & host.email_keys for host in self.booking.hosts)

    def is_duplicate(self, person: Person) -> bool:
        """Rule 5."""

        def identity(someone: Person) -> tuple[str, str | None]:
            if someone.email_key is not None:
                return "key", someone.email_key
            return "text", clean_lower(someone.clean_email)

        return any(other is not person and identity(other) == identity(person) for other in self.booking.attendees)

    def is_feed_complete(self, until: int | None) -> bool:
        """The opposite of rule 8."""
        return until is not None and until >= self.booking.window_end

    def decide_attendee(self, person: Person, until: int | None) -> tuple[str, str]:
        """The first of rules 4 to 12 that fits."""
        policy = self.policy
        if self.is_colleague_or_host(person):
            return "excluded", "internal"
        if self.is_duplicate(person):
            return "undetermined", "duplicate_email"
        if self.came(person):
            return "present", self.first_means(person)
        if policy.traces_are_doubt and self.left_a_trace(person):
            return "undetermined", "trace"
        if not self.is_feed_complete(until):
            return "undetermined", "feed_incomplete"
        if not policy.assume_held and not self.took_place():
            return "undetermined", "no_evidence"
        if not policy.assume_held and policy.require_host_present and not self.host_side_came():
            return "undetermined", "host_not_seen"
        if self.someone_unknown():
            return "undetermined", "unknown_participant"
        return "absent", "not_seen"

    def first_means(self, person: Person) -> str:
        """Rule 6: `email`, `phone` or `name`, the first of these among the rows that count."""
        means = {how for _, how in self.counted[person]}
        return next(how for how in ("email", "phone", "name") if how in means)

    # Section 7

    def decide_hosts(self, until: int | None) -> tuple[str, str]:
        """What holds for every host of the booking."""
        if self.host_side_came():
            return "present", "host_seen"
        if any(self.left_a_trace(host) for host in self.booking.hosts) or any(
            row.internal and row.kind != "bot" for row, _ in self.meeting
        ):
            return "undetermined", "trace"
        if not self.is_feed_complete(until):
            return "undetermined", "feed_incomplete"
        if not self.took_place():
            return "undetermined", "no_evidence"
        if self.someone_unknown():
            return "undetermined", "unknown_participant"
        if any(self.came(person) for person in self.booking.attendees if not self.is_colleague_or_host(person)):
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
    """The decisions of section 8, one row a person, sorted."""
    rules = Policy(**policy)
    rows, until = load_attendance(attendance, rules)
    feed = Feed(rows)
    decisions = []
    for booking in load_bookings(bookings, people, rules):
        judged = [person for person in booking.people if person.role == "attendee" or rules.judge_hosts]
        if not judged:
            continue
        excluded = exclusion(booking, rules)
        case = None if excluded is not None else Case(booking, feed, rules)
        on_hosts = case.decide_hosts(until) if case is not None and rules.judge_hosts else None
        for person in judged:
            length, first, last = 0, None, None
            if case is None:
                outcome, reason = "excluded", excluded
            else:
                length, first, last = case.presence(person)
                outcome, reason = on_hosts if person.role == "host" else case.decide_attendee(person, until)
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
    """What the guard rails of section 9 count, over the bookings that rules 1 to 3 do not exclude.

    `judged_bookings`: how many there are; `matched_rows`: (row, booking) pairs of rows of a meeting that are someone's
    by a to d; `known_rows`: those that are not a machine's; `attendance_until`: the feed's end, to the microsecond.
    """
    rules = Policy(**policy)
    rows, until = load_attendance(attendance, rules)
    feed = Feed(rows)
    judged_bookings = matched_rows = known_rows = 0
    for booking in load_bookings(bookings, people, rules):
        if exclusion(booking, rules) is None:
            judged_bookings += 1
            for _, owner in Case(booking, feed, rules).meeting:
                known_rows += owner.how != "machine"
                matched_rows += owner.how in ("email", "phone", "colleague", "name")
    return {
        "judged_bookings": judged_bookings,
        "matched_rows": matched_rows,
        "known_rows": known_rows,
        "attendance_until": instant_text(until, 6),
    }
