"""What the sandbox recorded, compared with what is true of the world: lost, doubled and wrong flags."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from tests.distributed.servers import ObjectStore, Sandbox
from tests.distributed.world import World

Flag = tuple[str, str]
"""Booking uid and address."""

_MARK = re.compile(r"/v2/bookings/([^/]+)/mark-absent")


@dataclass(frozen=True)
class Account:
    """The result of all runs together.

    :param changes: flags that had to be set.
    :param lost: of them, those that are not set.
    :param doubled: mark-absent calls that wrote, beyond the one that each booking with a change needs.
    :param wrong: flags that are set, or no longer set, and should not be.
    :param calls: all calls by kind.
    :param too_many: of them, those with 429.
    """

    changes: int
    lost: int
    doubled: int
    wrong: int
    calls: dict[str, int]
    too_many: int

    @property
    def blocked_share(self) -> float:
        """The part of the calls that got 429, from 0 to 1."""
        return self.too_many / max(1, sum(self.calls.values()))


def count(world: World, sandbox: Sandbox) -> Account:
    """Compare the sandbox's flags and its record of calls with the world."""
    before, after = _flags(world.source["bookings"]), _flags(sandbox.read("state")["bookings"])
    writes = Counter(
        match[1]
        for call in sandbox.read("calls")["calls"]
        if call["wrote"] and (match := _MARK.fullmatch(call["path"]))
    )
    counts = sandbox.read("counts")
    return Account(
        changes=len(world.changes),
        lost=len(world.changes - after),
        doubled=sum(number - (uid in world.bookings_to_mark) for uid, number in writes.items()),
        wrong=len((before | world.changes) ^ (after | world.changes)),
        calls=counts["calls"],
        too_many=counts["too_many"],
    )


def _flags(bookings: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """Return booking uid and address of everyone who is marked absent; of a host without the address."""
    people = {(one["uid"], row["email"]) for one in bookings for row in one["attendees"] if row["absent"]}
    return people | {(one["uid"], "host") for one in bookings if one.get("absentHost")}


@dataclass(frozen=True)
class Ledger:
    """The record that the runs share.

    :param files: that it has in the object store.
    :param applied: changes that are recorded as applied.
    :param twice: changes that are recorded as applied more than once.
    :param open: intents without an outcome, and without a later record of the same flag.
    """

    files: int
    applied: int
    twice: int
    open: int


def read_ledger(store: ObjectStore, prefix: str) -> Ledger:
    """Read the lines of the ledger as they are, without the code that wrote them."""
    keys = [key for key in store.keys(prefix) if key.endswith(".jsonl")]
    lines = [json.loads(line) for key in keys for line in store.get(key).splitlines()]
    lines.sort(key=lambda line: line["sequence"])
    # By the ids of writes: a merged file may have records that the files before it have as well.
    applied: dict[Flag, set[str]] = defaultdict(set)
    last: dict[Flag, str] = {}
    for line in lines:
        flag = (line["booking_uid"], line["email"] or line["email_hash"])
        last[flag] = line["kind"]
        if line["kind"] == "outcome" and line["outcome"] == "applied":
            applied[flag].add(line["id"])
    return Ledger(
        files=len(keys),
        applied=len(applied),
        twice=sum(len(ids) > 1 for ids in applied.values()),
        open=sum(kind == "intent" for kind in last.values()),
    )
