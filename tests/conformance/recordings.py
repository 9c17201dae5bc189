"""Reading recordings: their rows in order, and the facts of each server's world that `world.json` hasn't.

Every row is replayed but those of :data:`NOT_REPLAYED`. What the files can't show, because rows are missing between two
that are there, is taken from the recording and not compared; :class:`Timeline` says when.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow_provider_calcom.sandbox.clock import parse_instant

Json = dict[str, Any]
SERVERS = ("2025-08", "2025-12", "2026-07")
NOT_REPLAYED = {
    "create-booking": "the sandbox makes no new bookings; those they made are put into its world",
    "db-down-": "the server's database was stopped",
    "redis-down-": "the server's Redis was stopped",
    "me-retired": "a key that was retired while recording",
}
"""Why rows whose names begin so are left out. Deliveries of which the call itself is missing are left out as well."""

TEAM = "rigxTeam"
"""How the uids of bookings begin that the rig put into its database beside the world, with a team to book."""
TEAM_HOSTS = {"rr": ("owner", "other"), "rr-solo": ("owner",), "rr-other": ("other",)}
TEAM_BOOKINGS = (
    (f"{TEAM}OwnerCohost0001", "rr", "owner"),
    (f"{TEAM}OwnerMember0001", "rr-solo", "owner"),
    (f"{TEAM}Other0001", "rr-other", "other"),
)
CLIENTS = {"rig-client-full": ("BOOKING_READ", "BOOKING_WRITE"), "rig-client-read": ("BOOKING_READ",)}
TOKENS = {
    "rig-at-valid": ("rig-client-full", False),
    "rig-at-expired": ("rig-client-full", True),
    "rig-at-readonly": ("rig-client-read", False),
}
ROLES = {7: "OWNER", 10: "MEMBER", 11: "ADMIN"}
"""Of the users of the world of November 2026 in its team, as the README beside the recordings says."""


@dataclass
class Row:
    """One line of a recording, and the directories it is in."""

    data: Json
    directories: list[Path]

    @property
    def n(self) -> int:
        return int(self.data["n"])

    @property
    def name(self) -> str:
        return str(self.data["name"])

    @property
    def answer(self) -> Json:
        return self.data.get("response") or {}

    @property
    def uid(self) -> str | None:
        """The booking uid in the path, as it is written there."""
        parts = self.data.get("request", {}).get("path", "").split("?")[0].split("/")
        return parts[parts.index("bookings") + 1] if "bookings" in parts[:-1] else None


def is_replayed(name: str) -> bool:
    return not name.startswith(tuple(NOT_REPLAYED))


def why_not(name: str) -> str:
    """Why a row of this name is left out."""
    return next((why for start, why in NOT_REPLAYED.items() if name.startswith(start)), "its call is not recorded")


def recordings_in(directories: list[Path]) -> list[list[Path]]:
    """The directories by recording: those of one world belong together, and so do their rows' numbers.

    A directory without a world belongs to the first one whose keys its rows were sent with.
    """
    groups: dict[str, list[Path]] = {}
    homeless = []
    for directory in directories:
        path = directory / "world.json"
        if path.exists():
            groups.setdefault(path.read_text(encoding="utf-8"), []).append(directory)
        else:
            homeless.append(directory)
    for directory in homeless:
        text = "".join(path.read_text(encoding="utf-8") for path in sorted(directory.glob("*.jsonl")))
        known = (world for world in groups if any(key in text for key in _keys_of(json.loads(world))))
        groups.setdefault(next(known, next(iter(groups), "")), []).append(directory)
    return list(groups.values())


def _keys_of(world: Json) -> list[str]:
    keys = world["keys"]
    return list(keys.values()) if isinstance(keys, dict) else [key["key"] for key in keys]


def load_rows(directories: list[Path], server: str) -> list[Row]:
    """All rows of one server in the order of `n`; a row that is the same in two directories is one row."""
    rows: dict[tuple[int, str], Row] = {}
    for directory in directories:
        path = directory / f"{server}.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        for line in filter(str.strip, lines):
            row = rows.setdefault((json.loads(line)["n"], line.strip()), Row(json.loads(line), []))
            row.directories.append(directory)
    return [rows[key] for key in sorted(rows)]


def load_world(directories: list[Path]) -> Json:
    """The world of a recording: that of the first of its directories that has one."""
    for directory in directories:
        path = directory / "world.json"
        if path.exists():
            return json.loads(path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]
    raise FileNotFoundError(f"no world.json in {', '.join(map(str, directories))}")


def bookings_in(row: Row) -> Iterator[Json]:
    """Every booking object in a row's answer."""
    data = (row.answer.get("json") or {}).get("data") if isinstance(row.answer.get("json"), dict) else None
    for one in data if isinstance(data, list) else [data]:
        if isinstance(one, dict) and "absentHost" in one:
            yield one


