"""Lists equal a plain implementation of their definition, and marks do not rebuild the index."""

from __future__ import annotations

import hashlib
import json
import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_calcom.sandbox.bookings import lifecycle
from airflow_provider_calcom.sandbox.bookings.marking import mark_absent
from airflow_provider_calcom.sandbox.bookings.pages import list_bookings
from airflow_provider_calcom.sandbox.bookings.representation import get_booking, show_booking
from airflow_provider_calcom.sandbox.bookings.rescheduling import reschedule
from airflow_provider_calcom.sandbox.builds import BUILDS, Build
from airflow_provider_calcom.sandbox.clock import iso, parse_instant
from airflow_provider_calcom.sandbox.responses import ApiError
from airflow_provider_calcom.sandbox.validation import STATUSES, Query
from airflow_provider_calcom.sandbox.world import Booking, User, World, load_world
from tests.profiles import examples

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
PEOPLE = ("ann@example.org", "bea+x@example.org", "owner@example.com", "other@example.com")
SORTS = {"sortStart": "start", "sortEnd": "end", "sortCreated": "created", "sortUpdatedAt": "updated"}
DATES = ("afterStart", "beforeEnd", "afterCreatedAt", "beforeCreatedAt", "afterUpdatedAt", "beforeUpdatedAt")


def _instant(chance: random.Random) -> str:
    return iso(NOW + timedelta(hours=chance.randint(-4, 4)))


def _world(chance: random.Random) -> World:
    """Return many bookings with few different times, some of which end before they start."""
    bookings = [
        {
            "uid": f"b{number}",
            "title": "",
            "start": _instant(chance),
            "end": _instant(chance),
            "createdAt": _instant(chance),
            "updatedAt": _instant(chance),
            "status": chance.choice(["accepted", "accepted", "pending", "cancelled", "rejected"]),
            "owner": chance.choice(["owner@example.com", "owner@example.com", "other@example.com"]),
            "eventTypeId": chance.choice([1, 2, 3, None]),
            "attendees": [{"name": email[:3], "email": email} for email in chance.sample(PEOPLE, chance.randint(0, 3))],
            "recurring_booking_uid": chance.choice([None, None, "series-1", "series-2"]),
            "fromReschedule": chance.choice([None, None, f"b{chance.randint(0, 60)}"]),
        }
        for number in range(chance.randint(0, 60))
    ]
    kinds = [{"id": 1, "slug": "a"}, {"id": 2, "slug": "b", "teamId": 7, "hosts": [1, 2]}, {"id": 3, "slug": "c"}]
    kinds[2]["seatsPerTimeSlot"] = 3
    users = [
        {"id": number, "name": name, "username": name, "email": f"{name}@example.com", "timeZone": "UTC"}
        for number, name in ((1, "owner"), (2, "other"))
    ]
    return load_world({"users": users, "eventTypes": kinds, "keys": [], "bookings": bookings})


def _query(chance: random.Random) -> dict[str, str]:
    """Return some of the list's parameters, with values that some bookings have."""
    given = {
        "status": ",".join(chance.sample(STATUSES, chance.randint(1, 3))),
        "attendeeEmail": chance.choice([*PEOPLE, "bea x@example.org", " "]),
        "attendeeName": chance.choice(["ann", " bea", "nobody"]),
        "bookingUid": f"b{chance.randint(0, 30)}",
        "eventTypeId": chance.choice("12"),
        "eventTypeIds": "2,3",
        "teamsIds": "7",
        "take": str(chance.choice([1, 3, 10, 250])),
        "skip": str(chance.choice([0, 1, 5, 30, 10**20])),
        **{name: _instant(chance) for name in DATES},
        **{name: chance.choice(["asc", "desc"]) for name in SORTS},
    }
    return {name: given[name] for name in chance.sample(sorted(given), chance.randint(0, 6))}


def _has_status(booking: Booking, status: str) -> bool:
    alive, ahead = booking.status not in ("cancelled", "rejected"), booking.end >= NOW
    if status == "cancelled":
        return not alive
    if status == "past":
        return alive and booking.end <= NOW
    if status == "unconfirmed":
        return ahead and booking.status == "pending"
    if status == "recurring":
        return ahead and alive and booking.series is not None
    return ahead and (booking.status == "accepted" if booking.series else alive)


def _fits(booking: Booking, query: dict[str, str], build: Build, user: User) -> bool:
    """Return whether the list counts the booking: a plain implementation, one booking at a time."""
    emails, kind = [row.email for row in booking.attendees], booking.event_type
    kinds = [int(one) for one in query.get("eventTypeIds", query.get("eventTypeId", "")).split(",") if one]
    email = "+".join(query.get("attendeeEmail", "").split())
    return (
        (booking.owner == user or user.email in emails)
        and ("status" not in query or any(_has_status(booking, one) for one in query["status"].split(",")))
        and (not kinds or (kind is not None and kind.id in kinds))
        and ("teamsIds" not in query or (kind is not None and kind.team_id == 7))
        and (not email or email in emails)
        and ("attendeeName" not in query or query["attendeeName"].strip() in [row.name for row in booking.attendees])
        and ("bookingUid" not in query or not build.filters_by_uid or booking.uid == query["bookingUid"])
        and ("afterStart" not in query or booking.start >= parse_instant(query["afterStart"]))
        and ("beforeEnd" not in query or booking.end <= parse_instant(query["beforeEnd"]))
    )


