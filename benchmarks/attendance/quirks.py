"""Unusual bookings: each quirk makes bookings, their true attendance, and the records that feeds have of them.

``TRUE``: the feed is truthful, so nobody who came may be marked. ``HIDDEN``: likewise, but what it says of those
who came is under another name, room or hour, where a doubt is the most that can be found. ``BLIND``: the feed lies or
can't see the person; docs/explanation/rules.md has these as known limits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from benchmarks.attendance import cast
from benchmarks.attendance.making import ALL, DAY, HOUR, MINUTE, ONLINE, SHARED, Maker
from benchmarks.attendance.world import (
    COMPANY,
    FIRST_DAY,
    LAGGING,
    LAGGING_UNTIL,
    LOADED_UNTIL,
    TENANT,
    Booking,
    Expected,
    Shown,
    Stay,
)

TRUE, HIDDEN, BLIND = "true", "hidden", "blind"
Make = Callable[[Maker, str], "Booking | list[Booking]"]
OwnMake = TypeVar("OwnMake", bound=Make)
ZOOM = ("zoom_report", "zoom_webhooks", "zoom_csv")


@dataclass(frozen=True)
class Quirk:
    """One quirk.

    :param text: what it is, for the table.
    :param feeds: where it can be.
    :param feed_is: TRUE, HIDDEN or BLIND.
    """

    name: str
    text: str
    make: Make
    feeds: Sequence[str]
    feed_is: str


QUIRKS: dict[str, Quirk] = {}


def quirk(name: str, text: str, feeds: Sequence[str] = ONLINE, feed_is: str = TRUE) -> Callable[[OwnMake], OwnMake]:
    """Register a quirk by what makes its bookings."""

    def register(make: OwnMake) -> OwnMake:
        QUIRKS[name] = Quirk(name, text, make, feeds, feed_is)
        return make

    return register


# Who they show themselves to be


@quirk("blank address", "guests whose address the vendor hides: the full name alone", ALL)
def blank_address(maker: Maker, feed: str) -> Booking:
    return maker.held(feed, lambda guest: Shown(guest.person.name))


@quirk("another address", "guests under an address of theirs that was not booked, with this or that name", ALL)
def another_address(maker: Maker, feed: str) -> Booking:
    def show(guest: Expected) -> Shown:
        person, rng = guest.person, maker.rng
        name = rng.choice((person.name, person.name, cast.other_name(rng, person), cast.one_word(rng, person)))
        return Shown(name, person.other_email, user=str(person.number + 500_000), invited=rng.random() < 0.5)

    return maker.held(feed, show)


@quirk("another name", "guests without address under a misspelt, turned, shortened or longer name", ALL)
def another_name(maker: Maker, feed: str) -> Booking:
    return maker.held(feed, lambda guest: Shown(cast.other_name(maker.rng, guest.person)))


@quirk("one-word name", "guests without address under a first name or the name of a device", ALL)
def one_word_name(maker: Maker, feed: str) -> Booking:
    return maker.held(feed, lambda guest: Shown(cast.one_word(maker.rng, guest.person)))


@quirk("shared name", "two attendees, or an attendee and the host, with the same name, with or without address", ALL)
def shared_name(maker: Maker, feed: str) -> Booking:
    one, host = maker.guest(), maker.rng.choice(maker.team)
    if maker.rng.random() < 0.25:
        return maker.held(feed, people=[replace(one, first=host.first, last=host.last)], host=host)
    other = replace(maker.coworker_of(one), first=one.first, last=one.last)
    return maker.held(feed, people=[one, other, maker.guest()][: maker.rng.choice((2, 3))])


@quirk("group address", "booked for a team's address; some of the team come under their own", ALL)
def group_address(maker: Maker, feed: str) -> Booking:
    booking = maker.booking(feed, 1)
    maker.host_comes(booking)
    team = booking.attendees[0]
    domain = team.person.email.partition("@")[2]
    team.email = team.match_email = f"{maker.rng.choice(('team', 'sales', 'office'))}.{team.person.number}@{domain}"
    team.name = domain.partition(".")[0].title() + maker.rng.choice(("", " Team", " GmbH"))
    for _ in range(maker.rng.choice((1, 2, 3)) if team.came else 0):
        member = maker.expected(maker.coworker_of(team.person))
        maker.stay(booking, replace(maker.shown(member), invited=False), *maker.guest_times(booking))
    return booking


@quirk("booked by an assistant", "an assistant books with their own address and name; another person comes", ALL)
def by_assistant(maker: Maker, feed: str) -> Booking:
    booking = maker.booking(feed, 1)
    booker = booking.attendees[0]
    guest = maker.expected(maker.coworker_of(booker.person))
    if maker.rng.random() < 0.4:
        booker.name = guest.name
    maker.host_comes(booking)
    if booker.came:
        maker.stay(booking, replace(maker.shown(guest), invited=False), *maker.guest_times(booking))
    return booking


@quirk("nameless guests", "guests whom the booker added by address, so that Cal.com has no name of them", ALL)
def nameless_guests(maker: Maker, feed: str) -> Booking:
    booking = maker.booking(feed, maker.rng.choice((2, 3)))
    for guest in booking.attendees[1:]:
        guest.name = maker.rng.choice((None, ""))
    maker.host_comes(booking)
    maker.guests_come(booking)
    return booking


@quirk("dial-in", "guests by telephone: the number that was booked, another, or one that the vendor masks")
def dial_in(maker: Maker, feed: str) -> Booking:
    rng = maker.rng

    def show(guest: Expected) -> Shown:
        number = rng.choice((guest.person.phone, guest.person.phone, f"+1617{rng.randrange(2000000, 9999999)}"))
        return Shown(None, phone=cast.masked(number) if rng.random() < 0.3 else cast.dialled(rng, number))

    booking = maker.booking(feed)
    for guest in booking.attendees:
        guest.phone = cast.dialled(rng, guest.person.phone) if rng.random() < 0.8 else None
    maker.host_comes(booking)
    maker.guests_come(booking, show)
    return booking


@quirk("guest account", "guests with an account in the tenant of the hosts' company", ("teams_graph", "teams_csv"))
def guest_account(maker: Maker, feed: str) -> Booking:
    def show(guest: Expected) -> Shown:
        own = maker.rng.choice((guest.match_email, guest.match_email, guest.person.other_email))
        name = maker.rng.choice((guest.person.name, cast.other_name(maker.rng, guest.person)))
        return Shown(name, f"{own.replace('@', '_')}#EXT#@{TENANT}", user=str(guest.person.number))

    return maker.held(feed, show)


# How they come and go


def rejoined(maker: Maker, booking: Booking) -> None:
    """Cut stays into several, at times under another name."""
    for stay in list(booking.stays):
        if stay.left - stay.joined < 5 * MINUTE or maker.rng.random() < 0.25:
            continue
        cuts = sorted(
            maker.rng.uniform(stay.joined + 30, stay.left - 30) for _ in range(maker.rng.choice((1, 1, 2, 3)))
        )
        end, stay.left = stay.left, cuts[0]
        for begin, until in zip(cuts, [*cuts[1:], end], strict=True):
            again = min(begin + maker.rng.uniform(2, 200), until - 1)
            shown = stay.shown
            if not shown.is_internal and maker.rng.random() < 0.2:
                shown = Shown(maker.rng.choice(cast.DEVICES))
            same: dict[str, Any] = {"room": stay.room, "kind": stay.kind, "copies": stay.copies}
            maker.stay(booking, shown, max(again, begin), max(until, begin + 1), **same)


@quirk("rejoins", "people drop out and come back, at times under another name")
def rejoins(maker: Maker, feed: str) -> Booking:
    booking = maker.held(feed)
    rejoined(maker, booking)
    return booking


@quirk("two devices", "guests in twice at one time: by their address and as a device, or by telephone for the sound")
def two_devices(maker: Maker, feed: str) -> Booking:
    booking = maker.held(feed)
    for stay in list(booking.stays):
        if not stay.shown.is_internal and maker.rng.random() < 0.8:
            second = Shown(maker.rng.choice((stay.shown.name, *cast.DEVICES)))
            if maker.rng.random() < 0.3:
                second = Shown(None, phone=f"+1617{maker.rng.randrange(2000000, 9999999)}")
            maker.stay(booking, second, stay.joined + maker.rng.uniform(-30, 90), stay.left)
    return booking


@quirk("breakout rooms", "stays in the main room and in breakout rooms, each a row", ("zoom_report", "zoom_webhooks"))
def breakout_rooms(maker: Maker, feed: str) -> Booking:
    booking = maker.held(feed, people=maker.rng.choice((2, 3, 4)), minutes=60)
    for stay in list(booking.stays):
        middle = booking.start + 20 * MINUTE
        if stay.joined < middle and stay.left > middle + 15 * MINUTE and maker.rng.random() < 0.9:
            again, end = middle + 12 * MINUTE, stay.left
            stay.left = middle
            room = maker.rng.choice((1, 2))
            maker.stay(booking, stay.shown, middle + 3, again - 3, breakout=room)
            maker.stay(booking, stay.shown, again, end)
    return booking


def wait(maker: Maker, booking: Booking, guest: Expected, admitted: bool) -> None:
    """Let a guest wait in the lobby; not admitted, they give up."""
    joined, left = maker.guest_times(booking)
    shown = maker.shown(guest)
    if maker.rng.random() < 0.3:
        shown = Shown(cast.one_word(maker.rng, guest.person))
    until = joined + maker.rng.uniform(5, 900)
    maker.stay(booking, shown, joined, until, kind="lobby")
    if admitted:
        maker.stay(booking, shown, until, max(left, until + 60))


@quirk(
    "waiting room",
    "guests in a waiting room that the feed reports; some are never let in",
    (*ZOOM, "webex", "canonical"),
)
def waiting_room(maker: Maker, feed: str) -> Booking:
    booking = maker.booking(feed)
    maker.host_comes(booking)
    for guest in booking.attendees:
        if guest.came:
            wait(maker, booking, guest, admitted=maker.rng.random() < 0.5)
    return booking


@quirk("late joiners", "guests who come near the end, or when it is over and the host is still there")
def late_joiners(maker: Maker, feed: str) -> Booking:
    booking = maker.booking(feed)
    maker.host_comes(booking)
    length = booking.end - booking.start
    for guest in booking.attendees:
        if guest.came:
            joined = booking.start + maker.rng.uniform(0.6, 1) * length + maker.rng.choice((0, 0, 0.9)) * 15 * MINUTE
            maker.stay(booking, maker.shown(guest), joined, joined + maker.rng.uniform(10, 1800))
    return booking


@quirk("early leavers", "guests who are there for seconds, or come early and leave before the start")
def early_leavers(maker: Maker, feed: str) -> Booking:
    booking = maker.booking(feed)
    maker.host_comes(booking)
    for guest in booking.attendees:
        if guest.came:
            joined = booking.start + maker.rng.choice((maker.rng.uniform(-840, -300), maker.rng.uniform(-100, 600)))
            maker.stay(booking, maker.shown(guest), joined, joined + maker.rng.choice((0.4, 1.5, 8, 40, 280)))
    return booking


# Meetings that lie beside or upon each other


@quirk(
    "two meetings at once", "a guest with two bookings that overlap: in one, in both, or going from one to the other"
)
def two_meetings(maker: Maker, feed: str) -> list[Booking]:
    guest, begin, rng = maker.guest(), maker.start(), maker.rng
    first = maker.booking(feed, [guest, maker.guest()][: rng.choice((1, 2))], start=begin, minutes=30)
    second = maker.booking(maker.feed(ONLINE), [guest], start=begin + rng.choice((0, 0, 15)) * MINUTE, minutes=30)
    came = rng.choices(((True, False), (False, True), (True, True), (False, False)), (40, 25, 25, 10))[0]
    for booking, comes in zip((first, second), came, strict=True):
        booking.attendees[0].came = comes
        maker.host_comes(booking)
        maker.guests_come(booking)
    if all(came) and rng.random() < 0.5:
        for stay in first.stays:
            if stay.shown.name == guest.name:
                stay.left = min(stay.left, max(stay.joined + 60, second.start - 30))
    return [first, second]


@quirk("back to back in one room", "bookings without a pause in the host's own room, some of one guest twice", SHARED)
def back_to_back(maker: Maker, feed: str) -> list[Booking]:
    host, begin, minutes = maker.rng.choice(maker.team), maker.start(), maker.rng.choice((15, 30))
    room, bookings, guest = maker.own_room(feed, host), [], maker.guest()
    for number in range(maker.rng.choice((2, 3, 4))):
        guest = guest if number and maker.rng.random() < 0.4 else maker.guest()
        more: dict[str, Any] = {
            "start": begin + number * minutes * MINUTE,
            "minutes": minutes,
            "room": room,
            "host": host,
        }
        bookings.append(maker.held(feed, people=[guest], **more))
    return bookings


@quirk("one id over weeks", "a series under one meeting id, daily or weekly, of which single dates are missed", SHARED)
def series(maker: Maker, feed: str) -> list[Booking]:
    people, host = [maker.guest() for _ in range(maker.rng.choice((1, 2)))], maker.rng.choice(maker.team)
    room, step = maker.room(feed, ""), maker.rng.choice((DAY, 7 * DAY))
    begin = FIRST_DAY + maker.start() % DAY
    return [
        maker.held(feed, people=people, start=begin + number * step, minutes=30, room=room, host=host)
        for number in range(4)
    ]


def elsewhere(maker: Maker, booking: Booking, feed: str, show: Callable[[Expected], Shown]) -> None:
    """Hold a booking in another room: all go there together, or a guest waits in a wrong one."""
    other = maker.room(feed, maker.text(22))
    are_lost = maker.rng.random() < 0.4
    for host in booking.hosts:
        joined = booking.start + maker.rng.uniform(-120, 60)
        left = joined + maker.rng.triangular(60, 900, 360)
        maker.stay(booking, maker.as_host(host.person), joined, left)
        if not are_lost:
            maker.stay(booking, maker.as_host(host.person), left + 40, booking.end, room=other)
    for guest in booking.attendees:
        if guest.came:
            joined, left = maker.guest_times(booking)
            maker.stay(booking, show(guest), joined, joined + 300 if are_lost else max(left, joined + 400), room=other)


@quirk(
    "another room, by address", "moved on the spot to another link, or a guest at an old link; the row has the address"
)
def another_room(maker: Maker, feed: str) -> Booking:
    booking = maker.booking(feed)
    elsewhere(maker, booking, maker.rng.choice(("meet_audit", "teams_graph", "webex")), maker.by_address)
    return booking


# The hosts' side


@quirk("substitute for the host", "another host takes the meeting, signed in or by the name alone", ALL)
def substitute(maker: Maker, feed: str) -> Booking:
    booking, internal = maker.booking(feed), maker.rng.choice(maker.team)
    shown = maker.as_host(internal)
    if maker.rng.random() < 0.25:
        shown = Shown(maker.rng.choice((internal.name, internal.first)))
    booking.hosts[0].came = False
    maker.host_comes(booking, shown)
    maker.guests_come(booking)
    return booking


@quirk("host missing", "no host, or one who comes late or looks in only; guests wait or give up", ALL)
def host_missing(maker: Maker, feed: str) -> Booking:
    booking = maker.booking(feed)
    mode = maker.rng.choice(("absent", "late", "short"))
    booking.hosts[0].came = mode != "absent"
    if mode != "absent":
        joined = booking.start + (maker.rng.uniform(8, 25) * MINUTE if mode == "late" else maker.rng.uniform(-60, 60))
        left = booking.end if mode == "late" else joined + maker.rng.uniform(20, 280)
        maker.stay(booking, maker.as_host(booking.hosts[0].person), joined, max(left, joined + 60))
    for guest in booking.attendees:
        if guest.came:
            joined, _ = maker.guest_times(booking)
            maker.stay(booking, maker.shown(guest), joined, joined + maker.rng.uniform(60, 900))
    return booking


@quirk("internal participants join", "more people of the hosts' company, also with bots and without their address")
def internal_participants_join(maker: Maker, feed: str) -> Booking:
    booking = maker.held(feed)
    for internal in maker.rng.sample(maker.team, maker.rng.choice((1, 2, 3))):
        shown = maker.as_host(internal)
        if maker.rng.random() < 0.2:
            shown = Shown(maker.rng.choice((internal.name, f"{internal.first}'s iPad")))
        maker.stay(booking, shown, *maker.guest_times(booking))
    return booking


@quirk("bots", "note-taking bots, also of guests who stay away, and some under their owner's address")
def bots(maker: Maker, feed: str) -> Booking:
    booking = maker.held(feed)
    owners = [*booking.attendees, *booking.hosts]
    for owner in maker.rng.sample(owners, maker.rng.randint(1, len(owners))):
        name = cast.bot_name(maker.rng, owner.person)
        if maker.rng.random() < 0.15:
            name = cast.unlisted_bot_name(maker.rng)
        email = owner.match_email if maker.rng.random() < 0.08 else None
        shown = Shown(name, email, user=str(owner.person.number) if email else None, invited=True)
        joined = booking.start + maker.rng.uniform(-60, 120)
        maker.stay(booking, shown, joined, booking.end, kind="bot")
    return booking


@quirk("strangers", "people whom nobody expected: forwarded invitations, wrong numbers, a room's device")
def strangers(maker: Maker, feed: str) -> Booking:
    booking = maker.held(feed)
    for _ in range(maker.rng.choice((1, 1, 2))):
        stranger = maker.expected(maker.coworker_of(booking.attendees[0].person))
        shown = replace(maker.shown(stranger), invited=False)
        if maker.rng.random() < 0.3:
            shown = Shown(maker.rng.choice(cast.DEVICES))
        maker.stay(booking, shown, *maker.guest_times(booking))
    return booking


@quirk("group session", "many attendees in one booking", ALL)
def group_session(maker: Maker, feed: str) -> Booking:
    return maker.held(feed, people=maker.rng.randint(4, 10), minutes=60)


# What the feeds make of it


def skewed(maker: Maker, booking: Booking) -> None:
    """Set the vendor's clocks wrong by up to five seconds, at joining and leaving apart."""
    for stay in booking.stays:
        stay.skew = (round(maker.rng.uniform(-5, 5), 3), round(maker.rng.uniform(-5, 5), 3))


