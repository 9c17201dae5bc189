"""The API's routes, and the order in which a request passes them: body, route, throttle, guards, handler."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from airflow_provider_calcom.sandbox import booking_writes, bookings, listing
from airflow_provider_calcom.sandbox.auth import Caller
from airflow_provider_calcom.sandbox.clock import iso
from airflow_provider_calcom.sandbox.errors import Answer, ApiError
from airflow_provider_calcom.sandbox.json_body import read_body
from airflow_provider_calcom.sandbox.mark_absent import mark_absent
from airflow_provider_calcom.sandbox.state import Sandbox
from airflow_provider_calcom.sandbox.validation import Query
from airflow_provider_calcom.sandbox.world import Booking, Json, User

BOOKINGS_VERSION = "2024-08-13"
"""The only version that served the bookings on the recorded builds; any other means the legacy world."""


@dataclass
class Call:
    """One request as it came in: `path` raw, still percent-encoded; header names in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    content: bytes
    address: str
    body: Any = None
    answer_headers: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path

    def read_query(self) -> Query:
        return Query(parse_qsl(self.query, keep_blank_values=True))


@dataclass(frozen=True)
class Route:
    """`guard` is `permissions` (the booking routes), `user`, `maybe` (authentication optional) or `none`.

    `world` is `new` (only with a booking version in the header), `old` (only without) or `any`.
    """

    method: str
    pattern: str
    handler: Callable[..., Answer]
    guard: str = "permissions"
    world: str = "new"
    since_attendee_routes: bool = False


def answer_call(sandbox: Sandbox, call: Call) -> Answer:
    """The API's answer to one call, with all that it changes."""
    try:
        answer = _pass(sandbox, call)
    except ApiError as error:
        answer = error.answer(call.url, iso(sandbox.clock.now()))
        answer.text = False
    answer.headers = {**call.answer_headers, **answer.headers}
    return answer


def _pass(sandbox: Sandbox, call: Call) -> Answer:
    if call.method == "OPTIONS":
        allow = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET,HEAD,PUT,PATCH,POST,DELETE"}
        asked = call.headers.get("access-control-request-headers", "*")
        return Answer("", 204, {**allow, "Access-Control-Allow-Headers": asked}, text=True)
    call.body = read_body(call.headers.get("content-type", ""), call.content)
    route, params = _find_route(sandbox, call)
    caller = Caller.of(call.headers, call.address, sandbox.world)
    tracker, limits = caller.limits(sandbox.default_limit)
    sandbox.throttle.hit(tracker, limits, sandbox.clock.now(), call.answer_headers)
    if route.guard == "permissions":
        caller.check_permissions()
    if route.guard == "none":
        return route.handler(sandbox, call)
    user = caller.user_if_any() if route.guard == "maybe" else caller.user()
    return route.handler(sandbox, call, user, *params)


def _find_route(sandbox: Sandbox, call: Call) -> tuple[Route, list[str]]:
    """Express' matching: case doesn't count in the fixed parts, one slash at the end is ignored."""
    method = "GET" if call.method == "HEAD" else call.method
    path = re.sub(r"^/api/v2", "/v2", call.path)
    parts = (path[:-1] if path.endswith("/") else path).split("/")
    known = call.headers.get("cal-api-version") == BOOKINGS_VERSION
    for route in ROUTES:
        fits = route.world == "any" or (route.world == "new") == known
        if route.method == method and fits and (sandbox.build.attendee_routes or not route.since_attendee_routes):
            pattern = route.pattern.split("/")
            if len(pattern) == len(parts) and all(
                bool(given) if wanted == "*" else wanted == given.lower()
                for wanted, given in zip(pattern, parts, strict=True)
            ):
                raw = [given for wanted, given in zip(pattern, parts, strict=True) if wanted == "*"]
                return route, [_decode(one) for one in raw]
    raise ApiError(404, f"Cannot {call.method} {call.url}")


def _decode(raw: str) -> str:
    try:
        if re.search(r"%(?![0-9A-Fa-f]{2})", raw):
            raise ValueError(raw)
        return unquote(raw, errors="strict")
    except ValueError:
        raise ApiError(400, f"Failed to decode param '{raw}'") from None


def _success(data: Any, status: int = 200) -> Answer:
    return Answer({"status": "success", "data": data}, status)


def _show(sandbox: Sandbox, booking: Booking, status: int = 200) -> Answer:
    return _success(bookings.show_booking(booking, sandbox.world, sandbox.build), status)


def _me(sandbox: Sandbox, call: Call, user: User) -> Answer:
    extra = {"name": user.name, "avatarUrl": None, "bio": None} if sandbox.build.full_me else {}
    settings = {"timeFormat": 12, "defaultScheduleId": user.id, "weekStart": "Sunday", "timeZone": user.time_zone}
    account = {"id": user.id, "email": user.email, "username": user.username, "organizationId": None}
    return _success({**account, **extra, **settings})


def _list(sandbox: Sandbox, call: Call, user: User) -> Answer:
    now = sandbox.clock.now()
    return Answer(listing.list_bookings(sandbox.world, sandbox.build, call.read_query(), user, now))