def _is_shown(booking: Booking, query: dict[str, str]) -> bool:
    return all(
        (f"after{word}" not in query or instant >= parse_instant(query[f"after{word}"]))
        and (f"before{word}" not in query or instant <= parse_instant(query[f"before{word}"]))
        for word, instant in (("CreatedAt", booking.created), ("UpdatedAt", booking.updated))
    )


def _plain_page(world: World, build: Build, query: dict[str, str], user: User) -> tuple[int, list[Any]]:
    """Return the total and the page: a plain implementation that hashes and sorts all bookings."""
    take, skip = int(query.get("take", 100)), int(query.get("skip", 0))
    name = next((name for name in SORTS if name in query), "sortStart")
    direction = query.get(name, "desc" if query.get("status") in ("past", "cancelled") else "asc")
    rows = [booking for booking in world.bookings.values() if _fits(booking, query, build, user)]
    page = [booking for booking in rows if _is_shown(booking, query)]
    page.sort(key=lambda one: hashlib.sha256(f"{one.uid} {take} {skip}".encode()).digest())
    page.sort(key=lambda one: getattr(one, SORTS[name]), reverse=direction == "desc")
    return len(rows), [show_booking(one, world, build, seated=True) for one in page[skip : skip + take]]


def _change(world: World, chance: random.Random, number: int) -> None:
    """Make one of the writes that a list shows."""
    booking = chance.choice(list(world.bookings.values()))
    kind = chance.choice(["start", "end", "status", "reschedule", "reassign", "mark"])
    if kind in ("start", "end"):
        world.patch({"uid": booking.uid, kind: _instant(chance)})
    elif kind == "status":
        world.patch({"uid": booking.uid, "status": chance.choice(["accepted", "cancelled"])})
    elif kind == "mark" and booking.start <= NOW:
        mark_absent(world, BUILDS["2026-07"], booking.uid, {"host": True}, booking.owner, NOW)
    elif kind == "reschedule":
        body, build = {"start": iso(NOW + timedelta(days=1, minutes=number))}, BUILDS["2026-07"]
        with suppress(ApiError):
            reschedule(world, build, booking.uid, body, booking.owner, NOW, f"new{number}")
    elif kind == "reassign" and booking.event_type is not None and booking.event_type.hosts:
        lifecycle.reassign(world, BUILDS["2025-12"], booking.uid, booking.owner, None, None, NOW)


@pytest.mark.parametrize("seed", range(examples(12, 200)))
def test_pages_equal_the_plain_implementation(seed: int) -> None:
    """Byte for byte, with random worlds, queries, builds and writes between two pages; totals are exact."""
    chance = random.Random(seed)
    world = _world(chance)
    for number in range(40):
        query, build = _query(chance), chance.choice(list(BUILDS.values()))
        user = chance.choice(list(world.users.values()))
        listed = list_bookings(world, build, Query(list(query.items())), user, NOW)
        total, page = _plain_page(world, build, query, user)
        assert json.dumps(listed["data"]) == json.dumps(page), query
        assert listed["pagination"]["totalItems"] == total, query
        if world.bookings:
            _change(world, chance, number)


@pytest.mark.parametrize("seed", range(examples(6, 60)))
def test_look_ups_follow_every_write(seed: int) -> None:
    """The index finds the booking that replaced another, and the occurrences of a series, like a walk through all."""
    chance = random.Random(seed)
    world, build = _world(chance), BUILDS["2026-07"]
    for number in range(20 if world.bookings else 0):
        _change(world, chance, number)
        rows = list(world.bookings.values())
        for booking in rows:
            newer = [one.uid for one in rows if one.rescheduled_from == booking.uid]
            assert booking.rescheduled or not newer
            assert world.rescheduled_to(booking) == (newer[0] if newer else None)
        for series in {one.series for one in rows if one.series}:
            found = sorted((one for one in rows if one.series == series), key=lambda one: one.start)
            shown = get_booking(world, build, series, None)
            assert [one["uid"] for one in shown] == [one.uid for one in found]


def test_a_mark_keeps_the_index() -> None:
    """With 100,000 bookings, building the index for each mark costs a hundred times the mark."""
    world = _world(random.Random(3))
    booking = next(one for one in world.bookings.values() if one.start <= NOW)
    before = world.index
    mark_absent(world, BUILDS["2026-07"], booking.uid, {"host": True}, booking.owner, NOW)
    assert world.index is before