def doubled(maker: Maker, booking: Booking) -> None:
    """Let the feed have rows twice or more."""
    for stay in booking.stays:
        stay.copies *= maker.rng.choice((1, 2, 2, 3))


@quirk(
    "clock skew", "clocks that are wrong by up to 5 s, also between joining and leaving; some stays are of seconds", ALL
)
def clock_skew(maker: Maker, feed: str) -> Booking:
    booking = maker.held(feed)
    for stay in booking.stays:
        if not stay.shown.is_internal and maker.rng.random() < 0.3:
            stay.left = stay.joined + maker.rng.uniform(0.5, 8)
    skewed(maker, booking)
    return booking


@quirk("duplicate rows", "rows that a loader appended twice", ALL)
def duplicate_rows(maker: Maker, feed: str) -> Booking:
    booking = maker.held(feed)
    doubled(maker, booking)
    return booking


@quirk(
    "missing leave",
    "stays whose end was never reported",
    ("zoom_report", "zoom_webhooks", "meet_rest", "teams_graph", "webex", "canonical"),
)
def missing_leave(maker: Maker, feed: str) -> list[Booking]:
    made = [maker.held(feed)] if maker.rng.random() < 0.5 or feed not in SHARED else back_to_back(maker, feed)
    for booking in made:
        for stay in booking.stays:
            stay.has_end = maker.rng.random() < 0.4
    return made


