"""The API's routes, and the steps of each request: body, route, throttle, guards, handler."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from airflow_provider_calcom.sandbox.bookings import legacy, lifecycle, meetings, pages, representation, team_lists
from airflow_provider_calcom.sandbox.bookings.access import check_guard, owner_id
from airflow_provider_calcom.sandbox.bookings.marking import mark_absent
from airflow_provider_calcom.sandbox.bookings.rescheduling import reschedule
from airflow_provider_calcom.sandbox.builds import Build
from airflow_provider_calcom.sandbox.clock import iso
from airflow_provider_calcom.sandbox.responses import ApiError, ApiResponse
from airflow_provider_calcom.sandbox.server.auth import Caller
from airflow_provider_calcom.sandbox.server.json_body import read_body
from airflow_provider_calcom.sandbox.server.state import Sandbox
from airflow_provider_calcom.sandbox.validation import Query, path_integer, reference_type
from airflow_provider_calcom.sandbox.webhooks.payloads import booking_payload, subscriber_id
from airflow_provider_calcom.sandbox.world import Booking, User


@dataclass
class Call:
    """One request as received: `path` is still percent-encoded, header names are in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    content: bytes
    address: str
    body: Any = None
    response_headers: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The path with its query."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def read_query(self) -> Query:
        """Parse the query."""
        return Query(parse_qsl(self.query, keep_blank_values=True))


@dataclass(frozen=True)
class Route:
    """A method and a path pattern, in which `*` matches one segment of the path.

    :param guard: `permissions` (the booking routes), `user`, `maybe` (authentication optional) or `none`.
    :param world: `new` (only with a booking version in the header), `old` (only without) or `any`.
    :param permission: the permission that an OAuth client needs, on routes with the guard `permissions`.
    :param group: a group of routes that only some builds have; empty for routes of all builds.
    """

    method: str
    pattern: str
    handler: Callable[..., ApiResponse]
    guard: str = "permissions"
    world: str = "new"
    group: str = ""
    permission: str = "BOOKING_READ"


def handle_call(sandbox: Sandbox, call: Call) -> ApiResponse:
    """Handle one call, with all its writes, and return the response."""
    try:
        response = _pass(sandbox, call)
    except ApiError as error:
        response = error.response(call.url, iso(sandbox.clock.now()))
        response.text = False
    response.headers = {**call.response_headers, **response.headers}
    return response


def _pass(sandbox: Sandbox, call: Call) -> ApiResponse:
    call.body = read_body(call.headers.get("content-type", ""), call.content)
    route, params = _find_route(sandbox, call)
    caller = Caller.of(call.headers, call.address, sandbox.world)
    tracker, limits = caller.limits(sandbox.default_limit)
    sandbox.throttle.hit(tracker, limits, sandbox.clock.now(), call.response_headers)
    if route.guard == "permissions":
        caller.check_permissions(route.permission)
    if route.guard == "none":
        return route.handler(sandbox, call)
    user = caller.user_if_any() if route.guard == "maybe" else caller.user()
    return route.handler(sandbox, call, user, *params)


def _find_route(sandbox: Sandbox, call: Call) -> tuple[Route, list[str]]:
    """Match as Express does: fixed segments ignore case, and one slash at the end is ignored."""
    method = "GET" if call.method == "HEAD" else call.method
    path = re.sub(r"^/api/v2", "/v2", call.path)
    parts = (path[:-1] if path.endswith("/") else path).split("/")
    known = call.headers.get("cal-api-version") in sandbox.build.versions
    lowered = [part.lower() for part in parts]
    for route, pattern in _BY_SIZE.get((method, len(parts)), ()):
        if _is_served(route, sandbox.build, known) and _fits(pattern, lowered):
            raw = [given for wanted, given in zip(pattern, parts, strict=True) if wanted == "*"]
            return route, [_decode(one) for one in raw]
    raise ApiError(404, f"Cannot {call.method} {call.url}")


