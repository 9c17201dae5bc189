"""Replaying recordings against the sandbox, and reporting what differs."""

import asyncio
import hashlib
import hmac
import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from airflow_provider_calcom.sandbox import create_app
from airflow_provider_calcom.sandbox.clock import Clock
from airflow_provider_calcom.sandbox.server.auth import Caller
from airflow_provider_calcom.sandbox.throttle import Window
from airflow_provider_calcom.sandbox.webhooks.subscriptions import Webhook
from airflow_provider_calcom.sandbox.world import load_world as load_source
from tests.conformance.recordings import (
    Json,
    Row,
    Timeline,
    booking_row,
    bookings_in,
    is_replayed,
    load_rows,
    load_world,
    recordings_in,
    segments,
    why_not,
    world_of,
)

VOLATILE = {"updatedAt", "defaultScheduleId"}
RESET_TOLERANCE = 2
"""Seconds by which X-RateLimit-Reset may differ inside a running window, since rows' instants are estimates."""


class _Stopped(Clock):
    """Shows only what it was set to, so that what a call makes has the recorded instant to the millisecond."""

    def now(self) -> datetime:
        return self._start


class Replay:
    """One server's replay. `results` has a row and its differences for each row replayed."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.results: list[tuple[Row, list[str]]] = []
        self.left_out: list[Row] = []

    async def run(self, rows: list[Row], world: Json) -> None:
        names = {name.lower() for row in rows for name in row.answer.get("headers", {})}
        self.limits_recorded = any(name.startswith("x-ratelimit-") for name in names)
        for part in segments(rows):
            await self._run_segment(part, world_of(part, world, self.server))

    async def _run_segment(self, rows: list[Row], world: Json) -> None:
        self.time = Timeline(rows)
        self.ids: list[str] = []
        self.app = create_app(world=world, server=self.server, send_webhook=_send_nowhere, new_id=self._new_id)
        self.sandbox = self.app.sandbox
        self.sandbox.clock = _Stopped()
        self.flags_known: dict[str, int] = {}
        self.tracker_seen: dict[str, int] = {}
        self.remaining: dict[str, dict[str, int]] = {}
        self.start = rows[0].n - 1 if rows[0].n > 1 and self.results else 0
        self.last: tuple[int, list[Json]] = (0, [])
        for row in rows:
            delivers = "deliveries" in row.data
            if not is_replayed(row.name) or (delivers and self.last[0] != row.n - 1):
                self.left_out.append(row)  # a delivery whose own call isn't in the files can't be brought about
                self._take_in(row)
            elif delivers:
                self.results.append((row, self._compare_deliveries(row)))
            else:
                self.results.append((row, await self._replay(row)))

    def _take_in(self, row: Row) -> None:
        """Put a booking into the world that a row made which isn't replayed."""
        if row.name.startswith("create-booking") and row.answer["status"] == 201:
            world = self.sandbox.source
            world["bookings"].append(booking_row(row.answer["json"]["data"]))
            self.sandbox.world.add(load_source(world).bookings[world["bookings"][-1]["uid"]])

    def _new_id(self) -> str:
        return self.ids.pop() if self.ids else str(uuid4())

    async def _replay(self, row: Row) -> list[str]:
        self.sandbox.clock.set(self.time.at(row.n))
        self._set_flags(row)
        self._set_times(row)
        await self._set_throttle(row)
        self._set_webhooks(row)
        sent = len(self.sandbox.webhooks.deliveries)
        try:
            status, headers, body = await self._send(row)
        except Exception as error:
            return [f"the sandbox raised {error!r}"]
        self.last = (row.n, self.sandbox.webhooks.deliveries[sent:])
        differences = [] if status == row.answer["status"] else [f"status {row.answer['status']}, came {status}"]
        differences += self._compare_headers(row, headers)
        differences += _compare_bodies(row, body)
        return differences + self._compare_flags(row)

    # -- what stands before the call ----------------------------------------------------------------------------

    def _set_flags(self, row: Row) -> None:
        """From `db_before`; for a read, from what it shows where rows since the last knowledge are missing."""
        uid = unquote(row.uid or "")
        if uid in self.sandbox.world.bookings and row.data.get("db_before"):
            self._patch(uid, _from_database(row.data["db_before"]))
            self.flags_known[uid] = row.n
        if row.data["request"]["method"] == "GET":
            for shown in bookings_in(row):
                known = self.flags_known.get(shown["uid"], self.start)
                if not self.time.unbroken(known, row.n):
                    self._patch(shown["uid"], {"absentHost": shown["absentHost"], "attendees": shown["attendees"]})
                self.flags_known[shown["uid"]] = row.n

    def _set_times(self, row: Row) -> None:
        """Move a booking that the rig moved in its database: this answer, or else a later one, shows when it is."""
        early = "only be marked as absent after" in json.dumps(row.answer.get("json"))
        if row.data["request"]["method"] == "POST" and not early:
            later = (one for other in self.time.rows if other.n >= row.n for one in bookings_in(other))
            shown = next((one for one in later if one["uid"] == row.uid), None)
            if shown:
                self._patch(shown["uid"], {"start": shown["start"], "end": shown["end"]})

    def _set_webhooks(self, row: Row) -> None:
        """Set the recorded id of a new webhook or booking; where rows are missing, copy the response's webhooks."""
        data = row.answer["json"].get("data") if isinstance(row.answer.get("json"), dict) else None
        if row.answer["status"] == 201 and isinstance(data, dict):
            self.ids = [str(data.get("uid", data["id"]))]
        elif row.name.startswith("webhook-") and not self.time.unbroken(self.start, row.n):
            rows, name = self.sandbox.webhooks.rows, str(row.data["request"]["path"]).rpartition("/")[2]
            if row.answer["status"] == 404:
                rows.pop(name, None)
            for one in data if isinstance(data, list) else [data]:
                if isinstance(one, dict) and "subscriberUrl" in one and one["id"] not in rows:
                    owner = next(user for user in self.sandbox.world.users.values() if user.id == one["userId"])
                    names = ("active", "subscriberUrl", "triggers", "secret", "payloadTemplate")
                    settings = {name: one[name] for name in names}
                    rows[one["id"]] = Webhook(one["id"], owner, self.sandbox.clock.now(), settings)

    def _patch(self, uid: str, change: Json) -> None:
        if uid in self.sandbox.world.bookings:
            self.sandbox.world.patch({"uid": uid, **change})

    async def _set_throttle(self, row: Row) -> None:
        """Set the caller's window to its recorded state.

        It is empty if the response opens a new one (the rig emptied Redis between groups), as the response has it if
        calls are missing since the last one, else as the replay left it.

        Calls are missing where rows are, and where the recorded count itself jumps: the rig made some unrecorded.
        """
        if not self.limits_recorded:
            self.sandbox.throttle.windows.clear()
        limits = _limits(row.answer.get("headers", {}))
        tracker, known = self._tracker(row), self.sandbox.throttle.windows
        since, self.tracker_seen[tracker] = self.tracker_seen.get(tracker, self.start), row.n
        if not limits:
            return
        before = self.remaining.get(tracker, {})
        self.remaining[tracker] = {name: remaining for name, (_, remaining, _) in limits.items()}
        jumped = any(before.get(name, 0) - remaining > 1 for name, (_, remaining, _) in limits.items())
        if all(remaining == limit - 1 for limit, remaining, _ in limits.values()):
            for name in limits:
                known.pop((tracker, name), None)
        elif row.name.startswith("ratelimit-"):
            await self._call_until(row, tracker, limits)
        elif jumped or not self.time.unbroken(since, row.n) or (tracker, next(iter(limits))) not in known:
            for name, (limit, remaining, reset) in limits.items():
                ends = self.sandbox.clock.now() + timedelta(seconds=reset)
                known[tracker, name] = Window(ends, limit - remaining - 1)

    async def _call_until(self, row: Row, tracker: str, limits: dict[str, tuple[int, int, int]]) -> None:
        """Make the calls between two ratelimit rows: up to the one before the call its name or answer counts."""
        ordinal = re.search(r"-(\d+)(st|nd|rd|th)$", row.name)
        over = row.answer["status"] == 429
        for name, (limit, remaining, _) in limits.items():
            wanted = int(ordinal[1]) - 1 if ordinal else limit if over else limit - remaining - 1
            window = self.sandbox.throttle.windows.get((tracker, name))
            for _call in range(wanted - (window.hits if window else 0)):
                await self._send(row)

    def _tracker(self, row: Row) -> str:
        headers = {name.lower(): value.strip() for name, value in row.data["request"]["headers"].items()}
        caller = Caller.of(headers, "127.0.0.1", self.sandbox.world)
        return caller.limits(self.sandbox.default_limit)[0] if caller.key or not caller.has_key_form else "nobody"

    # -- the call -----------------------------------------------------------------------------------------------

    async def _send(self, row: Row) -> tuple[int, dict[str, str], bytes]:
        """Call the app with the request exactly as recorded; clients and servers would tidy it up."""
        request, out = row.data["request"], []
        path, _, query = request["path"].partition("?")
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": request["method"],
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in request["headers"].items()],
            "client": ("127.0.0.1", 50000),
        }

        async def receive() -> Json:
            return {"type": "http.request", "body": _body(request.get("body")), "more_body": False}

        async def send(message: Any) -> None:
            out.append(message)

        await self.app(scope, receive, send)
        await asyncio.sleep(0)  # lets the deliveries run
        headers = {name.decode().lower(): value.decode() for name, value in out[0]["headers"]}
        return out[0]["status"], headers, b"".join(one.get("body", b"") for one in out[1:])

    # -- what came of it ----------------------------------------------------------------------------------------

    def _compare_headers(self, row: Row, came: dict[str, str]) -> list[str]:
        wanted = {name.lower(): value for name, value in row.answer.get("headers", {}).items()}
        limits = {name for name in {*wanted, *came} if name.startswith("x-ratelimit-") and self.limits_recorded}
        differences = []
        for name in sorted(limits | {"content-type"}):
            want, got = wanted.get(name), came.get(name)
            if "-reset-" in name and want and got and not self._reset_is_exact(row):
                if abs(int(want) - int(got)) > RESET_TOLERANCE:
                    differences.append(f"{name} about {want}, came {got}")
            elif want != got:
                differences.append(f"{name} {want}, came {got}")
        if ("x-request-id" in wanted) != ("x-request-id" in came):
            differences.append(f"x-request-id {'wanted' if 'x-request-id' in wanted else 'not wanted'}")
        return differences

    @staticmethod
    def _reset_is_exact(row: Row) -> bool:
        """Where a window or a block has just begun the whole of it is left."""
        limits = _limits(row.answer.get("headers", {})).values()
        return row.answer["status"] == 429 or any(remaining == limit - 1 for limit, remaining, _ in limits)

    def _compare_flags(self, row: Row) -> list[str]:
        booking = self.sandbox.world.bookings.get(unquote(row.uid or ""))
        if booking is None or not row.data.get("db_after"):
            return []
        came: Json = {"status": booking.status, "absentHost": booking.absent_host}
        came["attendees"] = [{"email": one.email, "absent": one.absent} for one in booking.attendees]
        return _differences(_tidy(_from_database(row.data["db_after"])), _tidy(came), "db_after")

    def _compare_deliveries(self, row: Row) -> list[str]:
        wanted, came = row.data["deliveries"], self.last[1]
        if row.data["count"] != len(came):
            return [f"{row.data['count']} deliveries, came {len(came)}"]
        differences = []
        for want, got in zip(
            sorted(wanted, key=lambda one: one["path"]), sorted(came, key=lambda one: one["url"]), strict=True
        ):
            differences += _compare_delivery(want, got, row.data["secret"])
        return differences