@quirk("missing host rows", "the feed lost every row of the hosts", ALL)
def missing_host_rows(maker: Maker, feed: str) -> Booking:
    return lost(maker.held(feed), lambda stay: stay.shown.is_internal)


@quirk("missing meeting", "the feed lost the meeting as a whole", ALL)
def missing_meeting(maker: Maker, feed: str) -> Booking:
    return lost(maker.held(feed), lambda stay: True)


def lost(booking: Booking, is_lost: Callable[[Stay], bool]) -> Booking:
    """Let the feed lose rows."""
    for stay in booking.stays:
        stay.copies = 0 if is_lost(stay) else stay.copies
    return booking


@quirk(
    "no usable link",
    "a location that is not a link, or a personal link that the feed does not name",
    (*ZOOM, "meet_audit", "webex"),
)
def no_link(maker: Maker, feed: str) -> Booking:
    booking = maker.held(feed)
    places = ["Acme, Hauptstr. 1, Berlin", "+49 30 901820", "https://whereby.example/acme"]
    if feed in ZOOM:
        places += [f"https://acme.zoom.us/my/{booking.hosts[0].person.first.lower()}"] * 2
    booking.room = replace(booking.room, location=maker.rng.choice(places))
    return booking


@quirk("late data", "the last hours of all feeds are not loaded yet; meetings overrun the moment of loading")
def late_data(maker: Maker, feed: str) -> Booking:
    return around(maker, feed, LOADED_UNTIL)


