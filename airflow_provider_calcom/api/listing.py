"""A complete list of bookings from pages that disagree.

Cal.com sorts by start without a tie-break, so that bookings with one start change places from page to page: walking
by offset gives some twice and loses others (8 of 109 were lost on a real server with pages of 7). Instead, each page
begins at the start at which the page before it ended. All that starts earlier than a page's last start is certainly
on it; only the last group of equal starts is read again. Nothing depends on an offset, and little more than a page is
ever held.

The server's ``totalItems`` proves each step: what is left from a start on must be what was left before, less what was
certain. Where it is not, the page is read again.

What is made, or moved to another start, while the walk goes on may be missing or come twice: to know better, all uids
would have to be held.

A walk sends nothing itself. It is a generator that yields an :class:`Endpoint` and is sent its page, or yields
:class:`Found` bookings; the sync and the async client drive the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from airflow_provider_calcom._redact import describe
from airflow_provider_calcom.api.endpoints import (
    WEBHOOKS_OF_USER,
    Endpoint,
    Flow,
    bookings_page,
    list_webhooks,
)
from airflow_provider_calcom.api.errors import InvalidArgument, ListingIncomplete
from airflow_provider_calcom.api.models import Booking, Page, Params
from airflow_provider_calcom.api.query import LARGEST_PAGE, BookingQuery, Rechecks, just_after, own_bookings, start_of
from airflow_provider_calcom.api.responses import BOOKINGS_VERSION

CURSOR_VERSION = "2026-05-01"
"""From this ``cal-api-version`` on, lists are paged by cursor, in an order that does not change."""

_LARGEST_CURSOR_PAGE = 100
_ROUNDS = 8
_TAKES = tuple(LARGEST_PAGE - 19 * round_number for round_number in range(_ROUNDS))
"""Page sizes for lists that must be walked by offset: with each size the server breaks ties in another way."""


@dataclass(frozen=True)
class Found:
    """Bookings of the list, each once."""

    bookings: list[Booking] = field(repr=False)


NextStart = Callable[[datetime], datetime | None]
Step = Endpoint[Page] | Found
Walk = Generator[Step, Page | None, None]
_Reading = Generator[Step, Page | None, Page]


def walk(
    query: BookingQuery,
    *,
    page_size: int = 100,
    api_version: str | None = None,
    next_start: NextStart = lambda start: start,
) -> Walk:
    """List all bookings of a query, each exactly once, ordered by start (with a cursor: in Cal.com's own order).

    :param query: what to list.
    :param page_size: bookings to request at a time, 1 to 250. More are requested once more than that start together.
    :param api_version: a ``cal-api-version`` instead of the list's own.
    :param next_start: where only bookings of certain starts are of interest: gives the next of them from a start on, or
        None after the last. No page is read that has none of them, unless the list is paged by cursor or offset. Where
        a server ignores the order, and more bookings start at one time than a page holds, some may be missing.
    :raises InvalidArgument: if ``page_size`` is out of range.
    :raises ListingIncomplete: if pages disagree and go on disagreeing when read again.
    """
    if isinstance(page_size, bool) or not isinstance(page_size, int) or not 1 <= page_size <= LARGEST_PAGE:
        raise InvalidArgument(f"page_size must be from 1 to {LARGEST_PAGE}, but is {describe(page_size)}")
    rechecks = Rechecks(query)
    if (api_version or BOOKINGS_VERSION) >= CURSOR_VERSION:
        return _warning(_walk_by_cursor(query, min(page_size, _LARGEST_CURSOR_PAGE), api_version, rechecks), rechecks)
    return _warning(_walk_by_start(_Reader(query, api_version), page_size, next_start, _Given(rechecks)), rechecks)


def _warning(walk: Walk, rechecks: Rechecks) -> Walk:
    """Warn at the end of a walk, also where it is left early, if the server ignored a filter."""
    try:
        yield from walk
    finally:
        rechecks.warn()


def one_booking(api_version: str | None) -> Endpoint[Page]:
    """Return the shortest list that there is, which shows whether a version can be used.

    :param api_version: a ``cal-api-version`` instead of the list's own.
    """
    is_by_cursor = (api_version or BOOKINGS_VERSION) >= CURSOR_VERSION
    return bookings_page(own_bookings(), (("limit" if is_by_cursor else "take", "1"),)).at_version(api_version)


def next_found(walk: Walk) -> Flow[list[Booking] | None]:
    """Return the next bookings of a walk, or None at its end."""
    page: Page | None = None
    while True:
        try:
            step = walk.send(page)
        except StopIteration:
            return None
        if isinstance(step, Found):
            return step.bookings
        page = yield step


@dataclass(frozen=True)
class _Reader:
    """Requests one page of the query.

    :param query: what to list.
    :param api_version: a ``cal-api-version`` instead of the list's own.
    """

    query: BookingQuery
    api_version: str | None

    @property
    def since(self) -> datetime | None:
        """The query's own ``after_start``, in the milliseconds that Cal.com keeps."""
        bound = self.query.after_start
        return bound.replace(microsecond=bound.microsecond // 1000 * 1000) if isinstance(bound, datetime) else None

    def page(self, since: datetime | None, take: int, skip: int = 0) -> _Reading:
        filtered = replace(self.query, after_start=since)
        paging: Params = (("sortStart", "asc"), ("take", str(take)), ("skip", str(skip)))
        page = yield bookings_page(filtered.path, (*filtered.params, *paging)).at_version(self.api_version)
        return _sent(page)

    def total(self, page: Page) -> int | None:
        """How many bookings there are from the page's start on, where the server's count can be relied on."""
        return page.total if self.query.totals_are_dependable else None

    def ends_at(self, page: Page, skip: int) -> bool:
        """Return whether nothing is behind an offset: by the server's count, or without one by an empty page."""
        total = self.total(page)
        return not page.bookings or (total is not None and skip >= total)


class _Given:
    """Which bookings were yielded, as far back as a page may be read again.

    :param rechecks: checks which bookings fit the filters.
    """

    def __init__(self, rechecks: Rechecks) -> None:
        self._rechecks = rechecks
        self._starts: dict[str, datetime] = {}
        self.all_are_known = True

    def found(self, bookings: list[Booking], server_time: float | None) -> Iterator[Found]:
        """Yield what is new and fits the filters, and note it."""
        fresh = {booking["uid"]: booking for booking in bookings if booking["uid"] not in self._starts}
        self._starts.update((uid, start_of(booking)) for uid, booking in fresh.items())
        admitted = [booking for booking in fresh.values() if self._rechecks.admits(booking, server_time)]
        if admitted:
            yield Found(admitted)

    def forget_before(self, start: datetime | None) -> None:
        """Forget what no page will hold again."""
        if start is not None:
            kept = {uid: moment for uid, moment in self._starts.items() if moment >= start}
            self.all_are_known = self.all_are_known and len(kept) == len(self._starts)
            self._starts = kept

    def __len__(self) -> int:
        return len(self._starts)


def _walk_by_start(reader: _Reader, take: int, next_start: NextStart, given: _Given) -> Walk:
    since = previous = reader.since
    left: int | None = None
    rounds = 0
    while True:
        page = yield from reader.page(since, take)
        total = reader.total(page)
        if given.all_are_known and not _is_in_order(page, since):
            yield from _walk_by_offset(reader, take, given)
            return
        disagreement = _disagreement(page, since, total, left)
        if disagreement is not None:
            rounds += 1
            if rounds > _ROUNDS and given.all_are_known:
                yield from _walk_by_offset(reader, take, given)
                return
            if rounds > _ROUNDS:
                raise _incomplete(disagreement)
            since, left = previous, None
            continue
        if _holds_the_rest(page, total, take):
            yield from given.found(page.bookings, page.server_time)
            return
        rounds = 0 if left is not None else rounds
        upto = start_of(page.bookings[-1])
        certain = [booking for booking in page.bookings if start_of(booking) < upto]
        number = len(_uids(certain))
        if certain:
            yield from given.found(certain, page.server_time)
        elif take < LARGEST_PAGE:
            take = LARGEST_PAGE
            continue
        else:
            number = yield from _give_group(reader, upto, given)
            upto = just_after(upto)
        wanted = next_start(upto)
        if wanted is None or reader.query.ends_before(wanted):
            return
        given.forget_before(since)
        left = None if total is None or wanted > upto else total - number
        previous, since = since, wanted


def _is_in_order(page: Page, since: datetime | None) -> bool:
    starts = [start_of(booking) for booking in page.bookings]
    return starts == sorted(starts) and (since is None or not starts or starts[0] >= since)


def _disagreement(page: Page, since: datetime | None, total: int | None, left: int | None) -> str | None:
    """Return what is wrong with a page, or None.

    :param total: how many bookings there are from ``since`` on by the server's count; None where it has none.
    :param left: how many there should be; None where that is not known.
    """
    if not _is_in_order(page, since):
        return "bookings are not in the order of their starts, or start earlier than requested"
    if total is None:
        return None
    if left is not None and total != left:
        return f"{left} bookings should be left, but the server counts {total}"
    came = len(_uids(page.bookings))
    if came > total or (total and not came):
        return f"the server counts {total} bookings and sends {came}"
    return None


def _holds_the_rest(page: Page, total: int | None, take: int) -> bool:
    """Return whether nothing comes after the page: by the server's count, or without one by an empty page.

    A full page never does, so that a count that is too low can't end the walk.
    """
    if total is None:
        return not page.bookings
    return len(_uids(page.bookings)) == total and len(page.bookings) < take


def _give_group(reader: _Reader, start: datetime, given: _Given) -> Generator[Step, Page | None, int]:
    """Yield the bookings of one start that may be more than a page can hold, and return how many they are.

    Offsets can't be avoided here. However the server breaks ties, the group fills the same places of the list, so that
    the rows of one walk through them, repeats included, say how many bookings there are. The walk is repeated with
    other page sizes until that many different ones came.
    """
    members: set[str] = set()
    for take in _TAKES:
        walked = _OffsetWalk()
        while True:
            page = yield from reader.page(start, take, walked.skip)
            group = [booking for booking in page.bookings if start_of(booking) == start]
            members.update(_uids(group))
            yield from given.found(group, page.server_time)
            walked.add(group, take)
            if len(group) < len(page.bookings) or walked.goes_in_circles or reader.ends_at(page, walked.skip):
                break
        rows = walked.rows
        if len(members) >= rows and not walked.goes_in_circles:
            return len(members)
    raise _incomplete(f"{rows} bookings start at one time, but only {len(members)} of them came")


class _OffsetWalk:
    """One walk through a list by offset: how far it is, and how many rows it met, repeats included."""

    def __init__(self) -> None:
        self.skip = self.rows = 0
        self.goes_in_circles = False
        self._met: set[str] = set()

    def add(self, bookings: list[Booking], take: int) -> None:
        """Note a page. One of which every booking was met already shows that the server ignores the offset."""
        self.goes_in_circles = bool(bookings) and _uids(bookings) <= self._met
        self._met |= _uids(bookings)
        self.rows += len(bookings)
        self.skip += take


def _walk_by_offset(reader: _Reader, first_take: int, given: _Given) -> Walk:
    """List from a server that ignores ``afterStart`` or ``sortStart``, as those before 2025 do.

    As with a group of equal starts, the rows of a walk say how many bookings there are; the server's count must agree,
    or without one the next walk must bring nothing new. The uids of all bookings are held.
    """
    for take in (first_take, *_TAKES):
        walked, before = _OffsetWalk(), len(given)
        while True:
            page = yield from reader.page(reader.since, take, walked.skip)
            yield from given.found(page.bookings, page.server_time)
            walked.add(page.bookings, take)
            if walked.goes_in_circles or reader.ends_at(page, walked.skip):
                break
        rows, total = walked.rows, reader.total(page)
        is_settled = len(given) == before if total is None else rows == total
        if is_settled and len(given) >= rows and not walked.goes_in_circles:
            return
    raise _incomplete(f"{rows} bookings are listed, and {len(given)} different ones came")


def _walk_by_cursor(query: BookingQuery, limit: int, api_version: str | None, rechecks: Rechecks) -> Walk:
    if query.status is not None and len(query.status) > 1:
        raise InvalidArgument(f"status may hold one value at api_version {api_version}, but holds {len(query.status)}")
    cursor: str | None = None
    # All uids, because a circle of pages can be of any length.
    given: set[str] = set()
    while True:
        paging: Params = (("limit", str(limit)), *((("cursor", cursor),) if cursor else ()))
        page = _sent((yield bookings_page(query.path, (*query.params, *paging)).at_version(api_version)))
        fresh = {booking["uid"]: booking for booking in page.bookings if booking["uid"] not in given}
        given |= fresh.keys()
        admitted = [booking for booking in fresh.values() if rechecks.admits(booking, page.server_time)]
        if admitted:
            yield Found(admitted)
        if page.next_cursor is None:
            return
        if not fresh:
            raise _incomplete("a page brings no booking that was not listed before, and says that there are more")
        cursor = page.next_cursor


def _incomplete(why: str) -> ListingIncomplete:
    return ListingIncomplete(
        f"Cal.com's pages of bookings disagree, also when read {_ROUNDS} times: {why}. Try again, or list a shorter"
        " span with after_start and before_end"
    )


def _uids(bookings: list[Booking]) -> set[str]:
    return {booking["uid"] for booking in bookings}


def _sent(page: Page | None) -> Page:
    if page is None:
        raise RuntimeError("a walk must be sent the page of the endpoint that it yielded")
    return page


# Webhooks.

_WEBHOOKS_PAGE = 250


def all_webhooks(path: str = WEBHOOKS_OF_USER) -> Flow[list[dict[str, Any]]]:
    """Return all webhooks of the key's user, or of what else the path names.

    Their list has no count, so it ends with a page that is not full, or that brings nothing new.

    :param path: from :func:`airflow_provider_calcom.api.endpoints.webhooks_path`.
    """
    webhooks: dict[str, dict[str, Any]] = {}
    skip = 0
    while True:
        page: list[dict[str, Any]] = yield list_webhooks(take=_WEBHOOKS_PAGE, skip=skip, path=path)
        before = len(webhooks)
        webhooks.update((str(webhook.get("id")), webhook) for webhook in page)
        if len(page) < _WEBHOOKS_PAGE or len(webhooks) == before:
            return list(webhooks.values())
        skip += _WEBHOOKS_PAGE