async def _send_nowhere(url: str, headers: dict[str, str], body: bytes) -> str:
    return "200"


def _body(recorded: str | None) -> bytes:
    """A long body was cut in the recording, with its length noted: fill it up to that."""
    cut = re.fullmatch(r"(.*)\.\.\. \((\d+) characters\)", recorded or "", re.S)
    return (cut[1].ljust(int(cut[2])) if cut else recorded or "").encode()


def _limits(headers: dict[str, str]) -> dict[str, tuple[int, int, int]]:
    """Limit, remaining and reset by the name of the limit."""
    suffixes = [name.removeprefix("X-RateLimit-Limit-") for name in headers if name.startswith("X-RateLimit-Limit-")]
    words = ("Limit", "Remaining", "Reset")
    found = {one: [int(headers[f"X-RateLimit-{word}-{one}"]) for word in words] for one in suffixes}
    return {one.lower(): (limit, remaining, reset) for one, (limit, remaining, reset) in found.items()}


def _from_database(flags: Json) -> Json:
    attendees = [{"email": row["email"], "absent": row["noShow"]} for row in flags["attendees"] or ()]
    return {"status": flags["status"], "absentHost": flags["noShowHost"], "attendees": attendees}


def _compare_bodies(row: Row, body: bytes) -> list[str]:
    if row.data["request"]["method"] == "HEAD":
        return [f"a body of {len(body)} bytes"] if body else []
    if "json" not in row.answer:
        text = row.answer.get("text") or ""
        return [] if body.decode() == text else [f"text {text!r}, came {body.decode()!r}"]
    wanted = row.answer["json"]
    try:
        came = json.loads(body)
    except ValueError:
        return [f"body isn't JSON: {body[:80]!r}"]
    if row.answer["status"] >= 400:
        return _differences(_error(wanted), _error(came), "error")
    if isinstance(wanted.get("data"), list):
        return _compare_lists(wanted, came)
    if "recurringInfo" in wanted["data"]:
        return _compare_legacy_lists(wanted["data"], came["data"])
    return _differences(_tidy(wanted), _tidy(came), "body")


