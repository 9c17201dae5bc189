"""The built-in worlds: the practice world of yesterday, today and tomorrow, and the fixed day of `make demo`."""

import json
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

from airflow_provider_calcom.sandbox.clock import iso

Json = dict[str, Any]
_PEOPLE = (
    ("Bob Barker", "bob@example.org", "Europe/Berlin", "de"),
    ("Carol Chen", "carol@example.org", "Asia/Singapore", "en"),
    ("Dave Díaz", "dave+cal@example.org", "America/Sao_Paulo", "pt"),
    ("Erin Egan", "Erin.Egan@Example.org", "Europe/Dublin", "en"),
    ("Mona Managed", "mona+cm0practice0client0id0000@example.org", "UTC", "en"),
)
_KINDS = {1: "30min", 2: "group-class", 3: "weekly-sync", 4: "round-robin", 5: "intro"}


def demo_world() -> Json:
    """Return a world file's content: the day whose no-shows `make demo` marks, at six the next morning."""
    text = files(__package__).joinpath("demo_world.json").read_text(encoding="utf-8")
    return json.loads(text)  # type: ignore[no-any-return]


def practice_world(now: datetime) -> Json:
    """Return a world file's content that differs from run to run only in its dates."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    users = [
        _user(1, "Olivia Owner", "owner", "Europe/London"),
        _user(2, "Otto Other", "other", "America/New_York"),
        _user(3, "Nora Nobody", "nobody", "UTC"),
    ]
    kinds: list[Json] = [{"id": number, "slug": slug} for number, slug in _KINDS.items()]
    kinds[1]["seatsPerTimeSlot"] = 5
    kinds[3] |= {"teamId": 1, "hosts": [1, 2]}
    limits = [
        {"name": "short", "calls": 3, "window": 10, "block": 10},
        {"name": "long", "calls": 5, "window": 60, "block": 30},
    ]
    keys: list[Json] = [
        {"name": name, "key": f"cal_sandbox_{name}", "user": user}
        for name, user in {"owner": "owner", "other": "other", "nobody": "nobody", "expired": "owner"}.items()
    ]
    keys[-1]["expired"] = True
    keys.append({"name": "tiered", "key": "cal_sandbox_tiered", "user": "owner", "limits": limits})
    rows = [*_ordinary(today), *_special(now, today)]
    # Otto hosts the team's event but is not a member, so even the open-source edition guards his own bookings.
    teams = [{"id": 1, "name": "Clinic", "members": [{"user": "owner", "role": "OWNER"}]}]
    return {"users": users, "eventTypes": kinds, "teams": teams, "keys": keys, "bookings": rows}


def _user(number: int, name: str, username: str, zone: str) -> Json:
    return {"id": number, "name": name, "username": username, "email": f"{username}@example.com", "timeZone": zone}


def _ordinary(today: datetime) -> list[Json]:
    """Return nine half-hour bookings a day for three days; three of each day start at the same time."""
    rows = []
    for day, word in ((-1, "yesterday"), (0, "today"), (1, "tomorrow")):
        for slot, hour in enumerate((8, 9, 9, 9, 11, 13, 14, 15, 16)):
            start = today + timedelta(days=day, hours=hour)
            people = {4: [0, 1, 2], 7: [4]}.get(slot, [slot % 5])
            rows.append(_booking(f"sandbox-{word}-{slot + 1}", start, people))
    return rows


def _special(now: datetime, today: datetime) -> list[Json]:
    yesterday, series = today - timedelta(days=1), "sandbox-series"
    cohost = ("Otto Other", "other@example.com", "America/New_York", "en")
    rows = [
        _booking("sandbox-in-progress", now - timedelta(minutes=10), [0]),
        _booking("sandbox-seated", yesterday + timedelta(hours=10), [0, 1, 2], kind=2, responses={}),
        _booking("sandbox-cancelled", yesterday + timedelta(hours=12), [1], status="cancelled"),
        _booking("sandbox-rejected", yesterday + timedelta(hours=12), [2], status="rejected"),
        _booking("sandbox-pending", yesterday + timedelta(hours=17), [3], status="pending"),
        _booking("sandbox-team", yesterday + timedelta(hours=18), [0], kind=4, others=[cohost]),
        _booking("sandbox-of-other", yesterday + timedelta(hours=9), [1], kind=5, owner="other@example.com"),
    ]
    rows[2] |= {"cancellationReason": "Changed plans", "cancelledBy": _PEOPLE[1][1]}
    for week in (-2, -1, 0, 1):
        row = _booking(f"{series}-{week + 3}", yesterday + timedelta(weeks=week, hours=15), [1], kind=3)
        rows.append(row | {"recurring_booking_uid": series})
    return rows


def _booking(
    uid: str,
    start: datetime,
    people: list[int],
    kind: int = 1,
    status: str = "accepted",
    owner: str = "owner@example.com",
    others: list[tuple[str, str, str, str]] | None = None,
    responses: Json | None = None,
) -> Json:
    rows = [_PEOPLE[one] for one in people] + (others or [])
    name, email = rows[0][:2]
    from_form = {"name": name, "email": email, "guests": [_PEOPLE[one][1] for one in people[1:]]}
    return {
        "uid": uid,
        "title": f"{_KINDS[kind]} between {owner.split('@', maxsplit=1)[0]} and {name}",
        "start": iso(start),
        "end": iso(start + timedelta(minutes=30)),
        "createdAt": iso(start - timedelta(days=5)),
        "updatedAt": iso(start - timedelta(days=5)),
        "status": status,
        "owner": owner,
        "eventTypeId": kind,
        "location": "https://meet.example.com/room",
        "responses": from_form if responses is None else responses,
        "attendees": [dict(zip(("name", "email", "timeZone", "language"), row, strict=True)) for row in rows],
    }