def around(maker: Maker, feed: str, moment: float) -> Booking:
    """Make a booking that goes on while the feed was loaded: people drop out before, come after, and stay longer."""
    start = moment - maker.rng.randrange(-10, 40) * MINUTE
    booking = maker.held(feed, start=start, minutes=maker.rng.choice((15, 30)))
    for stay in list(booking.stays):
        if maker.rng.random() < 0.4:
            stay.left = max(stay.left, moment + maker.rng.uniform(1, 1800))
        if maker.rng.random() < 0.4 and stay.joined + 400 < moment:
            end, stay.left = stay.left, maker.rng.uniform(stay.joined + 320, moment - 10)
            maker.stay(booking, stay.shown, stay.left + 60, max(end, stay.left + 120))
    return booking


# Where the feed lies, or can't see


@quirk("missing guest rows", "the feed lost the rows of guests who came, or has them after the run", ALL, BLIND)
def missing_guest_rows(maker: Maker, feed: str) -> Booking:
    booking = maker.held(feed)
    return lost(booking, lambda stay: not stay.shown.is_internal and maker.rng.random() < 0.8)


@quirk(
    "two on one device", "two people at one device, which bears the name of one; or a guest beside the host", ALL, BLIND
)
def two_on_one_device(maker: Maker, feed: str) -> Booking:
    booking = maker.booking(feed, maker.rng.choice((1, 2, 3)))
    maker.host_comes(booking)
    came = [guest for guest in booking.attendees if guest.came]
    for guest in came[:-1] if maker.rng.random() < 0.8 else came:
        maker.stay(booking, maker.shown(guest), *maker.guest_times(booking))
    return booking