def _compare_lists(wanted: Json, came: Json) -> list[str]:
    """The pagination and the number of items; which they are where one page has all; and each that both have."""
    pagination = wanted.get("pagination")
    differences = _differences(pagination, came.get("pagination"), "pagination")
    wants, gots = (_by_id(one.get("data") or []) for one in (wanted, came))
    if len(wanted["data"]) != len(came.get("data") or []):
        differences.append(f"{len(wanted['data'])} items, came {len(came.get('data') or [])}")
    whole = pagination is None or not (pagination["hasNextPage"] or pagination["hasPreviousPage"])
    if whole and wants.keys() != gots.keys():
        differences.append(f"items missing {sorted(wants.keys() - gots)}, too many {sorted(gots.keys() - wants)}")
    for one in wants.keys() & gots.keys():
        differences += _differences(_tidy(wants[one]), _tidy(gots[one]), str(one))
    return differences


def _compare_legacy_lists(wanted: Json, came: Json) -> list[str]:
    """All but which of the bookings with equal starts come on the page, and in what order."""
    wants_count, gots_count = ({**one, "bookings": len(one["bookings"])} for one in (wanted, came))
    differences = _differences(wants_count, gots_count, "data")
    starts, others = ([one["startTime"] for one in data["bookings"]] for data in (wanted, came))
    differences += _differences(starts, others, "startTime")
    wants, gots = (_by_id(data["bookings"]) for data in (wanted, came))
    for one in wants.keys() & gots.keys():
        differences += _differences(_tidy(wants[one]), _tidy(gots[one]), str(one))
    return differences


