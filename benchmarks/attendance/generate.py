"""A labelled world: bookings, what every expected person really did, and the feeds of each vendor.

``python -m benchmarks.attendance.generate --bookings 500 --seed 1 FOLDER`` writes it down: the rules' tables, the
vendors' raw feeds, what the package reads of them, and the labels. The same seed and size give the same bytes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

from benchmarks.attendance.making import MINUTE, Maker
from benchmarks.attendance.quirks import EDITS, MOVED_TO_LAGGING, PUT_OFF_BEYOND, QUIRKS
from benchmarks.attendance.vendors import attendance_of, loaded_until, raw_feeds, write_raw
from benchmarks.attendance.world import LAGGING, POLICY, Booking, Row, World

QUIRKY_SHARE = 0.5
TWO_QUIRKS_SHARE = 0.1
OVERRUN, SETTLE = 15 * MINUTE, 120 * MINUTE


def make_world(bookings: int, seed: int) -> World:
    """Make a world.

    :param bookings: how many, at least; half of them have quirks, and each quirk has as many turns as the others.
    """
    maker = Maker(seed)
    made: list[Booking] = []
    while len(made) < bookings * QUIRKY_SHARE:
        for name in QUIRKS:
            made += quirky(maker, name)
    maker.turn = "ordinary"
    while len(made) < bookings:
        made.append(maker.ordinary(maker.feed()))
    maker.rng.shuffle(made)
    for booking in made:
        booking.quirks += lateness(booking)
    return World(seed, made)


def quirky(maker: Maker, name: str) -> list[Booking]:
    """Make the bookings of one turn of a quirk; a few get another one on top."""
    quirk, maker.turn = QUIRKS[name], name
    made = quirk.make(maker, maker.feed(quirk.feeds))
    made = [made] if isinstance(made, Booking) else made
    for booking in made:
        booking.quirks.append(name)
        if maker.rng.random() < TWO_QUIRKS_SHARE:
            second = maker.rng.choice([one for one in EDITS if one != name])
            EDITS[second](maker, booking)
            booking.quirks.append(second)
    return made


def lateness(booking: Booking) -> list[str]:
    """Return the quirks that a booking has because of when it was: a feed that has rows of it was not loaded any more.

    Where that is the feed of another room than the booked one, or a meeting was put off to after the feed's end,
    nothing shows that rows are missing.
    """
    last: dict[str, float] = {booking.room.feed: booking.end + OVERRUN}
    for stay in booking.stays:
        last[stay.room.feed] = max(stay.seen_left, last.get(stay.room.feed, booking.end + OVERRUN))
    late = {feed for feed in last if last[feed] > loaded_until(feed)}
    own = {"one feed lags" if feed in LAGGING else "late data" for feed in late & {booking.room.feed}}
    moved = {MOVED_TO_LAGGING} if late - {booking.room.feed} else set()
    is_settled = booking.end + SETTLE <= loaded_until(booking.room.feed)
    put_off = {PUT_OFF_BEYOND} if own and is_settled and "another hour" in booking.quirks else set()
    return sorted((own | moved | put_off) - set(booking.quirks))


def labels(world: World) -> list[Row]:
    """Return the truth: whether each attendee came, and what was out of the ordinary."""
    return [
        {
            "booking_uid": booking.uid,
            "email": attendee.email,
            "came": attendee.came,
            "feed": booking.room.feed,
            "quirks": booking.quirks,
        }
        for booking in world.bookings
        for attendee in booking.attendees
    ]


def write_lines(path: Path, rows: Iterable[object]) -> None:
    """Write rows as JSON lines."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def write_world(world: World, folder: Path) -> None:
    """Write a world as files."""
    raw = list(raw_feeds(world))
    write_raw(raw, folder / "raw")
    bookings, people = world.tables()
    tables: dict[str, Iterable[object]] = {
        "bookings": bookings,
        "people": people,
        "attendance": attendance_of(raw),
        "labels": labels(world),
    }
    for name, rows in tables.items():
        write_lines(folder / f"{name}.jsonl", rows)
    (folder / "policy.json").write_text(json.dumps(POLICY), encoding="utf-8")


def main() -> None:
    """Write a world to a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bookings", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    write_world(make_world(options.bookings, options.seed), options.folder)


if __name__ == "__main__":
    main()