def _is_served(route: Route, build: Build, known_version: bool) -> bool:
    if route.group and route.group not in build.routes:
        return False
    return route.world == "any" or (route.world == "new") == known_version


def _fits(pattern: list[str], parts: list[str]) -> bool:
    return all(given if wanted == "*" else wanted == given for wanted, given in zip(pattern, parts, strict=True))


def _decode(raw: str) -> str:
    try:
        if re.search(r"%(?![0-9A-Fa-f]{2})", raw):
            raise ValueError(raw)
        return unquote(raw, errors="strict")
    except ValueError:
        raise ApiError(400, f"Failed to decode param '{raw}'") from None


def _success(data: Any, status: int = 200) -> ApiResponse:
    return ApiResponse({"status": "success", "data": data}, status)


def _show(sandbox: Sandbox, booking: Booking, status: int = 200) -> ApiResponse:
    return _success(representation.show_booking(booking, sandbox.world, sandbox.build), status)


def _me(sandbox: Sandbox, call: Call, user: User) -> ApiResponse:
    extra = {"name": user.name, "avatarUrl": None, "bio": None} if sandbox.build.full_me else {}
    settings = {"timeFormat": 12, "defaultScheduleId": user.id, "weekStart": "Sunday", "timeZone": user.time_zone}
    account = {"id": user.id, "email": user.email, "username": user.username, "organizationId": None}
    return _success({**account, **extra, **settings})


def _list(sandbox: Sandbox, call: Call, user: User) -> ApiResponse:
    now = sandbox.clock.now()
    return ApiResponse(pages.list_bookings(sandbox.world, sandbox.build, call.read_query(), user, now))


def _legacy_list(sandbox: Sandbox, call: Call, user: User) -> ApiResponse:
    cursor = call.read_query().number("cursor", 0, 0)
    now = sandbox.clock.now()
    return _success(legacy.list_legacy_bookings(sandbox.world, sandbox.build, user, now, cursor))


def _team_list(sandbox: Sandbox, call: Call, user: User, team: str) -> ApiResponse:
    return ApiResponse(
        team_lists.list_of_team(sandbox.world, sandbox.build, call.read_query(), user, sandbox.clock.now(), team)
    )


def _organization_list(sandbox: Sandbox, call: Call, user: User, organization: str) -> ApiResponse:
    return ApiResponse(
        team_lists.list_of_organization(
            sandbox.world, sandbox.build, call.read_query(), user, sandbox.clock.now(), organization
        )
    )


def _organization_team_list(sandbox: Sandbox, call: Call, user: User, organization: str, team: str) -> ApiResponse:
    return ApiResponse(
        team_lists.list_of_organization_team(
            sandbox.world, sandbox.build, call.read_query(), user, sandbox.clock.now(), organization, team
        )
    )


def _organization_user_list(sandbox: Sandbox, call: Call, user: User, organization: str, member: str) -> ApiResponse:
    return ApiResponse(
        team_lists.list_of_member(
            sandbox.world, sandbox.build, call.read_query(), user, sandbox.clock.now(), organization, member
        )
    )


def _get(sandbox: Sandbox, call: Call, user: User | None, uid: str) -> ApiResponse:
    return _success(representation.get_booking(sandbox.world, sandbox.build, uid, user))


def _legacy_get(sandbox: Sandbox, call: Call, user: User | None, uid: str) -> ApiResponse:
    return _success(legacy.get_legacy_booking(sandbox.world, sandbox.build, uid))


def _by_seat(sandbox: Sandbox, call: Call, user: User | None, seat: str) -> ApiResponse:
    return _success(representation.get_seat(sandbox.world, sandbox.build, seat, user))


def _attendees(sandbox: Sandbox, call: Call, user: User, uid: str) -> ApiResponse:
    booking = check_guard(sandbox.world, sandbox.build, user, uid)
    rows = booking.attendees
    return _success([{**representation.show_attendee(row, sandbox.build), "id": row.id} for row in rows])