def _by_id(items: list[Json]) -> dict[Any, Json]:
    return {one.get("uid", one.get("id")): one for one in items}


def _error(body: Any) -> Json:
    """Code and message, without instants and without the place that a JavaScript engine names in broken JSON."""
    error = body.get("error") if isinstance(body, dict) else None
    code, message = (
        (error.get("code"), error.get("message"))
        if isinstance(error, dict)
        else (body.get("statusCode"), body.get("message"))
    )
    message = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "INSTANT", str(message))
    message = re.sub(r" in JSON at position \d+( \(line \d+ column \d+\))?", " in JSON", message)
    return {"code": code, "message": message, "enveloped": isinstance(error, dict)}


def _tidy(value: Any) -> Any:
    """Without what differs at every run; attendees in order of address; of webhooks no createdAt."""
    if isinstance(value, str) and value.startswith("data:text/calendar,"):
        return re.sub(r"(?<=%0D%0A)(UID|DTSTAMP)%3A.*?(?=%0D%0A)", r"\1", value)
    if isinstance(value, list):
        return [_tidy(one) for one in value]
    if not isinstance(value, dict):
        return value
    drop = VOLATILE | ({"createdAt"} if "subscriberUrl" in value else set())
    tidy = {name: _tidy(one) for name, one in value.items() if name not in drop}
    if isinstance(tidy.get("attendees"), list):
        tidy["attendees"] = sorted(tidy["attendees"], key=lambda row: (row["email"], str(row.get("absent"))))
    return tidy


