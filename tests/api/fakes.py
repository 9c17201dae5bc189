"""Small servers that behave as the recordings do, as handlers for httpx.MockTransport."""

from __future__ import annotations

import copy
import json
import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from operator import itemgetter
from typing import Any

import httpx

from airflow_provider_calcom.api.models import Page
from tests.api.support import success

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def minute(number: int) -> str:
    """The start of a booking, ``number`` minutes into January 2026, as Cal.com writes it."""
    day, rest = divmod(number, 24 * 60)
    return f"2026-01-{day + 1:02}T{rest // 60:02}:{rest % 60:02}:00.000Z"


def bookings_in_groups(count: int, group: int) -> list[dict[str, Any]]:
    """Bookings of which always ``group`` start at one instant."""
    return [
        {
            "uid": f"uid{number}",
            "start": minute(number // group),
            "end": minute(number // group + 30),
            "createdAt": minute(0),
            "updatedAt": None,
            "status": "accepted",
            "attendees": [],
        }
        for number in range(count)
    ]


class ListServer:
    """``GET /v2/bookings``: sorted by start, ties in an order that depends on ``take`` and ``skip``.

    :param bookings: what there is.
    :param total: makes ``totalItems`` from what is requested and the true number; None leaves pagination out.
    :param ignores: query parameters that are ignored, as older servers do.
    :param missing: returns whether a row is left out of a page, by the call's number (from 1) and the row's uid.
    :param before_call: is called with the server and the call's number before each answer, to change the world.
    :param most_calls: a walk that calls more often goes in circles.
    """

    def __init__(
        self,
        bookings: Sequence[dict[str, Any]],
        *,
        total: Callable[[dict[str, str], int], int] | None = lambda params, count: count,
        ignores: Sequence[str] = (),
        missing: Callable[[int, str], bool] = lambda call, uid: False,
        before_call: Callable[[ListServer, int], None] = lambda server, call: None,
        most_calls: int = 1_000,
    ) -> None:
        self.bookings = list(bookings)
        self.calls: list[dict[str, str]] = []
        self._total = total
        self._ignores = frozenset(ignores)
        self._missing = missing
        self._before_call = before_call
        self._most_calls = most_calls

    def __call__(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=self.body(dict(request.url.params)))

    def body(self, params: dict[str, str]) -> dict[str, Any]:
        """The body of the answer to a call with these parameters."""
        self.calls.append(params)
        assert len(self.calls) <= self._most_calls, "the walk goes in circles"
        assert 1 <= int(params["take"]) <= 250
        self._before_call(self, len(self.calls))
        understood = {name: value for name, value in params.items() if name not in self._ignores}
        rows = self._listed(understood)
        take, skip = int(params["take"]), int(params["skip"])
        page = [row for row in self._page(rows, take, skip) if not self._missing(len(self.calls), row["uid"])]
        if self._total is None:
            return success(page)
        # As on the real server, the count knows nothing of the filters on created and updated.
        counted = {name: value for name, value in understood.items() if not name.endswith("At")}
        total = self._total(params, len(rows if counted == understood else self._listed(counted)))
        return success(page, pagination={"totalItems": total, "hasNextPage": True})

    def _listed(self, params: dict[str, str]) -> list[dict[str, Any]]:
        rows = self.bookings
        for key, bound, is_lower in _BOUNDS:
            if bound in params:
                limit = params[bound]
                rows = [row for row in rows if (row[key] >= limit if is_lower else row[key] <= limit)]
        return sorted(rows, key=itemgetter("start"), reverse="sortStart" not in params)

    @staticmethod
    def _page(rows: list[dict[str, Any]], take: int, skip: int) -> list[dict[str, Any]]:
        """Cut a page out of sorted rows, after the ties that it touches were put in the order of the day."""
        first, last = skip, min(skip + take, len(rows))
        if first >= last:
            return []
        while first and rows[first - 1]["start"] == rows[first]["start"]:
            first -= 1
        while last < len(rows) and rows[last - 1]["start"] == rows[last]["start"]:
            last += 1
        salt = f"{take}/{skip}/"
        touched = sorted(rows[first:last], key=lambda row: zlib.crc32((salt + row["uid"]).encode()))
        touched.sort(key=itemgetter("start"), reverse=rows[first]["start"] > rows[last - 1]["start"])
        return touched[skip - first : skip - first + take]


_BOUNDS = (
    ("start", "afterStart", True),
    ("end", "beforeEnd", False),
    ("createdAt", "afterCreatedAt", True),
    ("createdAt", "beforeCreatedAt", False),
)


class CursorServer:
    """``GET /v2/bookings`` as of 2026-05-01: pages by cursor in an order that does not change.

    :param bookings: what there is.
    :param next_cursor: makes the cursor from the place at which the next page begins.
    :param most_calls: a walk that calls more often goes in circles.
    """

    def __init__(
        self,
        bookings: Sequence[dict[str, Any]],
        next_cursor: Callable[[int], str] = str,
        most_calls: int = 1_000,
    ) -> None:
        self.bookings = list(bookings)
        self.calls: list[dict[str, str]] = []
        self._next_cursor = next_cursor
        self._most_calls = most_calls

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["cal-api-version"] == "2026-05-01"
        params = dict(request.url.params)
        self.calls.append(params)
        assert len(self.calls) <= self._most_calls, "the walk goes in circles"
        assert 1 <= int(params["limit"]) <= 100
        place = int(params.get("cursor", 0))
        behind = place + int(params["limit"])
        more = behind < len(self.bookings)
        pagination = {"nextCursor": self._next_cursor(behind) if more else None, "hasMore": more}
        return httpx.Response(200, json=success(self.bookings[place:behind], pagination=pagination))


class EndlessServer:
    """Generates ``count`` bookings, three of which always start together, without ever holding them."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.calls = 0

    def page(self, params: dict[str, str]) -> Page:
        self.calls += 1
        first = 0
        if "afterStart" in params:
            since = datetime.fromisoformat(params["afterStart"].replace("Z", "+00:00"))
            first = min(self.count, max(0, -((EPOCH - since) // timedelta(minutes=1))) * 3)
        begin = first + int(params["skip"])
        rows = [
            {"uid": f"uid{number}", "start": minute(number // 3), "status": "accepted", "attendees": []}
            for number in range(begin, min(self.count, begin + int(params["take"])))
        ]
        return Page(rows, total=self.count - first)


class FakeCalCom:
    """One booking of Cal.com with its no-show flags, and the real server's rules for changing them.

    :param booking: the booking; changed by mark-absent.
    :param build: ``2025`` or ``2026``, which differ in unknown addresses.
    :param now: the server's clock, Unix time.
    :param user_id: the key's user.
    :param may_mark: whether the user may mark the attendees.
    :param listed: whether the booking is on the user's list.
    :param faults: for each mark-absent call in turn ``ok``, or ``committed`` / ``lost`` (a 502 after or before the
        change), or ``dropped`` (the connection breaks after the change), or ``ignored`` (200 without the change), or
        ``failed after`` (Cal.com's own 500 after the change).
    :param dates: whether answers have a ``Date``.
    """

    def __init__(
        self,
        booking: dict[str, Any],
        *,
        build: str = "2025",
        now: float,
        user_id: int = 7,
        may_mark: bool = True,
        listed: bool = True,
        faults: Sequence[str] = (),
        dates: bool = True,
    ) -> None:
        self.booking = copy.deepcopy(booking)
        self.build = build
        self.now = now
        self.user_id = user_id
        self.may_mark = may_mark
        self.listed = listed
        self.dates = dates
        self.calls: list[str] = []
        self.writes: list[dict[str, Any]] = []
        self.read_fault: int | Exception | None = None
        self._faults = list(faults)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(f"{request.method} {request.url.path}")
        uid = self.booking["uid"]
        route = (request.method, request.url.path.removeprefix("/v2"))
        if route == ("POST", f"/bookings/{uid}/mark-absent"):
            return self._mark(json.loads(request.content))
        if self.writes and self.read_fault is not None:
            if isinstance(self.read_fault, Exception):
                raise self.read_fault
            return httpx.Response(self.read_fault)
        if route == ("GET", f"/bookings/{uid}"):
            return self._answer(success(self.booking))
        if route == ("GET", "/me"):
            return self._answer(success({"id": self.user_id, "email": "key.user@example.org"}))
        if route == ("GET", "/bookings"):
            since = request.url.params.get("afterStart", "")
            page = [self.booking] if self.listed and self.booking["start"] >= since else []
            return self._answer(success(page, pagination={"totalItems": len(page)}))
        message = f"Booking with uid={request.url.path.split('/')[3]} not found."
        return self._answer({"status": "error", "error": {"code": "NotFoundException", "message": message}}, 404)

    def _answer(self, body: Any, status: int = 200) -> httpx.Response:
        moment = datetime.fromtimestamp(self.now, UTC)
        headers = {"Date": format_datetime(moment, usegmt=True)} if self.dates else {}
        return httpx.Response(status, json=body, headers=headers)

    def _mark(self, body: dict[str, Any]) -> httpx.Response:
        self.writes.append(body)
        assert body.get("attendees") != [], "an empty list of attendees was sent"
        fault = self._faults.pop(0) if self._faults else "ok"
        if fault == "lost":
            return httpx.Response(502, text="Bad gateway")
        if self.now < datetime.fromisoformat(self.booking["start"].replace("Z", "+00:00")).timestamp():
            message = "Bookings can only be marked as absent after their scheduled start time. Current time ..."
            return self._answer({"error": {"code": "BadRequestException", "message": message}}, 400)
        if (fault != "ignored" and not self._change(body)) or fault == "failed after":
            failed = self._answer({"statusCode": 500, "message": "Failed to update no-show status"}, 500)
            failed.headers["X-Request-Id"] = "id-of-500"
            return failed
        if fault == "committed":
            return httpx.Response(502, text="Bad gateway")
        if fault == "dropped":
            raise httpx.ReadError("connection reset")
        # The real server's order of attendees changes after an update.
        shown = {**self.booking, "attendees": self.booking["attendees"][::-1]}
        return self._answer(success(shown))

    def _change(self, body: dict[str, Any]) -> bool:
        rows = {row["email"]: row for row in reversed(self.booking["attendees"])}
        attendees = body.get("attendees") or []
        if attendees and not self.may_mark:
            return False
        for mark in attendees:
            assert isinstance(mark["absent"], bool)
            if mark["email"] in rows:
                rows[mark["email"]]["absent"] = mark["absent"]
        if self.build == "2025" and any(mark["email"] not in rows for mark in attendees):
            return False
        if body.get("host") or (self.build == "2026" and "host" in body):
            self.booking["absentHost"] = body["host"]
        return True