def _attendee(sandbox: Sandbox, call: Call, user: User, uid: str, attendee: str) -> ApiResponse:
    booking = check_guard(sandbox.world, sandbox.build, user, uid)
    number = path_integer(attendee)
    row = next((row for row in booking.attendees if row.id == number), None)
    if row is None:
        raise ApiError(404, f"Attendee with id {number} not found in booking {uid}")
    return _success({**representation.show_attendee(row, sandbox.build), "id": row.id})


def _references(sandbox: Sandbox, call: Call, user: User, uid: str) -> ApiResponse:
    kind = reference_type(call.read_query())
    booking = sandbox.world.bookings.get(uid)
    if booking is None:
        raise ApiError(404, f"Booking with uid {uid} not found")
    if booking.owner != user:
        raise ApiError(400, f"Booking with uid {uid} does not belong to user")
    return _success(meetings.show_references(booking, kind))


def _room_data(what: str) -> Callable[..., ApiResponse]:
    def handler(sandbox: Sandbox, call: Call, user: User, uid: str) -> ApiResponse:
        if sandbox.build.guards_bookings:
            check_guard(sandbox.world, sandbox.build, user, uid)
        return _success(meetings.room_data(lifecycle.find(sandbox.world, uid), what))

    return handler


def _calendar_links(sandbox: Sandbox, call: Call, user: User, uid: str) -> ApiResponse:
    return _success(meetings.calendar_links(sandbox.world, uid, sandbox.clock.now(), sandbox.new_id()))


def _mark_absent(sandbox: Sandbox, call: Call, user: User, uid: str) -> ApiResponse:
    now = sandbox.clock.now()
    booking, payload = mark_absent(sandbox.world, sandbox.build, uid, call.body, user, now)
    if payload is not None:
        sandbox.webhooks.deliver("BOOKING_NO_SHOW_UPDATED", payload, owner_id(booking), now)
    return _show(sandbox, booking)


def _send_webhooks(sandbox: Sandbox, trigger: str, booking: Booking, **more: Any) -> None:
    """Deliver a webhook with the payload of a whole booking."""
    subscriber = subscriber_id(sandbox.build, booking)
    sandbox.webhooks.deliver(trigger, booking_payload(booking, **more), subscriber, sandbox.clock.now())


def _confirm(sandbox: Sandbox, call: Call, user: User, uid: str) -> ApiResponse:
    booking = lifecycle.confirm(sandbox.world, sandbox.build, uid, user, sandbox.clock.now())
    _send_webhooks(sandbox, "BOOKING_CREATED", booking)
    return _get(sandbox, call, user, uid)


def _decline(sandbox: Sandbox, call: Call, user: User, uid: str) -> ApiResponse:
    booking = lifecycle.decline(sandbox.world, sandbox.build, uid, call.body, user, sandbox.clock.now())
    _send_webhooks(sandbox, "BOOKING_REJECTED", booking, rejectionReason=booking.rejection_reason)
    return _get(sandbox, call, user, uid)


def _cancel(sandbox: Sandbox, call: Call, user: User | None, uid: str) -> ApiResponse:
    now = sandbox.clock.now()
    booking, shown = lifecycle.cancel(sandbox.world, sandbox.build, uid, call.body, user, now)
    _send_webhooks(sandbox, "BOOKING_CANCELLED", booking, cancellationReason=booking.cancellation_reason)
    return _get(sandbox, call, user, shown)


def _reschedule(sandbox: Sandbox, call: Call, user: User | None, uid: str) -> ApiResponse:
    world, build = sandbox.world, sandbox.build
    booking, seat = reschedule(world, build, uid, call.body, user, sandbox.clock.now(), sandbox.new_id())
    old = {"rescheduleUid": uid, "rescheduleStartTime": iso(world.bookings[uid].start)}
    _send_webhooks(sandbox, "BOOKING_RESCHEDULED", booking, **old)
    shown = representation.get_booking(world, build, booking.uid, user)
    if seat is not None:
        shown["seatUid"] = seat
    if build.marks_managed_users:
        shown["isPlatformManagedUserBooking"] = False
    return _success(shown, 201)