@quirk("under a bot's name", "a guest whose display name is one of a bot", ONLINE, BLIND)
def name_of_a_bot(maker: Maker, feed: str) -> Booking:
    return maker.held(feed, lambda guest: Shown(cast.bot_name(maker.rng, guest.person)))


@quirk(
    "lobby without a trace",
    "guests who wait and are never let in, where the vendor does not report its lobby",
    ("meet_audit", "meet_rest", "teams_graph", "teams_csv", "cal_video"),
    BLIND,
)
def silent_lobby(maker: Maker, feed: str) -> Booking:
    booking = maker.booking(feed)
    maker.host_comes(booking)
    for guest in booking.attendees:
        if guest.came:
            wait(maker, booking, guest, admitted=maker.rng.random() < 0.3)
    return booking


@quirk("beyond every feed", "moved on the spot to the guest's own link or to the telephone", ONLINE, BLIND)
def beyond(maker: Maker, feed: str) -> Booking:
    booking = maker.booking(feed)
    elsewhere(maker, booking, "nowhere", maker.shown)
    return booking


MOVED_TO_LAGGING = "moved to a feed that lags"


@quirk(
    MOVED_TO_LAGGING,
    "moved on the spot to another vendor's link, whose rows are not loaded yet",
    tuple(feed for feed in ONLINE if feed not in LAGGING),
    BLIND,
)
def moved_to_lagging(maker: Maker, feed: str) -> Booking:
    booking = maker.booking(feed, start=LAGGING_UNTIL + maker.rng.randrange(0, 120) * MINUTE)
    elsewhere(maker, booking, maker.rng.choice(LAGGING), maker.shown)
    return booking