def _account_in(row: Row) -> Json | None:
    data = (row.answer.get("json") or {}).get("data") if isinstance(row.answer.get("json"), dict) else None
    return data if isinstance(data, dict) and "defaultScheduleId" in data else None


def _ids_in(row: Row) -> dict[str, int]:
    """Ids of bookings, people and kinds of events that an answer shows."""
    ids: dict[str, int] = {account["email"]: account["id"]} if (account := _account_in(row)) else {}
    for one in bookings_in(row):
        ids[one["uid"]] = one["id"]
        ids |= {host["email"]: host["id"] for host in one["hosts"]}
        ids |= {one["eventType"]["slug"]: one["eventType"]["id"]} if one.get("eventType") else {}
    return ids


def segments(rows: list[Row]) -> list[list[Row]]:
    """Split where the rig was seeded anew: there, the same bookings and people get other ids."""
    parts: list[list[Row]] = [[]]
    ids: dict[str, int] = {}
    for row in rows:
        found = _ids_in(row)
        if any(ids.get(name, number) != number for name, number in found.items()):
            parts.append([])
            ids = {}
        ids |= found
        parts[-1].append(row)
    return parts


def world_of(rows: list[Row], world: Json, server: str) -> Json:
    """`world.json` with this server's own facts: those the rig is known for, and those its answers show.

    Facts are ids, the times of bookings that the rig placed around its own present, who cancelled or rescheduled, seat
    references and titles. Flags, statuses and texts are never learned here.
    """
    world = deepcopy(world)
    seen = [one for row in rows for one in bookings_in(row)]
    if any("id" in booking for booking in world["bookings"]):  # written out of the database as it was
        hosts = {number for kind in world["eventTypes"] for number in kind.get("hosts", ())}
        names = {user["id"]: user["username"] for user in world["users"]}
        roles = {number: role for number, role in ROLES.items() if number in names and hosts}
        members = [{"user": names[number], "role": role} for number, role in roles.items()]
        teams = {kind["teamId"] for kind in world["eventTypes"] if kind.get("teamId") is not None}
        world.setdefault("teams", [{"id": team, "members": members} for team in sorted(teams)])
        icsless = {one["uid"] for one in seen if not one["icsUid"]}
        for booking in world["bookings"]:
            booking.setdefault("icsUid", "" if icsless else None)
        return world
    _learn_ids(rows, world)
    _learn_attendee_ids(rows, world)
    clients = [{"id": name, "secret": f"rig-secret-{name}", "permissions": may} for name, may in CLIENTS.items()]
    owner = None if server == "2025-08" else "owner"  # that build found no owner of a client
    world["oauthClients"] = [{**client, "owner": owner} for client in clients]
    world["accessTokens"] = [
        {"token": token, "user": "owner", "client": client, "expired": expired}
        for token, (client, expired) in TOKENS.items()
    ]
    if any((row.uid or "").startswith(TEAM) for row in rows):
        _add_team(rows, world)
    for booking in world["bookings"]:
        if shown := [one for one in seen if one["uid"] == booking["uid"]]:
            _learn(booking, shown)
    titles = {one["eventType"]["id"]: one["title"] for one in seen if one.get("eventType")}
    for kind in world["eventTypes"]:
        kind["title"] = titles.get(kind["id"], kind["slug"]).partition(" between ")[0]
    return world


def _learn_ids(rows: list[Row], world: Json) -> None:
    ids = {name: number for row in rows for name, number in _ids_in(row).items()}
    new_ids: dict[tuple[str, Any], int] = {}
    for name in ("users", "eventTypes"):
        for one in world[name]:  # what was never seen does not collide with what was
            found = ids.get(one.get("email", one.get("slug")))
            new_ids[name, one["id"]] = one["id"] = found or one["id"] + 100_000
    for kind in world["eventTypes"]:
        kind["userId"] = new_ids.get(("users", kind.get("userId")))
    for booking in world["bookings"]:
        booking["eventTypeId"] = new_ids.get(("eventTypes", booking["eventTypeId"]))


def _learn_attendee_ids(rows: list[Row], world: Json) -> None:
    """Only the list of the API's old version shows them."""
    datas = [(row.answer.get("json") or {}).get("data") for row in rows if isinstance(row.answer.get("json"), dict)]
    lists = [data["bookings"] for data in datas if isinstance(data, dict) and "bookings" in data]
    shown = {one["uid"]: one["attendees"] for page in lists for one in page}
    for booking in world["bookings"]:
        for row, found in zip(booking["attendees"] or (), shown.get(booking["uid"], ()), strict=False):
            row["id"] = next((one["id"] for one in shown[booking["uid"]] if one["email"] == row["email"]), found["id"])