def _reassign(sandbox: Sandbox, call: Call, user: User, uid: str, host: str | None = None) -> ApiResponse:
    now = sandbox.clock.now()
    return _success(lifecycle.reassign(sandbox.world, sandbox.build, uid, user, host, call.body, now))


def _health(sandbox: Sandbox, call: Call) -> ApiResponse:
    return ApiResponse("OK", text=True, headers={"Content-Type": "text/html; charset=utf-8"})


_HOOKS = ("user", "any")
ROUTES = (
    Route("GET", "/health", _health, "none", "any"),
    Route("GET", "/v2/me", _me, "user", "any"),
    Route("GET", "/v2/bookings", _list),
    Route("GET", "/v2/bookings", _legacy_list, world="old"),
    Route("GET", "/v2/bookings/*", _get, "maybe"),
    Route("GET", "/v2/bookings/*", _legacy_get, "maybe", "old"),
    Route("GET", "/v2/bookings/by-seat/*", _by_seat, "maybe", group="seats"),
    Route("GET", "/v2/bookings/*/attendees", _attendees, group="attendees"),
    Route("GET", "/v2/bookings/*/attendees/*", _attendee, group="attendees"),
    Route("GET", "/v2/bookings/*/recordings", _room_data("recordings")),
    Route("GET", "/v2/bookings/*/transcripts", _room_data("transcripts")),
    Route("GET", "/v2/bookings/*/conferencing-sessions", _room_data("sessions"), group="sessions"),
    Route("GET", "/v2/bookings/*/references", _references),
    Route("GET", "/v2/bookings/*/calendar-links", _calendar_links),
    Route("POST", "/v2/bookings/*/mark-absent", _mark_absent, permission="BOOKING_WRITE"),
    Route("POST", "/v2/bookings/*/confirm", _confirm, permission="BOOKING_WRITE"),
    Route("POST", "/v2/bookings/*/decline", _decline, permission="BOOKING_WRITE"),
    Route("POST", "/v2/bookings/*/cancel", _cancel, "maybe"),
    Route("POST", "/v2/bookings/*/reschedule", _reschedule, "maybe"),
    Route("POST", "/v2/bookings/*/reassign", _reassign, permission="BOOKING_WRITE"),
    Route("POST", "/v2/bookings/*/reassign/*", _reassign, permission="BOOKING_WRITE"),
    Route("GET", "/v2/teams/*/bookings", _team_list, "user", "any", group="team lists"),
    Route("GET", "/v2/organizations/*/bookings", _organization_list, "user", "any", group="organisations"),
    Route(
        *("GET", "/v2/organizations/*/teams/*/bookings", _organization_team_list, "user", "any"),
        group="organisations",
    ),
    Route(
        *("GET", "/v2/organizations/*/users/*/bookings", _organization_user_list, "user", "any"),
        group="organisations",
    ),
    Route("POST", "/v2/webhooks", lambda at, call, user: at.webhooks.create(call.body, user, at.clock.now()), *_HOOKS),
    Route("GET", "/v2/webhooks", lambda at, call, user: at.webhooks.list(call.read_query(), user), *_HOOKS),
    Route("GET", "/v2/webhooks/*", lambda at, call, user, hook: at.webhooks.get(hook, user), *_HOOKS),
    Route("PATCH", "/v2/webhooks/*", lambda at, call, user, hook: at.webhooks.change(hook, call.body, user), *_HOOKS),
    Route("DELETE", "/v2/webhooks/*", lambda at, call, user, hook: at.webhooks.delete(hook, user), *_HOOKS),
)
_BY_SIZE: dict[tuple[str, int], list[tuple[Route, list[str]]]] = {}
"""The routes by method and number of segments: matching against all routes took a third of a mark-absent's time."""
for _route in ROUTES:
    _parts = _route.pattern.split("/")
    _BY_SIZE.setdefault((_route.method, len(_parts)), []).append((_route, _parts))