# Where the feed is truthful in a way that is easily overlooked


@quirk("another room, by name", "as above, but the row under the other key has a name alone", ONLINE, HIDDEN)
def another_room_by_name(maker: Maker, feed: str) -> Booking:
    booking = maker.booking(feed)
    other = maker.rng.choice(("zoom_report", "meet_audit", "teams_graph", "webex"))
    elsewhere(maker, booking, other, lambda guest: Shown(guest.person.name))
    return booking


def later(maker: Maker, feed: str, show: Callable[[Expected], Shown], start: float | None = None) -> Booking:
    """Make a booking that is put off on the spot to after its window, in the same room."""
    booking = maker.booking(feed) if start is None else maker.booking(feed, start=start)
    host = maker.as_host(booking.hosts[0].person)
    joined = booking.start + maker.rng.uniform(-120, 60)
    maker.stay(booking, host, joined, joined + maker.rng.triangular(120, 900, 400))
    begin = booking.end + maker.rng.uniform(20, 180) * MINUTE
    if start is not None:
        begin += 3 * HOUR
    if any(guest.came for guest in booking.attendees):
        maker.stay(booking, host, begin - 60, begin + 1800)
    for guest in booking.attendees:
        if guest.came:
            maker.stay(booking, show(guest), begin + maker.rng.uniform(-60, 300), begin + 1800)
    return booking