def _add_team(rows: list[Row], world: Json) -> None:
    """The rig's team, whose members are its users owner and other, and a booking of each of its event types."""
    people = {user["username"]: user for user in world["users"]}
    kinds = {kind["slug"]: kind for kind in world["eventTypes"]}
    for slug, names in TEAM_HOSTS.items():
        kinds[slug]["hosts"] = [people[name]["id"] for name in names]
    roles = [{"user": "owner", "role": "OWNER"}, {"user": "other", "role": "MEMBER"}]
    world["teams"] = [{"id": kinds["rr"]["teamId"], "members": roles}]
    shown = {one["uid"]: one for row in rows for one in bookings_in(row)}
    model = next(one for uid, one in shown.items() if uid.startswith(TEAM))
    for uid, slug, name in TEAM_BOOKINGS:
        world["bookings"].append(
            {
                **booking_row(shown.get(uid, model)),
                "uid": uid,
                "owner": people[name]["email"],
                "eventTypeId": kinds[slug]["id"],
            }
        )


def booking_row(shown: Json) -> Json:
    """A booking of a world file, from the way the server shows it."""
    answers = {name: one for name, one in shown["bookingFieldsResponses"].items() if not name.startswith("display")}
    names = (
        "id",
        "uid",
        "title",
        "description",
        "start",
        "end",
        "status",
        "location",
        "metadata",
        "createdAt",
        "icsUid",
    )
    return {
        **{name: shown[name] for name in names},
        "updatedAt": shown["createdAt"],
        "owner": shown["hosts"][0]["email"],
        "eventTypeId": shown["eventTypeId"],
        "responses": answers,
        "attendees": [{**row, "absent": False} for row in shown["attendees"]],
    }


def _learn(booking: Json, shown: list[Json]) -> None:
    booking |= {name: shown[0][name] for name in ("id", "start", "end", "createdAt", "icsUid")}
    for name, source in (("cancelledBy", "cancelledByEmail"), ("rescheduledBy", "rescheduledByEmail")):
        booking[name] = next((one[source] for one in shown if one.get(source)), None)
    seats = {row["email"]: row for one in shown for row in one["attendees"] if "seatUid" in row}
    for row in booking["attendees"] or ():
        if seat := seats.get(row["email"]):
            uid, responses, metadata = seat["seatUid"], seat["bookingFieldsResponses"], seat["metadata"]
            row["seat"] = {"uid": uid, "responses": responses, "metadata": metadata}


@dataclass
class Timeline:
    """When each row of a segment happened, and whether rows are missing between two of them."""

    rows: list[Row]
    instants: list[tuple[int, datetime]] = field(init=False)

    def __post_init__(self) -> None:
        self.instants = sorted((row.n, at) for row in self.rows if (at := _instant(row)) is not None)
        if not self.instants:  # nothing better than the newest change that any answer shows
            changes = [parse_instant(one["updatedAt"]) for row in self.rows for one in bookings_in(row)]
            self.instants = [(0, max(changes, default=datetime.now(UTC)))]
        self._replayed = {row.n for row in self.rows if is_replayed(row.name)}

    def at(self, n: int) -> datetime:
        """Known exactly for rows that show their instant, and in proportion between two such rows."""
        before = [one for one in self.instants if one[0] <= n][-1:] or self.instants[:1]
        after = [one for one in self.instants if one[0] >= n][:1] or self.instants[-1:]
        (low, start), (high, end) = before[0], after[0]
        return start + (end - start) * ((n - low) / (high - low) if high > low else 0)

    def unbroken(self, since: int, n: int) -> bool:
        """Return whether every row after `since` and before `n` was replayed, so that nothing unseen happened."""
        return all(one in self._replayed for one in range(since + 1, n))


def _instant(row: Row) -> datetime | None:
    body = row.answer.get("json")
    if isinstance(body, dict) and "timestamp" in body:
        return parse_instant(body["timestamp"])
    if row.answer.get("status") == 201 and list(bookings_in(row)):
        return parse_instant(next(bookings_in(row))["createdAt"])
    before, after = row.data.get("db_before"), row.data.get("db_after")
    if before and after and before["noShowHost"] != after["noShowHost"] and row.answer["status"] == 200:
        return parse_instant(body["data"]["updatedAt"]) - timedelta(milliseconds=1)  # type: ignore[index]
    return None
