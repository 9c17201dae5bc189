"""Reading recordings: their rows in order, and the facts of each server's world that `world.json` hasn't.

Which rows are replayed is decided by name (:func:`is_replayed`). What the files can't tell, because rows are
missing between two that are there, is taken from the recording and not compared; :class:`Timeline` says when.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from airflow_provider_calcom.sandbox.clock import parse_instant

Json = dict[str, Any]
SERVERS = ("2025-08", "2025-12", "2026-07")
KINDS = (
    *("mark-absent-", "list-", "get-one", "me-", "ratelimit-", "webhook-"),
    *("method-", "trailing-", "api-prefix-", "empty-uid", "unknown-route"),
)
NOT_REPLAYED = {
    "list-version-": "the legacy list",
    "mark-absent-team-": "bookings of teams, which world.json doesn't have",
    "me-retired": "a key that was retired while recording",
    "ratelimit-after-block": "needs real time to pass",
}


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
    return name.startswith(KINDS) and not name.startswith(tuple(NOT_REPLAYED))


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
    """The world of the first directory that has one."""
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


def world_of(rows: list[Row], world: Json) -> Json:
    """`world.json` with this server's own facts, learned from all answers of a segment.

    Facts are ids, the times of bookings that the rig placed around its own present, who cancelled or rescheduled,
    and seat references. Flags, statuses and texts are never learned here.
    """
    world = deepcopy(world)
    seen = {one["uid"]: one for row in rows for one in bookings_in(row)}
    ids = {name: number for row in rows for name, number in _ids_in(row).items()}
    for user in world["users"]:
        user["id"] = ids.get(user["email"], user["id"])
    new_ids = {}
    for kind in world["eventTypes"]:  # a kind never seen keeps out of the way of those that were
        new_ids[kind["id"]] = kind["id"] = ids.get(kind["slug"], kind["id"] + 100_000)
    for booking in world["bookings"]:
        booking["eventTypeId"] = new_ids.get(booking["eventTypeId"])
        if booking["uid"] in seen:
            _learn(booking, [one for row in rows for one in bookings_in(row) if one["uid"] == booking["uid"]])
    return world


def _learn(booking: Json, shown: list[Json]) -> None:
    booking |= {name: shown[0][name] for name in ("id", "start", "end", "createdAt")}
    for name, source in (("cancelledBy", "cancelledByEmail"), ("rescheduledBy", "rescheduledByEmail")):
        booking[name] = next((one[source] for one in shown if one.get(source)), None)
    seats = {row["email"]: row for one in shown for row in one["attendees"] if "seatUid" in row}
    for row in booking["attendees"]:
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
            self.instants = [(0, max(changes, default=datetime.now(timezone.utc)))]
        self._replayed = {row.n for row in self.rows if is_replayed(row.name)}

    def at(self, n: int) -> datetime:
        """Known exactly for rows that show their instant, and in proportion between two such rows."""
        before = [one for one in self.instants if one[0] <= n][-1:] or self.instants[:1]
        after = [one for one in self.instants if one[0] >= n][:1] or self.instants[-1:]
        (low, start), (high, end) = before[0], after[0]
        return start + (end - start) * ((n - low) / (high - low) if high > low else 0)

    def unbroken(self, since: int, n: int) -> bool:
        """Whether every row after `since` and before `n` was replayed, so that nothing unseen happened."""
        return all(one in self._replayed for one in range(since + 1, n))


def _instant(row: Row) -> datetime | None:
    body = row.answer.get("json")
    if isinstance(body, dict) and "timestamp" in body:
        return parse_instant(body["timestamp"])
    before, after = row.data.get("db_before"), row.data.get("db_after")
    if before and after and before["noShowHost"] != after["noShowHost"] and row.answer["status"] == 200:
        return parse_instant(body["data"]["updatedAt"]) - timedelta(milliseconds=1)  # type: ignore[index]
    return None