@quirk(
    "another hour",
    "put off on the spot to after the window, same room; Cal.com is not informed, but a word of the name is right",
    SHARED,
    HIDDEN,
)
def another_hour(maker: Maker, feed: str) -> Booking:
    def show(guest: Expected) -> Shown:
        shown = maker.shown(guest)
        words = set(cast.plain(shown.name or "").lower().split())
        is_recognisable = shown.email is not None or words & set(cast.plain(guest.person.name).lower().split())
        return shown if is_recognisable else Shown(guest.person.name)

    return later(maker, feed, show)


@quirk(
    "another hour, under no name of theirs",
    "the same, but the row has no address and a name of which no word is the guest's",
    SHARED,
    BLIND,
)
def another_hour_misspelt(maker: Maker, feed: str) -> Booking:
    return later(
        maker, feed, lambda guest: Shown(f"{guest.person.first[:-1]} {guest.person.last}{guest.person.last[-1]}")
    )


@quirk("a bot's name by chance", "a guest's name or company contains the letters of a bot's name", ONLINE, HIDDEN)
def bot_name_by_chance(maker: Maker, feed: str) -> Booking:
    def show(guest: Expected) -> Shown:
        company = maker.rng.choice(("General Assembly", "AssemblyAI", "spread.ai", "Potter.ai", "Assembly Room 2"))
        return Shown(f"{guest.person.name} ({company})")

    return maker.held(feed, show)


@quirk(
    "a namesake",
    "a guest booked under another name joins by the name that another attendee is booked under",
    ONLINE,
    HIDDEN,
)
def namesake(maker: Maker, feed: str) -> Booking:
    one = maker.guest()
    other = replace(maker.coworker_of(one), first=one.first, last=one.last)
    booking = maker.booking(feed, [one, other])
    booked = booking.attendees[1].name = maker.rng.choice((one.first, f"{one.first[0]}. {one.last}"))

    def show(guest: Expected) -> Shown:
        shown = maker.shown(guest)
        return Shown(guest.person.name) if shown.name == booked and guest is booking.attendees[0] else shown

    maker.host_comes(booking)
    maker.guests_come(booking, show)
    return booking


PUT_OFF_BEYOND = "put off to after the feed's end"


@quirk(
    PUT_OFF_BEYOND,
    "put off on the spot to an hour of which no rows are loaded yet, while those of the booked one are",
    tuple(feed for feed in SHARED if feed not in LAGGING),
    BLIND,
)
def put_off_beyond(maker: Maker, feed: str) -> Booking:
    return later(maker, feed, maker.shown, start=LOADED_UNTIL - 4 * HOUR + maker.rng.randrange(0, 60) * MINUTE)


@quirk(
    "by another attendee's name",
    "a guest joins by the very name that another attendee is booked under, who stays away",
    ONLINE,
    BLIND,
)
def by_anothers_name(maker: Maker, feed: str) -> Booking:
    one = maker.guest()
    other = replace(maker.coworker_of(one), first=one.first, last=one.last)
    booking = maker.booking(feed, [one, other])
    booking.attendees[1].name = f"{one.first[0]}. {one.last}"
    booking.attendees[1].came = False
    maker.host_comes(booking)
    maker.guests_come(booking, lambda _: Shown(booking.attendees[1].name))
    return booking


@quirk(
    "an internal account",
    "a guest who booked privately and joins with an account of the hosts' company",
    ONLINE,
    HIDDEN,
)
def coworker_account(maker: Maker, feed: str) -> Booking:
    def show(guest: Expected) -> Shown:
        person = guest.person
        name = maker.rng.choice((person.name, cast.other_name(maker.rng, person)))
        email = f"{cast.plain(person.name).replace(' ', '.').lower()}@{COMPANY}"
        return Shown(name, email, user=str(person.number), invited=True)

    return maker.held(feed, show)


@quirk("one feed lags", "one vendor's last hours are not loaded, while another's are", LAGGING, HIDDEN)
def one_feed_lags(maker: Maker, feed: str) -> Booking:
    return around(maker, feed, LAGGING_UNTIL)


EDITS = {"rejoins": rejoined, "clock skew": skewed, "duplicate rows": doubled}
"""Quirks that can come on top of others."""