def _legacy_list(sandbox: Sandbox, call: Call, user: User) -> Answer:
    """Only enough of the legacy list to notice that a client forgot its version header."""
    mine = [one.uid for one in sandbox.world.bookings.values() if one.owner == user]
    shown = [bookings.get_legacy_booking(sandbox.world, sandbox.build, uid) for uid in mine[:100]]
    return _success({"bookings": shown, "recurringInfo": [], "nextCursor": None})


def _get(sandbox: Sandbox, call: Call, user: User | None, uid: str) -> Answer:
    return _success(bookings.get_booking(sandbox.world, sandbox.build, uid, user))


def _legacy_get(sandbox: Sandbox, call: Call, user: User | None, uid: str) -> Answer:
    return _success(bookings.get_legacy_booking(sandbox.world, sandbox.build, uid))


def _by_seat(sandbox: Sandbox, call: Call, user: User | None, seat: str) -> Answer:
    for booking in sandbox.world.bookings.values():
        seated = booking.event_type is not None and booking.event_type.seats
        if seated and any(row.seat["uid"] == seat for row in booking.attendees):
            return _get(sandbox, call, user, booking.uid)
    raise ApiError(404, f"Booking with seatUid={seat} was not found in the database")


def _attendees(sandbox: Sandbox, call: Call, user: User, uid: str) -> Answer:
    booking = sandbox.world.bookings.get(uid)
    if booking is None:
        raise ApiError(404, f"Booking with uid {uid} not found")
    rows = booking.attendees
    return _success([{"id": row.id, **bookings.show_attendee(row, sandbox.build)} for row in rows])


def _mark_absent(sandbox: Sandbox, call: Call, user: User, uid: str) -> Answer:
    now = sandbox.clock.now()
    booking, payload = mark_absent(sandbox.world, sandbox.build, uid, call.body, user, now)
    if payload is not None:
        sandbox.webhooks.deliver("BOOKING_NO_SHOW_UPDATED", payload, booking.owner, now)
    return _show(sandbox, booking)


def _keys(call: Call) -> Json:
    return call.body if isinstance(call.body, dict) else {}


def _answer_request(status: str) -> Callable[..., Answer]:
    def handler(sandbox: Sandbox, call: Call, user: User, uid: str) -> Answer:
        now = sandbox.clock.now()
        return _show(sandbox, booking_writes.answer_request(sandbox.world, uid, user, now, status))

    return handler


def _cancel(sandbox: Sandbox, call: Call, user: User, uid: str) -> Answer:
    return _show(sandbox, booking_writes.cancel(sandbox.world, uid, _keys(call), user, sandbox.clock.now()))


def _reschedule(sandbox: Sandbox, call: Call, user: User, uid: str) -> Answer:
    now, new = sandbox.clock.now(), sandbox.new_id()
    return _show(sandbox, booking_writes.reschedule(sandbox.world, uid, _keys(call), user, now, new), 201)


def _reassign(sandbox: Sandbox, call: Call, user: User, uid: str, host: str | None = None) -> Answer:
    wanted = int(host) if host and host.isdecimal() else None
    return _success(booking_writes.reassign(sandbox.world, uid, user, wanted, sandbox.clock.now()))


def _health(sandbox: Sandbox, call: Call) -> Answer:
    return Answer("OK", text=True, headers={"Content-Type": "text/html; charset=utf-8"})


_HOOKS = ("user", "any")
ROUTES = (
    Route("GET", "/health", _health, "none", "any"),
    Route("GET", "/v2/me", _me, "user", "any"),
    Route("GET", "/v2/bookings", _list),
    Route("GET", "/v2/bookings", _legacy_list, world="old"),
    Route("GET", "/v2/bookings/*", _get, "maybe"),
    Route("GET", "/v2/bookings/*", _legacy_get, "maybe", "old"),
    Route("GET", "/v2/bookings/by-seat/*", _by_seat, "maybe", since_attendee_routes=True),
    Route("GET", "/v2/bookings/*/attendees", _attendees, since_attendee_routes=True),
    Route("POST", "/v2/bookings/*/mark-absent", _mark_absent),
    Route("POST", "/v2/bookings/*/confirm", _answer_request("accepted")),
    Route("POST", "/v2/bookings/*/decline", _answer_request("rejected")),
    Route("POST", "/v2/bookings/*/cancel", _cancel),
    Route("POST", "/v2/bookings/*/reschedule", _reschedule),
    Route("POST", "/v2/bookings/*/reassign", _reassign),
    Route("POST", "/v2/bookings/*/reassign/*", _reassign),
    Route("POST", "/v2/webhooks", lambda at, call, user: at.webhooks.create(call.body, user, at.clock.now()), *_HOOKS),
    Route("GET", "/v2/webhooks", lambda at, call, user: at.webhooks.list(call.read_query(), user), *_HOOKS),
    Route("GET", "/v2/webhooks/*", lambda at, call, user, hook: at.webhooks.get(hook, user), *_HOOKS),
    Route("PATCH", "/v2/webhooks/*", lambda at, call, user, hook: at.webhooks.change(hook, call.body, user), *_HOOKS),
    Route("DELETE", "/v2/webhooks/*", lambda at, call, user, hook: at.webhooks.delete(hook, user), *_HOOKS),
)
