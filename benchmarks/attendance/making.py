"""Makes bookings and what usually happens in them; the quirks then change it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from benchmarks.attendance import cast
from benchmarks.attendance.world import FIRST_DAY, Booking, Expected, Room, Shown, Someone, Stay

MINUTE, HOUR, DAY = 60, 3600, 86400
WEEKS = 4
ONE_NO_SHOW_IN = 7
HOSTS = 60

FEED_WEIGHTS = {
    "zoom_report": 17,
    "zoom_webhooks": 12,
    "zoom_csv": 6,
    "meet_audit": 13,
    "meet_rest": 7,
    "teams_graph": 14,
    "teams_csv": 6,
    "cal_video": 9,
    "webex": 7,
    "check_in": 4,
    "canonical": 5,
}
ALL = tuple(FEED_WEIGHTS)
ONLINE = tuple(feed for feed in ALL if feed != "check_in")
SHARED = tuple(feed for feed in ONLINE if feed not in ("cal_video", "canonical"))
"""Feeds of vendors where one room can serve several bookings, and whose rows name the room, not the booking."""

_LETTERS, _SIGNS = "abcdefghijkmnopqrstuvwxyz", "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"


class Maker:
    """Draws everything from one source of chance, so that a seed gives one world.

    :param seed: of the world.
    :ivar turn: the quirk whose bookings are being made.
    """

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self._people = 0
        self.team = [cast.internal(self.rng, self._number()) for _ in range(HOSTS)]
        self._own_rooms: dict[tuple[int, str], Room] = {}
        self._known: list[Someone] = []
        self._fates: dict[str, list[bool]] = {}
        self.turn = "ordinary"

    # People and rooms

    def _number(self) -> int:
        self._people += 1
        return 100_000 + self._people

    def guest(self) -> Someone:
        """Return a customer: mostly a new one."""
        if len(self._known) > 200 and self.rng.random() < 0.15:
            return self.rng.choice(self._known)
        self._known.append(cast.someone(self.rng, self._number()))
        return self._known[-1]

    def coworker_of(self, person: Someone) -> Someone:
        """Return somebody of a customer's company."""
        return cast.someone(self.rng, self._number(), person.email.partition("@")[2])

    def expected(self, person: Someone) -> Expected:
        """Return an attendee as Cal.com has one; a few addresses are shown without what Cal.com put into them."""
        email = person.email
        if self.rng.random() < 0.03:
            email = email.replace("@", f"+{self.text(8)}@")
        name = person.name if self.rng.random() > 0.05 else person.name.lower()
        return Expected(person, email, person.email, name)

    def text(self, length: int, signs: str = _SIGNS) -> str:
        """Return a random text, as ids are."""
        return "".join(self.rng.choices(signs, k=length))

    def room(self, feed: str, uid: str) -> Room:
        """Make a room for one booking."""
        if feed == "nowhere":
            return Room(feed, uid, "")
        if feed in ("cal_video", "canonical", "check_in"):
            places = {
                "cal_video": f"https://app.cal.example/video/{uid}",
                "canonical": f"https://whereby.example/{self.text(10)}",
                "check_in": "Acme, Hauptstr. 1, Berlin",
            }
            return Room(feed, uid, places[feed], uid)
        return self._room(feed, self.rng.choice("12345678") + self.text(10, "0123456789"))

    def own_room(self, feed: str, host: Someone) -> Room:
        """Return the host's personal room."""
        key = (host.number, feed)
        if key not in self._own_rooms:
            self._own_rooms[key] = self._room(feed, self.rng.choice("3456") + self.text(9, "0123456789"))
        return self._own_rooms[key]

    def _room(self, feed: str, number: str) -> Room:
        vendor = feed.partition("_")[0]
        if vendor == "zoom":
            return Room(feed, number, f"https://acme.zoom.us/j/{number}?pwd={self.text(12)}")
        if vendor == "meet":
            code = self.text(10, _LETTERS)
            return Room(feed, code, f"https://meet.google.com/{code[:3]}-{code[3:7]}-{code[7:]}")
        if vendor == "teams":
            thread = f"19:meeting_{self.text(40)}@thread.v2"
            quoted = thread.replace(":", "%3a").replace("@", "%40")
            return Room(feed, thread, f"https://teams.microsoft.com/l/meetup-join/{quoted}/0?context=%7b%7d")
        link = f"https://acme.webex.com/acme/j.php?MTID=m{self.text(32, '0123456789abcdef')}"
        return Room(feed, link, link)

    # Bookings

    def feed(self, feeds: Sequence[str] = ALL) -> str:
        """Draw one of these feeds, by how common it is."""
        return self.rng.choices(feeds, [FEED_WEIGHTS[feed] for feed in feeds])[0]

    def start(self) -> float:
        """Draw a time in the hours of work."""
        day = self.rng.randrange(WEEKS * 5)
        return FIRST_DAY + (day // 5 * 7 + day % 5) * DAY + 7 * HOUR + self.rng.randrange(38) * 15 * MINUTE

    def booking(
        self,
        feed: str,
        people: Sequence[Someone] | int | None = None,
        *,
        start: float | None = None,
        minutes: int | None = None,
        room: Room | None = None,
        host: Someone | None = None,
    ) -> Booking:
        """Make a booking and draw who comes, but not yet what happens.

        :param people: who books, or how many; usually one, at times more.
        """
        if people is None:
            people = self.rng.choices((1, 2, 3), (75, 18, 7))[0]
        if isinstance(people, int):
            people = [self.guest() for _ in range(people)]
        uid = self.text(22)
        begin = self.start() if start is None else start
        host = host or self.rng.choice(self.team)
        booking = Booking(
            uid=uid,
            start=begin,
            end=begin + (minutes or self.rng.choices((15, 30, 45, 60), (2, 5, 1, 3))[0]) * MINUTE,
            room=room or self.room(feed, uid),
            hosts=[Expected(host, host.email, host.email, host.name, came=True)],
            attendees=[self.expected(person) for person in people],
        )
        for attendee in booking.attendees:
            attendee.came = self.comes()
        return booking

    def comes(self) -> bool:
        """Draw whether a guest comes; of every seven in a quirk's turns one does not, so that no quirk lacks them."""
        fates = self._fates.setdefault(self.turn, [])
        if not fates:
            fates += [False] + [True] * (ONE_NO_SHOW_IN - 1)
            self.rng.shuffle(fates)
        return fates.pop()

    # What happens

    def shown(self, expected: Expected) -> Shown:
        """Draw how a guest shows who they are: signed in with the address that was booked, or by the name alone."""
        if self.rng.random() < 0.6:
            return self.by_address(expected)
        person = expected.person
        return Shown(cast.other_name(self.rng, person) if self.rng.random() < 0.08 else person.name)

    def by_address(self, expected: Expected) -> Shown:
        """Show the address that was booked."""
        person = expected.person
        return Shown(person.name, expected.match_email, user=str(person.number), invited=True)

    def as_host(self, person: Someone) -> Shown:
        """Show an internal participant, who is signed in."""
        return Shown(person.name, person.email, user=str(person.number), invited=True)

    def stay(self, booking: Booking, shown: Shown, joined: float, left: float, **more: Any) -> Stay:
        """Add a stay to a booking; by default in its room."""
        skew = round(self.rng.uniform(-1, 1), 3)
        stay = Stay(
            **{"room": booking.room, "shown": shown, "joined": joined, "left": left, "skew": (skew, skew), **more}
        )
        booking.stays.append(stay)
        return stay

    def guest_times(self, booking: Booking) -> tuple[float, float]:
        """Draw when a guest comes and goes."""
        joined = booking.start + min(max(self.rng.gauss(40, 150), -540), 600)
        left = booking.end + self.rng.gauss(-40, 240)
        return joined, max(left, joined + self.rng.uniform(120, 400))

    def host_times(self, booking: Booking, *, is_waiting: bool) -> tuple[float, float]:
        """Draw when a host comes and goes; one whose guests do not come gives up after some minutes."""
        on_time = (20, 240) if booking.room.feed == "check_in" else (-200, 100)
        joined = booking.start + self.rng.uniform(*on_time)
        if is_waiting:
            return joined, min(joined + self.rng.triangular(200, 1200, 620), booking.end)
        return joined, max(booking.end + self.rng.gauss(0, 200), joined + 400)

    def host_comes(self, booking: Booking, shown: Shown | None = None) -> None:
        """Let the hosts come; one of several may stay away."""
        is_waiting = not any(attendee.came for attendee in booking.attendees)
        for number, host in enumerate(booking.hosts):
            if number and self.rng.random() < 0.3:
                continue
            signed_in = booking.room.feed != "cal_video" or self.rng.random() < 0.9
            own = self.as_host(host.person) if signed_in else Shown(host.person.name)
            self.stay(booking, shown or own, *self.host_times(booking, is_waiting=is_waiting))

    def guests_come(self, booking: Booking, show: Callable[[Expected], Shown] | None = None) -> None:
        """Let those guests come who do."""
        for attendee in booking.attendees:
            if attendee.came:
                self.stay(booking, (show or self.shown)(attendee), *self.guest_times(booking))

    def held(self, feed: str, show: Callable[[Expected], Shown] | None = None, **of_booking: Any) -> Booking:
        """Make a booking that takes its usual course; Cal.com has a second host among the attendees, too.

        :param show: how guests show who they are.
        :param of_booking: see :meth:`booking`.
        """
        booking = self.booking(feed, **of_booking)
        other = self.rng.choice(self.team)
        is_shared = self.rng.random() < 0.08 and other is not booking.hosts[0].person
        second = Expected(other, other.email, other.email, other.name)
        booking.hosts += [second] * is_shared
        self.host_comes(booking)
        self.guests_come(booking, show)
        booking.attendees += [second] * is_shared
        return booking

    def ordinary(self, feed: str) -> Booking:
        """Make a booking with nothing out of the ordinary; some are called off, and nobody comes."""
        if self.rng.random() > 0.05:
            return self.held(feed)
        booking = self.booking(feed)
        for attendee in booking.attendees:
            attendee.came = False
        booking.status = self.rng.choice(("cancelled", "cancelled", "rejected", "accepted"))
        if booking.status == "accepted":
            booking.rescheduled_to_uid = self.text(22)
        return booking