def _differences(wanted: Any, came: Any, path: str) -> list[str]:
    if isinstance(wanted, dict) and isinstance(came, dict):
        found = []
        for name in sorted({*wanted, *came}):
            missing = object()
            want, got = wanted.get(name, missing), came.get(name, missing)
            if want is missing or got is missing:
                found.append(f"{path}.{name} {'not wanted' if want is missing else 'missing'}")
            else:
                found += _differences(want, got, f"{path}.{name}")
        return found
    if isinstance(wanted, list) and isinstance(came, list) and len(wanted) == len(came):
        pairs = enumerate(zip(wanted, came, strict=True))
        return [line for i, (want, got) in pairs for line in _differences(want, got, f"{path}[{i}]")]
    same = type(wanted) is type(came) and wanted == came
    return [] if same else [f"{path} {json.dumps(wanted)[:200]}, came {json.dumps(came)[:200]}"]


def _compare_delivery(wanted: Json, came: Json, secret: str) -> list[str]:
    differences = [] if came["url"].endswith(wanted["path"]) else [f"to {wanted['path']}, came {came['url']}"]
    own = {"host", "connection", "content-length"}
    wants = {name.lower(): value for name, value in wanted["headers"] if name.lower() not in own}
    gots = {name.lower(): value for name, value in came["headers"].items()}
    if wants["x-cal-signature-256"] != "no-secret-provided":
        signed = hmac.new(secret.encode(), came["body"].encode(), hashlib.sha256).hexdigest()
        wants["x-cal-signature-256"] = signed
    differences += _differences(wants, gots, "headers")
    want, got = wanted["json"], json.loads(came["body"])
    for body in (want, got):
        datetime.fromisoformat(body["createdAt"].replace("Z", "+00:00"))
    return differences + _differences({**want, "createdAt": ""}, {**got, "createdAt": ""}, "delivery")


def replay_server(directories: list[Path], server: str) -> list[Replay]:
    """Replay all of one server's rows in these directories, each recording for itself."""
    replays = []
    for group in recordings_in(directories):
        replay = Replay(server)
        if rows := load_rows(group, server):
            asyncio.run(replay.run(rows, load_world(group)))
        replays.append(replay)
    return replays


def report(directories: list[Path], servers: tuple[str, ...]) -> tuple[list[str], bool]:
    """The lines to print, and whether everything passed (and there was something to pass)."""
    lines, ok, replayed = [], True, 0
    for server in servers:
        replays = replay_server(directories, server)
        results = [result for replay in replays for result in replay.results]
        left_out = [row for replay in replays for row in replay.left_out]
        for directory in directories:
            mine = [(row, wrong) for row, wrong in results if directory in row.directories]
            left = sorted({row.name for row in left_out if directory in row.directories})
            passed = sum(not wrong for _, wrong in mine)
            if mine or left:
                lines.append(
                    f"{directory} {server} {passed}/{len(mine)}" + (f", not replayed: {len(left)}" if left else "")
                )
            lines += [f"  n={row.n} {row.name}: {'; '.join(wrong)}" for row, wrong in mine if wrong]
            lines += [f"  not replayed: {name} ({why_not(name)})" for name in left]
            ok = ok and passed == len(mine)
        replayed += len(results)
    return lines, ok and replayed > 0
